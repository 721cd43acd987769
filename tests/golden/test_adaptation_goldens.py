"""Cuts at an overlap, robust means and paired tests, with the numbers that the published scripts gave for them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from fdbench.core.speech import Word
from fdbench.scoring.adaptation import paired_test, robust_mean, split_at_overlap, words_around, words_per_minute

DATA = Path(__file__).parent / "data"
EXACT = 1e-9


def goldens(name: str) -> list[dict[str, Any]]:
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", goldens("adaptation_split"))
def test_a_recording_is_cut_where_the_published_script_cuts_it(case: dict[str, Any]) -> None:
    words = [Word(word["text"], *word["timestamp"]) for word in case["words"]]
    split_s = split_at_overlap(words, case["overlap_end_s"])
    before, after = words_around(words, split_s)
    found = {"split_s": split_s, "n_pre": len(before), "n_post": len(after)}
    found |= {"wpm_pre": words_per_minute(before), "wpm_post": words_per_minute(after)}
    assert found == pytest.approx(case["expected"], abs=EXACT)


@pytest.mark.parametrize("case", goldens("robust_mean"), ids=lambda case: f"{case['mode']}-{len(case['values'])}")
def test_robust_means_are_the_published_ones(case: dict[str, Any]) -> None:
    assert robust_mean(case["values"], case["mode"]) == pytest.approx(case["expected_mean"], abs=EXACT)


@pytest.mark.parametrize("case", goldens("paired_test"), ids=lambda case: f"{case['outlier_rule']}-{len(case['before'])}")
def test_paired_tests_are_the_published_ones(case: dict[str, Any]) -> None:
    assert case["error"] is None
    found = paired_test(case["before"], case["after"], case["outlier_rule"])
    assert found is not None
    assert asdict(found) == pytest.approx(case["expected"], abs=EXACT)
