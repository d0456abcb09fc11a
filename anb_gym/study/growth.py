"""What makes a study the same study: it may grow by controllers, tasks and seeds, and nothing else may change.

Descriptions are those of :func:`anb_gym.study.runner.describe`. A folder remembers all controllers and tasks that it
ever had, by name; a name stands for one thing. Paths do not matter: a controller in a file is its class's name and the
file's content, which every finished run remembers, so a project can be moved.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from reprlib import repr as shorten
from typing import Any, Final

from anb_gym.study.controllers import identity_of

#: Where descriptions grow: what one has and the other has not is no contradiction. Tables of more metrics come with
#: tasks, packages with agents.
_GROWING: Final = ("configuration.controllers", "configuration.tasks", "tasks", "versions")
_TABLES: Final = "versions.surrogates"


def contradictions(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """What keeps a study from being another one that has grown, in one line; empty if nothing does.

    Args:
        old: What the study was.
        new: What it is to be.
    """
    return summary_of_differences(_comparable(old), _comparable(json.loads(json.dumps(new))), growing=True)


def grown(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """A description of all that a study has had and now has; arguments as of :func:`contradictions`, with none."""
    result: dict[str, Any] = _union(old, json.loads(json.dumps(new)))
    seeds = [d["configuration"]["seeds"] for d in (old, new) if "seeds" in d.get("configuration", {})]
    if seeds:
        result["configuration"]["seeds"] = list(dict.fromkeys(seed for some in seeds for seed in some))
    return result


def comparable_run(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The conditions of a run without what does not matter: in which folder the controller's file is."""
    controller = configuration["controller"]
    return {**configuration, "controller": {**controller, "path": identity_of(controller["path"])}}


def summary_of_differences(old: Any, new: Any, growing: bool = False) -> str:
    """Difference of two values of JSON, in one line; empty if there is none.

    Args:
        old: What is there.
        new: What is here.
        growing: Whether they are descriptions of which one may have more than the other.
    """
    differences = list(_differences(old, json.loads(json.dumps(new)), growing))
    more = f" and {len(differences) - 3} more" if len(differences) > 3 else ""
    return f"{'; '.join(differences[:3])}{more}"


def _comparable(description: Mapping[str, Any]) -> dict[str, Any]:
    """A description without what may change: seeds, which controllers a task is for, where files are."""
    configuration = description.get("configuration", {})
    controllers, tasks = configuration.get("controllers", {}), configuration.get("tasks", {})
    changed = {
        "controllers": {name: {**c, "path": identity_of(c["path"])} for name, c in controllers.items()},
        "tasks": {name: {k: v for k, v in task.items() if k != "controllers"} for name, task in tasks.items()},
    }
    kept = {key: value for key, value in configuration.items() if key != "seeds"}
    return {**description, "configuration": {**kept, **changed}}


def _grows(place: str) -> bool:
    return place in _GROWING or place == _TABLES or place.startswith(f"{_TABLES}.")


def _differences(old: Any, new: Any, growing: bool, place: str = "") -> Iterator[str]:
    """Differences of two values of JSON."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            if (key in old and key in new) or not (growing and _grows(place)):
                yield from _differences(old.get(key), new.get(key), growing, f"{place}.{key}" if place else str(key))
    elif old != new:
        yield f"{place} is {shorten(old)} there and {shorten(new)} here"


def _union(old: Any, new: Any, place: str = "") -> Any:
    """The new value, with what the old one has beside where descriptions grow."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    beside = {key: value for key, value in old.items() if key not in new} if _grows(place) else {}
    return beside | {
        key: _union(old.get(key), value, f"{place}.{key}" if place else str(key)) for key, value in new.items()
    }
