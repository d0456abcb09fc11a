"""Agents train within their budget, go on where they stopped, and are saved without loss."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import gymnasium
import numpy as np
import pytest
from numpy.typing import NDArray

import anb_gym
from anb_gym.agents import Agent, AgentError, Assignment, Training, load, saving, train
from anb_gym.envs.core.observations import OBSERVATIONS, make_encoding
from anb_gym.rewards import Accuracy
from anb_gym.space import SPACE
from tests.agents.toy_agent import Toy

ID = "AccelNAS-VCK190-v0"


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("id", [ID, "AccelNAS-VCK190-Preference-v0", "AccelNAS-Transfer-v0"])
def test_every_evaluation_is_counted_and_recorded(id: str) -> None:
    agent, evaluations = train(Toy, id, 50, seed=0)  # not a multiple of its batches of 16
    assert len(evaluations) == 50
    assert evaluations.cells.shape == (50, agent.problem.ask.n_cells)
    assert (np.diff(evaluations.seconds) >= 0).all()
    if id == ID:
        problem = anb_gym.make_problem(id)
        found = problem.evaluate(evaluations.index)
        np.testing.assert_array_equal(evaluations.reward, found.reward)
        np.testing.assert_array_equal(evaluations.regret, found.regret)
        assert evaluations.regret_so_far[-1] == found.regret.min()


def test_no_architectures_cost_nothing() -> None:
    training = Training(Assignment(ID, 10, 0), hours=100.0)
    assert len(training.evaluate(np.empty((0, 28), dtype=np.int8)).reward) == 0
    assert training.done == 0


def test_noise_is_the_environments() -> None:
    _, evaluations = train(Toy, ID, 40, seed=0, arguments={"noise": True})
    found = anb_gym.make_problem(ID).evaluate(evaluations.index)
    assert (evaluations.reward != found.reward).all()
    np.testing.assert_array_equal(evaluations.regret, found.regret)


def test_same_seed_same_agent() -> None:
    (a, first), (_, again), (_, other) = (train(Toy, ID, 64, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.index, again.index)
    assert (first.index != other.index).any()
    np.testing.assert_array_equal(a.design(9, seed=2), a.design(9, seed=2))


@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("granularity", ["choice", "block", "network"])
def test_acts_as_it_designs(granularity: str, observation: str) -> None:
    arguments = {"granularity": granularity, "observation": observation}
    agent, _ = train(Toy, "AccelNAS-VCK190-Preference-v0", 32, seed=0, arguments=arguments)
    env = gymnasium.make("anb_gym:AccelNAS-VCK190-Preference-v0", **arguments)
    seen, info = env.reset(seed=0, options={"preference": [0.25, 0.75]})
    over = False
    while not over:
        action = agent.act(seen[None], info["action_mask"][None], rng=np.random.default_rng(0), greedy=True)[0]
        seen, _, over, _, info = env.step(action)
    assert info["index"] == SPACE.to_index(agent.design(preference=[0.25, 0.75]))[0]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"observation": "tokens"}, r"observations must be of shape \(n, 100\), .* got \(2, 28\)"),
        ({"granularity": "block"}, r"masks must be of shape \(n, 4\), .* got"),
        ({"granularity": "network"}, r"masks must be of shape \(n, 4\)"),
    ],
)
def test_acts_only_with_what_it_has_learned_with(other: Mapping[str, Any], message: str) -> None:
    agent, _ = train(Toy, ID, 16, seed=0)
    envs = gymnasium.make_vec(f"anb_gym:{ID}", 2, **other)
    seen, infos = envs.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        agent.act(seen, infos["action_mask"], rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"observations must be of shape \(n, 100\)"):
        agent.act(seen[0], infos["action_mask"][0], rng=np.random.default_rng(0))


@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_observations_are_read_as_they_were_written(observation: str) -> None:
    encoding = make_encoding(observation, 2, True)
    choices = SPACE.sample(5, np.random.default_rng(0))
    shown = encoding.first(5, np.full((5, 2), 0.5))
    assert (encoding.read(shown) == -1).all()
    encoding.write(shown, 0, choices[:, :10])
    np.testing.assert_array_equal(encoding.read(shown), np.where(np.arange(28) < 10, choices, -1))


class Dies(Toy):
    """Ends after some updates as if it were killed."""

    left = 0

    def train(self, training: Training) -> None:
        checkpoint = training.checkpoint

        def dying(agent: Agent) -> None:
            checkpoint(agent, force=True)
            Dies.left -= 1
            if not Dies.left:
                raise SystemExit

        training.checkpoint = dying  # type: ignore[method-assign,assignment]
        super().train(training)


def test_goes_on_from_the_checkpoint(tmp_path: Path) -> None:
    whole, expected = train(Dies, ID, 100, seed=0, arguments={"noise": True})
    Dies.left = 3
    with pytest.raises(SystemExit):
        train(Dies, ID, 100, seed=0, arguments={"noise": True}, folder=tmp_path)
    assert saving.read(tmp_path).done == 48
    Dies.left = 0
    agent, evaluations = train(Dies, ID, 100, seed=0, arguments={"noise": True}, folder=tmp_path)
    for name in ("index", "reward", "regret"):
        np.testing.assert_array_equal(getattr(evaluations, name), getattr(expected, name))
    np.testing.assert_array_equal(agent.state()["sums"], whole.state()["sums"])
    assert (np.diff(evaluations.seconds) >= 0).all()
    # Finished, it is read and nothing is evaluated again.
    again, read = train(Dies, ID, 100, seed=0, arguments={"noise": True}, folder=tmp_path)
    np.testing.assert_array_equal(read.index, expected.index)
    np.testing.assert_array_equal(again.rng.random(3), agent.rng.random(3))


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_is_interrupted_between_updates(tmp_path: Path) -> None:
    class Interrupted(Toy):
        def train(self, training: Training) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            super().train(training)

    with pytest.raises(KeyboardInterrupt):
        train(Interrupted, ID, 100, seed=0, folder=tmp_path)
    assert saving.read(tmp_path).done == 16
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_progress_shows_regret_and_reward(capfd: pytest.CaptureFixture[str]) -> None:
    train(Toy, ID, 100, seed=0, progress=True)
    shown = capfd.readouterr().err
    assert "100/100" in shown
    assert "best regret 0." in shown
    assert "mean reward" in shown


def test_saved_agents_are_whole(tmp_path: Path) -> None:
    agent, _ = train(Toy, ID, 64, seed=0, folder=tmp_path)
    again = load(tmp_path, Toy, id=f"anb_gym:{ID}")
    np.testing.assert_array_equal(again.design(7, seed=1), agent.design(7, seed=1))
    assert _files(tmp_path) == [".training", "agent.npz"]
    data = (tmp_path / "agent.npz").read_bytes()
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        content = dict(arrays)
    content["state/sums"][0, 0] += 1
    np.savez_compressed(tmp_path / "agent.npz", **content)
    with pytest.raises(AgentError, match=r"agent\.npz.*checksum"):
        load(tmp_path, Toy)
    (tmp_path / "agent.npz").write_bytes(data[:1000])
    with pytest.raises(AgentError, match=r"agent\.npz"):
        load(tmp_path, Toy)
    with pytest.raises(AgentError, match="nowhere"):
        load(tmp_path / "nowhere", Toy)


def _forge(path: Path, manifest: Mapping[str, Any] = MappingProxyType({}), **arrays: NDArray[Any]) -> None:
    """Changes a saved agent, with the checksum that fits."""
    with np.load(path, allow_pickle=False) as read:
        content = {**read, **arrays}
    told = json.loads(content.pop("manifest").item())
    told |= manifest
    told["checksum"] = saving.checksum(told, content)
    np.savez_compressed(path, manifest=np.array(json.dumps(told)), **content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"manifest": {"done": 9}}, "9 of 16 evaluations are done, 16 are recorded"),
        ({"manifest": {"done": -1}}, "-1 of 16"),
        ({"manifest": {"done": 17}}, "17 of 16"),
        ({"manifest": {"evaluations": 15}}, "16 of 15"),
        ({"evaluations/index": np.full(16, -1)}, "index"),
        ({"generator/training": np.full(6, 2**64 - 1, dtype=np.uint64)}, "too large"),
        ({"state/sums": np.full((2, 2), "a")}, "sums must be numbers"),
    ],
)
def test_a_training_does_not_go_on_from_the_impossible(tmp_path: Path, change: Any, message: str) -> None:
    class Careful(Toy):
        def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
            if state["sums"].dtype.kind == "U":
                raise ValueError("sums must be numbers")

    train(Careful, ID, 16, seed=0, folder=tmp_path)
    _forge(tmp_path / "agent.npz", **change)
    with pytest.raises(AgentError, match=rf"agent\.npz: .*{message}"):
        train(Careful, ID, 16, seed=0, folder=tmp_path)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"seed": 2**64}, "seed must be finite and of at most 64 bits"),
        ({"arguments": {"target": 10**30}}, "arguments.target"),
        ({"arguments": {"target": np.int64(3000)}}, "int64 is not JSON"),
        ({"arguments": {"reward": Accuracy()}}, "not JSON"),
        ({"settings": {"batch_size": np.int64(16)}}, "int64 is not JSON"),
    ],
)
def test_what_could_not_be_read_again_is_refused_at_once(tmp_path: Path, given: Any, message: str) -> None:
    class Untrained(Toy):
        def train(self, training: Training) -> None:
            raise AssertionError

    with pytest.raises(ValueError, match=message):
        train(Untrained, ID, 16, **{"seed": 0, "folder": tmp_path, **given})
    assert not _files(tmp_path)


def test_states_are_arrays_of_numbers(tmp_path: Path) -> None:
    class Sloppy(Toy):
        def state(self) -> dict[str, NDArray[Any]]:
            return {"sums": np.array([{}, None])}

    with pytest.raises(ValueError, match="state/sums of .* must be an array of numbers, got one of object"):
        train(Sloppy, ID, 16, seed=0, folder=tmp_path)


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    arguments = {"reward": "weighted", "weights": (0.5, 0.5)}
    for _ in range(2):  # trained, then read
        agent, _ = train(Toy, ID, np.int32(16), seed=np.int64(3), arguments=arguments, folder=tmp_path)  # type: ignore[arg-type]
    assert type(agent.assignment.seed) is type(agent.assignment.evaluations) is int
    load(tmp_path, Toy, **arguments)


def test_an_edited_manifest_is_damage(tmp_path: Path) -> None:
    train(Toy, ID, 16, seed=0, folder=tmp_path)
    with np.load(tmp_path / "agent.npz", allow_pickle=False) as arrays:
        content = dict(arrays)
    content["manifest"] = np.array(content["manifest"].item().replace('"seed": 0', '"seed": 1'))
    np.savez_compressed(tmp_path / "agent.npz", **content)
    with pytest.raises(AgentError, match="checksum"):
        load(tmp_path, Toy)


def test_files_do_not_say_what_code_is_run(tmp_path: Path) -> None:
    train(Toy, ID, 16, seed=0, folder=tmp_path)
    with pytest.raises(AgentError, match="agent must be given"):
        load(tmp_path)
    for other in ("policy_gradient", Dies):
        with pytest.raises(AgentError, match=r"agent must be '.*Toy', as it was saved, got '.*(policy_gradient|Dies)'"):
            load(tmp_path, other)


def test_another_task_or_granularity_is_refused(tmp_path: Path) -> None:
    train(Toy, ID, 16, seed=0, folder=tmp_path, arguments={"granularity": "block"})
    with pytest.raises(AgentError, match="AccelNAS-VCK190-v0.*AccelNAS-A100-v0"):
        load(tmp_path, Toy, id="AccelNAS-A100-v0")
    with pytest.raises(AgentError, match="granularity must be 'block'.*'choice'"):
        load(tmp_path, Toy, granularity="choice")
    with pytest.raises(ValueError, match="evaluations is 16, not 17"):
        train(Toy, ID, 17, seed=0, folder=tmp_path, arguments={"granularity": "block"})


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    code = (
        "import fcntl, sys, pathlib; p = pathlib.Path(sys.argv[1]); p.touch(); f = p.open('r+b');"
        "fcntl.flock(f, fcntl.LOCK_EX); print('locked', flush=True); sys.stdin.read()"
    )
    lock = [sys.executable, "-c", code, str(tmp_path / ".training")]
    with subprocess.Popen(lock, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(ValueError, match="another process works on a training"):
            train(Toy, ID, 16, seed=0, folder=tmp_path)
        other.communicate()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"agent": "ppoo"}, "agent must be one of"),
        ({"agent": "nowhere:Nobody"}, "there is no 'nowhere'"),
        ({"id": "AccelNAS-VCK19-v0"}, "did you mean 'AccelNAS-VCK190-v0'"),
        ({"id": "AccelNAS-Edit-VCK190-v0"}, "builds architectures"),
        ({"id": "AccelNAS-VCK190-MO-v0"}, "scalar reward"),
        ({"evaluations": 0}, "evaluations must be an integer of at least 1, got 0"),
        ({"seed": -1}, "seed"),
        ({"arguments": {"granularity": "blok"}}, "granularity"),
        ({"arguments": {"granularit": "block"}}, "granularity"),
    ],
)
def test_bad_input_is_named(arguments: Mapping[str, Any], message: str) -> None:
    given: dict[str, Any] = {"agent": Toy, "id": ID, "evaluations": 8, "seed": 0, **arguments}
    with pytest.raises(ValueError, match=message):
        train(given.pop("agent"), given.pop("id"), given.pop("evaluations"), **given)


def test_designs_for_what_is_asked() -> None:
    agent, _ = train(Toy, "AccelNAS-VCK190-Preference-v0", 16, seed=0)
    assert agent.design(3, preference=[[0.1, 0.9], [0.5, 0.5], [1.0, 0.0]]).shape == (3, 28)
    for preference, message in [([0.5, 0.6], "preference"), ([[0.5, 0.5]], "one, or 3"), ([[1.0], [0.5, 0.5]], "one")]:
        with pytest.raises(ValueError, match=message):
            agent.design(3, preference=preference)
    with pytest.raises(ValueError, match="device must be None"):
        agent.design(device="a100")


class Lazy(Toy):
    """Stops early."""

    def train(self, training: Training) -> None:
        training.evaluate(SPACE.sample(1, self.rng))


class Stepper(Agent):
    """Steps the environment with random actions."""

    def train(self, training: Training) -> None:
        envs = training.make_vec_env(4)
        seen, infos = envs.reset(seed=0)
        while training.remaining:
            actions = self.act(seen, infos["action_mask"], rng=self.rng)
            seen, _, _, _, infos = envs.step(actions)

    def act(
        self, observations: Any, masks: Any, *, rng: np.random.Generator, greedy: bool = False
    ) -> NDArray[np.int64]:
        return np.array([rng.choice(np.flatnonzero(mask)) if mask.any() else 0 for mask in masks])

    def state(self) -> dict[str, NDArray[Any]]:
        return {}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        pass


def test_an_agent_trains_to_the_end() -> None:
    with pytest.raises(RuntimeError, match="1 of 8"):
        train(Lazy, ID, 8, seed=0)


@pytest.mark.parametrize(
    "id",
    [ID, "AccelNAS-VCK190-MO-v0", "AccelNAS-VCK190-Preference-v0", "AccelNAS-Transfer-v0", "AccelNAS-Edit-VCK190-v0"],
)
def test_stepping_an_environment_counts_what_it_measures(id: str) -> None:
    agent, evaluations = train(Stepper, id, 10, seed=0)
    assert len(evaluations) == 10
    found = agent.design(2, seed=1)
    assert ((found >= 0) & (found < SPACE.cardinalities)).all()
    if "Edit" in id or id == ID:
        expected = anb_gym.make_problem(id).evaluate(evaluations.index)
        np.testing.assert_allclose(evaluations.reward, expected.reward, rtol=1e-12)
        np.testing.assert_allclose(evaluations.regret, expected.regret, rtol=1e-12)


def test_edits_that_change_nothing_cost_nothing() -> None:
    training = Training(Assignment("AccelNAS-Edit-VCK190-v0", 100, 0))
    envs = training.make_vec_env(3)
    seen, _ = envs.reset(seed=0)
    envs.step(seen.argmax(axis=1))
    assert training.done == 0
    envs.step((seen[:, :3] == 0).argmax(axis=1))
    assert training.done == 3
