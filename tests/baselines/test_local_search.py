"""Local search climbs by single choices, and starts again only at local optima."""

from typing import Any

import numpy as np
import pytest

from anb_gym import SPACE
from anb_gym.baselines.local_search import LocalSearch
from anb_gym.study.protocol import Brief


@pytest.fixture(scope="module")
def run(search: Any, accuracy: Any) -> tuple[Any, Any]:
    choices, scores = search(LocalSearch(Brief(1, 900), np.random.default_rng(0)), accuracy, 900)
    return choices, scores[:, 0]


def _climbs(choices: Any, scores: Any) -> list[tuple[list[int], int]]:
    """Reads the walk back from the record: the evaluations of each climb, and where it stood at the end."""
    climbs: list[tuple[list[int], int]] = []
    for i in range(len(choices)):
        if climbs and (choices[i] != choices[climbs[-1][1]]).sum() == 1:
            evaluations, place = climbs[-1]
            climbs[-1] = ([*evaluations, i], i if scores[i] > scores[place] else place)
        else:
            climbs.append(([i], i))
    return climbs


def test_starts_again_at_local_optima_only(run: tuple[Any, Any], accuracy: Any) -> None:
    climbs = _climbs(*run)
    assert len(climbs) >= 3
    for _, place in climbs[:-1]:
        assert accuracy(SPACE.neighbours(run[0][place])).max() <= run[1][place]


def test_a_climb_evaluates_nothing_twice(run: tuple[Any, Any]) -> None:
    for evaluations, _ in _climbs(*run):
        assert len(np.unique(run[0][evaluations], axis=0)) == len(evaluations)


def test_order_of_neighbours_is_random(search: Any) -> None:
    choices, _ = search(LocalSearch(Brief(1, 44), np.random.default_rng(0)), lambda c: np.zeros((len(c), 1)), 44)
    neighbours = SPACE.neighbours(choices[0])
    assert {row.tobytes() for row in choices[1:]} == {row.tobytes() for row in neighbours}
    assert not np.array_equal(choices[1:], neighbours)


def test_regret_on_accuracy(search: Any, accuracy: Any) -> None:
    """A median regret under 0.1 accuracy points; 7.18 points lie between random architectures and the optimum."""
    best = [
        search(LocalSearch(Brief(1, 1000), np.random.default_rng(seed)), accuracy, 1000)[1].max() for seed in range(5)
    ]
    assert np.median(best) > 1 - 0.1 / 7.18
