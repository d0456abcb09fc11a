"""Arguments that belong to an environment id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


class ByTheId(dict[str, Any]):
    """Arguments that an id gives its environment; ``gymnasium.make`` updates them with those of its caller.

    Args:
        arguments: By name.
        fixed: Names of those that make the id what it is: the caller's have to be the same.
    """

    def __init__(self, arguments: Any = (), fixed: Sequence[str] = ()) -> None:
        super().__init__(arguments)
        self.fixed = tuple(fixed)

    def update(self, arguments: Mapping[str, Any]) -> None:  # type: ignore[override] # as Gymnasium calls it
        """Takes over arguments; NumPy's numbers as Python's, which ``EnvSpec.to_json`` can write.

        Raises:
            ValueError: One contradicts the id.
        """
        for name in self.fixed:
            if name in arguments and arguments[name] != self[name]:
                raise ValueError(
                    f"{name} must be {self[name]!r}, which the id says, or left out, got {arguments[name]!r}; "
                    "take the id of what you mean"
                )
        super().update({n: value.item() if isinstance(value, np.generic) else value for n, value in arguments.items()})
