"""What every command shares: statuses, options, and how results and troubles are shown."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from fdbench.command.installed import suited
from fdbench.command.judge_options import GIVEN, NONE, add_judge_options, judge_settings_of
from fdbench.core.placement import CAUSAL, PLACEMENTS
from fdbench.errors import UsageError
from fdbench.io.text_table import fitted_table
from fdbench.io.visible import visible, visible_json

if TYPE_CHECKING:
    from fdbench.judge.providers import JudgeSettings
    from fdbench.stages.options import ScoringOptions
    from fdbench.stages.run import FinishedRun
    from fdbench.task.data import Data

EXIT_OK, EXIT_MISUSE, EXIT_WITH_ERRORS, EXIT_INTERRUPTED = 0, 2, 3, 130
DEFAULT_ASR = "auto"
MOST_ON_A_TERMINAL = 8
DEFAULT_COLUMNS = 100
DATA_VARIABLE = "FDBENCH_DATA"
_EXAMPLES_TITLE: Final = "examples:"

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_command(
    commands: Commands,
    name: str,
    handler: Callable[[argparse.Namespace], int],
    summary: str,
    *,
    examples: Sequence[str] = (),
    epilog: str = "",
) -> argparse.ArgumentParser:
    shown = [*textwrap.wrap(epilog, DEFAULT_COLUMNS), *([""] if epilog else []), *([_EXAMPLES_TITLE] if examples else [])]
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description="\n".join(textwrap.wrap(summary, DEFAULT_COLUMNS)),
        epilog="\n".join([*shown, *(f"  fdbench {example}" for example in examples)]) or None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="tracebacks")
    parser.set_defaults(handler=handler)
    return parser


def add_run_argument(
    parser: argparse.ArgumentParser, name: str = "run", metavar: str = "RUN", nargs: str | None = None
) -> None:
    """A run's folder, or what it is known by."""
    what = "a run's folder, its name, or the beginning of its id"
    parser.add_argument(name, type=run_folder, metavar=metavar, nargs=nargs, help=what)


def run_folder(text: str) -> Path:
    """The folder of the run that a user means (``fdbench.store.find``)."""
    from fdbench.store.find import find_run

    return find_run(text)


def add_scoring_options(parser: argparse.ArgumentParser, *, asr: str | None, protocol: str | None) -> None:
    add_engine_options(parser, asr=asr, protocol=protocol)
    parser.add_argument(
        "--human",
        metavar="NAME|FILE.json",
        help="people beside whom timing is set: a reference made by `fdbench human-timing` (default: switchboard-hist)",
    )
    add_judge_options(parser, also=(NONE, GIVEN), default=NONE)
    parser.add_argument("--json", metavar="FILE", nargs="?", const="-", help="the result for a program (- = standard output)")


def add_engine_options(parser: argparse.ArgumentParser, *, asr: str | None, protocol: str | None) -> None:
    add_data_option(parser)
    parser.add_argument(
        "--asr",
        default=asr,
        metavar="ENGINE",
        help="auto, faster-whisper[:SIZE|DIR], whisper[:SIZE], sphinx, given, none; several with commas: how far numbers "
        "depend on who hears",
    )
    parser.add_argument("--vad", default="silero", metavar="ENGINE", help="silero, webrtc, given; several with commas")
    parser.add_argument("--protocol", default=protocol, help="fdb-2026-05, fdb-2026-02, fdbench, several with commas, or all")
    parser.add_argument("--workers", type=int, default=cores(), help="processes for annotation")
    parser.add_argument(
        "--placement",
        choices=PLACEMENTS,
        default=CAUSAL,
        help="where replies lie: where they could first be heard (default), or where the model's official script writes them",
    )


def add_data_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        metavar="DIR|hf:ORG/NAME[@REV]",
        help=f"benchmark data: a folder of downloads, or a dataset, local or on the hub (default: ${DATA_VARIABLE}); "
        "fewer samples than a task has are streamed from the hub",
    )


def data_of(arguments: argparse.Namespace, run: Path | None = None) -> Data | None:
    """The samples that ``--data`` names; else those that were exported with ``run``; else those that the environment names."""
    from fdbench.task.data import open_data

    if arguments.data:
        return open_data(str(arguments.data))
    if run is not None:
        from fdbench.publish.own_samples import samples_in

        own = samples_in(run)
        if own is not None:
            return own
    from_environment = os.environ.get(DATA_VARIABLE)
    if not from_environment:
        return None
    try:
        return open_data(from_environment)
    except UsageError as error:  # nobody wrote --data
        raise UsageError(error.what.replace("--data ", f"{DATA_VARIABLE}=", 1), error.remedy) from None


_EXAMPLES: Final = {
    "--arg": "--arg silence_ms=700",
    "--examiner-arg": "--examiner-arg thinks_s=1.2",
    "--slurm": "--slurm account=lab",
}


def pairs_of(texts: Sequence[str], option: str = "--arg") -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise UsageError(f"{option} {text}: expected NAME=VALUE", f"for example {_EXAMPLES[option]}")
        pairs[name] = value
    return pairs


def protocols_of(text: str) -> tuple[str, ...]:
    from fdbench.core.metric import PROTOCOLS
    from fdbench.errors import unknown_name

    if text == "all":
        return tuple(PROTOCOLS)
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in PROTOCOLS:
            raise unknown_name("protocol", name, PROTOCOLS)
    return names


def scoring_options_of(arguments: argparse.Namespace, protocols: tuple[str, ...]) -> ScoringOptions:
    from fdbench.hear.engines import chosen_asr
    from fdbench.hear.stage import Engines
    from fdbench.human.reference import DEFAULT, find_reference
    from fdbench.stages.options import ScoringOptions

    if arguments.workers < 1:
        raise UsageError(f"--workers {arguments.workers}: expected at least 1", "leave it out to use every core")
    recognisers = dict.fromkeys(chosen_asr(name.strip()) for name in str(arguments.asr).split(","))
    detectors = dict.fromkeys(name.strip() for name in str(arguments.vad).split(","))
    engines, *others = [Engines(asr, vad) for asr in recognisers for vad in detectors]
    human = find_reference(getattr(arguments, "human", None) or DEFAULT)  # annotating sets nobody beside anybody
    return ScoringOptions(
        engines, protocols, _judge_of(arguments), arguments.workers, arguments.placement, human, tuple(others)
    )


def chosen_ears(arguments: argparse.Namespace, options: ScoringOptions) -> tuple[str, ...]:
    """A note for a person about who hears, where the command line left it open."""
    chosen = ", ".join(dict.fromkeys(each.engines.asr for each in options.by_each()))
    return () if arguments.asr == chosen.replace(" ", "") else (f"--asr {arguments.asr}: {chosen}",)


def _judge_of(arguments: argparse.Namespace) -> str | JudgeSettings:
    if not hasattr(arguments, "judge"):  # annotating asks nobody
        return NONE
    data = data_of(arguments) if arguments.judge_prompts == "upstream" else None
    return judge_settings_of(arguments, data.root if data else None) or str(arguments.judge)


def cores() -> int:
    """Cores that this process may use: a job of a cluster has a share of its machine's."""
    n = os.cpu_count() or 1
    return min(n, len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else n


def show(*lines: str) -> None:
    """Print lines of the result; what others put into them does not act on the terminal."""
    for line in lines:
        print(visible(suited(line)))


def show_table(rows: Iterable[Sequence[str]], header: Sequence[str]) -> None:
    """Print a table as wide as the terminal at most."""
    show(*fitted_table(rows, header=header, width=columns_here()))


def columns_here() -> int:
    """How wide the terminal is; ``DEFAULT_COLUMNS`` where there is none."""
    return shutil.get_terminal_size((DEFAULT_COLUMNS, 24)).columns


def tell(line: str) -> None:
    """Print a line for a person beside the result; as ``show``."""
    print(f"fdbench: {visible(suited(line))}", file=sys.stderr)


def report_messages(samples: Sequence[Any]) -> None:
    """What is to be said of samples, a line each; on a terminal only the first of many."""
    of_all = (f"{sample.id.task} {sample.id.sample}: {message}" for sample in samples for message in sample.messages)
    lines = tuple(dict.fromkeys(of_all))  # the same trouble under several protocols is reported once
    most = MOST_ON_A_TERMINAL if sys.stderr.isatty() else len(lines)
    report_notes(lines[:most])
    if len(lines) > most:
        tell(f"and {len(lines) - most} more such lines: samples.jsonl in the run's folder has them all")


def report_notes(notes: Sequence[str]) -> None:
    for note in notes:
        tell(note)


def write_result(target: str, value: Any) -> None:
    """Write a result as JSON to a file, a device or a pipe, or to standard output where the target is ``-``."""
    from fdbench.io.files import encode_json, to_json, write_output

    if target == "-":
        sys.stdout.write(visible_json(to_json(value)))
    else:
        write_output(Path(target), encode_json(value))


def screen_of(folder: Path, *, scored_as: Collection[str] = (), with_next: bool = True) -> list[str]:
    """How a run went, beside the trivial agents whose runs lie next to it, and how far that depends on who heard it.

    Args:
        scored_as: The scorings to show, where there are several.
    """
    from fdbench.report.instrument import instrument_lines
    from fdbench.report.rows import read_neighbours, read_run
    from fdbench.report.screen import Screen
    from fdbench.store.run import Run

    run = Run(folder)
    rows = read_run(folder)  # which also sees to it that summaries are what they have to be
    remarks = dict.fromkeys(note for summary in run.summaries() for note in summary.get("notes", ()))
    shown = [row for row in rows if not scored_as or Path(row.path).parent.name in scored_as]
    screen = Screen(shown, read_neighbours(folder), tuple(remarks), folder)
    instrument = instrument_lines(rows)
    return [*instrument, *([""] if instrument else []), *screen.lines(columns_here(), with_next=with_next)]


def conclude(arguments: argparse.Namespace, finished: FinishedRun) -> int:
    from fdbench.store.run import Run

    report_notes(finished.notes)
    if not finished.ended_in_vain:
        report_messages([sample for scoring in finished.scorings for sample in scoring.samples])
    if arguments.json:
        summaries = Run(finished.folder).summaries()
        write_result(arguments.json, {"run": str(finished.folder), "errors": finished.n_errors, "summaries": summaries})
    if arguments.json != "-":
        show(*screen_of(finished.folder, scored_as=finished.scored_as))
    return EXIT_WITH_ERRORS if finished.n_errors or finished.n_left or finished.is_meaningless else EXIT_OK
