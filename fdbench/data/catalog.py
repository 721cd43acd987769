"""What can be fetched: the archives of the tasks, and upstream's text files at one commit.

Archives are what the tasks' own files say (``tasks/*.yaml``: folder, clips, Drive id); nothing about them is repeated here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fdbench.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from fdbench.task.spec import TaskSpec

LICENCE: Final = "CC BY-NC 4.0"
"""Of the whole upstream repository, data and texts: fetched by the user, never shipped."""

ARCHIVE_ROOT: Final = "v1.0"
_COMMIT: Final = "d7336bda1385872b83b48a8d45d9c0003836a60d"
RAW_BASE: Final = f"https://raw.githubusercontent.com/DanielLin94144/Full-Duplex-Bench/{_COMMIT}"


@dataclass(frozen=True, slots=True)
class Archive:
    """A set of clips, packed.

    Attributes:
        name: Also the name of the set's folder.
        tasks: Tasks that need it.
        n_clips: Clips in the published set.
        sha256: Of the archive, where a hash is published; nobody has published one for v1.0.
    """

    name: str
    tasks: tuple[str, ...]
    n_clips: int
    drive_id: str
    sha256: str | None = None

    @property
    def place(self) -> str:
        """Its folder, below the data's root."""
        return f"{ARCHIVE_ROOT}/{self.name}"

    @property
    def browser_link(self) -> str:
        return f"https://drive.google.com/uc?id={self.drive_id}"

    @property
    def source(self) -> str:
        return self.browser_link


@dataclass(frozen=True, slots=True)
class TextFile:
    """One of upstream's text files, at one commit and with one hash.

    Attributes:
        path: In upstream's repository.
        place: Below the data's root.
        tasks: Tasks that need it; a judge's prompts are needed by none.
        beside: The set beside whose folder it belongs, wherever that lies.
        base: Address of the repository's files at the pinned commit.
    """

    name: str
    path: str
    place: str
    sha256: str
    tasks: tuple[str, ...] = ()
    beside: str | None = None
    base: str = RAW_BASE

    @property
    def file_name(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    @property
    def source(self) -> str:
        return f"{self.base}/{self.path}"


Part = Archive | TextFile

JUDGE_PROMPTS: Final = TextFile(
    name="judge_prompts",
    path="v1_v1.5/evaluation/eval_user_interruption.py",
    place="upstream/v1_v1.5/evaluation/eval_user_interruption.py",
    sha256="e701c14579c1477577b262265cfff75b28ac2e057beee5ba82572afa2a35963a",
)
"""Read as text by ``--judge-prompts upstream``; never run."""

_HUMAN_TIMING_FOLDER: Final = "v1_v1.5/evaluation"
_FURTHER_PARTS: Final[Mapping[str, tuple[Part, ...]]] = {"v1": (JUDGE_PROMPTS,)}
"""By family: what no task's file names. Sets that are no tasks can be added here as data."""


def catalogue(specs: Mapping[str, TaskSpec]) -> dict[str, Part]:
    """Every part by name: archives first (one per folder, whatever number of tasks share it), then text files."""
    parts: dict[str, Part] = {}
    texts: dict[str, Part] = {}
    for spec in specs.values():
        if spec.source.kind != "fdb":
            continue
        source = spec.source
        known = parts.get(source.folder)
        tasks = (*known.tasks, spec.name) if known else (spec.name,)
        parts[source.folder] = Archive(source.folder, tasks, source.n, source.drive_id)
        if source.human_timing is not None:
            name = source.human_timing.rsplit(".", 1)[0]
            texts[name] = TextFile(
                name,
                f"{_HUMAN_TIMING_FOLDER}/{source.human_timing}",
                f"{ARCHIVE_ROOT}/{source.human_timing}",
                source.sha256[source.human_timing],
                (spec.name,),
                beside=source.folder,
            )
    further = [part for family in _FURTHER_PARTS.values() for part in family]
    return {**parts, **texts, **{part.name: part for part in further}}


def select_parts(words: Sequence[str], specs: Mapping[str, TaskSpec]) -> list[Part]:
    """The parts that a user means, each once, in the catalogue's order.

    Args:
        words: Names of parts; names of tasks (everything that the task needs); a family; ``all``. May hold commas.
        specs: From ``fdbench.task.load.task_specs``.

    Raises:
        UsageError: A name is unknown, or belongs to a task that ships with fdbench and needs nothing.
    """
    parts = catalogue(specs)
    families = {spec.family for spec in specs.values() if spec.source.kind == "fdb"}
    wanted: set[str] = set()
    for word in (each.strip() for text in words for each in text.split(",")):
        if not word:
            continue
        if word == "all":
            wanted |= set(parts)
        elif word in families:
            wanted |= {name for name, part in parts.items() if any(specs[task].family == word for task in part.tasks)}
            wanted |= {part.name for part in _FURTHER_PARTS.get(word, ())}
        elif word in parts:
            wanted.add(word)
        elif word in specs or word in {spec.family for spec in specs.values()}:
            needed = {name for name, part in parts.items() if word in part.tasks}
            if not needed:
                raise UsageError(f"'{word}' ships with fdbench", "there is nothing to fetch for it")
            wanted |= needed
        else:
            raise unknown_name(
                "part of the data", word, {"all", *families, *parts, *(t for p in parts.values() for t in p.tasks)}
            )
    if not wanted:
        raise UsageError("nothing to fetch was named", f"known: {', '.join(['all', *sorted(families), *parts])}")
    return [part for name, part in parts.items() if name in wanted]
