"""A model in one line: what a turn with it costs the user, and how it waits, answers, yields and backchannels.

::

    run a   pause_handling  turn_taking  user_interruption  backchannel   --> one Headline: lost = mean of the four
    run b   pause_handling  turn_taking  user_interruption  backchannel   --> another of the same board
    run c   pause_handling                                                --> the same board, shown last: not ranked
    run d   ... of other clips, or heard by another recogniser            --> another board
    any     overlap.*, dialogue                                           --> its selectivity and goals, in the same line

Conventions: only ``CORRECTED`` protocols, and only from stored summaries. The four behaviours weigh the same, and so do the
sets of clips of one behaviour (``report.figure``). A share is a share of what is wanted: waiting is 1 - takeover rate in
pauses, yielding 1 - talked through.

The behaviours with a clean twin and dialogues have no part in ``lost``: what they say is in ``selectivity``
(``report.selectivity``) and ``goals``, and a run without them is ranked all the same.

Never ranked: a model beyond a limit in any of its tasks (``ranking.beyond_limits``), one that was not run on all of its board's
tasks, one with fewer than ``MIN_RANKED_N`` samples in a task.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from fdbench.core.behaviour import (
    ALONE,
    BACKCHANNEL,
    BEHAVIOURS,
    DIALOGUE,
    OVERLAPS,
    PAUSE_HANDLING,
    TURN_TAKING,
    USER_INTERRUPTION,
)
from fdbench.core.family import BENCHMARK, FAMILIES
from fdbench.core.metric import CORRECTED, HUMAN_DISTANCE
from fdbench.core.signature import parse_signature
from fdbench.report.figure import (
    DIFFERENCE,
    NO_FIGURE,
    PRINTED_PLACES,
    SECONDS,
    SHARE,
    Figure,
    complement_of,
    figure_of,
    mean_of,
    printed,
)
from fdbench.report.ranking import (
    FACTS_OF_THE_RUN,
    MIN_RANKED_N,
    ROUNDING,
    beyond_limits,
    n_behind,
    place,
    scope_of,
)
from fdbench.report.rows import Row
from fdbench.report.selectivity import RESPOND, Selectivity, selectivity_of

LOST: Final = "lost_per_turn_s"
FIGURES: Final = ("lost", "waits", "turn", "after", "human", "yields", "stops", "backchannels", "selects", "goals")
"""The ranked figures of a headline, by attribute, in the order of columns."""
OPTIONAL: Final = ("human", "selects", "goals")
"""Those that have no column where no run of a board has them."""


@dataclass(frozen=True, slots=True)
class Headline:
    """What the front page says about one run.

    Attributes:
        rows: The tasks that it is made from, in the order of behaviours.
        lost: Seconds that the user loses per turn, mean of the four tasks.
        wait_s, talked_over_s, breaks: Its parts, in seconds per turn; None as ``lost`` is.
        lost_worded: ``lost`` where replies of fewer than 3 recognised words do not end the wait.
        waits: Share of pauses in which it waits.
        turn: Share of turns that it takes.
        after: Signed median latency of the reply after a turn.
        human: How far its onsets after a turn are from people's, as a distribution.
        yields: Share of interruptions to which it yields.
        stops: Median time until it does.
        backchannels: How well its backchannels are timed, as a share of what people's own would reach.
        bits: The same in bits per backchannel.
        amount_off: The factor by which their rate is off people's, either way; 1 is right.
        selects: Whether it responds to interruptions alone (``selectivity``), and its parts.
        goals: Share of the goals of its dialogues that it meets.
        not_ranked: Why it is not ranked, in a few words; empty where it is.
        spread: By figure, how far apart the values are of those who heard the same calls; empty where one pair of ears did.
    """

    rows: tuple[Row, ...]
    lost: Figure
    wait_s: float | None
    talked_over_s: float | None
    breaks: float | None
    lost_worded: Figure
    waits: Figure
    turn: Figure
    after: Figure
    yields: Figure
    stops: Figure
    backchannels: Figure
    bits: float | None
    amount_off: float | None
    selects: Figure = NO_FIGURE
    selectivity: Selectivity | None = None
    goals: Figure = NO_FIGURE
    human: Figure = NO_FIGURE
    not_ranked: str = ""
    spread: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_trivial(self) -> bool:
        return self.rows[0].collection.kind == "trivial"


def boards(rows: Sequence[Row]) -> list[list[Headline]]:
    """One board for each set of clips, recogniser, detector, condition and placement; in it a headline per run, best first.

    A run on fewer tasks stands in the board of a run on more, if what it was run on is the same. Rows without lost seconds (of
    the published protocols, or of older scores) are left out. The order in which rows come in makes no difference.
    """
    runs: dict[tuple[tuple[object, ...], str], dict[str, Row]] = {}
    for row in sorted(rows, key=lambda row: row.path):
        if row.protocol in CORRECTED and LOST in row.metrics:
            scoring = (_surroundings(row), row.run_id)  # judges differ in nothing that is said here: the first of them
            runs.setdefault(scoring, {}).setdefault(row.task, row)
    found: list[tuple[tuple[object, ...], dict[str, object], list[list[Row]]]] = []
    widest_first = sorted(runs.items(), key=lambda run: (run[0][0], -len(run[1]), _size(run[1]), run[0][1]))
    for (surroundings, _), tasks in widest_first:
        definitions: dict[str, object] = {name: _definition(row) for name, row in tasks.items()}
        for where, of_board, members in found:
            if where == surroundings and definitions.items() <= of_board.items():
                members.append(list(tasks.values()))
                break
        else:
            found.append((surroundings, definitions, [list(tasks.values())]))
    return _with_spreads([_in_order([headline_of(run, _ranked_tasks(members)) for run in members]) for _, _, members in found])


def _with_spreads(found: Sequence[Sequence[Headline]]) -> list[list[Headline]]:
    """What differs in a run's figures although only those who heard it do: the error of the instrument."""
    by_run: dict[tuple[object, ...], list[Headline]] = {}
    for headline in (each for board in found for each in board):
        by_run.setdefault(_call_of(headline), []).append(headline)
    spreads: dict[tuple[object, ...], dict[str, float]] = {}
    for call, heard in by_run.items():
        values = {name: [getattr(each, name).value for each in heard] for name in FIGURES}
        known = {name: [value for value in of_figure if value is not None] for name, of_figure in values.items()}
        spreads[call] = {name: max(each) - min(each) for name, each in known.items() if len(each) > 1}
    return [[replace(each, spread=spreads[_call_of(each)]) for each in board] for board in found]


def _call_of(headline: Headline) -> tuple[object, ...]:
    row = headline.rows[0]
    return row.run_id, row.protocol, row.placement, tuple(each.task for each in headline.rows)


def _ranked_tasks(members: Sequence[Sequence[Row]]) -> tuple[str, ...]:
    """The tasks of a board that a run has to have been run on to be ranked."""
    return tuple(dict.fromkeys(row.task for run in members for row in run if row.scored.behaviour in ALONE))


def headline_of(rows: Sequence[Row], tasks: Sequence[str] = ()) -> Headline:
    """The headline of one run under one corrected protocol, one set of engines and one family of tasks.

    Args:
        rows: One for each task; at least one.
        tasks: The tasks that it shall be ranked on; those that it was not run on are why it is not.
    """
    rows = tuple(sorted(rows, key=lambda row: (place(row.scored.behaviour, tuple(BEHAVIOURS)), row.task)))
    of_behaviour: dict[str, list[Row]] = {name: [row for row in rows if row.scored.behaviour == name] for name in BEHAVIOURS}
    everywhere = {row.task: 1 / (len(ALONE) * len(of_behaviour[name])) for name in ALONE for row in of_behaviour[name]}
    is_whole = all(of_behaviour[name] for name in ALONE)
    shown = [row for row in rows if row.task in everywhere] if is_whole else []
    not_ranked = _why_not(rows, tasks)
    lost = figure_of(shown, LOST, everywhere, SECONDS)
    pauses, backchannel = of_behaviour[PAUSE_HANDLING], of_behaviour[BACKCHANNEL]
    log2 = mean_of(backchannel, "backchannel_rate_log2")
    has_lost = lost.value is not None
    selectivity = selectivity_of(of_behaviour)
    return Headline(
        rows=rows,
        lost=lost,
        wait_s=_part(shown, "wait_s", everywhere) if has_lost else None,
        talked_over_s=_part(shown, "talked_over_s", everywhere) if has_lost else None,
        breaks=_part(shown, "breaks", everywhere) if has_lost else None,
        lost_worded=figure_of(shown, "lost_worded_s", everywhere, SECONDS),
        waits=complement_of(figure_of(pauses, "takeover_rate")),
        turn=figure_of(of_behaviour[TURN_TAKING], "takeover_rate"),
        after=figure_of(of_behaviour[TURN_TAKING], "response_latency_s", unit=SECONDS),
        yields=complement_of(figure_of(of_behaviour[USER_INTERRUPTION], "talked_through_rate")),
        stops=figure_of(of_behaviour[USER_INTERRUPTION], "stop_latency_s", unit=SECONDS),
        backchannels=figure_of(backchannel, "backchannel_ceiling_share"),
        bits=mean_of(backchannel, "backchannel_bits"),
        amount_off=None if log2 is None else 2**log2,
        selects=NO_FIGURE if selectivity is None else _selects(selectivity, of_behaviour),
        selectivity=selectivity,
        goals=figure_of(of_behaviour[DIALOGUE], "goal_coverage_rate"),
        human=figure_of(of_behaviour[TURN_TAKING], HUMAN_DISTANCE, unit=SECONDS),
        not_ranked=not_ranked or ("" if lost.merit is not None else _why_no_lost(rows)),
    )


def _selects(found: Selectivity, of_behaviour: Mapping[str, Sequence[Row]]) -> Figure:
    rows = [row for name in OVERLAPS for row in of_behaviour[name]]
    is_ranked = found.n >= MIN_RANKED_N and not any(beyond_limits(row) for row in rows)
    merit = round(found.value, PRINTED_PLACES[DIFFERENCE]) + 0.0 if is_ranked else None
    scope = tuple(scope_of(row, row.metrics[RESPOND]) for row in rows)
    return Figure(found.value, DIFFERENCE, found.low, found.high, found.n, merit=merit, scope=scope)


def best_in(board: Sequence[Headline], figure: str) -> frozenset[str]:
    """The runs whose figure is marked as best: of two or more ranked models that may be compared, never a trivial agent.

    Those that are no further from the best than the instrument's own error, in either of the two, share the mark.

    Args:
        figure: One of ``FIGURES``.
    """
    scopes: dict[tuple[object, ...], dict[str, float]] = {}
    for headline in board:
        found: Figure = getattr(headline, figure)
        if found.merit is not None and not headline.is_trivial and not headline.not_ranked:
            scopes.setdefault(found.scope, {})[headline.rows[0].run_id] = found.merit
    errors = {headline.rows[0].run_id: headline.spread.get(figure, 0.0) for headline in board}
    marked: set[str] = set()
    for merits in (each for each in scopes.values() if len(each) > 1):
        best = max(merits, key=lambda run: merits[run])
        marked |= {run for run, merit in merits.items() if merits[best] - merit <= max(errors[run], errors[best]) + ROUNDING}
    return frozenset(marked)


def _surroundings(row: Row) -> tuple[object, ...]:
    """What every headline of a board shares, so that boards sort as they follow each other."""
    condition = row.collection.condition
    family = place("".join(BENCHMARK) if row.scored.family in BENCHMARK else row.scored.family, FAMILIES)
    return (family, row.protocol, condition != "clean", condition, row.engines.asr, row.engines.vad, row.placement)


def _definition(row: Row) -> tuple[object, ...]:
    """What a task was: its clips, and by which rules its lost seconds were counted."""
    facts = parse_signature(row.metrics[LOST].signature)
    rules = tuple(sorted((name, value) for name, value in facts.items() if name not in FACTS_OF_THE_RUN))
    return (row.scored.version, row.digest, row.scored.n_samples, rules)


def _size(tasks: Mapping[str, Row]) -> tuple[object, ...]:
    return (-sum(row.scored.n_samples for row in tasks.values()), sorted((name, row.digest) for name, row in tasks.items()))


def _in_order(board: Sequence[Headline]) -> list[Headline]:
    """Least lost first; those that are not ranked follow by name."""

    def key(headline: Headline) -> tuple[object, ...]:
        row = headline.rows[0]
        score = 0.0 if headline.not_ranked or headline.lost.merit is None else -headline.lost.merit
        arguments = sorted((argument, str(value)) for argument, value in row.collection.arguments.items())
        name = row.collection.model
        return (bool(headline.not_ranked), score, name.casefold(), name, arguments, row.path)

    return sorted(board, key=key)


def _why_not(rows: Sequence[Row], tasks: Sequence[str]) -> str:
    over: dict[str, list[Row]] = {}
    for row in rows:
        for metric in beyond_limits(row):
            over.setdefault(metric, []).append(row)
    beyond = [_beyond(metric, of_metric) for metric, of_metric in over.items()]
    run = {row.task for row in rows}
    behaviours = {row.scored.behaviour for row in rows}
    without = [_words(name) for name in ALONE if name not in behaviours] + [task for task in tasks if task not in run]
    missing = [f"{name} not run" for name in dict.fromkeys(_words(name.partition("/")[2] or name) for name in without)]
    few = [] if missing else _few(rows)
    return ", ".join([*beyond, *missing, *few])


def _beyond(metric: str, rows: Sequence[Row]) -> str:
    most = printed(max(row.metrics[metric].value or 0.0 for row in rows), SHARE)
    if len(rows) > 1:
        return f"up to {most} {_words(metric)}"
    return f"{most} {_words(metric)} in {_words(rows[0].scored.behaviour)}"


def _few(rows: Sequence[Row]) -> list[str]:
    fewest = min((n_behind(row.metrics[LOST]) for row in rows if LOST in row.metrics), default=0)
    return [f"n = {fewest}"] if 0 < fewest < MIN_RANKED_N else []


def _why_no_lost(rows: Sequence[Row]) -> str:
    without = [row for row in rows if LOST not in row.metrics or row.metrics[LOST].value is None]
    return "no lost seconds in " + ", ".join(_words(row.scored.behaviour) for row in without)


def _words(name: str) -> str:
    return name.removesuffix("_rate").replace("_", " ")


def _part(rows: Sequence[Row], part: str, weights: Mapping[str, float]) -> float | None:
    parts = [(row.task, row.metrics[LOST].details.get(part)) for row in rows]
    if not parts or any(seconds is None for _, seconds in parts):
        return None
    return math.fsum(weights[task] * (seconds or 0.0) for task, seconds in parts)
