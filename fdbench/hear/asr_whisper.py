"""OpenAI's Whisper with word times: greedy, one temperature, no memory between pieces, so that it is deterministic.

Whisper writes sentences over silence. It therefore hears regions of speech only (half a second of silence joins two of
them at most, 30 s is the longest), and what it says where there is no sound is dropped by the stage that calls it.

Differences from Whisper's own defaults: a single temperature of 0 (no sampled second attempts), no conditioning on
the previous text, float32 on every device, English whatever the model. Word times come from the attention heads that
Whisper's authors picked for each size; for weights loaded from a path, where the package falls back to half of all
heads, the same heads are found by the shape of the network.
"""

from __future__ import annotations

import base64
import gzip
import importlib.metadata
import logging
import os
import pickle
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from fdbench.core.sound import Audio, Samples
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.errors import DataError, MissingExtraError, unknown_name
from fdbench.hear.regions import RegionHearing
from fdbench.io.files import sha256_of_file

DEFAULT_MODEL: Final = "small.en"
MODEL_NAMES: Final = (
    "tiny.en", "tiny", "base.en", "base", "small.en", "small", "medium.en", "medium",
    "large-v1", "large-v2", "large-v3", "large", "large-v3-turbo", "turbo",
)  # fmt: skip

_PAD_S: Final = 0.2
_MAX_GAP_S: Final = 0.5
_MAX_REGION_S: Final = 30.0
_PURPOSE: Final = "speech recognition with whisper"
_MELS_OF_V3: Final = 128
_UNLOADABLE: Final = (OSError, RuntimeError, KeyError, TypeError, AttributeError, EOFError, ValueError, pickle.UnpicklingError)
_PRINTABLE: Final = re.compile(r"[^A-Za-z0-9._-]+")


class WhisperAsr:
    """One model on one device (a GPU where torch sees one)."""

    def __init__(self, model: Any, signature: str) -> None:
        self._model = model
        self._signature = signature
        self._hearing = RegionHearing(self._words_in, pad_s=_PAD_S, max_gap_s=_MAX_GAP_S, max_s=_MAX_REGION_S)

    @property
    def signature(self) -> str:
        return self._signature

    def transcribe(self, audio: Audio, speech: tuple[Span, ...]) -> tuple[Word, ...]:
        with _one_thread():
            return self._hearing.transcribe(audio, speech)

    def _words_in(self, piece: Samples) -> list[Word]:
        result = self._model.transcribe(
            piece,
            language="en",
            temperature=0.0,
            condition_on_previous_text=False,
            word_timestamps=True,
            fp16=False,
            verbose=None,
        )
        words: list[Word] = []
        for segment in result["segments"]:
            for found in segment.get("words", ()):
                text = found["word"].strip()
                if any(letter.isalnum() for letter in text):  # the rest is punctuation standing alone
                    start_s = float(found["start"])
                    words.append(Word(text, start_s, max(start_s, float(found["end"]))))
        return words


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums over one thread: results do not depend on the cores there are, and takes run in parallel instead."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def signature(argument: str) -> str:
    """``whisper-small.en@<version>``; for a path, the stem and the beginning of the file's SHA-256 stand for the size."""
    version = _version()
    path = _path(argument)
    if path is None:
        return f"whisper-{_name(argument)}@{version}"
    return f"whisper-{_PRINTABLE.sub('-', path.stem)}+{_file_digest(path)[:12]}@{version}"


def prepare(argument: str) -> None:
    """Fetch the weights if they are named and not there yet; once, so that workers do not fetch them all at a time."""
    signature(argument)
    if _path(argument) is None:
        whisper = _import_whisper()
        target = _download_target(whisper, _name(argument))
        if not target.is_file():
            _download(whisper, _name(argument), target)


def weights(argument: str) -> str:
    """SHA-256 of the checkpoint; for a named size, the one that the package checks its download against."""
    path = _path(argument)
    if path is not None:
        return _file_digest(path)
    return str(_import_whisper()._MODELS[_name(argument)]).split("/")[-2]


def size(argument: str) -> int:
    """Bytes of the checkpoint, which is there."""
    return (_path(argument) or _download_target(_import_whisper(), _name(argument))).stat().st_size


def load(argument: str) -> WhisperAsr:
    """Load the model; downloads named weights into Whisper's own cache where they are missing."""
    name = signature(argument)
    prepare(argument)
    whisper = _import_whisper()
    path = _path(argument)
    source = path if path is not None else _download_target(whisper, _name(argument))
    try:
        model = whisper.load_model(str(path) if path is not None else _name(argument))
    except _UNLOADABLE as error:
        raise DataError(
            f"{source}: not loadable as Whisper weights ({_first_line(error)})",
            "remove the file so that it is fetched again, or name another with --asr whisper:PATH",
        ) from None
    if path is not None:
        heads = _alignment_heads(whisper, path.stem, model.dims)
        if heads is not None:
            model.set_alignment_heads(heads)
    return WhisperAsr(model.eval(), name)


def _alignment_heads(whisper: Any, stem: str, dims: Any) -> bytes | None:
    """The heads for weights of unknown origin: by the file's name if the shape agrees, else by the shape alone.

    None where no published size has that shape (the package's default, the upper half of the layers, stays).
    """
    known: dict[str, bytes] = whisper._ALIGNMENT_HEADS
    n_heads = dims.n_text_layer * dims.n_text_head
    fitting = [name for name, mask in known.items() if len(gzip.decompress(base64.b85decode(mask))) == n_heads]
    english_only = dims.n_vocab < 51_865  # one token fewer than the multilingual vocabulary
    fitting = [name for name in fitting if name.endswith(".en") == english_only]
    if n_heads != len(gzip.decompress(base64.b85decode(known["turbo"]))):
        fitting = [name for name in fitting if (name in ("large", "large-v3")) == (dims.n_mels == _MELS_OF_V3)]
    if not fitting:
        return None
    return known[stem if stem in fitting else fitting[-1]]


def _name(argument: str) -> str:
    name = argument or DEFAULT_MODEL
    if name not in MODEL_NAMES:
        raise unknown_name("whisper model", name, MODEL_NAMES)
    return name


def _path(argument: str) -> Path | None:
    """The file that the argument names, or None if it is a model's name.

    Raises:
        DataError: It is written like a path and there is no such file.
    """
    if not argument or argument in MODEL_NAMES:
        return None
    path = Path(argument)
    if path.is_file():
        return path
    if "/" in argument or "\\" in argument or path.suffix == ".pt":
        raise DataError(f"{path}: no such file", "write whisper:SIZE for published weights, e.g. whisper:small.en")
    return None


def _version() -> str:
    try:
        return importlib.metadata.version("openai-whisper")
    except importlib.metadata.PackageNotFoundError:
        raise MissingExtraError("openai-whisper", "whisper", _PURPOSE) from None


def _import_whisper() -> Any:
    try:
        import whisper
    except ImportError as error:
        raise MissingExtraError(error.name or "openai-whisper", "whisper", _PURPOSE) from None
    return whisper


def _download_target(whisper: Any, name: str) -> Path:
    cache = os.getenv("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "whisper" / str(whisper._MODELS[name]).rpartition("/")[2]


def _download(whisper: Any, name: str, target: Path) -> None:
    logging.getLogger(__name__).warning("fdbench: the weights of whisper:%s are not here, fetching them", name)
    try:
        whisper._download(whisper._MODELS[name], str(target.parent), False)
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"{target}: whisper's weights are not there and cannot be fetched ({_first_line(error)})",
            f"put {whisper._MODELS[name]} there, or use --asr whisper:PATH or --asr sphinx",
        ) from None


def _file_digest(path: Path) -> str:
    try:
        return sha256_of_file(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error})") from None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
