"""What complete architectures are worth in a problem, as pure functions on arrays of any library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from anb_gym._namespace import cast, namespace, placed_like, rows_at
from anb_gym._types import FloatArray
from anb_gym.arrays.tables import Tables
from anb_gym.calibration import Level
from anb_gym.calibration.bounded import LEAST, BoundedLevel
from anb_gym.calibration.tail import tail_sample
from anb_gym.functional.generated import ScoringOfDevices
from anb_gym.metrics import DIRECTIONS, relative_violation
from anb_gym.problems import GeneratedProblem, Problem, ProblemSet
from anb_gym.problems.asks import NOTHING, AskBound, AskKeptBound, AskWeights
from anb_gym.problems.gauges import N_MEANS, AskedGauge, BoundGauge
from anb_gym.rewards import Bounded, ManyBounds
from anb_gym.surrogates.links import Link
from anb_gym.surrogates.sums import table_sums
from anb_gym.surrogates.tables import Blocks, BlockTables, layout

#: A table's sums, by metric, with the link to it.
Functions = list[tuple[str, BlockTables, Link]]
Request = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Scoring:
    """The worth of architectures in a problem with an ask of numbers, or of none.

    Attributes:
        problem: The problem.
        draws: Shape of what an episode draws, uniform in 0..1.
    """

    draws: ClassVar[tuple[int, ...]] = ()

    problem: Problem

    @property
    def nothing(self) -> FloatArray:
        """What asks for nothing in particular: NaN (2,) in place of weights, else ()."""
        return np.full((2,) if isinstance(self.problem.ask, AskWeights) else (), np.nan)

    def functions(self) -> Functions:
        """The tables of the problem's metrics."""
        return self.problem.benchmark.functions(self.problem.metrics)

    def pack(self, tables: Tables) -> Tables:
        """The tables as :meth:`assess` takes them."""
        return tables

    def arrays(self) -> dict[str, Any]:
        """What unit scale, regret and requests need beside tables, ``float64``."""
        problem, gauge, found = self.problem, self._gauge, {}
        if isinstance(gauge, AskedGauge):
            found["means"] = gauge.means
            found |= {f"front {name}": column for name, column in gauge.front.items()}
        if problem.is_vector and gauge is not None:
            found["zero"], found["one"] = gauge.at(None)
        if isinstance(gauge, BoundGauge) and problem.ask != NOTHING:
            limit = gauge.limit
            front = problem.benchmark.front_of((limit.accuracy, limit.performance))
            sample = tail_sample(problem.surrogate, limit.performance, limit.accuracy)
            sign = 1.0 if DIRECTIONS[limit.performance] == "max" else -1.0
            found["front quality"] = sign * front.objectives[:, 1]
            found["front accuracy"] = np.ascontiguousarray(front.objectives[:, 0])
            ends = np.searchsorted(sample.quality, np.sort(sign * np.array([front.nadir[1], front.ideal[1]])))
            part = slice(ends[0], ends[1] + 1)
            found["tail quality"] = sample.quality[ends[0] : ends[1]]
            found["tail accuracy"] = sample.accuracy[part] / sample.weight[part]
        return found

    # --- requests --------------------------------------------------------------------------------------------------

    def request(self, drawn: Any, given: Any, arrays: dict[str, Any]) -> Request:
        """The requests of episodes: of the given preference where it is a number, elsewhere of what is drawn.

        Args:
            drawn: Weights of accuracy or positions of bounds, uniform in 0..1, (...).
            given: Weights (..., 2), or bounds in the metric's unit (...); NaN where none is given.
            arrays: Those of :meth:`arrays`.
        """
        ask, xp = self.problem.ask, namespace(drawn)
        if isinstance(ask, AskWeights):
            weights = xp.stack([drawn, 1.0 - drawn], -1)
            return {"weights": xp.where(given == given, given, weights)}
        if isinstance(ask, AskBound):
            is_given = given == given
            at = xp.where(is_given, (given - ask.nadir) / (ask.ideal - ask.nadir), drawn)
            bound = ask.nadir + at * (ask.ideal - ask.nadir)
            if isinstance(ask, AskKeptBound):
                low, high = sorted((ask.nadir, ask.ideal))
                bound = xp.where(is_given, given, xp.clip(bound, low, high))
            return {"position": at, "bound": bound}
        return {}

    def cells(self, request: Request) -> Any:
        """What observations show of requests, (..., cells); None if that is nothing."""
        if "weights" in request:
            return request["weights"]
        return request["position"][..., None] if "position" in request else None

    # --- worth -----------------------------------------------------------------------------------------------------

    def assess(self, tables: Tables, arrays: dict[str, Any], states: Any, request: Request) -> dict[str, Any]:
        """Reward, metrics, and what else the problem tells of block states (..., 7), as in the last infos.

        Returns:
            ``reward`` (...) or (..., objectives); ``metrics`` (..., metrics) in the order of the task's;
            ``raw_reward``, unless rewards are vectors; ``regret`` where an optimum is certified; ``cost`` where there
            is a bound.
        """
        metrics = tables.query(states)
        found = self.worth(metrics, arrays, request)
        return {**found, "metrics": namespace(states).stack([metrics[name] for name in self.problem.metrics], -1)}

    def worth(self, metrics: dict[str, Any], arrays: dict[str, Any], request: Request) -> dict[str, Any]:
        """As :meth:`assess`, of metrics by name, and without these."""
        problem = self.problem
        own = {} if isinstance(problem.constraint, Bounded) else self._parameters(request)
        reward: Callable[..., Any] = problem.reward
        raw = reward(metrics, **own)
        level = None if self._gauge is None else self._level(arrays, request)
        found = {"reward": raw if problem.scale == "raw" or level is None else level.to_unit(raw)}
        if not problem.is_vector:
            found["raw_reward"] = raw
        if problem.limit is not None:
            found["cost"] = cost = self._cost(metrics, request)
            best = self._best_accuracy(arrays, request)
            if best is not None:
                xp = namespace(cost)
                missed = np.inf if not self._is_first_constrained else best
                below = xp.maximum(0.0, best - metrics[problem.metrics[0]])
                found["regret"] = xp.where(cost > 0.0, missed, below)
        elif level is not None and self._gauge is not None and self._gauge.certified and not problem.is_vector:
            found["regret"] = level.regret(raw)
        return found

    # --- inside ----------------------------------------------------------------------------------------------------

    @property
    def _gauge(self) -> Any:
        return self.problem._gauge

    @property
    def _is_first_constrained(self) -> bool:
        return not isinstance(self.problem.limit, Bounded | ManyBounds)

    def _parameters(self, request: Request) -> dict[str, Any]:
        """The arguments of the reward that requests set."""
        if "weights" in request:
            first = request["weights"][..., 0]
            return {"weights": (first, 1.0 - first)}
        return {"bound": request["bound"]} if "bound" in request else {}

    def _cost(self, metrics: dict[str, Any], request: Request) -> Any:
        limit: Any = self.problem.limit
        if isinstance(limit, ManyBounds):
            return limit.violation(metrics)
        bound = request.get("bound", limit.bound) if isinstance(limit, Bounded) else limit.bound
        return relative_violation(limit.performance, metrics[limit.performance], bound)

    def _best_accuracy(self, arrays: dict[str, Any], request: Request) -> Any:
        if "front quality" in arrays:
            return self._best_under(arrays, self._quality(request))
        if isinstance(self.problem.limit, ManyBounds):
            return self.problem.optimum.value
        return self.problem._best_accuracy if self.problem.ask == NOTHING else None

    def _quality(self, request: Request) -> Any:
        limit: Any = self.problem.limit
        return request["bound"] * (1.0 if DIRECTIONS[limit.performance] == "max" else -1.0)

    def _best_under(self, arrays: dict[str, Any], quality: Any) -> Any:
        xp = namespace(quality)
        at = xp.searchsorted(arrays["front quality"], quality)
        return rows_at(arrays["front accuracy"], xp.clip(at, 0, len(arrays["front accuracy"]) - 1))

    def _level(self, arrays: dict[str, Any], request: Request) -> Level:
        gauge = self._gauge
        if isinstance(gauge, AskedGauge):
            return self._asked_level(arrays, request)
        if isinstance(gauge, BoundGauge) and "front quality" in arrays:
            quality = self._quality(request)
            xp, best = namespace(quality), self._best_under(arrays, quality)
            at = xp.searchsorted(arrays["tail quality"], quality)
            zero = xp.minimum(rows_at(arrays["tail accuracy"], at), best - LEAST)
            return BoundedLevel(zero, best) if gauge.limited else Level(zero, best)
        if "zero" in arrays:
            return Level(arrays["zero"], arrays["one"])
        level = gauge.at(None)
        # The kind of the level is kept: it says how rewards are scaled.
        kind: type[Level] = type(level)
        return kind(*(_number(part) for part in level))

    def _asked_level(self, arrays: dict[str, Any], request: Request) -> Level:
        place = request["weights"][..., 0] if "weights" in request else request["position"]
        xp, last = namespace(place), N_MEANS - 1
        below = xp.clip(xp.floor(place * last), 0, last - 1)
        number = cast(below, xp.int32)
        low, high = rows_at(arrays["means"], number), rows_at(arrays["means"], number + 1)
        zero = low + (place * last - below) * (high - low)
        own = {
            name: tuple(part[..., None] for part in value) if isinstance(value, tuple) else value[..., None]
            for name, value in self._parameters(request).items()
        }
        front = {name.removeprefix("front "): column for name, column in arrays.items() if name.startswith("front ")}
        reward: Callable[..., Any] = self.problem.reward
        return Level(zero, xp.amax(reward(front, **own), -1))


@dataclass(frozen=True, eq=False)
class ScoringOfSeveral:
    """The worth of architectures where every episode asks for one of several problems with the same accuracy.

    Attributes:
        problems: The problems.
        draws: Shape of what an episode draws, uniform in 0..1.
    """

    draws: ClassVar[tuple[int, ...]] = ()

    problems: ProblemSet

    @property
    def nothing(self) -> FloatArray:
        """What asks for no problem in particular, NaN ()."""
        return np.array(np.nan)

    def functions(self) -> Functions:
        """The tables of accuracy, and of all device metrics, with the same order."""
        own = [problem.benchmark.functions(problem.metrics) for problem in self.problems]
        devices = [(name, _of_order(tables, 3), link) for of in own for name, tables, link in of[1:]]
        return [own[0][0], *devices]

    def arrays(self) -> dict[str, Any]:
        """Nothing beside tables."""
        return {}

    def pack(self, tables: Tables) -> Tables:
        """Tables with the entries of all devices one after the other."""
        accuracy, *devices = tables.entries
        return replace(tables, entries=(accuracy, namespace(accuracy).concatenate(devices)))

    def request(self, drawn: Any, given: Any, arrays: dict[str, Any]) -> Request:
        """The requests of episodes: of the given number of a task, elsewhere, where it is NaN, of a drawn one."""
        xp, n = namespace(drawn), len(self.problems)
        number = xp.where(given == given, given, xp.floor(drawn * n))
        return {"task": cast(xp.clip(number, 0, n - 1), xp.int32)}

    def cells(self, request: Request) -> Any:
        """What observations show of requests, (..., tasks)."""
        xp, task = namespace(request["task"]), request["task"][..., None]
        return xp.arange(len(self.problems), **placed_like(task)) == task

    def assess(self, tables: Tables, arrays: dict[str, Any], states: Any, request: Request) -> dict[str, Any]:
        """As :meth:`Scoring.assess`; ``metrics`` are accuracy and the metric of the episode's device."""
        xp, task = namespace(states), request["task"]
        accuracy = tables.metrics[0]
        known = tables.query(states, accuracy)
        (score,) = table_sums([(layout(3), tables.entries[1])], states, task * layout(3).size)
        found: dict[str, Any] = {}
        for number, problem in enumerate(self.problems):
            form = tables.forms[1 + number]
            own = {**known}
            for name in problem.metrics[1:]:
                own[name] = form.link.value(score + form.constant)
            of_task = Scoring(problem).worth(own, {}, {})
            of_task["metrics"] = xp.stack([own[name] for name in problem.metrics], -1)
            for key, value in of_task.items():
                here = task == number
                here = here[..., None] if value.ndim > here.ndim else here
                found[key] = xp.where(here, value, found[key]) if key in found else value
        return found


AnyScoring = Scoring | ScoringOfSeveral | ScoringOfDevices


def scoring_of(problem: Any) -> AnyScoring | None:
    """The scoring of a problem; None of those whose tasks have several accuracies.

    Raises:
        ValueError: The problem's devices are generated, and are too many or their probes have noise.
    """
    if isinstance(problem, GeneratedProblem):
        return ScoringOfDevices(problem)
    if isinstance(problem, ProblemSet):
        accuracies = {of_task.metrics[0] for of_task in problem}
        return ScoringOfSeveral(problem) if len(accuracies) == 1 and all(len(p.metrics) == 2 for p in problem) else None
    return Scoring(problem) if isinstance(problem, Problem) else None


def _of_order(tables: BlockTables, order: int) -> BlockTables:
    if tables.order == order:
        return tables
    terms: dict[Blocks, Any] = {blocks: tables.table(*blocks) for blocks in tables.layout.blocks}
    return BlockTables.from_terms(terms, order)


def _number(part: Any) -> Any:
    """A number as one of Python's, which leaves the dtype of arrays as it is."""
    array = np.asarray(part)
    return float(array.reshape(())) if array.size == 1 else array
