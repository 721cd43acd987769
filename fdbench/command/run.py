"""`fdbench run`, `annotate`, `score`, `replay`, `demo`: the main job and its stages."""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import nullcontext, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fdbench.command.base import (
    DEFAULT_ASR,
    EXIT_OK,
    EXIT_WITH_ERRORS,
    Commands,
    add_command,
    add_engine_options,
    add_run_argument,
    add_scoring_options,
    chosen_ears,
    conclude,
    cores,
    data_of,
    pairs_of,
    protocols_of,
    report_messages,
    report_notes,
    scoring_options_of,
    show,
    tell,
    write_result,
)
from fdbench.command.place import is_on_slurm, run_folder
from fdbench.command.run_options import add_run_options, request_of
from fdbench.core.behaviour import ALONE
from fdbench.core.metric import CORRECTED
from fdbench.core.placement import CAUSAL
from fdbench.errors import UsageError
from fdbench.stages.progress import ProgressBars

if TYPE_CHECKING:
    from fdbench.store.run import Run

DEMO_AGENTS = ("silence", "always-talking", "vad-endpointer", "random-backchannel", "oracle")
DEMO_TASKS = ",".join(f"mini/{behaviour}" for behaviour in ALONE)
"""Without the pairs, whose calls take twice as long as all others together."""
_NEXT = ("your own model next: fdbench list models; fdbench run --model NAME|path/to/file.py:Class --tasks mini",)
DEMO_TAIL_LIMIT_S = 3.0
"""Shorter than a run's: the demo is to be quick, and an endless talker gains nothing from being heard for longer."""


def register(commands: Commands) -> None:
    """`run`, `annotate`, `score`, `replay`, `demo`."""
    run = add_command(
        commands,
        "run",
        run_command,
        "play the tasks to a model, hear its replies, score them",
        examples=(
            "run --model vad-endpointer --arg silence_ms=700 --tasks mini --name patient",
            "run --model my_model.py:MyModel --tasks v1 --data DIR --slots 16",
            "run --model recordings:DIR --arg pattern='sample_{n}_out.wav' --tasks mini/turn_taking",
        ),
    )
    add_run_options(run)

    annotate = add_command(commands, "annotate", annotate_command, "transcribe and time a run's recordings, without a call")
    add_run_argument(annotate)
    add_engine_options(annotate, asr=DEFAULT_ASR, protocol="all")

    score = add_command(
        commands,
        "score",
        score_command,
        "score a run again, or a folder of recordings made elsewhere",
        examples=(
            "score RUN --asr whisper:small.en --protocol all",
            "score RUN --judge openai:gpt-4o-2024-08-06",
            "score DIR --task v1/turn_taking.candor",
        ),
    )
    score.add_argument("folder", metavar="RUN|DIR|URL", help="a run's folder, its name, or the beginning of its id; any folder")
    score.add_argument("--task", help="for a folder: the task that its samples belong to")
    score.add_argument(
        "--human-timing", type=Path, metavar="FILE", help="icc_gt_distribution.json (default: beside the samples)"
    )
    add_scoring_options(score, asr=None, protocol=None)

    replay = add_command(
        commands, "replay", replay_command, "make a run again from what its calls left behind, without the model"
    )
    add_run_argument(replay)
    replay.add_argument("--noise", default="", metavar="DIR", help="your own noise, where the run was made in that")
    replay.add_argument("--out", type=Path, help="keep what is made there (default: compare, and keep nothing)")
    add_scoring_options(replay, asr=DEFAULT_ASR, protocol="all")

    demo = add_command(commands, "demo", demo_command, "the trivial agents on the embedded suite, and the leaderboard")
    demo.add_argument("--out", type=Path, help="keep the results there (default: a temporary folder)")
    demo.add_argument("--report", type=Path, metavar="DIR", help="also write the page on which every clip is seen and heard")
    demo.add_argument("--limit", type=int, help="only the first N samples of each task")
    demo.add_argument("--workers", type=int, default=cores())


def run_command(arguments: argparse.Namespace) -> int:
    from fdbench.stages.estimate import estimate_of
    from fdbench.stages.plan import make_plan
    from fdbench.stages.run import make_shares, run_plan
    from fdbench.store.find import name_of
    from fdbench.store.run import Run
    from fdbench.task.conditions import expand_conditions

    if is_on_slurm(arguments):
        from fdbench.command.slurm import settle, submit

        settle(arguments, [arguments.model], pairs_of(arguments.arg))
    expanded = expand_conditions(arguments.condition, arguments.noise)
    names = expanded.names
    first = request_of(arguments)
    protocols = protocols_of(arguments.protocol)
    # What the user got wrong comes before what this machine lacks.
    plans = [make_plan(replace(first, condition=name)) for name in names]
    options = scoring_options_of(arguments, protocols)
    options.check()  # before anything is said: misuse is two lines
    for option in ("--json", "--name"):
        if getattr(arguments, option[2:]) and len(plans) > 1:
            what = f"{option} is for one run, and --condition {arguments.condition} makes {len(plans)}"
            raise UsageError(what, "leave it out")
    report_notes((*expanded.left_out, *chosen_ears(arguments, options)))
    if is_on_slurm(arguments):
        report_notes(tuple(dict.fromkeys(note for plan in plans for note in plan.notes)))
        return submit(arguments, [plan.request.out / plan.collection.run_id for plan in plans])
    with ProgressBars() as progress, redirect_stdout(sys.stderr):
        make_shares(plans, options, progress)
    statuses = []
    for plan in plans:
        if len(plans) > 1:
            tell(f"condition {plan.collection.condition}")
        report_notes((*plan.notes, *estimate_of(plan)))
        before = name_of(Run.for_collection(plan.request.out, plan.collection))
        with ProgressBars() as progress, redirect_stdout(sys.stderr):  # what an adapter prints must not mix with the result
            finished = run_plan(plan, options, progress)
        if before and arguments.name not in ("", before):
            tell(f"the run was called '{before}' before and is called '{arguments.name}' now")
        statuses.append(conclude(arguments, finished))
    return max(statuses)


def annotate_command(arguments: argparse.Namespace) -> int:
    from fdbench.stages.run import annotate_run

    options = scoring_options_of(arguments, protocols_of(arguments.protocol))
    with ProgressBars() as progress:
        troubles = annotate_run(arguments.run, options, data_of(arguments, arguments.run), progress)
    report_notes((*chosen_ears(arguments, options), *troubles))
    return EXIT_WITH_ERRORS if troubles else EXIT_OK


def score_command(arguments: argparse.Namespace) -> int:
    from fdbench.stages.run import score_run
    from fdbench.store.run import Run

    is_folder = arguments.task is not None and Path(arguments.folder).is_dir()  # with --task it is no run's name
    arguments.folder, mirror = (Path(arguments.folder), None) if is_folder else run_folder(arguments.folder)
    if not arguments.folder.is_dir():
        is_what = "not a folder" if arguments.folder.exists() else "no such folder"
        raise UsageError(f"{arguments.folder}: {is_what}", "give a run's folder, or a folder of recordings with --task")
    if arguments.task is not None or not Run(arguments.folder).is_run:
        return _score_folder(arguments)
    if arguments.human_timing:
        raise UsageError("--human-timing is for folders of recordings", "leave it out: a run takes it from its task")
    arguments.asr = arguments.asr or _own_ears(Run(arguments.folder))
    options = scoring_options_of(arguments, protocols_of(arguments.protocol or "all"))
    kept = nullcontext() if mirror is None else mirror.kept(Run(arguments.folder))
    with ProgressBars() as progress, kept:
        finished = score_run(arguments.folder, options, data_of(arguments, arguments.folder), progress)
    return conclude(arguments, finished)


def _own_ears(run: Run) -> str:
    """Who heard the run when it was scored last. Raises UsageError where the signature does not say how to call them."""
    from fdbench.hear.engines import specs_of

    scored = run.manifest().scored
    if not scored:
        return DEFAULT_ASR
    signature = scored[-1].engines["asr"]
    for spec in specs_of(signature):
        tell(f"--asr {spec}, as the run was scored before")
        return spec
    raise UsageError(f"the run was heard by {signature}, which does not say where it lies here", "name it: --asr ENGINE")


def replay_command(arguments: argparse.Namespace) -> int:
    from fdbench.verify.replay import replay_run

    options = scoring_options_of(arguments, protocols_of(arguments.protocol))
    with tempfile.TemporaryDirectory(prefix="fdbench-replay-") as scratch, ProgressBars() as progress:
        data = data_of(arguments, arguments.run)
        out = arguments.out or Path(scratch)
        replayed = replay_run(arguments.run, out, options, data, progress, arguments.noise)
        status = conclude(arguments, replayed.finished)
    report_notes(replayed.differences)
    report_notes([f"scores/{name}: the run has none by these engines to compare with" for name in replayed.not_compared])
    verdict = f"{len(replayed.differences)} differences" if replayed.differences else "everything that was compared agrees"
    tell(f"{replayed.n_calls} calls replayed: {verdict}")
    return EXIT_WITH_ERRORS if replayed.differences else status


def _score_folder(arguments: argparse.Namespace) -> int:
    from fdbench.errors import unknown_name
    from fdbench.stages.score_folder import folder_json, score_folder
    from fdbench.task.load import dialogues_of, task_specs

    specs = task_specs()
    if arguments.task is None:
        raise UsageError(
            f"{arguments.folder} holds no manifest.json, so it is not a run",
            f"for a folder of recordings add --task, one of: {', '.join(specs)}",
        )
    if arguments.task not in specs:
        raise unknown_name("task", arguments.task, specs)
    if arguments.placement != CAUSAL:
        raise UsageError(
            f"--placement {arguments.placement}: a folder's recordings were made elsewhere, and lie where they were given",
            "leave it out: their first sample is heard with the prompt's",
        )
    protocols = protocols_of(arguments.protocol or "fdbench")
    if len(protocols) != 1:
        raise UsageError(f"--protocol {arguments.protocol}: a folder is scored under one protocol at a time", "name one")
    arguments.asr = arguments.asr or "given"
    spec = specs[arguments.task]
    if arguments.human_timing and spec.behaviour != "backchannel":
        raise UsageError(f"--human-timing is for backchannels, and {spec.name} is about {spec.behaviour}", "leave it out")
    if arguments.human_timing and not arguments.human_timing.is_file():
        raise UsageError(f"--human-timing {arguments.human_timing}: no such file", "`fdbench data download` fetches it")
    with ProgressBars() as progress:
        options = scoring_options_of(arguments, protocols)
        dialogues = dialogues_of(spec, data_of(arguments))
        scored = score_folder(arguments.folder, spec, options, arguments.human_timing, progress, dialogues)
    scoring = scored.scoring
    report_notes(scored.notes)
    report_messages(scoring.samples)
    result = folder_json(scoring, spec)
    if arguments.json:
        write_result(arguments.json, result)
    if arguments.json != "-":
        for metric, summary in result["metrics"].items():
            value = "-" if summary["value"] is None else f"{summary['value']:.4f}"
            show(f"{metric:32} {value:>10} {summary['unit']:6} n={summary['n_scored']}")
    return EXIT_WITH_ERRORS if scoring.n_errors or scored.is_meaningless else EXIT_OK


def demo_command(arguments: argparse.Namespace) -> int:
    from fdbench.report.board import render_board
    from fdbench.report.rows import read_results

    with tempfile.TemporaryDirectory(prefix="fdbench-demo-") as scratch:
        out = arguments.out or Path(scratch)
        n_errors = sum(_demo_run(agent, out, arguments) for agent in DEMO_AGENTS)
        show(*render_board(read_results(out)))
        if arguments.report:
            _demo_report(out, arguments.report)
        show("", *([f"every number: fdbench show {out}/RUN"] if arguments.out else []), *_NEXT)
    return EXIT_WITH_ERRORS if n_errors else EXIT_OK


def _demo_report(out: Path, to: Path) -> None:
    """The page of two agents side by side: what an endpointer hears and what an oracle knows."""
    from fdbench.page.write import write_report
    from fdbench.store.run import Run
    from fdbench.task.load import TaskLoader

    shown = [run.folder for name in ("vad-endpointer", "oracle") for run in Run.all_in(out) if run.folder.name.startswith(name)]
    with ProgressBars() as progress:
        page = write_report(shown, to, TaskLoader(None), progress)
    show("", f"see and hear every clip: open {page.path}")


def _demo_run(agent: str, out: Path, arguments: argparse.Namespace) -> int:
    from fdbench.call.call import Ending
    from fdbench.hear.stage import Engines
    from fdbench.stages.options import ScoringOptions
    from fdbench.stages.plan import make_plan
    from fdbench.stages.request import RunRequest
    from fdbench.stages.run import run_plan

    print(f"{agent} ...", file=sys.stderr)
    ending = Ending(limit_s=DEMO_TAIL_LIMIT_S)
    plan = make_plan(RunRequest(model=agent, tasks=DEMO_TASKS, out=out, limit=arguments.limit, ending=ending))
    options = ScoringOptions(Engines("faster-whisper:tiny.en"), CORRECTED, workers=arguments.workers)
    with ProgressBars() as progress:
        return run_plan(plan, options, progress).n_errors
