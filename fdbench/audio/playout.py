"""What a listener hears of audio that arrives in pieces, faster or slower than it is played.

::

    arrives    a     b c          d
    plays      |--a--|--b--|--c--|...|--d--|      from its arrival, or the end of what is queued, whichever is later
    flush                ^                        cuts b there: the rest of it, and c, are never heard

Times are seconds on the caller's clock; inside, whole samples, so that pieces join without a gap or an overlap.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fdbench.core.sound import Samples

CHUNK_S = 0.02
"""Loudness is judged in stretches of this length."""


@dataclass(slots=True)
class _Piece:
    item: str
    start: int
    samples: Samples
    loud_until: npt.NDArray[np.int64] = field(repr=False)

    @property
    def end(self) -> int:
        return self.start + len(self.samples)


@dataclass(frozen=True, slots=True)
class Heard:
    """How much of a reply is heard: from when to when, how many seconds of it, and whether the rest was flushed."""

    item: str
    start_s: float
    end_s: float
    played_s: float
    is_cut: bool


class Playout:
    """A listener's loudspeaker: one queue, played in the order of arrival.

    Args:
        sample_rate: Of the pieces, in Hz.
        loud_dbfs: Stretches above this level count as sound, for ``last_loud_s``.
    """

    def __init__(self, sample_rate: int, loud_dbfs: float = -50.0) -> None:
        self._rate = sample_rate
        self._chunk = round(CHUNK_S * sample_rate)
        self._power = 10 ** (loud_dbfs / 10)
        self._pieces: list[_Piece] = []
        self._cut: set[str] = set()
        self._known: set[str] = set()

    @property
    def end_s(self) -> float:
        """When everything that has arrived so far will have been played; minus infinity where nothing has."""
        return self._pieces[-1].end / self._rate if self._pieces else float("-inf")

    def add(self, item: str, samples: Samples, arrival_s: float) -> None:
        """Queue a piece; one of a reply that was flushed is not played."""
        self._known.add(item)
        if item in self._cut or not len(samples):
            return
        start = math.ceil(arrival_s * self._rate)
        if self._pieces:
            start = max(start, self._pieces[-1].end)
        self._pieces.append(_Piece(item, start, samples, self._loud(samples)))

    def flush(self, now_s: float, item: str = "") -> list[Heard]:
        """Drop what has not been played at ``now_s``, of one reply or (empty) of every one so far.

        Returns:
            The replies that lost something, with what was heard of them. What others have queued behind moves up.
        """
        now = math.floor(now_s * self._rate)
        doomed = {item} if item else set(self._known)
        before = {heard.item: heard for heard in self.heard()}
        self._cut |= doomed
        kept: list[_Piece] = []
        for piece in self._pieces:
            if piece.item in doomed:
                piece.samples = piece.samples[: max(0, now - piece.start)]
            elif piece.start > now:
                piece.start = max(kept[-1].end if kept else now, now)
            if len(piece.samples):
                kept.append(piece)
        self._pieces = kept
        after = {heard.item: heard for heard in self.heard()}
        lost = [name for name, heard in before.items() if name not in after or after[name].played_s < heard.played_s]
        return [after.get(name, Heard(name, before[name].start_s, before[name].start_s, 0.0, True)) for name in lost]

    def heard(self) -> Iterator[Heard]:
        """Each reply of which anything is heard, or is going to be, in order of its beginning."""
        for item in dict.fromkeys(piece.item for piece in self._pieces):
            own = [piece for piece in self._pieces if piece.item == item]
            n_played = sum(len(piece.samples) for piece in own)
            yield Heard(item, own[0].start / self._rate, own[-1].end / self._rate, n_played / self._rate, item in self._cut)

    def last_loud_s(self, now_s: float) -> float:
        """The end of the last stretch above the level that has been played at ``now_s``; minus infinity if there is none."""
        now = round(now_s * self._rate)
        for piece in reversed(self._pieces):
            if piece.start < now:
                loud = piece.loud_until[
                    : np.searchsorted(piece.loud_until, min(now - piece.start, len(piece.samples)), "right")
                ]
                if len(loud):
                    return (piece.start + int(loud[-1])) / self._rate
        return float("-inf")

    def is_loud_after(self, now_s: float) -> bool:
        """Whether anything above the level is still waiting to be played."""
        now = round(now_s * self._rate)
        for piece in reversed(self._pieces):
            if piece.end <= now:
                return False
            if len(piece.loud_until) and piece.start + min(int(piece.loud_until[-1]), len(piece.samples)) > now:
                return True
        return False

    def render(self, start_s: float, end_s: float) -> Samples:
        """What is heard in ``[start_s, end_s)``, silence where nothing plays."""
        first = round(start_s * self._rate)
        return self.samples(first, max(0, round(end_s * self._rate) - first))

    def samples(self, first: int, n: int) -> Samples:
        """``n`` samples of what is heard from sample ``first`` on, silence where nothing plays."""
        out = np.zeros(n, np.float32)
        # Pieces lie one after the other: those before the first that reaches into the stretch are over.
        for piece in self._pieces[bisect_right(self._pieces, first, key=_end_of) :]:
            begin, end = max(piece.start, first), min(piece.end, first + n)
            if begin >= end:
                break
            out[begin - first : end - first] = piece.samples[begin - piece.start : end - piece.start]
        return out

    def _loud(self, samples: Samples) -> npt.NDArray[np.int64]:
        """Where, counted in samples, each stretch above the level ends; what is left over at the end counts as one."""
        ends = np.append(np.arange(self._chunk, len(samples), self._chunk), len(samples))
        starts = np.append(0, ends[:-1])
        powers = np.add.reduceat(np.square(samples, dtype=np.float64), starts) / (ends - starts)
        loud: npt.NDArray[np.int64] = ends[powers > self._power].astype(np.int64)
        return loud


def _end_of(piece: _Piece) -> int:
    return piece.end
