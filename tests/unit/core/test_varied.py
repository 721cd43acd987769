"""What a sweep varies."""

from __future__ import annotations

import pytest

from fdbench.core.varied import settings_of, values_of
from fdbench.errors import UsageError


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("100:300:100", ["100", "200", "300"]),
        ("0:1:0.25", ["0.00", "0.25", "0.50", "0.75", "1.00"]),
        ("3:1:-1", ["3", "2", "1"]),
        ("100:350:100", ["100", "200", "300"]),
        ("a, b", ["a", "b"]),
        ("500", ["500"]),
        ("ws://host:8998", ["ws://host:8998"]),
    ],
)
def test_ranges_lists_and_single_values(text, values):
    assert values_of("x", text) == values


@pytest.mark.parametrize("text", ["1:2:0", "1:2:-1", "0:1000000:1", "a,,b", "", "a,a"])
def test_what_leads_nowhere_is_refused(text):
    with pytest.raises(UsageError, match="x="):
        values_of("x", text)


def test_every_combination_the_last_varying_fastest():
    assert settings_of({"a": ["1", "2"], "seed": ["0", "1"]}) == [
        {"a": "1", "seed": "0"}, {"a": "1", "seed": "1"}, {"a": "2", "seed": "0"}, {"a": "2", "seed": "1"},
    ]  # fmt: skip
