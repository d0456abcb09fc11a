"""The report of a study: one HTML file that opens in any browser, without a network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from anb_gym._files import write_atomically
from anb_gym.reports.interactive import figures_data, front_figure, trajectory_figure
from anb_gym.reports.pages import packed, plotly, render_page
from anb_gym.reports.styles import MEASURE_LABELS, Style, styles
from anb_gym.reports.ties import MARK, band_of, tied, ties_line
from anb_gym.study.analysis.analyse import SEARCHED, Analysis, TaskAnalysis, analyse
from anb_gym.study.analysis.anytime import PRACTICAL
from anb_gym.study.config import file_name
from anb_gym.study.results import Results, check_tables

Cell = dict[str, Any]


def write_report(results: Results, path: Path, *, analysis: Analysis | None = None) -> Path:
    """Writes the report of a study.

    Args:
        results: The study's results.
        path: The file, such as ``report.html``.
        analysis: Of these results, if it is there already.

    Returns:
        The file.

    Raises:
        ValueError: The results have no finished run.
        ResultsError: They were made with other tables than those that are loaded.
        ModuleNotFoundError: The extra ``study`` or ``pareto`` is not installed.
    """
    check_tables(results)
    analysis = analysis or analyse(results.table, results.tasks)
    write_atomically(path, render(results, analysis).encode())
    return path


def render(results: Results, analysis: Analysis) -> str:
    """The text of the report."""
    look = styles(analysis.summary["controller"])
    groups = [group for group, matrices in analysis.matrices.items() if any(matrices.values())]
    figures = {place: figure for task in analysis.tasks.values() for place, figure in _figures(task, look)}
    return render_page(
        "report.html",
        name=results.name,
        subtitle=f"{len(look)} controllers, {len(analysis.tasks)} tasks, {len(results.runs):,} runs, "
        f"{len(results.table):,} evaluations",
        groups=[_group(analysis, group, look) for group in groups],
        tasks=[_task(analysis, task, look) for task in analysis.tasks.values()],
        failed=_records(results.description.get("failed", []), ["task", "controller", "seed", "evaluation", "error"]),
        skipped=_records(results.description.get("skipped", []), ["task", "controller", "reason"]),
        configuration=json.dumps(results.configuration, indent=2),
        versions=json.dumps(results.versions, indent=2),
        figures=packed(figures_data(figures)),
        plotly=plotly(),
    )


def _group(analysis: Analysis, group: str, look: Mapping[str, Style]) -> dict[str, Any]:
    rows = analysis.aggregate[analysis.aggregate["group"] == group]
    pairs = analysis.improvement
    pairs = pairs[pairs["group"] == group] if len(pairs) else pairs
    return {
        "name": group,
        "tasks": int(rows["tasks"].iloc[0]),
        "means": _by_budget(rows, look, "iqm", ("iqm_low", "iqm_high")),
        "improvement": _improvement(pairs, look) if len(pairs) else None,
    }


def _task(analysis: Analysis, task: TaskAnalysis, look: Mapping[str, Style]) -> dict[str, Any]:
    rows = analysis.summary[analysis.summary["task"] == task.name]
    pairs = analysis.pairwise[analysis.pairwise["task"] == task.name]
    return {
        "name": task.name,
        "anchor": file_name(task.name),
        "about": _about(task),
        "front": task.judge.n_objectives == 2,  # more have no plane to be drawn in
        "sections": list(_sections(task, rows, look)),
        "budget": f"{task.budgets[-1]:,}",
        "pairwise": _pairwise(pairs[pairs["evaluations"] == task.budgets[-1]], look),
    }


def _figures(task: TaskAnalysis, look: Mapping[str, Style]) -> Iterable[tuple[str, dict[str, Any]]]:
    """The figures of a task, each with the id of its place on the page."""
    anchor = file_name(task.name)
    yield f"trajectory-{anchor}", trajectory_figure(task, look)
    if task.judge.n_objectives == 2:
        yield f"front-{anchor}", front_figure(task, look)


def _about(task: TaskAnalysis) -> str:
    judge = task.judge
    parts = [f"{judge.id}: {', '.join(judge.metrics)}; surrogate {judge.problem.surrogate}."]
    if judge.noise:
        parts.append("Searches saw one noisy measurement per architecture; what they chose is judged without noise.")
    if judge.worlds:
        parts.append(
            "Run i is played on world i and judged by what is best there; what is said here of the reward, and fronts "
            "that are drawn, are those of the mean of worlds."
        )
    known = judge.calibration
    if known is not None:
        certain = "certified" if known.certified else "the best that is known, not certified"
        parts.append(f"Reward {known.random_mean:.4g} on average, {known.best:.6g} at the optimum ({certain}).")
    elif judge.front is None:
        parts.append("Hypervolumes are approximate, and compared with the largest of any run of this study.")
    return " ".join(parts)


def _sections(task: TaskAnalysis, rows: Any, look: Mapping[str, Style]) -> Iterable[dict[str, Any]]:
    for measure in sorted(task.curves, key=lambda name: name != PRACTICAL):
        chosen = rows[(rows["measure"] == measure) & (rows["judge"] == SEARCHED)]
        band = band_of(task.judge.problem, measure)
        about = [f"{line} ≈ marks what ties with the best." for line in ties_line({task.name: band})]
        yield {
            "title": MEASURE_LABELS[measure],
            "about": " ".join(["Median of the runs after so many evaluations, with quartiles.", *about]),
            "table": _by_budget(chosen, look, "median", ("q25", "q75"), band),
        }
        if measure == "regret":
            yield {
                "title": "regret in the reward's own numbers",
                "about": "In accuracy points where the reward is the accuracy. Median.",
                "table": _by_budget(chosen, look, "median_raw", None),
            }
    for family in task.verdicts:
        yield {
            "title": f"{MEASURE_LABELS[task.main]} as {family} judges",
            "about": f"The search never asked {family}. It scores the same chosen architectures; the optimum and the "
            "scale stay those of the searched surrogate.",
            "table": _by_budget(
                rows[(rows["measure"] == task.main) & (rows["judge"] == family)], look, "median", ("q25", "q75")
            ),
        }


def _by_budget(
    rows: Any, look: Mapping[str, Style], value: str, ends: tuple[str, str] | None, band: float = np.nan
) -> dict[str, Any]:
    """Controllers by budgets, best last budget first; the best of each budget is bold, what ties with it is marked."""
    budgets = sorted(rows["evaluations"].unique())
    best = rows.groupby("evaluations")[value].min()
    order = rows[rows["evaluations"] == budgets[-1]].sort_values(value, kind="stable")["controller"]
    cells = {(row["controller"], row["evaluations"]): row for row in rows.to_dict("records")}
    body = []
    for name in order:
        line = [_name(name, look)]
        for budget in budgets:
            row = cells[name, budget]
            spread = _interval(row[ends[0]], row[ends[1]]) if ends else ""
            mark = MARK if tied(row[value], best[budget], band) else ""
            line.append({"text": mark + _number(row[value]), "range": spread, "best": row[value] == best[budget]})
        body.append(line)
    return {"head": ["controller", *(f"{budget:,}" for budget in budgets)], "rows": body}


def _improvement(pairs: Any, look: Mapping[str, Style]) -> dict[str, Any]:
    names = pairs.groupby("first")["probability"].mean().sort_values(ascending=False, kind="stable").index
    cells = {(row["first"], row["second"]): row for row in pairs.to_dict("records")}
    body = []
    for one in names:
        line = [_name(one, look)]
        for two in names:
            row = cells.get((one, two))
            spread = f"[{row['low']:.2f}, {row['high']:.2f}]" if row and np.isfinite(row["low"]) else ""
            line.append({"text": f"{row['probability']:.2f}" if row else "", "range": spread})
        body.append(line)
    return {"head": ["probability of improvement", *names], "rows": body}


def _pairwise(pairs: Any, look: Mapping[str, Style]) -> dict[str, Any]:
    body = []
    for row in pairs.to_dict("records"):
        numbers = [
            _number(row["difference"]),
            f"{row['p_holm']:.2g}",
            f"{row['a12']:.2f}",
            f"{row['rank_biserial']:.2f}",
        ]
        names = [_name(row["first"], look), _name(row["second"], look), {"text": str(row["runs"])}]
        body.append([*names, *({"text": number} for number in numbers)])
    return {"head": ["first", "second", "runs", "difference", "p (Holm)", "A", "rank-biserial"], "rows": body}


def _records(records: Iterable[Mapping[str, Any]], columns: list[str]) -> dict[str, Any] | None:
    body = [[{"text": str(record.get(column, ""))} for column in columns] for record in records]
    return {"head": columns, "rows": body, "look": "text"} if body else None


def _name(name: str, look: Mapping[str, Style]) -> Cell:
    return {"text": name, "colour": look[name].colour}


def _interval(low: float, high: float) -> str:
    """Both ends; nothing for an interval that one run does not have."""
    return f"[{_number(low)}, {_number(high)}]" if np.isfinite(low) else ""


def _number(value: float) -> str:
    return "–" if not np.isfinite(value) else f"{value:.3g}" if abs(value) >= 1e-4 or value == 0 else f"{value:.1e}"
