"""The one place where audio files are read, written and resampled.

A file from elsewhere is a plain file of bounded size, rate and length, and holds what its header promises, or it is refused.
"""

from __future__ import annotations

import io
import threading
from _thread import start_new_thread
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Final, TypeVar, cast

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from fdbench.core.sound import Audio
from fdbench.errors import DataError
from fdbench.io.files import open_plain, sha256_of, write_bytes_atomically
from fdbench.io.wav_header import fault_of_header, split_flac_length

T = TypeVar("T")

MIN_RATE_HZ, MAX_RATE_HZ = 4_000, 384_000
MAX_DURATION_S: Final = 3600
MAX_PEAK: Final = 8.0
"""Full scale is 1; samples this far above it were never scaled, and would be clipped to noise."""
MAX_FILE_BYTES: Final = 1 << 30
MAX_VALUES: Final = MAX_FILE_BYTES // 2
"""Of all channels together: an hour of 48 kHz in three."""
_BLOCK_VALUES: Final = 1 << 18
UNKNOWN_FRAMES: Final = 1 << 62
"""libsndfile says 2^63 - 1 where the header does not know."""


def read_audio(path: Path) -> Audio:
    """Read a mono file (WAV, FLAC, anything libsndfile knows).

    Raises:
        DataError: Missing, unreadable, truncated, not mono, empty, not finite or not scaled; names the file and what was found.
    """
    return decode_audio(_read(path, str(path)), str(path))


def read_channels(path: Path, name: str = "") -> tuple[Audio, ...]:
    """Read every channel of a file; whether each may be believed is asked by ``believed``.

    Args:
        name: What errors call the file, if not its path.

    Raises:
        DataError: As ``read_audio``, of all but the number of channels and the values of samples.
    """
    name = name or str(path)
    samples, rate = _decode(_read(path, name), name)
    return tuple(Audio(np.ascontiguousarray(channel), rate) for channel in samples.T)


def decode_audio(data: bytes, name: str) -> Audio:
    """Decode a whole mono file already in memory; ``name`` is what errors call it. Raises like ``read_audio``."""
    samples, rate = _decode(data, name)
    if samples.shape[1] != 1:
        raise DataError(f"{name}: expected mono, found {samples.shape[1]} channels", "keep one channel per file")
    return believed(Audio(np.ascontiguousarray(samples[:, 0]), rate), name)


def believed(audio: Audio, name: str) -> Audio:
    """The same audio. Raises DataError where its samples are no numbers, or were never scaled to full scale 1."""
    if not np.isfinite(audio.samples).all():
        raise DataError(f"{name}: {int((~np.isfinite(audio.samples)).sum())} samples are not finite (NaN or infinity)")
    peak = float(np.max(np.abs(audio.samples), initial=0.0))
    if peak > MAX_PEAK:
        raise DataError(f"{name}: expected samples between -1 and 1, found {peak:g}", "scale it, or export it as 16 bit")
    return audio


def _read(path: Path, name: str) -> bytes:
    try:
        with open_plain(path) as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise DataError(f"{name}: no such file") from None
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror or type(error).__name__})") from None
    if len(data) > MAX_FILE_BYTES:
        raise DataError(f"{name}: expected at most {MAX_FILE_BYTES} bytes, found more", "cut it to the clip")
    return data


class _InOrder(soundfile.SoundFile):  # type: ignore[misc]  # the library has no types
    """A file of which is only asked what comes next: not every codec can seek, nor does every header know the length."""

    def seekable(self) -> bool:
        return False


def _decode(data: bytes, name: str) -> tuple[npt.NDArray[np.float32], int]:
    """All channels of a file, shape ``(n, channels)``, n > 0, and their rate in Hz."""
    return _undisturbed(lambda: _decode_in_order(data, name))


def _decode_in_order(data: bytes, name: str) -> tuple[npt.NDArray[np.float32], int]:
    openly, promised = split_flac_length(data)
    blocks: list[npt.NDArray[np.float32]] = []
    n = 0
    try:
        with _InOrder(io.BytesIO(openly)) as file:
            rate, n_channels = file.samplerate, file.channels
            if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
                raise DataError(f"{name}: expected {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz, found {rate} Hz")
            if promised is None and file.frames < UNKNOWN_FRAMES:
                promised = file.frames
            block = max(1, _BLOCK_VALUES // n_channels)
            while len(piece := file.read(block, dtype="float32", always_2d=True)):
                blocks.append(piece)
                n += len(piece)
                if n > MAX_DURATION_S * rate or n * n_channels > MAX_VALUES:
                    raise DataError(f"{name}: too long, expected at most {MAX_DURATION_S} s", "cut it to the clip")
    except (soundfile.LibsndfileError, RuntimeError, TypeError, ValueError) as error:
        why = getattr(error, "error_string", type(error).__name__)
        what = f"damaged or truncated after {n} samples" if n else "not a readable audio file"
        raise DataError(f"{name}: {what} ({why})", "export it again as WAV or FLAC") from None
    fault = fault_of_header(data)
    if fault is None and promised is not None and n != promised:
        few = f"the header promises {promised} samples, and there are {n}"
        fault = f"truncated, {few}" if n < promised else f"unfinished, {few}"
    if fault is not None:
        raise DataError(f"{name}: {fault}", "export it again as WAV or FLAC")
    if not n:
        raise DataError(f"{name}: empty, it holds no samples")
    return np.concatenate(blocks), rate


def _undisturbed(work: Callable[[], T]) -> T:
    """What ``work`` gives, done in a thread of its own if this is the main one.

    Signals are handled in the main thread alone, between any two steps of it: also in the functions through which
    libsndfile reads and writes memory. What they raise there is lost (Ctrl-C is swallowed, the file is called damaged), and
    between closing a file and noting that it is closed it would be closed twice. Here the main thread only waits.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    outcomes: SimpleQueue[tuple[T, None] | tuple[None, Exception]] = SimpleQueue()

    def answer() -> None:
        try:
            outcomes.put((work(), None))
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            outcomes.put((None, error))

    # ``threading`` starts and waits in Python, where what a signal raises leaves its locks in disorder; these two do it in C.
    start_new_thread(answer, ())
    result, error = outcomes.get()
    if error is not None:
        raise error
    return cast("T", result)


def as_pcm16(audio: Audio) -> npt.NDArray[np.int16]:
    """16-bit samples, clipped, in the scale that decoding undoes: encoding what was decoded changes nothing."""
    return np.asarray(np.clip(np.rint(audio.samples * 32768.0), -32768, 32767), np.int16)


def digest_of_audio(audio: Audio) -> str:
    """SHA-256 of the rate and the 16-bit samples: the same for an audio and for the FLAC that holds it."""
    return sha256_of(audio.sample_rate.to_bytes(4, "big") + as_pcm16(audio).astype("<i2").tobytes())


def encode_flac(audio: Audio) -> bytes:
    """FLAC, 16 bit. The same samples give the same bytes with one version of libsndfile."""

    def encode() -> bytes:
        buffer = io.BytesIO()
        soundfile.write(buffer, as_pcm16(audio), audio.sample_rate, format="FLAC", subtype="PCM_16")
        return buffer.getvalue()

    return _undisturbed(encode)


def encode_wav(audio: Audio) -> bytes:
    """WAV, 16 bit: what every player takes."""

    def encode() -> bytes:
        buffer = io.BytesIO()
        soundfile.write(buffer, as_pcm16(audio), audio.sample_rate, format="WAV", subtype="PCM_16")
        return buffer.getvalue()

    return _undisturbed(encode)


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
