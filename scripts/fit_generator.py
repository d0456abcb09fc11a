"""Fits the generator of devices to the real ones, and shows how near it comes to a family that it has not seen.

Fits each real device's throughput under the base distribution and writes the fits to ``anb_gym/hardware/prior.json``.
Then, for each family, with the distribution that has not seen it: the best of many generated devices, and the best
parameters. R2 is over random architectures that were not used, of seconds per image or ms, with the device's mean as
the only thing adjusted. The truth is the shipped Gaussian process.

    python scripts/fit_generator.py --devices 100000
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anb_gym._files import write_atomically
from anb_gym._types import FloatArray
from anb_gym.hardware.costs import DEVIATIONS, KINDS, PARAMETERS, STARTS, WIDTHS, block_times, mean
from anb_gym.hardware.generated import LIMIT, draw, tables
from anb_gym.hardware.prior import FAMILIES, PATH, SCHEMA, Fit, Prior, load_prior, posterior
from anb_gym.metrics import DEVICE_METRICS
from anb_gym.reports.markdown import table
from anb_gym.space import SPACE
from anb_gym.surrogates.links import HostBound
from anb_gym.surrogates.store import load_shipped

#: Architectures of fits, of the choice among generated devices, and of R2.
FITTED, CHOSEN, JUDGED = slice(0, 500), slice(500, 1_000), slice(1_000, 21_000)
#: Error that a fit takes for granted, in standard deviations over the space; it counts as many errors as there are
#: block states.
ERROR, STATES = 0.05, int(SPACE.block_sizes.sum())
N_PARAMETERS, N_DEVIATIONS = len(PARAMETERS), int(np.prod(DEVIATIONS))
#: Generated devices at a time.
CHUNK = 500


@dataclass(frozen=True)
class Truth:
    """A metric of a real device: seconds per image, or of latency, ``float64`` (21000,), with their mean."""

    values: FloatArray
    mean: float
    latency: bool


@dataclass(frozen=True)
class Found:
    """The best parameters: deviates ``float64`` (15 + 63,), the width, and the cost."""

    z: FloatArray
    width: int
    cost: float


def main() -> None:
    """Runs the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=100_000, help="how many are generated per family left out")
    parser.add_argument("--out", type=Path, default=PATH)
    options = parser.parse_args()
    states = SPACE.as_states(SPACE.sample(JUDGED.stop, np.random.default_rng(0)))
    positions = states + STARTS
    truths = {metric: truth_of(metric, states) for metric in DEVICE_METRICS}

    base, fits = posterior([]), {}
    for names in FAMILIES.values():
        for name in names:
            truth = truths[f"{name}/throughput"]
            found = optimise(truth, positions, base)
            fits[name] = fit_of(found, base, truth.mean)
            r2 = r2_of(truth, positions, base, found)
            print(f"{name}: width {found.width}, R2 {r2:.4f}, cost {found.cost:.0f}", flush=True)
    write_atomically(options.out, (json.dumps(to_dict(fits)) + "\n").encode())
    load_prior.cache_clear()

    counts = [options.devices // 100, options.devices // 10, options.devices]
    best = [f"best of {count:,}" for count in counts]
    head = ["metric", "left out", *best, "parameters", "and deviations", "rms, largest, rms of deviations", "width"]
    rows = []
    for family, names in FAMILIES.items():
        prior = posterior(fit for name, fit in fits.items() if name not in names)
        for metric in [m for m in DEVICE_METRICS if m.split("/")[0] in names]:
            truth = truths[metric]
            nearest = best_of(truth, positions, prior, counts)
            plain = optimise(truth, positions, prior, deviations=False)
            full = optimise(truth, positions, prior, start=plain)
            cells = [*nearest, r2_of(truth, positions, prior, plain), r2_of(truth, positions, prior, full)]
            largest = np.abs(full.z[:N_PARAMETERS]).max()
            rms = np.sqrt((full.z[:N_PARAMETERS] ** 2).mean()), np.sqrt((full.z[N_PARAMETERS:] ** 2).mean())
            far = f"{rms[0]:.2f}, {largest:.2f}, {rms[1]:.2f}"
            rows.append([metric, family, *(f"{cell:.4f}" for cell in cells), far, str(full.width)])
    print("\n".join(table(head, rows)))


def truth_of(metric: str, states: NDArray[np.int64]) -> Truth:
    """Seconds of a metric on all architectures, as the shipped Gaussian process has them."""
    values, latency = load_shipped("gp", metric).predict(states), metric.endswith("/latency")
    seconds = values / 1e3 if latency else 1.0 / values
    return Truth(seconds, float(seconds.mean()), latency)


def to_dict(fits: dict[str, Fit]) -> dict[str, object]:
    """The content of ``prior.json``."""
    devices = {
        name: {
            "width": fit.width,
            "seconds": float(f"{fit.seconds:.6g}"),
            "parameters": [round(float(x), 6) for x in fit.parameters],
            "deviations": [round(float(x), 6) for x in fit.deviations.ravel()],
        }
        for name, fit in fits.items()
    }
    return {"schema": SCHEMA, "parameters": list(PARAMETERS), "kinds": list(KINDS), "devices": devices}


def fit_of(found: Found, prior: Prior, seconds: float) -> Fit:
    """Parameters of deviates."""
    parameters = prior.mean[:N_PARAMETERS] + prior.std[:N_PARAMETERS] * found.z[:N_PARAMETERS]
    deviations = prior.deviation * found.z[N_PARAMETERS:].reshape(DEVIATIONS)
    return Fit(parameters, deviations, found.width, seconds)


def predict(z: FloatArray, width: int, prior: Prior, positions: NDArray[np.int64], latency: bool) -> FloatArray:
    """Times (m, n) of architectures on devices of deviates (m, 78), in units of the device's mean without the host."""
    parameters = prior.mean[:N_PARAMETERS] + prior.std[:N_PARAMETERS] * z[:, :N_PARAMETERS]
    deviations = prior.deviation * z[:, N_PARAMETERS:].reshape(-1, *DEVIATIONS)
    times = block_times(parameters, np.full(len(z), width), deviations)
    sums = (times / mean(times)[:, None])[:, positions].sum(axis=2)
    host = np.exp(parameters[:, PARAMETERS.index("host")])
    # Latency has the host's time on top, which the constant can express.
    return sums if latency else bounded(sums, host)


def bounded(sums: FloatArray, host: FloatArray) -> FloatArray:
    """Seconds per image (m, n) with a host a row."""
    return np.array([1.0 / HostBound(float(h)).value(row) for h, row in zip(host, sums, strict=True)])


def errors(predicted: FloatArray, values: FloatArray) -> FloatArray:
    """Errors (m, n) in standard deviations, each row scaled by the factor that makes them least."""
    factor = (predicted @ values) / (predicted**2).sum(axis=1)
    return (factor[:, None] * predicted - values) / values.std()


def r2_of(truth: Truth, positions: NDArray[np.int64], prior: Prior, found: Found) -> float:
    """R2 of the best parameters on architectures that were not used."""
    predicted = predict(found.z[None], found.width, prior, positions[JUDGED], truth.latency)
    return 1.0 - float((errors(predicted, truth.values[JUDGED]) ** 2).mean())


def optimise(
    truth: Truth,
    positions: NDArray[np.int64],
    prior: Prior,
    deviations: bool = True,
    start: Found | None = None,
) -> Found:
    """The parameters of the largest posterior density, for the best width."""
    values, weight = truth.values[FITTED], np.sqrt(STATES / (FITTED.stop * ERROR**2))
    size = N_PARAMETERS + N_DEVIATIONS * deviations

    def residuals(width: int) -> Callable[[FloatArray], FloatArray]:
        return lambda z: weight * errors(predict(z, width, prior, positions[FITTED], truth.latency), values)

    found = [
        Found(z, width, cost)
        for width in (WIDTHS if start is None else (start.width,))
        for z, cost in [least_squares(residuals(width), np.zeros(N_PARAMETERS + N_DEVIATIONS), size)]
    ]
    return min(found, key=lambda one: one.cost)


def least_squares(
    residuals: Callable[[FloatArray], FloatArray], z: FloatArray, size: int, steps: int = 60
) -> tuple[FloatArray, float]:
    """Levenberg and Marquardt's method for residuals and standard normal deviates.

    Args:
        residuals: From deviates (m, d) to residuals (m, n).
        z: Where it starts, ``float64`` (d,).
        size: How many deviates, from the first, are free. Those of parameters stay where the generator's are.
        steps: At most.

    Returns:
        The deviates, and the sum of squares of residuals and deviates.
    """

    def cost(candidates: FloatArray) -> FloatArray:
        total: FloatArray = (residuals(candidates) ** 2).sum(axis=1) + (candidates**2).sum(axis=1)
        return total

    damping, step, best = 0.1, 1e-4, float(cost(z[None])[0])
    for _ in range(steps):
        moved = np.tile(z, (size, 1))
        moved[np.arange(size), np.arange(size)] += step
        now = residuals(z[None])[0]
        jacobian = ((residuals(moved) - now) / step).T
        hessian, gradient = jacobian.T @ jacobian + np.eye(size), jacobian.T @ now + z[:size]
        tried = damping * np.array([0.1, 1.0, 10.0, 100.0])
        candidates = np.tile(z, (len(tried), 1))
        for row, value in zip(candidates, tried, strict=True):
            row[:size] -= np.linalg.solve(hessian + value * np.diag(np.diag(hessian)), gradient)
        candidates = np.clip(candidates, -LIMIT, LIMIT)
        costs = cost(candidates)
        first = int(costs.argmin())
        if costs[first] < best:
            gain, best, z, damping = best - float(costs[first]), float(costs[first]), candidates[first], tried[first]
            if gain < 1e-3:
                break
        elif damping > 1e8:
            break
        else:
            damping *= 100.0
    return z, best


def best_of(truth: Truth, positions: NDArray[np.int64], prior: Prior, counts: list[int]) -> list[float]:
    """R2 of the generated device that is nearest: chosen among the first seeds on some architectures, on others.

    Args:
        truth: The real device.
        positions: Of the architectures' block states.
        prior: Distribution that devices are drawn from.
        counts: How many seeds, ascending.
    """

    def loss(seeds: NDArray[np.int64], part: slice) -> FloatArray:
        seconds, host, latency = tables(draw(seeds.tolist(), prior))
        if truth.latency:
            predicted = latency[:, positions[part]].sum(axis=2)
        else:
            predicted = bounded(seconds[:, positions[part]].sum(axis=2), host)
        mean_square: FloatArray = (errors(predicted, truth.values[part]) ** 2).mean(axis=1)
        return mean_square

    chunks = [np.arange(start, min(start + CHUNK, counts[-1])) for start in range(0, counts[-1], CHUNK)]
    losses = np.concatenate([loss(seeds, CHOSEN) for seeds in chunks])
    return [1.0 - float(loss(losses[:count].argmin()[None], JUDGED)[0]) for count in counts]


if __name__ == "__main__":
    main()
