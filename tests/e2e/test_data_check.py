"""`fdbench data check`: a whole tree passes in every layout, and each planted fault is found in its file."""

from __future__ import annotations

import json
import os
import shutil

import pytest
import soundfile

from fdbench.core.event import CONTEXT, INTERRUPTION, PAUSE, TURN_END
from fdbench.task.data import open_data
from fdbench.task.load import load_samples, task_specs
from fdbench.task.tree import find_set
from tests.conftest import fdbench
from tests.v1_tree import make_v1_tree

V1 = {name: spec for name, spec in task_specs().items() if spec.family == "v1"}
N_CLIPS = 727
DISTRIBUTION = "icc_gt_distribution.json"
FILES = {
    "pause_handling": {"input.wav", "pause.json", "transcription.json"},
    "turn_taking": {"input.wav", "turn_taking.json", "transcription.json"},
    "backchannel": {"input.wav", "transcription.json"},
    "user_interruption": {"input.wav", "interrupt.json", "context.wav", "interrupt.wav"},
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """All 727 clips; 280 MB, so it goes when the module is done."""
    data = tmp_path_factory.mktemp("v1") / "data"
    make_v1_tree(data)
    yield data
    shutil.rmtree(data)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    data = tmp_path_factory.mktemp("v1-small") / "data"
    make_v1_tree(data, "--clips", 3)
    return data


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    """A whole tree with planted faults, and the list of them."""
    data = tmp_path_factory.mktemp("v1-damaged") / "data"
    make_v1_tree(data, "--faults")
    yield data, json.loads((data.parent / "faults.json").read_text())
    shutil.rmtree(data)


def check(data, *options):
    """Status, result and standard error of `fdbench data check`."""
    finished = fdbench("data", "check", "--data", data, "--json", *options)
    return finished.status, json.loads(finished.out), finished.err


def errors(result):
    return [finding for finding in result["findings"] if finding["severity"] == "error"]


def linked(source, target):
    """The same files under another name, without a second copy on disk."""
    shutil.copytree(source, target, copy_function=os.link)


# --- the tree is what upstream's is, but for the speech ---------------------------------------------------------------


def test_sets_have_the_published_counts_rates_and_files(tree):
    n = 0
    for spec in V1.values():
        folder = find_set(tree, spec.source.folder, spec.source.root)
        clips = sorted(folder.iterdir())
        assert len(clips) == spec.source.n, spec.name
        assert {frozenset(path.name for path in clip.iterdir()) for clip in clips} == {frozenset(FILES[spec.behaviour])}
        heard = [soundfile.info(clip / "input.wav") for clip in clips]
        assert {(info.samplerate, info.channels, info.subtype) for info in heard} == {(spec.source.sample_rate, 1, "PCM_16")}
        n += len(clips)
    assert n == N_CLIPS


def test_every_clip_loads_with_its_annotations_and_no_two_are_alike(tree):
    kinds = {
        "pause_handling": {PAUSE},
        "turn_taking": {TURN_END},
        "backchannel": set(),
        "user_interruption": {CONTEXT, INTERRUPTION},
    }
    prompts = []
    for spec in V1.values():
        loaded = load_samples(spec, open_data(str(tree)))
        assert (len(loaded.samples), loaded.broken, loaded.notes) == (spec.source.n, {}, ())
        for sample in loaded.samples:
            assert {event.kind for event in sample.events} == kinds[spec.behaviour]
            assert bool(sample.human_timing) == (spec.behaviour == "backchannel")
            prompts.append(sample.stimuli["main"].digest)
    assert len(set(prompts)) == N_CLIPS


def test_annotated_silence_is_silent_and_annotated_speech_is_not(small):
    for name, spec in V1.items():
        for sample in load_samples(spec, open_data(str(small))).samples:
            prompt = sample.stimuli["main"].load()

            def loudest(start_s, end_s, audio=prompt):
                margin = round(0.01 * audio.sample_rate)  # resampling rings a little over the edge of a word
                inside = audio.samples[round(start_s * audio.sample_rate) + margin : round(end_s * audio.sample_rate) - margin]
                return abs(inside).max()

            for event in sample.of_kind(PAUSE):
                assert loudest(event.span.start_s, event.span.end_s) < 1e-3, (name, sample.id)
            for event in sample.of_kind(TURN_END):
                assert loudest(event.span.start_s, prompt.duration_s) < 1e-3, (name, sample.id)
                assert loudest(event.span.start_s - 0.3, event.span.start_s) > 1e-2, (name, sample.id)
            for event in sample.of_kind(INTERRUPTION):
                assert loudest(event.span.start_s - 0.5, event.span.start_s) < 1e-3, (name, sample.id)
                assert loudest(event.span.start_s, event.span.end_s) > 1e-2, (name, sample.id)
                assert loudest(event.span.end_s, prompt.duration_s) < 1e-3, (name, sample.id)


def test_a_clip_depends_on_the_seed_its_set_and_its_id_alone(tree, small, tmp_path):
    make_v1_tree(tmp_path / "other", "--clips", 3, "--seed", 1)
    for file in (small / "v1.0").rglob("*.*"):
        if file.is_file() and file.name != DISTRIBUTION:
            name = file.relative_to(small)
            assert file.read_bytes() == (tree / name).read_bytes(), name
            assert file.read_bytes() != (tmp_path / "other" / name).read_bytes(), name


@pytest.mark.parametrize(("layout", "root"), [("v1.0", "v1.0"), ("v1_0", "v1_0"), ("flat", ".")])
def test_the_script_knows_the_layouts_seen_in_the_wild(tmp_path, layout, root):
    make_v1_tree(tmp_path, "--clips", 1, "--layout", layout)
    assert {path.name for path in (tmp_path / root).iterdir()} == {*(spec.source.folder for spec in V1.values()), DISTRIBUTION}


# --- what check says of it --------------------------------------------------------------------------------------------


def test_a_whole_tree_passes_and_distributions_other_than_the_published_ones_are_its_only_warning(tree):
    status, result, err = check(tree)
    assert (status, errors(result)) == (0, []), err
    assert {each["set"]: each["n_clips"] for each in result["sets"]} == {
        spec.source.folder: spec.source.n for spec in V1.values()
    }
    (warning,) = result["findings"]
    assert warning["file"] == f"v1.0/{DISTRIBUTION}"
    assert V1["v1/backchannel.icc"].source.sha256[DISTRIBUTION] in warning["what"]


@pytest.mark.parametrize("root", ["v1_0", "."])
def test_a_whole_tree_passes_in_the_other_layouts(tree, tmp_path, root):
    data = tmp_path / "data"
    linked(tree / "v1.0", data / root)
    status, result, err = check(data)
    assert (status, errors(result), sum(each["n_clips"] for each in result["sets"])) == (0, [], N_CLIPS), err


def test_a_set_that_is_not_whole_is_an_error_with_both_counts(small):
    status, result, _ = check(small)
    assert status == 3
    found = {finding["set"]: finding["what"] for finding in errors(result)}
    assert set(found) == {spec.source.folder for spec in V1.values()}
    for spec in V1.values():
        assert str(spec.source.n) in found[spec.source.folder]
        assert "3" in found[spec.source.folder]


def test_twelve_different_faults_are_planted_in_twelve_clips_of_all_five_sets(damaged):
    _, planted = damaged
    assert len({fault["fault"] for fault in planted}) == len({(fault["set"], fault["clip"]) for fault in planted}) == 12
    assert {fault["set"] for fault in planted} == {spec.source.folder for spec in V1.values()}


def test_each_planted_fault_is_an_error_in_its_file_and_nothing_else_is(damaged):
    data, planted = damaged
    status, result, _ = check(data)
    assert status == 3
    found = {(finding["set"], finding["clip"], (data / finding["file"]).resolve()) for finding in errors(result)}
    expected = {(fault["set"], fault["clip"], (data / fault["file"]).resolve()): fault["fault"] for fault in planted}
    assert {where: fault for where, fault in expected.items() if where not in found} == {}
    assert found - set(expected) == set()
