"""An examiner: holds a staged dialogue with any model, by rules alone, or as a language model says (``llm_party``).

It is a party like any other: it hears a frame and says one, and its events are the truth of the call. A turn's words are heard
by the engines that hear recordings, one region a call, so that what is heard depends on what was said alone. Where they are not
done when a decision is due, virtual time stands still. In the scripted one no language model, no network and no chance but the
seed's take part.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from fdbench.adapter.base import Batch, Brief, Opening, Port, Spoken
from fdbench.adapter.equipped import Equipped
from fdbench.adapter.failure import FOREIGN, failure_of
from fdbench.audio.vad import StreamingVad, load_vad_model
from fdbench.call.examiner.ears import Detector, Ears
from fdbench.call.examiner.examination import Examination, Say
from fdbench.call.examiner.pace import FRAME_S, PACES
from fdbench.call.examiner.phrases import texts_of
from fdbench.call.examiner.scripted import ScriptedExamination
from fdbench.call.examiner.voice import ShippedVoice, Voice
from fdbench.core.conversation import FailedCall
from fdbench.core.dialogue import Dialogue
from fdbench.core.event import Event
from fdbench.core.sound import Samples
from fdbench.errors import DataError, FdbenchError, UsageError, unknown_name
from fdbench.hear.engines import AsrEngine, load_asr
from fdbench.io.wav import resampled

VERSION: Final = 1
"""Of what the examiner does; raised whenever the same model would be examined in another way."""
DEFAULT_ASR: Final = "faster-whisper:tiny.en"
DEFAULT_DURATION_S: Final = 60.0
_REMEMBERED: Final = 512
"""Texts whose samples are kept."""


class Examiner(Equipped):
    """A virtual party that holds its brief's dialogue.

    Args:
        model_hears, model_says: Ports of the party that it talks with; an examiner speaks and hears at its rates.
        slots: Conversations at once.
        pace: ``slow`` or ``fast``.
        duration_s: After so long it says nothing more.
        gate_candidate: Whether the model is not heard while the examiner speaks (Kyutai's variation). It is the examiner that
            knows when it speaks, and what it does not hear is no property of the way: so this is no path's business.
        voice: None = the shipped clips of ``mini``'s dialogues.
        asr: Recognises what the model says; None = tiny.en.
        make_detector: Of a fresh detector of speech for each call; None = Silero.

    Raises:
        FdbenchError: There is no such pace, or what it hears or speaks with is not installed.
    """

    def __init__(
        self,
        model_hears: Port,
        model_says: Port,
        slots: int,
        *,
        pace: str = "slow",
        duration_s: float = DEFAULT_DURATION_S,
        gate_candidate: bool = False,
        voice: Voice | None = None,
        asr: AsrEngine | None = None,
        make_detector: Callable[[], Detector] | None = None,
    ) -> None:
        if pace not in PACES:
            raise unknown_name("pace", pace, PACES)
        if not (math.isfinite(duration_s) and duration_s > 0):
            raise UsageError(f"duration {duration_s:g} s: expected more than 0", "give seconds, as in 60")
        self.hears, self.says = (_port(port.sample_rate) for port in (model_says, model_hears))
        self.slots = slots
        self._pace, self._duration_s, self._gates = PACES[pace], duration_s, gate_candidate
        self._voice = voice or ShippedVoice()
        self._asr = asr or load_asr(DEFAULT_ASR)
        self._make_detector = make_detector or _silero()
        self._thread = ThreadPoolExecutor(1, "examiner-ears")
        self._sounds: dict[str, Samples] = {}
        self._calls: dict[int, _Talk] = {}

    def prepare(self, brief: Brief) -> None:
        """Have everything spoken that may be said in a call, before it begins; what cannot be, the opening says."""
        with contextlib.suppress(FdbenchError):
            self._speak_beforehand(brief)

    def _speak_beforehand(self, brief: Brief) -> None:
        if brief.dialogue is None:
            raise DataError("an examiner needs a dialogue, and this sample has none", "take a task of dialogues")
        for text in self._texts(brief.dialogue):
            self.sound_of(text)

    def _texts(self, dialogue: Dialogue) -> Iterable[str]:
        """All that is known to be said in a call before it begins."""
        return texts_of(dialogue)

    def _examination(self, brief: Brief, dialogue: Dialogue, ears: Ears, say: Say) -> Examination:
        """The dialogue as it begins."""
        random = np.random.default_rng(brief.seed)
        return ScriptedExamination(dialogue, ears, say, self._pace, random, brief.lead_in_s, self._duration_s)

    def open(self, slot: int, brief: Brief) -> Opening:
        self._speak_beforehand(brief)
        assert brief.dialogue is not None
        mouth = _Mouth(self.says.sample_rate, self.sound_of)
        ears = Ears(self.hears.sample_rate, self._make_detector(), self._asr, self._thread)
        self._calls[slot] = _Talk(mouth, ears, self._examination(brief, brief.dialogue, ears, mouth.say))
        return Opening(speaks_until_s=math.inf)

    def step(self, heard: Batch) -> Spoken:
        n = self.says.frame_samples
        failed: dict[int, FailedCall] = {}
        firsts = [round(float(t_s) * self.says.sample_rate) + n for t_s in heard.t_s]
        for slot, frame, first, t_s in zip(heard.slots, heard.audio, firsts, heard.t_s, strict=True):
            with _blamed_on_the_examiner(slot, failed):
                self._calls[slot].go_on(frame, first, n, has_begun=bool(t_s >= 0), gates=self._gates)
        for slot, first in zip(heard.slots, firsts, strict=True):  # all that are asked in this frame think at once
            if slot not in failed:
                with _blamed_on_the_examiner(slot, failed):
                    self._calls[slot].held.settle(first / self.says.sample_rate)
        talks = {slot: self._calls[slot] for slot in heard.slots}
        return Spoken(
            np.stack([talk.mouth.frame(first, n) for talk, first in zip(talks.values(), firsts, strict=True)]),
            events={slot: talk.told() for slot, talk in talks.items()},
            failed=failed,
            speaks_until_s={slot: talk.held.until_s for slot, talk in talks.items()},
        )

    def close(self, slot: int) -> None:
        talk = self._calls.pop(slot, None)
        if talk is not None:
            talk.ears.close()

    def release(self) -> None:
        self._thread.shutdown(cancel_futures=True)

    def sound_of(self, text: str) -> Samples:
        """A text at the rate of this examiner's speech."""
        if text not in self._sounds:
            if len(self._sounds) >= _REMEMBERED:
                self._sounds.pop(next(iter(self._sounds)), None)
            self._sounds[text] = resampled(self._voice.say(text), self.says.sample_rate).samples
        return self._sounds[text]


class _Mouth:
    """What is being said; places are samples from the call's beginning."""

    def __init__(self, sample_rate: int, sound_of: Callable[[str], Samples]) -> None:
        self.rate, self._sound_of = sample_rate, sound_of
        self._said: list[tuple[int, Samples]] = []

    def say(self, text: str, at_s: float) -> float:
        first, sound = round(at_s * self.rate), self._sound_of(text)
        self._said.append((first, sound))
        return (first + len(sound)) / self.rate

    def is_speaking(self, first: int, n: int) -> bool:
        return any(at < first + n and first < at + len(sound) for at, sound in self._said)

    def frame(self, first: int, n: int) -> Samples:
        """What is said from sample ``first`` on; what was said before is forgotten, but for a frame."""
        frame = np.zeros(n, np.float32)
        self._said = [(at, sound) for at, sound in self._said if at + len(sound) > first - n]
        for at, sound in self._said:
            begin, end = max(at, first), min(at + len(sound), first + n)
            if begin < end:
                frame[begin - first : end - first] += sound[begin - at : end - at]
        return frame


@dataclass(slots=True)
class _Talk:
    """One call."""

    mouth: _Mouth
    ears: Ears
    held: Examination

    def go_on(self, frame: Samples, first: int, n: int, *, has_begun: bool, gates: bool) -> None:
        """Hear a frame, and decide what to say in the ``n`` samples from ``first`` on: what it says now is heard when what it
        hears now is over."""
        if has_begun:
            was_speaking = gates and self.mouth.is_speaking(first - n, n)
            self.ears.hear(np.zeros_like(frame) if was_speaking else frame)
        self.held.go_on(first / self.mouth.rate)

    def told(self) -> list[Event]:
        events, self.held.events = self.held.events, []
        return events


class ScriptedExaminer(Examiner):
    """By rules alone."""


@contextlib.contextmanager
def _blamed_on_the_examiner(slot: int, failed: dict[int, FailedCall]) -> Iterator[None]:
    """What goes wrong here is no fault of the model, and fails the call by name."""
    try:
        yield
    except FdbenchError as error:
        failed[slot] = FailedCall("examiner", error.what)
    except FOREIGN as error:
        failed[slot] = replace(failure_of("the examiner", error), reason="examiner")


def _port(rate: int) -> Port:
    return Port(rate, round(FRAME_S * rate))


def _silero() -> Callable[[], Detector]:
    model = load_vad_model()
    return lambda: StreamingVad(model)
