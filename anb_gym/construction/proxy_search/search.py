"""The proxy search: the reference, the race of the schemes, and the confirmation of the winner (paper, section 3.2)."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from anb_gym.construction.grid import model_grid
from anb_gym.construction.proxy_search.config import SearchConfig
from anb_gym.construction.proxy_search.race import Goal, Race, Standing
from anb_gym.construction.proxy_search.records import Evaluator
from anb_gym.construction.proxy_search.running import Runner
from anb_gym.construction.proxy_search.statistics import Comparison, Measured
from anb_gym.construction.schemes import Scheme
from anb_gym.construction.units import Unit
from anb_gym.space import SPACE, Indices

#: First seed of proxies after that of the reference: trainings that begin alike agree more than their schemes do.
_PROXY_SEED: Final = 1_000


@dataclass(frozen=True)
class SchemeResult:
    """Result of a scheme.

    Attributes:
        scheme: The scheme.
        standing: How it left the race.
        measured: Its trainings on the architectures that decide.
        tau: Its tau if it is complete, otherwise the largest that it could have reached.
        seconds: Its mean training time if it is complete, otherwise the least that it could have had.
    """

    scheme: Scheme
    standing: Standing
    measured: Measured
    tau: float
    seconds: float


@dataclass(frozen=True)
class SearchResult:
    """Result of a search.

    Attributes:
        config: What was searched.
        limit: The limit on the mean training time in seconds; infinite if there is none.
        schemes: All schemes, the cheapest first.
        winner: The scheme that won.
        search: The winner beside the reference on the architectures that decided. As the best of many schemes it
            looks better there than it is.
        confirmation: The same on held-out architectures; None if the configuration has none.
    """

    config: SearchConfig
    limit: float
    schemes: tuple[SchemeResult, ...]
    winner: Scheme
    search: Comparison
    confirmation: Comparison | None


def search_proxy(
    config: SearchConfig, evaluator: Evaluator, executor: Executor, folder: Path, progress: bool = False
) -> SearchResult:
    """Finds the training scheme that ranks architectures most like the reference within a limit on time.

    Which units are trained and what comes out is a function of the outcomes of the units: neither the executor, nor
    the order in which it finishes, nor interruptions change it. Accuracies on a CPU are the same every time; times
    are not, so a scheme whose mean time is close to the limit may be within it in one search and not in another.

    Args:
        config: What to search.
        evaluator: Trains units.
        executor: Where they run.
        folder: Where the records are and go; those that are there are used.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: The grid has no scheme, a record is of another search, or no scheme is within the limit.
        UnitsFailed: A unit failed or the executor broke; the same call goes on from there.
    """
    schemes, reference_scheme = config.schemes(), config.reference_scheme
    architectures = np.array([a.index for a in model_grid(config.architectures, config.seed)], dtype=np.int64)
    with Runner(evaluator, executor, folder, progress) as runner:
        reference = runner.measure(reference_scheme, architectures, _seeds(config, config.reference_seeds), "reference")
        limit = min(
            np.inf if config.limit_seconds is None else config.limit_seconds,
            np.inf if config.limit_share is None else config.limit_share * float(reference.seconds.mean()),
        )
        race = _run_race(config, schemes, architectures, reference, limit, runner)
        if race.winner is None:
            fastest = min(race.least_seconds(scheme) for scheme in range(len(schemes)))
            raise ValueError(
                f"no scheme has a mean training time of at most {limit:.4g} s: the fastest needs at least "
                f"{fastest:.4g} s; raise the limit or give the grid cheaper schemes (all records are in {folder})"
            )
        winner, measured = schemes[race.winner], race.measured[race.winner]
        confirmation = None
        if config.held_out:
            held_out = _held_out(config, architectures)
            seeds = config.held_out_seeds
            confirmation = Comparison(
                held_out,
                runner.measure(reference_scheme, held_out, _seeds(config, seeds), "confirmation, reference"),
                runner.measure(winner, held_out, _seeds(config, seeds, proxy=True), "confirmation, winner"),
            )
    results = [
        SchemeResult(scheme, standing, race.measured[row], race.bounds[row], race.least_seconds(row))
        for row, (scheme, standing) in enumerate(zip(schemes, race.standings(), strict=True))
    ]
    search = Comparison(architectures, reference, measured)
    return SearchResult(config, limit, tuple(results), winner, search, confirmation)


def _run_race(
    config: SearchConfig,
    schemes: list[Scheme],
    architectures: Indices,
    reference: Measured,
    limit: float,
    runner: Runner,
) -> Race:
    seeds = _seeds(config, config.proxy_seeds, proxy=True)
    goal = None
    if config.target_tau is not None:
        goal = Goal(config.target_tau, np.inf if config.target_seconds is None else config.target_seconds)
    race = Race(len(schemes), reference.mean, len(seeds), limit, goal)
    while wave := race.wave(max(1, config.wave // len(seeds))):
        units = {
            (scheme, row): [Unit(int(architectures[row]), schemes[scheme], seed) for seed in seeds]
            for scheme, row in wave
        }
        outcomes = runner.run([unit for group in units.values() for unit in group], "race")
        for (scheme, row), group in units.items():
            race.tell(scheme, row, [outcomes[unit] for unit in group])
    return race


def _seeds(config: SearchConfig, number: int, proxy: bool = False) -> list[int]:
    first = config.seed + _PROXY_SEED * proxy
    return list(range(first, first + number))


def _held_out(config: SearchConfig, architectures: Indices) -> Indices:
    """Random architectures that the search has not seen."""
    rng = np.random.default_rng([config.seed, 1])
    drawn = SPACE.to_index(SPACE.sample(2 * (config.held_out + len(architectures)), rng))
    unseen = drawn[~np.isin(drawn, architectures)]
    _, first = np.unique(unseen, return_index=True)
    return unseen[np.sort(first)][: config.held_out]
