"""One call of a run as the page shows it: lanes from the recordings, marks from the decision, a table from the scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import Annotations, WordsRequest
from fdbench.core.conversation import Sample
from fdbench.core.event import ARRIVED, DECIDED, PLAYED, TEXT, YIELDED, Event
from fdbench.core.metric import CORRECTED
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.core.take_id import MAIN, TakeId
from fdbench.errors import FdbenchError
from fdbench.hear.cache import AnnotationCache
from fdbench.page.decision import decide
from fdbench.page.heard import heard_takes
from fdbench.page.judged import Judged
from fdbench.page.lanes import Drawn, Lane, Piece, Role, peaks_of
from fdbench.page.numbers import Scores, cost_of, value_rows
from fdbench.scoring.requests import MODEL_SPEECH, MODEL_WORDS
from fdbench.stages.believed import believed_sample
from fdbench.stages.cases import Case
from fdbench.store.manifest import Scored
from fdbench.store.record import StoredTrack, TakeRecord
from fdbench.store.run import Run

CLOCKS: Final = (DECIDED, ARRIVED, PLAYED, YIELDED)
_NAMES: Final = {
    "user": "user",
    "model": "model",
    "model-heard": "what the model heard",
    "user-heard": "what the user heard",
}


@dataclass(frozen=True, slots=True)
class AudioFile:
    """A recording that a page plays.

    Attributes:
        source: The run's own file.
        name: Where the page has it, relative to itself.
    """

    source: Path
    name: str


@dataclass(slots=True)
class _Recordings:
    """Those of one call: what the page plays, and how many are not there although they were made."""

    files: list[AudioFile] = field(default_factory=list)
    n_missing: int = 0


@dataclass(frozen=True, slots=True)
class DrawnCall:
    """A call with what it needs beside it.

    Attributes:
        files: The recordings that it plays.
        n_missing: How many recordings are not where the run is, although they were made.
    """

    drawn: Drawn
    files: tuple[AudioFile, ...]
    n_missing: int


@dataclass(frozen=True, slots=True)
class CallDrawer:
    """Draws the calls of one run; may be asked by several threads.

    Args:
        index: Of the run on the page.
        scored: The scoring whose decisions are drawn; None = the run has none.
        scores: By protocol, the lines of ``samples.jsonl``, by the take that answers the main stimulus.
        prompts: Whether the user's side is shown.
        audio: Whether recordings go with the page.
    """

    run: Run
    index: int
    scored: Scored | None
    scores: Mapping[str, Mapping[TakeId, Mapping[str, Any]]]
    judged: Judged
    prompts: bool = True
    audio: bool = True

    def draw(self, case: Case, key: str) -> DrawnCall:
        """One call; ``key`` names it in the page's files."""
        cache = AnnotationCache(self.run.annotations)
        takes = heard_takes(case, self.scored, cache) if self.scored else dict(case.absences)
        is_corrected = self.scored is not None and self.scored.protocol in CORRECTED
        sample = believed_sample(case).sample if is_corrected else case.sample
        lines = {protocol: known[case.id] for protocol, known in self.scores.items() if case.id in known}
        own = lines.get(self.scored.protocol, {}) if self.scored else {}
        scores: Scores = own.get("scores", {})
        decision = decide(case.behaviour, sample, takes, scores, self.scored.protocol if self.scored else "")
        recordings = _Recordings()
        lanes, remarks = self._lanes(case, sample, takes, key, recordings)
        lanes = [_with_found(lane, decision.found) if lane.name == _NAMES["model"] else lane for lane in lanes]
        failed = case.absences.get(MAIN)
        remarks += [f"no recording: {failed.message or failed.reason}"] if failed else []
        remarks += [str(message) for message in own.get("messages", [])]
        goals = own.get("details", {}).get("goals", {}) if self.prompts else {}
        remarks += [f"{stage}: {outcome}" for stage, outcome in goals.items()]
        main = takes.get(MAIN)
        events = main.model_events if isinstance(main, Annotations) else ()
        drawn = Drawn(
            lanes=tuple(lanes),
            marks=decision.marks,
            why=decision.why,
            cost=cost_of(scores),
            clocks=_clocks(events),
            values=tuple(row for protocol, line in lines.items() for row in value_rows(protocol, line["scores"])),
            judged=self.judged.of(case, sample, takes, self.scored) if self.prompts and self.scored else (),
            remarks=tuple(dict.fromkeys(remarks)),
            own_text="".join(event.text for event in events if event.kind == TEXT).strip(),
            run=self.index,
        )
        return DrawnCall(drawn, tuple(recordings.files), recordings.n_missing)

    def _lanes(
        self, case: Case, sample: Sample, takes: Mapping[str, Annotations | Absence], key: str, recordings: _Recordings
    ) -> tuple[list[Lane], list[str]]:
        lanes: list[Lane] = []
        remarks: list[str] = []
        for stimulus in case.recorded:
            take = TakeId(case.id.task, case.id.sample, stimulus, case.id.repeat, case.id.condition)
            record = self.run.record(take)
            heard = takes.get(stimulus)
            annotations = heard if isinstance(heard, Annotations) else Annotations()
            for channel, track in _shown_tracks(record).items():
                if stimulus != MAIN and channel != "model":
                    continue  # the twin's user says the same but for the overlap
                if not self.prompts and channel not in ("user", "model"):
                    continue  # the user's voice is in it
                try:
                    name = f"{self.index}-{key}{'' if stimulus == MAIN else '-twin'}.{channel}.flac"
                    lanes.append(self._lane(sample, stimulus, channel, track, annotations, name, recordings))
                except FdbenchError as error:
                    remarks.append(error.what)
        return lanes, remarks

    def _lane(
        self,
        sample: Sample,
        stimulus: str,
        channel: str,
        track: StoredTrack,
        heard: Annotations,
        file: str,
        recordings: _Recordings,
    ) -> Lane:
        role: Role = "user" if channel in ("user", "model-heard") else "model"
        is_model = channel == "model"
        is_shown = self.prompts or is_model
        shift_s = self.scored.shift_s if self.scored and is_model else 0.0
        start_s = track.start_s + shift_s
        end_s = start_s + track.n_samples / track.sample_rate
        peaks, hz, name = "", 1.0, ""
        source = self.run.place(track.file)
        if not source.is_file():
            recordings.n_missing += is_shown
        elif is_shown:
            peaks, hz = peaks_of(self.run.load(track).audio)
            if self.audio:
                name = f"audio/{file}"
                recordings.files.append(AudioFile(source, name))
        main_user = channel == "user"
        words = _user_words(sample, heard) if main_user else _words(heard, "model") if is_model else ()
        events = _annotated(sample.events) if main_user else ()
        if not self.prompts and not is_model:
            words, events = (), tuple(Piece(each.start_s, each.end_s, "", each.kind) for each in events)
        return Lane(
            name=_NAMES[channel] if stimulus == MAIN else "model, in the clean twin",
            role=role if channel in ("user", "model") and stimulus == MAIN else "other",
            start_s=start_s,
            end_s=end_s,
            peaks=peaks,
            peaks_hz=hz,
            audio=name,
            speech=_speech(heard, channel),
            words=words,
            events=events,
        )


def _shown_tracks(record: TakeRecord | None) -> dict[str, StoredTrack]:
    """The channels of a record in the order of lanes."""
    tracks = record.tracks if record is not None else {}
    return {name: tracks[name] for name in ("user", "model-heard", "model", "user-heard") if name in tracks}


def _with_found(lane: Lane, found: tuple[Piece, ...]) -> Lane:
    return Lane(
        lane.name, lane.role, lane.start_s, lane.end_s, lane.peaks, lane.peaks_hz, lane.audio, lane.speech, lane.words,
        lane.events, found,
    )  # fmt: skip


def _speech(heard: Annotations, channel: str) -> tuple[Piece, ...]:
    if channel == "model":
        found = heard.speech.get(MODEL_SPEECH) or next((s for r, s in heard.speech.items() if r.channel == "model"), None)
    else:
        found = next((s for r, s in heard.speech.items() if r.channel == "user"), None) if channel == "user" else None
    return tuple(_piece(span) for span in found.segments) if found else ()


def _words(heard: Annotations, channel: str) -> tuple[Piece, ...]:
    transcript = heard.words.get(MODEL_WORDS)
    if transcript is None:
        transcript = next((words for request, words in heard.words.items() if request.channel == channel), None)
    return _word_pieces(transcript.words) if transcript else ()


def _user_words(sample: Sample, heard: Annotations) -> tuple[Piece, ...]:
    """The data's words; else those that were recognised."""
    if sample.transcript is not None:
        return _word_pieces(sample.transcript.words)
    transcript = heard.words.get(WordsRequest("user"))
    return _word_pieces(transcript.words) if transcript else ()


def _word_pieces(words: Iterable[Word]) -> tuple[Piece, ...]:
    pieces = []
    for word in words:
        start_s = word.start_s if word.start_s is not None else word.end_s
        if start_s is not None:
            pieces.append(Piece(start_s, max(start_s, word.end_s if word.end_s is not None else start_s), word.text.strip()))
    return tuple(pieces)


def _annotated(events: Iterable[Event]) -> tuple[Piece, ...]:
    ordered = sorted(events, key=lambda event: event.span)
    return tuple(Piece(each.span.start_s, each.span.end_s, each.text, each.kind) for each in ordered)


def _piece(span: Span) -> Piece:
    return Piece(span.start_s, span.end_s)


def _clocks(events: Sequence[Event]) -> tuple[tuple[str, tuple[Piece, ...]], ...]:
    found = ((kind, _annotated(event for event in events if event.kind == kind)) for kind in CLOCKS)
    return tuple((kind, pieces) for kind, pieces in found if pieces)
