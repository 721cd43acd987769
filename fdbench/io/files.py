"""Writing files so that a reader never sees half of one, and hashing what was read."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn

from fdbench.errors import DataError

MAX_DEPTH: Final = 100
"""Of lists and objects in each other: no file of ours comes near, and what is far deeper breaks whoever walks through it."""
MAX_DIGITS: Final = 300
"""Of an integer: one that no float holds breaks whoever reckons with it."""
_DEVICES: Final = ("/dev/", "/proc/")


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


def write_bytes_atomically(path: Path, data: bytes, *, survives_power_loss: bool = True) -> None:
    """Write all of ``data`` or nothing: a temporary neighbour, flushed to disk, then renamed over ``path``.

    Its mode is that of any new file, as the umask of the process has it.

    Args:
        survives_power_loss: Else it is not flushed, which takes milliseconds: for what is made again where it is damaged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
            file.write(data)
            file.flush()
            if survives_power_loss:
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and error.filename is None:  # a full disk does not say where
            error.filename = str(path)
        raise


def write_output(path: Path, data: bytes) -> None:
    """Write where a user said: through a device or a pipe, which stay what they are; of a link, what it leads to.

    A file is written whole or not at all.
    """
    if (path.exists() and not path.is_file()) or str(path.absolute()).startswith(_DEVICES):
        with path.open("wb") as file:
            file.write(data)
    else:
        write_bytes_atomically(path.resolve(), data)


def open_own(path: Path, flags: int) -> int:
    """A descriptor of a file that is made where there is none. Raises OSError where it is a link, which is not followed."""
    return os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def to_json(value: Any, *, indent: int | None = 2) -> str:
    """JSON text with a stable form: keys as given, no NaN, non-ASCII kept, a newline at the end."""
    return json.dumps(value, indent=indent, allow_nan=False, ensure_ascii=False) + "\n"


def encode_json(value: Any, *, indent: int | None = 2) -> bytes:
    """``to_json`` in UTF-8; half a pair of surrogates, of which there is none in UTF-8, is written as JSON escapes it."""
    return to_json(value, indent=indent).encode(errors="backslashreplace")


def write_json_atomically(path: Path, value: Any, *, indent: int | None = 2) -> None:
    write_bytes_atomically(path, encode_json(value, indent=indent))


def read_json(path: Path, *, finite: bool = True) -> Any:
    """Parse a JSON file.

    Args:
        finite: False lets NaN, infinity and integers of any length through, to somebody who can say where in the file they are.

    Raises:
        DataError: It is missing, not UTF-8, not JSON (names the line, too), or holds what no JSON of ours does.
    """
    try:
        with open_plain(path) as file:
            data = file.read()
        return parse_json(data, str(path), finite=finite)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error})") from None


def parse_json(data: bytes | str, name: str, *, finite: bool = True) -> Any:
    """The value of a JSON text; ``name`` is what errors call it. Arguments as of ``read_json``.

    Raises:
        DataError: It is not UTF-8 or not JSON; NaN, infinity and numbers beyond what a float holds are none. Or its lists and
            objects lie more than ``MAX_DEPTH`` deep in each other.
    """
    remedy = "repair or remove the file"
    try:
        text = data if isinstance(data, str) else data.decode()
        value = (
            json.loads(text, parse_constant=_refuse, parse_float=_finite, parse_int=_bounded) if finite else json.loads(text)
        )
        if text.count("[") + text.count("{") > MAX_DEPTH and _is_deep(value):
            raise RecursionError
    except json.JSONDecodeError as error:
        raise DataError(f"{name}:{error.lineno}: not JSON ({error.msg})", remedy) from None
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: cannot be read ({error})") from None
    except RecursionError:
        raise DataError(f"{name}: nested too deeply to be read", remedy) from None
    except ValueError as error:
        raise DataError(f"{name}: cannot be read ({error})", remedy) from None
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is more than a number can be")
    return value


def _bounded(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"an integer of {len(text)} digits")
    return int(text)


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [each for node in level if isinstance(node, (dict, list)) for each in _within(node)]
    return bool(level)


def _within(node: Any) -> list[Any]:
    return list(node.values()) if isinstance(node, dict) else list(node)


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
