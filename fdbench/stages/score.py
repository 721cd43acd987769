"""Stages 2 and 3: hear what the scorers ask for, score, summarise. The same for a run and for a folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

from fdbench import __version__
from fdbench.core.absence import REASONS, Absence
from fdbench.core.annotation import (
    Annotations,
    BehaviourQuestion,
    DialogueQuestion,
    Question,
    RelevanceQuestion,
    Request,
    Verdict,
)
from fdbench.core.behaviour import ALONE, DIALOGUE, PAIRED, TURN_TAKING
from fdbench.core.conversation import Sample
from fdbench.core.metric import CORRECTED, HUMAN_DISTANCE, METRICS
from fdbench.core.score import MetricSummary, Score, none_score
from fdbench.core.signature import signature
from fdbench.core.take_id import MAIN, TakeId
from fdbench.hear.pool import annotate_many
from fdbench.hear.prosody import prosody_signature
from fdbench.hear.stage import Engines
from fdbench.human.reference import HumanReference
from fdbench.scoring.aggregate import aggregation_version, summarise
from fdbench.scoring.base import NO_JUDGE, AskingScorer, Scorer, Takes
from fdbench.scoring.registry import has_scorer, scorers_for
from fdbench.stages.believed import BelievedSample, believed_sample
from fdbench.stages.cases import Case, TaskFacts
from fdbench.stages.conversation import conversation_of
from fdbench.stages.human_distance import LATENCY, summarise_distance
from fdbench.stages.judging import Judging, Opinion, ReplyId, UnratedReply
from fdbench.stages.progress import Progress
from fdbench.store.conversation import FamilyConversation

_PROMPTED: Final[Mapping[str, tuple[str, type[Question]]]] = {
    **dict.fromkeys(PAIRED, ("labels", BehaviourQuestion)),
    DIALOGUE: ("dialogues", DialogueQuestion),
}
"""What a judge is asked about in the place of relevance, by behaviour, and what signatures call the prompt of that."""

HeardTakes: TypeAlias = Mapping[str, Annotations]
"""By stimulus, what was heard of each take that was recorded; empty where the main one was not."""


@dataclass(frozen=True, slots=True)
class ScoredSample:
    """All metrics of one sample, one time, under one protocol."""

    id: TakeId
    scores: tuple[Score, ...]
    messages: tuple[str, ...] = ()

    @property
    def has_error(self) -> bool:
        return any(score.status == "error" for score in self.scores)

    def as_json(self) -> dict[str, Any]:
        line: dict[str, Any] = {"id": self.id.sample, "task": self.id.task}
        if self.id.repeat:
            line["repeat"] = self.id.repeat
        line["scores"] = {score.metric: score.as_json() for score in self.scores}
        details = {name: value for score in self.scores for name, value in score.details.items()}
        if details:
            line["details"] = details
        if self.messages:
            line["messages"] = list(self.messages)
        return line


@dataclass(frozen=True, slots=True)
class Scoring:
    """One protocol's scores of everything that was handed in.

    Attributes:
        samples: In order of task, id and repeat.
        summaries: By task, then metric.
        conversation: By family, how turns pass over all of its tasks, beside people.
        judges: How many verdicts came from whom, by the name that the judge gave itself.
        notes: What a user should know although nothing went wrong.
    """

    protocol: str
    samples: tuple[ScoredSample, ...]
    summaries: Mapping[str, Mapping[str, MetricSummary]] = field(default_factory=dict)
    conversation: Mapping[str, FamilyConversation] = field(default_factory=dict)
    judges: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def n_errors(self) -> int:
        return sum(sample.has_error for sample in self.samples)


def requests_of(case: Case, protocols: Iterable[str], *, asks: bool) -> dict[str, tuple[Request, ...]]:
    """By stimulus, what the scorers of one sample need under some protocols, each thing once; nothing of what was not recorded.

    Args:
        asks: Somebody is asked, and what the questions need is needed, too.
    """
    if not case.recorded:
        return {}
    kinds = {event.kind for event in case.model_events}
    prompts = {stimulus: take.known_prompt_s for stimulus, take in case.recorded.items()}
    wanted: dict[str, dict[Request, None]] = {stimulus: {} for stimulus in prompts}
    if MAIN not in prompts:  # without the main take there is nothing to score
        return dict.fromkeys(prompts, ())
    for protocol in (each for each in protocols if has_scorer(case.behaviour, each)):
        for scorer in scorers_for(case.behaviour, protocol, event_kinds=kinds):
            to_ask = scorer.needs_to_ask(case.sample, prompts) if asks and isinstance(scorer, AskingScorer) else {}
            for needs in (scorer.needs(case.sample, prompts), to_ask):
                for stimulus in wanted.keys() & needs.keys():
                    wanted[stimulus] |= dict.fromkeys(needs[stimulus])
    return {stimulus: tuple(requests) for stimulus, requests in wanted.items()}


def hear_cases(
    cases: Sequence[Case],
    protocols: Sequence[str],
    engines: Engines,
    cache_root: Path | None,
    workers: int,
    progress: Progress,
    *,
    asks: bool,
) -> Iterator[tuple[Case, HeardTakes]]:
    """Hear the cases; those without a recording come back at once with nothing."""
    hearable = {case.id: case for case in cases if case.recorded}
    n_takes = sum(len(case.takes) for case in cases)
    done, errors = n_takes - sum(len(case.recorded) for case in hearable.values()), 0
    yield from ((case, {}) for case in cases if case.id not in hearable)
    jobs = (
        ((id, stimulus), case.recorded[stimulus].audio, requests)
        for id, case in hearable.items()
        for stimulus, requests in requests_of(case, protocols, asks=asks).items()
    )
    heard: dict[TakeId, dict[str, Annotations]] = {}
    progress("annotation", done, n_takes, errors)
    for (id, stimulus), answers in annotate_many(jobs, engines, cache_root, workers):
        errors += bool(answers.messages)
        takes = heard.setdefault(id, {})
        takes[stimulus] = answers
        done += 1
        progress("annotation", done, n_takes, errors)
        if len(takes) == len(hearable[id].recorded):
            yield hearable[id], heard.pop(id)


def score_heard(
    heard: Iterable[tuple[Case, HeardTakes]],
    tasks: Mapping[str, TaskFacts],
    protocols: Sequence[str],
    engines: Mapping[str, str],
    judging: Judging,
    human: HumanReference,
    progress: Progress,
) -> tuple[Scoring, ...]:
    """Have rated and score every case under every protocol; only scores are kept, and what waits for a judge.

    Args:
        heard: Each case with what was heard of it; drawn one at a time, so that memory does not grow with audio.
        engines: Signatures of those who heard it.
        human: People, beside whom the model's timing is set.
    """
    samples: dict[str, list[ScoredSample]] = {protocol: [] for protocol in protocols}
    waiting: dict[ReplyId, tuple[_HeardCase, AskingScorer]] = {}
    for case, takes in heard:
        each = _HeardCase.of(case, takes)
        for protocol in (each for each in protocols if has_scorer(case.behaviour, each)):
            scorers = _scorers(tasks[case.sample.task], protocol)
            if isinstance(scorers[0], AskingScorer) and each.takes:
                waiting[case.id, protocol] = each, scorers[0]
            else:
                samples[protocol].append(each.scored(scorers, protocol, NO_JUDGE))
    judged = judging.opinions({key: each.reply(scorer, key[1]) for key, (each, scorer) in waiting.items()}, progress)
    for (id, protocol), (each, _) in waiting.items():
        scorers = _scorers(tasks[id.task], protocol)
        samples[protocol].append(each.scored(scorers, protocol, judged.of[id, protocol] or NO_JUDGE))
    facts = {**engines, "judge": judging.signature}
    return tuple(
        replace(
            _summarised(protocol, samples[protocol], tasks, facts, judging, human),
            judges=_count_judges(opinion for (_, asked), opinion in judged.of.items() if asked == protocol),
            notes=judged.notes,
        )
        for protocol in protocols
    )


def _scorers(facts: TaskFacts, protocol: str) -> tuple[Scorer, ...]:
    return scorers_for(facts.behaviour, protocol, event_kinds=facts.event_kinds)


@dataclass(frozen=True, slots=True)
class _HeardCase:
    """A case and what is known about its takes; without any, why nothing is."""

    case: Case
    takes: Takes
    messages: tuple[str, ...]
    believed: BelievedSample
    notes: tuple[str, ...]

    @classmethod
    def of(cls, case: Case, heard: HeardTakes) -> _HeardCase:
        takes = {
            stimulus: replace(
                answers,
                prompt_s=case.recorded[stimulus].known_prompt_s,
                recorded_s=case.recorded[stimulus].recorded_s,
                right_censored=case.recorded[stimulus].right_censored,
                model_events=case.recorded[stimulus].model_events,
            )
            for stimulus, answers in heard.items()
        }
        missing = [
            absence.message if stimulus == MAIN else f"{stimulus}: {absence.message}"
            for stimulus, absence in case.absences.items()
        ]
        known: dict[str, Annotations | Absence] = {**case.absences, **takes} if takes else {}
        messages = (*missing, *(message for take in takes.values() for message in take.messages))
        believed = believed_sample(case)
        notes = (*believed.notes, *(note for take in takes.values() for note in take.notes))
        return cls(case, known, messages, believed, tuple(dict.fromkeys(notes)))

    def sample(self, protocol: str) -> Sample:
        """As the protocol takes it: what was published read its annotation as it stands."""
        return self.believed.sample if protocol in CORRECTED else self.case.sample

    def reply(self, scorer: AskingScorer, protocol: str) -> UnratedReply:
        if self.believed.why is not None and protocol in CORRECTED:
            return UnratedReply(None, self.case.rating)
        return UnratedReply(scorer.question(self.sample(protocol), self.takes), self.case.rating)

    def scored(self, scorers: Sequence[Scorer], protocol: str, verdict: Verdict | Absence) -> ScoredSample:
        messages, main = self.messages, self.case.takes[MAIN]
        if isinstance(main, Absence):
            scores = [none_score(metric, main.score_reason) for scorer in scorers for metric in scorer.metrics]
        elif self.believed.why is not None and protocol in CORRECTED:
            scores = [none_score(metric, self.believed.why.reason) for scorer in scorers for metric in scorer.metrics]
        else:
            messages = (*messages, verdict.message) if isinstance(verdict, Absence) and verdict.message else messages
            scores = [score for scorer in scorers for score in scorer.score(self.sample(protocol), self.takes, verdict)]
        messages = (*messages, *self.notes)
        if not messages:  # every error has a line for a person, also one that only the scorer could see
            messages = tuple(dict.fromkeys(REASONS[score.reason].sentence for score in scores if score.status == "error"))
        return ScoredSample(self.case.id, tuple(scores), messages)


def _count_judges(opinions: Iterable[Opinion | None]) -> dict[str, int]:
    return dict(sorted(Counter(opinion.judge for opinion in opinions if isinstance(opinion, Verdict)).items()))


def _summarised(
    protocol: str,
    samples: list[ScoredSample],
    tasks: Mapping[str, TaskFacts],
    engines: Mapping[str, str],
    judging: Judging,
    human: HumanReference,
) -> Scoring:
    samples = sorted(samples, key=lambda sample: sample.id)
    summaries: dict[str, dict[str, MetricSummary]] = {}
    for name, facts in sorted(tasks.items()):
        if not has_scorer(facts.behaviour, protocol):
            continue
        of_task = [sample for sample in samples if sample.id.task == name]
        ids = [sample.id.sample for sample in of_task]
        task: dict[str, object] = {"task": name, "tv": facts.version, "protocol": protocol}
        name_of_prompt, question = _PROMPTED.get(facts.behaviour, ("", RelevanceQuestion))
        if name_of_prompt and (prompt := judging.prompt_for(question)):
            task = {**task, name_of_prompt: prompt}
        voice = {"prosody": prosody_signature()} if facts.behaviour in PAIRED else {}
        made_by = {"agg": aggregation_version(protocol), "n": len(set(ids)), **engines, **facts.origin, "fdbench": __version__}
        summaries[name] = {
            metric: summarise(
                metric,
                [score for sample in of_task for score in sample.scores if score.metric == metric],
                protocol=protocol,
                behaviour=facts.behaviour,
                signature=signature(
                    metric, {**task, "scorer": scorer.version, **made_by, **(voice if METRICS[metric].is_voice else {})}
                ),
                groups=ids,
            )
            for scorer in _scorers(facts, protocol)
            for metric in scorer.metrics
        }
        if facts.behaviour == TURN_TAKING and protocol in CORRECTED and LATENCY in summaries[name]:
            scorer = _scorers(facts, protocol)[0]
            latencies = [score for sample in of_task for score in sample.scores if score.metric == LATENCY]
            signed = signature(HUMAN_DISTANCE, {**task, "scorer": scorer.version, "human": human.mark, **made_by})
            summaries[name][HUMAN_DISTANCE] = summarise_distance(latencies, ids, human.onsets, signed)
    conversation = _conversation(samples, tasks, human, engines["vad"]) if protocol in CORRECTED else {}
    return Scoring(protocol, tuple(samples), summaries, conversation)


def _conversation(
    samples: Sequence[ScoredSample], tasks: Mapping[str, TaskFacts], human: HumanReference, vad: str
) -> dict[str, FamilyConversation]:
    behaviours: dict[str, dict[str, str]] = {}
    for name, facts in sorted(tasks.items()):
        if facts.behaviour in ALONE:
            behaviours.setdefault(facts.family, {})[name] = facts.behaviour
    scores = [(sample.id, sample.scores) for sample in samples]
    return {family: conversation_of(scores, of_family, family, human, vad) for family, of_family in behaviours.items()}
