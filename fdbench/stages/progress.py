"""Telling a person how far long work is, and nobody else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Final

LINE_EVERY_S: Final = 30.0

Progress = Callable[[str, int, int, int], None]
"""Called with (stage, done, total, errors) after each step."""


class ProgressBars:
    """A bar per stage with rate and remaining time on standard error; where that is no terminal, a line every 30 s.

    Args:
        clock: Gives seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._bar: Any = None
        self._stage = ""
        self._clock = clock
        self._told_at_s = clock()

    def __enter__(self) -> ProgressBars:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def __call__(self, stage: str, done: int, total: int, errors: int) -> None:
        if not sys.stderr.isatty():
            self._tell(stage, done, total, errors)
            return
        from tqdm import tqdm

        if stage != self._stage:
            self._close()
            self._stage, self._bar = stage, tqdm(total=total, desc=stage, unit="take", initial=done)
        if errors:
            self._bar.set_postfix(errors=errors)
        self._bar.update(done - self._bar.n)

    def _tell(self, stage: str, done: int, total: int, errors: int) -> None:
        now_s = self._clock()
        if now_s - self._told_at_s >= LINE_EVERY_S:
            self._told_at_s = now_s
            failed = f", {errors} failed" if errors else ""
            sys.stderr.write(f"fdbench: {stage}: {done} of {total} takes{failed}\n")
            sys.stderr.flush()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar, self._stage = None, ""
