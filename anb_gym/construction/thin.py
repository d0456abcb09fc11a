"""Held-out scores where data are thin.

Test records are drawn like all others, so their scores are averages over what the dataset has, which is no uniform
sample of the space: no network before record 1,806 has squeeze-excitation, and hardly one before record 3,722 has four
layers in block 5. Here the same predictions are scored as a uniform sample would weigh them, at the extremes, and by
their distance from all fitted records; and a fit that has never seen a whole block of records is scored on that block.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import comb
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from anb_gym._types import FloatArray
from anb_gym.construction.dataset import Dataset
from anb_gym.construction.fitting import Job, fit_model, labelled
from anb_gym.construction.splits import split_of
from anb_gym.space import N_BLOCKS, SPACE, States, distances
from anb_gym.surrogates.scores import Part, Scores
from anb_gym.surrogates.store import artefact_path, load

#: First record of each block: where squeeze-excitation begins, and where four layers in block 5 become usual.
BLOCKS: Final = (0, 1806, 3722)
#: Metrics for which fits without a block are worth their time: the two with the lowest scores, and accuracy.
BLOCK_METRICS: Final = ("accuracy", "tpuv3/throughput", "vck190/throughput")
#: Resamples of a bootstrap interval, its level and its seed.
_RESAMPLES: Final = 1000
_LEVEL: Final = 0.95
_SEED: Final = 0
#: Records that a part must have to be scored.
_FEWEST: Final = 10
#: Smallest distances to the nearest fitted record, in choices of 28, of the parts that are scored.
_DISTANCES: Final = (0, 6, 7, 8)


def thin_parts(dataset: Dataset, folder: Path, family: str, metric: str) -> list[Part]:
    """Scores of fitted tables on parts of the test records, all of them first.

    Args:
        dataset: What they were fitted on.
        folder: Where :func:`anb_gym.construction.fitting.fit_all` wrote.
        family: A family with tables.
        metric: A metric.

    Returns:
        Parts of ten records or more.
    """
    split = split_of(dataset)
    states, labels = labelled(dataset, metric, split["test"])
    fitted, _ = labelled(dataset, metric, np.concatenate([split["train"], split["val"]]))
    predictions = load(artefact_path(folder, family, metric)).predict(states)
    nearest = distances(SPACE.from_states(states), SPACE.from_states(fitted))
    order = predictions.argsort().argsort()
    tenth = len(labels) // 10
    equal = np.ones(len(labels))
    parts = {
        "all": equal,
        "squeeze-excitation as in a uniform sample": uniform_weights(states, layers=False),
        "and four layers in block 5 as well": uniform_weights(states, layers=True),
        "smallest tenth of predictions": equal * (order < tenth),
        "largest tenth of predictions": equal * (order >= len(labels) - tenth),
    }
    most = SPACE.cardinalities.size
    for low, end in zip(_DISTANCES, (*_DISTANCES[1:], most + 1), strict=True):
        span = f"{low}" if end == low + 1 else f"{low} or more" if end > most else f"{low} to {end - 1}"
        parts[f"distance {span}"] = equal * ((nearest >= low) & (nearest < end))
    return [
        part_of(name, labels, predictions, weights)
        for name, weights in parts.items()
        if np.count_nonzero(weights) >= _FEWEST
    ]


def uniform_weights(states: States, *, layers: bool) -> FloatArray:
    """Weights with which architectures count as in a uniform sample of the space.

    The number of blocks with squeeze-excitation is binomial there. Numbers that no architecture here has are missing
    from the weighted sample too.

    Args:
        states: Block states, ``int64`` (n, 7).
        layers: Whether to weigh by four layers in block 5 as well, which a quarter has.

    Returns:
        ``float64`` (n,).
    """
    choices = SPACE.from_states(states).reshape(-1, N_BLOCKS, 4)
    with_se: NDArray[np.int64] = choices[:, :, 3].sum(axis=1)
    deep: NDArray[np.bool_] = choices[:, 5, 2] == 3
    groups = [(deep, 0.25), (~deep, 0.75)] if layers else [(deep | ~deep, 1.0)]
    weights = np.zeros(len(states))
    for count in range(N_BLOCKS + 1):
        for group, share in groups:
            rows = group & (with_se == count)
            weights[rows] = share * float(comb(N_BLOCKS, count)) / 2.0**N_BLOCKS / max(1, int(np.count_nonzero(rows)))
    return weights


def block_parts(dataset: Dataset, folder: Path, family: str, metric: str, seed: int = 0) -> Iterator[tuple[Part, Part]]:
    """Scores on each of :data:`BLOCKS`: of a fit on all other records, and of the fitted tables.

    Architectures of the block that other blocks have too are left out. The tables are scored on the block's test
    records, which they have not seen but whose neighbours in the block they have. A fit takes half a minute to two
    minutes.

    Args:
        dataset: The published dataset.
        folder: Where the tables are.
        family: A family with tables.
        metric: A metric.
        seed: Of the fits.

    Yields:
        Both parts of a block, as it is done.
    """
    unique, test = dataset.unique(), split_of(dataset)["test"]
    tables = load(artefact_path(folder, family, metric))
    for first, end in zip(BLOCKS, (*BLOCKS[1:], int(dataset.records.max()) + 1), strict=True):
        name = f"{first:,} to {end - 1:,}"
        inside = (unique.records >= first) & (unique.records < end)
        outside = labelled(dataset, metric, unique.records[~inside], for_fit=True)
        states, labels = labelled(dataset, metric, unique.records[inside])
        with threadpool_limits(1):
            target, model = fit_model(Job.configured(family, metric, seed), *outside)
            predictions = target.backward(model.predict(states))
        without = part_of(name, labels, predictions, np.ones(len(labels)))
        states, labels = labelled(dataset, metric, test[(test >= first) & (test < end)])
        yield without, part_of(name, labels, tables.predict(states), np.ones(len(labels)))


def part_of(name: str, labels: FloatArray, predictions: FloatArray, weights: FloatArray) -> Part:
    """Weighted scores with their intervals.

    Args:
        name: What the part is called.
        labels: ``float64`` (n,).
        predictions: ``float64`` (n,).
        weights: ``float64`` (n,), 0 for records that do not belong to it.
    """
    used = weights > 0.0
    labels, predictions, weights = labels[used], predictions[used], weights[used] / weights.sum()
    counts = np.random.default_rng(_SEED).multinomial(len(labels), np.full(len(labels), 1.0 / len(labels)), _RESAMPLES)
    (scores,) = weighted_scores(labels, predictions, weights[None])
    resampled = weighted_scores(labels, predictions, counts * weights)
    low, high = np.quantile(resampled, [(1.0 - _LEVEL) / 2.0, (1.0 + _LEVEL) / 2.0], axis=0)
    error = float(weights @ (labels - predictions))
    return Part(name, len(labels), Scores(*scores.tolist()), Scores(*low.tolist()), Scores(*high.tolist()), error)


def weighted_scores(labels: FloatArray, predictions: FloatArray, weights: FloatArray) -> FloatArray:
    """R², Kendall's tau-b and mean absolute error under many weightings at once.

    A pair of records counts as the product of their weights; a record makes no pair with itself, so a resample in
    which it occurs twice has no tie for that.

    Args:
        labels: ``float64`` (n,).
        predictions: ``float64`` (n,).
        weights: Weights of the records, ``float64`` (r, n).

    Returns:
        ``float64`` (r, 3); equal weights give the scores of :func:`anb_gym.construction.targets.score`. What is all the
        same ranks nothing, so tau is 0, and labels that are all the same have an R² of minus infinity.
    """
    weights = weights / weights.sum(axis=1, keepdims=True)
    orders = [np.sign(values[:, None] - values) for values in (labels, predictions)]

    def over_pairs(matrix: NDArray[np.float64]) -> FloatArray:
        summed: FloatArray = ((weights @ matrix) * weights).sum(axis=1)
        return summed

    untied = [over_pairs(np.abs(order)) for order in orders]
    ranked = np.sqrt(untied[0] * untied[1])
    tau = np.divide(over_pairs(orders[0] * orders[1]), ranked, out=np.zeros(len(weights)), where=ranked > 0.0)
    means = weights @ (labels - labels.mean())
    variance = weights @ np.square(labels - labels.mean()) - np.square(means)
    lost = np.full(len(weights), np.inf)
    r2 = 1.0 - np.divide(weights @ np.square(labels - predictions), variance, out=lost, where=variance > 0.0)
    return np.stack([r2, tau, weights @ np.abs(labels - predictions)], axis=1)
