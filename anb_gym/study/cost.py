"""Cost of evaluations: simulated GPU-hours of training, see :mod:`anb_gym.problems.cost`."""

from anb_gym.problems.cost import (
    GPUS,
    LONGEST,
    SHORTEST,
    gpu_hours,
    longest_hours,
    most_evaluations,
    shortest_hours,
    typical_hours,
)

__all__ = [
    "GPUS",
    "LONGEST",
    "SHORTEST",
    "gpu_hours",
    "longest_hours",
    "most_evaluations",
    "shortest_hours",
    "typical_hours",
]
