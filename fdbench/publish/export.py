"""`fdbench data export`: the samples of tasks as a Hugging Face dataset, in the schema of ``fdbench.task.rows``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fdbench.core.conversation import Sample
from fdbench.core.sound import Audio
from fdbench.core.take_id import MAIN
from fdbench.errors import DataError
from fdbench.io.wav import decode_audio
from fdbench.publish.dataset_folder import write_card, write_config, writing
from fdbench.task import rows
from fdbench.task.cells import prompt_file
from fdbench.task.data import Data
from fdbench.task.load import load_samples, select_tasks
from fdbench.task.rows import SAMPLE, config_of, sample_row

LICENCES: Final = {"mini": "mit", "v1": "cc-by-nc-4.0"}
"""Of a family's prompts and annotations, as the hub names them."""
TERMS: Final = {
    "mini": "- mini: part of fdbench (MIT).",
    "v1": "- v1: Full-Duplex-Bench v1.0, CC BY-NC 4.0 (https://github.com/DanielLin94144/Full-Duplex-Bench); "
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
    counts: dict[str, int] = {}
    specs = select_tasks(tasks, data)
    with writing(target, force=force) as folder:
        for spec in specs:
            loaded = load_samples(spec, data)
            notes += loaded.notes
            left_out += [f"{spec.name} {each.id}: left out: {each.message}" for each in loaded.broken]
            columns = sample_rows(loaded.samples, spec.version, spec.behaviour, loaded.digests, left_out)
            counts[config_of(spec.name)] = write_config(folder, config_of(spec.name), SAMPLE, columns)
        lines = [
            f"| `{config}` | {spec.behaviour} | {n_rows} | {spec.version} | {spec.summary} |"
            for (config, n_rows), spec in zip(counts.items(), specs, strict=True)
        ]
        families = sorted({spec.family for spec in specs})
        write_card(folder, counts, [LICENCES[family] for family in families], _card(lines, families))
    return Exported(target, counts, tuple(left_out), tuple(notes))


def read_prompt(sample: Sample) -> tuple[tuple[bytes, str], Audio]:
    """A prompt's file and its name, and what is in it. Raises DataError."""
    content, name = prompt_file(sample.stimuli[MAIN], sample.id)
    return (content, name), decode_audio(content, f"{sample.task} {sample.id}: {name}")


def sample_rows(
    samples: Iterable[Sample],
    version: int,
    behaviour: str,
    digests: Mapping[str, str | None],
    left_out: list[str],
    read: Callable[[Sample], tuple[tuple[bytes, str], Audio]] = read_prompt,
) -> Iterator[dict[str, Any]]:
    """The rows of a task's samples.

    Args:
        version, behaviour: Of the task.
        left_out: Is given a line for each sample that cannot be written.
        read: Gives the prompt; audio without length is none.
    """
    for sample in samples:
        try:
            prompt, audio = read(sample)
            _check_text(sample)
        except DataError as error:
            left_out.append(f"{sample.task} {sample.id}: left out: {error.what}")
        else:
            row = sample_row(sample, version, behaviour, digests[sample.id] or "", prompt, audio)
            yield row if len(audio.samples) else {**row, "sample_rate": None, "duration_s": None}


def _check_text(sample: Sample) -> None:
    words = sample.transcript.words if sample.transcript else ()
    for text in (*(event.text for event in sample.events), *(word.text for word in words)):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise DataError(f"{text!r} is no text in Unicode", "repair the annotation") from None


def _card(lines: Sequence[str], families: Sequence[str]) -> str:
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

{chr(10).join(TERMS[family] for family in families)}
"""
