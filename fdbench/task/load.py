"""Which tasks there are, which of them a user means, and their samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fdbench.core.conversation import Sample
from fdbench.errors import DataError, UsageError, unknown_name
from fdbench.io.files import digest_of
from fdbench.task.fdb_layout import AUDIO_MISSING, BrokenSample, natural_order, read_fdb_folder

if TYPE_CHECKING:
    from fdbench.task.spec import FdbSource, TaskSpec

ALL, AVAILABLE = "all", "available"
FAMILIES = ("mini", "v1")
_TASK_PACKAGES = ("fdbench.tasks", "fdbench.tasks.mini")
_ROOTS = ("v1.0", "v1_0", ".")


@dataclass(frozen=True, slots=True)
class LoadedTask:
    """A task with its samples.

    Attributes:
        samples: In natural order of ids; audio is not read yet.
        broken: Samples that cannot be used; they are counted as errors, never left out.
        digests: Hash of each sample's prompt and annotations, by id; None for a broken one.
        notes: A line for each thing that was left out: stray files, a transcription that cannot be read.
    """

    spec: TaskSpec
    samples: tuple[Sample, ...]
    broken: tuple[BrokenSample, ...]
    digests: Mapping[str, str | None]
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Of all samples together."""
        return digest_of(dict(self.digests))


def task_specs() -> dict[str, TaskSpec]:
    """Every task by name, ``mini`` first.

    Raises:
        DataError: A task file is damaged, or two have the same name.
    """
    from fdbench.task.spec import parse_task

    specs: dict[str, TaskSpec] = {}
    for package in _TASK_PACKAGES:
        for file in resources.files(package).iterdir():
            if not file.name.endswith(".yaml"):
                continue
            spec = parse_task(
                file.read_text(encoding="utf-8"), f"{package.removeprefix('fdbench.').replace('.', '/')}/{file.name}"
            )
            if spec.name in specs:
                raise DataError(f"{package}/{file.name}: the task {spec.name} is there twice", "rename or remove one")
            specs[spec.name] = spec
    return dict(sorted(specs.items(), key=lambda item: (FAMILIES.index(item[1].family), item[0])))


def select_tasks(expression: str, data: Path | None) -> list[TaskSpec]:
    """The tasks that ``--tasks`` means, each once, in the order of ``task_specs``.

    Args:
        expression: ``all``, a family, ``available`` (those whose data is there), task names; several with commas.
        data: What ``--data`` names: the folder that holds upstream's sets.

    Raises:
        UsageError: A name is unknown, or there is none.
        DataError: The data of a task asked for is missing; lists every such task, where it was looked for, and how
            to get it. ``available`` never raises it.
    """
    specs = task_specs()
    words = [word.strip() for word in expression.split(",") if word.strip()]
    if not words:
        raise UsageError("--tasks names no task", f"known: {', '.join([ALL, AVAILABLE, *FAMILIES, *specs])}")
    wanted: set[str] = set()
    required: set[str] = set()
    for word in words:
        if word == AVAILABLE:
            wanted |= {name for name, spec in specs.items() if _has_data(spec, data)}
        elif word == ALL or word in FAMILIES:
            required |= {name for name, spec in specs.items() if word in (ALL, spec.family)}
        elif word in specs:
            required.add(word)
        else:
            raise unknown_name("task", word, [ALL, AVAILABLE, *FAMILIES, *specs])
    missing = [spec for name, spec in specs.items() if name in required and not _has_data(spec, data)]
    if missing:
        raise _missing_data(missing, data)
    return [spec for name, spec in specs.items() if name in wanted | required]


def load_samples(spec: TaskSpec, data: Path | None) -> LoadedTask:
    """The samples of a task, without their audio.

    A sample of a set without its prompt is broken here, because nobody can be called with it.

    Args:
        spec: From ``task_specs`` or ``select_tasks``.
        data: What ``--data`` names; not needed for tasks that ship with fdbench.

    Raises:
        DataError: The data is missing or, for tasks that ship, not what their hashes say.
    """
    if spec.source.kind == "scripts":
        from fdbench.task.scripts import read_scripts

        folder = Path(str(resources.files(f"fdbench.tasks.{spec.family}")))
        samples: Sequence[Sample] = read_scripts(spec, spec.source, folder)
        return _loaded(spec, samples, ())
    found = find_set(data, spec.source.folder)
    if found is None:
        raise _missing_data([spec], data)
    timing = _find_human_timing(spec.source, found, data)
    read = read_fdb_folder(found, spec.name, spec.behaviour, timing)
    mute = [sample for sample in read.samples if "main" not in sample.stimuli]
    broken = [
        *read.broken,
        *(BrokenSample(each.id, AUDIO_MISSING, f"{found / each.id / 'input.wav'}: no such file") for each in mute),
    ]
    samples = [replace(sample, instructions=spec.instructions) for sample in read.samples if sample.stimuli]
    stray = (f"{found / name}: not a sample, left out" for name in read.stray)
    return replace(_loaded(spec, samples, broken), notes=(*read.notes, *stray))


def find_set(data: Path | None, folder: str) -> Path | None:
    """Where a set lies under ``--data``: below ``v1.0``, ``v1_0`` or directly, possibly one more level of its own name."""
    if data is None:
        return None
    for root in _ROOTS:
        place = data / root / folder
        for candidate in (place / folder, place):
            if candidate.is_dir():
                return candidate
    return None


def _loaded(spec: TaskSpec, samples: Iterable[Sample], broken: Iterable[BrokenSample]) -> LoadedTask:
    usable, unusable = [], list(broken)
    digests: dict[str, str | None] = {each.id: None for each in unusable}
    for sample in sorted(samples, key=lambda sample: natural_order(sample.id)):
        try:
            digests[sample.id] = digest_of([spec.instructions, _facts(sample)])
        except DataError as error:
            digests[sample.id] = None
            unusable.append(BrokenSample(sample.id, AUDIO_MISSING, error.what))
        else:
            usable.append(sample)
    unusable.sort(key=lambda each: natural_order(each.id))
    ordered = dict(sorted(digests.items(), key=lambda item: natural_order(item[0])))
    return LoadedTask(spec, tuple(usable), tuple(unusable), ordered)


def _facts(sample: Sample) -> dict[str, Any]:
    words = sample.transcript.words if sample.transcript else ()
    return {
        "id": sample.id,
        "stimuli": {name: stimulus.digest for name, stimulus in sample.stimuli.items()},
        "events": [[event.kind, event.span.start_s, event.span.end_s, event.text] for event in sample.events],
        "words": [[word.text, word.start_s, word.end_s] for word in words],
        "human_timing": list(sample.human_timing),
    }


def _has_data(spec: TaskSpec, data: Path | None) -> bool:
    return spec.source.kind == "scripts" or find_set(data, spec.source.folder) is not None


def _find_human_timing(source: FdbSource, found: Path, data: Path | None) -> Path | None:
    if source.human_timing is None or data is None:
        return None
    places = (found, found.parent, data)
    return next((place / source.human_timing for place in places if (place / source.human_timing).exists()), None)


def _missing_data(specs: Sequence[TaskSpec], data: Path | None) -> DataError:
    root = "DIR" if data is None else str(data)
    lines, commands = [], []
    for spec in specs:
        if spec.source.kind == "scripts":
            continue
        folder = spec.source.folder
        places = " or ".join(f"{root}/{place}/{folder}".replace("/./", "/") for place in _ROOTS)
        lines.append(f"{spec.name} ({spec.source.n} clips): " + (f"no folder {places}" if data else "no --data given"))
        commands.append(f"gdown {spec.source.drive_id}   # unpack so that {root}/v1.0/{folder}/<id>/input.wav is there")
    what = f"the data of {len(lines)} task(s) is missing:" + "".join(f"\n  {line}" for line in lines)
    advice = "\n  ".join(["fetch each archive from Google Drive (or use --tasks available to take what is there):", *commands])
    if data is None:
        advice += "\n  then run again with --data DIR"
    return DataError(what, advice)
