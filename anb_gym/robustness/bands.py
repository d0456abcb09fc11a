"""Bands of regrets and hypervolumes below which differences are ties, and their record in ``tasks.json``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._files import write_atomically
from anb_gym._types import FloatArray
from anb_gym.benchmark import Benchmark
from anb_gym.calibration import Resolution, calibration, front_scale, read_records, record_name
from anb_gym.exact.dominance import non_dominated
from anb_gym.metrics import ACCURACIES, DIRECTIONS
from anb_gym.pareto import hypervolume
from anb_gym.problems import Problem
from anb_gym.rewards import make_reward
from anb_gym.robustness.auditing import WORLDS, changed, first_optimum, scalar_reward
from anb_gym.space import SPACE, Indices
from anb_gym.surrogates.posterior import posterior_path
from anb_gym.surrogates.store import shipped_path
from anb_gym.tasks import Task

#: Designs whose regret is at most this are near the optimum, and so many pairs of them are compared.
NEAR: Final = 0.05
N_PAIRS: Final = 200
#: So many pairs of sets near the front are compared, of so many designs each: archives of 1,000 evaluations on VCK190
#: and A100 have 12 members (random search) to 115 (archive evolution).
N_SET_PAIRS: Final = 100
N_SET: Final = 50
#: Differences are ties up to so many deviations: the 97.5th percentile of the normal distribution.
_Z: Final = 1.959963984540054
_SEED: Final = 0


def resolution(problem: Problem, worlds: Iterable[int] = WORLDS) -> Resolution:
    """The bands of regrets and hypervolumes below which differences between good results are ties.

    Of regrets, for random pairs of designs within two blocks of the optimum whose regret is at most :data:`NEAR`: 1.96
    times the standard deviation over worlds of the difference of their regrets, in the unit scale of the mean; the
    median over pairs. A difference as large as the band has the other sign in one world of forty.

    Of hypervolumes the same for random pairs of disjoint sets of :data:`N_SET` designs, relative to the hypervolume of
    the exact front. They are members of the front, and of the front that is left of all that differ from a member in
    one block.

    Deviations of tables that are not calibrated are below the errors of devices on held-out records; the device metric
    then deviates more by their ratio (root mean squares of both, in the metric's manifest). Noise of labels is part of
    these errors, though a small one on devices, so that bands are rather too wide. Accuracy has no such ratio: its
    error is 0.34 points and the noise of its labels 0.31, which leaves what the surrogate says, 0.14 to 0.15.

    Args:
        problem: As for :func:`~anb_gym.robustness.audit`. Hypervolumes are those of its task, if it has two metrics.
        worlds: Numbers of worlds.

    Raises:
        ValueError: As :func:`~anb_gym.robustness.audit`.
        ModuleNotFoundError: The task has two metrics and the extra ``pareto`` is not installed.
    """
    reward, numbers, bench = scalar_reward(problem), tuple(worlds), problem.benchmark
    rng = np.random.default_rng(_SEED)
    near = SPACE.states_to_index(changed(SPACE.index_to_states(first_optimum(problem)), 2))
    level = calibration(reward, problem.surrogate)
    near = near[level.regret(reward(bench.query(near, reward.metrics))) <= NEAR]
    first, second = rng.integers(len(near), size=(2, N_PAIRS))
    second = np.where(first == second, (second + 1) % len(near), second)
    metrics = {
        name: _widened(bench, name, np.concatenate([near[first], near[second]]), numbers) for name in problem.metrics
    }
    unit = level.to_unit(np.stack([reward({m: rows[w] for m, rows in metrics.items()}) for w in range(len(numbers))]))
    widened = max(_ratio(bench, name) for name in problem.metrics)
    band = _band(unit[:, :N_PAIRS] - unit[:, N_PAIRS:])
    found = Resolution(band, len(numbers), _rounded(widened))
    return found if len(problem.metrics) < 2 else _with_hypervolumes(found, problem, numbers, rng)


def write_resolutions(
    tasks: Sequence[Task], path: Path, source: Path, halves: Callable[[Task, str], tuple[float, float]] | None = None
) -> Iterator[tuple[str, bool]]:
    """Measures the bands of tasks on their default surrogates and adds them to their scales, after each.

    Goes on with what the file has; tasks whose metrics have no worlds, or that the file has not, are left out.

    Args:
        tasks: The tasks.
        path: The file.
        source: A file as :func:`~anb_gym.calibration.write_records` makes it, read if the other is not there.
        halves: What finds :attr:`~anb_gym.calibration.Resolution.halves` of a task and a surrogate, if it is at hand.

    Yields:
        The name of each record, and whether it was measured now.

    Raises:
        ValueError: There are no scales to add them to.
        CalibrationError: The file is damaged or of another schema.
        ModuleNotFoundError: The extra ``pareto`` is not installed.
    """
    source = path if path.exists() else source
    if not (known := read_records(source)):
        raise ValueError(f"there are no scales in {source}: anb-gym calibrate without --resolution measures them")
    content = json.loads(source.read_bytes())
    for task in tasks:
        for surrogate in task.surrogates:
            name = record_name(task, surrogate)
            if name not in known or not all(posterior_path(shipped_path(surrogate, m)).exists() for m in task.metrics):
                continue
            record = content["tasks"][name]
            bands: dict[str, Any] = record.get("resolution", {})
            new = not bands or (halves is not None and "halves" not in bands)
            if not bands:
                found = resolution(Problem(task, make_reward("product", task), surrogate=surrogate))
                bands = {field: value for field, value in asdict(found).items() if value is not None}
            if halves is not None and "halves" not in bands:
                bands["halves"] = list(halves(task, surrogate))
            if new:
                record["resolution"] = bands
                write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())
                read_records.cache_clear()
            yield name, new


def _with_hypervolumes(
    found: Resolution, problem: Problem, worlds: Sequence[int], rng: np.random.Generator
) -> Resolution:
    """Bands with those of hypervolumes."""
    task, bench, front = problem.task, problem.benchmark, problem.front
    near = _near_front(front.indices, bench, task)
    sets = [rng.choice(len(near), 2 * N_SET, replace=False).reshape(2, N_SET) for _ in range(N_SET_PAIRS)]
    points = np.stack([_widened(bench, metric, near, worlds) for metric in task.metrics], axis=2)
    scale = front_scale(task)

    def band(point: tuple[float, float]) -> float:
        whole = hypervolume(front.objectives, point, task.directions)
        volumes = [
            [[hypervolume(world[members], point, task.directions) for members in two] for two in sets]
            for world in points
        ]
        shares = np.array(volumes) / whole
        return _band(shares[..., 0] - shares[..., 1])

    practical = scale.practical_reference_point
    return replace(
        found,
        hypervolume=band(scale.reference_point),
        practical_hypervolume=None if practical is None else band(practical),
    )


def _near_front(members: Indices, bench: Benchmark, task: Task) -> Indices:
    """Members of a front, and the front of all others that differ from a member in one block."""
    others = np.setdiff1d(SPACE.states_to_index(changed(SPACE.index_to_states(members), 1)), members)
    values = bench.query(others, task.metrics)
    signs = [1.0 if DIRECTIONS[metric] == "max" else -1.0 for metric in task.metrics]
    second = non_dominated(np.stack([s * values[m] for s, m in zip(signs, task.metrics, strict=True)], axis=1))
    return np.concatenate([members, others[second]])


def _widened(bench: Benchmark, metric: str, archs: Indices, worlds: Sequence[int]) -> FloatArray:
    """A metric in worlds, ``float64`` (worlds, n), as far from the mean as held-out errors are."""
    mean = bench.query(archs, [metric])[metric]
    return mean + _ratio(bench, metric) * (bench.query_worlds(archs, metric, worlds) - mean)


def _ratio(bench: Benchmark, metric: str) -> float:
    """How many times as large as the deviations of worlds the errors on held-out records are, at least 1."""
    manifest = bench.load(metric).manifest
    if metric in ACCURACIES.values() or "factor" in manifest["std"]:
        return 1.0
    return float(max(1.0, manifest["test"]["rmse"] / manifest["std"]["test_rms"]))


def _band(differences: NDArray[np.float64]) -> float:
    """The band of differences in worlds, ``float64`` (worlds, pairs)."""
    return _rounded(_Z * float(np.median(differences.std(axis=0, ddof=1))))


def _rounded(value: float) -> float:
    """A number with three significant digits."""
    return float(f"{value:.3g}")
