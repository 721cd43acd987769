"""The schema of an exported run: one dataset with five configs, split ``test``. Times are float64 seconds.

=============== ==========================================================================================================
config          one row per
=============== ==========================================================================================================
``recordings``  take that was asked for, made or not: its sample's annotation, both channels as they were stored (FLAC),
                and why there is nothing to hear where there is nothing. ``fault_reason`` is what scorers are told instead.
``speech``      take, channel and request: where somebody speaks
``transcripts`` take, channel and request: what was said, by which recogniser
``scores``      take, scoring and metric; ``value`` is null unless ``status`` is ``scored``; ``components`` is JSON
``summaries``   task, scoring and metric: value, 95 % interval, counts and signature, as in ``summary.json``
=============== ==========================================================================================================

A config without rows is left out. ``fdbench/manifest.json`` is the run's, verbatim; ``fdbench/verdicts/`` what a judge
answered. ``user_start_s`` and ``model_start_s`` say where a channel's first sample lies; t = 0 is the prompt's first sample.
``placement`` says where the model's channel lay when it was heard or scored, which is not always where it was recorded.
"""

from __future__ import annotations

from typing import Final

from fdbench.task.rows import ANNOTATION, AUDIO, EVENTS, FLAG, INTEGER, NUMBER, STRING, WORDS, Columns

RECORDINGS, SPEECH, TRANSCRIPTS, SCORES, SUMMARIES = "recordings", "speech", "transcripts", "scores", "summaries"
MANIFEST: Final = "manifest.json"
CHANNELS: Final = ("user", "model")

TAKE: Final[Columns] = {"take": STRING, "task": STRING, "id": STRING, "repeat": INTEGER}

RECORDING: Final[Columns] = {
    **TAKE,
    "task_version": INTEGER,
    "family": STRING,
    "behaviour": STRING,
    "stimulus": STRING,
    **ANNOTATION,
    "status": STRING,  # recorded, failed, not_made
    "failure_kind": STRING,
    "failure_message": STRING,
    "fault_reason": STRING,
    "fault_message": STRING,
    "clock": STRING,
    "prompt_s": NUMBER,
    "right_censored": FLAG,
    "model_events": EVENTS,
    **{
        f"{channel}_{name}": kind
        for channel in CHANNELS
        for name, kind in {
            "audio": AUDIO,
            "start_s": NUMBER,
            "sample_rate": INTEGER,
            "n_samples": INTEGER,
            "digest": STRING,
        }.items()
    },
    "rating": NUMBER,
    "rating_analysis": STRING,
    "rating_error": STRING,
}

_REQUEST: Final[Columns] = {
    "channel": STRING,
    "placement": STRING,
    "span_start_s": NUMBER,
    "span_end_s": NUMBER,
    "engines": STRING,
}

SPEECH_ROW: Final[Columns] = {
    **TAKE,
    **_REQUEST,
    "settings": STRING,
    "segments": [{"start_s": NUMBER, "end_s": NUMBER}],
    "duration_s": NUMBER,
}
TRANSCRIPT_ROW: Final[Columns] = {**TAKE, **_REQUEST, "words": WORDS, "engine": STRING, "dropped": INTEGER}

_SCORING: Final[Columns] = {
    "scoring": STRING,
    "protocol": STRING,
    "placement": STRING,
    "asr": STRING,
    "vad": STRING,
    "judge": STRING,
}

SCORE: Final[Columns] = {
    **_SCORING,
    **TAKE,
    "metric": STRING,
    "value": NUMBER,
    "status": STRING,
    "reason": STRING,
    "components": STRING,
    "messages": [STRING],
}
SUMMARY: Final[Columns] = {
    **_SCORING,
    "task": STRING,
    "task_version": INTEGER,
    "family": STRING,
    "behaviour": STRING,
    "n_samples": INTEGER,
    "n_errors": INTEGER,
    "metric": STRING,
    "value": NUMBER,
    "unit": STRING,
    "higher_is_better": FLAG,
    "n_scored": INTEGER,
    "n_not_applicable": INTEGER,
    "n_censored": INTEGER,
    "n_error": INTEGER,
    "ci_low": NUMBER,
    "ci_high": NUMBER,
    "details": STRING,
    "signature": STRING,
}
