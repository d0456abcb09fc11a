"""Prints how fast queries are beside gradient-boosted trees, for many architectures at once and for one at a time.

The trees are those of the public benchmarks: per metric the average of ten XGBoost ensembles of 1,000 trees of depth
3, here fitted to random numbers. Both sides answer the same two metrics on one thread, in turns, so that other load on
the machine meets both alike.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from anb_gym import SPACE, Architecture, Benchmark

METRICS = ("accuracy", "vck190/throughput")
THREADS = 1


def main() -> None:
    """Reads the command line, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architectures", type=int, default=100_000, help="architectures in the large batch")
    parser.add_argument("--members", type=int, default=10, help="ensembles per metric")
    parser.add_argument("--trees", type=int, default=1000, help="trees per ensemble")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each side; the median counts")
    arguments = parser.parse_args()

    rng = np.random.default_rng(0)
    choices = SPACE.sample(arguments.architectures, rng)
    one = Architecture.from_choices(choices[0])
    bench = Benchmark()
    bench.query(one, METRICS)  # reads the tables
    with threadpool_limits(THREADS):
        ensembles = [[_fit(arguments.trees, rng) for _ in range(arguments.members)] for _ in METRICS]
        print(f"{arguments.members} members x {arguments.trees} trees, {len(METRICS)} metrics, {THREADS} thread")
        _compare(
            f"{arguments.architectures:,} architectures at once",
            lambda: bench.query(choices, METRICS),
            lambda: [np.mean([m.inplace_predict(choices) for m in members], axis=0) for members in ensembles],
            arguments.rounds,
            count=arguments.architectures,
        )
        _compare(
            "one architecture at a time",
            lambda: bench.query(one, METRICS),
            lambda: [_predict_one(members, one) for members in ensembles],
            arguments.rounds,
        )


def _fit(trees: int, rng: np.random.Generator) -> xgboost.Booster:
    data = xgboost.DMatrix(SPACE.sample(4000, rng), rng.standard_normal(4000), nthread=THREADS)
    return xgboost.train({"max_depth": 3, "nthread": THREADS, "seed": int(rng.integers(2**31))}, data, trees)


def _predict_one(members: list[xgboost.Booster], architecture: Architecture) -> NDArray[np.float64]:
    """The public code's way: encode one architecture, make a matrix per member, predict, average."""
    row = architecture.choices[None]
    values: NDArray[np.float64] = np.mean(
        [member.predict(xgboost.DMatrix(row, nthread=THREADS)) for member in members], axis=0
    )
    return values


def _compare(title: str, ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int, count: int = 1) -> None:
    times = [(_seconds(ours), _seconds(theirs)) for _ in range(rounds)]
    print(title)
    for name, seconds in zip(("anb_gym", "xgboost"), map(median, zip(*times, strict=True)), strict=True):
        print(f"  {name:8} {count / seconds:14,.0f} architectures/s {1e6 * seconds / count:12.3f} µs each")
    print(f"  {'ratio':8} {median(their / our for our, their in times):14,.0f}")


def _seconds(call: Callable[[], Any], least: float = 0.2) -> float:
    """Seconds per call, averaged over at least ``least`` seconds."""
    calls, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < least:
        call()
        calls += 1
    return elapsed / calls


if __name__ == "__main__":
    main()
