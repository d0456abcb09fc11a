"""The wheel, installed as a user has it: away from the checkout, with the extras that are asked for and no others."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, PathDistribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
#: What a wheel is built from; a copy of it is, because setuptools leaves a folder `build` with files of earlier builds.
SOURCES = ("anb_gym", "agents", "baselines", "configs", "setup.cfg", "setup.py", "pyproject.toml", "README.md")
LICENCES = ("LICENSE", "NOTICE")


@dataclass(frozen=True)
class Installation:
    """A virtual environment with the wheel, and folders of packages beside it, one per set of extras.

    Attributes:
        folder: Where all of it is.
    """

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Installation:
        """Builds and installs the wheel, unless the folder has it."""
        made = cls(folder)
        done = folder / "done"
        if not done.exists():
            build_wheel(folder)
            venv.create(folder / "venv", with_pip=False, symlinks=True)
            # --python installs into the environment, which needs no pip for it.
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", made.bin / "python"]
            run([*pip, "install", "-qq", "--no-deps", "--no-index", "--no-compile", made.wheel])
            made._keep_machine_code()
            done.touch()
        return made

    @property
    def wheel(self) -> Path:
        """The wheel's file."""
        (path,) = self.folder.glob("*.whl")
        return path

    @property
    def bin(self) -> Path:
        """Where `python` and `anb-gym` are."""
        return self.folder / "venv" / ("Scripts" if os.name == "nt" else "bin")

    @property
    def distribution(self) -> Distribution:
        """The installed distribution's metadata."""
        (path,) = self.folder.glob("venv/lib/python*/site-packages/anb_gym-*.dist-info")
        return PathDistribution(path)

    def changed(self) -> set[str]:
        """Files of the installed package that were written, changed or removed since; compiled code does not count."""
        site = self.distribution.locate_file("")
        shipped = {str(file): file.size for file in self.distribution.files or () if file.parts[0] == "anb_gym"}
        there = {
            path.relative_to(site).as_posix(): path.stat().st_size
            for path in Path(str(site), "anb_gym").rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        return {name for name, _ in shipped.items() ^ there.items()}

    def environment(self, extras: Collection[str], home: Path) -> dict[str, str]:
        """Environment variables of a shell in which the package is installed with these extras, offline.

        Args:
            extras: Names of extras.
            home: The user's own folder.
        """
        home.mkdir(exist_ok=True)
        kept = ("LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR")
        threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
        return {
            **{name: os.environ[name] for name in kept if name in os.environ},
            **dict.fromkeys(threads, "1"),
            **dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9"),  # nothing listens there
            "PATH": os.pathsep.join([str(self.bin), *os.defpath.split(os.pathsep)]),
            "PYTHONPATH": str(self._packages(sorted(extras))),
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "MPLBACKEND": "Agg",
            "MPLCONFIGDIR": str(self.folder / "matplotlib"),  # its list of fonts takes two seconds to make
            "SDL_VIDEODRIVER": "dummy",
        }

    def _keep_machine_code(self) -> None:
        """Gives the wheel what numba has compiled for the checkout: a quarter of a minute, if tests have used it.

        It tells a module by its size and time, and whatever does not fit it compiles anew.
        """
        source, installed = ROOT / "anb_gym" / "exact", Path(str(self.distribution.locate_file("anb_gym/exact")))
        for module in source.glob("*.py"):
            shutil.copystat(module, installed / module.name)
        (installed / "__pycache__").mkdir(exist_ok=True)
        for code in source.glob("__pycache__/*.nb[ci]"):
            shutil.copy2(code, installed / "__pycache__")

    def _packages(self, extras: list[str]) -> Path:
        """A folder of links to what `pip install anb_gym[extras]` would install beside the package."""
        packages = self.folder / "-".join(["packages", *extras])
        if packages.exists():
            return packages
        assert set(extras) <= set(self.distribution.metadata.get_all("Provides-Extra") or ()), extras
        making = packages.with_name(f"{packages.name}.{os.getpid()}")
        making.mkdir()
        for found in requirements(self.distribution, extras):
            for top in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
                if not (making / top).exists():
                    (making / top).symlink_to(Path(str(found.locate_file(top))))
        try:
            making.rename(packages)
        except OSError:  # another process was faster
            shutil.rmtree(making)
        return packages


def build_wheel(folder: Path) -> None:
    """Builds the wheel of the checkout into a folder."""
    source = folder / "source"
    for name in (*SOURCES, *LICENCES):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "-qq"]
    run([*pip, "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, source])
    shutil.rmtree(source)


def requirements(package: Distribution, extras: Collection[str]) -> list[Distribution]:
    """All distributions that a package with extras needs, as far as this Python has them."""
    found: dict[str, Distribution] = {}
    seen = set()
    todo = [(package, extra) for extra in ("", *extras)]
    while todo:
        parent, extra = todo.pop()
        for requirement in map(Requirement, parent.requires or ()):
            if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
                continue
            name = re.sub(r"[-_.]+", "-", requirement.name).lower()
            if name == "anb-gym":
                needed = package
            else:
                try:
                    needed = distribution(name)
                except PackageNotFoundError:
                    continue  # of another platform, or an extra that needs one
                found[name] = needed
            wanted = {(name, item) for item in ("", *requirement.extras)} - seen
            seen |= wanted
            todo += [(needed, item) for _, item in wanted]
    return list(found.values())


def run(command: list[str | Path]) -> None:
    """Runs a command that has to succeed."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{command}: {result.stderr}"
