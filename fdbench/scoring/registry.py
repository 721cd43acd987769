"""Who measures what. Scorers are named as text and imported when one is asked for, so that lists of names cost nothing."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final, cast

from fdbench.core.behaviour import (
    BACKCHANNEL,
    BEHAVIOURS,
    DIALOGUE,
    OVERLAPS,
    PAUSE_HANDLING,
    PROBES,
    TURN_TAKING,
    USER_INTERRUPTION,
)
from fdbench.core.event import DECIDED, OWN_ECHO, TEXT, YIELDED
from fdbench.core.metric import PROTOCOLS
from fdbench.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from fdbench.scoring.base import Scorer

_SCORERS: Final[Mapping[tuple[str, str], str]] = {
    (PAUSE_HANDLING, "fdb-2026-05"): "fdbench.scoring.published.pause:PublishedPause",
    (PAUSE_HANDLING, "fdb-2026-02"): "fdbench.scoring.published.pause:PublishedPause",
    (PAUSE_HANDLING, "fdbench"): "fdbench.scoring.corrected.pause:Pause",
    (TURN_TAKING, "fdb-2026-05"): "fdbench.scoring.published.turn:PublishedTurn",
    (TURN_TAKING, "fdb-2026-02"): "fdbench.scoring.published.turn:PublishedTurn",
    (TURN_TAKING, "fdbench"): "fdbench.scoring.corrected.turn:Turn",
    (BACKCHANNEL, "fdb-2026-05"): "fdbench.scoring.published.backchannel:PublishedBackchannel",
    (BACKCHANNEL, "fdb-2026-02"): "fdbench.scoring.published.backchannel:PublishedBackchannelBeforeFix",
    (BACKCHANNEL, "fdbench"): "fdbench.scoring.corrected.backchannel:Backchannel",
    (USER_INTERRUPTION, "fdb-2026-05"): "fdbench.scoring.published.interruption:PublishedInterruption",
    (USER_INTERRUPTION, "fdb-2026-02"): "fdbench.scoring.published.interruption:PublishedInterruption",
    (USER_INTERRUPTION, "fdbench"): "fdbench.scoring.corrected.interruption:Interruption",
    **{(each, "fdb-2026-05"): "fdbench.scoring.published.overlap:PublishedOverlap" for each in OVERLAPS},
    **{(each, "fdb-2026-02"): "fdbench.scoring.published.overlap:PublishedOverlap" for each in OVERLAPS},
    **{(each, "fdbench"): f"fdbench.scoring.corrected.overlap:Overlap:{each}" for each in OVERLAPS},
    **{(each, "fdbench"): f"fdbench.scoring.corrected.overlap:Overlap:{each}" for each in PROBES},
    (DIALOGUE, "fdb-2026-05"): "fdbench.scoring.published.dialogue:PublishedDialogue",
    (DIALOGUE, "fdb-2026-02"): "fdbench.scoring.published.dialogue:PublishedDialogue",
    (DIALOGUE, "fdbench"): "fdbench.scoring.corrected.dialogue:Dialogue",
}
"""Module, class, and what the class is made with."""

_DIAGNOSTICS: Final[Mapping[str, tuple[tuple[str, str, tuple[str, ...]], ...]]] = {
    "fdbench": (
        (TEXT, "fdbench.scoring.corrected.own_text:OwnText", tuple(BEHAVIOURS)),
        (OWN_ECHO, "fdbench.scoring.corrected.own_echo:OwnEcho", tuple(BEHAVIOURS)),
        (DECIDED, "fdbench.scoring.corrected.clocks:ReplyClocks", (TURN_TAKING, USER_INTERRUPTION)),
        (YIELDED, "fdbench.scoring.corrected.clocks:YieldClock", (USER_INTERRUPTION,)),
    )
}
"""By protocol, what is measured beside a behaviour where the model tells something about itself: what, by whom, for which."""


def has_scorer(behaviour: str, protocol: str) -> bool:
    """Whether a protocol says anything about a behaviour; the published ones know nothing of probes."""
    return (behaviour, protocol) in _SCORERS or behaviour not in BEHAVIOURS or protocol not in PROTOCOLS


def scorer_for(behaviour: str, protocol: str) -> Scorer:
    """The scorer of one behaviour under one protocol.

    Raises:
        UsageError: There is no such behaviour or protocol, or the one says nothing about the other.
    """
    if behaviour not in BEHAVIOURS:
        raise unknown_name("behaviour", behaviour, BEHAVIOURS)
    if protocol not in PROTOCOLS:
        raise unknown_name("protocol", protocol, PROTOCOLS)
    if (behaviour, protocol) not in _SCORERS:
        raise UsageError(f"protocol {protocol} says nothing about {behaviour}", "score it under fdbench")
    return _made(_SCORERS[behaviour, protocol])


def scorers_for(behaviour: str, protocol: str, *, event_kinds: Collection[str] = ()) -> tuple[Scorer, ...]:
    """The behaviour's scorer, and behind it those of diagnostics.

    Args:
        event_kinds: Of what the model says about itself; without any there is nothing to diagnose.

    Raises:
        UsageError: There is no such behaviour or protocol.
    """
    own = scorer_for(behaviour, protocol)
    beside = (name for kind, name, where in _DIAGNOSTICS.get(protocol, ()) if kind in event_kinds and behaviour in where)
    return (own, *map(_made, beside))


def _made(named: str) -> Scorer:
    module, name, *arguments = named.split(":")
    return cast("Scorer", getattr(importlib.import_module(module), name)(*arguments))
