"""Commands that build a data set: ``collect``."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from anb_gym._errors import one_line
from anb_gym._extras import needing
from anb_gym.cli._options import output

_EXTRA = "construction"


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    collect = commands.add_parser("collect", help="train or measure random architectures: a data set of one's own")
    kinds = collect.add_subparsers(title="what", required=True, metavar="WHAT")

    accuracy = kinds.add_parser("accuracy", help="train architectures under a scheme")
    _add_common(accuracy)
    accuracy.add_argument("--scheme", default="proxy", help="a name, or a path that ends in .yaml; by default proxy")
    accuracy.add_argument("--data", default="digits", metavar="DATA", help="digits (default), or imagenet:FOLDER")
    accuracy.add_argument("--training-seed", type=int, default=0, help="of weights and images, by default 0")
    accuracy.add_argument("--device", default="cpu", help="PyTorch's name, such as cpu (default) or cuda")
    accuracy.add_argument("--threads", type=int, default=1, help="threads per network on a CPU, by default 1")
    accuracy.add_argument("--processes", type=int, default=1, help="GPUs that train one network together")
    accuracy.add_argument(
        "--network", action="append", default=[], metavar="KEY=YAML", help="such as width=0.125 or activation=silu"
    )
    accuracy.add_argument("--executor", default="local", help="local (default), dask, mpi or submitit")
    accuracy.add_argument("--workers", type=int, default=1, help="networks at once")
    accuracy.add_argument(
        "--executor-option", action="append", default=[], metavar="KEY=YAML", help="such as address=tcp://host:8786"
    )
    accuracy.set_defaults(run=_accuracy)

    throughput = kinds.add_parser("throughput", help="measure architectures on a device")
    _add_common(throughput)
    throughput.add_argument("--device", required=True, help="cpu, cuda, tpu, zcu102 or vck190")
    throughput.add_argument("--name", help="of the metrics, as in NAME/throughput; by default the device's")
    throughput.add_argument("--resolution", type=int, help="side of the images in pixels")
    throughput.add_argument("--batch", type=int, help="images at once")
    throughput.add_argument("--threads", type=int, help="threads (cpu)")
    throughput.add_argument("--runtime", help="onnxruntime (default) or pytorch (cpu)")
    throughput.add_argument("--compiled", action="store_true", default=None, help="through torch.compile (cuda)")
    throughput.add_argument("--seconds", type=float, help="how long a repeat is timed (cpu: processor time; FPGAs)")
    throughput.add_argument("--board", metavar="HOST", help="the board, as ssh reaches it (FPGAs)")
    throughput.add_argument("--vitis-python", metavar="COMMAND", help="the Python that has pytorch_nndct (FPGAs)")
    throughput.add_argument("--repeats", type=int, default=2, help="passes over all architectures, by default 2")
    throughput.set_defaults(run=_throughput)

    status = kinds.add_parser("status", help="how far a collection is, and which records look wrong")
    status.add_argument("folder", type=Path, metavar="FOLDER")
    status.set_defaults(run=_status)

    export = kinds.add_parser("export", help="write collections as one archive that anb-gym fit --data reads")
    export.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="collections with the same seed")
    export.add_argument("archive", type=Path, metavar="ARCHIVE", help="the file, .tar.gz")
    export.set_defaults(run=_export)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--n", type=int, required=True, help="how many architectures; more can be added later")
    parser.add_argument("--seed", type=int, default=0, help="which architectures, by default 0")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="the collection")
    parser.add_argument("--retry-failed", action="store_true", help="try models again that failed")


def _accuracy(options: argparse.Namespace) -> None:
    with needing(_EXTRA):
        from anb_gym.construction.collection import collect_accuracy
        from anb_gym.construction.executors import open_executor
        from anb_gym.construction.schemes import load_scheme
        from anb_gym.construction.trainer import Trainer
    trainer = Trainer(
        data=options.data,
        device=options.device,
        threads=options.threads,
        processes=options.processes,
        network=_pairs(options.network, "--network"),
    )
    scheme = load_scheme(options.scheme)
    settings = _pairs(options.executor_option, "--executor-option")
    with output(options.out), open_executor(options.executor, options.workers, **settings) as executor:
        steps = collect_accuracy(
            options.out,
            scheme,
            trainer,
            executor,
            n=options.n,
            seed=options.seed,
            training_seed=options.training_seed,
            retry_failed=options.retry_failed,
        )
        _follow(steps, options.n)
    _status(argparse.Namespace(folder=options.out))


def _throughput(options: argparse.Namespace) -> None:
    with needing(_EXTRA):
        from anb_gym.construction.collection import collect_throughput
        from anb_gym.construction.collection.devices import make_device
    names = ("name", "resolution", "batch", "threads", "runtime", "compiled", "seconds", "board", "vitis_python")
    with output(options.out):
        device = make_device(options.device, options.out / "work", **{name: getattr(options, name) for name in names})
        steps = collect_throughput(
            options.out,
            device,
            n=options.n,
            seed=options.seed,
            passes=options.repeats,
            retry_failed=options.retry_failed,
        )
        _follow(steps, options.n * options.repeats)
    _status(argparse.Namespace(folder=options.out))


def _follow(steps: Iterable[Any], total: int) -> None:
    """Lets a collection run, with a progress bar and the errors of models on the error stream."""
    with needing(_EXTRA):
        from tqdm import tqdm
    bar = tqdm(steps, total=total, file=sys.stderr)
    reported = set()
    for step in bar:
        if step.error and step.number not in reported:
            reported.add(step.number)
            bar.write(f"record {step.number} failed: {one_line(step.error)}", file=sys.stderr)


def _status(options: argparse.Namespace) -> None:
    with needing(_EXTRA):
        from anb_gym.construction.collection import status as status_of
    status = status_of(options.folder)
    print(f"{options.folder}: {status.records} of {status.n} architectures, {len(status.failures)} failed")
    for metric, count in status.values.items():
        print(f"  {metric}: {count} values")
    for metric, tau in status.agreement.items():
        print(f"  {metric}: Kendall's τ between the first two repeats is {tau:.4f}")
    if not math.isnan(status.seconds):
        print(f"  one value in {status.seconds:.3g} s" + f", {status.eta / 3600:.2f} h to go" * (status.eta > 0))
    for number, error in status.failures.items():
        print(f"  record {number} failed: {one_line(error)}")
    for outlier in status.outliers:
        print(
            f"  record {outlier.number} is an outlier: {outlier.metric} {outlier.value:.6g} is "
            f"{outlier.score:+.1f} standard deviations off {outlier.reason}"
        )


def _export(options: argparse.Namespace) -> None:
    with needing(_EXTRA):
        from anb_gym.construction.collection import export
    with output(options.archive.parent, argument="ARCHIVE"):
        count = export(options.folders, options.archive)
    print(f"{count} records in {options.archive}")


def _pairs(texts: Iterable[str], argument: str) -> dict[str, Any]:
    """Options that are given as ``KEY=YAML``, such as ``width=0.125``."""
    with needing(_EXTRA):
        import yaml
    pairs = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator:
            raise ValueError(f"{argument} must be KEY=VALUE, got {text!r}")
        pairs[name] = yaml.safe_load(value)
    return pairs
