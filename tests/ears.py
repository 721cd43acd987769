"""Engines that hear each sound once, however many tests and processes ask about it.

What an engine says depends on the sound alone (``AsrEngine``), which the tests of each engine show on the engine itself. So a
run that is made again, an export that is scored anew and a dozen judged copies of a run pay for one hearing. The first is real.
"""

from __future__ import annotations

import hashlib
import pickle
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path

from fdbench.audio.vad import VadModel, load_vad_model
from fdbench.core.sound import Audio
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.hear.engines import AsrEngine, asr_signature, load_asr
from fdbench.io.files import write_bytes_atomically


class RememberingAsr:
    """A recogniser whose words are kept in a folder that all processes share."""

    def __init__(self, engine: AsrEngine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder

    @property
    def signature(self) -> str:
        return self._engine.signature

    def transcribe(self, audio: Audio, speech: tuple[Span, ...]) -> tuple[Word, ...]:
        heard = repr((self.signature, audio.sample_rate, speech)).encode() + audio.samples.tobytes()
        kept = self._folder / hashlib.sha256(heard).hexdigest()
        if not kept.exists():
            write_bytes_atomically(kept, pickle.dumps(self._engine.transcribe(audio, speech)))
        words: tuple[Word, ...] = pickle.loads(kept.read_bytes())
        return words


class _Unforgetting(OrderedDict):
    def popitem(self, last=True):
        """Nothing is forgotten: a few floats for each second that all tests hear."""


class Ears:
    """In place of ``load_asr`` and ``load_vad_model`` of ``fdbench.hear.stage``: one of each for the whole process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded = lru_cache(maxsize=None)(lambda spec, signature: RememberingAsr(load_asr(spec), folder))
        self.load_vad_model = lru_cache(maxsize=1)(self._load_vad_model)

    def load_asr(self, spec: str) -> AsrEngine:
        return self._loaded(spec, asr_signature(spec))

    def _load_vad_model(self) -> VadModel:
        model = load_vad_model()
        return VadModel(model.session, model.signature, _Unforgetting())
