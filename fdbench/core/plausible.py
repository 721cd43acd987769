"""Which given times and words are believed: one set of rules for checking data, for scoring a folder and for scoring a run.

::

    audio     |================================|              length_s
    words     |so|  |i|    |see|        |that----------...    an end beyond it is unknown; the word lies at its start
    words     |so| (42) |see|                                 a word without times lies between its neighbours
    words                                          |2500|     beyond doubt another unit, clip or clock: nothing is believed

Where the value is beyond doubt it is mended, with a note; where it is not, there is an ``Absence`` that names file and key,
what was expected and what was found. The ``fdb-*`` protocols take what is given as it is; the note stands beside the number.

==============================================  ====================================================================
words                                           what becomes of them
==============================================  ====================================================================
begin more than 1.0 s behind the audio          not believed (milliseconds, samples, frames, another clip)
a time before 0                                 not believed
go back by more than 1.0 s                      not believed (times that start again with every window)
none has a time                                 not believed
begin at most 1.0 s behind the audio            left out: there is nothing to be heard
end behind the audio                            end there; where the word were longer than 1.5 s, its end is unknown
without a letter or digit (``,``)               left out: punctuation is no word
one time only, or an end before the start       lie at the time they have (the start)
no time, among words that have times            share the gap between their neighbours, or lie with the only one
more than a word in one chunk                   share its time evenly
twice the same, half and more over each other   once
==============================================  ====================================================================

Segments and annotated events: a start 0.05 s behind the audio, or an end 1.0 s (events: 0.05 s), is not believed; an end up to
there is the audio's. Without audio nobody knows the length, and only what does not need it is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Final

from fdbench.core.absence import Absence
from fdbench.core.event import CONTEXT, INTERRUPTION, OVERLAP, PAUSE, TURN_END, Event
from fdbench.core.span import Span
from fdbench.core.speech import Word

AT_END_S: Final = 0.05
"""Annotations are rounded and clips cut to frames: this much beyond the end is at the end."""
BEYOND_S: Final = 1.0
"""Recognisers put last words a little behind the end of the sound; more is another unit or another clip."""
BACK_S: Final = 1.0
"""Words of one speaker overlap by less than this; times that go back further have started again."""
MAX_WORD_S: Final = 1.5
"""No cut word is longer: its end would be that of a recogniser's window."""

LISTENING_S: Final = 1.0
"""After a recording that ends sooner than this nobody knows whether a reply would have come."""
FRAME_S: Final = 0.1
"""Models speak in frames of up to 80 ms, so a recording may end a frame before its prompt."""
MISSED_S: Final = 1.0
"""A recording that misses more of a clip's end than this says nothing about a takeover that it does not hold."""

IMPLAUSIBLE_WORDS: Final = "implausible_words"
IMPLAUSIBLE_SEGMENTS: Final = "implausible_segments"
IMPLAUSIBLE_EVENTS: Final = "bad_annotation"

FILES: Final = {
    TURN_END: "turn_taking.json",
    PAUSE: "pause.json",
    CONTEXT: "interrupt.json",
    INTERRUPTION: "interrupt.json",
    OVERLAP: "metadata.json",
}
"""Where the layout of the published data annotates what."""


@dataclass(frozen=True, slots=True)
class Words:
    """Words that are believed.

    Attributes:
        notes: What was mended, a line each, without the name of the file.
    """

    words: tuple[Word, ...]
    notes: tuple[str, ...] = ()


def check_words(words: Sequence[Word], length_s: float | None, name: str = "words") -> Words | Absence:
    """The words as they are believed.

    Args:
        words: In the transcript's order, s from the first sample of what they speak of.
        length_s: Of that; None where nobody knows.
        name: Of the file, for the message of an absence.
    """
    words = tuple(_finite(word) for word in words)
    fault = _fault_of(words, length_s)
    if fault:
        return Absence(IMPLAUSIBLE_WORDS, f"{name}: {fault}")
    notes: list[str] = []
    cut: list[Word] = []
    kept = [word for word in words if _letters(word.text)]
    _note(notes, len(words) - len(kept), "without a letter or digit, left out")
    if length_s is not None:
        within = [word for word in kept if word.start_s is None or word.start_s < length_s]
        _note(notes, len(kept) - len(within), f"behind the end of the audio ({length_s:.3f} s), left out")
        kept = [_ended(word, length_s) for word in within]
        cut = [word for word, given in zip(kept, within, strict=True) if word is not given]
        _note(notes, len(cut), f"with an end behind that of the audio ({length_s:.3f} s), ended there or placed at the start")
    once = _once(kept)
    _note(notes, len(kept) - len(once), "said twice at the same time, counted once")
    n_open = sum(word.span is None for word in once if word not in cut)
    _note(notes, n_open, "without both times in order, placed at the one it has or between its neighbours")
    placed = _placed(once)
    n_chunks = sum(len(word.text.split()) > 1 for word in placed)
    _note(notes, n_chunks, "that holds several words, counted as so many (the published scripts count it as one)")
    single = tuple(
        part for word in placed for part in ([word] if len(word.text.split()) < 2 else _shared(word.text.split(), word.span))
    )
    return Words(single if notes else words, tuple(notes))


def check_segments(segments: Sequence[Span], length_s: float | None, name: str = "segments") -> tuple[Span, ...] | Absence:
    """The segments as they are believed: cut at the end of the audio. Arguments as in ``check_words``."""
    for index, (before, segment) in enumerate(pairwise(segments)):
        if before.start_s - segment.start_s > BACK_S:
            found = f"found {segment.start_s:g} s after {before.start_s:g} s"
            return Absence(IMPLAUSIBLE_SEGMENTS, f"{name}: segment {index + 1}: expected segments in order of time, {found}")
    if length_s is None:
        return tuple(segments)
    for index, segment in enumerate(segments):
        if segment.start_s > length_s + AT_END_S or segment.end_s > length_s + BEYOND_S:
            found = f"found [{segment.start_s:g}, {segment.end_s:g}]"
            return Absence(IMPLAUSIBLE_SEGMENTS, f"{name}: segment {index}: {_expected(length_s)}, {found}")
    return tuple(Span(each.start_s, min(each.end_s, length_s)) for each in segments if each.start_s < length_s)


def check_event(event: Event, length_s: float) -> str:
    """Why an annotated event does not lie in its clip; empty where it does. Of a turn's end only the first time decides."""
    beyond_s = (event.span.start_s if event.kind == TURN_END else event.span.end_s) - length_s
    if beyond_s <= AT_END_S:
        return ""
    at = f"[{event.span.start_s:g}, {event.span.end_s:g}]"
    return f"the {event.kind} {at} lies {beyond_s:.3f} s behind the end of the clip ({length_s:.3f} s)"


def check_cropped(words: Sequence[Word], heard: Span) -> str:
    """Why words, timed from the recording's beginning, cannot be those of a part of it; empty where they can."""
    early = [word for word in words if word.start_s is not None and word.start_s < heard.start_s - AT_END_S]
    late = [word for word in words if word.start_s is not None and word.start_s > heard.end_s + AT_END_S]
    if early:
        where = f"{len(early)} of {len(words)} words begin before it, the first at {early[0].start_s:g} s"
        why = "a transcript of the whole recording, or one whose times begin with the part"
        return f"expected the words after {heard.start_s:g} s, {where}: {why}"
    if late:
        where = f"{len(late)} of {len(words)} words begin behind it, the first at {late[0].start_s:g} s"
        return f"expected the words before the prompt's end at {heard.end_s:g} s, {where}: the published scripts hear none"
    return ""


def heard_until_s(end_s: float, prompt_s: float | None) -> float:
    """How far a recording has to go before a missing reply says something: a second after what is to be answered.

    Where the prompt ends earlier than that, its end is enough.

    Args:
        end_s: Where the user's turn or interruption ends.
        prompt_s: Length of the prompt; None where nobody knows.
    """
    wanted_s = end_s + LISTENING_S
    return (wanted_s if prompt_s is None or prompt_s < end_s else min(wanted_s, prompt_s)) - FRAME_S


def _fault_of(words: Sequence[Word], length_s: float | None) -> str:
    timed = [(index, word) for index, word in enumerate(words) if word.start_s is not None or word.end_s is not None]
    if words and not timed:
        return f"expected words with times, found none among {len(words)}"
    for index, word in timed:
        times_s = [time_s for time_s in (word.start_s, word.end_s) if time_s is not None]
        if min(times_s) < -AT_END_S:
            return f"chunk {index}: expected times from 0 s on, found {min(times_s):g} s"
        if length_s is not None and min(times_s) > length_s + BEYOND_S:
            return f"chunk {index}: {_expected(length_s)}, found {min(times_s):g}"
    starts_s = [(index, word.start_s) for index, word in timed if word.start_s is not None]
    for (_, before_s), (index, start_s) in pairwise(starts_s):
        if before_s - start_s > BACK_S:
            return f"chunk {index}: expected words in order of time, found {start_s:g} s after {before_s:g} s"
    return ""


def _finite(word: Word) -> Word:
    start_s, end_s = (time_s if time_s is None or math.isfinite(time_s) else None for time_s in (word.start_s, word.end_s))
    return word if (start_s, end_s) == (word.start_s, word.end_s) else Word(word.text, start_s, end_s)


def _expected(length_s: float) -> str:
    return f"expected seconds within the audio ({length_s:.3f} s; no milliseconds, samples or frames)"


def _note(notes: list[str], n: int, what: str) -> None:
    if n:
        notes.append(f"{n} {'words' if n > 1 else 'word'} {what}")


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _ended(word: Word, length_s: float) -> Word:
    if word.end_s is None or word.end_s <= length_s:
        return word
    is_short = word.start_s is not None and length_s - word.start_s <= MAX_WORD_S and word.end_s - length_s <= BEYOND_S
    return replace(word, end_s=length_s if is_short else None)


def _once(words: Sequence[Word]) -> list[Word]:
    """Without those that are said once more while they are being said."""
    kept: list[Word] = []
    for word in words:
        before = next((each for each in reversed(kept) if each.span is not None), None)
        if before is None or not _is_double(before, word):
            kept.append(word)
    return kept


def _is_double(one: Word, other: Word) -> bool:
    if one.span is None or other.span is None or _letters(one.text) != _letters(other.text):
        return False
    shared = one.span.clipped(other.span)
    return shared is not None and shared.duration_s * 2 >= min(one.span.duration_s, other.span.duration_s)


def _placed(words: Sequence[Word]) -> list[Word]:
    """Every word with both times."""
    placed: list[Word] = []
    for has_time, run in groupby(enumerate(words), key=lambda item: _own_span(item[1]) is not None):
        items = list(run)
        if has_time:
            placed += [_timed(word, _own_span(word)) for _, word in items]
            continue
        first, last = items[0][0], items[-1][0]
        before = _own_span(words[first - 1]) if first else None
        after = _own_span(words[last + 1]) if last + 1 < len(words) else None
        gap = before or after
        if before is not None and after is not None and before.end_s <= after.start_s:
            gap = Span(before.end_s, after.start_s)
        placed += [_timed(word, part.span) for (_, word), part in zip(items, _shared([""] * len(items), gap), strict=True)]
    return placed


def _own_span(word: Word) -> Span | None:
    known_s = word.end_s if word.start_s is None else word.start_s
    return word.span or (None if known_s is None else Span(known_s, known_s))


def _timed(word: Word, span: Span | None) -> Word:
    return word if span is None else Word(word.text, span.start_s, span.end_s)


def _shared(texts: Sequence[str], span: Span | None) -> list[Word]:
    """The texts with an even share of the time each."""
    if span is None:
        return [Word(text, None, None) for text in texts]
    each_s = span.duration_s / max(1, len(texts))
    starts_s = [span.start_s + index * each_s for index in range(len(texts))]
    return [Word(text, start_s, start_s + each_s) for text, start_s in zip(texts, starts_s, strict=True)]
