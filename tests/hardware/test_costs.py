"""Layer costs: what physics says about them, and that folding is the sum over layers."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from anb_gym import complexity
from anb_gym.hardware.costs import (
    DEVIATIONS,
    PARAMETERS,
    WIDTHS,
    block_times,
    fold,
    layer_times,
    layers,
    mean,
    roofline,
)
from anb_gym.hardware.generated import draw, tables
from anb_gym.hardware.prior import load_prior
from anb_gym.space import EXPANSIONS, KERNELS, LAYERS, N_BLOCKS, SPACE, Architecture

#: Entries of a table of all block states, by block.
BLOCKS = np.split(np.arange(SPACE.block_sizes.sum()), np.cumsum(SPACE.block_sizes)[:-1])
seeds = st.integers(0, 2**63 - 1)


def by_choice(times: np.ndarray, block: int) -> np.ndarray:
    """A block's times by expansion, kernel, layers and squeeze-and-excitation."""
    return times[BLOCKS[block]].reshape(len(EXPANSIONS), len(KERNELS), len(LAYERS[block]), 2)


def layer_by_layer(times: np.ndarray, constant: float, architecture: Architecture) -> float:
    """Time of a network as it is built: one layer after the other, each looked up by what it is."""
    at = layers()
    total = constant
    for block in range(N_BLOCKS):
        for number in range(architecture.layers[block]):
            same = (
                (at.block == block)
                & (at.first == (number == 0))
                & (np.array(EXPANSIONS)[at.expansion] == architecture.expansion[block])
                & (at.kernel == architecture.kernel[block])
                & (at.se == architecture.se[block])
            )
            (row,) = same.nonzero()[0]
            total += times[row]
    return total


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(0, SPACE.size - 1))
def test_folding_is_the_sum_over_layers(seed: int, index: int) -> None:
    draws = draw([seed], load_prior())
    times = layer_times(draws.parameters, draws.width, draws.deviations)[0]
    folded = block_times(draws.parameters, draws.width, draws.deviations)[0]
    states = SPACE.index_to_states([index])[0]
    total = sum(folded[BLOCKS[block][state]] for block, state in enumerate(states))
    constant = np.exp(draws.parameters[0, PARAMETERS.index("constant")])
    np.testing.assert_allclose(total, layer_by_layer(times, constant, Architecture.from_index(index)), rtol=1e-12)


def test_layers_do_the_work_that_complexity_counts() -> None:
    """Multiply-accumulates of a network without squeeze-and-excitation, but for stem and head."""
    at = layers()
    dense = at.inputs * at.expanded * at.side_in**2 * (at.expansion > 0) + at.expanded * at.outputs * at.side**2
    macs = fold(dense + at.expanded * at.kernel**2 * at.side**2)
    choices = SPACE.sample(50, np.random.default_rng(0))
    choices[:, 3::4] = 0
    states = SPACE.as_states(choices)
    counted = complexity.macs(choices)
    ours = sum(macs[BLOCKS[block][states[:, block]]] for block in range(N_BLOCKS))
    assert len(np.unique(counted - ours)) == 1


def test_mean_is_that_over_the_space() -> None:
    table = np.random.default_rng(0).random((2, len(np.concatenate(BLOCKS))))
    np.testing.assert_allclose(mean(table), sum(table[:, entries].mean(axis=1) for entries in BLOCKS))


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_more_work_never_takes_less_time(seed: int) -> None:
    draws = draw([seed], load_prior())
    (times,) = block_times(draws.parameters, draws.width, draws.deviations)
    (alike,) = block_times(draws.parameters, draws.width, np.zeros((1, *DEVIATIONS)))
    for block in range(N_BLOCKS):
        kernel, count, se = (np.diff(by_choice(times, block), axis=axis) for axis in (1, 2, 3))
        assert (kernel >= 0).all()
        assert (count > 0).all()
        assert (se > 0).all()
        assert (np.diff(by_choice(alike, block), axis=0) > 0).all()


@given(st.sampled_from(range(len(PARAMETERS) - 1)), seeds)
@settings(max_examples=40, deadline=None)
def test_more_of_any_cost_takes_no_less_time(which: int, seed: int) -> None:
    """A larger chip and better overlap are the two that help."""
    draws = draw([seed], load_prior())
    more = draws.parameters.copy()
    more[:, which] += 0.5
    change = block_times(more, draws.width, draws.deviations) - block_times(
        draws.parameters, draws.width, draws.deviations
    )
    helps = PARAMETERS[which] in ("capacity", "overlap")
    assert ((change if not helps else -change) >= -1e-12).all()


def test_a_wider_array_never_takes_less_time() -> None:
    draws = draw([1] * len(WIDTHS), load_prior())
    times = block_times(draws.parameters, np.array(WIDTHS), draws.deviations)
    assert (np.diff(times, axis=0) >= 0).all()
    assert (times[-1] > times[0]).any()


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6), st.floats(1.0, 1e4))
def test_roofline_lies_between_the_larger_and_the_sum(compute: float, memory: float, sharpness: float) -> None:
    time = roofline(np.array([compute]), np.array([memory]), sharpness)[0]
    assert max(compute, memory) * (1 - 1e-12) <= time <= (compute + memory) * (1 + 1e-12)


def test_a_row_does_not_depend_on_the_others() -> None:
    together = tables(draw([3, 4, 5], load_prior()))
    for row, seed in enumerate((3, 4, 5)):
        for many, one in zip(together, tables(draw([seed], load_prior())), strict=True):
            np.testing.assert_allclose(many[row], one[0], rtol=1e-14)
