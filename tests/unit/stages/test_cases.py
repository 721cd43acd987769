"""An entry that is moved: the model's side of a call lies elsewhere, the user's stays, and each place has its own name."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fdbench.core.annotation import Channel
from fdbench.core.conversation import Sample
from fdbench.core.event import TEXT, Event
from fdbench.core.sound import Audio, Track
from fdbench.core.span import Span
from fdbench.errors import UsageError
from fdbench.stages.cases import Entry, Fault, kinds_in, moved, own_text_of, placed, told_of
from fdbench.store.manifest import Collection

SAMPLE = Sample("clip", "mini/turn_taking", {})


@dataclass(frozen=True)
class BothAt:
    """A second of silence on both channels, from ``start_s`` on."""

    start_s: float = -1.0
    behaviour: str = "turn_taking"
    folder: Path | None = None

    def digest(self, channel: Channel) -> str | None:
        return placed("0" * 8, self.start_s)

    def load(self, channel: Channel) -> Track:
        return Track(Audio(np.zeros(16000, np.float32), 16000), self.start_s)


def text(start_s: float, piece: str) -> Event:
    return Event(TEXT, Span(start_s, start_s + 0.08), piece)


ENTRY = Entry(SAMPLE, "turn_taking", audio=BothAt(), prompt_s=5.0, recorded_s=8.0, told=(text(0.0, " a"), text(0.08, " b")))


def test_the_model_moves_and_the_user_stays():
    earlier = moved(ENTRY, -0.08)
    assert earlier.audio.load("model").start_s == -1.08
    assert earlier.audio.load("user").start_s == -1.0
    assert (earlier.recorded_s, earlier.prompt_s) == (8.0 - 0.08, 5.0)
    assert [piece.span.start_s for piece in earlier.told] == [-0.08, 0.0]
    assert [piece.text for piece in earlier.told] == [" a", " b"]
    assert earlier.key == ENTRY.key
    assert pickle.loads(pickle.dumps(earlier.audio)) == earlier.audio, "workers are handed it"


def test_each_place_has_a_name_of_its_own_for_whoever_remembers_what_was_heard():
    names = {moved(ENTRY, shift_s).audio.digest("model") for shift_s in (0.0, -0.08, -0.16, 0.08)}
    assert len(names) == 4
    assert moved(ENTRY, -0.08).audio.digest("user") == ENTRY.audio.digest("user")


def test_what_is_not_moved_is_the_same_and_a_fault_has_nothing_to_move():
    assert moved(ENTRY, 0.0) is ENTRY
    fault = Entry(SAMPLE, "turn_taking", fault=Fault("call_failed", "no call"))
    assert moved(fault, -0.08) is fault


def test_a_text_is_what_can_be_seen_of_it():
    other = Event("mood", Span(0.0, 1.0), "happy")
    assert own_text_of([other, text(0.0, ""), text(0.1, " ")]) == ()
    assert told_of([other, text(0.0, ""), text(0.1, " ")]) == (other,)
    assert told_of([other, text(0.0, "a")]) == (other, text(0.0, "a"))
    assert own_text_of([text(0.0, "a"), other, text(0.1, " "), text(0.2, "b")]) == (
        text(0.0, "a"), text(0.1, " "), text(0.2, "b"),
    )  # fmt: skip
    silent = Entry(Sample("clip", "mini/backchannel", {}), "backchannel", audio=BothAt())
    assert kinds_in([ENTRY, silent]) == {"mini/turn_taking": {TEXT}, "mini/backchannel": frozenset()}


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
