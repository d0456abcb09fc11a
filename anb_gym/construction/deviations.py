"""Calibrated deviations: how far labels that a surrogate has not seen lie from its predictions.

A family's own deviation is too small: it leaves out what the model cannot express. And its size need not follow that of
errors: on VCK190 those of the fastest networks are four times those of the slowest, while the Gaussian process is most
certain of the fastest. So it is corrected by what residuals of the fitted records show, in folds, each predicted from
the others. In the unit of the table sum,

    deviation of the mean         d = exp(constant + one term per option of a choice) * (the family's own)^power
    deviation of a measurement    sqrt(d^2 + n^2)

where n is what one label adds. The logarithm of d is a sum of tables as that of the family's own was. Residuals have
heavy tails, so d and the tails are learned together, by Student's t distribution of that deviation. Intervals need no
distribution: at each level they are the multiple of a deviation that holds so many of the residuals (split conformal
prediction: Lei et al. 2018, https://arxiv.org/abs/1604.04173).

Test records have no part in this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import minimize
from scipy.special import beta, digamma

from anb_gym._types import FloatArray
from anb_gym.construction.dataset import Dataset
from anb_gym.devices import device_of
from anb_gym.noise import ACCURACY_STD
from anb_gym.space import States
from anb_gym.surrogates.deviations import Correction, options_above_first
from anb_gym.surrogates.intervals import Intervals
from anb_gym.surrogates.store import Surrogate

#: Levels whose multipliers are kept; between them they are interpolated.
LEVELS: Final = np.array([*np.arange(5, 100, 5) / 100, 0.975, 0.99, 0.995])
#: Levels whose coverage is reported.
REPORTED: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
#: Folds in which records are predicted from the others, and of the check of coverage.
FOLDS: Final = 10
#: Fewest degrees of freedom: of two or less Student's t has no standard deviation.
_FEWEST_DEGREES: Final = 3.0
#: Prior deviation of the coefficients of a correction. Of 0.01 to 1 this had the best likelihood in five-fold
#: cross-validation on accuracy and four devices, 0.1 to 0.3 the same within a thousandth per record.
_PRIOR: Final = 0.2
#: Groups of records by prediction whose median noise is kept, and the fewest records of a group.
_GROUPS: Final = (8, 50)


def fit_correction(states: States, log_std: FloatArray, residuals: FloatArray, noise: FloatArray) -> Correction:
    """The most probable correction, given residuals of records that were held out.

    Residuals follow Student's t distribution with the standard deviation of a measurement. The coefficients are normal
    around a deviation in proportion to the family's own, with deviation :data:`_PRIOR`, the constant apart.

    Args:
        states: Block states, ``int64`` (n, 7).
        log_std: Logarithm of the family's own deviation, ``float64`` (n,).
        residuals: ``float64`` (n,), in the unit of the table sum as everything here.
        noise: Deviation that each label adds, ``float64`` (n,).

    Raises:
        ValueError: All residuals are 0.
    """
    unit, centre = float(np.sqrt(np.mean(residuals**2))), float(log_std.mean())
    if unit == 0.0:
        raise ValueError("residuals must not all be 0")
    features = np.column_stack([np.ones(len(states)), log_std - centre, options_above_first(states)])
    precision = np.full(features.shape[1], _PRIOR**-2)
    precision[0] = 0.0
    own, squares, noise_variance = log_std - centre, (residuals / unit) ** 2, (noise / unit) ** 2

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        """Negative log posterior density, and its gradient; the last parameter is the logarithm of the degrees."""
        coefficients, degrees = parameters[:-1], _FEWEST_DEGREES + np.exp(parameters[-1])
        model_variance = np.exp(2.0 * (own + features @ coefficients))
        variance = model_variance + noise_variance
        ratio = squares / ((degrees - 2.0) * variance)
        value = -student_log_density(np.sqrt(squares), np.sqrt(variance), degrees).sum()
        by_log_deviation = (1.0 - (degrees + 1.0) * ratio / (1.0 + ratio)) * model_variance / variance
        by_degrees = 0.5 * (
            digamma(degrees / 2.0) - digamma((degrees + 1.0) / 2.0) + 1.0 / (degrees - 2.0) + np.log1p(ratio)
        ) - 0.5 * (degrees + 1.0) / (degrees - 2.0) * ratio / (1.0 + ratio)
        gradient = np.append(
            features.T @ by_log_deviation + precision * coefficients,
            by_degrees.sum() * (degrees - _FEWEST_DEGREES),
        )
        return float(value + 0.5 * precision @ coefficients**2), gradient

    start = np.zeros(features.shape[1] + 1)
    start[0] = -0.5 * np.log(np.mean(np.exp(2.0 * own)))
    bounds = [(None, None)] * features.shape[1] + [(-8.0, 5.0)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 1000}).x
    return Correction(
        constant=float(np.log(unit) + found[0] - (1.0 + found[1]) * centre),
        options=found[2:-1],
        power=float(1.0 + found[1]),
        degrees=float(_FEWEST_DEGREES + np.exp(found[-1])),
    )


def calibrate(
    surrogate: Surrogate, rows: Dataset, metric: str, residuals: FloatArray, seed: int
) -> tuple[Correction, dict[str, Any]]:
    """Corrects a surrogate's deviation.

    Args:
        surrogate: As fitted, with the family's own deviation.
        rows: The fitted records, all with a label.
        metric: The metric.
        residuals: Of their labels, held out, ``float64`` (n,), in the unit of the table sum.
        seed: Of the folds in which coverage is checked.

    Returns:
        The correction, and what the section ``std`` of the manifest gets:
        ``factor``, the corrected root mean square at the records over the family's own; ``power`` and ``degrees`` of
        the correction; ``noise`` and ``quantiles`` (:class:`Intervals`); and ``cross_validated``, the coverage.
    """
    link, own = surrogate.link, surrogate.log_std(rows.states)
    mean = link.inverse(rows.metrics[metric]) - residuals
    noise = label_noise(rows, metric, link.value(mean)) / np.abs(link.slope(mean))
    correction = fit_correction(rows.states, own, residuals, noise)
    std = np.exp(correction(surrogate.log_std)(rows.states))
    section = {
        "factor": float(np.sqrt(np.mean(std**2) / np.mean(np.exp(2.0 * own)))),
        "power": correction.power,
        "degrees": correction.degrees,
        **intervals(mean, std, residuals, noise).to_dict(),
        "cross_validated": cross_validated_coverage(rows.states, mean, own, residuals, noise, seed),
    }
    return correction, section


def held_out_scores(surrogate: Surrogate, states: States, labels: FloatArray) -> dict[str, Any]:
    """How well a calibrated surrogate says what records will show that it was not fitted on.

    Returns:
        ``coverage`` at the levels :data:`REPORTED`; and of Student's t distribution around the prediction with the
        deviation of a measurement, in the metric's unit, means of ``crps``, the continuous ranked probability score,
        and ``nll``, the negative logarithm of the density.
    """
    predictions, std = surrogate.predict(states), surrogate.std(states, "measurement")
    degrees = float(surrogate.manifest["std"]["degrees"])
    ends = [surrogate.interval(states, level) for level in REPORTED]
    inside = [np.mean((labels >= low) & (labels <= high)) for low, high in (end.T for end in ends)]
    return {
        "coverage": {f"{level:g}": float(share) for level, share in zip(REPORTED, inside, strict=True)},
        "crps": float(student_crps(labels - predictions, std, degrees).mean()),
        "nll": float(-student_log_density(labels - predictions, std, degrees).mean()),
    }


def label_noise(rows: Dataset, metric: str, predictions: FloatArray) -> FloatArray:
    """Standard deviation of each label around the mean of many such labels, ``float64`` (n,), in the metric's unit.

    Accuracy varies with the training's seed (:mod:`anb_gym.noise`). A label of a device is a mean of repeats, and has
    the standard error of its own; where its repeats say nothing, the median of the others, relatively. All other
    metrics were measured once, and have 0: what their labels add is taken for the model's error.

    Args:
        rows: The records, all with a label.
        metric: The metric.
        predictions: Of the metric, ``float64`` (n,).
    """
    if metric == "accuracy":
        return np.interp(predictions, *ACCURACY_STD)
    relative = standard_error(rows, metric)
    known = np.isfinite(relative)
    if not known.any():
        return np.zeros(len(predictions))
    return predictions * np.where(known, relative, np.median(relative[known]))


def standard_error(rows: Dataset, metric: str) -> FloatArray:
    """Standard error of each label, relative to the label, ``float64`` (n,): NaN where it was measured once.

    The repeats are counted where a dataset has them, and are those of the device's protocol where it has their
    deviation only.
    """
    if metric in rows.repeats:
        counts = np.isfinite(rows.repeats[metric]).sum(axis=1).astype(np.float64)
    else:
        device = device_of(metric)
        protocol = device.description.get("protocol", [{}]) if device else [{}]
        counts = np.full(len(rows), float(protocol[0].get("repeats", np.nan)))
    std = rows.std.get(metric, np.full(len(rows), np.nan))
    error: FloatArray = std / np.sqrt(counts) / rows.metrics[metric]
    return error


def folds(count: int, seed: int) -> Iterator[NDArray[np.bool_]]:
    """Which of ``count`` records each of :data:`FOLDS` random folds holds out, ``bool`` (count,)."""
    fold = np.random.default_rng(seed).permutation(count) % FOLDS
    return (fold == number for number in range(min(FOLDS, count)))


def cross_validated(
    fit: Callable[[States, FloatArray], Callable[[States], FloatArray]], states: States, labels: FloatArray, seed: int
) -> FloatArray:
    """Predictions of records from the other folds, ``float64`` (n,).

    Args:
        fit: Fits states (n, 7) and labels (n,), and returns what predicts.
        states: Block states, ``int64`` (n, 7).
        labels: ``float64`` (n,).
        seed: Of the folds.
    """
    predictions = np.empty(len(labels))
    for held_out in folds(len(labels), seed):
        predictions[held_out] = fit(states[~held_out], labels[~held_out])(states[held_out])
    return predictions


def intervals(mean: FloatArray, std: FloatArray, residuals: FloatArray, noise: FloatArray) -> Intervals:
    """Noise by prediction, and multipliers of the deviation of a measurement.

    Args:
        mean: Predictions, ``float64`` (n,), in the unit of the table sum as everything here.
        std: Corrected deviations of the mean, ``float64`` (n,).
        residuals: Of records that were held out, ``float64`` (n,).
        noise: Deviation that each label adds, ``float64`` (n,).
    """
    most, fewest = _GROUPS
    groups = np.array_split(np.argsort(mean, kind="stable"), int(np.clip(len(mean) // fewest, 1, most)))
    at, typical = np.array([[np.median(mean[group]), np.median(noise[group])] for group in groups]).T
    plain = Intervals(at, typical, LEVELS, np.ones(len(LEVELS)))
    ratio = np.abs(residuals) / plain.deviation(mean, std, "measurement")
    return Intervals(at, typical, LEVELS, np.quantile(ratio, LEVELS))


def coverage(found: Intervals, mean: FloatArray, std: FloatArray, residuals: FloatArray) -> dict[str, float]:
    """Shares of residuals within the intervals of a measurement at the levels :data:`REPORTED`."""
    ratio = np.abs(residuals) / found.deviation(mean, std, "measurement")
    return {f"{level:g}": float(np.mean(ratio <= found.multiplier(level))) for level in REPORTED}


def cross_validated_coverage(
    states: States, mean: FloatArray, log_std: FloatArray, residuals: FloatArray, noise: FloatArray, seed: int
) -> dict[str, float]:
    """Shares of each fold's residuals within intervals whose calibration saw the other folds alone.

    Args:
        states: Block states, ``int64`` (n, 7).
        mean: As of :func:`intervals`.
        log_std: As of :func:`fit_correction`.
        residuals: As of :func:`intervals`.
        noise: As of :func:`intervals`.
        seed: Of the folds.
    """
    shares = dict.fromkeys((f"{level:g}" for level in REPORTED), 0.0)
    for held_out in folds(len(mean), seed):
        rest = ~held_out
        correct = fit_correction(states[rest], log_std[rest], residuals[rest], noise[rest])
        std = np.exp(correct.constant + correct.power * log_std + options_above_first(states) @ correct.options)
        found = intervals(mean[rest], std[rest], residuals[rest], noise[rest])
        for level, share in coverage(found, mean[held_out], std[held_out], residuals[held_out]).items():
            shares[level] += share * float(np.mean(held_out))
    return shares


def student_log_density(residuals: FloatArray, std: FloatArray, degrees: float) -> FloatArray:
    """Logarithm of the density at residuals of Student's t distribution with standard deviations, ``float64`` (n,)."""
    scale = std * np.sqrt((degrees - 2.0) / degrees)
    density: FloatArray = stats.t.logpdf(residuals / scale, degrees) - np.log(scale)
    return density


def student_crps(residuals: FloatArray, std: FloatArray, degrees: float) -> FloatArray:
    """Continuous ranked probability score of the same distribution, ``float64`` (n,): the smaller the better.

    The unit is that of the residuals; of a distribution without width it is the absolute error. Closed form of Jordan,
    Krueger and Lerch 2019, https://doi.org/10.18637/jss.v090.i12, appendix A.
    """
    scale = std * np.sqrt((degrees - 2.0) / degrees)
    z = residuals / scale
    spread = 2.0 * np.sqrt(degrees) / (degrees - 1.0) * beta(0.5, degrees - 0.5) / beta(0.5, degrees / 2.0) ** 2
    inner = z * (2.0 * stats.t.cdf(z, degrees) - 1.0)
    score: FloatArray = scale * (inner + 2.0 * stats.t.pdf(z, degrees) * (degrees + z**2) / (degrees - 1.0) - spread)
    return score
