"""A judge on loopback that speaks OpenAI's protocol and misbehaves by script.

In a test::

    with JudgeServer(script=["429_retry_after", "normal"]) as server:
        ...  # server.base_url, server.requests, server.peak

In a shell, ``python -m tests.judge_server --port 0 --log FILE --seed 0`` prints its URL and serves in ``mixed`` mode until
stopped: each question meets a few troubles drawn from (seed, question) and is answered in the end.

Its rating is honest: the share of the interruption's words that the reply takes up, from the facts in the record alone. It
believes nothing that a text says about ratings. So is its label of what an assistant does in an overlap: it responds where
it says a word of the overlap that it does not say in the clean call. Without a record (upstream's prompts) it answers in
upstream's form, with a rating or a label that only depends on the question.

The log has one JSON line per request, ``{"question", "behaviour", "answered"}``; it holds no time, no key and no text.
``answered``: a readable rating was written to the client to its last byte.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import random
import re
import select
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MODEL_IN_DISGUISE = "another-model-2"
ANSWERING = (
    "normal", "slow", "hostile_quote", "other_model", "unmetered", "fenced", "parts", "half_character",
)  # fmt: skip
"""Behaviours that end with a readable rating."""
ON_THE_WAY = (
    "429_retry_after", "429_retry_after_ms", "429_bare", "429_odd_date", "500", "503_html", "408", "stall", "cut",
)  # fmt: skip
"""Behaviours after which a client asks again."""
UNREADABLE = (
    "malformed", "html", "not_json", "empty_choices", "empty_text", "refusal", "content_filter", "length", "tool_calls",
    "different", "hostile_echo", "prose",
)  # fmt: skip
"""Status 200, and no rating in it."""
NO_LABEL = ("fifth_label", "two_labels", "other_question")
"""Where a label is asked for: status 200, and none in it."""
CLOSED = ("401_echo_key", "403", "404_model", "insufficient_quota", "400_api_key")
REJECTED = ("400_other",)
MIXED = ("429_retry_after", "429_retry_after_ms", "500", "stall", "cut", "malformed", "hostile_echo", "different")
POLL_S = 0.02
MAX_MIXED_ON_THE_WAY, MAX_MIXED_UNREADABLE = 3, 2


def honest_rating(facts: Mapping[str, str]) -> int:
    """0 to 5: the share of the interruption's words (four letters or more) that are in the reply, rounded up."""
    wanted = set(re.findall(r"[a-z]{4,}", facts["interruption"].lower()))
    heard = set(re.findall(r"[a-z]{4,}", facts["reply"].lower()))
    return -(-5 * len(wanted & heard) // len(wanted)) if wanted else 0


def honest_label(facts: Mapping[str, str]) -> str:
    """By the words of four letters or more of a record whose behaviour is to be labelled."""
    over, main, clean = (
        set(re.findall(r"[a-z]{4,}", facts[name].lower()))
        for name in ("said_over_the_assistant", "assistant", "assistant_in_the_clean_call")
    )
    if over & (main - clean):
        return "C_RESPOND"
    return "C_RESUME" if main else "C_UNKNOWN"


def honest_scores(facts: Mapping[str, str]) -> dict[str, Any]:
    """An event for each phrase of the assistant: 5 for one that the examiner does not speak into, 1 for another.

    It follows what is wanted as far as ``honest_rating`` goes, from 1 on.
    """
    times = {side: [tuple(map(float, each)) for each in PHRASE.findall(facts[side])] for side in ("examiner", "assistant")}
    wanted = max(1, honest_rating({"interruption": facts["goals"] + facts["examiner"], "reply": facts["assistant"]}))
    events = [
        {
            "start": start,
            "end": end,
            "turn_taking": 1 if any(start < other[1] and other[0] < end for other in times["examiner"]) else 5,
            "instruction": wanted,
        }
        for start, end in times["assistant"]
    ]
    return {"analysis": "By the times.", "events": events, "task_score": None if facts["family"] == "daily" else wanted}


PHRASE = re.compile(r"\(([0-9.]+)-([0-9.]+)\)")


def facts_in(user_message: str) -> dict[str, str] | None:
    """The record between the fences, only where the fences belong to it."""
    found = re.findall(r"^=== RECORD ([0-9a-f]{24}) ===\n(.*)\n=== END OF RECORD \1 ===$", user_message, re.MULTILINE)
    if len(found) != 1:
        return None
    token, line = found[0]
    assert hashlib.sha256(line.encode()).hexdigest().startswith(token)
    facts: dict[str, str] = json.loads(line)
    return facts


def mixed_schedule(seed: int, question: str) -> list[str]:
    """A few troubles, different for each question, and an answer at the end."""
    chance = random.Random(f"{seed}:{question}")
    schedule: list[str] = []
    for _ in range(chance.choice((0, 0, 1, 2, 3))):
        trouble = chance.choice(MIXED)
        of_its_kind = UNREADABLE if trouble in UNREADABLE else ON_THE_WAY
        most = MAX_MIXED_UNREADABLE if trouble in UNREADABLE else MAX_MIXED_ON_THE_WAY
        if sum(each in of_its_kind for each in schedule) < most:
            schedule.append(trouble)
    return [*schedule, chance.choice(("normal", "normal", "hostile_quote", "fenced", "other_model"))]


class JudgeServer:
    """Serves until closed.

    Args:
        script: Behaviours in the order of requests, whichever question; ``normal`` when used up.
        behave: Instead: from (question, how often it was asked before) to a behaviour.
        refuses: Parameters that get a 400: ``json_schema``, ``json_object``, ``seed``, ``temperature``,
            ``max_completion_tokens``.
        answer: Instead of a rating: from the record's facts to what is written where something readable is to be.
        delay_s: How long ``slow`` takes; ``stall`` says nothing for ``stall_s``.
        wait: What ``Retry-After`` says, in seconds.
        log: A line for each request.

    Attributes:
        requests: Each request: ``question``, ``behaviour``, ``answered``, and ``body`` as it was parsed.
        authorizations: The keys that came in.
        headers: The names of the headers that came in.
        peak: The most requests that were under way at once.
    """

    def __init__(
        self,
        script: Sequence[str] = (),
        *,
        behave: Callable[[str, int], str] | None = None,
        refuses: Sequence[str] = (),
        answer: Callable[[Mapping[str, str]], str] | None = None,
        delay_s: float = 0.05,
        stall_s: float = 30.0,
        wait: str = "0",
        port: int = 0,
        log: Path | None = None,
    ) -> None:
        self.refuses, self.delay_s, self.stall_s, self.wait = frozenset(refuses), delay_s, stall_s, wait
        self.answer = answer
        self.requests: list[dict[str, Any]] = []
        self.authorizations: set[str] = set()
        self.headers: set[str] = set()
        self.peak = 0
        self._script, self._behave, self._log = list(script), behave, log
        self._n_asked: Counter[str] = Counter()
        self._n_under_way = 0
        self._lock = threading.Lock()
        self.is_closing = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", port), type("Handler", (_Handler,), {"server_state": self}))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    @property
    def behaviours(self) -> list[str]:
        return [request["behaviour"] for request in self.requests]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [request["body"] for request in self.requests]

    def __enter__(self) -> JudgeServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_closing.set()
        self._http.shutdown()
        self._http.server_close()

    def next_behaviour(self, question: str) -> str:
        with self._lock:
            n_before = self._n_asked[question]
            self._n_asked[question] += 1
            if self._behave:
                return self._behave(question, n_before)
            return self._script.pop(0) if self._script else "normal"

    def begin(self) -> None:
        with self._lock:
            self._n_under_way += 1
            self.peak = max(self.peak, self._n_under_way)

    def end(self) -> None:
        with self._lock:
            self._n_under_way -= 1

    def note(self, question: str, behaviour: str, body: dict[str, Any]) -> dict[str, Any]:
        """A request came in."""
        request = {"question": question, "behaviour": behaviour, "answered": False, "body": body}
        with self._lock:
            self.requests.append(request)
        return request

    def conclude(self, request: dict[str, Any], answered: bool) -> None:
        """Nothing more will be written to it."""
        with self._lock:
            request["answered"] = answered
            if self._log:
                with self._log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({name: value for name, value in request.items() if name != "body"}) + "\n")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_state: JudgeServer

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        state = self.server_state
        state.begin()
        try:
            self._answer(state)
        finally:
            state.end()

    def _answer(self, state: JudgeServer) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        state.authorizations.add(self.key)
        state.headers.update(name.lower() for name in self.headers)
        user = body["messages"][-1]["content"]
        question = hashlib.sha256(user.encode()).hexdigest()[:16]
        refused = self._refused(body, state.refuses)
        behaviour = f"refuses_{refused}" if refused else state.next_behaviour(question)
        request = state.note(question, behaviour, body)
        is_sent = False
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if refused:
                self._error(400, f"Unsupported parameter: '{refused}' is not supported with this model.", param=refused)
            else:
                self._perform(behaviour, body, state)
            is_sent = True
        state.conclude(request, is_sent and behaviour in ANSWERING)

    def _refused(self, body: Mapping[str, Any], refuses: frozenset[str]) -> str:
        if body.get("response_format", {}).get("type") in refuses:
            return "response_format"
        return next(
            (name for name in ("seed", "temperature", "max_completion_tokens") if name in body and name in refuses),
            "",
        )

    def _perform(self, behaviour: str, body: Mapping[str, Any], state: JudgeServer) -> None:
        user = body["messages"][-1]["content"]
        facts = facts_in(user)
        reply = facts.get("reply", facts.get("assistant", "")) if facts else ""
        if behaviour.startswith(("429", "insufficient")):
            headers = {
                "429_retry_after": {"Retry-After": state.wait},
                "429_retry_after_ms": {"retry-after-ms": str(float(state.wait) * 1000)},
                "429_odd_date": {"Retry-After": f"Mon, 01 Jan 2024 00:00:00 +{9**25}"},
            }.get(behaviour, {})
            code = "insufficient_quota" if behaviour == "insufficient_quota" else "rate_limit_exceeded"
            self._error(429, f"{code}: please wait", code=code, headers=headers)
        elif behaviour in ("500", "408"):
            self._error(int(behaviour), "The server had an error")
        elif behaviour == "503_html":
            self._send(503, b"<html><body><h1>Service unavailable</h1></body></html>", "text/html")
        elif behaviour == "stall":
            self._say_nothing(state)
            self.close_connection = True
        elif behaviour == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"id": "cut')
            self.wfile.flush()
            self.close_connection = True
        elif behaviour == "401_echo_key":
            self._error(401, f"Incorrect API key provided: {self.key}. Header: Bearer {self.key}", code="invalid_api_key")
        elif behaviour == "403":
            self._error(403, "Project does not have access")
        elif behaviour == "404_model":
            self._error(404, f"The model `{body['model']}` does not exist", code="model_not_found")
        elif behaviour == "400_api_key":
            self._send(400, json.dumps([{"error": {"code": 400, "message": "API key not valid."}}]).encode())
        elif behaviour == "400_other":
            self._error(400, f"This question cannot be processed: {user}")
        elif behaviour == "html":
            self._send(200, b"<html><title>Login</title><body>Please log in</body></html>", "text/html")
        elif behaviour == "not_json":
            self._send(200, b"upstream error")
        elif behaviour == "empty_choices":
            self._send(200, json.dumps({"id": "x", "model": body["model"], "choices": []}).encode())
        else:
            if behaviour == "slow":
                state.is_closing.wait(state.delay_s)
            self._complete(behaviour, body, self._text(behaviour, facts, user, reply))

    def _say_nothing(self, state: JudgeServer) -> None:
        """Until the time is over or the client has gone."""
        for _ in range(round(state.stall_s / POLL_S)):
            has_gone = select.select([self.connection], [], [], POLL_S)[0]
            if has_gone or state.is_closing.is_set():
                return

    def _text(self, behaviour: str, facts: Mapping[str, str] | None, user: str, reply: str) -> str:
        if self.server_state.answer is not None and facts is not None and behaviour in (*ANSWERING, "refusal"):
            return self.server_state.answer(facts)
        if behaviour == "malformed":
            return "I cannot decide, this depends on many things."
        if behaviour == "different":
            return "Rating: 2. On second thought, rating: 4."
        if behaviour == "hostile_echo":
            return f'The assistant said: "{reply}". Interesting.'
        if behaviour == "empty_text":
            return "  "
        if behaviour == "other_question":
            return json.dumps(
                {"analysis": "Fine.", "label": "C_RESPOND"} if "reply" in (facts or {}) else {"analysis": "Fine.", "rating": 5}
            )
        if facts is None and user.startswith('{"input_clean"'):
            labels = ("C_RESPOND", "C_RESUME", "C_UNCERTAIN_HANDLING", "C_UNKNOWN", "C_SHRUGS")
            first = 4 if behaviour == "fifth_label" else int(hashlib.sha256(user.encode()).hexdigest(), 16) % 4
            return json.dumps({"behaviour": [labels[first], *(labels[:1] if behaviour == "two_labels" else ())]})
        if facts is None and "Turn-taking event and score" in user:
            return '{"Turn-taking event and score": [\n [0.5, 2.5]: 4, 3\n], "Task-specific score": 2}'
        if facts is None:
            rating = int(hashlib.sha256(user.encode()).hexdigest(), 16) % 6
            return f"Analysis: by the book.\nI would rate the AI's response as {rating}."
        if "family" in facts:
            text = json.dumps(honest_scores(facts))
            return text if behaviour != "fenced" else f"```json\n{text}\n```"
        asks_for_label = "reply" not in facts
        rating = honest_label(facts) if asks_for_label else honest_rating(facts)
        if asks_for_label and behaviour == "fifth_label":
            rating = "C_SHRUGS"
        if behaviour == "prose":
            return f"The reply shares words with the interruption.\nRating: {rating}"
        analysis = f"The reply was: {reply}" if behaviour == "hostile_quote" else f"Shared words; the key was {self.key}."
        if behaviour == "half_character":
            analysis = "\ud83d"
        answer: dict[str, Any] = {"analysis": analysis, "label" if asks_for_label else "rating": rating}
        if behaviour == "two_labels":
            answer["label"] = ["C_RESPOND", "C_RESUME"]
        text = json.dumps(answer)
        return f"```json\n{text}\n```" if behaviour == "fenced" else text

    def _complete(self, behaviour: str, body: Mapping[str, Any], text: str) -> None:
        is_cut = behaviour in ("content_filter", "length")
        content: Any = [{"type": "text", "text": text}] if behaviour == "parts" else text[: -1 if is_cut else None]
        message: dict[str, Any] = {"role": "assistant", "content": content}
        if behaviour == "refusal":
            message = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}
        if behaviour == "tool_calls":
            call = {"id": "c", "type": "function", "function": {"name": "rate", "arguments": '{"rating": 5}'}}
            message = {"role": "assistant", "content": None, "tool_calls": [call]}
        finish = behaviour if is_cut or behaviour == "tool_calls" else "stop"
        out: dict[str, Any] = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": MODEL_IN_DISGUISE if behaviour == "other_model" else body["model"],
            "system_fingerprint": "fp_1",
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
        }
        if behaviour == "unmetered":
            del out["usage"]
        self._send(200, json.dumps(out).encode())

    def _error(
        self, status: int, message: str, *, code: str = "", param: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        error = {"message": message, "type": "invalid_request_error", "param": param or None, "code": code or None}
        self._send(status, json.dumps({"error": error}).encode(), headers=headers)

    def _send(self, status: int, body: bytes, kind: str = "application/json", headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


def mixed(seed: int) -> Callable[[str, int], str]:
    """The behaviour of ``mixed`` mode; a question that is asked again after its answer is answered again."""

    def behave(question: str, n_before: int) -> str:
        schedule = mixed_schedule(seed, question)
        return schedule[min(n_before, len(schedule) - 1)]

    return behave


def main() -> int:
    parser = argparse.ArgumentParser(description="A judge on loopback that misbehaves by a seeded schedule.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--well-behaved", action="store_true", help="no troubles")
    parser.add_argument("--delay", type=float, default=0.0, metavar="S", help="with --well-behaved: before each answer")
    parser.add_argument("--stall", type=float, default=30.0, metavar="S", help="how long a stalled request says nothing")
    given = parser.parse_args()
    behave = mixed(given.seed)
    if given.well_behaved:
        behave = lambda question, n_before: "slow"  # noqa: E731
    with JudgeServer(behave=behave, port=given.port, log=given.log, delay_s=given.delay, stall_s=given.stall) as server:
        sys.stdout.write(server.base_url + "\n")
        sys.stdout.flush()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        threading.Event().wait()
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
