"""From ``--tasks`` and ``--data`` to samples: never a silent subset, never a sample left out."""

from __future__ import annotations

import json
import shutil
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from fdbench.core.event import TURN_END
from fdbench.core.sound import Audio
from fdbench.errors import DataError, UsageError
from fdbench.io.files import sha256_of
from fdbench.io.wav import write_flac
from fdbench.task.load import find_set, load_samples, select_tasks, task_specs
from fdbench.task.scripts import read_scripts
from fdbench.task.spec import DialogueSource, ScriptSource, TaskSpec
from fdbench.task.tree import UpstreamTree

PAIRS = ("background_speech", "talking_to_other", "user_backchannel", "user_interruption")
PROBES = ("backchannel", "interruption", "noise", "side_talk")
MINI_NAMES = [
    "mini/backchannel", "mini/dialogue", *(f"mini/overlap.{name}" for name in PAIRS), "mini/pause_handling",
    *(f"mini/probe.{name}" for name in PROBES), "mini/turn_taking", "mini/user_interruption",
]  # fmt: skip
SETS = {
    "v1/backchannel.icc": "icc_backchannel",
    "v1/pause_handling.candor": "candor_pause_handling",
    "v1/pause_handling.synthetic": "synthetic_pause_handling",
    "v1/turn_taking.candor": "candor_turn_taking",
    "v1/user_interruption.synthetic": "synthetic_user_interruption",
}
TURN = "v1/turn_taking.candor"

PINNED_UTTERANCES = {
    "utterances.json": "0b239d0bdc03f149e29af4cb8d197c2099045a0348697ac49e9a9706cd097e4d",
    "probe_utterances.json": "5f3ff2eed2f635f4d86e375c3651f0342a226c212dfe59b5cc3ff7b1dc5f2dfe",
    "overlap_utterances.json": "dded0d1a722fe2af3107075b6523e853973b7cca431a4f0947514db04f152385",
}
PINNED = {
    "mini/dialogue": (1, "ef29e0810e6e498cd61dac9c918bf74dfdf31c71927fdb59e3dbd9fd39914adf"),
    "mini/probe.backchannel": (1, "bb2d1d6ffec02739a59e698f36588b4a649f3d3f8f299c015bb9a06b10e1ad08"),
    "mini/probe.interruption": (1, "ff3850311f2427f8300d2808e213c967b55bc28e26d7963fe6e1588fb049f2cb"),
    "mini/probe.noise": (1, "42ae53c93e7a1f870e9c4fcbf443b2e1aafb1acff81e315a3cdbbeffd6f5cee0"),
    "mini/probe.side_talk": (1, "f5e591253dc4726467cb55ed79421e690a37c83656c47c85fcf987ae7bfbc1c7"),
    "mini/backchannel": (1, "f2fe45e4a90f7aac340876ed8703f4498bbb33d1d1cdd6b58e81f4ecbabb7b19"),
    "mini/pause_handling": (1, "4fa8439ae7af6a9dd3a0718c9d3f36e6aca4f088b8285b8f3e7728ee2f01e474"),
    "mini/turn_taking": (1, "2b3cf5c187dc92887677f64d8b5727969504c813509e1b0f5b1019522d92d205"),
    "mini/user_interruption": (1, "aa356fda92d2164f05f8b78d469bc9e329a74449a1c4e49576945abff04ccc7b"),
    "mini/overlap.background_speech": (1, "2b98430c336c2aab8a83b356ea25f7ced359b7b6676c01180b13917553fed2ab"),
    "mini/overlap.talking_to_other": (1, "f72477eea441c0082e0dcddde97f0317ed92409ac0539b4506bbb2ccf504d1be"),
    "mini/overlap.user_backchannel": (1, "9a09a7e6900ef4cb4804414830be263accb0770481343a801cefa850e6d59c6d"),
    "mini/overlap.user_interruption": (1, "e1349b06339dc504f69f57e6c7a071d3f8265083e4c341b5d8e8312db8ce98e0"),
}
"""Version and hash of the clips. Whoever changes prompts or annotations raises the version; both move together."""


def names(tasks: list[TaskSpec]) -> list[str]:
    return [task.name for task in tasks]


def add_turn(folder: Path, sample_id: str, end_s: float = 1.0, level: float = 0.1) -> Path:
    place = folder / sample_id
    place.mkdir(parents=True)
    write_flac(place / "input.wav", Audio(np.full(3200, level, np.float32), 16000))
    (place / "turn_taking.json").write_text(json.dumps([{"timestamp": [end_s, end_s + 0.3]}]), encoding="utf-8")
    return place


# --- which tasks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("mini", MINI_NAMES),
        ("mini/turn_taking", ["mini/turn_taking"]),
        ("mini/turn_taking,mini/backchannel", ["mini/backchannel", "mini/turn_taking"]),
        (" mini/turn_taking , mini/turn_taking,", ["mini/turn_taking"]),
        ("mini/turn_taking,mini", MINI_NAMES),
        ("available", MINI_NAMES),
        ("available,mini/turn_taking", MINI_NAMES),
    ],
)
def test_without_data_the_embedded_tasks_can_be_named(expression: str, expected: list[str]) -> None:
    assert names(select_tasks(expression, None)) == expected


def test_all_and_v1_take_the_sets_when_they_are_there(tmp_path: Path) -> None:
    for folder in SETS.values():
        (tmp_path / "v1.0" / folder).mkdir(parents=True)
    assert names(select_tasks("v1", UpstreamTree(tmp_path))) == list(SETS)
    assert names(select_tasks("available", UpstreamTree(tmp_path))) == MINI_NAMES + list(SETS)
    for name in PAIRS:
        (tmp_path / "v1.5" / name).mkdir(parents=True)
    pairs = [f"v1.5/{name}" for name in PAIRS]
    assert names(select_tasks("v1.5", UpstreamTree(tmp_path))) == pairs
    assert names(select_tasks("mini,v1,v1.5", UpstreamTree(tmp_path))) == [*MINI_NAMES, *SETS, *pairs]


def test_available_takes_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "candor_turn_taking").mkdir()
    assert names(select_tasks("available", UpstreamTree(tmp_path))) == [*MINI_NAMES, TURN]


@pytest.mark.parametrize("expression", ["all", "v1", "available,v1"])
def test_missing_data_is_an_error_that_lists_each_task_where_it_was_looked_for_and_how_to_get_it(
    tmp_path: Path, expression: str
) -> None:
    (tmp_path / "v1_0" / "candor_turn_taking").mkdir(parents=True)
    with pytest.raises(DataError) as raised:
        select_tasks(expression, UpstreamTree(tmp_path))
    error = raised.value
    told = "\n".join([error.what, *error.excerpt])
    assert TURN not in told
    assert "candor_turn_taking" not in error.remedy
    for name in SETS.keys() - {TURN}:
        assert f"{name} (" in told
        assert f"{tmp_path}/v1.0/{SETS[name]}" in told
        assert name in error.remedy.split()
    assert "fdbench data download" in error.remedy
    assert f"--data {tmp_path}" in error.remedy
    assert "--tasks available" in error.remedy
    assert not any(name in told for name in MINI_NAMES)


@pytest.mark.parametrize("layout", ["v1.0", "v1_0", "."])
@pytest.mark.parametrize("inside", [".", "17"])
def test_a_set_or_a_clip_given_as_the_data_is_told_the_folder_above(tmp_path: Path, layout: str, inside: str) -> None:
    clip = tmp_path / layout / "candor_turn_taking" / "17"
    clip.mkdir(parents=True)
    (clip / "input.wav").touch()
    with pytest.raises(DataError) as raised:
        select_tasks(TURN, UpstreamTree(clip.parent / inside))
    assert raised.value.remedy.endswith(f"--data {tmp_path}")
    assert "download" not in raised.value.remedy


def test_missing_data_without_a_data_folder_says_so() -> None:
    with pytest.raises(DataError) as raised:
        select_tasks(TURN, None)
    assert f"{TURN} (119 clips): no --data given" in raised.value.excerpt
    assert "--data DIR" in raised.value.remedy


@pytest.mark.parametrize("expression", ["mini/turn_takin", "mini,mini/turn_takin", "v3", "Mini"])
def test_an_unknown_task_is_an_error_with_the_list(expression: str) -> None:
    with pytest.raises(UsageError) as raised:
        select_tasks(expression, None)
    assert raised.value.what.startswith("unknown task '")
    for name in ("all", "available", "mini", "v1", *MINI_NAMES, *SETS):
        assert name in raised.value.remedy


@pytest.mark.parametrize("expression", ["", " ", ",", " , "])
def test_no_task_at_all_is_an_error(expression: str) -> None:
    with pytest.raises(UsageError, match="names no task"):
        select_tasks(expression, None)


# --- where the data lies ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("root", ["v1.0/candor_turn_taking", "v1_0/candor_turn_taking", "candor_turn_taking"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_set_is_found_in_every_layout_seen_in_the_wild(tmp_path: Path, root: str, nested: bool) -> None:
    place = tmp_path / root / "candor_turn_taking" if nested else tmp_path / root
    add_turn(place, "5")
    found = find_set(tmp_path, "candor_turn_taking", "v1.0")
    assert found is not None
    assert found.samefile(place)
    (sample,) = load_samples(task_specs()[TURN], UpstreamTree(tmp_path)).samples
    assert sample.id == "5"


def test_a_set_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert find_set(tmp_path, "candor_turn_taking", "v1.0") is None
    with pytest.raises(DataError, match="missing"):
        load_samples(task_specs()[TURN], UpstreamTree(tmp_path))


def test_human_timing_of_a_set_may_lie_in_the_root_of_the_data(tmp_path: Path) -> None:
    place = tmp_path / "v1.0" / "icc_backchannel" / "0"
    place.mkdir(parents=True)
    write_flac(place / "input.wav", Audio.silence(0.2, 48000))
    (tmp_path / "icc_gt_distribution.json").write_text('{"0": [0.5, 0.5]}', encoding="utf-8")
    (sample,) = load_samples(task_specs()["v1/backchannel.icc"], UpstreamTree(tmp_path)).samples
    assert sample.human_timing == (0.5, 0.5)


# --- samples ----------------------------------------------------------------------------------------------------------


def test_samples_know_their_task_their_instructions_and_their_events(tmp_path: Path) -> None:
    add_turn(tmp_path / "candor_turn_taking", "5", end_s=1.25)
    (sample,) = load_samples(task_specs()[TURN], UpstreamTree(tmp_path)).samples
    assert (sample.task, sample.instructions) == (TURN, "You enjoy having a good conversation.")
    assert [event.span.start_s for event in sample.of_kind(TURN_END)] == [1.25]


def test_what_cannot_be_used_is_counted_in_natural_order_and_what_is_stray_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "candor_turn_taking"
    for sample_id in ("1", "2", "10", "11"):
        add_turn(folder, sample_id)
    (folder / "2" / "turn_taking.json").write_text("{", encoding="utf-8")
    (folder / "10" / "input.wav").unlink()
    (folder / "11" / "input.wav").unlink()
    (folder / "11" / "input.wav").mkdir()
    (folder / "README.txt").write_text("hello", encoding="utf-8")
    loaded = load_samples(task_specs()[TURN], UpstreamTree(tmp_path))
    assert [sample.id for sample in loaded.samples] == ["1"]
    assert [(name, broken.reason) for name, broken in loaded.broken.items()] == [
        ("2", "bad_annotation"),
        ("10", "audio_missing"),
        ("11", "audio_missing"),
    ]
    assert f"{folder}/10/input.wav: no such file" in loaded.broken["10"].message
    assert [note.split(": ", 1)[1] for note in loaded.notes if "README.txt" in note] == ["not a sample, left out"]


def test_the_digest_moves_with_prompts_and_annotations_and_with_nothing_else(tmp_path: Path) -> None:
    def digest(name: str, end_s: float = 1.0, level: float = 0.1, sample_id: str = "5") -> str:
        add_turn(tmp_path / name / "v1.0" / "candor_turn_taking", sample_id, end_s, level)
        return load_samples(task_specs()[TURN], UpstreamTree(tmp_path / name)).digest

    base = digest("base")
    assert digest("copy") == base
    (tmp_path / "copy" / "v1.0" / "candor_turn_taking" / "5" / "output.json").write_text("{}", encoding="utf-8")
    assert load_samples(task_specs()[TURN], UpstreamTree(tmp_path / "copy")).digest == base
    assert len({base, digest("later", end_s=1.1), digest("louder", level=0.2), digest("renamed", sample_id="6")}) == 4


def test_the_embedded_tasks_are_those_of_their_version() -> None:
    found = {}
    for task in select_tasks("mini", None):
        if isinstance(task.source, DialogueSource):
            found[task.name] = (task.version, task.source.sha256[task.source.file])
            continue
        assert isinstance(task.source, ScriptSource)
        assert task.source.sha256[task.source.utterances] == PINNED_UTTERANCES[task.source.utterances]
        found[task.name] = (task.version, task.source.sha256[task.source.clips])
    assert found == PINNED


def test_every_embedded_task_loads_whole_and_the_same_every_time() -> None:
    for task in select_tasks("mini", None):
        first, second = load_samples(task, None), load_samples(task, None)
        assert len(first.samples) == task.source.n == (15 if task.name == "mini/dialogue" else 12)
        assert first.digest == second.digest


def test_embedded_samples_are_in_order_and_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("audio was decoded")

    monkeypatch.setattr("fdbench.task.stimulus.decode_audio", refuse)
    loaded = load_samples(task_specs()["mini/turn_taking"], None)
    assert [sample.id for sample in loaded.samples] == [f"tt-{n:02}" for n in range(1, 13)]
    assert (loaded.broken, loaded.notes) == ({}, ())


# --- damage to the embedded suite -------------------------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = Path(str(resources.files("fdbench.tasks.mini")))
    for name in ("turn_taking.json", "utterances.json"):
        shutil.copy(folder / name, tmp_path / name)
    return tmp_path


def changed(folder: Path, name: str, old: str, new: str) -> tuple[TaskSpec, ScriptSource]:
    """The task with one of its files edited and the pin moved along, as a careless author would."""
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    spec = task_specs()["mini/turn_taking"]
    assert isinstance(spec.source, ScriptSource)
    pins = {each: sha256_of((folder / each).read_bytes()) for each in spec.source.sha256}
    return spec, spec.source.model_copy(update={"sha256": pins})


def test_an_edited_or_missing_file_is_an_error_that_names_it(copy: Path) -> None:
    spec = task_specs()["mini/turn_taking"]
    assert isinstance(spec.source, ScriptSource)
    (copy / "utterances.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match=r"utterances\.json: expected SHA-256"):
        read_scripts(spec, spec.source, copy)
    (copy / "utterances.json").unlink()
    with pytest.raises(DataError, match=r"utterances\.json: cannot be read"):
        read_scripts(spec, spec.source, copy)


@pytest.mark.parametrize(
    ("name", "old", "new", "problem"),
    [
        ("turn_taking.json", '"utterance": "rms-k1"', '"utterance": "rms-k9"', "tt-01: no utterance 'rms-k9'"),
        ("turn_taking.json", '"id": "tt-02"', '"id": "tt-01"', "expected 12 clips with different ids"),
        (
            "turn_taking.json",
            '"task": "mini/turn_taking"',
            '"task": "mini/backchannel"',
            "expected the clips of mini/turn_taking",
        ),
        ("turn_taking.json", '"schema": 1', '"schema": 2', "schema"),
        ("turn_taking.json", '"start": 0', '"start": -1', "clips.0.script.0.start"),
        ("turn_taking.json", '"start": 0', '"start": 900000', "'rms-k1' ends after the clip's"),
        ("turn_taking.json", '"kind": "turn_end"', '"kind": "turn_over"', "clips.0.events.0.kind"),
        ("turn_taking.json", '"sample_rate"', '"rate"', "clips.0"),
        ("utterances.json", '"voice"', '"speaker"', "utterances.rms-s01"),
    ],
)
def test_a_file_that_contradicts_itself_is_an_error_that_names_the_place(
    copy: Path, name: str, old: str, new: str, problem: str
) -> None:
    spec, source = changed(copy, name, old, new)
    with pytest.raises(DataError) as raised:
        read_scripts(spec, source, copy)
    assert f"{copy / name}: " in raised.value.what
    assert problem in raised.value.what


def test_an_event_that_ends_before_it_starts_is_an_error(copy: Path) -> None:
    spec, source = changed(copy, "turn_taking.json", '"kind": "turn_end", "start_s": ', '"kind": "turn_end", "start_s": 9')
    with pytest.raises(DataError, match=r"tt-01: .*turn_end"):
        read_scripts(spec, source, copy)
