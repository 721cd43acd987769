"""What a Moshi checkpoint consists of, and whether the official package may load it. Nothing heavy is imported."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fdbench.adapter.weights import HASHED, Wanted, Weights, hash_of_files
from fdbench.errors import AdapterError
from fdbench.io.files import read_json

CONFIG: Final = "config.json"
MODEL: Final = "model.safetensors"

SAMPLING: Final[Mapping[str, float | int]] = {"temp": 0.8, "temp_text": 0.7, "top_k": 250, "top_k_text": 25}
"""What the package samples with where a checkpoint does not say otherwise."""

_NAMES: Final = {
    "moshi_weights": ("moshi_name", MODEL),
    "mimi_weights": ("mimi_name", "tokenizer-e351c8d8-checkpoint125.safetensors"),
    "tokenizer": ("tokenizer_name", "tokenizer_spm_32k_3.model"),
    "mimi_config_path": ("mimi_config_name", None),
    "lora_weights": ("lora_name", None),
}
"""By argument of the package's loader: the key in config.json that names the file, and the name where it does not."""

_CODEBOOK_HEAD: Final = re.compile(r"^linears\.(\d+)\.")


def lacking(folder: Path) -> list[str]:
    """Which of a checkpoint's files a folder, or a download that broke off, lacks."""
    config = _config_of(folder)
    absent = [name for name in _names(config).values() if not name.startswith("hf://") and not _path(folder, name).is_file()]
    is_sharded = MODEL in absent and any(folder.glob("model-*-of-*.safetensors"))
    return [*absent, *(["(it is in shards, which the moshi package does not read: merge them)"] if is_sharded else [])]


WANTED: Final = Wanted(optional=("*.safetensors", "*.model", "*.json"), lacking=lacking)
"""config.json says how the files are called; the first checkpoints came without, and the package has names for that case."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint's files.

    Attributes:
        config: Of config.json; empty where there is none.
        files: By argument of the package's loader; a name that points elsewhere (``hf://``) stays a text.
        revision: The commit of a repository; of a folder, a hash of exactly these files.
    """

    config: Mapping[str, Any]
    files: Mapping[str, Path | str]
    revision: str

    @classmethod
    def at(cls, weights: Weights) -> Checkpoint:
        """Read a checkpoint's configuration and make sure that the official package is the one to run it.

        Raises:
            FdbenchError: It is no Moshi, or would not hear the user.
        """
        folder = weights.folder
        config = _config_of(folder)
        kind = config.get("model_type", "moshi")
        if kind != "moshi" or config.get("conditioners"):
            told = f"{folder / CONFIG}: a '{kind}' checkpoint, expected one of a dialogue model ('moshi')"
            raise AdapterError(told, "name another one")
        files: dict[str, Path | str] = {"config_path": folder / CONFIG} if config else {}
        for argument, name in _names(config).items():
            files[argument] = name if name.startswith("hf://") else _path(folder, name)
        is_hashed = weights.revision.startswith(HASHED)
        checkpoint = cls(config, files, hash_of_files(files) if is_hashed else weights.revision)
        checkpoint._check_that_it_hears(folder)
        return checkpoint

    def sampling(self, given: Mapping[str, Any]) -> dict[str, float | int]:
        """How it samples: as given, else as the checkpoint says, else as the package does."""
        own = self.config.get("lm_gen_config") or {}
        return {key: given[key] if given.get(key) is not None else own.get(key, default) for key, default in SAMPLING.items()}

    def _check_that_it_hears(self, folder: Path) -> None:
        n_streams = self.config.get("n_q", 16)
        model = self.files["moshi_weights"]
        n_generated = self.config.get("dep_q", 8)
        if isinstance(model, Path):
            n_generated = max(n_generated, _generated_codebooks(model))
        if n_generated >= n_streams:
            raise AdapterError(
                f"{folder}: these weights generate {n_generated} of {n_streams} codebooks, the user's too "
                "(dep_q 16, as PersonaPlex): the official moshi package would load them and ignore what the user says",
                "run them with --model personaplex --arg checkpoint=...",
            )


def _config_of(folder: Path) -> dict[str, Any]:
    """Of config.json; empty where there is none."""
    path = folder / CONFIG
    config = read_json(path) if path.is_file() else {}
    if not isinstance(config, dict):
        raise AdapterError(f"{path}: expected a JSON object, found {type(config).__name__}", "is it a Moshi checkpoint?")
    return config


def _names(config: Mapping[str, Any]) -> dict[str, str]:
    """By argument of the package's loader, how a checkpoint's file is called."""
    names = {argument: config.get(key) or default for argument, (key, default) in _NAMES.items()}
    return {argument: str(name) for argument, name in names.items() if name}


def _path(folder: Path, name: str) -> Path:
    return Path(name.removeprefix("file://")) if name.startswith("file://") else folder / name


def _generated_codebooks(model: Path) -> int:
    """How many codebooks a model has heads for, read from the names of its tensors."""
    names = (_CODEBOOK_HEAD.match(name) for name in _tensor_names(model))
    return 1 + max((int(match[1]) for match in names if match), default=-1)


def _tensor_names(path: Path) -> list[str]:
    """The names in a safetensors file, whose header is JSON behind its length in eight bytes."""
    try:
        with path.open("rb") as file:
            (n_bytes,) = struct.unpack("<Q", file.read(8))
            return list(json.loads(file.read(min(n_bytes, 100 << 20))))
    except (OSError, ValueError, struct.error):
        raise AdapterError(f"{path}: not a safetensors file", "fetch it again") from None
