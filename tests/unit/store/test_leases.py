"""Several processes fill one run: each call is made by one, unless that one falls silent."""

from __future__ import annotations

import os
import threading
import time

import pytest

from fdbench.core.take_id import TakeId
from fdbench.store.leases import Leases, forget_ended, leases_in

CALL, OTHER = TakeId("mini/turn_taking", "tt-01"), TakeId("mini/turn_taking", "tt-02")


class Clock:
    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def pair(tmp_path):
    clock = Clock()
    return Leases(tmp_path, "1-of-2", 60, clock), Leases(tmp_path, "2-of-2", 60, clock), clock


def test_one_has_it_and_the_other_has_not(pair, tmp_path):
    first, second, _ = pair
    assert first.take(CALL) and not second.take(CALL) and second.take(OTHER)
    assert leases_in(tmp_path) == {"1-of-2": 1, "2-of-2": 1}


def test_what_has_ended_is_not_begun_again_however_long_ago(pair):
    first, second, clock = pair
    first.take(CALL)
    first.finish(CALL, "recorded")
    assert not second.take(CALL)
    clock.now_s += 3600
    assert not second.take(CALL) and second.state(CALL) == "recorded"
    assert second.state(OTHER) is None


def test_what_was_given_back_is_anybodys(pair):
    first, second, _ = pair
    first.take(CALL)
    first.give_back(CALL)
    assert second.take(CALL)


def test_who_is_silent_for_too_long_loses_it_and_who_beats_keeps_it(pair):
    first, second, clock = pair
    first.take(CALL)
    for _ in range(5):
        assert not second.take(CALL)
        clock.now_s += 50
        first.beat()
    assert not second.take(CALL), "seen alive just now"
    clock.now_s += 59
    assert not second.take(CALL)
    clock.now_s += 1
    assert second.take(CALL), "the same beat for 60 s"


def test_who_was_only_frozen_finds_its_lease_gone_and_leaves_the_others_alone(pair):
    first, second, clock = pair
    first.take(CALL)
    second.take(CALL)
    clock.now_s += 60
    assert second.take(CALL)
    first.beat()  # it wakes up
    first.finish(CALL, "recorded")
    assert second.state(CALL) == "held", "it is the other's now"
    second.finish(CALL, "recorded")
    assert first.state(CALL) == "recorded"


def test_clocks_that_differ_by_a_minute_or_a_day_make_no_difference(tmp_path):
    early, late = Clock(), Clock()
    late.now_s += 86_400
    first, second = Leases(tmp_path, "a", 60, early), Leases(tmp_path, "b", 60, late)
    assert first.take(CALL) and not second.take(CALL)
    late.now_s += 59
    assert not second.take(CALL)


def test_a_lease_that_was_renewed_while_it_was_taken_over_is_put_back(pair, monkeypatch):
    first, second, clock = pair
    first.take(CALL)
    second.take(CALL)
    clock.now_s += 60
    silent = second._is_silent
    monkeypatch.setattr(second, "_is_silent", lambda path: (silent(path), first.beat())[0])
    assert not second.take(CALL)
    assert first.state(CALL) == "held" and first._is_ours(first._path(CALL))


def test_of_many_that_want_it_at_once_one_gets_it(tmp_path):
    crowd = [Leases(tmp_path, str(number)) for number in range(16)]
    gate, got = threading.Barrier(len(crowd)), []

    def want(leases):
        gate.wait()
        if leases.take(CALL):
            got.append(leases)

    threads = [threading.Thread(target=want, args=(each,)) for each in crowd]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1


def test_beats_go_on_in_the_background_and_what_is_held_in_the_end_is_given_back(tmp_path):
    leases = Leases(tmp_path, "one", silence_s=0.06)
    with leases.beating():
        leases.take(CALL)
        before = leases._path(CALL).read_bytes()
        deadline = time.monotonic() + 30
        while leases._path(CALL).read_bytes() == before:
            assert time.monotonic() < deadline
            os.sched_yield()
    assert leases.state(CALL) is None


def test_ended_leases_go_in_the_end_and_others_stay(pair, tmp_path):
    first, second, _ = pair
    first.take(CALL)
    second.take(OTHER)
    first.finish(CALL, "failed")
    forget_ended(tmp_path)
    assert first.state(CALL) is None and first.state(OTHER) == "held"
    second.finish(OTHER, "recorded")
    forget_ended(tmp_path)
    assert not (tmp_path / "leases").exists()


def test_half_a_lease_is_somebodys_until_it_has_been_silent(pair):
    first, second, clock = pair
    first.take(CALL)
    first._path(CALL).write_bytes(b'{"own')
    assert second.state(CALL) == "held" and not second.take(CALL)
    clock.now_s += 60
    assert second.take(CALL)
