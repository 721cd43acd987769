"""The options that name a judge, the same for every command that asks one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fdbench.errors import UsageError

if TYPE_CHECKING:
    from fdbench.judge.providers import JudgeSettings

NONE, GIVEN = "none", "given"
OWN, UPSTREAM = "own", "upstream"
CONCURRENCY = 4
TIMEOUT_S = 60.0


def add_judge_options(parser: argparse.ArgumentParser, *, also: Sequence[str] = (), default: str | None = None) -> None:
    """``--judge`` and its neighbours.

    Args:
        also: What ``--judge`` takes besides ``PROVIDER:MODEL``, e.g. ``none`` and ``given``.
        default: Of ``--judge``; None makes it required.
    """
    choices = ", ".join((*also, "PROVIDER:MODEL (openai, gemini, vllm, ollama)"))
    group = parser.add_argument_group(
        "judge", "Its key comes from the environment: FDBENCH_JUDGE_API_KEY, or the provider's own."
    )
    shown = f" (default: {default})" if default else ""
    group.add_argument("--judge", default=default, required=default is None, metavar="JUDGE", help=f"{choices}{shown}")
    group.add_argument("--judge-url", metavar="URL", help="another server that speaks OpenAI's protocol")
    group.add_argument(
        "--judge-prompts", default=OWN, choices=(OWN, UPSTREAM),
        help="fdbench's own instructions, or the published script's from the copy under --data (default: own)",
    )  # fmt: skip
    group.add_argument("--judge-concurrency", type=int, default=CONCURRENCY, metavar="N", help="questions at once (4)")
    group.add_argument("--judge-timeout", type=float, default=TIMEOUT_S, metavar="S", help="longest silence of the server (60)")
    group.add_argument("--judge-price", metavar="IN,OUT", help="USD per million tokens, to be told what it cost")


def judge_settings_of(arguments: argparse.Namespace, data: Path | None) -> JudgeSettings | None:
    """The settings behind the options; None for ``none`` and ``given``, which ask nobody.

    Args:
        data: Where downloaded benchmark data is; holds the published script for ``--judge-prompts upstream``.

    Raises:
        UsageError: The options name no judge that can be asked; says which of them and what it takes.
        DataError: The published script is not under ``data``.
    """
    from fdbench.judge.providers import price_of, settings_of
    from fdbench.judge.upstream_prompt import find_upstream_script

    if arguments.judge in (NONE, GIVEN):
        # A server or a price without a judge is a judge forgotten, and a night's run without ratings.
        given = {"url": arguments.judge_url, "price": arguments.judge_price, "prompts": arguments.judge_prompts != OWN}
        for option in (name for name, value in given.items() if value):
            raise UsageError(
                f"--judge-{option} is for a judge that is asked, and --judge is {arguments.judge}",
                "name one with --judge PROVIDER:MODEL, or leave the option out",
            )
        return None
    is_upstream = arguments.judge_prompts == UPSTREAM
    return settings_of(
        arguments.judge,
        url=arguments.judge_url,
        prompts=arguments.judge_prompts,
        upstream_script=find_upstream_script(data) if is_upstream and data else None,
        concurrency=arguments.judge_concurrency,
        timeout_s=arguments.judge_timeout,
        price=price_of(arguments.judge_price, "--judge-price "),
    )
