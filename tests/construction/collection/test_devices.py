"""Devices: what is timed and in what order; tools that are not here have stand-ins that record how they are called."""

import statistics
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from small_collections import SMALL
from torch import Tensor, nn

from anb_gym.construction.collection.devices import CPU, GPU, KINDS, TPU, base, cpu, gpu, make_device, tpu
from anb_gym.construction.collection.devices.cpu import to_onnx
from anb_gym.construction.network import build_network
from anb_gym.space import EFFICIENTNET_B0


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for name in ("perf_counter", "process_time"):
        monkeypatch.setattr(base.time, name, clock)
    return clock


def test_best_time_is_that_of_the_fastest_call_after_the_warm_up(clock: Clock) -> None:
    durations: Iterator[float] = iter([0.001, 0.001, 0.5, 0.3, 0.4, 0.9, 7.0])

    def run() -> None:
        clock.now += next(durations)

    assert base.best_time(run, seconds=1.5, warm_up=2, at_least=1) == pytest.approx(0.3)
    assert next(durations) == 7.0  # 0.5 + 0.3 + 0.4 s leave time for one more call, and after that there is none


def test_best_time_makes_enough_calls_however_slow_they_are(clock: Clock) -> None:
    calls = []

    def run() -> None:
        calls.append(0)
        clock.now += 100.0

    base.best_time(run, seconds=0.1, warm_up=1, at_least=10)
    assert len(calls) == 11


def test_onnx_computes_what_the_network_does() -> None:
    network, images = build_network(SMALL, seed=1).eval(), torch.rand(2, 3, 32, 32)
    session = onnxruntime.InferenceSession(to_onnx(network, images), providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    with torch.inference_mode():
        np.testing.assert_allclose(logits, network(images).numpy(), rtol=1e-3, atol=1e-5)


def test_measuring_leaves_arithmetic_as_it_is() -> None:
    """ONNX Runtime is told to round denormal numbers to zero; the caller's numbers must not be."""
    CPU(resolution=32, seconds=0.01).measure(SMALL)
    smallest = np.nextafter(0.0, 1.0)
    assert smallest * np.float64(1.0) > 0.0


@pytest.mark.parametrize("runtime", ["onnxruntime", "pytorch"])
def test_cpu_measures(runtime: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def best_time(run: Any, seconds: float) -> float:
        seen.append((run().shape if runtime == "pytorch" else run()[0].shape, seconds, torch.get_num_threads()))
        return 0.25

    monkeypatch.setattr(cpu, "best_time", best_time)
    threads = torch.get_num_threads()
    device = CPU(name="mine", runtime=runtime, resolution=32, batch=3, threads=2, seconds=0.125)
    assert device.measure(SMALL) == {"mine/throughput": 3 / 0.25}
    assert seen == [((3, 1000), 0.125, 2 if runtime == "pytorch" else threads)]
    assert torch.get_num_threads() == threads


def test_onnx_runtime_gets_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    options = []

    class Session(onnxruntime.InferenceSession):  # type: ignore[misc]
        def __init__(self, model: bytes, given: Any, **others: Any) -> None:
            options.append((given.intra_op_num_threads, given.inter_op_num_threads))
            super().__init__(model, given, **others)

    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    CPU(resolution=32, threads=2, seconds=0.001).measure(SMALL)
    assert options == [(2, 1)]


def test_larger_networks_are_slower_on_this_cpu() -> None:
    device = CPU(resolution=64, seconds=0.05)
    assert device.measure(SMALL)["cpu/throughput"] > 1.5 * device.measure(EFFICIENTNET_B0)["cpu/throughput"]


def test_protocol_says_what_changes_a_value() -> None:
    protocol, machine = CPU(resolution=96, threads=2).protocol(), CPU().machine()
    assert protocol["resolution"] == 96
    assert protocol["threads"] == 2
    assert machine["onnxruntime"] == onnxruntime.__version__
    assert machine["processor"]
    assert "onnxruntime" not in CPU(runtime="pytorch").machine()


class Log:
    """What a GPU was told, in order; each pass takes as long as it is told to."""

    def __init__(self) -> None:
        self.entries: list[str] = []
        self.images: list[Tensor] = []
        self.milliseconds = iter([40.0, 10.0, 20.0])


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Log:
    log = Log()

    class Event:
        def __init__(self, enable_timing: bool) -> None:
            assert enable_timing

        def record(self) -> None:
            log.entries.append("event")

        def elapsed_time(self, end: "Event") -> float:
            assert isinstance(end, Event)
            log.entries.append("read")
            return next(log.milliseconds)

    class Network(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            assert torch.is_inference_mode_enabled()
            assert not self.training
            log.entries.append("pass")
            log.images.append(images)
            return images

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: log.entries.append("wait"))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda place: f"stand-in for {place}")
    monkeypatch.setattr(gpu, "build_network", lambda architecture, seed: Network())
    return log


def test_gpu_events_lie_round_passes_only(cuda: Log) -> None:
    device = GPU(name="a100", resolution=32, batch=4, passes=3, warm_up=2, place="cpu")
    assert device.measure(SMALL) == {"a100/throughput": 4 / statistics.median([40, 10, 20]) * 1000}
    assert cuda.entries == ["pass"] * 2 + ["wait"] + ["event", "pass", "event"] * 3 + ["wait"] + ["read"] * 3
    images = cuda.images[0]
    assert all(other is images for other in cuda.images)  # made once, before
    assert images.shape == (4, 3, 32, 32)
    assert images.dtype == torch.float16
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert device.machine()["gpu"] == "stand-in for cpu"


def test_gpu_compiles_before_the_warm_up(cuda: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    def compiled(network: nn.Module) -> nn.Module:
        cuda.entries.append("compile")
        return network

    monkeypatch.setattr(torch, "compile", compiled)
    monkeypatch.setattr(torch.compiler, "reset", lambda: cuda.entries.append("reset"))
    device = GPU(resolution=32, batch=1, passes=3, warm_up=1, compiled=True, place="cpu")
    device.measure(SMALL)
    assert cuda.entries[:3] == ["reset", "compile", "pass"]
    assert device.protocol()["compiled"]


def test_networks_run_in_half_precision(cuda: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "build_network", build_network)
    assert GPU(resolution=32, batch=1, passes=3, warm_up=1, place="cpu").measure(SMALL) == {"gpu/throughput": 50.0}


def test_without_a_gpu() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ValueError, match="PyTorch finds no GPU"):
        GPU()


def test_tpu_runs_what_is_referred_to(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    log: list[str] = []
    alive: list[Tensor] = []

    class Network(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            assert images.dtype == torch.bfloat16
            log.append("pass")
            alive.append(result := images + 1)
            return result

    def sync() -> None:
        logits = sys._getframe(1).f_locals["logits"]  # XLA leaves out what nobody can look at
        assert logits is alive[-1]
        log.append("sync")

    def wait_device_ops() -> None:
        log.append("wait")
        clock.now += 0.5

    package, core, model, runtime = (
        types.ModuleType(f"torch_xla{part}") for part in ("", ".core", ".core.xla_model", ".runtime")
    )
    package.__dict__.update(device=lambda: torch.device("cpu"), sync=sync)
    model.__dict__.update(wait_device_ops=wait_device_ops)
    runtime.__dict__.update(device_type=lambda: "TPU")
    for module in (package, core, model, runtime):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(tpu, "build_network", lambda architecture, seed: Network())
    monkeypatch.setattr(tpu, "version", lambda name: f"stand-in for {name}")

    device = TPU(name="tpuv2", resolution=32, batch=4, passes=3, warm_up=2)
    assert device.measure(SMALL) == {"tpuv2/throughput": 4 * 3 / 0.5}
    assert log == ["pass", "sync"] * 2 + ["wait"] + ["pass", "sync"] * 3 + ["wait"]
    assert device.machine()["hardware"] == "TPU"
    assert device.machine()["torch_xla"] == "stand-in for torch_xla"


def test_tpu_without_torch_xla(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_xla", None)
    with pytest.raises(ModuleNotFoundError, match=r"anb_gym\[tpu\]"):
        TPU()


def test_devices_by_name(tmp_path: Path) -> None:
    assert make_device("cpu", tmp_path, resolution=96, batch=None) == CPU(resolution=96)
    with pytest.raises(ValueError, match="device must be one of .*, got 'gpu'"):
        make_device("gpu", tmp_path)
    with pytest.raises(ValueError, match="an option of the device cpu must be one of .*, got 'board'"):
        make_device("cpu", tmp_path, board="root@there")
    with pytest.raises(ValueError, match="an option of the device vck190 must be one of .*, got 'batch'"):
        make_device("vck190", tmp_path, batch=4)
    assert KINDS == ("cpu", "cuda", "tpu", "zcu102", "vck190")


@pytest.mark.parametrize("name", ["resolution", "batch", "threads", "seconds"])
def test_numbers_must_be_positive(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be above 0, got 0"):
        CPU(**{name: 0})  # type: ignore[arg-type]


def test_unknown_runtime() -> None:
    with pytest.raises(ValueError, match="did you mean 'onnxruntime'"):
        CPU(runtime="onnx_runtime")
