"""The GFlowNet learns the distribution that it is to learn, and its network is one."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import anb_gym
from anb_gym.agents import Assignment, load, saving, train
from anb_gym.space import SPACE
from tests.loading import load_script

torch = pytest.importorskip("torch")
gflownet = pytest.importorskip("anb_gym.agents.gflownet")
networks = pytest.importorskip("anb_gym.agents.masked_network")

ID = "AccelNAS-CPU-v0"
NONE = np.empty((1, 0))


def _network(n_context: int = 0, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    network = networks.MaskedNetwork(n_context, 64, rng)
    network.weights[:] = 0.3 * rng.standard_normal(len(network.weights))
    return network


def _table(network: Any, choices: Any, context: Any) -> Any:
    return network.log_probabilities(torch.from_numpy(network.weights), choices, context).numpy()


def test_no_choice_depends_on_later_ones() -> None:
    network, rng = _network(2), np.random.default_rng(1)
    one, other = SPACE.sample(50, rng), SPACE.sample(50, rng)
    context = rng.random((50, 2))
    for known in (0, 1, 13, 27):
        other[:, :known] = one[:, :known]
        first, second = (_table(network, choices, context) for choices in (one, other))
        np.testing.assert_allclose(first[:, : known + 1], second[:, : known + 1], rtol=1e-5)
        if known < 27:
            assert (first[:, known + 1] != second[:, known + 1]).any()
    exists = np.arange(4) < SPACE.cardinalities[:, None]
    np.testing.assert_array_equal(np.isfinite(first), np.broadcast_to(exists, first.shape))
    np.testing.assert_allclose(np.exp(first).sum(axis=2), 1.0, rtol=1e-5)
    assert (_table(network, one, context + 1.0) != first)[:, 0].any()


def test_samples_have_the_probabilities_of_the_network() -> None:
    network = _network()
    drawn = network.complete(
        np.full((20_000, 28), -1, dtype=np.int8), np.empty((20_000, 0)), np.random.default_rng(2), False
    )
    table = np.exp(_table(network, drawn, np.empty((20_000, 0))))
    shown = drawn[:, :, None] == np.arange(4)
    # Choices less their expectations given those before have mean zero, also where the last choice was 0.
    np.testing.assert_allclose((shown - table).mean(axis=0), 0.0, atol=0.02)
    before = drawn[:, 11] == 0
    np.testing.assert_allclose((shown - table)[before, 12].mean(axis=0), 0.0, atol=0.02)


def test_completes_what_is_open() -> None:
    network, rng = _network(), np.random.default_rng(3)
    given = np.where(rng.random((30, 28)) < 0.5, SPACE.sample(30, rng), -1).astype(np.int8)
    made = network.complete(given, np.empty((30, 0)), rng, False)
    assert made.dtype == np.int8
    np.testing.assert_array_equal(made[given >= 0], given[given >= 0])
    SPACE.validate_choices(made)
    greedy = network.complete(given[:, :], np.empty((30, 0)), rng, True)
    best = _table(network, greedy, np.empty((30, 0))).argmax(axis=2)
    np.testing.assert_array_equal(greedy[given < 0], best[given < 0])


@pytest.mark.parametrize(("dtype", "decay"), [(np.float32, 0.9), (np.float64, 0.5)])
def test_adam_is_torchs(dtype: type, decay: float) -> None:
    weights = np.random.default_rng(0).standard_normal(5).astype(dtype)
    theirs = torch.from_numpy(weights.copy()).requires_grad_()
    ours, optimiser = networks.Adam(weights, decay), torch.optim.Adam([theirs], lr=0.1, betas=(decay, 0.999))
    for step in range(1, 6):
        gradient = np.sin(step * np.arange(1.0, 6.0)).astype(dtype)
        ours.step(gradient, 0.1)
        theirs.grad = torch.from_numpy(gradient)
        optimiser.step()
    np.testing.assert_allclose(weights, theirs.detach().numpy(), rtol=1e-5)


def test_learns_the_distribution() -> None:
    """Against annealed importance sampling, which knows nothing of the agent."""
    bench, temperature = load_script("bench/gflownet"), 0.05
    problem = anb_gym.make_problem(ID)
    log_z, exact = bench.anneal(problem, temperature, np.random.default_rng(0), n=3000, sweeps=10)
    agent, record = train("gflownet", ID, 4000, seed=0, settings={"temperature": temperature})
    other, _ = train("gflownet", ID, 4000, seed=1, settings={"temperature": temperature})
    assert agent.log_z()[0] == pytest.approx(log_z, abs=0.2)
    own = agent.design(3000)
    np.testing.assert_allclose(bench._marginals(own), bench._marginals(exact), atol=0.06)
    assert bench.score(problem, own).mean() == pytest.approx(bench.score(problem, exact).mean(), abs=0.02)
    trained = bench.Trained(agent, SPACE.from_index(record.index), record.reward, 0.0)
    for held_out in (other.design(1000), exact):
        assert bench._rank_correlation(problem, trained, held_out) > 0.95
    # A distribution that is only good, and not this one, does not pass: here the one of another temperature.
    cold, _ = train("gflownet", ID, 1000, seed=0)
    assert np.abs(bench._marginals(cold.design(3000)) - bench._marginals(exact)).max() > 0.06


def test_annealing_is_right() -> None:
    """Against importance sampling from uniform architectures, which does at a high temperature."""
    bench, problem = load_script("bench/gflownet"), anb_gym.make_problem(ID)
    log_z, samples = bench.anneal(problem, 0.3, np.random.default_rng(0), n=3000, sweeps=5)
    uniform = SPACE.sample(100_000, np.random.default_rng(1))
    weights = np.exp(bench.score(problem, uniform) / 0.3)
    assert log_z == pytest.approx(np.log(SPACE.size) + np.log(weights.mean()), abs=0.05)
    mean = (weights * bench.score(problem, uniform)).sum() / weights.sum()
    assert bench.score(problem, samples).mean() == pytest.approx(mean, abs=0.02)


@pytest.mark.parametrize("id", ["AccelNAS-CPU-Preference-v0", "AccelNAS-Transfer-v0"])
def test_the_distribution_depends_on_what_is_asked(id: str) -> None:
    agent, _ = train("gflownet", id, 300, seed=0, settings={"temperature": 0.05})
    asked = np.array([[1.0, 0.0], [0.0, 1.0]]) if "Preference" in id else np.eye(agent.problem.ask.n_cells)[:2]
    (one, two), choices = agent.log_z(asked), agent.design(200)
    assert one != two
    log_p = [agent.log_probability(choices, np.repeat(asked[row : row + 1], 200, axis=0)) for row in (0, 1)]
    assert (log_p[0] != log_p[1]).all()
    assert agent.design(3, seed=1).shape == (3, 28)
    with pytest.raises(ValueError, match="cells"):
        agent.log_probability(choices)


class Dies(gflownet.GFlowNet):  # type: ignore[misc]
    """Ends after some updates as if it were killed."""

    left = 0

    def train(self, training: Any) -> None:
        checkpoint = training.checkpoint

        def dying(agent: Any) -> None:
            checkpoint(agent, force=True)
            Dies.left -= 1
            if not Dies.left:
                raise SystemExit

        training.checkpoint = dying
        super().train(training)


@pytest.mark.parametrize("id", [ID, "AccelNAS-CPU-Preference-v0"])
def test_goes_on_to_the_bit(tmp_path: Path, id: str) -> None:
    whole, expected = train(Dies, id, 60, seed=0, arguments={"noise": True})
    Dies.left = 3
    with pytest.raises(SystemExit):
        train(Dies, id, 60, seed=0, arguments={"noise": True}, folder=tmp_path)
    assert saving.read(tmp_path).done == 24
    Dies.left = 0
    agent, record = train(Dies, id, 60, seed=0, arguments={"noise": True}, folder=tmp_path)
    np.testing.assert_array_equal(record.index, expected.index)
    for name, array in whole.state().items():
        np.testing.assert_array_equal(agent.state()[name], array)
    again = load(tmp_path, Dies)
    np.testing.assert_array_equal(again.design(70, seed=1), agent.design(70, seed=1))


def test_threads_change_nothing() -> None:
    agent, record = train("gflownet", ID, 200, seed=0, settings={"batch_size": 100})
    code = (
        "import sys; from anb_gym.agents import train\n"
        f"agent, record = train('gflownet', '{ID}', 200, seed=0, settings={{'batch_size': 100}})\n"
        "print(record.index.sum(), agent.design(200).sum())"
    )
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, "2")}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.split() == [str(record.index.sum()), str(agent.design(200).sum())]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0.0}, "temperature"),
        ({"batch_size": 1}, "batch_size"),
        ({"n_replayed": -1}, "n_replayed"),
        ({"exploration": 1.5}, "exploration must be in 0..1"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"log_z_rate": "fast"}, "log_z_rate"),
        ({"hidden_size": 0}, "hidden_size"),
    ],
)
def test_bad_settings(settings: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train("gflownet", ID, 10, seed=0, settings=settings)


def test_takes_one_reward() -> None:
    with pytest.raises(ValueError, match="scalar reward"):
        gflownet.GFlowNet(Assignment("AccelNAS-CPU-MO-v0", 10, 0))


def test_figures_of_diversity() -> None:
    bench, rng = load_script("bench/gflownet"), np.random.default_rng(0)
    choices = SPACE.sample(40, rng)
    pairs = (choices[:, None] != choices).sum(axis=2)
    assert bench._distance(choices) == pytest.approx(pairs.sum() / (40 * 39))
    near = np.concatenate([choices[:1], SPACE.neighbours(choices[0])])  # all of them within 2 of each other
    assert bench._modes(near) == 1.0
    assert bench._modes(np.concatenate([near, choices[1:]])) == bench._modes(choices)
    modes = [choices[0]]
    for row in choices:
        modes += [row] if min((row != of).sum() for of in modes) >= bench.APART else []
    assert bench._modes(choices) == len(modes)
    problem = anb_gym.make_problem(ID)
    assert problem.optimum is not None
    optimum = SPACE.from_index(problem.optimum.indices[:1])
    assert bench._optima(problem, np.concatenate([optimum, SPACE.neighbours(optimum[0])[:3]])) == 1.0
