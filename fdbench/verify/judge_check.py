"""What a judge's check says that lies beside scores: is it about their judge, and do its numbers follow from its ratings?

The judge is not asked again, and what it said of the labelled set is not in the run: each item's rating is believed. What
is compared is all that follows from the ratings: the labels, the counts, and the agreement with its intervals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from fdbench.errors import DataError
from fdbench.judge.agreement import measure_agreement
from fdbench.judge.calibration import LabelledItem, labelled_set
from fdbench.store.judge_checks import COPY, JudgeCheck
from fdbench.store.manifest import RunManifest, Scored
from fdbench.store.run import Run
from fdbench.verify.differences import Group, compare


def check_judge_checks(run: Run, manifest: RunManifest) -> Group:
    """The check beside each scoring; a scoring without one is no difference, because nobody has to check a judge."""
    group = Group("judge checks")
    for scored in manifest.scored:
        path = run.folder / "scores" / scored.folder / COPY
        if path.is_file():
            group.count("files")
            file = path.relative_to(run.folder).as_posix()
            try:
                _check(group, file, scored, JudgeCheck.read(path))
            except DataError as error:
                group.differ(file, error.what.removeprefix(f"{path}: "))
    return group


def _check(group: Group, file: str, scored: Scored, check: JudgeCheck) -> None:
    if check.judge != scored.engines.get("judge"):
        group.differ(file, "judge: not the one of these scores", check.judge, scored.engines.get("judge"))
    try:
        labelled = labelled_set(check.labelled.version)
    except DataError as error:
        group.skip(f"{file}: {error.what}")
        return
    if labelled.digest != check.labelled.sha256:
        group.skip(f"{file}: made with another labelled set ({check.labelled.sha256[:8]}) than is here ({labelled.digest[:8]})")
        return
    known = {item.id: item for item in labelled.items}
    if [item.id for item in check.items] != list(known):
        group.differ(file, "items: not those of the labelled set", len(check.items), len(known))
        return
    group.count("ratings", len(check.items))
    for where, stored, found in compare(_stated(check), _following(check, known)):
        group.differ(file, where, stored, found)


def _stated(check: JudgeCheck) -> dict[str, Any]:
    return {
        "labels": {item.id: [item.category, item.label] for item in check.items},
        "models": check.models,
        "n_rated": check.n_rated,
        "n_failed": check.n_failed,
        "failed": check.failed,
        "agreement": check.agreement,
    }


def _following(check: JudgeCheck, known: Mapping[str, LabelledItem]) -> dict[str, Any]:
    rated = [(item, item.rating) for item in check.items if item.rating is not None and not item.reason]
    failed = Counter(item.reason for item in check.items if item.reason)
    return {
        "labels": {item.id: [item.category, item.rating] for item in known.values()},
        "models": sorted({item.model for item in check.items if item.model}),
        "n_rated": len(rated),
        "n_failed": failed.total(),
        "failed": dict(sorted(failed.items())),
        "agreement": measure_agreement([known[item.id].rated(rating) for item, rating in rated]).as_json(),
    }
