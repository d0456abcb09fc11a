"""The page that rates every task, from measured difficulties and the leaderboard's summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np

from anb_gym._extras import require
from anb_gym._files import write_atomically
from anb_gym.reports.markdown import code, number, plain, table
from anb_gym.reports.ties import band_of, ties_line
from anb_gym.study.analysis.analyse import SEARCHED
from anb_gym.study.analysis.judging import Judge
from anb_gym.study.difficulty import (
    GOALS,
    Difficulty,
    alikeness,
    best_and_worst,
    measure_difficulty,
    most_different,
    told_apart,
)
from anb_gym.study.problems import described
from anb_gym.study.results import Results

#: Budgets at which the baselines' intervals are compared.
BUDGETS: Final = (100, 1000)
#: Tasks of a suite of few that differ.
N_FEW: Final = 4
#: Columns of a leaderboard's summary that are read.
_COLUMNS: Final = ("task", "judge", "measure", "controller", "evaluations", "runs", "iqm", "iqm_low", "iqm_high")


def read_summary(path: Path) -> Any:
    """Reads the main measures of a leaderboard's ``summary.csv``, judged by the surrogate that was searched.

    Returns:
        A ``pandas.DataFrame`` as :attr:`anb_gym.study.analysis.analyse.Analysis.summary`.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not such a file.
    """
    frame = require("pandas", "study").read_csv(path)
    if missing := [name for name in _COLUMNS if name not in frame]:
        raise ValueError(f"{path} must be the summary of a leaderboard, it has no column {missing[0]!r}")
    return frame[(frame["judge"] == SEARCHED) & frame["measure"].isin(GOALS)]


def write_tasks(results: Results, summary: Any, folder: Path, *, progress: bool = False) -> list[Path]:
    """Measures the difficulty of every task and writes ``tasks.md``.

    Args:
        results: Of a study in which one controller runs on each task: local search where there is one reward.
        summary: The leaderboard's, see :func:`read_summary`.
        folder: Where to, such as ``docs``.
        progress: Whether to show a progress bar.

    Returns:
        The file.
    """
    tqdm = require("tqdm", "study")
    found: dict[str, tuple[Judge, Difficulty]] = {}
    for name, description in tqdm.tqdm(results.tasks.items(), desc="difficulty", unit="task", disable=not progress):
        judge = Judge.of(description)
        found[name] = judge, measure_difficulty(results.table[results.table["task"] == name], judge)
    path = folder / "tasks.md"
    write_atomically(path, "\n".join(page(found, summary)).encode())
    return [path]


def page(found: Mapping[str, tuple[Judge, Difficulty]], summary: Any) -> list[str]:
    """Lines of the page; in each part the hardest task comes first."""
    scalar = {name: pair for name, pair in found.items() if pair[0].n_objectives == 1}
    vector = {name: pair for name, pair in found.items() if pair[0].n_objectives > 1}
    others = [name for name in dict.fromkeys(summary["task"]) if name not in found]
    fewest, most = summary["runs"].min(), summary["runs"].max()
    span = f"{most}" if fewest == most else f"{fewest} to {most}"
    return [
        "# How hard the tasks are",
        "",
        "`anb-gym difficulty` writes this page. A benchmark must tell controllers apart, so every task is measured:",
        "how long a local search takes, where its climbs end, what the distance to the optimum says about fitness, and",
        "how far the intervals of the baselines on the [leaderboard](leaderboard.md) lie apart. The hardest task comes",
        "first.",
        "",
        *_scalar_part(scalar),
        *_vector_part(vector),
        *alike_part([judge for judge, _ in scalar.values()]),
        "## How far apart the baselines lie",
        "",
        "From the leaderboard's interquartile means: how many pairs of baselines have 95 % intervals that do not meet,",
        f"and the best and the worst baseline. Cells have {span} runs; few runs mean wide intervals,",
        "and a baseline with one run does not count.",
        "",
        *_separation([*scalar, *vector, *others], summary),
        "",
    ]


def _scalar_part(found: Mapping[str, tuple[Judge, Difficulty]]) -> list[str]:
    rows = []
    for name, (judge, d) in _hardest_first(found):
        known = judge.calibration
        unit = GOALS["regret"] * (known.best - known.random_mean) if known else np.nan
        ends = [f"{100 * d.optimal:.0f} %", f"{d.climbs:,}", f"{d.correlation:+.2f}"]
        rows.append([plain(name), _evaluations(d), number(d.final), *ends, number(unit)])
    head = ["task", "evaluations to regret 0.01", "regret at the end", "climbs that end in the optimum", "climbs"]
    return [
        "## One reward",
        "",
        *_about(found, "`local_search`"),
        "",
        "- *Evaluations to regret 0.01*, *regret at the end*: medians over runs. Regret is 0 at the certified optimum",
        "  and 1 for the mean of random architectures. The last column is what 0.01 is in the reward's own numbers:",
        "  with a bound it is more, because random architectures that break the bound score far below 0.",
        "- *Climbs that end in the optimum*: of all climbs of first-improvement local search from random",
        "  architectures. With noise, a climb follows what it was told and ends where no neighbour looks better.",
        "- *Fitness–distance*: correlation of reward and number of choices that differ from the optimum, over 10,000",
        "  random architectures (Jones and Forrest 1995). Towards −1 reward leads to the optimum; above −0.15 it",
        "  hardly does.",
        "",
        *_bands(found, "regret"),
        "",
        *table([*head, "fitness–distance", "0.01 in reward"], rows),
        "",
    ]


def alike_part(judges: Sequence[Judge]) -> list[str]:
    """Lines of the part on how alike tasks with one objective are, each of which counts once, without its noise."""
    named = {judge.problem: described(judge.id, False, judge.arguments) for judge in judges}
    different = list({judge.problem: judge for judge in judges}.values())
    if len(different) <= N_FEW:
        return []
    alike, others = alikeness(different), ~np.eye(len(different), dtype=bool)
    names = [plain(named[judge.problem]) for judge in different]
    bounded = np.array([judge.problem.limit is not None for judge in different])
    kinds = {"without a bound": np.outer(~bounded, ~bounded), "with one": np.outer(bounded, bounded)}
    medians = [
        f"{number(np.median(alike[kind & others]))} between tasks {name}"
        for name, kind in kinds.items()
        if (kind & others).any()
    ]
    few = most_different(alike, N_FEW)
    largest = max(alike[i, j] for i, j in combinations(few, 2))
    rows = []
    for i, name in enumerate(names):
        near, far = np.where(others[i], alike[i], -2.0).argmax(), np.where(others[i], alike[i], 2.0).argmin()
        ends = [f"{names[j]} {number(alike[i, j])}" for j in (near, far)]
        rows.append([name, number(float(np.median(alike[i, others[i]]))), *ends])
    return [
        "## How alike the tasks are",
        "",
        "Spearman's rank correlation of rewards without noise over 10,000 random architectures. Tasks that order",
        "architectures alike tell controllers apart alike, and a mean over them says little more than one of them.",
        f"The median is {' and '.join(medians)}.",
        f"The {N_FEW} that are least alike, at most {number(largest)}, are those of the study `few`:",
        f"{'; '.join(names[i] for i in few)}.",
        "",
        *table(["task", "median with the others", "most alike", "least alike"], rows),
        "",
    ]


def _vector_part(found: Mapping[str, tuple[Judge, Difficulty]]) -> list[str]:
    rows = [
        [plain(name), _evaluations(d), number(d.final), _count(d.to_baseline), f"{d.correlation:+.2f}"]
        for name, (_, d) in _hardest_first(found)
    ]
    head = ["task", "evaluations to hypervolume regret 0.05", "regret at the end", "to better than EfficientNet-B0"]
    return [
        "## Two objectives",
        "",
        *_about(found, "`archive_evolution`"),
        "",
        "- *Evaluations to hypervolume regret 0.05*: median over runs.",
        "- *To better than EfficientNet-B0*: evaluations until an architecture is more accurate and faster, median.",
        "- *Fitness–distance*: as above, with the distance to the nearest member of the exact front; fitness is how",
        "  little the front dominates an architecture.",
        "",
        *_bands(found, "hypervolume_regret"),
        "",
        *table([*head, "fitness–distance"], rows),
        "",
    ]


def _bands(found: Mapping[str, tuple[Judge, Difficulty]], measure: str) -> list[str]:
    """The line of the bands of tasks."""
    return ties_line({name: band_of(judge.problem, measure) for name, (judge, _) in found.items()})


def _about(found: Mapping[str, tuple[Judge, Difficulty]], what: str) -> list[str]:
    runs, budgets = {d.runs for _, d in found.values()}, {d.budget for _, d in found.values()}
    return [f"Runs per task: {_span(runs)}, each of {_span(budgets)} evaluations, of {what} with default settings."]


def _separation(tasks: Sequence[str], summary: Any) -> list[str]:
    rows = []
    for task in tasks:
        cells: list[str] = []
        for budget in BUDGETS:
            apart, pairs = told_apart(summary, task, budget)
            if not pairs:
                cells += ["–"] * 3
                continue
            extremes = best_and_worst(summary, task, budget).items()
            cells += [f"{apart} of {pairs}", *(f"{code(name)} {number(value)}" for name, value in extremes)]
        rows.append([plain(task), *cells])
    head = [f"{what} {budget:,}" for budget in BUDGETS for what in ("pairs apart after", "best after", "worst after")]
    return table(["task", *head], rows)


def _hardest_first(found: Mapping[str, tuple[Judge, Difficulty]]) -> list[tuple[str, tuple[Judge, Difficulty]]]:
    return sorted(found.items(), key=lambda item: (-item[1][1].needed, -item[1][1].final, item[0]))


def _evaluations(difficulty: Difficulty) -> str:
    return _count(difficulty.needed) if np.isfinite(difficulty.needed) else f"more than {difficulty.budget:,}"


def _count(value: float) -> str:
    return f"{value:,.0f}" if np.isfinite(value) else "–"


def _span(values: set[int]) -> str:
    return "–".join(f"{value:,}" for value in sorted({min(values), max(values)}))
