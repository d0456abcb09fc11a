"""Checks of all controllers: their settings, the number of objectives, and what they are told."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.study.protocol import Brief


def number(name: str, value: object, low: float, high: float = np.inf) -> float:
    """Returns a setting as a finite ``float`` in [low, high], or raises a ``ValueError`` that names it."""
    known = float(value) if isinstance(value, Real) and not isinstance(value, bool) else np.nan
    if not (low <= known <= high and np.isfinite(known)):
        upper = "" if high == np.inf else f" and at most {high}"
        raise ValueError(f"{name} must be a number of at least {low}{upper}, got {value!r}")
    return known


def require_objectives(brief: Brief, controller: str, fewest: int, most: int | None = None) -> None:
    """Raises a ``ValueError`` if a problem has fewer or more objectives than a controller can take."""
    n = brief.n_objectives
    if n < fewest:
        raise ValueError(f"n_objectives of the problem must be at least {fewest} for {controller}, got {n}")
    if most is not None and n > most:
        raise ValueError(f"n_objectives of the problem must be at most {most} for {controller}, got {n}")


def require_fidelities(brief: Brief, controller: str) -> None:
    """Raises a ``ValueError`` if a problem has not several fidelities and one objective, for as many hours as given."""
    require_objectives(brief, controller, 1, 1)
    if len(brief.fidelities) < 2 or brief.hours is None:
        found = ", ".join(fidelity.name for fidelity in brief.fidelities) or "one"
        raise ValueError(f"fidelities of the problem must be several, in limited hours, for {controller}, got {found}")


def told(choices: Any, objectives: Any, brief: Brief) -> FloatArray:
    """Returns what a controller was told as ``float64`` (n, n_objectives).

    Raises:
        ValueError: It has another shape, or holds something that is not a finite number.
    """
    shape = (len(choices), brief.n_objectives)
    try:
        values = np.asarray(objectives, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"objectives must be numbers of shape {shape}, got {objectives!r}") from None
    if values.shape != shape:
        raise ValueError(f"objectives must have shape {shape}, one row per architecture, got {values.shape}")
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise ValueError(f"objectives must be finite, got {values[row, column]} at [{row}, {column}]")
    return values
