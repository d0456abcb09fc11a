"""Throughput of an NVIDIA GPU, by CUDA events."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from anb_gym.construction.collection.devices.base import check_positive
from anb_gym.construction.network import build_network
from anb_gym.space import Architecture


@dataclass(frozen=True)
class GPU:
    """Images per second as in the dataset: 16-bit floating point, channels last, batches of 128 at 256 pixels.

    Images are on the GPU before; CUDA events lie round each forward pass and nothing else. All passes are queued at
    once, so that the GPU never waits for Python. A repeat is the median of its passes.

    Attributes:
        name: In the name of the metric; those of the dataset are ``"a100"`` and ``"rtx3090"``.
        resolution: Side of the images in pixels.
        batch: Images per pass.
        compiled: Whether the network goes through ``torch.compile`` first; eager otherwise.
        passes: Timed passes of a repeat.
        warm_up: Passes before these, in which kernels are compiled and chosen.
        place: PyTorch's name of the GPU.

    Raises:
        ValueError: There is no such GPU, or a number is not positive.
    """

    name: str = "gpu"
    resolution: int = 256
    batch: int = 128
    compiled: bool = False
    passes: int = 50
    warm_up: int = 10
    place: str = "cuda"

    def __post_init__(self) -> None:
        check_positive(resolution=self.resolution, batch=self.batch, passes=self.passes, warm_up=self.warm_up)
        if not torch.cuda.is_available():
            raise ValueError("device 'cuda' needs a GPU and PyTorch's CUDA build; PyTorch finds no GPU")

    @property
    def metrics(self) -> tuple[str, ...]:
        return (f"{self.name}/throughput",)

    def protocol(self) -> dict[str, Any]:
        fixed = {"precision": "float16", "layout": "channels_last", "statistic": "median pass"}
        return {"device": "cuda", **asdict(self), **fixed}

    def machine(self) -> dict[str, Any]:
        return {
            "gpu": torch.cuda.get_device_name(self.place),
            "torch": str(torch.__version__),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        }

    def measure(self, architecture: Architecture) -> dict[str, float]:
        half: dict[str, Any] = {"device": self.place, "dtype": torch.float16, "memory_format": torch.channels_last}
        network: Callable[[Tensor], Tensor] = build_network(architecture, seed=0).eval().to(**half)
        if self.compiled:
            # Every architecture is compiled for itself; what is kept of the former ones would only reach limits.
            torch.compiler.reset()
            network = torch.compile(network)
        images = torch.rand(self.batch, 3, self.resolution, self.resolution).to(**half)
        events = [(_event(), _event()) for _ in range(self.passes)]
        with torch.inference_mode():
            for _ in range(self.warm_up):
                network(images)
            torch.cuda.synchronize()
            for start, end in events:
                start.record()
                network(images)
                end.record()
            torch.cuda.synchronize()
        milliseconds = statistics.median(start.elapsed_time(end) for start, end in events)
        return {self.metrics[0]: self.batch / milliseconds * 1000}


def _event() -> Any:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
