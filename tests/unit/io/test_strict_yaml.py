"""Strict YAML: what is written is what is read, or an error with file and line."""

from __future__ import annotations

import pytest

from fdbench.errors import DataError
from fdbench.io.strict_yaml import load_yaml, parse_yaml


def test_plain_values_are_what_they_look_like() -> None:
    text = "\n".join(
        [
            "text: a word, and not a key",
            "quoted: 'yes'",
            "yes_indeed: true",
            "no_way: false",
            "whole: 12",
            "negative: -3",
            "decimal: 0.5",
            "tiny: 1.0e-3",
            "nothing: null",
            "empty:",
            "version_like: 1.2.3",
            "list: [1, two, 3.0]",
            "folded: >",
            "  one",
            "  two",
            "nested: {a: {b: c}}",
        ]
    )
    assert load_yaml(text, "x.yaml") == {
        "text": "a word, and not a key",
        "quoted": "yes",
        "yes_indeed": True,
        "no_way": False,
        "whole": 12,
        "negative": -3,
        "decimal": 0.5,
        "tiny": 0.001,
        "nothing": None,
        "empty": None,
        "version_like": "1.2.3",
        "list": [1, "two", 3.0],
        "folded": "one two\n",
        "nested": {"a": {"b": "c"}},
    }


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "the key 'a' is there twice (first in line 1)"),
        ("a:\n  b: 1\n  b: 1\n", 3, "the key 'b' is there twice"),
        ("a: yes\n", 1, "'yes'"),
        ("a: 1\nb: .nan\n", 2, "'.nan'"),
        ("a: -.inf\n", 1, "'-.inf'"),
        ("a: 1" + "0" * 400 + "\n", 1, "'1000"),
        ("a: 2026-02-31\n", 1, "'2026-02-31'"),
        ("a: &x [1]\nb: [*x, *x]\n", 2, "references are not followed"),
        ("a: &x [*x]\n", 1, "references are not followed"),
        ("a: " + "[" * 100_000 + "\n", 1, "nested too deeply"),
        ("a: No\n", 1, "'No'"),
        ("a: [on]\n", 1, "'on'"),
        ("a: 1\noff: 2\n", 2, "'off'"),
        ("a: True\n", 1, "'True'"),
        ("a:\n\tb: 2\n", 2, "not YAML"),
        ("1: a\n", 1, "a key is text"),
        ("[a]: b\n", 1, "a key is text"),
        ("a: 1\n---\nb: 2\n", 2, "not YAML"),
        ("a: [1, 2\n", 2, "not YAML"),
        ("a: 1\n  b: 2\n", 2, "not YAML"),
        ("- a\n", 1, "expected 'key: value' lines"),
        ("word\n", 1, "expected 'key: value' lines"),
        ("", 1, "expected 'key: value' lines"),
    ],
)
def test_what_could_be_misread_is_an_error_with_file_and_line(text: str, line: int, problem: str) -> None:
    with pytest.raises(DataError) as raised:
        load_yaml(text, "tasks/x.yaml")
    assert raised.value.what.startswith(f"tasks/x.yaml:{line}: ")
    assert problem in raised.value.what


def test_control_characters_are_errors_too() -> None:
    with pytest.raises(DataError, match=r"x\.yaml:1: not YAML"):
        load_yaml("a: \x00", "x.yaml")


def test_a_document_knows_the_line_of_each_key_and_of_the_nearest_parent() -> None:
    document = parse_yaml("a: 1\nb:\n  c: 2\n  d:\n    - 3\n    - 4\n", "x.yaml")
    assert document.where(("b", "c")) == "x.yaml:3"
    assert document.where(("b", "d", 1)) == "x.yaml:6"
    assert document.where(("b", "missing", "deeper")) == "x.yaml:2"
    assert document.where(("missing",)) == "x.yaml:1"
