"""Render modes, and what ``render`` returns in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import logger
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from anb_gym.envs.rendering.picture import picture
from anb_gym.envs.rendering.reference import reference
from anb_gym.envs.rendering.text import text_table
from anb_gym.tasks import Task


def render(
    mode: str | None,
    task: Task,
    surrogate: str,
    choices: Sequence[int] | None,
    metrics: Mapping[str, float] | None = None,
    reward: Any = None,
    changed: int | None = None,
) -> str | NDArray[np.uint8] | None:
    """Draws a network as a render mode says.

    Args:
        mode: ``"ansi"`` for a table, ``"rgb_array"`` for a picture; None draws nothing and warns.
        task: The task, whose known architectures a picture shows the metrics beside.
        surrogate: Family of the surrogates.
        choices: The first choices of an architecture, at most 28; None before the first episode.
        metrics: Values by name; None while there are none.
        reward: The reward, a number or a vector; None while there is none.
        changed: Position of the choice made last, to point it out; None for none.

    Raises:
        ResetNeeded: No episode has begun.
        ModuleNotFoundError: A picture needs the extra ``render``, and it is not installed.
    """
    if mode is None:
        logger.warn('render() shows nothing unless the environment is made with render_mode="ansi"')
        return None
    if choices is None:
        raise ResetNeeded("call reset() before render(): no episode has begun")
    if mode == "ansi":
        return text_table(choices, metrics, reward, changed)
    return picture(choices, metrics, reward, changed, reference(task, surrogate))
