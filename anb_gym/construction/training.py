"""Training of one architecture under a scheme: the accuracy that the benchmark is made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from time import perf_counter
from typing import Any, Final, NamedTuple, Unpack

from anb_gym._errors import integer
from anb_gym._extras import needing, require
from anb_gym.construction.schemes import Scheme
from anb_gym.space import Architecture

with needing("construction"):
    import torch
    from torch import Tensor, nn
    from torch.nn import functional

    from anb_gym._torch import torch_threads
    from anb_gym.construction.checkpoint import TrainingFolder
    from anb_gym.construction.data import Data
    from anb_gym.construction.network import NetworkOptions, build_network
    from anb_gym.construction.processes import Processes
    from anb_gym.construction.seeding import seeded

#: What `build_network` takes for the options that are not given.
_DEFAULTS: Final = {
    name: value
    for name, value in (build_network.__kwdefaults__ or {}).items()
    if name in NetworkOptions.__annotations__
}


class Epoch(NamedTuple):
    """Figures of one epoch.

    Attributes:
        loss: Mean training loss.
        top1: Validation images whose label is the most probable class, in percent.
        top5: Validation images whose label is among the five most probable classes, in percent.
        seconds: Wall time of training and validation.
    """

    loss: float
    top1: float
    top5: float
    seconds: float


@dataclass(frozen=True)
class TrainingResult:
    """Result of a training.

    Attributes:
        accuracy: Top-1 accuracy of the best of the scheme's last epochs, in percent.
        top5: Top-5 accuracy of the same epoch, in percent.
        seconds: Wall time of all epochs, wherever the training was interrupted.
        history: All epochs.
    """

    accuracy: float
    top5: float
    seconds: float
    history: tuple[Epoch, ...]

    @classmethod
    def from_history(cls, history: list[Epoch], score_epochs: int) -> TrainingResult:
        """The result after the last epoch; the first of equally good epochs counts."""
        best = max(history[-score_epochs:], key=lambda epoch: epoch.top1)
        return cls(best.top1, best.top5, sum(epoch.seconds for epoch in history), tuple(history))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainingResult:
        """Reads what :func:`dataclasses.asdict` makes of a result, also after JSON."""
        return cls(**{**values, "history": tuple(Epoch(*epoch) for epoch in values["history"])})


def train(
    architecture: Architecture,
    scheme: Scheme,
    data: Data,
    *,
    seed: int,
    folder: Path | None = None,
    device: str = "cpu",
    threads: int = 1,
    progress: bool = False,
    **options: Unpack[NetworkOptions],
) -> TrainingResult:
    """Trains an architecture and returns its accuracy.

    The seed determines weights, order and changes of the images, dropout and stochastic depth; on a CPU, with the
    same number of threads, also every bit of the result except the times. Started by torchrun, the processes train
    one network together, one GPU each. On a GPU, half precision is used.

    Args:
        architecture: What to train.
        scheme: How to train it.
        data: The images.
        seed: A non-negative integer.
        folder: Where the state is kept after every epoch, and the result at the end. If it has any, the training goes
            on from there, to the same result; if it has the result, that is returned. ``checkpoint.pt`` is not needed
            any more then.
        device: PyTorch's name of a device, such as ``"cpu"`` or ``"cuda"``.
        threads: Threads on the CPU.
        progress: Whether to show a progress bar.
        **options: ``width``, ``stem_stride``, ``activation``, ``gate``, ``stochastic_depth`` and ``dropout``, as
            :func:`~anb_gym.construction.network.build_network` explains.

    Raises:
        ValueError: An argument is invalid, or the folder is damaged or has a record from another training.
        FloatingPointError: The training diverged.
        OSError: The state cannot be written; that of the epoch before is kept.
    """
    seed, threads = integer(seed, 0, "seed"), integer(threads, 1, "threads")
    processes = Processes.join(device)
    store = TrainingFolder(Path(folder), _identity(architecture, scheme, data, seed, options)) if folder else None
    done = processes.share(store.read_result() if store and processes.rank == 0 else None)
    if done is not None:
        return TrainingResult.from_dict(done)
    with _settings(threads):
        run = _Run(architecture, scheme, data, seed, processes, options)
        checkpoint = processes.share(store.read_checkpoint() if store and processes.rank == 0 else None)
        if store and checkpoint is not None:
            run.restore(store.decode(checkpoint))
        with require("tqdm", "construction").tqdm(
            initial=len(run.history),
            total=scheme.epochs,
            unit="epoch",
            desc=str(architecture),
            disable=not progress or processes.rank > 0,
        ) as bar:
            while len(run.history) < scheme.epochs:
                run.epoch()
                if store and processes.rank == 0:
                    store.write_checkpoint(run.state())
                bar.set_postfix(loss=run.history[-1].loss, accuracy=run.history[-1].top1)
                bar.update()
    result = TrainingResult.from_history(run.history, scheme.recipe.score_epochs)
    if store and processes.rank == 0:
        store.write_result(asdict(result))
    return processes.share(result)  # with the times of process 0, and not before it has written them


class _Run:
    """A training between two epochs."""

    def __init__(
        self,
        architecture: Architecture,
        scheme: Scheme,
        data: Data,
        seed: int,
        processes: Processes,
        options: NetworkOptions,
    ) -> None:
        self._scheme, self._data, self._seed, self._processes = scheme, data, seed, processes
        self._device, self._on_gpu = processes.device, processes.device.type == "cuda"
        self._architecture = architecture
        network = build_network(architecture, classes=data.n_classes, in_channels=data.channels, seed=seed, **options)
        self.network = network.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._parallel = processes.parallel(self.network)
        self._optimiser = _optimiser(self.network, scheme)
        self._scaler = torch.amp.GradScaler(enabled=self._on_gpu)
        self._mean, self._std = (
            torch.tensor(values, device=self._device).reshape(1, -1, 1, 1) for values in (data.mean, data.std)
        )
        self.history: list[Epoch] = []

    def epoch(self) -> None:
        """Trains and validates the next epoch."""
        start, number = perf_counter(), len(self.history)
        with seeded("dropout", self._seed, number, self._processes.rank, device=self._device):
            loss = self._train(number)
        if not isfinite(loss):
            raise FloatingPointError(
                f"the training loss of {self._architecture} is {loss} in epoch {number}; a lower rate than "
                f"{self._scheme.rate(self._scheme.recipe.peak_epoch):g} may help"
            )
        top1, top5 = self._validate()
        self.history.append(Epoch(loss, top1, top5, perf_counter() - start))

    def state(self) -> dict[str, Any]:
        """State that the next epoch depends on; randomness is seeded by epoch."""
        return {
            "network": self.network.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "scaler": self._scaler.state_dict(),
            "history": [tuple(epoch) for epoch in self.history],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes back to a state."""
        self.network.load_state_dict(state["network"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._scaler.load_state_dict(state["scaler"])
        self.history = [Epoch(*epoch) for epoch in state["history"]]

    def _train(self, epoch: int) -> float:
        """Mean loss over the epoch's images of all processes."""
        scheme, processes = self._scheme, self._processes
        batches = self._data.train_batches(
            scheme.resolution(epoch),
            scheme.batch_size,
            epoch=epoch,
            seed=self._seed,
            rank=processes.rank,
            world=processes.world,
        )
        steps = self._data.n_train // scheme.batch_size
        self.network.train()
        losses = torch.zeros((), device=self._device)
        for step, (images, labels) in enumerate(batches):
            for group in self._optimiser.param_groups:
                group["lr"] = scheme.rate(epoch + step / steps)
            with self._precision():
                logits = self._parallel(self._prepared(images))
                loss = functional.cross_entropy(
                    logits, self._moved(labels), label_smoothing=scheme.recipe.label_smoothing
                )
            self._optimiser.zero_grad(set_to_none=True)
            self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            self._scaler.step(self._optimiser)
            self._scaler.update()
            losses += loss.detach()
        return float(processes.total(losses) / (steps * processes.world))

    @torch.no_grad()
    def _validate(self) -> tuple[float, float]:
        """Top-1 and top-5 accuracy on all validation images, in percent."""
        scheme, processes = self._scheme, self._processes
        processes.share_buffers(self.network)
        batches = self._data.validation_batches(
            scheme.evaluation_resolution,
            scheme.batch_size // processes.world,
            rank=processes.rank,
            world=processes.world,
        )
        self.network.eval()
        counts = torch.zeros(3, device=self._device, dtype=torch.int64)  # top 1, top 5, images
        for images, labels in batches:
            with self._precision():
                logits = self.network(self._prepared(images))
            best = logits.topk(min(5, logits.shape[1])).indices == self._moved(labels)[:, None]
            counts += torch.stack([best[:, 0].sum(), best.sum(), counts.new_tensor(len(labels))])
        top1, top5, n = processes.total(counts).tolist()
        return 100 * top1 / n, 100 * top5 / n

    def _prepared(self, images: Tensor) -> Tensor:
        """Images on the device, normalised: as uint8 they are a quarter of the size on the way there."""
        images = self._moved(images).to(torch.float32, memory_format=torch.channels_last)
        return (images - self._mean) / self._std

    def _moved(self, values: Tensor) -> Tensor:
        return values.to(self._device, non_blocking=True)

    def _precision(self) -> torch.autocast:
        return torch.autocast(self._device.type, dtype=torch.float16, enabled=self._on_gpu)


def _optimiser(network: nn.Module, scheme: Scheme) -> torch.optim.SGD:
    """SGD with momentum; weight decay on matrices and kernels only."""
    parameters = list(network.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": scheme.recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr=0.0, momentum=scheme.recipe.momentum, fused=True)


def _identity(
    architecture: Architecture, scheme: Scheme, data: Data, seed: int, options: NetworkOptions
) -> dict[str, Any]:
    """Identity of this training, in which its records agree."""
    return {
        "architecture": str(architecture),
        "scheme": scheme.to_dict(),
        "data": data.name,
        "seed": seed,
        "network": {**_DEFAULTS, **options},
    }


@contextmanager
def _settings(threads: int) -> Iterator[None]:
    """Sets the number of threads, and lets cuDNN choose its fastest kernels, inside."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        with torch_threads(threads):
            yield
    finally:
        torch.backends.cudnn.benchmark = before
