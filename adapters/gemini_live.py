"""Gemini Live, on the official SDK, ``google-genai``.

::

    client   setup          |  40 ms 40 ms 40 ms ...
    server   setupComplete  |     modelTurn .. generationComplete .. turnComplete      modelTurn .. interrupted .. turnComplete

The server hears 16 kHz and speaks 24 kHz. It tells nothing before the first sound of a turn, so a recording has no time at
which a reply was decided; ``interrupted`` says that the user was heard while a reply went on: the server gives way, and what
was not played by then is dropped. Nothing has to be told of what was heard. Sound comes faster than it is played, and
``turnComplete`` waits for the playing, so a reply is over at ``generationComplete``.

The server never says what it made of the setup: of a setting that it does not take nothing is known. A turn that is over for
any other reason than its end (a filter, a rejection) is an error.

Keys travel in a header, over TLS only: the SDK knows no other way.

Written from the SDK's types (google-genai 3.6) and not yet run against the vendor.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any, ClassVar, Final

import numpy as np

from fdbench.adapter.base import Brief, Equipped, Need, Provenance
from fdbench.adapter.live import CallError, Closed, Incoming, Session, within
from fdbench.core.sound import Samples
from fdbench.errors import UsageError
from fdbench.io.http import published_name
from fdbench.io.secret import Secret

from .gemini_events import HEARS_HZ, SAYS_HZ, GeminiReader
from .realtime import PATIENCE_S, Account, check_texts, needs_of, port_of, versions
from .realtime_connection import CLOSE_S, Backoff, fault_of_code, opened, socket_options
from .realtime_conversation import round_trip_over
from .realtime_key import http_url
from .realtime_usage import Price

GOOGLE: Final = "https://generativelanguage.googleapis.com"
GEMINI_KEY: Final = "GEMINI_API_KEY"
PACKAGES: Final = ("google-genai", "websockets")
SENSITIVITIES: Final = ("default", "high", "low")
TOKENS_A_MINUTE: Final = 32 * 60
"""Of audio, either way, at most."""
BEGIN_S: Final = 10.0
_KEY_WORDS: Final = ("api key", "api_key", "permission", "unauthenticated", "not found", "billing")


class GeminiAccount(Account):
    """Where the server listens, and the key that it wants."""

    packages: ClassVar = PACKAGES
    extra: ClassVar = "gemini"
    what: ClassVar = "Gemini Live"

    def __init__(self, base_url: str, key_variable: str, api_version: str) -> None:
        self.api_version = api_version
        super().__init__(base_url, key_variable)

    def _client(self) -> Any:
        from google import genai

        if not self.url.startswith("https://"):
            raise UsageError("--arg base_url is not encrypted, and the SDK speaks TLS only", "use wss:// or https://")
        options = {"ssl": ssl.create_default_context(), **socket_options(self.url)}
        http: Any = {"base_url": self.url, "api_version": self.api_version, "async_client_args": options}
        return genai.Client(api_key=self.secret.reveal() or "unused", vertexai=False, http_options=http)


class GeminiSession:
    """A conversation over the SDK's session."""

    def __init__(self, manager: Any, session: Any, secret: Secret, reader: GeminiReader) -> None:
        self._manager, self._session, self._secret, self._reader = manager, session, secret, reader

    async def send(self, frame: Samples) -> None:
        from websockets.exceptions import ConnectionClosed

        pcm = np.rint(np.clip(frame, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()
        try:
            await self._session.send_realtime_input(audio={"data": pcm, "mime_type": f"audio/pcm;rate={HEARS_HZ}"})
        except ConnectionClosed as closed:
            code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd is not None else (1006, "")
            if code not in (1000, 1001):  # one that ended in good order is told by events()
                raise fault_of_end(code, reason, self._secret, self._when) from None

    async def events(self) -> AsyncIterator[Incoming]:
        from google.genai.errors import APIError

        clock = asyncio.get_running_loop().time
        while True:
            try:
                async for message in self._session.receive():  # which ends with each turn
                    for event in self._reader.read(message, clock()):
                        yield event
                    await asyncio.sleep(0)
            except APIError as error:
                code, reason = _close_of(error)
                if code in (1000, 1001) and not self._reader.is_busy:
                    yield Closed(self._secret.excerpt(reason))
                    return
                raise fault_of_end(code, reason, self._secret, self._when) from None
            except ValueError:
                raise CallError("protocol", "the server sent a message that the SDK cannot read") from None

    async def played(self, item: str, upto_s: float) -> None:
        """The server keeps count by itself."""

    async def round_trip_s(self) -> float | None:
        return await round_trip_over(getattr(self._session, "_ws", None))

    async def close(self) -> None:
        await hang_up(self._manager)

    @property
    def _when(self) -> str:
        return "in the middle of a reply" if self._reader.is_busy else "during the call"


class GeminiLive(Equipped):
    """Gemini Live.

    Args:
        model: As the server knows it.
        base_url: Where the server listens.
        api_version: ``v1beta`` in Google's description of the protocol; the SDK's own default is another.
        key_variable: Name of the environment variable that holds the key.
        voice: As the server knows it; None = its own default.
        instructions: What the model is told instead of the task's instructions.
        silence_ms, prefix_ms: Of the server's detector; None = its own.
        start_sensitivity, end_sensitivity: Of the server's detector: ``high``, ``low`` or ``default``.
        interrupt: Whether the server gives way when the user begins to speak.
        text: Whether the server writes down what the model says.
        transcription: Whether the server writes down what the user says.
        frame_ms: Of what is sent.
        price: USD per million tokens, ``IN,OUT``. With each turn the server counts what was said before it again.
        slots: Conversations at once.

    Raises:
        FdbenchError: A package or the key is missing, or an argument makes no sense.
    """

    ends_replies = True

    def __init__(
        self,
        model: str = "gemini-3.8-live",
        base_url: str = GOOGLE,
        api_version: str = "v1beta",
        key_variable: str = GEMINI_KEY,
        voice: str | None = None,
        instructions: str | None = None,
        silence_ms: int | None = None,
        prefix_ms: int | None = None,
        start_sensitivity: str = "default",
        end_sensitivity: str = "default",
        interrupt: bool = True,
        text: bool = True,
        transcription: bool = False,
        frame_ms: int = 40,
        price: str | None = None,
        slots: int = 8,
    ) -> None:
        check_texts(model=model, voice=voice, instructions=instructions)
        if not api_version.isalnum():
            raise UsageError("--arg api_version is no version", "v1beta is usual")
        for name, value in (("start_sensitivity", start_sensitivity), ("end_sensitivity", end_sensitivity)):
            if value not in SENSITIVITIES:
                raise UsageError(f"--arg {name}={value}: expected {', '.join(SENSITIVITIES)}", "default is the server's own")
        for name, given in (("silence_ms", silence_ms), ("prefix_ms", prefix_ms)):
            if given is not None and not 0 <= given <= 60_000:
                raise UsageError(f"--arg {name}={given}: expected 0 to 60000", "give milliseconds")
        self.hears, self.says, self.slots = port_of(HEARS_HZ, frame_ms), port_of(SAYS_HZ, frame_ms), slots
        detector = {
            "silence_duration_ms": silence_ms,
            "prefix_padding_ms": prefix_ms,
            "start_of_speech_sensitivity": _sensitivity("START", start_sensitivity),
            "end_of_speech_sensitivity": _sensitivity("END", end_sensitivity),
        }
        self._setup: dict[str, Any] = {
            "response_modalities": ["AUDIO"],
            "realtime_input_config": {
                "automatic_activity_detection": {name: value for name, value in detector.items() if value is not None},
                "activity_handling": "START_OF_ACTIVITY_INTERRUPTS" if interrupt else "NO_INTERRUPTION",
            },
        }
        if voice is not None:
            self._setup["speech_config"] = {"voice_config": {"prebuilt_voice_config": {"voice_name": voice}}}
        if text:
            self._setup["output_audio_transcription"] = {}
        if transcription:
            self._setup["input_audio_transcription"] = {}
        self._model, self._instructions, self._price = model, instructions, Price.parsed(price)
        self._account = GeminiAccount(base_url, key_variable, api_version)
        self._backoff = Backoff()

    async def open(self, brief: Brief) -> Session:
        await self._backoff.over(PATIENCE_S)
        secret = self._account.secret
        told = brief.instructions if self._instructions is None else self._instructions
        setup = {**self._setup, **({"system_instruction": told} if told else {})}
        manager = self._account.client.aio.live.connect(model=self._model, config=setup)
        try:
            session = await self._begun(manager)
        except CallError as fault:
            self._backoff.ask(fault.retry_after_s)
            await hang_up(manager)
            raise
        return GeminiSession(manager, session, secret, GeminiReader(secret, self._price))

    async def _begun(self, manager: Any) -> Any:
        """The SDK's session, which has been taken."""
        from google.genai.errors import APIError

        secret = self._account.secret
        try:
            session = await within(asyncio.ensure_future(opened(manager.__aenter__(), secret)), BEGIN_S)
        except asyncio.TimeoutError:
            fault = CallError("timeout", f"the server sent no setupComplete within {BEGIN_S:g} s", may_retry=True)
        except APIError as error:
            fault = fault_of_end(*_close_of(error), secret, "while the session was opened")
        except ValueError:
            fault = CallError("protocol", "the server sent a message that the SDK cannot read")
        else:
            if session.setup_complete is not None:
                return session
            fault = CallError("protocol", "the server began without setupComplete")
        raise fault from None

    def describe(self) -> Mapping[str, str]:
        return {**versions(PACKAGES), "server": published_name(self._account.url), "model": self._model}

    @classmethod
    def needs(cls, base_url: str = GOOGLE, key_variable: str = GEMINI_KEY, **_: Any) -> tuple[Need, ...]:
        return needs_of(base_url, key_variable, PACKAGES, "gemini")

    @classmethod
    def price_of(cls, minutes: float, price: str | None = None, **_: Any) -> float | None:
        """What so many minutes may cost, in USD: the user is heard throughout, and the model speaks half the time."""
        known = Price.parsed(price)
        if known is None:
            return None
        tokens = {"input_tokens": round(minutes * TOKENS_A_MINUTE), "output_tokens": round(minutes / 2 * TOKENS_A_MINUTE)}
        return known.of(tokens)

    @classmethod
    def provenance(cls, **arguments: Any) -> Provenance:
        check_texts(**{name: value for name, value in arguments.items() if isinstance(value, str)})
        left_out = ("base_url", "key_variable", "price", "slots")
        settled = {name: value for name, value in arguments.items() if name not in left_out}
        return Provenance({"server": published_name(http_url(str(arguments["base_url"]))), **settled})


async def hang_up(manager: Any) -> None:
    """Leave the SDK's context, whatever state it is in; never raises, never hangs."""
    with suppress(Exception):
        await within(asyncio.ensure_future(manager.__aexit__(None, None, None)), 2 * CLOSE_S)


def fault_of_end(code: int, reason: str, secret: Secret, when: str) -> CallError:
    """What it means that Google's server closed the connection; its reason says more than its code."""
    fault = fault_of_code(code, reason, secret, when)
    if any(word in reason.lower() for word in _KEY_WORDS):
        return CallError("refused", fault.message, is_fatal=True)
    if "quota" in reason.lower():
        return CallError("rate_limited", fault.message, may_retry=True)
    return fault


def _close_of(error: Any) -> tuple[int, str]:
    details = error.details if isinstance(error.details, str) else str(error.message or "")
    return (error.code if isinstance(error.code, int) else 1006), details


def _sensitivity(side: str, value: str) -> str | None:
    return None if value == "default" else f"{side}_SENSITIVITY_{value.upper()}"
