"""Golden episodes: a change that alters a result has to bump the version of its id.

``python tests/envs/test_golden.py`` writes ``golden.json`` anew.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import anb_gym
from anb_gym.envs.families import FAMILIES

PATH = Path(__file__).with_name("golden.json")
#: Those that edit, measure and buy have golden episodes of their own.
OTHERS = ("edit", "probe", "two_fidelity")
IDS = [env_id for name, family in FAMILIES.items() if name not in OTHERS for env_id in family.ids()]


def play(env_id: str, noise: bool) -> dict[str, Any]:
    """An episode whose actions depend on the id alone, valid or not."""
    env = gymnasium.make(env_id, noise=noise)
    actions = np.random.default_rng(list(env_id.encode())).integers(0, 4, size=28).tolist()
    env.reset(seed=0)
    for action in actions:
        observation, reward, _, _, info = env.step(action)
    asked = observation[100:].tolist()
    return {
        "actions": "".join(map(str, actions)),
        "observation": "".join(str(int(cell)) for cell in observation[:100]),
        **({"asked": asked} if asked else {}),
        "architecture": info["architecture"],
        "index": info["index"],
        "metrics": info["metrics"],
        **{key: info[key] for key in ("raw_reward", "cost", "task") if key in info},
        "reward": reward.tolist() if isinstance(reward, np.ndarray) else reward,
    }


def play_all() -> dict[str, Any]:
    """The episodes of every id, without and with noise."""
    return {env_id: {"exact": play(env_id, False), "noisy": play(env_id, True)} for env_id in IDS}


def test_every_id_has_golden_episodes() -> None:
    assert json.loads(PATH.read_text()).keys() == set(IDS)


def test_they_are_written_by_a_command() -> None:
    run = subprocess.run([sys.executable, __file__, "--help"], capture_output=True, text=True)
    assert "golden.json" in run.stdout, run.stderr


@pytest.mark.parametrize("env_id", IDS)
def test_golden_episode(env_id: str) -> None:
    golden = json.loads(PATH.read_text())
    for name, noise in (("exact", False), ("noisy", True)):
        expected, played = golden[env_id][name], play(env_id, noise)
        for key in {"metrics", "raw_reward", "reward", "cost"} & expected.keys():
            assert played.pop(key) == pytest.approx(expected.pop(key), rel=1e-9)
        assert played == expected


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    PATH.write_text(json.dumps(play_all(), indent=2) + "\n")
    print(f"wrote {PATH} with anb_gym {anb_gym.__version__}")
