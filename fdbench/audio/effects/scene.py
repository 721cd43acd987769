"""What an effect may know before a call begins: how loud the user speaks, and when, and what chance has drawn for the call.

Levels are fixed from it beforehand, so that no effect needs to look ahead: a gain that followed the sound would hear the
future. Nothing in it depends on the model, on its seed or on the machine, so all models meet the same noise and the same
losses.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from fdbench.core.span import Span

NOMINAL_DBFS: Final = -26.0
"""Of active speech, where nobody knows better: the nominal level of telephony, and of a model's voice."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One direction of one call, before it begins.

    Attributes:
        seed: From the condition, the sample and the repeat.
        level_dbfs: Of the speaker's active speech.
        speech: When the speaker speaks, on the call's clock; empty where that is not known beforehand.
        utterances: Hashes of the utterances that the prompt is made of; noise is made of other voices and other words.
        noise_folder: The user's own noise.
    """

    seed: int = 0
    level_dbfs: float = NOMINAL_DBFS
    speech: tuple[Span, ...] = ()
    utterances: frozenset[str] = frozenset()
    noise_folder: str = field(default="", compare=False)

    def random(self, purpose: str) -> np.random.Generator:
        """A stream of chance of its own for each purpose, so that an effect added to a condition moves no other's."""
        return np.random.Generator(np.random.PCG64([self.seed, zlib.crc32(purpose.encode())]))


NOWHERE: Final = Scene()
"""A call of which nothing is known beforehand."""
