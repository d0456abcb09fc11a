"""A network as plain data, for programs that cannot import this package."""

from __future__ import annotations

import operator
from typing import Any, Final

import torch
from torch import fx, nn

#: Kinds of layers and the arguments that make one.
_LAYERS: Final[dict[type[nn.Module], tuple[str, ...]]] = {
    nn.Conv2d: ("in_channels", "out_channels", "kernel_size", "stride", "padding", "groups"),
    nn.BatchNorm2d: ("num_features", "eps"),
    nn.ReLU: (),
    nn.SiLU: (),
    nn.Sigmoid: (),
    nn.Hardsigmoid: (),
    nn.AdaptiveAvgPool2d: ("output_size",),
    nn.Flatten: (),
    nn.Linear: ("in_features", "out_features"),
}
_FUNCTIONS: Final = {operator.add: "add", torch.add: "add", operator.mul: "mul", torch.mul: "mul"}


def to_nodes(network: nn.Module) -> list[dict[str, Any]]:
    """The layers and operations of a network in evaluation mode, in order.

    Args:
        network: A network of :func:`anb_gym.construction.network.build_network`, in evaluation mode.

    Returns:
        One JSON object per node: ``name``, ``kind`` (``"module"`` or ``"function"``), ``type``, ``arguments`` and
        ``inputs``, the names of earlier nodes or ``"images"``.

    Raises:
        ValueError: The network has a layer or an operation that is not in this list.
    """
    graph = fx.symbolic_trace(network).graph
    names: dict[fx.Node, str] = {}
    nodes: list[dict[str, Any]] = []
    for node in graph.nodes:
        if node.op == "placeholder":
            names[node] = "images"
        elif node.op == "output":
            continue
        elif node.op == "call_module" and isinstance(layer := network.get_submodule(node.target), nn.Dropout):
            names[node] = names[node.args[0]]  # does nothing in evaluation mode
        else:
            described = _layer(layer) if node.op == "call_module" else _operation(node)
            inputs = [names[part] for part in node.args if isinstance(part, fx.Node)]
            names[node] = node.name
            nodes.append({"name": node.name, **described, "inputs": inputs})
    return nodes


def _layer(layer: nn.Module) -> dict[str, Any]:
    if type(layer) not in _LAYERS:
        raise ValueError(f"network must have layers of {', '.join(t.__name__ for t in _LAYERS)}, got {layer}")
    arguments = {name: getattr(layer, name) for name in _LAYERS[type(layer)]}
    if isinstance(layer, nn.Conv2d | nn.Linear):
        arguments["bias"] = layer.bias is not None
    return {"kind": "module", "type": type(layer).__name__, "arguments": arguments}


def _operation(node: fx.Node) -> dict[str, Any]:
    if node.op == "call_function" and node.target in _FUNCTIONS:
        name = _FUNCTIONS[node.target]
    elif node.op == "call_method" and node.target == "mean" and tuple(node.args[1:]) == ((2, 3),):
        name = "mean"
    else:
        raise ValueError(f"network must have operations add, mul and mean over places, got {node.format_node()}")
    return {"kind": "function", "type": name, "arguments": {}}
