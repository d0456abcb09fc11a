"""The page on how the package is built is true: its drawing is the code's, and its recipes work."""

import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium
import numpy as np
import pytest
from loading import load_script

import anb_gym
from anb_gym import SPACE, make_problem
from anb_gym.tasks import get_task

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def drawing() -> ModuleType:
    return load_script("make_architecture")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where modules of one's own are found."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.write_text(textwrap.dedent(text))


def test_the_drawing_is_that_of_the_code(drawing: ModuleType) -> None:
    written = drawing.PICTURE.read_text(encoding="utf-8")
    assert written == drawing.draw(), "run python scripts/make_architecture.py"
    for room in drawing.rooms():
        assert f">{room}</text>" in written


def test_imports_go_downwards(drawing: ModuleType) -> None:
    """What the contract says, seen by the reader of the drawing: a room imports none of a higher layer."""
    level = {room: number for number, row in enumerate(drawing.layers()) for room in row}
    upwards = [(a, b) for a, others in drawing.imports().items() for b in others if level[b] < level[a]]
    assert upwards == []


def test_files_of_the_recipes_are_there() -> None:
    for name in ("rewards/product.py", "rewards/names.py", "problems/problem.py"):
        assert f"{name}" in PAGE
        assert (ROOT / "anb_gym" / name).is_file()
    for name in ("build.py", "constrained.py", "families.py"):
        assert name in PAGE
        assert (ROOT / "anb_gym" / "envs" / name).is_file()


def test_a_reward(folder: Path) -> None:
    write(
        folder / "recipe_reward.py",
        """
        from dataclasses import dataclass, field
        from typing import ClassVar

        @dataclass(frozen=True)
        class Sum:
            metrics: tuple[str, ...]
            weights: tuple[float, ...] = (0.5, 0.5)
            monotone: ClassVar[bool] = True
            name: str = field(default="recipe_reward:Sum", init=False)

            @classmethod
            def for_task(cls, task, weights=None):
                return cls(task.metrics, (0.5, 0.5) if weights is None else tuple(weights))

            def __call__(self, values, weights=None):
                first, second = self.weights if weights is None else weights
                return first * values[self.metrics[0]] + second * values[self.metrics[1]] / 100.0
        """,
    )
    env: Any = gymnasium.make("AccelNAS-A100-v0", reward="recipe_reward:Sum", granularity="network")
    env.reset(seed=0)
    *_, info = env.step([0] * 28)
    metrics = info["metrics"]
    assert info["raw_reward"] == 0.5 * metrics["accuracy"] + 0.5 * metrics["a100/throughput"] / 100.0
    # It says that it is monotone, so its optimum is certified; and its weights can be asked for.
    assert info["regret"] > 0.0
    assert env.unwrapped.problem.evaluate(env.unwrapped.problem.optimum.indices).regret.tolist() == [0.0]
    asked = make_problem("AccelNAS-A100-Preference-v0", reward="recipe_reward:Sum")
    fixed = make_problem("AccelNAS-A100-v0", reward="recipe_reward:Sum", weights=[0.25, 0.75])
    assert asked.evaluate([7], preference=[0.25, 0.75]).raw == fixed.evaluate([7]).raw
    # As EnvSpec.to_json writes it, it comes back.
    given: Any = gymnasium.make("AccelNAS-A100-v0", reward=fixed.reward)
    again: Any = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(given.spec.to_json()))
    assert again.unwrapped.problem == fixed


def test_a_controller(folder: Path) -> None:
    pytest.importorskip("pyarrow")
    from anb_gym.study.results import Results
    from anb_gym.study.runner import run_study
    from anb_gym.study.study_file import load_study

    write(
        folder / "recipe_controller.py",
        """
        from anb_gym import SPACE

        class Uniform:
            batch_size = 4

            def __init__(self, brief, rng):
                self.rng = rng

            def ask(self, n):
                return SPACE.sample(n, self.rng)

            def tell(self, choices, objectives):
                assert objectives.shape == (len(choices), 1)
        """,
    )
    write(
        folder / "study.yaml",
        """
        name: recipe
        evaluations: 8
        seeds: 1
        controllers: [recipe_controller.py:Uniform]
        tasks: [AccelNAS-VCK190-v0]
        """,
    )
    outcome = run_study(load_study(folder / "study.yaml", {}), folder / "out", workers=1)
    table = Results.load(outcome.path).table
    expected = make_problem("AccelNAS-VCK190-v0").evaluate(table["index"].to_numpy()).reward
    assert table["reward"].tolist() == expected.tolist()


def test_a_family_of_surrogates(folder: Path) -> None:
    pytest.importorskip("sklearn")
    from anb_gym.construction.families import make_family

    write(
        folder / "recipe_family.py",
        """
        from dataclasses import dataclass
        import numpy as np

        @dataclass
        class Mean:
            shrinkage: float = 0.0

            def fit(self, states, target, seed):
                self.mean = (1.0 - self.shrinkage) * target.mean()
                return self

            def predict(self, states):
                return np.full(len(states), self.mean)

            def std(self, states):
                return np.ones(len(states))
        """,
    )
    states = SPACE.to_states(SPACE.sample(50, np.random.default_rng(0)))
    accuracy = anb_gym.Benchmark().query_states(states, ["accuracy"])["accuracy"]
    model = make_family("recipe_family:Mean", shrinkage=0.5).fit(states, accuracy, seed=0)
    assert model.predict(states[:2]).tolist() == [0.5 * accuracy.mean()] * 2
    with pytest.raises(ValueError, match="a hyperparameter of 'recipe_family:Mean' must be one of 'shrinkage'"):
        make_family("recipe_family:Mean", shrinkag=0.5)


def test_a_task_is_read_from_its_device() -> None:
    """A device is a folder: nothing else says what its tasks are. See test_device_folder for one of one's own."""
    device = anb_gym.devices.DEVICES["cpu"]
    task = get_task("CPU")
    assert task.target == device.metrics["throughput"].target
    assert task.id in gymnasium.registry
