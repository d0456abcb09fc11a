"""What one can do with the command line: the answer to ``anb-gym`` alone."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Final

from anb_gym import __version__

#: What to type first, and what it shows.
FIRST: Final = {
    "anb-gym show": "EfficientNet-B0, and how far it is from exact fronts",
    "anb-gym front vck190": "the certified front of accuracy and VCK190 throughput",
    "anb-gym design vck190 --at-least 3000": "what a trained policy designs, beside the certified best",
    "anb-gym study quick --report": "controllers compared in a minute",
    "anb-gym doctor": "what is installed, and what is missing",
}


def overview(commands: argparse._SubParsersAction[argparse.ArgumentParser], groups: Mapping[str, Sequence[str]]) -> str:
    """The text: commands in their groups, each in one line, and what to type first.

    Args:
        commands: The commands that the parser knows.
        groups: Names of commands by the title of their group.
    """
    helps = {str(action.dest): action.help or "" for action in commands._get_subactions()}
    width = max(map(len, helps))
    lines = [f"anb-gym {__version__}: neural architecture search on real accelerator measurements"]
    for title, names in groups.items():
        lines += ["", title, *(f"  {name:{width}}  {helps[name]}" for name in names)]
    wide = max(map(len, FIRST))
    lines += ["", "Begin with", *(f"  {command:{wide}}  {shows}" for command, shows in FIRST.items())]
    return "\n".join([*lines, "", "anb-gym COMMAND --help explains a command."])
