"""Editions, made with a stand-in for a TTS; that of real speech is at the end."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from fdbench.core.event import CONTEXT, INTERRUPTION, OVERLAP, PAUSE, TURN_END
from fdbench.core.peaks import human_peaks
from fdbench.core.signature import parse_signature
from fdbench.core.sound import Audio
from fdbench.data.check import check_data
from fdbench.errors import DataError, UsageError
from fdbench.io.wav import encode_flac, read_audio
from fdbench.report.leaderboard import render_leaderboard
from fdbench.report.ranking import tables
from fdbench.report.rows import read_results
from fdbench.suite.effects import across_the_room, turned_away
from fdbench.suite.make import make_edition
from fdbench.suite.speech import Flite, Hibari, Voice, speak
from fdbench.task.data import open_data
from fdbench.task.edition import EDITION_FILE, Edition, read_edition
from fdbench.task.load import load_samples, task_specs
from tests.conftest import fdbench

TURNS, PAUSES = "v1/turn_taking.candor", ("v1/pause_handling.candor", "v1/pause_handling.synthetic")
INTERRUPTIONS, BACKCHANNELS = "v1/user_interruption.synthetic", "v1/backchannel.icc"
TASKS = (TURNS, *PAUSES, INTERRUPTIONS, BACKCHANNELS)
OVERLAPS = {name: f"v1.5/{name}" for name in ("user_interruption", "user_backchannel", "talking_to_other", "background_speech")}
N = 12


class Beeper:
    """65 ms of noise for each letter, between two silences."""

    name, packages = "beeper-1", {"numpy": np.__version__}
    voices = (Voice("low", "a", 0.9), Voice("high", "a", 1.1))

    def synthesise(self, text, speaker, speed, seed):
        rng = np.random.default_rng(seed)
        margin = np.zeros(2400, np.float32)
        noise = rng.uniform(-0.3, 0.3, round(len(text) * 0.065 / speed * 24000)).astype(np.float32)
        return Audio(np.concatenate([margin, noise, margin]), 24000)


def make(to: Path, seed: int = 7, n: int = 2) -> Edition:
    return make_edition(to, seed, n, Beeper(), lambda line: None)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def edition(tmp_path_factory) -> Path:
    to = tmp_path_factory.mktemp("edition") / "made"
    make(to, n=N)
    return to


def samples(edition: Path, task: str):
    loaded = load_samples(task_specs()[task], open_data(str(edition)))
    assert not loaded.broken
    assert not loaded.notes
    return loaded.samples


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_edition(tmp_path):
    one, again, other = (make(tmp_path / name, seed) for name, seed in (("one", 7), ("again", 7), ("other", 8)))
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "again")
    assert one.name == again.name != other.name
    assert not set(one.sets["candor_turn_taking"].files.values()) & set(other.sets["candor_turn_taking"].files.values())


def test_the_manifest_names_edition_engine_voices_and_the_hash_of_each_file(edition):
    manifest = read_edition(edition)
    assert manifest is not None
    assert manifest.name.startswith(f"suite-7x{N}-")
    assert (manifest.engine, set(manifest.voices)) == ("beeper-1", {"low", "high"})
    named = {f"{each.place}/{name}" for each in manifest.sets.values() for name in each.files}
    assert set(bytes_of(edition)) == named | {EDITION_FILE, "v1.0/icc_gt_distribution.json"}
    assert str(edition.parent) not in (edition / EDITION_FILE).read_text()


def test_the_check_finds_nothing_but_that_it_is_not_upstreams(edition):
    checked = check_data(edition)
    assert [(finding.severity, finding.file) for finding in checked.findings] == [("warning", EDITION_FILE)]
    assert [(each.n_clips, each.n_expected, each.lock) for each in checked.sets] == [(N, N, "intact")] * 9


def test_the_check_finds_what_was_changed_or_lost_since_it_was_made(tmp_path):
    make(tmp_path / "made")
    folder = tmp_path / "made" / "v1.0" / "candor_turn_taking"
    file = folder / "1" / "transcription.json"
    file.write_text(file.read_text().replace(" ", "  "))
    (folder / "2" / "input.wav").unlink()
    errors = {(finding.clip, finding.file.rpartition("/")[2]) for finding in check_data(tmp_path / "made").findings}
    assert {("1", "transcription.json"), ("2", "input.wav")} <= errors


def test_a_manifest_that_is_damaged_is_named(tmp_path):
    make(tmp_path / "made", n=1)
    (tmp_path / "made" / EDITION_FILE).write_text(json.dumps({"schema": 1, "name": "x"}))
    with pytest.raises(DataError, match="seed"):
        check_data(tmp_path / "made")


def test_rows_over_two_editions_share_no_table(tmp_path):
    for seed in (7, 8):
        make(tmp_path / str(seed), seed)
        options = ("--model", "silence", "--tasks", TURNS, "--asr", "none", "--protocol", "fdbench")
        finished = fdbench("run", *options, "--data", tmp_path / str(seed), "--out", tmp_path / "results")
        assert finished.out, finished.err
    rows = read_results(tmp_path / "results")
    assert [len(table) for table in tables(rows)] == [1, 1]
    assert len({row.digest for row in rows}) == 2
    names = {read_edition(tmp_path / seed).name for seed in ("7", "8")}
    signatures = {parse_signature(row.metrics["takeover_rate"].signature)["edition"] for row in rows}
    assert {row.collection.edition for row in rows} == signatures == names
    page = render_leaderboard(rows, (), "results")
    assert all(f"edition `{name}`" in page for name in names)


def test_a_run_over_the_embedded_suite_has_no_edition_whatever_data_is_named(tmp_path):
    make(tmp_path / "made", n=1)
    options = ("--model", "silence", "--tasks", "mini/turn_taking", "--limit", 1, "--asr", "none", "--protocol", "fdbench")
    finished = fdbench("run", *options, "--data", tmp_path / "made", "--out", tmp_path / "results")
    assert "edition" not in json.loads((finished.run / "manifest.json").read_text())["collection"]


def test_a_clip_begins_with_its_first_word_after_a_silence_that_tells_nothing(edition):
    leads_s = {task: [sample.transcript.words[0].start_s for sample in samples(edition, task)] for task in TASKS[:3]}
    for found_s in leads_s.values():
        assert 0.1 <= min(found_s) < 0.8 < max(found_s) <= 2.0


def test_words_lie_where_sound_is_and_silences_between_phrases_are_silent_but_for_the_line(edition):
    manifest = read_edition(edition)
    for sample in samples(edition, TURNS):
        audio = sample.stimuli["main"].load()
        quiet = np.abs(audio.samples[: round((sample.transcript.words[0].start_s - 0.01) * audio.sample_rate)])
        loud = np.abs(audio.samples[round(sample.transcript.words[0].start_s * audio.sample_rate) :][: audio.sample_rate // 20])
        assert loud.max() > 4 * quiet.max()
        if manifest.sets["candor_turn_taking"].clips[sample.id]["noise_db"] is None:
            assert quiet.max() < 1e-3


def test_lines_are_quiet_and_loud_clean_and_noisy_and_voices_and_paces_differ(edition):
    clips = [clip for each in read_edition(edition).sets.values() for clip in each.clips.values()]
    levels_db = [clip["level_db"] for clip in clips]
    assert min(levels_db) < -31
    assert max(levels_db) > -23
    assert 0.3 < np.mean([clip["noise_db"] is None for clip in clips]) < 0.5
    assert all(clip["noise_db"] is None or clip["noise_db"] <= clip["level_db"] - 20 + 1e-9 for clip in clips)
    assert {clip["voice"] for clip in clips} == {"low", "high"}


@pytest.mark.parametrize("task", PAUSES)
def test_pauses_last_300_ms_to_3_s_and_lie_between_words(edition, task):
    for sample in samples(edition, task):
        words = sample.transcript.words
        pauses = [event.span for event in sample.of_kind(PAUSE)]
        assert pauses
        assert all(0.3 - 1e-3 <= span.duration_s <= 3.0 + 1e-3 for span in pauses)
        gaps = [
            (before.end_s, after.start_s) for before, after in itertools.pairwise(words) if after.start_s - before.end_s > 0.29
        ]
        assert [(span.start_s, span.end_s) for span in pauses] == [pytest.approx(gap, abs=1e-6) for gap in gaps]


def test_no_silence_tells_a_pause_from_the_end_of_a_turn_and_some_follow_a_hesitation(edition):
    durations_s, hesitated = [], Counter()
    for task in (*PAUSES, TURNS):
        for sample in samples(edition, task):
            for before, after in itertools.pairwise(sample.transcript.words):
                if after.start_s - before.end_s > 0.29:
                    durations_s.append(after.start_s - before.end_s)
                    hesitated[before.text in ("um", "uh", "umm")] += 1
    assert min(durations_s) < 0.6
    assert max(durations_s) > 2.0
    assert min(hesitated.values()) >= 10


def test_a_turn_ends_with_its_last_word_and_leaves_time_to_answer(edition):
    for sample in samples(edition, TURNS):
        (turn_end,) = sample.of_kind(TURN_END)
        assert turn_end.span.start_s == pytest.approx(sample.transcript.words[-1].end_s, abs=1e-6)
        assert 3.49 <= sample.stimuli["main"].load().duration_s - turn_end.span.start_s <= 5.01


# --- pairs ------------------------------------------------------------------------------------------------------------


def rms(samples):
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


@pytest.mark.parametrize("name", OVERLAPS)
def test_a_clip_and_its_twin_differ_in_what_is_said_over_the_model_and_nowhere_else(edition, name):
    made = read_edition(edition).sets[name]
    assert made.place == f"v1.5/{name}"
    assert set(made.files) == {
        f"{id}/{file}" for id in made.clips for file in ("input.wav", "clean_input.wav", "metadata.json")
    }
    for sample in samples(edition, OVERLAPS[name]):
        context, overlap = sample.of_kind(CONTEXT)[0], sample.of_kind(OVERLAP)[0]
        main, clean = (sample.stimuli[stimulus].load() for stimulus in ("main", "clean"))
        assert len(main.samples) == len(clean.samples)
        apart_s = np.flatnonzero(main.samples != clean.samples) / main.sample_rate
        assert overlap.span.start_s - 0.01 <= apart_s[0] <= overlap.span.start_s + 0.05
        assert apart_s[-1] <= overlap.span.end_s + 0.01
        assert context.text and overlap.text
        assert 3.49 <= main.duration_s - overlap.span.end_s <= 5.01


@pytest.mark.parametrize(
    ("name", "gain_db"),
    [("user_interruption", 0.0), ("user_backchannel", 0.0), ("talking_to_other", -8.0), ("background_speech", -15.0)],
)
def test_who_is_not_at_the_microphone_is_softer_by_so_much(edition, name, gain_db):
    clips = read_edition(edition).sets[name].clips
    for sample in samples(edition, OVERLAPS[name]):
        (overlap,) = sample.of_kind(OVERLAP)
        main, clean = (sample.stimuli[stimulus].load() for stimulus in ("main", "clean"))
        first, last = (round(time_s * main.sample_rate) for time_s in (overlap.span.start_s, overlap.span.end_s))
        level_db = 20 * np.log10(rms((main.samples - clean.samples)[first:last]))
        assert level_db - clips[sample.id]["level_db"] == pytest.approx(gain_db, abs=0.3)


def test_no_pair_says_what_another_says_but_for_backchannels(edition):
    said = [event.text for task in OVERLAPS.values() for sample in samples(edition, task) for event in sample.events]
    often = {text for text, n in Counter(said).items() if n > 1}
    assert often <= {"yeah", "right", "okay", "I see", "oh really", "sure"}


def test_a_run_over_the_pairs_of_an_edition_names_it(edition, tmp_path):
    options = ("--model", "vad-endpointer", "--tasks", "v1.5", "--limit", 1, "--asr", "none", "--protocol", "fdbench")
    finished = fdbench("run", *options, "--data", edition, "--out", tmp_path, "--tail-limit", 2, "--workers", 1)
    assert finished.status == 3 and finished.err.count("there is neither a prompt to detect the user's speech in") == 4, (
        "this edition's voice is a tone, in which no detector hears speech"
    )
    manifest = json.loads((finished.run / "manifest.json").read_text())
    assert manifest["collection"]["edition"] == read_edition(edition).name
    assert set(manifest["tasks"]) == set(OVERLAPS.values())
    assert all(task["stimuli"] == ["main", "clean"] for task in manifest["tasks"].values())


def test_the_effects_are_those_of_the_embedded_suite():
    """Of the committed utterances, those across the room are made from others beside them."""
    mini = Path(str(resources.files("fdbench.tasks.mini")))
    far = sorted((mini / "overlap_utterances").glob("*-far-*.flac"))
    assert len(far) == 12
    for file in far:
        near = read_audio(mini / "utterances" / file.name.replace("-far", ""))
        assert encode_flac(Audio(across_the_room(near.samples, 16000), 16000)) == file.read_bytes()


def test_an_aside_is_dull_and_an_echo_goes_on():
    click = np.zeros(4800, np.float32)
    click[0] = 1.0
    aside, far = turned_away(click, 48000), across_the_room(click, 48000)
    assert (len(aside), len(far)) == (4800 + round(0.034 * 48000), 4800 + round(0.17 * 48000))
    for made, gain_db in ((aside, -8.0), (far, -15.0)):
        assert 20 * np.log10(rms(made) / rms(click)) == pytest.approx(gain_db, abs=0.01)
    power = np.abs(np.fft.rfft(far)) ** 2
    frequencies = np.fft.rfftfreq(len(far), 1 / 48000)
    assert power[frequencies > 4000].sum() < 1e-3 * power.sum()


# --- interruptions and backchannels -----------------------------------------------------------------------------------


def test_interruptions_last_1500_ms_and_more_and_are_also_there_alone(edition):
    for sample in samples(edition, INTERRUPTIONS):
        (interruption,) = sample.of_kind(INTERRUPTION)
        alone = read_audio(edition / "v1.0" / "synthetic_user_interruption" / sample.id / "interrupt.wav")
        assert interruption.span.duration_s >= 1.5
        assert alone.duration_s == pytest.approx(interruption.span.duration_s, abs=1e-3)


def test_listeners_of_a_monologue_have_places_to_backchannel(edition):
    assert all(len(human_peaks(sample.human_timing)) >= 2 for sample in samples(edition, BACKCHANNELS))


def test_no_two_clips_say_the_same(edition):
    files = edition.rglob("transcription.json")
    said = [json.loads(file.read_text())["text"] for file in files]
    said += [json.loads(file.read_text())[0]["interrupt"] for file in edition.rglob("interrupt.json")]
    assert len(said) == len(set(said)) == 5 * N


@pytest.mark.parametrize(("seed", "n"), [(1, 0), (1, 301), (-1, 2)])
def test_numbers_out_of_range_are_misuse(tmp_path, seed, n):
    with pytest.raises(UsageError, match="expected 1 to 300 clips"):
        make(tmp_path / "made", seed, n)


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(UsageError, match="not an empty folder"):
        make(tmp_path)
    assert (tmp_path / "mine").read_text() == "mine"


def test_help_has_an_example_and_an_unknown_engine_is_named(tmp_path):
    assert "example: fdbench suite make --seed" in " ".join(fdbench("suite", "make", "--help").out.split())
    wrong = fdbench("suite", "make", "--seed", 1, "--to", tmp_path / "made", "--engine", "festival")
    assert (wrong.status, "festival" in wrong.err) == (2, True)


# --- engines ----------------------------------------------------------------------------------------------------------

STAND_IN = """#!/bin/sh
[ "$1" = --version ] && { echo "  flite-2.2-stand-in"; exit 0; }
while [ $# -gt 0 ]; do [ "$1" = -o ] && to=$2; [ "$1" = -t ] && text=$2; [ "$1" = --setf ] && stretch=$2; shift; done
printf '%s|%s' "$text" "$stretch" > "$(dirname "$0")/asked"
cp "$(dirname "$0")/speech.wav" "$to"
"""


def test_flite_is_asked_for_the_text_at_the_pace_that_the_voice_has_when_it_is_played(tmp_path, monkeypatch):
    import soundfile

    program = tmp_path / "flite"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    speech = np.concatenate([np.zeros(1600), np.random.default_rng(0).uniform(-0.3, 0.3, 16000), np.zeros(1600)])
    soundfile.write(tmp_path / "speech.wav", speech, 16000)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    engine = Flite()
    said = speak(engine, Voice("low", "rms", 0.8), "so it goes.", 1.0, 3)
    assert engine.name == "flite-2.2-stand-in"
    assert (tmp_path / "asked").read_text() == "so it goes.|duration_stretch=0.8000"
    assert said.duration_s == pytest.approx(1.0 / 0.8, abs=0.01)
    assert [word for word, _, _ in said.words] == ["so", "it", "goes"]
    assert (said.words[0][1], said.words[-1][2]) == (0.0, pytest.approx(said.duration_s))


def test_flite_that_is_not_there_is_misuse(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="no program 'flite'"):
        Flite()


needs_hibari = pytest.mark.skipif(find_spec("hibari") is None, reason="needs pip install 'fdbench[suite]'")


@needs_hibari
def test_real_speech_has_the_same_bytes_again(tmp_path):
    for name in ("one", "again"):
        make_edition(tmp_path / name, 3, 2, Hibari(), lambda line: None)
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "again")
    checked = check_data(tmp_path / "one")
    assert (checked.n_errors, checked.n_warnings) == (0, 1)


@needs_hibari
def test_a_voice_that_is_played_slower_is_lower_and_not_slower():
    engine = Hibari()
    low, high = (speak(engine, Voice("v", "heart", rate), "my father bought a small boat.", 1.0, 0) for rate in (0.85, 1.17))
    assert low.duration_s == pytest.approx(high.duration_s, rel=0.2)  # not 1.38 times as long
    centroids = []
    for said in (low, high):
        power = np.abs(np.fft.rfft(said.samples)) ** 2
        centroids.append(float((power * np.fft.rfftfreq(len(said.samples), 1 / 24000)).sum() / power.sum()))
    assert centroids[0] < 0.95 * centroids[1]
