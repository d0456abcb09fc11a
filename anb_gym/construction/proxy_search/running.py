"""Runs units on an executor, except those whose records are there."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, as_completed
from pathlib import Path

import numpy as np

from anb_gym._extras import require
from anb_gym.construction.proxy_search.config import nominal_cost
from anb_gym.construction.proxy_search.records import Evaluator, complete, read_record
from anb_gym.construction.proxy_search.statistics import Measured
from anb_gym.construction.schemes import Scheme
from anb_gym.construction.units import Trained, Unit


class UnitsFailed(ChildProcessError):
    """A unit failed, or its worker died. What was finished is kept, and the same search goes on from there."""


class Runner:
    """Evaluates units with one evaluator, executor and folder.

    Args:
        evaluator: Trains units.
        executor: Where they run.
        folder: Where the records are and go.
        progress: Whether to show a progress bar.
    """

    def __init__(self, evaluator: Evaluator, executor: Executor, folder: Path, progress: bool = False) -> None:
        self._evaluator, self._executor, self._folder = evaluator, executor, folder
        self._bar = require("tqdm", "construction").tqdm(total=0, unit="unit", file=sys.stderr, disable=not progress)

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def measure(self, scheme: Scheme, architectures: Iterable[int], seeds: Sequence[int], phase: str) -> Measured:
        """Trains all architectures with a scheme and all seeds; ``phase`` names that in the progress bar."""
        units = [Unit(int(architecture), scheme, seed) for architecture in architectures for seed in seeds]
        outcomes = self.run(units, phase)
        values = np.array([(outcomes[unit].accuracy, outcomes[unit].seconds) for unit in units])
        accuracy, seconds = values.T.reshape(2, -1, len(seeds))
        return Measured(accuracy, seconds)

    def run(self, units: Sequence[Unit], phase: str) -> dict[Unit, Trained]:
        """Evaluates units and waits for all of them.

        Raises:
            ValueError: There is a record of another search.
            UnitsFailed: A unit failed or the executor broke; the message names the folder. Units that are running
                finish when the executor is closed, the others are not begun.
        """
        self._bar.total += len(units)
        self._bar.set_description(phase)
        conditions = self._evaluator.conditions()
        found = {unit: read_record(self._folder, unit, conditions) for unit in units}
        outcomes = {unit: outcome for unit, outcome in found.items() if outcome is not None}
        self._bar.update(len(outcomes))
        # The dearest first: begun last, they would keep the others waiting.
        missing = sorted((unit for unit in found if unit not in outcomes), key=lambda unit: -nominal_cost(unit.scheme))
        futures: dict[Future[Trained], Unit] = {}
        unit = None
        try:
            for unit in missing:
                futures[self._executor.submit(complete, self._evaluator, unit, self._folder)] = unit
            for future in as_completed(futures):
                unit = futures[future]
                outcomes[unit] = future.result()
                self._bar.update()
        except Exception as error:
            what = "the executor died" if isinstance(error, BrokenExecutor) else f"{unit} failed"
            raise UnitsFailed(
                f"{what}: {type(error).__name__}: {error}. Nothing that was finished is lost: it is in "
                f"{self._folder}, and the same search goes on from there"
            ) from error
        finally:
            for future in futures:
                future.cancel()
        return outcomes
