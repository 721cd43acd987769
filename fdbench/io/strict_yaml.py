"""YAML with the lines of its keys, and without its worst surprises.

Keys that are there twice, yes/no as booleans, numbers that are none, and references, with which a few lines are gigabytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from fdbench.errors import DataError

KeyPath = tuple[str | int, ...]

_BOOLEANS: Final = ("true", "false")
_BOOLEAN_TAG: Final = "tag:yaml.org,2002:bool"


class _Loader(yaml.SafeLoader):
    """Follows no reference (``*name``)."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "references are not followed", mark)
        return super().compose_node(parent, index)


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file.

    Attributes:
        value: What the top level's keys hold.
        name: What errors call the file.
        lines: The line (from 1) of each key or list item, by its path, e.g. ``("source", "n")``.
    """

    value: dict[str, Any]
    name: str
    lines: Mapping[KeyPath, int]

    def where(self, path: KeyPath) -> str:
        """``file:line`` of the key at ``path``, or of its nearest parent that is in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.name}:{self.lines.get(path, 1)}"


def load_yaml(text: str, name: str) -> dict[str, Any]:
    """The mapping that a YAML text holds. Raises like ``parse_yaml``."""
    return parse_yaml(text, name).value


def parse_yaml(text: str, name: str) -> Document:
    """Parse a text whose top level is a mapping.

    Args:
        text: The whole file.
        name: What errors call it.

    Raises:
        DataError: It is not YAML, a key is no text or there twice, a boolean is none but in YAML 1.1, a number is none that
            can be reckoned with, or something refers to another place; names file and line.
    """
    lines: dict[KeyPath, int] = {}
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            raise DataError(f"{name}:1: expected 'key: value' lines")
        return Document(_value(loader, root, name, (), lines), name, lines)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        raise DataError(f"{name}:{mark.line + 1 if mark else 1}: not YAML ({problem})") from None
    except RecursionError:
        raise DataError(f"{name}:1: nested too deeply to be read") from None


def _value(loader: yaml.SafeLoader, node: yaml.Node, name: str, path: KeyPath, lines: dict[KeyPath, int]) -> Any:
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key, line = key_node.value, key_node.start_mark.line + 1
            here = (*path, key)
            if not isinstance(_value(loader, key_node, name, path, lines), str):
                raise DataError(f"{name}:{line}: a key is text", "quote it")
            if key in mapping:
                raise DataError(f"{name}:{line}: the key '{key}' is there twice (first in line {lines[here]})", "keep one")
            lines[here] = line
            mapping[key] = _value(loader, value_node, name, here, lines)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        lines.update({(*path, index): item.start_mark.line + 1 for index, item in enumerate(node.value)})
        return [_value(loader, item, name, (*path, index), lines) for index, item in enumerate(node.value)]
    if node.tag == _BOOLEAN_TAG and node.value not in _BOOLEANS:
        what = f"{name}:{node.start_mark.line + 1}: '{node.value}' is a boolean to some and a word to others"
        raise DataError(what, "write true or false, or quote it")
    try:
        value = loader.construct_object(node, deep=True)
        if isinstance(value, (int, float)) and not math.isfinite(value):
            raise ValueError("no number that can be reckoned with")
    except (ValueError, OverflowError) as error:  # a date without such a day, an integer that no float holds
        what = f"{name}:{node.start_mark.line + 1}: '{node.value[:20]}': {error}"
        raise DataError(what, "quote it if it is a word") from None
    return value
