"""Observations: the choices made so far, and what an episode asks for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from anb_gym._errors import choose
from anb_gym._types import FloatArray
from anb_gym.space import SPACE, Choices

#: Cells of the one-hot encoding: one per option of every choice, then one per number of choices made, 0 to 28.
N_OPTION_CELLS: Final = int(SPACE.cardinalities.sum())
N_CELLS: Final = N_OPTION_CELLS + SPACE.n_choices + 1
#: Per choice, where its cells lie, and what they show for each option.
_CELLS: Final = [
    slice(int(end - n), int(end)) for end, n in zip(np.cumsum(SPACE.cardinalities), SPACE.cardinalities, strict=True)
]
_SHOWN: Final = [np.eye(int(n), dtype=np.float32) for n in SPACE.cardinalities]


class Encoding(ABC):
    """Observations of batches of episodes, written in place.

    Args:
        n_asked: Cells of what an episode asks for, after those of the choices; all lie in 0..1.

    Attributes:
        space: The observation space of one environment.
    """

    space: spaces.Box

    def first(self, n: int, asked: FloatArray) -> NDArray[Any]:
        """Observations (n, cells) before the first choice of n episodes whose requests show these cells."""
        observations = np.zeros((n, *self.space.shape), dtype=self.space.dtype)
        observations[:, self.space.shape[0] - asked.shape[1] :] = asked
        return observations

    @abstractmethod
    def write(self, observations: NDArray[Any], made: int, chosen: Choices) -> None:
        """Makes new choices visible.

        Args:
            observations: Of n episodes, (n, cells).
            made: How many choices each had made.
            chosen: The next choices, ``int8`` (n, m).
        """

    @abstractmethod
    def read(self, observations: NDArray[Any]) -> Choices:
        """The choices that observations (n, cells) show, ``int8`` (n, 28), -1 where none is made."""


class OneHot(Encoding):
    """One cell per option of every choice, and one per number of choices made: ``float32``."""

    def __init__(self, n_asked: int = 0) -> None:
        self.space = spaces.Box(0.0, 1.0, (N_CELLS + n_asked,), np.float32)

    def first(self, n: int, asked: FloatArray) -> NDArray[Any]:
        observations = super().first(n, asked)
        observations[:, N_OPTION_CELLS] = 1.0
        return observations

    def write(self, observations: NDArray[Any], made: int, chosen: Choices) -> None:
        last = made + chosen.shape[1]
        for position, options in enumerate(chosen.T, start=made):
            observations[:, _CELLS[position]] = _SHOWN[position].take(options, axis=0)
        observations[:, N_OPTION_CELLS + made] = 0.0
        observations[:, N_OPTION_CELLS + last] = 1.0

    def read(self, observations: NDArray[Any]) -> Choices:
        cells = [observations[:, shown] for shown in _CELLS]
        options = [np.where(of_choice.any(axis=1), of_choice.argmax(axis=1), -1) for of_choice in cells]
        choices: Choices = np.stack(options, axis=1).astype(np.int8)
        return choices


class Tokens(Encoding):
    """One cell per choice: 0 while it is open, then the position of the option, from 1.

    Integers of ``int8``; requests that have fractions make all cells ``float32``.
    """

    def __init__(self, n_asked: int = 0, fractions: bool = False) -> None:
        high = np.concatenate([SPACE.cardinalities, np.ones(n_asked)])
        dtype: Any = np.float32 if fractions else np.int8
        self.space = spaces.Box(np.zeros(len(high), dtype), high.astype(dtype), dtype=dtype)

    def write(self, observations: NDArray[Any], made: int, chosen: Choices) -> None:
        observations[:, made : made + chosen.shape[1]] = chosen + 1

    def read(self, observations: NDArray[Any]) -> Choices:
        choices: Choices = observations[:, : SPACE.n_choices].astype(np.int8) - 1
        return choices


#: Names of encodings.
OBSERVATIONS: Final = ("onehot", "tokens")


def make_encoding(observation: str, n_asked: int, fractions: bool) -> Encoding:
    """The encoding of a name.

    Args:
        observation: ``"onehot"`` or ``"tokens"``.
        n_asked: Cells of what an episode asks for.
        fractions: Whether these can lie between 0 and 1.

    Raises:
        ValueError: The name is unknown.
    """
    if choose(observation, OBSERVATIONS, "observation") == "onehot":
        return OneHot(n_asked)
    return Tokens(n_asked, fractions)
