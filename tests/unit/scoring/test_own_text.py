"""What was written against what is heard: values counted by hand, the decision table, and what is no difference."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring_timeline import outcome, sample

from fdbench.core.absence import Absence
from fdbench.core.annotation import Annotations
from fdbench.core.behaviour import BEHAVIOURS
from fdbench.core.event import TEXT, Event
from fdbench.core.metric import PROTOCOLS
from fdbench.core.score import Score
from fdbench.core.span import Span
from fdbench.core.speech import Transcript, Word
from fdbench.scoring.aggregate import summarise
from fdbench.scoring.base import NO_JUDGE
from fdbench.scoring.corrected.own_text import OwnText, normalised, words_written
from fdbench.scoring.registry import has_scorer, scorer_for, scorers_for
from fdbench.scoring.requests import MODEL_WORDS

FRAME_S = 0.08


def pieces(*texts: str, start_s: float = 0.0) -> tuple[Event, ...]:
    """One per frame of 80 ms."""
    starts = [start_s + index * FRAME_S for index in range(len(texts))]
    return tuple(Event(TEXT, Span(at, at + FRAME_S), text) for at, text in zip(starts, texts, strict=True))


def score(written: tuple[Event, ...], heard: str | None) -> Score:
    """``heard`` None: the recogniser crashed."""
    words = tuple(Word(text, 0.0, 0.1) for text in (heard or "").split())
    known = {MODEL_WORDS: Transcript(words, "given")} if heard is not None else {}
    missing = {MODEL_WORDS: Absence("annotator_crashed")} if heard is None else {}
    take = Annotations(recorded_s=10.0, words=known, missing=missing, model_events=written)
    (found,) = OwnText().score(sample(), {"main": take}, NO_JUDGE)
    return found


@pytest.mark.parametrize(
    ("written", "heard", "expected"),
    [
        ((), "", "no_own_text"),
        ((), "some words", "no_own_text"),
        ((" ", "...", " -"), "some words", "no_own_text"),
        ((" yes", " of", " course"), "", 1.0),
        ((" yes", " of", " course"), "yes of course", 0.0),
        ((" yes", " of", " course"), "yes a horse", 0.666667),
        ((" yes",), "yes and no and no", 4.0),
        ((" yes",), None, "annotator_crashed"),
        ((), None, "no_own_text"),
    ],
)
def test_the_decision_table(written: tuple[str, ...], heard: str | None, expected: float | str) -> None:
    assert outcome(score(pieces(*written), heard)) == expected


def test_a_missing_take_is_an_error() -> None:
    (found,) = OwnText().score(sample(), {}, NO_JUDGE)
    assert (found.status, found.reason) == ("error", "audio_missing")


def test_errors_are_counted_by_kind() -> None:
    """b became x, d is gone, i and j are new, six are right; no other four edits lead from one to the other."""
    found = score(pieces(" a", " b", " c", " d", " e", " f", " g", " h"), "a x c e f g h i j")
    assert found.value == 0.5
    kinds = {"substitutions": 1, "deletions": 1, "insertions": 2, "hits": 6}
    assert found.components == {"numerator": 4, "denominator": 8, **kinds}


def test_pieces_make_words_and_a_space_begins_one() -> None:
    assert words_written(pieces("Well", ",", " that", " de", "pends", "", " ", "on", " it", ".")) == [
        "Well,", "that", "depends", "on", "it.",
    ]  # fmt: skip


def test_words_count_from_the_prompt_s_first_sample_on_by_their_first_piece() -> None:
    """The second word begins before t = 0 and goes on after it; the third begins at 0, up to rounding."""
    written = (*pieces(" one", " tw", "o", start_s=-1.5 * FRAME_S), *pieces(" three", start_s=-1e-12))
    assert written[1].span.start_s < 0.0 < written[2].span.start_s
    assert words_written(written) == ["three"]
    assert words_written(written, from_s=-1.0) == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes, OF course!", "yes of course"),
        ("don't don’t donʼt don`t", "dont dont dont dont"),
        ("“well-known” – and/or", "well known and or"),
        ("a\u00a0b\tc\n d", "a b c d"),
        ("42 % of 1,000", "42 of 1000"),
        ("¿Qué?", "qué"),
        (" ... ", ""),
        ("", ""),
    ],
)
def test_what_is_no_difference_in_speech(text: str, expected: str) -> None:
    assert normalised(text) == expected.split()


@given(st.text())
def test_a_text_without_its_differences_stays_as_it_is(text: str) -> None:
    once = normalised(text)
    assert normalised(" ".join(once)) == once
    assert all(word and not word.isspace() for word in once)


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1), st.lists(st.sampled_from(["a", "b", "c"])))
def test_the_parts_add_up(written: list[str], heard: list[str]) -> None:
    found = score(pieces(*(f" {word}" for word in written)), " ".join(heard))
    part = found.components
    assert part["hits"] + part["substitutions"] + part["deletions"] == len(written)
    assert part["hits"] + part["substitutions"] + part["insertions"] == len(heard)
    assert found.value == pytest.approx(part["numerator"] / len(written))
    assert (found.value == 0) == (written == heard)


def test_a_corpus_has_all_errors_over_all_words_and_the_median_of_its_clips() -> None:
    """1 of 2, 0 of 8, 5 of 5 words: 6 / 15, where the mean of the clips would be 0.5; the silent one is left out."""
    scores = [
        score(pieces(" a", " b"), "a x"),
        score(pieces(*(f" {word}" for word in "abcdefgh")), "a b c d e f g h"),
        score(pieces(" a", " b", " c", " d", " e"), ""),
        score((), "nothing was written"),
    ]
    summary = summarise("own_text_wer", scores, "fdbench", "", groups=list("wxyz"))
    assert summary.value == pytest.approx(6 / 15)
    assert (summary.n_scored, summary.n_not_applicable) == (3, 1)
    assert summary.details == {"median": 0.5, "substitutions": 1, "deletions": 5, "insertions": 0, "hits": 9}
    assert summary.ci_low is not None and summary.ci_high is not None
    assert 0.0 <= summary.ci_low <= summary.value <= summary.ci_high <= 1.0


@pytest.mark.parametrize(
    ("behaviour", "protocol"), [(each, protocol) for each in BEHAVIOURS for protocol in PROTOCOLS if has_scorer(each, protocol)]
)
def test_it_stands_beside_every_behaviour_of_ours_where_there_is_a_text_and_asks_for_nothing_new(
    behaviour: str, protocol: str
) -> None:
    own, with_text = scorer_for(behaviour, protocol), scorers_for(behaviour, protocol, event_kinds=("text",))
    assert [type(each) for each in scorers_for(behaviour, protocol, event_kinds=())] == [type(own)]
    assert [type(each) for each in with_text] == [type(own), *([OwnText] if protocol == "fdbench" else [])]
    prompts = {"main": 5.0}
    asked = {request for each in with_text for request in each.needs(sample(), prompts).get("main", ())}
    assert asked == set(own.needs(sample(), prompts).get("main", ()))


def test_jiwer_is_imported_when_there_is_something_to_compare() -> None:
    code = (
        "import sys, json\nfrom fdbench.scoring.corrected.own_text import OwnText, normalised\n"
        "before = 'jiwer' in sys.modules\nnormalised('a')\nprint(json.dumps([before, 'jiwer' in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [False, True]
