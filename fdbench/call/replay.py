"""A call made again by the same driver, with both sides from tape and nobody called.

The user's side plays the prompt again; the model's says what its log, or its recording, holds. What was heard of either, what
stood between them and where everything lies follow from that.
"""

from __future__ import annotations

from dataclasses import replace

from fdbench.adapter.base import Brief
from fdbench.call.call import Ending, Invitation
from fdbench.call.driver import Driver
from fdbench.call.session_log import SessionLog, as_stored
from fdbench.call.taped_leg import RecordedTape, TapedLeg
from fdbench.core.condition import NOTHING_BETWEEN, Condition
from fdbench.core.conversation import FailedCall, Recording, Take
from fdbench.core.sound import Audio


def replay_call(
    take: Take,
    prompt: Audio,
    lead_in_s: float,
    tape: SessionLog | RecordedTape,
    ending: Ending,
    condition: Condition = NOTHING_BETWEEN,
) -> Recording | FailedCall:
    """Make one call again.

    Args:
        prompt: What the user said.
        lead_in_s: Silence before it.
        tape: What the model left behind.
        ending: Of the run; the tape says where the call ended, the ending which silence makes it a whole one.
    """
    if isinstance(tape, SessionLog) and not tape.sent_s:
        return FailedCall("log", "the log cannot be replayed: not one frame was sent")
    brief = Brief(stimulus=prompt, lead_in_s=lead_in_s)
    driver = Driver(TapedLeg(tape), None, ending, condition=condition)
    ((_, made),) = driver.run([Invitation(take, brief, Brief(lead_in_s=lead_in_s))])
    if isinstance(made, FailedCall):
        return made
    if isinstance(tape, SessionLog):
        return replace(made, log=as_stored(tape))
    return replace(made, events=tape.events, right_censored=tape.right_censored)
