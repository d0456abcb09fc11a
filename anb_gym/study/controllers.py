"""Controllers found by where their class is: ``"module:Class"`` or ``"folder/file.py:Class"``."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from anb_gym._errors import choose, integer
from anb_gym.study.protocol import Brief, Controller


def load_class(path: str, argument: str = "controller") -> type[Any]:
    """The class at a path; of a file that was edited since, the class as it is now.

    Args:
        path: ``"module:Class"``, or ``"file.py:Class"`` with a path of a file.
        argument: What errors call it.

    Raises:
        ValueError: The path has another form, or there is no such module, file or class. What the module itself
            raises while it is imported passes through.
    """
    place, _, name = path.rpartition(":")
    if not place or not name.isidentifier():
        known = "the name of a baseline" if argument == "controller" else "a name"
        raise ValueError(f"{argument} must be {known}, 'module:Class' or 'file.py:Class', got {path!r}")
    source = source_of(path, argument)
    module = _load_module(place, argument) if source is None else _load_file(Path(place), source, argument)
    classes = [key for key, value in vars(module).items() if isinstance(value, type)]
    found: type[Any] = getattr(module, choose(name, classes, f"the class in {place}"))
    return found


def source_of(path: str, argument: str = "controller") -> str | None:
    """SHA-256 of the file of a controller ``"file.py:Class"``; None for one in a module, whose package has a version.

    Raises:
        ValueError: There is no such file.
    """
    file = Path(path.rpartition(":")[0])
    if file.suffix != ".py":
        return None
    if not file.is_file():
        raise ValueError(f"{argument} must be in a file that exists, there is no {str(file)!r}")
    return hashlib.sha256(file.read_bytes()).hexdigest()


def place_of(path: str) -> str:
    """Where a class is, for people: of a file without its folder, which says nothing of what the class does."""
    place, _, name = path.rpartition(":")
    return f"{Path(place).name}:{name}" if place.endswith(".py") else path


def identity_of(path: str) -> str:
    """What of a path makes runs others: a module and its class; of a file the class alone, :func:`source_of` is its."""
    place, _, name = path.rpartition(":")
    return f".py:{name}" if place.endswith(".py") else path


def make_controller(path: str, brief: Brief, rng: np.random.Generator, settings: Mapping[str, Any]) -> Controller:
    """Makes a controller; what its class raises passes through."""
    controller: Controller = load_class(path)(brief, rng, **settings)
    return controller


def make_agent(path: str, assignment: Mapping[str, Any], settings: Mapping[str, Any]) -> Any:
    """Makes an agent, see :class:`anb_gym.study.protocol.Searcher`; what its class raises passes through."""
    return load_class(path).make(assignment, settings)


def batch_size(controller: Controller) -> int:
    """Number of evaluations that a controller wants at a time, which is checked.

    Raises:
        ValueError: It is not an integer of at least 1.
    """
    return integer(getattr(controller, "batch_size", None), 1, "batch_size")


def check_protocol(controller: Controller) -> None:
    """Checks that a controller has what every one must have.

    Raises:
        ValueError: It lacks a method, or its batch size is not an integer of at least 1.
    """
    for method in ("ask", "tell"):
        if not callable(getattr(controller, method, None)):
            raise ValueError(f"{type(controller).__name__} must have the method {method!r}")
    batch_size(controller)


def is_agent(found: type[Any]) -> bool:
    """Whether a class is that of an agent, which searches by itself; else it is that of a controller."""
    return hasattr(found, "search")


def check_settings(path: str, settings: Mapping[str, Any]) -> None:
    """Checks the names of settings against the arguments of a class, that of a controller or an agent.

    Raises:
        ValueError: The class has no such setting, or needs one that is not there.
    """
    found = load_class(path)
    # After brief and rng, or an agent's assignment.
    parameters = list(inspect.signature(found).parameters.values())[1 if is_agent(found) else 2 :]
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    known = [parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_POSITIONAL]
    for setting in settings:
        if not known:
            raise ValueError(f"{path} has no settings, got {setting!r}")
        choose(setting, known, f"a setting of {path}")
    missing = [p.name for p in parameters if p.name in known and p.default is p.empty and p.name not in settings]
    if missing:
        raise ValueError(f"{path} needs the setting {missing[0]!r}")


def _load_module(name: str, argument: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        # A module that the controller imports and that is missing is another matter: its own error says more.
        if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
            raise
        raise ValueError(f"{argument} must be in a module that Python finds, there is no {name!r}") from None


@cache
def _load_file(path: Path, source: str, argument: str) -> ModuleType:
    # A name of its own, so that two files of the same name, or a module of that name, do not meet.
    name = f"{path.stem}_{hashlib.sha256(f'{path.resolve()} {source}'.encode()).hexdigest()[:12]}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{argument} must be in a Python file, got {str(path)!r}")
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look their module up by name
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
