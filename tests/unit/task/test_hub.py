"""Datasets as a source of samples: nothing lost on the way out and back, and a fault breaks its row and no other."""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from fdbench.core.conversation import Sample
from fdbench.core.speech import Transcript, Word
from fdbench.errors import DataError, MissingExtraError, UsageError
from fdbench.io.files import sha256_of
from fdbench.io.wav import decode_audio
from fdbench.task.data import open_data
from fdbench.task.load import LoadedTask, load_samples, select_tasks, task_specs
from fdbench.task.tree import UpstreamTree

pytest.importorskip("datasets", reason="needs pip install 'fdbench[data]'")

from fdbench.data.export import export_samples
from fdbench.task.hf import features_of, read_rows
from fdbench.task.hub import DatasetFolder, HubDataset, read_task
from fdbench.task.rows import NEEDED, SAMPLE, SPLIT, config_of


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the audio of datasets is laid down."""
    monkeypatch.setenv("FDBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "audio"


TURN = "v1/turn_taking.candor"
SETS = {
    "v1/backchannel.icc": ("icc_backchannel", 48000),
    "v1/pause_handling.candor": ("candor_pause_handling", 16000),
    "v1/pause_handling.synthetic": ("synthetic_pause_handling", 24000),
    TURN: ("candor_turn_taking", 16000),
    "v1/user_interruption.synthetic": ("synthetic_user_interruption", 24000),
}
IDS = ("1", "2", "10", "an id, with 'odd' characters: ä 漢字 #?", "no words", "no transcript")
CUT = {"chunks": [{"text": " well ", "timestamp": [0.1, None]}, {"text": "", "timestamp": [None, None]}]}
WORDS = {"chunks": [{"text": "right", "timestamp": [0.1 + 0.2, 1 / 3]}, {"text": "ä\u2028x", "timestamp": [0.5, 0.4]}]}


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def make_tree(root: Path, *names: str) -> Path:
    """All five sets in upstream's layout, with what is odd and legal."""
    random = np.random.default_rng(0)
    for task, (folder, rate) in SETS.items():
        if names and task not in names:
            continue
        for index, sample_id in enumerate(IDS):
            place = root / "v1.0" / folder / sample_id
            place.mkdir(parents=True)
            subtype = ("PCM_16", "FLOAT", "PCM_24")[index % 3]
            soundfile.write(place / "input.wav", random.uniform(-0.5, 0.5, rate // 10 + index), rate, subtype=subtype)
            if sample_id != "no transcript":
                write_json(place / "transcription.json", {"chunks": []} if sample_id == "no words" else (WORDS, CUT)[index % 2])
            if "pause" in folder and index:
                write_json(place / "pause.json", [{"timestamp": [0.2, 0.3 + index / 7]}, {"timestamp": [0.1, 0.15]}])
            if "turn" in folder:
                write_json(place / "turn_taking.json", [{"timestamp": [1 / 3 + index, 2.0][: 1 + index % 2]}])
            if "interruption" in folder:
                texts = {"context": "tell me about ñandús", "interrupt": None}
                write_json(place / "interrupt.json", [{**texts, "timestamp": [0.7, 0.1 * 3 + 1]}])
    timing = {"1": [0.1, 0.7 / 3, 0.0], "10": [1, 2, 3]}
    if not names or "v1/backchannel.icc" in names:
        write_json(root / "v1.0" / "icc_backchannel" / "icc_gt_distribution.json", timing)
    return root


def facts_of(sample: Sample) -> dict[str, Any]:
    return {name: getattr(sample, name) for name in Sample.__dataclass_fields__ if name != "stimuli"}


def agree(first: LoadedTask, second: LoadedTask) -> bool:
    """Everything but where the audio lies, which has to be the same audio."""
    assert [facts_of(sample) for sample in first.samples] == [facts_of(sample) for sample in second.samples]
    for one, other in zip(first.samples, second.samples, strict=True):
        assert one.stimuli["main"].digest == other.stimuli["main"].digest
        audio, again = one.stimuli["main"].load(), other.stimuli["main"].load()
        assert np.array_equal(audio.samples, again.samples)
        assert audio.sample_rate == again.sample_rate
    assert (first.spec, first.digests, list(first.digests)) == (second.spec, second.digests, list(second.digests))
    return True


def rows_of(folder: Path, task: str) -> Any:
    return read_rows(str(folder), config_of(task), SAMPLE, NEEDED, "x")


# --- out and back -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", SETS)
def test_a_task_read_from_its_export_is_the_task_that_was_exported(tmp_path: Path, task: str) -> None:
    tree = UpstreamTree(make_tree(tmp_path / "tree", task))
    exported = export_samples(task, tree, tmp_path / "dataset")
    assert exported.counts == {config_of(task): len(IDS)}
    assert exported.left_out == ()
    again = open_data(str(tmp_path / "dataset"))
    assert isinstance(again, DatasetFolder)
    assert agree(load_samples(task_specs()[task], tree), load_samples(task_specs()[task], again))


def test_no_words_and_no_transcript_are_told_apart(tmp_path: Path) -> None:
    export_samples(TURN, UpstreamTree(make_tree(tmp_path / "tree", TURN)), tmp_path / "dataset")
    samples = {s.id: s for s in load_samples(task_specs()[TURN], open_data(str(tmp_path / "dataset"))).samples}
    assert samples["no words"].transcript == Transcript((), "given")
    assert samples["no transcript"].transcript is None
    assert samples["2"].transcript == Transcript((Word("well", 0.1, None), Word("", None, None)), "given")


def test_an_export_of_an_export_is_the_same(tmp_path: Path) -> None:
    export_samples(TURN, UpstreamTree(make_tree(tmp_path / "tree", TURN)), tmp_path / "one")
    export_samples(TURN, open_data(str(tmp_path / "one")), tmp_path / "two")
    one, two = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "one", tmp_path / "two")
    )
    assert one == two


def test_the_bytes_are_those_of_the_file(tmp_path: Path) -> None:
    import datasets

    tree = make_tree(tmp_path / "tree", TURN)
    export_samples(TURN, UpstreamTree(tree), tmp_path / "dataset")
    rows = datasets.load_dataset(str(tmp_path / "dataset"), config_of(TURN), split=SPLIT, cache_dir=str(tmp_path / "cache"))
    for row in rows.cast_column("audio", datasets.Audio(decode=False)):
        path = tree / "v1.0" / "candor_turn_taking" / row["id"] / "input.wav"
        assert row["audio"] == {"bytes": path.read_bytes(), "path": "input.wav"}
        assert (row["sample_rate"], row["duration_s"]) == (16000, soundfile.info(path).frames / 16000)
    assert rows.features["audio"] == datasets.Audio()


def test_a_file_of_the_same_name_in_the_current_folder_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = UpstreamTree(make_tree(tmp_path / "tree", TURN))
    (tmp_path / "input.wav").write_bytes(b"mine")
    monkeypatch.chdir(tmp_path)
    export_samples(TURN, tree, tmp_path / "dataset")
    assert agree(load_samples(task_specs()[TURN], tree), load_samples(task_specs()[TURN], open_data(str(tmp_path / "dataset"))))


def test_embedded_tasks_are_exported_as_flac_and_read_from_the_package(tmp_path: Path) -> None:
    export_samples("mini/turn_taking", None, tmp_path / "dataset")
    samples = load_samples(task_specs()["mini/turn_taking"], None).samples
    for sample, row in zip(samples, rows_of(tmp_path / "dataset", "mini/turn_taking"), strict=True):
        assert row["audio"]["path"] == f"{sample.id}.flac"
        played, stored = sample.stimuli["main"].load(), decode_audio(row["audio"]["bytes"], "row")
        assert np.max(np.abs(played.samples - stored.samples)) <= 0.5001 / 32768
        assert row["words_source"] == "script"
    data = open_data(str(tmp_path / "dataset"))
    assert load_samples(task_specs()["mini/turn_taking"], data).samples[0].stimuli == samples[0].stimuli


def test_what_is_broken_is_left_out_and_told(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree", TURN)
    place = tree / "v1.0" / "candor_turn_taking"
    (place / "1" / "turn_taking.json").write_text("[]")
    (place / "2" / "input.wav").unlink()
    (place / "10" / "input.wav").write_bytes(b"RIFF")
    write_json(place / "no words" / "transcription.json", {"chunks": [{"text": "\ud800", "timestamp": [0, 1]}]})
    exported = export_samples(TURN, UpstreamTree(tree), tmp_path / "dataset")
    assert exported.counts[config_of(TURN)] == 2
    assert [line.split(": left out: ")[0] for line in exported.left_out] == [
        f"{TURN} 1", f"{TURN} 2", f"{TURN} 10", f"{TURN} no words",
    ]  # fmt: skip


# --- small references -------------------------------------------------------------------------------------------------


def test_samples_hold_no_audio_and_survive_the_way_to_another_process(tmp_path: Path) -> None:
    export_samples(TURN, UpstreamTree(make_tree(tmp_path / "tree", TURN)), tmp_path / "dataset")
    loaded = load_samples(task_specs()[TURN], open_data(str(tmp_path / "dataset")))
    for sample in loaded.samples:
        packed = pickle.dumps(sample)
        assert len(packed) < 2000 < len(sample.stimuli["main"].load().samples) * 2
        assert pickle.loads(packed).stimuli == sample.stimuli


def test_a_dataset_that_changes_under_a_run_changes_nothing_that_was_opened(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree", TURN)
    export_samples(TURN, UpstreamTree(tree), tmp_path / "dataset")
    sample = load_samples(task_specs()[TURN], open_data(str(tmp_path / "dataset"))).samples[0]
    path = tree / "v1.0" / "candor_turn_taking" / "1" / "input.wav"
    opened = path.read_bytes()
    path.write_bytes((path.parent.parent / "2" / "input.wav").read_bytes())
    export_samples(TURN, UpstreamTree(tree), tmp_path / "dataset")
    assert sample.stimuli["main"].read() == opened


def test_audio_that_changed_in_the_cache_is_noticed(tmp_path: Path, cache: Path) -> None:
    export_samples(TURN, UpstreamTree(make_tree(tmp_path / "tree", TURN)), tmp_path / "dataset")
    sample = load_samples(task_specs()[TURN], open_data(str(tmp_path / "dataset"))).samples[0]
    digest = sample.stimuli["main"].digest
    (cache / digest[:2] / digest).write_bytes(b"something else")
    with pytest.raises(DataError, match="expected SHA-256"):
        sample.stimuli["main"].load()


def test_folders_of_one_name_are_never_taken_for_each_other(tmp_path: Path) -> None:
    """``datasets`` caches local folders by their base name, whatever they hold."""
    import datasets

    tree = make_tree(tmp_path / "tree", TURN)
    seen = []
    for level in (0.1, 0.2, 0.3):
        soundfile.write(tree / "v1.0" / "candor_turn_taking" / "1" / "input.wav", np.full(1600, level), 16000)
        target = tmp_path / ("a" if level == 0.1 else "b") / "dataset"
        export_samples(TURN, UpstreamTree(tree), target)
        rows = datasets.load_dataset(str(target), config_of(TURN), split=SPLIT, cache_dir=str(tmp_path / "cache"))
        opened = rows.cast_column("audio", datasets.Audio(decode=False))[0]["audio"]["bytes"]
        assert opened == (tree / "v1.0" / "candor_turn_taking" / "1" / "input.wav").read_bytes()
        seen.append(load_samples(task_specs()[TURN], open_data(str(target))).samples[0].stimuli["main"].digest)
    assert len(set(seen)) == 3


# --- streaming --------------------------------------------------------------------------------------------------------


def test_a_stream_stops_at_the_limit_and_leaves_the_audio_in_the_cache(tmp_path: Path, cache: Path) -> None:
    tree = UpstreamTree(make_tree(tmp_path / "tree", TURN))
    export_samples(TURN, tree, tmp_path / "dataset")
    drawn = []

    def watched(rows: Any) -> Any:
        for row in rows:
            drawn.append(row["id"])
            yield row

    loaded = read_task(task_specs()[TURN], watched(rows_of(tmp_path / "dataset", TURN)), "x", limit=2)
    assert drawn == ["1", "2"]
    whole = load_samples(task_specs()[TURN], tree)
    assert loaded.digests == {name: whole.digests[name] for name in drawn}
    for sample in loaded.samples:
        digest = sample.stimuli["main"].digest
        assert sha256_of((cache / digest[:2] / digest).read_bytes()) == digest
        assert np.array_equal(
            sample.stimuli["main"].load().samples, whole.samples[drawn.index(sample.id)].stimuli["main"].load().samples
        )


def test_a_stream_stops_when_every_sample_asked_for_has_come(tmp_path: Path) -> None:
    export_samples(TURN, UpstreamTree(make_tree(tmp_path / "tree", TURN)), tmp_path / "dataset")
    loaded = read_task(task_specs()[TURN], rows_of(tmp_path / "dataset", TURN), "x", ids=["10", "1"])
    assert list(loaded.digests) == ["1", "2", "10"]


def test_an_emptied_cache_is_told(tmp_path: Path, cache: Path) -> None:
    export_samples(TURN, UpstreamTree(make_tree(tmp_path / "tree", TURN)), tmp_path / "dataset")
    stimulus = read_task(task_specs()[TURN], rows_of(tmp_path / "dataset", TURN), "x", limit=1).samples[0].stimuli["main"]
    next(path for path in cache.rglob("*") if path.is_file()).unlink()
    with pytest.raises(DataError, match="cannot be read"):
        stimulus.load()


# --- damaged datasets -------------------------------------------------------------------------------------------------


def wav(level: float = 0.1) -> bytes:
    import io

    buffer = io.BytesIO()
    soundfile.write(buffer, np.full(800, level), 16000, format="WAV")
    return buffer.getvalue()


def row(sample_id: Any = "1", **changes: Any) -> dict[str, Any]:
    return {
        "id": sample_id,
        "task": TURN,
        "task_version": 1,
        "behaviour": "turn_taking",
        "audio": {"bytes": wav(), "path": "input.wav"},
        "sample_rate": 16000,
        "duration_s": 0.05,
        "events": [{"kind": "turn_end", "start_s": 0.01, "end_s": 0.01, "text": ""}],
        "words": None,
        "words_source": None,
        "human_timing": None,
        "instructions": "x",
        "digest": None,
        **changes,
    }


def read(folder: Path, *rows: dict[str, Any], columns: Any = SAMPLE) -> LoadedTask:
    """What is read of a dataset that holds these rows, whatever their columns."""
    from pyarrow import Table, parquet

    place = folder / "data" / config_of(TURN)
    place.mkdir(parents=True, exist_ok=True)
    kept = [{name: value for name, value in each.items() if name in columns} for each in rows]
    parquet.write_table(Table.from_pylist(kept, schema=features_of(columns).arrow_schema), place / "test-00000.parquet")
    head = f"configs:\n- config_name: {config_of(TURN)}\n  data_files:\n  - split: {SPLIT}\n"
    (folder / "README.md").write_text(f"---\n{head}    path: data/{config_of(TURN)}/test-*.parquet\n---\n")
    return load_samples(task_specs()[TURN], open_data(str(folder)))


def event(**changes: Any) -> dict[str, Any]:
    return {"events": [{"kind": "turn_end", "start_s": 0.01, "end_s": 0.01, "text": "", **changes}]}


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"audio": None}, "audio: expected the bytes of a file, found none"),
        ({"audio": {"bytes": None, "path": "elsewhere.wav"}}, "audio: expected the bytes"),
        ({"audio": {"bytes": b"", "path": "input.wav"}}, "audio: expected the bytes"),
        (event(start_s=float("nan")), "events[0]: start_s: expected a finite number, found nan"),
        (event(end_s=float("inf")), "events[0]: end_s: expected a finite number, found inf"),
        (event(start_s=None), "events[0]: start_s: expected a number, found null"),
        (event(start_s=-1.0), "events[0]: expected 0 <= start_s <= end_s, found -1.0 and 0.01"),
        (event(end_s=0.0), "events[0]: expected 0 <= start_s <= end_s"),
        (
            event(kind="turn end"),
            "events[0]: kind: expected one of pause, turn_end, context, interruption, overlap, found 'turn end'",
        ),
        ({"events": [None]}, "events[0]: expected end_s, kind, start_s, text, found null"),
        ({"events": None}, "events: expected a list, found null"),
        ({"events": []}, "events: expected a turn_end, found none"),
        ({"words": [{"text": "a", "start_s": float("nan"), "end_s": None}]}, "words[0]: expected a finite number, found nan"),
        ({"words": [None]}, "words[0]: expected end_s, start_s, text, found null"),
        ({"human_timing": [0.0, -0.5]}, "human_timing: expected numbers of 0 or more"),
        ({"human_timing": [0.5, float("nan")]}, "human_timing[1]: expected a finite number, found nan"),
        ({"digest": "0" * 64}, "digest: the row says"),
    ],
)
def test_a_fault_breaks_its_row_and_no_other(tmp_path: Path, fault: dict[str, Any], told: str) -> None:
    loaded = read(tmp_path / "dataset", row("1"), row("2", **fault), row("3"))
    assert [sample.id for sample in loaded.samples] == ["1", "3"]
    ((broken_id, broken),) = loaded.broken.items()
    assert broken_id == "2"
    assert f"{tmp_path / 'dataset'}: {config_of(TURN)}: 2: {told}" in broken.message
    assert loaded.digests["2"] is None


def test_audio_that_cannot_be_decoded_is_told_when_it_is_heard_like_that_of_a_file(tmp_path: Path) -> None:
    loaded = read(tmp_path / "dataset", row("1"), row("2", audio={"bytes": b"no audio", "path": "input.wav"}))
    assert [sample.id for sample in loaded.samples] == ["1", "2"]
    with pytest.raises(DataError, match=rf"dataset: {config_of(TURN)}: 2: not a readable audio file"):
        loaded.samples[1].stimuli["main"].load()


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([row("1"), row("1")], "row 1: the id '1' is there twice"),
        ([row("../../1")], "row 0: id: expected a name without '/', found '../../1'"),
        ([row(None)], "row 0: id: expected a name without '/', found null"),
        ([row("")], "row 0: id: expected a name without '/', found ''"),
        (
            [row("1"), row("2", task="v1/turn_taking.other")],
            "2: task: expected v1/turn_taking.candor, found 'v1/turn_taking.other'",
        ),
        ([row("1", task_version=2)], "1: task_version: expected 1, found 2"),
    ],
)
def test_rows_that_are_not_the_task_s_are_an_error(tmp_path: Path, rows: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(DataError) as raised:
        read(tmp_path / "dataset", *rows)
    assert f"{tmp_path / 'dataset'}: {config_of(TURN)}: {told}" in raised.value.what
    assert raised.value.remedy


@pytest.mark.parametrize("column", NEEDED)
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    columns = {name: kind for name, kind in SAMPLE.items() if name != column}
    with pytest.raises(DataError, match=f"{config_of(TURN)}: .*no column '{column}', found "):
        read(tmp_path / "dataset", row(), columns=columns)


@pytest.mark.parametrize(
    ("column", "kind", "value", "told"),
    [
        ("id", "int64", 1, "row 0: id: expected a name without '/', found 1"),
        ("task_version", "string", "1", "1: task_version: expected 1, found '1'"),
        ("audio", "string", "input.wav", "1: audio: expected the bytes of a file, found none"),
        ("events", "string", "[]", "1: events: expected a list, found '[]'"),
        (
            "events",
            [{"kind": "string", "start_s": "float64"}],
            [{"kind": "x", "start_s": 1}],
            "1: events[0]: expected end_s, kind",
        ),
        (
            "words",
            [{"text": "int64", "start_s": "float64", "end_s": "float64"}],
            [{"text": 1}],
            "1: words[0]: text: expected text",
        ),
        ("human_timing", "float64", 1.0, "1: human_timing: expected a list of numbers, found 1.0"),
    ],
)
def test_a_column_of_another_type_is_named(tmp_path: Path, column: str, kind: Any, value: Any, told: str) -> None:
    try:
        loaded = read(tmp_path / "dataset", row(**{column: value}), columns={**SAMPLE, column: kind})
        what = loaded.broken["1"].message
    except DataError as error:
        what = error.what
    assert what.startswith(f"{tmp_path / 'dataset'}: {config_of(TURN)}: {told}")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda folder: next(folder.rglob("*.parquet")).write_bytes(b"PAR1 no parquet"), "cannot "),
        (
            lambda folder: next(folder.rglob("*.parquet")).write_bytes(next(folder.rglob("*.parquet")).read_bytes()[:200]),
            "cannot ",
        ),
        (
            lambda folder: (folder / "README.md").write_text((folder / "README.md").read_text().replace("test-", "none-")),
            "cannot ",
        ),
        (
            lambda folder: (folder / "README.md").write_text((folder / "README.md").read_text().replace(": test", ": train")),
            "split",
        ),
    ],
)
def test_a_damaged_folder_is_an_error_that_names_it(tmp_path: Path, damage: Callable[[Path], None], told: str) -> None:
    folder = tmp_path / "dataset"
    read(folder, row())
    damage(folder)
    with pytest.raises(DataError) as raised:
        load_samples(task_specs()[TURN], open_data(str(folder)))
    assert raised.value.what.startswith(f"{folder}: ")
    assert told in raised.value.what
    assert "\n" not in raised.value.what
    assert raised.value.remedy


def test_a_task_that_is_not_in_the_dataset_is_an_error_and_available_leaves_it_out(tmp_path: Path) -> None:
    export_samples(TURN, UpstreamTree(make_tree(tmp_path / "tree", TURN)), tmp_path / "dataset")
    data = open_data(str(tmp_path / "dataset"))
    assert TURN in [spec.name for spec in select_tasks("available", data)]
    with pytest.raises(DataError) as raised:
        select_tasks("v1", data)
    assert f"{tmp_path / 'dataset'}: 4 task(s) are not in the dataset" in raised.value.what
    assert "v1/backchannel.icc (55 clips)" in raised.value.excerpt


# --- what --data names ------------------------------------------------------------------------------------------------


def test_what_data_names(tmp_path: Path) -> None:
    make_tree(tmp_path / "tree", TURN)
    assert isinstance(open_data(str(tmp_path / "tree")), UpstreamTree)
    assert open_data("hf:org/name") == HubDataset("org/name")
    assert open_data("hf:org/na.me-1@refs/pr/1") == HubDataset("org/na.me-1", "refs/pr/1")


@pytest.mark.parametrize("text", ["hf:", "hf:name", "hf:a/b/c", "hf:a/b@", "hf:../b", "no/such/folder"])
def test_what_data_does_not_name(text: str) -> None:
    with pytest.raises(UsageError, match="--data"):
        open_data(text)


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read(tmp_path / "dataset", row())
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError) as raised:
        load_samples(task_specs()[TURN], open_data(str(tmp_path / "dataset")))
    assert raised.value.remedy == "pip install 'fdbench[data]'"


# --- where exports go -------------------------------------------------------------------------------------------------


def test_an_export_replaces_an_export_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "dataset"
    export_samples("mini/backchannel", None, target)
    (target / ".git").mkdir()
    (target / ".git" / "config").write_text("kept")
    export_samples("mini/turn_taking", None, target)
    assert (target / ".git" / "config").read_text() == "kept"
    assert [path.name for path in (target / "data").iterdir()] == ["mini--turn_taking"]

    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("three years")
    with pytest.raises(UsageError, match="not empty and holds no export"):
        export_samples("mini/turn_taking", None, other)
    export_samples("mini/turn_taking", None, other, force=True)
    assert (other / "thesis.txt").read_text() == "three years"


def test_an_export_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "dataset"
    export_samples("mini/turn_taking", None, target)
    before = {path: path.read_bytes() for path in target.rglob("*") if path.is_file()}
    with pytest.raises(DataError):
        export_samples(f"mini,{TURN}", None, target)
    assert {path: path.read_bytes() for path in target.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["dataset"]
