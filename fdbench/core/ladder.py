"""Where a condition stands among others of its kind: how much of what, read off its effects alone.

::

    [{effect: noise, kind: babble, snr_db: 10}]                ladder noise, series babble, 10 dB
    [{effect: self_echo, ser_db: 0, ...}, {effect: aec3}]      ladder echo, series "60 ms, T60 0.4 s, AEC3", 0 dB
    [{effect: telephone, code: mu}]                            ladder codec, no level: a name
    noise and Opus together                                    on no ladder
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fdbench.core.condition import EffectFacts

LADDERS: Final = ("noise", "loss", "codec", "room", "level", "jitter", "drift", "echo")


@dataclass(frozen=True, slots=True, order=True)
class Rung:
    """A place on a ladder.

    Attributes:
        series: What the levels of a ladder have in common.
        level: How much; None where the places differ in kind, or nothing at all is done (a control).
        unit: Of the level.
        name: What the place is called where it has no level.
        harder: The sign of the direction in which it gets worse.
    """

    ladder: str
    series: str
    level: float | None
    unit: str = ""
    name: str = ""
    harder: int = -1

    @property
    def title(self) -> str:
        return self.name if self.level is None else f"{self.level:g} {self.unit}".strip()


def rung_of(effects: Sequence[EffectFacts]) -> Rung | None:
    """The place of a condition that has these effects on what the model hears; None where it mixes several kinds."""
    kinds = [str(each.get("effect")) for each in effects]
    first: Mapping[str, Any] = effects[0] if effects else {}
    if kinds in (["self_echo"], ["self_echo", "aec3"]):
        where = f"{first.get('echo_ms', 60):g} ms, T60 {first.get('t60_s', 0.4):g} s{', AEC3' if len(kinds) > 1 else ''}"
        return Rung("echo", where, first.get("ser_db"), "dB", "no echo")
    if len(kinds) != 1 or kinds[0] not in _PLACES:
        return None
    place: Rung | None = _PLACES[kinds[0]](first)
    return place


def _noise(facts: EffectFacts) -> Rung:
    return Rung("noise", str(facts["kind"]).replace("_", "-"), facts["snr_db"], "dB")


def _loss(facts: EffectFacts) -> Rung:
    conceal = "" if facts.get("conceal", "zero") == "zero" else ", repeated"
    if "frames" in facts:
        return Rung("loss", f"inside speech{conceal}", facts["frames"], "packets", harder=1)
    return Rung("loss", f"bursts of {facts.get('burst', 1):g}{conceal}", facts["loss_pc"], "%", harder=1)


def _telephone(facts: EffectFacts) -> Rung:
    names = {"none": "8 kHz only", "mu": "G.711 mu", "a": "G.711 A", "gsm": "GSM"}
    return Rung("codec", "codes", None, name=names.get(facts.get("code", "none"), "another"))


def _opus(facts: EffectFacts) -> Rung | None:
    return None if facts.get("loss_pc") else Rung("codec", "codes", None, name=f"Opus {facts['kbit']:g}k")


def _room(facts: EffectFacts) -> Rung:
    series = "image source" if facts.get("kind") == "image_source" else f"tail, DRR {facts.get('drr_db', 6):g} dB"
    return Rung("room", series, facts["t60_s"], "s", harder=1)


def _gain(facts: EffectFacts) -> Rung:
    return Rung("level", "softer", facts["gain_db"], "dB")


def _clip(facts: EffectFacts) -> Rung:
    return Rung("level", "clipped", facts["gain_db"], "dB", harder=1)


def _jitter(facts: EffectFacts) -> Rung:
    return Rung("jitter", f"playout {facts.get('playout_ms', 60):g} ms", facts["jitter_ms"], "ms", harder=1)


def _drift(facts: EffectFacts) -> Rung:
    return Rung("drift", "slow" if facts["ppm"] > 0 else "fast", abs(facts["ppm"]), "ppm", harder=1)


_PLACES: Final[Mapping[str, Any]] = {
    "noise": _noise, "loss": _loss, "telephone": _telephone, "opus": _opus, "room": _room, "gain": _gain, "clip": _clip,
    "jitter": _jitter, "drift": _drift,
}  # fmt: skip
