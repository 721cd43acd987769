"""``fdbench.score`` of an overlap: a call, and its clean twin beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

import fdbench
from fdbench.core.signature import parse_signature
from fdbench.errors import UsageError
from tests.pairs_tree import RATE_HZ, overlap_of, write_folder


def spoken(text, from_s):
    return [(word, from_s + 0.25 * at, from_s + 0.25 * at + 0.2) for at, word in enumerate(text.split())]


FIRST, SECOND = spoken("it is the tallest tower in all of europe", 2.4), spoken("a bridge hangs from cables", 6.2)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The files of a pair, and where its overlap is."""
    clip = write_folder(tmp_path_factory.mktemp("pairs") / "clips", n=1) / "1"
    files = [str(clip / name) for name in ("input.wav", "output.wav", "clean_input.wav", "clean_output.wav")]
    return files, ("overlap", *overlap_of(0))


def test_a_pair_is_three_lines_of_a_notebook(pair):
    (user, model, clean_user, clean_model), overlap = pair
    scores = fdbench.score(user, model, task="overlap.user_interruption", events=[overlap], twin=(clean_user, clean_model))
    assert scores["stop_rate"].value == 1.0
    assert scores["stop_latency_s"].value == pytest.approx(0.4, abs=0.05)
    assert scores["response_latency_s"].value == pytest.approx(0.4, abs=0.05)
    assert scores["wanted_rate"].reason == "no_words"


def test_without_a_twin_what_needs_it_says_so(pair):
    (user, model, *_), overlap = pair
    scores = fdbench.score(user, model, task="v1.5/user_interruption", events=[overlap])
    assert (scores["stop_rate"].status, scores["stop_rate"].reason) == ("error", "twin_missing")
    assert scores["not_exercised_rate"].value == 0.0
    assert scores["response_latency_s"].value == pytest.approx(0.4, abs=0.05)


def test_arrays_and_words_of_both_calls_give_a_label(pair):
    files, overlap = pair
    user, model, clean_user, clean_model = (soundfile.read(file, dtype="float32")[0] for file in files)
    said = [*FIRST[:6], *SECOND]
    scores = fdbench.score(
        user,
        model,
        RATE_HZ,
        task="overlap.user_interruption",
        events=[overlap],
        words=said,
        twin=(clean_user, clean_model, FIRST),
    )
    assert scores["respond_rate"].value == scores["wanted_rate"].value == 1.0
    assert parse_signature(scores.signatures["wanted_rate"])["asr"] == "given"
    resumed = [*FIRST[:6], *((word, start + 3.8, end + 3.8) for word, start, end in FIRST)]
    scores = fdbench.score(
        user, model, RATE_HZ, task="overlap.user_backchannel", events=[overlap], words=resumed,
        twin=(clean_user, clean_model, FIRST),
    )  # fmt: skip
    assert scores["resume_rate"].value == scores["wanted_rate"].value == 1.0


def test_what_is_wrong_with_the_twin_is_noted_by_name(pair):
    (user, model, clean_user, _), overlap = pair
    scores = fdbench.score(user, model, task="overlap.user_interruption", events=[overlap], twin=(clean_user, clean_user))
    assert any(note.startswith("twin: not to be believed: the prompt itself is heard") for note in scores.notes)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"task": "turn_taking", "events": [("turn_end", 2.0)]}, "turn_taking has no clean twin"),
        ({"words": FIRST}, "nothing says what the model said in the twin"),
        ({"twin": ("a.wav",)}, "expected two sounds"),
        ({"twin": 5}, "expected two sounds"),
        ({"events": []}, "needs an event 'overlap'"),
    ],
)
def test_misuse_is_two_lines(pair, options, told):
    (user, model, *clean), overlap = pair
    given = {"task": "overlap.user_interruption", "events": [overlap], "twin": tuple(map(Path, clean)), **options}
    with pytest.raises(UsageError) as caught:
        fdbench.score(user, model, **given)
    assert told in caught.value.what and caught.value.remedy
