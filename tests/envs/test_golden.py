"""Golden episodes: a change that alters a result has to bump the version of its id.

``python tests/envs/test_golden.py`` writes ``golden.json`` anew.
"""

import json
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from ids import all_ids

import anb_gym  # registers the ids

PATH = Path(__file__).with_name("golden.json")
IDS = all_ids("edit")


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


@pytest.mark.parametrize("env_id", IDS)
def test_golden_episode(env_id: str) -> None:
    golden = json.loads(PATH.read_text())
    assert golden.keys() == set(IDS)
    for name, noise in (("exact", False), ("noisy", True)):
        expected, played = golden[env_id][name], play(env_id, noise)
        for key in {"metrics", "raw_reward", "reward", "cost"} & expected.keys():
            assert played.pop(key) == pytest.approx(expected.pop(key), rel=1e-9)
        assert played == expected


if __name__ == "__main__":
    PATH.write_text(json.dumps(play_all(), indent=2) + "\n")
    print(f"wrote {PATH} with anb_gym {anb_gym.__version__}")
