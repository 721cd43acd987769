"""What our prompts have in common: a versioned file with the task and a form, into which a record of evidence is put."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from fdbench.io.files import digest_of
from fdbench.judge.prompt import Messages, wording_of
from fdbench.judge.record import MAX_TEXT_CHARS, fenced


@dataclass(frozen=True, slots=True)
class OwnWording:
    """One version of our wording of one kind of question.

    Attributes:
        system: The whole task; the same for every question.
        user: With ``{token}`` and ``{record}``.
        schema: Of the answers.
    """

    name: str
    sha256: str
    system: str
    user: str
    schema: Mapping[str, Any] | None
    first_seed: int = 0
    temperature: None = None

    def with_record(self, record: Mapping[str, str]) -> Messages:
        """What is sent about one reply."""
        user, notes = fenced(self.user, record)
        return Messages(self.system, user, notes)


Wording = TypeVar("Wording", bound=OwnWording)


def read_wording(
    kind: type[Wording], name: str, version: int, schema: Mapping[str, Any], rules: Sequence[object] = ()
) -> Wording:
    """Our prompt of one version, from ``prompts/NAME.VERSION.md``.

    Args:
        rules: What else decides what is sent; all of it is in the hash.

    Raises:
        DataError: The package lacks its file.
    """
    text, system, user = wording_of(f"{name}.{version}.md")
    return kind(f"{name}-{version}", digest_of([text, schema, MAX_TEXT_CHARS, *rules]), system, user, schema)
