"""Commands of certified fronts and of the scales made from them: ``solve``, ``front`` and ``calibrate``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np

from anb_gym import EFFICIENTNET_B0, SPACE, Benchmark
from anb_gym._errors import choose
from anb_gym._extras import require
from anb_gym._files import write_atomically
from anb_gym._types import FloatArray
from anb_gym.benchmark import PREDICTED
from anb_gym.cli._options import PAGES, add_metrics, metrics, output
from anb_gym.devices import device_of, get_device
from anb_gym.fronts import CertifiedFront
from anb_gym.fronts.store import FRONTS, own_folder
from anb_gym.metrics import choose_metric
from anb_gym.surrogates.store import FAMILIES


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the commands to the parser."""
    solve = commands.add_parser("solve", help="certify fronts over all architectures, for every later query")
    solve.add_argument("--all", action="store_true", help="accuracy, and accuracy with every device metric")
    add_metrics(solve, "accuracy, metrics of devices, or devices: their throughput")
    solve.add_argument("--surrogate", default=FAMILIES[0], help=f"one of {', '.join(FAMILIES)}")
    solve.add_argument("--workers", type=int, metavar="N", help="threads; by default one per core")
    solve.add_argument("--force", action="store_true", help="search again for fronts that are already there")
    solve.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="by default in that of one's own device, else in the user's, $ANB_GYM_HOME; queries read both",
    )
    solve.set_defaults(run=_solve)

    front = commands.add_parser("front", help="print or draw a certified front, or report on all of them")
    front.add_argument("metric", nargs="?", help="such as vck190/throughput; a device alone means its throughput")
    front.add_argument("--surrogate", default=FAMILIES[0], help=f"one of {', '.join(FAMILIES)}")
    front.add_argument("--plot", type=Path, metavar="FILE", help="draw it as a PNG, with the measured architectures")
    front.add_argument("--data", type=Path, metavar="ARCHIVE", help="the dataset; by default $ANB_GYM_DATASET")
    front.add_argument("--report", action="store_true", help="write fronts.md and a table of each front")
    front.add_argument(
        "--out", type=Path, default=PAGES, metavar="FOLDER", help=f"of the report, by default {PAGES.as_posix()}"
    )
    front.set_defaults(run=_front)

    calibrate = commands.add_parser("calibrate", help="measure the tasks' reward scales on the shipped surrogates")
    calibrate.add_argument("--device", metavar="NAME", help="a device from a folder; without it the dataset's devices")
    calibrate.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="where tasks.json goes, by default into the folder of one's own device",
    )
    calibrate.set_defaults(run=_calibrate)


def _solve(options: argparse.Namespace) -> None:
    wanted = metrics(options.metrics, FRONTS) or list(FRONTS) * options.all
    if not wanted:
        raise ValueError(f"name --metrics or --all; there are fronts of {', '.join(FRONTS)}")
    choose(options.surrogate, FAMILIES, "surrogate")
    if options.workers is not None and options.workers < 1:
        raise ValueError(f"--workers must be at least 1, got {options.workers}")
    solving = require("anb_gym.fronts.solving", "exact")
    folders = {metric: options.out or own_folder(metric) for metric in wanted}
    written: list[Path] = []
    with output(*folders.values()):
        for front, path in solving.solve_all(
            options.surrogate,
            wanted,
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

        own = {metric: device for metric in wanted if (device := device_of(metric)) and not device.ships}
        for name in dict.fromkeys(
            device.name for metric, device in own.items() if not is_recorded(metric, FAMILIES[0])
        ):
            print(f"now run anb-gym calibrate --device {name}: tasks.json records optima and reference points")


def _front(options: argparse.Namespace) -> None:
    if options.metric is None and not options.report:
        raise ValueError(f"name a front or --report; there are fronts of {', '.join(FRONTS)}")
    if options.plot is not None and options.plot.suffix.lower() != ".png":
        raise ValueError(f"--plot must name a .png file, got {str(options.plot)!r}")
    metric = None if options.metric is None else choose_metric(options.metric, FRONTS, "metric")
    dataset = _dataset(options.data)
    if options.report:
        report = require("anb_gym.reports.fronts", "pareto")
        with output(options.out):
            measured = None if dataset is None else dataset.unique().index
            print(f"report in {report.write_report(options.out, measured)}")
    if metric is None:
        return
    with output(*[options.plot.parent] if options.plot else [], argument="--plot"):
        _print_front(metric, dataset, options)


def _print_front(metric: str, dataset: Any, options: argparse.Namespace) -> None:
    bench = Benchmark(options.surrogate)
    front = bench.front(metric)
    values = bench.query(front.indices, front.metrics, std=True)
    units = ", ".join(f"{name} ± std ({PREDICTED[name]})" for name in front.metrics)
    print(f"{'index':>12}  {'architecture':{len(str(EFFICIENTNET_B0))}}  {units}")
    for row, arch in enumerate(front.architectures()):
        cells = [f"{values[name][row]:11,.2f} ± {values[f'{name}:std'][row]:<8.2g}" for name in front.metrics]
        print(f"{front.indices[row]:12}  {arch}  {' '.join(cells)}")
    certificate = front.certificate
    resolution = " and ".join(f"{value:.2g}" for value in certificate.resolution)
    print(f"certificate: {certificate.covered:,} architectures, resolution {resolution} in the units of the tables")
    print(f"not verified: {certificate.nodes:,} nodes of the search; CertifiedFront.verify() checks all else")
    if options.plot is not None:
        _plot_front(front, values["accuracy:std"], dataset, options.plot)


def _plot_front(front: CertifiedFront, spread: FloatArray, dataset: Any, path: Path) -> None:
    """Draws a front over the measured architectures, or over random ones as predicted if there is no dataset."""
    if len(front.metrics) < 2:
        raise ValueError(f"metric must be of a device for a plot, got {front.metrics[0]!r}")
    plots = require("anb_gym.reports.plane", "pareto")
    if dataset is None:
        name = "random architectures, predicted"
        scored = Benchmark(front.surrogate).query(SPACE.sample(5000, np.random.default_rng(0)), front.metrics)
        background = np.stack([scored[metric] for metric in front.metrics], axis=1)
    else:
        background = np.stack([dataset.metrics[metric] for metric in front.metrics], axis=1)
        background = background[np.isfinite(background).all(axis=1)]
        name = f"{len(background):,} measured architectures"
    figure = plots.front_figure(
        background,
        front.objectives,
        directions=front.directions,
        axis_labels=[f"{metric} ({PREDICTED[metric]})" for metric in front.metrics],
        background_label=name,
        front_label=f"exact front of the surrogate, {len(front):,} architectures",
        spread=spread,
        title=f"Accuracy and {front.metrics[1]}: all {SPACE.size:,} architectures",
    )
    write_atomically(path, require("anb_gym.reports.drawing", "pareto").to_png(figure))
    print(f"plot in {path}")


def _dataset(path: Path | None) -> Any:
    """The dataset if it is named, None otherwise: nothing is downloaded for a picture."""
    module = require("anb_gym.construction.dataset", "fit")
    return module.load_dataset(path) if path is not None or os.environ.get(module.VARIABLE) else None


def _calibrate(options: argparse.Namespace) -> None:
    from anb_gym.calibration import FILE, write_records

    device = None if options.device is None else get_device(options.device, "--device")
    folder = options.out or (device.folder if device and not device.ships else None)
    if folder is None:
        raise ValueError("name a --device of one's own, or --out: the scales of shipped tasks ship with the package")
    with output(folder):
        print(f"scales in {write_records(options.device, folder / FILE)}")
