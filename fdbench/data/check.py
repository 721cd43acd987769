"""Whether a data folder is what the tasks expect: every clip and annotation read once, every fault named by file.

Annotations are read by the reader that runs use (``fdb_layout``); what it quietly does without is an error here. A clip is
gone from memory before the next one is read.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fdbench.data.catalog import JUDGE_PROMPTS
from fdbench.data.check_clip import (
    OPTIONAL,
    PROMPT,
    REQUIRED,
    Prompt,
    examine_annotations,
    examine_other_audio,
    examine_prompt,
    examine_timing,
)
from fdbench.data.finding import Finding, Findings
from fdbench.data.lock import DataLock, LockedPart, read_lock, tree_digest
from fdbench.errors import DataError, UsageError, unknown_name
from fdbench.io.files import read_json, sha256_of
from fdbench.task.fdb_layout import FdbFolder, natural_order, read_fdb_folder
from fdbench.task.load import task_specs
from fdbench.task.tree import find_set

if TYPE_CHECKING:
    from fdbench.task.spec import FdbSource, TaskSpec

_MODEL_OUTPUTS: Final = re.compile(r"output(\..*)?\.(wav|json)")
"""Beside the prompts when recordings are scored where they lie; no part of the data."""
_JUNK: Final = re.compile(r"\.DS_Store|\._.*")
_ANNOTATIONS: Final = sorted({name for names in REQUIRED.values() for name in names if name.endswith(".json")})
_MAX_SINGLE: Final = 10
"""More missing clips, or stray files of one name, than this are told in one line."""


@dataclass(frozen=True, slots=True)
class CheckedSet:
    """One set.

    Attributes:
        duration_s: Of all prompts together.
        rates: Number of prompts by sample rate, Hz.
        tree: Hash of all files but model outputs, as ``lock.tree_digest`` makes it; empty where the set is missing.
        lock: ``intact``, ``changed``, or ``-`` where the lock does not know the folder.
    """

    name: str
    task: str
    folder: str
    n_clips: int
    n_expected: int
    duration_s: float = 0.0
    rates: Mapping[int, int] = field(default_factory=dict)
    tree: str = ""
    lock: str = "-"
    findings: Sequence[Finding] = ()

    def count(self, severity: str) -> int:
        return sum(finding.severity == severity for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        return {
            "set": self.name,
            "task": self.task,
            "folder": self.folder,
            "n_clips": self.n_clips,
            "n_expected": self.n_expected,
            "hours": self.duration_s / 3600,
            "rates": {str(rate): n for rate, n in sorted(self.rates.items())},
            "n_errors": self.count("error"),
            "n_warnings": self.count("warning"),
            "tree_sha256": self.tree or None,
            "lock": self.lock,
        }


@dataclass(frozen=True, slots=True)
class Checked:
    """All that was looked at.

    Attributes:
        sets: Those that are there, and those that were asked for and are not.
        further: Findings that belong to no set.
        lock: What was fetched.
    """

    sets: Sequence[CheckedSet]
    further: Sequence[Finding]
    lock: DataLock

    @property
    def findings(self) -> list[Finding]:
        """In the order of the sets, errors first within each."""
        groups = [*(each.findings for each in self.sets), self.further]
        return [finding for group in groups for finding in sorted(group, key=lambda each: each.severity)]

    @property
    def n_errors(self) -> int:
        return sum(finding.severity == "error" for finding in self.findings)

    @property
    def n_warnings(self) -> int:
        return len(self.findings) - self.n_errors

    @property
    def hashes(self) -> list[tuple[str, str, str]]:
        """What can be pinned: (name, ``tree`` or ``file``, SHA-256)."""
        trees = [(each.name, "tree", each.tree) for each in self.sets if each.tree]
        return [*trees, *((name, "file", part.sha256) for name, part in self.lock.parts.items())]

    def as_json(self) -> dict[str, Any]:
        fetched = {
            name: part.model_dump(include={"source", "sha256", "n_bytes", "fetched_at", "place", "tree"})
            for name, part in self.lock.parts.items()
        }
        return {
            "n_errors": self.n_errors,
            "n_warnings": self.n_warnings,
            "sets": [each.as_json() for each in self.sets],
            "findings": [finding.as_json() for finding in self.findings],
            "fetched": fetched,
        }


def check_data(data: Path, tasks: str | None = None) -> Checked:
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
        found = find_set(data, source.folder)
        if found is not None:
            checked.append(_check_set(spec, source, found, data, lock, seen))
        elif tasks is not None:
            findings = Findings(data, source.folder)
            findings.error(data / "v1.0" / source.folder, f"no such folder; expected {source.n} clips")
            place = f"v1.0/{source.folder}"
            checked.append(CheckedSet(source.folder, spec.name, place, 0, source.n, findings=findings.items))
    return Checked(checked, _check_parts(data, lock, {each.name for each in checked}), lock)


def _sets(tasks: str | None) -> list[tuple[TaskSpec, FdbSource]]:
    specs = task_specs()
    fdb = [(spec, spec.source) for spec in specs.values() if spec.source.kind == "fdb"]
    if tasks is None:
        return fdb
    families = {spec.family for spec, _ in fdb}
    names = {spec.name for spec, _ in fdb}
    wanted: set[str] = set()
    for word in filter(None, (each.strip() for each in tasks.split(","))):
        if word in families or word == "all":
            wanted |= {spec.name for spec, _ in fdb if word in (spec.family, "all")}
        elif word in names:
            wanted.add(word)
        elif word in specs or word in {spec.family for spec in specs.values()}:
            raise UsageError(f"--tasks {word}: ships with fdbench", "its hashes are checked whenever it is used")
        else:
            raise unknown_name("task", word, ["all", *families, *names])
    if not wanted:
        raise UsageError("--tasks names no task", f"known: {', '.join(['all', *sorted(families), *sorted(names)])}")
    return [(spec, source) for spec, source in fdb if spec.name in wanted]


def _check_set(
    spec: TaskSpec, source: FdbSource, found: Path, data: Path, lock: DataLock, seen: dict[str, tuple[str, str]]
) -> CheckedSet:
    findings = Findings(data, source.folder)
    folder = found.relative_to(data).as_posix()
    timing = _check_timing_file(source, found, data, findings)
    try:
        read = _read(spec, found, timing, findings)
    except DataError as error:
        findings.error(found, error.what.removeprefix(f"{found}: "))
        return CheckedSet(source.folder, spec.name, folder, 0, source.n, findings=findings.items)
    samples = {sample.id: sample for sample in read.samples}
    ids = sorted([*samples, *(each.id for each in read.broken)], key=natural_order)
    prompts: dict[str, Prompt] = {}
    # Files first: an empty one is told as that and not as bad JSON.
    digests = _check_files(spec, source, found, ids, prompts, findings)
    _tell_reader_faults(found, read, timing, ids, findings)
    _check_count(found, ids, source.n, _ids_in(timing, findings), findings)
    for clip in ids:
        prompt, sample = prompts.get(clip), samples.get(clip)
        if prompt is None:
            continue
        _check_twin(source.folder, clip, found / clip / PROMPT, prompt, seen, findings)
        if sample is not None:
            examine_annotations(found / clip, sample, prompt.duration_s, findings)
            if timing is not None and sample.human_timing:
                examine_timing(timing, sample, prompt.duration_s, findings)
    own = {name: digest for name, digest in digests.items() if not _MODEL_OUTPUTS.fullmatch(name.rsplit("/", 1)[-1])}
    entry = lock.parts.get(source.folder)
    state = "-"
    if entry is not None and data / entry.place == found:
        state = _compare(entry, digests, own, found, findings)
    rates = Counter(prompt.sample_rate for prompt in prompts.values())
    total_s = sum(prompt.duration_s for prompt in prompts.values())
    tree = tree_digest(own)
    return CheckedSet(source.folder, spec.name, folder, len(ids), source.n, total_s, rates, tree, state, findings.items)


def _read(spec: TaskSpec, found: Path, timing: Path | None, findings: Findings) -> FdbFolder:
    try:
        return read_fdb_folder(found, spec.name, spec.behaviour, timing)
    except DataError as error:
        if timing is None or not error.what.startswith(str(timing)):
            raise
        findings.useless(timing, _without_path(error.what, timing))
        # The same files apart from the distributions: those of a set without pauses.
        return read_fdb_folder(found, spec.name, "pause_handling")


def _check_files(
    spec: TaskSpec, source: FdbSource, found: Path, ids: Sequence[str], prompts: dict[str, Prompt], findings: Findings
) -> dict[str, str]:
    """Read every file of the set; returns its hashes by path."""
    required = REQUIRED[spec.behaviour]
    digests: dict[str, str] = {}
    stray: dict[str, list[tuple[Path, str | None]]] = defaultdict(list)
    clips = set(ids)
    files = (path for path in found.rglob("*") if (path.is_symlink() or not path.is_dir()) and not _JUNK.fullmatch(path.name))
    for file in sorted(files, key=lambda path: natural_order(path.relative_to(found).as_posix())):
        name = file.relative_to(found).as_posix()
        clip, _, inner = name.partition("/")
        owner = clip if clip in clips else None
        is_known = owner is not None and inner in (*required, *OPTIONAL)
        if not (is_known or name == source.human_timing or _MODEL_OUTPUTS.fullmatch(inner)):
            stray[inner if owner else name].append((file, owner))
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
            prompt = examine_prompt(file, data, source.sample_rate, owner, findings)
            if prompt is not None:
                prompts[owner] = prompt
        elif inner.endswith(".wav"):
            examine_other_audio(file, data, source.sample_rate, owner, findings)
    for clip in ids:
        for inner in required:
            if not (found / clip / inner).exists():
                findings.useless(found / clip / inner, "no such file", clip)
    _tell_stray(found, stray, findings)
    return digests


def _tell_stray(found: Path, stray: Mapping[str, list[tuple[Path, str | None]]], findings: Findings) -> None:
    for name, places in stray.items():
        if len(places) > _MAX_SINGLE:
            findings.warn(
                found, f"a stray file {name} in {len(places)} clips, e.g. {places[0][0].relative_to(found).as_posix()}"
            )
            continue
        for file, clip in places:
            findings.warn(file, "a stray file: no task reads it", clip)


def _tell_reader_faults(found: Path, read: FdbFolder, timing: Path | None, ids: Sequence[str], findings: Findings) -> None:
    """What the reader makes a status or a note of: its line begins with the file's path."""
    for broken in read.broken:
        _tell_line(broken.message, found / broken.id, broken.id, findings)
    noted: set[str | None] = set()
    by_prefix = sorted(((f"{found / clip}/", clip) for clip in ids), key=lambda item: -len(item[0]))
    for note in read.notes:
        line = note.partition("; the sample stands without")[0]
        if timing is not None and line.startswith(f"{timing}: '"):
            clip = next((each for each in ids if line.startswith(f"{timing}: '{each}'")), None)
            noted.add(clip)
            findings.error(timing, _without_path(line, timing), clip)
            continue
        owner = next((clip for prefix, clip in by_prefix if line.startswith(prefix)), None)
        _tell_line(line, found / owner if owner is not None else found, owner, findings)
    if timing is not None and not findings.is_useless(timing):
        for sample in read.samples:
            if not sample.human_timing and sample.id not in noted:
                findings.error(timing, f"'{sample.id}': expected the human distribution of this clip, found none", sample.id)
        superfluous = sorted(_ids_in(timing, findings) - set(ids), key=natural_order)
        if superfluous:
            names = ", ".join(superfluous[:_MAX_SINGLE])
            findings.warn(timing, f"distributions of {len(superfluous)} clips that are not there: {names}")
    for name in read.stray:
        if (found / name).is_dir():
            findings.warn(found / name, "a stray folder: it holds no clip")


def _tell_line(line: str, folder: Path, clip: str | None, findings: Findings) -> None:
    file = next((folder / name for name in _ANNOTATIONS if line.startswith(f"{folder / name}:")), folder)
    findings.error(file, _without_path(line, file), clip)


def _without_path(line: str, file: Path) -> str:
    rest = line.removeprefix(str(file))
    return re.sub(r"^:(\d+): ", r"line \1: ", rest).removeprefix(": ")


def _check_timing_file(source: FdbSource, found: Path, data: Path, findings: Findings) -> Path | None:
    if source.human_timing is None:
        return None
    places = [place / source.human_timing for place in (found, found.parent, data)]
    file = next((place for place in places if place.exists()), None)
    if file is None:
        findings.useless(found.parent / source.human_timing, "no such file; expected the human backchannel distributions")
        return None
    expected = source.sha256.get(source.human_timing)
    sha256 = sha256_of(file.read_bytes())
    if expected is not None and sha256 != expected:
        what = f"not upstream's file: expected sha256 {expected}, found {sha256}; numbers will not compare with published ones"
        findings.warn(file, what)
    return file


def _ids_in(timing: Path | None, findings: Findings) -> set[str]:
    return set() if timing is None or findings.is_useless(timing) else set(read_json(timing))


def _check_count(found: Path, ids: Sequence[str], n_expected: int, timed: set[str], findings: Findings) -> None:
    """Each missing clip is named where its name is known: from the distributions, or from numbers without another gap."""
    if len(ids) == n_expected:
        return
    first = 0 if "0" in ids else 1
    numbered = {str(number) for number in range(first, first + n_expected)}
    for names in (timed, numbered):
        missing = sorted(names - set(ids), key=natural_order)
        if len(names) == n_expected and set(ids) < names and len(missing) <= _MAX_SINGLE:
            for name in missing:
                findings.error(found / name, f"no such clip; expected {n_expected}, found {len(ids)}", name)
            return
    findings.error(found, f"expected {n_expected} clips, found {len(ids)}")


def _check_twin(
    set_name: str, clip: str, file: Path, prompt: Prompt, seen: dict[str, tuple[str, str]], findings: Findings
) -> None:
    twin_set, twin = seen.setdefault(prompt.digest, (set_name, clip))
    if twin_set != set_name:
        findings.warn(file, f"the same audio as {twin_set}/{twin}", clip)
    elif twin != clip:
        findings.error(file, f"the same audio as {set_name}/{twin}", clip)


def _compare(entry: LockedPart, digests: Mapping[str, str], own: Mapping[str, str], found: Path, findings: Findings) -> str:
    """What changed since the set was fetched."""
    is_intact = True
    for name, expected in entry.files.items():
        clip = name.partition("/")[0] if "/" in name else None
        now = digests.get(name)
        if now is None:
            is_intact = False
            findings.useless(found / name, "fetched once and gone since", clip)
        elif now != expected:
            is_intact = False
            findings.error(found / name, f"changed since it was fetched: expected sha256 {expected}, found {now}", clip)
    for name in own:
        if name not in entry.files:
            is_intact = False
            findings.warn(found / name, "added since the set was fetched", name.partition("/")[0])
    return "intact" if is_intact else "changed"


def _check_parts(data: Path, lock: DataLock, checked: set[str]) -> list[Finding]:
    """The texts, and what the lock knows and nobody finds."""
    findings = Findings(data)
    for name, entry in lock.parts.items():
        if name not in checked and not (data / entry.place).exists():
            findings.error(data / entry.place, f"no such file or folder; the lock says that it was fetched {entry.fetched_at}")
    prompts = data / JUDGE_PROMPTS.place
    if prompts.is_file():
        found = sha256_of(prompts.read_bytes())
        if found != JUDGE_PROMPTS.sha256:
            findings.error(prompts, f"not upstream's file: expected sha256 {JUDGE_PROMPTS.sha256}, found {found}")
    return findings.items
