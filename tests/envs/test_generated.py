"""Environments whose device does not exist."""

import json
import pickle
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import anb_gym
from anb_gym.envs.families import FAMILIES, make_known_problem
from anb_gym.fronts import NoFrontError
from anb_gym.hardware import TEST_SEEDS, TRAIN_SEEDS, probe_states
from anb_gym.problems import GeneratedProblem, generated_fronts, target_devices
from anb_gym.problems.generated_fronts import GeneratedFrontError, read_fronts, write_fronts
from anb_gym.problems.target_devices import TargetDevice
from anb_gym.space import SPACE

IDS = [FAMILIES[name].id for name in ("generated", "generated_preference", "generated_constrained", "generated_mo")]
SCALAR = IDS[0]
RNG = np.random.default_rng(0)
CHOICES = SPACE.sample(500, RNG)
STATES = SPACE.to_states(CHOICES)


def play(env: gymnasium.Env, choices: np.ndarray = CHOICES[0], **reset: object) -> tuple[np.ndarray, float, dict]:
    observation, _ = env.reset(**reset)
    first = observation
    for choice in choices:
        _, reward, terminated, _, info = env.step(int(choice))
    assert terminated
    return first, reward, info


@pytest.mark.parametrize("kind", ["throughput", "latency"])
@pytest.mark.parametrize("leave_out", [None, "tpu"])
def test_metrics_are_those_of_the_generated_device_to_the_bit(kind: str, leave_out: str | None) -> None:
    problem = anb_gym.make_problem(SCALAR, kind=kind, leave_out=leave_out, reward_scale="raw")
    seeds = [0, 31, 32, 9_999, 1_000_000, 2**62]
    request = problem.ask.blank(len(STATES))
    request.device[:] = np.resize(seeds, len(STATES))
    found = problem.measure(STATES, request)[f"generated/{kind}"]
    for seed in seeds:
        rows = request.device == seed
        device = anb_gym.devices.generate(seed, leave_out=leave_out)
        assert np.array_equal(found[rows], device.metrics[kind].predict(STATES[rows]))
        assert problem.on(seed).name == device.name


@pytest.mark.parametrize("device", ["vck190", "tpuv3", "a100", "cpu"])
def test_a_real_device_is_worth_what_its_own_ids_say(device: str) -> None:
    own = anb_gym.make_problem(f"AccelNAS-{anb_gym.devices.DEVICES[device].label}-v0").evaluate(CHOICES)
    found = anb_gym.make_problem(SCALAR).evaluate(CHOICES, device=device)
    # Another target multiplies the product by a number, which unit scale takes off.
    np.testing.assert_allclose(found.reward, own.reward, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.regret, own.regret, rtol=1e-9, atol=1e-9)


def test_a_real_device_has_its_own_bounds_and_preferences() -> None:
    bound = anb_gym.make_problem("AccelNAS-VCK190-Bound-v0", reward="accuracy").evaluate(CHOICES, preference=2_000.0)
    found = anb_gym.make_problem(IDS[2]).evaluate(CHOICES, device="vck190", preference=2_000.0)
    # The mean of random architectures is rounded.
    np.testing.assert_allclose(found.reward, bound.reward, atol=0.02)
    assert np.array_equal(found.cost, bound.cost)
    assert np.array_equal(found.regret, bound.regret)
    weights = [0.3, 0.7]
    chebyshev = anb_gym.make_problem("AccelNAS-VCK190-Preference-v0").evaluate(CHOICES, preference=weights)
    found = anb_gym.make_problem(IDS[1]).evaluate(CHOICES, device="vck190", preference=weights)
    np.testing.assert_allclose(found.raw, chebyshev.raw, rtol=1e-12)
    # The mean of random architectures is of fewer of them.
    np.testing.assert_allclose(found.reward, chebyshev.reward, atol=0.01)
    vector = anb_gym.make_problem("AccelNAS-VCK190-MO-v0").evaluate(CHOICES)
    found = anb_gym.make_problem(IDS[3]).evaluate(CHOICES, device="vck190")
    np.testing.assert_allclose(found.reward, vector.reward, rtol=1e-12)


@pytest.mark.parametrize("seed", [TEST_SEEDS[0], TEST_SEEDS[-1]])
def test_unit_scale_is_that_of_the_device(seed: int) -> None:
    problem = anb_gym.make_problem(SCALAR)
    random = problem.evaluate(SPACE.sample(20_000, np.random.default_rng(1)), device=seed)
    assert abs(random.reward.mean()) < 4.0 * random.reward.std() / np.sqrt(20_000)
    front = problem.evaluate(problem.on(seed).front.indices, device=seed)
    assert front.reward.max() == 1.0
    assert front.regret.min() == 0.0
    assert (random.regret >= 0.0).all()


def test_devices_for_tests_have_certified_fronts_and_others_have_regret_only_if_so() -> None:
    problem = anb_gym.make_problem(SCALAR)
    assert not set(TRAIN_SEEDS) & set(TEST_SEEDS)
    assert (len(TRAIN_SEEDS), len(TEST_SEEDS)) == (10_000, 200)
    assert all(problem.on(seed).certified for seed in TEST_SEEDS)
    assert problem.evaluate(CHOICES[:2], device=5).regret is None
    env = gymnasium.make(SCALAR, devices="test")
    assert play(env, seed=0)[2]["regret"] >= 0.0
    assert "regret" not in play(gymnasium.make(SCALAR), seed=0)[2]


def test_the_front_that_ships_is_what_an_exact_search_finds() -> None:
    pytest.importorskip("numba")
    device = TargetDevice(TEST_SEEDS[7], "throughput", None, "gp")
    exact = device.solve()
    assert set(exact.indices.tolist()) == set(device.front.indices.tolist())
    ideal, nadir = device.extent
    assert ideal == (device.front.accuracy[0], device.front.performance[-1])
    assert nadir == (device.front.accuracy[-1], device.front.performance[0])


@pytest.mark.parametrize("kind", ["throughput", "latency"])
def test_local_search_finds_a_front(kind: str) -> None:
    device = TargetDevice(2_000_000, kind, None, "gp")
    front = device.climbed()
    assert not device.certified
    better = device.sign * np.diff(front.performance)
    assert (np.diff(front.accuracy) < 0.0).all()
    assert (better > 0.0).all()
    values = np.stack([device.accuracy(STATES), device.sign * device.performance(STATES)], axis=1)
    members = np.stack([front.accuracy, device.sign * front.performance], axis=1)
    assert all((members >= value).all(axis=1).any() for value in values)


@pytest.mark.parametrize("kind", ["throughput", "latency"])
def test_optima_of_devices_that_do_not_ship_are_certified_on_demand(kind: str) -> None:
    pytest.importorskip("numba")
    seed = 2_000_001
    plain, certified = (anb_gym.make_problem(SCALAR, kind=kind, certified=c) for c in (False, True))
    device = certified.on(seed)
    assert device.certified
    assert not plain.on(seed).certified
    products = device.product(device.front.accuracy, device.front.performance)
    assert certified.evaluate(SPACE.states_to_index(device.best_product[None]), device=seed).regret.tolist() == [0.0]
    assert device.product_level[1] == products.max()  # the search for the optimum alone finds that of the front
    found, local = (problem.evaluate(CHOICES, device=seed) for problem in (certified, plain))
    assert local.regret is None
    np.testing.assert_allclose(found.reward, local.reward, rtol=1e-3)
    assert (found.regret >= 0.0).all()
    front, climbed = device.front, plain.on(seed).front
    shared = np.isin(front.indices, climbed.indices).mean()
    assert shared > 0.9
    assert front.accuracy[0] == climbed.accuracy[0]


@pytest.mark.parametrize("certified", [False, True])
def test_surrogates_without_fronts_of_their_own(certified: bool) -> None:
    """The search begins at the default's fronts."""
    if certified:
        pytest.importorskip("numba")
    problem = anb_gym.make_problem(SCALAR, surrogate="xgb", certified=certified)
    front = problem.on(2_000_001).front
    found = problem.evaluate(front.indices, device=2_000_001)
    assert found.reward.max() == 1.0
    assert np.array_equal(
        found.exact["accuracy"], anb_gym.Benchmark("xgb").query(front.indices, ["accuracy"])["accuracy"]
    )
    assert (found.regret is not None) == certified
    with pytest.raises(NoFrontError, match="there is no front of 'vck190/throughput' for the surrogate 'xgb'"):
        problem.evaluate(CHOICES[:1], device="vck190")


def test_an_optimum_that_ships_is_that_of_a_search_for_it_alone() -> None:
    pytest.importorskip("numba")
    device = TargetDevice(TEST_SEEDS[3], "throughput", None, "gp")
    alone = TargetDevice(TEST_SEEDS[3], "throughput", None, "gp", certify=True)
    object.__setattr__(alone, "_recorded", None)
    assert alone.product_level == device.product_level


def test_observations_show_the_probes() -> None:
    for device in (7, "vck190"):
        observation, _, info = play(gymnasium.make(SCALAR), options={"device": device})
        on = anb_gym.make_problem(SCALAR).on(device)
        logs = -np.log(on.performance(probe_states()))
        np.testing.assert_allclose(observation[-10:], 0.5 + (logs - logs.mean()) / 6.0, atol=1e-6)
        assert info["device"] == on.name
    noisy = gymnasium.make(SCALAR, probe_noise=0.1)
    first, again, other = (noisy.reset(seed=s, options={"device": 7})[0][-10:] for s in (1, 1, 2))
    assert np.array_equal(first, again)
    exact = gymnasium.make(SCALAR).reset(options={"device": 7})[0][-10:]
    assert 0.0 < np.abs(first - exact).max() < 0.1
    assert not np.array_equal(first, other)


def test_devices_are_drawn_from_the_set() -> None:
    env = gymnasium.make(SCALAR, devices=[3, 11], reward_scale="raw")
    names = {play(env, seed=seed)[2]["device"] for seed in range(20)}
    assert names == {"generated_3", "generated_11"}


@pytest.mark.parametrize("id", IDS)
def test_copies_of_known_and_unknown_optima_equal_single_ones(id: str) -> None:
    seeds = [TEST_SEEDS[0], 4]
    envs = gymnasium.make_vec(id, num_envs=6, devices=seeds, granularity="network")
    envs.reset(seed=3)
    _, rewards, _, _, infos = envs.step(CHOICES[:6])
    for row in range(6):
        env = gymnasium.make(id, devices=seeds, granularity="network")
        env.reset(seed=3 + row)
        _, reward, _, _, info = env.step(CHOICES[row])
        assert np.array_equal(rewards[row], np.asarray(reward, dtype=rewards.dtype))
        assert infos["device"][row] == info["device"]
        if "regret" in info:
            assert infos["_regret"][row]
            assert infos["regret"][row] == info["regret"]
        elif "_regret" in infos:
            assert not infos["_regret"][row]


def test_a_bound_that_is_given_stays_as_it_is() -> None:
    problem = anb_gym.make_problem(IDS[2])
    front = problem.on("a100").front
    bound = float(front.performance[5])
    found = problem.evaluate(front.indices[5:6], device="a100", preference=bound)
    assert (found.reward[0], found.cost[0], found.regret[0]) == (1.0, 0.0, 0.0)
    slower = problem.evaluate(front.indices[4:5], device="a100", preference=bound)
    assert slower.cost[0] > 0.0
    assert np.isinf(slower.regret[0])


def test_regret_under_a_bound_needs_no_means(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = {"device": TEST_SEEDS[3], "preference": 1_000.0}
    unit = anb_gym.make_problem(IDS[2]).evaluate(CHOICES, **arguments)
    monkeypatch.delattr(target_devices, "_mean_accuracy")
    raw = anb_gym.make_problem(IDS[2], reward_scale="raw").evaluate(CHOICES, **arguments)
    assert np.array_equal(raw.regret, unit.regret)
    assert np.array_equal(raw.reward, unit.raw)


def test_problems_are_values() -> None:
    problem = anb_gym.make_problem(SCALAR, devices=[1, 2])
    problem.evaluate(CHOICES, device=1)
    assert pickle.loads(pickle.dumps(problem)) == problem
    assert len(pickle.dumps(problem)) < 1_000
    assert hash(problem) == hash(anb_gym.make_problem(SCALAR, devices=(1, 2)))
    spec = gymnasium.make(SCALAR, devices="test", leave_out="gpu").spec
    assert json.loads(spec.to_json())["kwargs"]["leave_out"] == "gpu"
    assert isinstance(problem, GeneratedProblem)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "power"}, "kind must be one of 'throughput', 'latency', got 'power'"),
        ({"devices": "trian"}, "devices must be one of 'train', 'test', got 'trian'; did you mean 'train'"),
        ({"devices": []}, "devices must be 'train', 'test' or seeds below"),
        ({"devices": 5}, r"devices must be 'train', 'test' or seeds below 2\*\*63, got 5"),
        ({"devices": None}, "devices must be 'train', 'test' or seeds below .*, got None"),
        ({"devices": [1.5]}, "devices must be an integer"),
        ({"devices": [-1]}, "devices must be"),
        ({"leave_out": "npu"}, "leave_out must be one of"),
        ({"certified": "yes"}, "certified must be True or False, got 'yes'"),
        ({"probe_noise": -0.1}, "probe_noise must be at least 0, got -0.1"),
        ({"reward": "accuracy"}, "reward must be 'product', which the id says"),
    ],
)
def test_impossible_arguments_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gymnasium.make(SCALAR, **arguments)


@pytest.mark.parametrize(
    ("id", "options", "message"),
    [
        (SCALAR, {"device": -3}, "device must be"),
        (SCALAR, {"device": "vck19"}, "device must be one of .*did you mean 'vck190'"),
        (SCALAR, {"preference": 1.0}, "preference"),
        (IDS[2], {"device": "vck190", "preference": 1e9}, "preference must be a bound of throughput in .* on vck190"),
        (IDS[1], {"preference": [0.5, 0.6]}, "preference must be 2 non-negative numbers with the sum 1"),
    ],
)
def test_impossible_options_are_refused(id: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gymnasium.make(id).reset(options=options)


def test_agents_say_that_they_do_not_know_generated_devices() -> None:
    with pytest.raises(ValueError, match=f"id must be one whose devices are known, got '{SCALAR}'"):
        make_known_problem(SCALAR)


def test_a_damaged_file_of_fronts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "throughput.npz"
    fronts = {5: np.array([1, 2]), 7: np.array([3])}
    write_fronts(path, fronts, "gp", {"kind": "throughput"})
    found = read_fronts(path)
    assert {seed: front.tolist() for seed, front in found.items()} == {5: [1, 2], 7: [3]}
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(GeneratedFrontError, match="throughput.npz must have the checksum of its manifest"):
        read_fronts(path)
    manifest = generated_fronts.FOLDER / "throughput.json"
    assert len(json.loads(manifest.read_text())["hypervolume"]) == len(TEST_SEEDS)
