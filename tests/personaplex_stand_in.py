"""A package with the public names of NVIDIA's fork and none of its arithmetic, as a checkout that pip can install.

It says a tone as loud as what it heard a frame before, with a little noise drawn from the generator, and a word every third
frame. The package builds without a network (its build backend is in it), and its environment borrows numpy and torch from the
one that runs the tests.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

PYPROJECT = """
[project]
name = "moshi-personaplex"
version = "9.9"

[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""

BACKEND = """
import zipfile
from pathlib import Path

INFO = "moshi_personaplex-9.9.dist-info"

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "moshi_personaplex-9.9-py3-none-any.whl"
    with zipfile.ZipFile(Path(folder) / name, "w") as wheel:
        for path in [*Path("moshi").rglob("*.py"), *Path(".").glob("sentencepiece.py"), *Path(".").glob("*.pth")]:
            wheel.write(path, path.as_posix())
        wheel.writestr(f"{INFO}/METADATA", "Metadata-Version: 2.1\\nName: moshi-personaplex\\nVersion: 9.9\\n")
        tags = "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr(f"{INFO}/WHEEL", tags)
        wheel.writestr(f"{INFO}/RECORD", "")
    return name
"""

LOADERS = """
from pathlib import Path
import torch

class Codec:
    sample_rate, frame_rate = 24000, 12.5

    def streaming_forever(self, batch_size):
        pass

    def reset_streaming(self):
        pass

    def encode(self, sound):
        level = (sound.abs().mean() * 1000).long()
        return torch.full((1, 8, 1), int(level))

    def decode(self, tokens):
        t = torch.arange(1920) / 24000
        return (tokens[0, 0] / 1000 * torch.sin(2 * torch.pi * 300 * t) + tokens[0, 1] / 1e5).float()[None, None]

class Model(torch.nn.Module):
    pass

def get_mimi(filename, device):
    if Path(filename).read_bytes() != b"codec":
        raise ValueError("no codec")
    torch.rand(5)
    return Codec()

def get_moshi_lm(filename, device):
    print("Missing %s", "something")
    if Path(filename).read_bytes() != b"model":
        raise ValueError("no model")
    return Model()
"""

LM = """
from dataclasses import dataclass
from pathlib import Path
import torch

@dataclass
class State:
    level: torch.Tensor
    told: str = ""
    offset: int = 0

class LMGen:
    def __init__(self, lm, audio_silence_frame_cnt, sample_rate, device, frame_rate, use_sampling, **sampling):
        assert sampling.keys() == {"temp", "temp_text", "top_k", "top_k_text"}
        self.use_sampling = use_sampling
        self.state = State(torch.zeros(1))

    def streaming_forever(self, batch_size):
        pass

    def reset_streaming(self):
        self.state.level.zero_()
        self.state.told, self.state.offset = "", 0

    def get_streaming_state(self):
        return {"": self.state}

    def load_voice_prompt(self, path):
        if not Path(path).read_bytes().startswith(b"RIFF"):
            raise RuntimeError("unrecognised format")
        self.voice = Path(path).stem

    def load_voice_prompt_embeddings(self, path):
        self.voice = Path(path).stem

    def step_system_prompts(self, mimi):
        print("Done loading voice prompt.")
        self.state.told = self.voice + self.text_prompt_tokens
        self.state.offset = torch.randint(5, (1,)).mul(0).item()

    def step(self, codes):
        state = self.state
        tokens = torch.zeros((1, 17, 1), dtype=torch.long)
        tokens[0, 1, 0] = state.level.long()
        tokens[0, 2, 0] = torch.randint(1000, (1,)) if self.use_sampling else 0
        tokens[0, 0, 0] = 3 if state.offset % 3 else 10 + state.offset // 3 % 2 + (len(state.told) > 200)
        state.level.copy_(codes[0, 0])
        state.offset += 1
        return tokens
"""

SENTENCEPIECE = """
__version__ = "9.9"

class SentencePieceProcessor:
    def __init__(self, path):
        if open(path, "rb").read() != b"tokenizer":
            raise OSError("no tokenizer")

    def encode(self, text):
        assert text.startswith("<system> ") and text.endswith(" <system>"), text
        return text

    def id_to_piece(self, token):
        return {10: "\\u2581hel", 11: "lo", 12: "\\u2581long"}[token]
"""


def write_package(folder: Path) -> Path:
    """The checkout, in the layout of NVIDIA's repository: a folder that holds ``moshi/``."""
    project = folder / "moshi"
    package = project / "moshi" / "models"
    package.mkdir(parents=True)
    (project / "pyproject.toml").write_text(PYPROJECT)
    (project / "backend.py").write_text(BACKEND)
    (project / "sentencepiece.py").write_text(SENTENCEPIECE)
    (project / "borrowed.pth").write_text("\n".join(each for each in sys.path if each.endswith("site-packages")))
    (project / "moshi" / "__init__.py").write_text("")
    (package / "__init__.py").write_text("from . import loaders\nfrom .lm import LMGen\n")
    (package / "loaders.py").write_text(LOADERS)
    (package / "lm.py").write_text(LM)
    return folder


def write_wheelhouse(folder: Path) -> Path:
    """What the fork imports and does not declare, as pip would find it on an index."""
    folder.mkdir(parents=True, exist_ok=True)
    info = "pyloudnorm-9.9.dist-info"
    with zipfile.ZipFile(folder / "pyloudnorm-9.9-py3-none-any.whl", "w") as wheel:
        wheel.writestr("pyloudnorm.py", "")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: pyloudnorm\nVersion: 9.9\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return folder


def write_checkpoint(folder: Path) -> Path:
    """Weights that the stand-in takes, with two voices."""
    voices = folder / "voices"
    voices.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"model")
    (folder / "tokenizer-e351c8d8-checkpoint125.safetensors").write_bytes(b"codec")
    (folder / "tokenizer_spm_32k_3.model").write_bytes(b"tokenizer")
    for name in ("NATF2", "NATM1"):
        (voices / f"{name}.wav").write_bytes(b"RIFF")
    return folder
