"""Episodes of ``AccelNAS-Probe-v0`` played by heuristics, through the environment alone, and what they are worth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import gymnasium
import numpy as np

from anb_gym.envs.core.measuring import MEASURE, SUBMIT, Measuring
from anb_gym.envs.probe import ProbeEnv
from anb_gym.generalisation.heuristics import Heuristic, Seen, load_pool
from anb_gym.space import SPACE, States

#: Measurements after which designs are looked at; -1 where the heuristic itself decides that no more pay.
COUNTS: Final = (0, 1, 2, 3, 5, 10, -1)


@dataclass(frozen=True)
class Episode:
    """What an episode came to.

    Attributes:
        device: The device's name.
        count: One of :data:`COUNTS`.
        measurements: How many were made.
        total: The sum of all rewards.
        reward: That of the design alone.
        cost: By what part of the bound the design misses it.
        regret: Points of accuracy below the best; infinite if the bound is missed.
    """

    device: str
    count: int
    measurements: int
    total: float
    reward: float
    cost: float
    regret: float


def play(
    env: gymnasium.Env[Any, Any],
    heuristic: Heuristic,
    counts: Sequence[int] = COUNTS,
    seed: int = 0,
    options: dict[str, Any] | None = None,
) -> Iterator[Episode]:
    """Plays an episode again and again, with more and more measurements.

    Args:
        env: Made with ``granularity="network"`` and a budget of at least the largest count.
        heuristic: What to measure and to submit.
        counts: Of measurements.
        seed: Of the episode and of the heuristic.
        options: Of ``reset``, with a device whose optimum is certified.

    Yields:
        An episode for each count, of the same device and bound.

    Raises:
        ValueError: The environment is another, or its budget is less than a count.
    """
    rng = np.random.default_rng(seed)
    rules = _rules(env)
    if max(counts) > rules.budget:
        raise ValueError(f"counts must be at most the budget of env, {rules.budget}, got {max(counts)}")
    pool = load_pool(rules.problem.kind)
    known: list[Seen] = []
    networks: list[States] = []
    for count in counts:
        observation, _ = env.reset(seed=seed, options=options)
        total, made = 0.0, 0
        while True:
            if made == len(known):  # what was seen before is seen again
                choices, logs = rules.read(observation)
                known.append(Seen(pool, SPACE.to_states(choices), logs))
            seen = known[made]
            if made == rules.budget or made == count or (count < 0 < made and seen.gains.max() <= rules.price):
                break
            if made == len(networks):
                networks.append(heuristic.measure(seen, rng))
            observation, reward, *_ = env.step(_action(MEASURE, networks[made]))
            total, made = total + float(reward), made + 1
        _, reward, _, _, info = env.step(_action(SUBMIT, heuristic.design(seen)))
        yield Episode(info["device"], count, made, total + float(reward), float(reward), info["cost"], info["regret"])


def _rules(env: gymnasium.Env[Any, Any]) -> Measuring:
    found = env.unwrapped
    if not isinstance(found, ProbeEnv) or not found.rules.at_once:
        raise ValueError(f"env must be AccelNAS-Probe with granularity='network', got {env}")
    return found.rules


def _action(purpose: int, states: States) -> list[int]:
    return [purpose, *SPACE.from_states(states[None])[0].tolist()]
