"""The command ``show``: a network, what it scores, and how far it is from the exact fronts."""

from __future__ import annotations

import argparse
from typing import Any, Final

import numpy as np

from anb_gym import EFFICIENTNET_B0, SPACE, Architecture, Benchmark
from anb_gym._extras import is_installed
from anb_gym.benchmark import PREDICTED
from anb_gym.cli._options import add_json, print_json
from anb_gym.complexity import CHANNELS, RESOLUTION, STRIDES
from anb_gym.fronts import NoFrontError
from anb_gym.metrics import DEVICE_METRICS, DIRECTIONS, readable
from anb_gym.surrogates.store import FAMILIES, SURROGATES

#: Cells of a bar that is full at the ideal of a front.
_BAR: Final = 8
_BLOCKS: Final = ("block", "input", "expansion", "kernel", "layers", "SE")
_METRICS: Final = ("metric", "predicted", "", "of front", "accuracy", "best")

_LEFT: Final = ("block", "input", "metric", "", "of front")


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    show = commands.add_parser("show", help="show a network, its metrics and how far it is from exact fronts")
    show.add_argument("architecture", nargs="?", help="its text or index; by default EfficientNet-B0")
    show.add_argument("--surrogate", default=FAMILIES[0], help=f"one of {', '.join(SURROGATES)}")
    add_json(show)
    show.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from anb_gym.envs.rendering.text import labels

    given = EFFICIENTNET_B0 if options.architecture is None else options.architecture
    states = SPACE.as_states([given], "architecture")
    index = int(SPACE.states_to_index(states)[0])
    found = described(index, options.surrogate)
    if options.json:
        print_json(found)
        return
    rows = [[str(number), _input(number), *row] for number, row in enumerate(labels(SPACE.from_states(states)[0]))]
    title = f"{found['architecture']}  (index {index})"
    _print(title, rows, [_shown(metric) for metric in found["metrics"]])
    print("of front: the metric's place between the exact front's nadir and ideal. accuracy: what the most")
    print("accurate network has more that is no worse in this metric. best: the metric's best value among")
    print("all networks that are at least as accurate.")


def described(index: int, surrogate: str = FAMILIES[0]) -> dict[str, Any]:
    """A network's metrics, each with where it stands against the exact front of accuracy and that metric.

    Args:
        index: Of the architecture.
        surrogate: Family of surrogates.

    Returns:
        ``architecture``, ``index`` and ``metrics``: a mapping each of ``name``, ``unit``, ``value``, ``std`` (None in a
        world) and, of a device's metric whose front is known, ``place`` (0 at the front's nadir, 1 at its ideal),
        ``accuracy_left`` (points, up to the most accurate network that is no worse in this metric) and
        ``best_as_accurate`` (of the metric, among those at least as accurate; None if that is this network alone).
    """
    bench = Benchmark(surrogate)
    values = bench.query(index, std=bench.world is None)
    accuracy = float(values["accuracy"][0])
    metrics = []
    for name in bench.metrics:
        std, value = values.get(f"{name}:std"), float(values[name][0])
        found = {"name": name, "unit": PREDICTED.get(name, ""), "value": value}
        found["std"] = None if std is None else float(std[0])
        if name in DEVICE_METRICS:
            found |= _against_front(bench, name, accuracy, value)
        metrics.append(found)
    return {"architecture": str(Architecture.from_index(index)), "index": index, "metrics": metrics}


def _against_front(bench: Benchmark, name: str, accuracy: float, value: float) -> dict[str, Any]:
    try:
        front = bench.front(name)
    except NoFrontError:
        return {}
    sign = 1.0 if DIRECTIONS[name] == "max" else -1.0
    best_accuracy, best = front.objectives.T
    no_worse = sign * best >= sign * value
    as_accurate = best_accuracy >= accuracy
    (_, ideal), (_, nadir) = front.ideal, front.nadir
    return {
        "place": float(np.clip((value - nadir) / (ideal - nadir), 0.0, 1.0)),
        "accuracy_left": float(max(0.0, best_accuracy[no_worse].max() - accuracy)) if no_worse.any() else 0.0,
        "best_as_accurate": float(sign * (sign * best[as_accurate]).max()) if as_accurate.any() else value,
    }


def _input(block: int) -> str:
    """Side and channels of a block's input, at 224 pixels."""
    side = RESOLUTION // 2 // int(np.prod(STRIDES[:block]))
    return f"{side}² x {CHANNELS[block]}"


def _shown(metric: dict[str, Any]) -> list[str]:
    digits = 2 if metric["unit"] else 0  # counts have none
    std = metric["std"]
    spread = f" ± {std:,.0f}" if std and std >= 100.0 else f" ± {std:.2g}" if std else ""
    cells = [metric["name"], f"{metric['value']:,.{digits}f}{spread}", metric["unit"]]
    if "place" not in metric:
        return [*cells, " ", " ", " "]
    full = round(_BAR * metric["place"])
    best = readable(metric["name"], metric["best_as_accurate"])
    return [*cells, "█" * full + "░" * (_BAR - full), f"+{metric['accuracy_left']:.2f}", best]


def _print(title: str, blocks: list[list[str]], metrics: list[list[str]]) -> None:
    """Prints both tables, in colours where rich is installed and the output is a terminal."""
    if not is_installed("rich"):
        from anb_gym.cli.evaluate import in_columns

        print(title)
        for head, rows in ((_BLOCKS, blocks), (_METRICS, metrics)):
            columns = dict(zip(head, map(list, zip(*rows, strict=True)), strict=True))
            print(in_columns(columns, left=_LEFT) + "\n")
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    console.print(title, style="bold", soft_wrap=True)
    for head, rows in ((_BLOCKS, blocks), (_METRICS, metrics)):
        table = Table(box=SIMPLE_HEAD, header_style="dim", padding=(0, 1, 0, 0), pad_edge=False)
        for name in head:
            style = "cyan" if name == "of front" else ""
            table.add_column(name, justify="left" if name in _LEFT else "right", style=style, no_wrap=True)
        for row in rows:
            table.add_row(*row)
        console.print(table)
