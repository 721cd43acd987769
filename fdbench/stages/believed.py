"""What of a case's annotation is believed, by the rules of ``core.plausible``: against its prompt, and against its recording.

========================================  ===========================  ==========================================
what is given                             under ``fdbench``            under ``fdb-*``
========================================  ===========================  ==========================================
an event behind the end of the prompt     error ``bad_annotation``     the published number, and a note beside it
the user's words, mended                  the mended words             likewise
the user's words, not believed            the sample stands without    likewise
a recording that ends before the event    as each scorer says          likewise
========================================  ===========================  ==========================================

What a party of the call itself said about the user's side is the truth of that call, and is not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fdbench.core.absence import Absence
from fdbench.core.conversation import Sample
from fdbench.core.event import INTERRUPTION, OVERLAP, PAUSE, TURN_END
from fdbench.core.plausible import FILES, FRAME_S, IMPLAUSIBLE_EVENTS, check_event, check_words, heard_until_s
from fdbench.core.take_id import MAIN
from fdbench.stages.cases import Case, RecordedTake


@dataclass(frozen=True, slots=True)
class BelievedSample:
    """A sample as the ``fdbench`` protocol takes it.

    Attributes:
        why: Why nothing can be measured with it; None where something can.
        notes: A line for each thing that was mended or is not believed, and for a recording that ends too early.
    """

    sample: Sample
    why: Absence | None = None
    notes: tuple[str, ...] = ()


def believed_sample(case: Case) -> BelievedSample:
    """Look at a sample's annotation beside the take that answers it."""
    take, sample = case.takes[MAIN], case.sample
    if isinstance(take, Absence):
        return BelievedSample(sample)
    notes = [line for stimulus, each in case.recorded.items() for line in _short_recording(case, stimulus, each)]
    if take.user_events is not None or take.prompt_s is None:
        return BelievedSample(sample, None, tuple(notes))
    folder = take.audio.folder
    faults = []
    for event in sample.events:
        fault = check_event(event, take.prompt_s)
        if fault:
            file = FILES[event.kind]
            faults.append(f"{folder / file if folder else file}: {fault}")
    transcript = sample.transcript
    if transcript is not None:
        file = str(folder / "transcription.json") if folder else "transcription.json"
        found = check_words(transcript.words, take.prompt_s, file)
        if isinstance(found, Absence):
            notes.append(f"{found.message}; the sample stands without it")
            sample = replace(sample, transcript=None)
        else:
            notes += [f"{file}: {note}" for note in found.notes]
            if found.notes:
                sample = replace(sample, transcript=replace(transcript, words=found.words))
    why = Absence(IMPLAUSIBLE_EVENTS, faults[0]) if faults else None
    return BelievedSample(sample, why, (*faults, *notes))


def _short_recording(case: Case, stimulus: str, take: RecordedTake) -> tuple[str, ...]:
    """A line where the recording ends before its prompt does, or before it could hold what it is asked about.

    A clean twin is asked about what its model says at the overlap, too.
    """
    if take.recorded_s is None:
        return ()
    too_short = f"{'' if stimulus == MAIN else f'{stimulus}: '}the recording is too short: it ends at {take.recorded_s:.3f} s"
    of_kind = {kind: [event.span for event in case.sample.of_kind(kind)] for kind in (TURN_END, INTERRUPTION, PAUSE, OVERLAP)}
    for kind, spans in of_kind.items():
        end_s = max((span.start_s if kind == TURN_END else span.end_s for span in spans), default=None)
        if end_s is not None and take.recorded_s < heard_until_s(end_s, take.prompt_s):
            at = f"the {kind} at {end_s:.3f} s"
            return (f"{too_short}, and is asked about {at}",)
    if take.prompt_s is not None and take.recorded_s < take.prompt_s - FRAME_S:
        return (f"{too_short}, and its prompt at {take.prompt_s:.3f} s",)
    return ()
