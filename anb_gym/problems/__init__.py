"""Problems: what is sought, and what an architecture is worth there.

A :class:`Problem` is a task, a reward, a scale and a surrogate. Environments, vector environments, studies, agents and
reports all ask a problem; nothing else knows how to score. :func:`anb_gym.make_problem` makes the one behind an
environment id::

    block states -> metrics -> raw reward -> reward, regret
                    measure    reward        gauge

A problem may let every episode ask for something of its own, such as weights or a bound: its :class:`Ask`, and what a
batch of episodes asks for, a :class:`Request`. A :class:`ProblemSet` asks for one of several problems, and a
:class:`GeneratedProblem` for a design for a device that does not exist. A :class:`MeasuredProblem` tells nothing of the
device but by measuring. A :class:`TwoFidelityProblem` sells evaluations under two schemes, and judges under one.
"""

from typing import TypeAlias

from anb_gym.calibration import Level
from anb_gym.problems.asks import (
    Ask,
    AskBound,
    AskKeptBound,
    AskNothing,
    AskPreference,
    AskWeights,
    Bounds,
    KeptBounds,
    Nothing,
    Request,
    Weights,
    joined,
)
from anb_gym.problems.evaluation import Evaluation
from anb_gym.problems.fidelities import FIDELITIES, TwoFidelityProblem
from anb_gym.problems.gauges import SCALES, Gauge
from anb_gym.problems.generated import AskDesign, Designs, GeneratedProblem
from anb_gym.problems.many_bounds import ManyBoundsProblem
from anb_gym.problems.measured import AskMeasuredDesign, MeasuredProblem
from anb_gym.problems.problem import Problem
from anb_gym.problems.sets import AskProblem, ProblemSet, Selection
from anb_gym.problems.target_devices import DeviceFront, TargetDevice

#: What can be behind an environment.
AnyProblem: TypeAlias = Problem | ProblemSet | GeneratedProblem

__all__ = [
    "FIDELITIES",
    "SCALES",
    "AnyProblem",
    "Ask",
    "AskBound",
    "AskDesign",
    "AskKeptBound",
    "AskMeasuredDesign",
    "AskNothing",
    "AskPreference",
    "AskProblem",
    "AskWeights",
    "Bounds",
    "Designs",
    "DeviceFront",
    "Evaluation",
    "Gauge",
    "GeneratedProblem",
    "KeptBounds",
    "Level",
    "ManyBoundsProblem",
    "MeasuredProblem",
    "Nothing",
    "Problem",
    "ProblemSet",
    "Request",
    "Selection",
    "TargetDevice",
    "TwoFidelityProblem",
    "Weights",
    "joined",
]
