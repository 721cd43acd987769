"""Telling a person how far long work is, and nobody else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

LINE_EVERY_S: Final = 30.0


class Progress(Protocol):
    """Called after each step."""

    def __call__(self, stage: str, done: int, total: int, errors: int, beside: str = "", /) -> None:
        """Tell how far a stage is.

        Args:
            beside: What else there is to say: who is at work, how fast.
        """


class ProgressBars:
    """A bar per stage with rate and remaining time on standard error; where that is no terminal, a line every 30 s.

    Args:
        clock: Gives seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._bar: Any = None
        self._stage = ""
        self._clock = clock
        self._told_at_s = self._began_s = clock()
        self._n_before = 0

    def __enter__(self) -> ProgressBars:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def __call__(self, stage: str, done: int, total: int, errors: int, beside: str = "", /) -> None:
        if not sys.stderr.isatty():
            self._tell(stage, done, total, errors, beside)
            return
        from tqdm import tqdm

        if stage != self._stage:
            self._close()
            self._stage, self._bar = stage, tqdm(total=total, desc=stage, unit="take", initial=done)
        self._bar.set_postfix_str(", ".join(_with_errors(errors, beside)), refresh=done == self._bar.n)
        self._bar.update(done - self._bar.n)

    def _tell(self, stage: str, done: int, total: int, errors: int, beside: str) -> None:
        now_s = self._clock()
        if stage != self._stage:
            self._stage, self._began_s, self._n_before = stage, now_s, done
        if now_s - self._told_at_s >= LINE_EVERY_S:
            self._told_at_s = now_s
            n, took_s = done - self._n_before, now_s - self._began_s
            left = [f"about {(total - done) * took_s / n / 60:.0f} min left"] if n else []
            told = ", ".join([f"{done} of {total} takes", *_with_errors(errors, beside), *left])
            sys.stderr.write(f"fdbench: {stage}: {told}\n")
            sys.stderr.flush()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar, self._stage = None, ""


def _with_errors(errors: int, beside: str) -> list[str]:
    return [*([f"{errors} failed"] if errors else []), *([beside] if beside else [])]
