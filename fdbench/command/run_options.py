"""The options of a run, and what they ask for: the same for `fdbench run` and for `fdbench sweep`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from fdbench.command.base import DEFAULT_ASR, add_scoring_options, data_of, pairs_of
from fdbench.command.place import add_place_options, ray_of, root_of

if TYPE_CHECKING:
    from fdbench.stages.request import RunRequest


def add_run_options(run: argparse.ArgumentParser) -> None:
    """Everything that may be asked of a run."""
    run.add_argument("--model", required=True, help="a name (`fdbench list models`), path/to/file.py:Class, or recordings:DIR")
    run.add_argument("--tasks", default="mini", help="all, mini, v1, available, or names with commas (default: mini)")
    run.add_argument(
        "--out",
        metavar="DIR|URL",
        default="results",
        help="root of the results; s3://..., gs://... of a store (default: results/)",
    )
    run.add_argument("--name", default="", metavar="NAME", help="call the run so; commands know it by that, as by its id")
    run.add_argument("--limit", type=int, help="only the first N samples of each task")
    run.add_argument("--seed", type=int, default=0, help="of what the model draws; another is another run (default: 0)")
    run.add_argument("--repeats", type=int, default=1, help="calls per sample")
    run.add_argument("--slots", type=int, default=8, help="conversations at once")
    run.add_argument("--lead-in", type=float, metavar="S", help="silence before the prompt (default: the model's)")
    run.add_argument("--tail-silence", type=float, default=2.0, metavar="S", help="a call ends after this much silence (2)")
    run.add_argument("--tail-limit", type=float, default=10.0, metavar="S", help="or this long after the prompt (10)")
    run.add_argument("--max-cost", type=float, metavar="C", help="stop before the calls on the wall clock cost more")
    run.add_argument("--max-minutes", type=float, metavar="M", help="stop before they take more minutes, all together")
    run.add_argument(
        "--most-late",
        type=float,
        default=100.0,
        metavar="MS",
        help="make a call again whose frames leave later around annotated events (100)",
    )
    run.add_argument(
        "--condition",
        default="clean",
        metavar="NAME",
        help="what stands between (`fdbench list conditions`); several with commas, ladder:NAME or all: a run for each",
    )
    run.add_argument("--noise", default="", metavar="DIR", help="your own noise, for the conditions own-...")
    run.add_argument(
        "--examiner",
        default="scripted",
        metavar="WHO",
        help="who holds dialogues: scripted (default), llm:PROVIDER:MODEL, realtime:NAME",
    )
    run.add_argument(
        "--examiner-arg", action="append", default=[], metavar="NAME=VALUE", help="further setting of the examiner"
    )
    run.add_argument("--pace", choices=("slow", "fast"), default="", help="of the examiner, where the task has none (slow)")
    run.add_argument("--duration", type=float, default=60.0, metavar="S", help="the examiner falls silent after that (60)")
    run.add_argument("--gate-candidate", action="store_true", help="the examiner hears no model while it speaks itself")
    run.add_argument(
        "--shard",
        metavar="K/N",
        help="fill the run together with others: the K-th of N shares of the calls, then what others leave undone",
    )
    run.add_argument("--silence", type=float, metavar="S", help="with --shard: who says nothing for so long is dead (120)")
    add_place_options(run)
    run.add_argument("--keep-going", action="store_true", help="make all calls, although 8 in a row have failed alike")
    run.add_argument("--again", action="store_true", help="make all calls anew, also those that are there already")
    run.add_argument("--arg", action="append", default=[], metavar="NAME=VALUE", help="argument of the model")
    add_scoring_options(run, asr=DEFAULT_ASR, protocol="all")


def request_of(arguments: argparse.Namespace) -> RunRequest:
    """What the options ask for, under the condition that they name. Raises FdbenchError where it cannot be."""
    from fdbench.call.call import Ending
    from fdbench.call.examiner.options import ExaminerOptions
    from fdbench.stages.request import RunRequest
    from fdbench.stages.share import Shard
    from fdbench.store.leases import SILENCE_S

    out, mirror = root_of(arguments.out)
    return RunRequest(
        model=arguments.model,
        tasks=arguments.tasks,
        out=out,
        mirror=mirror,
        data=data_of(arguments),
        seed=arguments.seed,
        repeats=arguments.repeats,
        slots=arguments.slots,
        lead_in_s=arguments.lead_in,
        ending=Ending(arguments.tail_silence, arguments.tail_limit),
        limit=arguments.limit,
        arguments=pairs_of(arguments.arg),
        max_cost=arguments.max_cost,
        max_minutes=arguments.max_minutes,
        most_late_s=arguments.most_late / 1000,
        condition=arguments.condition,
        noise=arguments.noise,
        keep_going=arguments.keep_going,
        again=arguments.again,
        shard=Shard.parse(arguments.shard) if arguments.shard else None,
        silence_s=SILENCE_S if arguments.silence is None else arguments.silence,
        ray=ray_of(arguments),
        name=arguments.name,
        examiner=ExaminerOptions(
            arguments.examiner,
            arguments.pace,
            arguments.duration,
            arguments.gate_candidate,
            pairs_of(arguments.examiner_arg, "--examiner-arg"),
        ),
    )
