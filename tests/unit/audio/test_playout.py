"""What a listener hears of audio that comes in pieces; every sample counted by hand.

At 1,000 Hz a sample is a millisecond.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fdbench.audio.playout import Heard, Playout

RATE = 1000


def piece(n, value=0.5):
    return np.full(n, value, np.float32)


def heard(playout, start_s=0.0, end_s=5.0):
    """(first, last + 1, value) of each stretch, in milliseconds."""
    out = playout.render(start_s, end_s)
    edges = np.flatnonzero(np.diff(out, prepend=0.0, append=0.0))
    return [(int(a), int(b), float(out[a])) for a, b in itertools.pairwise(edges) if out[a]]


def test_a_piece_plays_at_its_arrival_or_behind_what_is_queued():
    playout = Playout(RATE)
    for samples, arrival_s in ((piece(100, 0.1), 1.0), (piece(100, 0.2), 1.01), (piece(50, 0.3), 2.0)):
        playout.add("r", samples, arrival_s)
    assert heard(playout) == [
        (1000, 1100, pytest.approx(0.1)),
        (1100, 1200, pytest.approx(0.2)),
        (2000, 2050, pytest.approx(0.3)),
    ]
    assert playout.end_s == 2.05


def test_nothing_plays_before_it_has_arrived():
    playout = Playout(RATE)
    playout.add("r", piece(10), 1.0004)
    assert heard(playout) == [(1001, 1011, 0.5)]


def test_a_flush_cuts_what_is_playing_and_drops_what_is_queued_and_what_comes_late():
    playout = Playout(RATE)
    playout.add("r", piece(3000), 1.0)
    assert playout.flush(1.2) == [Heard("r", 1.0, 1.2, pytest.approx(0.2), True)]
    playout.add("r", piece(500), 1.3)
    playout.add("next", piece(100, 0.25), 2.0)
    assert heard(playout) == [(1000, 1200, 0.5), (2000, 2100, 0.25)]


def test_a_flush_before_anything_was_heard_says_so():
    playout = Playout(RATE)
    playout.add("a", piece(1000), 1.0)
    playout.add("b", piece(1000), 1.1)
    assert playout.flush(1.5) == [Heard("a", 1.0, 1.5, 0.5, True), Heard("b", 2.0, 2.0, 0.0, True)]
    assert playout.flush(1.6) == [], "what is gone is not lost twice"


def test_a_flush_of_one_reply_lets_what_others_have_queued_move_up():
    playout = Playout(RATE)
    playout.add("a", piece(1000), 1.0)
    playout.add("b", piece(100, 0.25), 1.1)
    playout.flush(1.5, "a")
    assert heard(playout) == [(1000, 1500, 0.5), (1500, 1600, 0.25)]


def test_a_flush_of_what_has_not_begun_leaves_no_hole():
    playout = Playout(RATE)
    playout.add("a", piece(3000), 1.0)
    playout.add("b", piece(100, 0.25), 1.0)
    playout.flush(1.0, "a")
    assert heard(playout) == [(1000, 1100, 0.25)]


def test_a_flush_after_the_end_cuts_nothing():
    playout = Playout(RATE)
    playout.add("a", piece(100), 1.0)
    assert playout.flush(1.5) == []
    assert heard(playout) == [(1000, 1100, 0.5)]


def test_sound_is_what_is_above_the_level_and_has_been_played():
    playout = Playout(RATE)
    assert playout.last_loud_s(9.0) == float("-inf") and not playout.is_loud_after(0.0)
    playout.add("a", np.concatenate([piece(100), piece(400, 1e-4)]), 1.0)
    assert playout.is_loud_after(0.5) and not playout.is_loud_after(1.1)
    assert [playout.last_loud_s(now_s) for now_s in (1.0, 1.05, 1.3)] == [float("-inf"), 1.04, 1.1]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 1),
            st.integers(0, 400),
            st.sampled_from("abc"),
            st.sampled_from(["add", "add", "add", "flush", "flush one"]),
        ),
        max_size=20,
    )
)
def test_whatever_comes_in_whatever_order_nothing_overlaps_and_nothing_flushed_is_heard(steps):
    playout, now_s, n_added, cut = Playout(RATE), 0.0, 0, set()
    for pause_s, n, item, what in steps:
        now_s += pause_s
        if what == "add":
            playout.add(item, piece(n), now_s)
            n_added += n if item not in cut else 0
        else:
            before = list(playout.heard())
            lost = playout.flush(now_s, item if what == "flush one" else "")
            cut |= {item} if what == "flush one" else {each.item for each in before} | cut
            for each in lost:
                assert (each.is_cut and each.end_s <= now_s + 1e-9) or each.played_s == 0.0
                assert each.played_s <= next(old for old in before if old.item == each.item).played_s
    replies = list(playout.heard())
    total = sum(each.played_s for each in replies)
    assert total <= n_added / RATE + 1e-9
    sounding = np.count_nonzero(playout.render(0.0, max([now_s, playout.end_s, 0.0]) + 1)) / RATE
    assert sounding == pytest.approx(total), "pieces never overlap"
