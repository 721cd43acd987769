"""Backchannels under ``fdbench``: events, peaks, the maximum matching, and the level of chance."""

from __future__ import annotations

import math
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_timeline import by_metric, hear, outcome, sample

from fdbench.core.annotation import Annotations
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.scoring.backchannel_timing import shifted_middles
from fdbench.scoring.corrected.backchannel import Backchannel
from fdbench.scoring.human_timing import (
    MATCH_TOLERANCE_S,
    count_matches,
    js_divergence,
    resampled,
    window_counts,
)

CLIP_S = 20.0
PEAKS_S = (4.1, 10.1, 16.1)
HUMAN = tuple(1.0 if i in (20, 50, 80) else 0.01 for i in range(100))
USER = [Span(0.5, 9.0), Span(11.0, 19.5)]
CLIP = sample(human=HUMAN)


def scores_of(
    model: list[Span], words: tuple[Word, ...] = (), clip: object = CLIP, user: list[Span] | None = USER
) -> dict[str, object]:
    scorer = Backchannel()
    assert isinstance(clip, type(CLIP))
    take = hear(scorer, clip, model, user, words, prompt_s=CLIP_S, recorded_s=25.0)
    return {name: outcome(score) for name, score in by_metric(scorer, clip, take).items()}


def take_of(model: list[Span], user: list[Span] | None = USER) -> Annotations:
    return hear(Backchannel(), CLIP, model, user, (), prompt_s=CLIP_S, recorded_s=25.0)


def test_two_of_three_peaks_and_one_event_too_many() -> None:
    model = [Span(4.0, 4.4), Span(7.0, 7.4), Span(16.9, 17.3)]  # middles 4.2, 7.2, 17.1: the last is 1.0 s from its peak
    scores = scores_of(model)
    assert scores["backchannel_f1"] == round(2 * 2 / (3 + 3), 6)
    assert scores["backchannel_rate_log2"] == 0  # as many as people
    assert scores["takeover_rate"] == 0


def test_a_peak_is_matched_once() -> None:
    scores = scores_of([Span(3.3, 3.5), Span(4.6, 4.8)])  # 1.1 s apart: two backchannels at one peak
    assert scores["backchannel_f1"] == round(2 * 1 / (2 + 3), 6)


def test_one_takeover_anywhere_in_the_clip_decides_and_is_no_event() -> None:
    scores = scores_of([Span(6.0, 8.0), Span(16.0, 16.4)])
    assert scores["takeover_rate"] == 1
    assert scores["backchannel_rate_log2"] == round(math.log2(3 / 1), 6)


def test_length_alone_tells_a_backchannel_from_a_takeover() -> None:
    words = tuple(Word("but the", 16.0 + 0.1 * i, 16.1 + 0.1 * i) for i in range(3))
    assert scores_of([Span(16.0, 16.4)], words)["takeover_rate"] == 0
    assert scores_of([Span(16.0, 17.0)], words)["takeover_rate"] == 1
    assert scores_of([Span(16.0, 16.4)], words)["lost_per_turn_s"] == 0
    assert scores_of([Span(16.0, 17.0)], words)["lost_per_turn_s"] == 2.0  # a break, and 1.0 s talked over


def test_a_reply_after_the_prompt_is_not_judged() -> None:
    assert scores_of([Span(16.0, 16.4), Span(20.5, 24.0)]) == scores_of([Span(16.0, 16.4)])


def test_silence_is_no_better_than_chance() -> None:
    assert scores_of([]) == {
        "takeover_rate": 0,
        "backchannel_f1": 0,
        "backchannel_f1_above_chance": 0,
        "backchannel_bits": "no_backchannel",
        "backchannel_ceiling_share": "no_backchannel",
        "backchannel_rate_log2": "no_backchannel",
        "boundary_f1": "no_turn",
        "holds_taken_rate": 0,
        "shifts_taken_rate": "no_turn",
        "competing_overlap": 0,
        "broken_turns_rate": 0,
        "lost_per_turn_s": 0,
        "lost_worded_s": 0,
        "sound_beside_speech": 0,
    }


def test_hitting_every_peak_is_far_above_chance_and_missing_them_is_below() -> None:
    scorer = Backchannel()
    hits = by_metric(scorer, CLIP, take_of([Span(t - 0.1, t + 0.1) for t in PEAKS_S]))
    above, bits, share = (hits[f"backchannel_{name}"] for name in ("f1_above_chance", "bits", "ceiling_share"))
    assert outcome(hits["backchannel_f1"]) == 1
    assert above.value == pytest.approx(1 - above.components["chance"])
    assert 0.2 < above.components["chance"] < 0.5
    # By hand: 0.95 * 1 / 3.97 + 0.0005 for people; the user speaks in 85 windows of 100 (in the middle one not at all) ...
    people, blind, silent = 0.95 / 3.97 + 0.0005, 0.95 / 85 + 0.0005, 0.0005
    by_hand = 2 * math.log2(people / blind) + math.log2(people / silent)
    assert bits.value == pytest.approx(by_hand / 3, abs=0.02)
    assert 1.0 < share.value < 2.0  # a bull's eye is worth more than a person, who is not always there
    misses = by_metric(scorer, CLIP, take_of([Span(t + 1.5, t + 1.7) for t in PEAKS_S]))
    assert misses["backchannel_f1_above_chance"].value == pytest.approx(-above.components["chance"], abs=0.1)
    assert misses["backchannel_bits"].value < 0


def test_the_level_of_chance_of_one_event_is_the_share_of_speech_near_a_peak() -> None:
    scorer = Backchannel()
    one = by_metric(scorer, CLIP, take_of([Span(4.0, 4.2)]))["backchannel_f1_above_chance"]
    near_s = (5.1 - 3.1) + (11.1 - 11.0) + (17.1 - 15.1)  # of the 17.0 s in which the user speaks
    assert one.components["chance"] == pytest.approx(2 * (near_s / 17.0) / 4, abs=4 * 0.5 * math.sqrt(0.25 / 1000))


def test_a_metronome_is_no_better_than_its_own_shifts() -> None:
    """Peaks every 4 s in 20 s of speech; a beat every 2 s hits all of them however it is shifted."""
    human = tuple(1.0 if i % 20 == 10 else 0.01 for i in range(100))
    clip, user = sample(human=human), [Span(0.0, 20.0)]
    beat = [Span(t - 0.1, t + 0.1) for t in (1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0, 17.0, 19.0)]
    scores = scores_of(beat, clip=clip, user=user)
    assert abs(float(str(scores["backchannel_f1_above_chance"]))) < 0.05


@pytest.mark.parametrize(
    ("human", "f1", "amount", "bits"),
    [
        ((), "no_human_timing", "no_human_timing", "no_human_timing"),
        ((1.0,) * 100, "no_human_peaks", "no_human_peaks", None),
        ((0.0,) * 100, "bad_annotation", "bad_annotation", "bad_annotation"),
    ],
)
def test_human_timing_that_is_missing_flat_or_zero(human: tuple[float, ...], f1: str, amount: str, bits: str | None) -> None:
    scores = scores_of([Span(4.0, 4.4)], clip=sample(human=human))
    assert scores["backchannel_f1"] == scores["backchannel_f1_above_chance"] == f1
    assert scores["backchannel_rate_log2"] == amount
    assert scores["backchannel_bits"] == bits or (bits is None and isinstance(scores["backchannel_bits"], float))
    assert scores["takeover_rate"] == 0


def test_segments_without_a_recording_are_judged_to_the_prompts_end_if_there_is_one() -> None:
    scorer, model = Backchannel(), [Span(4.0, 4.4), Span(20.5, 24.0)]
    without = by_metric(scorer, CLIP, hear(scorer, CLIP, model, USER, (), CLIP_S, None))
    assert outcome(without.pop("sound_beside_speech")) == "no_sound_known"
    with_it = by_metric(scorer, CLIP, hear(scorer, CLIP, model, USER, (), CLIP_S, 25.0))
    assert without == {name: with_it[name] for name in without}
    unbounded = by_metric(scorer, CLIP, hear(scorer, CLIP, model, None, (), None, None))
    assert outcome(unbounded["takeover_rate"]) == 1
    timing = [score for name, score in unbounded.items() if name.startswith("backchannel_")]
    assert {(s.status, s.reason) for s in timing} == {("error", "audio_missing")}


def test_without_the_users_speech_there_is_no_level_of_chance() -> None:
    scores = scores_of([Span(4.0, 4.4)], user=None)
    assert scores["backchannel_f1"] == 0.5
    assert scores["backchannel_f1_above_chance"] == scores["backchannel_bits"] == "user_speech_unknown"
    assert isinstance(scores["backchannel_rate_log2"], float)


def test_the_same_clip_is_always_given_the_same_shifts() -> None:
    first, second = shifted_middles((1.0, 3.0), USER, "clip"), shifted_middles((1.0, 3.0), USER, "clip")
    other = shifted_middles((1.0, 3.0), USER, "another clip")
    assert first is not None and second is not None and other is not None
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_shifts_keep_distances_along_the_users_speech_and_fill_it_evenly() -> None:
    shifted = shifted_middles((1.0, 3.0, 10.0), [*USER, Span(0.5, 2.0)], "clip")  # 10.0 s lies where 9.0 to 11.0 was cut out
    assert shifted is not None
    assert shifted.shape == (1000, 3)
    first, second = ((span.start_s <= shifted) & (shifted <= span.end_s) for span in USER)
    assert np.all(first | second)
    assert first.mean() == pytest.approx(0.5, abs=0.05)
    along = np.where(shifted < 10.0, shifted - 0.5, shifted - 2.5)  # seconds of speech before each
    gaps = np.sort(np.diff(np.concatenate([along, along[:, :1] + 17.0], axis=1), axis=1), axis=1)
    assert np.allclose(gaps, [2.0, 6.0, 9.0])
    assert shifted_middles((1.0,), [], "clip") is None
    assert shifted_middles((1.0,), [Span(1.0, 1.0)], "clip") is None


times = st.lists(st.integers(0, 60).map(lambda n: n / 10), max_size=5)


def largest_matching(events: list[float], peaks: list[float]) -> int:
    for size in range(min(len(events), len(peaks)), 0, -1):
        for chosen in combinations(events, size):
            for order in permutations(peaks, size):
                if all(abs(e - p) <= MATCH_TOLERANCE_S + 1e-9 for e, p in zip(chosen, order, strict=True)):
                    return size
    return 0


@settings(max_examples=150, deadline=None)
@given(st.lists(times.filter(lambda t: len(t) == 4), min_size=1, max_size=3), times)
def test_the_matching_is_maximal_in_every_row(rows: list[list[float]], peaks: list[float]) -> None:
    events = np.sort(np.array(rows, np.float64), axis=1)
    assert count_matches(events, sorted(peaks)).tolist() == [largest_matching(row, peaks) for row in rows]


def test_windows_are_covered_ends_included_and_those_outside_are_not_counted() -> None:
    first, last = np.array([[1, 3, -2, 4, 9]]), np.array([[2, 3, 0, 8, 9]])
    assert window_counts(first, last, 6).tolist() == [[1.0, 1.0, 1.0, 1.0, 1.0, 1.0]]
    assert window_counts(np.array([[-3]]), np.array([[-1]]), 3).tolist() == [[0.0, 0.0, 0.0]]


def test_the_divergence_is_the_square_of_scipys_distance() -> None:
    scipy_distance = pytest.importorskip("scipy.spatial.distance")
    random = np.random.default_rng(0)
    counts, human = random.integers(0, 3, (20, 40)).astype(float), random.random(40)
    human[5] = 0.0
    expected = [scipy_distance.jensenshannon(row + 1e-10, human) ** 2 for row in counts]
    assert js_divergence(counts, human) == pytest.approx(expected, abs=1e-12)


def test_a_distribution_is_resampled_from_end_to_end() -> None:
    assert resampled([0.0, 1.0, 0.0], 5).tolist() == [0.0, 0.5, 1.0, 0.5, 0.0]
    assert resampled([3.0], 2).tolist() == [3.0, 3.0]
