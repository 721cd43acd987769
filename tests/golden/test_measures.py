"""Worked numbers of measures, made by an independent program, and the tool that compares them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parent / "data"
TOOL = Path(__file__).parents[2] / "tools" / "check_measures.py"


def check(*files: Path) -> tuple[int, list[str], list[str]]:
    done = subprocess.run([sys.executable, TOOL, *files], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


@pytest.mark.parametrize(
    ("measure", "n"),
    [
        ("rates", 16),
        ("backchannel", 12),
        ("lost_seconds", 17),
        ("overlap", 17),
        ("opportunities", 6),
        ("boundaries", 19),
        ("onset", 10),
        ("frontier", 10),
        ("paired", 21),
        ("rewards", 11),
    ],
)
def test_every_worked_number_is_ours(measure: str, n: int) -> None:
    assert check(DATA / f"measures_{measure}.json") == (0, [f"{n}/{n}"], [])


def written(path: Path, value: Any) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def test_what_differs_is_named_with_both_numbers_in_ascii(tmp_path: Path) -> None:
    case = {"id": "räte-0", "input": {"clips": [[0, 1], [1, 1]]}, "expected": {"rate": 0.25, "n_eff": 1.0}}
    code, lines, _ = check(written(tmp_path / "rates.json", {"measure": "rates", "cases": [case]}))
    assert (code, lines) == (1, ["r\\xe4te-0: rate: expected 0.25, got 0.5", "0/1"])


def test_a_measure_that_is_not_there_matches_nothing(tmp_path: Path) -> None:
    case = {"id": "x", "input": {}, "expected": {}}
    code, lines, _ = check(written(tmp_path / "m.json", {"measure": "warmth", "cases": [case]}))
    assert (code, lines) == (1, ["m.json: measure 'warmth' is not implemented (1 cases)", "0/1"])


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        {"measure": "rates", "cases": [1]},
        {"measure": "rates", "cases": [{"id": "a", "input": {"clips": [["x", 1]]}, "expected": {}}]},
        {"measure": "lost_seconds", "cases": [{"id": "a", "input": {"turns_s": [[3, 1, True]]}, "expected": {}}]},
    ],
)
def test_a_malformed_file_is_an_error_of_two_lines(tmp_path: Path, content: Any) -> None:
    code, lines, errors = check(written(tmp_path / "bad.json", content))
    assert (code, lines, len(errors)) == (1, [], 2)
    assert "bad.json: " in errors[0]
