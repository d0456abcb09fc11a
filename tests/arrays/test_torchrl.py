"""Environments of TorchRL, which the pinned packages do not have."""

import warnings

import gymnasium
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("torchrl")


@pytest.mark.filterwarnings("ignore")
def test_specs_and_episodes() -> None:
    from torchrl.envs.utils import check_env_specs

    from anb_gym.torch.torchrl import TorchRLEnv

    for id, arguments in (
        ("AccelNAS-VCK190-v0", {}),
        ("AccelNAS-VCK190-Bound-v0", {"granularity": "block", "observation": "tokens"}),
        ("AccelNAS-VCK190-MO-v0", {"granularity": "network"}),
    ):
        env = TorchRLEnv(id, 3, **arguments)
        env.set_seed(0)
        check_env_specs(env)
        last = env.rollout(28)[:, -1]["next"]
        assert last["done"].all()
        assert (last["metrics"] > 0.0).all()
        assert ("cost" in last) == ("Bound" in id)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("id", "arguments"),
    [
        ("AccelNAS-VCK190-Constrained-v1", {}),
        ("AccelNAS-VCK190-v0", {"granularity": "block"}),
        ("AccelNAS-VCK190-v0", {"granularity": "network"}),
        ("AccelNAS-Edit-VCK190-v0", {}),
    ],
)
def test_a_reader_of_infos(id: str, arguments: dict[str, str]) -> None:
    from torchrl.envs import GymWrapper
    from torchrl.envs.utils import check_env_specs

    from anb_gym.torch.torchrl import InfoReader

    plain = gymnasium.make(f"anb_gym:{id}", **arguments)
    env = GymWrapper(plain, categorical_action_encoding=True)
    env.set_info_dict_reader(InfoReader(env))
    check_env_specs(env)
    steps = env.rollout(28)["next"]
    assert steps["action_mask"].shape[-1] == plain.unwrapped.action_masks().shape[-1]
    assert steps["raw_reward"][-1] > 0.0
    assert steps["regret"][-1] > 0.0
    assert steps["done"][-1]
    with pytest.raises(ValueError, match="keys must be one of .*, got 'regrets'; did you mean 'regret'"):
        InfoReader(env, ("regrets",))
