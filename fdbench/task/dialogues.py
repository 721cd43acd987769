"""Dialogues from a YAML file: the disk boundary of what an examiner says."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fdbench.core.conversation import Sample
from fdbench.core.dialogue import Dialogue, DialogueStage
from fdbench.core.goal import Answered, Carried, Confirmed, Corrected, Declined, Goal
from fdbench.core.plain_words import places_of, plain_words
from fdbench.errors import DataError
from fdbench.io.strict_yaml import Document, KeyPath, parse_yaml
from fdbench.task.stimulus import read_pinned

if TYPE_CHECKING:
    from fdbench.task.spec import DialogueSource, TaskSpec

SHIPPED: Final = "fdbench.tasks.mini"
FOLDER: Final = "dialogues"
FILE: Final = "dialogues.yaml"

Text = Annotated[str, Field(min_length=1)]
Spellings = Annotated[tuple[Text, ...], Field(min_length=1, strict=False)]


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_strip_whitespace=True)


class _WrittenCorrection(_Written):
    wanted: Spellings
    replaced: Spellings


class _WrittenEntity(_Written):
    entity: Spellings
    others: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    since: Text


class _WrittenRefusal(_Written):
    complied: Spellings
    declines: Annotated[tuple[Text, ...], Field(strict=False)] = ()


class _WrittenGoal(_Written):
    """Exactly one of the kinds."""

    confirm: Annotated[tuple[Spellings, ...], Field(min_length=1, strict=False)] | None = None
    corrected: _WrittenCorrection | None = None
    carried: _WrittenEntity | None = None
    declined: _WrittenRefusal | None = None
    answered: int | None = Field(default=None, ge=1)


class _WrittenStage(_Written):
    name: Annotated[str, Field(pattern=r"^T[1-9]$")]
    line: Text
    again: str
    goal: _WrittenGoal
    corrects: str = ""


class _WrittenDialogue(_Written):
    id: Annotated[str, Field(pattern=r"^[a-z0-9_.-]+$")]
    family: Literal["daily", "correction", "entity_tracking", "safety"]
    instructions: str = ""
    opening: str = ""
    closing: Text
    stages: Annotated[tuple[_WrittenStage, ...], Field(min_length=1, max_length=9, strict=False)]


class _WrittenFile(_Written):
    schema_: Literal[1] = Field(alias="schema")
    dialogues: Annotated[tuple[_WrittenDialogue, ...], Field(min_length=1, strict=False)]


def read_pinned_dialogues(spec: TaskSpec, source: DialogueSource, folder: Path) -> tuple[Sample, ...]:
    """The samples of a task of dialogues.

    Args:
        folder: Where the source's file lies.

    Raises:
        DataError: The file is missing or not the one that its pin names, holds another number of dialogues, or as
            ``parse_dialogues``.
    """
    text = read_pinned(folder / source.file, source.sha256[source.file], "reinstall fdbench").decode()
    dialogues = parse_dialogues(text, f"tasks/{spec.family}/{source.file}")
    if len(dialogues) != source.n:
        raise DataError(f"{folder / source.file}: expected {source.n} dialogues, found {len(dialogues)}")
    return dialogue_samples(spec, dialogues)


def dialogue_samples(spec: TaskSpec, dialogues: Iterable[Dialogue]) -> tuple[Sample, ...]:
    """A sample for each dialogue."""
    return tuple(
        Sample(each.id, spec.name, {}, instructions=each.instructions or spec.instructions, dialogue=each) for each in dialogues
    )


def shipped_dialogues() -> tuple[Dialogue, ...]:
    """Those that ship with fdbench. Raises like ``parse_dialogues``."""
    text = (resources.files(SHIPPED) / FOLDER / FILE).read_text(encoding="utf-8")
    return parse_dialogues(text, f"tasks/mini/{FOLDER}/{FILE}")


def read_dialogues(path: Path) -> tuple[Dialogue, ...]:
    """Those of a file.

    Raises:
        DataError: It cannot be read; and as ``parse_dialogues``.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from None
    return parse_dialogues(text, str(path))


def parse_dialogues(text: str, name: str) -> tuple[Dialogue, ...]:
    """The dialogues of a YAML text, in its order.

    Args:
        text: The whole file.
        name: What errors call it.

    Raises:
        DataError: It is not strict YAML, a key is unknown, missing or of the wrong kind, or a goal does not fit its dialogue;
            names file and line.
    """
    document = parse_yaml(text, name)
    try:
        written = _WrittenFile.model_validate(document.value)
    except ValidationError as error:
        first = error.errors()[0]
        path: KeyPath = first["loc"]
        key = ".".join(map(str, path))
        problem = f"unknown key '{key}'" if first["type"] == "extra_forbidden" else f"{key}: {first['msg']}"
        raise DataError(f"{document.where(path)}: {problem}", "see fdbench/task/dialogues.py for the keys") from None
    seen: set[str] = set()
    dialogues = []
    for index, each in enumerate(written.dialogues):
        if each.id in seen:
            where = document.where(("dialogues", index, "id"))
            raise DataError(f"{where}: the dialogue '{each.id}' is there twice", "rename one")
        seen.add(each.id)
        dialogues.append(_dialogue(each, document, ("dialogues", index)))
    return tuple(dialogues)


def _dialogue(written: _WrittenDialogue, document: Document, path: KeyPath) -> Dialogue:
    stages: list[DialogueStage] = []
    for index, each in enumerate(written.stages):
        here = (*path, "stages", index)
        goals = _goals(each.goal)
        fault = "a goal of exactly one kind was expected" if len(goals) != 1 else _fault(each, goals[0], stages)
        if fault:
            where = document.where((*here, "goal"))
            raise DataError(f"{where}: {written.id} {each.name}: {fault}", "mend the stage or its goal")
        stages.append(DialogueStage(each.name, each.line, each.again, goals[0], each.corrects))
    return Dialogue(written.id, written.family, written.opening, tuple(stages), written.closing, written.instructions)


def _goals(written: _WrittenGoal) -> list[Goal]:
    goals: list[Goal] = []
    if written.confirm is not None:
        goals.append(Confirmed(written.confirm))
    if written.corrected is not None:
        goals.append(Corrected(written.corrected.wanted, written.corrected.replaced))
    if written.carried is not None:
        goals.append(Carried(written.carried.entity, written.carried.others, written.carried.since))
    if written.declined is not None:
        goals.append(Declined(written.declined.complied, written.declined.declines))
    if written.answered is not None:
        goals.append(Answered(written.answered))
    return goals


def _fault(stage: _WrittenStage, goal: Goal, before: list[DialogueStage]) -> str:
    """What is wrong with a stage whose goal is this one; empty when nothing is."""
    lines = {each.name: f"{each.line} {each.again}" for each in before}
    if stage.name in lines:
        return "there is a stage of that name before it"
    if stage.corrects and stage.corrects not in lines:
        return f"it corrects '{stage.corrects}', which is no stage before it"
    own = f"{stage.line} {stage.again}"
    if isinstance(goal, Corrected) and not any(_says(line, goal.replaced) for line in lines.values()):
        return f"nobody has said '{goal.replaced[0]}' before"
    if isinstance(goal, Carried):
        if goal.since not in lines or not _says(lines[goal.since], goal.entity):
            return f"'{goal.entity[0]}' is not named in '{goal.since}', a stage before it"
        if _says(own, goal.entity):
            return f"'{goal.entity[0]}' is named in the stage itself, so it has not to be carried"
    return ""


def _says(text: str, spellings: tuple[str, ...]) -> bool:
    words = plain_words(text)
    return any(places_of(spelling, words) for spelling in spellings)
