"""A search whose outcomes are made up: a cheap function of the unit. Run as a script, it searches."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from anb_gym.construction.executors import open_executor
from anb_gym.construction.proxy_search.config import SearchConfig, nominal_cost
from anb_gym.construction.units import Trained, Unit

GRID = {
    "batch_size": (128, 256),
    "epochs": (6, 8, 12),
    "resize_start_epoch": (0,),
    "resize_finish_epoch": (0, 6),
    "start_resolution": (64,),
    "finish_resolution": (64, 96),
}


@dataclass(frozen=True)
class Synthetic:
    """Accuracies whose noise falls with the scheme's cost, and times in proportion to it."""

    pause: float = 0.0
    version: int = 0

    def conditions(self) -> Mapping[str, Any]:
        return {"data": "synthetic", "version": self.version}

    def __call__(self, unit: Unit, folder: Path) -> Trained:
        time.sleep(self.pause)
        cost = nominal_cost(unit.scheme)
        key = [unit.architecture % 2**31, cost, unit.scheme.batch_size, unit.seed]
        truth = np.random.default_rng(unit.architecture).uniform(50, 70)
        noise = np.random.default_rng(key).normal() * 2e5 / cost
        return Trained(round(float(truth + noise), 4), cost * (1 + unit.architecture % 7 / 10) / 1e4)


@dataclass(frozen=True)
class Deadly(Synthetic):
    """Kills its worker at one architecture, unless a file says that it did."""

    victim: int = 4
    once: str = ""

    def __call__(self, unit: Unit, folder: Path) -> Trained:
        if unit.architecture == self.victim and not Path(self.once).exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(unit, folder)


def config(**changes: Any) -> SearchConfig:
    values: dict[str, Any] = {
        "grid": GRID,
        "architectures": 8,
        "reference_seeds": 2,
        "limit_share": 0.08,
        "held_out": 6,
        "held_out_seeds": 2,
        "wave": 6,
    }
    return SearchConfig(**{**values, **changes})


def main(folder: str, pause: str) -> None:
    # Imported here: workers import this module too, and do not need them.
    from anb_gym.construction.proxy_search.report import write_report
    from anb_gym.construction.proxy_search.search import search_proxy

    evaluator = Synthetic(float(pause))
    with open_executor("local", 2) as pool:
        result = search_proxy(config(), evaluator, pool, Path(folder))
    write_report(result, evaluator.conditions(), Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
