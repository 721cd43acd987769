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

No row outranks another: a sample that two files fit has no recording until one of them is gone, because nobody can say
which of them is meant. A sample that no file fits exactly may have one whose name is the same text in another Unicode form,
and, failing that, in another case; files that fit some sample exactly do not take part in that.

Only names that were found in the folder are compared, and none is made from an id, so no id can point out of the folder.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

from fdbench.errors import DataError

SUFFIXES: Final = (
    ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".aifc", ".au", ".snd", ".caf", ".w64", ".rf64",
    # What libsndfile cannot read is found all the same, so that it is told about instead of called missing.
    ".m4a", ".mp4", ".aac", ".wma", ".webm", ".amr",
)  # fmt: skip
"""What counts as a recording."""

REPLY: Final = "output"
PROMPTS: Final = frozenset({"input", "clean_input", "context", "interrupt"})
"""What upstream's folders hold beside the replies."""

_SET_ROOTS: Final = ("", "v1.0/", "v1_0/")

SampleKey = tuple[str, str]
"""Task and id."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A task's samples.

    Attributes:
        ids: Of all of its samples, also of those not asked for: whether a file fits must not depend on ``--limit``.
        set_folder: How upstream calls the folder of the task's clips, or None.
    """

    task: str
    ids: tuple[str, ...]
    set_folder: str | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """What was found for one sample; paths are relative to the folder, with forward slashes.

    Attributes:
        expected: Where a recording was looked for, as WAV, the likeliest first.
        files: What was found; one where all is well.
        rivals: Other samples that the same file fits.
    """

    expected: tuple[str, ...]
    files: tuple[str, ...] = ()
    rivals: tuple[SampleKey, ...] = ()

    @property
    def is_clear(self) -> bool:
        return len(self.files) == 1 and not self.rivals


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


def match_folder(folder: Path, wanted: Sequence[Wanted], *, by_id_alone: bool) -> Matches:
    """Find the recordings of some samples in a folder. One file that is there under two names, by a link, is one file.

    Raises:
        DataError: The folder or one inside it cannot be listed.
    """
    matches = match_files(list_recordings(folder), wanted, by_id_alone=by_id_alone)
    by_sample = {
        key: match if len(match.files) < 2 else replace(match, files=_without_links(folder, match.files))
        for key, match in matches.by_sample.items()
    }
    return replace(matches, by_sample=by_sample)


def _without_links(folder: Path, files: Sequence[str]) -> tuple[str, ...]:
    by_file: dict[str, str] = {}
    for file in files:
        by_file.setdefault(os.path.realpath(folder / file), file)
    return tuple(by_file.values())


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


def match_files(files: Sequence[str], wanted: Sequence[Wanted], *, by_id_alone: bool) -> Matches:
    """Sort files into samples, by name alone.

    Args:
        files: Relative paths with forward slashes.
        wanted: Tasks with their samples.
        by_id_alone: Whether a file may be named without its task.
    """
    expected = {(each.task, id_): _expected_stems(each, id_, by_id_alone) for each in wanted for id_ in each.ids}
    found: dict[SampleKey, tuple[str, ...]] = dict.fromkeys(expected, ())
    free = list(files)
    for simplify in (_as_is, _composed, _caseless):
        by_stem: dict[str, list[str]] = {}
        for file in free:
            by_stem.setdefault(simplify(_stem(file)), []).append(file)
        for key, stems in expected.items():
            if not found[key]:
                found[key] = tuple(dict.fromkeys(file for stem in stems for file in by_stem.get(simplify(stem), ())))
        claimed = {file for fitting in found.values() for file in fitting}
        free = [file for file in free if file not in claimed]
    claimants: dict[str, list[SampleKey]] = {}
    for key, fitting in found.items():
        for file in fitting:
            claimants.setdefault(file, []).append(key)
    return Matches(
        by_sample={
            key: Match(
                expected=tuple(f"{stem}.wav" for stem in stems),
                files=found[key],
                rivals=tuple(dict.fromkeys(rival for file in found[key] for rival in claimants[file] if rival != key)),
            )
            for key, stems in expected.items()
        },
        unused=tuple(file for file in free if PurePosixPath(file).stem not in PROMPTS),
    )


def _expected_stems(wanted: Wanted, sample_id: str, by_id_alone: bool) -> tuple[str, ...]:
    stems = [f"{wanted.task}/{sample_id}", f"{wanted.task}/{sample_id}/{REPLY}"]
    if wanted.set_folder is not None:
        places = [f"{root}{wanted.set_folder}/{sample_id}" for root in _SET_ROOTS]
        stems += [f"{place}/{REPLY}" for place in places] + places
    if by_id_alone:
        stems += [sample_id, f"{sample_id}/{REPLY}"]
    return tuple(stems)


def _stem(file: str) -> str:
    return file.removesuffix(PurePosixPath(file).suffix)


def _as_is(text: str) -> str:
    return text


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _caseless(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
