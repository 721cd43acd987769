"""A server on loopback that serves files as a good one does, and misbehaves as it is told to.

with FileServer(folder) as server:
    server.misbehave("set.zip", Fault(break_after=1000))        # each fault is used up by one GET
    ... server.url ...
    assert server.ranges("set.zip") == [None, 1000]
"""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

QUOTA_PAGE = b"<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head><body>Sorry</body></html>"
CHUNK_BYTES = 4096


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one GET.

    Attributes:
        break_after: The connection ends after so many bytes of the body.
        stall_after: Nothing more comes after so many bytes of the body, and the connection stays open.
        status: Answered instead of the file.
        retry_after: Of that answer, the header of this name.
        body: Sent instead of the file's bytes.
    """

    break_after: int | None = None
    stall_after: int | None = None
    status: int | None = None
    retry_after: str | None = None
    body: bytes | None = None


class FileServer:
    """Serves a folder on a free port.

    Attributes:
        has_ranges: Whether it can go on in the middle.
        has_head: Whether it answers HEAD.
        etags: Given instead of the file's hash, by name; "" for none.
        always: A fault of every GET of a name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.has_ranges = True
        self.has_head = True
        self.etags: dict[str, str] = {}
        self.always: dict[str, Fault] = {}
        self.log: list[tuple[str, str, int | None, str | None]] = []
        self._faults: dict[str, list[Fault]] = defaultdict(list)
        self._released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> FileServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def misbehave(self, name: str, *faults: Fault) -> None:
        self._faults[name] += faults

    def gets(self, name: str) -> int:
        return sum(method == "GET" and path == name for method, path, _, _ in self.log)

    def ranges(self, name: str) -> list[int | None]:
        """First bytes asked for by each GET of a file, None for the whole."""
        return [first for method, path, first, _ in self.log if method == "GET" and path == name]

    def authorizations(self, name: str) -> list[str | None]:
        return [secret for _, path, _, secret in self.log if path == name]

    def fault_of(self, name: str) -> Fault:
        if self._faults[name]:
            return self._faults[name].pop(0)
        return self.always.get(name, Fault())

    def wait_until_released(self) -> None:
        self._released.wait(60)


def _handler_of(owner: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            if not owner.has_head:
                return self._answer_status(501)
            return self._serve(with_body=False)

        def do_GET(self) -> None:
            return self._serve(with_body=True)

        def _serve(self, *, with_body: bool) -> None:
            name = unquote(urlsplit(self.path).path).lstrip("/")
            wanted = self.headers.get("Range")
            first = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else None
            owner.log.append((self.command, name, first, self.headers.get("Authorization")))
            fault = owner.fault_of(name) if with_body else Fault()
            file = owner.folder / name
            if fault.status is not None:
                return self._answer_status(fault.status, fault.retry_after)
            if not file.is_file():
                return self._answer_status(404)
            body = file.read_bytes() if fault.body is None else fault.body
            etag = owner.etags.get(name, f'"{hashlib.sha256(body).hexdigest()[:16]}"')
            start = first if first is not None and owner.has_ranges else 0
            if self.headers.get("If-Range") not in (None, etag):
                start = 0
            if start and start >= len(body):
                return self._answer_status(416)
            self.send_response(206 if start else 200)
            self.send_header("Content-Type", "text/html" if body.startswith(b"<!") else "application/octet-stream")
            self.send_header("Content-Length", str(len(body) - start))
            if owner.has_ranges:
                self.send_header("Accept-Ranges", "bytes")
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            if etag:
                self.send_header("ETag", etag)
            self.end_headers()
            if with_body:
                self._send(body[start:], fault)
            return None

        def _send(self, body: bytes, fault: Fault) -> None:
            limit = next((n for n in (fault.break_after, fault.stall_after) if n is not None), len(body))
            try:
                for at in range(0, min(limit, len(body)), CHUNK_BYTES):
                    self.wfile.write(body[at : min(at + CHUNK_BYTES, limit)])
                self.wfile.flush()
            except (BrokenPipeError, ConnectionResetError):  # the client has seen enough, as gdown does before it resumes
                self.close_connection = True
                return
            if limit < len(body):
                if fault.stall_after is not None:
                    owner.wait_until_released()
                self.close_connection = True

        def _answer_status(self, status: int, retry_after: str | None = None) -> None:
            self.send_response(status)
            if retry_after is not None:
                self.send_header("Retry-After", retry_after)
            self.send_header("Content-Length", "0")
            self.end_headers()

    return Handler
