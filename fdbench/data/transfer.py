"""One file from a server, through gdown: it knows Google Drive's ways, and goes on where an earlier attempt broke off."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from fdbench.errors import DataError, MissingExtraError
from fdbench.io.http import meaning_of

MAX_TRIES: Final = 3
PAUSE_S: Final = 1.0
"""Before the second try; each further pause is twice as long."""
_GONE: Final = (404, 410)


def import_gdown() -> Any:
    """Raises:
    MissingExtraError: gdown is not installed.
    """
    try:
        import gdown
    except ModuleNotFoundError:
        raise MissingExtraError("gdown", "data", "fetching data") from None
    return gdown


def fetch_file(url: str, output: Path, timeout_s: float, progress: Callable[[int], None], if_refused: str) -> bool:
    """Fetch a file into ``output``, going on with what an earlier process left of it (``output`` + ``*.part``).

    Args:
        url: http or https; a user name and password in it are used and never shown.
        output: In a folder that belongs to this file and this source alone.
        timeout_s: The longest silence of the server that is waited for.
        progress: Told the bytes there are.
        if_refused: What to do where the server will not give the file.

    Returns:
        False where the server does not have it.

    Raises:
        DataError: The server will not give it (Drive's quota, for one), or it kept breaking off.
        MissingExtraError: gdown is not installed.
        OSError: The disk is full or cannot be written; what is there is kept.
    """
    gdown = import_gdown()
    import requests

    name, trouble = without_secrets(url), ""
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        for n_tries in range(MAX_TRIES):
            if n_tries:
                time.sleep(PAUSE_S * 2 ** (n_tries - 1))
            try:
                gdown.download(
                    url, str(output), quiet=True, resume=True, timeout=timeout_s, use_cookies="drive.google.com" in name,
                    progress=lambda n_bytes, _: progress(n_bytes),
                )  # fmt: skip
                return True
            except gdown.exceptions.FileURLRetrievalError as error:
                raise DataError(
                    f"{name}: Google Drive does not give the file ({' '.join(str(error).split())})", if_refused
                ) from None
            except requests.exceptions.HTTPError as error:
                assert error.response is not None
                status = error.response.status_code
                trouble = f"the server answers {status} {http.client.responses.get(status, '')}".rstrip()
                if status in _GONE:
                    return False
                if meaning_of(status) in ("closed", "rejected"):
                    raise DataError(f"{name}: {trouble}", if_refused) from None
            except (requests.exceptions.RequestException, ConnectionError, TimeoutError) as error:
                trouble = f"broke off ({type(error).__name__})"
            except gdown.exceptions.DownloadError as error:
                trouble = f"broke off ({str(error).partition('.')[0]})"
                if "byte range" in str(error):  # the server cannot go on in the middle, or not with this file
                    for part in output.parent.glob(f"{output.name}*"):
                        part.unlink()
        remedy = "check the network and start the same command again: what has come is kept, and it goes on from there"
        raise DataError(f"{name}: {trouble} (tried {MAX_TRIES} times)", remedy)
    finally:
        with suppress(OSError):  # something has come
            output.parent.rmdir()


def without_secrets(url: str) -> str:
    """The URL without user name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
