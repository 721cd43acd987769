"""What a recording from elsewhere says about itself: the prompt is known, so wherever the user is audible, it is evidence.

============================================ ==========================================================================
the prompt is heard                          then
============================================ ==========================================================================
in the model's channel                       whoever hears it takes the user for the model: refused, with how loud
.. so low that no gate believes it           noted, with how loud
in another channel, over 0.1 s from t = 0    every latency is wrong by that much: refused, with the offset that it asks for
.. over 0.02 s                               noted
in two parts that lie differently            something was cut out or put in between: refused
faster or slower                             it was played at another rate than it was made: refused
nowhere                                      nothing is known: taken as it is
============================================ ==========================================================================

The detector was measured to take the embedded suite's prompts for speech even where they are 50 dB softer, at -67 dBFS. A
model that repeats its user cannot be told from a channel that holds the user; it is refused, too, and the message says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fdbench.audio.alignment import Heard, Whitened, find, find_at_other_speed, sounds_with
from fdbench.audio.levels import SILENT_DBFS, loudest_frame_dbfs
from fdbench.core.sound import Audio
from fdbench.core.span import Span
from fdbench.errors import DataError

NOTED_SHIFT_S: Final = 0.02
REFUSED_SHIFT_S: Final = 0.1
ALL_SILENT: Final = (
    f"the recording is silent from end to end, nothing in it is louder than {SILENT_DBFS:g} dBFS: was its track lost?"
)
_CLASS_DB: Final = 5


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found.

    Attributes:
        offset_s: Where the recording's first sample lies, by where the prompt is heard; None = it is heard nowhere.
        leak: The user in the model's channel.
        fault: Why the recording cannot be scored as it is, and what to do.
        notes: What a reader of its numbers has to know.
    """

    offset_s: float | None = None
    leak: Heard | None = None
    fault: DataError | None = None
    notes: tuple[str, ...] = ()


def examine(prompt: Audio, model: Audio, others: Sequence[Audio] = (), offset_s: float | None = 0.0) -> Evidence:
    """Look for a prompt in all channels of a recording.

    Args:
        model: The channel that is to be scored.
        others: The other channels.
        offset_s: Where the recording is said to lie; None = where the prompt says.
    """
    notes = silence_notes(model)
    known, channels = Whitened.of(prompt), [Whitened.of(channel) for channel in (model, *others)]
    heard = [find(known, channel) for channel in channels]
    surest = max(heard, key=lambda places: places[0].confidence if places else 0.0)
    leak = heard[0][0] if heard[0] else None
    if not surest:
        return Evidence(fault=_fault_of_speed(known, channels), notes=notes)
    measured_s = round(-surest[0].at_s, 4) + 0.0
    shift_s = 0.0 if offset_s is None else offset_s - measured_s
    if len(surest) > 1:
        apart_s = abs(surest[1].at_s - surest[0].at_s)
        fault = DataError(
            f"parts of the prompt lie {apart_s:.3f} s apart from where the rest of it is heard",
            "record it again: something was cut out of it or put in between",
        )
        return Evidence(measured_s, leak, fault, notes)
    if leak is not None:
        level_dbfs = loudest_frame_dbfs(prompt, Span(0.0, prompt.duration_s)) + leak.gain_db
        if level_dbfs > SILENT_DBFS:
            fault = DataError(
                f"the prompt itself is heard in the model's channel, {leak.gain_db:.1f} dB against what was played and "
                f"{leak.at_s + (offset_s or 0.0):+.3f} s later: the user would be scored as the model",
                "take the channel that holds the model alone; a model that repeats its user cannot be told from a mix-up",
            )
            return Evidence(measured_s, leak, fault, notes)
        about_db = _CLASS_DB * round(leak.gain_db / _CLASS_DB)
        notes += (f"the user leaks into the model's channel, at about {about_db} dB",)
    if abs(shift_s) > REFUSED_SHIFT_S:
        fault = DataError(
            f"the prompt begins at {shift_s:+.3f} s and not at 0 in another channel: all latencies would be off by that",
            f"say --arg offset_s={measured_s:g}, or --arg offset_s=auto to place each recording by its prompt",
        )
        return Evidence(measured_s, leak, fault, notes)
    if abs(shift_s) > NOTED_SHIFT_S:
        notes += (f"the prompt begins about {shift_s:+.2f} s from where it should (--arg offset_s=auto places it by that)",)
    return Evidence(measured_s, leak, None, notes)


def _fault_of_speed(prompt: Whitened, channels: Sequence[Whitened]) -> DataError | None:
    # A model that is silent while the user speaks holds no user, and needs no search at every speed.
    model, *others = channels
    for channel in (*others, *([model] if sounds_with(prompt, model) else [])):
        speed = find_at_other_speed(prompt, channel)
        if speed is not None:
            what = f"the prompt is heard {speed:.3g} times as fast as it was played"
            return DataError(what, "write the file with the rate that its samples were recorded at")
    return None


def silence_notes(audio: Audio) -> tuple[str, ...]:
    """A line for whoever reads its numbers where nothing is heard in a recording, whatever constant it has."""
    without_offset = Audio(audio.samples - np.median(audio.samples), audio.sample_rate)
    is_silent = loudest_frame_dbfs(without_offset, Span(0.0, audio.duration_s)) < SILENT_DBFS
    return (ALL_SILENT,) if is_silent else ()
