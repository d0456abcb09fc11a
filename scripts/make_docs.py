"""Writes docs/environments: one page per family of environments, from docstrings, and what their rewards are worth.

Run it when a docstring or a task has changed, and with ``--worst`` when surrogates have.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Final

import gymnasium
from reward_tables import (
    BENCHMARK,
    COLUMNS,
    WORST,
    Row,
    bound_rows,
    constrained_rows,
    other_rows,
    scalar_rows,
    search_worst,
    vector_rows,
)

from anb_gym import SPACE
from anb_gym._files import write_atomically
from anb_gym.calibration import N_RANDOM
from anb_gym.devices import DEVICES
from anb_gym.envs.families import FAMILIES, Family
from anb_gym.reports.markdown import table

FOLDER: Final = WORST.parent


@dataclass(frozen=True)
class Page:
    """A page that a docstring fills.

    Attributes:
        name: Of the file, without its suffix.
        title: Its heading.
        source: The module whose docstring it is, or a class in it after a colon.
        ids: The ids that it describes.
    """

    name: str
    title: str
    source: str
    ids: Sequence[str] = ()

    @property
    def docstring(self) -> str:
        """The docstring, as Markdown."""
        module, _, name = self.source.partition(":")
        source = import_module(module)
        text = inspect.getdoc(getattr(source, name) if name else source) or ""
        text = re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"`\1`", text)  # Sphinx's references
        return re.sub(r"(?<!`)``([^`]+)``(?!`)", r"`\1`", text)  # and its literals; fences stay


def _of_family(family: Family) -> Page:
    tasks = [task for task in family.tasks if task.device is None or DEVICES[task.device].ships]
    ids = [env_id for task in tasks for env_id in reversed(family.ids_of(task))] or list(family.ids())
    return Page(family.name, family.title, family.page or family.env, ids)


#: A page per family, the plainest first, and what is no family of ids.
PAGES: Final = (
    *map(_of_family, sorted(FAMILIES.values(), key=lambda family: family.name != "build")),
    Page("multi_agent", "Many agents", "anb_gym.envs.multi_agent"),
    Page("vector", "Vector environments", "anb_gym.envs.core.vector"),
    Page("sb3", "Stable-Baselines3", "anb_gym.envs.adapters.sb3"),
)

OVERVIEW: Final = """# Environments

<!-- written by scripts/make_docs.py -->

{families}

## What rewards are worth

In the formula's own number, `reward_scale="raw"`, and in parentheses in unit scale, the default. All is without noise
and as the default surrogate, `"{surrogate}"`, sees it. *Worst* and *best* are exact over all {size:,} architectures: no
reward here falls when a metric improves, so the best architecture lies on the certified Pareto front, and the worst on
the front of the worst, which the same search finds. The *random mean* is that of {n_random:,} uniformly random
architectures. Throughput is in images/s, latency in ms.

{scalar}

A step of an `AccelNAS-Edit` id has the reward of the architecture after it, less that before it. In unit scale every
preference has the random mean 0 and the best 1. What has newer tables or accuracy under the reference scheme is as
those tables see it, without the worst. `anb_gym.envs.accelnas_v0` has the rewards of the task's id.

### Vector rewards

A row per objective, each metric for itself: no architecture is the best, or the worst, in all. With `"raw"` the
objective is the negative of a latency.

{vector}

### Constraints

The best accuracy is that of the architectures that meet the bound, whose cost is 0. The worst reward and the worst cost
belong to different architectures. In the unit scale of `-v1` those random architectures that meet the bound have the
mean 0, not all of them.

{constrained}

As one number, here with each task's own bound, which `-Bound` ids draw. Most random architectures miss it, and have at
most -1; those that meet it have the mean 0, but that none has less than -1.

{bound}
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line and writes the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worst", action="store_true", help="first search for the smallest rewards: a minute or two")
    if parser.parse_args(arguments).worst:
        search_worst()
    for name, text in pages().items():
        write_atomically(FOLDER / name, text.encode())


def pages() -> dict[str, str]:
    """The text of every page by file name."""
    return {"README.md": overview(), **{f"{page.name}.md": page_text(page) for page in PAGES}}


def overview() -> str:
    """The page that lists all families and what their rewards are worth."""
    families = [[f"[{page.title}]({page.name}.md)", page.docstring.partition("\n")[0]] for page in PAGES]
    scalar, vector, constrained, bound = scalar_rows(), vector_rows(), constrained_rows(), bound_rows()
    scalar += other_rows([*scalar, *vector, *constrained, *bound])
    return OVERVIEW.format(
        families=text_table(("Family", ""), families),
        surrogate=BENCHMARK.surrogate,
        size=SPACE.size,
        n_random=N_RANDOM,
        scalar=text_table(COLUMNS, scalar),
        vector=text_table(COLUMNS, vector),
        constrained=text_table(COLUMNS, constrained),
        bound=text_table(COLUMNS, bound),
    )


def page_text(page: Page) -> str:
    """A page: ids and spaces, then what the docstring says."""
    parts = [f"# {page.title}", "<!-- written by scripts/make_docs.py from the docstring -->"]
    if page.ids:
        env = gymnasium.make(page.ids[0])
        assert env.spec is not None
        rows = [
            ["Import", f'`gymnasium.make("anb_gym:{page.ids[0]}")`'],
            ["Action space", f"`{env.action_space}`"],
            ["Observation space", f"`{env.observation_space}`"],
            ["Class", f"`{env.spec.entry_point}`".replace(":", ".")],
            ["Ids", ", ".join(f"`{env_id}`" for env_id in page.ids)],
        ]
        parts.append(text_table(("", ""), rows))
    return "\n\n".join([*parts, page.docstring]) + "\n"


def text_table(heading: Sequence[str], rows: Sequence[Row]) -> str:
    """A table in Markdown that holds more than numbers."""
    return "\n".join(table(heading, rows, numbers=False))


if __name__ == "__main__":
    main()
