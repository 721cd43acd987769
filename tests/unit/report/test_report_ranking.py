"""Who may be compared with whom, and who is best.

All takeover rates here are of pause handling: lower is better.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from report_trees import ENGINES, metric, write, write_run

from fdbench.report.ranking import best_of, beyond_limits, tables, tells_placement
from fdbench.report.rows import Row, read_results


def rate(value: float | None, n: int = 12, **more: Any) -> dict[str, dict[str, Any]]:
    return {"takeover_rate": metric("takeover_rate", value, n, **more)}


def latency(value: float | None, n: int = 12, **more: Any) -> dict[str, dict[str, Any]]:
    """One whose replies are all equally far off."""
    details = {} if value is None else {"median_absolute": abs(value)}
    return {"response_latency_s": metric("response_latency_s", value, n, **{"details": details, **more})}


def best(name: str, rows: list[Row]) -> set[str]:
    """The runs marked as best, by the start of their path."""
    return {path.partition("/")[0] for path in best_of(name, rows)}


def only_table(root: Path) -> list[Row]:
    (rows,) = tables(read_results(root))
    return rows


def test_the_lowest_unwanted_takeover_is_best(tmp_path: Path) -> None:
    write_run(tmp_path, "a", rate(0.3))
    write_run(tmp_path, "b", rate(0.1))
    write_run(tmp_path, "c", rate(0.2))
    assert best("takeover_rate", only_table(tmp_path)) == {"b-l0"}
    assert [row.collection.model for row in only_table(tmp_path)] == ["b", "c", "a"]


def test_the_highest_relevance_is_best(tmp_path: Path) -> None:
    write_run(tmp_path, "a", {"relevance": metric("relevance", 4.2)})
    write_run(tmp_path, "b", {"relevance": metric("relevance", 3.9)})
    assert best("relevance", only_table(tmp_path)) == {"a-l0"}


def test_a_metric_without_a_better_end_has_no_best(tmp_path: Path) -> None:
    write_run(tmp_path, "a", {"not_exercised_rate": metric("not_exercised_rate", 0.0)})
    write_run(tmp_path, "b", {"not_exercised_rate": metric("not_exercised_rate", 1.0)})
    assert best("not_exercised_rate", only_table(tmp_path)) == set()


def test_rows_that_disagree_on_the_better_end_have_no_best(tmp_path: Path) -> None:
    write_run(tmp_path, "a", rate(0.1))
    write_run(tmp_path, "b", rate(0.9, higher_is_better=True))
    assert best("takeover_rate", only_table(tmp_path)) == set()


@pytest.mark.parametrize(("n", "winner"), [(9, {"b-l0"}), (10, {"a-l0"})])
def test_under_ten_samples_are_not_ranked(tmp_path: Path, n: int, winner: set[str]) -> None:
    write_run(tmp_path, "a", rate(0.0, n))
    write_run(tmp_path, "b", rate(0.1))
    write_run(tmp_path, "c", rate(0.2))
    assert best("takeover_rate", only_table(tmp_path)) == winner


def test_without_a_value_there_is_no_rank_and_the_row_comes_last(tmp_path: Path) -> None:
    write_run(tmp_path, "a", rate(None, n_error=12))
    write_run(tmp_path, "b", rate(0.9))
    write_run(tmp_path, "c", rate(0.8))
    assert best("takeover_rate", only_table(tmp_path)) == {"c-l0"}
    assert [row.collection.model for row in only_table(tmp_path)] == ["c", "b", "a"]


def test_one_alone_is_not_the_best(tmp_path: Path) -> None:
    write_run(tmp_path, "a", rate(0.1))
    write_run(tmp_path, "b", rate(0.2, 9))
    assert best("takeover_rate", only_table(tmp_path)) == set()


def test_values_that_print_alike_tie(tmp_path: Path) -> None:
    write_run(tmp_path, "a", rate(0.1231))
    write_run(tmp_path, "b", rate(0.1234))
    write_run(tmp_path, "c", rate(0.1239))
    assert best("takeover_rate", only_table(tmp_path)) == {"a-l0", "b-l0"}


def test_where_a_trivial_agent_wins_the_best_model_is_marked_too(tmp_path: Path) -> None:
    write_run(tmp_path, "silence", rate(0.0), kind="trivial")
    write_run(tmp_path, "a", rate(0.4))
    write_run(tmp_path, "b", rate(0.3))
    assert best("takeover_rate", only_table(tmp_path)) == {"silence-l0", "b-l0"}


def test_where_a_model_wins_no_trivial_agent_is_marked(tmp_path: Path) -> None:
    write_run(tmp_path, "vad", rate(0.5), kind="trivial")
    write_run(tmp_path, "a", rate(0.4))
    write_run(tmp_path, "b", rate(0.3))
    assert best("takeover_rate", only_table(tmp_path)) == {"b-l0"}


def test_a_single_model_below_a_trivial_agent_is_not_the_best(tmp_path: Path) -> None:
    write_run(tmp_path, "silence", rate(0.0), kind="trivial")
    write_run(tmp_path, "a", rate(0.4))
    assert best("takeover_rate", only_table(tmp_path)) == {"silence-l0"}


def test_latencies_are_ranked_within_a_clock(tmp_path: Path) -> None:
    write_run(tmp_path, "a", latency(0.1))
    write_run(tmp_path, "b", latency(0.2))
    write_run(tmp_path, "a", latency(0.5), clock="realtime")
    write_run(tmp_path, "b", latency(0.4), clock="realtime")
    assert best("response_latency_s", only_table(tmp_path)) == {"a-l0", "b-r0"}


def test_other_metrics_are_ranked_across_clocks(tmp_path: Path) -> None:
    write_run(tmp_path, "a", rate(0.1))
    write_run(tmp_path, "b", rate(0.2), clock="realtime")
    assert best("takeover_rate", only_table(tmp_path)) == {"a-l0"}


def test_a_table_of_latencies_alone_is_ordered_by_name(tmp_path: Path) -> None:
    write_run(tmp_path, "b", latency(0.1))
    write_run(tmp_path, "A", latency(0.9))
    assert [row.collection.model for row in only_table(tmp_path)] == ["A", "b"]


def test_relevance_is_ranked_within_a_judge_and_takeover_across_judges(tmp_path: Path) -> None:
    values = [("a", 4.0, 0.1, "x"), ("b", 3.0, 0.2, "x"), ("c", 5.0, 0.3, "y"), ("d", 4.9, 0.4, "y")]
    for model, relevance, takeover, judge in values:
        numbers = {"relevance": metric("relevance", relevance), **rate(takeover)}
        write_run(tmp_path, model, numbers, engines={**ENGINES, "judge": judge})
    assert best("relevance", only_table(tmp_path)) == {"a-l0", "c-l0"}
    assert best("takeover_rate", only_table(tmp_path)) == {"a-l0"}


@pytest.mark.parametrize(
    "other",
    [
        {"engines": {**ENGINES, "asr": "whisper-small.en@20250625"}},
        {"engines": {**ENGINES, "vad": "given"}},
        {"protocol": "fdb-2026-05"},
        {"version": 2},
        {"n_samples": 13},
    ],
    ids=lambda other: next(iter(other)),
)
def test_what_is_measured_otherwise_is_another_table(tmp_path: Path, other: dict[str, Any]) -> None:
    write_run(tmp_path, "a", rate(0.1))
    write_run(tmp_path, "b", rate(0.2), **other)
    assert len(tables(read_results(tmp_path))) == 2


def test_signatures_that_differ_in_more_than_the_run_are_not_ranked_together(tmp_path: Path) -> None:
    write_run(tmp_path, "a", rate(0.1, signature="takeover_rate|scorer:1|seed:0|n:12"))
    write_run(tmp_path, "b", rate(0.2, signature="takeover_rate|scorer:2|seed:0|n:12"))
    write_run(tmp_path, "c", rate(0.3, signature="takeover_rate|scorer:2|seed:7|n:12|lead_in:3.0|judge:x"))
    assert best("takeover_rate", only_table(tmp_path)) == {"b-l0"}


def test_tables_follow_family_then_behaviour_then_protocol(tmp_path: Path) -> None:
    places = [
        ("v1/backchannel.icc", "fdbench"),
        ("v1/pause_handling.candor", "fdb-2026-02"),
        ("v1/pause_handling.candor", "fdbench"),
        ("mine/other", "fdbench"),
        ("mini/turn_taking", "fdb-2026-05"),
        ("mini/pause_handling", "fdbench"),
    ]
    for index, (task, protocol) in enumerate(places):
        write_run(tmp_path, f"m{index}", rate(0.1), task=task, protocol=protocol)
    assert [(rows[0].task, rows[0].protocol) for rows in tables(read_results(tmp_path))] == [
        ("mini/pause_handling", "fdbench"),
        ("mini/turn_taking", "fdb-2026-05"),
        ("v1/pause_handling.candor", "fdbench"),
        ("v1/pause_handling.candor", "fdb-2026-02"),
        ("v1/backchannel.icc", "fdbench"),
        ("mine/other", "fdbench"),
    ]


def test_a_signed_latency_is_best_nearest_to_zero(tmp_path: Path) -> None:
    write_run(tmp_path, "talks-over", latency(-2.7))
    write_run(tmp_path, "quick", latency(-0.1))
    write_run(tmp_path, "slow", latency(0.6))
    assert best("response_latency_s", only_table(tmp_path)) == {"quick-l0"}


def test_latencies_are_ranked_by_the_median_of_their_sizes(tmp_path: Path) -> None:
    write_run(tmp_path, "deaf", latency(-0.04, details={"median_absolute": 2.83}))
    write_run(tmp_path, "hears", latency(0.22, details={"median_absolute": 0.22}))
    write_run(tmp_path, "unknown", latency(0.01, details={}))  # nobody knows how far off its replies are
    assert best("response_latency_s", only_table(tmp_path)) == {"hears-l0"}


def test_what_is_conditional_is_not_ranked_and_published_numbers_are(tmp_path: Path) -> None:
    for model, value in (("a", 0.1), ("b", 0.2)):
        write_run(tmp_path, model, latency(value), task="mini/user_interruption")
        write_run(tmp_path, model, latency(value), task="mini/user_interruption", protocol="fdb-2026-05", scores="s2")
    ours, theirs = tables(read_results(tmp_path))
    assert best("response_latency_s", ours) == set()
    assert best("response_latency_s", theirs) == {"a-l0"}


@pytest.mark.parametrize(("value", "winner"), [(0.02, {"hums-l0"}), (0.021, {"a-l0"}), (None, {"hums-l0"})])
def test_a_row_beyond_a_limit_is_shown_and_not_ranked(tmp_path: Path, value: float | None, winner: set[str]) -> None:
    write_run(tmp_path, "hums", {**rate(0.0), "sound_beside_speech": metric("sound_beside_speech", value)})
    write_run(tmp_path, "a", {**rate(0.1), "sound_beside_speech": metric("sound_beside_speech", 0.0)})
    write_run(tmp_path, "b", {**rate(0.2), "sound_beside_speech": metric("sound_beside_speech", 0.0)})
    rows = only_table(tmp_path)
    assert best("takeover_rate", rows) == winner
    assert [beyond_limits(row) for row in rows if row.collection.model == "hums"] == [
        ("sound_beside_speech",) if value == 0.021 else ()
    ]


@pytest.mark.parametrize(("amount", "winner"), [(1.0, {"often-l0", "a-l0"}), (1.01, {"a-l0"}), (None, {"a-l0"})])
def test_timing_is_ranked_up_to_the_ceiling_and_only_where_the_amount_is_peoples(
    tmp_path: Path, amount: float | None, winner: set[str]
) -> None:
    """An "mm" 64 ms into every silence has 1.34 of the ceiling."""

    def values(share: float, log2: float | None) -> dict[str, dict[str, Any]]:
        return {
            "backchannel_ceiling_share": metric("backchannel_ceiling_share", share),
            "backchannel_rate_log2": metric("backchannel_rate_log2", log2),
        }

    write_run(tmp_path, "often", values(1.34, amount), task="mini/backchannel")
    write_run(tmp_path, "a", values(1.0, 0.5), task="mini/backchannel")
    write_run(tmp_path, "b", values(-0.2, 0.0), task="mini/backchannel")
    assert best("backchannel_ceiling_share", only_table(tmp_path)) == winner
    assert best("backchannel_rate_log2", only_table(tmp_path)) == set()


def test_the_placement_is_that_of_the_scoring_and_two_of_them_are_never_ranked_together(tmp_path: Path) -> None:
    """Both runs were recorded causally and scored at both places; only within a place may they be compared."""
    for model, value in (("a", 0.3), ("b", 0.1)):
        write_run(tmp_path, model, rate(value, signature=f"takeover_rate|placement:causal|n:{model}"))
        moved = write_run(tmp_path, model, rate(value - 0.05, signature="takeover_rate|placement:published"), scores="s2")
        told = json.loads((moved / "scores" / "s2" / "summary.json").read_text())
        write(moved / "scores" / "s2" / "summary.json", {**told, "placement": "published", "shift_s": -0.08})
    found = tables(read_results(tmp_path))
    assert [rows[0].placement for rows in found] == ["causal", "published"]
    assert [best("takeover_rate", rows) for rows in found] == [{"b-l0"}, {"b-l0"}]
    assert [[row.path for row in rows] for rows in found] == [
        [f"{model}-l0/scores/{scores}/summary.json" for model in ("b", "a")] for scores in ("s1", "s2")
    ]
    together = [row for rows in found for row in rows]
    assert len(best_of("takeover_rate", together)) == 2, "even in one table each place would have a best of its own"
    assert tells_placement(together)
    assert not tells_placement(found[0])
