"""What the examiner hears of the model while it speaks: where there is speech, and later the words in it.

::

    heard         ....|~~~~~~~|..|~~~~~~~~|.........      at the model's rate, kept from the last turn on
    probability   __..--------.._---------.._______       of the windows of 32 ms that are complete
    spans             |=======|  |========|               begun above 0.5, over after 0.13 s below 0.35
    words              a table    for four                asked for when the examiner believes that the turn is over

Recognising takes its time, so it begins in another thread as soon as the model has been silent for a while, and is mostly done
when the examiner asks. Which thread hears, and when, changes no word: they follow from the sound of the turn alone.
"""

from __future__ import annotations

from concurrent.futures import Executor, Future
from typing import Final, Protocol

import numpy as np

from fdbench.audio.effects.resampler import Resampler
from fdbench.audio.segments import VAD_RATE, WINDOW_SAMPLES
from fdbench.core.sound import Audio, Samples
from fdbench.core.span import Span
from fdbench.hear.engines import AsrEngine

BEGINS_AT: Final = 0.5
ENDS_AT: Final = 0.35
ENDS_AFTER: Final = 4
"""Windows in a row below ``ENDS_AT``."""
SHORTEST: Final = 3
"""Windows; shorter sounds are no speech."""
MARGIN_S: Final = 0.3
"""Of sound around speech that the recogniser may hear."""
_WINDOW_S: Final = WINDOW_SAMPLES / VAD_RATE


class Detector(Protocol):
    """Says of each window of a stream of 16 kHz how probably somebody speaks in it (``fdbench.audio.vad.StreamingVad``)."""

    def feed(self, samples: Samples) -> Samples:
        """One probability for each window of 512 samples that is now complete."""


class Ears:
    """Listens to one model in one call.

    Args:
        sample_rate: Of what is heard, in Hz.
        detector: Fresh.
        asr: Recognises the words; what it says may depend on what it is handed alone.
        thread: In which it does, one turn after the other.

    Attributes:
        spans: Where there was speech, in seconds from the first sample ever heard; the last one may be growing.
        is_speaking: Whether it is.
    """

    def __init__(self, sample_rate: int, detector: Detector, asr: AsrEngine, thread: Executor) -> None:
        self._rate, self._detector, self._asr, self._thread = sample_rate, detector, asr, thread
        self._to_16k = None if sample_rate == VAD_RATE else Resampler(sample_rate, VAD_RATE)
        self._delay_s = self._to_16k.delay_s if self._to_16k else 0.0
        self._frames: list[Samples] = []
        self._n_forgotten = self._n_windows = self._n_loud = self._n_quiet = 0
        self._ahead: tuple[Span, Future[str]] | None = None
        self.spans: list[Span] = []
        self.is_speaking = False

    def hear(self, frame: Samples) -> None:
        """The next piece of what the model says, float32, shape ``(n,)``."""
        self._frames.append(frame)
        at_16k = frame if self._to_16k is None else self._to_16k.step(frame)
        for probability in self._detector.feed(at_16k):
            self._n_windows += 1
            self._take(float(probability), self._n_windows * _WINDOW_S - self._delay_s)

    def _take(self, probability: float, end_s: float) -> None:
        """A window that ends at ``end_s``."""
        if not self.is_speaking:
            self._n_loud = self._n_loud + 1 if probability >= (ENDS_AT if self._n_loud else BEGINS_AT) else 0
            if self._n_loud == SHORTEST:
                self.spans.append(Span(max(0.0, end_s - SHORTEST * _WINDOW_S), end_s))
                self.is_speaking, self._n_quiet = True, 0
            return
        if probability >= ENDS_AT:
            self._n_quiet = 0
            self.spans[-1] = Span(self.spans[-1].start_s, end_s)
            return
        self._n_quiet += 1
        if self._n_quiet == ENDS_AFTER:
            self.is_speaking, self._n_loud = False, 0

    def listen_ahead(self, turn: Span) -> None:
        """Begin to recognise a turn that may be over; at least ``MARGIN_S`` after its end."""
        if self._ahead is None or self._ahead[0] != turn:
            self._give_up()
            self._ahead = turn, self._recognised(turn)

    def words_in(self, turn: Span) -> str:
        """What the model said in a turn that is not forgotten. Raises whatever the recogniser raises."""
        self.listen_ahead(turn)
        assert self._ahead is not None
        words, self._ahead = self._ahead[1].result(), None
        return words

    def close(self) -> None:
        """Nobody asks any more."""
        self._give_up()

    def _give_up(self) -> None:
        if self._ahead is not None:
            self._ahead[1].cancel()
            self._ahead = None

    def _recognised(self, span: Span) -> Future[str]:
        first = max(0, round((span.start_s - MARGIN_S) * self._rate) - self._n_forgotten)
        last = round((span.end_s + MARGIN_S) * self._rate) - self._n_forgotten
        heard = np.concatenate([np.zeros(0, np.float32), *self._frames])[first:last]
        begins_s = (self._n_forgotten + first) / self._rate
        pieces = (each.clipped(span) for each in self.spans)
        speech = tuple(piece.shifted(-begins_s) for piece in pieces if piece)
        length_s = len(heard) / self._rate
        inside = tuple(piece for each in speech if (piece := each.clipped(Span(0.0, length_s))))
        return self._thread.submit(_words_of, self._asr, Audio(heard, self._rate), inside)

    def forget_before(self, t_s: float) -> None:
        """Let go of what was heard before, and of speech that was over by then."""
        growing = self.spans[-1:] if self.is_speaking else []
        self.spans = [span for span in self.spans if span.end_s > t_s or span in growing]
        wanted = round((t_s - MARGIN_S) * self._rate)
        while self._frames and self._n_forgotten + len(self._frames[0]) <= wanted:
            self._n_forgotten += len(self._frames.pop(0))


def _words_of(asr: AsrEngine, heard: Audio, speech: tuple[Span, ...]) -> str:
    return " ".join(word.text for word in asr.transcribe(heard, speech)) if speech else ""
