"""Times the exact search: nodes, nodes per second and seconds, per front and per optimum.

Usage:
    python scripts/bench/exact.py                           every shipped task of the default surrogate
    python scripts/bench/exact.py --random                  Gaussian noise in every table: the hardest case
    python scripts/bench/exact.py a_3.npy b_2.npy           entries of tables, the order after the last underscore;
                                                            the second function is minimised
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from anb_gym.exact import maximize, pareto_front
from anb_gym.surrogates.store import FAMILIES, load_shipped
from anb_gym.surrogates.tables import BlockTables, layout
from anb_gym.tasks import DATASET_TASKS

METRICS = [task.metrics[1] for task in DATASET_TASKS]

Problem = tuple[str, BlockTables, BlockTables | None, tuple[bool, bool]]


def shipped(family: str) -> Iterator[Problem]:
    """Accuracy alone, and with every device metric."""
    accuracy = load_shipped(family, "accuracy").mean
    yield f"{family} accuracy", accuracy, None, (True, True)
    for metric in METRICS:
        surrogate = load_shipped(family, metric)
        # Throughput and latency differ in whether more is better; the link may turn the table sum round.
        up = metric.endswith("throughput") == surrogate.link.increasing
        yield f"{family} accuracy, {metric}", accuracy, surrogate.mean, (True, up)


def noise() -> Iterator[Problem]:
    """Tables without any structure."""
    rng = np.random.default_rng(0)
    for order in (2, 3):
        a, b = (BlockTables(order, rng.normal(size=layout(order).size)) for _ in range(2))
        yield f"noise of order {order}", a, None, (True, True)
        if order == 2:
            yield f"noise of order {order}, twice", a, b, (True, True)


def from_files(paths: list[Path]) -> Iterator[Problem]:
    """Tables saved as flat arrays."""
    tables = [BlockTables(int(path.stem.rpartition("_")[2]), np.load(path)) for path in paths]
    yield ", ".join(path.stem for path in paths), tables[0], tables[1] if len(tables) == 2 else None, (True, False)


def main() -> None:
    """Prints one line per problem."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", type=Path)
    parser.add_argument("--random", action="store_true")
    parser.add_argument("--family", default=FAMILIES[0], choices=FAMILIES)
    parser.add_argument("--workers", type=int, default=None, help="threads; by default one per core")
    arguments = parser.parse_args()
    if len(arguments.tables) > 2:
        parser.error(f"tables must be one or two files, got {len(arguments.tables)}")
    if arguments.tables:
        problems = from_files(arguments.tables)
    else:
        problems = noise() if arguments.random else shipped(arguments.family)
    one = BlockTables(1, np.arange(layout(1).size, dtype=np.float64))
    pareto_front(one, one, (True, False), fixed=dict.fromkeys(range(1, 7), 0))  # compiles, or reads compiled code
    print(f"{'problem':45} {'members':>7} {'nodes':>12} {'nodes/s':>12} {'seconds':>8}")
    for name, a, b, directions in problems:
        begin = time.perf_counter()
        result = (
            maximize(a, workers=arguments.workers)
            if b is None
            else pareto_front(a, b, directions, workers=arguments.workers)
        )
        seconds = time.perf_counter() - begin
        nodes = result.certificate.nodes
        print(f"{name:45} {len(result.indices):7,} {nodes:12,} {nodes / seconds:12,.0f} {seconds:8.2f}", flush=True)


if __name__ == "__main__":
    main()
