"""What lies behind the paths among an adapter's arguments: a model is what its files hold, not where they lie."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fdbench.adapter.weights import hash_of_files

_HERE: Final = ("", ".", "..", "/")
"""Signs rather than names, though there are such folders."""
_OF_TOOLS: Final = ("__pycache__", ".git")
"""Folders in a folder that change without its content."""


def digests_of(arguments: Mapping[str, Any]) -> dict[str, str]:
    """By argument, a hash of the content of the file or folder that it names; nothing of one that names none."""
    found = {name: path_of(value) for name, value in arguments.items()}
    return {name: _digest(path) for name, path in sorted(found.items()) if path is not None}


def path_of(value: object) -> Path | None:
    """The file or folder that an argument names; None where there is none."""
    if not isinstance(value, str) or value in _HERE:
        return None
    try:
        path = Path(value).expanduser()
        return path if path.is_file() or path.is_dir() else None
    except (OSError, ValueError, RuntimeError):  # too long for a path, or nobody's home
        return None


def lies_elsewhere(value: object) -> bool:
    """Whether an argument names a place: a file or folder, here or not, or something behind a URL."""
    if not isinstance(value, str):
        return False
    return path_of(value) is not None or "://" in value or value.startswith(("/", "./", "../", "~/"))


def _digest(path: Path) -> str:
    if path.is_file():
        return hash_of_files({"": path})
    files = (file for file in sorted(path.rglob("*")) if file.is_file())
    named = {file.relative_to(path).as_posix(): file for file in files}
    return hash_of_files({name: file for name, file in named.items() if not set(_OF_TOOLS) & set(Path(name).parts)})
