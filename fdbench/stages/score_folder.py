"""`fdbench score DIR`: recordings made elsewhere, in upstream's layout (``DIR/<id>/output.wav``, ``output.json``, ...).

Of dialogues ``A.wav`` and ``B.wav`` with what belongs to them (``task.fdb_layout``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fdbench.call.evidence import examine, silence_notes
from fdbench.core.absence import Absence
from fdbench.core.behaviour import BEHAVIOURS, DIALOGUE
from fdbench.core.conversation import Sample
from fdbench.core.dialogue import Dialogue
from fdbench.core.metric import PUBLISHED
from fdbench.core.take_id import MAIN
from fdbench.errors import DataError
from fdbench.io.files import user_cache
from fdbench.io.upstream_json import file_of
from fdbench.judge.given import DIALOGUE_FILE, LABEL_FILE, RATING_FILE, read_dialogue_verdict, read_verdict
from fdbench.stages.cases import Case, FolderAudio, RecordedTake, TaskFacts
from fdbench.stages.copies import copies_among
from fdbench.stages.derive import notes_of
from fdbench.stages.health import Vitals, findings_of, observed
from fdbench.stages.options import ScoringOptions
from fdbench.stages.progress import Progress
from fdbench.stages.score import Scoring, hear_cases, score_heard
from fdbench.task.fdb_layout import read_fdb_folder
from fdbench.task.spec import TaskSpec


@dataclass(frozen=True, slots=True)
class ScoredFolder:
    """A folder's scores.

    Attributes:
        notes: A line for each thing in it that was left out, and for each that is wrong with it as a whole.
        is_meaningless: Whether its numbers say nothing; a note says why.
    """

    scoring: Scoring
    notes: tuple[str, ...]
    is_meaningless: bool = False


def score_folder(
    folder: Path,
    spec: TaskSpec,
    options: ScoringOptions,
    human_timing: Path | None,
    progress: Progress,
    dialogues: Mapping[str, Dialogue] = MappingProxyType({}),
) -> ScoredFolder:
    """Score a folder under the one protocol of ``options``.

    Args:
        dialogues: What was wanted of the model, by the sample's id, where the task's data says so.

    Raises:
        DataError: The folder is missing or holds no sample at all.
    """
    options.check_judge()
    found = read_fdb_folder(folder, spec.name, spec.behaviour, human_timing)
    tells_length = not set(options.protocols) & set(PUBLISHED)
    samples = [replace(sample, dialogue=dialogues.get(sample.id)) for sample in found.samples]
    cases = [_case(folder / sample.id, sample, spec.behaviour, tells_length) for sample in samples]
    cases += [Case(Sample(name, spec.name, {}), spec.behaviour, {MAIN: why}) for name, why in found.broken.items()]
    facts = TaskFacts(spec.family, spec.behaviour, spec.version, {"clock": "given", "placement": "given", "crop": "none"})
    judging, vitals = options.judging(user_cache() / "verdicts"), list[Vitals]()
    engines, workers = options.engines, options.workers
    heard = observed(hear_cases(cases, options.protocols, engines, None, workers, progress, asks=judging.asks), vitals)
    signatures = engines.signature_facts()
    (scoring,) = score_heard(heard, {spec.name: facts}, options.protocols, signatures, judging, options.human, progress)
    findings = findings_of(cases, vitals)
    notes = [*(line for _, line in found.notes), *notes_of(cases), *copies_among(cases), *scoring.notes]
    notes += [finding.line for finding in findings]
    notes += [f"{folder / name}: not a sample, left out" for name in found.stray]
    return ScoredFolder(scoring, tuple(notes), any(finding.is_grave for finding in findings))


def _case(folder: Path, sample: Sample, behaviour: str, tells_length: bool) -> Case:
    stimuli = BEHAVIOURS[behaviour].stimuli
    takes = {each: _take(FolderAudio(behaviour, folder, each), tells_length) for each in stimuli}
    if behaviour == DIALOGUE:
        return Case(sample, behaviour, takes, rating=partial(read_dialogue_verdict, folder / DIALOGUE_FILE))
    given = folder / (LABEL_FILE if len(stimuli) > 1 else RATING_FILE)
    return Case(sample, behaviour, takes, rating=partial(read_verdict, given))


def _take(audio: FolderAudio, tells_length: bool) -> RecordedTake | Absence:
    """A recording of the folder, or why it cannot be heard."""
    try:
        prompt_s = audio.duration_s("user")
    except DataError as error:  # without the prompt's length nobody knows where the published protocols would cut
        return Absence("audio_unreadable", error.what)
    recorded_s: float | None = None
    notes: tuple[str, ...] = ()
    output = audio.path("model")
    if audio.stimulus != MAIN and not output.exists() and not _knows_of(audio):
        return Absence("audio_missing", f"{output}: no such file")
    try:
        recorded = audio.load("model").audio if output.exists() else None
    except DataError as error:  # where nobody has to hear it, its numbers are those of what is given
        recorded, notes = None, (error.what,)
    if recorded is not None:
        recorded_s = recorded.duration_s
    if recorded is not None and prompt_s is None:
        notes = silence_notes(recorded)
    elif recorded is not None:
        evidence = examine(audio.load("user").audio, recorded)
        if evidence.fault is not None:
            return Absence("audio_unreadable", f"{output}: {evidence.fault.what}")
        notes = evidence.notes
    return RecordedTake(audio, prompt_s, recorded_s, tells_length=tells_length, notes=notes)


def _knows_of(audio: FolderAudio) -> bool:
    """Whether anything is given of a recording that is not there."""
    return any((audio.folder / file_of(audio.stimulus, name)).exists() for name in ("output.json", "output.vad.json"))


def folder_json(scoring: Scoring, spec: TaskSpec) -> dict[str, Any]:
    """What ``fdbench score DIR --json FILE`` writes."""
    return {
        "task": spec.name,
        "protocol": scoring.protocol,
        "metrics": {metric: summary.as_json() for metric, summary in scoring.summaries[spec.name].items()},
        "samples": [sample.as_json() for sample in scoring.samples],
    }
