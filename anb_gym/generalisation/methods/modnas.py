"""A hypernetwork over preferences and devices, after MODNAS (Sukthanker et al. 2025)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.agents.masked_network import Adam
from anb_gym.agents.probe_policy import N_CELLS, greedy_states, sample, softmax
from anb_gym.agents.probe_training import Neighbours, by_logits, seconds_of_changes
from anb_gym.generalisation.devices import SURROGATE, accuracy
from anb_gym.generalisation.knowledge import Knowledge
from anb_gym.generalisation.methods.donor import Average
from anb_gym.generalisation.methods.help import adapted
from anb_gym.generalisation.methods.scaled import measure_along, of_cells, scaled
from anb_gym.generalisation.protocol import Answer, Meter
from anb_gym.hardware import N_PROBES, probe_states
from anb_gym.space import SPACE, Indices

#: Hypernetworks in the bank and preferences that each has a row for, as in the paper.
_BANK, _PREFERENCES = 50, 101
#: Steps of Adam, its rate and decay, devices of a step, and steps of the least norm's search.
_STEPS, _RATE, _DECAY, _DEVICES, _NORM_STEPS = 150, 0.1, 0.5, 8, 20
#: Random networks that tell the spread of accuracy and of times.
_RANDOM: Final = 2_000


class Modnas:
    """MODNAS's hypernetwork: a design for each of 101 preferences, from the times of the ten probes.

    Of the paper (https://arxiv.org/abs/2402.18213) and its code: a bank of 50 hypernetworks, each a table from the
    preference to logits of all choices, mixed by the softmax of the device's features with 50 learned embeddings;
    designs are drawn from the logits and the gradient passes the draw; over devices the gradients are combined by
    multiple gradient descent, the convex combination with the least norm (Désidéri 2012, Sener and Koltun 2018), which
    Frank and Wolfe's method finds; the preference weighs the losses linearly; the most probable designs are returned.

    Differs: choices are the states of blocks; the supernet's loss is the accuracy of the benchmark, the predicted
    latency the true one of training devices, of which each step takes eight of 4,000; the gradient of a draw is that of
    all changes of single blocks in place of ReinMax's; the least norm looks at the tables alone, not at the embeddings.
    Predicted times are :mod:`~anb_gym.generalisation.methods.help`'s, the paper's predictor. With more than ten
    measurements its own designs are measured; with fewer it is the average device.
    """

    about = "MODNAS: a hypernetwork from preference and ten probes to a design, by multiple gradient descent"

    def __call__(self, known: Knowledge, meter: Meter) -> Answer:
        meter.measure_probes()
        if len(meter.indices) < N_PROBES:
            return Average()(known, meter)
        designs = _designs(known, tuple(meter.log_seconds[:N_PROBES].tolist()))
        measure_along(meter, designs)
        return scaled(known, meter, designs, of_cells(adapted(known, meter)))


@lru_cache(maxsize=4)
def _designs(known: Knowledge, log_seconds: tuple[float, ...]) -> Indices:
    """The most probable design of each preference, from that for time to that for accuracy, without repetition."""
    learned = known.learned("modnas", lambda: _learn(known))
    features = (_centred(np.array([log_seconds])) - learned["centre"]) / learned["spread"]
    logits = _mixture(features, learned["embeddings"]) @ learned["tables"].reshape(_BANK, -1)
    indices = SPACE.states_to_index(greedy_states(logits.reshape(_PREFERENCES, N_CELLS).astype(np.float32)))
    return np.array(list(dict.fromkeys(indices.tolist())), dtype=np.int64)


def _learn(known: Knowledge) -> Mapping[str, FloatArray]:
    """Learns over the training devices, in ten seconds."""
    rng = np.random.default_rng(0)
    probes = _centred(np.log(known.seconds(probe_states())))
    centre, spread = probes.mean(axis=0), probes.std(axis=0)
    random = SPACE.index_to_states(rng.integers(SPACE.size, size=_RANDOM))
    accuracy_spread = accuracy(random).std()
    time_spreads = known.seconds(random).std(axis=1)
    learned = np.concatenate([np.zeros(_BANK * _PREFERENCES * N_CELLS), rng.standard_normal(_BANK * N_PROBES)])
    tables, embeddings = np.split(learned, [_BANK * _PREFERENCES * N_CELLS])
    tables, embeddings = tables.reshape(_BANK, _PREFERENCES, N_CELLS), embeddings.reshape(_BANK, N_PROBES)
    adam = Adam(learned, _DECAY)
    weights = np.linspace(0.0, 1.0, _PREFERENCES)[:, None, None]  # of accuracy
    neighbours = Neighbours(SURROGATE)
    for step in range(_STEPS):
        rows = rng.integers(len(probes), size=_DEVICES)
        features = (probes[rows] - centre) / spread
        mixture = _mixture(features, embeddings)
        logits = (mixture @ tables.reshape(_BANK, -1)).reshape(_DEVICES, _PREFERENCES, N_CELLS).swapaxes(0, 1)
        policies = softmax(logits.reshape(-1, N_CELLS).astype(np.float32))
        states = sample(policies, rng)
        cells = np.tile(known.cells[rows] / time_spreads[rows, None], (_PREFERENCES, 1))
        gains = neighbours.accuracy(states).reshape(logits.shape) / accuracy_spread
        losses = (1.0 - weights) * seconds_of_changes(cells, states).reshape(logits.shape) - weights * gains
        gradient = by_logits(policies.reshape(logits.shape).astype(np.float64), losses)
        shares = _least_norm((gradient @ gradient.swapaxes(1, 2)) * (mixture @ mixture.T))
        gradient = gradient * shares[:, :, None]
        by_tables = mixture.T @ gradient.swapaxes(0, 1).reshape(_DEVICES, -1)
        by_mixture = gradient.swapaxes(0, 1).reshape(_DEVICES, -1) @ tables.reshape(_BANK, -1).T
        by_scores = mixture * (by_mixture - (mixture * by_mixture).sum(axis=1, keepdims=True))
        by_embeddings = by_scores.T @ features / np.sqrt(N_PROBES)
        rate = 0.5 * _RATE * (1.0 + np.cos(np.pi * step / _STEPS))
        adam.step(np.concatenate([by_tables.ravel(), by_embeddings.ravel()]), rate)
    arrays = {"tables": tables, "embeddings": embeddings, "centre": centre, "spread": spread}
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def _centred(logs: FloatArray) -> FloatArray:
    centred: FloatArray = logs - logs.mean(axis=1, keepdims=True)
    return centred


def _mixture(features: FloatArray, embeddings: FloatArray) -> FloatArray:
    """Shares of the bank's hypernetworks, ``float64`` (devices, 50)."""
    scores = features @ embeddings.T / np.sqrt(N_PROBES)
    exponentials: FloatArray = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: FloatArray = exponentials / exponentials.sum(axis=1, keepdims=True)
    return shares


def _least_norm(products: FloatArray) -> FloatArray:
    """Weights of gradients whose convex combination has the least norm, by Frank and Wolfe's method.

    Args:
        products: Of the gradients with each other, ``float64`` (preferences, devices, devices).

    Returns:
        ``float64`` (preferences, devices), each row sums to 1.
    """
    n, devices, _ = products.shape
    rows = np.arange(n)
    shares = np.full((n, devices), 1.0 / devices)
    for _ in range(_NORM_STEPS):
        towards = (products @ shares[:, :, None])[:, :, 0]
        best = towards.argmin(axis=1)
        own, cross, other = (shares * towards).sum(axis=1), towards[rows, best], products[rows, best, best]
        # The best point between the combination and the vertex.
        length = np.clip((own - cross) / np.maximum(own - 2.0 * cross + other, 1e-300), 0.0, 1.0)
        shares *= 1.0 - length[:, None]
        shares[rows, best] += length
    return shares
