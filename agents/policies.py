"""Experiments that ask what agents have learned: agents x ids x budgets x seeds, each trained and then scored.

A study asks what a search has found, an experiment of this kind what a policy designs, greedily and sampled, for all
that episodes may ask for. Its file, such as ``configs/policies/quick.yaml``::

    name: quick
    evaluations: [1000, 10000]          # budgets, each a training of its own
    seeds: 3                            # 0, 1 and 2; or a list
    agents:
      - preference_conditioned          # as in a study
      - {name: wide, agent: ppo, n_envs: 64}
    controllers:
      - archive_evolution               # searches once; all that it evaluated is asked again for each preference
    ids:
      - AccelNAS-VCK190-Preference-v0
      - {id: AccelNAS-VCK190-Bound-v0, arguments: {ppo_lagrangian: {reward: accuracy}}}   # of one agent's environment

What is scored is the agent at the end of its budget: no checkpoint is chosen. A finished run is one file of JSON in
``runs/``, and all of them are in ``results.json``: with either an experiment that was stopped goes on when it is
started again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np

from anb_gym._errors import choose, one_line, shown
from anb_gym._extras import require
from anb_gym._files import Fields, create, locked, read_object, remove_temporaries, write_atomically
from anb_gym._workers import check_workers, end_with
from anb_gym.envs.families import FAMILIES, ids, make_known_problem
from anb_gym.problems import AskPreference, Problem
from anb_gym.space import SPACE, Indices
from anb_gym.study import runs as studies
from anb_gym.study import study_file
from anb_gym.study.analysis import references
from anb_gym.study.config import ControllerEntry, Run, TaskEntry, file_name
from anb_gym.study.controllers import is_agent, load_class, source_of
from anb_gym.study.yaml_nodes import read
from anb_gym.surrogates.store import SURROGATES, shipped_checksum

from .agent import Agent, Assignment
from .designs import judged
from .running import learn
from .scores import N_DESIGNS, Score, best_constant, beyond, score, score_agent
from .training import Training

#: The file of all finished runs.
FILE: Final = "results.json"
_MOST: Final = 2**31 - 1


class FailedError(ValueError):
    """Agents of an experiment failed."""


@dataclass(frozen=True)
class Experiment:
    """An experiment, see the module.

    Attributes:
        name: Its name.
        entries: Agents and controllers.
        ids: Environment ids.
        evaluations: Budgets.
        seeds: Seeds.
        skipped: Pairs of an id and an entry that do not run, with the reason.
        arguments: Of the environment that an entry trains in, by id and entry, where there are any.
    """

    name: str
    entries: Sequence[ControllerEntry]
    ids: Sequence[str]
    evaluations: Sequence[int]
    seeds: Sequence[int]
    skipped: Mapping[tuple[str, str], str]
    arguments: Mapping[tuple[str, str], Mapping[str, Any]]

    def runs(self) -> list[PolicyRun]:
        """All runs: small budgets first, and one seed of all before the next."""
        return [
            PolicyRun(entry, id, budget, seed, self.arguments.get((id, entry.name), {}))
            for budget in self.evaluations
            for seed in self.seeds
            for id in self.ids
            for entry in self.entries
            if (id, entry.name) not in self.skipped
        ]


@dataclass(frozen=True)
class PolicyRun:
    """One training and its scores.

    Attributes:
        entry: The agent, or a controller whose archive is asked again.
        id: The environment id.
        evaluations: The budget.
        seed: The seed.
        arguments: Of the environment that it trains in.
    """

    entry: ControllerEntry
    id: str
    evaluations: int
    seed: int
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def identity(self) -> dict[str, Any]:
        """What it is, data of JSON; with checksums of a user's own agent and of the file of default settings."""
        return {
            "agent": self.entry.name,
            "path": self.entry.path,
            "settings": dict(self.entry.settings),
            "source": source_of(self.entry.path),
            "defaults": _defaults_of(self.entry.path),
            "id": self.id,
            "evaluations": self.evaluations,
            "seed": self.seed,
            "arguments": dict(self.arguments),
        }

    @property
    def file(self) -> Path:
        """Its file in the folder of an experiment."""
        return _file(self.id, self.entry.name, self.evaluations, self.seed)


@lru_cache
def _defaults_of(path: str) -> str | None:
    """SHA-256 of the file with the default settings of an agent; None where its class has them."""
    found = load_class(path)
    file = found.settings_file() if is_agent(found) else None
    return None if file is None else hashlib.sha256(file.read_bytes()).hexdigest()


def _file(id: str, agent: str, evaluations: int, seed: int) -> Path:
    return Path("runs", id, file_name(agent), f"{evaluations}-{seed}.json")


def load_experiment(path: Path | str, baselines: Mapping[str, str], agents: Mapping[str, str]) -> Experiment:
    """Reads an experiment's file and checks it; every agent is made once for every id and budget.

    Args:
        path: The YAML file.
        baselines: Short names of controllers, from name to ``"module:Class"``.
        agents: Short names of agents.

    Raises:
        OSError: The file cannot be read.
        ConfigError: It is not such a file; the message says where and why.
    """
    root = read(Path(path))
    known = ("name", "controllers", "agents", "ids", "evaluations", "seeds")
    fields = root.fields(known, required=("name", "ids", "evaluations", "seeds"))
    entries, nodes = study_file.searchers(root, fields, baselines, agents)
    chosen, arguments = [], {}
    for item in fields["ids"].items("ids"):
        parts = {"id": item} if item.is_text else item.fields(("id", "arguments"), required=("id",))
        with item.located():
            chosen.append(choose(parts["id"].text("id").removeprefix("anb_gym:"), ids(), "ids"))
        for name, given in parts["arguments"].fields(tuple(entries)).items() if "arguments" in parts else ():
            arguments[chosen[-1], name] = given.data(name)
    budgets = [item.integer("evaluations", 1, _MOST) for item in fields["evaluations"].items("evaluations")]
    for what, values in (("ids", chosen), ("evaluations", budgets)):
        if len(set(values)) < len(values):
            raise fields[what].error(f"{what} must differ from each other, got {values}")
    skipped: dict[tuple[str, str], str] = {}
    for name, entry in entries.items():
        reasons = {id: _refusal(entry, id, min(budgets), arguments.get((id, name), {})) for id in chosen}
        if all(reasons.values()):
            raise nodes[name].error(f"{name!r} cannot run on any id: {next(iter(reasons.values()))}")
        skipped |= {(id, name): reason for id, reason in reasons.items() if reason is not None}
    seeds = study_file.seeds_of(fields["seeds"])
    name = study_file.name_of(fields["name"])
    return Experiment(name, tuple(entries.values()), chosen, budgets, seeds, skipped, arguments)


def run_experiment(
    experiment: Experiment,
    folder: Path | str,
    workers: int = -1,
    progress: bool = False,
    chosen: Callable[[PolicyRun], bool] = lambda run: True,
) -> Path:
    """Carries out the runs of an experiment that a folder does not have yet, each in a process of its own.

    Args:
        experiment: The experiment.
        folder: Where it is kept.
        workers: How many runs at a time; -1 for one per core.
        progress: Whether to show a progress bar on standard error.
        chosen: Which of the runs that are missing are carried out.

    Returns:
        The file of all finished runs, see :func:`load_results`.

    Raises:
        ValueError: ``workers`` is out of range, the folder is in use, or holds a run of another agent of that name.
        FailedError: Agents failed; the message says how many and where the first. The other runs are finished.
        OSError: A file cannot be written, or a process died.
    """
    check_workers(workers)
    path = Path(folder)
    create(path / ".experiment", b"")
    tqdm = require("tqdm", "study").tqdm
    with locked(path / ".experiment", "the experiment") as alone:
        if alone:
            remove_temporaries(path)
        runs = experiment.runs()
        known = _known(path)
        missing = [run for run in runs if _finished(path, run, known) is None]  # all are checked before any is trained
        todo = [run for run in missing if chosen(run)]
        with tqdm(total=len(todo), unit="run", file=sys.stderr, disable=not progress) as bar:
            failures = []
            for run, found in _carried_out(todo, (os.cpu_count() or 1) if workers == -1 else workers):
                if isinstance(found, FailedError):
                    failures.append(found)
                else:
                    write_atomically(path / run.file, (json.dumps(found, indent=1) + "\n").encode())
                bar.update()
        if failures:
            raise FailedError(f"{len(failures)} of {len(runs)} runs failed, the first: {failures[0]}") from failures[0]
        return collect(experiment, path)


def collect(experiment: Experiment, folder: Path) -> Path:
    """Writes the file of all runs of an experiment that are finished so far.

    Raises:
        ValueError: None is finished.
    """
    known = _known(folder)
    finished = [found for run in experiment.runs() if (found := _finished(folder, run, known)) is not None]
    if not finished:
        raise ValueError(f"folder must have a finished run of {experiment.name}, {folder} has none")
    skipped = [{"id": id, "agent": name, "reason": reason} for (id, name), reason in experiment.skipped.items()]
    content = {"name": experiment.name, "skipped": skipped, "runs": finished}
    write_results(folder / FILE, content)
    return folder / FILE


def write_results(file: Path, content: Mapping[str, Any]) -> None:
    """Writes results, as :func:`load_results` reads them, with a line for each run."""
    head = json.dumps({key: value for key, value in content.items() if key != "runs"})
    runs = ",\n".join(json.dumps(run, separators=(",", ":")) for run in content["runs"])
    write_atomically(file, f'{head[:-1]}, "runs": [\n{runs}\n]}}\n'.encode())


def carry_out(run: PolicyRun) -> dict[str, Any]:
    """Trains and scores: the run's identity, its scores, and what it took.

    Returns:
        Data of JSON: the identity; ``tables``, the SHA-256 of the surrogates that scored, by their name and metric;
        ``scores``, see :class:`anb_gym.agents.scores.Score`; ``unique``, how many different architectures were
        evaluated; ``seconds`` of wall time and ``cpu_seconds`` of the training; ``memory``, the largest resident size
        of the process in MB.
    """
    wall, cpu = time.perf_counter(), time.process_time()
    if is_agent(load_class(run.entry.path)):
        assignment = Assignment(run.id, run.evaluations, run.seed, run.arguments)
        agent: Agent = load_class(run.entry.path)(assignment, **run.entry.settings)
        training = Training(agent.assignment)
        learn(agent, training)
        index, scored = training.evaluations.index, partial(score_agent, agent)
    else:
        index = studies.execute(_search(run)).index
        scored = partial(_asked_again, run, index)
    took = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    return {
        **run.identity,
        "tables": _tables_of(run.id),
        "scores": [asdict(_comparable(run, of)) for of in scored()],
        "unique": len(np.unique(index)),
        **took,
        "memory": peak_memory(),
    }


def _comparable(run: PolicyRun, found: Score) -> Score:
    """A score without rewards where the agent trained on another reward than the others."""
    return replace(found, reward=None, regret=None, policy_score=None) if run.arguments else found


def load_results(path: Path | str) -> dict[str, Any]:
    """The results of an experiment: ``name``, ``skipped`` and ``runs``, each as :func:`carry_out` returns it.

    Args:
        path: The folder of an experiment, or its file.

    Raises:
        ValueError: There are none, or they are damaged.
    """
    path = Path(path)
    fields = read_object(path / FILE if path.is_dir() else path, ValueError)
    for run in fields.items("runs", dict):
        _check(Fields(run, path, ValueError))
    return {"name": fields.get("name", str), "skipped": fields.get("skipped", list), "runs": fields.get("runs", list)}


def _asked_again(run: PolicyRun, archive: Indices) -> list[Score]:
    """The score of an archive whose best architecture answers each preference."""
    problem = make_known_problem(run.id)
    assert isinstance(problem, Problem)
    request = references.contexts(problem, N_DESIGNS)
    answers = references.asked_again(problem, archive, request).index
    found = score(judged(problem, SPACE.from_index(answers), request), greedy=True)
    return [beyond(found, best_constant(problem, N_DESIGNS))]


def _search(run: PolicyRun) -> Run:
    """The run of a controller on the id with a vector reward of the same task."""
    problem = make_known_problem(run.id)
    assert isinstance(problem, Problem)
    id = FAMILIES["vector_reward"].id_of(problem.task)
    # Named where it is not the default, so that studies of the default draw as before.
    arguments = {} if problem.surrogate == SURROGATES[0] else {"surrogate": problem.surrogate}
    return Run(run.entry, TaskEntry(id, id, arguments), run.seed, run.evaluations, None)


def _refusal(entry: ControllerEntry, id: str, evaluations: int, arguments: Mapping[str, Any]) -> str | None:
    """Why an entry does not take an id with so small a budget; None if it does."""
    try:
        assignment = Assignment(id, evaluations, 0, arguments)
        found = load_class(entry.path)
        if is_agent(found):
            found(assignment, **entry.settings)
        elif not isinstance(assignment.problem, Problem) or not isinstance(assignment.problem.ask, AskPreference):
            raise ValueError("an archive can be asked again for preferences and bounds alone")
    except ValueError as error:
        return one_line(str(error))
    return None


def _carried_out(runs: Sequence[PolicyRun], workers: int) -> Iterator[tuple[PolicyRun, dict[str, Any] | FailedError]]:
    """Runs with their results, or why they failed, as they are finished."""
    # A process for each: what it remembers, the memory that it takes and the global generators are its own.
    with ProcessPoolExecutor(workers, get_context("spawn"), end_with, (os.getpid(),), max_tasks_per_child=1) as pool:
        pending: dict[Future[dict[str, Any]], PolicyRun] = {}
        waiting = list(reversed(runs))
        try:
            while pending or waiting:
                while waiting and len(pending) < workers:
                    run = waiting.pop()
                    pending[pool.submit(carry_out, run)] = run
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    run = pending.pop(future)
                    yield run, _result(run, future.result)
        finally:
            for future in pending:
                future.cancel()


def _result(run: PolicyRun, result: Callable[[], dict[str, Any]]) -> dict[str, Any] | FailedError:
    what = f"{run.entry.name!r} on {run.id} with {run.evaluations} evaluations and seed {run.seed}"
    try:
        return result()
    except BrokenProcessPool as error:
        raise OSError(f"the process of {what} died, such as for want of memory; finished runs are kept") from error
    except Exception as error:
        failed = FailedError(f"{what}: {type(error).__name__}: {one_line(str(error))}")
        failed.__cause__ = error
        return failed


def check_tables(runs: Iterable[Mapping[str, Any]], where: object) -> None:
    """Refuses runs that were scored with other tables than those that are loaded.

    Those of earlier versions of the package do not say with which.

    Raises:
        ValueError: A run was; the message names it.
    """
    for run in runs:
        if "tables" in run and run["id"] in ids() and run["tables"] != (loaded := _tables_of(run["id"])):
            raise ValueError(
                f"{where} has a run of {run['agent']!r} on {run['id']} with other tables, {shown(run['tables'])}, than "
                f"those loaded, {shown(loaded)}: versions must not mix; choose another folder"
            )


@lru_cache
def _tables_of(id: str) -> dict[str, dict[str, str]]:
    """SHA-256 of the tables behind an id, by surrogate and metric."""
    problem = make_known_problem(id)
    problems = [problem] if isinstance(problem, Problem) else problem.problems
    tables: dict[str, dict[str, str]] = {}
    for each in problems:
        found = {metric: shipped_checksum(each.surrogate, metric) for metric in each.metrics}
        tables.setdefault(each.surrogate, {}).update(found)
    return tables


def _known(folder: Path) -> dict[Path, dict[str, Any]]:
    """The runs in the file of all finished ones, by the files that they have of their own."""
    if not (folder / FILE).exists():
        return {}
    runs = load_results(folder)["runs"]
    return {_file(run["id"], run["agent"], run["evaluations"], run["seed"]): run for run in runs}


def _finished(folder: Path, run: PolicyRun, known: Mapping[Path, Mapping[str, Any]]) -> dict[str, Any] | None:
    """The result of a run, from its own file or from that of all; None if it is not finished.

    Raises:
        ValueError: The file is damaged, or of another run.
    """
    file = folder / run.file
    if file.exists():
        fields = read_object(file, ValueError)
        _check(fields)
    elif run.file in known:
        file = folder / FILE
        fields = Fields(known[run.file], file, ValueError)
    else:
        return None
    for key, value in json.loads(json.dumps(run.identity)).items():
        if fields.content.get(key) != value:
            raise ValueError(
                f"{file} is of another {key}, {fields.content.get(key)!r}, not {value!r}: choose another folder"
            )
    check_tables([fields.content], file)
    return dict(fields.content)


def _check(fields: Fields) -> None:
    for key, kind in (("agent", str), ("id", str), ("evaluations", int), ("seed", int), ("unique", int)):
        fields.get(key, kind)
    for key in ("seconds", "cpu_seconds", "memory"):
        fields.get(key, float)
    fields.items("scores", dict)


def peak_memory() -> float:
    """The largest resident size of this process, in MB; -1 where the system does not tell."""
    with suppress(OSError, StopIteration):  # where it is that of the program alone, not of what it was forked from
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) / 1e3
    if sys.platform == "win32":
        return -1.0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
