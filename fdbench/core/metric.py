"""The names of everything that can be measured, and of the rules by which it is.

Closed tables: a metric or a protocol that is not here does not exist, and whatever else has to be known about one
(its unit, its direction, how it is summed up, its column) is said here and nowhere else. Loads nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from fdbench.core.behaviour import BEHAVIOURS
from fdbench.errors import unknown_name

PROTOCOLS: Final = ("fdb-2026-05", "fdb-2026-02", "fdbench")
"""Scoring protocols; one name never means two formulas."""

PUBLISHED: Final = ("fdb-2026-05", "fdb-2026-02")
"""The protocols that reproduce the published scripts, defects included."""

CORRECTED: Final = ("fdbench",)
"""The protocols that measure what the metric is meant to measure."""

Aggregation = Literal["mean", "ratio", "censored median"]


@dataclass(frozen=True, slots=True)
class Metric:
    """Something that is measured: all that is to be known about it. Its place in the table is that of its column.

    Attributes:
        name: Its name in files, tables and signatures; a quantity in seconds ends in ``_s``.
        unit: ``s``, ``Hz``, ``nat``, ``0-5``, ``WER``; ``rate`` is a share of samples in [0, 1].
        higher_is_better: None where it depends on the behaviour (see ``direction``) or on neither being better.
        protocols: Under which it exists.
        sentence: What it says, for ``fdbench list metrics``.
        corrected: How the values of a task are summed up under ``CORRECTED``; the published scripts take the mean.
        details: Statistics beside the value under ``CORRECTED`` (``fdbench.scoring.aggregate`` defines each), in their order.
        is_judged: A judge rates it, so that only values by the same judge compare.
    """

    name: str
    unit: str
    higher_is_better: bool | None
    protocols: tuple[str, ...]
    sentence: str
    corrected: Aggregation = "mean"
    details: tuple[str, ...] = ()
    is_judged: bool = False

    def aggregation(self, protocol: str) -> Aggregation:
        """How the values of a task are summed up under a protocol."""
        return self.corrected if protocol in CORRECTED else "mean"


_METRICS: Final = (
    Metric(
        "takeover_rate",
        "rate",
        None,
        PROTOCOLS,
        "share of samples in which the model takes the turn: wanted after a turn and an interruption, not in a pause "
        "or while it should only backchannel",
        details=("bursts", "wordless", "untimed_words", "dropped_words"),
    ),
    Metric(
        "response_latency_s",
        "s",
        False,
        PROTOCOLS,
        "from the end of the user's turn (or interruption) to the onset of the reply; fdb-*: mean of values clipped at 0; "
        "fdbench: signed, the median with replies that never came treated as right-censored",
        corrected="censored median",
        details=("mean", "p90", "share_early", "share_no_response"),
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
        corrected="censored median",
        details=("mean", "p90", "share_early", "share_no_response"),
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
        corrected="censored median",
        details=("mean", "p90", "share_early", "share_no_response"),
    ),
    Metric(
        "relevance",
        "0-5",
        True,
        PROTOCOLS,
        "a judge's rating of how related the reply is to the interrupting turn, over samples with a takeover",
        is_judged=True,
    ),
    Metric(
        "backchannel_frequency_hz",
        "Hz",
        True,
        PROTOCOLS,
        "backchannels per second of clip; fdb-*: mean over clips; fdbench: all backchannels over all seconds",
        corrected="ratio",
    ),
    Metric(
        "backchannel_f1",
        "F1",
        True,
        CORRECTED,
        "backchannels matched one to one to human peaks within 1.0 s: F1 over all clips",
        corrected="ratio",
        details=("recall", "precision"),
    ),
    Metric(
        "backchannel_f1_above_chance",
        "F1",
        True,
        CORRECTED,
        "backchannel F1 minus the mean F1 of as many backchannels placed uniformly inside the user's speech",
        corrected="ratio",
    ),
    Metric(
        "backchannel_js_divergence",
        "nat",
        False,
        CORRECTED,
        "Jensen-Shannon divergence between the model's and the human backchannel timing, over clips with a backchannel",
        details=("difference", "chance"),
    ),
    Metric(
        "backchannel_js_distance",
        "sqrt(nat)",
        False,
        PUBLISHED,
        "Jensen-Shannon distance between the model's and the human backchannel timing, 1 for a clip without backchannel",
    ),
    Metric(
        "decided_latency_s",
        "s",
        False,
        CORRECTED,
        "the same replies as response_latency_s by another clock: until the server decided to speak (median)",
        corrected="censored median",
        details=("mean", "p90", "share_early", "share_no_response"),
    ),
    Metric(
        "arrived_latency_s",
        "s",
        False,
        CORRECTED,
        "the same replies as response_latency_s by another clock: until the first of their audio arrived (median)",
        corrected="censored median",
        details=("mean", "p90", "share_early", "share_no_response"),
    ),
    Metric(
        "yield_latency_s",
        "s",
        False,
        CORRECTED,
        "from the beginning of the interruption until the server decided to give way; stop_latency_s says when it fell "
        "silent (median)",
        corrected="censored median",
        details=("mean", "p90", "share_early", "share_no_response"),
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
)

METRICS: Final[Mapping[str, Metric]] = {metric.name: metric for metric in _METRICS}


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
        return BEHAVIOURS[behaviour].takeover_is_wanted if behaviour else None
    return METRICS[metric].higher_is_better
