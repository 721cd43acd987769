"""Smooth turn-taking: does the model take the turn when the user has finished, and how soon?

::

    user   |------|....|-----------|..........................
    model  ....................................|-------------|
                       ^search     ^turn       ^takeover
                        start       end
                                   |- latency -|

Conventions: ``fdbench`` judges from the search start (``latency``: the start of the user's last utterance) to the end of
the recording. Taking the turn is an act: a takeover must *begin* there. A model that began earlier and never stops has
not taken the turn, it never gave it.

==============================================  ========  ===========  ===========  ========================
model speech that is a takeover                 takeover  early start  no response  latency
==============================================  ========  ===========  ===========  ========================
none                                            0         0            1            censored ``no_reply``
begins at or after the search start             1         0            0            onset - turn end
begins before it, however long, none after it   0         1            1            censored ``no_reply``
begins before it, another one after it          1         1            0            of the later one
==============================================  ========  ===========  ===========  ========================

Under ``fdb-*``: the published rule (``takeover``) over all words of the clip; where it says yes, latency = max(0, start of
the first word - turn end), averaged over those clips.

Empty cases: ``fdb-*``: no words, no takeover and no latency (``no_takeover``); a null start of the first or end of the last
word is ``null_time`` (the script crashes); without the turn's end there is no latency (the script pairs the wrong files).
``fdbench``: the turn's end and the user's speech are needed for everything; segments without a recording: ``latency``.

Differences from upstream:

1. A model that talks all the time has rate 0, a censored latency and an early start; upstream gives it 1 and 0.0 s.
2. Latency is signed and censored, see ``latency`` (golden clips: mean 0.469 s instead of 0.910 s).
3. Replies after the prompt's end count; upstream's recording is cut there, so its rate is too low for slow models.

References: Full-Duplex-Bench v1.0, ``eval_smooth_turn_taking`` at d7336bd.
"""

from __future__ import annotations

from collections.abc import Mapping

from fdbench.core.annotation import Annotations, Request, Verdict
from fdbench.core.conversation import Sample
from fdbench.core.event import TURN_END
from fdbench.core.score import Score, none_score
from fdbench.scoring.base import MAIN, Missing, failed, scored, speech_for, words_for
from fdbench.scoring.corrected.latency import find_reply, last_utterance_start_s, recording_end_s, score_latency, user_bursts
from fdbench.scoring.corrected.utterance import diagnose, find_bursts, find_utterances
from fdbench.scoring.published.takeover import is_takeover
from fdbench.scoring.requests import MODEL_SPEECH, MODEL_WORDS, published_words, user_speech


class PublishedTurn:
    """Smooth turn-taking as the published script scores it."""

    version = 1
    metrics: tuple[str, ...] = ("takeover_rate", "response_latency_s")

    def needs(self, sample: Sample, prompt_s: float | None) -> tuple[Request, ...]:
        return (published_words(prompt_s),)

    def score(self, sample: Sample, takes: Mapping[str, Annotations], verdict: Verdict | None) -> list[Score]:
        take = takes.get(MAIN)
        if take is None:
            return failed(self.metrics, "audio_missing")
        transcript = words_for(take, published_words(take.prompt_s))
        if isinstance(transcript, Missing):
            return failed(self.metrics, transcript.reason)
        words = transcript.words
        takeover = is_takeover(words)
        if takeover is None:
            return failed(self.metrics, "null_time")
        turn_ends = sample.of_kind(TURN_END)
        if not turn_ends:
            latency = none_score("response_latency_s", "no_turn_end")
        elif not takeover or words[0].start_s is None:
            latency = none_score("response_latency_s", "no_takeover")
        else:
            latency = scored("response_latency_s", max(0.0, words[0].start_s - turn_ends[0].span.start_s))
        return [scored("takeover_rate", takeover), latency]


class Turn:
    """Turn-taking as ``fdbench`` defines it."""

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
        turn_ends = sample.of_kind(TURN_END)
        if not turn_ends:
            return failed(self.metrics, "no_turn_end")
        turn_end_s = turn_ends[0].span.start_s
        user = user_bursts(sample, speech_for(take, user_speech(take.prompt_s)))
        if isinstance(user, Missing):
            return failed(self.metrics, user.reason)
        search_start_s = last_utterance_start_s(user, turn_end_s)
        if search_start_s is None:
            return failed(self.metrics, "user_speech_unknown")

        bursts = find_bursts(speech.segments)
        takeovers = [u.span for u in find_utterances(bursts, transcript.words) if u.is_takeover]
        reply = find_reply(takeovers, search_start_s, turn_end_s, recording_end_s(take, speech))
        has_reply = reply.latency_s is not None
        early_start = float(reply.has_early_start)
        return [
            scored("takeover_rate", has_reply, **diagnose(bursts, transcript.words, transcript.dropped)),
            score_latency("response_latency_s", reply, early_start=early_start),
            scored("early_start_rate", early_start),
            scored("no_response_rate", not has_reply),
        ]
