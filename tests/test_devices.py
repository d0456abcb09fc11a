"""Devices from folders: what a folder must hold, and that it becomes metrics, tasks and environments."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from anb_gym.devices import VARIABLE, DeviceError, check_names, read_device
from anb_gym.fronts.store import front_path
from anb_gym.surrogates.store import shipped_path

CONTENT = {
    "schema": 1,
    "name": "toy",
    "label": "Toy",
    "metrics": {"throughput": {"target": 900.0, "cv": [0.01, 0.05, 0.1]}},
    "machine": "an abacus",
}


def write(folder: Path, **changes: object) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "device.json").write_text(json.dumps(CONTENT | changes))
    return folder


def run(code: str, *folders: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {VARIABLE: os.pathsep.join(map(str, folders))}
    return subprocess.run([sys.executable, "-W", "error", "-c", code], env=environment, capture_output=True, text=True)


def test_read_and_write_agree(tmp_path: Path) -> None:
    device = read_device(write(tmp_path / "toy"))
    assert device.to_dict() == CONTENT
    assert device.metrics["throughput"].cv == (0.01, 0.05, 0.1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 2}, "must be an object of schema 1"),
        ({"name": "Toy"}, "name must be lower-case"),
        ({"label": "a toy"}, "label must be letters and digits"),
        ({"name": "a100"}, "must not be one of the dataset's"),
        ({"metrics": {}}, "metrics must be some of throughput, latency"),
        ({"metrics": {"energy": {"target": 1.0}}}, "metrics must be some of throughput, latency"),
        ({"metrics": {"throughput": {"target": -1.0}}}, "must have a positive target"),
        ({"metrics": {"throughput": {"target": 1.0, "cv": [0.1, 0.2, None]}}}, "must have a positive target and cv"),
        ({"metrics": {"throughput": {}}}, "must have name, label and metrics"),
    ],
)
def test_a_bad_device_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        read_device(write(tmp_path / "toy", **changes))


def test_names_are_checked() -> None:
    check_names("my_chip2", "MyChip2")
    with pytest.raises(DeviceError, match="name must be lower-case"):
        check_names("../chip", "Chip")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    result = run("import anb_gym", tmp_path / "nowhere")
    assert result.returncode != 0
    assert f"cannot read the device {tmp_path / 'nowhere' / 'device.json'}" in result.stderr


def test_two_devices_of_one_name_are_refused(tmp_path: Path) -> None:
    result = run("import anb_gym", write(tmp_path / "first"), write(tmp_path / "second", label="Other"))
    assert result.returncode != 0
    assert "have the same name 'toy' or label" in result.stderr


def test_a_device_becomes_a_metric_a_task_and_an_environment(tmp_path: Path) -> None:
    """The tables and the front are VCK190's under another name: what counts is where they are looked for."""
    folder = write(tmp_path / "toy")
    for kind, path in (("surrogates", shipped_path("gp", "vck190/throughput")), ("fronts", None)):
        (folder / kind / "gp").mkdir(parents=True)
        if path:
            shutil.copy(path, folder / kind / "gp" / "toy-throughput.npz")
            shutil.copy(path.with_suffix(".json"), folder / kind / "gp" / "toy-throughput.json")
    code = """
import gymnasium as gym, anb_gym
from anb_gym.tasks import get_task
from anb_gym.noise import DEVICE_CV
assert get_task("Toy").metrics == ("accuracy", "toy/throughput") and get_task("Toy").target == 900.0
assert DEVICE_CV["toy/throughput"] == (0.01, 0.05, 0.1)
b0, bench = anb_gym.EFFICIENTNET_B0, anb_gym.Benchmark()
values = bench.query(b0, ["toy/throughput", "vck190/throughput"])
assert values["toy/throughput"] == values["vck190/throughput"]
env = gym.make("AccelNAS-Toy-v0", reward_scale="raw")
env.reset(seed=0)
for choice in b0.choices:
    _, reward, over, _, info = env.step(int(choice))
assert over and info["metrics"]["toy/throughput"] == values["toy/throughput"][0]
try:
    bench.front("toy/throughput")
except anb_gym.fronts.NoFrontError as error:
    assert "anb-gym solve --surrogate gp --metrics toy/throughput" in str(error)
else:
    raise AssertionError
"""
    result = run(code, folder)
    assert result.returncode == 0, result.stderr


def test_files_of_the_datasets_metrics_stay_in_the_package() -> None:
    import anb_gym

    package = Path(anb_gym.__file__).parent
    assert shipped_path("gp", "accuracy").is_relative_to(package)
    assert front_path("gp", "vck190/throughput").is_relative_to(package)
