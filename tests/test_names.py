"""What pages and messages name is there after `import anb_gym`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from anb_gym.envs.families import FAMILIES

ROOT = Path(__file__).parents[1]
#: A dotted name of this package, which does not go on as a file's name does.
NAME = re.compile(r"(?<![\w./\"'-])anb_gym(?:\.[A-Za-z]\w*)+(?![\w/-])")
#: Imported with what cannot be installed beside the rest, see constraints.txt.
ELSEWHERE = ("tpu", "quantise", "fpga.programs", "torch.torchrl")
FILES = ("json", "md", "py", "yaml")


def names() -> list[str]:
    """All names on pages and in docstrings, comments and messages."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "configs").rglob("*.yaml")]
    sources = [path for folder in ("anb_gym", "agents", "baselines") for path in (ROOT / folder).rglob("*.py")]
    found = {match for path in (*pages, *sources) for match in NAME.findall(path.read_text(encoding="utf-8"))}
    return sorted(n for n in found if n.rpartition(".")[2] not in FILES and not any(part in n for part in ELSEWHERE))


def test_what_is_named_is_there() -> None:
    pytest.importorskip("torch")
    code = """
import json, sys, anb_gym
missing = []
for name in json.load(sys.stdin):
    value = anb_gym
    try:
        for part in name.split(".")[1:]:
            fields = getattr(value, "__dataclass_fields__", {})
            value = fields[part] if part in fields else getattr(value, part)
    except (AttributeError, ImportError) as error:
        missing.append(f"{name}: {error}")
print(json.dumps(missing))
"""
    asked = names()
    assert {"anb_gym.rewards.Accuracy", "anb_gym.agents.train", "anb_gym.exact.maximize"} < set(asked)
    run = subprocess.run([sys.executable, "-c", code], input=json.dumps(asked), capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == []


@pytest.mark.parametrize("path", ["anb_gym.envs.edit:EditEnv", "anb_gym.envs.edit_vector:EditVectorEnv"])
def test_names_in_specs_that_were_saved_stay(path: str) -> None:
    """``EnvSpec.to_json`` writes them; families say where the classes are today."""
    from gymnasium.envs.registration import load_env_creator

    family = FAMILIES["edit"]
    assert load_env_creator(path) in (family.load("env"), family.load("vector_env"))
