"""The lock: strict, atomic, and of one mind with itself whoever writes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fdbench.data.lock import LOCK_FILE, LockedPart, read_lock, record_part, tree_digest, tree_of
from fdbench.errors import DataError
from fdbench.io.files import sha256_of

FILES = {"1/input.wav": sha256_of(b"a"), "2/input.wav": sha256_of(b"b")}


def entry(**changes: Any) -> LockedPart:
    values: dict[str, Any] = {
        "source": "https://host/set.zip",
        "sha256": sha256_of(b"archive"),
        "n_bytes": 7,
        "fetched_at": "2026-05-01T00:00:00+00:00",
        "place": "v1.0/set",
        "files": FILES,
    }
    return LockedPart(**{**values, **changes})


def test_what_was_recorded_is_read_back(tmp_path: Path) -> None:
    assert read_lock(tmp_path).parts == {}
    record_part(tmp_path, "set", entry())
    assert read_lock(tmp_path).parts == {"set": entry()}


def test_entries_are_merged_in_order_of_names(tmp_path: Path) -> None:
    record_part(tmp_path, "b", entry())
    record_part(tmp_path, "a", entry())
    record_part(tmp_path, "b", entry(source="elsewhere"))
    assert list(json.loads((tmp_path / LOCK_FILE).read_text())["parts"]) == ["a", "b"]
    assert read_lock(tmp_path).parts["b"].source == "elsewhere"


def test_the_digest_of_a_tree_depends_on_names_and_contents_and_not_on_their_order() -> None:
    assert tree_digest(FILES) == tree_digest(dict(reversed(FILES.items())))
    swapped = dict(zip(FILES, reversed(FILES.values()), strict=True))
    assert tree_digest(swapped) != tree_digest(FILES)
    assert tree_digest({f"x/{name}": value for name, value in FILES.items()}) != tree_digest(FILES)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda lock: lock["parts"]["set"].pop("sha256"), "sha256"),
        (lambda lock: lock["parts"]["set"].update(n_bytes="7"), "n_bytes"),
        (lambda lock: lock["parts"]["set"].update(sha256="abc"), "sha256"),
        (lambda lock: lock.update(schema=2), "schema"),
    ],
)
def test_a_damaged_lock_is_an_error_that_names_the_key(change: Any, told: str, tmp_path: Path) -> None:
    record_part(tmp_path, "set", entry())
    lock = json.loads((tmp_path / LOCK_FILE).read_text())
    change(lock)
    (tmp_path / LOCK_FILE).write_text(json.dumps(lock))
    with pytest.raises(DataError, match=told):
        read_lock(tmp_path)


def test_half_a_lock_is_an_error(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).write_text('{"schema": 1, "par')
    with pytest.raises(DataError, match="not JSON"):
        read_lock(tmp_path)


WRITER = """
import sys
from pathlib import Path
from fdbench.data.lock import held, read_lock, record_part
data, name = Path(sys.argv[1]), sys.argv[2]
part = read_lock(data).parts["seed"]
for i in range(25):
    with held(data):
        record_part(data, f"{name}{i}", part)
"""


def test_processes_that_record_at_once_lose_nothing(tmp_path: Path) -> None:
    record_part(tmp_path, "seed", entry())
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name]) for name in ("a", "b", "c")]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert len(read_lock(tmp_path).parts) == 1 + 3 * 25


def test_what_is_hidden_is_no_part_of_a_tree(tmp_path: Path) -> None:
    for name in ("1/input.wav", ".DS_Store", "1/._input.wav", ".git/config", "1/.ipynb_checkpoints/input.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert list(tree_of(tmp_path)) == ["1/input.wav"]
