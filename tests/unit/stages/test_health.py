"""What is wrong with a run as a whole has a line; a run of which nothing is wrong has none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from fdbench.core.annotation import Annotations, DetectedSpeech, SpeechRequest, WordsRequest
from fdbench.core.conversation import FailedCall, Sample
from fdbench.core.sound import Audio, Track
from fdbench.core.span import Span
from fdbench.core.speech import Transcript, Word
from fdbench.core.take_id import MAIN, TWIN
from fdbench.io.wav import digest_of_audio
from fdbench.stages.cases import NO_CALL, Case, RecordedTake
from fdbench.stages.health import findings_of, observed

RATE, LENGTH_S = 8000, 6.0
SPEECH = (Span(2.0, 3.0),)
NOISE = np.random.default_rng(0).normal(0, 0.1, round(RATE * LENGTH_S)).astype(np.float32)


@dataclass(frozen=True)
class Sound:
    samples: np.ndarray
    behaviour: str = "turn_taking"
    stimulus: str = "main"
    folder = None

    def digest(self, channel):
        return digest_of_audio(self.load(channel).audio)

    def load(self, channel):
        return Track(Audio(self.samples, RATE), -1.0)


def case_of(take, name="a", behaviour="turn_taking"):
    return Case(Sample(name, f"t/{behaviour}", {}), behaviour, {MAIN: take})


def speech_at(seed, spans=SPEECH, scale=0.1):
    samples = np.zeros(round(RATE * LENGTH_S), np.float32)
    for span in spans:
        first, last = (round((t + 1.0) * RATE) for t in (span.start_s, span.end_s))
        samples[first:last] = np.random.default_rng(seed).normal(0, scale, last - first).astype(np.float32)
    return samples.clip(-1, 1)


def findings(sounds, spans=SPEECH, words=1, dropped=0, behaviour="turn_taking"):
    heard = [
        (
            case_of(RecordedTake(Sound(samples)), f"s{index}", behaviour),
            {
                MAIN: Annotations(
                    speech={SpeechRequest("model"): DetectedSpeech(tuple(spans), LENGTH_S)},
                    words={WordsRequest("model"): Transcript(tuple(Word("w", 2.0, 2.1) for _ in range(words)), "e", dropped)},
                )
            },
        )
        for index, samples in enumerate(sounds)
    ]
    vitals = []
    cases = [case for case, _ in observed(heard, vitals)]
    return findings_of(cases, list(reversed(vitals)))


def only(found):
    (finding,) = found
    return finding.line, finding.is_grave


def test_where_all_is_well_nothing_is_said():
    assert findings([speech_at(0), speech_at(1), speech_at(2)]) == ()


@pytest.mark.parametrize(
    ("n", "behaviour", "is_grave"), [(3, "turn_taking", True), (2, "turn_taking", False), (3, "pause_handling", False)]
)
def test_one_that_never_speaks(n, behaviour, is_grave):
    found = findings([np.zeros(8000, np.float32)] * n, spans=(), words=0, behaviour=behaviour)
    assert only(found) == (f"the model never spoke in {n} of {n} calls", is_grave)


def test_sound_that_is_no_speech():
    line, is_grave = only(findings([NOISE, speech_at(1)]))
    assert line.startswith("sound above -50 dBFS that is no speech in 1 of 2 replies (first: t/turn_taking s0, ")
    assert not is_grave


def test_a_breath_beside_speech_is_none():
    assert findings([speech_at(0, (Span(1.8, 3.2),)), speech_at(1)]) == ()


def test_clipped():
    line, is_grave = only(findings([speech_at(0, scale=0.6), speech_at(1)]))
    assert line.startswith("1 of 2 replies are clipped (first: t/turn_taking s0, ")
    assert not is_grave


def test_integers_taken_for_floats():
    spans = (Span(0.0, 4.9),)
    line, is_grave = only(findings([speech_at(seed, spans, scale=3000) for seed in range(3)], spans))
    assert line.startswith("3 of 3 replies are at full scale most of the time")
    assert is_grave


def test_all_replies_the_same():
    assert only(findings([speech_at(0)] * 4)) == ("all 4 replies are the same recording", True)


@pytest.mark.parametrize(("n", "is_grave"), [(2, False), (5, True)])
def test_speech_without_words(n, is_grave):
    line = f"no word was heard in {n} of {n} replies with speech"
    assert only(findings([speech_at(seed) for seed in range(n)], words=0)) == (line, is_grave)


def findings_of_pairs(pairs, engine="e"):
    """Of samples with a clean twin: the sounds of both replies each."""
    heard = []
    for index, sounds in enumerate(pairs):
        takes = {name: RecordedTake(Sound(samples)) for name, samples in zip((MAIN, TWIN), sounds, strict=True)}
        answers = Annotations(
            speech={SpeechRequest("model"): DetectedSpeech(SPEECH, LENGTH_S)},
            words={WordsRequest("model"): Transcript((), engine)},
        )
        case = Case(Sample(f"s{index}", "t/overlap", {}), "overlap.user_interruption", takes)
        heard.append((case, dict.fromkeys(takes, answers)))
    vitals = []
    cases = [case for case, _ in observed(heard, vitals)]
    return findings_of(cases, vitals)


def test_where_nobody_listened_for_words_none_is_missed():
    assert (
        findings_of_pairs([(speech_at(0), speech_at(1)), (speech_at(2), speech_at(3)), (speech_at(4), speech_at(5))], "none")
        == ()
    )


def test_a_clean_twin_is_looked_at_too_and_named():
    line, _ = only(findings_of_pairs([(speech_at(0), NOISE), (speech_at(1), speech_at(2))], "none"))
    assert line.startswith("sound above -50 dBFS that is no speech in 1 of 4 replies (first: t/overlap s0 clean, ")


def test_a_model_that_does_in_a_pair_what_it_does_without_the_overlap_is_no_copy():
    assert findings_of_pairs([(speech_at(0), speech_at(0))], "none") == ()
    assert only(findings_of_pairs([(speech_at(0), speech_at(0))] * 2, "none")) == ("all 4 replies are the same recording", True)


def test_dropped_words():
    line = "6 words were dropped, in 2 of 2 replies, as no sound lies under them"
    assert only(findings([speech_at(0), speech_at(1)], dropped=3)) == (line, False)


def test_all_calls_failed_the_same_way():
    cases = [case_of(FailedCall("dropped", f"call {n}"), str(n)) for n in range(3)]
    (finding,) = findings_of(cases, [])
    assert (finding.line, finding.is_grave) == ("all 3 calls failed the same way: dropped", True)
    assert findings_of([*cases, case_of(FailedCall("timeout", ""), "x")], []) == ()
    assert findings_of([case_of(NO_CALL, str(n)) for n in range(3)], []) == ()
