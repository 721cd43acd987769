"""When two values are the same, what a log survives, and what a prompt sounds like where it was played."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fdbench.core.annotation import RelevanceQuestion, Verdict
from fdbench.core.sound import Audio
from fdbench.hear.engines import specs_of
from fdbench.judge.prompts import find_prompt
from fdbench.judge.providers import JudgeSettings
from fdbench.judge.verdicts import StoredVerdict, VerdictCache, key_of
from fdbench.store.attempts import append_attempt, read_attempts, start_event
from fdbench.store.record import StoredTrack
from fdbench.store.run import Run
from fdbench.verify.data import _as_played
from fdbench.verify.differences import compare
from fdbench.verify.verdicts import check_verdicts

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_a_value_read_back_from_its_file_is_the_same(value):
    assert list(compare(json.loads(json.dumps(value)), value)) == []


@pytest.mark.parametrize(
    ("stored", "found", "places"),
    [
        (1.0, 1.0 + 1e-13, []),
        (1.0, 1.0 + 1e-11, [""]),
        (0.0, 1e-300, [""]),
        (1, 1.0, []),
        (1, True, [""]),
        (None, 0, [""]),
        ("1", 1, [""]),
        ([1, 2], [1, 3], ["[1]"]),
        ([1], [1, 2], [""]),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, ["a b"]),
        ({"a": 1}, {"b": 1}, ["a", "b"]),
        ({"a": None}, {}, ["a"]),
        ({"a": []}, {"a": {}}, ["a"]),
    ],
)
def test_what_differs_is_named_by_its_place(stored, found, places):
    assert [place for place, _, _ in compare(stored, found)] == places


def test_a_line_that_was_cut_off_takes_no_other_with_it(tmp_path):
    append_attempt(tmp_path, {"take": "a"})
    with (tmp_path / "attempts.jsonl").open("ab") as file:
        file.write(b'{"take": "b\xc3')
    append_attempt(tmp_path, {"event": "unheard of", "n": 1})
    append_attempt(tmp_path, {"take": "c"})
    found = read_attempts(tmp_path)
    assert [take["take"] for take in found.takes] == ["a", "c"]
    assert found.of("unheard of") == ({"event": "unheard of", "n": 1},)
    assert found.n_unreadable == 1


def test_no_log_is_an_empty_log(tmp_path):
    assert read_attempts(tmp_path).events == ()


def test_a_start_says_with_what(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    event = start_event("score", "embedded")
    assert (event["event"], event["command"], event["data_origin"]) == ("start", "score", "embedded")
    assert event["packages"]["numpy"] == np.__version__
    assert "sk-secret" not in json.dumps(event)


@pytest.mark.parametrize(
    ("signature", "specs"),
    [
        ("sphinx-en-us@5.1.1", ["sphinx"]),
        ("whisper-small.en@20250625", ["whisper:small.en"]),
        ("whisper-mine+0123456789ab@20250625", []),
        ("faster-whisper-tiny.en+1a5afae06a4d@1.2.1;int8", ["faster-whisper:tiny.en"]),
        ("faster-whisper-small.en@1.2.1;int8", ["faster-whisper:small.en"]),
        ("faster-whisper-mine+0123456789ab@1.2.1;int8", []),
        ("nobody@1", []),
    ],
)
def test_what_a_signature_is_called_here(signature, specs):
    assert specs_of(signature) == specs


@pytest.mark.parametrize(
    ("start_s", "n", "expected"),
    [
        (0.0, 4, [1, 2, 3, 0]),
        (-0.2, 5, [0, 0, 1, 2, 3]),
        (-0.2, 3, [0, 0, 1]),
        (0.1, 3, [2, 3, 0]),
        (-0.9, 4, [0, 0, 0, 0]),
        (0.9, 2, [0, 0]),
    ],
)
def test_the_prompt_lies_where_the_timeline_puts_it(start_s, n, expected):
    prompt = Audio(np.array([1, 2, 3], np.float32), 10)
    track = StoredTrack(file="", digest="", n_bytes=0, sample_rate=10, n_samples=n, start_s=start_s)
    assert _as_played([(prompt, 0.0)], track).samples.tolist() == expected


QUESTION = RelevanceQuestion("how do I boil an egg", "wait, and a potato?", "twenty minutes")


@pytest.mark.parametrize(
    ("url", "temperature", "seed"),
    [("http://localhost:8000/v1", 0.0, 0), ("https://api.openai.com/v1", 0.7, 3), ("http://[2001:4860::1]/v1", 0.0, 0)],
)
def test_an_intact_verdict_is_found_by_the_judge_s_own_signature(tmp_path, url, temperature, seed):
    settings = JudgeSettings("vllm", "judge-1", url, temperature=temperature, seed=seed)
    run, prompt = Run(tmp_path), find_prompt(settings.prompts)
    stored = StoredVerdict(Verdict(2.0, "hm", "judge-1b"), '{"analysis": "hm", "rating": 2}')
    VerdictCache(run.verdicts).store(
        key_of(settings.asked, prompt, prompt.messages(QUESTION)), settings.asked, prompt, QUESTION, stored
    )
    group, verdicts = check_verdicts(run, None)
    assert group.differences == []
    assert verdicts.intact == {(settings.signature, QUESTION): stored.verdict}
    assert verdicts.judging_of(settings.signature).signature == settings.signature


@pytest.mark.parametrize(
    "change",
    [
        lambda facts: facts["asked"].update(model="another"),
        lambda facts: facts["asked"].update(seed=1),
        lambda facts: facts["question"].update(context="else"),
        lambda facts: facts.update(rating=3.0),
        lambda facts: facts.update(text="Rating: 5"),
        lambda facts: facts.update(key="0" * 64),
        lambda facts: facts.pop("prompt"),
        lambda facts: facts.update(question=None),
        lambda facts: facts["asked"].update(server="another"),
    ],
)
def test_a_verdict_that_differs_is_named_and_not_used(tmp_path, change):
    settings = JudgeSettings("vllm", "judge-1", "http://localhost:8000/v1")
    run, prompt = Run(tmp_path), find_prompt(settings.prompts)
    key = key_of(settings.asked, prompt, prompt.messages(QUESTION))
    cache = VerdictCache(run.verdicts)
    cache.store(
        key, settings.asked, prompt, QUESTION, StoredVerdict(Verdict(2.0, "hm", "j"), '{"analysis": "hm", "rating": 2}')
    )
    path = cache.path_of(key)
    facts = json.loads(path.read_text())
    change(facts)
    path.write_text(json.dumps(facts))
    group, verdicts = check_verdicts(run, None)
    assert [each.file for each in group.differences] == [path.relative_to(tmp_path).as_posix()]
    assert verdicts.intact == {}


def test_a_prompt_of_another_wording_cannot_be_put_together_again(tmp_path):
    settings = JudgeSettings("vllm", "judge-1", "http://localhost:8000/v1")
    run, prompt = Run(tmp_path), find_prompt(settings.prompts)
    key = key_of(settings.asked, prompt, prompt.messages(QUESTION))
    cache = VerdictCache(run.verdicts)
    cache.store(
        key, settings.asked, prompt, QUESTION, StoredVerdict(Verdict(2.0, "hm", "j"), '{"analysis": "hm", "rating": 2}')
    )
    path = cache.path_of(key)
    path.write_text(path.read_text().replace(prompt.sha256, "0" * 64))
    group, verdicts = check_verdicts(run, None)
    assert group.differences == []
    assert group.unchecked
    assert len(verdicts.intact) == 1
