"""`data check`: a sound tree passes in every layout, and each fault is told by file, once, with what was expected and found."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from fdbench.data import check
from fdbench.data.check import check_data
from fdbench.data.finding import CheckedData
from fdbench.errors import UsageError
from fdbench.io.files import sha256_of
from fdbench.task.load import task_specs

RATES = {
    "candor_pause_handling": 16000,
    "candor_turn_taking": 16000,
    "icc_backchannel": 48000,
    "synthetic_pause_handling": 24000,
    "synthetic_user_interruption": 24000,
}
N_CLIPS = 3
WORDS = {"text": "so then", "chunks": [{"text": "so", "timestamp": [0.1, 0.3]}, {"text": "then", "timestamp": [0.9, 1.2]}]}


def noise(seconds: float, rate: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-8000, 8000, round(seconds * rate), np.int16)


def write_wav(path: Path, samples: np.ndarray, rate: int) -> None:
    soundfile.write(path, samples, rate, subtype="PCM_16")


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))


def make_set(root: Path, name: str, n: int = N_CLIPS) -> None:
    rate = RATES[name]
    first = 0 if name == "icc_backchannel" else 1
    for clip in range(first, first + n):
        folder = root / name / str(clip)
        folder.mkdir(parents=True)
        write_wav(folder / "input.wav", noise(2.0, rate, clip + 100 * list(RATES).index(name)), rate)
        if "interruption" in name:
            write_json(folder / "interrupt.json", [{"context": "hi", "interrupt": "no", "timestamp": [0.8, 1.5]}])
            for turn in ("context", "interrupt"):
                write_wav(folder / f"{turn}.wav", noise(0.7, rate, clip), rate)
        else:
            write_json(folder / "transcription.json", WORDS)
        if "pause" in name:
            write_json(folder / "pause.json", [{"timestamp": [0.3, 0.9]}, {"timestamp": [1.2, 1.4]}])
        if "turn" in name:
            write_json(folder / "turn_taking.json", [{"timestamp": [1.5, 1.8]}])
    if name == "icc_backchannel":
        write_json(root / "icc_gt_distribution.json", {str(clip): [0.1] * 10 for clip in range(n)})


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All five sets, three clips each, and tasks that expect as many and this human timing."""
    for name in RATES:
        make_set(tmp_path / "v1.0", name)
    timing = sha256_of((tmp_path / "v1.0/icc_gt_distribution.json").read_bytes())
    specs = {}
    for name, spec in task_specs().items():
        changes: dict[str, Any] = {"n": N_CLIPS}
        if spec.source.kind == "fdb" and spec.source.human_timing:
            changes["sha256"] = {spec.source.human_timing: timing}
        specs[name] = spec.model_copy(update={"source": spec.source.model_copy(update=changes)})
    monkeypatch.setattr(check, "task_specs", lambda: specs)
    return tmp_path


def told(checked: CheckedData) -> list[tuple[str, str, str]]:
    return [(each.severity, each.file, each.what) for each in checked.findings]


@pytest.mark.parametrize("layout", ["v1.0", "v1_0", "."])
def test_a_sound_tree_has_no_findings_in_any_layout(layout: str, tree: Path) -> None:
    root = tree
    if layout == ".":
        root = tree / "v1.0"
    else:
        (tree / "v1.0").rename(tree / layout)
    checked = check_data(root)
    assert told(checked) == []
    assert [(each.name, each.n_clips, each.rates) for each in checked.sets] == [
        (each.name, N_CLIPS, {RATES[each.name]: N_CLIPS}) for each in checked.sets
    ]
    assert {each.name for each in checked.sets} == set(RATES)
    assert all(each.duration_s == pytest.approx(2.0 * N_CLIPS) for each in checked.sets)


def test_the_hash_of_a_tree_moves_with_every_file_and_with_nothing_else(tree: Path) -> None:
    def hashes() -> dict[str, str]:
        return {name: sha256 for name, _, sha256 in check_data(tree).hashes}

    before = hashes()
    clip = tree / "v1.0/candor_turn_taking/2"
    (clip / "output.wav").write_bytes(b"a model's")
    (clip / ".DS_Store").write_bytes(b"a Mac's")
    assert hashes() == before
    write_json(clip / "turn_taking.json", [{"timestamp": [1.4, 1.8]}])
    after = hashes()
    assert after.pop("candor_turn_taking") != before.pop("candor_turn_taking")
    assert after == before


CLIP = "v1.0/candor_turn_taking/2"
PAUSE_CLIP = "v1.0/candor_pause_handling/2"
BARGE_IN = "v1.0/synthetic_user_interruption/2"
TIMING = "v1.0/icc_gt_distribution.json"


def _json(value: Any) -> Callable[[Path], None]:
    return lambda file: write_json(file, value)


def _text(value: str) -> Callable[[Path], None]:
    return lambda file: file.write_text(value)


def _wav(seconds: float = 2.0, rate: int = 16000, gain: float = 1.0, channels: int = 1) -> Callable[[Path], None]:
    def write(file: Path) -> None:
        samples = np.clip(noise(seconds, rate, 999) * gain, -32768, 32767).astype(np.int16)
        write_wav(file, np.stack([samples] * channels, axis=1), rate)

    return write


def _shorten(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:30000])


def _offset(file: Path) -> None:
    write_wav(file, np.full(32000, 9000, np.int16), 16000)


def _copy_of_first(file: Path) -> None:
    file.write_bytes((file.parent.parent / "1/input.wav").read_bytes())


@pytest.mark.parametrize(
    ("file", "damage", "what"),
    [
        (f"{CLIP}/input.wav", Path.unlink, "no such file"),
        (f"{CLIP}/input.wav", _text(""), "empty: it has 0 bytes"),
        (f"{CLIP}/input.wav", _text("hello"), "not a readable audio file"),
        (f"{CLIP}/input.wav", _shorten, "truncated"),
        (f"{CLIP}/input.wav", _wav(channels=2), "expected mono, found 2 channels"),
        (f"{CLIP}/input.wav", _wav(gain=0.0), "silent"),
        (f"{CLIP}/input.wav", _offset, "constant"),
        (f"{CLIP}/input.wav", _copy_of_first, "the same audio as candor_turn_taking/1"),
        (f"{CLIP}/turn_taking.json", Path.unlink, "no such file"),
        (f"{CLIP}/turn_taking.json", _text(""), "empty: it has 0 bytes"),
        (f"{CLIP}/turn_taking.json", _text("[\n{"), "line 2: not JSON"),
        (f"{CLIP}/turn_taking.json", _json([]), "found an empty one"),
        (
            f"{CLIP}/turn_taking.json",
            _json([{"timestamp": [5.5, 5.8]}]),
            "the turn_end [5.5, 5.8] lies 3.500 s behind the end of the clip (2.000 s)",
        ),
        (f"{CLIP}/transcription.json", Path.unlink, "no such file"),
        (
            f"{CLIP}/transcription.json",
            _text('{"chunks": [{"text": "a", "timestamp": [NaN, 1]}]}'),
            "chunk 0: 'timestamp': expected a finite number, found nan",
        ),
        (
            f"{CLIP}/transcription.json",
            _json({"chunks": [{"text": "a", "timestamp": [8, 9]}]}),
            "the last word ends 7.000 s behind the end of the clip (2.000 s)",
        ),
        (f"{PAUSE_CLIP}/pause.json", Path.unlink, "no such file"),
        (f"{PAUSE_CLIP}/pause.json", _json([{"timestamp": [1.0]}]), "[0]: 'timestamp': expected [start, end]"),
        (
            f"{PAUSE_CLIP}/pause.json",
            _json([{"timestamp": [1.0, 2.5]}]),
            "the pause [1, 2.5] lies 0.500 s behind the end",
        ),
        (f"{PAUSE_CLIP}/pause.json", _json([{"timestamp": [0.2, 0.9]}, {"timestamp": [0.8, 1.0]}]), "overlap"),
        (f"{BARGE_IN}/interrupt.json", _json([{"interrupt": "no", "context": "a", "timestamp": [1.5, 0.8]}]), "start <= end"),
        (f"{BARGE_IN}/interrupt.json", _json([{"interrupt": " ", "context": "a", "timestamp": [0.8, 1.5]}]), "no text"),
        (
            f"{BARGE_IN}/interrupt.json",
            _json([{"interrupt": "no", "context": "a", "timestamp": [0.8, 2.5]}]),
            "the interruption [0.8, 2.5] lies 0.500 s behind",
        ),
        (f"{BARGE_IN}/interrupt.wav", Path.unlink, "no such file"),
        (f"{BARGE_IN}/context.wav", _text("hello"), "not a readable audio file"),
        (TIMING, _json({"0": [0.1] * 10, "2": [0.1] * 10}), "'1': expected the human distribution of this clip, found none"),
        (TIMING, _json({"0": [0.1] * 10, "1": [-1.0], "2": [0.1] * 10}), "'1': expected numbers of 0 or more"),
        (TIMING, _json([]), "expected {id: [number, ...]}"),
        (TIMING, Path.unlink, "no such file"),
    ],
)
def test_a_fault_is_one_error_at_its_file(file: str, damage: Callable[[Path], None], what: str, tree: Path) -> None:
    damage(tree / file)
    errors = [(place, words) for severity, place, words in told(check_data(tree)) if severity == "error"]
    assert [place for place, _ in errors] == [file]
    assert what in errors[0][1]


@pytest.mark.parametrize(
    ("file", "damage", "what"),
    [
        (TIMING, _json({str(clip): [0.2] * 10 for clip in range(3)}), "not upstream's file: expected sha256"),
        (TIMING, _json({str(clip): [0.1] * 30 for clip in range(3)}), "30 windows of 0.2 s cover 6.0 s, the clip has 2.0 s"),
        (f"{CLIP}/input.wav", _wav(gain=40.0), "clipped"),
        (f"{CLIP}/input.wav", _wav(rate=44100), "expected 16000 Hz, found 44100 Hz"),
        (f"{CLIP}/notes.txt", _text("hm"), "a stray file"),
        ("v1.0/candor_turn_taking/notes.txt", _text("hm"), "a stray file"),
        (f"{CLIP}/transcription.json", _json({"chunks": [{"text": "a", "timestamp": [1.8, 2.4]}]}), "0.400 s behind"),
        (f"{CLIP}/transcription.json", _json({"chunks": []}), "expected words, found none"),
        (
            f"{CLIP}/transcription.json",
            _json({"chunks": [{"text": "b", "timestamp": [1, 1.2]}, {"text": "a", "timestamp": [0, 0.2]}]}),
            "expected words in order of time",
        ),
        (
            f"{BARGE_IN}/interrupt.json",
            _json([{"interrupt": "no", "timestamp": [0.8, 1.5]}]),
            "the context: expected what is said",
        ),
    ],
)
def test_what_is_only_worth_knowing_is_a_warning(file: str, damage: Callable[[Path], None], what: str, tree: Path) -> None:
    damage(tree / file)
    findings = told(check_data(tree))
    assert {severity for severity, _, _ in findings} == {"warning"}
    assert {place for _, place, _ in findings} == {file}
    assert any(what in words for _, _, words in findings)


def test_a_rating_beside_a_clip_is_upstreams_own_output(tree: Path) -> None:
    (tree / CLIP / "rating.json").write_text('{"rating": 4}')
    assert not told(check_data(tree))


def test_the_same_audio_in_two_sets_is_a_warning(tree: Path) -> None:
    source = tree / "v1.0/candor_pause_handling/1/input.wav"
    (tree / CLIP / "input.wav").write_bytes(source.read_bytes())
    ((severity, file, what),) = told(check_data(tree))
    assert (severity, file, what) == ("warning", f"{CLIP}/input.wav", "the same audio as candor_pause_handling/1")


def remove_clip(tree: Path, clip: str) -> None:
    for file in (tree / clip).iterdir():
        file.unlink()
    (tree / clip).rmdir()


@pytest.mark.parametrize("clip", ["1", "2", "3"])
def test_a_missing_clip_of_a_numbered_set_is_named(clip: str, tree: Path) -> None:
    remove_clip(tree, f"v1.0/candor_turn_taking/{clip}")
    ((severity, file, what),) = told(check_data(tree))
    assert (severity, file) == ("error", f"v1.0/candor_turn_taking/{clip}")
    assert "expected 3" in what


@pytest.mark.parametrize("clip", ["0", "1", "2"])
def test_a_missing_clip_of_a_set_numbered_from_0_is_named(clip: str, tree: Path) -> None:
    remove_clip(tree, f"v1.0/icc_backchannel/{clip}")
    errors = [file for severity, file, _ in told(check_data(tree)) if severity == "error"]
    assert errors == [f"v1.0/icc_backchannel/{clip}"]


def test_clips_that_are_not_numbered_are_only_counted(tree: Path) -> None:
    root = tree / "v1.0/candor_turn_taking"
    for name in ("1", "2", "3"):
        (root / name).rename(root / f"clip-{name}")
    assert told(check_data(tree)) == []
    remove_clip(tree, "v1.0/candor_turn_taking/clip-2")
    assert told(check_data(tree)) == [("error", "v1.0/candor_turn_taking", "expected 3 clips, found 2")]


def test_too_many_clips_are_told(tree: Path) -> None:
    make_set(tree / "more", "candor_turn_taking", 4)
    (tree / "more/candor_turn_taking/4").rename(tree / "v1.0/candor_turn_taking/4")
    write_wav(tree / "v1.0/candor_turn_taking/4/input.wav", noise(2.0, 16000, 77), 16000)
    assert told(check_data(tree)) == [("error", "v1.0/candor_turn_taking", "expected 3 clips, found 4")]


@pytest.mark.parametrize("duration_s", [0.3, 601.0])
def test_a_clip_of_no_sane_length_is_an_error(duration_s: float, tree: Path) -> None:
    rate = 16000
    write_wav(tree / "v1.0/candor_turn_taking/1/input.wav", noise(duration_s, rate, 5), rate)
    what = [words for severity, file, words in told(check_data(tree)) if severity == "error" and file.endswith("input.wav")]
    assert what == [f"expected a duration between 0.5 and 600 s, found {duration_s:.3f} s"]


def test_a_set_without_any_clip_is_told_and_the_others_are_checked(tree: Path) -> None:
    for clip in ("1", "2", "3"):
        remove_clip(tree, f"v1.0/candor_turn_taking/{clip}")
    checked = check_data(tree)
    ((severity, file, what),) = told(checked)
    assert (severity, file) == ("error", "v1.0/candor_turn_taking")
    assert "no clip in it" in what
    assert len(checked.sets) == 5


def test_sets_that_are_not_there_are_errors_only_when_asked_for(tree: Path) -> None:
    (tree / "v1.0/candor_turn_taking").rename(tree / "elsewhere")
    assert told(check_data(tree)) == []
    assert told(check_data(tree, "v1/backchannel.icc")) == []
    assert [file for _, file, _ in told(check_data(tree, "v1"))] == ["v1.0/candor_turn_taking"]
    assert [each.name for each in check_data(tree, "v1/turn_taking.candor,v1/backchannel.icc").sets] == [
        "icc_backchannel",
        "candor_turn_taking",
    ]


@pytest.mark.parametrize(
    ("tasks", "words"),
    [("mini", "ships with fdbench"), ("v1/turntaking.candor", "did you mean"), (" , ", "no part of the data is named")],
)
def test_tasks_that_have_no_data_are_misuse(tasks: str, words: str, tree: Path) -> None:
    with pytest.raises(UsageError) as raised:
        check_data(tree, tasks)
    assert words in str(raised.value)


def test_a_judges_text_that_is_not_upstreams_is_an_error(tree: Path) -> None:
    file = tree / "upstream/v1_v1.5/evaluation/eval_user_interruption.py"
    file.parent.mkdir(parents=True)
    file.write_text("print('hello')")
    ((severity, place, what),) = told(check_data(tree))
    assert (severity, place) == ("error", "upstream/v1_v1.5/evaluation/eval_user_interruption.py")
    assert "not upstream's file" in what


def test_the_result_is_json(tree: Path) -> None:
    (tree / CLIP / "turn_taking.json").unlink()
    stored = json.loads(json.dumps(check_data(tree).as_json()))
    assert stored["n_errors"] == 1
    assert stored["findings"] == [
        {
            "set": "candor_turn_taking",
            "clip": "2",
            "file": f"{CLIP}/turn_taking.json",
            "severity": "error",
            "what": "no such file",
        }
    ]
    (one,) = [each for each in stored["sets"] if each["set"] == "candor_turn_taking"]
    assert (one["n_clips"], one["n_expected"], one["rates"], one["n_errors"]) == (3, 3, {"16000": 3}, 1)


def test_what_is_hidden_is_passed_over(tree: Path) -> None:
    for name in (".git/config", f"{CLIP}/.ipynb_checkpoints/input.wav"):
        place = (tree / CLIP).parent / name if name.startswith(".git") else tree / name
        place.parent.mkdir(parents=True)
        place.write_bytes(b"x")
    assert not told(check_data(tree))


def test_a_pipe_among_the_files_keeps_nobody_waiting(tree: Path) -> None:
    os.mkfifo(tree / CLIP / "extra.wav")
    assert any(file == f"{CLIP}/extra.wav" and "cannot be read" in what for _, file, what in told(check_data(tree)))
