"""Calls in virtual time: both parties frame by frame, as fast as they can think.

Slots keep clocks of their own. A call that ends frees its slot for the next take, whose clock starts at its own zero, so the
model's batch stays full whatever the lengths of the calls.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from fdbench.call.call import Call, Invitation
from fdbench.core.conversation import FailedCall, Recording, Take

if TYPE_CHECKING:
    from fdbench.call.driver import Driver

POLL_S = 0.002
"""How often conversations that are still being opened are asked whether they are ready, when nothing else can step."""


def hold_calls(driver: Driver, invitations: Iterable[Invitation | None]) -> Iterator[tuple[Take, Recording | FailedCall]]:
    """Hold all the calls of two virtual parties; yield each as it ends, in no particular order.

    Args:
        invitations: One is taken whenever a slot is free; None = there is none just now, but the calls that are going on go on.
    """
    queue = iter(invitations)
    free = list(range(driver.slots))[::-1]
    calls: dict[int, Call] = {}
    exhausted = False
    while True:
        while free and not exhausted:
            try:
                invitation = next(queue)
            except StopIteration:
                exhausted = True
                break
            if invitation is None:
                break
            begun = driver.begin(invitation, free[-1])
            if isinstance(begun, Call):
                calls[free.pop()] = begun
            else:
                yield invitation.take, begun
        if not calls and exhausted:
            return
        ready = [call for call in calls.values() if call.was_ready or call.is_ready()]
        if not ready:
            time.sleep(POLL_S)
        _advance(driver, [call for call in ready if not call.fault])
        for call in ready:
            if call.fault or call.is_over():
                outcome = call.fault or driver.recording(call)
                driver.close(call)
                del calls[call.slot]
                free.append(call.slot)
                yield call.invitation.take, outcome


def _advance(driver: Driver, calls: list[Call]) -> None:
    """Let the user's side catch up wherever it is due before the model, then the model of every call hear a frame."""
    while due := [call for call in calls if not call.user.is_deaf and call.user.due < call.model.due]:
        driver.hear("user", due)
        calls = [call for call in calls if not call.fault]
    if calls:
        driver.hear("model", calls)
