"""Upstream's transcripts: words in the file's order, null times kept, anything else an error with file and chunk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fdbench.core.speech import Word
from fdbench.errors import DataError
from fdbench.io.upstream_json import read_upstream_words


def written(folder: Path, value: Any) -> Path:
    path = folder / "output.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def chunk(text: Any = "a", times: Any = (0, 1)) -> dict[str, Any]:
    return {"text": text, "timestamp": list(times) if isinstance(times, tuple) else times}


def test_words_come_in_the_files_order_even_if_unsorted_or_overlapping(tmp_path: Path) -> None:
    chunks = [chunk("late", (5, 6)), chunk(" early ", (1.5, 2.5)), chunk("over", (2.0, 5.5)), chunk("backwards", (3, 2))]
    assert read_upstream_words(written(tmp_path, {"text": "", "chunks": chunks})) == (
        Word("late", 5.0, 6.0),
        Word("early", 1.5, 2.5),
        Word("over", 2.0, 5.5),
        Word("backwards", 3.0, 2.0),
    )


def test_null_times_stay_none(tmp_path: Path) -> None:
    chunks = [chunk("a", (1, None)), chunk("b", (None, 2)), chunk("c", (None, None))]
    assert read_upstream_words(written(tmp_path, {"chunks": chunks})) == (
        Word("a", 1.0, None),
        Word("b", None, 2.0),
        Word("c", None, None),
    )


def test_silence_is_no_words(tmp_path: Path) -> None:
    assert read_upstream_words(written(tmp_path, {"text": "", "chunks": []})) == ()


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("{", "output.json:1: not JSON"),
        ("", "output.json:1: not JSON"),
        ("[" * 200_000, "output.json: nested too deeply"),
        ([], "found []"),
        (None, "found null"),
        ({"text": "hello"}, "expected"),
        ({"chunks": {}}, "'chunks': expected a list, found {}"),
        ({"chunks": [chunk(), "word"]}, "chunk 1: expected"),
        ({"chunks": [{"timestamp": [0, 1]}]}, "chunk 0: no 'text'"),
        ({"chunks": [chunk(), chunk(), {"text": "a"}]}, "chunk 2: no 'timestamp'"),
        ({"chunks": [chunk(None)]}, "chunk 0: 'text': expected text, found null"),
        ({"chunks": [chunk("a", None)]}, "chunk 0: 'timestamp': expected [start, end], found null"),
        ({"chunks": [chunk("a", (1,))]}, "chunk 0: 'timestamp': expected [start, end]"),
        ({"chunks": [chunk("a", (1, 2, 3))]}, "chunk 0: 'timestamp': expected [start, end]"),
        ({"chunks": [chunk("a", ("1", 2))]}, "chunk 0: 'timestamp': expected a number, found '1'"),
        ({"chunks": [chunk("a", (True, 2))]}, "chunk 0: 'timestamp': expected a number, found True"),
        ({"chunks": [chunk("a", (float("nan"), 2))]}, "chunk 0: 'timestamp': expected a finite number"),
        ({"chunks": [chunk("a", (0, float("inf")))]}, "chunk 0: 'timestamp': expected a finite number"),
        ({"chunks": [chunk("a", (0, 10**400))]}, "chunk 0: 'timestamp': expected a finite number"),
    ],
)
def test_anything_else_is_an_error_naming_file_and_chunk(tmp_path: Path, value: Any, problem: str) -> None:
    path = written(tmp_path, value)
    with pytest.raises(DataError) as raised:
        read_upstream_words(path)
    assert str(path) in raised.value.what
    assert problem in raised.value.what


@pytest.mark.parametrize("depth", range(100, 1000, 50))
def test_whatever_can_be_parsed_can_be_described(tmp_path: Path, depth: int) -> None:
    with pytest.raises(DataError, match=r"output\.json"):
        read_upstream_words(written(tmp_path, "[" * depth + "]" * depth))


def test_a_missing_or_undecodable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"output\.json: no such file"):
        read_upstream_words(tmp_path / "output.json")
    (tmp_path / "output.json").write_bytes(b'{"text": "\xff"}')
    with pytest.raises(DataError, match=r"output\.json: cannot be read"):
        read_upstream_words(tmp_path / "output.json")
