"""PersonaPlex under the fork's own interpreter: the one file that imports NVIDIA's package.

    python personaplex.py SETTINGS      hold conversations (``frames.py``); SETTINGS is JSON, the fields of ``WorkerSettings``
    python personaplex.py --look        which ``moshi`` is installed here; imports nothing heavy
    python personaplex.py --self-test   import all that a conversation needs

A clip gets, to the sample, what the fork's offline program gives for the same recording, voice, prompt and ``--seed``. That
program starts a process per clip: it seeds, loads, warms up, runs the prompts, and only then hears the clip, and each of these
draws random numbers. Here the model stays loaded. Of the three things that determine a reply,

* the model's state after the prompts is the same whatever was drawn, because every token of a prompt is forced. It is
  computed once per prompt and copied back, in place, before each clip;
* Mimi's state is a reset one;
* the generator is put where the offline program's would stand (``personaplex_rewind.py``).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import sys
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .frames import Channel, Pcm, RefusalError, serve
    from .personaplex_rewind import CpuDraws, CudaDraws, kept_state, put_state_back
else:
    from frames import Channel, RefusalError, serve
    from personaplex_rewind import CpuDraws, CudaDraws, kept_state, put_state_back

PADDING = (0, 3)
"""Text tokens that say nothing."""

WARM_UP_STEPS = 4
SPACER_S = 0.5
"""Silence after the voice and after the text prompt."""

MAX_PROMPTS = 4
"""States after a prompt that are kept: the tasks of v1 share two prompts."""

AGENT_CODEBOOKS = slice(1, 9)
SEEDS = 1 << 32
REMEDY = "make the fork's environment: fdbench setup personaplex"
PUBLIC = ("load_voice_prompt", "step_system_prompts")


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker is started with; all files are paths on this machine."""

    device: str
    moshi_weight: str
    mimi_weight: str
    tokenizer: str
    greedy: bool
    temp_text: float
    temp_audio: float
    topk_text: int
    topk_audio: int


@dataclass(frozen=True)
class Prompted:
    """Where a conversation begins.

    Attributes:
        state: Of the language model after the prompts.
        drawn: What was drawn from the generator up to then.
    """

    state: dict[str, Any]
    drawn: Any


class PersonaPlexModel:
    """A loaded model holding one conversation at a time."""

    def __init__(self, settings: WorkerSettings) -> None:
        look = require_fork()
        import numpy
        import sentencepiece
        import torch
        from moshi.models import LMGen, loaders

        absent = [name for name in PUBLIC if not hasattr(LMGen, name)]
        if absent:
            raise RefusalError(f"{look['found']} has no LMGen.{absent[0]}: it is not NVIDIA's fork", REMEDY)
        if settings.device.startswith("cuda") and not torch.cuda.is_available():
            raise RefusalError(
                f"device {settings.device}: torch {torch.__version__} of {sys.executable} finds no GPU",
                "use --arg device=cpu, or another torch: fdbench setup personaplex --torch SPEC --force",
            )
        self._torch, self._numpy, self._settings = torch, numpy, settings
        on_cpu = torch.device(settings.device).type == "cpu"
        self._draws: Any = CpuDraws(torch) if on_cpu else CudaDraws(torch, settings.device)
        self._prompts: OrderedDict[tuple[str, str], Prompted] = OrderedDict()
        with torch.no_grad(), self._draws.counted():
            self._mimi = loaders.get_mimi(settings.mimi_weight, settings.device)
            loaders.get_mimi(settings.mimi_weight, settings.device)  # the offline program has two, and making one draws
            self._tokenizer = sentencepiece.SentencePieceProcessor(settings.tokenizer)
            lm = loaders.get_moshi_lm(settings.moshi_weight, device=settings.device)
            lm.eval()
            self.sample_rate = int(self._mimi.sample_rate)
            self.frame_samples = int(self._mimi.sample_rate / self._mimi.frame_rate)
            self._lm = LMGen(
                lm,
                audio_silence_frame_cnt=int(SPACER_S * self._mimi.frame_rate),
                sample_rate=self._mimi.sample_rate,
                device=settings.device,
                frame_rate=self._mimi.frame_rate,
                use_sampling=not settings.greedy,
                temp=settings.temp_audio,
                temp_text=settings.temp_text,
                top_k=settings.topk_audio,
                top_k_text=settings.topk_text,
            )
            self._mimi.streaming_forever(1)
            self._lm.streaming_forever(1)
            silence = self._silence()
            for _ in range(WARM_UP_STEPS):
                self._answer(silence)
        self._loaded = self._draws.mark()

    def facts(self) -> dict[str, str]:
        torch, device = self._torch, self._settings.device
        facts = {**look(), "torch": str(torch.__version__), "device": device}
        facts.pop("is_fork")
        if device.startswith("cuda"):
            facts["gpu"] = torch.cuda.get_device_name(device)
            facts["memory"] = f"{torch.cuda.max_memory_reserved(device) / 2**30:.1f} GiB"
        return facts

    def open(self, brief: dict[str, Any]) -> None:
        """Begin: ``instructions``, ``voice`` (a file) and ``seed``, of which the lower 32 bits count."""
        key = (str(brief["voice"]), str(brief["instructions"]))
        if not key[1].strip():
            raise RefusalError("an empty prompt: PersonaPlex was trained with one", "give one with --arg prompt=TEXT")
        with self._torch.no_grad():
            if key not in self._prompts:
                self._prompts[key] = self._prompted(*key)
            self._prompts.move_to_end(key)
            while len(self._prompts) > MAX_PROMPTS:
                self._prompts.popitem(last=False)
            prompted = self._prompts[key]
            self._mimi.reset_streaming()
            put_state_back(self._lm.get_streaming_state(), prompted.state)
            self._draws.put(int(brief["seed"]) % SEEDS, prompted.drawn)

    def step(self, heard: Pcm) -> tuple[Pcm, list[str]]:
        with self._torch.no_grad():
            frames, texts = self._answer(heard)
        pieces = [self._tokenizer.id_to_piece(token).replace("▁", " ") for token in texts if token not in PADDING]
        return self._numpy.concatenate(frames) if frames else self._silence(), pieces

    def close(self) -> None:
        """Nothing to do: the next conversation begins by putting everything back."""

    def _silence(self) -> Pcm:
        return self._numpy.zeros(self.frame_samples, self._numpy.float32)

    def _answer(self, heard: Pcm) -> tuple[list[Pcm], list[int]]:
        sound = self._torch.tensor(heard, dtype=self._torch.float32, device=self._settings.device)
        codes = self._mimi.encode(sound[None, None])
        frames, texts = [], []
        for at in range(codes.shape[-1]):
            tokens = self._lm.step(codes[:, :, at : at + 1])
            if tokens is not None:
                frames.append(self._mimi.decode(tokens[:, AGENT_CODEBOOKS]).detach().cpu().numpy()[0, 0])
                texts.append(int(tokens[0, 0, 0].item()))
        return frames, texts

    def _prompted(self, voice: str, instructions: str) -> Prompted:
        self._load_voice(voice)
        self._lm.text_prompt_tokens = self._tokenizer.encode(in_system_tags(instructions))
        self._mimi.reset_streaming()
        self._lm.reset_streaming()
        self._draws.resume(self._loaded)
        with self._draws.counted():
            self._lm.step_system_prompts(self._mimi)
        return Prompted(kept_state(self._lm.get_streaming_state()), self._draws.mark())

    def _load_voice(self, voice: str) -> None:
        try:
            if voice.endswith(".pt"):
                # The fork's own reading would run what the file holds, and wants the kind of device that it was made on.
                saved = self._torch.load(voice, map_location=self._settings.device, weights_only=True)
                self._lm.voice_prompt, self._lm.voice_prompt_audio = voice, None
                self._lm.voice_prompt_embeddings, self._lm.voice_prompt_cache = saved["embeddings"], saved["cache"]
            else:
                self._lm.load_voice_prompt(voice)
        except Exception as error:  # noqa: BLE001 - whatever a reader of sound or of tensors raises
            why = str(error).strip().splitlines() or [type(error).__name__]
            raise RefusalError(
                f"voice {Path(voice).name}: cannot be used: {why[0]}", "give another with --arg voice=NAME"
            ) from None


def in_system_tags(text: str) -> str:
    """A prompt as the model was trained with it."""
    stripped = text.strip()
    is_wrapped = stripped.startswith("<system>") and stripped.endswith("<system>")
    return stripped if is_wrapped else f"<system> {stripped} <system>"


def look() -> dict[str, Any]:
    """Which package ``moshi`` this interpreter would import, found without importing it.

    Returns:
        ``python``, ``found`` (a distribution and its version, or where it lies) and ``is_fork``.
    """
    spec = importlib.util.find_spec("moshi")
    facts: dict[str, Any] = {"python": sys.version.split()[0]}
    if spec is None:
        return {**facts, "found": "no package 'moshi'", "is_fork": False}
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    owners = importlib.metadata.packages_distributions().get("moshi", [])
    versions = sorted({f"{owner} {importlib.metadata.version(owner)}" for owner in owners})
    sources = [path for folder in folders for path in folder.glob("models/*.py")]
    is_fork = any("step_system_prompts" in path.read_text(encoding="utf-8", errors="replace") for path in sources)
    return {**facts, "found": " and ".join(versions) or str(folders[0] if folders else spec.origin), "is_fork": is_fork}


def require_fork() -> dict[str, Any]:
    """As ``look``.

    Raises:
        RefusalError: There is no ``moshi`` here, or it is another one.
    """
    found = look()
    if not found["is_fork"]:
        why = (
            "" if found["found"].startswith("no package") else ", which has no voice and text prompts: it is not NVIDIA's fork"
        )
        raise RefusalError(f"{sys.executable} has {found['found']}{why}", REMEDY)
    return found


def self_test() -> dict[str, Any]:
    """Import all that a conversation needs.

    Raises:
        RefusalError: Something is not there, or is not what it should be.
    """
    facts = require_fork()
    try:
        import sentencepiece
        import torch
        from moshi.models import LMGen, loaders
    except ImportError as error:
        raise RefusalError(f"{sys.executable}: {error}", REMEDY) from None
    absent = [f"LMGen.{name}" for name in PUBLIC if not hasattr(LMGen, name)]
    absent += [f"loaders.{name}" for name in ("get_mimi", "get_moshi_lm") if not hasattr(loaders, name)]
    if absent:
        raise RefusalError(f"{facts['found']} lacks {', '.join(absent)}", REMEDY)
    if importlib.util.find_spec("pyloudnorm") is None:
        raise RefusalError(
            f"{sys.executable} has no pyloudnorm, which voices from recordings need", "pip install pyloudnorm there"
        )
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none"
    return {**facts, "torch": str(torch.__version__), "sentencepiece": str(sentencepiece.__version__), "gpu": gpu}


def main(arguments: list[str]) -> int:
    if len(arguments) == 1 and arguments[0] in ("--look", "--self-test"):
        channel = Channel()
        try:
            channel.send(look() if arguments[0] == "--look" else self_test())
        except RefusalError as error:
            channel.send({"refused": error.told()})
        return 0
    settings = WorkerSettings(**json.loads(arguments[0]))
    if settings.device == "cpu":
        # Sums depend on how many threads share them, and a reply must not depend on how many workers share the machine.
        # Compiling takes longer than it saves.
        os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", NO_TORCH_COMPILE="1")
    return serve(lambda: PersonaPlexModel(settings))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
