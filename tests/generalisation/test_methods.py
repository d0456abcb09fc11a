"""Methods that design for a device nobody has seen."""

import numpy as np
import pytest

from anb_gym.benchmark import Benchmark
from anb_gym.generalisation.devices import generated_device
from anb_gym.generalisation.knowledge import Knowledge, KnowledgeError, front_from
from anb_gym.generalisation.methods import METHODS, help, modnas
from anb_gym.generalisation.methods.scaled import of_average, of_cells
from anb_gym.generalisation.protocol import N_DESIGNS, Meter
from anb_gym.generalisation.running import answers
from anb_gym.hardware.generated import draw, tables
from anb_gym.hardware.prior import load_prior
from anb_gym.space import SPACE

pytest.importorskip("torch")
pytest.importorskip("numba")

DEVICES = [generated_device(seed) for seed in (2_000_050, 2_000_051)]


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """What few devices tell, learned from in little time."""
    cells, hosts, _ = tables(draw(range(300), load_prior(None)))
    front = Benchmark().front("vck190/throughput").indices
    patch = pytest.MonkeyPatch()
    patch.setattr(help, "_OUTER", 60)
    patch.setattr(modnas, "_STEPS", 20)
    yield Knowledge("throughput", None, cells, hosts, (front,), tmp_path_factory.mktemp("learned"))
    patch.undo()


@pytest.mark.parametrize("name", ["help", "modnas", "probe_policy", "blind_policy", "average", "donor"])
def test_answers_are_sound(name, known):
    found = {}
    for device in DEVICES:
        for budget, answer in answers(METHODS[name], known, device, (0, 5, 10, 20)):
            assert len(np.unique(answer.indices)) == len(answer.indices) <= N_DESIGNS + budget
            assert np.isfinite(answer.log_seconds).all()
            assert (answer.std >= 0.0).all()
            assert (answer.std == 0.0).sum() == budget
            # Once measured, designs have the right scale: half of them within a factor of 1.5.
            wrong = answer.log_seconds - np.log(device.seconds(SPACE.index_to_states(answer.indices)))
            assert budget == 0 or np.median(np.abs(wrong)) < np.log(1.5)
            found[device.name, budget] = answer.indices
    assert np.array_equal(*(found[device.name, 10] for device in DEVICES)) == (name in ("blind_policy", "average"))


def test_what_is_learned_is_kept_and_the_same_again(known, tmp_path):
    again = Knowledge(known.kind, None, known.cells, known.hosts, known.fronts, tmp_path)
    for name, module in (("help", help), ("modnas", modnas)):
        first = known.learned(name, lambda module=module: module._learn(known))
        second = again.learned(name, lambda module=module: module._learn(again))
        assert first.keys() == second.keys()
        assert all(np.array_equal(first[key], second[key]) for key in first)
        kept = again.learned(name, lambda: pytest.fail("it was learned already"))
        assert all(np.array_equal(first[key], kept[key]) for key in first)
    (tmp_path / "help-throughput-all.npz").write_bytes(b"no archive")
    with pytest.raises(KnowledgeError, match=r"help-throughput-all\.npz"):
        again.learned("help", dict)


def test_help_predicts_a_new_device_better_than_the_average_does(known):
    states = SPACE.index_to_states(np.random.default_rng(3).integers(SPACE.size, size=500))
    errors = []
    for device in DEVICES:
        meter = Meter(device, 10)
        meter.measure_probes()
        true = np.log(device.seconds(states))
        times = of_cells(help.adapted(known, meter)), of_average(known)
        errors.append([(predicted(states) - true).std() for predicted in times])
    helped, average = np.mean(errors, axis=0)
    assert helped < average


def test_steps_on_what_was_measured_fit_it_better(known):
    few, many = Meter(DEVICES[0], 10), Meter(DEVICES[0], 50)
    few.measure_probes()
    many.measure_probes()
    many.measure(known.pool[:40])
    errors = [(of_cells(help.adapted(known, meter))(many.states) - many.log_seconds).std() for meter in (few, many)]
    assert errors[1] < errors[0]


def test_the_least_norm_of_two_gradients_is_known():
    one, two = np.array([3.0, 0.0]), np.array([0.0, 1.0])
    gradients = np.stack([np.stack([one, two]), np.stack([two, 5.0 * two])])
    shares = modnas._least_norm(gradients @ gradients.swapaxes(1, 2))
    # Of orthogonal gradients the weights are in proportion to the inverse squared norms; of parallel ones the shorter.
    assert shares == pytest.approx(np.array([[0.1, 0.9], [1.0, 0.0]]), abs=1e-3)


def test_the_least_norm_descends_for_all():
    gradients = np.random.default_rng(0).standard_normal((20, 8, 30)) + 0.3
    products = gradients @ gradients.swapaxes(1, 2)
    shares = modnas._least_norm(products)
    assert shares.sum(axis=1) == pytest.approx(1.0)
    assert (shares >= 0.0).all()
    along = (products @ shares[:, :, None])[:, :, 0]
    norm = (shares * along).sum(axis=1)
    assert (norm <= products.mean(axis=(1, 2)) + 1e-9).all()
    # A step against the combination improves every objective, up to the search's end.
    assert (along >= 0.7 * norm[:, None]).all()


def test_a_front_found_from_the_pool_s_best_is_that_found_from_all(known):
    assert np.array_equal(np.sort(known.front(known.cells[7])), np.sort(front_from(known.cells[7], known.pool_states)))
