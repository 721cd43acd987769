"""The client of Moshi's and PersonaPlex's servers against a server of ours that misbehaves by script."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from fdbench.adapters.moshi_server import MoshiServer
from fdbench.adapters.moshi_server_pool import addresses_of
from fdbench.adapters.moshi_server_sound import FRAME_S, AnswerPace, Opus

from fdbench.adapter.live import CallError, Delta, Note, Text, within
from fdbench.call.call import Ending, Invitation
from fdbench.call.driver import Driver
from fdbench.call.session_log import SessionLog, from_stored
from fdbench.call.timeouts import Timeouts
from fdbench.core.conversation import Brief, FailedCall, Recording, Sample, Take
from fdbench.core.sound import Audio
from fdbench.errors import AdapterError, UsageError
from tests.virtual_time import virtual_time

pytest.importorskip("websockets", reason="needs pip install 'fdbench[moshi-server]'")
sphn = pytest.importorskip("sphn", reason="needs pip install 'fdbench[moshi-server]'")
if True:  # only where there are both
    from tests.moshi_ws_server import AT, MoshiWsServer

T = TypeVar("T")
RATE = 24000
PROMPT_S = 0.8
INSTRUCTIONS = "You are a teacher & kind."


@pytest.fixture(autouse=True)
def time_is_virtual():
    with virtual_time():
        yield


def now_s() -> float:
    return asyncio.get_event_loop().time()


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """On the loop that the servers are on."""
    return asyncio.get_event_loop().run_until_complete(coroutine)


def chirp(seconds: float) -> np.ndarray:
    t = np.arange(round(RATE * seconds)) / RATE
    return (0.3 * np.sin(2 * np.pi * (300 * t + 800 * t * t))).astype(np.float32)


@dataclass(frozen=True)
class Held:
    """A call, and its log where it came so far."""

    outcome: Recording | FailedCall
    log: SessionLog | None

    def notes(self, what: str) -> list[dict]:
        return [note.facts for _, note in self.log.of(Note) if note.what == what]

    @property
    def failure(self) -> tuple[str, str]:
        assert isinstance(self.outcome, FailedCall), self.outcome
        return self.outcome.reason, self.outcome.message


def hold(party: MoshiServer, n: int = 1, tries: int = 3, prompt_s: float = PROMPT_S) -> list[Held]:
    """So many calls with a party, by the real driver, in order of their names."""
    timeouts = Timeouts(open_s=60.0, tries=tries)
    prompt = Audio(chirp(prompt_s), RATE)
    invitations = [
        Invitation(Take(Sample(f"clip{i}", "unit", {})), Brief(stimulus=prompt), Brief(INSTRUCTIONS)) for i in range(n)
    ]
    driver = Driver(party, None, Ending(0.35, 3.0), timeouts=timeouts, loop=asyncio.get_event_loop())
    held = {
        str(take.id): Held(outcome, from_stored(outcome.log) if outcome.log else None)
        for take, outcome in driver.run(invitations)
    }
    return [held[name] for name in sorted(held)]


def call(*script: str, tries: int = 3, prompt_s: float = PROMPT_S, **arguments) -> Held:
    with MoshiWsServer(*script) as server:
        (held,) = hold(MoshiServer(server.url, **arguments), tries=tries, prompt_s=prompt_s)
    return held


def opening(party: MoshiServer) -> CallError:
    """What it says when a conversation cannot be opened."""

    async def attempt() -> None:
        await party.open(Brief(INSTRUCTIONS))

    with pytest.raises(CallError) as caught:
        run(attempt())
    return caught.value


# --- a conversation


def test_nothing_is_sent_before_the_handshake_and_n_frames_give_n_less_one():
    with MoshiWsServer(handshake_after_s=0.4) as server:
        (held,) = hold(MoshiServer(server.url))
    assert isinstance(held.outcome, Recording), held.outcome
    assert server.seen.too_early == 0
    n_came = sum(len(delta.audio) for _, delta in held.log.of(Delta)) // 1920
    assert server.seen.frames[0] - 2 <= n_came <= server.seen.frames[0] - 1
    assert "".join(text.text for _, text in held.log.of(Text)).startswith(" word10")


def test_the_server_of_these_tests_would_notice():
    async def too_early(url: str) -> None:
        from websockets.asyncio.client import connect

        async with connect(url) as connection:
            await connection.send(b"\x01early")
            assert await connection.recv() == b"\x00"

    with MoshiWsServer(handshake_after_s=0.4) as server:
        run(too_early(server.url))
    assert server.seen.too_early == 1


def test_replies_lie_where_they_arrived_and_by_their_count_where_the_frame_ended():
    held = call("normal")
    arrivals = np.array([at_s for at_s, _ in held.log.of(Delta)])
    by_count = (np.arange(len(arrivals)) + 2) * FRAME_S
    assert arrivals == pytest.approx(by_count)  # nothing takes time here but speech
    # An echo: what was said from 0 on is heard when its frame is over, and Opus adds 6.5 ms there and 6.5 ms back.
    heard, said = held.outcome.model.audio.samples.astype(float), chirp(PROMPT_S)[1920:].astype(float)
    lags = range(round(0.2 * RATE))
    likeness = [float(heard[lag + 1920 : lag + 1920 + 12000] @ said[:12000]) for lag in lags]
    delay_s = int(np.argmax(likeness)) / RATE
    assert delay_s == pytest.approx(0.093, abs=0.001)


def test_junk_is_noted_once_a_kind_and_harms_nothing():
    held = call("junk")
    assert isinstance(held.outcome, Recording), held.outcome
    assert [facts["kind"] for facts in held.notes("unknown message")] == ["empty", "kind 99", "kind 0", "text"]
    assert "��" in [text.text for _, text in held.log.of(Text)]


def test_what_comes_before_the_handshake_is_not_part_of_the_conversation():
    assert isinstance(call("sound_first").outcome, Recording)
    with MoshiWsServer("chatter") as server:
        error = opening(MoshiServer(server.url))
    assert (error.kind, error.is_fatal) == ("protocol", True)
    assert "no handshake: is it a Moshi server?" in error.message


# --- what breaks


@pytest.mark.parametrize(
    ("behaviour", "kind", "told"),
    [
        ("error", "protocol", "reports an error: out of memory: GPU 0"),
        ("not_opus", "protocol", "no Ogg/Opus"),
        ("flood", "protocol", "100 messages of no known kind"),
        ("huge", "protocol", "127.0.0.1"),
        ("cut", "dropped", "broke the connection off without a close frame"),
        ("close_1001", "dropped", "ended the conversation with code 1001 (going away)"),
        ("zeros", "silent", "zero"),
    ],
)
def test_a_call_that_breaks_has_a_named_status(behaviour, kind, told):
    found, message = call(behaviour, tries=1).failure
    assert (found, told in message) == (kind, True), message
    assert "\n" not in message


def test_a_broken_clip_is_begun_again():
    held = call("cut", "normal")
    assert isinstance(held.outcome, Recording), held.outcome
    assert held.log.broken and held.log.broken[0]["why"].startswith("dropped: 127.0.0.1:")
    n_came = sum(len(delta.audio) for _, delta in held.log.of(Delta)) // 1920
    assert n_came > AT + 3  # from its beginning


def test_a_stall_is_noted_with_its_length():
    held = call("stall", prompt_s=1.6)
    assert isinstance(held.outcome, Recording), held.outcome
    assert held.notes("stall") == [{"frame": AT}]
    (over,) = held.notes("stall over")
    assert over["frame"] == AT and 0.5 < over["length_s"] < 0.75
    assert held.notes("behind")[0]["by_s"] == 0.25


@pytest.mark.parametrize(("behaviour", "frame"), [("hang", AT), ("slow", None)])
def test_a_server_that_hangs_or_is_too_slow_is_not_a_model_that_says_nothing(behaviour, frame):
    held = call(behaviour, tries=1, prompt_s=1.6, behind_limit_s=0.6)
    kind, message = held.failure
    assert kind == "stalled" and "slower than real time" in message
    assert frame is None or f"frame {frame} is 0.6 s late" in message
    assert [facts["by_s"] for facts in held.notes("behind")] == [0.25, 0.5]


# --- what is not there, or is something else


@pytest.mark.parametrize(
    ("status", "told"), [("404", "HTTP status 404"), ("200", "HTTP status 200"), ("401", "HTTP status 401")]
)
def test_a_web_page_is_no_server_and_ends_the_run_in_two_lines(status, told):
    with MoshiWsServer(status) as server, pytest.raises(AdapterError) as caught:
        hold(MoshiServer(server.url), n=2)
    assert told in caught.value.what and "/api/chat" in caught.value.what
    assert len(server.seen.paths) == 1


def test_a_wrong_path_is_told():
    with MoshiWsServer() as server:
        error = opening(MoshiServer(server.url.replace("/api/chat", "/api/cat")))
    assert error.is_fatal and "/api/cat" in error.message and "404" in error.message


def test_a_port_that_speaks_something_else_is_told():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            peer, _ = listening.accept()
            peer.recv(1000)
            peer.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
            peer.close()

        threading.Thread(target=answer, daemon=True).start()
        real = asyncio.new_event_loop()  # whoever answers is in another thread
        asyncio.set_event_loop(real)
        error = opening(MoshiServer(f"ws://127.0.0.1:{listening.getsockname()[1]}"))
        real.close()
    assert error.kind == "refused" and "not as a websocket" in error.message


def test_a_gateway_that_has_nothing_behind_it_yet_is_asked_again():
    held = call("503", "normal")
    assert isinstance(held.outcome, Recording)
    assert "HTTP status 503" in held.log.broken[0]["why"]
    assert call("429", tries=1).failure[0] == "rate_limited"


def a_free_port() -> int:
    with MoshiWsServer() as server:
        return server.port


def test_a_server_that_is_not_there_is_a_status_after_a_while():
    party = MoshiServer(f"ws://127.0.0.1:{a_free_port()}", away_timeout_s=0.5)
    begun_s = now_s()
    (held,) = hold(party)
    kind, message = held.failure
    assert kind == "refused" and "nobody is there" in message
    assert 0.5 < now_s() - begun_s < 8


def test_a_server_that_comes_up_is_waited_for():
    port = a_free_port()
    server = MoshiWsServer(port=port)

    async def come_up() -> None:
        await asyncio.sleep(1.2)
        await server.begin()

    coming = asyncio.get_event_loop().create_task(come_up())
    (held,) = hold(MoshiServer(f"ws://127.0.0.1:{port}", away_timeout_s=20.0))
    assert coming.done()
    server.__exit__()
    assert isinstance(held.outcome, Recording), held.outcome


def test_a_handshake_that_never_comes():
    with MoshiWsServer("no_handshake") as server:
        error = opening(MoshiServer(server.url, open_timeout_s=0.3))
    assert (error.kind, error.may_retry) == ("timeout", True)
    assert "withheld the handshake for 0.3 s" in error.message


def test_an_error_in_the_place_of_a_handshake():
    with MoshiWsServer("error_first") as server:
        error = opening(MoshiServer(server.url))
    assert error.kind == "refused" and error.message.endswith("reports an error: no model is loaded")


def test_a_server_that_always_breaks_off_before_the_handshake_ends_the_run():
    with MoshiWsServer("drop") as server, pytest.raises(AdapterError, match="without --arg voice"):
        hold(MoshiServer(server.url), n=2)
    assert len(server.seen.paths) == 3
    held = call("drop_1008", "normal")
    assert isinstance(held.outcome, Recording)
    assert "code 1008 (not you), before the handshake" in held.log.broken[0]["why"]


# --- several servers, several clients


def test_each_server_holds_one_conversation_at_a_time():
    with MoshiWsServer() as one, MoshiWsServer() as two:
        party = MoshiServer(f"{one.url},{two.url}", slots=8)
        assert party.slots == 2
        held = hold(party, n=3)
    assert all(isinstance(each.outcome, Recording) for each in held)
    assert one.seen.peak == two.seen.peak == 1
    assert sorted([len(one.seen.frames), len(two.seen.frames)]) == [1, 2]


def test_a_dead_server_is_put_aside_and_the_other_does_its_work():
    with MoshiWsServer() as alive:
        party = MoshiServer(f"ws://127.0.0.1:{a_free_port()},{alive.url}", away_timeout_s=0.2)
        held = hold(party, n=2)
    assert all(isinstance(each.outcome, Recording) for each in held)
    assert alive.seen.peak == 1


def test_a_wrong_address_among_right_ones_is_left_out():
    with MoshiWsServer("404") as wrong, MoshiWsServer() as right:
        held = hold(MoshiServer(f"{wrong.url},{right.url}"), n=2)
    assert all(isinstance(each.outcome, Recording) for each in held)
    assert len(wrong.seen.paths) == 1


def test_somebody_elses_conversation_is_waited_for():
    async def both(url: str) -> None:
        first = await MoshiServer(url).open(Brief())
        second = asyncio.ensure_future(MoshiServer(url).open(Brief()))
        await asyncio.sleep(0.4)
        assert not second.done()
        await first.close()
        await (await asyncio.wait_for(second, 5)).close()

    with MoshiWsServer() as server:
        run(both(server.url))


def test_who_gives_up_waiting_leaves_the_server_free():
    async def give_up(party: MoshiServer) -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(party.open(Brief()), 0.3)
        session = await asyncio.wait_for(party.open(Brief()), 10)
        await session.close()
        await session.close()  # a second time does nothing

    with MoshiWsServer("no_handshake", "normal") as server:
        run(give_up(MoshiServer(server.url)))
    assert server.seen.peak == 1


def test_a_cancellation_is_never_lost():
    """asyncio.wait_for drops one that comes together with the result, before Python 3.12; a call would then never end."""

    async def coincide() -> bool:
        future = asyncio.get_running_loop().create_future()
        task = asyncio.ensure_future(within(future, 5.0))
        await asyncio.sleep(0)
        future.set_result(1)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return True
        return False

    assert run(coincide())


# --- PersonaPlex's server


def test_voice_and_prompt_go_into_the_query():
    with MoshiWsServer(needs_prompts=True) as server:
        held = hold(MoshiServer(server.url + "?token=a%20b", voice="NATF2"), n=2)
    assert all(isinstance(each.outcome, Recording) for each in held)
    looked, *called = server.seen.paths
    assert looked == "/api/chat?token=a+b"
    assert called == ["/api/chat?token=a+b&voice_prompt=NATF2.pt&text_prompt=You+are+a+teacher+%26+kind."] * 2
    assert server.seen.peak == 1


@pytest.mark.parametrize(
    ("prompt", "instructions", "sent"),
    [("Be Jane.", "Be Joe.", "Be+Jane."), (None, "Be Joe.", "Be+Joe."), (None, " ", "You+enjoy+having+a+good+conversation.")],
)
def test_the_prompt_is_never_empty(prompt, instructions, sent):
    async def begin(party: MoshiServer) -> None:
        await (await party.open(Brief(instructions))).close()

    with MoshiWsServer(needs_prompts=True) as server:
        run(begin(MoshiServer(server.url, voice="a.wav", prompt=prompt)))
    assert server.seen.paths[-1].endswith(f"?voice_prompt=a.wav&text_prompt={sent}")


def test_moshis_server_in_the_place_of_personaplex_is_refused():
    with MoshiWsServer() as server:
        error = opening(MoshiServer(server.url, voice="NATF2"))
    assert (error.kind, error.is_fatal) == ("wrong_model", True)
    assert "this is Moshi's server" in error.message


def test_personaplex_in_the_place_of_moshi_is_told():
    with MoshiWsServer(needs_prompts=True) as server:
        error = opening(MoshiServer(server.url))
    assert error.kind == "refused" and "--model personaplex-server" in error.message


# --- arguments


@pytest.mark.parametrize(
    "url",
    ["", " , ", "ftp://host/api/chat", "ws://", "ws://host:99999", "ws://h/x#part", "ws://a,ws://a:80/", "localhost:1,http://localhost:1"],
)  # fmt: skip
def test_an_address_that_is_none(url):
    with pytest.raises(UsageError) as caught:
        MoshiServer(url)
    assert "ws://localhost:8998/api/chat" in caught.value.remedy or "name each server once" in caught.value.remedy


@pytest.mark.parametrize(
    "arguments",
    [
        {"voice": ""},
        {"voice": "../x.pt"},
        {"prompt": "Be Jane."},
        {"voice": "NATF2", "prompt": " "},
        {"open_timeout_s": 0.0},
        {"away_timeout_s": -1.0},
        {"behind_limit_s": 0.1},
    ],
)
def test_an_argument_that_makes_no_sense(arguments):
    with pytest.raises(UsageError, match="--arg "):
        MoshiServer("ws://localhost:8998", **arguments)


def test_addresses():
    found = addresses_of("ws://h:1/api/chat, https://u:secret@h , h:2/x, http://[::1]:3/?token=secret")
    assert [address.shown for address in found] == ["h:1", "h:443", "h:2/x", "[::1]:3"]
    assert [address.url.scheme for address in found] == ["ws", "wss", "ws", "ws"]
    assert [address.url.path for address in found] == ["/api/chat", "/api/chat", "/x", "/api/chat"]
    assert [address.is_here for address in found] == [False, False, False, True]


def test_no_password_is_ever_shown():
    url = "ws://user:hunter2@127.0.0.1:9/api/chat?token=hunter3"
    party = MoshiServer(url, away_timeout_s=0.01)
    told = [MoshiServer.needs(url), MoshiServer.provenance(url), party.describe(), opening(party).message]
    with pytest.raises(UsageError) as caught:
        MoshiServer("ftp://user:hunter2@host")
    told += [caught.value.what, caught.value.remedy]
    assert not re.search("hunter|user", str(told))


def test_what_a_run_is_named_by():
    assert MoshiServer.provenance("ws://b:1,ws://a:2", slots=2).arguments == {"url": "a:2,b:1", "voice": None, "prompt": None}
    told = {"voice": "NATF2.pt", "prompt": None}
    assert MoshiServer.provenance("ws://b:1", served="x@1", voice="NATF2").arguments == {"served": "x@1", **told}
    missing = MoshiServer.needs()[-1]
    assert not missing.is_met and "--arg url=ws://" in missing.detail


# --- sound


WRITER, READER = sphn.OpusStreamWriter, sphn.OpusStreamReader


class OldWriter:
    """The interface of sphn before 0.2, on top of today's: pages are picked up one at a time."""

    def __init__(self, rate: int) -> None:
        self._new, self._pages = WRITER(rate), []

    def append_pcm(self, pcm: np.ndarray) -> None:
        data = self._new.append_pcm(pcm)
        starts = [match.start() for match in re.finditer(b"OggS", data)]
        self._pages += [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]

    def read_bytes(self) -> bytes:
        return self._pages.pop(0) if self._pages else b""


class OldReader:
    """The same for reading: what was appended is decoded a moment later, by somebody else."""

    def __init__(self, now_s: Callable[[], float], rate: int) -> None:
        self._now_s, self._new, self._due = now_s, READER(rate), []
        self.is_closed = False

    def append_bytes(self, data: bytes) -> None:
        pcm = self._new.append_bytes(data)
        if len(pcm):
            self._due.append((self._now_s() + 0.005, pcm))

    def read_pcm(self) -> np.ndarray | None:
        if self._due and self._due[0][0] <= self._now_s():
            return self._due.pop(0)[1]
        return None if self.is_closed else np.zeros(0, np.float32)

    def close(self) -> None:
        self.is_closed = True


def through(opus_there: Opus, opus_back: Opus, sound: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Sound, coded and decoded frame by frame; and how many samples were there after each."""
    pieces, counts = [], []
    for frame in sound.reshape(-1, 1920):
        pieces.append(opus_back.decode(opus_there.encode(frame)))
        while opus_back.may_have_more():
            pieces.append(opus_back.more())
        counts.append(sum(map(len, pieces)))
    return np.concatenate(pieces), counts


def test_both_generations_of_sphn_give_the_same_sound(monkeypatch):
    sound, looks = chirp(0.8), count()

    def clock() -> float:
        return next(looks) / 1000  # a millisecond passes between two looks at it

    expected, counts = through(Opus(RATE, clock), Opus(RATE, clock), sound)
    assert counts == [1920 * (i + 1) for i in range(10)]
    monkeypatch.setattr(sphn, "OpusStreamWriter", OldWriter)
    monkeypatch.setattr(sphn, "OpusStreamReader", partial(OldReader, clock))
    old = Opus(RATE, clock)
    found, counts = through(old, old, sound)
    assert counts == [1920 * (i + 1) for i in range(10)]
    assert (found == expected).all()
    assert np.abs(expected[1920 + 156 : 9 * 1920] - sound[1920 : 9 * 1920 - 156]).max() < 0.2  # 6.5 ms, and what coding loses
    old.close()


def test_a_call_with_the_old_generation(monkeypatch):
    with MoshiWsServer() as server:  # it took its own writers from today's before
        party = MoshiServer(server.url)
        module = type(sys)("sphn")
        module.OpusStreamWriter, module.OpusStreamReader = OldWriter, partial(OldReader, now_s)
        monkeypatch.setitem(sys.modules, "sphn", module)
        (held,) = hold(party)
    assert isinstance(held.outcome, Recording), held.outcome
    arrivals = np.array([at_s for at_s, _ in held.log.of(Delta)])
    assert np.median(arrivals - (np.arange(len(arrivals)) + 2) * FRAME_S) < 0.04


REAL_OLD = """
import numpy as np, sphn, time
from fdbench.adapters.moshi_server_sound import Opus
assert sphn.OpusStreamWriter(24000).append_pcm(np.zeros(1920, np.float32)) is None
t = np.arange(19200) / 24000
sound = (0.3 * np.sin(2 * np.pi * (300 * t + 800 * t * t))).astype(np.float32)
opus, got = Opus(24000, time.monotonic), []
for frame in sound.reshape(-1, 1920):
    got.append(opus.decode(opus.encode(frame)))
    while opus.may_have_more():
        got.append(opus.more())
got = np.concatenate(got)
print(len(got), float(np.abs(got[1920 + 156 : 9 * 1920] - sound[1920 : 9 * 1920 - 156]).max()))
opus.close()
"""


def test_the_real_old_generation_where_it_is_installed(tmp_path):
    python = os.environ.get("FDBENCH_PERSONAPLEX_PYTHON")
    if not python:
        pytest.skip("set FDBENCH_PERSONAPLEX_PYTHON to an interpreter with sphn 0.1.x (that of PersonaPlex's fork)")
    look = "import sphn, sys; print(sphn.__file__, *sys.version_info[:2])"
    path, *version = subprocess.run([python, "-c", look], capture_output=True, text=True, check=True).stdout.split()
    if tuple(map(int, version)) != sys.version_info[:2]:
        pytest.skip(f"{python} is Python {'.'.join(version)}: its packages cannot be loaded here")
    (tmp_path / "sphn").symlink_to(Path(path).parent)
    own = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", REAL_OLD], env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    n_samples, error = done.stdout.split()
    assert int(n_samples) == 19200 and float(error) < 0.2


# --- pace


def test_the_pace_counts_samples_and_not_messages():
    pace = AnswerPace(1.5)
    for number in range(6):
        pace.sent(number * 0.08)
    assert list(pace.came(1920 * 2, 0.1)) == [] and pace.awaited == 3
    assert list(pace.came(960, 0.2)) == [] and pace.awaited == 3
    assert list(pace.passed(0.25)) == []
    assert list(pace.passed(0.41)) == [Note("stall", {"frame": 3})]
    assert list(pace.passed(0.5)) == [Note("behind", {"frame": 3, "by_s": 0.25})]
    assert list(pace.came(960, 0.5)) == [Note("stall over", {"frame": 3, "length_s": 0.3})]
    with pytest.raises(CallError, match=r"frame 4 is 1\.6 s late"):
        list(pace.passed(0.32 + 1.6))


def test_a_server_that_has_answered_everything_owes_nothing():
    pace = AnswerPace(1.5)
    assert list(pace.passed(100.0)) == []
    pace.sent(0.0)
    assert list(pace.passed(100.0)) == []  # frame 0 has no answer
