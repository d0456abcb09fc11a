"""The search for a front: one threshold problem per stretch of the staircase.

The known architectures leave a staircase of boxes, each open above its lower
corner ``z``: whatever they do not dominate lies in some box, and so has
``w . f >= w . z`` for any weights ``w``. A stretch of neighbouring boxes is
therefore closed by enumerating the architectures on which several weighted sums
of the objectives all reach a threshold. Along a short stretch the thresholds lie
close to the maxima, most states of most blocks are ruled out by bounds
(:mod:`anb_gym.exact.bounds`), and a depth-first search (:mod:`anb_gym.exact.search`)
runs through what is left. A stretch too wide for that is cut in two, and the
space of a single box is cut in two along its largest block.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from anb_gym._types import FloatArray
from anb_gym.exact.bounds import tighten
from anb_gym.exact.functions import Functions, halves
from anb_gym.exact.incumbents import OPEN, boxes
from anb_gym.exact.objectives import TableObjectives
from anb_gym.exact.search import Enumeration
from anb_gym.space import States

#: Nodes after which a subproblem of several boxes, or of one box, is cut.
_NODES: Final = (20_000, 2_000_000)
#: Nodes between looks at the incumbents.
_NODES_PER_CALL: Final = 200_000
#: Boxes per subproblem at the start.
_STRETCH: Final = 64
#: Besides the weights of the supporting line, weights this far away in logits.
_TILT: Final = 1.2

Masks = list[NDArray[np.bool_]]


@dataclass(frozen=True)
class Subproblem:
    """A stretch of boxes and a part of the space.

    Attributes:
        first: The first box.
        last: The box after the last.
        keep: For every block, which of its states the part has.
    """

    first: int
    last: int
    keep: Masks

    @property
    def boxes(self) -> int:
        """Number of boxes."""
        return self.last - self.first

    @property
    def size(self) -> int:
        """Number of architectures, once for every box."""
        return self.boxes * int(np.prod([int(mask.sum()) for mask in self.keep], dtype=object))


@dataclass(frozen=True)
class Explored:
    """Progress on a subproblem.

    Attributes:
        nodes: Nodes visited.
        closed: Architectures visited or discarded, once for every box.
        rest: What is still to do.
    """

    nodes: int
    closed: int
    rest: list[Subproblem]


class Found(Protocol):
    """What was found so far; safe to share between threads that a search runs in."""

    def add(self, states: States) -> bool:
        """Keeps what is worth it of block states (n, 7); returns whether :meth:`points` changed."""

    def points(self) -> FloatArray:
        """The staircase above which is looked, ``float64`` (n, 2), the first falling and the second rising."""


class Solver:
    """Closes subproblems; every method may run in any thread.

    Args:
        objectives: What is maximised.
        functions: Its two functions.
        incumbents: Shared; at least one member.
        staircase: ``float64`` (n, 2), the points whose boxes number the subproblems.
    """

    def __init__(
        self, objectives: TableObjectives, functions: Functions, incumbents: Found, staircase: FloatArray
    ) -> None:
        self.incumbents = incumbents
        self.stop = threading.Event()
        self._shift = staircase.min(axis=0)
        self._scale = 1.0 / np.maximum(staircase.max(axis=0) - self._shift, 1e3 * objectives.resolution)
        self._tolerance = objectives.tolerance * self._scale
        self._functions = functions
        self._resolution = objectives.resolution
        self._boxes = self._scaled(boxes(staircase, self._resolution))
        self._single = objectives.single

    def subproblems(self) -> list[Subproblem]:
        """Tasks that together cover every box and the whole space."""
        whole = self._functions.whole
        if self._single:  # the box of the one point holds all others
            return [Subproblem(1, 2, whole)]
        n = len(self._boxes)
        inner = np.linspace(1, n - 1, 2 + (n - 3) // _STRETCH).round().astype(int).tolist()
        return [Subproblem(first, last, whole) for first, last in pairwise([0, *inner, n])]

    def work(self, subproblem: Subproblem) -> Explored:
        """Closes a subproblem, or part of it."""
        low = self._boxes[subproblem.first : subproblem.last].min(axis=0)
        weights = self._weights(subproblem)
        part = self._part(subproblem, weights, low)
        if part.size == 0:
            return Explored(0, subproblem.size, [])
        functions = tighten(part, self._thresholds(weights, low))
        ruled_out = subproblem.size - subproblem.boxes * functions.size
        if functions.size == 0:
            return Explored(0, ruled_out, [])
        functions = functions.smallest_first()
        nodes, covered = self._enumerate(functions, weights, low, _NODES[subproblem.boxes == 1])
        if covered is None:
            return Explored(nodes, ruled_out, self._cut(subproblem, functions))
        return Explored(nodes, ruled_out + subproblem.boxes * covered, [])

    def _part(self, subproblem: Subproblem, weights: FloatArray, low: FloatArray) -> Functions:
        """Weighted sums of the functions on what of a subproblem's part of the space is still to be bounded."""
        return self._weighted(self._functions.restricted(subproblem.keep), weights)

    def _weighted(self, functions: Functions, weights: FloatArray) -> Functions:
        """Weighted sums of the scaled functions."""
        return functions.combined(weights * self._scale, self._shift)

    def _enumerate(
        self, functions: Functions, weights: FloatArray, low: FloatArray, limit: int
    ) -> tuple[int, int | None]:
        """Enumerates what reaches the thresholds.

        Returns:
            The nodes visited, and the architectures covered or, if it did not finish, None.
        """
        enumeration = Enumeration(functions)
        thresholds = self._thresholds(weights, low)
        while not enumeration.is_done:
            if self.stop.is_set() or enumeration.nodes >= limit:
                return enumeration.nodes, None
            found = enumeration.more(thresholds, min(limit, _NODES_PER_CALL))
            if len(found) and self.incumbents.add(found):
                thresholds = self._thresholds(weights, low)
        return enumeration.nodes, enumeration.covered

    def _cut(self, subproblem: Subproblem, functions: Functions) -> list[Subproblem]:
        keep = list(subproblem.keep)
        for block, states in zip(functions.blocks, functions.states, strict=True):
            keep[block] = np.isin(self._functions.states[block], states)
        if subproblem.boxes > 1:
            middle = (subproblem.first + subproblem.last) // 2
            return [Subproblem(subproblem.first, middle, keep), Subproblem(middle, subproblem.last, keep)]
        return [Subproblem(subproblem.first, subproblem.last, half) for half in halves(keep)]

    def _weights(self, subproblem: Subproblem) -> FloatArray:
        """Weights of the sums that bound a subproblem, ``float64`` (k, 2), the most telling first.

        The first are those of the line that supports all known points and passes closest to the
        stretch: the dual of the linear programme over the points' convex hull.
        """
        if subproblem.first == 0 or self._single:
            return np.array([[1.0, 0.0]])
        if subproblem.last == len(self._boxes):
            return np.array([[0.0, 1.0]])
        logits = np.linspace(-9.0, 9.0, 181)
        weights = _mixtures(logits)
        support = (self._scaled(self._known()) @ weights.T).max(axis=0)
        lowest = (self._boxes[subproblem.first : subproblem.last] @ weights.T).min(axis=0)
        best = logits[np.argmin((support - lowest) / weights.max(axis=1))]
        return np.concatenate([_mixtures(best + np.array([0.0, -_TILT, _TILT])), np.eye(2)])

    def _known(self) -> FloatArray:
        """Objectives of good architectures, ``float64`` (n, 2)."""
        return self.incumbents.points()

    def _thresholds(self, weights: FloatArray, low: FloatArray) -> FloatArray:
        """Lower limits of weighted sums wherever ``low`` is reached and no incumbent dominates."""
        current = np.maximum(self._scaled(boxes(self.incumbents.points(), self._resolution)), low)
        thresholds: FloatArray = (current @ weights.T).min(axis=0) - weights @ self._tolerance
        return thresholds

    def _scaled(self, values: FloatArray) -> FloatArray:
        scaled: FloatArray = np.maximum((values - self._shift) * self._scale, OPEN)
        return scaled


def run(
    solver: Solver,
    subproblems: list[Subproblem],
    workers: int,
    on_explored: Callable[[Explored, list[Subproblem]], None],
) -> None:
    """Works through subproblems and what they leave over, in threads.

    Args:
        solver: What closes a subproblem.
        subproblems: To do.
        workers: Number of threads.
        on_explored: Called in this thread with what was explored of every subproblem, and all that are still open.
    """
    with ThreadPoolExecutor(workers) as pool:
        running: dict[Future[Explored], Subproblem] = {}
        try:
            running = {pool.submit(solver.work, subproblem): subproblem for subproblem in subproblems}
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    explored = future.result()
                    del running[future]
                    running.update({pool.submit(solver.work, rest): rest for rest in explored.rest})
                    on_explored(explored, list(running.values()))
        finally:
            solver.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _mixtures(logits: FloatArray) -> FloatArray:
    first = 1.0 / (1.0 + np.exp(-logits))
    return np.stack([first, 1.0 - first], axis=1)
