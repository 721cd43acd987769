"""Checks that the arguments of several adapters share."""

from __future__ import annotations

from collections.abc import Mapping

from fdbench.errors import UsageError


def check_sampling(temperatures: Mapping[str, float | None], counts: Mapping[str, int | None]) -> None:
    """Temperatures and top-k of a model that samples, by the names of its arguments; None is always allowed.

    Raises:
        UsageError: A temperature is not positive, or a count is negative.
    """
    for name, value in temperatures.items():
        if value is not None and value <= 0:
            raise UsageError(f"--arg {name}={value:g}: expected a positive number", "for no sampling at all: --arg greedy=true")
    for name, count in counts.items():
        if count is not None and count < 0:
            raise UsageError(f"--arg {name}={count}: expected 0 (no limit) or more", "leave it out for the model's own")
