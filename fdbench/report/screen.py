"""How a run went, on one screen: per behaviour the number, the trivial agents next to it, and in words what that is worth.

::

    talks
    mini, fdbench, faster-whisper-tiny.en, silero-6.2.3
                                   value  95 %                nearest agent        verdict
    lost seconds per turn           1.25  1.10 to 1.40        vad-endpointer 1.50  0.25 s better than vad-endpointer
      waits + talks over + breaks         0.75 + 0.25 + 0.25
    takes the turn at its end       0.90  0.80 to 0.95        oracle 1.00          better than every trivial agent

A verdict says only what the intervals say: ``better than`` where the best agent's value lies outside the run's interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fdbench.core.behaviour import (
    DIALOGUE,
    OVERLAP_ASIDE,
    OVERLAP_BACKCHANNEL,
    OVERLAP_BACKGROUND,
    OVERLAP_INTERRUPTION,
    OVERLAPS,
    PROBE_INTERRUPTION,
    PROBE_NOISE,
)
from fdbench.core.metric import CORRECTED
from fdbench.core.score import MetricSummary
from fdbench.io.text_table import text_table
from fdbench.io.visible import visible
from fdbench.report.headline import boards
from fdbench.report.markdown import arguments_text, bound, number
from fdbench.report.ranking import MIN_RANKED_N, beyond_limits, is_rankable, merit, n_behind, tables
from fdbench.report.rows import Row
from fdbench.report.selectivity import Selectivity, selectivity_of

MAX_LINES: Final = 24
MOST_REMARKS: Final = 5
_LAYOUTS: Final = ((2, True), (1, True), (1, False), (0, False))
"""From the widest on: how many trivial agents stand beside a value, and whether its interval does."""
ORACLE: Final = "oracle"
BAR: Final = "vad-endpointer"
LOST_WORDS: Final = "lost seconds per turn"

CORRECTED_LINES: Final = (
    ("pause_handling", "takeover_rate", "takes the turn in a pause"),
    ("turn_taking", "takeover_rate", "takes the turn at its end"),
    ("turn_taking", "response_latency_s", "  after (s)"),
    ("user_interruption", "talked_through_rate", "talks through interruptions"),
    ("user_interruption", "stop_latency_s", "  else stops in (s)"),
    ("backchannel", "takeover_rate", "takes over in a monologue"),
    ("backchannel", "backchannel_ceiling_share", "  backchannels' timing"),
    (OVERLAP_INTERRUPTION, "wanted_rate", "overlap: responds to the user"),
    (OVERLAP_BACKCHANNEL, "wanted_rate", '  goes on through a "yeah"'),
    (OVERLAP_ASIDE, "wanted_rate", "  through talk to others"),
    (OVERLAP_BACKGROUND, "wanted_rate", "  through background speech"),
    (PROBE_INTERRUPTION, "stop_rate", "probe: stops for the user"),
    (PROBE_NOISE, "stop_rate", "  for a noise"),
    (DIALOGUE, "goal_coverage_rate", "dialogue: meets its goals"),
)
PUBLISHED_LINES: Final = (
    ("pause_handling", "takeover_rate", "takes the turn in a pause"),
    ("turn_taking", "takeover_rate", "takes the turn at its end"),
    ("turn_taking", "response_latency_s", "  after (s)"),
    ("user_interruption", "takeover_rate", "takes the turn when interrupted"),
    ("user_interruption", "response_latency_s", "  after (s)"),
    ("backchannel", "takeover_rate", "takes over in a monologue"),
    ("backchannel", "backchannel_frequency_hz", "  backchannels (Hz)"),
    ("backchannel", "backchannel_js_distance", "  their distance from people's"),
    *((each, "judged_respond_rate", f"{each.replace('_', ' ').replace('.', ': ')}: responds") for each in OVERLAPS),
)


@dataclass(frozen=True, slots=True)
class Screen:
    """What is known at the end of a run.

    Attributes:
        rows: Of the run, under any protocols; the corrected one is shown where it is there.
        others: Of further runs; trivial agents among them stand beside it, where they share a table with it.
        remarks: What is wrong with the run as a whole.
        folder: Of the run.
    """

    rows: Sequence[Row]
    others: Sequence[Row]
    remarks: Sequence[str]
    folder: Path

    def lines(self, width: int = 100, *, with_next: bool = True) -> list[str]:
        """At most ``MAX_LINES`` lines of at most ``width`` characters, plain text."""
        rows = _shown_rows(self.rows)
        if not rows:
            return [*self._remarks(), "no scores", str(self.folder)]
        tables_by_width = (self._table(rows, n_nearest, with_interval) for n_nearest, with_interval in _LAYOUTS)
        fitting = (lines for lines in tables_by_width if max(map(len, lines)) <= width)
        body = [*_title(rows), *next(fitting, self._table(rows, *_LAYOUTS[-1])), *self._remarks()]
        last = self._next_steps(rows) if with_next else []
        room = MAX_LINES - len(last) - 1
        if len(body) > room:
            body = [*body[: room - 1], f"... {len(body) - room + 1} more lines: fdbench show {self.folder}"]
        return [visible(line)[:width].rstrip() for line in body] + ([""] if last else []) + [visible(line) for line in last]

    def _table(self, rows: Sequence[Row], n_nearest: int, with_interval: bool) -> list[str]:
        beside = [*rows, *(row for row in self.others if row.collection.kind == "trivial" and row.run_id != rows[0].run_id)]
        groups = {row.path + row.task: group for group in tables(beside) for row in group}
        several = len({row.scored.behaviour for row in rows}) < len(rows)
        lines = list(_lost_lines(rows, beside, n_nearest))
        for behaviour, metric, words in CORRECTED_LINES if rows[0].protocol in CORRECTED else PUBLISHED_LINES:
            for row in rows:
                if row.scored.behaviour == behaviour and metric in row.metrics:
                    name = f"{words} [{row.task.rpartition('.')[2]}]" if several and "." in row.task else words
                    lines.append((name, *_compared(row, metric, groups[row.path + row.task], n_nearest)))
        lines += _selectivity_lines(rows, beside, n_nearest)
        header = ("", "value", "95 %", "nearest trivial agents" if n_nearest > 1 else "nearest agent", "verdict")
        kept = [0, 1, *([2] if with_interval else []), *([3] if n_nearest else []), 4]
        lines = [line for line in lines if with_interval or line[1]]
        return text_table([[line[column] for column in kept] for line in (header, *lines)], right=(1,))

    def _next_steps(self, rows: Sequence[Row]) -> list[str]:
        """What to type, and last, for programs, where the run lies."""
        steps = [f"every number: fdbench show {self.folder}", "beside others: fdbench leaderboard"]
        if not any(row.collection.model == BAR for row in (*rows, *self.others)):
            steps += [f"the bar to cross: fdbench run --model {BAR} with the same --tasks and --out"]
        return [*steps, str(self.folder)]

    def _remarks(self) -> list[str]:
        shown = [f"! {remark}" for remark in self.remarks[:MOST_REMARKS]]
        left = len(self.remarks) - len(shown)
        return [*shown, f"! and {left} more remarks: fdbench show {self.folder}"] if left > 0 else shown


def _shown_rows(rows: Sequence[Row]) -> list[Row]:
    """Those of one protocol and one set of engines: the corrected one's, as it was scored last."""
    corrected = [row for row in rows if row.protocol in CORRECTED] or list(rows)
    return [row for row in corrected if (row.path, row.protocol) == (corrected[-1].path, corrected[-1].protocol)]


def _title(rows: Sequence[Row]) -> list[str]:
    first = rows[0]
    families = ", ".join(dict.fromkeys(row.scored.family for row in rows))
    settings = arguments_text(first.collection.arguments)
    ears = first.engines.asr.partition(";")[0]
    failed = sum(row.scored.n_errors for row in rows)
    told = f"; {failed} of {sum(row.scored.n_samples for row in rows)} samples failed" if failed else ""
    who = f"{first.collection.model} ({settings})" if settings else first.collection.model
    return [who, f"{families}, {first.protocol}, {ears}, {first.engines.vad}{told}"]


def _compared(row: Row, metric: str, group: Sequence[Row], n_nearest: int) -> tuple[str, str, str, str]:
    """Value, interval, the trivial agents next to it, and what that is worth."""
    summary = row.metrics[metric]
    agents = {each.collection.model: each.metrics[metric] for each in group if each is not row and metric in each.metrics}
    known = {name: each for name, each in agents.items() if each.value is not None}
    value = summary.value
    if value is None:
        return bound(summary) or "-", "", "", _why_not(summary)
    near = sorted(known, key=lambda name: abs((known[name].value or 0.0) - value))[:n_nearest]
    beside = ", ".join(f"{name} {_short(known[name].value or 0.0, summary.unit)}" for name in near)
    low, high = summary.ci_low, summary.ci_high
    interval = "" if low is None or high is None else f"{_short(low, summary.unit)} to {_short(high, summary.unit)}"
    rivals = {each.collection.model: each for each in group if each is not row and is_rankable(each, metric)}
    return _short(value, summary.unit), interval, beside, _verdict(row, metric, rivals)


def _verdict(row: Row, metric: str, rivals: Mapping[str, Row]) -> str:
    summary = row.metrics[metric]
    if not is_rankable(row, metric):
        beyond = beyond_limits(row)
        few = f"only {n_behind(summary)} samples" if n_behind(summary) < MIN_RANKED_N else "shown, never ranked"
        return f"not ranked: {', '.join(beyond)}" if beyond else few
    if row.collection.kind == "trivial":
        return ""
    own = merit(summary)
    better = {name: merit(each.metrics[metric]) for name, each in rivals.items() if name != ORACLE}
    if not better:
        return ""
    best = max(better, key=lambda name: better[name])
    if own <= better[best]:
        return f"as good as {best}" if own == better[best] else f"no better than {best}"
    value = rivals[best].metrics[metric].value
    is_apart = summary.ci_low is None or summary.ci_high is None or not summary.ci_low <= (value or 0.0) <= summary.ci_high
    return "better than every trivial agent" if is_apart else f"not told apart from {best}"


def _why_not(summary: MetricSummary) -> str:
    counts = ((summary.n_not_applicable, "not applicable"), (summary.n_censored, "never"), (summary.n_error, "failed"))
    return ", ".join(f"{n} {words}" for n, words in counts if n)


def _short(value: float, unit: str) -> str:
    return number(value, unit) if unit == "Hz" else f"{round(value, 2) + 0.0:.2f}"


def _lost_lines(rows: Sequence[Row], beside: Sequence[Row], n_nearest: int) -> Iterator[tuple[str, str, str, str, str]]:
    """Lost seconds as the leaderboard has them, and their parts; the agents' over the same tasks."""
    tasks = {row.task for row in rows}
    for board in boards([row for row in beside if row.task in tasks]):
        own = next((each for each in board if each.rows[0].run_id == rows[0].run_id), None)
        if own is None or own.lost.value is None:
            continue
        lost, low, high = own.lost.value, own.lost.low, own.lost.high
        agents = {each.rows[0].collection.model: each.lost.value for each in board if each is not own}
        known = {name: value for name, value in agents.items() if value is not None}
        near = sorted(known, key=lambda name: abs(known[name] - lost))[:n_nearest]
        interval = "" if low is None or high is None else f"{low:.2f} to {high:.2f}"
        shown = ", ".join(f"{name} {known[name]:.2f}" for name in near)
        yield LOST_WORDS, f"{lost:.2f}", interval, shown, "" if own.is_trivial else _lost_verdict(lost, high, known)
        parts = (own.wait_s, own.talked_over_s, own.breaks)
        yield "  waits + talks over + breaks", "", " + ".join(f"{part or 0.0:.2f}" for part in parts), "", ""


def _selectivity_lines(rows: Sequence[Row], beside: Sequence[Row], n_nearest: int) -> Iterator[tuple[str, str, str, str, str]]:
    """Selectivity and its parts, where the run has all four kinds of overlap."""
    found: dict[str, Selectivity] = {}
    for run_id in dict.fromkeys(row.run_id for row in beside):
        of_run: dict[str, list[Row]] = {}
        for row in beside:
            if row.run_id == run_id and row.protocol == rows[0].protocol:
                of_run.setdefault(row.scored.behaviour, []).append(row)
        selectivity = selectivity_of(of_run)
        if selectivity is not None:
            found[run_id] = selectivity
    own = found.pop(rows[0].run_id, None)
    if own is None:
        return
    names = {row.run_id: row.collection.model for row in beside}
    near = sorted(found, key=lambda run_id: abs(found[run_id].value - own.value))[:n_nearest]
    interval = "" if own.low is None or own.high is None else f"{own.low:.2f} to {own.high:.2f}"
    shown = ", ".join(f"{names[run_id]} {found[run_id].value + 0.0:.2f}" for run_id in near)
    yield "selects what is meant for it", f"{own.value + 0.0:.2f}", interval, shown, ""
    yield "  responds - responds unasked", "", f"{own.responds:.2f} - {own.responds_unasked:.2f}", "", ""


def _lost_verdict(lost: float, high: float | None, agents: Mapping[str, float]) -> str:
    rivals = {name: value for name, value in agents.items() if name != ORACLE}
    if not rivals:
        return ""
    best = min(rivals, key=lambda name: rivals[name])
    if lost >= rivals[best]:
        return f"no better than {best}"
    is_apart = high is None or high < rivals[best]
    return f"{rivals[best] - lost:.2f} s better than {best}" if is_apart else f"not told apart from {best}"
