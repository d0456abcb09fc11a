"""Prints how long an import takes, and the command line's help.

``import anb_gym`` beyond gymnasium and numpy, as ``python -X importtime`` reports it; the processor time of
``anb-gym --help`` as a multiple of what ``import gymnasium`` takes in the same run.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from statistics import median

STATEMENTS = "import gymnasium, numpy; import anb_gym"
PEER = "import gymnasium"


def main() -> None:
    """Reads the command line, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="fresh processes; the median counts")
    arguments = parser.parse_args()
    print(f"import anb_gym: {median(import_seconds() for _ in range(arguments.rounds)):.3f} s")
    pairs = [(child_seconds("-m", "anb_gym", "--help"), child_seconds("-c", PEER)) for _ in range(arguments.rounds)]
    seconds, peer = map(min, zip(*pairs, strict=True))
    print(f"anb-gym --help: {seconds:.3f} s, {seconds / peer:.2f} times {PEER!r}")


def import_seconds() -> float:
    """Cumulative seconds of one import in a fresh process that has gymnasium and numpy already."""
    command = [sys.executable, "-X", "importtime", "-c", STATEMENTS]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    # import time: self [us] | cumulative | imported package
    (cumulative,) = (line.split("|")[1] for line in report.splitlines() if line.split("|")[-1].strip() == "anb_gym")
    return int(cumulative) / 1e6


def child_seconds(*arguments: str) -> float:
    """Processor seconds of one Python with these arguments."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
