"""Modules of a package that are there when they are named, and cost nothing before."""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Callable, Collection
from importlib import import_module
from types import ModuleType

from anb_gym._extras import require


def submodules(
    package: str, extra: str | None = None, elsewhere: Collection[str] = ()
) -> tuple[Callable[[str], ModuleType], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package (PEP 562) that imports its modules when they are first named.

    Args:
        package: Its name.
        extra: The extra that its modules need, which errors name.
        elsewhere: Modules of it that lie in another folder.
    """
    module = sys.modules[package]

    def __getattr__(name: str) -> ModuleType:
        full = f"{package}.{name}"
        if not name.startswith("_"):
            try:
                return require(full, extra) if extra else import_module(full)
            except ModuleNotFoundError as error:
                if error.name != full:
                    raise
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        public = [found.name for found in pkgutil.iter_modules(module.__path__) if not found.name.startswith("_")]
        return sorted({*vars(module), *public, *elsewhere})

    return __getattr__, __dir__
