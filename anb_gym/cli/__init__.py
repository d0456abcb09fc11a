"""The ``anb-gym`` command. Library code raises; only this package prints and exits.

Each module is a command, which it adds to the parser; its function imports what it needs when it runs.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Final

from anb_gym import __version__
from anb_gym._errors import one_line
from anb_gym._lazy import submodules
from anb_gym.cli import (
    calibrate,
    collect,
    compare,
    completion,
    design,
    device,
    devices,
    difficulty,
    doctor,
    enjoy,
    evaluate,
    fit,
    front,
    generalisation,
    leaderboard,
    policies,
    power,
    probes,
    proxy_search,
    query,
    reproduce,
    show,
    solve,
    study,
    submit,
    train,
    validate,
)
from anb_gym.cli.overview import overview
from anb_gym.devices import DEVICES, LEFT_OUT, VARIABLE

#: In the order of `--help`, by what they are for.
_GROUPS: Final = {
    "Score and certify": (query, show, front, solve),
    "Agents": (train, evaluate, design, enjoy, policies, generalisation),
    "Controllers and studies": (study, compare, power, submit, validate, leaderboard, difficulty),
    "Devices and data of one's own": (devices, device, probes, collect, proxy_search, fit, calibrate),
    "About": (doctor, completion, reproduce),
}
#: What `--help` says the program is.
_DESCRIPTION: Final = (
    "Neural architecture search on real accelerator measurements: score architectures, certify what is best, "
    "train agents, compare controllers, and add devices and data."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    if LEFT_OUT:  # importing has warned of it: what runs in other processes need not do so again
        os.environ[VARIABLE] = os.pathsep.join(str(d.folder) for d in DEVICES.values() if not d.ships)
    try:
        options.run(options)
        if sys.stdout is not None:  # None is what Python makes of a closed one
            sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        _discard_output()
        return 1
    except (ValueError, ModuleNotFoundError, OSError, MemoryError) as error:
        where = ""
        try:
            if sys.stdout is not None:
                sys.stdout.flush()
        except OSError:  # it is led to a full disk
            _discard_output()
            where = ": standard output" if isinstance(error, OSError) and error.filename is None else ""
        print(f"anb-gym: {one_line(str(error)) or 'out of memory'}{where}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("anb-gym: interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    return 0


def _discard_output() -> None:
    """Leads the output nowhere, so that Python does not try to write the rest of it when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="anb-gym", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    groups: dict[str, list[str]] = {}
    for title, modules in _GROUPS.items():
        known = len(commands.choices)
        for module in modules:
            module.add_command(commands)
        groups[title] = list(commands.choices)[known:]
    parser.set_defaults(run=lambda _: print(overview(commands, groups)))
    return parser


__getattr__, __dir__ = submodules(__name__)
