"""The command ``query``: what architectures score."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from anb_gym import EFFICIENTNET_B0, SPACE, Architecture, Benchmark
from anb_gym._types import FloatArray
from anb_gym.benchmark import METRICS, PREDICTED
from anb_gym.cli._options import add_json, add_metrics, metrics, names, print_json
from anb_gym.surrogates.store import FAMILIES, SURROGATES

#: What reads as an architecture: an index, or the text of one.
_ARCHITECTURE: Final = re.compile("-?[0-9]+|e[0-9]+k[0-9]+l[0-9]+s[0-9]+(-.*)?")


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    query = commands.add_parser("query", help="score architectures")
    query.add_argument(
        "architectures", nargs="*", help="text such as e1k3l1s1-e6k3l2s1-..., or an index; by default EfficientNet-B0"
    )
    add_metrics(query, "separated by commas or spaces, by default all; a device alone means its throughput")
    query.add_argument("--surrogate", default=FAMILIES[0], help=f"one of {', '.join(SURROGATES)}")
    add_json(query)
    query.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    # Architectures may follow metrics: no metric reads as one.
    given = names(options.metrics)
    texts = options.architectures + [text for text in given if _ARCHITECTURE.fullmatch(text)]
    wanted = metrics([text for text in given if not _ARCHITECTURE.fullmatch(text)], METRICS)
    states = SPACE.as_states(texts or [EFFICIENTNET_B0], "architectures")
    bench = Benchmark(options.surrogate)
    wanted = wanted or list(bench.metrics)
    values = bench.query(SPACE.from_states(states), wanted, std=bench.world is None)
    indices = SPACE.states_to_index(states).tolist()
    if options.json:
        print_json([_record(row, index, wanted, values) for row, index in enumerate(indices)])
        return
    for row, index in enumerate(indices):
        print(f"{Architecture.from_index(index)}  (index {index})")
        for metric in wanted:
            std = values.get(f"{metric}:std")
            spread = "" if std is None else f" ± {std[row]:.2g}"
            print(f"  {metric:20} {values[metric][row]:14,.2f}{spread} {PREDICTED.get(metric, '')}")


def _record(row: int, index: int, wanted: Sequence[str], values: Mapping[str, FloatArray]) -> dict[str, Any]:
    found: dict[str, Any] = {"architecture": str(Architecture.from_index(index)), "index": index, "metrics": {}}
    for name in wanted:
        std = values.get(f"{name}:std")
        of_metric = {"value": values[name][row], "unit": PREDICTED.get(name, "")}
        found["metrics"][name] = of_metric if std is None else {**of_metric, "std": std[row]}
    return found
