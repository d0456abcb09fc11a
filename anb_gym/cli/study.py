"""Commands of studies: ``study`` and ``validate``."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from anb_gym import configs
from anb_gym._errors import choose, one_line
from anb_gym._extras import require
from anb_gym.cli._options import STUDIES, output

_BACKENDS = ("loky", "threading", "dask")


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the commands to the parser."""
    study = commands.add_parser("study", help="compare controllers on tasks over seeds, or go on with it")
    study.add_argument(
        "file",
        metavar="STUDY",
        help=f"a YAML file, or one that ships by its name: {', '.join(configs.shipped('studies'))}",
    )
    study.add_argument("--out", type=Path, metavar="FOLDER", help="where results go, by default runs/studies/NAME")
    study.add_argument("--workers", type=int, default=-1, metavar="N", help="runs at a time; by default one per core")
    study.add_argument("--backend", default="loky", metavar="NAME", help=f"joblib's: one of {', '.join(_BACKENDS)}")
    study.add_argument("--scheduler", metavar="ADDRESS", help="of the cluster, such as tcp://host:8786, for dask")
    study.add_argument("--report", action="store_true", help="write report.html and plots beside the results")
    study.add_argument("--collect", action="store_true", help="write the table of the runs that are finished and stop")
    study.add_argument("--dry-run", action="store_true", help="check the file, print what would run and stop")
    study.set_defaults(run=_study)

    validate = commands.add_parser("validate", help="recompute a submission: a list of evaluated architectures")
    validate.add_argument("submission", type=Path, help="a JSON file, see docs/studies.md")
    validate.set_defaults(run=_validate)


def _study(options: argparse.Namespace) -> None:
    files, runner = require("anb_gym.study.study_file", "study"), require("anb_gym.study.runner", "study")
    # The study knows controllers by where they are; the names of baselines come from here, the layer above both.
    baselines = require("anb_gym.baselines", "study").BASELINES
    file = configs.find("studies", options.file, "STUDY")
    study = files.load_study(file, {name: baseline.target for name, baseline in baselines.items()})
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
        return
    folder = options.out or STUDIES / study.name
    with output(folder):
        if options.collect:
            print(f"finished runs in {runner.collect(study, folder)}")
            return
        with _backend(options.backend, options.scheduler):
            outcome = runner.run_study(study, folder, options.workers, progress=True)
    finished = outcome.n_runs - len(outcome.failures)
    print(f"{finished:,} of {outcome.n_runs:,} runs finished, {outcome.n_found:,} of them earlier: {outcome.path}")
    if options.report and finished:
        _report(outcome.path)
    if outcome.failures:
        first = outcome.failures[0]["error"]
        raise ValueError(f"{len(outcome.failures)} runs failed, listed in {folder / 'runs'}; the first: {first}")


def _report(path: Path) -> None:
    """The report of a finished study, and its plots."""
    analysis = require("anb_gym.study.analysis.analyse", "study")
    results = require("anb_gym.study.results", "study").Results.load(path)
    analysed = analysis.analyse(results.table, results.tasks, progress=True)
    report = require("anb_gym.reports.html_report", "study")
    print(f"report in {report.write_report(results, path.with_name('report.html'), analysis=analysed)}")
    pictures = require("anb_gym.reports.pictures", "study").write_pictures(analysed, path.with_name("plots"))
    print(f"{len(pictures)} plots in {path.with_name('plots')}")


def _backend(name: str, scheduler: str | None) -> AbstractContextManager[Any]:
    choose(name, _BACKENDS, "--backend")
    if scheduler is not None and name != "dask":
        raise ValueError(f"--scheduler is for --backend dask, got {name!r}")
    options: dict[str, Any] = {"inner_max_num_threads": 1} if name == "loky" else {}
    if name == "dask":
        require("distributed", "construction")
        options = {"scheduler_host": scheduler}
    backend: AbstractContextManager[Any] = require("joblib", "study").parallel_config(name, **options)
    return backend


def _validate(options: argparse.Namespace) -> None:
    module = require("anb_gym.study.submission", "study")
    submission = module.load_submission(options.submission)
    print(f"{one_line(submission.controller)}: {len(submission.runs)} runs")
    wrong, claims = 0, 0
    for run in submission.runs:
        verdict = module.validate_run(run)
        what = "hypervolume regret" if run.judge.n_objectives > 1 else "regret"
        regret = ", ".join(f"{value:.4g} after {budget:,}" for budget, value in verdict.regret.items())
        counts = f"{len(run.index):,} evaluations, {verdict.repeated:,} of them repeated"
        print(f"{run}: {counts}; {f'{what} {regret}' if regret else 'no exact front is known'}")
        for mismatch in verdict.mismatches:
            print(f"  wrong: {mismatch}")
        wrong += len(verdict.mismatches)
        claims += len(run.claims)
    if wrong:
        raise ValueError(f"{options.submission}: claims that are wrong: {wrong}")
    print("all claims agree" if claims else "nothing is claimed")
