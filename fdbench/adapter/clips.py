"""Short recorded utterances that the trivial agents speak with (flite's slt voice, made by ``tools/make_mini.py``)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Literal

import numpy as np

from fdbench.core.sound import Samples
from fdbench.errors import DataError
from fdbench.io.files import sha256_of
from fdbench.io.wav import decode_audio

CLIP_RATE_HZ = 16000
REPLY_S = 10.0
"""Who never yields and who yields after a second look alike under replies that end by themselves sooner."""
BETWEEN_SENTENCES_S = 0.1
"""Shorter than what a detector takes for the end of speech."""


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """An utterance whose first sample is the onset of its first phone."""

    id: str
    kind: Literal["reply", "backchannel"]
    text: str
    samples: Samples


def load_clips(kind: Literal["reply", "backchannel"]) -> tuple[Clip, ...]:
    """All shipped clips of a kind, in order of id, 16 kHz.

    Raises:
        DataError: A file is damaged or not the one that its pinned hash names.
    """
    folder = resources.files("fdbench.adapters.replies")
    manifest = json.loads((folder / "replies.json").read_text(encoding="utf-8"))
    clips = []
    for name, facts in sorted(manifest["utterances"].items()):
        if facts["kind"] != kind:
            continue
        data = (folder / f"{name}.flac").read_bytes()
        if sha256_of(data) != facts["sha256"]:
            raise DataError(f"replies/{name}.flac is not the file that replies.json pins", "reinstall fdbench")
        audio = decode_audio(data, f"replies/{name}.flac")
        clips.append(Clip(name, kind, facts["text"], audio.samples))
    return tuple(clips)


def draw_reply(clips: Sequence[Clip], random: np.random.Generator) -> Samples:
    """A reply of at least ``REPLY_S``: several of the clips, none of them twice, one after the other."""
    between = np.zeros(round(BETWEEN_SENTENCES_S * CLIP_RATE_HZ), np.float32)
    pieces: list[Samples] = []
    for index in random.permutation(len(clips)):
        pieces += [between, clips[index].samples] if pieces else [clips[index].samples]
        if sum(map(len, pieces)) >= REPLY_S * CLIP_RATE_HZ:
            break
    return np.concatenate(pieces)


class Mouth:
    """What an agent is going to say: a queue of samples handed out frame by frame."""

    def __init__(self) -> None:
        self._queue = np.zeros(0, np.float32)

    @property
    def is_speaking(self) -> bool:
        return len(self._queue) > 0

    @property
    def remaining(self) -> int:
        """Samples still to be said."""
        return len(self._queue)

    def say(self, *pieces: Samples) -> None:
        self._queue = np.concatenate([self._queue, *pieces])

    def stop(self, fade_samples: int = 160) -> None:
        """Fall silent within 10 ms, without a click."""
        rest = self._queue[:fade_samples].copy()
        self._queue = rest * np.linspace(1, 0, len(rest), dtype=np.float32)

    def next(self, n: int) -> Samples:
        frame = np.zeros(n, np.float32)
        piece, self._queue = self._queue[:n], self._queue[n:]
        frame[: len(piece)] = piece
        return frame
