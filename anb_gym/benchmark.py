"""The benchmark: what any architecture scores, in microseconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

import numpy as np

from anb_gym import complexity, devices
from anb_gym._errors import choose, shown
from anb_gym._extras import is_installed, needing
from anb_gym._types import FloatArray
from anb_gym.arrays.libraries import jax_tables, torch_tables
from anb_gym.arrays.tables import Tables
from anb_gym.fronts import CertifiedFront, CertifiedOptimum, NoFrontError, ScalarReward, load_front
from anb_gym.fronts.results import check_reward
from anb_gym.fronts.store import choose_front, front_key
from anb_gym.metrics import ACCURACIES, DEVICE_METRICS, UNITS, choose_metric
from anb_gym.noise import Noise, perturb
from anb_gym.space import SPACE, States
from anb_gym.surrogates.intervals import OF, Of
from anb_gym.surrogates.links import Identity, Link
from anb_gym.surrogates.store import FAMILIES, Surrogate, choose_surrogate, is_fitted, load_deviations, load_shipped
from anb_gym.surrogates.tables import BlockTables, evaluate
from anb_gym.surrogates.worlds import in_world, split_world, sum_deviations

#: Metrics that are counted in closed form.
COUNTED: Final = ("macs", "params")
#: Metrics that surrogates predict, with their units.
PREDICTED: Final = {name: unit for name, unit in UNITS.items() if name not in COUNTED}
#: Those of the reference scheme, which few architectures were trained under.
REFERENCE: Final = ("accuracy/reference", "train_time/reference")
#: Those that the dataset has of every architecture.
DATASET_METRICS: Final = tuple(n for n in PREDICTED if devices.folder_of(n) is None and n not in REFERENCE)
#: Worlds whose tables are in memory at a time.
_WORLDS_AT_ONCE: Final = 100
#: All metrics, in the order of results.
METRICS: Final = tuple(UNITS)


class Benchmark:
    """Surrogates of ImageNet accuracy and device performance over the whole search space.

    ``accuracy`` is the top-1 accuracy in percent under the proxy scheme (16 epochs),
    not of a fully trained network; ``accuracy/reference`` is that under the reference
    scheme (50 epochs at 224 px), and less certain. Throughput is in images/s, latency
    in ms, ``train_time`` in s; ``macs`` and ``params`` are counts.

    Args:
        surrogate: Family of the surrogates: ``"gp"``, ``"xgb"`` or ``"lgb"``, or with
            ``-v1`` behind it its newer tables. The default, ``"gp"``, has the best
            held-out scores among the first.
        world: None for the mean of what the data allow; or the number of a world, 0 to
            2**31 - 1, one sample of it: what nature could be, see
            :mod:`anb_gym.surrogates.worlds`. Only Gaussian processes have worlds.

    Attributes:
        surrogate: Its name, with the world: ``"gp@7"`` is ``"gp"`` in world 7.

    Raises:
        ValueError: The surrogate is unknown, or has no such world.

    Example:
        >>> import anb_gym
        >>> bench = anb_gym.Benchmark()
        >>> result = bench.query(anb_gym.EFFICIENTNET_B0, ["accuracy", "macs"])
        >>> result["macs"]
        array([3.85814752e+08])
    """

    def __init__(self, surrogate: str | None = None, world: int | None = None) -> None:
        name = FAMILIES[0] if surrogate is None else choose_surrogate(surrogate)
        self.surrogate = name if world is None else in_world(name, world)

    @property
    def world(self) -> int | None:
        """The world, or None."""
        return split_world(self.surrogate)[1]

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of all metrics; those of a device of one's own as soon as it has surrogates of this family."""
        return tuple(name for name in METRICS if name in COUNTED or is_fitted(self.surrogate, name))

    def query(
        self,
        archs: Any,
        metrics: str | Sequence[str] | None = None,
        noise: Noise | int | None = None,
        std: bool | Of = False,
    ) -> dict[str, FloatArray]:
        """Scores architectures.

        Args:
            archs: An :class:`~anb_gym.Architecture`, its string, its index or its dict, a sequence of
                these, or choices of shape (n, 28).
            metrics: Names of the metrics, by default all. A device alone, such as ``"vck190"``,
                is its throughput, or the one metric that it has.
            noise: None for the surrogate's mean; a :class:`~anb_gym.Noise`, or its
                seed, for what one measurement would show.
            std: Also return the predictive standard deviation of each predicted
                metric as ``"<metric>:std"``, in the metric's unit. True or ``"mean"``: of where
                the mean of many measurements lies, so without ``noise``; ``"measurement"``: of
                what one new measurement would show, as the dataset's were made. It is a root
                mean square: errors have heavy tails, so more than 68 % lie within one. Only
                calibrated surrogates, ``"gp-v1"`` and the like, have the second; in the others
                deviations are the model's own, without what it cannot express: on devices two to
                five times below the held-out error.

        Returns:
            One ``float64`` (n,) array per metric, by its full name. An architecture's values do not
            depend on the others in the batch.

        Raises:
            ValueError: An argument has the wrong type, shape or value; a metric is unknown.
        """
        if not isinstance(std, bool | np.bool_) and not (isinstance(std, str) and std in OF):
            raise ValueError(f"std must be True, False, 'mean' or 'measurement', got {shown(std)}")
        names = self._names(metrics)
        if std and self.world is not None:
            raise ValueError(f"std must be False in a world, where metrics are what they are, got {std!r}")
        states = SPACE.as_states(archs, "archs")
        values = self.query_states(states, names)
        if noise is not None:
            key = noise if isinstance(noise, Noise) else Noise(noise)
            index = SPACE.states_to_index(states)
            values = {name: perturb(name, column, index, key) for name, column in values.items()}
        if std:
            predicted = [name for name in names if name in PREDICTED]
            of: Of = "measurement" if std == "measurement" else "mean"
            values |= {f"{name}:std": self.load(name).std(states, of) for name in predicted}
        return values

    def interval(self, archs: Any, metric: str, level: float = 0.9, of: Of = "measurement") -> FloatArray:
        """Central intervals of a predicted metric, calibrated on held-out records.

        Args:
            archs: As in :meth:`query`.
            metric: A predicted metric, or a device alone as in :meth:`query`.
            level: Share of measurements within the intervals, above 0 and at most 0.995.
            of: ``"measurement"``: what one new measurement would show. ``"mean"``: where the mean of many lies.

        Returns:
            Lower and upper ends, ``float64`` (n, 2), in the metric's unit.

        Raises:
            ValueError: An argument has the wrong type, shape or value; the metric is not predicted, or the
                surrogate not calibrated: the message names the one that is.
        """
        surrogate = self.load(metric)
        if self.world is not None:
            raise ValueError(
                f"there are no intervals in a world, where metrics are what they are, got world {self.world}"
            )
        return surrogate.interval(SPACE.as_states(archs, "archs"), level, cast(Of, choose(of, OF, "of")))

    def query_worlds(self, archs: Any, metric: str, worlds: Iterable[int]) -> FloatArray:
        """A metric of architectures in several worlds.

        The first query of 100 worlds takes some 20 s; they are then kept, in up to 0.7 GB, for the last two metrics.

        Args:
            archs: As for :meth:`query`.
            metric: The metric, as for :meth:`query`.
            worlds: Numbers of worlds.

        Returns:
            ``float64`` (worlds, n), as :meth:`query` of a benchmark in each world, up to rounding.

        Raises:
            ValueError: An argument has the wrong type, shape or value, or the surrogate has no worlds.
        """
        name, states = choose_metric(metric, METRICS, "metric"), SPACE.as_states(archs, "archs")
        if not isinstance(worlds, Iterable) or not (numbers := list(worlds)):
            raise ValueError(f"worlds must be one or more numbers of worlds, got {worlds!r}")
        for number in numbers:
            in_world(self.surrogate, number)
        if name in COUNTED:
            return np.tile(self.query_states(states, [name])[name], (len(numbers), 1))
        surrogate, result = self.load(name), np.empty((len(numbers), len(states)))
        means = surrogate.mean(states)[:, None]
        for start in range(0, len(numbers), _WORLDS_AT_ONCE):
            part = slice(start, start + _WORLDS_AT_ONCE)
            entries = load_deviations(self.surrogate, name, tuple(map(int, numbers[part])))
            result[part] = surrogate.link.value(means + sum_deviations(surrogate.mean.order, entries, states)).T
        return result

    def query_states(self, states: States, metrics: Sequence[str]) -> dict[str, FloatArray]:
        """Scores valid block states without checks, for inner loops.

        Args:
            states: Block states, ``int64`` (n, 7), within the space.
            metrics: Known names.

        Returns:
            As :meth:`query` without noise.
        """
        surrogates = [None if name in COUNTED else self.load(name) for name in metrics]
        scores = iter(evaluate([surrogate.mean for surrogate in surrogates if surrogate], states))
        return {
            name: surrogate.link.value(next(scores)) if surrogate else complexity.count(states, name).astype(np.float64)
            for name, surrogate in zip(metrics, surrogates, strict=True)
        }

    def load(self, metric: str) -> Surrogate:
        """The surrogate of a predicted metric: tables, link and manifest.

        Raises:
            ValueError: The metric is not one of :data:`PREDICTED`.
            ArtefactError: The installation is damaged.
        """
        return load_shipped(self.surrogate, choose_metric(metric, PREDICTED, "metric"))

    def functions(self, metrics: str | Sequence[str] | None = None) -> list[tuple[str, BlockTables, Link]]:
        """Metrics by name, with the tables of means and the links that make them; ``metrics`` as for :meth:`query`."""
        found: list[tuple[str, BlockTables, Link]] = []
        for name in self._names(metrics):
            if name in COUNTED:
                found.append((name, BlockTables(1, complexity.block_counts(name)), Identity()))
            else:
                surrogate = self.load(name)
                found.append((name, surrogate.mean, surrogate.link))
        return found

    def to_torch(self, device: Any = "cpu", dtype: Any = None, metrics: str | Sequence[str] | None = None) -> Tables:
        """The metrics as functions on PyTorch's tensors. Needs the extra ``torch``.

        Args:
            device: Where the tables lie, ``"cpu"`` by default. Nothing has been run on a GPU.
            dtype: ``torch.float32``, the default, or ``torch.float64``.
            metrics: As for :meth:`query`; a metric's tables are 7 MB in float32.

        Raises:
            ValueError: An argument has an unknown value.
            ModuleNotFoundError: The extra is not installed; the message names the pip command.
        """
        return torch_tables(self.functions(metrics), device, dtype)

    def to_jax(self, device: Any = None, dtype: Any = None, metrics: str | Sequence[str] | None = None) -> Tables:
        """The metrics as functions on JAX's arrays. Needs the extra ``jax``.

        Args:
            device: Where the tables lie, such as ``jax.devices()[0]``, which is the default, or a platform's name,
                such as ``"cpu"``. Nothing has been run on a GPU or TPU.
            dtype: ``"float32"``, the default, or ``"float64"``, with ``jax_enable_x64``.
            metrics: As for :meth:`query`; a metric's tables are 7 MB in float32.

        Raises:
            ValueError: An argument has an unknown value.
            ModuleNotFoundError: The extra is not installed; the message names the pip command.
        """
        return jax_tables(self.functions(metrics), device, dtype)

    def front(
        self, metric: str, *, fidelity: str = "proxy", solve: bool = False, within_data: bool = False
    ) -> CertifiedFront:
        """The exact Pareto front of accuracy and a device metric over all 104,485,552,128 architectures.

        Exact for the surrogate, not for reality: see :mod:`anb_gym.fronts`.

        Args:
            metric: A device metric, or a device alone as in :meth:`query`; with ``"accuracy"`` the
                front is the set of the most accurate architectures. Two with a plus between them, such as
                ``"vck190+zcu102/latency"``, for the front of three metrics, thousands of architectures.
            fidelity: ``"reference"`` for the front of ``accuracy/reference`` instead of ``accuracy``.
            solve: Search for the front now if none ships for this surrogate, in seconds
                for pairwise tables and up to minutes otherwise, some minutes for three metrics. Needs the extra
                ``exact``. In a world this is done anyway where the extra is installed.
            within_data: Only the members that are no extrapolations: no metric is better or worse than all labels,
                see :attr:`anb_gym.fronts.CertifiedFront.restricted`.

        Raises:
            ValueError: The metric has no front, the fidelity is unknown, or the front has no member within the data.
            NoFrontError: No front ships for this surrogate; the message names the command that makes it.
            FrontError: The front's file is damaged.
        """
        choose(fidelity, ACCURACIES, "fidelity")
        if metric == ACCURACIES["reference"]:
            raise ValueError(f"metric must be 'accuracy', with fidelity='reference', got {metric!r}")
        metric = choose_front(metric)
        front = self._front(metric, fidelity, solve)
        return front.restricted if within_data else front

    def front_of(self, metrics: tuple[str, ...], *, solve: bool = False) -> CertifiedFront:
        """The front of one accuracy, and perhaps one or two device metrics, as :meth:`front`."""
        metric, fidelity = front_key(metrics)
        return self.front(metric, fidelity=fidelity, solve=solve)

    def optimum(self, reward: ScalarReward, *, solve: bool = False) -> CertifiedOptimum:
        """The largest value of a monotone reward over all architectures, certified.

        The optimum of a reward that never falls when accuracy or the device metric improves lies on their
        front, so the reward is evaluated there. It is the surrogate's optimum, not reality's: see
        :mod:`anb_gym.fronts`.

        Args:
            reward: Such as ``anb_gym.rewards.Product("vck190/throughput", 3000.0)`` or ``Accuracy()``.
            solve: As in :meth:`front`.

        Raises:
            ValueError: The reward is not monotone, or not a finite number everywhere on the front.
            NoFrontError: It reads more than accuracy and one device metric, or no front ships for this
                surrogate; the message names the command that makes it.
        """
        check_reward(reward)
        accuracies = [metric for metric in reward.metrics if metric in ACCURACIES.values()] or ["accuracy"]
        others = [metric for metric in reward.metrics if metric not in ACCURACIES.values()]
        if len(accuracies) > 1 or len(others) > 1 or not set(others) <= set(DEVICE_METRICS):
            raise NoFrontError(
                f"reward must read accuracy and at most one device metric, got {reward.metrics}: for two of them "
                'use .best of their front, such as front("vck190+zcu102/latency")'
            )
        return self.front_of((*accuracies, *others), solve=solve).best(reward)

    def _front(self, metric: str, fidelity: str, solve: bool) -> CertifiedFront:
        try:
            return load_front(self.surrogate, metric, fidelity)
        except NoFrontError:
            if not (solve or (self.world is not None and is_installed("numba"))):
                raise
        with needing("exact"):
            from anb_gym.fronts.solving import solve as search
        return search(self.surrogate, metric, fidelity)

    def _names(self, metrics: str | Sequence[str] | None) -> Sequence[str]:
        if metrics is None:
            return self.metrics
        if not isinstance(metrics, Iterable) or not (names := [metrics] if isinstance(metrics, str) else list(metrics)):
            raise ValueError(f"metrics must be one or more of {', '.join(map(repr, METRICS))}, got {metrics!r}")
        return [choose_metric(name, METRICS, "metrics") for name in names]

    def __repr__(self) -> str:
        return f"Benchmark(surrogate={self.surrogate!r})"
