"""The leaderboard of a study: summaries small enough to ship, a page of Markdown and the HTML report."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np

from anb_gym._extras import require
from anb_gym._files import write_atomically
from anb_gym._types import FloatArray
from anb_gym.reports.bounds import bounds_lines
from anb_gym.reports.html_report import write_report
from anb_gym.reports.markdown import code, number, plain, table
from anb_gym.reports.ties import band_of, marked, ties_line
from anb_gym.study.analysis.analyse import SEARCHED, Analysis, TaskAnalysis, analyse, group_matrices
from anb_gym.study.analysis.anytime import PRACTICAL, Curves, quartiles
from anb_gym.study.analysis.comparing import LEVEL, alike, fewest_pairs, pairs_of
from anb_gym.study.analysis.tables import aggregate_table, paired_scores
from anb_gym.study.config import file_name
from anb_gym.study.entries import SUBMITTED
from anb_gym.study.excerpts import EXCERPT, excerpt, left_out
from anb_gym.study.results import Results, check_tables

#: What the tables of a group of tasks are of, by :attr:`~anb_gym.study.analysis.analyse.TaskAnalysis.group`.
ABOUT: Final = {
    "regret": "0 is the certified optimum, 1 the mean of random architectures.",
    "regret with noise": "Controllers are told one noisy measurement of each architecture. What looked best is judged "
    "without noise.",
    "regret under a bound": "Accuracy subject to at least so much throughput or at most so much latency. In accuracy "
    "points, because random architectures break the bound.",
    "regret under a bound of what meets it": "Accuracy subject to at least so much throughput or at most so much "
    "latency, in accuracy points below the best that meets the bound. What misses it counts as at least twice as far "
    "below as the mean of those that meet it.",
    "hypervolume regret": "The share of what the exact front dominates that the archive does not.",
    "hypervolume regret of 9 objectives": "Accuracy and all eight device metrics at once. Against the largest "
    "hypervolume of any run here: with nine objectives no exact front is known, and hypervolumes are approximate.",
}
#: What is said of groups whose runs are in worlds, and how their names end.
ABOUT_WORLDS: Final = (
    "Run i is played on world i, a sample of what nature could be given the data ([worlds.md](worlds.md)), and judged "
    "by what is best there, so that intervals hold for other worlds too."
)
_IN_WORLDS: Final = " in worlds"
#: What the tables above the practical reference point are of.
ABOUT_PRACTICAL: Final = (
    "Networks that somebody might deploy: an accuracy of at least 60 %, and no slower than the median of the measured "
    "networks of that accuracy ([fronts.md](fronts.md)). The share of what the exact front dominates there that the "
    "archive does not."
)
#: What the tables of the second judge are of.
ABOUT_SECOND: Final = (
    "The same architectures, chosen by what the searches were told, as a family judges that no search asked, in the "
    "scale of the one that was searched: what is left of a difference that the tables themselves may favour."
)
ABOUT_SECOND_BOUND: Final = (
    "What misses the bound, as that family sees it, counts as the reward has it: far below all else."
)
#: The controller that all others should beat.
RANDOM: Final = "random_search"
#: Points of a shipped curve, evenly spread over the logarithm of the evaluations.
CURVE_POINTS: Final = 100


def write_leaderboard(
    results: Results, folder: Path, *, name: str = "leaderboard", seed: int = 0, progress: bool = False
) -> list[Path]:
    """Analyses a study and writes what ships of it.

    Args:
        results: The study's results.
        folder: Where to, such as ``docs``.
        name: What its files are called.
        seed: Seed of the bootstrap's resamples.
        progress: Whether to show a progress bar.

    Returns:
        The files: ``leaderboard.md``; ``leaderboard.html``, the whole report; ``leaderboard/summary.csv``, all numbers
        of the tables; ``leaderboard/anytime.parquet``, quartiles of the runs over evaluations; and
        ``leaderboard/runs.parquet``, the runs themselves, see :mod:`anb_gym.study.excerpts`; or as ``name`` says.

    Raises:
        ValueError: The results have no finished run, or ``name`` is no file's.
        ResultsError: They were made with other tables than those that are loaded.
        ModuleNotFoundError: The extra ``study`` or ``pareto`` is not installed.
    """
    if not name or file_name(name) != name:
        raise ValueError(f"name must be that of a file, without folders, got {name!r}")
    check_tables(results)
    analysis = analyse(results.table, results.tasks, seed=seed, progress=progress)
    runs = excerpt(results, {task.name: task.judge for task in analysis.tasks.values()})
    files = {
        folder / f"{name}.md": "\n".join(page(results, analysis, seed, name, left_out(runs))).encode(),
        folder / name / "summary.csv": analysis.summary.to_csv(index=False, float_format="%.6g").encode(),
        folder / name / "anytime.parquet": _parquet(anytime_table(analysis)),
        folder / name / EXCERPT: runs,
    }
    for path, data in files.items():
        write_atomically(path, data)
    return [*files, write_report(results, folder / f"{name}.html", analysis=analysis)]


def anytime_table(analysis: Analysis) -> Any:
    """Quartiles of the main measure over evaluations, of every task and controller.

    Returns:
        A ``pandas.DataFrame`` with the columns ``task``, ``controller``, ``measure``, ``runs``, ``evaluation``,
        ``q25``, ``median`` and ``q75``; the last three are ``float32``.
    """
    pd = require("pandas", "study")
    parts = []
    for task in analysis.tasks.values():
        for controller, curves in task.curves[task.main].items():
            known = np.flatnonzero(np.isfinite(curves.values).all(axis=0)) + 1
            points = np.unique(np.geomspace(known[0], known[-1], CURVE_POINTS).round().astype(np.int64))
            q25, median, q75 = quartiles(curves.at_evaluations(points)).astype(np.float32)
            names = {"task": task.name, "controller": controller, "measure": task.main, "runs": len(curves.seeds)}
            columns = {"evaluation": points.astype(np.int32), "q25": q25, "median": median, "q75": q75}
            parts.append(pd.DataFrame({**names, **columns}))
    result = pd.concat(parts, ignore_index=True)
    return result.astype(dict.fromkeys(["task", "controller", "measure"], "category"))


def page(results: Results, analysis: Analysis, seed: int = 0, name: str = "leaderboard", partly: str = "") -> list[str]:
    """Lines of the Markdown page; ``name`` is that of its files, ``partly`` says what of the runs is with it."""
    lines = [
        "# Leaderboard",
        "",
        "`anb-gym leaderboard` writes this page from the results of",
        f"{code(f'anb-gym study {results.name}')}{':' if SUBMITTED not in results.description else ''}",
        *_submitted(results),
        f"{len(results.runs):,} runs, {len(results.table):,} evaluations.",
        *_tuned(results.configuration["controllers"]),
        f"[{name}.html]({name}.html) has curves, fronts and tests, and works offline;",
        f"[{name}/]({name}/) has all numbers, and in `{EXCERPT}` the runs, from which `anb-gym leaderboard` writes",
        f"this page{f' ({partly} alone)' if partly else ''}.",
        "",
        *_runs(results),
        *_surrogates(analysis),
        "",
        "Tables of suites give the interquartile mean over all runs of all tasks with its 95 % bootstrap interval,",
        "tables of tasks the median of the runs. The best of each budget is bold, and ≈ marks what ties with it,",
        "which nature could have the other way ([worlds.md](worlds.md)). Less is better.",
        "[studies.md](studies.md) says how to run a study and submit results, [tasks.md](tasks.md) how hard tasks are.",
    ]
    rng = np.random.default_rng(seed)
    known = list(ABOUT)
    for group in sorted(analysis.matrices, key=lambda group: [*known, _base(group)].index(_base(group))):
        tasks = [task for task in analysis.tasks.values() if task.group == group]
        about = [ABOUT[_base(group)]] if _base(group) in ABOUT else []
        about += [ABOUT_WORLDS] if group != _base(group) else []
        lines += ["", f"## {group[0].upper()}{group[1:]}", "", *([*about, ""] if about else [])]
        if all(PRACTICAL in task.curves for task in tasks):
            matrices = group_matrices(tasks, PRACTICAL)
            lines += ["### Above the practical reference point", "", ABOUT_PRACTICAL, ""]
            lines += _tables(tasks, analysis, PRACTICAL, matrices, np.random.default_rng(seed))
            lines += ["", "### Above the first reference point", ""]
        lines += _tables(tasks, analysis, tasks[0].main, analysis.matrices[group], rng)
        lines += _second_judge([task for task in tasks if task.second], analysis, np.random.default_rng(seed))
        lines += bounds_lines(tasks)
        lines += _no_better_than_random(tasks, analysis)
    return [*lines, ""]


def _base(group: str) -> str:
    """A group's name without the worlds of its runs."""
    return group.removesuffix(_IN_WORLDS)


def _submitted(results: Results) -> list[str]:
    """Which controllers were submitted."""
    names = results.description.get(SUBMITTED, {})
    return [f"and from submissions, which were validated, of {', '.join(map(code, names))}:"] if names else []


def _tuned(controllers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What is tuned: agents that ship, what has settings of its own, and perhaps what does not ship."""
    own = [name for name, entry in controllers.items() if entry["settings"]]
    agents = [name for name, entry in controllers.items() if entry["path"].startswith("anb_gym.agents.")]
    foreign = [
        name for name, entry in controllers.items() if not entry["path"].startswith("anb_gym.") and name not in own
    ]
    if not own and not agents and not foreign:
        return ["Nothing here is tuned: controllers have their default settings, mostly their papers'."]
    lines = ["Agents have the settings that they ship with, tuned on the CPU's task."] if agents else []
    lines += [f"With settings of the study's own: {', '.join(map(code, own))}."] if own else []
    lines += [f"Not the package's own, and perhaps tuned: {', '.join(map(code, foreign))}."] if foreign else []
    rest = set(controllers).difference(own, foreign, agents)
    return [*lines, *(["All other controllers have their default settings, mostly their papers'."] if rest else [])]


def _runs(results: Results) -> list[str]:
    """Numbers of seeds of each controller, and the median over runs of its own time for an evaluation."""
    ends = results.table.groupby(["controller", "task", "seed"], observed=True)[["seconds", "evaluation"]].last()
    times = (1000.0 * ends["seconds"] / ends["evaluation"]).groupby("controller", observed=True).median()
    frame = require("pandas", "study").DataFrame(results.runs)
    rows = []
    for controller, runs in frame.groupby("controller", sort=True):
        seeds = runs.groupby("task")["seed"].nunique()
        span = f"{seeds.min()}" if seeds.min() == seeds.max() else f"{seeds.min()}–{seeds.max()}"
        evaluations = sorted(runs["evaluations"].unique())
        span_of_evaluations = "–".join(f"{n:,}" for n in dict.fromkeys([evaluations[0], evaluations[-1]]))
        rows.append([code(controller), str(len(seeds)), span, span_of_evaluations, number(times[controller])])
    head = ["controller", "tasks", "seeds per task", "evaluations per run", "ms an evaluation"]
    return table(head, rows)


def _surrogates(analysis: Analysis) -> list[str]:
    """Which tables score the tasks, where not all have the same."""
    by_surrogate: dict[str, list[str]] = {}
    for task in analysis.tasks.values():
        by_surrogate.setdefault(task.judge.problem.surrogate, []).append(plain(task.name))
    if len(by_surrogate) < 2:
        return []
    found = "; ".join(f"{code(name)}: {', '.join(tasks)}" for name, tasks in by_surrogate.items())
    return ["", f"Tasks are scored by different tables, whose numbers are not to be compared with each other. {found}."]


def _second_judge(tasks: list[TaskAnalysis], analysis: Analysis, rng: np.random.Generator) -> list[str]:
    """Both tables of a group as another family judges the same architectures."""
    if not tasks:
        return []
    families = dict.fromkeys(code(task.second or "") for task in tasks)
    measure = tasks[0].main
    about = [ABOUT_SECOND, *([ABOUT_SECOND_BOUND] if tasks[0].bounded else []), ""]
    head = ["", f"### As {' and '.join(families)} judges", "", *about]
    return [*head, *_tables(tasks, analysis, measure, group_matrices(tasks, measure, True), rng, second=True)]


def _tables(
    tasks: list[TaskAnalysis],
    analysis: Analysis,
    measure: str,
    matrices: Mapping[int, Mapping[str, FloatArray]],
    rng: np.random.Generator,
    second: bool = False,
) -> list[str]:
    """Both tables of a group and a measure, after the band of each of its tasks; or as the second family judges."""
    bands = {task.name: band_of(task.judge.problem, measure) * task.unit for task in tasks}
    line = ties_line(bands)
    line = [] if second else line
    overall = _overall(tasks, measure, matrices, float(np.mean([*bands.values()])), rng, second)
    return [*line, *([""] if line else []), *overall, "", *_per_task(tasks, analysis, measure, bands, second)]


def _overall(
    tasks: list[TaskAnalysis],
    measure: str,
    matrices: Mapping[int, Mapping[str, FloatArray]],
    band: float,
    rng: np.random.Generator,
    second: bool,
) -> list[str]:
    """Interquartile means over all runs of a group's tasks, and which of them cannot be told apart.

    Their band is the mean of those of the tasks: accuracy, and so its error, is the same in all.
    """
    scale = np.array([task.unit for task in tasks])
    scaled = {budget: {name: m * scale for name, m in found.items()} for budget, found in matrices.items() if found}
    if not scaled:
        return []
    frame = aggregate_table(scaled, rng).set_index(["controller", "evaluations"])
    best = frame.groupby("evaluations")["iqm"].min()
    last = max(scaled)
    rows = []
    order = sorted(scaled[last], key=lambda name: float(frame.loc[(name, last), "iqm"]))
    for name in order:
        cells = [frame.loc[(name, budget)] for budget in scaled]
        texts = [
            marked(number(cell["iqm"]), cell["iqm"], best[budget], band) + _range(cell["iqm_low"], cell["iqm_high"])
            for budget, cell in zip(scaled, cells, strict=True)
        ]
        rows.append([code(name), f"{int(cells[0]['runs'] * cells[0]['tasks']):,}", *texts])
    lines = table(["controller", "runs", *map("{:,}".format, scaled)], rows)
    return [*lines, *_groups([task.seen(measure, second) for task in tasks], scale, order, last)]


def _groups(curves: list[dict[str, Curves]], scale: FloatArray, order: list[str], budget: int) -> list[str]:
    """A line with the groups of controllers that cannot be told apart after a budget, if there are any."""
    found = {}
    for pair in pairs_of(order):
        with suppress(ValueError):  # they have no seed in common
            _, scores = paired_scores(curves, pair, budget)
            one, two = (scores[name] * scale for name in pair)
            found[pair] = one, two
    if not found:
        return []
    most, needed = max(one.size for one, _ in found.values()), fewest_pairs(len(found))
    if most < needed:
        return ["", f"None of these are told apart: that takes {needed} pairs of runs, there are {most} at most."]
    groups = [", ".join(map(code, group)) for group in alike(order, found)]
    about = f"After {budget:,} evaluations these cannot be told apart (Wilcoxon's signed-rank test over equal seeds, "
    return ["", f"{about}p ≥ {LEVEL} after Holm's correction): {'; '.join(groups)}."] if groups else []


def _per_task(
    tasks: list[TaskAnalysis], analysis: Analysis, measure: str, bands: Mapping[str, float], second: bool
) -> list[str]:
    """Medians of a measure of every task after every budget."""
    names = list(dict.fromkeys(name for task in tasks for name in task.curves[measure]))
    summary, rows = analysis.summary, []
    for task in tasks:
        by_judge = summary[summary["judge"] == (task.second if second else SEARCHED)]
        frame = by_judge[(by_judge["task"] == task.name) & (by_judge["measure"] == measure)]
        known: Mapping[tuple[str, int], float] = frame.set_index(["controller", "evaluations"])["median"].to_dict()
        for budget in task.budgets:
            found = [known.get((name, budget), np.nan) * task.unit for name in names]
            cells = [marked(number(value), value, np.nanmin(found), bands[task.name]) for value in found]
            rows.append([plain(task.name) if budget == task.budgets[0] else "", f"{budget:,}", *cells])
    return table(["task", "evaluations", *map(code, names)], rows)


def _no_better_than_random(tasks: list[TaskAnalysis], analysis: Analysis) -> list[str]:
    """Controllers that are not clearly better than random search, and where: intervals at the end that meet."""
    summary = analysis.summary[analysis.summary["judge"] == SEARCHED]
    found: dict[str, list[str]] = {}
    for task in tasks:
        at_end = (summary["task"] == task.name) & (summary["evaluations"] == task.budgets[-1])
        frame = summary[at_end & (summary["measure"] == task.main)].set_index("controller")
        if RANDOM not in frame.index:
            continue
        for name, high in frame["iqm_high"].drop(RANDOM).items():
            if high >= frame.loc[RANDOM, "iqm_low"]:
                found.setdefault(str(name), []).append(plain(task.name))
    texts = [f"{code(name)} on {', '.join(names)}" for name, names in found.items()]
    end = "At the end not clearly better than `random_search`, as 95 % intervals of interquartile means say: "
    return ["", f"{end}{'; '.join(texts)}."] if texts else []


def _range(low: float, high: float) -> str:
    return f" [{number(low)}, {number(high)}]" if np.isfinite(low) else ""


def _parquet(frame: Any) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()
