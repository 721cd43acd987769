"""Why there is nothing: one type and one closed table for every place where something can be missing.

::

    a call fails      Absence("dropped", "the server hung up")             its record says so ...
    hearing fails     Absence("segments_missing", "...: no such file")
    a judge is silent Absence("judge_failed", "no answer within 60 s")
    a score           status and reason of the table, no value              ... and so does every score that needed it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Status = Literal["scored", "not_applicable", "censored", "error"]
STATUSES: tuple[Status, ...] = ("scored", "not_applicable", "censored", "error")


@dataclass(frozen=True, slots=True)
class Absence:
    """In the place of a value: why there is none.

    Attributes:
        reason: A key of ``REASONS``; of a call that failed, one of ``CALL_FAILURES`` or another that an adapter gave.
        message: A line for a person, naming what was expected and what was found; empty where the reason says it all.
    """

    reason: str
    message: str = ""

    @property
    def score_reason(self) -> str:
        """The key of ``REASONS`` that a score says where this is why it has no value."""
        return self.reason


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


_REASONS: Final = (
    Reason("no_takeover", "not_applicable", "the model did not take the turn, so there is no reply to measure or to rate"),
    Reason("no_judge", "not_applicable", "no judge rated the reply"),
    Reason("no_human_timing", "not_applicable", "the data has no human backchannel timing for this clip"),
    Reason("no_human_peaks", "not_applicable", "the clip's human backchannel timing has no peak to match"),
    Reason("no_backchannel", "not_applicable", "the model gave no backchannel, so it has no timing to compare"),
    Reason("not_exercised", "not_applicable", "the model was not speaking when the interruption began"),
    Reason("exercised", "not_applicable", "the model was speaking when the interruption began: see response_latency_s"),
    Reason("talked_through", "not_applicable", "the model kept talking through the interruption"),
    Reason(
        "recording_too_short",
        "not_applicable",
        "the recording ends before what is asked about, or less than 1.0 s after it: nobody knows what the model did",
    ),
    Reason("too_short", "not_applicable", "the user is heard for less than 1.5 s: whether the model yields is not judged"),
    Reason("interruption_not_heard", "not_applicable", "the detector hears nobody in the annotated interruption"),
    Reason("no_context", "not_applicable", "the user says nothing before the interruption"),
    Reason("no_words", "not_applicable", "nobody listened for words (the recogniser is none)"),
    Reason("no_voice", "not_applicable", "no speech or no pitch is heard on this side of the overlap"),
    Reason("prosody_missing", "not_applicable", "no package that measures this of a voice is installed (fdbench[prosody])"),
    Reason("no_sound_known", "not_applicable", "there is no recording to look for sound in"),
    Reason("not_told", "not_applicable", "the server did not say when it decided on this reply"),
    Reason("not_yielded", "not_applicable", "the server did not say that it gave way to the interruption"),
    Reason("no_goals", "not_applicable", "the dialogue has no goal of this kind that a program can check"),
    Reason("user_not_heard", "not_applicable", "nothing is known of the user's speech, so its silences and overlaps are not"),
    Reason("no_turn", "not_applicable", "the user has no turn of this kind"),
    Reason("finished", "not_applicable", "the model falls silent where it does so without the overlap, too: it had finished"),
    Reason("nothing_listed", "not_applicable", "the published list of this clip is empty"),
    Reason("nothing_rated", "not_applicable", "the judge gave no turn of this dialogue both scores"),
    Reason("no_task_score", "not_applicable", "the judge gave no task score for this dialogue; everyday ones have none"),
    Reason("not_responded", "not_applicable", "the model did not respond to the overlap, so nothing is compared"),
    Reason("no_own_talk", "not_applicable", "the model says nothing while the user is silent"),
    Reason("no_own_text", "not_applicable", "the model wrote no word of its own to compare its audio with"),
    Reason("not_called", "not_applicable", "no call has been made yet: the run is not finished, or its budget is spent"),
    Reason("no_stop", "censored", "the model had not fallen silent when it had to have yielded"),
    Reason("no_reply", "censored", "no reply had begun when the recording ended"),
    Reason(
        "cut_off",
        "censored",
        "the recording ends just after the model began to speak: nobody knows whether it took the turn",
    ),
    Reason("audio_missing", "error", "there is no recording of the model"),
    Reason("audio_unreadable", "error", "the recording cannot be read"),
    Reason("audio_empty", "error", "the recording has no length"),
    Reason("transcript_missing", "error", "there is no transcript of the model"),
    Reason("transcript_unreadable", "error", "the transcript cannot be read"),
    Reason("transcript_incomplete", "error", "only the transcript after the interruption is there, the whole one is needed"),
    Reason("segments_missing", "error", "there are no speech segments and no audio to detect them in"),
    Reason("segments_unreadable", "error", "the speech segments cannot be read"),
    Reason("implausible_words", "error", "the transcript's times cannot be those of this recording"),
    Reason("implausible_segments", "error", "the speech segments cannot be those of this recording"),
    Reason("null_time", "error", "a word that decides has no time (the published script crashes here)"),
    Reason("no_turn_end", "error", "the annotation does not say where the user's turn ends"),
    Reason("no_pause_annotation", "error", "the annotation does not say where the user pauses"),
    Reason("no_interruption", "error", "the annotation does not say when the user interrupts"),
    Reason("user_speech_unknown", "error", "there is neither a prompt to detect the user's speech in nor a transcript of it"),
    Reason("bad_annotation", "error", "the annotation contradicts itself or cannot be read"),
    Reason("no_overlap", "error", "the annotation does not say when somebody speaks over the model"),
    Reason("twin_missing", "error", "there is no recording of the clean twin to compare with"),
    Reason("interruption_text_missing", "error", "the data does not say what the user said when interrupting"),
    Reason("judge_failed", "error", "the judge could not be asked"),
    Reason("rating_missing", "error", "the judge gave no rating for this reply"),
    Reason("rating_unreadable", "error", "the judge's rating cannot be read"),
    Reason("label_missing", "error", "the judge gave no label for this clip"),
    Reason("rating_out_of_range", "error", "the judge's rating is not a number from 0 to 5"),
    Reason("call_failed", "error", "the call did not yield a recording"),
    Reason("annotator_crashed", "error", "the detector or recogniser crashed on this recording"),
)

REASONS: Final[Mapping[str, Reason]] = {reason.key: reason for reason in _REASONS}

CALL_FAILURES: Final[Mapping[str, str]] = {
    "data": "bad_annotation",
    "recording_missing": "audio_missing",
    "recording": "audio_unreadable",
    **dict.fromkeys(
        (
            "prompt", "examiner", "adapter", "worker", "contract", "log", "refused", "rate_limited", "dropped", "protocol",
            "timeout", "stalled", "silent", "wrong_model", "settings", "incomplete", "unfinished", "clock",
        ),
        "call_failed",
    ),
}  # fmt: skip
"""Why a call gave no recording, as its record says it, and what the scores say then."""
