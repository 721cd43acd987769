"""Stages 2 and 3: annotate what the scorers ask for, score, summarise. The same for a run and for a folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fdbench import __version__
from fdbench.annotate.pool import annotate_many
from fdbench.annotate.stage import Answers, Engines
from fdbench.core.absence import Absence
from fdbench.core.annotation import Annotations, Request, Verdict
from fdbench.core.score import MetricSummary, Score
from fdbench.core.signature import signature
from fdbench.pipeline.entries import Entry, Fault, TaskFacts
from fdbench.pipeline.judging import Case, CaseKey, Judging, Opinion
from fdbench.pipeline.progress import Progress
from fdbench.scoring.aggregate import VERSION as AGGREGATION_VERSION
from fdbench.scoring.aggregate import summarise
from fdbench.scoring.base import AskingScorer, Scorer
from fdbench.scoring.registry import REASONS, none_score, scorers_for


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
        judges: How many verdicts came from whom, by the name that the judge gave itself.
        notes: What is worth telling although nothing went wrong.
    """

    protocol: str
    samples: tuple[ScoredSample, ...]
    summaries: Mapping[str, Mapping[str, MetricSummary]] = field(default_factory=dict)
    judges: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def n_errors(self) -> int:
        return sum(sample.has_error for sample in self.samples)


def requests_of(entry: Entry, protocols: Iterable[str]) -> tuple[Request, ...]:
    """What the scorers of one sample need under some protocols, each thing once."""
    tells = {event.kind for event in entry.told}
    scorers = (each for protocol in protocols for each in scorers_for(entry.behaviour, protocol, tells=tells))
    return tuple(dict.fromkeys(request for scorer in scorers for request in scorer.needs(entry.sample, entry.prompt_s)))


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
    jobs = ((key, entry.audio, requests_of(entry, protocols)) for key, entry in hearable.items() if entry.audio is not None)
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
    judging: Judging,
    cache_root: Path | None = None,
    workers: int = 1,
    progress: Progress,
) -> tuple[Scoring, ...]:
    """Annotate, have rated and score every entry under every protocol."""
    answered = answer_entries(entries, protocols, engines, cache_root, workers, progress)
    return score_answered(answered, tasks, protocols, engines.signature_facts(), judging, progress)


def score_answered(
    answered: Iterable[tuple[Entry, Answers | None]],
    tasks: Mapping[str, TaskFacts],
    protocols: Sequence[str],
    engines: Mapping[str, str],
    judging: Judging,
    progress: Progress,
) -> tuple[Scoring, ...]:
    """Have rated and score every entry under every protocol; only scores are kept, and what waits for a judge.

    Args:
        answered: Each entry with what was heard of it; drawn one at a time, so that memory does not grow with audio.
        engines: Signatures of those who heard it.
    """
    samples: dict[str, list[ScoredSample]] = {protocol: [] for protocol in protocols}
    waiting: dict[CaseKey, tuple[_Heard, AskingScorer]] = {}
    for entry, answers in answered:
        heard = _Heard.of(entry, answers)
        for protocol in protocols:
            scorers = _scorers(tasks[entry.sample.task], protocol)
            if isinstance(scorers[0], AskingScorer) and heard.annotations is not None:
                waiting[entry.key, protocol] = heard, scorers[0]
            else:
                samples[protocol].append(heard.scored(scorers, None))
    judged = judging.opinions({key: heard.case(scorer) for key, (heard, scorer) in waiting.items()}, progress)
    for (key, protocol), (heard, _) in waiting.items():
        scorers = _scorers(tasks[heard.entry.sample.task], protocol)
        samples[protocol].append(heard.scored(scorers, judged.of[key, protocol]))
    facts = {**engines, "judge": judging.signature}
    return tuple(
        replace(
            _summarised(protocol, samples[protocol], tasks, facts),
            judges=_count_judges(opinion for (_, asked), opinion in judged.of.items() if asked == protocol),
            notes=judged.notes,
        )
        for protocol in protocols
    )


def _scorers(facts: TaskFacts, protocol: str) -> tuple[Scorer, ...]:
    return scorers_for(facts.behaviour, protocol, tells=facts.tells)


@dataclass(frozen=True, slots=True)
class _Heard:
    """An entry and what was heard of it; without annotations, why nothing was."""

    entry: Entry
    annotations: Annotations | None
    fault: Fault
    messages: tuple[str, ...]

    @classmethod
    def of(cls, entry: Entry, answers: Answers | None) -> _Heard:
        if answers is None:
            fault = entry.fault or Fault("call_failed", "no call was made")
            return cls(entry, None, fault, (fault.message,))
        annotations = Annotations(
            prompt_s=entry.prompt_s,
            recorded_s=entry.recorded_s,
            right_censored=entry.right_censored,
            speech=answers.speech,
            words=answers.words,
            missing=answers.missing,
            told=entry.told,
        )
        return cls(entry, annotations, Fault("", ""), answers.messages)

    @property
    def _takes(self) -> dict[str, Annotations]:
        return {"main": self.annotations} if self.annotations is not None else {}

    def case(self, scorer: AskingScorer) -> Case:
        return Case(scorer.question(self.entry.sample, self._takes), self.entry.verdict)

    def scored(self, scorers: Sequence[Scorer], opinion: Opinion | None) -> ScoredSample:
        messages = self.messages
        if self.annotations is None:
            scores = [none_score(metric, self.fault.reason) for scorer in scorers for metric in scorer.metrics]
        else:
            messages = (*messages, opinion.message) if isinstance(opinion, Absence) and opinion.message else messages
            verdict = None if isinstance(opinion, Absence) else opinion
            given = (score for scorer in scorers for score in scorer.score(self.entry.sample, self._takes, verdict))
            scores = [_judge_aware(score, opinion) for score in given]
        if not messages:  # every error is told, also one that only the scorer could see
            messages = tuple(dict.fromkeys(REASONS[score.reason].sentence for score in scores if score.status == "error"))
        return ScoredSample(*self.entry.key, tuple(scores), messages)


def _judge_aware(score: Score, opinion: Opinion | None) -> Score:
    """Tell apart "nobody was asked" from "a rating was promised and is not there"."""
    if score.reason == "no_judge" and isinstance(opinion, Absence):
        return none_score(score.metric, opinion.reason)
    return score


def _count_judges(opinions: Iterable[Opinion | None]) -> dict[str, int]:
    return dict(sorted(Counter(opinion.judge for opinion in opinions if isinstance(opinion, Verdict)).items()))


def _summarised(
    protocol: str, samples: list[ScoredSample], tasks: Mapping[str, TaskFacts], engines: Mapping[str, str]
) -> Scoring:
    samples = sorted(samples, key=lambda sample: (sample.task, sample.id, sample.repeat))
    summaries: dict[str, dict[str, MetricSummary]] = {}
    for name, facts in sorted(tasks.items()):
        of_task = [sample for sample in samples if sample.task == name]
        ids = [sample.id for sample in of_task]
        task = {"task": name, "tv": facts.version, "protocol": protocol}
        made_by = {"agg": AGGREGATION_VERSION, "n": len(set(ids)), **engines, **facts.origin, "fdbench": __version__}
        summaries[name] = {
            metric: summarise(
                metric,
                [score for sample in of_task for score in sample.scores if score.metric == metric],
                protocol=protocol,
                behaviour=facts.behaviour,
                signature=signature(metric, {**task, "scorer": scorer.version, **made_by}),
                groups=ids,
            )
            for scorer in _scorers(facts, protocol)
            for metric in scorer.metrics
        }
    return Scoring(protocol, tuple(samples), summaries)
