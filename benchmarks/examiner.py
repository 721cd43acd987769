"""How fast the scripted examiner holds mini's dialogues, and where the time goes.

    python benchmarks/examiner.py [--model vad-endpointer] [--slots 16] [--pace slow] [--n 15] [--staged FILE]

``x`` = seconds of conversation per second. The recogniser works in threads of its own: its share is what this process spent
beside its main thread. What is left of the main thread is the driver, with resampling. ``--staged FILE`` holds upstream's
staged tasks from the user's copy in the place of mini's dialogues, with the voice of the TTS.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fdbench.adapter.load import find_model, resolve
from fdbench.audio.vad import StreamingVad, load_vad_model
from fdbench.call.call import Ending
from fdbench.call.examiner.ears import Detector
from fdbench.call.examiner.party import DEFAULT_ASR, ScriptedExaminer
from fdbench.call.examiner.voice import ShippedVoice, TtsVoice
from fdbench.call.source import PromptCalls
from fdbench.core.conversation import Recording, Sample, Take
from fdbench.hear.engines import load_asr
from fdbench.task.dialogues import shipped_dialogues
from fdbench.task.staged import read_staged

SPENT_S: dict[str, float] = defaultdict(float)


def timed(share: str, work: Callable[..., Any]) -> Callable[..., Any]:
    def run(*arguments: Any, **options: Any) -> Any:
        begun = time.thread_time()
        try:
            return work(*arguments, **options)
        finally:
            SPENT_S[share] += time.thread_time() - begun

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="vad-endpointer")
    parser.add_argument("--arg", action="append", default=[], metavar="NAME=VALUE", help="of the model")
    parser.add_argument("--slots", type=int, default=16)
    parser.add_argument("--pace", default="slow")
    parser.add_argument("--gate", action="store_true", help="withhold the model while the examiner speaks")
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--duration", type=float, default=60.0)
    parser.add_argument("--staged", type=Path, help="prompts_staged_200.json")
    options = parser.parse_args()

    dialogues = read_staged(options.staged) if options.staged else shipped_dialogues()
    model = resolve(find_model(options.model), dict(each.split("=", 1) for each in options.arg)).open_party(options.slots)
    asr, voice, vad = load_asr(DEFAULT_ASR), TtsVoice() if options.staged else ShippedVoice(), load_vad_model()
    voice.say = timed("voice", voice.say)  # type: ignore[method-assign]

    def detector() -> Detector:
        stream = StreamingVad(vad)
        stream.feed = timed("detector", stream.feed)  # type: ignore[method-assign]
        return stream

    user = ScriptedExaminer(
        model.hears,
        model.says,
        model.slots,
        pace=options.pace,
        gate_candidate=options.gate,
        duration_s=options.duration,
        voice=voice,
        asr=asr,
        make_detector=detector,
    )
    model.step = timed("agent", model.step)
    user.step = timed("examiner", user.step)  # type: ignore[method-assign]
    calls = PromptCalls(model, 0, 0.0, Ending(), user=user)
    takes = [Take(Sample(each.id, "mini/dialogue", {}, dialogue=each)) for each in dialogues[: options.n]]
    begun, begun_main, begun_wall = time.process_time(), time.thread_time(), time.perf_counter()
    seconds = 0.0
    for take, outcome in calls.collect(takes):
        if not isinstance(outcome, Recording):
            print(f"{take.sample.id}: {outcome.reason}: {outcome.message}")
            continue
        seconds += outcome.model.audio.duration_s
    cpu_s, main_s, wall_s = time.process_time() - begun, time.thread_time() - begun_main, time.perf_counter() - begun_wall
    most_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(takes)} dialogues, {seconds:.0f} s, {options.slots} at once with {options.model}")
    print(f"{cpu_s:.1f} s of CPU: {seconds / cpu_s:.1f} x; {wall_s:.1f} s by the clock: {seconds / wall_s:.1f} x")
    print(f"{most_mb:.0f} MB at most")
    SPENT_S["examiner, rest"] = SPENT_S.pop("examiner") - SPENT_S["detector"]  # the voice speaks before a call
    SPENT_S["driver"] = main_s - sum(SPENT_S.values())
    SPENT_S["asr"] = cpu_s - main_s
    for share, spent_s in sorted(SPENT_S.items(), key=lambda each: -each[1]):
        print(f"  {share:<15}{spent_s:7.2f} s {spent_s / cpu_s:6.1%} {60 * spent_s / seconds:7.2f} CPU s a minute")


if __name__ == "__main__":
    main()
