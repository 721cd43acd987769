"""Task files: strict, named after what they are, every error with file and line."""

from __future__ import annotations

import sys
from subprocess import run

import pytest

from fdbench.errors import DataError
from fdbench.task.load import task_specs
from fdbench.task.spec import parse_task

GOOD = """\
name: v1/turn_taking.candor
version: 1
family: v1
behaviour: turn_taking
summary: turn ends
source:
  kind: fdb
  folder: candor_turn_taking
  n: 119
  sample_rate: 16000
  drive_id: abc
"""


def test_a_minimal_task_has_empty_optional_texts() -> None:
    spec = parse_task(GOOD, "x.yaml")
    assert (spec.name, spec.version, spec.behaviour, spec.source.n) == ("v1/turn_taking.candor", 1, "turn_taking", 119)
    assert (spec.description, spec.instructions, spec.human_timing_note) == ("", "", "")


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ("summary: turn ends", "summary: turn ends\ncolour: red", 6, "unknown key 'colour'"),
        ("  n: 119", "  n: 119\n  m: 1", 10, "unknown key 'source.m'"),
        ("version: 1\n", "", 1, "the key 'version' is missing"),
        ("  folder: candor_turn_taking\n", "", 6, "the key 'source.folder' is missing"),
        ("version: 1", "version: one", 2, "version"),
        ("version: 1", "version: 1.0", 2, "version"),
        ("version: 1", "version: true", 2, "version"),
        ("version: 1", "version: 0", 2, "version"),
        ("version: 1", "version: 1\nversion: 2", 3, "twice"),
        ("behaviour: turn_taking", "behaviour: turn_takin", 4, "behaviour"),
        ("family: v1", "family: v9", 3, "family"),
        ("kind: fdb", "kind: cloud", 6, "source"),
        ("name: v1/turn_taking.candor", "name: v1/backchannel.candor", 1, "expected v1/turn_taking"),
        ("name: v1/turn_taking.candor", "name: V1 turn taking", 1, "name"),
        ("  drive_id: abc", "  drive_id: abc\n  sha256:\n    x.json: 123456", 13, "source.sha256.x.json"),
    ],
)
def test_anything_else_is_an_error_with_file_and_line(old: str, new: str, line: int, problem: str) -> None:
    assert old in GOOD
    with pytest.raises(DataError) as raised:
        parse_task(GOOD.replace(old, new), "tasks/x.yaml")
    assert raised.value.what.startswith(f"tasks/x.yaml:{line}: ")
    assert problem in raised.value.what


def test_a_task_of_scripts_pins_both_its_files() -> None:
    text = GOOD.split("source:")[0].replace("v1", "mini") + (
        "source:\n  kind: scripts\n  clips: a.json\n  utterances: b.json\n  n: 1\n  sha256:\n    a.json: " + "0" * 63 + "a\n"
    )
    with pytest.raises(DataError, match=r"x\.yaml:6: .*no sha256 for b\.json"):
        parse_task(text, "x.yaml")


def test_the_shipped_tasks_are_those_of_mini_and_the_published_ones() -> None:
    specs = task_specs()
    assert list(specs) == [
        "mini/backchannel",
        "mini/dialogue",
        "mini/overlap.background_speech",
        "mini/overlap.talking_to_other",
        "mini/overlap.user_backchannel",
        "mini/overlap.user_interruption",
        "mini/pause_handling",
        *(f"mini/probe.{name}" for name in ("backchannel", "interruption", "noise", "side_talk")),
        "mini/turn_taking",
        "mini/user_interruption",
        "v1/backchannel.icc",
        "v1/pause_handling.candor",
        "v1/pause_handling.synthetic",
        "v1/turn_taking.candor",
        "v1/user_interruption.synthetic",
        "v1.5/background_speech",
        "v1.5/talking_to_other",
        "v1.5/user_backchannel",
        "v1.5/user_interruption",
        *(f"v2/{family}.{pace}" for family in STAGED for pace in ("fast", "slow")),
    ]
    published = {
        "v1/backchannel.icc": ("icc_backchannel", 55, 48000),
        "v1/pause_handling.candor": ("candor_pause_handling", 216, 16000),
        "v1/pause_handling.synthetic": ("synthetic_pause_handling", 137, 24000),
        "v1/turn_taking.candor": ("candor_turn_taking", 119, 16000),
        "v1/user_interruption.synthetic": ("synthetic_user_interruption", 200, 24000),
        "v1.5/background_speech": ("background_speech", 100, None),
        "v1.5/talking_to_other": ("talking_to_other", 100, None),
        "v1.5/user_backchannel": ("user_backchannel", 98, None),
        "v1.5/user_interruption": ("user_interruption", 200, None),
    }
    for name, facts in published.items():
        source = specs[name].source
        assert source.kind == "fdb"
        assert (source.folder, source.n, source.sample_rate) == facts
    assert sum(specs[name].source.n for name in published if name.startswith("v1/")) == 727
    assert sum(specs[name].source.n for name in published if name.startswith("v1.5/")) == 498
    assert sum(spec.source.n for name, spec in specs.items() if name.startswith("v2/") and name.endswith(".slow")) == 200


STAGED = {"correction": "Correction", "daily": "Daily", "entity_tracking": "EntityTracking", "safety": "Safety"}


@pytest.mark.parametrize("family", STAGED)
@pytest.mark.parametrize("pace", ["slow", "fast"])
def test_staged_tasks_are_called_after_their_part_of_upstreams_file(family: str, pace: str) -> None:
    spec = task_specs()[f"v2/{family}.{pace}"]
    assert spec.source.kind == "staged"
    assert (spec.behaviour, spec.source.family, spec.source.pace) == ("dialogue", STAGED[family], pace)
    text = spec.model_dump_json()
    with pytest.raises(DataError, match=f"expected v2/{family}.{pace}, found v2/dialogue"):
        parse_task(text.replace(f"v2/{family}.{pace}", "v2/dialogue"), "x.yaml")


def test_every_task_says_what_it_is_and_what_a_prompted_model_is_told() -> None:
    for name, spec in task_specs().items():
        assert spec.summary and spec.description, name
        teacher = name == "v1/user_interruption.synthetic"  # as the model card says; our own tasks name themselves to nobody
        assert spec.instructions.startswith("You are a wise and friendly teacher." if teacher else "You enjoy having"), name
        assert bool(spec.human_timing_note) == (spec.behaviour == "backchannel"), name


def test_importing_the_loader_loads_nothing_heavy() -> None:
    code = (
        "import sys, fdbench.task.load; print([m for m in ('pydantic', 'scipy', 'torch', 'onnxruntime') if m in sys.modules])"
    )
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
