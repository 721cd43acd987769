"""What calls may take, all together: set aside before they begin, given back when they took less."""

from __future__ import annotations

import threading

from fdbench.call.budget import Budget


def test_without_limits_everything_is_allowed_and_counted():
    limits = Budget()
    assert all(limits.begin(str(i), 10.0) for i in range(5))
    limits.end("0", 2.0, 0.5)
    assert (limits.minutes, limits.cost) == (2.0, 0.5)


def test_what_might_not_fit_is_not_begun():
    limits = Budget(max_minutes=10.0)
    assert limits.begin("a", 9.0)
    limits.end("a", 4.0, 0.0)
    assert limits.begin("b", 6.0)
    limits.end("b", 6.0, 0.0)
    assert not limits.begin("c", 0.1)


def test_costs_are_set_aside_like_minutes_at_the_price_given_or_that_of_the_dearest_call_so_far():
    limits = Budget(max_cost=1.0, price_of=lambda minutes: minutes / 10)
    assert limits.begin("a", 6.0)  # 0.6 may be spent
    limits.end("a", 3.0, 0.5)  # and 0.5 was
    assert limits.begin("b", 1.0), "0.5 for 1 minute, as the first was so dear"
    limits.end("b", 1.0, 0.05)
    assert not limits.begin("c", 1.0)


def test_whoever_would_fit_once_others_have_ended_waits_for_them():
    limits = Budget(max_minutes=10.0)
    assert limits.begin("a", 8.0)
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(limits.begin("b", 5.0)))
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive(), "5 minutes would fit beside what a will have taken"
    limits.end("a", 3.0, 0.0)
    waiting.join(5.0)
    assert answers == [True]


def test_whoever_waits_is_let_go_when_everything_stops():
    limits = Budget(max_minutes=10.0)
    assert limits.begin("a", 8.0)
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(limits.begin("b", 5.0)))
    waiting.start()
    limits.stop()
    waiting.join(5.0)
    assert answers == [False]
