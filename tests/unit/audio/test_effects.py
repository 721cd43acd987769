"""Effects on the way: the same bytes however sound is cut, and what was declared is measured back."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from fdbench.audio.active_speech import active_speech
from fdbench.audio.effects import g711, material
from fdbench.audio.effects.loss import packets_in_speech
from fdbench.audio.effects.room import exponential
from fdbench.audio.effects.scene import Scene
from fdbench.audio.effects.table import effect_of
from fdbench.core.sound import Audio
from fdbench.core.span import Span
from fdbench.errors import UsageError
from fdbench.io.wav import resampled
from fdbench.task.load import TaskLoader, select_tasks

RATES = (16000, 24000)


def needs(package, extra):
    there = importlib.util.find_spec(package) is not None
    return pytest.mark.skipif(not there, reason=f"needs pip install 'fdbench[{extra}]'")


OPUS, ROOMS, AEC = needs("opuslib_next", "opus"), needs("pyroomacoustics", "rooms"), needs("pywebrtc_audio", "aec")

EFFECTS = {
    "white noise": {"effect": "noise", "kind": "white", "snr_db": 10},
    "speech-shaped noise": {"effect": "noise", "kind": "speech_shaped", "snr_db": 0},
    "babble": {"effect": "noise", "kind": "babble", "snr_db": 10, "voices": 8},
    "a competing talker": {"effect": "noise", "kind": "talker", "snr_db": 20},
    "clipping": {"effect": "clip", "gain_db": 20},
    "8 kHz": {"effect": "telephone", "code": "none"},
    "mu-law": {"effect": "telephone", "code": "mu"},
    "A-law": {"effect": "telephone", "code": "a"},
    "GSM": {"effect": "telephone", "code": "gsm"},
    "the telephone's band": {"effect": "telephone", "code": "mu", "band": True},
    "a room": {"effect": "room", "t60_s": 0.4, "drr_db": 6},
    "loss": {"effect": "loss", "loss_pc": 10, "burst": 3},
    "loss, repeated": {"effect": "loss", "loss_pc": 20, "burst": 3, "conceal": "repeat"},
    "exactly so many": {"effect": "loss", "frames": 7},
    "jitter": {"effect": "jitter", "jitter_ms": 40},
    "a slow clock": {"effect": "drift", "ppm": 100},
    "a fast clock": {"effect": "drift", "ppm": -1000},
    "one's own echo": {"effect": "self_echo", "ser_db": 0},
}
EXTRAS = [
    pytest.param({"effect": "room", "t60_s": 0.4, "kind": "image_source"}, id="a shoebox", marks=ROOMS),
    pytest.param({"effect": "opus", "kbit": 24}, id="Opus", marks=OPUS),
    pytest.param({"effect": "opus", "kbit": 12, "loss_pc": 10, "conceal": "fec"}, id="Opus with FEC", marks=OPUS),
    pytest.param({"effect": "opus", "kbit": 12, "loss_pc": 10, "conceal": "zero"}, id="Opus, lost is silent", marks=OPUS),
    pytest.param({"effect": "aec3"}, id="AEC3", marks=AEC),
]
EVERY = [*(pytest.param(facts, id=name) for name, facts in EFFECTS.items()), *EXTRAS]


@pytest.fixture(scope="module")
def prompt():
    """A clip of the embedded suite, at 16 kHz: 0.5 s of silence, then speech."""
    (task,) = select_tasks("mini/turn_taking", None)
    sample = TaskLoader(None).load(task, limit=1).samples[0]
    return sample.stimuli["main"], resampled(sample.stimuli["main"].load(), 16000)


def scene_at(prompt, rate, seed=1, lead_in_s=0.5):
    stimulus, audio = prompt
    level_dbfs, spans = active_speech(audio)
    said = np.concatenate([np.zeros(round(lead_in_s * rate), np.float32), resampled(audio, rate).samples])
    hashes = frozenset(placement.sha256 for placement in stimulus.placements)
    return said, Scene(seed, level_dbfs, tuple(span.shifted(lead_in_s) for span in spans), hashes)


def through(facts, said, back, rate, scene, cuts=()):
    effect, out, at = effect_of(facts, rate, scene), [], 0
    for n in (*cuts, len(said)):
        out.append(effect.step(said[at : at + n], back[at : at + n]))
        at += n
        if at >= len(said):
            break
    return np.concatenate(out), effect


def random_cuts(seed):
    return np.random.default_rng(seed).integers(0, 900, 2000).tolist()


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("facts", EVERY)
def test_the_same_bytes_however_sound_is_cut(facts, rate, prompt):
    said, scene = scene_at(prompt, rate)
    said = said[: 3 * rate]
    back = np.roll(said, rate // 3)[::-1].copy()
    whole, _ = through(facts, said, back, rate, scene)
    assert whole.dtype == np.float32 and len(whole) == len(said) and np.isfinite(whole).all()
    for seed in (1, 2):
        assert through(facts, said, back, rate, scene, random_cuts(seed))[0].tobytes() == whole.tobytes()
    frames = [rate // 50] * 200
    assert through(facts, said, back, rate, scene, frames)[0].tobytes() == whole.tobytes()
    assert np.abs(whole - said).max() > 1e-4, "it does something"


def test_nothing_needs_the_future(prompt):
    """What comes later changes nothing of what was heard before."""
    rate = 16000
    said, scene = scene_at(prompt, rate)
    said, later = said[: 2 * rate], said[: 2 * rate].copy()
    later[rate:] = 0.0
    for name, facts in EFFECTS.items():
        ours, other = (through(facts, each, each, rate, scene)[0] for each in (said, later))
        assert np.array_equal(ours[:rate], other[:rate]), name


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("kind", ["white", "speech_shaped", "babble", "talker"])
@pytest.mark.parametrize("snr_db", [20, 0])
def test_silence_in_gives_noise_at_the_declared_level_under_the_users_speech(kind, snr_db, rate, prompt):
    said, scene = scene_at(prompt, rate)
    noise, _ = through({"effect": "noise", "kind": kind, "snr_db": snr_db}, np.zeros_like(said), said, rate, scene)
    spoken = np.concatenate([np.arange(round(each.start_s * rate), round(each.end_s * rate)) for each in scene.speech])
    power = [10 * np.log10(np.mean(np.square(sound[spoken], dtype=np.float64))) for sound in (said, noise)]
    assert power[0] == pytest.approx(scene.level_dbfs, abs=0.1)
    assert power[0] - power[1] == pytest.approx(snr_db, abs=0.1)
    assert np.any(noise[: rate // 4]), "also before the prompt"


def test_silence_in_gives_silence_where_nothing_is_added(prompt):
    rate, quiet = 16000, np.zeros(16000, np.float32)
    for name, facts in EFFECTS.items():
        if facts["effect"] == "noise":
            continue
        heard, _ = through(facts, quiet, quiet, rate, Scene())
        # A-law has no code for nothing, and GSM's decoder a step of its own.
        assert np.abs(heard).max() <= (20 / 32768 if name in ("A-law", "GSM") else 1e-6), name


def test_babble_has_neither_the_prompts_voice_nor_its_words(prompt):
    stimulus, _ = prompt
    hashes = frozenset(placement.sha256 for placement in stimulus.placements)
    known = {each.sha256: each for each in material._utterances()}
    voices = {known[sha].voice for sha in hashes}
    assert voices and hashes <= known.keys()
    free, without = (material.babble(16000, 8, each) for each in (frozenset(), hashes))
    assert not np.array_equal(free, without)
    everybody = frozenset(known)
    with pytest.raises(UsageError, match="no voice is left"):
        material.babble(16000, 1, everybody)


@pytest.mark.parametrize("t60_s", [0.2, 0.4, 0.6, 1.0])
@pytest.mark.parametrize("rate", RATES)
def test_reverberation_is_as_long_and_as_loud_as_it_was_asked_for(t60_s, rate):
    impulse = np.zeros(round(2.5 * rate), np.float32)
    impulse[0] = 1.0
    heard, effect = through({"effect": "room", "t60_s": t60_s, "drr_db": 6}, impulse, impulse, rate, Scene())
    assert effect.delay_s == 0 and heard[0] == 1.0
    tail = heard[1:].astype(np.float64)
    assert -10 * np.log10(np.sum(tail**2)) == pytest.approx(6, abs=0.1)
    left = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1] / np.sum(tail**2) + 1e-12)  # Schroeder's integral
    begins, ends = (int(np.argmax(left < level)) for level in (-5, -35))
    assert 2 * (ends - begins) / rate == pytest.approx(t60_s, rel=0.03)


def test_a_room_is_what_convolution_says(prompt):
    said, scene = scene_at(prompt, 16000)
    said = said[:32000]
    heard, _ = through({"effect": "room", "t60_s": 0.3, "drr_db": 0}, said, said, 16000, scene)
    expected = np.convolve(said.astype(np.float64), exponential(0.3, 0, 16000).astype(np.float64))[: len(said)]
    np.testing.assert_allclose(heard, expected, atol=1e-6)


def delay_of(heard, said):
    """Samples by which it is later, by the cross-correlation's peak."""
    n = len(said)
    spectrum = np.fft.rfft(heard, 2 * n) * np.conj(np.fft.rfft(said, 2 * n))
    lags = np.fft.irfft(spectrum)
    return int(np.argmax(lags[: n // 2]))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(
    ("facts", "within"),
    [
        ({"effect": "delay", "delay_ms": 200}, 0),
        ({"effect": "telephone", "code": "none"}, 0),
        ({"effect": "telephone", "code": "mu"}, 0),
        ({"effect": "telephone", "code": "gsm"}, 1),
        ({"effect": "telephone", "code": "mu", "band": True}, 0),
        ({"effect": "loss", "loss_pc": 5}, 0),
        ({"effect": "jitter", "jitter_ms": 10}, 0),
        ({"effect": "room", "t60_s": 0.4}, 0),
        # What the library declares; its own high-pass moves the peak of speech by 0.3 ms.
        pytest.param({"effect": "opus", "kbit": 24}, 7, marks=OPUS),
        pytest.param({"effect": "opus", "kbit": 24, "conceal": "fec"}, 7, marks=OPUS),
        pytest.param({"effect": "aec3"}, 24, marks=AEC),  # its filter bank: 1 ms
    ],
)
def test_the_declared_delay_is_the_measured_one(facts, within, rate, prompt):
    said, scene = scene_at(prompt, rate)
    heard, effect = through(facts, said, np.zeros_like(said), rate, scene)
    assert abs(delay_of(heard, said) - effect.delay_s * rate) <= within + 0.51


@pytest.mark.parametrize("ppm", [-100, 50, 100])
def test_a_drifting_clock_is_late_by_what_it_says(ppm):
    rate = 16000
    tone = np.sin(2 * np.pi * 300 * np.arange(20 * rate) / rate).astype(np.float32)
    heard, effect = through({"effect": "drift", "ppm": ppm}, tone, tone, rate, Scene())
    for at_s in (1.0, 10.0, 19.0):
        at = np.arange(round(at_s * rate), round(at_s * rate) + 160)
        expected = np.sin(2 * np.pi * 300 * (at / rate - np.array([effect.delay_at_s(t / rate) for t in at])))
        assert np.abs(heard[at] - expected).max() < 3e-3
    assert effect.delay_at_s(10) - effect.delay_at_s(0) == pytest.approx(ppm * 1e-5)


def test_loss_is_what_was_asked_for_and_what_is_lost_is_counted():
    rate, n_packets = 16000, 60_000
    scene = Scene(3, speech=(Span(0.0, 600.0),))
    for share, burst in ((5, 1), (5, 3), (20, 5)):
        effect = effect_of({"effect": "loss", "loss_pc": share, "burst": burst}, rate, scene)
        heard = np.concatenate([effect.step(np.ones(16000, np.float32), np.zeros(16000, np.float32)) for _ in range(1200)])
        lost = heard.reshape(n_packets, 320).max(axis=1) == 0
        counted = effect.realised(n_packets * 320)
        assert counted["lost"] == lost.sum() and counted["packets"] == n_packets, "exact"
        assert counted["packets_in_speech"] == 30_000 and counted["lost_in_speech"] == lost[:30_000].sum(), "exact"
        assert lost.mean() == pytest.approx(share / 100, rel=0.1)
        runs = np.diff(np.flatnonzero(np.diff(np.concatenate([[0], lost, [0]]))))[::2]
        assert runs.mean() == pytest.approx(burst if burst > 1 else 1 / 0.95, rel=0.05)


def test_exactly_so_many_packets_of_the_users_speech_are_lost(prompt):
    said, scene = scene_at(prompt, 16000)
    heard, effect = through({"effect": "loss", "frames": 9}, said, said, 16000, scene)
    found = effect.realised(len(said))
    assert found["lost"] == found["lost_in_speech"] == 9
    silent = [k for k in packets_in_speech(scene) if not np.any(heard[k * 320 : (k + 1) * 320])]
    assert len(silent) == 9
    other = through({"effect": "loss", "frames": 9}, said, said, 16000, scene_at(prompt, 16000, seed=2)[1])[0]
    assert not np.array_equal(heard, other), "drawn for each call"


@pytest.mark.parametrize(("jitter_ms", "late_pc"), [(10, 0.01), (20, 1.8), (40, 19.7)])
def test_jitter_loses_what_comes_after_the_playout(jitter_ms, late_pc):
    effect = effect_of({"effect": "jitter", "jitter_ms": jitter_ms}, 8000, Scene(1))
    effect.step(np.ones(160 * 40_000, np.float32), np.zeros(160 * 40_000, np.float32))
    found = effect.realised(160 * 40_000)
    assert 100 * found["lost"] / found["packets"] == pytest.approx(late_pc, abs=0.35)


def test_fec_conceals_better_than_making_it_up_and_that_better_than_silence(prompt):
    pytest.importorskip("opuslib_next", reason="needs pip install 'fdbench[opus]'")
    said, scene = scene_at(prompt, 24000)
    plain, _ = through({"effect": "opus", "kbit": 24}, said, said, 24000, scene)
    snr_db = {}
    for conceal in ("fec", "plc", "zero"):
        facts = {"effect": "opus", "kbit": 24, "loss_pc": 20, "burst": 1, "conceal": conceal}
        heard, effect = through(facts, said, said, 24000, scene)
        later = 480 if conceal == "fec" else 0
        error = heard[later:] - plain[: len(plain) - later]
        snr_db[conceal] = 10 * np.log10(np.sum(plain**2) / np.sum(error**2))
        assert effect.realised(len(said))["lost_in_speech"] > 5
    assert snr_db["fec"] > snr_db["plc"] > snr_db["zero"]


def test_an_echo_has_the_declared_ratio_for_a_model_of_nominal_level_and_tells_that_of_a_louder_one(prompt):
    rate = 16000
    said, scene = scene_at(prompt, rate)
    level_dbfs, _ = active_speech(Audio(said, rate))
    nominal = said * np.float32(10 ** ((-26 - level_dbfs) / 20))
    quiet = np.zeros_like(said)
    for gain_db in (0, 6):
        voice = nominal * np.float32(10 ** (gain_db / 20))
        heard, effect = through({"effect": "self_echo", "ser_db": 10, "t60_s": 0, "echo_ms": 60}, quiet, voice, rate, scene)
        assert active_speech(Audio(heard, rate))[0] == pytest.approx(level_dbfs - 10 + gain_db, abs=0.1)
        assert effect.realised(len(said))["ser_db"] == pytest.approx(10 - gain_db, abs=1.5), "over blocks above -50 dBFS"
        assert not np.any(heard[: round(0.06 * rate)])
    none, _ = through({"effect": "self_echo", "ser_db": None}, said, nominal, rate, scene)
    assert np.array_equal(none, said), "the control"


@AEC
def test_a_canceller_takes_the_echo_out(prompt):
    rate = 16000
    voice = np.tile(resampled(prompt[1], rate).samples, 3)[: 12 * rate]
    quiet = np.zeros_like(voice)
    scene = Scene()
    echo, canceller = effect_of({"effect": "self_echo", "ser_db": 0}, rate, scene), effect_of({"effect": "aec3"}, rate, scene)
    with_echo = echo.step(quiet, voice)
    left = canceller.step(with_echo, voice)
    removed_db = [
        10 * np.log10(np.sum(with_echo[a * rate : b * rate] ** 2) / (np.sum(left[a * rate : b * rate] ** 2) + 1e-12))
        for a, b in ((1, 4), (7, 10))
    ]
    assert removed_db[0] > 10 and removed_db[1] > 25


# G.711

MU_SEGMENTS = [(-1, 2), (31, 4), (95, 8), (223, 16), (479, 32), (991, 64), (2015, 128), (4063, 256)]
"""Of ITU-T G.711, table 2a, in 14-bit units: where each segment begins, and its step."""
A_SEGMENTS = [(0, 2), (32, 2), (64, 4), (128, 8), (256, 16), (512, 32), (1024, 64), (2048, 128)]
"""Of table 1a, in 13-bit units."""


def by_the_table(segments, magnitude, top):
    """Segment and step of a magnitude, by searching the table's decision values."""
    magnitude = min(magnitude, top)
    segment = max(k for k, (begin, _) in enumerate(segments) if begin <= magnitude)
    begin, step = segments[segment]
    return segment, min(15, (magnitude - begin) // step)


def test_every_one_of_the_65536_codes_is_that_of_the_tables():
    every = np.arange(-32768, 32768)
    mu, a = g711.encode_mu(every), g711.encode_a(every)
    for sample, code_mu, code_a in zip(every.tolist(), mu.tolist(), a.tolist(), strict=True):
        # 14 bits for mu-law, 13 for A-law, rounded down as two's complement is; A-law's negative values begin at -1.
        fourteen, thirteen = sample >> 2, sample >> 3
        segment, step = by_the_table(MU_SEGMENTS, abs(fourteen), 8158)
        assert code_mu == 0xFF ^ ((0x80 if fourteen < 0 else 0) | segment << 4 | step), sample
        segment, step = by_the_table(A_SEGMENTS, thirteen if thirteen >= 0 else -thirteen - 1, 4095)
        assert code_a == ((0x80 if thirteen >= 0 else 0) | segment << 4 | step) ^ 0x55, sample


def test_every_code_is_decoded_to_the_middle_of_its_step():
    for code in range(256):
        sign, segment, step = code & 0x80, code >> 4 & 7, code & 15
        begin, width = MU_SEGMENTS[segment]
        expected = 4 * (begin + width * step + width // 2)
        assert g711.decode_mu(np.uint8(code ^ 0xFF)) == (-expected if sign else expected)
        begin, width = A_SEGMENTS[segment]
        expected = 8 * (begin + width * step) + 4 * width
        assert g711.decode_a(np.uint8(code ^ 0x55)) == (expected if sign else -expected)


def test_the_codes_are_those_of_audioop():
    audioop = pytest.importorskip("audioop", reason="gone from Python 3.13")
    every, codes = np.arange(-32768, 32768).astype(np.int16), np.arange(256, dtype=np.uint8)
    assert audioop.lin2ulaw(every.tobytes(), 2) == g711.encode_mu(every).tobytes()
    assert audioop.lin2alaw(every.tobytes(), 2) == g711.encode_a(every).tobytes()
    assert audioop.ulaw2lin(codes.tobytes(), 2) == g711.decode_mu(codes).tobytes()
    assert audioop.alaw2lin(codes.tobytes(), 2) == g711.decode_a(codes).tobytes()


def test_gsm_in_pieces_is_gsm_as_a_whole(prompt):
    """libsndfile's coder over a whole file gives what ours gives frame by frame."""
    import io

    import soundfile

    sound = resampled(prompt[1], 8000).samples[: 160 * 100]
    ours, _ = through({"effect": "telephone", "code": "gsm"}, sound, sound, 8000, Scene(), [37] * 2000)
    file = io.BytesIO()
    soundfile.write(file, sound, 8000, format="RAW", subtype="GSM610")
    whole, _ = soundfile.read(
        io.BytesIO(file.getvalue()), dtype="float32", samplerate=8000, channels=1, format="RAW", subtype="GSM610"
    )
    assert np.array_equal(ours[160:], whole[: len(sound) - 160])


def test_a_folder_of_ones_own_is_noise_too(tmp_path, prompt):
    import soundfile

    said, scene = scene_at(prompt, 16000)
    soundfile.write(tmp_path / "fan.wav", np.random.default_rng(1).normal(0, 0.02, 48000), 24000)
    at_home = Scene(scene.seed, scene.level_dbfs, scene.speech, noise_folder=str(tmp_path))
    facts = {"effect": "noise", "kind": "folder", "snr_db": 10, "sha256": material.digest_of_folder(str(tmp_path))}
    heard, _ = through(facts, said, said, 16000, at_home)
    assert not np.array_equal(heard, said)
    (tmp_path / "fan.wav").rename(tmp_path / "other.wav")
    with pytest.raises(UsageError, match="not the noise of this run"):
        effect_of(facts, 16000, at_home)
    with pytest.raises(UsageError, match="no such folder"):
        effect_of(facts, 16000, scene)


def test_mimi_there_and_back_keeps_what_each_call_remembers_apart(tmp_path):
    pytest.importorskip("moshi", reason="needs pip install 'fdbench[moshi]'")
    from tests.tiny_moshi import make_tiny_moshi

    weights = make_tiny_moshi(tmp_path) / "mimi.safetensors"
    facts = {"effect": "mimi", "weights": str(weights)}
    said = np.random.default_rng(1).normal(0, 0.1, 24000).astype(np.float32)
    other = said[::-1].copy()
    whole, effect = through(facts, said, said, 24000, Scene())
    assert effect.delay_s == pytest.approx(0.08) and np.any(whole) and not np.any(whole[:1920])
    assert through(facts, said, said, 24000, Scene(), random_cuts(1))[0].tobytes() == whole.tobytes()
    one, two = effect_of(facts, 24000), effect_of(facts, 24000)
    pieces = [(one.step(said[k : k + 480], said), two.step(other[k : k + 480], other)) for k in range(0, 24000, 480)]
    assert np.concatenate([piece for piece, _ in pieces]).tobytes() == whole.tobytes()
    with pytest.raises(UsageError, match="no such file"):
        effect_of({"effect": "mimi", "weights": str(tmp_path / "none")}, 24000)
