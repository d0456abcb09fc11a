"""Links: from the sum of tables to a metric.

Devices spend time block by block, so surrogates of throughput predict seconds
per image and the link turns them into images per second. Every link is
strictly monotone; optima and Pareto fronts of the tables are those of the
metric.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import choose

FloatArray = NDArray[np.float64]


class Link(Protocol):
    """A strictly monotone function of the table sum.

    Attributes:
        name: Key in manifests.
        increasing: Whether a larger sum means a larger metric.
    """

    name: ClassVar[str]
    increasing: ClassVar[bool]

    def value(self, score: FloatArray) -> FloatArray:
        """The metric of each table sum."""

    def slope(self, score: FloatArray) -> FloatArray:
        """The derivative of :meth:`value`, which carries standard deviations over."""


@dataclass(frozen=True)
class Identity:
    """The tables hold the metric itself."""

    name: ClassVar[str] = "identity"
    increasing: ClassVar[bool] = True

    def value(self, score: FloatArray) -> FloatArray:
        return score

    def slope(self, score: FloatArray) -> FloatArray:
        return np.ones_like(score)


@dataclass(frozen=True)
class Reciprocal:
    """The tables hold seconds per image; the metric is images per second."""

    name: ClassVar[str] = "reciprocal"
    increasing: ClassVar[bool] = False

    def value(self, score: FloatArray) -> FloatArray:
        return 1.0 / score

    def slope(self, score: FloatArray) -> FloatArray:
        return -1.0 / score**2


@dataclass(frozen=True)
class HostBound:
    """The tables hold the device's seconds per image; a host limits the throughput.

    Device and host work in a pipeline, so an image takes the longer of the two
    times. The longer is smoothed, ``host + width * log(1 + exp((device - host) / width))``,
    and the metric is the throughput averaged over the host's states.

    Attributes:
        host: The host's seconds per image in its states, each equally likely.
        width: Smoothing of the longer of the two times, in seconds.
    """

    name: ClassVar[str] = "host_bound"
    increasing: ClassVar[bool] = False
    host: tuple[float, ...]
    width: float

    def value(self, score: FloatArray) -> FloatArray:
        total = np.zeros_like(score)
        for host in self.host:
            total += 1.0 / self.seconds(score, host)
        return total / len(self.host)

    def slope(self, score: FloatArray) -> FloatArray:
        total = np.zeros_like(score)
        for host in self.host:
            share = 1.0 / (1.0 + np.exp(-(score - host) / self.width))
            total -= share / self.seconds(score, host) ** 2
        return total / len(self.host)

    def seconds(self, score: FloatArray, host: FloatArray | float) -> FloatArray:
        """Seconds per image with a host that needs ``host`` seconds, scalar or (n,)."""
        return host + self.width * np.logaddexp(0.0, (score - host) / self.width)


_LINKS: dict[str, type[Any]] = {link.name: link for link in (Identity, Reciprocal, HostBound)}


def link_from_dict(values: Mapping[str, Any]) -> Link:
    """The link that :func:`link_to_dict` wrote.

    Raises:
        ValueError: The name is unknown.
    """
    parameters = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k != "name"}
    link: Link = _LINKS[choose(values.get("name", ""), _LINKS, "link")](**parameters)
    return link


def link_to_dict(link: Link) -> dict[str, Any]:
    """A JSON-ready form of a link."""
    return {"name": link.name, **asdict(link)}  # type: ignore[call-overload]
