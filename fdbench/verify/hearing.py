"""Hearing a run's recordings again, or recalling what was heard, and comparing the two.

An engine is known by its signature. Where the one that a scoring names is not installed, or is another version, nothing can be
heard again here: the stored annotations are taken as they are, and the report says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fdbench.core.take_id import TakeId
from fdbench.errors import DataError, FdbenchError
from fdbench.hear.cache import AnnotationCache
from fdbench.hear.engines import SILERO, WEBRTC, asr_signature, specs_of, vad_signature
from fdbench.hear.recall import recall
from fdbench.hear.rules import VERSION, VERSION_BEFORE_SIGNED
from fdbench.hear.stage import Engines
from fdbench.stages.cases import Case
from fdbench.stages.progress import Progress
from fdbench.stages.score import HeardTakes, hear_cases, requests_of
from fdbench.store.run import Run
from fdbench.verify.differences import Group


@dataclass(slots=True)
class Hearers:
    """Whoever hears the recordings again, or recalls what was heard.

    Attributes:
        fresh: Folder of the fresh annotations; None where the stored ones are trusted.
        asr: What the user says that the recogniser of a signature is called here.
        unavailable: Why engines cannot be had here, a line for each.
    """

    fresh: Path | None
    asr: str | None
    workers: int
    unavailable: set[str] = field(default_factory=set)

    def heard(
        self,
        run: Run,
        cases: Sequence[Case],
        protocols: Sequence[str],
        signatures: Mapping[str, str],
        progress: Progress,
        *,
        asks: bool,
    ) -> tuple[Iterable[tuple[Case, HeardTakes]], dict[TakeId, str]]:
        """What the engines with these signatures say about each case; where they cannot be had, what they once said.

        Returns:
            The cases with what was heard, and those about which nothing is stored, with why.
        """
        engines = self._engines_of(signatures) if self.fresh else None
        if engines is not None:
            return hear_cases(cases, protocols, engines, self.fresh, self.workers, progress, asks=asks), {}
        recalled = [(case, _recalled(run, case, protocols, signatures, asks)) for case in cases]
        why = f"no annotations by {signatures.get('asr', 'its recogniser')} are stored"
        known = [(case, takes) for case, takes in recalled if takes is not None]
        return known, {case.id: why for case, takes in recalled if takes is None}

    def _engines_of(self, signatures: Mapping[str, str]) -> Engines | None:
        asr, vad = signatures.get("asr", ""), signatures.get("vad", "")
        hear = int(signatures.get("hear", VERSION_BEFORE_SIGNED))
        if hear != VERSION:
            self.unavailable.add(f"hear:{hear}: found hear:{VERSION}")
            return None
        detector = WEBRTC if vad.startswith(WEBRTC) else SILERO
        why = f"{asr}: found no engine of that name"
        for spec in ([self.asr] if self.asr else []) + specs_of(asr):
            try:
                if asr_signature(spec) != asr:
                    why = f"{asr}: found {asr_signature(spec)}"
                elif vad_signature(detector) != vad:
                    why = f"{vad}: found {vad_signature(detector)}"
                else:
                    engines = Engines(spec, detector)
                    engines.prepare()
                    return engines
            except FdbenchError as error:
                why = f"{asr}: {error.what.splitlines()[0]}"
        self.unavailable.add(why)
        return None


def _recalled(run: Run, case: Case, protocols: Sequence[str], signatures: Mapping[str, str], asks: bool) -> HeardTakes | None:
    takes = {}
    for stimulus, requests in requests_of(case, protocols, asks=asks).items():
        answers = recall(case.recorded[stimulus].audio, requests, signatures, AnnotationCache(run.annotations))
        if answers is None:
            return None
        takes[stimulus] = answers
    return takes


def check_annotations(run: Run, hearers: Hearers) -> Group:
    """Each stored annotation says whose answer it is, and is the answer that was heard now; after everything was heard."""
    group = Group("annotations")
    for path, stored in AnnotationCache(run.annotations).entries():
        file = run.relative(path)
        if isinstance(stored, DataError):
            group.broken(file, stored)
            continue
        heard = AnnotationCache(hearers.fresh).answer_to(stored.key) if hearers.fresh else None
        if heard is not None:
            group.count("answers")
            group.diff(file, stored.answer, heard, f"{stored}:")
        else:
            why = "was heard again for them" if hearers.fresh else "was heard again: they were taken as they are"
            group.skip(f"stored annotations: nothing {why}")
    for why in sorted(hearers.unavailable):
        group.skip(f"cannot be heard again here: {why}; the stored annotations were taken as they are")
    return group
