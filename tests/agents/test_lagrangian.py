"""PPO under a constraint: multipliers rise until it is met, are saved, and each bound has its own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anb_gym.agents import Agent, Assignment, Training, load, make_agent, train

for package in ("torch", "stable_baselines3", "yaml"):
    pytest.importorskip(package)

FIXED, ASKED = "AccelNAS-CPU-Constrained-v1", "AccelNAS-CPU-Bound-v0"
SMALL: dict[str, Any] = {"n_envs": 8, "n_steps": 1, "batch_size": 8, "n_epochs": 2, "segment": 16}
ACCURACY = {"reward": "accuracy"}


class _Killed(BaseException):
    pass


def _made(id: str = FIXED, **settings: Any) -> Any:
    return make_agent("ppo_lagrangian", Assignment(id, 64, 0, ACCURACY if id == ASKED else {}), {**SMALL, **settings})


def test_the_price_is_that_of_the_bound() -> None:
    agent = _made(ASKED, multipliers=4, initial_multiplier=3.0)
    assert agent.multipliers.tolist() == [3.0] * 4
    assert agent.price(np.array([0.9]), 1.0, 0.2) == pytest.approx((1.0 - 3.0 * 0.2) / 4.0)
    assert agent.price(np.array([1.0]), 1.0, 0.0) == pytest.approx(1.0 / 4.0)
    agent.end_rollout(None)
    assert agent.multipliers.tolist() == pytest.approx(
        [3.0, 3.0, 3.0, 3.0 + agent.settings["multiplier_learning_rate"] * 0.1]
    )
    assert _made(FIXED, multipliers=4).multipliers.shape == (1,)


def test_multipliers_rise_by_the_cost_above_the_limit_and_are_never_negative() -> None:
    agent = _made(cost="rate", cost_limit=0.5, initial_multiplier=1.0, multiplier_learning_rate=4.0)
    for costs, expected in [((0.1, 0.2, 0.0, 0.3), 2.0), ((0.0, 0.0), 0.0), ((0.0, 0.0), 0.0), ((), 0.0)]:
        for cost in costs:
            agent.price(np.zeros(1), 0.0, cost)
        agent.end_rollout(None)
        assert agent.multipliers.tolist() == [expected]


@pytest.mark.parametrize("id", [FIXED, ASKED])
def test_goes_on_to_the_bit_where_it_was_killed(id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {"seed": 1, "arguments": ACCURACY if id == ASKED else {}, "settings": SMALL}
    whole, expected = train("ppo_lagrangian", id, 50, **given)
    assert whole.multipliers.max() > whole.settings["initial_multiplier"]  # type: ignore[attr-defined]
    checkpoint = Training.checkpoint

    def dying(self: Training, agent: Agent, force: bool = False) -> None:
        checkpoint(self, agent, force=True)
        if self.done == 32:
            raise _Killed

    with monkeypatch.context() as patch:
        patch.setattr(Training, "checkpoint", dying)
        with pytest.raises(_Killed):
            train("ppo_lagrangian", id, 50, folder=tmp_path, **given)
    _, evaluations = train("ppo_lagrangian", id, 50, folder=tmp_path, **given)
    np.testing.assert_array_equal(evaluations.index, expected.index)
    # What is recorded is the environment's reward, not that less the price.
    assert (evaluations.reward == expected.reward).all()
    again = load(tmp_path)
    for name, array in whole.state().items():
        np.testing.assert_array_equal(again.state()[name], array, err_msg=name)


def test_it_learns_to_meet_a_bound_that_random_architectures_miss() -> None:
    agent, evaluations = train("ppo_lagrangian", FIXED, 800, seed=0, arguments={"target": 1500.0})
    problem: Any = agent.problem
    cost = problem.evaluate(evaluations.index).cost
    assert cost[:100].mean() > 0.2
    assert cost[-100:].mean() < 0.05


@pytest.mark.parametrize(
    ("id", "settings", "message"),
    [
        ("AccelNAS-CPU-v0", {}, "an environment with a cost"),
        (FIXED, {"cost": "violations"}, "cost must be one of .*did you mean 'violation'"),
        (FIXED, {"cost_limit": -0.1}, "cost_limit must be at least 0"),
        (FIXED, {"multipliers": 0}, "multipliers must be an integer of at least 1"),
        (FIXED, {"multiplier": 1}, "did you mean 'multipliers'"),
    ],
)
def test_bad_input_is_named(id: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _made(id, **settings)
