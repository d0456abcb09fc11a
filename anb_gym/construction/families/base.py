"""The protocol of surrogate families, and the base of the ensembles among them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Protocol, Self, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import integer
from anb_gym._types import FloatArray
from anb_gym.space import SPACE, States
from anb_gym.surrogates.tables import BlockTables

_Member = TypeVar("_Member")


class Regressor(Protocol):
    """A kind of regression model; its dataclass fields are its hyperparameters."""

    def fit(self, states: States, target: FloatArray, seed: int) -> Self:
        """Fits the model and returns it.

        Args:
            states: Block states, ``int64`` (n, 7), within the space.
            target: ``float64`` (n,), shifted and scaled to mean 0 and standard deviation 1.
            seed: Decides every random draw; the same data and seed give the same model.
        """
        ...

    def predict(self, states: States) -> FloatArray:
        """Predictions in units of the target, ``float64`` (n,)."""
        ...

    def std(self, states: States) -> FloatArray:
        """Standard deviations of the predictions, ``float64`` (n,)."""
        ...


class FoldableRegressor(Regressor, Protocol):
    """A family whose predictions have interactions between at most three blocks."""

    def fold(self) -> BlockTables:
        """Tables that give the same predictions as :meth:`Regressor.predict`, up to rounding."""
        ...


@runtime_checkable
class HoldsOut(Protocol):
    """A family that predicts fitted records without themselves at less than the price of a fit for every fold."""

    def held_out_residuals(self, target: FloatArray, folds: Iterable[NDArray[np.bool_]]) -> FloatArray:
        """Residuals of the fitted records, each fold predicted from the others, in units of the target.

        Args:
            target: What was fitted, ``float64`` (n,).
            folds: Which records each holds out, ``bool`` (n,).

        Returns:
            ``float64`` (n,).
        """
        ...


class Ensemble(ABC):
    """Predictions of a model of several members: their mean, and their spread."""

    @abstractmethod
    def member_predictions(self, states: States) -> FloatArray:
        """Predictions of every member, ``float64`` (members, n)."""

    def predict(self, states: States) -> FloatArray:
        """Mean of the members, ``float64`` (n,)."""
        mean: FloatArray = self.member_predictions(states).mean(axis=0)
        return mean

    def std(self, states: States) -> FloatArray:
        """Standard deviation between the members, with ``ddof=1``, ``float64`` (n,).

        Raises:
            ValueError: The ensemble has one member.
        """
        predictions = self.member_predictions(states)
        if len(predictions) < 2:
            raise ValueError(f"members must be at least 2 for a spread, got {len(predictions)}")
        spread: FloatArray = predictions.std(axis=0, ddof=1)
        return spread


def fitted(members: list[_Member]) -> list[_Member]:
    """Returns the members, or raises a ``ValueError`` if there are none yet."""
    if not members:
        raise ValueError("the model must be fitted first: call fit")
    return members


def member_seeds(seed: int, members: int) -> list[int]:
    """Independent seeds below 2^31, one per member, the same for the same ``seed``.

    Raises:
        ValueError: ``members`` is not a positive integer, or ``seed`` is negative.
    """
    members, seed = integer(members, 1, "members"), integer(seed, 0, "seed")
    return [int(s) for s in np.random.SeedSequence(seed).generate_state(members) >> 1]


def one_hot(states: States) -> FloatArray:
    """Indicators of the options of all choices, ``float64`` (n, 71), the options of a choice side by side."""
    choices = SPACE.from_states(states)
    columns = [choices[:, i, None] == np.arange(size) for i, size in enumerate(SPACE.cardinalities)]
    return np.concatenate(columns, axis=1).astype(np.float64)
