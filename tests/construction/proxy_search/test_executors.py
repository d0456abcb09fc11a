"""Executors by name, and what happens when their workers die."""

import os
import signal
import sys
import time
import types
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from synthetic_search import Deadly, Synthetic, config

from anb_gym.construction.executors import open_executor
from anb_gym.construction.proxy_search.records import RECORDS
from anb_gym.construction.proxy_search.report import to_dict
from anb_gym.construction.proxy_search.running import Runner, UnitsFailed
from anb_gym.construction.proxy_search.search import search_proxy
from anb_gym.construction.units import Trained, Unit

UNITS = [Unit(index, config().schemes()[0], 0) for index in range(6)]


def records(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / RECORDS).rglob("[!.]*.json"))


def test_a_worker_that_dies_ends_the_search_and_loses_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "died"
    evaluator = Deadly(once=str(mark))
    failure = pytest.raises(UnitsFailed, match="executor died: BrokenProcessPool.*Nothing that was finished is lost")
    with open_executor("local", 1) as pool, Runner(evaluator, pool, tmp_path) as runner, failure as error:
        runner.run(UNITS, "race")
    assert str(tmp_path) in str(error.value)
    before = records(tmp_path)
    assert 0 < len(before) < 6
    mark.touch()
    with open_executor("local", 1) as pool, Runner(evaluator, pool, tmp_path) as runner:
        outcomes = runner.run(UNITS, "race")
    assert outcomes == {unit: Synthetic()(unit, tmp_path) for unit in UNITS}
    assert set(before) < set(records(tmp_path))


def test_a_unit_that_fails_is_named_and_the_others_are_kept(tmp_path: Path) -> None:
    class Broken(Synthetic):
        def __call__(self, unit: Unit, folder: Path) -> Trained:
            if unit.architecture == 5:
                raise MemoryError("too large")
            return super().__call__(unit, folder)

    failure = pytest.raises(UnitsFailed, match=rf"{UNITS[5]} failed: MemoryError: too large")
    with ThreadPoolExecutor(1) as pool, Runner(Broken(), pool, tmp_path) as runner, failure:
        runner.run(UNITS, "race")
    assert len(records(tmp_path)) == 5


def test_local_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    source = (
        "from anb_gym.construction.executors import open_executor; import os, time\n"
        "if __name__ == '__main__':\n"
        "    with open_executor('local', 1) as pool:\n"
        f"        open({str(tmp_path / 'pid')!r}, 'w').write(str(pool.submit(os.getpid).result()))\n"
        "        os.kill(os.getpid(), 9)\n"
    )
    script = tmp_path / "search.py"
    script.write_text(source)
    assert os.spawnl(os.P_WAIT, sys.executable, sys.executable, str(script)) == -signal.SIGKILL
    worker = int((tmp_path / "pid").read_text())
    for _ in range(200):
        if not _alive(worker):
            return
        time.sleep(0.05)
    pytest.fail("the worker is still there")


def test_a_dask_worker_that_is_killed_changes_nothing(tmp_path: Path) -> None:
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    with ThreadPoolExecutor(1) as pool:
        expected = to_dict(search_proxy(config(), Synthetic(), pool, undisturbed), {})
    killed: list[int] = []
    with open_executor("dask", 2) as pool:
        (worker, *_) = pool._client.run(os.getpid).values()  # type: ignore[attr-defined]

        def kill() -> None:
            while not disturbed.exists() or len(records(disturbed)) < 20:
                time.sleep(0.005)
            os.kill(worker, signal.SIGKILL)
            killed.append(len(records(disturbed)))

        killer = Thread(target=kill)
        killer.start()
        result = search_proxy(config(), Synthetic(0.01), pool, disturbed)
        killer.join()
    assert killed[0] < len(records(undisturbed))
    assert to_dict(result, {}) == expected
    assert records(disturbed) == records(undisturbed)


def test_units_ask_a_dask_cluster_for_resources() -> None:
    cluster = {"resources": {"GPU": 4}, "processes": False}
    with open_executor("dask", 1, cluster=cluster, resources={"GPU": 4}, retries=1) as pool:
        assert pool.submit(abs, -3).result(timeout=60) == 3
        workers = pool._client.scheduler_info()["workers"].values()  # type: ignore[attr-defined]
        assert [worker["resources"] for worker in workers] == [{"GPU": 4}]


def test_a_dask_cluster_is_reached_by_its_address() -> None:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(1, processes=False, dashboard_address=None) as cluster,
        open_executor("dask", address=cluster.scheduler_address) as pool,
    ):
        assert pool.submit(abs, -3).result(timeout=60) == 3


def test_a_dask_cluster_is_made_by_the_class_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    asked: dict[str, Any] = {}

    class Queue(distributed.LocalCluster):  # type: ignore[misc, name-defined]
        def __init__(self, queue: str) -> None:
            asked["queue"] = queue
            super().__init__(0, processes=False, dashboard_address=None)

        def scale(self, workers: int) -> None:
            asked.setdefault("workers", workers)  # closing scales to 0
            super().scale(workers)

    monkeypatch.setitem(sys.modules, "dask_jobqueue", types.SimpleNamespace(SLURMCluster=Queue))
    with open_executor("dask", 2, cluster={"class": "dask_jobqueue.SLURMCluster", "queue": "gpu"}) as pool:
        assert pool.submit(abs, -3).result(timeout=60) == 3
    assert asked == {"queue": "gpu", "workers": 2}


def test_submitit_gets_one_job_per_call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    log: list[Any] = []

    class AutoExecutor:
        def __init__(self, folder: str, cluster: str | None) -> None:
            log.append((folder, cluster))

        def update_parameters(self, **parameters: Any) -> None:
            log.append(parameters)

        def submit(self, function: Any, *args: Any) -> Any:
            log.append(args)
            return types.SimpleNamespace(result=lambda: function(*args))

    monkeypatch.setitem(sys.modules, "submitit", types.SimpleNamespace(AutoExecutor=AutoExecutor))
    options = {"folder": str(tmp_path), "cluster": "slurm", "slurm_partition": "gpu"}
    with open_executor("submitit", 2, **options) as pool:
        assert isinstance(pool, Executor)
        assert sorted(future.result() for future in [pool.submit(abs, -1), pool.submit(abs, -2)]) == [1, 2]
    assert log[:2] == [(str(tmp_path), "slurm"), {"slurm_partition": "gpu"}]
    assert sorted(log[2:]) == [(-2,), (-1,)]


def test_mpi_gets_its_options(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    def pool(workers: int, **options: Any) -> Executor:
        made.append((workers, options))
        return ThreadPoolExecutor(workers)

    monkeypatch.setitem(sys.modules, "mpi4py", types.ModuleType("mpi4py"))
    monkeypatch.setitem(sys.modules, "mpi4py.futures", types.SimpleNamespace(MPIPoolExecutor=pool))
    with open_executor("mpi", 3, use_pkl5=True) as executor:
        assert executor.submit(abs, -3).result() == 3
    assert made == [(3, {"use_pkl5": True})]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "ray"}, "executor must be one of 'local', 'dask', 'mpi', 'submitit', got 'ray'"),
        ({"workers": 0}, "workers must be an integer of at least 1, got 0"),
        ({"kind": "dask", "adress": "tcp://x"}, "an option of the executor dask must be .* did you mean 'address'"),
        ({"kind": "dask", "address": "tcp://x", "cluster": {}}, "must have address or cluster, got both"),
        ({"kind": "dask", "cluster": {"class": "dask_nothing.Cluster"}}, "cluster.class must make a Dask cluster"),
        ({"kind": "dask", "cluster": {"class": "Cluster"}}, "cluster.class must make a Dask cluster"),
    ],
    ids=["kind", "workers", "option", "both", "module", "undotted"],
)
def test_bad_options_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message), open_executor(**arguments):
        pass


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
