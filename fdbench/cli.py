"""The command line. Only fdbench.command prints; heavy imports wait until a command needs them."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence

from fdbench import __version__
from fdbench.command import (
    compare,
    completion,
    data,
    export,
    human_timing,
    judge,
    look,
    look_at,
    provenance,
    report,
    run,
    setup,
    share,
    suite,
    sweep,
)
from fdbench.command.base import EXIT_INTERRUPTED, EXIT_MISUSE, EXIT_OK, tell
from fdbench.command.installed import suited
from fdbench.errors import FdbenchError
from fdbench.io.visible import visible, visible_lines

_GROUPS = (run, sweep, compare, report, data, judge, export, provenance, look, look_at, setup, share, suite, human_timing)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 2 misuse, 3 finished but some samples have errors."""
    arguments = argparse.Namespace(verbose=False)
    try:
        build_parser().parse_args(argv, arguments)  # which looks up runs by their names
        status: int = arguments.handler(arguments)
        return status
    except FdbenchError as error:
        if arguments.verbose:
            print(visible_lines(traceback.format_exc()), file=sys.stderr, end="")
        tell(error.what)
        for line in filter(None, (*error.excerpt, error.remedy)):
            print(f"  {visible(suited(line))}", file=sys.stderr)
        return EXIT_MISUSE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except OSError as error:
        if arguments.verbose:
            print(visible_lines(traceback.format_exc()), file=sys.stderr, end="")
        tell(f"{error.filename}: {error.strerror or error}" if error.filename else str(error.strerror or error))
        print("  what is done is kept; mend this and start again", file=sys.stderr)
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
    for group in _GROUPS:
        group.register(commands)
    completion.register(commands, parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
