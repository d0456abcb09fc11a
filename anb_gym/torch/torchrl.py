"""Environments for TorchRL, whose tensors stay on the device. Needs the extra ``torchrl``."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces

from anb_gym._errors import choose
from anb_gym._extras import needing

with needing("torchrl"):
    import torch
    from tensordict import TensorDict, TensorDictBase
    from torch import Tensor
    from torchrl.data import Binary, Bounded, Categorical, Composite, MultiCategorical, Unbounded
    from torchrl.envs import EnvBase
    from torchrl.envs.gym_like import BaseInfoDictReader

    from anb_gym.torch.environment import BuildEnv, make

#: What is told of complete architectures beside the reward, where the environment of numpy tells it; zero before.
TOLD = ("raw_reward", "regret", "cost")


class TorchRLEnv(EnvBase):  # type: ignore[misc] # untyped where TorchRL is not installed
    """Copies of an environment that builds an architecture, as a batch of TorchRL.

    Keys are ``observation``, ``action_mask`` (``bool``, as ``ActionMask`` takes it), ``metrics``, and of
    :data:`TOLD` what the environment has. All copies are at the same step, so that they are reset together.

    Args:
        id: An environment id, as for :func:`anb_gym.torch.make`.
        num_envs: Copies.
        **arguments: As there.

    Raises:
        ValueError: As there.
    """

    def __init__(self, id: str, num_envs: int = 1, **arguments: Any) -> None:
        self._id, self._arguments = id, arguments
        copies = make(id, num_envs, **arguments)
        super().__init__(device=copies.device, batch_size=torch.Size([num_envs]))
        self._copies: BuildEnv = copies
        # One episode tells which of them there are.
        self._copies.reset()
        self._told = self._last_step()
        place: dict[str, Any] = {"device": self.device}
        observed = copies.single_observation_space
        n = (num_envs,)
        low, high = (torch.as_tensor(end).expand(*n, -1).clone() for end in (observed.low, observed.high))
        masks = copies.action_masks()
        self.observation_spec = Composite(
            observation=Bounded(low, high, dtype=low.dtype, **place),
            action_mask=Binary(masks.shape[1], shape=masks.shape, dtype=torch.bool, **place),
            **{name: Unbounded(value.shape, dtype=value.dtype, **place) for name, value in self._told.items()},
            shape=n,
        )
        acted = copies.single_action_space
        if isinstance(acted, spaces.Discrete):
            self.action_spec = Categorical(int(acted.n), shape=n, dtype=torch.int64, **place)
        else:
            self.action_spec = MultiCategorical(acted.nvec.tolist(), shape=(*n, len(acted.nvec)), **place)
        dim = copies.rules.reward_dim or 1
        self.reward_spec = Unbounded((*n, dim), dtype=copies.dtype, **place)
        self.full_done_spec = Composite(
            done=Binary(1, shape=(*n, 1), dtype=torch.bool, **place),
            terminated=Binary(1, shape=(*n, 1), dtype=torch.bool, **place),
            shape=n,
        )

    def _reset(self, tensordict: TensorDictBase | None, **kwargs: Any) -> TensorDictBase:
        if tensordict is not None and "_reset" in tensordict and not bool(tensordict["_reset"].all()):
            raise ValueError("_reset must be true of all copies, which are at the same step")
        return self._shown(self._copies.reset(), self._nothing())

    def _step(self, tensordict: TensorDictBase) -> TensorDictBase:
        observations, rewards, terminated, infos = self._copies.step(tensordict["action"])
        told = {name: self._column(infos[name]) for name in self._told} if terminated else self._nothing()
        shown = self._shown(observations, told)
        ended = torch.full((*self.batch_size, 1), terminated, dtype=torch.bool, device=self.device)
        shown.update({"reward": self._column(rewards), "done": ended, "terminated": ended.clone()})
        return shown

    def _set_seed(self, seed: int | None) -> None:
        self._copies.seed(0 if seed is None else seed)

    def _shown(self, observations: Tensor, told: dict[str, Tensor]) -> TensorDict:
        shown = {"observation": observations, "action_mask": self._copies.action_masks().bool(), **told}
        return TensorDict(shown, batch_size=self.batch_size, device=self.device)

    def _nothing(self) -> dict[str, Tensor]:
        return {name: torch.zeros_like(value) for name, value in self._told.items()}

    def _last_step(self) -> dict[str, Tensor]:
        limits = torch.as_tensor(self._copies.rules.transition.limits)
        actions = torch.zeros((*self.batch_size, *limits.shape), dtype=torch.int64, device=self.device)
        infos: dict[str, Tensor] = {}
        for _ in range(self._copies.n_steps):
            *_, infos = self._copies.step(actions)
        return {name: self._column(infos[name]) for name in ("metrics", *TOLD) if name in infos}

    def _column(self, values: Tensor) -> Tensor:
        return values if values.ndim == 2 else values[:, None]


class InfoReader(BaseInfoDictReader):  # type: ignore[misc] # untyped where TorchRL is not installed
    """What a ``GymWrapper`` of TorchRL takes from the infos of an environment of this package, and drops without it.

    It is given to the wrapper, ``env.set_info_dict_reader(InfoReader(env))``; docs/clients.md has an example.

    ``action_mask`` (``bool``, as ``ActionMask`` takes it), and of complete architectures what is asked for, ``float64``
    (): zero before, and where the environment does not tell it.

    Args:
        env: The environment that is wrapped.
        keys: Some of :data:`TOLD`.

    Raises:
        ValueError: A key is unknown.
    """

    def __init__(self, env: Any, keys: tuple[str, ...] = TOLD) -> None:
        self._keys = tuple(choose(key, TOLD, "keys") for key in keys)
        shape = env.unwrapped.action_masks().shape
        told = {key: Unbounded((), dtype=torch.float64) for key in self._keys}
        self._spec = Composite(action_mask=Binary(shape[-1], shape=shape, dtype=torch.bool), **told, shape=[])

    @property
    def info_spec(self) -> Composite:
        """What is read."""
        return self._spec

    def __call__(self, info_dict: dict[str, Any], tensordict: TensorDictBase) -> TensorDictBase:
        """Adds what an info has to what is known of a step."""
        told = {key: torch.tensor(float(info_dict.get(key, 0.0)), dtype=torch.float64) for key in self._keys}
        return tensordict.update({"action_mask": torch.as_tensor(info_dict["action_mask"]).bool(), **told})
