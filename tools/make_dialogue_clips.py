"""Makes the clips of mini's dialogues: everything that the scripted examiner may say in them, in hibari-tts' voice.

    python tools/make_dialogue_clips.py            # writes tasks/mini/dialogues/*.flac and clips.json
    python tools/make_dialogue_clips.py --check    # beside that, what tiny.en hears that is not what was said

Needs the extras ``examiner`` and, for ``--check``, ``tiny-en``. The committed files are what counts; equal texts and packages
give equal files. Samples are kept to 11 bits, 48 dB below speech, which FLAC packs in half the space; silence stays silence.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from importlib import resources
from pathlib import Path

import numpy as np

from fdbench.call.examiner.phrases import texts_of
from fdbench.call.examiner.voice import CLIPS, CLIPS_FOLDER, MANIFEST, SPEAKER
from fdbench.core.plain_words import plain_words
from fdbench.core.sound import Audio
from fdbench.core.span import Span
from fdbench.hear.engines import load_asr
from fdbench.io.files import sha256_of, write_bytes_atomically
from fdbench.io.wav import encode_flac, resampled
from fdbench.suite.speech import SUITE_RATE_HZ, Hibari, speak
from fdbench.task.dialogues import shipped_dialogues

RATE_HZ = 16000
STEPS = 2**10  # of amplitude, to either side


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    folder = Path(str(resources.files(CLIPS))) / CLIPS_FOLDER
    texts = sorted({text for dialogue in shipped_dialogues() for text in texts_of(dialogue)})
    engine, ears = Hibari(), load_asr("faster-whisper:tiny.en") if check else None
    clips, seconds = {}, 0.0
    for text in texts:
        said = Audio(speak(engine, SPEAKER, text, 1.0, 0).samples, SUITE_RATE_HZ)
        plain = resampled(said, RATE_HZ).samples
        audio = Audio((np.round(plain * STEPS) / STEPS).astype(np.float32), RATE_HZ)
        name = f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.flac"
        data = encode_flac(audio)
        write_bytes_atomically(folder / name, data)
        clips[text] = {"file": name, "sha256": sha256_of(data)}
        seconds += audio.duration_s
        if ears is not None:
            words = ears.transcribe(audio, (Span(0.0, audio.duration_s),))
            heard = " ".join(word.text for word in words)
            if [word.text for word in plain_words(heard)] != [word.text for word in plain_words(text)]:
                print(f"said:  {text}\nheard: {heard}")
    facts = {"schema": 1, "voice": SPEAKER.name, "packages": dict(engine.packages), "clips": clips}
    write_bytes_atomically(folder / MANIFEST, (json.dumps(facts, indent=1) + "\n").encode())
    for stray in set(folder.glob("*.flac")) - {folder / each["file"] for each in clips.values()}:
        stray.unlink()
    size = sum(path.stat().st_size for path in folder.glob("*.flac"))
    print(f"{len(clips)} clips, {seconds:.0f} s, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
