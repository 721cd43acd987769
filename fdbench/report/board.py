"""Several runs side by side on a terminal, best first: what ``fdbench demo`` ends with.

::

                     lost s  waits  takes  after s  yields  stops s  timing
    oracle             0.19   100%   100%     0.21    100%     0.33     76%
    vad-endpointer     1.65     0%   100%     0.58    100%     0.33       -
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fdbench.io.text_table import text_table
from fdbench.report.figure import figure_text
from fdbench.report.headline import FIGURES, OPTIONAL, Headline, boards
from fdbench.report.rows import Row

_WORDS: Final = {
    "lost": "lost s", "waits": "waits", "turn": "takes", "after": "after s", "human": "to people s", "yields": "yields",
    "stops": "stops s", "backchannels": "timing", "selects": "selects",
    "goals": "goals",
}  # fmt: skip
_LEGEND: Final = (
    "lost: what the user waits, is talked over and is broken in on, in seconds per turn; less is better",
    "waits: in pauses; takes: the turn at its end, and after how long; yields: to interruptions, and stops after how long",
    "to people: how far the onsets after a turn are from people's, as a distribution, in seconds; less is better",
    "timing: of backchannels, as a share of what people's own would reach",
    "selects: responds to interruptions, less how often to what is not meant for it; -1 to 1; goals: met in dialogues",
)


def render_board(rows: Sequence[Row]) -> list[str]:
    """The lines: a table for each set of clips and engines, a line per run in it."""
    lines = [line for board in boards(rows) for line in (*_table(board), "")]
    return [*lines, *_LEGEND] if lines else ["no scores"]


def _table(board: Sequence[Headline]) -> list[str]:
    first = board[0].rows[0]
    title = f"{first.scored.family}: {first.protocol}, {first.engines.asr.partition(';')[0]}, {first.engines.vad}"
    shown = [name for name in FIGURES if name not in OPTIONAL or any(figure_text(getattr(each, name)) for each in board)]
    lines = [[each.rows[0].collection.model, *(figure_text(getattr(each, name)) or "-" for name in shown)] for each in board]
    return [title, "", *text_table(lines, header=["", *(_WORDS[name] for name in shown)], right=range(1, len(shown) + 1))]
