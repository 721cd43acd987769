"""Weights are named by their content or their commit, and what is missing is told with the command that gets it."""

from __future__ import annotations

import shutil

import pytest

from fdbench.adapter.weights import Wanted, fetch, locate, name_of, need_weights, split_revision
from fdbench.errors import AdapterError
from tests.hub_server import COMMIT, serving

WANTED = Wanted(("*.safetensors", "*.model"), ("*.json",))
NAME = "someone/tiny-model"


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "checkpoint"
    made.mkdir()
    for name in ("model.safetensors", "codec.safetensors", "words.model", "config.json"):
        (made / name).write_text(name)
    return made


@pytest.fixture
def hub(folder, tmp_path, monkeypatch):
    """The real client against a hub on loopback that has one model, with a cache of its own."""
    pytest.importorskip("huggingface_hub", reason="needs pip install 'fdbench[moshi]'")
    from huggingface_hub import constants

    with serving(folder, NAME, kind="models") as served:
        monkeypatch.setattr(constants, "ENDPOINT", served.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", served.url + "/{repo_id}/resolve/{revision}/{filename}")
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield served


def test_a_folders_revision_follows_its_content_and_not_its_place(folder, tmp_path):
    here = locate(str(folder), None, WANTED)
    shutil.copytree(folder, tmp_path / "elsewhere")
    there = locate(str(tmp_path / "elsewhere"), None, WANTED)
    assert here.revision == there.revision and here.revision.startswith("sha256:")
    for changed in ("model.safetensors", "config.json"):
        shutil.copytree(folder, tmp_path / changed)
        (tmp_path / changed / changed).write_text(changed[::-1])  # of the same length
        assert locate(str(tmp_path / changed), None, WANTED).revision != here.revision


def test_a_file_that_does_not_belong_to_the_weights_changes_nothing(folder):
    before = locate(str(folder), None, WANTED)
    (folder / "README.md").write_text("hello")
    assert locate(str(folder), None, WANTED) == before


def test_a_folder_is_called_by_its_name_and_a_repository_by_its_id(folder, monkeypatch):
    assert name_of(str(folder)) == "checkpoint"
    monkeypatch.chdir(folder)
    assert name_of(".") == "checkpoint"
    assert name_of("kyutai/moshika-pytorch-bf16") == "kyutai/moshika-pytorch-bf16"


@pytest.mark.parametrize(
    ("remove", "told"), [("words.model", "lacks *.model"), (None, "no such folder")], ids=["a file", "the folder"]
)
def test_what_a_folder_lacks_is_told_in_two_lines(folder, remove, told):
    if remove:
        (folder / remove).unlink()
    else:
        shutil.rmtree(folder)
    with pytest.raises(AdapterError) as error:
        fetch(str(folder), None, WANTED)
    assert told in error.value.what and "name the checkpoint's folder" in error.value.remedy
    need = need_weights(str(folder), None, WANTED)
    assert not need.is_met and told in need.detail


def test_a_repository_is_fetched_once_and_then_known_without_the_hub(hub):
    assert locate(NAME, None, WANTED) is None
    fetched = fetch(NAME, None, WANTED)
    assert fetched.revision == COMMIT
    assert sorted(path.name for path in fetched.folder.iterdir()) == [
        "codec.safetensors",
        "config.json",
        "model.safetensors",
        "words.model",
    ]
    n_requests = len(hub.requests)
    assert fetch(NAME, None, WANTED) == fetched
    assert need_weights(NAME, None, WANTED).is_met
    assert len(hub.requests) == n_requests


def test_a_repository_that_is_not_there_or_not_for_us_says_how_to_get_in(hub):
    need = need_weights(NAME, "v1", WANTED, "https://example.org/licence")
    assert not need.is_met
    assert need.detail == (
        f"accept the licence at https://example.org/licence, then: hf auth login && hf download {NAME} --revision v1"
    )
    with pytest.raises(AdapterError, match="no such repository") as error:
        fetch("someone/else", None, WANTED)
    assert "hf auth login" in error.value.remedy
    with pytest.raises(AdapterError, match="no revision v9"):
        fetch(NAME, "v9", WANTED)
    hub.gated = True
    with pytest.raises(AdapterError, match="access is gated") as error:
        fetch(NAME, None, WANTED, licence_url="https://example.org/licence")
    assert "https://example.org/licence" in error.value.remedy


def test_a_download_that_broke_off_is_taken_up_again(hub):
    """What came is in the cache, and the hub's client calls it the snapshot; here a checkpoint is whole or it is not there."""
    fetch(NAME, None, Wanted(("codec.safetensors", "words.model")))
    whole = Wanted(
        optional=("*.safetensors", "*.model"),
        lacking=lambda folder: [] if (folder / "model.safetensors").exists() else ["model.safetensors"],
    )
    assert locate(NAME, None, whole) is None
    assert not need_weights(NAME, None, whole).is_met
    assert (fetch(NAME, None, whole).folder / "model.safetensors").exists()
    assert need_weights(NAME, None, whole).is_met


def test_a_repositorys_commit_may_be_part_of_its_name_and_one_given_by_itself_counts_more(hub, folder):
    assert split_revision("a/b@c", None) == ("a/b", "c")
    assert split_revision("a/b@c", "d") == ("a/b", "d")
    assert split_revision("a/b", None) == ("a/b", None)
    assert split_revision(f"{folder}@x", None) == (f"{folder}@x", None), "no commit belongs to a folder"
    assert name_of("a/b@c") == "a/b"
    assert fetch(f"{NAME}@v1", None, WANTED).revision == COMMIT
    with pytest.raises(AdapterError, match="no revision v9"):
        fetch(f"{NAME}@v9", None, WANTED)


def test_a_repository_without_the_files_is_no_checkpoint_of_this_model(hub):
    with pytest.raises(AdapterError, match=r"has no \*\.pt"):
        fetch(NAME, None, Wanted(("*.pt",)))


def test_without_a_network_the_folder_is_what_remains(hub, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(AdapterError, match="cannot be fetched") as error:
        fetch(NAME, None, WANTED)
    assert "--arg checkpoint=DIR" in error.value.remedy
