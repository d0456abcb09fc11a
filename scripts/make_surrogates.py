"""Makes every table that ships from the raw data, into a folder, and compares it with what ships.

Version 0 of all families, the metrics of the reference scheme upon them, then version 1, which corrects version 0's.
It goes on where it stopped. The bits of tables depend on kernels of BLAS, so predictions and held-out scores are
compared, see docs/surrogates.md::

    python scripts/make_surrogates.py --out runs/made --workers 2
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from anb_gym import SPACE
from anb_gym.cli import main as anb_gym
from anb_gym.surrogates.store import ARTEFACTS, FAMILIES, load

#: Architectures whose predictions are compared.
SAMPLE = 2_000


def main() -> None:
    """Reads the command line, fits, and prints a line for every file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/made"), help="where they go")
    parser.add_argument("--workers", type=int, default=1, help="processes, one thread each")
    parser.add_argument("--compare", action="store_true", help="fit nothing, compare what is there")
    options = parser.parse_args()
    common = ["--out", str(options.out), "--workers", str(options.workers)]
    for arguments in (["fit", *common], ["fit", "--version", "1", "--families", *FAMILIES, *common]):
        begin = time.perf_counter()
        if not options.compare and anb_gym(arguments):
            raise SystemExit(1)
        print(f"{time.perf_counter() - begin:,.0f} s: anb-gym {' '.join(arguments)}", flush=True)
    missing = 0
    for shipped in sorted(ARTEFACTS.glob("*/*.json")):
        name = shipped.relative_to(ARTEFACTS)
        made = options.out / name
        if made.exists():
            print(f"{name.with_suffix('')}: {_difference(made, shipped)}", flush=True)
        missing += not made.exists()
    print(f"{missing} not made")


def _difference(made: Path, shipped: Path) -> str:
    """How far scores are apart, and predictions where there are tables of its own."""
    own, theirs = (json.loads(path.read_text(encoding="utf-8"))["test"] for path in (made, shipped))
    scores = max(abs(own[score] - theirs[score]) for score in ("r2", "tau"))
    text = f"R² and τ differ by at most {scores:.1g}"
    if not made.with_suffix(".npz").exists():
        return text
    states = SPACE.to_states(SPACE.sample(SAMPLE, np.random.default_rng(0)))
    a, b = (load(path.with_suffix(".npz")).predict(states) for path in (made, shipped))
    return f"{text}, predictions by {np.max(np.abs(a - b) / np.abs(b)):.1g} of the value"


if __name__ == "__main__":
    main()
