"""How somebody speaks before and after an overlap: speed, pitch, intensity and, where UTMOSv2 is installed, naturalness.

::

    recording    |0=========[ overlap ]=============|     cut at a word (core.overlap_split)
    sides        |------ before ------|--- after ---|     the detector hears each alone
    measured     |==| |====|  |=======|==|  |=======|     Praat hears a side's speech, joined; all of it if there is none

Pitch by Praat's autocorrelation: 50 to 600 Hz, every 10 ms, voiced frames. Intensity by Praat as Praat sets it (lowest pitch
100 Hz, frames as often as it chooses), dB averaged as they are. Audio is heard at its own rate.

UTMOSv2 has not been run here: what is written follows its description of ``predict``. It chooses pieces at random, so that a
fresh hearing differs by a little, and it fetches its weights when it is first used.

References: Boersma 1993, Accurate short-term analysis of the fundamental frequency, IFA Proceedings 17; Jadoul et al. 2018,
Introducing Parselmouth, Journal of Phonetics 71; Baba et al. 2024, The T05 system for the VoiceMOS Challenge 2024.
"""

from __future__ import annotations

import importlib.metadata
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fdbench.core.absence import Absence
from fdbench.core.annotation import Prosody, VoiceMeasures
from fdbench.core.overlap_split import split_at_overlap, words_around, words_per_minute
from fdbench.core.sound import Audio, Track
from fdbench.core.span import Span
from fdbench.core.speech import Transcript, Word
from fdbench.errors import MissingExtraError
from fdbench.hear.engines import NONE
from fdbench.hear.unanswered import UnansweredError
from fdbench.io.wav import resampled

_PITCH_FLOOR_HZ: Final = 50.0
_PITCH_CEILING_HZ: Final = 600.0
_PITCH_STEP_S: Final = 0.01
_UTMOS_RATE: Final = 16_000

Floats = npt.NDArray[np.float64]


def prosody_signature() -> str:
    """What measures voices here, e.g. ``parselmouth-0.4.7+praat-6.1.38``; ``none`` where Parselmouth is not installed."""
    try:
        import parselmouth
    except ImportError:
        return NONE
    utmos = _utmos_version()
    praat = f"parselmouth-{parselmouth.VERSION}+praat-{parselmouth.PRAAT_VERSION}"
    return f"{praat}+utmosv2-{utmos}" if utmos else praat


def why_unmeasured(prosody: Prosody) -> Absence | None:
    """Why a voice has no pitch and no intensity, and how to get them; None where it was measured."""
    if prosody.engine != NONE:
        return None
    error = MissingExtraError("praat-parselmouth", "prosody", "measuring pitch and intensity")
    return Absence("prosody_missing", f"{error.what}: {error.remedy}")


def words_to_split(transcript: Transcript) -> Sequence[Word]:
    """The words of a recording, as far as they are believed.

    Raises:
        UnansweredError: They are not, or nobody listened for words.
    """
    words = transcript.words if transcript.believed is None else transcript.believed
    if transcript.engine == NONE:
        raise UnansweredError("no_words", "")
    if isinstance(words, Absence):
        raise UnansweredError(words.reason, words.message)
    return words


def hear_prosody(
    track: Track, words: Sequence[Word], overlap_end_s: float | None, detect: Callable[[Span], Sequence[Span]]
) -> Prosody:
    """Measure both sides of an overlap.

    Args:
        track: What is measured, from t = 0 to the recording's end.
        words: Of all of it, on its timeline.
        overlap_end_s: None: there is no overlap, and all of it lies after.
        detect: Where somebody speaks in a part of it, heard alone.

    Raises:
        ValueError: The overlap's end is not finite.
    """
    end_s, engine = max(0.0, track.span.end_s), prosody_signature()
    split_s = 0.0 if overlap_end_s is None else split_at_overlap(words, overlap_end_s, end_s)

    def measured(side: Span, said: Sequence[Word]) -> VoiceMeasures | None:
        part = track.cut(side)
        if not len(part.audio.samples):
            return None
        speech = detect(side)
        counted = VoiceMeasures(words_per_minute(said), math.fsum(span.duration_s for span in speech))
        if engine == NONE:
            return counted
        pieces = [track.cut(span).audio.samples for span in speech] or [part.audio.samples]
        return _measured(Audio(np.concatenate(pieces), track.audio.sample_rate), counted)

    before, after = words_around(words, split_s)
    return Prosody(measured(Span(0.0, split_s), before), measured(Span(split_s, end_s), after), split_s, engine)


def _measured(audio: Audio, counted: VoiceMeasures) -> VoiceMeasures:
    import parselmouth

    sound = parselmouth.Sound(audio.samples.astype(np.float64), audio.sample_rate)
    pitch_hz = intensity_db = np.zeros(0)
    try:
        intensity_db = sound.to_intensity().values[0]
        pitch_hz = sound.to_pitch(_PITCH_STEP_S, _PITCH_FLOOR_HZ, _PITCH_CEILING_HZ).selected_array["frequency"]
    except parselmouth.PraatError:  # shorter than a frame: that of intensity is 64 ms long, that of pitch 60
        pass
    pitch_mean_hz, pitch_std_hz = _mean_and_std(pitch_hz[pitch_hz > 0])
    intensity_mean_db, intensity_std_db = _mean_and_std(intensity_db)
    return replace(
        counted,
        pitch_mean_hz=pitch_mean_hz,
        pitch_std_hz=pitch_std_hz,
        intensity_mean_db=intensity_mean_db,
        intensity_std_db=intensity_std_db,
        utmos=_utmos(audio) if _utmos_version() else None,
    )


def _mean_and_std(values: Floats) -> tuple[float | None, float | None]:
    mean = float(values.mean()) if len(values) else None
    return mean, float(values.std(ddof=1)) if len(values) > 1 else None


def _utmos_version() -> str:
    """Empty where UTMOSv2 is not installed."""
    try:
        return importlib.metadata.version("utmosv2")
    except importlib.metadata.PackageNotFoundError:
        return ""


def _utmos(audio: Audio) -> float:
    samples = resampled(audio, _UTMOS_RATE).samples
    return float(_utmos_model().predict(data=samples, device="cpu", num_workers=0, verbose=False))


@lru_cache(maxsize=1)
def _utmos_model() -> Any:
    import utmosv2

    return utmosv2.create_model(pretrained=True)
