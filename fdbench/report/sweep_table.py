"""A sweep: what each of its runs gave, as one table and as the file that pictures are drawn from.

::

    silence_ms   lost   wait (s)            breaks               front
    100          5.41   0.19 [0.18, 0.20]   0.47 [0.33, 0.62]    *
    500          1.65   0.56 [0.54, 0.57]   0.20 [0.11, 0.33]    *
    hypervolume 0.81 (1: no wait and no break; 0: worthless)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fdbench.core.metric import CORRECTED
from fdbench.errors import DataError
from fdbench.io.text_table import text_table
from fdbench.io.visible import visible
from fdbench.report.headline import LOST, headline_of
from fdbench.report.rows import Row, read_run
from fdbench.stats.frontier import front_of, hypervolume
from fdbench.store.conversation import Estimate
from fdbench.store.sweep import Sweep, SweepPoint


def sweep_of(model: str, runs: Sequence[tuple[Mapping[str, str], Path]]) -> Sweep:
    """The sweep that some runs are.

    Args:
        model: What is swept, for headings.
        runs: What is particular to each run, and its folder.

    Raises:
        DataError: A run has no scores under the corrected protocol.
    """
    rows = [_rows_of(folder) for _, folder in runs]
    found = [_point(settings, of_run) for (settings, _), of_run in zip(runs, rows, strict=True)]
    places = [
        (index, (point.wait_s.value or 0.0, point.broken.value or 0.0))
        for index, point in enumerate(found)
        if point.wait_s is not None and point.broken is not None
    ]
    front = {places[each][0] for each in front_of([place for _, place in places])}
    first = rows[0][0]
    return Sweep(
        model=model,
        varied=[*runs[0][0]],
        family=first.scored.family,
        engines={"asr": first.engines.asr, "vad": first.engines.vad, "condition": first.collection.condition},
        points=[point.model_copy(update={"is_on_front": index in front}) for index, point in enumerate(found)],
        hypervolume=hypervolume([place for _, place in places]),
    )


def sweep_lines(sweep: Sweep) -> list[str]:
    """The table for a terminal."""
    header = (*sweep.varied, "lost (s)", "waits (s)", "breaks into turns", "front")
    rows = [
        [
            *point.settings.values(),
            "-" if point.lost_s is None else f"{point.lost_s:.2f}",
            _estimate(point.wait_s),
            _estimate(point.broken),
            "*" if point.is_on_front else "",
        ]
        for point in sweep.points
    ]
    n = len(sweep.varied)
    table = text_table(rows, header=header, right=range(n, n + 1))
    last = f"hypervolume {sweep.hypervolume:.3f} (1: no wait and no break; 0: worthless)"
    return [visible(line) for line in [f"{sweep.model}, {sweep.family}", *table, last]]


def _rows_of(folder: Path) -> list[Row]:
    rows = [row for row in read_run(folder) if row.protocol in CORRECTED]
    if not rows:
        raise DataError(f"{folder}: has no scores under fdbench", "leave --protocol out, or name fdbench, too")
    return [row for row in rows if row.path == rows[0].path]


def _point(settings: Mapping[str, str], rows: Sequence[Row]) -> SweepPoint:
    conversation = next((row.conversation for row in rows if row.conversation is not None), None)
    frontier = conversation.frontier if conversation is not None else None
    lost = headline_of(rows).lost.value if all(LOST in row.metrics for row in rows) else None
    return SweepPoint(
        run_id=rows[0].run_id,
        settings=dict(settings),
        lost_s=lost,
        wait_s=frontier.wait_s if frontier else None,
        broken=frontier.broken if frontier else None,
    )


def _estimate(estimate: Estimate | None) -> str:
    if estimate is None or estimate.value is None:
        return "-"
    interval = "" if estimate.low is None or estimate.high is None else f" [{estimate.low:.2f}, {estimate.high:.2f}]"
    return f"{estimate.value:.2f}{interval}"
