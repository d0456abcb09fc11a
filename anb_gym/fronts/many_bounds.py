"""Certified optima under bounds of several metrics at once: those that ship, or searched for when first needed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import one_line
from anb_gym._extras import is_installed
from anb_gym._files import read_object, write_atomically
from anb_gym._types import FloatArray
from anb_gym.fronts.store import FrontError, NoFrontError
from anb_gym.metrics import DIRECTIONS, UNITS, relative_violation
from anb_gym.space import SPACE, Architecture, Indices
from anb_gym.surrogates.store import load_shipped, shipped_checksum
from anb_gym.surrogates.tables import BlockTables

if TYPE_CHECKING:
    from anb_gym.exact.constrained import Limit

#: The file of those that ship, and the version of its format.
SHIPPED: Final = Path(str(files("anb_gym"))) / "fronts" / "shipped" / "many_bounds.json"
SCHEMA: Final = 1

#: Metrics and their bounds.
Bounds = tuple[tuple[str, float], ...]


@dataclass(frozen=True, eq=False)
class ManyBoundsOptimum:
    """The most accurate architectures of all that meet several bounds, certified as the surrogate sees them.

    Attributes:
        indices: All that are, ``int64`` (n,).
        value: Their accuracy in percent.
        metrics: Metrics of the first of them.
        covered: Architectures that the search visited or discarded by a bound: all of the space.
    """

    indices: Indices
    value: float
    metrics: Mapping[str, float]
    covered: int

    @property
    def architecture(self) -> Architecture:
        """The first of the optimal architectures."""
        return Architecture.from_index(int(self.indices[0]))


@lru_cache(maxsize=64)
def best_under_bounds(surrogate: str, accuracy: str, bounds: Bounds) -> ManyBoundsOptimum:
    """The certified optimum under bounds; remembered for the process.

    Args:
        surrogate: Name of the surrogate.
        accuracy: ``"accuracy"`` or ``"accuracy/reference"``.
        bounds: Metrics and their bounds, each in its unit: throughput must be at least, latency at most so much.

    Raises:
        ValueError: No architecture meets all bounds; the message names the nearest value of one that can be met.
        NoFrontError: The optimum does not ship and the extra ``exact``, which searches for it, is not installed.
    """
    record = _records().get(_key(surrogate, accuracy, bounds))
    if record is None:
        if not is_installed("numba"):
            raise NoFrontError(
                f"no optimum under the bounds {dict(bounds)} ships; to search for it: pip install 'anb_gym[exact]'"
            )
        indices, covered = solve(surrogate, accuracy, bounds)
    else:
        indices, covered = np.array(record["indices"], dtype=np.int64), record["covered"]
    states = SPACE.index_to_states(indices[:1])
    found = {name: float(load_shipped(surrogate, name).predict(states)[0]) for name in (accuracy, *dict(bounds))}
    return ManyBoundsOptimum(indices, found[accuracy], found, covered)


def solve(surrogate: str, accuracy: str, bounds: Bounds) -> tuple[Indices, int]:
    """Searches for the optimum under bounds, in seconds. Needs the extra ``exact``.

    Returns:
        All optimal architectures, ``int64`` (n,), and how many were covered.

    Raises:
        ValueError: As :func:`best_under_bounds`.
    """
    from anb_gym.exact.constrained import NothingMeetsError, maximize_under

    limits = {metric: _limit(surrogate, metric, bound) for metric, bound in bounds}
    try:
        found = maximize_under(load_shipped(surrogate, accuracy).mean, list(limits.values()))
    except NothingMeetsError:
        raise ValueError(
            f"bounds must be met by some architecture, none meets {_text(dict(bounds))}; {_nearest(surrogate, bounds)}"
        ) from None
    return found.indices, found.covered


def write_shipped(wanted: list[tuple[str, str, Bounds]]) -> None:
    """Searches for optima and writes the file of those that ship."""
    optima = {}
    for surrogate, accuracy, bounds in wanted:
        indices, covered = solve(surrogate, accuracy, bounds)
        optima[_key(surrogate, accuracy, bounds)] = {"indices": indices.tolist(), "covered": covered}
    text = json.dumps({"schema": SCHEMA, "optima": optima}, indent=2)
    write_atomically(SHIPPED, f"{text}\n".encode())


def _nearest(surrogate: str, bounds: Bounds) -> str:
    """The nearest value of one of some bounds that can be met together with the others."""
    from anb_gym.exact import maximize
    from anb_gym.exact.constrained import NothingMeetsError, maximize_under

    for metric, _ in reversed(bounds):
        others = [_limit(surrogate, name, bound) for name, bound in bounds if name != metric]
        of = load_shipped(surrogate, metric)
        up = (DIRECTIONS[metric] == "max") == of.link.increasing
        tables = of.mean if up else BlockTables(of.mean.order, -of.mean.values)
        try:
            found = maximize_under(tables, others).indices if others else maximize(tables).indices
        except NothingMeetsError:
            continue
        value = float(of.predict(SPACE.index_to_states(found[:1]))[0])
        beside = " beside the others" if others else ""
        return f"the nearest {metric} that can be met{beside} is {value!r} {UNITS[metric]}"
    return "no others but one of them can be met either"


def _limit(surrogate: str, metric: str, bound: float) -> Limit:
    """The limit of a metric's tables that a bound means."""
    from anb_gym.exact.constrained import Limit

    of = load_shipped(surrogate, metric)
    with np.errstate(invalid="ignore", divide="ignore"):
        at = float(of.link.inverse(np.array(bound)))
    if not np.isfinite(at):  # faster than what feeds the device
        at = 0.0

    def kept(sums: FloatArray) -> NDArray[np.bool_]:
        met: NDArray[np.bool_] = relative_violation(metric, of.link.value(sums), bound) == 0.0
        return met

    return Limit(of.mean, at, (DIRECTIONS[metric] == "max") == of.link.increasing, kept)


def _key(surrogate: str, accuracy: str, bounds: Bounds) -> str:
    """The name of an optimum: what it is of, with checksums of the tables."""
    parts = [f"{accuracy} {shipped_checksum(surrogate, accuracy)[:12]}"]
    parts += [f"{metric} {bound!r} {shipped_checksum(surrogate, metric)[:12]}" for metric, bound in sorted(bounds)]
    return "; ".join([surrogate, *parts])


@lru_cache(maxsize=1)
def _records() -> Mapping[str, Any]:
    """The optima that ship, by name.

    Raises:
        FrontError: The file is damaged or of another version.
    """
    fields = read_object(SHIPPED, FrontError)
    fields.check_schema(SCHEMA)
    optima = fields.fields("optima")
    for name in optima.content:
        record = optima.fields(name)
        record.items("indices", int)
        record.get("covered", int)
    return optima.content


def _text(bounds: Mapping[str, float]) -> str:
    return one_line(" and ".join(f"{metric} {bound:g}" for metric, bound in bounds.items()))
