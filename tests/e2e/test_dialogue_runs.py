"""Runs of dialogues: the same bytes again, gone on with, replayed, verified, exported."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.conftest import fdbench, summaries

OPTIONS = ("--tasks", "mini/dialogue", "--limit", "2", "--duration", "14", "--asr", "faster-whisper:tiny.en")


@pytest.fixture(scope="module")
def run(record_once):
    return record_once("vad-endpointer", *OPTIONS)


def files_of(run, *folders):
    return {
        path.relative_to(run).as_posix(): path.read_bytes()
        for folder in folders
        for path in sorted((run / folder).rglob("*"))
        if path.is_file()
    }


def test_another_run_gives_the_same_bytes_whatever_the_slots_and_where_it_was_cut(run, tmp_path) -> None:
    first = fdbench("run", "--model", "vad-endpointer", "--out", tmp_path, *OPTIONS[:2], "--limit", "1", *OPTIONS[4:])
    assert first.status == 0, first.err
    (kept,) = files_of(first.run, "takes")
    again = fdbench("run", "--model", "vad-endpointer", "--out", tmp_path, *OPTIONS)
    assert again.status == 0, again.err
    assert "1 of 2 calls were there already" in again.err
    assert files_of(again.run, "takes", "audio", "scores") == files_of(run, "takes", "audio", "scores")
    assert kept in files_of(again.run, "takes")


def test_who_examined_is_in_the_name_where_it_is_not_usual_and_in_every_signature(run) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["collection"]["examiner"] == {"duration_s": 14.0}
    examined = manifest["tasks"]["mini/dialogue"]["examiner"]
    assert examined["examiner"].startswith("scripted:") and examined["pace"] == "slow"
    signature = summaries(run)["fdbench"]["mini/dialogue"]["metrics"]["goal_coverage_rate"]["signature"]
    assert f"|examiner:{examined['examiner']}|" in signature and "|pace:slow|" in signature
    usual = fdbench("run", "--model", "silence", "--tasks", "mini/turn_taking", "--limit", "1", "--asr", "none",
                    "--protocol", "fdbench", "--out", run.parent / "usual")  # fmt: skip
    assert "examiner" not in json.loads((usual.run / "manifest.json").read_text())["collection"]


def test_another_examiner_is_another_run(run, tmp_path) -> None:
    fast = fdbench("run", "--model", "vad-endpointer", "--out", tmp_path, *OPTIONS, "--pace", "fast", "--gate-candidate")
    assert fast.status == 0, fast.err
    assert fast.run.name != run.name
    for wrong, words in (
        (("--examiner", "magic"), "magic"),
        (("--duration", "0"), "--duration 0"),
        (("--pace", "idle"), "idle"),
    ):
        refused = fdbench("run", "--model", "silence", "--out", tmp_path, "--tasks", "mini/dialogue", *wrong)
        assert refused.status == 2 and words in refused.err


def test_it_is_replayed_verified_and_exported(run, tmp_path) -> None:
    mine = tmp_path / run.name
    shutil.copytree(run, mine)
    replayed = fdbench("replay", mine, "--asr", "faster-whisper:tiny.en")
    assert replayed.status == 0, replayed.err
    assert "2 calls replayed: everything that was compared agrees" in replayed.err
    verified = fdbench("verify", mine)
    assert verified.status == 0, verified.out + verified.err
    pytest.importorskip("datasets", reason="needs pip install 'fdbench[data]'")
    exported = fdbench("export", mine, "--to", tmp_path / "dataset")
    assert exported.status == 0, exported.err
    scored = fdbench("score", tmp_path / "dataset", "--asr", "faster-whisper:tiny.en", "--protocol", "fdbench")
    assert scored.status == 0, scored.err


def test_a_conversation_is_shown_as_a_timeline(run) -> None:
    shown = fdbench("show", run, "--call", "mini/dialogue/correction-01")
    assert shown.status == 0, shown.err
    assert "mini/dialogue/correction-01@main.r0" in shown.out and "I would like a large pizza with mushrooms." in shown.out
    picture = [line for line in shown.out.splitlines() if line.startswith(("user ", "model "))]
    assert len(picture) == 2 and all("#" in line for line in picture)
    unknown = fdbench("show", run, "--call", "mini/dialogue/daily-99")
    assert unknown.status == 2 and "holds no call of 'mini/dialogue/daily-99'" in unknown.err


def test_the_screen_and_the_page_say_what_was_met(run) -> None:
    shown = fdbench("show", run)
    assert "goal_coverage_rate" in shown.out and "mini/dialogue" in shown.out
