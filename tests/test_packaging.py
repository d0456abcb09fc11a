"""The distribution's own consistency."""

import configparser
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_every_requirement_is_pinned() -> None:
    """scripts/setup_venv.sh installs the pins alone, so one that is missing is a package that is missing."""
    packaging = pytest.importorskip("packaging.requirements")
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = dict(setup["options.extras_require"])
    # torchvision and torch_xla do not load beside the pinned torch; a cluster's packages belong on a cluster.
    for elsewhere in ("imagenet", "tpu", "cluster"):
        del extras[elsewhere]
    groups = [setup["options"]["install_requires"], *extras.values()]
    pins = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, version = line.split("==")
            pins[_canonical(name)] = version
    for requirement in (packaging.Requirement(line) for group in groups for line in group.split("\n") if line):
        if requirement.name != "anb_gym":
            assert requirement.specifier.contains(pins.get(_canonical(requirement.name), "0")), requirement


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
