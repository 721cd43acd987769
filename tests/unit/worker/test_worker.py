"""Workers are processes of their own: what one does wrong costs its own call, and nothing is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from fdbench.adapter.base import Batch, Brief, Port
from fdbench.adapter.contract import check_party
from fdbench.call.call import Ending, Invitation
from fdbench.call.driver import Driver
from fdbench.core.conversation import FailedCall, Recording, Sample, Take
from fdbench.core.event import TEXT
from fdbench.core.sound import Audio
from fdbench.worker.pool import MAX_FAILED_STARTS, Deadlines, WorkerParty
from fdbench.worker.protocol import Program

PORT = Port(8000, 80)
FRAMES = str(resources.files("fdbench.adapters") / "workers")
SLOTS, BAD = 8, 3

WORKER = f"""
import json, os, subprocess, sys, time
sys.path.insert(0, {FRAMES!r})
import numpy as np
import frames

MANNER, KEEP = sys.argv[1], sys.argv[2]  # of all its conversations, where none has another
AT = 4                                   # the frame at which it misbehaves
send = frames.Channel.send

class Gain:
    sample_rate, frame_samples = 8000, 80
    def __init__(self):
        print("loading", flush=True)     # to standard output, where a message would be garbled by it
        if MANNER == "cannot load":
            raise RuntimeError("no memory for weights")
        if MANNER == "refuses to load":
            raise frames.RefusalError("wrong package", "install the right one")
        if MANNER == "never loads":
            time.sleep(1000)
        if MANNER == "another rate":
            self.sample_rate = 16000
        if MANNER == "floods":
            os.write(2, b"noise " * 200_000)
        with open(KEEP, "a") as file:
            print(os.getpid(), file=file)
    def facts(self):
        return {{"device": "none"}}
    def open(self, brief):
        self.manner = brief.get("manner") or MANNER
        if self.manner == "refuses":
            raise frames.RefusalError("no such voice", "name another")
        if self.manner == "dies while opening":
            print("last gasp", file=sys.stderr, flush=True)
            os._exit(7)
        if self.manner == "hangs while opening":
            time.sleep(1000)
        self.gain, self.n = 1 + brief["seed"] / 10, 0
    def step(self, heard):
        self.n += 1
        said, text = heard * np.float32(self.gain), ["a", "b"] if self.n == 2 else []
        if self.n == AT:
            if self.manner == "dies":
                print("out of memory", file=sys.stderr, flush=True)
                os._exit(9)
            if self.manner == "is killed":
                os.kill(os.getpid(), 9)
            if self.manner == "raises":
                raise ValueError("a bad frame")
            if self.manner == "hangs":
                time.sleep(1000)
            if self.manner == "drips":
                frames.Channel.send = lambda self, *message: [
                    (self._said.write(b"x"), self._said.flush(), time.sleep(0.05)) for _ in range(10_000)
                ]
            if self.manner == "babbles":
                frames.Channel.send = lambda self, *message: (self._said.write(b"Hello, world!\\n"), self._said.flush())
            if self.manner == "floods its answers":
                frames.Channel.send = lambda self, *message: [self._said.write(b"y" * 65536) for _ in range(10_000)]
            if self.manner == "answers twice":
                frames.Channel.send = lambda self, *message: (send(self, *message), send(self, *message))
            if self.manner == "miscounts":
                frames.Channel.send = lambda self, head, sound=b"": send(self, {{**head, "seq": head["seq"] + 5}}, sound)
            if self.manner == "too short":
                said = said[:-1]
            if self.manner == "not finite":
                said[3] = np.nan
            if self.manner == "no text":
                text = "abc"
            if self.manner == "leaves a child":
                child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
                with open(KEEP + "-child", "w") as file:
                    print(child.pid, file=file)
                os._exit(9)
        if self.manner == "slow":
            time.sleep(0.02)
        if self.manner == "floods":
            os.write(2, b"noise " * 50_000)
        return said, text
    def close(self):
        if self.manner == "dies between calls":
            os._exit(5)

sys.exit(frames.serve(Gain))
"""

WORDS = {
    "dies": "the worker ended (exit status 9; last words: out of memory)",
    "is killed": "the worker ended (killed by SIGKILL; last words: loading)",
    "raises": "the worker ended (exit status 1; last words: ValueError: a bad frame)",
    "hangs": "the worker did not step within 1 s",
    "drips": "the worker did not step within 1 s",
    "babbles": "the worker said no message: b'Hello, world!'",
    "floods its answers": "the worker said ",
    "answers twice": "the worker said ",
    "miscounts": "the worker said an answer to message 10 when 5 was asked",
    "too short": "a frame of 316 bytes, expected 320",
    "not finite": "a frame with 1 samples that are not finite",
    "no text": "text that is no list of pieces",
    "leaves a child": "the worker ended (exit status 9",
    "refuses": "no such voice - name another",
    "dies while opening": "the worker ended (exit status 7; last words: last gasp)",
    "hangs while opening": "the worker did not open within 1 s",
    "cannot load": "the worker ended while it was starting (exit status 1; last words: RuntimeError: no memory for weights)",
    "refuses to load": "the worker refused: wrong package - install the right one",
    "another rate": "'sample_rate': 16000",
}
HARMLESS = ("slow", "floods", "dies between calls")
SURVIVED = ("refuses", "slow")
"""What does not end a worker."""
HANGS = ("hangs", "drips", "hangs while opening")
LATE_S = 1.0
ALONE = ("cannot load", "refuses to load", "another rate", "floods", "miscounts")
"""What takes a worker without a past; the others share the workers of all tests."""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "worker.py"
    path.write_text(WORKER)

    def make(manner="well", slot=0):
        return Program((sys.executable, str(path), manner, str(tmp_path / f"pids{slot}")), dict(os.environ))

    return make


def party_of(program, manner="well", slots=SLOTS, bad=BAD):
    programs = [program(manner if slot == bad else "well", slot) for slot in range(slots)]
    return WorkerParty(programs, PORT, PORT, as_told, Deadlines(60.0, 60.0, 60.0))


def as_told(brief):
    """A worker's brief: the instructions are its manners."""
    return {"seed": brief.seed, "manner": brief.instructions}


def calls(party, n=SLOTS, length_s=0.12, manners=None):
    """Hold ``n`` calls, each with a prompt and a seed of its own; outcomes by sample."""
    invitations = []
    for index in range(n):
        sound = np.random.default_rng(index).uniform(-0.1, 0.1, round(length_s * 8000)).astype(np.float32)
        user, model = Brief(stimulus=Audio(sound, 8000)), Brief((manners or {}).get(index, ""), index)
        invitations.append(Invitation(Take(Sample(str(index), "t", {})), user, model))
    return {take.sample.id: outcome for take, outcome in Driver(party, None, Ending(0.02, 0.05)).run(invitations)}


def samples(outcome):
    assert isinstance(outcome, Recording), outcome
    return outcome.model.audio.samples


def pids(tmp_path, slot):
    return [int(line) for line in (tmp_path / f"pids{slot}").read_text().split()]


def is_there(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_gone(pid, at_most_s=30.0):
    """Returns at once when a process that is not our child runs no more; the limit only keeps a failing test from hanging."""
    until = time.monotonic() + at_most_s
    while runs(pid) and time.monotonic() < until:
        time.sleep(0.01)
    return not runs(pid)


def runs(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""  # a zombie, which is its new parent's to bury, has none
    except OSError:
        return False


@dataclass(frozen=True)
class Shared:
    """Workers that all tests may use; where one breaks, the pool starts another."""

    party: WorkerParty
    folder: Path

    def pid(self, slot):
        return pids(self.folder, slot)[-1]


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """Makes a pool with its own deadlines, to be shared; in the end nothing is left of it."""
    made = []

    def make(slots=SLOTS):
        folder = tmp_path_factory.mktemp("shared")
        (folder / "worker.py").write_text(WORKER)
        command = (sys.executable, str(folder / "worker.py"))
        party = party_of(
            lambda manner, slot: Program((*command, manner, str(folder / f"pids{slot}")), dict(os.environ)), slots=slots
        )
        made.append(Shared(party, folder))
        return made[-1]

    yield make
    for shared in made:
        shared.party.release()
        assert not any(is_there(pid) for slot in range(shared.party.slots) for pid in pids(shared.folder, slot))


@pytest.fixture(scope="module")
def shared(started):
    return started()


@pytest.fixture(scope="module")
def hasty(started):
    """Waits for the bad one no longer than it must."""
    shared = started(slots=BAD + 1)
    shared.party._workers[BAD].deadlines = Deadlines(60.0, LATE_S, LATE_S)
    return shared


@pytest.fixture(scope="module")
def healthy(shared):
    """What a pool without a bad worker gives."""
    return calls(shared.party)


def test_a_pool_answers_each_call_from_its_own_brief(healthy):
    for index in range(SLOTS):
        sound = np.random.default_rng(index).uniform(-0.1, 0.1, 960).astype(np.float32)
        said = samples(healthy[str(index)])
        assert np.array_equal(said[80 : 80 + 960], sound * np.float32(1 + index / 10))


def test_text_lies_where_its_frame_is_heard(healthy):
    (event,) = healthy["2"].events
    assert (event.kind, event.text) == (TEXT, "ab")
    assert (event.span.start_s, event.span.end_s) == pytest.approx((0.02, 0.03))  # the second frame, heard when it is over


def check(outcomes, manner, healthy, bad=BAD):
    """The bad one's call has a named status, or is as it should be; all others are."""
    if manner in WORDS:
        assert isinstance(outcomes[str(bad)], FailedCall)
        assert outcomes[str(bad)].reason == "worker"
        assert WORDS[manner] in outcomes[str(bad)].message
        assert "\n" not in outcomes[str(bad)].message
    for index in map(int, outcomes):
        if index != bad or manner in HARMLESS:
            assert np.array_equal(samples(outcomes[str(index)]), samples(healthy[str(index)]))


@pytest.mark.parametrize("manner", [each for each in (*WORDS, *HARMLESS) if each not in ALONE])
def test_a_bad_worker_costs_its_own_call_and_no_other(shared, hasty, healthy, manner):
    pool = hasty if manner in HANGS else shared
    outcomes = calls(pool.party, pool.party.slots, manners={BAD: manner})
    pid = pool.pid(BAD)
    check(outcomes, manner, healthy)
    again = calls(pool.party, pool.party.slots)
    assert all(np.array_equal(samples(again[name]), samples(healthy[name])) for name in again)
    assert (pool.pid(BAD) == pid) == is_there(pid) == (manner in SURVIVED)


@pytest.mark.parametrize("manner", ALONE)
def test_one_that_is_bad_from_its_start_costs_its_own_call_and_no_other(program, tmp_path, healthy, manner):
    party = party_of(program, manner, slots=2, bad=1)
    check(calls(party, 2), manner, healthy, bad=1)
    party.release()
    assert not any(is_there(pid) for path in tmp_path.glob("pids*") for pid in map(int, path.read_text().split()))


def test_a_worker_is_started_again_for_the_next_call(program, tmp_path):
    party = party_of(program, "dies", slots=1, bad=0)
    outcomes = calls(party, n=3)
    assert [type(outcome) for outcome in outcomes.values()] == [FailedCall] * 3
    assert len(set(pids(tmp_path, 0))) == 3
    party.release()


def test_one_that_dies_between_calls_costs_no_call(program, tmp_path):
    party = party_of(program, "dies between calls", slots=1, bad=0)
    assert [type(outcome) for outcome in calls(party, n=3).values()] == [Recording] * 3
    assert len(set(pids(tmp_path, 0))) == 3
    party.release()


def test_a_worker_that_cannot_start_is_given_up(program, tmp_path):
    party = party_of(program, "cannot load", slots=1, bad=0)
    messages = [outcome.message for outcome in calls(party, n=MAX_FAILED_STARTS + 2).values()]
    assert all("no memory for weights" in message for message in messages)
    assert [message.endswith("not started again") for message in messages] == [False] * MAX_FAILED_STARTS + [True] * 2


def test_a_slot_that_is_given_up_does_not_fail_the_calls_that_others_can_hold(program):
    """It keeps one call to itself until nobody else is talking; before that, each failed start costs one."""
    n = 40
    outcomes = calls(party_of(program, "cannot load", slots=3, bad=0), n)
    failed = [outcome for outcome in outcomes.values() if isinstance(outcome, FailedCall)]
    assert len(outcomes) == n and len(failed) <= MAX_FAILED_STARTS + 1


def test_what_refuses_to_start_is_not_asked_again(program):
    messages = [outcome.message for outcome in calls(party_of(program, "refuses to load", slots=1, bad=0), n=3).values()]
    assert [message.endswith("not started again") for message in messages] == [False, True, True]


def test_a_program_that_is_not_there_is_a_status():
    party = WorkerParty([Program(("/nowhere/python",), {})], PORT, PORT, lambda brief: {})
    assert "/nowhere/python: cannot be run" in calls(party, n=1)["0"].message


def test_one_that_never_loads_holds_up_no_other_slot(program, healthy):
    party = party_of(program, "never loads", slots=2, bad=1)
    party._workers[1].deadlines = Deadlines(start_s=0.1)
    outcomes = calls(party, n=2)
    assert np.array_equal(samples(outcomes["0"]), samples(healthy["0"]))
    assert "did not load its model within 0.1 s while it was starting" in outcomes["1"].message


def test_a_pool_passes_the_contract(program):
    party = party_of(program, slots=2)
    assert all(check.holds for check in check_party(party, Brief(seed=3)))
    assert party.describe() == {"device": "none", "workers": "2 of 2 started"}
    party.release()


def test_a_step_before_open_is_a_status(program):
    spoken = party_of(program, slots=1).step(Batch((0,), np.zeros((1, 80), np.float32), np.zeros(1)))
    assert "before it was opened" in spoken.failed[0].message


PARENT = """
import os, signal, sys
import numpy as np
from fdbench.adapter.base import Batch, Brief, Port
from fdbench.worker.protocol import Program
from fdbench.worker.pool import WorkerParty
port = Port(8000, 80)
keep = sys.argv[2]
program = Program((sys.executable, sys.argv[1], "well", keep), dict(os.environ))
party = WorkerParty([program] * 2, port, port, lambda brief: {"seed": 0})
for slot in (0, 1):
    party.open(slot, Brief())
party.step(Batch((0, 1), np.zeros((2, 80), np.float32), np.zeros(2)))
how = sys.argv[3]
if how != "end":
    os.kill(os.getpid(), getattr(signal, how))
"""


@pytest.mark.parametrize("how", ["end", "SIGINT", "SIGKILL"])
def test_no_worker_outlives_its_parent(program, tmp_path, how):
    worker = program().command[1]
    subprocess.run([sys.executable, "-c", PARENT, worker, str(tmp_path / "pids0"), how], capture_output=True, check=False)
    started = pids(tmp_path, 0)
    assert len(started) == 2
    assert all(wait_until_gone(pid) for pid in started)


def test_a_worker_that_is_busy_ends_with_its_parent_too(program, tmp_path):
    process = subprocess.Popen(
        program("hangs while opening").command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert b"hello" in process.stdout.readline()
    process.stdin.write(b'{"seq": 1, "do": "open", "brief": {"seed": 0}}\n')
    process.stdin.close()
    process.wait(30)
    process.stdout.close()


def test_standard_input_and_output_are_out_of_the_models_reach(tmp_path):
    program = tmp_path / "nosy.py"
    program.write_text(
        f"import sys; sys.path.insert(0, {FRAMES!r})\nimport frames\n"
        "def load():\n    assert sys.stdin.read() == ''\n    print('on the wrong pipe')\n    raise frames.RefusalError('no')\n"
        "sys.exit(frames.serve(load))\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, program], text=True, **pipes) as process:
        assert process.stdout.read() == '{"seq": 0, "refused": {"what": "no", "remedy": ""}}\n'
        assert process.stderr.read() == "on the wrong pipe\n"


def test_children_of_a_dead_worker_are_ended_with_it(program, tmp_path):
    calls(party_of(program, "leaves a child", slots=1, bad=0), n=1)
    (child,) = pids(tmp_path, "0-child")
    assert wait_until_gone(child)


def test_signals_for_us_do_not_reach_the_workers(program, tmp_path):
    party = party_of(program, slots=1)
    party.open(0, Brief())
    party.step(Batch((0,), np.zeros((1, 80), np.float32), np.zeros(1)))
    (pid,) = pids(tmp_path, 0)
    assert os.getpgid(pid) != os.getpgid(0)
    party.release()
