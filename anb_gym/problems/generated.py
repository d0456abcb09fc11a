"""The problem whose device changes from episode to episode, and is known by the times of a few networks only."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar, Final, cast

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import choose, integer, non_negative, number, shown
from anb_gym._types import FloatArray, Rows
from anb_gym.benchmark import Benchmark
from anb_gym.calibration import Level
from anb_gym.hardware.catalogue import catalogue
from anb_gym.hardware.generated import SEEDS, TEST_SEEDS, TRAIN_SEEDS
from anb_gym.hardware.prior import FAMILIES as DEVICE_FAMILIES
from anb_gym.hardware.probes import N_PROBES, probe_states
from anb_gym.hardware.units import log_seconds_of
from anb_gym.metrics import GENERATED, relative_violation
from anb_gym.noise import normal
from anb_gym.problems.asks import Ask, Request
from anb_gym.problems.evaluation import Evaluation, measured
from anb_gym.problems.gauges import SCALES
from anb_gym.problems.generated_fronts import recorded_seeds
from anb_gym.problems.target_devices import TargetDevice, device_number, product, target_device
from anb_gym.rewards import Bounded, Metrics, chebyshev, check_weights, normalise
from anb_gym.space import SPACE, States
from anb_gym.surrogates.store import FAMILIES, choose_surrogate
from anb_gym.tasks import Task

#: What is rewarded.
REWARDS: Final = ("product", "chebyshev", "accuracy", "objectives")
#: Names of sets of devices.
DEVICE_SETS: Final = {"train": TRAIN_SEEDS, "test": TEST_SEEDS}
#: Natural logarithms of times relative to their mean that observations show as 0 and 1. Those of the devices for
#: training lie within 2.3 of 0.
SHOWN: Final = (-3.0, 3.0)


@dataclass(eq=False)
class Designs(Request):
    """What a batch of episodes asks for: a design for a device, and perhaps for a preference.

    Attributes:
        device: ``int64`` (n,), see :func:`~anb_gym.problems.target_devices.device_number`.
        place: The weight of accuracy, or where the bound lies between nadir, 0, and ideal, 1, ``float64`` (n,).
        bound: A bound as it was given, in the metric's unit, or NaN, ``float64`` (n,).
        noise: Seed of the noise of the probes, ``uint64`` (n,).
    """

    device: NDArray[np.int64]
    place: FloatArray
    bound: FloatArray
    noise: NDArray[np.uint64]


@dataclass(frozen=True)
class AskDesign(Ask):
    """Every episode asks for a design for a device, drawn uniformly, that the times of the probes tell of.

    Attributes:
        devices: Seeds of the devices that are drawn.
        kind: ``"throughput"`` or ``"latency"``.
        leave_out: The family that the distribution has not seen.
        surrogate: Of real devices.
        preference: What is drawn beside the device: ``"weights"`` of accuracy and the metric, a ``"bound"`` of it
            between nadir and ideal of the device's front, or nothing, None.
        probe_noise: Standard deviation of the logarithm of a probe's time.
        certified: Whether optima of all devices are certified, when a device is first met.
    """

    fractions: ClassVar[bool] = True

    devices: Sequence[int]
    kind: str
    leave_out: str | None
    surrogate: str
    preference: str | None
    probe_noise: float
    certified: bool = False

    @property
    def options(self) -> tuple[str, ...]:  # type: ignore[override] # it depends on what is asked
        return ("device",) if self.preference is None else ("device", "preference")

    @property
    def weighs(self) -> bool:
        return self.preference == "weights"

    @property
    def n_cells(self) -> int:
        return N_PROBES + {None: 0, "weights": 2, "bound": 1}[self.preference]

    def blank(self, n: int) -> Designs:
        return Designs(
            np.full(n, self.devices[0], dtype=np.int64), np.zeros(n), np.full(n, np.nan), np.zeros(n, dtype=np.uint64)
        )

    def draw(self, rng: np.random.Generator, options: Mapping[str, Any]) -> Designs:
        given = options.get("device")
        device = self.devices[int(rng.integers(len(self.devices)))] if given is None else self.number(given)
        place, bound, noise = 0.0, math.nan, 0
        if self.preference is not None:
            wanted = options.get("preference")
            if wanted is None:
                place = rng.random()
            elif self.preference == "weights":
                place = check_weights(wanted, 2, "preference")[0]
            else:
                place, bound = self.position(device, wanted), wanted
        if self.probe_noise > 0.0:
            noise = int(rng.integers(2**63))
        return Designs(
            np.array([device], dtype=np.int64),
            np.array([place], dtype=np.float64),
            np.array([bound], dtype=np.float64),
            np.array([noise], dtype=np.uint64),
        )

    def number(self, device: object) -> int:
        """A device as a number; NumPy's integers are seeds too."""
        return device_number(device, self.kind)

    def on(self, device: int) -> TargetDevice:
        """A device by its number."""
        return target_device(int(device), self.kind, self.leave_out, self.surrogate, self.certified)

    def position(self, device: int, bound: Any) -> float:
        """Place of a bound between nadir, 0, and ideal, 1.

        Raises:
            ValueError: It is no number between them.
        """
        (_, ideal), (_, nadir) = self.on(device).extent
        low, high = sorted((nadir, ideal))
        if not low <= number(bound, "preference") <= high:
            name = self.on(device).name
            raise ValueError(f"preference must be a bound of {self.kind} in {low!r}..{high!r} on {name}, got {bound!r}")
        return (float(bound) - nadir) / (ideal - nadir)

    def log_times(self, request: Designs) -> FloatArray:
        """Natural logarithms of the probes' seconds as measured, ``float64`` (n, 10)."""
        logs = np.empty((len(request.device), N_PROBES))
        real = request.device < 0
        if not real.all():
            logs[~real] = catalogue(self.kind, self.leave_out).log_times(request.device[~real])
        for device in np.unique(request.device[real]).tolist():
            values = self.on(device).performance(probe_states())
            logs[request.device == device] = log_seconds_of(self.kind, values)
        if self.probe_noise > 0.0:
            n = len(logs)
            index = np.tile(np.arange(N_PROBES), n)
            deviates = normal("probes", index, np.repeat(request.noise, N_PROBES)).reshape(n, N_PROBES)
            logs += self.probe_noise * deviates
        return logs

    def cells(self, request: Designs) -> FloatArray:
        return self.cells_of(self.log_times(request), request.place)

    def cells_of(self, log_times: FloatArray, place: FloatArray) -> FloatArray:
        """Cells of observations, ``float64`` (n, n_cells), of a device of one's own too.

        Args:
            log_times: Natural logarithms of the probes' seconds, ``float64`` (n, 10).
            place: The weight of accuracy, or where the bound lies between nadir, 0, and ideal, 1, ``float64`` (n,).
        """
        relative = log_times - log_times.mean(axis=1, keepdims=True)
        shown = [np.clip((relative - SHOWN[0]) / (SHOWN[1] - SHOWN[0]), 0.0, 1.0)]
        if self.preference is not None:
            shown.append(place[:, None])
        if self.preference == "weights":
            shown.append(1.0 - place[:, None])
        return np.concatenate(shown, axis=1)

    def bounds(self, request: Designs) -> FloatArray:
        """The bounds that episodes ask for, in the metric's unit, ``float64`` (n,)."""
        found = request.bound.copy()
        for row in np.flatnonzero(np.isnan(found)).tolist():
            (_, ideal), (_, nadir) = self.on(request.device[row]).extent
            # Rounding must not lead beyond the ideal, which nothing would meet.
            low, high = sorted((nadir, ideal))
            found[row] = min(max(nadir + request.place[row] * (ideal - nadir), low), high)
        return found

    def shown(self, request: Designs) -> dict[str, Any]:
        names = [self.on(device).name for device in request.device.tolist()]
        shown: dict[str, Any] = {"device": np.array(names, dtype=object)}
        if self.preference == "weights":
            shown["preference"] = np.stack([request.place, 1.0 - request.place], axis=1)
        elif self.preference == "bound":
            shown["preference"] = self.bounds(request)
        return shown


@dataclass(frozen=True)
class GeneratedProblem:
    """The best design for a device that differs from episode to episode; a frozen value that pickles small.

    Attributes:
        kind: ``"throughput"`` or ``"latency"``.
        devices: ``"train"``, ``"test"`` or seeds.
        leave_out: A family of real devices that the distribution must not have seen.
        reward: ``"product"``; ``"chebyshev"``, whose weights are drawn for each episode; ``"accuracy"``, under a bound
            that is drawn for each episode and whose violation is a cost; or ``"objectives"``, a vector.
        scale: ``"unit"`` or ``"raw"``.
        surrogate: Of accuracy, and of real devices.
        probe_noise: Standard deviation of the logarithm of a probe's time.
        certified: Whether optima of all devices are certified, not only those that ship.

    Raises:
        ValueError: An argument has an unknown or impossible value.
    """

    space: ClassVar[Any] = SPACE
    constraint: ClassVar[None] = None

    kind: str = "throughput"
    devices: str | Sequence[int] = "train"
    leave_out: str | None = None
    reward: str = "product"
    scale: str = "unit"
    surrogate: str = FAMILIES[0]
    probe_noise: float = 0.0
    certified: bool = False

    def __post_init__(self) -> None:
        choose(self.kind, GENERATED, "kind")
        choose(self.reward, REWARDS, "reward")
        choose(self.scale, SCALES, "reward_scale")
        choose_surrogate(self.surrogate)
        if self.leave_out is not None:
            choose(self.leave_out, DEVICE_FAMILIES, "leave_out")
        non_negative(self.probe_noise, "probe_noise")
        if not isinstance(self.certified, bool):
            raise ValueError(f"certified must be True or False, got {self.certified!r}")
        if isinstance(self.devices, str):
            choose(self.devices, DEVICE_SETS, "devices")
            return
        iterable = isinstance(self.devices, Iterable)
        seeds = tuple(integer(seed, 0, "devices") for seed in self.devices) if iterable else ()
        if not seeds or max(seeds) >= SEEDS:
            raise ValueError(f"devices must be 'train', 'test' or seeds below 2**63, got {shown(self.devices)}")
        object.__setattr__(self, "devices", seeds)

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def ask(self) -> AskDesign:
        """What an episode asks for."""
        seeds = DEVICE_SETS[self.devices] if isinstance(self.devices, str) else self.devices
        preference = {"chebyshev": "weights", "accuracy": "bound"}.get(self.reward)
        return AskDesign(seeds, self.kind, self.leave_out, self.surrogate, preference, self.probe_noise, self.certified)

    def task_of(self, request: Any) -> Task:
        """The task of the first of some episodes: accuracy, and the metric of its device."""
        name = "Generated" if self.kind == "throughput" else "Generated-Latency"
        return Task(name, self.metrics, cast(Any, self.kind), self.ask.on(request.device[0]).name)

    @cached_property
    def benchmark(self) -> Benchmark:
        """The source of accuracy, and of real devices' metrics."""
        return Benchmark(self.surrogate)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Accuracy and ``"generated/throughput"`` or ``"generated/latency"``, on a real device too."""
        return ("accuracy", GENERATED[self.kind])

    @property
    def is_vector(self) -> bool:
        """Whether rewards are vectors."""
        return self.reward == "objectives"

    @property
    def n_objectives(self) -> int:
        """Number of objectives, all to be maximised."""
        return 2 if self.is_vector else 1

    @property
    def limit(self) -> Bounded | None:
        """What a violation of the episode's bound is measured by, of 1 where no episode says another; None without."""
        return Bounded(self.metrics[1], 1.0) if self.reward == "accuracy" else None

    def on(self, device: int | str) -> TargetDevice:
        """A device: its front, extents and metrics.

        Args:
            device: A seed, or the name of a real one.

        Raises:
            ValueError: There is no such device.
        """
        return self.ask.on(self.ask.number(device))

    def parts(self, request: Any) -> Iterator[tuple[Rows, GeneratedProblem, Any]]:
        """Rows of a batch of episodes with their problem: those whose optimum is certified apart from the others."""
        is_certified = self._is_certified(request)
        if is_certified.all() or not is_certified.any():
            yield slice(None), self, request
            return
        for part in (is_certified, ~is_certified):
            rows = np.flatnonzero(part)
            yield rows, self, request[rows]

    def measure(self, states: States, request: Designs) -> Metrics:
        """The metrics of architectures, each on its episode's device, ``float64`` (n,) each."""
        performance = np.empty(len(states))
        real = request.device < 0
        if not real.all():
            generated = ~real
            devices = catalogue(self.kind, self.leave_out)
            performance[generated] = devices.performance(request.device[generated], states[generated])
        for device in np.unique(request.device[real]).tolist():
            rows = request.device == device
            performance[rows] = self.ask.on(device).performance(states[rows])
        accuracy = self.benchmark.query_states(states, ["accuracy"])["accuracy"]
        return {"accuracy": accuracy, self.metrics[1]: performance}

    def assess(self, states: States, request: Designs, noise: Any = None) -> Evaluation:
        """Evaluation of block states, each on its episode's device, without checks.

        Args:
            states: Block states, ``int64`` (n, 7), within the space.
            request: What the episodes ask for.
            noise: Seeds of what a training shows of accuracy, ``uint64`` (n,); None for no noise. Devices have none.
        """
        exact = self.measure(states, request)
        metrics = measured(exact, states, noise)
        raw = self._raw(metrics, request)
        if self.is_vector:
            return Evaluation(metrics, exact, raw)
        cost = None if self.limit is None else self._cost(metrics, request)
        certified = self._is_certified(request).all()
        if self.scale == "raw" and not certified:
            return Evaluation(metrics, exact, raw, raw, None, cost)
        level = self._level(request)
        regret = self._regret(exact, request, level) if certified else None
        return Evaluation(metrics, exact, raw if self.scale == "raw" else level.to_unit(raw), raw, regret, cost)

    def evaluate(self, archs: Any, *, device: int | str, preference: Any = None) -> Evaluation:
        """Evaluation of architectures on one device, checked.

        Args:
            archs: Whatever :meth:`anb_gym.Benchmark.query` takes.
            device: A seed, or the name of a real device.
            preference: Weights or a bound, where episodes have one.

        Raises:
            ValueError: An argument has the wrong type, shape or value, or is missing.
        """
        states = SPACE.as_states(archs, "archs")
        if (preference is None) != (self.ask.preference is None):
            wanted = "None" if self.ask.preference is None else self.ask.preference
            raise ValueError(f"preference must be {wanted}, got {preference!r}")
        options = {"device": device, "preference": preference}
        request = self.ask.draw(np.random.default_rng(0), options)[np.zeros(len(states), dtype=np.int64)]
        return self.assess(states, request)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _raw(self, metrics: Metrics, request: Designs) -> FloatArray:
        accuracy, performance = metrics["accuracy"], metrics[self.metrics[1]]
        if self.reward == "accuracy":
            return accuracy.copy()
        if self.reward == "product":
            reference = self._of_devices(request, lambda device: device.reference)
            return product(self.kind, accuracy, performance, reference)
        if self.reward == "objectives" and self.scale == "raw":
            return np.stack([accuracy, performance if self.kind == "throughput" else -performance], axis=1)
        extents = self._of_devices(request, lambda device: device.extent)
        objectives = normalise([accuracy, performance], list(extents[:, 0].T), list(extents[:, 1].T))
        if self.reward == "objectives":
            return np.stack(objectives, axis=1)
        return chebyshev(objectives, [request.place, 1.0 - request.place])

    def _is_certified(self, request: Designs) -> NDArray[np.bool_]:
        """Which episodes have a device whose optimum is certified, ``bool`` (n,)."""
        if self.certified:
            return np.ones(len(request.device), dtype=np.bool_)
        known = recorded_seeds(self.kind, self.leave_out, self.surrogate)
        return (request.device < 0) | np.isin(request.device, known)

    def _cost(self, metrics: Metrics, request: Designs) -> FloatArray:
        name = self.metrics[1]
        return relative_violation(name, metrics[name], self.ask.bounds(request))

    def _regret(self, exact: Metrics, request: Designs, level: Level) -> FloatArray:
        if self.limit is None:
            return level.regret(self._raw(exact, request))
        points = np.maximum(0.0, level.one - exact["accuracy"])
        return np.where(self._cost(exact, request) > 0.0, np.inf, points)

    def _of_devices(self, request: Designs, what: Callable[[TargetDevice], Any]) -> FloatArray:
        """A number, or several, of each episode's device, ``float64`` (n, ...)."""
        devices, rows = np.unique(request.device, return_inverse=True)
        found: FloatArray = np.array([what(self.ask.on(device)) for device in devices.tolist()])[rows]
        return found

    def _level(self, request: Designs) -> Level:
        if self.reward == "product":
            levels = self._of_devices(request, lambda device: device.product_level)
            return Level(levels[:, 0], levels[:, 1])
        zero, one = np.empty(len(request.device)), np.empty(len(request.device))
        bounds = self.ask.bounds(request) if self.reward == "accuracy" else None
        for device in np.unique(request.device).tolist():
            rows, on = np.flatnonzero(request.device == device), self.ask.on(device)
            if bounds is None:
                zero[rows], one[rows] = on.chebyshev_level(request.place[rows])
            elif self.scale == "raw":  # regret is in points of accuracy, and needs no mean
                zero[rows], one[rows] = np.nan, on.best_under(bounds[rows])
            else:
                zero[rows], one[rows] = on.bounded_level(bounds[rows])
        return Level(zero, one)
