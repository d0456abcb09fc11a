"""Environments. Importing this package registers every id with Gymnasium."""

from __future__ import annotations

from typing import Any, Final

import gymnasium

from anb_gym import _ids
from anb_gym._lazy import submodules
from anb_gym.devices import DEVICES, KINDS, LEFT_OUT, DeviceError, LeftOut
from anb_gym.envs.registration import ByTheId
from anb_gym.tasks import ALL_DEVICES, TASKS, Task, device_task

#: Mean reward, in unit scale, from which a task counts as solved: the certified optimum has 1, random search's mean 0.
REWARD_THRESHOLD = 0.99

#: The name of the id whose task changes from episode to episode.
TRANSFER_ID: Final = _ids.TRANSFER


def vector_reward_id(task: Task) -> str:
    """The environment id of a task with a vector reward."""
    return _id(task, "vector reward")


def preference_id(task: Task) -> str:
    """The environment id of a task with two metrics whose reward has a preference drawn anew for each episode."""
    return _id(task, "preference")


def constrained_id(task: Task) -> str:
    """The environment id of a task with two metrics of which the second is bounded, as a cost."""
    return _id(task, "constrained")


def edit_id(task: Task) -> str:
    """The environment id of editing architectures for a task."""
    return _id(task, "edit")


def register() -> None:
    """Registers the ids of all tasks that Gymnasium does not know yet."""
    for task in (*TASKS.values(), ALL_DEVICES):
        named = ByTheId({"task": task.name}, ["task"])
        # Gymnasium's checker wants a scalar reward.
        _register(vector_reward_id(task), "vector_reward:MOBuildEnv", named, disable_env_checker=True)
        if task is ALL_DEVICES:
            continue
        _register(task.id, "build:BuildEnv", named, reward_threshold=REWARD_THRESHOLD)
        if len(task.metrics) == 2:
            sampled = ByTheId(named | {"reward": "chebyshev", "preference": "sampled"}, ["task", "preference"])
            _register(preference_id(task), "build:BuildEnv", sampled, reward_threshold=REWARD_THRESHOLD)
            _register(constrained_id(task), "constrained:ConstrainedBuildEnv", named)
        _register(edit_id(task), "edit:EditEnv", named, vector_entry="edit_vector:EditVectorEnv")
    # Devices from folders are not among them: what an observation means must not depend on the installation.
    names = [task.name for task in TASKS.values() if task.device and task.device not in DEVICES]
    _register(TRANSFER_ID, "transfer:TransferBuildEnv", {"tasks": names}, reward_threshold=REWARD_THRESHOLD)
    for device in LEFT_OUT:
        for env_id in _ids_of(device):
            if env_id not in gymnasium.registry:
                entry = f"{__name__}:left_out"
                gymnasium.register(env_id, entry, vector_entry_point=entry, kwargs={"reason": device.reason})


def _ids_of(device: LeftOut) -> list[str]:
    """The ids that a device would have had; none if its label cannot be read."""
    tasks = [device_task(device.label, kind) for kind in KINDS] if device.label else []
    return [_id(task, form) for task in tasks for form in _ids.FORMS]


def left_out(reason: str, **_: Any) -> None:
    """Stands for the environments of a device that could not be read.

    Raises:
        DeviceError: Always; it says why.
    """
    raise DeviceError(reason)


def _id(task: Task, form: str) -> str:
    return _ids.FORMS[form].format(task=task.name, version=task.version)


def _register(
    env_id: str, entry: str, kwargs: dict[str, Any], vector_entry: str | None = None, **arguments: Any
) -> None:
    """Registers a class of this package with its vector environment, by default beside it, unless the id is known."""
    if env_id not in gymnasium.registry:
        vector_entry = vector_entry or f"{entry.removesuffix('Env')}VectorEnv"
        gymnasium.register(
            env_id,
            entry_point=f"anb_gym.envs.{entry}",
            vector_entry_point=f"anb_gym.envs.{vector_entry}",
            kwargs=kwargs,
            **arguments,
        )


register()

__getattr__, __dir__ = submodules(__name__)
