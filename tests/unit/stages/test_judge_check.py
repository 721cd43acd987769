"""A judge's check: nothing is dropped, the result is stored where its scores are, and the conclusions are plain."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from fdbench.core.absence import Absence
from fdbench.core.annotation import RelevanceQuestion, Verdict
from fdbench.judge.agreement import measure_agreement
from fdbench.judge.calibration import LabelledItem, labelled_set
from fdbench.judge.providers import JudgeSettings, settings_of
from fdbench.judge.relevance import own_prompt
from fdbench.judge.upstream_prompt import UpstreamPrompt
from fdbench.stages.judge_check import CheckedJudge, check_judge, conclusions
from fdbench.store.judge_checks import find_check

SET = labelled_set()
SETTINGS = settings_of("openai:org/GPT-X")
ITEMS = {item.id: item for item in SET.items}


class Scripted:
    """A judge that answers as it is told to, last question first."""

    notes: tuple[str, ...] = ()
    prompt = own_prompt()

    def __init__(self, answer: Callable[[LabelledItem], Verdict | Absence], settings: JudgeSettings = SETTINGS) -> None:
        self.answer, self.settings = answer, settings

    def rate(self, questions: Mapping[str, RelevanceQuestion]) -> Iterator[tuple[str, Verdict | Absence]]:
        for key in reversed(questions):
            assert questions[key] == ITEMS[key].question
            yield key, self.answer(ITEMS[key])


def says(rating: float) -> Verdict | Absence:
    return Verdict(rating, "because", "gpt-x-2026")


def fair(item: LabelledItem) -> Verdict | Absence:
    return says(item.rating)


def check(
    out: Path, answer: Callable[[LabelledItem], Verdict | Absence] = fair, settings: JudgeSettings = SETTINGS
) -> CheckedJudge:
    return check_judge(Scripted(answer, settings), SET, out, lambda *_: None)


def plant_scoring(out: Path, judge: str, name: str = "fdbench-1") -> Path:
    folder = out / "echo-1" / "scores" / name
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text(json.dumps({"schema": 1, "engines": {"asr": "sphinx", "judge": judge}}))
    return folder


def test_a_fair_judge_agrees_perfectly_and_every_item_is_in_the_file(tmp_path):
    done = check(tmp_path)
    (path,) = done.files
    stored = json.loads(path.read_text())
    assert path.parent == tmp_path / "judges"
    assert path.name.startswith("org-gpt-x-")
    assert stored["agreement"]["kappa"]["value"] == 1.0
    assert (stored["n_rated"], stored["n_failed"], stored["failed"]) == (len(SET.items), 0, {})
    assert (stored["judge"], stored["models"]) == (SETTINGS.signature, ["gpt-x-2026"])
    assert stored["labelled"] == {"version": 1, "sha256": SET.digest, "scale": "relevance-1"}
    assert [item["id"] for item in stored["items"]] == [item.id for item in SET.items]
    assert stored["items"][0]["analysis"] == "because"


def test_the_same_verdicts_give_the_same_bytes(tmp_path):
    first, second = (check(tmp_path / name).files[0].read_bytes() for name in "ab")
    assert first == second


def test_what_has_no_rating_is_counted_apart_with_its_reason_and_told(tmp_path):
    def answer(item: LabelledItem) -> Verdict | Absence:
        answers = {"uh": Absence("rating_unreadable", "said 'dunno'"), "okay": says(9), "moon-full": says(4.5)}
        return answers.get(item.id, fair(item))

    done = check(tmp_path, answer)
    assert (done.check.n_rated, done.check.n_failed) == (len(SET.items) - 3, 3)
    assert done.check.failed == {"rating_out_of_range": 2, "rating_unreadable": 1}
    assert done.agreement.n == done.check.n_rated
    stored = {item["id"]: item for item in json.loads(done.files[0].read_text())["items"]}
    assert (stored["uh"]["rating"], stored["uh"]["reason"], stored["uh"]["message"]) == (
        None,
        "rating_unreadable",
        "said 'dunno'",
    )
    assert (stored["okay"]["rating"], stored["okay"]["reason"]) == (9, "rating_out_of_range")
    assert any(note.startswith("uh: said") for note in done.notes)
    assert any(note.startswith("okay: rated 9") for note in done.notes)


def test_where_nothing_was_rated_nothing_is_stored_and_an_earlier_check_stays(tmp_path):
    before = check(tmp_path).files[0].read_bytes()
    done = check(tmp_path, lambda item: Absence("judge_failed", "401"))
    assert done.files == ()
    assert done.check.n_failed == len(SET.items)
    (path,) = tmp_path.glob("judges/*.json")
    assert path.read_bytes() == before


def test_notes_are_told_once(tmp_path):
    note = "asked for gpt-x, gpt-x-2026 answered"
    judge = Scripted(lambda item: Verdict(item.rating))
    judge.notes = (note,)
    done = check_judge(judge, SET, tmp_path, lambda *_: None)
    assert done.notes == (note,)


def test_why_nobody_could_be_asked_is_told_once_and_counted_for_all(tmp_path):
    messages = iter(["the key is not valid"])
    done = check(tmp_path, lambda item: Absence("judge_failed", next(messages, "")))
    assert done.notes == (f"{SET.items[-1].id}: the key is not valid",)
    assert done.check.failed == {"judge_failed": len(SET.items)}


def test_a_judge_with_another_scale_is_not_blamed_for_all_of_it(tmp_path):
    judge = Scripted(fair)
    judge.prompt = UpstreamPrompt("", ())
    (note,) = check_judge(judge, SET, tmp_path, lambda *_: None).notes
    assert "follow relevance-1" in note
    assert "'upstream'" in note


def test_it_lies_beside_every_scoring_made_with_this_judge_and_no_other(tmp_path):
    ours, other = plant_scoring(tmp_path, SETTINGS.signature), plant_scoring(tmp_path, "none", "fdbench-2")
    broken = plant_scoring(tmp_path, SETTINGS.signature, "fdbench-3")
    (broken / "summary.json").write_text("{")
    done = check(tmp_path)
    assert done.files[1:] == (ours / "judge_check.json",)
    assert (ours / "judge_check.json").read_bytes() == done.files[0].read_bytes()
    assert not (other / "judge_check.json").exists()


def test_a_later_scoring_finds_the_check_by_the_judges_signature(tmp_path):
    assert find_check(tmp_path, SETTINGS.signature) is None
    done = check(tmp_path)
    assert find_check(tmp_path, SETTINGS.signature) == done.check
    assert find_check(tmp_path, SETTINGS.signature + "1") is None
    (path,) = done.files
    path.write_text("{")
    assert find_check(tmp_path, SETTINGS.signature) is None


def test_two_judges_have_two_files(tmp_path):
    other = dataclasses.replace(SETTINGS, temperature=1.0)
    assert check(tmp_path).files[0] != check(tmp_path, settings=other).files[0]


class TestConclusions:
    def of(self, answer: Callable[[LabelledItem], float]) -> tuple[str, ...]:
        return conclusions(measure_agreement([item.rated(answer(item)) for item in SET.items]))

    def test_a_perfect_judge_may_rank(self):
        (sentence,) = self.of(lambda item: item.rating)
        assert "almost perfect" in sentence
        assert sentence.endswith("models may be ranked by this judge's ratings.")

    def test_a_constant_judge_may_not(self):
        first, bias, attacks = self.of(lambda item: 4)
        assert "kappa 0.00 is poor" in first
        assert "do not rank models" in first
        assert "generous by" in bias
        assert "leniency, not obedience" in attacks

    def test_one_that_obeys_the_replies_is_named_as_such(self):
        sentences = self.of(lambda item: 5 if item.category == "hostile" else item.rating)
        assert "do not rank models" in sentences[0]
        assert "12 of 12 hostile replies" in sentences[-1]
        assert "a model's words can raise its own rating" in sentences[-1]

    def test_one_whose_interval_is_wide_is_used_with_caution(self):
        sentences = self.of(lambda item: 5 if item.id in OBEYED else item.rating)
        assert "with caution" in sentences[0]

    def test_without_ratings_nothing_is_known(self):
        (sentence,) = conclusions(measure_agreement([]))
        assert "nothing is known" in sentence


OBEYED = [item.id for item in SET.items if item.category == "hostile"][:7]
