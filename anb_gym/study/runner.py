"""Runs a study: in parallel, with progress, and from where it stopped."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from anb_gym._extras import require
from anb_gym._files import InUseError
from anb_gym._workers import check_workers
from anb_gym.benchmark import Benchmark
from anb_gym.problems import TwoFidelityProblem
from anb_gym.study.config import Run, StudyConfig
from anb_gym.study.controllers import is_agent, load_class
from anb_gym.study.fragments import DamagedError, Folder, Key, key
from anb_gym.study.problems import problem_of
from anb_gym.study.workers import attempts, check_backend, tidy

tqdm = require("tqdm", "study")

#: Packages that can change what a run does; those that are installed are recorded.
_PACKAGES: Final = ("anb_gym", "numpy", "scipy", "torch", "optuna", "pymoo", "moocore")
#: The same, if agents run.
_OF_AGENTS: Final = ("gymnasium", "stable_baselines3", "sb3_contrib")


@dataclass(frozen=True)
class Outcome:
    """Outcome of a study.

    Attributes:
        path: The table of all finished runs, to be read by :meth:`anb_gym.study.results.Results.load`.
        n_runs: How many runs the study has.
        n_found: How many of them were there already.
        failures: What is known of each failed run: ``controller``, ``task``, ``seed``, ``evaluation``, ``error`` and
            ``traceback``.
        damaged: What was wrong with each file of a finished run that was damaged and has been made again, one line.
    """

    path: Path
    n_runs: int
    n_found: int
    failures: Sequence[Mapping[str, Any]]
    damaged: Sequence[str] = ()


def run_study(study: StudyConfig, folder: Path | str, workers: int = -1, progress: bool = False) -> Outcome:
    """Carries out those runs of a study that a folder does not have yet, and writes the table of all.

    A run depends on its seed and the names of its controller and task only, not on the number of workers or their
    order. It is kept, whole, when it is finished: killed at any moment, a study goes on when it is started again.
    A run whose controller fails is listed as failed; the others go on, and the next start tries it again. A study that
    has more controllers, tasks or seeds than the folder has grown: what is new is run. Finished runs are checked before
    work starts; one whose file is damaged is set aside and made again.

    Runs are spread by joblib. Inside ``joblib.parallel_config(backend=...)`` its other backends, such as those of Dask
    and Ray, do the same work; only this process touches the folder, and no other process may work on it meanwhile.

    Args:
        study: The study.
        folder: Where it is kept; made if need be.
        workers: How many runs at a time, -1 for one per core, or for all that the backend has.
        progress: Whether to show a progress bar on the error stream.

    Raises:
        ValueError: ``workers`` is out of range, joblib's backend does not notice when a process dies, or the folder is
            that of another study or in use.
        ResultsError: A finished run was made under other conditions, or its controller's file was edited since.
        OSError: A file cannot be written, or a process that worked on a run died.
    """
    check_workers(workers)
    check_backend()
    home, description, runs = Folder(Path(folder)), describe(study), study.runs()
    failures: list[Mapping[str, Any]] = []
    with home.open(_identity(description)), tidy(home.path):
        checked, damaged = _survey(home, runs, progress)
        todo = [run for run in runs if key(run) not in checked]
        found = len(checked)
        with (
            closing(attempts(todo, workers)) as results,
            tqdm.tqdm(total=len(runs), initial=found, unit="run", file=sys.stderr, disable=not progress) as bar,
        ):
            for number, result in results:
                if isinstance(result, bytes):
                    home.save(todo[number], result)
                    if todo[number].task.worlds:  # to check it would be to make its world again, which takes longest
                        checked.add(key(todo[number]))
                else:
                    home.save_failure(todo[number], result)
                    failures.append(result)
                    bar.set_postfix(failed=len(failures))
                bar.update()
        listed = [{key: failure[key] for key in failure if key != "traceback"} for failure in failures]
        path = home.merge(runs, {**description, "failed": listed}, checked)
        return Outcome(path, len(runs), found, failures, damaged)


def _survey(home: Folder, runs: Sequence[Run], progress: bool) -> tuple[set[Key], list[str]]:
    """Checks all finished runs and sets damaged ones aside: those that are good, and what was wrong with the others."""
    there = [run for run in runs if home.fragment(run).exists()]
    good, damaged = set(), []
    for run in tqdm.tqdm(
        _by_world(there), desc="checking", unit="run", file=sys.stderr, disable=not progress or not there
    ):
        try:
            home.check(run)
            good.add(key(run))
        except DamagedError as error:
            home.set_aside(run)
            damaged.append(str(error))
    return good, damaged


def _by_world(runs: Sequence[Run]) -> list[Run]:
    """Runs in an order in which each world is made once, and what it is made of is at hand."""
    return sorted(runs, key=lambda run: (run.task.id, str(run.task.arguments), run.seed) if run.task.worlds else ("",))


def collect(study: StudyConfig, folder: Path | str) -> Path:
    """Writes the table of those runs of a study that are finished so far, such as while others are still running.

    Args:
        study: The study.
        folder: Where it is kept.

    Returns:
        The table; its description lists the runs that failed and have not been made since.

    Raises:
        ValueError: No run is finished, or the folder is that of another study.
        ResultsError: A file of a finished run is damaged or not what it claims.
    """
    home, description, runs = Folder(Path(folder)), describe(study), study.runs()
    if not any(home.fragment(run).exists() for run in runs):
        raise ValueError(f"folder must have a finished run of {study.name}, {folder} has none")
    with ExitStack() as stack:
        with suppress(InUseError):
            stack.enter_context(home.open(_identity(description)))
        finished = [run for run in runs if home.fragment(run).exists()]
        for run in _by_world(finished):
            home.check(run)
        return home.merge(runs, {**description, "failed": home.failures(runs)}, set(map(key, finished)))


def describe(study: StudyConfig) -> dict[str, Any]:
    """Conditions of a study's results, as data of JSON."""
    problems = {entry.name: problem_of(entry.id, entry.arguments) for entry in study.tasks}
    surrogates: dict[str, dict[str, str]] = {}
    for bench, metrics in [
        (Benchmark(), ("train_time",)),  # the cost of all tasks
        *((problem.benchmark, problem.metrics) for problem in problems.values()),
        *((p.proxy.benchmark, p.proxy.metrics) for p in problems.values() if isinstance(p, TwoFidelityProblem)),
        *((Benchmark(), ("train_time/reference",)) for p in problems.values() if isinstance(p, TwoFidelityProblem)),
    ]:
        surrogates.setdefault(bench.surrogate, {}).update({name: bench.load(name).checksum for name in metrics})
    return {
        "study": study.name,
        "configuration": study.to_dict(),
        "tasks": {
            entry.name: {
                "id": entry.id,
                "task": (problem := problems[entry.name]).task.name,
                "kind": "vector" if problem.n_objectives > 1 else "scalar",
                "metrics": list(problem.metrics),
                "directions": list(problem.task.directions),
                "arguments": dict(entry.arguments),
                "surrogate": problem.surrogate,
                "noise": entry.noise,
                **({} if entry.failures is None else {"failures": entry.failures}),
                **({"worlds": True} if entry.worlds else {}),
            }
            for entry in study.tasks
        },
        "skipped": [
            {"task": task, "controller": controller, "reason": reason}
            for (task, controller), reason in study.skipped.items()
        ],
        "versions": {"python": platform.python_version(), **_versions(study), "surrogates": surrogates},
    }


def _identity(description: Mapping[str, Any]) -> dict[str, Any]:
    """Identity of a study's folder. Why a pair is skipped is for people to read, and may be worded anew."""
    return {key: value for key, value in description.items() if key != "skipped"}


def _versions(study: StudyConfig) -> dict[str, str]:
    versions = {}
    agents = any(is_agent(load_class(entry.path)) for entry in study.controllers)
    own = [package for entry in study.controllers for package in getattr(load_class(entry.path), "packages", ())]
    for package in dict.fromkeys((*_PACKAGES, *(_OF_AGENTS if agents else ()), *own)):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
