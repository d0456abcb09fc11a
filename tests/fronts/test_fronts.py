"""The shipped fronts: of the loaded tables, sound, and not beaten by any search.

After a refit: ``anb-gym solve --all``, then ``anb-gym calibrate``.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from anb_gym import SPACE, Architecture, Benchmark
from anb_gym.calibration import N_RESTARTS, SEED, calibration, coordinate_ascent, front_scale, measure_front
from anb_gym.exact import Front, Optimum, VerificationError
from anb_gym.exact.dominance import escaping, non_dominated
from anb_gym.exact.results import Certificate
from anb_gym.fronts import CertifiedFront, NoFrontError
from anb_gym.fronts.store import FRONTS
from anb_gym.metrics import DEVICE_METRICS
from anb_gym.pareto import hypervolume
from anb_gym.rewards import Accuracy, Custom, Product, make_reward
from anb_gym.surrogates.labels import labels_of
from anb_gym.surrogates.store import FAMILIES, ArtefactError, load_shipped
from anb_gym.tasks import TASKS, Task, get_task

BENCH = Benchmark()
EVERY_FRONT = pytest.mark.parametrize("metric", FRONTS)
EVERY_TASK = pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)


def signed(front: CertifiedFront, values: dict[str, np.ndarray]) -> np.ndarray:
    """Metrics as two objectives to maximise; accuracy alone twice."""
    signs = {"max": 1.0, "min": -1.0}
    columns = [values[m] * signs[d] for m, d in zip(front.metrics, front.directions, strict=True)]
    return np.stack([columns[0], columns[-1]], axis=1)


def members(front: CertifiedFront) -> np.ndarray:
    return signed(front, dict(zip(front.metrics, front.objectives.T, strict=True)))


def assert_nothing_escapes(front: CertifiedFront, states: np.ndarray) -> None:
    """Every architecture is weakly dominated, up to a hundred-millionth of the front's extent."""
    points, own = signed(front, BENCH.query_states(states, front.metrics)), members(front)
    assert not escaping(points, own, 1e-8 * np.maximum(1.0, np.ptp(own, axis=0))).any()


@EVERY_FRONT
def test_verifies_and_is_of_the_loaded_tables(metric: str) -> None:
    front = BENCH.front(metric)
    front.verify()
    assert front.artefacts == {m: load_shipped(FAMILIES[0], m).checksum for m in front.metrics}
    assert front.certificate.covered == SPACE.size
    assert front.certificate.fixed == ()
    assert front.smallest.value > 0


@EVERY_FRONT
def test_objectives_are_the_metrics_best_accuracy_first(metric: str) -> None:
    front = BENCH.front(metric)
    values = BENCH.query(front.indices, front.metrics)
    np.testing.assert_allclose(front.objectives, np.stack([values[m] for m in front.metrics], axis=1), rtol=1e-12)
    assert (np.diff(front.objectives[:, 0]) < 1e-6).all()
    assert [a.index for a in front.architectures()] == front.indices.tolist()
    assert len(front) == len(front.objectives) == len(np.unique(front.indices))
    assert non_dominated(np.round(members(front), 3)).mean() > 0.5
    with pytest.raises(ValueError, match="read-only"):
        front.objectives[0] = 0.0


@EVERY_FRONT
def test_no_random_architecture_escapes(metric: str) -> None:
    assert_nothing_escapes(BENCH.front(metric), SPACE.to_states(SPACE.sample(50_000, np.random.default_rng(7))))


@EVERY_FRONT
def test_no_change_of_one_block_escapes(metric: str) -> None:
    front = BENCH.front(metric)
    states = SPACE.index_to_states(front.indices)
    for block, size in enumerate(SPACE.block_sizes):
        changed = np.repeat(states, size, axis=0)
        changed[:, block] = np.tile(np.arange(size), len(states))
        assert_nothing_escapes(front, changed)


@EVERY_TASK
def test_optimum_is_at_least_what_coordinate_ascent_finds(task: Task) -> None:
    reward = make_reward("product", task)
    optimum = BENCH.optimum(reward)
    best = coordinate_ascent(lambda s: reward(BENCH.query_states(s, reward.metrics)), N_RESTARTS, SEED)[1]
    assert optimum.value >= best * (1 - 1e-9)


@EVERY_TASK
def test_optimum_agrees_with_the_records(task: Task) -> None:
    reward = make_reward("product", task)
    optimum, recorded = BENCH.optimum(reward), calibration(reward, FAMILIES[0])
    assert recorded.certified
    assert recorded.best == pytest.approx(optimum.value, rel=1e-12)
    assert Architecture.parse(recorded.architecture) == optimum.architecture
    assert optimum.value == pytest.approx(reward({m: np.array([v]) for m, v in optimum.metrics.items()})[0])
    assert set(optimum.indices) <= set(optimum.front.indices)
    assert optimum.certificate == optimum.front.certificate


@pytest.mark.parametrize("task", [t for t in TASKS.values() if t.device], ids=lambda task: task.name)
def test_recorded_scale_is_that_of_the_front(task: Task) -> None:
    front, scale = BENCH.front(task.metrics[1]), front_scale(task)
    measured = measure_front(front)
    assert scale.points == len(front)
    for name, value in asdict(measured).items():
        assert getattr(scale, name) == pytest.approx(value, rel=1e-9), name
    signs = np.where(np.array(task.directions) == "max", 1.0, -1.0)
    ideal, nadir, reference = (np.array(p) * signs for p in (scale.ideal, scale.nadir, scale.reference_point))
    assert (members(front) <= ideal).all()
    assert (members(front) >= nadir).all()
    assert (reference < nadir).all()
    assert min(scale.reference_point) >= 0.0


@pytest.mark.parametrize(
    ("metric", "percent"),
    [
        ("a100/throughput", 54.9),
        ("vck190/throughput", 58.7),
        ("zcu102/throughput", 41.1),
        ("zcu102/latency", 29.7),
        ("vck190/latency", 41.5),
        ("tpuv3/throughput", 32.2),
        ("rtx3090/throughput", 46.8),
    ],
)
def test_members_beyond_the_data(metric: str, percent: float) -> None:
    """The shares that an independent reading of the data found."""
    assert 100.0 * (1.0 - BENCH.front(metric).within_data.mean()) == pytest.approx(percent, abs=0.05)


@pytest.mark.parametrize("metric", DEVICE_METRICS)
def test_a_front_within_the_data(metric: str) -> None:
    whole, front = BENCH.front(metric), BENCH.front(metric, within_data=True)
    labels = [labels_of(name) for name in front.metrics]
    low, high = (np.array([getattr(known, name) for known in labels if known]) for name in ("least", "most"))
    inside = ((whole.objectives >= low) & (whole.objectives <= high)).all(axis=1)
    assert 0 < len(front) < len(whole)
    assert front.indices.tolist() == whole.indices[inside].tolist()
    assert front.objectives.tolist() == whole.objectives[inside].tolist()
    assert front.within_data.all()
    assert front.restricted is front
    assert whole.restricted is BENCH.front(metric, within_data=True)
    assert set(BENCH.front(metric).indices) > set(front.indices)
    if metric == DEVICE_METRICS[0]:
        front.verify()  # the whole front, of which it is a part
    assert front.ideal[0] <= high[0]
    bound = float(np.median(front.objectives[:, 1]))
    assert front.best_under(bound).accuracy[0] == whole.best_under(bound).accuracy[0]
    assert front.best(Accuracy()).value == front.objectives[:, 0].max() < whole.ideal[0]


@pytest.mark.parametrize("task", [t for t in TASKS.values() if t.device], ids=lambda task: task.name)
def test_little_is_lost_within_the_data(task: Task) -> None:
    """No architecture within the data dominates more than the whole front does there."""
    front, scale = BENCH.front(task.metrics[1]), front_scale(task)
    there = np.clip(front.objectives, *front.data_range)
    for point, most in ((scale.reference_point, 0.01), (scale.practical_reference_point, 0.0025)):
        assert point is not None
        kept = hypervolume(front.restricted.objectives, point, front.directions)
        assert kept >= (1.0 - most) * hypervolume(there, point, front.directions)


def test_no_front_within_data_that_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="no member of the front of accuracy lies within the data"):
        BENCH.front("accuracy", within_data=True)
    front = replace(BENCH.front("a100/throughput"))
    monkeypatch.setattr("anb_gym.fronts.results.labels_of", lambda metric: None)
    with pytest.raises(ArtefactError, match=r"which accuracy was measured; anb-gym fit --labels writes labels\.json"):
        _ = front.within_data
    monkeypatch.setattr("anb_gym.calibration.recording.labels_of", lambda metric: None)
    assert measure_front(front) == replace(
        front_scale(get_task("A100")),
        within_data=None,
        practical_reference_point=None,
        practical_hypervolume=None,
        practical_within_data=None,
    )


def test_practical_reference_points_are_those_of_the_labels() -> None:
    points = {task.name: front_scale(task).practical_reference_point for task in TASKS.values() if task.device}
    assert points["A100"] == (60.0, 7397.0)
    assert points["VCK190"] == (60.0, 2054.0)
    assert points["TPUv3"] == (60.0, 1141.0)
    assert points["ZCU102-Latency"] == (60.0, 6.515)


def test_a_task_of_one_metric_has_no_scale() -> None:
    with pytest.raises(ValueError, match="'Accuracy' has"):
        front_scale(get_task("Accuracy"))


@pytest.mark.parametrize("metric", ["zcu102/latency"])
def test_no_architecture_of_a_genetic_search_escapes(metric: str) -> None:
    """NSGA-II, 40,000 evaluations: every architecture that it ever evaluated is weakly dominated."""
    pytest.importorskip("pymoo")
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.problem import Problem
    from pymoo.operators.crossover.ux import UX
    from pymoo.operators.mutation.pm import PM
    from pymoo.operators.repair.rounding import RoundingRepair
    from pymoo.operators.sampling.rnd import IntegerRandomSampling
    from pymoo.optimize import minimize

    front = BENCH.front(metric)
    seen: list[np.ndarray] = []

    class Search(Problem):
        def _evaluate(self, x: np.ndarray, out: dict[str, Any], *_: Any, **__: Any) -> None:
            seen.append(SPACE.to_states(x.astype(np.int8)))
            out["F"] = -signed(front, BENCH.query_states(seen[-1], front.metrics))

    mutation = PM(prob_var=1 / 28, vtype=float, repair=RoundingRepair())
    algorithm = NSGA2(500, sampling=IntegerRandomSampling(), crossover=UX(), mutation=mutation)
    problem = Search(n_var=28, n_obj=2, xl=0, xu=SPACE.cardinalities - 1, vtype=int)
    found = minimize(problem, algorithm, ("n_eval", 40_000), seed=0)
    assert sum(map(len, seen)) == 40_000
    assert_nothing_escapes(front, np.concatenate(seen))
    # The search was a serious one: most of the front is within 2 % of something that it found.
    near = members(front) - 0.02 * np.abs(members(front))
    assert escaping(near, -found.F, np.zeros(2)).mean() < 0.5


class Loose:
    """A reward that is not one of the package's."""

    metrics, monotone = ("accuracy",), True

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __call__(self, values: Any) -> Any:
        return self.function(values)


def test_any_target_and_exponent_has_its_optimum_on_the_front() -> None:
    rng = np.random.default_rng(0)
    choices = SPACE.sample(20_000, rng)
    values = BENCH.query(choices, ["accuracy", "a100/throughput"])
    for exponent in (0.0, 0.01, 0.5, 3.0):
        reward = Product("a100/throughput", 1.0, exponent)
        assert BENCH.optimum(reward).value >= reward(values).max()
    assert BENCH.optimum(Accuracy()).value == BENCH.front("a100/throughput").objectives[0, 0]


def test_a_function_needs_your_word_that_it_is_monotone() -> None:
    metrics = ("vck190/latency",)
    with pytest.raises(ValueError, match="reward must be monotone"):
        BENCH.optimum(Custom(lambda values: -values["vck190/latency"], metrics))
    fastest = BENCH.optimum(Custom(lambda values: -values["vck190/latency"], metrics, monotone=True))
    assert -fastest.value == BENCH.front("vck190/latency").objectives[:, 1].min()


def test_an_untrue_word_is_found_out() -> None:
    reward = Custom(lambda values: -values["accuracy"], ("accuracy",), monotone=True)
    with pytest.raises(ValueError, match="reward must be monotone, but a random architecture"):
        calibration(reward, FAMILIES[0])


def test_a_falling_exponent_is_not_monotone() -> None:
    with pytest.raises(ValueError, match="reward must be monotone"):
        BENCH.optimum(Product("a100/throughput", 1.0, -0.07))


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        (Product("a100/throughput", 1.0, 1e6), "reward must be finite on the front, got inf for {'accuracy': "),
        (
            Loose(lambda values: values["accuracy"] * np.nan),
            "reward must be finite on the front, got nan for {'accuracy'",
        ),
        (Loose(lambda values: values["accuracy"][:0]), r"reward must give \d+ numbers, got float64 \(0,\)"),
        (Loose(lambda values: "good"), r"reward must give \d+ numbers, got <U4 \(\)"),
        (Accuracy, "reward must be an object such as anb_gym.rewards.Accuracy"),
    ],
)
def test_rewards_without_an_optimum(reward: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BENCH.optimum(reward)


@pytest.mark.parametrize("metrics", [("accuracy", "macs"), ("accuracy", "a100/throughput", "vck190/latency")])
def test_other_metrics_have_no_front(metrics: tuple[str, ...]) -> None:
    with pytest.raises(NoFrontError, match="at most one device metric"):
        BENCH.optimum(Custom(len, metrics, monotone=True))


def test_unknown_front() -> None:
    with pytest.raises(ValueError, match="metric must be one of .* did you mean 'vck190/throughput'"):
        BENCH.front("vck190/throughputs")
    with pytest.raises(ValueError, match="metric must be one of"):
        BENCH.front("train_time")


def test_verify_finds_tampering() -> None:
    front = BENCH.front("vck190/throughput")
    result, middle = front.result, len(front) // 2
    assert not hasattr(result, "value")
    cases = {
        "is of the surrogates": replace(front, artefacts={**front.artefacts, "accuracy": "0" * 64}),
        "escape dominance": replace(
            front,
            result=replace(
                result,
                indices=np.delete(result.indices, middle),
                objectives=np.delete(result.objectives, middle, axis=0),
            ),
        ),
        "directions": replace(
            front, result=replace(result, certificate=replace(front.certificate, maximize=(True, True)))
        ),
        "differ": replace(front, result=replace(result, objectives=result.objectives * 1.001)),
        "covered": replace(front, result=replace(result, certificate=replace(front.certificate, covered=1))),
        "stored objectives": replace(front, smallest=replace(front.smallest, value=-1.0)),
    }
    for message, case in cases.items():
        with pytest.raises(VerificationError, match=message):
            case.verify()


def tampered_certificates(certificate: Certificate) -> Iterator[tuple[str, Certificate]]:
    """Every field that is not on the list of what nothing verifies, changed in every way."""
    for covered in (0, -1, certificate.covered - 1, certificate.covered + 1, np.nan, np.inf):
        yield f"covered {covered}", replace(certificate, covered=covered)
    for nodes in (-1, np.nan, -np.inf):
        yield f"nodes {nodes}", replace(certificate, nodes=nodes)
    for fixed in (((0, 0),), ((0, -1),), ((7, 0),), ((0, np.nan),)):
        yield f"fixed {fixed}", replace(certificate, fixed=fixed)
    for row, right in enumerate(certificate.resolution):
        for wrong in (np.nan, np.inf, 0.0, -right, right * (1 + 1e-9), right * 4, np.nextafter(right, 0.0)):
            resolution = list(certificate.resolution)
            resolution[row] = wrong
            yield f"resolution {resolution}", replace(certificate, resolution=tuple(resolution))
    for name in ("resolution", "maximize"):
        values = getattr(certificate, name)
        for wrong in ((), values[:-1], (*values, values[0])):
            yield f"{name} {wrong}", replace(certificate, **{name: wrong})
    for row in range(len(certificate.maximize)):
        turned = tuple(value != (i == row) for i, value in enumerate(certificate.maximize))
        yield f"maximize {turned}", replace(certificate, maximize=turned)


def tampered_results(result: Front | Optimum) -> Iterator[tuple[str, Front | Optimum]]:
    for name, certificate in tampered_certificates(result.certificate):
        yield name, replace(result, certificate=certificate)
    indices, n = result.indices, len(result.indices)
    values = {} if isinstance(result, Optimum) else {"objectives": result.objectives}
    orders = {"duplicated": [*range(n), 0], "none": []}
    if n > 1:
        orders |= {"swapped": [1, 0, *range(2, n)], "reversed": [*range(n)][::-1], "duplicate for another": [0, 0]}
        orders |= {f"without {row}": [i for i in range(n) if i != row] for row in (0, 1, n // 2, n - 1)}
    for name, order in orders.items():
        rows = np.array(order, dtype=np.int64)
        yield name, replace(result, indices=indices[rows], **{key: array[rows] for key, array in values.items()})
    for name, wrong in {"index + 1": indices[0] + 1, "index of none": SPACE.size, "negative": -1}.items():
        changed = indices.copy()
        changed[0] = wrong
        yield name, replace(result, indices=changed)
    for wrong in (np.nan, np.inf, -np.inf, 0.0, 1e-6):
        if isinstance(result, Optimum):
            yield f"value {wrong}", replace(result, value=result.value + (wrong or -2 * result.value))
            continue
        for row, column in ((0, 0), (n // 2, 1), (n - 1, 0)):
            changed = result.objectives.copy()
            changed[row, column] *= (wrong or -1.0) if wrong != 1e-6 else 1 + wrong
            yield f"objective {row}, {column} times {wrong}", replace(result, objectives=changed)
    if not isinstance(result, Optimum):
        yield "a column less", replace(result, objectives=result.objectives[:, :1])
        yield "a row less", replace(result, objectives=result.objectives[:-1])


def tampered_fronts(front: CertifiedFront) -> Iterator[tuple[str, CertifiedFront]]:
    for name, result in tampered_results(front.result):
        yield f"result: {name}", replace(front, result=result)
    for name, smallest in tampered_results(front.smallest):
        yield f"smallest: {name}", replace(front, smallest=smallest)
    for surrogate in ("lgb", "none", ""):
        yield f"surrogate {surrogate}", replace(front, surrogate=surrogate)
    for metrics in ((), ("accuracy", "a100/throughput"), front.metrics[::-1] * 2, ("accuracy", "none"), ("macs",)):
        yield f"metrics {metrics}", replace(front, metrics=metrics)
    for artefacts in ({}, {**front.artefacts, "accuracy": ""}, {**front.artefacts, "macs": "0" * 64}):
        yield f"artefacts {artefacts}", replace(front, artefacts=artefacts)
    yield "result of the other kind", replace(front, result=front.smallest if len(front.metrics) > 1 else FRONT.result)
    yield "largest for smallest", replace(front, smallest=BENCH.front("accuracy").result)


FRONT = BENCH.front("vck190/throughput")


@pytest.mark.parametrize("metric", ["vck190/throughput", "accuracy"])
def test_verify_finds_whatever_is_changed(metric: str) -> None:
    front = BENCH.front(metric)
    cases = list(tampered_fronts(front))
    assert len(cases) > 80
    for name, case in cases:
        try:
            case.verify()
        except VerificationError:
            continue
        raise AssertionError(f"verified although changed: {name}")


def test_what_nothing_verifies_is_said() -> None:
    """A list that is kept: a field either fails above or is named where people read."""
    front = BENCH.front("accuracy")
    for changes in ({"nodes": front.certificate.nodes + 1}, {"tables": ("0" * 64,)}):
        result = replace(front.result, certificate=replace(front.certificate, **changes))
        replace(front, result=result).verify()
        (name,) = changes
        text = str(CertifiedFront.verify.__doc__).partition("Not verified")[2]
        assert f"``{name}``" in text


def test_an_optimum_is_verified_against_its_front() -> None:
    optimum = BENCH.optimum(make_reward("product", get_task("VCK190")))
    optimum.verify()
    metrics = dict(optimum.metrics)
    for name, case in {
        "indices": replace(optimum, indices=optimum.indices + 1),
        "the value": replace(optimum, value=np.nextafter(optimum.value, np.inf)),
        "value is nan": replace(optimum, value=np.nan),
        "metrics are": replace(optimum, metrics={**metrics, "accuracy": np.nan}),
        "metrics": replace(optimum, metrics={"accuracy": metrics["accuracy"]}),
        "those of the front": replace(optimum, indices=np.repeat(optimum.indices, 2)),
        "no optimum of this reward": replace(optimum, reward=Loose(lambda values: values["accuracy"] * np.nan)),
        "on the front it is": replace(optimum, reward=Accuracy(), indices=optimum.front.indices[:1]),
    }.items():
        with pytest.raises(VerificationError, match=name):
            case.verify()


def test_reading_and_verifying_need_no_numba() -> None:
    code = """
import sys
sys.modules.update({name: None for name in ("numba", "tqdm", "moocore", "pymoo", "matplotlib")})
import anb_gym
front = anb_gym.Benchmark().front("vck190/throughput")
front.verify()
print(len(front))
anb_gym.Benchmark("gp").front("accuracy", solve=True)
try:
    import anb_gym.fronts.solving
except ModuleNotFoundError as error:
    print(error)
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    length, error = printed.splitlines()
    assert int(length) == len(BENCH.front("vck190/throughput"))
    assert "pip install 'anb_gym[exact]'" in error
