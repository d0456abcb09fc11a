"""Writes the posteriors of shipped Gaussian processes whose tables were fitted before posteriors were kept.

Fits each again, as its manifest says, and refuses if the tables are not those that ship: up to what L-BFGS
makes of rounding, most where noise has heavy tails. Goes on with what is missing. `anb-gym fit` writes tables and
posterior together.

    python scripts/fit_posteriors.py --metrics accuracy vck190/throughput
"""

from __future__ import annotations

import argparse

import numpy as np

from anb_gym.benchmark import DATASET_METRICS
from anb_gym.construction.dataset import load_dataset
from anb_gym.construction.device_folder import MEASUREMENTS
from anb_gym.construction.families.gp import AdditiveGP
from anb_gym.construction.fitting import Job, fit_model, with_label, without_campaigns
from anb_gym.construction.splits import split_of
from anb_gym.devices import folder_of
from anb_gym.surrogates.posterior import Posterior, load_posterior, posterior_path, save_posterior
from anb_gym.surrogates.store import VERSIONS, ArtefactError, load_shipped, shipped_path, surrogate_name

#: By how much predictions may differ from those of the shipped tables, relative to their deviation.
_TOLERANCE = 1e-3


def main() -> None:
    """Runs the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--metrics", nargs="+", default=[*DATASET_METRICS, "cpu/throughput"])
    parser.add_argument("--version", type=int, default=0, choices=VERSIONS)
    options = parser.parse_args()
    name = surrogate_name("gp", options.version)
    for metric in options.metrics:
        checksum, path = load_shipped(name, metric).checksum, posterior_path(shipped_path(name, metric))
        try:
            load_posterior(path, checksum, ArtefactError)
        except ArtefactError:
            posterior, difference = fit_posterior(name, metric)
            if difference > _TOLERANCE:
                raise SystemExit(f"{metric}: predictions differ by {difference:.2g} of their deviation") from None
            save_posterior(posterior, path, checksum)
            print(f"{metric}: {path}, predictions differ by {difference:.1g} of their deviation", flush=True)


def fit_posterior(name: str, metric: str) -> tuple[Posterior, float]:
    """The posterior of a metric, and by how much its mean differs from the shipped, relative to its deviation."""
    folder, shipped = folder_of(metric), load_shipped(name, metric)
    dataset = load_dataset(folder / MEASUREMENTS if folder else None)
    split = split_of(dataset)
    rows = with_label(dataset, metric, np.concatenate([split["train"], split["val"]]), for_fit=True)
    manifest = shipped.manifest
    job = Job("gp", metric, manifest["seed"], manifest["hyperparameters"], manifest.get("version", 0))
    _, rows = without_campaigns(job, rows)
    target, model = fit_model(job, rows.states, rows.metrics[metric])
    assert isinstance(model, AdditiveGP)
    expected = shipped.mean(rows.states)
    difference = np.abs(target.tables(model.fold())(rows.states) - expected).max() / expected.std()
    return model.posterior(target.scale), float(difference)


if __name__ == "__main__":
    main()
