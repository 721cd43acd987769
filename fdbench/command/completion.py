"""`fdbench completion SHELL`: what a shell needs to complete commands and options."""

from __future__ import annotations

import argparse
import sys

from fdbench.command.base import EXIT_OK, Commands, add_command
from fdbench.errors import MissingExtraError

SHELLS = ("bash", "zsh", "tcsh")


def register(commands: Commands, root: argparse.ArgumentParser) -> None:
    """`completion`.

    Args:
        root: The whole command line, with every other command.
    """
    parser = add_command(
        commands,
        "completion",
        completion_command,
        "print what a shell needs to complete commands and options",
        examples=(
            "completion bash > ~/.local/share/bash-completion/completions/fdbench",
            'completion zsh > "${fpath[1]}/_fdbench"',
        ),
    )
    parser.add_argument("shell", choices=SHELLS)
    parser.set_defaults(root=root)


def completion_command(arguments: argparse.Namespace) -> int:
    try:
        import shtab
    except ImportError:
        raise MissingExtraError("shtab", "completion", "completion") from None
    sys.stdout.write(shtab.complete(arguments.root, arguments.shell) + "\n")
    return EXIT_OK
