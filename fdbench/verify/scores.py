"""Are a run's scores and summaries what its recordings give? They are derived again and compared.

A number is derived only from what was found intact. What cannot be derived here - a recogniser that is not installed, data
that is not there, verdicts that are gone - is counted as not checked, never as equal and never as different.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from fdbench.core.event import as_scored
from fdbench.core.metric import PROTOCOLS
from fdbench.core.signature import parse_signature
from fdbench.core.take_id import MAIN, TakeId
from fdbench.errors import DataError
from fdbench.io.files import digest_of, read_json
from fdbench.stages.cases import Case, event_kinds
from fdbench.stages.derive import case_of, facts_of, sample_or_fault, summary_json
from fdbench.stages.judging import NONE
from fdbench.stages.progress import Progress
from fdbench.stages.score import Scoring, score_heard
from fdbench.store.manifest import MANIFEST, RunManifest, Scored, scores_folder
from fdbench.task.loaded import LoadedTask
from fdbench.verify.differences import Group, compare
from fdbench.verify.hearing import Hearers
from fdbench.verify.records import Takes, about
from fdbench.verify.verdicts import NO_VERDICT, Recollection, VerdictsOnRecord


@dataclass(frozen=True, slots=True)
class ScoreChecks:
    """What every scoring of the manifest is derived from, and what came of comparing.

    Attributes:
        manifest, verdicts: Groups of their own, which hear of settings that the scores belie and of verdicts that are gone.
    """

    takes: Takes
    tasks: Mapping[str, LoadedTask]
    hearers: Hearers
    said: VerdictsOnRecord
    manifest: Group
    verdicts: Group
    scores: Group = field(default_factory=lambda: Group("scores"))
    summaries: Group = field(default_factory=lambda: Group("summaries"))

    def check(self, progress: Progress) -> None:
        """Derive every scoring again; those by the same engines at the same placement together."""
        alike: dict[str, list[Scored]] = {}
        for scored in self.takes.manifest.scored:
            if why := _why_not(scored, self.takes.manifest):
                self.scores.skip(f"{scored.folder}: {why}")
            else:
                alike.setdefault(digest_of([scored.engines, scored.shift_s]), []).append(scored)
        cases = self._cases()
        for scorings in alike.values():
            self._check_alike(scorings, cases, progress)

    def _cases(self) -> list[Case]:
        takes, faulty = self.takes, {_main(take) for take in self.takes.faulty}
        intact = [take for take in takes.manifest.takes() if take.stimulus == MAIN and take not in faulty]
        samples = {take: sample_or_fault(self.tasks[take.task], take.sample) for take in intact}
        return [case_of(takes.run, takes.manifest, take, sample) for take, sample in samples.items()]

    def _check_alike(self, alike: list[Scored], cases: list[Case], progress: Progress) -> None:
        takes, shift_s, engines = self.takes, alike[0].shift_s, dict(alike[0].engines)
        judging, protocols = self.said.judging_of(engines.pop("judge", NONE)), [scored.protocol for scored in alike]
        # A call that cannot be scored now may be the only one in which the model said something about itself.
        records = [(take.task, record) for take, record in takes.records.items() if record.model]
        kinds = event_kinds((task, as_scored(record.model_events)) for task, record in records)
        placed = [case.shifted(shift_s) for case in cases]
        heard, unheard = self.hearers.heard(takes.run, placed, protocols, engines, progress)
        tasks = facts_of(takes.manifest, shift_s, kinds)
        scorings = score_heard(heard, tasks, protocols, engines, judging, progress)
        blame = {**{_main(take): why for take, why in takes.faulty.items()}, **unheard}
        for scored, scoring in zip(alike, scorings, strict=True):
            gone = self._check_lines(scored, scoring, blame, recalls=isinstance(judging, Recollection))
            summary = summary_json(takes.manifest.run_id, scoring, tasks, scored.engines, shift_s)
            self._check_summary(scored, summary, {**blame, **gone})

    def _check_lines(
        self, scored: Scored, scoring: Scoring, blame: Mapping[TakeId, str], *, recalls: bool
    ) -> dict[TakeId, str]:
        """Compare the lines of the samples; returns those whose verdict is gone."""
        takes, gone = self.takes, dict[TakeId, str]()
        file = takes.run.relative(takes.run.samples_file(scored.folder))
        stored = self._stored_lines(scored, file)
        if stored is None:
            return gone
        self.scores.count("files")
        derived = {sample.id: _comparable(sample.as_json()) for sample in scoring.samples}
        for take in takes.manifest.takes():
            lines, found = stored.pop(take, []), derived.get(take)
            if take.stimulus != MAIN:
                continue
            if len(lines) != 1:
                self.scores.differ(file, f"{about(take)}: lines", len(lines), 1)
            elif found is None:
                self.scores.skip(blame.get(take, "nothing was derived"))
            elif recalls and (metrics := _without_verdict(lines[0], found)):
                gone[take] = "a verdict is missing"
                self.scores.skip(gone[take])
                for metric in metrics if not self.verdicts.differences else ():
                    self.verdicts.differ("verdicts", f"{about(take)} {metric}: there is no verdict on this reply")
            else:
                self.scores.count("lines")
                self.scores.count("scores", len(found["scores"]))
                for where, left, right in compare(_comparable(lines[0]), found):
                    self.scores.differ(file, f"{about(take)} {where.removeprefix('scores ')}", left, right)
        for take in stored:
            what = f"{take.task} {take.sample} repeat {take.repeat}: the manifest lists no such call"
            self.scores.differ(file, what)
        return gone

    def _stored_lines(self, scored: Scored, file: str) -> dict[TakeId, list[dict[str, Any]]] | None:
        try:
            texts = self.takes.run.samples_file(scored.folder).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            self.scores.differ(file, f"cannot be read ({type(error).__name__})")
            return None
        lines: dict[TakeId, list[dict[str, Any]]] = {}
        for number, text in enumerate(texts, 1):
            try:
                line = json.loads(text)
                repeat, condition = int(line.get("repeat", 0)), self.takes.manifest.collection.condition
                take = TakeId(str(line["task"]), str(line["id"]), MAIN, repeat, condition)
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                self.scores.differ(file, f"line {number}: not a sample's scores")
            else:
                lines.setdefault(take, []).append(line)
        return lines

    def _check_summary(self, scored: Scored, derived: dict[str, Any], blame: Mapping[TakeId, str]) -> None:
        manifest, path = self.takes.manifest, self.takes.run.summary_file(scored.folder)
        file, in_doubt = self.takes.run.relative(path), manifest.run_id != manifest.collection.run_id
        try:
            stored = read_json(path)
        except DataError as error:
            self.summaries.broken(file, error)
            return
        if not isinstance(stored, dict):
            self.summaries.differ(file, "not a summary")
            return
        self.summaries.count("files")
        blamed = {take.task: why for take, why in reversed([*blame.items()])}
        for name, why in blamed.items():
            self.summaries.skip(f"{name}: {why}")
        left_out = {*(["judges"] if blamed else []), *(["run_id"] if in_doubt else [])}
        settings = {name for task in facts_of(manifest).values() for name in task.origin} if in_doubt else set()
        made_by = set()
        for where, left, right in compare(_spread(stored, blamed, left_out), _spread(derived, blamed, left_out)):
            _, is_signature, name = where.partition(" signature ")
            if is_signature and name == "fdbench":
                made_by.add(f"{scored.folder} was made by fdbench {left}, this is another version")
            elif is_signature and name in settings:
                what = f"collection: {name}: the signatures of the scores say otherwise"
                if what not in (each.what for each in self.manifest.differences):
                    self.manifest.differ(MANIFEST, what, right, left)
            else:
                self.summaries.differ(file, where.removeprefix("tasks ").replace(" metrics ", " "), left, right)
        for note in sorted(made_by):
            self.summaries.note(note)
        self.summaries.count("values", sum(len(task["metrics"]) for name, task in derived["tasks"].items() if name not in blamed))


def _why_not(scored: Scored, manifest: RunManifest) -> str:
    """Why a scoring is not derived again; empty where it is."""
    if scored.folder != scores_folder(scored.protocol, scored.engines, scored.shift_s):
        return "its engines are in doubt"
    if scored.tasks != manifest.tasks_digest:
        return "it is stale"
    if scored.protocol not in PROTOCOLS:
        return f"this fdbench has no protocol {scored.protocol}"
    return ""


def _main(take: TakeId) -> TakeId:
    return replace(take, stimulus=MAIN)


def _comparable(line: Mapping[str, Any]) -> dict[str, Any]:
    """Messages are for people and name files by paths that are others elsewhere: only whether there is one is compared."""
    return {**line, "messages": bool(line.get("messages"))}


def _without_verdict(stored: Mapping[str, Any], derived: Mapping[str, Any]) -> list[str]:
    """Metrics that were rated and have no verdict now; that a judge failed to give one is taken as it is stored."""
    gone = []
    scores = stored["scores"] if isinstance(stored.get("scores"), dict) else {}
    for metric in [metric for metric, score in derived["scores"].items() if score["reason"] == NO_VERDICT]:
        score = scores.get(metric)
        if isinstance(score, dict) and score.get("status") == "error":
            derived["scores"][metric] = score
        else:
            gone.append(metric)
    return gone


def _spread(summary: Mapping[str, Any], blamed: Mapping[str, str], left_out: set[str]) -> dict[str, Any]:
    """A summary to be compared: without the tasks that cannot be derived, and each signature fact by fact."""
    spread: dict[str, Any] = json.loads(json.dumps({key: value for key, value in summary.items() if key not in left_out}))
    with suppress(AttributeError, TypeError, KeyError):  # what has another form is compared as it is
        for name in blamed:
            spread["tasks"].pop(name, None)
        for task in spread["tasks"].values():
            for metric in task["metrics"].values():
                with suppress(ValueError):
                    metric["signature"] = parse_signature(metric["signature"])
    return spread
