"""A Moshi checkpoint of the smallest shape with random weights: the real package loads and runs it, its words mean nothing.

Made in a few seconds, about 3 MB, one layer of everything. Random codebooks would give every input the same code, and no
test could tell whether a model hears anything; so the codec's are fitted to sounds once, as training does with its first batch.
"""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

CARD, TEXT_CARD, WIDTH = 256, 256, 32
WORDS = [
    "the", "a", "one", "two", "three", "hello", "yes", "no", "what", "is", "it", "time", "to", "go",
    "we", "can", "see", "you", "me", "they", "have", "right", "okay", "sure", "think", "good", "very", "much",
]  # fmt: skip


def make_tiny_moshi(folder: Path, dep_q: int = 8, seed: int = 0) -> Path:
    """Write config.json, model, codec and tokenizer into ``folder``; returns it."""
    os.environ.setdefault("NO_TORCH_COMPILE", "1")
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        text_card = _make_tokenizer(folder, seed)
        codec_config = _make_codec(folder, seed)
        model_config = _make_model(folder, text_card, dep_q)
    (folder / "mimi_config.json").write_text(json.dumps(codec_config))
    names = {
        "moshi_name": "model.safetensors",
        "mimi_name": "mimi.safetensors",
        "mimi_config_name": "mimi_config.json",
        "tokenizer_name": "tokenizer.model",
    }
    (folder / "config.json").write_text(json.dumps({**model_config, "model_type": "moshi", **names, "lm_gen_config": {}}))
    return folder


def sounds(n: int, seconds: float, rate: int, seed: int) -> npt.NDArray[np.float32]:
    """Harmonic tones and noise that come and go, shape ``(n, seconds * rate)``: varied enough to tell codes apart."""
    random = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    steps = np.minimum((t * 10).astype(int), round(seconds * 10) - 1)
    rows = []
    for _ in range(n):
        pitch = 80 * 2 ** (3 * random.random(round(seconds * 10)))[steps]
        phase = 2 * np.pi * np.cumsum(pitch) / rate
        tone = sum(np.sin(k * phase) / k for k in range(1, 12)) * 0.2
        rows.append((random.random(round(seconds * 10)) ** 2)[steps] * (tone + random.normal(0, 0.05, len(t))))
    return np.stack(rows).astype(np.float32)


def _make_tokenizer(folder: Path, seed: int) -> int:
    import sentencepiece

    random = np.random.default_rng(seed)
    corpus = folder / "corpus.txt"
    corpus.write_text("\n".join(" ".join(random.choice(WORDS, 12)) for _ in range(3000)))
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=str(folder / "tokenizer"), vocab_size=TEXT_CARD, unk_id=0, bos_id=1, eos_id=2, pad_id=3,
        hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    corpus.unlink()
    (folder / "tokenizer.vocab").unlink()
    return int(sentencepiece.SentencePieceProcessor(str(folder / "tokenizer.model")).vocab_size())


def _make_codec(folder: Path, seed: int) -> dict[str, Any]:
    import torch
    from moshi.models import loaders
    from safetensors.torch import save_file

    config = copy.deepcopy(loaders._mimi_config)
    config["seanet"].update(dimension=WIDTH, n_filters=4)
    config["quantizer"].update(dimension=16, n_q=8, bins=CARD, input_dimension=WIDTH, output_dimension=WIDTH)
    config["transformer"].update(
        d_model=WIDTH,
        num_heads=4,
        num_layers=1,
        dim_feedforward=64,
        input_dimension=WIDTH,
        output_dimensions=[WIDTH],
        context=50,
    )
    codec = loaders.get_mimi(None, config, num_codebooks=8)
    with torch.no_grad():
        for name, tensor in [*codec.named_parameters(), *codec.named_buffers()]:
            if tensor.is_floating_point() and tensor.dim() >= 1 and not tensor.any():
                torch.nn.init.normal_(tensor, std=0.1)
            if tensor.dim() == 3 and ("encoder." in name or "decoder." in name):
                tensor.mul_(2.5)  # loud enough that what is heard decides the code
        latent = codec.encode_to_latent(torch.from_numpy(sounds(8, 24.0, 24000, seed))[:, None], quantize=False)
        codec.quantizer.train()
        for module in codec.quantizer.modules():
            if hasattr(module, "_initialized"):
                module._initialized.fill_(False)
        codec.quantizer(latent, 12.5)
        codec.eval()
    save_file({name: tensor.contiguous() for name, tensor in codec.state_dict().items()}, folder / "mimi.safetensors")
    return config


def _make_model(folder: Path, text_card: int, dep_q: int) -> dict[str, Any]:
    import torch
    from moshi.models import loaders
    from safetensors.torch import save_file

    config = copy.deepcopy(loaders._lm_kwargs)
    config.update(
        dim=64, text_card=text_card, card=CARD, dep_q=dep_q, num_heads=4, num_layers=2, context=250, hidden_scale=2.0,
        depformer_dim=32, depformer_dim_feedforward=64, depformer_num_heads=4, depformer_num_layers=1,
    )  # fmt: skip
    model = loaders.get_moshi_lm(None, config, dtype=torch.float32)
    for parameter in model.parameters():
        if not torch.isfinite(parameter).all() or not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / "model.safetensors")
    return config
