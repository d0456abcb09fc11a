"""Controllers that buy evaluations at two fidelities."""

import sys
from typing import Any

import numpy as np
import pytest

from anb_gym import SPACE
from anb_gym.baselines import BASELINES, make
from anb_gym.problems.cost import gpu_hours
from anb_gym.study.protocol import Brief, Fidelity

NAMES = [name for name, baseline in BASELINES.items() if baseline.fidelities]
every_name = pytest.mark.parametrize("name", NAMES)
HOURS = 75.0
BRIEF = Brief(1, 1000, HOURS, (Fidelity("proxy", 2.5), Fidelity("reference", 13.5)))
WANTED = SPACE.sample(1, np.random.default_rng(5))


def run(controller: Any, hours: float = HOURS) -> list[tuple[str, np.ndarray, float]]:
    """Fidelity, architecture and value of each evaluation: the share of choices as wanted, less at the proxy."""
    done = []
    while True:
        n = controller.batch_size
        choices, fidelity = controller.ask(n)
        assert (choices.shape, choices.dtype) == ((n, 28), np.dtype(np.int8))
        cost = gpu_hours(SPACE.to_states(choices), fidelity)
        hours -= cost.sum()
        if hours < 0.0:
            return done
        values = 2.0 * ((choices == WANTED).mean(axis=1) - 0.42) * (0.9 if fidelity == "proxy" else 1.0)
        done += [(fidelity, row, value) for row, value in zip(choices, values, strict=True)]
        controller.tell(choices, values[:, None], fidelity, cost)


@every_name
def test_it_buys_both_by_its_seed_alone(name: str) -> None:
    first, again, other = (run(make(name, BRIEF, np.random.default_rng(seed))) for seed in (0, 0, 1))
    assert {fidelity for fidelity, *_ in first} == {"proxy", "reference"}
    assert [row.tolist() for _, row, _ in first] == [row.tolist() for _, row, _ in again]
    assert [row.tolist() for _, row, _ in first] != [row.tolist() for _, row, _ in other]


@every_name
@pytest.mark.parametrize("brief", [Brief(1, 100), Brief(1, 100, 50.0), Brief(1, 100, None, BRIEF.fidelities)])
def test_it_refuses_one_fidelity_or_no_hours(name: str, brief: Brief) -> None:
    with pytest.raises(ValueError, match=f"fidelities of the problem must be several, in limited hours, for {name}"):
        make(name, brief, np.random.default_rng(0))


@every_name
def test_it_is_for_one_objective(name: str) -> None:
    with pytest.raises(ValueError, match=f"n_objectives of the problem must be at most 1 for {name}, got 2"):
        make(name, Brief(2, 100, HOURS, BRIEF.fidelities), np.random.default_rng(0))


@every_name
def test_told_nonsense(name: str) -> None:
    controller = make(name, BRIEF, np.random.default_rng(0))
    choices, fidelity = controller.ask(1)
    with pytest.raises(ValueError, match="objectives must be finite, got nan"):
        controller.tell(choices, np.full((1, 1), np.nan), fidelity, np.ones(1))


def test_rungs_of_successive_halving() -> None:
    """Six at the proxy, the best of which goes on, again and again; Hyperband adds two at the reference."""
    halving = run(make("successive_halving", BRIEF, np.random.default_rng(0)))
    names = [fidelity for fidelity, *_ in halving]
    assert names[:14] == (["proxy"] * 6 + ["reference"]) * 2
    for start in (0, 7):
        best = max(halving[start : start + 6], key=lambda one: one[2])
        assert halving[start + 6][1].tolist() == best[1].tolist()
    band = [fidelity for fidelity, *_ in run(make("hyperband", BRIEF, np.random.default_rng(0)), 150.0)]
    assert band[:15] == ["proxy"] * 6 + ["reference"] * 3 + ["proxy"] * 6
    steep = make("successive_halving", BRIEF, np.random.default_rng(0), eta=3)
    assert [fidelity for fidelity, *_ in run(steep)][:4] == ["proxy"] * 3 + ["reference"]


def test_the_best_of_the_proxy_are_trained_in_earnest() -> None:
    done = run(make("proxy_local_search", BRIEF, np.random.default_rng(0), share=0.5))
    names = [fidelity for fidelity, *_ in done]
    dear = names.index("reference")
    assert set(names[dear:]) == {"reference"}
    cheap = {row.tobytes(): value for _, row, value in done[:dear]}
    order = sorted(cheap, key=cheap.__getitem__, reverse=True)
    assert [row.tobytes() for _, row, _ in done[dear:]] == order[: len(done) - dear]


def test_the_process_predicts_the_reference_and_finds_what_is_wanted() -> None:
    controller = make("two_fidelity_gp", BRIEF, np.random.default_rng(0))
    done = run(controller)
    best = max(value for fidelity, _, value in done if fidelity == "reference")
    assert best > max(value for _, _, value in done[:10]) + 0.15, "better than the random ones to begin with"
    bought = [(fidelity, row.tobytes()) for fidelity, row, _ in done]
    assert len(set(bought)) == len(bought), "nothing is bought twice"


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("hyperband", {"eta": 1.5}, "eta must be a number of at least 2.0, got 1.5"),
        ("proxy_local_search", {"share": 2}, "share must be a number of at least 0.0 and at most 1.0, got 2"),
        ("two_fidelity_gp", {"n_initial": 1}, "n_initial must be an integer of at least 2, got 1"),
        ("two_fidelity_gp", {"beta": -1}, "beta must be a number of at least 0.0, got -1"),
        ("two_fidelity_gp", {"reserve": "all"}, "reserve must be a number .*, got 'all'"),
    ],
)
def test_bad_settings(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(name, BRIEF, np.random.default_rng(0), **settings)


def test_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "anb_gym.baselines.two_fidelity_gp", raising=False)
    for loaded in {"scipy", *(found for found in sys.modules if found.startswith("scipy."))}:
        monkeypatch.setitem(sys.modules, loaded, None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'anb_gym\[study\]'"):
        make("two_fidelity_gp", BRIEF, np.random.default_rng(0))
