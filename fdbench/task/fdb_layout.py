"""Upstream's folder layout: one sub-folder per clip, annotations as small JSON lists of which the first element counts.

    FOLDER/<id>/input.wav             the prompt; recordings can be scored without it
                transcription.json    the user's words
                pause.json            [{"timestamp": [start, end]}, ...]
                turn_taking.json      [{"timestamp": [turn end, ...]}]; of the timestamp, only the first time decides
                interrupt.json        [{"context", "interrupt", "timestamp": [start, end]}]; the texts may be null or absent
    FOLDER/icc_gt_distribution.json   {id: human backchannel distribution}; may lie beside FOLDER instead

Sets whose clips have a clean twin: ``overlap_layout``. Of dialogues no prompts exist, and a folder holds what became of them:

    FOLDER/<id>/A.wav, B.wav          what the examiner said, what the model said, on one timeline
                A.json, B.json        their words
                judge.txt             what a judge wrote

What every protocol needs, ``turn_taking.json``, ``interrupt.json`` and ``metadata.json``, breaks its sample and no other where
it is missing or damaged. What only some metrics need does not: where ``pause.json`` (read by the ``fdbench`` protocol alone),
a clip's human distribution or the transcription is damaged, the sample stands without it, and a note names the file and the
fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fdbench.core.absence import Absence
from fdbench.core.behaviour import BEHAVIOURS, DIALOGUE, OVERLAPS
from fdbench.core.conversation import Sample
from fdbench.core.event import CONTEXT, INTERRUPTION, PAUSE, TURN_END, Event
from fdbench.core.span import Span
from fdbench.core.speech import Transcript
from fdbench.errors import DataError, unknown_name
from fdbench.io.files import read_json
from fdbench.io.upstream_json import describe, file_of, finite_number, read_user_words
from fdbench.task.overlap_layout import METADATA, read_overlap
from fdbench.task.stimulus import FileStimulus

HUMAN_TIMING_FILE = "icc_gt_distribution.json"
BAD_ANNOTATION = "bad_annotation"
AUDIO_MISSING = "audio_missing"

_DIALOGUE_FILES: Final = frozenset({"A.wav", "B.wav", "A.json", "B.json", "A.vad.json", "B.vad.json", "judge.txt"})
_KNOWN_FILES: Final = frozenset(
    {
        "input.wav", "output.wav", "output.json", "output.full.json", "output.vad.json",
        "pause.json", "turn_taking.json", "interrupt.json", "transcription.json", METADATA,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FdbFolder:
    """What a folder holds, in natural order of ids (2 before 10).

    Attributes:
        broken: Why a sample cannot be used, by id; the message is one line naming the file, expected and found.
        stray: Names of files and folders that are no samples.
        notes: Sample and line for each thing that was left out of a sample that stands without it.
    """

    samples: tuple[Sample, ...]
    broken: Mapping[str, Absence]
    stray: tuple[str, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()


def read_fdb_folder(folder: Path, task: str, behaviour: str, human_timing: Path | None = None) -> FdbFolder:
    """Read the annotations of a folder; no audio is read.

    Args:
        folder: Holds one sub-folder per clip.
        task: Name that the samples get.
        behaviour: A name of ``fdbench.core.behaviour.BEHAVIOURS``.
        human_timing: File with the human distributions; None looks in the folder and beside it.

    Raises:
        DataError: The folder is missing or holds no sample at all, or the human distributions cannot be read.
        UsageError: Unknown behaviour.
    """
    if behaviour not in _READ_EVENTS:
        raise unknown_name("behaviour", behaviour, _READ_EVENTS)
    found, stray = _list(folder, _DIALOGUE_FILES if behaviour == DIALOGUE else _KNOWN_FILES)
    file = human_timing or _find_human_timing(folder) if behaviour == "backchannel" else None
    timing = None if file is None else (file, read_human_timing(file))
    samples: list[Sample] = []
    broken: dict[str, Absence] = {}
    notes: list[tuple[str, str]] = []
    for path in found:
        left_out: list[str] = []
        try:
            samples.append(_read_sample(path, task, behaviour, timing, left_out))
        except DataError as error:
            broken[path.name] = Absence(BAD_ANNOTATION, error.what)
        else:
            notes += [(path.name, line) for line in left_out]
    return FdbFolder(tuple(samples), broken, stray, tuple(notes))


def natural_order(name: str) -> tuple[tuple[str | int, ...], str]:
    """Sort key by which ``2`` comes before ``10``."""
    parts = re.split(r"([0-9]+)", name)
    return tuple(int(part) if index % 2 else part for index, part in enumerate(parts)), name


def _list(folder: Path, known: frozenset[str]) -> tuple[list[Path], tuple[str, ...]]:
    """Sub-folders that are samples, and the names of everything else; what is hidden (an editor's copies) is no sample."""
    expected = f"one sub-folder per clip with any of {', '.join(sorted(known))}"
    try:
        entries = sorted(folder.iterdir(), key=lambda path: natural_order(path.name))
    except FileNotFoundError:
        raise DataError(f"{folder}: no such folder", f"expected {expected}") from None
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed ({error.strerror})", f"expected {expected}") from None
    found = [path for path in entries if _is_clip(path, known)]
    if not found:
        held = ", ".join(path.name for path in entries[:5]) or "nothing"
        raise DataError(f"{folder}: no clip in it (found {held})", f"expected {expected}")
    taken = {path.name for path in found} | {HUMAN_TIMING_FILE}
    return found, tuple(path.name for path in entries if path.name not in taken)


def _is_clip(path: Path, known: frozenset[str]) -> bool:
    try:
        path.name.encode()
        return not path.name.startswith(".") and path.is_dir() and any((path / name).exists() for name in known)
    except (UnicodeEncodeError, OSError):
        return False


def _read_sample(
    path: Path, task: str, behaviour: str, timing: tuple[Path, Mapping[str, Any]] | None, left_out: list[str]
) -> Sample:
    transcription = path / "transcription.json"
    events = _READ_EVENTS[behaviour](path, left_out)
    transcript: Transcript | None = None
    human_timing: tuple[float, ...] = ()
    with _standing_without("it", left_out):
        if transcription.exists():
            turn_end_s = next((event.span.start_s for event in events if event.kind == TURN_END), None)
            transcript = Transcript(read_user_words(transcription, turn_end_s), engine="given")
    with _standing_without("human timing", left_out):
        if timing is not None and path.name in timing[1]:
            human_timing = read_distribution(timing[1][path.name], f"{timing[0]}: '{path.name}'")
    prompts = {stimulus: path / file_of(stimulus, "input.wav") for stimulus in BEHAVIOURS[behaviour].stimuli}
    stimuli = {stimulus: FileStimulus(prompt) for stimulus, prompt in prompts.items() if prompt.exists()}
    return Sample(path.name, task, stimuli, events, transcript, human_timing)


@contextmanager
def _standing_without(what: str, left_out: list[str]) -> Iterator[None]:
    """What cannot be read in here is left out of the sample, which stands without it."""
    try:
        yield
    except DataError as error:
        left_out.append(f"{error.what}; the sample stands without {what}")


def _read_pauses(path: Path, left_out: list[str]) -> tuple[Event, ...]:
    file, spans = path / "pause.json", list[Span]()
    with _standing_without("pauses", left_out):
        if file.exists():
            spans = [_span(item, f"{file}: [{index}]") for index, item in enumerate(_read_list(file))]
    return tuple(Event(PAUSE, span) for span in sorted(spans))


def _read_turn_end(path: Path, left_out: list[str]) -> tuple[Event, ...]:
    file = path / "turn_taking.json"
    where = f"{file}: [0]"
    times = _timestamp(_first(file), where)
    if not times:
        raise DataError(f"{where}: 'timestamp': expected [turn end, ...], found []")
    turn_end_s = finite_number(times[0], f"{where}: 'timestamp'")
    if turn_end_s < 0:
        raise DataError(f"{where}: 'timestamp': expected a turn end of 0 or more, found {turn_end_s}")
    try:
        end_s = finite_number(times[1], where) if len(times) > 1 else turn_end_s
    except DataError:  # nobody reads it
        end_s = turn_end_s
    return (Event(TURN_END, Span(turn_end_s, max(turn_end_s, end_s))),)


def _read_interruption(path: Path, left_out: list[str]) -> tuple[Event, ...]:
    file = path / "interrupt.json"
    where = f"{file}: [0]"
    item = _first(file)
    span = _span(item, where)
    context, interruption = (_text(item, key, where) for key in ("context", "interrupt"))
    # Upstream does not say when the context was spoken, only that it was before the interruption.
    return Event(CONTEXT, Span(0.0, span.start_s), context), Event(INTERRUPTION, span, interruption)


_READ_EVENTS: Final[Mapping[str, Callable[[Path, list[str]], tuple[Event, ...]]]] = {
    "pause_handling": _read_pauses,
    "turn_taking": _read_turn_end,
    "user_interruption": _read_interruption,
    "backchannel": lambda path, left_out: (),
    DIALOGUE: lambda path, left_out: (),
    **dict.fromkeys(OVERLAPS, lambda path, left_out: read_overlap(path)),
}


def _read_list(file: Path) -> list[Any]:
    value = read_json(file, finite=False)
    if not isinstance(value, list):
        raise DataError(f"{file}: expected a list, found {describe(value)}")
    return value


def _first(file: Path) -> Any:
    items = _read_list(file)
    if not items:
        raise DataError(f"{file}: expected a list with one annotation, found an empty one")
    return items[0]


def _timestamp(item: Any, where: str) -> list[Any]:
    if not isinstance(item, dict) or "timestamp" not in item:
        raise DataError(f'{where}: expected {{"timestamp": [start, end]}}, found {describe(item)}')
    times = item["timestamp"]
    if not isinstance(times, list):
        raise DataError(f"{where}: 'timestamp': expected [start, end], found {describe(times)}")
    return times


def _span(item: Any, where: str) -> Span:
    times = _timestamp(item, where)
    if len(times) != 2:
        raise DataError(f"{where}: 'timestamp': expected [start, end], found {describe(times)}")
    start_s, end_s = (finite_number(time, f"{where}: 'timestamp'") for time in times)
    if not 0 <= start_s <= end_s:
        raise DataError(f"{where}: 'timestamp': expected 0 <= start <= end, found [{start_s}, {end_s}]")
    return Span(start_s, end_s)


def _text(item: Any, key: str, where: str) -> str:
    text = item.get(key)
    if text is not None and not isinstance(text, str):
        raise DataError(f"{where}: '{key}': expected text, found {describe(text)}")
    return text or ""


def _find_human_timing(folder: Path) -> Path | None:
    places = (folder / HUMAN_TIMING_FILE, folder.resolve().parent / HUMAN_TIMING_FILE)
    return next((place for place in places if place.exists()), None)


def read_human_timing(file: Path) -> dict[str, Any]:
    """What stands for each clip in a file of human distributions. Raises DataError."""
    value = read_json(file, finite=False)
    if not isinstance(value, dict):
        raise DataError(f"{file}: expected {{id: [number, ...]}}, found {describe(value)}")
    return value


def read_distribution(values: Any, where: str) -> tuple[float, ...]:
    """A human backchannel distribution. Raises DataError."""
    if not isinstance(values, list) or not values:
        raise DataError(f"{where}: expected a list of numbers, found {describe(values)}")
    numbers = tuple(finite_number(value, f"{where}[{index}]") for index, value in enumerate(values))
    if min(numbers) < 0 or sum(numbers) <= 0:
        raise DataError(f"{where}: expected numbers of 0 or more, not all 0, found {describe(values)}")
    return numbers
