"""From a device nobody has seen to designs for it, as the command line does it."""

import json
from pathlib import Path

import numpy as np
import pytest

from anb_gym import SPACE, Architecture
from anb_gym.cli import main
from anb_gym.hardware import PROBES, generate, probe_states
from anb_gym.hardware.times import read_rows, write_table

DEVICE = generate(2_500_001)


@pytest.fixture(scope="module")
def times(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("numba")
    path = tmp_path_factory.mktemp("probes") / "times.csv"
    values = DEVICE.metrics["throughput"].predict(probe_states())
    names = [str(Architecture.from_index(index)) for index in PROBES]
    write_table(path, "throughput", [(n, "", float(v)) for n, v in zip(names, values, strict=True)])
    return path


def test_a_bound_is_kept_and_an_impossible_one_named(times: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = DEVICE.metrics["throughput"].predict(SPACE.as_states(SPACE.sample(500, np.random.default_rng(0))))
    bound = float(np.quantile(values, 0.8))
    command = ["design", "--probes", str(times), "--json"]
    assert main([*command, "--at-least", str(bound)]) == 0
    found = json.loads(capsys.readouterr().out)
    (design,) = found["designs"]
    assert design["throughput"] > bound
    assert design["interval"][0] < design["throughput"] < design["interval"][1]
    assert found["measure_next"] not in [str(Architecture.from_index(index)) for index in PROBES]
    assert main([*command, "--at-least", str(1e3 * bound)]) == 1
    error = capsys.readouterr().err
    assert "the nearest that can be met is" in error
    nearest = float(error.strip().rpartition(" ")[2])
    assert main([*command, "--at-least", str(0.999 * nearest)]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--at-most", "5"], "--at-most has no meaning for throughput, got 5"),
        (["--at-least", "5", "--target", "7"], "give one of --at-least"),
        (["--at-least", "-5"], "--at-least must be positive and finite, got -5.0"),
        (["--front", "0"], "--front must be an integer of at least 1, got 0"),
        (["--kind", "latency"], "there is no column latency, only throughput"),
        (["--noise", "0"], "--noise must be positive"),
    ],
)
def test_what_makes_no_sense_is_refused(
    times: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["design", "--probes", str(times), *arguments]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_an_agent_and_measured_times_are_kept_apart(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["design"]) == 1
    assert main(["design", "vck190", "--target", "5"]) == 1
    missing, foreign = capsys.readouterr().err.splitlines()
    assert "name an agent, DIR or DEVICE, or the --probes" in missing
    assert "--target has no meaning without --probes" in foreign


def test_this_machine_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX Runtime measures here")
    pytest.importorskip("numba")
    from anb_gym.construction.collection.devices import CPU

    command = ["probes", "--out", str(tmp_path), "--resolution", "64", "--device", "cpu"]
    assert main([*command, "--seconds", "0.03", "--repeats", "2"]) == 0
    table = tmp_path / "probes.csv"
    assert len(list(tmp_path.glob("*.onnx"))) == len(read_rows(table, "throughput")) == len(PROBES)
    middle = float(np.median([value for value in read_rows(table, "throughput").values() if value]))
    capsys.readouterr()
    # Others use this machine: two repeats of a network may lie a tenth apart.
    noise = 0.1
    assert main(["design", "--probes", str(table), "--target", str(middle), "--noise", str(noise), "--json"]) == 0
    (design,) = json.loads(capsys.readouterr().out)["designs"]
    device = CPU(resolution=64, seconds=0.03)

    def measure(architecture: Architecture) -> float:
        return max(device.measure(architecture)["cpu/throughput"] for _ in range(2))

    off = np.log(measure(Architecture.parse(design["architecture"])) / design["throughput"])
    # Three deviations on either side: of what is unknown, and of the measurement.
    assert abs(off) < 3.0 * np.hypot(design["uncertainty"], noise)
    from anb_gym import Benchmark

    choices = SPACE.sample(200, np.random.default_rng(1))
    rivals = Benchmark().query(choices, ["accuracy"])["accuracy"]
    assert design["accuracy"] > np.quantile(rivals, 0.5)


def test_a_device_folder_and_its_records_have_times() -> None:
    pytest.importorskip("torch")
    from anb_gym.construction.probing import read_collection
    from anb_gym.devices import DEVICES

    times = read_collection(DEVICES["cpu"].folder)
    assert (times.kind, len(times.states)) == ("throughput", 600)
    predicted = DEVICES["cpu"].name + "/throughput"
    from anb_gym import Benchmark

    values = Benchmark().query_states(times.states, [predicted])[predicted]
    np.testing.assert_allclose(np.median(values * times.seconds), 1.0, rtol=0.01)
    with pytest.raises(ValueError, match="there must be one metric of latency, got none"):
        read_collection(DEVICES["cpu"].folder, "latency")
