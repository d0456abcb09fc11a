"""The command ``study``: controllers × tasks × seeds."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anb_gym import configs
from anb_gym._errors import choose, one_line
from anb_gym._extras import needing, require
from anb_gym._workers import check_workers
from anb_gym.cli._options import output
from anb_gym.cli._studies import STUDIES, load_study

if TYPE_CHECKING:
    from anb_gym.study.config import StudyConfig

_BACKENDS = ("loky", "threading", "dask")


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    study = commands.add_parser("study", help="compare controllers on tasks over seeds, or go on with it")
    study.add_argument(
        "file",
        metavar="STUDY",
        help=f"a YAML file, or one that ships by its name: {', '.join(configs.shipped('studies'))}",
    )
    study.add_argument("--out", type=Path, metavar="FOLDER", help="where results go, by default runs/studies/NAME")
    study.add_argument("--workers", type=int, default=-1, metavar="N", help="runs at a time; by default one per core")
    study.add_argument("--backend", default="loky", metavar="NAME", help=f"joblib's: one of {', '.join(_BACKENDS)}")
    study.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="of a cluster, such as tcp://host:8786, for dask; by default one of processes on this machine is started",
    )
    study.add_argument("--report", action="store_true", help="write report.html and plots beside the results")
    study.add_argument("--collect", action="store_true", help="write the table of the runs that are finished and stop")
    study.add_argument("--dry-run", action="store_true", help="check the file, print what would run and stop")
    study.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    with needing("study"):
        from anb_gym.study import runner
        from anb_gym.study.problems import described
    study = load_study(options.file, "STUDY")
    skipped: dict[tuple[str, str], list[str]] = {}
    for (task, controller), reason in study.skipped.items():
        skipped.setdefault((controller, reason), []).append(task)
    for (controller, reason), tasks in skipped.items():
        more = f" and {len(tasks) - 3} more" if len(tasks) > 3 and not options.dry_run else ""
        print(f"skipped: {controller} on {', '.join(tasks[:3] if more else tasks)}{more}: {reason}")
    runs = study.runs()
    limits = [f"{study.evaluations:,} evaluations"] if study.evaluations else []
    limits += [f"{study.hours} h"] if study.hours else []
    print(f"{study.name}: {len(runs):,} runs of up to {' or '.join(limits)}", flush=True)
    if options.dry_run:
        for entry in study.tasks:
            text = described(entry.id, entry.noise, entry.arguments, entry.failures, entry.worlds)
            print(f"task {entry.name}: {text}")
        return
    folder = options.out or STUDIES / study.name
    with output(folder):
        if options.collect:
            _collect(study, folder)
            return
        with _backend(options.backend, options.scheduler, options.workers):
            outcome = runner.run_study(study, folder, options.workers, progress=True)
    for reason in outcome.damaged:
        print(f"was damaged and is made again: {one_line(reason)}")
    finished = outcome.n_runs - len(outcome.failures)
    print(f"{finished:,} of {outcome.n_runs:,} runs finished, {outcome.n_found:,} of them earlier: {outcome.path}")
    if options.report and finished:
        _report(outcome.path)
    if outcome.failures:
        first = outcome.failures[0]["error"]
        raise ValueError(f"{len(outcome.failures)} runs failed, listed in {folder / 'runs'}; the first: {first}")


def _collect(study: StudyConfig, folder: Path) -> None:
    """Writes the table of the runs that are finished, and says which failed."""
    with needing("study"):
        from anb_gym.study.results import Results
        from anb_gym.study.runner import collect
    path = collect(study, folder)
    results = Results.load(path)
    print(f"finished runs in {path}: {len(results.runs):,} of {len(study.runs()):,}")
    for failure in results.description["failed"]:
        print(f"failed: {one_line(failure['error'])}")


def _report(path: Path) -> None:
    """The report of a finished study, and its plots."""
    with needing("study"):
        from anb_gym.reports.html_report import write_report
        from anb_gym.reports.pictures import write_pictures
        from anb_gym.study.analysis.analyse import analyse
        from anb_gym.study.results import Results
    results = Results.load(path)
    analysed = analyse(results.table, results.tasks, progress=True)
    print(f"report in {write_report(results, path.with_name('report.html'), analysis=analysed)}")
    pictures = write_pictures(analysed, path.with_name("plots"))
    print(f"{len(pictures)} plots in {path.with_name('plots')}")


@contextmanager
def _backend(name: str, scheduler: str | None, workers: int) -> Iterator[None]:
    """Joblib's backend; a cluster that is started for it ends with it."""
    choose(name, _BACKENDS, "--backend")
    if scheduler is not None and name != "dask":
        raise ValueError(f"--scheduler is for --backend dask, got {name!r}")
    options: dict[str, Any] = {"inner_max_num_threads": 1} if name == "loky" else {}
    with ExitStack() as stack:
        if name == "dask":
            distributed = require("distributed", "construction")
            if scheduler is None:
                check_workers(workers)
                n = None if workers == -1 else workers
                cluster = distributed.LocalCluster(n_workers=n, threads_per_worker=1, dashboard_address=None)
                scheduler = stack.enter_context(cluster).scheduler_address
            options = {"scheduler_host": scheduler}
        with needing("study"):
            import joblib
        stack.enter_context(joblib.parallel_config(name, **options))
        yield
