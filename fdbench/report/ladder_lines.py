"""Ladders as Markdown, a table each: models and what is measured down, levels across, colour by loss; and as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from fdbench.errors import MissingExtraError
from fdbench.report.ladders import LOST, LadderTable, Line, Measure, Step
from fdbench.report.markdown import DAGGER, NOTHING, arguments_text, code, escape, table

_COLOURS: Final = ((0.1, "🟩"), (0.5, "🟨"), (1.0, "🟧"))
"""Worse than clean by less than so much: seconds per turn, or twice a share; red beyond."""
_WORST: Final = "🟥"
_BEYOND: Final = "‡"
_PER_DROP: Final = "0.1 worse at"

READING: Final = (
    "Each model under each condition, minus itself clean, paired by clip: the mean difference, below it its 95 % interval "
    "and the value. 🟩 less than 0.1 s per turn (or 5 points) worse than clean, 🟨 less than 0.5 s (25), 🟧 less than 1 s "
    "(50), 🟥 more. Slope: least squares over the levels. *0.1 worse at*: where it is 0.1 worse than clean, linear between "
    "levels; empty where it never is. Only what the model hears is changed; it is scored on what it said, and what the way to "
    "it takes is taken out of its times. Noise is made of other voices than the prompt's, of its spectrum or of chance, and of "
    f"nothing recorded. {_BEYOND} the model's own channel is noisier than our hearing is good for.",
)


def ladder_lines(tables: Sequence[LadderTable]) -> list[str]:
    """The section; nothing where there is no ladder."""
    if not tables:
        return []
    lines = ["## Robustness", "", *READING, ""]
    for each in tables:
        lines += [f"### {escape(each.ladder.capitalize())}: {escape(each.series)}", "", *_table_lines(each), ""]
    return lines


def _table_lines(ladder: LadderTable) -> list[str]:
    has_levels = any(line.response is not None for line in ladder.lines)
    unit = next((rung.unit for rung in ladder.rungs if rung.level is not None), "")
    header = ["model", "", "clean", *(escape(rung.title) for rung in ladder.rungs)]
    header += [f"slope per {unit}", _PER_DROP] if has_levels else []
    body = []
    for line in ladder.lines:
        of_rung = {step.rung: step for step in line.steps}
        clean = next((step.change.clean for step in line.steps if step.change is not None), None)
        cells = [_model(line), escape(line.measure.title), NOTHING if clean is None else _value(clean, line.measure)]
        cells += [_cell(of_rung[rung], line.measure) if rung in of_rung else NOTHING for rung in ladder.rungs]
        body.append([*cells, *(_response(line, unit) if has_levels else [])])
    return table(header, body, numbers=range(2, len(header)))


def _model(line: Line) -> str:
    collection = line.row.collection
    name = escape(collection.model) + (DAGGER if collection.kind == "trivial" else "")
    arguments = arguments_text(collection.arguments)
    return f"{name}<br>{code(arguments)}" if arguments else name


def _cell(step: Step, measure: Measure) -> str:
    beyond = _BEYOND if step.is_beyond else ""
    if step.change is None:
        return f"{_value(step.value, measure)}{beyond}"
    change = step.change
    difference = f"{_colour(step, measure)} {_signed(change.difference, measure)}{beyond}"
    if change.low is None or change.high is None:
        return f"{difference}<br><sub>{_value(change.under, measure)}, n={change.n}</sub>"
    interval = f"[{_signed(change.low, measure)}, {_signed(change.high, measure)}]"
    return f"{difference}<br><sub>{interval} {_value(change.under, measure)}</sub>"


def _colour(step: Step, measure: Measure) -> str:
    assert step.change is not None
    worse = -2 * step.change.difference if measure.higher_is_better else step.change.difference
    return next((colour for below, colour in _COLOURS if worse < below), _WORST)


def _response(line: Line, unit: str) -> list[str]:
    if line.response is None:
        return [NOTHING, NOTHING]
    slope, breaks = line.response.slope_per_db, line.response.breaks_at_db
    return [NOTHING if slope is None else f"{slope:+.3f}", NOTHING if breaks is None else f"{breaks:.1f} {escape(unit)}"]


def _value(value: float, measure: Measure) -> str:
    return f"{value:.2f}" if measure is LOST else f"{100 * value:.0f}%"


def _signed(value: float, measure: Measure) -> str:
    scaled = round(value, 2) if measure is LOST else round(100 * value)
    if not scaled:
        return "0"
    return f"{scaled:+.2f}" if measure is LOST else f"{scaled:+d}"


def draw_ladder(ladder: LadderTable, path: Path, measure: Measure = LOST) -> None:
    """A ladder as a picture: a curve per model with its intervals, the level from mild to hard.

    Args:
        path: Ends in .png or .svg.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "pictures", "a figure") from None
    figure: Any = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    places = {rung: at for at, rung in enumerate(ladder.rungs, 1)}
    for line in (line for line in ladder.lines if line.measure is measure):
        changes = [(places[step.rung], step.change) for step in line.steps if step.change is not None]
        at, means = [0, *(place for place, _ in changes)], [0.0, *(change.difference for _, change in changes)]
        below = [0.0, *(change.difference - (change.difference if change.low is None else change.low) for _, change in changes)]
        above = [
            0.0,
            *((change.difference if change.high is None else change.high) - change.difference for _, change in changes),
        ]
        axes.errorbar(at, means, [below, above], marker="o", capsize=3, label=line.row.collection.model)
    axes.axhline(0, color="0.7", linewidth=0.8, zorder=0)
    axes.set_xticks([0, *places.values()], ["clean", *(rung.title for rung in ladder.rungs)])
    axes.set_xlabel(f"{ladder.ladder}: {ladder.series}")
    axes.set_ylabel("lost seconds per turn, minus clean" if measure is LOST else f"{measure.title}, minus clean")
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120, metadata={"Software": None} if path.suffix == ".png" else {"Date": None})
