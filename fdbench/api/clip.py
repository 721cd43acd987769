"""``fdbench.score``: one conversation, or a pair of them, as arrays or files, to numbers.

::

    user   |------|....|-----------|..........................     turn_end at 3.4 s
    model  ....................................|-------------|     the same clock: both begin at t = 0
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from fdbench import __version__
from fdbench.api.given import EventLike, Sound, WordLike, audio_of, behaviour_of, events_of, human_timing_of, words_of
from fdbench.call.evidence import examine
from fdbench.core.absence import Absence
from fdbench.core.annotation import Annotations, Channel, Request, SpeechRequest, WordsRequest
from fdbench.core.behaviour import Behaviour
from fdbench.core.conversation import Sample
from fdbench.core.metric import PROTOCOLS, PUBLISHED
from fdbench.core.plausible import check_words
from fdbench.core.score import Score
from fdbench.core.signature import signature
from fdbench.core.sound import Audio, Track
from fdbench.core.span import Span
from fdbench.core.speech import Transcript, Word
from fdbench.core.take_id import MAIN, TWIN
from fdbench.errors import UsageError, unknown_name
from fdbench.hear.engines import GIVEN, NONE
from fdbench.hear.stage import Annotator, Engines
from fdbench.scoring.base import NO_JUDGE
from fdbench.scoring.registry import scorer_for

Twin: TypeAlias = "tuple[Sound, Sound] | tuple[Sound, Sound, Sequence[WordLike]]"
_WITHOUT_WORDS: Final = "no recogniser: a reply shorter than 1.0 s counts as a backchannel, whatever is said in it"


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
    twin: Twin | None = None,
) -> ClipScores:
    """Score one conversation. Not for several threads at once, which would share a recogniser; processes have their own.

    Args:
        user: What the user says, the whole prompt; t = 0 is its first sample.
        model: What the model says, on the same clock; a recording that goes on after the prompt is heard to its end.
        sample_rate: Of the arrays, Hz; files say their own.
        task: A behaviour (``turn_taking``) or a task's name (``mini/turn_taking``), which has the same metrics.
        events: What happens in the prompt, as ``Event`` or ``(kind, start_s, end_s)``: ``pause``, ``context``,
            ``interruption``, ``overlap``, and ``turn_end``, of which the start is enough.
        words: The model's words with times in s, as ``Word`` or ``(text, start_s, end_s)``; then nobody recognises any.
        asr: Who recognises the model's words: ``none`` (the default: speech alone decides, which the signature says),
            ``faster-whisper``, ``whisper[:SIZE]``, ``sphinx``.
        protocol: ``fdbench``, or ``fdb-2026-05`` and ``fdb-2026-02``, which decide by words and need some.
        human_timing: For backchannels: people's distribution over the prompt, one number per 0.2 s.
        twin: For overlaps: ``(user, model)`` of the call in which nobody speaks over the model, with the model's words in it as
            a third where ``words`` are given; without it, what needs it is ``twin_missing``.

    Returns:
        The score of each metric by its name; one that could not be measured has a status and a reason instead of a value.

    Raises:
        FdbenchError: The sound is not mono, empty or not finite, an event is unknown, missing or beyond the audio, ...

    Example:
        >>> import numpy as np, fdbench
        >>> silence = np.zeros(16000, np.float32)
        >>> scores = fdbench.score(silence, silence, 16000, task="turn_taking", events=[("turn_end", 0.8)])
        >>> scores["takeover_rate"].status, scores["takeover_rate"].reason
        ('not_applicable', 'recording_too_short')
    """
    behaviour = behaviour_of(task)
    if protocol not in PROTOCOLS:
        raise unknown_name("protocol", str(protocol), PROTOCOLS)
    engine = _engine_of(asr, words is not None, protocol)
    calls = {MAIN: _call_of(behaviour, MAIN, (user, model), words, sample_rate)}
    if twin is not None:
        if not isinstance(twin, tuple | list) or len(twin) not in (2, 3):
            raise UsageError(f"twin={twin!r}: expected two sounds", "write twin=(user, model)")
        calls[TWIN] = _call_of(behaviour, TWIN, twin[:2], None if words is None else _words_of_twin(twin), sample_rate)
    prompts = {stimulus: call.audio.user.duration_s for stimulus, call in calls.items()}
    timing = human_timing_of(human_timing, prompts[MAIN])
    sample = Sample("clip", task, {}, events_of(events, behaviour, prompts[MAIN]), human_timing=timing)
    scorer = scorer_for(behaviour.name, protocol)
    needs = scorer.needs(sample, prompts)
    takes = {name: _annotations(call.audio, needs.get(name, ()), engine, call.words) for name, call in calls.items()}
    found = scorer.score(sample, takes, NO_JUDGE)
    facts = {"task": task, "protocol": protocol, "scorer": scorer.version, **_annotator(engine).engines.signature_facts()}
    made_by = {**facts, **({"asr": GIVEN} if engine == GIVEN else {}), "clock": GIVEN, "fdbench": __version__}
    return ClipScores(
        {each.metric: each for each in found},
        {each.metric: signature(each.metric, made_by) for each in found},
        (
            *((_WITHOUT_WORDS,) if engine == NONE else ()),
            *(note for name in calls for note in _notes(calls[name], takes[name])),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Call:
    """One of the calls that are given, with the model's words where these are given, too."""

    audio: _ClipAudio
    words: tuple[Word, ...] | None


def _call_of(
    behaviour: Behaviour, stimulus: str, sides: Sequence[Sound], words: Sequence[WordLike] | None, sample_rate: int | None
) -> _Call:
    if stimulus not in behaviour.stimuli:
        raise UsageError(f"twin: {behaviour.name} has no clean twin", "leave it out")
    names = [name if stimulus == MAIN else f"twin's {name}" for name in ("user", "model")]
    user, model = (audio_of(name, side, sample_rate) for name, side in zip(names, sides, strict=True))
    said = None if words is None else words_of(words, model.duration_s)
    return _Call(_ClipAudio(behaviour.name, user, model, stimulus=stimulus), said)


def _words_of_twin(twin: Sequence[Any]) -> Sequence[WordLike]:
    if len(twin) < 3:
        raise UsageError("words and twin: nothing says what the model said in the twin", "write twin=(user, model, words)")
    words: Sequence[WordLike] = twin[2]
    return words


def _notes(call: _Call, take: Annotations) -> Iterator[str]:
    """What a reader has to know about a call."""
    evidence = examine(call.audio.user, call.audio.model)
    doubts = () if evidence.fault is None else (f"not to be believed: {evidence.fault.what}",)
    for note in (*doubts, *take.messages, *take.notes, *evidence.notes):
        yield note if call.audio.stimulus == MAIN else f"twin: {note}"


def _engine_of(asr: str | None, has_words: bool, protocol: str) -> str:
    if has_words:
        if asr not in (None, GIVEN):
            raise UsageError(f"asr='{asr}' and words: both say what the model said", "leave one of them out")
        return GIVEN
    if asr == GIVEN:
        raise UsageError("asr='given': no words are given", "give words=[('yes', 3.8, 4.0)], or name a recogniser")
    if asr in (None, NONE) and protocol in PUBLISHED:
        raise UsageError(
            f"protocol '{protocol}' decides by words, and there are none", "give words=, or asr='sphinx' or 'whisper'"
        )
    return NONE if asr is None else str(asr)


@dataclass(frozen=True, slots=True)
class _ClipAudio:
    """Both sides of the conversation, as hearing wants them."""

    behaviour: str
    user: Audio
    model: Audio
    folder: Path | None = None
    stimulus: str = MAIN

    def digest(self, channel: Channel) -> str:
        return channel

    def load(self, channel: Channel) -> Track:
        return Track(self.user if channel == "user" else self.model)


def _annotations(take: _ClipAudio, requests: Sequence[Request], engine: str, words: Sequence[Word] | None) -> Annotations:
    # No judge is asked here, who alone wants the user's words.
    requests = [each for each in requests if not (isinstance(each, WordsRequest) and each.channel == "user")]
    asked = [request for request in requests if words is None or isinstance(request, SpeechRequest)]
    found = _annotator(engine).annotate(take, asked)
    said = dict(found.words)
    notes: tuple[str, ...] = ()
    for request in requests:
        if isinstance(request, WordsRequest) and words is not None:
            part = _words_in(words, request.span)
            believed = check_words(part, take.model.duration_s)
            said[request] = Transcript(part, GIVEN, believed=believed if isinstance(believed, Absence) else believed.words)
            notes += (believed.message,) if isinstance(believed, Absence) else tuple(f"words: {n}" for n in believed.notes)
    return Annotations(
        prompt_s=take.user.duration_s,
        recorded_s=take.model.duration_s,
        speech=found.speech,
        words=said,
        prosody=found.prosody,
        missing=found.missing,
        messages=found.messages,
        notes=tuple(dict.fromkeys(notes)),
    )


@lru_cache(maxsize=4)
def _annotator(engine: str) -> Annotator:
    """Weights are loaded once: a reward is asked for thousands of times."""
    return Annotator(Engines(NONE if engine == GIVEN else engine), None)


def _words_in(words: Sequence[Word], span: Span | None) -> tuple[Word, ...]:
    """Of a part of the recording, the words whose middle lies in it."""
    return tuple(word for word in words if span is None or (word.span is not None and span.contains(word.span.middle_s)))


def _shown(score: Score) -> str:
    return f"{score.value:.4g}" if score.value is not None else f"- {score.status}: {score.reason}"
