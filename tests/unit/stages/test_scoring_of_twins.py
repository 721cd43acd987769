"""Cases with more than one call: what a scorer that compares them is told of each, and what a person reads."""

from __future__ import annotations

import numpy as np
import pytest

from fdbench.core.absence import Absence
from fdbench.core.annotation import Annotations, SpeechRequest, WordsRequest
from fdbench.core.behaviour import OVERLAP_INTERRUPTION
from fdbench.core.conversation import Sample
from fdbench.core.event import OVERLAP, Event
from fdbench.core.score import Score, none_score
from fdbench.core.sound import Audio, Track
from fdbench.core.span import Span
from fdbench.hear.stage import Engines
from fdbench.human.reference import shipped_reference
from fdbench.scoring.base import main_take, speech_for
from fdbench.stages import score as stage
from fdbench.stages.cases import Case, RecordedTake, TaskFacts
from fdbench.stages.judging import Nobody

TASK = "mini/turn_taking"
REQUEST = SpeechRequest("model")


class Comparing:
    """Whether the model speaks in the main take and not in its twin; asks of a third one that nobody planned."""

    version = 1
    metrics = ("takeover_rate",)

    def needs(self, sample, prompts):
        return dict.fromkeys(("main", "clean", "unplanned"), (REQUEST,))

    def score(self, sample, takes, verdict):
        main, clean = main_take(takes), takes["clean"]
        assert isinstance(main, Annotations) and "unplanned" not in takes
        if isinstance(clean, Absence):
            return [none_score("takeover_rate", clean.score_reason)]
        said = [bool(speech_for(take, REQUEST).segments) for take in (main, clean)]
        return [Score("takeover_rate", float(said == [True, False]))]


class Sound:
    """A second of noise, or of silence."""

    behaviour, folder = "turn_taking", None

    def __init__(self, gain):
        self.gain = gain

    def digest(self, channel):
        return f"{self.gain:08.3f}"

    def load(self, channel):
        sound = np.random.default_rng(0).normal(0, self.gain, 16000).astype(np.float32)
        return Track(Audio(sound, 16000), 0.0)


@pytest.fixture
def score(monkeypatch):
    monkeypatch.setattr(stage, "scorers_for", lambda *behaviour, **kinds: (Comparing(),))

    def of(main, clean):
        case = Case(Sample("clip", TASK, {}), "turn_taking", {"main": main, "clean": clean})
        facts = {TASK: TaskFacts("mini", "turn_taking", 1, {})}
        quietly, engines = lambda *counts: None, Engines("none")
        heard = stage.hear_cases([case], ("fdbench",), engines, None, 1, quietly, asks=False)
        (scoring,) = stage.score_heard(
            heard, facts, ("fdbench",), engines.signature_facts(), Nobody(), shipped_reference(), quietly
        )
        (sample,) = scoring.samples
        (score,) = sample.scores
        return score, sample.messages

    return of


def test_both_takes_reach_the_scorer_and_what_nobody_played_is_not_heard(score):
    quiet = RecordedTake(Sound(0.0), prompt_s=1.0, recorded_s=1.0)
    found, messages = score(quiet, quiet)
    assert (found.value, messages) == (0.0, ())


def test_each_take_that_was_heard_is_counted_and_those_that_are_missing_are_done():
    told, quiet = [], RecordedTake(Sound(0.0), prompt_s=1.0, recorded_s=1.0)
    cases = [
        Case(Sample(name, TASK, {}), "turn_taking", {"main": quiet, "clean": clean})
        for name, clean in (("whole", quiet), ("half", Absence("call_failed", "no line")))
    ]
    heard = stage.hear_cases(cases, ("fdbench",), Engines("none"), None, 1, lambda *of: told.append(of), asks=False)
    list(heard)
    assert told == [("annotation", done, 4, 0) for done in (1, 2, 3, 4)]


def test_why_a_twin_is_missing_reaches_the_scorer_and_the_screen_by_name(score):
    quiet = RecordedTake(Sound(0.0), prompt_s=1.0, recorded_s=1.0)
    found, messages = score(quiet, Absence("call_failed", "the server hung up"))
    assert (found.value, found.status, found.reason) == (None, "error", "call_failed")
    assert messages == ("clean: the server hung up",)


def test_without_the_main_take_nothing_is_heard_and_its_reason_comes_first(score):
    quiet = RecordedTake(Sound(0.0), prompt_s=1.0, recorded_s=1.0)
    found, messages = score(Absence("call_failed", "no line"), quiet)
    assert (found.status, found.reason, messages) == ("error", "call_failed", ("no line",))


@pytest.mark.parametrize("protocol", ["fdbench", "fdb-2026-05"])
def test_the_users_words_are_heard_only_where_a_judge_reads_them(protocol):
    overlap = Sample("clip", TASK, {}, (Event(OVERLAP, Span(1.0, 2.0), "wait"),))
    take = RecordedTake(Sound(0.0), prompt_s=4.0, recorded_s=4.0)
    case = Case(overlap, OVERLAP_INTERRUPTION, {"main": take, "clean": take})

    def channels(asks):
        requests = stage.requests_of(case, (protocol,), asks=asks)
        return {name: {each.channel for each in of if isinstance(each, WordsRequest)} for name, of in requests.items()}

    assert channels(asks=True) == {"main": {"user", "model"}, "clean": {"user", "model"}}
    assert not any("user" in heard for heard in channels(asks=False).values())
