"""Collecting a data set: accuracies and device measurements of random architectures.

A collection is a folder: a manifest, and one file per architecture in the
dataset's own format, written as soon as its value is there. The same command
goes on where an interrupted one stopped. Several collections with the same
seed describe the same architectures: :func:`export` merges them.
"""

from anb_gym._lazy import submodules
from anb_gym.construction.collection.accuracy import collect_accuracy
from anb_gym.construction.collection.export import export
from anb_gym.construction.collection.folder import Collection, CollectionError, Step
from anb_gym.construction.collection.sampling import sample_architectures
from anb_gym.construction.collection.status import Status, status
from anb_gym.construction.collection.throughput import collect_throughput

__all__ = [
    "Collection",
    "CollectionError",
    "Status",
    "Step",
    "collect_accuracy",
    "collect_throughput",
    "export",
    "sample_architectures",
    "status",
]

__getattr__, __dir__ = submodules(__name__, "construction")
