"""One policy learns a whole front, for weights and for bounds, and answers without what it learned from."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import anb_gym
from anb_gym.agents import Assignment, Training, load, load_pretrained, saving, train
from anb_gym.agents.preference_conditioned import PreferenceConditioned, _levels, _Policy
from anb_gym.agents.pretraining import FOLDER, KINDS, pretrained_path
from anb_gym.agents.scores import Score, coverage, score_agent
from anb_gym.metrics import DEVICE_METRICS
from anb_gym.space import SPACE

pytest.importorskip("moocore")

NAME = "preference_conditioned"
WEIGHTS, BOUND, VECTOR = (f"AccelNAS-CPU-{family}-v0" for family in ("Preference", "Bound", "MO"))
#: Settings of a training that takes moments.
SMALL = {"n_bins": 16, "batch_size": 128}
#: Settings of a training that learns the front all the same.
QUICK = {"n_bins": 256, "batch_size": 64}


def _score(agent: Any) -> Score:
    (found,) = (score for score in score_agent(agent) if score.greedy)
    return found


def test_one_policy_covers_the_front() -> None:
    agent, evaluations = train(NAME, WEIGHTS, 10_000, seed=0, settings=QUICK)
    assert len(evaluations) == 10_000
    assert evaluations.n_unique > 9_700
    found = _score(agent)
    assert found.coverage is not None
    assert found.coverage > 0.985
    # Samples of the policy are hardly worse: it has settled.
    assert score_agent(agent)[1].reward > found.reward - 0.02  # type: ignore[operator]


@pytest.mark.parametrize(
    ("id", "arguments"),
    [
        (BOUND, {}),
        (BOUND, {"reward": "accuracy"}),
        ("AccelNAS-VCK190-Latency-Preference-v0", {"reward": "constrained", "reward_scale": "raw"}),
    ],
)
def test_bounds_are_met_at_little_loss(id: str, arguments: dict[str, Any]) -> None:
    agent, _ = train(NAME, id, 10_000, seed=0, arguments=arguments, settings=QUICK)
    found = _score(agent)
    assert found.violations is not None
    assert found.loss is not None
    assert found.violations < 0.05
    assert found.loss < 0.3


def test_vector_rewards_are_learned_too() -> None:
    agent, _ = train(NAME, VECTOR, 10_000, seed=0, settings=QUICK)
    problem = anb_gym.make_problem(VECTOR)
    designs = agent.design(1001, greedy=True)
    covered = coverage(problem, problem.evaluate(designs).metrics)  # type: ignore[arg-type]
    assert covered is not None
    assert covered > 0.98


@pytest.mark.parametrize("granularity", ["choice", "block"])
def test_acts_on_vector_rewards_for_one_preference_an_episode(granularity: str) -> None:
    agent, _ = train(NAME, VECTOR, 4_000, seed=0, arguments={"granularity": granularity}, settings=QUICK)
    envs = gymnasium.make_vec(f"anb_gym:{VECTOR}", 64, granularity=granularity, autoreset_mode="Disabled")
    observations, infos = envs.reset(seed=0)
    over, rng = np.array([False]), np.random.default_rng(0)
    while not over.all():
        actions = agent.act(observations, infos["action_mask"], rng=rng, greedy=True)
        observations, _, over, _, infos = envs.step(actions)
    problem = anb_gym.make_problem(VECTOR)
    made = problem.evaluate(infos["index"])
    designed = problem.evaluate(agent.design(64, greedy=True))
    # Another preference at each step would mix what does not belong together.
    chebyshev = [np.maximum(0.5 * (1 - e.reward[:, 0]), 0.5 * (1 - e.reward[:, 1])).mean() for e in (made, designed)]
    assert chebyshev[0] < chebyshev[1] + 0.02
    assert made.reward[:, 0].std() > 0.1


def test_searches_for_studies_of_fronts() -> None:
    assignment = {"id": VECTOR, "evaluations": 500, "seed": 0}
    index, _ = PreferenceConditioned.search(assignment, SMALL)
    again, _ = PreferenceConditioned.search(assignment, SMALL, hours=500.0)
    assert len(index) == 500
    assert 0 < len(again) < 500
    np.testing.assert_array_equal(index[: len(again)], again)


def test_the_seed_decides() -> None:
    first, again, other = (train(NAME, WEIGHTS, 500, seed=seed, settings=SMALL)[1].index for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


#: 4,000 evaluations of explorers come first.
EXPLORING: dict[str, Any] = {**SMALL, "explorers": 1.0}


@pytest.fixture(scope="module")
def whole() -> tuple[Any, Any]:
    return train(NAME, WEIGHTS, 24_000, seed=0, settings=EXPLORING)


@pytest.mark.parametrize("killed", [1_000, 2_000, 5_000])
def test_goes_on_from_its_checkpoint(tmp_path: Path, killed: int, whole: tuple[Any, Any]) -> None:
    expected, evaluated = whole

    class Killed(Exception):
        pass

    def die(training: Any) -> None:
        if training.done >= killed:
            # The interval between checkpoints is over.
            training._saved = -np.inf
            training._watch, training._stopping = None, stop

    def stop() -> None:
        raise Killed

    with pytest.raises(Killed):
        train(NAME, WEIGHTS, 24_000, seed=0, settings=EXPLORING, folder=tmp_path, watch=die)
    done = saving.read(tmp_path).done
    assert killed <= done <= killed + 2 * 128
    agent, evaluations = train(NAME, WEIGHTS, 24_000, seed=0, settings=EXPLORING, folder=tmp_path)
    np.testing.assert_array_equal(evaluations.index, evaluated.index)
    for name, array in expected.state().items():
        np.testing.assert_array_equal(agent.state()[name], array)


def test_luck_is_measured_again() -> None:
    # Single measurements of a TPU can be 20 % off: what is kept by one of them breaks half of the bounds.
    agent, evaluations = train(NAME, "AccelNAS-TPUv2-Bound-v0", 10_000, seed=0, arguments={"noise": True})
    assert len(evaluations) == 10_000
    assert evaluations.n_unique < 9000
    violations = score_agent(agent)[0].violations
    assert violations is not None
    assert violations < 0.1


def test_only_noise_of_its_own_is_measured_again() -> None:
    for arguments, noise_seed, noisy in (({"noise": True}, None, True), ({"noise": True}, 3, False), ({}, None, False)):
        training = Training(Assignment(WEIGHTS, 10, 0, arguments), noise_seed=noise_seed)
        assert training.is_noisy == noisy


def test_what_is_saved_answers_as_what_was_trained(tmp_path: Path) -> None:
    agent, _ = train(NAME, WEIGHTS, 2_000, seed=0, settings={"batch_size": 64}, folder=tmp_path / "training")
    again = load(tmp_path / "training")
    weights = np.stack([np.linspace(0, 1, 50), 1 - np.linspace(0, 1, 50)], axis=1)
    np.testing.assert_array_equal(again.design(50, preference=weights), agent.design(50, preference=weights))
    np.testing.assert_array_equal(again.design(50, seed=1), agent.design(50, seed=1))
    saving.save(tmp_path / "agent.npz", agent, None, name=NAME)
    assert (tmp_path / "agent.npz").stat().st_size < 100_000


def test_a_restored_agent_shares_nothing() -> None:
    agent = PreferenceConditioned(anb_gym.agents.Assignment(WEIGHTS, 100, 0), n_bins=16)
    other = PreferenceConditioned(anb_gym.agents.Assignment(WEIGHTS, 100, 0), n_bins=16)
    other.restore(agent.state())
    before = {name: array.copy() for name, array in agent.state().items()}
    other.train(anb_gym.agents.Training(other.assignment))
    for name, array in agent.state().items():
        np.testing.assert_array_equal(array, before[name])
    with pytest.raises(ValueError, match="'policy_weights' must be float32"):
        other.restore({**before, "policy_weights": np.zeros(3)})
    with pytest.raises(ValueError, match="'known' is missing"):
        other.restore({})


def test_logits_are_sums_along_the_tree() -> None:
    rng = np.random.default_rng(0)
    policy = _Policy(np.arange(8) / 8, 0.1)
    policy._weights = rng.normal(size=policy._weights.shape).astype(np.float32)
    leaf = 5
    path = [level.start + leaf // 2 ** (3 - depth) for depth, level in enumerate(_levels(8))]
    expected = sum(policy._weights[node] for node in path)
    found = policy.logits[leaf]
    np.testing.assert_allclose(found[:, :2], expected[:, :2], rtol=1e-5)  # type: ignore[index]
    np.testing.assert_allclose(policy.probabilities.sum(axis=2), 1.0, rtol=1e-5)
    assert np.isneginf(policy.logits[:, 1, 2:]).all()  # a kernel has two options


def test_every_bin_keeps_the_best_and_learns_it() -> None:
    policy = _Policy(np.array([0.25, 0.75]), 0.1)
    choices = SPACE.sample(3, np.random.default_rng(0))
    policy.keep(choices[:2], np.array([[1.0, 0.0], [0.0, 2.0]]))
    policy.keep(choices[2:], np.array([[1.0], [3.0]]))
    np.testing.assert_array_equal(policy._best, choices[[0, 2]])  # the first of equals stays
    for _ in range(100):
        policy.imitate(policy.probabilities, 1.0)
    np.testing.assert_array_equal(policy.probabilities.argmax(axis=2), choices[[0, 2]])


@pytest.mark.parametrize(
    "id",
    [
        "AccelNAS-VCK190-v0",
        "AccelNAS-Accuracy-MO-v0",
        "AccelNAS-All-MO-v0",
        "AccelNAS-Transfer-v0",
        "AccelNAS-VCK190-Constrained-v1",
        "AccelNAS-VCK190-Edit-v0",
    ],
)
def test_other_environments_are_refused(id: str) -> None:
    with pytest.raises(ValueError, match=rf"^id must .*{id}"):
        train(NAME, id, 100, seed=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_bins": 100}, "n_bins must be a power of two, got 100"),
        ({"n_bins": 0}, "n_bins must be an integer of at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be an integer of at least 1, got 0"),
        ({"learning_rate": 0.0}, "learning_rate must be positive, got 0"),
        ({"learning_rate": "x"}, "learning_rate must be a finite number"),
        ({"exploration": 1.5}, "exploration must be in 0..1, got 1.5"),
        ({"explorers": -0.5}, "explorers must be in 0..1, got -0.5"),
        ({"explorer": 0.5}, "did you mean 'explorers'"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train(NAME, WEIGHTS, 100, seed=0, settings=settings)


def test_one_evaluation_is_enough() -> None:
    agent, evaluations = train(NAME, WEIGHTS, 1, seed=0, settings=SMALL)
    assert len(evaluations) == 1
    assert agent.design(3).shape == (3, 28)


# --- agents that ship ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", DEVICE_METRICS)
def test_shipped_agents_know_the_front(metric: str) -> None:
    weights, bound = (_score(load_pretrained(metric, kind)) for kind in KINDS)
    assert weights.coverage is not None
    assert weights.coverage > 0.999
    assert bound.violations is not None
    assert bound.loss is not None
    assert bound.violations < 0.005
    assert bound.loss < 0.05


def test_shipped_agents_are_small() -> None:
    files = sorted(FOLDER.glob("*-*.npz"))
    assert len(files) == len(DEVICE_METRICS) * len(KINDS)
    assert sum(file.stat().st_size for file in files) < 1_000_000


def test_shipped_agents_need_no_torch() -> None:
    code = (
        "import sys\n"
        "from anb_gym.agents import load_pretrained\n"
        "load_pretrained('vck190').design(preference=3000.0)\n"
        "assert not {'torch', 'stable_baselines3', 'moocore'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)


def test_unknown_shipped_agents() -> None:
    assert pretrained_path("vck190", "weights").name == "vck190-throughput-weights.npz"
    with pytest.raises(ValueError, match="kind must be one of 'weights', 'bound', got 'bounds'; did you mean 'bound'"):
        load_pretrained("vck190", "bounds")
    with pytest.raises(ValueError, match="metric must be one of .*got 'vck19'; did you mean 'vck190"):
        load_pretrained("vck19")


def test_a_device_without_an_agent_is_no_misspelling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anb_gym.agents.pretraining.FOLDER", tmp_path)
    (tmp_path / "cpu-throughput-bound.npz").touch()
    assert pretrained_path("cpu") == tmp_path / "cpu-throughput-bound.npz"
    with pytest.raises(ValueError, match="got 'vck190/throughput', for which you can train one: anb-gym train"):
        pretrained_path("vck190")
