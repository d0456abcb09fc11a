"""Searches settings of agents with Optuna, as configs/agents/search.yaml says, and goes on where it stopped.

The trials are kept in ``--out``, a table of them in ``configs/agents/results``, and the best settings become the
``default`` of the agent's file, with the number of evaluations that the search has cost. Ctrl-C loses the trial that is
running.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from time import process_time
from typing import Any

import numpy as np
import optuna
import yaml
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from anb_gym._files import read_yaml, write_atomically
from anb_gym.agents import Agent, train
from anb_gym.agents.registry import find
from anb_gym.problems import AskPreference, Problem
from anb_gym.space import SPACE

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = ROOT / "configs" / "agents"
#: Preferences that a training is scored by, and designs that are sampled for each, or in all without preferences.
PREFERENCES, SAMPLES = 33, 8
#: Steps of an episode.
EPISODES = {"choice": 28, "block": 7, "network": 1}


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line and searches, one agent after the other."""
    config = read_yaml(CONFIGS / "search.yaml", ValueError, extra="agents")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("agents", nargs="*", metavar="AGENT", help=f"of {', '.join(config['agents'])}; default: all")
    parser.add_argument("--trials", type=int, default=config["trials"], help="of each agent, earlier runs included")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "tuning", help="folder of the trials")
    parser.add_argument("--results", type=Path, default=CONFIGS / "results", help="folder of the tables")
    options = parser.parse_args(arguments)
    for agent in options.agents:
        if agent not in config["agents"]:
            parser.error(f"AGENT must be one of {', '.join(config['agents'])}, got {agent}")
    options.out.mkdir(parents=True, exist_ok=True)
    options.results.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    for agent in options.agents or config["agents"]:
        storage = optuna.storages.JournalStorage(JournalFileBackend(str(options.out / f"{agent}.log")))
        best, found = tune(agent, config, storage, options.trials, options.results / f"{agent}.csv")
        write_settings(find(agent)[1].zoo, best, found)  # type: ignore[attr-defined]


def tune(
    agent: str, config: Mapping[str, Any], storage: optuna.storages.BaseStorage, trials: int, table: Path
) -> tuple[dict[str, Any], str]:
    """Searches the settings of one agent: the best, and what the search was."""
    space = config["agents"][agent]
    problems = space.get("problems", config["problems"])

    def objective(trial: Trial) -> float:
        return run(trial, agent, settings_of(space, draw(trial, space["search"])), problems, config["seeds"])

    study = optuna.create_study(
        storage=storage,
        study_name=agent,
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=6),
    )
    if not study.trials and table.exists():
        trials_before, known = read_table(table, space["search"])
        study.add_trials(trials_before)
        for name, scores in known.items():
            study.set_user_attr(name, scores)
    if "start" in space:  # settings known to be good are among the trials
        start = {
            name: json.dumps(v) if isinstance(space["search"][name], list) else v for name, v in space["start"].items()
        }
        study.enqueue_trial(start, skip_if_exists=True)
    done = [t for t in study.trials if t.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    # A sampler that goes on must not draw again what it drew before.
    study.sampler = optuna.samplers.TPESampler(seed=len(done), n_startup_trials=8)

    def show(study: optuna.Study, trial: FrozenTrial) -> None:
        value = "pruned" if trial.state is TrialState.PRUNED else f"{trial.value:.4f}"
        print(f"{agent} {trial.number:3} {value} {trial.user_attrs.get('scores')} {trial.params}", flush=True)
        write_table(table, study.trials, study.user_attrs)

    study.optimize(objective, n_trials=max(0, trials - len(done)), callbacks=[show])
    best = confirm(agent, config, study, table)
    tried = [t for t in study.trials if t.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    again = sum(problem["evaluations"] for problem in space.get("problems", config["confirmation"]["problems"]))
    again *= len(config["confirmation"]["seeds"])
    cost = again * len(study.user_attrs) + sum(t.user_attrs.get("evaluations", 0) for t in tried)
    ids = " and ".join(problem["id"] for problem in problems)
    return best, f"{len(tried)} trials, {cost:,} evaluations on {ids}"


def confirm(agent: str, config: Mapping[str, Any], study: optuna.Study, table: Path) -> dict[str, Any]:
    """Trains the best trials again with other seeds and budgets; returns the settings of the best of these."""
    space, confirmation = config["agents"][agent], config["confirmation"]
    problems = space.get("problems", confirmation["problems"])
    complete = sorted(study.get_trials(states=[TrialState.COMPLETE]), key=lambda trial: -(trial.value or 0.0))
    best = complete[: space.get("confirmed", confirmation["trials"])]
    for trial in best if len(best) > 1 else []:
        if (key := confirmed(trial.number)) not in study.user_attrs:
            settings = settings_of(space, chosen(space["search"], trial.params))
            scores = [score(agent, settings, problem, seed) for seed in confirmation["seeds"] for problem in problems]
            study.set_user_attr(key, [round(value, 4) for value in scores])
            print(agent, key, study.user_attrs[key], flush=True)
    write_table(table, study.trials, study.user_attrs)
    winner = max(best, key=lambda trial: fmean(study.user_attrs.get(confirmed(trial.number), [0.0])))
    return settings_of(space, chosen(space["search"], winner.params))


def confirmed(trial: int) -> str:
    """The name under which a study keeps what a trial scored again."""
    return f"scores of trial {trial} again"


def run(
    trial: Trial, agent: str, settings: Mapping[str, Any], problems: Sequence[Mapping[str, Any]], seeds: Sequence[int]
) -> float:
    """The mean score of a trial's trainings."""
    began, scores, cost = process_time(), [], 0
    for step, (seed, problem) in enumerate((seed, problem) for seed in seeds for problem in problems):
        scores.append(score(agent, settings, problem, seed))
        cost += problem["evaluations"]
        trial.set_user_attr("scores", [round(value, 4) for value in scores])
        trial.set_user_attr("evaluations", cost)
        trial.set_user_attr("seconds", round(process_time() - began, 1))
        trial.report(fmean(scores), step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return fmean(scores)


def score(agent: str, settings: Mapping[str, Any], problem: Mapping[str, Any], seed: int) -> float:
    """Trains once: the mean of the rewards of greedy designs and of sampled ones."""
    arguments = problem.get("arguments", {})
    trained, _ = train(agent, problem["id"], problem["evaluations"], seed=seed, arguments=arguments, settings=settings)
    return (reward(trained, greedy=True) + reward(trained, greedy=False)) / 2.0


def reward(agent: Agent, greedy: bool) -> float:
    """The mean reward of an agent's designs, for preferences that are evenly spread."""
    problem = agent.problem
    assert isinstance(problem, Problem)
    if problem.constraint is not None:  # accuracy and cost as one number
        problem = replace(problem, reward=problem.constraint, constraint=None)
    ask, repeats = problem.ask, 1 if greedy else SAMPLES
    if not isinstance(ask, AskPreference):
        designs = agent.design(1 if greedy else PREFERENCES * SAMPLES, greedy=greedy)
        return float(problem.assess(SPACE.to_states(designs)).reward.mean())
    request = ask.at(np.repeat((np.arange(PREFERENCES) + 0.5) / PREFERENCES, repeats))
    preference = ask.shown(request)["preference"]
    designs = agent.design(len(preference), preference=preference, greedy=greedy)
    return float(problem.assess(SPACE.to_states(designs), request).reward.mean())


def draw(trial: Trial, search: Mapping[str, Any]) -> dict[str, Any]:
    """Draws a value of everything that is searched."""
    for name, values in search.items():
        if isinstance(values, list):
            trial.suggest_categorical(name, [json.dumps(value) for value in values])
        elif isinstance(values["low"], int):
            trial.suggest_int(name, values["low"], values["high"], log=values.get("log", False))
        else:
            trial.suggest_float(name, values["low"], values["high"], log=values.get("log", False))
    return chosen(search, trial.params)


def chosen(search: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """What a trial drew, as values."""
    values = {name: json.loads(params[name]) if isinstance(search[name], list) else params[name] for name in search}
    return {name: float(f"{value:.3g}") if isinstance(value, float) else value for name, value in values.items()}


def settings_of(space: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of an agent: what is fixed, and what was drawn."""
    settings = dict(space["fixed"])
    for name, value in values.items():
        settings |= value if isinstance(value, dict) else {name: value}
    if settings.pop("schedule", "constant") == "linear":
        settings["learning_rate"] = f"lin_{settings['learning_rate']:g}"
    return settings


def write_settings(zoo: str, settings: Mapping[str, Any], found: str) -> None:
    """Makes settings the default of an agent's file; its other entries stay."""
    path = CONFIGS / f"{zoo}.yaml"
    _, _, others = path.read_text(encoding="utf-8").partition("\n\n")
    entry = {"n_timesteps": 10000 * EPISODES[settings["env_kwargs"]["granularity"]], **settings}
    lines = yaml.safe_dump(entry, sort_keys=False, default_flow_style=None, width=110).splitlines()
    head = [f"# Found by scripts/tune_agents.py: {found}.", "default:", *(f"  {line}" for line in lines)]
    write_atomically(path, ("\n".join(head) + "\n" + (f"\n{others}" if others else "")).encode())


def write_table(path: Path, trials: Sequence[FrozenTrial], known: Mapping[str, Any]) -> None:
    """Writes the trials that are over as a table."""
    names = sorted({name for trial in trials for name in trial.params})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "state", "score", "scores", "again", "evaluations", "seconds", *names])
    for trial in trials:
        if trial.state not in (TrialState.COMPLETE, TrialState.PRUNED):
            continue
        attributes, again = trial.user_attrs, known.get(confirmed(trial.number), [])
        value = "" if trial.value is None or trial.state is TrialState.PRUNED else f"{trial.value:.4f}"
        row = [trial.number, trial.state.name.lower(), value, " ".join(map(str, attributes.get("scores", [])))]
        row += [" ".join(map(str, again)), attributes.get("evaluations"), attributes.get("seconds")]
        params = [trial.params.get(name, "") for name in names]
        writer.writerow([*row, *(f"{p:.4g}" if isinstance(p, float) else p for p in params)])
    write_atomically(path, text.getvalue().encode())


def read_table(path: Path, search: Mapping[str, Any]) -> tuple[list[FrozenTrial], dict[str, list[float]]]:
    """The trials of a table, where those that Optuna kept are lost, and what some scored again."""
    trials: list[FrozenTrial] = []
    again: dict[str, list[float]] = {}
    for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))):
        params = {
            name: row[name] if isinstance(values, list) else type(values["low"])(row[name])
            for name, values in search.items()
        }
        scores = [float(value) for value in row["scores"].split()]
        if row["again"]:
            again[confirmed(len(trials))] = [float(value) for value in row["again"].split()]
        trials.append(
            optuna.trial.create_trial(
                state=TrialState[row["state"].upper()],
                value=fmean(scores),
                params=params,
                distributions={name: distribution(values) for name, values in search.items()},
                user_attrs={"scores": scores, "evaluations": int(row["evaluations"]), "seconds": float(row["seconds"])},
                intermediate_values={step: fmean(scores[: step + 1]) for step in range(len(scores))},
            )
        )
    return trials, again


def distribution(values: Any) -> optuna.distributions.BaseDistribution:
    """The values that something may have, as Optuna knows them."""
    if isinstance(values, list):
        return optuna.distributions.CategoricalDistribution([json.dumps(value) for value in values])
    kind = (
        optuna.distributions.IntDistribution
        if isinstance(values["low"], int)
        else optuna.distributions.FloatDistribution
    )
    return kind(values["low"], values["high"], log=values.get("log", False))


if __name__ == "__main__":
    main()
