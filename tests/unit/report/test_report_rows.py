"""Reading results: what is there comes back in a fixed order; what is broken is named."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from report_trees import metric, write, write_run

from fdbench.errors import DataError
from fdbench.report.rows import parse_published, read_results, read_run

RATE = {"takeover_rate": metric("takeover_rate", 0.25, ci_low=0.0, ci_high=0.5, details={"p90": 1.0})}


def test_a_row_says_what_the_manifest_and_the_summary_say(tmp_path: Path) -> None:
    write_run(tmp_path, "moshi", RATE, arguments={"top_k": 25}, lead_in_s=3.0)
    (row,) = read_results(tmp_path)
    assert (row.collection.model, row.collection.kind, row.collection.lead_in_s) == ("moshi", "model", 3.0)
    scored, engines = row.scored, row.engines
    assert (row.task, scored.family, scored.behaviour, scored.version) == ("mini/pause_handling", "mini", "pause_handling", 1)
    assert (row.protocol, engines.asr, engines.vad, engines.judge) == ("fdbench", "sphinx-5.1", "silero-6.2.3", "none")
    summary = row.metrics["takeover_rate"]
    assert (summary.value, summary.n_scored, summary.ci_low, summary.ci_high) == (0.25, 12, 0.0, 0.5)
    assert summary.details == {"p90": 1.0}
    assert row.path == "moshi-l3/scores/s1/summary.json"


def test_each_scoring_of_a_run_gives_its_own_rows(tmp_path: Path) -> None:
    run = write_run(tmp_path, "moshi", RATE, scores="b")
    write_run(tmp_path, "moshi", RATE, scores="a", protocol="fdb-2026-05")
    assert [(row.protocol, row.path) for row in read_run(run)] == [
        ("fdb-2026-05", "moshi-l0/scores/a/summary.json"),
        ("fdbench", "moshi-l0/scores/b/summary.json"),
    ]


def test_what_is_no_run_and_what_is_not_scored_has_no_rows(tmp_path: Path) -> None:
    (tmp_path / "published").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    run = write_run(tmp_path, "moshi", RATE)
    (run / "scores" / "s1" / "summary.json").unlink()
    assert read_results(tmp_path) == ()


def test_keys_of_other_versions_are_left_alone(tmp_path: Path) -> None:
    write_run(tmp_path, "moshi", {"takeover_rate": metric("takeover_rate", 0.5, invented_later=[1])})
    assert len(read_results(tmp_path)) == 1


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        read_results(tmp_path / "nowhere")


SUMMARY = "scores/s1/summary.json"


@pytest.mark.parametrize(
    ("file", "keys", "value", "named"),
    [
        ("manifest.json", ["schema"], 2, "a newer fdbench wrote it (schema 2, this one reads 1)"),
        (
            "manifest.json",
            ["collection", "kind"],
            "agent",
            "collection.kind: Input should be 'trivial', 'model' or 'recordings', found",
        ),
        ("manifest.json", ["collection", "lead_in_s"], [], "collection.lead_in_s: Input should be a valid number, found []"),
        ("manifest.json", ["tasks"], {}, "tasks: expected mini/pause_handling, which"),
        (SUMMARY, ["run_id"], "other-1", "run_id is 'other-1', the manifest beside it says 'moshi-l0'"),
        (SUMMARY, ["engines"], {"asr": "a", "vad": "b"}, "engines.judge: Field required"),
        (SUMMARY, ["tasks", "mini/pause_handling", "n_samples"], 1.5, "n_samples: Input should be a valid integer, got a"),
    ],
)
def test_a_broken_file_is_named_with_key_expected_and_found(
    tmp_path: Path, file: str, keys: list[str], value: Any, named: str
) -> None:
    run = write_run(tmp_path, "moshi", RATE)
    whole = json.loads((run / file).read_text())
    inner = whole
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    write(run / file, whole)
    with pytest.raises(DataError, match=re.escape(named)) as caught:
        read_results(tmp_path)
    assert str(run / file) in caught.value.what


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"value": float("nan")}, "value: Input should be a finite number, found nan"),
        ({"n_scored": 0}, "n_scored: expected at least 1 behind the value 0.25, found 0"),
        ({"higher_is_better": 2}, "higher_is_better: Input should be a valid boolean"),
        ({"signature": "takeover_rate|oops"}, "signature: expected name|key:value|..., found 'takeover_rate|oops'"),
    ],
)
def test_a_metric_that_cannot_be_is_an_error(tmp_path: Path, change: dict[str, Any], named: str) -> None:
    write_run(tmp_path, "moshi", {"takeover_rate": {**metric("takeover_rate", 0.25), **change}})
    with pytest.raises(DataError, match=re.escape(named)):
        read_results(tmp_path)


def test_text_that_is_not_json_is_named_with_its_line(tmp_path: Path) -> None:
    run = write_run(tmp_path, "moshi", RATE)
    (run / SUMMARY).write_text('{"schema": 1,\n oops}')
    with pytest.raises(DataError, match=r"summary\.json:2: not JSON"):
        read_results(tmp_path)


def published_file(*rows: dict[str, Any]) -> str:
    tasks = {"v1/turn_taking.candor": {"takeover_rate": {"unit": "rate", "higher_is_better": True}}}
    return json.dumps({"schema": 1, "tasks": tasks, "rows": list(rows)})


PUBLISHED = {
    "model": "Moshi",
    "task": "v1/turn_taking.candor",
    "metric": "takeover_rate",
    "value": 0.941,
    "protocol": "fdb-2025-06",
    "source": "a paper",
    "url": "https://example.org",
    "evidence": "primary",
    "note": "",
}


def test_a_published_row_takes_unit_and_direction_from_its_file() -> None:
    (row,) = parse_published(published_file(PUBLISHED), "p.json")
    assert (row.value, row.unit, row.higher_is_better) == (0.941, "rate", True)
    assert (row.family, row.behaviour) == ("v1", "turn_taking")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (published_file({**PUBLISHED, "metric": "unheard_of"}), "tasks: expected v1/turn_taking.candor > unheard_of"),
        (published_file({**PUBLISHED, "value": None}), "rows.0.value: Input should be a valid number, found None"),
        (published_file(PUBLISHED, PUBLISHED), "Moshi has two values of takeover_rate"),
        ("{", "not JSON"),
    ],
)
def test_a_broken_published_file_is_named(text: str, named: str) -> None:
    with pytest.raises(DataError, match=re.escape(named)) as caught:
        parse_published(text, "p.json")
    assert caught.value.what.startswith("p.json")
