"""How fast the machinery is, each number against a named baseline in the same run.

    python benchmarks/speed.py            # everything, about three minutes on two cores
    python benchmarks/speed.py --only lockstep,vad

| program | baseline |
|---|---|
| lockstep | a bare loop that hands the same model the same frames and keeps its replies |
| vad | real time: seconds of audio per second on one core |
| hearing | 200 backchannel clips annotated and scored, against what the published script does with them: the library's own
            detector (its TorchScript model, as that script loads it) on each clip; CPU seconds, without starting Python |
| scoring | the target of 5,000 samples a second |
| startup | the Python interpreter doing nothing |
| memory | peak memory of a run of 100 samples against one of 2,000 |
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from fdbench.adapter.base import Batch, Brief, Opening, Port, Spoken
from fdbench.call.call import Ending, Invitation
from fdbench.call.driver import Driver
from fdbench.core.annotation import Channel
from fdbench.core.conversation import Sample, Take
from fdbench.core.sound import Audio, Track
from fdbench.io.files import sha256_of
from fdbench.io.wav import read_audio, resampled

RATE = 16000
STEP_S = 0.005


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="lockstep,vad,hearing,scoring,startup,memory")
    programs = {each.__name__: each for each in (lockstep, vad, hearing, scoring, startup, memory)}
    for name in parser.parse_args().only.split(","):
        programs[name]()


def lockstep() -> None:
    """What the driver adds to each step of a model that takes 5 ms, at one slot and at many."""
    for slots in (1, 4, 16, 64):
        added = statistics.median(driven_step_s(slots) - bare_step_s(slots) for _ in range(7))
        print(
            f"lockstep   adds {added * 1e6:.0f} us to a step of {slots} slot(s), {added / STEP_S:.1%} of a step of 5 ms, "
            "over a bare loop around the same model (target: under 3 %)"
        )


class Instant:
    """A batch model whose step costs nothing, so that all the time there is, is the driver's."""

    hears = says = Port(24000, 1920)

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._out = np.zeros((slots, 1920), np.float32)

    def open(self, slot: int, brief: Brief) -> Opening:
        return Opening()

    def step(self, heard: Batch) -> Spoken:
        return Spoken(self._out[: len(heard.slots)])

    def close(self, slot: int) -> None:
        pass


PROMPT = Audio(np.random.default_rng(0).normal(0, 0.1, 24000 * 60).astype(np.float32), 24000)
N_STEPS = round(62 / 0.08)


def driven_step_s(slots: int) -> float:
    """Seconds per step of 60 s calls in lockstep, each with a tail of 2 s."""
    model = Instant(slots)
    driver = Driver(model, None, Ending(2.0, 2.0))
    invitations = [Invitation(Take(Sample(str(i), "t", {})), Brief(stimulus=PROMPT), Brief()) for i in range(slots)]
    started = time.perf_counter()
    for _ in driver.run(invitations):
        pass
    return (time.perf_counter() - started) / N_STEPS


def bare_step_s(slots: int) -> float:
    """The same frames handed to the same model by the shortest loop that keeps the replies."""
    model, numbers, t_s = Instant(slots), tuple(range(slots)), np.zeros(slots)
    started = time.perf_counter()
    padded = np.concatenate([PROMPT.samples, np.zeros(24000 * 3, np.float32)])
    replies = []
    for index in range(N_STEPS):
        heard = np.stack([padded[index * 1920 : (index + 1) * 1920] for _ in numbers])
        replies.append(model.step(Batch(numbers, heard, t_s)).audio.copy())
    np.concatenate(replies, axis=1)
    return (time.perf_counter() - started) / N_STEPS


def vad() -> None:
    from fdbench.audio.vad import load_vad_model, speech_probabilities
    from fdbench.task.load import load_samples, task_specs

    audio = [s.stimuli["main"].load() for s in load_samples(task_specs()["mini/turn_taking"], None).samples]
    samples = np.concatenate([each.samples for each in audio if each.sample_rate == RATE])
    model = load_vad_model()
    speech_probabilities(samples, model)
    started = time.process_time()
    speech_probabilities(samples, model)
    took = time.process_time() - started
    print(f"vad        {len(samples) / RATE / took:.0f} x real time on one core (target: 300 or more)")


N_CLIPS = 200


@dataclass(frozen=True)
class Clip:
    """A model's channel in a file, with a transcript beside it."""

    folder: Path
    behaviour: str = "backchannel"
    stimulus: str = "main"

    def digest(self, channel: Channel) -> str | None:
        return sha256_of((self.folder / "output.wav").read_bytes()) if channel == "model" else None

    def load(self, channel: Channel) -> Track:
        return Track(read_audio(self.folder / "output.wav"))


def hearing() -> None:
    from fdbench.hear.pool import annotate_many
    from fdbench.hear.stage import Engines
    from fdbench.scoring.registry import scorer_for

    scorer = scorer_for("backchannel", "fdb-2026-05")
    with tempfile.TemporaryDirectory() as scratch:
        clips = [write_clip(Path(scratch) / str(index), index) for index in range(N_CLIPS)]
        duration_s = sum(soundfile.info(clip.folder / "output.wav").duration for clip in clips)
        sample = Sample("0", "v1/backchannel.icc", {}, human_timing=(0.2,) * 5)
        jobs = [(0, clip, scorer.needs(sample, {"main": None})["main"]) for clip in clips]
        list(annotate_many(jobs[:1], Engines("given"), None, 1))
        started = time.process_time()
        for _, heard in annotate_many(jobs, Engines("given"), Path(scratch) / "cache", 1):
            scorer.score(sample, {"main": heard}, None)
        ours_s = time.process_time() - started
        theirs_s = published_script_s(clips)
    ours = (
        f"hearing    {N_CLIPS} clips of {duration_s / N_CLIPS:.1f} s under fdb-2026-05: {ours_s / N_CLIPS * 1000:.1f} ms a clip"
    )
    if theirs_s is None:
        print(f"{ours}; the published script's detector needs torch, which is not installed")
    else:
        print(f"{ours}, the published script's way {theirs_s / N_CLIPS * 1000:.1f}: {theirs_s / ours_s:.1f} x (target: 10)")


def write_clip(folder: Path, index: int) -> Clip:
    """A prompt of mini at a level of its own, as a model's channel at 24 kHz."""
    from fdbench.task.load import load_samples, task_specs

    samples = load_samples(task_specs()["mini/turn_taking"], None).samples
    prompt = resampled(samples[index % len(samples)].stimuli["main"].load(), 24000).samples
    folder.mkdir()
    soundfile.write(folder / "output.wav", prompt * (1 - index / N_CLIPS / 2), 24000)
    words = [{"text": "yes", "timestamp": [at_s, at_s + 0.2]} for at_s in (1.0, 3.0)]
    (folder / "output.json").write_text(json.dumps({"text": "yes yes", "chunks": words}))
    return Clip(folder)


def published_script_s(clips: Sequence[Clip]) -> float | None:
    """CPU seconds; reading and resampling are ours, as torchaudio is not to be had everywhere, and both are a small part."""
    if not importlib.util.find_spec("torch"):
        return None
    import silero_vad
    import torch

    from fdbench.audio.sinc import resampled_by_sinc

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch.jit.load, in the library
        model = silero_vad.load_silero_vad()
    started = None
    for clip in (clips[0], *clips):  # the first compiles
        started = time.process_time() if started is None or clip is clips[0] else started
        heard = resampled_by_sinc(read_audio(clip.folder / "output.wav"), RATE).samples
        silero_vad.get_speech_timestamps(torch.from_numpy(heard), model, return_seconds=True)
        json.loads((clip.folder / "output.json").read_text())
    return time.process_time() - started


def scoring() -> None:
    from fdbench.core.annotation import Annotations, DetectedSpeech, SpeechRequest
    from fdbench.core.event import TURN_END, Event
    from fdbench.core.span import Span
    from fdbench.core.speech import Transcript, Word
    from fdbench.scoring.registry import scorer_for

    random = np.random.default_rng(0)
    for protocol in ("fdb-2026-05", "fdbench"):
        scorer = scorer_for("turn_taking", protocol)
        items = []
        for index in range(2000):
            end_s = float(random.uniform(2, 8))
            sample = Sample(str(index), "v1/turn_taking.candor", {}, (Event(TURN_END, Span(end_s, end_s)),))
            words = tuple(Word("word", end_s + 0.3 * i, end_s + 0.3 * i + 0.2) for i in range(1, 9))
            speech = DetectedSpeech((Span(end_s + 0.3, end_s + 3.0),), 12.0)
            user = DetectedSpeech((Span(0.1, end_s),), 12.0)
            requests = scorer.needs(sample, {"main": 12.0})["main"]
            answers = Annotations(
                prompt_s=12.0,
                recorded_s=14.0,
                speech={r: user if r.channel == "user" else speech for r in requests if isinstance(r, SpeechRequest)},
                words={r: Transcript(words, "x") for r in requests if not isinstance(r, SpeechRequest)},
            )
            items.append((sample, answers))
        started = time.perf_counter()
        for sample, answers in items:
            scorer.score(sample, {"main": answers}, None)
        rate = len(items) / (time.perf_counter() - started)
        print(f"scoring    {rate:,.0f} samples/s, turn-taking under {protocol}, without annotation (target: 5,000)")


def startup() -> None:
    def best(*command: str) -> float:
        times = []
        for _ in range(7):
            started = time.perf_counter()
            subprocess.run([sys.executable, *command], capture_output=True, check=True)
            times.append(time.perf_counter() - started)
        return min(times)

    bare, helped = best("-c", "pass"), best("-m", "fdbench.cli", "--help")
    print(f"startup    fdbench --help {helped:.2f} s, {helped / bare:.1f} x a bare interpreter (target: under 0.3 s)")


def memory() -> None:
    peaks = {}
    for n in (100, 2000):
        done = subprocess.run([sys.executable, __file__, "--peak", str(n)], capture_output=True, text=True, check=True)
        peaks[n] = float(done.stdout)
    print(
        f"memory     peak {peaks[100]:.0f} MB at 100 samples, {peaks[2000]:.0f} MB at 2,000: "
        f"{peaks[2000] / peaks[100]:.2f} x (target: flat)"
    )


def print_peak(n: int) -> None:
    """Run n samples through calls, store, annotation and scoring in a scratch folder; print this process's peak in MB."""
    from fdbench.hear.stage import Engines
    from fdbench.stages.options import ScoringOptions
    from fdbench.stages.plan import make_plan
    from fdbench.stages.request import RunRequest
    from fdbench.stages.run import run_plan

    with tempfile.TemporaryDirectory() as scratch:
        repeats = -(-n // 12)
        request = RunRequest("silence", "mini/turn_taking", Path(scratch), repeats=repeats, ending=Ending(0.5, 0.5))
        options = ScoringOptions(Engines("sphinx", "silero"), ("fdb-2026-05", "fdbench"))
        run_plan(make_plan(request), options, lambda *_: None)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        print_peak(int(sys.argv[2]))
    else:
        main()
