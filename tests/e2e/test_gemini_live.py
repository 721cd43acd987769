"""Gemini Live's adapter, the driver and the real SDK against a server on loopback, in virtual time."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("websockets", reason="needs pip install 'fdbench[gemini]'")
pytest.importorskip("google.genai", reason="needs pip install 'fdbench[gemini]'")
pytest.importorskip("cryptography", reason="makes the loopback server's certificate")

from fdbench.adapters.gemini_live import GeminiLive

from fdbench.adapter.base import Brief
from fdbench.adapter.live import CallError
from fdbench.adapter.load import find_model, resolve
from fdbench.call.call import Ending, Invitation
from fdbench.call.driver import Driver
from fdbench.call.timeouts import Timeouts
from fdbench.core.conversation import FailedCall, Recording, Sample, Take
from fdbench.core.event import DECIDED, PLAYED, YIELDED
from fdbench.core.sound import Audio
from fdbench.errors import UsageError
from tests.gemini_server import ANSWER_S, REPLY_S, YIELD_S, GeminiServer, write_certificate
from tests.virtual_time import VirtualTimeLoop, virtual_time

KEY = "AIzaSyLoopback-0123456789abcdef"
QUICK = Timeouts(open_s=15.0, tries=2, pause_s=0.05)
ENDING = Ending(silence_s=1.0, limit_s=6.0)
FRAME_S = 0.04
SPEECH_S, BARGE_IN_S = 0.6, 1.8


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "loopback.pem"
    write_certificate(path)
    return path


@pytest.fixture(scope="module", autouse=True)
def environment(certificate: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GEMINI_API_KEY", KEY)
        patch.setenv("SSL_CERT_FILE", str(certificate))
        yield


@pytest.fixture(scope="module", autouse=True)
def loop() -> Iterator[VirtualTimeLoop]:
    with virtual_time() as loop:
        yield loop


@pytest.fixture(scope="module")
def server(loop: VirtualTimeLoop, certificate: Path) -> Iterator[GeminiServer]:
    with GeminiServer(certificate) as server:
        yield server


def speech(*turns: tuple[float, float], total_s: float) -> Audio:
    samples = np.zeros(round(total_s * 16000), np.float32)
    for start_s, end_s in turns:
        first, last = round(start_s * 16000), round(end_s * 16000)
        samples[first:last] = 0.1 * np.random.default_rng(0).standard_normal(last - first)
    return Audio(samples, 16000)


ONE_TURN = speech((0.0, SPEECH_S), total_s=SPEECH_S)
TALKED_OVER = speech((0.0, SPEECH_S), (BARGE_IN_S, BARGE_IN_S + 0.4), total_s=BARGE_IN_S + 0.4)
TWO_TURNS = speech((0.0, SPEECH_S), (4.0, 4.6), total_s=4.6)


def held(server: GeminiServer, behave: str, prompt: Audio = ONE_TURN, **given: Any) -> Recording | FailedCall:
    party = GeminiLive(model=behave, base_url=server.base_url, slots=1, **given)
    invited = Invitation(Take(Sample("s", "t", {})), Brief(stimulus=prompt), Brief(instructions="Be brief."))
    ((_, outcome),) = Driver(party, None, ENDING, timeouts=QUICK, loop=asyncio.get_event_loop()).run([invited])
    return outcome


def recording(server: GeminiServer, behave: str = "usual", prompt: Audio = ONE_TURN, **given: Any) -> Recording:
    outcome = held(server, behave, prompt, **given)
    assert isinstance(outcome, Recording), outcome
    return outcome


def refusal(server: GeminiServer, behave: str) -> CallError:
    party = GeminiLive(model=behave, base_url=server.base_url)
    with pytest.raises(CallError) as caught:
        asyncio.get_event_loop().run_until_complete(party.open(Brief(instructions="Be brief.")))
    return caught.value


def played(of: Recording) -> list[tuple[float, float]]:
    return [(event.span.start_s, event.span.end_s) for event in of.events if event.kind == PLAYED]


def lines(of: Recording | FailedCall, event: str) -> list[dict[str, Any]]:
    assert of.log is not None
    return [dict(line) for line in of.log.lines if line.get("event") == event]


@pytest.mark.parametrize("behave", ["usual", "half-samples"])
def test_a_reply_is_heard_where_it_was_sent_and_nothing_is_told_before_it(server: GeminiServer, behave: str) -> None:
    of = recording(server, behave)
    ((start_s, end_s),) = played(of)
    assert start_s - SPEECH_S == pytest.approx(ANSWER_S, abs=2 * FRAME_S)
    assert end_s - start_s == pytest.approx(REPLY_S, abs=0.001)
    assert not [event for event in of.events if event.kind in (DECIDED, YIELDED)]
    assert [event.text for event in of.events if event.kind == "text"] == ["hello *** "]


def test_two_turns_are_two_replies(server: GeminiServer) -> None:
    of = recording(server, "twice", TWO_TURNS)
    assert [start_s for start_s, _ in played(of)] == [pytest.approx(end_s + ANSWER_S, abs=0.1) for end_s in (0.6, 4.6)]
    assert {line["item"] for line in lines(of, "Done")} == {"turn-1", "turn-2"}
    assert len(lines(of, "Usage")) == 2


def test_a_reply_that_is_talked_over_gives_way_and_the_rest_is_not_heard(server: GeminiServer) -> None:
    of = recording(server, "usual", TALKED_OVER)
    ((start_s, end_s),) = played(of)
    yielded = [event.span.start_s for event in of.events if event.kind == YIELDED]
    assert yielded == [pytest.approx(BARGE_IN_S + YIELD_S, abs=2 * FRAME_S)]
    assert end_s == pytest.approx(yielded[0], abs=0.05) and end_s - start_s < REPLY_S


def test_what_is_used_is_counted(server: GeminiServer) -> None:
    (usage,) = lines(recording(server, price="3,12"), "Usage")
    assert usage["counts"] == {
        "input_tokens": 100, "output_tokens": 60, "total_tokens": 160, "input_audio_tokens": 80, "input_text_tokens": 20,
        "output_audio_tokens": 50,
    }  # fmt: skip
    assert usage["cost"] == pytest.approx((100 * 3 + 60 * 12) / 1e6)
    assert GeminiLive.price_of(10.0) is None
    assert GeminiLive.price_of(10.0, price="3,12") == pytest.approx((19_200 * 3 + 9_600 * 12) / 1e6)


def test_the_session_is_set_up_as_asked_and_16_khz_are_sent(server: GeminiServer) -> None:
    recording(server, "set-up", voice="Kore", silence_ms=500, end_sensitivity="low", interrupt=False, transcription=True)
    (seen,) = [each for each in server.seen if each.behave == "set-up"]
    assert seen.setup["generationConfig"]["responseModalities"] == ["AUDIO"]
    assert seen.setup["generationConfig"]["speechConfig"] == {"voice_config": {"prebuilt_voice_config": {"voice_name": "Kore"}}}
    assert seen.setup["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    assert seen.setup["realtimeInputConfig"] == {
        "automatic_activity_detection": {"end_of_speech_sensitivity": "END_SENSITIVITY_LOW", "silence_duration_ms": 500},
        "activity_handling": "NO_INTERRUPTION",
    }
    assert seen.setup["outputAudioTranscription"] == {} == seen.setup["inputAudioTranscription"]
    assert seen.mime_types == {"audio/pcm;rate=16000"} and set(seen.events) == {"realtime_input"}
    assert seen.n_heard == seen.events["realtime_input"] * round(FRAME_S * 16000)


def test_a_session_that_ends_in_good_order_is_no_failure(server: GeminiServer) -> None:
    of = recording(server, "goes-away")
    assert {"what": "go_away", "facts": {"time_left": "5s"}}.items() <= lines(of, "Note")[0].items()
    assert played(of)[0][1] - played(of)[0][0] == pytest.approx(REPLY_S, abs=0.001)


@pytest.mark.parametrize(
    ("behave", "reason", "told", "n_tries"),
    [
        ("says-16-khz", "settings", "asked 24000, got 16000", 1),
        ("says-opus", "settings", "got audio/opus", 1),
        ("in-text", "settings", "in text, without sound", 1),
        ("rejected", "incomplete", "GENERATED_AUDIO_SAFETY", 1),
        ("bad-json", "protocol", "cannot read", 1),
        ("bad-types", "protocol", "cannot read", 1),
        ("drops", "dropped", "in the middle of a reply", 2),
    ],
)
def test_a_call_that_is_no_score_has_a_name(server: GeminiServer, behave: str, reason: str, told: str, n_tries: int) -> None:
    outcome = held(server, behave)
    assert isinstance(outcome, FailedCall) and outcome.reason == reason, outcome
    assert told in outcome.message and "\n" not in outcome.message and KEY not in repr(outcome)
    assert len([each for each in server.seen if each.behave == behave]) == n_tries
    if behave == "rejected":
        assert lines(outcome, "Usage")


@pytest.mark.parametrize(
    ("behave", "kind", "is_fatal", "may_retry", "told"),
    [
        ("not-there", "refused", True, False, "is not found"),
        ("no-quota", "rate_limited", False, True, "current quota"),
        ("says-nothing", "timeout", False, True, "no setupComplete"),
        ("no-setup", "protocol", False, False, "without setupComplete"),
    ],
)
def test_a_conversation_that_does_not_begin_has_a_name(
    server: GeminiServer, behave: str, kind: str, is_fatal: bool, may_retry: bool, told: str
) -> None:
    fault = refusal(server, behave)
    assert (fault.kind, fault.is_fatal, fault.may_retry) == (kind, is_fatal, may_retry)
    assert told in fault.message and KEY not in fault.message


def test_a_key_that_is_not_accepted_ends_the_run(server: GeminiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", f"{KEY}wrong")
    fault = refusal(server, "usual")
    assert (fault.kind, fault.is_fatal) == ("refused", True) and KEY not in fault.message and "403" in fault.message


def test_nobody_there_may_be_there_later() -> None:
    fault = refusal(type("Nowhere", (), {"base_url": "https://127.0.0.1:9"})(), "usual")
    assert (fault.kind, fault.may_retry) == ("refused", True)


def test_the_key_is_nowhere(server: GeminiServer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        of = recording(server)
        with pytest.raises(CallError) as caught:
            asyncio.get_event_loop().run_until_complete(GeminiLive(model="not-there", base_url=server.base_url).open(Brief()))
    party = GeminiLive(base_url=server.base_url)
    assert of.log is not None and server.seen[-1].key == KEY
    for text in (repr(of), json.dumps(of.log.lines), caplog.text, f"{party!r} {vars(party)!r}", repr(caught.value.__context__)):
        assert KEY not in text


class TestTheParty:
    def test_the_preset_names_the_run_by_every_setting_and_by_no_secret(self) -> None:
        adapter = resolve(find_model("gemini-live"), {"silence_ms": "500", "price": "3,12"})
        arguments = adapter.provenance().arguments
        assert arguments["server"] == "generativelanguage.googleapis.com" and arguments["silence_ms"] == 500
        assert not arguments.keys() & {"price", "key_variable", "base_url", "slots"} and KEY not in json.dumps(arguments)
        assert all(need.is_met for need in adapter.needs()) and KEY not in repr(adapter.needs())
        party = adapter.make(**adapter.arguments, slots=3)
        assert (party.hears.sample_rate, party.says.sample_rate, party.slots) == (16000, 24000, 3)

    def test_without_a_key_it_is_a_two_line_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("GEMINI_API_KEY")
        with pytest.raises(UsageError, match="GEMINI_API_KEY is not set"):
            GeminiLive()
        assert [need.what for need in GeminiLive.needs() if not need.is_met] == ["key in GEMINI_API_KEY"]

    @pytest.mark.parametrize(
        "given",
        [
            {"base_url": "http://127.0.0.1:1"}, {"silence_ms": -1}, {"prefix_ms": 100_000}, {"start_sensitivity": "x"},
            {"end_sensitivity": "x"}, {"voice": KEY}, {"model": KEY}, {"instructions": f"use {KEY}"}, {"price": "1"},
        ],
    )  # fmt: skip
    def test_an_argument_that_makes_no_sense_is_a_usage_error(self, given: dict[str, Any]) -> None:
        with pytest.raises(UsageError) as caught:
            GeminiLive(**given)
        assert KEY not in str(caught.value)
