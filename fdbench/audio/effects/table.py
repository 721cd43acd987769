"""Every effect by the name that conditions call it, with its parameters. What needs a library names its build.

==============  =============================================================================================================
``gain``        gain_db
``clip``        gain_db, then cut at full scale; at_dbfs
``delay``       delay_ms
``noise``       kind (white, speech_shaped, babble, talker, folder), snr_db over active speech; voices of a babble
``room``        t60_s; drr_db of an exponential tail, or kind: image_source
``telephone``   code (none, mu, a, gsm); band: 300 to 3400 Hz
``loss``        loss_pc and burst, or frames (so many inside speech); conceal (zero, repeat)
``jitter``      jitter_ms, playout_ms; conceal
``opus``        kbit; loss_pc and burst; conceal (fec, plc, zero)
``mimi``        the codec of Moshi, there and back
``drift``       ppm
``echo``        gain_db, delay_ms, reflections: [[ms after the direct sound, dB relative to it], ...] of its own voice
``self_echo``   ser_db (null = none), echo_ms, t60_s of the listener's own voice
``aec3``        WebRTC's echo canceller, behind an echo
==============  =============================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from fdbench.audio.effects.base import Delay, Echo, Effect, Gain, factor_of
from fdbench.audio.effects.scene import NOWHERE, Scene
from fdbench.core.condition import EffectFacts
from fdbench.errors import UsageError, unknown_name


def effect_of(facts: EffectFacts, sample_rate: int, scene: Scene = NOWHERE) -> Effect:
    """The effect that a condition's facts describe.

    Args:
        sample_rate: At which the listener hears.
        scene: What is known of the call beforehand.

    Raises:
        UsageError: There is none of that name, or a parameter is missing, unknown or no number.
        MissingExtraError: It needs a library that is not installed.
    """
    parameters = dict(facts)
    kind = str(parameters.pop("effect", ""))
    if kind not in _EFFECTS:
        raise unknown_name("effect", kind, _EFFECTS)
    try:
        return _EFFECTS[kind](sample_rate, scene, **parameters)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"effect '{kind}' of a condition: {error}", "fdbench/audio/effects/table.py lists the parameters"
        ) from None


def builds_of(effects: Sequence[EffectFacts]) -> dict[str, str]:
    """By library, the build that some effects would use: their bits differ from build to build.

    Raises:
        MissingExtraError: One of them is not installed.
    """
    found: dict[str, str] = {}
    for facts in effects:
        for library, is_used, build in _LIBRARIES:
            if is_used(facts):
                found[library] = build()
    return found


def _gain(sample_rate: int, scene: Scene, *, gain_db: float) -> Effect:
    return Gain(float(gain_db))


def _clip(sample_rate: int, scene: Scene, *, gain_db: float, at_dbfs: float = 0.0) -> Effect:
    from fdbench.audio.effects.clip import Clip

    return Clip(float(gain_db), float(at_dbfs))


def _delay(sample_rate: int, scene: Scene, *, delay_ms: float) -> Effect:
    return Delay(_seconds(delay_ms), sample_rate)


def _noise(sample_rate: int, scene: Scene, *, kind: str, snr_db: float, voices: int = 8, sha256: str = "") -> Effect:
    from fdbench.audio.effects import material
    from fdbench.audio.effects.loop import Noise

    if kind == "folder":
        if sha256 and scene.noise_folder and material.digest_of_folder(scene.noise_folder) != sha256:
            raise UsageError(f"--noise {scene.noise_folder}: is not the noise of this run", "name the folder that was used")
        return Noise(material.from_folder(scene.noise_folder, sample_rate), float(snr_db), sample_rate, scene)
    loops: Mapping[str, Callable[[], Any]] = {
        "white": lambda: material.white(sample_rate),
        "speech_shaped": lambda: material.speech_shaped(sample_rate),
        "babble": lambda: material.babble(sample_rate, int(voices), scene.utterances),
        "talker": lambda: material.babble(sample_rate, 1, scene.utterances),
    }
    if kind not in loops:
        raise unknown_name("noise", kind, (*loops, "folder"))
    return Noise(loops[kind](), float(snr_db), sample_rate, scene)


def _room(sample_rate: int, scene: Scene, *, t60_s: float, drr_db: float = 6.0, kind: str = "exponential") -> Effect:
    from fdbench.audio.effects import room

    if kind not in ("exponential", "image_source"):
        raise unknown_name("room", kind, ("exponential", "image_source"))
    of_walls = kind == "image_source"
    response = room.image_source(float(t60_s), sample_rate) if of_walls else room.exponential(t60_s, drr_db, sample_rate)
    return room.Room(response, sample_rate)


def _telephone(sample_rate: int, scene: Scene, *, code: str = "none", band: bool = False) -> Effect:
    from fdbench.audio.effects.telephone import telephone

    return telephone(sample_rate, code, band=bool(band))


def _loss(
    sample_rate: int,
    scene: Scene,
    *,
    loss_pc: float | None = None,
    burst: float = 1.0,
    frames: int | None = None,
    conceal: Any = "zero",
) -> Effect:
    from fdbench.audio.effects import loss

    if (loss_pc is None) == (frames is None):
        raise ValueError("expected either loss_pc or frames")
    losses = loss.exactly(int(frames or 0), scene) if loss_pc is None else loss.bursts(float(loss_pc), float(burst), scene)
    return loss.Loss(losses, conceal, sample_rate)


def _jitter(sample_rate: int, scene: Scene, *, jitter_ms: float, playout_ms: float = 60.0, conceal: Any = "repeat") -> Effect:
    from fdbench.audio.effects.jitter import Jitter

    return Jitter(float(jitter_ms), _seconds(playout_ms), conceal, sample_rate, scene)


def _opus(
    sample_rate: int, scene: Scene, *, kbit: float, loss_pc: float = 0.0, burst: float = 1.0, conceal: Any = "plc"
) -> Effect:
    from fdbench.audio.effects.loss import bursts
    from fdbench.audio.effects.opus import Opus

    return Opus(float(kbit), bursts(float(loss_pc), float(burst), scene), float(loss_pc), conceal, sample_rate)


def _mimi(sample_rate: int, scene: Scene, *, weights: str = "", codebooks: int = 8) -> Effect:
    from fdbench.audio.effects.mimi import Mimi

    return Mimi(sample_rate, weights, int(codebooks))


def _drift(sample_rate: int, scene: Scene, *, ppm: float) -> Effect:
    from fdbench.audio.effects.drift import Drift

    return Drift(float(ppm), sample_rate)


def _echo(
    sample_rate: int, scene: Scene, *, gain_db: float, delay_ms: float, reflections: Sequence[Sequence[float]] = ()
) -> Effect:
    """``reflections``: [milliseconds after the direct sound, decibels relative to it] of each."""
    response = None
    if reflections:
        places = [(round(_seconds(after_ms) * sample_rate), factor_of(float(db))) for after_ms, db in reflections]
        response = np.zeros(1 + max(place for place, _ in places), np.float32)
        response[0] = 1.0
        for place, factor in places:
            response[place] += factor
    return Echo(float(gain_db), _seconds(delay_ms), sample_rate, response)


def _self_echo(sample_rate: int, scene: Scene, *, ser_db: float | None, echo_ms: float = 60.0, t60_s: float = 0.4) -> Effect:
    from fdbench.audio.effects.self_echo import SelfEcho

    level = None if ser_db is None else float(ser_db)
    return SelfEcho(level, _seconds(echo_ms), float(t60_s), sample_rate, scene)


def _aec3(sample_rate: int, scene: Scene) -> Effect:
    from fdbench.audio.effects.canceller import Canceller

    return Canceller(sample_rate)


def _opus_build() -> str:
    from fdbench.audio.effects.opus import opus_build

    return opus_build()


def _canceller_build() -> str:
    from fdbench.audio.effects.canceller import canceller_build

    return canceller_build()


def _rooms_build() -> str:
    from fdbench.audio.effects.room import rooms_build

    return rooms_build()


def _sndfile_build() -> str:
    import soundfile

    return str(soundfile.__libsndfile_version__)


def _mimi_build() -> str:
    from fdbench.audio.effects.mimi import mimi_build

    return mimi_build()


def _seconds(milliseconds: float) -> float:
    if not 0 <= milliseconds <= 10_000:
        raise ValueError(f"expected 0 to 10000 ms, found {milliseconds}")
    return milliseconds / 1000


_EFFECTS: Final[Mapping[str, Callable[..., Effect]]] = {
    "gain": _gain,
    "clip": _clip,
    "delay": _delay,
    "noise": _noise,
    "room": _room,
    "telephone": _telephone,
    "loss": _loss,
    "jitter": _jitter,
    "opus": _opus,
    "mimi": _mimi,
    "drift": _drift,
    "echo": _echo,
    "self_echo": _self_echo,
    "aec3": _aec3,
}

_LIBRARIES: Final[tuple[tuple[str, Callable[[EffectFacts], bool], Callable[[], str]], ...]] = (
    ("libopus", lambda facts: facts.get("effect") == "opus", _opus_build),
    ("aec3", lambda facts: facts.get("effect") == "aec3", _canceller_build),
    ("pyroomacoustics", lambda facts: facts.get("kind") == "image_source", _rooms_build),
    ("libsndfile", lambda facts: facts.get("code") == "gsm", _sndfile_build),
    ("mimi", lambda facts: facts.get("effect") == "mimi", _mimi_build),
)
