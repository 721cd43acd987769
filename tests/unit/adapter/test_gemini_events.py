"""What Gemini Live's messages mean, without the SDK and without a network."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fdbench.adapters.gemini_events import GeminiReader
from fdbench.adapters.gemini_live import fault_of_end
from fdbench.adapters.realtime_key import Secret

from fdbench.adapter.live import CallError, Decided, Delta, Done, Flush, Incoming, Note, Text, Usage

KEY = "AIzaSy0123456789abcdefghij"
CONTENT = (
    "model_turn", "output_transcription", "input_transcription", "interrupted", "generation_complete", "turn_complete",
    "turn_complete_reason",
)  # fmt: skip


def message(**content: Any) -> Any:
    """As the SDK gives it."""
    given = {name: content.pop(name, None) for name in CONTENT}
    outer = {name: content.pop(name, None) for name in ("usage_metadata", "go_away", "tool_call")}
    assert not content
    return SimpleNamespace(server_content=SimpleNamespace(**given), **outer)


def read(to: GeminiReader, now_s: float = 0.0, **content: Any) -> list[Incoming]:
    return list(to.read(message(**content), now_s))


def turn(*parts: Any) -> Any:
    return SimpleNamespace(parts=list(parts))


def part(data: bytes | None = None, mime_type: str = "audio/pcm;rate=24000", text: str = "", thought: bool = False) -> Any:
    blob = None if data is None else SimpleNamespace(data=data, mime_type=mime_type)
    return SimpleNamespace(inline_data=blob, text=text, thought=thought)


def sound(seconds: float) -> Any:
    return turn(part(b"\1\0" * round(seconds * 24000)))


def reader() -> GeminiReader:
    return GeminiReader(Secret(KEY))


def test_a_turn_has_one_name_and_its_first_sound_is_the_first_that_is_told() -> None:
    to = reader()
    came = [
        *read(to, model_turn=turn(part(np.array([16384], "<i2").tobytes()))),
        *read(to, output_transcription=SimpleNamespace(text=f"hi {KEY}")),
        *read(to, generation_complete=True),
        *read(to, turn_complete=True),
    ]
    assert [type(event) for event in came] == [Delta, Text, Done]
    assert came[1:] == [Text("hi ***", "turn-1"), Done("turn-1")]
    (following,) = read(to, model_turn=sound(0.1))
    assert isinstance(following, Delta) and following.item == "turn-2"


def test_it_is_busy_from_its_first_sound_to_the_end_of_its_generation() -> None:
    to = reader()
    assert not to.is_busy
    read(to, model_turn=sound(0.1))
    assert to.is_busy
    read(to, generation_complete=True)
    assert not to.is_busy


class TestInterrupted:
    def test_while_a_turn_goes_on_it_gives_way_once(self) -> None:
        to = reader()
        read(to, model_turn=sound(1.0))
        assert read(to, 0.5, interrupted=True) == [Decided("yield", "turn-1"), Flush("turn-1")]
        assert read(to, 0.6, interrupted=True) == []
        assert read(to, 0.6, turn_complete=True) == [Done("turn-1")]

    def test_the_next_turn_can_give_way_as_well(self) -> None:
        to = reader()
        for name in ("turn-1", "turn-2"):
            read(to, model_turn=sound(1.0))
            assert read(to, 0.5, interrupted=True)[0] == Decided("yield", name)
            read(to, 0.5, turn_complete=True)

    def test_after_its_end_while_it_is_still_heard(self) -> None:
        to = reader()
        read(to, model_turn=sound(1.0))
        read(to, 0.1, generation_complete=True, turn_complete=True)
        assert read(to, 0.9, interrupted=True) == [Decided("yield", "turn-1"), Flush("turn-1")]
        assert read(to, 0.95, interrupted=True) == [Note("interrupted", {})]
        read(to, 1.0, model_turn=sound(1.0))
        assert read(to, 1.5, interrupted=True)[0] == Decided("yield", "turn-2")

    def test_when_nothing_is_heard_it_is_a_note(self) -> None:
        assert read(reader(), interrupted=True) == [Note("interrupted", {})]


def test_a_turn_that_ends_for_another_reason_than_its_end_is_an_error() -> None:
    for reason, is_whole in (("NEED_MORE_INPUT", True), ("TURN_COMPLETE_REASON_UNSPECIFIED", True), ("BLOCKLIST", False)):
        to = reader()
        read(to, model_turn=sound(0.1))
        if is_whole:
            read(to, turn_complete=True, turn_complete_reason=SimpleNamespace(value=reason))
            continue
        with pytest.raises(CallError, match="BLOCKLIST") as caught:
            read(to, turn_complete=True, turn_complete_reason=SimpleNamespace(value=reason))
        assert (caught.value.kind, caught.value.may_retry) == ("incomplete", False)


def test_thoughts_are_no_words_and_words_alone_are_no_reply() -> None:
    to = reader()
    assert read(to, model_turn=turn(part(text="hmm", thought=True))) == []
    assert read(to, turn_complete=True) == []
    read(to, model_turn=turn(part(text="hello")))
    with pytest.raises(CallError, match="without sound"):
        read(to, turn_complete=True)


def test_a_turn_of_zeros_is_no_reply() -> None:
    to = reader()
    read(to, model_turn=turn(part(bytes(4800))))
    with pytest.raises(CallError) as caught:
        read(to, turn_complete=True)
    assert caught.value.kind == "silent"


@pytest.mark.parametrize("mime_type", ["audio/pcm;rate=16000", "audio/pcmu", "audio/pcm;rate=nonsense"])
def test_sound_of_another_kind_is_an_error(mime_type: str) -> None:
    with pytest.raises(CallError) as caught:
        read(reader(), model_turn=turn(part(b"\0\0", mime_type)))
    assert caught.value.kind == "settings"


@pytest.mark.parametrize("mime_type", ["audio/pcm", "audio/pcm;rate=24000", "audio/L16;rate=24000", ""])
def test_sound_of_this_kind_is_none(mime_type: str) -> None:
    assert len(read(reader(), model_turn=turn(part(b"\0\0", mime_type)))) == 1


def test_counts_that_are_missing_or_senseless_are_left_out() -> None:
    usage = SimpleNamespace(
        prompt_token_count=5, cached_content_token_count=None, total_token_count=-1, response_token_count=None,
        thoughts_token_count=None, prompt_tokens_details=None, response_tokens_details=None,
    )  # fmt: skip
    assert read(reader(), usage_metadata=usage) == [Usage({"input_tokens": 5})]


@pytest.mark.parametrize(
    ("code", "reason", "kind", "is_fatal", "may_retry"),
    [
        (1006, "", "dropped", False, True),
        (1011, "internal error", "dropped", False, True),
        (1011, "You exceeded your current quota", "rate_limited", False, True),
        (1011, "RESOURCE_EXHAUSTED", "rate_limited", False, True),
        (1007, f"API key not valid: {KEY}", "refused", True, False),
        (1007, "Request contains an invalid argument.", "refused", False, False),
        (1008, "models/x is not found for API version v1beta", "refused", True, False),
    ],
)
def test_how_it_ends(code: int, reason: str, kind: str, is_fatal: bool, may_retry: bool) -> None:
    fault = fault_of_end(code, reason, Secret(KEY), "during the call")
    assert (fault.kind, fault.is_fatal, fault.may_retry) == (kind, is_fatal, may_retry)
    assert KEY not in fault.message and reason[:10] in fault.message
