"""The Realtime adapter without a network: what a session is told, what events and errors mean, what is never shown."""

from __future__ import annotations

import asyncio
import base64
import json
import pickle
from typing import Any

import numpy as np
import pytest
from fdbench.adapters.live_api import Live, LiveReader
from fdbench.adapters.realtime import Realtime
from fdbench.adapters.realtime_connection import Backoff, fault_of_error, fault_of_status, parsed
from fdbench.adapters.realtime_events import RealtimeReader
from fdbench.adapters.realtime_key import Secret, http_url, query_of, read_key
from fdbench.adapters.realtime_session import SessionSettings, check_model, not_taken
from fdbench.adapters.realtime_usage import Price, counts_of

from fdbench.adapter.live import CallError, Closed, Decided, Delta, Done, Flush, Incoming, Note, Speech, Text, Usage
from fdbench.adapter.load import ModelSpec, resolve
from fdbench.errors import UsageError
from fdbench.io.http import published_name
from tests.virtual_time import virtual_time

KEY = "sk-proj-0123456789abcdefghij"
LOCAL = "ws://127.0.0.1:9/v1"


def reader(**settings: Any) -> RealtimeReader:
    return RealtimeReader(Secret(KEY), 24000, **{"interrupts": True, "flushes": True, **settings})


def read(to: Any, now_s: float, kind: str, **facts: Any) -> list[Incoming]:
    return list(to.read({"type": kind, **facts}, now_s))


def audio(n: int, value: int = 100) -> str:
    return base64.b64encode(np.full(n, value, "<i2").tobytes()).decode()


def delta(to: Any, now_s: float, n: int, **facts: Any) -> list[Incoming]:
    place = {"response_id": "r1", "item_id": "i1", "content_index": 0}
    return read(to, now_s, "response.output_audio.delta", **{**place, "delta": audio(n), **facts})


def begun(**settings: Any) -> RealtimeReader:
    to = reader(**settings)
    read(to, 0.0, "response.created", response={"id": "r1"})
    return to


class TestAReply:
    def test_its_decision_its_sound_its_text_and_its_end_have_one_name(self) -> None:
        to = reader()
        place = {"response_id": "r1", "item_id": "i1", "content_index": 0}
        came = [
            *read(to, 0.0, "response.created", response={"id": "r1"}),
            *read(to, 0.1, "response.output_item.added", response_id="r1", item={"id": "i1"}),
            *read(to, 0.1, "response.output_audio.delta", **place, delta=audio(2400)),
            *read(to, 0.1, "response.output_audio_transcript.delta", **place, delta="hel"),
            *read(to, 0.2, "response.output_audio.done", **place),
            *read(to, 0.2, "response.done", response={"id": "r1", "status": "completed", "usage": {"input_tokens": 3}}),
        ]
        assert [type(event) for event in came] == [Decided, Delta, Text, Done, Usage]
        assert {event.item for event in came if not isinstance(event, (Usage, Note))} == {"r1"}  # type: ignore[union-attr]

    @pytest.mark.parametrize("kind", ["response.output_audio.delta", "response.audio.delta"])
    def test_older_names_mean_the_same(self, kind: str) -> None:
        (sound,) = read(begun(), 0.0, kind, response_id="r1", delta=audio(3, 16384))
        assert isinstance(sound, Delta) and sound.audio.dtype == np.float32
        np.testing.assert_array_equal(sound.audio, np.full(3, 0.5, np.float32))

    def test_a_delta_that_names_no_reply_belongs_to_the_one_going_on(self) -> None:
        (sound,) = read(begun(), 0.0, "response.audio.delta", delta=audio(1))
        assert isinstance(sound, Delta) and sound.item == "r1"

    def test_half_a_sample_waits_for_its_other_half(self) -> None:
        to, pcm = begun(), np.arange(1, 5, dtype="<i2").tobytes()
        pieces = [base64.b64encode(part).decode() for part in (pcm[:3], pcm[3:4], pcm[4:])]
        came = [event for piece in pieces for event in delta(to, 0.0, 0, delta=piece)]
        sound = np.concatenate([event.audio for event in came if isinstance(event, Delta)])
        np.testing.assert_array_equal(sound * 32768, [1, 2, 3, 4])

    def test_half_a_sample_that_nothing_completes_is_dropped_and_noted(self) -> None:
        to = begun()
        delta(to, 0.0, 0, delta=base64.b64encode(b"\1\2\3").decode())
        assert read(to, 0.1, "response.done", response={"id": "r1"})[0] == Note("half_sample", {"item": "r1"})

    @pytest.mark.parametrize(
        "second",
        [{"sequence_number": 1}, {"output_index": 0, "sequence_number": 9}, {"content_index": 0, "sequence_number": 9}],
    )
    def test_deltas_out_of_order_are_played_as_they_arrive_and_noted_once(self, second: dict[str, int]) -> None:
        to = begun()
        delta(to, 0.0, 1, sequence_number=5, output_index=1, content_index=1)
        place = {"output_index": 1, "content_index": 1}
        came = delta(to, 0.0, 1, **{**place, **second}) + delta(to, 0.0, 1, **{**place, **second})
        assert [type(event) for event in came] == [Note, Delta, Delta]
        assert came[0] == Note("out_of_order", {"item": "r1"})

    def test_a_delta_after_the_end_is_played_and_noted(self) -> None:
        to = begun()
        read(to, 0.0, "response.done", response={"id": "r1"})
        assert [type(event) for event in delta(to, 0.1, 1)] == [Note, Delta]

    @pytest.mark.parametrize("sound", ["!!!", "AAA", None, 5, ["A"]])
    def test_sound_that_is_no_base64_is_a_protocol_error(self, sound: object) -> None:
        with pytest.raises(CallError) as caught:
            delta(begun(), 0.0, 0, delta=sound)
        assert (caught.value.kind, caught.value.may_retry) == ("protocol", False)

    def test_one_that_failed_is_tried_again_and_what_it_used_is_counted(self) -> None:
        came: list[Incoming] = []
        response = {"id": "r1", "status": "failed", "usage": {"input_tokens": 7}, "status_details": {"error": {"code": "x"}}}
        with pytest.raises(CallError, match="gave its reply up") as caught:
            for event in begun().read({"type": "response.done", "response": response}, 0.0):
                came.append(event)  # what came before it raised
        assert (caught.value.kind, caught.value.may_retry) == ("dropped", True)
        assert came == [Done("r1"), Usage({"input_tokens": 7})]

    def test_one_cut_at_its_limit_is_complete_and_noted(self) -> None:
        details = {"type": "incomplete", "reason": "max_output_tokens"}
        came = read(begun(), 0.0, "response.done", response={"id": "r1", "status": "incomplete", "status_details": details})
        assert came[0] == Done("r1") and isinstance(came[1], Note) and came[1].facts["reason"] == "max_output_tokens"

    def test_text_that_comes_only_at_the_end_is_taken_and_other_is_not_repeated(self) -> None:
        late, early = begun(), begun()
        whole = {"response_id": "r1", "transcript": "hello"}
        assert read(late, 0.0, "response.output_audio_transcript.done", **whole) == [Text("hello", "r1")]
        read(early, 0.0, "response.output_audio_transcript.delta", response_id="r1", delta="hello")
        assert read(early, 0.0, "response.output_audio_transcript.done", **whole) == []


class TestBargeIn:
    def started(self, to: RealtimeReader, now_s: float) -> list[Incoming]:
        return read(to, now_s, "input_audio_buffer.speech_started", audio_start_ms=1500)

    def test_without_a_reply_it_is_speech_and_nothing_more(self) -> None:
        assert self.started(reader(), 0.0) == [Speech("started", 1.5)]

    def test_while_a_reply_is_going_on_the_server_yields_and_the_rest_is_flushed(self) -> None:
        assert self.started(begun(), 0.5) == [Speech("started", 1.5), Decided("yield", "r1"), Flush("r1")]

    def test_while_a_finished_reply_is_still_heard_too(self) -> None:
        to = begun()
        delta(to, 0.0, 24000)
        read(to, 0.1, "response.done", response={"id": "r1"})
        assert len(self.started(to, 0.9)) == 3

    def test_after_it_was_heard_not(self) -> None:
        to = begun()
        delta(to, 0.0, 24000)
        read(to, 0.1, "response.done", response={"id": "r1"})
        assert len(self.started(to, 1.1)) == 1

    def test_twice_counts_once(self) -> None:
        to = begun()
        assert len(self.started(to, 0.5)) == 3 and len(self.started(to, 0.5)) == 1

    def test_a_client_that_does_not_flush_only_learns_of_the_decision(self) -> None:
        assert self.started(begun(flushes=False), 0.5) == [Speech("started", 1.5), Decided("yield", "r1")]

    def test_a_server_that_is_told_not_to_give_way_does_not(self) -> None:
        assert self.started(begun(interrupts=False), 0.5) == [Speech("started", 1.5)]

    def test_a_cancelled_reply_has_yielded_even_if_nobody_said_so(self) -> None:
        came = read(begun(), 0.5, "response.done", response={"id": "r1", "status": "cancelled"})
        assert came == [Decided("yield", "r1"), Flush("r1"), Done("r1")]

    def test_the_server_is_told_what_was_heard_part_by_part(self) -> None:
        to = begun()
        delta(to, 0.0, 24000)
        delta(to, 0.0, 12000, content_index=1)
        delta(to, 0.0, 24000, item_id="i2", output_index=1)
        cuts = [(cut["item_id"], cut["content_index"], cut["audio_end_ms"]) for cut in to.truncations("r1", 1.2345)]
        assert cuts == [("i1", 1, 234), ("i2", 0, 0)]

    def test_more_is_never_said_to_be_heard_than_was_sent(self) -> None:
        to = begun()
        delta(to, 0.0, 100)
        assert list(to.truncations("r1", 5.0)) == [] == list(to.truncations("unknown", 1.0))


class TestUsage:
    def test_all_counts_are_kept_and_the_price_is_an_upper_bound(self) -> None:
        counts = counts_of(
            {
                "input_tokens": 100, "output_tokens": 50, "total_tokens": 150, "input_token_details": {
                    "audio_tokens": 80, "text_tokens": 20, "cached_tokens": 40, "cached_tokens_details": {"audio_tokens": 32},
                }, "output_token_details": {"audio_tokens": 40, "text_tokens": 10, "odd": -1, "bool": True, "big": 10**400},
            }
        )  # fmt: skip
        assert counts["input_cached_tokens"] == 40 and counts["input_cached_audio_tokens"] == 32
        assert counts["output_audio_tokens"] == 40 and not counts.keys() & {"output_odd", "output_bool", "output_big"}
        dear, known = Price.parsed("32,64"), Price.parsed("32,64,0.4")
        assert dear is not None and known is not None
        assert dear.of(counts) == pytest.approx((100 * 32 + 50 * 64) / 1e6)
        assert known.of(counts) == pytest.approx((60 * 32 + 40 * 0.4 + 50 * 64) / 1e6)

    def test_what_a_run_may_cost_is_told_beforehand_where_the_price_is_known(self) -> None:
        assert Realtime.price_of(10.0, model="x") is None is Live.price_of(10.0)
        assert Realtime.price_of(10.0, price="32,64") == pytest.approx((10 * 600 * 32 + 5 * 1200 * 64) / 1e6)
        assert Live.price_of(10.0, usd_per_minute=0.06, model="x") == pytest.approx(0.6)

    @pytest.mark.parametrize("text", ["32", "a,b", "1,2,3,4", "-1,2", "nan,1"])
    def test_a_price_that_is_none_is_a_usage_error(self, text: str) -> None:
        with pytest.raises(UsageError, match="price"):
            Price.parsed(text)

    def test_limits_that_are_used_up_are_told_to_the_party(self) -> None:
        asked: list[float] = []
        limits = [{"name": "tokens", "remaining": 0, "reset_seconds": 3.5}, {"name": "requests", "remaining": 5}, "odd"]
        (note,) = read(reader(on_limit=asked.append), 0.0, "rate_limits.updated", rate_limits=limits)
        assert asked == [3.5] and isinstance(note, Note) and note.what == "rate_limits"


class TestWhatIsOdd:
    def test_an_unknown_type_is_noted_a_bounded_number_of_times(self) -> None:
        to = reader()
        assert sum(len(read(to, 0.0, f"odd.{n % 40}")) for n in range(4000)) <= 20 * 20

    @pytest.mark.parametrize("raw", [b"{", b"\xff", b"[]", b"null", b'{"a": 1}', b'{"type": 5}', b"[" * 100_000])
    def test_a_message_that_is_none_is_a_protocol_error(self, raw: bytes) -> None:
        with pytest.raises(CallError) as caught:
            parsed(raw)
        assert caught.value.kind == "protocol"

    @pytest.mark.parametrize("junk", [None, 5, "x", [], {"a": {"b": []}}])
    def test_fields_of_the_wrong_kind_break_nothing(self, junk: Any) -> None:
        to = begun()
        for kind in to._handlers.keys() - {"response.output_audio.delta", "response.audio.delta"}:
            fields = ("response", "response_id", "item_id", "delta", "transcript", "session", "rate_limits", "error", "usage")
            read(to, 0.0, kind, audio_start_ms=junk, audio_end_ms=junk, **dict.fromkeys(fields, junk))
        delta(to, 0.0, 1, response_id=junk, item_id=junk, content_index=junk, output_index=junk, sequence_number=junk)


class TestTheModelsName:
    @pytest.mark.parametrize("named", ["gpt-realtime", "gpt-realtime-2025-08-28", "gpt-realtime-20250828", None, ""])
    def test_the_same_or_a_dated_snapshot_is_right(self, named: str | None) -> None:
        check_model("gpt-realtime", {"model": named}, Secret(KEY))

    @pytest.mark.parametrize("named", ["gpt-realtime-mini", "gpt-realtime-1.5", "gpt-4o", "gpt-realtime-mini-2025-10-06"])
    def test_another_one_is_wrong(self, named: str) -> None:
        with pytest.raises(CallError, match="asked for gpt-realtime") as caught:
            check_model("gpt-realtime", {"model": named}, Secret(KEY))
        assert caught.value.kind == "wrong_model"


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "code", "kind", "may_retry", "is_fatal"),
        [
            (401, "invalid_api_key", "refused", False, True),
            (403, "", "refused", False, True),
            (404, "model_not_found", "refused", False, True),
            (429, "rate_limit_exceeded", "rate_limited", True, False),
            (429, "insufficient_quota", "refused", False, True),
            (500, "", "refused", True, False),
            (503, "", "refused", True, False),
            (400, "bad", "refused", False, False),
        ],
    )
    def test_a_status(self, status: int, code: str, kind: str, may_retry: bool, is_fatal: bool) -> None:
        body = json.dumps({"error": {"code": code, "message": f"no: {KEY}"}}).encode()
        fault = fault_of_status(status, {}, body, Secret(KEY))
        assert (fault.kind, fault.may_retry, fault.is_fatal) == (kind, may_retry, is_fatal)
        assert KEY not in fault.message and "***" in fault.message

    @pytest.mark.parametrize(
        ("headers", "wait_s"),
        [({"retry-after": "2"}, 2.0), ({"retry-after-ms": "1500"}, 1.5), ({"retry-after": "1e9"}, 120.0), ({}, None)]
        + [({"retry-after": odd}, None) for odd in ("soon", "nan", "-5", "Mon, 01 Jan 2024 00:00:00 +" + "9" * 25)],
    )
    def test_how_long_it_asks_to_be_left_alone(self, headers: dict[str, str], wait_s: float | None) -> None:
        assert fault_of_status(429, headers, None, Secret(KEY)).retry_after_s == wait_s

    @pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"\xff\xfe", b"[1]", b'{"error": "no"}', b'{"error": null}'])
    def test_a_body_in_any_form(self, body: bytes) -> None:
        assert "<" not in fault_of_status(500, {}, body, Secret(KEY)).message

    def test_most_errors_during_a_call_do_not_end_it(self) -> None:
        assert fault_of_error({"type": "invalid_request_error", "code": "odd", "message": "?"}, Secret(KEY), "x") is None
        for code, kind in (
            ("insufficient_quota", "refused"),
            ("rate_limit_exceeded", "rate_limited"),
            ("server_error", "dropped"),
        ):
            fault = fault_of_error({"code": code}, Secret(KEY), "x")
            assert fault is not None and fault.kind == kind

    def test_one_conversation_that_is_told_to_wait_holds_up_the_others(self) -> None:
        async def wait(backoff: Backoff) -> float:
            began_s = asyncio.get_running_loop().time()
            await backoff.over(0.01)
            backoff.ask(5.0)
            with pytest.raises(CallError) as caught:
                await backoff.over(0.01)
            assert (caught.value.kind, caught.value.may_retry, caught.value.retry_after_s) == ("rate_limited", True, 5.0)
            await backoff.over(10.0)
            return asyncio.get_running_loop().time() - began_s

        with virtual_time() as loop:
            assert loop.run_until_complete(wait(Backoff())) == 5.0


def settings(**given: Any) -> SessionSettings:
    usual = {
        "vad": "server_vad", "threshold": 0.5, "silence_ms": 500, "prefix_ms": 300, "eagerness": "auto", "interrupt": True,
        "transcription": False, "noise_reduction": None, "voice": "marin", "input_hz": 24000, "output_hz": 24000,
        "dialect": "ga", "overlay": {},
    }  # fmt: skip
    return SessionSettings(**{**usual, **given})


class TestASession:
    def test_in_todays_form(self) -> None:
        assert settings().session("Be brief.") == {
            "type": "realtime",
            "instructions": "Be brief.",
            "output_modalities": ["audio"],
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "turn_detection": {
                        "type": "server_vad", "threshold": 0.5, "silence_duration_ms": 500, "prefix_padding_ms": 300,
                        "create_response": True, "interrupt_response": True,
                    },
                    "noise_reduction": None,
                    "transcription": None,
                },
                "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"},
            },
        }  # fmt: skip

    def test_semantic_vad_has_an_eagerness_and_no_times(self) -> None:
        detection = settings(vad="semantic_vad", eagerness="high", interrupt=False).turn_detection()
        assert detection == {
            "type": "semantic_vad", "eagerness": "high", "create_response": True, "interrupt_response": False,
        }  # fmt: skip

    def test_no_vad_is_said_and_the_servers_own_is_not_mentioned(self) -> None:
        assert settings(vad="none").session("")["audio"]["input"]["turn_detection"] is None
        for dialect in ("ga", "beta", "flat"):
            assert "turn_detection" not in json.dumps(settings(vad="default", dialect=dialect).session(""))

    def test_older_servers_have_flat_sessions(self) -> None:
        session = settings(dialect="beta").session("Hi")
        assert session["input_audio_format"] == "pcm16" and session["voice"] == "marin" and session["instructions"] == "Hi"

    def test_a_vendors_own_fields_are_laid_over_and_null_takes_one_out(self) -> None:
        overlay = {"speed": 2, "audio": {"output": {"voice": None, "codec": {"a": 1}}}, "type": None}
        session = settings(overlay=overlay).session("")
        assert session["speed"] == 2 and "type" not in session
        assert session["audio"]["output"] == {"format": {"type": "audio/pcm", "rate": 24000}, "codec": {"a": 1}}

    def test_what_the_server_set_otherwise_is_found(self) -> None:
        asked = settings().session("")
        got = json.loads(json.dumps(asked))
        got["audio"]["input"]["turn_detection"] |= {
            "silence_duration_ms": 200,
            "threshold": 0.5000000298,
            "idle_timeout_ms": None,
        }
        del got["audio"]["input"]["noise_reduction"]
        assert list(not_taken(asked, got)) == ["audio.input.turn_detection.silence_duration_ms"]

    @pytest.mark.parametrize(
        "given",
        [{"dialect": "x"}, {"vad": "x"}, {"eagerness": "x"}, {"threshold": 2.0}, {"silence_ms": -1}, {"noise_reduction": "x"}],
    )
    def test_a_setting_that_makes_no_sense_is_a_usage_error(self, given: dict[str, Any]) -> None:
        with pytest.raises(UsageError):
            settings(**given)


def resolved(**given: str) -> Any:
    spec = ModelSpec("gpt-realtime", "realtime:Realtime", "models.yaml", clock="realtime")
    return resolve(spec, {"base_url": LOCAL, **given})


class TestTheParty:
    def test_text_arguments_become_typed_ones(self) -> None:
        adapter = resolved(vad="semantic_vad", interrupt="false", frame_ms="80", silence_ms="200", threshold="0.3")
        party = adapter.make(**adapter.arguments, slots=3)
        assert party.slots == 3 and party.hears.frame_samples == 1920 and party.hears == party.says

    def test_the_run_is_named_by_every_setting_and_by_no_secret(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        remote = resolved(base_url="wss://api.example.com/v1", price="1,2", silence_ms="200").provenance().arguments
        assert remote["server"] == "api.example.com" and remote["silence_ms"] == 200 and remote["eagerness"] is None
        assert not remote.keys() & {"price", "key_variable", "base_url", "slots"}
        assert KEY not in json.dumps(remote)
        assert resolved().provenance().arguments["server"] == "local"
        assert (
            resolved(base_url="wss://gate.example.com/team-7/v1")
            .provenance()
            .arguments["server"]
            .startswith("gate.example.com~")
        )
        semantic = resolved(vad="semantic_vad", silence_ms="1").provenance().arguments
        assert semantic["silence_ms"] is None and semantic["eagerness"] == "auto"

    def test_needs_say_the_variables_name_and_never_its_value(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        (key,) = [need for need in resolved(base_url="wss://api.example.com/v1").needs() if "key" in need.what]
        assert not key.is_met and "export OPENAI_API_KEY=" in key.detail
        assert all(need.is_met for need in resolved().needs())
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        needs = resolved(base_url="wss://api.example.com/v1").needs()
        assert all(need.is_met for need in needs) and KEY not in repr(needs)

    def test_without_a_key_a_remote_server_is_a_two_line_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        with pytest.raises(UsageError, match="OPENAI_API_KEY is not set"):
            Realtime(base_url="wss://api.example.com/v1")

    def test_a_key_does_not_travel_in_the_clear(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        with pytest.raises(UsageError, match="readable by anybody"):
            Realtime(base_url="ws://api.example.com/v1")

    @pytest.mark.parametrize(
        "name", ["key_variable", "model", "voice", "instructions", "session", "query", "base_url", "reports"]
    )
    def test_a_key_in_an_argument_is_refused_and_not_repeated(self, name: str) -> None:
        text = {"base_url": f"ws://127.0.0.1/{KEY}", "query": f"a={KEY}", "session": json.dumps({"a": KEY})}.get(name, KEY)
        for party in (Realtime, Live):
            if name in ("key_variable", "model", "voice", "instructions", "base_url") or party is Realtime:
                with pytest.raises(UsageError) as caught:
                    party(**{"base_url": LOCAL, name: text})  # type: ignore[arg-type]
                assert KEY not in str(caught.value)

    def test_whose_business_the_organisation_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_ORG_ID", "org-mine")
        assert Realtime(base_url=LOCAL)._account.client.organization is None

    @pytest.mark.parametrize(("frame_ms", "rate"), [(0, 24000), (20, 7000), (7, 11025), (500, 24000)])
    def test_frames_are_whole_samples(self, frame_ms: int, rate: int) -> None:
        with pytest.raises(UsageError):
            Realtime(base_url=LOCAL, frame_ms=frame_ms, input_hz=rate)

    def test_neither_a_repr_nor_a_pickle_shows_a_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        party = Realtime(base_url=LOCAL)
        assert KEY not in f"{party!r} {vars(party)!r} {party.describe()!r}"
        with pytest.raises(TypeError):
            pickle.dumps(party._account.secret)


class TestAddresses:
    @pytest.mark.parametrize(
        ("given", "wanted"),
        [
            ("wss://api.x.ai/v1/realtime", "https://api.x.ai/v1"),
            ("ws://localhost:8000/v1/", "http://localhost:8000/v1"),
            ("https://api.openai.com/v1", "https://api.openai.com/v1"),
        ],
    )
    def test_are_taken_as_vendors_write_them(self, given: str, wanted: str) -> None:
        assert http_url(given) == wanted

    @pytest.mark.parametrize(
        "url", ["ftp://a/b", "wss://u:p@h/v1", "wss://h/v1?key=1", "nonsense", "wss://h /v1", "wss://[::1/v1", ""]
    )
    def test_others_are_refused(self, url: str) -> None:
        with pytest.raises(UsageError):
            http_url(url)

    @pytest.mark.parametrize("query", ["duplex", "api_key=1", "token=1", "a=Bearer abcdefghijklmnop"])
    def test_a_query_holds_no_secret(self, query: str) -> None:
        with pytest.raises(UsageError):
            query_of(query)

    def test_a_private_server_is_local(self) -> None:
        assert published_name("http://192.168.1.7:8000/v1") == "local" and published_name("https://api.x.ai/v1") == "api.x.ai"

    def test_a_key_with_a_line_break_is_refused_by_its_variables_name(self) -> None:
        with pytest.raises(UsageError, match="MY_KEY") as caught:
            read_key({"MY_KEY": f"{KEY}\nx"}, "MY_KEY")
        assert KEY not in str(caught.value)


class TestGptLive:
    def live(self) -> LiveReader:
        return LiveReader(Secret(KEY), "gpt-live-1", 0.06)

    def test_all_that_comes_is_sound_and_text(self) -> None:
        to = self.live()
        came = [
            *read(to, 0.0, "session.output_audio.delta", delta=base64.b64encode(b"\0\1\2").decode()),
            *read(to, 0.0, "session.output_audio.delta", delta=base64.b64encode(b"\3").decode()),
            *read(to, 0.0, "session.output_transcript.delta", delta=f"hi {KEY}", start_ms=0, end_ms=5),
        ]
        assert [type(event) for event in came] == [Delta, Delta, Text]
        assert sum(len(event.audio) for event in came if isinstance(event, Delta)) == 2 and came[2] == Text("hi ***", "live")

    def test_what_the_server_counts_from_the_beginning_is_counted_once(self) -> None:
        to = self.live()
        used = [read(to, 0.0, "session.usage.updated", usage={"seconds": seconds})[0] for seconds in (10, 25, 25)]
        assert [event.counts["audio_ms"] for event in used if isinstance(event, Usage)] == [10000, 15000, 0]
        assert sum(event.cost or 0 for event in used if isinstance(event, Usage)) == pytest.approx(25 / 60 * 0.06)

    def test_its_end(self) -> None:
        assert read(self.live(), 0.0, "session.closed", reason="expired")[-1] == Closed("expired")
        with pytest.raises(CallError) as caught:
            read(self.live(), 0.0, "session.closed", reason="connection_lost")
        assert caught.value.may_retry

    def test_other_rates_are_refused(self) -> None:
        with pytest.raises(UsageError):
            Live(base_url=LOCAL, rate=8000)
