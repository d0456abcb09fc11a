"""Time of every layer on a device, from a few physical parameters, folded to tables over blocks.

A layer is up to five operations: expansion, depthwise convolution, squeeze-and-excitation, projection and the residual
sum. An operation's time is a soft roofline (Williams, Waterman and Patterson 2009,
https://doi.org/10.1145/1498765.1498785), ``(compute^p + memory^p)^(1/p)``, and the launch of a kernel:

* compute: multiply-accumulates at a rate that depends on the kind (dense, depthwise 3x3 and 5x5), channels rounded up
  to the width of the device's array (Jouppi et al. 2017, https://arxiv.org/abs/1704.04760), and longer by a factor
  ``1 + half / outputs`` where there are too few outputs, rounded up as well, to fill the device;
* memory: activations and weights moved; those of tensors that do not fit on the chip cost more;
* squeeze-and-excitation: a pass over the expanded tensor with its own cost, and a fixed cost for its small layers.

What a layer costs depends on its own block only, whose input has fixed channels and sides. So a network's time is a
sum over blocks, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._types import FloatArray
from anb_gym.complexity import CHANNELS, RESOLUTION, STRIDES
from anb_gym.space import EXPANSIONS, KERNELS, LAYERS, N_BLOCKS, SPACE, SQUEEZE_EXCITATION
from anb_gym.surrogates.tables import layout

#: Names of the parameters, in their order. All are natural logarithms. Those up to ``constant`` are weights: the time
#: of all such work in a network, averaged over the space and relative to the other weights, before the roofline.
PARAMETERS: Final = (
    "dense",  # multiply-accumulates of 1x1 convolutions
    "depthwise",  # multiply-accumulates of depthwise convolutions
    "activations",  # elements read and written by convolutions and residual sums
    "weights",  # elements of weights read
    "launches",  # operations started
    "se_pass",  # elements of tensors that squeeze-and-excitation passes over
    "se_launches",  # squeeze-and-excitations
    "constant",  # stem, head and whatever a network costs besides its layers
    "kernel",  # what a 5x5 costs beyond a 3x3, relative to what its multiply-accumulates say
    "capacity",  # elements of the largest tensor that stays on the chip
    "spill",  # extra cost of an element of a tensor that does not stay, relative to one that does
    "se_spill",  # the same in squeeze-and-excitation
    "half",  # outputs of an operation at which half of the device is busy
    "overlap",  # p - 1 of the roofline
    "host",  # seconds that the host needs for an image, relative to the device's mean
)
#: Widths that channels are rounded up to.
WIDTHS: Final = (1, 16, 32, 64, 128)
#: Kinds of operations whose time deviates block by block and expansion by expansion.
KINDS: Final = ("dense", "depthwise", "se")
#: Shape of the deviations of one device.
DEVIATIONS: Final = (len(KINDS), N_BLOCKS, len(EXPANSIONS))
#: Where the states of each block begin among those of all blocks, ``int64`` (7,): with it added, states are positions.
STARTS: Final = layout(1).offsets
#: Width of the step from tensors that fit to tensors that do not, in the logarithm of elements.
_STEP: Final = 0.25


@dataclass(frozen=True)
class Layers:
    """All different layers of the space, in columns ``float64`` (layers,) unless said otherwise.

    Attributes:
        block: The block, ``int64``.
        first: Whether it is the block's first layer.
        expansion: Position in :data:`~anb_gym.space.EXPANSIONS`, ``int64``.
        kernel: Kernel size.
        se: Whether it has squeeze-and-excitation.
        side_in: Side of the input in pixels.
        side: Side of the output.
        inputs: Input channels.
        expanded: Channels after the expansion.
        outputs: Output channels.
    """

    block: NDArray[np.int64]
    first: NDArray[np.bool_]
    expansion: NDArray[np.int64]
    kernel: FloatArray
    se: FloatArray
    side_in: FloatArray
    side: FloatArray
    inputs: FloatArray
    expanded: FloatArray
    outputs: FloatArray


@cache
def layers() -> Layers:
    """The 168 different layers: block, whether it is the first, expansion, kernel and squeeze-and-excitation."""
    choices = (range(len(EXPANSIONS)), range(len(KERNELS)), range(len(SQUEEZE_EXCITATION)))
    grid = np.array(list(product(range(N_BLOCKS), (1, 0), *choices)), dtype=np.int64)
    block, first, expansion, kernel, se = grid.T
    sides = RESOLUTION / 2 / np.cumprod([1, *STRIDES])
    channels = np.array(CHANNELS, dtype=np.float64)
    inputs = np.where(first, channels[block], channels[block + 1])
    return Layers(
        block=block,
        first=first.astype(np.bool_),
        expansion=expansion,
        kernel=np.array(KERNELS, dtype=np.float64)[kernel],
        se=se.astype(np.float64),
        side_in=np.where(first, sides[block], sides[block + 1]),
        side=sides[block + 1],
        inputs=inputs,
        expanded=inputs * np.array(EXPANSIONS, dtype=np.float64)[expansion],
        outputs=channels[block + 1],
    )


@cache
def _folding() -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
    """For each of the 264 block states: its first layer, its other layers, and how many of these there are."""
    first, other, repeats = [], [], []
    for block in range(N_BLOCKS):
        options = product(range(len(EXPANSIONS)), range(len(KERNELS)), LAYERS[block], range(len(SQUEEZE_EXCITATION)))
        for expansion, kernel, count, se in options:
            within = (expansion * len(KERNELS) + kernel) * len(SQUEEZE_EXCITATION) + se
            size = len(EXPANSIONS) * len(KERNELS) * len(SQUEEZE_EXCITATION)
            first.append(2 * block * size + within)
            other.append((2 * block + 1) * size + within)
            repeats.append(count - 1)
    return np.array(first), np.array(other), np.array(repeats, dtype=np.float64)


def fold(times: FloatArray) -> FloatArray:
    """Times of blocks (..., 264), one block's states after the other's, from times of layers (..., 168)."""
    first, other, repeats = _folding()
    return times[..., first] + repeats * times[..., other]


def mean(tables: FloatArray) -> FloatArray:
    """Mean over the space (...,) of sums of block tables (..., 264)."""
    total: FloatArray = (np.add.reduceat(tables, STARTS, axis=-1) / SPACE.block_sizes).sum(axis=-1)
    return total


@cache
def _means() -> dict[str, float]:
    """Mean of each kind of work over the space, in its own unit."""
    at = layers()
    expands = at.expansion > 0
    area, area_in = at.side**2, at.side_in**2
    work = {
        "dense": expands * at.inputs * at.expanded * area_in + at.expanded * at.outputs * area,
        "depthwise": at.expanded * at.kernel**2 * area,
        "activations": expands * (at.inputs + at.expanded) * area_in
        + at.expanded * (area_in + 2 * area)
        + at.outputs * area * np.where(at.first, 1, 2),
        "weights": expands * at.inputs * at.expanded + at.expanded * (at.kernel**2 + at.outputs),
        "launches": 2.0 + expands,
        "se_pass": at.se * at.expanded * area,
        "se_launches": at.se,
    }
    return {name: float(mean(fold(np.asarray(quantity, dtype=np.float64)))) for name, quantity in work.items()}


def layer_times(parameters: FloatArray, width: NDArray[np.int64], deviations: FloatArray) -> FloatArray:
    """Time of each of the 168 layers on several devices.

    Args:
        parameters: Values of :data:`PARAMETERS`, ``float64`` (n, 15).
        width: One of :data:`WIDTHS` a device, ``int64`` (n,).
        deviations: Logarithms of the factors of each kind of operation, block and expansion, ``float64`` (n, 3, 7, 3).

    Returns:
        Times in the unit of the weights, ``float64`` (n, 168), positive.
    """
    at, means = layers(), _means()
    value = {name: np.exp(parameters[:, i, None]) for i, name in enumerate(PARAMETERS)}
    unit = {name: value[name] / amount for name, amount in means.items()}
    width = width[:, None]
    factor = np.exp(deviations[:, :, at.block, at.expansion])
    sharpness = 1.0 + value["overlap"]

    def padded(channels: FloatArray) -> FloatArray:
        return np.ceil(channels / width) * width

    def moved(elements: FloatArray, extra: FloatArray) -> FloatArray:
        outside = 1.0 / (1.0 + (value["capacity"] / elements) ** (1.0 / _STEP))
        return elements * (1.0 + extra * outside)

    def operation(compute: FloatArray, outputs: FloatArray, elements: FloatArray, weights: FloatArray) -> FloatArray:
        compute = compute * (1.0 + value["half"] / outputs)
        memory = unit["activations"] * elements + unit["weights"] * weights
        return roofline(compute, memory, sharpness) + unit["launches"]

    area, area_in, spill = at.side**2, at.side_in**2, value["spill"]
    tensor_in, wide_in = moved(at.inputs * area_in, spill), moved(at.expanded * area_in, spill)
    wide, tensor = moved(at.expanded * area, spill), moved(at.outputs * area, spill)
    inputs, expanded, outputs = padded(at.inputs), padded(at.expanded), padded(at.outputs)
    expand = operation(
        unit["dense"] * inputs * expanded * area_in,
        expanded * area_in,
        tensor_in + wide_in,
        at.inputs * at.expanded,
    )
    project = operation(
        unit["dense"] * expanded * outputs * area, outputs * area, wide + tensor, at.expanded * at.outputs
    )
    taps = KERNELS[0] ** 2 + value["kernel"] * (at.kernel**2 - KERNELS[0] ** 2)
    depthwise = operation(
        unit["depthwise"] * expanded * taps * area,
        expanded * area,
        wide_in + wide,
        at.expanded * at.kernel**2,
    )
    squeeze = unit["se_pass"] * moved(at.expanded * area, value["se_spill"]) + unit["se_launches"]
    residual = unit["activations"] * tensor * ~at.first
    dense = (at.expansion > 0) * expand + project
    return dense * factor[:, 0] + depthwise * factor[:, 1] + at.se * squeeze * factor[:, 2] + residual


def roofline(compute: FloatArray, memory: FloatArray, sharpness: FloatArray | float) -> FloatArray:
    """Soft maximum of two positive times: their sum at sharpness 1, the larger as it grows."""
    larger = np.maximum(compute, memory)
    time: FloatArray = larger * (1.0 + (np.minimum(compute, memory) / larger) ** sharpness) ** (1.0 / sharpness)
    return time


def block_times(parameters: FloatArray, width: NDArray[np.int64], deviations: FloatArray) -> FloatArray:
    """Time of each block state on several devices; the constant is part of the first block's.

    Args:
        parameters: As in :func:`layer_times`.
        width: As in :func:`layer_times`.
        deviations: As in :func:`layer_times`.

    Returns:
        Times in the unit of the weights, ``float64`` (n, 264), positive. Those of more layers, of larger kernels and of
        squeeze-and-excitation are never shorter, and without deviations those of larger expansions.
    """
    times = fold(layer_times(parameters, width, deviations))
    times[:, : SPACE.block_sizes[0]] += np.exp(parameters[:, PARAMETERS.index("constant"), None])
    return times
