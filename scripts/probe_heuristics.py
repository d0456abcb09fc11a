"""Plays ``AccelNAS-Probe-v0`` with heuristics on test devices, and writes docs/generalisation/measuring.md.

An episode a device. What was played is kept in a folder, so that an interrupted run goes on.

    python scripts/probe_heuristics.py --devices 100
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import gymnasium
import numpy as np

from anb_gym._files import write_atomically
from anb_gym.generalisation.episodes import COUNTS, Episode, play
from anb_gym.generalisation.heuristics import HEURISTICS
from anb_gym.hardware import TEST_SEEDS
from anb_gym.reports.markdown import code, table

PAGE: Final = Path(__file__).parents[1] / "docs" / "generalisation" / "measuring.md"
ID: Final = "anb_gym:AccelNAS-Probe-v0"

TEXT: Final = """# Measuring as acting: heuristics on `AccelNAS-Probe-v0`

<!-- written by scripts/probe_heuristics.py -->

{devices} episodes, one on each of the first test devices, the same for all heuristics; budget and price as by default.
The last column stops by itself, `bisection` too: when no measurement is expected to gain more than its price, as
`improving` counts it.

{heuristics}

All but `bisection` submit the network with the largest expected reward under the estimate of the device
([estimation.py](../../anb_gym/hardware/estimation.py)): the chance to meet the bound times what it is then worth, less
the expected violation. Without a measurement the network is submitted that is best in the mean of training devices and
bounds.

## Return: the reward of the design less the price of the measurements, means with their standard errors

{total}

## Reward of the design alone

{reward}

## Bounds that are missed

{missed}

## Points of accuracy lost where the bound is met

{regret}

## Measurements made

{measurements}
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Plays, and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=100, help="how many")
    parser.add_argument("--first-seed", type=int, default=TEST_SEEDS[0], help="of the devices; the test devices'")
    parser.add_argument("--work", type=Path, default=Path("runs/probe_heuristics"))
    parser.add_argument("--out", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    seeds = range(options.first_seed, options.first_seed + options.devices)
    played = [[of[name] for name in HEURISTICS] for of in (_episodes(seed, options.work) for seed in seeds)]
    write_atomically(options.out, page(np.array(played, dtype=object)).encode())
    print(options.out)


def _episodes(seed: int, folder: Path) -> dict[str, list[Episode]]:
    """The episodes of all heuristics on a device."""
    path = folder / f"{seed}.json"
    if not path.exists():
        env = gymnasium.make(ID)
        found = {
            name: [asdict(episode) for episode in play(env, heuristic, seed=seed, options={"device": seed})]
            for name, heuristic in HEURISTICS.items()
        }
        write_atomically(path, json.dumps(found).encode())
        print(path, flush=True)
    return {name: [Episode(**one) for one in episodes] for name, episodes in json.loads(path.read_text()).items()}


def page(episodes: np.ndarray) -> str:
    """The page, from episodes ``object`` (devices, heuristics, counts)."""

    def values(what: str) -> np.ndarray:
        return np.array([getattr(episode, what) for episode in episodes.ravel()], dtype=float).reshape(episodes.shape)

    def shown(means: np.ndarray, digits: int = 3, errors: np.ndarray | None = None) -> str:
        rows = []
        for number, name in enumerate(HEURISTICS):
            cells = [f"{mean:.{digits}f}" for mean in means[number]]
            if errors is not None:
                cells = [f"{cell} ± {error:.{digits}f}" for cell, error in zip(cells, errors[number], strict=True)]
            rows.append([code(name), *cells])
        head = ["measurements", *(str(count) if count >= 0 else "it decides" for count in COUNTS)]
        return "\n".join(table(head, rows))

    total, met = values("total"), values("cost") == 0.0
    lost = np.where(met, values("regret"), 0.0).sum(axis=0) / np.maximum(1, met.sum(axis=0))
    return TEXT.format(
        devices=len(episodes),
        heuristics="\n".join(f"- {code(name)}: {heuristic.about}." for name, heuristic in HEURISTICS.items()),
        total=shown(total.mean(axis=0), errors=total.std(axis=0, ddof=1) / np.sqrt(len(total))),
        reward=shown(values("reward").mean(axis=0)),
        missed=shown(1.0 - met.mean(axis=0)),
        regret=shown(lost, 2),
        measurements=shown(values("measurements").mean(axis=0), 1),
    )


if __name__ == "__main__":
    main()
