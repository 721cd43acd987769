"""Conversations with known gaps, in four kinds of files, and the reference that they make."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fdbench.cli import main
from fdbench.core.span import Span
from fdbench.errors import DataError
from fdbench.human.corpora import Speaker, Talk, read_corpus
from fdbench.human.measure import reference_of, transition_offsets_s
from fdbench.human.reference import CuttingRule, read_reference
from fdbench.io.wav import resampled
from fdbench.task.load import load_samples, task_specs

GAPS_S = (0.3, -0.25, 0.6, 0.0, 1.25)
LENGTHS_S = (2.0, 1.5, 3.0, 1.25, 2.5, 2.0)
RATE = 16_000
RULE = CuttingRule(by="segments", min_silence_s=0.2)


def turns(lengths_s: tuple[float, ...] = LENGTHS_S) -> list[Span]:
    """Turns of two speakers by turns, with the known gaps between them."""
    found = [Span(1.0, 1.0 + lengths_s[0])]
    for gap_s, length_s in zip(GAPS_S, lengths_s[1:], strict=True):
        start_s = found[-1].end_s + gap_s
        found.append(Span(start_s, start_s + length_s))
    return found


def talk(first: list[Span], second: list[Span], length_s: float = 30.0) -> Talk:
    return Talk("call", (Speaker(tuple(first)), Speaker(tuple(second))), length_s)


def test_rttm_gives_known_gaps_back(tmp_path: Path) -> None:
    lines = [f"SPEAKER call 1 {t.start_s:.3f} {t.duration_s:.3f} <NA> <NA> {'AB'[i % 2]} <NA>" for i, t in enumerate(turns())]
    (tmp_path / "all.rttm").write_text("\n".join([";; made by hand", "SPKR-INFO call 1", *lines]))
    [found], cutting = read_corpus("rttm", tmp_path)
    assert transition_offsets_s(found) == pytest.approx(GAPS_S, abs=1e-9)
    assert (cutting.by, cutting.detector) == ("segments", None)


def test_ctm_gives_them_back_too_and_its_words_say_what_is_a_backchannel(tmp_path: Path) -> None:
    lines = []
    for index, turn in enumerate(turns()):
        lines += [
            f"call {'AB'[index % 2]} {turn.start_s + 0.25 * k:.3f} 0.25 word" for k in range(round(turn.duration_s / 0.25))
        ]
    lines += ["call B 1.5 0.3 yeah 0.9", "call B 2.2 0.0 mm"]
    (tmp_path / "all.ctm").write_text("\n".join(lines))
    [found], cutting = read_corpus("ctm", tmp_path)
    assert transition_offsets_s(found) == pytest.approx(GAPS_S, abs=1e-9)
    assert cutting.by == "words"


def test_transcripts_are_read_by_the_names_of_their_columns(tmp_path: Path) -> None:
    rows = [f'{"LR"[i % 2]},{t.start_s:.3f},{t.end_s:.3f},"well, I think so"' for i, t in enumerate(turns())]
    (tmp_path / "call.csv").write_text("\n".join(["speaker,start,stop,utterance", *rows]))
    [found], _ = read_corpus("transcripts", tmp_path)
    assert transition_offsets_s(found) == pytest.approx(GAPS_S, abs=1e-9)
    assert len(found.sides[0].words) == 12


@pytest.mark.parametrize("offset", [0.0, 0.1])
def test_recordings_give_known_gaps_back_within_30_ms_also_with_a_constant_in_a_channel(offset: float, tmp_path: Path) -> None:
    voices = []
    for sample in load_samples(task_specs()["mini/turn_taking"], None).samples[:6]:
        said = resampled(sample.stimuli["main"].load(), RATE).samples[
            : round(sample.of_kind("turn_end")[0].span.start_s * RATE)
        ]
        loud = np.flatnonzero(np.abs(said) > 0.02 * np.abs(said).max())
        voices.append(said[loud[0] : loud[-1] + 1])
    placed = turns(tuple(len(voice) / RATE for voice in voices))
    sound = np.zeros((round((placed[-1].end_s + 2) * RATE), 2), np.float32)
    for index, (turn, voice) in enumerate(zip(placed, voices, strict=True)):
        first = round(turn.start_s * RATE)
        sound[first : first + len(voice), index % 2] = voice
    soundfile.write(tmp_path / "call.wav", 0.5 * sound + np.float32([0.0, offset]), RATE)
    [found], cutting = read_corpus("stereo", tmp_path)
    assert transition_offsets_s(found) == pytest.approx(GAPS_S, abs=0.03)
    assert cutting.detector is not None and cutting.detector.startswith("silero-")


def test_what_ends_inside_the_others_turn_is_no_transition_and_neither_is_a_backchannel() -> None:
    assert transition_offsets_s(talk([Span(0, 5)], [Span(2, 3.5)])) == []
    assert transition_offsets_s(talk([Span(0, 5)], [Span(5.1, 5.5)])) == []
    assert transition_offsets_s(talk([Span(0, 5), Span(7, 9)], [Span(5.1, 5.5)])) == []
    assert transition_offsets_s(talk([], [])) == []


def test_a_reference_counts_offsets_opportunities_and_backchannels() -> None:
    first = [Span(0, 2), Span(2.5, 4), Span(10, 12)]  # a hold of 0.5 s, then a shift
    second = [Span(0.5, 0.8), Span(3.0, 3.4), Span(4.4, 6.4), Span(17, 19)]  # two backchannels, then turns after 0.4 s and 5 s
    made = reference_of([talk(first, second)], RULE, "mine", "by hand")
    assert made.onsets_.kind == "counted"
    counts = dict(enumerate(made.onsets_.counts))
    assert {index: n for index, n in counts.items() if n} == {12: 1, 28: 1}  # [0.4, 0.6), [3.6, 3.8)
    assert (made.onsets_.below, made.onsets_.above) == (0, 1)
    assert made.hold is not None and made.shift is not None and made.backchannels is not None
    assert made.hold.clips == ((0, 1),)
    assert made.shift.clips == ((3, 4),)
    assert made.backchannels.lengths_s == (0.3, 0.4)
    assert made.backchannels.intervals_s == (2.5,)
    assert made.medians_s == (3.6,)
    assert made.sha256 == made.digest


def test_the_command_writes_a_reference_that_is_read_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"SPEAKER call 1 {t.start_s:.3f} {t.duration_s:.3f} <NA> <NA> {'AB'[i % 2]} <NA>" for i, t in enumerate(turns())]
    (tmp_path / "all.rttm").write_text("\n".join(lines))
    assert main(["human-timing", "--rttm", str(tmp_path), "--to", str(tmp_path / "mine.json")]) == 0
    assert "5 turns that follow another's" in capsys.readouterr().out
    found = read_reference(tmp_path / "mine.json")
    assert (found.id, found.onsets.n, found.conversations) == ("mine", 5, 1)
    assert json.loads((tmp_path / "mine.json").read_text())["sha256"] == found.digest


@pytest.mark.parametrize(
    ("kind", "name", "content", "what"),
    [
        ("rttm", "a.txt", "", "no \\*.rttm in it"),
        ("rttm", "a.rttm", "SPEAKER call 1 0.0", "a.rttm:1: expected SPEAKER"),
        ("rttm", "a.rttm", "SPEAKER call 1 x 1 <NA> <NA> A", "a.rttm:1: 'x' is no number"),
        ("rttm", "a.rttm", "SPEAKER call 1 0 -1 <NA> <NA> A", "a.rttm:1: '-1' is no number"),
        ("rttm", "a.rttm", "SPEAKER call 1 0 1 <NA> <NA> A", "call: 1 speakers, expected 2"),
        ("ctm", "a.ctm", "call A 0 nan word", "a.ctm:1: 'nan' is no number"),
        ("ctm", "a.ctm", "call A 0 1", "a.ctm:1: expected FILE CHANNEL"),
        ("transcripts", "a.csv", "who,when\nA,1", "a.csv:1: expected columns speaker"),
        ("transcripts", "a.csv", "speaker,start,stop,text\nA,2,1,so", "a.csv:2: it ends at 1 s"),
        ("transcripts", "a.csv", "speaker,start,stop,text\nA", "a.csv:2: None is no number"),
    ],
)
def test_a_file_that_is_not_of_the_form_is_named_with_its_line(
    tmp_path: Path, kind: str, name: str, content: str, what: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=what) as caught:
        read_corpus(kind, tmp_path)
    assert caught.value.remedy


def test_mono_recordings_and_talk_without_turns_are_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "call.wav", np.zeros(RATE, np.float32), RATE)
    with pytest.raises(DataError, match="1 channels, expected 2"):
        read_corpus("stereo", tmp_path)
    with pytest.raises(DataError, match="no turn in it follows"):
        reference_of([talk([Span(0, 5)], [])], RULE, "mine", "by hand")
