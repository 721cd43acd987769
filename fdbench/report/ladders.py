"""How models wear down: the same run under each condition of a ladder, minus itself clean.

::

    run, clean                    clip a 0.5  clip b 0.6 ...      --|
    run, babble at 20 dB          clip a 0.5  clip b 0.7 ...      --|-- one ladder of one model: a line per metric
    run, babble at 10 dB          clip a 2.1  clip b 0.6 ...      --|
    another model, clean, 20 dB                                   --|

Runs belong together where nothing but the condition differs: model, arguments, weights, seed, engines, clips. Differences are
paired by clip. A ladder without a clean run beside it is not shown. Only stored JSON is read: summaries for what there is,
``samples.jsonl`` for the values of clips.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fdbench.core.behaviour import PAUSE_HANDLING, TURN_TAKING, USER_INTERRUPTION
from fdbench.core.ladder import LADDERS, Rung, rung_of
from fdbench.core.metric import CORRECTED, METRICS
from fdbench.io.files import digest_of
from fdbench.report.ranking import place
from fdbench.report.rows import Row
from fdbench.stats.comparison import DoseResponse
from fdbench.stats.dose import Change, change_of, response_of

Values = dict[str, list["float | None"]]
"""Of each clip, by task and id, one per repeat."""
CLEAN: Final = "clean"
_COMBINED: Final = "several things at once"
SOUND: Final = "sound_beside_speech"
HEARING: Final = "hearing_in_noise.json"
"""Beside the runs: down to which ratio of speech to noise in the model's channel our hearing may be believed."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What a ladder tells of each level.

    Attributes:
        behaviour: Whose clips; empty = all.
        is_complement: It is 1 minus the metric.
        has_no_clean: There is none without an echo, so the value stands alone.
    """

    title: str
    metric: str
    behaviour: str = ""
    is_complement: bool = False
    has_no_clean: bool = False

    @property
    def higher_is_better(self) -> bool:
        return self.metric == "takeover_rate" or self.is_complement


LOST: Final = Measure("lost (s)", "lost_per_turn_s")
MEASURES: Final = (
    LOST,
    Measure("takes the turn", "takeover_rate", TURN_TAKING),
    Measure("waits in pauses", "takeover_rate", PAUSE_HANDLING, is_complement=True),
    Measure("yields", "talked_through_rate", USER_INTERRUPTION, is_complement=True),
    Measure("interrupts itself", "self_interruption_rate", has_no_clean=True),
    Measure("answers itself", "self_answer_rate", has_no_clean=True),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One level of one measure.

    Attributes:
        value: Its mean over the clips.
        change: Against clean; None where there is nothing to compare with.
        is_beyond: The model's channel is noisier than our hearing is good for.
    """

    rung: Rung
    value: float
    change: Change | None
    is_beyond: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One measure of one model over a ladder, from mild to hard.

    Attributes:
        response: Slope and level of the fall; None where the places have no level, or there is nothing clean to fall from.
    """

    row: Row
    measure: Measure
    steps: tuple[Step, ...]
    response: DoseResponse | None


@dataclass(frozen=True, slots=True)
class LadderTable:
    """One ladder's series: its rungs, and a line for each model and measure."""

    ladder: str
    series: str
    rungs: tuple[Rung, ...]
    lines: tuple[Line, ...]


def apart_from_ladders(rows: Sequence[Row]) -> list[Row]:
    """The rows for the tables of models: those under a condition stand on its ladder, if there is a clean run beside them."""
    with_clean = {_apart_from_condition(row) for row in rows if row.collection.condition == CLEAN}
    return [row for row in rows if not (_is_of_ladder(row) and _apart_from_condition(row) in with_clean)]


def _is_of_ladder(row: Row) -> bool:
    return bool(row.collection.condition_facts.get("accounts_delay"))


def read_ladders(root: Path, rows: Sequence[Row]) -> list[LadderTable]:
    """Every ladder that the results hold, in a fixed order; none where no run was made under a condition of one."""
    believed_db = _believed_db(root)
    groups: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        if row.protocol in CORRECTED:
            groups.setdefault(_apart_from_condition(row), {}).setdefault(row.run_id, []).append(row)
    found: dict[tuple[str, str], list[tuple[Row, dict[Rung, list[Row]], list[Row]]]] = {}
    for runs in groups.values():
        clean = next((run for run in runs.values() if run[0].collection.condition == CLEAN), None)
        if clean is None:
            continue
        series: dict[tuple[str, str], dict[Rung, list[Row]]] = {}
        for run in runs.values():
            if _is_of_ladder(run[0]):
                told = run[0].collection
                rung = rung_of(told.condition_facts["to_model"]) or Rung("combined", _COMBINED, None, name=told.condition)
                series.setdefault((rung.ladder, rung.series), {})[rung] = run
        for key, rungs in series.items():
            found.setdefault(key, []).append((clean[0], rungs, clean))
    return [
        _table(root, ladder, series, members, believed_db)
        for (ladder, series), members in sorted(found.items(), key=lambda item: (place(item[0][0], LADDERS), item[0][1]))
    ]


def _table(
    root: Path,
    ladder: str,
    series: str,
    members: Sequence[tuple[Row, dict[Rung, list[Row]], list[Row]]],
    believed_db: float | None,
) -> LadderTable:
    rungs = sorted({rung for _, of_model, _ in members for rung in of_model}, key=_from_mild)
    lines = []
    for row, of_model, clean in sorted(members, key=lambda member: (member[0].collection.kind == "trivial", member[0].path)):
        for measure in MEASURES:
            line = _line(root, row, measure, {rung: of_model[rung] for rung in rungs if rung in of_model}, clean, believed_db)
            if line is not None:
                lines.append(line)
    return LadderTable(ladder, series, tuple(rungs), tuple(lines))


def _line(
    root: Path,
    row: Row,
    measure: Measure,
    of_model: Mapping[Rung, list[Row]],
    clean: Sequence[Row],
    believed_db: float | None,
) -> Line | None:
    before = values_of(root, clean, measure)
    steps = []
    for rung, run in of_model.items():
        under = values_of(root, run, measure)
        change = None if measure.has_no_clean else change_of(before, under)
        known = [value for values in under.values() for value in values if value is not None]
        if (change is None and not measure.has_no_clean) or not known:
            continue
        is_beyond = rung.ladder == "noise" and believed_db is not None and (rung.level or 0.0) < believed_db and _is_noisy(run)
        steps.append(Step(rung, sum(known) / len(known) if change is None else change.under, change, is_beyond))
    if not steps:
        return None
    levels = [(step.rung, step.change) for step in steps if step.rung.level is not None and step.change is not None]
    response = None
    if levels:
        at = [rung.level for rung, _ in levels if rung.level is not None]
        changes = [change for _, change in levels]
        response = response_of(at, changes, levels[0][0].harder, higher_is_better=measure.higher_is_better)
    return Line(row, measure, tuple(steps), response)


def values_of(root: Path, rows: Iterable[Row], measure: Measure) -> Values:
    """The values of every clip of a run."""
    found: Values = {}
    for row in rows:
        if measure.behaviour not in ("", row.scored.behaviour) or measure.metric not in row.metrics:
            continue
        path = (root / row.path).with_name("samples.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
            sample: dict[str, Any] = json.loads(line)
            score = sample["scores"].get(measure.metric, {}) if sample["task"] == row.task else {}
            if score:
                value = score.get("value")
                told = 1 - value if value is not None and measure.is_complement else value
                found.setdefault(f"{row.task}/{sample['id']}", []).append(told)
    return found


def lost_under(root: Path, rows: Sequence[Row], conditions: Sequence[str]) -> dict[str, dict[str, Change]]:
    """By clean run, then condition: what a turn costs under it against clean, where such a run is there, too."""
    groups: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        if row.protocol in CORRECTED and row.collection.condition in (CLEAN, *conditions):
            groups.setdefault(_apart_from_condition(row), {}).setdefault(row.collection.condition, []).append(row)
    found: dict[str, dict[str, Change]] = {}
    for of_condition in groups.values():
        if CLEAN not in of_condition:
            continue
        before = values_of(root, of_condition[CLEAN], LOST)
        for condition in conditions:
            change = change_of(before, values_of(root, of_condition.get(condition, ()), LOST))
            if change is not None:
                found.setdefault(of_condition[CLEAN][0].run_id, {})[condition] = change
    return found


def _apart_from_condition(row: Row) -> str:
    left_out = {"condition", "condition_facts", "fdbench", "published_shift_s"}
    return digest_of({
        "collection": row.collection.model_dump(exclude=left_out),
        "protocol": row.protocol,
        "asr": row.engines.asr,
        "vad": row.engines.vad,
        "placement": row.placement,
    })  # fmt: skip


def _from_mild(rung: Rung) -> tuple[bool, float, str]:
    """A control first, then from mild to hard; places that differ in kind by name."""
    return rung.level is not None, rung.harder * (rung.level or 0.0), rung.name


def _is_noisy(run: Sequence[Row]) -> bool:
    """Whether more of a model's channel than its limit allows is sound that is no speech."""
    limit = METRICS[SOUND].limit or 0.0
    return any((row.metrics[SOUND].value or 0.0) > limit for row in run if SOUND in row.metrics)


def _believed_db(root: Path) -> float | None:
    path = root / HEARING
    return float(json.loads(path.read_text(encoding="utf-8"))["believed_down_to_db"]) if path.is_file() else None
