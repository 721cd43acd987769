"""The published lists of v1.5 on 120 made-up conversations: numbers that the published script gave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fdbench.core.span import Span
from fdbench.scoring.published.overlap import (
    MODEL_GAP_S,
    USER_GAP_S,
    latency_resp_list,
    latency_stop_list,
    merged_segments,
)

CASES = json.loads((Path(__file__).parent / "data" / "overlap_timing.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_the_lists_are_the_published_ones(case: dict[str, object]) -> None:
    users = merged_segments([Span(*each) for each in case["user_speech"]], USER_GAP_S)
    models = merged_segments([Span(*each) for each in case["model_speech"]], MODEL_GAP_S)
    assert {
        "user_merged": [[each.start_s, each.end_s] for each in users],
        "model_merged": [[each.start_s, each.end_s] for each in models],
        "latency_stop_list": latency_stop_list(users, models),
        "latency_resp_list": latency_resp_list(users, models),
    } == case["expected"]
