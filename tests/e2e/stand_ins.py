"""Stand-ins for full-duplex models without weights: one that writes a text while it speaks, one that answers a click."""

from __future__ import annotations

import numpy as np

from fdbench.adapter.base import TEXT, Agent, Batch, Brief, Opening, Port, Spoken
from fdbench.adapter.clips import CLIP_RATE_HZ, Mouth, load_clips
from fdbench.core.event import Event
from fdbench.core.span import Span

FRAME_S = 0.08
"""As in Moshi."""
PATIENCE_FRAMES = 8
LOUD = 0.01


class Writer:
    """Answers once, when the user has been silent for a while, and writes a text for it, a piece per frame.

    Args:
        says: What is heard: ``it`` (what is written), ``another`` sentence, ``noise``, or ``nothing``.
        writes: When: with the ``reply``, ``never``, or ``early`` (at the call's very beginning).
    """

    hears = says = Port(CLIP_RATE_HZ, round(FRAME_S * CLIP_RATE_HZ))

    def __init__(self, slots: int, says: str = "it", writes: str = "reply") -> None:
        written, another, *_ = load_clips("reply")
        noise = np.random.default_rng(0).normal(0, 0.1, len(written.samples)).astype(np.float32)
        self._audio = {"it": written.samples, "another": another.samples, "noise": noise, "nothing": noise[:0]}[says]
        self._pieces = pieces_of(f"{written.text.capitalize()}.")
        self._writes = writes
        self.slots = slots
        self._calls: dict[int, _Call] = {}

    def open(self, slot: int, brief: Brief) -> Opening:
        self._calls[slot] = _Call(list(self._pieces) if self._writes == "early" else [])
        return Opening()

    def step(self, heard: Batch) -> Spoken:
        rows, events = [], {}
        for slot, frame, t_s in zip(heard.slots, heard.audio, heard.t_s, strict=True):
            call = self._calls[slot]
            if call.is_the_turn_over(frame):
                call.mouth.say(self._audio)
                call.pieces += self._pieces if self._writes == "reply" else []
            rows.append(call.mouth.next(self.says.frame_samples))
            if call.pieces:  # this frame can be heard when the one that it answers is over
                place = Span(float(t_s) + FRAME_S, float(t_s) + 2 * FRAME_S)
                events[slot] = [Event(TEXT, place, call.pieces.pop(0))]
        return Spoken(np.stack(rows), events)

    def close(self, slot: int) -> None:
        del self._calls[slot]


class _Call:
    def __init__(self, pieces: list[str]) -> None:
        self.mouth, self.pieces = Mouth(), pieces
        self._quiet_frames, self._is_waiting = 0, False

    def is_the_turn_over(self, frame: np.ndarray) -> bool:
        is_loud = bool(np.abs(frame).max() > LOUD)
        if is_loud and self._quiet_frames < PATIENCE_FRAMES:
            self._is_waiting = True
        self._quiet_frames = 0 if is_loud else self._quiet_frames + 1
        return self._is_waiting and self._quiet_frames == PATIENCE_FRAMES


def pieces_of(text: str) -> list[str]:
    """As sentencepiece would: a leading space begins a word, and a long word comes in two."""
    return [piece for word in text.split() for piece in (f" {word[:5]}", word[5:]) if piece]


class Clicker(Agent):
    """Says a click in each sample of its frame in which it heard one."""

    hears = says = Port(24000, 1920)

    def reset(self, brief: Brief) -> None:
        """It remembers nothing."""

    def step(self, heard: np.ndarray) -> np.ndarray:
        return np.where(heard > 0.5, np.float32(0.75), np.float32(0.0))
