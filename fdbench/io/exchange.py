"""One folder in the place of another, in one step, so that nobody ever sees half of either."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Final

_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2
"""linux/fs.h"""
_RENAME_SWAP: Final = 2
"""sys/stdio.h of macOS"""


def exchange(one: Path, other: Path) -> None:
    """Let two folders of one file system change names.

    Where the system cannot do that in one step, there is for a moment no ``other``, and what it was lies beside it.

    Raises:
        OSError: It cannot be done.
    """
    if _exchanged(os.fsencode(one), os.fsencode(other)):
        return
    aside = other.with_name(f"{one.name}.old")
    other.rename(aside)
    try:
        one.rename(other)
    except OSError:
        aside.rename(other)
        raise
    aside.rename(one)


def _exchanged(one: bytes, other: bytes) -> bool:
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform.startswith("linux") and hasattr(library, "renameat2"):
        return bool(library.renameat2(_AT_FDCWD, one, _AT_FDCWD, other, _RENAME_EXCHANGE) == 0)
    if sys.platform == "darwin" and hasattr(library, "renamex_np"):
        return bool(library.renamex_np(one, other, _RENAME_SWAP) == 0)
    return False
