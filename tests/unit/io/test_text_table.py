"""Tables for the terminal."""

from __future__ import annotations

import pytest

from fdbench.io.text_table import text_table


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
