"""`fdbench judge check`: ask a judge about the labelled set, measure how far it agrees, store that beside its scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import Verdict
from fdbench.judge.agreement import Agreement, measure_agreement
from fdbench.judge.calibration import LabelledItem, LabelledSet
from fdbench.judge.rating_text import RATINGS
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
    opinions: dict[str, Verdict | Absence] = {}
    n_failed = 0
    for item_id, opinion in judge.rate(labelled.questions):
        opinions[item_id] = opinion
        n_failed += isinstance(opinion, Absence)
        progress("judge check", len(opinions), len(labelled.items), n_failed)
    prompt = {"name": judge.prompt.name, "sha256": judge.prompt.sha256}
    check, agreement = check_of(opinions, labelled, judge.settings.signature, judge.settings.model, prompt)
    notes = [f"{item.id}: {item.message}" for item in check.items if item.message]
    if judge.prompt.name != labelled.scale:
        notes.append(f"the labels follow {labelled.scale}, this judge goes by '{judge.prompt.name}': part of the error is that")
    return CheckedJudge(check, agreement, write_check(out, check) if check.n_rated else (), (*notes, *judge.notes))


def check_of(
    opinions: Mapping[str, Verdict | Absence], labelled: LabelledSet, judge: str, model: str, prompt: dict[str, str]
) -> tuple[JudgeCheck, Agreement]:
    """What follows from a judge's opinions on the labelled set.

    Args:
        opinions: By the item's id, one on each.
        judge: Its signature.
    """
    items = [_checked(item, opinions[item.id]) for item in labelled.items]
    rated = [labelled_item.rated(item.rating) for labelled_item, item in zip(labelled.items, items, strict=True)
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


def _checked(item: LabelledItem, found: Verdict | Absence) -> CheckedItem:
    facts: dict[str, Any] = {"id": item.id, "category": item.category, "label": item.rating}
    if isinstance(found, Absence):
        return CheckedItem(**facts, rating=None, reason=found.reason, message=found.message)
    facts |= {"rating": found.rating, "analysis": found.analysis, "model": found.judge}
    if found.rating not in RATINGS:
        facts |= {
            "reason": "rating_out_of_range",
            "message": f"rated {found.rating:g}, expected a whole number from 0 to 5",
        }
    return CheckedItem(**facts)
