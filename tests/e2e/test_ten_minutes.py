"""A new user's first ten minutes: the commands of the README, as they stand there, in an empty folder."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import fdbench

README = (Path(__file__).parents[2] / "README.md").read_text()
(COMMANDS,) = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
(MODEL,) = re.findall(r"```python\n# my_model\.py\n(.*?)```", README, flags=re.DOTALL)


FEW = {"--name": ("--limit", "10"), "run": ("--limit", "2"), "sweep": ("--limit", "2")}
"""How many clips for a command with such a word in it; what is compared shows no difference with fewer."""


@pytest.mark.parametrize(
    "few", [pytest.param(FEW, id="few clips"), pytest.param({}, marks=pytest.mark.slow, id="as it stands")]
)
def test_every_command_does_what_it_says(few, tmp_path):
    pytest.importorskip("matplotlib", reason="the README's first command installs it, for pictures")
    (tmp_path / "my_model.py").write_text(MODEL)
    said = {}
    for line in COMMANDS.splitlines():
        if not line.startswith("#"):
            program, *arguments = shlex.split(line)
            assert program == "fdbench"
            limit = next((clips for word, clips in few.items() if word in arguments), ())
            finished = fdbench(*arguments, *limit, cwd=tmp_path)
            assert finished.status == 0, f"{line}\n{finished.out}{finished.err}"
            said[arguments[0]] = finished.out
    assert "worse" in said["compare"] or "better" in said["compare"]
    assert (tmp_path / "report" / "index.html").is_file()
    assert "hypervolume" in said["sweep"]
    assert (tmp_path / "leaderboard" / "frontier.svg").is_file()
    assert "Patient" in (tmp_path / "leaderboard" / "LEADERBOARD.md").read_text()


def test_the_front_door_is_read_in_five_minutes():
    assert len(README.splitlines()) < 180
    assert all((Path(__file__).parents[2] / link).exists() for link in re.findall(r"\]\(([^)#:]+)\)", README))
