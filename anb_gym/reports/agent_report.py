"""The report of an agent's training: a learning curve as a picture, and one page that opens in any browser."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from anb_gym._files import write_atomically
from anb_gym._types import FloatArray
from anb_gym.agents.agent import Agent
from anb_gym.agents.curves import curves, grid, window_of
from anb_gym.agents.designs import Designs, certified, designs_for, designs_for_all, evenly_spaced, judged
from anb_gym.agents.evaluations import Evaluations
from anb_gym.agents.saving import Saved
from anb_gym.agents.scores import Score, coverage
from anb_gym.fronts import NoFrontError
from anb_gym.metrics import readable
from anb_gym.pareto.fronts import front as front_rows
from anb_gym.problems import AskPreference, GeneratedProblem, Problem
from anb_gym.reports.agent_figures import N_POINTS, designs_figure, learning_figure, regret_label
from anb_gym.reports.drawing import to_png
from anb_gym.reports.pages import render_page
from anb_gym.reports.styles import metric_label
from anb_gym.space import SPACE, Architecture, Indices

#: The names of the files.
CURVE: Final = "learning_curve.png"
PAGE: Final = "report.html"
#: Designs that the page lists, and preferences.
_LISTED: Final = 10
_PREFERENCES: Final = 11
#: Preferences on each real device.
_EACH: Final = 5
#: Preferences whose designs are drawn.
_DRAWN: Final = 201

Cell = dict[str, Any]


def write_report(folder: Path, agent: Agent, saved: Saved, scores: Sequence[Score]) -> list[Path]:
    """Writes ``learning_curve.png`` and ``report.html``.

    Args:
        folder: Where to.
        agent: The trained agent.
        saved: Its file, with the record of the training.
        scores: What its policy is worth, see :func:`anb_gym.agents.score_agent`.

    Returns:
        The files.

    Raises:
        ModuleNotFoundError: The extra ``agents`` is not installed.
        OSError: A file cannot be written.
    """
    record = saved.evaluations
    assert record is not None
    budget, name = len(record), saved.name
    found = curves(record, grid(budget, N_POINTS), window_of(budget))
    if agent.problem.is_vector and isinstance(agent.problem, Problem):
        found = replace(found, regret=_uncovered(agent.problem, record, found.evaluations))
    title = f"{name} on {saved.assignment.id}"
    picture = to_png(learning_figure(found, agent.problem, title), dpi=150)
    files = {folder / CURVE: picture, folder / PAGE: render(agent, saved, scores, picture).encode()}
    for path, data in files.items():
        write_atomically(path, data)
    return list(files)


def render(agent: Agent, saved: Saved, scores: Sequence[Score], picture: bytes) -> str:
    """The text of the page, with the picture of the learning curve."""
    record, assignment = saved.evaluations, saved.assignment
    assert record is not None
    about, front, sections = _designs(agent, record)
    return render_page(
        "agent.html",
        agent=saved.name,
        id=assignment.id,
        subtitle=f"{len(record):,} evaluations of {record.n_unique:,} different architectures, "
        f"seed {assignment.seed}, {record.seconds[-1]:,.1f} s",
        learning=_embedded(picture),
        policy_about=policy_about(scores),
        policy=policy_table(scores),
        designs_about=about,
        front=None if front is None else _embedded(front),
        designs=sections,
        configuration=json.dumps({"arguments": assignment.arguments, "settings": saved.settings}, indent=2),
        versions=json.dumps(saved.versions, indent=2),
    )


def policy_about(scores: Sequence[Score]) -> str:
    """What the numbers of a table of scores mean."""
    first = scores[0]
    parts = []
    if first.reward is not None:
        measures = "reward" if first.regret is None else "reward and regret"
        parts.append(f"mean {measures} of what the policy designs, without measurement noise")
    if any(score.policy_score is not None for score in scores):
        parts.append(
            "what the policy has beyond the best architecture that is the same for all, 0, where the certified optimum "
            "for each has 1"
        )
    if first.coverage is not None:
        parts.append("the share of the exact front's hypervolume that the designs cover together")
    if first.violations is not None:
        parts.append(
            "the share that breaks its bound, and the median loss of accuracy, in points, of the others against the "
            "certified optimum under the bound"
        )
    text = "; ".join([*parts, "greedy designs take the most probable choices"])
    return f"{text[:1].upper()}{text[1:]}."


def policy_table(scores: Sequence[Score]) -> dict[str, Any]:
    """Scores as a table, see ``grid.html``."""
    several = len({score.task for score in scores}) > 1
    columns = {
        "reward": [score.reward for score in scores],
        "regret": [score.regret for score in scores],
        "beyond the best constant": [score.policy_score for score in scores],
        "coverage": [score.coverage for score in scores],
        "least coverage": [score.least_coverage for score in scores],
        "violations": [score.violations for score in scores],
        "loss of accuracy": [score.loss for score in scores],
    }
    shown = {name: values for name, values in columns.items() if any(value is not None for value in values)}
    rows = [
        [
            *([{"text": score.task}] if several else []),
            {"text": "greedy" if score.greedy else "sampled"},
            {"text": f"{score.designs:,}"},
            {"text": f"{score.unique:,}"},
            *({"text": number(values[row])} for values in shown.values()),
        ]
        for row, score in enumerate(scores)
    ]
    return {"head": [*(["task"] if several else []), "policy", "designs", "different", *shown], "rows": rows}


def number(value: float | None) -> str:
    """A number as tables show it."""
    return "–" if value is None or not np.isfinite(value) else f"{value:.4f}"


def _designs(agent: Agent, record: Evaluations) -> tuple[str, bytes | None, list[dict[str, Any]]]:
    """What is said of designs, their picture if there is one, and tables of them."""
    problem = agent.problem
    if isinstance(problem, GeneratedProblem):
        tables = [_table(part, part.name) for part in designs_for_all(agent, _EACH, greedy=True)]
        return (
            "Greedy designs for real devices, and in grey beside each number that of the certified best.",
            None,
            tables,
        )
    if not isinstance(problem, Problem):
        parts = list(designs_for_all(agent, 2, greedy=True))
        tables = [_table(part, part.name) for part in parts]
        return (
            "The greedy design for every task, and in grey beside each number that of the certified optimum.",
            None,
            tables,
        )
    states = SPACE.index_to_states(record.index)
    evaluated = problem.benchmark.query_states(states, problem.metrics)
    if isinstance(problem.ask, AskPreference):
        drawn = designs_for(agent, evenly_spaced(problem.ask, _DRAWN), greedy=True)
        listed = designs_for(agent, evenly_spaced(problem.ask, _PREFERENCES), greedy=True)
        about = (
            "Greedy designs for evenly spaced preferences, and in grey beside each number that of the certified best."
        )
        return about, _picture(problem, evaluated, drawn, "greedy designs"), [_table(listed)]
    if problem.is_vector:
        points = np.stack([evaluated[name] for name in problem.metrics], axis=1)
        members = _members(points, problem.task.directions)
        members = members[np.unique(record.index[members], return_index=True)[1]]
        members = members[np.argsort(-points[members, 0])]
        found = judged(problem, SPACE.from_index(record.index[members]))
        listed = judged(problem, found.choices[np.unique(np.linspace(0, len(found) - 1, _LISTED).astype(int))])
        about = f"Of the training, no architecture dominates these {len(found):,}, of which the table has at most ten."
        return about, _picture(problem, evaluated, found, "best of the training"), [_table(listed)]
    greedy = next(designs_for_all(agent, 1, greedy=True))
    # Regret first: accuracy as a reward says nothing of a bound.
    exact, regret = problem.score(evaluated), problem.regret(evaluated)
    order = np.unique(record.index, return_index=True)[1]
    order = order[np.lexsort((-exact[order], -exact[order] if regret is None else regret[order]))][:_LISTED]
    best = judged(problem, SPACE.from_index(record.index[order]))
    picture = _picture(problem, evaluated, best, f"best {len(best)} of the training")
    about = "In grey beside each number that of the certified optimum."
    return about, picture, [_table(greedy, "Greedy"), _table(best, "The best that it evaluated")]


def _members(points: FloatArray, directions: Sequence[str]) -> Indices:
    """The rows that none other dominates; of one objective the best."""
    return front_rows(points, directions) if len(directions) > 1 else np.flatnonzero(points[:, 0] == points[:, 0].max())


def _uncovered(problem: Problem, record: Evaluations, evaluations: Indices) -> FloatArray:
    """The share of the exact front's hypervolume that was not covered after so many evaluations; NaN without one."""
    metrics = problem.benchmark.query_states(SPACE.index_to_states(record.index), problem.metrics)
    points = np.stack([metrics[name] for name in problem.metrics], axis=1)
    missing, best, before = [], points[:0], 0
    for stop in evaluations.tolist():
        best = np.vstack([best, points[before:stop]])
        best, before = best[_members(best, problem.task.directions)], stop
        covered = coverage(problem, dict(zip(problem.metrics, best.T, strict=True)))
        if covered is None:
            return np.full(len(evaluations), np.nan)
        missing.append(1.0 - covered)
    return np.array(missing)


def _table(designs: Designs, title: str = "") -> dict[str, Any]:
    """Designs as a table; beside each number that of the certified optimum."""
    problem, evaluation = designs.problem, designs.evaluation
    n = len(designs)
    optima = certified(problem, designs.request, n)
    best = None if optima is None else _metrics_of(designs, optima)
    shown = preference_texts(designs)
    head = [*(["preference"] if shown else []), "architecture", *map(metric_label, problem.metrics)]
    numbers: dict[str, FloatArray] = {} if problem.is_vector else {"reward": evaluation.reward}
    if evaluation.regret is not None:
        numbers[regret_label(problem)] = evaluation.regret
    rows: list[list[Cell]] = []
    for row, index in enumerate(SPACE.to_index(designs.choices).tolist()):
        cells = [{"text": shown[row]}] if shown else []
        cells.append({"text": str(Architecture.from_index(index))})
        for name in problem.metrics:
            beside = "" if best is None else readable(name, best[name][row])
            cells.append({"text": readable(name, evaluation.exact[name][row]), "range": beside})
        cells += [{"text": number(values[row])} for values in numbers.values()]
        rows.append(cells)
    return {"title": title, "head": [*head, *numbers], "rows": rows}


def preference_texts(designs: Designs) -> list[str]:
    """What designs are for, as texts; none where episodes ask for nothing."""
    if (preferences := designs.preferences) is None:
        return []
    if preferences.ndim > 1:
        return [", ".join(f"{weight:.3g}" for weight in row) for row in preferences.tolist()]
    return [f"{bound:,.6g}" for bound in preferences.tolist()]


def _metrics_of(designs: Designs, indices: Indices) -> Mapping[str, FloatArray]:
    states, problem = SPACE.index_to_states(indices), designs.problem
    if isinstance(problem, GeneratedProblem):
        return problem.measure(states, designs.request)
    return problem.benchmark.query_states(states, problem.metrics)


def _picture(problem: Problem, evaluated: dict[str, FloatArray], designs: Designs, label: str) -> bytes | None:
    """The designs under the exact front, if there is one of two metrics."""
    try:
        front = problem.front
    except NoFrontError:
        return None
    if len(front.metrics) != 2:
        return None
    clouds = [np.stack([values[m] for m in front.metrics], axis=1) for values in (evaluated, designs.evaluation.exact)]
    return to_png(designs_figure(front, clouds[0], clouds[1], label), dpi=110)


def _embedded(png: bytes) -> str:
    return base64.b64encode(png).decode("ascii")
