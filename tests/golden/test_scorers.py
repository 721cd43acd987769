"""The numbers that the published scripts gave for made-up clips, 120 of each behaviour, and their means.

``data/*.json`` were computed by the published scripts (commit d7336bd), never by this package.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest

from fdbench.core.annotation import (
    PUBLISHED_VAD,
    PUBLISHED_VAD_BEFORE_FIX,
    Annotations,
    DetectedSpeech,
    SpeechRequest,
    Verdict,
    WordsRequest,
)
from fdbench.core.conversation import Sample
from fdbench.core.event import INTERRUPTION, PAUSE, TURN_END, Event
from fdbench.core.metric import PUBLISHED
from fdbench.core.score import Score
from fdbench.core.span import Span
from fdbench.core.speech import Transcript, Word
from fdbench.scoring.aggregate import summarise
from fdbench.scoring.base import NO_JUDGE
from fdbench.scoring.registry import scorer_for

DATA = Path(__file__).parent / "data"
PROMPT_S = 30.0
EXACT = 1e-9
FOUR_DECIMALS = 5e-5


@functools.cache
def goldens(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def transcript(written: dict[str, Any]) -> Transcript:
    return Transcript(tuple(Word(chunk["text"], *chunk["timestamp"]) for chunk in written["chunks"]), "given")


def sample(id: str, *events: Event, human_timing: tuple[float, ...] = ()) -> Sample:
    return Sample(id, "v1/golden", {}, events, human_timing=human_timing)


def score(behaviour: str, protocol: str, clip: Sample, words: Transcript, verdict: Verdict | None = None) -> dict[str, Score]:
    scorer = scorer_for(behaviour, protocol)
    requests = scorer.needs(clip, {"main": PROMPT_S})["main"]
    answers = {request: words for request in requests if isinstance(request, WordsRequest)}
    scores = scorer.score(clip, {"main": Annotations(PROMPT_S, PROMPT_S, words=answers)}, verdict)
    assert tuple(s.metric for s in scores) == scorer.metrics
    return {s.metric: s for s in scores}


def same(score: Score, expected: float | None, tolerance: float = EXACT) -> bool:
    if expected is None or score.value is None:
        return expected is None and score.value is None
    return abs(score.value - expected) <= tolerance


def score_pause(item: dict[str, Any], protocol: str) -> dict[str, Score]:
    pauses = [Event(PAUSE, Span(*pause["timestamp"])) for pause in item["files"]["pause.json"]]
    return score("pause_handling", protocol, sample(item["id"], *pauses), transcript(item["files"]["output.json"]))


def score_turn(item: dict[str, Any], protocol: str) -> dict[str, Score]:
    end = Event(TURN_END, Span(*item["files"]["turn_taking.json"][0]["timestamp"]))
    return score("turn_taking", protocol, sample(item["id"], end), transcript(item["files"]["output.json"]))


def score_interruption(item: dict[str, Any], protocol: str) -> dict[str, Score]:
    interruption = Event(INTERRUPTION, Span(*item["files"]["interrupt.json"][0]["timestamp"]))
    words = transcript(item["files"]["output.json"])
    verdict = Verdict(item["judge_rating"])
    return score("user_interruption", protocol, sample(item["id"], interruption), words, verdict)


def score_backchannel(item: dict[str, Any], protocol: str) -> dict[str, Score]:
    segments = tuple(Span(segment["start"], segment["end"]) for segment in item["speech"])
    vad = {"fdb-2026-05": PUBLISHED_VAD, "fdb-2026-02": PUBLISHED_VAD_BEFORE_FIX}[protocol]
    clip = sample(item["id"], human_timing=tuple(item["human_distribution"]))
    window = Span(0.0, PROMPT_S)
    take = Annotations(
        PROMPT_S,
        PROMPT_S,
        speech={SpeechRequest("model", window, vad): DetectedSpeech(segments, item["duration_s"])},
        words={WordsRequest("model", window): transcript(item["transcript"])},
    )
    scorer = scorer_for("backchannel", protocol)
    assert set(scorer.needs(clip, {"main": PROMPT_S})["main"]) == {*take.speech, *take.words}
    return {s.metric: s for s in scorer.score(clip, {"main": take}, NO_JUDGE)}


@pytest.mark.parametrize("protocol", PUBLISHED)
def test_pause_handling_is_the_published_number(protocol: str) -> None:
    wrong = [
        item["id"]
        for item in goldens("pause_handling")
        if not same(score_pause(item, protocol)["takeover_rate"], item["expected"]["takeover"])
    ]
    assert not wrong
    assert len(goldens("pause_handling")) == 120


@pytest.mark.parametrize("protocol", PUBLISHED)
def test_turn_taking_is_the_published_number(protocol: str) -> None:
    for item in goldens("smooth_turn_taking"):
        scores, expected = score_turn(item, protocol), item["expected"]
        assert same(scores["takeover_rate"], expected["takeover"]), item["id"]
        assert same(scores["response_latency_s"], expected["latency_s"]), item["id"]
    assert len(goldens("smooth_turn_taking")) == 120


@pytest.mark.parametrize("protocol", PUBLISHED)
def test_user_interruption_is_the_published_number(protocol: str) -> None:
    for item in goldens("user_interruption"):
        scores, expected = score_interruption(item, protocol), item["expected"]
        assert same(scores["takeover_rate"], expected["takeover"]), item["id"]
        assert same(scores["response_latency_s"], expected["latency_s"]), item["id"]
        assert same(scores["relevance"], expected["rating"]), item["id"]
    assert len(goldens("user_interruption")) == 120


@pytest.mark.parametrize("protocol", PUBLISHED)
def test_backchannels_from_segments_are_the_published_numbers(protocol: str) -> None:
    for item in goldens("backchannel_segments"):
        scores, expected = score_backchannel(item, protocol), item["expected"]
        assert same(scores["takeover_rate"], expected["takeover"]), item["id"]
        assert same(scores["backchannel_frequency_hz"], expected["frequency_hz"], FOUR_DECIMALS), item["id"]
        assert same(scores["backchannel_js_distance"], expected["js_distance"]), item["id"]
    assert len(goldens("backchannel_segments")) == 120


SCORED = {
    "pause_handling": (score_pause, "pause_handling"),
    "smooth_turn_taking": (score_turn, "turn_taking"),
    "user_interruption": (score_interruption, "user_interruption"),
}


@pytest.mark.parametrize("protocol", PUBLISHED)
@pytest.mark.parametrize("name", SCORED)
def test_means_over_a_set_are_the_published_ones(name: str, protocol: str) -> None:
    score_item, behaviour = SCORED[name]
    scores = [score_item(item, protocol) for item in goldens(name)]
    for metric, expected in goldens("aggregate")[name].items():
        summary = summarise(metric, [s[metric] for s in scores], protocol, "signature", behaviour=behaviour)
        assert summary.value == pytest.approx(expected, abs=EXACT)


def test_the_goldens_hold_the_odd_cases_that_they_are_there_for() -> None:
    open_ends = [
        item
        for item in goldens("pause_handling")
        if item["files"]["output.json"]["chunks"][-1:] and item["files"]["output.json"]["chunks"][-1]["timestamp"][1] is None
    ]
    clipped = [item for item in goldens("smooth_turn_taking") if (item["expected"]["raw_latency_s"] or 0) < 0]
    silent = [item for item in goldens("backchannel_segments") if item["expected"]["js_distance"] == 1.0]
    assert len(open_ends) == 20
    assert len(clipped) == 34
    assert len(silent) == 58
