"""Conversations on the wall clock: each number against a client in the SDK's documented way, in the same run.

    python benchmarks/realtime.py                                   # 16, 32 and 64 at once: four minutes
    python benchmarks/realtime.py --conversations 16 --seconds 5 --only late
    python benchmarks/realtime.py --busy 1                          # the same with one core kept busy; --busy 2: with two

| number | how |
|---|---|
| late | share of 20 ms frames that left more than 5 ms after they were due (gate: under 1 % at 16; aim: at 64) |
| added latency | from when a frame was due until the server's answer to it is stamped, less what the server took |
| memory | growth of the client's process for each conversation, its prompt and its log included |
| accuracy | a server that answers N ms after the end of speech: the reply's first sample on the played clock, less N ms |

The server is another process; it answers every tenth frame at once and says how long that took it. The naive client is what
the SDK's manual shows: ``input_audio_buffer.append(...)`` and ``async for event in connection``, all conversations on one
event loop, paced on the same clock without drift and begun a fraction of a frame apart, like ours. ``split`` is ours as several
processes that share the conversations. Each client is a process of its own, so that memory and garbage of one do not become
the other's.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OPENAI_API_KEY", "unused")

RATE, FRAME_S, FRAME = 24000, 0.02, 480
LATE_S = 0.005
Measured = dict[str, list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", default="16,32,64")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each conversation")
    parser.add_argument("--processes", type=int, default=2, help="of the split client")
    parser.add_argument("--only", default="late,accuracy")
    parser.add_argument("--busy", type=int, default=0, help="cores that another program keeps busy")
    parser.add_argument("--child", nargs=4, metavar=("CLIENT", "N", "SECONDS", "URL"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        client, n, seconds, url = given.child
        sys.stdout.write(json.dumps(measured(client, int(n), float(seconds), url)) + "\n")
        return
    print(f"{os.cpu_count()} cores, {given.busy} kept busy, load {os.getloadavg()[0]:.1f} before it began\n")
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(given.busy)]
    try:
        if "late" in given.only:
            late([int(n) for n in given.conversations.split(",")], given.seconds, given.processes)
        if "accuracy" in given.only:
            accuracy()
    finally:
        for each in busy:
            each.kill()


def late(counts: Sequence[int], seconds: float, n_processes: int) -> None:
    print("| client | at once | frames | late > 5 ms | worst | given up | latency added, median | p99 | CPU | memory each |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for n in counts:
        for client, n_each in (("naive", [n]), ("ours", [n]), ("split", _shares(n, n_processes))):
            with Server() as server:
                began = time.monotonic()
                children = [child("naive" if client == "naive" else "ours", each, seconds, server.url) for each in n_each]
                results = [json.loads(each.communicate()[0]) for each in children]
                wall_s = time.monotonic() - began
            _row(client, n, results, wall_s)


def _row(client: str, n: int, results: Sequence[dict[str, Any]], wall_s: float) -> None:
    late_ms = 1000 * np.array([each for result in results for each in result["late_s"]])
    added_ms = 1000 * np.array([each for result in results for each in result["added_s"]])
    cpu_s, memory, given_up = (sum(result[name] for result in results) for name in ("cpu_s", "memory", "failed"))
    cells = (
        client, n, len(late_ms), f"{np.mean(late_ms > 1000 * LATE_S):.2%}", f"{late_ms.max():.0f} ms", given_up,
        f"{np.median(added_ms):.2f} ms", f"{np.percentile(added_ms, 99):.1f} ms", f"{cpu_s / wall_s:.0%}",
        f"{memory / n / 1e6:.2f} MB",
    )  # fmt: skip
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def _shares(n: int, n_processes: int) -> list[int]:
    return [n // n_processes + (each < n % n_processes) for each in range(n_processes)]


def child(client: str, n: int, seconds: float, url: str) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "--child", client, str(n), str(seconds), url]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


class Server:
    """The server of the tests, in a process of its own."""

    def __enter__(self) -> Server:
        command = [sys.executable, "-m", "tests.realtime_server"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)


def measured(client: str, n: int, seconds: float, url: str) -> dict[str, Any]:
    """One client's run: lateness of every frame, added latency of every answer, CPU and memory."""
    clients = {"ours": ours, "naive": naive}
    clients[client](1, 0.2, url)  # imports and first use are not the conversations' memory
    before, cpu_s = _memory(), time.process_time()
    found, failed = clients[client](n, seconds, url)
    return {**found, "failed": failed, "cpu_s": time.process_time() - cpu_s, "memory": _memory() - before}


def _memory() -> int:
    """The most that this process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def ours(n: int, seconds: float, url: str) -> tuple[Measured, int]:
    from fdbench.adapters.realtime import Realtime as Adapter

    from fdbench.adapter.base import Brief
    from fdbench.adapter.live import Delta
    from fdbench.call.call import Ending, Invitation
    from fdbench.call.driver import Driver
    from fdbench.call.session_log import from_stored
    from fdbench.call.timeouts import Timeouts
    from fdbench.core.conversation import FailedCall, Sample, Take
    from fdbench.core.sound import Audio

    party = Adapter(base_url=url, query="behave=probe", slots=n)
    prompt = Audio(np.zeros(round(seconds * RATE), np.float32), RATE)
    calls = (Invitation(Take(Sample(str(each), "t", {})), Brief(stimulus=prompt), Brief()) for each in range(n))
    found: Measured = {"late_s": [], "added_s": []}
    failed = 0
    for _, outcome in Driver(party, None, Ending(0.0, 0.0), timeouts=Timeouts(tries=1)).run(calls):
        failed += isinstance(outcome, FailedCall)
        if outcome.log is None:
            continue
        log = from_stored(outcome.log)
        found["late_s"] += log.late_s
        found["added_s"] += [_added_s(delta.item, at_s) for at_s, delta in log.of(Delta)]
    return found, failed


def _added_s(answer: str, at_s: float) -> float:
    """An answer is named by the frame that it answers, counted from 1, and by what the server took, in microseconds."""
    frame, took_us = answer.split(":")
    return at_s - int(frame) * FRAME_S - int(took_us) * 1e-6


def naive(n: int, seconds: float, url: str) -> tuple[Measured, int]:
    from openai import AsyncOpenAI

    found: Measured = {"late_s": [], "added_s": []}
    audio = base64.b64encode(bytes(2 * FRAME)).decode()

    async def converse(client: AsyncOpenAI, number: int) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        async with client.realtime.connect(model="gpt-realtime", extra_query={"behave": "probe"}) as connection:
            await connection.session.update(session={"type": "realtime", "output_modalities": ["audio"]})
            async for event in connection:
                if event.type == "session.updated":
                    break
            # All at the same moment, 16 frames would wait for each other: begun like ours, a fraction of a frame apart.
            start = began + 1.0 + number / n * FRAME_S
            if clock() > start:
                start += np.ceil((clock() - start) / FRAME_S) * FRAME_S

            async def listen() -> None:
                async for event in connection:
                    if event.type == "response.output_audio.delta":
                        at_s = clock() - start
                        base64.b64decode(event.delta)
                        found["added_s"].append(_added_s(event.response_id, at_s))

            listening = asyncio.ensure_future(listen())
            for frame in range(round(seconds / FRAME_S)):
                due = start + (frame + 1) * FRAME_S
                await asyncio.sleep(max(0.0, due - clock()))
                found["late_s"].append(max(0.0, clock() - due))
                await connection.input_audio_buffer.append(audio=audio)
            listening.cancel()

    async def converse_all() -> None:
        client = AsyncOpenAI(api_key="unused", base_url=url.replace("ws://", "http://"))
        await asyncio.gather(*(converse(client, number) for number in range(n)))

    asyncio.run(converse_all())
    return found, 0


def accuracy(n_at_once: int = 16, n_rounds: int = 3) -> None:
    """Replies of known latency: where is their first sample on the played clock?"""
    from fdbench.adapters.realtime import Realtime as Adapter

    from fdbench.adapter.base import Brief
    from fdbench.call.call import Ending, Invitation
    from fdbench.call.driver import Driver
    from fdbench.core.conversation import FailedCall, Sample, Take
    from fdbench.core.sound import Audio

    prompt = Audio((0.1 * np.random.default_rng(0).standard_normal(RATE)).astype(np.float32), RATE)
    print("\n| the server answers after | replies | off by, median | worst | failed |\n|---|---|---|---|---|")
    for answer_ms in (300, 700, 1500):
        with Server() as server:
            party = Adapter(base_url=server.url, query=f"answer_ms={answer_ms}&reply_ms=200", slots=n_at_once)
            takes = [Take(Sample(str(each), "t", {})) for each in range(n_at_once * n_rounds)]
            calls = (Invitation(take, Brief(stimulus=prompt), Brief()) for take in takes)
            off_ms, failed = [], 0
            for _, outcome in Driver(party, None, Ending(1.8, 4.0)).run(calls):
                if isinstance(outcome, FailedCall):
                    failed += 1
                    continue
                marker = int(np.flatnonzero(outcome.model.audio.samples > 0.5)[0]) / RATE
                off_ms.append((marker - prompt.duration_s) * 1000 - answer_ms)
            median, worst = statistics.median(off_ms), max(off_ms, key=abs)
            print(f"| {answer_ms} ms | {len(off_ms)} | {median:+.1f} ms | {worst:+.1f} ms | {failed} |", flush=True)


if __name__ == "__main__":
    main()
