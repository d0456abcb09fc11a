"""Image sets: the digits, and folders of images through torchvision where that is installed."""

import pickle
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from anb_gym.construction.data import Batch, Data, FolderData, digits, imagenet

CLASSES = ("cat", "dog", "owl")


def labels(batches: Iterable[Batch]) -> list[int]:
    return torch.cat([batch[1] for batch in batches]).tolist()


def equal(first: Iterable[Batch], second: Iterable[Batch]) -> bool:
    pairs = list(zip(first, second, strict=True))
    return all(torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in pairs) and len(pairs) > 0


class TestDigits:
    def test_split_is_stratified_and_complete(self) -> None:
        data = digits()
        assert np.bincount(data.train[1]).tolist() == [400] * 10
        assert np.bincount(data.validation[1]).tolist() == [100] * 10
        images = torch.cat([data.train[0], data.validation[0]]).flatten(1)
        assert len({row.numpy().tobytes() for row in images}) == 5000
        assert images.float().mean().item() == pytest.approx(data.mean[0], abs=1)
        assert images.float().std().item() == pytest.approx(data.std[0], abs=1)
        assert pickle.loads(pickle.dumps(data)).name == data.name == "digits-4000-1000"

    @pytest.mark.parametrize("resolution", [32, 64])
    def test_shapes(self, resolution: int) -> None:
        images, classes = next(digits().train_batches(resolution, 48, epoch=0, seed=0))
        assert images.shape == (48, 1, resolution, resolution)
        assert (images.dtype, classes.dtype, classes.shape) == (torch.float32, torch.int64, (48,))
        assert 0 <= images.min() < 50 < 200 < images.max() <= 255

    def test_epoch_and_seed_determine_the_batches(self) -> None:
        def batches(epoch: int, seed: int) -> Iterable[Batch]:
            return digits().train_batches(32, 500, epoch=epoch, seed=seed)

        before = torch.get_rng_state()
        assert equal(batches(1, 7), batches(1, 7))
        assert not equal(batches(1, 7), batches(2, 7))
        assert not equal(batches(1, 7), batches(1, 8))
        assert torch.equal(torch.get_rng_state(), before)

    def test_an_epoch_shows_every_image_at_most_once(self) -> None:
        assert np.bincount(labels(digits().train_batches(32, 1000, epoch=3, seed=0))).tolist() == [400] * 10
        assert len(labels(digits().train_batches(32, 1024, epoch=3, seed=0))) == 3 * 1024

    def test_processes_share_the_same_batches(self) -> None:
        alone = digits().train_batches(32, 200, epoch=0, seed=0)
        parts = zip(*(digits().train_batches(32, 200, epoch=0, seed=0, rank=r, world=2) for r in (0, 1)), strict=True)
        assert equal(alone, ((torch.cat([a[0], b[0]]), torch.cat([a[1], b[1]])) for a, b in parts))
        seen = [labels(digits().validation_batches(32, 64, rank=rank, world=3)) for rank in range(3)]
        assert sorted(map(len, seen)) == [333, 333, 334]
        assert sorted(label for part in seen for label in part) == sorted(digits().validation[1].tolist())

    def test_training_images_move_and_validation_images_do_not(self) -> None:
        data = digits()
        one = type(data)((data.train[0][:1], data.train[1][:1]), data.validation)
        seen = {next(one.train_batches(32, 1, epoch=e, seed=0))[0].numpy().tobytes() for e in range(200)}
        assert len(seen) == 25
        assert equal(data.validation_batches(32, 100), data.validation_batches(32, 100))

    def test_batch_sizes_that_cannot_be(self) -> None:
        with pytest.raises(
            ValueError, match="batch_size must be at most the number of training images, 4000, got 4001"
        ):
            next(digits().train_batches(32, 4001, epoch=0, seed=0))
        with pytest.raises(ValueError, match="batch_size must be a multiple of the number of processes, 3, got 64"):
            next(digits().train_batches(32, 64, epoch=0, seed=0, world=3))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of one colour per class, with a gradient from left to right; sizes and formats differ."""
    for part, count in (("train", 6), ("val", 3)):
        for label, name in enumerate(CLASSES):
            (tmp_path / part / name).mkdir(parents=True)
            for i in range(count):
                pixels = np.zeros((40 + 5 * i, 50, 3), dtype=np.uint8)
                pixels[..., label] = np.linspace(100, 250, 50).astype(np.uint8) - i
                kind = ("JPEG", "png")[i % 2]
                Image.fromarray(pixels).save(tmp_path / part / name / f"{i}.{kind}")
    return tmp_path


@pytest.fixture
def torchvision() -> None:
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"torchvision does not import here: {error}")


@pytest.mark.usefixtures("torchvision")
class TestFolder:
    def test_batches(self, folder: Path) -> None:
        data: Data = imagenet(folder, workers=0)
        assert (data.n_classes, data.n_train, data.name) == (3, 18, "images-3-18-9")
        for images, classes in data.train_batches(32, 6, epoch=0, seed=0):
            assert (images.shape, images.dtype) == ((6, 3, 32, 32), torch.uint8)
            assert images.float().mean((2, 3)).argmax(1).tolist() == classes.tolist()
        validation = list(data.validation_batches(64, 4))
        assert [len(batch[1]) for batch in validation] == [4, 4, 1]
        assert labels(validation) == [0, 0, 0, 1, 1, 1, 2, 2, 2]

    def test_validation_shows_the_centre(self, folder: Path) -> None:
        """A crop of 7/8 of the shorter side: its middle column has the picture's middle value."""
        images, _ = next(iter(imagenet(folder, workers=0).validation_batches(64, 1)))
        row = images[0, 0, 32].float()
        assert row[31:33].mean().item() == pytest.approx(175, abs=3)
        assert (row[-1] - row[0]).item() == pytest.approx(150 * 0.875 * 40 / 50, abs=8)

    @pytest.mark.parametrize("workers", [1, 2])
    def test_reading_processes_change_nothing(self, folder: Path, workers: int) -> None:
        alone, helped = imagenet(folder, workers=0), imagenet(folder, workers=workers)
        before = torch.get_rng_state()
        for epoch, resolution in enumerate((32, 64)):
            first = list(alone.train_batches(resolution, 6, epoch=epoch, seed=5))
            assert equal(first, helped.train_batches(resolution, 6, epoch=epoch, seed=5))
            assert torch.equal(torch.get_rng_state(), before)
        assert not equal(first, alone.train_batches(64, 6, epoch=2, seed=5))
        assert equal(alone.validation_batches(32, 4), helped.validation_batches(32, 4))
        copy = pickle.loads(pickle.dumps(helped))
        assert isinstance(copy, FolderData)
        assert (copy.name, copy.workers) == (helped.name, workers)

    def test_crops_are_random_and_flipped(self, folder: Path) -> None:
        data = imagenet(folder, workers=0)
        slopes = [
            float(image[label, 16, -1]) - float(image[label, 16, 0])
            for epoch in range(4)
            for images, classes in data.train_batches(32, 18, epoch=epoch, seed=0)
            for image, label in zip(images, classes, strict=True)
        ]
        assert 0.25 < np.mean(np.array(slopes) < 0) < 0.75
        assert len(set(slopes)) > 20

    @pytest.mark.parametrize("workers", [0, 1])
    @pytest.mark.parametrize("damage", ["truncated", "text", "chunk", "missing"])
    def test_broken_image_is_named(self, folder: Path, damage: str, workers: int) -> None:
        data = imagenet(folder, workers=workers)
        path = folder / "val" / "dog" / "1.png"
        content = path.read_bytes()
        start = content.index(b"IDAT")
        damaged = {
            "truncated": content[:60],
            "text": b"not an image",
            "chunk": content[: start - 4] + (4).to_bytes(4, "big") + content[start:],  # a length that is wrong
        }
        if damage == "missing":
            path.unlink()
        else:
            path.write_bytes(damaged[damage])
        with pytest.raises(ValueError, match="cannot read the image .*val/dog/1.png"):
            list(data.validation_batches(32, 4))

    def test_folders_without_classes(self, folder: Path) -> None:
        for path in (folder / "val" / "owl").iterdir():
            path.unlink()
        with pytest.raises(ValueError, match="val has classes without images: .*owl"):
            imagenet(folder)
        (folder / "val" / "owl").rmdir()
        with pytest.raises(ValueError, match="must be the same, 'owl' is in one"):
            imagenet(folder)


def test_folder_without_classes(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "picture.png").touch()
    with pytest.raises(ValueError, match="train must have one folder of images per class, it has none"):
        imagenet(tmp_path)


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no folder .*nowhere/train; expected train/ and val/"):
        imagenet(tmp_path / "nowhere")


def test_torchvision_is_not_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'anb_gym\[imagenet\]'"):
        imagenet(folder)
