"""What each trivial agent must get on the four overlap tasks of mini under ``fdbench``, worked out by hand.

A number is what the metric must be (to 1e-9); a pair is an interval that it must lie in; None says that there must be no value.
In every pair the user asks something, somebody speaks 2.5 to 3.5 s later, and 4 to 5.4 s follow.

* ``silence`` says nothing: nothing is exercised, ``C_UNKNOWN`` throughout, and 5 s are lost where one turn asks. With an
  interruption two do: the wait for the first ends with the second turn (2.5 to 3.5 s), the second is never over.
* ``always-talking`` talks through everything, so it resumes everywhere, which is what is wanted in three of the four. It
  breaks in on the question (1 s) and talks over it to 0.3 s before its end.
* ``echo`` says what it hears 20 ms later. So it is speaking when the overlap begins (within 0.1 s), falls silent just after
  its end, which for one of 1.5 s or more is too late to be a stop, and then says nothing: resumed where the overlap is long,
  unknown where it is short. It takes up nothing. How much of the background, 15 dB down
  and dull, the detector hears in its voice is not worked out.
* ``vad-endpointer`` answers 0.5 s after any speech that it hears, and 200 ms of speech stop it. It hears asides and
  background, and a "yeah" where that is long enough for it: what it does there is not worked out. Its replies are three or
  four of ten sentences in random order: one that begins after an overlap shares some with what its twin went on to say, so
  that now and then it seems to resume.
* ``random-backchannel`` never takes the turn, so nothing that it does is a new stretch. It may be speaking when an overlap
  begins.
* ``oracle`` stops 0.3 s into an interruption, answers 0.2 s after it with other sentences, and talks through everything
  else.

Selectivity: responding to interruptions less responding to the other three. Who never responds has 0, and so has who
responds to everything; the oracle has 1; the endpointer is above 0 only by what it does not hear.
"""

from __future__ import annotations

from tests.e2e.agents_by_hand import Expected

INTERRUPTION, BACKCHANNEL, ASIDE, BACKGROUND = (
    "overlap.user_interruption", "overlap.user_backchannel", "overlap.talking_to_other", "overlap.background_speech",
)  # fmt: skip
_SILENT: dict[str, Expected] = {
    "wanted_rate": 0.0, "unknown_rate": 1.0, "not_exercised_rate": 1.0, "stop_rate": None, "stop_latency_s": None,
    "response_latency_s": None,
}  # fmt: skip
_THROUGH: dict[str, Expected] = {
    "resume_rate": 1.0, "not_exercised_rate": 0.0, "stop_rate": 0.0, "stop_latency_s": None, "response_latency_s": None,
}  # fmt: skip
_ANSWERS: dict[str, Expected] = {
    "respond_rate": (0.6, 1.0), "not_exercised_rate": 0.0, "stop_rate": (0.9, 1.0), "stop_latency_s": (0.2, 0.45),
    "response_latency_s": (0.3, 0.7),
}  # fmt: skip
_NEVER_TAKES: dict[str, Expected] = {"respond_rate": 0.0, "response_latency_s": None}

OVERLAPS_BY_HAND: dict[str, dict[str, dict[str, Expected]]] = {
    "silence": {
        INTERRUPTION: {**_SILENT, "lost_per_turn_s": (3.75, 4.25)},
        BACKCHANNEL: {**_SILENT, "lost_per_turn_s": 5.0},
        ASIDE: {**_SILENT, "lost_per_turn_s": 5.0},
        BACKGROUND: {**_SILENT, "lost_per_turn_s": 5.0},
    },
    "always-talking": {
        INTERRUPTION: {**_THROUGH, "wanted_rate": 0.0},
        BACKCHANNEL: {**_THROUGH, "wanted_rate": 1.0, "lost_per_turn_s": (2.0, 4.5)},
        ASIDE: {**_THROUGH, "wanted_rate": 1.0, "lost_per_turn_s": (2.0, 4.5)},
        BACKGROUND: {**_THROUGH, "wanted_rate": 1.0, "lost_per_turn_s": (2.0, 4.5)},
    },
    "echo": {
        INTERRUPTION: {"respond_rate": 0.0, "wanted_rate": 0.0, "resume_rate": 1.0},
        BACKCHANNEL: {"respond_rate": 0.0},
        ASIDE: {"respond_rate": 0.0},
        BACKGROUND: {"respond_rate": 0.0},
    },
    "vad-endpointer": {
        INTERRUPTION: {**_ANSWERS, "wanted_rate": (0.6, 1.0), "lost_per_turn_s": (0.5, 1.0)},
        BACKCHANNEL: {"not_exercised_rate": 0.0},
        ASIDE: {**_ANSWERS, "wanted_rate": (0.0, 0.4)},
        BACKGROUND: {**_ANSWERS, "wanted_rate": (0.0, 0.4)},
    },
    "random-backchannel": {
        INTERRUPTION: {**_NEVER_TAKES, "wanted_rate": 0.0},
        BACKCHANNEL: _NEVER_TAKES,
        ASIDE: _NEVER_TAKES,
        BACKGROUND: _NEVER_TAKES,
    },
    "oracle": {
        INTERRUPTION: {
            "wanted_rate": 1.0, "respond_rate": 1.0, "stop_rate": 1.0, "stop_latency_s": (0.25, 0.42),
            "response_latency_s": (0.15, 0.3), "lost_per_turn_s": (0.2, 0.45),
        },
        BACKCHANNEL: {**_THROUGH, "wanted_rate": 1.0, "lost_per_turn_s": (0.1, 0.3)},
        ASIDE: {**_THROUGH, "wanted_rate": 1.0, "lost_per_turn_s": (0.1, 0.3)},
        BACKGROUND: {**_THROUGH, "wanted_rate": 1.0, "lost_per_turn_s": (0.1, 0.3)},
    },
}  # fmt: skip

SELECTIVITY: dict[str, Expected] = {
    "silence": 0.0, "always-talking": 0.0, "echo": 0.0, "random-backchannel": 0.0, "oracle": 1.0, "vad-endpointer": (-0.2, 0.5),
}  # fmt: skip
YIELDS_TO_ANYTHING: Expected = (-0.34, 0.34)
"""An endpointer that 30 ms of any speech stop: it responds to all four, but for replies that happen to share sentences."""
NEVER_YIELDS: Expected = 0.0
