"""Agents of Stable-Baselines3: exact budgets, trainings that go on to the bit, designs at any granularity."""

import random
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import anb_gym
from anb_gym.agents import Agent, Training, load, saving, train
from anb_gym.space import SPACE

torch = pytest.importorskip("torch")
for package in ("stable_baselines3", "sb3_contrib", "yaml"):
    pytest.importorskip(package)

ID, PREFERENCE, EDIT = "AccelNAS-CPU-v0", "AccelNAS-CPU-Preference-v0", "AccelNAS-Edit-CPU-v0"
ON_POLICY = {"n_envs": 8, "n_steps": 7, "env_kwargs": {"granularity": "block"}, "segment": 16}
PPO = {**ON_POLICY, "batch_size": 28, "n_epochs": 2}
VALUES = {"n_envs": 4, "learning_starts": 20, "batch_size": 8, "n_steps": 3, "buffer_size": 200, "segment": 16,
          "gradient_steps": 1, "train_freq": 1, "target_update_interval": 8}  # fmt: skip
SETTINGS: dict[str, dict[str, Any]] = {
    "ppo": PPO,
    "maskable_ppo": PPO,
    "recurrent_ppo": {**PPO, "policy_kwargs": {"lstm_hidden_size": 8}},
    "trpo": {**ON_POLICY, "batch_size": 28, "n_critic_updates": 2},
    "a2c": ON_POLICY,
    "dqn": VALUES,
    "qr_dqn": {**VALUES, "policy_kwargs": {"n_quantiles": 5}},
}
NAMES = list(SETTINGS)


class _Killed(BaseException):
    pass


def _states_equal(one: Agent, other: Agent) -> None:
    first, second = one.state(), other.state()
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name)


@pytest.mark.parametrize("name", NAMES)
def test_goes_on_to_the_bit_where_it_was_killed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = SETTINGS[name]
    whole, expected = train(name, PREFERENCE, 53, seed=3, settings=settings)
    checkpoint, calls = Training.checkpoint, []

    def dying(self: Training, agent: Agent, force: bool = False) -> None:
        checkpoint(self, agent, force=True)
        calls.append(self.done)
        if len(calls) == 3:
            raise _Killed

    with monkeypatch.context() as patch:
        patch.setattr(Training, "checkpoint", dying)
        with pytest.raises(_Killed):
            train(name, PREFERENCE, 53, seed=3, settings=settings, folder=tmp_path)
    assert calls == [0, 16, 32]
    assert saving.read(tmp_path).done == 32
    agent, evaluations = train(name, PREFERENCE, 53, seed=3, settings=settings, folder=tmp_path)
    for column in ("index", "reward", "cells"):
        np.testing.assert_array_equal(getattr(evaluations, column), getattr(expected, column))
    assert len(evaluations) == 53
    _states_equal(agent, whole)
    again = load(tmp_path)
    _states_equal(again, whole)
    for greedy in (True, False):
        np.testing.assert_array_equal(again.design(5, greedy=greedy), whole.design(5, greedy=greedy))


@pytest.mark.parametrize("name", NAMES)
def test_records_what_the_environment_said(name: str) -> None:
    _, evaluations = train(name, ID, 30, seed=0, settings=SETTINGS[name])
    found = anb_gym.make_problem(ID).evaluate(evaluations.index)
    np.testing.assert_array_equal(evaluations.reward, found.reward)
    _, other = train(name, ID, 30, seed=1, settings=SETTINGS[name])
    assert (evaluations.index != other.index).any()


def test_global_generators_and_threads_are_left_alone() -> None:
    random.seed(1), np.random.seed(1), torch.manual_seed(1)  # noqa: NPY002
    before = random.random(), np.random.random(), torch.rand(1).item(), torch.get_num_threads()  # noqa: NPY002
    random.seed(1), np.random.seed(1), torch.manual_seed(1)  # noqa: NPY002
    train("ppo", ID, 16, seed=0, settings=PPO)[0].design(2, greedy=False)
    after = random.random(), np.random.random(), torch.rand(1).item(), torch.get_num_threads()  # noqa: NPY002
    assert after == before


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("arguments", [{}, {"granularity": "block", "observation": "tokens"}])
def test_acts_as_it_designs_whatever_it_learned_by(name: str, arguments: dict[str, Any]) -> None:
    agent, _ = train(name, PREFERENCE, 24, seed=0, settings=SETTINGS[name], arguments=arguments)
    env = gymnasium.make(f"anb_gym:{PREFERENCE}", **arguments)
    seen, info = env.reset(seed=0, options={"preference": [0.25, 0.75]})
    over = False
    while not over:
        action = agent.act(seen[None], info["action_mask"][None], rng=np.random.default_rng(0), greedy=True)[0]
        assert info["action_mask"][action]
        seen, _, over, _, info = env.step(action)
    assert info["index"] == SPACE.to_index(agent.design(preference=[0.25, 0.75]))[0]
