"""Gradient-boosted trees of depth three: XGBoost and LightGBM.

The inputs are the 28 choices as ordinal numbers. Members see the same records
and differ by the random part of them that each tree is grown on, which costs
less accuracy than a bootstrap of the records (validation tau of the accuracy
0.925 against 0.920) while the spread stays in proportion to the error.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Self, TypeVar

import lightgbm
import numpy as np
import xgboost
from numpy.typing import NDArray

from anb_gym._types import FloatArray
from anb_gym.construction.families.base import Ensemble, fitted, member_seeds
from anb_gym.construction.families.tree_tables import MAX_DEPTH, Trees, fold_trees, options_below
from anb_gym.space import SPACE, States
from anb_gym.surrogates.tables import BlockTables

_Number = TypeVar("_Number", np.int64, np.float64)

#: Trees whose single-precision sum is trusted before adding up in double precision.
_CHUNK = 100


@dataclass
class XGBoost(Ensemble):
    """Boosted trees by XGBoost (Chen and Guestrin 2016, https://arxiv.org/abs/1603.02754).

    Attributes:
        members: Ensembles of trees that are averaged.
        rounds: Trees of each member.
        learning_rate: Shrinkage of every tree.
        subsample: Fraction of the records that each tree is grown on.
        colsample_bynode: Fraction of the choices that each split may test.
        min_child_weight: Fewest records in a leaf.
        reg_lambda: L2 penalty on the leaves' values.
    """

    members: int = 10
    rounds: int = 4000
    learning_rate: float = 0.05
    subsample: float = 0.4
    colsample_bynode: float = 1.0
    min_child_weight: float = 5.0
    reg_lambda: float = 1.0
    _boosters: list[xgboost.Booster] = field(default_factory=list, init=False, repr=False, compare=False)

    def fit(self, states: States, target: FloatArray, seed: int) -> Self:
        """Fits all members, on one thread; see :meth:`Regressor.fit`."""
        data = xgboost.DMatrix(_inputs(states), target, nthread=1)
        parameters = {
            "objective": "reg:squarederror",
            "tree_method": "hist",
            "max_depth": MAX_DEPTH,
            "max_bin": 8,  # no choice has more options
            "base_score": 0.0,
            "learning_rate": self.learning_rate,
            "subsample": self.subsample,
            "colsample_bynode": self.colsample_bynode,
            "min_child_weight": self.min_child_weight,
            "reg_lambda": self.reg_lambda,
            "nthread": 1,
        }
        self._boosters = [
            xgboost.train(parameters | {"seed": s}, data, self.rounds) for s in member_seeds(seed, self.members)
        ]
        return self

    def member_predictions(self, states: States) -> FloatArray:
        """Predictions of every member, ``float64`` (members, n), summed in double precision."""
        boosters = fitted(self._boosters)
        result = np.zeros((len(boosters), len(states)))
        if not len(states):  # XGBoost warns of empty data
            return result
        data = xgboost.DMatrix(_inputs(states), nthread=1)
        for row, booster in zip(result, boosters, strict=True):
            rounds = booster.num_boosted_rounds()
            for start in range(0, rounds, _CHUNK):  # base_score is 0, so the chunks add up
                row += booster.predict(data, iteration_range=(start, min(start + _CHUNK, rounds)))
        return result

    def fold(self) -> BlockTables:
        """The mean of the members as tables; equal to :meth:`predict` up to single precision."""
        return fold_trees(_xgboost_trees(booster) for booster in fitted(self._boosters))


@dataclass
class LightGBM(Ensemble):
    """Boosted trees by LightGBM (Ke et al. 2017).

    Attributes:
        members: Ensembles of trees that are averaged.
        rounds: Trees of each member.
        learning_rate: Shrinkage of every tree.
        bagging_fraction: Fraction of the records that each tree is grown on.
        feature_fraction_bynode: Fraction of the choices that each split may test.
        min_data_in_leaf: Fewest records in a leaf.
        lambda_l2: L2 penalty on the leaves' values.
    """

    members: int = 10
    rounds: int = 4000
    learning_rate: float = 0.05
    bagging_fraction: float = 0.5
    feature_fraction_bynode: float = 1.0
    min_data_in_leaf: int = 5
    lambda_l2: float = 1.0
    _boosters: list[lightgbm.Booster] = field(default_factory=list, init=False, repr=False, compare=False)

    def fit(self, states: States, target: FloatArray, seed: int) -> Self:
        """Fits all members, on one thread; see :meth:`Regressor.fit`."""
        parameters = {
            "objective": "l2",
            "max_depth": MAX_DEPTH,
            "num_leaves": 2**MAX_DEPTH,
            "min_data_in_bin": 1,
            "boost_from_average": False,
            "learning_rate": self.learning_rate,
            "bagging_fraction": self.bagging_fraction,
            "bagging_freq": 1,
            "feature_fraction_bynode": self.feature_fraction_bynode,
            "min_data_in_leaf": self.min_data_in_leaf,
            "lambda_l2": self.lambda_l2,
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        # A data set remembers the parameters it was built with, so every member builds its own.
        self._boosters = [
            lightgbm.train(p, lightgbm.Dataset(_inputs(states), target, params=p), self.rounds)
            for p in (parameters | {"seed": s} for s in member_seeds(seed, self.members))
        ]
        return self

    def member_predictions(self, states: States) -> FloatArray:
        """Predictions of every member, ``float64`` (members, n)."""
        inputs = _inputs(states)
        return np.array([booster.predict(inputs, num_threads=1) for booster in fitted(self._boosters)])

    def fold(self) -> BlockTables:
        """The mean of the members as tables; equal to :meth:`predict` up to rounding."""
        return fold_trees(_lightgbm_trees(booster) for booster in fitted(self._boosters))


def _inputs(states: States) -> NDArray[np.float32]:
    return SPACE.from_states(states).astype(np.float32)


def _xgboost_trees(booster: xgboost.Booster) -> Trees:
    """Reads the trees from XGBoost's JSON format."""
    model = json.loads(booster.save_raw("json"))
    trees = model["learner"]["gradient_booster"]["model"]["trees"]
    left, right, choice, condition = (
        np.concatenate([tree[key] for tree in trees])
        for key in ("left_children", "right_children", "split_indices", "split_conditions")
    )
    sizes = np.array([len(tree["left_children"]) for tree in trees])
    roots = np.cumsum(sizes) - sizes
    start = np.repeat(roots, sizes)
    # A leaf's value stands where an inner node has its threshold; both are in single precision.
    single = condition.astype(np.float32).astype(np.float64)
    return Trees(
        roots=roots,
        left=np.where(left < 0, -1, left + start),
        right=right + start,
        choice=choice,
        goes_left=options_below(single, inclusive=False),
        value=single,
    )


def _lightgbm_trees(booster: lightgbm.Booster) -> Trees:
    """Reads the trees from LightGBM's text format, in which every tree has one line per attribute.

    Each tree numbers its inner nodes from 0, and refers to leaf i as -1 - i.
    Here a tree's inner nodes come first, then its leaves.
    """
    text = booster.model_to_string(num_iteration=-1)
    leaves = _numbers(text, "num_leaves", np.int64)
    roots = np.cumsum(2 * leaves - 1) - (2 * leaves - 1)
    start = np.repeat(roots, leaves - 1)
    first_leaf = start + np.repeat(leaves - 1, leaves - 1)
    children = [_numbers(text, key, np.int64) for key in ("left_child", "right_child")]
    left, right = (np.where(c >= 0, start + c, first_leaf - 1 - c) for c in children)
    size = int((2 * leaves - 1).sum())
    is_leaf = np.repeat(np.tile([False, True], len(leaves)), np.stack([leaves - 1, leaves], axis=1).ravel())
    trees = Trees(
        roots=roots,
        left=np.full(size, -1),
        right=np.full(size, -1),
        choice=np.zeros(size, dtype=np.int64),
        goes_left=np.zeros(size, dtype=np.uint8),
        value=np.zeros(size),
    )
    trees.left[~is_leaf] = left
    trees.right[~is_leaf] = right
    trees.choice[~is_leaf] = _numbers(text, "split_feature", np.int64)
    trees.goes_left[~is_leaf] = options_below(_numbers(text, "threshold", np.float64), inclusive=True)
    trees.value[is_leaf] = _numbers(text, "leaf_value", np.float64)
    return trees


def _numbers(text: str, key: str, dtype: type[_Number]) -> NDArray[_Number]:
    """The numbers of all lines ``key=1 2 3``, one after the other."""
    return np.array(" ".join(re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)).split(), dtype=dtype)
