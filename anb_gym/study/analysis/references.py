"""Reference values of policies: what answers contexts without having learned them.

A policy answers contexts: preferences, bounds or devices, one an episode. Its worth is its mean reward over contexts,
in unit scale, where the certified optimum of each has 1. Most of that a single architecture can have that is the same
for all, so that policies are scored by what they have beyond it, see :func:`policy_score`; and beside them stand a few
architectures of which the best is taken for each context, an archive that is asked again, a local search for each
context, and the optimum itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import integer
from anb_gym._types import FloatArray
from anb_gym.fronts import NoFrontError
from anb_gym.problems import AskPreference, AskProblem, Problem, ProblemSet, Request, Selection
from anb_gym.rewards import Bounded, Chebyshev, Constrained, WeightedSum
from anb_gym.space import SPACE, Choices, Indices

#: Architectures whose rewards in all contexts are held at a time.
_CHUNK: Final = 1024
#: Rewards whose members take turns along the front, see :func:`best_constants`.
_ORDERED: Final = (Bounded, Chebyshev, Constrained, WeightedSum)
#: The changes that lead to the neighbours of an architecture: of which choice, and by how much.
_POSITIONS: Final = np.repeat(np.arange(SPACE.n_choices), SPACE.cardinalities - 1)
_SHIFTS: Final = np.concatenate([np.arange(1, options) for options in SPACE.cardinalities])
#: Searches for the best constants of a set of problems.
_SEARCHES: Final = 8


@dataclass(frozen=True, eq=False)
class Reference:
    """Answers to contexts, and what they are worth.

    Attributes:
        index: The architecture that answers each context, ``int64`` (contexts,).
        reward: Its reward in unit scale, ``float64`` (contexts,).
        exact: Whether it is proven that nothing of the kind has a larger mean reward.
        evaluations: Architectures that were measured to find it; 0 for what is known.
    """

    index: Indices
    reward: FloatArray
    exact: bool = False
    evaluations: int = 0

    @property
    def mean(self) -> float:
        """The mean reward."""
        return float(self.reward.mean())

    @property
    def members(self) -> Indices:
        """The different architectures, ``int64`` (k,)."""
        return np.unique(self.index)


def policy_score(reward: float, constant: float) -> float:
    """The worth of a policy: 0 for the best constant, 1 for the optimum of every context; negative if worse than both.

    Args:
        reward: Its mean reward over contexts, in unit scale.
        constant: That of the best constant, :func:`best_constants` with ``k`` 1, below 1.
    """
    return (reward - constant) / (1.0 - constant)


def contexts(problem: Problem | ProblemSet, n: int) -> Request:
    """Contexts that stand for all: ``n`` evenly spaced preferences, or every task of a set once.

    Raises:
        ValueError: Episodes ask for nothing, or ``n`` is below 1.
    """
    ask, n = problem.ask, integer(n, 1, "n")
    if isinstance(ask, AskPreference):
        return ask.at(np.linspace(0.0, 1.0, n) if n > 1 else np.array([0.5]))
    if isinstance(ask, AskProblem):
        return Selection(np.arange(len(ask.tasks)))
    raise ValueError(f"problem must be one whose episodes ask for something, got {problem!r}")


def rewards_in(problem: Problem | ProblemSet, choices: Choices, request: Request) -> FloatArray:
    """The rewards of architectures in contexts, in unit scale, without noise.

    Args:
        problem: A problem whose reward is scalar.
        choices: ``int8`` (n, 28).
        request: The contexts, m of them.

    Returns:
        ``float64`` (n, m).
    """
    states = SPACE.to_states(choices)
    rewards = np.empty((len(states), _n(problem, request)))
    for rows, of, asked in _unit(problem).parts(request):
        # A row an architecture, a column a context.
        metrics = {name: column[:, None] for name, column in of.measure(states).items()}
        rewards[:, rows] = of.score(metrics, asked)
    return rewards


def optima(problem: Problem | ProblemSet, request: Request) -> Reference:
    """The certified optimum of each context.

    Raises:
        NoFrontError: There is none on this surrogate.
    """
    if isinstance(problem, Problem):
        return replace(asked_again(problem, problem.front.indices, request), exact=True, evaluations=0)
    index = np.empty(_n(problem, request), dtype=np.int64)
    for rows, of, _ in problem.parts(request):
        if of.optimum is None:
            raise NoFrontError(f"no optimum of the task {of.task.name!r} is certified")
        index[rows] = of.optimum.indices[0]
    return Reference(index, _rewards(problem, SPACE.from_index(index), request), exact=True)


def best_constants(problem: Problem | ProblemSet, request: Request, k: int = 1, seed: int = 0) -> Reference:
    """The k architectures whose best in each context has the largest mean reward over the contexts.

    With weights or a bound as the context it is exact. Rewards never fall when a metric improves, so the members of the
    exact front suffice. Of any two of them, the one that is better in the metric that a context stresses is the better
    of the two from some context on, if contexts are in order: so each of the k serves an interval of contexts, and
    dynamic programming finds the best intervals. That holds for :class:`~anb_gym.rewards.Chebyshev`,
    :class:`~anb_gym.rewards.WeightedSum`, :class:`~anb_gym.rewards.Constrained` and :class:`~anb_gym.rewards.Bounded`;
    for other rewards the result is the best of this form.

    With a set of problems it is a search: greedy choices among the members of all exact fronts and all optima, then
    each member climbs to the best of its neighbours as long as the mean rises; the best of eight such searches, of
    which all but the first see half of the candidates. The mean of the best in each context is submodular, so that
    greedy choices reach 63 % of what the best k candidates have beyond nothing (Nemhauser et al. 1978,
    https://doi.org/10.1007/BF01588971). It is exact if there are at least as many members as contexts.

    Args:
        problem: The problem.
        request: The contexts.
        k: How many architectures, at least 1.
        seed: Of the searches on a set of problems.

    Raises:
        NoFrontError: There is no exact front on this surrogate.
    """
    k, n = integer(k, 1, "k"), _n(problem, request)
    if k >= n:
        return optima(problem, request)
    if isinstance(problem, ProblemSet):
        return _searched_constants(problem, request, k, np.random.default_rng(seed))
    ask, members = problem.ask, problem.front.indices
    assert isinstance(ask, AskPreference)
    order = np.argsort(ask.place(request), kind="stable")
    rewards = rewards_in(problem, SPACE.from_index(members), request)
    chosen = members[best_intervals(rewards[:, order], k)]
    found = asked_again(problem, chosen, request)
    return replace(found, exact=isinstance(problem.reward, _ORDERED), evaluations=0)


def best_intervals(rewards: FloatArray, k: int) -> NDArray[np.int64]:
    """The members that serve at most k intervals of contexts best, each one interval.

    Args:
        rewards: Of each member in each context, ``float64`` (members, contexts).
        k: How many intervals, at least 1.

    Returns:
        Positions of the members, ``int64``, at most k, in the order of their intervals.
    """
    n = rewards.shape[1]
    sums = np.concatenate([np.zeros((len(rewards), 1)), rewards.cumsum(axis=1)], axis=1)
    # The largest sum of a member over the contexts from `start` to before `end`, and whose it is.
    largest, whose = np.full((n, n + 1), -np.inf), np.zeros((n, n + 1), dtype=np.int64)
    for start in range(n):
        of_members = sums[:, start + 1 :] - sums[:, start, None]
        whose[start, start + 1 :] = of_members.argmax(axis=0)
        largest[start, start + 1 :] = of_members.max(axis=0)
    best = np.full(n + 1, -np.inf)
    best[0] = 0.0
    starts = []
    for _ in range(min(k, n)):
        # One more interval, which begins where those before it end.
        totals = best[:n, None] + largest
        starts.append(totals.argmax(axis=0))
        best = totals.max(axis=0)
    end, members = n, []
    for of_end in reversed(starts):
        start = of_end[end]
        members.append(int(whose[start, end]))
        end = start
    return np.array(list(dict.fromkeys(reversed(members))), dtype=np.int64)


def asked_again(problem: Problem | ProblemSet, index: Indices, request: Request) -> Reference:
    """The best of an archive in each context, such as of all that a multi-objective search has evaluated.

    Args:
        problem: The problem.
        index: The archive, ``int64`` (n,), with repetitions; all count as evaluations.
        request: The contexts.
    """
    n = _n(problem, request)
    answers, rewards = np.zeros(n, dtype=np.int64), np.full(n, -np.inf)
    members = np.unique(index)
    for start in range(0, len(members), _CHUNK):
        chunk = members[start : start + _CHUNK]
        of_chunk = rewards_in(problem, SPACE.from_index(chunk), request)
        better = of_chunk.max(axis=0) > rewards
        answers[better], rewards[better] = chunk[of_chunk.argmax(axis=0)[better]], of_chunk.max(axis=0)[better]
    return Reference(answers, rewards, evaluations=len(index))


def local_search(problem: Problem | ProblemSet, request: Request, evaluations: int, seed: int) -> Reference:
    """First-improvement local search with random restarts, in each context anew.

    As the baseline of this name; contexts share nothing but the budget.

    Args:
        problem: The problem.
        request: The contexts.
        evaluations: The budget of all contexts together, in equal parts; what is left over is not used.
        seed: Of all randomness.

    Raises:
        ValueError: The budget is smaller than the number of contexts.
    """
    n, rng = _n(problem, request), np.random.default_rng(seed)
    steps = integer(evaluations, n, "evaluations") // n
    rows = np.arange(n)
    places: Choices = SPACE.sample(n, rng)
    values = _rewards(problem, places, request)
    answers, best = places.copy(), values.copy()
    # The changes that a climb has still to try at its place, in random order.
    order, tried = rng.permuted(np.tile(np.arange(len(_POSITIONS)), (n, 1)), axis=1), np.zeros(n, dtype=np.int64)
    for _ in range(1, steps):
        restart = tried == len(_POSITIONS)
        change = order[rows, np.minimum(tried, len(_POSITIONS) - 1)]
        proposed = places.copy()
        position = _POSITIONS[change]
        proposed[rows, position] = (places[rows, position] + _SHIFTS[change]) % SPACE.cardinalities[position]
        proposed[restart] = SPACE.sample(int(restart.sum()), rng)
        found = _rewards(problem, proposed, request)
        moves = restart | (found > values)
        places[moves], values[moves] = proposed[moves], found[moves]
        tried = np.where(moves, 0, tried + 1)
        order[moves] = rng.permuted(order[moves], axis=1)
        better = found > best
        answers[better], best[better] = proposed[better], found[better]
    return Reference(SPACE.to_index(answers), best, evaluations=steps * n)


def _searched_constants(problem: ProblemSet, request: Request, k: int, rng: np.random.Generator) -> Reference:
    fronts = [of.front.indices for of in problem if len(of.metrics) == 2]
    candidates = SPACE.from_index(np.unique(np.concatenate([*fronts, optima(problem, request).index])))
    rewards = rewards_in(problem, candidates, request)
    found = None
    for search in range(_SEARCHES):
        seen = np.flatnonzero(rng.random(len(candidates)) < 0.5) if search else np.arange(len(candidates))
        chosen = _climbed(problem, request, candidates[seen[_greedy(rewards[seen], k)]])
        one = replace(asked_again(problem, SPACE.to_index(chosen), request), evaluations=0)
        found = one if found is None or one.mean > found.mean else found
    assert found is not None
    return found


def _greedy(rewards: FloatArray, k: int) -> list[int]:
    """Positions of k members, each the one that raises the mean of the best in each context most."""
    best, chosen = np.full(rewards.shape[1], -np.inf), []
    for _ in range(k):
        chosen.append(int(np.maximum(rewards, best).mean(axis=1).argmax()))
        best = np.maximum(best, rewards[chosen[-1]])
    return chosen


def _climbed(problem: ProblemSet, request: Request, chosen: Choices) -> Choices:
    """Moves members of a set to neighbours, the best one at a time, as long as the mean of the best rises."""
    chosen = chosen.copy()
    rewards = rewards_in(problem, chosen, request)
    mean, member, unmoved = rewards.max(axis=0).mean(), 0, 0
    while unmoved < len(chosen):
        others = np.delete(rewards, member, axis=0).max(axis=0, initial=-np.inf)
        neighbours = SPACE.neighbours(chosen[member])
        of_neighbours = rewards_in(problem, neighbours, request)
        means = np.maximum(of_neighbours, others).mean(axis=1)
        if means.max() > mean:
            mean, unmoved = means.max(), 0
            chosen[member], rewards[member] = neighbours[means.argmax()], of_neighbours[means.argmax()]
        else:
            member, unmoved = (member + 1) % len(chosen), unmoved + 1
    return chosen


def _n(problem: Problem | ProblemSet, request: Request) -> int:
    """How many contexts there are."""
    if problem.is_vector or not problem.ask.n_cells:
        raise ValueError(f"problem must be one whose episodes ask for something, with a scalar reward, got {problem!r}")
    return len(problem.ask.cells(request))


def _unit(problem: Problem | ProblemSet) -> Problem | ProblemSet:
    """The problem in unit scale."""
    if isinstance(problem, Problem):
        return replace(problem, scale="unit")
    return replace(problem, problems=tuple(replace(of, scale="unit") for of in problem))


def _rewards(problem: Problem | ProblemSet, choices: Choices, request: Request) -> FloatArray:
    """The reward of each architecture in a context of its own, in unit scale, ``float64`` (n,)."""
    states, rewards = SPACE.to_states(choices), np.empty(len(choices))
    for rows, of, asked in _unit(problem).parts(request):
        rewards[rows] = of.score(of.measure(states[rows]), asked)
    return rewards
