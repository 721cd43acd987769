"""``manifest.json``: what a run collected and how, with hashes, without times or hosts.

Two collections with the same settings share a folder and resume each other; any other setting is another folder,
because the run id is made from the settings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from fdbench.core.placement import PUBLISHED
from fdbench.core.take_id import MAIN, TakeId
from fdbench.errors import DataError, UsageError
from fdbench.io.files import digest_of
from fdbench.store.stored import SCHEMA, Stored

MANIFEST = "manifest.json"
MOST_SHIFT_S = 600.0
"""No script places a reply further from where it was recorded."""


Seconds = Annotated[float, Field(ge=0, le=86_400)]
"""How long a part of a call may be; none is longer than a day."""

Argument = str | bool | int | float | None


def _one_name(folder: str) -> str:
    if folder in ("", ".", "..") or "/" in folder or "\0" in folder:
        raise ValueError(f"expected the name of a folder under scores/, found {folder!r}")
    return folder


class Collection(Stored):
    """The settings that determine what a call gives.

    Attributes:
        files: By argument that names a file or folder, the hash of its content.
        condition_facts: All that the condition does to sound; nothing where it is ``clean``.
        edition: Name of the private edition whose prompts were played; empty for any other data.
        examiner: What was asked of whoever holds dialogues, beyond what is usual.
    """

    later: ClassVar[tuple[str, ...]] = ("files", "condition_facts", "edition", "examiner")
    model: str
    kind: Literal["trivial", "model", "recordings"]
    adapter: str
    arguments: dict[str, Argument]
    files: dict[str, str] = Field(default={})
    weights_revision: str | None = None
    clock: str
    placement: str = "causal"
    slots: int = Field(ge=1)
    seed: int
    condition: str = "clean"
    condition_facts: dict[str, Any] = Field(default={})
    edition: str = ""
    examiner: dict[str, Argument] = Field(default={})
    lead_in_s: Seconds
    tail_silence_s: Seconds
    tail_limit_s: Seconds
    published_shift_s: float = Field(default=0.0, allow_inf_nan=False)
    fdbench: str

    @property
    def condition_signature(self) -> str:
        """The condition as signatures write it: with its version, where it does anything.

        Where libraries or the user's own noise make it, a hash of these goes with it.
        """
        facts = self.condition_facts
        if not facts:
            return self.condition
        builds = {name: facts[name] for name in ("libraries",) if facts.get(name)}
        folders = [each["sha256"] for each in facts.get("to_model", ()) if "sha256" in each]
        content = f":{digest_of({**builds, 'noise': folders})[:8]}" if builds or folders else ""
        return f"{self.condition}@{facts['version']}{content}"

    @property
    def run_id(self) -> str:
        """Slug of the model and a hash of everything that determines a call.

        fdbench's own version, and where others would have placed the same replies, are recorded and not hashed.
        """
        slug = re.sub(r"[^a-z0-9]+", "-", self.model.lower()).strip("-") or "model"
        return f"{slug}-{digest_of(self.model_dump(exclude={'fdbench', 'published_shift_s'}))[:10]}"

    def shift_s_to(self, placement: str) -> float:
        """How far the model's channel has to be moved from where it was recorded.

        Raises:
            UsageError: It is not known where others would have placed it.
        """
        if placement != PUBLISHED:
            return 0.0
        if self.kind == "recordings":
            raise UsageError(
                f"--placement {placement}: {self.model} was recorded elsewhere, and lies where it was given",
                "leave it out; `fdbench run` has --arg offset_s=S to say where such recordings begin",
            )
        if not self.published_shift_s:
            raise UsageError(
                f"--placement {placement}: this run of {self.model} has no published placement on record (shift 0 s)",
                "leave it out: replies then are scored where they could first be heard",
            )
        return self.published_shift_s

    def placement_at(self, shift_s: float) -> str:
        """Where the model's channel lies after it was moved."""
        return PUBLISHED if shift_s else self.placement


IsRecorded = Callable[[str], bool]


class CollectedSample(Stored):
    """A sample that was asked for.

    Attributes:
        digest: Of its prompt and annotations; None where its data is broken.
        repeats: How many calls with it were asked for.
    """

    digest: str | None
    repeats: int = Field(ge=1)

    def joined_with(self, before: CollectedSample | None) -> CollectedSample:
        if before is None:
            return self
        return CollectedSample(digest=self.digest or before.digest, repeats=max(self.repeats, before.repeats))


class CollectedTask(Stored):
    """A task of the run, and which of its samples were asked for, by id.

    Attributes:
        stimuli: With which stimuli of each sample a call was to be made.
        examiner: Of dialogues, what determines how a model was examined.
    """

    later: ClassVar[tuple[str, ...]] = ("stimuli", "examiner")
    version: int
    family: str
    behaviour: str
    samples: dict[str, CollectedSample]
    stimuli: Annotated[tuple[str, ...], Field(strict=False)] = (MAIN,)
    examiner: dict[str, str] = Field(default={})

    @property
    def repeats(self) -> int:
        return max((sample.repeats for sample in self.samples.values()), default=1)

    def changed_since(self, before: CollectedTask, is_recorded: IsRecorded) -> list[str]:
        """Ids whose content is not what it was when they were recorded; one never recorded may be repaired."""
        return [
            sample_id
            for sample_id, sample in self.samples.items()
            if sample.digest
            and sample_id in before.samples
            and before.samples[sample_id].digest not in (None, sample.digest)
            and is_recorded(sample_id)
        ]


class Scored(Stored):
    """One scoring of the run.

    Attributes:
        folder: Under ``scores/``.
        tasks: Hash of the tasks that it covers.
        takes: Hash of the records of the calls that it covers; None in runs scored before it was kept.
        shift_s: How far the model's channel was moved from where it was recorded: 0, or to its published place.
        human: People beside whom it was set, by name and digest; empty for those that come with fdbench.
    """

    later: ClassVar[tuple[str, ...]] = ("human",)
    folder: Annotated[str, AfterValidator(_one_name)]
    protocol: str
    engines: dict[str, str]
    tasks: str
    takes: str | None = None
    shift_s: float = Field(default=0.0, ge=-MOST_SHIFT_S, le=MOST_SHIFT_S)
    human: str = ""

    @property
    def right_folder(self) -> str:
        """The folder that follows from everything else."""
        return scores_folder(self.protocol, self.engines, self.shift_s, self.human)

    def covers_the_same(self, other: Scored) -> bool:
        """Whether both were made from the same samples and the same calls, as far as is known."""
        return self.tasks == other.tasks and (self.takes == other.takes or None in (self.takes, other.takes))


class RunManifest(Stored):
    """The whole file.

    Attributes:
        has_prompts: Whether what users said is in the folder; False of a run that was exported without it.
        name: What its user calls it, beside its id; empty where nobody gave it a name.
    """

    later: ClassVar[tuple[str, ...]] = ("has_prompts", "name")
    schema_: Literal[1] = Field(default=SCHEMA, alias="schema")
    run_id: str
    collection: Collection
    tasks: dict[str, CollectedTask] = Field(default_factory=dict)
    scored: list[Scored] = Field(default_factory=list)
    has_prompts: bool = True
    name: str = ""

    def with_tasks(
        self, tasks: Mapping[str, CollectedTask], is_recorded: Callable[[str, str], bool] = lambda task, sample_id: True
    ) -> RunManifest:
        """The manifest after collecting ``tasks`` too; samples of a task already there are joined.

        Args:
            is_recorded: Whether there is a recording of a sample (task, id), which another content would belie.

        Raises:
            DataError: A task's content changed since it was collected: two versions must not share a run.
        """
        joined = dict(self.tasks)
        for name, task in tasks.items():
            before = joined.get(name, task)
            changed = task.changed_since(before, partial(is_recorded, name))
            if before.version != task.version or changed:
                raise DataError(
                    f"{self.run_id}: task {name} was collected as version {before.version}, the data is now version "
                    f"{task.version}"
                    + (f" and differs in {', '.join(changed[:5])} ({len(changed)} samples)" if changed else ""),
                    "use another --out, or remove the run's folder",
                )
            if before.examiner != task.examiner:
                differs = [name for name in task.examiner if before.examiner.get(name) != task.examiner[name]]
                raise DataError(
                    f"{self.run_id}: {name} was held by another examiner ({', '.join(differs)} differ)",
                    "use another --out, or remove the run's folder",
                )
            now = {sample_id: sample.joined_with(before.samples.get(sample_id)) for sample_id, sample in task.samples.items()}
            joined[name] = task.model_copy(update={"samples": dict(sorted({**before.samples, **now}.items()))})
        return self.model_copy(update={"tasks": dict(sorted(joined.items()))})

    def named(self, name: str) -> RunManifest:
        """The manifest of a run that is called so; nothing = as it was called before."""
        return self.model_copy(update={"name": name}) if name else self

    def takes(self, task: str | None = None) -> Iterator[TakeId]:
        """Every call that was asked for, or of one task, in the order of tasks, samples, repeats and stimuli."""
        for name in self.tasks if task is None else (task,):
            for sample_id in self.tasks[name].samples:
                yield from self.takes_of(name, sample_id)

    def takes_of(self, task: str, sample_id: str) -> Iterator[TakeId]:
        """Every call with one sample that was asked for."""
        for repeat in range(self.tasks[task].samples[sample_id].repeats):
            for stimulus in self.tasks[task].stimuli:
                yield TakeId(task, sample_id, stimulus, repeat, self.collection.condition)

    @property
    def tasks_digest(self) -> str:
        return digest_of({name: task.model_dump() for name, task in self.tasks.items()})

    def with_scored(self, scored: Scored) -> RunManifest:
        """The manifest with a scoring entered; scorings of other samples or calls than there are now are stale and dropped."""
        others = [other for other in self.scored if other.folder != scored.folder and other.covers_the_same(scored)]
        return self.model_copy(update={"scored": sorted([*others, scored], key=lambda each: each.folder)})

    @classmethod
    def read(cls, folder: Path) -> RunManifest:
        """Read a run's manifest.

        Raises:
            DataError: Missing or not a manifest; names file and field.
        """
        if not (folder / MANIFEST).is_file():
            raise DataError(f"{folder}: holds no {MANIFEST}, so it is not a run", "name the folder that `fdbench run` printed")
        return cls.read_file(folder / MANIFEST, "the file was edited or written by another version")


def scores_folder(protocol: str, engines: Mapping[str, str], shift_s: float = 0.0, human: str = "") -> str:
    """Name of a scoring's folder: the protocol and a hash of everything that made the annotations and verdicts.

    Args:
        shift_s: How far the model's channel was moved from where it was recorded.
        human: As in ``Scored``.
    """
    unusual = {name: value for name, value in (("shift_s", shift_s), ("human", human)) if value}
    return f"{protocol}-{digest_of({'protocol': protocol, **engines, **unusual})[:10]}"
