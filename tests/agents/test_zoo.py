"""Settings of agents are what RL Zoo reads, and it trains and enjoys agents with them."""

import importlib.util
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

from anb_gym.agents.registry import AGENTS, find
from anb_gym.agents.zoo import load_settings, settings_file
from anb_gym.envs.families import ids

for package in ("torch", "stable_baselines3", "sb3_contrib", "yaml"):
    pytest.importorskip(package)

NAMES = [name for name, path in AGENTS.items() if path.startswith("anb_gym.agents.sb3:")]
#: Names of algorithms in RL Zoo, with steps enough for an update.
STEPS = {"ppo": 64, "ppo_lstm": 224, "maskable_ppo": 224, "trpo": 64, "a2c": 64, "dqn": 128, "qrdqn": 128}
#: RL Zoo trains and enjoys by the files, in one process; an algorithm that it has not is added as its manual says.
ZOO = """
import sys
import rl_zoo3
from sb3_contrib import MaskablePPO
from rl_zoo3.enjoy import enjoy
from rl_zoo3.train import train
rl_zoo3.ALGOS["maskable_ppo"] = MaskablePPO
configs, *runs = sys.argv[1:]
for run in runs:
    name, env_id, steps = run.split()
    given = ["--algo", name, "--env", env_id, "-f", "logs", "--gym-packages", "anb_gym", "--num-threads", "1"]
    sys.argv = ["train", *given, "-conf", f"{configs}/{name}.yaml", "-n", steps, "--eval-freq", "-1", "--seed", "1"]
    train()
    sys.argv = ["enjoy", *given, "-n", "28", "--no-render"]
    enjoy()
    print(run)
"""


def _environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


@pytest.mark.parametrize("name", NAMES)
def test_files_have_settings_of_the_algorithm(name: str) -> None:
    _, found = find(name)
    known = inspect.signature(found._class().__init__).parameters  # type: ignore[attr-defined]
    for id in (id for id in ids() if not (name == "recurrent_ppo" and "Edit" in id)):  # which it refuses
        settings = load_settings(settings_file(found.zoo), id)  # type: ignore[attr-defined]
        of_the_zoo = {"n_envs", "env_kwargs"}
        assert settings.keys() - known.keys() <= of_the_zoo, id
        assert settings.keys() >= {"n_envs", "policy", "gamma"}, id
        assert (settings["gamma"] < 1.0) == ("Edit" in id), id


def test_ids_without_an_entry_have_that_of_their_family_or_the_default(tmp_path: Path) -> None:
    path = tmp_path / "ppo.yaml"
    path.write_text("AccelNAS-Edit-CPU-v0: {gamma: 0.9}\nAccelNAS-A100-v0: {gamma: 0.5}\ndefault: {gamma: 1.0}\n")
    gammas = {"AccelNAS-A100-v0": 0.5, "AccelNAS-VCK190-v0": 1.0, "AccelNAS-Edit-VCK190-v0": 0.9}
    assert {id: load_settings(path, id)["gamma"] for id in gammas} == gammas


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- ppo", "an entry an id"),
        ("default: 3", "an entry an id"),
        ("AccelNAS-A100-v0: {gamma: 1.0}", "an entry for 'AccelNAS-VCK190-v0', or a default"),
        ("default: {normalize: true}", "normalize must be false"),
    ],
)
def test_bad_files_are_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "ppo.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"ppo\.yaml: .*{message}"):
        load_settings(path, "AccelNAS-VCK190-v0")


@pytest.mark.skipif(importlib.util.find_spec("rl_zoo3") is None, reason="no rl_zoo3: pip install 'anb_gym[zoo]'")
class TestZoo:
    def test_all_algorithms_train_and_enjoy(self, tmp_path: Path) -> None:
        runs = [f"{name} AccelNAS-CPU-v0 {steps}" for name, steps in STEPS.items()]
        runs += ["ppo AccelNAS-Edit-CPU-v0 448", "dqn AccelNAS-Edit-CPU-v0 128", "a2c AccelNAS-CPU-Preference-v0 64"]
        command = [sys.executable, "-W", "ignore", "-c", ZOO, str(settings_file("ppo").parent), *runs]
        finished = subprocess.run(command, cwd=tmp_path, env=_environment(), capture_output=True, text=True)
        assert finished.returncode == 0, finished.stderr
        lines = finished.stdout.splitlines()
        assert [line for line in lines if line in runs] == runs
        assert sum("Mean reward" in line for line in lines) == len(runs)
