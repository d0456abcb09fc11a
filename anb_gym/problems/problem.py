"""The problem: a task, a reward, a scale and a surrogate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import choose
from anb_gym._types import FloatArray, Rows
from anb_gym.benchmark import COUNTED, Benchmark
from anb_gym.calibration import Level, calibration, certified_calibration, certified_optimum, front_scale
from anb_gym.fronts import CertifiedFront, CertifiedOptimum, ConstrainedOptima, NoFrontError
from anb_gym.noise import Noise
from anb_gym.problems.asks import NOTHING, Ask, AskPreference
from anb_gym.problems.evaluation import Evaluation, measured
from anb_gym.problems.gauges import SCALES, Gauge, asked_gauge, bound_gauge, vector_gauge
from anb_gym.problems.limits import check_bounded, warn_if_unmet
from anb_gym.rewards import Bounded, Constrained, Metrics, Objectives, Reward, relative_violation
from anb_gym.space import SPACE, SearchSpace, States
from anb_gym.surrogates.store import FAMILIES, choose_surrogate, is_there, peers, shipped_path
from anb_gym.tasks import Task

#: How far below the nadir, in extents of the front, the reference point of unit objectives lies where none is recorded.
MARGIN: Final = 0.1


@dataclass(frozen=True)
class Problem:
    """A search problem: what is sought, and the worth of every architecture there.

    A frozen value: equal problems compare equal, hash alike and pickle to a few hundred bytes; tables and gauges are
    found again where they are needed. :func:`anb_gym.make_problem` makes the one behind an environment id.

    Attributes:
        task: What is traded: accuracy, and perhaps a device metric.
        reward: What is maximised: a reward of the task's metrics, or :class:`~anb_gym.rewards.Objectives`.
        scale: ``"unit"``: random architectures have mean 0 and the optimum has 1, or the nadir of an objective is 0 and
            its ideal 1; ``"raw"``: the formula's own number.
        surrogate: Family of the surrogates.
        ask: What every episode may ask for.
        constraint: A bound whose violation is a cost; None for none. With :class:`~anb_gym.rewards.Bounded` unit scale
            is that of the architectures that meet it.
        space: The search space.

    Raises:
        ValueError: An argument has another type, the scale or the surrogate is unknown, the reward or the constraint
            reads metrics that the task has not, or the unit scale of the reward cannot be measured.
        NoFrontError: The unit scale needs the exact front, and there is none for this surrogate.

    Example:
        >>> import anb_gym
        >>> problem = anb_gym.make_problem("AccelNAS-VCK190-v0")
        >>> evaluation = problem.evaluate(anb_gym.EFFICIENTNET_B0)
        >>> f"{evaluation.reward[0]:.3f} {evaluation.regret[0]:.3f}"
        '0.636 0.364'
        >>> problem.evaluate(problem.optimum.indices).reward
        array([1.])
    """

    space: ClassVar[SearchSpace] = SPACE

    task: Task
    reward: Reward
    scale: str = "unit"
    surrogate: str = FAMILIES[0]
    ask: Ask = NOTHING
    constraint: Constrained | Bounded | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.task, Task):
            raise ValueError(f"task must be one of anb_gym.tasks.TASKS, got {self.task!r}")
        if not hasattr(self.reward, "metrics"):
            raise ValueError(f"reward must be an object such as anb_gym.rewards.Accuracy(), got {self.reward!r}")
        if self.constraint is not None and not isinstance(self.constraint, Constrained | Bounded):
            raise ValueError(f"constraint must be an anb_gym.rewards.Constrained or None, got {self.constraint!r}")
        choose(self.scale, SCALES, "reward_scale")
        choose_surrogate(self.surrogate)
        for what, reward in (("reward", self.reward), ("constraint", self.constraint)):
            if reward is not None and not set(reward.metrics) <= set(self.task.metrics):
                raise ValueError(
                    f"{what} must read metrics of the task {self.task.name!r}, {', '.join(self.task.metrics)}, "
                    f"got {reward!r}, which reads {', '.join(reward.metrics)}"
                )
        if isinstance(self.limit, Bounded):
            check_bounded(self, self.limit)
        # What cannot be measured is an error here, not in the middle of an episode.
        _ = self._gauge
        bound = self.constraint or (self.reward if self.ask == NOTHING else None)
        if isinstance(bound, Constrained):
            warn_if_unmet(self, bound)

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def benchmark(self) -> Benchmark:
        """The source of metrics."""
        return Benchmark(self.surrogate)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The task's metrics."""
        return self.task.metrics

    @property
    def is_vector(self) -> bool:
        """Whether rewards are vectors, of one objective or more."""
        return isinstance(self.reward, Objectives)

    @property
    def n_objectives(self) -> int:
        """Number of objectives, all to be maximised."""
        return len(self.reward.metrics) if self.is_vector else 1

    @property
    def directions(self) -> tuple[str, ...]:
        """The direction of each objective: ``"max"``, whatever the metrics'."""
        return ("max",) * self.n_objectives

    @property
    def limit(self) -> Constrained | Bounded | None:
        """The bound whose violation is a cost: the constraint, or a bounded reward; None where there is no cost."""
        return self.reward if isinstance(self.reward, Bounded) else self.constraint

    # --- what architectures are worth ------------------------------------------------------------------------------

    def measure(self, states: States, noise: NDArray[np.uint64] | np.uint64 | None = None) -> Metrics:
        """The task's metrics of architectures, without checks.

        Args:
            states: Block states, ``int64`` (n, 7), within the space.
            noise: Seeds of their measurement noise, ``uint64`` (n,) or (); None for no noise.

        Returns:
            One ``float64`` (n,) array per metric.
        """
        return measured(self.benchmark.query_states(states, self.metrics), states, noise)

    def score(self, metrics: Metrics, request: Any = None) -> FloatArray:
        """The reward of metrics in the problem's scale, ``float64`` (n,), or (n, objectives) for a vector reward.

        Args:
            metrics: The task's metrics, such as another surrogate's, each ``float64`` (n,).
            request: What the episodes ask for; None where they ask for nothing.

        Raises:
            ValueError: The request is missing where episodes ask for something.
        """
        return self._scaled(self._raw(metrics, request), self._level(request))

    def regret(self, metrics: Metrics, request: Any = None) -> FloatArray | None:
        """Distance of architectures with these metrics below the certified optimum, ``float64`` (n,).

        In unit scale whatever the problem's: 0 for the optimum, 1 for the mean of random architectures. With a
        :attr:`limit` in points of accuracy: below the best accuracy that meets the bound. A network that misses the
        bound is of no use. It is infinitely far below, so that no mean hides it and the cost is told apart; where the
        constraint is a :class:`~anb_gym.rewards.Constrained`, as of the first version of the ids with a cost, it is as
        far below as one of no accuracy.

        Returns:
            None where no optimum is certified: for a vector reward, for a reward of which it is not known that it never
            falls when a metric improves, on surrogates whose exact front does not ship, and for a bound that nothing
            meets.
        """
        return self._regret(metrics, self._raw(metrics, request), self._level(request), request)

    def cost(self, metrics: Metrics, request: Any = None) -> FloatArray | None:
        """The relative violation of :attr:`limit`, ``float64`` (n,), 0 where it is met; None without one.

        Args:
            metrics: As for :meth:`score`.
            request: As for :meth:`score`.
        """
        if self.limit is None:
            return None
        name = self.limit.performance
        return relative_violation(name, metrics[name], self._own_bounds(request).get("bound", self.limit.bound))

    def assess(self, states: States, request: Any = None, noise: Any = None) -> Evaluation:
        """Evaluation of block states without checks, for inner loops.

        Args:
            states: Block states, ``int64`` (n, 7), within the space.
            request: What the episodes ask for; None where they ask for nothing.
            noise: As for :meth:`measure`.
        """
        exact = self.measure(states)
        metrics = measured(exact, states, noise)
        raw, level = self._raw(metrics, request), self._level(request)
        exactly = raw if metrics is exact else self._raw(exact, request)
        reward, regret = self._scaled(raw, level), self._regret(exact, exactly, level, request)
        return Evaluation(metrics, exact, reward, None if self.is_vector else raw, regret, self.cost(metrics, request))

    def evaluate(self, archs: Any, *, noise: Noise | int | None = None, **asked: Any) -> Evaluation:
        """Evaluation of architectures, checked, in arrays of their own.

        Args:
            archs: Whatever :meth:`anb_gym.Benchmark.query` takes.
            noise: None for the surrogate's mean; a :class:`~anb_gym.Noise`, or its seed, for what one measurement would
                show.
            **asked: What the episodes ask for, all of them the same, by the names of the options of ``reset``:
                ``preference=[0.3, 0.7]``. Needed where episodes ask for something.

        Raises:
            ValueError: An argument has the wrong type, shape or value, or is missing.
        """
        states = SPACE.as_states(archs, "archs")
        given = {name for name, value in asked.items() if value is not None}
        if not given == set(self.ask.options) >= set(asked):
            known = f"{', '.join(map(repr, self.ask.options))}, which is to be given" if self.ask.options else "nothing"
            raise ValueError(f"episodes of this problem ask for {known}, got {asked!r}")
        # Nothing is left to be drawn.
        request = self.ask.draw(np.random.default_rng(0), asked)[np.zeros(len(states), dtype=np.int64)]
        key = None if noise is None else noise if isinstance(noise, Noise) else Noise(noise)
        found = self.assess(states, request, key)
        return Evaluation(**{field.name: _fresh(getattr(found, field.name)) for field in fields(found)})

    def parts(self, request: Any) -> Iterator[tuple[Rows, Problem, Any]]:
        """Rows of a batch of episodes with their problem and what they ask of it: here all of them at once."""
        yield slice(None), self, request

    def task_of(self, request: Any) -> Task:
        """The task of the first of some episodes: here of all."""
        return self.task

    # --- what is known ---------------------------------------------------------------------------------------------

    @cached_property
    def gauge(self) -> Gauge:
        """Raw rewards that are 0 and 1 in unit scale, measured if need be.

        Raises:
            ValueError: The reward has no scale: all architectures have the same, or it is not finite.
            NoFrontError: It needs the exact front, and there is none for this surrogate.
        """
        if isinstance(self.reward, Objectives):
            return vector_gauge(self.reward, self.surrogate)
        if isinstance(self.limit, Bounded) and (self.constraint is not None or self.ask != NOTHING):
            return bound_gauge(self.limit, self.ask, self.surrogate, limited=self.constraint is None)
        if not isinstance(self.ask, AskPreference):
            return calibration(self.reward, self.surrogate)
        try:
            return asked_gauge(self.reward, self.ask, self.surrogate)
        except NoFrontError as error:
            raise NoFrontError(f'reward_scale="unit" of preferences needs the exact front: {error}') from None

    @property
    def optimum(self) -> CertifiedOptimum | None:
        """The certified optimum over all architectures, as the surrogate sees it, or under the constraint.

        None where there is none: for a vector reward, where episodes ask for different things, for a reward that is not
        known to be monotone, on surrogates whose exact front does not ship, and for a bound that nothing meets.
        """
        if self.is_vector or self.ask != NOTHING:
            return None
        if self.limit is None:
            return certified_optimum(self.reward, self.surrogate)
        found = certified_optimum(self.limit, self.surrogate)
        # The reward of what misses the bound is negative; accuracy is not.
        return None if found is None or found.value < 0.0 else found

    def best_under(self, bounds: Any) -> ConstrainedOptima:
        """The certified most accurate architectures under bounds of the device metric, whatever the reward.

        Args:
            bounds: One or n, in the metric's unit.

        Raises:
            ValueError: The task has not two metrics, the bounds are no finite numbers, or no architecture meets one of
                them; the message names the nearest that can be met.
            NoFrontError: There is no exact front for this surrogate.

        Example:
            >>> import anb_gym
            >>> anb_gym.make_problem("AccelNAS-VCK190-Bound-v0").best_under([3000.0, 4000.0]).accuracy.round(2)
            array([67.26, 66.22])
        """
        if len(self.metrics) != 2:
            raise ValueError(f"bounds need a task with two metrics, {self.task.name!r} has {self.metrics}")
        return self.front.best_under(bounds)

    @property
    def front(self) -> CertifiedFront:
        """The exact Pareto front of the task's metrics, in their units.

        Raises:
            NoFrontError: The task has more than three metrics, or there is none for this surrogate; the message names
                the command that makes it.
        """
        if len(self.metrics) > 3:
            raise NoFrontError(f"no exact front of {len(self.metrics)} metrics is known; the largest has three")
        return self.benchmark.front_of(self.metrics)

    @property
    def front_rewards(self) -> FloatArray:
        """The rewards of the members of :attr:`front`, best accuracy first, ``float64`` (n,) or (n, objectives).

        Raises:
            NoFrontError: As :attr:`front`.
        """
        front = self.front
        return self.score(dict(zip(front.metrics, front.objectives.T, strict=True)))

    @property
    def reference_point(self) -> FloatArray:
        """The worst objectives that count for a hypervolume, ``float64`` (objectives,), in the problem's scale.

        The task's own where there are two objectives, whatever the surrogate; else a tenth of the extent below the
        nadir, in unit scale.

        Raises:
            NoFrontError: Nothing is recorded for the task; the message names the command that does.
        """
        if self.is_vector and self.n_objectives == 2:
            return self._of_metrics(front_scale(self.task).reference_point)
        below = np.full(self.n_objectives, -MARGIN)
        if self.scale == "unit":
            return below
        zero, one = self.gauge.at(self._checked(None))
        scaled: FloatArray = zero + below * (one - zero)
        return scaled

    @property
    def practical_reference_point(self) -> FloatArray | None:
        """The worst objectives of practical use, ``float64`` (2,), in the problem's scale.

        An accuracy of 60 %, and the median of the device metric over the measured networks of at least that accuracy.
        Above it lies what somebody might deploy; above :attr:`reference_point` most of the volume is that of networks
        that nobody would.

        Returns:
            None unless there are two objectives, and where nothing says what was measured on the device.

        Raises:
            NoFrontError: Nothing is recorded for the task; the message names the command that does.
        """
        if not self.is_vector or self.n_objectives != 2:
            return None
        point = front_scale(self.task).practical_reference_point
        return None if point is None else self._of_metrics(point)

    @property
    def judges(self) -> tuple[str, ...]:
        """The surrogates of other families that can judge the task's metrics."""
        predicted = [metric for metric in self.metrics if metric not in COUNTED]
        others = peers(self.surrogate)
        return tuple(f for f in others if all(is_there(shipped_path(f, metric)) for metric in predicted))

    # --- inside ----------------------------------------------------------------------------------------------------

    def _of_metrics(self, point: tuple[float, float]) -> FloatArray:
        """The objectives of a point of the task's metrics, ``float64`` (objectives,)."""
        found: FloatArray = self.score(dict(zip(self.metrics, np.array([point]).T, strict=True)))[0]
        return found

    @cached_property
    def _gauge(self) -> Gauge | None:
        """The gauge if the scale needs it or regret can be told by it; it is not measured for nothing."""
        if self.scale == "unit":
            return self.gauge
        if self.is_vector or isinstance(self.limit, Bounded):
            return None
        if self.ask == NOTHING:
            return None if certified_calibration(self.reward, self.surrogate) is None else self.gauge
        try:
            return self.gauge
        except NoFrontError:
            return None

    @cached_property
    def _best_accuracy(self) -> float | None:
        """The best accuracy under the limit."""
        optimum = self.optimum
        return None if optimum is None else float(optimum.metrics[self.metrics[0]])

    def _best_accuracies(self, request: Any) -> FloatArray | float | None:
        """The best accuracies under the limits of episodes."""
        if self.ask == NOTHING or not isinstance(self.limit, Bounded):
            return self._best_accuracy
        try:
            return self.best_under(self._own_bounds(request)["bound"]).accuracy
        except NoFrontError:
            return None

    def _checked(self, request: Any) -> Any:
        """A request, if it is there where episodes ask for something."""
        if request is None and self.ask.options:
            raise ValueError(f"request must say what episodes ask for, {', '.join(self.ask.options)}, got None")
        return request

    def _level(self, request: Any) -> Level | None:
        return None if self._gauge is None else self._gauge.at(request)

    def _raw(self, metrics: Metrics, request: Any) -> FloatArray:
        reward: Callable[..., FloatArray] = self.reward
        parameters = self.ask.parameters(self._checked(request))
        # A bound that episodes ask for can be that of the constraint.
        return reward(metrics, **({} if isinstance(self.constraint, Bounded) else parameters))

    def _own_bounds(self, request: Any) -> dict[str, FloatArray]:
        """The bounds that episodes ask for, by ``"bound"``, if they do."""
        return self.ask.parameters(self._checked(request)) if isinstance(self.limit, Bounded) else {}

    def _scaled(self, raw: FloatArray, level: Level | None) -> FloatArray:
        return raw if self.scale == "raw" or level is None else level.to_unit(raw)

    def _regret(self, exact: Metrics, raw: FloatArray, level: Level | None, request: Any) -> FloatArray | None:
        if self.limit is not None:
            best, violation = self._best_accuracies(request), self.cost(exact, request)
            if best is None or violation is None:
                return None
            missed = np.inf if isinstance(self.limit, Bounded) else best
            return np.where(violation > 0.0, missed, np.maximum(0.0, best - exact[self.metrics[0]]))
        if self.is_vector or level is None or self._gauge is None or not self._gauge.certified:
            return None
        return level.regret(raw)


def _fresh(value: Any) -> Any:
    """A copy: rewards, raw rewards and metrics can be one array, and users may write to theirs."""
    if isinstance(value, Mapping):
        return {name: _fresh(column) for name, column in value.items()}
    return None if value is None else value.copy()
