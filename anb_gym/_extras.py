"""Optional dependencies: one clear error when an extra is not installed."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


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
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        message = f"the module {error.name!r} is needed and not installed; run: pip install 'anb_gym[{extra}]'"
        raise ModuleNotFoundError(message, name=error.name) from error
