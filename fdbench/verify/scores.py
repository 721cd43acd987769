"""The second half of a verification: are a run's annotations, scores and summaries what its recordings give?

A number is recomputed only from what the first half found intact. What cannot be recomputed here - a recogniser that is not
installed, data that is not there, verdicts that are gone - is counted as not checked, never as equal and never as different.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from fdbench.core.conversation import Sample
from fdbench.core.metric import PROTOCOLS
from fdbench.core.signature import parse_signature
from fdbench.errors import DataError
from fdbench.io.files import digest_of, read_json
from fdbench.stages.cases import Entry, Kinds, kinds_told, moved, told_of
from fdbench.stages.judging import NONE, Judging
from fdbench.stages.progress import Progress
from fdbench.stages.run import entry_of, facts_of, summary_json
from fdbench.stages.score import Scoring, score_answered
from fdbench.store.manifest import RunManifest, Scored, scores_folder
from fdbench.store.run import Run
from fdbench.verify.differences import Group, compare
from fdbench.verify.files import DataNow, Key, Takes, keys_of
from fdbench.verify.hearing import Hearers, check_annotations
from fdbench.verify.verdicts import NO_VERDICT, Recollection, VerdictsOnRecord

AnnotationsFrom = Literal["fresh", "stored"]
_SETTINGS: Final = ("clock", "placement", "lead_in", "condition", "seed", "slots", "tail", "with", "weights")
"""What the manifest's settings put into a signature; where those are in doubt, that is told once, there."""


@dataclass(frozen=True, slots=True)
class _Unjudged:
    """The replies under one protocol to which no intact verdict was found.

    Attributes:
        group: Is told where a score says that there was one.
    """

    missing: frozenset[Key]
    doubtful: frozenset[Key]
    group: Group

    @classmethod
    def by(cls, judging: Judging, protocol: str, group: Group) -> _Unjudged:
        if not isinstance(judging, Recollection):
            return cls(frozenset(), frozenset(), group)
        missing, doubtful = (
            frozenset(key for key, asked in keys if asked == protocol) for keys in (judging.missing, judging.doubtful)
        )
        return cls(missing, doubtful, group)


@dataclass(slots=True)
class Blame:
    """What cannot be recomputed: calls, and with them the summaries of their tasks."""

    calls: dict[Key, str] = field(default_factory=dict)
    tasks: dict[str, str] = field(default_factory=dict)

    def add(self, key: Key, why: str) -> None:
        self.calls[key] = why
        self.tasks.setdefault(key[0], why)


@dataclass(frozen=True, slots=True)
class Basis:
    """What everything is recomputed from, and how."""

    run: Run
    manifest: RunManifest
    takes: Takes
    now: DataNow
    hearers: Hearers
    said: VerdictsOnRecord
    progress: Progress


def check_scores(basis: Basis, verdicts: Group) -> tuple[Group, Group, Group]:
    """Recompute every scoring of the manifest; returns the groups annotations, scores and summaries.

    Args:
        verdicts: Is told of verdicts that scores were made from and that are gone.
    """
    manifest = basis.manifest
    annotations, scores, summaries = Group("annotations"), Group("scores"), Group("summaries")
    heard_alike: dict[str, list[Scored]] = {}
    for scored in manifest.scored:
        why = _why_not(scored, manifest)
        if why:
            scores.skip(f"{scored.folder}: {why}")
        else:
            heard_alike.setdefault(digest_of([scored.engines, scored.shift_s]), []).append(scored)
    entries, blame = _entries(basis)
    told = _kinds_told(basis, entries, blame)
    for alike in heard_alike.values():
        judging = basis.said.judging_of(alike[0].engines.get("judge", NONE))
        scorings, unheard = _recompute(basis, alike, entries, judging, told)
        blamed = Blame({**blame.calls, **unheard.calls}, {**unheard.tasks, **blame.tasks})
        for scored, scoring in zip(alike, scorings, strict=True):
            _check_lines(basis, scored, scoring, blamed, scores, _Unjudged.by(judging, scored.protocol, verdicts))
            _check_summary(basis, scored, scoring, blamed, summaries)
    check_annotations(basis.run, basis.hearers, annotations)
    return annotations, scores, summaries


def _why_not(scored: Scored, manifest: RunManifest) -> str:
    if scored.folder != scores_folder(scored.protocol, scored.engines, scored.shift_s):
        return "its engines are in doubt"
    if scored.tasks != manifest.tasks_digest:
        return "it is stale"
    if scored.protocol not in PROTOCOLS:
        return f"this fdbench has no protocol {scored.protocol}"
    return ""


def _entries(basis: Basis) -> tuple[list[Entry], Blame]:
    manifest, takes, now = basis.manifest, basis.takes, basis.now
    entries, blame = [], Blame()
    for key in keys_of(manifest):
        name, sample_id, repeat = key
        if name in now.absent:
            blame.add(key, now.absent[name])
        elif key[:2] in now.changed:
            blame.add(key, "its data changed")
        elif key in takes.faulty:
            blame.add(key, takes.faulty[key])
        else:
            task = now.tasks[name]
            sample = task.samples.get(sample_id)
            fault = None if sample else task.faults.get(sample_id, "the sample is not in the data any more")
            behaviour = manifest.tasks[name].behaviour
            entries.append(entry_of(basis.run, sample or Sample(sample_id, name, {}), behaviour, repeat, fault))
    return entries, blame


def _kinds_told(basis: Basis, entries: Sequence[Entry], blame: Blame) -> Kinds:
    """As a scoring finds them; a call that cannot be scored now may be the only one in which the model told something."""
    records = {key: basis.takes.records[key] for key in blame.calls if key in basis.takes.records}
    told = [(entry.sample.task, entry.told) for entry in entries]
    return kinds_told([*told, *((key[0], told_of(record.told)) for key, record in records.items())])


def _recompute(
    basis: Basis, alike: Sequence[Scored], entries: Sequence[Entry], judging: Judging, told: Kinds
) -> tuple[tuple[Scoring, ...], Blame]:
    """The scorings by one set of engines at one placement, in the order of ``alike``, and what could not be had for them."""
    shift_s = alike[0].shift_s
    placed, tasks = [moved(entry, shift_s) for entry in entries], facts_of(basis.manifest, shift_s, told)
    signatures = {name: signature for name, signature in alike[0].engines.items() if name != "judge"}
    protocols = [scored.protocol for scored in alike]
    unheard: dict[Key, str] = {}
    answered = basis.hearers.answers(basis.run, placed, protocols, signatures, unheard, basis.progress)
    scorings = score_answered(answered, tasks, protocols, signatures, judging, basis.progress)
    blame = Blame()
    for key, why in unheard.items():
        blame.add(key, why)
    return scorings, blame


def _check_lines(basis: Basis, scored: Scored, scoring: Scoring, blame: Blame, group: Group, unjudged: _Unjudged) -> None:
    file = f"scores/{scored.folder}/samples.jsonl"
    found = {(sample.task, sample.id, sample.repeat): sample.as_json() for sample in scoring.samples}
    stored = _read_lines(basis.run.folder / file, file, group)
    if stored is None:
        return
    group.count("files")
    for key in keys_of(basis.manifest):
        about = f"{key[0]} {key[1]}" + (f" repeat {key[2]}" if key[2] else "")
        lines = stored.pop(key, [])
        if len(lines) != 1:
            group.differ(file, f"{about}: lines", len(lines), 1)
        elif key not in found:
            group.skip(blame.calls.get(key, "nothing was recomputed"))
        else:
            group.count("lines")
            group.count("scores", len(found[key]["scores"]))
            is_stored, is_found = _comparable(lines[0]), _comparable(found[key])
            if key in unjudged.missing | unjudged.doubtful:
                _set_ratings_apart(is_stored, is_found, key, about, blame, unjudged)
            for where, left, right in compare(is_stored, is_found):
                group.differ(file, f"{about} {where.removeprefix('scores ')}", left, right)
    for key in stored:
        group.differ(file, f"{key[0]} {key[1]} repeat {key[2]}: the manifest lists no such call")


def _set_ratings_apart(
    stored: dict[str, Any], found: dict[str, Any], key: Key, about: str, blame: Blame, unjudged: _Unjudged
) -> None:
    """Take out of both lines what needs a verdict that is not there; that it failed to be given is no contradiction."""
    for metric in [name for name, score in found["scores"].items() if score["reason"] == NO_VERDICT]:
        found["scores"].pop(metric)
        score = stored["scores"].pop(metric, None) if isinstance(stored.get("scores"), dict) else None
        if isinstance(score, dict) and score.get("status") == "error":
            continue
        blame.tasks.setdefault(key[0], "a verdict is missing")
        if key in unjudged.missing:
            unjudged.group.differ("verdicts", f"{about} {metric}: there is no verdict on this reply", score, None)
    stored["messages"] = found["messages"] = False


def _comparable(line: Mapping[str, Any]) -> dict[str, Any]:
    """Messages are for people and name files by paths that are others elsewhere: only whether there is one is compared."""
    scores = line.get("scores")
    return {**line, "scores": dict(scores) if isinstance(scores, dict) else scores, "messages": bool(line.get("messages"))}


def _read_lines(path: Path, file: str, group: Group) -> dict[Key, list[Mapping[str, Any]]] | None:
    try:
        texts = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        group.differ(file, f"cannot be read ({type(error).__name__})")
        return None
    lines: dict[Key, list[Mapping[str, Any]]] = {}
    for number, text in enumerate(texts, 1):
        try:
            line = json.loads(text)
            key = (str(line["task"]), str(line["id"]), int(line.get("repeat", 0)))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            group.differ(file, f"line {number}: not a sample's scores")
        else:
            lines.setdefault(key, []).append(line)
    return lines


def _check_summary(basis: Basis, scored: Scored, scoring: Scoring, blame: Blame, group: Group) -> None:
    run, manifest = basis.run, basis.manifest
    file = f"scores/{scored.folder}/summary.json"
    try:
        stored = read_json(run.folder / file)
    except DataError as error:
        group.differ(file, error.what.removeprefix(f"{run.folder / file}: "))
        return
    if not isinstance(stored, dict):
        group.differ(file, "not a summary")
        return
    group.count("files")
    found = summary_json(manifest.run_id, scoring, facts_of(manifest), scored.engines, scored.shift_s)
    if stored.get("run_id") == manifest.collection.run_id:
        found["run_id"] = stored["run_id"]  # the manifest's own is in doubt, and that is told there
    for name, why in blame.tasks.items():
        group.skip(f"{name}: {why}")
        for summary in (stored, found):
            tasks = summary.get("tasks")
            if isinstance(tasks, dict):
                tasks.pop(name, None)
    if blame.tasks:
        for summary in (stored, found):
            summary.pop("judges", None)
    in_doubt = _SETTINGS if manifest.run_id != manifest.collection.run_id else ()
    made_by: Counter[str] = Counter()
    for where, is_stored, is_found in compare(stored, found):
        if where.endswith(" signature") and isinstance(is_stored, str) and isinstance(is_found, str):
            for name, left, right in _signatures_apart(is_stored, is_found):
                if name == "fdbench":
                    made_by[left] += 1
                elif name not in in_doubt:
                    group.differ(file, f"{where.removeprefix('tasks ')} {name}", left, right)
        else:
            group.differ(file, where.removeprefix("tasks ").replace(" metrics ", " "), is_stored, is_found)
    for version in made_by:
        group.note(f"{scored.folder} was made by fdbench {version}, this is another version")
    group.count("values", sum(len(task["metrics"]) for task in found["tasks"].values()))


def _signatures_apart(stored: str, found: str) -> Iterator[tuple[str, str, str]]:
    try:
        left, right = parse_signature(stored), parse_signature(found)
    except ValueError:
        yield "", stored, found
        return
    for name in dict.fromkeys((*left, *right)):
        if left.get(name) != right.get(name):
            yield name, left.get(name, "(absent)"), right.get(name, "(absent)")
