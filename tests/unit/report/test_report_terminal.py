"""The end of a run in a terminal."""

from __future__ import annotations

from pathlib import Path

from report_trees import ENGINES, metric, write_run

from fdbench.report.rows import read_results, read_run
from fdbench.report.terminal import render_run

GOLDEN = """\
mini/pause_handling | fdbench | ASR sphinx-5.1 | VAD silero-6.2.3 | 12 samples | vad: 1 failed
                    better  silence     vad
                                        silence_ms=500
takeover_rate       lower   0.000 n=12  0.250 n=11 1 err.
response_latency_s  lower   - 12 cens.  0.512 n=9 2 cens. 1 err.
not_exercised_rate                      0.000 n=11
"""


def test_metrics_go_down_and_runs_across(tmp_path: Path) -> None:
    silent = {
        "takeover_rate": metric("takeover_rate", 0.0),
        "response_latency_s": metric("response_latency_s", None, n_censored=12),
    }
    answering = {
        "takeover_rate": metric("takeover_rate", 0.25, 11, n_error=1),
        "response_latency_s": metric("response_latency_s", 0.512, 9, n_censored=2, n_error=1),
        "not_exercised_rate": metric("not_exercised_rate", 0.0, 11),
    }
    write_run(tmp_path, "silence", silent, kind="trivial")
    write_run(tmp_path, "vad", answering, kind="trivial", arguments={"silence_ms": 500}, n_errors=1)
    assert render_run(read_results(tmp_path)) == GOLDEN


def test_a_median_that_is_not_reached_has_a_bound_and_a_row_beyond_a_limit_says_so(tmp_path: Path) -> None:
    values = {
        "response_latency_s": metric("response_latency_s", None, n_censored=12, details={"more_than": 4.6}),
        "sound_beside_speech": metric("sound_beside_speech", 0.15),
    }
    text = render_run(read_run(write_run(tmp_path, "hums", values)))
    assert "> 4.600 12 cens." in text
    assert "| hums: not ranked, sound_beside_speech\n" in text


def test_a_run_without_scores_says_so(tmp_path: Path) -> None:
    run = write_run(tmp_path, "a", {})
    (run / "scores" / "s1" / "summary.json").unlink()
    assert render_run(read_run(run)) == "no scores\n"


def test_a_long_name_is_cut(tmp_path: Path) -> None:
    run = write_run(tmp_path, "a", {"takeover_rate": metric("takeover_rate", 0.5)}, arguments={"prompt": "x" * 80})
    assert "prompt=xxxxxxxxxxxxxx...\n" in render_run(read_run(run))


def test_a_judges_scores_over_a_dialogue_have_lines_of_their_own_where_one_was_asked(tmp_path: Path) -> None:
    details = {"mean": 3.0, "from_0_to_15_s": 4.0, "from_105_to_120_s": 2.5, "from_0_to_75_s": 4.0}
    rated = {
        "turn_taking_fluency": metric("turn_taking_fluency", 3.5, details=details),
        "instruction_following": metric("instruction_following", None, 0),
    }
    write_run(tmp_path / "judged", "m", rated, engines={**ENGINES, "judge": "m@local-vllm"})
    write_run(tmp_path / "unjudged", "m", rated)
    head, *table = render_run(read_results(tmp_path / "judged")).split("judged over the dialogue\n")
    assert "turn_taking_fluency    higher  3.50" in head
    assert " ".join(table[0].split()) == (
        "0-15 s 15-30 s 30-45 s 45-60 s 60-75 s 75-90 s 90-105 s 105-120 s 0-75 s "
        "turn taking fluency 4.00 - - - - - - 2.50 4.00"
    )
    assert "judged over" not in render_run(read_results(tmp_path / "unjudged"))
