"""Intelligibility: is what the model says what it wrote? Its own text against what a recogniser hears in its audio.

::

    model writes   |Well ,|..| that|..| de|pends|.......      pieces with times; a leading space begins a word
    model says     ..|~~~~~~|~~~~~~|~~~~~~~~~~~|........
    heard          ..|well..|.that.|..defence..|........      1 substitution / 3 words written = 0.333

Some models write a text while they speak (Moshi's "inner monologue") and speak from it, so the two differ where the audio is
broken, and by what the recogniser gets wrong on any audio. A diagnostic beside the behaviour's metrics: it says whether the
other numbers of a run can be believed, not how well the model behaves.

Conventions: ``fdbench`` only. Heard is what that protocol asks for anyway: the whole recording from t = 0, without the
lead-in. So only words written from then on are compared: a word counts by its first piece, which has to begin at t = 0 or
later. Before comparing, in both: lower case; hyphens, dashes, slashes and all white space separate words; apostrophes and
any other punctuation vanish (``don't`` = ``dont``). Numbers are not spelled out. Errors are those of the shortest edit
(``jiwer``): substitutions + deletions + insertions. Corpus value: all errors / all words written.

=============  ===========  ============================================
words written  words heard  value
=============  ===========  ============================================
none           any          not applicable, ``no_own_text``
some           none         1.0 (each is a deletion)
some           some         errors / words written; may be above 1
some           not known    error, for the reason of the transcript
=============  ===========  ============================================

Empty cases: none written also covers text before t = 0 only, and punctuation alone. A task in which the model wrote nothing
in any call has no such metric at all: nobody can tell a model without a text from one that did not use it.

Differences from upstream: upstream has no such metric.

References: Morris, Maier & Green 2004, From WER and RIL to MER and WIL; https://github.com/jitsi/jiwer.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import Verdict
from fdbench.core.conversation import Sample
from fdbench.core.event import TEXT, Event
from fdbench.core.score import Score
from fdbench.core.span import ROUNDING_S
from fdbench.core.take_id import MAIN
from fdbench.scoring.base import Needs, Prompts, Takes, failed, main_take, scored, words_for
from fdbench.scoring.requests import MODEL_WORDS

if TYPE_CHECKING:
    from jiwer import Compose

_SEPARATORS: Final = r"[-\u2010-\u2015\u2212/\s]"
_APOSTROPHES: Final = r"[\u02bc\u00b4`]"
"""Those that Unicode does not count as punctuation, which vanishes anyway."""


class OwnText:
    """The model's own text against the words heard in its audio."""

    version = 1
    metrics: tuple[str, ...] = ("own_text_wer",)

    def needs(self, sample: Sample, prompts: Prompts) -> Needs:
        return {MAIN: (MODEL_WORDS,)}

    def score(self, sample: Sample, takes: Takes, verdict: Verdict | Absence) -> list[Score]:
        take = main_take(takes)
        if isinstance(take, Absence):
            return failed(self.metrics, take)
        written = normalised(" ".join(words_written([event for event in take.model_events if event.kind == TEXT])))
        if not written:
            return failed(self.metrics, Absence("no_own_text"))
        transcript = words_for(take, MODEL_WORDS)
        if isinstance(transcript, Absence):
            return failed(self.metrics, transcript)
        return [_compared(written, normalised(" ".join(word.text for word in transcript.words)))]


def words_written(pieces: Sequence[Event], from_s: float = 0.0) -> list[str]:
    """The words whose first piece begins at ``from_s`` or later.

    Args:
        pieces: In the order in which they were written; white space separates words, the end of a piece does not.
    """
    words: list[tuple[float, str]] = []
    is_open = False
    for piece in pieces:
        for character in piece.text:
            if character.isspace():
                is_open = False
            elif is_open:
                words[-1] = (words[-1][0], words[-1][1] + character)
            else:
                words.append((piece.span.start_s, character))
                is_open = True
    return [text for start_s, text in words if start_s >= from_s - ROUNDING_S]


def normalised(text: str) -> list[str]:
    """The words of a text without what is no difference in speech."""
    return [word for sentence in _normaliser()(text) for word in sentence]


@lru_cache(maxsize=1)
def _normaliser() -> Compose:
    """Made once: jiwer looks through all of Unicode for its punctuation, which takes longer than many a comparison."""
    from jiwer import transforms

    return transforms.Compose(
        [
            transforms.ToLowerCase(),
            transforms.SubstituteRegexes({_SEPARATORS: " ", _APOSTROPHES: ""}),
            transforms.RemovePunctuation(),  # type: ignore[no-untyped-call]
            transforms.ReduceToListOfListOfWords(),
        ]
    )


def _compared(written: Sequence[str], heard: Sequence[str]) -> Score:
    from jiwer import process_words

    found = process_words(" ".join(written), " ".join(heard))
    errors = found.substitutions + found.deletions + found.insertions
    return scored(
        "own_text_wer",
        errors / len(written),
        numerator=errors,
        denominator=len(written),
        substitutions=found.substitutions,
        deletions=found.deletions,
        insertions=found.insertions,
        hits=found.hits,
    )
