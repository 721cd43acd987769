"""The judge's options mean the same in every command."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from fdbench.command.judge_options import CONCURRENCY, TIMEOUT_S, add_judge_options, judge_settings_of
from fdbench.errors import DataError, UsageError
from fdbench.judge.providers import JudgeSettings, settings_of


def settings(*options: str, data: Path | None = None, also: tuple[str, ...] = ("none", "given")) -> JudgeSettings | None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_judge_options(parser, also=also, default="none")
    return judge_settings_of(parser.parse_args(options), data)


def test_none_and_given_ask_nobody():
    assert settings() is None
    assert settings("--judge", "none") is None
    assert settings("--judge", "given") is None


@pytest.mark.parametrize("judge", ["none", "given"])
@pytest.mark.parametrize(
    "option", [("--judge-url", "http://localhost:9/v1"), ("--judge-price", "1,2"), ("--judge-prompts", "upstream")]
)
def test_what_nobody_would_be_told_is_a_judge_forgotten(judge, option):
    with pytest.raises(UsageError, match=f"{option[0]} is for a judge that is asked, and --judge is {judge}"):
        settings("--judge", judge, *option)


def test_left_alone_they_are_the_settings_own_defaults():
    assert settings("--judge", "openai:gpt-x") == settings_of("openai:gpt-x")
    assert (settings_of("openai:gpt-x").concurrency, settings_of("openai:gpt-x").timeout_s) == (CONCURRENCY, TIMEOUT_S)


def test_each_option_arrives():
    found = settings(
        "--judge", "vllm:m", "--judge-url", "http://localhost:9/v1", "--judge-concurrency", "7", "--judge-timeout", "1.5",
        "--judge-price", "2.5,10",
    )  # fmt: skip
    assert found is not None
    assert (found.model, found.base_url, found.concurrency) == ("m", "http://localhost:9/v1", 7)
    assert (found.timeout_s, found.price, found.prompts) == (1.5, (2.5, 10.0), "own")


def test_upstreams_wording_is_looked_for_under_the_data(tmp_path):
    with pytest.raises(DataError, match=r"eval_user_interruption\.py"):
        settings("--judge", "openai:m", "--judge-prompts", "upstream", data=tmp_path)
    (tmp_path / "eval_user_interruption.py").write_text("")
    found = settings("--judge", "openai:m", "--judge-prompts", "upstream", data=tmp_path)
    assert found is not None
    assert (found.prompts, found.upstream_script) == ("upstream", tmp_path / "eval_user_interruption.py")


@pytest.mark.parametrize("price", ["cheap", "1", "1,2,3", "-1,2", "nan,1"])
def test_a_price_is_two_numbers(price):
    with pytest.raises(UsageError, match="price"):
        settings("--judge", "openai:m", f"--judge-price={price}")


def test_without_a_default_it_is_required():
    parser = argparse.ArgumentParser()
    add_judge_options(parser)
    with pytest.raises(SystemExit):
        parser.parse_args([])
