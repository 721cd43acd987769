"""Has the source of something moved? A digest of modules without docstrings, comments and layout, so that prose is free."""

from __future__ import annotations

import ast
import hashlib
import importlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

SAME_IN_EVERY_PYTHON = {"type_params", "type_comment", "kind", "ctx"}
"""Fields that are absent from, or differ between, the syntax trees of the Pythons that are supported."""


def source_of(module: str) -> str:
    path = importlib.import_module(module).__file__
    assert path is not None
    return Path(path).read_text(encoding="utf-8")


def closure(modules: Iterable[str], belongs: Callable[[str], bool]) -> list[str]:
    """The modules and everything that they import, as far as it belongs."""
    found: set[str] = set()
    waiting = [*modules]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            nodes = ast.walk(ast.parse(source_of(name)))
            waiting += [
                node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and belongs(node.module)
            ]
    return sorted(found)


def digest(modules: Iterable[str], instead: Mapping[str, str] | None = None) -> str:
    """Of the syntax trees of modules; ``instead`` has other sources for some."""
    sources = {name: (instead or {}).get(name) or source_of(name) for name in modules}
    text = "\n".join(f"{name} {written(ast.parse(source).body)}" for name, source in sorted(sources.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def written(node: object) -> str:
    """A syntax tree as text that is the same in every supported Python, without docstrings."""
    if isinstance(node, list):
        return "[" + ",".join(written(item) for item in node if not is_prose(item)) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [
        f"{name}={written(value)}"
        for name, value in ast.iter_fields(node)
        if name not in SAME_IN_EVERY_PYTHON and value is not None and value != []
    ]
    return f"{type(node).__name__}({','.join(fields)})"


def is_prose(node: object) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
