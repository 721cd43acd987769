"""`fdbench export RUN`: a run as a Hugging Face dataset, in the schema of ``exported``, to publish and to score again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from fdbench.core.annotation import SpeechRequest, WordsRequest
from fdbench.data.export import Exported, as_block, terms_of
from fdbench.errors import DataError
from fdbench.hear.cache import AnnotationCache
from fdbench.io.files import read_json
from fdbench.judge.given import read_rating
from fdbench.pipeline import exported
from fdbench.pipeline.dataset_folder import DatasetWriter, writing
from fdbench.pipeline.entries import Entry, moved
from fdbench.pipeline.exported import RECORDINGS, SCORES, SPEECH, SUMMARIES, TRANSCRIPTS
from fdbench.pipeline.run import entries_of
from fdbench.pipeline.score import requests_of
from fdbench.store.manifest import MANIFEST, RunManifest, Scored
from fdbench.store.record import StoredTrack, TakeRecord
from fdbench.store.run import Run
from fdbench.task.data import Data
from fdbench.task.rows import Columns, annotation_row, words_row

_HOME: Final = "~"


def export_run(source: Path, data: Data | None, target: Path, *, prompts: bool = True, force: bool = False) -> Exported:
    """Write a run: its recordings, what was heard in them, and all its scores.

    Args:
        source: The run's folder.
        data: Where the samples of its tasks are, for their annotation.
        prompts: False leaves out what the user says: its audio, the texts of words and annotations, and what a judge
            wrote about them. Times and ratings stay.

    Raises:
        FdbenchError: Not a run, missing data, ``datasets`` is not installed, or the target holds something else.
    """
    run = Run(source)
    with run.locked(), writing(target, "run", force=force) as folder:
        manifest = run.manifest()
        export = _Export(run, manifest, prompts, data)
        for entry in entries_of(run, manifest, data):
            folder.add(RECORDINGS, exported.RECORDING, export.recording(entry))
            for config, columns, row in export.heard(entry):
                folder.add(config, columns, row)
        for scored in manifest.scored:
            for row in export.scores(scored):
                folder.add(SCORES, exported.SCORE, row)
            for row in export.summaries(scored):
                folder.add(SUMMARIES, exported.SUMMARY, row)
        files = {exported.MANIFEST: (source / MANIFEST).read_bytes()}
        if prompts:  # a verdict holds its question, which quotes the user
            kept = sorted(run.verdicts.rglob("*.json"))
            files |= {f"verdicts/{path.relative_to(run.verdicts).as_posix()}": path.read_bytes() for path in kept}
        folder.finish(_card(manifest, folder, prompts), files)
        return Exported(target, folder.counts, tuple(export.left_out), export.notes)


class _Export:
    """Rows from a run."""

    def __init__(self, run: Run, manifest: RunManifest, prompts: bool, data: Data | None) -> None:
        self._run = run
        self._manifest = manifest
        self._prompts = prompts
        self._data = data
        self._cache = AnnotationCache(run.annotations)
        self._n_unheard = 0
        self.left_out: list[str] = []

    @property
    def notes(self) -> tuple[str, ...]:
        if not self._n_unheard:
            return ()
        return (f"{self._n_unheard} annotations are not in the run's cache any more; `fdbench annotate RUN` makes them again",)

    def recording(self, entry: Entry) -> dict[str, Any]:
        """A row of ``recordings``."""
        task, sample_id, _ = entry.key
        collected = self._manifest.tasks[task]
        record = self._record(entry)
        annotation = annotation_row(entry.sample, collected.samples[sample_id].digest, entry.sample.instructions)
        if not self._prompts:
            annotation = _without_text(annotation)
        failure = record.failure if record else None
        return {
            **self._take(entry),
            "task_version": collected.version,
            "family": collected.family,
            "behaviour": entry.behaviour,
            "stimulus": record.stimulus if record else "main",
            **annotation,
            "status": record.status if record else "not_made",
            "failure_kind": failure.kind if failure else None,
            "failure_message": self._scrubbed(failure.message) if failure else None,
            "fault_reason": entry.fault.reason if entry.fault else None,
            "fault_message": self._scrubbed(entry.fault.message) if entry.fault else None,
            "clock": record.clock if record else None,
            "prompt_s": record.prompt_s if record else None,
            "right_censored": record.right_censored if record else None,
            "model_events": [event.model_dump() for event in record.events] if record else [],
            **self._channel("user", record.user if record else None, entry),
            **self._channel("model", record.model if record else None, entry),
            **self._rating(entry),
        }

    def heard(self, entry: Entry) -> Iterator[tuple[str, Columns, dict[str, Any]]]:
        """Rows of ``speech`` and ``transcripts``: the answers that the run's scorings were made from."""
        told = set()
        for scored in self._manifest.scored:
            audio = moved(entry, scored.shift_s).audio
            if audio is None:
                return
            for request in requests_of(entry, [scored.protocol]):
                digest = audio.digest(request.channel)
                names = ("vad",) if isinstance(request, SpeechRequest) else ("asr", "vad")
                engines = {name: scored.engines[name] for name in names}
                key = (request, digest, *engines.items())
                if digest is None or key in told:
                    continue
                told.add(key)
                row = {
                    **self._take(entry),
                    "channel": request.channel,
                    "placement": self._placement(scored) if request.channel == "model" else None,
                    "span_start_s": request.span.start_s if request.span else None,
                    "span_end_s": request.span.end_s if request.span else None,
                    "engines": json.dumps(engines),
                }
                if isinstance(request, SpeechRequest):
                    yield from self._speech(digest, request, engines, row)
                else:
                    yield from self._transcript(digest, request, engines, row)

    def _speech(
        self, digest: str, request: SpeechRequest, engines: Mapping[str, str], row: dict[str, Any]
    ) -> Iterator[tuple[str, Columns, dict[str, Any]]]:
        found = self._cache.find(digest, request, engines)
        if found is None:
            self._n_unheard += 1
            return
        segments = [{"start_s": span.start_s, "end_s": span.end_s} for span in found.segments]
        settings = json.dumps(asdict(request.vad))
        yield SPEECH, exported.SPEECH_ROW, {**row, "settings": settings, "segments": segments, "duration_s": found.duration_s}

    def _transcript(
        self, digest: str, request: WordsRequest, engines: Mapping[str, str], row: dict[str, Any]
    ) -> Iterator[tuple[str, Columns, dict[str, Any]]]:
        found = self._cache.find(digest, request, engines)
        if found is None:
            self._n_unheard += 1
            return
        words = words_row(found.words)
        if request.channel == "user" and not self._prompts:
            words = [{**word, "text": None} for word in words]
        facts = {"words": words, "engine": found.engine, "dropped": found.dropped}
        yield TRANSCRIPTS, exported.TRANSCRIPT_ROW, {**row, **facts}

    def scores(self, scored: Scored) -> Iterator[dict[str, Any]]:
        """Rows of ``scores``, one per line and metric of ``samples.jsonl``."""
        path = self._run.folder / "scores" / scored.folder / "samples.jsonl"
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
            for line in map(json.loads, lines):
                take = f"{line['task']}/{line['id']}@main.r{line.get('repeat', 0)}"
                for metric, score in line["scores"].items():
                    yield {
                        **self._scoring(scored),
                        "take": take,
                        "task": line["task"],
                        "id": line["id"],
                        "repeat": line.get("repeat", 0),
                        "metric": metric,
                        "value": score["value"],
                        "status": score["status"],
                        "reason": score["reason"],
                        "components": json.dumps(score.get("components", {})),
                        "messages": [self._scrubbed(message) for message in line.get("messages", [])],
                    }
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"{path}: cannot be read ({error!r})", "score the run again: fdbench score RUN") from None

    def summaries(self, scored: Scored) -> Iterator[dict[str, Any]]:
        """Rows of ``summaries``."""
        path = self._run.folder / "scores" / scored.folder / "summary.json"
        try:
            for task, facts in read_json(path)["tasks"].items():
                shared = {name: facts[name] for name in ("family", "behaviour", "n_samples", "n_errors")}
                for metric, summary in facts["metrics"].items():
                    yield {
                        **self._scoring(scored),
                        "task": task,
                        "task_version": facts["version"],
                        **shared,
                        "metric": metric,
                        **summary,
                        "details": json.dumps(summary["details"]),
                    }
        except (TypeError, KeyError) as error:
            raise DataError(f"{path}: cannot be read ({error!r})", "score the run again: fdbench score RUN") from None

    def _scoring(self, scored: Scored) -> dict[str, Any]:
        engines = {name: scored.engines.get(name) for name in ("asr", "vad", "judge")}
        return {"scoring": scored.folder, "protocol": scored.protocol, "placement": self._placement(scored), **engines}

    def _placement(self, scored: Scored) -> str:
        return self._manifest.collection.placement_at(scored.shift_s)

    def _record(self, entry: Entry) -> TakeRecord | None:
        return self._run.record(_name(entry))

    def _take(self, entry: Entry) -> dict[str, Any]:
        task, sample_id, repeat = entry.key
        return {"take": _name(entry), "task": task, "id": sample_id, "repeat": repeat}

    def _channel(self, channel: str, track: StoredTrack | None, entry: Entry) -> dict[str, Any]:
        if track is None:
            return {}
        audio = None
        if channel != "user" or self._prompts:
            path = self._run.folder / track.file
            try:
                audio = {"bytes": path.read_bytes(), "path": path.name}
            except OSError as error:
                self.left_out.append(f"{_name(entry)}: {path}: cannot be read ({error.strerror})")
        facts = {"start_s": track.start_s, "sample_rate": track.sample_rate, "n_samples": track.n_samples}
        return {f"{channel}_{name}": each for name, each in {"audio": audio, **facts, "digest": track.digest}.items()}

    def _rating(self, entry: Entry) -> dict[str, Any]:
        try:
            verdict = read_rating(self._run.folder / "ratings" / f"{_name(entry)}.json")
        except DataError as error:
            return {"rating_error": self._scrubbed(error.what)}
        if verdict is None:
            return {}
        return {"rating": verdict.rating, "rating_analysis": verdict.analysis if self._prompts else None}

    def _scrubbed(self, text: str) -> str:
        """Without the folders of this machine, which say nothing about the run and something about its owner."""
        root = self._data.root if self._data else None
        for place, name in ((self._run.folder, "RUN"), (root, "DATA"), (Path.home(), _HOME)):
            for path in {place, place.resolve()} if place else ():
                if len(path.parts) > 1:
                    text = text.replace(str(path), name)
        return text


def _name(entry: Entry) -> str:
    task, sample_id, repeat = entry.key
    return f"{task}/{sample_id}@main.r{repeat}"


def _without_text(annotation: Mapping[str, Any]) -> dict[str, Any]:
    events = [{**event, "text": None} for event in annotation["events"]]
    words = annotation["words"]
    return {**annotation, "events": events, "words": words and [{**word, "text": None} for word in words]}


def _card(manifest: RunManifest, folder: DatasetWriter, prompts: bool) -> str:
    collection = manifest.collection
    arguments = ", ".join(f"{name}={value}" for name, value in collection.arguments.items())
    tasks = "\n".join(
        f"| {name} | {task.version} | {len(task.samples)} | {task.repeats} |" for name, task in manifest.tasks.items()
    )
    configs = "\n".join(f"| `{name}` | {n_rows} |" for name, n_rows in folder.counts.items())
    schema = (exported.__doc__ or "").partition("\n\n")[2].strip()
    licences = "\n".join(f"- {terms_of(family)}" for family in sorted({task.family for task in manifest.tasks.values()}))
    left_out = (
        "The prompts are in the `user` channel."
        if prompts
        else "The prompts were left out: no audio of the user, and no text of words and annotations; their times are there."
    )
    return f"""# {collection.model}: recordings and scores

Conversations of **{collection.model}**{f" ({arguments})" if arguments else ""}, recorded and scored with
fdbench {collection.fdbench}; run `{manifest.run_id}`, clock `{collection.clock}`,
placement `{collection.placement}`, seed {collection.seed}. Everything about the run is in `fdbench/manifest.json`.

| task | version | samples | repeats |
|---|---|---|---|
{tasks}

| config | rows |
|---|---|
{configs}

    datasets.load_dataset(FOLDER, "recordings", split="test")
    fdbench score FOLDER --asr ENGINE                  # the same numbers again, without the original data

Every number in `summaries` carries its signature: task and version, protocol, recogniser, detector, judge, clock, placement.
Two numbers compare only where theirs agree.

## Columns

{as_block(schema)}

## Licence

{left_out} Where prompts come from:

{licences}

The model's replies are under the terms of whoever made the recordings.
"""
