"""Fixtures of the tests of documents: the package as a user has it."""

import sys
from pathlib import Path

import pytest
from filelock import FileLock

# With --import-mode=importlib the modules beside this one are found by path alone.
sys.path.insert(0, str(Path(__file__).parent))

from installation import Installation


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The wheel of this checkout in an environment of its own, made once for all processes that run tests."""
    shared = tmp_path_factory.getbasetemp()
    if shared.name.startswith("popen-"):  # a process of pytest-xdist: the folder above is common to all
        shared = shared.parent
    with FileLock(shared / "installation.lock"):
        return Installation.make(shared / "installation")
