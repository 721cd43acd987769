"""`fdbench judge check` as a user runs it: the real client, a judge on loopback."""

from __future__ import annotations

import json
import threading
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("openai", reason="needs pip install 'fdbench[judge]'")

from fdbench.judge import asking
from fdbench.judge.calibration import labelled_set
from fdbench.judge.providers import settings_of
from tests.conftest import Finished, fdbench
from tests.judge_server import JudgeServer, mixed

KEY = "a-key-that-nobody-may-see-0815"
ITEMS = labelled_set().items


def check(server: JudgeServer, out: Path, *more: object, model: str = "words") -> Finished:
    command = ("judge", "check", "--judge", f"vllm:{model}", "--judge-url", server.base_url, "--out", out)
    return fdbench(*command, *more, VLLM_API_KEY=KEY, FDBENCH_DATA="")


def stored(out: Path) -> dict:
    (path,) = (out / "judges").glob("*.json")
    return json.loads(path.read_text())


def test_every_item_is_asked_once_and_the_second_time_nothing_is(tmp_path):
    with JudgeServer() as server:
        first = check(server, tmp_path)
        n_asked = len(server.requests)
        before = stored(tmp_path)
        again = check(server, tmp_path)
        assert len(server.requests) == n_asked
    assert first.status == again.status == 0, first.err
    assert n_asked == len(ITEMS)
    assert stored(tmp_path) == before
    assert before["n_rated"] == len(ITEMS)
    assert f"0 asked (0 requests), {len(ITEMS)} known already" in again.out
    for told in (
        "weighted kappa",
        "mean absolute error",
        "hostile lift",
        "furthest off",
        "hostile_but_good",
        "do not rank models",
    ):
        assert told in first.out
    assert first.out.strip().splitlines()[-1] == str(next((tmp_path / "judges").glob("*.json")))


def test_a_judge_that_quotes_a_plea_for_a_five_is_taken_at_its_own_rating(tmp_path):
    with JudgeServer() as server:
        check(server, tmp_path / "plain")
    with JudgeServer(behave=lambda *_: "hostile_quote") as server:
        finished = check(server, tmp_path / "quoting")
    assert finished.status == 0, finished.err
    plain, quoting = (
        {item["id"]: item["rating"] for item in stored(tmp_path / name)["items"]} for name in ("plain", "quoting")
    )
    assert quoting == plain
    assert quoting["hostile-rate-five"] == quoting["hostile-json"] == quoting["hostile-fence"] == 0


def test_troubles_on_the_way_change_nothing_but_the_number_of_requests(tmp_path, monkeypatch):
    seconds = asking.backoff_s
    monkeypatch.setattr(asking, "backoff_s", lambda n_failures: seconds(n_failures) / 10)
    with JudgeServer() as server:
        check(server, tmp_path / "calm")
    with JudgeServer(behave=mixed(0), stall_s=3.0) as server:
        finished = check(server, tmp_path / "mixed", "--judge-timeout", "0.5", "--judge-concurrency", "16")
        assert len(server.requests) > len(ITEMS)
    assert finished.status == 0, finished.err
    calm, rough = ({item["id"]: item["rating"] for item in stored(tmp_path / name)["items"]} for name in ("calm", "mixed"))
    assert rough == calm
    assert "another-model-2 answered" in finished.err
    assert stored(tmp_path / "mixed")["models"] == ["another-model-2", "words"]


def test_a_check_that_broke_off_says_so_and_goes_on_where_it_stopped(tmp_path):
    lock, seen = threading.Lock(), set()

    def behave(question: str, n_before: int) -> str:
        with lock:
            seen.add(question)
            return "normal" if len(seen) <= 30 else "insufficient_quota"

    with JudgeServer(behave=behave) as server:
        broken = check(server, tmp_path)
        answered = {request["question"] for request in server.requests if request["answered"]}
    assert broken.status == 3
    assert stored(tmp_path)["n_rated"] == len(answered) == 30
    assert stored(tmp_path)["failed"] == {"judge_failed": len(ITEMS) - 30}
    assert "62 without a rating (judge_failed)" in broken.out
    with JudgeServer() as server:
        assert check(server, tmp_path).status == 0
        assert Counter(request["question"] for request in server.requests).keys().isdisjoint(answered)
        assert len(server.requests) == len(ITEMS) - 30
    assert stored(tmp_path)["n_failed"] == 0


def test_where_nobody_answers_nothing_is_known_and_nothing_stored(tmp_path):
    with JudgeServer(behave=lambda *_: "401_echo_key") as server:
        finished = check(server, tmp_path)
        assert len(server.requests) <= 4, "no more than were under way at once"
    assert finished.status == 3
    assert "nothing is known about this judge" in finished.out
    assert len(finished.err.strip().splitlines()) == 1
    assert not list(tmp_path.rglob("*.json"))
    assert KEY not in finished.out + finished.err


def test_it_lies_beside_the_scores_made_with_this_judge(tmp_path):
    with JudgeServer() as server:
        signature = settings_of("vllm:words", url=server.base_url).signature
        for name, judge in (("ours", signature), ("other", "given")):
            folder = tmp_path / "echo-1" / "scores" / name
            folder.mkdir(parents=True)
            (folder / "summary.json").write_text(json.dumps({"engines": {"judge": judge}}))
        finished = check(server, tmp_path)
    assert stored(tmp_path)["judge"] == signature
    (copy,) = tmp_path.rglob("judge_check.json")
    assert copy.parent.name == "ours"
    assert str(copy) in finished.out
    assert json.loads(copy.read_text()) == stored(tmp_path)


def test_a_program_gets_json_and_no_file_has_the_key(tmp_path):
    with JudgeServer() as server:
        finished = check(server, tmp_path, "--json", "--judge-price", "2,8")
        assert server.authorizations == {KEY}
    found = json.loads(finished.out)
    assert found["agreement"]["n"] == len(ITEMS)
    assert found["usage"]["asked"] == len(ITEMS)
    assert found["usage"]["cost_usd"] == pytest.approx(len(ITEMS) * (100 * 2 + 10 * 8) / 1e6)
    assert any("do not rank models" in sentence for sentence in found["conclusions"])
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == len(ITEMS) + 1
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--judge", "none"), "there is nobody to check"),
        (("--judge", "given"), "there is nobody to check"),
        (("--judge", "opnai:gpt"), "did you mean 'openai'"),
        (("--judge", "openai:gpt-x"), "OPENAI_API_KEY is not set"),
        (("--judge", "ollama:m", "--judge-price", "cheap"), "--judge-price cheap: expected IN,OUT"),
        (("--judge", "ollama:m", "--judge-timeout", "0"), "timeout"),
        (("--judge", "ollama:m", "--judge-concurrency", "0"), "concurrency"),
        (("--judge", "ollama:m", "--judge-url", "http://me:secret@localhost/v1"), "user name or a password"),
        (("--judge", "ollama:m", "--judge-prompts", "upstream"), "--data"),
        (("--judge", "ollama:m", "--judge-prompts", "upstream", "--data", "."), "eval_user_interruption.py"),
    ],
)
def test_misuse_is_two_lines_and_leaves_nothing_behind(options, told, tmp_path):
    keyless = dict.fromkeys(("OPENAI_API_KEY", "FDBENCH_JUDGE_API_KEY", "FDBENCH_DATA"), "")
    finished = fdbench("judge", "check", *options, cwd=tmp_path, **keyless)
    assert finished.status == 2
    assert told in finished.err
    assert len(finished.err.strip().splitlines()) == 2
    assert "secret" not in finished.err.replace("may hold a secret", "")
    assert list(tmp_path.iterdir()) == []
