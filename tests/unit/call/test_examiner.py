"""The scripted examiner with agents whose dialogues are known by hand.

Voices, ears and agents speak a language of tones (``tests/toned_talk.py``): every turn is where and what the table says.
"""

from __future__ import annotations

import asyncio
from itertools import pairwise

import numpy as np
import pytest

from fdbench.adapter.base import Agent, AgentParty, Brief, Port
from fdbench.adapter.live import Decided, Delta, Done
from fdbench.call.call import Ending, Invitation
from fdbench.call.driver import Driver
from fdbench.call.examiner.pace import LONGEST_TURN_S, NUDGE_AFTER_S
from fdbench.call.examiner.party import ScriptedExaminer
from fdbench.call.examiner.phrases import BACKCHANNELS, NUDGES
from fdbench.call.replay import Examined, replay_call
from fdbench.call.session_log import from_stored
from fdbench.call.tape import as_kept
from fdbench.call.taped_leg import RecordedTape
from fdbench.call.timeouts import Timeouts
from fdbench.core.conversation import FailedCall, Recording, Sample, Take
from fdbench.core.dialogue import Dialogue, DialogueStage, held_stages
from fdbench.core.event import EXAMINER_SPEECH
from fdbench.core.goal import Answered, Carried, Confirmed, Corrected, goal_met
from fdbench.errors import FdbenchError
from tests.toned_talk import HangsUp, LevelDetector, NeverStops, Toned, TonedEar, TonedVoice
from tests.toned_talk import say as toned
from tests.virtual_time import virtual_time

THREE_ON_SATURDAY = Confirmed((("three",), ("saturday",)))
TICKETS = Dialogue(
    "tickets",
    "correction",
    "good morning",
    (
        DialogueStage("T1", "three tickets for saturday please", "I want three of them", THREE_ON_SATURDAY),
        DialogueStage("T2", "sorry I need five tickets", "I meant five not three", Corrected(("five",), ("three",)), "T1"),
        DialogueStage("T3", "we also want two drinks", "two drinks for us please", Confirmed((("two",),))),
        DialogueStage("T4", "what did I order", "please repeat it", Corrected(("five",), ("three",))),
    ),
    "thank you goodbye",
)
HOTELS = Dialogue(
    "hotels",
    "entity_tracking",
    "",
    (
        DialogueStage("T1", "one is at the lake and one at the station", "lake or station", Answered(1)),
        DialogueStage("T2", "which one is quiet", "where is no noise", Carried(("lake",), ("station",), "T1")),
        DialogueStage("T3", "and which one is cheap", "where do I pay less", Carried(("station",), ("lake",), "T1")),
    ),
    "bye then",
)
GOOD = {
    "three tickets for saturday please": "three tickets for saturday all right",
    "I want three of them": "three tickets for saturday all right",
    "sorry I need five tickets": "five tickets not three okay",
    "I meant five not three": "five tickets not three okay",
    "we also want two drinks": "two drinks are no problem",
    "two drinks for us please": "two drinks are no problem",
    "what did I order": "five tickets and two drinks",
    "please repeat it": "five tickets and two drinks",
    "one is at the lake and one at the station": "I see",
    "which one is quiet": "the one at the lake",
    "and which one is cheap": "the one at the station is",
}
IGNORES_CORRECTIONS = {**GOOD, **dict.fromkeys(("sorry I need five tickets", "what did I order"), "three tickets it is")}
IGNORES_CORRECTIONS |= dict.fromkeys(("I meant five not three", "please repeat it"), "three tickets it is")
FORGETS = {**GOOD, **dict.fromkeys(("and which one is cheap", "where do I pay less"), "it is the cheap one")}
OBEYS_LATE = {**IGNORES_CORRECTIONS, "I meant five not three": "five tickets not three okay"}


def examiner(model, **options):
    options = {"voice": TonedVoice(), "asr": TonedEar(), "make_detector": LevelDetector, **options}
    return ScriptedExaminer(model.hears, model.says, model.slots, **options)


def held(make_agent, *dialogues, slots=1, seed=5, reverse=False, **options):
    """What came of each dialogue, by its id."""
    model = AgentParty(make_agent, slots)
    driver = Driver(model, examiner(model, **options), Ending(1.0, 4.0))
    invitations = [
        Invitation(Take(Sample(each.id, "t", {}, dialogue=each)), Brief(seed=seed + k, dialogue=each), Brief(seed=seed + k))
        for k, each in enumerate(dialogues)
    ]
    return {take.sample.id: outcome for take, outcome in driver.run(invitations[::-1] if reverse else invitations)}


def one(make_agent, dialogue=TICKETS, **options):
    (outcome,) = held(make_agent, dialogue, **options).values()
    assert isinstance(outcome, Recording), outcome
    return outcome


def left(recording):
    """How each stage was left."""
    return [event.text.split(":")[0] for event in recording.user_events if event.kind == "stage_left"]


def said(recording):
    return [(event.kind, event.text) for event in recording.user_events if event.kind in EXAMINER_SPEECH]


def kinds(recording):
    return [event.kind for event in recording.user_events]


# The table by hand


@pytest.mark.parametrize(
    ("answers", "dialogue", "stages", "repeats"),
    [
        (GOOD, TICKETS, ["T1 met", "T2 met", "T3 met", "T4 met"], 0),
        (IGNORES_CORRECTIONS, TICKETS, ["T1 met", "T2 not_met", "T3 met", "T4 not_met"], 2),
        (OBEYS_LATE, TICKETS, ["T1 met", "T2 met", "T3 met", "T4 not_met"], 2),
        (GOOD, HOTELS, ["T1 met", "T2 met", "T3 met"], 0),
        (FORGETS, HOTELS, ["T1 met", "T2 met", "T3 not_met"], 1),
    ],
)
def test_stages_are_left_as_the_table_by_hand_says(answers, dialogue, stages, repeats):
    recording = one(lambda: Toned(answers), dialogue)
    assert left(recording) == stages
    assert kinds(recording).count("repeat") == repeats
    assert kinds(recording)[-1] == "closing" and "nudge" not in kinds(recording)


def test_a_good_dialogue_event_by_event():
    recording = one(lambda: Toned(GOOD))
    stage = ["stage_entered", "line", "heard_turn", "stage_left"]
    correcting = ["stage_entered", "correction", "heard_turn", "stage_left"]
    assert kinds(recording) == ["opening", *stage, *correcting, *stage, *stage, "closing"]
    lines = [event for event in recording.user_events if event.kind in ("line", "correction", "closing")]
    turns = [event for event in recording.user_events if event.kind == "heard_turn"]
    opening = recording.user_events[0]
    assert opening.span.start_s == 0 and lines[0].span.start_s == pytest.approx(opening.span.end_s + 0.25)
    for line, turn, following in zip(lines, turns, lines[1:], strict=False):
        assert line.span.duration_s == pytest.approx(0.25 * len(line.text.split()))
        assert turn.span.start_s == pytest.approx(line.span.end_s + 0.5, abs=0.08)  # the agent waits for half a second
        assert turn.span.duration_s == pytest.approx(0.25 * len(turn.text.split()), abs=0.08)
        assert following.span.start_s == pytest.approx(turn.span.end_s + 2.0, abs=0.05)
        assert turn.text == GOOD[line.text]
    assert recording.prompt_s == pytest.approx(lines[-1].span.end_s)
    assert not recording.right_censored


def test_stages_can_be_read_from_the_events_in_any_order():
    recording = one(lambda: Toned(OBEYS_LATE))
    stages = held_stages(recording.user_events[::-1], recording.user.span.end_s)
    assert [(stage.name, stage.left, len(stage.turns)) for stage in stages] == [
        ("T1", "met", 1), ("T2", "met", 2), ("T3", "met", 1), ("T4", "not_met", 2),
    ]  # fmt: skip
    assert stages[1].texts == ("three tickets it is", "five tickets not three okay")
    for stage, spoken in zip(stages, TICKETS.stages, strict=True):
        assert (goal_met(spoken.goal, stage.texts).state) == stage.left
    assert all(before.span.end_s == after.span.start_s for before, after in pairwise(stages))


def test_everything_that_the_examiner_says_is_an_event_and_the_other_way_round():
    recording = one(lambda: Toned(IGNORES_CORRECTIONS), pace="fast", seed=8)
    rate, samples = recording.user.audio.sample_rate, recording.user.audio.samples
    is_said = np.zeros(len(samples), bool)
    for event in recording.user_events:
        if event.kind in EXAMINER_SPEECH:
            is_said[round(event.span.start_s * rate) : round(event.span.end_s * rate)] = True
    assert np.abs(samples[~is_said]).max() < 1e-4
    power = np.sqrt(np.convolve(samples**2, np.ones(400) / 400, "same"))
    assert power[is_said].mean() > 0.1


def test_a_silent_model_is_nudged_twice_a_stage_until_the_time_is_up():
    recording = one(lambda: Toned({}), duration_s=40.0)
    assert said(recording)[:5] == [
        ("opening", "good morning"),
        ("line", TICKETS.stages[0].line),
        ("nudge", NUDGES[0]),
        ("nudge", NUDGES[1]),
        ("correction", TICKETS.stages[1].line),
    ]
    assert left(recording) == ["T1 not_met", "T2 time_up"] and kinds(recording)[-2:] == ["time_up", "stage_left"]
    line, nudge = recording.user_events[2], recording.user_events[3]
    assert nudge.span.start_s == pytest.approx(line.span.end_s + NUDGE_AFTER_S, abs=0.03)
    assert recording.prompt_s == pytest.approx(40.0, abs=0.03)


def test_a_model_that_never_stops_is_talked_over():
    recording = one(lambda: NeverStops("blah blah"), duration_s=60.0)
    assert kinds(recording).count("talked_over") == 2
    line, turn, over = (next(e for e in recording.user_events if e.kind == k) for k in ("line", "heard_turn", "talked_over"))
    assert over.span.start_s == pytest.approx(line.span.end_s + LONGEST_TURN_S, abs=0.03)
    assert turn.span.start_s == pytest.approx(line.span.start_s)  # what it said before was said to nobody
    assert left(recording)[-1].endswith("time_up")
    assert recording.right_censored


def test_a_model_that_hangs_up_fails_its_own_call_by_name_and_no_other():
    outcomes = held(lambda: HangsUp(GOOD), TICKETS, HOTELS, slots=2)
    assert {each.reason for each in outcomes.values()} == {"adapter"}
    assert all("gone" in each.message for each in outcomes.values())


def test_a_line_that_the_voice_cannot_say_fails_the_call_by_name_before_it_begins():
    outcomes = held(lambda: Toned(GOOD), TICKETS, HOTELS, slots=2, voice=TonedVoice("which one is quiet"))
    assert isinstance(outcomes["tickets"], Recording)
    assert isinstance(outcomes["hotels"], FailedCall)
    assert (outcomes["hotels"].reason, outcomes["hotels"].message) == ("prompt", "the TTS cannot say 'which one is quiet'")


def test_ears_that_fail_fail_the_call_by_name():
    class Deaf(TonedEar):
        def transcribe(self, audio, speech):
            raise MemoryError("no room")

    (outcome,) = held(lambda: Toned(GOOD), TICKETS, asr=Deaf()).values()
    assert isinstance(outcome, FailedCall)
    assert outcome.reason == "examiner" and outcome.score_reason == "call_failed" and "no room" in outcome.message


def test_a_sample_without_a_dialogue_is_refused_by_name():
    model = AgentParty(lambda: Toned(GOOD), 1)
    driver = Driver(model, examiner(model), Ending(1.0, 4.0))
    ((_, outcome),) = driver.run([Invitation(Take(Sample("s", "t", {})), Brief(), Brief())])
    assert isinstance(outcome, FailedCall) and "dialogue" in outcome.message


@pytest.mark.parametrize("options", [{"pace": "quick"}, {"duration_s": 0.0}, {"duration_s": float("nan")}])
def test_settings_that_make_no_sense_are_refused(options):
    with pytest.raises(FdbenchError):
        examiner(AgentParty(lambda: Toned(GOOD), 1), **options)


# Paces, interruptions, backchannels


class Pauses(Agent):
    """Says "three tickets", is silent for a second and a half, and says "for saturday"; once, at 3 s."""

    hears = says = Port(16000, 320)

    def reset(self, brief: Brief) -> None:
        silence = np.zeros(24000, np.float32)
        self._mouth = np.concatenate([np.zeros(48000, np.float32), toned("three tickets"), silence, toned("for saturday")])

    def step(self, heard):
        frame = np.zeros(320, np.float32)
        piece, self._mouth = self._mouth[:320], self._mouth[320:]
        frame[: len(piece)] = piece
        return frame


@pytest.mark.parametrize(("pace", "first_turn"), [("slow", "three tickets for saturday"), ("fast", "three tickets")])
def test_a_slow_examiner_waits_through_a_pause_that_a_fast_one_takes_for_the_end(pace, first_turn):
    recording = one(Pauses, pace=pace, duration_s=20.0)
    assert next(event.text for event in recording.user_events if event.kind == "heard_turn") == first_turn


def long_answers(words=24):
    return lambda text: f"{GOOD.get(text, 'nothing at all')} {'and so on ' * ((words - 5) // 3)}".strip()


def test_a_fast_examiner_says_its_line_again_into_some_turns_and_a_slow_one_never():
    seen = {"slow": [], "fast": []}
    for pace, recordings in seen.items():
        for seed in range(3):
            recordings.append(one(lambda: Toned(long_answers()), pace=pace, seed=seed, duration_s=120.0))
    assert not any("interruption" in kinds(each) for each in seen["slow"])
    events = [(each, event) for each in seen["fast"] for event in each.user_events if event.kind == "interruption"]
    assert 1 <= len(events) <= 11  # half of 12 stages, give or take
    agains = {stage.again for stage in TICKETS.stages}
    for recording, event in events:
        assert event.text in agains
        ends = [e.span.end_s for e in recording.user_events if e.kind in ("line", "correction")]
        line_end_s = max(end_s for end_s in ends if end_s < event.span.start_s)
        assert 1.0 <= event.span.start_s - line_end_s - 0.5 <= 2.6  # after the onset, which comes half a second later
    assert all(state.endswith("met") for each in seen["fast"] for state in left(each))


def test_backchannels_are_sparse_and_said_while_the_model_speaks():
    recording = one(lambda: Toned(long_answers(60)), duration_s=120.0)
    given = [event for event in recording.user_events if event.kind == "backchannel"]
    assert given and {event.text for event in given} <= set(BACKCHANNELS)
    turns = [event.span for event in recording.user_events if event.kind == "heard_turn"]
    for event in given:
        assert any(turn.start_s + 4.0 <= event.span.start_s < turn.end_s for turn in turns)
    for turn in turns:
        within = [event.span.start_s for event in given if turn.contains(event.span.start_s)]
        assert all(later - earlier >= 6.0 for earlier, later in pairwise(within))


# What counts as a turn


def test_what_the_model_ends_under_the_examiners_own_line_is_no_answer():
    class Early(Toned):
        """Says "three for saturday" under the first line, and nothing else."""

        def reset(self, brief):
            super().reset(brief)
            self._early = np.concatenate([np.zeros(round(0.8 * 16000), np.float32), toned("three for saturday")])

        def step(self, heard):
            super().step(heard)
            frame = np.zeros(320, np.float32)
            piece, self._early = self._early[:320], self._early[320:]
            frame[: len(piece)] = piece
            return frame

    recording = one(lambda: Early({}), duration_s=12.0)
    assert "heard_turn" not in kinds(recording) and "nudge" in kinds(recording)


def test_a_sound_without_words_is_no_turn_and_puts_no_nudge_off():
    answers = dict.fromkeys(GOOD, "hm hm hm")
    recording = one(lambda: Toned(answers), asr=TonedEar("hm hm hm"), duration_s=12.0)
    assert "heard_turn" not in kinds(recording)
    line, nudge = (next(e for e in recording.user_events if e.kind == kind) for kind in ("line", "nudge"))
    assert nudge.span.start_s == pytest.approx(line.span.end_s + NUDGE_AFTER_S, abs=0.05)


def test_who_hums_without_end_is_nudged_and_the_dialogue_goes_on():
    recording = one(lambda: NeverStops("hm hm hm"), asr=TonedEar("hm hm hm"), duration_s=70.0)
    told = [kind for kind in kinds(recording) if kind != "backchannel"]
    assert told[:6] == ["opening", "stage_entered", "line", "nudge", "nudge", "stage_left"]
    assert left(recording)[0] == "T1 not_met"


def test_what_was_said_when_the_time_is_up_is_heard():
    recording = one(lambda: NeverStops("three for saturday"), duration_s=10.0)
    assert [event.text for event in recording.user_events[-3:]] == ["three for saturday", "", "T1 time_up: all values said"]


def test_with_the_gate_nothing_is_heard_while_the_examiner_speaks():
    free, gated = (one(lambda: NeverStops("blah blah"), gate_candidate=gates, duration_s=30.0) for gates in (False, True))
    (first, *_), (second, *_) = ([e for e in each.user_events if e.kind == "heard_turn"] for each in (free, gated))
    line = next(event for event in gated.user_events if event.kind == "line")
    assert first.span.start_s == pytest.approx(line.span.start_s)
    assert second.span.start_s == pytest.approx(line.span.end_s, abs=0.05)


# The same bytes


def facts(outcomes):
    return {
        name: (each.user.audio.samples.tobytes(), each.model.audio.samples.tobytes(), each.user_events, each.prompt_s)
        for name, each in outcomes.items()
    }


def test_a_call_is_the_same_whatever_its_neighbours_slots_and_order():
    dialogues = [TICKETS, HOTELS, *(Dialogue(f"again-{k}", *_parts(TICKETS)) for k in range(2))]
    alone = facts(held(lambda: Toned(long_answers()), *dialogues, pace="fast"))
    assert facts(held(lambda: Toned(long_answers()), *dialogues, pace="fast", slots=3)) == alone
    assert facts(held(lambda: Toned(long_answers()), *dialogues, pace="fast", slots=2, reverse=True)) == alone


def _parts(dialogue):
    return dialogue.family, dialogue.opening, dialogue.stages, dialogue.closing


def test_another_rate_on_the_models_side_gives_the_same_dialogue():
    class At24k(Agent):
        hears, says = Port(24000, 1920), Port(24000, 1920)

        def reset(self, brief):
            pass

        def step(self, heard):
            return np.zeros(1920, np.float32)

    recording = one(At24k, duration_s=20.0)
    assert recording.user.audio.sample_rate == 24000
    assert kinds(recording)[:5] == ["opening", "stage_entered", "line", "nudge", "nudge"]


def test_a_lead_in_moves_the_beginning_and_all_times_count_from_it():
    model = AgentParty(lambda: Toned(GOOD), 1)
    driver = Driver(model, examiner(model), Ending(1.0, 4.0))
    brief = Brief(seed=5, dialogue=TICKETS, lead_in_s=1.53)
    ((_, recording),) = driver.run([Invitation(Take(Sample("s", "t", {}, dialogue=TICKETS)), brief, Brief())])
    assert recording.user_events[0].span.start_s == pytest.approx(0.0, abs=1e-6)
    assert recording.user.start_s == pytest.approx(-1.53)
    assert left(recording) == ["T1 met", "T2 met", "T3 met", "T4 met"]


# On the wall clock


class Server:
    """Says a text as soon as it has been sent so many frames; nothing else."""

    hears, says, slots = Port(16000, 320), Port(16000, 320), 1
    always_sounds, takes_frames_together, open_s = False, True, 0.0

    def __init__(self, replies):
        self.replies = replies

    async def open(self, brief):
        return Line(self.replies)


class Line:
    def __init__(self, replies):
        self.replies, self.n, self.came = replies, 0, asyncio.Queue()

    async def send(self, frame):
        for _ in range(len(frame) // 320):
            self.n += 1
            if self.n in self.replies:
                for event in (
                    Decided("speak", f"r{self.n}"),
                    Delta(f"r{self.n}", toned(self.replies[self.n])),
                    Done(f"r{self.n}"),
                ):
                    self.came.put_nowait(event)

    async def events(self):
        while True:
            yield await self.came.get()

    async def played(self, item, upto_s):
        pass

    async def round_trip_s(self):
        return None

    async def close(self):
        pass


def test_a_server_is_examined_too():
    with virtual_time():
        model = Server({130: GOOD[TICKETS.stages[0].line]})  # at 2.6 s; the line is over at 2.0 s
        driver = Driver(
            model,
            examiner(model, duration_s=12.0),
            Ending(1.0, 4.0),
            timeouts=Timeouts(open_s=1.0, send_s=2.0, close_s=0.5, tries=1, most_late_s=5.0),
            loop=asyncio.get_event_loop(),
        )
        brief = Brief(seed=5, dialogue=TICKETS)
        ((_, recording),) = driver.run([Invitation(Take(Sample("s", "t", {}, dialogue=TICKETS)), brief, Brief())])
    assert isinstance(recording, Recording), recording
    assert recording.clock == "realtime"
    assert left(recording) == ["T1 met", "T2 time_up"]
    is_same_again(recording, from_stored(recording.log))


def test_a_call_in_virtual_time_is_made_again_from_what_is_on_record():
    recording = one(lambda: Toned(IGNORES_CORRECTIONS))
    heard = recording.user.audio
    tape = RecordedTape(
        recording.model.audio, heard.sample_rate, len(heard.samples), recording.events, recording.right_censored
    )
    is_same_again(recording, tape)


def is_same_again(recording, tape):
    examined = Examined(recording.user.audio, recording.prompt_s, recording.user_events, recording.user_heard)
    made = replay_call(Take(Sample("s", "t", {}, dialogue=TICKETS)), examined, 0.0, tape, Ending(1.0, 4.0))
    assert isinstance(made, Recording), made
    for channel in ("user", "model"):
        before, after = getattr(recording, channel).audio, getattr(made, channel).audio
        assert np.array_equal(as_kept(before.samples), as_kept(after.samples))
    for name in ("prompt_s", "user_events", "right_censored", "events", "notes"):
        assert getattr(made, name) == getattr(recording, name)
