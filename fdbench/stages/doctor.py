"""`fdbench doctor`: is this machine, and is this model, fit to be measured?"""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Mapping

import numpy as np

from fdbench.adapter.base import Agent, AgentParty, Port, VirtualParty
from fdbench.adapter.contract import CHECK_S, Check, check_party, converse, noise
from fdbench.adapter.live import LiveParty
from fdbench.adapter.load import Adapter
from fdbench.call.call import Ending, Invitation
from fdbench.call.driver import Driver
from fdbench.call.session_log import spent_in
from fdbench.call.timeouts import Timeouts
from fdbench.core.conversation import Brief, Recording, Sample, Take
from fdbench.core.event import PAUSE, TURN_END, Event
from fdbench.core.sound import Audio, Samples
from fdbench.core.span import Span

CLICK_S = 0.5
PACKAGES: Mapping[str, str] = {
    "onnxruntime": "vad",
    "silero-vad": "vad",
    "pocketsphinx": "sphinx",
    "openai-whisper": "whisper",
}


def examine_adapter(adapter: Adapter) -> tuple[Check, ...]:
    """Load a model and run the contract: silence in, same seed same output, A B A, neighbours, no shift through echo.

    Where something that it needs is not on this machine, that is all there is to say.

    Raises:
        FdbenchError: The model cannot be loaded.
    """
    licence = (Check("licence of the weights", True, adapter.spec.licence),) if adapter.spec.licence else ()
    needs = (*licence, *(Check(need.what, need.is_met, need.detail) for need in adapter.needs()))
    if not all(need.holds for need in needs):
        return needs
    if adapter.is_live:
        return (*needs, *_one_live_call(adapter))
    started = time.monotonic()
    party = adapter.open_party(slots=2)
    loaded = Check("loads", True, f"{time.monotonic() - started:.1f} s")
    truth = Sample("doctor", "doctor", {}, events=(Event(PAUSE, Span(0.4, 0.8)), Event(TURN_END, Span(1.0, 1.0))))
    brief = Brief(seed=1, truth=truth if adapter.spec.tells_truth else None)
    checks = (*needs, loaded, *check_party(party, brief), check_echo(party))
    if not all(check.holds for check in checks):
        return checks
    return (*checks, _one_call(party, brief), *_description(party))


def _one_call(party: VirtualParty, brief: Brief) -> Check:
    """How fast a conversation goes; the first ones were the contract's, so nothing is being compiled any more."""
    heard = noise(party, 1)
    started = time.perf_counter()
    converse(party, brief, heard)
    took_s = time.perf_counter() - started
    return Check(f"one call of {CHECK_S:g} s", True, f"{took_s:.2f} s: {CHECK_S / took_s:.1f} x real time, {party.slots} slots")


def _one_live_call(adapter: Adapter) -> tuple[Check, ...]:
    """Hold one short conversation on the wall clock: does it begin, how far away is the server, what does it say of itself?"""
    party = adapter.open_live(slots=1)
    silence = Audio.silence(CHECK_S, party.hears.sample_rate)
    brief = Brief(seed=1, instructions="You are a helpful assistant.")
    invitation = Invitation(Take(Sample("doctor", "doctor", {})), Brief(stimulus=silence), brief)
    ((_, outcome),) = Driver(party, None, Ending(0.5, 2.0), timeouts=Timeouts(tries=1)).run([invitation])
    name = f"one call of {CHECK_S:g} s"
    if not isinstance(outcome, Recording):
        return (Check(name, False, f"{outcome.reason}: {outcome.message}"),)
    spent = spent_in(outcome.log).as_json() if outcome.log else {}
    return (Check(name, True, ", ".join(f"{key} {value}" for key, value in spent.items())), *_description(party))


def _description(party: VirtualParty | LiveParty) -> tuple[Check, ...]:
    """What a party says about itself: versions, device, memory."""
    describe = getattr(party, "describe", None)
    return tuple(Check(name, True, fact) for name, fact in describe().items()) if describe else ()


def check_echo(party: VirtualParty) -> Check:
    """A click played to an echo at this model's rates and frames must come back exactly one frame later."""
    hears, says = party.hears, party.says
    if hears.sample_rate != says.sample_rate:
        return Check("a click through echo is shifted by one frame exactly", True, "not tried: unequal rates in and out")

    class _Echo(Agent):
        def reset(self, brief: Brief) -> None:
            pass

        def step(self, heard: Samples) -> Samples:
            return np.array(heard)

    _Echo.hears, _Echo.says = hears, Port(says.sample_rate, hears.frame_samples)
    echo = AgentParty(_Echo, 1)
    click = np.zeros(hears.sample_rate, np.float32)
    at = round(CLICK_S * hears.sample_rate)
    click[at] = 1.0
    stimulus = Audio(click, hears.sample_rate)
    driver = Driver(echo, None, Ending(0.1, 0.5))
    ((_, outcome),) = driver.run([Invitation(Take(Sample("click", "doctor", {})), Brief(stimulus=stimulus), Brief())])
    if not isinstance(outcome, Recording):
        return Check("a click through echo is shifted by one frame exactly", False, outcome.message)
    found = int(np.argmax(outcome.model.audio.samples))
    expected = at + hears.frame_samples
    return Check(
        "a click through echo is shifted by one frame exactly", found == expected, f"sample {found}, expected {expected}"
    )


def examine_packages() -> tuple[Check, ...]:
    """Which optional packages are installed, with the line that installs each."""
    checks = []
    for package, extra in PACKAGES.items():
        try:
            checks.append(Check(package, True, importlib.metadata.version(package)))
        except importlib.metadata.PackageNotFoundError:
            checks.append(Check(package, False, f"pip install 'fdbench[{extra}]'"))
    return tuple(checks)
