"""Verdicts on disk: found again by exactly the same question, absent when in doubt."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from fdbench.core.annotation import RelevanceQuestion, Verdict
from fdbench.judge.providers import settings_of
from fdbench.judge.relevance import own_prompt
from fdbench.judge.verdicts import StoredVerdict, VerdictCache, key_of

SETTINGS = settings_of("vllm:m")
QUESTION = RelevanceQuestion("context", "interruption", "reply \ud800")
PROMPT = own_prompt()
MESSAGES = PROMPT.messages(QUESTION)
KEY = key_of(SETTINGS.asked, PROMPT, MESSAGES)
STORED = StoredVerdict(Verdict(4.0, "fits \ud800", "m-2"), "raw", "fp", 10, 2, {"seed": 0}, ("reply: cut",))


@pytest.fixture
def cache(tmp_path: Path) -> VerdictCache:
    cache = VerdictCache(tmp_path)
    cache.store(KEY, SETTINGS.asked, PROMPT, QUESTION, STORED)
    return cache


def test_what_was_stored_is_found_with_its_judge(cache: VerdictCache) -> None:
    found = cache.find(KEY)
    assert found is not None
    assert (found.verdict.rating, found.verdict.analysis, found.verdict.judge) == (4.0, "fits ?", "m-2")
    assert cache.find("0" * 64) is None


def test_the_file_says_what_was_asked_and_what_came_of_it(cache: VerdictCache) -> None:
    facts = json.loads(cache.path_of(KEY).read_text(encoding="utf-8"))
    assert facts == {
        "schema": 1,
        "key": KEY,
        "question": {"context": "context", "interruption": "interruption", "reply": "reply ?"},
        "prompt": {"name": "relevance-1", "sha256": PROMPT.sha256},
        "asked": {"model": "m", "server": "local-vllm", "temperature": 0.0, "seed": 0},
        "sent": {"seed": 0},
        "answered": {"model": "m-2", "fingerprint": "fp"},
        "rating": 4.0,
        "analysis": "fits ?",
        "text": "raw",
        "tokens": {"in": 10, "out": 2},
        "notes": ["reply: cut"],
    }


def test_whatever_an_answer_depends_on_is_in_the_key() -> None:
    others = [
        key_of(dataclasses.replace(SETTINGS, model="n").asked, PROMPT, MESSAGES),
        key_of(dataclasses.replace(SETTINGS, base_url="https://api.openai.com/v1").asked, PROMPT, MESSAGES),
        key_of(dataclasses.replace(SETTINGS, temperature=1.0).asked, PROMPT, MESSAGES),
        key_of(dataclasses.replace(SETTINGS, seed=1).asked, PROMPT, MESSAGES),
        key_of(SETTINGS.asked, PROMPT, dataclasses.replace(MESSAGES, system="other")),
        key_of(SETTINGS.asked, PROMPT, dataclasses.replace(MESSAGES, user="other")),
        key_of(SETTINGS.asked, dataclasses.replace(PROMPT, schema=None), MESSAGES),
    ]
    assert len({KEY, *others}) == len(others) + 1


def test_what_no_answer_depends_on_is_not() -> None:
    patient = dataclasses.replace(SETTINGS, concurrency=1, timeout_s=1.0, price=(1.0, 1.0), base_url="http://127.0.0.1:9/v1")
    assert key_of(patient.asked, PROMPT, MESSAGES) == KEY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "\udcff",
        '{"schema": 1}',
        "[" * 100_000,
    ],
)
def test_a_file_that_cannot_be_read_is_absent_and_is_written_anew(cache: VerdictCache, text: str) -> None:
    cache.path_of(KEY).write_bytes(text.encode("utf-8", "surrogateescape"))
    assert cache.find(KEY) is None
    cache.store(KEY, SETTINGS.asked, PROMPT, QUESTION, STORED)
    assert cache.find(KEY) is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("schema", 2),
        ("key", "0" * 64),
        ("rating", None),
        ("rating", "4"),
        ("rating", True),
        ("analysis", 1),
        ("text", None),
        ("answered", {}),
        ("answered", "m"),
    ],
)
def test_a_file_that_answers_something_else_or_not_at_all_is_absent(cache: VerdictCache, name: str, value: object) -> None:
    facts = json.loads(cache.path_of(KEY).read_text(encoding="utf-8"))
    cache.path_of(KEY).write_text(json.dumps({**facts, name: value}), encoding="utf-8")
    assert cache.find(KEY) is None


def test_a_rating_that_is_no_number_is_absent(cache: VerdictCache) -> None:
    text = cache.path_of(KEY).read_text(encoding="utf-8")
    cache.path_of(KEY).write_text(text.replace('"rating": 4.0', '"rating": Infinity'), encoding="utf-8")
    assert cache.find(KEY) is None


def test_two_runs_write_the_same_bytes(tmp_path: Path, cache: VerdictCache) -> None:
    other = VerdictCache(tmp_path / "other")
    other.store(KEY, SETTINGS.asked, PROMPT, QUESTION, STORED)
    assert other.path_of(KEY).read_bytes() == cache.path_of(KEY).read_bytes()
