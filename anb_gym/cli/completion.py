"""The command ``completion``: a script that completes ``anb-gym`` in a shell."""

from __future__ import annotations

import argparse
from typing import Final

from anb_gym._errors import choose
from anb_gym._extras import require

#: Shells, and where each looks for the script.
SHELLS: Final = {
    "bash": "~/.local/share/bash-completion/completions/anb-gym",
    "zsh": "a folder of $fpath, as _anb-gym",
    "fish": "~/.config/fish/completions/anb-gym.fish",
    "tcsh": "~/.cshrc, by source",
    "powershell": "$PROFILE",
}


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    completion = commands.add_parser("completion", help="print a script that completes commands in a shell")
    places = "; ".join(f"{shell}: {place}" for shell, place in SHELLS.items())
    completion.add_argument("shell", metavar="SHELL", help=f"where its script goes: {places}")
    completion.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from anb_gym.cli import _parser

    shell = choose(options.shell, SHELLS, "SHELL")
    print(require("shtab", "terminal").complete(_parser(), shell=shell))
