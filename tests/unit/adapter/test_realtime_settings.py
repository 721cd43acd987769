"""What a server says that its session is, against what it was asked to be."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from fdbench.adapters.realtime_key import Secret
from fdbench.adapters.realtime_session import SessionSettings
from fdbench.adapters.realtime_settings import SettingsCheck

from fdbench.adapter.live import CallError, Caution

KEY = "sk-proj-0123456789abcdefghij"
GA_TURNS = ("audio", "input", "turn_detection")


def asked(**given: Any) -> dict[str, Any]:
    usual = {
        "vad": "server_vad", "threshold": 0.5, "silence_ms": 500, "prefix_ms": 300, "eagerness": "auto", "interrupt": True,
        "transcription": False, "noise_reduction": None, "voice": "marin", "input_hz": 24000, "output_hz": 24000,
        "dialect": "ga", "overlay": {},
    }  # fmt: skip
    return SessionSettings(**{**usual, **given}).session("Be brief.")


def check(session: dict[str, Any] | None = None, awaited: str = "session.updated", input_hz: int = 24000) -> SettingsCheck:
    return SettingsCheck(session or asked(), input_hz, 24000, awaited, Secret(KEY))


def changed(session: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A copy with this value there; ``...`` takes it out."""
    session = copy.deepcopy(session)
    place = session
    for name in path[:-1]:
        place = place.setdefault(name, {})
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return session


def said(to: SettingsCheck, session: Any, kind: str = "session.updated") -> list[str]:
    return [caution.message for caution in to.read(kind, session)]


def refused(to: SettingsCheck, session: Any, kind: str = "session.updated") -> CallError:
    with pytest.raises(CallError) as caught:
        said(to, session, kind)
    assert caught.value.kind == "settings" and not caught.value.may_retry and "\n" not in caught.value.message
    return caught.value


class TestWhatChangesTimingOrSound:
    @pytest.mark.parametrize("dialect", ["ga", "beta", "flat"])
    @pytest.mark.parametrize("vad", ["server_vad", "semantic_vad", "none", "default"])
    def test_a_session_as_asked_is_not_spoken_of(self, dialect: str, vad: str) -> None:
        session = asked(dialect=dialect, vad=vad)
        assert said(check(session), {**session, "id": "s", "model": "m", "expires_at": 5}) == []

    @pytest.mark.parametrize(
        ("path", "value", "told"),
        [
            (("audio", "output", "format", "rate"), 16000, "asked 24000, got 16000 (--arg output_hz=16000"),
            (("audio", "output", "format", "rate"), "16000", "got 16000 (--arg output_hz=16000"),
            (("audio", "output", "format", "rate"), float("nan"), "got NaN"),
            (("audio", "input", "format", "rate"), 8000, "asked 24000, got 8000 (--arg input_hz=8000"),
            (("audio", "output", "format"), {"type": "audio/pcmu"}, "asked for 16 bit PCM, got audio/pcmu"),
            (("audio", "input", "format"), {"type": "audio/pcma", "rate": 8000}, "got audio/pcma"),
            (("audio", "output", "format"), "g711_ulaw", "got g711_ulaw"),
            (("audio", "output", "format"), "audio/pcm;rate=8000", "asked 24000, got 8000"),
            (("audio", "output", "sample_rate_hz"), 22050, "audio.output.sample_rate_hz: asked 24000, got 22050"),
            (("audio", "output", "format", "channels"), 2, "audio.output.format.channels: asked 1, got 2"),
            (("audio", "input", "format", "bit_depth"), 24, "audio.input.format.bit_depth: asked 16, got 24"),
            (("audio", "input", "sampleRate"), 8000, "audio.input.sampleRate: asked 24000, got 8000"),
            (("output_audio_format",), "g711_alaw", "output_audio_format.type"),
            (("output_audio_sampling_rate",), 8000, "(--arg output_hz=8000"),
            (("input_sample_rate",), 16000, "input_sample_rate: asked 24000"),
            ((*GA_TURNS, "silence_duration_ms"), 200, "asked 500, got 200 (--arg silence_ms=200"),
            ((*GA_TURNS, "threshold"), 0.9, "(--arg threshold=0.9"),
            ((*GA_TURNS, "prefix_padding_ms"), 0, "(--arg prefix_ms=0"),
            ((*GA_TURNS, "interrupt_response"), False, "asked true, got false (--arg interrupt=false"),
            ((*GA_TURNS, "create_response"), False, "create_response: asked true, got false"),
            ((*GA_TURNS, "type"), "semantic_vad", "asked server_vad, got semantic_vad (--arg vad=semantic_vad"),
            (GA_TURNS, {"type": "semantic_vad", "eagerness": "low"}, "(--arg vad=semantic_vad"),
            (GA_TURNS, None, "asked server_vad, got none (--arg vad=none"),
            (GA_TURNS, "azure_semantic_vad", "got azure_semantic_vad"),
            (("output_modalities",), ["text"], "it would answer in text"),
            (("modalities",), ["TEXT"], "it would answer in text"),
            (("type",), "transcription", "type: asked realtime, got transcription"),
        ],
    )
    def test_is_an_error_that_says_what_was_asked_what_it_is_and_what_to_do(
        self, path: tuple[str, ...], value: Any, told: str
    ) -> None:
        fault = refused(check(), changed(asked(), path, value))
        assert fault.is_fatal and told in fault.message

    @pytest.mark.parametrize("dialect", ["beta", "flat"])
    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (("turn_detection", "silence_duration_ms"), 200),
            (("turn_detection",), None),
            (("turn_detection", "type"), "semantic_vad"),
            (("input_audio_format",), "g711_ulaw"),
            (("audio", "output", "format", "rate"), 16000),
            (("modalities",), ["text"]),
        ],
    )
    def test_in_other_dialects_too(self, dialect: str, path: tuple[str, ...], value: Any) -> None:
        session = asked(dialect=dialect)
        assert refused(check(session), changed(session, path, value)).is_fatal

    def test_turn_detection_where_none_was_asked(self) -> None:
        session = asked(vad="none")
        assert (
            "asked none, got server_vad" in refused(check(session), changed(session, GA_TURNS, {"type": "server_vad"})).message
        )
        assert said(check(session), changed(session, GA_TURNS, {"type": "none"})) == []

    def test_an_eagerness(self) -> None:
        session = asked(vad="semantic_vad", eagerness="high")
        assert "(--arg eagerness=low" in refused(check(session), changed(session, (*GA_TURNS, "eagerness"), "low")).message

    def test_all_of_them_are_told_at_once(self) -> None:
        session = changed(asked(), (*GA_TURNS, "silence_duration_ms"), 200)
        fault = refused(check(), changed(session, ("audio", "output", "format", "rate"), 16000))
        assert "output_hz=16000" in fault.message and "silence_ms=200" in fault.message

    def test_what_an_overlay_asked_counts_as_asked(self) -> None:
        session = asked(overlay={"audio": {"input": {"turn_detection": {"silence_duration_ms": 800}}}})
        assert said(check(session), session) == []
        assert "asked 800, got 500" in refused(check(session), asked()).message

    def test_an_overlay_cannot_ask_for_a_format_that_is_not_spoken(self) -> None:
        session = asked(dialect="beta", overlay={"output_audio_format": "g711_ulaw"})
        assert "16 bit PCM" in refused(check(session), session).message

    def test_later_in_the_call_as_well_which_ends_that_call_only(self) -> None:
        to = check()
        said(to, asked())
        assert not refused(to, changed(asked(), ("audio", "output", "format", "rate"), 8000)).is_fatal

    def test_a_field_that_nobody_mentions_is_no_contradiction(self) -> None:
        for session in ({}, {"id": "s"}, {"audio": {}}, {"audio": {"output": {}}}, {"turn_detection": {"threshold": 0.5}}):
            assert said(check(), session) == []

    @pytest.mark.parametrize("junk", [None, 5, "x", [], {"a": {"b": []}}, [[]], {}])
    def test_fields_of_the_wrong_kind_break_nothing(self, junk: Any) -> None:
        for path in [("audio",), ("audio", "output"), ("audio", "output", "format"), GA_TURNS, ("modalities",), ("voice",)]:
            try:
                said(check(), changed(asked(), path, junk))
            except CallError as fault:
                assert fault.kind == "settings"
        assert said(check(), junk) == []


class TestAReply:
    @pytest.mark.parametrize(
        "facts",
        [
            {"audio": {"output": {"format": {"type": "audio/pcm", "rate": 16000}}}},
            {"output_modalities": ["text"]},
            {"output_audio_format": "g711_ulaw"},
        ],
    )
    def test_of_another_sound_than_the_sessions_is_an_error(self, facts: dict[str, Any]) -> None:
        with pytest.raises(CallError, match="settings"):
            check().read_output({"id": "r", **facts})

    @pytest.mark.parametrize("facts", [None, {}, {"output_modalities": ["audio"]}, {"audio": {"output": {"voice": "x"}}}])
    def test_of_the_same_is_none(self, facts: Any) -> None:
        check().read_output(facts)


class TestWhatIsToldAtFirst:
    def test_are_defaults_that_the_server_speaks_of_again(self) -> None:
        to = check()
        assert said(to, changed(asked(), (*GA_TURNS, "silence_duration_ms"), 200), "session.created") == []
        assert said(to, asked()) == []

    def test_if_it_does_not_nobody_knows_what_it_took(self) -> None:
        to = check()
        said(to, {"audio": {"output": {"format": {"rate": 16000}}}}, "session.created")
        (caution,) = said(to, {"id": "s"})
        assert "the session began with audio.output.format.rate 16000" in caution

    def test_of_a_server_that_acknowledges_nothing_it_is_all_that_is_known(self) -> None:
        (caution,) = said(check(awaited=""), {"input_audio_format": "g711_ulaw"}, "session.created")
        assert "did not tell what it took" in caution

    def test_it_is_the_answer_where_there_is_no_other(self) -> None:
        refused(check(awaited="session.created"), {"modalities": ["text"]}, "session.created")


class TestWhatMerelyDiffers:
    @pytest.mark.parametrize(
        ("path", "value", "told"),
        [
            (("audio", "output", "voice"), "alloy", "did not take audio.output.voice: asked marin, got alloy"),
            (("audio", "input", "noise_reduction"), {"type": "near_field"}, "noise_reduction: asked null, got"),
            (("audio", "input", "transcription"), {"model": "w"}, "transcription: asked null, got"),
            (("instructions",), f"Be long. {KEY}", "other instructions"),
            ((*GA_TURNS, "threshold"), None, "threshold: asked 0.5, got null"),
        ],
    )
    def test_is_a_caution_once(self, path: tuple[str, ...], value: Any, told: str) -> None:
        to, session = check(), changed(asked(), path, value)
        (caution,) = said(to, session)
        assert told in caution and KEY not in caution and said(to, session) == []
        assert isinstance(next(check().read("session.updated", session)), Caution)

    @pytest.mark.parametrize("value", ["MARIN", ...])
    def test_another_way_of_writing_it_is_not(self, value: Any) -> None:
        assert said(check(), changed(asked(), ("audio", "output", "voice"), value)) == []

    def test_a_number_comes_back_as_servers_hold_numbers(self) -> None:
        session = changed(asked(), (*GA_TURNS, "threshold"), 0.5000000298)
        assert said(check(), changed(session, (*GA_TURNS, "idle_timeout_ms"), 5)) == []

    def test_a_key_that_a_server_echoes_is_in_no_message(self) -> None:
        fault = refused(check(), changed(asked(), (*GA_TURNS, "type"), f"Bearer {KEY}"))
        assert KEY not in fault.message
        assert KEY not in json.dumps(said(check(), changed(asked(), ("audio", "output", "voice"), KEY)))
