"""What a Moshi checkpoint consists of, and whether the official package may load it. Nothing heavy is imported."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fdbench.adapter.weights import Weights
from fdbench.errors import AdapterError
from fdbench.io.files import read_json

REQUIRED: Final = ("*.safetensors", "*.model")
OPTIONAL: Final = ("*.json",)
"""The first checkpoints came without config.json; the package then assumes the 7B architecture."""

SAMPLING: Final[Mapping[str, float | int]] = {"temp": 0.8, "temp_text": 0.7, "top_k": 250, "top_k_text": 25}
"""What the package samples with where a checkpoint does not say otherwise."""

_NAMES: Final = {
    "moshi_weights": ("moshi_name", "model.safetensors"),
    "mimi_weights": ("mimi_name", "tokenizer-e351c8d8-checkpoint125.safetensors"),
    "tokenizer": ("tokenizer_name", "tokenizer_spm_32k_3.model"),
    "mimi_config_path": ("mimi_config_name", None),
    "lora_weights": ("lora_name", None),
}
"""By argument of the package's loader: the key in config.json that names the file, and the name where it does not."""

_CODEBOOK_HEAD: Final = re.compile(r"^linears\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint's files.

    Attributes:
        config: Of config.json; empty where there is none.
        files: Arguments of the package's loader; a name that points elsewhere (``hf://``) stays a text.
    """

    weights: Weights
    config: Mapping[str, Any]
    files: Mapping[str, Path | str]

    @classmethod
    def at(cls, weights: Weights) -> Checkpoint:
        """Read a checkpoint's configuration and make sure that the official package is the one to run it.

        Raises:
            FdbenchError: It is no Moshi, lacks a file, or would not hear the user.
        """
        path = weights.folder / "config.json"
        config = read_json(path) if path.is_file() else {}
        if not isinstance(config, dict):
            raise AdapterError(f"{path}: expected a JSON object, found {type(config).__name__}", "is it a Moshi checkpoint?")
        kind = config.get("model_type", "moshi")
        if kind != "moshi" or config.get("conditioners"):
            raise AdapterError(f"{path}: a '{kind}' checkpoint, expected one of a dialogue model ('moshi')", "name another one")
        files: dict[str, Path | str] = {"config_path": path} if config else {}
        for argument, (key, default) in _NAMES.items():
            name = config.get(key) or default
            if name:
                files[argument] = _file(weights.folder, str(name))
        checkpoint = cls(weights, config, files)
        checkpoint._check_that_it_hears()
        return checkpoint

    def sampling(self, given: Mapping[str, Any]) -> dict[str, float | int]:
        """How it samples: as given, else as the checkpoint says, else as the package does."""
        own = self.config.get("lm_gen_config") or {}
        return {key: given[key] if given.get(key) is not None else own.get(key, default) for key, default in SAMPLING.items()}

    def _check_that_it_hears(self) -> None:
        n_streams = self.config.get("n_q", 16)
        model = self.files["moshi_weights"]
        n_generated = self.config.get("dep_q", 8)
        if isinstance(model, Path):
            n_generated = max(n_generated, _generated_codebooks(model))
        if n_generated >= n_streams:
            raise AdapterError(
                f"{self.weights.folder}: these weights generate {n_generated} of {n_streams} codebooks, the user's too "
                "(dep_q 16, as PersonaPlex): the official moshi package would load them and ignore what the user says",
                "run them with --model personaplex --arg checkpoint=...",
            )


def _file(folder: Path, name: str) -> Path | str:
    if name.startswith("hf://"):
        return name
    path = Path(name.removeprefix("file://")) if name.startswith("file://") else folder / name
    if not path.is_file():
        raise AdapterError(f"{folder}: no {name}, which config.json names", "fetch the checkpoint again, with all its files")
    return path


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
