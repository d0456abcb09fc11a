"""The page of an experiment with policies: what agents have learned, in tracks that are never pooled."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from anb_gym._files import write_atomically
from anb_gym._types import FloatArray
from anb_gym.agents.scores import N_DESIGNS
from anb_gym.calibration import resolution_of
from anb_gym.envs.families import make_known_problem
from anb_gym.reports.drawing import to_png
from anb_gym.reports.markdown import code, number, plain, table
from anb_gym.reports.plots import profile_figure
from anb_gym.reports.ties import accuracy_band, marked, ties_line
from anb_gym.study.analysis import references
from anb_gym.study.analysis.statistics import (
    interquartile_mean,
    interquartile_mean_interval,
    probability_of_improvement,
)
from anb_gym.tasks import TASKS

#: Constants that answer all contexts together, to compare policies with.
CONSTANTS: Final = (1, 4, 16)
#: Evaluations that local search has for a context, at least.
_PER_CONTEXT: Final = 10
#: Seeds of local search.
_SEEDS: Final = 5

Run = Mapping[str, Any]


@dataclass(frozen=True)
class Track:
    """What is compared, one number a run, less is better.

    Attributes:
        name: Title of the track.
        about: What the tables show.
        value: The number of a run; None where the run has none.
        file: The name of its picture.
        score: Whether tables show 1 less the number, of which more is better.
        by_task: Whether ids of one task are compared: preferences and a vector reward have the same exact front.
        band: The band of an id below which differences are ties; None where none is known for any.
    """

    name: str
    about: str
    value: Callable[[Run], float | None]
    file: str
    score: bool = False
    by_task: bool = False
    band: Callable[[str], float] | None = None

    def problem(self, run: Run) -> str:
        """What a run is compared on: its id or its task."""
        return str(run["scores"][-1]["task"] if self.by_task else run["id"])

    def shown(self, value: float) -> str:
        """The number as tables show it."""
        return f"{1.0 - value:.3f}" if self.score else number(value)


def _of(key: str, greedy: bool = True) -> Callable[[Run], float | None]:
    """A value of the scores of a run, that of all tasks together where there are several."""

    def value(run: Run) -> float | None:
        found: list[float | None] = [score[key] for score in run["scores"] if score["greedy"] is greedy]
        return found[-1] if found else None

    return value


def _missing(key: str, greedy: bool = True) -> Callable[[Run], float | None]:
    """What such a value lacks to 1."""

    def value(run: Run) -> float | None:
        found = _of(key, greedy)(run)
        return None if found is None else 1.0 - found

    return value


def _front_band(task: str) -> float:
    """The band of hypervolumes of a task above its first reference point; NaN where none is recorded, or of several."""
    known = resolution_of(TASKS[task]) if task in TASKS else None
    return np.nan if known is None or known.hypervolume is None else known.hypervolume


#: The tracks.
TRACKS: Final = (
    Track(
        "Policy, greedy",
        "(reward - best constant) / (1 - best constant), of the mean unit reward of greedy designs for evenly spaced "
        "preferences, or for every task: 1 for the optimum of each, 0 for the best constant design. More is better.",
        _missing("policy_score"),
        "policy.png",
        score=True,
    ),
    Track(
        "Policy, sampled",
        "The same of designs that are sampled. More is better.",
        _missing("policy_score", greedy=False),
        "sampled.png",
        score=True,
    ),
    Track(
        "Front",
        "The share of the exact front's hypervolume that the greedy designs for evenly spaced preferences do not "
        "cover. They are a deterministic set, whose number is in the last table: expected returns of a stochastic "
        "policy are another quantity. Tasks are compared, for ids with preferences and with a vector reward have one "
        "front and one reference point.",
        _missing("coverage"),
        "front.png",
        by_task=True,
        band=_front_band,
    ),
    Track(
        "Constraint, loss",
        "Accuracy points that the median greedy design which meets its bound lies below the certified optimum under "
        "it. It says nothing without the next table.",
        _of("loss"),
        "loss.png",
        band=lambda id: accuracy_band(),
    ),
    Track(
        "Constraint, violations",
        "The share of greedy designs that break their bound.",
        _of("violations"),
        "violations.png",
    ),
)


def write_policies(results: Mapping[str, Any], folder: Path, *, seed: int = 0) -> list[Path]:
    """Writes the page of an experiment, and a performance profile a track and budget.

    Args:
        results: As :func:`anb_gym.agents.policies.load_results` reads them.
        folder: Where to.
        seed: Seed of the bootstrap's resamples.

    Returns:
        The files: ``policies.md`` and the pictures in ``policies/``.

    Raises:
        ModuleNotFoundError: The extra ``study`` or ``pareto`` is not installed.
    """
    files = {folder / "policies.md": "\n".join(page(results, seed)).encode()}
    for track in TRACKS:
        for budget, of_budget in _by(results["runs"], "evaluations").items():
            matrices = _matrices(track, of_budget)
            if len(matrices) > 1 and any(matrix.max() > 0 for matrix in matrices.values()):
                figure = profile_figure(
                    matrices, track.name.lower(), np.random.default_rng(seed), title=f"{budget:,} evaluations"
                )
                files[folder / "policies" / f"{budget}-{track.file}"] = to_png(figure)
    for path, data in files.items():
        write_atomically(path, data)
    return list(files)


def page(results: Mapping[str, Any], seed: int = 0) -> list[str]:
    """Lines of the page."""
    runs = results["runs"]
    lines = [
        "# Policies",
        "",
        f"`anb-gym policies` writes this page from the results of {code(results['name'])}: {len(runs):,} trainings.",
        "What is scored is the agent at the end of its budget; no checkpoint is chosen. A controller answers with the",
        "best of all that it evaluated. Tables give the interquartile mean over all runs with its 95 % stratified",
        "bootstrap interval, and for each id the interquartile mean. Less is better where nothing else is said; the",
        "best of each column is bold, and ≈ marks what ties with it, which nature could have the other way. The first",
        "columns compare the most agents on the most ids. Tracks are",
        "different questions and are never pooled. For the tracks of policies, which average over what episodes ask",
        "for, it is not known which differences are ties. The statistics are those of rliable, which does not import",
        "beside pandas 3, as our own.",
    ]
    for track in TRACKS:
        of_track = [run for run in runs if track.value(run) is not None]
        if not of_track:
            continue
        lines += ["", f"## {track.name}", "", track.about]
        for budget, of_budget in _by(of_track, "evaluations").items():
            lines += ["", f"### {budget:,} evaluations", "", *_overall(track, of_budget, np.random.default_rng(seed))]
    asked = [id for id in dict.fromkeys(run["id"] for run in runs) if _asks(id)]
    if asked:
        lines += ["", "## To compare with", "", *_references(asked, sorted({run["evaluations"] for run in runs}))]
    lines += ["", "## What it took", "", *_costs(runs)]
    if results["skipped"]:
        rows = [[plain(of["agent"]), plain(of["id"]), plain(of["reason"])] for of in results["skipped"]]
        lines += ["", "## What did not run", "", *table(["agent", "id", "reason"], rows, numbers=False)]
    return [*lines, ""]


def _overall(track: Track, runs: Sequence[Run], rng: np.random.Generator) -> Iterator[str]:
    """The table of a track at one budget, best agent first, and those last that do not have the ids compared."""
    values = _values(track, runs)
    ids, agents = sorted({id for _, id, _ in values}), sorted({agent for agent, _, _ in values})
    matrices, shared = _matrices(track, runs), _shared(values)
    intervals = {name: interquartile_mean_interval(matrix, rng) for name, matrix in matrices.items()}
    order = sorted(matrices, key=lambda name: intervals[name].estimate)
    order += [name for name in agents if name not in matrices]
    columns: dict[str, list[float]] = {}
    for name in order:
        by_id = [[v for (agent, of, _), v in values.items() if (agent, of) == (name, id)] for id in ids]
        means = [interquartile_mean(np.array(found)[:, None]) if found else np.nan for found in by_id]
        columns[name] = [intervals[name].estimate if name in intervals else np.nan, *means]
    best = [np.nanmin(column) for column in zip(*columns.values(), strict=True)]
    bands = {id: np.nan if track.band is None else track.band(id) for id in ids}
    limits = [float(np.mean([bands[id] for id in shared])), *bands.values()]
    if line := ties_line(bands):
        yield from (*line, "")
    rows = []
    for name in order:
        cells = [_cell(track, *of) for of in zip(columns[name], best, limits, strict=True)]
        between = beaten = "–"
        if name in intervals and np.isfinite(low := intervals[name].low):
            between = " to ".join(sorted(map(track.shown, (low, intervals[name].high)), key=float))
        if name in matrices and name != order[0]:
            beaten = f"{probability_of_improvement(matrices[order[0]], matrices[name]):.2f}"
        seeds = len(matrices[name]) if name in matrices else len({seed for agent, _, seed in values if agent == name})
        rows.append([plain(name), cells[0], between, beaten, str(seeds), *cells[1:]])
    what = "tasks" if track.by_task else "ids"
    over = f"all {what}" if shared == ids else f"{len(shared)} of {len(ids)} {what}"
    yield from table(["agent", over, "95 % interval", "the first beats it", "seeds", *map(code, ids)], rows)


def _cell(track: Track, value: float, best: float, band: float) -> str:
    return marked(track.shown(value), value, best, band) if np.isfinite(value) else "–"


def _values(track: Track, runs: Sequence[Run]) -> dict[tuple[str, str, int], float]:
    """Values by agent, id or task, and seed."""
    return {
        (run["agent"], track.problem(run), run["seed"]): value
        for run in runs
        if (value := track.value(run)) is not None
    }


def _matrices(track: Track, runs: Sequence[Run]) -> dict[str, FloatArray]:
    """Values by agent, ``float64`` (seeds, ids), on the ids that are compared, for seeds with a run on each."""
    values, found = _values(track, runs), {}
    ids = _shared(values)
    for agent in sorted({agent for agent, _, _ in values}):
        seeds = sorted({seed for name, _, seed in values if name == agent})
        whole = [seed for seed in seeds if all((agent, id, seed) in values for id in ids)]
        if whole:
            found[agent] = np.array([[values[agent, id, seed] for id in ids] for seed in whole])
    return found


def _shared(values: Collection[tuple[str, str, int]]) -> list[str]:
    """The ids on which agents are compared: those with most agents, as long as there are more pairs in the table."""
    by_id: dict[str, set[str]] = {}
    for agent, id, _ in values:
        by_id.setdefault(id, set()).add(agent)
    ids = sorted(by_id, key=lambda id: (-len(by_id[id]), id))
    pairs = [k * len(set.intersection(*(by_id[id] for id in ids[:k]))) for k in range(1, len(ids) + 1)]
    return sorted(ids[: 1 + pairs.index(max(pairs))]) if pairs else []


def _references(ids: Sequence[str], budgets: Sequence[int]) -> Iterator[str]:
    """Mean unit rewards of what is no policy."""
    yield "Mean unit reward over the same contexts: of the best 1, 4 and 16 designs, each context answered by the best"
    yield "of them (proven for preferences and bounds, the best that a search finds for sets of tasks), and of a local"
    yield "search in every context anew whose budgets add up to the agents'. The optimum of every context has 1. One"
    yield "constant is also the most that an open-loop policy reaches, which does not see what the episode asks for."
    yield ""
    head = ["id", *(f"{k} constant{'s' if k > 1 else ''}" for k in CONSTANTS)]
    head += [f"local search, {budget:,}" for budget in budgets]
    rows = []
    for id in ids:
        constants = _constants(id)
        searches = [_local_search(id, budget) for budget in budgets]
        rows.append([code(id), *(f"{constants[k]:.4f}" for k in CONSTANTS), *(f"{v:.4f}" for v in searches)])
    yield from table(head, rows)


def _costs(runs: Sequence[Run]) -> Iterator[str]:
    """Time, memory and different architectures: medians."""
    rows = []
    for budget, of_budget in _by(runs, "evaluations").items():
        for name, of_agent in _by(of_budget, "agent").items():
            unique, seconds, wall, memory = (
                float(np.median([run[key] for run in of_agent]))
                for key in ("unique", "cpu_seconds", "seconds", "memory")
            )
            designs = float(np.median([_of("unique")(run) for run in of_agent]))
            row = [f"{budget:,}", f"{unique:,.0f}", f"{designs:,.0f}", number(seconds), number(wall), f"{memory:,.0f}"]
            rows.append([plain(name), *row])
    yield "Medians: how many different architectures were evaluated, how many the policy designs greedily for all"
    yield "contexts, processor and wall time of the training, and the memory of its process."
    yield ""
    yield from table(["agent", "evaluations", "different", "designs", "CPU s", "wall s", "MB"], rows)


@lru_cache(maxsize=256)
def _constants(id: str) -> dict[int, float]:
    """Mean unit rewards of the best constants of an id whose episodes ask for something, by their number."""
    problem = make_known_problem(id)
    request = references.contexts(problem, N_DESIGNS)
    return {k: references.best_constants(problem, request, k).mean for k in CONSTANTS}


@lru_cache(maxsize=256)
def _local_search(id: str, evaluations: int) -> float:
    problem = make_known_problem(id)
    request = references.contexts(problem, max(2, min(N_DESIGNS, evaluations // _PER_CONTEXT)))
    return float(np.mean([references.local_search(problem, request, evaluations, seed).mean for seed in range(_SEEDS)]))


@lru_cache(maxsize=256)
def _asks(id: str) -> bool:
    """Whether episodes of an id ask for something and have a scalar reward."""
    problem = make_known_problem(id)
    return bool(problem.ask.n_cells) and not problem.is_vector


def _by(runs: Sequence[Run], key: str) -> dict[Any, list[Run]]:
    """Runs by a value that they have, in its order."""
    return {value: [run for run in runs if run[key] == value] for value in sorted({run[key] for run in runs})}
