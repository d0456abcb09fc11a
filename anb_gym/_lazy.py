"""Modules and names of a package that are there when they are named, and cost nothing before."""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

from anb_gym._extras import require


def submodules(
    package: str,
    extra: str | None = None,
    elsewhere: Collection[str] = (),
    names: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package (PEP 562) that imports its modules when they are first named.

    Args:
        package: Its name.
        extra: The extra that its modules need, which errors name.
        elsewhere: Modules of it that lie in another folder.
        names: By module, what the package offers of it under its own name.
    """
    module = sys.modules[package]
    homes = {name: home for home, offered in names.items() for name in offered}

    def __getattr__(name: str) -> Any:
        if name in homes:
            return getattr(__getattr__(homes[name]), name)
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
        return sorted({*vars(module), *public, *elsewhere, *homes})

    return __getattr__, __dir__
