"""How much of a response is waited for: a server may neither talk for ever nor drip.

An HTTP client's timeout is the longest silence, so a server, or a proxy that keeps a connection alive with blanks, could hold
a question for days. Here the body as a whole has a limit, in time and in size. Imports the SDK: for ``transport`` alone.
"""

from __future__ import annotations

import sys
import time
from typing import Any, Final

import openai

MAX_BODY_BYTES: Final = 2**20
"""Unpacked. Fifty times what the longest answer takes."""

_LIBRARY: Final = sys.modules[openai.DefaultHttpxClient.__mro__[1].__module__.partition(".")[0]]
InvalidURLError: Final[type[Exception]] = _LIBRARY.InvalidURL
"""Of the HTTP library below the SDK, which is not the same in each version of it."""

_OF_THE_WIRE: Final = ("content-encoding", "content-length", "transfer-encoding")
"""Headers that are not true of a body that was read."""


class PatientClient(openai.DefaultHttpxClient):
    """The SDK's HTTP client, with a limit on the body of each response.

    Args:
        timeout_s: From a response's head to its last byte.
        options: As the SDK's client takes them.
    """

    def __init__(self, timeout_s: float, **options: Any) -> None:
        super().__init__(**options)
        self._body_timeout_s = timeout_s

    def send(self, request: Any, **options: Any) -> Any:
        """Send a request and read its response whole.

        Raises:
            OSError: The body does not end in time, or is too long.
        """
        response = super().send(request, **{**options, "stream": True})
        end_s = time.monotonic() + self._body_timeout_s
        body = bytearray()
        try:
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise OSError(f"the response is longer than {MAX_BODY_BYTES} bytes")
                if time.monotonic() > end_s:
                    raise TimeoutError(f"the response did not end within {self._body_timeout_s:g} s")
        finally:
            response.close()
        headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in _OF_THE_WIRE]
        return type(response)(
            response.status_code, headers=headers, content=bytes(body), request=request, extensions=response.extensions
        )
