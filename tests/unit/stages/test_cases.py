"""A case that is moved: the model's side of a call lies elsewhere, the user's stays, and each place has its own name."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fdbench.core.absence import Absence
from fdbench.core.annotation import Channel
from fdbench.core.conversation import Sample
from fdbench.core.event import TEXT, Event, as_scored, own_text
from fdbench.core.sound import Audio, Track
from fdbench.core.span import Span
from fdbench.errors import UsageError
from fdbench.stages.cases import Case, RecordedTake, event_kinds, placed
from fdbench.store.manifest import Collection

SAMPLE = Sample("clip", "mini/turn_taking", {})


@dataclass(frozen=True)
class BothAt:
    """A second of silence on both channels, from ``start_s`` on."""

    start_s: float = -1.0
    behaviour: str = "turn_taking"
    stimulus: str = "main"
    folder: Path | None = None

    def digest(self, channel: Channel) -> str | None:
        return placed("0" * 8, self.start_s)

    def load(self, channel: Channel) -> Track:
        return Track(Audio(np.zeros(16000, np.float32), 16000), self.start_s)


def text(start_s: float, piece: str) -> Event:
    return Event(TEXT, Span(start_s, start_s + 0.08), piece)


def case(task: str = "mini/turn_taking", events: tuple[Event, ...] = (), **takes: object) -> Case:
    main = RecordedTake(BothAt(), prompt_s=5.0, recorded_s=8.0, model_events=events)
    return Case(Sample("clip", task, {}), "turn_taking", {"main": main, **takes})


CASE = case(events=(text(0.0, " a"), text(0.08, " b")))


def test_the_model_moves_and_the_user_stays():
    earlier = CASE.shifted(-0.08).takes["main"]
    assert earlier.audio.load("model").start_s == -1.08
    assert earlier.audio.load("user").start_s == -1.0
    assert (earlier.recorded_s, earlier.prompt_s) == (8.0 - 0.08, 5.0)
    assert [piece.span.start_s for piece in earlier.model_events] == [-0.08, 0.0]
    assert [piece.text for piece in earlier.model_events] == [" a", " b"]
    assert CASE.shifted(-0.08).id == CASE.id
    assert pickle.loads(pickle.dumps(earlier.audio)) == earlier.audio, "workers are handed it"


def test_each_place_has_a_name_of_its_own_for_whoever_remembers_what_was_heard():
    main = CASE.takes["main"].audio
    names = {CASE.shifted(shift_s).takes["main"].audio.digest("model") for shift_s in (0.0, -0.08, -0.16, 0.08)}
    assert len(names) == 4
    assert CASE.shifted(-0.08).takes["main"].audio.digest("user") == main.digest("user")


def test_what_is_not_moved_is_the_same_and_a_missing_take_has_nothing_to_move():
    assert CASE.shifted(0.0) is CASE
    missing = Case(SAMPLE, "turn_taking", {"main": Absence("call_failed", "no call")})
    assert missing.shifted(-0.08).takes == missing.takes


def test_a_twin_that_is_missing_is_said_and_a_missing_main_take_leaves_nothing_to_hear():
    why = Absence("call_failed", "the server hung up")
    assert list(case(clean=why).recorded) == ["main"] and case(clean=why).absences == {"clean": why}
    twin = RecordedTake(BothAt())
    assert Case(SAMPLE, "turn_taking", {"main": why, "clean": twin}).recorded == {}


def test_a_text_is_what_can_be_seen_of_it():
    other = Event("mood", Span(0.0, 1.0), "happy")
    assert own_text([other, text(0.0, ""), text(0.1, " ")]) == ()
    assert as_scored([other, text(0.0, ""), text(0.1, " ")]) == (other,)
    assert as_scored([other, text(0.0, "a")]) == (other, text(0.0, "a"))
    assert own_text([text(0.0, "a"), other, text(0.1, " "), text(0.2, "b")]) == (
        text(0.0, "a"), text(0.1, " "), text(0.2, "b"),
    )  # fmt: skip
    kinds = event_kinds((each.sample.task, each.model_events) for each in (CASE, case("mini/backchannel")))
    assert kinds == {"mini/turn_taking": {TEXT}, "mini/backchannel": frozenset()}


def collection(**more):
    facts = {"model": "m", "kind": "model", "adapter": "m:C", "arguments": {}, "clock": "lockstep", "slots": 1, "seed": 0}
    return Collection(**{**facts, "lead_in_s": 0.0, "tail_silence_s": 2.0, "tail_limit_s": 10.0, "fdbench": "0", **more})


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({}, "m has no published placement"),
        ({"kind": "recordings", "placement": "given"}, "m was recorded elsewhere"),
        ({"kind": "recordings", "placement": "given", "published_shift_s": -0.08}, "m was recorded elsewhere"),
    ],
)
def test_what_cannot_be_placed_otherwise_is_misuse(facts, told):
    there = collection(**facts)
    assert there.shift_s_to("causal") == 0.0
    with pytest.raises(UsageError, match=told):
        there.shift_s_to("published")


def test_a_placement_is_known_by_the_shift():
    there = collection(published_shift_s=-0.08)
    assert (there.shift_s_to("causal"), there.shift_s_to("published")) == (0.0, -0.08)
    assert (there.placement_at(0.0), there.placement_at(-0.08)) == ("causal", "published")
    assert collection(kind="recordings", placement="given").placement_at(0.0) == "given"
    assert there.run_id == collection().run_id, "where others place a reply is no part of the call"
