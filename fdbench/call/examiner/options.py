"""Which examiner is asked for, and what of it is part of a run's name and of its numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from fdbench.adapter import load
from fdbench.audio.vad import vad_signature
from fdbench.call.examiner.caller import PACE_ARGUMENTS
from fdbench.call.examiner.moves import wording_signature
from fdbench.call.examiner.pace import PACES, SLOW
from fdbench.call.examiner.part import caller_signature
from fdbench.call.examiner.party import DEFAULT_ASR, DEFAULT_DURATION_S, VERSION
from fdbench.call.examiner.thinker import EXAMINER
from fdbench.call.examiner.voice import ShippedVoice, TtsVoice, Voice
from fdbench.errors import UsageError, unknown_name
from fdbench.hear.engines import asr_signature
from fdbench.io.files import digest_of
from fdbench.judge.providers import JudgeSettings, price_of, settings_of
from fdbench.task.loaded import LoadedTask

SCRIPTED, LLM, REALTIME = "scripted", "llm", "realtime"
KINDS: Final = (SCRIPTED, f"{LLM}:PROVIDER:MODEL", f"{REALTIME}:NAME")
MOST_THINKS_S: Final = 60.0
_NAMED: Final = ("kind", "pace", "duration_s", "gate_candidate")

Named = dict[str, str | bool | int | float | None]


def voice_of(*, ships: bool) -> Voice:
    """Who says the lines of a task: shipped clips where it ships, else a TTS. Raises MissingExtraError."""
    return ShippedVoice() if ships else TtsVoice()


@dataclass(frozen=True, slots=True)
class LlmArguments:
    """``--examiner-arg`` of a language model.

    Attributes:
        url: Instead of the provider's own endpoint.
        thinks_s: How long a decision takes on the call's clock, at least; None = virtual time stands still, and on the wall
            clock it takes as long as it takes.
        temperature, seed: Sent with every question; each call's own seed is added to the latter.
        timeout_s: The longest silence of the server during one request.
        price: USD per million tokens, ``IN,OUT``.
    """

    url: str | None = None
    thinks_s: float | None = None
    temperature: float = 0.0
    seed: int = 0
    timeout_s: float = 20.0
    price: str | None = None


@dataclass(frozen=True, slots=True)
class ExaminerOptions:
    """What ``--examiner`` and its neighbours say.

    Attributes:
        kind: ``scripted``, ``llm:PROVIDER:MODEL``, or ``realtime:NAME``, a name of ``fdbench list models``.
        pace: ``slow`` or ``fast``; empty = slow, where the task does not say.
        duration_s: After so long the examiner says nothing more.
        gate_candidate: Whether the model is not heard while the examiner speaks.
        arguments: Further settings of the examiner, as typed.
    """

    kind: str = SCRIPTED
    pace: str = ""
    duration_s: float = DEFAULT_DURATION_S
    gate_candidate: bool = False
    arguments: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self._who not in (SCRIPTED, LLM, REALTIME) or (self._who == SCRIPTED) != (not self._which):
            raise unknown_name("examiner", self.kind, KINDS)
        if self.pace and self.pace not in PACES:
            raise unknown_name("pace", self.pace, PACES)
        if not 0 < self.duration_s <= 3600:
            raise UsageError(f"--duration {self.duration_s:g}: expected more than 0 and at most 3600 s", "60 is the default")
        if self._who == LLM:
            self.settings()
        elif self._who == REALTIME:
            for pace in PACES:
                self.server(pace)
            if self.gate_candidate:
                what = f"--gate-candidate: the server of --examiner {self.kind} hears what it is sent"
                raise UsageError(what, "leave it out, or take another examiner")
        elif self.arguments:
            what = f"--examiner-arg {next(iter(self.arguments))}: the scripted examiner has no further settings"
            raise UsageError(what, f"leave it out, or take {' or '.join(KINDS[1:])}")

    @property
    def _who(self) -> str:
        return self.kind.partition(":")[0]

    @property
    def _which(self) -> str:
        return self.kind.partition(":")[2]

    @property
    def is_scripted(self) -> bool:
        return self._who == SCRIPTED

    @property
    def is_llm(self) -> bool:
        return self._who == LLM

    @property
    def is_live(self) -> bool:
        """Whether the examiner lives on the wall clock, and with it every call that it takes part in."""
        return self._who == REALTIME

    # A language model

    def llm_arguments(self) -> LlmArguments:
        """Raises UsageError where one is unknown or makes no sense."""
        try:
            settled = LlmArguments(**load.settle_arguments(LlmArguments, self.kind, LLM, self.arguments, {}))
        except UsageError as error:
            raise _as_examiners(error) from None
        if settled.thinks_s is not None and not 0 <= settled.thinks_s <= MOST_THINKS_S:
            what = f"--examiner-arg thinks_s={settled.thinks_s:g}: expected 0 to {MOST_THINKS_S:g} s"
            raise UsageError(what, "leave it out for none")
        return settled

    def settings(self) -> JudgeSettings:
        """How the language model is asked. Raises UsageError."""
        given = self.llm_arguments()
        return settings_of(
            self._which,
            url=given.url,
            asked_as=EXAMINER,
            temperature=given.temperature,
            seed=given.seed,
            timeout_s=given.timeout_s,
            max_attempts=3,
            price=price_of(given.price, "--examiner-arg price="),
        )

    # A server

    def server(self, pace: str) -> load.Adapter:
        """The server that calls, at a pace, with its arguments settled and nothing loaded. Raises FdbenchError."""
        spec = load.find_model(self._which)
        given = {"speaks_first": "true", **PACE_ARGUMENTS[pace], **self.arguments}
        try:
            return load.resolve(spec, given)
        except UsageError as error:
            if "--arg speaks_first" in error.what:
                what = f"--examiner {self.kind}: {spec.name} is no server of the Realtime protocol"
                raise UsageError(what, "name one that is, such as gpt-realtime") from None
            raise _as_examiners(error) from None

    # What a run is named by, and what it costs

    @property
    def as_named(self) -> Named:
        """What is part of a run's name: what is not the default, so that runs without dialogues have the names they had."""
        default = ExaminerOptions()
        named: Named = {name: getattr(self, name) for name in _NAMED if getattr(self, name) != getattr(default, name)}
        return {**named, **self._own_facts(self.pace_of(""))}

    def _own_facts(self, pace: str) -> dict[str, str]:
        """What determines what this examiner says, beside what all have; nothing of the scripted one."""
        if self.is_llm:
            asked, given = self.settings().asked, self.llm_arguments()
            return {
                "server": asked.server,
                "prompt": wording_signature(),
                "temperature": f"{asked.temperature:g}",
                "model_seed": str(asked.seed),
                "thinks": "not charged" if given.thinks_s is None else f"{given.thinks_s:g} s",
            }
        if self.is_live:
            server = self.server(pace)
            arguments = json.dumps(dict(server.provenance().arguments), sort_keys=True)
            return {"prompt": caller_signature(), "adapter": server.identity, "arguments": arguments}
        return {}

    def price_of(self, minutes: float) -> float | None:
        """What so many minutes may cost, beside what the model does; None where nobody knows.

        What a language model costs is not known before it has been asked: it counts as it is spent.
        """
        if self.is_llm:
            return None if self.settings().price is None else 0.0
        return self.server(self.pace_of("")).price_of(minutes) if self.is_live else 0.0

    def pace_of(self, task_pace: str) -> str:
        """The pace of a dialogue: its task's own, where that says one."""
        return task_pace or self.pace or SLOW.name

    def ships_voice(self, *, task_ships: bool) -> bool:
        """Whether there are clips of all that may be said; nobody knows beforehand what a language model says."""
        return task_ships and self.is_scripted

    def facts_of(self, task: LoadedTask) -> Mapping[str, str]:
        """What determines how a model is examined in a task, beside its dialogues and the seed.

        Raises:
            MissingExtraError: The task's lines need a TTS that is not installed.
        """
        dialogue = next((sample.dialogue for sample in task.samples if sample.dialogue is not None), None)
        needs_tts = not self.is_live and not self.ships_voice(task_ships=task.spec.ships)
        return self.facts(dialogue.pace if dialogue else "", voice_of(ships=False).signature if needs_tts else "")

    def facts(self, task_pace: str = "", voice: str = "") -> Mapping[str, str]:
        """What determines how a model is examined in a task, beside its dialogues and the seed.

        Args:
            voice: Signature of who speaks; empty = the shipped clips.
        """
        pace = self.pace_of(task_pace)
        common = {"examiner": f"{self.kind}:{VERSION}", "pace": pace, "duration_s": f"{self.duration_s:g}"}
        own = {f"examiner_{name}": value for name, value in self._own_facts(pace).items()}
        if self.is_live:
            return {**common, **own, "examiner_arguments": digest_of([own["examiner_arguments"]])[:10]}
        return {
            **common,
            "gate_candidate": str(self.gate_candidate).lower(),
            "voice": voice or ShippedVoice().signature,
            "examiner_asr": asr_signature(DEFAULT_ASR),
            "examiner_vad": vad_signature(),
            **own,
        }


def _as_examiners(error: UsageError) -> UsageError:
    """An error of settling arguments, in the words of this option."""
    return UsageError(*(text.replace("--arg ", "--examiner-arg ") for text in (error.what, error.remedy)))
