"""What others named or said does nothing to a terminal or a page; where a result is to go stays what it is."""

from __future__ import annotations

import json
import os
import shutil
import stat
import threading
from pathlib import Path

import pytest

from fdbench.data.dataset_folder import MARKER, writing
from fdbench.errors import DataError
from fdbench.report.rows import parse_published
from tests.conftest import fdbench
from tests.unit.report.report_trees import metric, write_run

ACTING = "\x1b]0;title\x07\u202ereversed\nfdbench: forged\x9b31m"
RAW = ("\x1b", "\x07", "\u202e", "\nfdbench: forged", "\x9b")
COMMITTED = next(Path(__file__).parents[2].glob("results/silence-*"))


def is_harmless(text: str) -> bool:
    return not any(each in text for each in RAW)


def test_the_name_of_a_model_does_nothing_on_the_page(tmp_path):
    run = write_run(tmp_path / "results", "m", {"takeover_rate": metric("takeover_rate", 0.5)}, arguments={"voice": ACTING})
    text = (run / "manifest.json").read_text()
    (run / "manifest.json").write_text(text.replace('"model": "m"', f'"model": {json.dumps("m" + ACTING)}'))
    done = fdbench("leaderboard", "--results", tmp_path / "results", "--out", tmp_path / "L.md")
    assert done.status == 0, done.err
    page = (tmp_path / "L.md").read_text()
    assert is_harmless(page)
    assert r"\u202ereversed" in page.replace("\\\\", "\\")


@pytest.fixture()
def run(tmp_path):
    shutil.copytree(COMMITTED, tmp_path / COMMITTED.name)
    return tmp_path / COMMITTED.name


def test_neither_do_words_and_messages_in_a_run(run):
    path = run / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["collection"]["model"] = ACTING
    path.write_text(json.dumps(manifest))
    for arguments in (("show", run), ("show", run, "--json"), ("verify", run, "--annotations", "stored"), ("score", run)):
        done = fdbench(*arguments)
        assert is_harmless(done.out + done.err), arguments
        if "--json" in arguments:
            assert json.loads(done.out)["collection"]["model"] == ACTING


def test_a_word_of_a_transcript_does_nothing(tmp_path):
    clip = tmp_path / f"clips/{ACTING}"
    clip.mkdir(parents=True)
    (clip / "turn_taking.json").write_text(json.dumps([{"text": ACTING, "timestamp": [0.5, 0.6]}]))
    (clip / "output.json").write_text(json.dumps({"text": ACTING, "chunks": [{"text": ACTING, "timestamp": [ACTING, 2.0]}]}))
    done = fdbench("score", tmp_path / "clips", "--task", "v1/turn_taking.candor", "--vad", "given")
    assert done.status == 3
    assert "title" in done.err
    assert is_harmless(done.out + done.err)


def test_a_pipe_is_given_the_result_and_stays_a_pipe(run, tmp_path):
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    assert fdbench("show", run, "--json", pipe).status in (0, 3)
    reader.join(10)
    assert json.loads(read[0])["run_id"] == run.name
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_the_leaderboard_goes_through_a_link(tmp_path):
    write_run(tmp_path / "results", "m", {"takeover_rate": metric("takeover_rate", 0.5)})
    (tmp_path / "L.md").symlink_to(tmp_path / "there.md")
    assert fdbench("leaderboard", "--results", tmp_path / "results", "--out", tmp_path / "L.md").status == 0
    assert (tmp_path / "L.md").is_symlink()
    assert (tmp_path / "there.md").read_text().startswith("# Leaderboard")


@pytest.mark.parametrize("change", [{"value": 7.5}, {"n_scored": 13}, {"value": 10**400}, {"ci_low": float("inf")}])
def test_an_impossible_number_is_no_row_of_the_leaderboard(tmp_path, change):
    run = write_run(tmp_path / "results", "m", {"takeover_rate": {**metric("takeover_rate", 0.5), **change}})
    done = fdbench("leaderboard", "--results", tmp_path / "results", "--out", tmp_path / "L.md")
    assert done.status == 2
    assert f"{run}/scores/s1/summary.json: " in done.err
    assert not (tmp_path / "L.md").exists()


@pytest.mark.parametrize("value", ["1" + "0" * 400, "Infinity", "7.5", "-0.1", '"0.5"', "[" * 100_000])
def test_nor_is_one_that_others_published(value):
    row = '"model": "m", "task": "v1/t", "metric": "r", "protocol": "p", "source": "s", "url": "", "evidence": "", "note": ""'
    text = f'{{"schema": 1, "tasks": {{"v1/t": {{"r": {{"unit": "rate"}}}}}}, "rows": [{{{row}, "value": {value}}}]}}'
    with pytest.raises(DataError, match=r"^published\.json"):
        parse_published(text, "published.json")


class TestExports:
    """An export takes the place of the one before in one step."""

    def write(self, target: Path, content: str, *, force: bool = False) -> None:
        with writing(target, force=force) as folder:
            (folder / "README.md").write_text(content)
            (folder / MARKER).parent.mkdir()
            (folder / MARKER).write_text(content)

    @pytest.fixture()
    def target(self, tmp_path):
        self.write(tmp_path / "export", "one")
        (tmp_path / "export" / ".git" / "objects").mkdir(parents=True)
        (tmp_path / "export" / ".git" / "objects" / "x").write_text("history")
        (tmp_path / "export" / "link").symlink_to("README.md")
        return tmp_path / "export"

    def whole(self, target: Path, content: str) -> bool:
        others = (target / ".git" / "objects" / "x").read_text() == "history" and (target / "link").is_symlink()
        return others and (target / "README.md").read_text() == (target / MARKER).read_text() == content

    def test_what_else_is_there_stays(self, target):
        self.write(target, "two")
        assert self.whole(target, "two")
        assert [path.name for path in target.parent.iterdir()] == ["export"]

    @pytest.mark.parametrize("is_before", [True, False])
    def test_one_that_is_ended_is_the_old_one_or_the_new_one(self, target, monkeypatch, is_before):
        from fdbench.data import dataset_folder

        real = dataset_folder.exchange

        def end(one, other):
            if not is_before:
                real(one, other)
            raise KeyboardInterrupt

        monkeypatch.setattr(dataset_folder, "exchange", end)
        with pytest.raises(KeyboardInterrupt):
            self.write(target, "two")
        assert self.whole(target, "one" if is_before else "two")

    def test_its_mode_is_that_of_any_folder(self, tmp_path):
        before = os.umask(0o002)
        try:
            self.write(tmp_path / "export", "one")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "export").stat().st_mode) == 0o775
