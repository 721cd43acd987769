"""A real model in a real worker process: Kyutai's own package on a tiny checkpoint, through the pipes and without them."""

from __future__ import annotations

import os
import sys
from importlib import resources

import numpy as np
import pytest

from fdbench.adapter.base import Batch, Brief, Port
from fdbench.adapter.contract import check_party
from fdbench.worker.pool import WorkerParty
from fdbench.worker.protocol import Program
from tests.tiny_moshi import sounds

pytest.importorskip("moshi", reason="needs pip install 'fdbench[moshi]'")

PORT = Port(24000, 1920)
WORKER = """
import sys
import torch
from moshi.models import LMGen, loaders

class Model:
    sample_rate, frame_samples = 24000, 1920

    def __init__(self, folder):
        files = {"config_path": "config.json", "moshi_weights": "model.safetensors", "mimi_weights": "mimi.safetensors"}
        files |= {"mimi_config_path": "mimi_config.json", "tokenizer": "tokenizer.model"}
        files = {name: folder + "/" + file for name, file in files.items()}
        info = loaders.CheckpointInfo.from_hf_repo(folder, **files)
        torch.set_num_threads(1)
        self.codec, self.steps = info.get_mimi("cpu"), LMGen(info.get_moshi("cpu", dtype=torch.float32))
        self.codec.streaming_forever(1)
        self.steps.streaming_forever(1)

    def facts(self):
        print("loaded")
        return {"torch": torch.__version__}

    def open(self, brief):
        torch.manual_seed(brief["seed"])
        self.codec.reset_streaming()
        self.steps.reset_streaming()

    def step(self, heard):
        with torch.no_grad():
            tokens = self.steps.step(self.codec.encode(torch.tensor(heard)[None, None]))
            if tokens is None:
                return torch.zeros(1920).numpy(), []
            return self.codec.decode(tokens[:, 1:])[0, 0].numpy(), [str(int(tokens[0, 0, 0]))]

    def close(self):
        pass

if __name__ == "__main__":
    sys.path.insert(0, sys.argv[2])
    import frames
    sys.exit(frames.serve(lambda: Model(sys.argv[1])))
"""


def test_a_model_says_through_the_pipes_what_it_says_without_them(tiny_moshi, tmp_path, monkeypatch):
    (tmp_path / "worker.py").write_text(WORKER)
    monkeypatch.syspath_prepend(tmp_path)
    import worker  # the same file, in this process

    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    here = worker.Model(str(tiny_moshi))
    here.open({"seed": 11})
    heard = sounds(1, 2, 24000, 3)[0].reshape(-1, 1920)
    alone = [here.step(frame) for frame in heard]
    torch.set_num_threads(threads)

    frames = str(resources.files("fdbench.adapters") / "workers")
    program = Program((sys.executable, worker.__file__, str(tiny_moshi), frames), dict(os.environ))
    party = WorkerParty([program, program], PORT, PORT, lambda brief: {"seed": brief.seed})
    party.open(0, Brief(seed=11))
    party.open(1, Brief(seed=12))
    spoken = [party.step(Batch((0, 1), np.stack([frame, frame]), np.full(2, i * 0.08))) for i, frame in enumerate(heard)]
    said = np.stack([each.audio for each in spoken])
    assert np.array_equal(said[:, 0], np.stack([frame for frame, _ in alone]))
    assert [event.text for each in spoken for event in each.events.get(0, ())] == [text for _, texts in alone for text in texts]
    assert not np.array_equal(said[:, 0], said[:, 1])  # the other seed
    assert np.abs(said).max() > 0.01
    for slot in (0, 1):
        party.close(slot)
    assert all(check.holds for check in check_party(party, Brief(seed=5)))
    assert party.describe()["torch"] == torch.__version__
    party.release()
