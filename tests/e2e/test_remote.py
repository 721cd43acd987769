"""``--out s3://...``: made here, copied whole, gone on with by any machine; S3 and Google's store are served here."""

from __future__ import annotations

import json
import socket
import time
import urllib.request

import pytest

from fdbench.store.mirror import Mirror
from tests.conftest import fdbench
from tests.e2e.test_shards import TASKS, calls_made, content, the_run

fsspec = pytest.importorskip("fsspec", reason="needs pip install 'fdbench[remote]'")


@pytest.fixture
def s3(monkeypatch):
    """An empty bucket."""
    server_module = pytest.importorskip("moto.server", reason="needs pip install 'moto[s3]' flask flask-cors")
    s3fs = pytest.importorskip("s3fs", reason="needs pip install s3fs")
    server = server_module.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    urllib.request.urlopen(
        f"http://{host}:{port}/moto-api/reset", data=b""
    ).close()  # what an earlier server of this process held
    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem()
    files.mkdir("bench")
    yield files
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.fixture
def gs(monkeypatch):
    """The same in Google's store."""
    server_module = pytest.importorskip("gcp_storage_emulator.server", reason="needs pip install gcp-storage-emulator")
    gcsfs = pytest.importorskip("gcsfs", reason="needs pip install gcsfs")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = server_module.create_server("127.0.0.1", port, in_memory=True, default_bucket="bench")
    server.start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    gcsfs.GCSFileSystem.clear_instance_cache()
    yield gcsfs.GCSFileSystem()
    gcsfs.GCSFileSystem.clear_instance_cache()
    server.stop()


@pytest.fixture(params=["s3", "gs"])
def store(request):
    """An empty bucket of one kind or the other, and the kind."""
    return request.getfixturevalue(request.param), request.param


def stored(files, root):
    """Every file of the only run under a root, but its logs."""
    found = {path.removeprefix(root).lstrip("/").partition("/")[2]: files.cat_file(path) for path in files.find(root)}
    return {name: data for name, data in found.items() if not name.startswith("attempts")}


def run(cache, url, *more, model="vad-endpointer"):
    return fdbench("run", "--model", model, *TASKS, "--out", url, *more, FDBENCH_CACHE=str(cache))


def test_a_run_in_a_store_is_the_same_and_goes_on_on_another_machine(store, record_once, tmp_path):
    whole = content(record_once("vad-endpointer", *TASKS))
    files, kind = store
    url, name = f"{kind}://bench/results", record_once("vad-endpointer", *TASKS).name
    assert run(tmp_path / "one", url, "--limit", "2").status == 0
    first = stored(files, "bench/results")
    assert run(tmp_path / "other", url).status == 0
    assert stored(files, "bench/results") == whole
    here = the_run(next((tmp_path / "other" / "remote").iterdir()))
    assert {key: data for key, data in content(here).items() if not key.startswith("annotations")} == {
        key: data for key, data in whole.items() if not key.startswith("annotations")
    }
    made = calls_made(here)
    assert len(made) == len(set(made)) == 8, "what the first machine made is not made again"
    assert all(whole[key] == data for key, data in first.items() if key.startswith(("takes", "audio")))
    assert fdbench("verify", here).status == 0
    said = fdbench("status", f"{url}/{name}", "--json", FDBENCH_CACHE=str(tmp_path / "third"))
    assert json.loads(said.out)["n_recorded"] == 8, said.err
    again = fdbench("score", f"{url}/{name}", "--asr", "none", "--protocol", "fdbench", FDBENCH_CACHE=str(tmp_path / "fourth"))
    assert again.status == 0, again.err


def test_a_bucket_that_is_not_there_is_noticed_before_a_call_is_made(store, tmp_path):
    _, kind = store
    done = run(tmp_path, f"{kind}://nowhere/results")
    assert done.status == 2 and "that it is there" in done.err and "Traceback" not in done.err
    assert not list(tmp_path.rglob("takes"))


@pytest.fixture
def memory(monkeypatch):
    """A store in memory that shows new files late, and refuses some on request."""
    from fsspec.implementations.memory import MemoryFileSystem

    MemoryFileSystem.store.clear()
    written: list[str] = []
    refused: list[str] = []
    pipe, find = MemoryFileSystem.pipe_file, MemoryFileSystem.find
    at_s: dict[str, float] = {}

    def pipe_file(self, path, value, *rest, **options):
        if any(each in path for each in refused):
            raise PermissionError(f"{path}: no")
        pipe(self, path, value, *rest, **options)
        written.append(path)
        at_s["/" + path.lstrip("/")] = time.monotonic()

    def find_late(self, path, *rest, **options):
        now_s = time.monotonic()
        return {file: facts for file, facts in find(self, path, *rest, **options).items() if now_s - at_s[file] > 0.5}

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", pipe_file)
    monkeypatch.setattr(MemoryFileSystem, "find", find_late)
    yield written, refused
    MemoryFileSystem.store.clear()


def test_a_record_is_copied_after_its_sound_and_the_manifest_last(memory, tmp_path):
    written, _ = memory
    assert run(tmp_path, "memory://late/results").status == 0
    at = {path: index for index, path in enumerate(written)}
    records = [path for path in at if "/takes/" in path]
    assert len(records) == 8
    for record in records:
        stem = record.replace("/takes/", "/audio/").removesuffix(".json")
        assert max(at[f"{stem}.user.flac"], at[f"{stem}.model.flac"]) < at[record]
    assert written[-1].endswith("manifest.json")


def test_what_could_not_be_copied_is_copied_by_the_next_start(memory, tmp_path):
    written, refused = memory
    refused.append("pause_handling")
    done = run(tmp_path, "memory://late/results")
    assert done.status == 2 and "kept in" in done.err and "Traceback" not in done.err
    refused.clear()
    assert run(tmp_path, "memory://late/results").status == 0
    assert len({path for path in written if "/takes/" in path}) == 8
    (here,) = (tmp_path / "remote").iterdir()
    assert len(calls_made(the_run(here))) == 8


def test_what_arrives_short_is_noticed(memory, tmp_path, monkeypatch):
    from fsspec.implementations.memory import MemoryFileSystem

    pipe = MemoryFileSystem.pipe_file
    monkeypatch.setattr(MemoryFileSystem, "pipe_file", lambda self, path, data: pipe(self, path, data[:40]))
    monkeypatch.setattr("fdbench.store.mirror.Mirror._check_sizes", patient(Mirror._check_sizes))
    done = run(tmp_path, "memory://late/results", "--limit", "1")
    assert done.status == 2 and "holds 40 bytes" in done.err and "whole in" in done.err


def patient(check):
    """Until the store of these tests shows what is in it."""
    return lambda self, run: (time.sleep(0.6), check(self, run))


def test_a_refused_run_leaves_nothing_here_and_nothing_in_the_store(memory, tmp_path, monkeypatch):
    """An examiner without a key is known to be one only when the first dialogue begins."""
    from fsspec.implementations.memory import MemoryFileSystem

    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    dialogue = ("--tasks", "mini/dialogue", "--limit", "1", "--examiner", "llm:openai:gpt-4o", "--protocol", "fdbench")
    for out in (tmp_path / "out", "memory://late/results"):
        done = fdbench("run", "--model", "silence", *dialogue, "--asr", "none", "--out", out, FDBENCH_CACHE=str(tmp_path))
        assert done.status == 2 and "OPENAI_API_KEY is not set" in done.err
    assert not MemoryFileSystem.store and not list(tmp_path.rglob("manifest.json")) and not (tmp_path / "out").exists()


@pytest.mark.slow
def test_files_that_show_late_cost_a_call_and_no_byte(memory, tmp_path):
    assert run(tmp_path / "one", "memory://late/results").status == 0
    assert run(tmp_path / "other", "memory://late/results").status == 0
    one, other = (the_run(next((tmp_path / name / "remote").iterdir())) for name in ("one", "other"))
    assert content(one) == content(other)


@pytest.mark.parametrize(
    "options", [("--out", "moon://x"), ("--out", "memory://x", "--shard", "1/2"), ("--out", "memory://x", "--on", "slurm")]
)
def test_what_cannot_be_is_two_lines(tmp_path, options):
    done = fdbench("run", "--model", "silence", *options, FDBENCH_CACHE=str(tmp_path))
    assert done.status == 2 and "Traceback" not in done.err
