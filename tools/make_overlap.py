"""Makes the overlap tasks of the embedded suite: speech over a model's answer, and the same prompts without it.

    python tools/make_overlap.py         # writes tasks/mini/overlap_*.json, their utterances, and the pins in tasks/mini/*.yaml

Contexts, backchannels and asides are one voice (``hibari-tts``, at two rates); background speech and interruptions are the
voices of ``make_mini.py``, whose files must be there. An aside is turned away from the microphone, and the background is
across the room (``fdbench/suite/effects.py``). Needs the extra ``suite``; the committed files are what counts, and the tests
check them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from make_mini import SAMPLE_RATE, seconds, update_pins, write_clips

from fdbench.core.sound import Audio, Samples
from fdbench.io.files import sha256_of, write_bytes_atomically
from fdbench.io.wav import encode_flac, read_audio, resampled
from fdbench.suite.effects import across_the_room, turned_away
from fdbench.suite.speech import Hibari, Voice, speak

BANK = "overlap_utterances.json"
USERS = (Voice("heart-0.93", "heart", 0.93), Voice("heart-1.08", "heart", 1.08))
SEED = 1400

CONTEXTS = (
    "could you tell me how a lighthouse works?", "what is the best way to learn to swim as an adult?",
    "please explain why bread needs yeast.", "how do people find their way in the desert?",
    "tell me a little about the history of the bicycle.", "why do cats sleep so much during the day?",
    "how would you plan a garden on a small balcony?", "can you explain how a violin makes its sound?",
    "what should I know before I adopt an old dog?", "how did sailors keep their food fresh?",
    "please describe what happens during a storm.", "why are some apples sour and others sweet?",
)  # fmt: skip
BACKCHANNELS = ("yeah.", "right.", "okay.", "I see.", "oh really?", "sure.")
ASIDES = (
    "Anna, could you close the window please?", "no, the keys are on the kitchen table.",
    "hey, dinner is ready in ten minutes.",
    "did you feed the dog this morning?", "just a second, I am on the phone.", "can you turn the music down a bit?",
    "put the box over there next to the door.", "your sister called about the weekend.", "take your shoes off, please.",
    "I will be there in five minutes, darling.", "the blue one, not the red one.", "yes, you can go and play outside.",
)  # fmt: skip
BACKGROUND = (
    ("rms", "s01"), ("awb", "s02"), ("rms", "s03"), ("awb", "s04"), ("rms", "s05"), ("awb", "s06"),
    ("rms", "s07"), ("awb", "s08"), ("rms", "s09"), ("awb", "s10"), ("rms", "s11"), ("awb", "s12"),
)  # fmt: skip
RATES_HZ = (16000, 24000, 48000)
LEADS_S = (0.0, 0.3, 0.15)
TO_OVERLAP_S = (2.6, 3.1, 2.8, 3.4, 2.5, 3.0)
TAILS_S = (5.0, 5.4, 4.8)


@dataclass(frozen=True, slots=True)
class Said:
    """An utterance at 16 kHz, as it is heard at the microphone."""

    name: str
    voice: str
    text: str
    samples: Samples
    words: tuple[tuple[str, float, float], ...]


def utterances(mini: Path) -> dict[str, Said]:
    """Everything that is said in the three tasks, by name."""
    tts = Hibari()

    def user(kind: str, index: int, text: str) -> Said:
        voice = USERS[index % 2]
        spoken = speak(tts, voice, text, 1.0, SEED + index)
        samples = resampled(Audio(spoken.samples, 24000), SAMPLE_RATE).samples
        words = tuple((word, round(start, 7), round(end, 7)) for word, start, end in spoken.words)
        return Said(f"{voice.speaker}-{kind}{index + 1:02}", voice.name, spoken.text, samples, words)

    bank = {}
    for index, text in enumerate(CONTEXTS):
        said = user("c", index, text)
        bank[said.name] = said
    for index in range(len(CONTEXTS)):
        said = user("b", index, BACKCHANNELS[index // 2 % len(BACKCHANNELS)])
        bank[said.name] = said
    for index, text in enumerate(ASIDES):
        said = user("a", index, text)
        bank[said.name] = Said(said.name, said.voice, said.text, turned_away(said.samples, SAMPLE_RATE), said.words)
    known = json.loads((mini / "utterances.json").read_text())["utterances"]
    for voice, name in BACKGROUND:
        facts = known[f"{voice}-{name}"]
        samples = across_the_room(read_audio(mini / "utterances" / f"{voice}-{name}.flac").samples, SAMPLE_RATE)
        words = tuple((text, start, end) for text, start, end in facts["words"])
        bank[f"{voice}-far-{name}"] = Said(f"{voice}-far-{name}", voice, facts["text"], samples, words)
    return bank


def write_bank(mini: Path, bank: dict[str, Said]) -> None:
    lines = []
    for said in bank.values():
        data = encode_flac(Audio(said.samples.astype(np.float32), SAMPLE_RATE))
        write_bytes_atomically(mini / "overlap_utterances" / f"{said.name}.flac", data)
        entry = {
            "voice": said.voice, "text": said.text, "sample_rate": SAMPLE_RATE, "n_samples": len(said.samples),
            "sha256": sha256_of(data), "words": [list(word) for word in said.words],
        }  # fmt: skip
        lines.append(f"  {json.dumps(said.name)}: {json.dumps(entry)}")
    text = '{"schema": 1, "utterances": {\n' + ",\n".join(lines) + "\n}}\n"
    write_bytes_atomically(mini / BANK, text.encode())


def pair(id: str, index: int, context: Said, over: Said) -> dict[str, Any]:
    """A clip whose twin lacks what is said over the model."""
    start = round(LEADS_S[index % 3] * SAMPLE_RATE)
    end = start + len(context.samples)
    over_start = end + round(TO_OVERLAP_S[index % 6] * SAMPLE_RATE)
    over_end = over_start + len(over.samples)
    n_samples = over_end + round(TAILS_S[index % 3] * SAMPLE_RATE)
    return {
        "id": id,
        "sample_rate": RATES_HZ[index % 3],
        "n_samples": n_samples,
        "script": [
            {"utterance": context.name, "start": start},
            {"utterance": over.name, "start": over_start, "in_twin": False},
        ],
        "events": [
            {"kind": "context", "start_s": seconds(start), "end_s": seconds(end), "text": context.text},
            {"kind": "overlap", "start_s": seconds(over_start), "end_s": seconds(over_end), "text": over.text},
        ],
    }


def interruptions(mini: Path) -> list[dict[str, Any]]:
    """The clips of ``user_interruption``, each with the twin in which nobody interrupts."""
    found = []
    for clip in json.loads((mini / "user_interruption.json").read_text())["clips"]:
        context, interruption = clip["events"][:2]
        starts = round(interruption["start_s"] * SAMPLE_RATE)
        script = [{**each, "in_twin": False} if each["start"] >= starts else each for each in clip["script"]]
        events = [context, {**interruption, "kind": "overlap"}]
        found.append({**clip, "id": clip["id"].replace("ui-", "ov-ui-"), "script": script, "events": events})
    return found


def main() -> None:
    mini = Path(__file__).resolve().parent.parent / "tasks" / "mini"
    bank = utterances(mini)
    write_bank(mini, bank)
    contexts = [said for name, said in bank.items() if "-c" in name]
    over = {
        "user_backchannel": [said for name, said in bank.items() if "-b" in name],
        "talking_to_other": [said for name, said in bank.items() if "-a" in name],
        "background_speech": [said for name, said in bank.items() if "-far-" in name],
    }
    write_clips(mini / "overlap_user_interruption.json", "overlap.user_interruption", interruptions(mini))
    for task, said in over.items():
        short = "".join(word[0] for word in task.split("_"))
        clips = [
            pair(f"ov-{short}-{index + 1:02}", index, context, each)
            for index, (context, each) in enumerate(zip(contexts, said, strict=True))
        ]
        write_clips(mini / f"overlap_{task}.json", f"overlap.{task}", clips)
    update_pins(mini)
    print(f"{len(bank)} utterances, {12 * 4} pairs")


if __name__ == "__main__":
    main()
