"""YAML without its surprises: what is written is what is read, or it is an error with file and line.

Errors: duplicate keys, keys that are not text, anchors, aliases, merge keys, tags, several documents, tabs, and plain
scalars that YAML 1.1 reads as something else than they look like (yes/no/on/off, dates, 1:30, 010, 0x1F, 1e3, .inf).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fdbench.errors import DataError

KeyPath = tuple[str | int, ...]

_OLD_BOOLEAN = re.compile(r"yes|no|on|off", re.IGNORECASE)
_BOOLEAN = re.compile(r"true|false")
_NULL = re.compile(r"|~|null")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)\.[0-9]+(e[-+][0-9]+)?")
_TAG_PREFIX = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file.

    Attributes:
        value: Nested dicts, lists, str, int, float, bool and None.
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


def read_yaml(path: Path) -> Document:
    """Parse a YAML file.

    Raises:
        DataError: It is missing, not UTF-8, or not strict YAML; names the file and the line.
    """
    try:
        return parse_yaml(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (UnicodeDecodeError, OSError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from None


def parse_yaml(text: str, name: str) -> Document:
    """Parse a text whose top level is a mapping.

    Args:
        text: The whole file.
        name: What errors call it.

    Raises:
        DataError: It is not strict YAML; names the file and the line.
    """
    for number, line in enumerate(text.splitlines(), 1):
        if "\t" in line:
            raise DataError(f"{name}:{number}: a tab", "indent and separate with spaces")
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            _refuse_indirection(event, name)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise DataError(f"{name}:{mark.line + 1 if mark else 1}: not YAML ({error.problem or error.context})") from None
    except yaml.YAMLError as error:
        raise DataError(f"{name}: not YAML ({error})") from None
    except RecursionError:
        raise DataError(f"{name}: nested too deeply") from None
    if not isinstance(root, yaml.MappingNode):
        raise DataError(f"{name}:1: expected 'key: value' lines, found {_kind(root)}")
    lines: dict[KeyPath, int] = {}
    return Document(_mapping(root, name, (), lines), name, lines)


def _refuse_indirection(event: yaml.Event, name: str) -> None:
    where = f"{name}:{event.start_mark.line + 1 if event.start_mark else 1}"
    if isinstance(event, yaml.AliasEvent):
        raise DataError(f"{where}: an alias (*{event.anchor})", "write the value out again")
    if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
        raise DataError(f"{where}: an anchor (&{event.anchor})", "write the value out where it is needed")
    tag = getattr(event, "tag", None)
    if tag is not None:
        raise DataError(f"{where}: a tag ({tag})", "leave it out")


def _mapping(node: yaml.MappingNode, name: str, path: KeyPath, lines: dict[KeyPath, int]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise DataError(f"{name}:{line}: a key is text, found {_kind(key_node)}")
        key = _value(key_node, name, path, lines)
        if not isinstance(key, str):
            raise DataError(f"{name}:{line}: a key is text, found '{key_node.value}'", "quote it")
        key_path = (*path, key)
        if key in out:
            raise DataError(f"{name}:{line}: the key '{key}' is there twice (first in line {lines[key_path]})", "keep one")
        lines[key_path] = line
        out[key] = _value(value_node, name, key_path, lines)
    return out


def _value(node: yaml.Node, name: str, path: KeyPath, lines: dict[KeyPath, int]) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, name, path, lines)
    if isinstance(node, yaml.SequenceNode):
        items = []
        for index, item in enumerate(node.value):
            item_path = (*path, index)
            lines[item_path] = item.start_mark.line + 1
            items.append(_value(item, name, item_path, lines))
        return items
    assert isinstance(node, yaml.ScalarNode)
    return node.value if node.style is not None else _plain(node, name)


def _plain(node: yaml.ScalarNode, name: str) -> str | int | float | bool | None:
    text: str = node.value
    if _NULL.fullmatch(text):
        return None
    if _BOOLEAN.fullmatch(text):
        return text == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    where = f"{name}:{node.start_mark.line + 1}"
    if _OLD_BOOLEAN.fullmatch(text):
        raise DataError(f"{where}: '{text}' is a boolean to some and a word to others", "write true or false, or quote it")
    if node.tag != _TAG_PREFIX + "str" or _looks_numeric(text):
        kind = node.tag.removeprefix(_TAG_PREFIX)
        raise DataError(
            f"{where}: '{text}' is not what it looks like (YAML reads {kind})", "write a decimal number, or quote it"
        )
    return text


def _looks_numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _kind(node: yaml.Node | None) -> str:
    names = {yaml.MappingNode: "a mapping", yaml.SequenceNode: "a list", yaml.ScalarNode: "a single value"}
    return names.get(type(node), "nothing")
