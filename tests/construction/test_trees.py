"""Boosted trees and their folding into block tables."""

import json

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from anb_gym.construction.families import make_family
from anb_gym.construction.families.tree_tables import Trees, fold_trees, options_below
from anb_gym.construction.families.trees import LightGBM, XGBoost, _lightgbm_trees, _xgboost_trees
from anb_gym.space import SPACE

TREES = {"xgb": XGBoost, "lgb": LightGBM}


def random_data(seed, n):
    """Random architectures, and a target with interactions and noise."""
    rng = np.random.default_rng(seed)
    choices = SPACE.sample(n, rng)
    weights = rng.normal(size=(3, 28))
    target = np.prod(choices @ weights.T / 4, axis=1) + choices @ weights[0] + rng.normal(size=n)
    return SPACE.to_states(choices), (target - target.mean()) / (target.std() or 1.0)


def random_states(seed, n=300):
    return SPACE.to_states(SPACE.sample(n, np.random.default_rng(seed)))


@pytest.mark.parametrize("name", TREES)
@settings(max_examples=10)
@given(
    seed=st.integers(0, 2**31),
    n=st.integers(2, 200),
    rounds=st.sampled_from([1, 7, 130]),
    members=st.integers(1, 3),
    learning_rate=st.sampled_from([0.05, 0.5, 1.0]),
)
def test_folded_equals_unfolded(name, seed, n, rounds, members, learning_rate):
    states, target = random_data(seed, n)
    smallest_leaf = {"min_child_weight": 1.0} if name == "xgb" else {"min_data_in_leaf": 1}
    model = TREES[name](members=members, rounds=rounds, learning_rate=learning_rate, **smallest_leaf)
    model.fit(states, target, seed)
    fresh = random_states(seed + 1)
    np.testing.assert_allclose(model.fold()(fresh), model.predict(fresh), rtol=1e-6, atol=2e-6)


@pytest.mark.parametrize("name", TREES)
def test_many_rounds_fold_to_interactions_of_three_blocks(name):
    states, target = random_data(0, 1000)
    model = TREES[name](members=2, rounds=600).fit(states, target, 0)
    tables = model.fold()
    fresh = random_states(1, 2000)
    np.testing.assert_allclose(tables(fresh), model.predict(fresh), atol=1e-6)
    assert tables.order == 3
    assert np.corrcoef(model.predict(states), target)[0, 1] > 0.9


@pytest.mark.parametrize("name", TREES)
def test_members_differ(name):
    states, target = random_data(0, 200)
    predictions = TREES[name](members=3, rounds=20).fit(states, target, 0).member_predictions(states)
    assert len(np.unique(predictions, axis=0)) == 3


def test_xgboost_chunks_add_up_to_the_boosters_own_prediction():
    states, target = random_data(3, 300)
    model = XGBoost(members=2, rounds=250).fit(states, target, 0)
    data = xgboost.DMatrix(SPACE.from_states(states).astype(np.float32))
    own = [booster.predict(data) for booster in model._boosters]
    np.testing.assert_allclose(model.member_predictions(states), own, atol=1e-5)


def test_trees_that_could_not_split_fold_to_a_constant():
    states, _ = random_data(0, 3)
    target = np.array([1.0, -0.5, -0.5])
    for model in (XGBoost(members=1, rounds=3, min_child_weight=30), LightGBM(members=1, rounds=3)):
        model.fit(states, target, 0)
        values = model.fold()(random_states(1))
        np.testing.assert_allclose(values, model.predict(random_states(1)), atol=1e-9)
        assert np.ptp(values) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", TREES)
def test_reading_agrees_with_the_librarys_own_description(name):
    """Every tree read from the saved model gives the leaf values of the library's own dump."""
    states, target = random_data(5, 300)
    booster = TREES[name](members=1, rounds=5).fit(states, target, 0)._boosters[0]
    if name == "xgb":
        _, values = _xgboost_trees(booster).leaves()
        dumps = [json.loads(tree) for tree in booster.get_dump(dump_format="json")]
        expected = [leaf["leaf"] for tree in dumps for leaf in walk(tree, lambda n: n.get("children", []))]
    else:
        _, values = _lightgbm_trees(booster).leaves()
        dumps = [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]
        expected = [
            leaf["leaf_value"]
            for tree in dumps
            for leaf in walk(tree, lambda n: [n[k] for k in ("left_child", "right_child") if k in n])
        ]
    np.testing.assert_allclose(np.sort(values), np.sort(expected), rtol=1e-6)


def walk(node, children):
    if not children(node):
        return [node]
    return [leaf for child in children(node) for leaf in walk(child, children)]


def test_leaves_partition_the_space():
    states, target = random_data(1, 300)
    booster = LightGBM(members=1, rounds=4).fit(states, target, 0)._boosters[0]
    boxes, _ = _lightgbm_trees(booster).leaves()
    choices = SPACE.from_states(random_states(2))
    inside = (boxes[:, None] >> choices & 1).all(axis=2)
    assert (inside.sum(axis=0) == booster.num_trees()).all()


def test_fold_of_a_tree_by_hand():
    # Block 5's layers (choice 22) at most 1, then block 0's se (choice 3).
    trees = Trees(
        roots=np.array([0]),
        left=np.array([1, -1, 3, -1, -1]),
        right=np.array([2, -1, 4, -1, -1]),
        choice=np.array([22, 0, 3, 0, 0]),
        goes_left=np.array([0b0011, 0, 0b01, 0, 0], dtype=np.uint8),
        value=np.array([0.0, 10.0, 0.0, 20.0, 30.0]),
    )
    states = random_states(0)
    choices = SPACE.from_states(states)
    tables = fold_trees([trees], intercept=0.5)
    assert tables.order == 2
    expected = np.where(choices[:, 22] <= 1, 10.0, np.where(choices[:, 3] == 0, 20.0, 30.0)) + 0.5
    np.testing.assert_allclose(tables(states), expected)


def test_deeper_trees_are_refused():
    states, target = random_data(0, 400)
    data = xgboost.DMatrix(SPACE.from_states(states).astype(np.float32), target)
    booster = xgboost.train({"max_depth": 5, "nthread": 1}, data, 3)
    with pytest.raises(ValueError, match="at most 3 choices to fold, got [45]"):
        fold_trees([_xgboost_trees(booster)])


@pytest.mark.parametrize(
    ("threshold", "inclusive", "mask"),
    [(1.0, False, 0b0001), (1.0, True, 0b0011), (1e-35, True, 0b0001), (2.5, True, 0b0111), (9.0, False, 0b1111)],
)
def test_options_below(threshold, inclusive, mask):
    assert options_below(np.array([threshold]), inclusive).tolist() == [mask]


@pytest.mark.parametrize("name", TREES)
def test_fold_before_fit(name):
    with pytest.raises(ValueError, match="must be fitted first"):
        make_family(name).fold()


@pytest.mark.parametrize("name", TREES)
def test_no_rows(name):
    states, target = random_data(0, 50)
    assert TREES[name](members=2, rounds=2).fit(states, target, 0).predict(states[:0]).shape == (0,)
