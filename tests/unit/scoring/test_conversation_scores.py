"""How turns pass in one clip under ``fdbench``, drawn: claims, silences, overlap, breaks, and what each turn waited."""

from __future__ import annotations

import pytest
from scoring_timeline import by_metric, hear, mark_s, outcome, sample, spans

from fdbench.core.event import PAUSE, TURN_END, Event
from fdbench.core.span import Span
from fdbench.scoring.corrected.backchannel import Backchannel
from fdbench.scoring.corrected.conversation import BOUNDARIES, BROKEN, COMPETING, CONVERSATION, TAKEN
from fdbench.scoring.corrected.pause import Pause

#             0         1         2         3         4         5
USER______ = "..##########...........##########......................................."
PAUSE_____ = Span(1.2, 2.3)
END_______ = ".................................^"
CLIP = sample(Event(PAUSE, PAUSE_____), Event(TURN_END, Span(mark_s(END_______), mark_s(END_______) + 0.3)))


def scores_of(model, *, user=USER______, recorded_s=10.0, scorer=None, prompt_s=6.0):
    scorer = scorer or Pause()
    take = hear(scorer, CLIP, spans(model), None if user is None else spans(user), prompt_s=prompt_s, recorded_s=recorded_s)
    return by_metric(scorer, CLIP, take)


@pytest.mark.parametrize(
    ("model", "f1", "hold", "shift", "broken", "waits"),
    [
        ("......................................................................", "no_takeover", 0, 0, 0, 5.0),
        (".....................................#############....................", 1, 0, 1, 0, 0.4),  # answers
        ("...............###########............................................", 0, 1, 0, 1, 5.0),  # takes the pause
        ("...............###########...........#############....................", 2 / 3, 1, 1, 1, 0.4),  # and the end
        ("..............................................#############...........", 0, 0, 1, 0, 1.3),  # answers late
        ("...............####...................................................", "no_takeover", 0, 0, 0, 5.0),  # "mm"
        ("######################################################################", 0, 0, 0, 1, 0.0),  # never stops
    ],
)
def test_a_pause_and_an_end(model, f1, hold, shift, broken, waits):
    found = scores_of(model)
    assert outcome(found[BOUNDARIES]) == (round(f1, 6) if isinstance(f1, float) else f1)
    assert [outcome(found[TAKEN[moment]]) for moment in ("hold", "shift")] == [hold, shift]
    assert found[BROKEN].value == broken
    (turn,) = found[BROKEN].details["turns"]
    assert turn == [pytest.approx(waits), bool(broken)]


def test_a_late_claim_is_true_and_met_nothing_within_a_second_but_something_within_two():
    late = scores_of("..............................................#############...........")[BOUNDARIES].components
    assert (late["true_claims"], late["claims"], late["ends"]) == (1, 1, 1)
    assert [late[f"recall_within_{s}_s"] for s in ("0.5", "1", "2")] == [0, 0, 1]


def test_an_end_that_was_not_watched_for_two_seconds_says_nothing_about_two():
    components = scores_of("......", recorded_s=5.0)[BOUNDARIES].components  # 1.7 s after the end
    assert "recall_within_1_s" in components and "recall_within_2_s" not in components


def test_speaking_against_the_user_is_told_from_being_stopped_by_them():
    against = scores_of("...............############################...........................")[COMPETING]
    assert against.value == pytest.approx(60 * 1.0 / 2.0)  # the second half of the user's two seconds, and it goes on
    assert against.components["held"] == pytest.approx(60.0) and against.components["competitive"] == 0
    stopped = scores_of("...............############...........................................")[COMPETING]
    assert (stopped.value, stopped.components["yielded"]) == (0, pytest.approx(60 * 0.4))


def test_what_nobody_can_know_is_not_said():
    too_short = scores_of("......", recorded_s=4.0)
    assert [outcome(too_short[name]) for name in (BOUNDARIES, *TAKEN.values(), BROKEN)] == ["recording_too_short"] * 4
    unheard = scores_of("......", user=None)
    assert {name: outcome(unheard[name]) for name in CONVERSATION} == {
        **dict.fromkeys(CONVERSATION, "user_not_heard"),
        BROKEN: 0,
    }


def test_a_monologue_has_no_end_and_its_silences_are_holds():
    found = scores_of("...............###########............", scorer=Backchannel(), prompt_s=4.0)
    assert [outcome(found[name]) for name in (BOUNDARIES, *TAKEN.values(), BROKEN)] == ["no_turn", 1, "no_turn", 1]
