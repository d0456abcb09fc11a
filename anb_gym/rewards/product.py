"""The reward of Accel-NASBench: accuracy times a weak power of performance."""

from __future__ import annotations

from dataclasses import dataclass, field

from anb_gym._errors import choose, number, positive
from anb_gym._types import FloatArray
from anb_gym.metrics import ACCURACIES, DIRECTIONS, choose_metric
from anb_gym.rewards.accuracy import Accuracy
from anb_gym.rewards.base import OTHERS, Metrics, keep, target_of
from anb_gym.tasks import EXPONENT, Task


@dataclass(frozen=True)
class Product:
    """Accuracy times a weak power of the performance relative to a target.

    ``accuracy * (throughput / target) ** exponent``, and
    ``accuracy * (target / latency) ** exponent``: the reward of Accel-NASBench's
    bi-objective searches (section 4), after MnasNet (Tan et al. 2019,
    https://arxiv.org/abs/1807.11626, section 3). Accuracy is in percent, so values
    lie near 60.

    Attributes:
        performance: The metric beside accuracy; a device alone is its throughput.
        target: Its target, in its unit.
        exponent: How much performance weighs.
        accuracy: The accuracy; ``"accuracy/reference"`` for that under the reference scheme.

    Raises:
        ValueError: A metric is unknown, the target is not positive and finite, or the exponent is not finite.
    """

    performance: str
    target: float
    exponent: float = EXPONENT
    accuracy: str = "accuracy"
    name: str = field(default="product", init=False, repr=False)

    @classmethod
    def for_task(cls, task: Task, target: float | None = None) -> Product | Accuracy:
        """The reward of a task with a target of its own, or its default; accuracy alone where there is nothing else.

        Raises:
            ValueError: The task has more than two metrics, or a target is given where it has none.
        """
        if len(task.metrics) > 2:
            raise ValueError(
                f"reward 'product' needs a task with at most two metrics, {task.name!r} has {task.metrics}"
            )
        if len(task.metrics) == 2:
            return cls(task.metrics[1], target_of(cls, task, target), accuracy=task.metrics[0])
        if target is not None:
            raise ValueError(f"target must be None: the task {task.name!r} has none, got {target!r}")
        return Accuracy.for_task(task)

    def __post_init__(self) -> None:
        performance = choose_metric(self.performance, OTHERS, "performance")
        target, exponent = positive(self.target, "target"), number(self.exponent, "exponent")
        choose(self.accuracy, ACCURACIES.values(), "accuracy")
        keep(self, performance=performance, target=target, exponent=exponent)

    @property
    def monotone(self) -> bool:
        """Whether better performance means more reward."""
        return self.exponent >= 0

    @property
    def metrics(self) -> tuple[str, ...]:
        """Accuracy and the performance metric."""
        return (self.accuracy, self.performance)

    def __call__(self, values: Metrics, target: FloatArray | None = None) -> FloatArray:
        """The reward, as for every reward; with targets ``float64`` (n,) a row may have its own."""
        performance, aim = values[self.performance], self.target if target is None else target
        ratio = performance / aim if DIRECTIONS[self.performance] == "max" else aim / performance
        result: FloatArray = values[self.accuracy] * ratio**self.exponent
        return result
