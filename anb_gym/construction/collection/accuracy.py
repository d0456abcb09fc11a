"""Accuracies: every architecture of a collection trained under a scheme, by any executor."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, as_completed
from importlib.metadata import version
from pathlib import Path
from typing import Any

from anb_gym.construction.collection.folder import Collection, CollectionError, Step, raise_if_general
from anb_gym.construction.collection.records import new_record, with_training
from anb_gym.construction.schemes import Scheme
from anb_gym.construction.trainer import Trainer
from anb_gym.construction.units import Unit


def collect_accuracy(
    folder: Path,
    scheme: Scheme,
    trainer: Trainer,
    executor: Executor,
    *,
    n: int,
    seed: int,
    training_seed: int = 0,
    retry_failed: bool = False,
) -> Iterator[Step]:
    """Trains architectures and writes a record of each as soon as it is trained.

    Trainings that were interrupted go on from their last epoch; checkpoints are deleted when the record is written.
    Workers on other machines must see the folder under the same path.

    Args:
        folder: Where the collection is, or starts.
        scheme: How to train.
        trainer: On which images, devices, and with which options of the network.
        executor: Where to train; as many at once as it has workers.
        n: How many architectures.
        seed: Which architectures.
        training_seed: Of everything random in the trainings.
        retry_failed: Whether models that failed are tried again.

    Yields:
        What happened, in order of completion, beginning with what was there already.

    Raises:
        CollectionError: The folder has another collection, an argument does not suit the training, an image cannot be
            read, the disk is full, the executor died, or models in a row failed.
    """
    manifest = {
        "kind": "accuracy",
        "seed": seed,
        "n": n,
        "passes": 1,
        "metrics": ["accuracy", "accuracy_top5", "train_time"],
        "protocol": {"scheme": scheme.to_dict(), "training_seed": training_seed, **trainer.conditions()},
        "machine": {},  # accuracies do not depend on it, and workers may have several
        "versions": {"torch": version("torch")},
    }
    collection = Collection.begin(folder, manifest)
    if retry_failed:
        collection.forget_failures()
    futures: dict[Future[Any], int] = {}
    try:
        for number, architecture in enumerate(collection.architectures):
            error = collection.failure(number)
            if error or collection.record(number):
                yield Step(number, error)
                continue
            unit = Unit(architecture.index, scheme, training_seed)
            futures[executor.submit(trainer.train, unit, _work(collection, number))] = number
        for future in as_completed(futures):
            yield _finish(collection, futures[future], future)
    except (BrokenExecutor, CancelledError) as error:
        raise CollectionError(
            f"the executor died ({type(error).__name__}: {error}); all records so far are in {folder}: run the same "
            "command again to go on"
        ) from error
    finally:
        for future in futures:
            future.cancel()


def _finish(collection: Collection, number: int, future: Future[Any]) -> Step:
    """Writes down how a training ended."""
    try:
        result = future.result()
    except (BrokenExecutor, CancelledError):
        raise
    except (ValueError, OSError) as error:  # of the arguments, the images or the disk: all models would fail
        raise_if_general(error, collection.folder)
        raise CollectionError(
            f"record {number} cannot be trained: {error}; all records so far are in {collection.folder}: when that is "
            "mended, run the same command again"
        ) from error
    except Exception as error:
        return collection.fail(number, error)
    record = new_record(collection.architectures[number])
    step = collection.write(number, with_training(record, result.accuracy, result.top5, result.seconds))
    shutil.rmtree(_work(collection, number), ignore_errors=True)
    return step


def _work(collection: Collection, number: int) -> Path:
    return collection.folder.absolute() / "work" / str(number)
