"""The page of an experiment with policies says what its runs say."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("pandas")

from anb_gym.calibration import resolution_of
from anb_gym.reports.markdown import number
from anb_gym.reports.policies import page, write_policies
from anb_gym.tasks import get_task

PREFERENCE, BOUND = "AccelNAS-VCK190-Preference-v0", "AccelNAS-VCK190-Bound-v0"


def _run(agent: str, id: str, seed: int, reward: float, **values: Any) -> dict[str, Any]:
    score: dict[str, Any] = {"task": "VCK190", "designs": 1001, "unique": 40, "regret": None, "coverage": None}
    score |= {"loss": None, "violations": None, "policy_score": reward - 0.5, "reward": reward, **values}
    scores = [{**score, "greedy": True}, {**score, "greedy": False, "policy_score": reward - 0.6}]
    took = {"unique": 900, "cpu_seconds": 2.0, "seconds": 3.0, "memory": 400.0}
    return {"agent": agent, "id": id, "evaluations": 1000, "seed": seed, "scores": scores, **took}


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    runs = [
        _run(agent, id, seed, base + 0.01 * seed, **({"coverage": base} if id == PREFERENCE else {}))
        for agent, base in (("good", 0.95), ("bad_one", 0.5))
        for id in (PREFERENCE, BOUND)
        for seed in range(3)
    ]
    for run in runs:
        if run["id"] == BOUND:
            for score in run["scores"]:
                score |= {"loss": 1.0 - score["reward"], "violations": 0.25}
    only = _run("only_fronts", PREFERENCE, 0, 0.97, coverage=0.99)
    return {
        "name": "made up",
        "skipped": [{"agent": "only_fronts", "id": BOUND, "reason": "a | b"}],
        "runs": [*runs, only],
    }


def _table(lines: list[str], title: str) -> dict[str, list[str]]:
    """Rows of the first table below a title, by their first cell."""
    start = lines.index(title)
    first = next(i for i in range(start, len(lines)) if lines[i].startswith("| agent"))
    rows = {}
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        rows[name] = cells
    return rows


def test_scores_lie_between_the_best_constant_and_the_optimum(results: dict[str, Any]) -> None:
    rows = _table(page(results), "## Policy, greedy")
    assert list(rows) == ["good", r"bad\_one", r"only\_fronts"]
    assert rows["good"][-1] == "0.460"  # of the seeds 0.45, 0.46 and 0.47
    assert float(_table(page(results), "## Policy, sampled")["good"][-1].strip("*")) == pytest.approx(0.36)
    assert rows[r"only\_fronts"][0] == "–"
    assert rows[r"only\_fronts"][-1].startswith("**")
    assert rows[r"bad\_one"][2] == "1.00"


def test_ids_that_few_agents_take_do_not_decide(results: dict[str, Any]) -> None:
    id = "AccelNAS-Transfer-v0"
    others = [_run(name, id, seed, 0.9) for name in ("good", "bad_one") for seed in range(3)]
    fronts = [_run(f"more{i}", of, seed, 0.9) for i in range(3) for of in (PREFERENCE, BOUND) for seed in range(3)]
    lines = page({**results, "runs": [*results["runs"], *others, *fronts]})
    rows = _table(lines, "## Policy, greedy")
    assert "| agent | 2 of 3 ids |" in "\n".join(lines)
    assert all(rows[name][0] != "–" for name in ("good", r"bad\_one", "more0", "more2"))
    assert rows["more0"][4] == "–"  # Transfer, first by name


def test_tracks_are_apart(results: dict[str, Any]) -> None:
    lines = page(results)
    known = resolution_of(get_task("VCK190"))
    assert known is not None
    # The hypervolumes differ by 0.04.
    assert known.hypervolume > 0.04  # type: ignore[operator]
    assert _table(lines, "## Front")["good"][-1] == "≈ 0.050"
    assert f"VCK190 {number(known.hypervolume)}." in lines[lines.index("## Front") + 6]  # type: ignore[arg-type]
    assert _table(lines, "## Front")[r"only\_fronts"][-1] == "**0.010**"
    assert float(_table(lines, "## Constraint, loss")["good"][-1].strip("*")) == pytest.approx(0.04)
    assert float(_table(lines, "## Constraint, violations")["good"][-1].strip("*")) == pytest.approx(0.25)
    assert r"| only\_fronts | AccelNAS-VCK190-Bound-v0 | a \| b |" in lines
    assert _table(lines, "## What it took")["good"] == ["1,000", "900", "40", "2.0", "3.0", "400"]


def test_fronts_are_compared_by_task(results: dict[str, Any]) -> None:
    vector = [_run("vector", "AccelNAS-VCK190-MO-v0", seed, 0.0, coverage=0.9) for seed in range(3)]
    for run in vector:
        run["scores"] = [{**run["scores"][0], "policy_score": None}]
    lines = page({**results, "runs": [*results["runs"], *vector]})
    start = lines.index("## Front")
    assert any(line.startswith("| agent | all tasks |") and line.endswith("| `VCK190` |") for line in lines[start:])
    rows = _table(lines, "## Front")
    assert float(rows["vector"][0]) == float(rows["vector"][-1]) == pytest.approx(0.1)
    assert rows["good"][0] == "≈ 0.050"  # not of the bound, which has no coverage
    assert "vector" not in _table(lines, "## Policy, greedy")


def test_files_are_written(results: dict[str, Any], tmp_path: Path) -> None:
    files = write_policies(results, tmp_path)
    assert files[0] == tmp_path / "policies.md"
    assert {path.name for path in files[1:]} == {
        f"1000-{name}.png" for name in ("policy", "sampled", "front", "loss", "violations")
    }
    assert all(path.stat().st_size > 0 for path in files)
