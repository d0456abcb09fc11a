"""Throughput of one core of a Cloud TPU, through torch_xla. Nothing else of this package knows torch_xla."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import torch
from torch import nn

from anb_gym._extras import require
from anb_gym.construction.collection.devices.base import check_positive
from anb_gym.construction.network import build_network
from anb_gym.space import Architecture


@dataclass(frozen=True)
class TPU:
    """Images per second as in the dataset: bfloat16, one core.

    XLA compiles the network in the first pass and keeps it; passes after the warm-up are only run. They are queued
    one by one and waited for at the end, so that a repeat is the mean of its passes.

    Attributes:
        name: In the name of the metric; those of the dataset are ``"tpuv2"`` and ``"tpuv3"``.
        resolution: Side of the images in pixels.
        batch: Images per pass; in the dataset 64 on TPUv2 and 128 on TPUv3.
        passes: Timed passes of a repeat.
        warm_up: Passes before these.

    Raises:
        ValueError: A number is not positive.
        ModuleNotFoundError: torch_xla is not installed: it comes with Cloud TPU machines.
    """

    name: str = "tpu"
    resolution: int = 256
    batch: int = 128
    passes: int = 50
    warm_up: int = 5

    def __post_init__(self) -> None:
        check_positive(resolution=self.resolution, batch=self.batch, passes=self.passes, warm_up=self.warm_up)
        require("torch_xla", "tpu")

    @property
    def metrics(self) -> tuple[str, ...]:
        return (f"{self.name}/throughput",)

    def protocol(self) -> dict[str, Any]:
        return {"device": "tpu", **asdict(self), "precision": "bfloat16", "cores": 1, "statistic": "mean pass"}

    def machine(self) -> dict[str, Any]:
        hardware = require("torch_xla.runtime", "tpu").device_type()
        return {"hardware": hardware, "torch": str(torch.__version__), "torch_xla": version("torch_xla")}

    def measure(self, architecture: Architecture) -> dict[str, float]:
        xla, wait = require("torch_xla", "tpu"), require("torch_xla.core.xla_model", "tpu").wait_device_ops
        core = xla.device()
        network: nn.Module = build_network(architecture, seed=0).eval().to(core, torch.bfloat16)
        shape = (self.batch, 3, self.resolution, self.resolution)
        images = torch.rand(shape, dtype=torch.bfloat16).to(core)

        def run(passes: int) -> float:
            start = time.perf_counter()
            for _ in range(passes):
                logits = network(images)
                xla.sync()  # hands over what was recorded, but only what is still referred to, so logits must live
                del logits
            wait()
            return time.perf_counter() - start

        with torch.no_grad():
            run(self.warm_up)
            seconds = run(self.passes)
        return {self.metrics[0]: self.batch * self.passes / seconds}
