"""PPO trains, records what it evaluated, and repeats itself."""

from typing import Any

import gymnasium
import numpy as np
import pytest

from anb_gym import Benchmark

torch = pytest.importorskip("torch")
pytest.importorskip("stable_baselines3")
ppo = pytest.importorskip("anb_gym.agents.ppo")

SMALL = ppo.PPOSettings(n_envs=8, batch_size=112)
ENV_ID = "AccelNAS-VCK190-v0"


def _train(seed: int = 0, **arguments: Any) -> Any:
    return ppo.train_ppo(ENV_ID, 24, seed=seed, settings=SMALL, progress=False, **arguments)[1]


def test_records_every_evaluation() -> None:
    evaluations = _train(env_arguments={"reward_scale": "raw"})
    assert len(evaluations) == 24
    exact = Benchmark().query(evaluations.index, ["accuracy", "vck190/throughput"])
    assert list(evaluations.metrics) == list(exact)
    for name, values in exact.items():
        np.testing.assert_allclose(evaluations.metrics[name], values, rtol=1e-12)
    reward = exact["accuracy"] * (exact["vck190/throughput"] / 3000) ** 0.07
    np.testing.assert_allclose(evaluations.reward, reward, rtol=1e-6)
    assert evaluations.best == evaluations.reward.argmax()
    assert evaluations.best_so_far[-1] == evaluations.reward.max()


def test_the_seed_decides() -> None:
    first, again, other = _train(), _train(), _train(seed=1)
    np.testing.assert_array_equal(first.index, again.index)
    np.testing.assert_array_equal(first.reward, again.reward)
    assert not np.array_equal(first.index, other.index)


def test_threads_are_set_and_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    before, calls = torch.get_num_threads(), []
    monkeypatch.setattr(torch, "set_num_threads", calls.append)
    with pytest.raises(ValueError, match="surrogate"):
        _train(threads=3, env_arguments={"surrogate": "gpp"})
    assert calls == []
    _train(threads=3)
    assert calls == [3, before]


def test_model_designs_networks_and_progress_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    model, evaluations = ppo.train_ppo("AccelNAS-Accuracy-v0", 8, seed=0, settings=SMALL)
    assert "PPO on AccelNAS-Accuracy-v0" in capfd.readouterr().err
    assert list(evaluations.metrics) == ["accuracy"]
    env = gymnasium.make("AccelNAS-Accuracy-v0")
    observation, _ = env.reset()
    terminated = False
    while not terminated:
        action, _ = model.predict(observation, deterministic=True)
        observation, _, terminated, _, info = env.step(action)
    assert info["metrics"]["accuracy"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"episodes": 12}, "episodes must be a multiple of 8, so that updates are whole, got 12"),
        ({"episodes": 0}, "episodes must be an integer of at least 1, got 0"),
        ({"episodes": 8.0}, "episodes must be an integer of at least 1, got 8.0"),
        ({"seed": -1}, "seed must be an integer of at least 0, got -1"),
        ({"threads": 0}, "threads must be an integer of at least 1, got 0"),
        ({"env_arguments": {"reward": "prodct"}}, "did you mean 'product'"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ppo.train_ppo(**({"env_id": ENV_ID, "episodes": 8, "seed": 0, "settings": SMALL} | arguments))


def test_unknown_id() -> None:
    with pytest.raises(gymnasium.error.NameNotFound, match="AccelNAS"):
        ppo.train_ppo("AccelNAS-VCK19-v0", 8, seed=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_envs": 0}, "n_envs must be an integer of at least 1, got 0"),
        ({"n_steps": 2.5}, "n_steps must be an integer of at least 1, got 2.5"),
        ({"batch_size": 1000}, r"batch_size must divide n_envs \* n_steps = 1792, got 1000"),
    ],
)
def test_bad_settings(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ppo.PPOSettings(**arguments)


def test_recorder_without_episodes() -> None:
    with pytest.raises(ValueError, match="no episode has ended yet"):
        ppo.Recorder().evaluations()
