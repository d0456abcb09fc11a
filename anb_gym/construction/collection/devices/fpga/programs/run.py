"""Times a compiled network on the DPU with Vitis AI's runtime, VART; runs on the board.

Usage: run.py MODEL.xmodel THREADS SECONDS. Prints a JSON object of ``images``, ``seconds``, ``batch`` and ``threads``.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from importlib import import_module

import numpy as np


def main(path: str, threads: int, seconds: float) -> None:
    """Lets every thread run the network on its own runner, for so many seconds after a warm-up."""
    xir, vart = import_module("xir"), import_module("vart")
    graph = xir.Graph.deserialize(path)  # must outlive its runners
    parts = graph.get_root_subgraph().toposort_child_subgraph()
    on_dpu = [part for part in parts if part.has_attr("device") and part.get_attr("device").upper() == "DPU"]
    if len(on_dpu) != 1:
        sys.exit(f"the network must be one part on the DPU, it is {len(on_dpu)}")
    runners = [vart.Runner.create_runner(on_dpu[0], "run") for _ in range(threads)]
    batch = int(runners[0].get_input_tensors()[0].dims[0])
    counts, started, ended = [0] * threads, [0.0] * threads, [0.0] * threads
    ready = threading.Barrier(threads)

    def work(index: int) -> None:
        runner = runners[index]
        inputs = [np.zeros(tuple(tensor.dims), dtype=np.int8, order="C") for tensor in runner.get_input_tensors()]
        outputs = [np.empty(tuple(tensor.dims), dtype=np.int8, order="C") for tensor in runner.get_output_tensors()]
        for _ in range(3):
            runner.wait(runner.execute_async(inputs, outputs))
        ready.wait()
        started[index] = time.perf_counter()
        while time.perf_counter() < started[index] + seconds:
            runner.wait(runner.execute_async(inputs, outputs))
            counts[index] += 1
        ended[index] = time.perf_counter()

    workers = [threading.Thread(target=work, args=(index,)) for index in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    elapsed = max(ended) - min(started)
    print(json.dumps({"images": sum(counts) * batch, "seconds": elapsed, "batch": batch, "threads": threads}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
