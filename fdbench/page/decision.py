"""The decision about one call, drawn as the scorer's docstring draws it, and in one sentence why it has its number.

Where things lie comes from the scorers' own functions; how long they took comes from the stored scores, so that what is drawn
is what was stored. A score that says nothing of a time draws nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fdbench.core.absence import REASONS, Absence
from fdbench.core.annotation import Annotations
from fdbench.core.behaviour import ASKING, BACKCHANNEL, DIALOGUE, PAIRED, PAUSE_HANDLING, TURN_TAKING, USER_INTERRUPTION
from fdbench.core.conversation import Sample
from fdbench.core.dialogue import held_stages
from fdbench.core.event import INTERRUPTION, OVERLAP, PAUSE, TURN_END
from fdbench.core.metric import CORRECTED
from fdbench.core.peaks import human_peaks
from fdbench.core.span import Span
from fdbench.page.lanes import Mark, Piece, Tone
from fdbench.page.numbers import LATENCY, Scores, reason_of
from fdbench.scoring.base import Takes, main_take, speech_for
from fdbench.scoring.corrected.dialogue import USER_SPEECH, user_turns
from fdbench.scoring.corrected.latency import user_bursts
from fdbench.scoring.corrected.lost_time import TERMINAL_OVERLAP_S
from fdbench.scoring.corrected.model_side import ModelSide, model_side_of
from fdbench.scoring.corrected.pause import last_word_end_s
from fdbench.scoring.corrected.utterance import find_bursts, find_utterances, is_short
from fdbench.scoring.corrected.yielding import MIN_HEARD_S, heard_interruption
from fdbench.scoring.requests import user_speech

TAKEOVER: Final = "takeover"
LABELS: Final = {
    "respond_rate": "it takes up what was said over it",
    "resume_rate": "it goes on with what it was saying",
    "uncertain_rate": "it asks back",
    "unknown_rate": "it says nothing new",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about a call.

    Attributes:
        found: The model's utterances, and what each counts as.
        why: One sentence.
    """

    marks: tuple[Mark, ...] = ()
    found: tuple[Piece, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Call:
    """What a decision is drawn from."""

    behaviour: str
    sample: Sample
    scores: Scores
    take: Annotations
    model: ModelSide | None

    @property
    def takeovers(self) -> tuple[Span, ...]:
        return () if self.model is None else self.model.takeovers

    @property
    def user(self) -> tuple[Span, ...]:
        bursts = user_bursts(self.sample, speech_for(self.take, user_speech(self.take.prompt_s)))
        return () if isinstance(bursts, Absence) else bursts

    def value(self, metric: str) -> float | None:
        value = self.scores.get(metric, {}).get("value")
        return None if value is None else float(value)


def decide(behaviour: str, sample: Sample, takes: Takes, scores: Scores, protocol: str = CORRECTED[0]) -> Decision:
    """Draw one call, as far as it is known what was heard in it."""
    take, model = main_take(takes), model_side_of(takes)
    if isinstance(take, Absence):
        return Decision(why=reason_of(scores) or take.message)
    call = _Call(behaviour, sample, scores, take, None if isinstance(model, Absence) else model)
    draw = _DRAWN.get("overlap" if behaviour in PAIRED else behaviour) if protocol in CORRECTED else _published
    marks, why = draw(call) if draw else ([], "")
    return Decision(tuple(marks), _found(call), why or reason_of(scores) or "")


def _found(call: _Call) -> tuple[Piece, ...]:
    if call.model is None:
        return ()
    by_length = call.behaviour == BACKCHANNEL
    utterances = call.model.utterances
    afresh_s = _afresh_from_s(call)
    if afresh_s is not None:
        bursts = call.model.bursts
        parts = ([b for b in bursts if b.start_s < afresh_s], [b for b in bursts if b.start_s >= afresh_s])
        utterances = tuple(each for part in parts for each in find_utterances(part, call.model.words))
    return tuple(
        Piece(each.span.start_s, each.span.end_s, kind, kind)
        for each in utterances
        for kind in ["backchannel" if (is_short(each.span) if by_length else each.is_backchannel) else TAKEOVER]
    )


def _afresh_from_s(call: _Call) -> float | None:
    """From where on utterances are grouped afresh: the stop, or where what was interrupted turned out to be a silence."""
    span = _spoken_into(call)
    if span is None:
        return None
    stop_s = call.value("stop_latency_s")
    if stop_s is not None:
        return span.start_s + stop_s
    return span.start_s if call.value("not_exercised_rate") else None


def _spoken_into(call: _Call) -> Span | None:
    """The interruption or overlap, from where it is heard; None where there is none."""
    events = call.sample.of_kind(OVERLAP if call.behaviour in PAIRED else INTERRUPTION)
    if not events or call.behaviour not in (*PAIRED, USER_INTERRUPTION):
        return None
    annotated = events[0].span
    return annotated if call.sample.reaction is not None else heard_interruption(annotated, call.user) or annotated


def _measured(call: _Call, from_s: float, metric: str, name: str, tone: Tone = "plain", never: Tone = "bad") -> list[Mark]:
    """The arrow of a latency: from its anchor to where it was measured, or in the tone ``never`` as far as is known."""
    score = call.scores.get(metric, {})
    value = score.get("value")
    if value is not None:
        return [Mark("arrow", from_s, from_s + value, f"{name} {value:.2f} s", tone)]
    censored_s = (score.get("components") or {}).get("censored_at_s")
    if censored_s is not None:
        return [Mark("open", from_s, from_s + censored_s, f"{name} > {censored_s:.2f} s", never)]
    return []


def _clocks(call: _Call, from_s: float) -> list[Mark]:
    decided = _measured(call, from_s, "decided_latency_s", "decided", "quiet", "quiet")
    return [*decided, *_measured(call, from_s, "arrived_latency_s", "arrived", "quiet", "quiet")]


def _line(at_s: float, label: str, tone: Tone = "plain") -> Mark:
    return Mark("line", at_s, at_s, label, tone)


def _reply_words(call: _Call, end_s: float, of_what: str, metric: str = LATENCY) -> str:
    """What became of the reply; empty where a score says nothing of it."""
    score = call.scores.get(metric, {})
    value = score.get("value")
    if value is not None:
        when = f"{value:.2f} s after" if value >= 0 else f"{-value:.2f} s before"
        return f"the reply begins at {end_s + value:.2f} s, {when} {of_what} at {end_s:.2f} s"
    if score.get("reason") == "no_reply":
        waited_s = (score.get("components") or {}).get("censored_at_s", 0.0)
        return f"no reply had begun when the recording ended, {waited_s:.2f} s after {of_what} at {end_s:.2f} s"
    return REASONS[score["reason"]].sentence if score.get("reason") in REASONS else ""


def _sentence(*parts: str) -> str:
    text = "; ".join(part for part in parts if part)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _turn(call: _Call) -> tuple[list[Mark], str]:
    ends = call.sample.of_kind(TURN_END)
    if not ends:
        return [], ""
    end_s = ends[0].span.start_s
    first_s = end_s - TERMINAL_OVERLAP_S
    marks = [_line(first_s, "replies count from here", "quiet"), _line(end_s, "turn ends")]
    early = [span for span in call.takeovers if 0 <= span.start_s < first_s]
    marks += [Mark("window", span.start_s, min(span.end_s, end_s), "break-in", "bad") for span in early]
    broke = f"the model broke in at {early[0].start_s:.2f} s" if early and call.value("break_in_rate") else ""
    marks += [*_measured(call, end_s, LATENCY, "reply"), *_clocks(call, end_s)]
    return marks, _sentence(_reply_words(call, end_s, "the turn's end"), broke)


def _pause(call: _Call) -> tuple[list[Mark], str]:
    pauses = [event.span for event in call.sample.of_kind(PAUSE)]
    end_s = last_word_end_s(call.sample, call.user or Absence("user_speech_unknown"))
    if not pauses or end_s is None:
        return [], ""
    window = Span(min(each.start_s for each in pauses), max(end_s, min(each.start_s for each in pauses)))
    marks = [Mark("window", window.start_s, window.end_s, "the floor is the user's"), _line(end_s, "last word ends")]
    into = next((span for span in call.takeovers if span.overlaps(window)), None)
    taken = call.value("takeover_rate")
    said = ""
    if taken and into is not None:
        onset_s = max(into.start_s, window.start_s)
        marks.append(Mark("window", onset_s, min(into.end_s, window.end_s), "takes the turn", "bad"))
        said = f"the model takes the turn at {into.start_s:.2f} s, while the user only pauses"
        if into.start_s < window.start_s:
            said = f"the model, speaking since {into.start_s:.2f} s, keeps the floor while the user only pauses"
    elif taken == 0:
        said = f"the model leaves the floor to the user from {window.start_s:.2f} s to {window.end_s:.2f} s"
    marks += _measured(call, end_s, LATENCY, "reply")
    return marks, _sentence(said, _reply_words(call, end_s, "the last word's end"))


def _interruption(call: _Call) -> tuple[list[Mark], str]:
    span = _spoken_into(call)
    if span is None:
        return [], ""
    deadline_s = span.start_s + max(span.duration_s, MIN_HEARD_S)
    marks = [Mark("window", span.start_s, span.end_s, "interruption as heard")]
    said, metric = "", LATENCY
    if call.value("not_exercised_rate"):
        metric = "response_latency_not_exercised_s"
        said = f"the model was not speaking when the user barged in at {span.start_s:.2f} s"
    elif call.value("talked_through_rate"):
        said = f"the model talks on through the interruption that begins at {span.start_s:.2f} s"
    elif (stop_s := call.value("stop_latency_s")) is not None:
        said = f"the model falls silent {stop_s:.2f} s after the interruption is heard at {span.start_s:.2f} s"
        marks.append(_line(span.start_s + stop_s, "stops"))
    if not call.value("not_exercised_rate"):
        marks.append(_line(deadline_s, "silent by now", "quiet"))
        marks += _measured(call, span.start_s, "stop_latency_s", "stop")
    marks += [*_measured(call, span.end_s, metric, "reply"), *_clocks(call, span.end_s)]
    reply = "" if call.value("talked_through_rate") else _reply_words(call, span.end_s, "the interruption's end", metric)
    return marks, _sentence(said, reply)


def _backchannel(call: _Call) -> tuple[list[Mark], str]:
    clip_s = min((each for each in (call.take.prompt_s, call.take.recorded_s) if each is not None), default=None)
    peaks_s = [each for each in human_peaks(call.sample.human_timing) if clip_s is None or each < clip_s]
    marks = [_line(each, "people do here" if not index else "", "quiet") for index, each in enumerate(peaks_s)]
    if clip_s is not None:
        marks.append(Mark("window", 0.0, clip_s, "the user holds the floor", "quiet"))
    judged = [] if call.model is None else [e.span for e in call.model.utterances if clip_s is None or e.span.start_s < clip_s]
    long = [span for span in judged if not is_short(span)]
    n = len(judged) - len(long)
    counted = f"{n} backchannel{'' if n == 1 else 's'}, where people have {len(peaks_s)} moments for one"
    took = f"the model takes the turn at {long[0].start_s:.2f} s" if long and call.value("takeover_rate") else ""
    return marks, _sentence(took, counted if call.model is not None else "")


def _overlap(call: _Call) -> tuple[list[Mark], str]:
    span = _spoken_into(call)
    if span is None:
        return [], "The model never spoke, so nothing was said over it." if call.value("not_exercised_rate") else ""
    marks = [Mark("window", span.start_s, span.end_s, "said over the model")]
    stop_s, said = call.value("stop_latency_s"), ""
    reason = call.scores.get("stop_latency_s", {}).get("reason")
    if call.value("not_exercised_rate"):
        said = f"the model was not speaking when it was spoken over at {span.start_s:.2f} s"
    elif stop_s is not None:
        said = f"the model falls silent {stop_s:.2f} s after it is spoken over at {span.start_s:.2f} s"
        marks.append(_line(span.start_s + stop_s, "stops"))
    elif reason == "no_stop":
        said = f"the model talks on while it is spoken over at {span.start_s:.2f} s"
    elif reason == "finished":
        said = "the model had finished: it falls silent there without the overlap, too"
    label = next((words for metric, words in LABELS.items() if call.value(metric)), "")
    wanted = call.value("wanted_rate")
    verdict = "" if wanted is None or not label else f"{label}, {'as is' if wanted else 'which is not'} wanted"
    never: Tone = "bad" if call.behaviour in ASKING else "quiet"  # elsewhere to talk on is what is wanted
    marks += _measured(call, span.start_s, "stop_latency_s", "stop", never=never)
    marks += _measured(call, span.end_s, LATENCY, "reply", never=never)
    return marks, _sentence(said, verdict)


def _dialogue(call: _Call) -> tuple[list[Mark], str]:
    stages = held_stages(call.sample.events, call.take.recorded_s or 0.0)
    marks = [_line(each.span.start_s, each.name, "quiet") for each in stages]
    speech = speech_for(call.take, USER_SPEECH)
    if call.model is not None and not isinstance(speech, Absence):
        turns = user_turns(call.sample, find_bursts(speech.segments), call.model)
        marks += _transfers([turn.span for turn in turns if turn.asks], call.takeovers)
    met, offset_s = call.scores.get("goal_coverage_rate", {}), call.value("floor_transfer_offset_s")
    parts = met.get("components") or {}
    goals = f"the model meets {parts['numerator']:g} of {parts['denominator']:g} goals" if parts else ""
    return marks, _sentence(goals, "" if offset_s is None else f"in the median its replies begin {offset_s:.2f} s after a turn")


def _published(call: _Call) -> tuple[list[Mark], str]:
    """As the published scripts see it: a recording that ends with its prompt, and a latency that is never negative."""
    ends_s = [event.span.start_s for event in call.sample.of_kind(TURN_END)]
    ends_s = [event.span.end_s for event in call.sample.of_kind(INTERRUPTION)] or ends_s
    marks = [] if call.take.prompt_s is None else [_line(call.take.prompt_s, "the published scripts hear up to here", "quiet")]
    for end_s in ends_s[:1]:
        marks += [_line(end_s, "the user ends"), *_measured(call, end_s, LATENCY, "reply")]
    taken, latency_s = call.value("takeover_rate"), call.value(LATENCY)
    said = "" if taken is None else f"by the published rule the model {'takes' if taken else 'does not take'} the turn"
    return marks, _sentence(said, "" if latency_s is None else f"its latency is {latency_s:.2f} s")


def _transfers(turns: Sequence[Span], takeovers: Sequence[Span]) -> list[Mark]:
    """An arrow from each turn's end to its reply, as ``scoring.corrected.dialogue`` finds it."""
    marks = []
    for index, turn in enumerate(turns):
        next_s = turns[index + 1].start_s if index + 1 < len(turns) else float("inf")
        onset_s = next((s.start_s for s in takeovers if turn.end_s - TERMINAL_OVERLAP_S <= s.start_s < next_s), None)
        if onset_s is not None:
            marks.append(Mark("arrow", turn.end_s, onset_s, f"{onset_s - turn.end_s:.2f} s"))
    return marks


_DRAWN: Final[Mapping[str, Callable[[_Call], tuple[list[Mark], str]]]] = {
    TURN_TAKING: _turn,
    PAUSE_HANDLING: _pause,
    USER_INTERRUPTION: _interruption,
    BACKCHANNEL: _backchannel,
    DIALOGUE: _dialogue,
    "overlap": _overlap,
}
