"""The families of regression models that surrogates are fitted from, by name.

A family is imported when it is first asked for; all need ``pip install 'anb_gym[fit]'``.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

from anb_gym._errors import choose
from anb_gym._extras import require
from anb_gym._lazy import submodules
from anb_gym.construction.families.base import FoldableRegressor, Regressor
from anb_gym.surrogates import FAMILIES as QUERIED

#: Where each family is defined: its name -> module and class.
_CLASSES: Final = {
    "gp": ("gp", "AdditiveGP"),
    "xgb": ("trees", "XGBoost"),
    "lgb": ("trees", "LightGBM"),
    "rf": ("forest", "RandomForest"),
    "eps_svr": ("kernel_machines", "EpsilonSVR"),
    "nu_svr": ("kernel_machines", "NuSupportVectorRegression"),
}

#: The names of all families.
FAMILIES: Final = tuple(_CLASSES)
#: Those whose fitted models fold into block tables: what queries can read.
FOLDABLE: Final = QUERIED


def make_family(name: str, **hyperparameters: Any) -> Regressor:
    """An unfitted model of a family.

    Args:
        name: One of :data:`FAMILIES`, or ``"module:Class"`` of one's own, a dataclass that is a :class:`Regressor`.
        hyperparameters: Any of the family's fields; the others keep their defaults.

    Raises:
        ValueError: The name or a hyperparameter is unknown; the message suggests the nearest.
        ModuleNotFoundError: The extra ``fit`` is not installed.
    """
    if ":" in str(name):
        module, _, class_name = str(name).partition(":")
    else:
        module, class_name = _CLASSES[choose(name, FAMILIES, "name")]
        module = f"{__name__}.{module}"
    family = getattr(require(module, "fit"), class_name)
    known = [field.name for field in fields(family) if field.init]
    for hyperparameter in hyperparameters:
        choose(hyperparameter, known, f"a hyperparameter of {name!r}")
    model: Regressor = family(**hyperparameters)
    return model


__all__ = ["FAMILIES", "FOLDABLE", "FoldableRegressor", "Regressor", "make_family"]

__getattr__, __dir__ = submodules(__name__, "fit")
