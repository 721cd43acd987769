"""How far a number depends on who hears: the same calls heard by several recognisers and detectors.

::

    A: sphinx, silero   B: sphinx, webrtc   C: faster-whisper-tiny.en, silero
                                  A      B      C   spread
    takes the turn at its end  1.00   1.00   1.00     0.00
      after (s)                0.57   0.41   0.57     0.16

The spread is the largest value less the smallest: what the instrument alone may have done. Differences between models that are
no larger are shown, and share a mark (``headline.best_in``).
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from fdbench.core.metric import CORRECTED
from fdbench.io.text_table import text_table
from fdbench.io.visible import visible
from fdbench.report.rows import Row
from fdbench.report.screen import CORRECTED_LINES, PUBLISHED_LINES

Ears: TypeAlias = "tuple[str, str]"
"""Signatures of recogniser and detector."""


def by_ears(rows: Sequence[Row]) -> dict[Ears, list[Row]]:
    """The rows of one run, of its corrected protocol where there is one, by who heard it."""
    corrected = [row for row in rows if row.protocol in CORRECTED]
    shown = corrected or [row for row in rows if row.protocol == rows[0].protocol]
    found: dict[Ears, list[Row]] = {}
    for row in shown:
        found.setdefault((row.engines.asr, row.engines.vad), []).append(row)
    return found


def spread_of(values: Sequence[float | None]) -> float | None:
    """The largest less the smallest; None where fewer than two are known."""
    known = [value for value in values if value is not None]
    return max(known) - min(known) if len(known) > 1 else None


def instrument_lines(rows: Sequence[Row]) -> list[str]:
    """The table for a terminal; none where one pair of ears heard the run."""
    heard = dict(sorted(by_ears(rows).items()))
    if len(heard) < 2:
        return []
    letters = string.ascii_uppercase[: len(heard)]
    names = zip(letters, _short_names([*heard]).values(), strict=True)
    lines = [("who hears changes", *letters, "spread")]
    is_corrected = rows[0].protocol in CORRECTED or any(row.protocol in CORRECTED for row in rows)
    for behaviour, metric, words in CORRECTED_LINES if is_corrected else PUBLISHED_LINES:
        values = [_value(of_ears, behaviour, metric) for of_ears in heard.values()]
        spread = spread_of(values)
        if spread is not None:
            lines.append((words, *("-" if value is None else f"{value:.2f}" for value in values), f"{spread:.2f}"))
    legend = [f"{letter}: {name}" for letter, name in names]
    return [visible(line) for line in (*text_table(lines, right=range(1, len(heard) + 2)), *legend)]


def _value(rows: Sequence[Row], behaviour: str, metric: str) -> float | None:
    """Of the only task of a behaviour; of several there is no one number."""
    found = [row.metrics[metric].value for row in rows if row.scored.behaviour == behaviour and metric in row.metrics]
    return found[0] if len(found) == 1 else None


def _short_names(ears: Sequence[Ears]) -> Mapping[Ears, str]:
    """Without versions; a pair that others then look like keeps them."""
    short = {(asr, vad): f"{re.split('[@+;]', asr)[0]}, {vad.partition('-')[0]}" for asr, vad in ears}
    return {pair: name if [*short.values()].count(name) == 1 else ", ".join(pair) for pair, name in short.items()}
