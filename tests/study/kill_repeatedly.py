"""Starts a study five times and kills it each time: ``python kill_repeatedly.py STUDY.yaml FOLDER``.

A script, because it forks: the process that does so has read the surrogates once for all, and has no threads.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from anb_gym.problems.cost import gpu_hours
from anb_gym.study.runner import run_study
from anb_gym.study.study_file import load_study


def main(file: str, folder: Path) -> None:
    study = load_study(file, {})
    gpu_hours(np.zeros((1, 7), dtype=np.int64))  # reads the last of the surrogates
    rng = np.random.default_rng(0)
    present: dict[Path, bytes] = {}
    for _ in range(5):
        child = os.fork()
        if not child:
            run_study(study, folder, workers=1)
            os._exit(0)
        # Some are killed at once, some after one more run, all a little later than that.
        goal = len(present) + rng.integers(2)
        while len(runs(folder)) < goal and os.waitpid(child, os.WNOHANG) == (0, 0):
            time.sleep(0.002)
        time.sleep(rng.random() * 0.2)
        try:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        except (ProcessLookupError, ChildProcessError):
            pass  # it had come to its end
        now = runs(folder)
        assert {path: now[path] for path in present} == present, "a finished run was lost or repeated"
        present = now
    assert present, "no run was ever finished"


def runs(folder: Path) -> dict[Path, bytes]:
    """The finished runs."""
    return {path: path.read_bytes() for path in folder.glob("runs/*/*/*.parquet")}


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
