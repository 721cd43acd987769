"""What is examined in a conversation: the behaviours, and all that has to be known about one. Loads nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fdbench.core.event import INTERRUPTION, OVERLAP, PAUSE, TURN_END
from fdbench.core.take_id import MAIN, TWIN


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Something that a model may do well or badly in a conversation.

    Attributes:
        name: As in the names of tasks; one of a kind has the kind before it, ``kind.name``.
        title: As in headings.
        takeover_is_wanted: Whether the model is right to take the turn.
        needed_events: Kinds of events that a sample must have for anything to be measured.
        stimuli: With which stimuli of each sample a call is made.
    """

    name: str
    title: str
    takeover_is_wanted: bool
    needed_events: tuple[str, ...] = ()
    stimuli: tuple[str, ...] = (MAIN,)


PAUSE_HANDLING: Final = "pause_handling"
TURN_TAKING: Final = "turn_taking"
USER_INTERRUPTION: Final = "user_interruption"
BACKCHANNEL: Final = "backchannel"
ALONE: Final = (PAUSE_HANDLING, TURN_TAKING, USER_INTERRUPTION, BACKCHANNEL)
"""Those of one prompt each, in whose mean of lost seconds models are ranked."""

OVERLAP_INTERRUPTION: Final = "overlap.user_interruption"
OVERLAP_BACKCHANNEL: Final = "overlap.user_backchannel"
OVERLAP_ASIDE: Final = "overlap.talking_to_other"
OVERLAP_BACKGROUND: Final = "overlap.background_speech"
OVERLAPS: Final = (OVERLAP_INTERRUPTION, OVERLAP_BACKCHANNEL, OVERLAP_ASIDE, OVERLAP_BACKGROUND)
"""Somebody speaks while the model does; each sample has a clean twin, in which nobody does."""

PROBE_INTERRUPTION: Final = "probe.interruption"
PROBE_BACKCHANNEL: Final = "probe.backchannel"
PROBE_ASIDE: Final = "probe.side_talk"
PROBE_NOISE: Final = "probe.noise"
PROBES: Final = (PROBE_INTERRUPTION, PROBE_BACKCHANNEL, PROBE_ASIDE, PROBE_NOISE)
"""The same at a set time after this model's own onset, wherever that is."""
PAIRED: Final = (*OVERLAPS, *PROBES)
"""Those whose samples have a clean twin."""
ASKING: Final = (OVERLAP_INTERRUPTION, PROBE_INTERRUPTION)
"""Those of them in which a reply is asked for."""

DIALOGUE: Final = "dialogue"
"""Several turns with an examiner, who says what the model's answers make of its script."""


def _overlap(name: str, title: str, *, takeover_is_wanted: bool = False) -> Behaviour:
    return Behaviour(name, title, takeover_is_wanted, needed_events=(OVERLAP,), stimuli=(MAIN, TWIN))


def _probe(name: str, title: str, *, takeover_is_wanted: bool = False) -> Behaviour:
    return Behaviour(name, title, takeover_is_wanted, stimuli=(MAIN, TWIN))


BEHAVIOURS: Final[Mapping[str, Behaviour]] = {
    each.name: each
    for each in (
        Behaviour(PAUSE_HANDLING, "Pause handling", takeover_is_wanted=False, needed_events=(PAUSE,)),
        Behaviour(TURN_TAKING, "Smooth turn-taking", takeover_is_wanted=True, needed_events=(TURN_END,)),
        Behaviour(USER_INTERRUPTION, "User interruption", takeover_is_wanted=True, needed_events=(INTERRUPTION,)),
        Behaviour(BACKCHANNEL, "Backchannel", takeover_is_wanted=False),
        _overlap(OVERLAP_INTERRUPTION, "Overlap: the user interrupts", takeover_is_wanted=True),
        _overlap(OVERLAP_BACKCHANNEL, "Overlap: the user backchannels"),
        _overlap(OVERLAP_ASIDE, "Overlap: the user talks to somebody else"),
        _overlap(OVERLAP_BACKGROUND, "Overlap: speech in the background"),
        _probe(PROBE_INTERRUPTION, "Probe: the user interrupts", takeover_is_wanted=True),
        _probe(PROBE_BACKCHANNEL, "Probe: the user backchannels"),
        _probe(PROBE_ASIDE, "Probe: the user talks to somebody else"),
        _probe(PROBE_NOISE, "Probe: a noise"),
        Behaviour(DIALOGUE, "Dialogue with an examiner", takeover_is_wanted=True),
    )
}
"""By name, in the order of tables."""
