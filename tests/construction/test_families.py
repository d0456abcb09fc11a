"""What all families share, and their configuration files."""

import numpy as np
import optuna
import pytest

from anb_gym.construction.families import FAMILIES, FOLDABLE, make_family
from anb_gym.construction.families.config import Config, Range, load_config, save_config, suggest
from anb_gym.space import SPACE

#: Small models of the families of this test; the Gaussian process has its own tests.
SMALL = {
    "xgb": {"members": 3, "rounds": 30},
    "lgb": {"members": 3, "rounds": 30},
    "rf": {"members": 10},
    "eps_svr": {"members": 3},
    "nu_svr": {"members": 3},
}
TREES_AND_MACHINES = pytest.mark.parametrize("name", SMALL)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    choices = SPACE.sample(300, rng)
    target = choices @ rng.normal(size=28)
    return SPACE.to_states(choices), (target - target.mean()) / target.std()


@TREES_AND_MACHINES
def test_learns_and_knows_its_spread(name, data):
    states, target = data
    model = make_family(name, **SMALL[name])
    assert model.fit(states[:250], target[:250], seed=0) is model
    predictions, spread = model.predict(states[250:]), model.std(states[250:])
    assert predictions.shape == spread.shape == (50,)
    assert predictions.dtype == spread.dtype == np.float64
    assert np.corrcoef(predictions, target[250:])[0, 1] > 0.6
    assert np.isfinite(spread).all()
    assert (spread > 0).all()


@TREES_AND_MACHINES
def test_seed_decides(name, data):
    states, target = data
    a, b, other = (make_family(name, **SMALL[name]).fit(states, target, seed).predict(states) for seed in (4, 4, 5))
    np.testing.assert_array_equal(a, b)
    assert (a != other).any()


@TREES_AND_MACHINES
def test_fitting_again_forgets_the_first_fit(name, data):
    states, target = data
    model = make_family(name, **SMALL[name]).fit(states[:100], -target[:100], 1)
    again = model.fit(states, target, 2).predict(states)
    np.testing.assert_array_equal(again, make_family(name, **SMALL[name]).fit(states, target, 2).predict(states))


@TREES_AND_MACHINES
def test_errors(name, data):
    states, target = data
    with pytest.raises(ValueError, match="fitted first"):
        make_family(name).predict(states)
    with pytest.raises(ValueError, match="members must be an integer of at least 1, got 0"):
        make_family(name, members=0).fit(states, target, 0)
    with pytest.raises(ValueError, match="seed must be an integer of at least 0, got -1"):
        make_family(name).fit(states, target, -1)
    single = make_family(name, **(SMALL[name] | {"members": 1})).fit(states, target, 0)
    with pytest.raises(ValueError, match="members must be at least 2"):
        single.std(states)


@pytest.mark.parametrize("fraction", [0.0, 1.5])
def test_fraction_of_records_is_checked(fraction, data):
    with pytest.raises(ValueError, match=r"fraction must be in \(0, 1\]"):
        make_family("eps_svr", fraction=fraction).fit(*data, 0)


def test_unknown_family():
    with pytest.raises(ValueError, match="name must be one of .* got 'xgboost'; did you mean 'xgb'?"):
        make_family("xgboost")


def test_unknown_hyperparameter():
    with pytest.raises(ValueError, match="a hyperparameter of 'xgb' .* did you mean 'learning_rate'?"):
        make_family("xgb", learning_rat=0.1)
    with pytest.raises(ValueError, match="a hyperparameter of 'xgb'"):
        make_family("xgb", _boosters=[])


@pytest.mark.parametrize("name", FAMILIES)
def test_foldable(name):
    assert hasattr(make_family(name), "fold") == (name in FOLDABLE)


@TREES_AND_MACHINES
def test_shipped_configuration(name):
    config = load_config(name)
    make_family(name, **config.hyperparameters("accuracy"))
    assert config.search
    for hyperparameter, values in config.search.items():
        assert values.low <= config.defaults[hyperparameter] <= values.high


@TREES_AND_MACHINES
def test_shipped_defaults_are_those_of_the_class(name):
    assert make_family(name, **load_config(name).defaults) == make_family(name)


@TREES_AND_MACHINES
def test_suggest_stays_within_the_ranges(name):
    search = load_config(name).search
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(20):
        values = suggest(study.ask(), search)
        assert values.keys() == search.keys()
        for hyperparameter, value in values.items():
            allowed = search[hyperparameter]
            assert allowed.low <= value <= allowed.high
            assert isinstance(value, int) == isinstance(allowed.low, int)
        make_family(name, **values)


def test_configuration_round_trip(tmp_path):
    config = Config(
        family="xgb",
        search={"rounds": Range(10, 20, log=True), "subsample": Range(0.5, 1.0)},
        defaults={"members": 10, "learning_rate": 1e-05},
        metrics={"zcu102/throughput": {"rounds": 12, "subsample": 0.75}},
    )
    path = save_config(config, tmp_path)
    assert load_config("xgb", tmp_path) == config
    assert [p.name for p in tmp_path.iterdir()] == [path.name] == ["xgb.yaml"]
    tuned = config.with_metric("accuracy", {"rounds": 15})
    save_config(tuned, tmp_path)
    assert load_config("xgb", tmp_path) == tuned
    assert tuned.hyperparameters("accuracy") == {"members": 10, "learning_rate": 1e-05, "rounds": 15}
    assert tuned.hyperparameters("train_time") == {"members": 10, "learning_rate": 1e-05}


def test_versions_have_their_own_tuned_values(tmp_path):
    config = Config("gp", defaults={"order": 3}, metrics={"accuracy": {"degrees": 5.0, "subset": 9}})
    new = config.with_metric("accuracy", {"degrees": 7.0}, version=1)
    assert new.hyperparameters("accuracy") == config.hyperparameters("accuracy", version=1)
    assert new.hyperparameters("accuracy", version=1) == {"order": 3, "degrees": 7.0, "subset": 9}
    save_config(new, tmp_path)
    assert load_config("gp", tmp_path) == new


def test_saving_keeps_the_comment_at_the_head(tmp_path):
    (tmp_path / "rf.yaml").write_text("# One.\n# Two.\nfamily: rf\n")
    save_config(load_config("rf", tmp_path), tmp_path)
    assert (tmp_path / "rf.yaml").read_text().startswith("# One.\n# Two.\nfamily: rf\n")


def test_failed_save_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    config = Config("rf", defaults={"members": 3})
    path = save_config(config, tmp_path)
    before = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save_config(config.with_metric("accuracy", {"members": 4}), tmp_path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("family: lgb\n", "must start with 'family: rf'"),
        ("family: rf\nsearchs: {}\n", "did you mean 'search'?"),
        ("family: rf\nsearch: [1]\n", "search in .* must be a mapping"),
        ("family: rf\nv1: [1]\n", "v1 in .* must be a mapping"),
        ("family: rf\nv1: {acuracy: {}}\n", "did you mean 'accuracy'"),
        ("family: rf\nsearch: {members: {low: 1}}\n", "must have entries such as"),
        ("family: rf\nsearch: {a: {low: 1e-3, high: 1}}\n", "write 1.0e-3"),
        ("family: rf\nsearch: {a: {low: 3, high: 1}}\n", "low must be at most high"),
        ("family: rf\nsearch: {a: {low: 0, high: 1, log: true}}\n", "positive if log"),
        ("family: rf\nsearch: {a: {low: 0, high: 1, log: 1}}\n", "log must be true or false"),
    ],
)
def test_malformed_configuration(text, message, tmp_path):
    (tmp_path / "rf.yaml").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_config("rf", tmp_path)


def test_unknown_configuration():
    with pytest.raises(ValueError, match="family must be one of .* did you mean 'xgb'?"):
        load_config("xbg")


def test_tuned_values_leave_the_others_of_a_metric():
    config = load_config("gp").with_metric("tpuv3/throughput", {"order": 2, "degrees": 5.0})
    kept = config.hyperparameters("tpuv3/throughput")
    assert kept["subset"] == load_config("gp").hyperparameters("tpuv3/throughput")["subset"]
    assert (kept["order"], kept["degrees"]) == (2, 5.0)
