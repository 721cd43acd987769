"""Overlaps through the whole chain: what the table by hand says, in the committed rows and measured again."""

from __future__ import annotations

from pathlib import Path

import pytest

from fdbench.report.headline import boards
from fdbench.report.rows import read_results
from tests.committed import RESULTS, clean_row
from tests.conftest import AGENTS, summaries
from tests.e2e.overlaps_by_hand import NEVER_YIELDS, OVERLAPS_BY_HAND, SELECTIVITY, YIELDS_TO_ANYTHING
from tests.e2e.test_trivial_agents import agrees

TASKS = tuple(f"mini/{behaviour}" for behaviour in OVERLAPS_BY_HAND["oracle"])


def selectivity_of(results: Path) -> dict[str, float | None]:
    rows = [row for row in read_results(results) if row.collection.condition == "clean"]
    return {each.rows[0].collection.model: each.selects.value for board in boards(rows) for each in board}


@pytest.mark.parametrize("agent", AGENTS)
def test_the_committed_rows_are_as_the_table_by_hand(agent: str) -> None:
    run = clean_row(agent)
    tasks = summaries(run)["fdbench"]
    wrong = [
        f"{behaviour} {metric}: expected {expected}, got {tasks[f'mini/{behaviour}']['metrics'][metric]['value']}"
        for behaviour, metrics in OVERLAPS_BY_HAND[agent].items()
        for metric, expected in metrics.items()
        if not agrees(tasks[f"mini/{behaviour}"]["metrics"][metric]["value"], expected)
    ]
    assert not wrong, "\n".join(wrong)


def test_selectivity_ranks_the_agents_as_it_must() -> None:
    found = selectivity_of(RESULTS)
    assert {agent: agrees(found[agent], expected) for agent, expected in SELECTIVITY.items()} == dict.fromkeys(AGENTS, True)
    assert found["oracle"] == max(value for value in found.values() if value is not None)


@pytest.mark.parametrize(
    ("yield_ms", "expected", "asr"),
    [(30, YIELDS_TO_ANYTHING, "faster-whisper:tiny.en"), (60_000, NEVER_YIELDS, "none")],
)
def test_an_endpointer_that_yields_to_any_sound_selects_no_more_than_one_that_never_does(
    record_once, yield_ms: int, expected: object, asr: str
) -> None:
    run = record_once(
        "vad-endpointer", "--tasks", ",".join(TASKS), "--limit", "1", "--asr", asr, "--protocol", "fdbench",
        "--arg", f"yield_ms={yield_ms}",
    )  # fmt: skip
    (found,) = selectivity_of(run.parent).values()
    assert agrees(found, expected), found
    wanted = summaries(run)["fdbench"]["mini/overlap.background_speech"]["metrics"]["wanted_rate"]["value"]
    assert wanted == (1.0 if yield_ms > 1000 else pytest.approx(0.0, abs=0.34))
