"""PPO, MaskablePPO, RecurrentPPO, TRPO, A2C, DQN and QR-DQN of Stable-Baselines3 and sb3-contrib.

An agent is a row at the end of this file: where its algorithm is, and the name of its settings. All of them train with
the settings in ``configs/agents``, see :mod:`anb_gym.agents.zoo`, unless others are given. The settings say how the
agent acts: by choices, by blocks or by whole networks (``env_kwargs``); it then acts in environments of any granularity
by completing what they show.

Learning is SB3's own, and never leaves one call of ``learn``. It is cut into segments of so many evaluations: where one
begins, the agent can be saved, the generators are seeded from the agent's seed and the number of the segment, and all
episodes start anew. So a training that was interrupted goes on as if it had not been, to the bit.
"""

from __future__ import annotations

import inspect
import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from functools import cached_property
from importlib import import_module
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from anb_gym._errors import choose
from anb_gym._extras import needing
from anb_gym._files import take_array
from anb_gym._types import FloatArray
from anb_gym.envs.core.copies import CopiesVectorEnv
from anb_gym.envs.core.rules import Interface, Rules
from anb_gym.envs.families import PREFIX
from anb_gym.space import Choices

from .agent import Agent, ArchitectureAgent, Assignment
from .picking import complete_network, pick
from .training import BudgetSpent, Training
from .zoo import SCHEDULES, check_settings, load_settings, settings_file

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.buffers import ReplayBuffer
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.vec_env import VecEnv

#: Arguments of SB3's classes that are no settings.
_NO_SETTINGS: Final = {
    "self", "env", "seed", "device", "verbose", "tensorboard_log", "stats_window_size", "_init_setup_model",
    "use_sde", "sde_sample_freq", "rollout_buffer_class", "rollout_buffer_kwargs",
    "replay_buffer_class", "replay_buffer_kwargs", "optimize_memory_usage",
}  # fmt: skip
#: What a budget of steps has to be larger than: SB3's `learn` ends when the budget of evaluations is spent.
_ENDLESS: Final = 2**60

#: Held by the thread that uses the global generators.
_GENERATORS: Final = threading.RLock()


class SB3Agent(ArchitectureAgent):
    """An algorithm of Stable-Baselines3 as an agent.

    Args:
        assignment: What it is to learn.
        **settings: Arguments of SB3's class, as RL Zoo's files have them, and ``n_envs``, the copies that step
            together; ``env_kwargs``, arguments of the environment unless the assignment has them; ``segment``, the
            evaluations between two places where it can be saved; ``blind``, whether what episodes ask for is hidden
            from it (observations show 0 instead), to see what knowing it is worth. They override those of the
            settings' file.

    Raises:
        ValueError: A setting is unknown or out of range; the environment has a vector reward, or actions that the
            algorithm cannot take; the budget is below one update.
        ModuleNotFoundError: The extra ``agents`` is not installed.
    """

    #: Where SB3's class is, and how RL Zoo calls the algorithm.
    algorithm: ClassVar[str]
    zoo: ClassVar[str]

    def __init__(self, assignment: Assignment, **settings: Any) -> None:
        with needing("agents"):
            signature = inspect.signature(self._class().__init__)
        known = {
            name: parameter.default
            for name, parameter in signature.parameters.items()
            if name not in _NO_SETTINGS and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        }
        known |= {"n_envs": 1, "env_kwargs": {}, "segment": 256, "blind": False, **self.own_settings()}
        given = {**load_settings(self.settings_file(), assignment.id), **settings}
        for name in given:
            choose(name, known, f"a setting of {self.zoo}")
        resolved = {**known, **given}
        check_settings(resolved)
        # Environments that edit have no granularity, and show observations of one kind.
        builds = assignment.rules is not None
        env_kwargs = resolved["env_kwargs"] if builds else {}
        resolved["env_kwargs"] = {name: value for name, value in env_kwargs.items() if name not in assignment.arguments}
        Agent.__init__(self, assignment, **resolved)  # which, unlike its parent, takes environments that edit
        self._check_assignment()
        self._model: BaseAlgorithm | None = None
        self._restored: dict[str, NDArray[Any]] = {}
        self._segment = 0

    @classmethod
    def _class(cls) -> Any:
        module, _, name = cls.algorithm.partition(":")
        return getattr(import_module(module), name)

    @classmethod
    def settings_file(cls) -> Path:
        return settings_file(cls.zoo)

    @classmethod
    def own_settings(cls) -> dict[str, Any]:
        """Settings that SB3's class has not, with their default values."""
        return {}

    def _check_assignment(self) -> None:
        assignment, name = self.assignment, type(self).__name__
        if assignment.problem.is_vector:
            raise ValueError(f"id must have a scalar reward for {name}, got {assignment.id!r}")
        if self.settings["blind"] and not assignment.problem.ask.n_cells:
            raise ValueError(f"blind must be False for {name}: episodes of {assignment.id!r} ask for nothing")
        steps = self._steps_of_update()
        if assignment.evaluations * self._n_steps < steps:
            raise ValueError(
                f"evaluations must be at least {ceil(steps / self._n_steps)} for {name}, one update of {steps} steps, "
                f"got {assignment.evaluations}"
            )

    def _steps_of_update(self) -> int:
        """Steps of all copies together until the end of the first update."""
        return int(self.settings["n_envs"] * self.settings["n_steps"])

    # --- environments ----------------------------------------------------------------------------------------------

    @cached_property
    def _rules(self) -> Rules | None:
        """The rules of the episodes that it learns from; None where it edits."""
        if self.assignment.rules is None:
            return None
        arguments = {**self.settings["env_kwargs"], **self.assignment.arguments}
        shown = {name: arguments[name] for name in ("granularity", "observation") if name in arguments}
        return Rules(self.problem, Interface(**shown))

    @property
    def _n_steps(self) -> int:
        """Steps that cost one evaluation."""
        return 1 if self._rules is None else self._rules.transition.n_steps

    def _environment(self, training: Training | None) -> VecEnv:
        """The environment in SB3's form: that of a training, or one to know its spaces from."""
        from anb_gym.envs.adapters.sb3 import NativeVecEnv

        arguments = {**self.settings["env_kwargs"], "autoreset_mode": AutoresetMode.SAME_STEP}
        n = self.settings["n_envs"]
        if training is not None:
            envs = training.make_vec_env(n, **arguments)
        else:
            made = gymnasium.make_vec(PREFIX + self.assignment.id, n, **self.assignment.arguments, **arguments)
            envs = cast(CopiesVectorEnv, made.unwrapped)
        shown = NativeVecEnv(envs)
        return _blinded(shown, self.problem.ask.n_cells) if self.settings["blind"] else shown

    # --- learning --------------------------------------------------------------------------------------------------

    def train(self, training: Training) -> None:
        from anb_gym._torch import torch_threads

        with global_generators(), torch_threads(1):
            model = self._make(self._environment(training))
            if self._restored:
                _state().load(model, self._restored, learning=True)
                self._restored = {}
            self._model = model

            def progress(num_timesteps: int, total_timesteps: int) -> None:
                model._current_progress_remaining = training.remaining / training.assignment.evaluations

            # Schedules follow the budget of evaluations: episodes that edit can have steps that cost none.
            model._update_current_progress_remaining = progress  # type: ignore[method-assign]
            learn: Any = model.learn
            learn(_ENDLESS, callback=_segments(self, training, model), log_interval=None, reset_num_timesteps=False)

    def _make(self, envs: VecEnv, **replaced: Any) -> BaseAlgorithm:
        """SB3's algorithm as it is before it has learned anything."""
        taken = inspect.signature(self._class().__init__).parameters
        # Some of the algorithms write into what they are given.
        arguments = deepcopy({name: value for name, value in self.settings.items() if name in taken}) | replaced
        for name in SCHEDULES:
            if isinstance(text := arguments.get(name), str):
                arguments[name] = _falling(float(text.removeprefix("lin_")))
        model: BaseAlgorithm = self._class()(env=envs, seed=self._seed(0), device="cpu", **arguments)
        return model

    def _seed(self, segment: int) -> int:
        return int(np.random.SeedSequence([self.assignment.seed, segment]).generate_state(1)[0] >> 1)

    def begin_segment(self, model: BaseAlgorithm) -> None:
        """Seeds everything anew and starts all episodes."""
        self._segment += 1
        seed = self._seed(self._segment)
        model.set_random_seed(seed)
        assert model.env is not None
        model._last_obs = model.env.reset()  # type: ignore[assignment]
        model._last_episode_starts = np.ones(model.env.num_envs, dtype=bool)

    def end_rollout(self, model: BaseAlgorithm) -> None:
        """Called after each rollout, before what is learned from it."""

    # --- acting ----------------------------------------------------------------------------------------------------

    def act(
        self, observations: NDArray[Any], masks: NDArray[Any], *, rng: np.random.Generator, greedy: bool = False
    ) -> NDArray[np.int64]:
        if self.assignment.rules is not None:
            return super().act(observations, masks, rng=rng, greedy=greedy)
        logits, _ = self._logits(np.asarray(observations), None)
        return pick(logits, self._allowed(np.asarray(masks, dtype=bool)), rng, greedy, self._exploration)

    def _design(self, options: Any, greedy: bool, rng: np.random.Generator) -> Choices:
        return (Agent if self.assignment.rules is None else ArchitectureAgent)._design(self, options, greedy, rng)

    def complete(self, choices: Choices, cells: FloatArray, rng: np.random.Generator, greedy: bool) -> Choices:
        rules = self._rules
        assert rules is not None
        tables, n = rules.transition, len(choices)
        observations = rules.encoding.first(n, np.zeros_like(cells) if self.settings["blind"] else cells)
        made, memory = np.array(choices, dtype=np.int8), None
        for step in range(tables.n_steps):
            span = slice(step * tables.choices_per_step, (step + 1) * tables.choices_per_step)
            logits, memory = self._logits(observations, memory)
            if tables.table is None:
                made = complete_network(logits, made, rng, greedy)
                break
            possible = self._allowed(np.broadcast_to(tables.masks[step].astype(bool), logits.shape))
            given = made[:, None, span]
            agrees = ((tables.table[step] == given) | (given < 0)).all(axis=2)
            actions = pick(logits, possible & agrees, rng, greedy, self._exploration)
            made[:, span] = tables.choose(step, actions)
            rules.encoding.write(observations, span.start, made[:, span])
        return made

    def _allowed(self, masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The actions that the algorithm may take: without masks, those beyond the options stand for one of them."""
        return np.ones_like(masks)

    @property
    def _exploration(self) -> float | None:
        """The share of random actions where actions are not greedy; None where they are drawn by their logits."""
        return None

    def _logits(self, observations: NDArray[Any], memory: Any) -> tuple[FloatArray, Any]:
        """Logits of actions, or of all options of the choices, (n, actions); and the memory after them."""
        import torch

        from anb_gym._torch import torch_threads

        policy = self._trained.policy
        policy.set_training_mode(False)
        with torch_threads(1), torch.no_grad():
            shown, _ = policy.obs_to_tensor(observations)
            logits, memory = self._forward(policy, shown, memory)
        return logits.numpy().astype(np.float64), memory

    def _forward(self, policy: Any, observations: Any, memory: Any) -> tuple[Any, Any]:
        """:meth:`_logits` in tensors."""
        return _distribution_logits(policy.get_distribution(observations)), None

    @property
    def _trained(self) -> BaseAlgorithm:
        """SB3's algorithm, to act with."""
        if self._model is None:
            with global_generators():
                self._model = self._make(self._environment(None), **self._small())
                if self._restored:
                    _state().load(self._model, self._restored, learning=False)
        return self._model

    def _small(self) -> dict[str, Any]:
        """Settings that spare memory where nothing is learned."""
        return {}

    # --- saving ----------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, NDArray[Any]]:
        if self._restored:
            return {"segment": np.array(self._segment), **self._restored}
        return {"segment": np.array(self._segment), **_state().saved(self._trained)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        arrays = dict(state)
        self._segment = int(take_array(arrays, "segment", "int64", ()))
        self._model, self._restored = None, arrays
        _ = self._trained  # which checks the arrays


class _Masked(SB3Agent):
    """An algorithm that knows which actions are valid."""

    def _allowed(self, masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return masks


class _ValueAgent(SB3Agent):
    """An algorithm that learns the values of actions from a replay buffer."""

    def _check_assignment(self) -> None:
        super()._check_assignment()
        if self._rules is not None and self._rules.transition.table is None:
            raise ValueError(f"granularity must be 'choice' or 'block' for {type(self).__name__}, got 'network'")

    def _steps_of_update(self) -> int:
        return int(max(self.settings["learning_starts"] + 1, self.settings["n_envs"] * self.settings["train_freq"]))

    def begin_segment(self, model: BaseAlgorithm) -> None:
        super().begin_segment(model)
        # Episodes that this cuts are truncated: what comes after is another episode.
        buffer: ReplayBuffer = model.replay_buffer  # type: ignore[attr-defined]
        if buffer.full or buffer.pos:
            buffer.timeouts[buffer.pos - 1] = 1.0 - buffer.dones[buffer.pos - 1]

    @property
    def _exploration(self) -> float:
        return float(self.settings["exploration_final_eps"])

    def _small(self) -> dict[str, Any]:
        return {"buffer_size": 1}

    def _forward(self, policy: Any, observations: Any, memory: Any) -> tuple[Any, Any]:
        return policy.q_net(observations), None


class PPO(SB3Agent):
    """Proximal policy optimisation, Schulman et al. 2017 (https://arxiv.org/abs/1707.06347)."""

    algorithm, zoo = "stable_baselines3:PPO", "ppo"


class MaskablePPO(_Masked):
    """PPO that draws valid actions alone, Huang and Ontañón 2022 (https://arxiv.org/abs/2006.14171)."""

    algorithm, zoo = "sb3_contrib:MaskablePPO", "maskable_ppo"


class RecurrentPPO(SB3Agent):
    """PPO with an LSTM over the steps of an episode."""

    algorithm, zoo = "sb3_contrib:RecurrentPPO", "ppo_lstm"

    def _check_assignment(self) -> None:
        super()._check_assignment()
        if self._rules is None:
            raise ValueError(
                f"id must be of an environment that builds architectures for RecurrentPPO, got {self.assignment.id!r}: "
                "observations that edit show all that there is to remember"
            )

    def begin_segment(self, model: BaseAlgorithm) -> None:
        super().begin_segment(model)
        states: Any = model._last_lstm_states  # type: ignore[attr-defined]
        model._last_lstm_states = type(states)(  # type: ignore[attr-defined]
            *(tuple(part.new_zeros(part.shape) for part in pair) for pair in states)
        )

    def _forward(self, policy: Any, observations: Any, memory: Any) -> tuple[Any, Any]:
        n, lstm = len(observations), policy.lstm_actor
        first = memory is None
        memory = (observations.new_zeros(lstm.num_layers, n, lstm.hidden_size),) * 2 if first else memory
        found, memory = policy.get_distribution(observations, memory, observations.new_full((n,), float(first)))
        return _distribution_logits(found), memory


class TRPO(SB3Agent):
    """Trust region policy optimisation, Schulman et al. 2015 (https://arxiv.org/abs/1502.05477)."""

    algorithm, zoo = "sb3_contrib:TRPO", "trpo"


class A2C(SB3Agent):
    """Advantage actor-critic, Mnih et al. 2016 (https://arxiv.org/abs/1602.01783)."""

    algorithm, zoo = "stable_baselines3:A2C", "a2c"


class DQN(_ValueAgent):
    """Deep Q-learning, Mnih et al. 2015 (https://doi.org/10.1038/nature14236)."""

    algorithm, zoo = "stable_baselines3:DQN", "dqn"


class QRDQN(_ValueAgent):
    """Deep Q-learning of quantiles, Dabney et al. 2018 (https://arxiv.org/abs/1710.10044)."""

    algorithm, zoo = "sb3_contrib:QRDQN", "qrdqn"

    def _forward(self, policy: Any, observations: Any, memory: Any) -> tuple[Any, Any]:
        return policy.quantile_net(observations).mean(dim=1), None


@contextmanager
def global_generators() -> Iterator[None]:
    """Gives the global generators back as they were: SB3 seeds and uses them, so one thread at a time may."""
    import torch

    with _GENERATORS:
        before = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])  # noqa: NPY002
            torch.set_rng_state(before[2])


def _state() -> Any:
    from . import sb3_state

    return sb3_state


def _segments(agent: SB3Agent, training: Training, model: BaseAlgorithm) -> BaseCallback:
    """Begins segments where they are due, and ends the learning when the budget is spent."""
    from stable_baselines3.common.callbacks import BaseCallback

    class Segments(BaseCallback):
        due = training.done

        def _on_rollout_start(self) -> None:
            if training.over:
                raise BudgetSpent
            if training.done >= self.due:
                self.due = training.done + agent.settings["segment"]
                training.checkpoint(agent)
                agent.begin_segment(model)

        def _on_rollout_end(self) -> None:
            agent.end_rollout(model)

        def _on_step(self) -> bool:
            return True

    return Segments()


def _blinded(envs: VecEnv, n_cells: int) -> VecEnv:
    """An environment whose observations show 0 in the last cells, which say what the episode asks for."""
    from stable_baselines3.common.vec_env import VecEnvWrapper

    class Blinded(VecEnvWrapper):
        def reset(self) -> Any:
            return self._hidden(self.venv.reset())

        def step_wait(self) -> Any:
            observations, rewards, dones, infos = self.venv.step_wait()
            for info in infos:
                if "terminal_observation" in info:
                    info["terminal_observation"] = self._hidden(info["terminal_observation"])
            return self._hidden(observations), rewards, dones, infos

        def _hidden(self, observations: Any) -> Any:
            hidden = observations.copy()
            hidden[..., -n_cells:] = 0.0
            return hidden

    return Blinded(envs)


def _distribution_logits(found: Any) -> Any:
    """The logits of a distribution of SB3, those of several choices one after the other."""
    import torch

    parts = getattr(found, "distributions", None) or found.distribution
    return torch.cat([part.logits for part in (parts if isinstance(parts, list) else [parts])], dim=1)


def _falling(start: float) -> Any:
    """A schedule that falls from a value to 0."""
    from stable_baselines3.common.utils import LinearSchedule

    return LinearSchedule(start, 0.0, 1.0)
