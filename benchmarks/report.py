"""How long the page of a whole benchmark takes to make, how large it is, and how soon it is there to read.

    python benchmarks/report.py [--run RUN --data DIR] [--keep DIR]

Without a run, one is made: 727 synthetic clips in v1's layout (``synthetic_v1.py``) with ``vad-endpointer``, to which nobody
listens for words. Opening is measured in a real Chromium from disk, from the navigation to the moment that the page has drawn
itself; a clip likewise, from the click to its lanes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fdbench.page.write import WrittenPage, write_report
from fdbench.task.data import open_data
from fdbench.task.load import TaskLoader
from tests.chromium import Page, browsing, find_chromium

N_OPENINGS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, help="a run; more of the same are compared with it", action="append", default=[])
    parser.add_argument("--data", type=Path, help="what it was made with")
    parser.add_argument("--keep", type=Path, help="leave the pages here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        out = options.keep or Path(scratch)
        runs, data = options.run, options.data
        if not runs:
            data = Path(scratch) / "data"
            runs = [made_run(data, Path(scratch) / "runs")]
        loader = TaskLoader(open_data(str(data)) if data else None)
        pages = {
            "with audio": measured(runs, out / "with-audio", loader, audio=True),
            "without": measured(runs, out / "without-audio", loader, audio=False),
        }
        for name, page in pages.items():
            opened(name, page)


def made_run(data: Path, out: Path) -> Path:
    script = Path(__file__).with_name("synthetic_v1.py")
    subprocess.run([sys.executable, str(script), str(data)], check=True)
    command = ["run", "--model", "vad-endpointer", "--tasks", "v1", "--data", data, "--asr", "none", "--protocol", "fdbench"]
    subprocess.run([sys.executable, "-m", "fdbench.cli", *map(str, command), "--out", str(out)], check=True)
    (run,) = (path for path in out.iterdir() if path.is_dir())
    return run


def measured(runs: list[Path], to: Path, loader: TaskLoader, *, audio: bool) -> WrittenPage:
    began_s = time.monotonic()
    page = write_report(runs, to, loader, lambda *_: None, audio=audio)
    took_s = time.monotonic() - began_s
    n_megabytes = page.n_bytes / 1e6
    name = "with audio" if audio else "without"
    print(f"{name:12} {page.n_clips} clips of {len(runs)} runs: {took_s:5.1f} s to make, {n_megabytes:6.1f} MB")
    return page


def opened(name: str, page: WrittenPage) -> None:
    binary = find_chromium()
    if binary is None:
        print(f"{name:12} no Chromium here: opening is not measured")
        return
    with browsing(binary) as browser:
        times_s = sorted(opening_s(browser, page.path) for _ in range(N_OPENINGS))
        rows_s = waited_s(browser, "location.hash = '#/1'", "document.querySelector('#task') && open && !open.go")
        clip_s = waited_s(browser, "document.querySelector('tbody th a').click()", "document.querySelector('.lanes')")
    middle_s = times_s[len(times_s) // 2]
    print(
        f"{name:12} opens in {middle_s:.2f} s (at most {times_s[-1]:.2f}), a task in {rows_s:.2f} s, a clip in {clip_s:.2f} s"
    )


def opening_s(browser: Page, path: Path) -> float:
    browser.call("Page.navigate", url="about:blank")
    began_s = time.monotonic()
    browser.open(path.absolute().as_uri())
    return time.monotonic() - began_s


def waited_s(browser: Page, action: str, condition: str) -> float:
    began_s = time.monotonic()
    browser.run(action)
    browser.until(condition)
    return time.monotonic() - began_s


if __name__ == "__main__":
    main()
