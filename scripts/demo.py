"""Trains agents to design networks for the VCK190 FPGA and compares them with random search and EfficientNet-B0.

The agents are PPO of Stable-Baselines3 and the policy gradient of this package, which is drawn. Behind it is the front
that one policy, which ships trained, designs when it is asked for all preferences.

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
from anb_gym.agents import Agent, Assignment, load_pretrained, make_agent, train
from anb_gym.baselines.random_search import RandomSearch
from anb_gym.benchmark import PREDICTED
from anb_gym.calibration import calibration
from anb_gym.pareto.fronts import front, staircase
from anb_gym.reports.drawing import new_figure, to_png
from anb_gym.reports.plane import search_figure
from anb_gym.rewards import make_reward
from anb_gym.study.protocol import Brief
from anb_gym.tasks import get_task

TASK: Final = get_task("VCK190")
#: The agents that search, by name, and what the picture calls them; the last one's search is drawn.
AGENTS: Final = {"ppo": "PPO agent", "policy_gradient": "policy gradient"}
#: Colours of kernel sizes.
KERNELS: Final = {3: "#0072b2", 5: "#e69f00"}
#: Weights of accuracy and throughput for which one policy designs.
WEIGHTS: Final = np.column_stack([np.linspace(0, 1, 1001), np.linspace(1, 0, 1001)])
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
    trained = {name: train(name, TASK.id, options.evaluations, seed=options.seed, progress=True) for name in AGENTS}
    searches = {
        "random search": random_search(options.evaluations, options.seed),
        **{title: evaluate(trained[name][1].index) for name, title in AGENTS.items()},
        "EfficientNet-B0": evaluate(np.array([EFFICIENTNET_B0.index])),
    }
    rows = [best_row(name, search) for name, search in searches.items()]

    print(f"\n{TASK.id}: the best of {options.evaluations:,} architectures each, seed {options.seed}\n")
    print(table(rows))
    print("\nReward: 0 is the mean of random architectures, 1 the certified optimum.")
    for name, title in AGENTS.items():
        (design,) = trained[name][0].design(greedy=True)
        found = evaluate(SPACE.to_index(design[None]))
        print(f"The design that the {title} ends with has a reward of {found.reward[0]:.4f}.")
    print()

    files = {
        "pareto.png": to_png(figure(searches, rows)),
        "evaluations.csv": to_csv(searches),
        "summary.json": to_json(summary(options, {name: agent for name, (agent, _) in trained.items()}, rows)),
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
    """Draws each line's network, a bar a layer."""
    for axes, row in zip(onto.subplots(1, len(rows)), rows, strict=True):
        network, left = Architecture.parse(row.architecture), 0.0
        for expansion, kernel, layers, se in zip(
            network.expansion, network.kernel, network.layers, network.se, strict=True
        ):
            places = left + np.arange(layers)
            axes.bar(places, expansion, width=0.85, bottom=-expansion / 2, color=KERNELS[kernel])
            if se:
                axes.bar(places, 0.45, width=0.85, bottom=expansion / 2 + 0.15, color="#009e73")
            left += layers + 0.9
        axes.set_ylim(-4.2, 4.2)
        axes.set_axis_off()
        accuracy, performance = row.metrics.values()
        axes.set_title(f"{row.name}\n{accuracy:.1f} %, {performance:,.0f} images/s", fontsize="small")
    key = "bar: layer   height: expansion 1, 4, 6   blue, orange: kernel 3, 5   green cap: squeeze-excitation"
    onto.supxlabel(key, fontsize="x-small", color="#6b7178")


def draw_searches(onto: SubFigure, searches: Mapping[str, Search]) -> None:
    """Draws the scatter of the last agent over random search, the others' best, and the front that one policy knows."""
    clouds = {name: np.column_stack([search.metrics[m] for m in TASK.metrics]) for name, search in searches.items()}
    (background, random), *others = clouds.items()
    *_, name = AGENTS.values()
    # Those that found the same share a mark.
    found = {mark if len(cloud) == 1 else f"{mark}, best": cloud[searches[mark].best] for mark, cloud in others}
    named: dict[tuple[float, float], list[str]] = {}
    for mark, (first, second) in reversed(found.items()):
        named.setdefault((float(first), float(second)), []).append(mark)
    marks = {shared[0] if len(shared) == 1 else "best of both agents": point for point, shared in named.items()}
    policy = load_pretrained(TASK.metrics[-1], "weights")
    designs = evaluate(SPACE.to_index(policy.design(len(WEIGHTS), preference=WEIGHTS)))
    points = np.column_stack([designs.metrics[m] for m in TASK.metrics])
    search_figure(
        random,
        clouds[name],
        directions=TASK.directions,
        axis_labels=("ImageNet top-1 accuracy, proxy scheme (%)", "VCK190 throughput (images/s)"),
        background_label=background,
        search_label=name,
        marks=marks,
        curves={"one policy, all preferences": staircase(points[front(points, TASK.directions)], TASK.directions)},
        title=f"{TASK.id}: {len(searches[name]):,} evaluations each",
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


def summary(options: argparse.Namespace, agents: Mapping[str, Agent], rows: Sequence[Row]) -> dict[str, Any]:
    """The table with everything that is needed to get it again."""
    return {
        "environment": TASK.id,
        "evaluations": options.evaluations,
        "seed": options.seed,
        "settings": {name: agent.settings for name, agent in agents.items()},
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
