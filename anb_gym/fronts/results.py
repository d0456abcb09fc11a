"""Fronts and optima in the metrics' own units. Reading and verifying them needs numpy alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import shown
from anb_gym._types import FloatArray
from anb_gym.exact.results import Certificate, Front, Optimum, VerificationError
from anb_gym.fronts.limits import ConstrainedOptima, OptimalMixtures, best_mixtures, best_under
from anb_gym.metrics import ACCURACIES, DIRECTIONS, Direction
from anb_gym.space import SPACE, Architecture, Indices
from anb_gym.surrogates.labels import FILE, labels_of
from anb_gym.surrogates.store import ArtefactError, Surrogate, load_shipped


class ScalarReward(Protocol):
    """A scalar reward of which an optimum is asked: those of :mod:`anb_gym.rewards` are such.

    Attributes:
        metrics: The metrics that it reads.
        monotone: Whether it never falls when a metric improves and the others stay.
    """

    @property
    def metrics(self) -> tuple[str, ...]: ...

    @property
    def monotone(self) -> bool: ...

    def __call__(self, values: Mapping[str, FloatArray]) -> FloatArray:
        """The reward ``float64`` (n,) of metrics, each ``float64`` (n,)."""


def check_reward(reward: object) -> None:
    """Raises a ``ValueError`` if something is no scalar reward."""
    is_one = callable(reward) and hasattr(reward, "metrics") and hasattr(reward, "monotone")
    if isinstance(reward, type) or not is_one:
        raise ValueError(f"reward must be an object such as anb_gym.rewards.Accuracy(), got {shown(reward)}")


@dataclass(frozen=True, eq=False)
class CertifiedFront:
    """The exact Pareto front of accuracy and a device metric over the whole space, as a surrogate predicts them.

    It is exact for the surrogate, not for reality. Architectures that agree in all
    metrics, up to the certificate's resolution, are all members. The front of
    accuracy alone is the set of architectures with the highest accuracy.

    Attributes:
        surrogate: Name of the surrogate.
        metrics: ``("accuracy",)``, or accuracy and one or two device metrics; the accuracy may be that of another
            fidelity.
        result: What the search returned: indices, sums of tables and certificate.
        smallest: The certified smallest sum of the last metric's tables. It is positive:
            a reciprocal link has no pole, and latency and throughput are positive everywhere.
        artefacts: SHA-256 of the surrogates' files that were searched, by metric.
        measured: Whether the members are only those of the exact front that lie within what was measured, see
            :attr:`within_data`. What is then said of all architectures is true of the members alone.
    """

    surrogate: str
    metrics: tuple[str, ...]
    result: Front | Optimum
    smallest: Optimum
    artefacts: Mapping[str, str]
    measured: bool = False

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def indices(self) -> Indices:
        """The members, ``int64`` (n,), best accuracy first."""
        return self.result.indices[self._rows]

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The direction of each metric."""
        return tuple(DIRECTIONS[metric] for metric in self.metrics)

    @property
    def certificate(self) -> Certificate:
        """The searched front. Its unit is the tables': seconds per image for throughput."""
        return self.result.certificate

    @cached_property
    def objectives(self) -> FloatArray:
        """The members' metrics, ``float64`` (n, metrics): accuracy in %, throughput in images/s or latency in ms."""
        columns: FloatArray = self._all_objectives[self._rows]
        columns.flags.writeable = False
        return columns

    @property
    def data_range(self) -> FloatArray:
        """The smallest and the largest label of each metric, ``float64`` (2, metrics), in its unit.

        Raises:
            ArtefactError: Nothing says what was measured; the message names the command that does.
        """
        found = [labels_of(metric) for metric in self.metrics]
        for metric, labels in zip(self.metrics, found, strict=True):
            if labels is None:
                raise ArtefactError(f"nothing says which {metric} was measured; anb-gym fit --labels writes {FILE}")
        return np.array([(labels.least, labels.most) for labels in found if labels]).T

    @property
    def within_data(self) -> NDArray[np.bool_]:
        """Members that lie within what was measured, ``bool`` (n,); the others are extrapolations.

        A member is one if none of its metrics is smaller or larger than all labels (:attr:`data_range`): neither faster
        nor more accurate, nor slower nor less accurate, than every network that was ever measured.

        Raises:
            ArtefactError: As :attr:`data_range`.
        """
        least, most = self.data_range
        found: NDArray[np.bool_] = ((self.objectives >= least) & (self.objectives <= most)).all(axis=1)
        return found

    @cached_property
    def restricted(self) -> CertifiedFront:
        """The members that lie within what was measured, as a front of their own.

        It is very nearly the front of all architectures within the data. That one has more points at both ends, ever
        smaller steps towards the largest label of one metric, each for much of the other. They dominate no more than
        the whole front does within the data, so on every shipped front they would add less than 1 % to the volume above
        the reference point, and less than 0.25 % above the practical one.

        Raises:
            ArtefactError: As :attr:`data_range`.
            ValueError: No member lies within the data.
        """
        if not self.within_data.any():
            raise ValueError(f"no member of the front of {' and '.join(self.metrics)} lies within the data")
        return self if self.measured else replace(self, measured=True)

    @property
    def ideal(self) -> tuple[float, ...]:
        """The best of each metric, in its unit."""
        return self._extreme(best=True)

    @property
    def nadir(self) -> tuple[float, ...]:
        """The worst of each metric on the front, in its unit."""
        return self._extreme(best=False)

    def _extreme(self, best: bool) -> tuple[float, ...]:
        columns = zip(self.objectives.T, self.directions, strict=True)
        return tuple(float(c.max() if (direction == "max") == best else c.min()) for c, direction in columns)

    def architectures(self) -> list[Architecture]:
        """The members, best accuracy first."""
        return [Architecture.from_index(int(index)) for index in self.indices]

    def best(self, reward: ScalarReward) -> CertifiedOptimum:
        """The members with the largest reward: the optimum of a monotone reward of these metrics lies on the front.

        Raises:
            ValueError: The reward is none, is not monotone, reads other metrics, or does not give a finite number per
                member.
        """
        check_reward(reward)
        if not reward.monotone:
            raise ValueError(f"reward must be monotone for a certified optimum; {reward!r} does not say that it is")
        if not set(reward.metrics) <= set(self.metrics):
            raise ValueError(f"reward must read some of {self.metrics}, got {reward.metrics}")
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # the check below says more
            values = np.asarray(reward(dict(zip(self.metrics, self.objectives.T, strict=True))))
        if values.shape != (len(self),) or values.dtype.kind not in "biuf":
            raise ValueError(f"reward must give {len(self)} numbers, got {values.dtype} {values.shape} from {reward!r}")
        if not np.isfinite(values).all():
            row = int(np.argmin(np.isfinite(values)))
            given = dict(zip(self.metrics, self.objectives[row].tolist(), strict=True))
            raise ValueError(f"reward must be finite on the front, got {values[row]} for {given} from {reward!r}")
        rows = np.flatnonzero(values == values.max())
        metrics = dict(zip(self.metrics, self.objectives[rows[0]].tolist(), strict=True))
        return CertifiedOptimum(self.indices[rows], float(values.max()), metrics, self, reward)

    def best_under(self, bounds: Any) -> ConstrainedOptima:
        """The most accurate architecture of the whole space under each of some bounds of the device metric.

        What meets a bound is a member of the front or dominated by one that meets it too, so the most accurate member
        is the most accurate of all.

        Args:
            bounds: One or n, in the metric's unit: throughput must be at least, latency at most so much.

        Raises:
            ValueError: This is the front of accuracy alone, the bounds are no finite numbers, or no architecture meets
                one of them; the message names the nearest that can be met.

        Example:
            >>> import anb_gym
            >>> best = anb_gym.Benchmark().front("vck190/throughput").best_under([3000.0, 4000.0])
            >>> best.accuracy.round(2), best.metric.round(1)
            (array([67.26, 66.22]), array([3003.8, 4059.3]))
        """
        return best_under(self, bounds)

    def best_mixtures(self, limits: Any, bound: float | None = None) -> OptimalMixtures:
        """The most accurate random choices of an architecture whose expected metric, or cost, keeps some limits.

        A stochastic policy may break a bound now and then and make up for it, so it can have a larger expected accuracy
        than each single architecture that keeps the limit. The best is known exactly. Choosing architecture i with
        probability p_i is a linear programme: maximise the sum of p_i times accuracy_i with p_i >= 0, the sum of p_i at
        1 and the sum of p_i times x_i at most the limit, where x is latency, or minus throughput, or the cost. It has
        two constraints, so some optimum chooses between two architectures at most, and its value as a function of the
        limit is the least concave function, never falling, above all points (x, accuracy). The cost never rises when
        the metric improves. So an architecture off the front can be replaced by the member that dominates it: accuracy
        does not fall and x does not rise. The corners of that function are members of the front, and it is the same for
        the front as for all architectures.

        Args:
            limits: One or n: the expected throughput must be at least, the expected latency at most so much; with a
                bound, what the expected cost must at most be.
            bound: None, or a bound of the metric whose relative violation is the cost, as ``info["cost"]`` tells it.

        Raises:
            ValueError: This is the front of accuracy alone, an argument is no finite number, or no architecture keeps
                one of the limits; the message names the nearest that can be kept.

        Example:
            >>> import anb_gym
            >>> front = anb_gym.Benchmark().front("a100/throughput")
            >>> mixture = front.best_mixtures(0.05, bound=40000.0)  # throughput misses 40,000 by 5 % on average
            >>> mixture.accuracy.round(2), mixture.weights.round(2), front.best_under(0.95 * 40000.0).accuracy.round(2)
            (array([55.3]), array([[0.15, 0.85]]), array([55.]))
        """
        return best_mixtures(self, limits, bound)

    def verify(self) -> None:
        """Checks what can be checked in seconds, without the search.

        The searched files are those that are loaded; the whole space was covered in the right
        directions, at the resolution that belongs to the tables; stored sums equal those of the tables, up to that
        resolution because machines decode the same file to tables that differ by rounding; members are distinct and
        in order; none dominates another; no change of one or two blocks of any member leads to a point that the
        front does not dominate, so a member that is left out is noticed if it lies within two blocks of another;
        the smallest sum of the last metric's tables is positive, and on the front where it is the best.

        Not verified, of both certificates: ``nodes``, and ``tables``, checksums of the tables as the machine of the
        search decoded them. ``artefacts`` are the checksums of what they were decoded from.

        Raises:
            VerificationError: A check failed.
        """
        if not set(self.metrics[:1]) & set(ACCURACIES.values()) or not set(self.metrics) <= set(DIRECTIONS):
            raise VerificationError(f"metrics must be accuracy, and perhaps device metrics, got {self.metrics}")
        if len(self.metrics) != (1 if isinstance(self.result, Optimum) else len(self.certificate.tables)):
            raise VerificationError(f"the result is not a front of {len(self.metrics)} metrics")
        try:
            surrogates = self._surrogates()
        except ValueError as error:  # an unknown surrogate, or a file that is not there
            raise VerificationError(f"the front's surrogates cannot be read: {error}") from error
        loaded = {metric: surrogate.checksum for metric, surrogate in zip(self.metrics, surrogates, strict=True)}
        if dict(self.artefacts) != loaded:
            raise VerificationError(f"the front is of the surrogates {dict(self.artefacts)}, loaded are {loaded}")
        if self.certificate.fixed or self.smallest.certificate.fixed:
            raise VerificationError("the certificates are not of the whole space")
        if self.smallest.certificate.maximize != (False,):
            raise VerificationError("the certificate of the smallest sum is not of a smallest sum")
        if self.certificate.maximize != tables_directions(self.metrics, surrogates):
            raise VerificationError(f"the search went in the directions {self.certificate.maximize}")
        self.smallest.verify(surrogates[-1].mean, identical=False)
        if not self.smallest.value > 0.0:
            raise VerificationError(f"the tables of {self.metrics[-1]} have the sum {self.smallest.value} somewhere")
        if isinstance(self.result, Optimum):
            self.result.verify(surrogates[0].mean, identical=False)
        else:
            self.result.verify(*(surrogate.mean for surrogate in surrogates), identical=False)
        if isinstance(self.result, Front) and not self.certificate.maximize[-1]:
            best, resolution = float(self.result.objectives[:, -1].min()), self.smallest.certificate.resolution[0]
            if not abs(best - self.smallest.value) <= resolution:
                raise VerificationError(f"the smallest sum is {self.smallest.value}, on the front it is {best}")

    @cached_property
    def _all_objectives(self) -> FloatArray:
        """The metrics of all members, whether they lie within the data or not."""
        states = SPACE.index_to_states(self.result.indices)
        return np.stack([surrogate.predict(states) for surrogate in self._surrogates()], axis=1)

    @cached_property
    def _rows(self) -> slice | NDArray[np.bool_]:
        return replace(self, measured=False).within_data if self.measured else slice(None)

    def _surrogates(self) -> list[Surrogate]:
        return [load_shipped(self.surrogate, metric) for metric in self.metrics]


@dataclass(frozen=True, eq=False)
class CertifiedOptimum:
    """The largest value of a monotone reward over the whole space, as a surrogate predicts it.

    Like its front, it is the optimum of the surrogate, up to the certificate's resolution, and not of reality.

    Attributes:
        indices: The architectures that have it, ``int64`` (n,).
        value: Its largest value.
        metrics: Metrics of the first of them.
        front: The front on which it was found.
        reward: The reward.
    """

    indices: Indices
    value: float
    metrics: Mapping[str, float]
    front: CertifiedFront
    reward: ScalarReward

    @property
    def architecture(self) -> Architecture:
        """The first of the optimal architectures."""
        return Architecture.from_index(int(self.indices[0]))

    @property
    def certificate(self) -> Certificate:
        """The front's certificate."""
        return self.front.certificate

    def verify(self) -> None:
        """Verifies the front, see :meth:`CertifiedFront.verify`, and that this is the optimum on it.

        Not verified: that the reward is monotone, which it says itself.

        Raises:
            VerificationError: A check failed.
        """
        self.front.verify()
        try:
            found = self.front.best(self.reward)
        except ValueError as error:
            raise VerificationError(f"the front has no optimum of this reward: {error}") from error
        if not np.array_equal(self.indices, found.indices):
            raise VerificationError(f"indices are {self.indices.tolist()}, those of the front {found.indices.tolist()}")
        if not self.value == found.value:
            raise VerificationError(f"the value is {self.value}, on the front it is {found.value}")
        if dict(self.metrics) != found.metrics:
            raise VerificationError(f"metrics are {dict(self.metrics)}, on the front they are {found.metrics}")


def tables_directions(metrics: tuple[str, ...], surrogates: list[Surrogate]) -> tuple[bool, ...]:
    """Whether the sum of each metric's tables is to be maximised: a falling link turns the direction round."""
    pairs = zip(metrics, surrogates, strict=True)
    return tuple((DIRECTIONS[metric] == "max") == surrogate.link.increasing for metric, surrogate in pairs)
