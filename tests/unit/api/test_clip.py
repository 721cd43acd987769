"""``fdbench.score``: two arrays in, numbers out, as a notebook or a reward function would call it."""

from __future__ import annotations

import numpy as np
import pytest

import fdbench
from fdbench.core.signature import parse_signature
from fdbench.core.sound import Audio
from fdbench.io.wav import write_flac
from fdbench.task.load import load_samples, task_specs

RATE = 16000
TASK = "mini/turn_taking"


@pytest.fixture(scope="module")
def clip():
    """A prompt of the embedded suite, and where its turn ends."""
    sample = load_samples(task_specs()[TASK], None).samples[0]
    audio = sample.stimuli["main"].load()
    (turn_end,) = sample.of_kind("turn_end")
    return audio.samples, audio.sample_rate, turn_end.span.start_s


@pytest.fixture(scope="module")
def reply(clip):
    """The same voice, answering 0.5 s after the turn for as long as it spoke."""
    user, rate, turn_end_s = clip
    said = np.zeros(len(user) + 6 * rate, np.float32)
    first = round((turn_end_s + 0.5) * rate)
    turn = user[: round(turn_end_s * rate)]
    said[first : first + len(turn)] = turn
    return said


def test_the_notebooks_three_lines(clip, reply):
    user, rate, turn_end_s = clip
    scores = fdbench.score(user, reply, rate, task="turn_taking", events=[("turn_end", turn_end_s)])
    assert scores["takeover_rate"].value == 1.0
    onset_s = next(i for i, x in enumerate(user) if abs(x) > 0.02) / rate
    assert scores["response_latency_s"].value == pytest.approx(0.5 + onset_s, abs=0.1)
    assert (scores["break_in_rate"].value, scores["no_response_rate"].value) == (0.0, 0.0)
    assert "response_latency_s" in str(scores)


def test_a_user_who_is_heard_in_the_models_channel_is_noted(clip):
    user, rate, turn_end_s = clip
    scores = fdbench.score(user, user, rate, events=[("turn_end", turn_end_s)])
    assert any("not to be believed: the prompt itself is heard in the model's channel" in note for note in scores.notes)


def test_what_no_recogniser_leaves_open_is_said(clip, reply):
    user, rate, turn_end_s = clip
    scores = fdbench.score(user, reply, rate, events=[("turn_end", turn_end_s)])
    facts = parse_signature(scores.signatures["takeover_rate"])
    assert (facts["asr"], facts["protocol"], facts["clock"]) == ("none", "fdbench", "given")
    assert any("no recogniser" in note for note in scores.notes)


def test_three_short_words_are_a_reply_where_somebody_says_them(clip):
    user, rate, turn_end_s = clip
    said = np.zeros(len(user) + 2 * rate, np.float32)
    loud = user[round(0.5 * rate) : round(1.2 * rate)]
    at_s = turn_end_s + 0.5
    said[round(at_s * rate) : round(at_s * rate) + len(loud)] = loud
    events = [("turn_end", turn_end_s)]
    assert fdbench.score(user, said, rate, events=events)["takeover_rate"].value == 0.0
    words = [("yes", at_s + 0.1, at_s + 0.2), ("it", at_s + 0.25, at_s + 0.3), ("is", at_s + 0.35, at_s + 0.5)]
    scores = fdbench.score(user, said, rate, events=events, words=words)
    assert scores["takeover_rate"].value == 1.0 and scores.notes == ()
    assert parse_signature(scores.signatures["takeover_rate"])["asr"] == "given"


def test_the_published_rule_over_given_words(clip, reply):
    user, rate, turn_end_s = clip
    words = [fdbench.Word(str(i), turn_end_s + 0.5 + i * 0.3, turn_end_s + 0.7 + i * 0.3) for i in range(5)]
    scores = fdbench.score(user, reply, rate, events=[("turn_end", turn_end_s)], words=words, protocol="fdb-2026-05")
    in_the_prompt = [word for word in words if word.span.middle_s < len(user) / rate]
    assert scores["takeover_rate"].value == float(len(in_the_prompt) > 3 or in_the_prompt[-1].end_s - words[0].start_s >= 1)
    with pytest.raises(fdbench.FdbenchError, match="decides by words, and there are none"):
        fdbench.score(user, reply, rate, events=[("turn_end", turn_end_s)], protocol="fdb-2026-05")


def test_every_behaviour_and_files_as_well_as_arrays(clip, reply, tmp_path):
    user, rate, turn_end_s = clip
    write_flac(tmp_path / "user.flac", Audio(user, rate))
    write_flac(tmp_path / "model.flac", Audio(reply, rate))
    events = {
        "pause_handling": [("pause", 1.0, 1.5), ("turn_end", turn_end_s)],
        "turn_taking": [("turn_end", turn_end_s)],
        "user_interruption": [("interruption", 1.0, 2.0)],
        "backchannel": [],
    }
    for task, happening in events.items():
        of_arrays = fdbench.score(user, reply, rate, task=task, events=happening)
        of_files = fdbench.score(tmp_path / "user.flac", str(tmp_path / "model.flac"), task=task, events=happening)
        assert {name: score.status for name, score in of_arrays.items()} == {
            name: score.status for name, score in of_files.items()
        }
    with pytest.raises(fdbench.FdbenchError, match=f"sample_rate={rate + 1}, and .*user.flac says {rate} Hz"):
        fdbench.score(tmp_path / "user.flac", tmp_path / "model.flac", rate + 1, task="backchannel")


GOOD = np.zeros(RATE, np.float32)


@pytest.mark.parametrize(
    ("arguments", "what", "remedy"),
    [
        ({"model": np.zeros((RATE, 2), np.float32)}, "model: expected mono samples of shape", "one channel each"),
        ({"user": np.zeros(0, np.float32)}, "user: expected samples, found an empty array", "nothing to score"),
        ({"model": np.full(RATE, np.nan, np.float32)}, "model: 16000 samples are not finite", ""),
        ({"model": np.array(["a"] * 9)}, "expected floats, int8, int16 or int32, found <U1", "the type it was"),
        ({"model": np.zeros(RATE, np.int64)}, "expected floats, int8, int16 or int32, found int64", "the type it was"),
        ({"model": [[0.0], [0.0, 0.0]]}, "model: expected mono samples of shape", "one channel each"),
        ({"sample_rate": 16000.5}, "sample_rate=16000.5: expected the rate", "sample_rate=24000"),
        ({"sample_rate": None}, "sample_rate=None: expected the rate", "sample_rate=24000"),
        ({"sample_rate": 0}, "sample_rate=0: expected the rate of the arrays in Hz, 4000 to 768000", "sample_rate=24000"),
        ({"task": "turn_takin"}, "unknown task 'turn_takin'", "did you mean 'turn_taking'"),
        ({"protocol": "fdb"}, "unknown protocol 'fdb'", "known:"),
        ({"events": []}, "turn_taking needs an event 'turn_end', found none", "add events="),
        ({"events": [("turn_end", 3400)]}, "event 'turn_end' at 3400 to 3400 s: the user's audio is 1 s long", "milliseconds"),
        ({"events": [("turn_end", -0.1)]}, "event 'turn_end' at -0.1", "first sample"),
        ({"events": [("turn_ends", 0.5)]}, "unknown event 'turn_ends'", "did you mean 'turn_end'"),
        ({"events": [("turn_end",)]}, "event ('turn_end',)", "write (kind, start_s, end_s)"),
        ({"events": [("turn_end", 0.5, 0.2)]}, "not a span", "write (kind, start_s, end_s)"),
        ({"events": 0.5}, "events=0.5: expected a list", "events=[("),
        ({"events": [("turn_end", 0.5), ("turn_end", 0.6)]}, "2 events 'turn_end'", "one turn"),
        ({"events": [("turn_end", 0.5), ("pause", 0.2)], "task": "pause_handling"}, "'pause' needs an end", "end_s"),
        ({"events": [("interruption", 0.2, 0.2)], "task": "user_interruption"}, "'interruption' needs an end", "end_s"),
        ({"words": [("hi", 0.1, 9.0)]}, "word 'hi' at 0.1 to 9 s: the model's audio is 1 s long", "first sample"),
        ({"words": [fdbench.Word("hi", 0.1, None)]}, "it has no times", "write (text, start_s, end_s)"),
        ({"words": ["hi"]}, "word 'hi'", "write (text, start_s, end_s)"),
        ({"words": 3}, "words=3: expected a list", "words=[("),
        ({"asr": "given"}, "asr='given': no words are given", "give words="),
        ({"human_timing": [0.5], "task": "backchannel"}, "1 numbers cover 0.2 s, the user's audio is 1 s long", "0.2 s"),
        ({"human_timing": [-1.0] * 5, "task": "backchannel"}, "expected non-negative numbers", "0.2 s"),
        ({"words": [], "asr": "sphinx"}, "both say what the model said", "leave one of them out"),
        ({"asr": "sphynx"}, "unknown speech recogniser 'sphynx'", "did you mean 'sphinx'"),
        ({"model": "no/such.wav"}, "no/such.wav", ""),
    ],
)
def test_misuse_raises_both_lines(arguments, what, remedy):
    given = {"user": GOOD, "model": GOOD, "sample_rate": RATE, "events": [("turn_end", 0.5)], **arguments}
    with pytest.raises(fdbench.FdbenchError) as caught:
        fdbench.score(**given)
    assert what in caught.value.what and remedy in caught.value.remedy


def test_integers_are_scaled_by_their_type(clip, reply):
    user, rate, turn_end_s = clip
    events = [("turn_end", turn_end_s)]
    as_int = [np.round(np.clip(sound, -1, 1) * 32767).astype(np.int16) for sound in (user, reply)]
    found = fdbench.score(*as_int, rate, events=events)["response_latency_s"].value
    assert found == pytest.approx(fdbench.score(user, reply, rate, events=events)["response_latency_s"].value, abs=0.04)


def test_a_silent_model_has_a_reason_and_no_number(clip):
    user, rate, turn_end_s = clip
    latency = fdbench.score(user, np.zeros_like(user), rate, events=[("turn_end", turn_end_s)])["response_latency_s"]
    assert (latency.value, latency.status, latency.reason) == (None, "censored", "no_reply")
