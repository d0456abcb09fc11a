"""The evaluator that trains: units become calls of :func:`anb_gym.construction.training.train`."""

from __future__ import annotations

import builtins
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from time import perf_counter
from typing import Any

from anb_gym._errors import choose, integer
from anb_gym._extras import needing
from anb_gym.construction.schemes import Scheme
from anb_gym.construction.units import Trained, Unit
from anb_gym.space import Architecture


@dataclass(frozen=True)
class Trainer:
    """Trains units on an image set.

    A training that diverges has an accuracy of 0: that is how its scheme ranks the architecture.

    Attributes:
        data: ``"digits"``, or ``"imagenet:FOLDER"``.
        device: PyTorch's name of a device.
        threads: Threads on the CPU.
        processes: Processes that train one network together, as torchrun starts them: the GPUs of a unit.
        network: Options of :func:`~anb_gym.construction.network.build_network`, such as ``width``.

    Raises:
        ValueError: The data are unknown, or ``processes`` is not positive.
    """

    data: str = "digits"
    device: str = "cpu"
    threads: int = 1
    processes: int = 1
    network: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        choose(str(self.data).partition(":")[0], ("digits", "imagenet"), "data")
        object.__setattr__(self, "processes", integer(self.processes, 1, "processes"))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Trainer:
        """Reads the section ``training`` of a configuration.

        Raises:
            ValueError: A key is unknown, or a value is invalid.
        """
        for key in values:
            choose(key, [f.name for f in fields(cls)], "a key of training")
        return cls(**values)

    def conditions(self) -> Mapping[str, Any]:
        """The data and the network; where and with how many processes it is trained may change between runs."""
        return {"data": self.data, "network": dict(self.network)}

    def __call__(self, unit: Unit, folder: Path) -> Trained:
        """Trains a unit, going on from its last epoch if its training was killed."""
        began = perf_counter()
        try:
            result = self.train(unit, folder)
        except FloatingPointError:
            return Trained(0.0, perf_counter() - began)
        return Trained(result.accuracy, result.seconds)

    def train(self, unit: Unit, folder: Path) -> Any:
        """A unit's training with all that :func:`~anb_gym.construction.training.train` returns.

        Raises:
            FloatingPointError: The training diverged.
        """
        if self.processes > 1:
            self._train_together(unit, folder)
        return self._train(unit, folder)  # after the processes, this reads what they found

    def _train(self, unit: Unit, folder: Path) -> Any:
        with needing("construction"):
            from anb_gym.construction.network import NetworkOptions
            from anb_gym.construction.training import train
        for name in self.network:
            choose(name, NetworkOptions.__annotations__, "an option of the network")
        return train(
            Architecture.from_index(unit.architecture),
            unit.scheme,
            self._data(),
            seed=unit.seed,
            folder=folder,
            device=self.device,
            threads=self.threads,
            **self.network,
        )

    def _data(self) -> Any:
        with needing("construction"):
            from anb_gym.construction.data import digits, imagenet
        name, _, folder = self.data.partition(":")
        return digits() if name == "digits" else imagenet(Path(folder))

    def _train_together(self, unit: Unit, folder: Path) -> None:
        """Lets processes train a unit and leave the result in its folder."""
        task = {"trainer": asdict(self), "unit": asdict(unit), "folder": str(folder)}
        launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(self.processes)]
        command = [sys.executable, "-m", *launcher, "-m", __name__, json.dumps(task)]
        done = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            errors = re.findall(r"\w+Error: .+", done.stderr) or [done.stderr[-2000:]]
            kind = getattr(builtins, errors[0].partition(":")[0], RuntimeError)
            raise kind(f"training with {self.processes} processes failed: {errors[0]}")


def main() -> None:
    """One of the processes that torchrun starts; the task is its only argument, as JSON."""
    from anb_gym.construction.processes import leave

    task = json.loads(sys.argv[1])
    unit = task["unit"]
    scheme = Scheme.from_dict(unit["scheme"])
    Trainer(**task["trainer"])._train(Unit(unit["architecture"], scheme, unit["seed"]), Path(task["folder"]))
    leave()


if __name__ == "__main__":
    main()
