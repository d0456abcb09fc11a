"""Writes what the explorer in the browser evaluates: `docs/explorer/tables.js`, from the tables that ship.

A function of the block states is written as numbers of single blocks plus coefficients of pairs and triples of blocks
in one orthonormal basis per block, whose columns are in order of what they explain (the higher-order singular value
decomposition of De Lathauwer, De Moor and Vandewalle 2000, https://doi.org/10.1137/S0895479896305696). Coefficients are
integers times a quantum that is halved until sums over 20,000 random architectures are those of Python to half a unit
in the last place of float32; rows of them end with their last that is not 0, which most do at once.

The file is made, in seconds, not kept: `scripts/site.sh` and the tests make their own. With `--out FOLDER` the whole
page is written there, complete.
"""

from __future__ import annotations

import argparse
import base64
import json
import shutil
import zlib
from dataclasses import dataclass, field
from functools import cache
from itertools import chain, combinations
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import anb_gym
from anb_gym import EFFICIENTNET_B0, SPACE, Benchmark, complexity, devices
from anb_gym._files import write_atomically
from anb_gym.agents import pretraining
from anb_gym.hardware import estimation
from anb_gym.hardware.probes import PROBES
from anb_gym.metrics import DEVICE_METRICS, DIRECTIONS, UNITS
from anb_gym.space import CHOICE_NAMES, N_BLOCKS, OPTIONS
from anb_gym.surrogates.links import link_to_dict
from anb_gym.surrogates.tables import BlockTables, multiply
from anb_gym.tasks import EXPONENT, TASKS

PAGE: Final = Path(__file__).parents[1] / "docs" / "explorer"
NAME: Final = "tables.js"
#: The most bytes that the file may have.
LIMIT: Final = 3_000_000
#: Relative error of means, half a unit in the last place of float32; absolute one of logarithms of deviations.
MEAN_ERROR: Final = 2.0**-24
STD_ERROR: Final = 1e-3
#: Directions in which block times of an estimated device vary.
_FACTORS: Final = 40
_FLOAT: Final = "float32"
_SIZES: Final = tuple(map(int, SPACE.block_sizes))
_TERMS: Final = tuple(chain(combinations(range(N_BLOCKS), 2), combinations(range(N_BLOCKS), 3)))


@dataclass
class Writer:
    """Arrays one after the other, and where each is."""

    parts: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, array: NDArray[Any], dtype: str) -> dict[str, Any]:
        """Appends an array; its place for the header. Bytes of equal weight stand together, which compresses better."""
        values = np.ascontiguousarray(array, dtype=np.dtype(dtype).newbyteorder("<"))
        planes = values.ravel().view(np.uint8).reshape(values.size, -1).T.tobytes()
        self.parts.append(planes)
        self.size += len(planes)
        return {"dtype": dtype, "n": int(values.size), "at": self.size - len(planes)}

    def packed(self) -> str:
        """All, compressed, as text."""
        return base64.b64encode(zlib.compress(b"".join(self.parts), 9)).decode("ascii")


def main() -> None:
    """Reads the command line, makes the tables and writes them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, help=f"a folder for the complete page; by default {NAME} beside its source")
    parser.add_argument("--if-needed", action="store_true", help="only if the tables have changed since")
    options = parser.parse_args()
    folder = options.out or PAGE
    if not (options.if_needed and is_current(folder / NAME)):
        print(f"{folder / NAME}: {write(folder):,} bytes")
    print(f"open {folder / 'index.html'}")


def write(folder: Path) -> int:
    """Writes the data into a folder, and the rest of the page unless it is there; the bytes of the data."""
    folder.mkdir(parents=True, exist_ok=True)
    if folder.resolve() != PAGE:
        shutil.copytree(PAGE, folder, ignore=shutil.ignore_patterns(NAME), dirs_exist_ok=True)
    data = content().encode("ascii")
    if len(data) > LIMIT:
        raise ValueError(f"{NAME} must have at most {LIMIT} bytes, got {len(data)}")
    write_atomically(folder / NAME, data)
    return len(data)


def is_current(path: Path) -> bool:
    """Whether a file was made of the tables, fronts and agents that ship, by this script."""
    return path.exists() and f'"made_of":"{made_of()}"' in path.read_text(encoding="ascii")[:200]


def made_of() -> str:
    """A checksum of all that the data are made of."""
    bench = Benchmark()
    parts = [Path(__file__).read_bytes(), *(bench.load(metric).checksum.encode() for metric in _predicted())]
    parts += [bench.front(metric).indices.tobytes() for metric in DEVICE_METRICS]
    parts += [pretraining.pretrained_path(metric, "weights").read_bytes() for metric in DEVICE_METRICS]
    return f"{zlib.crc32(b''.join(parts)):08x}"


def content() -> str:
    """The file: a call with a header and the arrays."""
    writer = Writer()
    header: dict[str, Any] = {"made_of": made_of(), "version": anb_gym.__version__, "surrogate": Benchmark().surrogate}
    header["options"] = [[list(OPTIONS[f"block{b}_{name}"]) for name in CHOICE_NAMES] for b in range(N_BLOCKS)]
    header["options"] = json.loads(json.dumps(header["options"]))
    header["efficientnet_b0"] = EFFICIENTNET_B0.index
    header["std_error"] = STD_ERROR
    header["metrics"] = [_metric(name, writer) for name in ("accuracy", *DEVICE_METRICS)]
    header["counts"] = [
        {"name": name, "table": writer.add(complexity.block_counts(name), "float64")} for name in ("macs", "params")
    ]
    header["tasks"] = [_task(name, writer) for name in DEVICE_METRICS]
    header["probes"] = {"indices": PROBES, **{kind: _prior(kind, writer) for kind in estimation.KINDS}}
    header["probes"] |= {"noise": estimation.NOISE, "own": estimation._OWN, "scale": estimation._SCALE}
    header["probes"] |= {"strength": estimation._STRENGTH, "sharpness": estimation._SHARPNESS}
    header["probes"]["host"] = [part.tolist() for part in np.polynomial.hermite_e.hermegauss(estimation._POINTS)]
    return f'explorer.load({json.dumps(header, separators=(",", ":"))},\n"{writer.packed()}");\n'


# --- metrics ---------------------------------------------------------------------------------------------------------


def _predicted() -> tuple[str, ...]:
    return ("accuracy", *DEVICE_METRICS)


def _metric(name: str, writer: Writer) -> dict[str, Any]:
    surrogate = Benchmark().load(name)
    device = devices.device_of(name)
    labels = surrogate_labels(name)
    return {
        "name": name,
        "label": "Accuracy" if device is None else device.label,
        "kind": "accuracy" if device is None else name.partition("/")[2],
        "unit": UNITS[name],
        "larger": DIRECTIONS[name] == "max",
        "link": link_to_dict(surrogate.link),
        "measured": labels,
        "mean": _encode(surrogate.mean, MEAN_ERROR, True, writer),
        "log_std": _encode(surrogate.log_std, STD_ERROR, False, writer),
    }


def surrogate_labels(name: str) -> list[float]:
    """The least and the most that was measured of a metric."""
    from anb_gym.surrogates.labels import labels_of

    labels = labels_of(name)
    assert labels is not None
    return [labels.least, labels.most]


def _encode(tables: BlockTables, tolerance: float, relative: bool, writer: Writer) -> dict[str, Any]:
    """A function, with errors of random architectures below the tolerance."""
    terms = _anova(tables)
    bases = [_basis(terms, block) for block in range(N_BLOCKS)]
    singles = np.concatenate([terms[(block,)] for block in range(N_BLOCKS)])
    singles[: _SIZES[0]] += float(terms[()])
    exact = {key: multiply(terms[key], [np.linalg.pinv(bases[b]) for b in key]) for key in _TERMS if key in terms}
    states = _states()
    truth = tables(states)
    scale = np.abs(truth) if relative else np.ones(len(truth))
    quantum = tolerance * float(np.abs(truth).mean() if relative else 1.0)
    while True:
        cores = {key: np.round(core / quantum).astype(np.int64) for key, core in exact.items()}
        if np.max(np.abs(_sums(singles, bases, cores, quantum, states) - truth) / scale) < tolerance:
            break
        quantum /= 2.0**0.25
    lengths, values = zip(*(_rows(cores[key]) for key in exact), strict=True)
    numbers = np.concatenate(values)
    return {
        "order": max(map(len, exact)),
        "ranks": [basis.shape[1] for basis in bases],
        "quantum": quantum,
        "singles": writer.add(singles, "float64"),
        "bases": writer.add(np.concatenate([basis.ravel() for basis in bases]), _FLOAT),
        "lengths": writer.add(np.concatenate(lengths), "uint8"),
        "values": writer.add(np.where(numbers < 0, -2 * numbers - 1, 2 * numbers), "uint32"),
    }


def _anova(tables: BlockTables) -> dict[tuple[int, ...], Any]:
    """Terms of no, one, two and three blocks whose mean along every axis is 0."""
    terms: dict[tuple[int, ...], Any] = {}
    for blocks in tables.layout.blocks:
        parts = [((), tables.table(*blocks))]
        for axis, block in enumerate(blocks):
            split = []
            for key, part in parts:
                mean = part.mean(axis=axis, keepdims=True)
                split += [(key, mean), ((*key, block), part - mean)]
            parts = split
        for key, part in parts:
            terms[key] = terms.get(key, 0.0) + part.reshape([_SIZES[block] for block in key])
    return terms


def _basis(terms: dict[tuple[int, ...], Any], block: int) -> NDArray[np.float64]:
    """Columns, (states, rank), that span one block's axis, as float32 has them."""
    parts = [
        np.moveaxis(term, key.index(block), 0).reshape(_SIZES[block], -1)
        for key, term in terms.items()
        if block in key and len(key) > 1
    ]
    vectors, singular, _ = np.linalg.svd(np.concatenate(parts, axis=1), full_matrices=False)
    kept: NDArray[np.float64] = vectors[:, singular > 1e-12 * singular[0]].astype(_FLOAT).astype(np.float64)
    return kept


def _sums(singles: Any, bases: Any, cores: Any, quantum: float, states: NDArray[np.int64]) -> NDArray[np.float64]:
    """What the browser computes."""
    total: NDArray[np.float64] = singles[states + np.cumsum((0, *_SIZES[:-1]))].sum(axis=1)
    for key, core in cores.items():
        table = multiply(core * quantum, [bases[b] for b in key])
        total += table[tuple(states[:, b] for b in key)]
    return total


def _rows(core: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lengths of the rows up to their last entry that is not 0, and these rows one after the other."""
    rows = core.reshape(-1, core.shape[-1])
    columns = np.arange(1, rows.shape[1] + 1)
    lengths = ((rows != 0) * columns).max(axis=1)
    return lengths, rows[columns <= lengths[:, None]]


@cache
def _states() -> NDArray[np.int64]:
    return SPACE.to_states(SPACE.sample(20_000, np.random.default_rng(20)))


# --- tasks -----------------------------------------------------------------------------------------------------------


def _task(metric: str, writer: Writer) -> dict[str, Any]:
    """A device metric's front, what rewards are worth, and the policy that ships for its preferences."""
    task = next(task for task in TASKS.values() if task.metrics == ("accuracy", metric))
    problem = anb_gym.make_problem(task.id)
    asked = anb_gym.make_problem(f"AccelNAS-{task.name}-Preference-v{task.version}")
    level = problem.gauge.at(None)
    return {
        "name": metric,
        "id": task.id,
        "preference_id": f"AccelNAS-{task.name}-Preference-v{task.version}",
        "target": task.target,
        "exponent": EXPONENT,
        "random_mean": float(np.asarray(level[0]).item()),
        "best": float(np.asarray(level[1]).item()),
        "front": _front(metric, writer),
        "ideal": asked.reward.ideal,
        "nadir": asked.reward.nadir,
        "means": writer.add(asked.gauge.means, "float64"),
        "policy": _policy(metric, writer),
    }


def _front(metric: str, writer: Writer) -> dict[str, Any]:
    front = Benchmark().front(metric)
    accuracy, values = front.objectives.T
    columns = {"indices": (front.indices, "float64"), "accuracy": (accuracy, _FLOAT), "metric": (values, _FLOAT)}
    return {name: writer.add(column, dtype) for name, (column, dtype) in columns.items()}


def _policy(metric: str, writer: Writer) -> dict[str, Any]:
    agent = pretraining.load_pretrained(metric, "weights")
    logits = agent.state()["logits"]
    return {"bins": len(logits), "logits": writer.add(logits.T.view(np.uint16), "uint16")}


# --- a device of one's own -------------------------------------------------------------------------------------------


def _prior(kind: str, writer: Writer) -> list[dict[str, Any]]:
    """Of each width, mean and covariance of logarithms of block times, and of the host's.

    The covariance is that of the leading factors, as integers; what they leave out is variance of single blocks.
    """
    found = []
    for prior in estimation._moments(None)[kind]:
        covariance = prior.covariance - estimation._SCALE
        values, vectors = np.linalg.eigh(covariance - estimation._OWN**2 * np.eye(len(covariance)))
        factors = (vectors * np.sqrt(np.maximum(values, 0.0)))[:, ::-1][:, :_FACTORS]
        quantum = float(np.abs(factors).max()) / 32_767
        factors = np.round(factors / quantum)
        left = np.maximum(np.diag(covariance) - (factors**2).sum(axis=1) * quantum**2, 0.0)
        found.append(
            {
                "weight": prior.weight,
                "mean": writer.add(prior.mean, _FLOAT),
                "factors": writer.add(factors.T, "int16"),
                "quantum": quantum,
                "left": writer.add(left, _FLOAT),
            }
        )
    return found


if __name__ == "__main__":
    main()
