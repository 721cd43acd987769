"""References of human timing: those that ship, and a user's own file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fdbench.core.onsets import masses_of
from fdbench.errors import DataError, UsageError
from fdbench.human.reference import SHIPPED, CuttingRule, check_same_cut, find_reference, read_reference, shipped_reference
from fdbench.stats.onset_distribution import EDGES_S

DETECTOR = {"by": "detector", "min_silence_s": 0.2, "detector": "silero-6.2.3"}


def written(path: Path, **changed: Any) -> Path:
    value = {
        "schema": 1, "id": "mine", "material": "twelve calls", "source": "us", "cutting": DETECTOR,
        "onsets": {"kind": "counted", "start_s": -2.0, "step_s": 0.2, "below": 1, "counts": [2] * 30, "above": 3},
        "hold": {"clips": [[1, 10], [0, 5]]}, "shift": {"clips": [[9, 10]]},
    }  # fmt: skip
    path.write_text(json.dumps(value | changed), encoding="utf-8")
    return path


def test_all_real_transitions_of_switchboard_are_in_the_default() -> None:
    reference = shipped_reference()
    assert (reference.id, reference.onsets.n, reference.is_parametric) == ("switchboard-hist", 21089, False)
    masses = masses_of(reference.onsets, EDGES_S)
    assert masses.sum() == pytest.approx(1.0)
    assert masses[11] * 21089 == pytest.approx(2257 + 2743)  # [0.0, 0.2): two bins of 0.1 s
    assert (masses[0] * 21089, masses[-1] * 21089) == (pytest.approx(7), pytest.approx(18))
    assert float(reference.onsets.before(np.array([0.167]))[0]) == pytest.approx(0.5, abs=0.003)  # their median


def test_a_reference_of_summaries_says_that_it_is_parametric() -> None:
    reference = shipped_reference("candor-parametric")
    assert reference.is_parametric
    assert reference.note_beside(reference.cutting) == "candor-parametric: parametric"


def test_a_shipped_reference_never_changes_under_its_name() -> None:
    assert [shipped_reference(name).digest[:12] for name in SHIPPED] == ["149c9de8c8b2", "301a1cedd55c"]


def test_a_users_file_is_found_by_its_path_and_has_rates_with_intervals(tmp_path: Path) -> None:
    reference = find_reference(str(written(tmp_path / "mine.json")))
    assert reference.onsets.n == 64
    assert reference.hold is not None and reference.hold.rate is not None
    assert reference.hold.rate.rate == pytest.approx(1 / 15)
    assert find_reference("switchboard-hist") == shipped_reference()


def test_the_digest_is_of_the_content_in_whatever_order_and_a_changed_file_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path / "mine.json")
    digest = read_reference(file).digest
    turned = json.dumps(dict(reversed(json.loads(file.read_text()).items())) | {"sha256": digest})
    file.write_text(turned)
    assert read_reference(file).digest == digest
    file.write_text(turned.replace("twelve", "eleven"))
    with pytest.raises(DataError, match="somebody changed the file") as caught:
        read_reference(file)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"cutting": {"by": "ear"}}, "cutting.by"),
        ({"cutting": {"by": "detector"}}, "names it"),
        ({"cutting": {"by": "words", "detector": "silero-6.2.3"}}, "names it"),
        ({"onsets": {"kind": "counted", "start_s": -2.0, "step_s": 0.3, "below": 0, "counts": [1] * 20, "above": 0}}, "add up"),
        ({"onsets": {"kind": "counted", "start_s": 0.0, "step_s": 0.2, "below": 0, "counts": [0, 0], "above": 0}}, "not all 0"),
        ({"onsets": {"kind": "counted", "start_s": 0.0, "step_s": 0.2, "below": 0, "counts": [-1, 2], "above": 0}}, "whole"),
        ({"onsets": {"kind": "counted", "start_s": 0.0, "step_s": 0.2, "below": 0, "counts": [], "above": 1}}, "counts"),
        ({"onsets": {"kind": "guessed"}}, "onsets"),
        ({"hold": {"clips": [[3, 2]]}}, "hold"),
        ({"mood": "good"}, "mood"),
        ({"id": ""}, "id"),
        ({"schema": 2}, "schema"),
    ],
)
def test_what_makes_no_sense_is_an_error_of_two_lines_that_names_file_and_field(
    tmp_path: Path, changed: Any, field: str
) -> None:
    with pytest.raises(DataError, match=field) as caught:
        read_reference(written(tmp_path / "mine.json", **changed))
    assert "mine.json: " in caught.value.what and "\n" not in caught.value.what and caught.value.remedy


def test_what_is_no_file_and_no_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown human reference 'switchbord-hist'") as caught:
        find_reference("switchbord-hist")
    assert "did you mean 'switchboard-hist'" in caught.value.remedy
    with pytest.raises(DataError, match="no such file"):
        find_reference(str(tmp_path / "none.json"))
    (tmp_path / "bad.json").write_text("[1]")
    with pytest.raises(DataError, match="the whole file"):
        read_reference(tmp_path / "bad.json")


def test_references_that_are_cut_by_different_rules_are_not_mixed(tmp_path: Path) -> None:
    mine, words = read_reference(written(tmp_path / "mine.json")), shipped_reference()
    check_same_cut([])
    check_same_cut([mine])
    check_same_cut([words, shipped_reference("candor-parametric")])
    with pytest.raises(UsageError, match="their times do not compare") as caught:
        check_same_cut([words, mine])
    assert "silero-6.2.3" in caught.value.what and caught.value.remedy
    newer = CuttingRule(by="detector", min_silence_s=0.2, detector="silero-7.0.0")
    assert mine.note_beside(mine.cutting) == ""
    assert "the model is cut by silero-7.0.0" in mine.note_beside(newer)
