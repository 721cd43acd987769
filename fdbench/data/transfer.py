"""One file from a server: small texts by a single GET, archives through gdown, which goes on where it broke off.

Both are tried again where another try can help, at most ``MAX_FAILURES`` times in a row without gaining a byte. How long is
waited in between is the server's to say (``Retry-After``), else 1, 2, 4 ... s.
"""

from __future__ import annotations

import base64
import http.client
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from fdbench.errors import DataError, MissingExtraError, UsageError
from fdbench.io.http import retry_after

MAX_FAILURES: Final = 3
_LONGEST_PAUSE_S: Final = 30.0
_TRANSIENT_STATUSES: Final = frozenset({408, 425, 429})
_HTML_BEGINS: Final = (b"<!doctype html", b"<html")
_LONGEST_SNIFF_BYTES: Final = 512

_Result = TypeVar("_Result")


class InterruptedTransferError(DataError):
    """It broke off, stalled or was refused for now: another try can succeed.

    Attributes:
        wait_s: How long the server wants to be left alone, where it says.
    """

    wait_s: float | None = None


class NotThereError(DataError):
    """The server or folder does not have it: another place may."""


class RefusedTransferError(DataError):
    """Another try gives the same answer."""


def keep_trying(attempt: Callable[[], _Result], sleep: Callable[[float], None], size: Callable[[], int] = lambda: 0) -> _Result:
    """Repeat ``attempt`` while it is interrupted; tries that got further than all before do not count.

    Args:
        attempt: Raises InterruptedTransferError when another try makes sense.
        size: Bytes there are so far.

    Raises:
        DataError: ``MAX_FAILURES`` tries in a row gained nothing; says how far it got. Other errors pass.
    """
    furthest, failures, n_tries = size(), 0, 0
    while True:
        n_tries += 1
        try:
            return attempt()
        except InterruptedTransferError as error:
            reached = size()
            failures = 1 if reached > furthest else failures + 1
            furthest = max(furthest, reached)
            if failures >= MAX_FAILURES:
                goes_on = f"{reached} bytes are kept; the same command goes on from there"
                remedy = goes_on if reached else "check the network and the address, and start the same command again"
                raise DataError(f"{error.what} (tried {n_tries} times)", remedy) from None
            sleep(min(_LONGEST_PAUSE_S, 2.0 ** (failures - 1)) if error.wait_s is None else error.wait_s)


def fetch_text(url: str, timeout_s: float, sleep: Callable[[float], None]) -> bytes:
    """A small file, whole.

    Args:
        url: http or https; a user name and password in it are used and never shown.
        timeout_s: The longest silence of the server that is waited for.

    Raises:
        NotThereError: 404 or 410.
        RefusedTransferError: Another status that a further try will not change.
        DataError: It kept breaking off.
    """
    return keep_trying(lambda: _get(url, timeout_s), sleep)


def fetch_archive(
    which: Mapping[str, str],
    output: Path,
    *,
    timeout_s: float,
    sleep: Callable[[float], None],
    progress: Callable[[int], None] = lambda n_bytes: None,
) -> None:
    """Fetch a file into ``output``, going on with what an earlier process left of it (``output`` + ``*.part``).

    Args:
        which: ``{"id": Google Drive's}`` or ``{"url": any other}``.
        output: In a folder that belongs to this file and this source alone.
        timeout_s: The longest silence of the server that is waited for.
        progress: Told the bytes there are.

    Raises:
        NotThereError: The server does not have it.
        RefusedTransferError: The server will not give it (Drive's quota, for one).
        DataError: It kept breaking off.
        MissingExtraError: gdown is not installed.
        OSError: The disk is full or cannot be written; what is there is kept.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    keep_trying(lambda: _run_gdown(which, output, timeout_s, progress), sleep, lambda: _size(output))


def import_gdown() -> Any:
    """Raises:
    MissingExtraError: gdown is not installed.
    """
    try:
        import gdown
    except ModuleNotFoundError:
        raise MissingExtraError("gdown", "data", "fetching archives") from None
    return gdown


def without_secrets(url: str) -> str:
    """The URL without user name, password, query and fragment."""
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def is_html(head: bytes) -> bool:
    """Whether a file that begins so is a web page, whatever its name promises."""
    return head[:_LONGEST_SNIFF_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_HTML_BEGINS)


def _size(output: Path) -> int:
    return max((path.stat().st_size for path in output.parent.glob(f"{output.name}*")), default=0)


def _run_gdown(which: Mapping[str, str], output: Path, timeout_s: float, progress: Callable[[int], None]) -> None:
    gdown = import_gdown()
    import requests

    name = without_secrets(which["url"]) if "url" in which else f"https://drive.google.com/uc?id={which['id']}"
    options = {"use_cookies": False} if "url" in which else {}  # Drive asks for them before it gives large files
    try:
        gdown.download(
            **which, **options, output=str(output), quiet=True, resume=True, timeout=timeout_s,
            progress=lambda n_bytes, _: progress(n_bytes),
        )  # fmt: skip
    except gdown.exceptions.FileURLRetrievalError as error:
        why = " ".join(str(error).split())
        raise RefusedTransferError(f"{name}: Google Drive does not give the file ({why})") from None
    except requests.exceptions.HTTPError as error:
        assert error.response is not None
        raise _error_of_status(error.response.status_code, error.response.headers, name) from None
    except (requests.exceptions.RequestException, ConnectionError, TimeoutError) as error:
        raise InterruptedTransferError(f"{name}: broke off ({type(error).__name__})") from None
    except gdown.exceptions.DownloadError as error:
        if "byte range" in str(error):  # the server cannot go on in the middle, or not with this file
            for part in output.parent.glob(f"{output.name}*"):
                part.unlink()
        raise InterruptedTransferError(f"{name}: broke off ({str(error).partition('.')[0]})") from None


def _get(url: str, timeout_s: float) -> bytes:
    name = without_secrets(url)
    try:
        with urllib.request.urlopen(_request(url), timeout=timeout_s) as response:
            data: bytes = response.read()
            return data
    except urllib.error.HTTPError as error:
        error.close()
        raise _error_of_status(error.code, dict(error.headers.items()), name) from None
    except TimeoutError:
        raise InterruptedTransferError(f"{name}: stalled for {timeout_s:g} s") from None
    except http.client.IncompleteRead as error:
        raise InterruptedTransferError(f"{name}: broke off after {len(error.partial)} bytes") from None
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError) as error:
        raise InterruptedTransferError(f"{name}: broke off ({getattr(error, 'reason', None) or error})") from None


def _request(url: str) -> urllib.request.Request:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise UsageError(f"{url}: expected an http or https address", "check it")
    headers = {"User-Agent": "fdbench"}
    user, separator, host = parts.netloc.rpartition("@")
    if separator:
        headers["Authorization"] = f"Basic {base64.b64encode(urllib.parse.unquote(user).encode()).decode()}"
    return urllib.request.Request(urllib.parse.urlunsplit(parts._replace(netloc=host)), headers=headers)


def _error_of_status(status: int, headers: Mapping[str, str], name: str) -> DataError:
    """What a status of 400 or more means for trying again."""
    what = f"{name}: the server answers {status} {http.client.responses.get(status, '')}".rstrip()
    if status in (404, 410):
        return NotThereError(what, "check the address")
    if status < 500 and status not in _TRANSIENT_STATUSES:
        return RefusedTransferError(what, "check that you may read it")
    error = InterruptedTransferError(what)
    error.wait_s = retry_after(headers)
    return error
