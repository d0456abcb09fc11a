"""The command ``evaluate``: what an agent's policy is worth."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anb_gym._extras import needing
from anb_gym.cli._agents import add_agent, load_agent, warn_if_unfinished
from anb_gym.cli._options import add_json, print_json

if TYPE_CHECKING:
    from anb_gym.agents.scores import Score


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    evaluate = commands.add_parser("evaluate", help="score an agent's policy, greedy and sampled")
    add_agent(evaluate)
    evaluate.add_argument(
        "--n", type=int, metavar="N", help="designs that are sampled, or evenly spaced preferences, by default 1,001"
    )
    evaluate.add_argument("--seed", type=int, default=0, metavar="S", help="of what is sampled, by default 0")
    add_json(evaluate)
    evaluate.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    with needing("agents"):
        from anb_gym.agents.pretraining import KINDS, PROBE_AGENTS
        from anb_gym.agents.scores import N_DESIGNS, score_agent
    found = []
    # A device has an agent of each kind.
    for kind in ["weights"] if Path(options.agent).exists() or options.agent in PROBE_AGENTS else KINDS:
        saved, agent = load_agent(options, kind)
        scores = score_agent(agent, N_DESIGNS if options.n is None else options.n, options.seed)
        about = {"agent": saved.name, "id": saved.assignment.id, "evaluations": saved.done}
        found.append({**about, "scores": [asdict(score) for score in scores]})
        if not options.json:
            print(f"{saved.name} on {saved.assignment.id}, {saved.done:,} evaluations, seed {saved.assignment.seed}")
            warn_if_unfinished(saved)
            print(table(scores))
    if options.json:
        print_json(found[0] if len(found) == 1 else found)


def table(scores: Sequence[Score]) -> str:
    """Scores as lines in columns."""
    several = len({score.task for score in scores}) > 1
    columns: dict[str, list[Any]] = {
        "task": [score.task for score in scores] if several else [None],
        "policy": ["greedy" if score.greedy else "sampled" for score in scores],
        "designs": [f"{score.designs:,}" for score in scores],
        "different": [f"{score.unique:,}" for score in scores],
        "mean reward": [_number(score.reward) for score in scores],
        "mean regret": [_number(score.regret) for score in scores],
        "beyond the best constant": [_number(score.policy_score) for score in scores],
        "coverage of the front": [_number(score.coverage) for score in scores],
        "least coverage": [_number(score.least_coverage) for score in scores],
        "broken bounds": [_number(score.violations) for score in scores],
        "median loss of accuracy": [_number(score.loss) for score in scores],
    }
    return in_columns({name: values for name, values in columns.items() if any(values)}, left=("task", "policy"))


def in_columns(columns: dict[str, list[Any]], left: Sequence[str]) -> str:
    """Columns of texts below their names, aligned; None is shown as a dash."""
    lines = [list(columns), *([value or "–" for value in row] for row in zip(*columns.values(), strict=True))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if name in left else cell.rjust(width)
            for name, cell, width in zip(columns, line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"
