"""BANANAS learns, and proposes what is near the best and new."""

from typing import Any

import numpy as np

from anb_gym.baselines.bananas import BANANAS
from anb_gym.baselines.random_search import RandomSearch
from anb_gym.space import SPACE
from anb_gym.study.protocol import Brief


def test_beats_random_search(search: Any, accuracy: Any) -> None:
    best = []
    for cls, settings in ((BANANAS, {"n_steps": 60, "n_layers": 2}), (RandomSearch, {})):
        runs = [
            search(cls(Brief(1, 60), np.random.default_rng(seed), **settings), accuracy, 60)[1].max()
            for seed in range(3)
        ]
        best.append(np.median(runs))
    assert best[0] > best[1] + 0.05


def test_proposals_are_new_and_one_or_two_changes_from_the_best(toy: Any) -> None:
    controller = BANANAS(Brief(1, 30), np.random.default_rng(0), n_parents=1, n_steps=2)
    choices = SPACE.sample(20, np.random.default_rng(1))
    scores = toy(1)(choices)
    controller.tell(choices, scores)
    proposals = controller.ask(10)
    assert set((proposals != choices[scores[:, 0].argmax()]).sum(axis=1)) <= {1, 2}
    assert len(np.unique(proposals, axis=0)) == 10


def test_scores_that_are_all_the_same(toy: Any) -> None:
    controller = BANANAS(Brief(1, 30), np.random.default_rng(0), n_steps=2)
    choices = SPACE.sample(20, np.random.default_rng(1))
    controller.tell(choices, np.zeros((20, 1)))
    SPACE.validate_choices(controller.ask(10))
