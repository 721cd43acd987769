"""The embedded suite, checked against what its tasks promise; every annotation is derived again from the scripts."""

from __future__ import annotations

import itertools
import json
import math
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fdbench.audio.vad import VadModel, detect_speech, load_vad_model
from fdbench.core.annotation import PRECISE_VAD
from fdbench.core.conversation import Sample
from fdbench.core.event import CONTEXT, INTERRUPTION, PAUSE, TURN_END
from fdbench.core.peaks import human_peaks
from fdbench.core.sound import Audio
from fdbench.errors import MissingExtraError
from fdbench.io.files import sha256_of
from fdbench.io.wav import read_audio
from fdbench.task.load import load_samples, task_specs

MINI = Path(str(resources.files("fdbench.tasks.mini")))
REPLIES = Path(str(resources.files("fdbench.adapters.replies")))
TOOLS = Path(__file__).parents[3] / "tools"
TASKS = ("pause_handling", "turn_taking", "user_interruption", "backchannel")
SIZE_LIMIT_BYTES = 6_000_000
PAIRED_FOLDERS = ("overlap_utterances", "probe_utterances")
DIALOGUES_LIMIT_BYTES = 4_000_000


@dataclass(frozen=True)
class Script:
    """A clip as its JSON gives it, with the times that follow from it."""

    clip: dict[str, Any]
    spoken: list[tuple[float, float]]

    @property
    def gaps(self) -> list[tuple[float, float]]:
        return [(before[1], after[0]) for before, after in itertools.pairwise(self.spoken)]

    @property
    def gaps_s(self) -> list[float]:
        return [end - start for start, end in self.gaps]

    @property
    def duration_s(self) -> float:
        return float(self.clip["n_samples"]) / 16000

    @property
    def end_s(self) -> float:
        return self.spoken[-1][1]

    @property
    def tail_s(self) -> float:
        return self.duration_s - self.end_s


def bank(folder: Path = MINI, name: str = "utterances.json") -> dict[str, dict[str, Any]]:
    utterances = json.loads((folder / name).read_text(encoding="utf-8"))["utterances"]
    assert isinstance(utterances, dict)
    return utterances


def scripts(task: str) -> dict[str, Script]:
    utterances = bank()
    out = {}
    for clip in json.loads((MINI / f"{task}.json").read_text(encoding="utf-8"))["clips"]:
        placed = [(each["start"], each["start"] + utterances[each["utterance"]]["n_samples"]) for each in clip["script"]]
        out[clip["id"]] = Script(clip, [(start / 16000, end / 16000) for start, end in placed])
    return out


def samples(task: str) -> dict[str, Sample]:
    loaded = load_samples(task_specs()[f"mini/{task}"], None)
    assert not loaded.broken
    return {sample.id: sample for sample in loaded.samples}


def spans(sample: Sample, kind: str) -> list[tuple[float, float]]:
    return [(event.span.start_s, event.span.end_s) for event in sample.of_kind(kind)]


def approx(pairs: list[tuple[float, float]]) -> Any:
    return [pytest.approx(pair, abs=1e-9) for pair in pairs]


# --- files ------------------------------------------------------------------------------------------------------------


def test_prompts_and_replies_are_under_six_megabytes_and_what_an_examiner_or_a_probe_says_under_four_each() -> None:
    files = [path for folder in (MINI, REPLIES) for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    dialogues = [path for path in files if path.is_relative_to(MINI / "dialogues")]
    pairs = [path for path in files if path.name.startswith(("overlap_", "probe_")) or path.parent.name in PAIRED_FOLDERS]
    assert sum(path.stat().st_size for path in {*files} - {*dialogues, *pairs}) < SIZE_LIMIT_BYTES
    for folder in (dialogues, pairs):
        assert sum(path.stat().st_size for path in folder) < DIALOGUES_LIMIT_BYTES


@pytest.mark.parametrize(
    ("audio", "folder", "name"), [(MINI / "utterances", MINI, "utterances.json"), (REPLIES, REPLIES, "replies.json")]
)
def test_the_manifest_names_every_flac_with_its_hash_rate_and_length(audio: Path, folder: Path, name: str) -> None:
    manifest = bank(folder, name)
    assert set(manifest) == {path.stem for path in audio.glob("*.flac")}
    for key, facts in manifest.items():
        path = audio / f"{key}.flac"
        assert sha256_of(path.read_bytes()) == facts["sha256"], key
        sound = read_audio(path)
        assert (sound.sample_rate, len(sound.samples)) == (facts["sample_rate"], facts["n_samples"]), key


@pytest.mark.parametrize(
    ("audio", "folder", "name"), [(MINI / "utterances", MINI, "utterances.json"), (REPLIES, REPLIES, "replies.json")]
)
def test_words_tile_an_utterance_and_it_is_audible_from_its_first_sample_to_its_last(
    audio: Path, folder: Path, name: str
) -> None:
    for key, facts in bank(folder, name).items():
        words = facts["words"]
        assert " ".join(text for text, _, _ in words) == facts["text"], key
        assert words[0][1] == 0.0, key
        assert words[-1][2] == pytest.approx(facts["n_samples"] / 16000, abs=1e-9), key
        assert all(before[2] == after[1] for before, after in itertools.pairwise(words)), key
        assert all(start < end for _, start, end in words), key
        power = read_audio(audio / f"{key}.flac").samples.astype(np.float64) ** 2
        loudest = max(float(power[at : at + 80].mean()) for at in range(0, len(power), 80))
        for edge in (power[:160], power[-160:]):  # 10 ms
            assert 10 * math.log10(edge.mean() / loudest) > -45, key


def test_every_utterance_is_used() -> None:
    used = {each["utterance"] for task in TASKS for script in scripts(task).values() for each in script.clip["script"]}
    assert used == set(bank())


# --- the suite as a whole ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
def test_a_task_has_twelve_clips_of_three_rates_and_5_to_30_seconds(task: str) -> None:
    clips = scripts(task)
    assert len(clips) == 12
    assert Counter(script.clip["sample_rate"] for script in clips.values()) == {16000: 4, 24000: 4, 48000: 4}
    assert all(5.0 <= script.duration_s <= 30.0 for script in clips.values())


@pytest.mark.parametrize("task", TASKS)
def test_a_clip_has_one_voice_that_never_overlaps_itself(task: str) -> None:
    for name, script in scripts(task).items():
        assert len({each["utterance"].split("-")[0] for each in script.clip["script"]}) == 1, name
        assert all(gap_s > 0 for gap_s in script.gaps_s), name


def test_no_two_clips_share_a_pair_of_successive_utterances_or_are_the_same() -> None:
    orders = [tuple(each["utterance"] for each in script.clip["script"]) for task in TASKS for script in scripts(task).values()]
    pairs = Counter(pair for order in orders for pair in itertools.pairwise(order))
    assert [pair for pair, count in pairs.items() if count > 1] == []
    assert len(set(orders)) == len(orders)


@pytest.mark.parametrize("task", TASKS)
def test_words_are_those_of_the_utterances_where_the_script_puts_them(task: str) -> None:
    utterances, loaded = bank(), samples(task)
    for name, script in scripts(task).items():
        expected = [
            (text, each["start"] / 16000 + start_s, each["start"] / 16000 + end_s)
            for each in script.clip["script"]
            for text, start_s, end_s in utterances[each["utterance"]]["words"]
        ]
        transcript = loaded[name].transcript
        assert transcript is not None
        assert [(word.text, word.start_s, word.end_s) for word in transcript.words] == expected


@pytest.mark.parametrize("task", TASKS)
def test_the_prompt_has_its_rate_and_length_and_is_silent_exactly_between_utterances(task: str) -> None:
    loaded = samples(task)
    for name, script in scripts(task).items():
        audio = loaded[name].stimuli["main"].load()
        rate = script.clip["sample_rate"]
        assert audio.sample_rate == rate
        assert len(audio.samples) == math.ceil(script.clip["n_samples"] * rate / 16000)
        assert float(np.abs(audio.samples).max()) <= 1.0
        margin_s = 0.01  # a resampler's filter rings
        for start_s, end_s in [*script.gaps, (script.end_s, script.duration_s)]:
            silence = audio.samples[round((start_s + margin_s) * rate) : round((end_s - margin_s) * rate)]
            assert float(np.abs(silence).max()) < 2e-4, name
        for start_s, end_s in script.spoken:
            assert float(np.abs(audio.samples[round(start_s * rate) : round(end_s * rate)]).max()) > 0.1, name


@pytest.mark.parametrize("task", TASKS)
def test_the_turn_ends_with_the_last_word_and_the_event_lasts_300_ms_or_to_the_end(task: str) -> None:
    loaded = samples(task)
    for name, script in scripts(task).items():
        assert spans(loaded[name], TURN_END) == approx([(script.end_s, min(script.end_s + 0.3, script.duration_s))])


# --- task by task -----------------------------------------------------------------------------------------------------


def test_pauses_are_the_gaps_of_the_script_and_long_enough_to_trap_an_endpointer() -> None:
    loaded = samples("pause_handling")
    everything = []
    for name, script in scripts("pause_handling").items():
        assert spans(loaded[name], PAUSE) == approx(script.gaps)
        assert 1 <= len(script.gaps) <= 4
        assert all(0.6 - 1e-4 <= gap_s <= 2.5 + 1e-4 for gap_s in script.gaps_s)
        assert max(script.gaps_s) >= 1.2 - 1e-4, name
        everything += script.gaps_s
    assert sum(gap_s >= 1.0 - 1e-4 for gap_s in everything) >= len(everything) / 2


def test_eight_pause_clips_end_with_the_turn_and_four_leave_time_for_a_right_answer() -> None:
    tails_s = sorted(script.tail_s for script in scripts("pause_handling").values())
    assert tails_s == pytest.approx([0.1] * 8 + [3.5] * 4, abs=1e-4)


def test_turns_have_no_gap_that_a_500_ms_endpointer_hears_and_leave_time_to_answer() -> None:
    for name, script in scripts("turn_taking").items():
        assert 1 <= len(script.spoken) <= 3
        assert all(gap_s < 0.25 for gap_s in script.gaps_s), name
        assert script.spoken[-1][1] - script.spoken[-1][0] >= 1.5, name
        assert 3.5 - 1e-4 <= script.tail_s <= 5.0 + 1e-4, name


def test_an_interruption_comes_when_the_answer_has_begun_and_is_followed_by_silence() -> None:
    utterances, loaded = bank(), samples("user_interruption")
    for name, script in scripts("user_interruption").items():
        silence = int(np.argmax(script.gaps_s))
        assert 2.5 - 1e-4 <= script.gaps_s[silence] <= 3.5 + 1e-4, name
        assert all(gap_s <= 0.25 for index, gap_s in enumerate(script.gaps_s) if index != silence)
        texts = [utterances[each["utterance"]]["text"] for each in script.clip["script"]]
        (context,), (interruption,) = loaded[name].of_kind(CONTEXT), loaded[name].of_kind(INTERRUPTION)
        assert spans(loaded[name], CONTEXT) == approx([(script.spoken[0][0], script.spoken[silence][1])])
        assert context.text == " ".join(texts[: silence + 1])
        assert spans(loaded[name], INTERRUPTION) == approx([(script.spoken[silence + 1][0], script.end_s)])
        assert interruption.text == " ".join(texts[silence + 1 :])
        assert interruption.span.duration_s >= 1.5
        assert 4.0 - 1e-4 <= script.tail_s <= 5.0 + 1e-4


def test_a_monologue_has_no_gap_for_an_endpointer_and_no_room_for_a_late_reply() -> None:
    for name, script in scripts("backchannel").items():
        assert all(0.15 - 1e-4 <= gap_s <= 0.45 + 1e-4 for gap_s in script.gaps_s), name
        assert 0.1 - 1e-4 <= script.tail_s <= 0.3 + 1e-4, name


def test_human_timing_peaks_300_ms_after_sentences_at_least_2_s_apart() -> None:
    loaded = samples("backchannel")
    for name, script in scripts("backchannel").items():
        timing = loaded[name].human_timing
        assert len(timing) == int(script.duration_s / 0.2) + 1
        assert sum(timing) == pytest.approx(1.0, abs=1e-6)
        assert min(timing) > 0
        expected: list[float] = []
        for _, end_s in script.spoken[:-1]:
            if not expected or end_s + 0.3 - expected[-1] >= 2.0:
                expected.append(end_s + 0.3)
        assert len(expected) >= 2, name
        assert human_peaks(timing) == pytest.approx(expected, abs=0.1 + 1e-6), name


def test_only_backchannel_has_human_timing_and_says_that_it_is_constructed() -> None:
    specs = task_specs()
    assert "not human data" in specs["mini/backchannel"].human_timing_note
    for task in TASKS[:3]:
        assert not specs[f"mini/{task}"].human_timing_note
        assert all(not sample.human_timing for sample in samples(task).values())


# --- replies ----------------------------------------------------------------------------------------------------------


def test_replies_and_backchannels_have_the_lengths_that_scorers_tell_apart() -> None:
    clips = bank(REPLIES, "replies.json").values()
    replies = [facts["n_samples"] / 16000 for facts in clips if facts["kind"] == "reply"]
    backchannels = [facts for facts in clips if facts["kind"] == "backchannel"]
    assert len(replies) >= 10
    # Sentences: an agent's reply is several of them (``draw_reply``).
    assert all(3.1 <= duration_s <= 5.0 for duration_s in replies)
    assert len(backchannels) >= 6
    assert all(0.30 <= facts["n_samples"] / 16000 < 0.9 and len(facts["words"]) <= 2 for facts in backchannels)


@pytest.fixture(scope="module")
def vad_model() -> VadModel:
    try:
        return load_vad_model()
    except MissingExtraError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("folder", [MINI / "utterances", REPLIES], ids=["utterances", "replies"])
def test_silero_hears_each_utterance_as_one_stretch_that_begins_with_it(folder: Path, vad_model: VadModel) -> None:
    margin = np.zeros(16000, np.float32)
    for path in sorted(folder.glob("*.flac")):
        sound = Audio(np.concatenate([margin, read_audio(path).samples, margin]), 16000)
        segments = detect_speech(sound, PRECISE_VAD, vad_model).segments
        assert len(segments) == 1, path.stem
        assert 0.96 <= segments[0].start_s <= 1.06, path.stem  # it decides every 32 ms


# --- the generator ----------------------------------------------------------------------------------------------------


@pytest.fixture
def make_mini(monkeypatch: pytest.MonkeyPatch) -> Any:
    if not TOOLS.is_dir():
        pytest.skip("the generator is in the repository, not in a package")
    monkeypatch.syspath_prepend(str(TOOLS))
    import make_mini  # type: ignore[import-not-found,unused-ignore]

    yield make_mini
    for name in ("make_mini", "mini_texts"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("task", TASKS)
def test_the_generator_still_writes_the_committed_scripts(make_mini: Any, task: str) -> None:
    utterances = {
        name: make_mini.Utterance(facts["voice"], facts["text"], np.zeros(facts["n_samples"], np.float32), ())
        for name, facts in bank().items()
    }
    for text in make_mini.CLIPS[task]:
        made, committed = make_mini.make_clip(task, text, utterances), scripts(task)[text.id].clip
        assert made.pop("human_timing", []) == pytest.approx(committed.pop("human_timing", []), abs=2e-9)
        assert made == committed


@pytest.mark.parametrize("name", ["rms-o6", "awb-i2"])
def test_flite_still_gives_the_committed_utterance(make_mini: Any, name: str) -> None:
    if shutil.which("flite") is None:
        pytest.skip("flite is not installed; it is needed only to make the suite")
    voice = name.split("-")[0]
    made = make_mini.make_utterance(voice, make_mini.UTTERANCES[name], make_mini.STRETCH[voice])
    committed = read_audio(MINI / "utterances" / f"{name}.flac").samples
    assert [[text, start / 16000, end / 16000] for text, start, end in made.words] == bank()[name]["words"]
    assert np.abs(made.samples - committed).max() < 1e-4  # 16-bit steps
