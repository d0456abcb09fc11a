"""Agents of Stable-Baselines3: exact budgets, trainings that go on to the bit, designs at any granularity."""

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import anb_gym
from anb_gym.agents import Agent, Assignment, Training, load, make_agent, saving, train
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


def test_threads_do_not_disturb_each_other() -> None:
    def learned(seed: int) -> list[int]:
        return train("ppo", ID, 64, seed=seed, settings=PPO)[1].index.tolist()

    seeds = range(4)
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(learned, seeds))
    assert together == [learned(seed) for seed in seeds]


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


def test_architectures_are_completed_as_they_were_begun() -> None:
    begun = SPACE.sample(6, np.random.default_rng(0))
    begun[:, 9:] = -1
    for name in ("ppo", "dqn"):
        for granularity in ("choice", "block", "network")[: 3 if name == "ppo" else 2]:
            settings = {**SETTINGS[name], "env_kwargs": {"granularity": granularity}}
            agent: Any = make_agent(name, Assignment(ID, 64, 0), settings)
            whole = agent.complete(begun, np.empty((1, 0)), np.random.default_rng(0), False)
            np.testing.assert_array_equal(whole[:, :9], begun[:, :9])
            assert ((whole >= 0) & (whole < SPACE.cardinalities)).all()


@pytest.mark.parametrize("name", ["maskable_ppo", "a2c", "dqn"])
def test_learns_to_edit(name: str) -> None:
    settings = {k: v for k, v in SETTINGS[name].items() if k != "env_kwargs"}
    agent, evaluations = train(name, EDIT, 100, seed=0, settings=settings)
    assert len(evaluations) == 100
    assert agent.settings["gamma"] < 1.0
    assert agent.design(2, seed=1).shape == (2, 28)


@pytest.mark.parametrize("granularity", ["network", "block"])
def test_a_blind_agent_does_not_know_what_is_asked_for(granularity: str) -> None:
    id, small = "AccelNAS-CPU-Preference-v0", {"n_envs": 8, "n_steps": 7, "batch_size": 56, "n_epochs": 2}
    seeing, blind = (
        train("ppo", id, 64, seed=0, arguments={"granularity": granularity}, settings={**small, "blind": value})[0]
        for value in (False, True)
    )
    sampled = [
        [agent.design(256, preference=[w, 1 - w], greedy=False, seed=0) for w in (0.1, 0.9)]
        for agent in (seeing, blind)
    ]
    assert not np.array_equal(*sampled[0])
    assert np.array_equal(*sampled[1])
    # What it has learned from did not show it either: in the environment it acts alike for all weights.
    envs = gymnasium.make_vec(f"anb_gym:{id}", 2, granularity=granularity)
    observations, infos = envs.reset(seed=0)
    assert not np.array_equal(observations[0], observations[1])
    actions = blind.act(observations, infos["action_mask"], rng=np.random.default_rng(0), greedy=True)
    assert np.array_equal(actions[0], actions[1])


@pytest.mark.parametrize(
    ("name", "id", "given", "message"),
    [
        ("ppo", "AccelNAS-CPU-MO-v0", {}, "id must have a scalar reward for PPO, got 'AccelNAS-CPU-MO-v0'"),
        ("recurrent_ppo", EDIT, {}, "show all that there is to remember"),
        ("dqn", ID, {"env_kwargs": {"granularity": "network"}}, "granularity must be 'choice' or 'block' for DQN"),
        ("ppo", ID, {"n_envs": 1000, "batch_size": 1000}, "evaluations must be at least 1000 for PPO.*got 999"),
        ("dqn", ID, {"learning_starts": 30000}, "evaluations must be at least 1072 for DQN"),
        ("ppo", ID, {"learning_rat": 0.1}, "did you mean 'learning_rate'"),
        ("ppo", ID, {"learning_rate": "lin_x"}, "learning_rate must be a positive number, or such as 'lin_0.001'"),
        ("ppo", ID, {"blind": True}, f"blind must be False for PPO: episodes of '{ID}' ask for nothing"),
        ("ppo", "AccelNAS-CPU-Preference-v0", {"blind": 1}, "blind must be true or false, got 1"),
        ("ppo", ID, {"gamma": 1.5}, r"gamma must lie in 0\.\.1, got 1\.5"),
        ("ppo", ID, {"n_envs": 0}, "n_envs must be an integer of at least 1, got 0"),
        (
            "ppo",
            ID,
            {"n_envs": 8, "n_steps": 2, "batch_size": 5},
            r"batch_size must divide n_envs \* n_steps = 16, got 5",
        ),
        ("ppo", ID, {"env_kwargs": {"granularty": "block"}}, "did you mean 'granularity'"),
    ],
)
def test_bad_input_is_named(name: str, id: str, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_agent(name, Assignment(id, 999, 0), given)


def test_damaged_states_are_refused() -> None:
    agent = make_agent("dqn", Assignment(ID, 64, 0), VALUES)
    state = agent.state()
    name = next(name for name in state if name.startswith("policy."))
    for changed, message in [
        ({k: v for k, v in state.items() if k != name}, "is missing"),
        ({**state, name: state[name][:1]}, "must be float32 of shape"),
        ({**state, "more": np.zeros(1)}, "the array 'more' is unknown"),
        ({**state, "buffer.rewards": np.zeros((3, 4), dtype=np.float32)}, "as many rows each"),
        ({**state, "optimizer.99.step": np.zeros((), dtype=np.float32)}, "is of no parameter"),
    ]:
        with pytest.raises(ValueError, match=message):
            make_agent("dqn", Assignment(ID, 64, 0), VALUES).restore(changed)
