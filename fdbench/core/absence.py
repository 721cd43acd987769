"""Why there is nothing where something was expected."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Absence:
    """Nothing, and why.

    Attributes:
        reason: A key of the reasons registry.
        message: A line for a person, where something went wrong.
    """

    reason: str
    message: str = ""
