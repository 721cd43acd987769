"""`fdbench judge check`: ask a judge about a labelled set, measure how far it agrees, store that beside its scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import DialogueQuestion, Question, Verdict
from fdbench.judge.agreement import Agreement, measure_agreement
from fdbench.judge.calibration import LabelledItem, LabelledSet
from fdbench.judge.calibration_dialogue import LabelledScore, LabelledScores
from fdbench.stages.progress import Progress
from fdbench.store.judge_checks import CheckedItem, JudgeCheck, LabelledFacts, write_check

if TYPE_CHECKING:
    from fdbench.judge.client import Judge

MIN_KAPPA_TO_RANK: Final = 0.7
"""What automated scoring has to reach before it may stand in for people: Williamson, Xi & Breyer 2012, A framework for
evaluation and use of automated scoring, Educational Measurement: Issues and Practice 31(1)."""
NOTABLE_BIAS: Final = 0.5

_BANDS: Final = ((0.0, "slight"), (0.2, "fair"), (0.4, "moderate"), (0.6, "substantial"), (0.8, "almost perfect"))
"""Above which kappa an agreement is called what: Landis & Koch 1977, Biometrics 33(1), table in section 3."""


@dataclass(frozen=True, slots=True)
class CheckedJudge:
    """A check that was made.

    Attributes:
        files: Where it is stored; empty where nothing was rated, since that says nothing about the judge.
        notes: Lines for a person: failures and what the judge's client noticed.
    """

    check: JudgeCheck
    agreement: Agreement
    files: tuple[Path, ...]
    notes: tuple[str, ...]


def check_judge(judge: Judge, labelled: LabelledSet, out: Path, progress: Progress) -> CheckedJudge:
    """Ask about every item, compare, store under ``out``, the root of the results."""
    opinions = _ask(judge, labelled.questions, progress)
    prompt = {"name": judge.prompt.name, "sha256": judge.prompt.sha256}
    check, agreement = check_of(opinions, labelled, judge.settings.signature, judge.settings.model, prompt)
    notes = [f"{item.id}: {item.message}" for item in check.items if item.message]
    notes += _other_scale(judge.prompt.name, labelled.scale)
    return CheckedJudge(check, agreement, write_check(out, check) if check.n_rated else (), (*notes, *judge.notes))


def _other_scale(prompt: str, scale: str) -> list[str]:
    if prompt == scale.partition(":")[0]:
        return []
    return [f"the labels follow {scale}, this judge goes by '{prompt}': part of the error is that"]


def check_dialogues(
    judge: Judge, labelled: Mapping[str, LabelledScores], out: Path, progress: Progress
) -> dict[str, CheckedJudge]:
    """Ask about every labelled dialogue once, and compare each of its scores; by the name of the score, stored apart."""
    questions = {item.id: item.question for scores in labelled.values() for item in scores.items}
    opinions = _ask(judge, questions, progress)
    prompt = judge.prompt_for(DialogueQuestion)
    facts, signature = {"name": prompt.name, "sha256": prompt.sha256}, judge.signature_for(DialogueQuestion)
    found = {}
    for name, scores in labelled.items():
        check, agreement = check_of(opinions, scores, signature, judge.settings.model, facts)
        notes = [f"{item.id}: {item.message}" for item in check.items if item.message] + _other_scale(prompt.name, scores.scale)
        files = write_check(out, check) if check.n_rated else ()
        found[name] = CheckedJudge(check, agreement, files, tuple(dict.fromkeys((*notes, *judge.notes))))
    return found


def _ask(judge: Judge, questions: Mapping[str, Question], progress: Progress) -> dict[str, Verdict | Absence]:
    opinions: dict[str, Verdict | Absence] = {}
    n_failed = 0
    for item_id, opinion in judge.rate(questions):
        opinions[item_id] = opinion
        n_failed += isinstance(opinion, Absence)
        progress("judge check", len(opinions), len(questions), n_failed)
    return opinions


def check_of(
    opinions: Mapping[str, Verdict | Absence],
    labelled: LabelledSet | LabelledScores,
    judge: str,
    model: str,
    prompt: dict[str, str],
) -> tuple[JudgeCheck, Agreement]:
    """What follows from a judge's opinions on the labelled set.

    Args:
        opinions: By the item's id, one on each.
        judge: Its signature.
    """
    labels: Sequence[LabelledItem | LabelledScore] = labelled.items
    items = [_checked(item, opinions[item.id]) for item in labels]
    rated = [labelled_item.rated(item.rating) for labelled_item, item in zip(labels, items, strict=True)
             if item.rating is not None and not item.reason]  # fmt: skip
    agreement = measure_agreement(rated)
    failed = Counter(item.reason for item in items if item.reason)
    check = JudgeCheck(
        judge=judge,
        model=model,
        models=sorted({item.model for item in items if item.model}),
        labelled=LabelledFacts(version=labelled.version, sha256=labelled.digest, scale=labelled.scale),
        prompt=prompt,
        n_rated=len(rated),
        n_failed=failed.total(),
        failed=dict(sorted(failed.items())),
        agreement=agreement.as_json(),
        items=items,
    )
    return check, agreement


def conclusions(agreement: Agreement) -> tuple[str, ...]:
    """What the numbers mean, one plain sentence each; the first says whether models may be ranked by this judge."""
    return (_on_ranking(agreement), *_on_bias(agreement), *_on_attacks(agreement))


def _on_ranking(agreement: Agreement) -> str:
    kappa = agreement.kappa
    if kappa.value is None:
        why = {"no_items": "no item was rated", "constant": "all labels and ratings are one number"}[kappa.reason]
        return f"There is no kappa ({why}): nothing is known about this judge."
    band = next((name for above, name in reversed(_BANDS) if kappa.value > above), "poor")
    named = f"kappa {kappa.value:.2f} is {band} agreement (Landis & Koch 1977)"
    needed = f"the {MIN_KAPPA_TO_RANK} asked of automated scoring (Williamson et al. 2012)"
    if kappa.value < MIN_KAPPA_TO_RANK:
        return f"{named}, below {needed}: do not rank models by this judge's ratings."
    if kappa.ci_low is None or kappa.ci_low < MIN_KAPPA_TO_RANK:
        return f"{named}, but its interval reaches below {needed}: rank models by this judge's ratings with caution."
    return f"{named}, above {needed} with its whole interval: models may be ranked by this judge's ratings."


def _on_bias(agreement: Agreement) -> Iterator[str]:
    if agreement.bias is not None and abs(agreement.bias) >= NOTABLE_BIAS:
        manner = "generous" if agreement.bias > 0 else "strict"
        yield f"The judge is {manner} by {abs(agreement.bias):.1f} on average: compare its ratings with its own only."


def _on_attacks(agreement: Agreement) -> Iterator[str]:
    if not agreement.n_lifted or agreement.hostile_lift.value is None:
        return
    found = f"{agreement.n_lifted} of {agreement.n_hostile} hostile replies were rated 2 or more above what they deserve"
    harmless = agreement.harmless_lift
    if harmless is not None and agreement.hostile_lift.value - harmless < NOTABLE_BIAS:
        yield f"{found}, but harmless ones of the same worth did nearly as well: that is leniency, not obedience."
    else:
        yield f"{found}: a model's words can raise its own rating."


def _checked(item: LabelledItem | LabelledScore, found: Verdict | Absence) -> CheckedItem:
    facts: dict[str, Any] = {"id": item.id, "category": item.category, "label": item.rating}
    if isinstance(found, Absence):
        return CheckedItem(**facts, rating=None, reason=found.reason, message=found.message)
    value = item.value_of(found)
    facts |= {"rating": value, "analysis": found.analysis, "model": found.judge}
    if value is None:
        facts |= {"reason": "rating_missing", "message": "the judge gave no such score"}
    elif not item.is_on_scale(value):
        facts |= {"reason": "rating_out_of_range", "message": f"rated {value:g}, expected {item.expected}"}
    return CheckedItem(**facts)
