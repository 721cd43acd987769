"""``--model recordings:DIR``: what was recorded elsewhere is scored as if it had been recorded here."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import soundfile

from fdbench.core.sound import Audio
from fdbench.io.wav import as_pcm16, resampled
from fdbench.report.rows import read_run
from fdbench.task.load import load_samples, task_specs
from tests.conftest import MINI_ALONE, fdbench, sample_scores, summaries
from tests.e2e.test_bad_input import write_set

PROBES = ("backchannel", "interruption", "noise", "side_talk")
TASK = "mini/turn_taking"
IDS = ("tt-01", "tt-02")
BY_THE_USER_HEARD = ("stop_latency_s", "lost_per_turn_s", "lost_worded_s")
OFFSET_S = 0.32
"""Ten windows of the detector, so that it hears the recording cut up as before."""


def run(folder, out, *options, tasks=TASK):
    return fdbench(
        "run", "--model", f"recordings:{folder}", "--tasks", tasks, "--limit", "2", "--asr", "sphinx", "--workers", "1",
        "--out", out, *options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def called(record_once):
    """The endpointer, called: two samples of each task of mini."""
    pytest.importorskip("pocketsphinx", reason="needs pip install 'fdbench[sphinx]'")
    return record_once("vad-endpointer", "--tasks", MINI_ALONE, "--limit", "2", "--asr", "sphinx")


def said(called, task=TASK):
    """What the endpointer said from t = 0 on: (id, 16 bit samples, rate)."""
    for file in sorted(called.glob(f"audio/{task}/*.model.flac")):
        samples, rate = soundfile.read(file, dtype="int16")
        record = json.loads((called / "takes" / task / file.name.replace(".model.flac", ".json")).read_text())
        yield record["sample"], samples[round(-record["model"]["start_s"] * rate) :], rate


def write(folder, called, change=lambda samples, rate: samples, task=TASK, suffix="wav"):
    """A folder of recordings, ``<task>/<id>.wav``."""
    for sample_id, samples, rate in said(called, task):
        (folder / task).mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / task / f"{sample_id}.{suffix}", change(samples, rate), rate)
    return folder


def numbers(run):
    """Every summary without its signature, which names the clock."""
    return {
        (protocol, name, metric): {**summary, "signature": ""}
        for protocol, tasks in summaries(run).items()
        for name, task in tasks.items()
        for metric, summary in task["metrics"].items()
    }


def latencies(run):
    scores = sample_scores(run, "fdbench")
    return {key: each["response_latency_s"]["value"] for key, each in scores.items()}


def record(run, sample_id, task=TASK):
    return json.loads((run / "takes" / task / f"{sample_id}@main.r0.json").read_text())


@pytest.fixture(scope="module")
def recorded(called, tmp_path_factory):
    """The endpointer's turn-taking as recordings, run."""
    root = tmp_path_factory.mktemp("recorded")
    finished = run(write(root / "elsewhere", called), root / "out")
    assert finished.status == 0, finished.err
    return finished.run


def test_recordings_of_a_model_give_the_numbers_of_the_model(record_once, tmp_path):
    called = record_once("vad-endpointer", "--tasks", MINI_ALONE, "--limit", "1", "--asr", "sphinx")
    for task in ("backchannel", "pause_handling", "turn_taking", "user_interruption"):
        write(tmp_path / "My Model", called, task=f"mini/{task}")
    finished = run(tmp_path / "My Model", tmp_path / "out", "--limit", "1", tasks=MINI_ALONE)
    assert finished.status == 0, finished.err
    recorded, in_calls = numbers(finished.run), numbers(called)
    for key in [key for key in in_calls if key[2] in BY_THE_USER_HEARD and key[1] == "mini/user_interruption"]:
        # Where the user is heard is found in the prompt, here at its own rate and there as the model got it.
        assert recorded.pop(key)["value"] == pytest.approx(in_calls.pop(key)["value"], abs=0.032)
    assert recorded == in_calls
    manifest = (finished.run / "manifest.json").read_text()
    collection = json.loads(manifest)["collection"]
    told = {key: collection[key] for key in ("model", "kind", "adapter", "clock", "placement", "arguments")}
    assert told == {
        "model": "My Model", "kind": "recordings", "adapter": "recordings", "clock": "given", "placement": "given",
        "arguments": {"channel": None, "offset_s": 0.0},
    }  # fmt: skip
    assert finished.run.name.startswith("my-model-")
    assert not [file for file in finished.run.rglob("*.json*") if str(tmp_path) in file.read_text()]


def test_a_run_of_recordings_is_a_run_like_any_other(recorded):
    before = numbers(recorded)
    shutil.rmtree(recorded / "scores")
    assert fdbench("annotate", recorded, "--asr", "sphinx").status == 0
    assert fdbench("score", recorded, "--asr", "sphinx", "--workers", "1").status == 0
    assert numbers(recorded) == before
    assert {(row.collection.kind, row.collection.clock) for row in read_run(recorded)} == {("recordings", "given")}
    page = recorded.parent.parent / "page.md"
    assert fdbench("leaderboard", "--results", recorded.parent, "--out", page).status == 0
    assert "elsewhere (recordings)" in page.read_text()


def test_a_prompt_beside_a_reply_in_two_channels_is_told_apart_by_channel(called, recorded, tmp_path):
    def beside_noise(samples, rate):
        noise = np.random.default_rng(0).integers(-3000, 3000, len(samples)).astype(np.int16)
        return np.stack([noise, samples], axis=1)

    folder = write(tmp_path / "stereo", called, beside_noise, suffix="flac")
    right = run(folder, tmp_path / "out", "--arg", "channel=1")
    assert right.status == 0, right.err
    assert numbers(right.run) == numbers(recorded)
    for options, told in (((), "2 channels, and none of them chosen"), (("--arg", "channel=2"), "no channel 2")):
        wrong = run(folder, tmp_path / "out", *options)
        assert wrong.status == 3
        assert wrong.run != right.run
        assert f"mini/turn_taking/tt-01.flac: {told}" in wrong.err


def test_an_offset_moves_every_reply_by_exactly_that_much(called, recorded, tmp_path):
    folder = write(tmp_path / "late", called)
    later = run(folder, tmp_path / "out", "--arg", f"offset_s={OFFSET_S}", "--protocol", "fdbench")
    assert later.status == 0, later.err
    assert later.run.name != run(folder, tmp_path / "out", "--protocol", "fdbench").run.name
    for key, latency_s in latencies(recorded).items():
        assert latencies(later.run)[key] == pytest.approx(latency_s + OFFSET_S, abs=1e-9)


def test_an_offset_undoes_what_was_recorded_before_the_prompt_or_left_out_of_it(called, recorded, tmp_path):
    def begun_early(samples, rate):
        return np.concatenate([np.full(round(1.03 * rate), 999, np.int16), samples])

    def begun_late(samples, rate):
        return samples[round(OFFSET_S * rate) :]

    early = run(write(tmp_path / "early", called, begun_early), tmp_path / "out", "--arg", "offset_s=-1.03")
    assert numbers(early.run) == numbers(recorded)
    assert record(early.run, "tt-01")["model"]["start_s"] == -1.03
    late = run(write(tmp_path / "late", called, begun_late), tmp_path / "out", "--arg", f"offset_s={OFFSET_S}")
    assert numbers(late.run) == numbers(recorded), "the endpointer is silent that early"


def test_auto_places_each_recording_by_the_prompt_beside_it(called, recorded, tmp_path):
    def begun_early_with_the_user_beside(samples, rate):
        prompt = next(prompts)
        before = np.zeros(round(1.25 * rate), np.int16)
        user = np.concatenate([before, as_pcm16(resampled(prompt, rate))])
        model = np.concatenate([before, samples])
        n = max(len(user), len(model))
        return np.stack([np.pad(each, (0, n - len(each))) for each in (user, model)], axis=1)

    stimuli = {sample.id: sample.stimuli["main"] for sample in load_samples(task_specs()[TASK], None).samples}
    prompts = (stimuli[sample_id].load() for sample_id in IDS)
    folder = write(tmp_path / "stereo", called, begun_early_with_the_user_beside)
    options = ("--protocol", "fdbench", "--arg", "channel=1")
    refused = run(folder, tmp_path / "out", *options)
    assert refused.status == 3
    assert "tt-01.wav: the prompt begins at +1.250 s" in refused.err
    assert "--arg offset_s=-1.25" in refused.err
    auto = run(folder, tmp_path / "out", *options, "--arg", "offset_s=auto")
    assert auto.status == 0, auto.err
    assert json.loads((auto.run / "manifest.json").read_text())["collection"]["arguments"]["offset_s"] == "auto"
    assert record(auto.run, "tt-01")["model"]["start_s"] == pytest.approx(-1.25, abs=0.001)
    for key, latency_s in latencies(recorded).items():
        assert latencies(auto.run)[key] == pytest.approx(latency_s, abs=0.05)
    again = run(folder, tmp_path / "out", *options, "--arg", "offset_s=auto")
    assert (again.status, again.run) == (0, auto.run)


def test_a_mono_mix_and_a_leak_are_refused_with_the_leak_as_a_figure_of_the_run(called, tmp_path):
    def mixed(samples, rate):
        user = resampled(next(prompts), rate)
        quieter = as_pcm16(Audio(user.samples * np.float32(10 ** (next(gains_db) / 20)), rate))
        n = max(len(quieter), len(samples))
        return np.pad(quieter, (0, n - len(quieter))) + np.pad(samples, (0, n - len(samples)))

    stimuli = {sample.id: sample.stimuli["main"] for sample in load_samples(task_specs()[TASK], None).samples}
    prompts, gains_db = (stimuli[sample_id].load() for sample_id in IDS), iter((-6.0, -38.0))
    finished = run(write(tmp_path / "mix", called, mixed), tmp_path / "out", "--protocol", "fdbench")
    assert finished.status == 3
    assert "tt-01.wav: the prompt itself is heard in the model's channel, -6.0 dB" in finished.err
    assert "tt-02.wav: the prompt itself is heard in the model's channel, -38.0 dB" in finished.err
    assert "the user is audible in the model's channel of 2 recordings, at -6.0 dB where it is loudest" in finished.err


def test_what_is_wrong_with_one_recording_is_its_status_and_the_next_start_completes_the_run(called, recorded, tmp_path):
    folder = write(tmp_path / "elsewhere", called)
    file = folder / TASK / "tt-02.wav"
    whole = file.read_bytes()
    (folder / TASK / "tt-99.wav").write_bytes(whole)

    def without():
        file.unlink()

    def corrupt():
        file.write_bytes(b"this is not audio")

    def doubled():
        file.write_bytes(whole)
        (folder / TASK / "tt-02").mkdir()
        shutil.copy(file, folder / TASK / "tt-02" / "output.wav")

    told = {
        without: "recording_missing: no recording; looked for mini/turn_taking/tt-02.wav, mini/turn_taking/tt-02/output.wav",
        corrupt: "recording: mini/turn_taking/tt-02.wav: not a readable audio file",
        doubled: "recording: mini/turn_taking/tt-02.wav and mini/turn_taking/tt-02/output.wav: both are its recording",
    }
    for fault, message in told.items():
        fault()
        finished = run(folder, tmp_path / "out")
        assert finished.status == 3
        assert f"fdbench: {TASK} tt-02: {message}" in finished.err
        assert "1 of its recordings belong to no sample of these tasks: mini/turn_taking/tt-99.wav" in finished.err
        assert record(finished.run, "tt-02")["status"] == "failed"
        scores = sample_scores(finished.run, "fdbench")
        reason = "audio_missing" if fault is without else "audio_unreadable"
        assert {(each["status"], each["reason"]) for each in scores[(TASK, "tt-02")].values()} == {("error", reason)}
        assert scores[(TASK, "tt-01")] == sample_scores(recorded, "fdbench")[(TASK, "tt-01")]
    shutil.rmtree(folder / TASK / "tt-02")
    complete = run(folder, tmp_path / "out")
    assert complete.status == 0, complete.err
    assert complete.run == finished.run
    assert numbers(complete.run) == numbers(recorded)
    lines = (complete.run / "attempts.jsonl").read_text().splitlines()
    assert sum("tt-01@main.r0" in line for line in lines) == 1, "what had been read was not read again"


def test_two_contents_never_share_a_run(called, tmp_path):
    folder = write(tmp_path / "elsewhere", called)
    first = run(folder, tmp_path / "out", "--protocol", "fdbench")
    before = {path: path.read_bytes() for path in first.run.rglob("*") if path.is_file()}
    write(folder, called, lambda samples, rate: samples // 2)
    refused = run(folder, tmp_path / "out", "--protocol", "fdbench")
    assert refused.status == 2
    assert "was made from other recordings" in refused.err
    assert "2 of its samples: mini/turn_taking tt-01, mini/turn_taking tt-02" in refused.err
    assert {path: path.read_bytes() for path in first.run.rglob("*") if path.is_file()} == before
    renamed = run(folder, tmp_path / "out", "--protocol", "fdbench", "--arg", "name=quieter")
    assert renamed.status == 0, renamed.err
    assert renamed.run.name.startswith("quieter-")


def test_a_recording_that_went_stays_in_the_run_and_other_tasks_join_it(called, tmp_path):
    folder = write(tmp_path / "elsewhere", called)
    first = run(folder, tmp_path / "out", "--protocol", "fdbench")
    (folder / TASK / "tt-01.wav").unlink()
    write(folder, called, task="mini/pause_handling")
    both = run(folder, tmp_path / "out", "--protocol", "fdbench", tasks=f"{TASK},mini/pause_handling")
    assert both.status == 0, both.err
    assert both.run == first.run
    assert {task for task, _ in sample_scores(both.run, "fdbench")} == {TASK, "mini/pause_handling"}
    write(folder, called, lambda samples, rate: samples // 2)
    refused = run(folder, tmp_path / "out", "--protocol", "fdbench", tasks="mini/pause_handling")
    assert "2 of its samples: mini/turn_taking" in refused.err, "also where that task is not asked for"


def test_a_folder_in_which_nothing_fits_is_refused_before_the_run(tmp_path):
    (tmp_path / "rec").mkdir()
    soundfile.write(tmp_path / "rec" / "holiday.wav", np.zeros(8000), 8000)
    for command in (("run", "--tasks", TASK, "--asr", "sphinx", "--out", tmp_path / "out"), ("doctor",)):
        finished = fdbench(*command, "--model", f"recordings:{tmp_path / 'rec'}")
        assert finished.status == 2
        assert "no recording of any of the" in finished.err
        assert "/tt-01.wav" in finished.err if command[0] == "run" else "mini/backchannel/bc-01.wav" in finished.err
        assert "found holiday.wav" in finished.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("model", "options", "told"),
    [
        ("recordings", (), "write recordings:DIR"),
        ("recordings:", (), "write recordings:DIR"),
        ("recordings:nowhere", (), "no folder nowhere"),
        ("recordings:.", ("--arg", "chanel=1"), "did you mean 'channel'"),
        ("recordings:.", ("--arg", "channel=-1"), "channels are counted from 0"),
        ("recordings:.", ("--arg", "channel=left"), "expected int or none"),
        ("recordings:.", ("--arg", "offset_s=nan"), "expected float"),
        ("recordings:.", ("--arg", "offset_s=1920"), "in seconds"),
        ("recordings:.", ("--arg", "offset_s=automatic"), "expected float or auto"),
        ("recordings:.", ("--arg", "name="), "expected a name"),
        ("recordings:.", ("--lead-in", "0"), "offset_s"),
        ("recordings:.", ("--repeats", "2"), "one recording per sample"),
        ("recordings:.", ("--slots", "2"), "nobody is called"),
        ("recordings:.", ("--tail-limit", "5"), "nobody is called"),
    ],
)
def test_misuse_is_two_lines_and_status_2(tmp_path, model, options, told):
    finished = fdbench("run", "--model", model, "--tasks", TASK, "--asr", "sphinx", *options, cwd=tmp_path)
    assert finished.status == 2
    assert told in finished.err
    assert len(finished.err.strip().splitlines()) == 2
    assert list(tmp_path.iterdir()) == []


def test_doctor_reads_every_recording_and_says_for_which_task_it_would_do(called, tmp_path):
    folder = write(tmp_path / "rec", called)
    finished = fdbench("doctor", "--model", f"recordings:{folder}", "--json")
    assert finished.status == 3
    (check,) = [check for check in json.loads(finished.out) if check["name"] == TASK]
    assert check["detail"].startswith("2 of 12 samples have a recording that can be scored; first of 10 that have none: tt-03")
    flat = tmp_path / "flat"
    shutil.copytree(folder / TASK, flat)
    (check,) = [check for check in json.loads(fdbench("doctor", "--model", f"recordings:{flat}", "--json").out)
                if check["name"] == TASK]  # fmt: skip
    assert f"scored with --tasks {TASK}" in check["detail"]


def test_a_flat_folder_does_for_one_task(called, recorded, tmp_path):
    flat = write(tmp_path / "nested", called) / TASK
    finished = run(flat, tmp_path / "out")
    assert finished.status == 0, finished.err
    assert numbers(finished.run) == numbers(recorded)


def test_upstreams_layout_is_found_by_the_name_of_its_set(called, tmp_path):
    write_set(tmp_path / "data", len(IDS))
    folder = tmp_path / "replies" / "v1.0" / "candor_turn_taking"
    for index, (_, samples, rate) in enumerate(said(called)):
        (folder / str(index)).mkdir(parents=True)
        for name in ("output.wav", "input.wav"):
            soundfile.write(folder / str(index) / name, samples, rate)
    options = ("--data", tmp_path / "data", "--protocol", "fdbench")
    finished = run(tmp_path / "replies", tmp_path / "out", *options, tasks="v1/turn_taking.candor")
    assert finished.status == 0, finished.err
    assert finished.err == "", "the prompts beside the replies are not told as left out"
    metrics = summaries(finished.run)["fdbench"]["v1/turn_taking.candor"]["metrics"]
    assert metrics["response_latency_s"]["n_scored"] == len(IDS)


def test_the_list_of_models_says_how_to_name_a_folder():
    rows = {row["name"]: row for row in json.loads(fdbench("list", "models", "--json").out)}
    assert (rows["recordings:DIR"]["kind"], rows["recordings:DIR"]["clock"]) == ("recordings", "given")


def test_a_clip_that_was_copied_under_another_name_is_told(tmp_path):
    """A benchmark that was put together by hand: two of its clips are one."""
    clips = write_set(tmp_path / "data", 3)
    shutil.rmtree(clips / "2")
    shutil.copytree(clips / "1", clips / "2")
    folder = tmp_path / "elsewhere" / clips.name
    folder.mkdir(parents=True)
    noise = 0.05 * np.random.default_rng(0).normal(size=48_000)
    for name in ("1", "2"):
        soundfile.write(folder / f"{name}.wav", noise, 16_000)
    task = "v1/turn_taking.candor"
    finished = fdbench(
        "run", "--model", f"recordings:{folder.parent}", "--tasks", task, "--data", tmp_path / "data", "--asr", "none",
        "--protocol", "fdbench", "--workers", "1", "--out", tmp_path / "out",
    )  # fmt: skip
    assert "2: the same prompt and recording as 1, so that the clip counts twice" in finished.err


def exported(tmp_path, *tasks: str):
    finished = fdbench("data", "export", "--tasks", ",".join(tasks), "--wav", tmp_path / "prompts")
    assert finished.status == 0, finished.err
    return json.loads((tmp_path / "prompts" / "prompts.json").read_text())["prompts"]


def unheard(folder, out, tasks, *options):
    command = ("--tasks", tasks, "--asr", "none", "--protocol", "fdbench", "--workers", "1", "--out", out)
    return fdbench("run", "--model", f"recordings:{folder}", *command, *options)


def test_prompts_go_out_as_wav_and_replies_come_back_by_a_pattern(tmp_path):
    """What a user does who plays prompts elsewhere: the replies are numbered as the list numbers the prompts."""
    prompts = exported(tmp_path, TASK)
    assert [prompt["n"] for prompt in prompts] == list(range(1, 13))
    for prompt in prompts:
        audio, rate = soundfile.read(tmp_path / "prompts" / prompt["file"], dtype="int16")
        assert (rate, len(audio) / rate) == (prompt["sample_rate"], pytest.approx(prompt["duration_s"]))
        (tmp_path / "replies").mkdir(exist_ok=True)
        soundfile.write(tmp_path / "replies" / f"sample_{prompt['n']:03}_out.wav", np.zeros_like(audio), rate)
        silence_at(tmp_path / "alike" / prompt["file"])
    finished = unheard(tmp_path / "replies", tmp_path / "out", TASK, "--arg", "pattern=sample_{n}_out.wav")
    assert finished.status in (0, 3), finished.err
    records = [json.loads(path.read_text()) for path in finished.run.rglob("takes/**/*.json")]
    assert len(records) == 12
    assert all(record["model"] for record in records)
    same = unheard(tmp_path / "alike", tmp_path / "out", TASK)
    assert len(list(same.run.rglob("audio/**/*.model.flac"))) == 12, "names as they were exported need no pattern"


def test_pairs_go_out_with_their_twins_and_dialogues_do_not(tmp_path):
    finished = fdbench("data", "export", "--tasks", "mini/overlap.user_backchannel,mini/dialogue", "--wav", tmp_path / "p")
    assert finished.status == 3
    assert "mini/dialogue" in finished.err
    assert "an examiner holds it" in finished.err
    listed = json.loads((tmp_path / "p" / "prompts.json").read_text())["prompts"]
    assert {prompt["stimulus"] for prompt in listed} == {"main", "clean"}
    assert all((tmp_path / "p" / prompt["file"]).is_file() for prompt in listed)


@pytest.mark.parametrize("target", ["--wav", "--to"])
def test_what_is_no_prompt_is_a_line_and_no_loss_where_a_family_was_asked_for(target, tmp_path):
    if target == "--to":
        pytest.importorskip("datasets", reason="needs pip install 'fdbench[data]'")
    finished = fdbench("data", "export", "--tasks", "mini", target, tmp_path / "p")
    assert finished.status == 0, finished.err
    told = finished.err.splitlines()
    assert [line.split(": ")[1] for line in told] == ["mini/dialogue", *(f"mini/probe.{kind}" for kind in PROBES)]
    assert all(": left out: " in line for line in told) and "probe" not in finished.out
    assert fdbench("data", "export", "--tasks", "mini/dialogue", target, tmp_path / "q").status == 3, "that was the loss of all"


def test_an_export_as_wav_spoils_no_folder_of_others(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    finished = fdbench("data", "export", "--tasks", TASK, "--wav", tmp_path)
    assert finished.status == 2
    assert "holds no prompts" in finished.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("sample_out.wav", "nothing in it tells one sample from another"),
        ("{number}.wav", "unknown {number}"),
        ("sample_{n.wav", "--arg pattern=sample_{n.wav"),
        ("sample_{n:03d}.wav", "{n:03d}: a number is found with any zeros before it"),
        ("{id!r}.wav", "{id!r}: "),
        ("../{n}.wav", "--arg pattern=../{n}.wav: leads out of the folder"),
        ("a/../../{n}.wav", "leads out of the folder"),
        ("/tmp/{n}.wav", "leads out of the folder"),
        ("~/{n}.wav", "leads out of the folder"),
        ("away/{n}.wav", "away/1.wav is a link that leads out of"),
    ],
)
def test_a_pattern_that_names_no_sample_or_leads_out_is_misuse(pattern, told, tmp_path):
    silence_at(tmp_path / "elsewhere" / "1.wav")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "away").symlink_to(tmp_path / "elsewhere")
    finished = unheard(tmp_path / "in", tmp_path / "out", TASK, "--arg", f"pattern={pattern}")
    assert finished.status == 2
    assert told in finished.err
    assert len(finished.err.strip().splitlines()) == 2
    assert not (tmp_path / "out").exists()


def silence_at(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.zeros(16000, np.int16), 16000)


def test_a_file_that_a_pattern_gives_to_two_samples_is_misuse(tmp_path):
    silence_at(tmp_path / "r" / "1.wav")
    finished = unheard(tmp_path / "r", tmp_path / "out", f"{TASK},mini/backchannel", "--arg", "pattern={n}.wav")
    assert finished.status == 2
    assert "1.wav would be of mini/" in finished.err
    assert "add {task}" in finished.err


def test_what_a_pattern_does_not_find_is_said_with_what_was_looked_for(tmp_path):
    silence_at(tmp_path / "r" / "out-1.wav")
    finished = unheard(tmp_path / "r", tmp_path / "out", TASK, "--arg", "pattern=sample_{n}.wav")
    assert finished.status == 2
    assert "looked for sample_1.wav" in finished.err
    assert "found out-1.wav" in finished.err


def test_two_files_that_fit_one_sample_are_its_error(tmp_path):
    silence_at(tmp_path / "r" / "1.wav", tmp_path / "r" / "01.wav")
    finished = unheard(tmp_path / "r", tmp_path / "out", TASK, "--limit", "1", "--arg", "pattern={n}.wav")
    assert finished.status == 3
    assert "1.wav and 01.wav: both are its recording by name" in finished.err
