"""What rewards and hypervolumes are worth: random mean, optimum, ideal, nadir and reference point.

``tasks.json`` records the first two for every task's default reward on the default
surrogate, with the checksums of the tables they were measured on, and the other
three for every task with two metrics; a device from a folder has such a file of
its own. :func:`write_records` writes them. Anything else is measured when it is
first needed, once per process.

The optimum is certified where the reward is monotone and the surrogate's exact
front ships: then no architecture of the space has a larger reward, as the
surrogate sees it. It is the surrogate's optimum, not reality's. Otherwise it is
the best that coordinate ascent finds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from anb_gym._files import Fields, read_object, write_atomically
from anb_gym._patience import said_if_long
from anb_gym._types import FloatArray
from anb_gym.benchmark import COUNTED, METRICS, Benchmark
from anb_gym.devices import folder_of, get_device
from anb_gym.fronts import CertifiedFront, CertifiedOptimum, NoFrontError
from anb_gym.pareto import hypervolume
from anb_gym.rewards import Reward, make_reward
from anb_gym.space import N_BLOCKS, SPACE, Architecture, States
from anb_gym.surrogates.store import FAMILIES, load_shipped
from anb_gym.tasks import DATASET_TASKS, Task, select_tasks

#: Random architectures behind the mean, restarts of the ascent, and the seed of both.
N_RANDOM: Final = 100_000
N_RESTARTS: Final = 200
SEED: Final = 0
#: What is said when that takes long.
MEASURING: Final = "measuring random means and optima of rewards, once per process"

#: By how much of the front's extent the reference point is worse than the nadir.
_MARGIN: Final = 0.1
#: The name of the file that records scales.
FILE: Final = "tasks.json"
_SCHEMA: Final = 2
#: What is recorded of a :class:`Calibration` and a :class:`FrontScale`.
_SCALE: Final[dict[str, type]] = {
    "random_mean": float,
    "best": float,
    "architecture": str,
    "how": str,
    "certified": bool,
}
_FRONT: Final[dict[str, type]] = {
    "points": int,
    "ideal": list,
    "nadir": list,
    "reference_point": list,
    "hypervolume": float,
}


class CalibrationError(ValueError):
    """A file of reward scales is damaged or of another schema."""


class Level(NamedTuple):
    """Raw rewards that are 0 and 1 in unit scale: numbers, or arrays that broadcast against rewards."""

    zero: Any
    one: Any

    def to_unit(self, raw: FloatArray) -> FloatArray:
        """Raw rewards in unit scale."""
        scaled: FloatArray = (raw - self.zero) / (self.one - self.zero)
        return scaled

    def regret(self, raw: FloatArray) -> FloatArray:
        """How far raw rewards are below 1, in unit scale; never negative."""
        regret: FloatArray = np.maximum(0.0, (self.one - raw) / (self.one - self.zero))
        return regret


@dataclass(frozen=True)
class Calibration:
    """What a reward's numbers are worth.

    Attributes:
        random_mean: Mean reward of uniformly random architectures.
        best: The largest reward known.
        architecture: The architecture that has it, as a string.
        how: How it was found.
        certified: Whether it is proven to be the largest of all.
    """

    random_mean: float
    best: float
    architecture: str
    how: str
    certified: bool

    @property
    def level(self) -> Level:
        """The rewards that are 0 and 1 in unit scale."""
        return Level(self.random_mean, self.best)

    def at(self, request: Any = None) -> Level:
        """The level of episodes, the same whatever they ask for."""
        return self.level

    def to_unit(self, reward: FloatArray) -> FloatArray:
        """Shifts and scales rewards so that the random mean is 0 and the best is 1."""
        return self.level.to_unit(reward)

    def regret(self, reward: FloatArray) -> FloatArray:
        """By how much rewards fall short of the best: 0 for the best, 1 for the random mean."""
        return self.level.regret(reward)


@dataclass(frozen=True)
class FrontScale:
    """Where the exact front of a task's two metrics lies, in their units.

    Attributes:
        points: How many architectures are on it.
        ideal: The best of each metric.
        nadir: The worst of each metric on the front.
        reference_point: The nadir made worse by a tenth of the front's extent, though no less than 0.
        hypervolume: What the front dominates above the reference point.
    """

    points: int
    ideal: tuple[float, float]
    nadir: tuple[float, float]
    reference_point: tuple[float, float]
    hypervolume: float


def calibration(reward: Reward, surrogate: str) -> Calibration:
    """The calibration of a reward: the recorded one, or else one measured now.

    Args:
        reward: Any scalar reward.
        surrogate: Family of the surrogates.

    Raises:
        ValueError: All architectures have the same reward, or it is not finite.
    """
    description, tables = _describe(reward), _checksums(reward, surrogate)
    for record in records(reward.metrics).values():
        if record["reward"] == description and record["tables"] == tables:
            known = Calibration(**record["calibration"])
            # Powers may differ in the last bit between machines; the best architecture has exactly 1 on each.
            states = SPACE.to_states(Architecture.parse(known.architecture).choices[None])
            return replace(known, best=float(_objective(reward, surrogate)(states)[0]))
    return calibrate(reward, surrogate)


def certified_calibration(reward: Reward, surrogate: str) -> Calibration | None:
    """The calibration of a reward if its optimum is certified, else None without measuring anything.

    Args:
        reward: Any scalar reward.
        surrogate: Family of the surrogates.
    """
    return None if certified_optimum(reward, surrogate) is None else calibration(reward, surrogate)


@lru_cache(maxsize=256)
def certified_optimum(reward: Reward, surrogate: str) -> CertifiedOptimum | None:
    """The certified optimum of a reward; None if it is not monotone, or no exact front of its metrics ships."""
    if not reward.monotone:
        return None
    try:
        return Benchmark(surrogate).optimum(reward)
    except NoFrontError:
        return None


@lru_cache(maxsize=256)
def calibrate(reward: Reward, surrogate: str) -> Calibration:
    """Measures a reward's random mean and finds its maximum; remembered for the process.

    Args:
        reward: Any scalar reward.
        surrogate: Family of the surrogates.

    Raises:
        ValueError: All architectures have the same reward, it is not finite, or it claims to be monotone and is not.
    """
    with said_if_long(MEASURING):
        return _calibrate(reward, surrogate)


def _calibrate(reward: Reward, surrogate: str) -> Calibration:
    objective = _objective(reward, surrogate)
    random = reward(random_metrics(surrogate, reward.metrics))
    optimum = certified_optimum(reward, surrogate)
    if optimum is None:
        states, best = coordinate_ascent(objective, N_RESTARTS, SEED)
        how = f"best of {N_RESTARTS} restarts of block-wise coordinate ascent, seed {SEED}"
    else:
        states = SPACE.index_to_states(optimum.indices[:1])[0]
        best = float(objective(states[None])[0])
        how = f"best on the exact front of {' and '.join(optimum.front.metrics)}, {len(optimum.front)} architectures"
        if random.max() > best:
            raise ValueError(f"reward must be monotone, but a random architecture has {random.max()}, the front {best}")
    mean = float(random.mean())
    if not (np.isfinite(mean) and np.isfinite(best) and best > random.min()):
        raise ValueError(f"reward must be finite and differ between architectures, got mean {mean} and best {best}")
    architecture = str(Architecture.from_choices(SPACE.from_states(states[None])[0]))
    return Calibration(mean, best, architecture, how, certified=optimum is not None)


def random_metrics(surrogate: str, metrics: Sequence[str]) -> dict[str, FloatArray]:
    """Metrics of the uniformly random architectures behind all means, each ``float64`` (N_RANDOM,), fresh arrays."""
    return {name: _random_metric(surrogate, name).copy() for name in metrics}


@lru_cache(maxsize=64)
def _random_metric(surrogate: str, metric: str) -> FloatArray:
    return Benchmark(surrogate).query_states(_random_states(), [metric])[metric]


@lru_cache(maxsize=1)
def _random_states() -> States:
    return SPACE.to_states(SPACE.sample(N_RANDOM, np.random.default_rng(SEED)))


def coordinate_ascent(objective: Callable[[States], FloatArray], restarts: int, seed: int) -> tuple[States, float]:
    """Looks for the maximum by choosing the best state of one block at a time.

    Each restart begins at a random architecture and goes over the blocks in
    order until a whole round changes nothing. All restarts advance together.

    Args:
        objective: From block states (n, 7) to values ``float64`` (n,).
        restarts: How many, at least 1.
        seed: Seed of the random architectures.

    Returns:
        The block states ``int64`` (7,) of the best architecture found, and its value.
    """
    states = SPACE.to_states(SPACE.sample(restarts, np.random.default_rng(seed)))
    values = objective(states)
    best, best_value = states[values.argmax()].copy(), float(values.max())
    while len(states):
        before = values.copy()
        for block in range(N_BLOCKS):
            size = int(SPACE.block_sizes[block])
            candidates = np.repeat(states, size, axis=0)
            candidates[:, block] = np.tile(np.arange(size), len(states))
            scores = objective(candidates).reshape(len(states), size)
            states[:, block] = scores.argmax(axis=1)
            values = scores.max(axis=1)
        if values.max() > best_value:
            best, best_value = states[values.argmax()].copy(), float(values.max())
        # Restarts that have met go on as one.
        _, rows = np.unique(states, axis=0, return_index=True)
        rows = rows[values[rows] > before[rows]]
        states, values = states[rows], values[rows]
    return best, best_value


def front_scale(task: Task) -> FrontScale:
    """Ideal, nadir, reference point and hypervolume of a task's exact front on the default surrogate.

    The reference point belongs to the task: use it for every surrogate.

    Raises:
        ValueError: The task has not two metrics.
        NoFrontError: Nothing is recorded for it; the message names the command that does.
    """
    if len(task.metrics) != 2:
        raise ValueError(f"task must have two metrics, {task.name!r} has {task.metrics}")
    record = records(task.metrics).get(task.name, {}).get("front")
    if record is None:
        raise NoFrontError(
            f"there is no scale of the task {task.name!r}; run: anb-gym calibrate --device {task.device}"
        )
    return FrontScale(
        points=record["points"],
        ideal=_pair(record["ideal"]),
        nadir=_pair(record["nadir"]),
        reference_point=_pair(record["reference_point"]),
        hypervolume=float(record["hypervolume"]),
    )


def measure_front(front: CertifiedFront) -> FrontScale:
    """Ideal, nadir, reference point and hypervolume of a front of two metrics. Needs the extra ``pareto``."""
    ideal, nadir = np.array(front.ideal), np.array(front.nadir)
    reference = np.maximum(0.0, nadir + _MARGIN * (nadir - ideal))
    volume = hypervolume(front.objectives, reference.tolist(), front.directions)
    return FrontScale(len(front), _pair(ideal), _pair(nadir), _pair(reference), volume)


def write_records(device: str | None = None, path: Path | None = None) -> Path:
    """Measures the default reward and the front of tasks on the default surrogate and writes ``tasks.json``.

    Args:
        device: The device whose tasks are meant; None for the tasks of the dataset.
        path: The file, by default the package's own or the one in the device's folder.

    Returns:
        The file.

    Raises:
        ValueError: No device of this name is known.
        NoFrontError: The exact fronts of these surrogates are not there: ``anb-gym solve --all`` makes them.
    """
    own = None if device is None else get_device(device)
    tasks = select_tasks(device=own.name) if own else (*DATASET_TASKS, *select_tasks(kind="accuracy"))
    family = FAMILIES[0]
    measured: dict[str, dict[str, Any]] = {}
    for task in tasks:
        front = Benchmark(family).front(task.metrics[-1])
        reward = make_reward("product", task)
        measured[task.name] = {
            "reward": _describe(reward),
            "tables": _checksums(reward, family),
            "calibration": asdict(calibrate(reward, family)),
        }
        if len(task.metrics) > 1:
            measured[task.name]["front"] = asdict(measure_front(front))
    random = {"architectures": N_RANDOM, "seed": SEED}
    content = {"schema": _SCHEMA, "surrogate": family, "random_mean_of": random, "tasks": measured}
    path = path or (own.folder / FILE if own else _own_file())
    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())
    read_records.cache_clear()
    return path


def records(metrics: Iterable[str] = METRICS) -> dict[str, Mapping[str, Any]]:
    """What is recorded of tasks with these metrics, by name of the task; files of other devices need not be good.

    Raises:
        CalibrationError: A file is damaged or of another schema.
    """
    folders = dict.fromkeys(folder for metric in metrics if (folder := folder_of(metric)))
    paths = (_own_file(), *(folder / FILE for folder in folders))
    return {name: record for path in paths for name, record in read_records(path).items()}


def is_recorded(metric: str, surrogate: str) -> bool:
    """Whether a file records the scales of a device metric's task as the tables are now."""
    tables = {name: load_shipped(surrogate, name).checksum for name in ("accuracy", metric)}
    try:
        return any(record["tables"] == tables and "front" in record for record in records([metric]).values())
    except CalibrationError:
        return False


@lru_cache(maxsize=64)
def read_records(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """What a file records, by name of the task; nothing if it is not there. Read once per process.

    Raises:
        CalibrationError: It is damaged or of another schema.
    """
    try:
        fields = read_object(path, CalibrationError, optional=True)
    except FileNotFoundError:
        return {}
    fields.check_schema(_SCHEMA)
    tasks = fields.fields("tasks")
    for name in tasks.content:
        _check_record(tasks.fields(name))
    return tasks.content


def _check_record(fields: Fields) -> None:
    """Checks what a file records of a task: it must be as :func:`write_records` makes it."""
    fields.get("reward", dict)
    tables, scale = fields.fields("tables"), fields.fields("calibration")
    for metric in tables.content:
        tables.get(metric, str)
    parts: list[tuple[Fields, dict[str, type]]] = [(scale, _SCALE)]
    if "front" in fields:
        front = fields.fields("front")
        parts.append((front, _FRONT))
        for name in ("ideal", "nadir", "reference_point"):
            if len(front.items(name, float)) != 2:
                raise front.refusal(f"{name} must be two numbers, got {front.content[name]}")
    for part, known in parts:
        for name in (*known, *part.content):
            if name not in known:
                raise part.refusal(f"the field {name!r} is unknown")
            part.get(name, known[name])


def _own_file() -> Path:
    return Path(str(files("anb_gym").joinpath(FILE)))


def _pair(values: Sequence[float] | FloatArray) -> tuple[float, float]:
    first, second = values
    return float(first), float(second)


def _describe(reward: Reward) -> dict[str, Any]:
    return {"name": type(reward).__name__.lower(), **vars(reward)}


def _checksums(reward: Reward, surrogate: str) -> dict[str, str]:
    """SHA-256 of the tables behind a reward, by metric."""
    return {metric: load_shipped(surrogate, metric).checksum for metric in reward.metrics if metric not in COUNTED}


def _objective(reward: Reward, surrogate: str) -> Callable[[States], FloatArray]:
    bench = Benchmark(surrogate)
    return lambda states: reward(bench.query_states(states, reward.metrics))
