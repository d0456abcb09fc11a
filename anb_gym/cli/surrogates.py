"""Commands of surrogates: ``query`` and ``fit``."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from anb_gym import EFFICIENTNET_B0, Architecture, Benchmark
from anb_gym._errors import choose
from anb_gym._extras import require
from anb_gym._files import write_atomically
from anb_gym.benchmark import DATASET_METRICS, METRICS, PREDICTED
from anb_gym.devices import DEVICES, Device
from anb_gym.surrogates.store import ARTEFACTS, FAMILIES


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the commands to the parser."""
    query = commands.add_parser("query", help="score architectures")
    query.add_argument(
        "architectures", nargs="*", help="text such as e1k3l1s1-e6k3l2s1-..., or an index; by default EfficientNet-B0"
    )
    query.add_argument("--metrics", nargs="+", default=list(METRICS), metavar="METRIC", help="by default all")
    query.add_argument("--surrogate", default=FAMILIES[0], help=f"one of {', '.join(FAMILIES)}")
    query.set_defaults(run=_query)

    fit = commands.add_parser("fit", help="fit surrogates, tune them, or report their held-out scores")
    fit.add_argument("--families", nargs="+", metavar="FAMILY", help="by default all six")
    fit.add_argument("--metrics", nargs="+", metavar="METRIC", help="by default all of the dataset, or all of --device")
    fit.add_argument("--device", metavar="NAME", help="fit into the folder of a device of one's own, gp by default")
    fit.add_argument(
        "--data", type=Path, metavar="ARCHIVE", help="the dataset; by default $ANB_GYM_DATASET, else downloaded"
    )
    fit.add_argument("--out", type=Path, metavar="FOLDER", help="where results go, by default runs/fit")
    fit.add_argument("--seed", type=int, default=0)
    fit.add_argument("--workers", type=int, default=1, help="processes, one thread each")
    fit.add_argument("--force", action="store_true", help="fit again what is already there")
    fit.add_argument("--tune", type=int, metavar="TRIALS", help="tune instead, up to so many trials per study")
    fit.add_argument(
        "--report", action="store_true", help="print the held-out scores of the shipped surrogates, or of --out"
    )
    fit.set_defaults(run=_fit)


def _query(options: argparse.Namespace) -> None:
    texts = options.architectures or [str(EFFICIENTNET_B0)]
    archs = [
        Architecture.from_index(int(text)) if re.fullmatch("-?[0-9]+", text) else Architecture.parse(text)
        for text in texts
    ]
    values = Benchmark(options.surrogate).query(archs, options.metrics, std=True)
    for row, arch in enumerate(archs):
        print(f"{arch}  (index {arch.index})")
        for metric in options.metrics:
            spread = f" ± {values[f'{metric}:std'][row]:.2g}" if metric in PREDICTED else ""
            print(f"  {metric:20} {values[metric][row]:14,.2f}{spread} {PREDICTED.get(metric, '')}")


def _fit(options: argparse.Namespace) -> None:
    fitting = require("anb_gym.construction.fitting", "fit")
    families = require("anb_gym.construction.families", "fit").FAMILIES
    load_dataset = require("anb_gym.construction.dataset", "fit").load_dataset
    if options.device is not None:
        _aim_at(DEVICES[choose(options.device, DEVICES, "--device")], options)
    options.metrics = options.metrics or list(DATASET_METRICS)
    for metric in options.metrics:
        choose(metric, PREDICTED, "--metrics")
    wanted = [choose(family, families, "--families") for family in options.families or families]
    if options.workers < 1:
        raise ValueError(f"--workers must be at least 1, got {options.workers}")
    if options.tune is not None and options.tune < 1:
        raise ValueError(f"--tune must be at least 1, got {options.tune}")
    if options.seed < 0:
        raise ValueError(f"--seed must not be negative, got {options.seed}")
    dataset = load_dataset(options.data)
    report = require("anb_gym.construction.report", "fit").report
    if options.report:
        print(report(options.out or ARTEFACTS, dataset, wanted, options.metrics), end="")
        return

    options.out = options.out or Path("runs/fit")
    if options.tune is not None:
        tuning = require("anb_gym.construction.tuning", "fit")
        config = require("anb_gym.construction.families.config", "fit")
        pairs = [(family, metric) for family in wanted for metric in options.metrics]
        studies = tuning.tune_all(pairs, dataset, options.out, options.tune, options.seed, options.workers)
        for family, metric, best in _progress(studies, len(pairs)):
            path = config.save_config(config.load_config(family).with_metric(metric, best))
            print(f"{family} {metric}: {best} -> {path}")
    else:
        jobs = [fitting.Job.configured(f, metric, options.seed) for f in wanted for metric in options.metrics]
        todo = jobs if options.force else [job for job in jobs if not job.is_done(dataset, options.out)]
        print(f"{len(jobs) - len(todo)} of {len(jobs)} surrogates are already in {options.out}")
        for manifest in _progress(fitting.fit_all(todo, dataset, options.out, options.workers), len(todo)):
            test = manifest["test"]
            scores = f"R² {test['r2']:.4f}, τ {test['tau']:.4f}, MAE {test['mae']:.4g}"
            print(f"{manifest['family']} {manifest['metric']}: {scores}")
        if options.device is not None:
            _print_ceilings(dataset, options)
            return
        write_atomically(options.out / "report.md", report(options.out, dataset).encode())
        print(f"report in {options.out / 'report.md'}")


def _aim_at(device: Device, options: argparse.Namespace) -> None:
    """Fits a device's metrics to its own measurements, into its own folder, unless options say otherwise."""
    measurements = require("anb_gym.construction.device_folder", "construction").MEASUREMENTS
    options.data = options.data or device.folder / measurements
    options.out = options.out or device.folder / "surrogates"
    options.families = options.families or [FAMILIES[0]]
    options.metrics = options.metrics or [f"{device.name}/{kind}" for kind in device.metrics]


def _print_ceilings(dataset: Any, options: argparse.Namespace) -> None:
    """What a perfect surrogate would score against labels that vary as the repeats do."""
    ceiling_of = require("anb_gym.construction.report", "fit").noise_ceiling
    for metric in options.metrics:
        if ceiling := ceiling_of(options.out, options.families[0], metric, dataset):
            print(f"ceiling of {metric}: R² {ceiling.r2:.4f}, τ {ceiling.tau:.4f}, MAE {ceiling.mae:.4g}")


def _progress(items: Iterable[Any], total: int) -> Iterator[Any]:
    """A progress bar on the error stream."""
    yield from require("tqdm", "fit").tqdm(items, total=total, file=sys.stderr)
