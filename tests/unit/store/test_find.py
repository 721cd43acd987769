"""Which run a text means."""

from __future__ import annotations

from pathlib import Path

import pytest

from fdbench.errors import UsageError
from fdbench.store.find import check_name, find_run, name_of
from fdbench.store.run import Run
from tests.paired_runs import TASK, each_once, write_scored_run

SCORES = {TASK: {"takeover_rate": each_once([1.0] * 2)}}


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Under results/: two runs of a model, one of them named as another's id begins; a third beside them in other/."""
    monkeypatch.chdir(tmp_path)
    return {
        "first": write_scored_run(Path("results"), "model-a", SCORES, seed=1),
        "second": write_scored_run(Path("results"), "model-a", SCORES, seed=2, name="model-b"),
        "third": write_scored_run(Path("results"), "model-b", SCORES),
        "other": write_scored_run(Path("other"), "model-a", SCORES, seed=3),
    }


def test_a_path_is_itself_and_an_id_the_run_of_it(runs):
    assert find_run("other") == Path("other")
    assert find_run(str(runs["first"])) == runs["first"]
    assert find_run(runs["first"].name) == runs["first"]


def test_a_name_goes_before_the_beginning_of_an_id(runs):
    assert find_run("model-b") == runs["second"]
    assert find_run("model-b-") == runs["third"]


def test_beginnings_are_looked_for_under_results_or_where_the_text_says(runs):
    assert find_run("other/model") == runs["other"]
    assert find_run(runs["first"].name[:-2]) == runs["first"]


def test_what_may_mean_several_runs_names_them(runs):
    with pytest.raises(UsageError) as error:
        find_run("model-a")
    assert "may be any of 2 runs" in error.value.what
    assert all(runs[name].name in error.value.what for name in ("first", "second"))
    assert "(model-b)" in error.value.what


def test_what_means_nothing_stays_the_path_that_it_is(runs):
    assert find_run("nobody") == Path("nobody")
    assert find_run("nowhere/nobody") == Path("nowhere/nobody")


def test_what_is_no_run_does_not_hide_a_runs_name_but_the_beginning_of_an_id(runs):
    Path("model-b").mkdir()
    Path(runs["first"].name).write_text("a file")
    Path("results/model-b").mkdir()
    Path("model").mkdir()
    assert find_run("model-b") == find_run("results/model-b") == runs["second"]
    assert find_run(runs["first"].name) == runs["first"]
    assert find_run("model") == Path("model")
    assert find_run("./model-b") == find_run("model-b/") == Path("model-b"), "as a path it is that path"


def test_a_word_that_is_a_runs_folder_and_another_runs_name_is_refused(runs):
    runs["other"].rename("model-b")
    with pytest.raises(UsageError, match="is a run's folder here, and the name of results/") as error:
        find_run("model-b")
    assert "./model-b" in error.value.remedy and str(runs["second"]) in error.value.remedy
    assert find_run("./model-b") == Path("model-b")
    assert find_run(str(runs["second"])) == runs["second"]


def test_a_link_to_a_run_that_has_the_runs_name_is_that_run(runs):
    Path("model-b").symlink_to(runs["second"])
    assert find_run("model-b").resolve() == runs["second"].resolve()


def test_a_run_that_cannot_be_read_has_no_name(runs):
    (runs["second"] / "manifest.json").write_text("{")
    assert name_of(Run(runs["second"])) == ""
    assert find_run("model-b") == runs["third"]


def test_a_name_is_of_one_run_alone(runs):
    check_name("model-b", Run(runs["second"]))
    with pytest.raises(UsageError, match="is called so"):
        check_name("model-b", Run(runs["first"]))
    with pytest.raises(UsageError, match="is called so"):
        check_name(runs["first"].name, Run(runs["third"]))


def test_a_name_changes_no_hash(runs):
    manifest = Run(runs["first"]).manifest()
    named = manifest.named("x")
    assert (named.run_id, named.tasks_digest) == (manifest.run_id, manifest.tasks_digest)
    assert "name" not in manifest.model_dump()
