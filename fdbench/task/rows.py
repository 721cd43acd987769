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
audio_clean   Audio                          the prompt of the clean twin; only in tasks whose samples have one
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

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fdbench.core.behaviour import BEHAVIOURS, OVERLAPS
from fdbench.core.conversation import Sample
from fdbench.core.event import CONTEXT, EVENT_KINDS, INTERRUPTION, OVERLAP, TURN_END, Event
from fdbench.core.sound import Audio
from fdbench.core.span import Span
from fdbench.core.speech import Transcript, Word
from fdbench.core.take_id import TWIN
from fdbench.errors import DataError
from fdbench.io.upstream_json import describe, finite_number
from fdbench.task.fdb_layout import read_distribution

SPLIT: Final = "test"
GIVEN: Final = "given"

STRING, INTEGER, NUMBER, AUDIO = "string", "int64", "float64", "audio"
AUDIO_CELL: Final = {"bytes": "binary", "path": STRING}
"""What a cell of an audio column holds."""
Columns = Mapping[str, Any]
"""Name to type: one of the words above, a list of one type, or a mapping."""

SAMPLE: Final[Columns] = {
    "id": STRING,
    "task": STRING,
    "task_version": INTEGER,
    "behaviour": STRING,
    "audio": AUDIO,
    "sample_rate": INTEGER,
    "duration_s": NUMBER,
    "events": [{"kind": STRING, "start_s": NUMBER, "end_s": NUMBER, "text": STRING}],
    "words": [{"text": STRING, "start_s": NUMBER, "end_s": NUMBER}],
    "words_source": STRING,
    "human_timing": [NUMBER],
    "instructions": STRING,
    "digest": STRING,
}
NEEDED: Final = ("id", "task", "task_version", "audio", "events", "words", "human_timing")

_NEEDED_EVENTS: Final = {
    "turn_taking": (TURN_END,),
    "user_interruption": (CONTEXT, INTERRUPTION),
    **dict.fromkeys(OVERLAPS, (CONTEXT, OVERLAP)),
}


TWIN_AUDIO: Final = "audio_clean"


def columns_of(behaviour: str) -> Columns:
    """The columns of a task's config."""
    return SAMPLE if TWIN not in BEHAVIOURS[behaviour].stimuli else {**SAMPLE, TWIN_AUDIO: AUDIO}


def config_of(task: str) -> str:
    """Name of a task's config."""
    return task.replace("/", "--")


def sample_row(
    sample: Sample,
    task_version: int,
    behaviour: str,
    digest: str,
    prompt: tuple[bytes, str],
    audio: Audio,
    twin: tuple[bytes, str] | None = None,
) -> dict[str, Any]:
    """The columns of ``columns_of``.

    Args:
        prompt: Bytes of the prompt's file, and its name.
        audio: The same, decoded.
        twin: Bytes and name of the clean twin's, where the sample has one.
    """
    words, words_source = None, None
    if sample.transcript is not None:
        words_source = sample.transcript.engine
        words = [{"text": word.text, "start_s": word.start_s, "end_s": word.end_s} for word in sample.transcript.words]
    return {
        "id": sample.id,
        "task": sample.task,
        "task_version": task_version,
        "behaviour": behaviour,
        "audio": {"bytes": prompt[0], "path": prompt[1]},
        "sample_rate": audio.sample_rate,
        "duration_s": audio.duration_s,
        "events": [
            {"kind": event.kind, "start_s": event.span.start_s, "end_s": event.span.end_s, "text": event.text}
            for event in sample.events
        ],
        "words": words,
        "words_source": words_source,
        "human_timing": list(sample.human_timing) or None,
        "instructions": sample.instructions,
        "digest": digest,
        **({} if twin is None else {TWIN_AUDIO: {"bytes": twin[0], "path": twin[1]}}),
    }


def read_annotation(row: Mapping[str, Any], where: str) -> tuple[tuple[Event, ...], Transcript | None, tuple[float, ...]]:
    """Events, the user's words and the human timing of a row.

    Raises:
        DataError: A value is none that the schema allows; names it, what was expected and what was found.
    """
    transcript, timing = None, row["human_timing"]
    if row["words"] is not None:
        words = tuple(_word(value, at) for value, at in _items(row, "words", {"text", "start_s", "end_s"}, where))
        transcript = Transcript(words, row.get("words_source") or GIVEN)
    events = tuple(_event(value, at) for value, at in _items(row, "events", {"kind", "start_s", "end_s", "text"}, where))
    return events, transcript, read_distribution(timing, f"{where}: human_timing") if timing else ()


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


def _items(row: Mapping[str, Any], column: str, keys: set[str], where: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The items of a list of mappings, and what errors call each."""
    values = row[column]
    if not isinstance(values, list):
        raise DataError(f"{where}: {column}: expected a list, found {describe(values)}")
    for index, value in enumerate(values):
        if not isinstance(value, dict) or not keys <= value.keys():
            raise DataError(f"{where}: {column}[{index}]: expected {', '.join(sorted(keys))}, found {describe(value)}")
        yield value, f"{where}: {column}[{index}]"


def _event(value: Mapping[str, Any], where: str) -> Event:
    if value["kind"] not in EVENT_KINDS:
        raise DataError(f"{where}: kind: expected one of {', '.join(EVENT_KINDS)}, found {describe(value['kind'])}")
    start_s, end_s = (finite_number(value[key], f"{where}: {key}") for key in ("start_s", "end_s"))
    if not 0 <= start_s <= end_s:
        raise DataError(f"{where}: expected 0 <= start_s <= end_s, found {start_s} and {end_s}")
    return Event(value["kind"], Span(start_s, end_s), _text(value, where))


def _word(value: Mapping[str, Any], where: str) -> Word:
    times = (value[key] for key in ("start_s", "end_s"))
    start_s, end_s = (None if time is None else finite_number(time, where) for time in times)
    return Word(_text(value, where), start_s, end_s)


def _text(value: Mapping[str, Any], where: str) -> str:
    if not isinstance(value["text"], str | None):
        raise DataError(f"{where}: text: expected text, found {describe(value['text'])}")
    return value["text"] or ""
