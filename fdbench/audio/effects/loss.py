"""Packets that do not arrive: which, and what is heard in their place.

::

    packets    |p0|p1|p2|p3|p4|p5|p6|          20 ms each, counted from the beginning of the call
    lost           ^^ ^^       ^^
    zero       |p0|..|..|p3|p4|..|p6|          silence
    repeat     |p0|p0|p0|p3|p4|p4|p6|          what was played before, 6 dB softer each time

Which: ``bursts`` (Gilbert-Elliott: lost packets come in runs of a mean length; a run of 1 means that each is drawn by itself),
``late`` (gamma-distributed jitter, shape 2: what comes after the playout is lost) or ``exactly`` (so many of the packets in
which the user speaks). They are drawn per call from the scene's chance. In a short clip loss is a lottery - of ten seconds with
2 % in bursts of five, many lose nothing - so what was lost inside speech is counted and reported.

References: Gilbert 1960, Bell System Technical Journal 39:1253; Elliott 1963, 42:1977; G.711 Appendix I conceals better.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Final, Literal

import numpy as np

from fdbench.audio.effects.scene import Scene
from fdbench.core.sound import Samples
from fdbench.errors import UsageError

PACKET_S: Final = 0.02
Concealment = Literal["zero", "repeat"]
_REPEATED: Final = np.float32(0.5)
_JITTER_SHAPE: Final = 2.0


class Losses:
    """Which packets of a call are lost, asked in any order; and how many of them the user spoke in."""

    def __init__(self, draw: Callable[[], Iterator[bool]], scene: Scene) -> None:
        self._drawn, self._known, self._scene = draw(), list[bool](), scene

    def is_lost(self, packet: int) -> bool:
        while len(self._known) <= packet:
            self._known.append(next(self._drawn))
        return self._known[packet]

    def realised(self, heard_s: float) -> dict[str, float]:
        """Packets that began until then, and how many were lost; the same of those in which the user spoke."""
        n = math.ceil(round(heard_s / PACKET_S, 6))
        lost = [self.is_lost(packet) for packet in range(n)]
        spoken = [k for k in packets_in_speech(self._scene) if k < n]
        return {
            "packets": n,
            "lost": sum(lost),
            "packets_in_speech": len(spoken),
            "lost_in_speech": sum(lost[k] for k in spoken),
        }


def packets_in_speech(scene: Scene) -> list[int]:
    """Numbers of the packets whose middle lies in the user's speech."""
    found: set[int] = set()
    for span in scene.speech:
        found.update(range(round(span.start_s / PACKET_S), round(span.end_s / PACKET_S)))
    return sorted(each for each in found if each >= 0)


def bursts(loss_pc: float, burst: float, scene: Scene) -> Losses:
    """So many per cent, in runs of that mean length.

    Raises:
        UsageError: Not a share, or a run shorter than a packet.
    """
    if not (0 <= loss_pc < 100 and burst >= 1):
        raise UsageError(f"loss_pc {loss_pc:g}, burst {burst:g}: expected 0 to 100 and at least 1", "mend the condition")
    share = loss_pc / 100
    stays = share if burst == 1 else 1 - 1 / burst
    begins = share if burst == 1 else share / (burst * (1 - share))

    def draw() -> Iterator[bool]:
        random = scene.random("loss")
        is_lost = bool(random.random() < share)
        while True:
            yield is_lost
            is_lost = bool(random.random() < (stays if is_lost else begins))

    return Losses(draw, scene)


def late(jitter_ms: float, playout_ms: float, scene: Scene) -> Losses:
    """Those that are later than the playout waits."""
    if not (jitter_ms > 0 and playout_ms >= 0):
        raise UsageError(f"jitter_ms {jitter_ms:g}, playout_ms {playout_ms:g}: expected more than 0", "mend the condition")

    def draw() -> Iterator[bool]:
        random = scene.random("jitter")
        while True:
            yield bool(random.gamma(_JITTER_SHAPE, jitter_ms / _JITTER_SHAPE) > playout_ms)

    return Losses(draw, scene)


def exactly(frames: int, scene: Scene) -> Losses:
    """So many of those in which the user speaks, or all of them where there are fewer; none where nobody knows when."""
    spoken = packets_in_speech(scene)
    chosen = set(scene.random("loss").permutation(spoken)[:frames].tolist()) if spoken else set()

    def draw() -> Iterator[bool]:
        packet = 0
        while True:
            yield packet in chosen
            packet += 1

    return Losses(draw, scene)


class Loss:
    """Lost packets, and what is heard in their place."""

    delay_s = 0.0

    def __init__(self, losses: Losses, concealment: Concealment, sample_rate: int) -> None:
        if concealment not in ("zero", "repeat"):
            raise UsageError(f"concealment '{concealment}': expected zero or repeat", "mend the condition")
        self._losses, self._repeats = losses, concealment == "repeat"
        self._rate, self._packet = sample_rate, round(PACKET_S * sample_rate)
        self._at = 0
        self._past = np.zeros(self._packet, np.float32)

    def step(self, said: Samples, back: Samples) -> Samples:
        begin, end = self._at, self._at + len(said)
        self._at = end
        lost = [k for k in range(begin // self._packet, -(-end // self._packet)) if self._losses.is_lost(k)]
        if not lost and not self._repeats:
            return said
        line = np.concatenate([self._past, said])
        for k in lost:
            first, last = max(begin, k * self._packet) - begin, min(end, (k + 1) * self._packet) - begin
            # Position p of the call lies at p - begin + packet of the line, and one packet earlier at p - begin.
            line[first + self._packet : last + self._packet] = line[first:last] * _REPEATED if self._repeats else 0.0
        self._past = line[len(said) :]
        return line[self._packet :]

    def realised(self, n_heard: int) -> dict[str, float]:
        return self._losses.realised(n_heard / self._rate)
