"""A run whose replies are rated by a model: the real client, a server on loopback that misbehaves, a kill in the middle."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from fdbench.judge import asking
from tests.conftest import Finished, fdbench, summaries
from tests.judge_server import MODEL_IN_DISGUISE, JudgeServer, honest_rating, mixed

KEY = "judge-key-5f3a91c7e2"
TASK = "mini/user_interruption"
MODEL = ("--model", "oracle", "--tasks", TASK, "--limit", "7", "--asr", "sphinx", "--tail-limit", "4")
QUICK = ("--judge-timeout", "2")

pytest.importorskip("openai", reason="needs pip install 'fdbench[judge]'")
pytest.importorskip("pocketsphinx", reason="needs pip install 'fdbench[sphinx]'")


@pytest.fixture(scope="module")
def unjudged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    finished = fdbench("run", *MODEL, "--out", tmp_path_factory.mktemp("unjudged"))
    assert finished.status == 0, finished.err
    return finished.run


@pytest.fixture
def run(unjudged: Path, tmp_path: Path) -> Path:
    """A run that waits for its judge."""
    copy = tmp_path / "results" / unjudged.name
    shutil.copytree(unjudged, copy)
    return copy


def judged(run: Path, server: JudgeServer | str, *options: str, **environment: str) -> Finished:
    url = server if isinstance(server, str) else server.base_url
    return fdbench(
        "score", run, "--asr", "sphinx", "--judge", "vllm:judge-1", "--judge-url", url, *QUICK, *options,
        **{"FDBENCH_JUDGE_API_KEY": KEY, **environment},
    )  # fmt: skip


def ratings(run: Path, protocol: str = "fdb-2026-05", judge: str = "judge-1") -> dict[str, float | str]:
    """By sample, the rating, or the reason why there is none, in the scoring made with this judge."""
    for path in run.glob(f"scores/{protocol}-*/summary.json"):
        if judge in json.loads(path.read_text())["engines"]["judge"]:
            lines = [json.loads(line) for line in path.with_name("samples.jsonl").read_text().splitlines()]
            scores = {line["id"]: line["scores"]["relevance"] for line in lines}
            return {id: each["reason"] if each["value"] is None else each["value"] for id, each in scores.items()}
    raise AssertionError(f"no scoring by {judge}")


def verdicts(run: Path) -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted((run / "verdicts").rglob("*.json"))]


def test_every_takeover_is_rated_whatever_the_server_does_on_the_way(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = asking.backoff_s
    monkeypatch.setattr(asking, "backoff_s", lambda n_failures: seconds(n_failures) / 10)
    with JudgeServer(behave=mixed(seed=7), stall_s=5.0) as server:
        finished = judged(run, server)
    assert finished.status == 0, finished.err
    troubles = Counter(behaviour for behaviour in server.behaviours)
    assert len(troubles) >= 4, "the schedule was too kind to show anything"
    for protocol in ("fdb-2026-05", "fdbench"):
        takeovers = {id for (_, id), each in sample_scores_of(run, protocol).items() if each["takeover_rate"]["value"] == 1.0}
        found = ratings(run, protocol)
        assert takeovers
        assert {id for id, rating in found.items() if isinstance(rating, float)} == takeovers
        assert set(found.values()) - {0.0, 1.0, 2.0, 3.0, 4.0, 5.0} <= {"no_takeover"}
    assert all(each["rating"] == honest_rating(each["question"]) for each in verdicts(run))
    assert "judge: " in finished.err


def sample_scores_of(run: Path, protocol: str) -> dict[tuple[str, str], dict]:
    for path in run.glob(f"scores/{protocol}-*/summary.json"):
        if json.loads(path.read_text())["engines"]["judge"] != "none":
            lines = [json.loads(line) for line in path.with_name("samples.jsonl").read_text().splitlines()]
            return {(line["task"], line["id"]): line["scores"] for line in lines}
    raise AssertionError("no judged scoring")


def test_a_run_killed_while_judging_goes_on_without_asking_twice(run: Path) -> None:
    with JudgeServer(behave=lambda question, n_before: "slow", delay_s=0.25) as server:
        command = [
            sys.executable, "-m", "fdbench.cli", "score", str(run), "--asr", "sphinx", "--workers", "1",
            "--judge", "vllm:judge-1", "--judge-url", server.base_url, "--judge-concurrency", "2",
        ]  # fmt: skip
        process = subprocess.Popen(command, start_new_session=True, env={**os.environ, "FDBENCH_JUDGE_API_KEY": KEY})
        while len(verdicts(run)) < 4:
            assert process.poll() is None, "it was done before it could be killed"
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        kept = {each["key"] for each in verdicts(run)}
        asked_before = Counter(request["question"] for request in server.requests)
        time.sleep(0.6)  # the server finishes what was under way
        finished = judged(run, server)
        assert finished.status == 0, finished.err
        asked = Counter(request["question"] for request in server.requests)
    n_questions = len(verdicts(run))
    assert len(kept) < n_questions
    assert len(asked) == n_questions
    twice = {question for question, n in asked.items() if n > 1}
    assert len(twice) <= 2, "more than what was under way when it was killed"
    assert sum(asked.values()) - len(twice) == n_questions
    assert len(kept) + len(twice) <= sum(asked_before.values()) + 2
    before = len(asked)
    with JudgeServer() as other:
        again = judged(run, other)
    assert again.status == 0, again.err
    assert other.requests == [], f"{before} verdicts are on disk"


def test_a_resumed_run_has_the_numbers_of_one_that_was_not_disturbed(run: Path, unjudged: Path, tmp_path: Path) -> None:
    calm = tmp_path / "calm" / unjudged.name
    shutil.copytree(unjudged, calm)
    with JudgeServer() as server, JudgeServer(["normal", "normal", "500", "403"]) as shut:
        assert judged(calm, server).status == 0
        assert judged(run, shut).status == 3
        assert judged(run, server).status == 0
    assert summaries_of_judge(calm) == summaries_of_judge(run)


def summaries_of_judge(run: Path) -> dict:
    found = [json.loads(path.read_text()) for path in run.glob("scores/*/summary.json")]
    return {each["protocol"]: each for each in found if each["engines"]["judge"] != "none"}


def test_a_judge_that_is_not_there_costs_its_own_metric_and_nothing_else(run: Path) -> None:
    with JudgeServer(behave=lambda question, n_before: "404_model") as shut:
        finished = judged(run, shut)
    assert finished.status == 3
    assert len(shut.requests) <= 4, "a closed door is knocked at once by each thread at most"
    found = ratings(run, "fdbench")
    assert set(found.values()) == {"judge_failed"}
    assert "judge" in finished.err
    unrated = next(each for each in summaries_of_judge(run).values() if each["protocol"] == "fdbench")
    plain = summaries(run)  # the last one per protocol; both have the same takeovers
    assert (
        unrated["tasks"][TASK]["metrics"]["takeover_rate"]["value"]
        == plain["fdbench"][TASK]["metrics"]["takeover_rate"]["value"]
    )
    with JudgeServer() as server:
        mended = judged(run, server)
    assert mended.status == 0, mended.err
    assert all(isinstance(rating, float) for rating in ratings(run, "fdbench").values())


def test_one_command_plays_hears_asks_and_scores_and_no_secret_is_in_any_file(tmp_path: Path) -> None:
    """The server writes the key into every answer, and once into an error."""
    with JudgeServer(script=["429_retry_after", "malformed"]) as server:
        finished = fdbench(
            "run", *MODEL, "--limit", "4", "--out", tmp_path / "results", "--judge", "openai:judge-1",
            "--judge-url", server.base_url, "--judge-price", "2.5,10", *QUICK, OPENAI_API_KEY=KEY,
        )  # fmt: skip
        assert finished.status == 0, finished.err
        refused = JudgeServer(behave=lambda question, n_before: "401_echo_key")
        with refused:
            shut = judged(finished.run, refused, "--judge-prompts", "own", "--judge", "vllm:judge-2")
    assert shut.status == 3
    assert server.authorizations == {KEY}, "the key did reach the server"
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.parent.parent.name == "verdicts" for path in written)
    assert any("attempts" in path.name for path in written)
    for path in written:
        assert KEY.encode() not in path.read_bytes(), path
    for text in (finished.out, finished.err, shut.out, shut.err):
        assert KEY not in text
    assert "USD" in finished.err


def test_another_model_that_answers_is_recorded_and_told(run: Path) -> None:
    with JudgeServer(behave=lambda question, n_before: "other_model") as server:
        finished = judged(run, server)
    assert finished.status == 0
    assert f"asked for judge-1, {MODEL_IN_DISGUISE} answered" in finished.err
    for summary in summaries_of_judge(run).values():
        assert set(summary["judges"]) == {MODEL_IN_DISGUISE}
    assert {each["answered"]["model"] for each in verdicts(run)} == {MODEL_IN_DISGUISE}


def test_without_its_key_a_judge_is_refused_before_anything_is_played(tmp_path: Path) -> None:
    environment = {"OPENAI_API_KEY": "", "FDBENCH_JUDGE_API_KEY": ""}
    finished = fdbench("run", *MODEL, "--out", tmp_path, "--judge", "openai:gpt-4o-2024-08-06", **environment)
    assert finished.status == 2
    assert "OPENAI_API_KEY" in finished.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--judge", "gpt-4o"), "PROVIDER:MODEL"),
        (("--judge", "opnai:gpt-4o"), "did you mean 'openai'"),
        (("--judge", "vllm:m", "--judge-url", "https://user:secret-word@host/v1"), "user name or a password"),
        (("--judge", "vllm:m", "--judge-url", "http://localhost/v1?key=secret-word"), "query"),
        (("--judge", "vllm:m", "--judge-prompts", "upstream"), "fdbench data download"),
    ],
)
def test_a_judge_that_cannot_be_meant_is_refused_in_two_lines(tmp_path: Path, options: tuple[str, ...], told: str) -> None:
    finished = fdbench("run", *MODEL, "--out", tmp_path, *options, FDBENCH_DATA="")
    assert finished.status == 2
    assert told in finished.err
    assert "secret-word" not in finished.err
    assert "Traceback" not in finished.err


def test_a_folder_made_elsewhere_is_judged_through_the_users_cache(tmp_path: Path) -> None:
    clip = tmp_path / "clips" / "1"
    clip.mkdir(parents=True)
    words = ["the", "helicopter", "turns", "its", "blades"]
    chunks = [{"text": word, "timestamp": [8.0 + i * 0.4, 8.3 + i * 0.4]} for i, word in enumerate(words)]
    text = "The helicopter -- turns its blades!"
    (clip / "output.json").write_text(json.dumps({"text": text, "chunks": chunks}))
    annotation = {"context": "how do planes fly", "interrupt": "and a helicopter", "timestamp": [5.0, 7.0]}
    (clip / "interrupt.json").write_text(json.dumps([annotation]))
    command = (
        "score", tmp_path / "clips", "--task", "v1/user_interruption.synthetic", "--protocol", "fdb-2026-05",
        "--judge", "vllm:judge-1", "--json", tmp_path / "scores.json",
    )  # fmt: skip
    for _ in range(2):
        with JudgeServer() as server:
            finished = fdbench(*command, "--judge-url", server.base_url, FDBENCH_CACHE=str(tmp_path / "cache"))
        assert finished.status == 0, finished.err
        (line,) = json.loads((tmp_path / "scores.json").read_text())["samples"]
        assert line["scores"]["relevance"]["value"] == 5.0
        (verdict,) = (json.loads(path.read_text()) for path in (tmp_path / "cache").rglob("*.json"))
        assert verdict["question"]["reply"] == text, "as the published script sends it"
    assert server.requests == [], "the second time, the verdict was known"
    assert not (clip.parent / ".fdbench").exists()


def test_an_interruption_without_text_cannot_be_judged_and_says_so(tmp_path: Path) -> None:
    clip = tmp_path / "1"
    clip.mkdir()
    chunks = [{"text": word, "timestamp": [8.0 + i, 8.5 + i]} for i, word in enumerate("abcd")]
    (clip / "output.json").write_text(json.dumps({"text": "a b c d", "chunks": chunks}))
    (clip / "interrupt.json").write_text(json.dumps([{"context": None, "interrupt": None, "timestamp": [5.0, 7.0]}]))
    with JudgeServer() as server:
        finished = fdbench(
            "score", tmp_path, "--task", "v1/user_interruption.synthetic", "--protocol", "fdb-2026-05", "--json", "-",
            "--judge", "vllm:judge-1", "--judge-url", server.base_url, FDBENCH_CACHE=str(tmp_path / "cache"),
        )  # fmt: skip
    assert finished.status == 3
    (line,) = json.loads(finished.out)["samples"]
    assert line["scores"]["relevance"]["reason"] == "interruption_text_missing"
    assert server.requests == []
