"""Several runs side by side on a terminal, best first: what ``fdbench demo`` ends with.

::

                     lost s  in pauses  at ends  after s  ...
    oracle             0.19       0.00     1.00     0.21
    vad-endpointer     1.68       1.00     1.00     0.58
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Final

from fdbench.core.metric import CORRECTED
from fdbench.io.text_table import text_table
from fdbench.report.markdown import bound
from fdbench.report.rows import Row

LOST: Final = "lost_per_turn_s"
_COLUMNS: Final = (
    ("pause_handling", "takeover_rate", "in pauses"),
    ("turn_taking", "takeover_rate", "at ends"),
    ("turn_taking", "response_latency_s", "after s"),
    ("user_interruption", "talked_through_rate", "through"),
    ("user_interruption", "stop_latency_s", "stops s"),
    ("backchannel", "takeover_rate", "monologue"),
    ("backchannel", "backchannel_ceiling_share", "timing"),
)
_LEGEND: Final = (
    "lost: what the user waits, is talked over and is broken in on, in seconds per turn; less is better",
    "takes the turn: in pauses (should not), at ends (should), in monologues (should not); after: seconds behind the end",
    "interrupted: talks through, or stops after; timing: of backchannels, as a share of people's",
)


def render_board(rows: Sequence[Row]) -> list[str]:
    """The lines; a line per run. Of several tasks with one behaviour the mean of the rates stands there."""
    runs: dict[str, list[Row]] = {}
    for row in rows:
        if row.protocol in CORRECTED:
            runs.setdefault(row.run_id, []).append(row)
    if not runs:
        return ["no scores"]
    ordered = sorted(runs.values(), key=lambda own: (_lost(own) is None, _lost(own) or 0.0, own[0].collection.model))
    lines = [
        [own[0].collection.model, _shown(_lost(own)), *(_cell(own, behaviour, metric) for behaviour, metric, _ in _COLUMNS)]
        for own in ordered
    ]
    first = ordered[0][0]
    header = ["", "lost s", *(words for _, _, words in _COLUMNS)]
    title = f"{first.scored.family}: {first.protocol}, {first.engines.asr.partition(';')[0]}, {first.engines.vad}"
    return [title, "", *text_table(lines, header=header, right=range(1, len(header))), "", *_LEGEND]


def _lost(own: Sequence[Row]) -> float | None:
    values = [row.metrics[LOST].value if LOST in row.metrics else None for row in own]
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None


def _cell(own: Sequence[Row], behaviour: str, metric: str) -> str:
    found = [row.metrics[metric] for row in own if row.scored.behaviour == behaviour and metric in row.metrics]
    values = [each.value for each in found if each.value is not None]
    if values and len(values) == len(found):
        return _shown(fmean(values))
    return bound(found[0]) if len(found) == 1 and bound(found[0]) else "-"


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{round(value, 2) + 0.0:.2f}"
