"""What an agent's policy is worth: rewards and regrets of its designs, what they cover, which bounds they break."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from anb_gym._errors import integer
from anb_gym._types import FloatArray
from anb_gym.calibration import front_scale
from anb_gym.fronts import NoFrontError
from anb_gym.hardware import TEST_SEEDS
from anb_gym.metrics import relative_violation
from anb_gym.pareto import normalised_hypervolume
from anb_gym.problems import GeneratedProblem, Problem, ProblemSet
from anb_gym.study.analysis.references import best_constants, contexts, policy_score

from .agent import Agent
from .designs import Designs, bounds_of, designs_for_all, designs_on

#: Designs that are sampled, or evenly spaced preferences that are designed for.
N_DESIGNS: Final = 1001


@dataclass(frozen=True)
class Score:
    """The worth of an agent's designs for one problem.

    Attributes:
        task: The problem's task; ``"all"`` for the mean over a set of problems. Where devices are generated, a real
            device, or ``"test devices"`` for the mean over those, and the median where this says so.
        greedy: Whether they were the most probable ones, or sampled.
        designs: How many there were.
        unique: How many different ones.
        reward: Their mean reward, in the problem's scale; None for a vector reward.
        regret: Their mean regret; None where no optimum is certified, and under a bound, see ``loss``.
        policy_score: What the policy has beyond the best constant, where the optimum of every episode has 1, see
            :func:`anb_gym.study.analysis.references.policy_score`; None where all episodes ask for the same, in raw
            scale, and without exact fronts.
        coverage: The share of the exact front's hypervolume that they cover together; None without preferences or a
            vector reward, or without an exact front. Of several devices the median.
        loss: Median points of accuracy by which those that meet their bound are below the certified optimum under it;
            None without a bound or an exact front, or if none meets it.
        violations: The share of them that break their bound; None without one.
        least_coverage: The least coverage of several devices; None for one.
    """

    task: str
    greedy: bool
    designs: int
    unique: int
    reward: float | None
    regret: float | None
    policy_score: float | None
    coverage: float | None
    loss: float | None
    violations: float | None
    least_coverage: float | None = None


def score_agent(agent: Agent, n: int = N_DESIGNS, seed: int = 0) -> list[Score]:
    """Scores an agent's policy, greedy and sampled.

    The greedy policy designs one architecture where nothing is drawn; where episodes ask for preferences, both
    policies design one for each of n evenly spaced ones. Of a set of problems each is scored, and their mean. Where
    devices are generated the 200 test devices are scored together, and each real device.

    Args:
        agent: A trained agent.
        n: Designs that are sampled, or preferences; at least 2.
        seed: Of what is sampled.

    Returns:
        For each problem the score of the greedy and of the sampled designs.

    Raises:
        ValueError: An argument has an impossible value.
        ModuleNotFoundError: The extra ``pareto`` is not installed.
    """
    integer(n, 2, "n")
    if isinstance(agent.problem, GeneratedProblem):
        return [found for greedy in (True, False) for found in _on_devices(agent, n, greedy, seed)]
    constant = best_constant(agent.problem, n)
    scores = []
    for greedy in (True, False):
        parts = [score(designs, greedy=greedy) for designs in designs_for_all(agent, n, greedy=greedy, seed=seed)]
        if isinstance(agent.problem, ProblemSet):
            parts.append(_overall(parts))
        parts[-1] = beyond(parts[-1], constant)
        scores += parts
    return scores


def score(designs: Designs, *, greedy: bool) -> Score:
    """The score of designs.

    Raises:
        ModuleNotFoundError: The extra ``pareto`` is not installed.
    """
    problem, evaluation = designs.problem, designs.evaluation
    loss, violations = _under_bounds(designs)
    regret = evaluation.regret if violations is None else None
    return Score(
        task=designs.name,
        greedy=greedy,
        designs=len(designs),
        unique=designs.n_unique,
        reward=None if problem.is_vector else float(evaluation.reward.mean()),
        regret=None if regret is None else float(regret.mean()),
        policy_score=None,
        coverage=_coverage(designs),
        loss=loss,
        violations=violations,
    )


def coverage(problem: Problem, metrics: Mapping[str, FloatArray]) -> float | None:
    """The share of the exact front's hypervolume that architectures with these metrics cover; None without a front.

    Raises:
        ModuleNotFoundError: The extra ``pareto`` is not installed.
    """
    if len(problem.metrics) != 2:
        return None
    try:
        front, reference_point = problem.front, front_scale(problem.task).reference_point
    except NoFrontError:
        return None
    points = np.stack([metrics[name] for name in front.metrics], axis=1)
    return normalised_hypervolume(points, front.objectives, reference_point, front.directions)


def best_constant(problem: Problem | ProblemSet, n: int) -> float | None:
    """The mean reward of the best constant over n contexts, if they differ and it is known."""
    scale = problem.problems[0].scale if isinstance(problem, ProblemSet) else problem.scale
    if problem.is_vector or not problem.ask.n_cells or scale != "unit":
        return None
    try:
        return best_constants(problem, contexts(problem, n)).mean
    except NoFrontError:
        return None


def beyond(found: Score, constant: float | None) -> Score:
    """A score with what its reward has beyond the best constant, where both are known."""
    if constant is None or found.reward is None:
        return found
    return replace(found, policy_score=policy_score(found.reward, constant))


def _overall(parts: list[Score]) -> Score:
    """The mean over the problems of a set."""
    rewards = [part.reward for part in parts if part.reward is not None]
    regrets = [part.regret for part in parts if part.regret is not None]
    return replace(
        parts[0],
        task="all",
        designs=sum(part.designs for part in parts),
        unique=sum(part.unique for part in parts),
        reward=float(np.mean(rewards)),
        regret=float(np.mean(regrets)) if len(regrets) == len(parts) else None,
    )


def _on_devices(agent: Agent, n: int, greedy: bool, seed: int) -> Iterator[Score]:
    """The scores on the test devices, all together, and on every real device."""
    # Sampled designs for one purpose are spread over the devices.
    problem = agent.problem
    assert isinstance(problem, GeneratedProblem)
    asked = problem.ask.preference is not None or problem.is_vector
    each = n if asked else -(-n // len(TEST_SEEDS))
    yield _together([score(designs_on(agent, s, each, greedy=greedy, seed=seed), greedy=greedy) for s in TEST_SEEDS])
    for designs in designs_for_all(agent, n, greedy=greedy, seed=seed):
        yield score(designs, greedy=greedy)


def _together(parts: list[Score]) -> Score:
    """Scores of several devices as one."""

    def over(name: str, what: Callable[..., Any] = np.mean) -> float | None:
        values = [getattr(part, name) for part in parts if getattr(part, name) is not None]
        return float(what(values)) if values else None

    return replace(
        parts[0],
        task="test devices",
        designs=sum(part.designs for part in parts),
        unique=sum(part.unique for part in parts),
        reward=over("reward"),
        regret=over("regret"),
        coverage=over("coverage", np.median),
        loss=over("loss", np.median),
        violations=over("violations"),
        least_coverage=over("coverage", np.min),
    )


def _coverage_on(designs: Designs) -> float:
    """The share of a device's front that designs for it cover."""
    return designs.device.coverage(*(designs.evaluation.exact[name] for name in designs.problem.metrics))


def _coverage(designs: Designs) -> float | None:
    problem = designs.problem
    if not problem.is_vector and not problem.ask.weighs:
        return None
    if isinstance(problem, GeneratedProblem):
        return _coverage_on(designs) if designs.device.certified else None
    return coverage(problem, designs.evaluation.exact)


def _under_bounds(designs: Designs) -> tuple[float | None, float | None]:
    """Loss of accuracy and share of broken bounds."""
    if (bounded := bounds_of(designs)) is None:
        return None, None
    metric, bounds = bounded
    exact = designs.evaluation.exact
    met = relative_violation(metric, exact[metric], bounds) == 0.0
    violations = float((~met).mean())
    if isinstance(designs.problem, GeneratedProblem):
        if not designs.device.certified:
            return None, violations
        best = designs.device.best_under(bounds)
        return float(np.median((best - exact["accuracy"])[met])) if met.any() else None, violations
    try:
        best = designs.problem.best_under(bounds).accuracy
    except ValueError:  # nothing meets a bound, or there is no front
        return None, violations
    return float(np.median((best - exact["accuracy"])[met])) if met.any() else None, violations
