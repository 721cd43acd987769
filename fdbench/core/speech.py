"""What was said, and when."""

from __future__ import annotations

from dataclasses import dataclass

from fdbench.core.absence import Absence
from fdbench.core.span import Span


@dataclass(frozen=True, slots=True)
class Word:
    """A recognised word.

    Times are nullable because transcripts made elsewhere have words without them (CrisperWhisper leaves
    the last end open) and the published scripts give such words a meaning. ``span`` is for those who need both.
    """

    text: str
    start_s: float | None
    end_s: float | None

    @property
    def span(self) -> Span | None:
        """Both times in order, or None."""
        if self.start_s is None or self.end_s is None or self.end_s < self.start_s:
            return None
        return Span(self.start_s, self.end_s)

    def shifted(self, by_s: float) -> Word:
        return Word(
            self.text,
            None if self.start_s is None else self.start_s + by_s,
            None if self.end_s is None else self.end_s + by_s,
        )


@dataclass(frozen=True, slots=True)
class Transcript:
    """Words in the recogniser's order.

    Attributes:
        words: In the order the engine gave them; not necessarily sorted when read from a file.
        engine: Signature of the recogniser, e.g. ``whisper-small.en@20250625`` or ``given``.
        dropped: Words removed because no sound lies under them (hallucinated on silence).
        believed: What the ``fdbench`` protocol takes for the words, or why it takes nothing (``core.plausible``); None = the
            words as they are.
        written: The whole as the recogniser wrote it, where a file says so; the published judge reads this.
    """

    words: tuple[Word, ...]
    engine: str
    dropped: int = 0
    written: str | None = None
    believed: tuple[Word, ...] | Absence | None = None

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words) if self.written is None else self.written
