"""The command ``train``: an agent learns from an environment."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from anb_gym._extras import needing
from anb_gym.cli._agents import named_values
from anb_gym.cli._options import output

if TYPE_CHECKING:
    from anb_gym.reports.event_log import EventLog


_T = TypeVar("_T")


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    train = commands.add_parser("train", help="train an agent on an environment, or go on with it")
    train.add_argument("agent", metavar="AGENT", help="the name of one that ships, module:Class or file.py:Class")
    train.add_argument("id", metavar="ID", help="of the environment, such as AccelNAS-VCK190-v0")
    train.add_argument(
        "--evaluations",
        type=int,
        default=10_000,
        metavar="N",
        help="architectures that may be measured, by default 10,000",
    )
    train.add_argument("--seed", type=int, default=0, metavar="S", help="of all randomness, by default 0")
    train.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the agent; may be repeated"
    )
    train.add_argument(
        "--arg", action="append", default=[], metavar="NAME=VALUE", help="an argument of the environment"
    )
    train.add_argument("--out", type=Path, metavar="DIR", help="its folder, by default runs/agents/AGENT-ID-S")
    train.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    with needing("agents"):
        from anb_gym.agents import running, saving
        from anb_gym.agents.scores import score_agent
        from anb_gym.study.config import file_name
        from anb_gym.study.problems import check_reward
    arguments, settings = named_values(options.arg, "--arg"), named_values(options.set, "--set")
    check_reward(arguments.get("reward"))
    id = options.id.removeprefix("anb_gym:")
    name = options.agent.replace("\\", "/").rpartition("/")[2].replace(":", "-")
    folder = options.out or Path("runs/agents") / file_name(f"{name}-{id}-{options.seed}")
    with output(folder):
        _check_free(folder)
        logs = folder / "tensorboard"
        log = _if_installed("TensorBoard logs", lambda: _event_log(logs))
        with _unless_nothing_stays(logs), log or nullcontext():
            agent, record = running.train(
                options.agent,
                id,
                options.evaluations,
                seed=options.seed,
                arguments=arguments,
                settings=settings,
                folder=folder,
                progress=True,
                watch=None if log is None else log.watch,
            )
            if log is not None:
                log.write(record, len(record))
        saved = saving.read(folder)
        scores = _if_installed("scores of the policy", lambda: score_agent(agent))
        print(f"{saved.name} on {id}: {len(record):,} evaluations, {record.n_unique:,} of them different")
        if scores is not None:
            from anb_gym.cli.evaluate import table

            print(table(scores))

            def report() -> list[Path]:
                from anb_gym.reports.agent_report import write_report

                return write_report(folder, agent, saved, scores)

            for path in _if_installed("report", report) or []:
                print(f"wrote {path}")
    print(f"agent in {folder}: anb-gym evaluate, design and enjoy take it")


def _check_free(folder: Path) -> None:
    """Raises for a folder that holds other files than a training's."""
    with needing("agents"):
        from anb_gym.agents import running, saving
    ours = {saving.FILE, running.LOCK}
    if folder.is_dir():
        names = {path.name for path in folder.iterdir()}
        if names and not names & ours:
            raise ValueError(f"--out must be a folder of its own, {folder} holds other files; name another folder")


@contextmanager
def _unless_nothing_stays(logs: Path) -> Iterator[None]:
    """Removes the logs of a training that fails before its first checkpoint, so that its folder is free again."""
    with needing("agents"):
        from anb_gym.agents import running, saving
    try:
        yield
    except BaseException:
        if not any((logs.parent / name).exists() for name in (saving.FILE, running.LOCK)):
            shutil.rmtree(logs, ignore_errors=True)
        raise


def _event_log(folder: Path) -> EventLog:
    from anb_gym.reports.event_log import EventLog

    return EventLog(folder)


def _if_installed(what: str, make: Callable[[], _T]) -> _T | None:
    """What is made, or None with a line that says why not: a training is not given up for want of a picture."""
    try:
        return make()
    except ModuleNotFoundError as error:
        print(f"no {what}: {error}")
        return None
