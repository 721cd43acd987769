"""Audio in and out, and files that are whole or not there."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys

import numpy as np
import pytest
import soundfile

from fdbench.core.sound import Audio
from fdbench.errors import DataError
from fdbench.io.files import digest_of, read_json, write_bytes_atomically, write_json_atomically
from fdbench.io.wav import decode_audio, digest_of_audio, encode_flac, read_audio, resampled, write_flac
from fdbench.task.stimulus import FileStimulus


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


def written(path, kind="WAV", subtype="PCM_16", n=16000, rate=16000):
    soundfile.write(path, noise(n).samples / 4, rate, format=kind, subtype=subtype)
    return bytearray(path.read_bytes())


def with_size(data, mark, size, after=4, n_bytes=4, order="little"):
    at = data.index(mark) + after
    data[at : at + n_bytes] = size.to_bytes(n_bytes, order)
    return data


UNFINISHED = {
    "wav": lambda path: with_size(written(path), b"data", 6000),
    "wav never begun": lambda path: with_size(written(path), b"data", 0),
    "wav without padding": lambda path: with_size(written(path, subtype="ULAW"), b"data", 3001),
    "rf64": lambda path: with_size(written(path, "RF64"), b"ds64", 6000, after=16, n_bytes=8),
    "aiff": lambda path: with_size(written(path, "AIFF"), b"SSND", 6000, order="big"),
    "au": lambda path: with_size(written(path, "AU"), b".snd", 6000, after=8, order="big"),
    "flac": lambda path: with_size(written(path, "FLAC"), b"fLaC", 4000, after=22, order="big"),
}


@pytest.mark.parametrize("kind", UNFINISHED)
def test_a_header_that_promises_less_than_the_file_holds_is_no_short_recording(tmp_path, kind):
    path = tmp_path / "a.snd"
    path.write_bytes(UNFINISHED[kind](path))
    with pytest.raises(DataError, match=r"a\.snd: unfinished, the header promises \d+"):
        read_audio(path)


def test_chunks_and_tags_behind_the_audio_are_no_audio(tmp_path):
    path = tmp_path / "a.wav"
    data = bytes(written(path, n=999, subtype="ULAW"))
    note = b"LIST" + (2000).to_bytes(4, "little") + bytes(2000)
    for whole in (data + note, data[:-1] + note, data + note + b"TAG" + bytes(125), data + bytes(1000)):
        path.write_bytes(whole)
        assert len(read_audio(path).samples) == 999


@pytest.mark.parametrize(("kind", "subtype"), [("WAV", "GSM610"), ("WAV", "G721_32"), ("AU", "G721_32"), ("AU", "G723_24")])
def test_a_codec_that_cannot_seek_is_read_from_its_beginning(tmp_path, kind, subtype):
    written(tmp_path / "a.snd", kind, subtype, n=300_000, rate=8000)
    assert 300_000 <= len(read_audio(tmp_path / "a.snd").samples) < 300_400


def test_a_flac_whose_writer_did_not_know_its_length_is_read_to_its_end(tmp_path):
    path = tmp_path / "a.flac"
    path.write_bytes(with_size(written(path, "FLAC", n=12345), b"fLaC", 0, after=22, order="big"))
    assert len(read_audio(path).samples) == 12345


@pytest.mark.parametrize(
    ("size", "told"), [(64_000, "truncated, the header promises 64000 samples"), (0xFFFF_FFFF, "truncated")]
)
def test_a_flac_that_promises_more_is_truncated_and_nothing_is_made_ready_for_the_promise(tmp_path, size, told):
    path = tmp_path / "a.flac"
    path.write_bytes(with_size(written(path, "FLAC"), b"fLaC", size, after=22, order="big"))
    with pytest.raises(DataError, match=told):
        read_audio(path)


@pytest.mark.parametrize("rate", [2, 3999, 384_001])
def test_a_rate_that_no_microphone_has_is_refused(tmp_path, rate):
    written(tmp_path / "a.wav", rate=rate)
    with pytest.raises(DataError, match=rf"a\.wav: expected 4000 to 384000 Hz, found {rate} Hz"):
        read_audio(tmp_path / "a.wav")


def test_a_small_file_that_holds_hours_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("fdbench.io.wav.MAX_DURATION_S", 20)
    soundfile.write(tmp_path / "a.flac", np.zeros(8000 * 21, np.int16), 8000)
    with pytest.raises(DataError, match="too long, expected at most 20 s"):
        read_audio(tmp_path / "a.flac")
    monkeypatch.setattr("fdbench.io.wav.MAX_FILE_BYTES", 100)
    with pytest.raises(DataError, match="expected at most 100 bytes"):
        read_audio(tmp_path / "a.flac")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
@pytest.mark.parametrize("read", [read_audio, read_json, lambda path: FileStimulus(path).digest])
def test_pipes_devices_and_links_to_them_are_refused_at_once(tmp_path, read):
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "zero.wav").symlink_to("/dev/zero")
    (tmp_path / "folder.wav").mkdir()
    for name in ("pipe", "zero", "folder"):
        with pytest.raises(DataError, match=f"{name}.wav: cannot be read"):
            read(tmp_path / f"{name}.wav")


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no interval timers")
def test_what_a_signal_raises_is_never_swallowed_by_the_codec(tmp_path):
    class Stop(BaseException):
        pass

    def stop(*_):
        fired.append(True)
        raise Stop

    fired, seen, random = [], 0, np.random.default_rng(1)
    audio = noise(80_000)
    encoded = write_flac(tmp_path / "a.flac", audio)
    before = signal.signal(signal.SIGALRM, stop)
    try:
        for index in range(40):
            try:
                signal.setitimer(signal.ITIMER_REAL, float(random.uniform(1e-5, 4e-3)))
                decode_audio(encoded, "a") if index % 2 else encode_flac(audio)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except Stop:
                seen += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert seen == len(fired)


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
