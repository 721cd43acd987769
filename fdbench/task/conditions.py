"""Conditions by name: what ``tasks/conditions.yaml`` says may stand between the two sides of a call."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fdbench.core.condition import NOTHING_BETWEEN, Condition
from fdbench.errors import DataError, unknown_name
from fdbench.io.strict_yaml import load_yaml
from fdbench.task.load import CONDITIONS


class _Written(BaseModel):
    """One entry of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    version: int = Field(ge=1)
    summary: str
    to_model: tuple[dict[str, Any], ...] = ()
    to_user: tuple[dict[str, Any], ...] = ()


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
        found[name] = Condition(name, written.version, written.to_model, written.to_user, written.summary)
    return found


def find_condition(name: str) -> Condition:
    """The condition that ``--condition NAME`` means.

    Raises:
        UsageError: Nothing has that name; names the nearest.
    """
    known = conditions()
    if name not in known:
        raise unknown_name("condition", name, known)
    return known[name]
