"""What complete architectures are worth: rewards, and what the last info of an episode says, as columns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from anb_gym.benchmark import Benchmark
from anb_gym.rewards import FloatArray
from anb_gym.scoring import Scorer, Scores, VectorScorer
from anb_gym.space import N_BLOCKS, SPACE, Architecture, States
from anb_gym.tasks import Task

Seeds = NDArray[np.uint64]
#: Values of an info by key, one row per episode; nested as infos are.
Columns: TypeAlias = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What episodes of one task end with.

    Attributes:
        rows: Which of the batch they are, ``int64`` (n,).
        rewards: ``float64`` (n,), or ``float32`` (n, objectives) for a vector reward.
        info: What the last info contains.
    """

    rows: NDArray[np.int64]
    rewards: NDArray[Any]
    info: Columns


class Scoring(ABC):
    """Scores episodes, each by what it asks for: its context.

    Attributes:
        benchmark: Where metrics come from.
        reward_dim: How many objectives a vector reward has, None for a scalar reward.
        n_context: Numbers in a context; all lie in 0..1 and are shown in the observation.
        fractions: Whether these can lie between 0 and 1.
        options: Names of the options of ``reset`` that set the context.
        running: What the infos of all steps but the last contain beside the mask.
    """

    benchmark: Benchmark
    reward_dim: int | None = None
    n_context: int = 0
    fractions: bool = False
    options: tuple[str, ...] = ()
    running: Mapping[str, float] = MappingProxyType({})

    @abstractmethod
    def task(self, context: FloatArray) -> Task:
        """The task of an episode with this context, ``float64`` (n_context,)."""

    def draw(self, rng: np.random.Generator, options: Mapping[str, Any]) -> FloatArray:
        """The context of a new episode, ``float64`` (n_context,).

        Args:
            rng: The environment's generator.
            options: Those of ``reset``, which can set the context.

        Raises:
            ValueError: An option has an impossible value.
        """
        return np.empty(0)

    @abstractmethod
    def __call__(self, states: States, context: FloatArray, seeds: Seeds | None) -> list[Outcome]:
        """Outcomes of episodes.

        Args:
            states: Block states of their architectures, ``int64`` (n, 7).
            context: Their contexts, ``float64`` (n, n_context).
            seeds: Seeds of their measurement noise, ``uint64`` (n,); None for no noise.
        """


class TaskScoring(Scoring):
    """Scores every episode on the same task.

    Args:
        scorer: From block states to scores.
    """

    def __init__(self, scorer: Scorer | VectorScorer) -> None:
        self.scorer = scorer
        self.benchmark = scorer.benchmark
        self.reward_dim = scorer.n_objectives if isinstance(scorer, VectorScorer) else None

    def task(self, context: FloatArray) -> Task:
        return self.scorer.task

    def __call__(self, states: States, context: FloatArray, seeds: Seeds | None) -> list[Outcome]:
        scores = self.scorer(states, seeds)
        rewards = scores.reward if self.reward_dim is None else scores.reward.astype(np.float32)
        return [Outcome(np.arange(len(states)), rewards, describe(states, scores, seeds))]


def describe(states: States, scores: Scores, seeds: Seeds | None) -> Columns:
    """What the last info says about architectures and their scores."""
    info: Columns = {
        "architecture": architecture_strings(states),
        "index": SPACE.states_to_index(states),
        "metrics": dict(scores.metrics),
    }
    if scores.raw is not None:
        info["raw_reward"] = scores.raw
    if scores.regret is not None:
        info["regret"] = scores.regret
    if seeds is not None:
        info |= {"exact_metrics": dict(scores.exact), "noise_seed": seeds.astype(np.int64)}
    return info


def first_row(columns: Columns) -> dict[str, Any]:
    """The info of one environment: the first row of columns, as Python values and fresh arrays."""
    return {
        key: first_row(column)
        if isinstance(column, dict)
        else (column.item(0) if column.ndim == 1 else column[0].copy())
        for key, column in columns.items()
    }


#: Blocks whose strings are looked up together: few additions of strings per architecture, and small tables.
_PARTS: Final = ((0, 1), (2, 3), (4, 5), (6,))


def architecture_strings(states: States) -> NDArray[np.object_]:
    """``str(architecture)`` of block states ``int64`` (n, 7), as an array of objects (n,)."""
    parts = []
    for blocks, table in zip(_PARTS, _string_tables(), strict=True):
        positions = np.ravel_multi_index(tuple(states[:, blocks].T), tuple(SPACE.block_sizes[list(blocks)]))
        parts.append(table[positions])
    strings: NDArray[np.object_] = sum(parts[1:], start=parts[0])
    return strings


@lru_cache(maxsize=1)
def _string_tables() -> list[NDArray[np.object_]]:
    largest = int(SPACE.block_sizes.max())
    states = np.minimum(np.arange(largest)[:, None], SPACE.block_sizes - 1)
    written = [str(Architecture.from_choices(choices)).split("-") for choices in SPACE.from_states(states)]
    tables = []
    for blocks in _PARTS:
        table = np.array([""], dtype=object)
        for block in blocks:
            of_block = [row[block] + ("-" if block < N_BLOCKS - 1 else "") for row in written]
            table = np.add.outer(table, np.array(of_block[: SPACE.block_sizes[block]], dtype=object)).ravel()
        tables.append(table)
    return tables
