"""Probes through the whole chain: they exercise every agent that speaks, and measure when one stops."""

from __future__ import annotations

import json
import math
from statistics import median

import pytest

from tests.conftest import AGENTS, fdbench, summaries

TASKS = "mini/probe.interruption,mini/probe.noise"
WINDOW_S = 0.032
"""The endpointer hears and speaks in windows of so long, and fades within 10 ms."""


def metrics_of(run, task: str = "mini/probe.interruption"):
    return summaries(run)["fdbench"][task]["metrics"]


@pytest.mark.parametrize("agent", AGENTS)
def test_every_agent_that_speaks_is_exercised(record_once, agent: str) -> None:
    run = record_once(agent, "--tasks", TASKS, "--limit", "2", "--asr", "none", "--protocol", "fdbench")
    for task in TASKS.split(","):
        assert metrics_of(run, task)["not_exercised_rate"]["n_scored"] == 2
        expected = 1.0 if agent == "silence" else 0.0
        if (agent, task) != ("echo", "mini/probe.noise"):  # whose voice is then a noise, too
            assert metrics_of(run, task)["not_exercised_rate"]["value"] == expected


def test_the_oracle_stops_for_the_user_and_for_no_noise(record_once) -> None:
    run = record_once("oracle", "--tasks", TASKS, "--limit", "2", "--asr", "none", "--protocol", "fdbench")
    assert metrics_of(run)["stop_rate"]["value"] == 1
    # 0.3 s after it would be interrupted if its voice were heard at once; it is, up to 0.1 s later.
    assert metrics_of(run)["stop_latency_s"]["value"] == pytest.approx(0.25, abs=0.1)
    assert metrics_of(run, "mini/probe.noise")["stop_rate"]["value"] == 0


@pytest.mark.parametrize("yield_ms", [100, 450, *(pytest.param(each, marks=pytest.mark.slow) for each in (200, 300, 600))])
def test_a_probe_measures_when_an_endpointer_stops(record_once, yield_ms: int) -> None:
    run = record_once(
        "vad-endpointer", "--tasks", "mini/probe.interruption", "--limit", "6", "--asr", "none", "--protocol", "fdbench",
        "--arg", f"yield_ms={yield_ms}",
    )  # fmt: skip
    # It needs so many windows of speech, its silence is heard a window later, and it fades.
    does_s = math.ceil(yield_ms / 1000 / WINDOW_S) * WINDOW_S + WINDOW_S + 0.01
    lines = [json.loads(line) for path in run.glob("scores/fdbench-*/samples.jsonl") for line in path.read_text().splitlines()]
    stops_s = [line["scores"]["stop_latency_s"]["value"] for line in lines]
    assert None not in stops_s
    assert median(stops_s) == pytest.approx(does_s, abs=0.04)


def test_published_protocols_say_nothing_about_probes(record_once) -> None:
    run = record_once("silence", "--tasks", f"{TASKS},mini/turn_taking", "--limit", "1", "--asr", "faster-whisper:tiny.en")
    found = summaries(run)
    assert set(found["fdb-2026-05"]) == {"mini/turn_taking"}
    assert set(found["fdbench"]) == {"mini/turn_taking", *TASKS.split(",")}


@pytest.mark.parametrize(
    "condition", ["echo-20", *(pytest.param(each, marks=pytest.mark.slow) for each in ("clean", "drift-100ppm", "babble-10dB"))]
)
def test_what_a_user_who_reacts_said_is_verified_and_replayed(tmp_path, condition: str) -> None:
    tasks = "mini/probe.interruption,mini/dialogue"
    options = ["--asr", "none", "--protocol", "fdbench"]
    run = fdbench(
        "run",
        "--model",
        "vad-endpointer",
        "--tasks",
        tasks,
        "--limit",
        "1",
        "--condition",
        condition,
        *options,
        "--out",
        tmp_path,
    ).run
    verified = fdbench("verify", run)
    assert verified.status == 0, verified.out
    replayed = fdbench("replay", run, *options)
    assert replayed.status == 0 and "everything that was compared agrees" in replayed.err, replayed.err
