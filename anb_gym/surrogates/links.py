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

from anb_gym._errors import choose, number
from anb_gym._types import FloatArray


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

    def inverse(self, value: FloatArray) -> FloatArray:
        """The table sum of each metric."""

    def slope(self, score: FloatArray) -> FloatArray:
        """The derivative of :meth:`value`, which carries standard deviations over."""


@dataclass(frozen=True)
class Identity:
    """The tables hold the metric itself."""

    name: ClassVar[str] = "identity"
    increasing: ClassVar[bool] = True

    def value(self, score: FloatArray) -> FloatArray:
        return score

    def inverse(self, value: FloatArray) -> FloatArray:
        return value

    def slope(self, score: FloatArray) -> FloatArray:
        return np.ones_like(score)


@dataclass(frozen=True)
class Reciprocal:
    """The tables hold seconds per image; the metric is images per second."""

    name: ClassVar[str] = "reciprocal"
    increasing: ClassVar[bool] = False

    def value(self, score: FloatArray) -> FloatArray:
        return 1.0 / score

    def inverse(self, value: FloatArray) -> FloatArray:
        return 1.0 / value

    def slope(self, score: FloatArray) -> FloatArray:
        return -1.0 / score**2


@dataclass(frozen=True)
class HostBound:
    """The tables hold the device's seconds per image; the metric is images per second, with a host that keeps up.

    Device and host work at the same time, so an image takes as long as the slower, or a little longer where they are
    alike: ``(device^p + host^p)^(1/p)``.

    Attributes:
        host: Seconds that the host needs for an image, at least 0.
        sharpness: p, at least 1. At 8 two alike take 9 % longer than one.
    """

    name: ClassVar[str] = "host_bound"
    increasing: ClassVar[bool] = False

    host: float
    sharpness: float = 8.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "host", number(self.host, "host"))
        object.__setattr__(self, "sharpness", number(self.sharpness, "sharpness"))
        if self.host < 0.0 or self.sharpness < 1.0:
            raise ValueError(f"host must be at least 0 and sharpness at least 1, got {self.host} and {self.sharpness}")

    def value(self, score: FloatArray) -> FloatArray:
        return 1.0 / (score * self._longer(score))

    def inverse(self, value: FloatArray) -> FloatArray:
        return (1.0 - (self.host * value) ** self.sharpness) ** (1.0 / self.sharpness) / value

    def slope(self, score: FloatArray) -> FloatArray:
        return -1.0 / (score**2 * self._longer(score) ** (self.sharpness + 1.0))

    def _longer(self, score: FloatArray) -> FloatArray:
        return host_factor(score, self.host, self.sharpness)


def host_factor(device: FloatArray, host: FloatArray | float, sharpness: float = HostBound.sharpness) -> FloatArray:
    """How many times longer than on the device alone an image takes with a host, see :class:`HostBound`.

    Args:
        device: Seconds on the device, ``float64``.
        host: Seconds of the host, which broadcast.
        sharpness: As there.
    """
    factor: FloatArray = (1.0 + (host / device) ** sharpness) ** (1.0 / sharpness)
    return factor


_LINKS: dict[str, type[Any]] = {link.name: link for link in (Identity, Reciprocal, HostBound)}


def link_from_dict(values: Mapping[str, Any]) -> Link:
    """The link that :func:`link_to_dict` wrote.

    Raises:
        ValueError: The name or a parameter is unknown.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"link must be a dictionary with a name, got {values!r}")
    kind = _LINKS[choose(values.get("name"), _LINKS, "link")]
    try:
        link: Link = kind(**{key: value for key, value in values.items() if key != "name"})
    except TypeError as error:
        raise ValueError(f"link {kind.name!r} has other parameters than {dict(values)}") from error
    return link


def link_to_dict(link: Link) -> dict[str, Any]:
    """A JSON-ready form of a link."""
    return {"name": link.name, **asdict(link)}  # type: ignore[call-overload]
