"""Large files through gdown, in a process of its own.

gdown (5 and later) waits for ever where a server falls silent, and only its newest versions can be told not to. So it runs
in a child whose file is watched: no growth for a while, and the child is ended and another one goes on where it stopped.
The child ends itself when its parent is gone, or two processes would write one file after a restart.

    python -m fdbench.data.drive < order      {"url" or "id", "output"}, then the pipe stays open
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fdbench.data.transfer import (
    InterruptedTransferError,
    Origin,
    Pause,
    Progress,
    RefusedError,
    error_of_status,
    keep_trying,
    without_secrets,
)
from fdbench.errors import DataError, MissingExtraError

OUTPUT: Final = "archive"
ORIGIN: Final = "origin.json"
_LOOK_EVERY_S: Final = 0.1
_CHUNK_BYTES: Final = 1 << 15
_HEAD_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class DriveFile:
    """A file on Google Drive."""

    id: str

    @property
    def source(self) -> str:
        return f"https://drive.google.com/uc?id={self.id}"


@dataclass(frozen=True, slots=True)
class HttpFile:
    """A file on any other server."""

    url: str

    @property
    def source(self) -> str:
        return without_secrets(self.url)


def require_gdown() -> None:
    """Raises:
    MissingExtraError: gdown is not installed.
    """
    if importlib.util.find_spec("gdown") is None:
        raise MissingExtraError("gdown", "data", "fetching archives")


def fetch_by_gdown(
    file: DriveFile | HttpFile,
    folder: Path,
    *,
    timeout_s: float,
    pause: Pause = time.sleep,
    progress: Progress = lambda n_bytes: None,
) -> Path:
    """Fetch a file into ``folder / "archive"``, going on with what an earlier process left there.

    A partial file of another source, or of another version at the same address, is thrown away.

    Args:
        folder: Belongs to this file alone.
        timeout_s: The longest time without growth that is waited for.
        progress: Told the bytes there are, several times a second.

    Raises:
        NotThereError: The server does not have it.
        RefusedError: The server will not give it (Drive's quota, for one).
        DataError: It kept breaking off.
        MissingExtraError: gdown is not installed.
        OSError: The disk is full or cannot be written; what is there is kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    origin = Origin.read(folder / ORIGIN)
    if origin is None or origin.source != file.source:
        for leftover in _files(folder):
            leftover.unlink()
        Origin(file.source).write(folder / ORIGIN)
    output = folder / OUTPUT
    if not output.exists():
        keep_trying(lambda: _run_child(file, output, timeout_s, progress), lambda: _size(folder), pause)
    return output


def _files(folder: Path) -> list[Path]:
    """The file and whatever gdown calls its parts (``archive<random>.part``), largest first."""
    return sorted(folder.glob(f"{OUTPUT}*"), key=lambda path: -path.stat().st_size)


def _size(folder: Path) -> int:
    try:
        return max((path.stat().st_size for path in folder.glob(f"{OUTPUT}*")), default=0)
    except FileNotFoundError:  # just renamed by gdown
        return (folder / OUTPUT).stat().st_size


def _run_child(file: DriveFile | HttpFile, output: Path, timeout_s: float, progress: Progress) -> None:
    which = {"id": file.id} if isinstance(file, DriveFile) else {"url": file.url}
    order = {"output": str(output.resolve()), **which}
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as answers:
        child = subprocess.Popen(
            [sys.executable, "-m", "fdbench.data.drive"],
            stdin=subprocess.PIPE,
            stdout=answers,
            stderr=errors,
            cwd=output.parent,  # -m puts the current folder first in the path: one that holds no modules
            env={**os.environ, "PYTHONPATH": os.pathsep.join(str(Path(place).resolve()) for place in sys.path)},
        )
        try:
            assert child.stdin is not None
            # By the pipe, not as an argument: an address may hold a password, and arguments can be seen by everyone.
            child.stdin.write(json.dumps(order).encode() + b"\n")
            child.stdin.flush()
            _watch(child, file, output.parent, timeout_s, progress)
        finally:
            child.kill()
            child.wait()
            if child.stdin is not None:
                child.stdin.close()
        answers.seek(0)
        errors.seek(0)
        _raise_for(file, answers.read(), errors.read(), child.returncode)


def _watch(
    child: subprocess.Popen[bytes], file: DriveFile | HttpFile, folder: Path, timeout_s: float, progress: Progress
) -> None:
    size, since = _size(folder), time.monotonic()
    while True:
        try:
            child.wait(_LOOK_EVERY_S)
            return
        except subprocess.TimeoutExpired:
            pass
        now = _size(folder)
        if now != size:
            size, since = now, time.monotonic()
            progress(size)
        elif time.monotonic() - since > timeout_s:
            raise InterruptedTransferError(f"{file.source}: stalled for {timeout_s:g} s at {size} bytes")


def _raise_for(file: DriveFile | HttpFile, answer: bytes, errors: bytes, status: int) -> None:
    if not answer:
        last = errors.decode("utf-8", "replace").strip().splitlines()[-1:] or [f"status {status}"]
        raise RefusedError(f"{file.source}: gdown failed ({last[0]})", "pip install -U gdown, or use --mirror")
    told = json.loads(answer)
    kind, message = told["kind"], told["message"]
    if kind == "done":
        return
    if kind == "absent":
        raise MissingExtraError(message, "data", "fetching archives")
    if kind == "status":
        raise error_of_status(int(message), file.source)
    if kind == "disk":
        raise OSError(told["errno"], message, str(told["file"]))
    if kind == "refused":
        raise RefusedError(f"{file.source}: Google Drive does not give the file ({message})")
    if kind == "broken":
        raise InterruptedTransferError(f"{file.source}: broke off ({message})")
    raise DataError(f"{file.source}: {kind}: {message}")


# --- the child --------------------------------------------------------------------------------------------------------


def _main() -> int:
    order = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.stdout.write(json.dumps(_fetch(order)))
    return 0


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


def _fetch(order: dict[str, Any]) -> dict[str, Any]:
    """Let gdown fetch the file once; what happened as a kind and a message."""
    try:
        gdown = importlib.import_module("gdown")
        requests = importlib.import_module("requests")
    except ModuleNotFoundError as error:
        return {"kind": "absent", "message": error.name or "gdown"}
    # Half a chunk is lost when a connection ends, and gdown's of 512 KiB are more than a slow line gives in a minute.
    importlib.import_module("gdown.download")
    sys.modules["gdown.download"].CHUNK_SIZE = _CHUNK_BYTES  # type: ignore[attr-defined]
    output = Path(order["output"])
    download_error = getattr(gdown.exceptions, "DownloadError", None) or gdown.exceptions.FileURLRetrievalError
    try:
        n_bytes = _forget_other_versions(requests, order["url"], output) if "url" in order else None
        for superfluous in _files(output.parent)[1:]:  # gdown refuses to choose
            superfluous.unlink()
        which = {"id": order["id"]} if "id" in order else {"url": order["url"], "use_cookies": False}
        gdown.download(**which, output=str(output), quiet=True, resume=True)
    except gdown.exceptions.FileURLRetrievalError as error:
        return {"kind": "refused", "message": _sentence(error)}
    except requests.exceptions.HTTPError as error:
        return {"kind": "status", "message": str(error.response.status_code)}
    except requests.exceptions.RequestException as error:
        return {"kind": "broken", "message": type(error).__name__}
    except (ConnectionError, TimeoutError) as error:
        return {"kind": "broken", "message": type(error).__name__}
    except download_error as error:
        if "byte range" in str(error):  # the server cannot go on in the middle, or not with this file
            _forget(output.parent)
        return {"kind": "broken", "message": _sentence(error).replace(str(output.parent), "")}
    except OSError as error:
        return {"kind": "disk", "errno": error.errno, "message": error.strerror, "file": error.filename or str(output)}
    found = output.stat().st_size
    if found == 0 or (n_bytes is not None and found != n_bytes):  # older ones save the body of an error as the file
        _forget(output.parent)
        return {"kind": "broken", "message": f"expected {n_bytes or 'some'} bytes, found {found}"}
    return {"kind": "done", "message": ""}


def _sentence(error: BaseException) -> str:
    return " ".join(str(error).split())


def _forget(folder: Path) -> None:
    for path in _files(folder):
        path.unlink()


def _forget_other_versions(requests: Any, url: str, output: Path) -> int | None:
    """Throw away what was begun of another version of the file; returns the size of what is served now, if known.

    gdown compares a partial file with nothing older than itself.
    """
    options = {"allow_redirects": True, "timeout": _HEAD_TIMEOUT_S, "headers": {"Accept-Encoding": "identity"}}
    response = requests.head(url, **options)
    if response.status_code in (405, 501):  # no HEAD here
        response = requests.get(url, stream=True, **options)
        response.close()
    response.raise_for_status()
    etag = response.headers.get("ETag")
    validator = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified")
    length = response.headers.get("Content-Length", "")
    now = Origin(without_secrets(url), validator, int(length) if length.isdigit() else None)
    origin_file = output.with_name(ORIGIN)
    if Origin.read(origin_file) != now:
        _forget(output.parent)
        now.write(origin_file)
    return now.n_bytes


if __name__ == "__main__":
    sys.exit(_main())
