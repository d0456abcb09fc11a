"""Runs of methods on devices, and their results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from anb_gym._files import Fields, read_object, write_atomically
from anb_gym.generalisation.devices import Device, generated_device, real_devices
from anb_gym.generalisation.knowledge import Knowledge, load_knowledge
from anb_gym.generalisation.methods import METHODS
from anb_gym.generalisation.protocol import BUDGETS, N_DESIGNS, Answer, Meter, Method
from anb_gym.generalisation.scoring import coverage, regret, true_points, under_bounds
from anb_gym.hardware import generate

#: Devices that margins are calibrated on: their seeds are neither for training nor for tests.
CALIBRATION_SEEDS: Final = range(2_100_000, 2_100_004)
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


def run(method: str, device: Device, folder: Path) -> list[Run]:
    """Runs a method on a device with all budgets, unless the folder has the results already.

    Raises:
        ResultsError: A file in the folder is damaged.
    """
    path = folder / "runs" / method / f"{device.name.replace('/', '-')}.json"
    if path.exists():
        return load_results(path)
    known = load_knowledge(device.kind, device.leave_out, folder / "fronts")
    margins = _margins(method, known, folder)
    found = [
        _score(method, device, budget, answer, margins[budget])
        for budget, answer in answers(METHODS[method], known, device)
    ]
    save_results(found, path)
    return found


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
        margin=margin,
        margin_loss=careful.loss,
        margin_violations=careful.violations,
        margin_excess=careful.excess,
    )


def _margins(method: str, known: Knowledge, folder: Path) -> dict[int, float]:
    """The least margin with at most 5 % violations on generated devices, by budget."""
    path = folder / "margins" / method / f"{known.kind}-{known.leave_out or 'all'}.json"
    if not path.exists():
        shares = np.zeros((len(BUDGETS), len(MARGINS)))
        for device in _calibration_devices(known):
            for row, (_, answer) in enumerate(answers(METHODS[method], known, device)):
                points = true_points(answer, device)
                shares[row] += [under_bounds(answer, points, device, margin).violations for margin in MARGINS]
        shares /= len(CALIBRATION_SEEDS)
        most = np.maximum(VIOLATIONS, shares.min(axis=1) + _NEARLY)
        chosen = (shares <= most[:, None]).argmax(axis=1)
        content = {str(budget): MARGINS[place] for budget, place in zip(BUDGETS, chosen, strict=True)}
        write_atomically(path, (json.dumps(content) + "\n").encode())
    fields = read_object(path, ResultsError)
    return {budget: float(fields.get(str(budget), float)) for budget in BUDGETS}


def _calibration_devices(known: Knowledge) -> Iterator[Device]:
    """Generated devices, with fronts that are nearly exact."""
    for seed in CALIBRATION_SEEDS:
        metric = generate(seed, leave_out=known.leave_out).metrics[known.kind]
        front = known.front(metric.mean.values)
        yield Device(f"calibration/{seed}", known.kind, known.leave_out, metric.mean, metric.link, front)


def devices_of(seeds: Sequence[int], folder: Path) -> Iterator[Device]:
    """Generated devices of some seeds, whose fronts are certified, then the real ones."""
    for seed in seeds:
        yield generated_device(seed, folder / "fronts")
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
    """Numbers with six digits; None for what is not there."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value
