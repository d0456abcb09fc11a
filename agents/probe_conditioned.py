"""One policy for every device and every place along its front: it reads probes, and learns on generated devices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import integer, positive
from anb_gym._files import take_array
from anb_gym._types import FloatArray
from anb_gym.benchmark import Benchmark
from anb_gym.hardware.catalogue import catalogue
from anb_gym.hardware.costs import STARTS
from anb_gym.hardware.probes import N_PROBES
from anb_gym.hardware.units import in_unit, to_seconds
from anb_gym.problems import Designs, GeneratedProblem
from anb_gym.problems.generated import SHOWN
from anb_gym.rewards import chebyshev, normalise
from anb_gym.space import SPACE, Choices
from anb_gym.tasks import EXPONENT

from .agent import ArchitectureAgent, Assignment
from .masked_network import Adam
from .probe_policy import BLOCKS, SHAPES, ProbePolicy, first_front, sample, softmax, untrained
from .probe_training import Neighbours, most_accurate, policy_gradient
from .training import Training

#: Weight of the entropy at the start; share of the budget after which it is zero, and after which steps get smaller.
_ENTROPY, _EXPLORING, _SETTLING = 0.3, 0.85, 0.6
#: Standard deviations of the logarithm: of the probes in training, and what the regression takes for noise.
_PROBE_NOISE, _REGRESSION_NOISE = 0.02, 0.05
#: Batches that a budget is for, and the least and largest of them.
_STEPS, _LEAST, _MOST = 2500, 16, 64
#: Factor of tables from seconds.
_UNITS: Final = {"throughput": 1.0, "latency": 1e3}
#: Devices that the regression is learned from at most, as evenly as possible among those for training.
_REGRESSED: Final = 10_000
#: Samples for each place that are looked at to answer a request, and devices whose designs are kept.
_SAMPLES, _KEPT = 32, 256


class ProbeConditioned(ArchitectureAgent):
    """``preference_conditioned`` where devices are generated: reads probes, and designs for any place of the front.

    Its policy, see :class:`~anb_gym.agents.probe_policy.ProbePolicy`, estimates the device from its probes, and
    designs for places along the device's front, 0 the fastest, 1 the most accurate. Every episode of the training draws
    a device, and a preference or bound whose number is taken as the place. The reward that it learns from is accuracy,
    less a price for log time beyond the place's, see :class:`~anb_gym.agents.probe_training.Neighbours`.

    **It learns from the tables of generated devices, not from rewards of the environment.** A design is drawn, which
    counts as one evaluation; then each block's states are all tried in it, which needs the values of 257 more
    architectures, read from the tables. So an agent that learns from rewards alone would have made 258 times as many
    evaluations. The record has raw rewards of what was drawn: unit scale needs the front of every device in training.

    A request is answered by the estimate: of the policy's designs for 501 places, 32 samples of each among them, the
    greedy answer is the one that suits the weights, the bound or the product best if the estimate is true. What is
    sampled is drawn from the policy for the place that this one is for. A vector reward, which asks for nothing, is
    answered by any of those designs of which none is better than another.

    Args:
        assignment: What it is to learn, an id with generated devices.
        batch_size: Devices and places per step of Adam; by default one in 2,500 of the budget, but 16 to 64.
        learning_rate: Learning rate of Adam.

    Attributes:
        policy: The policy.

    Raises:
        ValueError: A setting is out of range, metrics are noisy, or devices are not generated.
    """

    def __init__(self, assignment: Assignment, *, batch_size: int | None = None, learning_rate: float = 1e-3) -> None:
        default = min(_MOST, max(_LEAST, assignment.evaluations // _STEPS))
        settings = {
            "batch_size": integer(default if batch_size is None else batch_size, 1, "batch_size"),
            "learning_rate": positive(learning_rate, "learning_rate"),
        }
        super().__init__(assignment, **settings)
        problem = assignment.problem
        if not isinstance(problem, GeneratedProblem):
            raise ValueError(f"id must be of generated devices, got {assignment.id!r}")
        if assignment.noisy:
            raise ValueError("noise must be False for preference_conditioned: it learns from tables, which have none")
        self._problem = problem
        self._policy: ProbePolicy | None = None
        self._adam: Adam | None = None
        self._plans: dict[bytes, _Plan] = {}

    @property
    def policy(self) -> ProbePolicy:
        if self._policy is None:
            self._policy = self._beginner()
        return self._policy

    # --- learning --------------------------------------------------------------------------------------------------

    def train(self, training: Training) -> None:
        policy, neighbours = self.policy, Neighbours(self._problem.surrogate)
        raw, ask = replace(self._problem, scale="raw"), self._problem.ask
        devices = catalogue(ask.kind, ask.leave_out)
        self._adam = adam = self._adam or Adam(policy.network.weights)
        while training.remaining:
            n = min(self.settings["batch_size"], training.remaining)
            request = training.draw(n)
            assert isinstance(request, Designs)
            shown = ask.cells(request)
            logs = _log_times(shown) + _PROBE_NOISE * self.rng.standard_normal((n, N_PROBES))
            places = self._places(shown)
            estimated = policy.estimate(logs)
            logits, kept = policy.forward(estimated, places)
            policies = softmax(logits)
            states = sample(policies, self.rng)
            # The estimate is in units of the probes' geometric mean as it was measured, and so is the truth.
            cells, hosts = devices.cells(request.device)
            unit = _UNITS[ask.kind] * np.exp(ask.log_times(request).mean(axis=1))
            values = neighbours.values(states, places, estimated, cells / unit[:, None], hosts / unit)
            progress = training.done / training.assignment.evaluations
            gradient = policy_gradient(policies, values, _ENTROPY * max(0.0, 1.0 - progress / _EXPLORING))
            by_weights = policy.backward(gradient, kept)
            by_weights /= max(1.0, float(np.linalg.norm(by_weights)))
            rate = min(1.0, max(0.02, (1.0 - progress) / (1.0 - _SETTLING)))
            adam.step(-by_weights, self.settings["learning_rate"] * rate)
            reward = raw.assess(states, request).reward
            training.record(SPACE.states_to_index(states), reward, None, shown)
            training.checkpoint(self)
        self._adam = None
        self._policy = _rounded(policy)

    def _beginner(self) -> ProbePolicy:
        """A policy that has learned to estimate devices of the kind, but not to design."""
        ask, rng = self._problem.ask, np.random.default_rng([self.assignment.seed, 2])
        seeds = np.array(ask.devices)[:: -(-len(ask.devices) // _REGRESSED)]
        request = ask.blank(len(seeds))
        request.device[:] = seeds
        logs = ask.log_times(request)
        cells, hosts = catalogue(ask.kind, ask.leave_out).cells(seeds)
        noisy = logs + _PROBE_NOISE * rng.standard_normal(logs.shape)
        unit = _UNITS[ask.kind]
        return untrained(noisy, cells / unit, hosts / unit, rng, _REGRESSION_NOISE)

    def _places(self, shown: FloatArray) -> FloatArray:
        """Places that episodes ask for: their preference, or drawn evenly."""
        asked = self._problem.ask.preference
        if asked is None:
            return (self.rng.permutation(len(shown)) + self.rng.random(len(shown))) / len(shown)
        # A bound at the ideal is met by the fastest network alone.
        return shown[:, N_PROBES] if asked == "weights" else 1.0 - shown[:, N_PROBES]

    # --- acting ----------------------------------------------------------------------------------------------------

    def complete(self, choices: Choices, cells: FloatArray, rng: np.random.Generator, greedy: bool) -> Choices:
        made = np.empty((len(choices), len(BLOCKS)), dtype=np.int64)
        keys, rows = np.unique(cells[:, :N_PROBES], axis=0, return_inverse=True)
        for number, probes in enumerate(keys):
            of_device = np.flatnonzero(rows == number)
            plan = self._plan(probes)
            best = self._best(plan, cells[of_device, N_PROBES:], rng)
            made[of_device] = plan.states[best] if greedy else sample(softmax(plan.logits[best]), rng)
        return np.where(choices >= 0, choices, SPACE.from_states(made)).astype(np.int8)

    def _plan(self, probes: FloatArray) -> _Plan:
        """Designs for a device, which are kept: many requests are of the same device."""
        key = probes.tobytes()
        if key not in self._plans:
            if len(self._plans) >= _KEPT:
                self._plans.clear()
            self._plans[key] = _Plan(self.policy, probes, self._problem)
        return self._plans[key]

    def _best(self, plan: _Plan, asked: FloatArray, rng: np.random.Generator) -> NDArray[np.int64]:
        """Numbers of the designs that suit requests best, ``int64`` (n,)."""
        if self._problem.is_vector:
            return rng.integers(len(plan.states), size=len(asked))
        preference = self._problem.ask.preference
        if preference is None:
            return np.full(len(asked), plan.products().argmax())
        values = plan.weighted(asked[:, :1]) if preference == "weights" else plan.bounded(asked[:, :1])
        best: NDArray[np.int64] = values.argmax(axis=1)
        return best

    # --- saving ----------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, NDArray[Any]]:
        policy = self.policy
        beside = {name: getattr(policy, name) for name in SHAPES}
        if self._adam is not None:
            return {**beside, **self._adam.state()}
        arrays = {**beside, "weights": policy.network.weights}
        return {name: array.astype(np.float16) for name, array in arrays.items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        arrays = dict(state)
        dtype = "float32" if "average" in arrays else "float16"
        beside = {name: take_array(arrays, name, dtype, shape).astype(np.float32) for name, shape in SHAPES.items()}
        policy = ProbePolicy.blank(**beside)
        if "average" in arrays:
            self._adam = Adam(policy.network.weights)
            self._adam.restore(arrays)
        else:
            policy.network.weights[:] = take_array(arrays, "weights", "float16", policy.network.weights.shape)
        self._policy = policy
        self._plans.clear()


class _Plan:
    """Designs for a device of which none is worse than another in accuracy and time, if the policy's estimate is true.

    Args:
        policy: The policy.
        probes: What an observation shows of them, ``float64`` (10,).
        problem: What is sought.

    Attributes:
        states: Block states, ``int64`` (n, 7), the fastest first.
        logits: Of the policy for the place of each, ``float32`` (n, 264).
    """

    def __init__(self, policy: ProbePolicy, probes: FloatArray, problem: GeneratedProblem) -> None:
        logs = _log_times(probes[None])
        device, floor = policy.estimate(logs)[0], policy.floor(logs)[0]
        found = policy.proposals(device, _SAMPLES, np.random.default_rng(0))
        fastest = np.array([device[block].argmin() for block in BLOCKS])
        states = np.vstack([found.states, fastest, most_accurate()])
        accuracy = Benchmark(problem.surrogate).query_states(states, ["accuracy"])["accuracy"]
        seconds = device[states + STARTS].sum(axis=1)
        metric = in_unit(problem.kind, seconds)
        self._ideal = (float(accuracy[-1]), float(metric[-2]))
        # Bounds lie below what the host allows. For weights this is left out: it would cost coverage.
        self._reachable = float(in_unit(problem.kind, np.maximum(seconds[-2], floor)))
        self._nadir = (float(accuracy[-2]), float(metric[-1]))
        rows = first_front(accuracy[:-2], seconds[:-2])
        self._accuracy, self._seconds, self._metric = accuracy[rows], seconds[rows], metric[rows]
        self.states, self.logits, self._kind = found.states[rows], found.logits[found.place[rows]], problem.kind

    def products(self) -> FloatArray:
        """Logarithms of the product rewards, up to a constant, ``float64`` (designs,)."""
        products: FloatArray = np.log(self._accuracy) - EXPONENT * np.log(self._seconds)
        return products

    def weighted(self, weights: FloatArray) -> FloatArray:
        """Chebyshev rewards for weights of accuracy (n, 1), ``float64`` (n, designs)."""
        return chebyshev(normalise([self._accuracy, self._metric], self._ideal, self._nadir), [weights, 1.0 - weights])

    def bounded(self, place: FloatArray) -> FloatArray:
        """Accuracies where a bound is met that lies between nadir, 0, and ideal, 1, else less, (n, designs).

        Args:
            place: Of the bounds, ``float64`` (n, 1).
        """
        bound = self._nadir[1] + place * (self._reachable - self._nadir[1])
        excess = self._seconds / to_seconds(self._kind, bound) - 1.0
        return np.where(excess <= 0.0, self._accuracy, -excess)


def _log_times(shown: FloatArray) -> FloatArray:
    """Log seconds of the probes less their mean, ``float64`` (n, 10), of what observations show."""
    low, high = SHOWN
    return low + shown[:, :N_PROBES] * (high - low)


def _rounded(policy: ProbePolicy) -> ProbePolicy:
    """The policy as files keep it."""
    beside = {name: getattr(policy, name).astype(np.float16).astype(np.float32) for name in SHAPES}
    rounded = ProbePolicy.blank(**beside)
    rounded.network.weights[:] = policy.network.weights.astype(np.float16)
    return rounded
