"""Controllers to compare with: random and local search, evolution, policy gradients, Bayesian, those of libraries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from anb_gym._errors import choose
from anb_gym._lazy import submodules
from anb_gym.study.controllers import check_settings, make_controller
from anb_gym.study.protocol import Brief, Controller

__all__ = ["BASELINES", "Baseline", "make"]


@dataclass(frozen=True, slots=True)
class Baseline:
    """A controller that ships: where it is, and what it is for.

    Attributes:
        target: ``"module:Class"``. The class documents the settings and holds their defaults.
        fewest: The fewest objectives that it can take.
        most: The most objectives that it can take, None for any number.
        fidelities: Whether it needs a task with several fidelities, and buys evaluations at them.
    """

    target: str
    fewest: int = 1
    most: int | None = None
    fidelities: bool = False

    def suits(self, n_objectives: int) -> bool:
        """Whether it can take so many objectives, on a task with one fidelity."""
        return not self.fidelities and self.fewest <= n_objectives and (self.most is None or n_objectives <= self.most)


#: All baselines by name. Their modules are imported when one is made.
BASELINES: Final[Mapping[str, Baseline]] = MappingProxyType(
    {
        "random_search": Baseline(f"{__name__}.random_search:RandomSearch"),
        "regularized_evolution": Baseline(f"{__name__}.regularized_evolution:RegularizedEvolution", most=1),
        "reinforce": Baseline(f"{__name__}.reinforce:Reinforce", most=1),
        "local_search": Baseline(f"{__name__}.local_search:LocalSearch", most=1),
        "relaxation": Baseline(f"{__name__}.relaxation:Relaxation", most=1),
        "tpe": Baseline(f"{__name__}.optuna_samplers:TPE", most=1),
        "block_gp": Baseline(f"{__name__}.block_gp:BlockGP", most=1),
        "nsga2": Baseline(f"{__name__}.pymoo_algorithms:NSGA2Controller", fewest=2),
        "moead": Baseline(f"{__name__}.pymoo_algorithms:MOEADController", fewest=2),
        "sms_emoa": Baseline(f"{__name__}.pymoo_algorithms:SMSEMOAController", fewest=2, most=5),
        "motpe": Baseline(f"{__name__}.optuna_samplers:MOTPE", fewest=2),
        "bananas": Baseline(f"{__name__}.bananas:BANANAS", most=1),
        "smac": Baseline(f"{__name__}.smac_forest:SMAC", most=1),
        "botorch": Baseline(f"{__name__}.botorch_processes:BoTorch", most=4),
        "parego": Baseline(f"{__name__}.botorch_processes:ParEGO", fewest=2),
        "archive_evolution": Baseline(f"{__name__}.archive_evolution:ArchiveEvolution", fewest=2),
        "proxy_local_search": Baseline(f"{__name__}.proxy_local_search:ProxyLocalSearch", most=1, fidelities=True),
        "successive_halving": Baseline(f"{__name__}.hyperband:SuccessiveHalving", most=1, fidelities=True),
        "hyperband": Baseline(f"{__name__}.hyperband:Hyperband", most=1, fidelities=True),
        "two_fidelity_gp": Baseline(f"{__name__}.two_fidelity_gp:TwoFidelityGP", most=1, fidelities=True),
    }
)


def make(name: str, brief: Brief, rng: np.random.Generator, **settings: Any) -> Controller:
    """Makes a baseline.

    Args:
        name: One of :data:`BASELINES`.
        brief: How many objectives and evaluations there will be.
        rng: Source of all its randomness.
        settings: Settings of its class, by default the paper's.

    Raises:
        ValueError: The name or a setting is unknown, a setting is out of range, or the baseline is not for so
            many objectives.
        ModuleNotFoundError: An extra is not installed; the message names it.

    Example:
        >>> controller = make("regularized_evolution", Brief(1, budget=50), np.random.default_rng(0), sample_size=10)
        >>> controller.ask(1).shape
        (1, 28)
    """
    target = BASELINES[choose(name, BASELINES, "controller")].target
    check_settings(target, settings)
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng must be a numpy.random.Generator, got {rng!r}")
    return make_controller(target, brief, rng, settings)


__getattr__, __dir__ = submodules(__name__, "study")
