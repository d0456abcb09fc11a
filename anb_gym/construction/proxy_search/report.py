"""Result of a proxy search, as JSON, as text and as the scatter of the paper's Figure 3."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from anb_gym._files import write_atomically
from anb_gym.construction.proxy_search.search import SchemeResult, SearchResult
from anb_gym.construction.proxy_search.statistics import LEVEL, Comparison, Measured
from anb_gym.reports.drawing import to_png, to_svg
from anb_gym.reports.plane import agreement_figure
from anb_gym.space import Architecture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Version of the form of ``result.json``.
SCHEMA: Final = 1
_PACKAGES: Final = ("anb_gym", "numpy", "scipy")


def write_report(result: SearchResult, conditions: Mapping[str, Any], folder: Path) -> list[Path]:
    """Writes ``result.json``, ``scatter.png`` and ``scatter.svg``.

    Args:
        result: What was found.
        conditions: Those of the evaluator.
        folder: Where the files go.

    Returns:
        The files.
    """
    figure = scatter(result)
    files = {
        "result.json": (json.dumps(to_dict(result, conditions), indent=2, allow_nan=False) + "\n").encode(),
        "scatter.png": to_png(figure),
        "scatter.svg": to_svg(figure),
    }
    for name, content in files.items():
        write_atomically(folder / name, content)
    return [folder / name for name in files]


def to_dict(result: SearchResult, conditions: Mapping[str, Any]) -> dict[str, Any]:
    """The result and all that it was found with, as JSON has it."""
    return {
        "schema": SCHEMA,
        "config": result.config.to_dict(),
        "conditions": dict(conditions),
        "versions": {"python": sys.version.split()[0], **{name: version(name) for name in _PACKAGES}},
        "limit_seconds": result.limit if np.isfinite(result.limit) else None,
        "winner": {"name": str(result.winner), **result.winner.to_dict()},
        "search": _comparison(result.search),
        "confirmation": None if result.confirmation is None else _comparison(result.confirmation),
        "schemes": [_scheme(scheme) for scheme in result.schemes],
    }


def summary(result: SearchResult) -> str:
    """The schemes and the winner's figures as lines of text."""
    n = len(result.search.architectures)
    width = max(len(str(scheme.scheme)) for scheme in result.schemes)
    lines = [f"{'scheme, cheapest first':{width}}  trained  tau     mean time", ""]
    for scheme in result.schemes:
        complete = np.isfinite(scheme.measured.mean).sum()
        sign, least = (" ", "  ") if complete == n else ("<", "> ")
        mark = "the winner" if scheme.scheme == result.winner else scheme.standing
        figures = f"{complete:3}/{n:<3}  {sign}{scheme.tau:6.3f}  {least}{scheme.seconds:.3g} s"
        lines.append(f"{scheme.scheme!s:{width}}  {figures:32}  {mark}")
    lines += ["", *_figures(result.search, f"{n} architectures that decided")]
    if result.confirmation is not None:
        held_out = result.confirmation
        lines += ["", *_figures(held_out, f"{len(held_out.architectures)} held-out architectures")]
    return "\n".join(lines)


def scatter(result: SearchResult) -> Figure:
    """Mean accuracies under the winner against those under the reference, with standard deviations over seeds.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    compared = {"architectures that decided": result.search}
    if result.confirmation is not None:
        compared["held-out architectures"] = result.confirmation
    clouds = {
        f"{len(c.architectures)} {name}: τ = {c.tau:.3f}, {c.time_ratio:.1f}× cheaper": (
            (c.proxy.mean, c.proxy.std),
            (c.reference.mean, c.reference.std),
        )
        for name, c in compared.items()
    }
    labels = "accuracy under the proxy scheme (%)", "accuracy under the reference scheme (%)"
    return agreement_figure(clouds, axis_labels=labels, title=f"Proxy scheme {result.winner}")


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "tau": comparison.tau,
        "tau_interval": comparison.interval,
        "level": LEVEL,
        "noise_ceiling": comparison.ceiling,
        "time_ratio": comparison.time_ratio,
        "architectures": [str(Architecture.from_index(int(index))) for index in comparison.architectures],
        "reference": _measured(comparison.reference),
        "proxy": _measured(comparison.proxy),
    }


def _measured(measured: Measured) -> dict[str, Any]:
    return {
        "accuracy": measured.accuracy.tolist(),
        "seconds": measured.seconds.tolist(),
        "mean_seconds": float(measured.seconds.mean()),
        "seed_std": measured.pooled_std,
    }


def _scheme(result: SchemeResult) -> dict[str, Any]:
    complete = bool(np.isfinite(result.measured.accuracy).all())
    return {
        "name": str(result.scheme),
        "status": str(result.standing),
        "architectures": int(np.isfinite(result.measured.mean).sum()),
        "tau" if complete else "tau_at_most": result.tau,
        "mean_seconds" if complete else "mean_seconds_at_least": result.seconds,
    }


def _figures(comparison: Comparison, title: str) -> list[str]:
    low, high = comparison.interval
    ceiling = "unknown, the reference has one seed" if comparison.ceiling is None else f"{comparison.ceiling:.3f}"
    reference, proxy = comparison.reference.seconds.mean(), comparison.proxy.seconds.mean()
    return [
        f"{title}:",
        f"  tau            {comparison.tau:.3f}, {LEVEL:.0%} interval {low:.3f} to {high:.3f}",
        f"  noise ceiling  {ceiling}",
        f"  time ratio     {comparison.time_ratio:.2f} ({reference:.3g} s with the reference, {proxy:.3g} s)",
    ]
