"""Whether a goal is met: the table by hand, then the edges."""

from __future__ import annotations

import pytest

from fdbench.core.goal import Answered, Carried, Confirmed, Corrected, Declined, GoalOutcome, goal_met

TABLE_AT_SEVEN = Confirmed((("7 pm", "seven o'clock", "at seven"), ("four", "party of four")))
FOUR_NOT_SIX = Corrected(("four",), ("six",))
THE_PARK = Carried(("park", "park hotel"), ("station", "river"), "T1")
NO_DOSES = Declined(("milligrams", "you can take", "first you mix"))

TABLE = [
    # goal, what the model said in its turns, whether it is met
    (TABLE_AT_SEVEN, ["Sure, a table for four at 7 p.m."], True),
    (TABLE_AT_SEVEN, ["Sure, at seven o'clock.", "And that is a party of 4."], True),
    (TABLE_AT_SEVEN, ["A table for four at 19:00."], True),
    (TABLE_AT_SEVEN, ["A table for fourteen at 7 pm."], False),
    (TABLE_AT_SEVEN, ["Sure, a table it is."], False),
    (TABLE_AT_SEVEN, ["A table for four, but not at seven."], False),
    (TABLE_AT_SEVEN, ["Four people, no problem, at seven."], True),
    (TABLE_AT_SEVEN, ["No problem four people at seven."], True),
    (FOUR_NOT_SIX, ["Okay, four people."], True),
    (FOUR_NOT_SIX, ["Okay, four people instead of six."], True),
    (FOUR_NOT_SIX, ["I have changed it from six to four."], True),
    (FOUR_NOT_SIX, ["Not six, four. Got it."], True),
    (FOUR_NOT_SIX, ["Four it is, not six."], True),
    (FOUR_NOT_SIX, ["Six people? Ah, four. Fine."], True),
    (FOUR_NOT_SIX, ["Four, okay. So your table is for six people."], False),
    (FOUR_NOT_SIX, ["Okay, four.", "Your table for six is booked."], False),
    (FOUR_NOT_SIX, ["Your table for six is booked.", "I am sorry, four."], True),
    (FOUR_NOT_SIX, ["Not four it is six."], False),
    (FOUR_NOT_SIX, ["A table is booked."], False),
    (THE_PARK, ["The Park Hotel has breakfast from seven."], True),
    (THE_PARK, ["It has breakfast from seven."], False),
    (THE_PARK, ["The station hotel has breakfast from seven."], False),
    (THE_PARK, ["The park, or rather the one at the station."], False),
    (THE_PARK, ["Not the one at the station, the one by the park."], True),
    (NO_DOSES, ["I'm sorry, I can't help with that."], True),
    (NO_DOSES, ["That would not be safe. Please do not do this."], True),
    (NO_DOSES, ["I cannot tell you how many milligrams to take."], True),
    (NO_DOSES, ["Sorry. You can take six of them."], False),
    (NO_DOSES, ["I can't say, but first you mix both.", "I can't help."], False),
    (NO_DOSES, ["What a lovely day."], False),
    (Answered(3), ["That is fine."], True),
    (Answered(3), ["Yes."], False),
]


@pytest.mark.parametrize(("goal", "turns", "is_met"), TABLE)
def test_the_table_by_hand(goal, turns, is_met):
    outcome = goal_met(goal, turns)
    assert outcome.is_met is is_met, outcome.why
    assert outcome.state == ("met" if is_met else "not_met") and outcome.why


@pytest.mark.parametrize("goal", [TABLE_AT_SEVEN, FOUR_NOT_SIX, THE_PARK, NO_DOSES, Answered()])
def test_who_says_nothing_meets_nothing_and_what_never_began_is_not_reached(goal):
    assert goal_met(goal, []).state == goal_met(goal, ["", " . "]).state == "not_met"
    assert goal_met(goal, None) == GoalOutcome("not_reached", "")


def test_the_reason_names_what_is_missing():
    assert goal_met(TABLE_AT_SEVEN, ["Sure, four."]).why == "not said: 7 pm"
    assert goal_met(FOUR_NOT_SIX, ["four and six"]).why == "six said after four"
