"""Pictures show what the rows say, carry what they show, and are drawn again when that changes."""

from __future__ import annotations

import json
import shutil

import pytest

from fdbench.errors import DataError
from fdbench.report.leaderboard import check_leaderboard, write_leaderboard
from fdbench.report.pictures import digest_in, draw, picture_data
from fdbench.report.rows import read_results
from fdbench.store.sweep import Sweep, read_sweeps
from tests.committed import RESULTS, clean_row

POINT = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 12}
SWEEP = {
    "schema": 1, "model": "vad-endpointer", "varied": ["silence_ms"], "family": "mini", "engines": {"asr": "a", "vad": "v"},
    "hypervolume": 0.8,
    "points": [{"run_id": "r", "settings": {"silence_ms": "100"}, "lost_s": 1.0, "wait_s": POINT, "broken": POINT,
                "is_on_front": True}],
}  # fmt: skip


@pytest.fixture(scope="module")
def data():
    return picture_data(read_results(RESULTS), {"waits": Sweep.model_validate(SWEEP)})


def test_the_frontier_has_a_point_for_each_model_and_the_sweeps_curve(data):
    points = {point["name"]: point for point in data["frontier"]["points"]}
    assert points["oracle"]["broken"][0] == 0 and points["oracle"]["wait_s"][0] == pytest.approx(0.2, abs=0.05)
    assert points["silence"]["wait_s"] == [5.0, 5.0, 5.0]
    on_front = {data["frontier"]["points"][index]["name"] for index in data["frontier"]["front"]}
    assert "oracle" in on_front and "silence" not in on_front
    (curve,) = data["frontier"]["curves"]
    assert (curve["name"], curve["points"][0]["label"], curve["points"][0]["wait_s"]) == ("waits", "100", [0.5, 0.4, 0.6])


def test_onsets_are_shares_beside_peoples(data):
    assert sum(data["onsets"]["people"]) == pytest.approx(1)
    assert all(sum(model["mass"]) == pytest.approx(1) for model in data["onsets"]["models"])


def test_a_picture_is_an_svg_and_a_png_that_carry_the_digest_of_what_they_show(data):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    for name, shown in data.items():
        drawn = draw(name, shown)
        assert drawn["svg"].lstrip().startswith(b"<?xml") and drawn["png"].startswith(b"\x89PNG")
        assert all(digest_in(name, shown).encode() in each for each in drawn.values())
        assert drawn == draw(name, shown), "the same bytes each time"


def test_a_stale_picture_is_noticed_and_drawn_again(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    results, page = tmp_path / "results", tmp_path / "board" / "LEADERBOARD.md"
    shutil.copytree(clean_row("oracle"), results / "oracle", ignore=shutil.ignore_patterns("audio", "takes"))
    assert write_leaderboard(results, page) == ()
    check_leaderboard(results, page)
    assert "frontier.svg" in page.read_text()
    (results / "sweeps").mkdir()
    (results / "sweeps" / "waits.json").write_text(json.dumps(SWEEP))
    with pytest.raises(DataError, match="frontier"):
        check_leaderboard(results, page)
    assert write_leaderboard(results, page) == ()
    check_leaderboard(results, page)


def test_a_broken_sweep_is_named(tmp_path):
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "waits.json").write_text('{"schema": 1}')
    with pytest.raises(DataError, match=r"waits\.json"):
        list(read_sweeps(tmp_path))
