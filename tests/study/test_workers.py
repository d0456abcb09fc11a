"""Workers end with their study, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import joblib
import pytest

from anb_gym._workers import following
from anb_gym.study.fragments import Folder
from anb_gym.study.runner import run_study

from .toy_controllers import Endless

SCRIPT = """
import sys
from anb_gym.study.runner import run_study
from anb_gym.study.study_file import load_study
if __name__ == "__main__":
    run_study(load_study(sys.argv[1], {}), sys.argv[2], workers=2)
"""


def alive(process):
    """Whether a process runs; one that ended and that nobody asks about is not alive."""
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_processes_and_temporary_files_end_with_a_killed_study(study, tmp_path, number):
    study("Endless", rest="evaluations: 1000000")
    (tmp_path / "script.py").write_text(SCRIPT)
    for name in ("processes", "temporary"):
        (tmp_path / name).mkdir()
    environment = {**os.environ, "TOY_FOLDER": str(tmp_path / "processes"), "TMPDIR": str(tmp_path / "temporary")}
    before = set(os.listdir("/dev/shm"))
    arguments = [sys.executable, tmp_path / "script.py", tmp_path / "study.yaml", tmp_path / "out"]
    with subprocess.Popen(arguments, env=environment) as parent:
        # The first file is the parent's own, which makes every controller once.
        wait_until(lambda: len(set(os.listdir(tmp_path / "processes")) - {str(parent.pid)}) == 2)
        workers = set(os.listdir(tmp_path / "processes")) - {str(parent.pid)}
        assert all(map(alive, workers))
        parent.send_signal(number)
    try:
        wait_until(lambda: not any(map(alive, workers)))
    finally:
        for process in filter(alive, workers):
            os.kill(int(process), signal.SIGKILL)
    mine = f"-{parent.pid}-", f"_{parent.pid}_"
    wait_until(lambda: not [n for n in set(os.listdir("/dev/shm")) - before if any(part in n for part in mine)])
    wait_until(lambda: not os.listdir(tmp_path / "temporary"))


def test_only_processes_of_ones_own_follow():
    for backend in ("threading", "sequential"):
        with joblib.parallel_config(backend):
            assert following(time.time) is time.time
    for backend in ("loky", "multiprocessing"):
        with joblib.parallel_config(backend):
            assert following(abs)(-1) == 1


def test_backends_that_wait_for_the_dead_are_refused(study, tmp_path):
    with joblib.parallel_config("multiprocessing"), pytest.raises(ValueError, match="must be one that notices when a"):
        run_study(study("Killer"), tmp_path / "out", workers=2)
    assert not (tmp_path / "out").exists()


def test_threads_have_ended_when_a_study_fails(study, tmp_path, monkeypatch):
    monkeypatch.delenv("TOY_FOLDER", raising=False)
    config = study("Toy, Endless", rest="evaluations: 20000")

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(Folder, "save", full)
    with joblib.parallel_config("threading"), pytest.raises(OSError, match="no space left"):
        run_study(config, tmp_path / "out", workers=4)
    asked = Endless.count
    time.sleep(0.1)
    assert Endless.count == asked


def test_what_workers_left_in_shared_memory_is_removed(study, tmp_path, monkeypatch):
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        pass
    monkeypatch.setattr("anb_gym.study.workers._SHARED", tmp_path / "shared")
    (tmp_path / "shared").mkdir()
    (tmp_path / "out").mkdir()
    for process in (dead.pid, os.getpid(), 12345678):
        (tmp_path / "shared" / f"sem.loky-{process}-abcdefgh").touch()
    for process, left in ((os.getpid(), 3), (dead.pid, 2)):
        (tmp_path / "out" / ".process").write_text(str(process))
        run_study(study("Toy"), tmp_path / "out", workers=1)
        assert len(os.listdir(tmp_path / "shared")) == left
        assert not (tmp_path / "out" / ".process").exists()
