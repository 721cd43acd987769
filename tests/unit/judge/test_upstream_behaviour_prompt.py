"""Upstream's instruction for labels is read from the user's copy as text. The copy here is made up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fdbench.core.absence import Absence
from fdbench.core.annotation import LABELS, BehaviourQuestion
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.errors import DataError
from fdbench.io.files import sha256_of
from fdbench.judge import upstream_behaviour
from fdbench.judge.prompts import find_prompt, prompt_identity
from fdbench.judge.rating_text import RATING_UNREADABLE, Reading
from fdbench.judge.upstream_behaviour import (
    PLACES,
    UPSTREAM_BEHAVIOUR_SHA256,
    UpstreamBehaviourPrompt,
    read_upstream_behaviour_prompt,
)

INSTRUCTION = "You are a thermometer.\nSay {how} warm it is, in one line.\n"
QUESTION = BehaviourQuestion(
    context="c",
    overlapping="o",
    overlap=Span(3.6, 5.7),
    user=(Word("wait", 3.6, 3.9),),
    model=(Word('so "{x}" \ud800', 2.4, None),),
    clean_user=(),
    clean_model=(Word("grüß", None, 3.0),),
)


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The other published file, with an instruction beside it whose hash is believed."""
    monkeypatch.setattr(upstream_behaviour, "UPSTREAM_BEHAVIOUR_SHA256", sha256_of(INSTRUCTION.encode()))
    place = tmp_path / PLACES[0]
    place.parent.mkdir(parents=True)
    place.write_text(INSTRUCTION, encoding="utf-8")
    return tmp_path / "eval_user_interruption.py"


def test_the_instruction_is_sent_as_it_stands_and_the_four_transcripts_after_it(script: Path) -> None:
    messages = read_upstream_behaviour_prompt(script).messages(QUESTION)
    assert messages.system == INSTRUCTION
    assert json.loads(messages.user) == {
        "input_clean": [],
        "input_noisy": [{"text": "wait", "timestamp": [3.6, 3.9]}],
        "output_clean": [{"text": "grüß", "timestamp": [None, 3.0]}],
        "output_noisy": [{"text": 'so "{x}" \ufffd', "timestamp": [2.4, None]}],
    }
    assert "grüß" in messages.user
    messages.user.encode()  # no lone surrogate can be sent


def test_no_form_is_demanded_and_the_first_seed_is_1(script: Path) -> None:
    prompt = read_upstream_behaviour_prompt(script)
    assert (prompt.schema, prompt.first_seed) == (None, 1)
    assert find_prompt("upstream", script, BehaviourQuestion) == prompt


@pytest.mark.parametrize("place", PLACES)
def test_it_is_found_where_the_download_or_a_person_puts_it(script: Path, place: str) -> None:
    (script.parent / PLACES[0]).unlink()
    (script.parent / place).write_text(INSTRUCTION, encoding="utf-8")
    assert read_upstream_behaviour_prompt(script).system == INSTRUCTION


def test_another_version_is_an_error_with_both_hashes_and_the_remedy(script: Path) -> None:
    file = script.parent / PLACES[0]
    file.write_text(INSTRUCTION + " ", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_upstream_behaviour_prompt(script)
    assert str(file) in caught.value.what
    assert sha256_of(INSTRUCTION.encode()) in caught.value.what
    assert sha256_of((INSTRUCTION + " ").encode()) in caught.value.what
    assert "fdbench data download" in caught.value.remedy


def test_a_missing_one_is_an_error_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"behavior\.txt: cannot be read") as caught:
        read_upstream_behaviour_prompt(tmp_path / "eval_user_interruption.py")
    assert "fdbench data download" in caught.value.remedy


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("form", ["{}", "```json\n{}\n```", " {} \n"])
def test_each_label_is_read_in_the_published_form(label: str, form: str) -> None:
    answer = form.replace("{}", json.dumps({"behaviour": [label]}))
    assert UpstreamBehaviourPrompt("").read(answer, QUESTION) == Reading(None, "", label)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "C_RESPOND",
        '{"behaviour": []}',
        '{"behaviour": "C_RESPOND"}',
        '{"behaviour": ["C_RESPOND", "C_RESUME"]}',
        '{"behaviour": ["C_SHRUGS"]}',
        '{"behaviour": [["C_RESPOND"]]}',
        '{"behaviour": [null]}',
        '{"behavior": ["C_RESPOND"]}',
        '{"analysis": "a", "label": "C_RESPOND"}',
        'Surely: {"behaviour": ["C_RESPOND"]}',
        '{"behaviour": ["C_RESPOND"], "behaviour": ["C_RESUME"]}',
    ],
)
def test_what_is_not_exactly_one_label_is_none(answer: str) -> None:
    found = UpstreamBehaviourPrompt("").read(answer, QUESTION)
    assert isinstance(found, Absence)
    assert (found.reason, bool(found.message)) == (RATING_UNREADABLE, True)


def test_signatures_name_it_without_reading_it() -> None:
    assert prompt_identity("upstream", BehaviourQuestion) == f"upstream-behaviour-{UPSTREAM_BEHAVIOUR_SHA256[:8]}"
    assert prompt_identity("own", BehaviourQuestion).startswith("behaviour-1-")
    assert prompt_identity("upstream") != prompt_identity("upstream", BehaviourQuestion)


def test_the_published_instruction_is_the_one_whose_hash_is_pinned(pytestconfig: pytest.Config) -> None:
    file = pytestconfig.rootpath.parent / "shared" / "upstream-data" / "behavior.txt"
    if not file.exists():
        pytest.skip("upstream's behavior.txt is not here; its licence keeps it out of this repository")
    prompt = read_upstream_behaviour_prompt(file.parent / "eval_user_interruption.py")
    assert all(label in prompt.system for label in LABELS)
    assert all(name in prompt.system for name in ("input_clean", "input_noisy", "output_clean", "output_noisy"))
