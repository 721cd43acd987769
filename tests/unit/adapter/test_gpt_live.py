"""GPT-Live without a network: what events mean and what a conversation costs."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from fdbench.adapters.live_api import Live, LiveReader, MinutePrice
from fdbench.adapters.realtime_key import Secret
from fdbench.adapters.realtime_settings import SettingsCheck

from fdbench.adapter.live import CallError, Closed, Delta, Incoming, Text, Usage
from fdbench.errors import UsageError

KEY = "sk-proj-0123456789abcdefghij"
LOCAL = "ws://127.0.0.1:9/v1"


def read(to: Any, now_s: float, kind: str, **facts: Any) -> list[Incoming]:
    return list(to.read({"type": kind, **facts}, now_s))


class TestGptLive:
    def live(self) -> LiveReader:
        return LiveReader(Secret(KEY), "gpt-live-1", MinutePrice.parsed(0.06))

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

    def test_what_it_has_not_counted_yet_is_counted_by_the_clock_and_not_again(self) -> None:
        to = self.live()
        read(to, 100.0, "session.started", session={"model": "gpt-live-1"})
        came = [read(to, 100.0 + after_s, "session.output_audio.delta", delta="AAA=") for after_s in (0.5, 1.5, 2.2, 9.9)]
        assert [event.counts["audio_ms"] for each in came for event in each if isinstance(event, Usage)] == [1000, 1000, 7000]
        assert read(to, 115.0, "session.usage.updated", usage={"seconds": 15.2})[0] == Usage(
            {"audio_ms": 6200}, 6.2 / 60 * 0.06
        )

    def test_standby_has_a_rate_of_its_own_and_a_plan_counts_with_the_dearer_one(self) -> None:
        to = LiveReader(Secret(KEY), "gpt-live-1.1", MinutePrice.parsed("0.05,0.02"))
        (used,) = read(to, 0.0, "session.usage.updated", usage={"seconds": 90, "standby_seconds": 30})
        assert isinstance(used, Usage) and used.counts == {"audio_ms": 90_000, "standby_ms": 30_000}
        assert used.cost == pytest.approx(0.05 + 0.01)
        (used,) = read(to, 0.0, "session.usage.updated", usage={"seconds": 150})
        assert isinstance(used, Usage) and used.cost == pytest.approx(0.05)
        assert Live.price_of(10.0, usd_per_minute="0.05,0.02") == pytest.approx(0.5)
        assert Live.price_of(10.0, usd_per_minute="0.02,0.05") == pytest.approx(0.5)

    @pytest.mark.parametrize("text", ["x", "1,2,3", "-1", "nan", "0.05,"])
    def test_a_price_that_is_none_is_a_usage_error(self, text: str) -> None:
        with pytest.raises(UsageError, match="usd_per_minute"):
            Live(base_url=LOCAL, usd_per_minute=text)

    def test_another_format_than_asked_is_an_error(self) -> None:
        for told in ({"type": "audio/pcm", "rate": 16000}, {"type": "audio/pcmu", "rate": 8000}):
            asked = {"audio": {"format": {"type": "audio/pcm", "rate": 24000}, "output": {"voice": "marin"}}}
            names = {"input.rate": "rate", "output.rate": "rate"}
            settings = SettingsCheck(asked, 24000, 24000, "session.started", Secret(KEY), names)
            with pytest.raises(CallError, match=r"audio\.format") as caught:
                read(LiveReader(Secret(KEY), "", None, settings), 0.0, "session.started", session={"audio": {"format": told}})
            assert caught.value.kind == "settings" and caught.value.is_fatal

    def test_its_end(self) -> None:
        assert read(self.live(), 0.0, "session.closed", reason="expired")[-1] == Closed("expired")
        with pytest.raises(CallError) as caught:
            read(self.live(), 0.0, "session.closed", reason="connection_lost")
        assert caught.value.may_retry
        with pytest.raises(CallError) as caught:
            read(self.live(), 0.0, "session.closed", reason="content", usage={"seconds": 3})
        assert caught.value.kind == "incomplete"

    def test_other_rates_are_refused(self) -> None:
        with pytest.raises(UsageError):
            Live(base_url=LOCAL, rate=8000)
