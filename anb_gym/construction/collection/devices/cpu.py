"""Throughput of a processor: ONNX Runtime, and PyTorch."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any, Final

import torch
from torch import Tensor, nn

from anb_gym._errors import choose
from anb_gym._extras import require
from anb_gym._torch import torch_threads
from anb_gym.construction.collection.devices.base import best_time, check_positive, host
from anb_gym.construction.network import build_network
from anb_gym.space import Architecture

#: Versions of the ONNX operators.
_OPSET: Final = 17
_PACKAGES: Final = {"onnxruntime": ("onnxruntime", "torch"), "pytorch": ("torch",)}


@dataclass(frozen=True)
class CPU:
    """Images per second in 32-bit floating point, weights and images random.

    A repeat exports and loads the network, and calls it again and again; what counts is the fastest call, see
    :func:`anb_gym.construction.collection.devices.base.best_time`.

    Attributes:
        name: In the name of the metric.
        runtime: ``"onnxruntime"``, which fuses layers, or ``"pytorch"``, which runs them one by one.
        resolution: Side of the images in pixels.
        batch: Images per call.
        threads: Threads that share a call.
        seconds: Processor time for which a repeat is timed.

    Raises:
        ValueError: The runtime is unknown or a number is not positive.
        ModuleNotFoundError: ONNX Runtime is not installed.
    """

    name: str = "cpu"
    runtime: str = "onnxruntime"
    resolution: int = 224
    batch: int = 1
    threads: int = 1
    seconds: float = 0.3

    def __post_init__(self) -> None:
        choose(self.runtime, _PACKAGES, "runtime")
        check_positive(resolution=self.resolution, batch=self.batch, threads=self.threads, seconds=self.seconds)
        if self.runtime == "onnxruntime":
            for package in ("onnx", "onnxruntime"):
                require(package, "construction")

    @property
    def metrics(self) -> tuple[str, ...]:
        return (f"{self.name}/throughput",)

    def protocol(self) -> dict[str, Any]:
        return {"device": "cpu", **asdict(self), "precision": "float32", "statistic": "fastest call"}

    def machine(self) -> dict[str, Any]:
        return {**host(), **{package: version(package) for package in _PACKAGES[self.runtime]}}

    def measure(self, architecture: Architecture) -> dict[str, float]:
        # In a thread of its own, which rounds denormal numbers to zero; the caller's goes on as it is.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._measure, architecture).result()

    def _measure(self, architecture: Architecture) -> dict[str, float]:
        # Random weights can let values fade out until they are denormal, which are slow: trained networks have none.
        torch.set_flush_denormal(True)
        network = build_network(architecture, seed=0).eval()
        images = torch.rand(self.batch, 3, self.resolution, self.resolution, generator=torch.Generator().manual_seed(0))
        if self.runtime == "onnxruntime":
            seconds = best_time(_session(to_onnx(network, images), images, self.threads), self.seconds)
        else:
            with torch_threads(self.threads), torch.inference_mode():
                seconds = best_time(lambda: network(images), self.seconds)
        return {self.metrics[0]: self.batch / seconds}


def to_onnx(network: nn.Module, images: Tensor) -> bytes:
    """A network in evaluation mode as an ONNX file.

    PyTorch's older exporter takes 0.3 s, the newer one ten times as long; the networks run equally fast.

    Args:
        network: The network.
        images: Example, (n, channels, height, width); the file takes images of this shape.
    """
    buffer = io.BytesIO()
    with warnings.catch_warnings():  # that there is a newer exporter
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(network, (images,), buffer, dynamo=False, opset_version=_OPSET)  # type: ignore[arg-type]
    return buffer.getvalue()


def _session(model: bytes, images: Tensor, threads: int) -> Callable[[], object]:
    """A function that runs an ONNX file once."""
    onnxruntime = require("onnxruntime", "construction")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    # For the session's other threads; the calling one gets it with the first session of the process only.
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: images.numpy()}
    return lambda: session.run(None, feed)
