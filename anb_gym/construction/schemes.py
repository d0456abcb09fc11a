"""Training schemes: how an architecture is trained to get its accuracy.

A scheme is six numbers, those that a proxy search varies (section 3.2 of the
paper), and the recipe that all schemes of a search share. Schemes are kept in
YAML files such as ``configs/schemes/proxy.yaml``::

    batch_size: 2048
    epochs: 16
    resize_start_epoch: 11
    resize_finish_epoch: 12
    start_resolution: 160
    finish_resolution: 192
    recipe: {rate: 0.425}       # optional, and every entry in it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np

from anb_gym._errors import choose, integer
from anb_gym._files import read_yaml, refusing

#: Sides of images are multiples of this, the factor by which the network shrinks them.
GRAIN: Final = 32
#: Epochs that a scheme may have: their resolutions are listed.
_MOST_EPOCHS: Final = 100_000


@dataclass(frozen=True)
class Recipe:
    """Settings that all schemes of a proxy search share: plain SGD with momentum.

    The defaults are those of the public dataset.

    Attributes:
        rate: The highest learning rate, at :attr:`rate_batch` images per step; for other batch sizes it is scaled
            linearly (Goyal et al. 2017, https://arxiv.org/abs/1706.02677).
        rate_batch: The number of images per step that :attr:`rate` belongs to.
        peak_epoch: When the rate is highest: it rises linearly from 0 until then, and falls linearly to 0 at the end.
        momentum: Momentum of SGD.
        weight_decay: L2 penalty on matrices and kernels; biases and batch normalisation have none.
        label_smoothing: Share of the label's probability that is spread over all classes.
        evaluation_ratio: :attr:`Scheme.finish_resolution` by the side of validation images, which is rounded to a
            multiple of 32. Random crops show objects larger than a centre crop does, and larger validation images
            make that good (Touvron et al. 2019, https://arxiv.org/abs/1906.06423): 192 px become 256.
        score_epochs: The accuracy is the best of that many last epochs.

    Raises:
        ValueError: A value is of the wrong type or out of range.
    """

    rate: float = 0.425
    rate_batch: int = 2048
    peak_epoch: float = 2
    momentum: float = 0.9
    weight_decay: float = 1e-4
    label_smoothing: float = 0.1
    evaluation_ratio: float = 0.75
    score_epochs: int = 3

    def __post_init__(self) -> None:
        for name in ("rate_batch", "score_epochs"):
            object.__setattr__(self, name, integer(getattr(self, name), 1, name))
        for name, low, high in (
            ("rate", 0.0, np.inf),
            ("peak_epoch", 0.0, np.inf),
            ("momentum", 0.0, 1.0),
            ("weight_decay", 0.0, np.inf),
            ("label_smoothing", 0.0, 1.0),
            ("evaluation_ratio", 0.1, np.inf),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                hint = "; YAML reads 1e-4 as text, write 1.0e-4" if isinstance(value, str) else ""
                raise ValueError(f"{name} must be a number, got {value!r}{hint}")
            if not low <= value < high:
                raise ValueError(f"{name} must be at least {low:g} and below {high:g}, got {value!r}")


@dataclass(frozen=True)
class Scheme:
    """A training scheme: the values that a proxy search varies, and the recipe.

    The letters are those of the paper.

    Attributes:
        batch_size: Images per step over all GPUs together, b times their number. So the same scheme means the same
            steps on any number of GPUs.
        epochs: Passes over the training images, e_t.
        resize_start_epoch: The last epoch that has the start resolution, e_s; the first epoch is 0.
        resize_finish_epoch: The first epoch that has the finish resolution, e_f, unless it equals ``e_s``, which
            resizes at once after that epoch.
        start_resolution: Side of the training images in pixels at first, res_s.
        finish_resolution: Side at last, res_f.
        recipe: Everything else.

    Raises:
        ValueError: A value is not an integer or out of range, finish lies before start, a resolution is below 32 or
            not a multiple of 32, or the recipe's peak lies after the end.

    Example:
        >>> proxy = load_scheme("proxy")
        >>> [proxy.resolution(epoch) for epoch in (0, 11, 12, 15)], proxy.evaluation_resolution
        ([160, 160, 192, 192], 256)
    """

    batch_size: int
    epochs: int
    resize_start_epoch: int
    resize_finish_epoch: int
    start_resolution: int
    finish_resolution: int
    recipe: Recipe = field(default_factory=Recipe)

    def __post_init__(self) -> None:
        for name, low in (
            ("batch_size", 1),
            ("epochs", 1),
            ("resize_start_epoch", 0),
            ("resize_finish_epoch", 0),
            ("start_resolution", GRAIN),
            ("finish_resolution", GRAIN),
        ):
            object.__setattr__(self, name, integer(getattr(self, name), low, name))
        for name in ("start_resolution", "finish_resolution"):
            if getattr(self, name) % GRAIN:
                raise ValueError(f"{name} must be a multiple of {GRAIN} pixels, got {getattr(self, name)}")
        _check_order("resize_start_epoch", self.resize_start_epoch, "resize_finish_epoch", self.resize_finish_epoch)
        _check_order("start_resolution", self.start_resolution, "finish_resolution", self.finish_resolution)
        _check_order("resize_finish_epoch", self.resize_finish_epoch, "epochs", self.epochs)
        if self.epochs > _MOST_EPOCHS:
            raise ValueError(f"epochs must be at most {_MOST_EPOCHS:,}, got {self.epochs}")
        if not isinstance(self.recipe, Recipe):
            raise ValueError(f"recipe must be a Recipe, got {self.recipe!r}")
        if not self.recipe.peak_epoch < self.epochs:
            raise ValueError(f"recipe.peak_epoch must be below epochs, {self.epochs}, got {self.recipe.peak_epoch}")

    def resolution(self, epoch: int) -> int:
        """Side of the training images in an epoch, in pixels: progressive resizing, in steps of 32.

        Raises:
            ValueError: The scheme has no such epoch.
        """
        if not 0 <= epoch < self.epochs:
            raise ValueError(f"epoch must be in 0..{self.epochs - 1}, got {epoch}")
        if epoch <= self.resize_start_epoch:
            return self.start_resolution
        if epoch >= self.resize_finish_epoch:
            return self.finish_resolution
        progress = (epoch - self.resize_start_epoch) / (self.resize_finish_epoch - self.resize_start_epoch)
        return _rounded(self.start_resolution + progress * (self.finish_resolution - self.start_resolution))

    @property
    def evaluation_resolution(self) -> int:
        """Side of the validation images, in pixels."""
        return max(GRAIN, _rounded(self.finish_resolution / self.recipe.evaluation_ratio))

    def rate(self, epoch: float) -> float:
        """The learning rate at a moment, in epochs since the start: piecewise linear, per iteration."""
        peak = self.recipe.rate * self.batch_size / self.recipe.rate_batch
        if epoch < self.recipe.peak_epoch:
            return peak * epoch / self.recipe.peak_epoch
        return peak * max(0.0, self.epochs - epoch) / (self.epochs - self.recipe.peak_epoch)

    def to_dict(self) -> dict[str, Any]:
        """The scheme as its file has it, with the whole recipe: plain numbers and mappings."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Scheme:
        """Reads what :meth:`to_dict` writes; a recipe, or entries of it, may be missing.

        Raises:
            ValueError: A key is unknown or missing, or a value is invalid.
        """
        names = [f.name for f in fields(cls)]
        for key in values:
            choose(key, names, "a key of the scheme")
        if missing := [name for name in names if name not in values and name != "recipe"]:
            raise ValueError(f"the scheme must have the keys {', '.join(names[:-1])}, it lacks {', '.join(missing)}")
        recipe = values.get("recipe") or {}
        if not isinstance(recipe, Mapping):
            raise ValueError(f"recipe must be a mapping, got {recipe!r}")
        for key in recipe:
            choose(key, [f.name for f in fields(Recipe)], "a key of the recipe")
        return cls(**{**values, "recipe": Recipe(**recipe)})

    def __str__(self) -> str:
        """The six numbers, such as ``b2048-e16-r160:192-s11:12``; recipes are not told apart."""
        resolutions = f"r{self.start_resolution}:{self.finish_resolution}"
        resizing = f"s{self.resize_start_epoch}:{self.resize_finish_epoch}"
        return f"b{self.batch_size}-e{self.epochs}-{resolutions}-{resizing}"


def scheme_names() -> list[str]:
    """The schemes that ship with the package."""
    return sorted(path.stem for path in _shipped().glob("*.yaml"))


def load_scheme(name_or_path: str | Path) -> Scheme:
    """Reads a scheme.

    Args:
        name_or_path: One of :func:`scheme_names`, or a path that ends in ``.yaml``.

    Raises:
        ValueError: No scheme has that name, or the file does not hold one.
        FileNotFoundError: There is no such file.
    """
    path = Path(name_or_path)
    if path.suffix != ".yaml":
        path = _shipped() / f"{choose(str(name_or_path), scheme_names(), 'scheme')}.yaml"
    content = read_yaml(path, ValueError, extra="construction", optional=True)
    with refusing(f"{path} does not hold a scheme", ValueError):
        if not isinstance(content, dict):
            raise ValueError(f"expected a mapping such as 'batch_size: 2048', got {content!r}")
        return Scheme.from_dict(content)


def _shipped() -> Path:
    return Path(str(resources.files("anb_gym.configs"))) / "schemes"


def _rounded(side: float) -> int:
    """The nearest multiple of 32; halves go up."""
    return int(np.floor(side / GRAIN + 0.5)) * GRAIN


def _check_order(first: str, low: int, second: str, high: int) -> None:
    if low > high:
        raise ValueError(f"{second} must not lie before {first}, {low}, got {high}")
