"""Upstream's folders: what is there is read, what is damaged is one sample's status, what is stray is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fdbench.core.absence import Absence
from fdbench.core.event import CONTEXT, INTERRUPTION, PAUSE, TURN_END, Event
from fdbench.core.sound import Audio
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.errors import DataError, UsageError
from fdbench.io.wav import write_flac
from fdbench.task.fdb_layout import read_fdb_folder

TURN = [{"text": "[TURN]", "timestamp": [6.603, 6.903]}]
INTERRUPT = [{"context": "how are you", "interrupt": "never mind", "timestamp": [5.266, 7.24]}]
ANNOTATIONS = {"turn_taking": ("turn_taking.json", TURN), "user_interruption": ("interrupt.json", INTERRUPT)}


def add(folder: Path, sample_id: str, **files: Any) -> Path:
    """A clip; ``turn_taking=...`` writes turn_taking.json, text and bytes as they are."""
    place = folder / sample_id
    place.mkdir(parents=True, exist_ok=True)
    for stem, value in files.items():
        path = place / f"{stem}.json"
        if isinstance(value, bytes):
            path.write_bytes(value)
        else:
            path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return place


def add_prompt(place: Path, seconds: float = 1.0) -> None:
    write_flac(place / "input.wav", Audio.silence(seconds, 16000))


# --- what is there ----------------------------------------------------------------------------------------------------


def test_a_turn_end_is_the_annotated_span_and_only_the_first_element_counts(tmp_path: Path) -> None:
    add(tmp_path, "7", turn_taking=[*TURN, {"timestamp": "nonsense"}])
    (sample,) = read_fdb_folder(tmp_path, "v1/turn_taking.candor", "turn_taking").samples
    assert (sample.id, sample.task, sample.events) == (
        "7",
        "v1/turn_taking.candor",
        (Event(TURN_END, Span(6.603, 6.903)),),
    )


def test_an_interruption_has_both_turns_and_the_context_lies_before_it(tmp_path: Path) -> None:
    add(tmp_path, "7", interrupt=INTERRUPT)
    (sample,) = read_fdb_folder(tmp_path, "t", "user_interruption").samples
    assert sample.events == (
        Event(CONTEXT, Span(0.0, 5.266), "how are you"),
        Event(INTERRUPTION, Span(5.266, 7.24), "never mind"),
    )


def test_every_pause_counts_in_order_of_time(tmp_path: Path) -> None:
    add(tmp_path, "7", pause=[{"timestamp": [4, 5.5]}, {"timestamp": [1.25, 2]}])
    (sample,) = read_fdb_folder(tmp_path, "t", "pause_handling").samples
    assert sample.events == (Event(PAUSE, Span(1.25, 2.0)), Event(PAUSE, Span(4.0, 5.5)))


@pytest.mark.parametrize("pauses", [None, []])
def test_without_pauses_a_sample_stands_because_only_one_protocol_reads_them(tmp_path: Path, pauses: Any) -> None:
    add(tmp_path, "7", output={"text": "", "chunks": []}, **({} if pauses is None else {"pause": pauses}))
    read = read_fdb_folder(tmp_path, "t", "pause_handling")
    assert [sample.events for sample in read.samples] == [()]
    assert read.broken == {}


def test_a_prompt_is_optional_and_not_read_before_it_is_asked_for(tmp_path: Path) -> None:
    add_prompt(add(tmp_path, "1", turn_taking=TURN))
    add(tmp_path, "2", turn_taking=TURN)
    (add(tmp_path, "3", turn_taking=TURN) / "input.wav").write_bytes(b"not audio")
    one, two, three = read_fdb_folder(tmp_path, "t", "turn_taking").samples
    assert one.stimuli["main"].load().duration_s == 1.0
    assert two.stimuli == {}
    with pytest.raises(DataError, match=r"3/input\.wav"):
        three.stimuli["main"].load()


def test_ids_are_in_natural_order(tmp_path: Path) -> None:
    for sample_id in ("10", "2", "a10b", "a2b", "1", "02"):
        add(tmp_path, sample_id, turn_taking=TURN)
    samples = read_fdb_folder(tmp_path, "t", "turn_taking").samples
    assert [sample.id for sample in samples] == ["1", "02", "2", "10", "a2b", "a10b"]


def test_the_users_words_come_with_their_times_even_null_ones(tmp_path: Path) -> None:
    chunks = [{"text": "hello", "timestamp": [0.5, 0.9]}, {"text": "there", "timestamp": [1.0, None]}]
    add(tmp_path, "7", turn_taking=TURN, transcription={"text": "hello there", "chunks": chunks})
    (sample,) = read_fdb_folder(tmp_path, "t", "turn_taking").samples
    assert sample.transcript is not None
    assert sample.transcript.words == (Word("hello", 0.5, 0.9), Word("there", 1.0, None))


def test_a_transcription_that_cannot_be_read_is_noted_and_the_sample_stands(tmp_path: Path) -> None:
    add(tmp_path, "7", turn_taking=TURN, transcription="{")
    read = read_fdb_folder(tmp_path, "t", "turn_taking")
    assert [sample.transcript for sample in read.samples] == [None]
    ((_, note),) = read.notes
    assert "7/transcription.json:1: not JSON" in note


# --- human timing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["inside", "beside", "explicit"])
def test_human_timing_lies_in_the_folder_or_beside_it_or_where_one_says(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "root" / "icc_backchannel"
    add(folder, "0", output={"chunks": []})
    add(folder, "1", output={"chunks": []})
    name = "icc_gt_distribution.json"
    file = {"inside": folder / name, "beside": folder.parent / name, "explicit": tmp_path / "elsewhere.json"}[place]
    file.write_text(json.dumps({"0": [0.25, 0.75]}), encoding="utf-8")
    read = read_fdb_folder(folder, "t", "backchannel", file if place == "explicit" else None)
    assert [sample.human_timing for sample in read.samples] == [(0.25, 0.75), ()]
    assert read.stray == ()


def test_without_any_human_timing_samples_stand(tmp_path: Path) -> None:
    add(tmp_path / "set", "0", output={"chunks": []})
    (sample,) = read_fdb_folder(tmp_path / "set", "t", "backchannel").samples
    assert sample.human_timing == ()


@pytest.mark.parametrize(
    "values", [[], None, "0.5", {"0": 1}, [0.5, "x"], [0.5, None], [0.5, -0.1], [0.5, float("nan")], [0, 0], [True, False]]
)
def test_a_damaged_distribution_is_noted_and_its_sample_stands_without(tmp_path: Path, values: Any) -> None:
    for sample_id in ("0", "1"):
        add(tmp_path, sample_id, output={"chunks": []})
    (tmp_path / "icc_gt_distribution.json").write_text(json.dumps({"0": values, "1": [1.0]}), encoding="utf-8")
    read = read_fdb_folder(tmp_path, "t", "backchannel")
    assert [(sample.id, sample.human_timing) for sample in read.samples] == [("0", ()), ("1", (1.0,))]
    assert read.broken == {}
    ((_, note),) = read.notes
    assert "icc_gt_distribution.json: '0'" in note
    assert note.endswith("; the sample stands without human timing")


@pytest.mark.parametrize("text", ["{", "[]", "null"])
def test_a_damaged_file_of_distributions_is_an_error_because_it_concerns_every_sample(tmp_path: Path, text: str) -> None:
    add(tmp_path, "0", output={"chunks": []})
    (tmp_path / "icc_gt_distribution.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"icc_gt_distribution\.json"):
        read_fdb_folder(tmp_path, "t", "backchannel")
    with pytest.raises(DataError, match=r"absent\.json: no such file"):
        read_fdb_folder(tmp_path, "t", "backchannel", tmp_path / "absent.json")


def test_the_published_distributions_can_be_read(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    file = pytestconfig.rootpath.parent / "shared" / "upstream-data" / "icc_gt_distribution.json"
    if not file.exists():
        pytest.skip("upstream's icc_gt_distribution.json is not here; its licence keeps it out of this repository")
    for index in range(55):
        add(tmp_path, str(index), output={"chunks": []})
    read = read_fdb_folder(tmp_path, "t", "backchannel", file)
    assert len(read.samples) == 55
    assert all(sum(sample.human_timing) == pytest.approx(1.0, abs=1e-6) for sample in read.samples)


# --- damage -----------------------------------------------------------------------------------------------------------

DAMAGED_SPANS = {
    "no timestamp": [{"text": "x"}],
    "timestamp null": [{"timestamp": None}],
    "timestamp a number": [{"timestamp": 3.0}],
    "timestamp an object": [{"timestamp": {"start": 1, "end": 2}}],
    "no time": [{"timestamp": []}],
    "a first time that is text": [{"timestamp": ["1.0", 2.0]}],
    "a first time that is null": [{"timestamp": [None, 2.0]}],
    "a first time that is a boolean": [{"timestamp": [True, 2.0]}],
    "a first time that is not a number": [{"timestamp": [float("nan"), 2.0]}],
    "a first time that is infinite": [{"timestamp": [float("inf"), 2.0]}],
    "a first time beyond any float": '[{"timestamp": [1' + "0" * 400 + ", 2]}]",
    "a negative first time": [{"timestamp": [-0.5, 2.0]}],
    "an element that is text": ["x"],
    "an element that is null": [None],
}
DAMAGED_SECOND_TIMES = {
    "one time": [{"timestamp": [1.0]}],
    "a second time that is null": [{"timestamp": [1.0, None]}],
    "a second time that is text": [{"timestamp": [1.0, "2.0"]}],
    "a second time that is infinite": [{"timestamp": [1.0, float("inf")]}],
    "a second time beyond any float": '[{"timestamp": [1.0, 1' + "0" * 400 + "]}]",
    "backwards": [{"timestamp": [1.0, 0.5]}],
}
UNREADABLE_SPANS = {**DAMAGED_SPANS, **DAMAGED_SECOND_TIMES, "three times": [{"timestamp": [1.0, 2.0, 3.0]}]}
DAMAGED_FILES = {
    "an object": {"timestamp": [1.0, 2.0]},
    "null": "null",
    "no JSON": "{",
    "nothing": "",
    "two values": "[] []",
    "not UTF-8": b'[{"timestamp": [1, 2], "text": "\xff"}]',
    "a byte order mark": b'\xef\xbb\xbf[{"timestamp": [1, 2]}]',
    "bottomless": "[" * 200_000,
}


def check_that_only_the_damaged_one_breaks(folder: Path, behaviour: str, name: str, good: Any, bad: Any) -> None:
    for sample_id in ("1", "3"):
        add(folder, sample_id, **{name: good})
    add(folder, "2", **{name: bad})
    read = read_fdb_folder(folder, "t", behaviour)
    assert [sample.id for sample in read.samples] == ["1", "3"]
    ((broken_id, broken),) = read.broken.items()
    assert (broken_id, broken.reason) == ("2", "bad_annotation")
    assert str(folder / "2" / f"{name}.json") in broken.message
    assert "\n" not in broken.message
    assert len(broken.message) < len(str(folder)) + 200


@pytest.mark.parametrize(
    "bad", [*DAMAGED_SPANS.values(), *DAMAGED_FILES.values(), []], ids=[*DAMAGED_SPANS, *DAMAGED_FILES, "empty list"]
)
def test_a_damaged_turn_end_breaks_its_sample_only(tmp_path: Path, bad: Any) -> None:
    check_that_only_the_damaged_one_breaks(tmp_path, "turn_taking", "turn_taking", TURN, bad)


@pytest.mark.parametrize("annotation", DAMAGED_SECOND_TIMES.values(), ids=DAMAGED_SECOND_TIMES)
def test_of_a_turn_end_only_the_first_time_is_read(tmp_path: Path, annotation: Any) -> None:
    add(tmp_path, "1", turn_taking=annotation)
    (sample,) = read_fdb_folder(tmp_path, "t", "turn_taking").samples
    assert sample.events == (Event(TURN_END, Span(1.0, 1.0)),)


@pytest.mark.parametrize("bad", [*UNREADABLE_SPANS.values(), *DAMAGED_FILES.values()], ids=[*UNREADABLE_SPANS, *DAMAGED_FILES])
def test_a_damaged_pause_is_noted_and_its_sample_stands_without(tmp_path: Path, bad: Any) -> None:
    add(tmp_path, "1", pause=[{"timestamp": [1, 2]}])
    add(tmp_path, "2", pause=bad)
    read = read_fdb_folder(tmp_path, "t", "pause_handling")
    assert [sample.events for sample in read.samples] == [(Event(PAUSE, Span(1.0, 2.0)),), ()]
    assert read.broken == {}
    ((_, note),) = read.notes
    assert str(tmp_path / "2" / "pause.json") in note
    assert note.endswith("; the sample stands without pauses")


@pytest.mark.parametrize("texts", [{}, {"context": None, "interrupt": None}, {"context": ""}])
def test_an_interruptions_texts_may_be_null_or_absent(tmp_path: Path, texts: dict[str, Any]) -> None:
    add(tmp_path, "1", interrupt=[{**texts, "timestamp": [1.5, 2.0]}])
    (sample,) = read_fdb_folder(tmp_path, "t", "user_interruption").samples
    assert sample.events == (Event(CONTEXT, Span(0.0, 1.5)), Event(INTERRUPTION, Span(1.5, 2.0)))


@pytest.mark.parametrize(
    "bad",
    [
        *({"context": "c", "interrupt": "i", **item[0]} for item in UNREADABLE_SPANS.values() if isinstance(item[0], dict)),
        {"context": ["c"], "interrupt": "i", "timestamp": [1, 2]},
        {"context": "c", "interrupt": 4, "timestamp": [1, 2]},
    ],
)
def test_a_damaged_interruption_breaks_its_sample_only(tmp_path: Path, bad: Any) -> None:
    check_that_only_the_damaged_one_breaks(tmp_path, "user_interruption", "interrupt", INTERRUPT, [bad])


@pytest.mark.parametrize("behaviour", ANNOTATIONS)
def test_a_missing_annotation_breaks_its_sample_where_every_protocol_needs_it(tmp_path: Path, behaviour: str) -> None:
    name, good = ANNOTATIONS[behaviour]
    add(tmp_path, "1", **{name.removesuffix(".json"): good})
    add(tmp_path, "2", output={"chunks": []})
    read = read_fdb_folder(tmp_path, "t", behaviour)
    assert [sample.id for sample in read.samples] == ["1"]
    assert read.broken == {"2": Absence("bad_annotation", f"{tmp_path / '2' / name}: no such file")}


# --- what is no sample ------------------------------------------------------------------------------------------------


def test_stray_files_and_folders_are_named_and_left_out(tmp_path: Path) -> None:
    add(tmp_path, "1", turn_taking=TURN)
    add(tmp_path, "notes", readme="hello")
    (tmp_path / "empty").mkdir()
    (tmp_path / "output.wav").write_bytes(b"")
    (tmp_path / "2").write_text("a file named like a clip", encoding="utf-8")
    read = read_fdb_folder(tmp_path, "t", "turn_taking")
    assert [sample.id for sample in read.samples] == ["1"]
    assert read.stray == ("2", "empty", "notes", "output.wav")


def test_a_folder_that_is_missing_empty_or_holds_no_clip_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="absent: no such folder"):
        read_fdb_folder(tmp_path / "absent", "t", "turn_taking")
    with pytest.raises(DataError, match="no clip in it"):
        read_fdb_folder(tmp_path, "t", "turn_taking")
    (tmp_path / "file.txt").write_text("x", encoding="utf-8")
    with pytest.raises(DataError, match=r"no clip in it \(found file\.txt\)"):
        read_fdb_folder(tmp_path, "t", "turn_taking")
    with pytest.raises(DataError, match="cannot be listed"):
        read_fdb_folder(tmp_path / "file.txt", "t", "turn_taking")


def test_an_unknown_behaviour_is_an_error_that_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        read_fdb_folder(tmp_path, "t", "turn_takin")
    assert "did you mean 'turn_taking'" in raised.value.remedy


def test_prompts_at_any_rate_are_read_as_they_are(tmp_path: Path) -> None:
    place = add(tmp_path, "1", turn_taking=TURN)
    write_flac(place / "input.wav", Audio(np.full(480, 0.5, np.float32), 48000))
    (sample,) = read_fdb_folder(tmp_path, "t", "turn_taking").samples
    audio = sample.stimuli["main"].load()
    assert (audio.sample_rate, len(audio.samples)) == (48000, 480)


def both(*speakers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"speaker": number, "item": words} for number, words in enumerate(speakers)]


def said(*words: tuple[str, float, float]) -> list[dict[str, Any]]:
    return [{"text": text, "timestamp": [start_s, end_s]} for text, start_s, end_s in words]


def test_of_both_speakers_the_user_is_the_one_who_ends_where_the_turn_does(tmp_path: Path) -> None:
    other, user = said(("well", 2.2, 2.5), ("then", 3.5, 3.93)), said(("so", 0.2, 0.5), ("home", 1.5, 2.01))
    add(tmp_path, "7", turn_taking=[{"timestamp": [2.0, 2.2]}], transcription=both(other, user))
    (sample,) = read_fdb_folder(tmp_path, "t", "turn_taking").samples
    assert sample.transcript is not None and [word.text for word in sample.transcript.words] == ["so", "home"]


@pytest.mark.parametrize(
    ("speakers", "told"),
    [
        (both(said(("a", 5.0, 5.4)), said(("b", 7.0, 7.4))), "expected a speaker whose last word ends at the turn's end, 2 s"),
        ([{"speaker": 0}], 'expected {"speaker": ..., "item": [words]}'),
        (both([{"text": "a"}]), "[0]: item 0: no 'timestamp'"),
    ],
)
def test_where_nobody_can_tell_who_is_the_user_the_sample_stands_without_words(
    tmp_path: Path, speakers: Any, told: str
) -> None:
    add(tmp_path, "7", turn_taking=[{"timestamp": [2.0, 2.2]}], transcription=speakers)
    found = read_fdb_folder(tmp_path, "t", "turn_taking")
    assert found.samples[0].transcript is None
    ((_, note),) = found.notes
    assert told in note
