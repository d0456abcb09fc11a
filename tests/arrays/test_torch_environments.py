"""Environments on tensors of PyTorch, against those of numpy."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

import anb_gym.torch

N = 6
CASES: dict[str, dict[str, Any]] = {
    "AccelNAS-A100-Preference-v0": {"observation": "tokens"},
    "AccelNAS-Bounds-v0": {},
    "AccelNAS-Transfer-v0": {"granularity": "block"},
    "AccelNAS-VCK190-Bound-v0": {"granularity": "network"},
    "AccelNAS-ZCU102-Latency-MO-v0": {"granularity": "block", "observation": "tokens"},
    "AccelNAS-ZCU102-Constrained-v1": {"granularity": "network", "observation": "tokens"},
    "AccelNAS-Generated-v0": {"devices": range(1_000_000, 1_000_003)},
    "AccelNAS-Generated-MO-v0": {"devices": [3, 5], "kind": "latency", "granularity": "block", "observation": "tokens"},
    "AccelNAS-Generated-Preference-v0": {"devices": [7, 1_000_001], "granularity": "network", "leave_out": "tpu"},
    "AccelNAS-Generated-Constrained-v0": {"devices": [1_000_000, 1_000_007], "granularity": "network"},
}


@pytest.mark.parametrize(("id", "arguments"), CASES.items(), ids=CASES)
def test_episodes_are_those_of_numpy(id: str, arguments: dict[str, Any]) -> None:
    envs = gym.make_vec(f"anb_gym:{id}", N, autoreset_mode="Disabled", **arguments)
    ours = anb_gym.torch.make(id, N, dtype=torch.float64, **arguments)
    rounded = anb_gym.torch.make(id, N, device="meta", **arguments)
    rounded.reset()
    expected, _ = envs.reset(seed=3)
    request = {name: values.copy() for name, values in vars(envs.unwrapped._request).items()}
    asked = next((request[name] for name in ("values", "value", "number") if name in request), None)
    if "device" in request:
        ask = ours.problem.ask
        numbers = [list(ask.devices).index(seed) for seed in request["device"]]
        bounded = ask.preference == "bound"
        asked = np.stack([numbers, ask.bounds(envs.unwrapped._request) if bounded else request["place"]], axis=1)
    observations = ours.reset(asked)
    np.testing.assert_array_equal(observations, expected)
    assert observations.numpy().dtype == expected.dtype
    terminated = False
    while not terminated:
        actions = envs.action_space.sample()
        expected, rewards, ended, _, infos = envs.step(actions)
        observations, found, terminated, info = ours.step(torch.tensor(actions))
        np.testing.assert_array_equal(observations, expected)
        np.testing.assert_array_equal(info["action_mask"], infos["action_mask"])
        np.testing.assert_allclose(found, rewards, rtol=1e-12 if rewards.dtype == np.float64 else 1e-6, atol=1e-12)
        assert terminated == ended.all()
        _, abstract, _, _ = rounded.step(torch.tensor(actions, device="meta"))
        assert (abstract.shape, abstract.dtype) == (found.shape, torch.float32)
    for key in {"raw_reward", "regret", "cost"} & {*infos}:
        np.testing.assert_allclose(info[key], infos[key], rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(anb_gym.SPACE.states_to_index(info["states"].long().numpy()), infos["index"])


def test_bad_input_is_named() -> None:
    envs = anb_gym.torch.make("AccelNAS-VCK190-v0", 2)
    with pytest.raises(ValueError, match="step must follow reset: no episode has begun"):
        envs.step(torch.zeros(2, dtype=torch.int64))
    envs.reset()
    with pytest.raises(ValueError, match=r"integers of the shape \(2,\), got torch.float32 of the shape \(2,\)"):
        envs.step(torch.zeros(2))
    with pytest.raises(ValueError, match="asked must be None: episodes ask for nothing"):
        envs.reset(asked=3)
    with pytest.raises(ValueError, match=r"asked must have the shape \(2, 2\), got \(3,\)"):
        anb_gym.torch.make("AccelNAS-VCK190-Preference-v0", 2).reset(asked=[0.1, 0.2, 0.7])


def test_devices_are_drawn_by_seeds() -> None:
    seeds, n = [1_000_000, 1_000_001, 1_000_002], 200
    envs = anb_gym.torch.make("AccelNAS-Generated-Constrained-v0", n, devices=seeds, granularity="network", seed=0)
    observations = envs.reset()
    probes = {tuple(row) for row in observations[:, -11:-1].tolist()}
    assert len(probes) == len(seeds)
    assert 0.0 <= observations[:, -1].min() < 0.1 < 0.9 < observations[:, -1].max() <= 1.0
    fastest = torch.zeros((n, 28), dtype=torch.int8)
    _, _, _, info = envs.step(fastest)
    assert (info["cost"] >= 0.0).all()
    again = envs.reset([1.0, float("nan")])  # of this device, with bounds of its own
    assert len({tuple(row) for row in again[:, -11:-1].tolist()}) == 1
    assert again[:, -1].unique().numel() > 100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "devices must be 'test' or at most 1,024 seeds, .*; got 10,000"),
        ({"devices": "test", "probe_noise": 0.1}, "probe_noise must be 0 on arrays, got 0.1"),
    ],
)
def test_devices_that_arrays_have_not(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        anb_gym.torch.make("AccelNAS-Generated-v0", 2, **arguments)
    assert anb_gym.torch.make("AccelNAS-Generated-v0", 2, reward_scale="raw").reset().shape == (2, 110)


def test_seeds_repeat_what_episodes_ask_for() -> None:
    first, again = (anb_gym.torch.make("AccelNAS-VCK190-Preference-v0", 4, seed=5) for _ in range(2))
    drawn = first.reset()
    assert torch.equal(again.reset(), drawn)
    assert not torch.equal(first.reset(), drawn)
