"""The names of everything that can be measured, of every reason for which it was not, and who measures what.

Closed tables: a metric, a reason or a scorer that is not here does not exist. Nothing heavy is imported: scorers are
named as text and imported when one is asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from fdbench.core.score import Score, Status
from fdbench.errors import unknown_name

if TYPE_CHECKING:
    from fdbench.scoring.base import Scorer

TEXT, DECIDED, YIELDED = "text", "decided", "yielded"
"""Kinds of events, as in ``fdbench.core.conversation``, which loads numpy."""

PROTOCOLS: Final = ("fdb-2026-05", "fdb-2026-02", "fdbench")
"""Scoring protocols; one name never means two formulas."""

PUBLISHED: Final = ("fdb-2026-05", "fdb-2026-02")
"""The protocols that reproduce the published scripts, defects included."""

CORRECTED: Final = ("fdbench",)
"""The protocols that measure what the metric is meant to measure."""

PAUSE_HANDLING: Final = "pause_handling"
TURN_TAKING: Final = "turn_taking"
BACKCHANNEL: Final = "backchannel"
USER_INTERRUPTION: Final = "user_interruption"
BEHAVIOURS: Final = (PAUSE_HANDLING, TURN_TAKING, BACKCHANNEL, USER_INTERRUPTION)


@dataclass(frozen=True, slots=True)
class Metric:
    """Something that is measured.

    Attributes:
        name: Its name in files, tables and signatures; a quantity in seconds ends in ``_s``.
        unit: ``s``, ``Hz``, ``nat``, ``0-5``, ``WER``; ``rate`` is a share of samples in [0, 1].
        higher_is_better: None where it depends on the behaviour (see ``direction``) or on neither being better.
        protocols: Under which it exists.
        sentence: What it says, for ``fdbench list metrics``.
    """

    name: str
    unit: str
    higher_is_better: bool | None
    protocols: tuple[str, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why there is no value.

    Attributes:
        key: What ``Score.reason`` holds.
        status: ``not_applicable``, ``censored`` or ``error``: each reason belongs to one.
        sentence: For a person.
    """

    key: str
    status: Status
    sentence: str


_METRICS: Final = (
    Metric(
        "takeover_rate",
        "rate",
        None,
        PROTOCOLS,
        "share of samples in which the model takes the turn: wanted after a turn and an interruption, not in a pause "
        "or while it should only backchannel",
    ),
    Metric(
        "response_latency_s",
        "s",
        False,
        PROTOCOLS,
        "from the end of the user's turn (or interruption) to the onset of the reply; fdb-*: mean of values clipped at 0; "
        "fdbench: signed, the median with replies that never came treated as right-censored",
    ),
    Metric(
        "early_start_rate",
        "rate",
        False,
        CORRECTED,
        "share of samples in which the model takes the turn before the search for a reply starts (before the user's last "
        "utterance; pause handling: before the first pause)",
    ),
    Metric(
        "no_response_rate",
        "rate",
        False,
        CORRECTED,
        "share of samples in which no reply begins before the recording ends",
    ),
    Metric(
        "stop_latency_s",
        "s",
        False,
        CORRECTED,
        "from the beginning of the interruption to the end of the stretch of model speech that was going on (median)",
    ),
    Metric(
        "talked_through_rate",
        "rate",
        False,
        CORRECTED,
        "share of interruptions of a speaking model in which it leaves no gap of 0.5 s until 1.0 s after the interruption",
    ),
    Metric(
        "not_exercised_rate",
        "rate",
        None,
        CORRECTED,
        "share of samples in which the model was not speaking when the interruption began, so that nothing was interrupted",
    ),
    Metric(
        "response_latency_not_exercised_s",
        "s",
        False,
        CORRECTED,
        "response latency where the model was not speaking when the interruption began: an ordinary reply, kept apart (median)",
    ),
    Metric(
        "relevance",
        "0-5",
        True,
        PROTOCOLS,
        "a judge's rating of how related the reply is to the interrupting turn, over samples with a takeover",
    ),
    Metric(
        "backchannel_frequency_hz",
        "Hz",
        True,
        PROTOCOLS,
        "backchannels per second of clip; fdb-*: mean over clips; fdbench: all backchannels over all seconds",
    ),
    Metric(
        "backchannel_js_distance",
        "sqrt(nat)",
        False,
        PUBLISHED,
        "Jensen-Shannon distance between the model's and the human backchannel timing, 1 for a clip without backchannel",
    ),
    Metric(
        "backchannel_f1",
        "F1",
        True,
        CORRECTED,
        "backchannels matched one to one to human peaks within 1.0 s: F1 over all clips",
    ),
    Metric(
        "backchannel_f1_above_chance",
        "F1",
        True,
        CORRECTED,
        "backchannel F1 minus the mean F1 of as many backchannels placed uniformly inside the user's speech",
    ),
    Metric(
        "backchannel_js_divergence",
        "nat",
        False,
        CORRECTED,
        "Jensen-Shannon divergence between the model's and the human backchannel timing, over clips with a backchannel",
    ),
    Metric(
        "decided_latency_s",
        "s",
        False,
        CORRECTED,
        "the same replies as response_latency_s by another clock: until the server decided to speak (median)",
    ),
    Metric(
        "arrived_latency_s",
        "s",
        False,
        CORRECTED,
        "the same replies as response_latency_s by another clock: until the first of their audio arrived (median)",
    ),
    Metric(
        "yield_latency_s",
        "s",
        False,
        CORRECTED,
        "from the beginning of the interruption until the server decided to give way; stop_latency_s says when it fell "
        "silent (median)",
    ),
    Metric(
        "own_text_wer",
        "WER",
        False,
        CORRECTED,
        "diagnostic, for models that write a text while they speak: word error rate of what is heard in their audio against "
        "it, all errors over all words written; high where the audio is broken",
    ),
)

METRICS: Final[Mapping[str, Metric]] = {metric.name: metric for metric in _METRICS}

_REASONS: Final = (
    Reason("no_takeover", "not_applicable", "the model did not take the turn, so there is no reply to measure or to rate"),
    Reason("no_judge", "not_applicable", "no judge rated the reply"),
    Reason("no_human_timing", "not_applicable", "the data has no human backchannel timing for this clip"),
    Reason("no_human_peaks", "not_applicable", "the clip's human backchannel timing has no peak to match"),
    Reason("no_backchannel", "not_applicable", "the model gave no backchannel, so it has no timing to compare"),
    Reason("not_exercised", "not_applicable", "the model was not speaking when the interruption began"),
    Reason("exercised", "not_applicable", "the model was speaking when the interruption began: see response_latency_s"),
    Reason("talked_through", "not_applicable", "the model kept talking through the interruption"),
    Reason("not_told", "not_applicable", "the server did not say when it decided on this reply"),
    Reason("not_yielded", "not_applicable", "the server did not say that it gave way to the interruption"),
    Reason("no_own_text", "not_applicable", "the model wrote no word of its own to compare its audio with"),
    Reason("no_reply", "censored", "no reply had begun when the recording ended"),
    Reason("audio_missing", "error", "there is no recording of the model"),
    Reason("audio_unreadable", "error", "the recording cannot be read"),
    Reason("audio_empty", "error", "the recording has no length"),
    Reason("transcript_missing", "error", "there is no transcript of the model"),
    Reason("transcript_unreadable", "error", "the transcript cannot be read"),
    Reason("transcript_incomplete", "error", "only the transcript after the interruption is there, the whole one is needed"),
    Reason("segments_missing", "error", "there are no speech segments and no audio to detect them in"),
    Reason("segments_unreadable", "error", "the speech segments cannot be read"),
    Reason("null_time", "error", "a word that decides has no time (the published script crashes here)"),
    Reason("no_turn_end", "error", "the annotation does not say where the user's turn ends"),
    Reason("no_pause_annotation", "error", "the annotation does not say where the user pauses"),
    Reason("no_interruption", "error", "the annotation does not say when the user interrupts"),
    Reason("user_speech_unknown", "error", "there is neither a prompt to detect the user's speech in nor a transcript of it"),
    Reason("bad_annotation", "error", "the annotation contradicts itself or cannot be read"),
    Reason("interruption_text_missing", "error", "the data does not say what the user said when interrupting"),
    Reason("judge_failed", "error", "the judge could not be asked"),
    Reason("rating_missing", "error", "the judge gave no rating for this reply"),
    Reason("rating_unreadable", "error", "the judge's rating cannot be read"),
    Reason("rating_out_of_range", "error", "the judge's rating is not a number from 0 to 5"),
    Reason("call_failed", "error", "the call did not yield a recording"),
    Reason("annotator_crashed", "error", "the detector or recogniser crashed on this recording"),
)

REASONS: Final[Mapping[str, Reason]] = {reason.key: reason for reason in _REASONS}

_SCORERS: Final[Mapping[tuple[str, str], str]] = {
    (PAUSE_HANDLING, "fdb-2026-05"): "fdbench.scoring.pause:PublishedPause",
    (PAUSE_HANDLING, "fdb-2026-02"): "fdbench.scoring.pause:PublishedPause",
    (PAUSE_HANDLING, "fdbench"): "fdbench.scoring.pause:Pause",
    (TURN_TAKING, "fdb-2026-05"): "fdbench.scoring.turn:PublishedTurn",
    (TURN_TAKING, "fdb-2026-02"): "fdbench.scoring.turn:PublishedTurn",
    (TURN_TAKING, "fdbench"): "fdbench.scoring.turn:Turn",
    (BACKCHANNEL, "fdb-2026-05"): "fdbench.scoring.backchannel_published:PublishedBackchannel",
    (BACKCHANNEL, "fdb-2026-02"): "fdbench.scoring.backchannel_published:PublishedBackchannelBeforeFix",
    (BACKCHANNEL, "fdbench"): "fdbench.scoring.backchannel:Backchannel",
    (USER_INTERRUPTION, "fdb-2026-05"): "fdbench.scoring.interruption_published:PublishedInterruption",
    (USER_INTERRUPTION, "fdb-2026-02"): "fdbench.scoring.interruption_published:PublishedInterruption",
    (USER_INTERRUPTION, "fdbench"): "fdbench.scoring.interruption:Interruption",
}

_DIAGNOSTICS: Final[Mapping[str, tuple[tuple[str, str, tuple[str, ...]], ...]]] = {
    "fdbench": (
        (TEXT, "fdbench.scoring.own_text:OwnText", BEHAVIOURS),
        (DECIDED, "fdbench.scoring.clocks:ReplyClocks", (TURN_TAKING, USER_INTERRUPTION)),
        (YIELDED, "fdbench.scoring.clocks:Yield", (USER_INTERRUPTION,)),
    )
}
"""By protocol, what is measured beside a behaviour where the model tells something about itself: what, by whom, for which."""

_TAKEOVER_IS_WANTED: Final[Mapping[str, bool]] = {
    PAUSE_HANDLING: False,
    TURN_TAKING: True,
    BACKCHANNEL: False,
    USER_INTERRUPTION: True,
}


def scorer_for(behaviour: str, protocol: str) -> Scorer:
    """The scorer of one behaviour under one protocol.

    Raises:
        UsageError: There is no such behaviour or protocol.
    """
    if behaviour not in BEHAVIOURS:
        raise unknown_name("behaviour", behaviour, BEHAVIOURS)
    if protocol not in PROTOCOLS:
        raise unknown_name("protocol", protocol, PROTOCOLS)
    return _made(_SCORERS[behaviour, protocol])


def scorers_for(behaviour: str, protocol: str, *, tells: Collection[str]) -> tuple[Scorer, ...]:
    """The behaviour's scorer, and behind it those of diagnostics.

    Args:
        tells: Kinds of what the model tells about itself; without any there is nothing to diagnose.

    Raises:
        UsageError: There is no such behaviour or protocol.
    """
    own = scorer_for(behaviour, protocol)
    beside = (name for kind, name, where in _DIAGNOSTICS.get(protocol, ()) if kind in tells and behaviour in where)
    return (own, *map(_made, beside))


def _made(named: str) -> Scorer:
    module, _, name = named.partition(":")
    return cast("Scorer", getattr(importlib.import_module(module), name)())


def direction(metric: str, behaviour: str = "") -> bool | None:
    """Whether higher is better for this behaviour; None where neither is, or where the behaviour is not given.

    Raises:
        UsageError: There is no such metric, or no such behaviour.
    """
    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    if behaviour and behaviour not in BEHAVIOURS:
        raise unknown_name("behaviour", behaviour, BEHAVIOURS)
    if metric == "takeover_rate":
        return _TAKEOVER_IS_WANTED.get(behaviour)
    return METRICS[metric].higher_is_better


def none_score(metric: str, reason: str, **components: float) -> Score:
    """A score without a value; the reason determines its status.

    Raises:
        UsageError: The reason is not registered.
    """
    if reason not in REASONS:
        raise unknown_name("reason", reason, REASONS)
    return Score(metric, None, REASONS[reason].status, reason, components)
