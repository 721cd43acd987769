"""What can be fetched: the archives of the tasks, and upstream's text files at one commit.

Archives are what the tasks' own files say (``tasks/*.yaml``): folder, clips and Drive id; and root folder, licence and hash of
the archive where those are not v1.0's. So a new set is its task's file and nothing else. What no task's file names is a line of
``_FURTHER_PARTS``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fdbench.errors import UsageError, unknown_name
from fdbench.task.spec import LICENCE, ROOT, TaskSpec

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
        root: The folder, below the data's, in which the set's folder lies.
    """

    name: str
    tasks: tuple[str, ...]
    n_clips: int
    drive_id: str
    sha256: str | None = None
    root: str = ROOT
    licence: str = LICENCE
    family: str = "v1"

    @property
    def place(self) -> str:
        """Its folder, below the data's root."""
        return f"{self.root}/{self.name}"

    @property
    def source(self) -> str:
        """For a browser, too."""
        return f"https://drive.google.com/uc?id={self.drive_id}"


@dataclass(frozen=True, slots=True)
class TextFile:
    """One of upstream's text files, at one commit and with one hash.

    Attributes:
        path: In upstream's repository.
        place: Below the data's root.
        tasks: Tasks that need it; a judge's prompts are needed by none.
        beside: The set beside whose folder it belongs, wherever that lies.
        base: Address of the repository's files at the pinned commit.
        root: Where that set is looked for.
    """

    name: str
    path: str
    place: str
    sha256: str
    tasks: tuple[str, ...] = ()
    beside: str | None = None
    base: str = RAW_BASE
    root: str = ROOT
    licence: str = LICENCE
    family: str = "v1"

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
_FURTHER_PARTS: Final[tuple[Part, ...]] = (JUDGE_PROMPTS,)


def catalogue(specs: Mapping[str, TaskSpec]) -> dict[str, Part]:
    """Every part by name: archives first (one per folder, whatever number of tasks share it), then text files."""
    archives: dict[str, Part] = {}
    texts: dict[str, Part] = {}
    for spec in specs.values():
        if spec.source.kind != "fdb":
            continue
        source = spec.source
        known = archives.get(source.folder)
        tasks = (*known.tasks, spec.name) if known else (spec.name,)
        shared = (source.root, source.licence, spec.family)
        archives[source.folder] = Archive(source.folder, tasks, source.n, source.drive_id, source.archive_sha256, *shared)
        if source.human_timing is not None:
            name = source.human_timing.rsplit(".", 1)[0]
            path, place = f"{_HUMAN_TIMING_FOLDER}/{source.human_timing}", f"{source.root}/{source.human_timing}"
            sha256 = source.sha256[source.human_timing]
            texts[name] = TextFile(name, path, place, sha256, (spec.name,), source.folder, RAW_BASE, *shared)
    return {**archives, **texts, **{part.name: part for part in _FURTHER_PARTS}}


def select_parts(words: Sequence[str], specs: Mapping[str, TaskSpec]) -> list[Part]:
    """The parts that a user means, each once, in the catalogue's order.

    Args:
        words: Names of parts; names of tasks (everything that the task needs); a family; ``all``. May hold commas.
        specs: From ``fdbench.task.load.task_specs``.

    Raises:
        UsageError: A name is unknown, or belongs to a task that ships with fdbench and needs nothing.
    """
    parts = catalogue(specs)
    names = {name: {"all", name, part.family, *part.tasks} for name, part in parts.items()}
    wanted: set[str] = set()
    for word in filter(None, (each.strip() for text in words for each in text.split(","))):
        meant = {name for name, known in names.items() if word in known}
        if not meant and any(word in (spec.name, spec.family) for spec in specs.values()):
            raise UsageError(f"'{word}' ships with fdbench", "there is nothing to fetch for it")
        if not meant:
            raise unknown_name("part of the data", word, set().union(*names.values()))
        wanted |= meant
    if not wanted:
        families = sorted({part.family for part in parts.values()})
        raise UsageError("nothing to fetch was named", f"known: {', '.join(['all', *families, *parts])}")
    return [part for name, part in parts.items() if name in wanted]
