"""The training loop: what it follows, that it resumes exactly, and that several processes train as one."""

import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from anb_gym.construction.data import Batch, Data, digits
from anb_gym.construction.network import build_network
from anb_gym.construction.schemes import Recipe, Scheme
from anb_gym.construction.training import Epoch, TrainingResult, train
from anb_gym.space import Architecture

SMALLEST = Architecture.from_index(0)
#: Squeeze-and-excitation, expansion and a residual layer in the last block.
OTHER = Architecture.from_index(35)
SCHEME = Scheme(16, 3, 0, 2, 32, 64, Recipe(rate=0.1, rate_batch=16, peak_epoch=1, evaluation_ratio=1))
WIDTH = 0.05  # 8 channels in every layer but the head


def few_digits(n_train: int = 48, n_validation: int = 40) -> Any:
    """Evenly spaced digits, so that all labels occur."""
    data = digits()
    parts = ((images[:: len(images) // n][:n], labels[:: len(labels) // n][:n]) for (images, labels), n in (
        (data.train, n_train), (data.validation, n_validation)
    ))  # fmt: skip
    return type(data)(*parts)


@dataclass
class Watched:
    """Digits that note what is asked for, and fail where told to."""

    data: Any = field(default_factory=few_digits)
    fail_in: int | None = None
    asked: list[Any] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.data, name)

    def train_batches(self, resolution: int, batch_size: int, **options: Any) -> Iterator[Batch]:
        if options["epoch"] == self.fail_in:
            raise KeyboardInterrupt
        self.asked.append((options["epoch"], resolution, batch_size))
        return iter(self.data.train_batches(resolution, batch_size, **options))

    def validation_batches(self, resolution: int, batch_size: int, **options: Any) -> Iterator[Batch]:
        self.asked.append(("validation", resolution))
        return iter(self.data.validation_batches(resolution, batch_size, **options))


def run(folder: Path | None = None, **changes: Any) -> TrainingResult:
    arguments = {"architecture": OTHER, "scheme": SCHEME, "data": few_digits(), "seed": 3, "width": WIDTH, **changes}
    architecture, scheme, data = (arguments.pop(name) for name in ("architecture", "scheme", "data"))
    return train(architecture, scheme, data, folder=folder, **arguments)


def timeless(result: TrainingResult) -> tuple[Any, ...]:
    return result.accuracy, result.top5, [epoch[:3] for epoch in result.history]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    content = torch.load(folder / "checkpoint.pt", weights_only=True)["state"]
    momentum = {f"momentum{i}": s["momentum_buffer"] for i, s in content["optimiser"]["state"].items()}
    return {**content["network"], **momentum}


def assert_equal_weights(first: Path, second: Path) -> None:
    a, b = weights(first), weights(second)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainingResult, Path]:
    folder = tmp_path_factory.mktemp("undisturbed")
    return run(folder), folder


def test_result(undisturbed: tuple[TrainingResult, Path]) -> None:
    result, _ = undisturbed
    assert len(result.history) == 3
    assert result.accuracy == max(epoch.top1 for epoch in result.history)
    assert result.top5 in [epoch.top5 for epoch in result.history if epoch.top1 == result.accuracy]
    assert result.seconds == pytest.approx(sum(epoch.seconds for epoch in result.history))
    assert all(0 <= epoch.top1 <= epoch.top5 <= 100 and epoch.seconds > 0 for epoch in result.history)
    assert all(epoch.top1 * 40 % 100 == pytest.approx(0) for epoch in result.history)


def test_score_is_the_best_of_the_last_epochs() -> None:
    history = [Epoch(1.0, top1, top5, 2.0) for top1, top5 in ((90, 99), (50, 91), (60, 92), (60, 93), (55, 94))]
    result = TrainingResult.from_history(history, score_epochs=3)
    assert (result.accuracy, result.top5, result.seconds) == (60, 92, 10)


def test_learns_digits() -> None:
    """Twelve passes over 400 digits; guessing has 10 %."""
    scheme = Scheme(16, 12, 0, 0, 32, 32, Recipe(rate=0.1, rate_batch=16, evaluation_ratio=1))
    result = run(architecture=SMALLEST, scheme=scheme, data=few_digits(400, 200), width=0.125, stochastic_depth=0.0)
    assert result.accuracy > 30
    assert result.top5 > 70
    assert result.history[-1].loss < result.history[0].loss


def test_follows_the_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    rates, decays = [], []
    step = torch.optim.SGD.step

    def noted(self: torch.optim.SGD, *args: Any) -> Any:
        rates.append([group["lr"] for group in self.param_groups])
        decays.append({(p.ndim > 1, group["weight_decay"]) for group in self.param_groups for p in group["params"]})
        return step(self, *args)

    monkeypatch.setattr(torch.optim.SGD, "step", noted)
    watched = Watched()
    run(data=watched)
    assert rates == [[pytest.approx(SCHEME.rate(i / 3))] * 2 for i in range(9)]
    assert all(pairs == {(True, 1e-4), (False, 0.0)} for pairs in decays)
    validation = ("validation", 64)
    assert watched.asked == [(0, 32, 16), validation, (1, 64, 16), validation, (2, 64, 16), validation]


def test_recipe_reaches_the_loss() -> None:
    plain = replace(SCHEME, recipe=replace(SCHEME.recipe, label_smoothing=0.0))
    assert run(scheme=plain).history[0].loss != run().history[0].loss


def test_seed_determines_all_and_the_callers_state_stays(undisturbed: tuple[TrainingResult, Path]) -> None:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    torch.manual_seed(123)
    before = torch.get_rng_state()
    assert timeless(run()) == timeless(undisturbed[0])
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    assert timeless(run(seed=4)) != timeless(undisturbed[0])
    torch.set_rng_state(state)


@pytest.mark.parametrize("epoch", [1, 2])
def test_resumes_exactly(tmp_path: Path, undisturbed: tuple[TrainingResult, Path], epoch: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, data=Watched(fail_in=epoch))
    watched = Watched()
    resumed = run(tmp_path, data=watched)
    assert [asked[0] for asked in watched.asked if asked[0] != "validation"] == list(range(epoch, 3))
    assert timeless(resumed) == timeless(undisturbed[0])
    assert_equal_weights(tmp_path, undisturbed[1])


def test_finished_training_is_not_repeated(undisturbed: tuple[TrainingResult, Path]) -> None:
    result, folder = undisturbed
    assert run(folder, data=Watched(fail_in=0)) == result
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint.pt", "result.json"]


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("architecture", {"architecture": SMALLEST}),
        ("scheme", {"scheme": replace(SCHEME, batch_size=8)}),
        ("scheme", {"scheme": replace(SCHEME, recipe=replace(SCHEME.recipe, rate=0.2))}),
        ("seed", {"seed": 4}),
        ("network", {"width": 0.06}),
        ("data", {"data": few_digits(64)}),
    ],
    ids=["architecture", "scheme", "recipe", "seed", "network", "data"],
)
def test_record_from_another_training(
    tmp_path: Path, undisturbed: tuple[TrainingResult, Path], name: str, change: dict[str, Any], finished: bool
) -> None:
    names = ["checkpoint.pt", "result.json"][: 1 + finished]
    for file in names:
        (tmp_path / file).write_bytes((undisturbed[1] / file).read_bytes())
    with pytest.raises(ValueError, match=f"{names[-1]} is a record from another training: its {name} is"):
        run(tmp_path, **change)


@pytest.mark.parametrize("content", [b"", b"junk", b"PK", None], ids=["empty", "junk", "zip", "half"])
def test_damaged_checkpoint(tmp_path: Path, undisturbed: tuple[TrainingResult, Path], content: bytes | None) -> None:
    whole = (undisturbed[1] / "checkpoint.pt").read_bytes()
    (tmp_path / "checkpoint.pt").write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(ValueError, match="checkpoint.pt cannot be read, delete it to start again"):
        run(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", '{"result": 3}', "{}"])
def test_damaged_result(tmp_path: Path, content: str) -> None:
    (tmp_path / "result.json").write_text(content)
    with pytest.raises(ValueError, match="result.json cannot be read, delete it to start again"):
        run(tmp_path)


def test_full_disk_keeps_the_checkpoint(tmp_path: Path, undisturbed: tuple[TrainingResult, Path]) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, data=Watched(fail_in=1))
    before = (tmp_path / "checkpoint.pt").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(OSError, match="what was written before is intact, and the same call goes on from there"):
            run(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    assert timeless(run(tmp_path)) == timeless(undisturbed[0])
    assert_equal_weights(tmp_path, undisturbed[1])


def test_divergence_is_an_error() -> None:
    scheme = replace(SCHEME, recipe=replace(SCHEME.recipe, rate=1e30))
    with pytest.raises(FloatingPointError, match=r"the training loss of e1k3.* in epoch \d; a lower rate than 1e\+30"):
        run(scheme=scheme)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": -1}, "seed must be an integer of at least 0, got -1"),
        ({"threads": 0}, "threads must be an integer of at least 1, got 0"),
        ({"device": "gpu"}, "device must be one of PyTorch's, such as 'cpu' or 'cuda', got 'gpu'"),
        ({"activation": "tanh"}, "activation must be one of"),
        ({"data": few_digits(15)}, "batch_size must be at most the number of training images, 15, got 16"),
    ],
    ids=["seed", "threads", "device", "activation", "data"],
)
def test_invalid_arguments(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(**change)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_no_gpu() -> None:
    with pytest.raises(ValueError, match="device must be one that this machine has, got 'cuda'"):
        run(device="cuda")


KILLED = """
import os, random, signal, sys, time
from pathlib import Path
from dataclasses import replace
sys.path.insert(0, {here!r})
from test_training import SCHEME, few_digits, run
import torch

torch.set_num_threads(1)
scheme = replace(SCHEME, epochs=10, resize_finish_epoch=10, finish_resolution=32)
few_digits()  # read before the clock runs

def start(folder):
    child = os.fork()
    if not child:
        try:
            run(Path(folder), scheme=scheme)
        finally:
            os._exit(0)
    return child

clock = time.perf_counter()
os.waitpid(start({undisturbed!r}), 0)
whole, rng, kills = time.perf_counter() - clock, random.Random(0), 0
for _ in range(5):
    child = start({killed!r})
    time.sleep(rng.uniform(0.04, 0.28) * whole)
    os.kill(child, signal.SIGKILL)
    kills += os.WIFSIGNALED(os.waitpid(child, 0)[1])
os.waitpid(start({killed!r}), 0)
print(kills)
"""


def test_killed_five_times(tmp_path: Path) -> None:
    """SIGKILL at random moments of five attempts, mostly while some epoch or file is half done."""
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    code = KILLED.format(here=str(Path(__file__).parent), undisturbed=str(undisturbed), killed=str(killed))
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(output) >= 4
    results = [json.loads((folder / "result.json").read_text())["result"] for folder in (undisturbed, killed)]
    for result in results:
        assert len(result["history"]) == 10
        assert result.pop("seconds") == pytest.approx(sum(epoch.pop() for epoch in result["history"]))
    assert results[0] == results[1]
    assert_equal_weights(undisturbed, killed)
    assert {path.name for path in killed.iterdir()} >= {"checkpoint.pt", "result.json"}


TOGETHER = """
import json, os, sys
from pathlib import Path
sys.path.insert(0, {here!r})
import torch
from test_training import few_digits, run
from anb_gym.construction import checkpoint
from anb_gym.construction.processes import leave

torch.set_num_threads(1)
few_digits()
other = os.fork()  # after all that takes long to import
rank = os.environ["RANK"] = os.environ["LOCAL_RANK"] = "0" if other else "1"
gradients, written = [], []
step, write = torch.optim.SGD.step, checkpoint.write_atomically

def noted(self, *args):
    gradients.append([p.grad.clone() for group in self.param_groups for p in group["params"]])
    return step(self, *args)

def noted_write(path, data):
    written.append(path.name)
    write(path, data)

torch.optim.SGD.step, checkpoint.write_atomically = noted, noted_write
folder = Path({folder!r})
options = dict(stochastic_depth=0.0, dropout=0.0)
result = run(folder / "shared", **options)
again = run(folder / "shared", **options)
assert again == result
torch.save(dict(first=gradients[0], last=gradients[-1]), folder / f"gradients{{rank}}.pt")
seen = dict(written=written, accuracy=result.accuracy, history=result.history)
(folder / f"{{rank}}.json").write_text(json.dumps(seen))
if other:
    assert os.waitpid(other, 0)[1] == 0
leave()
"""


def test_two_processes_train_one_network(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = TOGETHER.format(here=str(Path(__file__).parent), folder=str(tmp_path))
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    subprocess.run([sys.executable, "-c", code], env={**os.environ, **shared}, check=True, timeout=300)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first["written"] == ["checkpoint.pt"] * 3 + ["result.json"]
    assert second["written"] == []
    assert first["accuracy"] == second["accuracy"]
    assert first["history"] == second["history"]
    gradients = [torch.load(tmp_path / f"gradients{rank}.pt", weights_only=True) for rank in (0, 1)]
    for moment in ("first", "last"):
        assert all(torch.equal(a, b) for a, b in zip(*(g[moment] for g in gradients), strict=True))
    expected = [sum(parts) / 2 for parts in zip(*map(first_gradients, (0, 1)), strict=True)]
    for found, wanted in zip(gradients[0]["first"], expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-3 * float(wanted.abs().max()) + 1e-6)


def first_gradients(rank: int) -> list[torch.Tensor]:
    """Those of one process's half of the first batch, by hand: kernels and matrices first."""
    data: Data = few_digits()
    network = build_network(OTHER, width=WIDTH, classes=10, in_channels=1, seed=3, stochastic_depth=0.0, dropout=0.0)
    images, labels = next(iter(data.train_batches(32, 16, epoch=0, seed=3, rank=rank, world=2)))
    logits = network((images - data.mean[0]) / data.std[0])
    torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.1).backward()
    parameters = sorted(network.parameters(), key=lambda p: p.ndim <= 1)
    return [p.grad for p in parameters if p.grad is not None]


@pytest.mark.parametrize("module", ["network", "training", "data"])
def test_torch_is_not_installed(module: str) -> None:
    code = f"import sys; sys.modules['torch'] = None; import anb_gym.construction.{module}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "ModuleNotFoundError: the module 'torch' is needed" in result.stderr
    assert "pip install 'anb_gym[construction]'" in result.stderr
