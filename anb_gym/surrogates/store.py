"""Surrogates on disk: an ``.npz`` of tables and a JSON manifest beside it.

Tables over triples of blocks are large and of low rank: surrogates are smooth,
or made of few splits. They are written as a core and one basis per block (the
higher-order singular value decomposition of De Lathauwer, De Moor and
Vandewalle 2000, https://doi.org/10.1137/S0895479896305696), the core rounded to
2^-30 of its largest entry so that most of it compresses to nothing, and
multiplied out when they are read. The tables that count are those that are
read: predictions move by about 1e-9 of their range.

They are multiplied out by BLAS, whose last bits depend on its kernel and, in a few entries, on its number of threads.
Between runs with the same kernel and threads predictions are the same bit for bit; between any others they differ by at
most 1e-14, relatively (:data:`ACROSS_KERNELS`).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym import _files
from anb_gym._errors import choose
from anb_gym._files import read_bytes, read_object, refusing, write_atomically
from anb_gym._types import FloatArray
from anb_gym.devices import device_of, folder_of
from anb_gym.space import N_BLOCKS, SPACE, States
from anb_gym.surrogates.deviations import Correction
from anb_gym.surrogates.intervals import Intervals, Of
from anb_gym.surrogates.links import Link, link_from_dict, link_to_dict
from anb_gym.surrogates.posterior import posterior_path
from anb_gym.surrogates.tables import Blocks, BlockTables, evaluate, layout, multiply
from anb_gym.surrogates.worlds import deviation, deviation_upon, in_world, split_world

#: Version of the file format; files of another version are refused.
SCHEMA: Final = 1
#: Families whose tables ship with the package; the first has the best held-out scores and is the default.
FAMILIES: Final = ("gp", "xgb", "lgb")
#: Versions of tables; those of version 0 never change.
VERSIONS: Final = (0, 1)


def surrogate_name(family: str, version: int) -> str:
    """The name of a family's surrogates of a version: that of the family alone for the first, then ``"gp-v1"``."""
    return f"{family}-v{version}" if version else family


#: Names of all surrogates. A metric without tables of a version has those of the version before, see
#: :func:`shipped_path`.
SURROGATES: Final = tuple(surrogate_name(family, version) for version in VERSIONS for family in FAMILIES)
#: Where the shipped surrogates are.
ARTEFACTS: Final = Path(__file__).parent / "artefacts"
#: By how much, relatively, predictions and their standard deviations may differ between kernels of BLAS. Measured on
#: 20,000 architectures and all shipped surrogates: 4.4e-16 and 1e-15.
ACROSS_KERNELS: Final = 1e-14
#: Bytes that a file of tables may have, packed and unpacked: some ten times the largest that ships.
_LIMIT: Final = 2**26
#: Singular values below this share of the largest are left out of the tables over triples.
_TOLERANCE: Final = 1e-12


class ArtefactError(ValueError):
    """A surrogate's file is missing, damaged or of another schema."""


@dataclass(frozen=True)
class Surrogate:
    """A metric as a function of the architecture.

    Attributes:
        mean: Tables whose sum, through the link, is the predicted metric.
        log_std: Tables whose sum is the logarithm of the predictive standard
            deviation of the sum of ``mean``.
        link: From the table sum to the metric.
        manifest: How it was made: dataset, hyperparameters, seeds, held-out scores.
    """

    mean: BlockTables
    log_std: BlockTables
    link: Link
    manifest: Mapping[str, Any] = field(default_factory=dict)

    def predict(self, states: States) -> FloatArray:
        """Predicted metric, ``float64`` (n,), of block states (n, 7)."""
        return self.link.value(self.mean(states))

    def std(self, states: States, of: Of = "mean") -> FloatArray:
        """Predictive standard deviation in the metric's unit, ``float64`` (n,).

        Args:
            states: Block states, ``int64`` (n, 7), within the space.
            of: ``"mean"``: of where the mean of many labels lies. ``"measurement"``: of one new label.

        Raises:
            ValueError: ``of`` is ``"measurement"``, and the surrogate is not calibrated.
        """
        score, log_std = evaluate([self.mean, self.log_std], states)
        std = np.exp(log_std) if of == "mean" else self.intervals.deviation(score, np.exp(log_std), of)
        return np.abs(self.link.slope(score)) * std

    def interval(self, states: States, level: float, of: Of = "measurement") -> FloatArray:
        """Central intervals in the metric's unit, ``float64`` (n, 2): lower and upper ends.

        Args:
            states: Block states, ``int64`` (n, 7), within the space.
            level: Share of labels within, above 0 and at most the largest level that was calibrated.
            of: As in :meth:`std`.

        Returns:
            Ends that are 0 at least; the upper end is infinite where seconds per image may be 0.

        Raises:
            ValueError: ``level`` is out of range, or the surrogate is not calibrated.
        """
        score, log_std = evaluate([self.mean, self.log_std], states)
        width = self.intervals.multiplier(level) * self.intervals.deviation(score, np.exp(log_std), of)
        sums = np.maximum(np.stack([score - width, score + width], axis=1), 0.0)
        with np.errstate(divide="ignore"):
            ends = self.link.value(sums)
        return ends if self.link.increasing else ends[:, ::-1].copy()

    @property
    def intervals(self) -> Intervals:
        """Noise of labels and multipliers of deviations, which calibrated surrogates have.

        Raises:
            ValueError: The surrogate is not calibrated; the message names the one that is.
            ArtefactError: The manifest is damaged.
        """
        std = self.manifest.get("std", {})
        family, metric = self.manifest.get("family"), self.manifest.get("metric")
        if "quantiles" not in std:
            newer = surrogate_name(str(family), 1)
            is_newer = newer in SURROGATES and shipped_path(newer, str(metric)).parent.name == newer
            remedy = f"use the surrogate {newer!r}" if is_newer else "anb-gym fit --version 1 makes calibrated ones"
            raise ValueError(
                f"intervals and deviations of a measurement need calibrated tables, got those of {family!r} of "
                f"{metric!r}, which are not: {remedy}"
            )
        with refusing(f"the manifest of {family!r} of {metric!r} is damaged", ArtefactError):
            return Intervals.from_dict(std)

    @property
    def checksum(self) -> str:
        """SHA-256 of the tables' file, as the manifest records it."""
        return str(self.manifest.get("sha256", ""))


def save(surrogate: Surrogate, path: Path) -> None:
    """Writes ``path`` (``.npz``) and its manifest (``.json``); an interrupted write leaves the old files."""
    data = _files.pack_arrays({**_encode("mean", surrogate.mean), **_encode("log_std", surrogate.log_std)})
    manifest = {
        "schema": SCHEMA,
        **surrogate.manifest,
        "link": link_to_dict(surrogate.link),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    write_atomically(path.with_suffix(".npz"), data)
    write_atomically(path.with_suffix(".json"), (json.dumps(manifest, indent=2) + "\n").encode())


def load(path: Path) -> Surrogate:
    """Reads a surrogate and verifies its checksum.

    Args:
        path: The ``.npz`` file; its manifest is the ``.json`` file of the same name. A manifest may do without the
            other file: it then has the mean of the version before, and corrects its deviations.

    Raises:
        ArtefactError: A file is missing or damaged, or its schema is not :data:`SCHEMA`.
    """
    manifest = read_manifest(path)
    if version_of(path.parent.name) and "options" in manifest.get("std", {}):
        return _with_other_deviations(path, manifest)
    data = read_bytes(path.with_suffix(".npz"), ArtefactError, limit=_LIMIT)
    digest = hashlib.sha256(data).hexdigest()
    if digest != manifest.get("sha256"):
        raise ArtefactError(f"{path} is damaged: its SHA-256 is {digest}, its manifest says {manifest.get('sha256')}")
    where = f"{path} does not hold a surrogate of schema {SCHEMA}"
    with refusing(where, ArtefactError):
        arrays = _files.parse_arrays(data, where, ArtefactError, limit=_LIMIT)
        mean, log_std = _decode("mean", arrays), _decode("log_std", arrays)
        if arrays:
            raise ValueError(f"it has the unknown arrays {', '.join(arrays)}")
        return Surrogate(mean, log_std, link_from_dict(manifest.get("link", {})), manifest)


def _with_other_deviations(path: Path, manifest: Mapping[str, Any]) -> Surrogate:
    """What a manifest makes of the tables of the version before."""
    before = load(path.parent.with_name(family_of(path.parent.name)) / path.name)
    with refusing(path.with_suffix(".json"), ArtefactError):
        if before.checksum != manifest.get("sha256"):
            raise ValueError(f"it is of other tables: their SHA-256 is {manifest.get('sha256')}, not {before.checksum}")
        return replace(before, log_std=Correction.from_dict(manifest["std"])(before.log_std), manifest=manifest)


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of a surrogate, without its tables.

    Raises:
        ArtefactError: It is missing, not JSON, or of another schema.
    """
    manifest = read_object(path.with_suffix(".json"), ArtefactError)
    manifest.check_schema(SCHEMA)
    return dict(manifest.content)


def choose_surrogate(value: object, argument: str = "surrogate") -> str:
    """Returns ``value`` if it is one of :data:`SURROGATES`, or one of these in a world, such as ``"gp@7"``.

    Raises:
        ValueError: It is not.
    """
    name, mark, _ = value.partition("@") if isinstance(value, str) else (value, "", "")
    choose(name, SURROGATES, argument)
    if mark:
        split_world(str(value))
    return str(value)


def family_of(surrogate: str) -> str:
    """The family in the name of a surrogate."""
    return split_world(surrogate)[0].partition("-v")[0]


def version_of(surrogate: str) -> int:
    """The version in the name of a surrogate."""
    return int(split_world(surrogate)[0].partition("-v")[2] or 0)


def peers(surrogate: str) -> tuple[str, ...]:
    """The surrogates of the other families, of the same version, in no world."""
    (name, _), family = split_world(surrogate), family_of(surrogate)
    return tuple(name.replace(family, other, 1) for other in FAMILIES if other != family)


def older(surrogate: str) -> str:
    """The surrogate of the version before, in the same world; the first version has none before and is returned."""
    return surrogate.replace(split_world(surrogate)[0], family_of(surrogate), 1)


def shipped_path(surrogate: str, metric: str) -> Path:
    """File of the surrogate of a metric, as :func:`load` takes it: in the package, or in the folder of its device.

    Where a version has no tables of the metric, those of the version before are meant.
    """
    folder = folder_of(metric)
    surrogate, family = split_world(surrogate)[0], family_of(surrogate)
    path = artefact_path(folder / "surrogates" if folder else ARTEFACTS, surrogate, metric)
    return path if surrogate == family or is_there(path) else shipped_path(family, metric)


def is_there(path: Path) -> bool:
    """Whether there is a surrogate that :func:`load` reads from a file: a manifest, with tables or without."""
    return path.with_suffix(".json").exists()


def artefact_path(folder: Path, surrogate: str, metric: str) -> Path:
    """The file of a surrogate of a metric below ``folder``."""
    return folder / surrogate / f"{metric.replace('/', '-')}.npz"


def is_fitted(surrogate: str, metric: str) -> bool:
    """Whether there is a surrogate of a metric: what ships is complete, a device of one's own is fitted some day.

    In a world its posterior must be there as well.
    """
    if split_world(surrogate)[1] is not None and not posterior_path(shipped_path(surrogate, metric)).exists():
        return False
    device = device_of(metric)
    return device is None or device.ships or is_there(shipped_path(surrogate, metric))


def load_shipped(surrogate: str, metric: str, world: int | None = None) -> Surrogate:
    """The shipped surrogate of a metric, or what it is in a world; remembered, though of worlds only the last ones.

    Args:
        surrogate: One of :data:`SURROGATES`, or in a world: ``"gp@7"``.
        metric: The metric.
        world: The world, if the name does not tell it.

    Raises:
        ValueError: The name is not one of :data:`SURROGATES`, or there is no such world.
        ArtefactError: A file is damaged, or a device of one's own has no such surrogate yet; the message then names
            the command that makes it.
    """
    name, number = split_world(surrogate if world is None else in_world(surrogate, world))
    return _load(name, metric) if number is None else _load_world(name, metric, number)


@cache
def _load(surrogate: str, metric: str) -> Surrogate:
    if not is_fitted(choose(surrogate, SURROGATES, "surrogate"), metric) and (device := device_of(metric)):
        command = f"anb-gym fit --device {device.name} --families {family_of(surrogate)}"
        raise ArtefactError(f"there is no surrogate {surrogate!r} of {metric!r} in {device.folder}; run: {command}")
    return load(shipped_path(surrogate, metric))


@lru_cache(maxsize=16)
def _load_world(surrogate: str, metric: str, world: int) -> Surrogate:
    known = _load(surrogate, metric)
    mean = BlockTables(known.mean.order, known.mean.values + load_deviation(surrogate, metric, world))
    manifest = {**known.manifest, "world": world, "sha256": shipped_checksum(in_world(surrogate, world), metric)}
    return Surrogate(mean, known.log_std, known.link, manifest)


def shipped_checksum(surrogate: str, metric: str) -> str:
    """The checksum of what :func:`load_shipped` gives: of a world that of the mean's tables, factor and world."""
    name, world = split_world(surrogate)
    known = _load(name, metric)
    return known.checksum if world is None else f"{known.checksum}*{_factor(known):g}@{world}"


def _factor(surrogate: Surrogate) -> float:
    """What deviations of worlds are multiplied by: the posterior's own are too small where labels say so."""
    return float(surrogate.manifest.get("std", {}).get("factor", 1.0))


@lru_cache(maxsize=2)
def load_deviations(surrogate: str, metric: str, worlds: tuple[int, ...]) -> NDArray[np.float32]:
    """Entries as :func:`load_deviation` gives them, ``float32`` (entries, worlds): 0.7 GB for 100 worlds of triples."""
    size = _load(surrogate, metric).mean.layout.size
    entries = np.empty((size, len(worlds)), dtype=np.float32)
    for column, world in enumerate(worlds):
        entries[:, column] = load_deviation(surrogate, metric, world)
    return entries


def load_deviation(surrogate: str, metric: str, world: int) -> NDArray[np.float32]:
    """Entries of the tables of a metric in a world minus those of its mean, ``float32`` (entries,), read-only.

    Args:
        surrogate: One of :data:`SURROGATES`, in no world.
        metric: The metric.
        world: The world.

    Raises:
        ArtefactError: The posterior is missing, damaged or of other tables.
    """
    known, path = _load(surrogate, metric), shipped_path(surrogate, metric)
    if not (file := posterior_path(path)).exists():
        raise ArtefactError(f"there are no worlds of {metric!r}: {surrogate!r} has no posterior of it, in {file}")
    if "upon" not in known.manifest:
        return deviation(path, metric, world, known.checksum, _factor(known), ArtefactError)
    with refusing(f"the manifest of {metric!r} is damaged", ArtefactError):
        other, checksum = (str(known.manifest["upon"][key]) for key in ("metric", "sha256"))
        cheaper = path.with_name(artefact_path(Path(), "", other).name)
        if (mean := load(cheaper)).checksum != checksum:
            raise ValueError(f"it was learned upon other tables of {other!r}, with the SHA-256 {checksum}")
    return deviation_upon(path, metric, world, known.checksum, (cheaper, other, checksum, mean.mean), ArtefactError)


def _encode(name: str, tables: BlockTables) -> dict[str, NDArray[Any]]:
    if tables.order < 3:
        dtype = np.float32 if name == "log_std" else np.float64
        return {f"{name}_tables_{tables.order}": tables.values.astype(dtype)}
    pairs, triples = _split(tables)
    bases = [_basis(triples, block) for block in range(N_BLOCKS)]
    cores = [multiply(triples.table(*blocks), [bases[b].T for b in blocks]) for blocks in layout(3).blocks]
    core = np.concatenate([core.ravel() for core in cores])
    quantum = max(float(np.abs(core).max(initial=0.0)), 1e-300) / 2**30
    return {
        f"{name}_tables_2": pairs.values,
        f"{name}_core": np.round(core / quantum).astype(np.int32),
        f"{name}_quantum": np.array(quantum),
        **{f"{name}_basis_{block}": basis for block, basis in enumerate(bases)},
    }


def _decode(name: str, arrays: dict[str, NDArray[Any]]) -> BlockTables:
    """Takes the arrays of some tables out of those of a file and multiplies them out."""
    orders = [order for order in (1, 2, 3) if f"{name}_tables_{order}" in arrays]
    if len(orders) != 1:
        raise ValueError(f"expected one array of {name}_tables_1, _2 or _3, got {len(orders)}")
    folded = f"{name}_core" in arrays
    dtype = "float32" if name == "log_std" and not folded and orders[0] < 3 else "float64"
    values = _files.take_array(arrays, f"{name}_tables_{orders[0]}", dtype, (layout(orders[0]).size,))
    lower = BlockTables(orders[0], values.astype(np.float64))
    if not folded:
        return lower
    terms: dict[Blocks, FloatArray | float] = {blocks: lower.table(*blocks) for blocks in lower.layout.blocks}
    bases = [
        _files.take_array(arrays, f"{name}_basis_{block}", "float64", (int(SPACE.block_sizes[block]), None))
        for block in range(N_BLOCKS)
    ]
    shapes = [tuple(bases[b].shape[1] for b in blocks) for blocks in layout(3).blocks]
    core = _files.take_array(arrays, f"{name}_core", "int32", (sum(map(math.prod, shapes)),))
    core, start = core * _files.take_array(arrays, f"{name}_quantum", "float64", ()), 0
    for blocks, shape in zip(layout(3).blocks, shapes, strict=True):
        size = math.prod(shape)
        terms[blocks] = multiply(core[start : start + size].reshape(shape), [bases[b] for b in blocks])
        start += size
    return BlockTables.from_terms(terms)


def _split(tables: BlockTables) -> tuple[BlockTables, BlockTables]:
    """Order-3 tables as tables over pairs plus tables over triples whose mean along every axis is 0."""
    pairs: dict[Blocks, FloatArray | float] = {}
    triples: dict[Blocks, FloatArray | float] = {}
    for blocks in tables.layout.blocks:
        rest = tables.table(*blocks)
        for axis, block in enumerate(blocks):
            mean = rest.mean(axis=axis, keepdims=True)
            others = tuple(b for b in blocks if b != block)
            pairs[others] = pairs.get(others, 0.0) + mean.squeeze(axis)
            rest = rest - mean
        triples[blocks] = rest
    return BlockTables.from_terms(pairs, order=2), BlockTables.from_terms(triples, order=3)


def _basis(triples: BlockTables, block: int) -> FloatArray:
    """Orthonormal columns, (states, rank), that span one block's axis in all tables to :data:`_TOLERANCE`."""
    parts = [
        np.moveaxis(triples.table(*blocks), blocks.index(block), 0).reshape(SPACE.block_sizes[block], -1)
        for blocks in triples.layout.blocks
        if block in blocks
    ]
    vectors, singular, _ = np.linalg.svd(np.concatenate(parts, axis=1), full_matrices=False)
    basis: FloatArray = vectors[:, singular > _TOLERANCE * max(singular[0], 1e-300)]
    return basis
