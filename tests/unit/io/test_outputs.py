"""What is written where: devices and pipes stay what they are, modes follow the umask, numbers are numbers."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from fdbench.errors import DataError
from fdbench.io.exchange import exchange
from fdbench.io.files import encode_json, open_own, parse_json, read_json, write_bytes_atomically, write_output


def test_a_pipe_is_written_through(tmp_path):
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_output(pipe, b"all")
    reader.join(10)
    assert read == [b"all"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_device_is_written_through():
    device = Path("/dev/null")
    before = device.stat()
    write_output(device, b"nobody reads this")
    assert stat.S_ISCHR(device.stat().st_mode)
    assert device.stat().st_ino == before.st_ino


def test_of_a_link_the_file_behind_it_is_written(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there" / "file")
    write_output(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "file").read_bytes() == b"new"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_modes_follow_the_umask(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_bytes_atomically(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == mode


def test_a_file_of_ours_is_not_opened_through_a_link(tmp_path):
    (tmp_path / "theirs").write_text("precious")
    (tmp_path / ".lock").symlink_to(tmp_path / "theirs")
    with pytest.raises(OSError, match=r"\.lock"):
        open_own(tmp_path / ".lock", os.O_WRONLY)
    assert (tmp_path / "theirs").read_text() == "precious"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[NaN]", "NaN is no number"),
        ('{"a": Infinity}', "Infinity is no number"),
        ("-Infinity", "-Infinity is no number"),
        ("1e999", "1e999 is more than a number can be"),
        ("1" + "0" * 400, "an integer of 401 digits"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ("[" * 150 + "]" * 150, "nested too deeply"),
        ('{"a":' * 150 + "1" + "}" * 150, "nested too deeply"),
        (b"\xff", "cannot be read"),
    ],
)
def test_what_no_json_of_ours_holds_is_an_error_of_the_file(text, why):
    with pytest.raises(DataError, match=rf"^a\.json.*{why}"):
        parse_json(text, "a.json")


def test_many_lists_beside_each_other_are_not_deep():
    assert parse_json("[" + ",".join(["[]"] * 500) + "]", "a.json") == [[]] * 500


def test_half_a_pair_of_surrogates_survives(tmp_path):
    (tmp_path / "a.json").write_bytes(encode_json({"name": "\udcff"}))
    assert read_json(tmp_path / "a.json") == {"name": "\udcff"} == json.loads((tmp_path / "a.json").read_text())


@pytest.mark.parametrize("is_one_step", [True, False])
def test_two_folders_change_names(tmp_path, monkeypatch, is_one_step):
    if not is_one_step:
        monkeypatch.setattr("fdbench.io.exchange._exchanged", lambda *_: False)
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    exchange(tmp_path / "one", tmp_path / "other")
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/*")) == ["one/other", "other/one"]
