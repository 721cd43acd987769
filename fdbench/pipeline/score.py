"""Stages 2 and 3: annotate what the scorers ask for, score, summarise. The same for a run and for a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fdbench import __version__
from fdbench.annotate.pool import annotate_many
from fdbench.annotate.stage import Answers, Engines
from fdbench.core.annotation import Annotations, Request
from fdbench.core.score import MetricSummary, Score
from fdbench.core.signature import signature
from fdbench.errors import DataError
from fdbench.pipeline.entries import Entry, TaskFacts
from fdbench.pipeline.progress import Progress
from fdbench.scoring.aggregate import VERSION as AGGREGATION_VERSION
from fdbench.scoring.aggregate import summarise
from fdbench.scoring.base import Scorer
from fdbench.scoring.registry import REASONS, none_score, scorer_for


@dataclass(frozen=True, slots=True)
class ScoredSample:
    """All metrics of one take under one protocol."""

    task: str
    id: str
    repeat: int
    scores: tuple[Score, ...]
    messages: tuple[str, ...] = ()

    @property
    def has_error(self) -> bool:
        return any(score.status == "error" for score in self.scores)

    def as_json(self) -> dict[str, Any]:
        line: dict[str, Any] = {"id": self.id, "task": self.task}
        if self.repeat:
            line["repeat"] = self.repeat
        line["scores"] = {score.metric: score.as_json() for score in self.scores}
        if self.messages:
            line["messages"] = list(self.messages)
        return line


@dataclass(frozen=True, slots=True)
class Scoring:
    """One protocol's scores of everything that was handed in.

    Attributes:
        samples: In order of task, id and repeat.
        summaries: By task, then metric.
    """

    protocol: str
    samples: tuple[ScoredSample, ...]
    summaries: Mapping[str, Mapping[str, MetricSummary]] = field(default_factory=dict)

    @property
    def n_errors(self) -> int:
        return sum(sample.has_error for sample in self.samples)


def requests_of(entry: Entry, scorers: Sequence[Scorer]) -> tuple[Request, ...]:
    """What the scorers of one sample need, each thing once."""
    wanted = (request for scorer in scorers for request in scorer.needs(entry.sample, entry.prompt_s))
    return tuple(dict.fromkeys(wanted))


def answer_entries(
    entries: Sequence[Entry],
    protocols: Sequence[str],
    engines: Engines,
    cache_root: Path | None,
    workers: int,
    progress: Progress,
) -> Iterator[tuple[Entry, Answers | None]]:
    """Annotate the entries; those with a fault come back at once with None."""
    hearable = {entry.key: entry for entry in entries if entry.fault is None and entry.audio is not None}
    done = 0
    for entry in entries:
        if entry.key not in hearable:
            done += 1
            yield entry, None
    jobs = (
        (key, entry.audio, requests_of(entry, [scorer_for(entry.behaviour, protocol) for protocol in protocols]))
        for key, entry in hearable.items()
        if entry.audio is not None
    )
    errors = 0
    progress("annotation", done, len(entries), errors)
    for key, answers in annotate_many(jobs, engines, cache_root, workers):
        done += 1
        errors += bool(answers.messages)
        progress("annotation", done, len(entries), errors)
        yield hearable[key], answers


def score_entries(
    entries: Sequence[Entry],
    tasks: Mapping[str, TaskFacts],
    protocols: Sequence[str],
    engines: Engines,
    *,
    judge: str = "none",
    cache_root: Path | None = None,
    workers: int = 1,
    progress: Progress,
) -> tuple[Scoring, ...]:
    """Annotate and score every entry under every protocol; only scores are kept, so memory does not grow with audio."""
    by_protocol: dict[str, list[ScoredSample]] = {protocol: [] for protocol in protocols}
    for entry, answers in answer_entries(entries, protocols, engines, cache_root, workers, progress):
        for protocol in protocols:
            by_protocol[protocol].append(_score(entry, answers, scorer_for(entry.behaviour, protocol), judge))
    return tuple(
        _summarised(protocol, by_protocol[protocol], tasks, {**engines.signature_facts(), "judge": judge})
        for protocol in protocols
    )


def _score(entry: Entry, answers: Answers | None, scorer: Scorer, judge: str) -> ScoredSample:
    task, sample_id, repeat = entry.key
    if answers is None:
        fault = entry.fault
        reason, message = (fault.reason, fault.message) if fault else ("call_failed", "no call was made")
        scores = [none_score(metric, reason) for metric in scorer.metrics]
        return ScoredSample(task, sample_id, repeat, tuple(scores), (message,))
    annotations = Annotations(
        prompt_s=entry.prompt_s,
        recorded_s=entry.recorded_s,
        right_censored=entry.right_censored,
        speech=answers.speech,
        words=answers.words,
        missing=answers.missing,
    )
    messages = answers.messages
    verdict, judged_badly = None, False
    if judge == "given" and entry.verdict is not None:
        try:
            verdict = entry.verdict()
        except DataError as error:
            judged_badly, messages = True, (*messages, error.what)
    scores = scorer.score(entry.sample, {"main": annotations}, verdict)
    scores = [_judge_aware(score, judge, judged_badly) for score in scores]
    if not messages:  # every error is told, also one that only the scorer could see
        messages = tuple(dict.fromkeys(REASONS[score.reason].sentence for score in scores if score.status == "error"))
    return ScoredSample(task, sample_id, repeat, tuple(scores), messages)


def _judge_aware(score: Score, judge: str, judged_badly: bool) -> Score:
    """Tell apart "nobody was asked" from "a rating was promised and is not there"."""
    if score.reason != "no_judge" or judge == "none":
        return score
    return none_score(score.metric, "rating_unreadable" if judged_badly else "rating_missing")


def _summarised(
    protocol: str, samples: list[ScoredSample], tasks: Mapping[str, TaskFacts], engines: Mapping[str, str]
) -> Scoring:
    samples = sorted(samples, key=lambda sample: (sample.task, sample.id, sample.repeat))
    summaries: dict[str, dict[str, MetricSummary]] = {}
    for name, facts in sorted(tasks.items()):
        of_task = [sample for sample in samples if sample.task == name]
        scorer = scorer_for(facts.behaviour, protocol)
        ids = [sample.id for sample in of_task]
        signed = {
            "task": name,
            "tv": facts.version,
            "protocol": protocol,
            "scorer": scorer.version,
            "agg": AGGREGATION_VERSION,
            "n": len(set(ids)),
            **engines,
            **facts.origin,
            "fdbench": __version__,
        }
        summaries[name] = {
            metric: summarise(
                metric,
                [score for sample in of_task for score in sample.scores if score.metric == metric],
                protocol=protocol,
                behaviour=facts.behaviour,
                signature=signature(metric, signed),
                groups=ids,
            )
            for metric in scorer.metrics
        }
    return Scoring(protocol, tuple(samples), summaries)
