"""The questions with exact answers: a function's optimum, and the Pareto front of two functions or more."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final

import numpy as np

from anb_gym._errors import integer, non_negative, shown
from anb_gym.exact.checkpoint import Checkpoint
from anb_gym.exact.functions import Functions, IntArray, from_objectives
from anb_gym.exact.incumbents import Incumbents
from anb_gym.exact.neighbourhood import warm_start
from anb_gym.exact.objectives import TableObjectives
from anb_gym.exact.progress import bar
from anb_gym.exact.results import Certificate, Front, Optimum
from anb_gym.exact.several import SeveralSolver
from anb_gym.exact.solver import Explored, Solver, Subproblem, run
from anb_gym.space import SPACE, States
from anb_gym.surrogates.tables import BlockTables

Progress = bool | Callable[[float], None]

#: Seconds between checkpoints.
_CHECKPOINT_EVERY: Final = 5.0
_LIMIT: Final = 1_000_000


def maximize(
    tables: BlockTables,
    *,
    minimize: bool = False,
    fixed: Mapping[int, int] | None = None,
    workers: int | None = None,
    progress: Progress = False,
    checkpoint: str | Path | None = None,
    limit: int = _LIMIT,
) -> Optimum:
    """The exact maximum of a function over the whole space, and every architecture that attains it.

    Args:
        tables: The function.
        minimize: Look for the minimum instead.
        fixed: State of each block that is not free, by block.
        workers: Threads; by default one per available core.
        progress: True for a bar on the terminal, or a function called with the share closed, in 0..1.
        checkpoint: File to which an unfinished search is written and from which it goes on.
        limit: How many architectures may attain the optimum.

    Raises:
        FrontTooLargeError: More than ``limit`` architectures attain the optimum.
        ValueError: ``fixed`` is outside the space, or ``checkpoint`` is of another search.
    """
    # The front of a function with itself is its set of optima.
    objectives = TableObjectives([tables, tables], (not minimize, not minimize), fixed)
    front = _search(objectives, workers, progress, checkpoint, limit)
    c = front.certificate
    certificate = Certificate(c.tables[:1], c.maximize[:1], c.resolution[:1], c.fixed, c.covered, c.nodes)
    values = front.objectives[:, 0]
    return Optimum(front.indices, float(values.min() if minimize else values.max()), certificate)


def pareto_front(
    tables_a: BlockTables,
    tables_b: BlockTables,
    maximize: tuple[bool, bool] = (True, True),
    *,
    fixed: Mapping[int, int] | None = None,
    workers: int | None = None,
    progress: Progress = False,
    checkpoint: str | Path | None = None,
    limit: int = _LIMIT,
    start: States | None = None,
) -> Front:
    """The exact Pareto front of two functions over the whole space.

    Exact means: with respect to the float64 sums that ``BlockTables`` computes, compared as multiples
    of a resolution of about 1e-9 of the tables' size, so that rounding makes no difference.
    Architectures with equal objectives are all kept. A strictly monotone link from a sum to a metric
    does not change the front, apart from the direction.

    Args:
        tables_a: The first function.
        tables_b: The second function, of any order.
        maximize: Whether each function is maximised.
        fixed: State of each block that is not free, by block.
        workers: Threads; by default one per available core.
        progress: True for a bar on the terminal, or a function called with the share closed, in 0..1.
        checkpoint: File to which an unfinished search is written and from which it goes on.
        limit: How many members the front may have.
        start: Architectures near the front, such as the front of similar functions, ``int64`` (n, 7) block states: the
            search begins with them instead of with a heuristic, finds the same, and sooner. They need not meet
            ``fixed``: those that do not are left out.

    Raises:
        FrontTooLargeError: More than ``limit`` architectures are non-dominated.
        ValueError: ``maximize`` or ``fixed`` is malformed, or ``checkpoint`` is of another search.
    """
    objectives = TableObjectives([tables_a, tables_b], maximize, fixed)
    return _search(objectives, workers, progress, checkpoint, limit, start)


def pareto_front_of(
    tables: Sequence[BlockTables],
    maximize: Sequence[bool],
    *,
    gap: float = 0.0,
    fixed: Mapping[int, int] | None = None,
    progress: Progress = False,
    limit: int = _LIMIT,
) -> Front:
    """The exact Pareto front of three functions or more over the whole space, or one with a stated gap.

    As :func:`pareto_front`, on one thread and without checkpoints. Fronts of accuracy and two device metrics have
    thousands of members and take minutes. With four functions a gap is needed.

    Args:
        tables: Three functions or more.
        maximize: Whether each function is maximised.
        gap: 0 for the exact front. Otherwise a share of the extents of the front: every architecture is, in all
            functions at once, better than some member by at most this, which the certificate states in their units.
        fixed: State of each block that is not free, by block.
        progress: As for :func:`pareto_front`.
        limit: How many members the front may have.

    Raises:
        FrontTooLargeError: More than ``limit`` architectures are non-dominated.
        ValueError: There are fewer than three functions, ``maximize`` or ``fixed`` is malformed, or ``gap`` is negative
            or no finite number.
    """
    if not isinstance(tables, Sequence) or len(tables) < 3:
        raise ValueError(f"tables must be a sequence of three functions or more, got {shown(tables)}")
    objectives = TableObjectives(tables, maximize, fixed)
    solver = SeveralSolver(objectives, non_negative(gap, "gap"), integer(limit, 1, "limit"))
    groups = solver.groups()
    with _reporter(progress) as report:
        for done, zones in enumerate(groups):
            report(done / len(groups))
            solver.close(zones)
        report(1.0)
    indices, values = solver.members()
    certificate = Certificate(
        tables=objectives.checksums,
        maximize=tuple((objectives.signs > 0).tolist()),
        resolution=tuple(objectives.resolution.tolist()),
        fixed=tuple(sorted(objectives.fixed.items())),
        covered=objectives.size,
        nodes=solver.nodes,
        gap=tuple(solver.gap.tolist()) if gap else (),
    )
    return Front(indices, values * objectives.signs, certificate)


def nearby_front(tables_a: BlockTables, tables_b: BlockTables, maximize: tuple[bool, bool], start: States) -> States:
    """Pareto local search: changes of single blocks of the best of some architectures, while any improves the front.

    It is what :func:`pareto_front` begins with, and nothing certifies it. From the exact fronts of 50 other devices it
    found 99 % of the members of a new device's, and at least 0.9999 of its hypervolume, in a tenth of a second.

    Args:
        tables_a: The first function.
        tables_b: The second function.
        maximize: Whether each function is maximised.
        start: Block states to begin with, ``int64`` (n, 7), at least one.

    Returns:
        Block states of the front, ``int64`` (k, 7), by falling first objective.

    Raises:
        ValueError: ``start`` is empty.
    """
    if not len(start):
        raise ValueError("start must have at least one architecture, got none")
    objectives = TableObjectives([tables_a, tables_b], maximize)
    return _warm(objectives, from_objectives(objectives), start)


def _search(
    objectives: TableObjectives,
    workers: int | None,
    progress: Progress,
    checkpoint: str | Path | None,
    limit: int,
    start: States | None = None,
) -> Front:
    path = None if checkpoint is None else Path(checkpoint)
    key: dict[str, Any] = {
        "tables": objectives.checksums,
        "maximize": (objectives.signs > 0).tolist(),
        "resolution": objectives.resolution.tolist(),
        "fixed": sorted(objectives.fixed.items()),
        "single": objectives.single,
    }
    functions = from_objectives(objectives)
    incumbents = Incumbents(objectives, integer(limit, 1, "limit"))
    saved = Checkpoint.load(path, key) if path is not None and path.exists() else None
    incumbents.add(_warm(objectives, functions, start) if saved is None else SPACE.index_to_states(saved.indices))
    staircase = incumbents.points() if saved is None else saved.staircase
    solver = Solver(objectives, functions, incumbents, staircase)
    subproblems = solver.subproblems()
    total = sum(subproblem.size for subproblem in subproblems)
    # One tuple, replaced as a whole: an interrupt at any moment leaves books that agree with each other.
    books = (0, 0, subproblems) if saved is None else (saved.nodes, saved.closed, saved.subproblems)
    written = time.monotonic()

    def save() -> None:
        if path is not None:
            nodes, closed, still_open = books
            Checkpoint(key, staircase, incumbents.members()[0], still_open, nodes, closed).save(path)

    def on_explored(explored: Explored, still_open: list[Subproblem]) -> None:
        nonlocal books, written
        books = (books[0] + explored.nodes, books[1] + explored.closed, still_open)
        report(books[1] / total)
        if time.monotonic() - written > _CHECKPOINT_EVERY:
            save()
            written = time.monotonic()

    with _reporter(progress) as report:
        try:
            report(books[1] / total)
            run(solver, books[2], workers or _cores(), on_explored)
        except BaseException:
            save()
            raise
    nodes, closed, _ = books
    if closed != total:
        raise RuntimeError(f"the search closed {closed} architectures of {total}, counted once for every box")
    if path is not None:
        path.unlink(missing_ok=True)
    indices, values = incumbents.members()
    certificate = Certificate(
        tables=objectives.checksums,
        maximize=tuple(key["maximize"]),
        resolution=tuple(key["resolution"]),
        fixed=tuple(key["fixed"]),
        covered=closed // sum(subproblem.boxes for subproblem in subproblems),
        nodes=nodes,
    )
    return Front(indices, values * objectives.signs, certificate)


def _warm(objectives: TableObjectives, functions: Functions, near: States | None) -> IntArray:
    """Block states (n, 7) of a first front, found from some near it, or from random ones."""
    rng = np.random.default_rng(0)
    sizes = functions.sizes
    sample = rng.integers(sizes, size=(2000, len(sizes)))
    states = functions.to_states(sample)
    values = objectives(states)
    scale = 1.0 / np.maximum(values.max(axis=0) - values.min(axis=0), 1e3 * objectives.resolution)
    starts = None if near is None else functions.from_states(near)
    found = warm_start(
        functions.combined(np.diag(scale)), objectives.resolution * scale, rng, starts, single=objectives.single
    )
    return functions.to_states(found)


def _reporter(progress: Progress) -> AbstractContextManager[Callable[[float], None]]:
    if progress is True:
        return bar()
    return nullcontext(progress if callable(progress) else lambda share: None)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
