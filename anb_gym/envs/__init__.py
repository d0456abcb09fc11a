"""Environments. Importing this package registers every id with Gymnasium.

A family of environments is one file, and one row of :mod:`~anb_gym.envs.families`, from which its ids, its page and its
problems come; :func:`register` adds one of your own. What families share is in ``core``: episodes, actions,
observations, infos and batches of copies. ``adapters`` has what other libraries take, ``rendering`` the pictures.
"""

from __future__ import annotations

from typing import Any

import gymnasium

from anb_gym._lazy import submodules
from anb_gym.devices import KINDS, LEFT_OUT, DeviceError, LeftOut
from anb_gym.envs import families
from anb_gym.envs.core.registration import ByTheId
from anb_gym.envs.families import FAMILIES, REWARD_THRESHOLD, Family, make_problem
from anb_gym.tasks import device_task

__all__ = [
    "FAMILIES",
    "REWARD_THRESHOLD",
    "Family",
    "make_problem",
    "register",
]


def register(family: Family) -> None:
    """Adds a family to the table, so that documents, studies and :func:`make_problem` find it, and registers its ids.

    Raises:
        ValueError: Another family has its name, or one of its ids is malformed or registered already.
    """
    families.add(family)
    for env_id in family.ids():
        _register(env_id, family)


def _register(env_id: str, family: Family) -> None:
    arguments = family.ids()[env_id]
    gymnasium.register(
        env_id,
        entry_point=family.env,
        vector_entry_point=family.vector_env,
        kwargs=ByTheId(arguments, [name for name in arguments if name == "task" or name in family.fixed]),
        reward_threshold=family.threshold,
        # Gymnasium's checker wants a scalar reward.
        disable_env_checker=family.is_vector,
    )


def _register_all() -> None:
    """Registers the ids that Gymnasium does not know yet."""
    for env_id, family in families.ids().items():
        if env_id not in gymnasium.registry:
            _register(env_id, family)
    for device in LEFT_OUT:
        for env_id in _ids_of(device):
            if env_id not in gymnasium.registry:
                entry = f"{__name__}:left_out"
                gymnasium.register(env_id, entry, vector_entry_point=entry, kwargs={"reason": device.reason})


def _ids_of(device: LeftOut) -> list[str]:
    """The ids that a device would have had; none if its label cannot be read."""
    tasks = [device_task(device.label, kind) for kind in KINDS] if device.label else []
    return [
        env_id
        for task in tasks
        for family in FAMILIES.values()
        if "{task}" in family.id
        for env_id in family.ids_of(task)
    ]


def left_out(reason: str, **_: Any) -> None:
    """Stands for the environments of a device that could not be read.

    Raises:
        DeviceError: Always; it says why.
    """
    raise DeviceError(reason)


_register_all()

__getattr__, __dir__ = submodules(__name__)
