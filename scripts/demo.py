"""Trains a PPO agent to design networks for the VCK190 FPGA and compares it with random search and EfficientNet-B0.

Prints a table and writes evaluations.csv (every evaluated architecture), summary.json (the table, seeds, settings,
versions) and pareto.png into a folder. The same arguments give the same files on the same machine.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray

from anb_gym import EFFICIENTNET_B0, SPACE, Architecture, Benchmark
from anb_gym._files import write_atomically
from anb_gym.agents import Agent, Assignment, make_agent, train
from anb_gym.baselines.random_search import RandomSearch
from anb_gym.benchmark import PREDICTED
from anb_gym.calibration import calibration
from anb_gym.envs.rendering import picture
from anb_gym.reports.drawing import new_figure, to_png
from anb_gym.reports.plane import search_figure
from anb_gym.rewards import make_reward
from anb_gym.study.protocol import Brief
from anb_gym.tasks import get_task

TASK: Final = get_task("VCK190")
BENCHMARK: Final = Benchmark()
PACKAGES: Final = ("anb_gym", "gymnasium", "numpy", "stable_baselines3", "torch")


@dataclass(frozen=True, eq=False)
class Search:
    """What a search had evaluated, in order.

    Attributes:
        index: ``int64`` (n,), positions in the search space.
        metrics: ``float64`` (n,) by name.
        reward: ``float64`` (n,), in unit scale.
    """

    index: NDArray[np.int64]
    metrics: Mapping[str, NDArray[np.float64]]
    reward: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.index)

    @property
    def best(self) -> int:
        """The position of the first evaluation with the largest reward."""
        return int(self.reward.argmax())


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        name: Who found the architecture.
        architecture: As a string.
        metrics: The task's metrics.
        reward: In unit scale.
    """

    name: str
    architecture: str
    metrics: Mapping[str, float]
    reward: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line, searches, prints the table and writes the files."""
    parser = argparse.ArgumentParser(
        prog="demo.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=Path("demo"), help="folder of the results (default: demo)")
    parser.add_argument("--evaluations", type=int, default=5120, help="of either search")
    parser.add_argument("--seed", type=int, default=0, help="of both searches")
    options = parser.parse_args(arguments)
    if options.seed < 0:
        parser.error(f"--seed must not be negative, got {options.seed}")
    try:
        make_agent("ppo", Assignment(TASK.id, options.evaluations, options.seed))
    except ValueError as error:
        parser.error(f"--{error}")
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--output must be a folder, got {options.output}: {error.strerror}")

    began = time.perf_counter()
    ppo, found = train("ppo", TASK.id, options.evaluations, seed=options.seed, progress=True)
    agent = evaluate(found.index)
    random = random_search(options.evaluations, options.seed)
    reference = evaluate(np.array([EFFICIENTNET_B0.index]))
    searches = {"random search": random, "PPO agent": agent, "EfficientNet-B0": reference}
    rows = [best_row(name, search) for name, search in searches.items()]

    print(f"\n{TASK.id}: the best of {options.evaluations:,} architectures each, seed {options.seed}\n")
    print(table(rows))
    late = agent.reward[-len(agent) // 10 :]
    print(f"\nThe agent's last {len(late):,} architectures have a mean reward of {late.mean():.3f}.")
    print("Reward: 0 is the mean of random architectures, 1 the certified optimum.\n")

    files = {
        "pareto.png": to_png(figure(searches, rows)),
        "evaluations.csv": to_csv(searches),
        "summary.json": to_json(summary(options, ppo, rows)),
    }
    for name, content in files.items():
        write_atomically(options.output / name, content)
        print(f"wrote {options.output / name}")
    print(f"{time.perf_counter() - began:.0f} s")


def evaluate(index: NDArray[np.int64]) -> Search:
    """Scores architectures as the task's environment does."""
    reward = make_reward("product", TASK)
    metrics = BENCHMARK.query(index, TASK.metrics)
    return Search(index, metrics, calibration(reward, BENCHMARK.surrogate).to_unit(reward(metrics)))


def random_search(evaluations: int, seed: int) -> Search:
    """Runs random search for a number of evaluations, all in one batch."""
    problem = Brief(n_objectives=1, budget=evaluations)
    controller = RandomSearch(problem, np.random.default_rng(seed), batch_size=evaluations)
    choices = controller.ask(evaluations)
    result = evaluate(SPACE.to_index(choices))
    controller.tell(choices, result.reward[:, None])
    return result


def best_row(name: str, search: Search) -> Row:
    """The line of a search's best architecture, or of its only one."""
    i = search.best
    metrics = {metric: float(values[i]) for metric, values in search.metrics.items()}
    name = name if len(search) == 1 else f"{name}, best"
    return Row(name, str(Architecture.from_index(int(search.index[i]))), metrics, float(search.reward[i]))


def table(rows: Sequence[Row]) -> str:
    """The lines as text in columns."""
    header = ["", *(f"{metric}, {PREDICTED[metric]}" for metric in TASK.metrics), "reward", "architecture"]
    cells = [
        [row.name, *(f"{value:,.2f}" for value in row.metrics.values()), f"{row.reward:.4f}", row.architecture]
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    last = len(header) - 1
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i in (0, last) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in [header, *cells]
    )


def figure(searches: Mapping[str, Search], rows: Sequence[Row]) -> Figure:
    """The networks of the table, above the scatter of the searches."""
    whole = new_figure(7.4, 6.6)
    whole.get_layout_engine().set(h_pad=0.06)  # type: ignore[union-attr, call-arg]
    parts: Any = whole.subfigures(2, 1, height_ratios=[1, 3.4])
    draw_networks(parts[0], rows)
    draw_searches(parts[1], searches)
    return whole


def draw_networks(onto: SubFigure, rows: Sequence[Row]) -> None:
    """Draws each line's network as the environment renders it."""
    for axes, row in zip(onto.subplots(1, len(rows)), rows, strict=True):
        axes.imshow(picture(Architecture.parse(row.architecture).choices.tolist()), interpolation="nearest")
        axes.set_axis_off()
        accuracy, performance = row.metrics.values()
        axes.set_title(f"{row.name}\n{accuracy:.1f} %, {performance:,.0f} images/s", fontsize="small")
    key = "bar: layer   height: expansion 1, 4, 6   blue, orange: kernel 3, 5   green cap: squeeze-excitation"
    onto.supxlabel(key, fontsize="x-small", color="#6b7178")


def draw_searches(onto: SubFigure, searches: Mapping[str, Search]) -> None:
    """Draws the scatter, with the line along which the reward equals that of the agent's best."""
    (background, random), (name, agent), (mark, reference) = searches.items()
    clouds = [np.column_stack([search.metrics[m] for m in TASK.metrics]) for search in (random, agent, reference)]
    marks = {mark: clouds[2][0], f"{name}, best": clouds[1][agent.best]}
    # The reward is proportional to the accuracy, so one division gives the accuracy that earns it.
    accuracy, performance = TASK.metrics
    reward = make_reward("product", TASK)
    (level,) = reward({metric: values[[agent.best]] for metric, values in agent.metrics.items()})
    everything = np.vstack(clouds)[:, 1]
    along = np.geomspace(everything.min(), everything.max(), 400)
    earning = level / reward({accuracy: np.ones_like(along), performance: along})
    search_figure(
        clouds[0],
        clouds[1],
        directions=TASK.directions,
        axis_labels=("ImageNet top-1 accuracy, proxy scheme (%)", "VCK190 throughput (images/s)"),
        background_label=background,
        search_label=name,
        marks={name: (float(point[0]), float(point[1])) for name, point in marks.items()},
        curves={"same reward as the best": np.column_stack([earning, along])},
        title=f"{TASK.id}: {len(agent):,} evaluations each",
        onto=onto,
    )


def to_csv(searches: Mapping[str, Search]) -> bytes:
    """All evaluations, one per line, in order."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["search", "evaluation", "index", "architecture", *TASK.metrics, "reward"])
    for name, search in searches.items():
        columns = [search.metrics[metric] for metric in TASK.metrics]
        for i, index in enumerate(search.index.tolist()):
            values = [f"{column[i]:.6f}" for column in columns]
            writer.writerow([name, i + 1, index, Architecture.from_index(index), *values, f"{search.reward[i]:.6f}"])
    return text.getvalue().encode()


def summary(options: argparse.Namespace, ppo: Agent, rows: Sequence[Row]) -> dict[str, Any]:
    """The table with everything that is needed to get it again."""
    return {
        "environment": TASK.id,
        "evaluations": options.evaluations,
        "seed": options.seed,
        "ppo": ppo.settings,
        "results": [asdict(row) for row in rows],
        "surrogate": BENCHMARK.surrogate,
        "artefacts": {metric: BENCHMARK.load(metric).checksum for metric in TASK.metrics},
        "versions": {"python": sys.version.split()[0], **{name: version(name) for name in PACKAGES}},
    }


def to_json(content: Mapping[str, Any]) -> bytes:
    """Readable JSON."""
    return (json.dumps(content, indent=2) + "\n").encode()


if __name__ == "__main__":
    main()
