"""Tables for the terminal."""

from __future__ import annotations

import pytest

from fdbench.io.text_table import fitted_table, text_table


def test_columns_are_as_wide_as_their_widest_cell_and_lines_end_with_their_text() -> None:
    rows = [("moshi", "16", "a model"), ("silence", "4", "")]
    assert text_table(rows, header=("name", "n", "what")) == [
        "name     n   what",
        "moshi    16  a model",
        "silence  4",
    ]


def test_numbers_may_stand_on_the_right() -> None:
    assert text_table([("a", "16"), ("b", "4")], right=[1]) == ["a  16", "b   4"]


def test_nothing_is_no_lines() -> None:
    assert text_table([]) == []


def test_rows_of_different_length_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="zip"):
        text_table([("a",), ("b", "c")])


def test_a_table_that_has_to_fit_wraps_its_widest_columns_and_never_the_first() -> None:
    lines = fitted_table(
        [("a-rather-long-name", "says nothing at all to anybody", "-")], header=("name", "summary", "x"), width=40
    )
    assert max(map(len, lines)) <= 40
    assert lines[1].startswith("a-rather-long-name  says nothing")
    assert " ".join(" ".join(line.split()) for line in lines[1:]).replace(" -", "", 1).endswith("to anybody")
    assert fitted_table([("a", "b")], header=("x", "y"), width=40) == text_table([("a", "b")], header=("x", "y"))


def test_a_table_that_cannot_fit_is_as_narrow_as_its_words() -> None:
    (_, line) = fitted_table([("n" * 30, "w" * 10)], header=("a", "b"), width=20)
    assert line == f"{'n' * 30}  {'w' * 10}"
