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

from fdbench.data.catalog import BEHAVIOUR_PROMPT, JUDGE_PROMPTS, catalogue, select_parts
from fdbench.data.check_clip import (
    PROMPT,
    REQUIRED,
    TRANSCRIPTION,
    TWIN_PROMPT,
    AudioFacts,
    examine_annotations,
    examine_audio,
    examine_timing,
)
from fdbench.data.finding import CheckedData, CheckedSet, Findings
from fdbench.data.lock import is_hidden, read_lock, tree_digest
from fdbench.errors import DataError
from fdbench.io.files import open_plain, sha256_of, sha256_of_file
from fdbench.task.edition import EDITION_FILE, read_edition
from fdbench.task.fdb_layout import FdbFolder, natural_order, read_fdb_folder, read_human_timing
from fdbench.task.load import task_specs
from fdbench.task.tree import find_human_timing, find_set

if TYPE_CHECKING:
    from fdbench.task.spec import FdbSource, TaskSpec

_MODEL_OUTPUTS: Final = re.compile(
    r"(clean_)?output(\..*)?\.(wav|json)|(clean_)?input\.(vad\.)?json|rating\.json|behavior\.json"
)
"""Beside the prompts when recordings are scored where they lie; no part of the data."""
_MAX_NAMED: Final = 10
"""More missing clips than this are counted and not named."""


def check_data(data: Path, tasks: str | None = None) -> CheckedData:
    """Check the sets of a data folder, in any layout that ``find_set`` knows.

    Args:
        data: Holds ``v1.0/``, ``v1_0/`` or the sets themselves.
        tasks: As ``select_parts`` takes it; each set must then be there. None: what is there.

    Raises:
        UsageError: A task is unknown or ships with fdbench.
        DataError: The lock is damaged.
    """
    specs, lock, further, edition = task_specs(), read_lock(data), Findings(data), read_edition(data)
    seen: dict[str, tuple[str, str]] = {}
    checked = []
    for part in catalogue(specs).values() if tasks is None else select_parts([tasks], specs):
        if part.n_clips is None:
            continue
        spec, found = specs[part.tasks[0]], find_set(data, part.name, part.root)
        assert spec.source.kind == "fdb"
        if found is not None:
            entry = lock.parts.get(part.name)
            fetched = entry.files if entry is not None and data / entry.place == found else None
            source = spec.source
            if edition is not None and part.name in edition.sets:
                made = edition.sets[part.name]
                fetched = made.files
                pins = dict.fromkeys(source.sha256, edition.human_timing_sha256)
                source = source.model_copy(update={"n": made.n, "sha256": pins})
            checked.append(_SetCheck(spec, source, found, data).run(fetched, seen))
        elif tasks is not None:
            findings = Findings(data, part.name)
            findings.error(data / part.place, f"no such folder; expected {part.n_clips} clips")
            checked.append(CheckedSet(part.name, spec.name, part.place, 0, part.n_clips, findings.items))
    for name, entry in lock.parts.items():
        if not (data / entry.place).exists() and name not in {each.name for each in checked}:
            further.error(data / entry.place, f"no such file or folder; the lock says that it was fetched {entry.fetched_at}")
    if edition is not None:
        what = f"the private edition {edition.name}, not upstream's data; numbers compare within it alone"
        further.warn(data / EDITION_FILE, what)
    for prompts in (JUDGE_PROMPTS, BEHAVIOUR_PROMPT):
        file = data / prompts.place
        if file.is_file() and sha256_of_file(file) != prompts.sha256:
            further.error(file, f"not upstream's file, whose sha256 is {prompts.sha256}")
    by_set = [sorted(each.findings, key=lambda finding: finding.severity) for each in checked]
    return CheckedData(checked, [*(finding for group in by_set for finding in group), *further.items], lock)


class _SetCheck:
    """One set being checked."""

    def __init__(self, spec: TaskSpec, source: FdbSource, found: Path, data: Path) -> None:
        self._spec, self._source, self._found, self._data = spec, source, found, data
        self._findings = Findings(data, source.folder)

    def run(self, fetched: Mapping[str, str] | None, seen: dict[str, tuple[str, str]]) -> CheckedSet:
        """Check everything.

        Args:
            fetched: The hash of each file when it was fetched, or made for a private edition; None where nobody knows.
            seen: Set and clip by the digest of their audio; the set's own are added.
        """
        source, findings, folder = self._source, self._findings, self._found.relative_to(self._data).as_posix()
        timing = self._find_timing()
        # Without the distributions, the same files as those of a set without pauses.
        behaviour = self._spec.behaviour if source.human_timing is None or timing is not None else "pause_handling"
        try:
            read = read_fdb_folder(self._found, self._spec.name, behaviour, timing)
        except DataError as error:
            findings.error(self._found, _without_path(error.what, self._found))
            return CheckedSet(source.folder, self._spec.name, folder, 0, source.n, findings.items)
        ids = sorted([*(sample.id for sample in read.samples), *read.broken], key=natural_order)
        # Files first: an empty one is reported as that and not as bad JSON.
        digests, prompts = self._check_files(ids)
        self._report_reader(read, timing)
        self._check_count(set(ids), set(read_human_timing(timing)) if timing is not None else set())
        for clip, prompt in prompts.items():
            self._check_twin(clip, prompt, seen)
        for sample in read.samples:
            if sample.id in prompts:
                duration_s = prompts[sample.id].duration_s
                examine_annotations(self._found / sample.id, sample, duration_s, findings)
                if timing is not None and sample.human_timing:
                    examine_timing(timing, sample, duration_s, findings)
        own = {name: digest for name, digest in digests.items() if not _MODEL_OUTPUTS.fullmatch(name.rpartition("/")[2])}
        return CheckedSet(
            name=source.folder,
            task=self._spec.name,
            folder=folder,
            n_clips=len(ids),
            n_expected=source.n,
            findings=findings.items,
            duration_s=sum(prompt.duration_s for prompt in prompts.values()),
            rates=Counter(prompt.sample_rate for prompt in prompts.values()),
            tree=tree_digest(own),
            lock="-" if fetched is None else self._compare(fetched, digests, own),
        )

    def _find_timing(self) -> Path | None:
        """The file of human distributions, where the set has one that can be read."""
        name, findings = self._source.human_timing, self._findings
        if name is None:
            return None
        file = find_human_timing(self._data, self._source, self._found)
        if file is None:
            findings.useless(self._found.parent / name, "no such file; expected the human backchannel distributions")
            return None
        try:
            read_human_timing(file)
        except DataError as error:
            findings.useless(file, _without_path(error.what, file))
            return None
        expected, sha256 = self._source.sha256.get(name), sha256_of_file(file)
        if expected not in (None, sha256):
            what = f"not upstream's file: expected sha256 {expected}, found {sha256}"
            findings.warn(file, f"{what}; numbers will not compare with published ones")
        return file

    def _check_files(self, ids: list[str]) -> tuple[dict[str, str], dict[str, AudioFacts]]:
        """Read every file of the set; returns the hashes of all by path, and the prompts by clip."""
        required, findings = REQUIRED[self._spec.behaviour], self._findings
        digests: dict[str, str] = {}
        prompts: dict[str, AudioFacts] = {}
        twins: dict[str, AudioFacts] = {}
        stray: dict[str, Path] = {}
        files = (path for path in self._found.rglob("*") if not path.is_dir() and not is_hidden(path, self._found))
        for file in sorted(files, key=lambda path: natural_order(path.relative_to(self._found).as_posix())):
            name = file.relative_to(self._found).as_posix()
            clip, _, inner = name.partition("/")
            owner = clip if clip in ids else None
            is_known = owner is not None and inner in (*required, TRANSCRIPTION)
            if not (is_known or name == self._source.human_timing or _MODEL_OUTPUTS.fullmatch(inner)):
                stray.setdefault(inner if owner else name, file)
            try:
                with open_plain(file) as opened:
                    data = opened.read()
            except OSError as error:
                findings.useless(file, f"cannot be read ({error.strerror})", owner)
                continue
            digests[name] = sha256_of(data)
            if owner is not None and inner in required and not data:
                findings.useless(file, "empty: it has 0 bytes", owner)
            elif owner is not None and inner in required and inner.endswith(".wav"):
                audio = examine_audio(file, data, self._source.sample_rate, owner, findings)
                if audio is not None and inner in (PROMPT, TWIN_PROMPT):
                    (prompts if inner == PROMPT else twins)[owner] = audio
        for file, clip in ((self._found / clip / inner, clip) for clip in ids for inner in required):
            if not file.exists():
                findings.useless(file, "no such file", clip)
        for clip in sorted(prompts.keys() & twins.keys(), key=natural_order):
            if prompts[clip].digest == twins[clip].digest:
                what = f"the same audio as {PROMPT}: nothing tells the clip from its clean twin"
                findings.error(self._found / clip / TWIN_PROMPT, what, clip)
        for file in stray.values():
            findings.warn(file, "a stray file: no task reads files of this name")
        return digests, prompts

    def _report_reader(self, read: FdbFolder, timing: Path | None) -> None:
        """What the reader makes a status or a note of, and what it quietly does without."""
        lines = [*((clip, why.message) for clip, why in read.broken.items()), *read.notes]
        for clip, line in lines:
            files = (self._found / clip / name for name in (*REQUIRED[self._spec.behaviour], TRANSCRIPTION))
            file = next((file for file in files if line.startswith(f"{file}:")), timing or self._found / clip)
            self._findings.error(file, _without_path(line, file).partition("; the sample stands without")[0], clip)
        without = {sample.id for sample in read.samples if not sample.human_timing} - {clip for clip, _ in lines}
        if timing is not None:
            for clip in sorted(without, key=natural_order):
                self._findings.error(timing, f"'{clip}': expected the human distribution of this clip, found none", clip)

    def _check_count(self, ids: set[str], timed: set[str]) -> None:
        """Each missing clip is named where its name is known: from the distributions, or from numbers without another gap."""
        n_expected = self._source.n
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

    def _check_twin(self, clip: str, prompt: AudioFacts, seen: dict[str, tuple[str, str]]) -> None:
        own = (self._source.folder, clip)
        twin = seen.setdefault(prompt.digest, own)
        if twin != own:
            tell = self._findings.error if twin[0] == own[0] else self._findings.warn
            tell(self._found / clip / PROMPT, f"the same audio as {'/'.join(twin)}", clip)

    def _compare(self, fetched: Mapping[str, str], digests: Mapping[str, str], own: Mapping[str, str]) -> str:
        """What changed since the set was fetched."""
        changed = [name for name in fetched if fetched[name] != digests.get(name)]
        added = [name for name in own if name not in fetched]
        for name in changed:
            clip, expected, found = name.partition("/")[0], fetched[name], digests.get(name)
            if found is None:
                self._findings.useless(self._found / name, "fetched once and gone since", clip)
            else:
                what = f"changed since it was fetched: expected sha256 {expected}, found {found}"
                self._findings.error(self._found / name, what, clip)
        for name in added:
            self._findings.warn(self._found / name, "added since the set was fetched", name.partition("/")[0])
        return "changed" if changed or added else "intact"


def _without_path(line: str, file: Path) -> str:
    """A line of the reader without the file that it begins with."""
    rest = line.removeprefix(str(file))
    return re.sub(r"^:(\d+): ", r"line \1: ", rest).removeprefix(": ")
