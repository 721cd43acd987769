"""What Gemini Live says, as events of a live party.

::

    modelTurn, inlineData      Delta(turn)               16 bit PCM, its rate in its MIME type
    outputTranscription        Text(turn)
    interrupted                Decided(yield, turn), Flush(turn)
    generationComplete         Done(turn)
    turnComplete               Done(turn), if it was not yet; another turn begins. For a reason that is no end: CallError
    usageMetadata              Usage                     each adds up: a cost is never more than this
    goAway                     a note; the connection is closed a little later

Nothing is told before a turn's first sound, so nothing is ``Decided`` to be spoken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fdbench.adapter.live import CallError, Decided, Delta, Done, Flush, Incoming, Note, Text, Usage
from fdbench.io.secret import Secret

from .realtime_events import samples_of
from .realtime_settings import SettingsCheck
from .realtime_usage import MAX_COUNT, Price

HEARS_HZ, SAYS_HZ = 16000, 24000
WHOLE: Final = frozenset({"", "TURN_COMPLETE_REASON_UNSPECIFIED", "NEED_MORE_INPUT"})
"""Reasons for which a turn is over that leave it whole; with ``NEED_MORE_INPUT`` the model goes on listening."""
_COUNTS: Final = {
    "prompt_token_count": "input_tokens", "cached_content_token_count": "input_cached_tokens",
    "total_token_count": "total_tokens",
}  # fmt: skip


class GeminiReader:
    """One conversation's events."""

    def __init__(self, secret: Secret, price: Price | None = None) -> None:
        self._secret, self._price = secret, price
        self._settings = SettingsCheck({}, HEARS_HZ, SAYS_HZ, "", secret, {})
        self._checked: set[str] = set()
        self._n_turns = 0
        self._has_begun = self._is_done = self._has_yielded = False
        self._is_audible = self._has_words = False
        self._carry = b""
        self._queue_ends_s = float("-inf")
        self._last = ""

    @property
    def is_busy(self) -> bool:
        return self._has_begun and not self._is_done

    @property
    def _item(self) -> str:
        return f"turn-{self._n_turns + 1}"

    def read(self, message: Any, now_s: float) -> Iterator[Incoming]:
        """What one message of the SDK's means.

        Raises:
            CallError: The conversation cannot go on after what was yielded.
        """
        if message.usage_metadata is not None:
            yield self._usage(message.usage_metadata)
        if message.go_away is not None:
            yield Note("go_away", {"time_left": self._secret.excerpt(str(message.go_away.time_left or ""))})
        if message.tool_call is not None:
            yield Note("tool_call", {})
        if message.server_content is not None:
            yield from self._content(message.server_content, now_s)

    def _content(self, content: Any, now_s: float) -> Iterator[Incoming]:
        parts = content.model_turn.parts if content.model_turn is not None else None
        for part in parts or ():
            yield from self._part(part, now_s)
        said, heard = content.output_transcription, content.input_transcription
        if said is not None and said.text:
            yield Text(self._secret.redacted(said.text), self._item)
        if heard is not None and heard.text:
            yield Note("user_text", {"text": self._secret.redacted(heard.text)[:2000]})
        if content.interrupted:
            yield from self._interrupted(now_s)
        if content.generation_complete:
            yield from self._done()
        if content.turn_complete:
            yield from self._turn_is_over(str(getattr(content.turn_complete_reason, "value", "") or ""))

    def _part(self, part: Any, now_s: float) -> Iterator[Incoming]:
        blob = part.inline_data
        if blob is not None and blob.data:
            self._check(str(blob.mime_type or ""))
            self._has_begun = True
            pcm = self._carry + blob.data
            whole = len(pcm) & ~1
            self._carry = pcm[whole:]
            if whole:
                audio = samples_of(pcm[:whole])
                self._is_audible = self._is_audible or bool(audio.any())
                if not self._has_yielded:
                    self._queue_ends_s = max(now_s, self._queue_ends_s) + whole / 2 / SAYS_HZ
                yield Delta(self._item, audio)
        elif part.text and not part.thought:
            self._has_words = True
            yield Text(self._secret.redacted(part.text), self._item)

    def _check(self, mime_type: str) -> None:
        if mime_type not in self._checked:
            self._settings.read_output({"output_audio_format": mime_type})
            self._checked.add(mime_type)

    def _interrupted(self, now_s: float) -> Iterator[Incoming]:
        """Of the turn that goes on, or of the last one where that is still to be heard."""
        item = self._item if self._has_begun else self._last if self._queue_ends_s > now_s else ""
        if not item:
            yield Note("interrupted", {})
        elif not (self._has_begun and self._has_yielded):
            self._has_yielded = self._has_begun
            self._queue_ends_s = min(self._queue_ends_s, now_s)
            yield Decided("yield", item)
            yield Flush(item)

    def _done(self) -> Iterator[Incoming]:
        if self._has_begun and not self._is_done:
            self._is_done = True
            yield Done(self._item)

    def _turn_is_over(self, reason: str) -> Iterator[Incoming]:
        yield from self._done()
        has_words_only = self._has_words and not self._has_begun
        is_of_zeros = self._has_begun and not (self._is_audible or self._has_yielded)
        if self._has_begun:
            self._last = self._item
        self._n_turns += 1
        self._has_begun = self._is_done = self._has_yielded = self._is_audible = self._has_words = False
        self._carry = b""
        if reason not in WHOLE:
            raise CallError("incomplete", f"the server gave its turn up: {self._secret.excerpt(reason)}")
        if has_words_only:
            raise CallError("settings", "the server replied in text, without sound")
        if is_of_zeros:
            raise CallError("silent", "all samples of the server's reply are zero")

    def _usage(self, usage: Any) -> Usage:
        counts = {name: getattr(usage, field, None) for field, name in _COUNTS.items()}
        said = [usage.response_token_count, usage.thoughts_token_count]
        if any(value is not None for value in said):
            counts["output_tokens"] = sum(value for value in said if value)
        for side, details in (("input", usage.prompt_tokens_details), ("output", usage.response_tokens_details)):
            for each in details or ():
                counts[f"{side}_{str(getattr(each.modality, 'value', each.modality)).lower()[:40]}_tokens"] = each.token_count
        known = {name: value for name, value in counts.items() if isinstance(value, int) and 0 <= value <= MAX_COUNT}
        return Usage(known, None if self._price is None else self._price.of(known))
