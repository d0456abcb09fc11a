"""Throughput and latency of an FPGA's deep-learning processing unit (DPU), through Vitis AI.

A network is quantised to 8 bits (``pytorch_nndct``), compiled for the DPU (``vai_c_xir``), and run on the board
(VART). The first two run in the vendor's container, the last one on the board.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from anb_gym._errors import choose
from anb_gym.construction.collection.devices.base import check_positive
from anb_gym.construction.collection.devices.fpga.graph import to_nodes
from anb_gym.construction.collection.devices.fpga.tools import Board, Compiler, Quantiser, ToolError, check_commands
from anb_gym.construction.network import build_network
from anb_gym.devices import DEVICES
from anb_gym.space import Architecture

__all__ = ["DPU", "DPUS", "FPGA", "Board", "Compiler", "Quantiser", "ToolError"]


class DPU(NamedTuple):
    """The processor on a board of the dataset.

    Attributes:
        arch: The description of its DPU in the container.
        threads: Threads on the board when throughput is measured; latency is measured with one.
    """

    arch: str
    threads: int


#: By name of the device; protocols of its kind have the field `arch`.
DPUS: Final = {
    device.name: DPU(protocol["arch"], protocol["threads"]["throughput"])
    for device in DEVICES.values()
    if device.dataset
    for protocol in device.description.get("protocol", ())
    if "arch" in protocol
}


@dataclass(frozen=True)
class FPGA:
    """Images per second with many threads, and milliseconds per call with one.

    Attributes:
        target: One of :data:`DPUS`.
        cache: Where compiled networks are kept for the next repeat.
        name: In the names of the metrics; by default the target's, as in the dataset.
        resolution: Side of the images in pixels.
        seconds: How long each of the two is timed.
        quantise: First step.
        compile: Second step; by default for the target's DPU.
        board: Third step.

    Raises:
        ValueError: The target is unknown, a number is not positive, or a command is missing.
    """

    target: str
    cache: Path
    name: str = ""
    resolution: int = 224
    seconds: float = 10.0
    quantise: Quantiser = field(default_factory=Quantiser)
    compile: Compiler | None = None
    board: Board = field(default_factory=Board)

    def __post_init__(self) -> None:
        choose(self.target, DPUS, "target")
        check_positive(resolution=self.resolution, seconds=self.seconds)
        here = ["ssh", "scp"] if self.board.host else [self.board.python]
        check_commands([self.quantise.python, self._compiler.command, *here])

    @property
    def metrics(self) -> tuple[str, ...]:
        name = self.name or self.target
        return f"{name}/throughput", f"{name}/latency"

    @property
    def _compiler(self) -> Compiler:
        return self.compile or Compiler(DPUS[self.target].arch)

    def protocol(self) -> dict[str, Any]:
        return {
            "device": self.target,
            "name": self.name or self.target,
            "resolution": self.resolution,
            "seconds": self.seconds,
            "precision": "int8",
            "calibration_images": self.quantise.calibration_images,
            "arch": self._compiler.arch,
            "threads": {"throughput": DPUS[self.target].threads, "latency": 1},
        }

    def machine(self) -> dict[str, Any]:
        return {"board": self.board.host or "this machine"}

    def measure(self, architecture: Architecture) -> dict[str, float]:
        compiled = self._compiled(architecture)
        many = self.board(compiled, DPUS[self.target].threads, self.seconds)
        one = self.board(compiled, 1, self.seconds)
        calls = one["images"] / one["batch"]
        throughput, latency = self.metrics
        return {throughput: many["images"] / many["seconds"], latency: one["seconds"] / calls * 1000}

    def _compiled(self, architecture: Architecture) -> Path:
        """The compiled network, from the cache if it is there."""
        path = self.cache / f"{architecture.index}-{self.resolution}.xmodel"
        if not path.exists():
            self.cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.cache) as work:
                nodes = to_nodes(build_network(architecture).eval())
                quantised = self.quantise(nodes, self.resolution, Path(work))
                shutil.move(self._compiler(quantised, Path(work)), path)
        return path
