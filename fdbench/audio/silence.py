"""Whether a recording holds any sound at all: a recorder that lost its track writes a constant."""

from __future__ import annotations

import numpy as np

from fdbench.core.sound import Audio


def silence_notes(audio: Audio) -> tuple[str, ...]:
    """A line for whoever reads its numbers where every sample of a recording is the same; a silent model sounds alike."""
    if len(audio.samples) and np.ptp(audio.samples) > 0:
        return ()
    return ("the recording is digital silence from end to end: a lost track, or a model that says nothing",)
