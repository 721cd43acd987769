"""How long to wait, and who waits."""

from __future__ import annotations

import random

import pytest

from fdbench.judge.pacing import MAX_SPREAD_S, MAX_WAIT_S, Pace, seconds_of, wait_named_by


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_s, self.slept_s = 100.0, []

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        self.slept_s.append(seconds)


def pace_on(time: Time) -> Pace:
    return Pace(time.sleep, lambda: time.now_s, random.Random(0))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("6m0s", 360), ("120ms", 0.12), ("1h2m3.5s", 3723.5), ("2", 2), ("0.5", 0.5), ("1d", 86400), ("0s", 0)],
)
def test_durations_are_read_as_servers_write_them(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "1x", "s", "-1s", "-3", "nan", "inf", "1s and 2s"])
def test_other_texts_are_no_durations(text: str) -> None:
    assert seconds_of(text) is None


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"Retry-After-Ms": "250", "Retry-After": "7"}, 0.25),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:30 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 30),
        ({"Retry-After": "Wed, 21 Oct 2015 07:27:00 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:30 GMT"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": f"Wed, 21 Oct 2015 07:28:30 +{9**25}", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
        ({"Retry-After": "86400"}, MAX_WAIT_S),
        ({"x-ratelimit-reset-requests": "2s", "x-ratelimit-reset-tokens": "5s"}, 5),
        (
            {
                "x-ratelimit-reset-requests": "2s",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-tokens": "6m0s",
                "x-ratelimit-remaining-tokens": "900",
            },
            2,
        ),
        ({"Retry-After": "soon", "x-ratelimit-reset-tokens": "120ms"}, 0.12),
    ],
)
def test_the_server_says_how_long_to_wait(headers: dict[str, str], wait_s: float | None) -> None:
    assert wait_named_by(headers) == (None if wait_s is None else pytest.approx(wait_s))


def test_one_cooling_down_holds_for_everybody_who_shares_the_pace() -> None:
    time = Time()
    pace = pace_on(time)
    pace.cool_down(5.0)
    pace.cool_down(2.0)  # a shorter one does not end the longer one
    pace.wait(lambda: False)
    assert sum(time.slept_s) == pytest.approx(5.0, abs=MAX_SPREAD_S)
    pace.wait(lambda: False)
    assert len(time.slept_s) == 1  # and is over for the next


def test_nobody_waits_for_what_is_over() -> None:
    time = Time()
    pace = pace_on(time)
    pace.cool_down(5.0)
    pace.wait(lambda: True)
    assert time.slept_s == []


def test_the_backoff_doubles_to_a_cap_with_jitter() -> None:
    pace = pace_on(Time())
    for n_failures, most_s in ((1, 1.0), (2, 2.0), (3, 4.0), (7, MAX_WAIT_S), (500, MAX_WAIT_S)):
        waits_s = [pace.backoff_s(n_failures) for _ in range(50)]
        assert most_s / 2 <= min(waits_s) < max(waits_s) <= most_s
