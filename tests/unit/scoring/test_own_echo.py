"""Whether a model stops for its own voice and answers itself, by the table of ``own_echo``, computed by hand."""

from __future__ import annotations

import pytest

from fdbench.core.annotation import Annotations, DetectedSpeech
from fdbench.core.conversation import Sample
from fdbench.core.event import OWN_ECHO, TURN_END, Event
from fdbench.core.span import Span
from fdbench.scoring.base import NO_JUDGE
from fdbench.scoring.corrected.own_echo import OwnEcho
from fdbench.scoring.requests import MODEL_SPEECH, user_speech

TURN = Sample("s", "mini/turn_taking", {}, (Event(TURN_END, Span(3.0, 3.0)),))
NA = "no_own_talk"

TABLE = [
    ("nothing is said", [], [], 20.0, (NA, NA, NA, NA)),
    ("it stops for itself", [(4.0, 4.6)], [], 20.0, (1, 1, NA, 0)),
    ("it talks on", [(4.0, 14.0)], [], 20.0, (0, 0, NA, 0)),
    ("it stops and begins again", [(4.0, 4.6), (5.2, 5.8), (9.0, 9.5)], [], 20.0, (1, 1, 1, 1)),
    ("two answers to one turn", [(4.0, 9.0), (10.0, 15.0)], [], 20.0, (0, 0, 0, 1)),
    ("two answers to two turns", [(4.0, 9.0), (10.0, 15.0)], [(9.2, 9.8)], 20.0, (0, 0, 0, 0)),
    ("it stops for the user", [(4.0, 4.6)], [(4.2, 5.0)], 20.0, (NA, NA, NA, NA)),
    ("nobody knows", [(4.0, 4.6)], [], 4.6, (NA, NA, NA, NA)),
    ("it went on for long enough", [(4.0, 8.0)], [], 8.0, (0, 0, NA, 0)),
    ("a breath is no end", [(4.0, 5.0), (5.1, 6.0)], [], 20.0, (0, 0, NA, 0)),
    ("over before its echo came", [(4.0, 4.05)], [], 20.0, (0, 0, NA, 0)),
    ("later only", [(4.0, 8.0), (12.0, 12.5)], [], 20.0, (1, 0, 1, 0)),
]


@pytest.mark.parametrize(("model", "user", "recorded_s", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_by_hand(model, user, recorded_s, expected):
    speech = tuple(Span(*each) for each in model)
    said = (Span(0.5, 3.0), *(Span(*each) for each in user))
    take = Annotations(
        prompt_s=20.0,
        recorded_s=recorded_s,
        speech={MODEL_SPEECH: DetectedSpeech(speech, recorded_s), user_speech(20.0): DetectedSpeech(said, 20.0)},
        model_events=(Event(OWN_ECHO, Span(0.0, 0.06)),),
    )
    scores = OwnEcho().score(TURN, {"main": take}, NO_JUDGE)
    assert tuple(score.reason if score.value is None else score.value for score in scores) == expected
