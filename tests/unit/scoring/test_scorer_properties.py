"""What holds for every scorer and every conversation, however odd.

Times are multiples of 1/16 s, so that moving a conversation moves it exactly.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scoring_timeline import by_metric, hear, outcome, sample

from fdbench.core.absence import REASONS, Absence
from fdbench.core.annotation import Annotations, DetectedSpeech, SpeechRequest, Verdict, WordsRequest
from fdbench.core.behaviour import BEHAVIOURS
from fdbench.core.conversation import Sample
from fdbench.core.event import INTERRUPTION, PAUSE, TURN_END, Event
from fdbench.core.metric import METRICS, PROTOCOLS
from fdbench.core.score import Score
from fdbench.core.span import Span
from fdbench.core.speech import Transcript, Word
from fdbench.scoring.base import NO_JUDGE
from fdbench.scoring.corrected.interruption import Interruption
from fdbench.scoring.corrected.pause import Pause
from fdbench.scoring.corrected.turn import Turn
from fdbench.scoring.registry import has_scorer, scorer_for

quickly = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

PROMPT_S, RECORDED_S = 16.0, 20.0

ticks = st.integers(0, int(RECORDED_S * 16)).map(lambda n: n / 16)
stretches = st.tuples(ticks, ticks).map(lambda t: Span(min(t), max(t)))
any_time = st.floats(0, 1e300)
odd_speech = st.lists(st.tuples(any_time, any_time).map(lambda t: Span(min(t), max(t))), max_size=8)
speech = st.lists(stretches, max_size=8)
times = st.one_of(st.none(), ticks, st.sampled_from([float("nan"), float("inf"), -1.0]))
odd_words = st.lists(st.builds(Word, st.sampled_from(["yeah", "", "well then"]), times, times), max_size=10)
timed_words = st.lists(stretches.map(lambda s: Word("w", s.start_s, s.end_s)), max_size=10)
verdicts = st.one_of(st.just(NO_JUDGE), st.builds(Verdict, st.floats()))
weights = st.one_of(st.floats(0, 1), st.floats(0, allow_infinity=False), st.sampled_from([0.0, 0.0, -1.0, float("nan")]))
distributions = st.one_of(st.lists(st.floats(0, 1), max_size=90), st.lists(weights, max_size=90)).map(tuple)
clips = st.builds(
    lambda events, words, human: sample(*events, transcript=words, human=human),
    st.lists(st.builds(Event, st.sampled_from([PAUSE, TURN_END, INTERRUPTION]), stretches), max_size=4),
    st.one_of(st.none(), odd_words.map(lambda words: Transcript(tuple(words), "given"))),
    distributions,
)


behaviours = st.sampled_from(list(BEHAVIOURS))
SCORED = [(behaviour, protocol) for behaviour in BEHAVIOURS for protocol in PROTOCOLS if has_scorer(behaviour, protocol)]


@quickly
@given(
    scored_under=st.sampled_from(SCORED),
    clip=clips,
    model=st.one_of(speech, odd_speech),
    user=st.one_of(st.none(), speech, odd_speech),
    words=odd_words,
    verdict=verdicts,
    prompt_s=st.sampled_from([None, 0.0, 4.0, PROMPT_S]),
    recorded_s=st.sampled_from([None, 0.0, 4.0, RECORDED_S]),
    lacking=st.sampled_from([{}, {"words": "transcript_missing"}, {"speech": "segments_missing"}]),
)
def test_there_is_one_score_per_metric_whatever_was_recorded(
    scored_under: tuple[str, str],
    clip: Sample,
    model: list[Span],
    user: list[Span] | None,
    words: list[Word],
    verdict: Verdict | Absence,
    prompt_s: float | None,
    recorded_s: float | None,
    lacking: dict[str, str],
) -> None:
    scorer = scorer_for(*scored_under)
    take = hear(scorer, clip, model, user, words, prompt_s, recorded_s, lacking)
    for name, score in by_metric(scorer, clip, take, verdict).items():
        assert name in METRICS
        if METRICS[name].unit == "rate" and score.value is not None:
            assert score.value in (0.0, 1.0) or METRICS[name].corrected == "ratio"
        if score.value is None:
            assert score.status == REASONS[score.reason].status


def _follows_a_judge(metric: str, protocol: str) -> bool:
    """Published labels are the judge's, whatever is known of the take, and what is compared follows from them.

    So are the scores of a dialogue, under every protocol.
    """
    if metric in ("turn_taking_fluency", "instruction_following", "task_score"):
        return True
    return protocol != "fdbench" and (metric.startswith("judged_") or METRICS[metric].is_voice)


@pytest.mark.parametrize(("behaviour", "protocol"), SCORED)
def test_a_take_about_which_nothing_is_known_has_reasons_only(behaviour: str, protocol: str) -> None:
    scorer = scorer_for(behaviour, protocol)
    clip = sample(Event(PAUSE, Span(1, 2)), Event(TURN_END, Span(5, 6)), Event(INTERRUPTION, Span(3, 5)), human=(1.0, 2.0))
    for takes in ({}, {"main": Annotations()}, {"clean": Annotations()}):
        scores = [each for each in scorer.score(clip, takes, NO_JUDGE) if not _follows_a_judge(each.metric, protocol)]
        assert {score.status for score in scores} == ({"error"} if scores else set())


def moved(clip: Sample, by_s: float) -> Sample:
    words = clip.transcript
    return replace(
        clip,
        events=tuple(Event(e.kind, e.span.shifted(by_s), e.text) for e in clip.events),
        transcript=None if words is None else Transcript(tuple(w.shifted(by_s) for w in words.words), words.engine),
    )


def moved_take(take: Annotations, by_s: float) -> Annotations:
    assert take.prompt_s is not None and take.recorded_s is not None

    def request(asked: SpeechRequest) -> SpeechRequest:
        return asked if asked.span is None else replace(asked, span=Span(asked.span.start_s, asked.span.end_s + by_s))

    return Annotations(
        take.prompt_s + by_s,
        take.recorded_s + by_s,
        speech={
            request(asked): DetectedSpeech(tuple(s.shifted(by_s) for s in said.segments), said.duration_s + by_s)
            for asked, said in take.speech.items()
        },
        words={
            asked: Transcript(tuple(w.shifted(by_s) for w in said.words), said.engine) for asked, said in take.words.items()
        },
    )


ANNOTATED = (Event(PAUSE, Span(4.0, 5.5)), Event(TURN_END, Span(9.0, 9.25)), Event(INTERRUPTION, Span(7.0, 9.0)))
BARGING_IN = [Span(1.0, 4.0), Span(7.0, 9.0)]
TIMED = [Pause(), Turn(), Interruption()]


@quickly
@given(scorer=st.sampled_from(TIMED), model=speech, user=speech, words=timed_words, by=st.integers(1, 64))
def test_moving_a_conversation_in_time_changes_nothing(
    scorer: Pause | Turn | Interruption, model: list[Span], user: list[Span], words: list[Word], by: int
) -> None:
    clip, by_s = sample(*ANNOTATED), by / 16
    take = hear(scorer, clip, model, user, words, PROMPT_S, RECORDED_S)
    before = by_metric(scorer, clip, take, Verdict(3))
    later = by_metric(scorer, moved(clip, by_s), moved_take(take, by_s), Verdict(3))
    for name in scorer.metrics:
        if name != "sound_beside_speech":  # a share of the whole recording, which is longer now
            assert later[name] == before[name]
    assert WordsRequest("model", None) in take.words


@quickly
@given(
    behaviour=behaviours,
    model=speech,
    user=speech,
    words=timed_words,
    human=distributions,
    data=st.data(),
)
def test_the_order_of_segments_and_words_does_not_matter(
    behaviour: str, model: list[Span], user: list[Span], words: list[Word], human: tuple[float, ...], data: st.DataObject
) -> None:
    scorer, clip = scorer_for(behaviour, "fdbench"), sample(*ANNOTATED, human=human)
    shuffled = [data.draw(st.permutations(items)) for items in (model, user, words)]
    before = by_metric(scorer, clip, hear(scorer, clip, model, user, words, PROMPT_S, RECORDED_S))
    assert by_metric(scorer, clip, hear(scorer, clip, *shuffled, PROMPT_S, RECORDED_S)) == before


def without_components(scores: dict[str, Score]) -> dict[str, float | str | None]:
    return {name: outcome(score) for name, score in scores.items()}


inside_10_s = st.lists(stretches.filter(lambda s: s.end_s <= 10.0), max_size=6)


@quickly
@given(model=inside_10_s, extra=st.lists(stretches.map(lambda s: s.shifted(12.0)), max_size=3))
def test_speech_long_after_the_users_last_word_is_no_failure_to_wait(model: list[Span], extra: list[Span]) -> None:
    scorer, clip = Pause(), sample(*ANNOTATED)
    user = [Span(1.0, 4.0), Span(5.5, 9.0)]
    quiet = by_metric(scorer, clip, hear(scorer, clip, model, user, ()))
    talkative = by_metric(scorer, clip, hear(scorer, clip, [*model, *extra], user, ()))
    for name in ("takeover_rate", "break_in_rate"):
        assert talkative[name].value == quiet[name].value


@quickly
@given(model=inside_10_s, extra=st.lists(stretches.map(lambda s: s.shifted(12.0)), max_size=3))
def test_speech_long_after_the_interruption_does_not_move_the_stop(model: list[Span], extra: list[Span]) -> None:
    scorer, clip = Interruption(), sample(*ANNOTATED)
    quiet = without_components(by_metric(scorer, clip, hear(scorer, clip, model, BARGING_IN, ())))
    talkative = without_components(by_metric(scorer, clip, hear(scorer, clip, [*model, *extra], BARGING_IN, ())))
    for name in ("stop_latency_s", "talked_through_rate", "undecided_rate", "not_exercised_rate"):
        assert talkative[name] == quiet[name]


@quickly
@given(onset=st.integers(9 * 16, 14 * 16), later=st.integers(1, 40))
def test_a_later_reply_is_later_by_just_that(onset: int, later: int) -> None:
    scorer, clip, user = Turn(), sample(*ANNOTATED), [Span(1.0, 4.0), Span(5.5, 9.0)]

    def latency_s(onset_s: float) -> float:
        take = hear(scorer, clip, [Span(onset_s, onset_s + 2.0)], user)
        value = by_metric(scorer, clip, take)["response_latency_s"].value
        assert value is not None
        return value

    assert latency_s((onset + later) / 16) - latency_s(onset / 16) == later / 16


@quickly
@given(stop=st.integers(1, 48), later=st.integers(0, 16))
def test_stopping_later_never_looks_better(stop: int, later: int) -> None:
    scorer, clip = Interruption(), sample(*ANNOTATED)

    def stop_latency_s(n: int) -> float:
        take = hear(scorer, clip, [Span(6.0, 7.0 + n / 16)], BARGING_IN)
        value = by_metric(scorer, clip, take)["stop_latency_s"].value
        return float("inf") if value is None else value

    assert stop_latency_s(stop + later) >= stop_latency_s(stop)


@quickly
@given(model=speech, more=stretches)
def test_more_speech_in_the_window_never_undoes_a_takeover(model: list[Span], more: Span) -> None:
    scorer, clip, user = Pause(), sample(*ANNOTATED), [Span(1.0, 4.0), Span(5.5, 9.0)]
    before = by_metric(scorer, clip, hear(scorer, clip, model, user, ()))["takeover_rate"].value
    after = by_metric(scorer, clip, hear(scorer, clip, [*model, more], user, ()))["takeover_rate"].value
    assert before is not None and after is not None
    assert after >= before


@quickly
@given(model=speech, words=timed_words, filler=stretches)
def test_a_backchannel_costs_nothing_and_earns_nothing(model: list[Span], words: list[Word], filler: Span) -> None:
    scorer, clip = Turn(), sample(*ANNOTATED)
    short = Span(filler.start_s, filler.start_s + 0.5)
    if any(span.start_s - 1.0 <= short.end_s and short.start_s <= span.end_s + 1.0 for span in model):
        return  # it would be part of another utterance
    said = [word for word in words if word.span is None or not short.contains(word.span.middle_s)]
    without = by_metric(scorer, clip, hear(scorer, clip, model, (), said, PROMPT_S, 40.0))
    with_it = by_metric(scorer, clip, hear(scorer, clip, [*model, short], (), said, PROMPT_S, 40.0))
    for name in (
        "lost_per_turn_s",
        "lost_worded_s",
        "takeover_rate",
        "response_latency_s",
        "break_in_rate",
        "no_response_rate",
    ):
        assert (with_it[name].value, with_it[name].reason) == (without[name].value, without[name].reason)
