"""Voice activity detection with Silero VAD, streaming and whole-file, without torch.

The weights are those of the installed ``silero-vad`` package, found without importing it (importing it loads torch and
pins torch to one thread) and run by onnxruntime on one thread. Of the models in the package this is the one that takes
any number of windows per call: its probabilities are bit-identical to those of the one-window model, at two to three
times the speed, because the convolutions of many windows share a call. Streaming uses the same model window by window.
Nothing is gained by handing several recordings over at once: the package's model for that gives the same bits (724 clips,
batches of 1, 8, 32 and 64) and takes 0.92 of the time at best, while one recording's windows share calls already.

    model = load_vad_model()
    speech = detect_speech(audio, PRECISE_VAD, model)       # a whole recording
    stream = StreamingVad(model)                            # one stream; any number of streams share a model
    for frame in frames: stream.feed(frame)                 # probabilities of the windows completed by this frame

The network hears 32 ms at a time, and whether it takes a weak first word for speech depends on where the word falls in the
windows. ``VadSettings.phases`` asks for several passes over the same audio, windows apart by a part of their length::

    audio          ............=====................
    pass 1  windows |...|...|...|===|...|...|...|..     each pass is a whole detector: threshold, shortest silence and
    pass 2        |...|...|...|===|=..|...|...|...|     shortest speech are applied within it
    speech         .........|-------|...............    the union: as early as the earlier pass, as late as the later

Nothing is joined over a gap between two passes, and speech that each pass finds too short stays dropped, even if the union
of what they dropped would have been long enough: what is heard is what a detector heard. The second pass begins half a
window before the audio, in silence, so that each hears all of it.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from fdbench.audio.segments import VAD_RATE, WINDOW_SAMPLES, Probabilities, speech_segments
from fdbench.audio.sinc import resampled_by_sinc
from fdbench.core.annotation import DetectedSpeech, VadSettings
from fdbench.core.sound import Audio, Samples
from fdbench.core.span import Span, merged
from fdbench.errors import DataError, MissingExtraError
from fdbench.io.files import sha256_of

_PURPOSE: Final = "voice activity detection"
_MODEL_FILE: Final = "silero_vad_16k_sequence.onnx"
_CONTEXT_SAMPLES: Final = 64  # each window is seen together with the end of the one before it
_BLOCK_WINDOWS: Final = 32  # windows per call: more do not fit the processor's cache, fewer pay per call
_STATE_SHAPE: Final = (1, 1, 128)
_ERRORS_ONLY: Final = 3  # onnxruntime's log level
_REMEMBERED: Final = 8  # a take's two channels, in two passes, whole and cropped


@dataclass(frozen=True, slots=True, eq=False)
class VadState:
    """What the network remembers between windows: the LSTM's two vectors and the end of the last window."""

    hidden: Samples
    cell: Samples
    context: Samples

    @classmethod
    def initial(cls) -> VadState:
        zeros = np.zeros(_STATE_SHAPE, np.float32)
        return cls(zeros, zeros, np.zeros(_CONTEXT_SAMPLES, np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class VadModel:
    """Weights, without any state of a stream: one may serve any number of streams.

    The probabilities of the last few recordings are remembered, by content: several requests differ in their thresholds alone.

    Attributes:
        session: An onnxruntime ``InferenceSession``.
        signature: ``silero-<version>``.
    """

    session: Any
    signature: str
    _known: OrderedDict[bytes, Probabilities] = field(default_factory=OrderedDict, repr=False)

    def run(self, samples: Samples, state: VadState) -> tuple[Probabilities, VadState]:
        """Probabilities of whole windows, shape ``(k * 512,)`` -> ``(k,)``, and the state after them."""
        if len(samples) == 0:
            return np.zeros(0, np.float32), state
        joined = np.concatenate((state.context, samples))
        windows = joined[None]
        if len(samples) > WINDOW_SAMPLES:  # a stream has one at a time, and the view costs a third of what hearing it does
            width = _CONTEXT_SAMPLES + WINDOW_SAMPLES
            windows = np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(joined, width)[::WINDOW_SAMPLES])
        feed = {"input": windows, "h": state.hidden, "c": state.cell}
        probabilities, hidden, cell = self.session.run(("speech_probs", "hn", "cn"), feed)
        return probabilities, VadState(hidden, cell, joined[-_CONTEXT_SAMPLES:])

    def remembered(self, samples: Samples) -> Probabilities:
        """``speech_probabilities``, computed once for each of the last few recordings."""
        content = hashlib.sha256(samples.tobytes()).digest()
        known = self._known.pop(content, None)
        probabilities = speech_probabilities(samples, self) if known is None else known
        self._known[content] = probabilities
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return probabilities


class StreamingVad:
    """One stream of 16 kHz audio, in pieces of any length.

    The probabilities do not depend on how the stream is cut into pieces.
    """

    def __init__(self, model: VadModel) -> None:
        self._model = model
        self.reset()

    def reset(self) -> None:
        """Forget everything heard so far."""
        self._state = VadState.initial()
        self._rest = np.zeros(0, np.float32)

    def feed(self, samples: Samples) -> Probabilities:
        """Hear ``samples`` (float32, ``(n,)``, 16 kHz); returns one probability per window of 512 completed by them."""
        heard = np.concatenate((self._rest, samples)) if len(self._rest) else samples
        n_windows = len(heard) // WINDOW_SAMPLES
        probabilities = np.empty(n_windows, np.float32)
        for index in range(n_windows):  # one by one, so that the sizes of the pieces cannot move the last bit
            window = heard[index * WINDOW_SAMPLES : (index + 1) * WINDOW_SAMPLES]
            probabilities[index : index + 1], self._state = self._model.run(window, self._state)
        self._rest = heard[n_windows * WINDOW_SAMPLES :].copy()
        return probabilities


def vad_signature() -> str:
    """``silero-<installed version>``; loads nothing.

    Raises:
        MissingExtraError: silero-vad is not installed.
    """
    try:
        return f"silero-{importlib.metadata.version('silero-vad')}"
    except importlib.metadata.PackageNotFoundError:
        raise MissingExtraError("silero-vad", "vad", _PURPOSE) from None


def vad_weights() -> str:
    """SHA-256 of the model's file. Raises like ``load_vad_model``."""
    vad_signature()
    return sha256_of(_model_path().read_bytes())


def load_vad_model() -> VadModel:
    """Load the weights (some 20 ms).

    Raises:
        MissingExtraError: onnxruntime or silero-vad is not installed.
        DataError: The installed silero-vad does not hold the model.
    """
    signature = vad_signature()
    path = _model_path()
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtraError("onnxruntime", "vad", _PURPOSE) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return VadModel(session, signature)


def _model_path() -> Path:
    spec = importlib.util.find_spec("silero_vad")  # a top-level name: found without being imported
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("silero-vad", "vad", _PURPOSE)
    path = Path(spec.submodule_search_locations[0]) / "data" / _MODEL_FILE
    if not path.is_file():
        raise DataError(f"{path}: no such file in the installed silero-vad", "pip install 'silero-vad>=6.2.3,<7'")
    return path


def speech_probabilities(samples: Samples, model: VadModel) -> Probabilities:
    """Speech probability of each window of 512 samples, the last one filled up with zeros.

    Args:
        samples: float32, shape ``(n,)``, heard as 16 kHz.
        model: From ``load_vad_model``.

    Returns:
        float32, shape ``(ceil(n / 512),)``.
    """
    whole = np.pad(samples, (0, -len(samples) % WINDOW_SAMPLES))
    state = VadState.initial()
    parts = [np.zeros(0, np.float32)]
    step = _BLOCK_WINDOWS * WINDOW_SAMPLES
    for start in range(0, len(whole), step):
        probabilities, state = model.run(whole[start : start + step], state)
        parts.append(probabilities)
    return np.concatenate(parts)


def detect_speech(audio: Audio, settings: VadSettings, model: VadModel) -> DetectedSpeech:
    """Where in ``audio`` somebody speaks; t = 0 is its first sample.

    With ``settings.rate == "16k"`` the audio is resampled to 16 kHz and ``duration_s`` is the resampled length / 16000.
    With ``"mistaken"`` its samples are taken for 16 kHz whatever their rate, so that the times of 24 kHz audio come out
    x1.5, while ``duration_s`` is the true length: what the published backchannel script did until May 2026.
    """
    mistaken = settings.rate == "mistaken"
    heard = audio.samples if mistaken else resampled_by_sinc(audio, VAD_RATE).samples
    passes = [_found_in_pass(heard, number, settings, model) for number in range(settings.phases)]
    segments = passes[0] if settings.phases == 1 else merged(span for found in passes for span in found)
    duration_s = audio.duration_s if mistaken else len(heard) / VAD_RATE
    return DetectedSpeech(segments, duration_s, model.signature)


def _found_in_pass(samples: Samples, number: int, settings: VadSettings, model: VadModel) -> tuple[Span, ...]:
    lead = WINDOW_SAMPLES * number // settings.phases
    return speech_segments(model.remembered(np.pad(samples, (lead, 0))), len(samples), settings, lead)
