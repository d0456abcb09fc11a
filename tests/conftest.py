"""Fixtures shared by all tests."""

import os

import pytest
from hypothesis import settings

from anb_gym.construction.dataset import VARIABLE, Dataset, load_dataset

# Workers share two cores with each other, so wall time says nothing about an example.
settings.register_profile("tests", deadline=None, derandomize=True)
settings.load_profile("tests")


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    """The published dataset; tests that need it are skipped where no copy is at hand."""
    path = os.environ.get(VARIABLE)
    if not path:
        pytest.skip(f"{VARIABLE} is not set: it names a copy of the Accel-NASBench archive")
    return load_dataset(path)
