"""Compilation works where nothing can be written, as for another user than the one who installed the package."""

from collections.abc import Callable
from typing import Any

import pytest

numba = pytest.importorskip("numba")
_compile = pytest.importorskip("anb_gym.exact._compile")


def test_without_a_place_for_the_cache_functions_are_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    original: Any = numba.njit

    def njit(*, cache: bool = False, **options: Any) -> Callable[..., Any]:
        if cache:  # what numba does when it decorates
            raise RuntimeError("cannot cache function 'double': no locator available for file 'double.py'")
        return original(**options)

    monkeypatch.setattr(_compile._numba, "njit", njit)
    double = _compile.compiled(lambda x: 2 * x)
    monkeypatch.undo()
    assert double(21) == 42
    assert double.targetoptions["nogil"]
