"""`fdbench setup`: an environment of its own for a model whose package cannot be installed beside ours.

The package is installed from a pinned commit, or from a folder that the user has; a self-test in the new interpreter imports
what a conversation needs; and then, as the very last thing, a record is written. An environment without a record is one whose
setup was interrupted, and is made anew.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final

from fdbench.errors import DataError, FdbenchError, UsageError, unknown_name
from fdbench.io.files import write_json_atomically
from fdbench.io.strict_yaml import load_yaml
from fdbench.worker.environment import IMPORT_TIMEOUT_S, RECORD, ask, find_environment, find_interpreter, folder_of, isolated

LOG: Final = "setup.log"
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What goes into an environment; one is a file in ``recipes/``.

    Attributes:
        package: Name of the distribution.
        repository: Where its source is.
        commit: The one that fdbench was tested with.
        subdirectory: Of the repository, that holds the package.
        undeclared: What it imports and does not ask for.
        program: Under ``adapters/workers``; tests itself with ``--self-test``.
        newest_python_minor: Above this Python 3, what the package pins has no wheels.
    """

    package: str
    repository: str
    commit: str
    subdirectory: str
    undeclared: list[str]
    program: str
    newest_python_minor: int


def find_recipe(name: str) -> Recipe:
    """The recipe of a model.

    Raises:
        UsageError: There is none of that name.
    """
    known = {path.stem: path for path in Path(str(resources.files("fdbench.worker") / "recipes")).glob("*.yaml")}
    if name not in known:
        raise unknown_name("model to set up", name, known)
    return Recipe(**load_yaml(known[name].read_text(encoding="utf-8"), f"{name}.yaml"))


@dataclass(frozen=True, slots=True)
class SetupRequest:
    """What the user asked for.

    Attributes:
        source: A folder to install the package from, instead of the pinned commit.
        python: An interpreter that has the package already: nothing is installed, it is tested and remembered.
        torch: A requirement to install instead of the torch that the package pins.
        force: Make it anew although it is there.
    """

    name: str
    source: Path | None = None
    python: str | None = None
    torch: str | None = None
    force: bool = False


def set_up(request: SetupRequest, tell: Tell) -> Mapping[str, Any]:
    """Make an environment, or find the one that is there.

    Args:
        tell: Is given a line before each step that takes a while.

    Returns:
        The record: interpreter, source, versions.

    Raises:
        FdbenchError: It cannot be made; what is wrong in two lines. There is no environment then.
    """
    recipe = find_recipe(request.name)
    if request.python is not None:
        return _adopt(recipe, request, request.python, tell)
    requirement, origin = _source_of(recipe, request.source)
    wanted = {**origin, "torch_asked": request.torch}
    there = find_environment(request.name)
    if there is None or request.force:
        return _make(recipe, request, requirement, wanted, tell)
    found = {key: there.facts.get(key) for key in wanted}
    if found != wanted:
        raise UsageError(f"{request.name} is set up already, from something else: {found}", "add --force to make it anew")
    tell(f"{request.name} is set up already: {there.python}")
    return there.facts


def _source_of(recipe: Recipe, folder: Path | None) -> tuple[str, dict[str, str | None]]:
    """Where the package comes from: what pip is given, and what a record says of it."""
    if folder is None:
        if shutil.which("git") is None:
            raise UsageError(
                f"git is not installed, and {recipe.repository} is fetched with it",
                "install git, or fetch the repository in another way and give --source DIR",
            )
        url = f"git+{recipe.repository}@{recipe.commit}#subdirectory={recipe.subdirectory}"
        return f"{recipe.package} @ {url}", {"source": recipe.repository, "commit": recipe.commit}
    whole = folder.expanduser().resolve()
    inner = next((each for each in (whole / recipe.subdirectory, whole) if _is_project(each)), None)
    if inner is None:
        what = f"--source {folder}: holds no Python project, nor does {recipe.subdirectory}/ in it"
        raise UsageError(what, f"give a checkout of {recipe.repository}")
    return str(inner), {"source": str(inner), "commit": _commit_of(inner)}


def _is_project(folder: Path) -> bool:
    return (folder / "pyproject.toml").is_file() or (folder / "setup.py").is_file()


def _commit_of(folder: Path) -> str | None:
    """None where it is no checkout, or there is no git."""
    try:
        command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _adopt(recipe: Recipe, request: SetupRequest, python: str, tell: Tell) -> Mapping[str, Any]:
    """Remember an interpreter that somebody else has made."""
    if request.source is not None or request.torch is not None:
        raise UsageError("--python uses an interpreter as it is", "leave --source and --torch out, or --python")
    interpreter = find_interpreter(python)
    if interpreter is None:
        raise UsageError(f"--python {python}: no such program", "give the interpreter that has the package")
    tell(f"testing {interpreter}")
    facts = {"python": str(interpreter), "source": "made elsewhere", "commit": None, "torch_asked": None}
    return _record(request.name, {**facts, "found": "", **_tested(recipe, interpreter)})


def _make(recipe: Recipe, request: SetupRequest, requirement: str, wanted: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
    folder = folder_of(request.name)
    base = _base_interpreter(recipe, request)
    if folder.exists():
        shutil.rmtree(folder)  # what an interrupted setup left, or what --force is to replace
    folder.mkdir(parents=True)
    log = folder / LOG
    python = folder / "venv" / "bin" / "python"
    tell(f"making a virtual environment in {folder}")
    _run([str(base), "-m", "venv", str(folder / "venv")], log, "the virtual environment cannot be made")
    if request.torch is not None:
        tell(f"installing {request.torch}")
        _pip(python, [request.torch], log)
        tell(f"installing {recipe.package} from {wanted['source']}")
        _pip(python, ["--no-deps", requirement], log)
        _pip(python, [*_other_requirements(folder, recipe), *recipe.undeclared], log)
    else:
        tell(f"installing {recipe.package} from {wanted['source']} with all that it needs; its torch is several GB")
        _pip(python, [requirement, *recipe.undeclared], log)
    tell("testing it")
    try:
        facts = _tested(recipe, python)
    except FdbenchError as error:
        if request.source is None:
            raise
        raise DataError(f"--source {request.source}: {error.what}", f"give a checkout of {recipe.repository}") from None
    return _record(request.name, {"python": str(python), **wanted, **facts})


def _base_interpreter(recipe: Recipe, request: SetupRequest) -> Path:
    """An interpreter that the package's pins have wheels for; any will do where torch is not the pinned one."""
    newest = recipe.newest_python_minor
    if request.torch is not None or sys.version_info[:2] <= (3, newest):
        return Path(sys.executable)
    found = next(filter(None, (shutil.which(f"python3.{minor}") for minor in range(newest, 9, -1))), None)
    if found is not None:
        return Path(found)
    raise UsageError(
        f"{recipe.package} needs Python 3.10 to 3.{newest}, this is {sys.version_info[0]}.{sys.version_info[1]}",
        f"install python3.{newest}, or give --torch SPEC (a torch for this Python), or --python EXE",
    )


def _other_requirements(folder: Path, recipe: Recipe) -> list[str]:
    """What the installed package asks for, torch left out."""
    sites = [str(site) for site in folder.glob("venv/lib/python3*/site-packages")]
    found = next(iter(distributions(name=recipe.package, path=sites)), None)
    if found is None:
        raise DataError(f"what was installed is not {recipe.package}", f"give a checkout of {recipe.repository} as --source")
    return [each for each in found.requires or () if not re.match(r"torch(?![\w.-])", each)]


def _pip(python: Path, requirements: Sequence[str], log: Path) -> None:
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", *requirements]
    _run(command, log, f"pip install {' '.join(requirements)} failed")


def _run(command: Sequence[str], log: Path, trouble: str) -> None:
    """Run a command whose words go into the log as they come.

    Raises:
        DataError: It failed; quotes its last error.
    """
    with log.open("ab") as file:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, env=isolated(os.environ), check=False
        )
    if done.returncode:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        told = next((line[:300] for line in reversed(lines) if line.lower().startswith("error")), "no error is named")
        raise DataError(f"{trouble}: {told}", f"all of it is in {log}; without a network, fetch the source and give --source")


def _tested(recipe: Recipe, python: Path) -> dict[str, Any]:
    """What the self-test found.

    Raises:
        DataError: It failed.
    """
    program = Path(str(resources.files("fdbench.adapters") / "workers" / recipe.program))
    said = ask(python, program, ["--self-test"], IMPORT_TIMEOUT_S)
    refused = said.pop("refused", None)
    if isinstance(refused, dict):
        raise DataError(str(refused.get("what")), str(refused.get("remedy", "")))
    return {"python_version" if key == "python" else key: value for key, value in said.items() if key != "is_fork"}


def _record(name: str, facts: Mapping[str, Any]) -> Mapping[str, Any]:
    write_json_atomically(folder_of(name) / RECORD, dict(facts))
    return facts
