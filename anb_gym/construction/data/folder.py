"""ImageNet, or any other folder of images with one sub-folder per class, through torchvision."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from anb_gym._extras import require
from anb_gym.construction.data.base import Batch, share, shuffled
from anb_gym.construction.seeding import seeded

#: The side of a centre crop, by the shorter side of the image that it is cut from.
_CENTRE: Final = 0.875


class FolderData:
    """Images in ``folder/train/<class>/`` and ``folder/val/<class>/``.

    Training images are random crops, flipped at random; validation images are centre crops. They are read by
    separate processes, which stay alive between epochs, and come as ``uint8``. What happens to an image depends on
    the seed, the epoch and the image, whatever the number of those processes.

    Attributes:
        folder: The folder.
        workers: Processes that read images; 0 reads in the calling process.
    """

    channels = 3
    #: Of ImageNet's training images.
    mean = (123.675, 116.28, 103.53)
    std = (58.395, 57.12, 57.375)

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder = folder
        self.workers = workers
        self._train, self._validation = (_Loader(_Images(_scan(folder / part)), workers) for part in ("train", "val"))
        classes, others = self._train.images.classes, self._validation.images.classes
        if classes != others:
            only = sorted(set(classes) ^ set(others))
            raise ValueError(f"the classes in {folder}/train and {folder}/val must be the same, {only[0]!r} is in one")
        self.n_classes = len(classes)
        self.n_train = len(self._train.images)

    @property
    def name(self) -> str:
        """Counts rather than the path, which differs between machines."""
        return f"images-{self.n_classes}-{self.n_train}-{len(self._validation.images)}"

    def train_batches(
        self, resolution: int, batch_size: int, *, epoch: int, seed: int, rank: int = 0, world: int = 1
    ) -> Iterator[Batch]:
        batches = shuffled(self.n_train, batch_size, epoch, seed)[:, share(rank, world, batch_size)]
        return self._train.load(
            [ImageRequest(i, resolution, (seed, epoch)) for i in batch.tolist()] for batch in batches
        )

    def validation_batches(self, resolution: int, batch_size: int, *, rank: int = 0, world: int = 1) -> Iterator[Batch]:
        indices = range(rank, len(self._validation.images), world)
        starts = range(0, len(indices), batch_size)
        return self._validation.load(
            [ImageRequest(i, resolution, None) for i in indices[start : start + batch_size]] for start in starts
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return FolderData, (self.folder, self.workers)  # another process starts its own readers


def imagenet(folder: str | Path, *, workers: int | None = None) -> FolderData:
    """ImageNet in the usual layout, or any folder of that layout.

    Args:
        folder: Has ``train/`` and ``val/``, each with one folder of images per class.
        workers: Processes that read images; by default as many as there are processors, at most 12.

    Raises:
        ModuleNotFoundError: The package torchvision is not installed.
        FileNotFoundError: The folder, or one of the two, does not exist.
        ValueError: There are no classes, a class has no images, or the classes of the two differ.
    """
    return FolderData(Path(folder), min(12, os.cpu_count() or 1) if workers is None else workers)


class ImageRequest(NamedTuple):
    """One image as a reading process is asked for it.

    Attributes:
        image: Which image.
        resolution: Side of the result, in pixels.
        seeds: Determine, with the image, the random crop; None asks for the centre crop.
    """

    image: int
    resolution: int
    seeds: tuple[int, int] | None


class _Images(Dataset[tuple[Tensor, int]]):
    """The images of one folder: decodes and crops them as requested."""

    def __init__(self, images: Any) -> None:
        self._images = images

    @property
    def classes(self) -> list[str]:
        classes: list[str] = self._images.classes
        return classes

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, request: ImageRequest) -> tuple[Tensor, int]:
        path, label = self._images.samples[request.image]
        try:
            image = self._images.loader(path)
        except (OSError, SyntaxError) as error:  # what PIL raises for what is no image, ends early, or is no valid PNG
            raise ValueError(f"cannot read the image {path}: {error}") from error
        v2, side = require("torchvision.transforms.v2", "imagenet"), request.resolution
        if request.seeds is None:
            crop = v2.Compose([v2.Resize(round(side / _CENTRE)), v2.CenterCrop(side)])(image)
        else:
            with seeded("crop", *request.seeds, request.image):
                crop = v2.Compose([v2.RandomResizedCrop(side), v2.RandomHorizontalFlip()])(image)
        tensor: Tensor = v2.functional.pil_to_tensor(crop)
        return tensor, label


class _ImageRequests(Sampler[list[ImageRequest]]):
    """The batches of the pass that comes next: a loader is made once, with one of these."""

    def __init__(self) -> None:
        self.batches: Iterable[list[ImageRequest]] = []

    def __iter__(self) -> Iterator[list[ImageRequest]]:
        return iter(self.batches)


class _Loader:
    """Processes that read images, started when first needed and kept."""

    def __init__(self, images: _Images, workers: int) -> None:
        self.images = images
        self._requests = _ImageRequests()
        self._loader: Iterable[Any] = DataLoader(
            images,
            batch_sampler=self._requests,
            num_workers=workers,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=workers > 0,
            generator=torch.Generator(),  # otherwise each pass would draw from the caller's
        )

    def load(self, batches: Iterable[list[ImageRequest]]) -> Iterator[Batch]:
        self._requests.batches = batches
        return ((images, labels) for images, labels in self._loader)


def _scan(folder: Path) -> Any:
    """The images of a folder as torchvision lists them."""
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}; expected train/ and val/, each with a folder per class")
    if not any(entry.is_dir() for entry in folder.iterdir()):
        raise ValueError(f"{folder} must have one folder of images per class, it has none")
    try:
        return require("torchvision.datasets", "imagenet").ImageFolder(folder)
    except FileNotFoundError as error:
        raise ValueError(f"{folder} has classes without images: {error}") from error
