"""How long to wait, and who waits."""

from __future__ import annotations

import threading

from fdbench.io.http import MAX_WAIT_S
from fdbench.judge.pacing import CoolDown, backoff_s


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_s, self.slept_s = 100.0, []

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        self.slept_s.append(seconds)

    def clock(self) -> float:
        return self.now_s


def test_one_cooling_down_holds_for_everybody_who_shares_it() -> None:
    time = Time()
    cool_down = CoolDown(time.clock, time.sleep)
    cool_down.extend(5.0)
    cool_down.extend(2.0)  # a shorter one does not end the longer one
    cool_down.wait(threading.Event())
    assert time.slept_s == [5.0]
    cool_down.wait(threading.Event())
    assert time.slept_s == [5.0]  # and is over for the next


def test_nobody_waits_for_what_is_over() -> None:
    time, is_over = Time(), threading.Event()
    cool_down = CoolDown(time.clock, time.sleep)
    cool_down.extend(5.0)
    is_over.set()
    cool_down.wait(is_over)
    assert time.slept_s == []


def test_without_a_sleep_of_its_own_it_ends_when_the_round_does() -> None:
    is_over, clock = threading.Event(), Time().clock
    cool_down = CoolDown(clock)
    cool_down.extend(3600.0)
    waiting = threading.Thread(target=cool_down.wait, args=(is_over,), daemon=True)
    waiting.start()
    is_over.set()
    waiting.join(60.0)
    assert not waiting.is_alive()


def test_the_backoff_doubles_to_a_cap_with_jitter() -> None:
    for n_failures, most_s in ((1, 1.0), (2, 2.0), (3, 4.0), (7, MAX_WAIT_S), (500, MAX_WAIT_S)):
        waits_s = [backoff_s(n_failures) for _ in range(50)]
        assert most_s / 2 <= min(waits_s) < max(waits_s) <= most_s
