"""Measures networks of the CPU's exact front on this machine and sets them beside what surrogates predict.

A front is where a surrogate is best trusted least: its members are chosen for what is predicted. This measures, by the
pipeline and the protocol that the CPU's labels were made with,

- ``front``: members spread evenly over the logarithm of throughput, the ends among them;
- ``fastest``: the fastest members, the extrapolated end;
- ``random``: random networks;
- ``anchor``: networks that have a label, which say how much faster or slower this machine is today.

Passes go over all networks in turn, so that repeats lie far apart. What is measured is in ``--out`` after every
network, and a run that was stopped goes on there::

    python scripts/reality_check.py --out runs/reality.json --page docs/reality_cpu.md

Needs the extra ``construction``, and a machine that does nothing else; a pass takes some three minutes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from tqdm import tqdm

from anb_gym import SPACE, Benchmark
from anb_gym._files import write_atomically
from anb_gym._types import FloatArray
from anb_gym.construction.collection.devices import make_device
from anb_gym.construction.dataset import load_dataset
from anb_gym.construction.targets import score
from anb_gym.devices import DEVICES
from anb_gym.reports.markdown import table
from anb_gym.space import Architecture, Indices
from anb_gym.surrogates.store import SURROGATES, shipped_path

METRIC: Final = "cpu/throughput"
#: How many of each group, and the seed of what is drawn.
COUNTS: Final = {"front": 40, "fastest": 10, "random": 40, "anchor": 40}
SEED: Final = 20_261_126


def choose_networks() -> dict[str, Indices]:
    """Indices of the networks by group, ``int64`` (n,); a network is in the first group that it belongs to."""
    rng, front = np.random.default_rng(SEED), Benchmark().front(METRIC)
    logs = np.log(front.objectives[:, 1])
    spread = [int(np.argmin(np.abs(logs - at))) for at in np.linspace(logs.min(), logs.max(), COUNTS["front"])]
    labelled = load_dataset(DEVICES["cpu"].folder / "measurements.tar.gz").index
    return {
        "front": front.indices[list(dict.fromkeys(spread))],
        "fastest": front.indices[np.argsort(-front.objectives[:, 1])[: COUNTS["fastest"]]],
        "random": SPACE.to_index(SPACE.sample(COUNTS["random"], rng)),
        "anchor": rng.choice(labelled, COUNTS["anchor"], replace=False),
    }


def measure(indices: Sequence[int], passes: int, path: Path) -> dict[int, list[float]]:
    """Measures networks and returns the repeats of each, in images/s; those in the file are not measured again."""
    protocol = DEVICES["cpu"].description["protocol"][0]
    device = make_device("cpu", path.parent, **{k: protocol[k] for k in ("resolution", "batch", "threads", "seconds")})
    known: dict[int, list[float]] = {}
    if path.exists():
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["protocol"] != device.protocol() or content["machine"] != device.machine():
            raise ValueError(f"{path} was measured by another protocol or on another machine: name another --out")
        known = {int(index): values for index, values in content["throughput"].items()}
    todo = [index for done in range(passes) for index in indices if len(known.get(index, [])) <= done]
    for index in tqdm(todo, unit=" networks"):
        known.setdefault(index, []).append(device.measure(Architecture.from_index(index))[METRIC])
        content = {"protocol": device.protocol(), "machine": device.machine(), "throughput": known}
        write_atomically(path, (json.dumps(content) + "\n").encode())
    return known


def report(groups: dict[str, Indices], measured: dict[int, list[float]]) -> str:
    """The page: how far predictions are off by group, and every network of the front."""
    truth = load_dataset(DEVICES["cpu"].folder / "measurements.tar.gz")
    label = dict(zip(truth.index.tolist(), truth.metrics[METRIC].tolist(), strict=True))
    found = {int(i): float(np.mean(values)) for i, values in measured.items()}
    speed = float(np.median([found[i] / label[i] for i in groups["anchor"].tolist()]))
    names = [name for name in SURROGATES if shipped_path(name, METRIC).parent.name == name]
    rows = []
    for group, indices in groups.items():
        actual = np.array([found[i] for i in indices.tolist()]) / speed
        for name in names:
            predicted = Benchmark(name).query(indices, METRIC)[METRIC]
            rows.append(
                [group, str(len(indices)), f"`{name}`", *_errors(actual, predicted), *_covered(name, indices, actual)]
            )
    front = groups["front"]
    columns = {name: Benchmark(name).query(front, METRIC)[METRIC] for name in names}
    listed = []
    for row, index in enumerate(front.tolist()):
        values = [found[index] / speed, *(column[row] for column in columns.values())]
        listed.append([*(f"{value:,.0f}" for value in values), str(Architecture.from_index(index))])
    repeats = [np.std(values, ddof=1) / np.mean(values) for values in measured.values() if len(values) > 1]
    lines = [
        "# Reality check: the CPU's front, measured",
        "",
        "<!-- written by scripts/reality_check.py -->",
        "",
        f"{sum(map(len, groups.values()))} networks, {min(map(len, measured.values()))} passes; the median coefficient"
        f" of variation of repeats is {np.median(repeats):.1%}. This machine runs the {len(groups['anchor'])} anchors,"
        f" which have labels, {speed:.3f} times as fast as the labels say (median), and all measurements are divided by"
        " that. Errors are prediction over measurement less 1; coverage is that of intervals of a new measurement.",
        "",
        *table(["networks", "number", "surrogate", "mean error", "rms error", "τ", "90 % interval holds"], rows),
        "",
        "## Members of the front, in images/s",
        "",
        *table(["measured", *(f"`{name}`" for name in names), "architecture"], listed),
    ]
    return "\n".join(lines) + "\n"


def _errors(actual: FloatArray, predicted: FloatArray) -> list[str]:
    error = predicted / actual - 1.0
    return [f"{error.mean():+.1%}", f"{np.sqrt(np.mean(error**2)):.1%}", f"{score(actual, predicted).tau:.3f}"]


def _covered(name: str, indices: Indices, actual: FloatArray) -> list[str]:
    try:
        low, high = Benchmark(name).interval(indices, METRIC, 0.9).T
    except ValueError:  # tables of version 0 are not calibrated
        return [""]
    return [f"{np.mean((actual >= low) & (actual <= high)):.0%}"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line, measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the file of measurements, JSON")
    parser.add_argument("--page", type=Path, help="also write a page")
    parser.add_argument("--passes", type=int, default=4)
    options: Any = parser.parse_args(arguments)
    groups = choose_networks()
    indices = [int(i) for i in dict.fromkeys(np.concatenate(list(groups.values())).tolist())]
    measured = measure(indices, options.passes, options.out)
    text = report(groups, measured)
    if options.page:
        write_atomically(options.page, text.encode())
    print(text)


if __name__ == "__main__":
    main()
