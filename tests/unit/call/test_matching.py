"""Which file is whose: by task and id, one file for one sample, and nothing outside the folder."""

from __future__ import annotations

import unicodedata

import pytest

from fdbench.call.matching import TaskSamples, list_recordings, match_files, match_folder
from fdbench.core.take_id import MAIN, TWIN

TURN, PAUSE = "v1/turn_taking.candor", "mini/pause_handling"
TURNS = TaskSamples(TURN, ("1", "2"), "candor_turn_taking")
PAUSES = TaskSamples(PAUSE, ("ph-01",))
OVERLAP = "v1.5/user_interruption"
PAIRS = TaskSamples(OVERLAP, ("1", "2"), "user_interruption", (MAIN, TWIN))


def found(files, wanted=(TURNS, PAUSES), key=(TURN, "1"), *, by_id_alone=False):
    """The files of a sample: of its twin, where the key says so."""
    key = key if len(key) == 3 else (*key, MAIN)
    return match_files(files, wanted, by_id_alone=by_id_alone).by_sample[key].files


@pytest.mark.parametrize(
    "file",
    [
        "v1/turn_taking.candor/1.wav",
        "v1/turn_taking.candor/1.FLAC",
        "v1/turn_taking.candor/1/output.ogg",
        "candor_turn_taking/1/output.wav",
        "candor_turn_taking/1.wav",
        "v1.0/candor_turn_taking/1/output.wav",
        "v1_0/candor_turn_taking/1.aiff",
    ],
)
def test_every_documented_layout_is_found_and_belongs_to_that_sample_only(file):
    matches = match_files([file], (TURNS, PAUSES), by_id_alone=False)
    assert matches.by_sample[(TURN, "1", MAIN)].files == (file,)
    assert matches.n_found == 1
    assert matches.unused == ()


@pytest.mark.parametrize("file", ["1.wav", "1/output.flac"])
def test_an_id_alone_is_enough_only_where_one_task_is_asked_for(file):
    assert found([file], (TURNS,), by_id_alone=True) == (file,)
    assert found([file]) == ()


def test_an_id_may_hold_dots():
    assert found(["t/clip.v2.wav"], (TaskSamples("t", ("clip", "clip.v2")),), ("t", "clip.v2")) == ("t/clip.v2.wav",)
    assert found(["t/clip.v2.wav"], (TaskSamples("t", ("clip", "clip.v2")),), ("t", "clip")) == ()


def test_two_files_for_one_sample_are_both_told():
    files = ["v1/turn_taking.candor/1.flac", "v1/turn_taking.candor/1.wav", "v1.0/candor_turn_taking/1/output.wav"]
    match = match_files(files, (TURNS,), by_id_alone=True).by_sample[(TURN, "1", MAIN)]
    assert sorted(match.files) == sorted(files)


def test_another_unicode_form_is_found():
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    wanted = (TaskSamples("t", (composed,)),)
    assert found([f"t/{decomposed}.wav"], wanted, ("t", composed)) == (f"t/{decomposed}.wav",)
    assert len(found([f"t/{decomposed}.wav", f"t/{composed}.wav"], wanted, ("t", composed))) == 2


def test_an_id_in_another_case_is_another_id():
    wanted = (TaskSamples("t", ("a", "A")),)
    assert found(["t/a.wav"], wanted, ("t", "a")) == ("t/a.wav",)
    assert found(["t/a.wav"], wanted, ("t", "A")) == ()


@pytest.mark.parametrize("sample_id", ["../secret", "/etc/secret", "..", "a/../../secret"])
def test_no_id_points_out_of_the_folder(tmp_path, sample_id):
    (tmp_path / "secret.wav").write_bytes(b"")
    folder = tmp_path / "recordings"
    folder.mkdir()
    matches = match_folder(folder, [TaskSamples("t", (sample_id,))], by_id_alone=True)
    assert matches.by_sample[("t", sample_id, MAIN)].files == ()


@pytest.mark.parametrize(
    ("main", "clean"),
    [
        ("v1.5/user_interruption/1.wav", "v1.5/user_interruption/1.clean.wav"),
        ("v1.5/user_interruption/1/output.wav", "v1.5/user_interruption/1/clean_output.wav"),
        ("user_interruption/1.flac", "user_interruption/1.clean.flac"),
        ("v1_5/user_interruption/1/output.wav", "v1_5/user_interruption/1/clean_output.ogg"),
    ],
)
def test_a_clean_twin_has_a_recording_of_its_own_beside_that_of_the_clip(main, clean):
    matches = match_files([clean, main], (TURNS, PAIRS), by_id_alone=False)
    assert {key[1:]: match.files for key, match in matches.by_sample.items() if match.files} == {
        ("1", MAIN): (main,), ("1", TWIN): (clean,),
    }  # fmt: skip
    assert (matches.n_found, matches.unused) == (2, ())


def test_a_clean_twin_is_found_by_id_alone_and_no_reply_of_the_clip_is_taken_for_it():
    for main, clean in (("1.wav", "1.clean.wav"), ("1/output.wav", "1/clean_output.wav")):
        assert found([main, clean], (PAIRS,), (OVERLAP, "1", TWIN), by_id_alone=True) == (clean,)
        assert found([main], (PAIRS,), (OVERLAP, "1", TWIN), by_id_alone=True) == ()
        assert found([clean], (PAIRS,), (OVERLAP, "1"), by_id_alone=True) == ()


def test_what_belongs_to_no_sample_is_counted_without_upstreams_prompts():
    files = ["1/input.wav", "1/output.wav", "1/interrupt.wav", "demo.wav", "1/clean_output.wav"]
    assert match_files(files, (TURNS,), by_id_alone=True).unused == ("demo.wav", "1/clean_output.wav")


def test_only_recordings_are_listed_through_links_but_not_in_circles(tmp_path):
    for name in ("b/1.wav", "b/notes.txt", "b/._1.wav", ".hidden/2.wav", "elsewhere/3.mp3", "a.M4A"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "b" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert list_recordings(tmp_path) == ("a.M4A", "b/1.wav", "elsewhere/3.mp3", "link/3.mp3")
