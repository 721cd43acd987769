"""Moshi in process: each number against a named baseline in the same run, on the same machine, with the same weights.

    python benchmarks/moshi_speed.py                                            # tiny, on a CPU: four minutes on two cores
    python benchmarks/moshi_speed.py --size 7b --slots 1,16,64 --longest-call 120       # 7B architecture in bf16, on a GPU

| number | baseline |
|---|---|
| our loop | a bare ``encode -> step -> decode`` loop at the same batch, that keeps the audio (target: at most 3 % more) |
| throughput | the bare loop with one conversation at a time, as the package's own script |
| real time | a client that plays each clip to a server as it is spoken |
| occupancy | every slot busy at every step, on clips of uneven length (target: 90 %) |
| agreement | the same conversations, seed by seed, with one slot |

Weights are random: they take as long as trained ones. ``tiny`` has one or two layers of everything, so the loop's own cost
weighs most there.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fdbench.adapter.base import Batch, Brief, Opening, Spoken
from fdbench.adapter.load import find_model, resolve
from fdbench.call.call import Ending, Invitation
from fdbench.call.driver import Driver
from fdbench.core.conversation import FailedCall, Recording, Sample, Take
from fdbench.core.sound import Audio

sys.path.insert(0, str(Path(__file__).parent.parent))

FRAME, RATE, FRAME_S = 1920, 24000, 0.08
V1_CLIPS, V1_CLIP_S, LEAD_IN_S, TAIL_S = 727, 4 * 3600 / 727, 3.0, 10.0
"""Full-Duplex-Bench v1 is about 4 hours; a call adds the lead-in and, at most, the tail."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=("tiny", "7b"), default="tiny")
    parser.add_argument("--slots", default="1,4,16,64")
    parser.add_argument("--longest-call", type=float, default=None, metavar="S", help="see fdbench run --arg longest_call_s")
    parser.add_argument("--steps", type=int, default=40, help="steps in each measurement")
    parser.add_argument("--only", default="speed,occupancy,agreement")
    arguments = parser.parse_args()
    slots = [int(each) for each in arguments.slots.split(",")]
    device = "cpu" if arguments.size == "tiny" else "cuda"
    if device == "cpu":
        os.environ["NO_TORCH_COMPILE"] = "1"
    with tempfile.TemporaryDirectory() as scratch:
        folder = MAKERS[arguments.size](Path(scratch))
        bench = Bench(folder, device, arguments.longest_call)
        only = arguments.only.split(",")
        if "speed" in only:
            bench.speed(slots, arguments.steps)
        if "occupancy" in only:
            bench.occupancy(16 if device == "cpu" else max(slots), 100 if device == "cpu" else V1_CLIPS)
        if "agreement" in only:
            bench.agreement([each for each in slots if each > 1])


def make_tiny(folder: Path) -> Path:
    from tests.tiny_moshi import make_tiny_moshi

    return make_tiny_moshi(folder)


def make_7b(folder: Path) -> Path:
    """The architecture of the released checkpoints with random weights in bfloat16, written and loaded like any other."""
    import json

    import torch
    from moshi.models import loaders
    from safetensors.torch import save_file

    from tests.tiny_moshi import make_tiny_moshi

    make_tiny_moshi(folder)  # for its tokenizer
    torch.manual_seed(0)
    with torch.device("cuda"):
        model = loaders.get_moshi_lm(None, loaders._lm_kwargs, device="cuda", dtype=torch.bfloat16)
        codec = loaders.get_mimi(None, None, device="cuda")
    with torch.no_grad():
        for tensor in [*model.parameters(), *codec.parameters()]:
            if tensor.dim() > 1:
                tensor.normal_(std=0.02)
            else:
                tensor.fill_(1.0)
        for name, tensor in codec.named_buffers():
            if "embedding_sum" in name:
                tensor.normal_()
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / "model.safetensors")
    save_file({name: tensor.contiguous() for name, tensor in codec.state_dict().items()}, folder / "mimi.safetensors")
    config = json.loads((folder / "config.json").read_text())
    names = {key: value for key, value in config.items() if key.endswith("_name") and key != "mimi_config_name"}
    (folder / "config.json").write_text(json.dumps({**loaders._lm_kwargs, "model_type": "moshi", **names}))
    del model, codec
    torch.cuda.empty_cache()
    return folder


MAKERS: dict[str, Callable[[Path], Path]] = {"tiny": make_tiny, "7b": make_7b}


class Counted:
    """A party that counts its steps and how many slots took part in each."""

    def __init__(self, party: Any) -> None:
        self._party = party
        self.hears, self.says, self.slots = party.hears, party.says, party.slots
        self.n_steps = self.n_rows = 0

    def open(self, slot: int, brief: Brief) -> Opening:
        return self._party.open(slot, brief)  # type: ignore[no-any-return]

    def step(self, heard: Batch) -> Spoken:
        self.n_steps += 1
        self.n_rows += len(heard.slots)
        return self._party.step(heard)  # type: ignore[no-any-return]

    def close(self, slot: int) -> None:
        self._party.close(slot)


class Bench:
    """One set of weights, loaded once: the package's loop and ours are measured around the same modules."""

    def __init__(self, folder: Path, device: str, longest_call_s: float | None) -> None:
        import torch

        self._torch, self._device = torch, device
        given = {"checkpoint": str(folder), "device": device}
        if longest_call_s is not None:
            given["longest_call_s"] = str(longest_call_s)
        adapter = resolve(find_model("moshi"), given)
        started = time.perf_counter()
        self._arguments, self._loaded = adapter.arguments, ()
        bench = self

        class LoadedOnce(adapter.make):  # type: ignore[name-defined, misc]
            def _load(self, *where: Any) -> tuple[Any, Any, Any]:
                bench._loaded = bench._loaded or super()._load(*where)
                return bench._loaded

        self._make = LoadedOnce
        self.party(1).release()
        name = torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} CPU threads"
        size = sum(each.numel() for each in self._loaded[1].parameters())
        print(f"machine     {name}; model of {size / 1e9:.3f}e9 parameters loaded in {time.perf_counter() - started:.1f} s")

    def party(self, slots: int) -> Any:
        return self._make(**self._arguments, slots=slots)

    def speed(self, slots: Sequence[int], n_steps: int) -> None:
        alone_s = None
        for batch in slots:
            heard = noise(batch, n_steps)
            ours, bare = [], []
            # In turns, so that whatever else the machine does falls on both.
            for _ in range(9 if self._device == "cpu" else 3):
                bare.append(self.bare_step_s(heard))
                ours.append(self.our_step_s(heard))
            bare_s, ours_s = statistics.median(bare), statistics.median(ours)
            alone_s = alone_s or bare_s
            times_real = batch * FRAME_S / ours_s
            added = statistics.median(one / other for one, other in zip(ours, bare, strict=True)) - 1
            memory = f", {self._torch.cuda.max_memory_allocated() / 1e9:.1f} GB" if self._device == "cuda" else ""
            print(
                f"{batch:3d} slots    {ours_s * 1e3:7.2f} ms a step, the bare loop {bare_s * 1e3:7.2f}: {added:+.1%}; "
                f"{times_real:6.1f} x real time, {times_real * alone_s / FRAME_S:5.1f} x one conversation at a time{memory}"
            )
            if self._device == "cuda":
                minutes = V1_CLIPS * (V1_CLIP_S + LEAD_IN_S + TAIL_S) / times_real / 60
                print(f"            projected for the {V1_CLIPS} clips of v1, lead-in and tails included: {minutes:.1f} min")
                self._torch.cuda.reset_peak_memory_stats()

    def bare_step_s(self, heard: npt.NDArray[np.float32]) -> float:
        """Seconds a step of the package's own loop takes (the median), with audio in from and out to the host's memory."""
        from moshi.models import LMGen

        torch, (codec, model, _) = self._torch, self._loaded
        steps, batch, took, replies = LMGen(model), heard.shape[1], [], []
        with torch.no_grad(), codec.streaming(batch), steps.streaming(batch):
            for frame in heard:
                started = time.perf_counter()
                codes = codec.encode(torch.from_numpy(frame)[:, None].to(self._device))
                tokens = steps.step(codes)
                if tokens is not None:
                    replies.append(codec.decode(tokens[:, 1:])[:, 0].float().cpu().numpy())
                took.append(time.perf_counter() - started)
        return statistics.median(took[len(took) // 4 :])

    def our_step_s(self, heard: npt.NDArray[np.float32]) -> float:
        """The same for a whole call of our driver: player, party and recording."""
        batch = heard.shape[1]
        party = self.party(batch)
        clock = Clock(party)
        driver = Driver(clock, None, Ending(FRAME_S, FRAME_S))
        prompts = [Audio(np.ascontiguousarray(heard[:, row].reshape(-1)), RATE) for row in range(batch)]
        all_recorded(driver.run(invitations(prompts)))
        party.release()
        took = np.diff(clock.at)
        return float(np.median(took[len(took) // 4 :]))

    def occupancy(self, slots: int, n_clips: int) -> None:
        lengths = uneven(n_clips, 8.0 if self._device == "cpu" else V1_CLIP_S)
        party = Counted(self.party(slots))
        prompts = (Audio(noise(1, round(s / FRAME_S), seed=i).reshape(-1), RATE) for i, s in enumerate(lengths))
        started = time.perf_counter()
        n_done = all_recorded(Driver(party, None, Ending(2.0, 2.0)).run(invitations(prompts)))
        took = time.perf_counter() - started
        print(
            f"occupancy   {party.n_rows / (party.n_steps * slots):.1%} of {slots} slots over {n_done} clips of "
            f"{min(lengths):.1f} to {max(lengths):.1f} s, in {took:.0f} s: {sum(lengths) / took:.1f} x real time (target: 90 %)"
        )
        party._party.release()

    def agreement(self, slots: Sequence[int], n_clips: int = 4, n_steps: int = 100) -> None:
        """How many frames of the same conversations have the same tokens as with one slot."""
        heard = noise(n_clips, n_steps)
        alone = [self.tokens(1, heard[:, [row]], [row])[:, 0] for row in range(n_clips)]
        for each in slots:
            rows = min(each, n_clips)
            together = self.tokens(each, heard[:, :rows], list(range(rows)))
            same = np.array([(together[:, row] == alone[row]).all(-1) for row in range(rows)])
            until = [int(np.argmin(row)) if not row.all() else n_steps for row in same]
            print(
                f"agreement   {same.mean():.1%} of {same.size} frames have the same tokens with {each} slots as with 1; "
                f"the first difference after {min(until)} to {max(until)} of {n_steps} frames"
            )

    def tokens(self, slots: int, heard: npt.NDArray[np.float32], seeds: Sequence[int]) -> npt.NDArray[np.int64]:
        """Text and audio tokens, shape (steps, conversations, 1 + codebooks)."""
        party, found = self.party(slots), []
        step = party._steps.step
        party._steps.step = lambda codes: found.append(step(codes)) or found[-1]
        rows = tuple(range(heard.shape[1]))
        for row, seed in zip(rows, seeds, strict=True):
            party.open(row, Brief(seed=seed))
        for index, frame in enumerate(heard):
            party.step(Batch(rows, frame, np.full(len(rows), index * FRAME_S)))
        party.release()
        return np.stack([each[: len(rows), :, 0].cpu().numpy() for each in found])


class Clock(Counted):
    """When each step began."""

    def __init__(self, party: Any) -> None:
        super().__init__(party)
        self.at: list[float] = []

    def step(self, heard: Batch) -> Spoken:
        self.at.append(time.perf_counter())
        return super().step(heard)


def all_recorded(outcomes: Iterable[tuple[Take, Recording | FailedCall]]) -> int:
    """How many calls there were; a number that failed calls gave is no measurement."""
    n = 0
    for take, outcome in outcomes:
        if isinstance(outcome, FailedCall):
            raise SystemExit(f"{take.id}: {outcome.reason}: {outcome.message}")
        n += 1
    return n


def noise(batch: int, n_steps: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Frames to hear, shape (steps, batch, samples)."""
    return np.random.default_rng(seed).normal(0, 0.1, (n_steps, batch, FRAME)).astype(np.float32)


def uneven(n: int, mean_s: float) -> list[float]:
    """Lengths of clips, most of them short and some several times as long."""
    lengths = np.random.default_rng(0).lognormal(0, 0.5, n)
    return [float(each) for each in lengths * mean_s / lengths.mean()]


def invitations(prompts: Sequence[Audio] | Iterator[Audio]) -> Iterator[Invitation]:
    for index, prompt in enumerate(prompts):
        yield Invitation(Take(Sample(str(index), "t", {})), Brief(stimulus=prompt), Brief(seed=index))


if __name__ == "__main__":
    main()
