"""Prints how long ``import anb_gym`` takes beyond gymnasium and numpy, as ``python -X importtime`` reports it."""

from __future__ import annotations

import argparse
import subprocess
import sys
from statistics import median

STATEMENTS = "import gymnasium, numpy; import anb_gym"


def main() -> None:
    """Reads the command line, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="fresh processes; the median counts")
    arguments = parser.parse_args()
    print(f"import anb_gym: {median(import_seconds() for _ in range(arguments.rounds)):.3f} s")


def import_seconds() -> float:
    """Cumulative seconds of one import in a fresh process that has gymnasium and numpy already."""
    command = [sys.executable, "-X", "importtime", "-c", STATEMENTS]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    # import time: self [us] | cumulative | imported package
    (cumulative,) = (line.split("|")[1] for line in report.splitlines() if line.split("|")[-1].strip() == "anb_gym")
    return int(cumulative) / 1e6


if __name__ == "__main__":
    main()
