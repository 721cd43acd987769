"""The tables are closed and agree with each other."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import fdbench.scoring
from fdbench.core.absence import REASONS, STATUSES
from fdbench.core.behaviour import ALONE, BEHAVIOURS, OVERLAPS
from fdbench.core.metric import HUMAN_DISTANCE, METRICS, PROTOCOLS, direction, is_ranked
from fdbench.core.score import none_score
from fdbench.errors import UsageError
from fdbench.scoring.registry import has_scorer, scorer_for, scorers_for

KINDS = ("text", "decided", "yielded", "own_echo")
"""All that a model may tell about itself, and that it could hear itself."""

SCORING = Path(fdbench.scoring.__file__).parent
EVERY = [(behaviour, protocol) for behaviour in BEHAVIOURS for protocol in PROTOCOLS if has_scorer(behaviour, protocol)]

JUDGED = ("judged_respond_rate", "judged_resume_rate", "judged_uncertain_rate", "judged_unknown_rate")
VOICE = tuple(
    f"{measure}_{against}{unit}"
    for measure, unit in (
        ("words_per_minute", ""), ("speech", "_s"), ("pitch_mean", "_hz"), ("pitch_std", "_hz"), ("intensity_mean", "_db"),
        ("intensity_std", "_db"), ("utmos", ""),
    )
    for against in ("change", "from_clean")
)  # fmt: skip

DIALOGUE = ("turn_taking_fluency", "instruction_following", "task_score")

NAMES_OF_THE_SPECIFICATION = {
    "fdb-2026-05": {
        "takeover_rate",
        "response_latency_s",
        "relevance",
        "backchannel_frequency_hz",
        "backchannel_js_distance",
        "stop_latency_s",
        *JUDGED,
        *VOICE,
        *DIALOGUE,
    },
    "fdbench": {
        "lost_per_turn_s",
        "lost_worded_s",
        "takeover_rate",
        "response_latency_s",
        "content_latency_s",
        "break_in_rate",
        "no_response_rate",
        "stop_latency_s",
        "talked_through_rate",
        "undecided_rate",
        "not_exercised_rate",
        "takeover_not_exercised_rate",
        "response_latency_not_exercised_s",
        "break_in_not_exercised_rate",
        "context_answered_rate",
        "relevance",
        "backchannel_f1",
        "backchannel_f1_above_chance",
        "backchannel_bits",
        "backchannel_ceiling_share",
        "backchannel_rate_log2",
        "sound_beside_speech",
        "own_text_wer",
        "self_interruption_rate",
        "first_self_interruption_rate",
        "later_self_interruption_rate",
        "self_answer_rate",
        "decided_latency_s",
        "arrived_latency_s",
        "yield_latency_s",
        "wanted_rate",
        "respond_rate",
        "resume_rate",
        "uncertain_rate",
        "unknown_rate",
        "judged_wanted_rate",
        "label_agreement_rate",
        "stop_rate",
        "goal_coverage_rate",
        "corrections_obeyed_rate",
        "entities_carried_rate",
        "declined_rate",
        "floor_transfer_offset_s",
        "no_reply_rate",
        "interruptions_made_rate",
        "interrupted_rate",
        "competing_overlap",
        "boundary_f1",
        "holds_taken_rate",
        "shifts_taken_rate",
        "broken_turns_rate",
        "long_silence_share",
        "talk_share",
        *JUDGED,
        *VOICE,
        *DIALOGUE,
    },
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_scorers_of_a_protocol_give_exactly_its_metrics(protocol: str) -> None:
    known = [behaviour for behaviour in BEHAVIOURS if has_scorer(behaviour, protocol)]
    scorers = [each for behaviour in known for each in scorers_for(behaviour, protocol, event_kinds=KINDS)]
    given = {metric for scorer in scorers for metric in scorer.metrics}
    registered = {metric.name for metric in METRICS.values() if protocol in metric.protocols}
    registered -= {HUMAN_DISTANCE}  # of a whole task, made of its latencies
    assert given == registered
    assert given == NAMES_OF_THE_SPECIFICATION["fdbench" if protocol == "fdbench" else "fdb-2026-05"]


@pytest.mark.parametrize(("behaviour", "protocol"), EVERY)
def test_every_behaviour_has_a_scorer_that_names_each_metric_once(behaviour: str, protocol: str) -> None:
    scorer = scorer_for(behaviour, protocol)
    assert len(set(scorer.metrics)) == len(scorer.metrics)
    assert ("takeover_rate" in scorer.metrics) == (behaviour in ALONE)
    assert scorer.version >= 1


def test_units_follow_names_and_each_entry_has_a_sentence() -> None:
    for name, metric in METRICS.items():
        assert metric.name == name
        assert (metric.unit == "s") == name.endswith("_s")
        assert (metric.unit == "Hz") == name.endswith("_hz")
        assert (metric.unit == "rate") == name.endswith("_rate")
        assert metric.sentence
    for key, reason in REASONS.items():
        assert reason.key == key
        assert reason.status in STATUSES
        assert reason.status != "scored"
        assert reason.sentence


def test_takeovers_are_good_or_bad_by_behaviour() -> None:
    assert [direction("takeover_rate", behaviour) for behaviour in ALONE] == [False, True, True, False]
    for metric in ("respond_rate", "stop_rate"):
        assert [direction(metric, behaviour) for behaviour in OVERLAPS] == [True, False, False, False]
    assert direction("takeover_rate") is None
    assert direction("relevance", "user_interruption") is True


def test_what_is_conditional_on_the_model_or_stands_beside_a_number_is_never_ranked() -> None:
    always = {"no_response_rate", "content_latency_s", "backchannel_f1", "backchannel_bits", "sound_beside_speech"}
    assert not any(is_ranked(metric, behaviour, "fdbench") for metric in always for behaviour in BEHAVIOURS)
    assert not is_ranked("response_latency_s", "user_interruption", "fdbench")
    assert not is_ranked("relevance", "user_interruption", "fdbench")
    assert is_ranked("response_latency_s", "turn_taking", "fdbench")
    assert is_ranked("stop_latency_s", "user_interruption", "fdbench")  # talked through is longer than the deadline
    assert is_ranked("relevance", "user_interruption", "fdb-2026-05")
    limits = {name: (metric.limit, metric.gates) for name, metric in METRICS.items() if metric.limit is not None}
    assert limits == {
        "undecided_rate": (0.10, ()),
        "sound_beside_speech": (0.02, ()),
        "backchannel_rate_log2": (1.0, ("backchannel_ceiling_share",)),
    }


def test_a_score_without_value_takes_its_status_from_the_reason() -> None:
    score = none_score("response_latency_s", "no_reply", censored_at_s=2.0)
    assert (score.status, score.reason, score.components) == ("censored", "no_reply", {"censored_at_s": 2.0})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: none_score("relevance", "no_takover"), "did you mean 'no_takeover'"),
        (lambda: scorer_for("turn_takin", "fdbench"), "did you mean 'turn_taking'"),
        (lambda: scorer_for("turn_taking", "fdb"), "unknown protocol 'fdb'"),
        (lambda: direction("takeover"), "did you mean 'takeover_rate'"),
    ],
)
def test_an_unknown_name_gets_the_closest_match(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(UsageError, match=message):
        call()


def test_every_reason_that_a_scorer_gives_is_registered_and_every_registered_one_is_known_here() -> None:
    literals = {
        node.value
        for path in SCORING.rglob("*.py")
        if path.name != "registry.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    given_elsewhere = {  # by the annotate stage, the reader of folders, the judge or the pipeline
        "audio_unreadable",
        "transcript_unreadable",
        "transcript_incomplete",
        "segments_unreadable",
        "implausible_words",
        "implausible_segments",
        "interruption_text_missing",
        "judge_failed",
        "rating_missing",
        "rating_unreadable",
        "call_failed",
        "not_called",
        "annotator_crashed",
    }
    assert set(REASONS) - literals == given_elsewhere


def test_importing_every_scorer_imports_nothing_heavy() -> None:
    code = (
        "import sys, pkgutil, importlib, fdbench.scoring as s\n"
        "for m in pkgutil.walk_packages(s.__path__, 'fdbench.scoring.'): importlib.import_module(m.name)\n"
        "print([m for m in ('scipy', 'torch', 'pydantic', 'onnxruntime', 'soundfile', 'jiwer') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
