"""What a reader needs of a run: the files that its manifest and its records name, and no log of when and where it was made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from fdbench.store.manifest import RunManifest
from fdbench.store.run import Run

Kind = Literal["record", "user", "model", "log", "rating", "annotation", "verdict", "scores", "summary"]
"""What a file is; ``model`` is the audio that the model said, ``user`` any other, in which the user may be heard."""


def files_of(run: Run, manifest: RunManifest) -> Iterator[tuple[Kind, Path]]:
    """Every file but the manifest, also one that is gone although a record or the manifest names it."""
    for take in manifest.takes():
        if run.record_file(take).is_file():
            yield "record", run.record_file(take)
        if run.rating_file(take).is_file():
            yield "rating", run.rating_file(take)
        record = run.record(take)
        for name, track in record.tracks.items() if record is not None else ():
            yield "model" if name == "model" else "user", run.folder / track.file
        for log in () if record is None else (record.log, record.user_log):
            if log is not None:
                yield "log", run.folder / log.lines
                yield "log", run.folder / log.sound
    for name in run.files_in("annotations"):
        yield "annotation", run.folder / name
    for name in run.files_in("verdicts"):
        yield "verdict", run.folder / name
    for scored in manifest.scored:
        yield "scores", run.samples_file(scored.folder)
        yield "summary", run.summary_file(scored.folder)
        if run.judge_check_file(scored.folder).is_file():
            yield "summary", run.judge_check_file(scored.folder)


def copy_file(run: Run, path: Path, to: Run, change: Callable[[bytes], bytes]) -> None:
    """Put a file of one run into another, at the same place.

    Args:
        change: Makes of its content what is written.

    Raises:
        OSError: It cannot be read, or not be written.
    """
    place = to.folder / run.relative(path)
    content = change(path.read_bytes())
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
