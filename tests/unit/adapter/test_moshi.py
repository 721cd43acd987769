"""The official package on a tiny random checkpoint: what a reply depends on, where it lies, and what is refused.

::

    prompt     |====== clip ======|
    lead-in  --|
    causal     reply frame k begins where user frame k ends       published   one frame earlier
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from fdbench.adapter.base import Batch, Brief
from fdbench.adapter.load import find_model, resolve
from fdbench.call.call import Ending
from fdbench.call.source import PromptCalls
from fdbench.core.conversation import Recording, Sample, Take
from fdbench.core.event import TEXT
from fdbench.core.sound import Audio
from fdbench.errors import FdbenchError
from fdbench.io.files import sha256_of
from tests.tiny_moshi import sounds

RATE, FRAME, FRAME_S = 24000, 1920, 0.08
SEED = 7


class Clip:
    """A stimulus in memory."""

    def __init__(self, samples):
        self.samples = samples
        self.digest = ""

    def load(self):
        return Audio(self.samples, RATE)


def open_party(checkpoint, slots, **arguments):
    given = {name: str(value).lower() for name, value in arguments.items()}
    return resolve(find_model("moshi"), {"checkpoint": str(checkpoint), "device": "cpu", **given}).open_party(slots)


def takes(n=6):
    """Clips of uneven length, 0.9 to 2.1 s."""
    heard = sounds(n, 2.4, RATE, seed=3)
    lengths = [round((0.9 + 0.24 * (i * 2 % 6)) * RATE) for i in range(n)]
    return [Take(Sample(f"clip{i}", "t", {"main": Clip(heard[i, : lengths[i]])})) for i in range(n)]


def replies(party, some_takes, seed=SEED, lead_in_s=0.16):
    """What each take's recording holds, by the sample's id."""
    calls = PromptCalls(party, seed, lead_in_s, Ending(0.4, 0.4))
    outcomes = {take.sample.id: outcome for take, outcome in calls.collect(some_takes)}
    assert all(isinstance(outcome, Recording) for outcome in outcomes.values()), outcomes
    return {name: (sha256_of(each.model.audio.samples.tobytes()), each.events) for name, each in outcomes.items()}


@pytest.fixture(scope="module", params=[(1, "server"), (4, "script"), (16, "server")], ids=str)
def party(request, tiny_moshi):
    slots, program = request.param
    return open_party(tiny_moshi, slots, program=program)


@pytest.fixture(scope="module")
def straight(party):
    return replies(party, takes())


def test_a_reply_does_not_depend_on_order_or_neighbours_or_on_what_a_slot_did_before(party, straight):
    everything = takes()
    assert replies(party, everything[::-1]) == straight
    assert replies(party, everything[3:4] + everything[:1]) == {name: straight[name] for name in ("clip3", "clip0")}
    for take in everything[1:3]:
        assert replies(party, [take]) == {take.sample.id: straight[take.sample.id]}


def test_a_party_made_anew_gives_the_same(party, straight, tiny_moshi, request):
    slots, program = request.node.callspec.params["party"]
    anew = open_party(tiny_moshi, slots, program=program)
    assert replies(anew, takes()[:2]) == {name: straight[name] for name in ("clip0", "clip1")}


def test_a_reply_depends_on_the_seed_and_on_what_the_user_says(tiny_moshi):
    party = open_party(tiny_moshi, 2)
    (take,) = takes()[:1]
    first = replies(party, [take])
    assert replies(party, [take], seed=SEED + 1) != first
    other = Take(Sample("clip0", "t", {"main": Clip(take.sample.stimuli["main"].samples[::-1].copy())}))
    assert replies(party, [other]) != first


def test_greedy_replies_depend_on_the_user_alone(tiny_moshi):
    party = open_party(tiny_moshi, 2, greedy=True)
    (take,) = takes()[:1]
    first = replies(party, [take])
    assert replies(party, [take], seed=SEED + 1) == first
    other = Take(Sample("clip0", "t", {"main": Clip(take.sample.stimuli["main"].samples[::-1].copy())}))
    assert replies(party, [other]) != first


def test_replies_differ_between_samples_and_events_are_text_with_times_on_the_frames(straight):
    assert len({digest for digest, _ in straight.values()}) == len(straight)
    for _, events in straight.values():
        assert events and {event.kind for event in events} == {TEXT}
        starts = np.array([event.span.start_s for event in events])
        frames = (starts + 0.16) / FRAME_S
        assert np.allclose(frames, frames.round()), "on the call's grid of frames, moved by the lead-in"
        assert all(event.span.duration_s == pytest.approx(FRAME_S) for event in events)


def test_moved_by_the_published_shift_a_reply_lies_where_the_official_script_writes_it(tiny_moshi, tmp_path):
    """The script is run from its command line, on a file, into a file, in its own bfloat16."""
    soundfile.write(tmp_path / "in.wav", sounds(1, 1.6, RATE, seed=5)[0], RATE)
    for file in tiny_moshi.iterdir():
        shutil.copy(file, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["lm_gen_config"] = {"use_sampling": False}
    names = {key: f"file://{tmp_path / config[key]}" for key in config if key.endswith("_name")}
    (tmp_path / "config.json").write_text(json.dumps({**config, **names}))
    script = ["-m", "moshi.run_inference", "--device", "cpu", "--batch-size", "1", "--config", str(tmp_path / "config.json")]
    done = subprocess.run(
        [sys.executable, *script, str(tmp_path / "in.wav"), str(tmp_path / "out.wav")],
        capture_output=True,
        text=True,
        env={"NO_TORCH_COMPILE": "1", "OMP_NUM_THREADS": "1", "PATH": ""},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    official, rate = soundfile.read(tmp_path / "out.wav", dtype="int16")
    assert rate == RATE

    party = open_party(tmp_path, 1, dtype="bfloat16", program="script")
    calls = PromptCalls(party, SEED, 0.0, Ending(0.2, 0.2))
    written = soundfile.read(tmp_path / "in.wav", dtype="float32")[0]
    ((_, recording),) = calls.collect([Take(Sample("clip", "t", {"main": Clip(written)}))])
    shift_s = find_model("moshi").published_shift_s
    first = round((0.0 - (recording.model.start_s + shift_s)) * RATE)  # where t = 0 lies in the moved track
    ours = recording.model.audio.samples[first : first + len(official)]
    assert len(ours) == len(official)
    # The script's writer rounds towards zero or to nearest, by its version: one step of 16 bits.
    difference = np.abs(np.clip(ours, -1, 1) * 32767 - official)
    assert official.any() and difference.max() <= 1.0


def test_a_call_longer_than_memory_is_kept_for_fails_alone(tiny_moshi):
    party = open_party(tiny_moshi, 2, longest_call_s=1.6)
    outcomes = PromptCalls(party, SEED, 0.0, Ending(0.4, 0.4)).collect(takes()[:3])
    told = {take.sample.id: outcome for take, outcome in outcomes}
    assert isinstance(told["clip0"], Recording)  # 0.9 s and the tail
    assert told["clip1"].reason == "adapter" and "longest_call_s" in told["clip1"].message


@pytest.mark.parametrize("program", ["server", "script"])
def test_memory_for_exactly_as_long_as_a_call_changes_no_reply(program, tiny_moshi):
    """A shorter memory is another shape of the same arithmetic; on this machine not even the last bits differ."""
    lead_in, clip, tail = (n_frames * FRAME_S for n_frames in (2, 14, 5))
    take = Take(Sample("clip", "t", {"main": Clip(sounds(1, clip, RATE, seed=3)[0])}))
    found = []
    for longest_call_s in (lead_in + clip + tail + FRAME_S / 2, 16.0):
        party = open_party(tiny_moshi, 1, greedy=True, program=program, longest_call_s=longest_call_s)
        ((_, outcome),) = PromptCalls(party, SEED, lead_in, Ending(tail, tail)).collect([take])
        assert isinstance(outcome, Recording), outcome
        found.append((outcome.model.audio.samples.tobytes(), outcome.events))
    assert found[0] == found[1]
    party = open_party(tiny_moshi, 1, program=program, longest_call_s=lead_in + clip + tail - FRAME_S / 2)
    ((_, outcome),) = PromptCalls(party, SEED, lead_in, Ending(tail, tail)).collect([take])
    assert "longest_call_s" in outcome.message


REFUSALS = {
    "PersonaPlex's weights": ({"dep_q": 16}, "ignore what the user says", "--model personaplex"),
    "a translator": ({"model_type": "hibiki"}, "'hibiki' checkpoint", "another"),
    "a file that is not there": ({"mimi_name": "codec.safetensors"}, "lacks codec.safetensors", "name the checkpoint's folder"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_the_package_would_load_and_get_wrong_is_refused(case, tiny_moshi, tmp_path):
    changes, what, remedy = REFUSALS[case]
    shutil.copytree(tiny_moshi, tmp_path / "copy")
    config = tmp_path / "copy" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **changes}))
    with pytest.raises(FdbenchError) as error:
        open_party(tmp_path / "copy", 1)
    assert what in error.value.what and remedy in error.value.remedy


def test_weights_for_both_sides_are_known_by_their_tensors_even_without_a_config(tiny_moshi, tmp_path):
    import torch
    from safetensors.torch import save_file

    for name in ("tokenizer_spm_32k_3.model", "tokenizer-e351c8d8-checkpoint125.safetensors"):
        shutil.copy(tiny_moshi / "tokenizer.model", tmp_path / name)
    save_file({f"linears.{i}.weight": torch.zeros(1) for i in range(16)}, tmp_path / "model.safetensors")
    with pytest.raises(FdbenchError, match="dep_q 16"):
        open_party(tmp_path, 1)


def test_a_checkpoint_of_the_first_kind_without_a_config_is_run_with_the_packages_own(tiny_moshi, tmp_path, monkeypatch):
    """Its files have fixed names, and its architecture is the package's; here the package's is made as small as the weights."""
    from moshi.models import loaders

    config = json.loads((tiny_moshi / "config.json").read_text())
    architecture = {key: value for key, value in config.items() if key in loaders._lm_kwargs}
    monkeypatch.setattr(loaders, "_lm_kwargs", architecture)
    monkeypatch.setattr(loaders, "_mimi_config", json.loads((tiny_moshi / "mimi_config.json").read_text()))
    for old, new in (
        ("model.safetensors", "model.safetensors"),
        ("mimi.safetensors", loaders.MIMI_NAME),
        ("tokenizer.model", loaders.TEXT_TOKENIZER_NAME),
    ):
        shutil.copy(tiny_moshi / old, tmp_path / new)
    (take,) = takes()[:1]
    assert replies(open_party(tmp_path, 1), [take]) == replies(open_party(tiny_moshi, 1), [take])


def test_a_folder_may_name_files_elsewhere_and_what_they_hold_is_in_the_runs_id(tiny_moshi, tmp_path):
    folder = tmp_path / "fine-tuned"
    folder.mkdir()
    shutil.copy(tiny_moshi / "mimi.safetensors", tmp_path / "codec.safetensors")
    config = json.loads((tiny_moshi / "config.json").read_text())
    names = {key: f"file://{tiny_moshi / config[key]}" for key in config if key.endswith("_name")}
    names["mimi_name"] = f"file://{tmp_path / 'codec.safetensors'}"
    (folder / "config.json").write_text(json.dumps({**config, **names}))
    adapter = resolve(find_model("moshi"), {"checkpoint": str(folder), "device": "cpu"})
    (take,) = takes()[:1]
    assert replies(adapter.open_party(1), [take]) == replies(open_party(tiny_moshi, 1), [take])
    before = adapter.provenance().weights_revision
    (folder / "trainer_log.json").write_text("{}")
    assert adapter.provenance().weights_revision == before, "no file of the checkpoint"
    with (tmp_path / "codec.safetensors").open("ab") as file:
        file.write(b"x")
    assert adapter.provenance().weights_revision != before


def test_a_character_that_the_vocabulary_lacks_is_told_whole_and_control_tokens_are_not_told():
    from fdbench.adapters.moshi_text import Spelling

    class Tokenizer:
        pieces = ("<unk>", "<s>", "</s>", "<pad>", "▁caf", "<0xC3>", "<0xA9>", "s")

        def vocab_size(self):
            return len(self.pieces)

        def id_to_piece(self, token):
            return self.pieces[token]

        def is_byte(self, token):
            return self.pieces[token].startswith("<0x")

        def is_control(self, token):
            return token in (1, 2)

    spelling = Spelling(Tokenizer(), {0, 3}, 2)
    assert [spelling.piece(0, token) for token in (4, 5, 6, 7)] == [" caf", "", "é", "s"]
    assert [spelling.piece(1, token) for token in (0, 1, 2, 3, -2, 99)] == [""] * 6
    spelling.piece(0, 5)
    spelling.begin(0)
    assert spelling.piece(0, 6) == "", "half a character of the conversation before is forgotten"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"device": "tpu"}, "device=tpu"),
        ({"dtype": "int8"}, "dtype=int8"),
        ({"program": "client"}, "program=client: expected server or script"),
        ({"longest_call_s": 0.01}, "longest_call_s=0.01"),
        ({"threads": 0, "device": "cpu"}, "threads=0"),
        ({"top_k": -1}, "top_k=-1"),
        ({"temp_text": 0}, "temp_text=0"),
    ],
)
def test_an_argument_that_makes_no_sense_is_named(arguments, told, tiny_moshi):
    with pytest.raises(FdbenchError, match=told) as error:
        resolve(find_model("moshi"), {"checkpoint": str(tiny_moshi), **{k: str(v) for k, v in arguments.items()}}).open_party(1)
    assert error.value.remedy


def test_what_is_recorded_names_no_place_and_says_how_it_sampled(tiny_moshi):
    adapter = resolve(find_model("moshi"), {"checkpoint": str(tiny_moshi), "device": "cpu"})
    recorded = adapter.provenance()
    assert recorded.arguments["checkpoint"] == tiny_moshi.name and str(tiny_moshi.parent) not in str(recorded)
    assert recorded.weights_revision.startswith("sha256:")
    sampling = {name: recorded.arguments[name] for name in ("temp", "top_k", "temp_text", "top_k_text")}
    assert sampling == {"temp": 0.8, "top_k": 250, "temp_text": 0.7, "top_k_text": 25}
    assert (recorded.arguments["device"], recorded.arguments["dtype"]) == ("cpu", "float32")
    import torch

    assert recorded.arguments["threads"] == torch.get_num_threads()
    given = resolve(find_model("moshi"), {"checkpoint": str(tiny_moshi), "device": "cpu", "threads": "3"})
    assert given.provenance().arguments["threads"] == 3


def test_a_row_that_steps_in_another_order_is_still_its_slots(tiny_moshi):
    """Rows of a batch come in any order, and not every slot steps each time."""
    party = open_party(tiny_moshi, 4)
    heard = sounds(2, 1.6, RATE, seed=6)

    def converse(orders):
        for slot in (1, 3):
            party.open(slot, Brief(seed=slot))
        said = {1: [], 3: []}
        for index, order in enumerate(orders):
            frames = np.stack([heard[slot // 2, index * FRAME : (index + 1) * FRAME] for slot in order])
            spoken = party.step(Batch(order, frames, np.full(len(order), index * FRAME_S)))
            for slot, row in zip(order, spoken.audio, strict=True):
                said[slot].append(row.copy())
        return {slot: np.concatenate(rows) for slot, rows in said.items()}

    in_order, turned = converse([(1, 3)] * 20), converse([(3, 1)] * 20)
    np.testing.assert_array_equal(in_order[1], turned[1])
    np.testing.assert_array_equal(in_order[3], turned[3])
