"""What complete architectures are worth on generated devices, as pure functions on arrays of any library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Final

import numpy as np

from anb_gym._namespace import cast, namespace, rows_at
from anb_gym._types import FloatArray
from anb_gym.arrays.tables import Tables, as_states
from anb_gym.calibration import Level
from anb_gym.calibration.bounded import LEAST
from anb_gym.hardware.catalogue import catalogue, linked
from anb_gym.hardware.costs import STARTS
from anb_gym.metrics import relative_violation
from anb_gym.problems import GeneratedProblem
from anb_gym.problems.gauges import N_MEANS
from anb_gym.problems.target_devices import TargetDevice, product
from anb_gym.rewards import chebyshev, normalise
from anb_gym.space import SPACE

#: Devices at most whose optima are found when an environment is made, a tenth of a second each.
MOST: Final = 1_024
_N_STATES: Final = int(SPACE.block_sizes.sum())


@dataclass(frozen=True, eq=False)
class ScoringOfDevices:
    """The worth of architectures where every episode is on another generated device.

    Its methods are those of :class:`~anb_gym.functional.scoring.Scoring`.

    Attributes:
        problem: The problem.
        draws: Shape of what an episode draws: numbers in 0..1 for its device, and for its weights or bound.

    Raises:
        ValueError: The problem's probes have noise, or it has more devices than can be solved at once.
    """

    draws: ClassVar[tuple[int, ...]] = (2,)

    problem: GeneratedProblem

    def __post_init__(self) -> None:
        if self.problem.probe_noise:
            raise ValueError(f"probe_noise must be 0 on arrays, got {self.problem.probe_noise!r}")
        if self._solved and (n := len(self.problem.ask.devices)) > MOST:
            raise ValueError(
                f"devices must be 'test' or at most {MOST:,} seeds, such as range(256), on arrays, where all optima "
                f"are found first, but with reward_scale='raw'; got {n:,}"
            )

    @property
    def nothing(self) -> FloatArray:
        """What asks for no device and no preference, NaN (2,)."""
        return np.full(2, np.nan)

    def functions(self) -> Any:
        """The tables of accuracy."""
        return self.problem.benchmark.functions(["accuracy"])

    def pack(self, tables: Tables) -> Tables:
        """The tables as they are."""
        return tables

    def arrays(self) -> dict[str, Any]:
        """All devices' costs, probes as observations show them, and what unit scale and regret need, ``float64``."""
        problem, ask, devices = self.problem, self.problem.ask, self._devices
        seeds = np.array([device.number for device in devices], dtype=np.int64)
        known = catalogue(problem.kind, problem.leave_out)
        cells, hosts = known.cells(seeds)
        probes = ask.cells_of(known.log_times(seeds), np.zeros(len(seeds)))[:, : ask.n_cells - self._n_shown]
        found = {"costs": cells.ravel(), "hosts": hosts, "probes": probes}
        if problem.reward == "product":
            found["reference"] = np.array([device.reference for device in devices])
        if problem.reward != "product":
            ends = np.array([device.extent for device in devices])
            found["ideal"], found["nadir"] = ends[:, 0], ends[:, 1]
        if not self._solved:
            return found
        if problem.reward == "product":
            found["zero"], found["one"] = np.array([device.product_level for device in devices]).T
        elif problem.reward == "chebyshev":
            found["means"] = np.stack([device.chebyshev_means for device in devices])
            fronts = [device.objectives(device.front.accuracy, device.front.performance) for device in devices]
            for name, columns in zip(("accuracy", "performance"), zip(*fronts, strict=True), strict=True):
                found[f"front {name}"] = _padded(columns)
        elif problem.reward == "accuracy":
            found["front quality"] = _padded([device.sign * device.front.performance for device in devices], np.inf)
            found["front accuracy"] = _padded([device.front.accuracy for device in devices])
            tails = [device.mean_accuracy for device in devices] if problem.scale == "unit" else []
            if tails:
                found["tail quality"] = _padded([tail.quality for tail in tails], np.inf)
                found["tail accuracy"] = _padded([tail.means for tail in tails])
        return found

    # --- requests --------------------------------------------------------------------------------------------------

    def request(self, drawn: Any, given: Any, arrays: dict[str, Any]) -> dict[str, Any]:
        """The requests of episodes.

        Args:
            drawn: For the device and the preference, uniform in 0..1, (..., 2).
            given: The number of a device among the problem's, and the weight of accuracy or the bound in the metric's
                unit, (..., 2); NaN where none is given.
            arrays: Those of :meth:`arrays`.
        """
        xp, n = namespace(drawn), len(self._devices)
        number, preference = given[..., 0], given[..., 1]
        picked = xp.where(number == number, number, xp.floor(drawn[..., 0] * n))
        found = {"device": cast(xp.clip(picked, 0, n - 1), xp.int32)}
        found["probes"] = rows_at(arrays["probes"], found["device"])
        if self.problem.ask.preference == "weights":
            first = xp.where(preference == preference, preference, drawn[..., 1])
            found["weights"] = xp.stack([first, 1.0 - first], -1)
        elif self.problem.ask.preference == "bound":
            ideal, nadir = (rows_at(arrays[name], found["device"])[..., 1] for name in ("ideal", "nadir"))
            is_given = preference == preference
            found["position"] = xp.where(is_given, (preference - nadir) / (ideal - nadir), drawn[..., 1])
            between = nadir + found["position"] * (ideal - nadir)
            kept = xp.minimum(xp.maximum(between, xp.minimum(nadir, ideal)), xp.maximum(nadir, ideal))
            found["bound"] = xp.where(is_given, preference, kept)
        return found

    def cells(self, request: dict[str, Any]) -> Any:
        """What observations show of requests, (..., cells)."""
        xp, shown = namespace(request["device"]), [request["probes"]]
        if "weights" in request:
            shown.append(request["weights"])
        elif "position" in request:
            shown.append(request["position"][..., None])
        return xp.concatenate(shown, -1)

    # --- worth -----------------------------------------------------------------------------------------------------

    def assess(self, tables: Tables, arrays: dict[str, Any], states: Any, request: dict[str, Any]) -> dict[str, Any]:
        """As :meth:`Scoring.assess`; ``metrics`` are accuracy and the metric on the episode's device."""
        xp, problem, device = namespace(states), self.problem, request["device"]
        accuracy = tables.query(states)["accuracy"]
        performance = self._performance(arrays, states, device)
        found: dict[str, Any] = {"metrics": xp.stack([accuracy, performance], -1)}
        raw = self._raw(arrays, accuracy, performance, request)
        if problem.is_vector:
            return {**found, "reward": raw}
        found["raw_reward"] = found["reward"] = raw
        if problem.limit is not None:
            found["cost"] = relative_violation(problem.metrics[1], performance, request["bound"])
        if not self._solved:
            return found
        level = self._level(arrays, request)
        if problem.scale == "unit":
            found["reward"] = level.to_unit(raw)
        if self._certified:
            below = xp.maximum(0.0, level.one - raw) if problem.limit is not None else level.regret(raw)
            found["regret"] = xp.where(found["cost"] > 0.0, np.inf, below) if "cost" in found else below
        return found

    # --- inside ----------------------------------------------------------------------------------------------------

    @cached_property
    def _devices(self) -> list[TargetDevice]:
        return [self.problem.ask.on(seed) for seed in self.problem.ask.devices]

    @cached_property
    def _certified(self) -> bool:
        return all(device.certified for device in self._devices)

    @property
    def _solved(self) -> bool:
        """Whether devices' optima are needed: for unit scale but of vectors, and for regret where it is known."""
        if self.problem.is_vector:
            return False
        return self.problem.scale == "unit" or (len(self.problem.ask.devices) <= MOST and self._certified)

    @property
    def _n_shown(self) -> int:
        """Cells that observations show of a preference."""
        return {None: 0, "weights": 2, "bound": 1}[self.problem.ask.preference]

    def _performance(self, arrays: dict[str, Any], states: Any, device: Any) -> Any:
        states = as_states(states)
        cells = [
            rows_at(arrays["costs"], device * _N_STATES + states[..., block] + int(start))
            for block, start in enumerate(STARTS)
        ]
        total = cells[0]
        for cell in cells[1:]:
            total = total + cell
        return linked(self.problem.kind, total, rows_at(arrays["hosts"], device))

    def _raw(self, arrays: dict[str, Any], accuracy: Any, performance: Any, request: dict[str, Any]) -> Any:
        xp, problem, device = namespace(accuracy), self.problem, request["device"]
        if problem.reward == "accuracy":
            return accuracy
        if problem.reward == "product":
            return product(problem.kind, accuracy, performance, rows_at(arrays["reference"], device))
        if problem.is_vector and problem.scale == "raw":
            return xp.stack([accuracy, performance if problem.kind == "throughput" else -performance], -1)
        ideal, nadir = (rows_at(arrays[name], device) for name in ("ideal", "nadir"))
        objectives = normalise([accuracy, performance], [ideal[..., 0], ideal[..., 1]], [nadir[..., 0], nadir[..., 1]])
        if problem.is_vector:
            return xp.stack(objectives, -1)
        return chebyshev(objectives, [request["weights"][..., 0], request["weights"][..., 1]])

    def _level(self, arrays: dict[str, Any], request: dict[str, Any]) -> Level:
        device = request["device"]
        xp = namespace(device)
        if "zero" in arrays:
            return Level(rows_at(arrays["zero"], device), rows_at(arrays["one"], device))
        if "means" in arrays:
            weight, last = request["weights"][..., 0], N_MEANS - 1
            below = xp.clip(xp.floor(weight * last), 0, last - 1)
            at = device * N_MEANS + cast(below, xp.int32)
            means = arrays["means"].reshape(-1)
            low, high = rows_at(means, at), rows_at(means, at + 1)
            members = [rows_at(arrays[f"front {name}"], device) for name in ("accuracy", "performance")]
            best = chebyshev(members, [weight[..., None], 1.0 - weight[..., None]])
            return Level(low + (weight * last - below) * (high - low), xp.amax(best, -1))
        quality = request["bound"] * (1.0 if self.problem.kind == "throughput" else -1.0)
        best = _step_of(arrays["front quality"], arrays["front accuracy"], device, quality)
        if "tail quality" not in arrays:
            return Level(best, best)
        mean = _step_of(arrays["tail quality"], arrays["tail accuracy"], device, quality)
        return Level(xp.minimum(mean, best - LEAST), best)


def _padded(rows: Sequence[FloatArray], filler: float | None = None) -> FloatArray:
    """Rows of different lengths as an array, one wider than the longest; the last of each, or a filler, fills it."""
    found = np.empty((len(rows), max(map(len, rows)) + 1))
    for number, row in enumerate(rows):
        found[number, : len(row)] = row
        found[number, len(row) :] = (row[-1] if len(row) else 0.0) if filler is None else filler
    return found


def _step_of(edges: Any, values: Any, device: Any, at: Any) -> Any:
    """The value of each device's function of steps, of rows of ascending edges, at a place."""
    xp = namespace(edges)
    number = cast((rows_at(edges, device) < at[..., None]).sum(-1), xp.int32)
    return rows_at(values.reshape(-1), device * values.shape[1] + xp.clip(number, 0, values.shape[1] - 1))
