"""What is said about many architectures at once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from anb_gym import SPACE, Architecture
from anb_gym.envs.core.infos import architecture_strings, first_row


@given(st.lists(st.integers(0, SPACE.size - 1), max_size=5))
def test_strings_are_those_of_architectures(index: list[int]) -> None:
    strings = architecture_strings(SPACE.index_to_states(np.array(index, dtype=np.int64)))
    assert strings.dtype == object
    assert strings.tolist() == [str(Architecture.from_index(i)) for i in index]


def test_first_row_is_of_python_values_and_fresh_arrays() -> None:
    columns = {
        "number": np.array([1.5, 2.0]),
        "text": np.array(["a", "b"], dtype=object),
        "nested": {"count": np.array([3, 4])},
        "vector": np.array([[1.0, 2.0], [3.0, 4.0]]),
    }
    row = first_row(columns)
    assert [type(row["number"]), type(row["text"]), type(row["nested"]["count"])] == [float, str, int]
    row["vector"][:] = 0.0
    assert columns["vector"][0].tolist() == [1.0, 2.0]
    assert (row["number"], row["text"], row["nested"]) == (1.5, "a", {"count": 3})
