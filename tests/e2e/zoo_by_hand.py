"""What each agent of the zoo must get on mini under ``fdbench`` where nobody listens for words, reasoned before it was run.

A number is what the metric must be (to 1e-9), a pair an interval that it must lie in, None no value. From the clips
(tasks/mini/*.yaml), for all of them:

* Turns end at 2.14 to 8.97 s, and 3.5 to 5 s of silence follow. Calls end after 2 s of the model's silence, at most 10 s later.
* Pauses: one to four a clip of 0.6 to 2.5 s; the first begins at 1.38 to 3.43 s. Eight clips end 0.1 s after the turn, so their
  calls 2.1 s after it where nothing is said; four go on for 3.5 s.
* Interruptions begin 2.5 to 3.5 s (mean 2.99) after the context and last 2.05 to 3.8 s; 4 to 5 s of silence follow.
* Who says nothing, or nothing of 1.0 s, loses 5 s in pauses and turns, (2.99 + 5) / 2 in interruptions, and nothing in
  backchannels: 3.5 in the headline.
"""

from __future__ import annotations

from tests.e2e.agents_by_hand import Expected

Tasks = dict[str, dict[str, Expected]]

SILENT: Tasks = {
    "pause_handling": {
        "takeover_rate": 0.0, "response_latency_s": None, "break_in_rate": 0.0, "no_response_rate": 1.0,
        "lost_per_turn_s": 5.0,
    },
    "turn_taking": {
        "takeover_rate": 0.0, "response_latency_s": None, "break_in_rate": 0.0, "no_response_rate": 1.0,
        "lost_per_turn_s": 5.0,
    },
    "user_interruption": {
        "response_latency_s": None, "takeover_not_exercised_rate": 0.0, "context_answered_rate": 0.0,
        "lost_per_turn_s": (3.8, 4.1),
    },
    "backchannel": {"takeover_rate": 0.0, "lost_per_turn_s": 0.0},
}  # fmt: skip

ZOO_BY_HAND: dict[str, Tasks] = {
    # 5.3 to 8.87 s. Turns that end at 5.6 s or later are broken into (5 of 12), the others are "answered" after -0.2 to 3.2
    # s, the five never: a median of |latency| near 3 s. Of the pauses only ph-11 (over at 5.08 s) escapes; seven clips lose
    # the whole sentence, a break and a wait. Of the interruptions 8 begin from 5.2 to 8.87 s (ui-05, at 5.16 s, may be a
    # ninth), of which 4 are over when it is. (WRONG AT FIRST: up to 0.4 s of the 3.57 s were taken for gaps; the detector
    # hears 3.63 s without one.)
    "fixed-time": {
        "pause_handling": {"takeover_rate": 11 / 12, "break_in_rate": 0.0, "lost_per_turn_s": (6.0, 6.9)},
        "turn_taking": {
            "takeover_rate": 7 / 12, "response_latency_s": (2.4, 3.3), "break_in_rate": 5 / 12, "lost_per_turn_s": (2.1, 2.5),
        },
        "user_interruption": {
            "not_exercised_rate": (0.25, 0.34), "talked_through_rate": (0.4, 0.6), "context_answered_rate": 7 / 12,
        },
        "backchannel": {"takeover_rate": 1.0, "lost_per_turn_s": (4.5, 4.7)},
    },
    # 1.6 s between them, so none run together: it says nothing of 1.0 s. 0.5 Hz against a peak every 3.5 to 4 s.
    "metronome": SILENT | {
        "backchannel": {
            "takeover_rate": 0.0, "backchannel_f1_above_chance": (-0.1, 0.2), "backchannel_rate_log2": (0.6, 1.4),
            "lost_per_turn_s": 0.0,
        },
    },
    # One utterance from the first moment to the last, of 5/8 speech: a break, and 0.6 s a second. (The detector hears on for
    # a tenth of a second behind each half: 0.75.) What it says at an interruption's end is an utterance that began before it,
    # which is no reply to it: 5 s. (WRONG AT FIRST, 1.5 to 4.0: what goes on at the end was taken to end that wait, as it
    # does after a turn. It has to begin at or after the turn's start, as the definition of the wait says.)
    "stutterer": {
        "pause_handling": {
            "takeover_rate": 1.0, "response_latency_s": None, "break_in_rate": 1.0, "no_response_rate": 0.0,
            "lost_per_turn_s": (7.0, 8.8),
        },
        "turn_taking": {
            "takeover_rate": 0.0, "response_latency_s": None, "break_in_rate": 1.0, "no_response_rate": 0.0,
            "lost_per_turn_s": (3.3, 4.8),
        },
        "user_interruption": {
            "not_exercised_rate": (0.0, 0.6), "talked_through_rate": 1.0, "stop_latency_s": None, "context_answered_rate": 0.0,
            "lost_per_turn_s": (4.3, 5.2),
        },
        "backchannel": {"takeover_rate": 1.0, "backchannel_f1": 0.0, "lost_per_turn_s": (8.0, 12.0)},
    },
    # No speech. Only the gate tells them from silence.
    "music": {task: each | {"sound_beside_speech": (0.8, 1.0)} for task, each in SILENT.items()},
    "hum": {task: each | {"sound_beside_speech": (0.9, 1.0)} for task, each in SILENT.items()},
    "beeps": {task: each | {"sound_beside_speech": (0.2, 0.5)} for task, each in SILENT.items()},
    "breath": {task: each | {"sound_beside_speech": (0.15, 0.35)} for task, each in SILENT.items()},
    # After a turn a lone "yeah" of 0.39 s is a backchannel: no reply, unless others less than 1.0 s before make one utterance
    # with it, which then began before the end. In monologues its sounds lie where people's do. (WRONG AT FIRST: at most 6.0
    # in pauses, but 4.6 of waiting with 0.75 breaks a clip and their words are more: 6.002.)
    "yeah": {
        "turn_taking": {"response_latency_s": None, "lost_per_turn_s": (2.0, 5.0)},
        "pause_handling": {"lost_per_turn_s": (3.0, 7.0)},
        "user_interruption": {"lost_per_turn_s": (2.0, 4.5)},
        "backchannel": {"backchannel_f1_above_chance": (0.1, 0.7), "backchannel_ceiling_share": (0.4, 1.6)},
    },
    # Gaps of 0.1 s lie inside turns too. What it begins there it breaks off after 0.2 s of speech: a sound of 0.5 s and no
    # takeover, unless it begins less than 1.0 s before the reply at the end, which then began inside the turn.
    "endpointer-0.1": {
        "pause_handling": {"takeover_rate": (0.9, 1.0), "lost_per_turn_s": (2.5, 6.0)},
        "turn_taking": {"takeover_rate": (0.5, 1.0), "response_latency_s": (0.0, 0.3), "lost_per_turn_s": (0.05, 1.5)},
        "user_interruption": {"context_answered_rate": (0.5, 1.0), "lost_per_turn_s": (0.1, 1.5)},
        "backchannel": {"lost_per_turn_s": (0.0, 3.0)},
    },
    # A pause of less than 1.8 s gives it no 1.0 s to speak: 6 or 7 clips have a longer one.
    "endpointer-1": {
        "pause_handling": {
            "takeover_rate": (0.4, 0.75), "response_latency_s": (0.9, 1.15), "break_in_rate": 0.0, "no_response_rate": 0.0,
            "lost_per_turn_s": (1.6, 3.2),
        },
        "turn_taking": {
            "takeover_rate": 1.0, "response_latency_s": (0.9, 1.15), "break_in_rate": 0.0, "no_response_rate": 0.0,
            "lost_per_turn_s": (0.9, 1.15),
        },
        "user_interruption": {
            "takeover_rate": 1.0, "not_exercised_rate": 0.0, "talked_through_rate": 0.0, "undecided_rate": 0.0,
            "stop_latency_s": (0.2, 0.45), "response_latency_s": (0.9, 1.15), "context_answered_rate": 1.0,
            "lost_per_turn_s": (0.9, 1.4),
        },
        "backchannel": {"takeover_rate": 0.0, "lost_per_turn_s": 0.0},
    },
    # No pause is as long. In eight clips the call is over before it answers: 5 s each.
    "endpointer-2.6": {
        "pause_handling": {
            "takeover_rate": 0.0, "break_in_rate": 0.0, "no_response_rate": 8 / 12, "lost_per_turn_s": (4.1, 4.3),
        },
        "turn_taking": {
            "takeover_rate": 1.0, "response_latency_s": (2.5, 2.75), "break_in_rate": 0.0, "no_response_rate": 0.0,
            "lost_per_turn_s": (2.5, 2.75),
        },
        # It speaks for up to 0.9 s before the interruption, where that is later than 2.6 s: in 8 to 10 clips.
        "user_interruption": {
            "not_exercised_rate": (2 / 12, 4 / 12), "talked_through_rate": 0.0, "response_latency_s": (2.5, 2.75),
            "lost_per_turn_s": (2.4, 3.0),
        },
        "backchannel": {"takeover_rate": 0.0, "lost_per_turn_s": 0.0},
    },
    "endpointer-3.6": {
        "pause_handling": {
            "takeover_rate": 0.0, "break_in_rate": 0.0, "no_response_rate": 8 / 12, "lost_per_turn_s": (4.45, 4.6),
        },
        "turn_taking": {
            "takeover_rate": 1.0, "response_latency_s": (3.5, 3.75), "break_in_rate": 0.0, "no_response_rate": 0.0,
            "lost_per_turn_s": (3.5, 3.75),
        },
        "user_interruption": {
            "not_exercised_rate": 1.0, "talked_through_rate": None, "takeover_not_exercised_rate": 1.0,
            "response_latency_not_exercised_s": (3.5, 3.75), "context_answered_rate": 0.0, "lost_per_turn_s": (3.2, 3.4),
        },
        "backchannel": {"takeover_rate": 0.0, "lost_per_turn_s": 0.0},
    },
    # Half a second apart from everything and shorter than 1.0 s: without words, nothing is said.
    "reply-0.35": SILENT | {
        "user_interruption": SILENT["user_interruption"] | {"not_exercised_rate": 1.0},
    },
    # Takes the turn as the endpointer does, is done before the interruption, and talks less over who goes on. (WRONG AT
    # FIRST, 1.8 to 3.6: only the 14 pauses of 1.35 s or more were taken to let it speak for 1.0 s. It breaks 18: it stops a
    # frame or two later, and the detector hears on.)
    "reply-1.1": {
        "pause_handling": {"takeover_rate": (0.6, 1.0), "response_latency_s": (0.4, 0.65), "lost_per_turn_s": (2.5, 4.2)},
        "turn_taking": {
            "takeover_rate": (0.9, 1.0), "response_latency_s": (0.4, 0.65), "break_in_rate": 0.0, "lost_per_turn_s": (0.4, 1.0),
        },
        "user_interruption": {
            "not_exercised_rate": 1.0, "talked_through_rate": None, "stop_latency_s": None,
            "takeover_not_exercised_rate": (0.9, 1.0), "context_answered_rate": (0.9, 1.0), "lost_per_turn_s": (0.4, 1.0),
        },
        "backchannel": {"takeover_rate": 0.0, "lost_per_turn_s": 0.0},
    },
    # At -60 dBFS or so: heard by the detector it is the endpointer, else it is silence; the gate, at -50, does not know it.
    "whisper": {
        "turn_taking": {"lost_per_turn_s": (0.4, 5.0), "break_in_rate": 0.0, "sound_beside_speech": (0.0, 0.02)},
        "pause_handling": {"lost_per_turn_s": (1.8, 5.0), "sound_beside_speech": (0.0, 0.02)},
        "user_interruption": {"lost_per_turn_s": (0.4, 4.1)},
        "backchannel": {"lost_per_turn_s": 0.0},
    },
    # The sound of 0.59 s is a backchannel, and free, where the user goes on within 1.8 s of silence, and the beginning of a
    # reply where not, as 0.9 s are a gap inside an utterance. Six or seven clips have a pause of 1.8 s or more: a break and a
    # second of talk.
    "hedger": {
        "pause_handling": {"response_latency_s": (0.25, 0.45), "break_in_rate": 0.0, "lost_per_turn_s": (1.0, 1.9)},
        "turn_taking": {
            "takeover_rate": 1.0, "response_latency_s": (0.25, 0.45), "break_in_rate": 0.0, "lost_per_turn_s": (0.25, 0.45),
        },
        "user_interruption": {
            "takeover_rate": 1.0, "talked_through_rate": 0.0, "stop_latency_s": (0.2, 0.45), "response_latency_s": (0.25, 0.45),
            "context_answered_rate": 1.0, "lost_per_turn_s": (0.25, 0.55),
        },
        "backchannel": {"takeover_rate": (0.0, 0.2), "lost_per_turn_s": 0.0},
    },
    # Silent from 0.3 to 0.9 s after the interruption's start, and talking at its end. Silence that begins more than 1.0 s
    # before the end is not undecided. It talks on over whoever pauses. What it goes on with is the utterance that began
    # before the interruption, and no answer to it: (0.55 + 5 + 1.5) / 2. (WRONG AT FIRST, 0.7 to 1.6: as for the stutterer.)
    "muter": {
        "pause_handling": {"takeover_rate": 1.0, "break_in_rate": 0.0, "lost_per_turn_s": (4.0, 9.0)},
        "turn_taking": {
            "takeover_rate": 1.0, "response_latency_s": (0.4, 0.65), "break_in_rate": 0.0, "lost_per_turn_s": (0.4, 0.65),
        },
        "user_interruption": {
            "takeover_rate": 0.0, "not_exercised_rate": 0.0, "talked_through_rate": 1.0, "undecided_rate": 0.0,
            "stop_latency_s": None, "response_latency_s": None, "context_answered_rate": 1.0, "lost_per_turn_s": (3.2, 4.0),
        },
        "backchannel": {"takeover_rate": 0.0, "lost_per_turn_s": 0.0},
    },
    # From 1.0 s on over the user, to a second after each end: it breaks in and is going on at every end. (WRONG AT FIRST, 4.0
    # to 8.5: one break a clip was reckoned with. After a pause of more than a second it begins anew: 32 in 12 clips.)
    "copy": {
        "pause_handling": {"takeover_rate": 1.0, "break_in_rate": 1.0, "no_response_rate": 0.0, "lost_per_turn_s": (7.5, 9.5)},
        "turn_taking": {
            "takeover_rate": 0.0, "response_latency_s": None, "break_in_rate": 1.0, "no_response_rate": 0.0,
            "lost_per_turn_s": (4.0, 5.2),
        },
        "user_interruption": {
            "not_exercised_rate": 1.0, "takeover_not_exercised_rate": 0.0, "break_in_not_exercised_rate": 1.0,
            "context_answered_rate": 0.0, "lost_per_turn_s": (1.8, 3.2),
        },
        "backchannel": {"takeover_rate": 1.0, "backchannel_f1": 0.0, "lost_per_turn_s": (10.0, 16.0)},
    },
}  # fmt: skip
"""Agent, task, metric."""

_SOONER = "it answers after 0.14 s, the oracle's delay is 0.2 s"
_STOPS = "it stops after 0.2 s of speech, the oracle 0.3 s after its start"

GRANTED = {
    ("endpointer-0.1", "turn_taking", "response_latency_s"): _SOONER,
    ("endpointer-0.1", "turn_taking", "human_distance_s"): f"{_SOONER}, and not always at one time: nearer to people's onsets",
    ("endpointer-0.1", "turn_taking", "lost_per_turn_s"): f"{_SOONER}, and no gap in a turn lets it speak for 1.0 s",
    ("endpointer-0.1", "pause_handling", "response_latency_s"): f"{_SOONER}; what it breaks (1.8 a clip) is in other columns",
    ("endpointer-0.1", "user_interruption", "stop_latency_s"): _STOPS,
    ("endpointer-1", "user_interruption", "stop_latency_s"): _STOPS,
    ("endpointer-2.6", "user_interruption", "stop_latency_s"): f"{_STOPS}; 10 clips, as it happens to speak in them",
    ("hedger", "user_interruption", "stop_latency_s"): _STOPS,
}
"""Where an agent of the zoo may rank above the oracle, and why it deserves to."""

GAMES = {
    ("endpointer-0.1", "backchannel", "backchannel_ceiling_share"): "1.22 of the ceiling, the oracle 0.76",
    ("yeah", "backchannel", "backchannel_ceiling_share"): "1.17 of the ceiling, the oracle 0.76",
}
"""Where one ranks above the oracle by the definition, and does not deserve to.

Bits compare people's timing with the user's *speech*, so a sound in a silence is worth most, and people's timing on mini is
made 0.3 s after each sentence, which is where a sound of 0.4 s has its middle that begins 64 ms into the silence. The oracle
begins at the peak instead, so its middle lies 0.2 s late; with its middle there it would have 1.5, which ranks as 1, a tie.
The gate holds neither: both are as frequent as people. ``takeover_rate`` tells (0.75 and 0.58, the oracle 0), but not of one
that takes no closure inside a word for a silence.
"""

HEADLINE_GRANTED = {
    "endpointer-1": "1.16, vad-endpointer 1.26: half a second later everywhere, and half as many pauses broken",
}
"""What may have a better headline than ``vad-endpointer``, and why it deserves to."""

HEADLINE_GAMES = {
    "hedger": "0.64: a short sound is free in a pause and, less than 1.0 s before the rest, begins the reply at a turn's end",
    "reply-1.1": "1.17: the shortest sound that is a reply talks over nobody, and is done before anybody breaks in",
}
"""What has one by the definition, and does not deserve to.

The hedger keeps its option open: what earns credit after the turn cost it nothing in the pause. Its ``content_latency_s``
(1.81 s) knows it; the wait of the headline ends at the onset of the utterance (0.32 s). Sounds of a word ("reply-0.35" where
words are heard: 1.16) are the same game as 1.1 s; that one ``lost_worded_s`` knows.
"""
