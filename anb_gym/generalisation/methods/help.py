"""A latency predictor that has learned to learn from ten measurements, after HELP (Lee et al. 2021)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

import numpy as np

from anb_gym._extras import require
from anb_gym._types import FloatArray
from anb_gym.generalisation.knowledge import Knowledge
from anb_gym.generalisation.methods.donor import Average
from anb_gym.generalisation.methods.scaled import measure_along, of_cells, scaled
from anb_gym.generalisation.protocol import BUDGETS, Answer, Meter
from anb_gym.hardware import N_PROBES, probe_states
from anb_gym.hardware.costs import STARTS
from anb_gym.space import SPACE, States

#: Hidden units, inner steps, rate of these to begin with, outer steps, their rate, devices of one, networks asked for.
_HIDDEN, _INNER, _INNER_RATE, _OUTER, _OUTER_RATE, _TASKS, _QUERIES = 64, 3, 0.05, 1200, 3e-3, 16, 64
#: Networks whose times are learned from: so many random ones, and as many of training devices' fronts.
_NETWORKS: Final = 400
#: A device's layers: of its embedding, hidden, and the times of all block states.
_LAYERS: Final = (N_PROBES, _HIDDEN, _HIDDEN, int(SPACE.block_sizes.sum()))
#: Layers whose weights depend on the embedding before any step, as the paper's last ones.
_MODULATED: Final = (1, 2)
_KINDS: Final = ("weight", "bias")


class Help:
    """HELP's meta-learned predictor, and the exact front of what it predicts.

    Of the paper (https://arxiv.org/abs/2106.08630): a device is embedded as its times of ten reference networks; a
    second network scales the predictor's weights by that embedding; gradient steps on the ten, with a learned rate for
    each weight, adapt it; all is learned over many devices by the error after adaptation, through the steps (Meta-SGD).

    Differs: the predictor tells times of block states, whose sum is a network's, where the paper's reads the network;
    so its front can be solved for, where the paper searches. Errors are of logarithms, devices are the 4,000 generated
    ones, the reference networks are the probes, and the scales are not sampled. With more than ten measurements
    designs along the front are measured, and the steps are made on all; with fewer it is the average device.
    """

    about = "HELP: a predictor that has learned over devices to adapt to ten measurements; its front"

    def __call__(self, known: Knowledge, meter: Meter) -> Answer:
        meter.measure_probes()
        if len(meter.indices) < N_PROBES:
            return Average()(known, meter)
        if meter.left:
            measure_along(meter, known.front(adapted(known, meter)))
        cells = adapted(known, meter)
        return scaled(known, meter, known.front(cells), of_cells(cells))


def adapted(known: Knowledge, meter: Meter) -> FloatArray:
    """Seconds of all block states, in units of the probes' geometric mean, ``float64`` (264,).

    Raises:
        ModuleNotFoundError: The extra ``study`` is not installed.
    """
    torch = require("torch", "study")
    weights = {name: torch.tensor(array) for name, array in known.learned("help", lambda: _learn(known)).items()}
    states, logs = meter.states[None], meter.log_seconds - meter.log_seconds[:N_PROBES].mean()
    embedding = (logs[:N_PROBES] - weights["centre"].numpy()) / weights["spread"].numpy()
    cells = _adapt(weights, torch.tensor(embedding[None]), torch.tensor(states + STARTS), torch.tensor(logs[None]))
    found: FloatArray = np.exp(cells[0].detach().numpy())
    return found


def _learn(known: Knowledge) -> Mapping[str, FloatArray]:
    """Learns over the training devices, in half a minute."""
    torch = require("torch", "study")
    rng = np.random.default_rng(0)
    probes = np.log(known.seconds(probe_states()))
    unit = probes.mean(axis=1, keepdims=True)
    probes -= unit
    centre, spread = probes.mean(axis=0), probes.std(axis=0)
    states = _networks(known, rng)
    logs = np.log(known.seconds(states)) - unit
    weights = _initial(rng, (np.log(known.cells) - unit).mean(axis=0))
    centre, spread, probes, logs = (array.astype(np.float32) for array in (centre, spread, probes, logs))
    learned = [array.requires_grad_() for array in weights.values()]
    weights |= {"centre": torch.tensor(centre), "spread": torch.tensor(spread)}
    optimizer = torch.optim.Adam(learned, lr=_OUTER_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _OUTER)
    more = [budget - N_PROBES for budget in BUDGETS if budget >= N_PROBES]
    for _ in range(_OUTER):
        rows = rng.integers(len(probes), size=_TASKS)
        chosen = rng.permutation(len(states))[: rng.choice(more) + _QUERIES]
        query, extra = chosen[:_QUERIES], chosen[_QUERIES:]
        support = np.concatenate([probe_states(), states[extra]]) + STARTS
        times = np.concatenate([probes[rows], logs[rows][:, extra]], axis=1)
        embedding = torch.tensor((probes[rows] - centre) / spread)
        shape = (_TASKS, *support.shape)
        cells = _adapt(weights, embedding, torch.tensor(np.broadcast_to(support, shape).copy()), torch.tensor(times))
        asked = torch.tensor(np.broadcast_to(states[query] + STARTS, (_TASKS, _QUERIES, 7)).copy())
        loss = ((_times(cells, asked) - torch.tensor(logs[rows][:, query])) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        schedule.step()
    return {name: array.detach().numpy() for name, array in weights.items()}


def _networks(known: Knowledge, rng: np.random.Generator) -> States:
    """Networks to learn from, ``int64`` (2 * _NETWORKS, 7)."""
    random = SPACE.index_to_states(rng.integers(SPACE.size, size=_NETWORKS))
    return np.concatenate([random, known.pool_states[rng.integers(len(known.pool), size=_NETWORKS)]])


def _initial(rng: np.random.Generator, cells: FloatArray) -> dict[str, Any]:
    """The predictor, which begins with the mean device, the rates of its steps, and what scales its weights."""
    torch = require("torch", "study")
    arrays: dict[str, FloatArray] = {}
    for layer, (n, m) in enumerate(pairwise(_LAYERS)):
        last = layer == len(_LAYERS) - 2
        arrays[f"weight_{layer}"] = rng.standard_normal((n, m)) * (0.1 if last else 1.0) * np.sqrt(2.0 / n)
        arrays[f"bias_{layer}"] = cells.copy() if last else np.zeros(m)
        arrays |= {f"rate_{name}_{layer}": np.full_like(arrays[f"{name}_{layer}"], _INNER_RATE) for name in _KINDS}
    arrays["scale_weight"] = rng.standard_normal((N_PROBES, N_PROBES)) * np.sqrt(2.0 / N_PROBES)
    arrays["scale_bias"] = np.zeros(N_PROBES)
    arrays |= {f"scale_{layer}": np.zeros((N_PROBES, _LAYERS[layer] + 1)) for layer in _MODULATED}
    return {name: torch.tensor(array, dtype=torch.float32) for name, array in arrays.items()}


def _adapt(weights: Mapping[str, Any], embedding: Any, support: Any, logs: Any) -> Any:
    """Logarithms of seconds of block states after the steps, (devices, 264).

    Args:
        weights: What was learned.
        embedding: Of the devices, (devices, 10).
        support: Cells of the networks that were measured, integers (devices, m, 7).
        logs: Logarithms of their seconds, (devices, m).
    """
    torch = require("torch", "study")
    n = len(embedding)
    scaling = torch.relu(embedding @ weights["scale_weight"] + weights["scale_bias"])
    own: dict[str, Any] = {}
    for layer in range(len(_LAYERS) - 1):
        weight, bias = (weights[f"{name}_{layer}"].expand(n, *weights[f"{name}_{layer}"].shape) for name in _KINDS)
        if layer in _MODULATED:
            factors = scaling @ weights[f"scale_{layer}"]
            weight, bias = weight * (1.0 + factors[:, :-1, None]), bias + factors[:, -1:]
        own |= {f"weight_{layer}": weight, f"bias_{layer}": bias}
    if not weights["weight_0"].requires_grad:  # adapted alone, not learned through
        own = {name: array.clone().requires_grad_() for name, array in own.items()}
    for _ in range(_INNER):
        loss = ((_times(_predict(own, embedding), support) - logs) ** 2).mean(dim=1).sum()
        gradients = torch.autograd.grad(loss, list(own.values()), create_graph=weights["weight_0"].requires_grad)
        own = {
            name: array - weights[f"rate_{name}"] * gradient
            for (name, array), gradient in zip(own.items(), gradients, strict=True)
        }
    return _predict(own, embedding)


def _predict(own: Mapping[str, Any], embedding: Any) -> Any:
    torch = require("torch", "study")
    x = embedding[:, None, :]
    for layer in range(len(_LAYERS) - 1):
        x = x @ own[f"weight_{layer}"] + own[f"bias_{layer}"][:, None, :]
        x = torch.relu(x) if layer < len(_LAYERS) - 2 else x
    return x[:, 0]


def _times(cells: Any, chosen: Any) -> Any:
    """Logarithms of sums of seconds of chosen block states, (devices, m)."""
    torch = require("torch", "study")
    n, m, blocks = chosen.shape
    return torch.logsumexp(cells.gather(1, chosen.reshape(n, m * blocks)).reshape(n, m, blocks), dim=2)
