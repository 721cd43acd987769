"""A call of two channels on one screen: who speaks how much, who takes over when, and who talks over whom."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Sequence
from statistics import quantiles
from typing import TYPE_CHECKING, Final

from fdbench.io.text_table import text_table

if TYPE_CHECKING:
    from fdbench.human.call_measures import CallMeasures, SideMeasures

BIN_S: Final = 0.2
FIRST_S, LAST_S = -1.0, 3.0
"""Where the histogram begins and ends; what lies beyond is in its outer bars."""
_BAR: Final = 40
_COLUMNS: Final = 100


def call_lines(call: CallMeasures) -> list[str]:
    """The lines of a call, plain text, each of at most 100 characters."""
    minutes = call.length_s / 60
    share = 100 / call.length_s if call.length_s else 0.0
    sides = (("user", call.user), ("model", call.model))
    table = text_table(
        [
            (name, f"{side.speech_s:.1f} s", f"{side.speech_s * share:.0f}%", str(len(side.turns)), str(len(side.backchannels)))
            for name, side in sides
        ],
        header=("", "speaks", "of it", "turns", "backchannel candidates"),
        right=(1, 2, 3, 4),
    )
    kinds = call.overlap
    longest = max((each.duration_s for each in call.silences), default=0.0)
    lines = [
        f"{call.name}: {int(minutes)} min {call.length_s % 60:.0f} s, {call.detector}",
        *(f"! {note}" for note in call.notes),
        "",
        *table,
        "",
        f"overlap {kinds.overlap_s:.1f} s: the model talks over the user {call.model_talks_over_s:.1f} s (terminal "
        f"{kinds.seconds('terminal'):.1f}, competitive {kinds.seconds('competitive'):.1f}),",
        f"  the user over the model {call.user_talks_over_s:.1f} s (yielded {kinds.seconds('yielded'):.1f}, held "
        f"{kinds.seconds('held'):.1f}), the model's backchannels {kinds.seconds('backchannel'):.1f} s",
        f"silence {sum(each.duration_s for each in call.silences):.1f} s in {len(call.silences)} stretches, "
        f"{len(call.long_silences)} of them longer than 2 s, the longest {longest:.1f} s",
        "",
        *_transfers("the model takes over from the user", call.model),
        *_transfers("the user takes over from the model", call.user),
        "",
        *_histogram(call.model.offsets_s),
    ]
    return [part for line in lines for part in textwrap.wrap(line, _COLUMNS, subsequent_indent="  ") or [""]]


def _transfers(what: str, side: SideMeasures) -> list[str]:
    offsets_s = side.offsets_s
    if not offsets_s:
        return [f"{what}: never"]
    n_overlaps = sum(offset_s < 0 for offset_s in offsets_s)
    spread = f", 90% under {_p90(offsets_s):+.2f} s" if len(offsets_s) > 1 else ""
    return [
        f"{what}: {len(offsets_s)} times, {len(offsets_s) - n_overlaps} after a gap and {n_overlaps} in overlap, "
        f"median {side.median_offset_s:+.2f} s{spread}"
    ]


def _p90(values: Sequence[float]) -> float:
    return quantiles(values, n=10, method="inclusive")[-1]


def _histogram(offsets_s: Sequence[float]) -> list[str]:
    """Bars of the model's floor transfer offsets; none where there are none."""
    if not offsets_s:
        return []
    n_bins = round((LAST_S - FIRST_S) / BIN_S)
    counts = Counter(min(n_bins, max(-1, math.floor((offset_s - FIRST_S) / BIN_S + 1e-9))) for offset_s in offsets_s)
    most = max(counts.values())
    lines = ["from the end of the user's turn to the model's (s)"]
    for number in range(min(counts), max(counts) + 1):
        start_s = FIRST_S + number * BIN_S
        label = f"under {FIRST_S:+.1f}" if number < 0 else f"from {LAST_S:+.1f}" if number == n_bins else f"{start_s:+.1f}"
        n = counts.get(number, 0)
        lines.append(f"{label:>10} {'#' * math.ceil(_BAR * n / most)}{f' {n}' if n else ''}".rstrip())
    return lines
