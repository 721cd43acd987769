"""Writes the page: one file, or one with its data and recordings beside it. It opens from disk and from any static host.

::

    DIR/index.html          all of the page's own code
        data/index.js       runs, tasks, a row for each clip
        data/00012.js       one clip, loaded when it is opened
        audio/0-00012.user.flac     the run's own recordings, byte for byte
    FILE.html               the same in one file

Nothing is asked of anybody else: no other host may be, by the page's own Content-Security-Policy. What others wrote is data:
JSON in ASCII in which no tag can begin, and text in the page.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, Final

from fdbench import __version__
from fdbench.core.absence import REASONS
from fdbench.core.metric import METRICS
from fdbench.errors import UsageError
from fdbench.io.files import write_bytes_atomically
from fdbench.page.call import AudioFile, CallDrawer, DrawnCall
from fdbench.page.lanes import Clip, Drawn, shown
from fdbench.page.model import cases_by_clip, index_of, keys_of, read_report_run
from fdbench.stages.cases import Case
from fdbench.stages.progress import Progress
from fdbench.store.run import Run
from fdbench.task.load import TaskLoader

_SCRIPTS: Final = ("dom.js", "lanes.js", "player.js", "chart.js", "rows.js", "page.js")
_MARK: Final = b'<meta name="generator" content="fdbench report">'
_OURS: Final = ("index.html", "data", "audio")
_ONLY: Final = "call"


@dataclass(frozen=True, slots=True)
class WrittenPage:
    """A page that was written.

    Attributes:
        path: What to open.
        n_bytes: Of all of it.
        n_audio_bytes: Of the recordings in it, as they are played.
        n_missing: Recordings that are not where their run is, although they were made.
    """

    path: Path
    n_clips: int
    n_bytes: int
    n_audio_bytes: int
    n_missing: int = 0
    notes: tuple[str, ...] = ()


def write_report(
    runs: Sequence[Path],
    to: Path,
    loader: TaskLoader,
    progress: Progress,
    *,
    inline: bool = False,
    prompts: bool = True,
    audio: bool = True,
) -> WrittenPage:
    """Write the page of one run or of several side by side.

    Args:
        to: A folder, or a file that ends in ``.html`` and then holds everything.
        loader: Of the data that the runs were made with, for what it annotates.
        inline: Everything in one file, in a folder, too.
        prompts: Whether the user's side is heard and read; its times are shown all the same.
        audio: Whether recordings go with the page.

    Raises:
        UsageError: A run does not exist, or ``to`` holds something else.
        DataError: A run has no scores, or a file of it is broken.
    """
    _check_target(to)
    found = [read_report_run(Run.existing(folder), loader) for folder in runs]
    keys = keys_of(found)
    drawers = [run.drawer(number, prompts=prompts, audio=audio) for number, run in enumerate(found)]
    index = {**index_of(found, keys), "title": shown(" and ".join(dict.fromkeys(_models(found))))}
    by_key = {key: clip for clip, key in keys.items()}
    page, n_missing = _Page(to, inline=inline or _is_file(to)), 0
    try:
        with ThreadPoolExecutor(os.cpu_count()) as threads:  # most of the work is decoding, which holds no lock
            for n, (key, calls) in enumerate(threads.map(partial(_drawn, drawers), cases_by_clip(found, keys)), 1):
                known = [call for call in calls if call is not None]
                page.add(key, Clip(key, *by_key[key], tuple(None if call is None else call.drawn for call in calls)).as_json())
                page.add_audio(file for call in known for file in call.files)
                n_missing += sum(call.n_missing for call in known)
                progress("report", n, len(keys), 0)
        written = page.finish(index, len(keys))
    finally:
        page.discard()
    notes = tuple(f"{run.manifest.run_id}: {note}" for run in found for note in run.notes if "not drawn" in note)
    return WrittenPage(written.path, written.n_clips, written.n_bytes, written.n_audio_bytes, n_missing, notes)


def _drawn(drawers: Sequence[CallDrawer], clip: tuple[str, list[Case | None]]) -> tuple[str, list[DrawnCall | None]]:
    key, cases = clip
    return key, [None if case is None else drawer.draw(case, key) for drawer, case in zip(drawers, cases, strict=True)]


def write_call_page(to: Path, title: str, drawn: Drawn, audio: Mapping[str, Path]) -> WrittenPage:
    """Write the page of a single call, of any origin: its lanes, its players, its words.

    Args:
        to: As of ``write_report``.
        drawn: The call; ``Lane.audio`` names its recordings as ``audio`` does.
        audio: The recording of each name, as FLAC, such as ``{"audio/user.flac": Path(...)}``; names lead with ``audio/``.

    Raises:
        UsageError: ``to`` holds something else.
    """
    _check_target(to)
    page = _Page(to, inline=_is_file(to))
    try:
        page.add(_ONLY, Clip(_ONLY, "", title, calls=(drawn,)).as_json())
        page.add_audio(AudioFile(source, name) for name, source in audio.items())
        run = {"name": shown(title), "facts": [], "figures": [], "n": 1, "failed": 0, "notes": []}
        made_by = f"fdbench {__version__}"
        return page.finish({"title": shown(title), "made_by": made_by, "runs": [run], "tasks": [], "only": _ONLY}, 1)
    finally:
        page.discard()


class _Page:
    """A page in the making: beside its place until all of it is there."""

    def __init__(self, to: Path, *, inline: bool) -> None:
        self._to = to.absolute()
        self._inline = inline
        self._data: list[str] = []
        self._n_audio = 0
        self._to.parent.mkdir(parents=True, exist_ok=True)
        self._scratch = self._to.with_name(f".{self._to.name}.{secrets.token_hex(4)}.part")
        self._scratch.mkdir()
        if not inline:
            for folder in _OURS[1:]:
                (self._scratch / folder).mkdir()

    def add(self, name: str, value: Any) -> None:
        """A piece of data, under the name by which the page asks for it."""
        if self._inline:
            self._data.append(f'<script type="application/json" id="data-{name}">{_as_script(value)}</script>\n')
        else:
            text = f"fdbench.put({json.dumps(name)}, {_as_script(value)});\n"
            (self._scratch / "data" / f"{name}.js").write_text(text, encoding="ascii")

    def add_audio(self, recordings: Iterable[AudioFile]) -> None:
        for each in recordings:
            if self._inline:
                sound = each.source.read_bytes()
                text = base64.b64encode(sound).decode()
                self._data.append(f'<script type="text/plain" id="sound-{each.name}">{text}</script>\n')
                self._n_audio += len(sound)
            else:
                shutil.copyfile(each.source, self._scratch / each.name)
                self._n_audio += each.source.stat().st_size

    def finish(self, index: Mapping[str, Any], n_clips: int) -> WrittenPage:
        words = {
            "reasons": {reason.key: [reason.sentence, reason.status] for reason in REASONS.values()},
            "metrics": {metric.name: [metric.unit, metric.sentence] for metric in METRICS.values()},
        }
        self.add("index", {**index, **words})
        html = _html("".join(self._data), beside=not self._inline).encode()
        if _is_file(self._to):
            write_bytes_atomically(self._to, html)
            return WrittenPage(self._to, n_clips, len(html), self._n_audio)
        (self._scratch / "index.html").write_bytes(html)
        n_bytes = sum(path.stat().st_size for path in self._scratch.rglob("*") if path.is_file())
        self._replace()
        return WrittenPage(self._to / "index.html", n_clips, n_bytes, self._n_audio)

    def _replace(self) -> None:
        """Put the page in its place; of an earlier one nothing stays, and nothing else is touched."""
        self._to.mkdir(exist_ok=True)
        for name in _OURS:
            old, new = self._to / name, self._scratch / name
            if old.is_dir() and not old.is_symlink():
                shutil.rmtree(old)
            else:
                old.unlink(missing_ok=True)
            if new.exists():
                new.rename(old)

    def discard(self) -> None:
        shutil.rmtree(self._scratch, ignore_errors=True)


def _html(data: str, *, beside: bool) -> str:
    """The page itself.

    Args:
        data: Blocks of data that lie in it.
        beside: Whether data and recordings lie beside it.
    """
    assets = files("fdbench.page") / "assets"
    script = "".join((assets / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    style = (assets / "page.css").read_text(encoding="utf-8")
    own = "'self' file:" if beside else ""
    policy = (
        f"default-src 'none'; script-src {_hash_of(script)} {own}; style-src {_hash_of(style)}; "
        f"media-src {own or 'blob:'}; img-src data:; base-uri 'none'; form-action 'none'"
    )
    page = Template((assets / "page.html").read_text(encoding="utf-8"))
    return page.substitute(policy=policy, style=style, script=script, data=data)


def _hash_of(text: str) -> str:
    """What a policy calls a script or a style that lies in the page."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _as_script(value: Any) -> str:
    """JSON that is also JavaScript and lies safely in HTML: ASCII, and no tag begins in it."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _models(runs: Sequence[Any]) -> list[str]:
    return [run.manifest.collection.model for run in runs]


def _is_file(to: Path) -> bool:
    return to.suffix.lower() == ".html"


def _check_target(to: Path) -> None:
    """Raises UsageError where a page would go over something else."""
    if _is_file(to):
        if to.is_dir() or (to.is_file() and not _is_page(to)):
            raise UsageError(f"--to {to}: is there and is no report", "name another file")
    elif to.exists() and not to.is_dir():
        raise UsageError(f"--to {to}: not a folder", "name a folder, or a file that ends in .html")
    elif to.is_dir() and any(to.iterdir()) and not _is_page(to / "index.html"):
        raise UsageError(f"--to {to}: the folder is not empty and holds no report", "name another one, or an empty one")


def _is_page(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return _MARK in file.read(4096)
