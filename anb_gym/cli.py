"""The ``anb-gym`` command. Library code raises; only this module prints and exits."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from anb_gym import EFFICIENTNET_B0, Architecture, Benchmark
from anb_gym._errors import choose
from anb_gym._extras import require
from anb_gym.benchmark import METRICS, PREDICTED
from anb_gym.surrogates.store import ARTEFACTS, FAMILIES


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
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

    query = commands.add_parser("query", help="score architectures")
    query.add_argument(
        "architectures", nargs="*", help="text such as e1k3l1s1-e6k3l2s1-..., or an index; EfficientNet-B0"
    )
    query.add_argument("--metrics", nargs="+", default=list(METRICS), metavar="METRIC", help="by default all")
    query.add_argument("--surrogate", default=FAMILIES[0], help=f"one of {', '.join(FAMILIES)}")
    query.set_defaults(run=_query)

    fit = commands.add_parser("fit", help="fit surrogates, tune them, or report their held-out scores")
    fit.add_argument("--families", nargs="+", metavar="FAMILY", help="by default all six")
    fit.add_argument("--metrics", nargs="+", metavar="METRIC", default=list(PREDICTED), help="by default all")
    fit.add_argument(
        "--data", type=Path, metavar="ARCHIVE", help="the dataset; by default $ANB_GYM_DATASET, else downloaded"
    )
    fit.add_argument("--out", type=Path, default=Path("runs/fit"), metavar="FOLDER", help="where results go (runs/fit)")
    fit.add_argument("--seed", type=int, default=0)
    fit.add_argument("--workers", type=int, default=1, help="processes, one thread each")
    fit.add_argument("--force", action="store_true", help="fit again what is already there")
    fit.add_argument("--tune", type=int, metavar="TRIALS", help="tune instead, up to so many trials per study")
    fit.add_argument(
        "--report", action="store_true", help="print the held-out scores of the shipped surrogates, or of --out"
    )
    fit.set_defaults(run=_fit)

    calibrate = commands.add_parser("calibrate", help="measure the tasks' reward scales on the shipped surrogates")
    calibrate.set_defaults(run=_calibrate)
    return parser


def _query(options: argparse.Namespace) -> None:
    texts = options.architectures or [str(EFFICIENTNET_B0)]
    archs = [Architecture.from_index(int(text)) if text.isdigit() else Architecture.parse(text) for text in texts]
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
    for metric in options.metrics:
        choose(metric, PREDICTED, "--metrics")
    wanted = [choose(family, families, "--families") for family in options.families or families]
    if options.workers < 1:
        raise ValueError(f"--workers must be at least 1, got {options.workers}")

    if options.report:
        folder = options.out if any(options.out.glob("*/*.json")) else ARTEFACTS
        print(require("anb_gym.construction.report", "fit").report(folder, load_dataset(options.data)), end="")
    elif options.tune is not None:
        dataset = load_dataset(options.data)
        tuning = require("anb_gym.construction.tuning", "fit")
        config = require("anb_gym.construction.families.config", "fit")
        pairs = [(family, metric) for family in wanted for metric in options.metrics]
        studies = tuning.tune_all(pairs, dataset, options.out, options.tune, options.seed, options.workers)
        for family, metric, best in _progress(studies, len(pairs)):
            path = config.save_config(config.load_config(family).with_metric(metric, best))
            print(f"{family} {metric}: {best} -> {path}")
    else:
        dataset = load_dataset(options.data)
        jobs = [fitting.Job.configured(f, metric, options.seed) for f in wanted for metric in options.metrics]
        todo = jobs if options.force else [job for job in jobs if not job.is_done(dataset, options.out)]
        print(f"{len(jobs) - len(todo)} of {len(jobs)} surrogates are already in {options.out}")
        for manifest in _progress(fitting.fit_all(todo, dataset, options.out, options.workers), len(todo)):
            test = manifest["test"]
            scores = f"R² {test['r2']:.4f}, τ {test['tau']:.4f}, MAE {test['mae']:.4g}"
            print(f"{manifest['family']} {manifest['metric']}: {scores}")
        report = require("anb_gym.construction.report", "fit").report(options.out, dataset)
        require("anb_gym.surrogates.store", "fit").write_atomically(options.out / "report.md", report.encode())
        print(f"report in {options.out / 'report.md'}")


def _calibrate(options: argparse.Namespace) -> None:
    from anb_gym.calibration import write_records

    write_records()


def _progress(items: Iterable[Any], total: int) -> Iterator[Any]:
    """A progress bar on the error stream."""
    yield from require("tqdm", "fit").tqdm(items, total=total, file=sys.stderr)
