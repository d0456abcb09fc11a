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
from anb_gym.benchmark import PREDICTED
from anb_gym.devices import device_of
from anb_gym.fronts import CertifiedFront
from anb_gym.fronts.store import FRONTS
from anb_gym.surrogates.store import FAMILIES
from anb_gym.surrogates.tables import FloatArray


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the commands to the parser."""
    solve = commands.add_parser("solve", help="certify fronts over all architectures and write them into the package")
    solve.add_argument("--all", action="store_true", help="accuracy, and accuracy with every device metric")
    solve.add_argument("--metrics", nargs="+", metavar="METRIC", default=[], help="accuracy, or metrics of devices")
    solve.add_argument("--surrogate", default=FAMILIES[0], help=f"one of {', '.join(FAMILIES)}")
    solve.add_argument("--workers", type=int, metavar="N", help="threads; by default one per core")
    solve.add_argument("--force", action="store_true", help="search again for fronts that are already there")
    solve.set_defaults(run=_solve)

    front = commands.add_parser("front", help="print or draw a certified front, or report on all of them")
    front.add_argument("metric", nargs="?", help="such as vck190/throughput; a device alone means its throughput")
    front.add_argument("--surrogate", default=FAMILIES[0], help=f"one of {', '.join(FAMILIES)}")
    front.add_argument("--plot", type=Path, metavar="FILE", help="draw it as a PNG, with the measured architectures")
    front.add_argument("--data", type=Path, metavar="ARCHIVE", help="the dataset; by default $ANB_GYM_DATASET")
    front.add_argument(
        "--report", type=Path, nargs="?", const=Path("docs"), metavar="FOLDER", help="write fronts.md (docs)"
    )
    front.set_defaults(run=_front)

    calibrate = commands.add_parser("calibrate", help="measure the tasks' reward scales on the shipped surrogates")
    calibrate.add_argument("--device", metavar="NAME", help="a device from a folder; by default the dataset's devices")
    calibrate.set_defaults(run=_calibrate)


def _solve(options: argparse.Namespace) -> None:
    metrics = [choose(metric, FRONTS, "--metrics") for metric in options.metrics] or list(FRONTS) * options.all
    if not metrics:
        raise ValueError(f"name --metrics or --all; there are fronts of {', '.join(FRONTS)}")
    if options.workers is not None and options.workers < 1:
        raise ValueError(f"--workers must be at least 1, got {options.workers}")
    solving = require("anb_gym.fronts.solving", "exact")
    fronts = solving.solve_all(
        options.surrogate,
        metrics,
        workers=options.workers,
        progress=True,
        checkpoints=Path("runs/solve"),
        force=options.force,
    )
    any_new = False
    for front, new in fronts:
        any_new |= new
        what = "certified and verified" if new else "already there"
        size, nodes = f"{len(front):,} architectures", f"{front.certificate.nodes:,} nodes"
        print(f"{' and '.join(front.metrics)}: {size}, {nodes}, {what}", flush=True)
    if any_new and options.surrogate == FAMILIES[0]:
        for owner in dict.fromkeys(map(device_of, metrics)):
            command = f"anb-gym calibrate --device {owner.name}" if owner else "anb-gym calibrate"
            print(f"now run {command}: tasks.json records optima and reference points")


def _front(options: argparse.Namespace) -> None:
    if options.metric is None and options.report is None:
        raise ValueError(f"name a front or --report; there are fronts of {', '.join(FRONTS)}")
    if options.plot is not None and options.plot.suffix.lower() != ".png":
        raise ValueError(f"--plot must name a .png file, got {str(options.plot)!r}")
    dataset = _dataset(options.data)
    if options.report is not None:
        report = require("anb_gym.front_report", "pareto")
        print(f"report in {report.write_report(options.report, None if dataset is None else dataset.unique().index)}")
    if options.metric is None:
        return
    throughput = {metric.partition("/")[0]: metric for metric in FRONTS if metric.endswith("/throughput")}
    metric = throughput.get(options.metric) or choose(options.metric, FRONTS, "metric")
    bench = Benchmark(options.surrogate)
    front = bench.front(metric)
    values = bench.query(front.indices, front.metrics, std=True)
    units = ", ".join(f"{name} ± std ({PREDICTED[name]})" for name in front.metrics)
    print(f"{'index':>12}  {'architecture':{len(str(EFFICIENTNET_B0))}}  {units}")
    for row, arch in enumerate(front.architectures()):
        cells = [f"{values[name][row]:11,.2f} ± {values[f'{name}:std'][row]:<8.2g}" for name in front.metrics]
        print(f"{front.indices[row]:12}  {arch}  {' '.join(cells)}")
    if options.plot is not None:
        _plot_front(front, values["accuracy:std"], dataset, options.plot)


def _plot_front(front: CertifiedFront, spread: FloatArray, dataset: Any, path: Path) -> None:
    """Draws a front over the measured architectures, or over random ones as predicted if there is no dataset."""
    if len(front.metrics) < 2:
        raise ValueError(f"metric must be of a device for a plot, got {front.metrics[0]!r}")
    plots = require("anb_gym.pareto.plots", "pareto")
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
    write_atomically(path, plots.to_png(figure))
    print(f"plot in {path}")


def _dataset(path: Path | None) -> Any:
    """The dataset if it is named, None otherwise: nothing is downloaded for a picture."""
    module = require("anb_gym.construction.dataset", "fit")
    return module.load_dataset(path) if path is not None or os.environ.get(module.VARIABLE) else None


def _calibrate(options: argparse.Namespace) -> None:
    from anb_gym.calibration import write_records

    print(f"scales in {write_records(options.device)}")
