"""One stretch of speech through a CTranslate2 Whisper: encoded in the shortest window that holds it, decoded, aligned.

::

    piece     |=== speech ===|                  at most 29 s, 16 kHz
    window    |=== speech ===|0000000000000|    zeros up to 10, 15 or 30 s: the encoder's cost grows faster than its length
    tokens    <0.00> can you <2.98> ...         the first time stamp near the piece's end is the last token
    words     | can | you |                     cross-attention, over the piece and 0.3 s; less what these weights are late by

Whisper was trained on 30 s. In 10 s its words are as right (0.043 wrong against 0.041, on 555 words of mini) at a quarter of
the cost; in 5 s it repeats itself. Where it does so in a short window, which the number of tokens tells, it hears the piece
once more in 30 s. There is no sampled attempt, no earlier text and no initial prompt: each of them invents words. What is heard
in a piece depends on that piece alone: none shares a window with another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from fdbench.core.sound import Samples
from fdbench.core.speech import Word
from fdbench.hear.regions import ASR_RATE

_WINDOWS_S: Final = (10, 15, 30)
_SILENCE_AFTER_S: Final = 1.0
"""A window is at least this much longer than its piece: Whisper ends a sentence where it hears one end."""
_TOKENS_PER_S: Final = 9
_TOKENS_MORE: Final = 12
_ENDS_WITHIN_S: Final = 0.45
_ALIGNED_AFTER_S: Final = 0.3
_STAMP_S: Final = 0.02
_FRAMES_PER_S: Final = 100


@dataclass(frozen=True, slots=True)
class Lateness:
    """By how much some weights time the beginning of a word too late, by the word that ends there.

    Attention goes on to the next word a constant time into a word, more or less, however long it is spoken. So what follows a
    long word comes too early, beside what follows a short one, and letters tell long from short.

    Attributes:
        constant_s: After a word of no letters.
        per_letter_s: Less for each letter, up to ``MOST_LETTERS``.
    """

    constant_s: float = 0.0
    per_letter_s: float = 0.0

    MOST_LETTERS = 8

    def after(self, word: str) -> float:
        return self.constant_s - self.per_letter_s * min(sum(map(str.isalnum, word)), self.MOST_LETTERS)


class WindowedWhisper:
    """A loaded model, for one piece after the other.

    Args:
        whisper: ``faster_whisper.WhisperModel``: the network, its tokenizer and its features.
        lateness: Of these weights.
    """

    def __init__(self, whisper: Any, lateness: Lateness) -> None:
        from faster_whisper.tokenizer import Tokenizer
        from scipy.sparse import csr_array

        self._whisper, self._lateness = whisper, lateness
        self._tokenizer = Tokenizer(whisper.hf_tokenizer, whisper.model.is_multilingual, task="transcribe", language="en")
        # A sparse product has one order of summation; a dense one has another for each number of OpenBLAS's threads.
        whisper.feature_extractor.mel_filters = csr_array(whisper.feature_extractor.mel_filters)

    def words_in(self, piece: Samples) -> list[Word]:
        """The words of at most 29 s of 16 kHz samples, timed from the first."""
        duration_s = len(piece) / ASR_RATE
        shortest_s = next(length_s for length_s in _WINDOWS_S if length_s >= duration_s + _SILENCE_AFTER_S)
        for window_s in dict.fromkeys((shortest_s, _WINDOWS_S[-1])):
            padded = np.pad(piece, (0, window_s * ASR_RATE - len(piece)))
            encoded = self._whisper.encode(self._whisper.feature_extractor(padded, padding=0))
            tokens, has_ended = self._tokens(encoded, duration_s)
            if has_ended:
                break
        if not tokens:
            return []
        n_frames = round((duration_s + _ALIGNED_AFTER_S) * _FRAMES_PER_S)
        (aligned,) = self._whisper.find_alignment(self._tokenizer, [tokens], encoded, n_frames)
        return timed([(each["word"], float(each["start"]), float(each["end"])) for each in aligned], self._lateness)

    def _tokens(self, encoded: Any, duration_s: float) -> tuple[list[int], bool]:
        """The text's tokens, greedily, up to the first time stamp after them at which the piece is over; whether they end."""
        prompt = self._tokenizer.sot_sequence
        most = round(_TOKENS_PER_S * duration_s) + _TOKENS_MORE
        # Half of max_length is what CTranslate2 leaves for an answer; the other half is for an earlier text.
        (result,) = self._whisper.model.generate(encoded, [prompt], beam_size=1, sampling_temperature=0, max_length=2 * most)
        text: list[int] = []
        last_stamp = self._tokenizer.timestamp_begin + (duration_s - _ENDS_WITHIN_S) / _STAMP_S
        for token in result.sequences_ids[0]:
            if token < self._tokenizer.eot:
                text.append(token)
            elif text and token >= last_stamp:
                return text, True
        return text, len(result.sequences_ids[0]) < most


def timed(pieces: list[tuple[str, float, float]], lateness: Lateness) -> list[Word]:
    """Words of pieces (text, start, end in seconds); a piece without a leading space belongs to the one before it.

    Whisper's tokenizer parts "Uh" from "-huh" and "$48" from ".75". What has no letter and no digit is no word.
    """
    whole: list[tuple[str, float, float]] = []
    for text, start_s, end_s in pieces:
        if whole and not text.startswith(" "):
            before, first_s, _ = whole[-1]
            whole[-1] = (before + text, first_s, end_s)
        else:
            whole.append((text, start_s, end_s))
    words: list[Word] = []
    before, now_s = "", 0.0
    for text, late_start_s, late_end_s in whole:
        start_s = max(now_s, late_start_s - lateness.after(before))
        now_s = max(start_s, late_end_s - lateness.after(text))
        before = text
        if any(letter.isalnum() for letter in text):
            words.append(Word(text.strip(), start_s, now_s))
    return words
