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
from fdbench.human.reference import HumanReference, parse_reference, shipped_reference
from fdbench.io.files import digest_of, read_json
from fdbench.stages.cases import Case, event_kinds
from fdbench.stages.derive import case_of, facts_of, remarks_on, sample_or_fault, summary_json
from fdbench.stages.health import Vitals, observed
from fdbench.stages.judging import NONE
from fdbench.stages.progress import Progress
from fdbench.stages.score import Scoring, score_heard
from fdbench.store.manifest import MANIFEST, RunManifest, Scored
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
                alike.setdefault(digest_of([scored.engines, scored.shift_s, scored.human]), []).append(scored)
        cases = self._cases()
        for scorings in alike.values():
            self._check_alike(scorings, cases, progress)

    def _cases(self) -> list[Case]:
        takes, faulty = self.takes, {_main(take) for take in self.takes.faulty}
        intact = [take for take in takes.manifest.takes() if take.stimulus == MAIN and take not in faulty]
        samples = {take: sample_or_fault(self.tasks[take.task], take.sample) for take in intact}
        return [case_of(takes.run, takes.manifest, take, sample) for take, sample in samples.items()]

    def _check_alike(self, alike: list[Scored], cases: list[Case], progress: Progress) -> None:
        human = self._people_of(alike[0])
        if human is None:
            for scored in alike:
                self.scores.differ(scored.folder, "the people that it names are not in its summary", scored.human, "")
            return
        takes, shift_s, engines = self.takes, alike[0].shift_s, dict(alike[0].engines)
        judging, protocols = self.said.judging_of(engines.pop("judge", NONE)), [scored.protocol for scored in alike]
        # A call that cannot be scored now may be the only one in which the model said something about itself.
        records = [(take.task, record) for take, record in takes.records.items() if record.model]
        kinds = event_kinds((task, as_scored(record.model_events)) for task, record in records)
        placed = [case.shifted(shift_s) for case in cases]
        heard, unheard = self.hearers.heard(takes.run, placed, protocols, engines, progress, asks=judging.asks)
        vitals: list[Vitals] = []
        if takes.manifest.collection.kind != "trivial":
            heard = observed(heard, vitals)
        tasks = facts_of(takes.manifest, shift_s, kinds)
        scorings = score_heard(heard, tasks, protocols, engines, judging, human, progress)
        for scored, scoring in zip(alike, scorings, strict=True):
            blame = {**{_main(take): why for take, why in takes.faulty.items()}, **unheard}
            self._check_lines(scored, scoring, blame, is_recalled=isinstance(judging, Recollection))
            notes = remarks_on(takes.manifest, placed, vitals)[0]
            summary = summary_json(takes.manifest.run_id, scoring, tasks, scored.engines, shift_s, notes, human)
            self._check_summary(scored, summary, blame)

    def _people_of(self, scored: Scored) -> HumanReference | None:
        """Those beside whom a scoring was set; None where its summary does not hold them as they were."""
        if not scored.human:
            return shipped_reference()
        path = self.takes.run.summary_file(scored.folder)
        try:
            found = parse_reference(read_json(path)["human"], self.takes.run.relative(path))
        except (DataError, KeyError, TypeError):
            return None
        return found if found.mark == scored.human else None

    def _check_lines(self, scored: Scored, scoring: Scoring, blame: dict[TakeId, str], *, is_recalled: bool) -> None:
        """Compare the line of each sample; those whose verdict is gone are added to ``blame``."""
        path, group = self.takes.run.samples_file(scored.folder), self.scores
        file = self.takes.run.relative(path)
        try:
            texts = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            group.differ(file, f"cannot be read ({type(error).__name__})")
            return
        group.count("files")
        stored = dict[str, Any]()
        for number, text in enumerate(texts, 1):
            try:
                line = json.loads(text)
                name = about(TakeId(line["task"], line["id"], repeat=line.get("repeat", 0)))
                stored[name] = _comparable(line) if name not in stored else "(several lines)"
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                group.differ(file, f"line {number}: not a sample's scores")
        derived = {sample.id: _comparable(sample.as_json()) for sample in scoring.samples}
        for take, line in derived.items() if is_recalled else ():
            for metric in _without_verdict(stored.get(about(take)), line):
                blame[take] = "a verdict is missing"
                if not self.verdicts.differences and self.takes.manifest.has_prompts:  # else they were left out with these
                    self.verdicts.differ("verdicts", f"{about(take)} {metric}: there is no verdict on this reply")
        for take, why in blame.items():
            group.skip(why)
            stored.pop(about(take), None)
        found = {about(take): line for take, line in derived.items() if take not in blame}
        for line in found.values():
            group.count("lines")
            group.count("scores", len(line["scores"]))
        for where, left, right in compare(stored, found):
            group.differ(file, where.replace(" scores ", " ", 1), left, right)

    def _check_summary(self, scored: Scored, derived: dict[str, Any], blame: Mapping[TakeId, str]) -> None:
        path, group = self.takes.run.summary_file(scored.folder), self.summaries
        file = self.takes.run.relative(path)
        try:
            stored = read_json(path)
        except DataError as error:
            group.broken(file, error)
            return
        group.count("files")
        blamed: dict[str, str] = {}
        for take, why in blame.items():
            blamed.setdefault(take.task, why)
        for name, why in blamed.items():
            group.skip(f"{name}: {why}")
        group.count("values", sum(len(task["metrics"]) for name, task in derived["tasks"].items() if name not in blamed))
        in_doubt = self._settings_in_doubt()
        for where, left, right in compare(_spread(stored), _spread(derived)):
            key, *place = where.removeprefix("tasks ").split(" ")
            if key in blamed or (key in ("conversation", "judges", "notes") and blamed) or (key == "run_id" and in_doubt):
                continue
            name = place[-1] if "signature" in place[:-1] else ""
            if name == "fdbench":
                group.note(f"{scored.folder} was made by fdbench {left}, this is another version")
            elif name in in_doubt:
                what = f"collection: {name}: the signatures of the scores say otherwise"
                if not any(each.what == what for each in self.manifest.differences):
                    self.manifest.differ(MANIFEST, what, right, left)
            else:
                group.differ(file, where.removeprefix("tasks ").replace(" metrics ", " "), left, right)

    def _settings_in_doubt(self) -> set[str]:
        """What a manifest whose id is not that of its settings puts into signatures."""
        manifest = self.takes.manifest
        if manifest.run_id == manifest.collection.run_id:
            return set()
        return {name for task in facts_of(manifest).values() for name in task.origin}


def _why_not(scored: Scored, manifest: RunManifest) -> str:
    """Why a scoring is not derived again; empty where it is."""
    if scored.folder != scored.right_folder:
        return "its engines are in doubt"
    if scored.tasks != manifest.tasks_digest:
        return "it is stale"
    if scored.protocol not in PROTOCOLS:
        return f"this fdbench has no protocol {scored.protocol}"
    return ""


def _main(take: TakeId) -> TakeId:
    return replace(take, stimulus=MAIN)


def _comparable(line: dict[str, Any]) -> dict[str, Any]:
    """Messages are for people and name files by paths that are others elsewhere: only whether there is one is compared."""
    return {**line, "messages": bool(line.get("messages"))}


def _without_verdict(stored: Any, derived: dict[str, Any]) -> list[str]:
    """Metrics that were rated and have no verdict now; that a judge failed to give one is taken as it is stored."""
    scores = stored.get("scores") if isinstance(stored, dict) else None
    gone = []
    for metric in [metric for metric, score in derived["scores"].items() if score["reason"] == NO_VERDICT]:
        score = scores.get(metric) if isinstance(scores, dict) else None
        if isinstance(score, dict) and score.get("status") == "error":
            derived["scores"][metric] = score
        else:
            gone.append(metric)
    return gone


def _spread(summary: Any, key: str = "") -> Any:
    """A summary with each signature fact by fact."""
    if isinstance(summary, Mapping):
        return {name: _spread(value, name) for name, value in summary.items()}
    with suppress(ValueError, AttributeError):  # what is no signature is compared as it is
        return parse_signature(summary) if key == "signature" else summary
    return summary
