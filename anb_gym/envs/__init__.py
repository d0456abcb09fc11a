"""Environments. Importing this package registers every id with Gymnasium."""

from __future__ import annotations

import gymnasium

from anb_gym.tasks import TASKS


def register() -> None:
    """Registers the ids of all tasks that Gymnasium does not know yet."""
    for task in TASKS.values():
        if task.id not in gymnasium.registry:
            gymnasium.register(task.id, entry_point="anb_gym.envs.build:BuildEnv", kwargs={"task": task.name})


register()
