"""Audits certified optima: what is left of their advantage, and of fronts, in 100 worlds and under the other families.

The table of docs/worlds.md. The file is written after every task, and a run that was stopped goes on there::

    python scripts/audit_optima.py --surrogate gp-v1 --out runs/audit.json

A task takes half a minute to a minute of one core.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from anb_gym._errors import integer
from anb_gym._files import write_atomically
from anb_gym.problems import Problem
from anb_gym.reports.markdown import table
from anb_gym.rewards import make_reward
from anb_gym.robustness import audit, front_in_worlds
from anb_gym.robustness.auditing import WORLDS
from anb_gym.surrogates.store import choose_surrogate
from anb_gym.tasks import get_task, select_tasks


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line, audits, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--surrogate", default="gp", help="one that has worlds, by default gp")
    parser.add_argument("--tasks", nargs="+", metavar="TASK", help="by default all of the proxy scheme")
    parser.add_argument("--worlds", type=int, default=len(WORLDS), metavar="N", help="the first N, by default 100")
    parser.add_argument("--out", type=Path, required=True, help="the file of results, JSON")
    options = parser.parse_args(arguments)
    surrogate = choose_surrogate(options.surrogate, "--surrogate")
    worlds = range(integer(options.worlds, 1, "--worlds"))
    tasks = [get_task(name) for name in options.tasks] if options.tasks else select_tasks(fidelity="proxy")
    found: dict[str, Any] = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {}
    for task in tasks:
        name = f"{task.name} {surrogate} {options.worlds}"
        if name not in found:
            problem = Problem(task, make_reward("product", task), surrogate=surrogate)
            found[name] = [
                {"worlds": part.worlds.tolist(), "families": part.families} for part in audit(problem, worlds)
            ]
            stays = front_in_worlds(problem.front, worlds) if len(task.metrics) > 1 else None
            found[name].append(None if stays is None else float(np.median(stays)))
            options.out.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(options.out, (json.dumps(found) + "\n").encode())
    rows = [_row(task.name, *found[f"{task.name} {surrogate} {options.worlds}"]) for task in tasks]
    families = "other families"
    heads = ["Task", "Random mean: worlds", families, "Hundredth best: worlds", families, "Front stays"]
    print("\n".join(table(heads, rows)))


def _row(name: str, random: dict[str, Any], hundredth: dict[str, Any], stays: float | None) -> list[str]:
    cells = [name]
    for part in (random, hundredth):
        low, high = np.quantile(part["worlds"], [0.05, 0.95])
        cells.append(f"{np.mean(part['worlds']):.2f} ({low:.2f} to {high:.2f})")
        cells.append(", ".join(f"{share:.2f}" for share in part["families"].values()))
    return [*cells, "" if stays is None else f"{stays:.2f}"]


if __name__ == "__main__":
    main()
