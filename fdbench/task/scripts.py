"""Tasks whose prompts are scripts: utterances with known words, at integer samples (the embedded suite)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fdbench.core.conversation import Reaction, Sample
from fdbench.core.event import OVERLAP, Event
from fdbench.core.span import Span
from fdbench.core.speech import Transcript, Word
from fdbench.core.take_id import MAIN
from fdbench.errors import DataError
from fdbench.io.files import read_json
from fdbench.task.spec import ScriptSource, Sha256, TaskSpec
from fdbench.task.stimulus import SCRIPT_RATE_HZ, Placement, ScriptStimulus, read_pinned

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Index = Annotated[int, Field(ge=0)]


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BankUtterance(_Written):
    """One FLAC file: what is said in it, and when, from its first sample."""

    voice: str
    text: str
    sample_rate: Literal[16000]
    n_samples: int = Field(ge=1)
    sha256: Sha256
    words: list[tuple[str, Seconds, Seconds]]


class Bank(_Written):
    """``utterances.json``."""

    schema_: Literal[1] = Field(alias="schema")
    utterances: dict[str, BankUtterance]


class PlacedUtterance(_Written):
    """An utterance and its first sample, at 16 kHz; of a pair, whether its clean twin has it, too."""

    utterance: str
    start: Index
    in_twin: bool = True


class ScriptedReaction(_Written):
    """An utterance that is said so long after the model began to speak."""

    utterance: str
    after_onset_s: Seconds


class ScriptedEvent(_Written):
    """An annotation."""

    kind: Literal["pause", "turn_end", "context", "interruption", "overlap"]
    start_s: Seconds
    end_s: Seconds
    text: str


class ScriptedClip(_Written):
    """One prompt. ``n_samples`` counts at 16 kHz, ``sample_rate`` is that of the prompt when loaded."""

    id: str
    sample_rate: int = Field(ge=8000)
    n_samples: int = Field(ge=1)
    script: list[PlacedUtterance] = Field(min_length=1)
    events: list[ScriptedEvent]
    human_timing: list[Seconds] = []
    probe: ScriptedReaction | None = None


class Clips(_Written):
    """``<task>.json``."""

    schema_: Literal[1] = Field(alias="schema")
    task: str
    clips: list[ScriptedClip]


_Model = TypeVar("_Model", bound=_Written)


def read_scripts(spec: TaskSpec, source: ScriptSource, folder: Path) -> tuple[Sample, ...]:
    """The samples of a task of scripts; no audio is read.

    Args:
        spec: Of the task.
        source: Its source.
        folder: Where the source's files lie, and a folder with the audio, called as the file that names the utterances.

    Raises:
        DataError: A file is missing, is not the one that its pin names, or contradicts itself.
    """
    for name, expected in source.sha256.items():
        read_pinned(folder / name, expected, "reinstall fdbench")
    bank = _read(Bank, folder / source.utterances).utterances
    clips_path = folder / source.clips
    clips = _read(Clips, clips_path)
    if clips.task != spec.name:
        raise DataError(f"{clips_path}: expected the clips of {spec.name}, found those of {clips.task}")
    ids = [clip.id for clip in clips.clips]
    if len(set(ids)) != len(ids) or len(ids) != source.n:
        raise DataError(f"{clips_path}: expected {source.n} clips with different ids, found {len(ids)} with {len(set(ids))}")
    return tuple(
        _sample(spec, clip, bank, folder / Path(source.utterances).stem, f"{clips_path}: {clip.id}") for clip in clips.clips
    )


def _read(model: type[_Model], path: Path) -> _Model:
    try:
        return model.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise DataError(f"{path}: {key}: {first['msg']}", "write it with tools/make_mini.py") from None


def _sample(spec: TaskSpec, clip: ScriptedClip, bank: dict[str, BankUtterance], audio: Path, where: str) -> Sample:
    placements: dict[str, list[Placement]] = {stimulus: [] for stimulus in spec.stimuli}
    words = []
    for placed in clip.script:
        utterance = bank.get(placed.utterance)
        if utterance is None:
            raise DataError(f"{where}: no utterance '{placed.utterance}' in the bank")
        if placed.start + utterance.n_samples > clip.n_samples:
            raise DataError(f"{where}: '{placed.utterance}' ends after the clip's {clip.n_samples} samples")
        for stimulus in spec.stimuli if placed.in_twin else (MAIN,):
            placements[stimulus].append(Placement(audio / f"{placed.utterance}.flac", utterance.sha256, placed.start))
        shift_s = placed.start / SCRIPT_RATE_HZ
        words += [Word(text, start_s, end_s).shifted(shift_s) for text, start_s, end_s in utterance.words]
    for event in clip.events:
        if not event.start_s <= event.end_s <= clip.n_samples / SCRIPT_RATE_HZ:
            raise DataError(f"{where}: the {event.kind} from {event.start_s} to {event.end_s} s does not lie in the clip")
    return Sample(
        id=clip.id,
        task=spec.name,
        stimuli={
            stimulus: ScriptStimulus(tuple(placed), clip.n_samples, clip.sample_rate) for stimulus, placed in placements.items()
        },
        events=tuple(Event(event.kind, Span(event.start_s, event.end_s), event.text) for event in clip.events),
        transcript=Transcript(tuple(words), engine="script"),
        human_timing=tuple(clip.human_timing),
        instructions=spec.instructions,
        reaction=None if clip.probe is None else _reaction(clip.probe, clip.sample_rate, bank, audio, where),
    )


def _reaction(probe: ScriptedReaction, sample_rate: int, bank: dict[str, BankUtterance], audio: Path, where: str) -> Reaction:
    utterance = bank.get(probe.utterance)
    if utterance is None:
        raise DataError(f"{where}: no utterance '{probe.utterance}' in the bank")
    said = ScriptStimulus(
        (Placement(audio / f"{probe.utterance}.flac", utterance.sha256, 0),), utterance.n_samples, sample_rate
    )
    return Reaction(OVERLAP, said, probe.after_onset_s, utterance.text)
