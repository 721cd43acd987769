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
    return decode_audio(_read(path, str(path)), str(path))


def read_channel(path: Path, channel: int | None, name: str = "") -> Audio:
    """Read one channel of a file.

    Args:
        channel: Counted from 0; None = the only one.
        name: What errors call the file, if not its path.

    Raises:
        DataError: As ``read_audio``, or there is no such channel.
    """
    name = name or str(path)
    samples, rate = _decode(_read(path, name), name)
    n_channels = samples.shape[1]
    if channel is None and n_channels != 1:
        which = f"say which, from 0 to {n_channels - 1}: --arg channel=N"
        raise DataError(f"{name}: {n_channels} channels, and none of them chosen", which)
    if not 0 <= (channel or 0) < n_channels:
        found = "mono" if n_channels == 1 else f"{n_channels} channels, counted from 0"
        raise DataError(f"{name}: no channel {channel}, the file is {found}")
    return _finite(samples[:, channel or 0], rate, name)


def decode_audio(data: bytes, name: str) -> Audio:
    """Decode a whole mono file already in memory; ``name`` is what errors call it. Raises like ``read_audio``."""
    samples, rate = _decode(data, name)
    if samples.shape[1] != 1:
        raise DataError(f"{name}: expected mono, found {samples.shape[1]} channels", "keep one channel per file")
    return _finite(samples[:, 0], rate, name)


def _read(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{name}: no such file") from None
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror or type(error).__name__})") from None


def _decode(data: bytes, name: str) -> tuple[npt.NDArray[np.float32], int]:
    """All channels of a file, shape ``(n, channels)``, n > 0, and their rate in Hz."""
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate, declared = file.samplerate, file.frames
            samples: npt.NDArray[np.float32] = file.read(dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        why = getattr(error, "error_string", type(error).__name__)
        raise DataError(f"{name}: not a readable audio file ({why})", "export it again as WAV or FLAC") from None
    if len(samples) < declared or _riff_promises_more(data):
        raise DataError(f"{name}: truncated, the header promises more audio than the {len(samples)} samples present")
    if len(samples) == 0:
        raise DataError(f"{name}: empty, it holds no samples")
    return samples, rate


def _finite(samples: npt.NDArray[np.float32], rate: int, name: str) -> Audio:
    mono = np.ascontiguousarray(samples)
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
