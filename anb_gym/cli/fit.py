"""The command ``fit``: surrogates from measurements."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anb_gym._errors import choose
from anb_gym._extras import needing
from anb_gym._files import write_atomically
from anb_gym.benchmark import DATASET_METRICS, PREDICTED, REFERENCE
from anb_gym.cli._options import add_metrics, metrics, output
from anb_gym.devices import Device, get_device
from anb_gym.surrogates.store import ARTEFACTS, FAMILIES, VERSIONS, surrogate_name

if TYPE_CHECKING:
    from anb_gym.construction.dataset import Dataset
    from anb_gym.construction.fitting import Job


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    fit = commands.add_parser("fit", help="fit surrogates, tune them, or report their held-out scores")
    fit.add_argument("--families", nargs="+", metavar="FAMILY", help="by default all")
    add_metrics(fit, "by default all of the dataset, or all of --device")
    fit.add_argument("--device", metavar="NAME", help="fit into the folder of a device of one's own, gp by default")
    fit.add_argument(
        "--data", type=Path, metavar="ARCHIVE", help="the dataset; by default $ANB_GYM_DATASET, else downloaded"
    )
    fit.add_argument(
        "--three-seeds",
        type=Path,
        metavar="TABLE",
        help="trainings under both schemes, for metrics of the reference scheme; by default $ANB_GYM_THREE_SEEDS, "
        "else beside the dataset",
    )
    fit.add_argument("--out", type=Path, metavar="FOLDER", help="where results go, by default runs/fit")
    fit.add_argument("--seed", type=int, default=0)
    fit.add_argument(
        "--version",
        type=int,
        default=0,
        metavar="0|1",
        help="of the tables, by default 0: 1 has calibrated deviations and labels without what campaigns did to them",
    )
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
    fit.add_argument("--blocks", action="store_true", help="with --report: also fit without each block of records")
    fit.add_argument("--labels", action="store_true", help="write what the labels span, labels.json, and fit nothing")
    fit.add_argument(
        "--plot", type=Path, metavar="PATH", help="with --report: also draw coverage by level, to PATH.svg and PATH.png"
    )
    fit.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    device = None if options.device is None else get_device(options.device, "--device")
    if device is not None:
        _aim_at(device, options)
    with needing("fit"):
        from anb_gym.construction import dataset as datasets
        from anb_gym.construction import report
        from anb_gym.construction.families import FAMILIES as ALL_FAMILIES
        from anb_gym.construction.three_seeds import find_three_seeds, load_three_seeds
    wanted_metrics = metrics(options.metrics, PREDICTED) or list(DATASET_METRICS)
    wanted = [choose(family, ALL_FAMILIES, "--families") for family in options.families or ALL_FAMILIES]
    if options.workers < 1:
        raise ValueError(f"--workers must be at least 1, got {options.workers}")
    if options.tune is not None and options.tune < 1:
        raise ValueError(f"--tune must be at least 1, got {options.tune}")
    if options.version not in VERSIONS:
        raise ValueError(f"--version must be one of {', '.join(map(str, VERSIONS))}, got {options.version}")
    if options.seed < 0:
        raise ValueError(f"--seed must not be negative, got {options.seed}")
    if options.plot is not None and not options.report:
        raise ValueError("--plot goes with --report")
    if options.configs is not None and options.tune is None and not options.configs.is_dir():
        raise ValueError(f"--configs must be a folder that --tune wrote, got {str(options.configs)!r}")
    if options.blocks and not options.report:
        raise ValueError("--blocks needs --report")
    if options.report:
        # Scores are in the manifests; nothing is downloaded to print them.
        there = options.data is not None or os.environ.get(datasets.VARIABLE)
        dataset = datasets.load_dataset(options.data) if there else None
        surrogates = [surrogate_name(family, options.version) for family in wanted]
        seeds = load_three_seeds(options.three_seeds) if find_three_seeds(options.three_seeds) else None
        folder = options.out or ARTEFACTS
        print(report.report(folder, dataset, surrogates, wanted_metrics, options.blocks, seeds), end="")
        if options.plot is not None:
            _plot_reliability(folder, surrogates, wanted_metrics, options.plot)
        if dataset is None:
            print(f"\nNoise ceilings need the dataset: set {datasets.VARIABLE} or give --data.")
        return
    options.out = options.out or Path("runs/fit")
    pairs = [(family, metric) for family in wanted for metric in wanted_metrics if metric not in REFERENCE]
    scarce = [metric for metric in wanted_metrics if metric in REFERENCE]
    if not options.metrics and find_three_seeds(options.three_seeds):
        scarce = list(REFERENCE)
    if not pairs:  # the reference scheme alone
        if options.tune is not None:
            raise ValueError(f"--tune must not be given for {', '.join(scarce)} alone, which have no hyperparameters")
        wanted = [choose(family, FAMILIES, "--families") for family in options.families or FAMILIES]
    with output(options.out):
        if options.labels:
            print(f"labels in {_write_labels(datasets.load_dataset(options.data), device, options)}")
            return
        if options.tune is not None:
            _tune(pairs, datasets.load_dataset(options.data), options)
            return
        if pairs:
            _fit_all(pairs, datasets.load_dataset(options.data), device, options)
        # Upon what has just been fitted.
        _fit_references([(f, m) for f in wanted if f in FAMILIES for m in scarce], options)


def _plot_reliability(folder: Path, names: Sequence[str], wanted_metrics: Sequence[str], path: Path) -> None:
    with needing("pareto"):
        from anb_gym.reports.drawing import save_figure
        from anb_gym.reports.surrogates import reliability
    with output(path):
        for file in save_figure(reliability(folder, names, wanted_metrics), path):
            print(f"coverage by level in {file}")


def _tune(pairs: list[tuple[str, str]], dataset: Dataset, options: argparse.Namespace) -> None:
    with needing("fit"):
        from anb_gym.construction.families import config
        from anb_gym.construction.tuning import tune_all
    folder = options.configs or options.out / "configs"
    studies = tune_all(pairs, dataset, options.out, options.tune, options.seed, options.workers, options.version)
    for family, metric, best in _progress(studies, len(pairs)):
        path = config.save_config(config.load_config(family, folder).with_metric(metric, best, options.version), folder)
        print(f"{family} {metric}: {best} -> {path}")


def _fit_all(
    pairs: list[tuple[str, str]], dataset: Dataset, device: Device | None, options: argparse.Namespace
) -> None:
    with needing("fit"):
        from anb_gym.construction import fitting
        from anb_gym.construction.families import FAMILIES as ALL_FAMILIES
        from anb_gym.construction.report import report
    jobs = [
        fitting.Job.configured(family, metric, options.seed, options.configs, options.version)
        for family, metric in pairs
    ]
    todo = jobs if options.force else [job for job in jobs if not job.is_done(dataset, options.out)]
    print(f"{len(jobs) - len(todo)} of {len(jobs)} surrogates are already in {options.out}")
    for manifest in _progress(fitting.fit_all(todo, dataset, options.out, options.workers), len(todo)):
        _print_scores(manifest)
    _write_labels(dataset, device, options)
    for job in jobs:
        lowest = fitting.smallest(options.out, job)
        if lowest and lowest[1] <= 0.0:
            where = f"the sum {lowest[1]:.3g} at index {lowest[0]}"
            remedy = "so anb-gym solve will refuse them; collect more architectures"
            print(f"{job.family} {job.metric} is not positive everywhere: its tables have {where}, {remedy}")
    if device is not None:
        _print_ceilings(dataset, jobs, options)
        return
    surrogates = [surrogate_name(family, options.version) for family in ALL_FAMILIES]
    path = options.out / ("report.md" if options.version == 0 else f"report-v{options.version}.md")
    write_atomically(path, report(options.out, dataset, surrogates).encode())
    print(f"report in {path}")


def _write_labels(dataset: Dataset, device: Device | None, options: argparse.Namespace) -> Path:
    """Writes what the labels span, those of the reference scheme among them where they are at hand."""
    with needing("fit"):
        from anb_gym.construction.labels import write_labels
        from anb_gym.construction.three_seeds import find_three_seeds, load_three_seeds
    known = device is None and find_three_seeds(options.three_seeds) is not None
    return write_labels(dataset, options.out, load_three_seeds(options.three_seeds) if known else None)


def _fit_references(pairs: list[tuple[str, str]], options: argparse.Namespace) -> None:
    """Fits metrics of the reference scheme."""
    if not pairs:
        return
    with needing("fit"):
        from anb_gym.construction import reference
        from anb_gym.construction.three_seeds import load_three_seeds
    data = load_three_seeds(options.three_seeds)
    jobs = [reference.ReferenceJob(family, metric, options.seed) for family, metric in pairs]
    todo = jobs if options.force else [job for job in jobs if not job.is_done(data, options.out)]
    print(f"{len(jobs) - len(todo)} of {len(jobs)} surrogates of the reference scheme are already in {options.out}")
    for manifest in _progress(reference.fit_references(todo, data, options.out), len(todo)):
        _print_scores(manifest)


def _print_scores(manifest: dict[str, Any]) -> None:
    test = manifest["test"]
    scores = f"R² {test['r2']:.4f}, τ {test['tau']:.4f}, MAE {test['mae']:.4g}"
    print(f"{manifest['family']} {manifest['metric']}: {scores}")


def _aim_at(device: Device, options: argparse.Namespace) -> None:
    """Fits a device's metrics to its own measurements, into its own folder, unless options say otherwise."""
    if not device.dataset:
        with needing("construction"):
            from anb_gym.construction.device_folder import MEASUREMENTS
        options.data = options.data or device.folder / MEASUREMENTS
        if not device.ships or options.report:
            options.out = options.out or device.folder / "surrogates"
    options.families = options.families or [FAMILIES[0]]
    options.metrics = options.metrics or [f"{device.name}/{kind}" for kind in device.metrics]


def _print_ceilings(dataset: Dataset, jobs: Sequence[Job], options: argparse.Namespace) -> None:
    """Scores of a perfect surrogate against labels that vary as the repeats do."""
    with needing("fit"):
        from anb_gym.construction.report import noise_ceiling
    for job in jobs:
        first = job.family == jobs[0].family
        if first and (ceiling := noise_ceiling(options.out, job.surrogate, job.metric, dataset)):
            print(f"ceiling of {job.metric}: R² {ceiling.r2:.4f}, τ {ceiling.tau:.4f}, MAE {ceiling.mae:.4g}")


def _progress(items: Iterable[Any], total: int) -> Iterator[Any]:
    """A progress bar on the error stream."""
    with needing("fit"):
        from tqdm import tqdm
    yield from tqdm(items, total=total, file=sys.stderr)
