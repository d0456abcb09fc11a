"""PPO of Stable-Baselines3 as a designer of networks, and the record of what it designed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import integer
from anb_gym._extras import needing, require

with needing("agents"):
    from stable_baselines3 import PPO
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.vec_env import VecEnv

    from anb_gym._torch import torch_threads
    from anb_gym.envs.sb3 import make_vec_env


@dataclass(frozen=True)
class PPOSettings:
    """Settings that suit episodes of 28 steps with one reward at the end.

    Undiscounted returns (gamma and lambda 1), because only the last step is
    rewarded; the ids that edit reward every step and want 0.9 for both. Many
    environments and large batches, because the time goes into calls of the
    policy: SB3's defaults are about eight times slower.

    Attributes:
        n_envs: Environments that step together.
        n_steps: Steps of each environment between updates; 28 is one episode.
        batch_size: Steps per gradient step.
        gamma: Discount.
        gae_lambda: Lambda of the advantage estimate.
        learning_rate: Learning rate of Adam.
        ent_coef: Weight of the entropy bonus.
    """

    n_envs: int = 64
    n_steps: int = 28
    batch_size: int = 448
    gamma: float = 1.0
    gae_lambda: float = 1.0
    learning_rate: float = 1e-3
    ent_coef: float = 0.005

    def __post_init__(self) -> None:
        for name in ("n_envs", "n_steps", "batch_size"):
            integer(getattr(self, name), 1, name)
        if self.n_envs * self.n_steps % self.batch_size:
            steps = self.n_envs * self.n_steps
            raise ValueError(f"batch_size must divide n_envs * n_steps = {steps}, got {self.batch_size}")


#: The default settings.
SETTINGS: Final = PPOSettings()


@dataclass(frozen=True, eq=False)
class Evaluations:
    """Architectures in the order in which a controller had them evaluated.

    Attributes:
        index: ``int64`` (n,), positions in the search space.
        metrics: ``float64`` (n,) by name.
        reward: ``float64`` (n,).
    """

    index: NDArray[np.int64]
    metrics: Mapping[str, NDArray[np.float64]]
    reward: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.index)

    @property
    def best(self) -> int:
        """The position of the first evaluation with the largest reward."""
        return int(self.reward.argmax())

    @property
    def best_so_far(self) -> NDArray[np.float64]:
        """The largest reward up to each evaluation, ``float64`` (n,)."""
        return np.maximum.accumulate(self.reward)


class Recorder(BaseCallback):
    """Records the architecture of every episode that ends, from its last info.

    Works with every Stable-Baselines3 algorithm. Rewards have the precision
    of SB3's environments, float32.

    Args:
        on_episodes: Called after each step that ends episodes with their number
            and the best reward so far, to show progress.
    """

    def __init__(self, on_episodes: Callable[[int, float], None] | None = None) -> None:
        super().__init__()
        self._on_episodes = on_episodes
        self._rows: list[tuple[int, dict[str, float], float]] = []
        self._best = -np.inf

    def _on_step(self) -> bool:
        ended = np.flatnonzero(self.locals["dones"])
        for i in ended:
            info, reward = self.locals["infos"][i], float(self.locals["rewards"][i])
            self._rows.append((info["index"], info["metrics"], reward))
            self._best = max(self._best, reward)
        if self._on_episodes and len(ended):
            self._on_episodes(len(ended), self._best)
        return True

    def evaluations(self) -> Evaluations:
        """The record so far.

        Raises:
            ValueError: No episode has ended.
        """
        if not self._rows:
            raise ValueError("no episode has ended yet, so there is nothing to return")
        index, metrics, reward = zip(*self._rows, strict=True)
        columns = {name: np.array([values[name] for values in metrics]) for name in metrics[0]}
        return Evaluations(np.array(index, dtype=np.int64), columns, np.array(reward))


def train_ppo(
    env_id: str,
    episodes: int = 5120,
    *,
    seed: int,
    threads: int = 1,
    settings: PPOSettings = SETTINGS,
    env_arguments: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> tuple[PPO, Evaluations]:
    """Trains PPO on an environment with a scalar reward.

    The same arguments give the same result on the same machine and versions.
    SB3 seeds the global generators of Python, numpy and torch.

    Args:
        env_id: Such as ``"AccelNAS-VCK190-v0"``.
        episodes: How many architectures to evaluate: whole updates, by default a
            multiple of 64.
        seed: Seed of the policy, its exploration and the environments, at least 0.
        threads: Threads of torch while it trains. The networks are small: one is
            as fast as several.
        settings: Of PPO.
        env_arguments: Keyword arguments of the environment.
        progress: Whether to show a progress bar on standard error.

    Returns:
        The trained model, and every architecture that it evaluated.

    Raises:
        ValueError: ``episodes``, ``seed`` or ``threads`` is out of range.
        gymnasium.error.Error: The id is unknown.
    """
    seed, threads, episodes = integer(seed, 0, "seed"), integer(threads, 1, "threads"), integer(episodes, 1, "episodes")
    environments = make_vec_env(env_id, settings.n_envs, env_kwargs=env_arguments)
    length, per_update = _episode_length(environments), settings.n_envs * settings.n_steps
    unit = per_update // math.gcd(per_update, length)
    if episodes % unit:
        raise ValueError(f"episodes must be a multiple of {unit}, so that updates are whole, got {episodes}")
    steps = episodes * length

    arguments = {name: value for name, value in asdict(settings).items() if name != "n_envs"}
    with torch_threads(threads), _bar(episodes, f"PPO on {env_id}", progress) as show:
        model = PPO("MlpPolicy", environments, seed=seed, device="cpu", **arguments)
        recorder = Recorder(show)
        model.learn(steps, callback=recorder)
    return model, recorder.evaluations()


def _episode_length(environments: VecEnv) -> int:
    """Steps of an episode, which are always as many."""
    environments.reset()
    length, over = 0, False
    while not over:
        actions = [environments.action_space.sample() for _ in range(environments.num_envs)]
        _, _, dones, _ = environments.step(np.array(actions))
        length, over = length + 1, bool(dones.any())
    return length


@contextmanager
def _bar(total: int, title: str, visible: bool) -> Iterator[Callable[[int, float], None]]:
    tqdm = require("tqdm", "agents").tqdm
    with tqdm(total=total, desc=title, unit=" networks", mininterval=0.5, disable=not visible) as display:

        def show(ended: int, best: float) -> None:
            display.set_postfix_str(f"best reward {best:.3f}", refresh=False)
            display.update(ended)

        yield show
