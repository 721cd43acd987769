"""Which file is whose: by task and id, one file for one sample, and nothing outside the folder."""

from __future__ import annotations

import unicodedata

import pytest

from fdbench.call.matching import Wanted, list_recordings, match_files, match_folder

TURN, PAUSE = "v1/turn_taking.candor", "mini/pause_handling"
TURNS = Wanted(TURN, ("1", "2"), "candor_turn_taking")
PAUSES = Wanted(PAUSE, ("ph-01",))


def found(files, wanted=(TURNS, PAUSES), key=(TURN, "1"), *, by_id_alone=False):
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
    assert matches.by_sample[(TURN, "1")].files == (file,)
    assert matches.n_found == 1
    assert matches.unused == ()


@pytest.mark.parametrize("file", ["1.wav", "1/output.flac"])
def test_an_id_alone_is_enough_only_where_one_task_is_asked_for(file):
    assert found([file], (TURNS,), by_id_alone=True) == (file,)
    assert found([file]) == ()


def test_an_id_may_hold_dots():
    assert found(["t/clip.v2.wav"], (Wanted("t", ("clip", "clip.v2")),), ("t", "clip.v2")) == ("t/clip.v2.wav",)
    assert found(["t/clip.v2.wav"], (Wanted("t", ("clip", "clip.v2")),), ("t", "clip")) == ()


def test_two_files_for_one_sample_are_both_told():
    files = ["v1/turn_taking.candor/1.flac", "v1/turn_taking.candor/1.wav", "v1.0/candor_turn_taking/1/output.wav"]
    match = match_files(files, (TURNS,), by_id_alone=True).by_sample[(TURN, "1")]
    assert sorted(match.files) == sorted(files)
    assert not match.is_clear


def test_another_unicode_form_is_found_and_the_exact_one_is_preferred():
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    wanted = (Wanted("t", (composed,)),)
    assert found([f"t/{decomposed}.wav"], wanted, ("t", composed)) == (f"t/{decomposed}.wav",)
    both = match_files([f"t/{decomposed}.wav", f"t/{composed}.wav"], wanted, by_id_alone=False)
    assert both.by_sample[("t", composed)].files == (f"t/{composed}.wav",)
    assert both.unused == (f"t/{decomposed}.wav",)


def test_another_case_is_found_but_never_takes_the_file_that_another_sample_fits_exactly():
    wanted = (Wanted("t", ("a", "A")),)
    assert found(["T/a.wav"], (Wanted("t", ("a",)),), ("t", "a")) == ("T/a.wav",)
    assert found(["t/a.wav"], wanted, ("t", "a")) == ("t/a.wav",)
    assert found(["t/a.wav"], wanted, ("t", "A")) == ()


def test_a_file_that_fits_two_samples_by_case_belongs_to_neither():
    matches = match_files(["t/ID.wav"], (Wanted("t", ("id", "Id")),), by_id_alone=False)
    assert matches.by_sample[("t", "id")].rivals == (("t", "Id"),)
    assert not any(match.is_clear for match in matches.by_sample.values())


@pytest.mark.parametrize("sample_id", ["../secret", "/etc/secret", "..", "a/../../secret"])
def test_no_id_points_out_of_the_folder(tmp_path, sample_id):
    (tmp_path / "secret.wav").write_bytes(b"")
    folder = tmp_path / "recordings"
    folder.mkdir()
    matches = match_folder(folder, [Wanted("t", (sample_id,))], by_id_alone=True)
    assert matches.by_sample[("t", sample_id)].files == ()


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


def test_one_file_under_two_names_is_one_recording(tmp_path):
    (tmp_path / "v1.0" / "candor_turn_taking").mkdir(parents=True)
    (tmp_path / "v1.0" / "candor_turn_taking" / "1.wav").write_bytes(b"")
    (tmp_path / "v1_0").symlink_to(tmp_path / "v1.0", target_is_directory=True)
    match = match_folder(tmp_path, [TURNS], by_id_alone=False).by_sample[(TURN, "1")]
    assert match.files == ("v1.0/candor_turn_taking/1.wav",)
    assert match.is_clear
