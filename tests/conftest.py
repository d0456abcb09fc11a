"""Fixtures shared by all tests."""

import atexit
import gc
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

from anb_gym.construction.dataset import VARIABLE, Dataset, load_dataset
from anb_gym.construction.three_seeds import FILE_NAME, ThreeSeeds, find_three_seeds, load_three_seeds

# Modules that tests share are imported by name; see --import-mode.
sys.path.insert(0, str(Path(__file__).parent))

# What tests make goes into a folder of their own, and nobody's own fronts are read.
os.environ["ANB_GYM_HOME"] = tempfile.mkdtemp(prefix="anb_gym-tests-")
atexit.register(shutil.rmtree, os.environ["ANB_GYM_HOME"], ignore_errors=True)

# Tests interrupt this process; where they run in the background it would inherit that Ctrl-C is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Workers share two cores with each other, so wall time says nothing about an example.
settings.register_profile("tests", deadline=None, derandomize=True)
settings.load_profile("tests")


def pytest_collection_finish() -> None:
    """What has been imported stays: no later search for garbage looks at it, which would take half a second."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    """The published dataset; tests that need it are skipped where no copy is at hand."""
    path = os.environ.get(VARIABLE)
    if not path:
        pytest.skip(f"{VARIABLE} is not set: it names a copy of the Accel-NASBench archive")
    return load_dataset(path)


@pytest.fixture(scope="session")
def three_seeds() -> ThreeSeeds:
    """The published trainings under both schemes; tests that need them are skipped where no copy is at hand."""
    if find_three_seeds() is None:
        pytest.skip(f"no {FILE_NAME} is at hand: name one with ANB_GYM_THREE_SEEDS, or put it beside the archive")
    return load_three_seeds()
