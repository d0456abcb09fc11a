"""Commands of surrogates: ``query`` and ``fit``."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from anb_gym import EFFICIENTNET_B0, SPACE, Architecture, Benchmark
from anb_gym._errors import choose
from anb_gym._extras import require
from anb_gym._files import write_atomically
from anb_gym.benchmark import DATASET_METRICS, METRICS, PREDICTED
from anb_gym.cli._options import add_metrics, metrics, names, output
from anb_gym.devices import Device, get_device
from anb_gym.surrogates.store import ARTEFACTS, FAMILIES

#: What reads as an architecture: an index, or the text of one.
_ARCHITECTURE: Final = re.compile("-?[0-9]+|e[0-9]+k[0-9]+l[0-9]+s[0-9]+(-.*)?")


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the commands to the parser."""
    query = commands.add_parser("query", help="score architectures")
    query.add_argument(
        "architectures", nargs="*", help="text such as e1k3l1s1-e6k3l2s1-..., or an index; by default EfficientNet-B0"
    )
    add_metrics(query, "separated by commas or spaces, by default all; a device alone means its throughput")
    query.add_argument("--surrogate", default=FAMILIES[0], help=f"one of {', '.join(FAMILIES)}")
    query.set_defaults(run=_query)

    fit = commands.add_parser("fit", help="fit surrogates, tune them, or report their held-out scores")
    fit.add_argument("--families", nargs="+", metavar="FAMILY", help="by default all six")
    add_metrics(fit, "by default all of the dataset, or all of --device")
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
        "--configs",
        type=Path,
        metavar="FOLDER",
        help="hyperparameters, instead of the package's; --tune writes them there, by default into configs in --out",
    )
    fit.add_argument(
        "--report",
        action="store_true",
        help="print the held-out scores of the shipped surrogates, or of --out; noise ceilings need the dataset",
    )
    fit.set_defaults(run=_fit)


def _query(options: argparse.Namespace) -> None:
    # Architectures may follow metrics: no metric reads as one.
    given = names(options.metrics)
    texts = options.architectures + [text for text in given if _ARCHITECTURE.fullmatch(text)]
    wanted = metrics([text for text in given if not _ARCHITECTURE.fullmatch(text)], METRICS)
    states = SPACE.as_states(texts or [EFFICIENTNET_B0], "architectures")
    bench = Benchmark(options.surrogate)
    wanted = wanted or list(bench.metrics)
    values = bench.query(SPACE.from_states(states), wanted, std=True)
    for row, index in enumerate(SPACE.states_to_index(states)):
        print(f"{Architecture.from_index(index)}  (index {index})")
        for metric in wanted:
            spread = f" ± {values[f'{metric}:std'][row]:.2g}" if metric in PREDICTED else ""
            print(f"  {metric:20} {values[metric][row]:14,.2f}{spread} {PREDICTED.get(metric, '')}")


def _fit(options: argparse.Namespace) -> None:
    families = require("anb_gym.construction.families", "fit").FAMILIES
    device = None if options.device is None else get_device(options.device, "--device")
    if device is not None:
        _aim_at(device, options)
    wanted_metrics = metrics(options.metrics, PREDICTED) or list(DATASET_METRICS)
    wanted = [choose(family, families, "--families") for family in options.families or families]
    if options.workers < 1:
        raise ValueError(f"--workers must be at least 1, got {options.workers}")
    if options.tune is not None and options.tune < 1:
        raise ValueError(f"--tune must be at least 1, got {options.tune}")
    if options.seed < 0:
        raise ValueError(f"--seed must not be negative, got {options.seed}")
    if options.configs is not None and options.tune is None and not options.configs.is_dir():
        raise ValueError(f"--configs must be a folder that --tune wrote, got {str(options.configs)!r}")
    dataset_module = require("anb_gym.construction.dataset", "fit")
    if options.report:
        # Scores are in the manifests; nothing is downloaded to print them.
        there = options.data is not None or os.environ.get(dataset_module.VARIABLE)
        dataset = dataset_module.load_dataset(options.data) if there else None
        report = require("anb_gym.construction.report", "fit").report
        print(report(options.out or ARTEFACTS, dataset, wanted, wanted_metrics), end="")
        if dataset is None:
            print(f"\nNoise ceilings need the dataset: set {dataset_module.VARIABLE} or give --data.")
        return
    options.out = options.out or Path("runs/fit")
    pairs = [(family, metric) for family in wanted for metric in wanted_metrics]
    with output(options.out):
        if options.tune is not None:
            _tune(pairs, dataset_module.load_dataset(options.data), options)
        else:
            _fit_all(pairs, dataset_module.load_dataset(options.data), device, options)


def _tune(pairs: list[tuple[str, str]], dataset: Any, options: argparse.Namespace) -> None:
    tuning = require("anb_gym.construction.tuning", "fit")
    config = require("anb_gym.construction.families.config", "fit")
    folder = options.configs or options.out / "configs"
    studies = tuning.tune_all(pairs, dataset, options.out, options.tune, options.seed, options.workers)
    for family, metric, best in _progress(studies, len(pairs)):
        path = config.save_config(config.load_config(family, folder).with_metric(metric, best), folder)
        print(f"{family} {metric}: {best} -> {path}")


def _fit_all(pairs: list[tuple[str, str]], dataset: Any, device: Device | None, options: argparse.Namespace) -> None:
    fitting = require("anb_gym.construction.fitting", "fit")
    report = require("anb_gym.construction.report", "fit").report
    jobs = [fitting.Job.configured(family, metric, options.seed, options.configs) for family, metric in pairs]
    todo = jobs if options.force else [job for job in jobs if not job.is_done(dataset, options.out)]
    print(f"{len(jobs) - len(todo)} of {len(jobs)} surrogates are already in {options.out}")
    for manifest in _progress(fitting.fit_all(todo, dataset, options.out, options.workers), len(todo)):
        test = manifest["test"]
        scores = f"R² {test['r2']:.4f}, τ {test['tau']:.4f}, MAE {test['mae']:.4g}"
        print(f"{manifest['family']} {manifest['metric']}: {scores}")
    for job in jobs:
        lowest = fitting.smallest(options.out, job)
        if lowest and lowest[1] <= 0.0:
            where = f"the sum {lowest[1]:.3g} at index {lowest[0]}"
            remedy = "so anb-gym solve will refuse them; collect more architectures"
            print(f"{job.family} {job.metric} is not positive everywhere: its tables have {where}, {remedy}")
    if device is not None:
        _print_ceilings(dataset, pairs, options)
        return
    write_atomically(options.out / "report.md", report(options.out, dataset).encode())
    print(f"report in {options.out / 'report.md'}")


def _aim_at(device: Device, options: argparse.Namespace) -> None:
    """Fits a device's metrics to its own measurements, into its own folder, unless options say otherwise."""
    if not device.dataset:
        measurements = require("anb_gym.construction.device_folder", "construction").MEASUREMENTS
        options.data = options.data or device.folder / measurements
        if not device.ships or options.report:
            options.out = options.out or device.folder / "surrogates"
    options.families = options.families or [FAMILIES[0]]
    options.metrics = options.metrics or [f"{device.name}/{kind}" for kind in device.metrics]


def _print_ceilings(dataset: Any, pairs: list[tuple[str, str]], options: argparse.Namespace) -> None:
    """What a perfect surrogate would score against labels that vary as the repeats do."""
    ceiling_of = require("anb_gym.construction.report", "fit").noise_ceiling
    for family, metric in pairs:
        if family == pairs[0][0] and (ceiling := ceiling_of(options.out, family, metric, dataset)):
            print(f"ceiling of {metric}: R² {ceiling.r2:.4f}, τ {ceiling.tau:.4f}, MAE {ceiling.mae:.4g}")


def _progress(items: Iterable[Any], total: int) -> Iterator[Any]:
    """A progress bar on the error stream."""
    yield from require("tqdm", "fit").tqdm(items, total=total, file=sys.stderr)
