"""Which examiner is asked for, and what of it is part of a run's name and of its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fdbench.audio.vad import vad_signature
from fdbench.call.examiner.pace import PACES, SLOW
from fdbench.call.examiner.party import DEFAULT_ASR, DEFAULT_DURATION_S, VERSION
from fdbench.call.examiner.voice import ShippedVoice, TtsVoice, Voice
from fdbench.errors import UsageError, unknown_name
from fdbench.hear.engines import asr_signature
from fdbench.task.loaded import LoadedTask

SCRIPTED: Final = "scripted"


def voice_of(*, ships: bool) -> Voice:
    """Who says the lines of a task: shipped clips where it ships, else a TTS. Raises MissingExtraError."""
    return ShippedVoice() if ships else TtsVoice()


@dataclass(frozen=True, slots=True)
class ExaminerOptions:
    """What ``--examiner`` and its neighbours say.

    Attributes:
        kind: ``scripted``.
        pace: ``slow`` or ``fast``; empty = slow, where the task does not say.
        duration_s: After so long the examiner says nothing more.
        gate_candidate: Whether the model is not heard while the examiner speaks.
    """

    kind: str = SCRIPTED
    pace: str = ""
    duration_s: float = DEFAULT_DURATION_S
    gate_candidate: bool = False

    def __post_init__(self) -> None:
        if self.kind != SCRIPTED:
            raise unknown_name("examiner", self.kind, (SCRIPTED,))
        if self.pace and self.pace not in PACES:
            raise unknown_name("pace", self.pace, PACES)
        if not 0 < self.duration_s <= 3600:
            raise UsageError(f"--duration {self.duration_s:g}: expected more than 0 and at most 3600 s", "60 is the default")

    @classmethod
    def named(cls, facts: Mapping[str, Any]) -> ExaminerOptions:
        """The options that a run's name is made from."""
        return cls(**facts)

    @property
    def as_named(self) -> dict[str, str | bool | int | float | None]:
        """What is part of a run's name: what is not the default, so that runs without dialogues have the names they had."""
        default = ExaminerOptions()
        return {
            name: getattr(self, name)
            for name in ("kind", "pace", "duration_s", "gate_candidate")
            if getattr(self, name) != getattr(default, name)
        }

    def pace_of(self, task_pace: str) -> str:
        """The pace of a dialogue: its task's own, where that says one."""
        return task_pace or self.pace or SLOW.name

    def facts_of(self, task: LoadedTask) -> Mapping[str, str]:
        """What determines how a model is examined in a task, beside its dialogues and the seed.

        Raises:
            MissingExtraError: The task's lines need a TTS that is not installed.
        """
        dialogue = next((sample.dialogue for sample in task.samples if sample.dialogue is not None), None)
        return self.facts(dialogue.pace if dialogue else "", "" if task.spec.ships else voice_of(ships=False).signature)

    def facts(self, task_pace: str = "", voice: str = "") -> Mapping[str, str]:
        """What determines how a model is examined in a task, beside its dialogues and the seed.

        Args:
            voice: Signature of who speaks; empty = the shipped clips.
        """
        return {
            "examiner": f"{self.kind}:{VERSION}",
            "pace": self.pace_of(task_pace),
            "duration_s": f"{self.duration_s:g}",
            "gate_candidate": str(self.gate_candidate).lower(),
            "voice": voice or ShippedVoice().signature,
            "examiner_asr": asr_signature(DEFAULT_ASR),
            "examiner_vad": vad_signature(),
        }
