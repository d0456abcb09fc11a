"""Architectures as PyTorch modules.

The network is MnasNet's and EfficientNet's: inverted bottlenecks between a
stem and a head. Every tensor is (n, channels, height, width).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Final, TypeAlias, TypedDict

from anb_gym._errors import choose, integer
from anb_gym._extras import needing
from anb_gym.complexity import CHANNELS, CLASSES, HEAD_CHANNELS, STRIDES
from anb_gym.space import N_BLOCKS, Architecture

with needing("construction"):
    from torch import Tensor, nn

    from anb_gym.construction.seeding import seeded

#: What makes a module that has no weights.
Module: TypeAlias = Callable[[], nn.Module]

# In place: what an activation gets is needed no more.
_ACTIVATIONS: Final[dict[str, Module]] = {
    "relu": partial(nn.ReLU, inplace=True),
    "silu": partial(nn.SiLU, inplace=True),
}
_GATES: Final[dict[str, Module]] = {"hardsigmoid": nn.Hardsigmoid, "sigmoid": nn.Sigmoid}


class NetworkOptions(TypedDict, total=False):
    """The arguments of :func:`build_network` that change what is trained, for functions that pass them on."""

    width: float
    stem_stride: int
    activation: str
    gate: str
    stochastic_depth: float
    dropout: float


def build_network(
    architecture: Architecture,
    *,
    width: float = 1.0,
    stem_stride: int = 2,
    classes: int = CLASSES,
    in_channels: int = 3,
    activation: str = "relu",
    gate: str = "hardsigmoid",
    stochastic_depth: float = 0.2,
    dropout: float = 0.2,
    seed: int | None = None,
) -> Network:
    """Builds an architecture with fresh weights.

    The defaults are the public dataset's networks; EfficientNet-B0 as published has ``activation="silu"`` and
    ``gate="sigmoid"``.

    Args:
        architecture: What to build.
        width: Factor on all channel counts, which are rounded to multiples of 8 and lose at most 10 % by that.
        stem_stride: 1 or 2. The network shrinks images by ``16 * stem_stride``; 1 suits small images.
        classes: Number of outputs.
        in_channels: Channels of the images.
        activation: ``"relu"`` or ``"silu"``.
        gate: Last activation of squeeze-and-excitation, ``"hardsigmoid"`` or ``"sigmoid"``.
        stochastic_depth: Probability that the last layer's branch is skipped in training; it grows linearly
            from 0 in the first layer on.
        dropout: Probability that a feature of the classifier is dropped in training.
        seed: Determines the weights. By default they come from PyTorch's global generator.

    Returns:
        The module, in training mode, on the CPU.

    Raises:
        ValueError: An argument is not one of its options or out of range.
    """
    choose(activation, _ACTIVATIONS, "activation")
    choose(gate, _GATES, "gate")
    if stem_stride not in (1, 2):
        raise ValueError(f"stem_stride must be 1 or 2, got {stem_stride!r}")
    classes, in_channels = integer(classes, 1, "classes"), integer(in_channels, 1, "in_channels")
    for name, probability in (("stochastic_depth", stochastic_depth), ("dropout", dropout)):
        if not 0 <= probability < 1:
            raise ValueError(f"{name} must be a probability below 1, got {probability!r}")
    if not 0 < width < float("inf"):
        raise ValueError(f"width must be a positive number, got {width!r}")

    act, se_gate = _ACTIVATIONS[activation], _GATES[gate]
    channels = [_scaled(c, width) for c in CHANNELS]
    head_channels = _scaled(HEAD_CHANNELS, width)
    with seeded("weights", seed) if seed is not None else nullcontext():
        return Network(
            stem=ConvNorm(in_channels, channels[0], 3, stem_stride, activation=act),
            layers=_layers(architecture, channels, act, se_gate, stochastic_depth),
            head=ConvNorm(channels[-1], head_channels, 1, activation=act),
            classifier=Classifier(head_channels, classes, dropout),
        )


class Network(nn.Module):
    """Stem, layers of all blocks, head, classifier.

    Images (n, in_channels, height, width) become logits (n, classes).
    """

    def __init__(self, stem: nn.Module, layers: list[Layer], head: nn.Module, classifier: nn.Module) -> None:
        super().__init__()
        self.stem = stem
        self.layers = nn.Sequential(*layers)
        self.head = head
        self.classifier = classifier

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.head(self.layers(self.stem(images))))
        return logits


class ConvNorm(nn.Sequential):
    """A convolution without bias, batch normalisation, and an activation unless it is None."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        activation: Module | None = None,
    ) -> None:
        conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=(kernel - 1) // 2, groups=groups, bias=False)
        nn.init.kaiming_normal_(conv.weight, mode="fan_out")
        norm = nn.BatchNorm2d(outputs, eps=1e-5, momentum=0.1)
        super().__init__(conv, norm, *([activation()] if activation else []))


class SqueezeExcitation(nn.Module):
    """Scales each channel by a gate computed from the means of all (Hu et al. 2018, https://arxiv.org/abs/1709.01507)."""

    def __init__(self, channels: int, squeezed: int, activation: Module, gate: Module) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.activation = activation()
        self.excite = nn.Conv2d(squeezed, channels, 1)
        self.gate = gate()
        for conv in (self.squeeze, self.excite):
            nn.init.kaiming_normal_(conv.weight, mode="fan_out")
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        means = features.mean((2, 3), keepdim=True)
        scale: Tensor = self.gate(self.excite(self.activation(self.squeeze(means))))
        return features * scale


class StochasticDepth(nn.Module):
    """Drops whole images of a branch in training, and scales the rest (Huang et al. 2016, https://arxiv.org/abs/1603.09382)."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.keep = 1 - probability

    def forward(self, branch: Tensor) -> Tensor:
        if not self.training or self.keep == 1:
            return branch
        kept = branch.new_empty(len(branch), 1, 1, 1).bernoulli_(self.keep)
        return branch * (kept / self.keep)


class Layer(nn.Module):
    """An inverted bottleneck: expand, convolve each channel, squeeze-and-excite, project.

    Its input is added to the result where the shapes agree.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        expansion: int,
        kernel: int,
        stride: int,
        se: bool,
        drop: float,
        activation: Module,
        gate: Module,
    ) -> None:
        super().__init__()
        expanded = inputs * expansion
        parts: list[nn.Module] = []
        if expansion != 1:
            parts.append(ConvNorm(inputs, expanded, 1, activation=activation))
        parts.append(ConvNorm(expanded, expanded, kernel, stride, groups=expanded, activation=activation))
        if se:
            parts.append(SqueezeExcitation(expanded, max(1, inputs // 4), activation, gate))
        parts.append(ConvNorm(expanded, outputs, 1))
        self.branch = nn.Sequential(*parts)
        self.residual = stride == 1 and inputs == outputs
        self.stochastic_depth = StochasticDepth(drop if self.residual else 0.0)

    def forward(self, features: Tensor) -> Tensor:
        branch: Tensor = self.branch(features)
        return features + self.stochastic_depth(branch) if self.residual else branch


class Classifier(nn.Sequential):
    """Mean over all places, dropout, and one linear layer."""

    def __init__(self, channels: int, classes: int, dropout: float) -> None:
        linear = nn.Linear(channels, classes)
        bound = classes**-0.5
        nn.init.uniform_(linear.weight, -bound, bound)
        nn.init.zeros_(linear.bias)
        super().__init__(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), linear)


def _layers(
    architecture: Architecture, channels: list[int], activation: Module, gate: Module, stochastic_depth: float
) -> list[Layer]:
    """The layers of all blocks; only the first of a block changes channels and size."""
    total = sum(architecture.layers)
    layers: list[Layer] = []
    for block in range(N_BLOCKS):
        for position in range(architecture.layers[block]):
            layer = Layer(
                channels[block + (position > 0)],
                channels[block + 1],
                expansion=architecture.expansion[block],
                kernel=architecture.kernel[block],
                stride=STRIDES[block] if position == 0 else 1,
                se=architecture.se[block],
                drop=stochastic_depth * len(layers) / total,
                activation=activation,
                gate=gate,
            )
            layers.append(layer)
    return layers


def _scaled(channels: int, width: float) -> int:
    """The nearest multiple of 8 to ``channels * width``, at least 8; the next one if that takes more than 10 %."""
    wanted = channels * width
    rounded = max(8, int(wanted / 8 + 0.5) * 8)
    return rounded if rounded >= 0.9 * wanted else rounded + 8
