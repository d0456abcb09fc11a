"""Environments. Importing this package registers every id with Gymnasium."""

from __future__ import annotations

from typing import Any, Final

import gymnasium

from anb_gym import _ids
from anb_gym._lazy import submodules
from anb_gym.devices import KINDS, LEFT_OUT, DeviceError, LeftOut
from anb_gym.envs import families
from anb_gym.envs.core.registration import ByTheId
from anb_gym.envs.families import FAMILIES, REWARD_THRESHOLD, make_problem
from anb_gym.tasks import Task, device_task

__all__ = [
    "FAMILIES",
    "REWARD_THRESHOLD",
    "TRANSFER_ID",
    "constrained_id",
    "edit_id",
    "make_problem",
    "preference_id",
    "register",
    "vector_reward_id",
]

#: The name of the id whose task changes from episode to episode.
TRANSFER_ID: Final = _ids.TRANSFER


def vector_reward_id(task: Task) -> str:
    """The environment id of a task with a vector reward."""
    return FAMILIES["vector_reward"].id_of(task)


def preference_id(task: Task) -> str:
    """The environment id of a task with two metrics whose reward has a preference drawn anew for each episode."""
    return FAMILIES["preference"].id_of(task)


def constrained_id(task: Task) -> str:
    """The environment id of a task with two metrics of which the second is bounded, as a cost."""
    return FAMILIES["constrained"].id_of(task)


def edit_id(task: Task) -> str:
    """The environment id of editing architectures for a task."""
    return FAMILIES["edit"].id_of(task)


def register() -> None:
    """Registers the ids of all families that Gymnasium does not know yet."""
    for env_id, family in families.ids().items():
        if env_id in gymnasium.registry:
            continue
        arguments = family.ids()[env_id]
        fixed = [name for name in arguments if name == "task" or name in family.fixed]
        gymnasium.register(
            env_id,
            entry_point=f"anb_gym.envs.{family.env}",
            vector_entry_point=f"anb_gym.envs.{family.vector_env}",
            kwargs=ByTheId(arguments, fixed),
            reward_threshold=family.threshold,
            # Gymnasium's checker wants a scalar reward.
            disable_env_checker=family.name == "vector_reward",
        )
    for device in LEFT_OUT:
        for env_id in _ids_of(device):
            if env_id not in gymnasium.registry:
                entry = f"{__name__}:left_out"
                gymnasium.register(env_id, entry, vector_entry_point=entry, kwargs={"reason": device.reason})


def _ids_of(device: LeftOut) -> list[str]:
    """The ids that a device would have had; none if its label cannot be read."""
    tasks = [device_task(device.label, kind) for kind in KINDS] if device.label else []
    return [family.id_of(task) for task in tasks for family in FAMILIES.values() if "{task}" in family.id]


def left_out(reason: str, **_: Any) -> None:
    """Stands for the environments of a device that could not be read.

    Raises:
        DeviceError: Always; it says why.
    """
    raise DeviceError(reason)


register()

__getattr__, __dir__ = submodules(__name__)
