"""Networks to be measured first on a new device: their files, their times, and times that collections have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

import torch

from anb_gym._files import write_atomically
from anb_gym.construction.collection import Collection
from anb_gym.construction.collection.devices import MeasuringDevice
from anb_gym.construction.collection.devices.cpu import to_onnx
from anb_gym.construction.collection.records import repeats
from anb_gym.construction.dataset import load_dataset
from anb_gym.construction.device_folder import MEASUREMENTS
from anb_gym.construction.network import build_network
from anb_gym.devices import KINDS
from anb_gym.hardware.times import Times, TimesError, checked
from anb_gym.space import SPACE, Architecture


def write_networks(
    folder: Path, architectures: Sequence[Architecture], resolution: int = 224, batch: int = 1
) -> Iterator[Path]:
    """Writes networks with random weights as ONNX files, those that are not there yet.

    Args:
        folder: Where to.
        architectures: The networks.
        resolution: Side of the images in pixels.
        batch: Images at once.

    Yields:
        The files, one a network.
    """
    images = torch.rand(batch, 3, resolution, resolution, generator=torch.Generator().manual_seed(0))
    for architecture in architectures:
        path = folder / f"{architecture}_{resolution}px_batch{batch}.onnx"
        if not path.exists():
            write_atomically(path, to_onnx(build_network(architecture, seed=0).eval(), images))
        yield path


def measured(device: MeasuringDevice, architecture: Architecture, metric: str, passes: int) -> float:
    """The mean of some repeats, in the metric's unit."""
    return fmean(float(device.measure(architecture)[metric]) for _ in range(passes))


def read_collection(folder: Path, kind: str | None = None) -> Times:
    """Times that a collection, or the folder of a device of one's own, has.

    Args:
        folder: One of ``anb-gym collect throughput``, or of ``anb-gym device``.
        kind: ``"throughput"`` or ``"latency"``; by default the one that there is.

    Raises:
        TimesError: There are no such measurements.
        CollectionError: The collection is damaged.
        DatasetError: A record is.
    """
    rows: list[tuple[str, str, str | float]] = []
    if (folder / MEASUREMENTS).exists():
        dataset = load_dataset(folder / MEASUREMENTS)
        metric = _metric(folder, [n for n, v in dataset.metrics.items() if "/" in n and (v == v).any()], kind)
        for number, index, value in zip(dataset.records, dataset.index, dataset.metrics[metric], strict=True):
            if value == value:
                rows.append((f"record {number}", str(Architecture.from_index(int(index))), float(value)))
    else:
        collection = Collection(folder)
        metric = _metric(folder, collection.manifest["metrics"], kind)
        for number, architecture in enumerate(collection.architectures):
            record = collection.record(number)
            if record and (values := repeats(record, metric)):
                rows.append((f"record {number}", str(architecture), fmean(values)))
    return checked(folder, metric.rpartition("/")[2], rows)


def _metric(folder: Path, metrics: Sequence[str], kind: str | None) -> str:
    found = [name for name in metrics if name.rpartition("/")[2] in ((kind,) if kind else tuple(KINDS))]
    if len(found) != 1:
        wanted = kind or "throughput or latency"
        raise TimesError(
            f"{folder}: there must be one metric of {wanted}, got {', '.join(found) or 'none'}; see --kind"
        )
    return found[0]


def probes(extra: Sequence[str] = ()) -> list[Architecture]:
    """The probes and further architectures, each once.

    Raises:
        ValueError: One is no architecture.
    """
    from anb_gym.hardware.probes import PROBES

    further = [int(index) for text in extra for index in SPACE.states_to_index(SPACE.as_states(text, "--add"))]
    return [Architecture.from_index(index) for index in dict.fromkeys([*PROBES, *further])]
