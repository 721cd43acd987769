"""Moshi's own codec, there and back: what is left of the user's voice in front of the model, without the model.

The codec works in frames of 80 ms at 24 kHz with a state of its own; it runs on the CPU, in one thread's order, with the
weights of a folder or of the local cache of Kyutai's checkpoint. With the codec in the way twice, a model that has it inside
hears what another model would hear through it: a question of its own.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from fdbench.audio.effects.frames import AtRate, Framed
from fdbench.core.sound import Samples
from fdbench.errors import MissingExtraError, UsageError
from fdbench.io.files import read_json, sha256_of_file

MIMI_HZ: Final = 24000
FRAME: Final = 1920
CHECKPOINT: Final = "kyutai/moshiko-pytorch-bf16"
WEIGHTS: Final = "tokenizer-e351c8d8-checkpoint125.safetensors"
CONFIG: Final = "mimi_config.json"
"""Lies beside weights whose sizes are not those of Kyutai's."""
ELSEWHERE: Final = "FDBENCH_MIMI"
"""Names a file with the codec's weights that lies elsewhere."""


class Mimi(AtRate):
    """Both ends of the codec.

    Args:
        weights: File; empty = where ``FDBENCH_MIMI`` says, else the local cache.
        codebooks: How many of its books are used; Moshi uses 8.
    """

    def __init__(self, sample_rate: int, weights: str, codebooks: int) -> None:
        self._codec: Any = _loaded(str(_file(weights)), codebooks)
        self._torch: Any = _torch()
        # Weights are shared by all calls; what a call remembers is put into the codec for each of its frames.
        with self._codec.streaming(1):
            self._memory: Any = self._codec.get_streaming_state()
        super().__init__(sample_rate, MIMI_HZ, [Framed(FRAME, self._round_trip)])

    def _round_trip(self, frame: Samples) -> Samples:
        torch = self._torch
        with torch.no_grad(), self._codec.streaming(1):
            self._codec.set_streaming_state(self._memory)
            codes = self._codec.encode(torch.from_numpy(np.array(frame))[None, None])
            heard: Samples = self._codec.decode(codes)[0, 0].numpy()
            self._memory = self._codec.get_streaming_state()
        return heard


def mimi_build() -> str:
    """The hash of the weights. Raises MissingExtraError, or UsageError where there are none."""
    return f"sha256:{sha256_of_file(_file(''))}"


def _file(weights: str) -> Path:
    _torch()
    given = weights or os.environ.get(ELSEWHERE, "")
    if given:
        if not Path(given).is_file():
            raise UsageError(f"{given}: no such file", "name the codec's weights")
        return Path(given)
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        raise MissingExtraError("huggingface-hub", "moshi", "the codec of Moshi") from None
    cached = try_to_load_from_cache(CHECKPOINT, WEIGHTS)
    if not isinstance(cached, str):
        raise UsageError(
            f"the codec of Moshi: {WEIGHTS} is not in the local cache",
            f"fetch it (hf download {CHECKPOINT} {WEIGHTS}), or name a file in {ELSEWHERE}",
        )
    return Path(cached)


@lru_cache(maxsize=2)
def _loaded(file: str, codebooks: int) -> Any:
    os.environ.setdefault("NO_TORCH_COMPILE", "1")
    from moshi.models import loaders

    beside = Path(file).with_name(CONFIG)
    config = read_json(beside) if beside.is_file() else None
    return loaders.get_mimi(file, config, device="cpu", num_codebooks=codebooks)


def _torch() -> Any:
    try:
        import moshi.models  # noqa: F401
        import torch
    except ImportError:
        raise MissingExtraError("moshi", "moshi", "the codec of Moshi") from None
    return torch
