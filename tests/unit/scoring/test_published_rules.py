"""The published rules word by word: which null crashes, which comparison is strict, what the last segment overwrites."""

from __future__ import annotations

import numpy as np
import pytest
from scoring_timeline import by_metric, hear, outcome, sample

from fdbench.core.absence import Absence
from fdbench.core.annotation import (
    PUBLISHED_VAD,
    PUBLISHED_VAD_BEFORE_FIX,
    Annotations,
    DetectedSpeech,
    SpeechRequest,
    Verdict,
    WordsRequest,
)
from fdbench.core.event import INTERRUPTION, TURN_END, Event
from fdbench.core.span import Span
from fdbench.core.speech import Transcript, Word
from fdbench.scoring.base import NO_JUDGE, Scorer
from fdbench.scoring.published.backchannel import (
    PublishedBackchannel,
    PublishedBackchannelBeforeFix,
    find_backchannels,
    find_takeover,
    js_distance,
    touches,
)
from fdbench.scoring.published.interruption import PublishedInterruption
from fdbench.scoring.published.pause import PublishedPause
from fdbench.scoring.published.takeover import is_takeover
from fdbench.scoring.published.turn import PublishedTurn


def words(*times: tuple[float | None, float | None]) -> tuple[Word, ...]:
    return tuple(Word("w", *time) for time in times)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([], False),
        ([(1.0, 1.5)], False),
        ([(1.0, 2.0)], True),  # 1.0 s is not under 1.0 s
        ([(1.0, 1.1), (1.1, 1.2), (1.2, 1.9)], False),
        ([(1.0, 1.1), (1.1, 1.2), (1.2, 1.3), (1.3, 1.4)], True),  # four words, however short
        ([(1.0, 1.1), (3.0, 3.1)], True),
        ([(3.0, 3.1), (1.0, 1.1)], False),  # not sorted: the span is negative
        ([(1.0, None), (None, 1.5)], False),  # only the outer two times are read
    ],
)
def test_a_takeover_is_a_second_of_words_or_four_of_them(
    times: list[tuple[float | None, float | None]], expected: bool
) -> None:
    assert is_takeover(words(*times)) is expected
    assert is_takeover(words(*times), open_end_is_start=True) is expected


def test_a_null_time_that_decides_is_no_decision() -> None:
    assert is_takeover(words((1.0, 1.2), (5.0, None))) is None
    assert is_takeover(words((None, 1.2), (5.0, 6.0))) is None
    assert is_takeover(words((1.0, 1.2), (5.0, None)), open_end_is_start=True) is True
    assert is_takeover(words((1.0, 1.2), (1.5, None)), open_end_is_start=True) is False
    assert is_takeover(words((None, 1.2)), open_end_is_start=True) is None
    assert is_takeover(words((float("nan"), 1.2))) is None


TURN = sample(Event(TURN_END, Span(5.0, 5.3)))
BARGE_IN = sample(Event(INTERRUPTION, Span(5.0, 7.0), "i"))


@pytest.mark.parametrize(("scorer", "clip"), [(PublishedTurn(), TURN), (PublishedInterruption(), BARGE_IN)])
@pytest.mark.parametrize("times", [[(7.5, None)], [(None, 8.0)], [(7.5, 7.6), (7.7, None)]])
def test_turns_and_interruptions_with_a_null_time_are_errors(
    scorer: Scorer, clip: object, times: list[tuple[float | None, float | None]]
) -> None:
    assert clip in (TURN, BARGE_IN)
    event = TURN if clip is TURN else BARGE_IN
    scores = by_metric(scorer, event, hear(scorer, event, (), words=words(*times)), Verdict(3))
    assert {(s.status, s.reason) for s in scores.values()} == {("error", "null_time")}


def test_a_pause_with_a_null_first_start_is_an_error_and_with_a_null_last_end_is_not() -> None:
    scorer, clip = PublishedPause(), sample()
    crash = by_metric(scorer, clip, hear(scorer, clip, (), words=words((None, 2.0))))["takeover_rate"]
    assert (crash.value, crash.status, crash.reason) == (None, "error", "null_time")
    open_end = by_metric(scorer, clip, hear(scorer, clip, (), words=words((1.0, 1.2), (3.0, None))))["takeover_rate"]
    assert open_end.value == 1.0


def test_latency_is_clipped_at_zero_and_there_is_none_without_takeover() -> None:
    scorer = PublishedTurn()

    def latency(*times: tuple[float | None, float | None]) -> float | str | None:
        return outcome(by_metric(scorer, TURN, hear(scorer, TURN, (), words=words(*times)))["response_latency_s"])

    assert latency((6.25, 8.0)) == 1.25
    assert latency((1.0, 8.0)) == 0.0
    assert latency((6.25, 6.5)) == "no_takeover"
    assert latency() == "no_takeover"


def test_a_turn_without_annotation_has_a_takeover_and_no_latency() -> None:
    scorer, clip = PublishedTurn(), sample()
    scores = by_metric(scorer, clip, hear(scorer, clip, (), words=words((6.0, 8.0))))
    assert outcome(scores["takeover_rate"]) == 1.0
    assert (outcome(scores["response_latency_s"]), scores["response_latency_s"].status) == ("no_turn_end", "error")


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [(NO_JUDGE, "no_judge"), (Verdict(4), 4.0), (Verdict(9), 9.0), (Verdict(float("nan")), "rating_out_of_range")],
)
def test_relevance_is_the_rating_of_a_takeover(verdict: Verdict | Absence, expected: float | str) -> None:
    scorer = PublishedInterruption()
    take = hear(scorer, BARGE_IN, (), words=words((7.5, 9.0)))
    assert outcome(by_metric(scorer, BARGE_IN, take, verdict)["relevance"]) == expected
    quiet = hear(scorer, BARGE_IN, (), words=())
    assert outcome(by_metric(scorer, BARGE_IN, quiet, verdict)["relevance"]) == "no_takeover"


@pytest.mark.parametrize(("prompt_s", "end_s"), [(30.0, 30.0), (7.0, 7.0), (6.0, 7.0), (0.0, 7.0), (None, 3607.0)])
def test_the_recogniser_hears_from_the_interruptions_end_to_the_prompts(prompt_s: float | None, end_s: float) -> None:
    asked = (WordsRequest("model", Span(7.0, end_s)),)
    assert PublishedInterruption().needs(BARGE_IN, {"main": prompt_s}) == {"main": asked}
    assert PublishedInterruption().needs(sample(), {"main": prompt_s}) == {}


def test_an_interruption_without_annotation_is_an_error() -> None:
    scores = PublishedInterruption().score(sample(), {"main": Annotations(30.0)}, NO_JUDGE)
    assert {(s.status, s.reason) for s in scores} == {("error", "no_interruption")}


# -- backchannels --------------------------------------------------------------------------------------------------------

S, E = 2.0, 3.0


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (2.0, 3.0, True),  # inside, ends included
        (1.0, 2.0, False),  # ends where the segment starts
        (1.0, 2.1, True),
        (1.0, 4.0, True),
        (3.0, 4.0, True),  # starts where the segment ends
        (3.1, 4.0, False),
        (None, 2.5, False),
        (2.5, None, False),  # no end and begins before the segment's end
        (3.0, None, True),  # no end and begins exactly there: ends where it starts
        (3.5, None, False),
    ],
)
def test_words_touch_a_segment_by_the_published_rule(a: float | None, b: float | None, expected: bool) -> None:
    assert touches(Word("w", a, b), Span(S, E)) is expected


def inside(segment: Span, n: int) -> tuple[Word, ...]:
    return tuple(Word("w", segment.start_s, segment.end_s) for _ in range(n))


SHORT, MIDDLE, EXACTLY_3, LONG = Span(5.0, 5.5), Span(10.0, 11.0), Span(15.0, 18.0), Span(20.0, 23.5)


@pytest.mark.parametrize(
    ("segments", "said", "takeover", "n_backchannels"),
    [
        ((), (), False, 0),
        ((SHORT,), inside(SHORT, 2), False, 1),
        ((SHORT,), inside(SHORT, 3), True, 1),
        ((SHORT,), inside(SHORT, 4), True, 1),
        ((MIDDLE,), (), True, 1),  # 1.0 s is not under 1 s
        ((EXACTLY_3,), (), True, 1),  # 3.0 s is not over 3 s
        ((LONG,), (), True, 0),
        ((MIDDLE, EXACTLY_3, Span(25.0, 25.5)), (), False, 3),  # the last one decides
        ((SHORT, LONG, Span(25.0, 25.5)), (), True, 1),  # nothing after a long one is examined
    ],
)
def test_segments_are_examined_in_order(
    segments: tuple[Span, ...], said: tuple[Word, ...], takeover: bool, n_backchannels: int
) -> None:
    assert find_takeover(segments, said) is takeover
    assert len(find_backchannels(segments)) == n_backchannels


def test_durations_are_float_differences_without_tolerance() -> None:
    assert 4.4 - 1.4 > 3
    assert find_backchannels([Span(1.4, 4.4)]) == []
    assert 4.5 - 1.5 == 3
    assert len(find_backchannels([Span(1.5, 4.5)])) == 1


def test_distance_of_one_window_from_a_flat_human_is_that_of_two_small_distributions() -> None:
    # p = (1, 0), q = (1/2, 1/2), middle (3/4, 1/4): divergence = 3/4 ln(4/3) = 0.215762
    assert js_distance([Span(0.0, 0.1)], 0.3, [1.0, 1.0]) == pytest.approx(0.4645014, abs=1e-6)
    assert js_distance([], 0.3, [1.0, 1.0]) == 1.0


def test_distance_of_equal_distributions_is_no_root_of_less_than_zero() -> None:
    random = np.random.default_rng(0)
    for n in range(1, 60):
        segments = [Span(t, t + 0.3) for t in np.sort(random.uniform(0, 0.2 * n, n % 5 + 1)).tolist()]
        model = np.zeros(n) + 1e-10
        for s in segments:
            model[int(s.start_s / 0.2) : int(s.end_s / 0.2) + 1] += 1
        distance = js_distance(segments, 0.2 * (n - 1) + 0.1, (model * random.uniform(0.1, 9)).tolist())
        assert distance == pytest.approx(0.0, abs=1e-7)


def backchannel_take(
    scorer: PublishedBackchannel, duration_s: float | None = 10.0, segments: tuple[Span, ...] = (SHORT,)
) -> Annotations:
    window = Span(0.0, 30.0)
    return Annotations(
        30.0,
        speech={SpeechRequest("model", window, scorer.vad): DetectedSpeech(segments, duration_s)},
        words={WordsRequest("model", window): Transcript((), "given")},
    )


@pytest.mark.parametrize(
    ("scorer", "vad"), [(PublishedBackchannel(), PUBLISHED_VAD), (PublishedBackchannelBeforeFix(), PUBLISHED_VAD_BEFORE_FIX)]
)
def test_the_two_protocols_differ_in_the_detectors_rate_alone(scorer: PublishedBackchannel, vad: object) -> None:
    window = Span(0.0, 30.0)
    assert scorer.vad == vad
    for prompt_s, heard in ((30.0, window), (None, None)):
        asked = (SpeechRequest("model", heard, scorer.vad), WordsRequest("model", heard))
        assert scorer.needs(sample(), {"main": prompt_s}) == {"main": asked}


def test_frequency_is_backchannels_per_second_of_the_searched_audio() -> None:
    scorer = PublishedBackchannel()
    scores = by_metric(scorer, sample(), backchannel_take(scorer, segments=(SHORT, MIDDLE)))
    assert outcome(scores["backchannel_frequency_hz"]) == 0.2


@pytest.mark.parametrize(
    ("human", "expected"),
    [
        ((), "no_human_timing"),
        ((0.0, 0.0), "bad_annotation"),
        ((0.5, float("nan")), "bad_annotation"),
        ((-1.0, 2.0), "bad_annotation"),
        ((1e308, 1e308), "bad_annotation"),
        ((0.0, *(0.0,) * 24, 1.0, *(0.0,) * 9975), "bad_annotation"),  # its one peak falls between the 51 windows of the clip
    ],
)
def test_without_a_usable_human_distribution_there_is_no_distance(human: tuple[float, ...], expected: str) -> None:
    scorer = PublishedBackchannel()
    clip = sample(human=human)
    scores = by_metric(scorer, clip, backchannel_take(scorer))
    assert outcome(scores["backchannel_js_distance"]) == expected
    assert outcome(scores["backchannel_frequency_hz"]) == 0.1


def test_segments_without_a_recording_decide_the_takeover_and_nothing_else() -> None:
    scorer, clip = PublishedBackchannel(), sample(human=(1.0, 2.0))
    scores = by_metric(scorer, clip, backchannel_take(scorer, None, (LONG,)))
    assert outcome(scores["takeover_rate"]) == 1
    assert outcome(scores["backchannel_frequency_hz"]) == outcome(scores["backchannel_js_distance"]) == "audio_missing"
    untimed = by_metric(scorer, sample(), backchannel_take(scorer, None))
    assert outcome(untimed["backchannel_js_distance"]) == "no_human_timing"


def test_segments_far_beyond_the_recording_are_in_no_window() -> None:
    far = [Span(0.0, 0.3), Span(1e300, 1e300), Span(1e20, 1.5e308)]
    assert js_distance(far, 10.0, [1.0, 2.0]) == js_distance(far[:1], 10.0, [1.0, 2.0])


def test_an_empty_recording_and_a_missing_transcript_are_errors() -> None:
    scorer = PublishedBackchannel()
    empty = by_metric(scorer, sample(), backchannel_take(scorer, duration_s=0.0, segments=()))
    assert {s.reason for s in empty.values()} == {"audio_empty"}
    take = backchannel_take(scorer)
    wordless = Annotations(
        30.0, speech=take.speech, missing={WordsRequest("model", Span(0.0, 30.0)): Absence("transcript_unreadable")}
    )
    scores = by_metric(scorer, sample(human=(1.0, 2.0)), wordless)
    assert outcome(scores["takeover_rate"]) == "transcript_unreadable"
    assert outcome(scores["backchannel_frequency_hz"]) == 0.1
