"""A call made again by the same driver, with both sides from tape and nobody called.

The user's side plays the prompt again, or says again what an examiner said; the model's says what its log, or its recording,
holds. What was heard of either, what stood between them and where everything lies follow from that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fdbench.adapter.base import Brief, Port
from fdbench.audio.playout import Playout
from fdbench.call.call import Ending, Invitation
from fdbench.call.driver import REALTIME, Driver
from fdbench.call.player import PromptPlayer
from fdbench.call.session_log import SessionLog, as_stored, feed
from fdbench.call.tape import PlayedTape, as_kept
from fdbench.call.taped_leg import RecordedTape, TapedLeg
from fdbench.core.condition import NOTHING_BETWEEN, Condition
from fdbench.core.conversation import FailedCall, Recording, Take
from fdbench.core.event import Event
from fdbench.core.sound import Audio, Track


@dataclass(frozen=True, slots=True, eq=False)
class Examined:
    """What is on record of an examiner, or of a user who reacts, who is not asked again.

    Attributes:
        said: From the prompt's place on.
        until_s: When it had nothing more to say; of a user who reacts, where the prompt ended.
        events: What it did.
        heard: Where that is not what the model said.
        log: Of one on the wall clock: what it said follows from it.
        delay_s: By how much the model heard it later when it had nothing more to say, where a condition's delay counts.
    """

    said: Audio
    until_s: float
    events: tuple[Event, ...] | None
    heard: Track | None
    log: SessionLog | None = None
    delay_s: float | None = None


def replay_call(
    take: Take,
    prompt: Audio | Examined,
    lead_in_s: float,
    tape: SessionLog | RecordedTape,
    ending: Ending,
    condition: Condition = NOTHING_BETWEEN,
) -> Recording | FailedCall:
    """Make one call again.

    Args:
        prompt: What the user said; of an examiner, with what else is on record of it.
        lead_in_s: Silence before it.
        tape: What the model left behind.
        ending: Of the run; the tape says where the call ended, the ending which silence makes it a whole one.
    """
    if isinstance(tape, SessionLog) and not tape.sent_s:
        return FailedCall("log", "the log cannot be replayed: not one frame was sent")
    said = prompt.said if isinstance(prompt, Examined) else prompt
    if isinstance(prompt, Examined) and prompt.log is not None:
        said = said_by_caller(prompt.log, round(lead_in_s * prompt.log.rate_model), len(said.samples))
    brief = Brief(stimulus=said, lead_in_s=lead_in_s)
    second = Port(said.sample_rate, said.sample_rate)
    # A caller has a rate of its own; of all others the player speaks at the model's.
    user = PromptPlayer(second, second, 1) if isinstance(prompt, Examined) and prompt.log else None
    driver = Driver(TapedLeg(tape), user, ending, condition=condition)
    ((_, made),) = driver.run([Invitation(take, brief, Brief(lead_in_s=lead_in_s))])
    if isinstance(made, FailedCall):
        return made
    if isinstance(prompt, Examined):
        on_the_way = made.on_the_way if prompt.delay_s is None else {**made.on_the_way, "delay_s": prompt.delay_s}
        made = replace(made, prompt_s=prompt.until_s, user_events=prompt.events, user_heard=prompt.heard, on_the_way=on_the_way)
        if prompt.log is not None:
            made = replace(made, clock=REALTIME, user_log=as_stored(prompt.log))
    if isinstance(tape, SessionLog):
        return replace(made, log=as_stored(tape))
    heard = made.model_heard
    if heard is not None:
        heard = replace(heard, audio=replace(heard.audio, samples=heard.audio.samples[: tape.heard_samples]))
    return replace(made, events=tape.events, right_censored=tape.right_censored, model_heard=heard)


def said_by_caller(log: SessionLog, first: int, n_samples: int) -> Audio:
    """What was heard of a caller, ``n_samples`` from sample ``first`` of the call on, by its log alone."""
    playout = Playout(log.rate_model)
    for arrival in log.arrivals:
        feed(playout, arrival)
    return Audio(as_kept(PlayedTape(playout, log.rate_model).read(first, n_samples)), log.rate_model)
