"""Moshi in process, on Kyutai's own package: many conversations in one batch, in virtual time.

::

    step        0        1        2        3
    user    |---u0---|---u1---|---u2---|---u3---|
    model   |........|.silent.|---m1---|---m2---|---m3---|      m_k: what step k gives, heard when u_k is over
                              ^ the first frame of which all codebooks are known (they are delayed by one step)

Each slot is a row of one batch whose size never changes, for the last bits of a matrix product depend on its shape. A row
that has nothing to do is masked; a row whose conversation begins is reset. What a row says depends on its own brief and on
what it has heard: not on its neighbours, on which row it is, or on what the row did before.

Programs. Kyutai has two, which begin a conversation differently, so that no frame of theirs is the same. The server
(``moshi.server``) encodes the first frame and then lets the codec forget it, for to the model that frame is in the past; its
first reply frame is silence. The script (``moshi.run_inference``) feeds the first frame's codes twice, to have as many frames
out as in. ``program`` says which of the two a conversation equals, to the sample where nothing is drawn at random.

Placement. A reply frame is recorded where the user's frame that it answers ends. The script writes the same frame where that
user frame begins, 80 ms earlier than anybody could have heard it: ``published_shift_s`` in models.yaml.
"""

from __future__ import annotations

import gc
import importlib.metadata
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Any, Final

import numpy as np

from fdbench.adapter.arguments import check_sampling
from fdbench.adapter.base import TEXT, Batch, Brief, Equipped, Need, Opening, Port, Provenance, Spoken
from fdbench.adapter.weights import fetch, name_of, need_weights
from fdbench.core.conversation import FailedCall
from fdbench.core.event import Event
from fdbench.core.span import Span
from fdbench.errors import UsageError

from .moshi_checkpoint import WANTED, Checkpoint
from .moshi_machine import PACKAGES, device_of, dtype_of, import_torch, memory_told, need_package, threads_of
from .moshi_text import Spelling

FRAME_80_MS: Final = Port(24000, 1920)
FRAME_S: Final = float(FRAME_80_MS.frame_s)
PROGRAMS: Final = ("server", "script")
_FRAMES_HZ: Final = 12.5


class Moshi(Equipped):
    """A virtual party of ``slots`` conversations with one set of weights.

    Args:
        checkpoint: A repository on the Hugging Face hub (``organisation/name``, with ``@COMMIT`` pinned), or a folder.
        revision: Commit of the repository; None = the newest that is, or can be, fetched. It is in the run's id.
        device: ``cuda``, ``cuda:1``, ``cpu``; ``auto`` = a GPU where there is one.
        dtype: ``bfloat16``, ``float16``, ``float32``; ``auto`` = bfloat16 on a GPU, float32 elsewhere.
        program: Which of Kyutai's programs a conversation equals: ``server`` (``moshi.server``), ``script``
            (``moshi.run_inference``).
        greedy: Take the likeliest token instead of sampling; None = as the checkpoint says, else sample.
        temp, top_k: Sampling of audio; None = the checkpoint's own, else 0.8 and 250.
        temp_text, top_k_text: Sampling of text; None = the checkpoint's own, else 0.7 and 25.
        longest_call_s: Memory is kept for calls of this length, lead-in included; a longer one fails. None = as long as the
            checkpoint remembers (240 s). Less is faster, and lets more conversations into a GPU.
        threads: Of the CPU; None = as torch finds fit. Sums depend on how many threads share them, so it is in the run's id.
        slots: Conversations at once.

    Raises:
        FdbenchError: A package or weights are missing, or cannot be run by this package.
    """

    hears = says = FRAME_80_MS

    def __init__(
        self,
        checkpoint: str,
        revision: str | None = None,
        device: str = "auto",
        dtype: str = "auto",
        program: str = "server",
        greedy: bool | None = None,
        temp: float | None = None,
        top_k: int | None = None,
        temp_text: float | None = None,
        top_k_text: int | None = None,
        longest_call_s: float | None = None,
        threads: int | None = None,
        slots: int = 8,
    ) -> None:
        torch = import_torch()
        where = device_of(device)
        if where == "cpu":
            torch.set_num_threads(threads_of(threads))
            # Read when moshi is imported: on a CPU, compiling costs 16 s and gains nothing.
            os.environ.setdefault("NO_TORCH_COMPILE", "1")
        from moshi.models import LMGen, lm

        from .moshi_sampling import RowSampler

        check_sampling({"temp": temp, "temp_text": temp_text}, {"top_k": top_k, "top_k_text": top_k_text})
        self._n_repeats = int(_is_script(program))  # of the first frame
        files = Checkpoint.at(fetch(checkpoint, revision, WANTED))
        most_frames = None if longest_call_s is None else _frames(longest_call_s)
        with memory_told(torch, slots):
            self._codec, self._model, tokenizer = self._load(files, where, dtype_of(dtype, where), most_frames)
        self._greedy = files.is_greedy(greedy)
        sampling = files.sampling({"temp": temp, "top_k": top_k, "temp_text": temp_text, "top_k_text": top_k_text})
        self._steps = LMGen(
            self._model, use_sampling=not self._greedy, **sampling, condition_tensors={}, support_out_of_sync=True
        )
        self._module = lm
        self._torch = torch
        padding = {self._model.text_padding_token_id, self._model.end_of_text_padding_id}
        self._spelling = Spelling(tokenizer, padding, slots)
        self._most_frames = most_frames
        self.slots = slots
        self._device = torch.device(where)
        cards = [self._model.text_linear.out_features, *(head.out_features for head in self._model.linears)]
        self._sampler = RowSampler(slots, cards, self._device)
        self._heard = torch.zeros(slots, 1, FRAME_80_MS.frame_samples, pin_memory=self._device.type == "cuda")
        self._modules = {"codec": self._codec, "model": self._steps}
        self._masks: dict[str, set[int]] = {}
        self._n_heard = [0] * slots
        self._streaming = ExitStack()
        with torch.no_grad(), memory_told(torch, slots):
            self._streaming.enter_context(self._codec.streaming(slots))
            self._streaming.enter_context(self._steps.streaming(slots))

    def _load(self, files: Checkpoint, device: str, dtype: Any, most_frames: int | None) -> tuple[Any, Any, Any]:
        """The codec, the model and the text tokenizer."""
        from moshi.models import loaders

        shorter = {} if most_frames is None else {"context": most_frames + self._n_repeats}
        with files.refusals_explained():
            # Without a configuration the package would look for one on the hub; its own is what it means then.
            has_config = "config_path" in files.files
            make = partial(loaders.CheckpointInfo.from_hf_repo, "") if has_config else loaders.CheckpointInfo
            info = make(**files.files)
            # The server adds an adapter's weights to the model's, the script computes beside them: other last bits.
            fuse_lora = not self._n_repeats
            model = info.get_moshi(device, dtype=dtype, fuse_lora=fuse_lora, lm_kwargs_overrides=shorter)
            return info.get_mimi(device).eval(), model.eval(), info.get_text_tokenizer()

    def release(self) -> None:
        """Give all memory back, the weights' too; nothing can be asked of the party afterwards."""
        self._streaming.close()
        self.__dict__.clear()  # states and modules hold each other in circles that only the collector finds
        gc.collect()
        torch = import_torch()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    @classmethod
    def needs(cls, checkpoint: str, revision: str | None = None, **_: Any) -> tuple[Need, ...]:
        return (*(need_package(name) for name in PACKAGES), need_weights(checkpoint, revision, WANTED))

    @classmethod
    def provenance(cls, checkpoint: str, revision: str | None = None, **arguments: Any) -> Provenance:
        import_torch()
        _is_script(str(arguments["program"]))
        files = Checkpoint.at(fetch(checkpoint, revision, WANTED))
        where = device_of(str(arguments["device"]), is_here=False)
        is_greedy = files.is_greedy(arguments["greedy"])
        settled = {
            "checkpoint": name_of(checkpoint),
            **arguments,
            "greedy": is_greedy,
            **({} if is_greedy else files.sampling(arguments)),
            "device": where.partition(":")[0],
            "dtype": str(dtype_of(str(arguments["dtype"]), where)).removeprefix("torch."),
            "threads": threads_of(arguments["threads"]) if where == "cpu" else None,
        }
        return Provenance(settled, files.revision)

    def describe(self) -> Mapping[str, str]:
        torch = self._torch
        size = sum(each.numel() * each.element_size() for each in [*self._model.parameters(), *self._codec.parameters()])
        facts = {name: importlib.metadata.version(name) for name in PACKAGES}
        facts["device"] = torch.cuda.get_device_name(self._device) if self._device.type == "cuda" else "cpu"
        facts["dtype"] = str(self._model.dtype).removeprefix("torch.")
        facts["weights"] = f"{size / 1e9:.2f} GB"
        if self._device.type == "cuda":
            facts["memory"] = f"{torch.cuda.max_memory_allocated(self._device) / 1e9:.2f} GB for {self.slots} slots"
        return facts

    def open(self, slot: int, brief: Brief) -> Opening:
        self._n_heard[slot] = 0
        self._sampler.seed(slot, brief.seed)
        self._spelling.begin(slot)
        return Opening()

    def close(self, slot: int) -> None:
        """Nothing to do: the row is idle until its next conversation resets it."""

    def step(self, heard: Batch) -> Spoken:
        too_long = [slot for slot in heard.slots if self._n_heard[slot] == self._most_frames]
        with self._torch.no_grad(), self._exactly():
            spoken, texts = self._advance(heard)
        events = {}
        for slot, t_s, text in zip(heard.slots, heard.t_s, texts, strict=True):
            if text:
                events[slot] = [Event(TEXT, Span(float(t_s) + FRAME_S, float(t_s) + 2 * FRAME_S), text)]
        failed = {slot: FailedCall("adapter", "the call is longer than --arg longest_call_s: give more") for slot in too_long}
        return Spoken(spoken, events, failed)

    def _advance(self, heard: Batch) -> tuple[np.ndarray[Any, np.dtype[np.float32]], list[str]]:
        """One step of the rows; returns their frames and, for each, the piece of text that goes with it."""
        rows = list(heard.slots)
        begun = [row for row in rows if self._n_heard[row] == 0]
        self._reset("codec", begun)
        self._reset("model", begun)
        self._heard.numpy()[rows, 0] = heard.audio
        self._let_step("codec", rows)
        codes = self._codec.encode(self._heard.to(self._device, non_blocking=True))
        if not self._n_repeats:
            self._reset("codec", begun)  # as the server does
        elif begun:
            self._sampled(codes, begun)  # as the script does
        tokens = self._sampled(codes, rows)
        # Codebooks are delayed against each other: the first steps of a conversation give no whole frame.
        silent = {row for row in rows if self._n_heard[row] + self._n_repeats < self._steps.max_delay}
        for row in rows:
            self._n_heard[row] += 1
        if len(silent) == len(rows):
            return np.zeros_like(heard.audio), [""] * len(rows)
        self._let_step("codec", [row for row in rows if row not in silent])
        # Rows without a whole frame hold -2, which no codebook has; they are masked, so what they decode is lost anyway.
        audio = self._codec.decode(tokens[:, 1:].clamp(min=0))
        said = audio[:, 0].float().cpu().numpy()[rows]
        said[[row in silent for row in rows]] = 0.0
        tokens_of_text = tokens[:, 0, 0].tolist()
        return said, [self._spelling.piece(row, tokens_of_text[row]) for row in rows]

    def _sampled(self, codes: Any, rows: Sequence[int]) -> Any:
        from .moshi_sampling import sampling_with

        self._let_step("model", rows)
        if not self._greedy:
            self._sampler.draw(rows)
        with sampling_with(self._sampler, self._module):
            return self._steps.step(codes)

    def _reset(self, name: str, rows: Sequence[int]) -> None:
        """Let a module forget what it has heard in some rows."""
        if rows:
            self._modules[name].reset_streaming(self._mask_of(rows))
            self._masks.pop(name, None)  # a reset unmasks its rows

    def _let_step(self, name: str, rows: Sequence[int]) -> None:
        """Mask all other rows of a module; costs nothing where the same rows step as before."""
        if self._masks.get(name) != set(rows):
            self._modules[name].set_exec_mask(self._mask_of(rows))
            self._masks[name] = set(rows)

    def _mask_of(self, rows: Sequence[int]) -> Any:
        mask = self._torch.zeros(self.slots, dtype=self._torch.bool)
        mask[list(rows)] = True
        return mask.to(self._device)

    def _exactly(self) -> AbstractContextManager[None]:
        """No kernel that is chosen by a race against others or adds in the order in which its threads happen to end."""
        cudnn = self._torch.backends.cudnn
        flags: AbstractContextManager[None] = cudnn.flags(
            enabled=cudnn.enabled, benchmark=False, deterministic=True, allow_tf32=cudnn.allow_tf32
        )
        return flags


def _frames(seconds: float) -> int:
    frames = int(seconds * _FRAMES_HZ)
    if frames < 1:
        raise UsageError(f"--arg longest_call_s={seconds:g}: expected more than {FRAME_S:g} s", "leave it out for 240 s")
    return frames


def _is_script(program: str) -> bool:
    if program not in PROGRAMS:
        raise UsageError(f"--arg program={program}: expected {' or '.join(PROGRAMS)}", f"leave it out for {PROGRAMS[0]}")
    return program == "script"
