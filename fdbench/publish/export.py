"""`fdbench data export`: the samples of tasks as a Hugging Face dataset, in the schema of ``fdbench.task.rows``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fdbench.core.conversation import Sample
from fdbench.errors import DataError
from fdbench.io.wav import decode_audio
from fdbench.publish.dataset_folder import DatasetWriter, writing
from fdbench.task import rows
from fdbench.task.cells import prompt_file
from fdbench.task.data import Data
from fdbench.task.load import LoadedTask, load_samples, select_tasks
from fdbench.task.rows import SAMPLE, config_of, sample_row

LICENCES: Final = {
    "mini": "mini: part of fdbench (MIT).",
    "v1": "v1: Full-Duplex-Bench v1.0, CC BY-NC 4.0 (https://github.com/DanielLin94144/Full-Duplex-Bench); "
    "prompts and annotations may be shared under the same terms, with attribution, and not for commercial use.",
}


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
    """Write the samples of tasks, one config per task.

    A sample whose data is broken, or whose prompt cannot be decoded, is left out and told.

    Args:
        tasks: As for ``--tasks``.

    Raises:
        FdbenchError: An unknown task, missing data, ``datasets`` is not installed, or the target holds something else.
    """
    left_out: list[str] = []
    notes: list[str] = []
    with writing(target, "samples", force=force) as folder:
        lines = []
        for spec in select_tasks(tasks, data):
            loaded = load_samples(spec, data)
            notes += loaded.notes
            left_out += [f"{spec.name} {each.id}: left out: {each.message}" for each in loaded.broken]
            n_written = _export_task(folder, loaded, left_out)
            lines.append(f"| `{config_of(spec.name)}` | {spec.behaviour} | {n_written} | {spec.version} | {spec.summary} |")
        folder.finish(_card(lines, sorted({spec.family for spec in select_tasks(tasks, data)})))
        return Exported(target, folder.counts, tuple(left_out), tuple(notes))


def _export_task(folder: DatasetWriter, loaded: LoadedTask, left_out: list[str]) -> int:
    spec, n_written = loaded.spec, 0
    for sample in loaded.samples:
        try:
            prompt = prompt_file(sample.stimuli["main"], sample.id)
            audio = decode_audio(prompt[0], f"{spec.name} {sample.id}: {prompt[1]}")
            _check_text(sample)
        except DataError as error:
            left_out.append(f"{spec.name} {sample.id}: left out: {error.what}")
            continue
        digest = loaded.digests[sample.id] or ""
        folder.add(config_of(spec.name), SAMPLE, sample_row(sample, spec.version, spec.behaviour, digest, prompt, audio))
        n_written += 1
    return n_written


def _check_text(sample: Sample) -> None:
    words = sample.transcript.words if sample.transcript else ()
    for text in (*(event.text for event in sample.events), *(word.text for word in words)):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise DataError(f"{text!r} is no text in Unicode", "repair the annotation") from None


def _card(lines: Sequence[str], families: Sequence[str]) -> str:
    licences = "\n".join(f"- {LICENCES[family]}" for family in families)
    schema = (rows.__doc__ or "").partition("\n\n")[2].strip()
    return f"""# Prompts for full-duplex voice models

Samples as fdbench reads them, written by `fdbench data export`. Score a model on them with

    fdbench run --model MODEL --tasks available --data hf:ORG/NAME        # or --data FOLDER

| config | behaviour | clips | task version | |
|---|---|---|---|---|
{chr(10).join(lines)}

## Columns

{as_block(schema)}

## Licence

{licences}
"""


def as_block(text: str) -> str:
    """A text as a block of Markdown that keeps its lines."""
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())
