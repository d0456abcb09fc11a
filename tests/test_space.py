"""The five forms of an architecture, sampling, neighbours and errors of the search space."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anb_gym.space import EFFICIENTNET_B0, KERNELS, LAYERS, N_BLOCKS, SPACE, Architecture

indices = st.integers(0, SPACE.size - 1)
index_lists = st.lists(indices, max_size=20)


def test_size_is_that_of_the_paper() -> None:
    assert SPACE.size == 36**6 * 48 == 104_485_552_128
    assert SPACE.n_choices == len(SPACE.cardinalities) == 28
    assert SPACE.block_sizes.tolist() == [36, 36, 36, 36, 36, 48, 36]


@given(index_lists)
def test_array_codecs_are_bijective(index: list[int]) -> None:
    array = np.array(index, dtype=np.int64)
    choices = SPACE.from_index(array)
    states = SPACE.index_to_states(array)
    assert choices.shape == (len(index), 28)
    assert choices.dtype == np.int8
    assert states.shape == (len(index), 7)
    assert states.dtype == np.int64
    for back in (SPACE.to_index(choices), SPACE.states_to_index(states)):
        assert back.dtype == np.int64
        np.testing.assert_array_equal(back, array)
    np.testing.assert_array_equal(SPACE.to_states(choices), states)
    np.testing.assert_array_equal(SPACE.from_states(states), choices)


@given(indices)
def test_object_codecs_are_bijective(index: int) -> None:
    a = Architecture.from_index(index)
    assert a.index == index
    assert Architecture.from_choices(a.choices) == a
    assert Architecture.from_dict(a.to_dict()) == a
    assert Architecture.parse(str(a)) == a
    assert hash(Architecture.parse(str(a))) == hash(a)


@given(indices, indices)
def test_index_orders_as_states_do(a: int, b: int) -> None:
    first, second = SPACE.index_to_states(np.array([a, b])).tolist()
    assert (a < b) == (first < second)


def test_ends_of_the_enumeration() -> None:
    first, last = Architecture.from_index(0), Architecture.from_index(SPACE.size - 1)
    assert first == Architecture((1,) * 7, (3,) * 7, (1,) * 7, (False,) * 7)
    assert last == Architecture((6,) * 7, (5,) * 7, (3, 3, 3, 3, 3, 4, 3), (True,) * 7)


def test_efficientnet_b0() -> None:
    assert str(EFFICIENTNET_B0) == "e1k3l1s1-e6k3l2s1-e6k5l2s1-e6k3l3s1-e6k5l3s1-e6k5l4s1-e6k3l1s1"
    assert EFFICIENTNET_B0.choices.reshape(7, 4)[5].tolist() == [2, 1, 3, 1]
    assert EFFICIENTNET_B0.to_dict()["block5_l"] == 4


@given(indices)
def test_neighbours_are_all_one_choice_changes(index: int) -> None:
    origin = SPACE.from_index(np.array([index]))[0]
    neighbours = SPACE.neighbours(origin)
    assert neighbours.shape == (int((SPACE.cardinalities - 1).sum()), 28) == (43, 28)
    assert ((neighbours != origin).sum(axis=1) == 1).all()
    assert len(np.unique(SPACE.to_index(neighbours))) == 43


def test_sampling_is_uniform_over_every_choice() -> None:
    n = 60_000
    choices = SPACE.sample(n, np.random.default_rng(0))
    assert choices.dtype == np.int8
    for column, cardinality in zip(choices.T, SPACE.cardinalities, strict=True):
        counts = np.bincount(column, minlength=cardinality)
        assert len(counts) == cardinality
        # Five standard deviations of a binomial count.
        p = 1 / cardinality
        assert np.abs(counts - n * p).max() < 5 * np.sqrt(n * p * (1 - p))


def test_sampled_choices_are_independent() -> None:
    correlation = np.corrcoef(SPACE.sample(60_000, np.random.default_rng(1)).T)
    assert np.abs(correlation - np.eye(28)).max() < 5 / np.sqrt(60_000)


def test_sampling_depends_on_the_generator_alone() -> None:
    draws = [SPACE.sample(50, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()
    assert SPACE.sample(0, np.random.default_rng(0)).shape == (0, 28)


def test_as_states_takes_every_form() -> None:
    architectures = [EFFICIENTNET_B0, Architecture.from_index(12345)]
    choices = np.stack([a.choices for a in architectures])
    expected = SPACE.to_states(choices)
    for form in (architectures, tuple(architectures), choices, choices.tolist(), [a.index for a in architectures]):
        np.testing.assert_array_equal(SPACE.as_states(form), expected)
    texts, (first, second) = [str(a) for a in architectures], architectures
    for form in (texts, np.array(texts), np.array(architectures), [first, 12345], [str(first), "12345"]):
        np.testing.assert_array_equal(SPACE.as_states(form), expected)
    np.testing.assert_array_equal(SPACE.as_states((first.index, second, str(first)))[:2], expected)
    for one in (
        EFFICIENTNET_B0,
        EFFICIENTNET_B0.index,
        np.int64(EFFICIENTNET_B0.index),
        texts[0],
        [texts[0]],
        np.array(texts[0]),
    ):
        np.testing.assert_array_equal(SPACE.as_states(one), expected[:1])
    assert SPACE.as_states([]).shape == (0, 7)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"expansion": (1, 2, 6, 6, 6, 6, 6)}, r"expansion\[1\] must be one of \(1, 4, 6\), got 2"),
        ({"kernel": (3, 3, 3, 3, 3, 3, 7)}, rf"kernel\[6\] must be one of \({KERNELS[0]}, {KERNELS[1]}\), got 7"),
        ({"layers": (4, 1, 1, 1, 1, 1, 1)}, r"layers\[0\] must be one of \(1, 2, 3\), got 4"),
        ({"layers": (1, 1, 1, 1, 1, 5, 1)}, r"layers\[5\] must be one of \(1, 2, 3, 4\), got 5"),
        ({"se": (True, True, "yes", True, True, True, True)}, r"se\[2\] must be one of .*, got 'yes'"),
        ({"se": (True,) * 6}, "se must have 7 values, one per block, got 6"),
        ({"kernel": 3}, "kernel must be 7 values, one per block, got 3"),
        ({"kernel": "3333333"}, "kernel must be 7 values, one per block, got '3333333'"),
    ],
)
def test_architecture_rejects(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(EFFICIENTNET_B0, **changes)


def _changed(column: int, value: int) -> np.ndarray:
    choices = np.zeros((2, 28), dtype=np.int64)
    choices[1, column] = value
    return choices


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros((2, 27), dtype=np.int8), r"choices must have shape \(n, 28\), got \(2, 27\)"),
        (np.zeros(28, dtype=np.int8), r"choices must have shape \(n, 28\), got \(28,\)"),
        (np.zeros((1, 28)), "choices must have an integer dtype, got float64"),
        (_changed(2, 3), r"choices\[1, 2\] \(block 0, l\) must be in 0..2, got 3"),
        (_changed(22, 4), r"choices\[1, 22\] \(block 5, l\) must be in 0..3, got 4"),
        (_changed(0, -1), r"choices\[1, 0\] \(block 0, e\) must be in 0..2, got -1"),
        (_changed(0, 256), r"choices\[1, 0\] \(block 0, e\) must be in 0..2, got 256"),
    ],
)
def test_choices_are_validated(value: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SPACE.to_index(value)


@pytest.mark.parametrize("index", [-1, SPACE.size, [0, SPACE.size]])
def test_index_must_be_in_the_space(index: Any) -> None:
    with pytest.raises(ValueError, match=rf"index must be in 0..{SPACE.size - 1}, got (-1|{SPACE.size})"):
        SPACE.from_index(index)


@pytest.mark.parametrize("index", [0.5, np.nan, [[1]], ["a"], True])
def test_index_must_be_integers(index: Any) -> None:
    with pytest.raises(ValueError, match="index must have"):
        SPACE.from_index(index)


def test_states_are_validated() -> None:
    with pytest.raises(ValueError, match=r"states\[0, 5\] must be in 0..47, got 48"):
        SPACE.from_states([[0, 0, 0, 0, 0, 48, 0]])
    with pytest.raises(ValueError, match=r"states must have shape \(n, 7\), got \(1, 6\)"):
        SPACE.states_to_index(np.zeros((1, 6), dtype=np.int64))
    with pytest.raises(ValueError, match="states must have an integer dtype, got float64"):
        SPACE.states_to_index(np.zeros((1, 7)))


@pytest.mark.parametrize("dtype", [np.int8, np.int64])  # the latter is what MultiDiscrete spaces sample
def test_one_architectures_choices_are_not_taken_for_indices(dtype: type) -> None:
    with pytest.raises(ValueError, match=r"one architecture's choices of shape \(28,\); give them as shape \(1, 28\)"):
        SPACE.as_states(EFFICIENTNET_B0.choices.astype(dtype))
    assert SPACE.as_states(np.arange(28)).shape == (28, 7)


@pytest.mark.parametrize("n", [-1, 1.5, "3"])
def test_sample_needs_a_count(n: Any) -> None:
    with pytest.raises(ValueError, match="n must be an integer of at least 0, got"):
        SPACE.sample(n, np.random.default_rng(0))


def test_sample_needs_a_generator() -> None:
    with pytest.raises(ValueError, match="rng must be a numpy.random.Generator, got 0"):
        SPACE.sample(1, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "e1k3l1s1", "e1k3l1s2-" * 6 + "e1k3l1s1", str(EFFICIENTNET_B0) + "-e1k3l1s1"])
def test_parse_needs_seven_blocks(text: str) -> None:
    with pytest.raises(ValueError, match="text must be 7 blocks such as 'e6k3l2s1' joined by '-', got"):
        Architecture.parse(text)


@pytest.mark.parametrize("digit", ["１", "١", "²", "1" * 5000])
def test_digits_are_ascii_and_few(digit: str) -> None:
    text = str(EFFICIENTNET_B0).replace("e1", f"e{digit}", 1)
    with pytest.raises(ValueError, match="text must be 7 blocks such as") as raised:
        Architecture.parse(text)
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize("value", [5, None, b"e1k3l1s1", ["e1k3l1s1"] * 7, float("nan"), EFFICIENTNET_B0])
def test_what_is_no_text_and_no_mapping_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="text must be 7 blocks such as .*, got "):
        Architecture.parse(value)
    with pytest.raises(ValueError, match="values must be a mapping with the keys .*, got "):
        Architecture.from_dict(value)


def test_parse_checks_options() -> None:
    with pytest.raises(ValueError, match=r"expansion\[0\] must be one of"):
        Architecture.parse(str(EFFICIENTNET_B0).replace("e1", "e2", 1))


def test_dict_must_have_exactly_the_keys() -> None:
    values = EFFICIENTNET_B0.to_dict()
    with pytest.raises(ValueError, match=r"unknown keys \['block7_e'\]"):
        Architecture.from_dict({**values, "block7_e": 1})
    del values["block3_k"]
    with pytest.raises(ValueError, match=r"lacks the keys \['block3_k'\]"):
        Architecture.from_dict(values)


def test_options_are_those_of_the_paper() -> None:
    assert [len(options) for options in LAYERS] == [3, 3, 3, 3, 3, 4, 3]
    assert len(LAYERS) == N_BLOCKS
