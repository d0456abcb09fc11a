"""The pages on environments are what their generator writes, and what they say of rewards is true."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium
import numpy as np
import pytest
from loading import load_script

import anb_gym.envs  # noqa: F401 - registers the ids
from anb_gym import SPACE, Benchmark
from anb_gym.calibration import coordinate_ascent
from anb_gym.devices import DEVICES
from anb_gym.metrics import DIRECTIONS
from anb_gym.rewards import make_reward
from anb_gym.tasks import ALL_DEVICES, REFERENCE_TASKS, TASKS, Task

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "environments"
OWN = [task for task in TASKS.values() if task.device is None or DEVICES[task.device].ships]
REFERENCE = [task for task in REFERENCE_TASKS.values() if task.device is None or DEVICES[task.device].ships]
HEADINGS = [
    "Description",
    "Action Space",
    "Observation Space",
    "Rewards",
    "Starting State",
    "Episode End",
    "Arguments",
    "Vectorized environment",
    "Version History",
]
FAMILIES = sorted(path.stem for path in FOLDER.glob("*.md") if path.stem != "README")


@pytest.fixture(scope="module")
def scripts() -> Iterator[None]:
    sys.path.insert(0, str(ROOT / "scripts"))
    yield
    sys.path.remove(str(ROOT / "scripts"))
    sys.modules.pop("reward_tables", None)


@pytest.fixture(scope="module")
def make_docs(scripts: None) -> ModuleType:
    return load_script("make_docs")


def test_pages_are_what_the_generator_writes(make_docs: ModuleType) -> None:
    written = make_docs.pages()
    assert sorted(written) == sorted(path.name for path in FOLDER.glob("*.md"))
    for name, text in written.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, f"{name}: run python scripts/make_docs.py"


@pytest.mark.parametrize("family", FAMILIES)
def test_headings_have_the_order_of_gymnasium(family: str) -> None:
    found = re.findall(r"^## (.*)$", (FOLDER / f"{family}.md").read_text(), flags=re.MULTILINE)
    optional = {"Vectorized environment"}
    assert [heading for heading in found if heading not in optional] == [h for h in HEADINGS if h not in optional]
    assert [heading for heading in HEADINGS if heading in found] == found


def test_every_id_has_its_page_and_its_rewards(make_docs: ModuleType) -> None:
    ids = {
        env_id
        for env_id, spec in gymnasium.registry.items()
        if str(spec.entry_point).startswith("anb_gym.")
        and spec.kwargs.get("task", ALL_DEVICES.name) in {task.name for task in (*OWN, *REFERENCE, ALL_DEVICES)}
    }
    assert len(ids) > 40
    assert {env_id for page in make_docs.PAGES for env_id in page.ids} == ids
    rows = [line for line in (FOLDER / "README.md").read_text().splitlines() if line.startswith("| `Accel")]
    assert {env_id for row in rows for env_id in re.findall(r"`([^`]+)`", row)} == ids
    assert all(row.count("|") == 7 for row in rows)


def test_a_new_family_has_its_rows(make_docs: ModuleType) -> None:
    """The overview describes the families that it knows, and every other from its problem."""
    tables = sys.modules["reward_tables"]
    of_build = {row[0].split(",")[0]: row[2:] for row in tables.scalar_rows() if "Edit" in row[0]}
    found = {row[0]: row[2:] for row in tables.other_rows([])}
    assert {env_id.strip("`") for env_id in found} == {env_id for page in make_docs.PAGES for env_id in page.ids}
    assert {env_id: found[env_id] for env_id in of_build} == of_build
    known = [*tables.scalar_rows(), *tables.vector_rows(), *tables.constrained_rows(), *tables.bound_rows()]
    assert not [row for row in tables.other_rows(known) if any(row[0] in other[0] for other in known)]


def test_pages_link_to_files_that_exist() -> None:
    links = [link for path in FOLDER.glob("*.md") for link in re.findall(r"\]\(([^)#]+)\)", path.read_text())]
    assert len(links) == len(FAMILIES)
    assert [link for link in links if not (FOLDER / link).is_file()] == []


@pytest.mark.parametrize("task", OWN, ids=lambda task: task.name)
def test_nothing_is_worse_than_the_worst(task: Task, make_docs: ModuleType) -> None:
    bench, tables = Benchmark(), sys.modules["reward_tables"]
    worst = tables.worst(task)
    rewards: list[Any] = [make_reward("product", task)]
    if len(task.metrics) == 2:
        rewards.append(make_reward("chebyshev", task))
    rewards += [
        lambda values, metric=metric: values[metric] * (1.0 if DIRECTIONS[metric] == "max" else -1.0)
        for metric in task.metrics
    ]
    random = bench.query(SPACE.sample(20_000, np.random.default_rng(1)), list(task.metrics))
    for reward in rewards:
        least = reward(worst).min()
        assert least < reward(random).min()
        found = coordinate_ascent(lambda states, r=reward: -r(bench.query_states(states, task.metrics)), 20, 3)[1]
        # Members are told apart to a billionth.
        assert -found >= least - 1e-6


def test_tables_of_other_surrogates_are_refused(
    make_docs: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = sys.modules["reward_tables"]
    recorded = json.loads(tables.WORST.read_text())
    recorded["tasks"]["A100"]["tables"]["accuracy"] = "0" * 64
    (tmp_path / "worst.json").write_text(json.dumps(recorded))
    monkeypatch.setattr(tables, "WORST", tmp_path / "worst.json")
    tables._recorded.cache_clear()
    with pytest.raises(ValueError, match="is of other surrogates of A100; run: python scripts/make_docs.py --worst"):
        tables.worst(OWN[0])
    tables._recorded.cache_clear()
