"""Saved agents: one ``.npz`` file with a manifest in JSON, without pickle.

The file holds the array ``manifest``, a text of JSON, and arrays of numbers: ``state/...`` of the agent,
``generator/...`` of its randomness and the training's, and ``evaluations/...``, the record of the training, which
files that ship do without. A checkpoint is a saved agent whose training is not over.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._files import Fields, pack_arrays, parse_json, read_arrays, refusing, take_array, write_atomically
from anb_gym.benchmark import Benchmark
from anb_gym.problems import GeneratedProblem, ProblemSet
from anb_gym.space import SPACE
from anb_gym.study.problems import check_reward

from .agent import Agent, Assignment
from .evaluations import Evaluations
from .registry import AGENTS, find, make_agent
from .training import Training

#: The name of the file in the folder of a training.
FILE: Final = "agent.npz"
_FORMAT: Final = "anb_gym agent 1"
#: Bytes that the arrays of a file may have: a replay buffer of a million steps has 400 MB.
_LIMIT: Final = 2**31
_PACKAGES: Final = ("anb_gym", "numpy", "gymnasium", "torch", "stable_baselines3", "sb3_contrib")


class AgentError(ValueError):
    """A file is no saved agent, or not the one that was asked for."""


@dataclass(frozen=True, eq=False)
class Saved:
    """A saved agent.

    Attributes:
        name: The agent's, see :func:`anb_gym.agents.registry.find`.
        assignment: What it learned.
        settings: Its settings.
        done: How many evaluations its training has made.
        versions: Of the packages that trained it, and the checksums of the surrogates.
        state: The agent's arrays.
        generators: States of the generators of the ``agent`` and the ``training``, ``uint64`` (6,).
        evaluations: The record of the training; None if it was left out.
    """

    name: str
    assignment: Assignment
    settings: Mapping[str, Any]
    done: int
    versions: Mapping[str, Any]
    state: Mapping[str, NDArray[Any]]
    generators: Mapping[str, NDArray[np.uint64]]
    evaluations: Evaluations | None

    @property
    def finished(self) -> bool:
        """Whether the training is over."""
        return self.done >= self.assignment.evaluations

    def make(self, agent: str | type[Agent] | None = None) -> Agent:
        """The agent as it was saved.

        Args:
            agent: Its class or where that is, needed if it is not one that ships: a file does not say what code is
                run here.

        Raises:
            AgentError: It is another agent, or its arrays are not what they have to be.
        """
        if agent is None and self.name not in AGENTS:
            raise AgentError(f"agent must be given for {self.name!r}, which does not ship, such as agent={self.name!r}")
        name, found = find(self.name if agent is None else agent)
        if agent is not None and _class_name(name) != _class_name(self.name):
            raise AgentError(f"agent must be {self.name!r}, as it was saved, got {name!r}")
        with refusing(f"the saved agent {self.name!r}", AgentError):
            made = make_agent(found if self.name not in AGENTS else name, self.assignment, self.settings)
            made.restore(self.state)
            set_generator(made.rng, self.generators["agent"])
        return made


def encode(agent: Agent, training: Training | None, *, name: str) -> bytes:
    """An agent as a file.

    Args:
        agent: The agent.
        training: Its training, whose record goes into the file; None to leave it out of a trained one.
        name: The agent's, see :func:`anb_gym.agents.registry.find`.

    Raises:
        ValueError: It could not be read again, see :func:`check`, or its state has other arrays than of numbers.
    """
    arrays: dict[str, NDArray[Any]] = {f"state/{key}": np.asarray(array) for key, array in agent.state().items()}
    arrays["generator/agent"] = generator_state(agent.rng)
    if training is not None:
        arrays["generator/training"] = generator_state(training.rng)
        record = training.evaluations
        arrays |= {f"evaluations/{field.name}": getattr(record, field.name) for field in fields(record)}
    for key, array in arrays.items():
        if array.dtype.kind not in "biufU":
            raise ValueError(f"{key} of {name} must be an array of numbers, got one of {array.dtype}")
    manifest = check(agent, name=name) | {
        "done": agent.assignment.evaluations if training is None else training.done,
        "versions": _versions(agent),
    }
    manifest["checksum"] = checksum(manifest, arrays)
    return pack_arrays({"manifest": np.array(json.dumps(manifest)), **arrays})


def check(agent: Agent, *, name: str) -> dict[str, Any]:
    """What the manifest of a saved agent says of it, which is data that can be read again.

    Raises:
        ValueError: It cannot: an argument or a setting is no data of JSON, has more than 64 bits, or names code.
    """
    assignment = agent.assignment
    manifest = {
        "format": _FORMAT,
        "agent": name,
        "id": assignment.id,
        "arguments": dict(assignment.arguments),
        "evaluations": assignment.evaluations,
        "seed": assignment.seed,
        "settings": dict(agent.settings),
    }
    where = "an agent that is saved"
    with refusing(where, ValueError):
        read: dict[str, Any] = parse_json(json.dumps(manifest), where, ValueError)
        check_reward(read["arguments"].get("reward"))
        return read


def save(path: Path, agent: Agent, training: Training | None, *, name: str) -> None:
    """Writes an agent to a file, whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    write_atomically(path, encode(agent, training, name=name))


def read(path: Path | str) -> Saved:
    """Reads a saved agent.

    Args:
        path: The file, or the folder of a training.

    Raises:
        AgentError: There is none, or it is damaged or of another format; the message says what is wrong.
    """
    path = Path(path)
    path = path / FILE if path.is_dir() else path
    arrays = read_arrays(path, AgentError, limit=_LIMIT)
    with refusing(path, AgentError):
        text = take_array(arrays, "manifest", "str", ()).item()
        content = Fields(parse_json(text, path, AgentError), path, AgentError)
        if content.content.get("format") != _FORMAT:
            raise ValueError(f"it must be of the format {_FORMAT!r}, got {content.content.get('format')!r}")
        if content.get("checksum", str) != checksum(content.content, arrays):
            raise ValueError("its content does not have the checksum that its manifest tells: it is damaged")
        arguments = content.get("arguments", dict)
        check_reward(arguments.get("reward"))
        assignment = Assignment(
            content.get("id", str), content.get("evaluations", int), content.get("seed", int), arguments
        )
        groups: dict[str, dict[str, NDArray[Any]]] = {"state": {}, "generator": {}, "evaluations": {}}
        for name, array in arrays.items():
            group, _, key = name.partition("/")
            if group not in groups:
                raise ValueError(f"the array {name!r} is unknown")
            groups[group][key] = array
        generators = {name: take_array(groups["generator"], name, "uint64", (6,)) for name in list(groups["generator"])}
        if "agent" not in generators:
            raise ValueError("the array 'generator/agent' is missing")
        record = _evaluations(groups["evaluations"], assignment) if groups["evaluations"] else None
        done = content.get("done", int)
        if not 0 <= done <= assignment.evaluations or (record is not None and len(record) != done):
            recorded = "none" if record is None else f"{len(record):,}"
            raise ValueError(f"{done:,} of {assignment.evaluations:,} evaluations are done, {recorded} are recorded")
        return Saved(
            name=content.get("agent", str),
            assignment=assignment,
            settings=content.get("settings", dict),
            done=done,
            versions=content.get("versions", dict),
            state=groups["state"],
            generators=generators,
            evaluations=record,
        )


def generator_state(rng: np.random.Generator) -> NDArray[np.uint64]:
    """The state of a generator of numpy's default kind, ``uint64`` (6,)."""
    state: Any = rng.bit_generator.state
    words = [
        part >> shift & (2**64 - 1) for part in (state["state"]["state"], state["state"]["inc"]) for shift in (64, 0)
    ]
    return np.array([*words, state["has_uint32"], state["uinteger"]], dtype=np.uint64)


def set_generator(rng: np.random.Generator, words: NDArray[np.uint64]) -> None:
    """Gives a generator of numpy's default kind a state that :func:`generator_state` has told."""
    high, low, inc_high, inc_low, has, uinteger = (int(word) for word in words)
    rng.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": high << 64 | low, "inc": inc_high << 64 | inc_low},
        "has_uint32": has,
        "uinteger": uinteger,
    }


def _class_name(agent: str) -> str:
    """The name of an agent's class, wherever it is; agents that ship have names of their own."""
    return agent.rpartition(":")[2].rpartition(".")[2]


def _evaluations(arrays: dict[str, NDArray[Any]], assignment: Assignment) -> Evaluations:
    n = len(arrays.get("index", ()))
    dim = assignment.problem.n_objectives if assignment.problem.is_vector else None
    regret = arrays.pop("regret", np.empty(0))  # which may be NaN
    if regret.dtype != np.float64 or regret.shape != (n,):
        raise ValueError(f"the array 'evaluations/regret' must be float64 of shape ({n},)")
    index = take_array(arrays, "index", "int64", (n,))
    SPACE.index_to_states(index)  # which refuses what is no architecture
    return Evaluations(
        index=index,
        reward=take_array(arrays, "reward", "float64", (n,) if dim is None else (n, dim)),
        regret=regret,
        cells=take_array(arrays, "cells", "float64", (n, assignment.problem.ask.n_cells)),
        seconds=take_array(arrays, "seconds", "float64", (n,)),
    )


def checksum(manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 of all that a saved agent holds but the checksum itself."""
    told = {key: value for key, value in manifest.items() if key != "checksum"}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _versions(agent: Agent) -> dict[str, Any]:
    versions: dict[str, Any] = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    problem = agent.problem
    bench: Benchmark = problem.benchmark
    if isinstance(problem, GeneratedProblem):
        metrics = {"accuracy"}
    else:
        metrics = {m for of in (problem if isinstance(problem, ProblemSet) else [problem]) for m in of.metrics}
    versions["surrogates"] = {bench.surrogate: {name: bench.load(name).checksum for name in sorted(metrics)}}
    return versions
