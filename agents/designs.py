"""What an agent designs, what it is for, what it is worth, and the certified best beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.fronts import NoFrontError
from anb_gym.metrics import DIRECTIONS
from anb_gym.problems import AskBound, AskPreference, Bounds, Evaluation, GeneratedProblem, Problem
from anb_gym.problems import Designs as OnDevices
from anb_gym.problems.target_devices import TargetDevice, real_metrics
from anb_gym.rewards import Bounded, Constrained
from anb_gym.space import SPACE, Choices, Indices
from anb_gym.study.analysis.references import optima

from .agent import Agent, requests

#: How far a bound that was given may be from the one that is asked for, in parts of it.
_ROUNDING: Final = 1e-12


@dataclass(frozen=True, eq=False)
class Designs:
    """Architectures that an agent designed, with their worth.

    Attributes:
        problem: What they are for; where devices are generated, all are for the same one.
        choices: ``int8`` (n, 28).
        request: What each is for; None where episodes ask for nothing.
        evaluation: Their worth, without noise.
    """

    problem: Problem | GeneratedProblem
    choices: Choices
    request: Any
    evaluation: Evaluation

    def __len__(self) -> int:
        return len(self.choices)

    @property
    def name(self) -> str:
        """The task, or where devices are generated the device."""
        if isinstance(self.problem, GeneratedProblem):
            return self.device.name
        return self.problem.task.name

    @property
    def device(self) -> TargetDevice:
        """The device, where devices are generated."""
        assert isinstance(self.problem, GeneratedProblem)
        return self.problem.ask.on(self.request.device[0])

    @property
    def preferences(self) -> FloatArray | None:
        """The preference that each is for: weights ``float64`` (n, 2) or bounds (n,); None without."""
        return None if self.request is None else self.problem.ask.shown(self.request).get("preference")

    @property
    def n_unique(self) -> int:
        """How many different architectures there are."""
        return len(np.unique(SPACE.to_index(self.choices)))


def designs_for_all(agent: Agent, n: int, *, greedy: bool, seed: int = 0) -> Iterator[Designs]:
    """Designs for all that episodes may ask for: n evenly spaced preferences, every problem of a set, or real devices.

    Args:
        agent: A trained agent.
        n: Designs that are sampled, or preferences.
        greedy: Whether to make the most probable choices.
        seed: Of what is sampled.
    """
    problem = agent.problem
    once = greedy and agent.assignment.rules is not None  # nothing is drawn, so all would be alike
    if isinstance(problem, GeneratedProblem):
        for metric in real_metrics(problem.kind):
            yield designs_on(agent, metric.partition("/")[0], n, greedy=greedy, seed=seed)
        return
    if isinstance(problem, Problem):
        if isinstance(problem.ask, AskPreference):
            yield designs_for(agent, evenly_spaced(problem.ask, n), greedy=greedy, seed=seed)
        else:
            yield judged(problem, agent.design(1 if once else n, greedy=greedy, seed=seed))
        return
    for part in problem:
        yield judged(part, agent.design(1 if once else n, task=part.task.name, greedy=greedy, seed=seed))


def designs_for(agent: Agent, preferences: FloatArray, *, greedy: bool, seed: int = 0) -> Designs:
    """Designs for preferences, one each.

    Args:
        agent: An agent whose episodes ask for a preference.
        preferences: Weights ``float64`` (n, 2) or bounds (n,).
        greedy: Whether to make the most probable choices.
        seed: Of what is sampled.
    """
    problem = agent.problem
    assert isinstance(problem, Problem)
    options = [{"preference": preference} for preference in preferences.tolist()]
    request = requests(problem, options, np.random.default_rng(0))  # nothing is left to be drawn
    return judged(problem, agent.design(len(preferences), preference=preferences, greedy=greedy, seed=seed), request)


def designs_on(agent: Agent, device: int | str, n: int, *, greedy: bool, seed: int = 0) -> Designs:
    """Designs for one device, where devices are generated: for n evenly spaced preferences, if there are any.

    Args:
        agent: A trained agent.
        device: A seed, or the name of a real one.
        n: Preferences, designs that are sampled, or those of a vector reward; else one is made.
        greedy: Whether to make the most probable choices.
        seed: Of what is sampled.
    """
    problem = agent.problem
    assert isinstance(problem, GeneratedProblem)
    if greedy and problem.ask.preference is None and not problem.is_vector:
        n = 1  # all would be alike
    request = problem.ask.blank(n)
    request.device[:] = problem.ask.number(device)
    request.place[:] = np.linspace(0.0, 1.0, n)
    preference = problem.ask.shown(request).get("preference")
    choices = agent.design(n, device=device, preference=preference, greedy=greedy, seed=seed)
    return judged(problem, choices, request)


def evenly_spaced(ask: AskPreference, n: int) -> FloatArray:
    """Preferences from end to end: weights ``float64`` (n, 2), or bounds in the metric's unit (n,)."""
    request = ask.at(np.linspace(0.0, 1.0, n))
    shown: FloatArray = ask.shown(request)["preference"]
    # The last bound may miss the ideal by a rounding.
    return np.clip(shown, min(ask.nadir, ask.ideal), max(ask.nadir, ask.ideal)) if isinstance(ask, AskBound) else shown


def judged(problem: Problem | GeneratedProblem, choices: Choices, request: Any = None) -> Designs:
    """Designs with their worth."""
    return Designs(problem, choices, request, problem.assess(SPACE.to_states(choices), request))


def certified(problem: Problem | GeneratedProblem, request: Any, n: int) -> Indices | None:
    """The certified optimum for each of n requests, ``int64`` (n,); None where none is known.

    Args:
        problem: The problem.
        request: The requests; None where episodes ask for nothing.
        n: How many.
    """
    if problem.is_vector:
        return None
    if isinstance(problem, GeneratedProblem):
        return _best_members(problem, request)
    if request is None:
        optimum = problem.optimum
        return None if optimum is None else np.repeat(optimum.indices[:1], n)
    try:
        return optima(problem, request).index
    except NoFrontError:
        return None


def bounds_of(designs: Designs) -> tuple[str, FloatArray] | None:
    """The bounded metric and the bound of each design, ``float64`` (n,); None without a bound."""
    problem = designs.problem
    if isinstance(problem, GeneratedProblem):
        return None if problem.limit is None else (problem.metrics[1], problem.ask.bounds(designs.request))
    ask = problem.ask
    if isinstance(ask, AskBound):
        assert isinstance(designs.request, Bounds)
        bounds = ask.parameters(designs.request)["bound"]
        # What a bound is kept as can differ from it by a rounding.
        return ask.metric, bounds * (1.0 - _ROUNDING if DIRECTIONS[ask.metric] == "max" else 1.0 + _ROUNDING)
    limit = problem.limit or problem.reward
    if isinstance(limit, Constrained | Bounded):
        return limit.performance, np.full(len(designs), limit.bound)
    return None


def _best_members(problem: GeneratedProblem, request: OnDevices) -> Indices | None:
    """The best member of the exact front for each request, all of the same device; None without an exact front."""
    device = problem.ask.on(request.device[0])
    if not device.certified:
        return None
    front, best = device.front, []
    for row in range(len(request.device)):
        evaluation = problem.assess(front.states, request[np.full(len(front), row)])
        missed = np.zeros(len(front)) if evaluation.cost is None else evaluation.cost
        best.append(np.where(missed > 0.0, -np.inf, evaluation.reward).argmax())
    return front.indices[best]
