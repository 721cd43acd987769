"""How turns pass over a family's tasks, beside people, as Markdown: a row per run, a table for each set of engines and people.

A run is marked *front* where no other of its table waits less and is broken into less (``stats.frontier``). The smallest
competing overlap and the best F1 of boundaries of two or more models are bold, never a trivial agent's: silence has no overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from fdbench.core.metric import OVERLAP_KINDS, RECALL_WITHIN_S
from fdbench.report.markdown import DAGGER, NOTHING, arguments_text, code, escape, table
from fdbench.report.ranking import MIN_RANKED_N, beyond_limits
from fdbench.report.rows import Row
from fdbench.stats.frontier import front_of
from fdbench.store.conversation import Estimate, FamilyConversation, TakenRate

HEADING: Final = "### How turns pass, beside people"
_HEADER: Final = (
    "model", "ends of turns,<br>F1 ↑", "<sub>precision;<br>recall within<br>0.5, 1, 2 s</sub>", "takes holds",
    "takes shifts", "speaks against<br>(s/min) ↓", "waits (s) ↓", "breaks into<br>turns ↓", "onsets from<br>people (bit) ↓",
    "backchannels from<br>memoryless (bit)",
)  # fmt: skip


def conversation_lines(rows: Sequence[Row]) -> list[str]:
    """The tables of one family's rows; none where nothing is known."""
    runs: dict[tuple[object, ...], dict[str, list[Row]]] = {}
    for row in rows:
        if row.conversation is not None:
            condition = row.collection.condition
            surroundings = (row.engines.asr, row.engines.vad, condition != "clean", condition, row.placement)
            of_table = runs.setdefault((*surroundings, row.conversation.human), {})
            of_table.setdefault(row.run_id, []).append(row)
    lines = []
    for of_table in (found for _, found in sorted(runs.items())):
        lines += _table([each for _, each in sorted(of_table.items(), key=lambda run: _place(run[1][0]))])
    return [HEADING, "", *lines] if lines else []


def _place(row: Row) -> tuple[str, ...]:
    return row.collection.model.casefold(), arguments_text(row.collection.arguments), row.path


def _table(runs: Sequence[Sequence[Row]]) -> list[str]:
    found = {rows[0].path: rows[0].conversation for rows in runs if rows[0].conversation is not None}
    first = next(iter(found.values()))
    row = runs[0][0]
    facts = [f"people {code(first.human)}", f"ASR {code(row.engines.asr)}", f"VAD {code(row.engines.vad)}"]
    facts += [f"condition {code(row.collection.condition)}"] if row.collection.condition != "clean" else []
    points = {path: (each.frontier.wait_s.value, each.frontier.broken.value) for path, each in found.items() if each.frontier}
    placed = [
        (path, (wait_s, broken)) for path, (wait_s, broken) in points.items() if wait_s is not None and broken is not None
    ]
    front = {placed[index][0] for index in front_of([point for _, point in placed])}
    ends = _best(runs, lambda each: each.boundaries.f1 if each.boundaries else None, most=True)
    against = _best(runs, lambda each: each.competing, most=False)
    body = []
    for rows in runs:
        each = found[rows[0].path]
        shape = each.onsets
        body.append(
            [
                _model(rows[0]),
                _estimate(each.boundaries.f1 if each.boundaries else None, is_best=rows[0].path in ends),
                _recalls(each),
                _taken(each.holds),
                _taken(each.shifts),
                f"{_estimate(each.competing, is_best=rows[0].path in against)}{_kinds(each)}",
                _estimate(each.frontier.wait_s if each.frontier else None)
                + ("<br><sub>front</sub>" if rows[0].path in front else ""),
                _estimate(each.frontier.broken if each.frontier else None),
                _estimate(shape.excess if shape else None),
                f"{each.rhythm.memoryless_bits:.2f}<br><sub>n={each.rhythm.n_intervals}</sub>" if each.rhythm else NOTHING,
            ]
        )
    note = [f"<sub>{escape(first.human_note)}</sub>", ""] if first.human_note else []
    return [" · ".join(facts), "", *table(list(_HEADER), body, numbers=range(1, len(_HEADER))), "", *note]


def _best(
    runs: Sequence[Sequence[Row]], figure: Callable[[FamilyConversation], Estimate | None], *, most: bool
) -> frozenset[str]:
    """The paths of the models that are best of two or more, as printed."""
    values: dict[str, float] = {}
    for rows in runs:
        each = rows[0].conversation
        estimate = None if each is None else figure(each)
        is_ranked = rows[0].collection.kind != "trivial" and not any(map(beyond_limits, rows))
        if estimate is not None and estimate.value is not None and estimate.n >= MIN_RANKED_N and is_ranked:
            values[rows[0].path] = round(estimate.value, 2) * (1 if most else -1)
    return frozenset(path for path, value in values.items() if len(values) > 1 and value == max(values.values()))


def _model(row: Row) -> str:
    name = escape(row.collection.model) + (DAGGER if row.collection.kind == "trivial" else "")
    arguments = code(arguments_text(row.collection.arguments))
    return "<br>".join(part for part in (name, arguments) if part)


def _estimate(estimate: Estimate | None, *, is_best: bool = False) -> str:
    if estimate is None or estimate.value is None:
        return NOTHING
    value = f"{round(estimate.value, 2) + 0.0:.2f}"
    below = f"n={estimate.n}" if estimate.n < MIN_RANKED_N else _interval(estimate)
    return (f"**{value}**" if is_best else value) + (f"<br><sub>{below}</sub>" if below else "")


def _interval(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    return f"[{round(estimate.low, 2) + 0.0:.2f}, {round(estimate.high, 2) + 0.0:.2f}]"


def _recalls(each: FamilyConversation) -> str:
    if each.boundaries is None:
        return NOTHING
    recalls = ", ".join(_share(each.boundaries.recall, name) for name in RECALL_WITHIN_S)
    precision = NOTHING if each.boundaries.precision is None else f"{each.boundaries.precision:.2f}"
    return f"<sub>{precision}; {recalls}</sub>"


def _share(shares: Mapping[str, float], name: str) -> str:
    return f"{shares[name]:.2f}" if name in shares else NOTHING


def _taken(rate: TakenRate | None) -> str:
    """The model's rate; where people's is known, below it how much more often than they it takes the turn."""
    if rate is None:
        return NOTHING
    if rate.people is None or rate.difference is None:
        return _estimate(rate.model)
    value, people = (each.value or 0.0 for each in (rate.difference, rate.people))
    return f"{rate.model.value or 0.0:.2f}<br><sub>{value:+.2f} {_interval(rate.difference)} to {people:.2f}</sub>"


def _kinds(each: FamilyConversation) -> str:
    """All overlap, and of what kinds it is, where there is any."""
    total = sum(each.overlap_s_per_minute.values())
    kinds = [
        f"{kind} {each.overlap_s_per_minute[kind]:.1f}" for kind in OVERLAP_KINDS if each.overlap_s_per_minute.get(kind, 0)
    ]
    return f"<br><sub>of {total:.1f}: {', '.join(kinds)}</sub>" if kinds else ""
