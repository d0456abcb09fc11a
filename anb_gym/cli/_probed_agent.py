"""``anb-gym design DIR --probes``: what an agent designs for a device whose probes were measured."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from anb_gym import SPACE, Architecture
from anb_gym._errors import integer, positive
from anb_gym._extras import needing
from anb_gym._types import FloatArray
from anb_gym.cli import _probed
from anb_gym.cli._agents import asked_for, load_agent, warn_if_unfinished
from anb_gym.devices import KINDS

if TYPE_CHECKING:
    from anb_gym.hardware.estimation import Estimate
    from anb_gym.hardware.times import Times
    from anb_gym.problems import GeneratedProblem

#: Preferences that are designed for if none is given.
_PREFERENCES: Final = 11


def run(options: argparse.Namespace) -> None:
    """Lets the agent design, and prints its designs with their expected times."""
    with needing("agents"):
        from anb_gym.agents.agent import ArchitectureAgent
        from anb_gym.hardware.estimation import NOISE, estimate
        from anb_gym.hardware.units import in_unit
        from anb_gym.problems import GeneratedProblem
    for name in ("target", "front", "device"):
        if (value := getattr(options, name)) is not None:
            raise ValueError(f"--{name} has no meaning for an agent with --probes, got {value}")
    saved, agent = load_agent(options)
    problem = agent.problem
    if not isinstance(problem, GeneratedProblem) or not isinstance(agent, ArchitectureAgent):
        raise ValueError(f"--probes are for agents of generated devices, {saved.name} learned {saved.assignment.id}")
    times = _probed.read(options.probes, options.kind or problem.kind)
    if times.kind != problem.kind:
        raise ValueError(f"--kind must be {problem.kind}, which {saved.name} has learned, got {times.kind}")
    noise = NOISE if options.noise is None else positive(options.noise, "--noise")
    believed = estimate(times.states, times.seconds, times.kind, noise=noise)
    logs, places = _probe_times(times), _places(problem, options, believed)
    cells = problem.ask.cells_of(np.repeat(logs[None], len(places), axis=0), places)
    choices = agent.design_for(cells, greedy=len(np.unique(places)) == len(places), seed=options.seed)
    states = SPACE.to_states(choices)
    mean, std = believed.predict(states)
    columns: dict[str, list[Any]] = {
        "architecture": [str(Architecture.from_index(int(index))) for index in SPACE.to_index(choices)],
        "index": SPACE.to_index(choices).tolist(),
        "accuracy": problem.benchmark.query_states(states, ["accuracy"])["accuracy"].tolist(),
        times.kind: in_unit(times.kind, np.exp(mean)).tolist(),
        "uncertainty": std.tolist(),
    }
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if options.json:
        print(
            json.dumps({"agent": saved.name, "id": saved.assignment.id, "kind": times.kind, "designs": rows}, indent=2)
        )
    elif options.csv:
        writer = csv.DictWriter(sys.stdout, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        from anb_gym.cli.evaluate import in_columns

        print(f"{saved.name} on {saved.assignment.id}, {saved.done:,} evaluations, seed {saved.assignment.seed}")
        warn_if_unfinished(saved)
        shown: dict[str, list[Any]] = {
            "architecture": columns["architecture"],
            "accuracy (%)": [f"{value:.2f}" for value in columns["accuracy"]],
            f"expected {times.kind} ({KINDS[times.kind][0]})": [f"{value:,.4g}" for value in columns[times.kind]],
            "uncertain by": [f"{value:.1%}" for value in columns["uncertainty"]],
        }
        print(in_columns(shown, left=("architecture",)))


def _probe_times(times: Times) -> FloatArray:
    """Log seconds of the ten probes, in their order.

    Raises:
        ValueError: One was not measured.
    """
    from anb_gym.hardware.probes import probe_states

    known = dict(zip(SPACE.states_to_index(times.states).tolist(), np.log(times.seconds).tolist(), strict=True))
    wanted = SPACE.states_to_index(probe_states()).tolist()
    missing = [index for index in wanted if index not in known]
    if missing:
        raise ValueError(
            f"--probes must have the times of all {len(wanted)} probes for an agent, {len(missing)} are missing, "
            f"such as {Architecture.from_index(missing[0])}: anb-gym probes writes the table"
        )
    return np.array([known[index] for index in wanted])


def _places(problem: GeneratedProblem, options: argparse.Namespace, believed: Estimate) -> FloatArray:
    """The weights of accuracy, or the places of bounds, that designs are for, ``float64`` (n,)."""
    asked, preference = asked_for(problem, options).get("preference"), problem.ask.preference
    if asked is None:
        spread = preference is not None or problem.is_vector
        return np.linspace(0.0, 1.0, integer(options.n or (_PREFERENCES if spread else 1), 1, "--n"))
    n = integer(options.n or 1, 1, "--n")
    if preference == "weights":
        from anb_gym.rewards import check_weights

        return np.full(n, check_weights(asked, 2, "--preference")[0])
    return np.full(n, _place_of_bound(asked, problem, believed))


def _place_of_bound(bound: float, problem: GeneratedProblem, believed: Estimate) -> float:
    """Where a bound lies between the metric of the most accurate network, 0, and of the fastest, 1, as expected."""
    from anb_gym.hardware.costs import STARTS
    from anb_gym.hardware.units import in_unit

    fastest = [part.argmin() for part in np.split(believed.tables.values, STARTS[1:])]
    most_accurate = SPACE.index_to_states(problem.benchmark.front("accuracy").indices[:1])[0]
    logs, _ = believed.predict(np.stack([most_accurate, fastest]))
    nadir, ideal = in_unit(problem.kind, np.exp(logs)).tolist()
    return float(np.clip((bound - nadir) / (ideal - nadir), 0.0, 1.0))
