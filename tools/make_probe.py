"""Makes the probe tasks of the embedded suite: what is said to a model at a set time after it began to speak itself.

    python tools/make_probe.py           # writes tasks/mini/probe_*.json, their utterances, and the pins in tasks/mini/*.yaml

The contexts, backchannels and asides are those of ``make_overlap.py``, which has to be run first; interruptions are the same
voice, and noise is made of filtered noise with the envelopes of a cough, a knock and a hiss. Half of the clips wait for 1.0 s
after the model's onset, half for 0.5 to 3 s, drawn once. Needs the extra ``suite``; the committed files are what counts.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from make_mini import SAMPLE_RATE, seconds, update_pins, write_clips
from make_overlap import RATES_HZ, SEED, USERS, Said
from scipy.signal import butter, sosfilt

from fdbench.core.sound import Audio, Samples
from fdbench.io.files import sha256_of, write_bytes_atomically
from fdbench.io.wav import encode_flac, resampled
from fdbench.suite.speech import Hibari, speak

BANK = "probe_utterances.json"
FIXED_S = 1.0
DRAWN_S = (0.5, 3.0)
TAIL_S = 0.3
NOISE_RMS = 0.05
N_CLIPS = 12

INTERRUPTIONS = (
    "wait, what about the one in the harbor?", "hold on, how long does that take?", "sorry, can we talk about cake instead?",
    "stop, I meant the one in Africa.", "actually, who invented the chain?", "hang on, mine is awake all night.",
    "wait, which plants need no sun at all?", "hold on, I was asking about the guitar.", "sorry, what does it cost a month?",
    "stop, what did they drink on the way?", "actually, is it safe to be outside then?",
    "hang on, which ones keep until winter?",
)  # fmt: skip


def noises() -> dict[str, Samples]:
    """A cough, a knock and a hiss, four of each."""
    random = np.random.default_rng(SEED)
    found = {}
    for index in range(N_CLIPS):
        kind = ("cough", "knock", "hiss")[index % 3]
        n = round(float(random.uniform(0.7, 1.2)) * SAMPLE_RATE)
        t = np.arange(n) / SAMPLE_RATE
        if kind == "cough":
            band, shape = (300, 3000), np.exp(-12 * t) + np.exp(-12 * np.abs(t - 0.4))
        elif kind == "knock":
            band, shape = (
                (80, 900),
                sum(np.where(t >= at, np.exp(-40 * np.maximum(0.0, t - at)), 0.0) for at in (0.0, 0.2, 0.4)),
            )
        else:
            band, shape = (2000, 7000), np.minimum(1.0, 10 * np.minimum(t, t[-1] - t))
        sound = sosfilt(butter(2, band, "bandpass", fs=SAMPLE_RATE, output="sos"), random.standard_normal(n)) * shape
        sound *= NOISE_RMS / np.sqrt(np.mean(np.square(sound)))
        found[f"{kind}-{index + 1:02}"] = np.clip(sound, -0.9, 0.9).astype(np.float32)
    return found


def write_bank(mini: Path) -> dict[str, dict[str, Any]]:
    """The utterances of the overlap tasks that are used again, and the new ones."""
    overlap = json.loads((mini / "overlap_utterances.json").read_text())["utterances"]
    entries = {name: facts for name, facts in overlap.items() if "-far-" not in name}
    tts, folder = Hibari(), mini / "probe_utterances"
    said = []
    for index, text in enumerate(INTERRUPTIONS):
        spoken = speak(tts, USERS[index % 2], text, 1.0, SEED + index)
        samples = resampled(Audio(spoken.samples, 24000), SAMPLE_RATE).samples
        words = tuple((word, round(start, 7), round(end, 7)) for word, start, end in spoken.words)
        said.append(Said(f"heart-i{index + 1:02}", USERS[index % 2].name, spoken.text, samples, words))
    said += [Said(name, "noise", "", samples, ()) for name, samples in noises().items()]
    for name in entries:
        write_bytes_atomically(folder / f"{name}.flac", (mini / "overlap_utterances" / f"{name}.flac").read_bytes())
    for each in said:
        data = encode_flac(Audio(each.samples, SAMPLE_RATE))
        write_bytes_atomically(folder / f"{each.name}.flac", data)
        entries[each.name] = {
            "voice": each.voice, "text": each.text, "sample_rate": SAMPLE_RATE, "n_samples": len(each.samples),
            "sha256": sha256_of(data), "words": [list(word) for word in each.words],
        }  # fmt: skip
    lines = [f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in entries.items()]
    text = '{"schema": 1, "utterances": {\n' + ",\n".join(lines) + "\n}}\n"
    write_bytes_atomically(mini / BANK, text.encode())
    return entries


def main() -> None:
    mini = Path(__file__).resolve().parent.parent / "tasks" / "mini"
    bank = write_bank(mini)
    contexts = [name for name in bank if "-c" in name and bank[name]["voice"].startswith("heart")]
    kinds = {
        "interruption": [name for name in bank if name.startswith("heart-i")],
        "backchannel": [name for name in bank if name.startswith("heart-b")],
        "side_talk": [name for name in bank if name.startswith("heart-a")],
        "noise": [name for name in bank if bank[name]["voice"] == "noise"],
    }
    random = np.random.default_rng(SEED)
    for task, names in kinds.items():
        clips = []
        for index, (context, name) in enumerate(zip(contexts, names, strict=True)):
            facts = bank[context]
            drawn_s = round(float(random.uniform(*DRAWN_S)), 2)
            clips.append(
                {
                    "id": f"pr-{task.split('_')[0][:2]}-{index + 1:02}",
                    "sample_rate": RATES_HZ[index % 3],
                    "n_samples": facts["n_samples"] + round(TAIL_S * SAMPLE_RATE),
                    "script": [{"utterance": context, "start": 0}],
                    "events": [
                        {"kind": "context", "start_s": 0.0, "end_s": seconds(facts["n_samples"]), "text": facts["text"]}
                    ],
                    "probe": {"utterance": name, "after_onset_s": FIXED_S if index % 2 == 0 else drawn_s},
                }
            )
        write_clips(mini / f"probe_{task}.json", f"probe.{task}", clips)
    update_pins(mini)
    print(f"{len(bank)} utterances, {4 * N_CLIPS} probes")


if __name__ == "__main__":
    main()
