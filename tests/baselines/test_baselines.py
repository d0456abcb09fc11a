"""What holds for every baseline: it proposes valid architectures to the end of the budget, by its seed alone."""

import sys
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from anb_gym.baselines import BASELINES, make
from anb_gym.study.protocol import Brief

#: What some baselines need and may not be there: SMAC3 is built from its source, so that the tests go without it.
NEEDED = {"smac": "smac", "botorch": "botorch", "parego": "botorch"}


def _needing(name: str, *values: Any) -> Any:
    """Parameters of a test that is skipped where a baseline's library is not installed."""
    library = NEEDED.get(name)
    missing = library is not None and find_spec(library) is None
    return pytest.param(name, *values, marks=pytest.mark.skipif(missing, reason=f"{library} is not installed"))


#: Three objectives are no other code than two for what BoTorch does, and take seconds.
PAIRS = [
    (name, m)
    for name, baseline in BASELINES.items()
    for m in (1, 2, 3)
    if baseline.suits(m) and (m < 3 or NEEDED.get(name) != "botorch")
]
every_pair = pytest.mark.parametrize(
    ("name", "m"), [_needing(*pair) for pair in PAIRS], ids=[f"{name}-{m}" for name, m in PAIRS]
)
#: Those for tasks with one fidelity; for the others see ``test_two_fidelities.py``.
NAMES = [name for name, baseline in BASELINES.items() if not baseline.fidelities]
every_name = pytest.mark.parametrize("name", [_needing(name) for name in NAMES])

#: Not a multiple of any batch size, and beyond the first generation of all.
BUDGET = 123
#: Those without generations, which take longer.
SHORTER = {
    "tpe": 31,
    "motpe": 31,
    "reinforce": 31,
    "relaxation": 17,
    "block_gp": 12,
    "bananas": 31,
    "smac": 13,
    "botorch": 4,
    "parego": 4,
}
_QUICK_PROCESSES = {"n_startup": 2, "n_samples": 4, "n_steps": 2, "n_restarts": 1, "n_raw_samples": 4}
#: Settings that make them quick.
QUICK: dict[str, dict[str, Any]] = {
    "bananas": {"n_steps": 5},
    "smac": {"n_challengers": 20},
    "botorch": _QUICK_PROCESSES,
    "parego": _QUICK_PROCESSES,
}


def _make(name: str, m: int, seed: int = 0, **settings: Any) -> Any:
    return make(name, Brief(m, BUDGET), np.random.default_rng(seed), **(QUICK.get(name, {}) | settings))


def _budget(name: str) -> int:
    return SHORTER.get(name, BUDGET)


def _fewest(name: str) -> int:
    return BASELINES[name].fewest


@every_pair
def test_proposes_what_was_asked_to_the_end(name: str, m: int, toy: Any) -> None:
    controller, evaluate, left = _make(name, m), toy(m), _budget(name)
    while left:
        n = min(left, controller.batch_size)
        choices = controller.ask(n)
        assert (choices.shape, choices.dtype) == ((n, 28), np.dtype(np.int8))
        controller.tell(choices, evaluate(choices))
        left -= n


@every_pair
def test_proposals_depend_on_seed_and_scores_alone(name: str, m: int, toy: Any, search: Any) -> None:
    first, _ = search(_make(name, m, seed=1), toy(m), _budget(name))
    np.random.seed(5)  # noqa: NPY002 - a global state that must not matter
    again, _ = search(_make(name, m, seed=1), toy(m), _budget(name))
    other, _ = search(_make(name, m, seed=2), toy(m), _budget(name))
    np.testing.assert_array_equal(again, first)
    assert not np.array_equal(other, first)


@every_pair
def test_global_generators_are_left_alone(name: str, m: int, toy: Any, search: Any) -> None:
    before = np.random.get_state()[1].copy()  # type: ignore[index, union-attr] # noqa: NPY002
    search(_make(name, m), toy(m), min(30, _budget(name)))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # type: ignore[index] # noqa: NPY002


@every_name
def test_objectives_it_can_take(name: str) -> None:
    for m in range(1, 10):
        if BASELINES[name].suits(m):
            _make(name, m)
        else:
            with pytest.raises(ValueError, match=rf"n_objectives .* (least|most) \d for {name}, got {m}"):
                _make(name, m)


@pytest.mark.parametrize("name", [_needing(name) for name in NAMES if name != "random_search"])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda values: values[:, 0], "must have shape"),
        (lambda values: np.repeat(values, 2, axis=0), "must have shape"),
        (lambda values: np.full_like(values, np.nan), "must be finite, got nan"),
        (lambda values: [["good"]] * len(values), "must be numbers"),
    ],
    ids=["one-dimensional", "too-many", "nan", "text"],
)
def test_told_nonsense(name: str, wrong: Any, message: str) -> None:
    controller = _make(name, _fewest(name))
    choices = controller.ask(1)
    with pytest.raises(ValueError, match=f"objectives {message}"):
        controller.tell(choices, wrong(np.zeros((1, _fewest(name)))))


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("random_search", {"batch_size": 0}, "batch_size must be an integer of at least 1, got 0"),
        ("regularized_evolution", {"population_size": 2.5}, "population_size must be an integer .*, got 2.5"),
        ("regularized_evolution", {"sample_size": True}, "sample_size must be an integer of at least 1, got True"),
        ("reinforce", {"learning_rate": -1}, "learning_rate must be positive and finite, got -1"),
        ("reinforce", {"learning_rate": 0.0}, "learning_rate must be positive and finite, got 0.0"),
        ("reinforce", {"learning_rate": float("inf")}, "learning_rate must be positive and finite, got inf"),
        ("reinforce", {"entropy_weight": float("inf")}, "entropy_weight must be a number of at least 0.0, got inf"),
        ("reinforce", {"baseline_decay": 1.5}, "baseline_decay must be a number .* at most 1.0, got 1.5"),
        ("reinforce", {"entropy_weight": float("nan")}, "entropy_weight must be a number of at least 0.0, got nan"),
        ("block_gp", {"n_initial": 0}, "n_initial must be an integer of at least 1, got 0"),
        ("block_gp", {"exploration": -0.1}, "exploration must be a number of at least 0.0, got -0.1"),
        ("block_gp", {"nodes": 1e6}, "nodes must be an integer of at least 1, got 1000000.0"),
        ("tpe", {"n_ei_candidates": 0}, "n_ei_candidates must be an integer of at least 1, got 0"),
        ("nsga2", {"population_size": 1}, "population_size must be an integer of at least 2, got 1"),
        ("moead", {"population_size": 1}, "population_size must be an integer of at least 2, got 1"),
        ("moead", {"neighbour_mating": 2}, "neighbour_mating must be a number of at least 0.0 and at most 1.0, got 2"),
        ("bananas", {"n_predictors": 1}, "n_predictors must be an integer of at least 2, got 1"),
        ("bananas", {"n_candidates": 5}, "n_candidates must be an integer of at least 10, got 5"),
        _needing("botorch", {"n_startup": 1}, "n_startup must be an integer of at least 2, got 1"),
        _needing("parego", {"n_steps": "many"}, "n_steps must be an integer of at least 1, got 'many'"),
        _needing("smac", {"retrain_after": 0}, "retrain_after must be an integer of at least 1, got 0"),
        ("archive_evolution", {"n_random": "ten"}, "n_random must be an integer of at least 1, got 'ten'"),
        ("nsga2", {"populaton_size": 3}, "a setting of .*NSGA2Controller must be .* did you mean 'population_size'"),
        ("local_search", {"restarts": 3}, "LocalSearch has no settings, got 'restarts'"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_bad_settings(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _make(name, _fewest(name), **settings)


def test_unknown_name() -> None:
    with pytest.raises(ValueError, match="controller must be one of .* did you mean 'local_search'"):
        _make("localsearch", 1)


@every_name
def test_bad_generator(name: str) -> None:
    with pytest.raises(ValueError, match=r"rng must be a numpy.random.Generator, got 0"):
        make(name, Brief(_fewest(name), BUDGET), 0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [
        ("nsga2", "pymoo", "study"),
        ("tpe", "optuna", "study"),
        ("reinforce", "torch", "study"),
        ("botorch", "botorch", "bayes"),
        ("smac", "smac", "smac"),
    ],
)
def test_missing_extra(name: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, BASELINES[name].target.split(":")[0], raising=False)
    for loaded in {module, *(found for found in sys.modules if found.startswith(f"{module}."))}:
        monkeypatch.setitem(sys.modules, loaded, None)
    with pytest.raises(ModuleNotFoundError, match=rf"pip install 'anb_gym\[{extra}\]'"):
        _make(name, _fewest(name))
