"""Single copies of a vector environment: their generators and attributes, as ``SyncVectorEnv`` tells them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium.utils import seeding
from numpy.typing import NDArray

#: Methods of single environments that would change one copy behind the others' back.
_REFUSED: Final = ("reset", "step", "take_over", "close", "set_wrapper_attr")


class EachCopy(gymnasium.vector.VectorEnv[NDArray[Any], Any, NDArray[Any]], ABC):
    """Copies of an environment, each with a generator of its own, that share one environment to be looked at.

    Args:
        num_envs: How many copies.
        single_env: One copy, for all that the copies have in common.
    """

    def __init__(self, num_envs: int, single_env: Any) -> None:
        self.num_envs = num_envs
        self.single_env = single_env
        self._generators: list[np.random.Generator | None] = [None] * num_envs
        self._generator_seeds = [-1] * num_envs
        #: What ``set_attr`` has set, by copy.
        self._attributes: list[dict[str, Any]] = [{} for _ in range(num_envs)]

    @abstractmethod
    def action_masks(self) -> NDArray[np.bool_]:
        """Masks of valid actions, ``bool`` (num_envs, actions): none before the first reset and after an end."""

    @abstractmethod
    def single(self, row: int) -> Any:
        """The environment of a copy as it is now: to look at and to render, until another copy is asked for."""

    @property  # type: ignore[misc] # as in SyncVectorEnv: there is one per copy, and none can be set
    def np_random(self) -> Any:
        """The generators of the copies, a tuple."""
        return tuple(self._generator(row) for row in range(self.num_envs))

    @property
    def np_random_seed(self) -> Any:
        """The seeds of these, a tuple."""
        for row in range(self.num_envs):
            self._generator(row)
        return tuple(self._generator_seeds)

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Calls a method of every copy, or gets an attribute, as ``SyncVectorEnv.call``: such as ``"action_masks"``.

        Returns:
            A result per copy.

        Raises:
            ValueError: The method would start, step or change single copies.
            AttributeError: There is none of this name.
        """
        return tuple(self.call_copies(range(self.num_envs), name, args, kwargs))

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute of every copy, a tuple, as ``SyncVectorEnv.get_attr``: what ``set_attr`` set, else its own."""
        return self.call(name)

    def set_attr(self, name: str, values: Any) -> None:
        """Sets an attribute of the copies, as ``SyncVectorEnv.set_attr``.

        It can be ``"np_random"``, the generator of what is random, or a name that the environment does not have, a
        label that ``get_attr`` returns: the copies share all else, which is set by the environment's arguments.

        Args:
            name: Of the attribute.
            values: A list or a tuple of one value per copy; or one value for all.

        Raises:
            ValueError: The number of values is not that of the copies, or the name is another attribute.
        """
        of_copies = values if isinstance(values, list | tuple) else [values] * self.num_envs
        if len(of_copies) != self.num_envs:
            raise ValueError(f"values must be one value or {self.num_envs} of them, got {len(of_copies)}")
        for row, value in enumerate(of_copies):
            self.set_attribute(row, name, value)

    def call_copies(
        self, rows: Iterable[int], name: str, args: Sequence[Any], kwargs: Mapping[str, Any], argument: str = "name"
    ) -> list[Any]:
        """As :meth:`call`, for some copies; ``argument`` is what errors call the name."""
        if name in _REFUSED:
            raise ValueError(
                f"{argument} must not be {name!r}: all copies step together; use the methods of the vector environment"
            )
        if name == "action_masks":  # called at every step
            masks = self.action_masks()
            return [masks[row] for row in rows]
        results = []
        for row in rows:  # one copy is done before the next is looked at: they share one environment
            found = self.attribute(row, name)
            results.append(found(*args, **kwargs) if callable(found) else found)
        return results

    def attribute(self, row: int, name: str) -> Any:
        """An attribute of a copy as it is now, or what was set.

        Raises:
            AttributeError: There is none of this name.
        """
        if name in self._attributes[row]:
            return self._attributes[row][name]
        if name in ("np_random", "np_random_seed"):
            return getattr(self, name)[row]
        value = self.single(row).get_wrapper_attr(name)
        return value.copy() if isinstance(value, np.ndarray) else value

    def set_attribute(self, row: int, name: str, value: Any) -> None:
        """As :meth:`set_attr`, for one copy."""
        if name == "np_random":
            if not isinstance(value, np.random.Generator):
                raise ValueError(f"np_random must be a numpy.random.Generator, got {value!r}")
            self._generators[row], self._generator_seeds[row] = value, -1
        elif self.single_env.has_wrapper_attr(name):
            raise ValueError(
                f"name must be 'np_random' or one that the environment does not have, got {name!r}: the copies share "
                "it; give the environment other arguments instead"
            )
        else:
            self._attributes[row][name] = value

    def _generator(self, row: int) -> np.random.Generator:
        generator = self._generators[row]
        if generator is None:
            generator, self._generator_seeds[row] = seeding.np_random(None)
            self._generators[row] = generator
        return generator
