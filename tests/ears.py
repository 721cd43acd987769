"""Engines that hear each sound once, however many tests and processes ask about it.

What an engine says depends on the sound alone (``AsrEngine``, ``VadModel``), which the tests of each engine show on the engine
itself. So a run that is made again, an export that is scored anew and a dozen judged copies of a run pay for one hearing. The
first is real. So do agents that answer alike, sooner or later: a recogniser hears regions of speech, each alone, and a detector
a second at a time, after what it heard before.
"""

from __future__ import annotations

import hashlib
import pickle
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from fdbench.audio.vad import VadModel, load_vad_model
from fdbench.hear.engines import AsrEngine, asr_signature, load_asr
from fdbench.io.files import write_bytes_atomically

REMEMBERED_PIECES = 60_000
"""A kilobyte and a half each: the half hour that an agent hears of mini, window by window."""


class Kept:
    """What was heard, by the hash of its sound, in a folder that all processes share; nothing is forgotten."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __len__(self) -> int:
        return 0

    def __contains__(self, key: bytes) -> bool:
        return (self._folder / key.hex()).exists()

    def __getitem__(self, key: bytes) -> Any:
        return pickle.loads((self._folder / key.hex()).read_bytes())

    def __setitem__(self, key: bytes, heard: Any) -> None:
        if key not in self:
            write_bytes_atomically(self._folder / key.hex(), pickle.dumps(heard))

    def pop(self, key: bytes, default: Any) -> Any:
        try:
            return self[key]
        except FileNotFoundError:
            return default


class RememberingSession:
    """The detector's network, which is asked once what it makes of a piece of sound after what it heard before."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._known: OrderedDict[bytes, Any] = OrderedDict()

    def run(self, outputs: Sequence[str], feed: Mapping[str, np.ndarray]) -> Any:
        heard = hashlib.sha1(feed["input"])
        heard.update(feed["h"])
        heard.update(feed["c"])
        key = heard.digest()
        if key in self._known:
            self._known.move_to_end(key)
        else:
            self._known[key] = self._session.run(outputs, feed)
            if len(self._known) > REMEMBERED_PIECES:
                self._known.popitem(last=False)
        return self._known[key]


class Ears:
    """In place of ``load_asr`` and ``load_vad_model`` where runs are made: one of each for the whole process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded = lru_cache(maxsize=None)(self._load_asr)
        self.load_vad_model = lru_cache(maxsize=1)(self._load_vad_model)

    def load_asr(self, spec: str) -> AsrEngine:
        return self._loaded(spec, asr_signature(spec))

    def _load_asr(self, spec: str, signature: str) -> AsrEngine:
        engine = load_asr(spec)
        engine._hearing._heard = Kept(self._folder / hashlib.sha256(signature.encode()).hexdigest())
        return engine

    def _load_vad_model(self) -> VadModel:
        model = load_vad_model()
        return VadModel(RememberingSession(model.session), model.signature, Kept(self._folder / model.signature))
