"""Executors of units: any of ``concurrent.futures``, made from a name and options.

========== =====================================================================================================
local      processes on this machine
dask       a Dask cluster: local, by its address, or made by a class such as ``dask_jobqueue.SLURMCluster``
mpi        processes that MPI started: ``mpiexec -n 9 python -m mpi4py.futures $(which anb-gym) proxy-search ...``
submitit   one SLURM job per unit
========== =====================================================================================================

Workers write records and checkpoints, so on several machines the folder of a search must be on a shared file system.
"""

from __future__ import annotations

import inspect
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib import import_module
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any, Final

from anb_gym._errors import choose, integer
from anb_gym._extras import require


def open_executor(kind: str = "local", workers: int = 1, **options: Any) -> AbstractContextManager[Executor]:
    """Opens an executor; leaving the context closes it.

    Args:
        kind: One of :data:`KINDS`.
        workers: How many units run at once. A Dask cluster that is reached by its address has its own number.
        **options: Of the kind:

            - dask: ``address`` of a scheduler, or ``cluster``, a mapping of ``class`` (its dotted name, by default
              ``distributed.LocalCluster``) and its arguments; ``resources`` that a unit needs, such as ``{GPU: 4}``;
              ``retries``, how often a unit that fails is tried again, by default 0. A unit whose worker is lost runs
              again on another one without that, up to Dask's ``distributed.scheduler.allowed-failures``.
            - mpi: arguments of ``mpi4py.futures.MPIPoolExecutor``.
            - submitit: ``folder`` for scripts and logs, by default ``submitit``; ``cluster``, by default ``slurm`` if
              there is one; all others are parameters of ``submitit.AutoExecutor``, such as ``slurm_partition``.

    Raises:
        ValueError: The kind or an option is unknown, or an option has a bad value.
        ModuleNotFoundError: A package that the kind needs is not installed.
    """
    make = KINDS[choose(kind, KINDS, "executor")]
    workers = integer(workers, 1, "workers")
    parameters = inspect.signature(make).parameters.values()
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        for name in options:
            choose(name, [p.name for p in parameters if p.kind is p.KEYWORD_ONLY], f"an option of the executor {kind}")
    return make(workers, **options)


@contextmanager
def _local(workers: int) -> Iterator[Executor]:
    # Spawned, since threads of torch do not survive a fork.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_follow_parent) as pool:
        yield pool


@contextmanager
def _dask(
    workers: int,
    *,
    address: str | None = None,
    cluster: Mapping[str, Any] | None = None,
    resources: Mapping[str, float] | None = None,
    retries: int = 0,
) -> Iterator[Executor]:
    if address is not None and cluster is not None:
        raise ValueError(f"executor dask must have address or cluster, got both: {address!r} and {cluster!r}")
    distributed = require("distributed", "construction")
    with ExitStack() as stack:
        if address is None:
            address = stack.enter_context(_cluster(workers, cluster or {}))
        client = stack.enter_context(distributed.Client(address))
        # A unit is a function of its arguments, but its record may have been deleted in between: never reuse a result.
        pool = client.get_executor(pure=False, retries=retries, resources=dict(resources or {}) or None)
        yield stack.enter_context(pool)


def _cluster(workers: int, options: Mapping[str, Any]) -> Any:
    """A new Dask cluster with a number of workers, as a context manager."""
    local = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
    name, arguments = options.get("class"), {key: value for key, value in options.items() if key != "class"}
    if name is None:
        return require("distributed", "construction").LocalCluster(**{**local, **arguments})
    module, _, attribute = str(name).rpartition(".")
    try:
        made = getattr(import_module(module), attribute)(**arguments)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise ValueError(f"cluster.class must make a Dask cluster from {arguments}, got {name!r}: {error}") from error
    made.scale(workers)
    return made


def _mpi(workers: int, **options: Any) -> AbstractContextManager[Executor]:
    pool: AbstractContextManager[Executor] = require("mpi4py.futures", "cluster").MPIPoolExecutor(workers, **options)
    return pool


def _submitit(workers: int, *, folder: str = "submitit", cluster: str | None = None, **parameters: Any) -> Executor:
    jobs = require("submitit", "cluster").AutoExecutor(folder, cluster=cluster)
    jobs.update_parameters(**parameters)
    return _Jobs(jobs, workers)


class _Jobs(ThreadPoolExecutor):
    """One job of submitit per call; each of the threads waits for its job, so there are as many jobs as threads."""

    def __init__(self, jobs: Any, workers: int) -> None:
        super().__init__(workers)
        self._jobs = jobs

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return super().submit(lambda: self._jobs.submit(fn, *args, **kwargs).result())


#: Executors by name.
KINDS: Final[Mapping[str, Callable[..., AbstractContextManager[Executor]]]] = {
    "local": _local,
    "dask": _dask,
    "mpi": _mpi,
    "submitit": _submitit,
}


def _follow_parent() -> None:
    """Makes a worker end when its parent does, however that ends, and at once when the user interrupts both."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A pool's workers wait for calls on a pipe that they hold open themselves, so they would outlive a parent that is
    # killed (https://github.com/python/cpython/issues/111873).
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)
