"""`fdbench data export --wav DIR`: prompts as WAV, to be played to a model elsewhere, and a list that says what each is.

::

    DIR/prompts.json                          what is there
        mini/turn_taking/tt-01.wav            a prompt; record the reply as OTHER/mini/turn_taking/tt-01.wav
        mini/overlap.../ui-01.clean.wav       a clean twin

A folder of replies of the same names is what ``--model recordings:OTHER`` takes as it is; ``n`` of the list is the ``{n}`` of
its patterns.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from fdbench.core.conversation import Sample
from fdbench.core.take_id import MAIN
from fdbench.data.export import Exported, licence_of, tasks_with_prompts, terms_of
from fdbench.errors import DataError, UsageError
from fdbench.io.files import encode_json, sha256_of, write_bytes_atomically
from fdbench.io.wav import encode_wav
from fdbench.task.data import Data
from fdbench.task.load import load_samples

LIST: Final = "prompts.json"


def export_wav(tasks: str, data: Data | None, target: Path, *, force: bool = False) -> Exported:
    """Write the prompts of tasks; what is left out is reported as by ``export_samples``.

    Args:
        tasks: As for ``--tasks``.

    Raises:
        FdbenchError: An unknown task, missing data, or the target holds something else.
    """
    if target.exists() and not target.is_dir():
        raise UsageError(f"--wav {target}: not a folder", "name a folder")
    if target.is_dir() and any(target.iterdir()) and not (target / LIST).is_file() and not force:
        raise UsageError(f"--wav {target}: the folder is not empty and holds no prompts", "name another one, or add --force")
    specs, notes, left_out = tasks_with_prompts(tasks, data)
    rows: list[dict[str, Any]] = []
    counts: dict[str, int] = {}
    for spec in specs:
        loaded = load_samples(spec, data)
        notes += loaded.notes
        left_out += [f"{spec.name} {name}: left out: {why.message}" for name, why in loaded.broken.items()]
        places = {sample_id: number for number, sample_id in enumerate(loaded.digests, 1)}
        for sample in loaded.samples:
            try:
                found = _written(sample, target, spec.stimuli)
            except DataError as error:
                left_out.append(f"{spec.name} {sample.id}: left out: {error.what}")
                continue
            place = {"task": spec.name, "id": sample.id, "n": places[sample.id], "instructions": spec.instructions}
            rows += [{**place, **each} for each in found]
        counts[spec.name] = sum(row["task"] == spec.name for row in rows)
    families = sorted({spec.family for spec in specs})
    terms = {family: {"licence": licence_of(family), "terms": terms_of(family)} for family in families}
    write_bytes_atomically(target / LIST, encode_json({"schema": 1, "licences": terms, "prompts": rows}))
    return Exported(target, {task: n for task, n in counts.items() if n}, tuple(left_out), tuple(notes))


def _written(sample: Sample, target: Path, stimuli: tuple[str, ...]) -> list[dict[str, Any]]:
    """The prompts of a sample, written. Raises DataError where one cannot be decoded."""
    rows = []
    for stimulus in stimuli:
        audio = sample.stimuli[stimulus].load()
        name = f"{sample.task}/{sample.id}{'' if stimulus == MAIN else f'.{stimulus}'}.wav"
        content = encode_wav(audio)
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes_atomically(path, content)
        facts = {"sample_rate": audio.sample_rate, "duration_s": round(audio.duration_s, 6), "sha256": sha256_of(content)}
        rows.append({"stimulus": stimulus, "file": name, **facts})
    return rows
