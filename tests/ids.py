"""Environment ids for tests, from the table of families."""

from anb_gym.envs.families import FAMILIES
from anb_gym.tasks import Task, get_task


def id_of(family: str, task: Task | str = "VCK190") -> str:
    """The id of a task in a family, or the only id of the family."""
    return FAMILIES[family].id_of(get_task(task) if isinstance(task, str) else task)


def _among(*without: str) -> list[str]:
    """Families but for some, with ``"vector_reward"`` for all whose rewards are vectors."""
    vectors = "vector_reward" in without
    return [name for name, family in FAMILIES.items() if name not in without and not (vectors and family.is_vector)]


def all_ids(*without: str) -> list[str]:
    """All ids, but for those of some families."""
    return [env_id for name in _among(*without) for env_id in FAMILIES[name].ids()]


def few_ids(*without: str) -> list[str]:
    """Of all ids those of five tasks: throughput, with one and two versions of tables, latency, neither, reference.

    Golden values tie every id to its numbers; what all ids of a family have in common is tested on these.
    """
    few = [get_task(name) for name in ("VCK190", "TPUv3", "ZCU102-Latency", "Accuracy", "Reference-A100")]
    families = [FAMILIES[name] for name in _among(*without)]
    return [
        env_id
        for family in families
        for env_id in ([i for task in few if task in family.tasks for i in family.ids_of(task)] or family.ids())
    ]


def one_of_each(task: str, *without: str) -> list[str]:
    """The id of a task in every family, but for some."""
    return [id_of(name, task) for name in _among(*without)]
