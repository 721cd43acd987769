"""Down to which noise in the model's own channel our hearing may be believed.

    python benchmarks/hearing_in_noise.py [--asr faster-whisper:tiny.en] [--kinds babble,speech_shaped] [--write results]

Known speech - the replies that the trivial agents speak with, whose words are known - is laid into noise of the ladder, and
heard as a run's recordings are: speech by the detector, words by the recogniser. A level may be believed where, against the
same speech without noise, at most 5 % of the time is called speech or silence otherwise, and the word error rate rises by at
most 5 points. What is believed must hold at every cleaner level, too. ``--write`` leaves the answer beside the runs, where
tables read it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

import jiwer
import numpy as np

from fdbench.adapter.clips import CLIP_RATE_HZ, load_clips
from fdbench.audio.active_speech import active_speech
from fdbench.audio.effects.scene import Scene
from fdbench.audio.effects.table import effect_of
from fdbench.audio.vad import detect_speech, load_vad_model
from fdbench.core.annotation import CORRECTED_VAD
from fdbench.core.sound import Audio
from fdbench.hear.engines import load_asr
from fdbench.io.files import write_json_atomically
from fdbench.report.ladders import HEARING

LEVELS_DB: Final = (30, 20, 15, 10, 5, 0)
MOST_MISHEARD: Final = 0.05
MOST_WER: Final = 0.05
STEP_S: Final = 0.01
_WORDS: Final = jiwer.Compose([jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.RemoveMultipleSpaces(), jiwer.Strip()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--asr", default="faster-whisper:tiny.en")
    parser.add_argument("--kinds", default="babble,speech_shaped")
    parser.add_argument("--write", type=Path, metavar="RESULTS")
    options = parser.parse_args()

    asr, (known, text) = load_asr(options.asr), known_speech()
    clean = heard(known, asr)
    print(f"{'noise':16} {'dB':>4} {'misheard':>9} {'WER':>6}")
    print(f"{'none':16} {'':>4} {0:9.1%} {wer_of(text, clean[1]):6.1%}")
    rows: list[dict[str, Any]] = []
    for kind in options.kinds.split(","):
        for snr_db in LEVELS_DB:
            times, words = heard(in_noise(known, kind, snr_db), asr)
            row = {"noise": kind, "snr_db": snr_db, "misheard": float(np.mean(times != clean[0])), "wer": wer_of(text, words)}
            print(f"{kind:16} {snr_db:4d} {row['misheard']:9.1%} {row['wer']:6.1%}")
            rows.append(row)
    believed_db = believed_down_to_db(rows, wer_of(text, clean[1]))
    print(f"believed down to {believed_db:g} dB")
    if options.write:
        told = {"asr": asr.signature, "clean_wer": wer_of(text, clean[1]), "believed_down_to_db": believed_db, "levels": rows}
        write_json_atomically(options.write / HEARING, told)


def believed_down_to_db(rows: list[dict[str, Any]], clean_wer: float) -> float:
    """The noisiest level at which, as at all cleaner ones, speech is heard as without noise; infinite where there is none."""
    believed_db = float("inf")
    for snr_db in sorted({row["snr_db"] for row in rows}, reverse=True):
        here = [row for row in rows if row["snr_db"] == snr_db]
        if any(row["misheard"] > MOST_MISHEARD or row["wer"] > clean_wer + MOST_WER for row in here):
            break
        believed_db = float(snr_db)
    return believed_db


def known_speech() -> tuple[Audio, str]:
    """All replies one after the other with two seconds of silence between them, and their words."""
    quiet = np.zeros(2 * CLIP_RATE_HZ, np.float32)
    clips = load_clips("reply")
    samples = np.concatenate([quiet, *(piece for clip in clips for piece in (clip.samples, quiet))])
    return Audio(samples, CLIP_RATE_HZ), " ".join(clip.text for clip in clips)


def in_noise(known: Audio, kind: str, snr_db: float) -> Audio:
    level_dbfs, spans = active_speech(known)
    assert level_dbfs is not None
    effect = effect_of({"effect": "noise", "kind": kind, "snr_db": snr_db}, known.sample_rate, Scene(1, level_dbfs, spans))
    return Audio(effect.step(known.samples, known.samples), known.sample_rate)


def heard(audio: Audio, asr: Any) -> tuple[Any, str]:
    """Which steps of 10 ms are speech, and the words."""
    spans = detect_speech(audio, CORRECTED_VAD, load_vad_model()).segments
    is_speech = np.zeros(round(audio.duration_s / STEP_S), bool)
    for span in spans:
        is_speech[round(span.start_s / STEP_S) : round(span.end_s / STEP_S)] = True
    return is_speech, " ".join(word.text for word in asr.transcribe(audio, spans))


def wer_of(text: str, words: str) -> float:
    return float(jiwer.wer(_WORDS(text), _WORDS(words) or "nothing"))


if __name__ == "__main__":
    main()
