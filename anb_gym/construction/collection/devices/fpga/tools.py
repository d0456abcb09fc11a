"""The three steps from a network to a time on an FPGA. Each is a command; what it reads and writes are files."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

PROGRAMS: Final = Path(__file__).parent / "programs"


class ToolError(RuntimeError):
    """A command failed, took too long, or did not write what it should."""


@dataclass(frozen=True)
class Quantiser:
    """Post-training quantisation to 8 bits with ``pytorch_nndct``.

    Attributes:
        python: The Python that has ``pytorch_nndct``, as a command.
        calibration_images: Random images from which ranges are taken.
        timeout: Seconds.
    """

    python: str = "python3"
    calibration_images: int = 16
    timeout: float = 3600.0

    def __call__(self, nodes: list[dict[str, Any]], resolution: int, folder: Path) -> Path:
        """Quantises a network, as :func:`to_nodes` describes it, into ``folder``; returns the ``.xmodel`` file."""
        description = folder / "network.json"
        description.write_text(json.dumps(nodes), encoding="utf-8")
        program = str(PROGRAMS / "quantise.py")
        arguments = [str(description), str(folder), str(resolution), str(self.calibration_images)]
        run([self.python, program, *arguments], self.timeout)
        return _written(folder / "Network_int.xmodel", "the quantiser")


@dataclass(frozen=True)
class Compiler:
    """Vitis AI's compiler for a DPU.

    Attributes:
        arch: The DPU's ``arch.json`` in the container.
        command: The compiler.
        timeout: Seconds.
    """

    arch: str
    command: str = "vai_c_xir"
    timeout: float = 3600.0

    def __call__(self, quantised: Path, folder: Path) -> Path:
        """Compiles a quantised network into ``folder``; returns the ``.xmodel`` file."""
        run([self.command, "-x", str(quantised), "-a", self.arch, "-o", str(folder), "-n", "network"], self.timeout)
        return _written(folder / "network.xmodel", self.command)


@dataclass(frozen=True)
class Board:
    """A board with VART: this machine, or one that ``ssh`` reaches without asking.

    Attributes:
        host: Such as ``"root@192.168.1.20"``; None is this machine.
        python: The board's Python, as a command.
        folder: Where files go on another machine.
        timeout: Seconds beyond those that the network is timed.
    """

    host: str | None = None
    python: str = "python3"
    folder: str = "/tmp"
    timeout: float = 300.0

    def __call__(self, compiled: Path, threads: int, seconds: float) -> dict[str, float]:
        """Runs a compiled network; returns what ``programs/run.py`` prints."""
        program = PROGRAMS / "run.py"
        command = [self.python, str(program), str(compiled)]
        if self.host:
            copies = [f"{self.folder}/anb_gym_run.py", f"{self.folder}/anb_gym_network.xmodel"]
            for file, copy in zip((program, compiled), copies, strict=True):
                run(["scp", "-q", str(file), f"{self.host}:{copy}"], self.timeout)
            command = ["ssh", self.host, self.python, *copies]
        output = run([*command, str(threads), str(seconds)], seconds + self.timeout)
        try:
            result: dict[str, float] = json.loads(output.splitlines()[-1])
            return {name: float(result[name]) for name in ("images", "seconds", "batch", "threads")}
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise ToolError(f"run.py must print a result as JSON, got {output[-500:]!r}") from error


def check_commands(commands: Sequence[str]) -> None:
    """Raises a ``ValueError`` for the first command that is not there."""
    for command in commands:
        if shutil.which(command) is None:
            raise ValueError(f"there is no command {command!r}; FPGAs are measured inside Vitis AI's container")


def run(command: Sequence[str], timeout: float) -> str:
    """Runs a command; returns what it prints.

    Raises:
        ToolError: It failed or took too long; the message has the end of what it said.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{' '.join(command)} took longer than {timeout:g} s") from error
    if done.returncode:
        raise ToolError(
            f"{' '.join(command)} ended with status {done.returncode}: {(done.stderr or done.stdout)[-1000:]}"
        )
    return done.stdout


def _written(path: Path, who: str) -> Path:
    if not path.is_file():
        raise ToolError(f"{who} must write {path}, it did not")
    return path
