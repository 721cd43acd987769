"""The Realtime adapter's party: what a session is told, its presets, its arguments, its addresses, and what is never shown."""

from __future__ import annotations

import json
import pickle
from datetime import date
from typing import Any

import pytest
from fdbench.adapters.live_api import Live
from fdbench.adapters.realtime import Realtime
from fdbench.adapters.realtime_key import http_url, query_of, read_key
from fdbench.adapters.realtime_session import SessionSettings, not_taken, overlay_of

from fdbench.adapter.load import find_model, model_specs, resolve
from fdbench.adapter.spec import ModelSpec
from fdbench.errors import UsageError
from fdbench.io.http import published_name

KEY = "sk-proj-0123456789abcdefghij"
LOCAL = "ws://127.0.0.1:9/v1"


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
        assert list(not_taken(asked, got)) == [("audio.input.turn_detection.silence_duration_ms", 500, 200)]

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


class TestPresets:
    def test_every_server_and_vendor_says_when_it_was_read(self) -> None:
        specs = [spec for spec in model_specs().values() if spec.clock == "realtime" and "server" not in spec.name]
        assert len(specs) >= 10 and all(date.fromisoformat(spec.read_on) for spec in specs)

    @pytest.mark.parametrize(
        ("name", "model"),
        [
            ("grok-voice", "grok-voice-latest"),
            ("grok-voice-think-fast", "grok-voice-think-fast-2.0"),
            ("qwen-omni-realtime", "qwen3.8-omni-flash-realtime"),
            ("gpt-live-1.1", "gpt-live-1.1"),
        ],
    )
    def test_speak_to_a_server_of_their_protocol(self, name: str, model: str) -> None:
        adapter = resolve(find_model(name), {"base_url": LOCAL})
        assert adapter.make(**adapter.arguments, slots=1).describe()["model"] == model

    def test_an_endpoint_with_a_blank_in_it_has_to_be_completed(self) -> None:
        adapter = resolve(find_model("qwen-omni-realtime"), {})
        with pytest.raises(UsageError, match="WorkspaceId"):
            adapter.provenance()
        assert [need.what for need in adapter.needs() if not need.is_met] == ["key in DASHSCOPE_API_KEY"]

    def test_alibabas_session_has_their_names_of_formats(self) -> None:
        overlay = overlay_of(str(resolve(find_model("qwen-omni-realtime"), {}).arguments["session"]))
        session = settings(dialect="beta", input_hz=16000, overlay=overlay).session("")
        assert session["input_audio_format"] == session["output_audio_format"] == "pcm"
        assert not {"input_audio_noise_reduction", "input_audio_transcription"} & session.keys()


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
