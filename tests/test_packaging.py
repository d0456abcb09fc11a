"""The distribution's own consistency."""

import configparser
import re
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_every_requirement_is_pinned() -> None:
    """scripts/setup_venv.sh installs the pins alone, so one that is missing is a package that is missing."""
    packaging = pytest.importorskip("packaging.requirements")
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = dict(setup["options.extras_require"])
    # torchvision and torch_xla do not load beside the pinned torch; a cluster's packages belong on a cluster; SMAC3 is
    # built from source where it is installed, and importing Nevergrad and TorchRL takes as long as many tests.
    for elsewhere in ("imagenet", "tpu", "cluster", "smac", "nevergrad", "torchrl"):
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


@pytest.fixture(scope="module")
def long_description() -> Callable[[str, str | None], str]:
    """The function of setup.py."""
    return runpy.run_path(str(ROOT / "setup.py"))["long_description"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (None, "See docs and [paper](https://a.b/c).\n\n\n\n[above](#top)"),
        (
            "https://a.b/p",
            "See [docs](https://a.b/p/blob/HEAD/docs/README.md#x) and [paper](https://a.b/c).\n\n"
            "![two\nlines](https://a.b/p/raw/HEAD/a.png)\n\n[above](#top)",
        ),
    ],
)
def test_links_to_files_are_absolute_or_go(
    source: str | None, expected: str, long_description: Callable[[str, str | None], str]
) -> None:
    readme = "See [docs](docs/README.md#x) and [paper](https://a.b/c).\n\n![two\nlines](a.png)\n\n[above](#top)"
    assert long_description(readme, source) == expected
