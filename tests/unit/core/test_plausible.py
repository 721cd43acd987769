"""What of given times is believed, mended, or refused."""

from __future__ import annotations

import pytest

from fdbench.core.absence import Absence
from fdbench.core.event import INTERRUPTION, PAUSE, TURN_END, Event
from fdbench.core.plausible import Words, check_cropped, check_event, check_segments, check_words, heard_until_s
from fdbench.core.span import Span
from fdbench.core.speech import Word


def words(*said: tuple[str, float | None, float | None]) -> tuple[Word, ...]:
    return tuple(Word(*each) for each in said)


def believed(given: tuple[Word, ...], length_s: float | None = 10.0) -> Words:
    found = check_words(given, length_s)
    assert isinstance(found, Words), found
    return found


GOOD = words(("and", 1.0, 1.2), ("then", 1.3, 1.6), ("home", 1.55, 2.0))


def test_words_that_lie_in_the_audio_are_believed_as_they_are() -> None:
    assert believed(GOOD) == Words(GOOD)
    assert believed(()) == Words(())


@pytest.mark.parametrize(
    ("given", "length_s", "why"),
    [
        (words(("and", 24_000, 28_000)), 10.0, "chunk 0: expected seconds within the audio (10.000 s"),  # samples
        (words(("and", 0.0, 200), ("so", 300, 500)), 10.0, "chunk 1: expected seconds"),  # ms, from the beginning on
        (words(("and", 45, 50)), 10.0, "found 45"),  # frames
        (words(("and", 11.5, 12.0)), 10.0, "found 11.5"),
        (words(("and", -2.0, 1.0)), 10.0, "expected times from 0 s on, found -2 s"),
        (
            words(("and", 19.0, 19.3), ("so", 0.4, 0.7)),
            60.0,
            "chunk 1: expected words in order of time, found 0.4 s after 19 s",
        ),
        (words(("and", 19.0, 19.3), ("so", 0.4, 0.7)), None, "in order of time"),
        (words(("and", None, None), ("so", None, None)), 10.0, "expected words with times, found none among 2"),
    ],
)
def test_times_of_another_unit_clip_or_clock_are_not_believed(
    given: tuple[Word, ...], length_s: float | None, why: str
) -> None:
    found = check_words(given, length_s, "x/output.json")
    assert isinstance(found, Absence) and found.reason == "implausible_words"
    assert found.message.startswith("x/output.json: ") and why in found.message


@pytest.mark.parametrize(
    ("given", "expected", "note"),
    [
        (  # a little behind the end: the end is the audio's
            words(("so", 9.0, 9.2), ("home", 9.6, 10.4)),
            words(("so", 9.0, 9.2), ("home", 9.6, 10.0)),
            "1 word with an end behind",
        ),
        (  # the end of a recogniser's window: unknown
            words(("so", 2.0, 2.2), ("home", 2.3, 29.98)),
            words(("so", 2.0, 2.2), ("home", 2.3, 2.3)),
            "1 word with an end behind",
        ),
        (words(*((w.text, w.start_s, w.end_s) for w in GOOD), ("bye", 10.3, 10.6)), GOOD, "1 word behind the end"),
        (words(("mm", 1.0, 1.2), ("...", 1.2, 1.3), ("?", None, None)), words(("mm", 1.0, 1.2)), "2 words without a letter"),
        (
            words(("in", 1.0, 1.2), ("42", None, None), ("7", None, None), ("days", 1.6, 1.9)),
            words(("in", 1.0, 1.2), ("42", 1.2, 1.4), ("7", 1.4, 1.6), ("days", 1.6, 1.9)),
            "2 words without both times",
        ),
        (words(("42", None, None), ("days", 1.6, 1.9)), words(("42", 1.6, 1.9), ("days", 1.6, 1.9)), "1 word without both"),
        (words(("days", 1.6, 1.9), ("42", None, None)), words(("days", 1.6, 1.9), ("42", 1.6, 1.9)), "1 word without both"),
        (words(("so", 1.0, None), ("it", None, 1.5)), words(("so", 1.0, 1.0), ("it", 1.5, 1.5)), "2 words without both"),
        (words(("so", 1.4, 1.0)), words(("so", 1.4, 1.4)), "1 word without both times in order"),
        (
            words(("we do", 1.0, 2.0), ("now", 2.0, 2.3)),
            words(("we", 1.0, 1.5), ("do", 1.5, 2.0), ("now", 2.0, 2.3)),
            "1 word that holds several words",
        ),
        (
            words(("No,", 1.0, 1.3), ("no", 1.05, 1.3), ("no", 1.4, 1.6)),
            words(("No,", 1.0, 1.3), ("no", 1.4, 1.6)),
            "1 word said twice",
        ),
    ],
)
def test_what_is_beyond_doubt_is_mended_and_counted(given: tuple[Word, ...], expected: tuple[Word, ...], note: str) -> None:
    found = believed(given)
    assert [word.text for word in found.words] == [word.text for word in expected]
    for one, other in zip(found.words, expected, strict=True):
        assert (one.start_s, one.end_s) == pytest.approx((other.start_s, other.end_s))
    assert len(found.notes) == 1 and found.notes[0].startswith(note)
    assert believed(found.words) == Words(found.words), "what was mended is believed"


def test_the_same_word_said_again_is_two_words() -> None:
    again = words(("no", 1.0, 1.3), ("no", 1.25, 1.6), ("no", 1.7, 1.9))
    assert believed(again) == Words(again)


@pytest.mark.parametrize(
    "segments", [[Span(1000, 2000)], [Span(1, 2), Span(9, 12)], [Span(10.5, 10.7)], [Span(8, 9), Span(1, 2)]]
)
def test_segments_that_cannot_be_the_recordings_are_not_believed(segments: list[Span]) -> None:
    found = check_segments(segments, 10.0, "output.vad.json")
    assert isinstance(found, Absence) and found.reason == "implausible_segments"
    assert found.message.startswith("output.vad.json: segment ")


def test_a_segment_that_goes_on_a_little_behind_the_end_ends_there() -> None:
    assert check_segments([Span(1, 2), Span(9.5, 10.5)], 10.0) == (Span(1, 2), Span(9.5, 10.0))
    assert check_segments([Span(1, 2), Span(9.5, 10.5)], None) == (Span(1, 2), Span(9.5, 10.5))


@pytest.mark.parametrize(
    ("event", "is_believed"),
    [
        (Event(TURN_END, Span(48_000, 48_000)), False),
        (Event(TURN_END, Span(9.9, 11.0)), True),  # nobody reads the second time
        (Event(PAUSE, Span(75, 90)), False),
        (Event(PAUSE, Span(9.0, 10.04)), True),
        (Event(INTERRUPTION, Span(3_000, 4_500)), False),
    ],
)
def test_an_event_lies_in_its_clip(event: Event, is_believed: bool) -> None:
    assert (check_event(event, 10.0) == "") is is_believed


@pytest.mark.parametrize(("at_s", "why"), [(0.4, "begin before it"), (6.1, ""), (10.9, "begin behind it")])
def test_words_of_a_part_of_the_recording_begin_in_it(at_s: float, why: str) -> None:
    found = check_cropped(words(("so", at_s, at_s + 0.2)), Span(6.0, 10.0))
    assert why in found and bool(found) is bool(why)


@pytest.mark.parametrize(
    ("end_s", "prompt_s", "until_s"), [(3.0, None, 3.9), (3.0, 3.5, 3.4), (3.0, 9.0, 3.9), (3.0, 2.0, 3.9)]
)
def test_a_missing_reply_says_something_a_second_after_the_turn(end_s: float, prompt_s: float | None, until_s: float) -> None:
    assert heard_until_s(end_s, prompt_s) == pytest.approx(until_s)
