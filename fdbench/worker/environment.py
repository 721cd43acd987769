"""Python environments of their own, for models whose packages cannot be installed beside each other.

``fdbench setup NAME`` makes one in the user's cache and writes a record when, and only when, it is finished.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fdbench.errors import AdapterError, DataError
from fdbench.io.files import read_json, user_cache

LOOK_TIMEOUT_S: Final = 60.0
IMPORT_TIMEOUT_S: Final = 600.0
"""The first import of a large package from a cold disk."""

RECORD: Final = "setup.json"


@dataclass(frozen=True, slots=True)
class Environment:
    """An interpreter with a model's package.

    Attributes:
        python: The interpreter.
        facts: What was found in it when it was set up: versions, the package's commit.
    """

    python: Path
    facts: Mapping[str, Any]


def folder_of(name: str) -> Path:
    """Where the environment of that name lies, made or not."""
    return user_cache() / "environments" / name


def find_environment(name: str) -> Environment | None:
    """The environment of that name, if its setup was finished and its interpreter is still there."""
    try:
        facts = read_json(folder_of(name) / RECORD)
        python = Path(facts["python"])
    except (DataError, KeyError, TypeError):
        return None
    return Environment(python, facts) if os.access(python, os.X_OK) else None


def find_interpreter(python: str) -> Path | None:
    """The program that a user means: a path as it is, a name as the shell would find it.

    Links are not followed: a virtual environment's interpreter is a link to that of its maker.
    """
    found = shutil.which(str(Path(python).expanduser()) if python.startswith("~") else python)
    return Path(found).absolute() if found is not None else None


def ask(python: Path, program: Path, arguments: Sequence[str], timeout_s: float = LOOK_TIMEOUT_S) -> dict[str, Any]:
    """Run a program that says one line of JSON.

    Returns:
        That line; ``{"refused": {"what", "remedy"}}`` where it says so itself.

    Raises:
        AdapterError: The interpreter cannot be run, takes too long, or says no JSON; with its last words.
    """
    what, remedy = f"{python} {program.name} {' '.join(arguments)}", "name the Python interpreter of the model's environment"
    try:
        done = subprocess.run(
            [str(python), str(program), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            env=isolated(os.environ),
            check=False,
        )
        said: dict[str, Any] = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AdapterError(f"{python}: cannot be run ({error})", remedy) from None
    except ValueError:
        words = done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise AdapterError(f"{what}: failed: {words[-1][:300]}", remedy) from None
    return said


def isolated(environment: Mapping[str, str]) -> dict[str, str]:
    """Environment variables for another interpreter, without those that would lead it to this one's packages."""
    ours = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
    return {name: value for name, value in environment.items() if name not in ours}
