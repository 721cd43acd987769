"""PersonaPlex: NVIDIA's fork of Moshi, told by a text and a voice prompt who it is.

The fork's package is called ``moshi`` like the one that it was forked from, and the two cannot be installed together. So it
lives in an environment of its own (``fdbench setup personaplex``), where ``workers/personaplex.py`` loads the model and holds
one conversation. This party is a pool of such workers.

A reply depends on the checkpoint, the voice, the prompt, the sampling and the call's seed; how many workers share the calls
makes no difference. It is, to the sample, what the fork's offline program gives with ``--seed`` set to the call's seed modulo
2**32.

Placement. The frame that answers a user's frame is heard when that is over; the offline program writes it where the user's
frame begins, 80 ms earlier (``published_shift_s`` in models.yaml).
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, Final

from fdbench.adapter.arguments import check_sampling
from fdbench.adapter.base import Batch, Brief, Equipped, Need, Opening, Port, Provenance, Spoken
from fdbench.adapter.weights import Wanted, Weights, fetch, is_folder, locate, name_of, need_weights, split_revision
from fdbench.errors import AdapterError, DataError, FdbenchError, UsageError, unknown_name
from fdbench.io.files import sha256_of_file, user_cache
from fdbench.io.unpack import unpack
from fdbench.worker.environment import ask, find_environment, find_interpreter, isolated
from fdbench.worker.pool import Deadlines, WorkerParty
from fdbench.worker.protocol import Program

from .personaplex_places import places_for, visible_gpus

FRAME_80_MS: Final = Port(24000, 1920)
ENVIRONMENT: Final = "personaplex"
SETUP: Final = "fdbench setup personaplex"
MODEL, CODEC, TOKENIZER = "model.safetensors", "tokenizer-e351c8d8-checkpoint125.safetensors", "tokenizer_spm_32k_3.model"
FILES: Final = (MODEL, CODEC, TOKENIZER)
VOICES: Final = "voices"
ARCHIVE: Final = "voices.tgz"
VOICE_ARCHIVE: Final = Wanted((ARCHIVE,))
VOICES_FROM: Final = "nvidia/personaplex-7b-v1"
"""Whose voices a checkpoint without any speaks with."""

SUFFIXES: Final = (".pt", ".wav")
DEFAULT_PROMPT: Final = "You enjoy having a good conversation."
"""What a task without instructions gets: the prompt of NVIDIA's own measurements of pauses, backchannels and turns."""


class PersonaPlex(Equipped):
    """A pool of PersonaPlex workers.

    Args:
        checkpoint: A repository on the Hugging Face hub, or a folder.
        revision: Commit of the repository; None = the newest that is, or can be, fetched. It is in the run's id.
        voice: A name of the checkpoint's ``voices/``, or a path to a recording (.wav) or to embeddings (.pt).
        prompt: What the model is told instead of the task's instructions.
        device: ``cuda``, ``cuda:1``, ``cpu``; ``auto`` = every GPU that there is, else the CPU.
        greedy: Take the likeliest token instead of sampling.
        temp, top_k: Sampling of audio.
        temp_text, top_k_text: Sampling of text.
        python: Interpreter of the fork's environment; None = the one that ``fdbench setup personaplex`` made.
        workers: Conversations at once; None = as many as the GPUs' free memory or the CPU's cores allow, up to ``slots``.
        start_timeout_s, open_timeout_s, step_timeout_s: How long a worker may take to load, to run the prompts, and to answer
            a frame before it is given up.
        slots: Conversations wanted at once.

    Raises:
        FdbenchError: The environment or the weights are missing or wrong, or an argument makes no sense.
    """

    hears = says = FRAME_80_MS

    def __init__(
        self,
        checkpoint: str = VOICES_FROM,
        revision: str | None = None,
        voice: str = "NATF2",
        prompt: str | None = None,
        device: str = "auto",
        greedy: bool = False,
        temp: float = 0.8,
        top_k: int = 250,
        temp_text: float = 0.7,
        top_k_text: int = 25,
        python: str | None = None,
        workers: int | None = None,
        start_timeout_s: float = 900.0,
        open_timeout_s: float = 300.0,
        step_timeout_s: float = 60.0,
        slots: int = 8,
    ) -> None:
        check_sampling({"temp": temp, "temp_text": temp_text}, {"top_k": top_k, "top_k_text": top_k_text})
        _check_arguments(prompt, workers)
        interpreter = _interpreter(python)
        _require_fork(interpreter)
        weights = _fetched(checkpoint, revision)
        self._voice = find_voice(voice, checkpoint, revision)
        places = places_for(device, weights.folder / MODEL, slots, workers)
        settings = {
            "moshi_weight": str(weights.folder / MODEL),
            "mimi_weight": str(weights.folder / CODEC),
            "tokenizer": str(weights.folder / TOKENIZER),
            "greedy": greedy,
            "temp_text": temp_text,
            "temp_audio": temp,
            "topk_text": top_k_text,
            "topk_audio": top_k,
        }
        programs = [
            Program(
                (str(interpreter), str(_program()), json.dumps({"device": where, **settings})),
                {**isolated(os.environ), "HF_HUB_OFFLINE": "1", **variables},
            )
            for where, variables in places
        ]
        deadlines = Deadlines(start_timeout_s, open_timeout_s, step_timeout_s)
        brief_of = partial(_brief_of, prompt, str(self._voice))
        self._pool = WorkerParty(programs, self.hears, self.says, brief_of, deadlines)
        self.slots = self._pool.slots

    def open(self, slot: int, brief: Brief) -> Opening:
        return self._pool.open(slot, brief)

    def step(self, heard: Batch) -> Spoken:
        return self._pool.step(heard)

    def close(self, slot: int) -> None:
        self._pool.close(slot)

    def release(self) -> None:
        """End all workers and give their memory back."""
        self._pool.release()

    def describe(self) -> Mapping[str, str]:
        return {**self._pool.describe(), "voice": self._voice.name}

    @classmethod
    def needs(
        cls, checkpoint: str = VOICES_FROM, revision: str | None = None, python: str | None = None, voice: str = "", **_: Any
    ) -> tuple[Need, ...]:
        needs = [_need_environment(python), need_weights(checkpoint, revision, Wanted(FILES), _licence_of(checkpoint))]
        if _is_path(voice):
            needs.append(Need(f"voice {Path(voice).name}", Path(voice).expanduser().is_file(), voice))
        elif checkpoint != VOICES_FROM and not _has_voices(checkpoint, revision):
            needs.append(need_weights(VOICES_FROM, None, VOICE_ARCHIVE, _licence_of(VOICES_FROM)))
        return tuple(needs)

    @classmethod
    def provenance(cls, checkpoint: str = VOICES_FROM, revision: str | None = None, **arguments: Any) -> Provenance:
        code = _require_fork(_interpreter(arguments["python"]))  # before gigabytes are fetched for nothing
        weights = _fetched(checkpoint, revision)
        voice = find_voice(str(arguments["voice"]), checkpoint, revision)
        device = str(arguments["device"])
        settled = {
            "checkpoint": name_of(checkpoint),
            **{key: value for key, value in arguments.items() if key not in _OF_THE_MACHINE},
            "voice": f"{voice.name}@{sha256_of_file(voice)[:16]}",
            "code": code if arguments["python"] else _recorded_code(code),
            "device": ("cuda" if visible_gpus() else "cpu") if device == "auto" else device.partition(":")[0],
        }
        return Provenance(settled, weights.revision)


_OF_THE_MACHINE: Final = ("python", "workers", "start_timeout_s", "open_timeout_s", "step_timeout_s")
"""Arguments that no reply depends on."""


def _brief_of(prompt: str | None, voice: str, brief: Brief) -> Mapping[str, Any]:
    told = (prompt or brief.instructions).strip() or DEFAULT_PROMPT
    return {"instructions": told, "voice": voice, "seed": brief.seed}


def _fetched(checkpoint: str, revision: str | None) -> Weights:
    optional = () if is_folder(checkpoint) else (ARCHIVE,)  # voices come with a repository; each is hashed by itself
    return fetch(checkpoint, revision, Wanted(FILES, optional), _licence_of(checkpoint))


def _has_voices(checkpoint: str, revision: str | None) -> bool:
    try:
        return _voices_here(checkpoint, revision) is not None
    except FdbenchError:
        return False


def find_voice(voice: str, checkpoint: str, revision: str | None) -> Path:
    """The file of a voice.

    Args:
        voice: A name with or without its suffix, or a path.
        checkpoint: Whose voices to look in; one without any speaks with those of nvidia/personaplex-7b-v1.

    Raises:
        UsageError: There is no such voice; says which there are.
        AdapterError: The voices are not on this machine and cannot be fetched, or the archive is damaged.
    """
    if _is_path(voice):
        path = Path(voice).expanduser()
        if path.suffix not in SUFFIXES:
            raise UsageError(f"--arg voice={voice}: expected a recording (.wav) or embeddings (.pt)", "name such a file")
        if not path.is_file():
            raise UsageError(f"--arg voice={voice}: no such file", "give a path to a .wav or .pt, or the name of a voice")
        return path.resolve()
    folder = _voices_here(checkpoint, revision) or _fetched_voices(revision if checkpoint == VOICES_FROM else None)
    known = {path.stem: path for suffix in reversed(SUFFIXES) for path in sorted(folder.glob(f"*{suffix}"))}
    known |= {path.name: path for path in folder.iterdir() if path.suffix in SUFFIXES}
    if voice not in known:
        error = unknown_name("voice", voice, (name for name in known if not name.endswith(SUFFIXES)))
        raise UsageError(error.what, error.remedy)
    return known[voice]


def _fetched_voices(revision: str | None) -> Path:
    return _unpacked(fetch(VOICES_FROM, revision, VOICE_ARCHIVE, _licence_of(VOICES_FROM)).folder / ARCHIVE)


def _is_path(voice: str) -> bool:
    return "/" in voice or os.sep in voice or voice.startswith("~") or Path(voice).is_file()


def _voices_here(checkpoint: str, revision: str | None) -> Path | None:
    """A folder of voices, from what is on this machine: the checkpoint's own, else NVIDIA's."""
    if is_folder(checkpoint):
        own = Path(checkpoint).expanduser() / VOICES
        if own.is_dir():
            return own
    found: Weights | None = locate(checkpoint, revision, VOICE_ARCHIVE) or locate(VOICES_FROM, None, VOICE_ARCHIVE)
    return _unpacked(found.folder / ARCHIVE) if found is not None else None


def _unpacked(archive: Path) -> Path:
    """The voices of an archive, which lie in folders ``voices``, as files in the user's cache."""
    folder = user_cache() / "voices" / sha256_of_file(archive)[:16]
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        try:
            unpack(archive, Path(scratch))
        except (DataError, OSError) as error:
            why = str(error).partition("\n")[0].removeprefix(f"{archive}: ")
            raise AdapterError(f"{archive}: cannot be unpacked ({why})", "remove it, and it is fetched again") from None
        found = [path for path in Path(scratch).rglob("*") if path.is_file()]
        unpacked = Path(tempfile.mkdtemp(dir=scratch))
        unpacked.chmod(0o755)
        for path in found:
            if path.parent.name == VOICES and path.suffix in SUFFIXES:
                path.rename(unpacked / path.name)
        if not any(unpacked.iterdir()):
            raise AdapterError(f"{archive}: holds no voices", "remove it, and it is fetched again")
        try:
            unpacked.rename(folder)
        except OSError:
            if not folder.is_dir():  # else somebody else was faster
                raise
    return folder


def _check_arguments(prompt: str | None, workers: int | None) -> None:
    if prompt is not None and not prompt.strip():
        raise UsageError(
            "--arg prompt=: PersonaPlex was trained with a prompt, and does not work with an empty one",
            "give one, or leave it out: then the task's instructions are used",
        )
    if workers is not None and workers < 1:
        raise UsageError(f"--arg workers={workers}: expected at least 1", "leave it out to use what this machine allows")


def _program() -> Path:
    return Path(str(resources.files("fdbench.adapters") / "workers" / "personaplex.py"))


def _interpreter(python: str | None) -> Path:
    if python is not None:
        found = find_interpreter(python)
        if found is None:
            raise UsageError(f"--arg python={python}: no such program", f"name an interpreter, or leave it out after: {SETUP}")
        return found
    environment = find_environment(ENVIRONMENT)
    if environment is None:
        raise AdapterError("PersonaPlex needs NVIDIA's fork of moshi in an environment of its own, and there is none", SETUP)
    return environment.python


def _require_fork(python: Path) -> str:
    """Make sure of the package before any weights are loaded; returns its name and version.

    Raises:
        AdapterError: It is not there, or is the official one; names what was found.
    """
    found = ask(python, _program(), ["--look"])
    if found.get("is_fork") is True:
        return str(found.get("found"))
    package = str(found.get("found", "nothing"))
    why = "" if package.startswith("no package") else ", which is not NVIDIA's fork (no LMGen.step_system_prompts)"
    raise AdapterError(f"{python} has {package}{why}", f"make the fork's environment: {SETUP}")


def _recorded_code(found: str) -> str:
    """The package with the commit and the torch that the setup recorded."""
    environment = find_environment(ENVIRONMENT)
    facts = environment.facts if environment is not None else {}
    parts = [found, *(f"{key} {facts[key]}" for key in ("commit", "torch") if facts.get(key))]
    return ", ".join(parts)


def _need_environment(python: str | None) -> Need:
    what = "NVIDIA's fork of moshi"
    try:
        interpreter = _interpreter(python)
        _require_fork(interpreter)
    except FdbenchError as error:
        return Need(what, False, error.remedy if python is None and find_environment(ENVIRONMENT) is None else error.what)
    environment = find_environment(ENVIRONMENT)
    facts = environment.facts if environment is not None and python is None else {}
    return Need(what, True, " ".join(str(facts[key]) for key in ("found", "torch") if key in facts))


def _licence_of(checkpoint: str) -> str:
    name, _ = split_revision(checkpoint, None)
    return "" if is_folder(name) else f"https://huggingface.co/{name}"
