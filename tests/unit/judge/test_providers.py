"""What ``--judge`` means, what of it is stored, and where the key comes from."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys

import pytest

from fdbench.errors import UsageError
from fdbench.io.secret import Secret, looks_like_a_key
from fdbench.judge.providers import PROVIDERS, JudgeSettings, is_local, secret_of, settings_of

KEY = "sk-test-0123456789abcdef"


def test_each_provider_has_an_endpoint_and_local_ones_need_no_key() -> None:
    assert {name: settings_of(f"{name}:m").host for name in PROVIDERS} == {
        "openai": "api.openai.com",
        "gemini": "generativelanguage.googleapis.com",
        "vllm": "local",
        "ollama": "local",
    }
    assert [name for name, provider in PROVIDERS.items() if not provider.key_variable] == ["ollama"]


def test_everything_after_the_first_colon_is_the_model() -> None:
    assert settings_of("ollama:llama3.1:8b").model == "llama3.1:8b"
    assert settings_of("vllm:Qwen/Qwen3-8B").model == "Qwen/Qwen3-8B"


@pytest.mark.parametrize(
    "text", ["", "openai", "openai:", ":gpt", "openai:a b", "openai:a|b", "openai:" + "x" * 300, "openai:\x1b[2J"]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        settings_of(text)


def test_an_unknown_provider_gets_the_closest_name_and_the_list() -> None:
    with pytest.raises(UsageError) as caught:
        settings_of("opnai:gpt-4o")
    assert "opnai" in caught.value.what
    assert "did you mean 'openai'?" in caught.value.remedy
    assert "vllm" in caught.value.remedy


@pytest.mark.parametrize("text", [KEY, f"openai:{KEY}", "gemini:AIzaSyA-0123456789abcdefghijklmnopq"])
def test_a_key_on_the_command_line_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        settings_of(text)
    assert text.rpartition(":")[2] not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@host.example/v1",
        "https://hunter2@host.example/v1",
        "https://host.example/v1?key=hunter2",
        "https://host.example/v1?",
        "https://host.example/v1#hunter2",
        "ftp://host.example/hunter2",
        "host.example/hunter2",
        "https:///hunter2",
        "https://host.example:port/hunter2",
        "https://[::1/hunter2",
        "https://host.example/hunter2 x",
        "https://host.example\\@hunter2/",
        "",
    ],
)
def test_a_url_that_may_hold_a_secret_or_is_none_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        settings_of("openai:m", url=url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("10.1.2.3", True),
        ("192.168.0.7", True),
        ("172.16.0.1", True),
        ("fe80::1%eth0", True),
        ("gpu01", True),
        ("box.local", True),
        ("api.openai.com", False),
        ("8.8.8.8", False),
        ("172.32.0.1", False),
        ("local.example.com", False),
    ],
)
def test_this_machine_and_private_networks_are_local(host: str, expected: bool) -> None:
    assert is_local(host) is expected


def test_the_signature_holds_what_changes_answers_and_nothing_else() -> None:
    here = settings_of("vllm:m", url="http://127.0.0.1:8000/v1")
    for other in (
        dataclasses.replace(here, base_url="http://192.168.0.7:9/v1"),
        dataclasses.replace(here, concurrency=9, timeout_s=1.0, max_attempts=1, max_readings=1, price=(1.0, 2.0)),
    ):
        assert other.signature == here.signature
    for other in (
        dataclasses.replace(here, model="n"),
        dataclasses.replace(here, base_url="https://api.openai.com/v1"),
        dataclasses.replace(here, provider="ollama"),
        dataclasses.replace(here, base_url="http://127.0.0.1:8000/another-backend/v1"),
        dataclasses.replace(here, temperature=0.5),
        dataclasses.replace(here, seed=1),
        dataclasses.replace(here, prompts="upstream"),
    ):
        assert other.signature != here.signature
    model_and_host, prompt, temperature, seed = here.signature.split("/")
    assert (model_and_host, temperature, seed) == ("m@local-vllm", "t0", "s0")
    assert prompt.startswith("relevance-1-")
    assert len(prompt) == len("relevance-1-") + 8
    assert "|" not in here.signature


def test_a_gateways_path_is_told_apart_and_not_told() -> None:
    gateway = settings_of("openai:m", url="https://gateway.example.com/account-7/openai")
    assert gateway.server.startswith("gateway.example.com~")
    assert "account-7" not in gateway.signature
    assert settings_of("openai:m", url="https://gateway.example.com/v1/").server == "gateway.example.com"
    assert settings_of("gemini:m").server == "generativelanguage.googleapis.com"


def test_upstreams_prompt_leaves_the_temperature_to_the_server() -> None:
    assert (
        settings_of("openai:gpt-4-turbo", prompts="upstream").signature
        == "gpt-4-turbo@api.openai.com/upstream-e701c145/tdefault/s0"
    )


@pytest.mark.parametrize(
    "change",
    [{"concurrency": 0}, {"timeout_s": 0.0}, {"timeout_s": float("nan")}, {"price": (-1.0, 0.0)}, {"prompts": "mine"}],
)
def test_settings_that_make_no_sense_are_refused(change: dict) -> None:
    with pytest.raises(UsageError):
        settings_of("openai:m", **change)


def test_the_key_comes_from_the_providers_variable_and_the_common_one_goes_before_it() -> None:
    openai, gemini = settings_of("openai:m"), settings_of("gemini:m")
    environment = {"OPENAI_API_KEY": " key-one\n", "GEMINI_API_KEY": "key-two"}
    assert secret_of(openai, environment).reveal() == "key-one"
    assert secret_of(gemini, environment).reveal() == "key-two"
    assert secret_of(gemini, {**environment, "FDBENCH_JUDGE_API_KEY": "key-three"}).reveal() == "key-three"


def test_a_missing_key_is_an_error_that_names_the_variable_but_never_for_a_local_server() -> None:
    with pytest.raises(UsageError, match="OPENAI_API_KEY"):
        secret_of(settings_of("openai:m"), {"OPENAI_API_KEY": " "})
    with pytest.raises(UsageError, match="FDBENCH_JUDGE_API_KEY"):
        secret_of(settings_of("ollama:m", url="https://ollama.example.com/v1"), {})
    for text, url in (("vllm:m", None), ("ollama:m", None), ("openai:m", "http://127.0.0.1:1/v1")):
        assert secret_of(settings_of(text, url=url), {}).reveal() == ""


def test_a_key_does_not_travel_in_the_clear() -> None:
    remote = settings_of("vllm:m", url="http://judge.example.com/v1")
    with pytest.raises(UsageError, match="https"):
        secret_of(remote, {"VLLM_API_KEY": KEY})
    assert secret_of(settings_of("vllm:m"), {"VLLM_API_KEY": KEY}).reveal() == KEY


def test_a_key_that_no_header_can_hold_is_refused_without_being_repeated() -> None:
    with pytest.raises(UsageError, match="OPENAI_API_KEY") as caught:
        secret_of(settings_of("openai:m"), {"OPENAI_API_KEY": "hunter2\nhunter3"})
    assert "hunter" not in str(caught.value)


def test_settings_hold_no_key_and_a_secret_does_not_show_itself() -> None:
    assert not any("key" in field.name for field in dataclasses.fields(JudgeSettings))
    secret = Secret(KEY)
    assert KEY not in f"{secret} {secret!r} {[secret]}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_a_text_is_redacted_of_the_key_and_of_what_looks_like_one() -> None:
    secret = Secret("pass/word+1")
    told = "pass/word+1 pass%2Fword%2B1 sk-proj-abc***xyz AIzaSyA-0123456789 Authorization: Bearer abcdefghijklmnop"
    assert secret.redacted(told) == "*** *** *** *** Authorization: Bearer ***"
    assert secret.redacted("a risk-free task, the bearer of news") == "a risk-free task, the bearer of news"
    assert not looks_like_a_key("openai:gpt-4o")


def test_an_excerpt_is_one_short_line_redacted_before_it_is_cut() -> None:
    secret = Secret("hunter22")
    assert secret.excerpt("a\n\x1b[2J\x00 b") == "a [2J b"
    assert secret.excerpt("x" * 8 + "hunter22" + "y" * 50, limit=12) == "xxxxxxxx***y..."


def test_reading_the_option_loads_neither_the_client_nor_the_network() -> None:
    program = (
        "import sys; from fdbench.judge.providers import settings_of; settings_of('openai:m').signature;"
        "print([name for name in ('openai', 'httpx', 'httpx2', 'pydantic', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
