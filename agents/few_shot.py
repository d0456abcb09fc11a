"""A policy that reads probes, after it has measured some of its own designs on the device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import integer
from anb_gym._types import FloatArray
from anb_gym.benchmark import Benchmark
from anb_gym.exact.changes import one_block_changes
from anb_gym.hardware.costs import STARTS
from anb_gym.hardware.probes import probe_states
from anb_gym.space import SPACE, States

from .probe_policy import ProbePolicy, first_front, ranked

#: Rounds in which networks are measured, and how many of its standard deviations a prediction is hoped to be better.
_ROUNDS, _HOPE = 8, 2.0
#: Numbers of choices over which the correlation of residuals falls by a factor of e; the likeliest is taken.
_LENGTHS: Final = (2.0, 5.0, 12.0, 30.0)
#: Standard deviation of the logarithm of a measurement, in units of that of residuals.
_NOISE: Final = 0.05
#: Samples of each place that are proposed, and members of the expected front whose neighbours are in each round.
_SAMPLES, _PARENTS = 16, 16


@dataclass(frozen=True, eq=False)
class Adapted:
    """What is known after the measurements.

    Attributes:
        states: Designs, block states ``int64`` (n, 7): those measured first, the others by their rank.
        measured: Block states of what was measured, the probes first, ``int64`` (m, 7).
        log_seconds: Logarithms of the designs' seconds, measured or predicted, ``float64`` (n,).
    """

    states: States
    measured: States
    log_seconds: FloatArray


def adapt(
    policy: ProbePolicy, measure: Callable[[States], FloatArray], n_measurements: int, n: int = 1001, seed: int = 0
) -> Adapted:
    """Measures designs of a policy where its front is unsure, corrects its estimate by them, and designs again.

    The policy proposes as it does without measurements, and its weights stay: what is learned is by how much the
    logarithms of times differ from the policy's additive estimate. That difference is a Gaussian process whose
    correlation falls with the number of choices in which networks differ, so it need not be additive over blocks. In
    eight rounds those designs are measured that would be the front if each were two standard deviations faster than
    expected, spread evenly along it; and the changes of single blocks of what was measured and of the expected front
    are proposed too.

    Args:
        policy: The policy.
        measure: Measures seconds, ``float64`` (k,), of block states ``int64`` (k, 7); the probes are first, and no
            network is asked for twice.
        n_measurements: How many may be measured beside the ten probes.
        n: How many designs at most, those measured included.
        seed: Of what the policy samples.

    Raises:
        ValueError: A number is out of range, or what was measured is not a positive and finite number for each network.
    """
    integer(n_measurements, 0, "n_measurements")
    integer(n, 1, "n")
    rng = np.random.default_rng(integer(seed, 0, "seed"))
    known = probe_states()
    logs = _measured(measure, known)
    unit, cells = logs.mean(), policy.estimate(logs[None])[0]
    open_ones = _Candidates(policy.proposals(cells, _SAMPLES, rng).states, known)
    times = np.log(cells[open_ones.states + STARTS].sum(axis=1))
    before = SPACE.states_to_index(open_ones.states[ranked(open_ones.accuracy, times, n)])
    shift, std = np.zeros(len(times)), np.zeros(len(times))
    for number in range(_ROUNDS if n_measurements else 0):
        share = n_measurements * (number + 1) // _ROUNDS - n_measurements * number // _ROUNDS
        expected = np.log(cells[open_ones.states + STARTS].sum(axis=1)) + unit + shift
        rows = _promising(open_ones.accuracy, expected - _HOPE * std, share)
        if len(rows):
            measured = open_ones.states[rows]
            known, logs = np.vstack([known, measured]), np.concatenate([logs, _measured(measure, measured)])
        front = open_ones.states[first_front(open_ones.accuracy, expected)]
        spread = np.unique(np.linspace(0, len(front) - 1, _PARENTS).astype(np.int64))
        parents = np.vstack([front[spread], known[-share:] if share else front[:0]])
        open_ones = open_ones.with_changes_of(parents, known)
        residuals = logs - np.log(cells[known + STARTS].sum(axis=1)) - unit
        shift, std = _process(known, residuals, open_ones.states)
    expected = np.log(cells[open_ones.states + STARTS].sum(axis=1)) + unit + shift
    designs, own = known[len(probe_states()) :][:n], logs[len(probe_states()) :][:n]
    indices = SPACE.states_to_index(open_ones.states)
    # Half of the others are those from before: ranks by a better estimate hedge less.
    earlier = np.searchsorted(indices, before[~np.isin(before, SPACE.states_to_index(known))])
    later = ranked(open_ones.accuracy, expected, n - len(designs))
    turns = np.concatenate([np.stack([later[: len(earlier)], earlier[: len(later)]], axis=1).ravel(), later, earlier])
    _, first = np.unique(turns, return_index=True)
    best = turns[np.sort(first)][: n - len(designs)]
    return Adapted(np.vstack([designs, open_ones.states[best]]), known, np.concatenate([own, expected[best]]))


def _measured(measure: Callable[[States], FloatArray], states: States) -> FloatArray:
    """Logarithms of the seconds of networks, ``float64`` (k,)."""
    seconds = np.asarray(measure(states), dtype=np.float64)
    if seconds.shape != (len(states),) or not (np.isfinite(seconds) & (seconds > 0.0)).all():
        raise ValueError(f"measure must return {len(states)} positive and finite seconds, got {seconds!r}")
    logs: FloatArray = np.log(seconds)
    return logs


class _Candidates:
    """Networks that were not measured, and their accuracy.

    Args:
        states: Block states ``int64`` (n, 7).
        known: Those that were measured, ``int64`` (m, 7).
    """

    def __init__(self, states: States, known: States) -> None:
        indices = np.setdiff1d(SPACE.states_to_index(states), SPACE.states_to_index(known))
        self.states = SPACE.index_to_states(indices)
        self.accuracy = Benchmark().query_states(self.states, ["accuracy"])["accuracy"]

    def with_changes_of(self, parents: States, known: States) -> _Candidates:
        """These, and all changes of one block of some networks."""
        return _Candidates(np.vstack([self.states, one_block_changes(parents)]), known)


def _promising(accuracy: FloatArray, times: FloatArray, n: int) -> NDArray[np.int64]:
    """Rows of n, spread along the front, or beside it along those behind."""
    rows = np.arange(len(accuracy))
    found: list[int] = []
    while len(rows) and len(found) < n:
        front = first_front(accuracy[rows], times[rows])
        wanted = np.unique(np.linspace(0, len(front) - 1, min(n - len(found), len(front))).astype(np.int64))
        found += rows[front[wanted]].tolist()
        rows = np.delete(rows, front)
    return np.array(found, dtype=np.int64)


def _process(known: States, residuals: FloatArray, asked: States) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of the residuals of networks, ``float64`` (n,) each, given those of others (m,)."""
    own, theirs = SPACE.from_states(known), SPACE.from_states(asked)
    between = _differences(own, own)
    best, fit = -np.inf, None
    for length in _LENGTHS:
        correlation = np.exp(-between / length) + _NOISE**2 * np.eye(len(own))
        root = np.linalg.cholesky(correlation)
        solved = np.linalg.solve(root, residuals)
        variance = float(solved @ solved) / len(own)
        likelihood = -0.5 * len(own) * np.log(variance) - np.log(np.diag(root)).sum()
        if likelihood > best:
            best, fit = likelihood, (length, root, solved, variance)
    assert fit is not None
    length, root, solved, variance = fit
    shared = np.linalg.solve(root, np.exp(-_differences(own, theirs) / length))
    mean: FloatArray = solved @ shared
    return mean, np.sqrt(variance * np.maximum(0.0, 1.0 - (shared**2).sum(axis=0)))


def _differences(choices: NDArray[np.int8], others: NDArray[np.int8]) -> FloatArray:
    """In how many choices networks differ, ``float64`` (n, m)."""
    cells, theirs = (np.eye(4)[of].reshape(len(of), -1) for of in (choices, others))
    differences: FloatArray = choices.shape[1] - cells @ theirs.T
    return differences
