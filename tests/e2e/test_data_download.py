"""`fdbench data download`, with gdown for real, from a server that breaks off, stalls, changes and serves something else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fdbench.command.installed import suited
from fdbench.data import transfer
from fdbench.io.files import sha256_of
from tests.conftest import Finished, fdbench
from tests.file_server import QUOTA_PAGE, Fault, FileServer

SET, OTHER = "candor_turn_taking", "candor_pause_handling"
ARCHIVE = f"{SET}.tar.gz"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that was in trouble is asked again soon."""
    monkeypatch.setattr(transfer, "PAUSE_S", 0.1)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    pytest.importorskip("gdown", reason="needs pip install 'fdbench[data]'")
    with FileServer(tmp_path / "served") as running:
        pack(running.folder)
        yield running


def pack(served: Path, seed: int = 0, name: str = SET) -> bytes:
    """Some 3 MB of noise, which cannot be packed, as three clips: gdown keeps whole pieces of half a megabyte."""
    tree = served.parent / f"tree{seed}{name}" / name
    rng = np.random.default_rng(seed)
    for clip in ("1", "2", "3"):
        (tree / clip).mkdir(parents=True, exist_ok=True)
        soundfile.write(tree / clip / "input.wav", rng.integers(-9999, 9999, 600_000, np.int16), 16000, subtype="PCM_16")
        (tree / clip / "turn_taking.json").write_text('[{"timestamp": [1.5, 1.8]}]')
        (tree / clip / "transcription.json").write_text('{"text": "so", "chunks": [{"text": "so", "timestamp": [0.5, 0.9]}]}')
    served.mkdir(exist_ok=True)
    with tarfile.open(served / f"{name}.tar.gz", "w:gz", compresslevel=1) as archive:
        archive.add(tree, name)
    return (served / f"{name}.tar.gz").read_bytes()


def download(server: FileServer, data: Path, *arguments: object, parts: tuple[str, ...] = (SET,), **env: str) -> Finished:
    return fdbench("data", "download", *parts, "--data", data, "--mirror", server.url, *arguments, **env)


def clips_of(data: Path, name: str = SET) -> list[str]:
    return sorted(path.relative_to(data / "v1.0" / name).as_posix() for path in (data / "v1.0" / name).rglob("input.wav"))


ALL_CLIPS = ["1/input.wav", "2/input.wav", "3/input.wav"]


def lock_of(data: Path) -> dict:
    return json.loads((data / "fdbench-data.lock.json").read_text())["parts"]


def rest_of(data: Path) -> list[str]:
    """Everything in the data's folder that is neither set nor lock."""
    return sorted(
        path.relative_to(data).as_posix()
        for path in data.rglob("*")
        if path.is_file() and "v1.0" not in path.parts and path.name != "fdbench-data.lock.json"
    )


def test_a_set_comes_and_is_recorded_and_not_fetched_again(server: FileServer, tmp_path: Path) -> None:
    data = tmp_path / "data"
    finished = download(server, data)
    assert finished.status == 0, finished.err
    assert clips_of(data) == ALL_CLIPS
    entry = lock_of(data)[SET]
    assert entry["sha256"] == sha256_of((server.folder / ARCHIVE).read_bytes())
    assert entry["source"] == f"{server.url}/{ARCHIVE}"
    assert rest_of(data) == []

    asked = len(server.log)
    again = download(server, data)
    assert (again.status, len(server.log)) == (0, asked)
    assert "already there" in again.out

    listed = json.loads(fdbench("data", "list", "--data", data, "--json").out)
    states = {row["name"]: row["state"] for row in listed}
    assert states[SET] == "present"
    assert states[OTHER] == "missing"
    (data / "v1.0" / SET / "2" / "input.wav").unlink()
    listed = json.loads(fdbench("data", "list", "--data", data, "--json").out)
    assert {row["name"]: row["state"] for row in listed}[SET] == "incomplete"


@pytest.mark.parametrize("fault", [Fault(break_after=1_500_000), Fault(stall_after=1_500_000)], ids=["breaks-off", "stalls"])
def test_it_goes_on_in_the_middle(fault: Fault, server: FileServer, tmp_path: Path) -> None:
    server.misbehave(ARCHIVE, fault)
    finished = download(server, tmp_path / "data", "--timeout", 0.5)
    assert finished.status == 0, finished.err
    assert clips_of(tmp_path / "data") == ALL_CLIPS
    resumed = server.ranges(ARCHIVE)[-1]
    assert resumed is not None
    assert 1_000_000 < resumed <= 1_500_000


def kill_in_the_middle(server: FileServer, data: Path) -> None:
    server.misbehave(ARCHIVE, Fault(stall_after=1_500_000))
    command = [sys.executable, "-m", "fdbench.cli", "data", "download", SET, "--data", str(data), "--mirror", server.url]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not any(path.stat().st_size > 1_000_000 for path in data.rglob("*.part")):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_killed_download_goes_on_where_it_was(server: FileServer, tmp_path: Path) -> None:
    data = tmp_path / "data"
    kill_in_the_middle(server, data)
    finished = download(server, data)
    assert finished.status == 0, finished.err
    assert clips_of(data) == ALL_CLIPS
    assert server.ranges(ARCHIVE)[-1] is not None
    assert rest_of(data) == []


def test_a_file_that_changed_between_two_commands_is_noticed_and_then_fetched_whole(server: FileServer, tmp_path: Path) -> None:
    kill_in_the_middle(server, tmp_path / "data")
    new = pack(server.folder, seed=1)
    joined = download(server, tmp_path / "data")
    assert joined.status == 3
    assert "not an archive, or damaged" in joined.err
    assert rest_of(tmp_path / "data") == []
    finished = download(server, tmp_path / "data")
    assert finished.status == 0, finished.err
    assert lock_of(tmp_path / "data")[SET]["sha256"] == sha256_of(new)
    assert clips_of(tmp_path / "data") == ALL_CLIPS


def test_a_server_that_cannot_go_on_in_the_middle_is_asked_for_the_whole(server: FileServer, tmp_path: Path) -> None:
    server.has_ranges = False
    server.misbehave(ARCHIVE, Fault(break_after=1_500_000))
    finished = download(server, tmp_path / "data")
    assert finished.status == 0, finished.err
    assert clips_of(tmp_path / "data") == ALL_CLIPS


def test_a_server_in_trouble_is_asked_again(server: FileServer, tmp_path: Path) -> None:
    server.has_head = False
    server.misbehave(ARCHIVE, Fault(status=500))
    finished = download(server, tmp_path / "data")
    assert finished.status == 0, finished.err
    assert clips_of(tmp_path / "data") == ALL_CLIPS


def test_a_page_instead_of_an_archive_is_told_with_three_ways_around(server: FileServer, tmp_path: Path) -> None:
    (server.folder / ARCHIVE).write_bytes(QUOTA_PAGE)
    finished = download(server, tmp_path / "data")
    assert finished.status == 3
    assert "a web page came instead of an archive" in finished.err
    for way in ("https://drive.google.com/uc?id=", "--mirror", f"{SET}.zip"):
        assert way in finished.err
    assert "Traceback" not in finished.err
    assert rest_of(tmp_path / "data") == []


def test_an_archive_the_server_damaged_is_told_and_thrown_away(server: FileServer, tmp_path: Path) -> None:
    data = (server.folder / ARCHIVE).read_bytes()
    (server.folder / ARCHIVE).write_bytes(data[:1_000_000] + bytes(500_000) + data[1_500_000:])
    finished = download(server, tmp_path / "data")
    assert finished.status == 3
    assert f"{server.url}/{ARCHIVE}: not an archive, or damaged" in finished.err
    assert not (tmp_path / "data" / "v1.0" / SET).exists()
    assert rest_of(tmp_path / "data") == []


def test_one_failure_loses_no_other_part_and_the_failed_are_listed_at_the_end(server: FileServer, tmp_path: Path) -> None:
    pack(server.folder, name=OTHER)
    (server.folder / "icc_gt_distribution.json").write_text("{}")
    (server.folder / "icc_backchannel.zip").write_bytes(b"PK\x03\x04 and no more")
    parts = ("icc_backchannel", "icc_gt_distribution", SET, OTHER, "synthetic_pause_handling")
    finished = download(server, tmp_path / "data", parts=parts)
    assert finished.status == 3
    assert sorted(lock_of(tmp_path / "data")) == [OTHER, SET]
    assert "3 of 5 parts failed" in finished.err
    assert "icc_backchannel: " in finished.err
    assert "has none of synthetic_pause_handling.zip, synthetic_pause_handling.tar.gz" in finished.err
    pinned = "92bcd0ff27246aaa9a0136737b476afd456cd393f003944c3394c140e590f2a8"
    assert f"expected sha256 {pinned}, found {sha256_of(b'{}')}" in finished.err


def test_a_folder_of_archives_needs_neither_network_nor_gdown(server: FileServer, tmp_path: Path) -> None:
    without = fake_gdown(tmp_path, "raise ModuleNotFoundError(name='gdown')")
    finished = fdbench("data", "download", SET, "--data", tmp_path / "data", "--mirror", server.folder, PYTHONPATH=without)
    assert finished.status == 0, finished.err
    assert clips_of(tmp_path / "data") == ALL_CLIPS
    assert (server.folder / ARCHIVE).exists()


def test_without_gdown_the_pip_line_is_told(server: FileServer, tmp_path: Path) -> None:
    finished = download(server, tmp_path / "data", PYTHONPATH=fake_gdown(tmp_path, "raise ModuleNotFoundError(name='gdown')"))
    assert finished.status == 2
    assert suited("pip install 'fdbench[data]'") in finished.err


def test_drives_quota_is_told_with_the_ways_around_it(server: FileServer, tmp_path: Path) -> None:
    quota = """
from . import exceptions
def download(*arguments, **options):
    raise exceptions.FileURLRetrievalError("Too many users have viewed or downloaded this file recently.")
"""
    place = fake_gdown(tmp_path, "from . import exceptions\nfrom .download import download\n")
    (Path(place) / "gdown" / "exceptions.py").write_text("class FileURLRetrievalError(Exception): pass")
    (Path(place) / "gdown" / "download.py").write_text(quota)
    finished = fdbench("data", "download", SET, "--data", tmp_path / "data", PYTHONPATH=place)
    assert finished.status == 3
    assert "Too many users have viewed" in finished.err
    assert "https://drive.google.com/uc?id=1sb9mwOqDCK9BEpMb6fDVYOJU1vd5RFlb" in finished.err
    assert "--mirror FOLDER" in finished.err


def test_a_full_disk_is_told_and_what_came_is_kept(server: FileServer, tmp_path: Path) -> None:
    data = tmp_path / "data"
    limited = ["bash", "-c", 'ulimit -f 1280; exec "$@"', "bash", sys.executable, "-m", "fdbench.cli"]  # 1.25 MiB a file
    finished = subprocess.run(
        [*limited, "data", "download", SET, "--data", data, "--mirror", server.url], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 3, finished.stderr
    assert "File too large" in finished.stderr
    assert "what has come is kept" in finished.stderr
    (kept,) = data.rglob("*.part")
    assert kept.stat().st_size > 1_000_000
    assert download(server, data).status == 0
    assert server.ranges(ARCHIVE)[-1] == 1280 * 1024


def test_two_downloads_at_once_end_with_both_sets_in_the_lock(server: FileServer, tmp_path: Path) -> None:
    pack(server.folder, name=OTHER)
    command = [sys.executable, "-m", "fdbench.cli", "data", "download"]
    options = ["--data", str(tmp_path / "data"), "--mirror", server.url]
    processes = [subprocess.Popen([*command, name, *options], stdout=subprocess.DEVNULL) for name in (SET, OTHER)]
    assert [process.wait() for process in processes] == [0, 0]
    assert sorted(lock_of(tmp_path / "data")) == [OTHER, SET]
    assert rest_of(tmp_path / "data") == []


def test_a_password_of_a_mirror_is_in_no_file_and_no_message(server: FileServer, tmp_path: Path) -> None:
    secret = server.url.replace("//", "//me:s3cret@")
    finished = fdbench("data", "download", SET, OTHER, "--data", tmp_path / "data", "--mirror", secret)
    assert finished.status == 3  # the other set is not there
    assert clips_of(tmp_path / "data") == ALL_CLIPS
    assert server.authorizations(ARCHIVE)[0] is not None
    assert "s3cret" not in finished.out + finished.err
    assert not any(b"s3cret" in path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())


def test_check_names_what_changed_since_the_download(server: FileServer, tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert download(server, data).status == 0
    clip = data / "v1.0" / SET / "2"
    (clip / "turn_taking.json").write_text('[{"timestamp": [1.2]}]')
    (data / "v1.0" / SET / "3" / "transcription.json").unlink()
    (clip / "note.txt").write_text("hm")
    (clip / "output.wav").write_text("a model's reply is no part of the data")
    finished = fdbench("data", "check", "--data", data, "--json")
    assert finished.status == 3
    told = {(each["file"], each["severity"]): each["what"] for each in json.loads(finished.out)["findings"]}
    assert "changed since it was fetched" in told[f"v1.0/{SET}/2/turn_taking.json", "error"]
    assert f"v1.0/{SET}/3/transcription.json" in {file for file, _ in told}
    assert f"v1.0/{SET}/2/note.txt" in {file for file, _ in told}
    assert f"v1.0/{SET}/2/output.wav" not in {file for file, _ in told}
    assert json.loads(finished.out)["sets"][0]["lock"] == "changed"
    assert json.loads(finished.out)["fetched"][SET]["sha256"] == lock_of(data)[SET]["sha256"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("data", "download", "candor_turntaking", "--data", "d"), "did you mean 'candor_turn_taking'"),
        (("data", "download", "--data", "d", "--mirror", "nowhere"), "--mirror nowhere"),
        (("data", "download", "--data", "d", "--timeout", "0"), "--timeout 0"),
        (("data", "download"), "--data DIR"),
        (("data", "check", "--data", "d"), "no such folder"),
        (("data", "check", "--data", ".", "--tasks", "mini"), "ships with fdbench"),
        (("data", "check", "--data", "."), "holds no set"),
        (("data", "download", "--data", "hf:org/name"), "expected a folder"),
    ],
)
def test_misuse_is_two_lines_and_status_2(arguments: tuple[str, ...], told: str, tmp_path: Path) -> None:
    finished = fdbench(*arguments, cwd=tmp_path, FDBENCH_DATA="")
    assert finished.status == 2
    assert told in finished.err
    assert len(finished.err.strip().splitlines()) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("action", [("download",), ("check",)])
def test_data_is_neither_put_into_a_set_nor_into_a_run(action: tuple[str, ...], tmp_path: Path) -> None:
    clip = tmp_path / "v1.0" / SET / "1"
    clip.mkdir(parents=True)
    (clip / "input.wav").touch()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "manifest.json").touch()
    before = sorted(tmp_path.rglob("*"))
    for folder, told in ((clip.parent, f"--data {tmp_path}"), (clip, f"--data {tmp_path}"), (tmp_path / "run", "holds a run")):
        finished = fdbench("data", *action, "--data", folder)
        assert finished.status == 2
        assert told in finished.err
        assert len(finished.err.strip().splitlines()) == 2
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("command", [("data", "check"), ("run", "--model", "silence", "--asr", "sphinx")])
def test_a_folder_from_the_environment_is_not_called_an_option(command: tuple[str, ...], tmp_path: Path) -> None:
    finished = fdbench(*command, cwd=tmp_path, FDBENCH_DATA="nowhere")
    assert finished.status == 2
    assert finished.err.startswith("fdbench: FDBENCH_DATA=nowhere: no such folder\n")


def test_the_list_says_how_much_of_a_set_is_there(tmp_path: Path) -> None:
    clip = tmp_path / "v1.0" / SET / "1"
    clip.mkdir(parents=True)
    (clip / "input.wav").touch()
    listed = fdbench("data", "list", "--data", tmp_path).out
    assert f"{SET}: 1 of 119 clips, not fetched by fdbench" in listed.splitlines()


def fake_gdown(folder: Path, text: str) -> str:
    """A folder for PYTHONPATH in which gdown is something else."""
    package = folder / "fake" / "gdown"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(text)
    return os.pathsep.join([str(folder / "fake"), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
