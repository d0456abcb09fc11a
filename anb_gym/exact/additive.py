"""Fronts and optima of one function and many costs that are sums over single blocks, such as generated devices' times.

The function is the same for all costs. So its tables are rewritten towards small bounds once, until no triple exceeds
0. What is left of it without its triples is then an upper bound, with tables a hundred times smaller, which rules out
most states of a stretch before a triple is looked at; a cost adds to single blocks only, and changes nothing of that.
One weighted sum bounds a stretch: such fronts are nearly convex. The search begins with architectures that were best
for other costs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.exact.bounds import handshake, push_triples, tighten
from anb_gym.exact.changes import one_block_changes
from anb_gym.exact.dominance import non_dominated
from anb_gym.exact.functions import Functions, from_tables, offsets
from anb_gym.exact.incumbents import Incumbents
from anb_gym.exact.neighbourhood import warm_start
from anb_gym.exact.objectives import TableObjectives, checksum
from anb_gym.exact.results import Certificate, Front
from anb_gym.exact.solver import Explored, Solver, Subproblem, run
from anb_gym.space import N_BLOCKS, States
from anb_gym.surrogates.tables import BlockTables

#: Rounds in which the function is rewritten; later ones hardly make its bound smaller. What every triple takes from its
#: pairs as of the second.
_ROUNDS: Final = 20
_SHARE: Final = 0.2
_LIMIT: Final = 1_000_000
#: Steps of the staircase under which nothing has a larger product, and by how much it lies below, relative.
_STEPS: Final = 400
_SLACK: Final = 1e-7


class AgainstCosts:
    """Exact fronts of a function to maximise and costs to minimise.

    Args:
        tables: The function.
    """

    def __init__(self, tables: BlockTables) -> None:
        self.tables = tables
        self._checksum = checksum(tables)
        self._function = from_tables([tables])
        f = self._function
        for round_ in range(_ROUNDS):
            if f.triple.shape[1]:
                push_triples(f.sizes, f.pair, f.triple, _SHARE if round_ else 0.0)
            for _ in range(2):
                handshake(f.sizes, f.unary, f.pair)

    def front(self, costs: BlockTables, start: States) -> Front:
        """The exact front of the function and a cost, as :func:`anb_gym.exact.pareto_front` finds it, in a second.

        Args:
            costs: Tables over single blocks.
            start: Block states ``int64`` (n, 7), at least one, from which the search begins: the better, the faster.

        Raises:
            ValueError: The costs are not a sum over single blocks.
        """
        objectives, functions = self._objectives(costs), self._with(costs)
        incumbents = Incumbents(objectives, _LIMIT)
        incumbents.add(warm_start(functions, objectives.resolution, np.random.default_rng(0), start))
        covered, nodes = _close(_ScreenedSolver(objectives, functions, incumbents, incumbents.points()))
        indices, values = incumbents.members()
        certificate = Certificate(
            tables=(self._checksum, checksum(costs)),
            maximize=(True, False),
            resolution=tuple(objectives.resolution.tolist()),
            fixed=(),
            covered=covered,
            nodes=nodes,
        )
        return Front(indices, values * objectives.signs, certificate)

    def best_product(self, costs: BlockTables, factor: Callable[[FloatArray], FloatArray], start: States) -> States:
        """The architectures with the largest product of the function and a factor that a cost decides.

        Args:
            costs: Tables over single blocks.
            factor: From costs ``float64`` (n,) to factors (n,), positive and not rising.
            start: As for :meth:`front`.

        Returns:
            Block states ``int64`` (7,). No other has a product that is larger by more than rounding.

        Raises:
            ValueError: The costs are not a sum over single blocks.
        """
        objectives, functions = self._objectives(costs), self._with(costs)
        f = self._function
        largest = float((f.constant + np.maximum.reduceat(f.unary[0], offsets(f.sizes)[0]).sum())[0])
        level = _Level(objectives, factor, largest)
        level.add(start)
        while level.add(one_block_changes(level.states)):
            pass
        values = objectives(start)
        known = values[non_dominated(objectives.rounded(values))]
        _close(_LevelSolver(objectives, functions, level, known))
        return level.states

    def _objectives(self, costs: BlockTables) -> TableObjectives:
        if costs.order != 1:
            raise ValueError(f"costs must be tables over single blocks, got tables over {costs.order}")
        return TableObjectives([self.tables, costs], (True, False))

    def _with(self, costs: BlockTables) -> Functions:
        """The function and the negative cost."""
        f, cost = self._function, from_tables([costs])
        constant, unary = (np.concatenate(parts) for parts in ((f.constant, -cost.constant), (f.unary, -cost.unary)))
        return Functions(f.blocks, f.states, constant, unary, f.pair, f.triple)


class _ScreenedSolver(Solver):
    """A solver of functions without positive triples, which looks at pairs first."""

    def _weights(self, subproblem: Subproblem) -> FloatArray:
        return super()._weights(subproblem)[:1]

    def _part(self, subproblem: Subproblem, weights: FloatArray, low: FloatArray) -> Functions:
        f = self._functions
        pairs = Functions(f.blocks, f.states, f.constant, f.unary, f.pair, np.empty((1, 0)))
        above = tighten(self._weighted(pairs.restricted(subproblem.keep), weights), self._thresholds(weights, low))
        left = [np.isin(states, kept) for states, kept in zip(f.states, above.states, strict=True)]
        return self._weighted(f.restricted(left), weights)


class _LevelSolver(_ScreenedSolver):
    """A solver whose staircase is no front."""

    def __init__(self, objectives: TableObjectives, functions: Functions, level: _Level, known: FloatArray) -> None:
        super().__init__(objectives, functions, level, level.points())
        self._front = known

    def _known(self) -> FloatArray:
        return self._front


class _Level:
    """The largest product so far, in place of incumbents: a staircase under which nothing has a larger one.

    Args:
        objectives: The function and the cost.
        factor: As of :meth:`AgainstCosts.best_product`.
        largest: What the function does not exceed.
    """

    def __init__(self, objectives: TableObjectives, factor: Callable[[FloatArray], FloatArray], largest: float) -> None:
        self._objectives, self._factor, self._largest = objectives, factor, largest
        self._value = -np.inf
        self.states: States = np.zeros(N_BLOCKS, dtype=np.int64)
        costs = objectives.tables[1]
        ends = [sum(float(pick(costs.table(b))) for b in range(N_BLOCKS)) for pick in (np.min, np.max)]
        self._costs = np.geomspace(ends[1], ends[0], _STEPS)

    def add(self, states: States) -> bool:
        values = self._objectives(states)
        products = values[:, 0] * self._factor(-values[:, 1])
        best = int(products.argmax())
        if products[best] <= self._value:
            return False
        self._value, self.states = float(products[best]), states[best]
        return True

    def points(self) -> FloatArray:
        least = self._value * (1.0 - _SLACK) / self._factor(self._costs)
        possible = least <= self._largest
        steps = np.stack([least, -self._costs], axis=1)
        # Above the first step is nothing: the function does not reach it.
        first = max(int(possible.argmax()) - 1, 0)
        return np.concatenate([[[self._largest * (1.0 + _SLACK), steps[first, 1]]], steps[possible]])


def _close(solver: Solver) -> tuple[int, int]:
    """Closes all of a solver's subproblems. Returns the size of the space and the nodes that were visited."""
    subproblems = solver.subproblems()
    nodes = closed = 0

    def on_explored(explored: Explored, still_open: list[Subproblem]) -> None:
        nonlocal nodes, closed
        nodes, closed = nodes + explored.nodes, closed + explored.closed

    run(solver, subproblems, 1, on_explored)
    if closed != (total := sum(subproblem.size for subproblem in subproblems)):
        raise RuntimeError(f"the search closed {closed} architectures of {total}, counted once for every box")
    return closed // sum(subproblem.boxes for subproblem in subproblems), nodes
