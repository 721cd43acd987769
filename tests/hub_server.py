"""As much of the Hugging Face hub as reading takes, on loopback: one dataset or model, made from a folder, at one commit."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REVISIONS = ("main", "v1", COMMIT)


@dataclass
class Hub:
    """What is served, and what was asked for.

    Attributes:
        kind: ``datasets`` or ``models``.
        token: Needed with every request, if set.
        gated: Whoever asks has not accepted the licence.
        sent: Bytes of file content that left the server, by path.
        requests: ``METHOD path`` of each request.
    """

    folder: Path
    name: str
    token: str = ""
    kind: str = "datasets"
    gated: bool = False
    url: str = ""
    sent: dict[str, int] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def files(self) -> dict[str, Path]:
        found = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path for path in found}


@contextmanager
def serving(folder: Path, name: str, token: str = "", kind: str = "datasets") -> Iterator[Hub]:
    hub = Hub(folder, name, token, kind)

    class Handler(_Handler):
        served = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: Hub

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        self.served.requests.append(f"{self.command} {path}")
        if self.served.token and self.headers.get("Authorization") != f"Bearer {self.served.token}":
            self._missing("RepoNotFound", 401)
            return
        if self.served.gated:
            self._missing("GatedRepo", 403)
            return
        name, kind = re.escape(self.served.name), self.served.kind
        api = re.fullmatch(rf"/api/{kind}/{name}(?:/(revision|tree|paths-info)/([^/]+)(?:/(.*))?)?", path)
        resolve = re.fullmatch(rf"{'' if kind == 'models' else f'/{kind}'}/{name}/resolve/([^/]+)/(.+)", path)
        if api:
            self._api(api[1] or "revision", api[2] or "main", api[3] or "", body)
        elif resolve:
            self._file(resolve[1], resolve[2])
        else:
            self._missing("RepoNotFound", 404)

    def _api(self, what: str, revision: str, below: str, body: bytes) -> None:
        files = self.served.files()
        if revision not in REVISIONS:
            self._missing("RevisionNotFound", 404)
        elif what == "revision":
            siblings = [{"rfilename": name} for name in files]
            self._json({"id": self.served.name, "sha": COMMIT, "private": False, "tags": [], "siblings": siblings})
        elif what == "tree":
            self._json(self._entries(files, below))
        else:
            asked = json.loads(body) if body[:1] == b"{" else parse_qs(body.decode())
            self._json([entry for name in asked["paths"] for entry in self._entry(files, name)])

    def _entries(self, files: dict[str, Path], below: str) -> list[dict[str, Any]]:
        recursive = parse_qs(urlsplit(self.path).query).get("recursive", ["false"])[0].lower() == "true"
        prefix = f"{below}/" if below else ""
        names: dict[str, None] = {}
        for name in files:
            if name.startswith(prefix):
                parts = name.removeprefix(prefix).split("/")
                depth = len(parts) if recursive else 1
                names |= {prefix + "/".join(parts[:n]): None for n in range(1, depth + 1)}
        return [entry for name in names for entry in self._entry(files, name)]

    def _entry(self, files: dict[str, Path], name: str) -> list[dict[str, Any]]:
        if name in files:
            data = files[name].read_bytes()
            return [{"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}]
        if any(each.startswith(f"{name}/") for each in files):
            return [{"type": "directory", "path": name, "oid": hashlib.sha1(name.encode()).hexdigest()}]
        return []

    def _file(self, revision: str, name: str) -> None:
        files = self.served.files()
        if revision not in REVISIONS or name not in files:
            self._missing("EntryNotFound" if revision in REVISIONS else "RevisionNotFound", 404)
            return
        data = files[name].read_bytes()
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        first = int(wanted[1]) if wanted else 0
        last = min(int(wanted[2]), len(data) - 1) if wanted and wanted[2] else len(data) - 1
        part = data[first : last + 1]
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.send_header("ETag", f'"{hashlib.sha1(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        self._send(part)
        if self.command != "HEAD":
            self.served.sent[name] = self.served.sent.get(name, 0) + len(part)

    def _json(self, value: Any) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self._send(json.dumps(value).encode())

    def _missing(self, code: str, status: int) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", f"{code}: not here")
        self._send(json.dumps({"error": f"{code}: not here"}).encode())

    def _send(self, data: bytes) -> None:
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
