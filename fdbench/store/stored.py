"""What every file that a run stores has in common: a strict schema, and errors that name file and field."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, ValidationError, model_serializer
from typing_extensions import Self

from fdbench.errors import DataError
from fdbench.io.files import read_json

SCHEMA: Final = 1
"""Of every file of a run."""


class Stored(BaseModel):
    """A value on disk; unknown keys are errors.

    Attributes:
        later: Fields that files of earlier versions do not have. At their default they are not written, so that the hash of
            what was written before stays what it was.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
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
        value = read_json(path)
        written = value.get("schema") if isinstance(value, dict) else None
        if isinstance(written, int) and written > SCHEMA:
            raise DataError(
                f"{path}: a newer fdbench wrote it (schema {written}, this one reads {SCHEMA})", "install that version"
            )
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise DataError(f"{path}: {where}: {first['msg']}", remedy) from None
