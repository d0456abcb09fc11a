"""Hyperparameters of the families, in YAML files: search ranges, defaults, and tuned values per metric.

The files are ``configs/surrogates/<family>.yaml``::

    family: xgb
    search:                 # what tuning may vary
      learning_rate: {low: 0.02, high: 0.2, log: true}
      rounds: {low: 1000, high: 5000, log: true}
    defaults: {members: 10}
    trial: {members: 2}     # while tuning: more members help all settings alike
    metrics:                # found by tuning
      accuracy: {learning_rate: 0.05, rounds: 4000}
    v1:                     # found by tuning tables of version 1, instead of those above
      accuracy: {rounds: 5000}
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from anb_gym._errors import choose
from anb_gym._files import read_yaml, refusing, write_atomically
from anb_gym.benchmark import PREDICTED
from anb_gym.construction.families import FAMILIES

if TYPE_CHECKING:
    import optuna

Value: TypeAlias = int | float | str | bool


@dataclass(frozen=True)
class Range:
    """The values that tuning may give to one hyperparameter.

    Attributes:
        low: Smallest value. If both ends are integers, so are the values.
        high: Largest value.
        log: Whether to draw from a logarithmic scale.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                hint = "; YAML reads 1e-3 as text, write 1.0e-3" if isinstance(value, str) else ""
                raise ValueError(f"{name} must be a number, got {value!r}{hint}")
        if not isinstance(self.log, bool):
            raise ValueError(f"log must be true or false, got {self.log!r}")
        if not self.low <= self.high or (self.log and self.low <= 0):
            raise ValueError(f"low must be at most high, and positive if log, got {self}")

    def suggest(self, trial: optuna.Trial, name: str) -> int | float:
        """Draws a value for one trial of a study."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Config:
    """The contents of one family's file.

    Attributes:
        family: Name of the family.
        search: The hyperparameters that tuning may vary, and how far.
        defaults: Hyperparameters of every metric, unless tuned.
        trial: Hyperparameters that tuning sets to something cheaper in its trials.
        metrics: Tuned hyperparameters of some metrics.
        v1: Those of some metrics for tables of version 1, where they differ from ``metrics``.
    """

    family: str
    search: Mapping[str, Range] = field(default_factory=dict)
    defaults: Mapping[str, Value] = field(default_factory=dict)
    trial: Mapping[str, Value] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    v1: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)

    def hyperparameters(self, metric: str, version: int = 0) -> dict[str, Value]:
        """Hyperparameters of a metric: the version's tuned values, then version 0's, and the defaults for the rest."""
        tuned = self.v1.get(metric, {}) if version else {}
        return {**self.defaults, **self.metrics.get(metric, {}), **tuned}

    def with_metric(self, metric: str, hyperparameters: Mapping[str, Value], version: int = 0) -> Config:
        """A copy in which a metric has these tuned values for tables of a version; others that it has stay."""
        tuned = self.v1 if version else self.metrics
        changed = {**tuned, metric: {**tuned.get(metric, {}), **hyperparameters}}
        return replace(self, v1=changed) if version else replace(self, metrics=changed)


def suggest(trial: optuna.Trial, search: Mapping[str, Range]) -> dict[str, int | float]:
    """Draws all hyperparameters of a search space for one trial of a study."""
    return {name: values.suggest(trial, name) for name, values in search.items()}


def load_config(family: str, directory: Path | None = None) -> Config:
    """Reads a family's file.

    Args:
        family: Name of the family.
        directory: Where a file is looked for first, before this package.

    Raises:
        ValueError: The family is unknown, or its file is not of the form above.
    """
    path = _path(family, directory)
    if not os.path.lexists(path):
        path = _path(family, None)
    content = read_yaml(path, ValueError, extra="fit")
    with refusing(path, ValueError):
        return _config(family, content, path)


def _config(family: str, content: Any, path: Path) -> Config:
    sections = ("search", "defaults", "trial", "metrics", "v1")
    if not isinstance(content, dict) or content.get("family") != family:
        raise ValueError(f"{path} must start with 'family: {family}'")
    for section in content:
        choose(section, ("family", *sections), f"a section of {path}")
    search, defaults, trial, metrics, v1 = (content.get(section) or {} for section in sections)
    for section, value in zip(sections, (search, defaults, trial, metrics, v1), strict=True):
        if not isinstance(value, dict):
            raise ValueError(f"{section} in {path} must be a mapping, got {value!r}")
    for metric, values in (*metrics.items(), *v1.items()):
        choose(metric, PREDICTED, f"a metric in {path}")
        if not isinstance(values, dict):
            raise ValueError(f"{metric} in {path} must be a mapping, got {values!r}")
    try:
        ranges = {name: Range(**value) for name, value in search.items()}
    except (TypeError, ValueError) as error:
        raise ValueError(f"search in {path} must have entries such as 'name: {{low: 1, high: 9}}': {error}") from error
    return Config(family, ranges, defaults, trial, metrics, v1)


def save_config(config: Config, directory: Path | None = None) -> Path:
    """Writes a family's file, in one step, so that a reader never sees half of it.

    The comment at the head of an existing file is kept; other comments are lost.

    Returns:
        The file.
    """
    path = _path(config.family, directory)
    content = {
        "family": config.family,
        "search": {name: _without_default(values) for name, values in config.search.items()},
        "defaults": dict(config.defaults),
        **({"trial": dict(config.trial)} if config.trial else {}),
        "metrics": {metric: dict(values) for metric, values in config.metrics.items()},
        **({"v1": {metric: dict(values) for metric, values in config.v1.items()}} if config.v1 else {}),
    }
    text = _head(path) + yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=120)
    write_atomically(path, text.encode())
    return path


def _path(family: str, directory: Path | None) -> Path:
    choose(family, FAMILIES, "family")
    if directory is None:
        directory = Path(str(resources.files("anb_gym.configs"))) / "surrogates"
    return Path(directory) / f"{family}.yaml"


def _without_default(values: Range) -> dict[str, Any]:
    ends = {"low": values.low, "high": values.high}
    return {**ends, "log": True} if values.log else ends


def _head(path: Path) -> str:
    """The lines of comment that a file starts with."""
    if not path.exists():
        return ""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    count = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "".join(lines[:count])
