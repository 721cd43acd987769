"""`fdbench score EXPORT`: a run that somebody exported, scored again from its rows, without the original data.

Every recording is heard anew. Where an export came without prompts, what was heard of the user is taken from its
``speech`` and ``transcripts``: the user's channel can then be heard by no other engines than those of the run.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from fdbench.core.absence import REASONS
from fdbench.core.annotation import Channel, Speech, SpeechRequest, VadSettings, Verdict, WordsRequest
from fdbench.core.conversation import Sample
from fdbench.core.event import Event
from fdbench.core.sound import Track
from fdbench.core.span import Span
from fdbench.core.speech import Transcript, Word
from fdbench.errors import DataError
from fdbench.hear.cache import AnnotationCache
from fdbench.io.files import sha256_of, user_cache, write_bytes_atomically
from fdbench.io.upstream_json import describe, finite_number
from fdbench.io.wav import decode_audio, digest_of_audio
from fdbench.publish import exported
from fdbench.publish.exported import CHANNELS, MANIFEST, RECORDING, RECORDINGS, SPEECH, TRANSCRIPTS
from fdbench.stages.cases import Entry, Fault, kinds_in, moved, placed, told_of
from fdbench.stages.progress import Progress
from fdbench.stages.run import Hearing, facts_of, summary_json
from fdbench.stages.score import Scoring, score_entries
from fdbench.store.manifest import RunManifest
from fdbench.store.record import StoredEvent
from fdbench.task.cells import Cell
from fdbench.task.hf import Row, audio_in, configs_in, read_rows
from fdbench.task.rows import Columns, check_id, read_annotation

Cells = Mapping[str, Cell]
_RATING: Final = ("rating", "rating_analysis", "rating_error")
_NOT_NEEDED: Final = (*_RATING, "placement")
_EXPORT_AGAIN: Final = "export the run again"


@dataclass(frozen=True, slots=True)
class ExportedTrack:
    """One channel in a row.

    Attributes:
        cell: Where its file's bytes are; None in an export without prompts.
    """

    digest: str
    start_s: float
    end_s: float
    cell: Cell | None


@dataclass(frozen=True, slots=True)
class ExportedTake:
    """The audio of a take in a row of ``recordings``."""

    behaviour: str
    name: str
    user: ExportedTrack | None
    model: ExportedTrack | None
    folder: Path | None = None

    def digest(self, channel: Channel) -> str | None:
        track = self._track(channel)
        return placed(track.digest, track.start_s) if track else None

    def load(self, channel: Channel) -> Track:
        track = self._track(channel)
        if track is None or track.cell is None:
            raise DataError(f"{self.name}: the {channel} channel is not in the export")
        audio = decode_audio(track.cell.read(), f"{self.name}: {channel}")
        if digest_of_audio(audio) != track.digest:
            raise DataError(f"{self.name}: the {channel} channel is not what was recorded: its digest is another one")
        return Track(audio, track.start_s)

    def _track(self, channel: Channel) -> ExportedTrack | None:
        return self.user if channel == "user" else self.model


@dataclass(frozen=True, slots=True)
class ScoredExport:
    """An export's scores, as a run would have stored them.

    Attributes:
        summaries: What the ``summary.json`` of each scoring would hold.
    """

    manifest: RunManifest
    scorings: tuple[Scoring, ...]
    summaries: tuple[Mapping[str, Any], ...]

    @property
    def n_errors(self) -> int:
        return max((scoring.n_errors for scoring in self.scorings), default=0)


def score_export(folder: Path, hearing: Hearing, progress: Progress) -> ScoredExport:
    """Annotate and score the recordings of an exported run.

    Raises:
        FdbenchError: The export is damaged or incomplete, or an engine is not there.
    """
    hearing.check()
    manifest = RunManifest.read_file(folder / "fdbench" / MANIFEST, _EXPORT_AGAIN)
    shift_s = manifest.collection.shift_s_to(hearing.placement)
    rows = _rows(folder, RECORDINGS, RECORDING)
    entries = [_entry(row, cells, manifest, f"{folder}: {RECORDINGS}") for row, cells in rows]
    _check_complete(folder, manifest, entries)
    tasks = facts_of(manifest, shift_s, kinds_in(entries))
    judging = hearing.judging(_verdicts(folder))
    with _known_of_users(folder, entries) as cache:
        scorings = score_entries(
            [moved(entry, shift_s) for entry in entries], tasks, hearing.protocols, hearing.engines,
            judging=judging, cache_root=cache, workers=hearing.workers, progress=progress,
        )  # fmt: skip
    engines = {**hearing.engines.signature_facts(), "judge": judging.signature}
    by_protocol = sorted(scorings, key=lambda scoring: scoring.protocol)
    summaries = tuple(summary_json(manifest.run_id, scoring, tasks, engines, shift_s) for scoring in by_protocol)
    return ScoredExport(manifest, scorings, summaries)


def _rows(folder: Path, config: str, columns: Columns) -> Iterator[tuple[Row, Cells]]:
    needed = [name for name in columns if name not in _NOT_NEEDED]
    for row in read_rows(str(folder), config, columns, needed, f"{folder}: {config}"):
        yield row, {name: Cell.of(data) for name, data in audio_in(row, columns).items()}


def _entry(row: Row, cells: Cells, manifest: RunManifest, where: str) -> Entry:
    where = f"{where}: {row['take']}"
    collected = manifest.tasks.get(row["task"])
    if collected is None:
        raise DataError(f"{where}: task: expected one of the manifest, found {row['task']}", _EXPORT_AGAIN)
    events, transcript, human_timing = read_annotation(row, where)
    sample = Sample(
        id=check_id(row["id"], where),
        task=row["task"],
        stimuli={},
        events=events,
        transcript=transcript,
        human_timing=human_timing,
        instructions=row["instructions"] or "",
    )
    if row["fault_reason"] is not None:
        if row["fault_reason"] not in REASONS:
            raise DataError(f"{where}: fault_reason: {describe(row['fault_reason'])} is not known", _EXPORT_AGAIN)
        fault = Fault(row["fault_reason"], row["fault_message"] or "")
        return Entry(sample, collected.behaviour, row["repeat"], fault=fault)
    user, model = (_track(row, channel, cells, where) for channel in CHANNELS)
    if model is None:
        raise DataError(f"{where}: neither a recording nor a reason why there is none", _EXPORT_AGAIN)
    return Entry(
        sample=sample,
        behaviour=collected.behaviour,
        repeat=row["repeat"],
        audio=ExportedTake(collected.behaviour, where, user, model),
        prompt_s=finite_number(row["prompt_s"], f"{where}: prompt_s"),
        recorded_s=model.end_s,
        right_censored=bool(row["right_censored"]),
        verdict=partial(_verdict, *(row.get(name) for name in _RATING)),
        told=told_of(_told(row, where)),
    )


def _told(row: Row, where: str) -> list[Event]:
    """What the model told about itself."""
    told = row["model_events"] or []
    try:
        return [StoredEvent.model_validate(value).event for value in told]
    except ValueError:
        wanted = "expected kind, start_s, end_s and text of each"
        raise DataError(f"{where}: model_events: {wanted}, found {describe(told)}", _EXPORT_AGAIN) from None


def _track(row: Row, channel: str, cells: Cells, where: str) -> ExportedTrack | None:
    digest = row[f"{channel}_digest"]
    if not digest:
        return None
    names = [f"{channel}_{name}" for name in ("n_samples", "sample_rate", "start_s")]
    n_samples, rate, start_s = (finite_number(row[name], f"{where}: {name}") for name in names)
    if n_samples < 0 or rate <= 0:
        raise DataError(f"{where}: {channel}: {n_samples:g} samples at {rate:g} Hz are no audio", _EXPORT_AGAIN)
    return ExportedTrack(digest, start_s, start_s + n_samples / rate, cells.get(f"{channel}_audio"))


def _verdict(rating: float | None, analysis: str | None, error: str | None) -> Verdict | None:
    if error is not None:
        raise DataError(error)
    return Verdict(rating, analysis or "") if rating is not None else None


def _check_complete(folder: Path, manifest: RunManifest, entries: list[Entry]) -> None:
    expected = {
        (task, sample_id, repeat)
        for task, collected in manifest.tasks.items()
        for sample_id, sample in collected.samples.items()
        for repeat in range(sample.repeats)
    }
    found = [entry.key for entry in entries]
    if len(found) != len(set(found)) or set(found) != expected:
        odd = sorted(expected ^ set(found), key=str)[:1] or sorted(key for key in found if found.count(key) > 1)[:1]
        raise DataError(
            f"{folder}: {RECORDINGS}: expected one row for each of {len(expected)} takes of the manifest, found {len(found)} "
            f"(see {' '.join(map(str, odd[0]))})",
            _EXPORT_AGAIN,
        )


@contextmanager
def _known_of_users(folder: Path, entries: list[Entry]) -> Iterator[Path | None]:
    """A cache with what is known of users who cannot be heard; None where everybody can be."""
    takes = {_take(entry): entry.audio for entry in entries if isinstance(entry.audio, ExportedTake)}
    unheard = {name: take for name, take in takes.items() if take.user is not None and take.user.cell is None}
    digests = {name: take.digest("user") or "" for name, take in unheard.items()}
    if not digests:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="fdbench-") as root:
        cache, configs = AnnotationCache(Path(root)), configs_in(str(folder))
        for config, columns in ((SPEECH, exported.SPEECH_ROW), (TRANSCRIPTS, exported.TRANSCRIPT_ROW)):
            for row, _ in _rows(folder, config, columns) if config in configs else ():
                if row["channel"] == "user" and row["take"] in digests:
                    _remember(cache, digests[row["take"]], row, f"{folder}: {config}: {row['take']}")
        yield Path(root)


def _remember(cache: AnnotationCache, digest: str, row: Row, where: str) -> None:
    try:
        engines = json.loads(row["engines"])
        span = None if row["span_start_s"] is None else Span(row["span_start_s"], row["span_end_s"])
        if "segments" in row:
            segments = tuple(Span(each["start_s"], each["end_s"]) for each in row["segments"])
            speech = Speech(segments, row["duration_s"], engines["vad"])
            cache.store(digest, SpeechRequest("user", span, VadSettings(**json.loads(row["settings"]))), engines, speech)
        else:
            words = tuple(Word(each["text"] or "", each["start_s"], each["end_s"]) for each in row["words"])
            cache.store(digest, WordsRequest("user", span), engines, Transcript(words, row["engine"], row["dropped"]))
    except (TypeError, KeyError, ValueError) as error:
        raise DataError(f"{where}: not what was heard of a user ({error!r})", _EXPORT_AGAIN) from None


def _take(entry: Entry) -> str:
    task, sample_id, repeat = entry.key
    return f"{task}/{sample_id}@main.r{repeat}"


def _verdicts(folder: Path) -> Path:
    """Where a judge's answers are looked up and kept: a place of this export's own that begins with those it brought."""
    place = user_cache() / "exports" / sha256_of((folder / "fdbench" / MANIFEST).read_bytes())[:16] / "verdicts"
    brought = folder / "fdbench" / "verdicts"
    for path in brought.rglob("*.json"):
        here = place / path.relative_to(brought)
        if not here.exists():
            write_bytes_atomically(here, path.read_bytes())
    return place
