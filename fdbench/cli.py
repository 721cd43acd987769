"""The command line. The only place that prints; heavy imports wait until a command needs them."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fdbench import __version__
from fdbench.errors import FdbenchError, UsageError
from fdbench.pipeline.progress import ProgressBars

if TYPE_CHECKING:
    from fdbench.pipeline.run import Finished, Hearing

EXIT_OK, EXIT_MISUSE, EXIT_WITH_ERRORS, EXIT_INTERRUPTED = 0, 2, 3, 130
DEFAULT_ASR = "whisper:small.en"
DEMO_AGENTS = ("silence", "always-talking", "vad-endpointer", "random-backchannel", "oracle")
DEMO_TAIL_LIMIT_S = 3.0
"""Shorter than a run's: the demo is to be quick, and an endless talker gains nothing from being heard for longer."""
DATA_VARIABLE = "FDBENCH_DATA"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 2 misuse, 3 finished but some samples have errors."""
    arguments = build_parser().parse_args(argv)
    try:
        status: int = arguments.handler(arguments)
        return status
    except FdbenchError as error:
        if arguments.verbose:
            traceback.print_exc()
        print(f"fdbench: {error}", file=sys.stderr)
        return EXIT_MISUSE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except OSError as error:
        if arguments.verbose:
            traceback.print_exc()
        where = f"{error.filename}: " if error.filename else ""
        print(f"fdbench: {where}{error.strerror or error}\n  what is done is kept; mend this and start again", file=sys.stderr)
        return EXIT_MISUSE
    except KeyboardInterrupt:
        print("fdbench: interrupted; the same command goes on from here", file=sys.stderr)
        return EXIT_INTERRUPTED


def build_parser() -> argparse.ArgumentParser:
    """All commands and options."""
    parser = argparse.ArgumentParser(
        prog="fdbench", description="Measures the timing of full-duplex voice models.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"fdbench {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = _command(commands, "run", run_command, "play the tasks to a model, hear its replies, score them")
    run.add_argument("--model", required=True, help="a name (`fdbench list models`) or path/to/file.py:Class")
    run.add_argument("--tasks", default="mini", help="all, mini, v1, available, or names with commas (default: mini)")
    run.add_argument("--out", type=Path, default=Path("results"), help="root of the results (default: results/)")
    run.add_argument("--limit", type=int, help="only the first N samples of each task")
    run.add_argument("--seed", type=int, default=0)
    run.add_argument("--repeats", type=int, default=1, help="calls per sample")
    run.add_argument("--slots", type=int, default=8, help="conversations at once")
    run.add_argument("--lead-in", type=float, metavar="S", help="silence before the prompt (default: the model's)")
    run.add_argument("--tail-silence", type=float, default=2.0, metavar="S", help="a call ends after this much silence (2)")
    run.add_argument("--tail-limit", type=float, default=10.0, metavar="S", help="or this long after the prompt (10)")
    run.add_argument("--arg", action="append", default=[], metavar="NAME=VALUE", help="argument of the model")
    _hearing_options(run, asr=DEFAULT_ASR, protocol="all")

    annotate = _command(commands, "annotate", annotate_command, "transcribe and time a run's recordings, without a call")
    annotate.add_argument("run", type=Path, metavar="RUN")
    _engine_options(annotate, asr=DEFAULT_ASR, protocol="all")

    score = _command(commands, "score", score_command, "score a run again, or a folder of recordings made elsewhere")
    score.add_argument("folder", type=Path, metavar="RUN|DIR")
    score.add_argument("--task", help="for a folder: the task that its samples belong to")
    score.add_argument(
        "--human-timing", type=Path, metavar="FILE", help="icc_gt_distribution.json (default: beside the samples)"
    )
    _hearing_options(score, asr=None, protocol=None)

    demo = _command(commands, "demo", demo_command, "the trivial agents on the embedded suite, and the leaderboard")
    demo.add_argument("--out", type=Path, help="keep the results there (default: a temporary folder)")
    demo.add_argument("--limit", type=int, help="only the first N samples of each task")
    demo.add_argument("--workers", type=int, default=os.cpu_count() or 1)

    listing = _command(commands, "list", list_command, "what there is")
    listing.add_argument("what", choices=("models", "tasks", "metrics"))
    listing.add_argument("--json", action="store_true", help="for a program")

    doctor = _command(commands, "doctor", doctor_command, "check this machine and a model against the contract")
    doctor.add_argument("--model")
    doctor.add_argument("--arg", action="append", default=[], metavar="NAME=VALUE", help="argument of the model")
    doctor.add_argument("--json", action="store_true", help="for a program")

    board = _command(commands, "leaderboard", leaderboard_command, "write leaderboard/LEADERBOARD.md from stored results")
    board.add_argument("--results", type=Path, default=Path("results"))
    board.add_argument("--out", type=Path, default=Path("leaderboard/LEADERBOARD.md"))
    board.add_argument("--check", action="store_true", help="write nothing; fail if the file is stale")
    return parser


def _command(commands: Any, name: str, handler: Callable[[argparse.Namespace], int], summary: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
    parser.add_argument("-v", "--verbose", action="store_true", help="tracebacks")
    parser.set_defaults(handler=handler)
    return parser


def _hearing_options(parser: argparse.ArgumentParser, *, asr: str | None, protocol: str | None) -> None:
    _engine_options(parser, asr=asr, protocol=protocol)
    parser.add_argument("--judge", default="none", choices=("none", "given"))
    parser.add_argument("--json", metavar="FILE", nargs="?", const="-", help="the result for a program (- = standard output)")


def _engine_options(parser: argparse.ArgumentParser, *, asr: str | None, protocol: str | None) -> None:
    parser.add_argument("--data", type=Path, help=f"where downloaded benchmark data is (default: ${DATA_VARIABLE})")
    parser.add_argument("--asr", default=asr, metavar="ENGINE", help="whisper[:SIZE], sphinx, given")
    parser.add_argument("--vad", default="silero", metavar="ENGINE", help="silero, given")
    parser.add_argument("--protocol", default=protocol, help="fdb-2026-05, fdb-2026-02, fdbench, several with commas, or all")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes for annotation")


def run_command(arguments: argparse.Namespace) -> int:
    from fdbench.call.lockstep import Ending
    from fdbench.pipeline.plan import RunRequest, make_plan
    from fdbench.pipeline.run import run_plan

    request = RunRequest(
        model=arguments.model,
        tasks=arguments.tasks,
        out=arguments.out,
        data=_data(arguments),
        seed=arguments.seed,
        repeats=arguments.repeats,
        slots=arguments.slots,
        lead_in_s=arguments.lead_in,
        ending=Ending(arguments.tail_silence, arguments.tail_limit),
        limit=arguments.limit,
        arguments=_pairs(arguments.arg),
    )
    hearing = _hearing(arguments, _protocols(arguments.protocol))
    plan = make_plan(request)
    _report_notes([note for task in plan.tasks for note in task.notes])
    with ProgressBars() as progress, redirect_stdout(sys.stderr):  # what an adapter prints must not mix with the result
        finished = run_plan(plan, hearing, progress)
    return _conclude(arguments, finished)


def annotate_command(arguments: argparse.Namespace) -> int:
    from fdbench.pipeline.run import annotate_run

    hearing = _hearing(arguments, _protocols(arguments.protocol))
    with ProgressBars() as progress:
        troubles = annotate_run(arguments.run, hearing, _data(arguments), progress)
    _report_notes(troubles)
    return EXIT_WITH_ERRORS if troubles else EXIT_OK


def score_command(arguments: argparse.Namespace) -> int:
    from fdbench.pipeline.run import score_run

    if not arguments.folder.is_dir():
        raise UsageError(f"{arguments.folder}: no such folder", "give a run's folder, or a folder of recordings with --task")
    if arguments.task is not None or not (arguments.folder / "manifest.json").exists():
        return _score_folder(arguments)
    if arguments.human_timing:
        raise UsageError("--human-timing is for folders of recordings", "leave it out: a run takes it from its task")
    arguments.asr = arguments.asr or DEFAULT_ASR
    hearing = _hearing(arguments, _protocols(arguments.protocol or "all"))
    with ProgressBars() as progress:
        finished = score_run(arguments.folder, hearing, _data(arguments), progress)
    return _conclude(arguments, finished)


def _score_folder(arguments: argparse.Namespace) -> int:
    from fdbench.errors import unknown_name
    from fdbench.pipeline.score_folder import folder_json, score_folder
    from fdbench.task.load import task_specs

    specs = task_specs()
    if arguments.task is None:
        raise UsageError(
            f"{arguments.folder} holds no manifest.json, so it is not a run",
            f"for a folder of recordings add --task, one of: {', '.join(specs)}",
        )
    if arguments.task not in specs:
        raise unknown_name("task", arguments.task, specs)
    protocols = _protocols(arguments.protocol or "fdbench")
    if len(protocols) != 1:
        raise UsageError(f"--protocol {arguments.protocol}: a folder is scored under one protocol at a time", "name one")
    arguments.asr = arguments.asr or "given"
    spec = specs[arguments.task]
    with ProgressBars() as progress:
        scored = score_folder(arguments.folder, spec, _hearing(arguments, protocols), arguments.human_timing, progress)
    scoring = scored.scoring
    _report_notes(scored.notes)
    _report_messages(scoring.samples)
    result = folder_json(scoring, spec)
    if arguments.json:
        _write_json(arguments.json, result)
    if arguments.json != "-":
        for metric, summary in result["metrics"].items():
            value = "-" if summary["value"] is None else f"{summary['value']:.4f}"
            print(f"{metric:32} {value:>10} {summary['unit']:6} n={summary['n_scored']}")
    return EXIT_WITH_ERRORS if scoring.n_errors else EXIT_OK


def demo_command(arguments: argparse.Namespace) -> int:
    from fdbench.report.leaderboard import render_leaderboard
    from fdbench.report.rows import read_results

    with tempfile.TemporaryDirectory(prefix="fdbench-demo-") as scratch:
        out = arguments.out or Path(scratch)
        n_errors = sum(_demo_run(agent, out, arguments) for agent in DEMO_AGENTS)
        print(render_leaderboard(read_results(out), ()))
    return EXIT_WITH_ERRORS if n_errors else EXIT_OK


def _demo_run(agent: str, out: Path, arguments: argparse.Namespace) -> int:
    from fdbench.annotate.stage import Engines
    from fdbench.call.lockstep import Ending
    from fdbench.pipeline.plan import RunRequest, make_plan
    from fdbench.pipeline.run import Hearing, run_plan

    print(f"{agent} ...", file=sys.stderr)
    ending = Ending(limit_s=DEMO_TAIL_LIMIT_S)
    plan = make_plan(RunRequest(model=agent, tasks="mini", out=out, limit=arguments.limit, ending=ending))
    hearing = Hearing(Engines("sphinx", "silero"), _protocols("all"), workers=arguments.workers)
    with ProgressBars() as progress:
        return run_plan(plan, hearing, progress).n_errors


def list_command(arguments: argparse.Namespace) -> int:
    rows = {"models": _models, "tasks": _tasks, "metrics": _metrics}[arguments.what]()
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return EXIT_OK
    widths = [max(len(str(row[key])) for row in rows) for key in rows[0]]
    for row in rows:
        print("  ".join(str(value).ljust(width) for value, width in zip(row.values(), widths, strict=True)).rstrip())
    return EXIT_OK


def _models() -> list[dict[str, str]]:
    from fdbench.adapter.load import model_specs

    return [
        {"name": spec.name, "kind": spec.kind, "clock": spec.clock, "summary": spec.summary} for spec in model_specs().values()
    ]


def _tasks() -> list[dict[str, str]]:
    from fdbench.task.load import task_specs

    return [
        {"name": spec.name, "version": f"v{spec.version}", "behaviour": spec.behaviour, "description": spec.summary}
        for spec in task_specs().values()
    ]


def _metrics() -> list[dict[str, str]]:
    from fdbench.scoring.registry import METRICS

    arrows = {True: "higher is better", False: "lower is better", None: "depends on the task"}
    return [
        {
            "name": metric.name,
            "unit": metric.unit,
            "direction": arrows[metric.higher_is_better],
            "protocols": ", ".join(metric.protocols),
            "sentence": metric.sentence,
        }
        for metric in METRICS.values()
    ]


def doctor_command(arguments: argparse.Namespace) -> int:
    from fdbench.pipeline.doctor import examine_model, examine_packages

    packages = examine_packages()
    checks = examine_model(arguments.model, _pairs(arguments.arg)) if arguments.model else ()
    if arguments.json:
        as_json = [{"name": check.name, "holds": check.holds, "detail": check.detail} for check in (*packages, *checks)]
        print(json.dumps(as_json, indent=2))
    else:
        for check in (*packages, *checks):
            print(f"{'ok ' if check.holds else 'NO '} {check.name}  {check.detail}".rstrip())
    return EXIT_OK if all(check.holds for check in checks) else EXIT_WITH_ERRORS


def leaderboard_command(arguments: argparse.Namespace) -> int:
    from fdbench.report.leaderboard import check_leaderboard, write_leaderboard

    if arguments.check:
        check_leaderboard(arguments.results, arguments.out)
        print(f"{arguments.out} is up to date")
    else:
        write_leaderboard(arguments.results, arguments.out)
        print(arguments.out)
    return EXIT_OK


def _data(arguments: argparse.Namespace) -> Path | None:
    from_environment = os.environ.get(DATA_VARIABLE)
    given: Path | None = arguments.data or (Path(from_environment) if from_environment else None)
    if given is not None and not given.is_dir():
        raise UsageError(f"--data {given}: no such folder", "give the folder that holds v1.0/ or the sets themselves")
    return given


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise UsageError(f"--arg {text}: expected NAME=VALUE", "for example --arg silence_ms=700")
        pairs[name] = value
    return pairs


def _protocols(text: str) -> tuple[str, ...]:
    from fdbench.errors import unknown_name
    from fdbench.scoring.registry import PROTOCOLS

    if text == "all":
        return tuple(PROTOCOLS)
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in PROTOCOLS:
            raise unknown_name("protocol", name, PROTOCOLS)
    return names


def _hearing(arguments: argparse.Namespace, protocols: tuple[str, ...]) -> Hearing:
    from fdbench.annotate.stage import Engines
    from fdbench.pipeline.run import Hearing

    if arguments.workers < 1:
        raise UsageError(f"--workers {arguments.workers}: expected at least 1", "leave it out to use every core")
    judge = getattr(arguments, "judge", "none")  # annotating asks nobody
    return Hearing(Engines(arguments.asr, arguments.vad), protocols, judge, arguments.workers)


def _conclude(arguments: argparse.Namespace, finished: Finished) -> int:
    from fdbench.report.rows import read_run
    from fdbench.report.terminal import render_run

    _report_messages([sample for scoring in finished.scorings for sample in scoring.samples])
    if arguments.json:
        summaries = [json.loads(path.read_text()) for path in sorted(finished.folder.glob("scores/*/summary.json"))]
        _write_json(arguments.json, {"run": str(finished.folder), "errors": finished.n_errors, "summaries": summaries})
    if arguments.json != "-":
        print(render_run(read_run(finished.folder)))
        print(finished.folder)
    return EXIT_WITH_ERRORS if finished.n_errors else EXIT_OK


def _report_messages(samples: Sequence[Any]) -> None:
    lines = (f"fdbench: {sample.task} {sample.id}: {message}" for sample in samples for message in sample.messages)
    for line in dict.fromkeys(lines):  # the same trouble under several protocols is told once
        print(line, file=sys.stderr)


def _report_notes(notes: Sequence[str]) -> None:
    for note in notes:
        print(f"fdbench: {note}", file=sys.stderr)


def _write_json(target: str, value: Any) -> None:
    from fdbench.io.files import to_json, write_json_atomically

    if target == "-":
        sys.stdout.write(to_json(value))
    else:
        write_json_atomically(Path(target), value)


if __name__ == "__main__":
    sys.exit(main())
