"""`fdbench verify RUN`: every hash and every number of a run, derived again from its recordings and compared.

Nothing in the run's folder is written, no lock is taken and nobody is called or asked: what a judge said is read from the
stored verdicts. The takes themselves are what everything else is derived from; that a call went as its record says, no
derivation can show.

A cause is reported once. What depends on a file that differs (the scores of a take whose audio was changed) is not compared.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fdbench.stages.progress import Progress
from fdbench.store.run import Run
from fdbench.task.data import Data
from fdbench.verify.audio import check_audio, check_logs
from fdbench.verify.data import check_data
from fdbench.verify.differences import Difference, Group
from fdbench.verify.hearing import Hearers, check_annotations
from fdbench.verify.judge_check import check_judge_checks
from fdbench.verify.records import check_manifest, check_records_scored, check_takes
from fdbench.verify.scores import ScoreChecks
from fdbench.verify.verdicts import check_verdicts


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification found, check by check."""

    run_id: str
    groups: Sequence[Group]

    @property
    def differences(self) -> tuple[Difference, ...]:
        return tuple(difference for group in self.groups for difference in group.differences)

    @property
    def agrees(self) -> bool:
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "run_id": self.run_id,
            "agrees": self.agrees,
            "n_differences": len(self.differences),
            "groups": [group.as_json() for group in self.groups],
        }


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """How to verify.

    Attributes:
        data: Where downloaded benchmark data is.
        annotations: ``fresh`` hears every recording again; ``stored`` trusts what was heard before.
        asr: What the recogniser is called here where its signature does not say, e.g. ``whisper:/path/model.pt``.
        workers: Processes for hearing.
    """

    data: Data | None = None
    annotations: Literal["fresh", "stored"] = "fresh"
    asr: str | None = None
    workers: int = 1


def verify_run(folder: Path, request: VerifyRequest, progress: Progress) -> Verification:
    """Compare everything in a run's folder with what it was made from.

    Raises:
        UsageError: It is no run's folder.
        DataError: Its manifest cannot be read.
    """
    run = Run.existing(folder)
    manifest = run.manifest()
    stated = check_manifest(run, manifest)
    recorded, takes = check_takes(run, manifest)
    audio, logs = check_audio(takes), check_logs(takes)
    data, tasks = check_data(takes, request.data)
    if not any(group.differences for group in (stated, recorded, audio, data)):
        check_records_scored(takes, recorded)
    verdicts, said = check_verdicts(run, request.data)
    with tempfile.TemporaryDirectory(prefix="fdbench-verify-") as scratch:
        # What was exported without its prompts cannot be heard again: it takes both channels.
        is_fresh = request.annotations == "fresh" and manifest.has_prompts
        hearers = Hearers(Path(scratch) if is_fresh else None, request.asr, request.workers)
        checks = ScoreChecks(takes, tasks, hearers, said, stated, verdicts)
        checks.check(progress)
        annotations = check_annotations(run, hearers)
    found = [stated, recorded, audio, logs, data, annotations, verdicts, check_judge_checks(run, manifest)]
    groups = [*found, checks.scores, checks.summaries]
    return Verification(manifest.run_id, [group for group in groups if not group.is_empty])
