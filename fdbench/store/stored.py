"""What every file that a run stores has in common: a strict schema, and errors that name file and field."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, ValidationError, model_serializer
from typing_extensions import Self

from fdbench.errors import DataError
from fdbench.io.files import read_json

M = TypeVar("M", bound=BaseModel)
SCHEMA: Final = 1
"""Of every file of a run."""


class Stored(BaseModel):
    """A value on disk; unknown keys are errors.

    Attributes:
        later: Fields that files of earlier versions do not have. At their default they are not written, so that the hash of
            what was written before stays what it was.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    later: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def _without_unused(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = write(self)
        unused = [name for name in self.later if getattr(self, name) == type(self).model_fields[name].default]
        return {name: value for name, value in written.items() if name not in unused}

    @classmethod
    def read_file(cls, path: Path, remedy: str) -> Self:
        """Read and validate a JSON file.

        Raises:
            DataError: Missing or not of this form; names file and field, and advises ``remedy``.
        """
        return read_parsed(cls, path, remedy)


LENIENT: Final = ConfigDict(extra="ignore", frozen=True, strict=True, allow_inf_nan=False)
"""For those who need a few keys of a file, and are to read it whatever else later versions put there."""


def read_parsed(model: type[M], path: Path, remedy: str) -> M:
    """Read a JSON file. Raises DataError where it is missing or not of the model's form; names file and field."""
    try:
        value = read_json(path)
    except DataError:
        parsed(model, read_json(path, finite=False), str(path), remedy)  # which can say where the number that is none is
        raise
    return parsed(model, value, str(path), remedy)


def parsed(model: type[M], value: Any, name: str, remedy: str) -> M:
    """A JSON value as a model; ``name`` is what errors call its file. Raises like ``read_parsed``."""
    written = value.get("schema") if isinstance(value, dict) else None
    if isinstance(written, int) and written > SCHEMA:
        what = f"{name}: a newer fdbench wrote it (schema {written}, this one reads {SCHEMA})"
        raise DataError(what, "install that version")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        found = "" if first["type"] in ("missing", "value_error") else f", found {first['input']!r}"[:80]
        raise DataError(f"{name}: {where}: {first['msg']}{found}", remedy) from None
