"""The command ``design``: an agent's architectures, beside the certified best; or those for measured times."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from anb_gym import SPACE, Architecture
from anb_gym._errors import integer
from anb_gym.benchmark import PREDICTED
from anb_gym.cli import _probed, _probed_agent
from anb_gym.cli._agents import add_agent, add_request, asked_for, kind_asked_for, load_agent, warn_if_unfinished
from anb_gym.cli._options import add_json, print_json
from anb_gym.devices import KINDS
from anb_gym.metrics import GENERATED, readable

if TYPE_CHECKING:
    from anb_gym.agents.agent import Agent
    from anb_gym.agents.designs import Designs
    from anb_gym.problems import GeneratedProblem

_UNITS: Final = {**PREDICTED, **{name: KINDS[kind][0] for kind, name in GENERATED.items()}}
#: Preferences that are designed for if none is given.
_PREFERENCES: Final = 11


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    design = commands.add_parser("design", help="let an agent design architectures, or design from measured times")
    add_agent(design, optional=True)
    design.add_argument(
        "--n",
        type=int,
        metavar="N",
        help="how many, by default the most probable one, or one for each of 11 preferences",
    )
    add_request(design)
    _probed.add_options(design)
    design.add_argument("--seed", type=int, default=0, metavar="S", help="of what is sampled, by default 0")
    form = design.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print CSV")
    add_json(form)
    design.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    if options.probes is not None:
        (_probed if options.agent is None else _probed_agent).run(options)
        return
    if options.agent is None:
        raise ValueError("name an agent, DIR or DEVICE, or the --probes of a device nobody has seen")
    for name in ("kind", "target", "front", "noise"):
        if (value := getattr(options, name)) is not None:
            raise ValueError(f"--{name} has no meaning without --probes, got {value}")
    if options.n is not None:
        integer(options.n, 1, "--n")
    integer(options.seed, 0, "--seed")
    saved, agent = load_agent(options, kind_asked_for(options))
    found = [record for designs in _designs(agent, options) for record in _records(designs)]
    if options.json:
        about = {"agent": saved.name, "id": saved.assignment.id, "evaluations": saved.done}
        print_json({**about, "designs": found})
    elif options.csv:
        _print_csv(found)
    else:
        print(f"{saved.name} on {saved.assignment.id}, {saved.done:,} evaluations, seed {saved.assignment.seed}")
        warn_if_unfinished(saved)
        _print_tables(found, "regret" if agent.problem.limit is None else "regret (points)")


def _designs(agent: Agent, options: argparse.Namespace) -> Iterator[Designs]:
    """What is asked for: of every task that the agent knows if it knows several and none is named."""
    from anb_gym.agents.designs import designs_for, evenly_spaced, judged
    from anb_gym.problems import AskPreference, GeneratedProblem, Problem

    problem, asked, n = agent.problem, asked_for(agent.problem, options), options.n or 1
    if isinstance(problem, GeneratedProblem):
        yield _on_device(agent, problem, asked, options)
    elif not isinstance(problem, Problem):
        for part in problem if not asked else [problem[asked["task"]]]:
            yield judged(part, agent.design(n, task=part.task.name, seed=options.seed))
    elif not isinstance(problem.ask, AskPreference):
        yield judged(problem, agent.design(n, seed=options.seed))
    elif not asked:
        n = options.n or _PREFERENCES
        yield designs_for(agent, evenly_spaced(problem.ask, max(2, n))[:n], greedy=True)
    else:
        preferences = np.repeat(np.array([asked["preference"]], dtype=np.float64), n, axis=0)
        yield designs_for(agent, preferences, greedy=n == 1, seed=options.seed)


def _on_device(agent: Agent, problem: GeneratedProblem, asked: dict[str, Any], options: argparse.Namespace) -> Designs:
    """Designs for a device that exists or one of a seed."""
    from anb_gym.agents.designs import designs_on, judged

    if "device" not in asked:
        raise ValueError("name the --device to design for, a real one or a seed, or the --probes of one's own")
    if "preference" not in asked:
        spread = problem.ask.preference is not None or problem.is_vector
        n = options.n or (_PREFERENCES if spread else 1)
        return designs_on(agent, asked["device"], n, greedy=spread or n == 1, seed=options.seed)
    n = options.n or 1
    request = problem.ask.draw(np.random.default_rng(0), asked)[np.zeros(n, dtype=np.int64)]
    return judged(problem, agent.design(n, greedy=n == 1, seed=options.seed, **asked), request)


def _records(designs: Designs) -> Iterator[dict[str, Any]]:
    """The designs, and the certified best once for each different thing that they are for."""
    from anb_gym.agents.designs import certified, judged

    yield from _rows("agent", designs)
    n = len(designs)
    first = np.arange(1)
    if (preferences := designs.preferences) is not None:
        first = np.sort(np.unique(preferences, axis=0, return_index=True)[1])
    request = None if designs.request is None else designs.request[first]
    if n and (best := certified(designs.problem, request, len(first))) is not None:
        yield from _rows("certified", judged(designs.problem, SPACE.from_index(best), request))


def _rows(by: str, designs: Designs) -> Iterator[dict[str, Any]]:
    problem, evaluation = designs.problem, designs.evaluation
    shown = None if designs.preferences is None else designs.preferences.tolist()
    regret = None if evaluation.regret is None else evaluation.regret.tolist()
    for row, index in enumerate(SPACE.to_index(designs.choices).tolist()):
        yield {
            "by": by,
            "task": designs.name,
            **({} if shown is None else {"preference": shown[row]}),
            "architecture": str(Architecture.from_index(index)),
            "index": index,
            "metrics": {name: float(evaluation.exact[name][row]) for name in problem.metrics},
            **({} if problem.is_vector else {"reward": float(evaluation.reward[row])}),
            **({} if regret is None else {"regret": regret[row] if np.isfinite(regret[row]) else None}),
        }


def _print_csv(found: list[dict[str, Any]]) -> None:
    flat = [
        {
            **{key: value for key, value in record.items() if key != "metrics"},
            **({"preference": _exactly(record["preference"])} if "preference" in record else {}),
            **record["metrics"],
        }
        for record in found
    ]
    names = dict.fromkeys(name for record in flat for name in record)
    writer = csv.DictWriter(sys.stdout, list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)


def _print_tables(found: list[dict[str, Any]], regret: str) -> None:
    from anb_gym.cli.evaluate import in_columns

    for task in dict.fromkeys(record["task"] for record in found):
        records = [record for record in found if record["task"] == task]
        columns: dict[str, list[Any]] = {task: [record["by"] for record in records]}
        if "preference" in records[0]:
            columns["for"] = [_shown(record["preference"]) for record in records]
        columns["architecture"] = [record["architecture"] for record in records]
        for name in records[0]["metrics"]:
            unit = _UNITS.get(name, "")
            columns[f"{name} ({unit})"] = [readable(name, record["metrics"][name]) for record in records]
        for name, title in (("reward", "reward"), ("regret", regret)):
            if name in records[0]:
                columns[title] = [None if record[name] is None else f"{record[name]:.4f}" for record in records]
        print(in_columns(columns, left=(task, "architecture")))


def _exactly(preference: Any) -> str:
    """A preference as a text that is read as the same, so that what meets a bound does so in a table, too."""
    return ",".join(map(repr, preference)) if isinstance(preference, list) else repr(preference)


def _shown(preference: Any) -> str:
    """A preference as a text: weights, or a bound."""
    return ",".join(f"{weight:.4g}" for weight in preference) if isinstance(preference, list) else f"{preference:,.6g}"
