"""What a request that cannot be answered ends with."""

from __future__ import annotations

from fdbench.core.absence import Absence


class UnansweredError(Exception):
    """Why one request has no answer; the stage writes it beside the others' answers."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.why = Absence(reason, message)
