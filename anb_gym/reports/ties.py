"""Ties on pages: results so little apart that nature could have them either way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from anb_gym.calibration import calibration, resolution_of
from anb_gym.problems import Problem
from anb_gym.reports.markdown import number, plain
from anb_gym.rewards import Bounded, Constrained, make_reward
from anb_gym.study.analysis.anytime import PRACTICAL
from anb_gym.surrogates.store import FAMILIES
from anb_gym.tasks import select_tasks

#: What stands before a number that ties with the best.
MARK: Final = "≈ "


def band_of(problem: Problem, measure: str) -> float:
    """The band below which differences of a measure are ties, in its unit; NaN where none is recorded.

    Of accuracy under a bound it is that of accuracy.

    Args:
        problem: What was searched.
        measure: One of :mod:`anb_gym.study.analysis.anytime`.
    """
    known = resolution_of(problem.task, problem.surrogate)
    if measure != "regret":
        bands = (
            {} if known is None else {"hypervolume_regret": known.hypervolume, PRACTICAL: known.practical_hypervolume}
        )
        return bands.get(measure) or np.nan
    if isinstance(problem.reward, Constrained | Bounded):
        level = problem.gauge.at(None)
        return accuracy_band(problem.surrogate) / float(level.one - level.zero)
    default = problem.is_vector or problem.reward == make_reward("product", problem.task)  # a vector of accuracy alone
    return known.regret if default and known is not None else np.nan


def accuracy_band(surrogate: str = FAMILIES[0]) -> float:
    """The band of accuracy under the proxy scheme, in points; NaN where none is recorded."""
    (task,) = select_tasks(kind="accuracy")
    known = resolution_of(task, surrogate)
    if known is None:
        return np.nan
    scale = calibration(make_reward("product", task), surrogate)
    return known.regret * (scale.best - scale.random_mean)


def ties_line(bands: Mapping[str, float]) -> list[str]:
    """A line with the band of each task, by name; nothing where none is known."""
    texts = [f"{plain(name)} {number(band)}" for name, band in bands.items() if np.isfinite(band)]
    about = "Differences below these are ties, nature could have it either way"
    return [f"{about}: {', '.join(texts)}."] if texts else []


def tied(value: float, best: float, band: float) -> bool:
    """Whether a value that is not the best ties with it."""
    return bool(best < value < best + band)


def marked(text: str, value: float, best: float, band: float) -> str:
    """A cell of a Markdown table: bold for the best, with a mark for what ties with it."""
    return f"**{text}**" if value == best else f"{MARK}{text}" if tied(value, best, band) else text
