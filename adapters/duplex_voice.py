"""A recording of the voice in which a model is to speak, as duplex servers take it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import soundfile

from fdbench.errors import UsageError
from fdbench.io.files import sha256_of_file

MAX_VOICE_BYTES: Final = 4 << 20
"""About two minutes; servers refuse longer ones, and it is sent with every conversation."""


def voice_bytes(path: str) -> bytes:
    """The WAV file.

    Raises:
        UsageError: It is none, or it is too long.
    """
    example = "--arg ref_audio= is the path of a WAV file with a few seconds of speech"
    try:
        info = soundfile.info(path)
        data = Path(path).read_bytes()
    except (OSError, soundfile.SoundFileError):
        raise UsageError(f"--arg ref_audio={path}: no audio file there", example) from None
    if info.format not in ("WAV", "WAVEX"):
        raise UsageError(f"--arg ref_audio={path}: expected WAV, got {info.format}", example)
    if len(data) > MAX_VOICE_BYTES:
        raise UsageError(f"--arg ref_audio={path}: more than {MAX_VOICE_BYTES >> 20} MiB", example)
    return data


def voice_identity(path: str | None) -> str | None:
    """The voice in a run's name: by its content, wherever it lies."""
    if path is None:
        return None
    voice_bytes(path)
    return f"{Path(path).name}@{sha256_of_file(Path(path))[:16]}"
