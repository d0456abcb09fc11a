"""The command ``front``: a certified front, printed and drawn, and the report on all."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from anb_gym import EFFICIENTNET_B0, SPACE, Benchmark
from anb_gym._extras import needing
from anb_gym._files import write_atomically
from anb_gym._types import FloatArray
from anb_gym.benchmark import PREDICTED
from anb_gym.cli._options import PAGES, add_fidelity, add_json, output, print_json
from anb_gym.fronts import CertifiedFront
from anb_gym.fronts.store import AND, FRONTS, choose_front
from anb_gym.metrics import UNITS, readable
from anb_gym.surrogates.labels import labels_of
from anb_gym.surrogates.store import FAMILIES, SURROGATES

if TYPE_CHECKING:
    from anb_gym.construction.dataset import Dataset


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    front = commands.add_parser("front", help="print or draw a certified front, or report on all of them")
    front.add_argument("metric", nargs="?", help="such as vck190/throughput; a device alone means its throughput")
    front.add_argument("--surrogate", default=FAMILIES[0], help=f"one of {', '.join(SURROGATES)}")
    add_fidelity(front)
    front.add_argument("--within-data", action="store_true", help="only members within the range of what was measured")
    front.add_argument("--plot", type=Path, metavar="FILE", help="draw it as a PNG, with the measured architectures")
    front.add_argument("--data", type=Path, metavar="ARCHIVE", help="the dataset; by default $ANB_GYM_DATASET")
    front.add_argument("--report", action="store_true", help="write fronts.md and a table of each front")
    front.add_argument(
        "--out", type=Path, default=PAGES, metavar="FOLDER", help=f"of the report, by default {PAGES.as_posix()}"
    )
    add_json(front)
    front.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    if options.metric is None and not options.report:
        raise ValueError(f"name a front or --report; there are fronts of {', '.join(FRONTS)}")
    if options.plot is not None and options.plot.suffix.lower() != ".png":
        raise ValueError(f"--plot must name a .png file, got {str(options.plot)!r}")
    metric = None if options.metric is None else choose_front(options.metric)
    if options.json and (metric is None or options.report or options.plot is not None):
        raise ValueError("--json prints one front: name it, without --report and --plot")
    if metric is not None and options.plot is not None and AND in metric:
        raise ValueError(f"--plot draws a front of two metrics, got {options.metric!r}")
    dataset = _dataset(options.data)
    if options.report:
        with needing("pareto"):
            from anb_gym.reports.fronts import write_report
        with output(options.out):
            measured = None if dataset is None else dataset.unique().index
            print(f"report in {write_report(options.out, measured)}")
    if metric is None:
        return
    with output(*[options.plot.parent] if options.plot else [], argument="--plot"):
        _print_front(metric, dataset, options)


def _print_front(metric: str, dataset: Dataset | None, options: argparse.Namespace) -> None:
    bench = Benchmark(options.surrogate)
    front = bench.front(metric, fidelity=options.fidelity, within_data=options.within_data)
    known = all(labels_of(name) for name in front.metrics)
    beyond = ~front.within_data if known else np.zeros(len(front), dtype=np.bool_)
    has_std = bench.world is None
    values = bench.query(front.indices, front.metrics, std=has_std)
    if options.json:
        print_json(_record(front, values, ~beyond if known else None))
        return
    units = ", ".join(f"{name}{' ± std' if has_std else ''} ({PREDICTED[name]})" for name in front.metrics)
    print(f"{'index':>12}  {'architecture':{len(str(EFFICIENTNET_B0))}}  {units}")
    for row, arch in enumerate(front.architectures()):
        cells = [f"{values[name][row]:11,.2f}{_spread(values, name, row)}" for name in front.metrics]
        print(f"{front.indices[row]:12}  {arch}  {' '.join(cells)}{' beyond the data' if beyond[row] else ''}")
    if known:
        print(f"within the range of what was measured: {len(front) - beyond.sum():,} of {len(front):,} members")
    if front.surrogate == FAMILIES[0]:
        _print_scales(front)
    certificate = front.certificate
    resolution = " and ".join(f"{value:.2g}" for value in certificate.resolution)
    print(f"certificate: {certificate.covered:,} architectures, resolution {resolution} in the units of the tables")
    print(f"not verified: {certificate.nodes:,} nodes of the search; CertifiedFront.verify() checks all else")
    if options.plot is not None:
        _plot_front(front, values.get(f"{front.metrics[0]}:std"), dataset, options.plot)


def _record(
    front: CertifiedFront, values: Mapping[str, FloatArray], within: NDArray[np.bool_] | None
) -> dict[str, Any]:
    certificate = front.certificate
    return {
        "surrogate": front.surrogate,
        "metrics": {name: PREDICTED[name] for name in front.metrics},
        "members": [
            {
                "architecture": str(arch),
                "index": front.indices[row],
                **{name: column[row] for name, column in values.items()},
                **({} if within is None else {"within_data": bool(within[row])}),
            }
            for row, arch in enumerate(front.architectures())
        ],
        "certificate": {
            "covered": certificate.covered,
            "resolution": certificate.resolution,
            "nodes": certificate.nodes,
        },
    }


def _spread(values: Mapping[str, FloatArray], name: str, row: int) -> str:
    """The deviation of a metric of one architecture; nothing in a world, where there is none."""
    std = values.get(f"{name}:std")
    return "" if std is None else f" ± {std[row]:<8.2g}"


def _print_scales(front: CertifiedFront) -> None:
    """What is recorded of the exact front's hypervolumes, the practical one first."""
    from anb_gym.calibration import front_scale, is_recorded
    from anb_gym.tasks import TASKS

    task = next((task for task in TASKS.values() if task.device and task.metrics == front.metrics), None)
    if task is None or not is_recorded(front.metrics[-1], front.surrogate):
        return
    scale = front_scale(task)
    for name, point, volume, share in (
        ("practical", scale.practical_reference_point, scale.practical_hypervolume, scale.practical_within_data),
        ("first", scale.reference_point, scale.hypervolume, scale.within_data),
    ):
        if point is None:
            continue
        place = " and ".join(
            f"{readable(metric, value)} {UNITS[metric]}" for metric, value in zip(front.metrics, point, strict=True)
        )
        within = "" if share is None else f", {100.0 * share:.1f} % of it by members within the data"
        print(f"hypervolume of the exact front above the {name} reference point, {place}: {volume:,.6g}{within}")


def _plot_front(front: CertifiedFront, spread: FloatArray | None, dataset: Dataset | None, path: Path) -> None:
    """Draws a front over the measured architectures, or over random ones as predicted if there is no dataset."""
    if len(front.metrics) < 2:
        raise ValueError(f"metric must be of a device for a plot, got {front.metrics[0]!r}")
    with needing("pareto"):
        from anb_gym.reports import drawing, plane
    if dataset is None:
        name = "random architectures, predicted"
        scored = Benchmark(front.surrogate).query(SPACE.sample(5000, np.random.default_rng(0)), front.metrics)
        background = np.stack([scored[metric] for metric in front.metrics], axis=1)
    else:
        background = np.stack([dataset.metrics[metric] for metric in front.metrics], axis=1)
        background = background[np.isfinite(background).all(axis=1)]
        name = f"{len(background):,} measured architectures"
    axes = [f"{metric} ({PREDICTED[metric]})" for metric in front.metrics]
    figure = plane.front_figure(
        background,
        front.objectives,
        directions=front.directions,
        axis_labels=(axes[0], axes[1]),
        background_label=name,
        front_label=f"exact front of the surrogate, {len(front):,} architectures",
        spread=spread,
        title=f"Accuracy and {front.metrics[1]}: all {SPACE.size:,} architectures",
    )
    write_atomically(path, drawing.to_png(figure))
    print(f"plot in {path}")


def _dataset(path: Path | None) -> Dataset | None:
    """The dataset if it is named, None otherwise: nothing is downloaded for a picture."""
    with needing("fit"):
        from anb_gym.construction.dataset import VARIABLE, load_dataset
    return load_dataset(path) if path is not None or os.environ.get(VARIABLE) else None
