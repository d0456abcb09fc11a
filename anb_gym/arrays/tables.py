"""The benchmark's tables on arrays of PyTorch or JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from anb_gym._errors import choose, shown
from anb_gym._namespace import cast, namespace
from anb_gym.arrays.sums import BLOCK_ENDS, CHOICE_ENDS, block_probabilities, expected_sums
from anb_gym.space import N_BLOCKS, SPACE
from anb_gym.surrogates.links import Link
from anb_gym.surrogates.sums import table_sums
from anb_gym.surrogates.tables import BlockTables, Layout, layout

#: Rows that are looked up at a time without a compiler: many, so that each table is loaded into the cache once.
_CHUNK: Final = 2**17
#: Positions of options are below the cardinalities, block states below the sizes of blocks, by their number.
_LIMITS: Final = {SPACE.n_choices: SPACE.cardinalities, N_BLOCKS: SPACE.block_sizes}


@dataclass(frozen=True)
class Form:
    """What a metric's entries mean.

    Attributes:
        order: Blocks per table.
        constant: To be added to the sum.
        link: From the sum to the metric.
    """

    order: int
    constant: float
    link: Link


@dataclass(frozen=True, eq=False)
class Tables:
    """Metrics of architectures as pure functions on arrays of PyTorch or JAX; see :meth:`anb_gym.Benchmark.to_torch`.

    Under JAX it is a pytree: an argument of functions under ``jit``, ``vmap`` and ``scan``.

    Attributes:
        metrics: Their names.
        forms: What the entries of each mean.
        entries: The tables of each, one after the other, (entries,) of the dtype that results have.
    """

    metrics: tuple[str, ...]
    forms: tuple[Form, ...]
    entries: tuple[Any, ...]

    def query(
        self, architectures: Any, metrics: str | Sequence[str] | None = None, validate: bool = False
    ) -> dict[str, Any]:
        """Metrics of architectures.

        Args:
            architectures: Choices (..., 28) or block states (..., 7), integers. Those outside the space are replaced
                by the nearest within it, unless they are to be validated.
            metrics: Names, by default all of :attr:`metrics`.
            validate: Whether to look for choices outside the space, which waits for the device, and is not possible
                under ``jax.jit``.

        Returns:
            One array (...) per metric. In float64 equal in every bit to :meth:`anb_gym.Benchmark.query`, but for links
            with powers; in float32 to 1e-6 of the value.

        Raises:
            ValueError: The array has another shape or dtype, a metric is not there, or a choice is outside the space.
        """
        chosen = self._chosen(metrics)
        self._check_library(architectures, "architectures")
        states = as_states(architectures, validate)
        if namespace(states).__name__ == "jax.numpy" or states.ndim != 2 or len(states) <= _CHUNK:
            return self._linked(chosen, table_sums(self._functions(chosen), states))
        parts = [self.query(states[start : start + _CHUNK], metrics) for start in range(0, len(states), _CHUNK)]
        return {name: namespace(states).concatenate([part[name] for part in parts]) for name in parts[0]}

    def expect(self, probabilities: Any, metrics: str | Sequence[str] | None = None) -> dict[str, Any]:
        """Metrics of random architectures whose blocks, or choices, are independent; differentiable.

        The expectation of every table is exact, by the products of probabilities. A metric is that of the expected sum
        of tables: the expected value itself of accuracy and latency; for throughput, whose tables hold seconds per
        image, the images per second of many.

        Args:
            probabilities: Of every option of every choice, (..., 71), in the order of one-hot observations; or of every
                state of every block, (..., 264). Each block's or choice's should have the sum 1.
            metrics: Names, by default all of :attr:`metrics`.

        Returns:
            One array (...) per metric.

        Raises:
            ValueError: The array has another shape or dtype, or a metric is not there.
        """
        chosen = self._chosen(metrics)
        self._check_library(probabilities, "probabilities")
        shape, dtype = tuple(getattr(probabilities, "shape", ())), getattr(probabilities, "dtype", None)
        if not shape or shape[-1] not in (CHOICE_ENDS[-1], BLOCK_ENDS[-1]) or dtype != self.entries[0].dtype:
            raise ValueError(
                f"probabilities must be {self.entries[0].dtype} (..., {CHOICE_ENDS[-1]}) of options or "
                f"(..., {BLOCK_ENDS[-1]}) of block states, got {_described(probabilities)}"
            )
        return self._linked(chosen, expected_sums(self._functions(chosen), block_probabilities(probabilities)))

    def _chosen(self, metrics: str | Sequence[str] | None) -> list[int]:
        names = [metrics] if isinstance(metrics, str) else self.metrics if metrics is None else metrics
        return [self.metrics.index(choose(name, self.metrics, "metrics")) for name in names]

    def _check_library(self, array: Any, argument: str) -> None:
        """Raises unless an array is of the tables' library; JAX takes numpy's arrays as its own."""
        ours, theirs = namespace(self.entries[0]), namespace(array)
        if hasattr(array, "dtype") and theirs is not ours and (theirs is not np or ours.__name__ != "jax.numpy"):
            kind = f"{type(array).__module__}.{type(array).__name__}"
            raise ValueError(f"{argument} must be an array of {ours.__name__}, as the tables are, got {kind}")

    def _functions(self, chosen: Sequence[int]) -> list[tuple[Layout, Any]]:
        return [(layout(self.forms[i].order), self.entries[i]) for i in chosen]

    def _linked(self, chosen: Sequence[int], sums: Sequence[Any]) -> dict[str, Any]:
        return {
            self.metrics[i]: self.forms[i].link.value(
                found + self.forms[i].constant if self.forms[i].constant else found
            )
            for i, found in zip(chosen, sums, strict=True)
        }


def as_states(architectures: Any, validate: bool = False) -> Any:
    """Block states ``int32`` (..., 7) of choices (..., 28) or states (..., 7); see :meth:`Tables.query`.

    Raises:
        ValueError: The array has another shape or dtype, or, if that is to be validated, is not within the space.
    """
    xp, shape = namespace(architectures), tuple(getattr(architectures, "shape", ()))
    if not shape or shape[-1] not in _LIMITS or not _is_integer(architectures):
        raise ValueError(
            f"architectures must be integers, choices (..., {SPACE.n_choices}) or block states (..., {N_BLOCKS}), "
            f"got {_described(architectures)}"
        )
    limits = _LIMITS[shape[-1]].tolist()
    columns = [architectures[..., i] for i in range(len(limits))]
    if validate:
        try:
            inside = all(bool(((column >= 0) & (column < n)).all()) for column, n in zip(columns, limits, strict=True))
        except Exception:  # the libraries' own, which need not be imported
            raise ValueError("validate must be False where values are not known yet, as under jit") from None
        if not inside:
            raise ValueError(f"architectures must be within the space, below {limits}, and not negative")
    columns = [cast(xp.clip(column, 0, n - 1), xp.int32) for column, n in zip(columns, limits, strict=True)]
    if len(columns) > N_BLOCKS:
        per_block = len(columns) // N_BLOCKS
        columns = [
            _joined(columns[first : first + per_block], limits[first : first + per_block])
            for first in range(0, len(columns), per_block)
        ]
    return xp.stack(columns, -1)


def make_tables(functions: Sequence[tuple[str, BlockTables, Link]], put: Callable[[Any], Any], exact: bool) -> Tables:
    """Tables of a library.

    Args:
        functions: Metrics with their tables and links.
        put: From ``float64`` arrays of numpy to arrays of the library.
        exact: Whether these are ``float64``. In ``float32`` the tables' means are taken out of them, and added to sums:
            many small entries are added before one large number is, which rounds less.
    """
    forms, entries = [], []
    for _, tables, link in functions:
        values, constant = tables.values.copy(), 0.0
        if not exact:
            where = tables.layout
            for start, shape in zip(where.offsets.tolist(), where.shapes, strict=True):
                part = values[start : start + int(np.prod(shape))]
                constant += float(mean := part.mean())
                part -= mean
        forms.append(Form(tables.order, constant, link))
        entries.append(put(values))
    return Tables(tuple(name for name, _, _ in functions), tuple(forms), tuple(entries))


def _joined(choices: Sequence[Any], limits: Sequence[int]) -> Any:
    state = choices[0]
    for choice, n in zip(choices[1:], limits[1:], strict=True):
        state = state * n + choice
    return state


def _is_integer(array: Any) -> bool:
    kind = str(getattr(array, "dtype", "")).removeprefix("torch.")
    return kind.startswith(("int", "uint"))


def _described(array: Any) -> str:
    if hasattr(array, "shape") and hasattr(array, "dtype"):
        return f"{array.dtype} of the shape {tuple(array.shape)}"
    return shown(array)
