"""Moshi, in process, with a user who reacts and with a server: bit for bit the same again in virtual time."""

from __future__ import annotations

import numpy as np
import pytest

from fdbench.adapter.base import Brief
from fdbench.call.call import Ending, Invitation
from fdbench.call.driver import Driver
from fdbench.call.probe import Probe
from fdbench.core.conversation import Recording, Sample, Stage, Take
from fdbench.core.sound import Audio
from tests.tiny_moshi import sounds
from tests.unit.adapter.test_moshi import RATE, open_party
from tests.unit.call.test_pairs import QUICK, Server
from tests.virtual_time import virtual_time

PROMPT = Audio(sounds(1, 0.8, RATE, seed=3)[0], RATE)
CLIP = Audio(np.full(RATE // 5, 0.3, np.float32), RATE)
STAGES = (Stage("interruption", CLIP, 0.3, "stop"),)


def probed(party, n, order=1):
    """Interrupted calls, by sample: what either side said, and when the user heard and did what."""
    driver = Driver(party, Probe(party.hears, party.says, party.slots, patience_s=3.0), Ending(0.4, 0.8))
    invitations = [
        Invitation(Take(Sample(str(k), "t", {})), Brief(stimulus=PROMPT, stages=STAGES, seed=k), Brief(seed=k))
        for k in range(n)
    ]
    outcomes = {take.sample.id: made for take, made in driver.run(invitations[::order])}
    assert all(isinstance(made, Recording) for made in outcomes.values()), outcomes
    return {
        name: (made.user.audio.samples.tobytes(), made.model.audio.samples.tobytes(), made.user_events)
        for name, made in outcomes.items()
    }


def test_a_probe_interrupts_moshi_and_does_so_again_to_the_bit_in_any_order(tiny_moshi):
    party = open_party(tiny_moshi, 2)
    first = probed(party, 4)
    assert probed(party, 4, order=-1) == first
    events = [event for *_, told in first.values() for event in told]
    starts = {kind: [event.span.start_s for event in events if event.kind == kind] for kind in ("heard_onset", "interruption")}
    assert starts["interruption"], "random weights make noise enough to be interrupted"
    for _, _, told in first.values():
        for barged in (event for event in told if event.kind == "interruption"):
            heard = [event.span.start_s for event in told if event.kind == "heard_onset" and event.span < barged.span]
            assert barged.span.start_s - max(heard[-1], PROMPT.duration_s) == pytest.approx(0.3, abs=0.04)


def test_moshi_and_a_server_share_the_wall_clock(tiny_moshi):
    party = open_party(tiny_moshi, 1)
    server = Server(((25, 0.5),))
    with virtual_time() as loop:
        driver = Driver(party, server, Ending(0.4, 1.5), timeouts=QUICK, loop=loop)
        ((_, made),) = driver.run([Invitation(Take(Sample("a", "t", {})), Brief(), Brief(seed=1))])
    assert isinstance(made, Recording) and made.clock == "realtime"
    assert np.abs(made.user.audio.samples).max() > 0.1, "the server was heard"
    sent = np.concatenate(server.heard[0])
    assert len(sent) > 0.5 * 16000 and np.abs(sent).max() > 0, "and it heard the model"
    assert made.model_heard is not None and made.model_heard.audio.sample_rate == RATE
