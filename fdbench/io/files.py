"""Writing files so that a reader never sees half of one, and hashing what was read."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from fdbench.errors import DataError


def open_plain(path: Path) -> BinaryIO:
    """Open a plain file to read; a pipe would keep its reader waiting, and a device like ``/dev/zero`` never ends.

    Raises:
        OSError: There is none, or it is no plain file (whatever a link leads to).
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "no plain file, but a folder, pipe, socket or device", str(path))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def user_cache() -> Path:
    """The folder for what may be deleted and is dear to make: ``FDBENCH_CACHE``, or where the system keeps such things."""
    import platformdirs

    given = os.environ.get("FDBENCH_CACHE")
    return Path(given) if given else platformdirs.user_cache_path("fdbench", appauthor=False)


def write_bytes_atomically(path: Path, data: bytes) -> None:
    """Write all of ``data`` or nothing: a temporary neighbour, flushed to disk, then renamed over ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and error.filename is None:  # a full disk does not say where
            error.filename = str(path)
        raise


def to_json(value: Any, *, indent: int | None = 2) -> str:
    """JSON text with a stable form: keys as given, no NaN, non-ASCII kept, a newline at the end."""
    return json.dumps(value, indent=indent, allow_nan=False, ensure_ascii=False) + "\n"


def write_json_atomically(path: Path, value: Any, *, indent: int | None = 2) -> None:
    write_bytes_atomically(path, to_json(value, indent=indent).encode())


def read_json(path: Path) -> Any:
    """Parse a JSON file.

    Raises:
        DataError: It is missing, not UTF-8, not JSON (names the line, too), or beyond what can be parsed.
    """
    try:
        with open_plain(path) as file:
            return json.loads(file.read().decode())
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}: not JSON ({error.msg})", "repair or remove the file") from None
    except (UnicodeDecodeError, OSError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from None
    except RecursionError:
        raise DataError(f"{path}: nested too deeply to be read", "repair or remove the file") from None
    except ValueError as error:  # an integer of more digits than Python converts
        raise DataError(f"{path}: cannot be read ({error})", "repair or remove the file") from None


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """As ``sha256_of``, of a file of any size."""
    total = hashlib.sha256()
    with open_plain(path) as file:
        while piece := file.read(1 << 20):
            total.update(piece)
    return total.hexdigest()


def digest_of(facts: Mapping[str, Any] | list[Any]) -> str:
    """SHA-256 of a JSON value, independent of the order of keys."""
    return sha256_of(json.dumps(facts, sort_keys=True, allow_nan=False, separators=(",", ":")).encode())
