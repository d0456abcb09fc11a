"""Starts A and B, and A twice, at one moment in one folder: ``python start_at_once.py FOLDER A.yaml B.yaml``.

A script, because it forks: the process that does so has read the surrogates once for all, and has no threads.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from anb_gym.problems.cost import gpu_hours
from anb_gym.study.runner import run_study
from anb_gym.study.study_file import load_study


def main(folder: Path, one: str, two: str) -> None:
    first, second = load_study(one, {}), load_study(two, {})
    gpu_hours(np.zeros((1, 7), dtype=np.int64))  # reads the last of the surrogates
    for number, other in enumerate([first, second] * 3):
        ready, go = os.pipe()
        children = []
        for study in (first, other):
            child = os.fork()
            if not child:
                os.close(go)
                os.read(ready, 1)  # until the parent closes its end
                try:
                    run_study(study, folder / str(number), workers=1)
                except BaseException as error:
                    print(repr(error), flush=True)
                    known = "holds another study" in str(error) or "another process works" in str(error)
                    os._exit(3 if known else 4)
                os._exit(0)
            children.append(child)
        os.close(go)
        os.close(ready)
        ends = sorted(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)
        assert ends == [0, 3] or (ends == [0, 0] and other is first), ends


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
