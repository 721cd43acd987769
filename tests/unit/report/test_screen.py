"""The end of a run on one screen, from stored numbers written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from report_trees import add_task, metric, write_run

from fdbench.report.board import render_board
from fdbench.report.rows import read_neighbours, read_results, read_run
from fdbench.report.screen import MAX_LINES, Screen

TURN = "mini/turn_taking"
WIDE = 120
NEXT = "beside others: fdbench leaderboard"
GOLDEN = """\
talks
mini, fdbench, sphinx-5.1, silero-6.2.3
                               value  95 %                nearest agent        verdict
lost seconds per turn           1.25  1.15 to 1.35        vad-endpointer 1.50  0.25 s better than vad-endpointer
  waits + talks over + breaks         0.75 + 0.25 + 0.25
takes the turn at its end       0.90  0.80 to 0.95        oracle 1.00          better than every trivial agent
"""


def cost(lost: float) -> dict[str, dict[str, Any]]:
    """Lost seconds of a task, known to 0.2 s; the mean of four such tasks is known to 0.1 s."""
    parts = {"wait_s": lost - 0.5, "talked_over_s": 0.25, "breaks": 0.25}
    return {"lost_per_turn_s": metric("lost_per_turn_s", lost, details=parts, ci_low=lost - 0.2, ci_high=lost + 0.2)}


def write_whole(root: Path, model: str, lost: float, rate: float, low: float, high: float, **more: Any) -> Path:
    """A run of all four behaviours, of which turn-taking has a takeover rate."""
    takes = {"takeover_rate": metric("takeover_rate", rate, ci_low=low, ci_high=high, higher_is_better=True)}
    run = write_run(root, model, cost(lost) | takes, task=TURN, **more)
    for behaviour in ("backchannel", "pause_handling", "user_interruption"):
        add_task(run, f"mini/{behaviour}", cost(lost))
    return run


def screen(run: Path, remarks: tuple[str, ...] = (), width: int = WIDE) -> list[str]:
    return Screen(read_run(run), read_neighbours(run), remarks, run).lines(width)


@pytest.fixture
def neighbours(tmp_path: Path) -> Path:
    for name, lost, rate in (("silence", 5.0, 0.0), ("vad-endpointer", 1.5, 0.75), ("oracle", 0.5, 1.0)):
        write_whole(tmp_path, name, lost, rate, 0.0, 1.0, kind="trivial")
    return tmp_path


def test_each_number_stands_beside_its_nearest_agents_with_a_plain_verdict(neighbours: Path) -> None:
    run = write_whole(neighbours, "talks", 1.25, 0.9, 0.8, 0.95)
    assert screen(run, width=112) == [*GOLDEN.split("\n"), f"every number: fdbench show {run}", NEXT, str(run)]
    assert any("vad-endpointer 1.50, oracle 0.50" in line for line in screen(run, width=160))


@pytest.mark.parametrize(
    ("rate", "interval", "verdict"),
    [
        (0.5, (0.3, 0.7), "no better than vad-endpointer"),
        (0.75, (0.5, 0.9), "as good as vad-endpointer"),
        (0.9, (0.7, 0.97), "not told apart from vad-endpointer"),
        (0.9, (0.76, 0.97), "better than every trivial agent"),
    ],
)
def test_a_verdict_says_what_the_interval_says(
    neighbours: Path, rate: float, interval: tuple[float, float], verdict: str
) -> None:
    run = write_whole(neighbours, "talks", 9.0, rate, *interval)
    (line,) = (line for line in screen(run) if line.startswith("takes the turn"))
    assert line.endswith(verdict)


def test_few_samples_are_told_and_not_judged(neighbours: Path) -> None:
    few = {"takeover_rate": metric("takeover_rate", 1.0, 4, higher_is_better=True)}
    (line,) = (line for line in screen(write_run(neighbours, "talks", few, task=TURN)) if line.startswith("takes"))
    assert line.endswith("only 4 samples")


def test_agents_that_heard_another_recogniser_are_no_neighbours(neighbours: Path) -> None:
    engines = {"asr": "another-1", "vad": "silero-6.2.3", "judge": "none"}
    run = write_whole(neighbours, "talks", 1.25, 0.9, 0.8, 0.95, engines=engines)
    assert not any("oracle" in line for line in screen(run))


def test_remarks_are_on_the_screen_and_nothing_in_them_acts(neighbours: Path) -> None:
    run = write_whole(neighbours, "talks", 1.25, 0.9, 0.8, 0.95)
    lines = screen(run, tuple(f"remark {n}\x1b[2J" for n in range(9)))
    assert "! remark 0\\x1b[2J" in lines and f"! and 4 more remarks: fdbench show {run}" in lines
    assert len(lines) <= MAX_LINES


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal_but_names_of_files_to_copy(neighbours: Path, width: int) -> None:
    run = write_whole(neighbours, "talks", 1.25, 0.9, 0.8, 0.95)
    lines = screen(run, width=width)
    assert max(map(len, lines[: lines.index("")])) <= width
    assert any(line.endswith("better than every trivial agent") for line in lines) or width < 80


def test_without_the_bar_beside_it_the_next_step_is_to_make_it(tmp_path: Path) -> None:
    run = write_whole(tmp_path, "talks", 1.25, 0.9, 0.8, 0.95)
    assert screen(run)[-2].startswith("the bar to cross: fdbench run --model vad-endpointer")


def test_a_run_without_scores_says_so(tmp_path: Path) -> None:
    run = write_run(tmp_path, "talks", {}, task=TURN)
    (run / "scores" / "s1" / "summary.json").unlink()
    assert screen(run) == ["no scores", str(run)]


def test_where_only_a_published_protocol_was_scored_its_numbers_are_shown(tmp_path: Path) -> None:
    values = {"takeover_rate": metric("takeover_rate", 0.5, higher_is_better=True)}
    lines = screen(write_run(tmp_path, "talks", values, task=TURN, protocol="fdb-2026-05"))
    assert lines[1].startswith("mini, fdb-2026-05") and any(line.startswith("takes the turn at its end") for line in lines)


@pytest.mark.parametrize(
    ("lost", "verdict"),
    [
        (1.5, "no better than vad-endpointer"),
        (1.45, "not told apart from vad-endpointer"),
        (1.25, "0.25 s better than vad-endpointer"),
    ],
)
def test_the_headline_is_judged_by_its_interval_too(neighbours: Path, lost: float, verdict: str) -> None:
    lines = screen(write_whole(neighbours, "talks", lost, 0.9, 0.8, 0.95), width=200)
    (line,) = (line for line in lines if line.startswith("lost seconds"))
    assert line.endswith(verdict)


def test_a_board_has_a_line_for_each_run_best_first(neighbours: Path) -> None:
    title, _, header, *lines = render_board(read_results(neighbours))
    assert title == "mini: fdbench, sphinx-5.1, silero-6.2.3"
    assert header.split("  ")[-1].strip() == "timing" and "lost s" in header
    assert [line.split()[:2] for line in lines[:3]] == [["oracle", "0.50"], ["vad-endpointer", "1.50"], ["silence", "5.00"]]
    assert render_board(()) == ["no scores"]
