"""vLLM-Omni's and SGLang-Omni's duplex adapters, the driver and the SDK against strict servers on loopback, in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("websockets", reason="needs pip install 'fdbench[realtime]'")
pytest.importorskip("openai", reason="needs pip install 'fdbench[realtime]'")

from fdbench.adapters.duplex_sglang import SglangDuplex
from fdbench.adapters.duplex_vllm import VllmDuplex

from fdbench.adapter.base import Brief
from fdbench.adapter.live import CallError, LiveParty
from fdbench.adapter.load import find_model, resolve
from fdbench.call.call import Ending, Invitation
from fdbench.call.driver import Driver
from fdbench.call.timeouts import Timeouts
from fdbench.core.conversation import FailedCall, Recording, Sample, Take
from fdbench.core.event import DECIDED, PLAYED, YIELDED
from fdbench.core.sound import Audio
from fdbench.errors import UsageError
from tests.duplex_servers import ANSWER_S, REPLY_S, LoopbackServer, SglangServer, VllmServer
from tests.virtual_time import VirtualTimeLoop, virtual_time

QUICK = Timeouts(open_s=15.0, tries=2, pause_s=0.05)
ENDING = Ending(silence_s=1.0, limit_s=6.0)
SPEECH_S, BARGE_IN_S = 0.6, 1.8


@pytest.fixture(autouse=True)
def loop() -> Iterator[VirtualTimeLoop]:
    with virtual_time() as loop:
        yield loop


@pytest.fixture
def voice(tmp_path: Path) -> str:
    soundfile.write(tmp_path / "voice.wav", np.zeros(1600, np.float32), 16000)
    return str(tmp_path / "voice.wav")


def speech(*turns: tuple[float, float], total_s: float) -> Audio:
    samples = np.zeros(round(total_s * 16000), np.float32)
    for start_s, end_s in turns:
        first, last = round(start_s * 16000), round(end_s * 16000)
        samples[first:last] = 0.1 * np.random.default_rng(0).standard_normal(last - first)
    return Audio(samples, 16000)


ONE_TURN = speech((0.0, SPEECH_S), total_s=SPEECH_S)
TALKED_OVER = speech((0.0, SPEECH_S), (BARGE_IN_S, BARGE_IN_S + 0.4), total_s=BARGE_IN_S + 0.4)


def held(party: LiveParty, prompt: Audio = ONE_TURN) -> Recording | FailedCall:
    invited = Invitation(Take(Sample("s", "t", {})), Brief(stimulus=prompt), Brief(instructions="Be brief."))
    ((_, outcome),) = Driver(party, None, ENDING, timeouts=QUICK, loop=asyncio.get_event_loop()).run([invited])
    return outcome


def recording(party: LiveParty, prompt: Audio = ONE_TURN) -> Recording:
    outcome = held(party, prompt)
    assert isinstance(outcome, Recording), outcome
    return outcome


def refusal(party: LiveParty) -> CallError:
    with pytest.raises(CallError) as caught:
        asyncio.get_event_loop().run_until_complete(party.open(Brief(instructions="Be brief.")))
    return caught.value


def played(of: Recording) -> list[tuple[float, float]]:
    return [(event.span.start_s, event.span.end_s) for event in of.events if event.kind == PLAYED]


def times(of: Recording, kind: str) -> list[float]:
    return [event.span.start_s for event in of.events if event.kind == kind]


def lines(of: Recording, event: str) -> list[dict[str, Any]]:
    assert of.log is not None
    return [dict(line) for line in of.log.lines if line.get("event") == event]


class TestVllmOmni:
    def party(self, server: LoopbackServer, voice: str | None, **given: Any) -> VllmDuplex:
        return VllmDuplex(base_url=server.base_url, ref_audio=voice, slots=1, **given)

    def test_a_reply_is_heard_where_it_was_sent_and_its_decision_is_told(self, voice: str) -> None:
        with VllmServer() as server:
            of = recording(self.party(server, voice))
        ((start_s, end_s),) = played(of)
        assert start_s - SPEECH_S == pytest.approx(ANSWER_S, abs=0.11)
        assert end_s - start_s == pytest.approx(REPLY_S, abs=0.01)
        assert times(of, DECIDED) == [pytest.approx(start_s, abs=0.01)] and not times(of, YIELDED)
        assert not lines(of, "Caution")
        assert {line["what"] for line in lines(of, "Note")} == {"session.created", "session.updated", "rate_limits"}

    def test_the_session_is_asked_for_as_the_server_wants_it(self, voice: str) -> None:
        with VllmServer() as server:
            recording(self.party(server, voice))
            (seen,) = server.seen
        assert "duplex=1" in seen.path and next(iter(seen.events)) == "session.update"
        session = {name: value for name, value in seen.session.items() if name != "ref_audio"}
        assert session == {
            "model": "openbmb/MiniCPM-o-4_5", "modalities": ["audio", "text"], "instructions": "Be brief.",
            "input_audio_format": "pcm16", "output_audio_format": "pcm16", "sample_rate_hz": 16000,
            "audio": {"input": {"sample_rate_hz": 16000}, "output": {"sample_rate_hz": 24000}}, "turn_detection": None,
            "overlap_policy": "listen_only", "playback_commit_policy": "ack_only",
            "extra_body": {"auto_response": True, "force_listen_count": 0},
        }  # fmt: skip
        assert seen.events["input_audio_buffer.commit"] == 0 and seen.events["session.close"] == 1

    def test_what_was_played_is_acknowledged_while_it_plays_and_up_to_its_end(self, voice: str) -> None:
        with VllmServer() as server:
            recording(self.party(server, voice))
            (seen,) = server.seen
        told = [ack["played_ms"] for ack in seen.acks]
        assert told == sorted(told) and len(told) >= 5 and told[-1] == REPLY_S * 1000
        assert {(ack["response_id"], ack["item_id"]) for ack in seen.acks} == {("resp_1", "item_resp_1")}
        assert not any("truncate" in ack for ack in seen.acks)

    def test_a_reply_that_is_talked_over_gives_way_and_the_server_learns_what_was_heard(self, voice: str) -> None:
        with VllmServer() as server:
            of = recording(self.party(server, voice), TALKED_OVER)
            (seen,) = server.seen
        (start_s, end_s), *_ = played(of)
        assert times(of, YIELDED)[0] == pytest.approx(BARGE_IN_S + 0.1, abs=0.05)
        assert end_s == pytest.approx(times(of, YIELDED)[0], abs=0.05)
        (cut,) = [ack for ack in seen.acks if ack.get("truncate")]
        assert cut["played_ms"] == pytest.approx((end_s - start_s) * 1000, abs=2)
        assert "overlap" in {line["what"] for line in lines(of, "Note")}

    def test_a_detector_of_the_servers_may_be_asked_for(self, voice: str) -> None:
        with VllmServer() as server:
            recording(self.party(server, voice, vad="server_vad", silence_ms=400))
            (seen,) = server.seen
        detection = {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 400}
        assert seen.session["turn_detection"] == detection
        assert seen.session["overlap_policy"] == "barge_in_on_speech"

    @pytest.mark.parametrize(
        ("behave", "kind", "is_fatal", "told"),
        [
            ("turn_based", "settings", True, "no duplex session"),
            ("by_turns", "settings", True, "implementation_level: asked model_native_duplex, got turn_based"),
            ("another_policy", "settings", True, "overlap_policy: asked listen_only"),
            ("22_khz", "settings", True, "--arg output_hz=22050"),
            ("full", "rate_limited", False, "capacity_exhausted"),
        ],
    )
    def test_a_server_that_holds_another_session_is_refused(
        self, voice: str, behave: str, kind: str, is_fatal: bool, told: str
    ) -> None:
        with VllmServer(behave) as server:
            fault = refusal(self.party(server, voice))
        assert (fault.kind, fault.is_fatal) == (kind, is_fatal) and told in fault.message

    def test_a_piece_of_another_rate_is_no_reply(self, voice: str) -> None:
        with VllmServer("piece_of_22_khz") as server:
            outcome = held(self.party(server, voice))
        assert isinstance(outcome, FailedCall) and outcome.reason == "settings"

    def test_a_reply_that_the_server_drops_for_another_is_not_one_that_gave_way(self, voice: str) -> None:
        with VllmServer("gives_up") as server:
            outcome = held(self.party(server, voice), TALKED_OVER)
        assert isinstance(outcome, Recording) and times(outcome, YIELDED)  # its buffer was cleared first: the user was heard

    def test_a_model_whose_whole_call_is_one_response_decides_nothing_and_ends_by_its_silence(self, voice: str) -> None:
        with VllmServer("continuous") as server:
            of = recording(self.party(server, voice))
        ((_, end_s),) = played(of)
        assert not times(of, DECIDED) and not of.right_censored and of.user.audio.duration_s < end_s + 2

    def test_minicpm_needs_a_voice(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="ref_audio"):
            VllmDuplex()
        (tmp_path / "voice.txt").write_text("no sound", encoding="utf-8")
        with pytest.raises(UsageError, match="no audio file"):
            VllmDuplex(ref_audio=str(tmp_path / "voice.txt"))
        VllmDuplex(model="nvidia/personaplex-7b-v1", voice="NATF2.pt")

    def test_a_run_is_named_by_the_voices_content(self, voice: str) -> None:
        arguments = resolve(find_model("vllm-omni-duplex"), {"ref_audio": voice}).provenance().arguments
        assert arguments["ref_audio"].startswith("voice.wav@") and voice not in json.dumps(arguments)
        assert arguments["silence_ms"] is None and not arguments.keys() & {"base_url", "key_variable", "slots"}


class TestSglangOmni:
    def party(self, server: LoopbackServer, **given: Any) -> SglangDuplex:
        return SglangDuplex(base_url=server.base_url, **{"slots": 1, **given})

    def test_a_reply_is_heard_where_it_was_sent(self) -> None:
        with SglangServer() as server:
            of = recording(self.party(server))
            (seen,) = server.seen
        ((start_s, end_s),) = played(of)
        assert start_s - SPEECH_S == pytest.approx(ANSWER_S, abs=0.11)
        assert end_s - start_s == pytest.approx(REPLY_S, abs=0.01)
        assert times(of, DECIDED) and not lines(of, "Caution")
        assert {line["what"] for line in lines(of, "Note")} == {"session.created", "session.updated"}
        assert seen.next_number == seen.events["input_audio_buffer.append"]

    def test_the_session_is_asked_for_as_the_server_wants_it(self, voice: str) -> None:
        with SglangServer() as server:
            recording(self.party(server, ref_audio=voice))
            (seen,) = server.seen
        reference = seen.session.pop("sglang")["reference_audio"]
        assert reference["media_type"] == "audio/wav" and reference["data"]
        assert seen.session == {
            "type": "realtime", "instructions": "Be brief.", "output_modalities": ["audio"],
            "audio": {
                "input": {"format": {"type": "audio/pcm", "rate": 16000}},
                "output": {"format": {"type": "audio/pcm", "rate": 24000}},
            },
        }  # fmt: skip
        assert seen.events["session.close"] == 1

    def test_a_model_whose_whole_call_is_one_response_decides_nothing_and_ends_by_its_silence(self) -> None:
        with SglangServer("continuous") as server:
            of = recording(self.party(server, continuous=True))
        loud = np.flatnonzero(np.abs(of.model.audio.samples) > 0.01) / of.model.audio.sample_rate
        assert loud[-1] - loud[0] == pytest.approx(REPLY_S, abs=0.02)
        assert not times(of, DECIDED) and not of.right_censored
        assert loud[-1] + ENDING.silence_s <= of.model.audio.duration_s < loud[-1] + ENDING.silence_s + 0.5

    def test_a_reply_that_is_talked_over_goes_on_until_the_model_stops(self) -> None:
        with SglangServer() as server:
            of = recording(self.party(server), TALKED_OVER)
            (seen,) = server.seen
        (start_s, end_s), *_ = played(of)
        assert end_s - start_s == pytest.approx(REPLY_S, abs=0.01) and not times(of, YIELDED)
        assert set(seen.events) == {"session.update", "input_audio_buffer.append", "session.close"}

    @pytest.mark.parametrize(
        ("behave", "told"),
        [
            ("old", "it would answer in text"),
            ("by_turns", "native_full_duplex: asked true, got false"),
            ("rejects", "rejects output_modalities"),
            ("22_khz", "--arg output_hz=22050"),
        ],
    )
    def test_a_server_that_holds_another_session_is_refused(self, behave: str, told: str) -> None:
        with SglangServer(behave) as server:
            fault = refusal(self.party(server))
        assert (fault.kind, fault.is_fatal) == ("settings", True) and told in fault.message

    def test_a_session_that_it_does_not_take_is_told_in_its_words(self) -> None:
        with SglangServer() as server:
            fault = refusal(self.party(server, session='{"turn_detection": {"type": "server_vad"}}'))
        assert fault.kind == "refused" and "turn_detection" in fault.message

    @pytest.mark.parametrize(("behave", "n_tries"), [("overflows", 2), ("exhausted", 1)])
    def test_a_frame_that_it_does_not_take_ends_the_call(self, behave: str, n_tries: int) -> None:
        with SglangServer(behave) as server:
            outcome = held(self.party(server))
            assert len(server.seen) == n_tries
        assert isinstance(outcome, FailedCall) and outcome.reason == "dropped"
        assert ("input budget exhausted" if behave == "overflows" else "context_exhausted") in outcome.message
