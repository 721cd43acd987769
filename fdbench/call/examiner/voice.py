"""The examiner's voice: clips that ship with fdbench, or a neural TTS on this machine, kept once it has spoken.

Both are the same speaker of the same engine, and the same to the bit wherever they are heard: a clip has a pinned hash, and
what the TTS says is kept, and used, as 16-bit samples.
"""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Final, Protocol

from fdbench.core.sound import Audio
from fdbench.errors import DataError, FdbenchError
from fdbench.io.files import sha256_of, user_cache, write_bytes_atomically
from fdbench.io.wav import decode_audio, encode_flac
from fdbench.suite.speech import SUITE_RATE_HZ, Engine, Hibari, speak
from fdbench.suite.speech import Voice as Speaker

SPEAKER: Final = Speaker("heart-1.00", "heart", 1.0)
CLIPS: Final = "fdbench.tasks.mini"
CLIPS_FOLDER: Final = "dialogues"
MANIFEST: Final = "clips.json"
_SEED: Final = 0


class Voice(Protocol):
    """Says texts; equal texts give equal samples."""

    @property
    def signature(self) -> str:
        """What determines the samples beside the text."""

    def say(self, text: str) -> Audio:
        """The text, audible from its first sample on.

        Raises:
            FdbenchError: It cannot be said.
        """


class ShippedVoice:
    """The lines of ``mini``'s dialogues and what is said beside them, as clips of 16 kHz: needs no TTS.

    Raises:
        DataError: The clips are not there.
    """

    def __init__(self) -> None:
        self._folder = resources.files(CLIPS) / CLIPS_FOLDER
        try:
            data = (self._folder / MANIFEST).read_bytes()
        except OSError as error:
            raise DataError(f"{CLIPS_FOLDER}/{MANIFEST}: cannot be read ({error})", "reinstall fdbench") from None
        self._clips: dict[str, dict[str, str]] = json.loads(data)["clips"]
        self.signature = f"clips-{sha256_of(data)[:12]}"

    def say(self, text: str) -> Audio:
        facts = self._clips.get(text)
        if facts is None:
            raise DataError(f"there is no shipped clip of '{text}'", "use the voice of a TTS: pip install 'fdbench[examiner]'")
        data = (self._folder / facts["file"]).read_bytes()
        if sha256_of(data) != facts["sha256"]:
            raise DataError(f"{CLIPS_FOLDER}/{facts['file']} is not the file that {MANIFEST} pins", "reinstall fdbench")
        return decode_audio(data, facts["file"])


class TtsVoice:
    """An engine of ``fdbench.suite.speech``, ``hibari-tts`` by default (extra ``examiner``), at 24 kHz.

    Args:
        engine: That speaks; None = hibari, loaded when something is not known yet.
        cache: Folder where what was said is kept; None = in the user's cache.

    Raises:
        MissingExtraError: hibari-tts is not installed.
    """

    def __init__(self, engine: Engine | None = None, cache: Path | None = None) -> None:
        self._engine: Engine = engine or Hibari()
        self._cache = cache or user_cache() / "examiner"
        versions = ";".join(f"{name}-{version}" for name, version in sorted(self._engine.packages.items()))
        self.signature = f"{self._engine.name};{SPEAKER.name};{versions}"

    def say(self, text: str) -> Audio:
        name = hashlib.sha256(json.dumps([self.signature, _SEED, text]).encode()).hexdigest()
        file = self._cache / f"{name[:32]}.flac"
        try:
            return decode_audio(file.read_bytes(), str(file))
        except (OSError, FdbenchError):
            data = encode_flac(self._spoken(text))  # not known, or damaged: said anew
            write_bytes_atomically(file, data)
            return decode_audio(data, str(file))

    def _spoken(self, text: str) -> Audio:
        try:
            return Audio(speak(self._engine, SPEAKER, text, 1.0, _SEED).samples, SUITE_RATE_HZ)
        except FdbenchError:
            raise
        except Exception as error:  # noqa: BLE001 - an engine of others may raise anything
            why = (str(error).splitlines() or [""])[0]
            raise DataError(f"the TTS cannot say '{text}' ({type(error).__name__}: {why})", "say it in other words") from None
