"""Whisper's loading, gating and time keeping, on a random network of its smallest shape made here (no weights are fetched)."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fdbench.core.sound import Audio
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.errors import DataError
from fdbench.hear import asr_whisper
from fdbench.hear.asr_whisper import WhisperAsr, _alignment_heads, load, prepare

pytestmark = pytest.mark.skipif(
    not (importlib.util.find_spec("torch") and importlib.util.find_spec("whisper")), reason="needs the whisper extra"
)

NOISE = Audio(np.random.default_rng(0).uniform(-0.3, 0.3, 16000 * 8).astype(np.float32), 16000)


@pytest.fixture(scope="module")
def engine(tiny_whisper: Path) -> Iterator[WhisperAsr]:
    yield load(str(tiny_whisper))


class Scripted:
    """In the place of the network: says one word per call, half a second in, and remembers what it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, dict[str, Any]]] = []

    def transcribe(self, audio: np.ndarray, **options: Any) -> dict[str, Any]:
        self.calls.append((len(audio), options))
        words = [
            {"word": " Hello,", "start": np.float64(0.5), "end": 0.75},
            {"word": " ...", "start": 0.75, "end": 0.8},
            {"word": " again", "start": 99.0, "end": 98.0},
        ]
        return {"segments": [{"words": words}, {}]}


def test_signature_tells_the_weights_apart(engine: WhisperAsr) -> None:
    assert engine.signature.startswith("whisper-micro.en+")
    assert "@" in engine.signature


def test_only_speech_is_heard_and_times_are_shifted_back() -> None:
    network = Scripted()
    words = WhisperAsr(network, "w").transcribe(NOISE, (Span(1.0, 1.5), Span(1.9, 2.5), Span(5.0, 6.0)))
    assert [n / 16000 for n, _ in network.calls] == pytest.approx([1.9, 1.4])  # 0.8 to 2.7 and 4.8 to 6.2
    assert words == (
        Word("Hello,", pytest.approx(1.3), pytest.approx(1.55)),
        Word("again", pytest.approx(2.7), pytest.approx(2.7)),  # a time outside of what was heard is its end
        Word("Hello,", pytest.approx(5.3), pytest.approx(5.55)),
        Word("again", pytest.approx(6.2), pytest.approx(6.2)),
    )


def test_decoding_is_greedy_and_remembers_nothing() -> None:
    network = Scripted()
    WhisperAsr(network, "w").transcribe(NOISE, (Span(1, 2),))
    ((_, options),) = network.calls
    assert options["temperature"] == 0.0
    assert options["condition_on_previous_text"] is False
    assert options["fp16"] is False
    assert options["language"] == "en"


def test_audio_at_another_rate_keeps_its_times() -> None:
    network = Scripted()
    audio = Audio(np.zeros(48000 * 4, np.float32), 48000)
    (word, *_) = WhisperAsr(network, "w").transcribe(audio, (Span(2, 3),))
    assert network.calls[0][0] == pytest.approx(1.4 * 16000)
    assert word.start_s == pytest.approx(2.3)


def test_no_speech_no_call() -> None:
    network = Scripted()
    assert WhisperAsr(network, "w").transcribe(NOISE, ()) == ()
    assert network.calls == []


def test_a_real_network_is_deterministic_whatever_it_heard_before(engine: WhisperAsr, tiny_whisper: Path) -> None:
    speech = (Span(1.0, 2.5),)
    first = engine.transcribe(NOISE, speech)
    engine.transcribe(Audio(NOISE.samples[::-1].copy(), 16000), (Span(0.5, 4.0),))
    assert engine.transcribe(NOISE, speech) == first
    assert load(str(tiny_whisper)).transcribe(NOISE, speech) == first
    assert all(0.8 <= (word.start_s or 0) <= (word.end_s or 0) <= 2.7 for word in first)


def test_the_callers_threads_are_left_alone(engine: WhisperAsr) -> None:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        engine.transcribe(NOISE, (Span(1.0, 1.5),))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("layers", "heads", "n_vocab", "n_mels", "stem", "name"),
    [
        (4, 6, 51864, 80, "weights", "tiny.en"),
        (4, 6, 51865, 80, "weights", "tiny"),
        (12, 12, 51864, 80, "finetuned", "small.en"),
        (12, 12, 51864, 80, "tiny.en", "small.en"),  # the shape is right, the name is not
        (24, 16, 51865, 80, "x", "medium"),
        (32, 20, 51865, 80, "large-v1", "large-v1"),
        (32, 20, 51865, 80, "x", "large-v2"),
        (32, 20, 51866, 128, "x", "large-v3"),
        (4, 20, 51866, 128, "x", "turbo"),
    ],
)
def test_alignment_heads_are_those_of_the_published_size(
    layers: int, heads: int, n_vocab: int, n_mels: int, stem: str, name: str
) -> None:
    import whisper

    dims = SimpleNamespace(n_text_layer=layers, n_text_head=heads, n_vocab=n_vocab, n_mels=n_mels)
    assert _alignment_heads(whisper, stem, dims) == whisper._ALIGNMENT_HEADS[name]


def test_an_unknown_shape_keeps_the_default_heads() -> None:
    import whisper

    assert (
        _alignment_heads(whisper, "small.en", SimpleNamespace(n_text_layer=2, n_text_head=2, n_vocab=51864, n_mels=80)) is None
    )


def test_a_loaded_file_has_its_heads_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import whisper

    path = tmp_path / "mine.pt"
    path.touch()
    taken: list[bytes] = []

    class Network:
        dims = SimpleNamespace(n_text_layer=12, n_text_head=12, n_vocab=51864, n_mels=80)

        def set_alignment_heads(self, heads: bytes) -> None:
            taken.append(heads)

        def eval(self) -> Network:
            return self

    monkeypatch.setattr(whisper, "load_model", lambda name: Network())
    load(str(path))
    assert taken == [whisper._ALIGNMENT_HEADS["small.en"]]


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 not quite a zip"])
def test_a_file_that_holds_no_weights(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.pt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"bad\.pt: not loadable as Whisper weights"):
        load(str(path))


def test_weights_that_cannot_be_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import urllib.error

    import whisper

    def no_network(url: str, root: str, in_memory: bool) -> str:
        raise urllib.error.URLError("no network")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(whisper, "_download", no_network)
    with pytest.raises(DataError, match="cannot be fetched") as caught:
        prepare("small.en")
    assert str(tmp_path / "whisper" / "small.en.pt") in caught.value.what
    assert len(str(caught.value).splitlines()) == 2
    assert "whisper:small.en are not here, fetching them" in caplog.text


def test_every_model_that_whisper_knows_is_known() -> None:
    import whisper

    assert set(whisper.available_models()) == set(asr_whisper.MODEL_NAMES)
