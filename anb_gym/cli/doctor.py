"""The command ``doctor``: what is installed, what is missing, and where files are."""

from __future__ import annotations

import argparse
import os
import platform
import re
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any, Final

from anb_gym._extras import EXTRAS
from anb_gym._files import user_folder, writing_into
from anb_gym.cli._options import add_json, print_json
from anb_gym.devices import DEVICES, LEFT_OUT
from anb_gym.surrogates.store import FAMILIES

#: A requirement as metadata have it: a name, perhaps extras, a version and the extra that it belongs to.
_REQUIREMENT: Final = re.compile(
    r"""(?P<name>[\w.-]+)\s*(?:\[(?P<extras>[^]]*)\])?\s*\(?(?P<bounds>[^;)]*)\)?"""
    r"""\s*;\s*extra\s*==\s*["'](?P<extra>[\w-]+)["']"""
)
_AT_LEAST: Final = re.compile(r">=\s*([\d.]+)")


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    doctor = commands.add_parser("doctor", help="say what is installed and what each extra gives")
    add_json(doctor)
    doctor.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    found = examined()
    if options.json:
        print_json(found)
        return
    packages = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    print(f"{packages}\n")
    width = max(map(len, EXTRAS))
    for name, extra in found["extras"].items():
        state = "installed" if not extra["missing"] else "missing"
        print(f"{name:{width}}  {state:9}  {extra['gives']}")
        if extra["missing"]:
            print(f"{'':{width}}  {'':9}  lacks {', '.join(extra['missing'])}; pip install 'anb_gym[{name}]'")
    print(f"\nyour folder  {found['home']['path']}, {found['home']['state']}")
    print(f"dataset      {found['dataset'] or 'not named by $ANB_GYM_DATASET; needed to fit surrogates only'}")
    print(f"devices      {', '.join(found['devices'])}")
    for reason in found["left_out"]:
        print(f"left out     {reason}")
    print(f"surrogates   {', '.join(found['surrogates'])}")


def examined() -> dict[str, Any]:
    """What is here: versions, extras with what they lack, folders, devices, families of surrogates."""
    names = ("anb_gym", "numpy", "gymnasium")
    versions = {"Python": platform.python_version(), **{name: version(name) for name in names}}
    extras = {name: {"gives": gives, "missing": _missing(name)} for name, gives in EXTRAS.items()}
    home = user_folder()
    try:
        with writing_into(home):
            state = "can be written"
    except OSError as error:
        state = f"cannot be written: {error.strerror or error}; name another with $ANB_GYM_HOME"
    return {
        "versions": versions,
        "extras": extras,
        "home": {"path": str(home), "state": state},
        "dataset": os.environ.get("ANB_GYM_DATASET"),
        "devices": list(DEVICES),
        "left_out": [str(folder.reason) for folder in LEFT_OUT],
        "surrogates": list(FAMILIES),
    }


@cache
def _required() -> dict[str, list[tuple[str, list[str], str]]]:
    """Name, extras and bounds of what each extra of this package requires."""
    found: dict[str, list[tuple[str, list[str], str]]] = {}
    for text in requires("anb_gym") or []:
        if (part := _REQUIREMENT.match(text)) is not None:
            extras = [name.strip() for name in (part["extras"] or "").split(",") if name.strip()]
            found.setdefault(part["extra"], []).append((part["name"], extras, part["bounds"]))
    return found


def _missing(extra: str) -> list[str]:
    """What of an extra is not installed, or too old."""
    missing: dict[str, None] = {}
    for name, extras, bounds in _required().get(extra, []):
        if re.sub("[-_.]+", "-", name).lower() == "anb-gym":
            missing |= dict.fromkeys(text for inner in extras for text in _missing(inner))
            continue
        try:
            here = version(name)
        except PackageNotFoundError:
            missing[name] = None
            continue
        least = _AT_LEAST.search(bounds)
        if least is not None and _numbers(here) < _numbers(least[1]):
            missing[f"{name}>={least[1]} (here {here})"] = None
    return list(missing)


def _numbers(text: str) -> list[int]:
    """A version's numbers, as far as they are such: 2.13.0+cpu is 2, 13, 0."""
    return [int(number) for number in re.match(r"[\d.]*", text)[0].split(".") if number]  # type: ignore[index]
