"""Fits families on the train records alone, as the paper did, and scores them on validation and on test records.

The scores on validation records say which family to take before any test record is seen; those on test records, beside
the paper's, what the 512 validation records add where fits that ship use them too. The file is written after every fit,
and a run that was stopped goes on there::

    python scripts/train_alone.py --data $ANB_GYM_DATASET --out runs/train_alone.json

Needs the extra ``fit``; the Gaussian process takes half a minute a metric, trees a minute or two.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from anb_gym._files import write_atomically
from anb_gym.benchmark import DATASET_METRICS
from anb_gym.construction.dataset import load_dataset
from anb_gym.construction.fitting import Job, fit_model, labelled
from anb_gym.construction.splits import split_of
from anb_gym.construction.targets import score
from anb_gym.reports.markdown import table
from anb_gym.surrogates.store import ARTEFACTS, FAMILIES, artefact_path, read_manifest

SEED = 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line, fits, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the dataset; by default $ANB_GYM_DATASET, else downloaded")
    parser.add_argument("--out", type=Path, required=True, help="the file of scores, JSON")
    options = parser.parse_args(arguments)
    dataset = load_dataset(options.data)
    split = split_of(dataset)
    found: dict[str, Any] = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {}
    if found.setdefault("dataset", dataset.sha256) != dataset.sha256:
        raise ValueError(f"{options.out} is of another dataset: name another --out")
    scores = found.setdefault("scores", {})
    for metric in DATASET_METRICS:
        for family in FAMILIES:
            if f"{family} {metric}" in scores:
                continue
            with threadpool_limits(1):
                fitted = labelled(dataset, metric, split["train"], for_fit=True)
                target, model = fit_model(Job.configured(family, metric, SEED), *fitted)
                both = {}
                for part in ("val", "test"):
                    states, labels = labelled(dataset, metric, split[part])
                    both[part] = score(labels, target.backward(model.predict(states)))._asdict()
            scores[f"{family} {metric}"] = both
            options.out.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(options.out, (json.dumps(found, indent=1) + "\n").encode())
    rows = []
    for metric in DATASET_METRICS:
        for family in FAMILIES:
            val, test = scores[f"{family} {metric}"]["val"], scores[f"{family} {metric}"]["test"]
            ships = read_manifest(artefact_path(ARTEFACTS, family, metric))["test"]
            cells = [f"{s['tau']:.4f}, {s['r2']:.4f}" for s in (val, test, ships)]
            rows.append([metric, f"`{family}`", *cells])
    heads = ["metric", "family", "validation: τ, R²", "test: τ, R²", "ships, test: τ, R²"]
    print("\n".join(table(heads, rows)))


if __name__ == "__main__":
    main()
