"""Ladders of conditions as a user runs them: delays are accounted for, the deaf lose nothing, who hears itself may stop."""

from __future__ import annotations

import asyncio
import importlib.util
import json

import numpy as np
import pytest
import soundfile

from fdbench.adapter.base import Brief
from fdbench.adapter.load import find_model, resolve
from fdbench.call.call import Ending, Invitation
from fdbench.call.driver import Driver
from fdbench.core.conversation import Recording, Sample, Take
from fdbench.core.event import OWN_ECHO
from fdbench.core.sound import Audio
from fdbench.errors import UsageError
from fdbench.task.conditions import expand_conditions, find_condition
from fdbench.task.load import load_samples, task_specs
from tests.conftest import fdbench, sample_scores, summaries

BY_SPEECH = ("--asr", "none", "--protocol", "fdbench")
"""What is measured here is when somebody speaks, not what."""
TURNS = ("--tasks", "mini/turn_taking", "--limit", "2", *BY_SPEECH, "--tail-limit", "4")
HAS_OPUS, HAS_AEC = (importlib.util.find_spec(name) is not None for name in ("opuslib_next", "pywebrtc_audio"))


@pytest.fixture(scope="module")
def run_under(tmp_path_factory):
    """Runs of an agent under conditions, by condition."""

    def made(model, *names):
        out = tmp_path_factory.mktemp(model)
        limit = ("--limit", "1") if model != "vad-endpointer" else ()
        finished = fdbench("run", "--model", model, *TURNS, *limit, "--out", out, "--condition", ",".join(names))
        assert finished.status == 0, finished.err
        runs = {json.loads((run / "manifest.json").read_text())["collection"]["condition"]: run for run in out.iterdir()}
        assert set(runs) == set(names)
        return runs

    return made


@pytest.fixture(scope="module")
def endpointers(run_under):
    return run_under("vad-endpointer", "clean", "shaped-20dB", "shaped-0dB", "loss-20pc-b3")


@pytest.fixture(scope="module")
def hearing_themselves(run_under):
    names = ("echo-none", "echo-46", "echo-0", *(["echo-0+aec3"] if HAS_AEC else []))
    return run_under("vad-endpointer", *names)


def values(run, metric):
    return {id: scores[metric]["value"] for (_, id), scores in sample_scores(run, "fdbench").items()}


def records(run):
    return [json.loads(path.read_text()) for path in sorted((run / "takes").rglob("*.json"))]


def test_the_oracle_is_as_late_as_ever_whatever_the_way_takes(run_under):
    names = ("clean", "jitter-20ms", "drift-100ppm", "pstn", *(["opus-24k-loss-10pc+fec"] if HAS_OPUS else []))
    runs = run_under("oracle", *names)
    clean = values(runs["clean"], "response_latency_s")
    assert all(value is not None for value in clean.values())
    for name in names[1:]:
        under = values(runs[name], "response_latency_s")
        # The detector looks at windows of 32 ms, which lie elsewhere in a reply that began elsewhere.
        assert under == {id: pytest.approx(value, abs=0.033) for id, value in clean.items()}, name
        delays_s = {record["on_the_way"]["delay_s"] for record in records(runs[name])}
        assert all(0.002 < delay_s < 0.1 for delay_s in delays_s), name
        (notes,) = [summary["notes"] for summary in _summary_files(runs[name])]
        assert any("far end" in note for note in notes) == (max(delays_s) > 0)


def _summary_files(run):
    return [json.loads(path.read_text()) for path in run.glob("scores/*/summary.json")]


def test_a_model_that_is_deaf_to_a_condition_loses_nothing_exactly(run_under):
    runs = run_under("always-talking", "clean", "white-0dB", "loss-20pc-b3", "echo-0")
    clean = sample_scores(runs["clean"], "fdbench")
    for name in ("white-0dB", "loss-20pc-b3"):
        assert sample_scores(runs[name], "fdbench") == clean, name
    itself = sample_scores(runs["echo-0"], "fdbench")
    assert {id: {name: score for name, score in scores.items() if "self" not in name} for id, scores in itself.items()} == clean
    assert not any(values(runs["echo-0"], "self_interruption_rate").values()), "it stops for nobody, itself included"


def test_more_noise_costs_an_endpointer_more(endpointers):
    lost = {name: summaries(run)["fdbench"]["mini/turn_taking"]["metrics"]["lost_per_turn_s"]["value"]
            for name, run in endpointers.items()}  # fmt: skip
    assert lost["clean"] <= lost["shaped-20dB"] <= lost["shaped-0dB"]
    assert lost["shaped-0dB"] > lost["clean"] + 1, "noise as loud as speech leaves it no silence to answer into"


def test_what_was_lost_inside_the_users_speech_is_on_record_and_told(endpointers):
    ways = [record["on_the_way"] for record in records(endpointers["loss-20pc-b3"])]
    assert all(0 < way["lost_in_speech"] < way["packets_in_speech"] < way["packets"] for way in ways)
    assert len({way["lost_in_speech"] / way["packets_in_speech"] for way in ways}) == 2, "drawn for each call"
    ((note,),) = [summary["notes"] for summary in _summary_files(endpointers["loss-20pc-b3"])]
    assert note.startswith("packets lost inside the user's speech:") and "2 calls" in note
    assert all("on_the_way" not in record for record in records(endpointers["clean"]))


def test_a_run_under_a_condition_is_made_again_from_what_it_left_behind(endpointers, hearing_themselves, tmp_path):
    for run in (endpointers["loss-20pc-b3"], endpointers["shaped-0dB"], hearing_themselves["echo-0"]):
        done = fdbench("replay", run, *BY_SPEECH, "--out", tmp_path)
        assert done.status == 0 and "everything that was compared agrees" in done.err, done.err


def test_an_endpointer_interrupts_itself_at_0_db_and_not_at_46_and_a_canceller_brings_it_back(hearing_themselves):
    stops = {name: values(run, "self_interruption_rate") for name, run in hearing_themselves.items()}
    answers = {name: values(run, "self_answer_rate") for name, run in hearing_themselves.items()}
    assert set(stops["echo-0"].values()) == set(answers["echo-0"].values()) == {1.0}
    assert set(stops["echo-46"].values()) == set(stops["echo-none"].values()) == {0.0}
    for name in (name for name in ("echo-0+aec3",) if name in stops):
        assert set(stops[name].values()) == {0.0} and set(answers[name].values()) == {0.0}
        assert values(hearing_themselves[name], "first_self_interruption_rate") == stops[name]
    for record in records(hearing_themselves["echo-0"]):
        (told,) = [event for event in record["events"] if event["kind"] == OWN_ECHO]
        assert told["end_s"] == 0.06 and record["on_the_way"]["ser_db"] == pytest.approx(0, abs=6)


def recording_of(party, prompt, condition, **given):
    take = Take(Sample("s", "t/s", {}), condition=condition)
    driver = Driver(party, None, Ending(silence_s=1.0, limit_s=3.0), condition=find_condition(condition), **given)
    ((_, outcome),) = driver.run([Invitation(take, Brief(seed=1, stimulus=prompt), Brief(seed=1))])
    assert isinstance(outcome, Recording), outcome
    return outcome


def correlation_at(recording, later_s):
    """Of what a model heard beyond the user with its own voice so much earlier."""
    heard, model = recording.model_heard.audio, recording.model.audio
    n = min(len(heard.samples), len(recording.user.audio.samples))
    echo = heard.samples[:n] - recording.user.audio.samples[:n]
    shift = round(later_s * heard.sample_rate)
    own = np.concatenate([np.zeros(shift, np.float32), model.samples])[:n]
    return float(echo[: len(own)] @ own / (np.linalg.norm(echo) * np.linalg.norm(own) + 1e-12))


def test_moshi_hears_itself(tiny_moshi):
    prompt = load_samples(task_specs()["mini/turn_taking"], None, limit=1).samples[0].stimuli["main"].load()
    prompt = Audio(prompt.samples[: 2 * prompt.sample_rate], prompt.sample_rate)

    def called(condition):
        party = resolve(find_model("moshi"), {"checkpoint": str(tiny_moshi), "threads": "1"}).open_party(1)
        return recording_of(party, prompt, condition)

    alone, echoed, again = (called(name) for name in ("echo-none", "echo-0", "echo-0"))
    np.testing.assert_allclose(alone.model_heard.audio.samples, alone.user.audio.samples, atol=2e-5)  # 16 bits
    assert correlation_at(echoed, 0.06) > 0.5 > abs(correlation_at(echoed, 0.4))
    assert np.array_equal(echoed.model.audio.samples, again.model.audio.samples)
    assert not np.array_equal(echoed.model.audio.samples, alone.model.audio.samples), (
        "what it hears of itself changes what it says"
    )


def test_a_server_on_the_wall_clock_hears_itself(tmp_path):
    pytest.importorskip("websockets", reason="needs pip install 'fdbench[realtime]'")
    pytest.importorskip("openai", reason="needs pip install 'fdbench[realtime]'")
    from fdbench.adapters.duplex_vllm import VllmDuplex

    from tests.duplex_servers import VllmServer
    from tests.virtual_time import virtual_time

    samples = np.zeros(9600, np.float32)
    samples[:] = 0.1 * np.random.default_rng(0).standard_normal(9600)
    soundfile.write(tmp_path / "voice.wav", np.zeros(1600, np.float32), 16000)
    with virtual_time(), VllmServer() as server:
        party = VllmDuplex(base_url=server.base_url, ref_audio=str(tmp_path / "voice.wav"), slots=1)
        of = recording_of(party, Audio(samples, 16000), "echo-0", loop=asyncio.get_event_loop())
    assert any(event.kind == OWN_ECHO for event in of.events) and of.on_the_way["ser_db"] < 40
    beyond = of.model_heard.audio.samples - of.user.audio.samples[: len(of.model_heard.audio.samples)]
    onset_s = np.flatnonzero(np.abs(of.model.audio.samples) > 1e-3)[0] / of.model.audio.sample_rate
    heard_s = np.flatnonzero(np.abs(beyond) > 1e-4)[0] / of.model_heard.audio.sample_rate
    assert heard_s - onset_s == pytest.approx(0.06, abs=0.005)


def test_conditions_are_named_by_version_ladder_and_list():
    assert expand_conditions("babble-10dB@1,pstn").names == ("babble-10dB", "pstn")
    noise = expand_conditions("ladder:noise").names
    assert noise[0] == "clean" and {"babble-0dB", "shaped-20dB", "talker-10dB"} <= set(noise) and "own-0dB" not in noise
    assert any("own-0dB is left out" in line and "your own noise" in line for line in expand_conditions("all").left_out)
    assert {"clean", "echo-none", "echo-m10", "echo-46"} <= set(expand_conditions("ladder:echo").names)
    assert {"loss-5pc-b3", "lost-5"} <= set(expand_conditions("ladder:loss").names)
    assert "pstn" in expand_conditions("all").names
    for wrong, told in (("babble-10dB@2", "version 1"), ("ladder:nois", "noise"), ("own-0dB", "--noise DIR")):
        with pytest.raises(UsageError) as refused:
            expand_conditions(wrong)
        assert told in f"{refused.value.what} {refused.value.remedy}"
    listed = {each["name"]: each for each in json.loads(fdbench("list", "conditions", "--json").out)}
    assert "eight voices, 10 dB" in listed["babble-10dB"]["summary"]


def test_ones_own_noise_is_in_the_id_by_its_content(tmp_path):
    (tmp_path / "noise").mkdir()
    ids = []
    for seed in (1, 2):
        sound = np.random.default_rng(seed).normal(0, 0.05, 16000)
        soundfile.write(tmp_path / "noise" / "fan.wav", sound, 16000)
        command = ("run", "--model", "silence", *TURNS, "--condition", "own-10dB", "--noise", tmp_path / "noise")
        finished = fdbench(*command, "--out", tmp_path / "out")
        assert finished.status == 0, finished.err
        ids.append(finished.run.name)
        metrics = summaries(finished.run)["fdbench"]["mini/turn_taking"]["metrics"]
        assert all("|condition:own-10dB@1:" in metric["signature"] for metric in metrics.values())
        replayed = ("replay", finished.run, *BY_SPEECH)
        assert fdbench(*replayed, "--noise", tmp_path / "noise").status == 0 and fdbench(*replayed).status != 0
        assert str(tmp_path) not in (finished.run / "manifest.json").read_text()
    assert ids[0] != ids[1]
    unused = fdbench("run", "--model", "silence", *TURNS, "--noise", tmp_path / "noise", "--out", tmp_path / "out")
    assert unused.status == 2 and len(unused.err.strip().splitlines()) == 2


def test_noise_that_cannot_be_played_is_refused_and_nothing_is_left(tmp_path):
    """Told of as misuse, in two lines, before anything is written."""
    sounds = {
        "empty": None,
        "silent": np.zeros(1600),
        "of length 0": np.zeros(0),
        "no sound": b"nonsense",
        "not finite": np.full(1600, np.nan, np.float32),
    }
    for name, sound in sounds.items():
        noise = tmp_path / name
        noise.mkdir()
        if isinstance(sound, bytes):
            (noise / "fan.wav").write_bytes(sound)
        elif sound is not None:
            soundfile.write(noise / "fan.wav", sound, 16000, subtype="FLOAT")
        command = ("run", "--model", "silence", *TURNS, "--noise", noise, "--condition", "clean,own-10dB")
        refused = fdbench(*command, "--out", tmp_path / "out")
        assert refused.status == 2 and name in refused.err and len(refused.err.splitlines()) <= 2, refused.err
        assert not (tmp_path / "out").exists(), name
