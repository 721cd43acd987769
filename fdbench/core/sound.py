"""Mono audio: samples never travel without their rate, nor a track without its place on the timeline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fdbench.core.span import Span

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """Mono sound.

    Attributes:
        samples: float32, shape ``(n,)``, nominally in [-1, 1].
        sample_rate: Hz.
    """

    samples: Samples
    sample_rate: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 1 or self.samples.dtype != np.float32:
            raise ValueError(f"expected mono float32 samples of shape (n,), got {self.samples.dtype} {self.samples.shape}")
        if self.sample_rate <= 0:
            raise ValueError(f"sample rate must be positive, got {self.sample_rate} Hz")

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.sample_rate

    @classmethod
    def silence(cls, duration_s: float, sample_rate: int) -> Audio:
        return cls(np.zeros(round(duration_s * sample_rate), np.float32), sample_rate)


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One channel of a call: audio, and where on the prompt's timeline its first sample lies (a lead-in: negative)."""

    audio: Audio
    start_s: float = 0.0

    @property
    def span(self) -> Span:
        return Span(self.start_s, self.start_s + self.audio.duration_s)

    def cut(self, span: Span) -> Track:
        """The part inside ``span``, to the nearest sample; empty where they do not meet."""
        rate = self.audio.sample_rate
        first = max(0, round((span.start_s - self.start_s) * rate))
        last = max(first, round((span.end_s - self.start_s) * rate))
        first = min(first, len(self.audio.samples))
        return Track(Audio(self.audio.samples[first:last], rate), self.start_s + first / rate)
