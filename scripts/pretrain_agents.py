"""Trains the agents that ship, as configs/agents/pretrained.yaml says, and goes on where it stopped.

Trainings are kept in ``--work``. A finished one is not made again; one that is killed goes on from its last checkpoint.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from time import process_time

from anb_gym._files import read_yaml
from anb_gym.agents import saving, train
from anb_gym.agents.pretraining import FOLDER, KINDS, stem
from anb_gym.agents.scores import score_agent
from anb_gym.metrics import DEVICE_METRICS, choose_metric
from anb_gym.tasks import TASKS

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line, trains, writes what ships and prints how good it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("metrics", nargs="*", metavar="METRIC", help="such as vck190/latency; default: all that ship")
    parser.add_argument("--config", type=Path, default=ROOT / "configs" / "agents" / "pretrained.yaml")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "pretrained", help="folder of the trainings")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the agents")
    options = parser.parse_args(arguments)
    config = read_yaml(options.config, ValueError, extra="agents")
    tasks = {task.metrics[-1]: task.name for task in TASKS.values() if task.device}
    options.out.mkdir(parents=True, exist_ok=True)
    for metric in [choose_metric(name, DEVICE_METRICS, "METRIC") for name in options.metrics] or tasks:
        for kind in KINDS:
            of_kind, name = config["kinds"][kind], stem(metric, kind)
            started = process_time()
            agent, _ = train(
                config["agent"],
                of_kind["id"].format(task=tasks[metric]),
                config["evaluations"],
                seed=config["seed"],
                arguments=of_kind["arguments"],
                settings=config["settings"],
                folder=options.work / name,
                progress=True,
            )
            seconds = process_time() - started
            saving.save(options.out / f"{name}.npz", agent, None, name=config["agent"])
            (score,) = (score for score in score_agent(agent) if score.greedy)
            worth = (
                f"coverage {score.coverage:.4f}"
                if kind == "weights"
                else f"loss {score.loss:.4f} points, violations {score.violations:.2%}"
            )
            print(f"{name:24} {seconds:6.1f} s  {worth}", flush=True)


if __name__ == "__main__":
    main()
