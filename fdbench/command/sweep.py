"""`fdbench sweep`: one model at many settings, or several models, seeds and conditions, as many runs and one table."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fdbench.command.base import (
    EXIT_OK,
    EXIT_WITH_ERRORS,
    Commands,
    add_command,
    chosen_ears,
    pairs_of,
    protocols_of,
    report_notes,
    scoring_options_of,
    show,
    tell,
    write_result,
)
from fdbench.command.place import is_on_slurm
from fdbench.command.run_options import add_run_options, request_of
from fdbench.core.varied import settings_of, values_of
from fdbench.errors import UsageError

if TYPE_CHECKING:
    from fdbench.stages.options import ScoringOptions
    from fdbench.stages.plan import Plan
    from fdbench.stages.progress import Progress
    from fdbench.stages.request import RunRequest
    from fdbench.stages.run import FinishedRun

_ONES_OWN: Final = ("model", "seed", "condition")
"""What a sweep may vary beside a model's arguments; an argument of that name cannot be."""


def register(commands: Commands) -> None:
    """`sweep`."""
    sweep = add_command(
        commands,
        "sweep",
        sweep_command,
        "run a model at many settings: the frontier of waiting and breaking in, as one table",
        examples=(
            "sweep --model vad-endpointer --arg silence_ms=100:1500:100 --tasks mini",
            "sweep --model moshi --arg temp=0.6,0.8,1.0 --seeds 0:4:1 --tasks v1 --data DIR",
            "sweep --model base.py:Model,tuned.py:Model --condition clean,babble-10dB",
        ),
    )
    add_run_options(sweep)
    sweep.add_argument("--seeds", metavar="LIST", help="several seeds: 0,1,2 or FIRST:LAST:STEP")
    sweep.add_argument(
        "--to", metavar="NAME", default="", help="name of the sweep's file in OUT/sweeps (default: what is varied)"
    )


def sweep_command(arguments: argparse.Namespace) -> int:
    from fdbench.report.sweep_table import sweep_lines, sweep_of
    from fdbench.stages.plan import make_plan
    from fdbench.stages.progress import ProgressBars
    from fdbench.store.sweep import sweep_file, write_sweep

    varied, fixed = _varied_of(arguments)
    settings = settings_of(varied)
    if arguments.name:
        raise UsageError(f"--name {arguments.name}: is for one run, and a sweep makes {len(settings)}", "--to names the sweep")
    if is_on_slurm(arguments):
        from fdbench.command.slurm import settle, submit

        own = {name: value for name, value in settings[0].items() if name not in _ONES_OWN}
        fixed |= settle(arguments, varied.get("model", [arguments.model]), {**fixed, **own})
    base = request_of(arguments)
    path = sweep_file(base.out, arguments.to or _name_of(base.model, varied))
    plans = [make_plan(_request(base, fixed, each)) for each in settings]  # what is wrong in the last is said before the first
    options = scoring_options_of(arguments, protocols_of(arguments.protocol))
    options.check()
    report_notes(chosen_ears(arguments, options))
    if is_on_slurm(arguments):
        status = submit(arguments, [plan.request.out / plan.collection.run_id for plan in plans])
        if not arguments.wait or status != EXIT_OK:
            tell("the same command without --on slurm makes the table of what is there")
            return status
    with ProgressBars() as progress, redirect_stdout(sys.stderr):
        finished = _made(settings, plans, options, progress)
    if len(finished) < len(plans):
        n_missing = len(plans) - len(finished)
        tell(f"{n_missing} runs are not scored yet: others are at work on them; the same command goes on from here")
        return EXIT_WITH_ERRORS
    found = sweep_of(base.model, [(each, run.folder) for each, run in zip(settings, finished, strict=True)])
    write_sweep(path, found)
    if arguments.json:
        write_result(arguments.json, found.model_dump(by_alias=True))
    if arguments.json != "-":
        show(*sweep_lines(found), "its curve beside others: fdbench leaderboard", str(path))
    return EXIT_WITH_ERRORS if any(run.n_errors or run.n_left for run in finished) else EXIT_OK


def _made(
    settings: Sequence[Mapping[str, str]], plans: Sequence[Plan], options: ScoringOptions, progress: Progress
) -> list[FinishedRun]:
    """The runs, made and scored, as far as they are; where others are scoring, that is waited for."""
    from fdbench.stages.run import make_shares, run_plan
    from fdbench.stages.share import POLL_S

    shared = plans[0].request.shard is not None
    names = [
        f"{number} of {len(plans)}: {' '.join(f'{name}={value}' for name, value in each.items())}"
        for number, each in enumerate(settings, 1)
    ]
    make_shares(plans, options, progress)
    finished: dict[int, FinishedRun] = {}
    for look in range(1 + int(plans[0].request.silence_s / POLL_S) if shared else 1):
        if look:
            time.sleep(POLL_S)
        for index in [each for each in range(len(plans)) if each not in finished]:
            if not look:
                tell(names[index])
            run = run_plan(plans[index], options, progress)
            if run.scorings or not look:
                report_notes(run.notes)
            if run.scorings:
                finished[index] = run
        if len(finished) == len(plans):
            break
    return [finished[index] for index in sorted(finished)]


def _varied_of(arguments: argparse.Namespace) -> tuple[dict[str, list[str]], dict[str, str]]:
    """What differs between runs, with its values, and the model's arguments that do not."""
    from fdbench.task.conditions import expand_conditions

    typed = {name: values_of(f"--arg {name}", text) for name, text in pairs_of(arguments.arg).items()}
    varied = {name: values for name, values in typed.items() if len(values) > 1}
    taken = [name for name in varied if name in _ONES_OWN]
    if taken:
        raise UsageError(f"--arg {taken[0]}: a sweep varies {', '.join(_ONES_OWN)} by options of their own", "see --help")
    models = [name.strip() for name in arguments.model.split(",")]
    seeds = values_of("--seeds", arguments.seeds) if arguments.seeds else []
    conditions = expand_conditions(arguments.condition, arguments.noise)
    report_notes(conditions.left_out)
    for name, values in (("model", models), ("seed", seeds), ("condition", [*conditions.names])):
        if len(values) > 1:
            varied[name] = values
    if not varied:
        raise UsageError(
            "nothing is varied", "e.g. --arg silence_ms=100:1500:100, --seeds 0:4:1, --model A,B; one run: fdbench run"
        )
    return varied, {name: values[0] for name, values in typed.items() if len(values) == 1}


def _request(base: RunRequest, fixed: Mapping[str, str], setting: Mapping[str, str]) -> RunRequest:
    own = {name: value for name, value in setting.items() if name not in _ONES_OWN}
    try:
        seed = int(setting.get("seed", base.seed))
    except ValueError:
        raise UsageError(f"--seeds: {setting['seed']} is no whole number", "e.g. --seeds 0:4:1") from None
    model, condition = setting.get("model", base.model), setting.get("condition", base.condition)
    return replace(base, model=model, seed=seed, condition=condition, arguments={**fixed, **own}, name="")


def _name_of(model: str, varied: Mapping[str, object]) -> str:
    words = "-".join([Path(model.split(",")[0]).name, *varied])
    return re.sub(r"[^\w.-]+", "-", words).strip("-.")
