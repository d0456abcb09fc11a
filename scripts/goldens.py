"""Records what the package computes, as checksums, and compares: for changes that must not alter a result.

    python scripts/goldens.py record runs/goldens.json     # before
    python scripts/goldens.py compare runs/goldens.json    # after, on the same machine: floats are compared bit for bit

Recorded are trajectories of every environment id in every granularity, observation, reward, scale and autoreset mode,
with and without noise, with preferences, bounds and devices given as options, with a device of one's own; what every
controller is told in a short study; every page that is written; calibrations, fronts, certificates, checksums of
artefacts; and the order of metrics, tasks, ids and columns. It takes some minutes; ``--parts`` names some.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

import gymnasium
import numpy as np
import tqdm

import anb_gym
from anb_gym.surrogates.store import write_atomically

ROOT: Final = Path(__file__).resolve().parents[1]
#: Name and label of the device that stands for one of the user's own.
OWN: Final = ("golden", "Golden")
REWARDS: Final = ("product", "weighted", "chebyshev", "constrained", "accuracy")
GRANULARITIES: Final = ("choice", "block", "network")
OBSERVATIONS: Final = ("onehot", "tokens")

#: A name, unique in its part, and what is recorded under it.
Golden = tuple[str, Any]


# --- checksums ---------------------------------------------------------------------------------------------------


def checksum(value: Any) -> str:
    """A checksum of nested values that tells types, shapes and the bits of floats apart."""
    digest = hashlib.sha256()
    _feed(digest, value)
    return digest.hexdigest()[:16]


def _feed(digest: Any, value: Any) -> None:
    if isinstance(value, np.ndarray) and value.dtype != object:
        digest.update(f"array {value.dtype} {value.shape} ".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, np.ndarray):
        digest.update(f"objects {value.shape} ".encode())
        for item in value.ravel():
            _feed(digest, item)
    elif isinstance(value, np.generic):
        digest.update(f"scalar {value.dtype} ".encode() + value.tobytes())
    elif isinstance(value, float):
        digest.update(f"float {value.hex()} ".encode())
    elif isinstance(value, Mapping):
        digest.update(f"mapping {len(value)} ".encode())
        for key in value:  # order is part of a result
            _feed(digest, key)
            _feed(digest, value[key])
    elif isinstance(value, (list, tuple)):
        digest.update(f"sequence {len(value)} ".encode())
        for item in value:
            _feed(digest, item)
    elif isinstance(value, bytes):
        digest.update(b"bytes " + value)
    elif value is None or isinstance(value, (str, bool, int)):
        digest.update(f"{type(value).__name__} {value!r} ".encode())
    elif is_dataclass(value) and not isinstance(value, type):
        _feed(digest, asdict(value))
    else:
        raise TypeError(f"there is no checksum of {type(value)}")


# --- environments ------------------------------------------------------------------------------------------------


def environments() -> Iterator[Golden]:
    """Episodes of every id and combination of arguments, alone."""
    for env_id, arguments in _combinations(_ids()):
        yield from _played(env_id, arguments, lambda e=env_id, a=arguments: _episodes(e, a))


def vector_environments() -> Iterator[Golden]:
    """Episodes of three copies that have come apart, in every autoreset mode."""
    for env_id, arguments in _combinations(_ids()):
        if arguments.get("reward_scale") == "raw" and arguments.get("noise"):
            continue
        for mode in ("NextStep", "SameStep", "Disabled"):
            name = {**arguments, "autoreset_mode": mode}
            yield from _played(env_id, name, lambda e=env_id, a=arguments, m=mode: _vector_episodes(e, a, m))


def options() -> Iterator[Golden]:
    """Episodes that ask for what options name: preferences, bounds, tasks, devices, architectures."""
    for env_id in _ids():
        for given in _given(env_id):
            for noise in (False, True):
                arguments = {"noise": noise, **given["arguments"]}
                name = {**arguments, "options": given["options"]}
                yield from _played(
                    env_id, name, lambda e=env_id, a=arguments, o=given["options"]: _episodes(e, a, options=o)
                )


def multi_agent() -> Iterator[Golden]:
    """Episodes of the PettingZoo forms."""
    from anb_gym.envs import accelnas_v0

    for reward, noise in product(REWARDS, (False, True)):
        name = {"reward": reward, "noise": noise}
        yield from _played("parallel", name, lambda r=reward, n=noise: _parallel(accelnas_v0, r, n))
        yield from _played("turns", name, lambda r=reward, n=noise: _turns(accelnas_v0, r, n))


def own_device() -> Iterator[Golden]:
    """Goldens of a device of one's own, in a process that finds it through ``ANB_GYM_DEVICES``."""
    with tempfile.TemporaryDirectory() as folder:
        device = Path(folder) / OWN[0]
        _copy_device(device)
        command = [sys.executable, __file__, "record", str(Path(folder) / "own.json"), "--parts", *OWN_PARTS]
        environment = {**os.environ, "ANB_GYM_DEVICES": str(device), "ANB_GYM_GOLDENS_OF": OWN[1]}
        subprocess.run(command, check=True, env=environment)
        for part, found in json.loads((Path(folder) / "own.json").read_text())["goldens"].items():
            for name, value in found.items():
                yield f"{part}: {name}", value


def _ids() -> list[str]:
    """All ids, or those of the device of one's own where it is the one that is asked for."""
    ids = [i for i, spec in gymnasium.registry.items() if str(spec.entry_point).startswith("anb_gym.")]
    wanted = os.environ.get("ANB_GYM_GOLDENS_OF")
    return [env_id for env_id in ids if wanted is None or f"-{wanted}-" in env_id]


def _combinations(ids: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for env_id in ids:
        choices: dict[str, Sequence[Any]] = {"reward_scale": ("unit", "raw"), "noise": (False, True)}
        if "Edit" in env_id:
            choices["reward"] = (*REWARDS, _own_reward)
        else:
            choices |= {"granularity": GRANULARITIES, "observation": OBSERVATIONS}
            if "-Bound-" in env_id:
                choices["reward"] = ("bounded", "accuracy")
            elif "-MO-" not in env_id and "-Constrained-" not in env_id:
                named = "Transfer" in env_id or "Preference" in env_id
                choices["reward"] = REWARDS if named else (*REWARDS, _own_reward)
        for values in product(*choices.values()):
            yield env_id, dict(zip(choices, values, strict=True))


def _own_reward(values: Mapping[str, Any]) -> Any:
    """A reward of the user's own: the sum of the metrics."""
    return sum(values.values())


def _given(env_id: str) -> Iterator[dict[str, Any]]:
    if "Preference" in env_id:
        front = anb_gym.Benchmark().front(gymnasium.make(env_id).unwrapped.task.metrics[1])  # type: ignore[attr-defined]
        for reward, weights in product(("weighted", "chebyshev"), ([0.3, 0.7], [1.0, 0.0], [1 / 3, 2 / 3], [0.0, 1.0])):
            yield {"arguments": {"reward": reward}, "options": {"preference": weights}}
        for part in (0.0, 1 / 3, 0.5, 1.0):
            bound = front.nadir[1] + part * (front.ideal[1] - front.nadir[1])
            yield {"arguments": {"reward": "constrained"}, "options": {"preference": bound}}
    elif "-Bound-" in env_id:
        front = anb_gym.Benchmark().front(gymnasium.make(env_id).unwrapped.task.metrics[1])  # type: ignore[attr-defined]
        for reward, part in product(("bounded", "accuracy"), (0.0, 1 / 3, 0.5)):
            bound = front.nadir[1] + part * (front.ideal[1] - front.nadir[1])
            yield {"arguments": {"reward": reward}, "options": {"preference": bound}}
        yield {"arguments": {}, "options": {"preference": front.ideal[1]}}
    elif "Transfer" in env_id:
        for option in ({"task": "VCK190-Latency"}, {"device": "vck190"}, {"device": "a100"}):
            yield {"arguments": {}, "options": option}
    elif "Edit" in env_id:
        yield {"arguments": {}, "options": {"architecture": 12345678901}}
        yield {"arguments": {"start": str(anb_gym.EFFICIENTNET_B0), "horizon": 5}, "options": {}}
    elif "-MO-" in env_id or "-Constrained-" in env_id:
        yield {"arguments": {"surrogate": "xgb", "reward_scale": "raw"}, "options": {}}
    else:
        for surrogate in ("xgb", "lgb"):
            yield {"arguments": {"surrogate": surrogate, "reward_scale": "raw", "reward": "accuracy"}, "options": {}}
        yield {"arguments": {"reward": "weighted", "weights": [0.2, 0.8]}, "options": {}}
        yield {"arguments": {"reward": "constrained", "target": 700.0}, "options": {}}
        yield {"arguments": {"reward": "bounded"}, "options": {}}


def _played(name: str, arguments: Mapping[str, Any], play: Callable[[], dict[str, Any]]) -> Iterator[Golden]:
    shown = {key: value.__name__ if callable(value) else value for key, value in arguments.items()}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            columns = play()
    except ValueError as error:  # a combination that is refused; the wording is not a result
        yield f"{name} {shown}", f"refused: {type(error).__name__}"
        return
    for column, value in columns.items():
        yield f"{name} {shown} {column}", value


def _episodes(env_id: str, arguments: Mapping[str, Any], options: dict[str, Any] | None = None) -> dict[str, Any]:
    env: Any = gymnasium.make(env_id, **arguments).unwrapped
    rng = np.random.default_rng(list(env_id.encode()))
    seen = _Columns()
    for episode in range(2):
        observation, info = env.reset(seed=episode if episode == 0 else None, options=options)
        seen.add(observation=observation, mask=env.action_masks(), **_flat(info))
        over = False
        while not over:
            action = _action(env.action_space, rng)
            observation, reward, terminated, truncated, info = env.step(action)
            over = terminated or truncated
            ended = (terminated, truncated)
            seen.add(observation=observation, mask=env.action_masks(), reward=reward, ended=ended, **_flat(info))
    return seen.columns


def _vector_episodes(env_id: str, arguments: Mapping[str, Any], mode: str) -> dict[str, Any]:
    envs: Any = gymnasium.make_vec(env_id, num_envs=3, autoreset_mode=mode, **arguments)
    rng = np.random.default_rng(list(env_id.encode()))
    seen = _Columns()
    ended = np.zeros(3, dtype=np.bool_)
    observation, info = envs.reset(seed=5)
    seen.add(observation=observation, mask=envs.action_masks(), **_flat(info))
    for step in range(2 * envs.n_steps + 3):
        if step == envs.n_steps // 2 and step:  # the copies come apart
            observation, info = envs.reset(options={"reset_mask": np.array([True, False, False])})
            seen.add(observation=observation, **_flat(info))
        if mode == "Disabled" and ended.any():
            observation, info = envs.reset(options={"reset_mask": ended})
            seen.add(observation=observation, mask=envs.action_masks(), **_flat(info))
        actions = np.stack([_action(envs.single_action_space, rng) for _ in range(3)])
        observation, reward, terminated, truncated, info = envs.step(actions)
        ended = terminated | truncated
        seen.add(observation=observation, mask=envs.action_masks(), reward=reward, ended=ended, **_flat(info))
    return seen.columns


def _parallel(module: Any, reward: str, noise: bool) -> dict[str, Any]:
    env = module.parallel_env(reward=reward, noise=noise)
    observations, infos = env.reset(seed=3)
    rng = np.random.default_rng(3)
    return {"reset": [observations, infos], "step": list(env.step({a: int(rng.integers(48)) for a in env.agents}))}


def _turns(module: Any, reward: str, noise: bool) -> dict[str, Any]:
    env = module.env(reward=reward, noise=noise)
    env.reset(seed=3)
    rng = np.random.default_rng(3)
    seen = _Columns()
    for _ in env.agent_iter():
        observation, value, terminated, truncated, info = env.last()
        seen.add(observation=observation, reward=value, ended=(terminated, truncated), **_flat(info))
        env.step(None if terminated else int(rng.integers(48)))
    return seen.columns


def _action(space: gymnasium.Space[Any], rng: np.random.Generator) -> Any:
    if isinstance(space, gymnasium.spaces.MultiDiscrete):
        return rng.integers(space.nvec)
    assert isinstance(space, gymnasium.spaces.Discrete)
    return int(rng.integers(space.n))


def _flat(info: Mapping[str, Any]) -> dict[str, Any]:
    return {f"info.{key}": value for key, value in info.items()}


class _Columns:
    """Values of steps by name, each with the step at which it was seen."""

    def __init__(self) -> None:
        self.columns: dict[str, Any] = {}
        self._n = 0

    def add(self, **values: Any) -> None:
        for name, value in values.items():
            # Arrays may be written to by the next step: what counts is what they are now.
            self.columns.setdefault(name, []).append((self._n, checksum(value)))
        self._n += 1


# --- studies, pages, and all that ships --------------------------------------------------------------------------


def studies() -> Iterator[Golden]:
    """Rewards that every baseline is told in a short study, and the pages, tables and reports written of it."""
    from anb_gym.baselines import BASELINES
    from anb_gym.reports.html_report import render
    from anb_gym.reports.leaderboard import anytime_table, page
    from anb_gym.reports.tasks import read_summary, write_tasks
    from anb_gym.study.analysis.analyse import analyse
    from anb_gym.study.results import Results
    from anb_gym.study.runner import run_study
    from anb_gym.study.study_file import load_study

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "golden.yaml").write_text(STUDY)
        (folder / "climbs.yaml").write_text(CLIMBS)
        targets = {key: baseline.target for key, baseline in BASELINES.items()}
        results = {}
        for study in ("golden", "climbs"):
            outcome = run_study(load_study(folder / f"{study}.yaml", targets), folder / study, workers=2)
            assert not outcome.failures, outcome.failures[0]
            results[study] = Results.load(outcome.path)
            # Wall seconds are not a result. One BLAS thread or two can differ in the last bit, and order does.
            table = results[study].table.drop(columns="seconds")
            for keys, rows in table.groupby(["task", "controller"], observed=True):
                yield f"{study} {keys}", {column: rows[column].to_numpy() for column in rows}
        analysis = analyse(results["golden"].table.assign(seconds=0.0), results["golden"].tasks)
        yield "summary", analysis.summary.to_csv(index=False)
        yield "anytime", anytime_table(analysis).to_csv(index=False)
        yield "leaderboard page", page(results["golden"], analysis)
        results["golden"].table["seconds"] = 0.0
        yield "html report", _without_versions(render(results["golden"], analysis))
        (folder / "summary.csv").write_text(analysis.summary.to_csv(index=False))
        (path,) = write_tasks(results["climbs"], read_summary(folder / "summary.csv"), folder)
        yield "tasks page", path.read_text()


def _without_versions(page: str) -> str:
    """A page without what names this installation."""
    return "\n".join(line for line in page.splitlines() if "version" not in line.lower())


def pages() -> Iterator[Golden]:
    """The pages that scripts and commands write of what ships."""
    from anb_gym.reports.fronts import write_report
    from anb_gym.reports.paper_tables import lines, table1, table2

    sys.path.insert(0, str(ROOT / "scripts"))
    import make_docs

    yield from make_docs.pages().items()
    with tempfile.TemporaryDirectory() as folder:
        write_report(Path(folder), None)
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                yield path.relative_to(folder).as_posix(), path.read_bytes()
    yield "table 1", lines(table1())
    yield "table 2", lines(table2())


def worth() -> Iterator[Golden]:
    """Calibrations, optima, fronts and their certificates."""
    from anb_gym.calibration import calibration, certified_optimum, front_scale, records
    from anb_gym.fronts import NoFrontError
    from anb_gym.fronts.store import FRONTS
    from anb_gym.rewards import make_reward
    from anb_gym.surrogates.store import FAMILIES
    from anb_gym.tasks import TASKS

    wanted = os.environ.get("ANB_GYM_GOLDENS_OF")
    yield "records", {name: dict(record) for name, record in records().items()}
    for task in TASKS.values():
        if wanted is not None and not task.name.startswith(wanted):
            continue
        for name in REWARDS:
            try:
                reward = make_reward(name, task)
            except ValueError as error:
                yield f"{task.name} {name}", f"refused: {type(error).__name__}"
                continue
            yield f"{task.name} {name}", asdict(calibration(reward, FAMILIES[0]))
            optimum = certified_optimum(reward, FAMILIES[0])
            yield f"{task.name} {name} optimum", optimum and [optimum.indices, optimum.value, dict(optimum.metrics)]
        if len(task.metrics) == 2:
            yield f"{task.name} scale", asdict(front_scale(task))
    for family, metric in product(FAMILIES, FRONTS):
        if wanted is not None and not metric.startswith(OWN[0]):
            continue
        try:
            front = anb_gym.Benchmark(family).front(metric)
        except NoFrontError:
            yield f"{family} {metric}", "none"
            continue
        yield f"{family} {metric}", [front.indices, front.objectives, front.ideal, front.nadir, dict(front.artefacts)]
        yield f"{family} {metric} certificate", asdict(front.certificate)


def order() -> Iterator[Golden]:
    """The order of metrics, tasks, ids and columns, units, directions, and values of queries."""
    from anb_gym.benchmark import METRICS, PREDICTED
    from anb_gym.metrics import DIRECTIONS
    from anb_gym.surrogates.store import FAMILIES
    from anb_gym.tasks import ALL_DEVICES, TASKS

    yield "metrics", list(METRICS)
    yield "units", dict(PREDICTED)
    yield "directions", dict(DIRECTIONS)
    yield "tasks", {name: {**asdict(task), "id": task.id} for name, task in TASKS.items()}
    yield "all devices", list(ALL_DEVICES.metrics)
    yield "ids", _ids()
    yield "transfer", list(gymnasium.spec("AccelNAS-Transfer-v0").kwargs["tasks"])
    architectures = anb_gym.SPACE.sample(2000, np.random.default_rng(7))
    yield "sample", architectures
    for family in FAMILIES:
        bench = anb_gym.Benchmark(family)
        for metric in METRICS:
            std = metric in PREDICTED
            yield f"{family} {metric}", dict(bench.query(architectures, metric, noise=3, std=std))
            if std:
                yield f"{family} {metric} checksum", bench.load(metric).checksum


def artefacts() -> Iterator[Golden]:
    """Files of surrogates, fronts, devices and scales, byte for byte."""
    for path in sorted((ROOT / "anb_gym").rglob("*")):
        if path.suffix in (".npz", ".json", ".gz"):
            yield path.name if path.parent == ROOT / "anb_gym" else "/".join(path.parts[-3:]), path.read_bytes()


STUDY: Final = """
name: golden
evaluations: 40
seeds: 2
controllers: [random_search, regularized_evolution, reinforce, local_search, tpe, nsga2, moead, sms_emoa, motpe,
  archive_evolution]
tasks:
  - AccelNAS-VCK190-v0
  - {name: noisy, id: AccelNAS-TPUv3-v0, noise: true}
  - {name: constrained, id: AccelNAS-ZCU102-Latency-v0, reward: constrained}
  - {name: weighted, id: AccelNAS-A100-v0, reward: weighted, weights: [0.3, 0.7]}
  - {name: other, id: AccelNAS-Accuracy-v0, surrogate: xgb}
  - AccelNAS-RTX3090-MO-v0
  - {name: noisy-MO, id: AccelNAS-VCK190-Latency-MO-v0, noise: true}
  - {name: all, id: AccelNAS-All-MO-v0, controllers: [random_search, nsga2, moead, archive_evolution]}
"""
CLIMBS: Final = """
name: climbs
evaluations: 200
seeds: 2
controllers: [local_search, archive_evolution]
tasks:
  - {name: AccelNAS-VCK190-v0, id: AccelNAS-VCK190-v0, controllers: [local_search]}
  - {name: constrained, id: AccelNAS-ZCU102-Latency-v0, reward: constrained, controllers: [local_search]}
  - {name: AccelNAS-RTX3090-MO-v0, id: AccelNAS-RTX3090-MO-v0, controllers: [archive_evolution]}
"""

PARTS: Final[Mapping[str, Callable[[], Iterator[Golden]]]] = {
    "order": order,
    "artefacts": artefacts,
    "worth": worth,
    "environments": environments,
    "vector_environments": vector_environments,
    "options": options,
    "multi_agent": multi_agent,
    "own_device": own_device,
    "studies": studies,
    "pages": pages,
}
#: The parts that a device of one's own has.
OWN_PARTS: Final = ("order", "worth", "environments", "vector_environments", "options")


def _copy_device(folder: Path) -> None:
    """The shipped processor as a device of one's own, by another name."""
    from anb_gym.construction.device_folder import rename_device
    from anb_gym.devices import SHIPPED

    rename_device(SHIPPED / "cpu", folder, *OWN)


def record(parts: Sequence[str], known: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The checksums of parts by name."""
    found: dict[str, dict[str, str]] = {}
    for part in parts:
        found[part] = {}
        for name, value in tqdm.tqdm(PARTS[part](), desc=part, file=sys.stderr, mininterval=5):
            if name in found[part]:
                raise ValueError(f"{part} has the name {name!r} twice")
            found[part][name] = value if part == "own_device" else checksum(value)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("record", "compare"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args(arguments)
    if options.command == "record":
        goldens = record(options.parts, {})
        content = json.dumps({"schema": 1, "numpy": np.__version__, "goldens": goldens}, indent=0)
        write_atomically(options.file, content.encode())
        print(f"{sum(map(len, goldens.values())):,} goldens in {options.file}")
        return 0
    before = json.loads(options.file.read_text())["goldens"]
    wrong = 0
    for part, found in record(options.parts, {}).items():
        expected = before.get(part, {})
        differences = {
            "gone": [name for name in expected if name not in found],
            "new": [name for name in found if name not in expected],
            "changed": [name for name in found if name in expected and found[name] != expected[name]],
        }
        print(f"{part}: {len(found):,} goldens, " + ", ".join(f"{len(n)} {what}" for what, n in differences.items()))
        for what, names in differences.items():
            for name in names[:20]:
                print(f"  {what}: {name}")
            wrong += len(names)
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
