"""Moshi in process is, frame by frame and to the sample, what Kyutai's own two programs give: greedy, float32, random weights.

Nothing of the programs, of their package or of ours is replaced.

- The server. ``moshi.server.ServerState.handle_chat`` holds conversations over a real websocket on loopback. Opus lies on the
  wire and loses something, so the samples are taken where the server's codec decodes them, by a forward hook, which watches a
  module and changes nothing. What comes over the wire is compared, too: each message of Opus with what the same encoder makes
  of our frame, and each piece of text. Ours hears what the server's own decoder makes of the same packets.
- The script. ``moshi.run_inference.InferenceState.run`` takes samples and returns samples.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import shutil
import sys

import numpy as np
import pytest

from fdbench.call.call import Ending
from fdbench.call.source import PromptCalls
from fdbench.core.conversation import Recording, Sample, Take
from tests.tiny_moshi import sounds
from tests.unit.adapter.test_moshi import FRAME, FRAME_S, RATE, SEED, Clip, open_party

N_FRAMES = (63, 13, 20, 16, 9)


@pytest.fixture(scope="module")
def clips():
    """Of uneven length; the first begins with 3 s of silence, as calls in a run do."""
    heard = sounds(len(N_FRAMES), max(N_FRAMES) * FRAME_S, RATE, seed=4)
    heard[0, : 38 * FRAME] = 0.0
    return [heard[i, : n_frames * FRAME] for i, n_frames in enumerate(N_FRAMES)]


@pytest.fixture(scope="module")
def tuned(tiny_moshi, tmp_path_factory):
    """The checkpoint with an adapter of low rank."""
    import torch
    from moshi.models import loaders
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("tuned")
    shutil.copytree(tiny_moshi, folder, dirs_exist_ok=True)
    config = json.loads((folder / "config.json").read_text())
    config.update(lora=True, lora_rank=4, lora_scaling=2.0, lora_name="lora.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    own = {
        key: value for key, value in config.items() if not key.endswith("_name") and key not in ("model_type", "lm_gen_config")
    }
    names = loaders.get_moshi_lm(None, own, dtype=torch.float32).state_dict()
    noise = torch.Generator().manual_seed(1)
    save_file(
        {name: torch.randn(each.shape, generator=noise) * 0.1 for name, each in names.items() if "lora_" in name},
        folder / "lora.safetensors",
    )
    return folder


@pytest.fixture(scope="module")
def server():
    """The module. It runs its main() when it is imported, which is asked for --help and so ends before it begins."""
    pytest.importorskip("sphn", reason="needs pip install 'fdbench[moshi]'")
    spec = importlib.util.find_spec("moshi.server")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as command_line, pytest.raises(SystemExit):
        command_line.setattr(sys, "argv", ["moshi.server", "--help"])
        spec.loader.exec_module(module)
    return module


def official(checkpoint):
    """The package's own view of a checkpoint."""
    from moshi.models import loaders

    names = ("model.safetensors", "mimi.safetensors", "tokenizer.model", "config.json", "mimi_config.json")
    adapter = checkpoint / "lora.safetensors"
    files = [*(checkpoint / name for name in names), adapter if adapter.is_file() else None]
    return loaders.CheckpointInfo.from_hf_repo("none/none", *files)


def ours(checkpoint, clips, slots=1, **arguments):
    """Of each clip, the frames that answer its frames, and the text that goes with each of them."""
    party = open_party(checkpoint, slots, greedy=True, **arguments)
    two_more = np.zeros(2 * FRAME, np.float32)
    takes = [Take(Sample(str(i), "t", {"main": Clip(np.concatenate([clip, two_more]))})) for i, clip in enumerate(clips)]
    found = {}
    for take, recording in PromptCalls(party, SEED, 0.0, Ending(0.16, 0.16)).collect(takes):
        assert isinstance(recording, Recording) and recording.model.start_s == 0.0
        said = recording.model.audio.samples
        assert not said[:FRAME].any(), "nothing answers before a frame is over"
        n_frames = len(clips[int(take.sample.id)]) // FRAME
        texts = {round(event.span.start_s / FRAME_S): event.text for event in recording.events}
        frames = said[FRAME : (n_frames + 1) * FRAME].reshape(n_frames, FRAME)
        found[int(take.sample.id)] = frames, [texts.get(k + 1, "") for k in range(n_frames)]
    return [found[i] for i in range(len(clips))]


class Served:
    """Conversations with the server's own coroutine, one after another."""

    def __init__(self, server, checkpoint, dtype="float32"):
        import torch

        info = official(checkpoint)
        codec, model = info.get_mimi(), info.get_moshi(dtype=getattr(torch, dtype), fuse_lora=True)
        settings = {**info.lm_gen_config, "use_sampling": False}
        self._state = server.ServerState(info.model_type, codec, info.get_text_tokenizer(), model, 1.0, "cpu", **settings)
        self._decoded = []
        codec.decoder.register_forward_hook(lambda module, given, made: self._decoded.append(made[0, 0].numpy().copy()))

    def hold(self, packets, n_replies):
        """The decoded frames, the messages of Opus and the pieces of text of one conversation."""
        import torch

        self._decoded.clear()
        with torch.no_grad():  # as the server's module does around its main()
            messages = asyncio.run(self._converse(packets, n_replies))
        audio = [message[1:] for message in messages if message[0] == 1]
        return np.stack(self._decoded), audio, [message[1:].decode() for message in messages if message[0] == 2]

    async def _converse(self, packets, n_replies):
        from aiohttp import web
        from aiohttp.test_utils import TestClient, TestServer

        application = web.Application()
        application.router.add_get("/api/chat", self._state.handle_chat)
        async with TestClient(TestServer(application)) as client, client.ws_connect("/api/chat") as socket:
            assert await socket.receive_bytes(timeout=60) == b"\x00"
            for packet in packets:
                await socket.send_bytes(b"\x01" + packet)
            messages = []
            while sum(message[0] == 1 for message in messages) < n_replies:
                messages.append(await socket.receive_bytes(timeout=60))
            return messages


def over_opus(clip):
    """What a client sends of a clip, and the whole frames that the server's decoder makes of it."""
    import sphn

    writer, reader = sphn.OpusStreamWriter(RATE), sphn.OpusStreamReader(RATE)
    packets = [packet for frame in clip.reshape(-1, FRAME) if (packet := writer.append_pcm(frame))]
    heard = np.concatenate([reader.append_bytes(packet) for packet in packets])
    return packets, heard[: len(heard) // FRAME * FRAME]


def n_equal(frames, others):
    """How many frames are equal, to the sample."""
    assert frames.shape == others.shape
    return int((frames == others).all(axis=1).sum())


def test_every_frame_is_the_servers(server, tiny_moshi, clips):
    import sphn

    packets, heard = over_opus(clips[0])
    n_frames = len(heard) // FRAME
    ((frames, texts),) = ours(tiny_moshi, [heard])
    decoded, audio, pieces = Served(server, tiny_moshi).hold(packets, n_frames - 1)
    assert n_equal(frames[1:], decoded) == n_frames - 1 and not frames[0].any()
    assert len({frame.tobytes() for frame in decoded}) > n_frames / 2, "the weights say different things"
    writer = sphn.OpusStreamWriter(RATE)
    assert audio == [writer.append_pcm(frame) for frame in frames[1:]]
    # The server also sends the names of control tokens, which are no text; that of the last frame comes behind its sound.
    assert [piece for piece in pieces if piece not in ("<s>", "</s>")] == [text for text in texts[:-1] if text]


def test_a_conversation_in_any_row_is_the_servers(server, tiny_moshi, clips):
    """The server has a batch of one, whose sums differ in the last bits from those of a batch of three."""
    sent = [over_opus(clip) for clip in clips[1:]]
    replies = ours(tiny_moshi, [heard for _, heard in sent], slots=3)
    served = Served(server, tiny_moshi)
    for (packets, heard), (frames, _) in zip(sent, replies, strict=True):
        decoded, _, _ = served.hold(packets, len(heard) // FRAME - 1)
        np.testing.assert_allclose(frames[1:], decoded, atol=1e-5)


def scripted(checkpoint, clips, slots, dtype="float32"):
    """Of each clip, the frames of the script and the text of each; its batch holds the same clip in every row."""
    import torch
    from moshi.run_inference import InferenceState

    info = official(checkpoint)
    codec, model, tokenizer = info.get_mimi(), info.get_moshi(dtype=getattr(torch, dtype)), info.get_text_tokenizer()
    settings = {**info.lm_gen_config, "use_sampling": False}
    state = InferenceState(info, codec, tokenizer, model, slots, 1.0, "cpu", **settings)
    for clip in clips:
        codec.reset_streaming()
        state.lm_gen.reset_streaming()
        with torch.no_grad():
            tokens, said = state.run(torch.from_numpy(clip)[None, None].expand(slots, -1, -1))[0]
        pieces = ["" if token in (0, 1, 2, 3) else tokenizer.id_to_piece(token).replace("▁", " ") for token in tokens.tolist()]
        yield said[0].numpy().reshape(-1, FRAME), pieces


@pytest.mark.parametrize("slots", [1, 3])
def test_every_frame_is_the_scripts(slots, tiny_moshi, clips):
    """In a batch of the same size: of ours the rows hold different conversations."""
    heard = clips[:2] if slots == 1 else clips[1:]
    replies = ours(tiny_moshi, heard, slots, program="script")
    for (frames, texts), (said, pieces) in zip(replies, scripted(tiny_moshi, heard, slots), strict=True):
        assert n_equal(frames, said) == len(said) and texts == pieces


@pytest.mark.slow
def test_with_an_adapter_of_low_rank_every_frame_is_theirs_too(server, tuned, clips):
    """In the programs' own bfloat16, for the server merges the adapter's weights, and float32 is too exact to show that."""
    packets, heard = over_opus(clips[2])
    decoded, _, _ = Served(server, tuned, "bfloat16").hold(packets, len(heard) // FRAME - 1)
    ((frames, _),) = ours(tuned, [heard], dtype="bfloat16")
    assert n_equal(frames[1:], decoded) == len(decoded)
    ((said, _),) = scripted(tuned, [heard], 1, "bfloat16")
    ((frames, _),) = ours(tuned, [heard], dtype="bfloat16", program="script")
    assert n_equal(frames, said) == len(said)


def test_the_two_programs_differ_from_the_first_frame_on(tiny_moshi, clips):
    ((one, _),), ((other, _),) = (ours(tiny_moshi, clips[1:2], program=program) for program in ("server", "script"))
    assert not one[0].any() and other[0].any()
    assert n_equal(one, other) == 0
