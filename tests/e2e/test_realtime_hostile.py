"""The driver, the adapter and the real SDK against servers on loopback, well-behaved and hostile, in one run.

::

    user      |----speech----|............................|--barge-in--|
    server                          ^ answer_ms               ^ yield_ms      by its count of received samples
    listener                        |-------- reply ----------|x                 marker at its first sample

Time is virtual, and all of it happens on one event loop. Every hostile case has an outcome with a name; none hangs, none harms
the conversations beside it, none shows the key.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import os
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("websockets", reason="needs pip install 'fdbench[realtime]'")
pytest.importorskip("openai", reason="needs pip install 'fdbench[realtime]'")

from fdbench.adapters.live_api import Live
from fdbench.adapters.realtime import Realtime as Adapter

from fdbench.adapter.base import Brief
from fdbench.adapter.live import CallError, Flush, LiveParty, Note, Session, Text
from fdbench.call.call import Ending, Invitation
from fdbench.call.driver import Driver
from fdbench.call.session_log import as_stored, from_stored
from fdbench.call.timeouts import Timeouts
from fdbench.core.conversation import FailedCall, Recording, Sample, Take
from fdbench.core.event import DECIDED, PLAYED, YIELDED
from fdbench.core.sound import Audio
from fdbench.errors import AdapterError
from tests.realtime_server import MARKER, RealtimeServer
from tests.virtual_time import VirtualTimeLoop, virtual_time

KEY = "sk-proj-loopback-0123456789abcdef"
RATE = 24000
FRAME_MS = 100
QUICK = Timeouts(open_s=4.0, tries=3, pause_s=0.05)
SPEECH_S = 0.6
ENDING = Ending(silence_s=1.0, limit_s=2.5)

Outcomes = dict[str, Recording | FailedCall]


def speech(*turns: tuple[float, float], total_s: float) -> Audio:
    """Noise in these stretches of time, silence elsewhere."""
    samples = np.zeros(round(total_s * RATE), np.float32)
    chance = np.random.default_rng(0)
    for start_s, end_s in turns:
        first, last = round(start_s * RATE), round(end_s * RATE)
        samples[first:last] = 0.1 * chance.standard_normal(last - first)
    return Audio(samples, RATE)


PROMPT = speech((0.0, SPEECH_S), total_s=SPEECH_S)


def invitation(name: str, prompt: Audio = PROMPT) -> Invitation:
    return Invitation(Take(Sample(name, "t", {})), Brief(stimulus=prompt), Brief(instructions=name))


@dataclass
class Switchboard:
    """Puts each call through to the party that its instructions name, so that all kinds of servers share one run."""

    parties: dict[str, LiveParty]

    def __post_init__(self) -> None:
        first = next(iter(self.parties.values()))
        self.hears, self.says, self.slots = first.hears, first.says, len(self.parties)

    async def open(self, brief: Brief) -> Session:
        return await self.parties[brief.instructions].open(brief)


@pytest.fixture(scope="module", autouse=True)
def loop() -> Iterator[VirtualTimeLoop]:
    with virtual_time() as loop:
        yield loop


@pytest.fixture(scope="module")
def server(loop: VirtualTimeLoop) -> Iterator[RealtimeServer]:
    with RealtimeServer() as server:
        yield server


@pytest.fixture(scope="module")
def base_url(server: RealtimeServer) -> str:
    return server.base_url


@pytest.fixture(scope="module", autouse=True)
def key() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", KEY)
        yield


def party(base_url: str, behave: str, **given: Any) -> Adapter:
    query = "&".join([f"behave={behave}", *given.pop("ask", ())])
    return Adapter(**{"base_url": base_url, "query": query, "frame_ms": FRAME_MS, "voice": "marin", "slots": 1, **given})


def held(parties: dict[str, LiveParty], ending: Ending = ENDING, timeouts: Timeouts = QUICK, **prompts: Audio) -> Outcomes:
    invitations = [invitation(name, prompts.get(name, PROMPT)) for name in parties]
    return {take.sample.id: outcome for take, outcome in driver(parties, ending, timeouts).run(invitations)}


def driver(parties: dict[str, LiveParty], ending: Ending = ENDING, timeouts: Timeouts = QUICK) -> Driver:
    return Driver(Switchboard(parties), None, ending, timeouts=timeouts, loop=asyncio.get_event_loop())


HEARD = (
    "normal", "burst", "late", "out_of_order", "half_sample", "snapshot", "speech_never", "speech_twice", "endless",
    "strange", "late_delta", "ends_well", "old_names", "both_names", "echoes_key", "cancels", "mute",
    "answers_429_once", "answers_503_once", "another_voice",
)  # fmt: skip
BROKEN = {
    "drop": "dropped", "close_1011": "dropped", "close_1012": "dropped", "close_1013": "dropped", "close_4000": "refused",
    "close_4000_later": "refused", "close_1008_key": "refused", "answers_429": "rate_limited", "answers_503": "refused",
    "answers_400": "refused", "bad_json": "protocol", "no_object": "protocol", "bad_base64": "protocol", "bad_utf8": "protocol",
    "big": "protocol", "other_model": "wrong_model", "mini_model": "wrong_model", "refuses_session": "refused",
    "silent_open": "timeout", "failed": "dropped", "failed_rate": "rate_limited", "incomplete": "incomplete",
    "cancels_itself": "incomplete", "text_only": "settings", "changes_its_rate": "settings",
    "endless_silent": "unfinished",
}  # fmt: skip
TRIED_AGAIN = (
    "drop", "close_1011", "close_1012", "close_1013", "close_4000_later", "answers_429", "answers_503", "silent_open",
    "failed", "failed_rate", "endless_silent",
)  # fmt: skip
FATAL = ("answers_401", "answers_403", "answers_404", "quota", "settles_otherwise", "settles_16_khz", "settles_mulaw")


@pytest.fixture(scope="module")
def logged() -> Iterator[list[str]]:
    """Everything that anybody logs, at the most talkative level."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.getMessage()} {record.exc_info}")

    keep, root = Keep(), logging.getLogger()
    level = root.level
    root.addHandler(keep)
    root.setLevel(logging.DEBUG)
    yield lines
    root.removeHandler(keep)
    root.setLevel(level)


@pytest.fixture(scope="module")
def outcomes(base_url: str, logged: list[str]) -> Outcomes:
    """All cases in one run, side by side."""
    return held({behave: party(base_url, behave) for behave in (*HEARD, *BROKEN)})


@pytest.fixture(scope="module")
def facts(server: RealtimeServer, outcomes: Outcomes) -> dict[str, list[dict[str, Any]]]:
    """What the server saw, by case, after the run."""
    seen: dict[str, list[dict[str, Any]]] = {}
    for each in server.facts():
        seen.setdefault(each["behave"], []).append(each)
    return seen


def recording(outcomes: Outcomes, name: str) -> Recording:
    outcome = outcomes[name]
    assert isinstance(outcome, Recording), outcome
    return outcome


def marker_s(of: Recording) -> float:
    """Where on the prompt's timeline the reply's first sample is heard."""
    return int(np.flatnonzero(of.model.audio.samples > (MARKER + 0.2) / 2)[0]) / RATE + of.model.start_s


def notes(of: Recording) -> dict[str, Any]:
    assert of.log is not None
    return {line["what"]: line["facts"] for line in of.log.lines if line.get("event") == "Note"}


def cautions(of: Recording) -> list[str]:
    assert of.log is not None
    return [line["message"] for line in of.log.lines if line.get("event") == "Caution"]


def played(of: Recording) -> tuple[float, float]:
    (event,) = [event for event in of.events if event.kind == PLAYED]
    return event.span.start_s, event.span.end_s


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_call_has_a_name(outcomes: Outcomes, case: str) -> None:
    outcome = outcomes[case]
    assert isinstance(outcome, FailedCall)
    assert outcome.reason == BROKEN[case], outcome.message
    assert "\n" not in outcome.message and outcome.message


def test_what_may_pass_is_tried_again_and_nothing_else(facts: dict[str, list[dict[str, Any]]]) -> None:
    tries = {case: len(facts[case]) for case in BROKEN}
    assert tries == {case: QUICK.tries if case in TRIED_AGAIN else 1 for case in BROKEN}


@pytest.mark.parametrize(
    "case", ["normal", "burst", "out_of_order", "half_sample", "old_names", "both_names", "late_delta", "speech_twice"]
)
def test_a_reply_that_comes_in_any_form_is_heard_where_it_was_sent(outcomes: Outcomes, case: str) -> None:
    of = recording(outcomes, case)
    assert marker_s(of) - SPEECH_S == pytest.approx(0.3, abs=1e-3)
    start_s, end_s = played(of)
    assert end_s - start_s == pytest.approx(0.6 if case == "late_delta" else 0.5, abs=1e-3)
    assert not of.right_censored


def test_one_burst_and_many_pieces_sound_the_same(outcomes: Outcomes) -> None:
    wholes = []
    for case in ("burst", "half_sample"):
        of = recording(outcomes, case)
        first = round((marker_s(of) - of.model.start_s) * RATE)
        wholes.append(of.model.audio.samples[first : first + RATE // 2])
    np.testing.assert_array_equal(*wholes)


def test_what_is_odd_is_in_the_log(outcomes: Outcomes) -> None:
    assert "out_of_order" in notes(recording(outcomes, "out_of_order"))
    assert "half_sample" in notes(recording(outcomes, "half_sample"))
    assert "late_delta" in notes(recording(outcomes, "late_delta"))
    assert notes(recording(outcomes, "both_names"))["sent_twice"] == {"item": "r1"}
    assert {"unknown_event", "rate_limits", "error"} <= notes(recording(outcomes, "strange")).keys()


def test_a_setting_that_was_not_taken_and_changes_no_timing_is_a_caution(outcomes: Outcomes) -> None:
    assert cautions(recording(outcomes, "another_voice")) == [
        "the server did not take audio.output.voice: asked marin, got alloy"
    ]
    assert not cautions(recording(outcomes, "normal"))


def test_what_a_reply_that_was_given_up_used_is_counted(outcomes: Outcomes) -> None:
    for case in ("incomplete", "cancels_itself", "failed"):
        log = outcomes[case].log
        assert log is not None and [line for line in log.lines if line.get("event") == "Usage"], case


def test_a_delta_that_is_40_ms_late_leaves_a_gap_of_that_length(outcomes: Outcomes) -> None:
    start_s, end_s = played(recording(outcomes, "late"))
    assert end_s - start_s - 0.5 == pytest.approx(0.04, abs=1e-3)


def test_a_reply_that_never_ends_is_cut_off_by_the_limit(outcomes: Outcomes) -> None:
    of = recording(outcomes, "endless")
    assert of.right_censored and of.log is not None
    assert of.user.audio.duration_s == pytest.approx(SPEECH_S + ENDING.limit_s, abs=0.11)


def test_a_server_that_never_replies_is_silence(outcomes: Outcomes) -> None:
    of = recording(outcomes, "mute")
    assert not of.model.audio.samples.any() and not of.right_censored
    assert not [event for event in of.events if event.kind == DECIDED]


def test_a_reply_that_the_server_takes_back_is_not_heard(outcomes: Outcomes) -> None:
    of = recording(outcomes, "cancels")
    assert [event.kind for event in of.events if event.kind in (DECIDED, YIELDED)] == [DECIDED, YIELDED]
    assert len(of.model.audio.samples) and np.count_nonzero(of.model.audio.samples) < 0.1 * RATE


def test_the_servers_own_end_after_the_prompt_is_no_failure(outcomes: Outcomes) -> None:
    assert played(recording(outcomes, "ends_well"))[1] > SPEECH_S


@pytest.mark.parametrize("case", ["answers_429_once", "answers_503_once"])
def test_a_call_that_is_turned_away_once_is_held_the_second_time(outcomes: Outcomes, case: str) -> None:
    log = recording(outcomes, case).log
    assert log is not None and len(log.lines[0]["broken"]) == 1


def test_usage_is_counted(outcomes: Outcomes) -> None:
    log = recording(outcomes, "normal").log
    assert log is not None
    (usage,) = [line for line in log.lines if line.get("event") == "Usage"]
    assert usage["counts"]["input_cached_audio_tokens"] == 32 and usage["counts"]["total_tokens"] == 150
    assert log.lines[0]["round_trips_s"][0] == 0  # in virtual time a network takes none


def test_the_server_got_every_frame_and_the_settings_before_the_first(facts: dict[str, list[dict[str, Any]]]) -> None:
    (seen,) = facts["normal"]
    assert next(iter(seen["events"])) == "session.update"
    assert seen["samples"] == seen["events"]["input_audio_buffer.append"] * RATE * FRAME_MS // 1000
    detection = seen["session"]["audio"]["input"]["turn_detection"]
    assert (detection["type"], detection["silence_duration_ms"]) == ("server_vad", 500)
    assert seen["session"]["audio"]["input"]["noise_reduction"] is None
    assert seen["session"]["instructions"] == "normal" and seen["asked"]["model"] == "gpt-realtime"


@pytest.mark.parametrize("case", FATAL)
def test_a_closed_door_ends_the_run_in_two_lines_after_one_try(server: RealtimeServer, case: str) -> None:
    n_before = len(server.facts())
    closed = party(server.base_url, case, slots=2)
    at_once = Driver(closed, None, ENDING, timeouts=QUICK, loop=asyncio.get_event_loop())
    calls = at_once.run(invitation(f"{case}{n}") for n in range(20))
    with pytest.raises(AdapterError) as caught:
        list(calls)
    assert len(str(caught.value).splitlines()) == 2 and KEY not in str(caught.value)
    seen = server.facts()[n_before:]
    assert 1 <= len(seen) <= 2 and not any(each["samples"] for each in seen)


def test_nobody_there_is_a_failure_of_the_call(base_url: str) -> None:
    unused = party("ws://127.0.0.1:9/v1", "normal")
    assert isinstance(outcome := held({"nobody": unused})["nobody"], FailedCall)
    assert outcome.reason == "refused" and "(3 tries)" in outcome.message


@pytest.mark.parametrize(
    ("answer", "kind", "may_retry"),
    [
        (b"", "dropped", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "refused", False),
        (b"HTTP/1.1 302 Found\r\nLocation: ws://example.com/\r\nContent-Length: 0\r\n\r\n", "protocol", False),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "protocol", False),
    ],
    ids=["hangs_up", "web_page", "sent_elsewhere", "no_http"],
)
def test_what_is_no_such_server_has_a_name_too(answer: bytes, kind: str, may_retry: bool) -> None:
    class Answer(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(4096)
            self.request.sendall(answer)

    with socketserver.TCPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        called = party(f"ws://127.0.0.1:{server.server_address[1]}/v1", "normal")
        real = asyncio.new_event_loop()  # whoever answers is in another thread
        with pytest.raises(CallError) as caught:
            real.run_until_complete(called.open(Brief()))
        real.close()
        server.shutdown()
    assert (caught.value.kind, caught.value.may_retry) == (kind, may_retry)


def test_a_flood_ends_in_a_name(base_url: str) -> None:
    flooded = held(
        {"endless_fast": party(base_url, "endless_fast")}, timeouts=dataclasses.replace(QUICK, most_queued_s=60.0, tries=1)
    )
    outcome = flooded["endless_fast"]
    assert isinstance(outcome, FailedCall) and outcome.reason == "protocol"


def test_the_key_is_nowhere(outcomes: Outcomes, facts: dict[str, list[dict[str, Any]]], logged: list[str]) -> None:
    for name, outcome in outcomes.items():
        assert KEY not in repr(outcome), name
        log = outcome.log
        assert KEY not in (json.dumps(log.lines) if log is not None else ""), name
    assert logged and not [line for line in logged if KEY in line]
    assert all(each["key"] == KEY for of_case in facts.values() for each in of_case)  # it was sent, and echoed where asked
    texts = [event.text for event in recording(outcomes, "echoes_key").events if event.kind == "text"]
    assert texts == ["my key is *** "]


@pytest.fixture
def other_process() -> Iterator[str]:
    """The base URL of a server in a process of its own."""
    server = subprocess.Popen([sys.executable, "-m", "tests.realtime_server"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    yield server.stdout.readline().strip()
    server.terminate()
    assert server.wait(10) == 0


def test_the_key_is_in_no_traceback(other_process: str, tmp_path: Path) -> None:
    script = tmp_path / "ask.py"
    script.write_text(
        "import asyncio, sys\n"
        "from fdbench.adapter.base import Brief\n"
        "from fdbench.adapters.realtime import Realtime\n"
        "asyncio.run(Realtime(base_url=sys.argv[1], query='behave=' + sys.argv[2]).open(Brief()))\n",
        encoding="utf-8",
    )
    for behave in ("answers_401", "refuses_session"):
        done = subprocess.run(
            [sys.executable, str(script), other_process, behave],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "OPENAI_LOG": "debug"},
        )
        assert "CallError" in done.stderr and KEY not in done.stderr + done.stdout


def test_nothing_is_left_of_a_run(server: RealtimeServer, outcomes: Outcomes) -> None:
    assert not [thread.name for thread in threading.enumerate() if "_in_thread" in thread.name]
    assert not still_open(server)


def test_nothing_is_left_of_a_run_that_is_abandoned(server: RealtimeServer, loop: VirtualTimeLoop) -> None:
    names = ["drop_soon", *(f"abandoned{n}" for n in range(4))]
    parties = {name: party(server.base_url, "other_model" if name == "drop_soon" else "endless") for name in names}
    calls = driver(parties, Ending(0.5, 600.0)).run(invitation(name) for name in names)
    take, _ = next(calls)
    assert take.sample.id == "drop_soon"
    while sum(each.get("is_open", False) for each in server.facts()) < 4:
        time.sleep(0.01)
    began_s = loop.time()
    calls.close()
    assert loop.time() - began_s < 5
    assert not still_open(server)
    assert not [thread.name for thread in threading.enumerate() if "_in_thread" in thread.name]


def still_open(server: RealtimeServer) -> list[str]:
    """Conversations that the server still holds, given a moment to notice."""
    asyncio.get_event_loop().run_until_complete(asyncio.sleep(2.0))
    return [each["behave"] for each in server.facts() if each.get("is_open")]


BARGE_IN_S, REPLY_AT_S = 1.6, SPEECH_S + 0.3
TWO_TURNS = speech((0.0, SPEECH_S), (BARGE_IN_S, BARGE_IN_S + 0.4), total_s=BARGE_IN_S + 0.4)


@pytest.fixture(scope="module")
def barge_ins(base_url: str) -> Outcomes:
    """A server that notices the user after 200 ms, with 3 s of its reply still queued at the listener's."""
    ask = ("yield_ms=200", "replies=1", f"reply_ms={(BARGE_IN_S - REPLY_AT_S + 3.2) * 1000:.0f}")
    given = {"ask": ask}
    parties = {
        "flush": party(base_url, "normal", **given),
        "no_flush": party(base_url, "normal", flush=False, **given),
        "never": party(base_url, "speech_never", **given),
        "twice": party(base_url, "speech_twice", **given),
        "not_allowed": party(base_url, "normal", interrupt=False, **given),
        "paced": party(base_url, "paced", **given),
    }
    return held(parties, Ending(1.0, 6.0), **dict.fromkeys(parties, TWO_TURNS))


@pytest.mark.parametrize(("case", "decided", "until_s"), [
    ("flush", True, 0.2), ("no_flush", True, 3.2), ("never", False, 3.2), ("twice", True, 0.2), ("not_allowed", False, 3.2),
    ("paced", True, 0.2),
])  # fmt: skip
def test_what_was_decided_and_what_was_heard_of_it(barge_ins: Outcomes, case: str, decided: bool, until_s: float) -> None:
    of = recording(barge_ins, case)
    yields = [event.span.start_s - BARGE_IN_S for event in of.events if event.kind == YIELDED]
    assert len(yields) == decided
    assert yields == [pytest.approx(0.2)] * decided
    assert played(of)[1] - BARGE_IN_S == pytest.approx(until_s, abs=0.05)


def test_the_server_is_told_how_much_of_its_reply_was_heard(server: RealtimeServer, barge_ins: Outcomes) -> None:
    start_s, end_s = played(recording(barge_ins, "flush"))
    cut = [each for each in server.facts() if each["asked"].get("yield_ms") == "200" and each["truncations"]]
    assert {each["behave"] for each in cut} == {"normal", "speech_twice", "paced"}
    (of_flush,) = [each["truncations"] for each in cut if each["behave"] == "normal"]
    assert of_flush == [{"item_id": "i1", "content_index": 0, "audio_end_ms": pytest.approx((end_s - start_s) * 1000, abs=1.5)}]


def test_a_log_gives_the_same_recording_again(barge_ins: Outcomes) -> None:
    of = recording(barge_ins, "flush")
    assert of.log is not None
    log = from_stored(of.log)
    assert as_stored(log).lines == of.log.lines
    assert any(True for _ in log.of(Flush)) and any(True for _ in log.of(Text)) and any(True for _ in log.of(Note))


@pytest.mark.parametrize("n_at_once", [16])
def test_a_reply_is_placed_where_the_server_sent_it(base_url: str, n_at_once: int) -> None:
    """The strict numbers are in benchmarks/realtime.py; here the machine may be busy with other tests."""
    answers_ms = (300, 700, 1500)
    parties = {
        f"{n}": party(base_url, "accurate", frame_ms=50, ask=(f"answer_ms={answers_ms[n % 3]}", "reply_ms=200"))
        for n in range(n_at_once)
    }
    outcomes = held(parties, Ending(1.8, 4.0))
    recordings = {name: of for name, of in outcomes.items() if isinstance(of, Recording)}
    assert len(recordings) >= n_at_once - 2, outcomes
    for n, answer_ms in enumerate(answers_ms):
        off_s = [marker_s(of) - SPEECH_S - answer_ms / 1000 for name, of in recordings.items() if int(name) % 3 == n]
        assert min(off_s) > -0.001 and np.median(off_s) < 0.06, answer_ms


def test_gpt_live(server: RealtimeServer) -> None:
    outcome = held({"live": Live(base_url=server.base_url, frame_ms=FRAME_MS)}, Ending(1.2, 4.0))["live"]
    assert isinstance(outcome, Recording)
    assert 0.25 < marker_s(outcome) - SPEECH_S < 0.55
    assert [event.text for event in outcome.events if event.kind == "text"] == ["hello"]
    assert not [event for event in outcome.events if event.kind in (DECIDED, YIELDED)]
    (seen,) = [each for each in server.facts() if each["path"].endswith("/live/sessions")]
    assert seen["session"]["model"] == "gpt-live-1" and seen["session"]["instructions"] == "live"
    assert seen["events"]["session.close"] == 1 and "turn_detection" not in json.dumps(seen["session"])
