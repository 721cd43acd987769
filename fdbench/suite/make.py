"""Makes a private edition: as many clips per task as wanted, in upstream's layout, and a manifest with every hash.

::

    DIR/fdbench-edition.json                    name, seed, engine, voices, versions, the hash of each file
        v1.0/<set>/<id>/input.wav, ...          as ``fdbench.task.fdb_layout`` reads it
        v1.0/icc_gt_distribution.json           where listeners could backchannel: by rule, no human was recorded
        v1.5/<set>/<id>/input.wav, ...          pairs, as ``fdbench.task.overlap_layout`` reads them

The seed determines what is said, by which voice and when; on one machine with the same packages it determines every byte.
"""

from __future__ import annotations

import io
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile

from fdbench.core.behaviour import OVERLAPS
from fdbench.core.sound import Audio
from fdbench.core.take_id import TWIN
from fdbench.errors import UsageError
from fdbench.io.files import digest_of, encode_json, sha256_of, write_json_atomically
from fdbench.io.upstream_json import file_of
from fdbench.io.wav import as_pcm16, resampled
from fdbench.suite.clips import Clip, Phrase, draw_clip
from fdbench.suite.human_timing import human_timing
from fdbench.suite.speech import SUITE_RATE_HZ, Engine
from fdbench.suite.texts import HESITATIONS, Texts
from fdbench.task.edition import EDITION_FILE, EditedSet, Edition
from fdbench.task.load import task_specs
from fdbench.task.overlap_layout import METADATA
from fdbench.task.spec import FdbSource

MARK_S: Final = 0.3
"""How long the mark of a turn's end lasts, as in upstream's files."""
MAX_CLIPS: Final = 300
"""Of each set: the lists hold enough sentences for so many without one twice."""
NOTES: Final = (
    "Made by fdbench, not Full-Duplex-Bench's data: its numbers compare within this edition alone.",
    "The voices of hibari-tts are one speaker's, played slower and faster.",
    "An utterance's first and last time is exact; within it, words share the time by their letters.",
    "The human backchannel timing is a rule (after phrases); nobody was recorded.",
)


def make_edition(to: Path, seed: int, n_clips: int, engine: Engine, tell: Callable[[str], None]) -> Edition:
    """Make an edition in a folder that is empty or does not exist; it is there when it is whole.

    Args:
        n_clips: Of each set.
        tell: Is told each set that is done.

    Raises:
        UsageError: The folder holds something, or a number is out of range.
    """
    if not 1 <= n_clips <= MAX_CLIPS or seed < 0:
        what = f"--clips {n_clips}, --seed {seed}: expected 1 to {MAX_CLIPS} clips and a seed of 0 or more"
        raise UsageError(what, "give other numbers; make another edition with another seed for more clips")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UsageError(f"--to {to}: not an empty folder", "name a folder that is empty or does not exist")
    partial = to.resolve().with_name(f".{to.resolve().name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    sets, timing, texts = {}, dict[str, list[float]](), Texts()
    # Sentences are drawn from one stock: sets that came later to editions draw last, and the others stay as they were.
    for spec in sorted(task_specs().values(), key=lambda spec: spec.behaviour in OVERLAPS):
        source = spec.source
        if not isinstance(source, FdbSource):
            continue
        place = f"{source.root}/{source.folder}"
        made = _Set(partial / place, spec.behaviour, source.sample_rate or SUITE_RATE_HZ)
        # The published distributions are numbered from 0, the other sets from 1.
        for number in range(n_clips) if source.human_timing else range(1, n_clips + 1):
            rng = np.random.default_rng([seed, zlib.crc32(source.folder.encode()), number])
            clip = draw_clip(spec.behaviour, engine, texts, rng)
            made.add(str(number), clip)
            if source.human_timing:
                timing[str(number)] = _timing_of(clip)
        if source.human_timing:
            timing_file = partial / source.root / source.human_timing
        sets[source.folder] = EditedSet(place=place, n=n_clips, clips=made.clips, files=made.files)
        tell(f"{source.folder}: {n_clips} clips, {made.duration_s / 60:.1f} min")
    timing_data = encode_json(timing)
    timing_file.write_bytes(timing_data)
    digest = digest_of({"timing": sha256_of(timing_data), **{name: each.files for name, each in sets.items()}})
    edition = Edition(
        schema=1,
        name=f"suite-{seed}x{n_clips}-{digest[:10]}",
        seed=seed,
        engine=engine.name,
        packages=dict(engine.packages),
        voices={voice.name: f"{voice.speaker} at {voice.rate:g}" for voice in engine.voices},
        notes=list(NOTES),
        sets=sets,
        human_timing_sha256=sha256_of(timing_data),
    )
    write_json_atomically(partial / EDITION_FILE, edition.model_dump(by_alias=True))
    if to.exists():
        to.rmdir()
    partial.rename(to)
    return edition


class _Set:
    """The clips of one set, written as they come."""

    def __init__(self, folder: Path, behaviour: str, sample_rate: int) -> None:
        self._folder, self._behaviour, self._rate = folder, behaviour, sample_rate
        self.files: dict[str, str] = {}
        self.clips: dict[str, dict[str, str | float | None]] = {}
        self.duration_s = 0.0

    def add(self, clip_id: str, clip: Clip) -> None:
        (self._folder / clip_id).mkdir(parents=True)
        self._write(f"{clip_id}/input.wav", _wav(clip.audio, self._rate))
        if clip.twin is not None:
            self._write(f"{clip_id}/{file_of(TWIN, 'input.wav')}", _wav(clip.twin, self._rate))
        if self._behaviour == "user_interruption":
            turns = clip.phrases[: clip.n_context], clip.phrases[clip.n_context :]
            for name, turn in zip(("context.wav", "interrupt.wav"), turns, strict=True):
                alone = Audio(clip.audio.samples[turn[0].start : turn[-1].end], SUITE_RATE_HZ)
                self._write(f"{clip_id}/{name}", _wav(alone, self._rate))
        for name, value in _annotations(self._behaviour, clip).items():
            self._write(f"{clip_id}/{name}", encode_json(value))
        line = {"pace": clip.pace, "level_db": clip.level_db, "noise_db": clip.noise_db}
        rounded = {key: None if value is None else round(value, 3) for key, value in line.items()}
        self.clips[clip_id] = {"voice": clip.voice.name, **rounded}
        self.duration_s += clip.audio.duration_s

    def _write(self, name: str, data: bytes) -> None:
        (self._folder / name).write_bytes(data)
        self.files[name] = sha256_of(data)


def _annotations(behaviour: str, clip: Clip) -> dict[str, Any]:
    """Upstream's JSON files beside ``input.wav``, by name."""
    phrases = clip.phrases
    if behaviour == "user_interruption" or behaviour in OVERLAPS:
        context, interruption = phrases[: clip.n_context], phrases[clip.n_context :]
        times_s = [_seconds(interruption[0].start), _seconds(interruption[-1].end)]
        if behaviour in OVERLAPS:
            texts = {"context_text": _said(context), "current_turn_text": _said(interruption)}
            return {METADATA: {**texts, "timestamps": times_s}}
        return {"interrupt.json": [{"context": _said(context), "interrupt": _said(interruption), "timestamp": times_s}]}
    chunks = [
        {"text": text, "timestamp": [round(phrase.start / SUITE_RATE_HZ + time_s, 7) for time_s in (start_s, end_s)]}
        for phrase in phrases
        for text, start_s, end_s in phrase.utterance.words
    ]
    files: dict[str, Any] = {"transcription.json": {"text": _said(phrases), "chunks": chunks}}
    if behaviour == "pause_handling":
        spans_s = ([_seconds(start), _seconds(end)] for start, end in clip.pauses)
        files["pause.json"] = [{"text": "[PAUSE]", "timestamp": span_s} for span_s in spans_s]
    if behaviour == "turn_taking":
        end_s = _seconds(phrases[-1].end)
        files["turn_taking.json"] = [{"text": "[TURN]", "timestamp": [end_s, round(end_s + MARK_S, 7)]}]
    return files


def _timing_of(clip: Clip) -> list[float]:
    ends_s = [phrase.end / SUITE_RATE_HZ for phrase in clip.phrases if phrase.utterance.text not in HESITATIONS]
    return human_timing(ends_s, clip.audio.duration_s)


def _said(phrases: tuple[Phrase, ...]) -> str:
    return " ".join(phrase.utterance.text for phrase in phrases)


def _seconds(sample: int) -> float:
    return round(sample / SUITE_RATE_HZ, 7)


def _wav(audio: Audio, sample_rate: int) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, as_pcm16(resampled(audio, sample_rate)), sample_rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()
