"""The command ``solve``: certified fronts."""

from __future__ import annotations

import argparse
from pathlib import Path

from anb_gym._errors import choose
from anb_gym._extras import needing
from anb_gym.cli._options import add_fidelity, add_metrics, names, output
from anb_gym.fronts.store import AND, FRONTS, choose_front, front_device, own_folder
from anb_gym.metrics import ACCURACIES
from anb_gym.surrogates.store import FAMILIES, SURROGATES, choose_surrogate


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    solve = commands.add_parser("solve", help="certify fronts over all architectures, for every later query")
    solve.add_argument("--all", action="store_true", help="accuracy, and accuracy with every device metric")
    add_metrics(solve, f"accuracy, metrics of devices, or devices: their throughput; two as A{AND}B, minutes each")
    solve.add_argument("--surrogate", default=FAMILIES[0], help=f"one of {', '.join(SURROGATES)}")
    add_fidelity(solve)
    solve.add_argument("--workers", type=int, metavar="N", help="threads; by default one per core")
    solve.add_argument("--force", action="store_true", help="search again for fronts that are already there")
    solve.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="by default in that of one's own device, else in the user's, $ANB_GYM_HOME; queries read both",
    )
    solve.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    wanted = list(dict.fromkeys(map(choose_front, names(options.metrics)))) or list(FRONTS) * options.all
    if not wanted:
        raise ValueError(f"name --metrics or --all; there are fronts of {', '.join(FRONTS)}")
    choose_surrogate(options.surrogate)
    choose(options.fidelity, ACCURACIES, "fidelity")
    if options.workers is not None and options.workers < 1:
        raise ValueError(f"--workers must be at least 1, got {options.workers}")
    with needing("exact"):
        from anb_gym.fronts.solving import solve_all
    folders = {metric: options.out or own_folder(metric) for metric in wanted}
    written: list[Path] = []
    with output(*folders.values()):
        for front, path in solve_all(
            options.surrogate,
            wanted,
            options.fidelity,
            workers=options.workers,
            progress=True,
            folder=options.out,
            force=options.force,
        ):
            size, nodes = f"{len(front):,} architectures", f"{front.certificate.nodes:,} nodes"
            what = "certified and verified" if path else "already there"
            print(f"{' and '.join(front.metrics)}: {size}, {nodes}, {what}", flush=True)
            written += [path] if path else []
    for folder in dict.fromkeys(folders.values()):
        if any(path.is_relative_to(folder) for path in written):
            print(f"written into {folder}")
    if written and options.surrogate == FAMILIES[0]:
        from anb_gym.calibration import is_recorded

        own = {metric: device for metric in wanted if (device := front_device(metric)) and not device.ships}
        for name in dict.fromkeys(
            device.name for metric, device in own.items() if not is_recorded(metric, FAMILIES[0])
        ):
            print(f"now run anb-gym calibrate --device {name}: tasks.json records optima and reference points")
