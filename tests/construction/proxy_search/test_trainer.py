"""Units that are really trained."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from anb_gym import Architecture
from anb_gym.construction import training
from anb_gym.construction.proxy_search.records import WORK, read_record
from anb_gym.construction.proxy_search.running import Runner
from anb_gym.construction.schemes import Recipe, Scheme
from anb_gym.construction.trainer import Trainer
from anb_gym.construction.units import Trained, Unit

SCHEME = Scheme(250, 1, 0, 0, 32, 32, Recipe(rate=0.2, rate_batch=250, peak_epoch=0.5, evaluation_ratio=1.0))
SMALLEST = Architecture((1,) * 7, (3,) * 7, (1,) * 7, (False,) * 7)
UNIT = Unit(SMALLEST.index, SCHEME, 7)
TRAINER = Trainer.from_dict({"data": "digits", "network": {"width": 0.1, "stem_stride": 2}})


def test_a_unit_is_trained_recorded_and_its_checkpoint_removed(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool, Runner(TRAINER, pool, tmp_path) as runner:
        measured = runner.measure(SCHEME, [SMALLEST.index], [7], "reference")
    outcome = read_record(tmp_path, UNIT, TRAINER.conditions())
    assert outcome == Trained(measured.accuracy[0, 0], measured.seconds[0, 0])
    assert outcome.seconds > 0
    assert not any(path.is_file() for path in (tmp_path / WORK).rglob("*"))


def test_a_training_that_diverges_ranks_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def diverge(*args: object, **kwargs: object) -> None:
        raise FloatingPointError("the training loss is nan")

    monkeypatch.setattr(training, "train", diverge)
    assert TRAINER(UNIT, tmp_path).accuracy == 0


def test_unknown_options_of_the_network_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="an option of the network must be one of .*did you mean 'width'"):
        Trainer(network={"widht": 0.1})(UNIT, tmp_path)


def test_several_processes_train_a_unit_together(tmp_path: Path) -> None:
    together = Trainer.from_dict({**vars(TRAINER), "processes": 2})
    assert together.conditions() == TRAINER.conditions()
    outcome = together(UNIT, tmp_path)
    assert outcome == TRAINER(UNIT, tmp_path)  # which reads what they found


def test_processes_that_fail_say_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together = Trainer.from_dict({**vars(TRAINER), "processes": 2})

    def fail(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, stderr=f"[rank0]: Traceback\n[rank0]: {error}\nRoot Cause\n")

    monkeypatch.setattr(subprocess, "run", fail)
    error = "ValueError: device must be one that PyTorch knows"
    with pytest.raises(ValueError, match="^training with 2 processes failed: ValueError: device must be one"):
        together(UNIT, tmp_path)
    error = "torch.OutOfMemoryError: CUDA out of memory"
    with pytest.raises(RuntimeError, match="^training with 2 processes failed: OutOfMemoryError: CUDA out of memory"):
        together(UNIT, tmp_path)
    error = "FloatingPointError: the training loss is nan"
    assert together(UNIT, tmp_path).accuracy == 0
