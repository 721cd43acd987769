"""What two runs over the same clips say of each other, on runs with scores made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from fdbench.core.score import none_score
from fdbench.errors import FdbenchError
from fdbench.report.comparison import Compared, Comparison, compare_runs
from fdbench.report.comparison_screen import MAX_LINES, comparison_lines
from fdbench.report.gates import Gate, check_gates
from fdbench.report.junit import junit_xml
from fdbench.report.pairing import newest_comparable, pair_runs
from fdbench.stats.comparison import mcnemar_p
from tests.paired_runs import TASK, each_once, ratio, waited, write_scored_run

LATENCY, TAKEOVER, LOST = "response_latency_s", "takeover_rate", "lost_per_turn_s"


def compared(tmp_path: Path, metric: str, first, second, *, task: str = TASK) -> Compared:
    runs = [
        write_scored_run(tmp_path, name, {task: {metric: each_once(values)}}) for name, values in (("a", first), ("b", second))
    ]
    (found,) = compare_runs([pair_runs(*runs)])
    (each,) = found.compared
    return each


def of(comparison: Comparison, metric: str, task: str = TASK) -> Compared:
    (found,) = [each for each in comparison.compared if (each.metric, each.task) == (metric, task)]
    return found


def test_rates_are_tested_by_mcnemar_and_have_an_interval_of_pairs(tmp_path):
    found = compared(tmp_path, TAKEOVER, [1.0] * 10 + [0.0] * 2, [0.0] * 8 + [1.0] * 2 + [0.0, 1.0])
    assert found.found.test == "McNemar"
    assert found.found.p == mcnemar_p(8, 1)
    assert (found.found.first, found.found.second) == (pytest.approx(10 / 12), pytest.approx(3 / 12))
    assert found.found.low < found.found.difference < found.found.high < 0


def test_a_takeover_is_better_where_it_is_wanted(tmp_path):
    taken = compared(tmp_path / "turn", TAKEOVER, [0.0] * 12, [1.0] * 12)
    broken_into = compared(tmp_path / "pause", TAKEOVER, [0.0] * 12, [1.0] * 12, task="mini/pause_handling")
    assert (taken.verdict, broken_into.verdict) == ("better", "worse")


def test_latencies_differ_by_their_medians_and_are_tested_by_sign_flips(tmp_path):
    first = [0.3 + 0.01 * k for k in range(12)]
    found = compared(tmp_path, LATENCY, first, [value + 0.6 for value in first])
    assert found.found.difference == pytest.approx(0.6)
    assert found.found.p == 2 / 2**12
    assert found.verdict == "worse"


def test_a_latency_that_is_nearer_to_the_end_of_the_turn_is_better_on_either_side_of_it(tmp_path):
    found = compared(tmp_path, LATENCY, [-0.8 + 0.01 * k for k in range(12)], [0.1 + 0.01 * k for k in range(12)])
    assert found.found.difference > 0
    assert found.verdict == "better"


def test_a_reply_that_never_came_counts_as_far_as_it_is_known(tmp_path):
    """Ten clips a shift of 0.5 s; on one the second never replied (later), on one neither did: nothing is known there."""
    first = [0.4] * 11 + [waited(LATENCY, 3.0)]
    second = [0.9] * 10 + [waited(LATENCY, 4.0), waited(LATENCY, 5.0)]
    found = compared(tmp_path, LATENCY, first, second)
    assert found.found.n == 12
    assert found.found.p == 2 * 2 / 2**12, "eleven clips say so, the twelfth's sign makes no difference"


def test_a_model_that_stops_replying_is_beyond_any_amount(tmp_path):
    found = compared(tmp_path, LATENCY, [0.4] * 12, [waited(LATENCY, 4.0)] * 12)
    assert found.found.second is None
    assert found.verdict == "worse"
    assert (found.n_open, found.n_missing) == (12, 0)
    assert Gate.parse(f"{LATENCY}>+0.1").is_broken_by(found)
    assert not Gate.parse(f"{LATENCY}<-0.1").is_broken_by(found)
    assert found.as_json()["ci_low"] is None, "JSON has no infinity"


def test_ratios_of_sums_are_compared_as_such(tmp_path):
    first = [ratio(LOST, 1.0, 1.0), ratio(LOST, 9.0, 3.0), *[ratio(LOST, 2.0, 1.0)] * 10]
    second = [ratio(LOST, 0.5, 1.0), ratio(LOST, 3.0, 3.0), *[ratio(LOST, 1.0, 1.0)] * 10]
    found = compared(tmp_path, LOST, first, second)
    assert found.found.first == pytest.approx(30 / 14)
    assert found.found.difference == pytest.approx(13.5 / 14 - 30 / 14)
    assert found.found.test == "swaps"
    assert found.verdict == "better"


def test_repeats_of_a_clip_are_one_value(tmp_path):
    first = {f"c{k}": [1.0, 0.0] for k in range(12)}
    second = {f"c{k}": [1.0, 1.0] for k in range(12)}
    runs = [write_scored_run(tmp_path, name, {TASK: {TAKEOVER: each}}) for name, each in (("a", first), ("b", second))]
    (found,) = compare_runs([pair_runs(*runs)])
    each = of(found, TAKEOVER)
    assert (each.found.n, each.found.test) == (12, "sign flips")
    assert each.found.difference == 0.5


def test_clips_that_failed_in_either_run_are_left_out_and_counted(tmp_path):
    error = none_score(TAKEOVER, "call_failed")
    found = compared(tmp_path, TAKEOVER, [1.0] * 11 + [error], [error] + [0.0] * 11)
    assert (found.found.n, found.n_missing) == (10, 2)


def test_what_a_few_clips_cannot_tell_is_said_with_what_would_settle_it(tmp_path):
    found = compared(tmp_path, TAKEOVER, [1.0] * 8 + [0.0] * 4, [1.0] * 6 + [0.0] * 6)
    assert found.verdict == "no difference"
    assert found.detectable > abs(found.found.difference)
    assert found.clips_needed > 12
    text = "\n".join(comparison_lines(compare_runs([pair_runs(*sorted(tmp_path.iterdir()))])[0], 120))
    assert f"{found.clips_needed} clips" in text
    assert "verdict: no difference in any of 1 metrics" in text


@pytest.mark.parametrize("n", [1, 2, 5])
def test_clips_that_are_too_few_for_any_difference_are_said_to_show_nothing(tmp_path, n):
    found = compared(tmp_path, TAKEOVER, [1.0] * n, [0.0] * n)
    assert (found.verdict, found.is_too_few, found.detectable, found.clips_needed) == ("no difference", True, None, 6)
    lines = comparison_lines(compare_runs([pair_runs(*sorted(tmp_path.iterdir()))])[0], 120)
    (line,) = (line for line in lines if TAKEOVER in line)
    assert line.endswith("nothing  6 clips")


def test_six_clips_show_what_happens_on_all_of_them(tmp_path):
    found = compared(tmp_path, TAKEOVER, [1.0] * 6, [0.0] * 6)
    assert found.verdict != "no difference" and not found.is_too_few


def test_lost_seconds_of_all_behaviours_stand_first_and_weigh_as_on_the_front_page(tmp_path):
    tasks = ("mini/pause_handling", "mini/turn_taking", "mini/user_interruption", "mini/backchannel")
    random = np.random.Generator(np.random.PCG64(1))
    lost = {task: random.random(12) * (number + 1) for number, task in enumerate(tasks)}

    def run(name: str, less_s: float) -> Path:
        scores = {task: {LOST: each_once([ratio(LOST, 5 + v - less_s, 1) for v in lost[task]])} for task in tasks}
        return write_scored_run(tmp_path, name, scores)

    (found,) = compare_runs([pair_runs(run("a", 0.0), run("b", 0.5))])
    first = found.compared[0]
    assert (first.task, first.metric) == ("all", LOST)
    assert first.found.first == pytest.approx(5 + np.mean([lost[task].mean() for task in tasks]))
    assert first.found.difference == pytest.approx(-0.5)
    assert first.verdict == "better"


def test_ratings_stand_beside_timing_with_a_margin_of_their_own(tmp_path):
    task, judged = "mini/user_interruption", {"judge": "judge-1"}
    ratings = [float(k % 6) for k in range(200)]

    def run(name: str, values) -> Path:
        return write_scored_run(tmp_path, name, {task: {"relevance": each_once(values)}}, engines=judged)

    worse = [max(0.0, rating - 1) for rating in ratings]
    a, b, c = run("a", ratings), run("b", worse), run("c", [*ratings[:-1], 0.0])
    against_b, against_c = compare_runs([pair_runs(a, b), pair_runs(a, c)])
    assert [each.found.decision for each in (*against_b.ratings, *against_c.ratings)] == ["fails", "passes"]
    (line,) = [line for line in comparison_lines(against_b, 120) if line.startswith("meaning")]
    assert "relevance -0.8" in line
    assert "by judge-1: fails (may lose 0.25)" in line


def test_judges_that_differ_leave_what_they_say_out(tmp_path):
    task, values = "mini/user_interruption", {"relevance": each_once([3.0] * 12), TAKEOVER: each_once([1.0] * 12)}
    runs = [write_scored_run(tmp_path, f"m-{judge}", {task: values}, engines={"judge": judge}) for judge in ("one", "other")]
    (found,) = compare_runs([pair_runs(*runs)])
    assert [each.metric for each in found.compared] == [TAKEOVER]
    assert found.ratings == ()
    assert any("what judges say is left out: one and other" in note for note in found.pairing.notes)


def test_latencies_by_different_clocks_are_left_out(tmp_path):
    values = {LATENCY: each_once([0.3] * 12), TAKEOVER: each_once([1.0] * 12)}
    runs = [write_scored_run(tmp_path, f"m-{clock}", {TASK: values}, clock=clock) for clock in ("lockstep", "realtime")]
    (found,) = compare_runs([pair_runs(*runs)])
    assert [each.metric for each in found.compared] == [TAKEOVER]


VALUES = {TAKEOVER: each_once([1.0] * 12)}


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ({}, {"engines": {"asr": "whisper-1"}}, "heard by other recognisers: sphinx-5.1 and whisper-1"),
        ({}, {"engines": {"vad": "silero-7"}}, "heard by other detectors"),
        ({}, {"protocol": "fdb-2026-05"}, "no protocol is in both runs"),
        ({}, {"digest": "e"}, "12 of its clips are not the same in both runs: c000"),
        ({}, {"facts": {"scorer": "2"}}, "the version of the scorer is 1 in"),
        ({}, {"facts": {"hear": "3"}}, "the rules of hearing"),
        ({}, {"condition": "echo", "condition_facts": {"version": 1}, "arguments": {"x": 2}}, "arguments differ, too"),
    ],
)
def test_runs_that_do_not_compare_are_refused_and_why(first, second, told, tmp_path):
    runs = [write_scored_run(tmp_path / name, "m", {TASK: VALUES}, **more) for name, more in (("a", first), ("b", second))]
    with pytest.raises(FdbenchError) as error:
        pair_runs(*runs)
    assert told in error.value.what
    assert error.value.remedy


def test_runs_of_other_tasks_do_not_compare(tmp_path):
    runs = [write_scored_run(tmp_path / task, "m", {f"mini/{task}": VALUES}) for task in ("turn_taking", "pause_handling")]
    with pytest.raises(FdbenchError, match="no task is in both runs"):
        pair_runs(*runs)


def test_a_condition_may_be_the_one_difference(tmp_path):
    echo = {"condition": "echo", "condition_facts": {"version": 1}, "seed": 3}
    runs = [write_scored_run(tmp_path / name, "m", {TASK: VALUES}, **more) for name, more in (("a", {}), ("b", echo))]
    (found,) = compare_runs([pair_runs(*runs)])
    assert "condition clean and then echo" in "\n".join(comparison_lines(found, 200))


def test_only_clips_of_both_runs_count_and_that_is_said(tmp_path):
    runs = [write_scored_run(tmp_path, f"m{n}", {TASK: {TAKEOVER: each_once([1.0] * n)}}) for n in (12, 20)]
    pairing = pair_runs(*runs)
    assert len(pairing.scores[0].clips) == 12
    assert pairing.notes == (f"{TASK}: 12 clips are in both, of 12 and 20",)


def test_several_runs_are_corrected_together(tmp_path):
    def run(name: str, values) -> Path:
        return write_scored_run(tmp_path, name, {TASK: {TAKEOVER: each_once(values)}})

    a, b, c = run("a", [0.0] * 12), run("b", [1.0] * 12), run("c", [0.0] * 5 + [1.0] * 7)
    alone, (_, together) = compare_runs([pair_runs(a, c)]), compare_runs([pair_runs(a, b), pair_runs(a, c)])
    assert together.n_tested == 2
    assert of(together, TAKEOVER).found.p == of(alone[0], TAKEOVER).found.p == mcnemar_p(0, 7)
    assert of(together, TAKEOVER).p_adjusted == mcnemar_p(0, 7), "the smaller of two is doubled, and this is the larger"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("takeover_rat>+0.1", "did you mean 'takeover_rate'"),
        ("takeover_rate", "write [TASK:]METRIC>+AMOUNT"),
        ("takeover_rate>0.1", "write [TASK:]METRIC>+AMOUNT"),
        ("takeover_rate>-0.1", "write [TASK:]METRIC>+AMOUNT"),
        ("takeover_rate>+much", "write [TASK:]METRIC>+AMOUNT"),
        ("takeover_rate>+nan", "write [TASK:]METRIC>+AMOUNT"),
    ],
)
def test_a_rule_that_cannot_be_read_is_misuse(text, told):
    with pytest.raises(FdbenchError) as error:
        Gate.parse(text)
    assert told in error.value.remedy


def test_a_rule_about_nothing_is_misuse_as_it_would_never_fail(tmp_path):
    runs = [write_scored_run(tmp_path, name, {TASK: VALUES}) for name in ("a", "b")]
    (found,) = compare_runs([pair_runs(*runs)])
    for rule in ("relevance>+0.1", "mini/backchannel:takeover_rate>+0.1"):
        with pytest.raises(FdbenchError, match="there is no value of"):
            check_gates([Gate.parse(rule)], found)


def test_a_rule_is_broken_only_where_the_whole_interval_lies_beyond(tmp_path):
    found = compared(tmp_path, TAKEOVER, [0.0] * 12, [1.0] * 8 + [0.0] * 4)
    low = found.found.low
    assert Gate.parse(f"takeover_rate>+{low - 0.01:.3f}").is_broken_by(found)
    assert not Gate.parse(f"takeover_rate > +{low + 0.01:.3f}").is_broken_by(found)
    assert not Gate.parse("takeover_rate<-0").is_broken_by(found)


def test_junit_has_a_test_for_each_number_and_a_failure_for_each_broken_rule(tmp_path):
    name = "run <b> \x1b[31m & co"
    values = {TAKEOVER: each_once([0.0] * 12), LATENCY: each_once([0.1] * 12)}
    later = {TAKEOVER: each_once([0.0] * 12), LATENCY: each_once([0.9] * 12)}
    runs = [write_scored_run(tmp_path, m, {TASK: v}, name=n) for m, v, n in (("a", values, ""), ("b", later, name))]
    (found,) = compare_runs([pair_runs(*runs)])
    checked = check_gates([Gate.parse(f"{LATENCY}>+0.1"), Gate.parse("takeover_rate>+0.1")], found)
    root = ElementTree.fromstring(junit_xml([(found, checked)]))
    (suite,) = root
    assert (root.tag, suite.tag) == ("testsuites", "testsuite")
    assert {suite.get(count) for count in ("errors", "skipped")} == {"0"}
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    failed = {case.get("name"): [each.tag for each in case] for case in suite}
    assert failed == {TAKEOVER: ["system-out"], LATENCY: ["failure", "system-out"]}
    assert all(case.get("classname") == TASK and case.get("time") for case in suite)
    known = {
        "testsuites": {"name", "time", "tests", "failures", "errors"},
        "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
        "testcase": {"name", "classname", "time"},
        "failure": {"message", "type"},
        "skipped": {"message"},
        "system-out": set(),
    }
    assert all(set(each.attrib) <= known[each.tag] for each in root.iter()), "attributes of the schema that Jenkins publishes"


@pytest.mark.parametrize(("n", "is_enough"), [(2, False), (5, False), (6, True)])
def test_medians_and_ratios_of_fewer_than_six_clips_have_no_interval(n, is_enough, tmp_path):
    def values(shift_s):
        late = [0.1 * k + shift_s for k in range(n)]
        return {LATENCY: each_once(late), LOST: each_once([ratio(LOST, each, 1.0) for each in late])}

    runs = [write_scored_run(tmp_path, model, {TASK: values(shift_s)}) for model, shift_s in (("a", 0.0), ("b", 0.5))]
    (found,) = compare_runs([pair_runs(*runs)])
    for metric in (LATENCY, LOST):
        each = of(found, metric)
        assert each.found.difference == pytest.approx(0.5) and each.found.p is not None
        assert (each.found.low is not None) == (each.found.high is not None) == is_enough
    shown = "\n".join(comparison_lines(found, 120))
    assert shown.count("n too small") == (0 if is_enough else 2)
    (checked,) = check_gates([Gate.parse(f"{LATENCY}>+0.1")], found)
    assert checked.is_broken == is_enough and ("too few to be sure" in checked.sentence) != is_enough
    (suite,) = ElementTree.fromstring(junit_xml([(found, [checked])]))
    skipped = [each.get("message") for each in suite.iter("skipped")]
    assert skipped == ([] if is_enough else ["there is no interval"] * 2)


def test_the_result_for_a_program_is_plain_json(tmp_path):
    runs = [write_scored_run(tmp_path, name, {TASK: VALUES}) for name in ("a", "b")]
    (found,) = compare_runs([pair_runs(*runs)])
    told = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert told["differs"] is False
    assert told["metrics"][0]["verdict"] == "no difference"


def test_it_fits_on_a_screen_whatever_there_is(tmp_path):
    tasks = {f"v1/turn_taking.set{k}": {TAKEOVER: each_once([float(n % 2) for n in range(12)])} for k in range(40)}
    runs = [write_scored_run(tmp_path, name, tasks) for name in ("a", "b")]
    (found,) = compare_runs([pair_runs(*runs)])
    lines = comparison_lines(found, 100)
    assert len(lines) <= MAX_LINES
    assert max(map(len, lines)) <= 100
    assert any("more, without difference: --json has all" in line for line in lines)


def test_the_newest_that_compares_is_chosen_and_agents_stand_beside_agents(tmp_path):
    import os

    runs = {
        name: write_scored_run(tmp_path, name, {TASK: VALUES}, **more)
        for name, more in (
            ("old", {}), ("new", {}), ("own", {}), ("agent", {"kind": "trivial"}), ("other", {"digest": "e"}),
        )
    }  # fmt: skip
    for age_s, name in enumerate(("other", "agent", "new", "old")):
        os.utime(runs[name] / "manifest.json", (1e9 - age_s, 1e9 - age_s))
    assert newest_comparable(runs["own"]) == runs["new"]


def test_pairs_without_a_difference_seldom_cry_wolf(tmp_path):
    """Of 60 pairs drawn from one model some may; ``benchmarks/compare.py`` draws a thousand."""
    random, n_cried = np.random.Generator(np.random.PCG64(5)), 0
    for pair in range(60):
        runs = []
        for name in ("a", "b"):
            events = [float(random.random() < 0.4) for _ in range(30)]
            lost = [ratio(LOST, float(random.gamma(1.0)), 1.0) for _ in range(30)]
            latencies = [float(random.gamma(2.0)) if random.random() < 0.9 else waited(LATENCY, 5.0) for _ in range(30)]
            scores = {TAKEOVER: each_once(events), LOST: each_once(lost), LATENCY: each_once(latencies)}
            runs.append(write_scored_run(tmp_path / str(pair), name, {TASK: scores}))
        n_cried += bool(compare_runs([pair_runs(*runs)])[0].differing)
    assert n_cried <= 7
