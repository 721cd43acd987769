"""Per-clip rewards, given when the model speaks."""

from __future__ import annotations

import pytest

from fdbench.core.span import Span
from fdbench.scoring.rewards import RewardedClip, bounded_delay, match_backchannels, pause_reward, reply_delay_s, reward_of

TURN = RewardedClip("turn", 8.0, 10.0, turn_end_s=3.0)


def test_only_what_lasts_longer_than_a_second_takes_the_turn() -> None:
    assert pause_reward([Span(1.0, 2.0)]) == 0.0
    assert pause_reward([Span(1.0, 2.01)]) == -1.0
    assert pause_reward([]) == 0.0


def test_a_silence_of_a_second_lies_inside_an_utterance_and_a_longer_one_does_not() -> None:
    assert pause_reward([Span(1.0, 1.2), Span(2.2, 2.4)]) == -1.0
    assert pause_reward([Span(1.0, 1.2), Span(2.21, 2.41)]) == 0.0


def test_the_delay_is_to_the_first_takeover_from_the_end_on() -> None:
    assert reply_delay_s([Span(2.5, 5.0), Span(6.5, 8.0)], 3.0, 10.0) == 3.5  # what began before is no reply
    assert reply_delay_s([Span(3.0, 5.0)], 3.0, 10.0) == 0.0
    assert reply_delay_s([Span(4.0, 4.5)], 3.0, 10.0) == 7.0
    assert reply_delay_s([], 3.0, 10.0) == 7.0


@pytest.mark.parametrize(("delay_s", "bounded"), [(-1.0, 1.0), (0.0, 1.0), (2.5, 0.5), (5.0, 0.0), (9.0, 0.0)])
def test_a_bounded_delay_runs_from_1_at_once_to_0_after_five_seconds(delay_s: float, bounded: float) -> None:
    assert bounded_delay(delay_s) == bounded


def test_backchannels_are_matched_one_to_one_and_takeovers_are_false() -> None:
    model = [Span(1.0, 1.4), Span(4.0, 4.4), Span(7.0, 9.0)]
    found = match_backchannels(model, [1.0, 2.0, 5.2])
    assert (found.matched, found.false, found.missed) == (2, 1, 1)
    assert found.f1 == pytest.approx(2 / 3)


def test_nobody_backchannels_and_that_is_right() -> None:
    assert match_backchannels([], []).f1 == 1.0
    assert match_backchannels([], [1.0]).f1 == 0.0
    assert match_backchannels([Span(0.0, 0.5)], []).f1 == 0.0


def test_what_is_lost_has_no_free_lunch_where_the_published_rewards_have_one() -> None:
    silence, blurt, reply = [], [Span(3.0, 4.2)], [Span(3.2, 6.0)]
    pause = RewardedClip("pause", 8.0, 10.0, turn_end_s=7.0)
    assert (reward_of(pause, silence).published, reward_of(pause, silence).minus_lost_s) == (0.0, -5.0)
    assert reward_of(TURN, blurt).published == 0.0 > reward_of(TURN, reply).published
    assert reward_of(pause, blurt).minus_lost_s == pytest.approx(-(1.2 + 1.0 + 5.0))


def test_an_interruption_and_the_turn_before_it_are_two_turns() -> None:
    clip = RewardedClip("interruption", 9.0, 12.0, 9.0, Span(0.0, 3.0), Span(6.0, 8.0))
    model = [Span(3.5, 6.4), Span(9.0, 11.0)]
    found = reward_of(clip, model)
    assert (found.published, found.bounded) == (-1.0, 0.8)
    assert found.minus_lost_s == pytest.approx(-(0.5 + 1.0 + 0.4) / 2)  # the wait for each, and talked over in the second
    assert reward_of(clip, model[1:]).minus_lost_s < found.minus_lost_s


def test_a_pause_clip_that_stops_inside_the_turn_asks_for_nothing() -> None:
    unfinished = RewardedClip("pause", 8.0, 8.0)
    assert reward_of(unfinished, []) == reward_of(unfinished, [Span(1.0, 1.5)])
    assert reward_of(unfinished, []).minus_lost_s == 0.0


def test_a_turn_that_does_not_end_has_no_reply() -> None:
    with pytest.raises(ValueError, match="needs the end of a turn"):
        reward_of(RewardedClip("turn", 8.0, 10.0), [])
