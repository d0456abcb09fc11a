"""The benchmark on arrays of PyTorch and JAX."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import anb_gym
from anb_gym.arrays.tables import as_states
from anb_gym.envs.core.observations import N_OPTION_CELLS, OneHot
from anb_gym.space import SPACE

#: Tables over three blocks, over two, with a host's bound, and over one.
METRICS = ["accuracy", "zcu102/throughput", "tpuv3/throughput", "macs"]
CHOICES = SPACE.sample(200, np.random.default_rng(0))
BENCH = anb_gym.Benchmark("gp-v1")
#: Small tables.
COUNTS = partial(BENCH.to_torch, metrics="macs")
EXPECTED = BENCH.query(CHOICES, METRICS)


@pytest.fixture(autouse=True)
def _double() -> Any:
    with jax.enable_x64(True):
        yield


def _query(tables: Any, choices: Any) -> Any:
    return tables.query(choices)


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_queries_are_those_of_the_benchmark(library: str) -> None:
    if library == "torch":
        exact, rounded, choices = (
            BENCH.to_torch(dtype=torch.float64, metrics=METRICS),
            BENCH.to_torch(metrics=METRICS),
            torch.tensor(CHOICES),
        )
        query: Any = _query
    else:
        exact, rounded, choices = (
            BENCH.to_jax(dtype="float64", metrics=METRICS),
            BENCH.to_jax(metrics=METRICS),
            jnp.asarray(CHOICES),
        )
        query = jax.jit(_query)
    found = query(exact, choices)
    for name in ("accuracy", "zcu102/throughput", "macs"):
        np.testing.assert_array_equal(np.asarray(found[name]), EXPECTED[name])
    np.testing.assert_allclose(np.asarray(found["tpuv3/throughput"]), EXPECTED["tpuv3/throughput"], rtol=1e-14)
    for name, column in query(rounded, choices).items():
        assert str(column.dtype).endswith("float32")
        np.testing.assert_allclose(np.asarray(column), EXPECTED[name], rtol=1e-6)


def test_expectations_are_means_of_the_corners() -> None:
    """Of distributions that know the architecture, and of one that leaves two choices open, whose corners are four."""
    tables = BENCH.to_torch(dtype=torch.float64, metrics=["accuracy", "zcu102/throughput"])
    encoding = OneHot()
    observations = encoding.first(len(CHOICES), np.empty((1, 0)))
    encoding.write(observations, 0, CHOICES)
    cells = torch.tensor(observations[:20, :N_OPTION_CELLS], dtype=torch.float64)
    for name, column in tables.expect(cells).items():
        np.testing.assert_allclose(column, EXPECTED[name][:20], rtol=1e-12)

    corners = CHOICES[:1].repeat(4, axis=0)
    corners[:, 3], corners[:, 21] = [0, 0, 1, 1], [0, 1, 0, 1]
    half = cells[0].clone()
    for choice in (3, 21):
        start = SPACE.cardinalities[:choice].sum()
        half[start : start + 2] = 0.5
    half.requires_grad_()
    accuracy = tables.expect(half, "accuracy")["accuracy"]
    np.testing.assert_allclose(accuracy.detach(), BENCH.query(corners, "accuracy")["accuracy"].mean(), rtol=1e-12)
    accuracy.backward()
    assert half.grad is not None
    assert half.grad.abs().min() > 0.0
    other = BENCH.to_jax(dtype="float64", metrics="accuracy").expect(jnp.asarray(half.detach().numpy()))["accuracy"]
    np.testing.assert_allclose(other, accuracy.detach(), rtol=1e-14)


def test_choices_outside_the_space_are_clamped_or_refused() -> None:
    outside = torch.tensor(CHOICES[:2])
    outside[0, 0], outside[1, 2] = 9, -5
    inside = torch.tensor(CHOICES[:2])
    inside[0, 0], inside[1, 2] = 2, 0
    assert torch.equal(as_states(outside), as_states(inside))
    assert torch.equal(as_states(as_states(inside), validate=True), as_states(inside))
    with pytest.raises(ValueError, match="architectures must be within the space"):
        as_states(outside, validate=True)
    with pytest.raises(ValueError, match="^validate must be False .* under jit(\\n|$)"):
        jax.jit(lambda choices: as_states(choices, validate=True))(jnp.asarray(CHOICES[:1]))


def test_shapes_and_dtypes_on_devices_that_compute_nothing() -> None:
    tables = BENCH.to_torch("meta", metrics=METRICS)
    found = tables.query(torch.zeros((5, 7), dtype=torch.int8, device="meta"))
    found |= {f"expected {k}": v for k, v in tables.expect(torch.zeros((5, 264), device="meta")).items()}
    assert {(v.device.type, v.dtype, tuple(v.shape)) for v in found.values()} == {("meta", torch.float32, (5,))}
    shapes = jax.eval_shape(_query, BENCH.to_jax(metrics=METRICS), jax.ShapeDtypeStruct((5, 28), np.int8))
    assert {(str(v.dtype), v.shape) for v in shapes.values()} == {("float32", (5,))}


def test_a_gpu_that_torch_was_not_compiled_for_is_named() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ValueError, match="device must be one that torch can use here, such as 'cpu', got 'cuda': "):
        BENCH.to_torch("cuda")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: BENCH.to_torch(dtype=torch.float16), "dtype must be torch.float32 or .*, got torch.float16"),
        (lambda: BENCH.to_torch("tpu9"), "device must be one that torch can use here, such as 'cpu', got 'tpu9'"),
        (lambda: BENCH.to_jax("tpu9"), "device must be one of jax.devices.*, got 'tpu9'"),
        (lambda: BENCH.to_jax(9), "device must be one of jax.devices.*, got 9"),
        (lambda: BENCH.to_torch(metrics="speed"), "metrics must be one of .*, got 'speed'"),
        (lambda: BENCH.to_jax(dtype="int8"), "dtype must be float32 or float64, got 'int8'"),
        (lambda: COUNTS().query(torch.tensor(CHOICES), "accuracy"), "metrics must be one of 'macs', got 'accuracy'"),
        (lambda: COUNTS().query(torch.zeros(3, 28)), r"integers, .*, got torch.float32 of the shape \(3, 28\)"),
        (lambda: COUNTS().query(CHOICES), "architectures must be an array of torch, .*, got numpy.ndarray"),
        (lambda: COUNTS().query(jnp.asarray(CHOICES)), "architectures must be an array of torch, .*, got jax"),
        (lambda: COUNTS().expect(np.zeros((3, 71))), "probabilities must be an array of torch, .*, got numpy.ndarray"),
        (lambda: COUNTS().query([[0] * 28]), r"architectures must be integers, .*, got \[\[0, 0"),
        (
            lambda: COUNTS().expect(torch.zeros(3, 70)),
            r"must be torch.float32 \(..., 71\) .*, got torch.float32 of the shape \(3, 70\)",
        ),
    ],
)
def test_bad_input_is_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_double_precision_of_jax_is_to_be_switched_on() -> None:
    with jax.enable_x64(False), pytest.raises(ValueError, match="jax_enable_x64"):
        BENCH.to_jax(dtype="float64")


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_a_missing_extra_is_named(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, library, None)
    with pytest.raises(ModuleNotFoundError, match=rf"run: pip install 'anb_gym\[{library}\]'"):
        getattr(BENCH, f"to_{library}")()
