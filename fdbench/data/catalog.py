"""What can be fetched: the archives of the tasks, and upstream's text files at one commit.

Archives are what the tasks' own files say (``tasks/*.yaml``): folder, clips and Drive id; and root folder, licence and hash of
the archive where those are not v1.0's. So a new set is its task's file and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fdbench.errors import UsageError, unknown_name
from fdbench.task.spec import LICENCE, ROOT, TaskSpec

_COMMIT: Final = "d7336bda1385872b83b48a8d45d9c0003836a60d"
_REPOSITORY: Final = f"https://raw.githubusercontent.com/DanielLin94144/Full-Duplex-Bench/{_COMMIT}"
_RAW: Final = f"{_REPOSITORY}/v1_v1.5/evaluation"
_SUFFIXES: Final = (".zip", ".tar.gz", ".tgz", ".tar.xz", ".tar")


@dataclass(frozen=True, slots=True)
class Part:
    """A set of clips, which comes in an archive; or one text file.

    Attributes:
        name: Of a set, also that of its folder.
        source: Its address, for a browser, too.
        place: Where it is put, below the data's folder.
        tasks: Tasks that need it; a judge's prompts are needed by none.
        sha256: Of the archive or text, where a hash is published; nobody has published one for the archives of v1.0.
        n_clips: In the published set; None for a text file.
        also_for: Families, beside its own, that it is fetched with.
        root: The folder, below the data's, in which sets of its release lie.
    """

    name: str
    source: str
    place: str
    tasks: tuple[str, ...] = ()
    sha256: str | None = None
    n_clips: int | None = None
    root: str = ROOT
    licence: str = LICENCE
    family: str = "v1"
    also_for: tuple[str, ...] = ()

    @property
    def file_names(self) -> tuple[str, ...]:
        """What its file may be called where others keep a copy."""
        if self.n_clips is None:
            return (self.place.rpartition("/")[2],)
        return tuple(self.name + suffix for suffix in _SUFFIXES)

    @property
    def by_hand(self) -> str:
        """How to get it where fdbench cannot."""
        return f"open {self.source} in a browser, save it as {self.file_names[0]}, and run again with --mirror FOLDER"


JUDGE_PROMPTS: Final = Part(
    name="judge_prompts",
    source=f"{_RAW}/eval_user_interruption.py",
    place="upstream/v1_v1.5/evaluation/eval_user_interruption.py",
    sha256="e701c14579c1477577b262265cfff75b28ac2e057beee5ba82572afa2a35963a",
    also_for=("v1.5", "v2"),  # the other prompts are looked for beside it
)
"""Read as text by ``--judge-prompts upstream``; never run."""
BEHAVIOUR_PROMPT: Final = Part(
    name="behaviour_prompt",
    source=f"{_RAW}/instruction/behavior.txt",
    place="upstream/v1_v1.5/evaluation/instruction/behavior.txt",
    sha256="19e5477dac9a9a1e11de126783a0b820b3ecb70db5e91181824fa944e1947977",
    family="v1.5",
)
"""The same for what a model does in an overlap."""
DIALOGUE_PROMPTS: Final = Part(
    name="dialogue_prompts",
    source=f"{_REPOSITORY}/v2/eval/eval_prompts.json",
    place="upstream/v2/eval/eval_prompts.json",
    sha256="3c1540512de3fce1ed804d842a2f262d815ca37acfe626f3a1712e7765ee34c9",
    family="v2",
)
"""The same for dialogues."""
STAGED: Final = "staged_dialogues"


def catalogue(specs: Mapping[str, TaskSpec]) -> dict[str, Part]:
    """Every part by name: archives first (one per folder, whatever number of tasks share it), then text files."""
    sets: dict[str, Part] = {}
    texts: dict[str, Part] = {}
    for spec in specs.values():
        source = spec.source
        if source.kind == "staged":
            texts[STAGED] = Part(
                name=STAGED,
                source=f"{_REPOSITORY}/{source.file}",
                place=f"upstream/{source.file}",
                tasks=(*(texts[STAGED].tasks if STAGED in texts else ()), spec.name),
                sha256=source.sha256,
                family=spec.family,
            )
        if source.kind != "fdb":
            continue
        tasks = (*(sets[source.folder].tasks if source.folder in sets else ()), spec.name)
        part = sets[source.folder] = Part(
            name=source.folder,
            source=f"https://drive.google.com/uc?id={source.drive_id}",
            place=f"{source.root}/{source.folder}",
            tasks=tasks,
            sha256=source.archive_sha256,
            n_clips=source.n,
            root=source.root,
            licence=source.licence,
            family=spec.family,
        )
        if source.human_timing is not None:
            name, file = source.human_timing.rsplit(".", 1)[0], source.human_timing
            place, sha256 = f"{source.root}/{file}", source.sha256[file]
            texts[name] = replace(part, name=name, source=f"{_RAW}/{file}", place=place, sha256=sha256, n_clips=None)
    return {**sets, **texts, **{part.name: part for part in (JUDGE_PROMPTS, BEHAVIOUR_PROMPT, DIALOGUE_PROMPTS)}}


def select_parts(words: Sequence[str], specs: Mapping[str, TaskSpec]) -> list[Part]:
    """The parts that a user means, each once, in the catalogue's order.

    Args:
        words: Names of parts; names of tasks (everything that the task needs); a family; ``all``. May hold commas.
        specs: From ``fdbench.task.load.task_specs``.

    Raises:
        UsageError: A name is unknown, or belongs to a task that ships with fdbench and needs nothing; or there is none.
    """
    parts = catalogue(specs)
    names = {name: {"all", name, part.family, *part.also_for, *part.tasks} for name, part in parts.items()}
    known = set().union(*names.values())
    wanted = [word.strip() for text in words for word in text.split(",") if word.strip()]
    if not wanted:
        raise UsageError("no part of the data is named", f"known: {', '.join(sorted(known))}")
    for word in wanted:
        if word not in known and any(word in (spec.name, spec.family) for spec in specs.values()):
            raise UsageError(f"'{word}' ships with fdbench", "there is nothing to fetch or to check for it")
        if word not in known:
            raise unknown_name("part of the data", word, known)
    return [part for name, part in parts.items() if names[name] & set(wanted)]
