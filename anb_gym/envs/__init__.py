"""Environments. Importing this package registers every id with Gymnasium."""

from __future__ import annotations

import gymnasium

from anb_gym.tasks import TASKS, Task

#: Mean reward, in unit scale, from which a task counts as solved: the certified optimum has 1, random search's mean 0.
REWARD_THRESHOLD = 0.99


def vector_reward_id(task: Task) -> str:
    """The environment id of a task with a vector reward."""
    return f"AccelNAS-{task.name}-MO-v{task.version}"


def register() -> None:
    """Registers the ids of all tasks that Gymnasium does not know yet."""
    for task in TASKS.values():
        if task.id not in gymnasium.registry:
            gymnasium.register(
                task.id,
                entry_point="anb_gym.envs.build:BuildEnv",
                reward_threshold=REWARD_THRESHOLD,
                kwargs={"task": task.name},
            )
        if vector_reward_id(task) not in gymnasium.registry:
            gymnasium.register(
                vector_reward_id(task),
                entry_point="anb_gym.envs.vector_reward:MOBuildEnv",
                disable_env_checker=True,  # it wants a scalar reward
                kwargs={"task": task.name},
            )


register()
