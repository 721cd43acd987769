"""`fdbench data export`: the samples of tasks as a Hugging Face dataset, in the schema of ``fdbench.task.rows``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from fdbench.core.behaviour import DIALOGUE, PROBES
from fdbench.core.conversation import Sample
from fdbench.core.sound import Audio
from fdbench.core.take_id import MAIN, TWIN
from fdbench.data.dataset_folder import write_card, write_config, writing
from fdbench.errors import DataError
from fdbench.io.wav import decode_audio
from fdbench.task import rows
from fdbench.task.cells import prompt_file
from fdbench.task.data import Data
from fdbench.task.load import load_samples, select_tasks, task_specs
from fdbench.task.rows import columns_of, config_of, sample_row
from fdbench.task.spec import TaskSpec


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote.

    Attributes:
        counts: Rows by config.
        left_out: A line for each sample or part that is not in it.
        notes: A line for each thing worth telling that is no loss.
    """

    folder: Path
    counts: Mapping[str, int]
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def export_samples(tasks: str, data: Data | None, target: Path, *, force: bool = False) -> Exported:
    """Write the samples of tasks, one config per task; seen whole or not at all.

    A sample whose data is broken, or whose prompt cannot be decoded, is left out and reported; so are dialogues and probes,
    which are more than prompts, as a note where nobody asked for them by name. An earlier export is replaced; what else lies
    in the folder (a ``.git``, say) stays.

    Args:
        tasks: As for ``--tasks``.

    Raises:
        FdbenchError: An unknown task, missing data, ``datasets`` is not installed, or the target holds something else.
    """
    specs, notes, left_out = tasks_with_prompts(tasks, data)
    counts: dict[str, int] = {}
    lines = []
    with writing(target, force=force) as folder:
        for spec in specs:
            loaded, config = load_samples(spec, data), config_of(spec.name)
            notes += loaded.notes
            left_out += [f"{spec.name} {name}: left out: {why.message}" for name, why in loaded.broken.items()]
            rows_of_task = sample_rows(loaded.samples, spec.version, spec.behaviour, loaded.digests, left_out)
            counts[config] = write_config(folder, config, columns_of(spec.behaviour), rows_of_task)
            lines.append(f"| `{config}` | {spec.behaviour} | {counts[config]} | {spec.version} | {spec.summary} |")
        counts = {config: n_rows for config, n_rows in counts.items() if n_rows}
        families = sorted({spec.family for spec in specs})
        write_card(folder, counts, map(licence_of, families), _card(lines, families))
    return Exported(target, counts, tuple(left_out), tuple(notes))


def tasks_with_prompts(tasks: str, data: Data | None) -> tuple[list[TaskSpec], list[str], list[str]]:
    """The tasks whose samples are prompts, a note for each other one, and a loss where such a one was asked for by name."""
    specs: list[TaskSpec] = []
    notes: list[str] = []
    left_out: list[str] = []
    named = {name.strip() for name in tasks.split(",")}
    for spec in select_tasks(tasks, data):
        if spec.behaviour not in (DIALOGUE, *PROBES):
            specs.append(spec)
            continue
        why = "a dialogue has no prompt: an examiner holds it"
        if spec.behaviour in PROBES:
            why = "a prompt is not all of a probe: its user reacts"
        (left_out if spec.name in named else notes).append(f"{spec.name}: left out: {why}")
    return specs, notes, left_out


def licence_of(family: str) -> str:
    """The licence under which a family's prompts come."""
    sources = (spec.source for spec in task_specs().values() if spec.family == family)
    return next((source.licence for source in sources if source.kind == "fdb"), "MIT")


def terms_of(family: str) -> str:
    """The same in a sentence."""
    licence = licence_of(family)
    if licence == "MIT":
        return f"{family}: part of fdbench (MIT)."
    where = "https://github.com/DanielLin94144/Full-Duplex-Bench"
    terms = "prompts and annotations may be shared under the same terms, with attribution, and not for commercial use."
    return f"{family}: Full-Duplex-Bench, {licence} ({where}); {terms}"


File: TypeAlias = "tuple[bytes, str]"
"""A prompt's file and that file's name."""
Prompt: TypeAlias = "tuple[File, Audio, File | None]"
"""The file of the main prompt, what is heard in it, and the file of its clean twin's."""


def read_prompt(sample: Sample) -> Prompt:
    """The prompts of a sample. Raises DataError where one cannot be decoded."""
    content, name = prompt_file(sample.stimuli[MAIN], sample.id)
    audio, twin = decode_audio(content, f"{sample.task} {sample.id}: {name}"), twin_file(sample)
    if twin is not None:
        decode_audio(twin[0], f"{sample.task} {sample.id}: {twin[1]}")
    return (content, name), audio, twin


def twin_file(sample: Sample) -> File | None:
    """The file of a clean twin's prompt; None where the sample has none. Raises DataError."""
    return prompt_file(sample.stimuli[TWIN], f"{TWIN}_{sample.id}") if sample.has_twin else None


def sample_rows(
    samples: Iterable[Sample],
    version: int,
    behaviour: str,
    digests: Mapping[str, str | None],
    left_out: list[str],
    read: Callable[[Sample], Prompt] = read_prompt,
) -> Iterator[dict[str, Any]]:
    """The rows of a task's samples.

    Args:
        version, behaviour: Of the task.
        left_out: Is given a line for each sample that cannot be written.
        read: Gives the prompt; audio without length is none.
    """
    for sample in samples:
        try:
            prompt, audio, twin = read(sample)
            _check_text(sample)
        except DataError as error:
            left_out.append(f"{sample.task} {sample.id}: left out: {error.what}")
        else:
            row = sample_row(sample, version, behaviour, digests[sample.id] or "", prompt, audio, twin)
            yield row if len(audio.samples) else {**row, "sample_rate": None, "duration_s": None}


def _check_text(sample: Sample) -> None:
    words = sample.transcript.words if sample.transcript else ()
    for text in (*(event.text for event in sample.events), *(word.text for word in words)):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise DataError(f"{text!r} is no text in Unicode", "repair the annotation") from None


def _card(lines: Sequence[str], families: Sequence[str]) -> str:
    licences = "\n".join(f"- {terms_of(family)}" for family in families)
    schema = (rows.__doc__ or "").partition("\n\n")[2].strip()
    return f"""# Prompts for full-duplex voice models

Samples as fdbench reads them, written by `fdbench data export`. Score a model on them with

    fdbench run --model MODEL --tasks available --data hf:ORG/NAME        # or --data FOLDER

| config | behaviour | clips | task version | |
|---|---|---|---|---|
{chr(10).join(lines)}

## Columns

{chr(10).join(f"    {line}".rstrip() for line in schema.splitlines())}

## Licence

{licences}
"""
