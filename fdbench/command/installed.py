"""Remedies that fit how fdbench was installed: a clone that is worked in is installed from its folder, not from an index."""

from __future__ import annotations

import json
import re
import shutil
import sys
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

_PIP: Final = re.compile(r"\bpip install (?P<options>(?:--[a-z-]+ )*)'fdbench(?P<extras>\[[a-z0-9,-]+\])'")


def suited(line: str) -> str:
    """The line with commands of pip as they work here.

    Example:
        In a clone with an editable install, whose environment is not the shell's, ``pip install 'fdbench[data]'`` becomes
        ``/clone/.venv/bin/python -m pip install -e '/clone[data]'``.
    """
    return _PIP.sub(lambda found: f"{_pip()} install {found['options']}{_what(found['extras'])}", line)


def _what(extras: str) -> str:
    clone = clone_of_fdbench()
    if clone is None:
        return f"'fdbench{extras}'"
    return f"-e '{'.' if clone == Path.cwd() else clone}{extras}'"


def _pip() -> str:
    """``pip`` where that is this environment's, else this interpreter's."""
    found = shutil.which("pip")
    own = Path(sys.prefix) / "bin"
    return "pip" if found is None or Path(found).parent == own or sys.prefix == sys.base_prefix else f"{sys.executable} -m pip"


@lru_cache(maxsize=1)
def clone_of_fdbench() -> Path | None:
    """The folder that fdbench was installed from to be worked in (``pip install -e``); None of any other install."""
    try:
        told = json.loads(distribution("fdbench").read_text("direct_url.json") or "{}")
        is_editable = bool(told.get("dir_info", {}).get("editable"))
        return Path(unquote(urlsplit(str(told["url"])).path)) if is_editable else None
    except (PackageNotFoundError, ValueError, KeyError, AttributeError):
        return None
