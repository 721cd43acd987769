"""Known timing in, measured timing out, through speech and VAD, and at release also through ASR: the instrument's own error."""

from __future__ import annotations

import numpy as np
import pytest

from tests.conftest import fdbench, sample_scores

ANSWERED = "mini/pause_handling,mini/turn_taking,mini/user_interruption"


ENGINES = pytest.mark.parametrize(("asr", "n"), [("none", 4), pytest.param("sphinx", 12, marks=pytest.mark.slow)])
"""And how many of the 12 clips of each task."""


def latencies(tmp_path, model, argument, tasks, asr, n):
    if asr == "sphinx":
        pytest.importorskip("pocketsphinx", reason="needs pip install 'fdbench[sphinx]'")
    finished = fdbench(
        "run", "--model", model, "--arg", argument, "--tasks", tasks, "--asr", asr, "--protocol", "fdbench",
        "--limit", n, "--out", tmp_path,
    )  # fmt: skip
    assert finished.status == 0, finished.err
    scores = sample_scores(finished.run, "fdbench")
    return {key: each["response_latency_s"]["value"] for key, each in scores.items()}


@ENGINES
def test_the_oracles_delay_is_measured_to_40_ms_in_the_median_and_100_ms_at_p90(tmp_path, asr, n):
    errors, unanswered = [], []
    for delay_s in (-0.2, 0.0, 0.2, 0.5, 1.0):  # sooner than 0.3 s before the end it is a break-in
        for key, latency_s in latencies(tmp_path, "oracle", f"delay_s={delay_s}", ANSWERED, asr, n).items():
            if latency_s is None:
                unanswered.append((delay_s, key))
            else:
                errors.append(latency_s - delay_s)
    assert not unanswered, "every clip of every delay has a latency"
    assert len(errors) == 5 * 3 * n
    assert np.median(np.abs(errors)) <= 0.040
    assert np.quantile(np.abs(errors), 0.9) <= 0.100


@ENGINES
def test_the_endpointers_latency_follows_its_setting_with_slope_one(tmp_path, asr, n):
    """Intercept: the streaming VAD sees the end of speech late (its hangover), then the answer waits for a frame of 32 ms."""
    settings_ms = (300, 500, 700, 1000, 1400)
    x, y = [], []
    for silence_ms in settings_ms:
        found = latencies(tmp_path, "vad-endpointer", f"silence_ms={silence_ms}", "mini/turn_taking", asr, n)
        for latency_s in found.values():
            assert latency_s is not None
            x.append(silence_ms / 1000)
            y.append(latency_s)
    slope, intercept_s = np.polyfit(x, y, 1)
    assert slope == pytest.approx(1.0, abs=0.05)
    assert 0.0 <= intercept_s <= 0.15
