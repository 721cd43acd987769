"""The documentation is built strictly: no page that is not linked, no link that leads nowhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_documentation_builds(tmp_path):
    pytest.importorskip("mkdocs", reason="mkdocs is not installed")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "docs")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "docs" / "people.html").is_file()


def test_every_picture_of_the_documentation_is_there():
    import re

    for page in (ROOT / "docs").glob("*.md"):
        for picture in re.findall(r'<img src="([^"]+)"', page.read_text()):
            assert (page.parent / picture).is_file(), f"{page.name}: {picture}"
