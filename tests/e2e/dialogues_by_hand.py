"""Agents whose dialogues are known by hand: they answer with clips that ship with the dialogues, one reply to each turn.

What each must get is written here from the dialogues' text and the definitions, before anything was measured.
"""

from __future__ import annotations

from itertools import groupby

import numpy as np

from fdbench.adapter.base import Agent, Brief, Port
from fdbench.call.examiner.voice import ShippedVoice

RATE_HZ, FRAME = 16000, 320
MUSHROOMS, SPINACH = "One large pizza with mushrooms, please.", "I made a mistake. Please put spinach on it."
EIGHT, THANKS = "Can I get it at eight?", "That is all I wanted to know. Thanks a lot."
HOTELS = "I know two hotels. The one by the lake is quiet. The one at the station is cheap."
LAKE, STATION = f"{HOTELS}#1", f"{HOTELS}#2"
"""One sentence of it."""

GOOD = {
    "pizza": ((MUSHROOMS,), (SPINACH,), (EIGHT,), (SPINACH, EIGHT)),
    "hotel": ((LAKE,), (LAKE,), (STATION,), (LAKE,)),
}
# A stage whose goal is not met is asked once more in other words; the second answer is as wrong.
IGNORES = {"pizza": ((MUSHROOMS,), (MUSHROOMS,), (MUSHROOMS,), (EIGHT,), (MUSHROOMS, EIGHT), (MUSHROOMS, EIGHT))}
FORGETS = {"hotel": ((LAKE,), (STATION,), (STATION,), (LAKE,), (LAKE,), (STATION,), (STATION,))}


def sound_of(text: str, voice: ShippedVoice) -> np.ndarray:
    line, _, number = text.partition("#")
    samples = voice.say(line).samples
    return sentences_in(samples)[int(number)] if number else samples


def sentences_in(samples: np.ndarray) -> list[np.ndarray]:
    """A clip cut at its two longest pauses."""
    frames = [np.abs(samples[at : at + FRAME]).max() < 0.02 for at in range(0, len(samples), FRAME)]
    at, pauses = 0, []
    for is_quiet, run in groupby(frames):
        n = len(list(run))
        if is_quiet and at > 0 and at + n < len(frames):
            pauses.append((n, FRAME * (at + n // 2)))
        at += n
    return np.split(samples, sorted(cut for _, cut in sorted(pauses)[-2:]))


class Replies(Agent):
    """Answers the nth turn with the nth reply, 0.9 s after the turn's end."""

    hears = says = Port(RATE_HZ, FRAME)
    replies = GOOD

    def reset(self, brief: Brief) -> None:
        self._waiting = next(each for word, each in self.replies.items() if word in brief.instructions)
        self._n_loud, self._n_quiet, self._voice = 0, 0, ShippedVoice()
        self._mouth = np.zeros(0, np.float32)

    def step(self, heard):
        is_loud = np.abs(heard).max() > 0.003
        self._n_quiet = 0 if is_loud else self._n_quiet + 1
        self._n_loud += is_loud
        if self._n_quiet == 45:
            if self._n_loud > 25 and self._waiting:  # no backchannel
                reply, *self._waiting = self._waiting
                self._mouth = np.concatenate([sound_of(text, self._voice) for text in reply])
            self._n_loud = 0
        frame = np.zeros(FRAME, np.float32)
        piece, self._mouth = self._mouth[:FRAME], self._mouth[FRAME:]
        frame[: len(piece)] = piece
        return frame


class IgnoresCorrections(Replies):
    replies = IGNORES


class ForgetsEntities(Replies):
    replies = FORGETS


class NeverStops(Agent):
    """Says the same friendly sentence without a pause."""

    hears = says = Port(RATE_HZ, FRAME)

    def reset(self, brief: Brief) -> None:
        self._said, self._at = ShippedVoice().say(THANKS).samples, 0

    def step(self, heard):
        frame = np.take(self._said, np.arange(self._at, self._at + FRAME), mode="wrap")
        self._at += FRAME
        return frame.astype(np.float32)


class Silent(NeverStops):
    def step(self, heard):
        return np.zeros(FRAME, np.float32)


# Agent, dialogue: metrics as fractions, exactly (what is on the pizza is asked for at the end again); as bounds where only an
# order is known.
EXACT = {
    (Replies, "correction-01"): {"goal_coverage_rate": "4/4", "corrections_obeyed_rate": "2/2", "no_reply_rate": "0/4"},
    (Replies, "entity-01"): {"goal_coverage_rate": "4/4", "entities_carried_rate": "3/3", "interruptions_made_rate": "0/5"},
    (IgnoresCorrections, "correction-01"): {"goal_coverage_rate": "2/4", "corrections_obeyed_rate": "0/2"},
    (ForgetsEntities, "entity-01"): {"goal_coverage_rate": "1/4", "entities_carried_rate": "0/3"},
    (NeverStops, "correction-01"): {"goal_coverage_rate": "0/4"},
    (Silent, "correction-01"): {"goal_coverage_rate": "0/4", "interruptions_made_rate": "0", "interrupted_rate": "0"},
}
BOUNDS = {
    (Replies, "correction-01"): {
        "floor_transfer_offset_s": (0.8, 1.1), "long_silence_share": (0, 0.5), "competing_overlap": (0, 0),
    },
    # It begins with the examiner's first turn, and is in the middle of something at all others.
    (NeverStops, "correction-01"): {"interrupted_rate": (0.6, 0.9), "talk_share": (0.75, 1), "competing_overlap": (30, 60)},
    (Silent, "correction-01"): {"no_reply_rate": (1, 1), "long_silence_share": (0.5, 1), "talk_share": (0, 0)},
}  # fmt: skip
