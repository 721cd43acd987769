"""How a clip of an edition is put together: who speaks, what, with which silences, on which line.

::

    lead | statement(s) | pause | question | tail                        pause handling, turn-taking
    lead | statement(s), question | time to answer | interruption | tail user interruption
    lead | statement(s), question | time to answer | overlap | tail      overlaps; the clean twin is silent there
    lead | statements with short gaps | tail                             backchannel

What could tell a task before it matters is drawn alike for all of them: the silence before the first word, the first sentence,
voice, pace, level and noise. A pause lasts 0.3 to 3 s wherever it stands, also inside turns that are to be answered, so that no
silence is long enough to be sure and short enough to be quick. Overlaps are the user interrupting, the same voice with a
backchannel or turned away (``effects``), and another voice across the room; a clip and its twin have the same noise and level.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.signal import lfilter

from fdbench.core.behaviour import (
    OVERLAP_ASIDE,
    OVERLAP_BACKCHANNEL,
    OVERLAP_INTERRUPTION,
    OVERLAPS,
    USER_INTERRUPTION,
)
from fdbench.core.sound import Audio, Samples
from fdbench.suite.effects import across_the_room, turned_away
from fdbench.suite.speech import SUITE_RATE_HZ, Engine, Utterance, Voice, speak
from fdbench.suite.texts import HESITATIONS, Texts

LEAD_S: Final = (0.1, 2.0)
PACE: Final = (0.9, 1.15)
LEVEL_DB: Final = (-34.0, -20.0)
NOISE_DB: Final = (-75.0, -50.0)
MIN_SNR_DB: Final = 20.0
NOISY_SHARE: Final = 0.6
PAUSE_S: Final = (0.3, 3.0)
SENTENCE_GAP_S: Final = (0.05, 0.2)
PHRASE_GAP_S: Final = (0.2, 0.5)
HESITATING_SHARE: Final = 0.4
AFTER_HESITATION_S: Final = (1.1, 1.5)
TO_ANSWER_S: Final = (2.2, 3.8)
MIN_INTERRUPTION_S: Final = 1.5
MAX_INNER_GAP_S: Final = 0.2
"""An utterance with a longer silence inside would have a pause that nobody annotated: another one is drawn."""
SHORT_TAIL_S: Final = (0.1, 0.3)
LONG_TAIL_S: Final = (3.5, 5.0)

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What distinguishes the clips of a behaviour.

    Attributes:
        statements: From so many to so many before the question.
        pauses: Each number of pauses is as likely as it is often here.
        asks: A question ends the turn.
        gap_s: The silence between two sentences where there is no pause.
        tails_s: One of them is drawn; the silence after the last word.
    """

    statements: tuple[int, int]
    pauses: tuple[int, ...]
    asks: bool
    gap_s: Range
    tails_s: tuple[Range, ...]


RECIPES: Final = {
    "pause_handling": Recipe((1, 2), (1, 1, 2, 3), True, SENTENCE_GAP_S, (SHORT_TAIL_S, SHORT_TAIL_S, LONG_TAIL_S)),
    "turn_taking": Recipe((1, 2), (0, 0, 1, 1, 2), True, SENTENCE_GAP_S, (LONG_TAIL_S,)),
    **dict.fromkeys((USER_INTERRUPTION, *OVERLAPS), Recipe((1, 2), (0, 0, 1), True, SENTENCE_GAP_S, (LONG_TAIL_S,))),
    "backchannel": Recipe((4, 6), (0, 0, 1), False, PHRASE_GAP_S, (SHORT_TAIL_S,)),
}


@dataclass(frozen=True, slots=True)
class Phrase:
    """An utterance in a clip, and its first and one-past-last sample."""

    utterance: Utterance
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Clip:
    """A prompt and what is known about it; samples count at ``SUITE_RATE_HZ``.

    Attributes:
        phrases: In order of time.
        n_context: So many of them belong to the first turn; all, where nobody speaks after it.
        twin: The same without what is said after the first turn, where the clip has one.
        level_db: RMS of speech, dBFS. ``noise_db``: that of the line, None where it is silent.
    """

    phrases: tuple[Phrase, ...]
    n_context: int
    audio: Audio
    voice: Voice
    pace: float
    level_db: float
    noise_db: float | None
    twin: Audio | None = None

    @property
    def pauses(self) -> tuple[tuple[int, int], ...]:
        """Silences within the first turn that are long enough to be taken for its end."""
        turn = self.phrases[: self.n_context]
        gaps = ((turn[i].end, turn[i + 1].start) for i in range(len(turn) - 1))
        return tuple((start, end) for start, end in gaps if end - start >= PAUSE_S[0] * SUITE_RATE_HZ - 1)


class _Draft:
    """A clip that is being put together, phrase by phrase."""

    def __init__(self, engine: Engine, texts: Texts, rng: np.random.Generator) -> None:
        self._engine, self._texts, self._rng = engine, texts, rng
        self.voice = engine.voices[rng.integers(len(engine.voices))]
        self.pace = float(rng.uniform(*PACE))
        self.phrases: list[Phrase] = []
        self.at = self.draw_samples(LEAD_S)

    def draw_samples(self, range_s: Range) -> int:
        return round(float(self._rng.uniform(*range_s)) * SUITE_RATE_HZ)

    def say_turn(self, recipe: Recipe) -> None:
        """Statements and a question, each in one piece or in two; pauses stand at any of the borders."""
        n_pauses = int(self._rng.choice(recipe.pauses))
        pieces: list[Utterance] = []
        for _ in range(self._rng.integers(recipe.statements[0], recipe.statements[1] + 1)):
            pieces += self._sentence(asks=False)
        while len(pieces) + recipe.asks <= n_pauses:
            pieces += self._sentence(asks=False)
        if recipe.asks:
            pieces += self._sentence(asks=True)
        paused = set(self._rng.choice(np.arange(1, len(pieces)), n_pauses, replace=False).tolist())
        for index, piece in enumerate(pieces):
            if index in paused:
                self._pause()
            elif index:
                self.at += self.draw_samples(recipe.gap_s)
            self._place(piece)

    def interrupt(self) -> None:
        """After time for an answer to begin, something else."""
        self.at += self.draw_samples(TO_ANSWER_S)
        while True:
            said = self._speak(self._texts.interruption(self._rng), ".")
            if said.duration_s >= MIN_INTERRUPTION_S and said.longest_gap_s <= MAX_INNER_GAP_S:
                break
        self._place(said)

    def speak_over(self, behaviour: str) -> None:
        """After time for an answer to begin, something that the model need not answer."""
        self.at += self.draw_samples(TO_ANSWER_S)
        if behaviour == OVERLAP_BACKCHANNEL:
            said = self._speak(self._texts.backchannel(self._rng), ".")
        elif behaviour == OVERLAP_ASIDE:
            said = self._speak(self._texts.aside(self._rng), ".")
            said = replace(said, samples=turned_away(said.samples, SUITE_RATE_HZ))
        else:
            others = [voice for voice in self._engine.voices if voice != self.voice] or [self.voice]
            text, seed = " ".join(self._texts.statement(self._rng)), int(self._rng.integers(2**31))
            said = speak(self._engine, others[self._rng.integers(len(others))], f"{text}.", self.pace, seed)
            said = replace(said, samples=across_the_room(said.samples, SUITE_RATE_HZ))
        self._place(said)

    def finish(self, n_context: int, tail_s: Range, *, has_twin: bool = False) -> Clip:
        n_samples = self.at + self.draw_samples(tail_s)
        level_db, noise_db = float(self._rng.uniform(*LEVEL_DB)), None
        mix, clean = np.zeros(n_samples), np.zeros(n_samples)
        for index, phrase in enumerate(self.phrases):
            for each in (mix, clean) if index < n_context else (mix,):
                each[phrase.start : phrase.end] = phrase.utterance.samples
        # Who is not at the microphone has no say in how loud the user is.
        levelled = self.phrases[:n_context] if has_twin else self.phrases
        gain = _amplitude(level_db) / _rms(np.concatenate([phrase.utterance.samples for phrase in levelled]))
        mix *= gain
        clean *= gain
        if self._rng.random() < NOISY_SHARE:
            noise_db = min(float(self._rng.uniform(*NOISE_DB)), level_db - MIN_SNR_DB)
            # From hiss to rumble.
            noise = lfilter([1.0], [1.0, -self._rng.uniform(0.0, 0.97)], self._rng.standard_normal(n_samples))
            noise = noise * _amplitude(noise_db) / _rms(noise)
            mix += noise
            clean += noise
        limit = min(1.0, 0.99 / float(np.abs(mix).max()))
        audio, twin = (Audio((each * limit).astype(np.float32), SUITE_RATE_HZ) for each in (mix, clean))
        phrases = tuple(self.phrases)
        return Clip(phrases, n_context, audio, self.voice, self.pace, level_db, noise_db, twin if has_twin else None)

    def _sentence(self, *, asks: bool) -> list[Utterance]:
        in_two = self._rng.random() < 0.5
        mark = "?" if asks else "."
        while True:
            head, tail = (self._texts.question if asks else self._texts.statement)(self._rng)
            said = [self._speak(head, ","), self._speak(tail, mark)] if in_two else [self._speak(f"{head} {tail}", mark)]
            if max(each.longest_gap_s for each in said) <= MAX_INNER_GAP_S:
                return said

    def _speak(self, text: str, mark: str) -> Utterance:
        return speak(self._engine, self.voice, text + mark, self.pace, int(self._rng.integers(2**31)))

    def _pause(self) -> None:
        if self._rng.random() < HESITATING_SHARE:
            self.at += self.draw_samples(SENTENCE_GAP_S)
            self._place(self._speak(str(self._rng.choice(HESITATIONS)), ","))
            self.at += self.draw_samples(AFTER_HESITATION_S)
        else:  # as many between 0.3 and 1 s as between 1 and 3 s
            self.at += round(float(np.exp(self._rng.uniform(*np.log(PAUSE_S)))) * SUITE_RATE_HZ)

    def _place(self, utterance: Utterance) -> None:
        self.phrases.append(Phrase(utterance, self.at, self.at + len(utterance.samples)))
        self.at = self.phrases[-1].end


def draw_clip(behaviour: str, engine: Engine, texts: Texts, rng: np.random.Generator) -> Clip:
    """A clip of a behaviour."""
    recipe, draft = RECIPES[behaviour], _Draft(engine, texts, rng)
    draft.say_turn(recipe)
    n_context = len(draft.phrases)
    if behaviour in (USER_INTERRUPTION, OVERLAP_INTERRUPTION):
        draft.interrupt()
    elif behaviour in OVERLAPS:
        draft.speak_over(behaviour)
    return draft.finish(n_context, recipe.tails_s[rng.integers(len(recipe.tails_s))], has_twin=behaviour in OVERLAPS)


def _amplitude(level_db: float) -> float:
    return float(10 ** (level_db / 20))


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
