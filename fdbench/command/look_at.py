"""`fdbench look CALL.wav`: what can be said of any call of two channels, without a task and without annotations."""

from __future__ import annotations

import argparse
from pathlib import Path

from fdbench.command.base import EXIT_OK, Commands, add_command, show, tell, write_result


def register(commands: Commands) -> None:
    """`look`."""
    parser = add_command(
        commands,
        "look",
        look_command,
        "who takes over when, who talks over whom: any call of two channels, without a task",
        examples=("look call.wav", "look call.wav --user 1 --model 0 --html call.html --json call.json"),
    )
    parser.add_argument(
        "call", type=Path, metavar="CALL.wav", help="a WAV, FLAC, ... with a channel for each side, of any length"
    )
    parser.add_argument("--user", type=int, default=0, metavar="N", help="the user's channel, counted from 0 (0)")
    parser.add_argument("--model", type=int, default=1, metavar="N", help="the model's channel (1)")
    parser.add_argument("--html", type=Path, metavar="DIR|FILE.html", help="the call on a page, to be seen and heard")
    parser.add_argument("--json", metavar="FILE", nargs="?", const="-", help="the result for a program (- = standard output)")


def look_command(arguments: argparse.Namespace) -> int:
    from fdbench.human.call_measures import measure_call
    from fdbench.human.two_channels import hear_call
    from fdbench.report.call_screen import call_lines

    measured = measure_call(hear_call(arguments.call, arguments.user, arguments.model))
    if arguments.json:
        write_result(arguments.json, measured.as_json())
    if arguments.json != "-":
        show(*call_lines(measured))
    if arguments.html:
        from fdbench.page.any_call import write_any_call

        page = write_any_call(arguments.html, arguments.call, (arguments.user, arguments.model), measured)
        tell(f"open it: {page.path}")
    return EXIT_OK
