"""Fetching one file that may break off at any byte: what is worth another try, and pinned URLs over plain HTTP."""

from __future__ import annotations

import base64
import http.client
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fdbench.errors import DataError, UsageError
from fdbench.io.files import read_json, write_json_atomically

MAX_FAILURES: Final = 5
"""Tries in a row that gained nothing before giving up."""
MAX_TRIES: Final = 200
_LONGEST_PAUSE_S: Final = 30.0
_CHUNK_BYTES: Final = 1 << 16
_TRANSIENT_STATUSES: Final = frozenset({408, 425, 429})
_HTML_BEGINS: Final = (b"<!doctype html", b"<html")
_LONGEST_SNIFF_BYTES: Final = 512

Pause = Callable[[float], None]
Progress = Callable[[int], None]


class InterruptedTransferError(DataError):
    """It broke off, stalled or was refused for now: another try can succeed."""


class NotThereError(DataError):
    """The server or folder does not have it: another place may."""


class RefusedError(DataError):
    """Another try gives the same answer."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a partial file is a part of, kept beside it: bytes of two versions must never be joined.

    Attributes:
        source: The URL, without secrets.
        validator: ETag or Last-Modified of the whole.
        n_bytes: Size of the whole, where the server says.
    """

    source: str
    validator: str | None = None
    n_bytes: int | None = None

    @classmethod
    def read(cls, file: Path) -> Origin | None:
        """The origin beside a partial file; None where it is missing or cannot be read."""
        try:
            value = read_json(file)
        except DataError:
            return None
        if not isinstance(value, dict) or set(value) != {"source", "validator", "n_bytes"}:
            return None
        return cls(value["source"], value["validator"], value["n_bytes"])

    def write(self, file: Path) -> None:
        write_json_atomically(file, {"source": self.source, "validator": self.validator, "n_bytes": self.n_bytes})


def keep_trying(attempt: Callable[[], None], size: Callable[[], int], pause: Pause) -> None:
    """Repeat ``attempt`` while it is interrupted; tries that got further than all before do not count.

    Args:
        attempt: Raises InterruptedTransferError when another try makes sense.
        size: Bytes there are so far.
        pause: Sleeps for so many seconds: 1, 2, 4 ... 30.

    Raises:
        DataError: ``MAX_FAILURES`` tries in a row gained nothing; says how far it got. Other errors pass.
    """
    furthest, failures = size(), 0
    for n_tries in range(1, MAX_TRIES + 1):
        try:
            return attempt()
        except InterruptedTransferError as error:
            reached = size()
            failures = 1 if reached > furthest else failures + 1
            furthest = max(furthest, reached)
            if failures >= MAX_FAILURES or n_tries == MAX_TRIES:
                goes_on = f"{reached} bytes are kept; the same command goes on from there"
                remedy = goes_on if reached else "check the network and the address, and start the same command again"
                raise DataError(f"{error.what} (tried {n_tries} times)", remedy) from None
            pause(min(_LONGEST_PAUSE_S, 2.0 ** (failures - 1)))
    return None


def fetch_url(url: str, partial: Path, *, timeout_s: float, pause: Pause, progress: Progress = lambda n_bytes: None) -> None:
    """Fetch ``url`` into ``partial``, going on where an earlier try or an earlier process stopped.

    Bytes are joined only where the server confirms (``If-Range``) that it still serves the same; else it starts anew.

    Args:
        url: http or https; a user name and password in it are used and never stored.
        timeout_s: The longest silence of the server that is waited for.

    Raises:
        NotThereError: 404 or 410.
        RefusedError: Another status that a further try will not change.
        DataError: It kept breaking off.
        OSError: The disk is full or cannot be written.
    """
    keep_trying(
        lambda: _fetch_once(url, partial, timeout_s, progress),
        lambda: partial.stat().st_size if partial.exists() else 0,
        pause,
    )


def is_surely_missing(url: str, timeout_s: float) -> bool:
    """Whether the server says, without being asked for the content, that there is no such file."""
    try:
        with urllib.request.urlopen(_request(url, {"User-Agent": "fdbench"}, "HEAD"), timeout=timeout_s):
            return False
    except urllib.error.HTTPError as error:
        error.close()
        return error.code in (404, 410)
    except (urllib.error.URLError, http.client.HTTPException, OSError):  # whoever fetches it will see, and try again
        return False


def without_secrets(url: str) -> str:
    """The URL without user name, password, query and fragment."""
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def is_html(file: Path) -> bool:
    """Whether a file is a web page, whatever its name promises."""
    with file.open("rb") as opened:
        head = opened.read(_LONGEST_SNIFF_BYTES)
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_HTML_BEGINS)


def error_of_status(status: int, url: str) -> DataError:
    """What a status of 400 or more means for trying again."""
    what = f"{without_secrets(url)}: the server answers {status} {http.client.responses.get(status, '')}".rstrip()
    if status in (404, 410):
        return NotThereError(what, "check the address")
    if status >= 500 or status in _TRANSIENT_STATUSES:
        return InterruptedTransferError(what)
    return RefusedError(what, "check that you may read it")


def _fetch_once(url: str, partial: Path, timeout_s: float, progress: Progress) -> None:
    origin_file = partial.with_name(f"{partial.name}.origin.json")
    origin = Origin.read(origin_file)
    have = partial.stat().st_size if partial.exists() else 0
    headers = {"User-Agent": "fdbench", "Accept-Encoding": "identity"}
    if have and origin is not None and origin.source == without_secrets(url) and origin.validator is not None:
        headers |= {"Range": f"bytes={have}-", "If-Range": origin.validator}
    else:
        have = 0
    try:
        with urllib.request.urlopen(_request(url, headers), timeout=timeout_s) as response:
            _receive(url, response, partial, have, origin_file, progress)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # what is there is not a beginning of what is served
            partial.unlink(missing_ok=True)
            raise InterruptedTransferError(f"{without_secrets(url)}: the partial file does not fit any more") from None
        raise error_of_status(error.code, url) from None
    except TimeoutError:
        raise InterruptedTransferError(f"{without_secrets(url)}: stalled for {timeout_s:g} s") from None
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise InterruptedTransferError(f"{without_secrets(url)}: broke off ({reason})") from None


def _receive(url: str, response: Any, partial: Path, have: int, origin_file: Path, progress: Progress) -> None:
    resumed = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
    if response.status == 206 and not resumed:
        raise RefusedError(f"{without_secrets(url)}: the server sends another range than was asked for", "use another mirror")
    have = have if resumed else 0
    length = response.headers.get("Content-Length")
    total = have + int(length) if length is not None and length.isdigit() else None
    if not resumed:
        etag = response.headers.get("ETag")
        validator = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified")
        Origin(without_secrets(url), validator, total).write(origin_file)
    with partial.open("ab" if resumed else "wb") as file:
        while chunk := response.read(_CHUNK_BYTES):
            file.write(chunk)
            have += len(chunk)
            progress(have)
    if total is not None and have < total:
        raise InterruptedTransferError(f"{without_secrets(url)}: broke off after {have} of {total} bytes")


def _request(url: str, headers: dict[str, str], method: str = "GET") -> urllib.request.Request:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise UsageError(f"{url}: expected an http or https address", "check it")
    user, separator, host = parts.netloc.rpartition("@")
    if separator:
        secret = base64.b64encode(urllib.parse.unquote(user).encode()).decode()
        headers = {**headers, "Authorization": f"Basic {secret}"}
    return urllib.request.Request(urllib.parse.urlunsplit(parts._replace(netloc=host)), headers=headers, method=method)
