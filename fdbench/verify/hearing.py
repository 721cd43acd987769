"""Hearing a run's recordings again, or remembering what was heard, and comparing the two.

An engine is known by its signature. Where the one that a scoring names is not installed, or is another version, nothing can be
heard again here: the stored annotations are taken as they are, and that is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fdbench.audio.vad import VadModel
from fdbench.errors import DataError, FdbenchError
from fdbench.hear.cache import AnnotationCache
from fdbench.hear.engines import SILERO, AsrEngine, asr_signature, vad_signature
from fdbench.hear.stage import Annotator, Answers, Engines
from fdbench.io.files import digest_of, read_json
from fdbench.stages.cases import Entry
from fdbench.stages.progress import Progress
from fdbench.stages.score import answer_entries, requests_of
from fdbench.store.run import Run
from fdbench.verify.differences import Group, compare
from fdbench.verify.files import Key

_NAMED_WHISPER: Final = re.compile(r"whisper-([\w.-]+)@.+")


@dataclass(slots=True)
class Hearers:
    """Whoever hears the recordings again, or remembers what was heard.

    Attributes:
        fresh: Folder of the fresh annotations; None where the stored ones are trusted.
        asr: What the user says that the recogniser of a signature is called here.
        unavailable: Why an engine cannot be had here, by its signature.
    """

    fresh: Path | None
    asr: str | None
    workers: int
    unavailable: dict[str, str] = field(default_factory=dict)

    def answers(
        self,
        run: Run,
        entries: Sequence[Entry],
        protocols: Sequence[str],
        signatures: Mapping[str, str],
        unheard: dict[Key, str],
        progress: Progress,
    ) -> Iterator[tuple[Entry, Answers | None]]:
        """What the engines with these signatures say about each entry; where they cannot be had, what they once said.

        Args:
            unheard: Is filled, while the answers are drawn, with the entries that have none and why.
        """
        engines = self._engines_of(signatures) if self.fresh else None
        if engines is not None:
            return answer_entries(entries, protocols, engines, self.fresh, self.workers, progress)
        return _remembered(run, entries, protocols, signatures, unheard)

    def _engines_of(self, signatures: Mapping[str, str]) -> Engines | None:
        asr, vad = signatures.get("asr", ""), signatures.get("vad", "")
        found = []
        for spec in _specs_of(asr, self.asr):
            try:
                if asr_signature(spec) != asr:
                    found.append(asr_signature(spec))
                elif vad_signature(SILERO) != vad:
                    self.unavailable[vad] = f"{vad}: found {vad_signature(SILERO)}"
                    return None
                else:
                    engines = Engines(spec)
                    engines.prepare()
                    return engines
            except FdbenchError as error:
                found.append(error.what.splitlines()[0])
        self.unavailable[asr] = f"{asr}: found {', '.join(found) or 'no engine of that name'}"
        return None


def check_annotations(run: Run, hearers: Hearers, group: Group) -> None:
    """Each stored annotation says whose answer it is, and is the answer that was heard now; after everything was heard."""
    for path in sorted(run.annotations.rglob("*.json")):
        inside = path.relative_to(run.annotations)
        file = path.relative_to(run.folder).as_posix()
        try:
            value = read_json(path)
            key = value["key"]
            place = Path(digest_of(key["engines"])[:16], f"{digest_of(key)[:32]}.json")
        except (DataError, KeyError, TypeError, ValueError) as error:
            group.differ(file, error.what.removeprefix(f"{path}: ") if isinstance(error, DataError) else "not an annotation")
            continue
        if place != inside:
            group.differ(file, "its content is not what its name is the hash of", inside.as_posix(), place.as_posix())
        elif hearers.fresh is not None and (hearers.fresh / place).is_file():
            group.count("answers")
            about = f"{key['kind']} of the {key['request'].get('channel')} by {', '.join(key['engines'].values())}:"
            for where, stored, found in compare(value.get("answer"), read_json(hearers.fresh / place)["answer"]):
                group.differ(file, f"{about} {where}", stored, found)
        else:
            why = "was heard again for them" if hearers.fresh else "was heard again: they were taken as they are"
            group.skip(f"stored annotations: nothing {why}")
    for why in hearers.unavailable.values():
        group.skip(f"cannot be heard again here: {why}; the stored annotations were taken as they are")


def _specs_of(signature: str, given: str | None) -> Iterator[str]:
    if given is not None:
        yield given
    if signature.startswith("sphinx"):
        yield "sphinx"
    named = _NAMED_WHISPER.fullmatch(signature)
    if named:
        yield f"whisper:{named.group(1)}"


class _NotStoredError(Exception):
    """Nothing was remembered about this take, so somebody would have to hear it."""


class _Memory(Annotator):
    """Answers from the stored annotations alone, also those of engines that are not installed here."""

    def __init__(self, signatures: Mapping[str, str], cache: AnnotationCache) -> None:
        self.engines = Engines("stored", SILERO)
        self.cache = cache
        self._signatures = signatures

    @property
    def vad(self) -> VadModel:
        raise _NotStoredError

    @property
    def asr(self) -> AsrEngine:
        raise _NotStoredError

    @property
    def silero_facts(self) -> dict[str, str]:
        return {"vad": self._signatures.get("vad", "")}

    @property
    def words_facts(self) -> dict[str, str]:
        return {"asr": self._signatures.get("asr", ""), "vad": self._signatures.get("vad", "")}


def _remembered(
    run: Run, entries: Sequence[Entry], protocols: Sequence[str], signatures: Mapping[str, str], unheard: dict[Key, str]
) -> Iterator[tuple[Entry, Answers | None]]:
    memory = _Memory(signatures, AnnotationCache(run.annotations))
    for entry in entries:
        if entry.fault is not None or entry.audio is None:
            yield entry, None
            continue
        try:
            yield entry, memory.annotate(entry.audio, requests_of(entry, protocols))
        except _NotStoredError:
            unheard[entry.key] = f"no annotations by {signatures.get('asr', 'its recogniser')} are stored"
