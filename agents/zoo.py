"""Settings of agents in the files that RL Zoo reads, ``configs/agents/*.yaml``.

A file has the name that RL Zoo gives the algorithm, and an entry an id, or ``default`` for all that have none::

    default:
      n_envs: 16
      n_timesteps: !!float 1e5      # RL Zoo's budget; agents of this package have a budget of evaluations
      policy: MlpPolicy
      env_kwargs: {granularity: network}
      learning_rate: lin_0.003      # falls to 0 with the budget

What RL Zoo evaluates as Python, such as text in ``policy_kwargs``, is refused here: a file is data.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final

from anb_gym._errors import choose, integer, number, positive
from anb_gym._files import read_yaml, refusing
from anb_gym.envs.families import ids
from anb_gym.tasks import get_task

#: Keys that only RL Zoo has a use for.
_OF_THE_ZOO: Final = ("n_timesteps", "normalize")
#: The task on which settings are tuned: ids without an entry have the settings of its id of the same family.
_TUNED: Final = "CPU"
#: Settings by the values that they may have, where the algorithm has them.
_INTEGERS: Final = (
    "n_envs", "n_steps", "batch_size", "n_epochs", "buffer_size", "train_freq", "gradient_steps",
    "target_update_interval", "segment",
)  # fmt: skip
_FRACTIONS: Final = ("gamma", "gae_lambda", "tau", "exploration_fraction", "exploration_initial_eps",
                     "exploration_final_eps")  # fmt: skip
SCHEDULES: Final = ("learning_rate", "clip_range", "clip_range_vf")


def settings_file(algorithm: str) -> Path:
    """The file that ships for an algorithm, by the name that RL Zoo gives it."""
    return Path(str(resources.files("anb_gym.configs"))) / "agents" / f"{algorithm}.yaml"


def load_settings(path: Path, id: str) -> dict[str, Any]:
    """The settings that a file has for an id: its own, those of the same family on the task CPU, or the default.

    Raises:
        ValueError: The file is not of the form above, or has no entry that fits.
    """
    content = read_yaml(path, ValueError, extra="agents")
    with refusing(path, ValueError):
        if not isinstance(content, Mapping) or not all(isinstance(entry, Mapping) for entry in content.values()):
            raise ValueError("it must have an entry an id, each with settings by name")
        family = ids().get(id)
        names = [id, *([family.id_of(get_task(_TUNED))] if family else []), "default"]
        found = next((content[name] for name in names if name in content), None)
        if found is None:
            raise ValueError(f"it must have an entry for {id!r}, or a default, got {', '.join(map(repr, content))}")
        if found.get("normalize"):
            raise ValueError(f"normalize must be false: rewards have the unit scale, got {found['normalize']!r}")
        return {name: value for name, value in found.items() if name not in _OF_THE_ZOO}


def check_settings(settings: Mapping[str, Any]) -> None:
    """Checks the values of settings.

    Raises:
        ValueError: One is out of range.
    """
    for name in _INTEGERS:
        if name in settings:
            integer(settings[name], 1, name)
    for name in _FRACTIONS:
        if name in settings and not 0.0 <= number(settings[name], name) <= 1.0:
            raise ValueError(f"{name} must lie in 0..1, got {settings[name]!r}")
    for name in SCHEDULES:
        if (value := settings.get(name)) is None:
            continue
        text = value.removeprefix("lin_") if isinstance(value, str) else value
        try:
            positive(float(text), name)
        except (TypeError, ValueError):
            raise ValueError(f"{name} must be a positive number, or such as 'lin_0.001', got {value!r}") from None
    if not isinstance(settings["blind"], bool):
        raise ValueError(f"blind must be true or false, got {settings['blind']!r}")
    if not isinstance(settings["env_kwargs"], Mapping):
        raise ValueError(f"env_kwargs must be a dict, got {settings['env_kwargs']!r}")
    for name in settings["env_kwargs"]:
        choose(name, ("granularity", "observation"), "a name in env_kwargs")
    if {"n_steps", "batch_size"} <= settings.keys() and "buffer_size" not in settings:
        steps = settings["n_envs"] * settings["n_steps"]
        if steps % settings["batch_size"]:
            raise ValueError(f"batch_size must divide n_envs * n_steps = {steps}, got {settings['batch_size']}")
