"""What each condition does to a fixed clip: ``python -m tests.golden.make_condition_goldens`` writes ``data/conditions.json``.

Only for a new condition or a new version: a hash that changes without one is a bug.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from fdbench.adapter.base import Brief
from fdbench.call.path import Path as Way
from fdbench.call.scene import scene_of
from fdbench.core.condition import Condition
from fdbench.core.conversation import Take
from fdbench.core.sound import Audio
from fdbench.errors import FdbenchError
from fdbench.io.wav import resampled
from fdbench.task.conditions import conditions, find_condition
from fdbench.task.load import load_samples, task_specs

FILE = Path(__file__).parent / "data" / "conditions.json"
RATE = 16000


def fixed_clip():
    """Two seconds of a prompt of the embedded suite, and the sample that it is of."""
    sample = load_samples(task_specs()["mini/turn_taking"], None, limit=1).samples[0]
    return sample, Audio(resampled(sample.stimuli["main"].load(), RATE).samples[: 2 * RATE], RATE)


def hash_under(condition: Condition) -> str:
    """SHA-256 of the 16-bit samples that a model at 16 kHz would hear, which says the clip backwards itself."""
    sample, clip = fixed_clip()
    take = Take(sample, condition=condition.name)
    way = Way(condition.to_model, RATE, RATE, RATE, scene_of(take, Brief(stimulus=clip), condition))
    heard = way.step(clip.samples, clip.samples[::-1].copy(), len(clip.samples))
    pcm = np.clip(np.rint(heard * 32767.0), -32768, 32767).astype("<i2")
    return hashlib.sha256(pcm.tobytes()).hexdigest()


def golden_of(condition: Condition) -> dict[str, object]:
    return {"version": condition.version, "sha256": hash_under(condition), "libraries": dict(condition.libraries)}


def main() -> None:
    found = {}
    for name, plain in conditions().items():
        if plain.is_clean or plain.needs_folder:
            continue
        try:
            found[name] = golden_of(find_condition(name))
        except FdbenchError as error:
            sys.stderr.write(f"{name} left out: {error.what}\n")
    FILE.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
