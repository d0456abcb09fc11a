"""Optional dependencies: one clear error when an extra is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Final

#: The extras, and what each gives.
EXTRAS: Final = {
    "agents": "agents of Stable-Baselines3, training and reports",
    "zoo": "rl-zoo3 with our settings",
    "study": "controllers, studies, leaderboards, comparisons",
    "pareto": "hypervolumes, pymoo, plots",
    "exact": "certified optima and fronts of one's own tables and worlds, compiled queries",
    "render": "pictures and videos of episodes",
    "multiagent": "PettingZoo's environments",
    "morl": "MO-Gymnasium's conformance and wrappers",
    "bayes": "BoTorch's controllers",
    "smac": "SMAC3's controller",
    "bridges": "ConfigSpace, Optuna and pymoo, from here and back",
    "nevergrad": "Nevergrad's parametrisation",
    "torch": "tables and environments on PyTorch's tensors",
    "torchrl": "environments of TorchRL",
    "jax": "tables and environments on JAX's arrays",
    "fit": "fitting surrogates to the dataset or a device of one's own",
    "construction": "training-proxy search, data collection, probes",
    "cluster": "collection on clusters",
    "imagenet": "training on ImageNet",
    "tpu": "measuring on TPUs",
    "terminal": "colours of anb-gym show, completion in shells",
    "all": "all but those for special machines",
    "docs": "the documentation site",
    "dev": "tests and checks of this project",
}


@contextmanager
def needing(extra: str) -> Iterator[None]:
    """A context for imports that need an extra of this package, such as ``"fit"``.

    Raises:
        ModuleNotFoundError: A module is not installed; the message names the pip command.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        message = f"the module {error.name!r} is needed and not installed; run: pip install 'anb_gym[{extra}]'"
        raise ModuleNotFoundError(message, name=error.name) from error


def is_installed(module: str) -> bool:
    """Whether a module of some extra is there, without importing it."""
    return find_spec(module) is not None


def require(module: str, extra: str) -> ModuleType:
    """Imports a module that an extra of this package installs.

    Args:
        module: Dotted name of the module.
        extra: The extra that installs it, such as ``"fit"``.

    Returns:
        The module.

    Raises:
        ModuleNotFoundError: It is not installed; the message names the pip command.
    """
    with needing(extra):
        return import_module(module)
