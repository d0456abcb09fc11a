"""Runs of methods on devices, and their results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from anb_gym._files import Fields, read_object, write_atomically
from anb_gym._types import FloatArray
from anb_gym.generalisation.devices import Device, generated_device, real_devices
from anb_gym.generalisation.knowledge import Knowledge, load_knowledge
from anb_gym.generalisation.methods import METHODS
from anb_gym.generalisation.protocol import BUDGETS, N_DESIGNS, Answer, Meter, Method
from anb_gym.generalisation.scoring import coverage, regret, true_points, under_bounds

#: Devices that margins are calibrated on, and how many of them for each family left out: their seeds are neither for
#: training nor for tests.
CALIBRATION_SEEDS: Final = range(2_100_000, 2_100_040)
_FOR_FAMILIES: Final = 10
#: Violations that margins are calibrated to, and the margins there are, in standard deviations.
VIOLATIONS: Final = 0.05
MARGINS: Final = tuple(np.concatenate([np.arange(0.0, 3.0, 0.125), np.geomspace(3.0, 30.0, 15)]).tolist())
#: Where no margin is large enough, the least is taken that has so much more than the fewest violations.
_NEARLY: Final = 0.005
#: Version of the format of results.
SCHEMA: Final = 1


class ResultsError(ValueError):
    """A file of results is damaged or of another schema."""


@dataclass(frozen=True)
class Run:
    """What a method's designs for a device are worth.

    Attributes:
        method: The method's name.
        device: The device's name.
        budget: Measurements that it had.
        designs: How many designs it answered with, what was measured included.
        coverage: Share of the exact hypervolume.
        regret: Of the best design by its own predictions, in unit scale.
        loss: Mean points of accuracy lost under the bounds that are kept; NaN if none is.
        violations: Share of the bounds that are broken.
        excess: Mean relative amount by which they are.
        margin: Standard deviations that are kept from a bound, calibrated to 5 % violations on other devices.
        margin_loss: As ``loss``, with the margin.
        margin_violations: As ``violations``.
        margin_excess: As ``excess``.
    """

    method: str
    device: str
    budget: int
    designs: int
    coverage: float
    regret: float
    loss: float
    violations: float
    excess: float
    margin: float
    margin_loss: float
    margin_violations: float
    margin_excess: float


def answers(
    method: Method, known: Knowledge, device: Device, budgets: Sequence[int] = BUDGETS
) -> Iterator[tuple[int, Answer]]:
    """A method's designs for a device with rising budgets, with what it has measured, whose times are known exactly.

    Yields:
        Each budget, and the answer.

    Raises:
        ValueError: There are more than :data:`~anb_gym.generalisation.protocol.N_DESIGNS` designs.
    """
    meter = Meter(device, 0)
    for budget in budgets:
        meter.budget = budget
        found = method(known, meter)
        if len(found.indices) > N_DESIGNS:
            raise ValueError(f"an answer must have at most {N_DESIGNS} designs, got {len(found.indices)}")
        indices = np.concatenate([meter.indices, found.indices])
        logs = np.concatenate([meter.log_seconds, found.log_seconds])
        std = np.concatenate([np.zeros(len(meter.indices)), found.std])
        _, first = np.unique(indices, return_index=True)
        yield budget, Answer(indices[first], logs[first], std[first])


def run(methods: Sequence[str], device: Device, folder: Path) -> list[Run]:
    """Runs methods on a device with all budgets, but for those whose results the folder has already.

    Raises:
        ResultsError: A file in the folder is damaged.
    """
    paths = {name: folder / "runs" / name / f"{device.name.replace('/', '-')}.json" for name in methods}
    missing = [name for name, path in paths.items() if not path.exists()]
    if missing:
        known = load_knowledge(device.kind, device.unseen, folder / "fronts")
        margins = _margins(tuple(missing), known, folder)
    for name in missing:
        found = [
            _score(name, device, budget, answer, margin)
            for (budget, answer), margin in zip(answers(METHODS[name], known, device), margins[name], strict=True)
        ]
        save_results(found, paths[name])
    return [result for path in paths.values() for result in load_results(path)]


def _score(method: str, device: Device, budget: int, answer: Answer, margin: float) -> Run:
    points = true_points(answer, device)
    plain, careful = (under_bounds(answer, points, device, m) for m in (0.0, margin))
    return Run(
        method=method,
        device=device.name,
        budget=budget,
        designs=len(points),
        coverage=coverage(points, device),
        regret=regret(answer, points, device),
        loss=plain.loss,
        violations=plain.violations,
        excess=plain.excess,
        margin=float(margin),
        margin_loss=careful.loss,
        margin_violations=careful.violations,
        margin_excess=careful.excess,
    )


@lru_cache(maxsize=8)
def _margins(methods: tuple[str, ...], known: Knowledge, folder: Path) -> dict[str, FloatArray]:
    """For each method the least margin of each budget that breaks at most 5 % of the bounds of generated devices.

    Each device's violations are kept in the folder. Its front is nearly exact.
    """
    shares = {name: np.zeros((len(BUDGETS), len(MARGINS))) for name in methods}
    seeds = CALIBRATION_SEEDS if known.leave_out is None else CALIBRATION_SEEDS[:_FOR_FAMILIES]
    for seed in seeds:
        device = generated_device(seed, known.kind, known.leave_out)
        for name in methods:
            path = folder / "violations" / name / known.name / f"{seed}.json"
            if not path.exists():
                found = [_violations(answer, device) for _, answer in answers(METHODS[name], known, device)]
                write_atomically(path, (json.dumps({"violations": found}) + "\n").encode())
            fields = read_object(path, ResultsError)
            found = fields.lists("violations", float)
            if [len(row) for row in found] != [len(MARGINS)] * len(BUDGETS):
                raise fields.refusal(f"violations must be {len(BUDGETS)} rows of {len(MARGINS)}")
            shares[name] += np.array(found) / len(seeds)
    return {name: _least(found) for name, found in shares.items()}


def _violations(answer: Answer, device: Device) -> list[float]:
    """The share of bounds that are broken with each margin."""
    points = true_points(answer, device)
    return [under_bounds(answer, points, device, margin).violations for margin in MARGINS]


def _least(shares: FloatArray) -> FloatArray:
    """The least margin with few enough violations, ``float64`` (budgets,), of shares (budgets, margins)."""
    most = np.maximum(VIOLATIONS, shares.min(axis=1) + _NEARLY)
    chosen: FloatArray = np.array(MARGINS)[(shares <= most[:, None]).argmax(axis=1)]
    return chosen


def devices_of(seeds: Sequence[int]) -> Iterator[Device]:
    """Generated devices of some seeds, then the real ones."""
    yield from map(generated_device, seeds)
    yield from real_devices()


def save_results(runs: Sequence[Run], path: Path) -> None:
    """Writes runs into one file."""
    write_atomically(path, _encode(runs))


def load_results(path: Path) -> list[Run]:
    """Reads runs.

    Raises:
        ResultsError: The file is missing, damaged or of another schema.
    """
    fields = read_object(path, ResultsError)
    fields.check_schema(SCHEMA)
    names = list(Run.__dataclass_fields__)
    if fields.items("fields", str) != names:
        raise fields.refusal(f"fields must be {', '.join(names)}")
    rows = fields.items("runs", list)
    if any(len(row) != len(names) for row in rows):
        raise fields.refusal(f"runs must have {len(names)} values each")
    return [_run(row, fields) for row in rows]


def _run(row: list[Any], fields: Fields) -> Run:
    """A run as it was written; NaN is null in the file."""
    values = dict(zip(Run.__dataclass_fields__, row, strict=True))
    kinds = {"str": str, "int": int}
    for name, field_ in Run.__dataclass_fields__.items():
        kind, value = kinds.get(str(field_.type), float), values[name]
        if kind is float:
            value = float("nan") if value is None else value
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise fields.refusal(f"{name} of a run must be a number or null, got {value!r}")
            values[name] = float(value)
        elif type(value) is not kind:
            raise fields.refusal(f"{name} of a run must be of type {kind.__name__}, got {value!r}")
    return Run(**values)


def _encode(runs: Any) -> bytes:
    rows = [[_short(value) for value in asdict(found).values()] for found in runs]
    lines = ",\n".join(json.dumps(row) for row in rows)
    fields = json.dumps(list(Run.__dataclass_fields__))
    return f'{{"schema": {SCHEMA}, "fields": {fields}, "runs": [\n{lines}\n]}}\n'.encode()


def _short(value: Any) -> Any:
    """Numbers with five digits; None for what is not there."""
    if isinstance(value, float):
        return float(f"{value:.5g}") if np.isfinite(value) else None
    return value
