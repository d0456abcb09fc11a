"""From measurements to an environment id: the device's folder, its command, and the surrogate that is fitted in it."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from anb_gym.cli import main
from anb_gym.complexity import macs
from anb_gym.construction.collection import Collection, CollectionError
from anb_gym.construction.collection.records import RawRecord, encode, new_record, with_repeat, with_training
from anb_gym.construction.collection.throughput import collect_throughput
from anb_gym.construction.dataset import load_dataset
from anb_gym.construction.device_folder import MEASUREMENTS, create_device, measured_device, rename_device
from anb_gym.devices import DEVICES, VARIABLE, DeviceError, DeviceMetric, read_device
from anb_gym.space import Architecture


@dataclasses.dataclass(frozen=True)
class Toy:
    """A device of two metrics that are exact functions of the size; repeats differ by a known factor."""

    kinds: tuple[str, ...] = ("throughput", "latency")
    cores: int = 2
    name: str = "toy"

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(f"{self.name}/{kind}" for kind in self.kinds)

    def protocol(self) -> dict[str, str]:
        return {"device": "toy"}

    def machine(self) -> dict[str, int]:
        return {"cores": self.cores}

    def measure(self, architecture: Architecture) -> dict[str, float]:
        seconds = float(macs(architecture)[0]) * 1e-11
        return {m: 1 / seconds if m.endswith("throughput") else 1e3 * seconds for m in self.metrics}


def collection(folder: Path, n: int = 40, passes: int = 1, **options: object) -> Path:
    for _ in collect_throughput(folder, Toy(**options), n=n, seed=1, passes=passes):  # type: ignore[arg-type]
        pass
    return folder


def test_the_folder_describes_the_measurements(tmp_path: Path) -> None:
    folder = tmp_path / "device"
    made = create_device(folder, [collection(tmp_path / "toy")], "toy", "Toy")
    dataset = load_dataset(folder / MEASUREMENTS)
    throughput, latency = (dataset.metrics[f"toy/{kind}"] for kind in ("throughput", "latency"))
    # Seven tenths of all architectures miss the target, within the rounding to two digits.
    assert made.metrics["throughput"].target == pytest.approx(np.quantile(throughput, 0.7), rel=0.05)
    assert made.metrics["latency"].target == pytest.approx(np.quantile(latency, 0.3), rel=0.05)
    assert made.metrics["latency"] == DeviceMetric(made.metrics["latency"].target, None)  # one repeat has no noise
    assert made.description == {
        "protocol": [{"device": "toy"}],
        "machine": {"cores": 2},
        "measurements": {"records": 40, "seed": 1, "sha256": dataset.sha256},
    }
    assert read_device(folder) == made


def test_noise_is_that_of_the_repeats(tmp_path: Path) -> None:
    folder = collection(tmp_path / "toy", n=20)
    for path in (folder / "records").iterdir():
        record: RawRecord = json.loads(path.read_text())
        for metric in Toy().metrics:
            kind = metric.partition("/")[2]
            first = record["platform_perf"][f"{kind}_toy"][f"{kind}_mean"]
            record = with_repeat(record, metric, first * 1.02)
        path.write_bytes(encode(record))
    made = create_device(tmp_path / "device", [folder], "toy", "Toy")
    expected = 0.02 / np.sqrt(2) / 1.01  # the sample standard deviation of 1 and 1.02 by their mean
    for metric in made.metrics.values():
        assert metric.cv == pytest.approx((expected,) * 3)


def test_throughput_and_latency_may_be_collected_apart(tmp_path: Path) -> None:
    parts = [collection(tmp_path / kind, n=4, kinds=(kind,)) for kind in ("throughput", "latency")]
    made = create_device(tmp_path / "device", parts, "toy", "Toy")
    assert list(made.metrics) == ["throughput", "latency"]
    assert made.description["protocol"] == [{"device": "toy"}] * 2


def test_collections_that_do_not_make_a_device(tmp_path: Path) -> None:
    throughput = collection(tmp_path / "a", n=2, kinds=("throughput",))
    elsewhere = collection(tmp_path / "b", n=2, kinds=("latency",), cores=3)
    other = collection(tmp_path / "c", n=2, kinds=("latency",), name="other")
    trained = tmp_path / "trained"
    manifest = Collection(throughput).manifest
    accuracies = Collection.begin(trained, {**manifest, "kind": "accuracy", "metrics": ["accuracy"]})
    accuracies.write(0, with_training(new_record(accuracies.architectures[0]), 50.0, 90.0, 1.0))
    for collections, name, label, message in (
        ([throughput, other], "toy", "Toy", "must be of one device, got toy/throughput, other/latency"),
        ([throughput, trained], "toy", "Toy", "trained must have measurements of a device, it has accuracy"),
        ([throughput], "cpu", "Toy", "name must not be taken, 'cpu'"),
        ([throughput], "toy", "CPU", "label must not be taken, 'CPU'"),
        ([throughput], "toy", "All", "must not be a word that ids are made of"),
        ([throughput, elsewhere], "toy", "Toy", "b and .*a must be of one machine and the same versions"),
        ([throughput], "a100", "Toy", "must not be one of the dataset's"),
        ([throughput], "toy", "a toy", "label must be letters and digits"),
    ):
        with pytest.raises(DeviceError, match=message):
            create_device(tmp_path / "device", collections, name, label)
    with pytest.raises(CollectionError, match="has no collection"):
        create_device(tmp_path / "device", [tmp_path / "nowhere"], "toy", "Toy")
    assert not (tmp_path / "device").exists()


def test_the_command_needs_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["device", str(tmp_path / "toy"), "--name", "toy", "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"anb-gym: --label is needed to make a device from {tmp_path / 'toy'}\n"


def test_a_device_need_not_be_called_as_its_collection(tmp_path: Path) -> None:
    """As the published devices, whose names are taken, measured once more."""
    measured = collection(tmp_path / "zcu102", n=4, name="zcu102")
    assert measured_device([measured]) == "zcu102"
    folder = tmp_path / "device"
    create_device(folder, [measured], "my_board", "MyBoard")
    dataset = load_dataset(folder / MEASUREMENTS)
    assert np.isfinite(dataset.metrics["my_board/throughput"]).all()
    assert np.isnan(dataset.metrics["zcu102/throughput"]).all()
    (manifest,) = json.loads((folder / "measurements.json").read_text())
    assert manifest["metrics"] == ["my_board/throughput", "my_board/latency"]
    with pytest.raises(DeviceError, match="has the device 'my_board' with the label 'MyBoard', got 'toy' and 'Toy'"):
        create_device(folder, [measured], "toy", "Toy")
    create_device(folder, [measured], "my_board", "MyBoard")  # once more, with what was measured since


def test_a_device_is_renamed_with_all_that_it_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, folder = DEVICES["cpu"].folder, tmp_path / "new" / "device"
    arguments = ["device", str(source), "--name", "my_cpu", "--label", "MyCPU", "--out", str(folder)]
    assert main(arguments) == 0
    assert f"now name {folder} instead of {source}" in capsys.readouterr().out
    assert main(arguments) == 1
    assert capsys.readouterr().err == f"anb-gym: {folder} must not be there: the renamed device gets a new folder\n"
    assert [path.name for path in folder.parent.iterdir()] == ["device"]
    pattern = re.compile(r'(?<!my_)cpu[/-]|"CPU')
    assert [path for path in folder.rglob("*.json") if pattern.search(f"{path.name} {path.read_text()}")] == []
    assert {p.name for p in source.rglob("*.*")} == {p.name.replace("my_cpu-", "cpu-") for p in folder.rglob("*.*")}
    code = """
import anb_gym
from anb_gym import calibration
from anb_gym.calibration import front_scale
from anb_gym.construction.dataset import load_dataset
from anb_gym.construction.fitting import Job
from anb_gym.devices import DEVICES
from anb_gym.tasks import get_task
bench, device = anb_gym.Benchmark(), DEVICES["my_cpu"]
old, new = (bench.front(f"{name}/throughput") for name in ("cpu", "my_cpu"))
assert (old.indices == new.indices).all() and (old.objectives == new.objectives).all()
assert front_scale(get_task("CPU")) == front_scale(get_task("MyCPU"))
dataset = load_dataset(device.folder / "measurements.tar.gz")
assert Job.configured("gp", "my_cpu/throughput").is_done(dataset, device.folder / "surrogates")
# The command writes the front into the device's folder, and says what comes next if something does.
from anb_gym.cli import main
from anb_gym.fronts import solving
solving.solve = lambda family, metric, *_, **__: bench.front(metric)
assert main(["solve", "--metrics", "my_cpu", "accuracy", "--force"]) == 0
print("damaged", flush=True)
(device.folder / "tasks.json").write_text('{"schema": 2')
calibration.read_records.cache_clear()
assert main(["solve", "--metrics", "my_cpu", "accuracy", "--force"]) == 0
# A damaged file of scales is in the way of no other device.
anb_gym.make_problem("AccelNAS-VCK190-v0").reference_point
try:
    anb_gym.make_problem("AccelNAS-MyCPU-v0")
except calibration.CalibrationError as error:
    assert str(error).startswith(f"{device.folder / 'tasks.json'}: it is not JSON"), error
else:
    raise AssertionError
"""
    environment = os.environ | {VARIABLE: str(folder), "ANB_GYM_HOME": str(tmp_path / "home")}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    before, after = run.stdout.split("damaged\n")
    for said, times in ((before, 0), (after, 1)):
        assert f"written into {folder / 'fronts'}\nwritten into {tmp_path / 'home' / 'fronts'}\n" in said
        assert said.count("now run anb-gym calibrate --device my_cpu") == times


def test_a_label_that_should_never_have_been_can_be_renamed(tmp_path: Path) -> None:
    source = tmp_path / "old"
    create_device(source, [collection(tmp_path / "toy", n=4)], "toy", "Toy")
    path = source / "device.json"
    path.write_text(path.read_text().replace('"Toy"', '"All"'))
    with pytest.raises(DeviceError, match="must not be a word that ids are made of"):
        rename_device(source, tmp_path / "new", "toy", "All")
    assert rename_device(source, tmp_path / "new", "toy", "Toy").label == "Toy"
    assert read_device(tmp_path / "new").description == read_device(source, check=False).description


def test_the_list_of_devices_says_what_is_damaged_and_what_comes_next(tmp_path: Path) -> None:
    """In the order in which a device is made, from the end."""
    folder = tmp_path / "copy"
    rename_device(DEVICES["cpu"].folder, folder, "copy", "Copy")

    def state() -> str:
        environment = os.environ | {VARIABLE: str(folder)}
        command = [sys.executable, "-m", "anb_gym", "devices"]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return run.stdout.splitlines()[-1].partition("images/s); ")[2].replace(str(folder), "FOLDER")

    assert state() == "FOLDER"
    (folder / "tasks.json").write_text("{")
    assert state().startswith("FOLDER, FOLDER/tasks.json: it is not JSON")
    (folder / "tasks.json").unlink()
    assert state().endswith("run: anb-gym calibrate --device copy")
    (folder / "fronts" / "gp" / "copy-throughput.json").unlink()
    assert state().endswith("run: anb-gym solve --surrogate gp --metrics copy/throughput")
    with (folder / "surrogates" / "gp" / "copy-throughput.npz").open("ab") as file:
        file.write(b"?")
    assert state().startswith("FOLDER, FOLDER/surrogates/gp/copy-throughput.npz is damaged")


def test_one_of_its_names_may_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device is known already, as the page has it, and is not in its own way; those that ship stay."""
    source = tmp_path / "old"
    device = create_device(source, [collection(tmp_path / "toy", n=4)], "toy", "Toy")
    monkeypatch.setattr("anb_gym.construction.device_folder.DEVICES", {**DEVICES, "toy": device})
    assert rename_device(source, tmp_path / "label", "toy", "Other").label == "Other"
    assert rename_device(source, tmp_path / "name", "other", "Toy").name == "other"
    with pytest.raises(DeviceError, match="name must not be taken, 'cpu'"):
        rename_device(DEVICES["cpu"].folder, tmp_path / "cpu", "cpu", "Other")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "the field 'tasks' is missing"),
        ('{"tasks": 5}', "'tasks' must be an object, got 5"),
        ("[]", "it must be an object"),
        ('{"tasks": ' + "[" * 800 + "]" * 800 + "}", "it is nested too deeply|'tasks' must be an object"),
    ],
)
def test_scales_that_cannot_be_renamed(content: str, message: str, tmp_path: Path) -> None:
    source = tmp_path / "old"
    create_device(source, [collection(tmp_path / "toy", n=4)], "toy", "Toy")
    (source / "tasks.json").write_text(content)
    with pytest.raises(DeviceError, match=f"tasks.json: ({message})"):
        rename_device(source, tmp_path / "new", "other", "Other")
    assert not (tmp_path / "new").exists()


def test_from_a_collection_to_an_environment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "device"
    collected = collection(tmp_path / "toy", passes=2, kinds=("throughput",))
    arguments = ["device", str(collected), "--name", "toy", "--label", "Toy", "--out", str(folder)]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    for words in ("Toy in", "40 measured architectures", f"{VARIABLE}=", "fit --device toy", "solve --metrics toy/thr"):
        assert words in printed
    code = """
import gymnasium as gym
from anb_gym.cli import main
from anb_gym.construction.families import config

short = config.Config.hyperparameters
config.Config.hyperparameters = lambda self, *given: short(self, *given) | {"order": 2, "iterations": 10}
assert main(["devices"]) == main(["device"]) == 0
assert main(["fit", "--device", "toy"]) == 0
env = gym.make("AccelNAS-Toy-v0", granularity="network", reward="accuracy")
env.reset(seed=0)
info = env.step(env.action_space.sample())[-1]
assert info["metrics"]["toy/throughput"] > 0
"""
    environment = os.environ | {VARIABLE: str(folder)}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("toy      Toy      throughput (target ") == 2
    assert run.stdout.count("run: anb-gym fit --device toy --families gp\n") == 2
    assert "gp toy/throughput: R²" in run.stdout
    assert "ceiling of toy/throughput: R² 1.0000, τ 1.0000, MAE 0" in run.stdout  # repeats are equal
    manifest = json.loads((folder / "surrogates" / "gp" / "toy-throughput.json").read_text())
    assert manifest["test"]["records"] == 8  # a fifth of 40
    assert manifest["test"]["tau"] > 0.5
    assert manifest["dataset_sha256"] == read_device(folder).description["measurements"]["sha256"]
