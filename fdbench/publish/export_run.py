"""`fdbench export RUN`: a run to publish. It is still a run, with its samples beside it, and its scores for who browses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from fdbench.core.conversation import Sample
from fdbench.core.sound import Audio
from fdbench.core.take_id import MAIN, TakeId
from fdbench.data.dataset_folder import write_card, write_config, writing
from fdbench.data.export import Exported, Prompt, licence_of, read_prompt, sample_rows, terms_of, twin_file
from fdbench.errors import DataError, UsageError
from fdbench.hear.cache import without_users_words
from fdbench.io.files import encode_json, parse_json
from fdbench.report.markdown import escape
from fdbench.stages.derive import cases_of
from fdbench.store.archive import Kind, copy_file, files_of
from fdbench.store.manifest import RunManifest, Scored
from fdbench.store.run import Run
from fdbench.store.take_files import PACK
from fdbench.task.cells import prompt_file
from fdbench.task.data import Data
from fdbench.task.load import TaskLoader
from fdbench.task.rows import INTEGER, NUMBER, STRING, TWIN_AUDIO, Columns, columns_of, config_of

SCORES: Final = "scores"
SCORE: Final[Columns] = {
    **dict.fromkeys(("scoring", "protocol", "placement", "asr", "vad", "judge", "take", "task", "id"), STRING),
    "repeat": INTEGER,
    "metric": STRING,
    "value": NUMBER,  # null unless the status is "scored"
    "status": STRING,
    "reason": STRING,
    "components": STRING,  # JSON
    "messages": [STRING],
}
_QUOTE_USERS: Final = ("user", "log", "verdict")
"""Files in which users are heard, or may be quoted."""
SCORE_AGAIN: Final = "score the run again: fdbench score RUN"
_NOTHING: Final = Audio(np.zeros(0, np.float32), 1)


def export_run(source: Path, data: Data | None, target: Path, *, prompts: bool = True, force: bool = False) -> Exported:
    """Write a run: its recordings, what was heard in them, its scores, and its samples.

    Args:
        source: The run's folder.
        data: Where the samples of its tasks are.
        prompts: False leaves out what the user says: its audio, the texts of words and annotations, and what a judge
            wrote about them. Times and ratings stay.

    Raises:
        FdbenchError: Not a run, missing data, ``datasets`` is not installed, or the target holds something else.
    """
    run = Run(source)
    if (run.folder / PACK).is_file():
        raise UsageError(f"{source}: is kept for its numbers alone ({PACK})", "export the run that was recorded")
    with run.locked(), writing(target, force=force) as folder:
        manifest, to = run.manifest(), Run(folder)
        prompts = prompts and manifest.has_prompts
        cases = cases_of(run, manifest, TaskLoader(data))
        left_out = list(_copy(run, manifest, to, prompts, partial(_scrubbed, run.folder, data.root if data else None)))
        takes = {run.takes_digest(manifest): to.takes_digest(manifest)}  # a record that was scrubbed has another hash
        scored = [each.model_copy(update={"takes": takes.get(str(each.takes), each.takes)}) for each in manifest.scored]
        to.write_manifest(manifest.model_copy(update={"scored": scored, "has_prompts": prompts}))
        counts = {}
        for name, task in manifest.tasks.items():
            # A sample without a stimulus has broken data; what is said of it follows from its not being there.
            samples = [case.sample for case in cases if case.repeat == 0 and case.sample.task == name and case.sample.stimuli]
            digests = {sample_id: each.digest for sample_id, each in task.samples.items()}
            read = _read_any_prompt if prompts else _read_no_prompt
            rows = sample_rows(samples, task.version, task.behaviour, digests, left_out, read)
            columns = columns_of(task.behaviour)
            counts[config_of(name)] = write_config(folder, config_of(name), columns, rows if prompts else map(_silent, rows))
        score_rows = [row for each in scored for row in _score_rows(to, manifest, each)]
        counts[SCORES] = write_config(folder, SCORES, SCORE, score_rows)
        families = sorted({task.family for task in manifest.tasks.values()})
        write_card(folder, counts, map(licence_of, families), _card(manifest, families, prompts))
    unheard = "the run has no stored annotations, without which it cannot be scored without prompts: fdbench annotate RUN"
    return Exported(target, counts, tuple(left_out), () if prompts or run.files_in("annotations") else (unheard,))


def _copy(run: Run, manifest: RunManifest, to: Run, prompts: bool, scrubbed: Callable[[str], str]) -> Iterator[str]:
    """Copy the run's files; yields a line for each that cannot be. Raises DataError where these are scores."""
    records = [record for record in map(run.record, manifest.takes()) if record is not None]
    tracks = {run.folder / track.file: track for record in records for track in record.tracks.values()}
    for kind, path in files_of(run, manifest):
        if not prompts and kind in _QUOTE_USERS:
            continue
        try:
            if path in tracks and path.is_file():
                run.load(tracks[path])  # else others would be given what was not recorded, beside numbers of what was
            copy_file(run, path, to, partial(_published, kind, prompts, scrubbed, run.relative(path)))
        except (DataError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            why = error.what if isinstance(error, DataError) else getattr(error, "strerror", None) or repr(error)
            what = f"cannot be read ({why})"
            if kind in ("scores", "summary"):
                raise DataError(f"{path}: {what}", SCORE_AGAIN) from None
            yield f"{path}: left out: {what}"


def _published(kind: Kind, prompts: bool, scrubbed: Callable[[str], str], file: str, content: bytes) -> bytes:
    """The content of a file as others are given it. Raises DataError where it is not what its kind has to be."""

    def scrub(facts: Any) -> Any:
        if isinstance(facts, list):
            return [scrub(each) for each in facts]
        if not isinstance(facts, dict):
            return facts
        facts = {name: scrub(each) for name, each in facts.items()}
        if "message" in facts:
            facts["message"] = scrubbed(facts["message"])
        if "messages" in facts:
            facts["messages"] = [scrubbed(message) for message in facts["messages"]]
        return facts

    if kind == "record":
        return encode_json(scrub(parse_json(content, file)))
    if kind == "scores":
        return b"".join(encode_json(scrub(parse_json(line, file)), indent=None) for line in content.splitlines())
    if kind == "rating" and not prompts:
        given = parse_json(content, file)
        return encode_json({"behaviour": given["behaviour"]} if "behaviour" in given else {"rating": given["rating"]})
    if kind == "annotation" and not prompts:
        return encode_json(without_users_words(parse_json(content, file)))
    return content


def _scrubbed(run: Path, data: Path | None, text: str) -> str:
    """A message without the folders of this machine, which say nothing about the run and something about its owner."""
    for place, name in ((run, "RUN"), (data, "DATA"), (Path.home(), "~")):
        for path in {place, place.resolve()} if place else ():
            if len(path.parts) > 1:
                text = text.replace(str(path), name)
    return text


def _read_any_prompt(sample: Sample) -> Prompt:
    """Also one that is no audio: the calls with it failed, and go on to be failed ones. A probe's is not all that was heard."""
    with suppress(DataError):
        if sample.reaction is None:
            return read_prompt(sample)
    return prompt_file(sample.stimuli[MAIN], sample.id), _NOTHING, twin_file(sample)


def _read_no_prompt(sample: Sample) -> Prompt:
    return (b"", ""), _NOTHING, (b"", "") if sample.has_twin else None


def _silent(row: dict[str, Any]) -> dict[str, Any]:
    """A sample without anything that the user says."""
    events = [{**event, "text": None} for event in row["events"]]
    words = row["words"] and [{**word, "text": None} for word in row["words"]]
    without: dict[str, Any] = {name: None for name in ("audio", TWIN_AUDIO) if name in row}
    return {**row, **without, "events": events, "words": words}


def _score_rows(run: Run, manifest: RunManifest, scored: Scored) -> Iterator[dict[str, Any]]:
    made_by = {name: scored.engines.get(name) for name in ("asr", "vad", "judge")}
    placement = manifest.collection.placement_at(scored.shift_s)
    scoring = {"scoring": scored.folder, "protocol": scored.protocol, "placement": placement, **made_by}
    path = run.samples_file(scored.folder)
    try:
        for line in (parse_json(text, run.relative(path)) for text in path.read_bytes().splitlines()):
            take = TakeId(line["task"], line["id"], repeat=line.get("repeat", 0), condition=manifest.collection.condition)
            facts = {"take": str(take), "task": take.task, "id": take.sample, "repeat": take.repeat}
            messages = line.get("messages", [])
            for metric, score in line["scores"].items():
                components = json.dumps(score.get("components", {}))
                yield {**scoring, **facts, "metric": metric, **score, "components": components, "messages": messages}
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{run.relative(path)}: not the scores of samples ({error!r})", SCORE_AGAIN) from None


def _card(manifest: RunManifest, families: list[str], prompts: bool) -> str:
    collection, model = manifest.collection, escape(manifest.collection.model)
    arguments = escape(", ".join(f"{name}={value}" for name, value in collection.arguments.items()))
    tasks = "\n".join(
        f"| {name} | {task.version} | {len(task.samples)} | {task.repeats} |" for name, task in manifest.tasks.items()
    )
    left_out = "What the user says was left out, as audio and as text; its times are there.\n" if not prompts else ""
    return f"""# {model}: recordings and scores

Conversations of **{model}**{f" ({arguments})" if arguments else ""}, recorded and scored with
fdbench {collection.fdbench}; run `{manifest.run_id}`, clock `{collection.clock}`,
placement `{collection.placement}`, seed {collection.seed}.

| task | version | samples | repeats |
|---|---|---|---|
{tasks}

The folder is the run itself: `manifest.json` says what was asked for, `takes/` what became of each call, `audio/` holds both
channels, `annotations/` what was heard in them, and `scores/` every number with the signature that says how it was made.
Two numbers compare only where theirs agree.

    fdbench show FOLDER                        # everything about the run
    fdbench score FOLDER --asr ENGINE          # the same numbers again, without the original data
    datasets.load_dataset(FOLDER, "scores")    # one row per scoring, take and metric, as they were when this was exported

## Licence

{left_out}Where prompts and annotations come from:

{chr(10).join(f"- {terms_of(family)}" for family in families)}

The model's replies are under the terms of whoever made the recordings.
"""
