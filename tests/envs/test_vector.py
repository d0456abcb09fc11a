"""The native vector environments equal Gymnasium's of single environments, value by value."""

import pickle
from itertools import product
from typing import Any

import cloudpickle
import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.wrappers.vector import DictInfoToList, RecordEpisodeStatistics
from ids import all_ids, few_ids, id_of, one_of_each

from anb_gym.envs.build import BuildVectorEnv
from anb_gym.envs.core.actions import GRANULARITIES
from anb_gym.envs.core.copies import CopiesVectorEnv
from anb_gym.envs.core.observations import OBSERVATIONS
from anb_gym.envs.vector_reward import MOBuildVectorEnv

IDS = few_ids("probe", "two_fidelity")  # whose episodes differ in length
#: One id of every form that builds, and one that edits.
FORMS = one_of_each("VCK190", "edit", "probe", "two_fidelity")
TRANSFER = id_of("transfer")
EDIT = id_of("edit", "TPUv3")
MODES = [mode.value for mode in AutoresetMode]
N = 3


def with_steps(n: int, env_id: str) -> dict[str, Any]:
    """The arguments that make an episode 7 steps, or 1 step, long."""
    return {"horizon": n} if env_id == EDIT else {"granularity": {7: "block", 1: "network"}[n]}


def native(env_id: str, mode: str = "NextStep", n: int = N, **arguments: Any) -> VectorEnv:
    return gymnasium.make_vec(f"anb_gym:{env_id}", num_envs=n, autoreset_mode=mode, **arguments)


def synchronous(env_id: str, mode: str = "NextStep", n: int = N, **arguments: Any) -> SyncVectorEnv:
    envs = SyncVectorEnv(
        [lambda: gymnasium.make(env_id, disable_env_checker=True, **arguments)] * n, autoreset_mode=mode
    )
    single = envs.envs[0].unwrapped
    if hasattr(single, "reward_space"):  # as MO-Gymnasium's MOSyncVectorEnv, which has one mode only
        envs._rewards = np.zeros((n, single.reward_dim), dtype=np.float32)
    return envs


def assert_same(ours: Any, theirs: Any) -> None:
    assert data_equivalence(ours, theirs, exact=True), f"{ours}\n{theirs}"


def assert_same_episodes(env_id: str, mode: str, seed: Any = 5, masks: bool = False, **arguments: Any) -> None:
    """Two episodes and more of random actions; with ``masks`` copies also start anew in their middle."""
    ours, theirs = native(env_id, mode, **arguments), synchronous(env_id, mode, **arguments)
    assert ours.action_space == theirs.action_space
    assert ours.observation_space == theirs.observation_space
    assert ours.single_action_space == theirs.single_action_space
    assert ours.single_observation_space == theirs.single_observation_space
    assert ours.metadata == theirs.metadata
    assert_same(ours.reset(seed=seed), theirs.reset(seed=seed))
    assert ours.np_random_seed == theirs.np_random_seed or seed is None
    rng = np.random.default_rng(0)
    n_steps = ours.unwrapped.n_steps
    ours.action_space.seed(1)
    over = np.zeros(N, dtype=np.bool_)
    for step in range(2 * n_steps + 5):
        fresh = over.copy() if mode == "Disabled" else np.zeros(N, dtype=np.bool_)
        if masks and step % 5 == 4:
            fresh |= rng.random(N) < 0.5
        if fresh.any():
            seeds = None if rng.random() < 0.5 else [int(rng.integers(99)), None, 3]
            results = [envs.reset(seed=seeds, options={"reset_mask": fresh.copy()}) for envs in (ours, theirs)]
            assert_same(*results)
            over &= ~fresh
        assert np.array_equal(ours.unwrapped.action_masks(), _masks(theirs))
        actions = ours.action_space.sample()
        mine, reference = ours.step(actions), theirs.step(actions)
        assert_same(mine, reference)
        assert mine[0] in ours.observation_space
        over = mine[2] | mine[3] if mode != "SameStep" else over


def _masks(envs: SyncVectorEnv) -> np.ndarray:
    return np.stack(envs.call("action_masks"))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("env_id", IDS)
def test_every_id_in_every_mode(env_id: str, mode: str) -> None:
    assert_same_episodes(env_id, mode, noise=True)


@pytest.mark.parametrize(("granularity", "observation"), list(product(GRANULARITIES, OBSERVATIONS)))
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("env_id", FORMS)
def test_every_form_in_every_mode(env_id: str, mode: str, granularity: str, observation: str) -> None:
    if observation == OBSERVATIONS[0]:
        assert_same_episodes(env_id, mode, granularity=granularity, observation=observation)
    assert_same_episodes(env_id, mode, masks=True, granularity=granularity, observation=observation, noise=True)


@pytest.mark.parametrize("arguments", [{"horizon": 1}, {"horizon": 6, "noise": True, "reward_scale": "raw"}], ids=str)
@pytest.mark.parametrize("mode", MODES)
def test_editing_in_every_mode(mode: str, arguments: dict[str, Any]) -> None:
    assert_same_episodes(EDIT, mode, masks=True, **arguments)


@pytest.mark.parametrize("env_id", [id_of("build"), EDIT])
def test_a_function_as_reward(env_id: str) -> None:
    def slow(metrics: Any) -> Any:
        return metrics["accuracy"] - np.log(metrics[list(metrics)[1]])

    assert_same_episodes(env_id, "SameStep", reward=slow, reward_scale="raw")


@pytest.mark.parametrize("seed", [None, 0, [3, None, 3], (1, 2, 3), np.array([1, 2, 3])], ids=str)
def test_seeds(seed: Any) -> None:
    ours, theirs = native(TRANSFER, noise=True), synchronous(TRANSFER, noise=True)
    for envs in (ours, theirs):
        envs.reset(seed=7)
    of_reference = seed.tolist() if isinstance(seed, np.ndarray) else seed  # which refuses numpy's integers
    assert_same(ours.reset(seed=seed), theirs.reset(seed=of_reference))
    assert_same([rng.bit_generator.state for rng in ours.np_random], [r.bit_generator.state for r in theirs.np_random])
    assert_same(ours.np_random_seed, theirs.np_random_seed)


def test_numpy_seeds_are_seeds() -> None:
    ours = native(TRANSFER)
    assert_same(ours.reset(seed=np.int64(4)), ours.reset(seed=4))


def test_unseeded_copies_differ() -> None:
    envs = native(id_of("preference"), n=50)
    observations, _ = envs.reset()
    assert len(np.unique(observations[:, -1])) == 50
    assert len(set(envs.np_random_seed)) == 50


@pytest.mark.parametrize("options", [{"preference": [0.25, 0.75]}, {}, None])
def test_options_go_to_all_copies(options: dict[str, Any] | None) -> None:
    ours, theirs = native(id_of("preference")), synchronous(id_of("preference"))
    given = dict(options or {})
    assert_same(ours.reset(seed=1, options=options), theirs.reset(seed=1, options=options))
    mask = np.array([False, True, False])
    for envs in (ours, theirs):
        envs.step(np.zeros(N, dtype=np.int64))
    assert_same(
        ours.reset(options=given | {"reset_mask": mask}), theirs.reset(options=given | {"reset_mask": mask.copy()})
    )
    assert given == (options or {})


@pytest.mark.parametrize("env_id", [*FORMS, EDIT])
@pytest.mark.parametrize("dump", [pickle.dumps, cloudpickle.dumps], ids=["pickle", "cloudpickle"])
def test_pickle_in_the_middle(env_id: str, dump: Any) -> None:
    envs = native(env_id, "SameStep", noise=True, **with_steps(7, env_id))
    envs.reset(seed=3)
    rng = np.random.default_rng(0)
    for step in range(20):
        if step == 4:
            twin = pickle.loads(dump(envs))
        actions = rng.integers(0, 36, size=N)
        result = envs.step(actions)
        if step >= 4:
            assert_same(twin.step(actions), result)


@pytest.mark.parametrize("env_id", [*FORMS, EDIT])
def test_results_belong_to_the_caller(env_id: str) -> None:
    ours, twin = (native(env_id, "SameStep", **with_steps(7, env_id)) for _ in range(2))

    def spoil(data: Any) -> None:
        for value in data.values() if isinstance(data, dict) else data:
            if isinstance(value, dict):
                spoil(value)
            elif isinstance(value, np.ndarray):
                value[:] = None if value.dtype == object else 1

    spoil(ours.reset(seed=0))
    twin.reset(seed=0)
    assert_same(ours.action_masks(), twin.action_masks())
    for _ in range(15):
        result = ours.step(np.zeros(N, dtype=np.int64))
        assert_same(result, twin.step(np.zeros(N, dtype=np.int64)))
        spoil(result)


@pytest.mark.parametrize("env_id", [*FORMS, EDIT])
@pytest.mark.parametrize("arguments", [{}, {"reward_scale": "raw", "surrogate": "xgb"}], ids=str)
def test_many_copies_score_as_few(env_id: str, arguments: dict[str, Any]) -> None:
    """Batches of any size, across the chunks in which surrogates and optima are evaluated."""
    n = 1500
    if "Generated" in env_id and not arguments:  # every device and every bound takes a tenth of a second to be known
        n = 12
    if "Bounds" in env_id and arguments:  # the optimum of another surrogate takes seconds to be known
        arguments = {"reward_scale": "raw"}
    arguments = arguments | with_steps(1, env_id)
    envs = native(env_id, "Disabled", n, **arguments)
    envs.reset(seed=0)
    envs.action_space.seed(0)
    actions = envs.action_space.sample()
    _, rewards, _, _, infos = envs.step(actions)
    single = gymnasium.make(env_id, **arguments)
    for row in {0, 63, 64, 1023, 1024, n - 1} & set(range(n)):
        single.reset(seed=row)
        _, reward, _, _, info = single.step(actions[row])
        assert np.array_equal(reward, rewards[row])
        assert info["architecture"] == infos["architecture"][row]
        for key in info.keys() & {"regret", "cost", "preference", "task"}:
            assert np.array_equal(info[key], infos[key][row])


def test_actions_of_a_copy_that_is_reset_are_ignored() -> None:
    envs = native(id_of("build"), granularity="network")
    envs.reset(seed=0)
    envs.step(np.zeros((N, 28), dtype=np.int64))
    first = envs.step(np.ones((N, 28), dtype=np.int64))
    assert not first[2].any()
    assert_same(first[0], envs.reset(seed=0)[0])


@pytest.mark.parametrize("mode", [*MODES, *AutoresetMode], ids=str)
def test_mode_is_in_the_metadata(mode: Any) -> None:
    envs = native(id_of("build"), mode)
    assert envs.metadata["autoreset_mode"] is AutoresetMode(mode)
    assert BuildVectorEnv.metadata == {}


@pytest.mark.parametrize("env_id", [*FORMS, EDIT])
def test_spec_makes_the_same(env_id: str) -> None:
    envs = native(env_id, noise=True, **with_steps(7, env_id))
    assert envs.spec is not None
    again = gymnasium.make_vec(gymnasium.envs.registration.EnvSpec.from_json(envs.spec.to_json()))
    assert type(again) is type(envs)
    assert again.num_envs == N
    assert_same(again.reset(seed=1), envs.reset(seed=1))


def test_wrappers_of_gymnasium() -> None:
    envs = RecordEpisodeStatistics(native(id_of("build")))
    envs.reset(seed=0)
    for _ in range(28):
        _, rewards, _, _, infos = envs.step(np.zeros(N, dtype=np.int64))
    assert infos["episode"]["l"].tolist() == [28] * N
    assert np.array_equal(infos["episode"]["r"], rewards)
    listed = DictInfoToList(native(id_of("build"), granularity="network"))
    _, infos_of_copies = listed.reset(seed=0)
    assert [list(info) for info in infos_of_copies] == [["action_mask"]] * N


def test_vector_wrappers_of_mo_gymnasium() -> None:
    wrappers = pytest.importorskip("mo_gymnasium.wrappers.vector")
    plain = native(id_of("vector_reward"))
    assert isinstance(plain, MOBuildVectorEnv)
    assert plain.reward_dim == 2
    assert plain.reward_space == gymnasium.make(id_of("vector_reward")).unwrapped.reward_space
    assert_same(plain.pareto_front(0.9), gymnasium.make(id_of("vector_reward")).unwrapped.pareto_front(0.9))
    reference = wrappers.MOSyncVectorEnv([lambda: gymnasium.make(id_of("vector_reward"))] * N)
    assert_same(plain.reset(seed=0), reference.reset(seed=0))
    recorded = wrappers.MORecordEpisodeStatistics(native(id_of("vector_reward")), gamma=0.9)
    recorded.reset(seed=0)
    rng = np.random.default_rng(1)
    for _ in range(28):
        actions = rng.integers(0, 4, size=N)
        result = plain.step(actions)
        assert_same(result, reference.step(actions))
        infos = recorded.step(actions)[-1]
    assert np.array_equal(infos["episode"]["r"], result[1])
    assert infos["episode"]["dr"] == pytest.approx(0.9**27 * result[1])


@pytest.mark.parametrize("env_id", [*FORMS, EDIT])
def test_render(env_id: str) -> None:
    arguments = {"render_mode": "ansi", **with_steps(7, env_id)}
    ours, theirs = native(env_id, **arguments), synchronous(env_id, **arguments)
    with pytest.raises(ResetNeeded, match="before render"):
        ours.render()
    for envs in (ours, theirs):
        envs.reset(seed=0)
    for _ in range(9):
        assert ours.render() == theirs.render()
        for envs in (ours, theirs):
            envs.step(np.array([1, 20, 35]))
    with pytest.warns(UserWarning, match="render_mode"):
        assert native(env_id).render() is None


@pytest.mark.parametrize(
    ("actions", "granularity", "message"),
    [
        ([0, 1], "choice", r"actions must be integers of shape \(3,\), got int64 \(2,\)"),
        ([[0], [1], [2]], "choice", r"actions must be integers of shape \(3,\), got int64 \(3, 1\)"),
        (0, "choice", r"shape \(3,\), got int64 \(\)"),
        (None, "choice", r"shape \(3,\), got object \(\)"),
        ([0.0, 1.0, 2.0], "choice", r"must be integers .* got float64 \(3,\)"),
        ([True, False, True], "choice", r"must be integers .* got bool \(3,\)"),
        ([0, -1, 0], "choice", r"actions\[1\] must be in 0\.\.3, got -1"),
        ([0, 0, 4], "choice", r"actions\[2\] must be in 0\.\.3, got 4"),
        ([48, 0, 0], "block", r"actions\[0\] must be in 0\.\.47, got 48"),
        ([[0] * 28] * 2, "network", r"shape \(3, 28\), got int64 \(2, 28\)"),
        ([[0] * 28, [0] * 27, [0] * 28], "network", r"shape \(3, 28\), got \[\[0"),
        ([[0] * 28, [0] * 27 + [2], [0] * 28], "network", r"actions\[1, 27\] must be in 0\.\.1, got 2"),
    ],
)
def test_bad_actions(actions: Any, granularity: str, message: str) -> None:
    envs = native(id_of("build"), granularity=granularity)
    envs.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        envs.step(actions)
    valid = np.zeros(envs.action_space.shape, dtype=np.int64)
    assert envs.step(valid)[2].all() == (granularity == "network"), "the failed call has changed nothing"


def test_bad_actions_of_editing() -> None:
    envs = native(EDIT)
    first, _ = envs.reset(seed=0)
    outside, short = r"actions\[1\] must be in 0\.\.70, got 71", r"actions must be integers of shape \(3,\), got"
    for actions, message in (([0, 71, 0], outside), ([0, 1], short)):
        with pytest.raises(ValueError, match=message):
            envs.step(actions)
    assert_same(first, envs.reset(seed=0)[0])


@pytest.mark.parametrize("env_id", [*FORMS, EDIT])
def test_bad_options(env_id: str) -> None:
    single = gymnasium.make(env_id)
    for envs in (native(env_id), single):
        with pytest.raises(ValueError, match="options must be .*, got 'unknown'"):
            envs.reset(options={"unknown": 1})
        with pytest.raises(ValueError, match=r"options must be a dict or None, got \[1\]"):
            envs.reset(options=[1])


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ([True, False, True], r"must be a bool array of shape \(3,\), got \[True"),
        (np.array([True, False]), r"must be a bool array of shape \(3,\), got bool \(2,\)"),
        (np.array([1, 0, 1]), r"must be a bool array of shape \(3,\), got int64 \(3,\)"),
        (np.array(True), r"must be a bool array of shape \(3,\), got bool \(\)"),
        (np.zeros(3, dtype=np.bool_), "must name at least one copy"),
    ],
)
def test_bad_reset_mask(mask: Any, message: str) -> None:
    envs = native(id_of("build"), "Disabled")
    envs.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        envs.reset(options={"reset_mask": mask})


@pytest.mark.parametrize("seed", [[1, 2], "abc", "abcd", [1, 2, 3, 4], [1, 2.5, None], {0: 1}, 1.5])
def test_bad_seeds(seed: Any) -> None:
    with pytest.raises(ValueError, match="seed must be an integer, None or 3 of these, got"):
        native(id_of("build")).reset(seed=seed)


def test_stepping_at_the_wrong_time() -> None:
    envs = native(id_of("build"), "Disabled", granularity="network")
    actions = np.zeros((N, 28), dtype=np.int64)
    with pytest.raises(ResetNeeded, match="no episode has begun"):
        envs.step(actions)
    with pytest.raises(ResetNeeded, match="before one with a mask"):
        envs.reset(options={"reset_mask": np.array([True, False, True])})
    assert not envs.unwrapped.action_masks().any()
    envs.reset(options={"reset_mask": np.ones(N, dtype=np.bool_)})
    envs.step(actions)
    envs.reset(options={"reset_mask": np.array([False, True, False])})
    with pytest.raises(ResetNeeded, match=r"the episodes of the copies \[0, 2\] are over"):
        envs.step(actions)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_envs": 0}, "num_envs must be an integer of at least 1, got 0"),
        ({"num_envs": -2}, "num_envs must be .* got -2"),
        ({"num_envs": 1.5}, "num_envs must be .* got 1.5"),
        ({"autoreset_mode": "NEXT"}, "autoreset_mode must be one of 'NextStep', 'SameStep', 'Disabled', got 'NEXT'"),
        ({"max_episode_steps": 10}, "max_episode_steps must be None or at least 28, got 10"),
        ({"max_episode_steps": "100"}, "max_episode_steps must be None or at least 28, got '100'"),
        ({"granularity": "choices"}, "granularity must be one of .* did you mean 'choice'"),
        ({"reward": "prodct"}, "reward must be one of .* did you mean 'product'"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    for env_id in ("AccelNAS-VCK190-v0", *([EDIT] if arguments.keys() & {"num_envs", "autoreset_mode"} else [])):
        with pytest.raises(ValueError, match=message):
            gymnasium.make_vec(env_id, **arguments)


def test_every_id_has_a_vector_environment() -> None:
    ids = {env_id for env_id in gymnasium.registry if env_id.startswith("AccelNAS-")}
    assert ids == set(all_ids())
    for env_id in ids:
        assert isinstance(native(env_id), CopiesVectorEnv)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("env_id", [*FORMS, EDIT])
def test_masks_are_in_the_infos_of_every_step(env_id: str, mode: str) -> None:
    arguments = with_steps(7, env_id)
    ours, theirs = native(env_id, mode, **arguments), synchronous(env_id, mode, **arguments)
    infos = [envs.reset(seed=1)[1] for envs in (ours, theirs)]
    ends = 0
    for _ in range(22):
        assert_same(*[info["action_mask"] for info in infos])
        assert infos[0]["_action_mask"].all()
        actions = np.zeros(N, dtype=np.int64)
        results = [envs.step(actions) for envs in (ours, theirs)]
        infos = [result[-1] for result in results]
        over = results[0][2] | results[0][3]
        ends += over.any()
        if over.any() and mode == "SameStep":
            assert_same(*[info["final_info"]["action_mask"] for info in infos])
            assert infos[0]["final_info"]["action_mask"].any() == (env_id == EDIT)
        if over.any() and mode == "Disabled":
            assert infos[0]["action_mask"].any() == (env_id == EDIT)
            infos = [envs.reset(options={"reset_mask": over.copy()})[1] for envs in (ours, theirs)]
    assert ends >= 2


@pytest.mark.parametrize("env_id", [*FORMS, EDIT])
def test_attributes_and_methods_as_those_of_gymnasium(env_id: str) -> None:
    arguments = {"render_mode": "ansi", "noise": True}
    ours, theirs = native(env_id, **arguments), synchronous(env_id, **arguments)
    for envs in (ours, theirs):
        envs.reset(seed=2)
        envs.step(np.array([0, 1, 2]))
        envs.set_attr("label", ["a", "b", "c"])
        envs.set_attr("other", 7)
    for name in ("task", "n_steps", "render_mode", "observation_space", "label", "other", "action_masks", "render"):
        assert_same(ours.get_attr(name), theirs.get_attr(name))
    assert_same(ours.call("action_masks"), theirs.call("action_masks"))
    assert_same(ours.call("render"), theirs.call("render"))
    assert_same(ours.call("has_wrapper_attr", "label"), (False,) * N)
    assert_same(ours.get_attr("np_random_seed"), theirs.get_attr("np_random_seed"))
    states = [[rng.bit_generator.state for rng in envs.get_attr("np_random")] for envs in (ours, theirs)]
    assert_same(*states)
    for envs in (ours, theirs):
        envs.set_attr("np_random", [np.random.default_rng(n) for n in (7, 8, 9)])
    assert_same(ours.get_attr("np_random_seed"), theirs.get_attr("np_random_seed"))
    assert_same(ours.reset(), theirs.reset())
    first, second, _ = ours.get_attr("_choices")
    assert not np.array_equal(first, second) or env_id != EDIT, "each copy has its own"


def test_attributes_that_copies_share_cannot_be_set() -> None:
    envs = native(id_of("build"))
    for name in ("task", "render_mode", "_choices", "step"):
        with pytest.raises(ValueError, match=f"name must be 'np_random' or one that .* got '{name}': the copies share"):
            envs.set_attr(name, 1)
    with pytest.raises(ValueError, match="values must be one value or 3 of them, got 2"):
        envs.set_attr("label", [1, 2])
    with pytest.raises(ValueError, match=r"np_random must be a numpy.random.Generator, got 3"):
        envs.set_attr("np_random", 3)
    for name in ("reset", "step", "close", "take_over"):
        with pytest.raises(ValueError, match=f"name must not be '{name}': all copies step together"):
            envs.call(name)
    with pytest.raises(AttributeError, match="unknown"):
        envs.get_attr("unknown")


def test_only_architectures_that_change_are_measured() -> None:
    measured = []

    def reward(metrics: dict[str, np.ndarray]) -> np.ndarray:
        measured.append(len(metrics["accuracy"]))
        return metrics["accuracy"]

    envs = native(EDIT, reward=reward, reward_scale="raw")
    observations, _ = envs.reset(seed=0)
    there, other = observations.argmax(axis=1), observations.argmin(axis=1)
    measured.clear()
    assert envs.step(there)[1].tolist() == [0.0] * N
    rewards = envs.step(np.where(np.arange(N) == 1, other, there))[1]
    assert measured == [1]
    assert np.flatnonzero(rewards).tolist() == [1]
