"""What a judge's check says that lies beside scores: is it about their judge, and do its numbers follow from its ratings?

The judge is not asked again, and what it said of the labelled set is not in the run: each item's rating is believed. The check
is made again from the ratings, and compared.
"""

from __future__ import annotations

from fdbench.core.absence import Absence
from fdbench.core.annotation import Verdict
from fdbench.errors import DataError
from fdbench.judge.calibration import labelled_set
from fdbench.stages.judge_check import check_of
from fdbench.store.judge_checks import CheckedItem, JudgeCheck
from fdbench.store.manifest import RunManifest, Scored
from fdbench.store.run import Run
from fdbench.verify.differences import Group


def check_judge_checks(run: Run, manifest: RunManifest) -> Group:
    """The check beside each scoring; a scoring without one is no difference, because nobody has to check a judge."""
    group = Group("judge checks")
    for scored in manifest.scored:
        path = run.judge_check_file(scored.folder)
        if path.is_file():
            group.count("files")
            try:
                _check(group, run.relative(path), scored, JudgeCheck.read(path))
            except DataError as error:
                group.broken(run.relative(path), error)
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
    if [item.id for item in check.items] != [item.id for item in labelled.items]:
        group.differ(file, "items: not those of the labelled set", len(check.items), len(labelled.items))
        return
    group.count("ratings", len(check.items))
    again, _ = check_of({item.id: _opinion(item) for item in check.items}, labelled, check.judge, check.model, check.prompt)
    group.diff(file, check.as_json(), again.as_json())


def _opinion(item: CheckedItem) -> Verdict | Absence:
    known = item.rating is not None
    return Verdict(item.rating or 0.0, item.analysis, item.model) if known else Absence(item.reason, item.message)
