"""From scores to the number in the table: means, ratios of sums, medians with censoring, intervals."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fdbench.core.absence import Absence
from fdbench.core.score import MetricSummary, Score, none_score
from fdbench.errors import UsageError
from fdbench.scoring.aggregate import summarise
from fdbench.scoring.base import failed
from fdbench.stats.survival import waiting_quantile

LATENCY = "response_latency_s"


def rates(*values: float) -> list[Score]:
    return [Score("takeover_rate", value) for value in values]


def latencies(*values: float) -> list[Score]:
    return [Score(LATENCY, value) for value in values]


def never(censored_at_s: float) -> Score:
    return none_score(LATENCY, "no_reply", censored_at_s=censored_at_s)


def fdbench_latency(scores: list[Score]) -> MetricSummary:
    return summarise(LATENCY, scores, "fdbench", "signature")


def test_a_rate_is_the_mean_over_scored_samples_and_the_others_are_counted() -> None:
    scores = [*rates(1, 0, 1), *failed(["takeover_rate"], Absence("null_time")), none_score("takeover_rate", "not_exercised")]
    summary = summarise("takeover_rate", scores, "fdb-2026-05", "sig", behaviour="pause_handling")
    assert summary.value == pytest.approx(2 / 3)
    assert (summary.n_scored, summary.n_error, summary.n_not_applicable, summary.n_censored) == (3, 1, 1, 0)
    assert (summary.unit, summary.signature, summary.higher_is_better) == ("rate", "sig", False)


def test_the_corpus_score_of_ratios_is_the_ratio_of_sums() -> None:
    scores = [
        Score("backchannel_f1", 0.5, components={"numerator": 1, "denominator": 2.0}),
        Score("backchannel_f1", 0.0, components={"numerator": 0, "denominator": 8.0}),
    ]
    assert summarise("backchannel_f1", scores, "fdbench", "").value == pytest.approx(0.1)
    plain = [Score("backchannel_frequency_hz", s.value) for s in scores]
    assert summarise("backchannel_frequency_hz", plain, "fdb-2026-05", "").value == pytest.approx(0.25)


def amount(n: int, n_human: int) -> Score:
    parts = {"numerator": n, "denominator": n_human}
    if n == 0:
        return none_score("backchannel_rate_log2", "no_backchannel", **parts)
    return Score("backchannel_rate_log2", abs(math.log2(n / n_human)), components=parts)


def test_an_amount_counts_clips_without_any() -> None:
    def of(*scores: Score) -> float | None:
        return summarise("backchannel_rate_log2", scores, "fdbench", "").value

    assert of(amount(4, 2), amount(0, 2)) == 0  # as many as people
    assert of(amount(1, 4), amount(1, 4)) == 2
    assert of(amount(16, 2), amount(0, 2)) == 2
    assert of(amount(0, 4)) is None


def test_the_parts_of_what_is_lost_are_means_over_turns() -> None:
    def lost(turns: int, **parts: float) -> Score:
        total = parts["wait_s"] + parts["talked_over_s"] + parts["breaks"]
        return Score("lost_per_turn_s", total / turns, components={"numerator": total, "denominator": turns, **parts})

    scores = [lost(2, wait_s=5.0, talked_over_s=0.5, breaks=1), lost(1, wait_s=0.4, talked_over_s=0.0, breaks=0)]
    summary = summarise("lost_per_turn_s", scores, "fdbench", "")
    assert summary.value == pytest.approx(6.9 / 3)
    assert summary.details == pytest.approx({"wait_s": 1.8, "talked_over_s": 0.5 / 3, "breaks": 1 / 3})


def test_latencies_are_ranked_by_their_size_and_not_by_the_size_of_their_median() -> None:
    deaf = fdbench_latency(latencies(-3.0, -2.9, -0.1, 2.5, 2.8))
    assert deaf.value == -0.1
    assert deaf.details["median_absolute"] == 2.8
    assert fdbench_latency([*latencies(-0.2, 0.1, 0.3), never(5.0)]).details["median_absolute"] == pytest.approx(0.25)


def test_a_median_that_is_not_reached_is_more_than_what_half_have_waited() -> None:
    summary = fdbench_latency([*latencies(0.1, 0.2), *[never(4.6)] * 3])
    assert (summary.value, summary.details["more_than"]) == (None, 4.6)
    assert fdbench_latency([never(4.6), never(2.0), never(3.0)]).details == {"more_than": 3.0, "share_no_response": 1.0}
    assert "more_than" not in fdbench_latency(latencies(0.1, 0.2)).details


def test_published_latency_is_a_mean_and_ours_a_median() -> None:
    scores = latencies(0.1, 0.2, 3.0)
    assert summarise(LATENCY, scores, "fdb-2026-05", "").value == pytest.approx(1.1)
    assert fdbench_latency(scores).value == 0.2
    assert fdbench_latency(scores).details["mean"] == pytest.approx(1.1)


def test_replies_that_never_came_pull_the_median_up() -> None:
    assert fdbench_latency(latencies(0.1, 0.2, 0.3)).value == 0.2
    assert fdbench_latency([*latencies(0.1, 0.2, 0.3), never(5.0), never(5.0)]).value == 0.3
    mostly_never = fdbench_latency([*latencies(0.1, 0.2), never(5.0), never(5.0), never(5.0)])
    assert mostly_never.value is None
    assert (mostly_never.n_scored, mostly_never.n_censored) == (2, 3)


def test_a_recording_that_ended_early_says_nothing_about_later() -> None:
    # At risk 4 at 1.0 (one replies: 3/4 wait), the second recording ends at 1.5, at risk 2 at 2.0: 3/8 wait.
    assert fdbench_latency([Score(LATENCY, 1.0), never(1.5), Score(LATENCY, 2.0), Score(LATENCY, 3.0)]).value == 2.0
    # A textbook case: 6, 6, 6, 7, 10, 13, 16, 22, 23 of 21 patients (Freireich 1963), censored at 6, 9, 10, ...: median 23.
    remissions = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    assert fdbench_latency([*latencies(*remissions), *map(never, censored)]).value == 23.0


def test_nothing_scored_is_no_value() -> None:
    for scores in ([], [never(2.0)], failed([LATENCY], Absence("call_failed"))):
        summary = fdbench_latency(scores)
        assert (summary.value, summary.ci_low, summary.ci_high) == (None, None, None)
    assert summarise("takeover_rate", [], "fdb-2026-05", "").value is None


def test_latency_details_name_the_shares() -> None:
    scores = [*latencies(*(0.1 * i for i in range(1, 8)), 0.9), never(5.0), never(5.0)]
    details = fdbench_latency(scores).details
    assert details["share_no_response"] == pytest.approx(0.2)
    assert "p90" not in details  # only 8 of 10 are known to have replied
    assert fdbench_latency(latencies(*range(1, 11))).details["p90"] == 9


def test_precision_and_recall_come_from_the_sums() -> None:
    parts = {"numerator": 2.0, "denominator": 6.0, "matched": 1.0, "backchannels": 2.0, "peaks": 4.0}
    nothing = {"numerator": 0.0, "denominator": 4.0, "matched": 0.0, "backchannels": 0.0, "peaks": 4.0}
    scores = [Score("backchannel_f1", 1 / 3, components=parts), Score("backchannel_f1", 0.0, components=nothing)]
    summary = summarise("backchannel_f1", scores, "fdbench", "")
    assert summary.value == pytest.approx(0.2)
    assert summary.details == {"precision": 0.5, "recall": 0.125}


def test_wordless_bursts_are_added_up() -> None:
    scores = [Score("takeover_rate", 1.0, components={"wordless": n, "bursts": 3}) for n in (1, 0, 2)]
    assert summarise("takeover_rate", scores, "fdbench", "").details == {"bursts": 9, "wordless": 3}


# -- intervals -----------------------------------------------------------------------------------------------------------


def test_the_interval_of_a_rate_is_about_that_of_the_normal_approximation() -> None:
    summary = summarise("takeover_rate", rates(*[1.0] * 60 + [0.0] * 140), "fdbench", "")
    half = 1.96 * math.sqrt(0.3 * 0.7 / 200)
    assert summary.ci_low == pytest.approx(0.3 - half, abs=0.012)
    assert summary.ci_high == pytest.approx(0.3 + half, abs=0.012)


def test_the_same_seed_gives_the_same_interval() -> None:
    scores = latencies(*np.random.default_rng(3).normal(size=30))
    intervals = [
        (s.ci_low, s.ci_high) for s in (summarise(LATENCY, scores, "fdb-2026-05", "", seed=seed) for seed in (1, 1, 2))
    ]
    assert intervals[0] == intervals[1] != intervals[2]


def test_repeats_of_a_sample_are_resampled_together() -> None:
    values = [1.0] * 10 + [0.0] * 10
    ids = [str(i) for i in range(20)]
    once = summarise("takeover_rate", rates(*values), "fdbench", "", groups=ids)
    five_times = summarise("takeover_rate", rates(*(values * 5)), "fdbench", "", groups=ids * 5)
    as_if_new = summarise("takeover_rate", rates(*(values * 5)), "fdbench", "")
    assert (five_times.ci_low, five_times.ci_high) == (once.ci_low, once.ci_high)
    assert as_if_new.ci_high is not None and once.ci_high is not None
    assert as_if_new.ci_high - 0.5 < 0.6 * (once.ci_high - 0.5)


def test_one_sample_has_no_interval_however_often_it_is_repeated() -> None:
    for metric, protocol in ((LATENCY, "fdbench"), ("takeover_rate", "fdb-2026-05")):
        summary = summarise(metric, [Score(metric, value) for value in (1.0, 0.0, 1.0)], protocol, "", groups=["a"] * 3)
        assert (summary.ci_low, summary.ci_high) == (None, None)


def test_a_rate_of_ours_has_wilsons_interval_and_a_published_one_the_bootstraps() -> None:
    ours, theirs = (summarise("takeover_rate", rates(*[0.0] * 12), protocol, "") for protocol in ("fdbench", "fdb-2026-05"))
    assert (ours.ci_low, ours.ci_high) == (0.0, pytest.approx(0.24249400665524085))
    assert (theirs.ci_low, theirs.ci_high) == (0.0, 0.0)


def test_a_bound_beyond_the_recordings_is_open() -> None:
    summary = fdbench_latency([*latencies(0.1, 0.2, 0.3, 0.4, 0.5), *[never(5.0)] * 4])
    assert summary.value == 0.5
    assert summary.ci_low is not None and summary.ci_low < 0.5
    assert summary.ci_high is None


def test_what_does_not_belong_together_is_refused() -> None:
    with pytest.raises(ValueError, match="relevance"):
        summarise("takeover_rate", [Score("relevance", 1.0)], "fdbench", "")
    with pytest.raises(ValueError, match="2 scores and 1 groups"):
        summarise("takeover_rate", rates(1, 0), "fdbench", "", groups=["a"])
    with pytest.raises(UsageError, match="unknown protocol 'fdb-2026'"):
        summarise("takeover_rate", [], "fdb-2026", "")
    with pytest.raises(UsageError, match="unknown metric"):
        summarise("takeover", [], "fdbench", "")


finite = st.integers(-50, 200).map(lambda n: n / 10)


@settings(max_examples=200, deadline=None)
@given(st.lists(finite, min_size=1, max_size=12))
def test_without_censoring_the_median_is_the_ordinary_one(values: list[float]) -> None:
    assert fdbench_latency(latencies(*values)).value == pytest.approx(statistics.median(values))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(finite, st.booleans(), st.integers(0, 3)), min_size=1, max_size=10))
def test_weighing_a_time_twice_is_having_it_twice(items: list[tuple[float, bool, int]]) -> None:
    if not any(n for _, _, n in items):
        return
    times_s, is_reply, n = (np.array(column) for column in zip(*items, strict=True))
    times_s = times_s.astype(np.float64)
    for share in (0.5, 0.9):
        weighed = waiting_quantile(times_s, is_reply, share, n[None, :].astype(np.float64))
        repeated = waiting_quantile(np.repeat(times_s, n), np.repeat(is_reply, n), share, np.ones((1, int(n.sum()))))
        assert weighed == pytest.approx(repeated)


@settings(max_examples=100, deadline=None)
@given(st.lists(finite, min_size=1, max_size=10), st.lists(finite, max_size=5))
def test_censoring_later_never_lowers_the_median(values: list[float], ends: list[float]) -> None:
    latest = max(values)
    without = fdbench_latency(latencies(*values)).value
    with_censored = fdbench_latency([*latencies(*values), *(never(max(end, latest)) for end in ends)]).value
    assert without is not None
    assert with_censored is None or with_censored >= without


def test_a_reply_that_was_cut_off_is_censored_and_counts_as_neither_answer() -> None:
    summary = fdbench_latency([*latencies(0.5), never(4.0), none_score(LATENCY, "cut_off", censored_at_s=0.4)])
    assert (summary.n_scored, summary.n_censored, summary.details["share_no_response"]) == (1, 2, 0.5)
