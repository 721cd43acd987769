"""Ratings in the published form, with what the published script reads in them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from fdbench.judge.rating_text import Reading, read_upstream_rating

CASES = json.loads((Path(__file__).parent / "data" / "judge_rating_text.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: repr(case["text"][:40]))
def test_the_published_form_is_read_as_the_published_script_reads_it(case: dict) -> None:
    found = read_upstream_rating(case["text"])
    assert (asdict(found) if isinstance(found, Reading) else {}) == case["expected"]


def test_a_nine_is_a_rating_for_the_published_script() -> None:
    assert read_upstream_rating("Analysis: ok.\nI would rate the AI's response as 9.") == Reading(9, "ok.")
