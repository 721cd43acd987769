"""A task with its samples, as every source of data gives it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fdbench.core.absence import Absence
from fdbench.core.conversation import Reaction, Sample
from fdbench.errors import DataError
from fdbench.io.files import digest_of
from fdbench.task.fdb_layout import AUDIO_MISSING, natural_order

if TYPE_CHECKING:
    from fdbench.task.spec import TaskSpec


@dataclass(frozen=True, slots=True)
class LoadedTask:
    """A task with its samples.

    Attributes:
        samples: In natural order of ids; audio is not read yet.
        broken: Why samples cannot be used, by id, in the same order; they are counted as errors, never left out.
        digests: Hash of each sample's prompt and annotations, by id; None for a broken one.
        notes: A line for each thing that was left out: stray files, a transcription that cannot be read.
    """

    spec: TaskSpec
    samples: tuple[Sample, ...]
    broken: Mapping[str, Absence]
    digests: Mapping[str, str | None]
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Of all samples together."""
        return digest_of(dict(self.digests))

    def sample(self, sample_id: str) -> Sample | None:
        """The sample with this id; None where there is none that can be used."""
        return next((sample for sample in self.samples if sample.id == sample_id), None)


def loaded_task(
    spec: TaskSpec, samples: Iterable[Sample], broken: Mapping[str, Absence] | None = None, notes: Iterable[str] = ()
) -> LoadedTask:
    """Hash the samples and put everything in natural order of ids; a prompt that cannot be read is broken here."""
    usable, unusable = {}, dict(broken or {})
    digests: dict[str, str | None] = dict.fromkeys(unusable)
    for sample in samples:
        try:
            digests[sample.id] = digest_of_sample(sample, spec.instructions)
            usable[sample.id] = sample
        except DataError as error:
            digests[sample.id] = None
            unusable[sample.id] = Absence(AUDIO_MISSING, error.what)
    ids = sorted(digests, key=natural_order)
    return LoadedTask(
        spec=spec,
        samples=tuple(usable[name] for name in ids if name in usable),
        broken={name: unusable[name] for name in ids if name in unusable},
        digests={name: digests[name] for name in ids},
        notes=tuple(notes),
    )


def digest_of_sample(sample: Sample, instructions: str) -> str:
    """Hash of everything that determines a call with the sample and its scores.

    Raises:
        DataError: The prompt's file cannot be read.
    """
    return digest_of([instructions, _facts(sample)])


def _facts(sample: Sample) -> dict[str, Any]:
    words = sample.transcript.words if sample.transcript else ()
    facts: dict[str, Any] = {} if sample.dialogue is None else {"dialogue": sample.dialogue.digest}
    return {
        **facts,
        "id": sample.id,
        "stimuli": {name: stimulus.digest for name, stimulus in sample.stimuli.items()},
        "events": [[event.kind, event.span.start_s, event.span.end_s, event.text] for event in sample.events],
        "words": [[word.text, word.start_s, word.end_s] for word in words],
        "human_timing": list(sample.human_timing),
        **({} if sample.reaction is None else {"reaction": _reaction(sample.reaction)}),
    }


def _reaction(reaction: Reaction) -> list[Any]:
    return [reaction.kind, reaction.stimulus.digest, reaction.after_onset_s, reaction.text]
