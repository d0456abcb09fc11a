"""The space and problems in the form of other libraries, and back."""

import sys
from typing import Any

import numpy as np
import pytest

import anb_gym
from anb_gym import EFFICIENTNET_B0, SPACE
from anb_gym.space import OPTIONS

CHOICES = SPACE.sample(20, np.random.default_rng(0))


@pytest.fixture(scope="module")
def configspace() -> Any:
    return pytest.importorskip("ConfigSpace", reason="the extra bridges is not installed")


def test_options_are_those_of_the_choices() -> None:
    assert [len(options) for options in OPTIONS.values()] == SPACE.cardinalities.tolist()
    assert list(OPTIONS) == sorted(OPTIONS) == list(EFFICIENTNET_B0.to_dict())


def test_dicts_are_architectures_everywhere() -> None:
    dicts = SPACE.to_dicts(CHOICES)
    np.testing.assert_array_equal(SPACE.from_dicts(tuple(dicts)), CHOICES)
    np.testing.assert_array_equal(SPACE.from_dicts(dicts[0]), CHOICES[:1])
    np.testing.assert_array_equal(SPACE.as_states(dicts), SPACE.to_states(CHOICES))
    np.testing.assert_array_equal(SPACE.as_states([dicts[0], EFFICIENTNET_B0, 3])[0], SPACE.to_states(CHOICES)[0])
    assert SPACE.from_dicts([]).shape == (0, 28)
    assert dicts[0] == anb_gym.Architecture.from_choices(CHOICES[0]).to_dict()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"block0_e": 5}, r"^block0_e must be one of \(1, 4, 6\), got 5; the nearest is 4$"),
        ({"block5_l": 9.0}, r"block5_l must be one of \(1, 2, 3, 4\), got 9.0; the nearest is 4$"),
        ({"block1_k": float("nan")}, r"block1_k must be one of \(3, 5\), got nan$"),
        ({"block1_se": "yes"}, r"block1_se must be one of \(False, True\), got 'yes'$"),
        ({"block1_k": [3]}, r"block1_k must be one of \(3, 5\), got \[3\]$"),
        ({"block1_k": np.arange(3)}, r"block1_k must be one of \(3, 5\), got array"),
        ({"block2_exp": 4}, r"unknown keys \['block2_exp'\]; .*; did you mean 'block2_e'\?$"),
        ({"learning_rate": 0.1, 3: 4}, r"unknown keys \['learning_rate', 3\]; expected block"),
    ],
)
def test_what_is_foreign_is_one_line_with_the_nearest(changes: dict[Any, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        SPACE.from_dicts([EFFICIENTNET_B0.to_dict() | changes])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("dicts", [5, None, [5], "block0_e"])
def test_what_is_no_mapping(dicts: Any) -> None:
    with pytest.raises(ValueError, match="must be (a mapping|mappings) with the keys"):
        SPACE.from_dicts(dicts)


def test_configspace_and_back(configspace: Any) -> None:
    space = SPACE.to_configspace(seed=3)
    assert {name: len(p.sequence) if hasattr(p, "sequence") else len(p.choices) for name, p in space.items()} == {
        name: len(options) for name, options in OPTIONS.items()
    }
    drawn = space.sample_configuration(200)
    assert drawn == SPACE.to_configspace(seed=3).sample_configuration(200)
    choices = SPACE.from_dicts(drawn)
    assert (choices.max(axis=0) == SPACE.cardinalities - 1).all()
    assert [configspace.Configuration(space, values=row) for row in SPACE.to_dicts(choices)] == drawn
    np.testing.assert_array_equal(SPACE.as_states(drawn[0]), SPACE.to_states(choices[:1]))


def test_a_foreign_configspace(configspace: Any) -> None:
    foreign = configspace.ConfigurationSpace({"block0_expansion": [1, 4]}, seed=0)
    with pytest.raises(ValueError, match=r"unknown keys \['block0_expansion'\].* did you mean 'block0_e'"):
        anb_gym.Benchmark().query(foreign.sample_configuration())
    with pytest.raises(ValueError, match=r"block0_e must be one of \(1, 4, 6\), got Ordinal") as raised:
        SPACE.from_dicts(SPACE.to_configspace())
    assert "\n" not in str(raised.value)


def test_suggestions_of_optuna() -> None:
    optuna = pytest.importorskip("optuna", reason="the extra study is not installed")
    fixed = optuna.trial.FixedTrial(EFFICIENTNET_B0.to_dict())
    assert SPACE.suggest(fixed) == EFFICIENTNET_B0
    assert {name: d.choices for name, d in SPACE.to_optuna().items()} == dict(OPTIONS)
    with pytest.raises(ValueError, match="trial must be a trial of Optuna, got 3"):
        SPACE.suggest(3)


@pytest.mark.parametrize(
    ("make", "library", "extra"),
    [
        (SPACE.to_configspace, "ConfigSpace", "bridges"),
        (SPACE.to_nevergrad, "nevergrad", "nevergrad"),
        (SPACE.to_optuna, "optuna", "study"),
    ],
)
def test_a_missing_library_names_the_command(
    make: Any, library: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ModuleNotFoundError, match=rf"pip install 'anb_gym\[{extra}\]'"):
        make()
