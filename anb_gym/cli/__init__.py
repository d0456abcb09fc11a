"""The ``anb-gym`` command. Library code raises; only this package prints and exits.

Each module adds its commands to the parser; a command's function imports what it needs when it runs.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from anb_gym._lazy import submodules
from anb_gym.cli import construction, devices, fronts, proxy_search, reproduce, study, surrogates


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, ModuleNotFoundError, OSError) as error:
        print(f"anb-gym: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("anb-gym: interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="anb-gym", description=sys.modules["anb_gym"].__doc__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for module in (surrogates, fronts, devices, study, reproduce, construction, proxy_search):
        module.add_commands(commands)
    return parser


__getattr__, __dir__ = submodules(__name__)
