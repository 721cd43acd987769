"""The names of everything that can be measured, and of the rules by which it is.

Closed tables: a metric or a protocol that is not here does not exist, and whatever else has to be known about one
(its unit, its direction, how it is summed up, its column) is said here and nowhere else. Loads nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from fdbench.core.behaviour import ASKING, BEHAVIOURS, PAIRED, USER_INTERRUPTION
from fdbench.errors import unknown_name

PROTOCOLS: Final = ("fdb-2026-05", "fdb-2026-02", "fdbench")
"""Scoring protocols; one name never means two formulas."""

PUBLISHED: Final = ("fdb-2026-05", "fdb-2026-02")
"""The protocols that reproduce the published scripts, defects included."""

CORRECTED: Final = ("fdbench",)
"""The protocols that measure what the metric is meant to measure."""

Aggregation = Literal["mean", "ratio", "log ratio", "censored median", "paired test", "boundary F1"]


@dataclass(frozen=True, slots=True)
class Metric:
    """Something that is measured: all that is to be known about it. Its place in the table is that of its column.

    Attributes:
        name: Its name in files, tables and signatures; a quantity in seconds ends in ``_s``.
        unit: ``s``, ``Hz``, ``nat``, ``0-5``, ``WER``; ``rate`` is a share of samples in [0, 1].
        higher_is_better: None where it depends on the behaviour (see ``direction``) or on neither being better.
        follows_takeover: Higher is better where a takeover is wanted, and worse elsewhere.
        protocols: Under which it exists.
        sentence: What it says, for ``fdbench list metrics``.
        corrected: How the values of a task are summed up under ``CORRECTED``; the published scripts take the mean.
        details: Statistics beside the value under ``CORRECTED`` (``fdbench.scoring.aggregate`` defines each), in their order.
        published_details: The same under ``PUBLISHED``.
        is_judged: A judge rates it, so that only values by the same judge compare.
        shown_only: Behaviours in which it is never ranked under ``CORRECTED``: it stands beside another, or is conditional on
            what the model did, which then chooses its denominator.
        limit: A row with more than this is shown and not ranked, under ``CORRECTED``.
        gates: The metrics alone that are not ranked then, nor where there is no value; empty = the whole row.
        is_voice: It says how the model's voice changes, and stands in a table of its own.
        is_conversation: It says how turns pass, and stands in the table of a whole family of tasks.
    """

    name: str
    unit: str
    higher_is_better: bool | None
    protocols: tuple[str, ...]
    sentence: str
    corrected: Aggregation = "mean"
    details: tuple[str, ...] = ()
    published_details: tuple[str, ...] = ()
    is_judged: bool = False
    shown_only: tuple[str, ...] = ()
    limit: float | None = None
    gates: tuple[str, ...] = ()
    follows_takeover: bool = False
    is_voice: bool = False
    is_conversation: bool = False

    def aggregation(self, protocol: str) -> Aggregation:
        """How the values of a task are summed up under a protocol."""
        return self.corrected if protocol in CORRECTED or self.is_voice else "mean"


_LATENCY_DETAILS: Final = ("mean", "p90", "median_absolute", "more_than", "share_no_response")
_EVERYWHERE: Final = tuple(BEHAVIOURS)
_UNASKED: Final = tuple(each for each in PAIRED if each not in ASKING)
"""Those in which to stop and to reply is not what is wanted, so that to be quick at it is no merit."""

OVERLAP_KINDS: Final = ("backchannel", "yielded", "held", "terminal", "competitive")
Reference = Literal["before", "clean"]
PAIRED_DETAILS: Final = ("mean_before", "mean_after", "t", "df", "p_t", "cohen_dz", "n_used", "n_dropped")
"""The first two trimmed; the others those of the test."""
_VOICE: Final = (
    ("words_per_minute", "", "1/min", "words per minute"),
    ("speech", "_s", "s", "seconds of speech"),
    ("pitch_mean", "_hz", "Hz", "pitch"),
    ("pitch_std", "_hz", "Hz", "the pitch's standard deviation"),
    ("intensity_mean", "_db", "dB", "intensity"),
    ("intensity_std", "_db", "dB", "the intensity's standard deviation"),
    ("utmos", "", "1-5", "naturalness (UTMOSv2)"),
)
_AGAINST: Final[Mapping[Reference, tuple[str, str]]] = {
    "before": ("_change", "before it"),
    "clean": ("_from_clean", "in the clean twin"),
}
VOICE_METRICS: Final[Mapping[str, tuple[str, Reference]]] = {
    measure + suffix + of_unit: (measure + of_unit, against)
    for measure, of_unit, _, _ in _VOICE
    for against, (suffix, _) in _AGAINST.items()
}
"""What of ``VoiceMeasures`` each compares, and with what."""

HUMAN_DISTANCE: Final = "human_distance_s"

RECALL_WITHIN_S: Final[Mapping[str, float]] = {f"recall_within_{seconds:g}_s": seconds for seconds in (0.5, 1.0, 2.0)}
"""Recalls of turn boundaries, by name: how long after an end an onset is on time."""

_BINS_S: Final = tuple((start_s, start_s + 15) for start_s in range(0, 120, 15))
WINDOWS_S: Final[Mapping[str, tuple[int, int]]] = {
    f"from_{start_s}_to_{end_s}_s": (start_s, end_s) for start_s, end_s in (*_BINS_S, (0, 75))
}
"""The parts of a dialogue for which means of a judge's scores are given, by the name of the detail."""


def _voice_metrics() -> Iterator[Metric]:
    for measure, of_unit, unit, words in _VOICE:
        for suffix, against in _AGAINST.values():
            yield Metric(
                measure + suffix + of_unit,
                unit,
                None,
                PROTOCOLS,
                f"overlap: {words} of the model after the overlap, less {against}, where it responds (paired t-test)",
                corrected="paired test",
                details=PAIRED_DETAILS,
                is_voice=True,
            )


_METRICS: Final = (
    Metric(
        "lost_per_turn_s",
        "s",
        False,
        CORRECTED,
        "the headline: what the user loses per turn by waiting (at most 5 s), by being talked over, and 1 s by each break-in",
        corrected="ratio",
        details=("wait_s", "talked_over_s", "breaks"),
    ),
    Metric(
        "lost_worded_s",
        "s",
        False,
        CORRECTED,
        "lost_per_turn_s with replies of fewer than 3 recognised words not ending the wait: a filler is no answer",
        corrected="ratio",
        details=("wait_s", "talked_over_s", "breaks"),
    ),
    Metric(
        "takeover_rate",
        "rate",
        None,
        PROTOCOLS,
        "share of samples in which the model takes the turn: wanted after a turn and an interruption, not in a pause "
        "or while it should only backchannel; fdbench: a takeover that begins from 0.3 s before the turn's end on, or, in an "
        "interruption, after the model has yielded",
        details=("bursts", "wordless", "short_worded", "untimed_words", "dropped_words"),
        follows_takeover=True,
    ),
    Metric(
        "wanted_rate",
        "rate",
        True,
        CORRECTED,
        "overlap: share of samples in which the model does what is wanted, by rule: it responds where the user interrupts, and "
        "goes on with what it was saying where the user backchannels, talks to somebody else or others talk",
    ),
    Metric(
        "respond_rate",
        "rate",
        None,
        CORRECTED,
        "overlap: share in which the model takes up what was said over it, by rule (C_RESPOND)",
        follows_takeover=True,
        shown_only=_EVERYWHERE,
    ),
    Metric(
        "resume_rate",
        "rate",
        None,
        CORRECTED,
        "overlap: share in which it goes on with what it was saying, by rule (C_RESUME)",
        shown_only=_EVERYWHERE,
    ),
    Metric(
        "uncertain_rate",
        "rate",
        None,
        CORRECTED,
        "overlap: share in which it asks what was meant, by rule (C_UNCERTAIN_HANDLING)",
        shown_only=_EVERYWHERE,
    ),
    Metric(
        "unknown_rate",
        "rate",
        False,
        CORRECTED,
        "overlap: share in which it does none of these or says nothing more, by rule (C_UNKNOWN)",
        shown_only=_EVERYWHERE,
    ),
    Metric(
        "judged_wanted_rate",
        "rate",
        True,
        CORRECTED,
        "overlap: wanted_rate by a judge's labels",
        is_judged=True,
    ),
    *(
        Metric(
            f"judged_{label}_rate",
            "rate",
            None,
            PROTOCOLS,
            f"overlap: share of samples that a judge labels C_{label.upper()}{'_HANDLING' if label == 'uncertain' else ''}",
            is_judged=True,
            follows_takeover=label == "respond",
            shown_only=_EVERYWHERE,
        )
        for label in ("respond", "resume", "uncertain", "unknown")
    ),
    Metric(
        "label_agreement_rate",
        "rate",
        None,
        CORRECTED,
        "overlap: share of samples that the rule and the judge label alike",
        is_judged=True,
        shown_only=_EVERYWHERE,
    ),
    Metric(
        "stop_rate",
        "rate",
        None,
        CORRECTED,
        "overlap: share of samples in which a speaking model falls silent for it, where its clean twin does not: wanted where "
        "the user interrupts and nowhere else",
        follows_takeover=True,
    ),
    Metric(
        "response_latency_s",
        "s",
        False,
        PROTOCOLS,
        "from the end of the user's turn (or interruption) to the onset of the reply; fdb-*: mean of values clipped at 0; "
        "fdbench: signed, the median with replies that never came treated as right-censored, ranked by that of |latency|",
        corrected="censored median",
        details=_LATENCY_DETAILS,
        shown_only=(USER_INTERRUPTION, *_UNASKED),
    ),
    Metric(
        HUMAN_DISTANCE,
        "s",
        False,
        CORRECTED,
        "turn taking: how far the onsets of replies are from people's, as a distribution (Wasserstein's distance; a model that "
        "is 0.5 s late everywhere has 0.5); made of response_latency_s; n people would have floor_s by chance",
    ),
    Metric(
        "content_latency_s",
        "s",
        False,
        CORRECTED,
        "to the first stretch of the reply that is not listed phrases only, so behind a filler (median)",
        corrected="censored median",
        details=_LATENCY_DETAILS,
        shown_only=_EVERYWHERE,
    ),
    Metric(
        "break_in_rate",
        "rate",
        False,
        CORRECTED,
        "share of samples in which the model takes the turn more than 0.3 s before the user's ends (pause handling: before the "
        "first pause), whatever comes later; 10 % of people's transitions in Switchboard are earlier than that",
    ),
    Metric(
        "no_response_rate",
        "rate",
        False,
        CORRECTED,
        "share of samples with neither a takeover from 0.3 s before the turn's end on nor one going on at it (a model that "
        "always talks has 0)",
        shown_only=_EVERYWHERE,
    ),
    Metric(
        "stop_latency_s",
        "s",
        False,
        PROTOCOLS,
        "from where the interruption or overlap is heard to where the model falls silent for it (median; talked through: "
        "longer than the deadline); fdb-* of overlaps: mean length of everything in the published list",
        corrected="censored median",
        details=_LATENCY_DETAILS,
        shown_only=_UNASKED,
    ),
    Metric(
        "talked_through_rate",
        "rate",
        False,
        CORRECTED,
        "share of interruptions of a speaking model to which it does not yield: not silent until 0.3 s before their end, or, "
        "from their last second on, for less than 1.0 s",
    ),
    Metric(
        "undecided_rate",
        "rate",
        None,
        CORRECTED,
        "share of those that are talked through but for a silence of 0.5 to 1.0 s from their last second on",
        limit=0.10,
    ),
    Metric(
        "not_exercised_rate",
        "rate",
        None,
        CORRECTED,
        "share of samples in which the model was not speaking when the interruption began, so that nothing was interrupted",
    ),
    Metric(
        "takeover_not_exercised_rate",
        "rate",
        True,
        CORRECTED,
        "of those, the share in which the model takes the turn, as after any turn",
        shown_only=_EVERYWHERE,
    ),
    Metric(
        "response_latency_not_exercised_s",
        "s",
        False,
        CORRECTED,
        "response latency where the model was not speaking when the interruption began: an ordinary reply, kept apart (median)",
        corrected="censored median",
        details=_LATENCY_DETAILS,
        shown_only=_EVERYWHERE,
    ),
    Metric(
        "break_in_not_exercised_rate",
        "rate",
        False,
        CORRECTED,
        "of those, the share in which the model takes the turn before 0.3 s before the interruption ends",
        shown_only=_EVERYWHERE,
    ),
    Metric(
        "context_answered_rate",
        "rate",
        True,
        CORRECTED,
        "share of samples in which the model answers the turn before the interruption, between that and the interruption",
    ),
    Metric(
        "relevance",
        "0-5",
        True,
        PROTOCOLS,
        "a judge's rating of how related the reply is to the interrupting turn, over samples with a takeover",
        is_judged=True,
        shown_only=(USER_INTERRUPTION,),
    ),
    *(
        Metric(
            name,
            "1-5",
            True,
            PROTOCOLS,
            f"dialogue: a judge's rating of how {words}; fdb-*: mean over dialogues of the mean over the model's turns; "
            "fdbench: mean over all turns",
            corrected="ratio",
            details=("mean", *WINDOWS_S),
            published_details=tuple(WINDOWS_S),
            is_judged=True,
        )
        for name, words in (
            ("turn_taking_fluency", "natural and well timed the model's turns are"),
            ("instruction_following", "far the model does in its turns what is wanted of it"),
        )
    ),
    Metric(
        "task_score",
        "1-5",
        True,
        PROTOCOLS,
        "dialogue: a judge's rating of what the dialogue is about: corrections obeyed, entities kept apart, safety (mean); "
        "everyday dialogues have none",
        is_judged=True,
    ),
    Metric(
        "boundary_f1",
        "F1",
        True,
        CORRECTED,
        "turn boundaries: takeovers as claims that the user is done, against the ends of the user's turns (precision and "
        "recall); on time: from 0.3 s before an end to 1.0 s after it",
        corrected="boundary F1",
        details=("boundary_precision", *RECALL_WITHIN_S),
        shown_only=_EVERYWHERE,
        is_conversation=True,
    ),
    Metric(
        "holds_taken_rate",
        "rate",
        None,
        CORRECTED,
        "of the silences of 0.2 s and more inside the user's turns, the share in which the model takes the turn; people's own "
        "rate is the aim where a reference has it, not 0",
        corrected="ratio",
        shown_only=_EVERYWHERE,
        is_conversation=True,
    ),
    Metric(
        "shifts_taken_rate",
        "rate",
        None,
        CORRECTED,
        "of the silences of 0.2 s and more after the user's turns, the share in which the model takes the turn; people's own "
        "rate is the aim where a reference has it, not 1",
        corrected="ratio",
        shown_only=_EVERYWHERE,
        is_conversation=True,
    ),
    Metric(
        "broken_turns_rate",
        "rate",
        False,
        CORRECTED,
        "share of the user's turns into which the model breaks at least once: what being fast costs (the frontier)",
        corrected="ratio",
        shown_only=_EVERYWHERE,
        is_conversation=True,
    ),
    Metric(
        "backchannel_frequency_hz",
        "Hz",
        True,
        PUBLISHED,
        "backchannels per second of clip, mean over clips",
    ),
    Metric(
        "backchannel_f1",
        "F1",
        True,
        CORRECTED,
        "backchannels matched one to one to human peaks within 1.0 s: F1 over all clips",
        corrected="ratio",
        details=("recall", "precision"),
        shown_only=_EVERYWHERE,
    ),
    Metric(
        "backchannel_f1_above_chance",
        "F1",
        True,
        CORRECTED,
        "backchannel F1 minus the mean F1 of the same backchannels shifted around the user's speech",
        corrected="ratio",
        shown_only=_EVERYWHERE,
    ),
    Metric(
        "backchannel_bits",
        "bit",
        True,
        CORRECTED,
        "how much better people's timing than the user's speech alone tells where each backchannel lies; 0 = blind",
        corrected="ratio",
        details=("ceiling",),
        shown_only=_EVERYWHERE,
    ),
    Metric(
        "backchannel_ceiling_share",
        "of ceiling",
        True,
        CORRECTED,
        "backchannel_bits by what people's own would have; ranked up to 1, and only where the amount is within a factor of 2",
        corrected="ratio",
    ),
    Metric(
        "backchannel_rate_log2",
        "log2",
        False,
        CORRECTED,
        "amount: how many times 2 the rate of backchannels is off people's, either way",
        corrected="log ratio",
        shown_only=_EVERYWHERE,
        limit=1.0,
        gates=("backchannel_ceiling_share",),
    ),
    Metric(
        "backchannel_js_distance",
        "sqrt(nat)",
        False,
        PUBLISHED,
        "Jensen-Shannon distance between the model's and the human backchannel timing, 1 for a clip without backchannel",
    ),
    Metric(
        "sound_beside_speech",
        "share",
        False,
        CORRECTED,
        "share of the recording, in windows of 0.1 s, above -50 dBFS and more than 0.5 s from detected speech: music, "
        "hum or breath, which every other number takes for silence",
        corrected="ratio",
        shown_only=_EVERYWHERE,
        limit=0.02,
    ),
    Metric(
        "self_interruption_rate",
        "rate",
        False,
        CORRECTED,
        "own echo: share of samples in which the model stops within 1 s of its own echo while the user is silent; echo-none "
        "says how often it is as short without one",
        shown_only=_EVERYWHERE,
    ),
    *(
        Metric(f"{part}_self_interruption_rate", "rate", False, CORRECTED, f"the same, {words}", shown_only=_EVERYWHERE)
        for part, words in (
            ("first", "of what begins in the first 3 s of its own speech (a canceller has to learn the room)"),
            ("later", "of what begins later"),
        )
    ),
    Metric(
        "self_answer_rate",
        "rate",
        False,
        CORRECTED,
        "own echo: share of samples in which the model talks again within 3 s of its own talk although nobody else has spoken",
        shown_only=_EVERYWHERE,
    ),
    Metric(
        "decided_latency_s",
        "s",
        False,
        CORRECTED,
        "the same replies as response_latency_s by another clock: until the server decided to speak (median)",
        corrected="censored median",
        details=_LATENCY_DETAILS,
        shown_only=(USER_INTERRUPTION,),
    ),
    Metric(
        "arrived_latency_s",
        "s",
        False,
        CORRECTED,
        "the same replies as response_latency_s by another clock: until the first of their audio arrived (median)",
        corrected="censored median",
        details=_LATENCY_DETAILS,
        shown_only=(USER_INTERRUPTION,),
    ),
    Metric(
        "yield_latency_s",
        "s",
        False,
        CORRECTED,
        "from where the interruption is heard until the server decided to give way; stop_latency_s says when it fell "
        "silent (median)",
        corrected="censored median",
        details=_LATENCY_DETAILS,
        shown_only=_EVERYWHERE,
    ),
    Metric(
        "own_text_wer",
        "WER",
        False,
        CORRECTED,
        "diagnostic, for models that write a text while they speak: word error rate of what is heard in their audio against "
        "it, all errors over all words written; high where the audio is broken",
        corrected="ratio",
        details=("substitutions", "deletions", "insertions", "hits", "median"),
    ),
    Metric(
        "goal_coverage_rate",
        "rate",
        True,
        CORRECTED,
        "dialogue: share of the stages whose goal the model meets, as far as a program can check it in its words",
        corrected="ratio",
    ),
    Metric(
        "corrections_obeyed_rate",
        "rate",
        True,
        CORRECTED,
        "dialogue: of the stages in which the user takes something back, the share in which the model says the new value last",
        corrected="ratio",
        shown_only=_EVERYWHERE,
    ),
    Metric(
        "entities_carried_rate",
        "rate",
        True,
        CORRECTED,
        "dialogue: of the stages that only refer to something named before, the share in which the model names it",
        corrected="ratio",
        shown_only=_EVERYWHERE,
    ),
    Metric(
        "declined_rate",
        "rate",
        True,
        CORRECTED,
        "dialogue: of the requests to be declined, the share that the model declines",
        corrected="ratio",
        shown_only=_EVERYWHERE,
    ),
    Metric(
        "floor_transfer_offset_s",
        "s",
        None,
        CORRECTED,
        "dialogue: from the end of the user's turn to the onset of the reply, signed: median over the turns that have one, and "
        "over dialogues",
        corrected="censored median",
        details=_LATENCY_DETAILS,
        shown_only=_EVERYWHERE,
    ),
    Metric(
        "no_reply_rate",
        "rate",
        False,
        CORRECTED,
        "dialogue: share of the user's turns after which no takeover begins before the next one",
        corrected="ratio",
    ),
    Metric(
        "interruptions_made_rate",
        "rate",
        False,
        CORRECTED,
        "dialogue: share of the user's turns into which the model breaks more than 0.3 s before their end",
        corrected="ratio",
    ),
    Metric(
        "interrupted_rate",
        "rate",
        None,
        CORRECTED,
        "dialogue: share of the user's turns that begin while the model has the floor",
        corrected="ratio",
    ),
    Metric(
        "competing_overlap",
        "s/min",
        False,
        CORRECTED,
        "seconds per minute of the user's speech in which both speak and neither gives way soon (competitive and held)",
        corrected="ratio",
        details=OVERLAP_KINDS,
    ),
    Metric(
        "long_silence_share",
        "share",
        False,
        CORRECTED,
        "dialogue: share of the time, from its first word to its last, in silences of more than 2 s",
        corrected="ratio",
    ),
    Metric(
        "talk_share",
        "share",
        None,
        CORRECTED,
        "dialogue: the model's speech by that of both",
        corrected="ratio",
    ),
    *_voice_metrics(),
)

METRICS: Final[Mapping[str, Metric]] = {metric.name: metric for metric in _METRICS}


def is_ranked(metric: str, behaviour: str, protocol: str) -> bool:
    """Whether values of a metric are ever ranked; one that is not known here may be."""
    return metric not in METRICS or protocol not in CORRECTED or behaviour not in METRICS[metric].shown_only


def direction(metric: str, behaviour: str = "") -> bool | None:
    """Whether higher is better for this behaviour; None where neither is, or where the behaviour is not given.

    Raises:
        UsageError: There is no such metric, or no such behaviour.
    """
    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    if behaviour and behaviour not in BEHAVIOURS:
        raise unknown_name("behaviour", behaviour, BEHAVIOURS)
    if METRICS[metric].follows_takeover:
        return BEHAVIOURS[behaviour].takeover_is_wanted if behaviour else None
    return METRICS[metric].higher_is_better
