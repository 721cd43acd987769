"""Makes the embedded suite: synthesises its utterances once with flite and writes the scripts of its clips.

    python tools/make_mini.py            # writes tasks/mini, adapters/replies, and the pins in tasks/mini/*.yaml

What it says and how clips are put together is data, in ``mini_texts.py``. Needs flite (Debian package ``flite``, 2.2)
and nothing else that fdbench itself does not need; the committed files are what counts, and the tests check them.

Every boundary is known to the sample: flite prints the end of each phone, a word ends with its last phone, and the
silence that flite (and a stop's closure) puts before the first sound and after the last one is cut by energy, so
that sample 0 of an utterance is where it can first be heard.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mini_texts import BACKCHANNELS, CLIPS, REPLIES, STRETCH, UTTERANCES, ClipText

from fdbench.core.sound import Audio, Samples
from fdbench.io.files import sha256_of, write_bytes_atomically
from fdbench.io.wav import encode_flac, read_audio
from fdbench.suite.human_timing import human_timing
from fdbench.suite.speech import audible_range

SAMPLE_RATE = 16000
LEVEL_RMS = 0.07  # about -23 dBFS, what speech in telephone corpora has
PEAK_LIMIT = 0.9
FRAME_SAMPLES = 80  # 5 ms
FADE_SAMPLES = 32  # 2 ms
TURN_END_S = 0.3  # how long a turn_end event lasts, as in upstream's files


@dataclass(frozen=True, slots=True)
class Utterance:
    """One synthesised stretch of speech: 16 kHz samples, and words as (text, first sample, one past the last)."""

    voice: str
    text: str
    samples: Samples
    words: tuple[tuple[str, int, int], ...]


def synthesise(voice: str, text: str, stretch: float) -> tuple[Samples, list[tuple[str, float]]]:
    """flite's samples and its phones as (name, end in seconds)."""
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "x.wav"
        command = ["flite", "-psdur", "-voice", voice, "--setf", f"duration_stretch={stretch}", "-t", text, "-o", str(wav)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        audio = read_audio(wav)
    if audio.sample_rate != SAMPLE_RATE:
        raise SystemExit(f"{voice}: expected {SAMPLE_RATE} Hz, flite gave {audio.sample_rate} Hz")
    phones = [(name, float(end)) for name, end in (item.split(":") for item in printed.split())]
    return audio.samples, phones


def phone_count(word: str, voice: str) -> int:
    _, phones = synthesise(voice, word, 1.0)
    return sum(name != "pau" for name, _ in phones)


def make_utterance(voice: str, text: str, stretch: float = 1.0) -> Utterance:
    samples, phones = synthesise(voice, text, stretch)
    if any(name == "pau" for name, _ in phones[1:-1]):
        raise SystemExit(f"{voice}: flite pauses inside '{text}': choose another sentence")
    spoken = phones[1:-1]
    words = text.split()
    counts = [phone_count(word, voice) for word in words]
    if sum(counts) != len(spoken):
        raise SystemExit(f"{voice}: '{text}' has {len(spoken)} phones, its words alone have {counts}")
    first, last, _ = audible_range(samples, FRAME_SAMPLES)
    bounds = [round(phones[0][1] * SAMPLE_RATE)]
    at = 0
    for count in counts:
        at += count
        bounds.append(round(spoken[at - 1][1] * SAMPLE_RATE))
    bounds = [min(max(bound - first, 0), last - first) for bound in bounds]
    bounds[0], bounds[-1] = 0, last - first
    cut = samples[first:last].astype(np.float64)
    cut *= min(LEVEL_RMS / math.sqrt(float(np.mean(cut**2))), PEAK_LIMIT / float(np.abs(cut).max()))
    ramp = (np.arange(FADE_SAMPLES) + 0.5) / FADE_SAMPLES
    cut[:FADE_SAMPLES] *= ramp
    cut[-FADE_SAMPLES:] *= ramp[::-1]
    marked = tuple((word, bounds[i], bounds[i + 1]) for i, word in enumerate(words))
    if any(end <= start for _, start, end in marked):
        raise SystemExit(f"{voice}: '{text}' has a word without duration: {marked}")
    return Utterance(voice, text, cut.astype(np.float32), marked)


def seconds(sample: int) -> float:
    return round(sample / SAMPLE_RATE, 7)  # 1/16000 s has seven decimals, so this is exact


def write_bank(folder: Path, manifest: Path, bank: dict[str, Utterance], kinds: dict[str, str] | None = None) -> None:
    lines = []
    for name, utterance in bank.items():
        data = encode_flac(Audio(utterance.samples, SAMPLE_RATE))
        write_bytes_atomically(folder / f"{name}.flac", data)
        entry: dict[str, object] = {"kind": kinds[name]} if kinds else {}
        entry |= {
            "voice": utterance.voice,
            "text": utterance.text,
            "sample_rate": SAMPLE_RATE,
            "n_samples": len(utterance.samples),
            "sha256": sha256_of(data),
            "words": [[text, seconds(start), seconds(end)] for text, start, end in utterance.words],
        }
        lines.append(f"  {json.dumps(name)}: {json.dumps(entry)}")
    for stale in {path.stem for path in folder.glob("*.flac")} - set(bank):
        (folder / f"{stale}.flac").unlink()
    text = '{"schema": 1, "utterances": {\n' + ",\n".join(lines) + "\n}}\n"
    write_bytes_atomically(manifest, text.encode())


def make_clip(task: str, clip: ClipText, bank: dict[str, Utterance]) -> dict[str, object]:
    """Lays the utterances out at integer samples and derives what the script implies."""
    at, gap_s = 0, 0.0
    placed: list[tuple[str, int, int]] = []
    gaps: list[tuple[int, int, float]] = []
    for item in clip.script.split():
        if re.fullmatch(r"[0-9.]+", item):
            gap_s = float(item)
            continue
        name = f"{clip.voice}-{item}"
        start = at + round(gap_s * SAMPLE_RATE)
        if placed:
            gaps.append((at, start, gap_s))
        at, gap_s = start, 0.0
        placed.append((name, at, at + len(bank[name].samples)))
        at = placed[-1][2]
    n_samples = at + round(clip.tail_s * SAMPLE_RATE)

    def event(kind: str, start: int, end: int, text: str = "") -> dict[str, object]:
        return {"kind": kind, "start_s": seconds(start), "end_s": seconds(end), "text": text}

    def said(part: list[tuple[str, int, int]]) -> str:
        return " ".join(bank[name].text for name, _, _ in part)

    events = []
    if task == "pause_handling":
        events += [event("pause", start, end) for start, end, _ in gaps]
    if task == "user_interruption":
        silence = max(range(len(gaps)), key=lambda i: gaps[i][2])
        before, after = placed[: silence + 1], placed[silence + 1 :]
        events.append(event("context", before[0][1], before[-1][2], said(before)))
        events.append(event("interruption", after[0][1], after[-1][2], said(after)))
    events.append(event("turn_end", at, min(at + round(TURN_END_S * SAMPLE_RATE), n_samples)))
    out: dict[str, object] = {
        "id": clip.id,
        "sample_rate": clip.sample_rate,
        "n_samples": n_samples,
        "script": [{"utterance": name, "start": start} for name, start, _ in placed],
        "events": events,
    }
    if task == "backchannel":
        out["human_timing"] = human_timing([end / SAMPLE_RATE for _, _, end in placed], n_samples / SAMPLE_RATE)
    return out


def write_clips(path: Path, task: str, clips: list[dict[str, object]]) -> None:
    lines = ",\n".join("  " + json.dumps(clip) for clip in clips)
    text = f'{{"schema": 1, "task": "mini/{task}", "clips": [\n{lines}\n]}}\n'
    write_bytes_atomically(path, text.encode())


def update_pins(folder: Path) -> None:
    """Rewrites the lines ``NAME.json: SHA256`` in the task files."""
    for path in sorted(folder.glob("*.yaml")):

        def pinned(match: re.Match[str]) -> str:
            return f"{match[1]}{match[2]}: {sha256_of((folder / match[2]).read_bytes())}"

        text = re.sub(r"^(\s+)(\w+\.json): [0-9a-f]+$", pinned, path.read_text(), flags=re.MULTILINE)
        write_bytes_atomically(path, text.encode())


def main() -> None:
    root = Path(__file__).resolve().parent.parent
    mini, replies = root / "tasks" / "mini", root / "adapters" / "replies"
    bank = {name: make_utterance(voice := name.split("-")[0], text, STRETCH[voice]) for name, text in UTTERANCES.items()}
    write_bank(mini / "utterances", mini / "utterances.json", bank)
    kinds = dict.fromkeys(REPLIES, "reply") | dict.fromkeys(BACKCHANNELS, "backchannel")
    said = {name: make_utterance("slt", text) for name, text in REPLIES.items()}
    said |= {name: make_utterance("slt", text, stretch) for name, (text, stretch) in BACKCHANNELS.items()}
    write_bank(replies, replies / "replies.json", said, kinds)
    for task, clips in CLIPS.items():
        write_clips(mini / f"{task}.json", task, [make_clip(task, clip, bank) for clip in clips])
    update_pins(mini)
    size = sum(path.stat().st_size for folder in (mini, replies) for path in folder.rglob("*") if path.suffix != ".py")
    print(f"{len(bank)} utterances, {len(said)} replies, {sum(map(len, CLIPS.values()))} clips, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
