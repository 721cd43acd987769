"""What noise is made of: chance, the spectrum of our own utterances, and those themselves; nothing is recorded noise.

=================  ====================================================================================================
``white``          chance, flat
``speech_shaped``  chance with the long-term spectrum of all of mini's utterances
``babble``         ``voices`` talkers at once, each saying mini's utterances one after the other, without an end
``talker``         one of them: a competing talker, who says sentences
``folder``         the user's own recordings (``--noise DIR``), one after the other in the order of their names
=================  ====================================================================================================

No package ships recorded noise under a permissive licence, so noise is synthesised from what the project has, and says so. A
talker never has the voice of the prompt, nor says its words. Each loop is made once per process.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np

from fdbench.core.sound import Samples
from fdbench.errors import DataError, UsageError
from fdbench.io.files import digest_of, sha256_of, sha256_of_file
from fdbench.io.wav import decode_audio, read_audio, resampled

LOOP_S: Final = 30
_SPECTRUM_SAMPLES: Final = 512
_BETWEEN_S: Final = 0.15
"""A talker's pause between two utterances."""
_SEED: Final = 20261128
_FOLDER: Final = "fdbench.tasks.mini"
_SETS: Final = ("utterances", "overlap_utterances", "probe_utterances")
_SOUND: Final = (".wav", ".flac", ".ogg", ".mp3")


@dataclass(frozen=True, slots=True)
class _Utterance:
    set: str
    id: str
    voice: str
    text: str
    sha256: str


@lru_cache(maxsize=16)
def white(sample_rate: int) -> Samples:
    """``LOOP_S`` of chance, power 1."""
    random = np.random.Generator(np.random.PCG64(_SEED))
    return _of_power_one(random.standard_normal(LOOP_S * sample_rate, np.float32))


@lru_cache(maxsize=16)
def speech_shaped(sample_rate: int) -> Samples:
    """Chance with the spectrum of speech; above what the utterances hold (8 kHz) there is nothing."""
    spectrum, rate = _speech_spectrum()
    chance = np.fft.rfft(white(sample_rate).astype(np.float64))
    at_hz = np.fft.rfftfreq(LOOP_S * sample_rate, 1 / sample_rate)
    shape = np.interp(at_hz, np.arange(len(spectrum)) * rate / _SPECTRUM_SAMPLES, np.sqrt(spectrum), right=0.0)
    return _of_power_one(np.fft.irfft(chance * shape, LOOP_S * sample_rate))


@lru_cache(maxsize=16)
def babble(sample_rate: int, voices: int, without: frozenset[str] = frozenset()) -> Samples:
    """So many talkers at once, each as loud as the others.

    Args:
        without: Hashes of utterances: neither these, nor their voices, nor their words are heard.

    Raises:
        UsageError: Fewer than one talker, or more than there is material for.
    """
    if not 1 <= voices <= 16:
        raise UsageError(f"babble of {voices} voices: expected 1 to 16", "mend the condition")
    known = _utterances()
    said = [each for each in known if each.sha256 in without]
    taken = {each.voice for each in said}, {each.text for each in said}
    chosen = [each for each in known if each.voice not in taken[0] and each.text not in taken[1]]
    if not chosen:
        raise UsageError("no voice is left to babble: the prompt has them all", "use noise of another kind")
    n = LOOP_S * sample_rate
    total = np.zeros(n, np.float64)
    for talker in range(voices):
        random = np.random.Generator(np.random.PCG64([_SEED, talker]))
        order = random.permutation(len(chosen))
        total += np.roll(_talk([chosen[k] for k in order], sample_rate, n), int(random.integers(n)))
    return _of_power_one(total)


@lru_cache(maxsize=8)
def from_folder(folder: str, sample_rate: int) -> Samples:
    """The user's own noise, its files one after the other.

    Raises:
        UsageError: The folder is not here, or holds no sound.
    """
    pieces = [resampled(read_audio(path), sample_rate).samples for path in _files_of(folder)]
    together = np.concatenate(pieces)
    if not np.any(together):
        raise UsageError(f"--noise {folder}: all of it is silence", "give a folder with sound")
    return _of_power_one(together)


def digest_of_folder(folder: str) -> str:
    """A hash of the names and the content of a folder's sound files. Raises like ``from_folder``."""
    return digest_of({path.name: sha256_of_file(path) for path in _files_of(folder)})


def _files_of(folder: str) -> list[Path]:
    root = Path(folder)
    if not folder or not root.is_dir():
        raise UsageError(f"--noise {folder or '...'}: no such folder", "name the folder whose noise is meant with --noise DIR")
    found = sorted(path for path in root.iterdir() if path.suffix.lower() in _SOUND)
    if not found:
        raise UsageError(f"--noise {folder}: holds no sound", f"put files there that end in {', '.join(_SOUND)}")
    return found


def _talk(utterances: Sequence[_Utterance], sample_rate: int, n: int) -> Samples:
    """Utterances one after the other, each of power 1, with pauses between them; as many as fit into ``n`` samples."""
    between = np.zeros(round(_BETWEEN_S * sample_rate), np.float32)
    line, length = [], 0
    for each in utterances:
        line += [_of_power_one(_sound_of(each, sample_rate)), between]
        length += len(line[-2]) + len(between)
        if length >= n:
            break
    spoken = np.concatenate(line)
    return np.resize(spoken, n)


@cache
def _utterances() -> tuple[_Utterance, ...]:
    found = []
    for name in _SETS:
        written: Any = json.loads((resources.files(_FOLDER) / f"{name}.json").read_text(encoding="utf-8"))
        for id, facts in sorted(written["utterances"].items()):
            if facts["voice"] != "noise":
                found.append(_Utterance(name, id, facts["voice"], facts["text"], facts["sha256"]))
    return tuple(found)


@lru_cache(maxsize=256)
def _sound_of(utterance: _Utterance, sample_rate: int) -> Samples:
    name = f"{utterance.set}/{utterance.id}.flac"
    data = (resources.files(_FOLDER) / name).read_bytes()
    if sha256_of(data) != utterance.sha256:
        raise DataError(f"{name} is not the file that {utterance.set}.json pins", "reinstall fdbench")
    return resampled(decode_audio(data, name), sample_rate).samples


@cache
def _speech_spectrum() -> tuple[Any, int]:
    """Power by frequency, over frames of all utterances, and the rate of these."""
    rate = 16000
    sounds = [_sound_of(each, rate) for each in _utterances() if each.set == _SETS[0]]
    window, half = np.hanning(_SPECTRUM_SAMPLES), _SPECTRUM_SAMPLES // 2
    total = np.zeros(half + 1)
    for sound in sounds:
        frames = np.lib.stride_tricks.sliding_window_view(sound, _SPECTRUM_SAMPLES)[::half]
        total += (np.abs(np.fft.rfft(frames * window, axis=1)) ** 2).sum(axis=0)
    return total, rate


def _of_power_one(sound: Any) -> Samples:
    scaled: Samples = (sound / np.sqrt(np.mean(np.square(sound, dtype=np.float64)))).astype(np.float32)
    return scaled
