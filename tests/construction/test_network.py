"""Networks against the closed forms, the published EfficientNet-B0, and what their definition says."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from anb_gym import complexity
from anb_gym.construction.network import Layer, Network, StochasticDepth, build_network
from anb_gym.space import EFFICIENTNET_B0, SPACE, Architecture

SMALLEST = Architecture.from_index(0)
SAMPLE = [EFFICIENTNET_B0, SMALLEST, Architecture.from_index(SPACE.size - 1)]
SAMPLE += [Architecture.from_choices(choices) for choices in SPACE.sample(12, np.random.default_rng(0))]


def without_memory(architecture: Architecture, **options: Any) -> Network:
    with torch.device("meta"):
        return build_network(architecture, **options).eval()


@pytest.mark.parametrize("architecture", SAMPLE, ids=str)
def test_equals_the_closed_forms(architecture: Architecture) -> None:
    network = without_memory(architecture)
    with FlopCounterMode(display=False) as counter:
        network(torch.empty(1, 3, complexity.RESOLUTION, complexity.RESOLUTION, device="meta"))
    assert sum(p.numel() for p in network.parameters()) == complexity.params(architecture)[0]
    assert counter.get_total_flops() == 2 * complexity.macs(architecture)[0]


def test_efficientnet_b0_as_published() -> None:
    """5,288,548 parameters: Tan and Le 2019, and torchvision's and timm's models."""
    network = without_memory(EFFICIENTNET_B0, activation="silu", gate="sigmoid")
    assert sum(p.numel() for p in network.parameters()) == 5_288_548
    kinds = {type(module) for module in network.modules()}
    assert {nn.SiLU, nn.Sigmoid} <= kinds
    assert not {nn.ReLU, nn.Hardsigmoid} & kinds


@pytest.mark.parametrize(("stem_stride", "side"), [(1, 2), (2, 1)])
def test_options_change_the_shapes(stem_stride: int, side: int) -> None:
    network = build_network(SMALLEST, width=0.25, stem_stride=stem_stride, classes=10, in_channels=1, seed=0).eval()
    images = torch.rand(2, 1, 32, 32)
    assert network.head(network.layers(network.stem(images))).shape == (2, 320, side, side)
    assert network(images).shape == (2, 10)


@pytest.mark.parametrize(
    ("width", "expected"),
    [(1.0, [32, 16, 24, 40, 80, 112, 192, 320]), (0.25, [8, 8, 8, 16, 24, 32, 48, 80]), (0.01, [8] * 8)],
)
def test_width_rounds_to_multiples_of_8_and_takes_at_most_10_percent(width: float, expected: list[int]) -> None:
    network = without_memory(SMALLEST, width=width)
    outputs = [module.out_channels for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert [outputs[0], *outputs[2:-1:2]] == expected


def test_weights_follow_their_definition() -> None:
    network = build_network(EFFICIENTNET_B0, seed=0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert (module.eps, module.momentum) == (1e-5, 0.1)
        if isinstance(module, nn.Conv2d):
            expected = (2 / (module.out_channels * module.kernel_size[0] ** 2)) ** 0.5
            assert module.weight.std().item() == pytest.approx(expected, rel=5 / module.weight.numel() ** 0.5)
            assert module.bias is None or not module.bias.any()
        if isinstance(module, nn.Linear):
            bound = 1000**-0.5
            assert module.weight.abs().max() <= bound
            assert module.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.01)


def test_seed_determines_the_weights_and_disturbs_no_generator() -> None:
    before = torch.get_rng_state()
    first, second, other = (build_network(SMALLEST, width=0.1, seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["stem.0.weight"], other["stem.0.weight"])


def test_stochastic_depth_grows_from_layer_to_layer() -> None:
    layers = [m for m in without_memory(EFFICIENTNET_B0, stochastic_depth=0.2).layers if isinstance(m, Layer)]
    assert [layer.residual for layer in layers] == [False, *[False, True] * 2, *[False, True, True] * 2, False] + (
        [True] * 3 + [False]
    )
    for position, layer in enumerate(layers):
        drop = 1 - layer.stochastic_depth.keep
        assert drop == pytest.approx(0.2 * position / 16 if layer.residual else 0.0)


def test_stochastic_depth_drops_whole_images_and_keeps_the_mean() -> None:
    module, branch = StochasticDepth(0.25), torch.ones(4000, 2, 3, 3)
    torch.manual_seed(0)
    result = module(branch)
    per_image = result.flatten(1)
    assert (per_image == per_image[:, :1]).all()
    assert {round(v, 4) for v in per_image[:, 0].tolist()} == {0.0, round(4 / 3, 4)}
    assert result.mean().item() == pytest.approx(1, abs=0.03)
    assert torch.equal(module.eval()(branch), branch)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "gelu"}, "activation must be one of 'relu', 'silu', got 'gelu'"),
        ({"gate": "relu"}, "gate must be one of 'hardsigmoid', 'sigmoid', got 'relu'"),
        ({"stem_stride": 3}, "stem_stride must be 1 or 2, got 3"),
        ({"classes": 0}, "classes must be an integer of at least 1, got 0"),
        ({"in_channels": 0}, "in_channels must be an integer of at least 1, got 0"),
        ({"width": 0.0}, "width must be a positive number, got 0.0"),
        ({"width": float("nan")}, "width must be a positive number, got nan"),
        ({"stochastic_depth": 1.0}, "stochastic_depth must be a probability below 1, got 1.0"),
        ({"dropout": -0.1}, "dropout must be a probability below 1, got -0.1"),
    ],
    ids=str,
)
def test_invalid_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_network(SMALLEST, **options)
