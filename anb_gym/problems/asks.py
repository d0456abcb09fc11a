"""Requests of episodes beside the problem: nothing, weights of the objectives, or a bound."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self, TypeVar

import numpy as np

from anb_gym._types import FloatArray, Rows
from anb_gym.rewards import check_weights


@dataclass(eq=False)
class Request:
    """Requests of a batch of episodes: arrays with one row per episode, read and written by rows."""

    def __getitem__(self, rows: Rows) -> Self:
        return type(self)(*(values[rows] for values in vars(self).values()))

    def __setitem__(self, rows: Rows, others: Self) -> None:
        of_others = vars(others)
        for name, values in vars(self).items():
            values[rows] = of_others[name]


R = TypeVar("R", bound=Request)


def joined(requests: Sequence[R]) -> R:
    """Requests one after the other, at least one."""
    columns = zip(*(vars(request).values() for request in requests), strict=True)
    return type(requests[0])(*(np.concatenate(column) for column in columns))


@dataclass(eq=False)
class Nothing(Request):
    """The request of episodes that ask for nothing."""


@dataclass(eq=False)
class Weights(Request):
    """Weights of two objectives.

    Attributes:
        values: ``float64`` (n, 2), accuracy first, as they are shown.
    """

    values: FloatArray


@dataclass(eq=False)
class Bounds(Request):
    """Bounds of the device metric.

    Attributes:
        position: ``float64`` (n,), where they lie between the nadir, 0, and the ideal, 1, of the exact front.
    """

    position: FloatArray


@dataclass(eq=False)
class KeptBounds(Bounds):
    """Bounds as they were given.

    Attributes:
        value: ``float64`` (n,), in the metric's unit.
    """

    value: FloatArray


class Ask(ABC):
    """The kind of requests of a problem: how they are drawn, observed and given to the reward.

    A frozen value, as the problem is whose part it is.

    Attributes:
        options: Names of the options of ``reset`` that set it.
        n_cells: Numbers in 0..1 that observations show of it.
        fractions: Whether these can lie between 0 and 1.
        weighs: Whether a preference is weights, not one number.
    """

    options: ClassVar[tuple[str, ...]] = ()
    fractions: ClassVar[bool] = False

    @property
    def weighs(self) -> bool:
        """Whether a preference is weights, not one number."""
        return False

    @property
    def n_cells(self) -> int:
        """Numbers in 0..1 that observations show of a request."""
        return 0

    @abstractmethod
    def blank(self, n: int) -> Request:
        """A request of n episodes, to be written to."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, options: Mapping[str, Any]) -> Request:
        """The request of one new episode.

        Args:
            rng: The environment's generator.
            options: Those of ``reset``, which can set it.

        Raises:
            ValueError: An option has an impossible value.
        """

    @abstractmethod
    def cells(self, request: Any) -> FloatArray:
        """Cells of observations, ``float64`` (n, n_cells)."""

    def parameters(self, request: Any) -> dict[str, FloatArray]:
        """The arguments of the reward that a request sets, arrays whose last axis is the episode."""
        return {}

    def shown(self, request: Any) -> dict[str, Any]:
        """Columns of the last infos, by key: arrays with one row per episode."""
        return {}


@dataclass(frozen=True)
class AskNothing(Ask):
    """All episodes are alike."""

    def blank(self, n: int) -> Nothing:
        return Nothing()

    def draw(self, rng: np.random.Generator, options: Mapping[str, Any]) -> Nothing:
        return Nothing()

    def cells(self, request: Nothing) -> FloatArray:
        return np.empty((1, 0))  # of any number of episodes


#: The ask of most problems.
NOTHING: Final = AskNothing()


class AskPreference(Ask):
    """Every episode has a preference of its own, which is one number in 0..1, its place."""

    options: ClassVar[tuple[str, ...]] = ("preference",)
    fractions: ClassVar[bool] = True

    @abstractmethod
    def at(self, place: FloatArray) -> Request:
        """The requests at places, ``float64`` (n,)."""

    @abstractmethod
    def place(self, request: Any) -> FloatArray:
        """The places of requests, ``float64`` (n,)."""


@dataclass(frozen=True)
class AskWeights(AskPreference):
    """Every episode has weights of its own for accuracy and the device metric, drawn uniformly."""

    @property
    def weighs(self) -> bool:
        return True

    @property
    def n_cells(self) -> int:
        return 2

    def blank(self, n: int) -> Weights:
        return Weights(np.zeros((n, 2)))

    def draw(self, rng: np.random.Generator, options: Mapping[str, Any]) -> Weights:
        given = options.get("preference")
        if given is not None:
            return Weights(np.array([check_weights(given, 2, "preference")]))
        first = rng.random()
        return Weights(np.array([[first, 1.0 - first]]))

    def cells(self, request: Weights) -> FloatArray:
        return request.values

    def parameters(self, request: Weights) -> dict[str, FloatArray]:
        # Weights that are given may miss the sum 1 by a rounding; in rewards the first decides.
        first = self.place(request)
        return {"weights": np.stack([first, 1.0 - first])}

    def at(self, place: FloatArray) -> Weights:
        return Weights(np.stack([place, 1.0 - place], axis=1))

    def place(self, request: Weights) -> FloatArray:
        return request.values[:, 0]

    def shown(self, request: Weights) -> dict[str, Any]:
        return {"preference": request.values.copy()}


@dataclass(frozen=True)
class AskBound(AskPreference):
    """Every episode has a bound of its own for a metric, drawn uniformly between nadir and ideal.

    Attributes:
        metric: The metric.
        nadir: Its worst value on the exact front, in its unit.
        ideal: Its best value.
    """

    metric: str
    nadir: float
    ideal: float

    @property
    def n_cells(self) -> int:
        return 1

    def blank(self, n: int) -> Bounds:
        return Bounds(np.zeros(n))

    def draw(self, rng: np.random.Generator, options: Mapping[str, Any]) -> Bounds:
        given = options.get("preference")
        return Bounds(np.array([rng.random() if given is None else self.position(given)]))

    def position(self, bound: Any) -> float:
        """Place of a bound between nadir, 0, and ideal, 1.

        Raises:
            ValueError: It is no number between them.
        """
        low, high = sorted((self.nadir, self.ideal))
        number = isinstance(bound, int | float | np.integer | np.floating) and not isinstance(bound, bool)
        if not number or not low <= bound <= high:
            raise ValueError(f"preference must be a bound of {self.metric} in {low}..{high}, got {bound!r}")
        return (float(bound) - self.nadir) / (self.ideal - self.nadir)

    def bound(self, position: FloatArray) -> FloatArray:
        """The bounds at positions, in the metric's unit."""
        return self.nadir + position * (self.ideal - self.nadir)

    def cells(self, request: Bounds) -> FloatArray:
        return request.position[:, None]

    def parameters(self, request: Bounds) -> dict[str, FloatArray]:
        return {"bound": self.bound(request.position)}

    def at(self, place: FloatArray) -> Bounds:
        return Bounds(place)

    def place(self, request: Bounds) -> FloatArray:
        return request.position

    def shown(self, request: Bounds) -> dict[str, Any]:
        return {"preference": self.bound(request.position)}


@dataclass(frozen=True)
class AskKeptBound(AskBound):
    """As :class:`AskBound`, but a bound that is given stays as it is, to the last bit.

    So the metric of an architecture can be asked for, and that architecture meets it.
    """

    def blank(self, n: int) -> KeptBounds:
        return KeptBounds(np.zeros(n), np.zeros(n))

    def draw(self, rng: np.random.Generator, options: Mapping[str, Any]) -> KeptBounds:
        given = options.get("preference")
        if given is None:
            return self.at(np.array([rng.random()]))
        return KeptBounds(np.array([self.position(given)]), np.array([float(given)]))

    def parameters(self, request: KeptBounds) -> dict[str, FloatArray]:  # type: ignore[override] # as they are drawn
        return {"bound": request.value}

    def at(self, place: FloatArray) -> KeptBounds:
        # Rounding must not lead beyond the ideal, which nothing would meet.
        low, high = sorted((self.nadir, self.ideal))
        return KeptBounds(place, np.clip(self.bound(place), low, high))

    def shown(self, request: KeptBounds) -> dict[str, Any]:  # type: ignore[override]
        return {"preference": request.value.copy()}
