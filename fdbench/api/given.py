"""What somebody hands to ``fdbench.score``, made into values of ours; what makes no sense is refused in two lines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias, Union

import numpy as np

from fdbench.core.behaviour import BEHAVIOURS, Behaviour
from fdbench.core.event import EVENT_KINDS, TURN_END, Event
from fdbench.core.peaks import WINDOW_S
from fdbench.core.sound import Audio
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.errors import DataError, UsageError, unknown_name
from fdbench.io.wav import believed, read_audio
from fdbench.task.load import task_specs

Sound: TypeAlias = Union[np.ndarray, Sequence[float], str, Path]  # noqa: UP007 - evaluated at run time on Python 3.10
"""Mono samples of shape ``(n,)`` at full scale 1.0 (int8, int16, int32: of their type's), or a file of such."""
EventLike: TypeAlias = Union[Event, tuple[str, float], tuple[str, float, float]]  # noqa: UP007
WordLike: TypeAlias = Union[Word, tuple[str, float, float]]  # noqa: UP007

MIN_RATE_HZ: Final = 4_000
MAX_RATE_HZ: Final = 768_000
_TOLERANCE_S: Final = 1e-6
_CHANNELS: Final = "pass one channel each, of a stereo recording fdbench.score(sound[:, 0], sound[:, 1], rate)"
_SECONDS: Final = "give times in seconds from the first sample, not in milliseconds or samples"


def behaviour_of(task: str) -> Behaviour:
    """The behaviour that a task, or a behaviour's own name, is about."""
    if task in BEHAVIOURS:
        return BEHAVIOURS[task]
    specs = task_specs() if "/" in str(task) else {}
    if task not in specs:
        raise unknown_name("task", str(task), [*BEHAVIOURS, *specs])
    return BEHAVIOURS[specs[task].behaviour]


def audio_of(name: str, sound: Sound, sample_rate: int | None) -> Audio:
    """An array, or a file, as mono audio."""
    if isinstance(sound, str | Path):
        audio = read_audio(Path(sound))
        if sample_rate not in (None, audio.sample_rate):
            raise UsageError(
                f"{name}: sample_rate={sample_rate}, and {sound} says {audio.sample_rate} Hz", "leave it out for files"
            )
        return audio
    rate = _rate(sample_rate)
    try:
        samples = np.asarray(sound)
    except ValueError:  # rows of unequal length
        raise DataError(f"{name}: expected mono samples of shape (n,)", _CHANNELS) from None
    if samples.ndim != 1:
        raise DataError(f"{name}: expected mono samples of shape (n,), found shape {samples.shape}", _CHANNELS)
    if len(samples) == 0:
        raise DataError(f"{name}: expected samples, found an empty array", "there is nothing to score in it")
    if samples.dtype in (np.int8, np.int16, np.int32):
        samples = samples / np.float32(-float(np.iinfo(samples.dtype).min))
    elif samples.dtype.kind != "f":
        raise DataError(
            f"{name}: expected floats, int8, int16 or int32, found {samples.dtype}", "keep the type it was recorded in"
        )
    with np.errstate(over="ignore"):
        samples = np.ascontiguousarray(samples, np.float32)
    return believed(Audio(samples, rate), name)


def _rate(sample_rate: Any) -> int:
    try:
        rate = int(sample_rate)
    except (TypeError, ValueError, OverflowError):
        rate = 0
    if rate != sample_rate or not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        expected = f"expected the rate of the arrays in Hz, {MIN_RATE_HZ} to {MAX_RATE_HZ}"
        raise UsageError(f"sample_rate={sample_rate!r}: {expected}", "for example sample_rate=24000")
    return rate


def events_of(events: Iterable[EventLike], behaviour: Behaviour, prompt_s: float) -> tuple[Event, ...]:
    """The events of a prompt in order of time, all that the behaviour needs among them."""
    try:
        found = sorted((event_of(event, prompt_s) for event in events), key=lambda event: event.span)
    except TypeError:
        raise UsageError(f"events={events!r}: expected a list", "write events=[('turn_end', 3.4)]") from None
    kinds = [event.kind for event in found]
    for kind in behaviour.needed_events:
        if kind not in kinds:
            end = "" if kind == TURN_END else ", END_S"
            what = f"{behaviour.name} needs an event '{kind}', found {', '.join(sorted(set(kinds))) or 'none'}"
            raise UsageError(what, f"add events=[('{kind}', START_S{end})]")
    if kinds.count(TURN_END) > 1:
        raise UsageError(f"{kinds.count(TURN_END)} events 'turn_end'", "one conversation has one turn that is to be answered")
    return tuple(found)


def event_of(given: Any, prompt_s: float, kinds: Sequence[str] = EVENT_KINDS) -> Event:
    """One event, of one of the kinds, inside the prompt."""
    form = "write (kind, start_s, end_s); of a turn_end the start is enough"
    try:
        kind, start_s, end_s = _parts(given)
        span = Span(float(start_s), float(end_s))
    except (TypeError, ValueError, IndexError, KeyError, AttributeError) as error:
        raise UsageError(f"event {given!r}: {error}", form) from None
    if kind not in kinds:
        raise unknown_name("event", str(kind), kinds)
    if kind != TURN_END and span.duration_s <= 0:
        raise UsageError(f"event {given!r}: '{kind}' needs an end after its start", form)
    if span.start_s < 0 or span.end_s > prompt_s + _TOLERANCE_S:
        at = f"{span.start_s:g} to {span.end_s:g} s"
        raise DataError(f"event '{kind}' at {at}: the user's audio is {prompt_s:g} s long", _SECONDS)
    return given if isinstance(given, Event) else Event(kind, span)


def _parts(given: Any) -> tuple[str, float, float]:
    if isinstance(given, Event):
        return given.kind, given.span.start_s, given.span.end_s
    if isinstance(given, str) or not 2 <= len(given) <= 3:
        raise ValueError("expected two or three values")
    return given[0], given[1], given[-1]


def words_of(words: Iterable[WordLike], model_s: float) -> tuple[Word, ...]:
    """The model's words in the order given, each with both of its times inside the recording."""
    try:
        return tuple(_word(word, model_s) for word in words)
    except TypeError:
        raise UsageError(f"words={words!r}: expected a list", "write words=[('yes', 3.8, 4.0)]") from None


def _word(given: Any, model_s: float) -> Word:
    try:
        text, start_s, end_s = (given.text, given.start_s, given.end_s) if isinstance(given, Word) else given
        if start_s is None or end_s is None:
            raise ValueError("it has no times")
        if not isinstance(text, str):
            raise ValueError("its text is no text")
        span = Span(float(start_s), float(end_s))
    except (TypeError, ValueError) as error:
        raise UsageError(f"word {given!r}: {error}", "write (text, start_s, end_s)") from None
    if span.start_s < 0 or span.end_s > model_s + _TOLERANCE_S:
        at = f"{span.start_s:g} to {span.end_s:g} s"
        raise DataError(f"word '{text}' at {at}: the model's audio is {model_s:g} s long", _SECONDS)
    return Word(text, span.start_s, span.end_s)


def human_timing_of(human_timing: Iterable[float], prompt_s: float) -> tuple[float, ...]:
    """People's backchannel distribution over the prompt: one number per 0.2 s, or none at all."""
    form = f"give one non-negative number per {WINDOW_S:g} s of the prompt"
    try:
        weights = tuple(float(weight) for weight in human_timing)
    except (TypeError, ValueError):
        raise UsageError("human_timing: expected numbers", form) from None
    if any(not math.isfinite(weight) or weight < 0 for weight in weights):
        raise DataError("human_timing: expected non-negative numbers", form)
    if weights and abs(len(weights) * WINDOW_S - prompt_s) > 2 * WINDOW_S + _TOLERANCE_S:
        covered_s = len(weights) * WINDOW_S
        raise DataError(
            f"human_timing: {len(weights)} numbers cover {covered_s:g} s, the user's audio is {prompt_s:g} s long", form
        )
    return weights
