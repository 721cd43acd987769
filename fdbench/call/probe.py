"""A user who reacts: plays a prompt, listens, and says something at a set time after this model's own speech began.

::

    user     |--prompt--|.................|--clip--|.........
    model    ..............|####################?####|......
                           ^ onset heard  ^ onset + offset

A clip at a fixed place of a prompt misses the moment that it wants to test wherever the model is not speaking then. A probe
waits for it: with a model that falls silent before the time has come it waits for the next onset, and then only half as long
behind it as the shortest voice so far lasted, so that short sounds are met, too. When its patience is at an end, it speaks
all the same to a model that has spoken in the call, and gives up with one that has not: its call has no such event. What it
did, and when, are its events: they are the truth of the call.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from fdbench.adapter.base import Batch, Brief, Opening, Port, Spoken
from fdbench.adapter.equipped import Equipped
from fdbench.audio.onset import OnsetDetector
from fdbench.core.conversation import Stage
from fdbench.core.event import HEARD_ONSET, Event
from fdbench.core.sound import Samples
from fdbench.core.span import Span
from fdbench.io.wav import resampled

FRAME_S: Final = 0.02
LEAST_WAIT_S: Final = 0.1
"""Behind an onset, however short the voices are."""


class Probe(Equipped):
    """A virtual party that does the stages of its brief, one after another, each after an onset of its own.

    Args:
        model_hears, model_says: Ports of the party that it talks with; a probe speaks and hears at its rates.
        slots: Conversations at once.
        patience_s: For how long it waits for an onset, after its prompt and after each stage.
    """

    def __init__(self, model_hears: Port, model_says: Port, slots: int, patience_s: float = 10.0) -> None:
        self.hears, self.says = (_port(port.sample_rate) for port in (model_says, model_hears))
        self.slots = slots
        self._patience_s = patience_s
        self._calls: dict[int, _Probing] = {}

    def open(self, slot: int, brief: Brief) -> Opening:
        rate = self.says.sample_rate
        prompt = brief.stimulus
        lead_in = np.zeros(round(brief.lead_in_s * rate), np.float32)
        says = lead_in if prompt is None else np.concatenate([lead_in, resampled(prompt, rate).samples])
        clips = [
            np.zeros(0, np.float32) if each.audio is None else resampled(each.audio, rate).samples for each in brief.stages
        ]
        self._calls[slot] = _Probing(
            rate, OnsetDetector(self.hears.sample_rate), says, [*zip(brief.stages, clips, strict=True)], self._patience_s
        )
        return Opening(speaks_until_s=math.inf)

    def step(self, heard: Batch) -> Spoken:
        n = self.says.frame_samples
        rows, events, until_s = [], {}, {}
        for slot, frame, t_s in zip(heard.slots, heard.audio, heard.t_s, strict=True):
            probing = self._calls[slot]
            first = round(float(t_s) * probing.rate) + n  # what it says now is heard when what it hears now is over
            events[slot] = probing.hear(frame, first) if t_s >= 0 else []
            until_s[slot] = probing.until_s
            rows.append(probing.say(first, n))
        return Spoken(np.stack(rows), events=events, speaks_until_s=until_s)

    def close(self, slot: int) -> None:
        self._calls.pop(slot, None)


@dataclass(slots=True)
class _Probing:
    """One conversation of a probe; places are samples of what it says, from the call's beginning.

    Attributes:
        says: All that it has decided to say so far.
        stages: Those that are left, each with its clip.
        onset_s: Of the voice that is going on, or the last one.
        waits_from_s: Since when it has been waiting for an onset.
        longest_wait_s: Behind an onset: half of the shortest voice that ended before the time had come.
        has_heard: The model has spoken in this call.
    """

    rate: int
    ears: OnsetDetector
    says: Samples
    stages: list[tuple[Stage, Samples]]
    patience_s: float
    onset_s: float | None = None
    waits_from_s: float = field(init=False)
    until_s: float = math.inf
    longest_wait_s: float = math.inf
    has_heard: bool = False

    def __post_init__(self) -> None:
        self.waits_from_s = len(self.says) / self.rate

    def hear(self, frame: Samples, first: int) -> list[Event]:
        """Listen to a frame, and decide what to say from sample ``first`` on."""
        events = []
        for at_s in self.ears.hear(frame):
            self.onset_s, self.has_heard = at_s, True
            events.append(Event(HEARD_ONSET, Span(at_s, at_s)))
        if not self.ears.is_speaking:
            if self.onset_s is not None and self.onset_s >= self.waits_from_s:
                lasted_s = first / self.rate - self.onset_s
                self.longest_wait_s = min(self.longest_wait_s, max(LEAST_WAIT_S, lasted_s / 2))
            self.onset_s = None
        is_at_an_end = self.onset_s is None and first / self.rate - self.waits_from_s > self.patience_s
        if is_at_an_end and self.stages and self.has_heard:
            events.append(self._say_next(first))
        elif not self.stages or is_at_an_end:
            self.stages.clear()
            self.until_s = min(self.until_s, max(first, len(self.says)) / self.rate)
        elif self.onset_s is not None:
            events += self._act(first)
        return events

    def _act(self, first: int) -> list[Event]:
        """Say the next clip if its time comes within the frame that begins at ``first``."""
        stage, _ = self.stages[0]
        assert self.onset_s is not None
        # A voice that was going on before what it is said to ended counts from there.
        at = max(
            round((max(self.onset_s, self.waits_from_s) + min(stage.after_onset_s, self.longest_wait_s)) * self.rate),
            first,
            len(self.says),
        )
        if at >= first + round(FRAME_S * self.rate):
            return []
        return [self._say_next(at)]

    def _say_next(self, at: int) -> Event:
        """Say the next clip from sample ``at`` on."""
        stage, clip = self.stages.pop(0)
        self.onset_s = None  # the next stage waits for another onset, or for this voice to begin again
        self.says = np.concatenate([self.says, np.zeros(at - len(self.says), np.float32), clip])
        end_s = len(self.says) / self.rate
        self.waits_from_s = end_s
        return Event(stage.kind, Span(at / self.rate, end_s), stage.text)

    def say(self, first: int, n: int) -> Samples:
        frame = np.zeros(n, np.float32)
        piece = self.says[first : first + n]
        frame[: len(piece)] = piece
        return frame


def _port(rate: int) -> Port:
    return Port(rate, round(FRAME_S * rate))
