"""The unit of work of proxy searches and collections: one architecture, trained with one scheme and one seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anb_gym.construction.schemes import Scheme


@dataclass(frozen=True)
class Unit:
    """One training.

    Attributes:
        architecture: Index in the search space.
        scheme: How it is trained.
        seed: Of everything random in the training.
    """

    architecture: int
    scheme: Scheme
    seed: int

    def __str__(self) -> str:
        return f"{self.scheme}/{self.architecture:012}-{self.seed}"


@dataclass(frozen=True)
class Trained:
    """Accuracy and time of a unit that was trained.

    Attributes:
        accuracy: Top-1 accuracy in percent.
        seconds: Training time.

    Raises:
        ValueError: A value is not finite or out of range. Bounds on a scheme's mean time need times of at least 0.
    """

    accuracy: float
    seconds: float

    def __post_init__(self) -> None:
        for name, high in (("accuracy", 100.0), ("seconds", np.inf)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= high:
                raise ValueError(f"{name} must be a number in 0..{high:g}, got {value!r}")
        if not np.isfinite(self.seconds):
            raise ValueError(f"seconds must be finite, got {self.seconds!r}")
