"""The command ``enjoy``: an episode of an agent, in the terminal or as a video."""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import gymnasium
import numpy as np

from anb_gym._errors import integer
from anb_gym._extras import require
from anb_gym._files import write_atomically
from anb_gym.cli._agents import add_agent, add_request, asked_for, kind_asked_for, load_agent, warn_if_unfinished
from anb_gym.cli._options import output
from anb_gym.envs.families import PREFIX

if TYPE_CHECKING:
    from anb_gym.agents.agent import Agent

#: What videos can be.
_SUFFIXES: Final = (".gif", ".webp", ".mp4")
#: Pictures for which the last one stays.
_REST: Final = 12


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    enjoy = commands.add_parser("enjoy", help="watch an episode of an agent, or write a video of it")
    add_agent(enjoy)
    add_request(enjoy)
    enjoy.add_argument("--video", type=Path, metavar="FILE", help=f"write it as {', '.join(_SUFFIXES)}")
    enjoy.add_argument("--sample", action="store_true", help="sample actions; by default the most probable are taken")
    enjoy.add_argument("--seed", type=int, default=0, metavar="S", help="of the episode, by default 0")
    enjoy.add_argument("--fps", type=float, default=4.0, metavar="N", help="steps per second, by default 4")
    enjoy.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    integer(options.seed, 0, "--seed")
    if not 0.1 <= options.fps <= 100.0:
        raise ValueError(f"--fps must be in 0.1..100, got {options.fps:g}")
    if options.video is None:
        _show(options)
        return
    if options.video.suffix.lower() not in _SUFFIXES:
        raise ValueError(f"--video must name a file that ends in {', '.join(_SUFFIXES)}, got {str(options.video)!r}")
    with output(options.video.parent, argument="--video"):
        saved, agent = load_agent(options, kind_asked_for(options))
        warn_if_unfinished(saved)
        frames = list(_frames(agent, "rgb_array", options))
        write_video(options.video, frames, options.fps)
    print(f"video in {options.video}")


def _show(options: argparse.Namespace) -> None:
    """Draws the episode in place in a terminal; elsewhere prints its end."""
    saved, agent = load_agent(options, kind_asked_for(options))
    print(f"{saved.name} on {saved.assignment.id}, {saved.done:,} evaluations, seed {saved.assignment.seed}")
    warn_if_unfinished(saved)
    moving, frame = sys.stdout.isatty(), ""
    for following in _frames(agent, "ansi", options):
        if moving:
            up = f"\033[{frame.count(chr(10)) + 1}A\033[J" if frame else ""
            print(f"{up}{following}", flush=True)
            time.sleep(1.0 / options.fps)
        frame = following
    if not moving:
        print(frame)


def _frames(agent: Agent, mode: str, options: argparse.Namespace) -> Iterator[Any]:
    """What the environment shows after its reset and after every step of an episode."""
    asked = asked_for(agent.problem, options)
    rng, assignment = np.random.default_rng(options.seed), agent.assignment
    env = gymnasium.make(PREFIX + assignment.id, render_mode=mode, **assignment.arguments)
    observation, info = env.reset(seed=options.seed, options=asked)
    yield env.render()
    over = False
    while not over:
        observations, masks = np.asarray(observation)[None], np.asarray(info["action_mask"])[None]
        action = agent.act(observations, masks, rng=rng, greedy=not options.sample)[0]
        observation, _, terminated, truncated, info = env.step(action)
        over = terminated or truncated
        yield env.render()
    env.close()


def write_video(path: Path, frames: Sequence[Any], fps: float) -> None:
    """Writes pictures as a video whose last one stays for a while.

    Args:
        path: What its name ends in is its form.
        frames: Pictures, ``uint8`` (height, width, 3).
        fps: Pictures per second.

    Raises:
        ModuleNotFoundError: The extra ``render`` is not installed, or moviepy for ``.mp4``.
        OSError: The file cannot be written.
    """
    if path.suffix.lower() == ".mp4":
        write_atomically(path, _mp4([*frames, *[frames[-1]] * _REST], fps))
        return
    image = require("PIL.Image", "render")
    pictures = [image.fromarray(frame) for frame in frames]
    lasting = [1000.0 / fps] * (len(pictures) - 1) + [1000.0 / fps * _REST]
    buffer, form = io.BytesIO(), path.suffix[1:].lower()
    more: dict[str, Any] = {"lossless": True} if form == "webp" else {}
    pictures[0].save(
        buffer,
        form,
        save_all=True,
        append_images=pictures[1:],
        duration=[round(milliseconds) for milliseconds in lasting],
        loop=0,
        **more,
    )
    write_atomically(path, buffer.getvalue())


def _mp4(frames: Sequence[Any], fps: float) -> bytes:
    try:
        from moviepy.video.io.ImageSequenceClip import ImageSequenceClip
    except ModuleNotFoundError as error:
        remedy = "run: pip install moviepy, or name a .gif file"
        raise ModuleNotFoundError(
            f"the module {error.name!r} is needed for .mp4 and not installed; {remedy}"
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "video.mp4")
        ImageSequenceClip(list(frames), fps=fps).write_videofile(str(path), audio=False, logger=None)
        return path.read_bytes()
