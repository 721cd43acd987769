"""`fdbench verify RUN`: every hash and every derived number of a run, made again from its recordings and compared.

Nothing in the run's folder is written, no lock is taken and nobody is called or asked: what a judge said is read from the
stored verdicts. The takes themselves are what everything else is derived from; that a call went as its record says, no
recomputation can show.

A cause is told once. What depends on a file that differs (the scores of a take whose audio was changed) is not compared.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fdbench.stages.progress import Progress
from fdbench.store.run import Run
from fdbench.verify.differences import Difference, Group
from fdbench.verify.files import check_audio, check_data, check_manifest, check_records_scored, check_takes
from fdbench.verify.hearing import Hearers
from fdbench.verify.judge_check import check_judge_checks
from fdbench.verify.logs import check_logs
from fdbench.verify.scores import AnnotationsFrom, Basis, check_scores
from fdbench.verify.verdicts import check_verdicts

if TYPE_CHECKING:
    from fdbench.task.data import Data


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification found, check by check."""

    folder: Path
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
    annotations: AnnotationsFrom = "fresh"
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
    audio = check_audio(run, takes)
    logs = check_logs(run, manifest, takes)
    data, now = check_data(run, manifest, request.data, takes)
    if not any(group.differences for group in (stated, recorded, audio, data)):
        check_records_scored(run, manifest, recorded)
    verdicts, said = check_verdicts(run, request.data)
    with tempfile.TemporaryDirectory(prefix="fdbench-verify-") as scratch:
        heard = Path(scratch) if request.annotations == "fresh" else None
        hearers = Hearers(heard, request.asr, request.workers)
        basis = Basis(run, manifest, takes, now, hearers, said, progress)
        annotations, scores, summaries = check_scores(basis, verdicts)
    groups = [stated, recorded, audio, logs, data, annotations, verdicts, check_judge_checks(run, manifest), scores, summaries]
    return Verification(folder, manifest.run_id, [group for group in groups if not group.is_empty])
