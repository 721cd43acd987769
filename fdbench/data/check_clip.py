"""One clip: is its prompt speech of the right kind, and do its annotations lie in it?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from fdbench.core.absence import Absence
from fdbench.core.behaviour import OVERLAPS
from fdbench.core.conversation import Sample
from fdbench.core.event import CONTEXT, INTERRUPTION, OVERLAP, PAUSE
from fdbench.core.peaks import WINDOW_S
from fdbench.core.plausible import AT_END_S, BEYOND_S, FILES, check_event, check_words
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.core.take_id import TWIN
from fdbench.data.finding import Findings
from fdbench.errors import DataError
from fdbench.io.upstream_json import file_of
from fdbench.io.wav import decode_audio, digest_of_audio
from fdbench.task.overlap_layout import METADATA

PROMPT: Final = "input.wav"
TWIN_PROMPT: Final = file_of(TWIN, PROMPT)
TRANSCRIPTION: Final = "transcription.json"
REQUIRED: Final[dict[str, tuple[str, ...]]] = {
    "pause_handling": (PROMPT, "pause.json", TRANSCRIPTION),
    "turn_taking": (PROMPT, "turn_taking.json", TRANSCRIPTION),
    "backchannel": (PROMPT, TRANSCRIPTION),
    "user_interruption": (PROMPT, "interrupt.json", "context.wav", "interrupt.wav"),
    **dict.fromkeys(OVERLAPS, (PROMPT, TWIN_PROMPT, METADATA)),
}
"""Files of a clip as published, by behaviour."""

MIN_DURATION_S, MAX_DURATION_S = 0.5, 600.0
SILENT_SWING = 1e-3
"""-60 dBFS: no speech is under it, the dither of a silent file is."""
CLIPPED_PEAK, CLIPPED_SHARE = 0.999, 0.01
TIMING_BEYOND_S = 1.0


@dataclass(frozen=True, slots=True)
class AudioFacts:
    """What remains of an audio file when its samples are gone."""

    duration_s: float
    sample_rate: int
    digest: str


def examine_audio(file: Path, data: bytes, sample_rate: int | None, clip: str, findings: Findings) -> AudioFacts | None:
    """Whether a prompt, or the recording of a single turn, is mono speech; None where it cannot be read at all.

    Args:
        sample_rate: That the set's prompts have, Hz; None where nobody knows. Single turns may have another one.
    """
    try:
        audio = decode_audio(data, "")
    except DataError as error:
        findings.useless(file, error.what.removeprefix(": "), clip)
        return None
    is_prompt, samples = file.name in (PROMPT, TWIN_PROMPT), audio.samples
    if sample_rate not in (None, audio.sample_rate):
        findings.warn(file, f"expected {sample_rate} Hz, found {audio.sample_rate} Hz", clip)
    if is_prompt and not MIN_DURATION_S < audio.duration_s < MAX_DURATION_S:
        found = f"found {audio.duration_s:.3f} s"
        findings.error(file, f"expected a duration between {MIN_DURATION_S:g} and {MAX_DURATION_S:g} s, {found}", clip)
    swing = float(samples.max() - samples.min()) / 2
    if swing < SILENT_SWING:
        findings.error(file, f"silent or constant: it stays within {swing:.1e} of {float(samples.mean()):.3f}", clip)
    share = float((abs(samples) >= CLIPPED_PEAK).mean())
    if share > CLIPPED_SHARE:
        findings.warn(file, f"clipped: {share:.1%} of its samples are at full scale", clip)
    return AudioFacts(audio.duration_s, audio.sample_rate, digest_of_audio(audio))


def examine_annotations(folder: Path, sample: Sample, duration_s: float, findings: Findings) -> None:
    """Whether every annotated time lies in the prompt, and every text that is needed is there.

    Args:
        sample: As ``fdb_layout`` reads it, so its single times are in order and finite.
    """
    files = {kind: folder / name for kind, name in FILES.items()}
    if sample.of_kind(OVERLAP):
        files[CONTEXT] = files[OVERLAP]
    for event in sample.events:
        file, span = files[event.kind], event.span
        beyond = check_event(event, duration_s)
        if beyond:
            findings.error(file, beyond, sample.id)
        if event.kind == INTERRUPTION and span.duration_s <= 0:
            findings.error(file, f"expected start < end, found {_written(span)}", sample.id)
        if event.kind in (CONTEXT, INTERRUPTION, OVERLAP) and not event.text.strip():
            tell = findings.error if event.kind == INTERRUPTION else findings.warn
            tell(file, f"the {event.kind}: expected what is said, found no text", sample.id)
    pauses = sample.of_kind(PAUSE)
    if files[PAUSE].exists() and not pauses:
        findings.warn(files[PAUSE], "expected at least one pause, found none", sample.id)
    for first, second in pairwise(pauses):
        if first.span.overlaps(second.span):
            findings.error(files[PAUSE], f"the pauses {_written(first.span)} and {_written(second.span)} overlap", sample.id)
    if sample.transcript is not None:
        _examine_words(folder / TRANSCRIPTION, sample.transcript.words, duration_s, sample.id, findings)


def examine_timing(file: Path, sample: Sample, duration_s: float, findings: Findings) -> None:
    """Whether the human distribution covers the clip: window i is ``[i * 0.2, (i + 1) * 0.2)`` of the prompt."""
    covered_s = len(sample.human_timing) * WINDOW_S
    if abs(covered_s - duration_s) > TIMING_BEYOND_S:
        what = f"'{sample.id}': {len(sample.human_timing)} windows of {WINDOW_S} s cover {covered_s:.1f} s"
        findings.warn(file, f"{what}, the clip has {duration_s:.1f} s", sample.id)


def _examine_words(file: Path, words: tuple[Word, ...], duration_s: float, clip: str, findings: Findings) -> None:
    if not words:
        findings.warn(file, "expected words, found none", clip)
    beyond_s = max((time for word in words for time in (word.start_s, word.end_s) if time), default=0.0) - duration_s
    if beyond_s > AT_END_S:
        tell = findings.error if beyond_s > BEYOND_S else findings.warn
        tell(file, f"the last word ends {beyond_s:.3f} s behind the end of the clip ({duration_s:.3f} s)", clip)
    found = check_words(words, duration_s, "")
    if isinstance(found, Absence):
        if beyond_s <= BEYOND_S:  # else it is an error already
            findings.error(file, found.message.removeprefix(": "), clip)
        return
    for note in found.notes:
        if " the end of the audio" not in note and " an end behind " not in note:
            findings.warn(file, note, clip)
    starts = [word.start_s for word in words if word.start_s is not None]
    if starts != sorted(starts):
        late, early = next((a, b) for a, b in pairwise(starts) if b < a)
        findings.warn(file, f"expected words in order of time, found {early:g} s after {late:g} s", clip)


def _written(span: Span) -> str:
    return f"[{span.start_s:g}, {span.end_s:g}]"
