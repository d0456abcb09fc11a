"""The processes that train one network together: one per GPU, started by torchrun."""

from __future__ import annotations

import atexit
import os
import sys
from dataclasses import dataclass
from typing import NoReturn, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """This process among those that train together; a process alone is 0 of 1.

    Attributes:
        rank: This process, in 0 .. world - 1. Process 0 reads and writes files.
        world: Number of processes.
        device: Where this process computes.
    """

    rank: int
    world: int
    device: torch.device

    @classmethod
    def join(cls, device: str) -> Processes:
        """Joins the others if torchrun started this process.

        Args:
            device: PyTorch's name of a device. With several processes, ``"cuda"`` is the GPU of that local rank.

        Raises:
            ValueError: PyTorch does not know the device or cannot use it here.
        """
        world = int(os.environ.get("WORLD_SIZE", "1"))
        local = os.environ.get("LOCAL_RANK", "0") if world > 1 else None
        place = _device(f"cuda:{local}" if device == "cuda" and local else device)
        if world == 1:
            return cls(0, 1, place)
        if place.type == "cuda":
            torch.cuda.set_device(place)
        if not distributed.is_initialized():  # one group for all trainings of this process
            distributed.init_process_group("nccl" if place.type == "cuda" else "gloo")
            atexit.register(distributed.destroy_process_group)
        return cls(distributed.get_rank(), distributed.get_world_size(), place)

    def parallel(self, network: nn.Module) -> nn.Module:
        """The network as its training calls it: it starts with the weights of process 0 and averages gradients."""
        if self.world == 1:
            return network
        return DistributedDataParallel(network, [self.device] if self.device.type == "cuda" else None)

    def total(self, values: Tensor) -> Tensor:
        """The sum over all processes."""
        if self.world > 1:
            distributed.all_reduce(values)
        return values

    def share(self, value: T) -> T:
        """Process 0's value."""
        if self.world == 1:
            return value
        values = [value]
        distributed.broadcast_object_list(values, device=self.device)
        return values[0]

    def share_buffers(self, network: nn.Module) -> None:
        """Gives all processes the batch statistics of process 0."""
        if self.world > 1:
            for buffer in network.buffers():
                distributed.broadcast(buffer, src=0)


def leave() -> NoReturn:
    """Ends this process, without error, once it has nothing left to do with the others.

    Threads of gloo outlive the group. One that wakes while the interpreter ends aborts the process, which torchrun
    takes for a failed training; so the interpreter does not end.
    """
    if distributed.is_initialized():
        distributed.destroy_process_group()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device must be one of PyTorch's, such as 'cpu' or 'cuda', got {name!r}: {error}") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device must be one that this machine has, got {name!r}: PyTorch finds no CUDA GPU")
    return device
