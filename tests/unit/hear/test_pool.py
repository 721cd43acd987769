"""Many takes: the same answers whatever the workers, and a worker's death costs one take."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from annotate_takes import AUDIO, DeadlyTake, FileTake, SlowTake

from fdbench.core.annotation import PUBLISHED_VAD, Annotations, SpeechRequest, WordsRequest
from fdbench.core.span import Span
from fdbench.errors import UsageError
from fdbench.hear.pool import Job, annotate_many
from fdbench.hear.stage import Engines

pytestmark = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("pocketsphinx", "onnxruntime", "silero_vad")),
    reason="needs the sphinx and vad extras",
)

SPEECH = SpeechRequest("model", Span(0, 5), PUBLISHED_VAD)
REQUESTS = (SPEECH, WordsRequest("model", Span(0, 5)))
SPHINX = Engines("sphinx")


def jobs(*indices: int) -> list[Job[int]]:
    return [(index, FileTake(AUDIO / f"{index}.wav"), REQUESTS) for index in indices]


@pytest.fixture(scope="module")
def expected() -> dict[int, Annotations]:
    return dict(annotate_many(jobs(0, 2, 4), SPHINX, None, workers=1))


def test_answers_do_not_depend_on_order_workers_or_cache(expected: dict[int, Annotations], tmp_path: Path) -> None:
    assert dict(annotate_many(jobs(4, 0, 2), SPHINX, None, workers=1)) == expected
    assert dict(annotate_many(jobs(2, 4, 0), SPHINX, tmp_path, workers=2)) == expected
    entries = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
    assert len(entries) == 9  # speech as asked, speech for the recogniser, words
    assert dict(annotate_many(jobs(0, 2, 4), SPHINX, tmp_path, workers=2)) == expected
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.json")} == entries


def test_a_take_that_kills_its_worker_costs_no_other_take(expected: dict[int, Annotations]) -> None:
    mixed: list[Job[int]] = [*jobs(0), (9, DeadlyTake(), REQUESTS), *jobs(2, 4)]
    answers = dict(annotate_many(mixed, SPHINX, None, workers=2))
    dead = answers.pop(9)
    assert {why.reason for why in dead.missing.values()} == {"annotator_crashed"} and set(dead.missing) == set(REQUESTS)
    assert len(dead.messages) == 1
    assert answers == expected


def test_a_take_that_was_unlucky_once_is_heard_after_all(tmp_path: Path) -> None:
    answers = dict(annotate_many([(0, DeadlyTake(tmp_path / "once"), (SPEECH,))], Engines("given"), None, workers=2))
    assert answers[0].missing == {}
    assert answers[0].speech[SPEECH].duration_s == 1.0


def test_jobs_are_drawn_as_they_are_needed() -> None:
    drawn: list[int] = []

    def endless() -> Iterator[Job[int]]:
        index = 0
        while True:
            drawn.append(index)
            yield index, FileTake(None), (SPEECH,)
            index += 1

    answers = annotate_many(endless(), Engines("given"), None, workers=2)
    for _ in range(10):
        next(answers)
    answers.close()
    assert len(drawn) <= 10 + 2 * 2 * 2


def test_nobody_waits_for_what_is_being_heard_when_one_is_interrupted(tmp_path: Path) -> None:
    def interrupted() -> Iterator[Job[int]]:
        yield 0, FileTake(None), (SPEECH,)
        yield 1, SlowTake(tmp_path), (SPEECH,)
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(annotate_many(interrupted(), Engines("given"), None, workers=1 + 1))
    assert not (tmp_path / "done").exists()


def test_an_unknown_engine_is_an_error_before_anything_is_drawn() -> None:
    def none() -> Iterator[Job[int]]:
        raise AssertionError("a job was drawn")
        yield

    with pytest.raises(UsageError, match="unknown speech recogniser 'sfinx'"):
        next(annotate_many(none(), Engines("sfinx"), None, workers=2))


def test_no_jobs_no_answers() -> None:
    assert list(annotate_many([], SPHINX, None, workers=2)) == []
