"""What stands between the two sides of a call: named effects in each direction, and the truth untouched.

The condition ``clean`` is the empty one. The user says the same and the same things are asked about it under every condition;
only what the listener hears is another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from fdbench.core.take_id import CLEAN

EffectFacts: TypeAlias = Mapping[str, Any]
"""``effect`` names its kind; the other keys are its parameters."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition, by name.

    Attributes:
        name: As ``TakeId.condition`` writes it.
        version: Raised when what it does to sound changes.
        to_model: Effects on what the model hears, in their order.
        to_user: Effects on what the user's side hears.
        accounts_delay: Times are taken as the model heard the user: what the way there takes is no part of its latency.
        libraries: By library, the build that makes the effects; what they do differs from build to build.
        noise_folder: Where the user's own noise lies; what it holds is in the facts.
        ladder: Conditions of one kind that it is one of.
    """

    name: str = CLEAN
    version: int = 1
    to_model: tuple[EffectFacts, ...] = ()
    to_user: tuple[EffectFacts, ...] = ()
    accounts_delay: bool = False
    libraries: Mapping[str, str] = field(default_factory=dict)
    noise_folder: str = field(default="", compare=False)
    summary: str = field(default="", compare=False)
    ladder: str = field(default="", compare=False)

    @classmethod
    def of(cls, name: str, facts: Mapping[str, Any]) -> Condition:
        """The condition that a manifest records (``facts``)."""
        effects = tuple(facts.get("to_model", ())), tuple(facts.get("to_user", ()))
        return cls(name, facts.get("version", 1), *effects, facts.get("accounts_delay", False), facts.get("libraries", {}))

    @property
    def is_clean(self) -> bool:
        return not (self.to_model or self.to_user)

    @property
    def facts(self) -> dict[str, Any]:
        """Everything that determines what it does, for a manifest; nothing for ``clean``."""
        if self.is_clean:
            return {}
        facts: dict[str, Any] = {"version": self.version}
        facts |= {"to_model": [*map(dict, self.to_model)], "to_user": [*map(dict, self.to_user)]}
        # Conditions from before there were such things are what they were.
        facts |= {"accounts_delay": True} if self.accounts_delay else {}
        return facts | ({"libraries": dict(self.libraries)} if self.libraries else {})

    @property
    def needs_folder(self) -> bool:
        """Whether it is made of the user's own noise."""
        return any(facts.get("kind") == "folder" for facts in self.to_model)


NOTHING_BETWEEN: Final = Condition()
