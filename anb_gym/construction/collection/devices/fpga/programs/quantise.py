"""Quantises a network to 8 bits with Vitis AI's pytorch_nndct; runs in the vendor's container.

The container has an older Python (3.7 or 3.8) and PyTorch than this package, so this file needs nothing else.
Usage: quantise.py NETWORK.json FOLDER RESOLUTION CALIBRATION_IMAGES. Writes FOLDER/Network_int.xmodel.
"""

from __future__ import annotations

import json
import operator
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn

FUNCTIONS = {"add": operator.add, "mul": operator.mul}


class Network(nn.Module):
    """A network made of the nodes that anb_gym writes, with random weights: speed does not depend on them."""

    def __init__(self, nodes: list[dict[str, Any]]) -> None:
        super().__init__()
        self.nodes = nodes
        self.parts = nn.ModuleDict()
        for node in nodes:
            if node["kind"] == "module":
                self.parts[node["name"]] = getattr(nn, node["type"])(**node["arguments"])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Runs the nodes in order; the last one's value is the result."""
        values = {"images": images}
        for node in self.nodes:
            inputs = [values[name] for name in node["inputs"]]
            if node["kind"] == "module":
                result = self.parts[node["name"]](*inputs)
            elif node["type"] == "mean":
                result = torch.mean(inputs[0], dim=(2, 3), keepdim=True)
            else:
                result = FUNCTIONS[node["type"]](*inputs)
            images = values[node["name"]] = result
        return images


def main(network_file: str, folder: str, resolution: int, calibration_images: int) -> None:
    """Calibrates on random images, then exports."""
    torch.manual_seed(0)
    network = Network(json.loads(Path(network_file).read_text())).eval()
    quantizer = import_module("pytorch_nndct.apis").torch_quantizer
    image = torch.randn(1, 3, resolution, resolution)
    for mode in ("calib", "test"):
        tool = quantizer(mode, network, (image,), output_dir=folder, device=torch.device("cpu"))
        with torch.no_grad():
            for _ in range(calibration_images if mode == "calib" else 1):
                tool.quant_model(torch.randn(1, 3, resolution, resolution))
        if mode == "calib":
            tool.export_quant_config()
        else:
            tool.export_xmodel(output_dir=folder, deploy_check=False)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
