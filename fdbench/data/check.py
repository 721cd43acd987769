"""Whether a data folder is what the tasks expect: every clip and annotation read once, every fault named by file.

Annotations are read by the reader that runs use (``fdb_layout``); what it quietly does without is an error here. A clip is
gone from memory before the next one is read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fdbench.data.catalog import JUDGE_PROMPTS
from fdbench.data.check_clip import (
    OPTIONAL,
    PROMPT,
    REQUIRED,
    PromptFacts,
    examine_annotations,
    examine_other_audio,
    examine_prompt,
    examine_timing,
)
from fdbench.data.finding import CheckedData, CheckedSet, Finding, Findings
from fdbench.data.lock import DataLock, LockedPart, read_lock, tree_digest
from fdbench.errors import DataError, UsageError, unknown_name
from fdbench.io.files import read_json, sha256_of, sha256_of_file
from fdbench.task.fdb_layout import FdbFolder, natural_order, read_fdb_folder
from fdbench.task.load import task_specs
from fdbench.task.tree import find_human_timing, find_set

if TYPE_CHECKING:
    from fdbench.task.spec import FdbSource, TaskSpec

_MODEL_OUTPUTS: Final = re.compile(r"output(\..*)?\.(wav|json)")
"""Beside the prompts when recordings are scored where they lie; no part of the data."""
_JUNK: Final = re.compile(r"\.DS_Store|\._.*")
_ANNOTATIONS: Final = sorted({name for names in REQUIRED.values() for name in names if name.endswith(".json")})
_MAX_NAMED: Final = 10
"""More missing clips than this are counted and not named."""


def check_data(data: Path, tasks: str | None = None) -> CheckedData:
    """Check the sets of a data folder, in any layout that ``find_set`` knows.

    Args:
        data: Holds ``v1.0/``, ``v1_0/`` or the sets themselves.
        tasks: A family or task names with commas; each must then be there. None: what is there.

    Raises:
        UsageError: A task is unknown or ships with fdbench.
        DataError: The lock is damaged.
    """
    lock = read_lock(data)
    seen: dict[str, tuple[str, str]] = {}
    checked = []
    for spec, source in _sets(tasks):
        found = find_set(data, source.folder, source.root)
        if found is not None:
            entry = lock.parts.get(source.folder)
            fetched = entry if entry is not None and data / entry.place == found else None
            checked.append(_SetCheck(spec, source, found, data).run(fetched, seen))
        elif tasks is not None:
            findings, place = Findings(data, source.folder), f"{source.root}/{source.folder}"
            findings.error(data / place, f"no such folder; expected {source.n} clips")
            checked.append(CheckedSet(source.folder, spec.name, place, 0, source.n, findings=findings.items))
    return CheckedData(checked, _check_parts(data, lock, {each.name for each in checked}), lock)


def _sets(tasks: str | None) -> list[tuple[TaskSpec, FdbSource]]:
    specs = task_specs()
    fdb = [(spec, spec.source) for spec in specs.values() if spec.source.kind == "fdb"]
    if tasks is None:
        return fdb
    known = {"all", *(spec.family for spec, _ in fdb), *(spec.name for spec, _ in fdb)}
    words = [word for word in map(str.strip, tasks.split(",")) if word]
    if not words:
        raise UsageError("--tasks names no task", f"known: {', '.join(sorted(known))}")
    for word in words:
        if word not in known and any(word in (spec.name, spec.family) for spec in specs.values()):
            raise UsageError(f"--tasks {word}: ships with fdbench", "its hashes are checked whenever it is used")
        if word not in known:
            raise unknown_name("task", word, known)
    return [(spec, source) for spec, source in fdb if {"all", spec.family, spec.name} & set(words)]


class _SetCheck:
    """One set being checked."""

    def __init__(self, spec: TaskSpec, source: FdbSource, found: Path, data: Path) -> None:
        self._spec, self._source, self._found, self._data = spec, source, found, data
        self._findings = Findings(data, source.folder)
        self._timing = self._find_timing()
        self._ids: list[str] = []

    def run(self, fetched: LockedPart | None, seen: dict[str, tuple[str, str]]) -> CheckedSet:
        """Check everything.

        Args:
            fetched: What the lock says of the folder, where it is the one that was fetched.
            seen: Set and clip by the digest of their audio; the set's own are added.
        """
        source, findings, folder = self._source, self._findings, self._found.relative_to(self._data).as_posix()
        try:
            read = self._read()
        except DataError as error:
            findings.error(self._found, error.what.removeprefix(f"{self._found}: "))
            return CheckedSet(source.folder, self._spec.name, folder, 0, source.n, findings=findings.items)
        self._ids = sorted([*(each.id for each in read.samples), *(each.id for each in read.broken)], key=natural_order)
        # Files first: an empty one is reported as that and not as bad JSON.
        digests, prompts = self._check_files()
        timed = self._ids_in_timing()
        self._report_reader(read, timed)
        self._check_count(timed)
        samples = {sample.id: sample for sample in read.samples}
        for clip in filter(prompts.__contains__, self._ids):
            self._check_twin(clip, prompts[clip], seen)
            if clip in samples:
                examine_annotations(self._found / clip, samples[clip], prompts[clip].duration_s, findings)
            if clip in samples and self._timing is not None and samples[clip].human_timing:
                examine_timing(self._timing, samples[clip], prompts[clip].duration_s, findings)
        own = {name: digest for name, digest in digests.items() if not _MODEL_OUTPUTS.fullmatch(name.rsplit("/", 1)[-1])}
        return CheckedSet(
            name=source.folder,
            task=self._spec.name,
            folder=folder,
            n_clips=len(self._ids),
            n_expected=source.n,
            duration_s=sum(prompt.duration_s for prompt in prompts.values()),
            rates=Counter(prompt.sample_rate for prompt in prompts.values()),
            tree=tree_digest(own),
            lock="-" if fetched is None else self._compare(fetched, digests, own),
            findings=findings.items,
        )

    def _find_timing(self) -> Path | None:
        name, findings = self._source.human_timing, self._findings
        if name is None:
            return None
        file = find_human_timing(self._data, self._source, self._found)
        if file is None:
            findings.useless(self._found.parent / name, "no such file; expected the human backchannel distributions")
            return None
        expected, sha256 = self._source.sha256.get(name), sha256_of_file(file)
        if expected not in (None, sha256):
            what = f"not upstream's file: expected sha256 {expected}, found {sha256}"
            findings.warn(file, f"{what}; numbers will not compare with published ones")
        return file

    def _read(self) -> FdbFolder:
        try:
            return read_fdb_folder(self._found, self._spec.name, self._spec.behaviour, self._timing)
        except DataError as error:
            if self._timing is None or not error.what.startswith(str(self._timing)):
                raise
            self._findings.useless(self._timing, _without_path(error.what, self._timing))
            # The same files apart from the distributions: those of a set without pauses.
            return read_fdb_folder(self._found, self._spec.name, "pause_handling")

    def _ids_in_timing(self) -> set[str]:
        return set() if self._timing is None or self._findings.is_useless(self._timing) else set(read_json(self._timing))

    def _check_files(self) -> tuple[dict[str, str], dict[str, PromptFacts]]:
        """Read every file of the set; returns the hashes of all by path, and the prompts by clip."""
        required, rate, findings = REQUIRED[self._spec.behaviour], self._source.sample_rate, self._findings
        digests: dict[str, str] = {}
        prompts: dict[str, PromptFacts] = {}
        stray: dict[str, list[Path]] = {}
        files = (path for path in self._found.rglob("*") if path.is_symlink() or not path.is_dir())
        for file in sorted(files, key=lambda path: natural_order(path.relative_to(self._found).as_posix())):
            if _JUNK.fullmatch(file.name):
                continue
            name = file.relative_to(self._found).as_posix()
            clip, _, inner = name.partition("/")
            owner = clip if clip in self._ids else None
            is_known = owner is not None and inner in (*required, *OPTIONAL)
            if not (is_known or name == self._source.human_timing or _MODEL_OUTPUTS.fullmatch(inner)):
                stray.setdefault(inner if owner else name, []).append(file)
            try:
                data = file.read_bytes()
            except OSError as error:
                findings.useless(file, f"cannot be read ({error.strerror})", owner)
                continue
            digests[name] = sha256_of(data)
            if owner is None or inner not in required:
                continue
            if not data:
                findings.useless(file, "empty: it has 0 bytes", owner)
            elif inner == PROMPT:
                prompt = examine_prompt(file, data, rate, owner, findings)
                if prompt is not None:
                    prompts[owner] = prompt
            elif inner.endswith(".wav"):
                examine_other_audio(file, data, rate, owner, findings)
        for clip in self._ids:
            for inner in required:
                if not (self._found / clip / inner).exists():
                    findings.useless(self._found / clip / inner, "no such file", clip)
        for places in stray.values():
            others = f", and {len(places) - 1} more of this name" if len(places) > 1 else ""
            findings.warn(places[0], f"a stray file: no task reads it{others}")
        return digests, prompts

    def _report_reader(self, read: FdbFolder, timed: set[str]) -> None:
        """What the reader makes a status or a note of, and what it quietly does without."""
        for broken in read.broken:
            self._report_line(broken.message)
        with_notes = {self._report_line(note.partition("; the sample stands without")[0]) for note in read.notes}
        if self._timing is not None and not self._findings.is_useless(self._timing):
            for clip in (sample.id for sample in read.samples if not sample.human_timing and sample.id not in with_notes):
                what = f"'{clip}': expected the human distribution of this clip, found none"
                self._findings.error(self._timing, what, clip)
            superfluous = sorted(timed - set(self._ids), key=natural_order)
            if superfluous:
                names = ", ".join(superfluous[:_MAX_NAMED])
                self._findings.warn(self._timing, f"distributions of {len(superfluous)} clips that are not there: {names}")
        for name in read.stray:
            if (self._found / name).is_dir():
                self._findings.warn(self._found / name, "a stray folder: it holds no clip")

    def _report_line(self, line: str) -> str | None:
        """A line of the reader, which begins with the file that it is about; returns the clip that has no timing for it."""
        if self._timing is not None and line.startswith(f"{self._timing}: '"):
            clip = next((each for each in self._ids if line.startswith(f"{self._timing}: '{each}'")), None)
            self._findings.error(self._timing, _without_path(line, self._timing), clip)
            return clip
        places = ((self._found / clip / name, clip) for clip in self._ids for name in _ANNOTATIONS)
        file, owner = next(((file, clip) for file, clip in places if line.startswith(f"{file}:")), (self._found, None))
        self._findings.error(file, _without_path(line, file), owner)
        return None

    def _check_count(self, timed: set[str]) -> None:
        """Each missing clip is named where its name is known: from the distributions, or from numbers without another gap."""
        ids, n_expected = set(self._ids), self._source.n
        if len(ids) == n_expected:
            return
        first = 0 if "0" in ids else 1
        for names in (timed, {str(number) for number in range(first, first + n_expected)}):
            missing = sorted(names - ids, key=natural_order)
            if len(names) == n_expected and ids < names and len(missing) <= _MAX_NAMED:
                for name in missing:
                    self._findings.error(self._found / name, f"no such clip; expected {n_expected}, found {len(ids)}", name)
                return
        self._findings.error(self._found, f"expected {n_expected} clips, found {len(ids)}")

    def _check_twin(self, clip: str, prompt: PromptFacts, seen: dict[str, tuple[str, str]]) -> None:
        own, file = self._source.folder, self._found / clip / PROMPT
        twin_set, twin = seen.setdefault(prompt.digest, (own, clip))
        if twin_set != own:
            self._findings.warn(file, f"the same audio as {twin_set}/{twin}", clip)
        elif twin != clip:
            self._findings.error(file, f"the same audio as {own}/{twin}", clip)

    def _compare(self, entry: LockedPart, digests: Mapping[str, str], own: Mapping[str, str]) -> str:
        """What changed since the set was fetched."""
        changed = {name: expected for name, expected in entry.files.items() if digests.get(name) != expected}
        for name, expected in changed.items():
            clip, now = name.partition("/")[0] if "/" in name else None, digests.get(name)
            if now is None:
                self._findings.useless(self._found / name, "fetched once and gone since", clip)
            else:
                what = f"changed since it was fetched: expected sha256 {expected}, found {now}"
                self._findings.error(self._found / name, what, clip)
        added = [name for name in own if name not in entry.files]
        for name in added:
            self._findings.warn(self._found / name, "added since the set was fetched", name.partition("/")[0])
        return "changed" if changed or added else "intact"


def _without_path(line: str, file: Path) -> str:
    rest = line.removeprefix(str(file))
    return re.sub(r"^:(\d+): ", r"line \1: ", rest).removeprefix(": ")


def _check_parts(data: Path, lock: DataLock, checked: set[str]) -> list[Finding]:
    """The texts, and what the lock knows and nobody finds."""
    findings = Findings(data)
    for name, entry in lock.parts.items():
        if name not in checked and not (data / entry.place).exists():
            findings.error(data / entry.place, f"no such file or folder; the lock says that it was fetched {entry.fetched_at}")
    prompts = data / JUDGE_PROMPTS.place
    if prompts.is_file():
        found = sha256_of_file(prompts)
        if found != JUDGE_PROMPTS.sha256:
            findings.error(prompts, f"not upstream's file: expected sha256 {JUDGE_PROMPTS.sha256}, found {found}")
    return findings.items
