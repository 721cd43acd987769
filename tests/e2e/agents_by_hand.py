"""What each trivial agent must get on each mini task under each protocol, worked out by hand from what the agents do.

A number is what the metric must be (to 1e-9); a pair is an interval that it must lie in; None says that there must be
no value. Agents at their defaults: the endpointer answers after 500 ms of silence, the oracle 0.2 s after the turn ends.

The reasoning, from the clips (see tasks/mini/*.yaml) and the definitions:

* Pause handling. Every clip has a pause of 1.2 s or more, so an endpointer at 500 ms answers in it. One clip (ph-01) has
  a single pause of 1.4 s and ends 0.1 s after the last word: about a second of answer is heard before the agent yields,
  which the published rule may call no takeover (under 1.0 s and at most 3 words). Four of the twelve clips go on for
  3.5 s after the turn: a right answer there is a takeover for ``fdb-*`` (4/12 for the oracle), none for ``fdbench``.
* Turn-taking. No gap inside a turn reaches 0.25 s and 3.5 s or more follow it: endpointer and oracle always take the turn,
  the endpointer 0.5 s after it plus what the VAD needs to see the end (a hangover of one to four windows of 32 ms).
* Interruption. The endpointer answers 0.5 s after the context and talks for at least 3.2 s, so it is talking 2.5 to 3.5 s
  after it; 200 ms of speech make it stop. ``fdb-*`` look only at what follows the interruption's end: an echo is over by
  then, one who never stops takes over in no time at all.
* Backchannel. No gap in the monologues reaches 0.5 s: the endpointer waits until after the clip. An endless talker's first
  segment is longer than 3 s, which ends the published loop before anything is counted: no backchannel, distance 1.
* Silence. Nothing to time, and no backchannel: published distance 1, ours not applicable.
"""

from __future__ import annotations

Expected = float | tuple[float, float] | None

FDB = {
    "silence": {
        "pause_handling": {"takeover_rate": 0.0},
        "turn_taking": {"takeover_rate": 0.0, "response_latency_s": None},
        "user_interruption": {"takeover_rate": 0.0, "response_latency_s": None, "relevance": None},
        "backchannel": {"takeover_rate": 0.0, "backchannel_frequency_hz": 0.0, "backchannel_js_distance": 1.0},
    },
    "always-talking": {
        "pause_handling": {"takeover_rate": 1.0},
        "turn_taking": {"takeover_rate": 1.0, "response_latency_s": 0.0},
        "user_interruption": {"takeover_rate": 1.0, "response_latency_s": (0.0, 0.3), "relevance": None},
        "backchannel": {"takeover_rate": 1.0, "backchannel_frequency_hz": 0.0, "backchannel_js_distance": 1.0},
    },
    "echo": {
        "pause_handling": {"takeover_rate": 1.0},
        "turn_taking": {"takeover_rate": 1.0, "response_latency_s": 0.0},
        "user_interruption": {"takeover_rate": 0.0, "response_latency_s": None, "relevance": None},
        "backchannel": {"takeover_rate": 1.0},
    },
    "vad-endpointer": {
        "pause_handling": {"takeover_rate": (11 / 12 - 1e-9, 1.0)},
        "turn_taking": {"takeover_rate": 1.0, "response_latency_s": (0.45, 0.8)},
        "user_interruption": {"takeover_rate": 1.0, "response_latency_s": (0.45, 0.8), "relevance": None},
        "backchannel": {"takeover_rate": 0.0, "backchannel_frequency_hz": 0.0, "backchannel_js_distance": 1.0},
    },
    "random-backchannel": {
        # Two "yeah"s more than a second apart span more than 1.0 s: a takeover for the published rule.
        "pause_handling": {"takeover_rate": (0.4, 1.0)},
        "turn_taking": {"takeover_rate": (0.4, 1.0)},
        "user_interruption": {"relevance": None},
        "backchannel": {
            "takeover_rate": 0.0,
            "backchannel_frequency_hz": (0.15, 0.45),
            "backchannel_js_distance": (0.2, 0.8326),
        },
    },
    "oracle": {
        "pause_handling": {"takeover_rate": 4 / 12},
        "turn_taking": {"takeover_rate": 1.0, "response_latency_s": (0.1, 0.35)},
        "user_interruption": {"takeover_rate": 1.0, "response_latency_s": (0.1, 0.35), "relevance": None},
        "backchannel": {
            "takeover_rate": 0.0,
            "backchannel_frequency_hz": (0.15, 0.5),
            "backchannel_js_distance": (0.0, 0.6),
        },
    },
}

FDBENCH = {
    "silence": {
        "pause_handling": {"takeover_rate": 0.0, "early_start_rate": 0.0, "no_response_rate": 1.0},
        "turn_taking": {
            "takeover_rate": 0.0,
            "response_latency_s": None,
            "early_start_rate": 0.0,
            "no_response_rate": 1.0,
        },
        "user_interruption": {
            "not_exercised_rate": 1.0,
            "talked_through_rate": None,
            "stop_latency_s": None,
            "response_latency_s": None,
            "relevance": None,
        },
        "backchannel": {
            "takeover_rate": 0.0,
            "backchannel_frequency_hz": 0.0,
            "backchannel_f1": 0.0,
            "backchannel_js_divergence": None,
        },
    },
    "always-talking": {
        "pause_handling": {"takeover_rate": 1.0, "early_start_rate": 1.0},
        # It begins with the user. Ten of the turns are one utterance from the first sample on: there it takes the turn as it
        # begins, and the latency is minus its length. Before the other two the user is silent for a moment: early start.
        "turn_taking": {"takeover_rate": (0.0, 10 / 12), "response_latency_s": (-9.0, -1.4), "early_start_rate": (2 / 12, 1.0)},
        "user_interruption": {
            "not_exercised_rate": 0.0,
            "talked_through_rate": 1.0,
            "stop_latency_s": None,
            "response_latency_s": None,
            "relevance": None,
        },
        "backchannel": {"takeover_rate": 1.0, "backchannel_f1": 0.0},
    },
    "echo": {
        "pause_handling": {"takeover_rate": 1.0, "early_start_rate": 1.0},
        # It answers the user's last utterance before that is over: signed latency shows it, where clipping hides it.
        "turn_taking": {"takeover_rate": 1.0, "response_latency_s": (-9.0, -1.4)},
        "user_interruption": {"not_exercised_rate": 0.0, "talked_through_rate": 0.0, "relevance": None},
        "backchannel": {"takeover_rate": 1.0},
    },
    "vad-endpointer": {
        "pause_handling": {"takeover_rate": (11 / 12 - 1e-9, 1.0), "early_start_rate": 0.0},
        "turn_taking": {
            "takeover_rate": 1.0,
            "response_latency_s": (0.5, 0.7),
            "early_start_rate": 0.0,
            "no_response_rate": 0.0,
        },
        "user_interruption": {
            "not_exercised_rate": 0.0,
            "talked_through_rate": 0.0,
            "stop_latency_s": (0.2, 0.4),
            "response_latency_s": (0.5, 0.7),
            "relevance": None,
        },
        "backchannel": {"takeover_rate": 0.0, "backchannel_frequency_hz": 0.0, "backchannel_f1": 0.0},
    },
    "random-backchannel": {
        "pause_handling": {"takeover_rate": 0.0},
        "turn_taking": {"takeover_rate": 0.0, "response_latency_s": None},
        "user_interruption": {"not_exercised_rate": (0.5, 1.0), "relevance": None},
        "backchannel": {
            "takeover_rate": 0.0,
            "backchannel_frequency_hz": (0.15, 0.45),
            "backchannel_f1": (0.2, 0.8),
            # Its sounds are at least 1.2 s apart, so two never crowd one peak as independent placements do: somewhat above 0.
            # 300 simulated runs of its timing alone, without audio: mean 0.12, SD 0.07, 99 % between -0.05 and 0.28.
            "backchannel_f1_above_chance": (-0.1, 0.3),
        },
    },
    "oracle": {
        "pause_handling": {
            "takeover_rate": 0.0,
            "response_latency_s": (0.15, 0.25),
            "early_start_rate": 0.0,
            "no_response_rate": 0.0,
        },
        "turn_taking": {
            "takeover_rate": 1.0,
            "response_latency_s": (0.15, 0.25),
            "early_start_rate": 0.0,
            "no_response_rate": 0.0,
        },
        "user_interruption": {
            "takeover_rate": 1.0,
            "not_exercised_rate": 0.0,
            "talked_through_rate": 0.0,
            "stop_latency_s": (0.2, 0.4),
            "response_latency_s": (0.15, 0.25),
            "relevance": None,
        },
        "backchannel": {
            "takeover_rate": 0.0,
            "backchannel_frequency_hz": (0.15, 0.5),
            "backchannel_f1": (0.9, 1.0),
            "backchannel_f1_above_chance": (0.4, 1.0),
        },
    },
}

BY_HAND: dict[str, dict[str, dict[str, dict[str, Expected]]]] = {
    "fdb-2026-05": FDB,
    # The agents speak at 16 kHz, where the VAD defect of the older script changes nothing.
    "fdb-2026-02": FDB,
    "fdbench": FDBENCH,
}
