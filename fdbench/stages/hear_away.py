"""What hears on a machine of a Ray cluster: recordings come by the names of their files, or with their sound; answers go back.

They are entered into the run's cache by whoever asked, so scoring finds them there, as if it had heard everything itself.
Nothing here imports Ray.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from fdbench.core.annotation import Channel, Request
from fdbench.core.sound import Track
from fdbench.hear.cache import AnnotationCache
from fdbench.hear.stage import Annotator, Engines, TakeAudio
from fdbench.store.manifest import MANIFEST

CHANNELS: tuple[Channel, ...] = ("user", "model")
Job = tuple[TakeAudio, Sequence[Request]]


@dataclass(frozen=True, slots=True)
class SentAudio:
    """A take whose sound comes along, for machines that do not see the run's folder."""

    behaviour: str
    stimulus: str
    digests: Mapping[Channel, str | None]
    tracks: Mapping[Channel, Track] = field(repr=False)
    folder: None = None

    @classmethod
    def of(cls, take: TakeAudio) -> SentAudio:
        """Raises DataError where the sound cannot be read."""
        digests = {channel: take.digest(channel) for channel in CHANNELS}
        tracks = {channel: take.load(channel) for channel in CHANNELS if digests[channel] is not None}
        return cls(take.behaviour, take.stimulus, digests, tracks)

    def digest(self, channel: Channel) -> str | None:
        return self.digests[channel]

    def load(self, channel: Channel) -> Track:
        return self.tracks[channel]


def hear_away(run: Path | None, jobs: Sequence[Job], engines: Engines, working_folder: str = "") -> dict[str, bytes] | None:
    """Answer the requests for some takes; what cannot be answered here is left to whoever asked.

    Args:
        run: The folder in which the recordings lie; None = their sound comes along.
        working_folder: Of whoever asks: what names an engine may be a path.

    Returns:
        Files of the cache, by their places in it; None where this machine does not see the folder.

    Raises:
        FdbenchError: An engine cannot be loaded here.
    """
    if run is not None and not (run / MANIFEST).is_file():
        return None
    with suppress(OSError):
        os.chdir(working_folder)
    annotator = _annotator(engines)
    with tempfile.TemporaryDirectory(prefix="fdbench-heard-") as folder:
        annotator.cache = AnnotationCache(Path(folder))
        for take, requests in jobs:
            annotator.annotate(take, requests)
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(Path(folder).rglob("*.json"))}


@lru_cache(maxsize=1)
def _annotator(engines: Engines) -> Annotator:
    """A process of the cluster is used again and again, and weights are to be loaded once."""
    return Annotator(engines, None)
