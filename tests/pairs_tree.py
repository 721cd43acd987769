"""Pairs in upstream's v1.5 layout for tests, short and from shipped speech, and what a model recorded of both prompts.

::

    input.wav          |..context....|..........|--overlap--|.............|
    clean_input.wav    |..context....|....................................|
    clean_output.wav   |.............|-----first reply------|.............|
    output.wav         |.............|---------|............|-second reply|    stops 0.4 s into the overlap, and answers
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from fdbench.adapter.clips import load_clips
from fdbench.io.wav import read_audio

RATE_HZ: Final = 16000
CONTEXT_S, REPLY_S, OVERLAP_S, STOP_S, PROMPT_S = 0.2, 2.4, 3.6, 4.0, 8.2
CONTEXTS: Final = (
    ("heart-c01", "could you tell me how a lighthouse works"),
    ("heart-c06", "why do cats sleep so much during the day"),
)
OVERLAPS: Final = (
    ("rms-i1", "wait what about a motorcycle instead"),
    ("rms-i3", "hold on is it dangerous for the people inside"),
)
IDS: Final = ("1", "2")


@cache
def utterance(name: str) -> np.ndarray:
    """16 kHz."""
    folder = "overlap_utterances" if name.startswith("heart") else "utterances"
    return read_audio(Path(str(resources.files("fdbench.tasks.mini"))) / folder / f"{name}.flac").samples


def placed(length_s: float, *said: tuple[float, np.ndarray]) -> np.ndarray:
    """Speech at its times in a silence."""
    samples = np.zeros(round(length_s * RATE_HZ), np.float32)
    for start_s, each in said:
        start = round(start_s * RATE_HZ)
        samples[start : start + len(each)] += each[: len(samples) - start]
    return samples


def write_wav(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE_HZ, subtype="PCM_16")


def overlap_of(index: int) -> tuple[float, float]:
    """When a pair's overlap is, s."""
    return OVERLAP_S, OVERLAP_S + len(utterance(OVERLAPS[index][0])) / RATE_HZ


def write_prompts(folder: Path, n: int = 2) -> Path:
    """``folder/<id>/input.wav``, ``clean_input.wav`` and ``metadata.json`` of pairs 1 and 2; returns the folder."""
    for index, id in enumerate(IDS[:n]):
        context = (CONTEXT_S, utterance(CONTEXTS[index][0]))
        write_wav(folder / id / "input.wav", placed(PROMPT_S, context, (OVERLAP_S, utterance(OVERLAPS[index][0]))))
        write_wav(folder / id / "clean_input.wav", placed(PROMPT_S, context))
        texts = {"context_text": CONTEXTS[index][1], "current_turn_text": OVERLAPS[index][1]}
        (folder / id / "metadata.json").write_text(json.dumps({**texts, "timestamps": list(overlap_of(index))}))
    return folder


def write_replies(folder: Path, n: int = 2, main: str = "output.wav", clean: str = "clean_output.wav") -> Path:
    """Beside them, or in any folder: ``<id>/output.wav`` of a model that yields and answers, and ``<id>/clean_output.wav``."""
    for index, id in enumerate(IDS[:n]):
        first, second = (clip.samples for clip in load_clips("reply")[2 * index : 2 * index + 2])
        answer_s = overlap_of(index)[1] + 0.4
        until_stop = first[: round((STOP_S - REPLY_S) * RATE_HZ)]
        write_wav(folder / id / main, placed(10.0, (REPLY_S, until_stop), (answer_s, second)))
        write_wav(folder / id / clean, placed(10.0, (REPLY_S, first)))
    return folder


def write_folder(folder: Path, n: int = 2) -> Path:
    """A set of prompts with the recordings beside them: what upstream's users have."""
    return write_replies(write_prompts(folder, n), n)
