"""Overlap handling as the published v1.5 scripts time it: every overlap of the file, and every reply.

::

    user       |------|   |-----|...........|----|        gaps up to 0.6 s closed
    model         |----------------|...........|-----|    gaps up to 0.5 s closed
    stop list     |---|   |--------|           |-|        each intersection of the two
    response list                |-------------|          from a user's end to the next onset of the model after it

Conventions: segments of both sides from Silero with the library's settings at 16 kHz, at sample resolution, of the file cropped
to the prompt. Both lists hold ``[start, end]`` rounded to 3 decimals, in order of time. Of intersections that end at the same
millisecond the shortest is kept; of user's ends before the same onset the latest. ``details`` of the scores have the lists:
``latency_stop_list``, ``latency_resp_list``.

==================  ===========================================================
stop latency        mean length of the first list; N/A ``nothing_listed``
response latency    mean length of the second; N/A ``nothing_listed``
behaviour           the judge's label of the clip; N/A ``no_judge``
adaptation          ``overlap_voice``, where that is ``C_RESPOND``
==================  ===========================================================

Differences from upstream: the lists are the published ones. No aggregator of them is published, so the means are ours. The
overlap's own place in the file is never read, neither here nor there: ``fdbench`` measures at the overlap.

References: Full-Duplex-Bench v1.5 at d7336bd.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import BehaviourQuestion, SpeechRequest, VadSettings, Verdict
from fdbench.core.conversation import Sample
from fdbench.core.metric import VOICE_METRICS
from fdbench.core.score import Score, none_score
from fdbench.core.span import Span
from fdbench.core.take_id import MAIN, TWIN
from fdbench.scoring.base import Needs, Prompts, Takes, failed, main_take, scored, speech_for
from fdbench.scoring.overlap_label import JUDGED, ask_about, judged_scores, user_transcripts_needed
from fdbench.scoring.overlap_voice import voice_scores, with_voice
from fdbench.scoring.requests import cropped, published_words

USER_GAP_S: Final = 0.6
MODEL_GAP_S: Final = 0.5
VAD: Final = VadSettings(pad_ms=30)

TIMES: Final = ("stop_latency_s", "response_latency_s")


class PublishedOverlap:
    """Overlap handling as the published scripts score it."""

    version = 1
    metrics: tuple[str, ...] = (*TIMES, *JUDGED, *VOICE_METRICS)

    def needs(self, sample: Sample, prompts: Prompts) -> Needs:
        return with_voice({MAIN: _speech_requests(prompts.get(MAIN))}, sample)

    def needs_to_ask(self, sample: Sample, prompts: Prompts) -> Needs:
        words = {stimulus: published_words(prompt_s) for stimulus, prompt_s in prompts.items()}
        return {stimulus: (each, *user_transcripts_needed(sample, each)) for stimulus, each in words.items()}

    def question(self, sample: Sample, takes: Takes) -> BehaviourQuestion | Absence:
        prompts = {name: take.prompt_s for name, take in takes.items() if not isinstance(take, Absence)}
        return ask_about(sample, takes, {name: published_words(prompts.get(name)) for name in (MAIN, TWIN)})

    def score(self, sample: Sample, takes: Takes, verdict: Verdict | Absence) -> list[Score]:
        take = main_take(takes)
        if isinstance(take, Absence):
            return failed(self.metrics, take)
        model, user = (speech_for(take, request) for request in _speech_requests(take.prompt_s))
        label = verdict if isinstance(verdict, Absence) else verdict.label or Absence("label_missing")
        judged = [*judged_scores(verdict), *voice_scores(sample, takes, label)]
        why = next((each for each in (model, user) if isinstance(each, Absence)), None)
        if isinstance(model, Absence) or isinstance(user, Absence):
            return [*failed(TIMES, why or Absence("segments_missing")), *judged]
        users, models = merged_segments(user.segments, USER_GAP_S), merged_segments(model.segments, MODEL_GAP_S)
        stops, responses = latency_stop_list(users, models), latency_resp_list(users, models)
        return [
            _mean_length(TIMES[0], "latency_stop_list", stops),
            _mean_length(TIMES[1], "latency_resp_list", responses),
            *judged,
        ]


def _speech_requests(prompt_s: float | None) -> tuple[SpeechRequest, SpeechRequest]:
    """The model's, the user's."""
    span = cropped(prompt_s)
    return SpeechRequest("model", span, VAD), SpeechRequest("user", span, VAD)


def merged_segments(segments: Sequence[Span], gap_s: float) -> list[Span]:
    """Segments in order of time, with gaps up to ``gap_s`` closed; a gap of just that is."""
    found: list[Span] = []
    for segment in sorted(segments):
        if found and segment.start_s - found[-1].end_s <= gap_s:
            found[-1] = Span(found[-1].start_s, max(found[-1].end_s, segment.end_s))
        else:
            found.append(segment)
    return found


def latency_stop_list(users: Sequence[Span], models: Sequence[Span]) -> list[list[float]]:
    """Every stretch in which both speak, as ``[start, end]`` in s rounded to 3 decimals; one per end, the shortest."""
    by_end: dict[float, list[float]] = {}
    for user in users:
        for model in models:
            start_s, end_s = max(user.start_s, model.start_s), min(user.end_s, model.end_s)
            if start_s < end_s:
                pair = [round(start_s, 3), round(end_s, 3)]
                kept = by_end.get(pair[1])
                if kept is None or pair[0] > kept[0]:
                    by_end[pair[1]] = pair
    return sorted(by_end.values())


def latency_resp_list(users: Sequence[Span], models: Sequence[Span]) -> list[list[float]]:
    """From each end of the user's speech to the next onset of the model's strictly after it; one per onset, the latest end."""
    by_onset: dict[float, list[float]] = {}
    for user in users:
        onset_s = min((model.start_s for model in models if model.start_s > user.end_s), default=None)
        if onset_s is not None:
            pair = [round(user.end_s, 3), round(onset_s, 3)]
            kept = by_onset.get(pair[1])
            if kept is None or pair[0] > kept[0]:
                by_onset[pair[1]] = pair
    return sorted(by_onset.values())


def _mean_length(metric: str, name: str, spans: Sequence[Sequence[float]]) -> Score:
    if not spans:
        return replace(none_score(metric, "nothing_listed"), details={name: []})
    mean_s = math.fsum(end_s - start_s for start_s, end_s in spans) / len(spans)
    return replace(scored(metric, mean_s), details={name: [list(span) for span in spans]})
