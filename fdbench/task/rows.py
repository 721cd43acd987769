"""The schema of a samples dataset: one row per clip, and the way from a row to a sample and back, without loss.

A dataset has one config per task, named after it with ``--`` for ``/`` (``v1--turn_taking.candor``), and one split, ``test``.

============= ============================== =========================================================================
column        type                           content
============= ============================== =========================================================================
id            string                         of the clip: the name of its folder
task          string                         ``v1/turn_taking.candor``
task_version  int64                          of the task as fdbench defines it
behaviour     string                         ``pause_handling``, ``turn_taking``, ``backchannel``, ``user_interruption``
audio         Audio                          the prompt: the source file's bytes, unchanged; ``path`` is its file name
sample_rate   int64                          Hz
duration_s    float64                        length of the prompt
events        [{kind, start_s, end_s, text}] what the data says happens: pauses, turn end, context, interruption
words         [{text, start_s, end_s}]       the user's words; a time may be null; null = no transcript, [] = no word
words_source  string                         who made the words: ``given`` with the data, ``script``; null without words
human_timing  [float64]                      human backchannel distribution, equal windows; null where there is none
instructions  string                         what a model that takes a text prompt is told
digest        string                         SHA-256 of the sample as manifests of runs record it
============= ============================== =========================================================================

All times are float64 seconds from the prompt's first sample. Needed for reading are id, task, task_version, audio, events,
words and human_timing; ``digest``, where it is there, is compared with the content. Instructions come from the task's version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fdbench.core.conversation import Sample
from fdbench.core.event import CONTEXT, EVENT_KINDS, INTERRUPTION, TURN_END, Event
from fdbench.core.sound import Audio
from fdbench.core.span import Span
from fdbench.core.speech import Transcript, Word
from fdbench.errors import DataError
from fdbench.io.upstream_json import describe, finite_number

SPLIT: Final = "test"
GIVEN: Final = "given"

STRING, INTEGER, NUMBER, AUDIO, FLAG = "string", "int64", "float64", "audio", "bool"
AUDIO_CELL: Final = {"bytes": "binary", "path": STRING}
"""What a cell of an audio column holds."""
EVENTS: Final = [{"kind": STRING, "start_s": NUMBER, "end_s": NUMBER, "text": STRING}]
WORDS: Final = [{"text": STRING, "start_s": NUMBER, "end_s": NUMBER}]

Columns = Mapping[str, Any]
"""Name to type: one of the words above, a list of one type, or a mapping."""

ANNOTATION: Final[Columns] = {
    "events": EVENTS,
    "words": WORDS,
    "words_source": STRING,
    "human_timing": [NUMBER],
    "instructions": STRING,
    "digest": STRING,
}
SAMPLE: Final[Columns] = {
    "id": STRING,
    "task": STRING,
    "task_version": INTEGER,
    "behaviour": STRING,
    "audio": AUDIO,
    "sample_rate": INTEGER,
    "duration_s": NUMBER,
    **ANNOTATION,
}
NEEDED: Final = ("id", "task", "task_version", "audio", "events", "words", "human_timing")

_NEEDED_EVENTS: Final = {"turn_taking": (TURN_END,), "user_interruption": (CONTEXT, INTERRUPTION)}


def config_of(task: str) -> str:
    """Name of a task's config."""
    return task.replace("/", "--")


def annotation_row(sample: Sample, digest: str | None, instructions: str) -> dict[str, Any]:
    """The columns of ``ANNOTATION``."""
    words = sample.transcript.words if sample.transcript is not None else None
    return {
        "events": [
            {"kind": event.kind, "start_s": event.span.start_s, "end_s": event.span.end_s, "text": event.text}
            for event in sample.events
        ],
        "words": None if words is None else words_row(words),
        "words_source": sample.transcript.engine if sample.transcript is not None else None,
        "human_timing": list(sample.human_timing) or None,
        "instructions": instructions,
        "digest": digest,
    }


def words_row(words: Sequence[Word]) -> list[dict[str, Any]]:
    return [{"text": word.text, "start_s": word.start_s, "end_s": word.end_s} for word in words]


def sample_row(
    sample: Sample, task_version: int, behaviour: str, digest: str, prompt: tuple[bytes, str], audio: Audio
) -> dict[str, Any]:
    """The columns of ``SAMPLE``.

    Args:
        prompt: Bytes of the prompt's file, and its name.
        audio: The same, decoded.
    """
    return {
        "id": sample.id,
        "task": sample.task,
        "task_version": task_version,
        "behaviour": behaviour,
        "audio": {"bytes": prompt[0], "path": prompt[1]},
        "sample_rate": audio.sample_rate,
        "duration_s": audio.duration_s,
        **annotation_row(sample, digest, sample.instructions),
    }


def read_annotation(row: Mapping[str, Any], where: str) -> tuple[tuple[Event, ...], Transcript | None, tuple[float, ...]]:
    """Events, the user's words and the human timing of a row.

    Raises:
        DataError: A value is none that the schema allows; names it, what was expected and what was found.
    """
    events = tuple(_event(value, f"{where}: events[{index}]") for index, value in enumerate(_list(row, "events", where)))
    transcript = None
    if row["words"] is not None:
        words = tuple(_word(value, f"{where}: words[{index}]") for index, value in enumerate(_list(row, "words", where)))
        transcript = Transcript(words, row.get("words_source") or GIVEN)
    timing: tuple[float, ...] = ()
    if row["human_timing"]:
        values = enumerate(_list(row, "human_timing", where))
        timing = tuple(finite_number(value, f"{where}: human_timing[{index}]") for index, value in values)
        if min(timing) < 0 or sum(timing) <= 0:
            raise DataError(f"{where}: human_timing: expected numbers of 0 or more, not all 0, found {describe(list(timing))}")
    return events, transcript, timing


def check_events(events: Sequence[Event], behaviour: str, where: str) -> None:
    """Whether a sample has what every protocol needs.

    Raises:
        DataError: An event is missing.
    """
    kinds = {event.kind for event in events}
    for kind in _NEEDED_EVENTS.get(behaviour, ()):
        if kind not in kinds:
            raise DataError(f"{where}: events: expected a {kind}, found {', '.join(sorted(kinds)) or 'none'}")


def check_id(value: Any, where: str) -> str:
    """A clip's name, which becomes part of file names.

    Raises:
        DataError: It is none, or could lead out of a folder.
    """
    if not isinstance(value, str) or not value or "/" in value or "\0" in value:
        raise DataError(f"{where}: id: expected a name without '/', found {describe(value)}", "rename it")
    return value


def _list(row: Mapping[str, Any], column: str, where: str) -> list[Any]:
    value = row[column]
    if not isinstance(value, list):
        raise DataError(f"{where}: {column}: expected a list, found {describe(value)}")
    return value


def _event(value: Any, where: str) -> Event:
    if not isinstance(value, Mapping):
        raise DataError(f"{where}: expected an event, found {describe(value)}")
    if value["kind"] not in EVENT_KINDS:
        raise DataError(f"{where}: kind: expected one of {', '.join(EVENT_KINDS)}, found {describe(value['kind'])}")
    start_s, end_s = (finite_number(value[key], f"{where}: {key}") for key in ("start_s", "end_s"))
    if not 0 <= start_s <= end_s:
        raise DataError(f"{where}: expected 0 <= start_s <= end_s, found {start_s} and {end_s}")
    return Event(value["kind"], Span(start_s, end_s), value["text"] or "")


def _word(value: Any, where: str) -> Word:
    if not isinstance(value, Mapping) or not isinstance(value["text"], str | None):
        raise DataError(f"{where}: expected a word, found {describe(value)}")
    times = (value[key] for key in ("start_s", "end_s"))
    start_s, end_s = (None if time is None else finite_number(time, where) for time in times)
    return Word(value["text"] or "", start_s, end_s)
