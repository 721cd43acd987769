"""What a Moshi checkpoint consists of, and whether the official package may load it. Nothing heavy is imported."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fdbench.adapter.weights import HASHED, Wanted, Weights, hash_of_files
from fdbench.errors import AdapterError

from .moshi_config import CONFIG, FILE_KEYS, MODEL, check_codec, check_config, check_for_package, read_config

SAMPLING: Final[Mapping[str, float | int]] = {"temp": 0.8, "temp_text": 0.7, "top_k": 250, "top_k_text": 25}
"""What the package samples with where a checkpoint does not say otherwise."""

_CODEBOOK_HEAD: Final = re.compile(r"^linears\.(\d+)\.")


def lacking(folder: Path) -> list[str]:
    """Which of a checkpoint's files a folder, or a download that broke off, lacks."""
    config = read_config(folder)
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
        config = read_config(folder)
        files: dict[str, Path | str] = {}
        if (folder / CONFIG).is_file():
            check_config(folder / CONFIG, config)
            files["config_path"] = folder / CONFIG
        for argument, name in _names(config).items():
            files[argument] = name if name.startswith("hf://") else _path(folder, name)
        codec = files.get("mimi_config_path")
        if isinstance(codec, Path):
            check_codec(codec)
        is_hashed = weights.revision.startswith(HASHED)
        checkpoint = cls(config, files, hash_of_files(files) if is_hashed else weights.revision)
        checkpoint._check_that_it_hears(folder)
        return checkpoint

    def sampling(self, given: Mapping[str, Any]) -> dict[str, float | int]:
        """How it samples: as given, else as the checkpoint says, else as the package does."""
        own = self.config.get("lm_gen_config", {})
        return {key: given[key] if given.get(key) is not None else own.get(key, default) for key, default in SAMPLING.items()}

    def is_greedy(self, given: bool | None) -> bool:
        """Whether it takes the likeliest token: as given, else as the checkpoint says, else not."""
        if given is not None:
            return given
        return not self.config.get("lm_gen_config", {}).get("use_sampling", True)

    @contextmanager
    def refusals_explained(self) -> Iterator[None]:
        """What the package cannot load, told in two lines; all that it knows of a file is looked at first."""
        config_path = self.files.get("config_path")
        if isinstance(config_path, Path):
            check_for_package(config_path, self.config)
        try:
            yield
        except Exception as error:  # of the package and of three libraries below it: a dozen kinds
            if type(error).__name__ == "OutOfMemoryError":
                raise
            words = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            named = ", ".join(str(each) for each in self.files.values())
            raise AdapterError(
                f"the moshi package cannot make a model of these files ({named}): {words}",
                "do the weights belong to this config.json? Fetch them again, or name another checkpoint",
            ) from error

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


def _names(config: Mapping[str, Any]) -> dict[str, str]:
    """By argument of the package's loader, how a checkpoint's file is called."""
    names = {argument: config.get(key) or default for argument, (key, default) in FILE_KEYS.items()}
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
