"""Split halves of the data."""

from __future__ import annotations

import pytest

from anb_gym.construction import halves
from anb_gym.construction.dataset import Dataset
from anb_gym.construction.fitting import Job
from anb_gym.tasks import get_task


def test_halves_judge_each_other(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """The optimum of a half has regret under the other, and none under itself."""

    def quick(family: str, metric: str, seed: int, version: int) -> Job:
        return Job(family, metric, seed, {"order": 1, "subset": 200, "iterations": 5}, version)

    monkeypatch.setattr(halves.Job, "configured", quick)
    both = halves.Halves(dataset)
    one, other = both.regrets(get_task("Accuracy"), "gp")
    assert 0.0 <= one < 0.5
    assert 0.0 <= other < 0.5
    assert both.regrets(get_task("Accuracy"), "gp") == (one, other)
    fits = both._fit("accuracy", 0)
    monkeypatch.setitem(both._fitted, ("accuracy", 0), [fits[0], fits[0]])
    assert both.regrets(get_task("Accuracy"), "gp") == (0.0, 0.0)
    assert not set(both._records[0]) & set(both._records[1])
