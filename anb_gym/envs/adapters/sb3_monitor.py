"""Statistics of episodes for :mod:`anb_gym.envs.sb3`: what Stable-Baselines3's ``Monitor`` does, for all copies."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.monitor import ResultsWriter

from anb_gym._errors import choose

#: Arguments of ``Monitor``, beside the environment and its file.
ARGUMENTS: Final = ("allow_early_resets", "reset_keywords", "info_keywords", "override_existing")


class EpisodeMonitor:
    """Returns, lengths and times of episodes, in ``info["episode"]`` and in files as ``Monitor`` writes them.

    Args:
        n: How many copies.
        env_id: For the heads of the files.
        folder: Where copy i writes ``{start_index + i}.monitor.csv``; None for no files.
        start_index: The number of the first copy.
        arguments: Those of ``Monitor``: ``allow_early_resets``, ``info_keywords`` and ``override_existing``.

    Raises:
        ValueError: An argument is unknown or cannot be followed.
    """

    def __init__(
        self, n: int, env_id: str, folder: str | Path | None, start_index: int, arguments: Mapping[str, Any]
    ) -> None:
        for name in arguments:
            choose(name, ARGUMENTS, "monitor_kwargs")
        if arguments.get("reset_keywords"):
            raise ValueError("reset_keywords must be empty: copies start anew without any, use info_keywords")
        keywords = arguments.get("info_keywords", ())
        if isinstance(keywords, str) or not isinstance(keywords, Sequence):
            raise ValueError(f"info_keywords must be a tuple of names, got {keywords!r}")
        self._early_resets: bool = arguments.get("allow_early_resets", True)
        self._keywords: Sequence[str] = tuple(keywords)
        self._start = time.time()
        self._begun = False
        self._returns, self._lengths = np.zeros(n), np.zeros(n, dtype=np.int64)
        self._writers: list[ResultsWriter] = []
        if folder is not None:
            heading: dict[str, float | str] = {"t_start": self._start, "env_id": env_id}
            new = arguments.get("override_existing", True)
            for number in range(start_index, start_index + n):
                self._writers.append(ResultsWriter(str(Path(folder) / str(number)), heading, self._keywords, new))

    def begin(self) -> None:
        """Notes that all copies start anew.

        Raises:
            RuntimeError: Episodes are not over, and early resets are not allowed.
        """
        if self._begun and not self._early_resets:
            raise RuntimeError("call reset() once: monitor_kwargs has allow_early_resets=False, episodes are not over")
        self._begun = True
        self._returns[:], self._lengths[:] = 0.0, 0

    def add(self, rewards: NDArray[np.float64], dones: NDArray[np.bool_], infos: Sequence[dict[str, Any]]) -> None:
        """Notes a step, and adds ``"episode"`` to the infos of the copies whose episode it ends.

        Raises:
            ValueError: A last info has not all of ``info_keywords``.
        """
        self._returns += rewards
        self._lengths += 1
        for row in np.flatnonzero(dones).tolist():
            info = infos[row]
            episode = {
                "r": round(float(self._returns[row]), 6),
                "l": int(self._lengths[row]),
                "t": round(time.time() - self._start, 6),
                **{name: info[choose(name, info, "info_keywords")] for name in self._keywords},
            }
            if self._writers:
                self._writers[row].write_row(episode)
            info["episode"] = episode
        self._returns[dones], self._lengths[dones] = 0.0, 0

    def close(self) -> None:
        """Closes the files."""
        for writer in self._writers:
            writer.close()
