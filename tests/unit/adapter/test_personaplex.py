"""What PersonaPlex settles before any worker is started: which voice, where the workers go, what a manifest says."""

from __future__ import annotations

import io
import tarfile

import pytest
from fdbench.adapters import personaplex_places
from fdbench.adapters.personaplex import PersonaPlex, find_voice

from fdbench.errors import AdapterError, UsageError
from tests.personaplex_stand_in import write_checkpoint

GIB = 1 << 30
ARGUMENTS = {
    "voice": "NATF2", "prompt": None, "device": "cpu", "greedy": False,
    "temp": 0.8, "top_k": 250, "temp_text": 0.7, "top_k_text": 25,
    "python": None, "workers": 3, "start_timeout_s": 1.0, "open_timeout_s": 1.0, "step_timeout_s": 1.0,
}  # fmt: skip


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FDBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def checkpoint(tmp_path):
    return write_checkpoint(tmp_path / "tiny")


@pytest.fixture
def gpus(tmp_path, monkeypatch):
    """Makes this machine look as if it had GPUs with so much free memory."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def pretend(*free_gib):
        rows = "\n".join(
            f"{index}, GPU-{index}{index}, {free if free is None else free * 1024}" for index, free in enumerate(free_gib)
        )
        program = tmp_path / "bin" / "nvidia-smi"
        program.write_text(f"#!/bin/sh\ncat <<'X'\n{rows.replace('None', '[N/A]')}\nX\n")
        program.chmod(0o755)

    return pretend


@pytest.fixture
def weights(tmp_path):
    """A file of 16 GiB that takes no room."""
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.truncate(16 * GIB)
    return path


def seen(places):
    return [variables.get("CUDA_VISIBLE_DEVICES") for _, variables in places]


def test_workers_go_round_the_gpus_as_long_as_there_is_memory(gpus, weights):
    gpus(75, 23, 50)  # a worker needs 1.1 x 16 + 4 GiB: three, one and two of them
    places = personaplex_places.places_for("auto", weights, 16, None)
    assert seen(places) == ["GPU-00", "GPU-11", "GPU-22", "GPU-00", "GPU-22", "GPU-00"]
    assert {device for device, _ in places} == {"cuda"}
    assert seen(personaplex_places.places_for("auto", weights, 2, None)) == ["GPU-00", "GPU-11"]
    assert seen(personaplex_places.places_for("cuda:2", weights, 16, None)) == ["GPU-22"] * 2
    assert seen(personaplex_places.places_for("cuda", weights, 16, 4)) == ["GPU-00"] * 4


def test_gpus_that_are_hidden_are_not_used(gpus, weights, monkeypatch):
    gpus(75, 23, 50)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,GPU-11")
    assert seen(personaplex_places.places_for("auto", weights, 16, None)) == ["GPU-22", "GPU-11", "GPU-22"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-7")
    assert seen(personaplex_places.places_for("auto", weights, 16, None)) == ["MIG-7"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert personaplex_places.places_for("auto", weights, 1, None) == [("cpu", {})]


def test_a_gpu_that_does_not_tell_its_memory_gets_one_worker(gpus, weights):
    gpus(None)
    assert seen(personaplex_places.places_for("auto", weights, 16, None)) == ["GPU-00"]


def test_a_gpu_that_is_not_there_is_named(gpus, weights):
    gpus(75)
    with pytest.raises(UsageError, match=r"device=cuda:1: this machine has 1 GPU"):
        personaplex_places.places_for("cuda:1", weights, 16, None)


def test_on_a_cpu_workers_are_as_many_as_asked_for(weights, monkeypatch):
    monkeypatch.setattr(personaplex_places, "_free_bytes", lambda: 40 * GIB)
    monkeypatch.setattr(personaplex_places.os, "cpu_count", lambda: 64)
    assert personaplex_places.places_for("cpu", weights, 16, 3) == [("cpu", {})] * 3
    assert personaplex_places.places_for("cpu", weights, 2, 3) == [("cpu", {})] * 2
    assert personaplex_places.places_for("cpu", weights, 16, None) == [("cpu", {})] * 2  # 17.6 + 1 GiB each


def archive(folder, **members):
    """voices.tgz with members by name: bytes, or a link's target."""
    with tarfile.open(folder / "voices.tgz", "w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def test_voices_are_unpacked_once_and_nothing_else_is(checkpoint, cache):
    for path in (checkpoint / "voices").iterdir():
        path.unlink()
    (checkpoint / "voices").rmdir()
    archive(
        checkpoint,
        **{
            "voices/NATF0.pt": b"embeddings",
            "deeper/voices/VARM1.wav": b"speech",
            "voices/notes.txt": b"not a voice",
            "other/X.pt": b"not in voices",
        },
    )
    voice = find_voice("NATF0", str(checkpoint), None)
    assert voice.read_bytes() == b"embeddings"
    assert find_voice("NATF0.pt", str(checkpoint), None) == voice
    assert sorted(path.name for path in voice.parent.iterdir()) == ["NATF0.pt", "VARM1.wav"]
    assert sorted(path.name for path in cache.rglob("*") if path.is_file()) == ["NATF0.pt", "VARM1.wav"]
    assert cache in voice.parents


@pytest.mark.parametrize(
    ("name", "content"),
    [("../../voices/escape.pt", b"elsewhere"), ("/voices/rooted.wav", b"rooted"), ("voices/link.pt", "/etc/passwd")],
)
def test_an_archive_that_leads_elsewhere_is_refused_and_leaves_nothing(name, content, checkpoint, cache, tmp_path):
    for path in (checkpoint / "voices").iterdir():
        path.unlink()
    (checkpoint / "voices").rmdir()
    archive(checkpoint, **{"voices/NATF0.pt": b"embeddings", name: content})
    with pytest.raises(AdapterError, match=r"voices\.tgz: cannot be unpacked .*is refused"):
        find_voice("NATF0", str(checkpoint), None)
    assert not [path for path in cache.rglob("*") if path.is_file()]
    assert not [path for path in tmp_path.rglob("*") if path.name in ("escape.pt", "rooted.wav", "link.pt")]


def test_an_archive_that_breaks_off_is_named_and_leaves_nothing(checkpoint, cache):
    for path in (checkpoint / "voices").iterdir():
        path.unlink()
    (checkpoint / "voices").rmdir()
    archive(checkpoint, **{"voices/NATF0.pt": bytes(range(256)) * 400})
    whole = (checkpoint / "voices.tgz").read_bytes()
    (checkpoint / "voices.tgz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AdapterError, match=r"voices\.tgz: cannot be unpacked"):
        find_voice("NATF0", str(checkpoint), None)
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_a_voice_may_be_any_recording(tmp_path):
    (tmp_path / "me.wav").write_bytes(b"RIFF")
    assert find_voice(str(tmp_path / "me.wav"), "nvidia/personaplex-7b-v1", None) == tmp_path / "me.wav"
    (tmp_path / "me.mp3").write_bytes(b"")
    with pytest.raises(UsageError, match="expected a recording"):
        find_voice(str(tmp_path / "me.mp3"), "nvidia/personaplex-7b-v1", None)


def test_without_the_forks_environment_no_weights_are_fetched(checkpoint):
    with pytest.raises(AdapterError) as error:
        PersonaPlex.provenance(checkpoint="nvidia/personaplex-7b-v1", **ARGUMENTS)
    assert error.value.remedy == "fdbench setup personaplex"


def test_a_manifest_names_the_voice_by_its_content_and_no_place(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr("fdbench.adapters.personaplex._interpreter", lambda python: None)
    monkeypatch.setattr("fdbench.adapters.personaplex._require_fork", lambda python: "moshi-personaplex 0.1.0")
    first = PersonaPlex.provenance(checkpoint=str(checkpoint), **ARGUMENTS)
    assert first.arguments["checkpoint"] == "tiny"
    assert first.arguments["code"] == "moshi-personaplex 0.1.0"
    assert not {"python", "workers", "start_timeout_s"} & first.arguments.keys()
    assert str(tmp_path) not in str(first)
    (checkpoint / "voices" / "NATF2.wav").write_bytes(b"RIFF another")
    assert PersonaPlex.provenance(checkpoint=str(checkpoint), **ARGUMENTS).arguments != first.arguments
    (checkpoint / "model.safetensors").write_bytes(b"other weights")
    assert PersonaPlex.provenance(checkpoint=str(checkpoint), **ARGUMENTS).weights_revision != first.weights_revision


def test_what_is_missing_is_told_with_the_command_that_gets_it(checkpoint, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    environment, weights, voices = PersonaPlex.needs(checkpoint="kyutai/personaplex-rl-seamless", **ARGUMENTS)
    assert (environment.is_met, environment.detail) == (False, "fdbench setup personaplex")
    assert not weights.is_met
    assert "https://huggingface.co/kyutai/personaplex-rl-seamless" in weights.detail
    assert not voices.is_met
    assert "nvidia/personaplex-7b-v1" in voices.detail
    assert [need.is_met for need in PersonaPlex.needs(checkpoint=str(checkpoint), **ARGUMENTS)] == [False, True]
