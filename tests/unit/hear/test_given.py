"""Transcripts and segments beside a recording."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fdbench.core.annotation import WordsRequest
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.errors import DataError
from fdbench.hear.given import read_segments, read_transcript, transcript_path

WHOLE, CROPPED, AFTER = WordsRequest("model"), WordsRequest("model", Span(0, 9)), WordsRequest("model", Span(7.24, 9))


@pytest.mark.parametrize(
    ("behaviour", "request_", "files", "expected"),
    [
        ("user_interruption", AFTER, ["output.json", "output.full.json"], ("output.json", "transcript_missing")),
        ("user_interruption", WHOLE, ["output.json", "output.full.json"], ("output.full.json", "transcript_incomplete")),
        ("user_interruption", CROPPED, ["output.json", "output.full.json"], ("output.full.json", "transcript_incomplete")),
        ("user_interruption", WHOLE, ["output.json"], ("output.full.json", "transcript_incomplete")),
        ("user_interruption", WHOLE, [], ("output.full.json", "transcript_missing")),
        ("turn_taking", WHOLE, ["output.json"], ("output.json", "transcript_missing")),
        ("turn_taking", CROPPED, ["output.json", "output.full.json"], ("output.json", "transcript_missing")),
        ("turn_taking", WHOLE, ["output.full.json"], ("output.full.json", "transcript_missing")),
        ("turn_taking", WHOLE, [], ("output.json", "transcript_missing")),
        ("user_interruption", WordsRequest("user"), [], ("input.json", "transcript_missing")),
    ],
)
def test_which_file_answers(
    behaviour: str, request_: WordsRequest, files: list[str], expected: tuple[str, str], tmp_path: Path
) -> None:
    for name in files:
        (tmp_path / name).touch()
    path, reason = transcript_path(tmp_path, behaviour, request_)
    assert (path.name, reason) == expected


def test_words_are_taken_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "output.json"
    path.write_text('{"text": "b a", "chunks": [{"text": "b", "timestamp": [2, null]}, {"text": "a", "timestamp": [1.5, 9]}]}')
    transcript = read_transcript(path)
    assert transcript.words == (Word("b", 2.0, None), Word("a", 1.5, 9.0))
    assert (transcript.engine, transcript.dropped) == ("given", 0)


def test_segments_are_taken_as_they_are_even_out_of_order(tmp_path: Path) -> None:
    path = tmp_path / "output.vad.json"
    path.write_text('{"segments": [{"start": 4.4, "end": 5}, {"start": 0, "end": 4.5}]}')
    assert read_segments(path) == (Span(4.4, 5.0), Span(0.0, 4.5))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("[]", "no list of segments"),
        ('{"segments": {}}', "no list of segments"),
        ('{"segments": [{"start": 0, "end": 1}, 3]}', "segment 1: expected an object"),
        ('{"segments": [{"start": 0}]}', "segment 0: no 'end'"),
        ('{"segments": [{"start": null, "end": 1}]}', "segment 0: 'start'"),
        ('{"segments": [{"start": "0", "end": 1}]}', "segment 0: 'start'"),
        ('{"segments": [{"start": true, "end": 1}]}', "segment 0: 'start'"),
        ('{"segments": [{"start": 0, "end": NaN}]}', "segment 0: 'end'"),
        ('{"segments": [{"start": 0, "end": 1' + 400 * "0" + "}]}", "segment 0: 'end'"),
        ('{"segments": [{"start": -1, "end": 1}]}', "segment 0: expected 0 <= start"),
        ('{"segments": [{"start": 2, "end": 1}]}', "segment 0: expected 0 <= start <= end"),
        ("[" * 100_000, "nested"),
    ],
)
def test_ill_formed_segments_name_the_file_and_the_index(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "output.vad.json"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        read_segments(path)
    assert str(path) in caught.value.what


@pytest.mark.parametrize(("text", "expected"), [(" Yes -- it does.", " Yes -- it does."), (None, "yes it does")])
def test_the_text_is_the_files_own_where_it_has_one(tmp_path: Path, text: str | None, expected: str) -> None:
    """The published judge is sent this text, not the words."""
    chunks = [{"text": word, "timestamp": [n, n + 0.5]} for n, word in enumerate(("yes", "it", "does"))]
    (tmp_path / "output.json").write_text(json.dumps({"text": text, "chunks": chunks}))
    assert read_transcript(tmp_path / "output.json").text == expected
