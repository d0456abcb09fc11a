"""The page of the exact fronts, and how far to trust them: what is known of members beyond what the surrogate says.

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

from anb_gym._files import write_atomically
from anb_gym.benchmark import PREDICTED, Benchmark
from anb_gym.calibration import FrontScale, front_scale, measure_front, resolution_of
from anb_gym.fronts import CertifiedFront
from anb_gym.pareto import normalised_hypervolume
from anb_gym.reports.markdown import table
from anb_gym.space import SPACE, Choices, Indices, distances
from anb_gym.surrogates.labels import USEFUL_ACCURACY, labels_of
from anb_gym.surrogates.store import FAMILIES, is_there, peers, shipped_path
from anb_gym.tasks import TASKS, Task

#: Random architectures that the members are compared with, and their seed.
N_RANDOM: Final = 10_000
SEED: Final = 0


def judges(front: CertifiedFront) -> list[str]:
    """The other families whose tables of the front's metrics are there."""
    return [f for f in peers(front.surrogate) if all(is_there(shipped_path(f, metric)) for metric in front.metrics)]


def member_table(front: CertifiedFront, measured: Indices | None = None) -> dict[str, Any]:
    """Columns of what is known about every member of a front.

    Args:
        front: The front.
        measured: Indices of the architectures that were measured, for the distance.

    Returns:
        Columns of equal length: ``index``, ``architecture``, every metric with its standard deviation
        (``"<metric>:std"``) and what the other families predict (``"<metric>:<family>"``); if it is known what was
        measured, ``within_data``; and, if ``measured`` is given, ``distance`` as :func:`distances` counts it.
    """
    scored = Benchmark(front.surrogate).query(front.indices, front.metrics, std=True)
    columns: dict[str, Any] = {"index": front.indices, "architecture": [str(a) for a in front.architectures()]}
    verdicts = {family: Benchmark(family).query(front.indices, front.metrics) for family in judges(front)}
    for metric, values in zip(front.metrics, front.objectives.T, strict=True):
        columns |= {metric: values, f"{metric}:std": scored[f"{metric}:std"]}
        columns |= {f"{metric}:{family}": verdict[metric] for family, verdict in verdicts.items()}
    if all(labels_of(metric) for metric in front.metrics):
        columns["within_data"] = front.within_data
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
    fronts, files, volumes, summaries, verdicts = {}, {}, [], [], []
    for task in tasks:
        metric = task.metrics[-1]
        fronts[task.name] = front = Benchmark().front(metric)
        columns = member_table(front, measured)
        files[folder / "fronts" / f"{metric.replace('/', '-')}.csv"] = to_csv(columns)
        scale = measure_front(front)
        volumes.append(_volumes(task, columns, scale))
        summaries.append(_summary(task, front, columns, scale))
        verdicts += [_verdict(task, front, columns, family, random) for family in judges(front)]
    path = folder / "fronts.md"
    files[path] = "\n".join(_page(fronts, volumes, summaries, verdicts, measured, random)).encode()
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


def _summary(task: Task, front: CertifiedFront, columns: Mapping[str, Any], scale: FrontScale) -> list[str]:
    metric = front.metrics[-1]
    relative = 100.0 * np.median(columns[f"{metric}:std"] / columns[metric])
    return [
        task.name,
        f"{len(front):,}",
        f"{scale.ideal[0]:.2f}, {scale.nadir[0]:.2f}",
        f"{scale.ideal[1]:,.4g}, {scale.nadir[1]:,.4g}",
        f"{np.median(columns['accuracy:std']):.2f}",
        f"{relative:.1f}",
        f"{columns['distance'].mean():.1f}" if "distance" in columns else "",
    ]


def _volumes(task: Task, columns: Mapping[str, Any], scale: FrontScale) -> list[str]:
    """Both hypervolumes of a front, what of its members and of these lies within the data, and which are ties."""
    labels, bands = labels_of(task.metrics[-1]), resolution_of(task)
    beyond = f"{100.0 * (1.0 - columns['within_data'].mean()):.1f}" if "within_data" in columns else ""
    return [
        task.name,
        _point(scale.practical_reference_point),
        "" if scale.practical_hypervolume is None else f"{scale.practical_hypervolume:.6g}",
        _percent(scale.practical_within_data),
        _percent(None if bands is None else bands.practical_hypervolume),
        _point(scale.reference_point),
        f"{scale.hypervolume:.6g}",
        _percent(scale.within_data),
        _percent(None if bands is None else bands.hypervolume),
        beyond,
        "" if labels is None else f"{labels.least:,.4g} to {labels.most:,.4g}",
    ]


def _point(point: tuple[float, float] | None) -> str:
    return "" if point is None else f"{point[0]:.2f}, {point[1]:,.4g}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100.0 * share:.1f}"


def _verdict(task: Task, front: CertifiedFront, columns: Mapping[str, Any], family: str, random: Choices) -> list[str]:
    """Verdict of another family on the front, beside that on random architectures."""
    metric = front.metrics[-1]
    own, other = (Benchmark(f).query(random, front.metrics) for f in (front.surrogate, family))
    judged = np.stack([columns[f"{name}:{family}"] for name in front.metrics], axis=1)
    # Reference points belong to the task, so both hypervolumes are of the same box.
    scale = front_scale(task)
    kept = [
        "" if point is None else f"{normalised_hypervolume(judged, front.objectives, point, front.directions):.4f}"
        for point in (scale.practical_reference_point, scale.reference_point)
    ]
    return [
        task.name,
        family,
        f"{(judged[:, 0] - columns['accuracy']).mean():+.2f}",
        f"{(other['accuracy'] - own['accuracy']).mean():+.2f}",
        f"{100.0 * (judged[:, 1] / columns[metric] - 1.0).mean():+.1f}",
        f"{100.0 * (other[metric] / own[metric] - 1.0).mean():+.1f}",
        *kept,
    ]


def _page(
    fronts: Mapping[str, CertifiedFront],
    volumes: list[list[str]],
    summaries: list[list[str]],
    verdicts: list[list[str]],
    measured: Indices | None,
    random: Choices,
) -> list[str]:
    accuracy = labels_of("accuracy")
    assert accuracy is not None
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
        "- *Ideal, nadir*: best and worst value on the front.",
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
        *table(
            [
                "task",
                "points",
                "accuracy: ideal, nadir",
                "device: ideal, nadir",
                "std accuracy",
                "std device (%)",
                "distance",
            ],
            summaries,
        ),
        "",
        "Units: " + ", ".join(f"{name} in {PREDICTED[front.metrics[-1]]}" for name, front in fronts.items()) + ".",
        "",
        "## Hypervolumes, and what lies within the data",
        "",
        "Hypervolume is what a front dominates above a reference point. A task has two of them, for every surrogate.",
        "",
        f"- *Practical*: an accuracy of {USEFUL_ACCURACY:.0f} %, and the median of the device metric over the measured",
        "  networks of at least that accuracy, rounded to four significant digits. It is the one to report. For",
        "  devices that are not in the dataset accuracies are as the surrogate predicts them.",
        "- *First*: the nadir made worse by a tenth of the front's extent, but not below 0. It counts every member,",
        "  and most of its volume is that of networks that are too inaccurate to be of use.",
        "- *Within the data*: the share of the hypervolume that those members dominate which lie within the range of",
        f"  what was measured: accuracy {accuracy.least:.2f} to {accuracy.most:.2f} %, devices as below.",
        "- *Beyond*: the share of members that do not. They are faster or more accurate, some also slower or less",
        "  accurate, than all networks that were ever measured, and so extrapolations.",
        "  `Benchmark().front(metric, within_data=True)` leaves them out.",
        "- *Ties below*: two sets whose hypervolumes differ by less, in % of the front's, are ties: nature could have",
        "  it either way, see `worlds.md`.",
        "",
        *table(
            [
                "task",
                "practical point",
                "hypervolume",
                "within the data (%)",
                "ties below (%)",
                "first point",
                "hypervolume",
                "within the data (%)",
                "ties below (%)",
                "members beyond (%)",
                "measured",
            ],
            volumes,
        ),
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
            "*Kept*: the hypervolume of the members as the other family sees them, as a share of the front's, above",
            "the practical and above the first reference point.",
            "",
            *table(
                [
                    "task",
                    "judge",
                    "accuracy (points)",
                    "accuracy, random",
                    "device (%)",
                    "device, random",
                    "kept, practical",
                    "kept, first",
                ],
                verdicts,
            ),
            "",
        ]
    return lines
