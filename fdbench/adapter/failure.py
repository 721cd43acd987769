"""What an adapter raises, as its call's status: foreign code fails in its own words, at a place that its author knows."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path
from types import FrameType
from typing import Final

from fdbench.core.conversation import FailedCall

FOREIGN: Final = (Exception, SystemExit)
"""What an adapter may raise without ending the run: it is foreign code, and whatever it raises is its call's status."""

_STANDARD_LIBRARY: Final = Path(sysconfig.get_path("stdlib"))


def in_one_line(error: BaseException) -> str:
    """An adapter's exception in one line."""
    return f"{type(error).__name__}: {error}".rstrip(": ").splitlines()[0]


def with_place(error: BaseException) -> str:
    """The same, with the last line of the author's own code on the way to it: ``ValueError: bad (parrot.py:31 in step)``."""
    frames = list(traceback.walk_tb(error.__traceback__))
    if not frames or isinstance(error, SyntaxError):  # which names its place itself
        return in_one_line(error)
    frame, line = ([each for each in frames if _is_the_authors(each[0])] or frames)[-1]
    return f"{in_one_line(error)} ({Path(frame.f_code.co_filename).name}:{line} in {frame.f_code.co_name})"


def failure_of(doing: str, error: BaseException) -> FailedCall:
    """Why a call gave no recording, where an adapter raised.

    Args:
        doing: What was asked of it: ``step()``.
    """
    return FailedCall("adapter", f"{doing} raised {with_place(error)}", trace="".join(traceback.format_exception(error)))


def _is_the_authors(frame: FrameType) -> bool:
    module = str(frame.f_globals.get("__name__", ""))
    if module.startswith("fdbench.adapters."):  # adapters that come with fdbench, wherever it is installed
        return True
    path = Path(frame.f_code.co_filename)
    is_installed = not {"site-packages", "dist-packages"}.isdisjoint(path.parts) or path.is_relative_to(_STANDARD_LIBRARY)
    return not (is_installed or module.partition(".")[0] == "fdbench" or path.name.startswith("<frozen"))
