"""Where zero and one of the unit reward scale lie: the random mean and the best known architecture.

``tasks.json`` records both for every task's default reward on the default
surrogate, with the checksums of the tables they were measured on;
:func:`write_records` writes it. Anything else is measured when it is first
needed, once per process.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym.benchmark import COUNTED, Benchmark
from anb_gym.rewards import Reward, make_reward
from anb_gym.space import N_BLOCKS, SPACE, Architecture, States
from anb_gym.surrogates.store import FAMILIES, load_shipped, write_atomically
from anb_gym.tasks import TASKS

FloatArray = NDArray[np.float64]

#: Random architectures behind the mean, restarts of the ascent, and the seed of both.
N_RANDOM: Final = 100_000
N_RESTARTS: Final = 200
SEED: Final = 0

_FILE: Final = "tasks.json"


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

    def to_unit(self, reward: FloatArray) -> FloatArray:
        """Shifts and scales rewards so that the random mean is 0 and the best is 1."""
        return (reward - self.random_mean) / (self.best - self.random_mean)


def calibration(reward: Reward, surrogate: str) -> Calibration:
    """The calibration of a reward: the recorded one, or else one measured now.

    Args:
        reward: Any scalar reward.
        surrogate: Family of the surrogates.

    Raises:
        ValueError: All architectures have the same reward, or it is not finite.
    """
    description, tables = _describe(reward), _checksums(reward, surrogate)
    for record in _records():
        if record["reward"] == description and record["tables"] == tables:
            known = Calibration(**record["calibration"])
            # Powers may differ in the last bit between machines; the best architecture has exactly 1 on each.
            states = SPACE.to_states(Architecture.parse(known.architecture).choices[None])
            return replace(known, best=float(_objective(reward, surrogate)(states)[0]))
    return calibrate(reward, surrogate)


@lru_cache(maxsize=256)
def calibrate(reward: Reward, surrogate: str) -> Calibration:
    """Measures a reward's random mean and searches its maximum; remembered for the process.

    Args:
        reward: Any scalar reward.
        surrogate: Family of the surrogates.

    Raises:
        ValueError: All architectures have the same reward, or it is not finite.
    """
    objective = _objective(reward, surrogate)
    random = objective(SPACE.to_states(SPACE.sample(N_RANDOM, np.random.default_rng(SEED))))
    states, best = coordinate_ascent(objective, N_RESTARTS, SEED)
    mean = float(random.mean())
    if not (np.isfinite(mean) and np.isfinite(best) and best > random.min()):
        raise ValueError(f"reward must be finite and differ between architectures, got mean {mean} and best {best}")
    architecture = str(Architecture.from_choices(SPACE.from_states(states[None])[0]))
    how = f"best of {N_RESTARTS} restarts of block-wise coordinate ascent, seed {SEED}"
    return Calibration(mean, best, architecture, how, certified=False)


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


def write_records(path: Path | None = None) -> Path:
    """Measures every task's default reward on the default surrogate and writes ``tasks.json``.

    Args:
        path: The file, by default the package's own.

    Returns:
        The file.
    """
    family = FAMILIES[0]
    records = {}
    for task in TASKS.values():
        reward = make_reward("product", task)
        records[task.name] = {
            "reward": _describe(reward),
            "tables": _checksums(reward, family),
            "calibration": asdict(calibrate(reward, family)),
        }
    random = {"architectures": N_RANDOM, "seed": SEED}
    content = {"schema": 1, "surrogate": family, "random_mean_of": random, "tasks": records}
    path = path or Path(str(files("anb_gym").joinpath(_FILE)))
    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())
    _records.cache_clear()
    return path


@lru_cache(maxsize=1)
def _records() -> tuple[Mapping[str, Any], ...]:
    return tuple(json.loads(files("anb_gym").joinpath(_FILE).read_text())["tasks"].values())


def _describe(reward: Reward) -> dict[str, Any]:
    return {"name": type(reward).__name__.lower(), **vars(reward)}


def _checksums(reward: Reward, surrogate: str) -> dict[str, str]:
    """SHA-256 of the tables behind a reward, by metric."""
    return {metric: load_shipped(surrogate, metric).checksum for metric in reward.metrics if metric not in COUNTED}


def _objective(reward: Reward, surrogate: str) -> Callable[[States], FloatArray]:
    bench = Benchmark(surrogate)
    return lambda states: reward(bench.query_states(states, reward.metrics))
