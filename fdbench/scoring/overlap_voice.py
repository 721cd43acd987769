"""Adaptation as scores: how the model speaks after an overlap, against before it and against its clean twin.

========================  =====================================================================
``..._change``            after the overlap minus before it
``..._from_clean``        after the overlap minus the whole of the clean twin's
========================  =====================================================================

The measures are those of ``core.annotation.VoiceMeasures``. Only clips in which the model responded to the overlap are compared
(``not_responded``), by the label of the protocol: the judge's under ``fdb-*``, the rule's under ``fdbench``. Over a task: a
paired t-test with outliers by the MAD rule dropped (``stats.paired``), and the trimmed means of both sides beside it.

Differences from upstream: none known in the tests; what the clean side is, the whole reply or its part after the same time, is
not published: it is the whole here. The recording is not cropped to the prompt.

References: Full-Duplex-Bench v1.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fdbench.core.absence import Absence
from fdbench.core.annotation import RESPOND, ProsodyRequest, Request
from fdbench.core.conversation import Sample
from fdbench.core.event import OVERLAP
from fdbench.core.metric import VOICE_METRICS
from fdbench.core.score import Score
from fdbench.core.take_id import MAIN, TWIN
from fdbench.scoring.adaptation import voice_value
from fdbench.scoring.base import Needs, Takes, failed, main_take, scored

CLEAN_VOICE = ProsodyRequest("model", None)


def with_voice(needs: Needs, sample: Sample) -> Needs:
    """The needs of a scorer with what has to be measured for these metrics."""
    if not sample.of_kind(OVERLAP):
        return needs
    more: Mapping[str, tuple[Request, ...]] = {MAIN: (_request(sample),), TWIN: (CLEAN_VOICE,)}
    return {stimulus: (*requests, *more.get(stimulus, ())) for stimulus, requests in needs.items()}


def voice_scores(sample: Sample, takes: Takes, label: str | Absence) -> list[Score]:
    """One score for each of ``VOICE_METRICS``.

    Args:
        label: What the model did; or why nobody knows.
    """
    if isinstance(label, Absence):
        return failed(VOICE_METRICS, label)
    if label != RESPOND:
        return failed(VOICE_METRICS, Absence("not_responded"))
    return [_score(metric, sample, takes) for metric in VOICE_METRICS]


def _score(metric: str, sample: Sample, takes: Takes) -> Score:
    main = main_take(takes)
    if isinstance(main, Absence):
        return failed((metric,), main)[0]
    request = _request(sample)
    measure, against = VOICE_METRICS[metric]
    after = voice_value(main, request, "after", measure)
    if against == "before":
        first = voice_value(main, request, "before", measure)
    else:
        twin = takes.get(TWIN, Absence("twin_missing"))
        first = Absence("twin_missing") if isinstance(twin, Absence) else voice_value(twin, CLEAN_VOICE, "after", measure)
    for value in (first, after):
        if isinstance(value, Absence):
            return failed((metric,), value)[0]
    assert not isinstance(first, Absence) and not isinstance(after, Absence)
    return replace(scored(metric, after - first), components={"first": first, "after": after})


def _request(sample: Sample) -> ProsodyRequest:
    return ProsodyRequest("model", sample.of_kind(OVERLAP)[0].span.end_s)
