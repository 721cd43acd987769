"""The one place where audio files are read, written and resampled."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from fdbench.core.sound import Audio
from fdbench.errors import DataError
from fdbench.io.files import sha256_of, write_bytes_atomically


def read_audio(path: Path) -> Audio:
    """Read a mono file (WAV, FLAC, anything libsndfile knows).

    Raises:
        DataError: Missing, unreadable, truncated, not mono, empty, or not finite; names the file, expected and found.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error})") from None
    return decode_audio(data, str(path))


def decode_audio(data: bytes, name: str) -> Audio:
    """Decode a whole file already in memory; ``name`` is what errors call it. Raises like ``read_audio``."""
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate, channels, declared = file.samplerate, file.channels, file.frames
            samples = file.read(dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        why = getattr(error, "error_string", type(error).__name__)
        raise DataError(f"{name}: not a readable audio file ({why})", "export it again as WAV or FLAC") from None
    if channels != 1:
        raise DataError(f"{name}: expected mono, found {channels} channels", "keep one channel per file")
    truncated = len(samples) < declared or _riff_promises_more(data)
    if truncated:
        raise DataError(f"{name}: truncated, the header promises more audio than the {len(samples)} samples present")
    if len(samples) == 0:
        raise DataError(f"{name}: empty, it holds no samples")
    mono = np.ascontiguousarray(samples[:, 0])
    if not np.isfinite(mono).all():
        raise DataError(f"{name}: {int((~np.isfinite(mono)).sum())} samples are not finite (NaN or infinity)")
    return Audio(mono, rate)


def _riff_promises_more(data: bytes) -> bool:
    """Whether a WAV's data chunk claims more bytes than the file has (libsndfile quietly shortens such files).

    A size of 0 or 0xFFFFFFFF is what streaming writers leave behind and means "until the end".
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return False
    at = 12
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if kind == b"data":
            return size not in (0, 0xFFFFFFFF) and at + 8 + size > len(data)
        at += 8 + size + (size & 1)
    return False


def as_pcm16(audio: Audio) -> npt.NDArray[np.int16]:
    """16-bit samples, clipped, in the scale that decoding undoes: encoding what was decoded changes nothing."""
    return np.asarray(np.clip(np.rint(audio.samples * 32768.0), -32768, 32767), np.int16)


def digest_of_audio(audio: Audio) -> str:
    """SHA-256 of the rate and the 16-bit samples: the same for an audio and for the FLAC that holds it."""
    return sha256_of(audio.sample_rate.to_bytes(4, "big") + as_pcm16(audio).astype("<i2").tobytes())


def encode_flac(audio: Audio) -> bytes:
    """FLAC, 16 bit. The same samples give the same bytes with one version of libsndfile."""
    buffer = io.BytesIO()
    soundfile.write(buffer, as_pcm16(audio), audio.sample_rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def write_flac(path: Path, audio: Audio) -> bytes:
    """Write a FLAC file atomically and return the bytes written."""
    data = encode_flac(audio)
    write_bytes_atomically(path, data)
    return data


def resampled(audio: Audio, sample_rate: int) -> Audio:
    """The same sound at another rate: zero delay, ``ceil(n * new / old)`` samples, band-limited (soxr, HQ)."""
    if audio.sample_rate == sample_rate:
        return audio
    n = -(-len(audio.samples) * sample_rate // audio.sample_rate)
    samples = np.asarray(soxr.resample(audio.samples, audio.sample_rate, sample_rate), np.float32)[:n]
    if len(samples) < n:
        samples = np.pad(samples, (0, n - len(samples)))
    return Audio(samples, sample_rate)
