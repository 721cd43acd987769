"""Tables of conditions: paired with the same model clean, levels from mild to hard, nothing where there are none."""

from __future__ import annotations

import json

import pytest

from fdbench.core.ladder import rung_of
from fdbench.report.headline_table import TOLD_UNDER, headline_lines
from fdbench.report.ladder_lines import draw_ladder, ladder_lines
from fdbench.report.ladders import HEARING, lost_under, read_ladders
from fdbench.report.leaderboard import render_leaderboard
from fdbench.report.rows import read_results
from fdbench.task.conditions import conditions
from tests.unit.report.report_trees import metric, write_run

TASK = "mini/turn_taking"


def run_under(root, condition, lost, *, model="m", sound=0.0, effects=None):
    """A run whose clips cost these seconds per turn."""
    known = conditions().get(condition)
    effects = effects if effects is not None else [dict(each) for each in known.to_model] if known else []
    values = {name: metric(name, sum(lost) / len(lost)) for name in ("lost_per_turn_s",)}
    values["sound_beside_speech"] = metric("sound_beside_speech", sound)
    run = write_run(root / condition / model, f"{model}-{condition}", values, task=TASK)
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["collection"] |= {"model": model, "adapter": f"adapters/{model}", "condition": condition}
    if effects:
        facts = {"version": 1, "to_model": effects, "to_user": [], "accounts_delay": True}
        manifest["collection"]["condition_facts"] = facts
    (run / "manifest.json").write_text(json.dumps(manifest))
    lines = [
        {"id": f"c{at}", "task": TASK, "scores": {"lost_per_turn_s": {"value": value, "status": "scored"}}}
        for at, value in enumerate(lost)
    ]
    (run / "scores" / "s1" / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    run.rename(root / run.name)


@pytest.fixture
def results(tmp_path):
    for condition, lost in (
        ("babble-0dB", [5.0, 5.0]), ("clean", [0.5, 0.7]), ("babble-20dB", [0.5, 0.7]), ("babble-10dB", [0.5, 1.1]),
        ("speakerphone", [1.5, 2.7]),
    ):  # fmt: skip
        run_under(tmp_path, condition, lost, sound=0.5 if condition == "babble-0dB" else 0.0)
    return tmp_path


def test_every_condition_of_a_ladder_has_a_place_on_it():
    for name, each in conditions().items():
        rung = rung_of(each.to_model)
        if each.ladder:
            assert rung is not None and rung.ladder == each.ladder, name
    assert rung_of(conditions()["mobile"].to_model) is None
    places = {name: rung_of(conditions()[name].to_model) for name in ("babble-10dB", "loss-5pc-b3", "g711-mu", "echo-0+aec3")}
    assert {name: (rung.series, rung.title) for name, rung in places.items()} == {
        "babble-10dB": ("babble", "10 dB"), "loss-5pc-b3": ("bursts of 3", "5 %"), "g711-mu": ("codes", "G.711 mu"),
        "echo-0+aec3": ("60 ms, T60 0.4 s, AEC3", "0 dB"),
    }  # fmt: skip


def test_a_ladder_is_paired_with_clean_from_mild_to_hard(results):
    rows = read_results(results)
    table, combined = read_ladders(results, rows)
    assert (combined.ladder, [rung.title for rung in combined.rungs]) == ("combined", ["speakerphone"])
    assert (table.ladder, table.series, [rung.level for rung in table.rungs]) == ("noise", "babble", [20, 10, 0])
    (line,) = table.lines
    assert [round(step.change.difference, 6) for step in line.steps] == [0.0, 0.2, 4.4]
    assert (line.steps[0].change.low, line.steps[0].change.high) == (0.0, 0.0)
    assert line.response.slope_per_db == pytest.approx(-0.22), "more lost per dB less: 4.4 s over 20 dB"
    assert line.response.breaks_at_db == pytest.approx(15), "half way from 20 to 10 dB"
    text = "\n".join(ladder_lines([table]))
    assert "### Noise: babble" in text and "🟩 0" in text and "🟥 +4.40" in text and "15.0 dB" in text and "4.40‡" not in text


def test_rows_beyond_what_our_hearing_is_good_for_are_marked(results):
    (results / HEARING).write_text(json.dumps({"believed_down_to_db": 20.0}))
    table, _ = read_ladders(results, read_results(results))
    assert [step.is_beyond for step in table.lines[0].steps] == [False, False, True], "its own channel is noisy at 0 dB only"
    assert "+4.40‡" in "\n".join(ladder_lines([table]))


def test_headlines_tell_what_a_speakerphone_costs_where_that_was_measured(results):
    rows = read_results(results)
    under = lost_under(results, rows, TOLD_UNDER)
    assert {run: list(of) for run, of in under.items()} == {"m-clean-l0": ["speakerphone"]}
    assert under["m-clean-l0"]["speakerphone"].difference == pytest.approx(1.5)
    clean = [row for row in rows if row.collection.condition == "clean"]
    told, plain = ("\n".join(headline_lines(clean, each)) for each in (under, None))
    assert "+1.50 <sub>speakerphone</sub>" in told and "speakerphone" not in plain
    page = render_leaderboard(rows, (), ladders=read_ladders(results, rows), under=under)
    assert page.count("## Robustness") == 1 and "condition `babble-0dB`" not in page
    alone = render_leaderboard(clean, ())
    assert "Robustness" not in alone and "speakerphone" not in alone


def test_a_ladder_without_a_clean_run_of_the_same_model_is_not_shown(tmp_path):
    run_under(tmp_path, "babble-20dB", [0.5])
    run_under(tmp_path, "clean", [0.5], model="other")
    rows = read_results(tmp_path)
    assert read_ladders(tmp_path, rows) == [] and ladder_lines([]) == []
    assert "condition `babble-20dB`" in render_leaderboard(rows, ()), "it stands among the models' tables, as before"


def test_a_ladder_is_a_picture(results, tmp_path):
    pytest.importorskip("matplotlib", reason="needs pip install 'fdbench[pictures]'")
    table, _ = read_ladders(results, read_results(results))
    for name in ("a.png", "b.png"):
        draw_ladder(table, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
