"""A policy for devices nobody has seen: it reads ten probes, and designs for every place along the device's front."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import choose, integer, positive
from anb_gym._files import read_arrays, refusing, take_array, write_atomically
from anb_gym._types import FloatArray
from anb_gym.benchmark import Benchmark
from anb_gym.hardware import FAMILIES
from anb_gym.hardware.costs import STARTS
from anb_gym.hardware.probes import N_PROBES
from anb_gym.space import SPACE, States

#: Where the policies that ship are; ``scripts/pretrain_probe_policies.py`` makes them.
FOLDER: Final = Path(__file__).parent / "pretrained" / "probes"
#: Block states of all blocks, and those of each block among them.
N_CELLS: Final = int(SPACE.block_sizes.sum())
BLOCKS: Final = tuple(
    slice(int(start), int(start + size)) for start, size in zip(STARTS, SPACE.block_sizes, strict=True)
)
#: Harmonics of the place, principal components of a device, hidden units.
_HARMONICS, _COMPONENTS, _HIDDEN = 6, 24, 192
_INPUTS: Final = 1 + 2 * _HARMONICS + _COMPONENTS
#: Points of accuracy for a unit of log time, at the fast and at the accurate end of fronts.
_PRICES: Final = (100.0, 1.0)
#: Limit of the logarithm of the factor of the price that the network tells.
_FACTOR: Final = 3.0
#: Factor of the network's outputs, so that small steps of Adam move them enough.
_GAIN: Final = 10.0
#: Places that are designed for, samples of each, and how much more evenly than it was learned they are drawn.
_PLACES, _SAMPLES, _TEMPERATURE = 501, 32, 3.0
_SHAPES: Final[Mapping[str, tuple[int, ...]]] = {
    "probe_mean": (N_PROBES,),
    "cell_mean": (N_CELLS,),
    "regression": (N_PROBES, N_CELLS),
    "components": (N_CELLS, _COMPONENTS),
    "weights_0": (_INPUTS, _HIDDEN),
    "weights_1": (_HIDDEN, _HIDDEN),
    "weights_2": (_HIDDEN, N_CELLS + 1),
    "biases_0": (_HIDDEN,),
    "biases_1": (_HIDDEN,),
    "biases_2": (N_CELLS + 1,),
}


class ProbePolicyError(ValueError):
    """A file is no saved policy."""


@dataclass(eq=False)
class ProbePolicy:
    """Reads the times of ten probes on a device and designs for it; made by :func:`anb_gym.agents.train_probe_policy`.

    A linear regression over generated devices turns the probes' log times, less their mean, into log times of all 264
    block states. A network reads the principal components of these and a place along the front, 0 at its fast end and
    1 at its accurate one. Logits of a block's states are the network's outputs minus the states' share of the
    estimated time at a price, whose factor the network tells too. The seven blocks are chosen independently.

    Attributes:
        probe_mean: Mean of the probes' centred log times, ``float32`` (10,).
        cell_mean: Mean of the log times of block states, less the probes' mean, ``float32`` (264,).
        regression: From the former to the latter, ``float32`` (10, 264).
        components: Principal components of estimated log times, in units of their deviation, ``float32`` (264, 24).
        weights_0, weights_1, weights_2, biases_0, biases_1, biases_2: Of the network, ``float32``.
    """

    probe_mean: NDArray[np.float32]
    cell_mean: NDArray[np.float32]
    regression: NDArray[np.float32]
    components: NDArray[np.float32]
    weights_0: NDArray[np.float32]
    weights_1: NDArray[np.float32]
    weights_2: NDArray[np.float32]
    biases_0: NDArray[np.float32]
    biases_1: NDArray[np.float32]
    biases_2: NDArray[np.float32]

    def estimate(self, log_seconds: FloatArray) -> FloatArray:
        """Seconds of block states in units of the probes' geometric mean, without a host.

        Args:
            log_seconds: Natural logarithms of the seconds of the probes on n devices, ``float64`` (n, 10).

        Returns:
            ``float64`` (n, 264).
        """
        centred = log_seconds - log_seconds.mean(axis=1, keepdims=True) - self.probe_mean
        cells: FloatArray = np.exp(self.cell_mean + centred @ self.regression.astype(np.float64))
        return cells

    def logits(self, cells: FloatArray, places: FloatArray) -> NDArray[np.float32]:
        """The policies for n devices and places.

        Args:
            cells: Seconds of block states in any unit of the device, ``float64`` (n, 264).
            places: Along the front, 0..1, ``float64`` (n,).

        Returns:
            ``float32`` (n, 264), of one block's states after the other's.
        """
        return self.forward(cells, places)[0]

    def forward(self, cells: FloatArray, places: FloatArray) -> tuple[NDArray[np.float32], tuple[Any, ...]]:
        """:meth:`logits`, and what a gradient needs: the price part of the logits, inputs and hidden units."""
        turns = np.pi * places[:, None] * np.arange(1, _HARMONICS + 1)
        logs = np.log(cells)
        device = np.clip((logs - logs.mean(axis=1, keepdims=True) - _levelled(self.cell_mean)) @ self.components, -4, 4)
        inputs = np.concatenate([2.0 * places[:, None] - 1.0, np.cos(turns), np.sin(turns), device], axis=1)
        x = inputs.astype(np.float32)
        first = np.maximum(x @ self.weights_0 + self.biases_0, 0.0)
        second = np.maximum(first @ self.weights_1 + self.biases_1, 0.0)
        out = second @ self.weights_2 + self.biases_2
        price = price_of(places)[:, None]
        factor = np.exp(np.clip(out[:, N_CELLS:], -_FACTOR, _FACTOR))
        priced = (-price / (1.0 + 0.02 * price) * _shares(cells) * factor).astype(np.float32)
        return _GAIN * out[:, :N_CELLS] + priced, (priced, x, first, second)

    def backward(self, gradient: NDArray[np.float32], kept: tuple[Any, ...]) -> dict[str, NDArray[np.float32]]:
        """The gradient by the network's arrays, of one by the logits ``float32`` (n, 264).

        It passes the limits of the price's factor as if there were none (the straight-through estimator of Bengio et
        al. 2013, https://arxiv.org/abs/1308.3432), so that an output beyond them comes back.
        """
        priced, x, first, second = kept
        out = np.column_stack([_GAIN * gradient, (gradient * priced).sum(axis=1)]).astype(np.float32)
        by_second = (out @ self.weights_2.T) * (second > 0)
        by_first = (by_second @ self.weights_1.T) * (first > 0)
        return {
            "weights_0": x.T @ by_first,
            "weights_1": first.T @ by_second,
            "weights_2": second.T @ out,
            "biases_0": by_first.sum(axis=0),
            "biases_1": by_second.sum(axis=0),
            "biases_2": out.sum(axis=0),
        }

    def design(
        self, log_seconds: FloatArray, n: int = 1001, *, cells: FloatArray | None = None, seed: int = 0
    ) -> States:
        """Designs along the whole front of a device.

        For 501 places the policy's most probable design and 32 samples are ranked by accuracy and estimated time:
        those that no other is as good as, then those of the rest, and so on (Goldberg's ranks, as in NSGA-II).

        Args:
            log_seconds: Natural logarithms of the seconds of the probes, ``float64`` (10,).
            n: How many designs at most.
            cells: A better estimate of the seconds of block states, such as the tables of
                :func:`anb_gym.hardware.estimation.estimate`, ``float64`` (264,); by default :meth:`estimate`.
            seed: Of the samples.

        Returns:
            Block states ``int64`` (at most n, 7), the best rank first.

        Raises:
            ValueError: The probes are not ten finite numbers, or n is below 1.
        """
        integer(n, 1, "n")
        log_seconds = np.asarray(log_seconds, dtype=np.float64)
        if log_seconds.shape != (N_PROBES,) or not np.isfinite(log_seconds).all():
            raise ValueError(f"log_seconds must be {N_PROBES} finite numbers, got an array {log_seconds.shape}")
        device = self.estimate(log_seconds[None])[0] if cells is None else np.asarray(cells, dtype=np.float64)
        rng = np.random.default_rng(integer(seed, 0, "seed"))
        places = np.linspace(0.0, 1.0, _PLACES)
        logits = self.logits(np.broadcast_to(device, (_PLACES, N_CELLS)), places)
        policies = softmax(logits / _TEMPERATURE)
        found = [greedy(logits), *(sample(policies, rng) for _ in range(_SAMPLES))]
        states = SPACE.index_to_states(np.unique(SPACE.states_to_index(np.concatenate(found))))
        accuracy = Benchmark().query_states(states, ["accuracy"])["accuracy"]
        return states[ranked(accuracy, device[states + STARTS].sum(axis=1), n)]

    def save(self, path: Path) -> None:
        """Writes the policy in half precision, whole or not at all.

        Raises:
            OSError: It cannot be written.
        """
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {name: getattr(self, name).astype(np.float16) for name in _SHAPES}
        np.savez_compressed(buffer, **arrays)
        write_atomically(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> ProbePolicy:
        """The policy of a file.

        Raises:
            OSError: It cannot be read.
            ProbePolicyError: It is no such file.
        """
        arrays = read_arrays(path, ProbePolicyError)
        with refusing(path, ProbePolicyError):
            taken = {name: take_array(arrays, name, "float16", shape) for name, shape in _SHAPES.items()}
        return cls(**{field.name: taken[field.name].astype(np.float32) for field in fields(cls)})


def load_probe_policy(leave_out: str | None = None) -> ProbePolicy:
    """The policy that ships.

    Args:
        leave_out: A family of real devices, see :data:`anb_gym.hardware.FAMILIES`, that nothing in its training has
            seen; None for the policy that may know all.

    Raises:
        ValueError: There is no such family.

    Example:
        >>> policy = load_probe_policy("fpga")
        >>> policy.design(np.zeros(10), 5).shape
        (5, 7)
    """
    name = "all" if leave_out is None else choose(leave_out, FAMILIES, "leave_out")
    return ProbePolicy.load(FOLDER / f"{name}.npz")


def untrained(log_probes: FloatArray, cells: FloatArray, rng: np.random.Generator, noise: float) -> ProbePolicy:
    """A policy that has learned to estimate devices, but not to design.

    Args:
        log_probes: Logarithms of the seconds of the probes on generated devices, ``float64`` (n, 10).
        cells: Seconds of their block states, ``float64`` (n, 264).
        rng: Source of the network's weights.
        noise: Standard deviation of a measured logarithm, and of what generated devices do not show.
    """
    positive(noise, "noise")
    level = log_probes.mean(axis=1, keepdims=True)
    probes, logs = log_probes - level, np.log(cells) - level
    x, y = probes - probes.mean(axis=0), logs - logs.mean(axis=0)
    n = len(x)
    regression = np.linalg.solve(x.T @ x / n + noise**2 * np.eye(N_PROBES), x.T @ y / n)
    estimated = x[:3000] @ regression
    estimated -= estimated.mean(axis=1, keepdims=True)
    _, sizes, axes = np.linalg.svd(estimated, full_matrices=False)
    n_kept = min(_COMPONENTS, int((sizes > 1e-3 * sizes[0]).sum()))
    components = np.zeros((N_CELLS, _COMPONENTS))
    components[:, :n_kept] = axes[:n_kept].T / (estimated @ axes[:n_kept].T).std(axis=0)
    scales = {"weights_0": 2.0 / _INPUTS, "weights_1": 2.0 / _HIDDEN, "weights_2": 0.01 / _HIDDEN}
    arrays = {name: np.zeros(shape) for name, shape in _SHAPES.items()}
    arrays |= {name: np.sqrt(scale) * rng.standard_normal(_SHAPES[name]) for name, scale in scales.items()}
    arrays |= {"probe_mean": probes.mean(axis=0), "cell_mean": logs.mean(axis=0)}
    arrays |= {"regression": regression, "components": components}
    return ProbePolicy(**{name: array.astype(np.float32) for name, array in arrays.items()})


def price_of(places: FloatArray) -> FloatArray:
    """Points of accuracy for a unit of log time, ``float64`` (n,), to begin with: the network learns a factor."""
    fast, accurate = np.log(_PRICES)
    prices: FloatArray = np.exp(fast + (accurate - fast) * places)
    return prices


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities of each block's states, ``float32`` (n, 264)."""
    policies = np.empty_like(logits)
    for block in BLOCKS:
        weights = np.exp(logits[:, block] - logits[:, block].max(axis=1, keepdims=True))
        policies[:, block] = weights / weights.sum(axis=1, keepdims=True)
    return policies


def sample(policies: NDArray[np.float32], rng: np.random.Generator) -> States:
    """Block states drawn from policies (n, 264), ``int64`` (n, 7)."""
    draws = rng.random((len(policies), len(BLOCKS)))
    states = [
        (draws[:, [b]] >= policies[:, block].cumsum(axis=1)[:, :-1]).sum(axis=1) for b, block in enumerate(BLOCKS)
    ]
    return np.stack(states, axis=1)


def greedy(logits: NDArray[np.float32]) -> States:
    """The most probable block states, ``int64`` (n, 7)."""
    return np.stack([logits[:, block].argmax(axis=1) for block in BLOCKS], axis=1)


def ranked(accuracy: FloatArray, seconds: FloatArray, n: int) -> NDArray[np.int64]:
    """Positions of the first n designs by Goldberg's ranks, within a rank the fastest first, ``int64`` (at most n,)."""
    left = np.lexsort((-accuracy, seconds))
    chosen: list[NDArray[np.int64]] = []
    while len(left) and sum(map(len, chosen)) < n:
        before = np.concatenate([[-np.inf], np.maximum.accumulate(accuracy[left])[:-1]])
        best = accuracy[left] > before
        chosen.append(left[best])
        left = left[~best]
    return np.concatenate(chosen)[:n] if chosen else np.empty(0, dtype=np.int64)


def _levelled(logs: NDArray[np.float32]) -> NDArray[np.float32]:
    levelled: NDArray[np.float32] = logs - logs.mean()
    return levelled


def _shares(cells: FloatArray) -> FloatArray:
    """Seconds of block states beyond their block's mean, in units of the mean time of a network, (n, 264)."""
    means = np.concatenate(
        [np.repeat(cells[:, block].mean(axis=1, keepdims=True), block.stop - block.start, axis=1) for block in BLOCKS],
        axis=1,
    )
    shares: FloatArray = (cells - means) / means[:, STARTS].sum(axis=1, keepdims=True)
    return shares
