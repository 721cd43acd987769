"""Fetching goes on where it stopped, joins no two versions, tries neither too little nor for ever, keeps what is the user's."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fdbench.data import transfer
from fdbench.data.catalog import Part, catalogue, select_parts
from fdbench.data.fetch import DownloadOptions, Outcome, download, mirror_of
from fdbench.data.lock import read_lock
from fdbench.data.transfer import MAX_TRIES, fetch_file, without_secrets
from fdbench.errors import DataError, MissingExtraError, UsageError
from fdbench.io.files import sha256_of
from fdbench.task.load import task_specs
from tests.file_server import QUOTA_PAGE, Fault, FileServer

TEXT = bytes(range(256)) * 1000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "timing.json").write_bytes(TEXT)
    with FileServer(folder) as running:
        yield running


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited between tries; nobody waits here."""
    made: list[float] = []
    monkeypatch.setattr(transfer.time, "sleep", made.append)
    return made


def fetch(server: FileServer, output: Path, timeout_s: float = 5.0) -> bytes | None:
    """timing.json; None where the server does not have it."""
    there = fetch_file(f"{server.url}/timing.json", output / "work" / "it", timeout_s, lambda n_bytes: None, "ask them")
    return (output / "work" / "it").read_bytes() if there else None


# --- one file from a server -------------------------------------------------------------------------------------------


def test_a_file_comes_whole(server: FileServer, tmp_path: Path, pauses: list[float]) -> None:
    assert (fetch(server, tmp_path), pauses) == (TEXT, [])


@pytest.mark.parametrize("fault", [Fault(break_after=100_000), Fault(stall_after=100_000)], ids=["breaks-off", "stalls"])
def test_a_file_that_breaks_off_is_tried_again(fault: Fault, server: FileServer, tmp_path: Path, pauses: list[float]) -> None:
    server.misbehave("timing.json", fault)
    assert (fetch(server, tmp_path, timeout_s=0.2), pauses) == (TEXT, [1.0])


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_in_trouble_is_asked_again(status: int, server: FileServer, tmp_path: Path, pauses: list[float]) -> None:
    server.misbehave("timing.json", Fault(status=status))
    assert (fetch(server, tmp_path), pauses) == (TEXT, [1.0])


def test_a_server_always_in_trouble_is_given_up(server: FileServer, tmp_path: Path, pauses: list[float]) -> None:
    server.always["timing.json"] = Fault(status=500)
    with pytest.raises(DataError, match=f"500 Internal Server Error \\(tried {MAX_TRIES} times\\)"):
        fetch(server, tmp_path)
    assert (server.gets("timing.json"), pauses) == (MAX_TRIES, [1.0, 2.0])


def test_a_final_answer_is_not_asked_for_twice(server: FileServer, tmp_path: Path) -> None:
    server.always["timing.json"] = Fault(status=404)
    assert fetch(server, tmp_path) is None
    server.always["timing.json"] = Fault(status=403)
    with pytest.raises(DataError, match="403 Forbidden") as raised:
        fetch(server, tmp_path)
    assert raised.value.remedy == "ask them"
    assert server.gets("timing.json") == 2
    assert not (tmp_path / "work").exists()


def test_a_password_in_an_address_is_used_and_never_shown(server: FileServer, tmp_path: Path) -> None:
    url = server.url.replace("//", "//me:s3cret@") + "/timing.json"
    assert fetch_file(url, tmp_path / "work" / "it", 5.0, lambda n_bytes: None, "")
    assert server.authorizations("timing.json") == ["Basic bWU6czNjcmV0"]
    server.always["timing.json"] = Fault(status=403)
    with pytest.raises(DataError) as raised:
        fetch_file(url, tmp_path / "other" / "it", 5.0, lambda n_bytes: None, "")
    assert "s3cret" not in str(raised.value)
    assert without_secrets("https://me:s3cret@host:8080/a/b") == "https://host:8080/a/b"


# --- parts ------------------------------------------------------------------------------------------------------------

SOURCE = "https://drive.google.com/uc?id=ID"
SET = Part("candor_turn_taking", SOURCE, "v1.0/candor_turn_taking", ("v1/turn_taking.candor",), n_clips=2)


def pinned(server: FileServer, sha256: str = sha256_of(TEXT)) -> Part:
    return Part("timing", f"{server.url}/timing.json", "v1.0/timing.json", sha256=sha256)


def pack(folder: Path, name: str = "candor_turn_taking.zip", top: str = "candor_turn_taking/", n: int = 2) -> Path:
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / name, "w") as archive:
        for clip in range(1, n + 1):
            archive.writestr(f"{top}{clip}/input.wav", f"speech {clip}")
            archive.writestr(f"{top}{clip}/turn_taking.json", "[]")
    return folder / name


def get(part: Part, data: Path, mirror: str | Path | None = None, *, force: bool = False) -> Outcome:
    (outcome,) = download([part], data, DownloadOptions(mirror, 5.0, force))
    return outcome


def files_of(data: Path) -> dict[str, bytes]:
    return {path.relative_to(data).as_posix(): path.read_bytes() for path in data.rglob("*") if path.is_file()}


def test_a_pinned_text_lands_in_its_place_and_in_the_lock(server: FileServer, tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert get(pinned(server), data).status == "fetched"
    assert (data / "v1.0/timing.json").read_bytes() == TEXT
    entry = read_lock(data).parts["timing"]
    assert (entry.source, entry.sha256, entry.n_bytes) == (f"{server.url}/timing.json", sha256_of(TEXT), len(TEXT))
    assert get(pinned(server), data).status == "already there"
    assert server.gets("timing.json") == 1
    assert sorted(files_of(data)) == ["fdbench-data.lock.json", "v1.0/timing.json"]


def test_a_text_with_another_hash_is_not_used(server: FileServer, tmp_path: Path) -> None:
    outcome = get(pinned(server, "0" * 64), tmp_path / "data")
    assert outcome.status == "failed"
    assert f"expected sha256 {'0' * 64}, found {sha256_of(TEXT)}" in outcome.message
    assert files_of(tmp_path / "data") == {}


def test_a_mirror_that_lacks_a_pinned_text_is_passed_over(server: FileServer, tmp_path: Path) -> None:
    assert get(pinned(server), tmp_path / "data", f"{server.url}/elsewhere").status == "fetched"
    assert get(pinned(server), tmp_path / "other", tmp_path).status == "fetched"


@pytest.mark.parametrize("top", ["candor_turn_taking/", "", "v1.0/candor_turn_taking/", "a/b/c/", "candor_turn_taking/" * 2])
def test_an_archive_may_have_its_clips_at_any_depth(top: str, tmp_path: Path) -> None:
    pack(tmp_path / "mirror", top=top)
    outcome = get(SET, tmp_path / "data", tmp_path / "mirror")
    assert outcome.status == "fetched", outcome.message
    clips = {"1/input.wav", "1/turn_taking.json", "2/input.wav", "2/turn_taking.json"}
    assert files_of(tmp_path / "data/v1.0/candor_turn_taking").keys() == clips
    assert read_lock(tmp_path / "data").parts["candor_turn_taking"].files.keys() == clips
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["fdbench-data.lock.json", "v1.0"]
    assert [path.name for path in (tmp_path / "data/v1.0").iterdir()] == ["candor_turn_taking"]


def test_of_several_sets_in_an_archive_the_one_asked_for_is_taken(tmp_path: Path) -> None:
    archive = pack(tmp_path / "mirror", top="v1.0/candor_turn_taking/")
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr("v1.0/other/1/input.wav", "x")
        more.writestr("README.txt", "hello")
    outcome = get(SET, tmp_path / "data", tmp_path / "mirror")
    assert "left out: README.txt, v1.0/other/1/input.wav" in outcome.message
    assert not (tmp_path / "data/v1.0/other").exists()


def test_an_archive_of_something_else_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    with zipfile.ZipFile(tmp_path / "mirror/candor_turn_taking.zip", "w") as archive:
        archive.writestr("holiday.jpg", "x")
    outcome = get(SET, tmp_path / "data", tmp_path / "mirror")
    assert outcome.status == "failed"
    assert "expected candor_turn_taking/<clip>/input.wav" in outcome.message
    assert files_of(tmp_path / "data") == {}


def test_a_malicious_archive_leaves_nothing_behind(tmp_path: Path) -> None:
    archive = pack(tmp_path / "mirror")
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr("../../../evil", "x")
    outcome = get(SET, tmp_path / "data", tmp_path / "mirror")
    assert outcome.status == "failed"
    assert "leads out of the folder" in outcome.message
    assert files_of(tmp_path / "data") == {}
    assert not list(tmp_path.rglob("evil"))


def test_a_page_instead_of_an_archive_says_how_to_get_around_it(tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror/candor_turn_taking.zip").write_bytes(QUOTA_PAGE)
    outcome = get(SET, tmp_path / "data", tmp_path / "mirror")
    assert "a web page came instead of an archive" in outcome.message
    assert "https://drive.google.com/uc?id=ID" in outcome.message
    assert "--mirror FOLDER" in outcome.message


def test_fewer_clips_than_published_are_told(tmp_path: Path) -> None:
    pack(tmp_path / "mirror", n=1)
    assert "expected 2 clips" in get(SET, tmp_path / "data", tmp_path / "mirror").message


def test_an_archive_with_a_published_hash_must_have_it(tmp_path: Path) -> None:
    archive = pack(tmp_path / "mirror")
    wrong = replace(SET, sha256="0" * 64)
    right = replace(SET, sha256=sha256_of(archive.read_bytes()))
    outcome = get(wrong, tmp_path / "data", tmp_path / "mirror")
    assert outcome.status == "failed"
    assert f"expected sha256 {'0' * 64}, found {right.sha256}" in outcome.message
    assert archive.exists()
    assert get(right, tmp_path / "data", tmp_path / "mirror").status == "fetched"


# --- whose files are they ---------------------------------------------------------------------------------------------


def test_what_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    pack(tmp_path / "mirror")
    get(SET, tmp_path / "data", tmp_path / "mirror")
    before = (tmp_path / "data/fdbench-data.lock.json").read_bytes()
    assert get(SET, tmp_path / "data", tmp_path / "mirror").status == "already there"
    assert (tmp_path / "data/fdbench-data.lock.json").read_bytes() == before


def test_a_folder_of_ours_that_is_incomplete_is_replaced(tmp_path: Path) -> None:
    pack(tmp_path / "mirror")
    get(SET, tmp_path / "data", tmp_path / "mirror")
    lost = tmp_path / "data/v1.0/candor_turn_taking/2/input.wav"
    lost.unlink()
    assert get(SET, tmp_path / "data", tmp_path / "mirror").status == "fetched"
    assert lost.read_text() == "speech 2"


def test_a_folder_of_ours_with_the_users_files_in_it_is_not(tmp_path: Path) -> None:
    pack(tmp_path / "mirror")
    get(SET, tmp_path / "data", tmp_path / "mirror")
    clip = tmp_path / "data/v1.0/candor_turn_taking/2"
    (clip / "input.wav").unlink()
    (clip / "output.wav").write_text("days of work")
    outcome = get(SET, tmp_path / "data", tmp_path / "mirror")
    assert outcome.status == "failed"
    assert "3 of 4 files" in outcome.message
    assert "--force" in outcome.message
    assert (clip / "output.wav").read_text() == "days of work"
    assert get(SET, tmp_path / "data", tmp_path / "mirror", force=True).status == "fetched"
    assert not (clip / "output.wav").exists()


def test_the_users_own_folder_is_left_alone(tmp_path: Path) -> None:
    pack(tmp_path / "mirror")
    own = tmp_path / "data/v1.0/candor_turn_taking/1/input.wav"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    outcome = get(SET, tmp_path / "data", tmp_path / "mirror")
    assert outcome.status == "failed"
    assert "1 of 2 clips, not fetched by fdbench" in outcome.message
    assert own.read_text() == "mine"
    get(SET, tmp_path / "data", tmp_path / "mirror", force=True)
    assert own.read_text() == "speech 1"


def test_a_complete_set_of_the_users_in_another_layout_is_there_already(tmp_path: Path) -> None:
    for clip in ("1", "2"):
        (tmp_path / "data/v1_0/candor_turn_taking" / clip).mkdir(parents=True)
        (tmp_path / "data/v1_0/candor_turn_taking" / clip / "input.wav").write_text("mine")
    assert get(SET, tmp_path / "data").status == "already there"


def test_another_archive_than_the_first_time_is_not_taken_quietly(tmp_path: Path) -> None:
    pack(tmp_path / "mirror")
    get(SET, tmp_path / "data", tmp_path / "mirror")
    first = read_lock(tmp_path / "data").parts[SET.name].sha256
    (tmp_path / "data/v1.0/candor_turn_taking/2/input.wav").unlink()
    archive = pack(tmp_path / "mirror", n=3)
    outcome = get(SET, tmp_path / "data", tmp_path / "mirror")
    assert outcome.status == "failed"
    assert f"expected sha256 {first}" in outcome.message
    assert get(SET, tmp_path / "data", tmp_path / "mirror", force=True).status == "fetched"
    assert read_lock(tmp_path / "data").parts[SET.name].sha256 == sha256_of(archive.read_bytes())


def test_what_a_killed_process_left_half_unpacked_is_swept_away(tmp_path: Path) -> None:
    pack(tmp_path / "mirror")
    (tmp_path / "data/v1.0/.candor_turn_taking.part/new/candor_turn_taking/7").mkdir(parents=True)
    assert get(SET, tmp_path / "data", tmp_path / "mirror").status == "fetched"
    assert [path.name for path in (tmp_path / "data/v1.0").iterdir()] == ["candor_turn_taking"]
    assert not (tmp_path / "data/v1.0/candor_turn_taking/7").exists()


def test_without_gdown_nothing_is_begun_unless_the_archives_lie_in_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gdown", None)
    with pytest.raises(MissingExtraError, match=r"gdown") as raised:
        get(SET, tmp_path / "data")
    assert "fdbench[data]" in raised.value.remedy
    assert not (tmp_path / "data").exists()
    pack(tmp_path / "mirror")
    assert get(SET, tmp_path / "data", tmp_path / "mirror").status == "fetched"


def test_a_mirror_is_an_address_or_a_folder(tmp_path: Path) -> None:
    assert mirror_of("https://host/data/") == "https://host/data"
    assert mirror_of(str(tmp_path)) == tmp_path
    with pytest.raises(DataError, match="no such folder"):
        mirror_of(str(tmp_path / "nowhere"))


# --- the catalogue ----------------------------------------------------------------------------------------------------


def test_the_catalogue_has_the_sets_of_the_tasks_and_upstreams_texts() -> None:
    specs = task_specs()
    parts = catalogue(specs)
    archives = {name: part for name, part in parts.items() if part.n_clips is not None}
    assert {name: part.n_clips for name, part in archives.items()} == {
        "candor_pause_handling": 216,
        "synthetic_pause_handling": 137,
        "candor_turn_taking": 119,
        "icc_backchannel": 55,
        "synthetic_user_interruption": 200,
        "background_speech": 100,
        "talking_to_other": 100,
        "user_backchannel": 98,
        "user_interruption": 200,
    }
    assert {part.source for part in archives.values()} == {
        f"https://drive.google.com/uc?id={spec.source.drive_id}" for spec in specs.values() if spec.source.kind == "fdb"
    }
    assert parts["icc_gt_distribution"].place == "v1.0/icc_gt_distribution.json"
    assert parts["icc_gt_distribution"].source == (
        "https://raw.githubusercontent.com/DanielLin94144/Full-Duplex-Bench/"
        "d7336bda1385872b83b48a8d45d9c0003836a60d/v1_v1.5/evaluation/icc_gt_distribution.json"
    )
    assert parts["judge_prompts"].place == "upstream/v1_v1.5/evaluation/eval_user_interruption.py"
    assert parts["dialogue_prompts"].place == "upstream/v2/eval/eval_prompts.json"
    staged = parts["staged_dialogues"]
    assert (staged.place, len(staged.tasks), staged.family) == ("upstream/v2/prompts_staged_200.json", 8, "v2")
    assert staged.source.endswith("d7336bda1385872b83b48a8d45d9c0003836a60d/v2/prompts_staged_200.json")
    assert {part.licence for part in parts.values()} == {"CC BY-NC 4.0"}


def test_a_set_of_another_release_is_keys_of_its_task_s_file(tmp_path: Path) -> None:
    specs = task_specs()
    spec = specs["v1/turn_taking.candor"]
    changes = {"folder": "barge_in", "root": "v1.5", "licence": "CC BY 4.0", "archive_sha256": "0" * 64}
    source = spec.source.model_copy(update=changes)
    part = catalogue({**specs, spec.name: spec.model_copy(update={"source": source})})["barge_in"]
    assert part.n_clips is not None
    assert (part.place, part.licence, part.sha256) == ("v1.5/barge_in", "CC BY 4.0", "0" * 64)
    for clip in range(part.n_clips):
        (tmp_path / "v1_5" / "barge_in" / str(clip)).mkdir(parents=True)
        (tmp_path / "v1_5" / "barge_in" / str(clip) / "input.wav").touch()
    assert get(part, tmp_path).status == "already there"


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["v1/backchannel.icc"], ["icc_backchannel", "icc_gt_distribution"]),
        (["v1/turn_taking.candor,judge_prompts"], ["candor_turn_taking", "judge_prompts"]),
        (["icc_backchannel", "icc_backchannel"], ["icc_backchannel"]),
    ],
)
def test_parts_are_named_by_themselves_or_by_the_tasks_that_need_them(words: list[str], names: list[str]) -> None:
    assert [part.name for part in select_parts(words, task_specs())] == names


def test_the_families_are_everything_and_so_is_all() -> None:
    specs = task_specs()
    families = {part.name for family in ("v1", "v1.5", "v2") for part in select_parts([family], specs)}
    assert [part.name for part in select_parts(["all"], specs)] == list(catalogue(specs))
    assert families == set(catalogue(specs))
    v2 = [part.name for part in select_parts(["v2"], specs)]
    assert v2 == ["staged_dialogues", "judge_prompts", "dialogue_prompts"], (
        "upstream's prompts lie beside the first one's script"
    )


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("candor_turntaking", "did you mean 'candor_turn_taking'"),
        ("mini", "ships with fdbench"),
        (",", "no part of the data is named"),
    ],
)
def test_what_cannot_be_fetched_is_misuse(word: str, told: str) -> None:
    with pytest.raises(UsageError) as raised:
        select_parts([word], task_specs())
    assert told in str(raised.value)


def test_the_lock_reads_as_json_with_everything_needed_to_fetch_the_same_again(tmp_path: Path) -> None:
    archive = pack(tmp_path / "mirror")
    get(SET, tmp_path / "data", tmp_path / "mirror")
    stored = json.loads((tmp_path / "data/fdbench-data.lock.json").read_text())
    entry = stored["parts"]["candor_turn_taking"]
    assert stored["schema"] == 1
    assert entry["sha256"] == sha256_of(archive.read_bytes())
    assert entry["n_bytes"] == archive.stat().st_size
    assert entry["source"] == "file:candor_turn_taking.zip"
    assert entry["place"] == "v1.0/candor_turn_taking"
    assert len(entry["files"]) == 4
    assert entry["fetched_at"].endswith("+00:00")


def test_a_part_of_which_nothing_came_leaves_nothing(server: FileServer, tmp_path: Path) -> None:
    server.always["timing.json"] = Fault(status=500)
    outcome = get(pinned(server), tmp_path / "data")
    assert outcome.status == "failed"
    assert "check the network" in outcome.message
    assert list((tmp_path / "data").iterdir()) == []
