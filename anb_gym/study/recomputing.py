"""Runs that others made, recomputed from their architectures and compared with what is claimed of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from anb_gym._extras import require
from anb_gym._types import FloatArray
from anb_gym.space import SPACE, Indices
from anb_gym.study.analysis.anytime import BUDGETS, anytime, measures
from anb_gym.study.analysis.judging import Judge
from anb_gym.study.runs import noise_seed
from anb_gym.study.telling import Names, scores_of

#: Claims may differ by so much: relatively for metrics, absolutely for rewards and regrets in unit scale.
TOLERANCE: Final = 1e-6


@dataclass(frozen=True, eq=False)
class SubmittedRun:
    """One run of a submission.

    Attributes:
        judge: Judges its task.
        seed: The seed of its noise, and its world where runs are in worlds.
        index: What was evaluated, ``int64`` (n,), in order.
        claims: What is said about it.
        fidelity: Names of the fidelities of the evaluations, (n,); None on a task with one fidelity.
    """

    judge: Judge
    seed: int
    index: Indices
    claims: Mapping[str, Any] = field(default_factory=dict)
    fidelity: Names | None = None

    def __str__(self) -> str:
        return f"{self.judge}, seed {self.seed}"

    def columns(self) -> dict[str, Any]:
        """What results say of its evaluations, by name of the column; each (n,) or a scalar."""
        judge, states = self.judge.at(self.seed), SPACE.index_to_states(self.index)
        noise = noise_seed(judge.noise, self.seed)
        scores = scores_of(judge.problem, states, noise, judge.failures, self.seed, self.fidelity)
        known = {name: np.nan if values is None else values for name, values in scores.items()}
        return {"index": self.index, **known, "fidelity": self.fidelity}


@dataclass(frozen=True)
class Verdict:
    """Verdict on a run that was recomputed.

    Attributes:
        regret: Regret (hypervolume regret with two or three objectives) after numbers of evaluations; empty where no
            exact front is known.
        repeated: How many evaluations were of architectures evaluated before.
        mismatches: Claims that are wrong.
    """

    regret: Mapping[int, float]
    repeated: int
    mismatches: Sequence[str]


def validate_run(run: SubmittedRun) -> Verdict:
    """Recomputes a run and compares it with what it claims."""
    regret = _regret(run)
    return Verdict(
        {budget: regret[budget - 1] for budget in sorted({*BUDGETS, len(regret)}) if 0 < budget <= len(regret)},
        len(run.index) - len(np.unique(run.index)),
        list(_mismatches(run, regret)),
    )


def _regret(run: SubmittedRun) -> list[float]:
    """After each evaluation, with three objectives as of the last budget at which it is measured; empty with more."""
    judge, n = run.judge, len(run.index)
    if judge.n_objectives > 1 and judge.front is None:
        return []
    columns = {"controller": "", "seed": run.seed, **run.columns()}
    table = require("pandas", "study").DataFrame(columns, index=range(n))
    (curves,) = anytime(table, judge, measures(judge)[0]).values()
    values: list[float] = curves.values[0].tolist()
    return values


def _mismatches(run: SubmittedRun, regret: Sequence[float]) -> Iterator[str]:
    claims = run.claims
    for name, claimed in claims.get("metrics", {}).items():
        values = run.judge.at(run.seed).problem.benchmark.query(run.index, name)[name]
        yield from _differences(f"the {name} of evaluation", claimed, values, TOLERANCE * np.abs(values))
    if "reward" in claims:
        values = run.judge.at(run.seed).exact(run.index)[:, 0]
        yield from _differences("the reward of evaluation", claims["reward"], values, np.full(len(values), TOLERANCE))
    for budget, claimed in claims.get("regret", {}).items():
        if abs(claimed - regret[int(budget) - 1]) > TOLERANCE:
            yield f"the regret after {budget} evaluations is {regret[int(budget) - 1]:.9g}, claimed is {claimed:.9g}"


def _differences(what: str, claimed: Sequence[float], values: FloatArray, tolerance: FloatArray) -> Iterator[str]:
    wrong = np.flatnonzero(~(np.abs(np.asarray(claimed) - values) <= tolerance))
    if len(wrong):
        row = wrong[0]
        more = f"; {len(wrong) - 1} more differ" if len(wrong) > 1 else ""
        yield f"{what} {row + 1} is {values[row]:.9g}, claimed is {claimed[row]:.9g}{more}"
