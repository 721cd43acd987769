"""One clip: is its prompt speech of the right kind, and do its annotations lie in it?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from fdbench.core.conversation import Sample
from fdbench.core.event import CONTEXT, INTERRUPTION, PAUSE, TURN_END
from fdbench.core.peaks import WINDOW_S
from fdbench.core.sound import Audio
from fdbench.core.span import Span
from fdbench.data.finding import Findings
from fdbench.errors import DataError
from fdbench.io.files import read_json
from fdbench.io.wav import decode_audio, digest_of_audio

PROMPT: Final = "input.wav"
REQUIRED: Final[dict[str, tuple[str, ...]]] = {
    "pause_handling": (PROMPT, "pause.json", "transcription.json"),
    "turn_taking": (PROMPT, "turn_taking.json", "transcription.json"),
    "backchannel": (PROMPT, "transcription.json"),
    "user_interruption": (PROMPT, "interrupt.json", "context.wav", "interrupt.wav"),
}
"""Files of a clip as published, by behaviour."""
OPTIONAL: Final = frozenset({"transcription.json"})

MIN_DURATION_S, MAX_DURATION_S = 0.5, 600.0
SILENT_PEAK = 1e-3
"""-60 dBFS: no speech is under it, the dither of a silent file is."""
CLIPPED_PEAK, CLIPPED_SHARE = 0.999, 0.01
ROUNDING_S = 0.05
"""Annotations are rounded and clips cut to frames: this much beyond the end is at the end."""
WORDS_BEYOND_S = 1.0
"""Recognisers put last words a little behind the end of the sound; this much is another clip's transcript."""
TIMING_BEYOND_S = 1.0


@dataclass(frozen=True, slots=True)
class PromptFacts:
    """What remains of a prompt when its samples are gone."""

    duration_s: float
    sample_rate: int
    digest: str


def examine_prompt(file: Path, data: bytes, sample_rate: int, clip: str, findings: Findings) -> PromptFacts | None:
    """Whether the prompt is mono speech at the set's rate; None where it cannot be read at all."""
    audio = _decode(file, data, clip, findings)
    if audio is None:
        return None
    if audio.sample_rate != sample_rate:
        findings.error(file, f"expected {sample_rate} Hz, found {audio.sample_rate} Hz", clip)
    if not MIN_DURATION_S < audio.duration_s < MAX_DURATION_S:
        found = f"found {audio.duration_s:.3f} s"
        findings.error(file, f"expected a duration between {MIN_DURATION_S:g} and {MAX_DURATION_S:g} s, {found}", clip)
    _examine_level(file, audio, clip, findings)
    return PromptFacts(audio.duration_s, audio.sample_rate, digest_of_audio(audio))


def examine_other_audio(file: Path, data: bytes, sample_rate: int, clip: str, findings: Findings) -> None:
    """The recordings of single turns: readable, mono, not empty of sound."""
    audio = _decode(file, data, clip, findings)
    if audio is None:
        return
    if audio.sample_rate != sample_rate:
        findings.warn(file, f"expected {sample_rate} Hz, found {audio.sample_rate} Hz", clip)
    _examine_level(file, audio, clip, findings)


def examine_annotations(folder: Path, sample: Sample, duration_s: float, findings: Findings) -> None:
    """Whether every annotated time lies in the prompt, and every text that is needed is there.

    Args:
        sample: As ``fdb_layout`` reads it, so its single times are in order and finite.
    """
    clip = sample.id
    for event in sample.of_kind(TURN_END):
        _beyond(folder / "turn_taking.json", "the turn's end", event.span.start_s, duration_s, clip, findings)
    _examine_pauses(folder / "pause.json", [event.span for event in sample.of_kind(PAUSE)], duration_s, clip, findings)
    interrupt = folder / "interrupt.json"
    for event in sample.of_kind(INTERRUPTION):
        _beyond(interrupt, "the interruption's end", event.span.end_s, duration_s, clip, findings)
        if event.span.duration_s <= 0:
            findings.error(interrupt, f"expected start < end, found {_told(event.span)}", clip)
        if not event.text.strip():
            findings.error(interrupt, "'interrupt': expected what is said, found no text", clip)
    for event in sample.of_kind(CONTEXT):
        if not event.text.strip():
            findings.warn(interrupt, "'context': expected what is said, found no text", clip)
    if sample.transcript is not None:
        _examine_words(folder / "transcription.json", sample, duration_s, findings)


def examine_timing(file: Path, sample: Sample, duration_s: float, findings: Findings) -> None:
    """Whether the human distribution covers the clip: window i is ``[i * 0.2, (i + 1) * 0.2)`` of the prompt."""
    covered_s = len(sample.human_timing) * WINDOW_S
    if abs(covered_s - duration_s) > TIMING_BEYOND_S:
        what = f"'{sample.id}': {len(sample.human_timing)} windows of {WINDOW_S} s cover {covered_s:.1f} s"
        findings.warn(file, f"{what}, the clip has {duration_s:.1f} s", sample.id)


def _decode(file: Path, data: bytes, clip: str, findings: Findings) -> Audio | None:
    try:
        return decode_audio(data, "")
    except DataError as error:
        findings.useless(file, error.what.removeprefix(": "), clip)
        return None


def _examine_level(file: Path, audio: Audio, clip: str, findings: Findings) -> None:
    peak = float(np.abs(audio.samples).max())
    swing = float(audio.samples.max() - audio.samples.min()) / 2
    if peak < SILENT_PEAK:
        findings.error(file, f"silent: its highest peak is {peak:.1e} of full scale", clip)
    elif swing < SILENT_PEAK:
        findings.error(file, f"constant: it stays within {swing:.1e} of {float(audio.samples.mean()):.3f}", clip)
    share = float((np.abs(audio.samples) >= CLIPPED_PEAK).mean())
    if share > CLIPPED_SHARE:
        findings.warn(file, f"clipped: {share:.1%} of its samples are at full scale", clip)


def _examine_pauses(file: Path, spans: list[Span], duration_s: float, clip: str, findings: Findings) -> None:
    if not file.exists() or findings.is_useless(file):
        return
    if not spans:
        findings.warn(file, "expected at least one pause, found none", clip)
        return
    for span in spans:
        _beyond(file, f"the end of the pause {_told(span)}", span.end_s, duration_s, clip, findings)
        if span.duration_s <= 0:
            findings.warn(file, f"a pause of no length, {_told(span)}", clip)
    for first, second in pairwise(spans):
        if first.overlaps(second):
            findings.error(file, f"the pauses {_told(first)} and {_told(second)} overlap", clip)
    starts = [item["timestamp"][0] for item in read_json(file)]  # the reader has put them in order
    if starts != sorted(starts):
        findings.warn(file, f"expected pauses in order of time, found starts {starts}", clip)


def _examine_words(file: Path, sample: Sample, duration_s: float, findings: Findings) -> None:
    words = sample.transcript.words if sample.transcript else ()
    if not words:
        findings.warn(file, "expected words, found none", sample.id)
        return
    last_s = max((time for word in words for time in (word.start_s, word.end_s) if time is not None), default=0.0)
    beyond_s = last_s - duration_s
    if beyond_s > ROUNDING_S:
        tell = findings.error if beyond_s > WORDS_BEYOND_S else findings.warn
        tell(file, _told_beyond("the last word's end", last_s, duration_s), sample.id)
    for index, word in enumerate(words):
        if word.start_s is None or word.end_s is None:
            continue
        if word.start_s < 0 or word.end_s < word.start_s:
            found = f"[{word.start_s:g}, {word.end_s:g}]"
            findings.warn(file, f"chunk {index} '{word.text}': expected 0 <= start <= end, found {found}", sample.id)
            break
    starts = [word.start_s for word in words if word.start_s is not None]
    late = next((index for index, (a, b) in enumerate(pairwise(starts)) if b < a), None)
    if late is not None:
        what = f"expected words in order of time, found {starts[late + 1]:g} s after {starts[late]:g} s"
        findings.warn(file, what, sample.id)


def _beyond(file: Path, what: str, time_s: float, duration_s: float, clip: str, findings: Findings) -> None:
    if time_s - duration_s > ROUNDING_S:
        findings.error(file, _told_beyond(what, time_s, duration_s), clip)


def _told_beyond(what: str, time_s: float, duration_s: float) -> str:
    return f"{what}: {time_s:.3f} s, {time_s - duration_s:.3f} s after the end of the clip ({duration_s:.3f} s)"


def _told(span: Span) -> str:
    return f"[{span.start_s:g}, {span.end_s:g}]"
