"""A policy for devices nobody has seen: it reads ten probes, and designs for every place along the device's front."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import integer, positive
from anb_gym._types import FloatArray
from anb_gym.benchmark import Benchmark
from anb_gym.exact.dominance import staircase
from anb_gym.hardware.costs import STARTS
from anb_gym.hardware.probes import N_PROBES
from anb_gym.space import SPACE, States

from .network import Network

#: Block states of all blocks, and those of each block among them.
N_CELLS: Final = int(SPACE.block_sizes.sum())
BLOCKS: Final = tuple(
    slice(int(start), int(start + size)) for start, size in zip(STARTS, SPACE.block_sizes, strict=True)
)
#: Harmonics of the place, principal components of a device, hidden units.
_HARMONICS, _COMPONENTS, _HIDDEN = 6, 9, 96
_INPUTS: Final = 1 + 2 * _HARMONICS + _COMPONENTS
#: Points of accuracy for a unit of log time, at the fast and at the accurate end of fronts.
_PRICES: Final = (100.0, 1.0)
#: Limit of the logarithm of the factor of the price that the network tells.
_FACTOR: Final = 3.0
#: Factor of the network's outputs, so that small steps of Adam move them enough.
_GAIN: Final = 10.0
#: Places that are designed for, samples of each, and how much more evenly than it was learned they are drawn.
_PLACES, _SAMPLES, _TEMPERATURE = 501, 32, 3.0
#: The network's inputs, hidden units and outputs.
SIZES: Final = (_INPUTS, _HIDDEN, _HIDDEN, N_CELLS + 1)
#: The arrays beside the network.
SHAPES: Final[Mapping[str, tuple[int, ...]]] = {
    "probe_mean": (N_PROBES,),
    "cell_mean": (N_CELLS,),
    "regression": (N_PROBES, N_CELLS),
    "floor_mean": (1,),
    "floor_regression": (N_PROBES,),
    "components": (N_CELLS, _COMPONENTS),
}


@dataclass(eq=False)
class ProbePolicy:
    """Reads the times of ten probes on a device and designs for it; what ``ProbeConditioned`` learns.

    A linear regression over generated devices turns the probes' log times, less their mean, into log times of all 264
    block states. A network reads the principal components of these and a place along the front, 0 at its fast end and
    1 at its accurate one. Logits of a block's states are the network's outputs minus the states' share of the
    estimated time at a price, whose factor the network tells too. The seven blocks are chosen independently.

    Attributes:
        probe_mean: Mean of the probes' centred log times, ``float32`` (10,).
        cell_mean: Mean of the log times of block states, less the probes' mean, ``float32`` (264,).
        regression: From the former to the latter, ``float32`` (10, 264).
        floor_mean: Mean of the log time of the fastest network, which the host may limit, ``float32`` (1,).
        floor_regression: From the probes to that time, ``float32`` (10,).
        components: Principal components of estimated log times, in units of their deviation, ``float32`` (264, 9).
        network: Reads places and components, writes logits and the factor of the price.
    """

    probe_mean: NDArray[np.float32]
    cell_mean: NDArray[np.float32]
    regression: NDArray[np.float32]
    floor_mean: NDArray[np.float32]
    floor_regression: NDArray[np.float32]
    components: NDArray[np.float32]
    network: Network

    @classmethod
    def blank(cls, **arrays: NDArray[np.float32]) -> ProbePolicy:
        """A policy of these arrays, all but the network, whose weights are to be written."""
        return cls(**arrays, network=Network(SIZES, np.random.default_rng(0)))

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

    def floor(self, log_seconds: FloatArray) -> FloatArray:
        """Seconds of the fastest network, be it that the host is slower, in the unit of :meth:`estimate`, (n,)."""
        centred = log_seconds - log_seconds.mean(axis=1, keepdims=True) - self.probe_mean
        seconds: FloatArray = np.exp(self.floor_mean + centred @ self.floor_regression.astype(np.float64))
        return seconds

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
        """:meth:`logits`, and what a gradient needs: the price part of the logits, and what the network has kept."""
        turns = np.pi * places[:, None] * np.arange(1, _HARMONICS + 1)
        logs = np.log(cells)
        device = np.clip((logs - logs.mean(axis=1, keepdims=True) - _levelled(self.cell_mean)) @ self.components, -4, 4)
        inputs = np.concatenate([2.0 * places[:, None] - 1.0, np.cos(turns), np.sin(turns), device], axis=1)
        out, kept = self.network.forward(inputs)
        price = price_of(places)[:, None]
        factor = np.exp(np.clip(out[:, N_CELLS:], -_FACTOR, _FACTOR))
        priced = (-price / (1.0 + 0.02 * price) * _shares(cells) * factor).astype(np.float32)
        return _GAIN * out[:, :N_CELLS] + priced, (priced, kept)

    def backward(self, gradient: NDArray[np.float32], kept: tuple[Any, ...]) -> NDArray[np.float32]:
        """The gradient by the network's weights, of one by the logits ``float32`` (n, 264).

        It passes the limits of the price's factor as if there were none (the straight-through estimator of Bengio et
        al. 2013, https://arxiv.org/abs/1308.3432), so that an output beyond them comes back.
        """
        priced, of_network = kept
        out = np.column_stack([_GAIN * gradient, (gradient * priced).sum(axis=1)]).astype(np.float32)
        return self.network.backward(out, of_network)

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
        found = self.proposals(device, _SAMPLES, np.random.default_rng(integer(seed, 0, "seed")))
        accuracy = Benchmark().query_states(found.states, ["accuracy"])["accuracy"]
        return found.states[ranked(accuracy, device[found.states + STARTS].sum(axis=1), n)]

    def proposals(self, cells: FloatArray, n_samples: int, rng: np.random.Generator) -> Proposals:
        """Different designs for 501 places: the most probable of each, and samples.

        Args:
            cells: Seconds of block states in any unit of the device, ``float64`` (264,).
            n_samples: Samples of each place, drawn more evenly than was learned, by a temperature of 3.
            rng: Draws them.
        """
        places = np.linspace(0.0, 1.0, _PLACES)
        logits = self.logits(np.broadcast_to(cells, (_PLACES, N_CELLS)), places)
        policies = softmax(logits / _TEMPERATURE)
        found = np.concatenate([greedy_states(logits), *(sample(policies, rng) for _ in range(n_samples))])
        _, first = np.unique(SPACE.states_to_index(found), return_index=True)
        return Proposals(found[first], first % _PLACES, logits)


@dataclass(frozen=True, eq=False)
class Proposals:
    """Different designs for a device.

    Attributes:
        states: Block states, ``int64`` (n, 7).
        place: The number of the place that each is for, ``int64`` (n,).
        logits: The policies of the places, ``float32`` (places, 264).
    """

    states: States
    place: NDArray[np.int64]
    logits: NDArray[np.float32]


def untrained(
    log_probes: FloatArray, cells: FloatArray, hosts: FloatArray, rng: np.random.Generator, noise: float
) -> ProbePolicy:
    """A policy that has learned to estimate devices, but not to design.

    Args:
        log_probes: Logarithms of the seconds of the probes on generated devices, ``float64`` (n, 10).
        cells: Seconds of their block states, ``float64`` (n, 264).
        hosts: Of their hosts, ``float64`` (n,).
        rng: Source of the network's weights.
        noise: Standard deviation of a measured logarithm, and of what generated devices do not show.
    """
    positive(noise, "noise")
    level = log_probes.mean(axis=1, keepdims=True)
    probes, logs = log_probes - level, np.log(cells) - level
    x, y = probes - probes.mean(axis=0), logs - logs.mean(axis=0)
    fastest = sum((cells[:, block].min(axis=1) for block in BLOCKS), start=np.zeros(len(cells)))
    floors = np.log(np.maximum(fastest, hosts)) - level[:, 0]
    n = len(x)
    within = x.T @ x / n + noise**2 * np.eye(N_PROBES)
    regression = np.linalg.solve(within, x.T @ y / n)
    of_floor = np.linalg.solve(within, x.T @ (floors - floors.mean()) / n)
    estimated = x[:3000] @ regression
    estimated -= estimated.mean(axis=1, keepdims=True)
    _, sizes, axes = np.linalg.svd(estimated, full_matrices=False)
    n_kept = min(_COMPONENTS, int((sizes > 1e-3 * sizes[0]).sum()))
    components = np.zeros((N_CELLS, _COMPONENTS))
    components[:, :n_kept] = axes[:n_kept].T / (estimated @ axes[:n_kept].T).std(axis=0)
    arrays = {"probe_mean": probes.mean(axis=0), "cell_mean": logs.mean(axis=0)}
    arrays |= {"regression": regression, "components": components}
    arrays |= {"floor_mean": floors.mean(keepdims=True), "floor_regression": of_floor}
    single = {name: array.astype(np.float32) for name, array in arrays.items()}
    return ProbePolicy(**single, network=Network(SIZES, rng))


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


def greedy_states(logits: NDArray[np.float32]) -> States:
    """The most probable block states, ``int64`` (n, 7)."""
    return np.stack([logits[:, block].argmax(axis=1) for block in BLOCKS], axis=1)


def ranked(accuracy: FloatArray, seconds: FloatArray, n: int) -> NDArray[np.int64]:
    """Positions of the first n designs by Goldberg's ranks, within a rank the fastest first, ``int64`` (at most n,)."""
    left = np.arange(len(accuracy))
    chosen: list[NDArray[np.int64]] = []
    while len(left) and sum(map(len, chosen)) < n:
        best = first_front(accuracy[left], seconds[left])
        chosen.append(left[best])
        left = np.delete(left, best)
    return np.concatenate(chosen)[:n] if chosen else np.empty(0, dtype=np.int64)


def first_front(accuracy: FloatArray, seconds: FloatArray) -> NDArray[np.int64]:
    """Positions of those that no other is as good as, the fastest first, ``int64`` (k,)."""
    return staircase(-seconds, accuracy)


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
