"""Not observed is not "did not happen": recordings, drawn, that end before or in what is asked about."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring_timeline import by_metric, hear, outcome, sample, spans

from fdbench.core.conversation import Sample
from fdbench.core.event import INTERRUPTION, PAUSE, TURN_END, Event
from fdbench.core.span import Span
from fdbench.scoring.base import Scorer
from fdbench.scoring.corrected.backchannel import Backchannel
from fdbench.scoring.corrected.interruption import Interruption
from fdbench.scoring.corrected.pause import Pause
from fdbench.scoring.corrected.turn import Turn

#         0         1         2         3         4         5         6
USER___ = "..############............##########...................."
BARGER_ = "..############......################...................."
SILENT_ = "........................................................"
TURN = sample(Event(TURN_END, Span(3.6, 3.6)))
PAUSED = sample(Event(PAUSE, Span(1.4, 2.6)), Event(TURN_END, Span(3.6, 3.6)))
BARGED = sample(Event(INTERRUPTION, Span(2.0, 3.6), "wait"))
CLIP = sample(human=(1.0, 5.0, 1.0))
SHORT, CUT = "recording_too_short", "cut_off"


def scores_of(
    scorer: Scorer, clip: Sample, model: str, recorded_s: float, right_censored: bool | None = None, prompt_s: float = 6.0
) -> dict[str, float | str | None]:
    user = spans(BARGER_ if clip is BARGED else USER___)
    take = hear(scorer, clip, spans(model), user, None, prompt_s, recorded_s)
    found = by_metric(scorer, clip, replace(take, right_censored=right_censored))
    assert all(score.components.get("censored_at_s", 0.0) >= 0 for score in found.values())
    return {name: outcome(score) for name, score in found.items()}


TURN_METRICS = ("takeover_rate", "response_latency_s", "break_in_rate", "no_response_rate")


@pytest.mark.parametrize(
    ("model", "recorded_s", "expected"),  # takeover, latency, break-in, no response of a turn that ends at 3.6 s
    [
        (SILENT_, 3.2, (SHORT, SHORT, SHORT, SHORT)),
        (SILENT_, 3.4, (SHORT, SHORT, 0, SHORT)),  # a break-in would have begun by 3.3 s
        (SILENT_, 4.5, (SHORT, SHORT, 0, SHORT)),  # 0.9 s after the turn
        (SILENT_, 4.6, (0, "no_reply", 0, 1)),
        (".................................############...........", 4.5, (SHORT, SHORT, 0, SHORT)),  # whatever is in it
        (".................................#############..........", 4.6, (1, -0.3, 0, 0)),
        (".......#############....................................", 3.2, (SHORT, SHORT, 1, SHORT)),
        ("........................................######..........", 4.6, (CUT, CUT, 0, CUT)),  # cut off 0.6 s into the reply
        ("....................................##########..........", 4.6, (1, 0.0, 0, 0)),  # a takeover that goes on has begun
        ("........................................####............", 5.0, (0, "no_reply", 0, 1)),  # "mm-hm", then nothing
    ],
)
def test_a_turn(model: str, recorded_s: float, expected: tuple[float | str, ...]) -> None:
    found = scores_of(Turn(), TURN, model, recorded_s)
    assert tuple(found[name] for name in TURN_METRICS) == expected
    assert (found["lost_per_turn_s"] in (SHORT, CUT)) == (found["takeover_rate"] in (SHORT, CUT))


def test_a_prompt_that_ends_sooner_than_a_second_after_the_turn_does_not_make_a_second_of_it() -> None:
    assert scores_of(Turn(), TURN, SILENT_, 3.9, prompt_s=3.9)["no_response_rate"] == SHORT


def test_what_ends_by_itself_when_the_recording_does_is_a_backchannel() -> None:
    reply = "...........................................####........."
    assert scores_of(Turn(), TURN, reply, 4.7)["takeover_rate"] == CUT
    assert scores_of(Turn(), TURN, reply, 4.7, right_censored=False)["takeover_rate"] == 0


@pytest.mark.parametrize(
    ("model", "recorded_s", "takeover", "break_in", "no_response"),
    [
        (SILENT_, 1.0, SHORT, SHORT, SHORT),
        (SILENT_, 2.8, SHORT, 0, SHORT),
        (".................##############.........................", 3.2, 1, 0, SHORT),
        ("............................####........................", 3.2, CUT, 0, SHORT),
        (SILENT_, 5.0, 0, 0, 1),
    ],
)
def test_a_pause(model: str, recorded_s: float, takeover: float | str, break_in: float | str, no_response: float | str) -> None:
    found = scores_of(Pause(), PAUSED, model, recorded_s)
    assert (found["takeover_rate"], found["break_in_rate"], found["no_response_rate"]) == (takeover, break_in, no_response)


@pytest.mark.parametrize(
    ("model", "recorded_s", "through", "latency", "takeover", "no_response"),  # of a barge-in heard from 2.0 to 3.6 s
    [
        ("....####################################................", 3.5, SHORT, SHORT, SHORT, SHORT),  # it may yet stop
        ("....####################################................", 4.0, 1, "talked_through", 0, 0),  # it did not
        ("....################################....................", 4.0, SHORT, SHORT, SHORT, SHORT),  # it may only breathe
        ("....################################....................", 4.6, 0, "no_reply", 0, 1),
        ("....##########################..........................", 4.0, 0, SHORT, SHORT, SHORT),
        ("....##########################..........................", 5.0, 0, "no_reply", 0, 1),
        ("....##########################............####..........", 4.6, 0, CUT, CUT, CUT),
        ("....##########################............####..........", 5.6, 0, "no_reply", 0, 1),
        ("....##########################............####..........", 4.5, 0, SHORT, SHORT, SHORT),
    ],
)
def test_an_interruption(
    model: str, recorded_s: float, through: float | str, latency: float | str, takeover: float | str, no_response: float | str
) -> None:
    found = scores_of(Interruption(), BARGED, model, recorded_s)
    names = ("talked_through_rate", "response_latency_s", "takeover_rate", "no_response_rate")
    assert tuple(found[name] for name in names) == (through, latency, takeover, no_response)


@pytest.mark.parametrize(("recorded_s", "not_exercised"), [(2.0, SHORT), (2.4, 1)])
def test_a_silent_model_was_not_speaking_when_it_was_interrupted(recorded_s: float, not_exercised: float | str) -> None:
    found = scores_of(Interruption(), BARGED, SILENT_, recorded_s)
    assert (found["not_exercised_rate"], found["no_response_rate"]) == (not_exercised, SHORT)


@pytest.mark.parametrize(
    ("model", "recorded_s", "takeover"),
    [
        (SILENT_, 2.0, SHORT),
        (SILENT_, 5.6, 0),
        ("....##############......................................", 2.0, 1),
        ("........................................................"[:-6] + "####..", 5.4, CUT),
    ],
)
def test_a_clip_for_backchannels(model: str, recorded_s: float, takeover: float | str) -> None:
    found = scores_of(Backchannel(), CLIP, model, recorded_s)
    assert found["takeover_rate"] == takeover


ticks = st.integers(0, 96).map(lambda n: n / 16)


@given(
    scorer=st.sampled_from([(Turn(), TURN), (Pause(), PAUSED), (Interruption(), BARGED)]),
    model=st.lists(st.tuples(ticks, ticks).map(lambda t: Span(min(t), max(t))), max_size=4),
    recorded_s=ticks,
    right_censored=st.sampled_from([None, True, False]),
)
def test_no_reply_is_censored_before_the_turn_ends(
    scorer: tuple[Scorer, Sample], model: list[Span], recorded_s: float, right_censored: bool | None
) -> None:
    who, clip = scorer
    heard = [Span(each.start_s, min(each.end_s, recorded_s)) for each in model if each.start_s < recorded_s]
    take = hear(who, clip, heard, spans(USER___), None, 6.0, recorded_s)
    scores = by_metric(who, clip, replace(take, right_censored=right_censored))
    assert all(score.components.get("censored_at_s", 0.0) >= 0 for score in scores.values())
    if recorded_s < 3.4 and scores["response_latency_s"].value is None and "no_response_rate" in scores:
        assert scores["no_response_rate"].value is None
