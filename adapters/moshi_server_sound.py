"""Sound to and from a Moshi server, and whether the server keeps up."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

import numpy as np

from fdbench.adapter.base import Port
from fdbench.adapter.live import CallError, Note
from fdbench.core.sound import Samples

FRAME_80_MS: Final = Port(24000, 1920)
FRAME_S: Final = float(FRAME_80_MS.frame_s)
STALL_S: Final = 2 * FRAME_S
"""A pause between two arrivals that is longer is noted."""

BEHIND_S: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
"""So far behind the user, a server is noted to be."""

NOTHING: Final = 2.5 / 32768
"""Opus makes a wobble of the last bit or two of digital silence. A piece below this level is taken for what it was."""

DECODE_S: Final = 0.05
"""A decoder with a thread of its own may take so long over a page."""


class AnswerPace:
    """How far a server is behind: its replies, counted by their samples, against the frames that they answer.

    Args:
        limit_s: An answer that takes longer ends the call.
        n_unanswered: So many frames at the beginning get no answer.
    """

    def __init__(self, limit_s: float, n_unanswered: int = 1) -> None:
        self._limit_s, self._n_unanswered = limit_s, n_unanswered
        self._sent_s: list[float] = []
        self._n_samples = 0
        self._came_s: float | None = None
        self._is_stalled = False
        self._n_noted = 0

    @property
    def awaited(self) -> int:
        """The number of the first frame that is to be answered and is not yet."""
        return self._n_samples // FRAME_80_MS.frame_samples + self._n_unanswered

    def sent(self, now_s: float) -> None:
        """Another frame left."""
        self._sent_s.append(now_s)

    def came(self, n_samples: int, now_s: float) -> Iterator[Note]:
        """So much of a reply came: was it long awaited?"""
        if self._is_stalled:
            yield Note("stall over", {"frame": self.awaited, "length_s": round(now_s - self._since_s(), 3)})
            self._is_stalled = False
        self._came_s = now_s
        self._n_samples += n_samples
        yield from self._noted(self.awaited - 1, now_s)

    def passed(self, now_s: float) -> Iterator[Note]:
        """Time passed, with or without anything coming.

        Raises:
            CallError: The limit is exceeded.
        """
        behind_s = self.behind_s(now_s, self.awaited)
        if behind_s <= 0:
            return
        if not self._is_stalled and now_s - self._since_s() > STALL_S:
            self._is_stalled = True
            yield Note("stall", {"frame": self.awaited})
        yield from self._noted(self.awaited, now_s)
        if behind_s > self._limit_s:
            raise CallError(
                "stalled",
                f"the server's answer to frame {self.awaited} is {behind_s:.1f} s late: it hangs, or is slower than real time",
                may_retry=True,
            )

    def behind_s(self, now_s: float, frame: int) -> float:
        """How long ago a frame left; 0 where it has not."""
        return now_s - self._sent_s[frame] if frame < len(self._sent_s) else 0.0

    def _since_s(self) -> float:
        """From when on the next reply could have come: the last one, or the frame that it answers if that left later."""
        left_s = self._sent_s[min(self.awaited, len(self._sent_s) - 1)] if self._sent_s else 0.0
        return left_s if self._came_s is None else max(self._came_s, left_s - FRAME_S)

    def _noted(self, frame: int, now_s: float) -> Iterator[Note]:
        behind_s = self.behind_s(now_s, frame)
        while self._n_noted < len(BEHIND_S) and behind_s > BEHIND_S[self._n_noted]:
            yield Note("behind", {"frame": frame, "by_s": BEHIND_S[self._n_noted]})
            self._n_noted += 1


class Opus:
    """Ogg/Opus both ways, on either generation of ``sphn``.

    Since 0.2 what is appended is answered at once. Before, pages and samples are picked up afterwards, one page at a time,
    and the decoder has a thread of its own. Which one it is shows in what it returns, whatever its version says.

    Args:
        now_s: The clock by which that thread is waited for.
    """

    def __init__(self, sample_rate: int, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        sphn = importlib.import_module("sphn")
        self._writer: Any = sphn.OpusStreamWriter(sample_rate)
        self._reader: Any = sphn.OpusStreamReader(sample_rate)
        self._until_s = 0.0

    def encode(self, frame: Samples) -> bytes:
        """A frame as pages; the first comes with the stream's headers."""
        given = self._writer.append_pcm(frame)
        return bytes(given) if given is not None else b"".join(iter(self._writer.read_bytes, b""))

    def decode(self, data: bytes) -> Samples:
        """What is known of the sound so far that was not given before, shape ``(n,)``.

        Raises:
            ValueError: It is no Ogg/Opus.
        """
        given = self._reader.append_bytes(data)
        if given is not None:
            return _heard(given)
        self._until_s = self._now_s() + DECODE_S
        return self.more()

    def may_have_more(self) -> bool:
        """Whether something that was appended may still be in the decoder's thread."""
        return self._now_s() < self._until_s

    def more(self) -> Samples:
        """What that thread has finished; nothing where there is none."""
        pieces = []
        if self._until_s:
            while (piece := self._reader.read_pcm()) is not None and len(piece):
                pieces.append(_heard(piece))
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)

    def close(self) -> None:
        """End the decoder's thread."""
        if self._until_s:
            with suppress(Exception):
                self._reader.close()


def _heard(piece: Any) -> Samples:
    samples: Samples = np.asarray(piece, np.float32)
    return samples if np.abs(samples).max(initial=0.0) > NOTHING else np.zeros_like(samples)
