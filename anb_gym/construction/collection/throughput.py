"""Device measurements: every architecture of a collection, several times over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from anb_gym._errors import integer
from anb_gym.construction.collection.folder import Collection, Step
from anb_gym.construction.collection.records import new_record, repeats, with_repeat
from anb_gym.construction.record_format import device_field

if TYPE_CHECKING:  # what measures needs torch; what was measured is read without
    from anb_gym.construction.collection.devices.base import MeasuringDevice


def collect_throughput(
    folder: Path, device: MeasuringDevice, *, n: int, seed: int, passes: int = 2, retry_failed: bool = False
) -> Iterator[Step]:
    """Measures architectures on a device and writes each value as soon as it is there.

    All architectures are measured once, then all again, and so on: repeats of one lie far apart in time, so their
    spread and their rank correlation show what a machine does over the day, not only within a second.

    Args:
        folder: Where the collection is, or starts.
        device: What to measure on.
        n: How many architectures.
        seed: Which architectures.
        passes: How many times each is measured. More can be added later.
        retry_failed: Whether models that failed are tried again.

    Yields:
        What happened, one step per pass and architecture, also for those that were there already.

    Raises:
        CollectionError: The folder has another collection, the disk is full, or models fail in a row.
    """
    passes = integer(passes, 1, "passes")
    for metric in device.metrics:
        device_field(metric)
    manifest = {
        "kind": "throughput",
        "seed": seed,
        "n": n,
        "passes": passes,
        "metrics": list(device.metrics),
        "protocol": device.protocol(),
        "machine": device.machine(),
    }
    collection = Collection.begin(folder, manifest)
    if retry_failed:
        collection.forget_failures()
    for done in range(passes):
        for number in range(n):
            yield _visit(collection, device, number, done)


def _visit(collection: Collection, device: MeasuringDevice, number: int, done: int) -> Step:
    """Measures one architecture, unless it failed before or has more than ``done`` repeats."""
    architecture = collection.architectures[number]
    record = collection.record(number) or new_record(architecture)
    failure = collection.failure(number)
    if failure or min(len(repeats(record, metric)) for metric in device.metrics) > done:
        return Step(number, failure)
    try:
        values = device.measure(architecture)
    except Exception as error:
        return collection.fail(number, error)
    for metric in device.metrics:
        record = with_repeat(record, metric, values[metric])
    return collection.write(number, record)
