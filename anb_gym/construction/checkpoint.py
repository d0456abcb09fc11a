"""The folder of a training: its state after every epoch, and its result.

``checkpoint.pt`` holds tensors and plain values, which PyTorch reads with
``weights_only=True``; ``result.json`` is written at the end. Both say which
training they belong to.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from anb_gym._files import Fields, check_zip, parse_json, read_bytes, read_object, refusing, write_atomically

_SCHEMA: Final = 1
#: Bytes that a checkpoint may have, packed and unpacked: the state of the largest network takes some 100 MiB.
_LIMIT: Final = 2**30


@dataclass(frozen=True)
class TrainingFolder:
    """Reads and writes the files of one training.

    Attributes:
        path: The folder.
        training: What identifies the training, values that JSON can express.
    """

    path: Path
    training: dict[str, Any]

    @property
    def checkpoint(self) -> Path:
        """The file of the state after the last finished epoch."""
        return self.path / "checkpoint.pt"

    @property
    def result(self) -> Path:
        """The file of the result."""
        return self.path / "result.json"

    def read_checkpoint(self) -> bytes | None:
        """The checkpoint as bytes for :meth:`decode`; None if there is none yet.

        Raises:
            ValueError: It cannot be read.
        """
        try:
            return read_bytes(self.checkpoint, ValueError, limit=_LIMIT, optional=True)
        except FileNotFoundError:
            return None

    def decode(self, data: bytes) -> dict[str, Any]:
        """The state that :meth:`write_checkpoint` got.

        Raises:
            ValueError: The file is damaged, or of another training.
        """
        where = f"{self.checkpoint} cannot be read, delete it to start again"
        with refusing(where, ValueError):  # PyTorch raises whatever its parts raise
            check_zip(data, limit=_LIMIT)
            content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
            head, state = Fields(parse_json(content["head"], where, ValueError), where, ValueError), content["state"]
            if not isinstance(state, dict):
                raise ValueError(f"state must be a dictionary, got {type(state).__name__}")
        self._check(self.checkpoint, head)
        return state

    def write_checkpoint(self, state: dict[str, Any]) -> None:
        """Replaces the checkpoint.

        Raises:
            OSError: The file cannot be written; the former one is still there.
        """
        buffer = io.BytesIO()
        torch.save({"head": json.dumps(self._head()), "state": state}, buffer)
        self._write(self.checkpoint, buffer.getvalue())

    def read_result(self) -> dict[str, Any] | None:
        """The result, or None if the training is not finished.

        Raises:
            ValueError: The file is damaged, or of another training.
        """
        where = f"{self.result} cannot be read, delete it to start again"
        try:
            head = read_object(self.result, ValueError, optional=True, where=where)
        except FileNotFoundError:
            return None
        self._check(self.result, head)
        return head.get("result", dict)

    def write_result(self, result: dict[str, Any]) -> None:
        """Writes the result.

        Raises:
            OSError: The file cannot be written.
        """
        self._write(self.result, (json.dumps({**self._head(), "result": result}, indent=2) + "\n").encode())

    def _head(self) -> dict[str, Any]:
        return {"schema": _SCHEMA, "training": self.training}

    def _check(self, path: Path, head: Fields) -> None:
        head.check_schema(_SCHEMA)
        found, expected = head.get("training", dict), json.loads(json.dumps(self.training))
        for key in sorted({*found, *expected}):
            if found.get(key) != expected.get(key):
                raise ValueError(
                    f"{path} is a record from another training: its {key} is {found.get(key)}, "
                    f"expected {expected.get(key)}; use another folder"
                )

    def _write(self, path: Path, data: bytes) -> None:
        try:
            write_atomically(path, data)
        except OSError as error:
            reason = f"{error.strerror}; what was written before is intact, and the same call goes on from there"
            raise OSError(error.errno, reason, str(path)) from error
