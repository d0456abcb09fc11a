"""Random forests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.tree import DecisionTreeRegressor

from anb_gym._types import FloatArray
from anb_gym.construction.families.base import Ensemble, fitted, member_seeds
from anb_gym.space import SPACE, States


@dataclass
class RandomForest(Ensemble):
    """Deep trees on bootstraps of the records (Breiman 2001), by scikit-learn.

    The inputs are the 28 choices as ordinal numbers. The members are the trees,
    so the spread is that of single trees, which is larger than the forest's error.

    Attributes:
        members: Trees.
        max_features: Fraction of the choices that each split may test.
        min_samples_leaf: Fewest records in a leaf.
    """

    members: int = 300
    max_features: float = 0.5
    min_samples_leaf: int = 1
    _trees: list[DecisionTreeRegressor] = field(default_factory=list, init=False, repr=False, compare=False)

    def fit(self, states: States, target: FloatArray, seed: int) -> Self:
        """Fits the forest, on one thread; see :meth:`Regressor.fit`."""
        member_seeds(seed, self.members)  # the same checks and errors as in the other families
        forest = RandomForestRegressor(
            n_estimators=self.members,
            max_features=self.max_features,
            min_samples_leaf=self.min_samples_leaf,
            random_state=seed,
            n_jobs=1,
        )
        self._trees = forest.fit(SPACE.from_states(states), target).estimators_
        return self

    def member_predictions(self, states: States) -> FloatArray:
        """Predictions of every tree, ``float64`` (members, n)."""
        inputs = SPACE.from_states(states).astype(np.float32)
        return np.array([tree.predict(inputs) for tree in fitted(self._trees)])
