"""Devices from folders: what a folder must hold, and that it becomes metrics, tasks and environments."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import gymnasium
import pytest

import anb_gym.envs  # noqa: F401 - registers the ids
from anb_gym._ids import is_word
from anb_gym.devices import DEVICES, SHIPPED, VARIABLE, DeviceError, check_names, read_device
from anb_gym.fronts.store import front_path
from anb_gym.metrics import DIRECTIONS
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


def run(code: str, *folders: Path, warn: bool = False) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {VARIABLE: os.pathsep.join(map(str, folders))}
    options = [] if warn else ["-W", "error"]
    return subprocess.run([sys.executable, *options, "-c", code], env=environment, capture_output=True, text=True)


def test_read_and_write_agree(tmp_path: Path) -> None:
    device = read_device(write(tmp_path / "toy"))
    assert device.to_dict() == CONTENT
    assert device.metrics["throughput"].cv == (0.01, 0.05, 0.1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 2}, "has schema 2, this version of anb_gym reads schema 1"),
        ({"name": "Toy"}, "name must be lower-case"),
        ({"label": "a toy"}, "label must be letters and digits"),
        ({"name": "a100"}, "must not be one of the dataset's"),
        ({"dataset": "toy"}, "dataset must not be there: the published dataset has no device 'toy'"),
        ({"metrics": {}}, "metrics must be some of throughput, latency"),
        ({"metrics": {"energy": {"target": 1.0}}}, "metrics must be some of throughput, latency"),
        ({"metrics": {"throughput": {"target": -1.0}}}, "throughput: target must be positive"),
        (
            {"metrics": {"throughput": {"target": 1.0, "cv": [0.1, 0.2, None]}}},
            "cv.2. must be a number, got None",
        ),
        ({"metrics": {"throughput": {}}}, "throughput: the field 'target' is missing"),
    ],
)
def test_a_bad_device_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        read_device(write(tmp_path / "toy", **changes))


def test_names_are_checked() -> None:
    check_names("my_chip2", "MyChip2")
    with pytest.raises(DeviceError, match="name must be lower-case"):
        check_names("../chip", "Chip")


def test_devices_are_values(tmp_path: Path) -> None:
    first, second = (read_device(write(tmp_path / "toy")) for _ in range(2))
    assert first == second
    assert len({first, second}) == 1
    other = read_device(write(tmp_path / "toy", metrics={"throughput": {"target": 901.0}}))
    assert len({first, other}) == 2


#: What ids are made of, in any case.
WORDS = ("All", "Accuracy", "accuracy", "Edit", "Transfer", "MO", "Preference", "Constrained", "Bound", "Latency", "v0")


@pytest.mark.parametrize("label", [*WORDS, "AccelNAS"])
def test_words_of_ids_are_no_labels(label: str) -> None:
    with pytest.raises(DeviceError, match=f"must not be a word that ids are made of, got '{label}'"):
        check_names("chip", label)


def test_words_of_ids_are_those_of_all_ids() -> None:
    """Of what `envs` registers: a family with a word of its own must reserve it."""
    labels = {device.label.lower() for device in DEVICES.values()}
    ids = [env_id for env_id, spec in gymnasium.registry.items() if str(spec.entry_point).startswith("anb_gym.")]
    for word in {word for env_id in ids for word in env_id.split("-")}:
        assert word.lower() in labels or is_word(word), word


@pytest.mark.parametrize("name", ["3090", "7"])
def test_names_that_mean_something_else_are_refused(name: str) -> None:
    with pytest.raises(DeviceError, match=f"a device's name must .*got '{name}'"):
        check_names(name, "Chip")


def test_taken_names_are_refused() -> None:
    for name, label in (("cpu", "Chip"), ("chip", "Cpu")):
        with pytest.raises(DeviceError, match="must not be taken, .* is that of .*shipped"):
            check_names(name, label, DEVICES.values())


def test_every_published_device_is_a_folder_with_a_place() -> None:
    folders = {path.name for path in SHIPPED.iterdir()}
    published = [device for device in DEVICES.values() if device.ships]
    assert {device.name for device in published} == {device.folder.name for device in published} == folders
    assert [device.order for device in published] == list(range(len(folders)))
    assert [device.dataset for device in published] == ["zcu102", "vck190", "tpuv2", "tpuv3", "a100", "3090", None]
    for device in published:
        assert json.loads((device.folder / "device.json").read_text()) == device.to_dict()
        assert device.description["protocol"]


def test_no_device_is_called_as_a_metric() -> None:
    for metric in DIRECTIONS:
        if "/" not in metric:
            with pytest.raises(DeviceError, match="must not be that of a metric"):
                check_names(metric, "Chip")


PUBLISHED = """
import anb_gym, gymnasium
from anb_gym.benchmark import DATASET_METRICS, METRICS
from anb_gym.construction.record_format import device_field, empty_measurements
from anb_gym.devices import DEVICES, DeviceError, check_names
from anb_gym.noise import DEVICE_CV
from anb_gym.tasks import ALL_DEVICES, TASKS
assert list(DEVICES) == ["zcu102", "new", "vck190", "tpuv2", "tpuv3", "a100", "rtx3090", "cpu", "toy"]
assert METRICS.index("new/throughput") == 3 and METRICS[-6:-2] == ("toy/throughput", "train_time", "macs", "params")
assert list(TASKS)[-4:] == ["VCK190-Latency", "CPU", "Toy", "Accuracy"]
assert gymnasium.spec("AccelNAS-Toy-v0") and gymnasium.spec("AccelNAS-New-MO-v0") and "new/throughput" in DEVICE_CV
assert DATASET_METRICS[3] == "new/throughput" and "toy/throughput" not in DATASET_METRICS
assert ALL_DEVICES.metrics[2] == "new/throughput" and "toy/throughput" not in ALL_DEVICES.metrics
assert gymnasium.spec("AccelNAS-Transfer-v0").kwargs["tasks"] == [name for name in TASKS][:9]
assert device_field("new/throughput") == ("throughput", "n1") and "throughput_n1" in empty_measurements()
try:
    check_names("n1", "Chip")
except DeviceError as error:
    print(error)
"""


def test_a_new_published_device_is_one_folder(tmp_path: Path) -> None:
    """One in the dataset and one that is not, in a copy of the package made of links."""
    shutil.copytree(SHIPPED.parents[1], tmp_path / "anb_gym", copy_function=os.symlink)
    shipped = tmp_path / "anb_gym" / "devices" / "shipped"
    write(shipped / "new", name="new", label="New", order=1, dataset="n1")
    write(shipped / "toy", order=7)
    environment = os.environ | {"PYTHONPATH": str(tmp_path), VARIABLE: ""}
    command = [sys.executable, "-c", PUBLISHED]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "must not be one of the dataset's zcu102, new, n1, vck190" in result.stdout


ASK = """
import gymnasium, anb_gym
from anb_gym.devices import DeviceError
from anb_gym.tasks import get_task
from anb_gym.tasks import select_tasks
bench, rewards = anb_gym.Benchmark(), anb_gym.rewards
for ask in (
    lambda: get_task("Toy"), lambda: get_task("Toy-Latency"), lambda: select_tasks(device="toy"),
    lambda: bench.query(0, "toy/latency"), lambda: bench.front("toy"), lambda: bench.load("toy/throughput"),
    lambda: rewards.Product("toy/throughput", 1.0), lambda: anb_gym.study.problems.choose_id("AccelNAS-Toy-v0"),
    *ASKED
):
    try:
        ask()
    except DeviceError as error:
        assert REASON in str(error), error
    else:
        raise AssertionError("asked in vain for an error")
try:
    get_task("VCK19")
except ValueError as error:
    print(type(error).__name__)
assert get_task("Good").target == 900
"""
MAKE = """
lambda: gymnasium.make("anb_gym:AccelNAS-Toy-v0"), lambda: gymnasium.make("anb_gym:AccelNAS-Toy-MO-v0", noise=True),
lambda: gymnasium.make_vec("anb_gym:AccelNAS-Edit-Toy-v0", num_envs=2),
"""


def test_a_bad_folder_is_left_out_with_one_warning_and_its_reason(tmp_path: Path) -> None:
    """Missing, damaged, and of a taken name: importing works, and whoever asks for the device hears why it is not."""
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "device.json").write_text("{")
    good = write(tmp_path / "good", name="good", label="Good")
    for folder, reason, has_names in (
        (tmp_path / "nowhere", "nowhere/device.json", False),
        (damaged, "damaged/device.json", False),
        (write(tmp_path / "bad", metrics={}), "bad/device.json: metrics must be some of", True),
        (write(tmp_path / "taken", name="cpu"), "taken: a device's name must not be taken, 'cpu'", True),
    ):
        code = ASK.replace("REASON", repr(reason)).replace("*ASKED", MAKE if has_names else "")
        result = run(code, folder, good, warn=True)
        assert result.returncode == 0, result.stderr
        assert result.stderr.count("\n") == 1
        assert result.stderr.startswith(f"{VARIABLE}:1: DeviceWarning: left out: ")
        assert reason in result.stderr
        # What cannot be the device's is an ordinary error, if it is known how the device is called.
        assert result.stdout == ("ValueError\n" if has_names else "DeviceError\n")


def test_a_folder_may_be_named_twice(tmp_path: Path) -> None:
    folder = write(tmp_path / "toy")
    assert run("import anb_gym", folder, folder).returncode == 0


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


def test_a_device_without_surrogates_is_in_nobodys_way(tmp_path: Path) -> None:
    """Between `anb-gym device` and `anb-gym fit`: all metrics are those that there are, others name the command."""
    code = """
import os, anb_gym
from anb_gym.cli import main
bench = anb_gym.Benchmark()
assert "toy/throughput" not in bench.metrics and list(bench.query(0)) == list(bench.metrics)
assert main(["query", "0"]) == 0
assert main(["query", "0", "--metrics", "toy"]) == main(["solve", "--metrics", "toy", "--out", "a"]) == 1
assert main(["front", "--report", "--out", "a"]) == 1 and not os.listdir()
try:
    anb_gym.Benchmark("xgb").query(0, "toy")
except ValueError as error:
    print(error)
"""
    toy, empty = write(tmp_path / "toy"), tmp_path / "empty"
    empty.mkdir()
    environment = os.environ | {VARIABLE: str(toy)}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=empty)
    assert result.returncode == 0, result.stderr
    missing = (
        f"there is no surrogate '{{0}}' of 'toy/throughput' in {toy}; run: anb-gym fit --device toy --families {{0}}"
    )
    assert result.stderr.splitlines()[:2] == ["anb-gym: " + missing.format("gp")] * 2
    assert result.stdout.endswith(missing.format("xgb") + "\n")


def test_files_of_the_datasets_metrics_stay_in_the_package() -> None:
    import anb_gym

    package = Path(anb_gym.__file__).parent
    assert shipped_path("gp", "accuracy").is_relative_to(package)
    assert front_path("gp", "vck190/throughput").is_relative_to(package)
