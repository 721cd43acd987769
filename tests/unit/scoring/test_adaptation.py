"""What a scorer reads of how a model speaks: a number or a reason, and pairs of clips that have both."""

from __future__ import annotations

import pytest

from fdbench.core.absence import Absence
from fdbench.core.annotation import Annotations, Prosody, ProsodyRequest, VoiceMeasures
from fdbench.scoring.adaptation import VOICE_MEASURES, compare, known_value, voice_value

REQUEST = ProsodyRequest("model", 4.0)
WHOLE = VoiceMeasures(180.0, 2.0, 210.0, 15.0, 61.0, 4.0)
SILENT = VoiceMeasures(0.0, 0.0, None, None, -300.0, 0.0)


def take(before: VoiceMeasures | None, after: VoiceMeasures | None, engine: str = "parselmouth-1+praat-6") -> Annotations:
    missing = {REQUEST: Absence("prosody_missing", "how to get it")} if engine == "none" else {}
    return Annotations(prosody={REQUEST: Prosody(before, after, 4.0, engine)}, missing=missing)


def test_each_measure_of_each_side_is_a_number() -> None:
    heard = take(WHOLE, WHOLE)
    found = [voice_value(heard, REQUEST, side, measure) for side in ("before", "after") for measure in VOICE_MEASURES[:-1]]
    assert found == [180.0, 2.0, 210.0, 15.0, 61.0, 4.0] * 2
    assert voice_value(heard, REQUEST, "after", "utmos") == Absence("prosody_missing")


def test_a_silent_side_has_no_voice_in_any_measure() -> None:
    found = {voice_value(take(WHOLE, SILENT), REQUEST, "after", measure) for measure in VOICE_MEASURES[:-1]}
    assert found == {Absence("no_voice")}


def test_without_the_package_speed_and_speech_are_known() -> None:
    heard = take(VoiceMeasures(180.0, 2.0), None, "none")
    assert voice_value(heard, REQUEST, "before", "words_per_minute") == 180.0
    assert voice_value(heard, REQUEST, "before", "speech_s") == 2.0
    assert voice_value(heard, REQUEST, "before", "pitch_mean_hz") == Absence("prosody_missing", "how to get it")


def test_a_recording_that_ends_with_the_overlap_has_nothing_after_it() -> None:
    assert voice_value(take(WHOLE, None), REQUEST, "after", "pitch_mean_hz") == Absence("recording_too_short")
    assert voice_value(take(None, WHOLE), REQUEST, "before", "pitch_mean_hz") == Absence("no_voice")


def test_what_was_not_heard_at_all_says_why() -> None:
    lacking = Annotations(missing={REQUEST: Absence("no_words")})
    assert voice_value(lacking, REQUEST, "after", "speech_s") == Absence("no_words")


@pytest.mark.parametrize(
    ("measure", "value", "known"),
    [
        ("words_per_minute", 0.0, None),
        ("pitch_std_hz", 0.0, None),
        ("intensity_std_db", 0.0, None),
        ("intensity_mean_db", 0.0, 0.0),
        ("intensity_mean_db", -189.9, -189.9),
        ("intensity_mean_db", -190.0, None),
        ("utmos", 0.0, 0.0),
        ("speech_s", None, None),
    ],
)
def test_what_the_published_study_takes_for_not_measured(measure: str, value: float | None, known: float | None) -> None:
    assert known_value(measure, value) == known


def test_clips_are_compared_that_have_both_values() -> None:
    found = compare({"a": 1.0, "b": 1.0, "c": 1.0, "x": 9.0}, {"c": 4.0, "a": 2.0, "b": 3.0, "y": 9.0})
    assert found is not None
    assert (found.n_used, found.mean_diff) == (3, 2.0)
    assert compare({"a": 1.0}, {"a": 2.0, "b": 1.0}) is None
