"""How far to trust a front: what is known about its members beyond what the surrogate says.

A surrogate's maximum lies where its errors do, so an exact front is optimistic:
among a hundred billion predictions the largest are large by error as well. This
report shows, per member, the predictive standard deviation, what the other
families of surrogates predict, and the distance to the nearest architecture that
was really trained and measured; and per front what is left of it when another
family judges. None of these proves anything about reality: the families learned
from the same measurements.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._files import write_atomically
from anb_gym.benchmark import PREDICTED, Benchmark
from anb_gym.calibration import front_scale, measure_front
from anb_gym.fronts import CertifiedFront
from anb_gym.pareto import normalised_hypervolume
from anb_gym.space import SPACE, Choices, Indices
from anb_gym.surrogates.store import FAMILIES, shipped_path
from anb_gym.tasks import TASKS, Task

FloatArray = NDArray[np.float64]

#: Random architectures that the members are compared with, and their seed.
N_RANDOM: Final = 10_000
SEED: Final = 0
_CHUNK: Final = 128


def distances(choices: Choices, measured: Choices) -> NDArray[np.int64]:
    """In how many of the 28 choices each architecture differs from the nearest measured one.

    Args:
        choices: ``int8`` (n, 28).
        measured: ``int8`` (m, 28), m at least 1.

    Returns:
        ``int64`` (n,).
    """
    nearest = [
        (choices[start : start + _CHUNK, None] != measured).sum(axis=2).min(axis=1)
        for start in range(0, len(choices), _CHUNK)
    ]
    return np.concatenate(nearest).astype(np.int64)


def judges(front: CertifiedFront) -> list[str]:
    """The other families whose tables of the front's metrics are there."""
    others = [family for family in FAMILIES if family != front.surrogate]
    return [f for f in others if all(shipped_path(f, metric).exists() for metric in front.metrics)]


def member_table(front: CertifiedFront, measured: Indices | None = None) -> dict[str, Any]:
    """What is known about every member of a front.

    Args:
        front: The front.
        measured: Indices of the architectures that were measured, for the distance.

    Returns:
        Columns of equal length: ``index``, ``architecture``, every metric with its standard deviation
        (``"<metric>:std"``) and what the other families predict (``"<metric>:<family>"``), and, if
        ``measured`` is given, ``distance`` as :func:`distances` counts it.
    """
    scored = Benchmark(front.surrogate).query(front.indices, front.metrics, std=True)
    columns: dict[str, Any] = {"index": front.indices, "architecture": [str(a) for a in front.architectures()]}
    verdicts = {family: Benchmark(family).query(front.indices, front.metrics) for family in judges(front)}
    for metric, values in zip(front.metrics, front.objectives.T, strict=True):
        columns |= {metric: values, f"{metric}:std": scored[f"{metric}:std"]}
        columns |= {f"{metric}:{family}": verdict[metric] for family, verdict in verdicts.items()}
    if measured is not None:
        columns["distance"] = distances(SPACE.from_index(front.indices), SPACE.from_index(measured))
    return columns


def write_report(folder: Path, measured: Indices | None = None) -> Path:
    """Writes ``fronts.md``, and a table of all members of each front to ``fronts/<metric>.csv``.

    Args:
        folder: Such as ``docs``.
        measured: Indices of the architectures that were measured; without them there are no distances.

    Returns:
        The Markdown file.

    Raises:
        NoFrontError: A front is missing: ``anb-gym solve --all`` makes them.
    """
    tasks = [task for task in TASKS.values() if task.device]
    random = SPACE.sample(N_RANDOM, np.random.default_rng(SEED))
    fronts, files, summaries, verdicts = {}, {}, [], []
    for task in tasks:
        metric = task.metrics[-1]
        fronts[task.name] = front = Benchmark().front(metric)
        table = member_table(front, measured)
        files[folder / "fronts" / f"{metric.replace('/', '-')}.csv"] = to_csv(table)
        summaries.append(_summary(task, front, table))
        verdicts += [_verdict(task, front, table, family, random) for family in judges(front)]
    path = folder / "fronts.md"
    files[path] = "\n".join(_page(fronts, summaries, verdicts, measured, random)).encode()
    for file, data in files.items():
        write_atomically(file, data)
    return path


def to_csv(columns: Mapping[str, Any]) -> bytes:
    """A table of columns as CSV, numbers with six significant digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    rows = zip(*columns.values(), strict=True)
    writer.writerows([f"{cell:.6g}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _summary(task: Task, front: CertifiedFront, table: Mapping[str, Any]) -> str:
    metric = front.metrics[-1]
    scale = measure_front(front)
    relative = 100.0 * np.median(table[f"{metric}:std"] / table[metric])
    cells = [
        task.name,
        f"{len(front):,}",
        f"{scale.ideal[0]:.2f}, {scale.nadir[0]:.2f}",
        f"{scale.ideal[1]:,.4g}, {scale.nadir[1]:,.4g}",
        f"{scale.reference_point[0]:.2f}, {scale.reference_point[1]:,.4g}",
        f"{scale.hypervolume:.6g}",
        f"{np.median(table['accuracy:std']):.2f}",
        f"{relative:.1f}",
        f"{table['distance'].mean():.1f}" if "distance" in table else "",
    ]
    return _row(cells)


def _verdict(task: Task, front: CertifiedFront, table: Mapping[str, Any], family: str, random: Choices) -> str:
    """What another family says of the front, beside what it says of random architectures."""
    metric = front.metrics[-1]
    own, other = (Benchmark(f).query(random, front.metrics) for f in (front.surrogate, family))
    judged = np.stack([table[f"{name}:{family}"] for name in front.metrics], axis=1)
    # The reference point belongs to the task, so both hypervolumes are of the same box.
    share = normalised_hypervolume(judged, front.objectives, front_scale(task).reference_point, front.directions)
    cells = [
        task.name,
        family,
        f"{(judged[:, 0] - table['accuracy']).mean():+.2f}",
        f"{(other['accuracy'] - own['accuracy']).mean():+.2f}",
        f"{100.0 * (judged[:, 1] / table[metric] - 1.0).mean():+.1f}",
        f"{100.0 * (other[metric] / own[metric] - 1.0).mean():+.1f}",
        f"{share:.4f}",
    ]
    return _row(cells)


def _page(
    fronts: Mapping[str, CertifiedFront],
    summaries: list[str],
    verdicts: list[str],
    measured: Indices | None,
    random: Choices,
) -> list[str]:
    lines = [
        "# The exact fronts, and how far to trust them",
        "",
        "`anb-gym front --report` writes this page and the members of each front to `fronts/*.csv`.",
        "",
        f"Each front is certified over all {SPACE.size:,} architectures: it is exact *for the surrogate*, not for",
        "reality. A surrogate's maximum lies where its errors do: among so many predictions the largest are large by",
        "error as well, so expect a member of a front to be worse, once trained and measured, than it says here.",
        "Accuracy is that of the proxy scheme, in %.",
        "",
        "- *Ideal, nadir*: best and worst value on the front; *reference point*: the nadir made worse by a tenth of",
        "  the front's extent, but not below 0; *hypervolume*: what the front dominates above it.",
        "- *Standard deviation*: the surrogate's own, median along the front; for the device in % of the value. It",
        "  leaves out what the model cannot express: held-out errors of devices are two to five times larger, see",
        "  `surrogates.md`.",
        "- *Distance*: in how many of the 28 choices a member differs from the nearest measured architecture, mean.",
    ]
    if measured is None:
        lines.append("  Left out here: the dataset was not at hand.")
    else:
        usual = distances(random[:1000], SPACE.from_index(measured)).mean()
        lines.append(f"  For a random architecture it is {usual:.1f}.")
    lines += [
        "",
        _row(
            [
                "task",
                "points",
                "accuracy: ideal, nadir",
                "device: ideal, nadir",
                "reference point",
                "hypervolume",
                "std accuracy",
                "std device (%)",
                "distance",
            ]
        ),
        "|---" * 9 + "|",
        *summaries,
        "",
        "Units: " + ", ".join(f"{name} in {PREDICTED[front.metrics[-1]]}" for name, front in fronts.items()) + ".",
        "",
        "## When another family judges",
        "",
    ]
    absent = [f for f in FAMILIES if any(f != front.surrogate and f not in judges(front) for front in fronts.values())]
    if absent:
        lines += [f"Left out, because their tables are not all there: {', '.join(absent)}.", ""]
    if verdicts:
        lines += [
            "What another family predicts for the members, less what the front's own surrogate says, and beside it the",
            "same for random architectures: the difference of the two is what the search has gained from errors.",
            "*Kept*: the hypervolume of the members as the other family sees them, as a share",
            "of the front's.",
            "",
            _row(
                [
                    "task",
                    "judge",
                    "accuracy (points)",
                    "accuracy, random",
                    "device (%)",
                    "device, random",
                    "kept",
                ]
            ),
            "|---" * 7 + "|",
            *verdicts,
            "",
        ]
    return lines


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
