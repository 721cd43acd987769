"""Replies that a server gives up, and replies that it sends under both names of the events."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
from fdbench.adapters.realtime_events import RealtimeReader
from fdbench.adapters.realtime_key import Secret
from fdbench.adapters.realtime_settings import SettingsCheck
from fdbench.adapters.realtime_usage import Price

from fdbench.adapter.live import CallError, Decided, Delta, Done, Flush, Incoming, Note, Text, Usage

KEY = "sk-proj-0123456789abcdefghij"
USAGE = {"input_tokens": 1_000_000, "output_tokens": 0}
NEW, OLD = "response.output_audio.delta", "response.audio.delta"
WRITTEN = (
    "response.output_audio_transcript.delta", "response.audio_transcript.delta",
    "response.output_text.delta", "response.text.delta",
)  # fmt: skip


def reader(**given: Any) -> RealtimeReader:
    price = Price.parsed("32,64")
    return RealtimeReader(Secret(KEY), 24000, **{"interrupts": True, "flushes": True, "price": price, **given})


def ended(to: RealtimeReader, status: str | None, **details: Any) -> tuple[list[Incoming], CallError | None]:
    """What came of the reply's end, and the error that it was."""
    response = {"id": "r1", "status": status, "status_details": details or None, "usage": USAGE}
    came: list[Incoming] = []
    try:
        for event in to.read({"type": "response.done", "response": response}, 1.0):
            came.append(event)
    except CallError as fault:
        return came, fault
    return came, None


def begun(**given: Any) -> RealtimeReader:
    to = reader(**given)
    list(to.read({"type": "response.created", "response": {"id": "r1"}}, 0.0))
    return to


class TestAReplyThatIsGivenUp:
    @pytest.mark.parametrize(
        ("status", "details", "kind", "told"),
        [
            ("incomplete", {"reason": "max_output_tokens"}, "incomplete", "before its end: max_output_tokens"),
            ("incomplete", {"reason": "content_filter"}, "incomplete", "content_filter"),
            ("incomplete", {"reason": f"odd {KEY}"}, "incomplete", "odd ***"),
            ("incomplete", {}, "incomplete", "no reason given"),
            ("in_progress", {}, "incomplete", "(status in_progress)"),
            ("expired", {"reason": "x"}, "incomplete", "x (status expired)"),
            ("failed", {"error": {"code": "server_error", "message": "m"}}, "dropped", "gave its reply up: m"),
            ("failed", {"error": {"code": "rate_limit_exceeded"}}, "rate_limited", "gave its reply up"),
            ("failed", {"error": {"code": "insufficient_quota"}}, "refused", "gave its reply up"),
            ("failed", {"reason": "odd"}, "dropped", "odd"),
            ("cancelled", {"reason": "overloaded"}, "incomplete", "not for the user's turn: overloaded"),
            ("cancelled", {"reason": "new_response"}, "incomplete", "new_response"),
        ],
    )
    def test_is_an_error_after_what_it_used_was_counted(self, status: str, details: Any, kind: str, told: str) -> None:
        came, fault = ended(begun(), status, **details)
        assert fault is not None and fault.kind == kind and told in fault.message and KEY not in fault.message
        assert came == [Done("r1"), Usage(USAGE, 32.0)]

    def test_only_what_failed_is_tried_again(self) -> None:
        faults = [ended(begun(), status, reason="x")[1] for status in ("failed", "incomplete", "cancelled", "odd")]
        assert [fault.may_retry for fault in faults if fault] == [True, False, False, False]

    @pytest.mark.parametrize(
        "details", [{}, {"reason": "turn_detected"}, {"reason": "client_cancelled"}, {"reason": "barge_in"}]
    )
    def test_a_cancelled_one_gives_way_to_the_user(self, details: Any) -> None:
        came, fault = ended(begun(), "cancelled", **details)
        assert fault is None and came == [Decided("yield", "r1"), Flush("r1"), Done("r1"), Usage(USAGE, 32.0)]

    def test_one_cancelled_after_the_user_was_heard_gave_way_whatever_the_reason(self) -> None:
        to = begun()
        list(to.read({"type": "input_audio_buffer.speech_started"}, 0.5))
        assert ended(to, "cancelled", reason="odd") == ([Done("r1"), Usage(USAGE, 32.0)], None)

    @pytest.mark.parametrize("status", ["completed", None])
    def test_a_whole_one_is_none(self, status: str | None) -> None:
        assert ended(begun(), status) == ([Done("r1"), Usage(USAGE, 32.0)], None)

    def test_what_it_used_is_counted_once(self) -> None:
        to = begun()
        ended(to, "completed")
        assert ended(to, "completed")[0] == []

    @pytest.mark.parametrize("kind", ["output_text.delta", "text.delta", "output_text.done", "text.done"])
    def test_one_in_text_alone_is_no_silence(self, kind: str) -> None:
        to = begun()
        written = {"delta" if kind.endswith("delta") else "text": "hello"}
        assert list(to.read({"type": f"response.{kind}", "response_id": "r1", **written}, 0.1)) == [Text("hello", "r1")]
        _, fault = ended(to, "completed")
        assert fault is not None and fault.kind == "settings" and "in text, without sound" in fault.message

    def test_one_of_zeros_is_no_silence_either(self) -> None:
        for samples, kind in ((b"\0\0\0\0", "silent"), (b"\0\0\1\0", None)):
            to = begun()
            list(to.read({"type": NEW, "response_id": "r1", "delta": base64.b64encode(samples).decode()}, 0.1))
            _, fault = ended(to, "completed")
            assert (fault and fault.kind) == kind

    def test_one_that_says_that_its_sound_is_another_is_no_sound_of_ours(self) -> None:
        to = reader(settings=SettingsCheck({}, 24000, 24000, "session.updated", Secret(KEY)))
        for kind, facts in (
            ("response.created", {"response": {"id": "r1", "audio": {"output": {"format": {"rate": 8000}}}}}),
            (NEW, {"response_id": "r1", "delta": "AAA=", "sample_rate_hz": 16000}),
            (NEW, {"response_id": "r1", "delta": "AAA=", "format": "pcm_f32le"}),
        ):
            with pytest.raises(CallError, match="settings"):
                list(to.read({"type": kind, **facts}, 0.0))
        piece = {"type": NEW, "response_id": "r1", "delta": "AAA=", "format": "pcm16", "sample_rate_hz": 24000}
        assert [type(event) for event in to.read(piece, 0.0)] == [Delta]


class Sender:
    """Sends numbered pieces of sound, and collects those that are heard."""

    def __init__(self) -> None:
        self.to = reader()
        self.heard: list[int] = []
        self.notes: list[str] = []

    def send(self, name: str, number: int, response: str | None = "r1", item: str | None = "i1", part: int = 0) -> None:
        delta = base64.b64encode(np.array([number], "<i2").tobytes()).decode()
        place = {"response_id": response, "item_id": item, "content_index": part}
        message = {"type": name, "delta": delta, **{key: value for key, value in place.items() if value is not None}}
        for event in self.to.read(message, 0.0):
            if isinstance(event, Delta):
                self.heard.append(round(float(event.audio[0]) * 32768))
            elif isinstance(event, Note):
                self.notes.append(event.what)


class TestBothNames:
    @pytest.mark.parametrize("first", [NEW, OLD])
    def test_each_piece_is_heard_once_and_that_is_noted_once(self, first: str) -> None:
        sender, second = Sender(), OLD if first == NEW else NEW
        for number in range(1, 5):
            sender.send(first, number)
            sender.send(second, number)
        assert sender.heard == [1, 2, 3, 4] and sender.notes == ["sent_twice"]

    def test_in_whatever_order_the_two_come(self) -> None:
        sender = Sender()
        for number in range(1, 5):
            for name in (NEW, OLD) if number % 2 else (OLD, NEW):
                sender.send(name, number)
        assert sender.heard == [1, 2, 3, 4]

    def test_all_under_one_name_and_then_all_under_the_other(self) -> None:
        sender = Sender()
        for name in (OLD, NEW):
            for number in range(1, 4):
                sender.send(name, number)
        assert sender.heard == [1, 2, 3]

    def test_in_the_second_reply_only_and_in_the_other_order_there(self) -> None:
        sender = Sender()
        for number in (1, 2):
            sender.send(NEW, number, "r1", "i1")
        for number in (3, 4):
            sender.send(OLD, number, "r2", "i2")
            sender.send(NEW, number, "r2", "i2")
        assert sender.heard == [1, 2, 3, 4]

    def test_a_server_that_changes_from_one_to_the_other_is_heard(self) -> None:
        sender = Sender()
        sender.send(NEW, 1, "r1", "i1")
        sender.send(OLD, 2, "r1", "i2")
        sender.send(NEW, 3, "r2", "i3")
        assert sender.heard == [1, 2, 3] and not sender.notes

    def test_part_by_part(self) -> None:
        sender = Sender()
        for part in (0, 1):
            for name in (NEW, OLD) if part else (OLD, NEW):
                sender.send(name, part, part=part)
        assert sender.heard == [0, 1]

    @pytest.mark.parametrize("bare", [NEW, OLD])
    def test_where_one_of_them_tells_less_of_its_place(self, bare: str) -> None:
        for order in (1, -1):
            sender = Sender()
            for number in (1, 2):
                for name in (NEW, OLD)[::order]:
                    sender.send(name, number, "r1", None if name == bare else "i1")
            assert sender.heard == [1, 2], order

    def test_where_one_of_them_does_not_name_its_reply(self) -> None:
        sender = Sender()
        for number in (1, 2):
            sender.send(NEW, number)
        list(sender.to.read({"type": "response.done", "response": {"id": "r1"}}, 0.0))
        for number in (1, 2):
            sender.send(OLD, number, response=None)
        assert sender.heard == [1, 2]

    @pytest.mark.parametrize("first", WRITTEN)
    @pytest.mark.parametrize("second", WRITTEN)
    def test_words_are_written_once(self, first: str, second: str) -> None:
        to = begun()
        place = {"response_id": "r1", "item_id": "i1", "content_index": 0}
        names = [first] if first == second else [first, second]
        came = [
            event
            for words in ("hello ", "there")
            for name in names
            for event in to.read({"type": name, "delta": words, **place}, 0.0)
        ]
        assert "".join(event.text for event in came if isinstance(event, Text)) == "hello there"
        whole = {"response_id": "r1", "transcript": "hello there"}
        for name in ("response.output_audio_transcript.done", "response.audio_transcript.done"):
            assert not list(to.read({"type": name, **whole}, 0.0))

    def test_words_that_come_at_the_end_only_are_written_once(self) -> None:
        to, whole = begun(), {"response_id": "r1", "transcript": "hello"}
        names = ("response.output_audio_transcript.done", "response.audio_transcript.done")
        assert [event for name in names for event in to.read({"type": name, **whole}, 0.0)] == [Text("hello", "r1")]
