"""Scores of designs for a device nobody has seen."""

import numpy as np
import pytest

from anb_gym.calibration import front_scale
from anb_gym.cli import main
from anb_gym.generalisation.devices import generated_device, real_devices
from anb_gym.generalisation.protocol import Answer, BudgetError, Meter
from anb_gym.generalisation.running import MARGINS, Run, _least, load_results, save_results
from anb_gym.generalisation.scoring import coverage, limits, regret, true_points, under_bounds
from anb_gym.hardware import PROBES
from anb_gym.pareto import normalised_hypervolume
from anb_gym.tasks import TASKS

DEVICES = {device.name: device for device in real_devices()}


@pytest.mark.parametrize("name", ["vck190/throughput", "zcu102/latency"])
def test_the_exact_front_has_full_marks(name):
    device = DEVICES[name]
    points = np.stack([device.front[:, 0], device.front[:, 1]], axis=1)
    answer = Answer(device.target.front.indices, np.zeros(0), np.zeros(0))
    own = true_points(answer, device)
    exact = Answer(device.target.front.indices, np.log(own[:, 1]), np.zeros(len(own)))
    assert coverage(points, device) == pytest.approx(1.0)
    assert regret(exact, own, device) == pytest.approx(0.0, abs=1e-12)
    found = under_bounds(exact, own, device)
    assert (found.loss, found.violations, found.excess) == (pytest.approx(0.0, abs=1e-9), 0.0, 0.0)
    assert (np.diff(limits(device)[0]) > 0.0).all()


def test_coverage_is_the_package_s_own():
    device = DEVICES["vck190/throughput"]
    task = next(task for task in TASKS.values() if task.metrics == ("accuracy", "vck190/throughput"))
    part = device.front[::5]
    metric = np.stack([part[:, 0], 1.0 / part[:, 1]], axis=1)
    whole = np.stack([device.front[:, 0], 1.0 / device.front[:, 1]], axis=1)
    expected = normalised_hypervolume(metric, whole, front_scale(task).reference_point, ("max", "max"))
    assert coverage(part, device) == pytest.approx(expected)


def test_optimistic_times_break_bounds_and_a_margin_mends_that():
    device = DEVICES["a100/throughput"]
    points = true_points(Answer(device.target.front.indices, np.zeros(0), np.zeros(0)), device)
    hopeful = Answer(device.target.front.indices, np.log(points[:, 1]) - 0.1, np.full(len(points), 0.1))
    assert under_bounds(hopeful, points, device).violations > 0.9
    assert under_bounds(hopeful, points, device, 1.0).violations == 0.0


def test_a_meter_keeps_its_budget():
    meter = Meter(DEVICES["cpu/throughput"], 3)
    meter.measure_probes()
    meter.measure(np.array(PROBES[:3]))
    assert meter.left == 0
    assert meter.indices.tolist() == list(PROBES[:3])
    with pytest.raises(BudgetError, match="1 new networks, 0 measurements are left"):
        meter.measure(np.array([5]))


def test_results_come_back(tmp_path):
    run = Run("donor", "generated/7", 10, 3, 0.5, 0.25, float("nan"), 1.0, 0.125, 2.0, 0.5, 0.0, 0.0)
    save_results([run], tmp_path / "results.json")
    (again,) = load_results(tmp_path / "results.json")
    assert again.loss != again.loss
    assert (again.method, again.coverage, again.margin) == ("donor", 0.5, 2.0)


def test_a_seed_beyond_all_is_refused():
    with pytest.raises(ValueError, match=r"device must be below 2\*\*63, got 9223372036854775808"):
        generated_device(2**63)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--first-seed", "9999", "--devices", "2"], "must leave out 0 to 9999, which methods learn from"),
        (["--first-seed", "3000500"], "must leave out 3000000 to 3000599, which methods learn from"),
        (["--first-seed", "2099999", "--devices", "2"], "must leave out 2100000 to 2100039"),
        (["--collect", "results.json", "--methods", "donor"], "--methods has no meaning with --collect"),
        (["--collect", "results.json", "--devices", "0"], "--devices has no meaning with --collect, got 0"),
        (["--methods", "doner"], "did you mean 'donor'?"),
    ],
)
def test_the_command_refuses_in_one_line(arguments, message, tmp_path, capsys):
    pytest.importorskip("torch")
    assert main(["generalisation", *arguments, "--out", str(tmp_path), "--work", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not any(tmp_path.iterdir())


def test_a_larger_budget_goes_on_with_the_probes():
    meter = Meter(DEVICES["cpu/throughput"], 5)
    meter.measure_probes()
    meter.budget = 10
    meter.measure_probes()
    assert meter.indices.tolist() == list(PROBES)


def test_margins_are_the_least_that_keep_enough_bounds():
    shares = np.full((3, len(MARGINS)), 0.2)
    shares[0, 4:] = 0.05
    shares[1, 7] = 0.1
    shares[2] = 0.0
    assert _least(shares).tolist() == [MARGINS[4], MARGINS[7], 0.0]


def test_devices_are_those_of_the_ids():
    device = generated_device(1_000_000)
    assert device.target.certified
    assert device.front[0, 1] == device.seconds(device.target.fastest[None])[0]
    assert (np.diff(device.front, axis=0) > 0.0).all()
