"""``fdbench.score``: one conversation, as two arrays or two files, to numbers.

::

    user   |------|....|-----------|..........................     turn_end at 3.4 s
    model  ....................................|-------------|     the same clock: both begin at t = 0
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeAlias, Union

import numpy as np

from fdbench import __version__
from fdbench.core.annotation import Annotations, Channel, Request, SpeechRequest, WordsRequest
from fdbench.core.behaviour import BEHAVIOURS, Behaviour
from fdbench.core.conversation import Sample
from fdbench.core.event import EVENT_KINDS, Event
from fdbench.core.metric import PROTOCOLS, PUBLISHED
from fdbench.core.score import Score
from fdbench.core.signature import signature
from fdbench.core.sound import Audio, Track
from fdbench.core.span import Span
from fdbench.core.speech import Transcript, Word
from fdbench.core.take_id import MAIN
from fdbench.errors import DataError, UsageError, unknown_name
from fdbench.hear.engines import GIVEN, NONE
from fdbench.hear.stage import Annotator, Engines
from fdbench.io.wav import read_audio
from fdbench.scoring.base import NO_JUDGE
from fdbench.scoring.registry import scorer_for
from fdbench.task.load import task_specs

Sound: TypeAlias = Union[np.ndarray, str, Path]  # noqa: UP007 - evaluated at run time on Python 3.10
"""Mono samples of shape ``(n,)`` at full scale 1.0 (integers: of their type's full scale), or a file of such."""
EventLike: TypeAlias = Union[Event, tuple[str, float], tuple[str, float, float]]  # noqa: UP007
WordLike: TypeAlias = Union[Word, tuple[str, float, float]]  # noqa: UP007

_WITHOUT_WORDS: Final = "no recogniser: a reply shorter than 1.0 s counts as a backchannel, however many words are in it"
_ARRAYS: Final = (
    "pass mono arrays of shape (n,), for a stereo recording the two channels: fdbench.score(sound[:, 0], sound[:, 1], rate)"
)


@dataclass(frozen=True, slots=True)
class ClipScores(Mapping[str, Score]):
    """The scores of one conversation by metric; ``print`` shows one a line.

    Attributes:
        signatures: By metric, how its number was made.
        notes: What a reader has to know about them.
    """

    scores: Mapping[str, Score]
    signatures: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def __getitem__(self, metric: str) -> Score:
        return self.scores[metric]

    def __iter__(self) -> Iterator[str]:
        return iter(self.scores)

    def __len__(self) -> int:
        return len(self.scores)

    def __str__(self) -> str:
        lines = [f"{name:32} {_shown(score)}" for name, score in self.scores.items()]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def score(
    user: Sound,
    model: Sound,
    sample_rate: int | None = None,
    task: str = "turn_taking",
    events: Sequence[EventLike] = (),
    words: Sequence[WordLike] | None = None,
    asr: str | None = None,
    protocol: str = "fdbench",
    human_timing: Sequence[float] = (),
) -> ClipScores:
    """Score one conversation.

    Args:
        user: What the user says, the whole prompt; t = 0 is its first sample.
        model: What the model says, on the same clock; a recording that goes on after the prompt is heard to its end.
        sample_rate: Of the arrays, Hz; files say their own.
        task: A behaviour (``turn_taking``) or a task's name (``mini/turn_taking``), which has the same metrics.
        events: What happens in the prompt, as ``Event`` or ``(kind, start_s[, end_s])``: ``turn_end``, ``pause``, ``context``,
            ``interruption``.
        words: The model's words with times in s, as ``Word`` or ``(text, start_s, end_s)``; then nobody recognises any.
        asr: Who recognises the model's words: ``none`` (the default: speech alone decides, which the signature says),
            ``sphinx``, ``whisper[:SIZE]``.
        protocol: ``fdbench``, or ``fdb-2026-05`` and ``fdb-2026-02``, which decide by words and need some.
        human_timing: For backchannels: people's distribution over the prompt, one number per 0.2 s.

    Returns:
        The score of each metric by its name; one that could not be measured has a status and a reason instead of a value.

    Raises:
        FdbenchError: The sound is not mono, empty or not finite, an event is unknown, missing or beyond the audio, ...

    Example:
        >>> import numpy as np, fdbench
        >>> silence = np.zeros(16000, np.float32)
        >>> scores = fdbench.score(silence, silence, 16000, task="turn_taking", events=[("turn_end", 0.8)])
        >>> scores["takeover_rate"].status, scores["takeover_rate"].reason
        ('error', 'user_speech_unknown')
    """
    behaviour = _behaviour_of(task)
    if protocol not in PROTOCOLS:
        raise unknown_name("protocol", protocol, PROTOCOLS)
    engine = _engine_of(asr, words, protocol)
    heard, said = _audio_of("user", user, sample_rate), _audio_of("model", model, sample_rate)
    sample = Sample("clip", task, {}, _events_of(events, behaviour, heard.duration_s), human_timing=tuple(human_timing))
    scorer = scorer_for(behaviour.name, protocol)
    requests = scorer.needs(sample, {MAIN: heard.duration_s}).get(MAIN, ())
    take = _ClipAudio(behaviour.name, heard, said)
    annotations = _annotations(take, requests, engine, words)
    found = scorer.score(sample, {MAIN: annotations}, NO_JUDGE)
    facts = {"task": task, "protocol": protocol, "scorer": scorer.version, **_annotator(engine).engines.signature_facts()}
    made_by = {**facts, "asr": engine, "clock": GIVEN, "fdbench": __version__}
    return ClipScores(
        {each.metric: each for each in found},
        {each.metric: signature(each.metric, made_by) for each in found},
        (*((_WITHOUT_WORDS,) if engine == NONE else ()), *annotations.messages),
    )


def _behaviour_of(task: str) -> Behaviour:
    if task in BEHAVIOURS:
        return BEHAVIOURS[task]
    specs = task_specs() if "/" in task else {}
    if task not in specs:
        raise unknown_name("task", task, [*BEHAVIOURS, *specs])
    return BEHAVIOURS[specs[task].behaviour]


def _engine_of(asr: str | None, words: Sequence[WordLike] | None, protocol: str) -> str:
    if words is not None:
        if asr not in (None, GIVEN):
            raise UsageError(f"asr='{asr}' and words: both say what the model said", "leave one of them out")
        return GIVEN
    if asr in (None, NONE) and protocol in PUBLISHED:
        raise UsageError(
            f"protocol '{protocol}' decides by words, and there are none", "give words=, or asr='sphinx' or 'whisper'"
        )
    return asr or NONE


def _audio_of(name: str, sound: Sound, sample_rate: int | None) -> Audio:
    if isinstance(sound, str | Path):
        return read_audio(Path(sound))
    if sample_rate is None or sample_rate <= 0:
        raise UsageError(f"sample_rate={sample_rate}: expected the rate of the arrays in Hz", "for example sample_rate=24000")
    samples = np.asarray(sound)
    if samples.ndim != 1:
        raise DataError(f"{name}: expected mono samples of shape (n,), found shape {samples.shape}", _ARRAYS)
    if len(samples) == 0:
        raise DataError(f"{name}: expected samples, found an empty array", "there is nothing to score in it")
    if samples.dtype.kind == "i":
        samples = samples / np.float32(-float(np.iinfo(samples.dtype).min))
    elif samples.dtype.kind != "f":
        raise DataError(f"{name}: expected floats or signed integers, found {samples.dtype}", _ARRAYS)
    if not np.isfinite(samples).all():
        raise DataError(f"{name}: {int((~np.isfinite(samples)).sum())} samples are not finite", "NaN and infinity are no sound")
    return Audio(np.ascontiguousarray(samples, np.float32), sample_rate)


def _events_of(events: Sequence[EventLike], behaviour: Behaviour, prompt_s: float) -> tuple[Event, ...]:
    found = tuple(sorted((_event_of(event, prompt_s) for event in events), key=lambda event: event.span))
    for kind in behaviour.needed_events:
        if kind not in {event.kind for event in found}:
            raise UsageError(
                f"{behaviour.name} needs an event '{kind}', found {_kinds(found)}", f"add events=[('{kind}', START_S)]"
            )
    return found


def _event_of(given: EventLike, prompt_s: float) -> Event:
    if isinstance(given, Event):
        event = given
    else:
        try:
            kind, start_s, end_s = (*given, given[1])[:3]
            event = Event(str(kind), Span(float(start_s), float(end_s)))
        except (TypeError, ValueError, IndexError) as error:
            raise UsageError(f"event {given!r}: {error}", "write (kind, start_s) or (kind, start_s, end_s)") from None
    if event.kind not in EVENT_KINDS:
        raise unknown_name("event", event.kind, EVENT_KINDS)
    if event.span.start_s < 0 or event.span.end_s > prompt_s + 1e-6:
        at = f"{event.span.start_s:g} to {event.span.end_s:g} s"
        raise DataError(
            f"event '{event.kind}' at {at}: the user's audio is {prompt_s:g} s long",
            "give times in seconds from the first sample, not in milliseconds or samples",
        )
    return event


def _kinds(events: Sequence[Event]) -> str:
    return ", ".join(sorted({event.kind for event in events})) or "none"


@dataclass(frozen=True, slots=True)
class _ClipAudio:
    """Both sides of the conversation, as hearing wants them."""

    behaviour: str
    user: Audio
    model: Audio
    folder: Path | None = None

    def digest(self, channel: Channel) -> str:
        return channel

    def load(self, channel: Channel) -> Track:
        return Track(self.user if channel == "user" else self.model)


def _annotations(take: _ClipAudio, requests: Sequence[Request], engine: str, words: Sequence[WordLike] | None) -> Annotations:
    asked = [request for request in requests if words is None or isinstance(request, SpeechRequest)]
    found = _annotator(engine).annotate(take, asked)
    said = dict(found.words)
    for request in requests:
        if isinstance(request, WordsRequest) and words is not None:
            said[request] = Transcript(_words_in(words, request.span, take.model.duration_s), GIVEN)
    return Annotations(
        prompt_s=take.user.duration_s,
        recorded_s=take.model.duration_s,
        speech=found.speech,
        words=said,
        missing=found.missing,
        messages=found.messages,
    )


@lru_cache(maxsize=4)
def _annotator(engine: str) -> Annotator:
    """Weights are loaded once: a reward is asked for thousands of times."""
    return Annotator(Engines(NONE if engine == GIVEN else engine), None)


def _words_in(words: Sequence[WordLike], span: Span | None, model_s: float) -> tuple[Word, ...]:
    """The words in the order given; of a part of the recording, those whose middle lies in it."""
    found = tuple(word if isinstance(word, Word) else Word(*word) for word in words)
    for word in found:
        if word.span is None or word.span.start_s < 0 or word.span.end_s > model_s + 1e-6:
            raise DataError(
                f"word '{word.text}' at {word.start_s} to {word.end_s} s: the model's audio is {model_s:g} s long",
                "give times in seconds from the first sample of the prompt",
            )
    return tuple(word for word in found if span is None or (word.span is not None and span.contains(word.span.middle_s)))


def _shown(score: Score) -> str:
    return f"{score.value:.4g}" if score.value is not None else f"- {score.status}: {score.reason}"
