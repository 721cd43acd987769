"""The second stage: hears a recording and answers exactly what the scorers asked.

::

    recording      ---lead-in---|0====================================|
    request.span                 |...........|==================|          None: from 0 to the end
    detector                                 |..|=====|..|===|..|          hears the span alone
    recogniser                               | [=======] [=====]|          hears the speech in it alone
    answer                       times on the prompt's timeline, not the span's

A word without sound under it is dropped and counted. What cannot be answered is a reason with a message, never an exception.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

from fdbench.audio.levels import has_energy_under, levels_from_start, speech_level_dbfs
from fdbench.audio.segments import VAD_RATE
from fdbench.audio.vad import VadModel, detect_speech, load_vad_model
from fdbench.audio.vad_webrtc import detect_by_webrtc
from fdbench.core.absence import Absence
from fdbench.core.annotation import (
    PRECISE_VAD,
    VOICE_VAD,
    Annotations,
    Channel,
    DetectedSpeech,
    LevelsRequest,
    Prosody,
    ProsodyRequest,
    Request,
    SpeechRequest,
    WordsRequest,
)
from fdbench.core.sound import Audio, Track
from fdbench.core.span import Span
from fdbench.core.speech import Transcript, Word
from fdbench.errors import DataError
from fdbench.hear.believed import believe_recognised, believe_segments, believe_words, words_beside_speech
from fdbench.hear.cache import AnnotationCache, known_or_heard
from fdbench.hear.engines import (
    GIVEN,
    NONE,
    SILERO,
    WEBRTC,
    AsrEngine,
    asr_signature,
    asr_weights,
    load_asr,
    prepare_asr,
    vad_signature,
    vad_weights,
)
from fdbench.hear.given import read_segments, read_transcript, segments_path, transcript_path
from fdbench.hear.prosody import hear_prosody, prosody_signature, why_unmeasured, words_to_split
from fdbench.hear.rules import VERSION
from fdbench.hear.unanswered import UnansweredError


@dataclass(frozen=True, slots=True)
class Engines:
    """Who hears.

    Attributes:
        asr: ``faster-whisper[:MODEL]``, ``whisper[:MODEL]``, ``sphinx``, ``given`` or ``none``.
        vad: ``silero``, ``webrtc`` or ``given``; where a recogniser listens is always Silero's, and so is the user's speech
            where none is given.
    """

    asr: str
    vad: str = SILERO

    def signature_facts(self) -> dict[str, str]:
        """The part of a score's signature that hearing has; raises as ``prepare``."""
        return {"asr": asr_signature(self.asr), "vad": vad_signature(self.vad), "hear": str(VERSION)}

    def weights(self) -> dict[str, str]:
        """SHA-256 of what each has learnt; empty for what is given. Raises as ``prepare``."""
        return {"asr": asr_weights(self.asr), "vad": vad_weights(self.vad)}

    def prepare(self) -> None:
        """Make sure once, before any work, that both can be loaded.

        Raises:
            FdbenchError: An unknown name, a missing package, missing weights.
        """
        vad_signature(self.vad)
        prepare_asr(self.asr)


class TakeAudio(Protocol):
    """What the stage may draw upon for one take; picklable, holds no audio."""

    @property
    def behaviour(self) -> str: ...

    @property
    def stimulus(self) -> str:
        """Which prompt of its sample was played."""

    @property
    def folder(self) -> Path | None:
        """Where given transcripts and segments lie; None where there are none."""

    def digest(self, channel: Channel) -> str | None:
        """Hash of a channel's audio (samples, rate and place on the timeline); None where there is none.

        Raises:
            DataError: There is something, but not audio.
        """

    def load(self, channel: Channel) -> Track:
        """Raises DataError."""


def annotate(
    take: TakeAudio, requests: Sequence[Request], engines: Engines, cache: AnnotationCache | None = None
) -> Annotations:
    """Answer the requests for one take. For many takes use ``annotate_many``, which loads engines once."""
    return Annotator(engines, cache).annotate(take, requests)


class Annotator:
    """Engines and cache, ready for take after take; weights are loaded when first needed.

    Raises:
        FdbenchError: From the constructor, for an unknown engine or a missing package.
    """

    def __init__(self, engines: Engines, cache: AnnotationCache | None) -> None:
        self.engines = engines
        self.cache = cache
        self._asr_signature = asr_signature(engines.asr)
        vad_signature(engines.vad)
        self._asr: AsrEngine | None = None
        self._vad: VadModel | None = None

    @property
    def vad(self) -> VadModel:
        if self._vad is None:
            self._vad = load_vad_model()
        return self._vad

    @property
    def asr(self) -> AsrEngine:
        if self._asr is None:
            self._asr = load_asr(self.engines.asr)
        return self._asr

    def annotate(self, take: TakeAudio, requests: Sequence[Request]) -> Annotations:
        """Answer the requests for one take; what cannot be answered is missing, with a reason."""
        hearing = _Hearing(self, take)
        speech: dict[SpeechRequest, DetectedSpeech] = {}
        words: dict[WordsRequest, Transcript] = {}
        levels: dict[LevelsRequest, tuple[float, ...]] = {}
        prosody: dict[ProsodyRequest, Prosody] = {}
        missing: dict[Request, Absence] = {}
        for request in dict.fromkeys(requests):
            try:
                if isinstance(request, SpeechRequest):
                    speech[request] = hearing.speech(request)
                elif isinstance(request, WordsRequest):
                    words[request] = hearing.words(request)
                elif isinstance(request, ProsodyRequest):
                    prosody[request] = hearing.prosody(request)
                    if why := why_unmeasured(prosody[request]):
                        missing[request] = why
                else:
                    levels[request] = hearing.levels(request)
            except UnansweredError as unanswered:
                missing[request] = unanswered.why
                if not isinstance(request, LevelsRequest):  # segments may come without a recording
                    hearing.report(unanswered.why.message)
        for request, transcript in words.items():
            if self.engines.asr == GIVEN and take.folder is not None:
                path, _ = transcript_path(take.folder, take.behaviour, request, take.stimulus)
                hearing.notes += words_beside_speech(path, request, transcript, speech)
        notes = tuple(dict.fromkeys(hearing.notes))
        messages = tuple(hearing.messages)
        return Annotations(
            speech=speech, words=words, levels=levels, prosody=prosody, missing=missing, messages=messages, notes=notes
        )

    @cached_property
    def silero_facts(self) -> dict[str, str]:
        return {"vad": vad_signature(SILERO)}

    @cached_property
    def words_facts(self) -> dict[str, str]:
        return {"asr": self._asr_signature, **self.silero_facts}


class _Hearing:
    """One take being heard: each channel is loaded at most once, and not at all where the cache knows everything."""

    def __init__(self, annotator: Annotator, take: TakeAudio) -> None:
        self._annotator = annotator
        self._take = take
        self._tracks: dict[Channel, Track] = {}
        self._digests: dict[Channel, str] = {}
        self._unreadable: dict[Channel, UnansweredError] = {}
        self._found: dict[tuple[SpeechRequest, bool], DetectedSpeech] = {}
        self.messages: list[str] = []
        self.notes: list[str] = []

    def report(self, message: str) -> None:
        if message and message not in self.messages:
            self.messages.append(message)

    def speech(self, request: SpeechRequest) -> DetectedSpeech:
        if self._annotator.engines.vad == GIVEN and (request.channel == "model" or self._has_given_user_speech()):
            return self._given_speech(request)
        return self._detected(request, by=self._annotator.engines.vad)

    def _has_given_user_speech(self) -> bool:
        folder = self._take.folder
        return folder is not None and segments_path(folder, self._take.behaviour, "user", self._take.stimulus).exists()

    def words(self, request: WordsRequest) -> Transcript:
        if self._annotator.engines.asr == GIVEN:
            return self._given_words(request)
        if self._annotator.engines.asr == NONE:
            self._digest(request.channel)
            return Transcript((), NONE)
        digest, facts, cache = self._digest(request.channel), self._annotator.words_facts, self._annotator.cache
        return believe_recognised(known_or_heard(cache, digest, request, facts, lambda: self._recognised(request)))

    def prosody(self, request: ProsodyRequest) -> Prosody:
        words = words_to_split(self.words(WordsRequest(request.channel)))
        facts = {**self._annotator.words_facts, "prosody": prosody_signature()}
        # The key of an answer has the audio's hash, and the audio does not say which words were given.
        cache = None if self._annotator.engines.asr == GIVEN else self._annotator.cache

        def speech_in(side: Span) -> tuple[Span, ...]:
            return self._detected(SpeechRequest(request.channel, side, VOICE_VAD)).segments

        def heard() -> Prosody:
            return hear_prosody(self._cut(request.channel, None), words, request.overlap_end_s, speech_in)

        return known_or_heard(cache, self._digest(request.channel), request, facts, heard)

    def levels(self, request: LevelsRequest) -> tuple[float, ...]:
        self._cut(request.channel, None)
        return levels_from_start(self._tracks[request.channel], request.window_s)

    def _detected(self, request: SpeechRequest, by: str = SILERO) -> DetectedSpeech:
        is_webrtc = by == WEBRTC
        if (request, is_webrtc) not in self._found:
            facts = {"vad": vad_signature(WEBRTC)} if is_webrtc else self._annotator.silero_facts
            digest, cache = self._digest(request.channel), self._annotator.cache
            found = known_or_heard(cache, digest, request, facts, lambda: self._freshly_detected(request, is_webrtc=is_webrtc))
            self._found[request, is_webrtc] = found
        return self._found[request, is_webrtc]

    def _freshly_detected(self, request: SpeechRequest, *, is_webrtc: bool) -> DetectedSpeech:
        piece = self._cut(request.channel, request.span)
        if is_webrtc:
            heard = detect_by_webrtc(piece.audio, request.vad)
        else:
            heard = detect_speech(piece.audio, request.vad, self._annotator.vad)
        return replace(heard, segments=tuple(segment.shifted(piece.start_s) for segment in heard.segments))

    def _recognised(self, request: WordsRequest) -> Transcript:
        piece = self._cut(request.channel, request.span)
        detected = self._detected(SpeechRequest(request.channel, request.span, PRECISE_VAD))
        engine = self._annotator.words_facts["asr"]
        if not detected.segments:
            return Transcript((), engine)
        speech = tuple(segment.shifted(-piece.start_s) for segment in detected.segments)
        words = self._annotator.asr.transcribe(piece.audio, speech)
        sounding = _with_sound(words, piece.audio, speech)
        return Transcript(tuple(word.shifted(piece.start_s) for word in sounding), engine, len(words) - len(sounding))

    def _given_words(self, request: WordsRequest) -> Transcript:
        folder = self._take.folder
        if folder is None:
            raise UnansweredError("transcript_missing", "no transcripts are given with this recording")
        path, reason = transcript_path(folder, self._take.behaviour, request, self._take.stimulus)
        if not path.exists():
            raise UnansweredError(reason, f"{path}: no such file")
        try:
            transcript = read_transcript(path)
        except DataError as error:
            raise UnansweredError("transcript_unreadable", error.what) from None
        transcript, notes = believe_words(path, transcript, request, self._length_s(request.channel))
        self.notes += notes
        return transcript

    def _given_speech(self, request: SpeechRequest) -> DetectedSpeech:
        folder = self._take.folder
        path = segments_path(folder, self._take.behaviour, request.channel, self._take.stimulus) if folder else None
        if path is None or not path.exists():
            where = f"{path}: no such file" if path else "no speech segments are given with this recording"
            raise UnansweredError("segments_missing", where)
        try:
            segments = read_segments(path)
        except DataError as error:
            raise UnansweredError("segments_unreadable", error.what) from None
        believed, notes = believe_segments(path, segments, self._length_s(request.channel))
        self.notes += notes
        try:
            audio = self._cut(request.channel, request.span).audio
        except UnansweredError as unanswered:
            # Segments say when, not for how long was listened. No audio is how some folders come; damaged audio is reported.
            if unanswered.why.reason != "audio_missing":
                self.report(unanswered.why.message)
            return DetectedSpeech(segments, None, GIVEN, believed)
        mistaken = request.vad.rate == "mistaken"
        duration_s = audio.duration_s if mistaken else -(-len(audio.samples) * VAD_RATE // audio.sample_rate) / VAD_RATE
        return DetectedSpeech(segments, duration_s, GIVEN, believed)

    def _length_s(self, channel: Channel) -> float | None:
        """Where the channel's recording ends; None where it cannot be read, which is reported where it is heard."""
        try:
            self._cut(channel, None)
        except UnansweredError:
            return None
        return self._tracks[channel].span.end_s

    def _digest(self, channel: Channel) -> str:
        if channel not in self._digests:
            with self._failing_once(channel):
                digest = self._take.digest(channel)
            if digest is None:
                raise UnansweredError("audio_missing", self._absence(channel))
            self._digests[channel] = digest
        return self._digests[channel]

    @contextmanager
    def _failing_once(self, channel: Channel) -> Iterator[None]:
        """What could not be read is not read again: the same reason is given to every request."""
        if channel in self._unreadable:
            raise self._unreadable[channel]
        try:
            yield
        except DataError as error:
            self._unreadable[channel] = UnansweredError("audio_unreadable", error.what)
            raise self._unreadable[channel] from None

    def _absence(self, channel: Channel) -> str:
        if channel == "user":
            return ""  # a recording may come without its prompt: nothing went wrong
        return f"{self._take.folder or 'this call'}: there is no recording of the model"

    def _cut(self, channel: Channel, span: Span | None) -> Track:
        self._digest(channel)
        if channel not in self._tracks:
            with self._failing_once(channel):
                self._tracks[channel] = self._take.load(channel)
        track = self._tracks[channel]
        wanted = Span(0.0, max(0.0, track.span.end_s)) if span is None else span
        piece = track.cut(wanted)
        # The cut falls on a sample; what the request calls its start is exact.
        begins_there = abs(piece.start_s - wanted.start_s) * track.audio.sample_rate < 1
        return replace(piece, start_s=wanted.start_s) if begins_there else piece


def _with_sound(words: Sequence[Word], audio: Audio, speech: Sequence[Span]) -> list[Word]:
    level_dbfs = speech_level_dbfs(audio, speech)
    return [word for word in words if word.span is None or has_energy_under(audio, word.span, level_dbfs)]
