"""Which file of a folder is the recording of which sample.

Looked for below DIR, case and all, with any suffix of ``SUFFIXES`` where ``.wav`` is written:

============ =================================== ==========================================================
named by     file                                for example
============ =================================== ==========================================================
task and id  ``<task>/<id>.wav``                 ``mini/turn_taking/tt-01.wav``, ``v1/turn_taking.candor/17.wav``
..           ``<task>/<id>/output.wav``          ``v1/turn_taking.candor/17/output.wav``
set and id   ``<set>/<id>/output.wav``           ``candor_turn_taking/17/output.wav``
..           ``<set>/<id>.wav``                  ``candor_turn_taking/17.wav``
..           both below ``v1.0/`` or ``v1_0/``   ``v1.0/candor_turn_taking/17/output.wav``
id alone     ``<id>.wav``                        ``17.wav``; only where a single task is asked for
..           ``<id>/output.wav``                 ``17/output.wav``; likewise
============ =================================== ==========================================================

A *pattern* in the place of all these says how files are called: ``sample_{n}_out.wav``, with ``{id}``; ``{n}``, the sample's
place in its task, from 1 and with any number of zeros before it; ``{task}``, with ``/`` or ``_`` in it; ``{stimulus}``,
``main`` or ``clean``. It is a path below DIR.

Of a clean twin (``overlap_layout``), ``clean_output.wav`` where ``output.wav`` is written, and ``<id>.clean.wav`` for
``<id>.wav``.

No row outranks another: a sample that two files fit has no recording until one of them is gone, because nobody can say
which of them is meant. Two names are one where they are the same text in different Unicode forms.

Only names that were found in the folder are compared, and none is made from an id, so no id can point out of the folder.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path, PurePosixPath
from string import Formatter
from typing import Final

from fdbench.core.take_id import MAIN
from fdbench.errors import DataError, UsageError

SUFFIXES: Final = (
    ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".aifc", ".au", ".snd", ".caf", ".w64", ".rf64",
    # What libsndfile cannot read is found all the same, so that its error says so instead of calling it missing.
    ".m4a", ".mp4", ".aac", ".wma", ".webm", ".amr",
)  # fmt: skip
"""What counts as a recording."""

REPLY: Final = "output"
PROMPTS: Final = frozenset({"input", "clean_input", "context", "interrupt"})
"""What upstream's folders hold beside the replies."""

PLACEHOLDERS: Final = ("id", "n", "task", "stimulus")
_PATTERN_REMEDY: Final = "write it with {id} or {n}, and {task} where there are several: 'sample_{n}_out.wav'"
_MOST_DIGITS: Final = 6
_SET_ROOTS: Final = ("", "v1.0/", "v1_0/", "v1.5/", "v1_5/")

SampleKey = tuple[str, str, str]
"""Task, id and stimulus."""


@dataclass(frozen=True, slots=True)
class TaskSamples:
    """Whose recordings are looked for.

    Attributes:
        ids: Of all of its samples, also of those not asked for: whether a file fits must not depend on ``--limit``.
        set_folder: How upstream calls the folder of the task's clips, or None.
        stimuli: Those of each sample; each has a recording of its own.
    """

    task: str
    ids: tuple[str, ...]
    set_folder: str | None = None
    stimuli: tuple[str, ...] = (MAIN,)


@dataclass(frozen=True, slots=True)
class Match:
    """What was found for one sample; paths are relative to the folder, with forward slashes.

    Attributes:
        expected: Where a recording was looked for, as WAV, the likeliest first.
        files: What was found; one where all is well.
    """

    expected: tuple[str, ...]
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Matches:
    """A folder's files, sorted into samples.

    Attributes:
        by_sample: Every sample that was asked about.
        unused: Recordings that fit no sample; what lies beside upstream's replies (``input.wav``) is not counted.
    """

    by_sample: Mapping[SampleKey, Match]
    unused: tuple[str, ...]

    @property
    def n_found(self) -> int:
        return sum(bool(match.files) for match in self.by_sample.values())


def match_folder(folder: Path, wanted: Sequence[TaskSamples], *, by_id_alone: bool, pattern: str | None = None) -> Matches:
    """Find the recordings of some samples in a folder.

    Raises:
        DataError: The folder or one inside it cannot be listed.
        UsageError: The pattern says of one file that it is of several samples, or finds a link that leads out of the folder.
    """
    matches = match_files(list_recordings(folder), wanted, by_id_alone=by_id_alone, pattern=pattern)
    for file in (file for match in matches.by_sample.values() for file in match.files if pattern is not None):
        if not (folder / file).resolve().is_relative_to(folder.resolve()):
            what = f"--arg pattern={pattern}: {file} is a link that leads out of {folder}"
            raise UsageError(what, "put the recording itself there, or name the folder that it leads to")
    return matches


def list_recordings(folder: Path) -> tuple[str, ...]:
    """Relative paths of all recordings below a folder, sorted; what is hidden is left out, and a link to a folder above.

    Raises:
        DataError: The folder or one inside it cannot be listed.
    """
    found: list[str] = []

    def visit(place: Path, above: frozenset[str]) -> None:
        real = os.path.realpath(place)
        if real in above:
            return
        try:
            for entry in sorted(place.iterdir()):
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    visit(entry, above | {real})
                elif entry.suffix.lower() in SUFFIXES:
                    found.append(entry.relative_to(folder).as_posix())
        except OSError as error:
            raise DataError(f"{place}: cannot be listed ({error.strerror})", "make it readable, or move it away") from None

    visit(folder, frozenset())
    return tuple(sorted(found))


def match_files(
    files: Sequence[str], wanted: Sequence[TaskSamples], *, by_id_alone: bool, pattern: str | None = None
) -> Matches:
    """Sort files into samples, by name alone.

    Args:
        files: Relative paths with forward slashes.
        wanted: Tasks with their samples.
        by_id_alone: Whether a file may be named without its task.
        pattern: How files are called, where they are not called as usual.

    Raises:
        UsageError: The pattern says of one file that it is of several samples.
    """
    by_name: dict[str, list[str]] = {}
    for file in files:
        by_name.setdefault(_composed(file.removesuffix(PurePosixPath(file).suffix)), []).append(file)
    by_sample: dict[SampleKey, Match] = {}
    for each in wanted:
        for (number, sample_id), stimulus in product(enumerate(each.ids, 1), each.stimuli):
            if pattern is None:
                stems = _expected_stems(each, sample_id, stimulus, by_id_alone)
            else:
                stems = stems_of_pattern(pattern, each.task, sample_id, number, stimulus)
            fitting = tuple(file for stem in stems for file in by_name.get(_composed(stem), ()))
            by_sample[(each.task, sample_id, stimulus)] = Match(tuple(f"{stem}.wav" for stem in stems), fitting)
    used = {file for match in by_sample.values() for file in match.files}
    if pattern is not None:
        _refuse_shared(pattern, by_sample)
    return Matches(by_sample, tuple(file for file in files if file not in used and PurePosixPath(file).stem not in PROMPTS))


def check_pattern(pattern: str) -> None:
    """Raises UsageError where a pattern leads out of the folder, tells no samples apart, or names what is not known of any."""
    if pattern.startswith(("/", "~")) or ".." in PurePosixPath(pattern).parts:
        what = f"--arg pattern={pattern}: leads out of the folder"
        raise UsageError(what, "a pattern is a path below DIR: name another folder with --model recordings:DIR")
    try:
        fields = [field for field in Formatter().parse(pattern) if field[1] is not None]
    except ValueError as error:
        raise UsageError(f"--arg pattern={pattern}: {error}", _PATTERN_REMEDY) from None
    names = {name for _, name, _, _ in fields if name is not None}
    formatted = [
        f"{{{name}{f'!{how}' if how else ''}{f':{form}' if form else ''}}}" for _, name, form, how in fields if form or how
    ]
    if formatted:
        what = f"--arg pattern={pattern}: {formatted[0]}: a number is found with any zeros before it"
        raise UsageError(what, _PATTERN_REMEDY)
    unknown = sorted(names - set(PLACEHOLDERS))
    if unknown:
        raise UsageError(f"--arg pattern={pattern}: unknown {{{unknown[0]}}}", _PATTERN_REMEDY)
    if not names & {"id", "n"}:
        raise UsageError(f"--arg pattern={pattern}: nothing in it tells one sample from another", _PATTERN_REMEDY)


def stems_of_pattern(pattern: str, task: str, sample_id: str, number: int, stimulus: str) -> tuple[str, ...]:
    """What files of a sample may be called, without their suffix, the likeliest first.

    Example:
        >>> stems_of_pattern("{task}/{n}_out.wav", "mini/turn_taking", "tt-07", 7, "main")[:2]
        ('mini/turn_taking/7_out', 'mini_turn_taking/7_out')
    """
    path = PurePosixPath(pattern)
    bare = pattern.removesuffix(path.suffix) if path.suffix.lower() in SUFFIXES else pattern
    numbers = dict.fromkeys(str(number).zfill(width) for width in range(1, _MOST_DIGITS + 1))
    tasks = (task, task.replace("/", "_"))
    return tuple(
        dict.fromkeys(
            bare.format(id=sample_id, n=padded, task=named, stimulus=stimulus) for padded in numbers for named in tasks
        )
    )


def _refuse_shared(pattern: str, by_sample: Mapping[SampleKey, Match]) -> None:
    of_file: dict[str, SampleKey] = {}
    for key, match in by_sample.items():
        for file in match.files:
            other = of_file.setdefault(file, key)
            if other != key:
                what = f"--arg pattern={pattern}: {file} would be of {' '.join(other)} and of {' '.join(key)}"
                raise UsageError(what, "add {task} or {stimulus} to the pattern, or name one task with --tasks")


def _expected_stems(wanted: TaskSamples, sample_id: str, stimulus: str, by_id_alone: bool) -> tuple[str, ...]:
    reply, suffix = (REPLY, "") if stimulus == MAIN else (f"{stimulus}_{REPLY}", f".{stimulus}")
    stems = [f"{wanted.task}/{sample_id}{suffix}", f"{wanted.task}/{sample_id}/{reply}"]
    if wanted.set_folder is not None:
        places = [f"{root}{wanted.set_folder}/{sample_id}" for root in _SET_ROOTS]
        stems += [f"{place}/{reply}" for place in places] + [f"{place}{suffix}" for place in places]
    if by_id_alone:
        stems += [f"{sample_id}{suffix}", f"{sample_id}/{reply}"]
    return tuple(dict.fromkeys(stems))


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)
