"""What others write does nothing to a terminal and is seen."""

from __future__ import annotations

import json

import pytest

from fdbench.io.text_table import text_table
from fdbench.io.visible import visible, visible_json, visible_lines


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain, ünïcode 漢字 👍", "plain, ünïcode 漢字 👍"),
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("a\nfdbench: done", r"a\nfdbench: done"),
        ("a\rb\tc", r"a\rb\tc"),
        ("user\u202egnp.exe", r"user\u202egnp.exe"),
        ("\u2066x\u2069", r"\u2066x\u2069"),
        ("\x9b31m", r"\x9b31m"),
        ("one\u2028two\u2029three\x85four", r"one\u2028two\u2029three\x85four"),
        ("\udcff.wav", r"\udcff.wav"),
        ("a\U000e0041b", r"a\U000e0041b"),
    ],
)
def test_what_would_act_is_escaped(text, seen):
    assert visible(text) == seen


def test_breaks_between_our_own_lines_stay():
    assert visible_lines("a\x07\nb") == "a\\x07\nb"


@pytest.mark.parametrize("text", ["\x7f\x9b2J", "\u202eabc", "\ud800", "a\U000e0041", 'quote " and \\ and \n'])
def test_json_says_the_same(text):
    shown = visible_json(json.dumps({"a": text}, ensure_ascii=False, indent=1))
    assert json.loads(shown) == {"a": text}
    assert all(visible(line) == line for line in shown.split("\n"))


def test_cells_of_a_table_are_as_wide_as_they_are_seen():
    assert text_table([("a\x1b", "1"), ("bb", "2")]) == [r"a\x1b  1", "bb     2"]
