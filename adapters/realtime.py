"""GPT-Realtime and the servers that speak its protocol, on the official SDK.

::

    client   session.update |  20 ms 20 ms 20 ms ...                    truncate
    server                  updated |   speech_started .. stopped  created  delta delta .. done     speech_started

A conversation is one websocket. The server hears 20 ms frames at the pace of speech and decides by itself, with its
own voice activity detection, when to speak and when to give way; every setting of that is an argument, sent, and in the
run's id. What the events mean is in ``realtime_events``, what the errors mean in ``realtime_connection``.

Vendors differ in data: where they listen, the variable of their key, the rate of their input, the form of the session
(``dialect``), single fields of it (``session``, JSON that is laid over it; null takes a field out).
"""

from __future__ import annotations

import importlib.metadata
import json
import os
from collections.abc import Mapping
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from fdbench.adapter.base import Brief, Equipped, Need, Port, Provenance
from fdbench.adapter.live import CallError, Session
from fdbench.errors import MissingExtraError, UsageError
from fdbench.io.http import published_name
from fdbench.io.secret import looks_like_a_key

from .realtime_connection import Backoff, begin, dial, socket_options
from .realtime_conversation import LiveSession
from .realtime_events import RealtimeReader
from .realtime_key import http_url, is_local, query_of, read_key
from .realtime_session import SessionSettings, overlay_of
from .realtime_settings import SettingsCheck
from .realtime_usage import Price

OPENAI: Final = "https://api.openai.com/v1"
OPENAI_KEY: Final = "OPENAI_API_KEY"
PACKAGES: Final = ("openai", "websockets")
UNUSED_KEY: Final = "unused"
"""The SDK wants some text; a server without keys ignores it."""

AUDIO_TOKENS_IN, AUDIO_TOKENS_OUT = 600, 1200
"""Of a minute of audio, as OpenAI counts it: one for each 100 ms of the user and for each 50 ms of the model."""

BEGIN_S: Final = 10.0
PATIENCE_S: Final = 15.0
"""How long a conversation that may not begin yet keeps its place; the driver gives it 30 s altogether."""


class Account:
    """Where a server listens, and the key that it wants.

    The SDK's client and the certificates are loaded here and once: each takes longer than a frame, during which no
    conversation could speak.

    Raises:
        MissingExtraError: The SDK is not installed.
        UsageError: There is no key, it would travel in the clear, or an argument holds a secret.
    """

    packages: ClassVar[tuple[str, ...]] = PACKAGES
    extra: ClassVar = "realtime"
    what: ClassVar = "a Realtime server"

    def __init__(self, base_url: str, key_variable: str) -> None:
        for package in self.packages:
            if package not in versions(self.packages):
                raise MissingExtraError(package, self.extra, self.what)
        self.url = http_url(base_url)
        _check_variable(key_variable)
        self.secret = read_key(os.environ, key_variable)
        if not is_local(self.url):
            if not self.secret:
                raise UsageError(
                    f"{published_name(self.url)} needs a key: {key_variable} is not set", f"export {key_variable}=..."
                )
            if not self.url.startswith("https://"):
                raise UsageError(
                    f"the key would travel to {published_name(self.url)} readable by anybody", "use wss:// or https://"
                )
        self.client = self._client()
        self.socket_options = socket_options(self.url)

    def _client(self) -> Any:
        """The SDK's; its own retries are off, a call is tried again by the driver."""
        from openai import AsyncOpenAI

        client = AsyncOpenAI(api_key=self.secret.reveal() or UNUSED_KEY, base_url=self.url, max_retries=0)
        if urlsplit(self.url).hostname != urlsplit(OPENAI).hostname:
            client.organization = client.project = None  # read from the environment, and nobody else's business
        return client


class Realtime(Equipped):
    """A server of the Realtime protocol.

    Args:
        model: As the server knows it.
        base_url: Without ``/realtime``; ``ws``, ``wss``, ``http`` or ``https``.
        key_variable: Name of the environment variable that holds the key.
        voice: As the server knows it; None = its own default.
        instructions: What the model is told instead of the task's instructions.
        vad: Who decides that the user has begun or ended: ``server_vad``, ``semantic_vad``, ``none`` (the model itself), or
            ``default`` (nothing is said about it).
        threshold, silence_ms, prefix_ms: Of ``server_vad``.
        eagerness: Of ``semantic_vad``.
        interrupt: Whether the server gives way when the user begins to speak.
        flush: Whether a listener's client drops what it has not played by then; if not, it plays it to the end.
        transcription: Whether the server writes down what the user says; some are slower then.
        noise_reduction: ``near_field`` or ``far_field``; None = off.
        frame_ms: Of what is sent.
        input_hz, output_hz: Of the audio there and back.
        dialect: Form of the session: ``ga``, ``beta`` (OpenAI's older one) or ``flat`` (xAI's).
        session: JSON laid over the session, for a vendor's own fields; null takes a field out.
        query: Further query parameters, ``duplex=1``.
        awaits: Type of the message that says that the session was taken; empty where a server sends none.
        truncates: Whether the server is told how much of a reply was heard.
        reports: How the server calls the model, where that is not ``model``; empty = it is not compared.
        price: USD per million tokens, ``IN,OUT`` or ``IN,OUT,CACHED_IN``.
        speaks_first: Whether the server is asked for a reply before it has heard anything; a caller is.
        slots: Conversations at once.

    Raises:
        FdbenchError: A package or the key is missing, or an argument makes no sense.
    """

    takes_frames_together = True

    def __init__(
        self,
        model: str = "gpt-realtime",
        base_url: str = OPENAI,
        key_variable: str = OPENAI_KEY,
        voice: str | None = None,
        instructions: str | None = None,
        vad: str = "server_vad",
        threshold: float = 0.5,
        silence_ms: int = 500,
        prefix_ms: int = 300,
        eagerness: str = "auto",
        interrupt: bool = True,
        flush: bool = True,
        transcription: bool = False,
        noise_reduction: str | None = None,
        frame_ms: int = 20,
        input_hz: int = 24000,
        output_hz: int = 24000,
        dialect: str = "ga",
        session: str | None = None,
        query: str = "",
        awaits: str = "session.updated",
        truncates: bool = True,
        reports: str | None = None,
        price: str | None = None,
        speaks_first: bool = False,
        slots: int = 8,
    ) -> None:
        check_texts(model=model, voice=voice, instructions=instructions, session=session, awaits=awaits, reports=reports)
        self._settings = SessionSettings(
            vad, threshold, silence_ms, prefix_ms, eagerness, interrupt, transcription, noise_reduction, voice,
            input_hz, output_hz, dialect, overlay_of(session),
        )  # fmt: skip
        self.hears = port_of(input_hz, frame_ms)
        self.says = port_of(output_hz, frame_ms)
        self.slots = slots
        self._query, self._price = query_of(query), Price.parsed(price)
        self._account = Account(base_url, key_variable)
        self._model, self._instructions, self._flush = model, instructions, flush
        self._reports = model if reports is None else reports
        self._awaits, self._truncates, self._speaks_first = awaits, truncates, speaks_first
        self._backoff = Backoff()

    async def open(self, brief: Brief) -> Session:
        await self._backoff.over(PATIENCE_S)
        secret = self._account.secret
        headers = {"OpenAI-Beta": "realtime=v1"} if self._settings.dialect == "beta" else {}
        manager = self._account.client.realtime.connect(
            model=self._model,
            extra_query=self._query,
            extra_headers=headers,
            websocket_connection_options=self._account.socket_options,
        )
        told = brief.instructions if self._instructions is None else self._instructions
        session = self._settings.session(told)
        reader = RealtimeReader(
            secret,
            self._settings.output_hz,
            interrupts=self._settings.interrupt,
            flushes=self._flush,
            price=self._price,
            model=self._reports,
            truncates=self._truncates,
            settings=SettingsCheck(session, self._settings.input_hz, self._settings.output_hz, self._awaits, secret),
            on_limit=self._backoff.ask,
        )
        update = {"type": "session.update", "session": session}
        try:
            connection = await dial(manager, secret)
            opening = await begin(connection, reader, update, self._awaits, secret, BEGIN_S)
            if self._speaks_first:
                await connection.send_raw(json.dumps({"type": "response.create"}))
        except CallError as fault:
            self._backoff.ask(fault.retry_after_s)
            raise
        return LiveSession(connection, secret, reader, "input_audio_buffer.append", opening=opening)

    def describe(self) -> Mapping[str, str]:
        return {**versions(), "server": published_name(self._account.url), "model": self._model}

    @classmethod
    def needs(cls, base_url: str = OPENAI, key_variable: str = OPENAI_KEY, **_: Any) -> tuple[Need, ...]:
        return needs_of(base_url, key_variable)

    @classmethod
    def price_of(cls, minutes: float, price: str | None = None, **_: Any) -> float | None:
        """What so many minutes may cost, in USD: the user is heard throughout, and the model speaks half the time."""
        known = Price.parsed(price)
        if known is None:
            return None
        tokens_in, tokens_out = minutes * AUDIO_TOKENS_IN, minutes / 2 * AUDIO_TOKENS_OUT
        return known.of({"input_tokens": round(tokens_in), "output_tokens": round(tokens_out)})

    @classmethod
    def provenance(cls, **arguments: Any) -> Provenance:
        """Everything that a reply depends on; where the server is by its host, the key and what costs what not at all."""
        vad = arguments["vad"]
        pointless = {"threshold", "silence_ms", "prefix_ms"} if vad != "server_vad" else set()
        pointless |= {"eagerness"} if vad != "semantic_vad" else set()
        check_texts(**{name: value for name, value in arguments.items() if isinstance(value, str)})
        settled = {
            name: (None if name in pointless else value)
            for name, value in arguments.items()
            if name not in ("base_url", "key_variable", "price", "slots")
        }
        if not settled["speaks_first"]:
            del settled["speaks_first"]  # those that answer have the name that they had
        query_of(str(arguments["query"]))
        return Provenance({"server": published_name(http_url(str(arguments["base_url"]))), **settled})


def port_of(rate: int, frame_ms: int) -> Port:
    """A port of frames of whole samples.

    Raises:
        UsageError: There are none.
    """
    if not (8000 <= rate <= 48000 and 5 <= frame_ms <= 200 and rate * frame_ms % 1000 == 0):
        raise UsageError(
            f"frames of {frame_ms} ms at {rate} Hz: expected 5 to 200 ms of whole samples at 8000 to 48000 Hz",
            "20 ms at 24000 Hz is usual",
        )
    return Port(rate, rate * frame_ms // 1000)


def needs_of(
    base_url: str, key_variable: str, packages: tuple[str, ...] = PACKAGES, extra: str = "realtime"
) -> tuple[Need, ...]:
    """The packages, and the key by its variable's name."""
    found = versions(packages)
    needs = [Need(f"package {name}", name in found, found.get(name, f"pip install 'fdbench[{extra}]'")) for name in packages]
    if looks_like_a_key(key_variable) or not key_variable.isidentifier():
        return (*needs, Need("a key", False, "--arg key_variable is the name of an environment variable, never the key"))
    is_set = bool(os.environ.get(key_variable, "").strip())
    try:
        is_needed = not is_local(http_url(base_url))
    except UsageError:
        is_needed = True
    detail = "set" if is_set else f"export {key_variable}=..." if is_needed else "not set, and not needed on this machine"
    return (*needs, Need(f"key in {key_variable}", is_set or not is_needed, detail))


def versions(packages: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """Those of the packages that are here."""
    found = {}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _check_variable(key_variable: str) -> None:
    if looks_like_a_key(key_variable) or not key_variable.isidentifier():
        raise UsageError(
            "--arg key_variable is not the name of an environment variable",
            f"export {OPENAI_KEY}=... and name the variable here",
        )


def check_texts(**texts: str | None) -> None:
    """None of these may be stored if it is a key."""
    for name, text in texts.items():
        if text is not None and looks_like_a_key(text):
            raise UsageError(f"--arg {name} holds what looks like a key, which would be stored", "keys go into the environment")
    model = texts.get("model")
    if model is not None and (not model or not model.isprintable() or len(model) > 200):
        raise UsageError("--arg model is no model's name", "give it as the server knows it")
