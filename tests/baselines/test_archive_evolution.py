"""Archive evolution keeps what nothing dominates, and searches along the whole front."""

from typing import Any

import numpy as np

from anb_gym import SPACE
from anb_gym.baselines.archive_evolution import ArchiveEvolution
from anb_gym.pareto import front, hypervolume
from anb_gym.space import Choices
from anb_gym.study.protocol import Brief

PROBLEM = Brief(2, 1000)


def test_parents_are_the_best_so_far(search: Any, vck190: Any) -> None:
    choices, objectives = search(ArchiveEvolution(PROBLEM, np.random.default_rng(0), n_random=10), vck190, 200)
    changes = []
    for i in range(10, 200):
        archive = front(objectives[:i], ["max", "max"])
        changes.append(int((choices[archive] != choices[i]).sum(axis=1).min()))
    # A child that was known is changed once more.
    assert set(changes) == {1, 2}
    assert changes.count(1) > 180
    assert len(np.unique(choices, axis=0)) == 200


def test_goes_on_when_all_neighbours_are_known(search: Any) -> None:
    """Only the first architecture is good, so it stays the only parent."""
    start: list[Choices] = []

    def evaluate(choices: Choices) -> Any:
        start.append(choices)
        return np.full((1, 2), 1.0 if len(start) == 1 else 0.0)

    choices, _ = search(ArchiveEvolution(PROBLEM, np.random.default_rng(0), n_random=1), evaluate, 400)
    assert len(np.unique(choices, axis=0)) == 400
    assert {row.tobytes() for row in SPACE.neighbours(choices[0])} <= {row.tobytes() for row in choices}


def test_finds_more_than_nsga2(search: Any, vck190: Any) -> None:
    from anb_gym.baselines.pymoo_algorithms import NSGA2Controller

    volumes = []
    for cls in (ArchiveEvolution, NSGA2Controller):
        _, objectives = search(cls(PROBLEM, np.random.default_rng(0)), vck190, 500)
        volumes.append(hypervolume(objectives, [-0.1, -0.1], ["max", "max"]))
    assert volumes[0] > volumes[1] + 0.03
