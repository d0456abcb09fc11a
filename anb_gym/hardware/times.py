"""Measured times of networks: a table that people fill in, read with care, as nothing is guessed."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from anb_gym import devices
from anb_gym._errors import choose, printable, shown
from anb_gym._files import read_text, write_atomically
from anb_gym._types import FloatArray
from anb_gym.hardware.estimation import KINDS, estimate
from anb_gym.hardware.units import in_unit, to_seconds
from anb_gym.space import SPACE, Architecture, States

#: Name of the table that ``anb-gym probes`` writes.
FILE: Final = "probes.csv"
#: Networks that must have been measured, at least.
LEAST: Final = 5
#: Seconds that a device can plausibly need for a network of middling size: a data-centre card has 1e-4 per image, a
#: board with a microprocessor 0.3. Beyond lie other units.
FASTEST: Final = 2e-5
SLOWEST: Final = 1.0
_UNITS: Final = {kind: unit for kind, (unit, _) in devices.KINDS.items()}
#: Rank correlation with what networks of their size take, below which times are no times. Real devices have 0.8.
_LEAST_AGREEMENT: Final = -0.3


class TimesError(ValueError):
    """Measured times that cannot be used; the message says where and why."""


@dataclass(frozen=True, eq=False)
class Times:
    """Measured times.

    Attributes:
        kind: ``"throughput"`` or ``"latency"``.
        states: Block states of different networks, ``int64`` (n, 7).
        seconds: Theirs, ``float64`` (n,): of throughput the reciprocal.
    """

    kind: str
    states: States
    seconds: FloatArray


def read_times(path: Path, kind: str | None = None) -> Times:
    """Reads a table with the columns ``architecture`` and ``throughput`` (images/s) or ``latency`` (ms).

    Args:
        path: A CSV file.
        kind: ``"throughput"`` or ``"latency"``; by default the one that there is a column of.

    Raises:
        TimesError: The file cannot be read, or says something that cannot be.
    """
    found, rows = _rows(path, kind)
    return checked(path, found, rows)


def read_rows(path: Path, kind: str) -> dict[str, float | None]:
    """What a table that need not be filled in yet has: values by architecture, None for those not measured.

    Raises:
        TimesError: The file cannot be read, or says something that cannot be.
    """
    values: dict[str, float | None] = {}
    for where, text, given in _rows(path, kind)[1]:
        architecture = _architecture(path, where, text)
        what = f"{where}: the {kind} of {architecture}"
        values[str(architecture)] = _positive(path, what, given) if given else None
    return values


def _rows(path: Path, kind: str | None) -> tuple[str, list[tuple[str, str, str]]]:
    """The kind of a table, and its rows: where each stands, its architecture and its value."""
    reader = csv.DictReader(io.StringIO(read_text(path, TimesError).removeprefix("\ufeff")), skipinitialspace=True)
    columns = [(name or "").strip() for name in reader.fieldnames or ()]
    reader.fieldnames = columns
    there = [name for name in KINDS if name in columns]
    if "architecture" not in columns or not there:
        raise TimesError(
            f"{path}: the columns must be architecture and throughput (images/s) or latency (ms), "
            f"got {printable(', '.join(columns)) or 'none'}"
        )
    if kind is None and len(there) > 1:
        raise TimesError(f"{path}: there are columns of throughput and latency, say which with --kind")
    found = there[0] if kind is None else choose(kind, KINDS, "--kind")
    if found not in there:
        raise TimesError(f"{path}: there is no column {found}, only {there[0]}")
    try:
        return found, [
            (f"line {reader.line_num}", row["architecture"] or "", (row[found] or "").strip()) for row in reader
        ]
    except csv.Error as error:
        raise TimesError(f"{path}: {error}") from None


def _architecture(path: Path, where: str, text: str) -> Architecture:
    try:
        return Architecture.from_index(int(SPACE.states_to_index(SPACE.as_states(text.strip()))[0]))
    except ValueError:
        raise TimesError(
            f"{path}: {where}: the architecture must be seven blocks such as e6k3l2s1, or an index, got {shown(text)}"
        ) from None


def checked(path: Path, kind: str, rows: Iterable[tuple[str, str, str | float]]) -> Times:
    """Times of rows: where each stands, its architecture and its value in images/s or ms.

    Raises:
        TimesError: A row is wrong, the rows contradict each other or are too few, or the unit is another.
    """
    values: dict[int, tuple[str, float]] = {}
    for where, text, given in rows:
        architecture = _architecture(path, where, text)
        value = _positive(path, f"{where}: the {kind} of {architecture}", given)
        before = values.setdefault(architecture.index, (where, value))
        if before[1] != value:
            raise TimesError(
                f"{path}: {where}: {architecture} has a {kind} of {value:g} {_UNITS[kind]} here and of {before[1]:g} "
                f"in {before[0]}; keep one, such as the mean"
            )
    if len(values) < LEAST:
        raise TimesError(f"{path}: at least {LEAST} different networks must have been measured, got {len(values)}")
    amounts = np.array([value for _, value in values.values()])
    if (amounts == amounts[0]).all():
        raise TimesError(f"{path}: all {len(amounts)} networks have the same {kind}, {amounts[0]:g} {_UNITS[kind]}")
    seconds = to_seconds(kind, amounts)
    states = SPACE.as_states(np.array(list(values)))
    _check_unit(path, kind, amounts, seconds, states)
    return Times(kind, states, seconds)


def write_table(path: Path, kind: str, rows: Sequence[tuple[str, str, float | None]]) -> None:
    """Writes a table of architectures, their files and their values, None for one that is not measured yet."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["architecture", "file", kind])
    writer.writerows([name, file, "" if value is None else repr(value)] for name, file, value in rows)
    write_atomically(path, text.getvalue().encode())


def _positive(path: Path, what: str, given: str | float) -> float:
    if isinstance(given, str) and not given.strip():
        raise TimesError(f"{path}: {what} is missing")
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and 1e-100 < value < 1e100):
        raise TimesError(f"{path}: {what} must be a positive number, got {shown(given)}")
    return value


def _check_unit(path: Path, kind: str, amounts: FloatArray, seconds: FloatArray, states: States) -> None:
    """Raises where the times are those of another unit, or grow as networks get smaller."""
    middle = float(np.exp(np.log(amounts).mean()))
    typical = float(np.exp(np.log(seconds).mean()))
    unit, other = _UNITS[kind], KINDS[1 - KINDS.index(kind)]
    expected, _ = estimate(states[:0], seconds[:0], kind).predict(states)
    agreement = np.corrcoef(np.argsort(np.argsort(expected)), np.argsort(np.argsort(seconds)))[0, 1]
    if agreement < _LEAST_AGREEMENT:
        raise TimesError(
            f"{path}: the larger the network, the {'more' if kind == 'throughput' else 'less'} {unit}: "
            f"these look like the {other}, not the {kind}; --kind or the column's name must be {other}"
        )
    if not FASTEST <= typical <= SLOWEST:
        fast, slow = (float(in_unit(kind, np.array([x]))[0]) for x in (FASTEST, SLOWEST))
        raise TimesError(
            f"{path}: a {kind} of {middle:.3g} {unit} in the mean is orders of magnitude off what devices have, "
            f"{min(fast, slow):g} to {max(fast, slow):g} {unit}: the unit must be {unit}"
        )
