"""Importing the library is cheap and brings no extra with it."""

import importlib
import subprocess
import sys

import pytest

EXTRAS = [
    "torch",
    "xgboost",
    "lightgbm",
    "sklearn",
    "scipy",
    "pandas",
    "matplotlib",
    "numba",
    "stable_baselines3",
    "sb3_contrib",
    "pettingzoo",
    "pymoo",
    "pyarrow",
    "moocore",
    "mo_gymnasium",
    "gpytorch",
    "optuna",
    "pooch",
    "joblib",
    "yaml",
    "tqdm",
]
QUERY = "anb_gym.Benchmark().query(anb_gym.EFFICIENTNET_B0, noise=0, std=True)"


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("then", ["", QUERY], ids=["import", "query"])
def test_core_needs_no_extra(then: str) -> None:
    code = f"import sys, anb_gym; {then}\nprint(*(name for name in {EXTRAS} if name in sys.modules))"
    assert run(code).split() == []


def test_import_is_quick() -> None:
    """Quicker than gymnasium and numpy, without which nobody imports it. Processor time, best of three."""
    code = """
import time
start = time.process_time()
import gymnasium, numpy
between = time.process_time()
import anb_gym
print((time.process_time() - between) / (between - start))
"""
    assert min(float(run(code)) for _ in range(3)) < 1


def test_modules_are_there_when_they_are_named_and_not_before() -> None:
    code = """
import sys, anb_gym
assert not [name for name in ("agents", "baselines", "study", "construction") if f"anb_gym.{name}" in sys.modules]
assert anb_gym.study.config.StudyConfig is sys.modules["anb_gym.study.config"].StudyConfig
assert {"agents", "baselines", "rewards", "study"} < set(dir(anb_gym))
assert "protocol" in dir(anb_gym.study)
assert not hasattr(anb_gym, "nonsense") and not hasattr(anb_gym, "__wrapped__")
"""
    run(code)


def test_a_module_that_needs_an_extra_names_it() -> None:
    """And none of the package's own level does: `help(anb_gym)` names them all."""
    code = f"""
import sys
sys.modules |= dict.fromkeys({EXTRAS})
import anb_gym
for name in dir(anb_gym):
    getattr(anb_gym, name)
try:
    anb_gym.construction.targets
except ModuleNotFoundError as error:
    print(error)
"""
    assert run(code).endswith("run: pip install 'anb_gym[construction]'\n")


@pytest.mark.parametrize("room", ["construction", "envs", "problems", "rewards", "study", "surrogates"])
def test_rooms_have_a_face(room: str) -> None:
    """What a room offers is there, is listed, and is said to be there in its docstring."""
    face = importlib.import_module(f"anb_gym.{room}")
    if room in ("construction", "study"):
        pytest.importorskip("pandas", reason="what these rooms offer needs extras")
    assert set(face.__all__) <= set(dir(face))
    assert all(getattr(face, name) is not None for name in face.__all__)
    assert len((face.__doc__ or "").splitlines()) > 2
