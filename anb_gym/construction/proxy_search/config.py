"""Configurations of proxy searches, YAML files such as ``configs/proxy_searches/paper.yaml``.

All keys but ``grid`` have the defaults of :class:`SearchConfig`::

    grid:                       # the values of equation 1; all combinations that are schemes take part
      batch_size: [1024, 2048]                # b
      epochs: [10, 16]                        # e_t
      resize_start_epoch: [0, 11]             # e_s
      resize_finish_epoch: [8, 12]            # e_f
      start_resolution: [128, 160]            # res_s
      finish_resolution: [192, 224]           # res_f
    reference: reference
    limit_seconds: 10800
    training: {data: "imagenet:/data/imagenet", device: cuda}
    executor: {kind: dask, workers: 6}
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib import resources
from itertools import product
from pathlib import Path
from typing import Any, Final

from anb_gym._errors import choose, integer, is_integer
from anb_gym._files import read_yaml, refusing
from anb_gym.construction.schemes import Scheme, load_scheme

#: The hyperparameters of equation 1 of the paper: b, e_t, e_s, e_f, res_s and res_f.
GRID: Final = tuple(f.name for f in fields(Scheme) if f.name != "recipe")
#: Combinations that a grid may have: all of them are listed.
_MOST_POINTS: Final = 1_000_000


@dataclass(frozen=True)
class SearchConfig:
    """A proxy search. Only ``training`` and what it trains decide the records; all else may change between runs.

    Attributes:
        grid: Values of each of :data:`GRID`.
        reference: The reference scheme: its name, its file, or the scheme itself as its file would have it.
        recipe: The same of a scheme whose recipe the proxies have, by default the reference.
        architectures: How many architectures decide, spread evenly over FLOPs and parameters.
        reference_seeds: Trainings of each of them with the reference.
        proxy_seeds: Trainings of each of them with a proxy.
        limit_seconds: The largest mean training time of a proxy, t_spec; None for no such limit.
        limit_share: The same in units of the reference's mean training time; both limits hold if both are given.
        target_tau: The cheapest scheme that reaches it wins, and the search stops; None for no target.
        target_seconds: The mean training time of the target, by default the limit.
        held_out: How many random architectures, none of those above, confirm the winner; 0 for no confirmation.
        held_out_seeds: Trainings of each of them with either scheme.
        wave: Units that are submitted together. Schemes are given up between waves, and workers that finish early wait
            for the end of a wave: a few times the number of workers suits.
        seed: Of the choice of architectures, of all trainings and of the statistics.
        training: Arguments of :class:`~anb_gym.construction.trainer.Trainer`.
        executor: Arguments of :func:`~anb_gym.construction.executors.open_executor`.

    Raises:
        ValueError: A value is of the wrong type or out of range; the message names it.
    """

    grid: Mapping[str, tuple[int, ...]]
    reference: str | Mapping[str, Any] = "reference"
    recipe: str | Mapping[str, Any] | None = None
    architectures: int = 20
    reference_seeds: int = 1
    proxy_seeds: int = 1
    limit_seconds: float | None = None
    limit_share: float | None = None
    target_tau: float | None = None
    target_seconds: float | None = None
    held_out: int = 0
    held_out_seeds: int = 1
    wave: int = 16
    seed: int = 0
    training: Mapping[str, Any] = field(default_factory=dict)
    executor: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, low in (
            ("architectures", 2),
            ("reference_seeds", 1),
            ("proxy_seeds", 1),
            ("held_out", 0),
            ("held_out_seeds", 1),
            ("wave", 1),
            ("seed", 0),
        ):
            object.__setattr__(self, name, integer(getattr(self, name), low, name))
        if self.held_out == 1:
            raise ValueError("held_out must be 0 or at least 2, since one architecture has no rank, got 1")
        for name in ("limit_seconds", "limit_share", "target_tau", "target_seconds"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not value > 0):
                raise ValueError(f"{name} must be a positive number or left out, got {value!r}")
        if self.target_tau is None and self.target_seconds is not None:
            raise ValueError("target_seconds needs target_tau, which is not given")
        if self.target_tau is not None and self.target_tau > 1:
            raise ValueError(f"target_tau must be at most 1, got {self.target_tau!r}")
        for name in ("grid", "training", "executor"):
            if not isinstance(getattr(self, name), Mapping):
                raise ValueError(f"{name} must be a mapping, got {getattr(self, name)!r}")
        for name in (*self.grid, *GRID):
            values = self.grid.get(choose(name, GRID, "a key of the grid"))
            if not isinstance(values, list | tuple) or not values:
                raise ValueError(f"{name} in the grid must be a list of values, got {values!r}")
            for value in values:
                if not is_integer(value):
                    raise ValueError(f"{name} in the grid must have integers, got {value!r}")
        if (size := math.prod(len(self.grid[name]) for name in GRID)) > _MOST_POINTS:
            raise ValueError(f"the grid must have at most {_MOST_POINTS:,} combinations, it has {size:,}")

    @property
    def reference_scheme(self) -> Scheme:
        """The reference scheme."""
        return _scheme(self.reference)

    def schemes(self) -> list[Scheme]:
        """The schemes that the grid stands for, the cheapest first.

        Combinations in which a finish lies before a start or resizing ends after the training are not schemes, and
        nor are those that are too short for the recipe. Of schemes that train alike, the first is kept.

        Raises:
            ValueError: A value of the grid is not one that a scheme can have, or is part of no scheme.
        """
        recipe = self.reference_scheme.recipe if self.recipe is None else _scheme(self.recipe).recipe
        points = [dict(zip(GRID, values, strict=True)) for values in product(*(self.grid[name] for name in GRID))]
        ordered = [point for point in points if _is_ordered(point, recipe.peak_epoch)]
        schemes = [Scheme(**point, recipe=recipe) for point in ordered]
        for name in GRID:
            used = {getattr(scheme, name) for scheme in schemes}
            for value in self.grid[name]:
                if value not in used:
                    raise ValueError(
                        f"{name} {value} is part of no scheme of the grid: finish must not lie before start, resizing "
                        f"must end with the training, and epochs must exceed {recipe.peak_epoch:g}"
                    )
        distinct: dict[tuple[int, ...], Scheme] = {}
        for scheme in schemes:
            distinct.setdefault((scheme.batch_size, scheme.evaluation_resolution, *resolutions(scheme)), scheme)
        return sorted(distinct.values(), key=nominal_cost)

    def to_dict(self) -> dict[str, Any]:
        """The configuration as its file has it, with all defaults."""
        return asdict(self)


def load_search(name_or_path: str | Path) -> SearchConfig:
    """Reads the configuration of a proxy search.

    Args:
        name_or_path: One of those that ship with the package, such as ``digits``, or a path that ends in ``.yaml``.

    Raises:
        ValueError: No search has that name, or the file does not hold one.
        FileNotFoundError: There is no such file.
    """
    shipped = Path(str(resources.files("anb_gym.configs"))) / "proxy_searches"
    path = Path(name_or_path)
    if path.suffix != ".yaml":
        names = sorted(file.stem for file in shipped.glob("*.yaml"))
        path = shipped / f"{choose(str(name_or_path), names, 'search')}.yaml"
    content = read_yaml(path, ValueError, extra="construction", optional=True)
    with refusing(f"{path} does not hold a proxy search", ValueError):
        if not isinstance(content, dict) or "grid" not in content:
            raise ValueError(f"expected a mapping with a grid, got {content!r}")
        for key in content:
            choose(key, [f.name for f in fields(SearchConfig)], "a key of the search")
        return SearchConfig(**content)


def resolutions(scheme: Scheme) -> list[int]:
    """The side of the training images in each epoch."""
    return [scheme.resolution(epoch) for epoch in range(scheme.epochs)]


def nominal_cost(scheme: Scheme) -> int:
    """Pixels that a training sees of every image: what its time is roughly proportional to."""
    return sum(side**2 for side in resolutions(scheme))


def _scheme(given: str | Mapping[str, Any]) -> Scheme:
    return Scheme.from_dict(given) if isinstance(given, Mapping) else load_scheme(given)


def _is_ordered(point: Mapping[str, int], peak_epoch: float) -> bool:
    return (
        point["resize_start_epoch"] <= point["resize_finish_epoch"] <= point["epochs"]
        and point["start_resolution"] <= point["finish_resolution"]
        and point["epochs"] > peak_epoch
    )
