"""What every file that a run stores has in common: a strict schema, and errors that name file and field."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from typing_extensions import Self

from fdbench.errors import DataError
from fdbench.io.files import read_json


class Stored(BaseModel):
    """A value on disk; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def read_file(cls, path: Path, remedy: str) -> Self:
        """Read and validate a JSON file.

        Raises:
            DataError: Missing or not of this form; names file and field, and advises ``remedy``.
        """
        try:
            return cls.model_validate(read_json(path))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise DataError(f"{path}: {where}: {first['msg']}", remedy) from None
