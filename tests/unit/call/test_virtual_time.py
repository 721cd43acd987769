"""The loop that the tests of live calls run on: its timers cost no time, and what was sent comes before any of them."""

from __future__ import annotations

import asyncio
import socket
import time

from tests.virtual_time import virtual_time


def test_an_hour_takes_no_time_and_sleepers_wake_in_order():
    async def wake(after_s, woken):
        await asyncio.sleep(after_s)
        woken.append((after_s, asyncio.get_running_loop().time()))

    async def all_of_them():
        woken = []
        await asyncio.gather(*(wake(after_s, woken) for after_s in (3600.0, 0.25, 60.0)))
        return woken

    with virtual_time() as loop:
        began_s = loop.time()
        woken = loop.run_until_complete(all_of_them())
    assert [(after_s, at_s - began_s) for after_s, at_s in woken] == [(0.25, 0.25), (60.0, 60.0), (3600.0, 3600.0)]


def test_what_was_sent_arrives_before_time_passes():
    async def talk():
        loop, (here, there) = asyncio.get_running_loop(), socket.socketpair()
        with here, there:
            for side in (here, there):
                side.setblocking(False)
            began_s = loop.time()
            for n in range(100):
                await loop.sock_sendall(here, b"x" * 1000)
                assert len(await loop.sock_recv(there, 1000)) == 1000, n
            return loop.time() - began_s

    with virtual_time() as loop:
        loop.call_later(0.001, lambda: None)
        assert loop.run_until_complete(talk()) == 0


def test_work_in_another_thread_is_waited_for():
    async def work():
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        waiting = asyncio.ensure_future(asyncio.sleep(1000))
        await loop.run_in_executor(None, time.sleep, 0.02)
        waiting.cancel()
        return loop.time() - began_s

    with virtual_time() as loop:
        assert loop.run_until_complete(work()) == 0
