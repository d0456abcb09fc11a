"""Environments of TorchRL, which the pinned packages do not have."""

import warnings

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
