"""Conditions by name: what ``tasks/conditions.yaml`` says may stand between the two sides of a call.

A name may be written with its version (``babble-10dB@1``); what a version does never changes, so another version is another
number. ``ladder:NAME`` means the conditions of one kind, from clean on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fdbench.core.condition import NOTHING_BETWEEN, Condition
from fdbench.core.take_id import CLEAN
from fdbench.errors import DataError, FdbenchError, UsageError, unknown_name
from fdbench.io.strict_yaml import load_yaml
from fdbench.task.load import CONDITIONS

LADDER: Final = "ladder:"
ALL: Final = "all"


class _Written(BaseModel):
    """One entry of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    version: int = Field(ge=1)
    summary: str
    to_model: tuple[dict[str, Any], ...] = ()
    to_user: tuple[dict[str, Any], ...] = ()
    accounts_delay: bool = False
    ladder: str = ""


@cache
def conditions() -> dict[str, Condition]:
    """Every condition by name, ``clean`` first.

    Raises:
        DataError: The file is damaged; names the condition and the field.
    """
    text = (resources.files("fdbench.tasks") / CONDITIONS).read_text(encoding="utf-8")
    found = {NOTHING_BETWEEN.name: NOTHING_BETWEEN}
    for name, facts in load_yaml(text, f"tasks/{CONDITIONS}").items():
        try:
            written = _Written.model_validate(facts)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise DataError(f"tasks/{CONDITIONS}: {name}: {where}: {first['msg']}", "mend the file") from None
        found[name] = Condition(name, **{field: getattr(written, field) for field in _Written.model_fields})
    return found


def find_condition(name: str, noise: str = "") -> Condition:
    """The condition that ``--condition NAME`` means.

    Args:
        noise: The folder of ``--noise``; what it holds becomes part of the condition.

    Raises:
        UsageError: Nothing has that name, or not that version; names the nearest. Or it needs ``--noise``.
        DataError: That noise cannot be read.
        MissingExtraError: It needs a library that is not installed.
    """
    from fdbench.audio.effects.table import builds_of

    known, (plain, at, version) = conditions(), name.partition("@")
    if plain not in known:
        raise unknown_name("condition", plain, known)
    found = known[plain]
    if at and version != str(found.version):
        raise UsageError(f"condition '{name}': {plain} is at version {found.version} here", f"name it {plain}")
    builds = builds_of((*found.to_model, *found.to_user))
    found = replace(found, libraries=builds) if builds else found
    return _with_folder(found, noise) if found.needs_folder else found


@dataclass(frozen=True, slots=True)
class Expanded:
    """What ``--condition`` means.

    Attributes:
        names: Of conditions, each once, in the order given.
        left_out: A line for each condition of a ladder that cannot be made here, with why.
    """

    names: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def expand_conditions(text: str, noise: str = "") -> Expanded:
    """The conditions that are meant.

    Args:
        text: Names with commas between them, each with its version or without; ``ladder:NAME`` or ``all`` among them. A ladder
            leaves out what cannot be made here; what was named must be made.
        noise: As in ``find_condition``.

    Raises:
        UsageError: As in ``find_condition``, or there is no such ladder.
    """
    known, names, left_out = conditions(), list[str](), dict[str, str]()
    of_noise = {name for name, each in known.items() if each.needs_folder}
    ladders = sorted({each.ladder for each in known.values() if each.ladder})
    for part in (part.strip() for part in text.split(",")):
        if part.startswith(LADDER) or part == ALL:
            wanted = part.removeprefix(LADDER)
            if part != ALL and wanted not in ladders:
                raise unknown_name("ladder", wanted, ladders)
            names.append(CLEAN)
            for name in (name for name, each in known.items() if part == ALL or each.ladder == wanted):
                try:
                    names.append(find_condition(name, noise).name)
                except FdbenchError as error:
                    left_out[name] = f"condition {name} is left out: {error.what}"
        else:
            names.append(find_condition(part, noise).name)
    if noise and not of_noise & set(names):
        raise UsageError(f"--noise {noise}: no condition that was named uses it", f"name one: {', '.join(sorted(of_noise))}")
    return Expanded(tuple(dict.fromkeys(names)), tuple(left_out.values()))


def _with_folder(condition: Condition, noise: str) -> Condition:
    from fdbench.audio.effects.material import digest_of_folder, from_folder
    from fdbench.audio.segments import VAD_RATE

    if not noise:
        raise UsageError(f"condition '{condition.name}' is made of your own noise", "say where that lies: --noise DIR")
    digest = digest_of_folder(noise)
    from_folder(noise, VAD_RATE)  # what cannot be played is refused before anything is written
    effects: list[Mapping[str, Any]] = [
        {**facts, "sha256": digest} if facts.get("kind") == "folder" else facts for facts in condition.to_model
    ]
    return replace(condition, to_model=tuple(effects), noise_folder=noise)
