"""What ``models.yaml`` says about a model: the disk boundary of models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fdbench.errors import DataError
from fdbench.io.strict_yaml import parse_yaml

Kind = Literal["trivial", "model", "recordings"]
MOST_LEAD_IN_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What is known about a model before anything heavy is imported.

    Attributes:
        name: What the user types.
        adapter: ``module:Class`` under adapters/, an entry point's value, or ``path/to/file.py:Class``.
        origin: Where the name was found.
        arguments: Defaults that override those of the class.
        weights_revision: Of the weights, where there are any and the class does not say itself.
        licence: Of the weights, and what has to be accepted to get them.
        published_shift_s: From where a reply is recorded (causal placement) to where the model's official script writes it.
        read_on: When the vendor's own description was read from which the entry was written, as an ISO date.
    """

    name: str
    adapter: str
    origin: Literal["models.yaml", "entry point", "file", "object"]
    kind: Kind = "model"
    summary: str = ""
    clock: str = "lockstep"
    lead_in_s: float = 0.0
    tells_truth: bool = False
    weights_revision: str | None = None
    licence: str = ""
    published_shift_s: float = 0.0
    read_on: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)


class _Entry(BaseModel):
    """The keys of an entry, typed as strictly as those of a task: text is no number and a number is no text."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    adapter: str = Field(pattern=r"^[\w.]+:\w+$")
    kind: Literal["trivial", "model"] = "model"
    summary: str = ""
    clock: str = "lockstep"
    lead_in_s: float = Field(default=0.0, ge=0, le=MOST_LEAD_IN_S)
    tells_truth: bool = False
    weights_revision: str | None = None
    licence: str = ""
    published_shift_s: float = Field(default=0.0, ge=-MOST_LEAD_IN_S, le=MOST_LEAD_IN_S)
    read_on: str = Field(default="", pattern=r"^(\d{4}-\d{2}-\d{2})?$")
    arguments: dict[str, str | bool | int | float | None] = {}


@lru_cache(maxsize=1)
def parse_models(text: str, name: str) -> Mapping[str, ModelSpec]:
    """The models of a file.

    Args:
        text: The whole file.
        name: What errors call it.

    Raises:
        DataError: It is not strict YAML, or a key is unknown, missing or of the wrong kind; names file and line.
    """
    document = parse_yaml(text, name)
    specs = {}
    for model, facts in document.value.items():
        try:
            entry = _Entry.model_validate(facts)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, (model, *first["loc"])))
            found = "" if first["type"] == "missing" else f", found {first['input']!r}"[:80]
            remedy = f"an entry needs 'adapter' and may have {', '.join(sorted(_Entry.model_fields))}"
            raise DataError(f"{document.where((model, *first['loc']))}: {key}: {first['msg']}{found}", remedy) from None
        specs[model] = ModelSpec(name=model, origin="models.yaml", **entry.model_dump(exclude_unset=True))
    return specs
