"""`fdbench judge check`: how far a judge can be trusted, found out with replies and dialogues whose scores are known."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fdbench.command.base import EXIT_OK, EXIT_WITH_ERRORS, Commands, add_command, data_of, report_notes, show, write_result
from fdbench.command.judge_options import add_judge_options, judge_settings_of
from fdbench.errors import UsageError
from fdbench.io.text_table import text_table

if TYPE_CHECKING:
    from fdbench.judge.agreement import Agreement, Estimate
    from fdbench.stages.judge_check import CheckedJudge


RELEVANCE, DIALOGUE = "relevance", "dialogue"


def register(commands: Commands) -> None:
    """`judge check`."""
    summary = "what a judge's ratings are worth"
    judge = commands.add_parser("judge", help=summary, description=summary, allow_abbrev=False)
    actions = judge.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = add_command(actions, "check", check_command, "let a judge rate replies whose rating is known, and compare")
    check.add_argument(
        "--of", choices=(RELEVANCE, DIALOGUE), default=RELEVANCE, help="ratings of replies, or scores of dialogues (relevance)"
    )
    check.add_argument("--out", type=Path, default=Path("results"), help="root of the results (default: results/)")
    check.add_argument("--data", metavar="DIR", help="where downloaded benchmark data is (for --judge-prompts upstream)")
    check.add_argument("--json", metavar="FILE", nargs="?", const="-", help="the result for a program (- = standard output)")
    add_judge_options(check)


def check_command(arguments: argparse.Namespace) -> int:
    from fdbench.judge.calibration import labelled_set
    from fdbench.judge.calibration_dialogue import labelled_dialogues
    from fdbench.judge.client import Judge
    from fdbench.judge.verdicts import VerdictCache
    from fdbench.stages.judge_check import check_dialogues, check_judge, conclusions
    from fdbench.stages.progress import ProgressBars
    from fdbench.store.judge_checks import verdicts_folder

    data = data_of(arguments) if arguments.judge_prompts == "upstream" else None
    settings = judge_settings_of(arguments, data.root if data else None)
    if settings is None:
        raise UsageError(f"--judge {arguments.judge}: there is nobody to check", "name one: --judge PROVIDER:MODEL")
    with Judge(settings, VerdictCache(verdicts_folder(arguments.out))) as judge, ProgressBars() as progress:
        if arguments.of == DIALOGUE:
            checks = check_dialogues(judge, labelled_dialogues(), arguments.out, progress)
        else:
            checks = {RELEVANCE: check_judge(judge, labelled_set(), arguments.out, progress)}
    report_notes(list(dict.fromkeys(note for done in checks.values() for note in done.notes)))
    results = {
        name: {
            **done.check.as_json(),
            "conclusions": conclusions(done.agreement),
            "usage": judge.usage.as_json(),
            "files": [str(path) for path in done.files],
        }
        for name, done in checks.items()
    }
    if arguments.json:
        write_result(arguments.json, results if arguments.of == DIALOGUE else results[RELEVANCE])
    if arguments.json != "-":
        lines = [line for done in checks.values() for line in (*_table(done), "", *conclusions(done.agreement), "")][:-1]
        show(*lines, str(judge.usage), *(str(path) for done in checks.values() for path in done.files))
    return EXIT_WITH_ERRORS if any(done.check.n_failed for done in checks.values()) else EXIT_OK


def _table(done: CheckedJudge) -> Iterator[str]:
    check, agreement = done.check, done.agreement
    yield check.judge
    if check.models:
        yield f"answered by {', '.join(check.models)}"
    failed = "".join(f", {n} without a rating ({reason})" for reason, n in check.failed.items())
    yield f"labelled set {check.labelled.scale}, version {check.labelled.version}: {check.n_rated} rated{failed}"
    yield ""
    yield from _overall(agreement)
    if agreement.by_category:
        yield ""
        rows = [
            (name, str(each.n), f"{each.mean_absolute_error:.2f}", f"{each.bias:+.2f}")
            for name, each in agreement.by_category.items()
        ]
        yield from text_table(rows, header=("category", "n", "MAE", "bias"))
    if agreement.worst:
        yield ""
        worst = [(item.id, item.category, f"{item.label:g}", f"{item.rating:g}") for item in agreement.worst]
        yield from text_table(worst, header=("furthest off", "category", "label", "rating"))


def _overall(agreement: Agreement) -> Iterator[str]:
    yield f"weighted kappa       {_estimate(agreement.kappa)}  n={agreement.n}"
    yield f"mean absolute error  {_estimate(agreement.mean_absolute_error)}"
    if agreement.exact_agreement is not None and agreement.bias is not None:
        yield f"exact agreement      {agreement.exact_agreement:.0%}"
        yield f"bias                 {agreement.bias:+.2f}"
    if agreement.n_hostile:
        lifted = f"n={agreement.n_hostile}, {agreement.n_lifted} of them by 2 or more"
        yield f"hostile lift         {_estimate(agreement.hostile_lift, '+')}  {lifted}"
    if agreement.harmless_lift is not None:
        yield f"  without an attack  {agreement.harmless_lift:+.2f}  (harmless replies that deserve as little)"


def _estimate(estimate: Estimate, sign: str = "") -> str:
    if estimate.value is None:
        return f"- ({estimate.reason})"
    if estimate.ci_low is None or estimate.ci_high is None:
        return f"{estimate.value:{sign}.2f}"
    return f"{estimate.value:{sign}.2f} [{estimate.ci_low:{sign}.2f}, {estimate.ci_high:{sign}.2f}]"
