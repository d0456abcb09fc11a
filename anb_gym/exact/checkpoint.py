"""Files from which an interrupted search goes on."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from anb_gym._files import write_atomically
from anb_gym.exact.solver import Task
from anb_gym.space import Indices
from anb_gym.surrogates.tables import FloatArray

_SCHEMA: Final = 1


@dataclass(frozen=True)
class Checkpoint:
    """A search between two tasks.

    Attributes:
        key: What is searched: checksums, directions, resolution and fixed blocks.
        staircase: The points whose boxes number the tasks.
        indices: The incumbents.
        tasks: What is still open.
        nodes: Nodes visited so far.
        closed: Architectures closed so far, once for every box.
    """

    key: dict[str, Any]
    staircase: FloatArray
    indices: Indices
    tasks: list[Task]
    nodes: int
    closed: int

    def save(self, path: Path) -> None:
        """Writes an ``.npz`` file; an interrupted write leaves the old file."""
        head = {"schema": _SCHEMA, "key": self.key, "nodes": self.nodes, "closed": self.closed}
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            head=np.array(json.dumps(head)),
            staircase=self.staircase,
            indices=self.indices,
            stretches=np.array([(task.first, task.last) for task in self.tasks], dtype=np.int64).reshape(-1, 2),
            lengths=np.array([[len(mask) for mask in task.keep] for task in self.tasks], dtype=np.int64),
            keep=np.concatenate([mask for task in self.tasks for mask in task.keep] or [np.empty(0, dtype=np.bool_)]),
        )
        write_atomically(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path, key: dict[str, Any]) -> Checkpoint:
        """Reads a file.

        Raises:
            ValueError: It is damaged, or of another search than ``key``.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                head = json.loads(str(arrays["head"]))
                lengths, keep = arrays["lengths"], arrays["keep"]
                masks = iter(np.split(keep, np.cumsum(lengths.ravel())[:-1]))
                tasks = [
                    Task(int(first), int(last), [next(masks) for _ in row])
                    for (first, last), row in zip(arrays["stretches"], lengths, strict=True)
                ]
                counts = int(head["nodes"]), int(head["closed"])
                loaded = cls(head["key"], arrays["staircase"], arrays["indices"], tasks, *counts)
                schema = head["schema"]
        except (KeyError, ValueError, StopIteration, zipfile.BadZipFile) as error:
            raise ValueError(f"checkpoint {path} cannot be read, delete it to start again: {error}") from error
        if schema != _SCHEMA or loaded.key != json.loads(json.dumps(key)):
            raise ValueError(f"checkpoint {path} is of another search: it has {loaded.key}, expected {key}")
        return loaded
