"""What is known without the campaign: surrogates of the TPUs before and after campaigns are taken off.

Prints the tables of ``docs/surrogates.md``:

1. One campaign held out: Gaussian processes are fitted to the records of the other two, once with the labels as they
   are and once with campaigns taken off. Half of the third campaign's records tell its host's times and offsets (for
   either surrogate), the other half is scored: Kendall's tau within the campaign, and over all pairs of one of its
   records and one test record of the other campaigns.
2. Test records: Kendall's tau over pairs from different campaigns, as the shipped tables of version 0 predict them
   and those of version 1 with campaigns known.
3. Architectures that were measured twice.

Needs the dataset; some ten minutes on one core.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from anb_gym.construction.campaigns import AFFECTED, STARTS, Campaigns, knot_weights, remove_campaigns
from anb_gym.construction.dataset import default_split, load_dataset
from anb_gym.construction.families.gp import AdditiveGP
from anb_gym.construction.targets import score
from anb_gym.reports.markdown import table
from anb_gym.surrogates.store import ARTEFACTS, artefact_path, load


def fitted(states, seconds):
    """Predictions of seconds per image by a Gaussian process of two-block interactions."""
    centre, scale = seconds.mean(), seconds.std()
    gp = AdditiveGP(order=2, subset=1000, iterations=40, degrees=20.0, rounds=1)
    gp.fit(states, (seconds - centre) / scale, 0)
    return lambda new: gp.predict(new) * scale + centre


def host_of(predict, dataset, every, rows, campaign, limited):
    """The campaign's times and offsets that bring predictions of some of its rows closest to their labels."""
    free, seconds = predict(dataset.states[rows]), every[rows]
    start, stop = STARTS[campaign : campaign + 2]
    weights = knot_weights(dataset.records[rows], (start, stop))
    knots = weights.shape[1]

    def shown(theta, free, weights):
        limit = weights @ theta[knots:] if limited else 0.0
        return np.maximum(free, limit) + weights @ theta[:knots]

    first = np.concatenate([np.zeros(knots), np.full(knots, np.quantile(seconds, 0.1))])
    found = least_squares(
        lambda t: (shown(t, free, weights) / seconds - 1.0) / 0.012, first, loss="soft_l1", x_scale=1e-5
    )
    return lambda free, records: shown(found.x, free, knot_weights(records, (start, stop)))


def pairs_tau(labels_a, predicted_a, labels_b, predicted_b):
    """Kendall's tau over pairs of one of a and one of b, and their number."""
    agreement = np.sign(labels_a[:, None] - labels_b) * np.sign(predicted_a[:, None] - predicted_b)
    return float(agreement.mean()), agreement.size


def without(campaign, records):
    """Starts of the other campaigns and numbers of their records, with nothing between them."""
    size = STARTS[campaign + 1] - STARTS[campaign]
    starts = (*STARTS[: campaign + 1], *(start - size for start in STARTS[campaign + 2 :]))
    return starts, np.where(records >= STARTS[campaign + 1], records - size, records)


def held_out_campaigns(dataset, metric, campaigns=(0, 1, 2)):
    """Prints the first table."""
    limited = AFFECTED[metric]
    labels = dataset.metrics[metric]
    known = np.isfinite(labels)
    campaign = np.searchsorted(STARTS, dataset.records, side="right") - 1
    split = default_split()
    for_fit = np.isin(dataset.records, np.concatenate([split["train"], split["val"]]))
    test = np.isin(dataset.records, split["test"])
    print(f"\n{metric}: one campaign held out\n")
    rows = []
    for c in campaigns:
        others = known & for_fit & (campaign != c)
        judged = known & (campaign == c) & (dataset.records % 2 == 1)
        hosts = known & (campaign == c) & (dataset.records % 2 == 0)
        elsewhere = known & test & (campaign != c)
        starts, numbers = without(c, dataset.records)
        seconds = 1.0 / labels
        removed, free = remove_campaigns(seconds[others], dataset.states[others], numbers[others], limited, 0, starts)
        for name, target in (("as they are", seconds[others]), ("without campaigns", free)):
            predict = fitted(dataset.states[others], target)
            new, old = predict(dataset.states[judged]), predict(dataset.states[elsewhere])
            host = host_of(predict, dataset, seconds, hosts, c, limited)
            shown = host(new, dataset.records[judged])
            within = score(labels[judged], 1.0 / shown)
            if name == "without campaigns":
                old = removed.measured(old, numbers[elsewhere])
            else:
                for other in {0, 1, 2} - {c}:
                    there, fit = campaign[elsewhere] == other, others & (campaign == other)
                    host = host_of(predict, dataset, seconds, fit, other, limited)
                    old[there] = host(old[there], dataset.records[elsewhere][there])
            across, _ = pairs_tau(labels[judged], 1.0 / shown, labels[elsewhere], 1.0 / old)
            numbers_of = f"{STARTS[c]}–{STARTS[c + 1] - 1}"
            rows.append([numbers_of, name, f"{within.tau:.4f}", f"{within.r2:.4f}", f"{across:.4f}"])
    print("\n".join(table(["records held out", "labels", "τ within", "R² within", "τ across"], rows)))


def held_out_records(dataset, metric, folder):
    """Prints the second table."""
    rows = dataset.select(default_split()["test"])
    rows = rows.select(rows.records[np.isfinite(rows.metrics[metric])])
    labels, campaign = rows.metrics[metric], np.searchsorted(STARTS, rows.records, side="right") - 1
    print(f"\n{metric}: test records\n")
    head = ["surrogate", "R²", "τ", "τ, pairs from different campaigns", "bias of records 3,722–4,079"]
    lines = []
    early = (rows.records >= STARTS[2]) & (rows.records < 4080)
    for surrogate in ("gp", "gp-v1", "xgb", "xgb-v1", "lgb", "lgb-v1"):
        found = load(artefact_path(folder if "-v" in surrogate else ARTEFACTS, surrogate, metric))
        predicted = found.predict(rows.states)
        if "-v" in surrogate:
            campaigns = Campaigns.from_dict(found.manifest["campaigns"])
            predicted = 1.0 / campaigns.measured(1.0 / predicted, rows.records)
        parts = [(labels[campaign == c], predicted[campaign == c]) for c in range(3)]
        taus = [pairs_tau(*parts[a], *parts[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
        across = sum(tau * count for tau, count in taus) / sum(count for _, count in taus)
        scores, bias = score(labels, predicted), np.mean(predicted[early] / labels[early] - 1.0)
        lines.append([surrogate, f"{scores.r2:.4f}", f"{scores.tau:.4f}", f"{across:.4f}", f"{bias:+.1%}"])
    print("\n".join(table(head, lines)))


def twice(dataset, metric, folder):
    """Prints what the third says."""
    labels = dataset.metrics[metric]
    found = load(artefact_path(folder, "gp-v1", metric))
    campaigns = Campaigns.from_dict(found.manifest["campaigns"])
    _, position, count = np.unique(dataset.index, return_inverse=True, return_counts=True)
    pairs = [np.flatnonzero(position == k) for k in np.flatnonzero(count == 2)]
    first, second = np.array([pair for pair in pairs if np.isfinite(labels[pair]).all()]).T
    change = 1.0 / labels[second] - 1.0 / labels[first]
    free = 1.0 / found.predict(dataset.states[first])
    expected = campaigns.measured(free, dataset.records[second]) - campaigns.measured(free, dataset.records[first])
    left = np.square(change - expected).sum() / np.square(change).sum()
    print(
        f"\n{metric}: {len(first)} architectures measured twice in the first campaign; mean change "
        f"{1e6 * change.mean():.1f} µs per image, expected {1e6 * expected.mean():.1f}; "
        f"{1 - left:.0%} of the mean square change explained"
    )


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ARTEFACTS
    dataset = load_dataset()
    for metric in AFFECTED:
        twice(dataset, metric, folder)
        held_out_records(dataset, metric, folder)
        held_out_campaigns(dataset, metric)
