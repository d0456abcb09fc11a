"""One device to design for, generated or real: what is known of it, and what is best there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from anb_gym._errors import choose, integer
from anb_gym._extras import needing
from anb_gym._types import FloatArray
from anb_gym.benchmark import Benchmark
from anb_gym.calibration.bounded import LEAST
from anb_gym.calibration.measuring import N_RANDOM, random_metrics, random_states
from anb_gym.calibration.tail import MeanAccuracy, sample_tail, tail_sample
from anb_gym.exact import Front
from anb_gym.fronts import NoFrontError
from anb_gym.hardware.catalogue import catalogue, linked
from anb_gym.hardware.costs import STARTS
from anb_gym.hardware.generated import SEEDS
from anb_gym.metrics import DEVICE_METRICS, GENERATED
from anb_gym.pareto import hypervolume
from anb_gym.problems.gauges import N_MEANS
from anb_gym.problems.generated_fronts import recorded
from anb_gym.problems.local_search import local_front
from anb_gym.rewards import chebyshev, normalise
from anb_gym.space import EFFICIENTNET_B0, SPACE, Indices, States
from anb_gym.surrogates.store import FAMILIES
from anb_gym.surrogates.tables import BlockTables
from anb_gym.tasks import EXPONENT

if TYPE_CHECKING:
    from anb_gym.exact.additive import AgainstCosts

#: Devices whose fronts are remembered, all for training among them: some 11 kB each.
_REMEMBERED: Final = 16_384
#: Random architectures behind the means of preferences, the first of those behind all means: there are many devices.
_N_PREFERENCES: Final = 20_000
#: As of the other ids' reference points, see :mod:`anb_gym.calibration.recording`.
_MARGIN: Final = 0.1


def real_metrics(kind: str) -> tuple[str, ...]:
    """The metrics of real devices of a kind."""
    return tuple(metric for metric in DEVICE_METRICS if metric.endswith(f"/{kind}"))


def device_number(device: object, kind: str) -> int:
    """A device as one number: a seed, or a real device counted down from -1.

    Args:
        device: A seed, or a name such as ``"vck190"``.
        kind: ``"throughput"`` or ``"latency"``.

    Raises:
        ValueError: There is no such seed, or no such device with this kind of metric.
    """
    if isinstance(device, str):
        names = [metric.partition("/")[0] for metric in real_metrics(kind)]
        return -1 - names.index(choose(device, names, "device"))
    if (seed := integer(device, 0, "device")) >= SEEDS:
        raise ValueError(f"device must be below 2**63, got {seed}")
    return seed


@dataclass(frozen=True)
class DeviceFront:
    """The Pareto front of accuracy and a device's metric, best accuracy first.

    Attributes:
        indices: Of the members, ``int64`` (n,).
        accuracy: In percent, ``float64`` (n,), falling.
        performance: In images/s or ms, ``float64`` (n,), becoming better.
    """

    indices: Indices
    accuracy: FloatArray
    performance: FloatArray

    def __len__(self) -> int:
        return len(self.accuracy)

    @property
    def states(self) -> States:
        """Block states of the members, ``int64`` (n, 7)."""
        return SPACE.index_to_states(self.indices)


@dataclass(frozen=True)
class TargetDevice:
    """A device to design for.

    Attributes:
        number: As of :func:`device_number`.
        kind: ``"throughput"`` or ``"latency"``.
        leave_out: The family that the distribution of generated devices has not seen.
        surrogate: Of accuracy, and of real devices.
        certify: Whether a front that does not ship is certified when it is asked for, which needs the extra ``exact``.
    """

    number: int
    kind: str
    leave_out: str | None
    surrogate: str
    certify: bool = False

    @property
    def name(self) -> str:
        """Such as ``"generated_7"``, ``"generated_7_without_fpga"`` or ``"vck190"``."""
        if self.number < 0:
            return self.metric.partition("/")[0]
        return f"generated_{self.number}" + (f"_without_{self.leave_out}" if self.leave_out else "")

    @property
    def metric(self) -> str:
        """Name of the metric: of a real device its own."""
        return GENERATED[self.kind] if self.number >= 0 else real_metrics(self.kind)[-1 - self.number]

    def accuracy(self, states: States) -> FloatArray:
        """Accuracy in percent, ``float64`` (n,), of block states (n, 7)."""
        return Benchmark(self.surrogate).query_states(states, ["accuracy"])["accuracy"]

    def performance(self, states: States) -> FloatArray:
        """Images/s or ms, ``float64`` (n,), of block states (n, 7)."""
        if self.number < 0:
            return Benchmark(self.surrogate).query_states(states, [self.metric])[self.metric]
        return catalogue(self.kind, self.leave_out).performance(np.array([self.number]), states)

    @property
    def sign(self) -> float:
        """1 if more of the metric is better, else -1."""
        return 1.0 if self.kind == "throughput" else -1.0

    @cached_property
    def reference(self) -> float:
        """The metric of EfficientNet-B0, by which rewards measure others."""
        return float(self.performance(SPACE.as_states(EFFICIENTNET_B0))[0])

    @cached_property
    def extent(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Ideal and nadir of the exact front: (accuracy, metric) each.

        Its ends are the most accurate architecture and the one with the best metric. On a generated device, a sum over
        single blocks, both are known without a search.
        """
        if self.number < 0:
            front = Benchmark(self.surrogate).front(self.metric)
            (a, b), (c, d) = front.ideal, front.nadir
            return (a, b), (c, d)
        most_accurate = SPACE.index_to_states(_members(self.surrogate, "accuracy"))
        slowest = self.sign * float((self.sign * self.performance(most_accurate)).max())
        fastest = self.fastest[None]
        return (
            (float(self.accuracy(most_accurate).max()), float(self.performance(fastest)[0])),
            (float(self.accuracy(fastest)[0]), slowest),
        )

    @cached_property
    def fastest(self) -> States:
        """Block states ``int64`` (7,) of the architecture with the best metric on a generated device."""
        cells, _ = catalogue(self.kind, self.leave_out).cells(np.array([self.number]))
        return np.array([part.argmin() for part in np.split(cells[0], STARTS[1:])], dtype=np.int64)

    @cached_property
    def _recorded(self) -> Indices | None:
        """Members of the exact front of a generated device, where it ships."""
        return recorded(self.number, self.kind, self.leave_out, self.surrogate)

    @property
    def certified(self) -> bool:
        """Whether its front is exact."""
        return self.number < 0 or self.certify or self._recorded is not None

    @cached_property
    def front(self) -> DeviceFront:
        """The front: exact where it ships or is to be certified, in half a second; else what local search finds."""
        if self.number < 0:
            front = Benchmark(self.surrogate).front(self.metric)
            return DeviceFront(front.indices, *np.ascontiguousarray(front.objectives.T))
        indices = self.solve().indices if self._recorded is None and self.certify else self._recorded
        return self.climbed() if indices is None else self.front_of(SPACE.index_to_states(indices))

    def climbed(self) -> DeviceFront:
        """The front that local search finds."""

        def values(states: States) -> FloatArray:
            return np.stack([self.accuracy(states), self.sign * self.performance(states)], axis=1)

        states, accuracy = _starts(self.surrogate)
        known = np.stack([accuracy, self.sign * self.performance(states)], axis=1)
        return self.front_of(local_front(values, states, known))

    def front_of(self, states: States) -> DeviceFront:
        """A front of these members, in its order."""
        accuracy, performance = self.accuracy(states), self.performance(states)
        order = np.lexsort((-self.sign * performance, -accuracy))
        return DeviceFront(SPACE.states_to_index(states[order]), accuracy[order], performance[order])

    def solve(self) -> Front:
        """The exact front with its certificate, in half a second. Needs the extra ``exact``.

        Raises:
            ValueError: It is a real device, whose front :meth:`anb_gym.Benchmark.front` has.
        """
        if self.number < 0:
            raise ValueError(f"device must be generated, got {self.name!r}, whose front Benchmark().front has")
        return _solver(self.surrogate).front(self._costs, _starts(self.surrogate)[0])

    @cached_property
    def best_product(self) -> States:
        """Block states ``int64`` (7,) with the largest product, certified where the front is, but sooner."""
        if self.number < 0 or self._recorded is not None or not self.certify:
            best: States = self.front.states[self.product(self.front.accuracy, self.front.performance).argmax()]
            return best
        hosts = catalogue(self.kind, self.leave_out).cells(np.array([self.number]))[1]

        def factor(costs: FloatArray) -> FloatArray:
            return self.product(np.ones(1), linked(self.kind, costs, hosts))

        return _solver(self.surrogate).best_product(self._costs, factor, _starts(self.surrogate)[0])

    @property
    def _costs(self) -> BlockTables:
        return BlockTables(1, catalogue(self.kind, self.leave_out).cells(np.array([self.number]))[0][0])

    @cached_property
    def reference_point(self) -> tuple[float, float]:
        """The point above which hypervolumes are measured: a tenth of the front's extent worse than its nadir."""
        found = [low + _MARGIN * (low - high) for high, low in zip(*self.extent, strict=True)]
        return max(0.0, found[0]), max(0.0, found[1])

    def hypervolume(self, front: DeviceFront | None = None) -> float:
        """What a front dominates above :attr:`reference_point`, by default the device's own. Needs ``pareto``."""
        of = self.front if front is None else front
        points = np.stack([of.accuracy, of.performance], axis=1)
        return hypervolume(points, self.reference_point, ("max", "max" if self.sign > 0 else "min"))

    def coverage(self, accuracy: FloatArray, performance: FloatArray) -> float:
        """The share of its front's hypervolume that designs cover. Needs ``pareto``.

        Args:
            accuracy: Of the designs, in percent, ``float64`` (n,).
            performance: In images/s or ms, ``float64`` (n,).
        """
        part = DeviceFront(np.empty(0, dtype=np.int64), accuracy, performance)
        return self.hypervolume(part) / self.hypervolume()

    # --- rewards ---------------------------------------------------------------------------------------------------

    def product(self, accuracy: FloatArray, performance: FloatArray) -> FloatArray:
        """Accuracy times a weak power of the metric relative to EfficientNet-B0's, as of the other ids."""
        return product(self.kind, accuracy, performance, self.reference)

    @cached_property
    def product_level(self) -> tuple[float, float]:
        """The mean of the product over random architectures, and its largest value."""
        mean = self.product(random_accuracy(self.surrogate), self.random()).mean()
        best = self.best_product[None]
        return float(mean), float(self.product(self.accuracy(best), self.performance(best))[0])

    def objectives(self, accuracy: FloatArray, performance: FloatArray) -> list[FloatArray]:
        """Both metrics so that the front's nadir is 0 and its ideal is 1."""
        return normalise([accuracy, performance], *self.extent)

    def chebyshev_level(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The mean of random architectures and the best for weights of accuracy, ``float64`` (n,) each.

        The mean is measured at 129 weights and interpolated linearly.
        """
        mean = np.interp(weights, np.linspace(0.0, 1.0, N_MEANS), self.chebyshev_means)
        members = self.objectives(self.front.accuracy, self.front.performance)
        best = chebyshev(members, [weights[:, None], 1.0 - weights[:, None]]).max(axis=1)
        return mean, best

    @cached_property
    def chebyshev_means(self) -> FloatArray:
        """The means of random architectures at 129 weights of accuracy, ``float64`` (129,)."""
        random = self.objectives(random_accuracy(self.surrogate)[:_N_PREFERENCES], self.random(_N_PREFERENCES))
        return np.array([chebyshev(random, [w, 1.0 - w]).mean() for w in np.linspace(0.0, 1.0, N_MEANS)])

    def bounded_level(self, bounds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The mean accuracy of random architectures that meet bounds, and the best, ``float64`` (n,) each.

        The mean is at most a point below the best, as in :func:`anb_gym.calibration.bounded_level`.
        """
        best = self.best_under(bounds)
        return np.minimum(self.mean_accuracy(bounds), best - LEAST), best

    @property
    def mean_accuracy(self) -> MeanAccuracy:
        """The mean accuracy of random architectures that meet a bound, as a function of the bound."""
        return _mean_accuracy(self)

    def best_under(self, bounds: FloatArray) -> FloatArray:
        """The best accuracy under bounds, ``float64`` (n,): the fastest member's where none meets one."""
        # Best accuracy first: the metric becomes better along the front.
        at = np.searchsorted(self.sign * self.front.performance, self.sign * bounds, side="left")
        best: FloatArray = self.front.accuracy[np.minimum(at, len(self.front) - 1)]
        return best

    def random(self, n: int = N_RANDOM) -> FloatArray:
        """The metric of the first n uniformly random architectures behind all means, ``float64`` (n,)."""
        return self.performance(random_states()[:n])


@lru_cache(maxsize=_REMEMBERED)
def target_device(number: int, kind: str, leave_out: str | None, surrogate: str, certify: bool = False) -> TargetDevice:
    """The device of a number, with what was found out of it, remembered for the process."""
    return TargetDevice(number, kind, leave_out, surrogate, certify)


# They take 80 kB and some tenths of a second.
@lru_cache(maxsize=2_048)
def _mean_accuracy(device: TargetDevice) -> MeanAccuracy:
    """The mean accuracy of random architectures that meet a bound of a device's metric."""
    (_, ideal), (_, nadir) = device.extent
    if device.number < 0:
        sample = tail_sample(device.surrogate, device.metric)
    else:
        known = (device.random(), random_accuracy(device.surrogate))
        sample = sample_tail(device.metric, ideal, known, device.performance, device.accuracy)
    return sample.means((nadir, ideal))


def product(kind: str, accuracy: FloatArray, performance: FloatArray, reference: FloatArray | float) -> FloatArray:
    """Accuracy times a weak power of the metric relative to a reference, all of whose arrays broadcast."""
    ratio = performance / reference if kind == "throughput" else reference / performance
    reward: FloatArray = accuracy * ratio**EXPONENT
    return reward


def named_device(name: str, kind: str, surrogate: str) -> TargetDevice:
    """The device of a name, as :attr:`TargetDevice.name` makes it."""
    found = re.fullmatch(r"generated_(\d+)(?:_without_(\w+))?", name)
    if found is None:
        return target_device(device_number(name, kind), kind, None, surrogate)
    return target_device(int(found[1]), kind, found[2], surrogate)


def random_accuracy(surrogate: str) -> FloatArray:
    """Accuracy of the uniformly random architectures behind all means, ``float64`` (N_RANDOM,)."""
    return random_metrics(surrogate, ["accuracy"])["accuracy"]


@lru_cache(maxsize=8)
def _starts(surrogate: str) -> tuple[States, FloatArray]:
    """Members of the real devices' fronts, which are near those of others, and their accuracy."""
    indices = np.unique(np.concatenate([_members(surrogate, metric) for metric in DEVICE_METRICS]))
    states = SPACE.index_to_states(indices)
    return states, Benchmark(surrogate).query_states(states, ["accuracy"])["accuracy"]


def _members(surrogate: str, metric: str) -> Indices:
    """Members of an exact front: as other ids do, the default's where this surrogate has none."""
    try:
        return Benchmark(surrogate).front(metric).indices
    except NoFrontError:
        return Benchmark(FAMILIES[0]).front(metric).indices


@lru_cache(maxsize=2)
def _solver(surrogate: str) -> AgainstCosts:
    """The search for fronts of accuracy and a sum over blocks, made ready in a second."""
    with needing("exact"):
        from anb_gym.exact.additive import AgainstCosts
    return AgainstCosts(Benchmark(surrogate).load("accuracy").mean)
