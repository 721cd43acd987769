"""Audio in and out, and files that are whole or not there."""

from __future__ import annotations

import errno
import json
import sys

import numpy as np
import pytest
import soundfile

from fdbench.core.sound import Audio
from fdbench.errors import DataError
from fdbench.io.files import digest_of, read_json, write_bytes_atomically, write_json_atomically
from fdbench.io.wav import digest_of_audio, read_audio, resampled, write_flac


def noise(n=1000, rate=16000):
    return Audio(np.random.default_rng(0).uniform(-1.2, 1.2, n).astype(np.float32), rate)


def test_a_flac_read_back_and_written_again_is_the_same_file_and_has_the_same_digest(tmp_path):
    first = write_flac(tmp_path / "a.flac", noise())
    again = read_audio(tmp_path / "a.flac")
    assert write_flac(tmp_path / "b.flac", again) == first
    assert digest_of_audio(again) == digest_of_audio(noise())


def test_the_digest_depends_on_the_samples_and_the_rate():
    assert digest_of_audio(noise(999)) != digest_of_audio(noise(1000))
    assert digest_of_audio(noise(1000, 16000)) != digest_of_audio(noise(1000, 24000))


@pytest.mark.parametrize(("old", "new"), [(16000, 24000), (48000, 16000), (44100, 16000), (24000, 16000), (16000, 16000)])
@pytest.mark.parametrize("n", [0, 1, 2, 1001, 4800])
def test_resampling_gives_the_exact_number_of_samples(n, old, new):
    assert len(resampled(noise(n, old), new).samples) == -(-n * new // old)


def test_resampling_moves_nothing():
    click = np.zeros(48000, np.float32)
    click[24000] = 1.0
    assert int(np.argmax(resampled(Audio(click, 48000), 16000).samples)) == 8000


def test_a_header_of_a_streamed_wav_may_leave_its_length_open(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(100, np.float32), 16000, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert len(read_audio(path).samples) == 100


@pytest.mark.parametrize("cut", [50, 120, 150])
def test_a_truncated_wav_is_named_with_what_is_wrong(tmp_path, cut):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(100, np.float32), 16000, subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(DataError, match=r"a\.wav: truncated"):
        read_audio(path)


def test_atomic_writing_leaves_the_old_file_when_it_fails(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_json_atomically(path, {"a": 1})
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_bytes_atomically(path, b"half")
    assert json.loads(path.read_text()) == {"a": 1}
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]


def test_a_full_disk_says_which_file_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(OSError, match="No space left") as raised:
        write_bytes_atomically(tmp_path / "a.json", b"half")
    assert raised.value.filename == str(tmp_path / "a.json")


def test_json_never_holds_nan(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json_atomically(tmp_path / "a.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"a":\n}', r"a\.json:2: not JSON"),
        (b"\xff\xfe", r"a\.json: cannot be read"),
        (b"[" * 200_000, r"a\.json: nested too deeply"),
    ],
)
def test_bad_json_is_named_with_its_line(tmp_path, content, told):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=told):
        read_json(path)


@pytest.mark.skipif(not hasattr(sys, "get_int_max_str_digits"), reason="this Python converts integers of any length")
def test_a_number_beyond_what_python_converts_is_an_error_of_the_file(tmp_path):
    (tmp_path / "a.json").write_bytes(b"1" * 5000)
    with pytest.raises(DataError, match=r"a\.json: cannot be read"):
        read_json(tmp_path / "a.json")


def test_a_digest_does_not_depend_on_the_order_of_keys():
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1}) != digest_of({"a": 2, "b": 1})
