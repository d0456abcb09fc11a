"""The MnasNet search space: architectures, their codecs, sampling and neighbours.

An architecture is seven blocks in sequence; each block chooses an expansion
factor, a depthwise kernel size, a number of layers and whether it uses
squeeze-and-excitation (Tan et al. 2019, https://arxiv.org/abs/1807.11626).
The same architecture can be written in six ways, all bijective:

================  ===========================  ==============================
form              type                         used by
================  ===========================  ==============================
:class:`Architecture`  frozen dataclass         people
choices           ``int8``, shape ``(n, 28)``  environments, controllers
block states      ``int64``, shape ``(n, 7)``  surrogate tables, exact search
index             ``int64``, shape ``(n,)``    storage, enumeration
string            ``"e1k3l1s1-..."``           logs, command line
options           ``{"block0_e": 1, ...}``     the dataset, ConfigSpace, Optuna, Nevergrad
================  ===========================  ==============================
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from itertools import product
from numbers import Real
from reprlib import repr as shorten
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import integer, is_integer, shown
from anb_gym._extras import require

Choices: TypeAlias = NDArray[np.int8]
States: TypeAlias = NDArray[np.int64]
Indices: TypeAlias = NDArray[np.int64]

N_BLOCKS: Final = 7
EXPANSIONS: Final = (1, 4, 6)
KERNELS: Final = (3, 5)
LAYERS: Final = ((1, 2, 3),) * 5 + ((1, 2, 3, 4),) + ((1, 2, 3),)
SQUEEZE_EXCITATION: Final = (False, True)

#: The names of a block's four choices, in the order of the choice vector.
CHOICE_NAMES: Final = ("e", "k", "l", "se")

#: What :meth:`SearchSpace.as_states` takes.
_FORMS: Final = "an Architecture, its string, index or dict, a list of these, or choices of shape (n, 28)"
#: An index with more digits is not in the space.
_DIGITS: Final = 20
#: Architectures whose distances are counted at once.
_CHUNK: Final = 128

_BLOCK_PATTERN = re.compile(r"e([0-9]{1,9})k([0-9]{1,9})l([0-9]{1,9})s([01])")


def _options(block: int) -> tuple[tuple[int, ...], ...]:
    return EXPANSIONS, KERNELS, LAYERS[block], SQUEEZE_EXCITATION


#: Per block, the state of each combination of options; squeeze-excitation runs fastest.
_STATES: Final = tuple({o: state for state, o in enumerate(product(*_options(b)))} for b in range(N_BLOCKS))

#: The options of the 28 choices by their names in the dataset, in the order of the choice vector.
OPTIONS: Final[Mapping[str, tuple[int, ...]]] = MappingProxyType(
    {f"block{b}_{name}": o for b in range(N_BLOCKS) for name, o in zip(CHOICE_NAMES, _options(b), strict=True)}
)


@dataclass(frozen=True, slots=True)
class Architecture:
    """One image classifier of the search space.

    Attributes:
        expansion: Expansion factor of each of the seven blocks, in {1, 4, 6}.
        kernel: Depthwise kernel size of each block, in {3, 5}.
        layers: Number of layers of each block, in {1, 2, 3}; block 5 also 4.
        se: Whether each block has squeeze-and-excitation.

    Raises:
        ValueError: A field does not have seven values, or a value is not an
            option of its block.

    Example:
        >>> a = Architecture.parse(str(EFFICIENTNET_B0))
        >>> a == EFFICIENTNET_B0 == Architecture.from_index(a.index)
        True
    """

    expansion: tuple[int, ...]
    kernel: tuple[int, ...]
    layers: tuple[int, ...]
    se: tuple[bool, ...]

    def __post_init__(self) -> None:
        for i, field in enumerate(fields(self)):
            value = getattr(self, field.name)
            if isinstance(value, str) or not isinstance(value, Iterable):
                raise ValueError(f"{field.name} must be {N_BLOCKS} values, one per block, got {value!r}")
            values = tuple(value)
            if len(values) != N_BLOCKS:
                raise ValueError(
                    f"{field.name} must have {N_BLOCKS} values, one per block, got {len(values)}: {values!r}"
                )
            for block, v in enumerate(values):
                options = _options(block)[i]
                _check_option(v, options, f"{field.name}[{block}]")
            cast = bool if field.name == "se" else int
            object.__setattr__(self, field.name, tuple(cast(v) for v in values))

    @property
    def choices(self) -> Choices:
        """The 28 choices as ``int8``, shape ``(28,)``: positions in each option list."""
        columns = (self.expansion, self.kernel, self.layers, self.se)
        return np.array(
            [options.index(columns[i][b]) for b in range(N_BLOCKS) for i, options in enumerate(_options(b))],
            dtype=np.int8,
        )

    @property
    def states(self) -> States:
        """The seven block states as ``int64``, shape ``(7,)``."""
        blocks = zip(self.expansion, self.kernel, self.layers, self.se, strict=True)
        return np.array([states[block] for states, block in zip(_STATES, blocks, strict=True)], dtype=np.int64)

    @property
    def index(self) -> int:
        """Position in the enumeration of the space, in ``0 .. SPACE.size - 1``."""
        return int(SPACE.states_to_index(self.states[None])[0])

    @classmethod
    def from_choices(cls, choices: Any) -> Architecture:
        """The architecture with the given 28 choices, shape ``(28,)``."""
        row = SPACE.validate_choices(np.asarray(choices)[None])[0].reshape(N_BLOCKS, 4)
        picked = [[options[c] for options, c in zip(_options(b), row[b], strict=True)] for b in range(N_BLOCKS)]
        expansion, kernel, layers, se = zip(*picked, strict=True)
        return cls(expansion, kernel, layers, se)

    @classmethod
    def from_index(cls, index: int) -> Architecture:
        """The architecture at a position of the enumeration."""
        return cls.from_choices(SPACE.from_index(np.array([index]))[0])

    def to_dict(self) -> dict[str, int | bool]:
        """The dataset's own form: ``{"block0_e": 1, "block0_k": 3, "block0_l": 1, "block0_se": True, ...}``."""
        columns = zip(self.expansion, self.kernel, self.layers, self.se, strict=True)
        return {
            f"block{b}_{name}": value
            for b, block in enumerate(columns)
            for name, value in zip(CHOICE_NAMES, block, strict=True)
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Architecture:
        """Reads the dataset's form, such as a configuration of ConfigSpace or the parameters of an Optuna trial.

        Raises:
            ValueError: It is not a mapping, a key is missing or unknown, or a value is not an option; the message names
                the nearest that is.
        """
        if not isinstance(values, Mapping):
            raise ValueError(f"values must be a mapping with the keys block{{0..6}}_{{e,k,l,se}}, got {shown(values)}")
        if unknown := [key for key in values if key not in OPTIONS]:
            near = get_close_matches(str(unknown[0]), OPTIONS, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"values has the unknown keys {shown(unknown)}; expected block{{0..6}}_{{e,k,l,se}}{hint}")
        if missing := [key for key in OPTIONS if key not in values]:
            raise ValueError(f"values lacks the keys {shown(missing)}; expected block{{0..6}}_{{e,k,l,se}}")
        for key, options in OPTIONS.items():
            _check_option(values[key], options, key)
        columns = [tuple(values[f"block{b}_{name}"] for b in range(N_BLOCKS)) for name in CHOICE_NAMES]
        return cls(*columns)

    def __str__(self) -> str:
        columns = zip(self.expansion, self.kernel, self.layers, self.se, strict=True)
        return "-".join(f"e{e}k{k}l{n}s{int(se)}" for e, k, n, se in columns)

    @classmethod
    def parse(cls, text: str) -> Architecture:
        """Reads the form that ``str`` writes, such as ``"e1k3l1s1-e6k3l2s1-..."``.

        Raises:
            ValueError: The text is not seven blocks of that form, or a value is not an option.
        """
        matches = [_BLOCK_PATTERN.fullmatch(b) for b in text.strip().split("-")] if isinstance(text, str) else []
        if len(matches) != N_BLOCKS or None in matches:
            raise ValueError(f"text must be 7 blocks such as 'e6k3l2s1' joined by '-', got {shown(text)}")
        values = [tuple(int(g) for g in m.groups()) for m in matches if m]
        return cls(*zip(*values, strict=True))


def _check_option(value: Any, options: tuple[int, ...], name: str) -> None:
    """Raises a ``ValueError`` that names the nearest option if a value is none."""
    if not (isinstance(value, Real | np.bool_) and value in options):
        number = isinstance(value, Real) and value == value and bool not in map(type, (value, *options))
        near = f"; the nearest is {min(options, key=lambda o: abs(o - value))}" if number else ""
        raise ValueError(f"{name} must be one of {options}, got {shown(value)}{near}")


class SearchSpace:
    """The set of all architectures, and the array codecs between their forms.

    All methods take and return batches, first axis the architecture. A choice
    is a position in its option list (expansion 6 is choice 2). A block's state
    numbers its combinations of choices with ``se`` running fastest; the index
    numbers the combinations of states with the last block running fastest.

    Attributes:
        cardinalities: ``int64`` (28,), the number of options of every choice.
        block_sizes: ``int64`` (7,), the number of states of every block.
        size: The number of architectures, 36^6 * 48 = 104,485,552,128.
    """

    def __init__(self) -> None:
        self.cardinalities = np.array([len(o) for b in range(N_BLOCKS) for o in _options(b)], dtype=np.int64)
        per_block = self.cardinalities.reshape(N_BLOCKS, 4)
        self.block_sizes = per_block.prod(axis=1)
        self.size = int(self.block_sizes.prod())
        self._choice_strides = _strides(per_block)
        self._block_strides = _strides(self.block_sizes)
        self._limits = self.cardinalities.astype(np.int8)
        for array in (self.cardinalities, self.block_sizes):
            array.setflags(write=False)

    @property
    def n_choices(self) -> int:
        """The number of decisions that make an architecture, 28."""
        return len(self.cardinalities)

    def sample(self, n: int, rng: np.random.Generator) -> Choices:
        """Draws ``n`` architectures uniformly, with replacement.

        Args:
            n: How many, at least 0.
            rng: Source of randomness.

        Returns:
            Choices, ``int8`` (n, 28).
        """
        n = integer(n, 0, "n")
        if not isinstance(rng, np.random.Generator):
            raise ValueError(f"rng must be a numpy.random.Generator, got {rng!r}")
        choices: Choices = rng.integers(self.cardinalities, size=(n, self.n_choices), dtype=np.int64).astype(np.int8)
        return choices

    def to_states(self, choices: Any) -> States:
        """Block states ``int64`` (n, 7) of choices (n, 28)."""
        return self._to_states(self.validate_choices(choices))

    def _to_states(self, choices: Choices) -> States:
        # No state is above 47, so int8 suffices.
        blocks = choices.reshape(-1, N_BLOCKS, 4)
        states: States = np.einsum("nbc,bc->nb", blocks, self._choice_strides.astype(np.int8)).astype(np.int64)
        return states

    def from_states(self, states: Any) -> Choices:
        """Choices ``int8`` (n, 28) of block states (n, 7)."""
        states = self.validate_states(states)
        per_block = self.cardinalities.reshape(N_BLOCKS, 4)
        digits = states[:, :, None] // self._choice_strides % per_block
        choices: Choices = digits.reshape(-1, self.n_choices).astype(np.int8)
        return choices

    def states_to_index(self, states: Any) -> Indices:
        """Indices ``int64`` (n,) of block states (n, 7)."""
        index: Indices = (self.validate_states(states) * self._block_strides).sum(axis=1)
        return index

    def index_to_states(self, index: Any) -> States:
        """Block states ``int64`` (n, 7) of indices (n,)."""
        return self._index_to_states(self.validate_index(index))

    def _index_to_states(self, index: Indices) -> States:
        states: States = index[:, None] // self._block_strides % self.block_sizes
        return states

    def to_index(self, choices: Any) -> Indices:
        """Indices ``int64`` (n,) of choices (n, 28)."""
        return self.states_to_index(self.to_states(choices))

    def from_index(self, index: Any) -> Choices:
        """Choices ``int8`` (n, 28) of indices (n,)."""
        return self.from_states(self.index_to_states(index))

    def neighbours(self, choices: Any) -> Choices:
        """All architectures that differ from one in exactly one choice.

        Args:
            choices: One architecture, shape (28,).

        Returns:
            Choices, ``int8`` (43, 28), ordered by the changed choice, then by its new value.
        """
        origin = self.validate_choices(np.asarray(choices)[None])[0]
        position = np.repeat(np.arange(self.n_choices), self.cardinalities)
        value = np.concatenate([np.arange(c, dtype=np.int8) for c in self.cardinalities])
        changes = value != origin[position]
        position, value = position[changes], value[changes]
        result = np.tile(origin, (len(position), 1))
        result[np.arange(len(position)), position] = value
        return result

    def to_dicts(self, choices: Any) -> list[dict[str, int | bool]]:
        """The dataset's form of each of some architectures, choices (n, 28): see :meth:`Architecture.to_dict`."""
        rows = self.validate_choices(choices).tolist()
        return [{key: o[c] for (key, o), c in zip(OPTIONS.items(), row, strict=True)} for row in rows]

    def from_dicts(self, dicts: Any) -> Choices:
        """Choices of architectures in the dataset's form, back from other libraries.

        Args:
            dicts: A mapping, or n of them, with the keys of :data:`OPTIONS`: configurations of ConfigSpace,
                ``trial.params`` of Optuna, ``candidate.value`` of Nevergrad, or dicts.

        Returns:
            Choices, ``int8`` (n, 28).

        Raises:
            ValueError: One is not a mapping, or not an architecture; the message names the nearest option.
        """
        rows = [dicts] if isinstance(dicts, Mapping) else list(dicts) if isinstance(dicts, Iterable) else dicts
        if not isinstance(rows, list):
            raise ValueError(f"dicts must be mappings with the keys block{{0..6}}_{{e,k,l,se}}, got {shown(dicts)}")
        found = [Architecture.from_dict(row).choices for row in rows]
        return np.array(found, dtype=np.int8).reshape(-1, self.n_choices)

    def to_configspace(self, seed: int | None = None) -> Any:
        """The space as one of ConfigSpace, for SMAC3, DEHB, Syne Tune and others.

        Expansions, kernel sizes and numbers of layers are ordinal, squeeze-excitation is categorical; names are those
        of :data:`OPTIONS`. A configuration is an architecture wherever architectures are taken, and
        :meth:`from_dicts` reads many.

        Args:
            seed: Seed of its ``sample_configuration``; None for a random one.

        Returns:
            A ``ConfigSpace.ConfigurationSpace``.

        Raises:
            ModuleNotFoundError: ConfigSpace is not installed; the message names the pip command.
        """
        library = require("ConfigSpace", "bridges")
        ordinal, categorical = library.OrdinalHyperparameter, library.CategoricalHyperparameter
        kinds = {True: categorical, False: ordinal}
        return library.ConfigurationSpace(
            name="anb_gym", seed=seed, space=[kinds[key.endswith("se")](key, o) for key, o in OPTIONS.items()]
        )

    def to_optuna(self) -> dict[str, Any]:
        """The space as distributions of Optuna by name, for ``study.ask`` or a sampler.

        All are ``optuna.distributions.CategoricalDistribution``; names are those of :data:`OPTIONS`, which sort in the
        order of the choice vector. ``trial.params`` is an architecture wherever architectures are taken.

        Raises:
            ModuleNotFoundError: Optuna is not installed; the message names the pip command.
        """
        categorical = require("optuna", "study").distributions.CategoricalDistribution
        return {key: categorical(options) for key, options in OPTIONS.items()}

    def suggest(self, trial: Any) -> Architecture:
        """The architecture that a trial of Optuna suggests, for objectives of ``study.optimize``.

        Args:
            trial: An ``optuna.Trial``, or anything with its ``suggest_categorical``.

        Raises:
            ValueError: ``trial`` has no ``suggest_categorical``, or suggests what is not an option.
        """
        if not callable(getattr(trial, "suggest_categorical", None)):
            raise ValueError(f"trial must be a trial of Optuna, got {shown(trial)}")
        return Architecture.from_dict({key: trial.suggest_categorical(key, o) for key, o in OPTIONS.items()})

    def to_nevergrad(self) -> Any:
        """The space as a parametrization of Nevergrad, whose ``candidate.value`` is an architecture's dict.

        Expansions, kernel sizes and numbers of layers are ordered (``TransitionChoice``), squeeze-excitation is not.

        Returns:
            A ``nevergrad.p.Dict``.

        Raises:
            ModuleNotFoundError: Nevergrad is not installed; the message names the pip command.
        """
        p = require("nevergrad", "nevergrad").p
        kinds = {True: p.Choice, False: p.TransitionChoice}
        return p.Dict(**{key: kinds[key.endswith("se")](options) for key, options in OPTIONS.items()})

    def as_states(self, architectures: Any, name: str = "architectures") -> States:
        """Block states of architectures in any form.

        Args:
            architectures: An :class:`Architecture`, its string, its index or its dict, which configurations of
                ConfigSpace are too, a sequence of these, or choices of shape (n, 28). An index may be text as well, as
                a command line has it.
            name: What errors call the argument.

        Returns:
            Block states, ``int64`` (n, 7).

        Raises:
            ValueError: The value has none of these forms, which the message lists, or lies outside the space.
        """
        if isinstance(architectures, np.ndarray) and architectures.ndim < 2 and architectures.dtype.kind in "OU":
            architectures = architectures.tolist()
        if isinstance(architectures, Architecture | str | Mapping):
            return self._one_state(architectures, name)
        if isinstance(architectures, Sequence) and any(
            isinstance(a, Architecture | str | Mapping) for a in architectures
        ):
            return np.concatenate([self._one_state(a, f"{name}[{row}]") for row, a in enumerate(architectures)])
        try:
            array = np.asarray(architectures)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} must be {_FORMS}, got {shorten(architectures)}: {error}") from None
        if array.shape == (0,):
            return np.empty((0, N_BLOCKS), dtype=np.int64)
        if array.dtype.kind not in "iu" and not (array.dtype == object and _is_large(array)):
            raise ValueError(f"{name} must be {_FORMS}, got {array.dtype}: {shorten(architectures)}")
        if array.ndim > 2:
            raise ValueError(f"{name} must be {_FORMS}, got shape {array.shape}")
        if array.ndim == 2:
            return self._to_states(self.validate_choices(array, name))
        index = self.validate_index(array, name)
        if array.shape == (self.n_choices,) and (index < self.cardinalities).all():
            raise ValueError(
                f"{name} must be {_FORMS}, got what reads as one architecture's choices of shape {array.shape}; "
                f"give them as shape (1, {self.n_choices})"
            )
        return self._index_to_states(index)

    def _one_state(self, architecture: Any, name: str) -> States:
        """Block states ``int64`` (1, 7) of one architecture, its string, its index or its dict."""
        if isinstance(architecture, Mapping):
            try:
                return Architecture.from_dict(architecture).states[None]
            except ValueError as error:
                raise ValueError(f"{name} must be an architecture: {error}") from None
        if isinstance(architecture, str):
            text = architecture.strip()
            if not re.fullmatch("-?[0-9]+", text):
                try:
                    return Architecture.parse(text).states[None]
                except ValueError as error:
                    raise ValueError(f"{name} must be {_FORMS}, got {shorten(architecture)}: {error}") from None
            if len(text) > _DIGITS:
                raise ValueError(f"{name} must be in 0..{self.size - 1}, got {shorten(architecture)}")
            architecture = int(text)
        if isinstance(architecture, Architecture):
            return architecture.states[None]
        if not is_integer(architecture):
            raise ValueError(f"{name} must be an Architecture, its string or its index, got {shorten(architecture)}")
        return self._index_to_states(self.validate_index(architecture, name))

    def validate_choices(self, choices: Any, name: str = "choices") -> Choices:
        """Returns choices as ``int8`` (n, 28), or raises a ``ValueError`` that names ``name``."""
        array = _as_integers(choices, name, self.n_choices)
        outside = (array < 0) | (array >= self._limits)
        if outside.any():
            row, column = np.argwhere(outside)[0]
            raise ValueError(
                f"{name}[{row}, {column}] (block {column // 4}, {CHOICE_NAMES[column % 4]}) "
                f"must be in 0..{self.cardinalities[column] - 1}, got {array[row, column]}"
            )
        return array.astype(np.int8, copy=False)

    def validate_states(self, states: Any, name: str = "states") -> States:
        """Returns block states as ``int64`` (n, 7), or raises a ``ValueError`` that names ``name``."""
        array = _as_integers(states, name, N_BLOCKS)
        outside = (array < 0) | (array >= self.block_sizes)
        if outside.any():
            row, block = np.argwhere(outside)[0]
            raise ValueError(
                f"{name}[{row}, {block}] must be in 0..{self.block_sizes[block] - 1}, got {array[row, block]}"
            )
        return array.astype(np.int64, copy=False)

    def validate_index(self, index: Any, name: str = "index") -> Indices:
        """Returns indices as ``int64`` (n,), or raises a ``ValueError`` that names ``name``."""
        array = _as_integers(index, name)
        outside = (array < 0) | (array >= self.size)
        if outside.any():
            raise ValueError(f"{name} must be in 0..{self.size - 1}, got {array[outside][0]}")
        return array.astype(np.int64, copy=False)

    def __repr__(self) -> str:
        return f"SearchSpace(size={self.size:,})"


def distances(choices: Choices, others: Choices) -> NDArray[np.int64]:
    """Numbers of choices, of the 28, in which architectures differ from the nearest of others.

    Args:
        choices: ``int8`` (n, 28).
        others: ``int8`` (m, 28), m at least 1.

    Returns:
        ``int64`` (n,).
    """
    nearest = [
        (choices[start : start + _CHUNK, None] != others).sum(axis=2).min(axis=1)
        for start in range(0, len(choices), _CHUNK)
    ]
    return np.concatenate(nearest).astype(np.int64)


def _is_large(array: NDArray[Any]) -> bool:
    """Whether an array of objects holds integers that 64 bits do not."""
    return any(isinstance(value, int) and value.bit_length() > 63 for value in array.flat)


def _as_array(values: Any, name: str) -> NDArray[Any]:
    try:
        return np.asarray(values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of integers, got {shorten(values)}: {error}") from error


def _as_integers(values: Any, name: str, width: int | None = None) -> NDArray[np.integer[Any]]:
    """An integer array of shape (n, width); without a width (n,), or one number."""
    array = _as_array(values, name)
    if width is None:
        array = np.atleast_1d(array)
        if array.shape == (0,):  # an empty list makes a float array
            return array.astype(np.int64)
    shape = "(n,)" if width is None else f"(n, {width})"
    if array.ndim != (1 if width is None else 2) or array.shape[1:] != (() if width is None else (width,)):
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    if array.dtype == object and _is_large(array):
        raise ValueError(f"{name} must be integers of at most 64 bits, got {shorten(values)}")
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} must have an integer dtype, got {array.dtype}: {shorten(values)}")
    return array


def _strides(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Mixed-radix place values along the last axis, the last digit running fastest."""
    reversed_products = np.cumprod(sizes[..., ::-1], axis=-1)[..., ::-1]
    return reversed_products // sizes


#: The one search space of this package.
SPACE: Final = SearchSpace()

#: EfficientNet-B0 (Tan and Le 2019, https://arxiv.org/abs/1905.11946) in this space.
EFFICIENTNET_B0: Final = Architecture(
    expansion=(1, 6, 6, 6, 6, 6, 6),
    kernel=(3, 3, 5, 3, 5, 5, 3),
    layers=(1, 2, 2, 3, 3, 4, 1),
    se=(True,) * 7,
)
