"""`fdbench judge check`: ask a judge about the labelled set, measure how far it agrees, store that beside its scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from fdbench.core.absence import Absence
from fdbench.core.annotation import RelevanceQuestion, Verdict
from fdbench.judge.agreement import Agreement, measure_agreement
from fdbench.judge.calibration import LabelledItem, LabelledSet
from fdbench.judge.rating_text import RATINGS
from fdbench.stages.progress import Progress
from fdbench.store import judge_checks
from fdbench.store.judge_checks import CheckedItem, JudgeCheck, LabelledFacts

MIN_KAPPA_TO_RANK: Final = 0.7
"""What automated scoring has to reach before it may stand in for people: Williamson, Xi & Breyer 2012, A framework for
evaluation and use of automated scoring, Educational Measurement: Issues and Practice 31(1)."""
NOTABLE_BIAS: Final = 0.5

_BANDS: Final = ((0.0, "slight"), (0.2, "fair"), (0.4, "moderate"), (0.6, "substantial"), (0.8, "almost perfect"))
"""Above which kappa an agreement is called what: Landis & Koch 1977, Biometrics 33(1), table in section 3."""


class Rater(Protocol):
    """What the check needs of a judge."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth telling although nothing went wrong."""

    def rate(self, questions: Mapping[str, RelevanceQuestion]) -> Iterator[tuple[str, Verdict | Absence]]:
        """A verdict on each question, or why there is none, in whatever order they come."""


@dataclass(frozen=True, slots=True)
class JudgeFacts:
    """Who is checked.

    Attributes:
        signature: As it stands in the scores made with this judge.
        model: The model that is asked.
        prompt: ``name`` and ``sha256`` of the instructions.
    """

    signature: str
    model: str
    prompt: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CheckedJudge:
    """A check that was made.

    Attributes:
        files: Where it is stored; empty where nothing was rated, since that says nothing about the judge.
        notes: Lines for a person: failures and what the judge's client noticed, each once.
    """

    check: JudgeCheck
    agreement: Agreement
    files: tuple[Path, ...]
    notes: tuple[str, ...]


def check_judge(
    judge: Rater, facts: JudgeFacts, labelled: LabelledSet, out: Path, progress: Progress, seed: int = 0
) -> CheckedJudge:
    """Ask about every item, compare, store.

    Args:
        out: Root of the results.
        seed: Of the intervals.
    """
    opinions: dict[str, Verdict | Absence] = {}
    n_failed = 0
    for item_id, opinion in judge.rate(labelled.questions):
        opinions[item_id] = opinion
        n_failed += isinstance(opinion, Absence)
        progress("judge check", len(opinions), len(labelled.items), n_failed)
    items = [_checked(item, opinions.get(item.id, Absence("rating_missing"))) for item in labelled.items]
    rated = [labelled_item.rated(item.rating) for labelled_item, item in zip(labelled.items, items, strict=True)
             if item.rating is not None and not item.reason]  # fmt: skip
    agreement = measure_agreement(rated, seed)
    failed = Counter(item.reason for item in items if item.reason)
    check = JudgeCheck(
        judge=facts.signature,
        model=facts.model,
        models=sorted({item.model for item in items if item.model}),
        labelled=LabelledFacts(version=labelled.version, sha256=labelled.digest, scale=labelled.scale),
        prompt=dict(facts.prompt),
        n_rated=len(rated),
        n_failed=failed.total(),
        failed=dict(sorted(failed.items())),
        agreement=agreement.as_json(),
        items=items,
    )
    files = judge_checks.write_check(out, check) if rated else ()
    notes = [f"{item.id}: {item.message}" for item in items if item.message]
    if facts.prompt["name"] != labelled.scale:
        notes.append(
            f"the labels follow {labelled.scale}, this judge goes by '{facts.prompt['name']}': part of the error is that"
        )
    return CheckedJudge(check, agreement, files, tuple(dict.fromkeys((*notes, *judge.notes))))


def find_check(out_root: Path, judge_signature: str) -> Path | None:
    """The stored check of a judge, for the folder of a scoring made with it; None where there is none."""
    return judge_checks.find_check(out_root, judge_signature)


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
    verdict, reason, message = None, "", ""
    if isinstance(found, Absence):
        reason, message = found.reason, found.message
    else:
        verdict = found
        if verdict.rating not in RATINGS:
            reason, message = "rating_out_of_range", f"rated {verdict.rating:g}, expected a whole number from 0 to 5"
    return CheckedItem(
        id=item.id,
        category=item.category,
        label=item.rating,
        rating=verdict.rating if verdict else None,
        analysis=verdict.analysis if verdict else "",
        model=verdict.judge if verdict else "",
        reason=reason,
        message=message,
    )
