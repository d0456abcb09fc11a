"""Studies as files: what they mean, and where they are wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from anb_gym.agents import AGENTS
from anb_gym.baselines import BASELINES
from anb_gym.study.study_file import load_study
from anb_gym.study.yaml_nodes import ConfigError

ROOT = Path(__file__).parents[2]
NAMES = {name: baseline.target for name, baseline in BASELINES.items()}

GOOD = """\
name: good
evaluations: 40
seeds: [3, 5]
controllers:
  - random_search
  - {name: small, controller: regularized_evolution, population_size: 20, sample_size: 5}
  - TOYS:Climber
tasks:
  - AccelNAS-Accuracy-v0
  - name: noisy
    id: AccelNAS-VCK190-v0
    noise: true
    target: 2000
  - {id: AccelNAS-VCK190-MO-v0, controllers: [Climber]}
"""


def test_a_file_in_full(write, toys):
    study = load_study(write(GOOD), NAMES)
    assert (study.name, study.evaluations, study.hours, study.seeds) == ("good", 40, None, (3, 5))
    random, small, climber = study.controllers
    assert (random.name, random.path) == ("random_search", "anb_gym.baselines.random_search:RandomSearch")
    assert (small.name, dict(small.settings)) == ("small", {"population_size": 20, "sample_size": 5})
    assert (climber.name, climber.path) == ("Climber", f"{toys}:Climber")
    accuracy, noisy, vector = study.tasks
    assert (accuracy.name, accuracy.id, accuracy.noise) == ("AccelNAS-Accuracy-v0", "AccelNAS-Accuracy-v0", False)
    assert (noisy.name, noisy.id, noisy.noise, dict(noisy.arguments)) == (
        "noisy",
        "AccelNAS-VCK190-v0",
        True,
        {"target": 2000},
    )
    assert vector.controllers == ("Climber",)
    assert len(study.runs()) == 2 * (2 * 3 + 1)
    assert [run.seed for run in study.runs()] == [3] * 7 + [5] * 7


def test_a_count_of_seeds_begins_at_zero(write):
    assert load_study(write(GOOD.replace("[3, 5]", "3")), NAMES).seeds == (0, 1, 2)


def test_seeds_begin_anywhere(write):
    assert load_study(write(GOOD.replace("[3, 5]", "{start: 10, count: 3}")), NAMES).seeds == (10, 11, 12)
    last = 2**64 - 1
    assert load_study(write(GOOD.replace("[3, 5]", f"{{start: {last}, count: 1}}")), NAMES).seeds == (last,)


def test_ids_as_gymnasium_has_them(write):
    plain, prefixed = (
        load_study(write(GOOD), NAMES),
        load_study(write(GOOD.replace("AccelNAS", "anb_gym:AccelNAS")), NAMES),
    )
    assert prefixed.tasks == plain.tasks


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "    batch_size = 1\n    def ask(self, n): ...",
            "controller 'Mine' is none: Mine must have the method 'tell'",
        ),
        (
            "    batch_size = 1\n    def tell(self, c, o): ...",
            "controller 'Mine' is none: Mine must have the method 'ask'",
        ),
        ("    ask = tell = print", "controller 'Mine' is none: batch_size must be an integer of at least 1, got None"),
        ("    batch_size, ask, tell = 0, print, print", "batch_size must be an integer of at least 1, got 0"),
        ("    batch_size, ask, tell = 2.0, print, print", "batch_size must be an integer of at least 1, got 2.0"),
        (
            "    ask = tell = print\n    @property\n    def batch_size(self):\n        return {}['mine']",
            "controller 'Mine' is none: KeyError: 'mine'",
        ),
        ("        raise SystemExit('bye')", "controller 'Mine' cannot be made: SystemExit: bye"),
        ("        self.x = 1 / 0", "controller 'Mine' cannot be made: ZeroDivisionError: division by zero"),
    ],
)
def test_controllers_that_are_none_name_the_line(write, tmp_path, code, message):
    (tmp_path / "mine.py").write_text(f"class Mine:\n    def __init__(self, brief, rng):\n        pass\n{code}\n")
    with pytest.raises(ConfigError) as error:
        load_study(write(GOOD.replace("TOYS:Climber", "mine.py:Mine").replace("[Climber]", "[Mine]")), NAMES)
    assert str(error.value).startswith(f"{tmp_path / 'study.yaml'}:7: ")
    assert message in str(error.value)


def test_a_controller_beside_the_file(write, toys, tmp_path):
    shutil.copy(toys, tmp_path / "mine.py")
    study = load_study(write(GOOD.replace("TOYS", "mine.py")), NAMES)
    assert study.controllers[2].path == f"{tmp_path / 'mine.py'}:Climber"


def test_anchors_and_merges(write):
    text = GOOD.replace("- name: noisy", "- &noisy\n    name: noisy").replace("[Climber]}", "[Climber]}\n  - ") + (
        "    <<: *noisy\n    name: again\n    target: 2500\n"
    )
    again = load_study(write(text), NAMES).tasks[-1]
    assert (again.name, again.noise, dict(again.arguments)) == ("again", True, {"target": 2500})


def test_pairs_that_cannot_run_are_skipped_with_a_reason(write):
    text = GOOD.replace(", controllers: [Climber]", "")
    study = load_study(write(text), NAMES)
    assert set(study.skipped) == {("AccelNAS-VCK190-MO-v0", "small")}
    assert "regularized_evolution" in study.skipped["AccelNAS-VCK190-MO-v0", "small"]
    assert ("small", "AccelNAS-VCK190-MO-v0") not in {(run.controller.name, run.task.name) for run in study.runs()}


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("- random_search", "- random_serach", 5, "did you mean 'random_search'"),
        ("seeds:", "sedes:", 3, "did you mean 'seeds'"),
        ("name: good\n", "", 1, "the field 'name' is missing"),
        ("name: good", "name: a/b", 1, "name must be up to 100 letters"),
        ("evaluations: 40\n", "", 1, "'evaluations' or 'hours' is missing"),
        ("evaluations: 40", "evaluations: 0", 2, "evaluations must be an integer in 1.."),
        ("evaluations: 40", "evaluations: 4.5", 2, "evaluations must be an integer in 1.."),
        ("evaluations: 40", "hours: 1", 2, "hours must be a finite number of at least 5.5"),
        ("evaluations: 40", "hours: 1e3", 2, "YAML reads 1e3 as text"),
        ("[3, 5]", "[3, 3]", 3, "seeds must differ"),
        ("[3, 5]", "[-1]", 3, "seeds must be an integer in 0.."),
        ("[3, 5]", "none", 3, "seeds must be a list"),
        ("[3, 5]", "{start: 3}", 3, "the field 'count' is missing"),
        ("[3, 5]", "{start: 3, cuont: 3}", 3, "did you mean 'count'"),
        ("[3, 5]", "{start: -1, count: 3}", 3, "start of seeds must be an integer in 0.."),
        ("[3, 5]", f"{{start: {2**64 - 1}, count: 2}}", 3, "start of seeds must be an integer in 0.."),
        ("[3, 5]", "{start: 3, count: 0}", 3, "count of seeds must be an integer in 1..100000, got 0"),
        ("population_size", "populaton_size", 6, "did you mean 'population_size'"),
        ("population_size: 20", "population_size: .inf", 6, "population_size must be made of finite numbers"),
        ("population_size: 20", "population_size: many", 6, "population_size"),
        ("population_size: 20", "population_size: 0", 6, "controller 'small' cannot run"),
        ("name: small", "name: random_search", 6, "'random_search' is there twice"),
        ("name: small", "name: Random_Search", 6, "differ in more than case, got 'random_search' and 'Random_Search'"),
        ("[3, 5]", f"[{2**64}]", 3, f"got {2**64}"),
        ("TOYS:Climber", "TOYS:Climer", 7, "did you mean 'Climber'"),
        ("TOYS:Climber", "nowhere.py:Climber", 7, "a file that exists"),
        ("TOYS:Climber", "anb_gym.nowhere:Climber", 7, "there is no 'anb_gym.nowhere'"),
        ("TOYS:Climber", "'TOYS:'", 7, "must be the name of a baseline"),
        ("TOYS:Climber", "7", 7, "expected fields"),
        ("- AccelNAS-Accuracy-v0", "- AccelNAS-Acuracy-v0", 9, "did you mean 'AccelNAS-Accuracy-v0'"),
        ("noise: true", "noise: 1", 12, "noise must be true or false"),
        ("target: 2000", "targt: 2000", 13, "did you mean 'target'"),
        ("target: 2000", "target: -1", 10, "target must be positive"),
        ("target: 2000", "reward: produkt", 10, "did you mean 'product'"),
        ("target: 2000", "scale: raw", 13, "must be one of"),
        ("target: 2000", "target: 2000\n    target: 3000", 14, "'target' is there twice"),
        ("[Climber]", "[Climer]", 14, "did you mean 'Climber'"),
        ("[Climber]", "[small]", 6, "cannot run on task 'AccelNAS-VCK190-MO-v0'"),
        ("seeds: [3, 5]", "seeds: [3, 5", 4, "expected"),
        ("target: 2000", "target: !!python/object:os.system {}", 13, "could not determine a constructor"),
        ("target: 2000", "target: &t [*t]", 13, "an alias must not stand for what it is in"),
        (GOOD, "", 1, "the file is empty"),
        (GOOD, "- a list", 1, "expected fields"),
    ],
)
def test_mistakes_name_the_line(write, old, new, line, message):
    assert old in GOOD
    path = write(GOOD.replace(old, new))
    with pytest.raises(ConfigError) as error:
        load_study(path, NAMES)
    assert str(error.value).startswith(f"{path}:{line}: ")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("code", "error"), [("1 / 0", "ZeroDivisionError"), ("import nowhere", "ModuleNotFoundError: No module named 'now")]
)
def test_a_module_that_raises_names_the_line(write, tmp_path, code, error):
    (tmp_path / "broken.py").write_text(f"{code}\n")
    with pytest.raises(ConfigError, match=f"study.yaml:7: .*cannot be imported: {error}"):
        load_study(write(GOOD.replace("TOYS", "broken.py")), NAMES)


def test_a_missing_setting_is_named(write, tmp_path):
    (tmp_path / "needy.py").write_text("class Needy:\n    def __init__(self, brief, rng, *, size): ...\n")
    with pytest.raises(ConfigError, match="study.yaml:7: .* needs the setting 'size'"):
        load_study(write(GOOD.replace("TOYS:Climber", "needy.py:Needy")), NAMES)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00name: x")
    (tmp_path / "control.yaml").write_bytes(b"name: \x07")
    for name in ("binary", "control"):
        with pytest.raises(ConfigError, match=f"{name}.yaml: "):
            load_study(tmp_path / f"{name}.yaml", NAMES)
    with pytest.raises(FileNotFoundError):
        load_study(tmp_path / "nowhere.yaml", NAMES)


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "studies").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_studies(path):
    if path.stem == "agents":
        pytest.importorskip("sb3_contrib")
    study = load_study(path, NAMES, AGENTS)
    assert study.name == path.stem
    assert {run.controller.name for run in study.runs()} == {entry.name for entry in study.controllers}
    assert {run.task.name for run in study.runs()} == {entry.name for entry in study.tasks}
