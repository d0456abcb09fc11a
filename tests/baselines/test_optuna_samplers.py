"""Samplers of Optuna propose architectures, quietly and quickly."""

from typing import Any

import numpy as np
import optuna
import pytest

from anb_gym._types import FloatArray
from anb_gym.baselines.optuna_samplers import MOTPE, TPE, OptunaController
from anb_gym.baselines.random_search import RandomSearch
from anb_gym.pareto import hypervolume
from anb_gym.space import SPACE, Choices
from anb_gym.study.protocol import Brief


@pytest.mark.parametrize("n_startup_trials", [1, 10])
@pytest.mark.parametrize(("cls", "m"), [(TPE, 1), (MOTPE, 2)])
def test_proposals_are_those_of_optuna_s_own_sampler(
    cls: Any, m: int, n_startup_trials: int, search: Any, toy: Any
) -> None:
    """Ours is faster, and changes nothing; not even where scores are equal or proposals come again."""
    problem = Brief(m, 250)

    def evaluate(choices: Choices) -> FloatArray:
        return np.round(toy(m)(choices), 1)

    ours, objectives = search(cls(problem, np.random.default_rng(0), n_startup_trials=n_startup_trials), evaluate, 250)
    plain = OptunaController(
        problem,
        np.random.default_rng(0),
        sampler=lambda seed: optuna.samplers.TPESampler(
            seed=seed, multivariate=True, constant_liar=False, n_startup_trials=n_startup_trials
        ),
    )
    np.testing.assert_array_equal(search(plain, evaluate, 250)[0], ours)
    assert len(np.unique(objectives, axis=0)) < len(objectives)


@pytest.mark.parametrize(("cls", "m"), [(TPE, 1), (MOTPE, 2)])
def test_proposals_that_were_never_told(cls: Any, m: int, search: Any, toy: Any) -> None:
    controller = cls(Brief(m, 60), np.random.default_rng(0))
    for _ in range(20):
        controller.ask(1)
        choices = controller.ask(2)
        controller.tell(choices, toy(m)(choices))
    assert search(controller, toy(m), 10)[0].shape == (10, SPACE.n_choices)


def test_tpe_beats_random_search(search: Any, accuracy: Any) -> None:
    best = []
    for cls in (TPE, RandomSearch):
        runs = [search(cls(Brief(1, 200), np.random.default_rng(seed)), accuracy, 150)[1].max() for seed in range(3)]
        best.append(np.median(runs))
    assert best[0] > best[1] + 0.1


def test_motpe_beats_random_search(search: Any, vck190: Any) -> None:
    volumes = []
    for cls in (MOTPE, RandomSearch):
        _, objectives = search(cls(Brief(2, 200), np.random.default_rng(0)), vck190, 200)
        volumes.append(hypervolume(objectives, [-0.1, -0.1], ["max", "max"]))
    assert volumes[0] > volumes[1]


@pytest.mark.parametrize(
    ("sampler", "m"),
    [
        (lambda seed: optuna.samplers.RandomSampler(seed=seed), 1),
        (lambda seed: optuna.samplers.NSGAIISampler(seed=seed), 2),
    ],
    ids=["random", "nsga2"],
)
def test_any_sampler_of_optuna(sampler: Any, m: int, search: Any, toy: Any) -> None:
    controller = OptunaController(Brief(m, 33), np.random.default_rng(0), sampler=sampler, batch_size=5)
    choices, _ = search(controller, toy(m), 33)
    assert len(np.unique(choices, axis=0)) == 33


def test_quiet_without_changing_the_log_level(search: Any, toy: Any, capfd: pytest.CaptureFixture[str]) -> None:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.INFO)
    try:
        search(TPE(Brief(1, 20), np.random.default_rng(0)), toy(1), 20)
        assert optuna.logging.get_verbosity() == optuna.logging.INFO
    finally:
        optuna.logging.set_verbosity(before)
    assert capfd.readouterr() == ("", "")


def test_told_more_than_was_asked(toy: Any) -> None:
    controller = TPE(Brief(1, 20), np.random.default_rng(0))
    choices = np.repeat(controller.ask(1), 2, axis=0)
    with pytest.raises(ValueError, match="choices must be the 1 that were asked for last, got 2"):
        controller.tell(choices, toy(1)(choices))


def test_not_a_sampler() -> None:
    with pytest.raises(ValueError, match="sampler must return a sampler of Optuna, got 'TPE'"):
        OptunaController(Brief(1, 5), np.random.default_rng(0), sampler=lambda seed: "TPE")  # type: ignore[arg-type, return-value]
