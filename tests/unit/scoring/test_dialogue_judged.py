"""What a judge says of dialogues as numbers, by hand.

::

    dialogue  seconds   turn-taking  instruction      counts
    a         0-10      4            2                yes
              10-40     1            5                yes
              20-30     -            3                no: one score
              50-50     3            3                yes, but in no window: it takes no time
    b         70-90     5            4                yes
    c         130-140   2            2                yes, but in no window: after 120 s
    d         5-9       -            -                no

a: turn-taking (4 + 1 + 3) / 3 = 8/3, instruction (2 + 5 + 3) / 3 = 10/3; b: 5 and 4; c: 2 and 2; d: nothing rated.
Mean over dialogues: turn-taking (8/3 + 5 + 2) / 3 = 29/9, instruction (10/3 + 4 + 2) / 3 = 28/9.
Mean over all five events: turn-taking (4 + 1 + 3 + 5 + 2) / 5 = 3, instruction (2 + 5 + 3 + 4 + 2) / 5 = 16/5.
Windows of a: 0-15: 10 s of 4 and 5 s of 1 = 3; 15-30: 1; 30-45: 10 s of 1 = 1; 0-75: (10 * 4 + 30 * 1) / 40 = 7/4.
Windows of b: 60-75: 5; 75-90: 5; 0-75: 5.
"""

from __future__ import annotations

import pytest
from scoring_timeline import sample

from fdbench.core.absence import Absence
from fdbench.core.annotation import Annotations, DialogueEvent, DialogueQuestion, Verdict, WordsRequest
from fdbench.core.dialogue import Dialogue, DialogueStage
from fdbench.core.event import Event
from fdbench.core.goal import Answered
from fdbench.core.score import Score
from fdbench.core.span import Span
from fdbench.core.speech import Transcript, Word
from fdbench.scoring.aggregate import summarise
from fdbench.scoring.base import NO_JUDGE
from fdbench.scoring.dialogue_judged import JUDGED, ask_about_dialogue, judged_scores, words_needed
from fdbench.scoring.registry import scorer_for

VERDICTS = {
    "a": Verdict(
        5.0,
        events=(
            DialogueEvent(0, 10, 4, 2),
            DialogueEvent(10, 40, 1, 5),
            DialogueEvent(20, 30, None, 3),
            DialogueEvent(50, 50, 3, 3),
        ),
    ),
    "b": Verdict(2.0, events=(DialogueEvent(70, 90, 5, 4),)),
    "c": Verdict(None, events=(DialogueEvent(130, 140, 2, 2),)),
    "d": Verdict(None, events=(DialogueEvent(5, 9, None, None),)),
}
WORDS = (Word("hello", 1.0, 1.4),)
CLIP = sample(id="a")


def scores_of(protocol: str, metric: str, verdicts: dict[str, Verdict] = VERDICTS) -> list[Score]:
    scorer = scorer_for("dialogue", protocol)
    take = {"main": Annotations()}
    found = [{score.metric: score for score in scorer.score(CLIP, take, verdict)} for verdict in verdicts.values()]
    return [each[metric] for each in found]


@pytest.mark.parametrize(
    ("protocol", "metric", "value"),
    [
        ("fdb-2026-05", "turn_taking_fluency", 29 / 9),
        ("fdb-2026-05", "instruction_following", 28 / 9),
        ("fdbench", "turn_taking_fluency", 3.0),
        ("fdbench", "instruction_following", 16 / 5),
        ("fdb-2026-05", "task_score", 3.5),
        ("fdbench", "task_score", 3.5),
    ],
)
def test_a_family_is_the_mean_over_dialogues_where_that_is_published_and_over_all_events_where_it_is_ours(
    protocol, metric, value
):
    summary = summarise(metric, scores_of(protocol, metric), protocol, "sig", groups=list(VERDICTS))
    assert summary.value == pytest.approx(value)
    assert (summary.n_scored, summary.n_not_applicable) == ((2, 2) if metric == "task_score" else (3, 1))
    assert summary.unit == "1-5"
    assert summary.higher_is_better is True


@pytest.mark.parametrize("protocol", ["fdb-2026-05", "fdbench"])
def test_windows_are_weighted_by_seconds_and_stand_beside_the_value(protocol):
    summary = summarise("turn_taking_fluency", scores_of(protocol, "turn_taking_fluency"), protocol, "sig")
    expected = {
        "from_0_to_15_s": 3.0, "from_15_to_30_s": 1.0, "from_30_to_45_s": 1.0, "from_60_to_75_s": 5.0,
        "from_75_to_90_s": 5.0, "from_0_to_75_s": (7 / 4 + 5) / 2,
    }  # fmt: skip
    mean_over_dialogues = {"mean": pytest.approx(29 / 9)} if protocol == "fdbench" else {}
    assert summary.details == {**expected, **mean_over_dialogues}


def test_the_scores_of_a_dialogue_and_its_events():
    first, second, third = judged_scores(VERDICTS["a"], is_bounded=True)
    assert (first.metric, second.metric, third.metric) == JUDGED
    assert (first.value, second.value, third.value) == (pytest.approx(8 / 3), pytest.approx(10 / 3), 5.0)
    assert first.details == {"events": [[[0, 10], 4, 2], [[10, 40], 1, 5], [[20, 30], None, 3], [[50, 50], 3, 3]]}
    assert (first.components["numerator"], first.components["denominator"]) == (8, 3)


def test_why_there_is_no_score():
    turn_taking, instruction, task = judged_scores(VERDICTS["d"], is_bounded=True)
    assert [turn_taking.reason, instruction.reason, task.reason] == ["nothing_rated", "nothing_rated", "no_task_score"]
    assert turn_taking.details == {"events": [[[5, 9], None, None]]}
    assert {score.reason for score in judged_scores(NO_JUDGE, is_bounded=True)} == {"no_judge"}
    assert {score.reason for score in judged_scores(Absence("rating_unreadable"), is_bounded=True)} == {"rating_unreadable"}


def test_a_nine_is_a_score_where_that_is_published_and_nowhere_else():
    verdicts = {"a": Verdict(9.0, events=(DialogueEvent(0, 1, 9, 3), DialogueEvent(1, 2, 3, 3)))}
    (published,) = scores_of("fdb-2026-05", "turn_taking_fluency", verdicts)
    (ours,) = scores_of("fdbench", "turn_taking_fluency", verdicts)
    (task,) = scores_of("fdbench", "task_score", verdicts)
    assert published.value == 6.0
    assert ours.reason == task.reason == "rating_out_of_range"
    assert scores_of("fdbench", "instruction_following", verdicts)[0].value == 3.0


def take(model: tuple[Word, ...], engine: str = "given", examiner: tuple[Word, ...] = WORDS) -> dict[str, Annotations]:
    words = {WordsRequest("model"): Transcript(model, engine), WordsRequest("user"): Transcript(examiner, engine)}
    assert set(words) == set(words_needed(CLIP))
    return {"main": Annotations(recorded_s=60.0, words=words)}


STAGED = Dialogue("a", "correction", "", (DialogueStage("T1", "A table for six.", "", Answered()),), "Bye.")


def test_the_question_has_both_sides_with_their_times_and_what_is_wanted():
    clip = sample(id="a")
    question = ask_about_dialogue(clip, take(WORDS))
    assert question == DialogueQuestion("task", (), WORDS, WORDS)  # of test/task
    staged = type(clip)(clip.id, "mini/dialogue", {}, dialogue=STAGED)
    assert ask_about_dialogue(staged, take(WORDS)) == DialogueQuestion("correction", ("T1: A table for six.",), WORDS, WORDS)


def test_an_examiner_that_says_what_it_said_is_not_listened_to():
    events = (Event("closing", Span(8.0, 9.0), "Bye."), Event("line", Span(0.5, 2.0), "A table for six."))
    clip = type(CLIP)("a", "mini/dialogue", {}, events=events, dialogue=STAGED)
    assert words_needed(clip) == (WordsRequest("model"),)
    question = ask_about_dialogue(clip, take(WORDS, examiner=()))
    assert isinstance(question, DialogueQuestion)
    assert question.examiner == (Word("A table for six.", 0.5, 2.0), Word("Bye.", 8.0, 9.0))


@pytest.mark.parametrize("protocol", ["fdb-2026-05", "fdbench"])
def test_who_never_spoke_gets_the_published_one_without_being_asked_about(protocol):
    scorer = scorer_for("dialogue", protocol)
    clip = type(CLIP)("a", "v2/safety.slow", {})
    verdict = scorer.question(clip, take(()))
    assert isinstance(verdict, Verdict)
    assert [score.value for score in scorer.score(clip, take(()), verdict) if score.metric in JUDGED] == [1.0, 1.0, 1.0]
    daily = scorer.question(type(CLIP)("a", "v2/daily.slow", {}), take(()))
    assert [score.value for score in scorer.score(clip, take(()), daily) if score.metric in JUDGED] == [1.0, 1.0, None]


def test_without_ears_or_words_nobody_can_be_asked():
    assert ask_about_dialogue(CLIP, take((), "none")) == Absence("no_words")
    assert ask_about_dialogue(CLIP, {"main": Annotations()}) == Absence("transcript_missing")
    assert ask_about_dialogue(CLIP, {}) == Absence("audio_missing")
