"""Trivial agents: their true behaviour is known, so they check the whole chain and put every other row in proportion.

| agent | does | what a sound metric must say of it |
|---|---|---|
| ``silence`` | nothing | never takes a turn |
| ``always-talking`` | talks from the first frame to the last | takes every turn, lets nobody pause or interrupt |
| ``echo`` | repeats what it hears, a frame later | talks whenever the user does |
| ``vad-endpointer`` | answers after a fixed silence, yields when interrupted | trips over long pauses; latency = its setting |
| ``random-backchannel`` | short "yeah"s at random | never takes a turn; timing at chance level |
| ``oracle`` | knows the annotations | right everywhere, at exactly ``delay_s`` |
"""

from __future__ import annotations

from typing import Final

import numpy as np

from fdbench.adapter.base import Agent, Brief, Port
from fdbench.adapter.clips import CLIP_RATE_HZ, Mouth, draw_reply, load_clips
from fdbench.audio.vad import StreamingVad, load_vad_model
from fdbench.core.conversation import Sample
from fdbench.core.event import CONTEXT, INTERRUPTION, OVERLAP, TURN_END
from fdbench.core.peaks import human_peaks
from fdbench.core.sound import Samples
from fdbench.core.span import Span
from fdbench.errors import UsageError

FRAME_20_MS: Final = Port(CLIP_RATE_HZ, 320)
FRAME_VAD: Final = Port(CLIP_RATE_HZ, 512)
"""One window of Silero VAD at 16 kHz: 32 ms."""

SPEECH_THRESHOLD: Final = 0.5


class Silence(Agent):
    """Never says anything."""

    hears = says = FRAME_20_MS

    def reset(self, brief: Brief) -> None:
        pass

    def step(self, heard: Samples) -> Samples:
        return np.zeros_like(heard)


class Echo(Agent):
    """Says what it has just heard."""

    hears = says = FRAME_20_MS

    def reset(self, brief: Brief) -> None:
        pass

    def step(self, heard: Samples) -> Samples:
        return np.array(heard)


class AlwaysTalking(Agent):
    """Talks without a breath from the first frame on, whatever it hears."""

    hears = says = FRAME_20_MS

    def __init__(self) -> None:
        self._clips = load_clips("reply")

    def reset(self, brief: Brief) -> None:
        self._mouth = Mouth()
        self._random = np.random.default_rng(brief.seed)

    def step(self, heard: Samples) -> Samples:
        if self._mouth.remaining < len(heard):
            self._mouth.say(self._clips[self._random.integers(len(self._clips))].samples)
        return self._mouth.next(len(heard))


class RandomBackchannel(Agent):
    """Says a backchannel every now and then, without listening.

    Args:
        every_s: Mean time from the end of one backchannel to the beginning of the next; the times are exponentially
            distributed beyond a silence of 1.2 s, so that no two run together.
    """

    hears = says = FRAME_20_MS

    def __init__(self, every_s: float = 3.0) -> None:
        if every_s <= self._GAP_S:
            raise UsageError(f"every_s={every_s} is too short", f"give more than {self._GAP_S} s")
        self._every_s = every_s
        self._clips = load_clips("backchannel")

    _GAP_S = 1.2

    def reset(self, brief: Brief) -> None:
        self._mouth = Mouth()
        self._random = np.random.default_rng(brief.seed)
        self._mouth.say(self._pause())

    def step(self, heard: Samples) -> Samples:
        if self._mouth.remaining < len(heard):
            self._mouth.say(self._clips[self._random.integers(len(self._clips))].samples, self._pause())
        return self._mouth.next(len(heard))

    def _pause(self) -> Samples:
        pause_s = self._GAP_S + self._random.exponential(self._every_s - self._GAP_S)
        return np.zeros(round(pause_s * CLIP_RATE_HZ), np.float32)


class VadEndpointer(Agent):
    """What most deployed assistants do: wait for the user to be silent for a fixed time, then answer.

    Answers begin at the first frame after ``silence_ms`` of non-speech that follows at least ``min_speech_ms`` of speech.
    While it talks, ``yield_ms`` of user speech make it stop; the user's turn is then open again.

    Args:
        silence_ms: Endpointing silence.
        min_speech_ms: Shorter noises are not a turn.
        yield_ms: User speech that makes it stop talking.
    """

    hears = says = FRAME_VAD

    def __init__(self, silence_ms: int = 500, min_speech_ms: int = 200, yield_ms: int = 200) -> None:
        for name, value in (("silence_ms", silence_ms), ("min_speech_ms", min_speech_ms), ("yield_ms", yield_ms)):
            if value <= 0:
                raise UsageError(f"{name}={value}: expected a positive number of milliseconds", "give a larger one")
        self._silence = silence_ms / 1000
        self._min_speech = min_speech_ms / 1000
        self._yield = yield_ms / 1000
        self._vad = StreamingVad(load_vad_model())
        self._clips = load_clips("reply")

    def reset(self, brief: Brief) -> None:
        self._vad.reset()
        self._mouth = Mouth()
        self._random = np.random.default_rng(brief.seed)
        self._speech_s = self._silence_s = 0.0

    def step(self, heard: Samples) -> Samples:
        for probability in self._vad.feed(heard):
            self._hear(bool(probability >= SPEECH_THRESHOLD), float(FRAME_VAD.frame_s))
        return self._mouth.next(len(heard))

    def _hear(self, is_speech: bool, window_s: float) -> None:
        if is_speech:
            self._speech_s += window_s
            self._silence_s = 0.0
            if self._mouth.is_speaking and self._speech_s >= self._yield:
                self._mouth.stop()
            return
        self._silence_s += window_s
        if self._silence_s < self._silence:
            return
        if self._speech_s >= self._min_speech and not self._mouth.is_speaking:
            self._mouth.say(draw_reply(self._clips, self._random))
        self._speech_s = 0.0


class Oracle(Agent):
    """Knows the annotations and does the right thing at an exact time.

    Takes the turn ``delay_s`` after it ends, stays silent in pauses, backchannels where people do, and when it is
    interrupted stops ``yield_s`` after the interruption begins and answers ``delay_s`` after it ends. What else is said over
    its answer it talks through. With an examiner it is silent: nobody knows beforehand what will be said.

    Args:
        delay_s: From the end of the user's turn to the onset of the answer; negative overlaps.
        yield_s: From the beginning of an interruption to silence.
    """

    hears = says = FRAME_20_MS

    def __init__(self, delay_s: float = 0.2, yield_s: float = 0.3) -> None:
        self._delay_s, self._yield_s = delay_s, yield_s
        self._replies, self._backchannels = load_clips("reply"), load_clips("backchannel")

    def reset(self, brief: Brief) -> None:
        if brief.truth is None:
            raise UsageError("the oracle needs the truth and was not given it", "set tells_truth in models.yaml")
        self._random = np.random.default_rng(brief.seed)
        self._at = FRAME_20_MS.frame_samples
        self._line = np.zeros(0, np.float32)
        self._plan(brief.truth, brief.lead_in_s)

    def step(self, heard: Samples) -> Samples:
        frame = np.zeros_like(heard)
        piece = self._line[self._at : self._at + len(frame)]
        frame[: len(piece)] = piece
        self._at += len(frame)
        return frame

    def _plan(self, truth: Sample, lead_in_s: float) -> None:
        if truth.has_twin:
            self._plan_pair(truth, lead_in_s)
            return
        interruptions, contexts = truth.of_kind(INTERRUPTION), truth.of_kind(CONTEXT)
        for context, interruption in zip(contexts, interruptions, strict=False):
            starts_s, stops_s = context.span.end_s + self._delay_s, interruption.span.start_s + self._yield_s
            talk = draw_reply(self._replies, self._random)
            self._say(lead_in_s + starts_s, talk[: max(0, round((stops_s - starts_s) * CLIP_RATE_HZ))])
        for peak_s in human_peaks(truth.human_timing):
            self._say(lead_in_s + peak_s, self._backchannels[self._random.integers(len(self._backchannels))].samples)
        ends_s = [event.span.end_s for event in interruptions]
        ends_s = ends_s or [event.span.start_s for event in truth.of_kind(TURN_END) if not truth.human_timing]
        for end_s in ends_s:
            self._say(lead_in_s + end_s + self._delay_s, draw_reply(self._replies, self._random))

    def _plan_pair(self, truth: Sample, lead_in_s: float) -> None:
        """Answer; where somebody interrupts the answer, stop and answer that with other sentences."""
        order = self._random.permutation(len(self._replies))
        half = len(order) // 2
        first, second = (draw_reply([self._replies[i] for i in part], self._random) for part in (order[:half], order[half:]))
        for context in truth.of_kind(CONTEXT):
            starts_s = context.span.end_s + self._delay_s
            self._say(lead_in_s + starts_s, first)
            for interruption in _interruptions_of(truth, starts_s):
                stops_s = interruption.start_s + self._yield_s
                self._line = self._line[: max(0, round((lead_in_s + stops_s) * CLIP_RATE_HZ))]
                self._say(lead_in_s + interruption.end_s + self._delay_s, second)

    def _say(self, start_s: float, samples: Samples) -> None:
        """Put ``samples`` on the line at call time ``start_s``, over whatever is there."""
        start = max(0, round(start_s * CLIP_RATE_HZ))
        end = start + len(samples)
        if end > len(self._line):
            self._line = np.concatenate([self._line, np.zeros(end - len(self._line), np.float32)])
        self._line[start:end] = samples


def _interruptions_of(truth: Sample, onset_s: float) -> list[Span]:
    """When the user interrupts an answer that begins at ``onset_s``; a user who reacts does so at a set time after that."""
    if not truth.task.endswith("interruption"):
        return []
    if truth.reaction is None:
        return [event.span for event in truth.of_kind(OVERLAP)]
    starts_s = onset_s + truth.reaction.after_onset_s
    return [Span(starts_s, starts_s + truth.reaction.stimulus.load().duration_s)]
