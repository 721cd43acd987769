"""A real Chromium without a window, driven over its DevTools Protocol; and what went wrong in the page while it was."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE_S = 60.0
"""For a browser on a busy machine; nobody waits so long for one that answers."""


def find_chromium() -> str | None:
    """The browser that ``FDBENCH_CHROMIUM`` names, or one that is installed."""
    return os.environ.get("FDBENCH_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """One page of a browser.

    Attributes:
        troubles: Errors on the console, exceptions and breaches of the page's policy.
        requests: The address of everything that was asked for.
    """

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._last = 0
        self._events: list[dict[str, Any]] = []
        self.troubles: list[str] = []
        self.requests: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask the browser for something, and note what it tells meanwhile."""
        self._last += 1
        self._socket.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=PATIENCE_S))
            if message.get("id") == self._last:
                if "error" in message:
                    raise AssertionError(f"{method}: {message['error']['message']}")
                return message.get("result", {})
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        method, told = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.troubles.append(str(told["exceptionDetails"].get("exception", told["exceptionDetails"])))
        elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
            self.troubles.append(str(told["args"]))
        elif method == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            self.troubles.append(told["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])

    def run(self, script: str) -> Any:
        """The value of an expression; of a promise, what it resolves to."""
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True)
        if "exceptionDetails" in result:
            raise AssertionError(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def until(self, condition: str) -> Any:
        """Wait in the page, frame by frame, until an expression holds; gives its value."""
        waiting = f"""new Promise((resolve, reject) => {{
          const end = performance.now() + {PATIENCE_S * 500};
          const look = () => {{
            const found = (() => {{ try {{ return {condition}; }} catch (error) {{ return null; }} }})();
            if (found) resolve(found);
            else if (performance.now() > end) reject(new Error("never held"));
            else setTimeout(look, 20);
          }};
          look();
        }})"""
        return self.run(waiting)

    def open(self, address: str) -> None:
        """Go to a page of ours, and wait until it has drawn itself."""
        self.call("Page.navigate", url=address)
        self.until("document.documentElement.dataset.ready === 'yes'")

    def press(self, key: str) -> None:
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def look(self, to: Path, width: int = 1400, height: int = 1000, *, dark: bool = False, whole: bool = False) -> None:
        """Write a picture of what is seen at a size."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.run("new Promise((resolve) => setTimeout(resolve, 400))")
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        to.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def browsing(binary: str) -> Iterator[Page]:
    """A page of a fresh browser; it and all of its files are gone afterwards."""
    from websockets.sync.client import connect

    with tempfile.TemporaryDirectory(prefix="fdbench-chromium-", ignore_cleanup_errors=True) as profile:
        options = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--mute-audio",
            "--no-first-run",
            "--disable-dev-shm-usage",
        ]
        options += ["--disable-background-networking", "--autoplay-policy=no-user-gesture-required", "--hide-scrollbars"]
        command = [binary, *options, "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with connect(_socket_of(Path(profile), browser), max_size=None, proxy=None) as socket:
                yield Page(socket)
        finally:
            browser.terminate()
            try:
                browser.wait(10)
            except subprocess.TimeoutExpired:
                browser.kill()
                browser.wait()


def _socket_of(profile: Path, browser: subprocess.Popen[bytes]) -> str:
    """Where the first page of a browser that has just been started is driven from."""
    import urllib.request

    end_s = time.monotonic() + PATIENCE_S
    file = profile / "DevToolsActivePort"
    while time.monotonic() < end_s and browser.poll() is None:
        lines = file.read_text().splitlines() if file.exists() else []
        if lines:
            with urllib.request.urlopen(f"http://127.0.0.1:{lines[0]}/json", timeout=PATIENCE_S) as answer:
                for target in json.load(answer):
                    if target["type"] == "page":
                        return str(target["webSocketDebuggerUrl"])
        time.sleep(0.05)
    raise AssertionError("the browser did not start")
