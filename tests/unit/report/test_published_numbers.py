"""The shipped published numbers: complete, mapped to our names, with the rule behind each where it is on record."""

from __future__ import annotations

import importlib.util
import json
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fdbench.report.rows import read_published

REPOSITORY = Path(__file__).parents[3]
SOURCE = REPOSITORY.parent / "shared" / "published_results.json"
N_SOURCE_ROWS = 770
README = "FDB repo README v1.0 table"


def shipped() -> dict[str, dict[str, Any]]:
    entries = [entry for entry in files("fdbench.published").iterdir() if entry.name.endswith(".json")]
    return {entry.name: json.loads(entry.read_text(encoding="utf-8")) for entry in entries}


def mapper() -> ModuleType:
    spec = importlib.util.spec_from_file_location("map_published", REPOSITORY / "tools" / "map_published.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_source_row_is_mapped_or_kept_with_a_reason() -> None:
    counts = {name: (len(file["rows"]) + len(file["unmapped"]), file["n_source_rows"]) for name, file in shipped().items()}
    assert all(kept == promised for kept, promised in counts.values())
    assert {name: kept for name, (kept, _) in counts.items()} == {
        "full_duplex_bench_v1.json": 356,
        "full_duplex_bench_v1_5.json": 87,
        "full_duplex_bench_v2.json": 160,
        "full_duplex_bench_v3.json": 167,
    }
    assert sum(kept for kept, _ in counts.values()) == N_SOURCE_ROWS
    assert all(row["reason"] for file in shipped().values() for row in file["unmapped"])


def test_v1_rows_use_this_projects_tasks_and_metrics() -> None:
    rows = [row for row in read_published() if row.family == "v1"]
    assert {row.task for row in rows} == {
        "v1/pause_handling.candor",
        "v1/pause_handling.synthetic",
        "v1/turn_taking.candor",
        "v1/user_interruption.synthetic",
        "v1/backchannel.icc",
    }
    assert {(row.metric, row.unit) for row in rows} == {
        ("takeover_rate", "rate"),
        ("response_latency_s", "s"),
        ("relevance", "0-5"),
        ("backchannel_frequency_hz", "Hz"),
        ("backchannel_js_distance", "sqrt(nat)"),
    }


def test_takeover_is_wanted_after_a_turn_and_an_interruption_only() -> None:
    wanted = {(row.behaviour, row.higher_is_better) for row in read_published() if row.metric == "takeover_rate"}
    assert wanted == {("pause_handling", False), ("backchannel", False), ("turn_taking", True), ("user_interruption", True)}


def test_a_rating_on_another_scale_is_not_relevance() -> None:
    unmapped = shipped()["full_duplex_bench_v1.json"]["unmapped"]
    assert sum(row["metric"] == "gpt4o_score_1_5" for row in unmapped) == 5
    assert all(0 <= row.value <= 5 for row in read_published() if row.metric == "relevance")


@pytest.mark.parametrize(
    ("source", "model", "protocol"),
    [
        (README, "Moshi", "fdb-2025-06"),
        (README, "dGSLM", "fdb-2025-06"),
        (README, "Freeze-Omni", "fdb-2025-06"),
        (README, "Gemini Live 2.0 (gemini-2.0-flash-live-001, deprecated)", "fdb-2025-06"),
        (README, "PersonaPlex (paper experimental model)", "unknown"),
        (README, "GPT-Realtime", "unknown"),
        ("nvidia/personaplex-7b-v1", "PersonaPlex-7B-v1 (released checkpoint, NVIDIA numbers)", "unknown"),
        ("arXiv 2604.10065 Table 1", "ASPIRin", "unknown"),
        ("arXiv 2606.11167v1 Table 1", "PersonaPlex (Kyutai reproduction)", "fdb-2026-05"),
        ("arXiv 2606.11167v1 Table 1 (cited there from FDB repo)", "dGSLM", "fdb-2025-06"),
        ("arXiv 2604.10065 Table 1", "Moshi (w/o 3 s prompt delay)", "fdb-2025-06"),
    ],
)
def test_the_rule_behind_a_backchannel_number_is_what_is_on_record(source: str, model: str, protocol: str) -> None:
    found = {
        row.protocol
        for row in read_published()
        if row.behaviour == "backchannel" and row.family == "v1" and row.source.startswith(source) and row.model == model
    }
    assert found == {protocol}


def test_every_row_says_where_it_is_from() -> None:
    for row in read_published():
        assert row.url.startswith("https://") and row.source
        assert row.evidence in ("primary", "secondary")


@pytest.mark.skipif(not SOURCE.is_file(), reason="the list that the published numbers were mapped from is not here")
def test_the_shipped_files_are_what_the_tool_makes_of_the_source() -> None:
    made = mapper().mapped_files(json.loads(SOURCE.read_text(encoding="utf-8")))
    committed = {name: (REPOSITORY / "results" / "published" / name).read_text(encoding="utf-8") for name in made}
    assert made == committed


@pytest.mark.skipif(not SOURCE.is_file(), reason="the list that the published numbers were mapped from is not here")
def test_no_number_was_changed_on_the_way() -> None:
    def identity(row: dict[str, Any]) -> tuple[Any, ...]:
        return (row["model"], row["source"], row["url"], row["evidence"], row["value"])

    source = sorted(identity(row) for row in json.loads(SOURCE.read_text(encoding="utf-8")))
    kept = sorted(identity(row) for file in shipped().values() for row in [*file["rows"], *file["unmapped"]])
    assert kept == source


def test_a_task_without_a_name_here_is_an_error() -> None:
    row = {"model": "m", "benchmark": "fdb-v1", "task": "new", "subset": "s", "metric": "tor", "value": 1.0}
    with pytest.raises((ValueError, KeyError)):
        mapper().mapped_files([{**row, "source": "s", "url": "u", "evidence": "primary"}])
