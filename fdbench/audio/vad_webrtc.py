"""A second voice activity detector, to learn how far a number depends on the first: WebRTC's, by the library ``webrtcvad``.

::

    10 ms       ..##.#####....####....      the library's decisions, a Gaussian mixture over six bands
    speech        |------|    |--|          silences under the shortest one are closed, then short stretches dropped

It knows no probabilities: of ``VadSettings`` its shortest speech, shortest silence, padding, rounding and rate count.

References: py-webrtcvad 2.0 (MIT) over WebRTC's common_audio/vad (BSD-3); mode 2 of 0 .. 3.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

import numpy as np

from fdbench.audio.segments import VAD_RATE
from fdbench.audio.sinc import resampled_by_sinc
from fdbench.core.annotation import DetectedSpeech, VadSettings
from fdbench.core.sound import Audio, Samples
from fdbench.core.span import ROUNDING_S, Span, merged
from fdbench.errors import MissingExtraError

_PACKAGE: Final = "webrtcvad-wheels"
_MODE: Final = 2
_FRAME_S: Final = 0.01
_FRAME: Final = round(_FRAME_S * VAD_RATE)


def webrtc_signature() -> str:
    """``webrtc-<installed version>;mode2``. Raises MissingExtraError where the library is not installed."""
    try:
        return f"webrtc-{importlib.metadata.version(_PACKAGE)};mode{_MODE}"
    except importlib.metadata.PackageNotFoundError:
        raise MissingExtraError(_PACKAGE, "webrtc-vad", "the detector 'webrtc'") from None


def detect_by_webrtc(audio: Audio, settings: VadSettings) -> DetectedSpeech:
    """Where in ``audio`` somebody speaks, by WebRTC's detector; t = 0 is its first sample. Rates as in ``detect_speech``."""
    import webrtcvad

    is_mistaken = settings.rate == "mistaken"
    heard = audio.samples if is_mistaken else resampled_by_sinc(audio, VAD_RATE).samples
    duration_s = audio.duration_s if is_mistaken else len(heard) / VAD_RATE
    stretches = merged(_stretches(heard, webrtcvad.Vad(_MODE)), settings.min_silence_ms / 1000)
    long = [each for each in stretches if each.duration_s > settings.min_speech_ms / 1000 + ROUNDING_S]
    pad_s, end_s = settings.pad_ms / 1000, len(heard) / VAD_RATE
    padded = merged(Span(max(0.0, each.start_s - pad_s), min(end_s, each.end_s + pad_s)) for each in long)
    if settings.decisecond:
        padded = tuple(Span(round(each.start_s, 1), max(round(each.start_s, 1), round(each.end_s, 1))) for each in padded)
    return DetectedSpeech(padded, duration_s, webrtc_signature())


def _stretches(samples: Samples, vad: Any) -> Iterator[Span]:
    """Frames that are speech, in stretches; a frame that the recording does not fill is silence."""
    pcm = np.round(np.clip(samples, -1.0, 1.0) * 32767).astype("<i2")
    n_frames = len(pcm) // _FRAME
    are_speech = (vad.is_speech(pcm[index * _FRAME : (index + 1) * _FRAME].tobytes(), VAD_RATE) for index in range(n_frames))
    for is_speech, frames in groupby(enumerate(are_speech), key=lambda each: each[1]):
        if is_speech:
            indices = [index for index, _ in frames]
            yield Span(indices[0] * _FRAME / VAD_RATE, (indices[-1] + 1) * _FRAME / VAD_RATE)
