"""``anb-gym design --probes``: designs for a device of which a few networks were measured."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from anb_gym import Architecture
from anb_gym._errors import integer, positive
from anb_gym._extras import needing
from anb_gym._types import FloatArray
from anb_gym.devices import KINDS

if TYPE_CHECKING:
    from anb_gym.fronts.unseen import EstimatedFront
    from anb_gym.hardware.estimation import Estimate
    from anb_gym.hardware.times import Times

#: Designs of a front if no number is given.
_FRONT: Final = 11
#: Share of measurements within the intervals that are printed.
_SHARE: Final = 0.9


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds what designing from measured times needs beside a bound."""
    parser.add_argument(
        "--probes",
        type=Path,
        metavar="TIMES",
        help="instead of an agent, or for one of generated devices: measured networks, a table such as anb-gym probes "
        "writes, or a collection's folder",
    )
    parser.add_argument("--kind", choices=list(KINDS), help="what was measured (--probes); by default what there is")
    parser.add_argument("--target", type=float, metavar="X", help="reach it in the mean, without a margin (--probes)")
    parser.add_argument("--front", type=int, metavar="N", help="N designs along the front (--probes)")
    parser.add_argument(
        "--noise", type=float, metavar="X", help="relative deviation of a measurement, by default 0.01 (--probes)"
    )


def run(options: argparse.Namespace) -> None:
    """Estimates the device, searches the whole space, and prints what is asked for."""
    for name in ("n", "preference", "device", "id", "found"):
        if getattr(options, name):
            raise ValueError(f"{name} has no meaning with --probes, got {getattr(options, name)}")
    asked = {name: getattr(options, name) for name in ("at_least", "at_most", "target", "front")}
    asked = {name: value for name, value in asked.items() if value is not None}
    if len(asked) > 1:
        raise ValueError(
            f"give one of --at-least, --at-most, --target and --front, got {', '.join(map(_option, asked))}"
        )
    if "front" in asked:
        integer(asked["front"], 1, "--front")
    elif asked:
        positive(next(iter(asked.values())), _option(next(iter(asked))))
    times = read(options.probes, options.kind)
    if (wrong := "at_most" if times.kind == "throughput" else "at_least") in asked:
        raise ValueError(f"{_option(wrong)} has no meaning for {times.kind}, got {asked[wrong]:g}")
    with needing("exact"):
        from anb_gym.fronts.unseen import solve_estimate
        from anb_gym.hardware.estimation import NOISE, estimate
    noise = NOISE if options.noise is None else positive(options.noise, "--noise")
    found = estimate(times.states, times.seconds, times.kind, noise=noise)
    front = solve_estimate(found)
    _print(options, times, found, front, _chosen(asked, times.kind, front))


def read(path: Path, kind: str | None) -> Times:
    """The measured times of a table or of a collection's folder."""
    from anb_gym.hardware.times import read_times

    if not path.is_dir():
        return read_times(path, kind)
    with needing("construction"):
        from anb_gym.construction.probing import read_collection
    return read_collection(path, kind)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _chosen(asked: dict[str, float], kind: str, front: EstimatedFront) -> list[int]:
    """Positions on the front of what is asked for.

    Raises:
        ValueError: The bound can be met by none; the message names the nearest that can.
    """
    from anb_gym.fronts.unseen import LEVEL
    from anb_gym.hardware.units import in_unit, to_seconds

    (name, value), *_ = [*asked.items(), ("front", _FRONT)]
    if name == "front":
        return front.spread(int(value))
    level = 0.5 if name == "target" else LEVEL
    seconds = float(to_seconds(kind, np.array([value]))[0])
    if (best := front.best_within(seconds, level)) is None:
        nearest = float(in_unit(kind, front.upper(level).min(keepdims=True))[0])
        raise ValueError(
            f"{_option(name)} must be met by some architecture with a probability of {level:g}, none is expected to "
            f"reach {value:g} {KINDS[kind][0]}; the nearest that can be met is {nearest:.6g}"
        )
    return [best]


def _print(
    options: argparse.Namespace, times: Times, found: Estimate, front: EstimatedFront, chosen: list[int]
) -> None:
    from anb_gym.hardware.units import in_unit

    unit = KINDS[times.kind][0]
    interval = _interval(found, front, chosen)
    records: list[dict[str, Any]] = [
        {
            "architecture": str(Architecture.from_index(int(front.indices[row]))),
            "index": int(front.indices[row]),
            "accuracy": float(front.accuracy[row]),
            times.kind: float(in_unit(times.kind, np.exp(front.mean[[row]]))[0]),
            "interval": ends,
            "uncertainty": float(front.std[row]),
        }
        for row, ends in zip(chosen, interval, strict=True)
    ]
    measured = {state.tobytes() for state in times.states}
    fresh = np.array([row for row, state in enumerate(front.states) if state.tobytes() not in measured], dtype=np.int64)
    following = None
    if len(fresh):
        row = fresh[found.next_probe(front.states[fresh], front.states)]
        following = str(Architecture.from_index(int(front.indices[row])))
    left = float(np.median(front.std))
    if options.json:
        about = {"probes": len(times.states), "kind": times.kind, "unit": unit, "front": len(front)}
        about |= {"uncertainty": left, "surprise": found.surprise, "measure_next": following}
        print(json.dumps({**about, "designs": records}, indent=2))
        return
    if options.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(["architecture", "index", "accuracy", times.kind, "from", "to", "uncertainty"])
        for record in records:
            *values, ends, uncertainty = record.values()
            writer.writerow([*values, *ends, uncertainty])
        return
    from anb_gym.cli.evaluate import in_columns

    low, high = (in_unit(times.kind, np.array([f(times.seconds)]))[0] for f in (np.min, np.max))
    print(f"{len(times.states)} networks measured, {min(low, high):.4g} to {max(low, high):.4g} {unit}")
    columns: dict[str, list[Any]] = {
        "architecture": [record["architecture"] for record in records],
        "accuracy (%)": [f"{record['accuracy']:.2f}" for record in records],
        f"{times.kind} ({unit})": [f"{record[times.kind]:,.4g}" for record in records],
        f"{_SHARE:.0%} of measurements": [f"{a:,.4g} to {b:,.4g}" for a, b in interval],
    }
    print(in_columns(columns, left=("architecture",)))
    print(f"left unknown of the front's {len(front)} architectures: {left:.1%} of their time (median)")
    if found.surprise > 4.0:
        print(
            f"the times are unlike those of generated devices: {np.sqrt(found.surprise):.1f} times as far as expected"
        )
    if following:
        print(f"measure next: {following}")


def _interval(found: Estimate, front: EstimatedFront, rows: list[int]) -> list[list[float]]:
    """Ends of the intervals of one measurement, ascending, in the metric's unit."""
    from anb_gym.hardware.units import in_unit

    half = NormalDist().inv_cdf(0.5 + _SHARE / 2) * np.sqrt(front.std[rows] ** 2 + found.noise**2)
    ends: FloatArray = np.exp(front.mean[rows] + np.stack([-half, half]))
    return [[float(end) for end in row] for row in np.sort(in_unit(found.kind, ends).T, axis=1)]
