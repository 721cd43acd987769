"""Pause handling: does the model leave the floor to a user who pauses inside a turn?

::

    user   |-------|..........|--------|...............
    model  .............|---|..................|------|        takeover 1: it begins in the judged window
                   |---- window -------|
                   ^first pause        ^turn end (end of the last word)

Conventions: ``fdbench`` judges from the start of the first annotated pause to the end of the user's last word (the
transcript's, where a word without an end counts with its start; else the annotated turn end; else the last detected
speech). A takeover counts if any of it lies in that window, because a model that began earlier and keeps talking does not
leave the floor either. Latency as in ``latency``, with a new user utterance after each annotated pause.

======================================  ========  ===========  =======================
model speech that is a takeover         takeover  early start  latency
======================================  ========  ===========  =======================
none                                    0         0            censored ``no_reply``
begins before the first pause, and
  ends before it                        0         1            by what follows
  reaches into the window               1         1            by what follows
begins in the window                    1         0            by what follows
begins after the user's last word       0         0            onset - turn end
======================================  ========  ===========  =======================

What follows = the first takeover from the search start on, else censored ``no_reply``, also where the earlier one never ends.

Under ``fdb-*``: the published rule (``takeover``) over all words of the clip.

Empty cases: ``fdb-*``: no words, no takeover; null times ``null_time``. ``fdbench``: no annotated pause, or one that
begins after the user's last word, is an error; without knowledge of the user's speech only the early start is known if
the transcript and the turn end are missing as well.

Differences from upstream (which never reads ``pause.json``):

1. A reply after the user's last word is right; upstream counts it as a failure, so its rate is too high by the share of
   clips that are only answered at the end (all of them for a good endpointer: 1 instead of 0).
2. Speech before the first pause is an early start and not by itself a takeover; upstream counts it as one.
3. Bursts and words classify utterances as in ``utterance``.

References: Full-Duplex-Bench v1.0, ``eval_pause_handling`` at d7336bd.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from fdbench.core.annotation import Annotations, Request, Verdict
from fdbench.core.conversation import Sample
from fdbench.core.event import PAUSE, TURN_END
from fdbench.core.score import Score
from fdbench.core.span import Span
from fdbench.scoring.base import MAIN, Missing, failed, scored, speech_for, words_for
from fdbench.scoring.corrected.latency import find_reply, last_utterance_start_s, recording_end_s, score_latency, user_bursts
from fdbench.scoring.corrected.utterance import diagnose, find_bursts, find_utterances
from fdbench.scoring.published.takeover import is_takeover
from fdbench.scoring.requests import MODEL_SPEECH, MODEL_WORDS, published_words, user_speech

USER_UNKNOWN: Final = "user_speech_unknown"


class PublishedPause:
    """Pause handling as the published script scores it."""

    version = 1
    metrics: tuple[str, ...] = ("takeover_rate",)

    def needs(self, sample: Sample, prompt_s: float | None) -> tuple[Request, ...]:
        return (published_words(prompt_s),)

    def score(self, sample: Sample, takes: Mapping[str, Annotations], verdict: Verdict | None) -> list[Score]:
        take = takes.get(MAIN)
        if take is None:
            return failed(self.metrics, "audio_missing")
        transcript = words_for(take, published_words(take.prompt_s))
        if isinstance(transcript, Missing):
            return failed(self.metrics, transcript.reason)
        takeover = is_takeover(transcript.words, open_end_is_start=True)
        return failed(self.metrics, "null_time") if takeover is None else [scored("takeover_rate", takeover)]


class Pause:
    """Pause handling as ``fdbench`` defines it."""

    version = 1
    metrics: tuple[str, ...] = ("takeover_rate", "response_latency_s", "early_start_rate", "no_response_rate")

    def needs(self, sample: Sample, prompt_s: float | None) -> tuple[Request, ...]:
        return (MODEL_SPEECH, MODEL_WORDS, user_speech(prompt_s))

    def score(self, sample: Sample, takes: Mapping[str, Annotations], verdict: Verdict | None) -> list[Score]:
        take = takes.get(MAIN)
        if take is None:
            return failed(self.metrics, "audio_missing")
        speech, transcript = speech_for(take, MODEL_SPEECH), words_for(take, MODEL_WORDS)
        if isinstance(speech, Missing):
            return failed(self.metrics, speech.reason)
        if isinstance(transcript, Missing):
            return failed(self.metrics, transcript.reason)
        pauses = [event.span for event in sample.of_kind(PAUSE)]
        if not pauses:
            return failed(self.metrics, "no_pause_annotation")

        bursts = find_bursts(speech.segments)
        takeovers = [u.span for u in find_utterances(bursts, transcript.words) if u.is_takeover]
        first_pause_s = min(pause.start_s for pause in pauses)
        has_early_start = any(takeover.start_s < first_pause_s for takeover in takeovers)
        early_start = scored("early_start_rate", has_early_start)

        user = user_bursts(sample, speech_for(take, user_speech(take.prompt_s)))
        turn_end_s = last_word_end_s(sample, user)
        if turn_end_s is None:
            takeover, latency, no_response = failed(("takeover_rate", "response_latency_s", "no_response_rate"), USER_UNKNOWN)
            return [takeover, latency, early_start, no_response]
        if turn_end_s <= first_pause_s:
            return failed(self.metrics, "bad_annotation")
        window = Span(first_pause_s, turn_end_s)
        counts = diagnose(bursts, transcript.words, transcript.dropped)
        takeover = scored("takeover_rate", any(span.overlaps(window) for span in takeovers), **counts)

        search_start_s = None if isinstance(user, Missing) else last_utterance_start_s(user, turn_end_s, pauses)
        if search_start_s is None:
            latency, no_response = failed(("response_latency_s", "no_response_rate"), USER_UNKNOWN)
            return [takeover, latency, early_start, no_response]
        reply = find_reply(takeovers, search_start_s, turn_end_s, recording_end_s(take, speech))
        return [
            takeover,
            score_latency("response_latency_s", reply, early_start=float(has_early_start)),
            early_start,
            scored("no_response_rate", reply.latency_s is None),
        ]


def last_word_end_s(sample: Sample, user: Sequence[Span] | Missing) -> float | None:
    """Where the user's last word ends: by the transcript, else by the annotated turn end, else by the detector."""
    words = sample.transcript.words if sample.transcript is not None else ()
    times_s = (word.start_s if word.end_s is None else word.end_s for word in words)
    ends_s = [time_s for time_s in times_s if time_s is not None and math.isfinite(time_s)]
    if ends_s:
        return max(ends_s)
    turn_ends = sample.of_kind(TURN_END)
    if turn_ends:
        return turn_ends[0].span.start_s
    return None if isinstance(user, Missing) else max(burst.end_s for burst in user)
