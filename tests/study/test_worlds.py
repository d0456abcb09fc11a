"""Studies whose runs are played on worlds: run i in world i, judged there."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from anb_gym.envs.families import make_problem
from anb_gym.reports.leaderboard import page
from anb_gym.robustness import violation_in_worlds
from anb_gym.study.analysis.analyse import analyse
from anb_gym.study.analysis.anytime import anytime
from anb_gym.study.analysis.judging import Judge
from anb_gym.study.config import StudyConfig
from anb_gym.study.entries import with_submissions, write_submission
from anb_gym.study.excerpts import excerpt, load_results
from anb_gym.study.results import Results
from anb_gym.study.runner import run_study
from anb_gym.study.study_file import load_study

#: Tasks on pairs of blocks, whose worlds are quick; what the environment takes in the world of the run.
SCALAR, BOUND, VECTOR = "scalar", "bound", "vector"
TASKS: dict[str, tuple[str, dict[str, str]]] = {
    SCALAR: ("AccelNAS-ZCU102-v0", {}),
    BOUND: ("AccelNAS-ZCU102-v0", {"reward": "bounded"}),
    VECTOR: ("AccelNAS-ZCU102-MO-v0", {}),
}
STUDY = """
name: worlds
evaluations: 12
seeds: [3]
controllers: [TOYS:Toy]
tasks:
  - {name: scalar, id: AccelNAS-ZCU102-v0, worlds: true, noise: true}
  - {name: bound, id: AccelNAS-ZCU102-v0, worlds: true, reward: bounded}
  - {name: vector, id: AccelNAS-ZCU102-MO-v0, worlds: true}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyConfig, Path]:
    home = tmp_path_factory.mktemp("worlds")
    path = home / "study.yaml"
    path.write_text(STUDY.replace("TOYS", str(Path(__file__).parent / "toy_controllers.py")))
    study = load_study(path, {})
    run_study(study, home / "results", workers=1)
    return study, home / "results"


@pytest.mark.parametrize("task", [SCALAR, BOUND])
def test_runs_are_told_and_judged_in_the_world_of_their_seed(made: tuple[StudyConfig, Path], task: str) -> None:
    results = Results.load(made[1])
    rows = results.table[results.table["task"] == task]
    (curves,) = anytime(rows, Judge.of(results.tasks[task]), "regret").values()
    id, arguments = TASKS[task]
    for seed, values in zip(curves.seeds.tolist(), curves.values, strict=True):
        run = rows[rows["seed"] == seed]
        problem = make_problem(id, **arguments, world=seed)
        exact = problem.evaluate(run["index"].to_numpy())
        told = problem.evaluate(run["index"].to_numpy(), noise=seed if task == SCALAR else None).reward
        np.testing.assert_allclose(run["reward"], exact.reward, atol=1e-6)
        np.testing.assert_allclose(run["told"], told, atol=1e-6)
        assert values[-1] == pytest.approx(1.0 - exact.reward[told.argmax()], abs=1e-6)
        on_the_mean = make_problem(id, **arguments)
        assert not np.allclose(run["reward"], on_the_mean.evaluate(run["index"].to_numpy()).reward)
        if task == BOUND:
            (missed,) = violation_in_worlds(on_the_mean, run["index"].to_numpy(), [seed])
            np.testing.assert_allclose(missed, exact.cost, atol=1e-6)
            assert 0 < np.count_nonzero(missed) < len(missed)


def test_archives_are_judged_by_the_front_of_their_world(made: tuple[StudyConfig, Path]) -> None:
    results = Results.load(made[1])
    rows = results.table[results.table["task"] == VECTOR].copy()
    judge = Judge.of(results.tasks[VECTOR])
    members = make_problem(TASKS[VECTOR][0], world=3).front.indices
    rows["index"] = members[np.linspace(0, len(members) - 1, 12).astype(int)]  # a run that finds it
    assert judge.at(3) is judge.at(3)
    for measure in ("hypervolume_regret", "practical_hypervolume_regret", "igd_plus", "additive_epsilon"):
        there, on_the_mean = (
            next(iter(anytime(rows, j, measure).values())).values[0, -1] for j in (judge, Judge(judge.id))
        )
        assert 0.0 < there < 0.2
        assert there < on_the_mean


def test_the_page_of_a_study_in_worlds_follows_from_its_excerpt(made: tuple[StudyConfig, Path], tmp_path: Path) -> None:
    results = Results.load(made[1])
    (tmp_path / "runs.parquet").write_bytes(excerpt(results))
    again = load_results(tmp_path)
    lines, same = (page(found, analyse(found.table, found.tasks)) for found in (results, again))
    assert lines == same
    assert [line[3:] for line in lines if line.startswith("## ")] == [
        "Regret with noise in worlds",
        "Regret under a bound of what meets it in worlds",
        "Hypervolume regret in worlds",
    ]
    assert "### Bounds in worlds" not in lines  # each run is judged by its own


def test_a_study_in_worlds_resumes_and_grows_and_its_runs_can_be_submitted(
    made: tuple[StudyConfig, Path], tmp_path: Path
) -> None:
    study, folder = made
    one = dataclasses.replace(study, tasks=study.tasks[:1])
    assert run_study(one, tmp_path, workers=1).n_found == 0
    grown = run_study(dataclasses.replace(one, seeds=(2, 3)), tmp_path, workers=1)
    assert (grown.n_runs, grown.n_found) == (2, 1)
    before, after = Results.load(folder).table, Results.load(tmp_path).table
    same = [table[(table["task"] == SCALAR) & (table["seed"] == 3)]["told"].to_numpy() for table in (before, after)]
    np.testing.assert_array_equal(*same)
    on_the_mean = dataclasses.replace(study, tasks=[dataclasses.replace(study.tasks[0], worlds=False)])
    with pytest.raises(ValueError, match="holds another study: configuration.tasks.scalar.worlds is True there"):
        run_study(on_the_mean, tmp_path, workers=1)
    write_submission(Results.load(tmp_path), "Toy", tmp_path / "entry")
    content = json.loads((tmp_path / "entry" / "submission.json").read_text())
    assert content["runs"][0]["task"]["worlds"] is True
    (tmp_path / "entry" / "submission.json").write_text(json.dumps({**content, "controller": "theirs"}))
    both = with_submissions(Results.load(tmp_path), [tmp_path / "entry"])
    theirs = both.table[both.table["controller"] == "theirs"]
    np.testing.assert_allclose(theirs["told"], after["told"], atol=1e-9)


@pytest.mark.parametrize(
    ("task", "seeds", "message"),
    [
        ("id: AccelNAS-ZCU102-v0, surrogate: xgb", "2", "worlds must be false: only gp has worlds, got 'xgb'"),
        ("id: AccelNAS-ZCU102-v0, world: 3", "2", "worlds must be false where runs have no world of their own"),
        ("id: AccelNAS-All-MO-v0", "2", "worlds must be false with more than two objectives, got 9"),
        ("id: AccelNAS-ZCU102-v0", "[3, 2147483648]", "seeds must be numbers of worlds, below 2,147,483,648"),
    ],
)
def test_tasks_without_worlds_are_refused(write: Callable[[str], Path], task: str, seeds: str, message: str) -> None:
    text = f"name: a\nevaluations: 9\nseeds: {seeds}\ncontrollers: [TOYS:Toy]\ntasks:\n  - {{{task}, worlds: true}}\n"
    with pytest.raises(ValueError, match=message):
        load_study(write(text), {})
