"""The protocol of image sets, and the order in which an epoch shows their images."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeAlias

from anb_gym._extras import needing

with needing("construction"):
    import torch
    from torch import Tensor

    from anb_gym.construction.seeding import generator

#: Images (n, channels, side, side), pixel values 0..255 of any real dtype, and labels, ``int64`` (n,), on the CPU.
Batch: TypeAlias = tuple[Tensor, Tensor]


class Data(Protocol):
    """Training and validation images with labels, in batches.

    Batches depend on the arguments only, so that an epoch can be done again. Several processes share an epoch: the
    process ``rank`` of ``world`` gets its part of every batch.

    Attributes:
        name: Tells image sets apart in records and checkpoints.
        n_classes: Number of labels, which are 0 .. n_classes - 1.
        channels: Channels of the images.
        n_train: Number of training images.
        mean: Mean pixel value of each channel, in 0..255.
        std: Standard deviation of each channel, in the same unit.
    """

    @property
    def name(self) -> str: ...

    @property
    def n_classes(self) -> int: ...

    @property
    def channels(self) -> int: ...

    @property
    def n_train(self) -> int: ...

    @property
    def mean(self) -> tuple[float, ...]: ...

    @property
    def std(self) -> tuple[float, ...]: ...

    def train_batches(
        self, resolution: int, batch_size: int, *, epoch: int, seed: int, rank: int = 0, world: int = 1
    ) -> Iterable[Batch]:
        """One epoch of randomly changed training images, in random order.

        Args:
            resolution: Side of the images in pixels.
            batch_size: Images per batch of all processes together, a multiple of ``world``. There are
                ``n_train // batch_size`` batches; the images that are left over come in other epochs.
            epoch: Number of the epoch, from 0.
            seed: Determines, with ``epoch``, the order and the changes.
            rank: This process, in 0 .. world - 1.
            world: Number of processes.
        """
        ...

    def validation_batches(self, resolution: int, batch_size: int, *, rank: int = 0, world: int = 1) -> Iterable[Batch]:
        """Every validation image once over all processes, the same way every time.

        Args:
            resolution: Side of the images in pixels.
            batch_size: Images per batch of this process, at most.
            rank: This process, in 0 .. world - 1.
            world: Number of processes.
        """
        ...


def shuffled(n: int, batch_size: int, epoch: int, seed: int) -> Tensor:
    """The images of an epoch's batches, ``int64`` (batches, batch_size), without those that fill no batch.

    Raises:
        ValueError: There are fewer images than a batch needs.
    """
    if batch_size > n:
        raise ValueError(f"batch_size must be at most the number of training images, {n}, got {batch_size}")
    order = torch.randperm(n, generator=generator("order", seed, epoch))
    return order[: n // batch_size * batch_size].reshape(-1, batch_size)


def share(rank: int, world: int, batch_size: int) -> slice:
    """The part of a batch that belongs to one process.

    Raises:
        ValueError: The processes cannot have equal parts.
    """
    if batch_size % world:
        raise ValueError(f"batch_size must be a multiple of the number of processes, {world}, got {batch_size}")
    part = batch_size // world
    return slice(rank * part, (rank + 1) * part)
