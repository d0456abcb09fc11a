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

from anb_gym._errors import choose
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


_LINKS: dict[str, type[Any]] = {link.name: link for link in (Identity, Reciprocal)}


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
