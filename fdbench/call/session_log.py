"""The log of one side of a call on the wall clock: all that determines what was heard of it.

When the call began, which events came and when each arrived, when each frame left. The recording follows from it, both during
a run and when a log is replayed.
"""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from fdbench.adapter.live import CallError, Caution, Closed, Decided, Delta, Done, Flush, Incoming, Note, Speech, Text, Usage
from fdbench.audio.playout import Playout
from fdbench.core.conversation import CallLog, FailedCall, Recording
from fdbench.core.event import ARRIVED, DECIDED, PLAYED, TEXT, YIELDED, Event
from fdbench.core.sound import Audio, Samples
from fdbench.core.span import Span

VERSION: Final = 1
LATE_S: Final = 0.005
"""A frame that leaves later than this counts as late."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Something that came from the server, ``at_s`` seconds after the call began."""

    at_s: float
    event: Incoming


@dataclass(slots=True)
class SessionLog:
    """A call as it happened.

    Attributes:
        rate_user, rate_model: Of the two channels, in Hz.
        lead_in_s: Silence before the prompt.
        prompt_s: Length of the prompt.
        arrivals: What came, in order.
        end_s: When the call was over.
        sent_s: When each frame of the user's left; its sound ends there.
        late_s: How much later than it should have.
        round_trips_s: What the network took there and back, measured during the call.
        truncations: [item, seconds] of each reply that the server was told had been cut off after so long.
        broken: Earlier tries of the same call that came to nothing: ``why``, and its ``minutes``, ``cost`` and ``usage``.
    """

    rate_user: int
    rate_model: int
    lead_in_s: float
    prompt_s: float
    arrivals: list[Arrival] = field(default_factory=list)
    end_s: float = 0.0
    sent_s: list[float] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)
    round_trips_s: list[float] = field(default_factory=list)
    truncations: list[list[Any]] = field(default_factory=list)
    broken: list[dict[str, Any]] = field(default_factory=list)

    def of(self, *kinds: type) -> Iterator[tuple[float, Any]]:
        return ((arrival.at_s, arrival.event) for arrival in self.arrivals if isinstance(arrival.event, kinds))

    @property
    def usage(self) -> Usage:
        """Everything that was used up."""
        counts, costs = Counter[str](), list[float | None]()
        for _, each in self.of(Usage):
            counts.update(each.counts)
            costs.append(each.cost)
        known = [cost for cost in costs if cost is not None]
        return Usage(dict(counts), sum(known) if known and len(known) == len(costs) else None)


def feed(playout: Playout, arrival: Arrival) -> list[tuple[str, float]]:
    """Let one arrival have its effect; returns the replies that it cut off, with how much of each was heard."""
    event = arrival.event
    if isinstance(event, Delta):
        playout.add(event.item, event.audio, arrival.at_s)
    elif isinstance(event, Flush):
        return [(heard.item, heard.played_s) for heard in playout.flush(arrival.at_s, event.item)]
    return []


def events_of(log: SessionLog, playout: Playout) -> Iterator[Event]:
    """What the model decided, when it arrived and was played, and what it wrote; on the call's clock."""
    arrived: dict[str, tuple[float, float]] = {}
    lengths_s: dict[str, float] = {}
    for at_s, delta in log.of(Delta):
        arrived[delta.item] = (arrived.get(delta.item, (at_s, at_s))[0], at_s)
        lengths_s[delta.item] = lengths_s.get(delta.item, 0.0) + len(delta.audio) / log.rate_model
    for at_s, decided in log.of(Decided):
        yield Event(DECIDED if decided.what == "speak" else YIELDED, Span(at_s, at_s), decided.item)
    for item, (first_s, last_s) in arrived.items():
        yield Event(ARRIVED, Span(first_s, last_s), item)
    shares: dict[str, float] = dict.fromkeys(lengths_s, 0.0)
    for heard in playout.heard():
        end_s = min(heard.end_s, log.end_s)
        if heard.start_s < end_s:
            yield Event(PLAYED, Span(heard.start_s, end_s), heard.item)
            unheard_s = max(0.0, heard.end_s - log.end_s)
            shares[heard.item] = min(1.0, (heard.played_s - unheard_s) / lengths_s[heard.item])
    yield from _texts(log, shares)


def _texts(log: SessionLog, shares: Mapping[str, float]) -> Iterator[Event]:
    """What the model wrote, as far as it was heard: of a reply that was cut off, as great a share of its letters.

    Args:
        shares: Of each reply's audio, how much was heard; text of no reply in particular counts as heard whole.
    """
    lengths: dict[str, int] = {}
    for _, text in log.of(Text):
        lengths[text.item] = lengths.get(text.item, 0) + len(text.text)
    left = {item: round(shares.get(item, 1.0 if not item else 0.0) * n) for item, n in lengths.items()}
    for at_s, text in log.of(Text):
        heard = text.text[: left[text.item]]
        left[text.item] -= len(heard)
        if heard:
            yield Event(TEXT, Span(at_s, at_s), heard)


def as_stored(log: SessionLog) -> CallLog:
    """The log in the form in which it is kept; of its sound, 16 bits are."""
    lines: list[Mapping[str, Any]] = [{"log": VERSION, **{name: getattr(log, name) for name in _HEAD}}]
    sound: list[Samples] = []
    at = 0
    for arrival in log.arrivals:
        event = arrival.event
        line: dict[str, Any] = {"t_s": arrival.at_s, "event": type(event).__name__}
        if isinstance(event, Delta):
            sound.append(event.audio)
            lines.append({**line, "item": event.item, "first": at, "n_samples": len(event.audio)})
            at += len(event.audio)
        else:
            lines.append({**line, **{name: getattr(event, name) for name in type(event).__dataclass_fields__}})
    samples = np.concatenate([*sound, np.zeros(1, np.float32)])  # never empty: no format of sound files is
    return CallLog(tuple(lines), Audio(samples, log.rate_model))


def from_stored(stored: CallLog) -> SessionLog:
    """The log that was kept.

    Raises:
        ValueError: It is no log of this version; says why.
    """
    head = stored.lines[0] if stored.lines else {}
    if head.get("log") != VERSION or not all(name in head for name in _HEAD):
        raise ValueError(f"the first line is not that of a log of version {VERSION}")
    log = SessionLog(**{name: head[name] for name in _HEAD})
    for number, line in enumerate(stored.lines[1:], start=2):
        facts = {key: value for key, value in line.items() if key not in ("t_s", "event")}
        kind: Any = _KINDS.get(str(line.get("event")))
        try:
            if kind is Delta:
                first, n = int(facts["first"]), int(facts["n_samples"])
                if not 0 <= first <= first + n <= len(stored.sound.samples):
                    raise ValueError("a piece of sound that is not there")
                event: Incoming = Delta(str(facts["item"]), stored.sound.samples[first : first + n])
            elif kind is not None:
                event = kind(**facts)
            else:
                raise ValueError(f"an event '{line.get('event')}' that is not known")
            log.arrivals.append(Arrival(float(line["t_s"]), event))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"line {number}: {error}") from None
    return log


def plain(event: Incoming) -> Incoming:
    """An event that any file can hold, without half characters and without NaN or infinity, both of which servers send.

    Raises:
        CallError: It is none of the kinds that there are, or what it counts is no count.
    """
    kind: Any = type(event)
    if kind not in _KINDS.values():
        raise CallError("contract", f"events() gave {kind.__name__}, expected one of {', '.join(sorted(_KINDS))}")
    if isinstance(event, Delta):
        return Delta(_plain(event.item), event.audio)
    if isinstance(event, Usage):
        return _usage(event)
    if isinstance(event, (Text, Caution)) and not all(isinstance(getattr(event, name), str) for name in event.__slots__):
        raise CallError("contract", f"events() gave a {kind.__name__} that is no text: {str(event)[:80]}")
    made: Incoming = kind(**{name: _plain(getattr(event, name)) for name in kind.__dataclass_fields__})
    return made


def _usage(usage: Usage) -> Usage:
    """Counts and a cost that can be added up. Raises CallError where they cannot."""
    try:
        counts = {str(name): operator.index(count) for name, count in usage.counts.items()}
        cost = None if usage.cost is None else float(usage.cost)
    except (TypeError, ValueError, AttributeError):
        counts, cost = {"": -1}, None
    if min(counts.values(), default=0) < 0 or not (cost is None or 0 <= cost < math.inf):
        raise CallError("contract", f"events() gave a Usage that cannot be added up: {str(usage)[:80]}")
    return Usage({_plain(name): count for name, count in counts.items()}, cost)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_plain(str(name)): _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value if isinstance(value, (bool, int, type(None))) else str(value)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a call took, and how well it was held.

    Attributes:
        minutes: Of conversation, from its beginning to its end, tries that broke included.
        cost: None where it is not known.
        late_share: Of the user's frames, those that left more than 5 ms late.
        most_late_s: The latest of them.
        round_trip_s: Of the network, the median; None where it could not be measured.
    """

    minutes: float
    cost: float | None
    counts: Mapping[str, int]
    late_share: float
    most_late_s: float
    round_trip_s: float | None
    broken: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        facts = {
            "minutes": round(self.minutes, 4), "cost": self.cost, "usage": dict(self.counts),
            "late_share": round(self.late_share, 5), "most_late_ms": round(self.most_late_s * 1000, 2),
            "round_trip_ms": None if self.round_trip_s is None else round(self.round_trip_s * 1000, 2),
            "broken_tries": list(self.broken),
        }  # fmt: skip
        return {name: value for name, value in facts.items() if value not in (None, {}, [])}


def spent_in(stored: CallLog) -> Spent:
    """What a stored call took."""
    log = from_stored(stored)
    usage, late = log.usage, log.late_s or [0.0]
    counts = Counter(usage.counts)
    for each in log.broken:
        counts.update(each["usage"])
    costs = [cost for cost in (usage.cost, *(each["cost"] for each in log.broken)) if cost is not None]
    return Spent(
        minutes=log.end_s / 60 + sum(each["minutes"] for each in log.broken),
        cost=sum(costs) if costs else None,
        counts=dict(counts),
        late_share=sum(each > LATE_S for each in late) / len(late),
        most_late_s=max(late),
        round_trip_s=float(np.median(log.round_trips_s)) if log.round_trips_s else None,
        broken=tuple(each["why"] for each in log.broken),
    )


def spent_by(outcome: Recording | FailedCall) -> Spent | None:
    """What a call took on both its sides; None where neither lives on the wall clock."""
    sides = [spent_in(log) for log in (outcome.log, outcome.user_log) if log is not None]
    if len(sides) < 2:
        return sides[0] if sides else None
    model, user = sides
    costs = [each.cost for each in sides if each.cost is not None]
    return replace(
        model,
        minutes=max(model.minutes, user.minutes),
        cost=sum(costs) if costs else None,
        counts=Counter(model.counts) + Counter(user.counts),
    )


_HEAD: Final = (
    "rate_user", "rate_model", "lead_in_s", "prompt_s", "end_s", "sent_s", "late_s", "round_trips_s", "truncations", "broken",
)  # fmt: skip
_KINDS: Final = {kind.__name__: kind for kind in (Caution, Closed, Decided, Delta, Done, Flush, Note, Speech, Text, Usage)}
