"""The table of environment families, from which ids, pages, tests and studies are derived; and the problem of an id."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import gymnasium
from gymnasium.envs.registration import parse_env_id

from anb_gym import _ids
from anb_gym._errors import choose, one_line
from anb_gym.devices import explained
from anb_gym.tasks import ALL_DEVICES, DATASET_TASKS, REFERENCE_TASKS, TASKS, Task

if TYPE_CHECKING:
    from anb_gym.problems import AnyProblem, Problem, ProblemSet

#: Mean reward, in unit scale, from which a task counts as solved: the certified optimum has 1, random search's mean 0.
REWARD_THRESHOLD: Final = 0.99
#: What Gymnasium puts before an id to say which module registers it.
PREFIX: Final = "anb_gym:"
#: All tasks, in the order in which their ids are registered.
_ALL: Final = (*TASKS.values(), ALL_DEVICES, *REFERENCE_TASKS.values())
#: What ``gymnasium.make`` takes for itself.
_OF_MAKE: Final = ("max_episode_steps", "disable_env_checker")


def _has_two_metrics(task: Task) -> bool:
    return len(task.metrics) == 2 and task.fidelity == "proxy"


def _is_scalar(task: Task) -> bool:
    return task is not ALL_DEVICES


def _is_editable(task: Task) -> bool:
    return task is not ALL_DEVICES and task.fidelity == "proxy"


@dataclass(frozen=True)
class Family:
    """Environments that differ in their task alone, or one environment for several tasks.

    Attributes:
        name: That of its page, ``docs/environments/<name>.md``.
        title: The page's heading.
        id: The ids, with ``{task}`` and ``{version}``, see :data:`anb_gym._ids.FORMS`.
        env: The class, ``"module:Class"``.
        vector_env: The class of many copies.
        problem: The function that makes the problem, ``"module:function"``, from those arguments of the class that bear
            on it.
        suits: Whether a task has such an environment.
        arguments: What the ids give the class, beside the task.
        fixed: Which of these the caller cannot give otherwise.
        threshold: The mean reward from which a task counts as solved.
        page: The module whose docstring the page is; by default it is the class's.
        versions: How many versions of its ids there are; where several, the class is told which as ``version``.
        is_vector: Whether rewards are vectors.
        searched: Whether studies can search it: every architecture has one worth, the same in all episodes.
    """

    name: str
    title: str
    id: str
    env: str
    vector_env: str
    problem: str
    suits: Callable[[Task], bool] = _is_scalar
    arguments: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    fixed: tuple[str, ...] = ()
    threshold: float | None = None
    page: str | None = None
    versions: int = 1
    is_vector: bool = False
    searched: bool = False

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks that have such an environment; none if it is for several at once."""
        return tuple(task for task in _ALL if "{task}" in self.id and self.suits(task))

    def id_of(self, task: Task, version: int | None = None) -> str:
        """The id of the environment of a task, by default the newest with the first tables."""
        newer = self.versions - 1 if version is None else version
        return self.id.format(task=task.name, version=task.version + newer)

    def ids_of(self, task: Task) -> list[str]:
        """The ids of the environments of a task, the newest last: versions of the class, then of the tables."""
        return [self.id_of(task, version) for version in range(self.versions + len(task.surrogates) - 1)]

    def ids(self) -> dict[str, dict[str, Any]]:
        """The ids with what they give the class."""
        if not self.tasks:
            return {self.id: dict(self.arguments)}
        return {
            env_id: {"task": task.name, **self.arguments, **self._told(task, version)}
            for task in self.tasks
            for version, env_id in enumerate(self.ids_of(task))
        }

    def _told(self, task: Task, version: int) -> dict[str, Any]:
        """What an id tells the class beside the task: its version where there are several, and newer tables."""
        last = self.versions - 1
        told: dict[str, Any] = {"version": min(version, last)} if last else {}
        return told | ({"surrogate": task.surrogates[version - last]} if version > last else {})

    def load(self, what: str) -> Any:
        """One of its classes or functions: ``"env"``, ``"vector_env"`` or ``"problem"``."""
        module, _, name = getattr(self, what).partition(":")
        return getattr(import_module(module), name)


_FAMILIES: Final = {
    family.name: family
    for family in (
        Family(
            "vector_reward",
            "Vector rewards",
            _ids.FORMS["vector reward"],
            env="anb_gym.envs.vector_reward:MOBuildEnv",
            vector_env="anb_gym.envs.vector_reward:MOBuildVectorEnv",
            problem="anb_gym.envs.vector_reward:make_problem",
            suits=lambda task: True,
            is_vector=True,
            searched=True,
        ),
        Family(
            "build",
            "Building an architecture",
            _ids.FORMS["scalar"],
            env="anb_gym.envs.build:BuildEnv",
            vector_env="anb_gym.envs.build:BuildVectorEnv",
            problem="anb_gym.envs.build:make_problem",
            threshold=REWARD_THRESHOLD,
            searched=True,
        ),
        Family(
            "preference",
            "Sampled preferences",
            _ids.FORMS["preference"],
            env="anb_gym.envs.build:BuildEnv",
            vector_env="anb_gym.envs.build:BuildVectorEnv",
            problem="anb_gym.envs.build:make_problem",
            suits=_has_two_metrics,
            arguments=MappingProxyType({"reward": "chebyshev", "preference": "sampled"}),
            fixed=("preference",),
            threshold=REWARD_THRESHOLD,
            page="anb_gym.envs.preference",
        ),
        Family(
            "constrained",
            "Constraints as costs",
            _ids.FORMS["constrained"],
            env="anb_gym.envs.constrained:ConstrainedBuildEnv",
            vector_env="anb_gym.envs.constrained:ConstrainedBuildVectorEnv",
            problem="anb_gym.envs.constrained:make_problem",
            suits=_has_two_metrics,
            fixed=("version",),
            versions=2,
        ),
        Family(
            "bound",
            "Sampled bounds",
            _ids.FORMS["bound"],
            env="anb_gym.envs.bound:BoundBuildEnv",
            vector_env="anb_gym.envs.bound:BoundBuildVectorEnv",
            problem="anb_gym.envs.bound:make_problem",
            suits=_has_two_metrics,
            threshold=REWARD_THRESHOLD,
        ),
        Family(
            "transfer",
            "Transfer between devices",
            _ids.TRANSFER,
            env="anb_gym.envs.transfer:TransferBuildEnv",
            vector_env="anb_gym.envs.transfer:TransferBuildVectorEnv",
            problem="anb_gym.envs.transfer:make_problem",
            arguments=MappingProxyType({"tasks": [task.name for task in DATASET_TASKS]}),
            threshold=REWARD_THRESHOLD,
        ),
        *(
            Family(
                name,
                title,
                _ids.GENERATED[form],
                env=f"anb_gym.envs.generated:{env}",
                vector_env=f"anb_gym.envs.generated:{env.replace('BuildEnv', 'BuildVectorEnv')}",
                problem="anb_gym.envs.generated:make_problem",
                arguments=MappingProxyType({"reward": reward}),
                fixed=("reward",),
                threshold=None if is_vector else REWARD_THRESHOLD,
                is_vector=is_vector,
            )
            for name, title, form, env, reward, is_vector in (
                ("generated", "Generated devices", "scalar", "GeneratedBuildEnv", "product", False),
                (
                    "generated_mo",
                    "Generated devices, vector rewards",
                    "vector reward",
                    "MOGeneratedBuildEnv",
                    "objectives",
                    True,
                ),
                (
                    "generated_preference",
                    "Generated devices, sampled preferences",
                    "preference",
                    "PreferenceGeneratedBuildEnv",
                    "chebyshev",
                    False,
                ),
                (
                    "generated_constrained",
                    "Generated devices, constraints as costs",
                    "constrained",
                    "ConstrainedGeneratedBuildEnv",
                    "accuracy",
                    False,
                ),
            )
        ),
        Family(
            "probe",
            "Measuring before designing",
            _ids.PROBE,
            env="anb_gym.envs.probe:ProbeEnv",
            vector_env="anb_gym.envs.probe:ProbeVectorEnv",
            problem="anb_gym.envs.probe:make_problem",
        ),
        Family(
            "bounds",
            "Bounds on several devices",
            _ids.BOUNDS,
            env="anb_gym.envs.bounds:ManyBoundsBuildEnv",
            vector_env="anb_gym.envs.bounds:ManyBoundsBuildVectorEnv",
            problem="anb_gym.envs.bounds:make_problem",
            threshold=REWARD_THRESHOLD,
            searched=True,
        ),
        Family(
            "two_fidelity",
            "Two fidelities",
            _ids.TWO_FIDELITY,
            env="anb_gym.envs.two_fidelity:TwoFidelityEnv",
            vector_env="anb_gym.envs.two_fidelity:TwoFidelityVectorEnv",
            problem="anb_gym.envs.two_fidelity:make_problem",
            threshold=REWARD_THRESHOLD,
            searched=True,
        ),
        Family(
            "edit",
            "Editing an architecture",
            _ids.FORMS["edit"],
            env="anb_gym.envs.edit:EditEnv",
            vector_env="anb_gym.envs.edit:EditVectorEnv",
            problem="anb_gym.envs.build:make_problem",
            suits=_is_editable,
            searched=True,
        ),
    )
}
#: All families by name, in the order in which a task's ids are registered; :func:`anb_gym.envs.register` adds to them.
FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(_FAMILIES)


def add(family: Family) -> None:
    """Adds a family to the table.

    Raises:
        ValueError: Another family has its name, or one of its ids is malformed or taken.
    """
    if family.name in FAMILIES:
        raise ValueError(f"family must have a name of its own, got {family.name!r}, which is taken")
    for env_id in family.ids():
        try:
            parse_env_id(env_id)
        except gymnasium.error.Error as error:
            raise ValueError(
                f"family must have ids that Gymnasium takes, got {env_id!r}: {one_line(str(error))}"
            ) from None
        if env_id in gymnasium.registry:
            raise ValueError(f"family must have ids of its own, got {env_id!r}, which is taken")
    _FAMILIES[family.name] = family


def ids() -> dict[str, Family]:
    """The family of every id, in the order of registration: task by task, then those of several tasks."""
    found = {
        env_id: family
        for task in _ALL
        for family in FAMILIES.values()
        if task in family.tasks
        for env_id in family.ids_of(task)
    }
    return found | {family.id: family for family in FAMILIES.values() if not family.tasks}


def make_problem(id: str, **arguments: Any) -> AnyProblem:
    """The problem behind an environment: what is sought, and what every architecture is worth there.

    Args:
        id: An environment id, with or without ``anb_gym:`` before it.
        **arguments: Those of ``gymnasium.make``; what does not bear on the problem, such as ``granularity``, is taken
            and makes no difference.

    Raises:
        ValueError: The id, an argument or its value is unknown, or contradicts the id.
        DeviceError: The id is of a device that could not be read; the message says why.
        NoFrontError: A reward or its scale needs the exact front, and there is none for the surrogate.

    Example:
        >>> import anb_gym
        >>> problem = anb_gym.make_problem("AccelNAS-VCK190-v0", reward="accuracy", reward_scale="raw")
        >>> problem.evaluate(anb_gym.EFFICIENTNET_B0).reward.round(2)
        array([65.8])
    """
    known = ids()
    with explained(id):
        env_id = choose(id.removeprefix(PREFIX) if isinstance(id, str) else id, known, "id")
    family = known[env_id]
    # As gymnasium.make does it, with the same refusal of what contradicts the id.
    spec = gymnasium.spec(env_id)
    given = deepcopy(spec.kwargs)
    given.update(arguments)
    taken = [name for name in inspect.signature(family.load("env").__init__).parameters if name != "self"]
    for name in arguments:
        if name not in _OF_MAKE:
            choose(name, taken, f"an argument of {env_id}")
    make: Callable[..., AnyProblem] = family.load("problem")
    bearing = inspect.signature(make).parameters
    return make(**{name: value for name, value in given.items() if name in bearing})


def make_known_problem(id: str, **arguments: Any) -> Problem | ProblemSet:
    """The problem behind an environment whose devices are known, as :func:`make_problem`.

    Raises:
        ValueError: As there, or the devices of the id are generated.
    """
    problem = make_problem(id, **arguments)
    # The table of families is read without the package of problems.
    from anb_gym.problems import GeneratedProblem

    if isinstance(problem, GeneratedProblem):
        raise ValueError(f"id must be one whose devices are known, got {id!r}: its devices are generated")
    return problem
