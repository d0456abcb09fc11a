"""A preference-conditioned policy: one policy for a whole Pareto front."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import fraction, integer, number
from anb_gym._files import take_array
from anb_gym._types import FloatArray
from anb_gym.metrics import DIRECTIONS
from anb_gym.problems import AskBound, AskPreference, AskWeights, Problem, Request
from anb_gym.rewards import Metrics, Reward, make_reward
from anb_gym.space import SPACE, Choices

from .agent import ArchitectureAgent, Assignment
from .training import BudgetSpent, Training

#: Options of a choice; not all choices have so many.
_OPTIONS: Final = int(SPACE.cardinalities.max())
_VALID: Final = np.arange(_OPTIONS) < SPACE.cardinalities[:, None]
#: Decay of Adam's averages, and what it adds to the root of the second.
_DECAY, _SQUARE_DECAY, _EPSILON = 0.9, 0.999, 1e-6
#: Explorers: how many evaluations each makes, in turns of how many, and its learning rate.
_LIFE, _TURN, _FAST = 2000, 16, 0.5
#: Evaluations that no explorer gets, and the most that all of them get.
_FIRST, _MOST = 20_000, 200_000
#: Steps of Adam when the budget is spent, in which the learning rate falls to zero.
_SETTLING: Final = 200
#: Slots of the memory of evaluated architectures; how often one that is known is drawn again.
_SLOTS, _TRIES = 1 << 18, 8
#: How often what seems to be the best of a bin is measured again where metrics are noisy.
_REPEATS: Final = 8


class PreferenceConditioned(ArchitectureAgent):
    """Learns the best architecture for every preference by imitating the best that it has found for each.

    The preference is one number in 0..1: the weight of accuracy, or the place of a bound. That interval is cut into 512
    bins, and each has a policy of its own, which makes the 28 choices independently of each other. Logits are sums over
    a binary tree: those of the whole interval, of its half, of its quarter and so on down to the bin. So what all
    preferences have in common is learned once, and what tells neighbours apart is learned apart.

    Each turn samples architectures for preferences drawn evenly, with one choice in 28 at random, and none that is
    known already. The metrics of an architecture tell its reward for *every* preference, so each is scored for all
    bins, which costs no evaluation: hindsight, as of Andrychowicz et al. 2017 (https://arxiv.org/abs/1707.01495). Each
    bin keeps the best that was found for it, whoever looked for it, and one step of Adam makes these more probable:
    self-imitation, as of Oh et al. 2018 (https://arxiv.org/abs/1806.05635). Pareto Conditioned Networks (Reymond et al.
    2022, https://arxiv.org/abs/2204.05036) imitate what they found for several objectives, too.

    Sharing has a price: all bins settle in the first good basin. Half of what a budget has beyond 20,000 evaluations,
    200,000 at most, therefore goes to explorers first. Each starts from nothing, looks for the best of one random
    preference, one time in three an end of the front, and leaves what it found to the bins. When the budget is spent,
    some more steps imitate what there is.

    The agent answers with its policy alone; the best that the bins have kept are forgotten when training is over.
    Weights are answered as those in the middle of their bin. A bound is answered as the strictest of its bin, so that
    what is right for the bin meets the bound; that costs accuracy, the less the more bins there are.

    It suits ids that sample a preference (``-Preference``, ``-Bound``), and vector rewards of two metrics (``-MO``),
    for which it learns the Chebyshev reward and acts for weights that it draws. All is numpy: neither training nor
    acting needs torch.

    Where metrics are noisy, the best of thousands is one that was lucky. What would become the best of a bin is
    therefore measured eight times more, which costs as many evaluations, and counts with the mean accuracy of these
    and the worst device metric of all. On the TPUs, some of whose measurements are 20 % off, bounds are broken
    nevertheless: after 50,000 evaluations by 2 % of the designs for TPUv2 and by 8 % for TPUv3, without the repeats by
    60 % and 34 %. How often was chosen on TPUv2, TPUv3, A100 and VCK190-Latency.

    Mechanisms and settings were chosen by hand, while looking at the tasks CPU, VCK190, TPUv3 and A100 with a few
    seeds; half or twice a setting changes little. With 200,000 evaluations and 6 s of one core the greedy designs for
    1,001 weights cover 0.9996 to 0.9999 of the exact hypervolume of every device metric, and those for 200 bounds meet
    all and lose nothing in the median; with 20,000 evaluations 0.998 to 0.999, and 0.954 of TPUv3, whose other basin
    explorers have to find (medians of five seeds, ``scripts/bench/agents.py``): four seeds of ten find it all the same
    and cover 0.997 to 0.999, and there up to 9 % of the bounds are broken after so few.

    Args:
        assignment: What it is to learn.
        n_bins: Bins of preferences, a power of two.
        batch_size: Architectures per turn; by default one in 600 of the budget, but 8 to 128.
        learning_rate: Learning rate of Adam.
        exploration: Part of the choices that are made at random while it trains.
        explorers: Part of the budget beyond 20,000 evaluations that explorers get.

    Raises:
        ValueError: A setting is out of range, or there is no preference to learn.
    """

    def __init__(
        self,
        assignment: Assignment,
        *,
        n_bins: int = 512,
        batch_size: int | None = None,
        learning_rate: float = 0.05,
        exploration: float = 1 / 28,
        explorers: float = 0.5,
    ) -> None:
        budget = assignment.evaluations
        settings = {
            "n_bins": integer(n_bins, 1, "n_bins"),
            "batch_size": integer(
                min(128, max(8, budget // 600)) if batch_size is None else batch_size, 1, "batch_size"
            ),
            "learning_rate": number(learning_rate, "learning_rate"),
            "exploration": fraction(exploration, "exploration"),
            "explorers": fraction(explorers, "explorers"),
        }
        if n_bins & (n_bins - 1):
            raise ValueError(f"n_bins must be a power of two, got {n_bins}")
        if learning_rate <= 0.0:
            raise ValueError(f"learning_rate must be positive, got {learning_rate}")
        super().__init__(assignment, **settings)
        self._reward, self._ask = _learned(assignment)
        answered = 1.0 if isinstance(self._ask, AskBound) else 0.5
        places = (np.arange(n_bins) + answered) / n_bins
        self._policy = _Policy(places, learning_rate)
        self._explorer = _Policy(np.zeros(1), _FAST)
        lives = min(_MOST, max(0, int(explorers * (budget - _FIRST)))) // _LIFE
        self._exploring = lives * _LIFE
        self._lives = np.array(0)
        self._known = np.full(_SLOTS, -1, dtype=np.int64)
        self._logits: FloatArray | None = None

    # --- learning --------------------------------------------------------------------------------------------------

    def train(self, training: Training) -> None:
        with suppress(BudgetSpent):
            while training.remaining:
                if training.done < self._exploring:
                    if training.done >= self._lives * _LIFE:
                        self._lives = self._lives + 1
                        place = np.clip(self.rng.uniform(-0.25, 1.25, size=1), 0.0, 1.0)
                        self._explorer = _Policy(place, _FAST)
                    self._turn(self._explorer, training, _TURN)
                else:
                    self._turn(self._policy, training, self.settings["batch_size"])
                training.checkpoint(self)
        for step in range(_SETTLING):
            self._policy.imitate(self._policy.probabilities, 1.0 - step / _SETTLING)
        # What there is nothing to learn from any more is forgotten: files of trained agents are small.
        self._logits = self._policy.logits.astype(np.float16)

    def _turn(self, policy: _Policy, training: Training, n: int) -> None:
        """Evaluates n architectures for preferences of a policy, and makes one step of Adam."""
        n = min(n, training.remaining)
        bins = np.minimum(_evenly(n, self.rng) * policy.n, policy.n - 1).astype(np.int64)
        probabilities = policy.probabilities
        choices = self._unknown(probabilities[bins])
        request = None if self.problem.is_vector else self._ask.at(policy.places[bins])
        metrics = training.evaluate(choices, request).metrics
        keeping = [self._policy] if policy is self._policy else [self._policy, policy]
        if training.is_noisy:
            rows = np.unique(np.concatenate([of.better(self._rewards(metrics, of.places)) for of in keeping]))
            choices, metrics = choices[rows], self._confirmed(training, choices, request, metrics, rows)
        if len(choices):
            for of in keeping:
                of.keep(choices, self._rewards(metrics, of.places))
        policy.imitate(probabilities)

    def _confirmed(
        self, training: Training, choices: Choices, request: Request | None, metrics: Metrics, rows: NDArray[np.int64]
    ) -> dict[str, FloatArray]:
        """Metrics of some architectures that were measured once, after they are measured again."""
        if not len(rows):
            return {name: values[rows] for name, values in metrics.items()}
        again = np.repeat(rows, _REPEATS)
        repeats = training.evaluate(choices[again], None if request is None else request[again]).metrics
        found = {}
        for name, values in metrics.items():
            of_rows = repeats[name].reshape(len(rows), _REPEATS)
            if name == "accuracy":
                found[name] = of_rows.mean(axis=1)
            elif DIRECTIONS[name] == "max":
                found[name] = np.minimum(values[rows], of_rows.min(axis=1))
            else:
                found[name] = np.maximum(values[rows], of_rows.max(axis=1))
        return found

    def _unknown(self, probabilities: FloatArray) -> Choices:
        """Samples an architecture of each policy, ``int8`` (n, 28), that is not known, as far as that succeeds."""
        choices = np.empty((len(probabilities), SPACE.n_choices), dtype=np.int8)
        rows = np.arange(len(choices))
        for attempt in range(1, _TRIES + 1):
            random = min(1.0, attempt * self.settings["exploration"])
            mixed = (1.0 - random) * probabilities[rows] + random * _VALID / SPACE.cardinalities[:, None]
            choices[rows] = _sample(mixed, self.rng)
            index = SPACE.to_index(choices)
            rows = rows[self._known[_slots(index[rows])] == index[rows]]
            if not len(rows):
                break
        self._known[_slots(index)] = index
        return choices

    def _rewards(self, metrics: Metrics, places: FloatArray) -> FloatArray:
        """The reward of every architecture for every place, ``float64`` (places, architectures)."""
        parameters = self._ask.parameters(self._ask.at(places))
        reward: Callable[..., FloatArray] = self._reward
        return reward(metrics, **{name: values[..., None] for name, values in parameters.items()})

    # --- acting ----------------------------------------------------------------------------------------------------

    def complete(self, choices: Choices, cells: FloatArray, rng: np.random.Generator, greedy: bool) -> Choices:
        logits = self._policy.logits if self._logits is None else self._logits.astype(np.float64)
        probabilities = _softmax(logits)
        if cells.shape[1]:
            # A bound at the edge of two bins is met by what is right for the lower one.
            bins = np.clip(np.ceil(cells[:, 0] * len(logits)).astype(np.int64) - 1, 0, len(logits) - 1)
        else:
            bins = _drawn_bins(choices, probabilities, rng)
        made = probabilities.argmax(axis=2)[bins] if greedy else _sample(probabilities[bins], rng)
        return np.where(choices >= 0, choices, made).astype(np.int8)

    # --- saving ----------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, NDArray[Any]]:
        if self._logits is not None:
            return {"logits": self._logits[:, _VALID]}
        parts = {"policy": self._policy, "explorer": self._explorer}
        arrays = {f"{part}_{name}": array for part, of in parts.items() for name, array in of.state().items()}
        return {"known": self._known, "lives": self._lives, **arrays}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        arrays, n = dict(state), self._policy.n
        if "logits" in arrays:
            self._logits = np.full((n, *_VALID.shape), -np.inf, dtype=np.float16)
            self._logits[:, _VALID] = take_array(arrays, "logits", "float16", (n, int(_VALID.sum())))
            return
        self._known = take_array(arrays, "known", "int64", (_SLOTS,)).copy()
        self._lives = take_array(arrays, "lives", "int64", ()).copy()
        self._policy.restore(arrays, "policy_")
        self._explorer.restore(arrays, "explorer_")


class _Policy:
    """The policies of bins of preferences, and the best architecture that was found for each.

    Args:
        places: The preferences that the bins are learned for, ``float64`` (n,), n a power of two.
        learning_rate: Learning rate of Adam.
    """

    def __init__(self, places: FloatArray, learning_rate: float) -> None:
        self.n, self._places, self._learning_rate = len(places), places, learning_rate
        # The tree: its root, its two halves, the four quarters, ...
        self._weights, self._averages, self._squares = np.zeros((3, 2 * self.n - 1, *_VALID.shape), dtype=np.float32)
        self._turn = np.array(0)
        self._best = np.zeros((self.n, SPACE.n_choices), dtype=np.int8)
        self._rewards = np.full(self.n, np.finfo(np.float64).min)

    @property
    def places(self) -> FloatArray:
        """The preferences that the bins are learned for, ``float64`` (n,)."""
        return self._places

    @property
    def logits(self) -> FloatArray:
        """``float32`` (n, 28, 4), minus infinity where there is no option."""
        logits = self._weights[:1]
        for level in _levels(self.n)[1:]:
            logits = np.repeat(logits, 2, axis=0) + self._weights[level]
        return np.where(_VALID, logits, -np.inf)

    @property
    def probabilities(self) -> FloatArray:
        """``float32`` (n, 28, 4)."""
        return _softmax(self.logits)

    def keep(self, choices: Choices, rewards: FloatArray) -> None:
        """Keeps the best of a batch for each bin, if it is better than what there is.

        Args:
            choices: ``int8`` (k, 28).
            rewards: Of each for each bin, ``float64`` (n, k).
        """
        best = rewards.argmax(axis=1)
        values = rewards[np.arange(self.n), best]
        better = values > self._rewards
        self._best[better], self._rewards[better] = choices[best[better]], values[better]

    def better(self, rewards: FloatArray) -> NDArray[np.int64]:
        """Which of a batch would be kept; arguments as those of :meth:`keep`."""
        rows: NDArray[np.int64] = rewards.argmax(axis=1)[rewards.max(axis=1) > self._rewards]
        return rows

    def imitate(self, probabilities: FloatArray, scale: float = 1.0) -> None:
        """Makes one step of Adam on the likelihood of the best of all bins.

        Args:
            probabilities: Those of the policies, see :attr:`probabilities`.
            scale: Factor of the learning rate.
        """
        gradient = (self._best[:, :, None] == np.arange(_OPTIONS)).astype(np.float32) - probabilities
        gradients = np.empty_like(self._weights)
        for level in reversed(_levels(self.n)):
            gradients[level] = gradient
            if len(gradient) > 1:
                gradient = gradient.reshape(-1, 2, *_VALID.shape).mean(axis=1)
        self._turn = self._turn + 1
        turn = int(self._turn)  # a plain number, so that all stays float32
        self._averages += (1.0 - _DECAY) * (gradients - self._averages)
        self._squares += (1.0 - _SQUARE_DECAY) * (gradients**2 - self._squares)
        deviations = np.sqrt(self._squares / (1.0 - _SQUARE_DECAY**turn)) + _EPSILON
        rate = scale * self._learning_rate / (1.0 - _DECAY**turn)
        self._weights += rate * self._averages / deviations

    def state(self) -> dict[str, NDArray[Any]]:
        """Arrays by name."""
        names = ("weights", "averages", "squares", "turn", "best", "rewards", "places")
        return {name: getattr(self, f"_{name}") for name in names}

    def restore(self, arrays: dict[str, NDArray[Any]], prefix: str) -> None:
        """Takes its arrays."""
        for name, array in self.state().items():
            found = take_array(arrays, f"{prefix}{name}", array.dtype.name, array.shape).copy()
            setattr(self, f"_{name}", found)
        SPACE.validate_choices(self._best)


def _learned(assignment: Assignment) -> tuple[Reward, AskPreference]:
    """What is maximised, and the preferences it is maximised for.

    Raises:
        ValueError: There is no preference.
    """
    problem = assignment.problem
    if isinstance(problem, Problem) and isinstance(problem.ask, AskPreference):
        # Where a violation is a cost beside the reward, a violation is worse than any accuracy here.
        return problem.constraint or problem.reward, problem.ask
    if isinstance(problem, Problem) and problem.is_vector and problem.n_objectives == 2 and not problem.ask.options:
        return make_reward("chebyshev", problem.task), AskWeights()
    raise ValueError(
        "id must sample a preference or have a vector reward of two metrics, such as 'AccelNAS-VCK190-Preference-v0' "
        f"or 'AccelNAS-VCK190-MO-v0', got {assignment.id!r}"
    )


def _drawn_bins(choices: Choices, probabilities: FloatArray, rng: np.random.Generator) -> NDArray[np.int64]:
    """Bins drawn evenly, but by the likelihood of the choices that are made already, ``int64`` (n,)."""
    n = len(choices)
    made = (choices[:, :, None] == np.arange(_OPTIONS)).reshape(n, -1).astype(np.float64)
    logarithms = np.log(np.maximum(probabilities, 1e-12)).astype(np.float64).reshape(len(probabilities), -1)
    ends = _softmax(made @ logarithms.T).cumsum(axis=1)
    bins: NDArray[np.int64] = (_evenly(n, rng)[:, None] * ends[:, -1:] >= ends[:, :-1]).sum(axis=1)
    return bins


def _evenly(n: int, rng: np.random.Generator) -> FloatArray:
    """One number of every nth part of 0..1, in random order, ``float64`` (n,)."""
    evenly: FloatArray = (rng.permutation(n) + rng.random(n)) / n
    return evenly


def _levels(n: int) -> list[slice]:
    """Rows of the levels of a binary tree with n leaves, n a power of two, root first."""
    return [slice(2**level - 1, 2 ** (level + 1) - 1) for level in range(n.bit_length())]


def _softmax(logits: FloatArray) -> FloatArray:
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: FloatArray = weights / weights.sum(axis=-1, keepdims=True)
    return probabilities


def _sample(probabilities: FloatArray, rng: np.random.Generator) -> Choices:
    """Options drawn from policies (n, 28, 4), ``int8`` (n, 28)."""
    ends = probabilities.cumsum(axis=2)
    drawn = (rng.random((len(ends), SPACE.n_choices, 1)) * ends[:, :, -1:] >= ends[:, :, :-1]).sum(axis=2)
    # A draw at the very end of the last option's interval stays in it.
    choices: Choices = np.minimum(drawn, SPACE.cardinalities - 1).astype(np.int8)
    return choices


def _slots(index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the memory keeps architectures: multiplicative hashing by the golden ratio (Knuth 1973)."""
    hashed = index.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (hashed >> np.uint64(64 - 18)).astype(np.int64)
