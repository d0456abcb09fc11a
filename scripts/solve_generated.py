"""Makes the exact fronts of the generated devices for tests, with what a local search would have found beside them.

A device takes a second of one core. The file is written after every device, and a run that was stopped goes
on there::

    python scripts/solve_generated.py --kind throughput --out runs/generated

``--install`` writes what is complete to where it ships. Needs the extras ``exact`` and ``pareto``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from tqdm import tqdm

from anb_gym._files import write_atomically
from anb_gym.hardware.generated import TEST_SEEDS
from anb_gym.metrics import GENERATED
from anb_gym.problems.generated_fronts import FOLDER, write_fronts
from anb_gym.problems.target_devices import TargetDevice
from anb_gym.space import SPACE
from anb_gym.surrogates.store import FAMILIES


def main() -> None:
    """Solves, and prints how far local search falls short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=tuple(GENERATED), default="throughput")
    parser.add_argument("--out", type=Path, required=True, help="the folder that keeps the fronts")
    parser.add_argument("--install", action="store_true", help="also write the file that ships")
    options = parser.parse_args()
    path = options.out / f"{options.kind}.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for seed in tqdm(TEST_SEEDS, unit=" devices"):
        if str(seed) in found:
            continue
        device = TargetDevice(seed, options.kind, None, FAMILIES[0])
        local = device.climbed()
        exact = device.solve()
        front = device.front_of(SPACE.index_to_states(exact.indices))
        volumes = [device.hypervolume(f) for f in (local, front)]
        found[str(seed)] = {
            "indices": exact.indices.tolist(),
            "nodes": exact.certificate.nodes,
            "hypervolume": volumes[1],
            "of_local_search": volumes[0] / volumes[1],
            "product": float(device.product(front.accuracy, front.performance).max()),
            "product_of_local_search": float(device.product(local.accuracy, local.performance).max()),
        }
        options.out.mkdir(parents=True, exist_ok=True)
        write_atomically(path, (json.dumps(found) + "\n").encode())
    shares = np.array([record["of_local_search"] for record in found.values()])
    lost = np.array([1.0 - record["product_of_local_search"] / record["product"] for record in found.values()])
    print(
        f"{len(found)} devices; local search has {shares.min():.6f} of the hypervolume at least, {shares.mean():.6f} "
        f"on average, and misses the best product by {lost.max():.2e} of it at most"
    )
    if options.install:
        fronts = {int(seed): np.array(record["indices"], dtype=np.int64) for seed, record in found.items()}
        hypervolumes = {seed: record["hypervolume"] for seed, record in found.items()}
        notes = {
            "kind": options.kind,
            "nodes": sum(record["nodes"] for record in found.values()),
            "hypervolume": hypervolumes,
        }
        write_fronts(FOLDER / f"{options.kind}.npz", fronts, FAMILIES[0], notes)


if __name__ == "__main__":
    main()
