"""Chooses the probes: few networks whose times tell those of all others on a device nobody has seen.

Generated devices, none of those for training or tests, give the joint distribution of the logarithms of times;
throughput and latency count alike. Taken as normal, it says what remains unknown of a network's time once others were
measured: its conditional variance. Probes are chosen one after the other so that the mean of these variances over
target networks is least, as in active learning after Cohn (1996, https://arxiv.org/abs/cs/9603104); then each is
exchanged for a better one as long as there is one. Targets are random networks and members of the exact fronts of real
devices, half each.

    python scripts/choose_probes.py --probes 10
"""

from __future__ import annotations

import argparse

import numpy as np

from anb_gym import Benchmark
from anb_gym._types import FloatArray
from anb_gym.hardware.costs import STARTS
from anb_gym.hardware.generated import draw, tables
from anb_gym.hardware.prior import load_prior
from anb_gym.metrics import DEVICE_METRICS
from anb_gym.space import SPACE, States

#: Seeds of the devices: neither for training nor for tests.
FIRST_SEED, DEVICES = 3_000_000, 4_000
CANDIDATES, TARGETS = 3_000, 1_000
#: Standard deviation of a measurement, of the logarithm.
NOISE = 0.01


def log_times(states: States, seeds: range) -> FloatArray:
    """Logarithms of seconds, ``float64`` (2 n, m): of throughput on n devices, then of latency."""
    seconds, host, latency = tables(draw(seeds, load_prior()))
    cells = states + STARTS
    of_throughput = np.maximum(seconds[:, cells].sum(axis=2), host[:, None])
    return np.log(np.concatenate([of_throughput, latency[:, cells].sum(axis=2)]))


def remaining(chosen: list[int], covariance: FloatArray, n_candidates: int) -> FloatArray:
    """Conditional covariance of all networks once the chosen candidates were measured."""
    cross = covariance[:, chosen]
    known = covariance[np.ix_(chosen, chosen)] + NOISE**2 * np.eye(len(chosen))
    rest: FloatArray = covariance - cross @ np.linalg.solve(known, cross.T)
    return rest


def best_next(rest: FloatArray, n_candidates: int) -> tuple[int, float]:
    """The candidate after which least remains unknown of the targets, and their mean variance then."""
    variances = np.diag(rest)
    gains = (rest[n_candidates:, :n_candidates] ** 2).mean(axis=0) / (variances[:n_candidates] + NOISE**2)
    best = int(gains.argmax())
    return best, float(variances[n_candidates:].mean() - gains[best])


def main() -> None:
    """Chooses and prints the probes, and how much they leave unknown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--probes", type=int, default=10)
    count = parser.parse_args().probes
    rng = np.random.default_rng(0)
    bench = Benchmark()
    fronts = np.unique(np.concatenate([bench.front(metric).indices for metric in DEVICE_METRICS]))
    of_fronts = rng.choice(fronts, TARGETS // 2, replace=False)
    candidates = rng.integers(SPACE.size, size=CANDIDATES)
    targets = np.concatenate([rng.integers(SPACE.size, size=TARGETS // 2), of_fronts])
    states = SPACE.as_states(np.concatenate([candidates, targets]))
    train = log_times(states, range(FIRST_SEED, FIRST_SEED + DEVICES))
    covariance = np.cov(train, rowvar=False)

    chosen: list[int] = []
    rest = covariance
    for _ in range(count):
        best, _ = best_next(rest, CANDIDATES)
        chosen.append(best)
        rest = remaining(chosen, covariance, CANDIDATES)
        print(f"{len(chosen):3d} probes: {np.sqrt(np.diag(rest)[CANDIDATES:].mean()):.4f}", flush=True)
    changed = True
    while changed:
        changed = False
        for place in range(count):
            others = chosen[:place] + chosen[place + 1 :]
            rest = remaining(others, covariance, CANDIDATES)
            best, unknown = best_next(rest, CANDIDATES)
            before = float(np.diag(remaining(chosen, covariance, CANDIDATES))[CANDIDATES:].mean())
            if unknown < before * (1.0 - 1e-6):
                chosen[place], changed = best, True
        print(f"exchanged: {np.sqrt(np.diag(remaining(chosen, covariance, CANDIDATES))[CANDIDATES:].mean()):.4f}")
    # The order in which they are worth measuring.
    ordered: list[int] = []
    rest = covariance
    while len(ordered) < count:
        variances = np.diag(rest)
        left = [c for c in chosen if c not in ordered]
        gains = [(rest[CANDIDATES:, c] ** 2).mean() / (variances[c] + NOISE**2) for c in left]
        ordered.append(left[int(np.argmax(gains))])
        rest = remaining(ordered, covariance, CANDIDATES)

    test = log_times(states, range(FIRST_SEED + DEVICES, FIRST_SEED + DEVICES + 1_000))
    print("probes", [int(candidates[c]) for c in ordered])
    for name, networks in (("chosen", ordered), ("random", list(range(count)))):
        known = covariance[np.ix_(networks, networks)] + NOISE**2 * np.eye(count)
        weights = np.linalg.solve(known, covariance[networks, CANDIDATES:])
        noisy = test[:, networks] + NOISE * rng.standard_normal((len(test), count))
        predicted = train.mean(axis=0)[CANDIDATES:] + (noisy - train.mean(axis=0)[networks]) @ weights
        errors = np.sqrt(((predicted - test[:, CANDIDATES:]) ** 2).mean(axis=1))
        median, high = np.quantile(errors, [0.5, 0.95])
        print(f"{name}: error of log time on new devices, median {median:.4f}, 95 % {high:.4f}")


if __name__ == "__main__":
    main()
