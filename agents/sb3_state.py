"""What an algorithm of Stable-Baselines3 goes on from, as arrays of numbers: no pickle, no zip of torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from anb_gym._files import take_array

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.buffers import ReplayBuffer

#: Counters of the algorithms, and rates that they work out at every step, where they have them.
_COUNTERS: Final = ("num_timesteps", "_n_updates", "_episode_num", "_n_calls")
_RATES: Final = ("exploration_rate", "_current_progress_remaining")
_COLUMNS: Final = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


def saved(model: BaseAlgorithm) -> dict[str, NDArray[Any]]:
    """The weights, the optimizer's averages, the counters and the replay buffer of an algorithm."""
    arrays = {f"policy.{name}": tensor.numpy().copy() for name, tensor in model.policy.state_dict().items()}
    for number, slots in _optimizer(model).state_dict()["state"].items():
        arrays |= {f"optimizer.{number}.{slot}": torch.as_tensor(value).numpy().copy() for slot, value in slots.items()}
    arrays |= {f"counter.{name}": np.array(getattr(model, name)) for name in _COUNTERS if hasattr(model, name)}
    arrays |= {f"rate.{name}": np.array(float(getattr(model, name))) for name in _RATES if hasattr(model, name)}
    if (buffer := _buffer(model)) is not None:
        arrays["buffer.next"] = np.array(buffer.pos)
        rows = len(buffer.observations) if buffer.full else buffer.pos
        arrays |= {f"buffer.{name}": getattr(buffer, name)[:rows].copy() for name in _COLUMNS}
    return arrays


def load(model: BaseAlgorithm, arrays: Mapping[str, NDArray[Any]], *, learning: bool) -> None:
    """Gives an algorithm what :func:`saved` has told of one with the same settings.

    Args:
        model: A new one.
        arrays: The arrays; all of them are checked.
        learning: Whether it goes on learning: if not it needs the weights alone, and no room for the rest.

    Raises:
        ValueError: An array is missing or unknown, or of another shape or dtype.
    """
    left = dict(arrays)
    weights = {
        name: torch.as_tensor(take_array(left, f"policy.{name}", str(tensor.numpy().dtype), tuple(tensor.shape)))
        for name, tensor in model.policy.state_dict().items()
    }
    averages = _take_averages(model, left)
    counters = {
        name: int(take_array(left, f"counter.{name}", "int64", ())) for name in _COUNTERS if hasattr(model, name)
    }
    rates = {name: float(take_array(left, f"rate.{name}", "float64", ())) for name in _RATES if hasattr(model, name)}
    columns = _take_buffer(model, left)
    if left:
        raise ValueError(f"the array {min(left)!r} is unknown")
    model.policy.load_state_dict(weights)
    for name, value in (counters | rates).items():
        setattr(model, name, value)
    if not learning:
        return
    optimizer = _optimizer(model)
    optimizer.load_state_dict({"state": averages, "param_groups": optimizer.state_dict()["param_groups"]})
    if (buffer := _buffer(model)) is not None:
        rows = len(columns["observations"])
        for name in _COLUMNS:
            own = getattr(buffer, name)
            if rows > len(own) or columns[name].shape[1:] != own.shape[1:]:
                raise ValueError(f"the array 'buffer.{name}' must fit {own.shape}, got {columns[name].shape}")
            own[:rows] = columns[name]
        buffer.pos, buffer.full = int(columns["next"]), rows == len(buffer.observations)


def _take_averages(model: BaseAlgorithm, left: dict[str, NDArray[Any]]) -> dict[int, dict[str, torch.Tensor]]:
    """The optimizer's averages by the number of the parameter."""
    parameters = [p for group in _optimizer(model).param_groups for p in group["params"]]
    averages: dict[int, dict[str, torch.Tensor]] = {}
    for name in [name for name in left if name.startswith("optimizer.")]:
        number, _, slot = name.removeprefix("optimizer.").partition(".")
        if not (number.isascii() and number.isdigit() and int(number) < len(parameters)):
            raise ValueError(f"the array {name!r} is of no parameter: there are {len(parameters)}")
        shape = () if slot == "step" else tuple(parameters[int(number)].shape)
        averages.setdefault(int(number), {})[slot] = torch.as_tensor(take_array(left, name, "float32", shape))
    return averages


def _take_buffer(model: BaseAlgorithm, left: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The rows of the replay buffer that are in use, and which comes next."""
    if (buffer := _buffer(model)) is None:
        return {}
    columns = {"next": take_array(left, "buffer.next", "int64", ())}
    for name in _COLUMNS:
        own = getattr(buffer, name)
        shape = (None, None, *own.shape[2:])
        columns[name] = take_array(left, f"buffer.{name}", str(own.dtype), shape)
    lengths = {len(columns[name]) for name in _COLUMNS}
    if len(lengths) > 1 or not 0 <= int(columns["next"]) <= max(lengths):
        raise ValueError("the arrays of the replay buffer must have as many rows each")
    return columns


def _optimizer(model: BaseAlgorithm) -> torch.optim.Optimizer:
    optimizer: torch.optim.Optimizer = model.policy.optimizer
    return optimizer


def _buffer(model: BaseAlgorithm) -> ReplayBuffer | None:
    """The replay buffer of an algorithm that has one."""
    return getattr(model, "replay_buffer", None)
