"""Tiny random dep_q 16 weights for NVIDIA's fork, and the wrapper that makes its loaders expect them.

The fork has the sizes of the 7B model in its code. ``wrapper`` writes a program that runs the fork's interpreter with those
sizes replaced as ``moshi.models.loaders`` is imported; nothing in the product knows of it. Run as a program, under that
wrapper, this file makes the weights:

    WRAPPER tests/personaplex_tiny.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

SIZES = """
_seanet_kwargs.update(dimension=32, n_filters=4)
_quantizer_kwargs.update(dimension=16, n_q=8, input_dimension=32, output_dimension=32)
_transformer_kwargs.update(
    d_model=32, num_heads=4, num_layers=1, dim_feedforward=64, input_dimension=32, output_dimensions=[32], context=50
)
_lm_kwargs.update(
    dim=64, text_card=128, num_heads=4, num_layers=2, context=60, hidden_scale=2.0,
    depformer_dim=32, depformer_dim_feedforward=64, depformer_num_heads=4, depformer_num_layers=1,
)
"""

HOOK = """
import importlib.abc, importlib.machinery, sys

class Smaller(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "moshi.models.loaders":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            exec(SIZES, vars(module))

        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Smaller())
"""

WORDS = """
the a one two three hello yes no what is it time to go we can see you me they have right okay sure think good very much like
know people day man world life work home find give take come look over after back little only round year live show every name
""".split()  # noqa: SIM905 - a hundred quotes are harder to read


def wrapper(folder: Path, python: Path, source: Path) -> Path:
    """An interpreter that runs the fork's checkout and expects tiny weights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(f"SIZES = {SIZES!r}\n{HOOK}")
    program = folder / "python"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{folder}:{source / "moshi"}" exec "{python}" "$@"\n')
    program.chmod(0o755)
    return program


def make(folder: Path) -> None:
    """Write a checkpoint in the layout of nvidia/personaplex-7b-v1, with a voice as a recording and one as embeddings."""
    import random

    import numpy as np
    import sentencepiece
    import sphn
    import torch
    from moshi.models import loaders
    from safetensors.torch import save_file

    torch.manual_seed(0)
    random.seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "voices").mkdir(exist_ok=True)
    corpus = folder / "corpus.txt"
    corpus.write_text("\n".join(" ".join(random.choice(WORDS) for _ in range(12)) for _ in range(3000)))
    tokenizer = folder / loaders.TEXT_TOKENIZER_NAME
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=str(tokenizer.with_suffix("")), vocab_size=128, unk_id=0, bos_id=1, eos_id=2, pad_id=3,
        minloglevel=2,
    )  # fmt: skip
    corpus.unlink()
    tokenizer.with_suffix(".vocab").unlink()

    untrained = {}
    real, loaders.load_model = loaders.load_model, lambda model, path: untrained.update(model=model)
    loaders.get_mimi("any.safetensors")
    loaders.load_model = real
    mimi = untrained["model"]
    with torch.no_grad():
        for name, tensor in [*mimi.named_parameters(), *mimi.named_buffers()]:
            if tensor.is_floating_point() and tensor.dim() and float(tensor.abs().sum()) == 0:
                torch.nn.init.normal_(tensor, std=0.1)
            if "encoder." in name and tensor.dim() == 3:
                tensor.mul_(2.5)
        time = torch.arange(24000 * 8) / 24000
        sounds = []
        for _ in range(4):
            loudness = torch.rand(80).repeat_interleave(2400) ** 2
            phase = torch.cumsum(80 * 2 ** (3 * torch.rand(80)).repeat_interleave(2400) / 24000, 0) * 2 * torch.pi
            sounds.append(loudness * (sum(torch.sin(k * phase) / k for k in range(1, 8)) * 0.2 + 0.05 * torch.randn_like(time)))
        latent = mimi._to_framerate(mimi.encoder_transformer(mimi.encoder(torch.stack(sounds)[:, None]))[0])
        mimi.quantizer.train()
        for part in mimi.quantizer.modules():
            if hasattr(part, "_initialized"):
                part._initialized.fill_(False)
        mimi.quantizer(latent, 12.5)
        mimi.eval()
        save_file({key: value.contiguous() for key, value in mimi.state_dict().items()}, folder / loaders.MIMI_NAME)

        lm = loaders.get_moshi_lm(None)
        for parameter in lm.parameters():
            if not torch.isfinite(parameter).all() or float(parameter.abs().sum()) == 0:
                torch.nn.init.normal_(parameter, std=0.05)
        save_file({key: value.contiguous() for key, value in lm.state_dict().items()}, folder / loaders.MOSHI_NAME)

    sound = (sounds[0][: 24000 * 2]).numpy().astype(np.float32)
    sphn.write_wav(str(folder / "voices" / "TINY0.wav"), sound, 24000)
    torch.save(
        {"embeddings": torch.randn(9, 1, 1, 64, dtype=torch.bfloat16), "cache": torch.randint(0, 90, (1, 17, 4))},
        folder / "voices" / "TINY1.pt",
    )
    for index in (1, 2):
        sphn.write_wav(str(folder / f"clip{index}.wav"), sounds[index][: 24000 * 2 + 700 * index].numpy(), 24000)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
