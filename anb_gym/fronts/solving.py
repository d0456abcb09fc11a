"""Making certified fronts. Needs the extra ``exact``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from anb_gym.exact import maximize, pareto_front, pareto_front_of
from anb_gym.exact.results import Front, Optimum
from anb_gym.fronts.results import CertifiedFront, tables_directions
from anb_gym.fronts.store import (
    FrontError,
    NoFrontError,
    artefact_checksums,
    front_metrics,
    front_path,
    load_front,
    own_folder,
    read_front,
    save_front,
)
from anb_gym.space import SPACE, States
from anb_gym.surrogates.store import choose_surrogate, load_shipped
from anb_gym.surrogates.worlds import split_world


@lru_cache(maxsize=32)
def solve(
    surrogate: str,
    metric: str,
    fidelity: str = "proxy",
    *,
    workers: int | None = None,
    progress: bool = False,
    checkpoint: Path | None = None,
) -> CertifiedFront:
    """The certified front of accuracy and a metric; remembered for the process.

    Args:
        surrogate: Name of the surrogate.
        metric: A device metric, two as :func:`~anb_gym.fronts.store.choose_front` writes them, or ``"accuracy"`` for
            its optimum.
        fidelity: That of accuracy.
        workers: Threads; by default one per available core. With two device metrics there is one.
        progress: Whether to show how much of the space is closed.
        checkpoint: File that keeps an unfinished search, from which it goes on; not with two device metrics.

    Raises:
        ValueError: The surrogate, the metric or the fidelity is unknown, or a device metric is zero or negative
            somewhere, so that a reward of it need not be defined.
    """
    metrics = front_metrics(metric, fidelity)
    surrogates = [load_shipped(choose_surrogate(surrogate), name) for name in metrics]
    checksums = artefact_checksums(surrogate, metric, fidelity)
    # The least sum first: where it is not positive, a reciprocal link has a pole and a front means nothing.
    named = list(zip(metrics, surrogates, strict=True))
    for name, of_metric in named[1:] or named:  # those of devices, or accuracy alone
        smallest = maximize(of_metric.mean, minimize=True, workers=workers)
        if smallest.value <= 0.0:
            what, where = f"{surrogate} {name}", f"index {smallest.indices[0]}"
            raise ValueError(f"the tables of {what} must be positive, their sum is {smallest.value} at {where}")
    directions = tables_directions(metrics, surrogates)
    result: Front | Optimum
    if len(surrogates) == 1:
        result = maximize(
            surrogates[0].mean,
            minimize=not directions[0],
            workers=workers,
            progress=progress,
            checkpoint=checkpoint,
        )
    elif len(surrogates) > 2:
        result = pareto_front_of([of_metric.mean for of_metric in surrogates], directions, progress=progress)
    else:
        result = pareto_front(
            surrogates[0].mean,
            surrogates[1].mean,
            (directions[0], directions[1]),
            workers=workers,
            progress=progress,
            checkpoint=checkpoint,
            start=_start(surrogate, metric, fidelity),
        )
    return CertifiedFront(surrogate, metrics, result, smallest, checksums)


def _start(surrogate: str, metric: str, fidelity: str) -> States | None:
    """Architectures to begin with: in a world the members of the mean's front, if that is there."""
    name, world = split_world(surrogate)
    if world is None:
        return None
    try:
        return SPACE.index_to_states(load_front(name, metric, fidelity).indices)
    except NoFrontError:
        return None


def solve_all(
    surrogate: str,
    metrics: list[str],
    fidelity: str = "proxy",
    *,
    workers: int | None = None,
    progress: bool = False,
    folder: Path | None = None,
    force: bool = False,
) -> Iterator[tuple[CertifiedFront, Path | None]]:
    """Makes, verifies and writes fronts that are not there yet.

    An unfinished search is kept beside the file of its front, and goes on from there.

    Args:
        surrogate: Name of the surrogate.
        metrics: Device metrics and ``"accuracy"``.
        fidelity: That of accuracy.
        workers: Threads; by default one per available core.
        progress: Whether to show how much of the space is closed.
        folder: Where the fronts go, by default :func:`~anb_gym.fronts.store.own_folder`; fronts elsewhere, such as
            those that ship, count as missing only if it is given.
        force: Make those anew that are there.

    Yields:
        Each front, and its file if it was made now.
    """
    for metric in metrics:
        known = None if force else _known(surrogate, metric, fidelity, folder)
        if known is not None:
            yield known, None
            continue
        path = front_path(surrogate, metric, folder or own_folder(metric), fidelity)
        # Named after the tables too: a search of others begins anew.
        version = "-".join(checksum[:8] for checksum in artefact_checksums(surrogate, metric, fidelity).values())
        checkpoint = path.with_name(f"{path.stem}-{version}.unfinished.npz")
        path.parent.mkdir(parents=True, exist_ok=True)
        front = solve(surrogate, metric, fidelity, workers=workers, progress=progress, checkpoint=checkpoint)
        front.verify()
        yield front, save_front(front, folder)


def _known(surrogate: str, metric: str, fidelity: str, folder: Path | None) -> CertifiedFront | None:
    """The front in a folder, unless it is missing, damaged, or of other surrogates."""
    try:
        if folder is None:
            return load_front(surrogate, metric, fidelity)
        front = read_front(front_path(surrogate, metric, folder, fidelity))
    except FrontError:
        return None
    return front if dict(front.artefacts) == artefact_checksums(surrogate, metric, fidelity) else None
